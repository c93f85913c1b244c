//! Why requests are refused, in `OnchainPay`'s words.

use domain::{
    catalog::DestinationError,
    command::Refusal,
    money::{Amount, AmountError},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Context, Message, http, identity};

/// An error.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorBody {
    success: bool,
    error: ErrorDetail,
    request_id: String,
}

/// What went wrong. The provider's list of codes is not public: the code is the HTTP status.
#[derive(Serialize, JsonSchema)]
struct ErrorDetail {
    code: u16,
    name: &'static str,
    message: String,
}

/// Writes a refusal. `print` prints amounts of the asset that the request is about.
pub(super) fn write(
    refusal: &Refusal,
    print: &dyn Fn(Amount) -> String,
    context: &Context<'_>,
) -> Message {
    let error = describe(refusal, print);
    let status = error.code;
    let request_id = identity::request_id(context.random);
    http::json(status, &ErrorBody { success: false, error, request_id })
}

/// Puts a refusal into an HTTP status, which is also the code, a name and a text. `print` prints
/// amounts of the asset that the request is about.
fn describe(refusal: &Refusal, print: &dyn Fn(Amount) -> String) -> ErrorDetail {
    let (code, name) = name(refusal);
    ErrorDetail { code, name, message: text(refusal, print) }
}

fn name(refusal: &Refusal) -> (u16, &'static str) {
    match refusal {
        Refusal::Unauthenticated => (401, "INVALID_SIGNATURE"),
        Refusal::UnknownPath => (404, "METHOD_NOT_FOUND"),
        Refusal::MethodNotAllowed => (405, "METHOD_NOT_ALLOWED"),
        Refusal::UnsupportedMediaType => (400, "INVALID_CONTENT_TYPE"),
        Refusal::BodyTooLarge => (400, "BODY_TOO_LARGE"),
        Refusal::Malformed { .. } => (400, "INVALID_JSON"),
        Refusal::MissingField { .. } | Refusal::InvalidField { .. } => (400, "VALIDATION_ERROR"),
        Refusal::NonceMissing => (400, "NONCE_REQUIRED"),
        Refusal::NonceReused => (409, "NONCE_ALREADY_USED"),
        Refusal::RefReused | Refusal::NotCancellable | Refusal::NotAwaitingApproval => {
            (409, "CONFLICT")
        }
        Refusal::RateLimited { .. } => (429, "TOO_MANY_REQUESTS"),
        Refusal::UnknownAsset => (400, "CURRENCY_NOT_FOUND"),
        Refusal::UnknownNetwork => (400, "NETWORK_NOT_FOUND"),
        Refusal::AssetUnavailable => (400, "CURRENCY_UNAVAILABLE"),
        Refusal::Destination(DestinationError::Address(_)) => (400, "INVALID_ADDRESS"),
        Refusal::Destination(DestinationError::Memo(_)) => (400, "INVALID_TAG"),
        Refusal::Amount(AmountError::Malformed | AmountError::TooPrecise) => {
            (400, "INVALID_AMOUNT")
        }
        Refusal::Amount(AmountError::TooLarge) => (400, "AMOUNT_TOO_LARGE"),
        Refusal::AmountTooSmall { .. } => (400, "AMOUNT_TOO_SMALL"),
        Refusal::AmountTooLarge { .. } => (400, "AMOUNT_TOO_LARGE"),
        Refusal::InsufficientFunds
        | Refusal::InsufficientForConversion { .. }
        | Refusal::NoWallet => (400, "INSUFFICIENT_FUNDS"),
        Refusal::MerchantPaused => (400, "WITHDRAWALS_SUSPENDED"),
        Refusal::NotFound => (404, "NOT_FOUND"),
        Refusal::NotSupported(_) => (404, "NOT_SUPPORTED"),
        Refusal::QuoteExpired => (400, "FEE_TOKEN_EXPIRED"),
        Refusal::NotConvertible(_) => (400, "EXCHANGE_UNAVAILABLE"),
        Refusal::RateUnknown { .. } => (503, "RATE_UNAVAILABLE"),
        Refusal::TermsUnknown(_) | Refusal::Unavailable(_) => (503, "SERVICE_UNAVAILABLE"),
    }
}

fn text(refusal: &Refusal, print: &dyn Fn(Amount) -> String) -> String {
    let bound = |word: &str, amount: &Option<Amount>| {
        amount.map_or_else(String::new, |it| format!(", {word} {}", print(it)))
    };
    let text = match refusal {
        Refusal::Unauthenticated => "The public key or the signature is not valid",
        Refusal::UnknownPath => "This method is not available on this gateway",
        Refusal::MethodNotAllowed => "This method takes POST only",
        Refusal::UnsupportedMediaType => {
            "The content type must be application/json, without a content encoding"
        }
        Refusal::BodyTooLarge => "The request is too large",
        Refusal::Malformed { detail } => detail,
        Refusal::MissingField { field: "amountFrom" } => "amountFrom or amountTo is required",
        Refusal::MissingField { field } => return format!("{field} is required"),
        Refusal::InvalidField { field, detail } => return format!("{field}: {detail}"),
        Refusal::NonceMissing => "nonce is required",
        Refusal::NonceReused => "This nonce was used before",
        Refusal::RefReused => "This Idempotency-Key was used for another withdrawal",
        Refusal::RateLimited { .. } => "Too many requests",
        Refusal::UnknownAsset => "There is no such currency",
        Refusal::UnknownNetwork => "There is no such network, or this currency is not on it",
        Refusal::AssetUnavailable => "This currency is not paid on this network",
        Refusal::Destination(DestinationError::Address(why) | DestinationError::Memo(why)) => why,
        Refusal::Amount(AmountError::Malformed) => "The amount is not a positive number",
        Refusal::Amount(AmountError::TooPrecise) => {
            "The amount has more decimal places than the currency"
        }
        Refusal::Amount(AmountError::TooLarge) => "The amount is too large",
        Refusal::AmountTooSmall { minimum } => {
            return format!("The amount is too small{}", bound("at least", minimum));
        }
        Refusal::AmountTooLarge { maximum } => {
            return format!("The amount is too large{}", bound("at most", maximum));
        }
        Refusal::InsufficientFunds => "The amount and its fees are larger than the balance",
        Refusal::MerchantPaused => "Withdrawals are suspended",
        Refusal::NotFound => "There is nothing of this name",
        Refusal::NotCancellable => "The withdrawal is on its way or has ended",
        Refusal::NotAwaitingApproval => "The withdrawal does not wait for an approval",
        Refusal::InsufficientForConversion { .. } => {
            "The balance of the source coin does not cover its cost"
        }
        Refusal::NoWallet => "There is no balance in the source coin",
        Refusal::QuoteExpired => "The fee token is too old, or for something else",
        Refusal::RateUnknown { .. } => "There is no price that can be relied on at the moment",
        Refusal::NotSupported(why)
        | Refusal::NotConvertible(why)
        | Refusal::TermsUnknown(why)
        | Refusal::Unavailable(why) => why,
    };
    text.to_owned()
}
