//! What Cryptomus writes: payouts, balances, webhooks and errors.

use std::collections::BTreeMap;

use domain::{
    catalog::{Catalog, DestinationError},
    command::Refusal,
    ids::{AssetId, MerchantId},
    money::{Amount, AmountError, Rate, Rounding},
    payout::{FailureCode, Payout, Status},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::assets;
use crate::{
    decimal::{Number, with_places},
    http,
    identity::uuid_v4,
    shown::Shown,
};

/// How many places amounts of webhooks and balances have at least.
const PLACES: usize = 8;

/// What is kept with a payout for its answers.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Note {
    /// The currency, as it was asked for.
    pub(super) currency: String,
    /// The network's code.
    pub(super) network: String,
    /// The priority, if one was asked for. It is kept and has no effect.
    pub(super) priority: Option<String>,
}

/// Reads the note of a payout; one of another dialect gets the provider's names for its asset.
fn note(shown: &Shown<'_>) -> Note {
    let note: Note = serde_json::from_str(&shown.payout.note).unwrap_or_default();
    if note.currency.is_empty() || note.network.is_empty() {
        let (currency, network) = (shown.asset.ticker.clone(), assets::network_name(shown.asset));
        return Note { currency, network, priority: None };
    }
    note
}

/// A successful answer.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct Success<T> {
    state: u8,
    result: T,
}

impl<T> Success<T> {
    /// Wraps what is answered.
    pub(super) fn new(result: T) -> Self {
        Self { state: 0, result }
    }
}

/// The words of statuses.
const STATUSES: [&str; 6] = ["process", "check", "paid", "fail", "system_fail", "cancel"];

/// A payout.
#[derive(Serialize, JsonSchema)]
pub(super) struct PayoutBody<'a> {
    uuid: &'a str,
    amount: String,
    currency: String,
    network: String,
    address: &'a str,
    txid: Option<&'a str>,
    #[schemars(extend("enum" = STATUSES))]
    status: &'static str,
    is_final: bool,
    balance: Number,
    payer_currency: String,
    payer_amount: Number,
}

impl<'a> PayoutBody<'a> {
    /// Writes a payout and what is left of its asset.
    pub(super) fn new(shown: &Shown<'a>, available: Amount) -> Self {
        let Note { currency, network, .. } = note(shown);
        Self {
            uuid: &shown.payout.public_id,
            amount: shown.text(shown.payout.quote.asked),
            currency: currency.clone(),
            network,
            address: &shown.payout.destination.address,
            txid: shown.txid,
            status: status_word(shown),
            is_final: shown.status.is_final(),
            balance: Number::new(shown.text(available)),
            payer_currency: currency,
            payer_amount: Number::new(shown.text(shown.payout.quote.amount)),
        }
    }
}

fn status_word(shown: &Shown<'_>) -> &'static str {
    match shown.status {
        Status::AwaitingApproval | Status::Queued | Status::Sending => "process",
        Status::InBlock => "check",
        Status::Paid => "paid",
        Status::Failed => match shown.failure().map(|it| it.code) {
            Some(FailureCode::RefusedBySigner) => "system_fail",
            Some(FailureCode::RefusedByNetwork) | None => "fail",
        },
        Status::Cancelled => "cancel",
    }
}

/// A webhook, but for its signature.
#[derive(Serialize, JsonSchema)]
pub(super) struct WebhookBody<'a> {
    r#type: &'static str,
    uuid: &'a str,
    order_id: Option<&'a str>,
    amount: String,
    merchant_amount: String,
    commission: String,
    is_final: bool,
    #[schemars(extend("enum" = STATUSES))]
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    txid: Option<&'a str>,
    currency: String,
    network: String,
    payer_currency: String,
    payer_amount: String,
}

impl<'a> WebhookBody<'a> {
    /// Writes what a webhook says of a payout.
    pub(super) fn new(shown: &Shown<'a>) -> Self {
        let payout: &'a Payout = shown.payout;
        let quote = &payout.quote;
        let Note { currency, network, .. } = note(shown);
        let fixed = |amount| with_places(&shown.text(amount), PLACES);
        let fees = quote.service_fee.checked_add(quote.network_fee).unwrap_or_default();
        let travels = !matches!(shown.status, Status::Failed | Status::Cancelled);
        Self {
            r#type: "payout",
            uuid: &payout.public_id,
            order_id: payout.merchant_ref.as_deref(),
            amount: fixed(quote.asked),
            merchant_amount: fixed(quote.price()),
            commission: fixed(fees),
            is_final: shown.status.is_final(),
            status: status_word(shown),
            txid: shown.txid.filter(|_| travels),
            currency: currency.clone(),
            network: network.to_ascii_lowercase(),
            payer_currency: currency,
            payer_amount: fixed(quote.amount),
        }
    }
}

/// The balances of a merchant, and those of its personal wallet, of which there is none.
#[derive(Serialize, JsonSchema)]
pub(super) struct BalancesBody {
    balance: Balances,
}

#[derive(Serialize, JsonSchema)]
struct Balances {
    merchant: Vec<BalanceBody>,
    user: [(); 0],
}

#[derive(Serialize, JsonSchema)]
struct BalanceBody {
    uuid: String,
    balance: String,
    currency_code: String,
}

/// More places than any asset has.
const DECIMALS_MAX: u8 = 30;

impl BalancesBody {
    /// Writes balances: one per currency, summed over its networks. A sum that is too large to be
    /// written is left out.
    pub(super) fn new(merchant: MerchantId, rows: &[(AssetId, Amount)], catalog: &Catalog) -> Self {
        let mut sums: BTreeMap<&str, (u8, Option<Amount>)> = BTreeMap::new();
        for (id, amount) in rows {
            let Some(asset) = catalog.asset(id.as_str()) else { continue };
            let (places, sum) =
                sums.remove(&*asset.ticker).unwrap_or((asset.decimals, Some(Amount::ZERO)));
            let common = places.max(asset.decimals).min(DECIMALS_MAX);
            let widen = |amount, from| Rate::ONE.price(amount, from, common, Rounding::Down);
            let sum = sum.and_then(|it| widen(it, places));
            let both = sum.zip(widen(*amount, asset.decimals));
            let sum = both.and_then(|(one, other)| one.checked_add(other));
            sums.insert(&asset.ticker, (common, sum));
        }
        let row = |(currency, (places, sum)): (&str, (u8, Option<Amount>))| {
            Some(BalanceBody {
                uuid: wallet_uuid(merchant, currency),
                balance: with_places(&sum?.to_text(places), PLACES),
                currency_code: currency.to_owned(),
            })
        };
        let merchant = sums.into_iter().filter_map(row).collect();
        Self { balance: Balances { merchant, user: [] } }
    }
}

/// The provider's wallets have identifiers: ours are made of the merchant and the currency.
fn wallet_uuid(merchant: MerchantId, currency: &str) -> String {
    let digest = Sha256::digest(format!("{merchant} {currency}"));
    uuid_v4(*digest.first_chunk().expect("a SHA-256 has 32 bytes"))
}

/// An error: a message, and for validation errors the rules that fields broke.
#[derive(Default, Serialize, JsonSchema)]
pub(super) struct ErrorBody {
    state: u8,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    errors: BTreeMap<&'static str, [String; 1]>,
    message: String,
}

/// The provider's words for its own failures.
#[derive(Serialize, JsonSchema)]
pub(super) struct ServerErrorBody {
    state: u8,
    message: &'static str,
    code: u16,
    error: Option<()>,
}

/// What is answered when we cannot decide: the body of the provider's own failures.
pub(super) const SERVER_ERROR: ServerErrorBody =
    ServerErrorBody { state: 1, message: "Server error, #1", code: 500, error: None };

/// A message alone, with the status that published clients understand best.
fn message(text: &str) -> (u16, ErrorBody) {
    error(422, text)
}

fn error(status: u16, text: &str) -> (u16, ErrorBody) {
    (status, ErrorBody { state: 1, message: text.to_owned(), ..ErrorBody::default() })
}

fn broken(field: &'static str, rule: &str, text: &str) -> (u16, ErrorBody) {
    let errors = BTreeMap::from([(field, [rule.to_owned()])]);
    (422, ErrorBody { state: 1, errors, message: text.to_owned() })
}

/// The rules that break when neither identifier of a payout is given.
pub(super) fn neither_identifier() -> (u16, ErrorBody) {
    let rule = || ["validation.required_without".to_owned()];
    let errors = BTreeMap::from([("uuid", rule()), ("order_id", rule())]);
    (422, ErrorBody { state: 1, errors, message: "Give uuid or order_id.".to_owned() })
}

/// Puts a refusal into an HTTP status and a body. `print` prints amounts of the asset that the
/// request names, with its ticker; `None` if it names none.
pub(super) fn describe(
    refusal: &Refusal,
    print: &dyn Fn(Amount) -> Option<String>,
) -> (u16, ErrorBody) {
    match refusal {
        Refusal::Unauthenticated => error(401, "Invalid Sign."),
        Refusal::UnknownPath => error(404, "This method is not available on this gateway."),
        Refusal::MethodNotAllowed => error(405, "This method takes POST only."),
        Refusal::UnsupportedMediaType => {
            error(415, "The Content-Type must be application/json, without a Content-Encoding.")
        }
        Refusal::BodyTooLarge => error(413, "The request is too large."),
        Refusal::Malformed { detail } => message(&format!("The request is not JSON: {detail}.")),
        Refusal::MissingField { field } => {
            broken(field, "validation.required", &format!("The {field} field is required."))
        }
        Refusal::InvalidField { field, detail } if detail.starts_with("validation.") => {
            broken(field, detail, &format!("The {field} field is invalid: {detail}."))
        }
        Refusal::InvalidField { field, detail } if http::is_header(field) => {
            message(&format!("{field}: {detail}."))
        }
        Refusal::InvalidField { detail, .. } => message(detail),
        Refusal::NonceMissing | Refusal::NonceReused => message("The nonce is invalid."),
        Refusal::RefReused => {
            broken("order_id", "validation.unique", "The order_id was used for another payout.")
        }
        Refusal::RateLimited { .. } => error(429, "Too Many Attempts."),
        Refusal::UnknownAsset => message("The currency was not found"),
        Refusal::UnknownNetwork | Refusal::AssetUnavailable => message("The service was not found"),
        Refusal::Destination(DestinationError::Address(why)) => {
            let text = format!("The address field is invalid: {why}.");
            broken("address", "validation.crypto_address", &text)
        }
        Refusal::Destination(DestinationError::Memo(why)) => {
            broken("memo", "validation.memo", &format!("The memo field is invalid: {why}."))
        }
        Refusal::Amount(error) => broken_amount(*error),
        Refusal::AmountTooSmall { minimum } => match minimum.and_then(print) {
            Some(minimum) => message(&format!("Minimum amount {minimum}")),
            None => message("The withdrawal amount is too small"),
        },
        Refusal::AmountTooLarge { maximum } => match maximum.and_then(print) {
            Some(maximum) => message(&format!("Maximum amount {maximum}")),
            None => broken_amount(AmountError::TooLarge),
        },
        Refusal::InsufficientFunds => message("Not enough funds"),
        Refusal::MerchantPaused => message("You are forbidden"),
        Refusal::NotFound => message("The payout was not found"),
        Refusal::NotCancellable => message("The payout cannot be cancelled"),
        Refusal::NotAwaitingApproval => message("The payout does not wait for an approval"),
        Refusal::NotSupported(why) => error(404, why),
        Refusal::InsufficientForConversion { from, to } => {
            message(&format!("Not enough balance for convert {from} to {to}"))
        }
        Refusal::NoWallet => message("Wallet not found"),
        Refusal::QuoteExpired => message("The quote has expired"),
        Refusal::NotConvertible(_) | Refusal::RateUnknown { .. } => {
            message("Error convert to_currency")
        }
        Refusal::TermsUnknown(_) => message("The terminal was not found"),
        Refusal::Unavailable(_) => error(500, SERVER_ERROR.message),
    }
}

fn broken_amount(error: AmountError) -> (u16, ErrorBody) {
    let (rule, text) = match error {
        AmountError::Malformed => ("validation.numeric", "The amount must be a positive number."),
        AmountError::TooPrecise => {
            ("validation.decimal", "The amount has more decimal places than the currency.")
        }
        AmountError::TooLarge => ("validation.max.numeric", "The amount is too large."),
    };
    broken("amount", rule, text)
}
