//! What requests of Cryptomus's API mean.

use domain::{
    command::{Asked, CreatePayout, Direction, OnOtherContent, Refusal, Source},
    ids::{DialectId, MerchantId},
    payout::{self, Priority, Status},
    ports::PayoutKey,
    quote::FeeBearer,
};

use super::{
    Profile,
    assets::{self, Coin},
    refusal::Topic,
    wire::Note,
};
use crate::{
    Action, Caller, Context,
    fields::{Fields, Value},
    http, identity,
};

const URL_CHARACTERS_MIN: usize = 6;

/// The only currency that others are bought with.
const SOLD: &str = "USDT";

/// Where prices of fiat currencies can be taken from.
const COURSES: [&str; 4] = ["binance", "binancep2p", "exmo", "kucoin"];

/// What merchants are told of.
pub(super) const TOLD: [Status; 4] =
    [Status::InBlock, Status::Paid, Status::Failed, Status::Cancelled];

/// A field that breaks a rule of the provider's validation, or that a documented message is about.
pub(super) fn broken(field: &'static str, rule: &str) -> Refusal {
    Refusal::InvalidField { field, detail: rule.to_owned() }
}

/// Reads a text; an empty one counts as absent.
pub(super) fn text<'a>(
    fields: &'a Fields,
    field: &'static str,
) -> Result<Option<&'a str>, Refusal> {
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

pub(super) fn required<'a>(fields: &'a Fields, field: &'static str) -> Result<&'a str, Refusal> {
    text(fields, field)?.ok_or(Refusal::MissingField { field })
}

/// Reads a request for a payout.
pub(super) fn create(
    profile: &Profile,
    fields: &Fields,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<CreatePayout, Refusal> {
    let order_id = required(fields, "order_id")?;
    check_order_id(order_id)?;
    let address = required(fields, "address")?.to_owned();
    let (create, coin) = priced(profile.name, fields, caller, context, address)?;
    let url = url(fields, profile.url_characters_max)?;
    let webhook = url.map(|url| payout::Webhook { url: url.to_owned(), on: TOLD.to_vec() });
    let note = Note { currency: coin.currency, network: coin.network.to_owned() };
    Ok(CreatePayout {
        public_ids: vec![identity::uuid_at(context.random, context.now)],
        merchant_ref: Some(order_id.to_owned()),
        on_other_content: OnOtherContent::AnswerExisting,
        memo: text(fields, "memo")?.map(str::to_owned),
        webhook,
        note: serde_json::to_string(&note).expect("a note is plain text"),
        ..create
    })
}

/// Reads a question what a payout would cost.
pub(super) fn calculate(
    profile: &Profile,
    fields: &Fields,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<CreatePayout, Refusal> {
    let address = text(fields, "address")?.unwrap_or_default().to_owned();
    Ok(priced(profile.name, fields, caller, context, address)?.0)
}

/// Reads what the price of a payout depends on.
fn priced<'a>(
    dialect: &'static str,
    fields: &Fields,
    caller: &Caller,
    context: &Context<'a>,
    address: String,
) -> Result<(CreatePayout, Coin<'a>), Refusal> {
    let amount = amount(fields)?;
    let currency = required(fields, "currency")?;
    let bearer = is_subtract(fields)?;
    let coin = coin(fields, context)?;
    let source = source(fields, &coin)?;
    let course = course(fields)?;
    let is_fiat = assets::is_fiat(currency);
    let asked = if is_fiat {
        Asked::Worth { currency: currency.to_ascii_uppercase(), amount: amount.decimal()? }
    } else {
        Asked::Exact(amount.amount(coin.asset.decimals)?)
    };
    let (merchant, dialect) = (caller.merchant.id, DialectId::new(dialect));
    let asset = coin.asset.id.clone();
    let create = CreatePayout::new(context.payout_id, merchant, dialect, asset, asked, address);
    let create = CreatePayout {
        key: Some(caller.key.id),
        bearer,
        source,
        course: course.filter(|_| is_fiat),
        priority: priority(fields)?,
        ..create
    };
    Ok((create, coin))
}

/// Reads a transfer between what can be paid out and what is set apart.
pub(super) fn transfer(fields: &Fields, direction: Direction) -> Result<Action, Refusal> {
    let amount = amount(fields)?.decimal()?;
    let currency = required(fields, "currency")?;
    let ticker = assets::coin_ticker(currency).ok_or(Refusal::UnknownAsset)?;
    Ok(Action::Transfer { ticker, amount, direction })
}

fn amount(fields: &Fields) -> Result<&Value, Refusal> {
    let amount = fields.get("amount").filter(|it| **it != Value::Text(String::new()));
    amount.ok_or(Refusal::MissingField { field: "amount" })
}

/// Checks the characters of a merchant's own name of a payout.
pub(super) fn check_order_id(order_id: &str) -> Result<(), Refusal> {
    if order_id.chars().all(|it| it.is_alphanumeric() || matches!(it, '_' | '-')) {
        return Ok(());
    }
    Err(broken("order_id", "validation.alpha_dash"))
}

/// Reads where webhooks go.
pub(super) fn url(fields: &Fields, characters_max: usize) -> Result<Option<&str>, Refusal> {
    let Some(url) = text(fields, "url_callback")? else { return Ok(None) };
    let count = url.chars().count();
    if count > characters_max {
        return Err(broken("url_callback", "validation.max.string"));
    }
    if count < URL_CHARACTERS_MIN || !http::is_webhook_url(url) {
        return Err(broken("url_callback", "validation.url"));
    }
    Ok(Some(url))
}

/// Reads who bears the fees: `true` takes them from the balance, `false` out of the amount.
fn is_subtract(fields: &Fields) -> Result<FeeBearer, Refusal> {
    let given = fields.get("is_subtract").filter(|it| **it != Value::Text(String::new()));
    let word = match given {
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

fn priority(fields: &Fields) -> Result<Priority, Refusal> {
    match text(fields, "priority")? {
        None => Ok(Priority::Recommended),
        Some(word) => Priority::from_word(word).ok_or_else(|| broken("priority", "validation.in")),
    }
}

/// Reads where prices are taken from, in small letters.
fn course(fields: &Fields) -> Result<Option<String>, Refusal> {
    let Some(word) = text(fields, "course_source")? else { return Ok(None) };
    let word = word.to_ascii_lowercase();
    let known = COURSES.contains(&word.as_str());
    if known { Ok(Some(word)) } else { Err(broken("course_source", "validation.in")) }
}

/// Reads what a payout is paid from: the coin itself, or what is sold for it.
fn source(fields: &Fields, coin: &Coin<'_>) -> Result<Source, Refusal> {
    match text(fields, "from_currency")? {
        None => Ok(Source::Own),
        Some(from) if from.eq_ignore_ascii_case(&coin.currency) => Ok(Source::Own),
        Some(from) if from.eq_ignore_ascii_case(SOLD) => Ok(Source::Ticker(SOLD.to_owned())),
        Some(_) => Err(broken("from_currency", "The service was not found")),
    }
}

/// What a request for a payout is about.
pub(super) fn topic(fields: &Fields) -> Topic {
    let given = |name| text(fields, name).ok().flatten();
    let currency = given("currency").unwrap_or_default();
    if assets::is_fiat(currency) {
        return Topic::Worth;
    }
    let is_bought = given("from_currency").is_some_and(|it| !it.eq_ignore_ascii_case(currency));
    if is_bought { Topic::Bought } else { Topic::Coin }
}

/// Finds the coin that a request for a payout names: `currency`, or `to_currency` where that is a
/// fiat one.
pub(super) fn coin<'a>(fields: &Fields, context: &Context<'a>) -> Result<Coin<'a>, Refusal> {
    let currency = required(fields, "currency")?;
    let network = text(fields, "network")?;
    let to = text(fields, "to_currency")?;
    if assets::is_fiat(currency) {
        let to = to.ok_or(Refusal::MissingField { field: "to_currency" })?;
        return assets::find(context.catalog, to, network);
    }
    let Some(to) = to.filter(|it| !it.eq_ignore_ascii_case(currency)) else {
        return assets::find(context.catalog, currency, network);
    };
    let known = assets::coin_ticker(to).is_some();
    let words = if known { "Error convert to_currency" } else { "Not found service to_currency" };
    Err(broken("to_currency", words))
}

/// Reads which payout is meant; where both identifiers are given, `order_id` counts.
pub(super) fn payout_key(fields: &Fields, merchant: MerchantId) -> Result<PayoutKey, Refusal> {
    if let Some(order_id) = text(fields, "order_id")? {
        return Ok(PayoutKey::MerchantRef(merchant, order_id.to_owned()));
    }
    let uuid = required(fields, "uuid")?;
    Ok(PayoutKey::PublicId(identity::public_id(uuid)))
}
