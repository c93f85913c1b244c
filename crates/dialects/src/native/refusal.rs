//! How our own API refuses.

use domain::{
    catalog::DestinationError,
    command::Refusal,
    money::{Amount, AmountError},
};
use schemars::JsonSchema;
use serde::Serialize;

/// An error.
#[derive(Serialize, JsonSchema)]
pub(super) struct ErrorBody {
    pub(super) error: ErrorDetail,
}

/// What went wrong: a code for programs, a text for people, and the field that caused it.
#[derive(Serialize, JsonSchema)]
pub(super) struct ErrorDetail {
    pub(super) code: &'static str,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
}

/// Puts a refusal into an HTTP status, a code and a text. `print` prints amounts of the asset
/// that the request names.
pub(super) fn describe(
    refusal: &Refusal,
    print: &dyn Fn(Amount) -> String,
) -> (u16, &'static str, String) {
    let (status, code, text) = match refusal {
        Refusal::Unauthenticated => (401, "unauthenticated", "the token is missing or not valid"),
        Refusal::UnknownPath => (404, "unknown_path", "there is nothing at this path"),
        Refusal::MethodNotAllowed => (405, "method_not_allowed", "not with this method"),
        Refusal::UnsupportedMediaType => (
            415,
            "unsupported_media_type",
            "the content type must be application/json, without a content encoding",
        ),
        Refusal::BodyTooLarge => (413, "body_too_large", "the body is too large"),
        Refusal::Malformed { detail } => (400, "malformed", detail.as_str()),
        Refusal::MissingField { field: "merchant_ref" } => (
            422,
            "missing_field",
            "give merchant_ref or an Idempotency-Key header, so that a retry cannot pay twice",
        ),
        Refusal::MissingField { .. } => (422, "missing_field", "this field must be there"),
        Refusal::InvalidField { detail, .. } => (422, "invalid_field", detail.as_str()),
        Refusal::NonceMissing => (422, "nonce_missing", "the request must carry a nonce"),
        Refusal::NonceReused => (409, "nonce_reused", "the nonce was used before"),
        Refusal::RefReused => {
            (409, "ref_reused", "a payout with this reference or key exists and says otherwise")
        }
        Refusal::RateLimited { .. } => (429, "rate_limited", "too many requests"),
        Refusal::UnknownAsset => (422, "unknown_asset", "no asset goes by this name"),
        Refusal::UnknownNetwork => {
            (422, "unknown_network", "the asset is not on this network, or on several: name one")
        }
        Refusal::AssetUnavailable => (422, "asset_unavailable", "this asset is not paid here"),
        Refusal::Destination(error) => return describe_destination(error),
        Refusal::Amount(error) => describe_amount(*error),
        Refusal::AmountTooSmall { minimum } => {
            return (422, "amount_too_small", limit(("small", "at least"), *minimum, print));
        }
        Refusal::AmountTooLarge { maximum } => {
            return (422, "amount_too_large", limit(("large", "at most"), *maximum, print));
        }
        Refusal::InsufficientFunds => {
            (402, "insufficient_funds", "amount and fees are more than what is available")
        }
        Refusal::MerchantPaused => (403, "merchant_paused", "payouts of this merchant are stopped"),
        Refusal::NotFound => (404, "not_found", "there is no such payout"),
        Refusal::NotCancellable => {
            (409, "not_cancellable", "the payout is on its way or has ended")
        }
        Refusal::NotAwaitingApproval => {
            (409, "not_awaiting_approval", "the payout does not wait for an approval")
        }
        Refusal::NotSupported(reason) => (404, "not_supported", *reason),
        Refusal::InsufficientForConversion { .. } => {
            (402, "insufficient_funds", "what is sold for it costs more than is available")
        }
        Refusal::NoWallet => (402, "insufficient_funds", "there is none of what it is paid from"),
        Refusal::QuoteExpired => {
            (409, "quote_expired", "the quote is too old, used, or for something else")
        }
        Refusal::NotConvertible(reason) => (422, "not_convertible", *reason),
        Refusal::RateUnknown { .. } => {
            (503, "rate_unknown", "there is no price that can be relied on at the moment")
        }
        Refusal::TermsUnknown(reason) => (503, "terms_unknown", *reason),
        Refusal::Unavailable(reason) => (503, "unavailable", *reason),
    };
    (status, code, text.to_owned())
}

fn describe_amount(error: AmountError) -> (u16, &'static str, &'static str) {
    match error {
        AmountError::Malformed => {
            (422, "amount_malformed", "the amount must be a plain positive decimal, as a string")
        }
        AmountError::TooPrecise => {
            (422, "amount_too_precise", "the amount has more places than the asset")
        }
        AmountError::TooLarge => (422, "amount_too_large", "the amount is larger than any can be"),
    }
}

fn describe_destination(error: &DestinationError) -> (u16, &'static str, String) {
    match error {
        DestinationError::Address(why) => (422, "invalid_address", why.clone()),
        DestinationError::Memo(why) => (422, "invalid_memo", why.clone()),
    }
}

/// Says that an amount is too small or too large, and what the limit is, if there is a fixed one.
fn limit(
    (size, bound): (&str, &str),
    limit: Option<Amount>,
    print: &dyn Fn(Amount) -> String,
) -> String {
    let limit = limit.map(|it| format!(": {bound} {}", print(it))).unwrap_or_default();
    format!("the amount is too {size}{limit}")
}

/// The field that a refusal is about, where it is about one.
pub(super) fn field(refusal: &Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::MissingField { field } | Refusal::InvalidField { field, .. } => Some(field),
        Refusal::UnknownAsset | Refusal::AssetUnavailable => Some("asset"),
        Refusal::UnknownNetwork => Some("network"),
        Refusal::Destination(DestinationError::Address(_)) => Some("address"),
        Refusal::Destination(DestinationError::Memo(_)) => Some("memo"),
        Refusal::Amount(_)
        | Refusal::AmountTooSmall { .. }
        | Refusal::AmountTooLarge { .. }
        | Refusal::InsufficientFunds => Some("amount"),
        Refusal::Unauthenticated
        | Refusal::UnknownPath
        | Refusal::MethodNotAllowed
        | Refusal::UnsupportedMediaType
        | Refusal::BodyTooLarge
        | Refusal::Malformed { .. }
        | Refusal::NonceMissing
        | Refusal::NonceReused
        | Refusal::RefReused
        | Refusal::RateLimited { .. }
        | Refusal::MerchantPaused
        | Refusal::NotFound
        | Refusal::NotCancellable
        | Refusal::NotAwaitingApproval
        | Refusal::NotSupported(_)
        | Refusal::InsufficientForConversion { .. }
        | Refusal::NoWallet
        | Refusal::NotConvertible(_)
        | Refusal::RateUnknown { .. }
        | Refusal::TermsUnknown(_)
        | Refusal::Unavailable(_) => None,
        Refusal::QuoteExpired => Some("quote"),
    }
}
