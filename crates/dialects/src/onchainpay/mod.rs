//! `OnchainPay`'s auto-withdrawals, under `/api-gateway/`. See its README for sources and quirks.

mod assets;
mod sign;
mod wire;

use domain::{
    catalog::Asset,
    command::{CreatePayout, Nonce, OnOtherContent, Refusal},
    ids::{DialectId, MerchantId},
    money::Amount,
    payout::{self, Status},
    ports::PayoutKey,
    quote::FeeBearer,
};

use self::wire::{AdvancedBalance, ErrorBody, Note, Success, Withdrawal};
use crate::{
    Action, Call, Caller, Context, Dialect, Message, NewKey, Outcome, Request, Webhook,
    fields::{Fields, Value},
    http::{self, URL_CHARACTERS_MAX},
    identity,
    shown::Shown,
};

/// `OnchainPay`'s auto-withdrawals.
pub(crate) struct OnchainPay;

const NAME: &str = "onchainpay";
const ROOT: &str = "/api-gateway/";

const PUBLIC_KEY: &str = "x-api-public-key";
const SIGNATURE: &str = "x-api-signature";

const TEXT_CHARACTERS_MAX: usize = 255;
const NONCE_CHARACTERS_MAX: usize = 128;

/// What merchants are told of; a transaction that got into a block is still being withdrawn.
const TOLD: [Status; 4] = [Status::Sending, Status::Paid, Status::Failed, Status::Cancelled];

/// The waits between tries of a webhook: how many, and how long each, in seconds.
/// <https://docs.onchainpay.io/webhooks>
const RETRY_DELAYS: [(u16, u64); 4] = [(6, 10), (5, 1_800), (4, 7_200), (3, 43_200)];

/// The calls there are. The last segment is kept as the call's note: it tells how to answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    Create,
    Get,
    AdvancedBalances,
    AdvancedBalance,
}

/// What asks for a single balance object instead of a list.
const SINGLE: &str = "single";

fn route(request: &Request<'_>) -> Result<Route, Refusal> {
    let path = request.path.strip_prefix(ROOT).unwrap_or_default();
    let route = match path.trim_end_matches('/') {
        "auto-withdrawals/create" | "auto-swaps/create" | "auto_swaps/create" => Route::Create,
        "auto-withdrawals/get" | "auto-swaps/get" | "auto_swaps/get" => Route::Get,
        "advanced-balances" => Route::AdvancedBalances,
        "advanced-balance" => Route::AdvancedBalance,
        _ => return Err(Refusal::UnknownPath),
    };
    http::expect_post(request)?;
    http::check_headers(request)?;
    http::expect_json(request)?;
    Ok(route)
}

impl Dialect for OnchainPay {
    fn name(&self) -> &'static str {
        NAME
    }

    fn owns(&self, path: &str) -> bool {
        path.starts_with(ROOT)
    }

    fn lookup(&self, request: &Request<'_>) -> Result<String, Refusal> {
        route(request)?;
        identity::public_part(request, PUBLIC_KEY).map(str::to_owned)
    }

    fn decode(
        &self,
        request: &Request<'_>,
        callers: &[Caller],
        context: &Context<'_>,
    ) -> Result<Call, Refusal> {
        let route = route(request)?;
        let public = identity::public_part(request, PUBLIC_KEY)?;
        let signature = identity::public_part(request, SIGNATURE)?;
        let proves = |it: &Caller| sign::verifies(signature, request.body, &it.secret);
        let caller = identity::authenticate(callers, NAME, public, context.now, proves)?;
        let fields = Fields::json(request.body)?;
        let mut nonce = nonce(&fields, caller)?;
        let mut note = String::new();
        let action = match route {
            Route::Create => {
                let mut create = create(request, &fields, caller, context)?;
                create.nonce = nonce.take();
                Action::Create(Box::new(create))
            }
            Route::Get => {
                let id = fields.filled("id", TEXT_CHARACTERS_MAX)?;
                let id = id.ok_or(Refusal::MissingField { field: "id" })?;
                Action::Show(PayoutKey::PublicId(identity::public_id(id)))
            }
            Route::AdvancedBalances => Action::Balances,
            Route::AdvancedBalance => {
                SINGLE.clone_into(&mut note);
                Action::Balances
            }
        };
        Ok(Call { merchant: caller.merchant.id, key: caller.key.id, nonce, action, note })
    }

    fn encode(&self, call: &Call, outcome: &Outcome, context: &Context<'_>) -> Message {
        match outcome {
            Outcome::Payout { payout, .. } => {
                let shown = Shown::now(payout, context.catalog);
                http::json(200, &Success::new(Withdrawal::new(&shown)))
            }
            Outcome::Balances(_) if call.note == SINGLE => {
                http::json(200, &Success::new(advanced_balance(call.merchant)))
            }
            Outcome::Balances(_) => {
                http::json(200, &Success::new([advanced_balance(call.merchant)]))
            }
            Outcome::Payouts { .. } => {
                write_refusal(&Refusal::UnknownPath, &|_| String::new(), context)
            }
        }
    }

    fn refuse(&self, request: &Request<'_>, refusal: &Refusal, context: &Context<'_>) -> Message {
        let print = |amount: Amount| match asked_asset(request, context) {
            Some(asset) => format!("{} {}", asset.text(amount), asset.ticker),
            None => "another amount".to_owned(),
        };
        write_refusal(refusal, &print, context)
    }

    fn webhook(&self, webhook: &Webhook<'_>, context: &Context<'_>) -> Message {
        let shown = Shown::told(webhook, context.catalog);
        let message = http::json(200, &Withdrawal::new(&shown));
        let signature = sign::signature(&message.body, webhook.secret);
        message.with(PUBLIC_KEY, &webhook.key.lookup).with(SIGNATURE, signature)
    }

    fn retry_delay_ms(&self, tries: u16) -> Option<u64> {
        let mut left = tries.max(1);
        for (count, delay_s) in RETRY_DELAYS {
            if left <= count {
                return Some(delay_s * 1_000);
            }
            left -= count;
        }
        None
    }

    fn acknowledges(&self, status: u16) -> bool {
        status == 200
    }

    fn draw_keys(&self, random: &mut dyn FnMut(usize) -> Vec<u8>) -> Vec<NewKey> {
        vec![sign::draw(random)]
    }

    fn adopt_key(&self, role: &str, public: &str, secret: &str) -> Option<NewKey> {
        sign::adopt(role, public, secret)
    }
}

fn write_refusal(
    refusal: &Refusal,
    print: &dyn Fn(Amount) -> String,
    context: &Context<'_>,
) -> Message {
    let error = wire::describe(refusal, print);
    let status = error.code;
    let request_id = identity::request_id(context.random);
    let answer = http::json(status, &ErrorBody { success: false, error, request_id });
    let answer = answer.wait_for(refusal);
    if *refusal == Refusal::MethodNotAllowed { answer.with("allow", "POST") } else { answer }
}

fn advanced_balance(merchant: MerchantId) -> AdvancedBalance {
    AdvancedBalance {
        id: identity::uuid_of(merchant.0),
        currency: "USD",
        blocked: false,
        block_reason: None,
        balance: "0",
        available_currencies_for_deposit: [],
        tariffs: [],
    }
}

fn invalid(field: &'static str, detail: &str) -> Refusal {
    Refusal::InvalidField { field, detail: detail.to_owned() }
}

/// Reads the nonce: clients count, take the time, or draw lots, so nothing but its text matters.
fn nonce(fields: &Fields, caller: &Caller) -> Result<Option<Nonce>, Refusal> {
    let text = match fields.get("nonce") {
        None if caller.key.lenient_nonce => return Ok(None),
        None => return Err(Refusal::NonceMissing),
        Some(Value::Number(text) | Value::Text(text)) => text,
        Some(Value::Null | Value::Bool(_) | Value::Nested) => {
            return Err(invalid("nonce", "must be a number or a string"));
        }
    };
    if !(1..=NONCE_CHARACTERS_MAX).contains(&text.chars().count()) {
        return Err(invalid("nonce", "must be 1 to 128 characters"));
    }
    Ok(Some(Nonce { key: caller.key.id, text: text.clone() }))
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
    let address = required("address")?.to_owned();
    let asset = assets::find(context.catalog, required("currency")?, required("network")?)?;
    let given = |field| fields.get(field).filter(|it| **it != Value::Text(String::new()));
    let (amount, by_amount_to) = match (given("amountFrom"), given("amountTo")) {
        (Some(amount), _) => (amount, false),
        (None, Some(amount)) => (amount, true),
        (None, None) => return Err(Refusal::MissingField { field: "amountFrom" }),
    };
    let bearer = match fields.get("feeInAmount") {
        Some(Value::Bool(true)) => FeeBearer::Merchant,
        None | Some(Value::Bool(false)) => FeeBearer::Recipient,
        Some(Value::Null | Value::Number(_) | Value::Text(_) | Value::Nested) => {
            return Err(invalid("feeInAmount", "must be a boolean"));
        }
    };
    let url = fields.filled("webhookUrl", URL_CHARACTERS_MAX)?;
    if url.is_some_and(|it| !http::is_webhook_url(it)) {
        return Err(invalid("webhookUrl", "must be an http or https address"));
    }
    let webhook = url.map(|url| payout::Webhook { url: url.to_owned(), on: TOLD.to_vec() });
    let note = Note { by_amount_to };
    Ok(CreatePayout {
        id: context.payout_id,
        public_ids: identity::uuids(context.random),
        merchant: caller.merchant.id,
        dialect: DialectId::new(NAME),
        key: Some(caller.key.id),
        merchant_ref: None,
        idempotency_key: http::idempotency_key(request)?,
        on_other_content: OnOtherContent::Refuse,
        nonce: None,
        asset: asset.id.clone(),
        asked: amount.amount(asset.decimals)?,
        bearer,
        address,
        memo: memo(fields)?,
        webhook,
        note: serde_json::to_string(&note).expect("a note is plain data"),
    })
}

/// Reads the memo, which goes by two names.
fn memo(fields: &Fields) -> Result<Option<String>, Refusal> {
    let tag = fields.filled("tag", TEXT_CHARACTERS_MAX)?;
    let memo = fields.filled("memo", TEXT_CHARACTERS_MAX)?;
    if tag.is_some() && memo.is_some() && tag != memo {
        return Err(invalid("memo", "must not differ from tag"));
    }
    Ok(tag.or(memo).map(str::to_owned))
}

/// Finds the asset that a request for a payout names.
fn asked_asset<'a>(request: &Request<'_>, context: &Context<'a>) -> Option<&'a Asset> {
    let fields = Fields::json(request.body).ok()?;
    let text = |field| fields.filled(field, TEXT_CHARACTERS_MAX).ok().flatten();
    assets::find(context.catalog, text("currency")?, text("network")?).ok()
}
