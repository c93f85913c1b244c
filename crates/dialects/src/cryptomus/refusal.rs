//! Why a request is refused, in Cryptomus's words.

use std::collections::BTreeMap;

use domain::{
    catalog::DestinationError,
    command::Refusal,
    money::{Amount, AmountError},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::http;

/// What a request is about, as far as the provider's words depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    /// A payout of a coin.
    Coin,
    /// A payout of a coin that something else is to be sold for.
    Bought,
    /// A payout of a coin that a sum in a fiat currency is worth.
    Worth,
    /// A test of a receiver.
    Testing,
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
pub(super) fn message(text: &str) -> (u16, ErrorBody) {
    error(422, text)
}

fn error(status: u16, text: &str) -> (u16, ErrorBody) {
    (status, ErrorBody { state: 1, message: text.to_owned(), ..ErrorBody::default() })
}

fn broken(field: &'static str, rule: &str, text: &str) -> (u16, ErrorBody) {
    let errors = BTreeMap::from([(field, [rule.to_owned()])]);
    (422, ErrorBody { state: 1, errors, message: text.to_owned() })
}

/// The rules that break when fields are missing.
pub(super) fn missing(names: &[&'static str]) -> (u16, ErrorBody) {
    let rule = |it: &&'static str| (*it, ["validation.required".to_owned()]);
    let texts: Vec<String> =
        names.iter().map(|it| format!("The {it} field is required.")).collect();
    let errors = names.iter().map(rule).collect();
    (422, ErrorBody { state: 1, errors, message: texts.join(" ") })
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
    topic: Topic,
    print: &dyn Fn(Amount) -> Option<String>,
) -> (u16, ErrorBody) {
    match refusal {
        Refusal::Unauthenticated => error(401, "Invalid Sign."),
        Refusal::UnknownPath => error(404, "This method is not available on this gateway."),
        Refusal::MethodNotAllowed => error(405, "This path does not take this method."),
        Refusal::UnsupportedMediaType => {
            error(415, "The Content-Type must be application/json, without a Content-Encoding.")
        }
        Refusal::BodyTooLarge => error(413, "The request is too large."),
        Refusal::Malformed { detail } => message(&format!("The request is not JSON: {detail}.")),
        Refusal::MissingField { field } => missing(&[field]),
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
        Refusal::UnknownAsset | Refusal::UnknownNetwork | Refusal::AssetUnavailable => {
            message(unserved(refusal, topic))
        }
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
        Refusal::NotFound => message(not_found(topic)),
        Refusal::NotCancellable => message("The payout cannot be cancelled"),
        Refusal::NotAwaitingApproval => message("The payout does not wait for an approval"),
        Refusal::NotSupported(why) => error(404, why),
        Refusal::InsufficientForConversion { from, to } => {
            message(&format!("Not enough balance for convert {from} to {to}"))
        }
        Refusal::NoWallet => message("Wallet not found"),
        Refusal::QuoteExpired => message("The quote has expired"),
        // The same coin of another network would have been exchanged for it, which nobody asked for.
        Refusal::NotConvertible(_) if topic == Topic::Coin => message("Not enough funds"),
        Refusal::NotConvertible(_) | Refusal::RateUnknown { .. } => {
            message("Error convert to_currency")
        }
        Refusal::TermsUnknown(_) => message("The terminal was not found"),
        Refusal::Unavailable(_) => error(500, SERVER_ERROR.message),
    }
}

/// The words for a coin that is not there, or not paid.
fn unserved(refusal: &Refusal, topic: Topic) -> &'static str {
    let is_network = *refusal == Refusal::UnknownNetwork;
    let is_currency = *refusal == Refusal::UnknownAsset;
    match topic {
        Topic::Testing => "Payment service not found",
        Topic::Worth if !is_network => "Not found service to_currency",
        Topic::Coin | Topic::Bought if is_currency => "The currency was not found",
        Topic::Coin | Topic::Bought | Topic::Worth => "The service was not found",
    }
}

/// The words for a payout that is not there.
fn not_found(topic: Topic) -> &'static str {
    match topic {
        Topic::Coin | Topic::Bought | Topic::Worth => "The payout was not found",
        Topic::Testing => "Not found payment",
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
