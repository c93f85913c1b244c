//! How `CryptoCloud` refuses.

use std::collections::BTreeMap;

use domain::{catalog::DestinationError, command::Refusal, money::AmountError};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::{Message, Request, endpoint::Found, http};

/// An error: texts by keys.
#[derive(Serialize, JsonSchema)]
pub(super) struct ErrorBody {
    status: &'static str,
    #[serde(serialize_with = "in_order")]
    #[schemars(with = "BTreeMap<String, String>")]
    result: Vec<(&'static str, String)>,
}

fn in_order<S: Serializer>(
    texts: &[(&'static str, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(texts.iter().map(|(key, text)| (key, text)))
}

/// Writes why a request is refused.
pub(super) fn write(refusal: &Refusal) -> Message {
    let (status, key, text) = describe(refusal);
    http::json(status, &ErrorBody { status: "error", result: vec![(key, text)] })
}

/// Writes why a question is refused: in these calls the key is the name of the field, and all that
/// are missing are named at once.
pub(super) fn write_by_field<R: Copy>(
    found: &Found<'_, R>,
    request: &Request<'_>,
    refusal: &Refusal,
) -> Message {
    let declared = found.endpoint.fields.iter().chain(found.endpoint.parameters);
    let is_declared = |name: &str| declared.clone().any(|it| it.name == name);
    if let Refusal::MissingField { field } = refusal
        && is_declared(field)
    {
        let missing = found.missing(request, field).into_iter();
        let result = missing.map(|it| (it, "This field is required.".to_owned())).collect();
        return http::json(400, &ErrorBody { status: "error", result });
    }
    if let Refusal::InvalidField { field, detail } = refusal
        && is_declared(field)
    {
        return write_field(field, detail);
    }
    write(refusal)
}

/// Writes what is wrong with a field.
pub(super) fn write_field(field: &'static str, detail: &str) -> Message {
    let text = format!("Invalid value: {detail}.");
    http::json(400, &ErrorBody { status: "error", result: vec![(field, text)] })
}

const OTHER_CONTENT: &str =
    "A withdrawal with this order_id or Idempotency-Key exists and has other parameters.";

/// Puts a refusal into an HTTP status, an error key and a text.
fn describe(refusal: &Refusal) -> (u16, &'static str, String) {
    let bad = |key, text: &str| (400, key, text.to_owned());
    match refusal {
        Refusal::Unauthenticated => bad("authorization", "Unauthorized request."),
        Refusal::UnknownPath => {
            (404, "validate_error", "This method is not available on this gateway.".to_owned())
        }
        Refusal::MethodNotAllowed => {
            (405, "validate_error", "Wrong HTTP method: see the header Allow.".to_owned())
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
        Refusal::RefReused => bad("validate_error", OTHER_CONTENT),
        Refusal::RateLimited { .. } => bad("rate_limit", "Request limit exceeded."),
        Refusal::Destination(error) => bad("network", &destination_text(error)),
        Refusal::Amount(error) => bad("uncorrected_amount", amount_text(*error)),
        Refusal::AmountTooSmall { .. } => bad("uncorrected_amount", "The amount is too small."),
        Refusal::AmountTooLarge { .. } => bad("uncorrected_amount", "The amount is too large."),
        Refusal::InsufficientFunds => {
            bad("uncorrected_amount", "The amount and its fees are larger than the balance.")
        }
        Refusal::MerchantPaused => bad("validate_error", "Withdrawals are suspended."),
        Refusal::NotFound => bad("validate_error", "There is no such withdrawal."),
        Refusal::NotCancellable => bad("validate_error", "A withdrawal cannot be canceled."),
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
        Refusal::TermsUnknown(why) | Refusal::Unavailable(why) => {
            (503, "validate_error", format!("Try the same request again later: {why}."))
        }
    }
}

fn destination_text(error: &DestinationError) -> String {
    match error {
        DestinationError::Address(why) => format!("Invalid address: {why}."),
        DestinationError::Memo(why) => format!("Invalid memo: {why}."),
    }
}

fn amount_text(error: AmountError) -> &'static str {
    match error {
        AmountError::Malformed => "The amount is not a positive number.",
        AmountError::TooPrecise => "The amount has more decimal places than the currency.",
        AmountError::TooLarge => "The amount is too large.",
    }
}
