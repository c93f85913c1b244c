//! Cryptomus's payout API, under `/v1/`. See its README for sources and quirks.

mod assets;
mod sign;
mod wire;

use domain::{
    command::{CreatePayout, OnOtherContent, Refusal},
    ids::{DialectId, MerchantId},
    money::Amount,
    payout::{self, Status},
    ports::PayoutKey,
    quote::FeeBearer,
};

use self::{
    assets::Coin,
    wire::{BalancesBody, Note, PayoutBody, SERVER_ERROR, Success, WebhookBody},
};
use crate::{
    Action, Call, Caller, Context, Dialect, Message, NewKey, Outcome, Request, Webhook,
    fields::{Fields, Value},
    http, identity,
    shown::Shown,
};

/// Cryptomus's payout API.
pub(crate) struct Cryptomus;

const NAME: &str = "cryptomus";
const ROOT: &str = "/v1/";

const ORDER_ID_CHARACTERS_MAX: usize = 100;
const MEMO_CHARACTERS_MAX: usize = 30;
const URL_CHARACTERS_MAX: usize = 255;
const URL_CHARACTERS_MIN: usize = 6;
const TEXT_CHARACTERS_MAX: usize = 255;

const PRIORITIES: [&str; 4] = ["recommended", "economy", "high", "highest"];

/// What merchants are told of.
const TOLD: [Status; 4] = [Status::InBlock, Status::Paid, Status::Failed, Status::Cancelled];

/// The first wait between tries of a webhook; each is twice the one before.
const RETRY_DELAY_MS: u64 = 10_000;
/// How many waits there are: together 22 h 45 min.
const RETRY_COUNT: u16 = 13;

/// The calls there are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    Create,
    Info,
    Balance,
}

fn find_route(path: &str) -> Option<Route> {
    match path.trim_end_matches('/') {
        "/v1/payout" => Some(Route::Create),
        "/v1/payout/info" => Some(Route::Info),
        "/v1/balance" => Some(Route::Balance),
        _ => None,
    }
}

fn route(request: &Request<'_>) -> Result<Route, Refusal> {
    let route = find_route(request.path).ok_or(Refusal::UnknownPath)?;
    http::expect_post(request)?;
    http::check_headers(request)?;
    http::expect_json(request)?;
    Ok(route)
}

impl Dialect for Cryptomus {
    fn name(&self) -> &'static str {
        NAME
    }

    fn owns(&self, path: &str) -> bool {
        path.starts_with(ROOT)
    }

    fn lookup(&self, request: &Request<'_>) -> Result<String, Refusal> {
        route(request)?;
        identity::public_part(request, "merchant").map(str::to_owned)
    }

    fn decode(
        &self,
        request: &Request<'_>,
        callers: &[Caller],
        context: &Context<'_>,
    ) -> Result<Call, Refusal> {
        let route = route(request)?;
        let merchant = identity::public_part(request, "merchant")?;
        let signature = identity::public_part(request, "sign")?;
        let role = match route {
            Route::Create | Route::Info => sign::PAYOUT,
            Route::Balance => sign::PAYMENT,
        };
        let proves = |it: &Caller| {
            it.key.role == role && sign::verifies(signature, request.body, &it.secret)
        };
        let caller = identity::authenticate(callers, NAME, merchant, context.now, proves)?;
        let fields = fields(request)?;
        let action = match route {
            Route::Create => Action::Create(Box::new(create(&fields, caller, context)?)),
            Route::Info => Action::Show(payout_key(&fields, caller.merchant.id)?),
            Route::Balance => Action::Balances,
        };
        Ok(Call {
            merchant: caller.merchant.id,
            key: caller.key.id,
            nonce: None,
            action,
            note: String::new(),
        })
    }

    fn encode(&self, call: &Call, outcome: &Outcome, context: &Context<'_>) -> Message {
        match outcome {
            Outcome::Payout { payout, available, .. } => {
                let shown = Shown::now(payout, context.catalog);
                http::json(200, &Success::new(PayoutBody::new(&shown, *available)))
            }
            Outcome::Balances(rows) => {
                let body = BalancesBody::new(call.merchant, rows, context.catalog);
                http::json(200, &Success::new([body]))
            }
            Outcome::Payouts { .. } => {
                let (status, body) = wire::describe(&Refusal::UnknownPath, &|_| None);
                http::json(status, &body)
            }
        }
    }

    fn refuse(&self, request: &Request<'_>, refusal: &Refusal, context: &Context<'_>) -> Message {
        let route = find_route(request.path);
        let print = |amount: Amount| {
            let coin = coin(&fields(request).ok()?, context).ok()?;
            Some(format!("{} {}", coin.asset.text(amount), coin.currency))
        };
        let neither = matches!(refusal, Refusal::MissingField { .. });
        let (status, body) = if neither && route == Some(Route::Info) {
            wire::neither_identifier()
        } else {
            wire::describe(refusal, &print)
        };
        let answer =
            if status == 500 { http::json(500, &SERVER_ERROR) } else { http::json(status, &body) };
        let answer = answer.wait_for(refusal);
        if *refusal == Refusal::MethodNotAllowed { answer.with("allow", "POST") } else { answer }
    }

    fn webhook(&self, webhook: &Webhook<'_>, context: &Context<'_>) -> Message {
        let shown = Shown::told(webhook, context.catalog);
        let mut message = http::json(200, &WebhookBody::new(&shown));
        let text = String::from_utf8_lossy(&message.body);
        message.body = sign::seal(&text, webhook.secret);
        message
    }

    fn retry_delay_ms(&self, tries: u16) -> Option<u64> {
        let doublings = tries.saturating_sub(1);
        (doublings < RETRY_COUNT).then(|| RETRY_DELAY_MS << doublings)
    }

    fn acknowledges(&self, status: u16) -> bool {
        status == 200
    }

    fn draw_keys(&self, random: &mut dyn FnMut(usize) -> Vec<u8>) -> Vec<NewKey> {
        sign::draw(random)
    }

    fn adopt_key(&self, role: &str, public: &str, secret: &str) -> Option<NewKey> {
        sign::adopt(role, public, secret)
    }
}

/// Reads a body. Calls without parameters come with `{}`, `[]` or nothing.
fn fields(request: &Request<'_>) -> Result<Fields, Refusal> {
    match request.body.trim_ascii() {
        b"" | b"[]" => Ok(Fields::default()),
        body => Fields::json(body),
    }
}

/// A field that breaks a rule of the provider's validation, or that a documented message is about.
fn broken(field: &'static str, rule: &str) -> Refusal {
    Refusal::InvalidField { field, detail: rule.to_owned() }
}

/// Reads a text; an empty one counts as absent.
fn text<'a>(
    fields: &'a Fields,
    field: &'static str,
    characters_max: usize,
) -> Result<Option<&'a str>, Refusal> {
    match fields.get(field) {
        None => Ok(None),
        Some(Value::Text(text)) if text.is_empty() => Ok(None),
        Some(Value::Text(text)) if text.chars().count() > characters_max => {
            Err(broken(field, "validation.max.string"))
        }
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Nested) => {
            Err(broken(field, "validation.string"))
        }
    }
}

fn required<'a>(
    fields: &'a Fields,
    field: &'static str,
    characters_max: usize,
) -> Result<&'a str, Refusal> {
    text(fields, field, characters_max)?.ok_or(Refusal::MissingField { field })
}

fn create(
    fields: &Fields,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<CreatePayout, Refusal> {
    let amount = fields.get("amount").filter(|it| **it != Value::Text(String::new()));
    let amount = amount.ok_or(Refusal::MissingField { field: "amount" })?;
    let currency = required(fields, "currency", TEXT_CHARACTERS_MAX)?;
    let order_id = required(fields, "order_id", ORDER_ID_CHARACTERS_MAX)?;
    if !order_id.chars().all(|it| it.is_alphanumeric() || matches!(it, '_' | '-')) {
        return Err(broken("order_id", "validation.alpha_dash"));
    }
    let address = required(fields, "address", TEXT_CHARACTERS_MAX)?.to_owned();
    let bearer = is_subtract(fields)?;
    check_conversion(fields, currency)?;
    let Coin { asset, currency, network } = coin(fields, context)?;
    let priority = text(fields, "priority", TEXT_CHARACTERS_MAX)?;
    if priority.is_some_and(|it| !PRIORITIES.contains(&it)) {
        return Err(broken("priority", "validation.in"));
    }
    let note =
        Note { currency, network: network.to_owned(), priority: priority.map(str::to_owned) };
    let url = text(fields, "url_callback", URL_CHARACTERS_MAX)?;
    if url.is_some_and(|it| it.chars().count() < URL_CHARACTERS_MIN || !http::is_webhook_url(it)) {
        return Err(broken("url_callback", "validation.url"));
    }
    let webhook = url.map(|url| payout::Webhook { url: url.to_owned(), on: TOLD.to_vec() });
    Ok(CreatePayout {
        id: context.payout_id,
        public_ids: identity::uuids(context.random),
        merchant: caller.merchant.id,
        dialect: DialectId::new(NAME),
        key: Some(caller.key.id),
        merchant_ref: Some(order_id.to_owned()),
        idempotency_key: None,
        on_other_content: OnOtherContent::AnswerExisting,
        nonce: None,
        asset: asset.id.clone(),
        asked: amount.amount(asset.decimals)?,
        bearer,
        address,
        memo: text(fields, "memo", MEMO_CHARACTERS_MAX)?.map(str::to_owned),
        webhook,
        note: serde_json::to_string(&note).expect("a note is plain text"),
    })
}

/// Reads who bears the fees: `true` takes them from the balance, `false` out of the amount.
fn is_subtract(fields: &Fields) -> Result<FeeBearer, Refusal> {
    let word = match fields.get("is_subtract") {
        None => return Err(Refusal::MissingField { field: "is_subtract" }),
        Some(Value::Bool(true)) => "1",
        Some(Value::Bool(false)) => "0",
        Some(Value::Number(word) | Value::Text(word)) => word,
        Some(Value::Null | Value::Nested) => "",
    };
    match word {
        "1" => Ok(FeeBearer::Merchant),
        "0" => Ok(FeeBearer::Recipient),
        _ => Err(broken("is_subtract", "validation.boolean")),
    }
}

/// Refuses conversions, which this gateway does not make, in the provider's words for them.
fn check_conversion(fields: &Fields, currency: &str) -> Result<(), Refusal> {
    let to = text(fields, "to_currency", TEXT_CHARACTERS_MAX)?;
    let from = text(fields, "from_currency", TEXT_CHARACTERS_MAX)?;
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
fn coin<'a>(fields: &Fields, context: &Context<'a>) -> Result<Coin<'a>, Refusal> {
    let currency = required(fields, "currency", TEXT_CHARACTERS_MAX)?;
    let network = text(fields, "network", TEXT_CHARACTERS_MAX)?;
    assets::find(context.catalog, currency, network)
}

/// Reads which payout is meant; where both identifiers are given, `order_id` counts.
fn payout_key(fields: &Fields, merchant: MerchantId) -> Result<PayoutKey, Refusal> {
    if let Some(order_id) = text(fields, "order_id", ORDER_ID_CHARACTERS_MAX)? {
        return Ok(PayoutKey::MerchantRef(merchant, order_id.to_owned()));
    }
    let uuid = required(fields, "uuid", TEXT_CHARACTERS_MAX)?;
    Ok(PayoutKey::PublicId(identity::public_id(uuid)))
}
