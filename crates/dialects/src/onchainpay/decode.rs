//! What requests of `OnchainPay`'s API mean.

use domain::{
    catalog::{Asset, Catalog},
    command::{ApprovalRequest, Asked, CreatePayout, Least, Nonce, Refusal, Source},
    ids::{DialectId, TxId},
    money::Decimal,
    payout::{self, Status, Verdict},
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

/// How much is kept of the name that a program gives itself.
const USER_AGENT_CHARACTERS_MAX: usize = 255;

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

/// Reads a request for a withdrawal that is exchanged. Its nonce is added by whoever has it.
pub(super) fn create(
    dialect: &'static str,
    request: &Request<'_>,
    fields: &Fields,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<CreatePayout, Refusal> {
    let address = fields.required("address")?.to_owned();
    let asset = asset(fields, context.catalog)?;
    let mut note = Note {
        client_id: words(fields, "requestedClientId")?.map(str::to_owned),
        currency: fields.filled("requestedCurrency")?.map(str::to_ascii_uppercase),
        amount: sum(fields, "requestedAmount")?.map(|it| it.to_string()),
        ..Note::default()
    };
    let asked = asked(fields, asset, &mut note)?;
    let insured = !matches!(asked, Asked::Spend(_));
    let (merchant, dialect) = (caller.merchant.id, DialectId::new(dialect));
    let create =
        CreatePayout::new(context.payout_id, merchant, dialect, asset.id.clone(), asked, address);
    let settings = context.settings;
    let least =
        Least { more_than_usd: settings.more_than_usd, network_fees: settings.network_fees };
    Ok(CreatePayout {
        public_ids: vec![identity::uuid_at(context.random, context.now)],
        key: Some(caller.key.id),
        idempotency_key: http::idempotency_key(request)?,
        bearer: bearer(fields)?,
        source: Source::Configured,
        insured,
        least,
        approval: approval(fields, &note, caller, context)?,
        memo: memo(fields)?,
        webhook: webhook(fields)?,
        note: note.text(),
        ..create
    })
}

/// Reads how much is asked for: what is spent, or else what is bought, or else what a wish is worth.
fn asked(fields: &Fields, asset: &Asset, note: &mut Note) -> Result<Asked, Refusal> {
    if let Some(spent) = sum(fields, "amountFrom")? {
        note.amount_from = Some(spent.to_string());
        return Ok(Asked::Spend(spent));
    }
    if let Some(amount) = given(fields, "amountTo") {
        return Ok(Asked::Exact(amount.amount(asset.decimals)?));
    }
    match (&note.currency, sum(fields, "requestedAmount")?) {
        (Some(currency), Some(amount)) => Ok(Asked::Worth { currency: currency.clone(), amount }),
        (Some(_), None) => Err(Refusal::MissingField { field: "requestedAmount" }),
        (None, _) => Err(Refusal::MissingField { field: "amountFrom" }),
    }
}

fn bearer(fields: &Fields) -> Result<FeeBearer, Refusal> {
    match fields.get("feeInAmount") {
        Some(Value::Bool(true)) => Ok(FeeBearer::Merchant),
        None | Some(Value::Bool(false)) => Ok(FeeBearer::Recipient),
        Some(Value::Null | Value::Number(_) | Value::Text(_) | Value::Texts(_) | Value::Nested) => {
            Err(invalid("feeInAmount", "must be a boolean"))
        }
    }
}

/// Reads whether somebody must approve it: whoever gives an address for the question, and whoever
/// names a user, if the merchant has agreed on an address.
fn approval(
    fields: &Fields,
    note: &Note,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<Option<ApprovalRequest>, Refusal> {
    let given = url(fields, "approveUrl")?.or(url(fields, "approvalUrl")?);
    let agreed = || context.book.merchant(&caller.merchant.name).approval_url.clone();
    let agreed = note.client_id.as_ref().and_then(|_| agreed());
    Ok(given.or(agreed).map(|url| ApprovalRequest { url: Some(url) }))
}

/// A value that is there and no empty text.
fn given<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|it| **it != Value::Text(String::new()))
}

/// Reads a sum in a currency that is not known yet.
fn sum(fields: &Fields, name: &str) -> Result<Option<Decimal>, Refusal> {
    given(fields, name).map(Value::decimal).transpose()
}

/// Reads a text, or a number as it is written.
fn words<'a>(fields: &'a Fields, name: &'static str) -> Result<Option<&'a str>, Refusal> {
    match fields.get(name) {
        Some(Value::Number(text)) if text.len() <= fields.characters_max(name) => Ok(Some(text)),
        Some(_) | None => fields.filled(name),
    }
}

fn url(fields: &Fields, name: &'static str) -> Result<Option<String>, Refusal> {
    let url = fields.filled(name)?;
    if url.is_some_and(|it| !http::is_webhook_url(it)) {
        return Err(invalid(name, "must be an http or https address"));
    }
    Ok(url.map(str::to_owned))
}

/// Reads where a withdrawal's states are told.
pub(super) fn webhook(fields: &Fields) -> Result<Option<payout::Webhook>, Refusal> {
    Ok(url(fields, "webhookUrl")?.map(|url| payout::Webhook { url, on: TOLD.to_vec() }))
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

/// Reads an answer to the question whether a withdrawal may be paid.
pub(super) fn verdict(
    request: &Request<'_>,
    fields: &Fields,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<Verdict, Refusal> {
    let approve = match fields.get("approve") {
        Some(Value::Bool(approve)) => *approve,
        None => return Err(Refusal::MissingField { field: "approve" }),
        Some(Value::Null | Value::Number(_) | Value::Text(_) | Value::Texts(_) | Value::Nested) => {
            return Err(invalid("approve", "must be a boolean"));
        }
    };
    let agent = request.header("user-agent").unwrap_or_default();
    Ok(Verdict {
        approve,
        key: Some(caller.key.id),
        key_public: caller.key.lookup.clone(),
        ip: request.client.map(|it| it.to_string()).unwrap_or_default(),
        user_agent: agent.chars().take(USER_AGENT_CHARACTERS_MAX).collect(),
        at: context.now,
    })
}

/// Reads the identifier of a transaction. Hexadecimal ones that begin with `0x` are kept in small
/// letters.
pub(super) fn txid(fields: &Fields) -> Result<TxId, Refusal> {
    let text = fields.required("tx")?;
    let text = if text.starts_with("0x") { text.to_ascii_lowercase() } else { text.to_owned() };
    Ok(TxId::new(&text))
}
