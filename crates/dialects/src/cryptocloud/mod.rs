//! `CryptoCloud`'s withdrawal API, under `/v2/`. See its README for sources and quirks.

mod assets;
mod sign;
mod wire;

use std::collections::BTreeMap;

use domain::{
    catalog::DestinationError,
    command::{CreatePayout, OnOtherContent, Refusal},
    ids::DialectId,
    money::AmountError,
    payout::{self, Status},
    quote::FeeBearer,
};
use serde::Serialize;

use self::wire::Note;
use crate::{
    Action, Call, Caller, Context, Dialect, Message, NewKey, Outcome, Request, Webhook,
    fields::{Fields, Value},
    http, identity,
    shown::Shown,
};

/// `CryptoCloud`'s withdrawal API.
pub(crate) struct CryptoCloud;

const NAME: &str = "cryptocloud";
const ROOT: &str = "/v2/";
const CREATE: &str = "/v2/invoice/api/out/create";

const TEXT_CHARACTERS_MAX: usize = 255;

/// What merchants are told of, if they have named an address.
const TOLD: [Status; 3] = [Status::Paid, Status::Failed, Status::Cancelled];

/// The waits between tries of a postback, in seconds; the provider publishes none.
const RETRY_DELAYS_S: [u64; 7] = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000];

/// The provider asks for at least 12 seconds between withdrawals of one key.
/// <https://docs.cryptocloud.plus/en/api-reference-v2/withdrawals>
const SPACING_MS: u64 = 12_000;

const LETTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// An error: texts by keys.
#[derive(Serialize)]
struct ErrorBody<'a> {
    status: &'static str,
    result: BTreeMap<&'static str, &'a str>,
}

impl Dialect for CryptoCloud {
    fn name(&self) -> &'static str {
        NAME
    }

    fn owns(&self, path: &str) -> bool {
        path.starts_with(ROOT)
    }

    fn lookup(&self, request: &Request<'_>) -> Result<String, Refusal> {
        route(request)?;
        Ok(identity::token_lookup(identity::bearer(request, "Token")?))
    }

    fn decode(
        &self,
        request: &Request<'_>,
        callers: &[Caller],
        context: &Context<'_>,
    ) -> Result<Call, Refusal> {
        let body = route(request)?;
        let token = identity::bearer(request, "Token")?;
        let lookup = identity::token_lookup(token);
        let proves = |it: &Caller| identity::same(token.as_bytes(), it.secret.as_bytes());
        let caller = identity::authenticate(callers, NAME, &lookup, context.now, proves)?;
        let fields = match body {
            BodyKind::Json => Fields::json(request.body)?,
            BodyKind::Form => Fields::form(request.body)?,
        };
        let create = create(request, &fields, caller, context)?;
        let action = Action::Create(Box::new(create));
        Ok(Call {
            merchant: caller.merchant.id,
            key: caller.key.id,
            nonce: None,
            action,
            note: String::new(),
        })
    }

    fn encode(&self, _call: &Call, outcome: &Outcome, context: &Context<'_>) -> Message {
        match outcome {
            Outcome::Payout { payout, .. } => {
                let shown = Shown::now(payout, context.catalog);
                http::json(200, &wire::created(&shown, context.catalog))
            }
            Outcome::Payouts { .. } | Outcome::Balances(_) => write_refusal(&Refusal::UnknownPath),
        }
    }

    fn refuse(&self, _request: &Request<'_>, refusal: &Refusal, _: &Context<'_>) -> Message {
        write_refusal(refusal)
    }

    fn webhook(&self, webhook: &Webhook<'_>, context: &Context<'_>) -> Message {
        let shown = Shown::told(webhook, context.catalog);
        let id = wire::bare_id(webhook.payout);
        let token = sign::postback_token(webhook.secret, id, context.now);
        http::json(200, &wire::postback(&shown, token, context.catalog))
    }

    fn retry_delay_ms(&self, tries: u16) -> Option<u64> {
        let index = usize::from(tries.saturating_sub(1));
        RETRY_DELAYS_S.get(index).map(|seconds| seconds * 1_000)
    }

    fn spacing_ms(&self) -> Option<u64> {
        Some(SPACING_MS)
    }

    fn draw_keys(&self, random: &mut dyn FnMut(usize) -> Vec<u8>) -> Vec<NewKey> {
        vec![sign::draw(random)]
    }

    fn adopt_key(&self, role: &str, public: &str, secret: &str) -> Option<NewKey> {
        sign::adopt(role, public, secret)
    }
}

/// The two forms that bodies come in.
enum BodyKind {
    Json,
    Form,
}

/// Checks that a request is for the one call there is, and tells the form of its body.
fn route(request: &Request<'_>) -> Result<BodyKind, Refusal> {
    if request.path.trim_end_matches('/') != CREATE {
        return Err(Refusal::UnknownPath);
    }
    http::expect_post(request)?;
    http::check_headers(request)?;
    if http::media_type(request).as_deref() == Some("application/x-www-form-urlencoded") {
        return Ok(BodyKind::Form);
    }
    http::expect_json(request).map(|()| BodyKind::Json)
}

fn create(
    request: &Request<'_>,
    fields: &Fields,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<CreatePayout, Refusal> {
    let required = |field: &'static str| {
        fields.filled(field, TEXT_CHARACTERS_MAX)?.ok_or(Refusal::MissingField { field })
    };
    let code = required("currency_code")?;
    let address = required("to_address")?.to_owned();
    let amount = fields.get("amount").filter(|it| **it != Value::Text(String::new()));
    let amount = amount.ok_or(Refusal::MissingField { field: "amount" })?;
    let asset = assets::find(context.catalog, code)?;
    let webhook = caller.merchant.webhook_url.clone();
    let note = Note { project: caller.merchant.name.clone() };
    Ok(CreatePayout {
        id: context.payout_id,
        public_ids: invoice_ids(context.random),
        merchant: caller.merchant.id,
        dialect: DialectId::new(NAME),
        key: Some(caller.key.id),
        merchant_ref: order_id(fields)?,
        idempotency_key: http::idempotency_key(request)?,
        on_other_content: OnOtherContent::Refuse,
        nonce: None,
        asset: asset.id.clone(),
        asked: amount.amount(asset.decimals)?,
        bearer: FeeBearer::Merchant,
        address,
        memo: fields.filled("memo", TEXT_CHARACTERS_MAX)?.map(str::to_owned),
        webhook: webhook.map(|url| payout::Webhook { url, on: TOLD.to_vec() }),
        note: serde_json::to_string(&note).expect("a note is plain text"),
    })
}

/// Reads the merchant's own reference, which integrators send as text or as a number.
fn order_id(fields: &Fields) -> Result<Option<String>, Refusal> {
    let number = match fields.get("order_id") {
        Some(Value::Number(text)) => Some(text.clone()),
        _ => None,
    };
    let text = match number {
        Some(text) => Some(text),
        None => fields.filled("order_id", TEXT_CHARACTERS_MAX)?.map(str::to_owned),
    };
    let fits = |it: &String| it.len() <= TEXT_CHARACTERS_MAX * 4 && !it.contains(char::is_control);
    match text {
        Some(text) if !fits(&text) => {
            let detail = "must be short and without control characters".to_owned();
            Err(Refusal::InvalidField { field: "order_id", detail })
        }
        text => Ok(text),
    }
}

/// Three identifiers in the provider's shape to choose from.
fn invoice_ids(random: &[u8; 64]) -> Vec<String> {
    let id = |bytes: &[u8; 8]| {
        let mut number = u64::from_le_bytes(*bytes);
        let mut text = "INV-".to_owned();
        for _ in 0..8 {
            let digit = usize::try_from(number % 36).expect("a remainder of 36 is small");
            text.push(char::from(LETTERS[digit]));
            number /= 36;
        }
        text
    };
    random.as_chunks::<8>().0[..3].iter().map(id).collect()
}

fn write_refusal(refusal: &Refusal) -> Message {
    let (status, key, text) = describe(refusal);
    let body = ErrorBody { status: "error", result: BTreeMap::from([(key, text.as_str())]) };
    let answer = http::json(status, &body).wait_for(refusal);
    if *refusal == Refusal::MethodNotAllowed { answer.with("allow", "POST") } else { answer }
}

/// Puts a refusal into an HTTP status, an error key and a text.
fn describe(refusal: &Refusal) -> (u16, &'static str, String) {
    let bad = |key, text: &str| (400, key, text.to_owned());
    match refusal {
        Refusal::Unauthenticated => bad("authorization", "Unauthorized request."),
        Refusal::UnknownPath => {
            (404, "validate_error", "This method is not available on this gateway.".to_owned())
        }
        Refusal::MethodNotAllowed => {
            (405, "validate_error", "This method takes POST only.".to_owned())
        }
        Refusal::UnsupportedMediaType => bad(
            "validate_error",
            "The content type must be application/json or application/x-www-form-urlencoded, \
             without a content encoding.",
        ),
        Refusal::BodyTooLarge => bad("validate_error", "The request is too large."),
        Refusal::Malformed { detail } => {
            bad("validate_error", &format!("The request cannot be read: {detail}."))
        }
        Refusal::MissingField { field } => {
            bad("required_parameter", &format!("Required parameter is missing: {field}."))
        }
        Refusal::InvalidField { field: "currency_code", .. } | Refusal::UnknownAsset => {
            bad("currency_code", "Unknown currency code.")
        }
        Refusal::UnknownNetwork | Refusal::AssetUnavailable => {
            bad("currency_code", "This currency is not supported.")
        }
        Refusal::InvalidField { field: "to_address", detail } => {
            bad("network", &format!("Invalid address: {detail}."))
        }
        Refusal::InvalidField { field, detail } => {
            bad("validate_error", &format!("{field}: {detail}."))
        }
        Refusal::NonceMissing | Refusal::NonceReused => bad("validate_error", "Invalid nonce."),
        Refusal::RefReused => bad(
            "validate_error",
            "A withdrawal with this order_id or Idempotency-Key exists and has other parameters.",
        ),
        Refusal::RateLimited { .. } => bad("rate_limit", "Request limit exceeded."),
        Refusal::Destination(DestinationError::Address(why)) => {
            bad("network", &format!("Invalid address: {why}."))
        }
        Refusal::Destination(DestinationError::Memo(why)) => {
            bad("network", &format!("Invalid memo: {why}."))
        }
        Refusal::Amount(error) => bad("uncorrected_amount", amount_text(*error)),
        Refusal::AmountTooSmall { .. } => bad("uncorrected_amount", "The amount is too small."),
        Refusal::AmountTooLarge { .. } => bad("uncorrected_amount", "The amount is too large."),
        Refusal::InsufficientFunds => {
            bad("uncorrected_amount", "The amount and its fees are larger than the balance.")
        }
        Refusal::MerchantPaused => bad("validate_error", "Withdrawals are suspended."),
        Refusal::NotFound => (404, "validate_error", "Not found.".to_owned()),
        Refusal::NotCancellable => bad("validate_error", "It cannot be canceled any more."),
        Refusal::Unavailable(why) => {
            (503, "validate_error", format!("Try the same request again later: {why}."))
        }
    }
}

fn amount_text(error: AmountError) -> &'static str {
    match error {
        AmountError::Malformed => "The amount is not a positive number.",
        AmountError::TooPrecise => "The amount has more decimal places than the currency.",
        AmountError::TooLarge => "The amount is too large.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_the_providers_shape() {
        let mut random = [0; 64];
        random[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        random[8] = 35;
        let ids = invoice_ids(&random);
        assert_eq!(ids, ["INV-P2Q2EGCB", "INV-9AAAAAAA", "INV-AAAAAAAA"]);
    }
}
