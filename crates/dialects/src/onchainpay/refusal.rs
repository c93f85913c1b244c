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

/// Puts a refusal into an HTTP status (also the code), a name and a text. `print` prints amounts
/// of the asset that the request names.
fn describe(refusal: &Refusal, print: &dyn Fn(Amount) -> String) -> ErrorDetail {
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
            (400, "NETWORK_NOT_FOUND", "There is no such network, or this currency is not on it")
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
        Refusal::NotFound => (404, "NOT_FOUND", "There is nothing of this name"),
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
