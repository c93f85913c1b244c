//! Our own API, under `/vyplata/v1/`: small, strict, and with nothing to guess. See its README.

mod assets;
mod sign;
mod wire;

use domain::{
    catalog::Asset,
    command::{CreatePayout, OnOtherContent, Refusal},
    ids::{DialectId, MerchantId, PayoutId},
    money::Amount,
    payout::{self, Status},
    ports::{PageQuery, PayoutKey},
};
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use self::wire::{BalancesBody, ErrorBody, ErrorDetail, PageBody, PayoutBody, WebhookBody};
use crate::{
    Action, Call, Caller, Context, Dialect, Message, NewKey, Outcome, Request, Webhook,
    fields::{Fields, Value},
    http::{self, URL_CHARACTERS_MAX},
    identity,
    shown::Shown,
};

/// Our own API.
pub(crate) struct Native;

const NAME: &str = "native";
const ROOT: &str = "/vyplata/";

/// The fields that a request for a payout may have.
const FIELDS: [&str; 8] =
    ["asset", "network", "amount", "address", "memo", "fee_bearer", "merchant_ref", "webhook_url"];

/// What a refusal blames for a field that does not exist; the answer names that field.
const BODY: &str = "body";

const TEXT_CHARACTERS_MAX: usize = 255;
const PAGE_COUNT: u32 = 20;
const PAGE_COUNT_MAX: u32 = 100;

/// What merchants are told of: everything that happens after acceptance.
const TOLD: [Status; 5] =
    [Status::Sending, Status::InBlock, Status::Paid, Status::Failed, Status::Cancelled];

/// The waits between tries of a webhook, in seconds.
const RETRY_DELAYS_S: [u64; 7] = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000];

/// What a path and method ask for.
#[derive(Clone, Copy)]
enum Route<'a> {
    Create,
    List,
    Show(&'a str),
    Cancel(&'a str),
    Balances,
}

/// Finds out what a path has: the methods, and what each of them asks for.
fn routes(path: &str) -> Option<Vec<(&'static str, Route<'_>)>> {
    let segments: Vec<&str> = path.strip_prefix(ROOT)?.splitn(5, '/').collect();
    Some(match *segments.as_slice() {
        ["v1", "payouts"] => vec![("GET", Route::List), ("POST", Route::Create)],
        ["v1", "payouts", id] if !id.is_empty() => vec![("GET", Route::Show(id))],
        ["v1", "payouts", id, "cancel"] => vec![("POST", Route::Cancel(id))],
        ["v1", "balances"] => vec![("GET", Route::Balances)],
        _ => return None,
    })
}

fn route<'a>(request: &Request<'a>) -> Result<Route<'a>, Refusal> {
    let routes = routes(request.path).ok_or(Refusal::UnknownPath)?;
    let found = routes.into_iter().find(|(method, _)| *method == request.method);
    let (_, route) = found.ok_or(Refusal::MethodNotAllowed)?;
    http::check_headers(request)?;
    if matches!(route, Route::Create)
        && http::media_type(request).as_deref() != Some("application/json")
    {
        return Err(Refusal::UnsupportedMediaType);
    }
    Ok(route)
}

impl Dialect for Native {
    fn name(&self) -> &'static str {
        NAME
    }

    fn owns(&self, path: &str) -> bool {
        path.starts_with(ROOT)
    }

    fn lookup(&self, request: &Request<'_>) -> Result<String, Refusal> {
        route(request)?;
        Ok(identity::token_lookup(identity::bearer(request, "Bearer")?))
    }

    fn decode(
        &self,
        request: &Request<'_>,
        callers: &[Caller],
        context: &Context<'_>,
    ) -> Result<Call, Refusal> {
        let route = route(request)?;
        let token = identity::bearer(request, "Bearer")?;
        let lookup = identity::token_lookup(token);
        let proves = |it: &Caller| identity::same(token.as_bytes(), it.secret.as_bytes());
        let caller = identity::authenticate(callers, NAME, &lookup, context.now, proves)?;
        let merchant = caller.merchant.id;
        let action = match route {
            Route::Create => Action::Create(Box::new(create(request, caller, context)?)),
            Route::List => Action::List(page_query(request.query, merchant)?),
            Route::Show(id) => Action::Show(payout_key(merchant, id)?),
            Route::Cancel(id) => {
                if !matches!(request.body.trim_ascii(), b"" | b"{}") {
                    let detail = "this request has no body".to_owned();
                    return Err(Refusal::Malformed { detail });
                }
                Action::Cancel(payout_key(merchant, id)?)
            }
            Route::Balances => Action::Balances,
        };
        Ok(Call { merchant, key: caller.key.id, nonce: None, action, note: String::new() })
    }

    fn encode(&self, call: &Call, outcome: &Outcome, context: &Context<'_>) -> Message {
        match outcome {
            Outcome::Payout { payout, events, fresh, .. } => {
                let created = *fresh && matches!(call.action, Action::Create(_));
                let shown = Shown::now(payout, context.catalog);
                let body = PayoutBody::new(&shown, context.catalog, Some(events));
                http::json(if created { 201 } else { 200 }, &body)
            }
            Outcome::Payouts { page, more } => {
                http::json(200, &PageBody::new(page, *more, context.catalog))
            }
            Outcome::Balances(balances) => {
                http::json(200, &BalancesBody::new(balances, context.catalog))
            }
        }
    }

    fn refuse(&self, request: &Request<'_>, refusal: &Refusal, context: &Context<'_>) -> Message {
        let print = |amount: Amount| match asked_asset(request, context) {
            Some(asset) => format!("{} {}", asset.text(amount), asset.ticker),
            None => "another amount".to_owned(),
        };
        let (status, code, message) = wire::describe(refusal, &print);
        let field = match wire::field(refusal) {
            Some(BODY) => unknown_field(request).or_else(|| Some(BODY.to_owned())),
            field => field.map(str::to_owned),
        };
        let error = ErrorDetail { code, message, field };
        let mut answer = http::json(status, &ErrorBody { error });
        if *refusal == Refusal::Unauthenticated {
            answer = answer.with("www-authenticate", "Bearer");
        }
        if *refusal == Refusal::MethodNotAllowed {
            let routes = routes(request.path).unwrap_or_default();
            let methods: Vec<&str> = routes.iter().map(|it| it.0).collect();
            answer = answer.with("allow", methods.join(", "));
        }
        answer.wait_for(refusal)
    }

    fn webhook(&self, webhook: &Webhook<'_>, context: &Context<'_>) -> Message {
        let shown = Shown::told(webhook, context.catalog);
        let body = WebhookBody {
            r#type: format!("payout.{}", shown.status.word()),
            id: webhook.id().to_string(),
            payout: PayoutBody::new(&shown, context.catalog, None),
        };
        let message = http::json(200, &body);
        let signature = sign::webhook_signature(webhook.secret, context.now, &message.body);
        message.with("vyplata-signature", signature).with("vyplata-delivery", body.id)
    }

    fn retry_delay_ms(&self, tries: u16) -> Option<u64> {
        let index = usize::from(tries.saturating_sub(1));
        RETRY_DELAYS_S.get(index).map(|seconds| seconds * 1_000)
    }

    fn draw_keys(&self, random: &mut dyn FnMut(usize) -> Vec<u8>) -> Vec<NewKey> {
        vec![sign::draw(random)]
    }

    fn adopt_key(&self, role: &str, public: &str, secret: &str) -> Option<NewKey> {
        sign::adopt(role, public, secret)
    }
}

fn invalid(field: &'static str, detail: &str) -> Refusal {
    Refusal::InvalidField { field, detail: detail.to_owned() }
}

fn required<'a>(fields: &'a Fields, field: &'static str) -> Result<&'a str, Refusal> {
    fields.text(field, TEXT_CHARACTERS_MAX)?.ok_or(Refusal::MissingField { field })
}

fn create(
    request: &Request<'_>,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<CreatePayout, Refusal> {
    let idempotency_key = http::idempotency_key(request)?;
    let fields = Fields::json(request.body)?;
    if let Some(name) = fields.unknown(&FIELDS) {
        return Err(invalid(BODY, &format!("there is no field {name:?}")));
    }
    let asset = required(&fields, "asset")?;
    let network = fields.text("network", TEXT_CHARACTERS_MAX)?;
    let asset = assets::find(context.catalog, asset, network)?;
    let asked = match fields.get("amount") {
        None => return Err(Refusal::MissingField { field: "amount" }),
        Some(Value::Text(text)) => Amount::parse(text, asset.decimals).map_err(Refusal::Amount)?,
        Some(_) => return Err(invalid("amount", "must be a string")),
    };
    let bearer = fields.text("fee_bearer", TEXT_CHARACTERS_MAX)?.unwrap_or("merchant");
    let bearer = wire::bearer(bearer);
    let address = required(&fields, "address")?.to_owned();
    let merchant_ref = fields.text("merchant_ref", TEXT_CHARACTERS_MAX)?.map(str::to_owned);
    if merchant_ref.as_ref().is_some_and(|it| it.is_empty() || it.contains(char::is_control)) {
        return Err(invalid("merchant_ref", "must not be empty or have control characters"));
    }
    if merchant_ref.is_none() && idempotency_key.is_none() {
        return Err(Refusal::MissingField { field: "merchant_ref" });
    }
    let url = fields.text("webhook_url", URL_CHARACTERS_MAX)?.map(str::to_owned);
    if url.as_deref().is_some_and(|it| !http::is_webhook_url(it)) {
        return Err(invalid("webhook_url", "must be an http or https address"));
    }
    let url = url.or_else(|| caller.merchant.webhook_url.clone());
    Ok(CreatePayout {
        id: context.payout_id,
        public_ids: identity::uuids(context.random),
        merchant: caller.merchant.id,
        dialect: DialectId::new(NAME),
        key: Some(caller.key.id),
        merchant_ref,
        idempotency_key,
        on_other_content: OnOtherContent::Refuse,
        nonce: None,
        asset: asset.id.clone(),
        asked,
        bearer: bearer.ok_or_else(|| invalid("fee_bearer", "must be merchant or recipient"))?,
        address,
        memo: fields.text("memo", TEXT_CHARACTERS_MAX)?.map(str::to_owned),
        webhook: url.map(|url| payout::Webhook { url, on: TOLD.to_vec() }),
        note: String::new(),
    })
}

/// Finds a field that requests for payouts do not have.
fn unknown_field(request: &Request<'_>) -> Option<String> {
    Fields::json(request.body).ok()?.unknown(&FIELDS).map(str::to_owned)
}

/// Finds the asset that a request for a payout names.
fn asked_asset<'a>(request: &Request<'_>, context: &Context<'a>) -> Option<&'a Asset> {
    let fields = Fields::json(request.body).ok()?;
    let asset = fields.text("asset", TEXT_CHARACTERS_MAX).ok()??;
    let network = fields.text("network", TEXT_CHARACTERS_MAX).ok()?;
    assets::find(context.catalog, asset, network).ok()
}

/// Reads `po_…`, `ref:…`, or an outward identifier.
fn payout_key(merchant: MerchantId, segment: &str) -> Result<PayoutKey, Refusal> {
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

fn page_query(query: &str, merchant: MerchantId) -> Result<PageQuery, Refusal> {
    let mut page =
        PageQuery { merchant: Some(merchant), count_max: PAGE_COUNT, ..PageQuery::default() };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "status" => {
                let status = Status::from_word(&value);
                page.status = Some(status.ok_or_else(|| invalid("status", "no such status"))?);
            }
            "limit" => {
                let count = value.parse().ok().filter(|it| (1..=PAGE_COUNT_MAX).contains(it));
                page.count_max = count.ok_or_else(|| invalid("limit", "must be 1 to 100"))?;
            }
            "before" => {
                let id = value.parse().ok();
                page.before = Some(id.ok_or_else(|| invalid("before", "must be a payout's id"))?);
            }
            _ => return Err(invalid("query", &format!("there is no parameter {name:?}"))),
        }
    }
    Ok(page)
}
