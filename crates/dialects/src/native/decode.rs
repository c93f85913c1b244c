//! What requests of our own API for payouts and quotes mean.

use domain::{
    catalog::{Asset, Catalog},
    command::{ApprovalRequest, Asked, CreatePayout, Direction, Refusal, Source},
    ids::{DialectId, MerchantId, PayoutId},
    money::{Amount, Decimal},
    payout::{self, Priority, Status, Verdict},
    ports::PayoutKey,
};
use percent_encoding::percent_decode_str;

use super::{
    NAME, assets,
    figures::{self, PRIORITIES},
};
use crate::{
    Action, Caller, Context, Request,
    field::TEXT_CHARACTERS_MAX,
    fields::{Fields, Value},
    http, identity, token,
};

/// What a refusal blames for a field that does not exist; the answer names that field.
pub(super) const BODY: &str = "body";

/// What says that a payout is paid from its own asset, and that the account's settings say what
/// from. Neither is a ticker.
const OWN: &str = "own";
const CONFIGURED: &str = "configured";

/// Where a transfer goes.
pub(super) const DIRECTIONS: [&str; 2] = ["to_personal", "to_business"];

/// What merchants are told of: everything that happens after acceptance.
const TOLD: [Status; 5] =
    [Status::Sending, Status::InBlock, Status::Paid, Status::Failed, Status::Cancelled];

pub(super) fn invalid(field: &'static str, detail: &str) -> Refusal {
    Refusal::InvalidField { field, detail: detail.to_owned() }
}

fn required<'a>(fields: &'a Fields, field: &'static str) -> Result<&'a str, Refusal> {
    fields.text(field)?.ok_or(Refusal::MissingField { field })
}

fn refuse_unknown(fields: &Fields) -> Result<(), Refusal> {
    let unknown = fields.unknown().map(|name| format!("there is no field {name:?}"));
    unknown.map_or(Ok(()), |detail| Err(invalid(BODY, &detail)))
}

/// Reads a request for a payout.
pub(super) fn create(
    fields: &Fields,
    idempotency_key: Option<String>,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<CreatePayout, Refusal> {
    let address = |fields: &Fields| required(fields, "address").map(str::to_owned);
    let priced = priced(fields, address, caller, context)?;
    let merchant_ref = fields.text("merchant_ref")?.map(str::to_owned);
    if merchant_ref.as_ref().is_some_and(|it| it.is_empty() || it.contains(char::is_control)) {
        return Err(invalid("merchant_ref", "must not be empty or have control characters"));
    }
    if merchant_ref.is_none() && idempotency_key.is_none() {
        return Err(Refusal::MissingField { field: "merchant_ref" });
    }
    let url = url(fields, "webhook_url")?.or_else(|| caller.merchant.webhook_url.clone());
    let locked = fields.text("quote")?.map(|it| {
        let key = token::sealing_key(&caller.secret);
        token::open(it, &key).ok_or_else(|| invalid("quote", "must be the token of a quote"))
    });
    Ok(CreatePayout {
        public_ids: vec![identity::uuid_at(context.random, context.now)],
        merchant_ref,
        idempotency_key,
        approval: approval(fields)?,
        locked: locked.transpose()?,
        memo: fields.text("memo")?.map(str::to_owned),
        webhook: url.map(|url| payout::Webhook { url, on: TOLD.to_vec() }),
        ..priced
    })
}

/// Reads a request for a quote.
pub(super) fn quote(
    fields: &Fields,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<CreatePayout, Refusal> {
    priced(fields, |_| Ok(String::new()), caller, context)
}

/// Reads what prices a payout. What is wrong with the address is said where it always was: after
/// what is asked, before all names.
fn priced(
    fields: &Fields,
    address: impl Fn(&Fields) -> Result<String, Refusal>,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<CreatePayout, Refusal> {
    refuse_unknown(fields)?;
    let asset = asset(fields, context.catalog)?;
    let asked = asked(fields, asset)?;
    let bearer = fields.text("fee_bearer")?.unwrap_or("merchant");
    let bearer = figures::bearer(bearer);
    let address = address(fields)?;
    let (merchant, dialect) = (caller.merchant.id, DialectId::new(NAME));
    let course = rate_source(fields, &asked)?;
    let source = source(fields, &asked, context.catalog)?;
    let create =
        CreatePayout::new(context.payout_id, merchant, dialect, asset.id.clone(), asked, address);
    Ok(CreatePayout {
        key: Some(caller.key.id),
        bearer: bearer.ok_or_else(|| invalid("fee_bearer", "must be merchant or recipient"))?,
        source,
        course,
        insured: bool(fields, "insured")?.unwrap_or_default(),
        priority: priority(fields)?,
        ..create
    })
}

/// The fields of which one says how much.
const AMOUNTS: [&str; 3] = ["amount", "worth_amount", "spend_amount"];

/// Which field says how much, if one does.
pub(super) fn amount_field(fields: &Fields) -> Option<&'static str> {
    AMOUNTS.into_iter().find(|it| fields.get(it).is_some())
}

/// Reads how much is asked for, in exactly one of three ways.
fn asked(fields: &Fields, asset: &Asset) -> Result<Asked, Refusal> {
    let given = AMOUNTS.into_iter().filter(|it| fields.get(it).is_some());
    let given: Vec<&'static str> = given.collect();
    if let [_, second, ..] = *given {
        return Err(invalid(second, "give one of amount, worth_amount and spend_amount"));
    }
    let has_currency = fields.get("worth_currency").is_some();
    if has_currency && given != ["worth_amount"] {
        return Err(invalid("worth_currency", "is for worth_amount only"));
    }
    match given.first() {
        None => Err(Refusal::MissingField { field: "amount" }),
        Some(&"worth_amount") => {
            let amount = decimal(fields, "worth_amount")?;
            let currency = required(fields, "worth_currency")?;
            let is_code = |it: u8| it.is_ascii_uppercase() || it.is_ascii_digit();
            if currency.is_empty() || !currency.bytes().all(is_code) {
                return Err(invalid("worth_currency", "must be a code in capitals, like EUR"));
            }
            Ok(Asked::Worth { currency: currency.to_owned(), amount })
        }
        Some(&"spend_amount") => Ok(Asked::Spend(decimal(fields, "spend_amount")?)),
        Some(_) => match fields.get("amount") {
            Some(Value::Text(text)) => {
                Ok(Asked::Exact(Amount::parse(text, asset.decimals).map_err(Refusal::Amount)?))
            }
            None
            | Some(
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Texts(_) | Value::Nested,
            ) => Err(invalid("amount", "must be a string")),
        },
    }
}

/// Reads a sum that is not in the payout's asset.
fn decimal(fields: &Fields, field: &'static str) -> Result<Decimal, Refusal> {
    let text = required(fields, field)?;
    let amount = Decimal::parse(text).map_err(|why| invalid(field, &why.to_string()))?;
    if amount.is_zero() { Err(invalid(field, "must be more than nothing")) } else { Ok(amount) }
}

/// Reads who tells the prices of a sum in another currency.
fn rate_source(fields: &Fields, asked: &Asked) -> Result<Option<String>, Refusal> {
    let Some(name) = fields.text("rate_source")? else { return Ok(None) };
    match asked {
        Asked::Worth { .. } if !name.is_empty() => Ok(Some(name.to_owned())),
        Asked::Worth { .. } => Err(invalid("rate_source", "must be a source of GET /rates")),
        Asked::Exact(_) | Asked::Spend(_) => {
            Err(invalid("rate_source", "is for worth_amount only"))
        }
    }
}

/// Reads what a payout is paid from.
fn source(fields: &Fields, asked: &Asked, catalog: &Catalog) -> Result<Source, Refusal> {
    let source = match fields.text("pay_from")? {
        None | Some(OWN) => Source::Own,
        Some(CONFIGURED) => Source::Configured,
        Some(ticker) if catalog.assets().any(|it| it.ticker == ticker) => {
            Source::Ticker(ticker.to_owned())
        }
        Some(_) => return Err(invalid("pay_from", "must be own, configured or a ticker")),
    };
    if matches!(asked, Asked::Spend(_)) && source == Source::Own {
        return Err(invalid("spend_amount", "needs pay_from: what is sold"));
    }
    Ok(source)
}

fn priority(fields: &Fields) -> Result<Priority, Refusal> {
    let Some(word) = fields.text("priority")? else { return Ok(Priority::default()) };
    let detail = || format!("must be one of {}", PRIORITIES.join(", "));
    Priority::from_word(word).ok_or_else(|| invalid("priority", &detail()))
}

/// Reads whether somebody must approve it first, and who is told: an address alone says yes.
fn approval(fields: &Fields) -> Result<Option<ApprovalRequest>, Refusal> {
    let url = url(fields, "approval_url")?;
    match (bool(fields, "approval")?, &url) {
        (Some(false), Some(_)) => Err(invalid("approval_url", "is for approval only")),
        (Some(true), _) | (None, Some(_)) => Ok(Some(ApprovalRequest { url })),
        (Some(false) | None, None) => Ok(None),
    }
}

fn url(fields: &Fields, field: &'static str) -> Result<Option<String>, Refusal> {
    let url = fields.text(field)?.map(str::to_owned);
    if url.as_deref().is_some_and(|it| !http::is_webhook_url(it)) {
        return Err(invalid(field, "must be an http or https address"));
    }
    Ok(url)
}

fn bool(fields: &Fields, field: &'static str) -> Result<Option<bool>, Refusal> {
    match fields.get(field) {
        None => Ok(None),
        Some(Value::Bool(said)) => Ok(Some(*said)),
        Some(Value::Null | Value::Number(_) | Value::Text(_) | Value::Texts(_) | Value::Nested) => {
            Err(invalid(field, "must be true or false"))
        }
    }
}

/// Finds the asset that a request for a payout names.
pub(super) fn asset<'a>(fields: &Fields, catalog: &'a Catalog) -> Result<&'a Asset, Refusal> {
    let asset = required(fields, "asset")?;
    assets::find(catalog, asset, fields.text("network")?)
}

/// Reads a request for a transfer.
pub(super) fn transfer(fields: &Fields) -> Result<Action, Refusal> {
    refuse_unknown(fields)?;
    let ticker = required(fields, "asset")?.to_owned();
    let amount = decimal(fields, "amount")?;
    let [to_personal, to_business] = DIRECTIONS;
    let direction = match required(fields, "direction")? {
        it if it == to_personal => Direction::ToPersonal,
        it if it == to_business => Direction::ToBusiness,
        _ => return Err(invalid("direction", "must be to_personal or to_business")),
    };
    Ok(Action::Transfer { ticker, amount, direction })
}

/// Who answers whether a payout may be paid, and what.
pub(super) fn verdict(
    approve: bool,
    request: &Request<'_>,
    caller: &Caller,
    context: &Context<'_>,
) -> Verdict {
    let user_agent = request.header("user-agent").unwrap_or_default();
    Verdict {
        approve,
        key: Some(caller.key.id),
        // A token has no public part; the key's identifier is what the operator knows it by.
        key_public: caller.key.id.to_string(),
        ip: request.client.map(|it| it.to_string()).unwrap_or_default(),
        user_agent: user_agent.chars().take(TEXT_CHARACTERS_MAX).collect(),
        at: context.now,
    }
}

/// Reads what stands for a payout in a path: `po_…`, `ref:…`, or an outward identifier.
pub(super) fn payout_key(
    merchant: MerchantId,
    segment: Option<&str>,
) -> Result<PayoutKey, Refusal> {
    let segment = segment.ok_or(Refusal::NotFound)?;
    let text = percent_decode_str(segment).decode_utf8().map_err(|_| Refusal::NotFound)?;
    if text.chars().count() > TEXT_CHARACTERS_MAX + "ref:".len() {
        return Err(Refusal::NotFound);
    }
    Ok(match (text.strip_prefix("ref:"), text.parse::<PayoutId>()) {
        (Some(merchant_ref), _) => PayoutKey::MerchantRef(merchant, merchant_ref.to_owned()),
        (None, Ok(id)) => PayoutKey::Id(id),
        (None, Err(_)) => PayoutKey::PublicId(text.into_owned()),
    })
}
