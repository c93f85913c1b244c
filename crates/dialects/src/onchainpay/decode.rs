//! What requests of `OnchainPay`'s API mean.

use domain::{
    catalog::{Asset, Catalog},
    command::{Asked, CreatePayout, Nonce, Refusal},
    ids::DialectId,
    payout::{self, Status},
    quote::FeeBearer,
};

use super::{assets, wire::Note};
use crate::{
    Caller, Context, Request,
    fields::{Fields, Value},
    http, identity,
};

/// What merchants are told of; a transaction that got into a block is still being withdrawn.
pub(super) const TOLD: [Status; 4] =
    [Status::Sending, Status::Paid, Status::Failed, Status::Cancelled];

fn invalid(field: &'static str, detail: &str) -> Refusal {
    Refusal::InvalidField { field, detail: detail.to_owned() }
}

/// Reads the nonce: clients count, take the time, or draw lots, so nothing but its text matters.
pub(super) fn nonce(fields: &Fields, caller: &Caller) -> Result<Option<Nonce>, Refusal> {
    let text = match fields.get("nonce") {
        None if caller.key.lenient_nonce => return Ok(None),
        None => return Err(Refusal::NonceMissing),
        Some(Value::Number(text) | Value::Text(text)) => text,
        Some(Value::Null | Value::Bool(_) | Value::Texts(_) | Value::Nested) => {
            return Err(invalid("nonce", "must be a number or a string"));
        }
    };
    if !(1..=fields.characters_max("nonce")).contains(&text.chars().count()) {
        return Err(invalid("nonce", "must be 1 to 128 characters"));
    }
    Ok(Some(Nonce { key: caller.key.id, text: text.clone() }))
}

/// Reads a request for a withdrawal. Its nonce is added by whoever has it.
pub(super) fn create(
    dialect: &'static str,
    request: &Request<'_>,
    fields: &Fields,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<CreatePayout, Refusal> {
    let address = fields.required("address")?.to_owned();
    let asset = asset(fields, context.catalog)?;
    let given = |field| fields.get(field).filter(|it| **it != Value::Text(String::new()));
    let (amount, by_amount_to) = match (given("amountFrom"), given("amountTo")) {
        (Some(amount), _) => (amount, false),
        (None, Some(amount)) => (amount, true),
        (None, None) => return Err(Refusal::MissingField { field: "amountFrom" }),
    };
    let bearer = match fields.get("feeInAmount") {
        Some(Value::Bool(true)) => FeeBearer::Merchant,
        None | Some(Value::Bool(false)) => FeeBearer::Recipient,
        Some(Value::Null | Value::Number(_) | Value::Text(_) | Value::Texts(_) | Value::Nested) => {
            return Err(invalid("feeInAmount", "must be a boolean"));
        }
    };
    let url = fields.filled("webhookUrl")?;
    if url.is_some_and(|it| !http::is_webhook_url(it)) {
        return Err(invalid("webhookUrl", "must be an http or https address"));
    }
    let webhook = url.map(|url| payout::Webhook { url: url.to_owned(), on: TOLD.to_vec() });
    let note = Note { by_amount_to };
    let (merchant, dialect) = (caller.merchant.id, DialectId::new(dialect));
    let asked = Asked::Exact(amount.amount(asset.decimals)?);
    let create =
        CreatePayout::new(context.payout_id, merchant, dialect, asset.id.clone(), asked, address);
    Ok(CreatePayout {
        public_ids: identity::uuids(context.random),
        key: Some(caller.key.id),
        idempotency_key: http::idempotency_key(request)?,
        bearer,
        memo: memo(fields)?,
        webhook,
        note: serde_json::to_string(&note).expect("a note is plain data"),
        ..create
    })
}

/// Reads the memo, which goes by two names.
fn memo(fields: &Fields) -> Result<Option<String>, Refusal> {
    let tag = fields.filled("tag")?;
    let memo = fields.filled("memo")?;
    if tag.is_some() && memo.is_some() && tag != memo {
        return Err(invalid("memo", "must not differ from tag"));
    }
    Ok(tag.or(memo).map(str::to_owned))
}

/// Finds the asset that a request for a withdrawal names.
pub(super) fn asset<'a>(fields: &Fields, catalog: &'a Catalog) -> Result<&'a Asset, Refusal> {
    assets::find(catalog, fields.required("currency")?, fields.required("network")?)
}
