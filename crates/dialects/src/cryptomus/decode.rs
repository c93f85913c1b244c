//! What requests of Cryptomus's API mean.

use domain::{
    command::{Asked, CreatePayout, OnOtherContent, Refusal},
    ids::{DialectId, MerchantId},
    payout::{self, Status},
    ports::PayoutKey,
    quote::FeeBearer,
};

use super::{
    assets::{self, Coin},
    endpoints::PRIORITIES,
    wire::Note,
};
use crate::{
    Caller, Context,
    fields::{Fields, Value},
    http, identity,
};

const URL_CHARACTERS_MIN: usize = 6;

/// What merchants are told of.
pub(super) const TOLD: [Status; 4] =
    [Status::InBlock, Status::Paid, Status::Failed, Status::Cancelled];

/// A field that breaks a rule of the provider's validation, or that a documented message is about.
fn broken(field: &'static str, rule: &str) -> Refusal {
    Refusal::InvalidField { field, detail: rule.to_owned() }
}

/// Reads a text; an empty one counts as absent.
fn text<'a>(fields: &'a Fields, field: &'static str) -> Result<Option<&'a str>, Refusal> {
    let characters_max = fields.characters_max(field);
    match fields.get(field) {
        None => Ok(None),
        Some(Value::Text(text)) if text.is_empty() => Ok(None),
        Some(Value::Text(text)) if text.chars().count() > characters_max => {
            Err(broken(field, "validation.max.string"))
        }
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Texts(_) | Value::Nested) => {
            Err(broken(field, "validation.string"))
        }
    }
}

fn required<'a>(fields: &'a Fields, field: &'static str) -> Result<&'a str, Refusal> {
    text(fields, field)?.ok_or(Refusal::MissingField { field })
}

/// Reads a request for a payout.
pub(super) fn create(
    dialect: &'static str,
    fields: &Fields,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<CreatePayout, Refusal> {
    let amount = fields.get("amount").filter(|it| **it != Value::Text(String::new()));
    let amount = amount.ok_or(Refusal::MissingField { field: "amount" })?;
    let currency = required(fields, "currency")?;
    let order_id = required(fields, "order_id")?;
    if !order_id.chars().all(|it| it.is_alphanumeric() || matches!(it, '_' | '-')) {
        return Err(broken("order_id", "validation.alpha_dash"));
    }
    let address = required(fields, "address")?.to_owned();
    let bearer = is_subtract(fields)?;
    check_conversion(fields, currency)?;
    let Coin { asset, currency, network } = coin(fields, context)?;
    let priority = text(fields, "priority")?;
    if priority.is_some_and(|it| !PRIORITIES.contains(&it)) {
        return Err(broken("priority", "validation.in"));
    }
    let note =
        Note { currency, network: network.to_owned(), priority: priority.map(str::to_owned) };
    let url = text(fields, "url_callback")?;
    if url.is_some_and(|it| it.chars().count() < URL_CHARACTERS_MIN || !http::is_webhook_url(it)) {
        return Err(broken("url_callback", "validation.url"));
    }
    let webhook = url.map(|url| payout::Webhook { url: url.to_owned(), on: TOLD.to_vec() });
    let (merchant, dialect) = (caller.merchant.id, DialectId::new(dialect));
    let asked = Asked::Exact(amount.amount(asset.decimals)?);
    let create =
        CreatePayout::new(context.payout_id, merchant, dialect, asset.id.clone(), asked, address);
    Ok(CreatePayout {
        public_ids: identity::uuids(context.random),
        key: Some(caller.key.id),
        merchant_ref: Some(order_id.to_owned()),
        on_other_content: OnOtherContent::AnswerExisting,
        bearer,
        memo: text(fields, "memo")?.map(str::to_owned),
        webhook,
        note: serde_json::to_string(&note).expect("a note is plain text"),
        ..create
    })
}

/// Reads who bears the fees: `true` takes them from the balance, `false` out of the amount.
fn is_subtract(fields: &Fields) -> Result<FeeBearer, Refusal> {
    let word = match fields.get("is_subtract") {
        None => return Err(Refusal::MissingField { field: "is_subtract" }),
        Some(Value::Bool(true)) => "1",
        Some(Value::Bool(false)) => "0",
        Some(Value::Number(word) | Value::Text(word)) => word,
        Some(Value::Null | Value::Texts(_) | Value::Nested) => "",
    };
    match word {
        "1" => Ok(FeeBearer::Merchant),
        "0" => Ok(FeeBearer::Recipient),
        _ => Err(broken("is_subtract", "validation.boolean")),
    }
}

/// Refuses conversions, which this gateway does not make, in the provider's words for them.
fn check_conversion(fields: &Fields, currency: &str) -> Result<(), Refusal> {
    let to = text(fields, "to_currency")?;
    let from = text(fields, "from_currency")?;
    let other = |it: &&str| !it.eq_ignore_ascii_case(currency);
    if assets::is_fiat(currency) && to.is_none() {
        return Err(Refusal::MissingField { field: "to_currency" });
    }
    if let Some(to) = to.filter(other) {
        let known = assets::is_coin(to);
        let words =
            if known { "Error convert to_currency" } else { "Not found service to_currency" };
        return Err(broken("to_currency", words));
    }
    if from.is_some_and(|it| other(&it)) {
        return Err(broken("from_currency", "The service was not found"));
    }
    Ok(())
}

/// Finds the asset that a request for a payout names.
pub(super) fn coin<'a>(fields: &Fields, context: &Context<'a>) -> Result<Coin<'a>, Refusal> {
    let currency = required(fields, "currency")?;
    let network = text(fields, "network")?;
    assets::find(context.catalog, currency, network)
}

/// Reads which payout is meant; where both identifiers are given, `order_id` counts.
pub(super) fn payout_key(fields: &Fields, merchant: MerchantId) -> Result<PayoutKey, Refusal> {
    if let Some(order_id) = text(fields, "order_id")? {
        return Ok(PayoutKey::MerchantRef(merchant, order_id.to_owned()));
    }
    let uuid = required(fields, "uuid")?;
    Ok(PayoutKey::PublicId(identity::public_id(uuid)))
}
