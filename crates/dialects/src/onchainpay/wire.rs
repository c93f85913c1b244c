//! What `OnchainPay` writes: withdrawals, the balance object its clients start with, and errors.

use domain::{
    catalog::DestinationError,
    command::Refusal,
    money::{Amount, AmountError},
    payout::{Payout, Status},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    identity::uuid_of,
    shown::{Shown, rfc3339},
};

/// How exact figures in US dollars are, in places.
const USD_PLACES: u8 = 8;

/// What is kept with a payout for its answers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Note {
    /// Whether `amountTo` was given instead of `amountFrom`.
    pub(super) by_amount_to: bool,
}

impl Note {
    fn of(payout: &Payout) -> Self {
        serde_json::from_str(&payout.note).unwrap_or_default()
    }
}

/// A successful answer.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct Success<T> {
    success: bool,
    response: T,
}

impl<T> Success<T> {
    /// Wraps what is answered.
    pub(super) fn new(response: T) -> Self {
        Self { success: true, response }
    }
}

/// The words of statuses.
const STATUSES: [&str; 5] = ["PENDING", "WITHDRAWING", "PROCESSED", "ERROR", "REJECTED"];

/// A withdrawal, all of the page's keys in its order. What we do not know is null: the wallet that
/// pays is chosen later, and nobody assesses the address's risk.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Withdrawal<'a> {
    id: &'a str,
    organization_id: String,
    r#type: &'static str,
    #[schemars(extend("enum" = STATUSES))]
    status: &'static str,
    message: Option<&'a str>,
    address_risk_level: Option<()>,
    currency_from: &'a str,
    network_from: &'a str,
    currency_to: &'a str,
    network_to: &'a str,
    address_from_id: Option<()>,
    address_from: Option<()>,
    address_to: &'a str,
    amount_from: String,
    #[serde(rename = "amountFromUSD")]
    amount_from_usd: Option<String>,
    amount_to: String,
    #[serde(rename = "amountToUSD")]
    amount_to_usd: Option<String>,
    amount_to_receive: String,
    rate: &'static str,
    blockchain_fee_from: &'static str,
    #[serde(rename = "blockchainFeeFromUSD")]
    blockchain_fee_from_usd: &'static str,
    blockchain_fee_to_source: &'static str,
    blockchain_fee_to: String,
    #[serde(rename = "blockchainFeeToUSD")]
    blockchain_fee_to_usd: Option<String>,
    service_fee: String,
    tx_id: Option<&'a str>,
    webhook_url: Option<&'a str>,
    approve_url: Option<()>,
    approve_result: Option<()>,
    requested_client_id: Option<()>,
    requested_currency: Option<()>,
    requested_amount: Option<()>,
    created_at: String,
    updated_at: String,
}

impl<'a> Withdrawal<'a> {
    /// Writes a withdrawal. Source and destination are the same asset, so the rate is one.
    pub(super) fn new(shown: &Shown<'a>) -> Self {
        let payout: &'a Payout = shown.payout;
        let quote = &payout.quote;
        let amount_from = if Note::of(payout).by_amount_to { quote.price() } else { quote.asked };
        let usd = |amount| shown.usd(amount, USD_PLACES);
        Self {
            id: &payout.public_id,
            organization_id: uuid_of(payout.merchant.0),
            r#type: "WITHDRAWAL",
            status: status_word(shown.status),
            message: shown.failure().map(|it| it.detail.as_str()),
            address_risk_level: None,
            currency_from: &shown.asset.ticker,
            network_from: shown.asset.network.as_str(),
            currency_to: &shown.asset.ticker,
            network_to: shown.asset.network.as_str(),
            address_from_id: None,
            address_from: None,
            address_to: &payout.destination.address,
            amount_from: shown.text(amount_from),
            amount_from_usd: usd(amount_from),
            amount_to: shown.text(quote.asked),
            amount_to_usd: usd(quote.asked),
            amount_to_receive: shown.text(quote.amount),
            rate: "1",
            blockchain_fee_from: "0",
            blockchain_fee_from_usd: "0",
            blockchain_fee_to_source: "ADVANCED",
            blockchain_fee_to: shown.text(quote.network_fee),
            blockchain_fee_to_usd: usd(quote.network_fee),
            service_fee: shown.text(quote.service_fee),
            tx_id: shown.txid,
            webhook_url: payout.webhook.as_ref().map(|it| it.url.as_str()),
            approve_url: None,
            approve_result: None,
            requested_client_id: None,
            requested_currency: None,
            requested_amount: None,
            created_at: rfc3339(payout.created_at),
            updated_at: rfc3339(shown.updated_at),
        }
    }
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::AwaitingApproval | Status::Queued => "PENDING",
        Status::Sending | Status::InBlock => "WITHDRAWING",
        Status::Paid => "PROCESSED",
        Status::Failed => "ERROR",
        Status::Cancelled => "REJECTED",
    }
}

/// The provider's prepaid balance in US dollars, which its published clients ask for before
/// anything else. There is none here: fees come out of the asset that is paid.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AdvancedBalance {
    #[serde(rename = "advancedBalanceId")]
    pub(super) id: String,
    pub(super) currency: &'static str,
    pub(super) blocked: bool,
    pub(super) block_reason: Option<()>,
    pub(super) balance: &'static str,
    pub(super) available_currencies_for_deposit: [(); 0],
    pub(super) tariffs: [(); 0],
}

/// An error.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorBody {
    pub(super) success: bool,
    pub(super) error: ErrorDetail,
    pub(super) request_id: String,
}

/// What went wrong. The provider's list of codes is not public: the code is the HTTP status.
#[derive(Serialize, JsonSchema)]
pub(super) struct ErrorDetail {
    pub(super) code: u16,
    pub(super) name: &'static str,
    pub(super) message: String,
}

/// Puts a refusal into an HTTP status (also the code), a name and a text. `print` prints amounts
/// of the asset that the request names.
pub(super) fn describe(refusal: &Refusal, print: &dyn Fn(Amount) -> String) -> ErrorDetail {
    let (code, name, text) = match refusal {
        Refusal::Unauthenticated => {
            (401, "INVALID_SIGNATURE", "The public key or the signature is not valid")
        }
        Refusal::UnknownPath => {
            (404, "METHOD_NOT_FOUND", "This method is not available on this gateway")
        }
        Refusal::MethodNotAllowed => (405, "METHOD_NOT_ALLOWED", "This method takes POST only"),
        Refusal::UnsupportedMediaType => (
            400,
            "INVALID_CONTENT_TYPE",
            "The content type must be application/json, without a content encoding",
        ),
        Refusal::BodyTooLarge => (400, "BODY_TOO_LARGE", "The request is too large"),
        Refusal::Malformed { detail } => (400, "INVALID_JSON", detail.as_str()),
        Refusal::MissingField { field: field @ ("amountFrom" | "id") } => {
            let name = if *field == "id" { "id" } else { "amountFrom or amountTo" };
            return detail("VALIDATION_ERROR", format!("{name} is required"));
        }
        Refusal::MissingField { field } => {
            return detail("VALIDATION_ERROR", format!("{field} is required"));
        }
        Refusal::InvalidField { field, detail: why } => {
            return detail("VALIDATION_ERROR", format!("{field}: {why}"));
        }
        Refusal::NonceMissing => (400, "NONCE_REQUIRED", "nonce is required"),
        Refusal::NonceReused => (409, "NONCE_ALREADY_USED", "This nonce was used before"),
        Refusal::RefReused => {
            (409, "CONFLICT", "This Idempotency-Key was used for another withdrawal")
        }
        Refusal::RateLimited { .. } => (429, "TOO_MANY_REQUESTS", "Too many requests"),
        Refusal::UnknownAsset => (400, "CURRENCY_NOT_FOUND", "There is no such currency"),
        Refusal::UnknownNetwork => {
            (400, "NETWORK_NOT_FOUND", "This currency is not on this network")
        }
        Refusal::AssetUnavailable => {
            (400, "CURRENCY_UNAVAILABLE", "This currency is not paid on this network")
        }
        Refusal::Destination(DestinationError::Address(why)) => {
            (400, "INVALID_ADDRESS", why.as_str())
        }
        Refusal::Destination(DestinationError::Memo(why)) => (400, "INVALID_TAG", why.as_str()),
        Refusal::Amount(AmountError::Malformed) => {
            (400, "INVALID_AMOUNT", "The amount is not a positive number")
        }
        Refusal::Amount(AmountError::TooPrecise) => {
            (400, "INVALID_AMOUNT", "The amount has more decimal places than the currency")
        }
        Refusal::Amount(AmountError::TooLarge) => {
            (400, "AMOUNT_TOO_LARGE", "The amount is too large")
        }
        Refusal::AmountTooSmall { minimum } => {
            let bound = minimum.map_or_else(String::new, |it| format!(", at least {}", print(it)));
            return detail("AMOUNT_TOO_SMALL", format!("The amount is too small{bound}"));
        }
        Refusal::AmountTooLarge { maximum } => {
            let bound = maximum.map_or_else(String::new, |it| format!(", at most {}", print(it)));
            return detail("AMOUNT_TOO_LARGE", format!("The amount is too large{bound}"));
        }
        Refusal::InsufficientFunds => {
            (400, "INSUFFICIENT_FUNDS", "The amount and its fees are larger than the balance")
        }
        Refusal::MerchantPaused => (400, "WITHDRAWALS_SUSPENDED", "Withdrawals are suspended"),
        Refusal::NotFound => (404, "NOT_FOUND", "There is no such withdrawal"),
        Refusal::NotCancellable => (409, "CONFLICT", "The withdrawal is on its way or has ended"),
        Refusal::NotAwaitingApproval => {
            (409, "CONFLICT", "The withdrawal does not wait for an approval")
        }
        Refusal::NotSupported(why) => (404, "NOT_SUPPORTED", *why),
        Refusal::InsufficientForConversion { .. } => {
            (400, "INSUFFICIENT_FUNDS", "The balance of the source coin does not cover its cost")
        }
        Refusal::NoWallet => (400, "INSUFFICIENT_FUNDS", "There is no balance in the source coin"),
        Refusal::QuoteExpired => {
            (400, "FEE_TOKEN_EXPIRED", "The fee token is too old, or for something else")
        }
        Refusal::NotConvertible(why) => (400, "EXCHANGE_UNAVAILABLE", *why),
        Refusal::RateUnknown { .. } => {
            (503, "RATE_UNAVAILABLE", "There is no price that can be relied on at the moment")
        }
        Refusal::TermsUnknown(why) => (503, "SERVICE_UNAVAILABLE", *why),
        Refusal::Unavailable(why) => (503, "SERVICE_UNAVAILABLE", *why),
    };
    ErrorDetail { code, name, message: text.to_owned() }
}

fn detail(name: &'static str, message: String) -> ErrorDetail {
    ErrorDetail { code: 400, name, message }
}
