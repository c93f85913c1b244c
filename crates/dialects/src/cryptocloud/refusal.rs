//! How `CryptoCloud` refuses.

use std::collections::BTreeMap;

use domain::{catalog::DestinationError, command::Refusal, money::AmountError};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Message, http};

/// An error: texts by keys.
#[derive(Serialize, JsonSchema)]
pub(super) struct ErrorBody<'a> {
    status: &'static str,
    result: BTreeMap<&'static str, &'a str>,
}

/// Writes why a request is refused.
pub(super) fn write(refusal: &Refusal) -> Message {
    let (status, key, text) = describe(refusal);
    let body = ErrorBody { status: "error", result: BTreeMap::from([(key, text.as_str())]) };
    http::json(status, &body)
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
        Refusal::NotAwaitingApproval => bad("validate_error", "It does not wait for an approval."),
        Refusal::NotSupported(why) => {
            (404, "validate_error", format!("Not available here: {why}."))
        }
        Refusal::InsufficientForConversion { from, .. } => {
            bad("uncorrected_amount", &format!("The balance of {from} is too small for it."))
        }
        Refusal::NoWallet => bad("uncorrected_amount", "There is no balance in this currency."),
        Refusal::QuoteExpired => bad("validate_error", "The quote is too old."),
        Refusal::NotConvertible(why) => {
            bad("validate_error", &format!("It cannot be exchanged: {why}."))
        }
        Refusal::RateUnknown { currency } => (
            503,
            "validate_error",
            format!("Try the same request again later: the price of {currency} is not known."),
        ),
        Refusal::TermsUnknown(why) => {
            (503, "validate_error", format!("Try the same request again later: {why}."))
        }
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
