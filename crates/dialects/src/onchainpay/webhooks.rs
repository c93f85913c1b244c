//! Webhooks: what is sent, under which name, and how it is shown afterwards.

use std::collections::BTreeMap;

use domain::{
    command::Refusal,
    delivery::{Delivery, DeliveryState},
    merchant::ApiKey,
    payout::Payout,
    ports::PayoutKey,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Value, value::RawValue};

use super::{
    PUBLIC_KEY,
    from_address::AddressWithdrawal,
    wire::{Note, Withdrawal},
};
use crate::{
    Context,
    identity::public_id,
    shown::{Shown, rfc3339},
};

/// The header with the name of a webhook: `webhooks/get` knows it by that.
pub(super) const WEBHOOK_ID: &str = "x-webhook-id";

/// What a webhook says: the withdrawal, in the form of the call that it was asked for with.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Told<'a> {
    /// One that is exchanged.
    Auto(Box<Withdrawal<'a>>),
    /// One from an address.
    FromAddress(Box<AddressWithdrawal<'a>>),
}

impl<'a> Told<'a> {
    /// Writes a withdrawal in its form.
    pub(super) fn new(shown: &Shown<'a>, context: &Context<'a>) -> Self {
        if Note::of(shown.payout).from_address {
            return Self::FromAddress(Box::new(AddressWithdrawal::new(shown)));
        }
        Self::Auto(Box::new(Withdrawal::new(shown, context)))
    }
}

/// The name of a webhook: the withdrawal's identifier, a hyphen, and the delivery's number.
pub(super) fn name(payout: &Payout, delivery: &Delivery) -> String {
    format!("{}-{}", payout.public_id, delivery.id.number)
}

/// Reads the name of a webhook.
///
/// # Errors
/// If it is none in the spelling that [`name`] has.
pub(super) fn parse_name(text: &str) -> Result<(PayoutKey, u16), Refusal> {
    let parsed = text.rsplit_once('-').and_then(|(payout, number)| {
        let parsed: u16 = number.parse().ok()?;
        (parsed.to_string() == number).then(|| (PayoutKey::PublicId(public_id(payout)), parsed))
    });
    parsed.ok_or(Refusal::NotFound)
}

/// The body of a webhook, as it was sent; null if that was not done yet.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct SentBody(Option<Box<RawValue>>);

impl SentBody {
    /// The last body of a delivery.
    pub(super) fn of(delivery: &Delivery) -> Self {
        Self(serde_json::from_slice(&delivery.body).ok())
    }
}

impl JsonSchema for SentBody {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SentBody".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let told = generator.subschema_for::<Told<'static>>();
        json_schema!({ "anyOf": [told, { "type": "null" }] })
    }
}

/// Everything about a webhook. What is not kept is null: the receiver's words, when the last try
/// was, and the signature.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = without_required)]
pub(super) struct WebhookBody<'a> {
    id: String,
    event: &'static str,
    event_id: &'a str,
    request_url: &'a str,
    request_headers: BTreeMap<&'static str, String>,
    request_body: String,
    response_code: Option<u16>,
    #[schemars(extend("enum" = ["SUCCESS", "ERROR", null]))]
    response_status: Option<&'static str>,
    response_body: Option<()>,
    sent_at: Option<()>,
    signature: Option<()>,
    api_key: Option<&'a str>,
    api_key_alias: Option<&'a str>,
    created_at: String,
    updated_at: String,
}

/// A caller may ask for some of the fields only.
fn without_required(schema: &mut Schema) {
    schema.remove("required");
}

impl<'a> WebhookBody<'a> {
    /// Writes what is known of a webhook.
    pub(super) fn new(payout: &'a Payout, delivery: &'a Delivery, key: Option<&'a ApiKey>) -> Self {
        let id = name(payout, delivery);
        let public = key.map(|it| (PUBLIC_KEY, it.lookup.clone()));
        let own = [("content-type", "application/json".to_owned()), (WEBHOOK_ID, id.clone())];
        let code = delivery.last_result.strip_prefix("HTTP ").and_then(|it| it.parse().ok());
        let status = match delivery.state {
            DeliveryState::Delivered => Some("SUCCESS"),
            DeliveryState::Due if delivery.tries == 0 => None,
            DeliveryState::Due | DeliveryState::GivenUp => Some("ERROR"),
        };
        Self {
            id,
            event: "WITHDRAWAL",
            event_id: &payout.public_id,
            request_url: &delivery.url,
            request_headers: own.into_iter().chain(public).collect(),
            request_body: String::from_utf8_lossy(&delivery.body).into_owned(),
            response_code: code,
            response_status: status,
            response_body: None,
            sent_at: None,
            signature: None,
            api_key: key.map(|it| it.lookup.as_str()),
            api_key_alias: key.map(|it| it.role.as_str()),
            created_at: rfc3339(delivery.occurred_at),
            updated_at: rfc3339(delivery.occurred_at),
        }
    }

    /// The fields of these names, or all if there are none.
    pub(super) fn only(&self, fields: &[&str]) -> Value {
        let mut value = serde_json::to_value(self).expect("it has text keys and no failing parts");
        if let Value::Object(map) = &mut value {
            map.retain(|name, _| fields.is_empty() || fields.contains(&name.as_str()));
        }
        value
    }
}
