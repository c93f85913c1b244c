//! What a dialect says of itself, for the description of its API.

use domain::{
    catalog::DestinationError,
    command::Refusal,
    money::{Amount, AmountError},
};
use schemars::{Schema, SchemaGenerator};

use crate::endpoint::Endpoint;

/// The description of an API. Only this crate can look into it.
#[derive(Debug)]
pub struct About {
    /// What people call it.
    pub(crate) title: &'static str,
    /// What there is to know, in Markdown.
    pub(crate) text: &'static str,
    /// What a request must show, all of it.
    pub(crate) credentials: &'static [Credential],
    /// The calls, with their names.
    pub(crate) endpoints: Vec<Endpoint<String>>,
    /// The form of the body of a refusal with this HTTP status.
    pub(crate) error: fn(u16, &mut SchemaGenerator) -> Schema,
    /// A field, and what this API says when it breaks a rule: an example for refusals.
    pub(crate) broken: (&'static str, &'static str),
    /// What it sends.
    pub(crate) webhook: AboutWebhook,
}

/// The description of a webhook.
#[derive(Debug)]
pub(crate) struct AboutWebhook {
    /// What there is to know, in Markdown.
    pub(crate) text: &'static str,
    /// Its headers, each with what it holds.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// The form of its body.
    pub(crate) body: fn(&mut SchemaGenerator) -> Schema,
    /// A conversation of `golden/` in which one is sent, for an example.
    pub(crate) golden: &'static str,
    /// The HTTP status that acknowledges it.
    pub(crate) acknowledgement: &'static str,
}

/// Something a request shows to prove who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Credential {
    /// A bearer token as RFC 6750 says.
    Bearer {
        /// What it is, in Markdown.
        about: &'static str,
    },
    /// A header of its own.
    Header {
        /// The header.
        name: &'static str,
        /// What it holds, in Markdown.
        about: &'static str,
    },
}

/// What refusals of a call can be about, beside the request itself and who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Whether there is such a thing as a request names.
    Existence,
    /// Whether a payout can still be cancelled.
    Cancelling,
    /// A coin and its network.
    Asset,
    /// An amount.
    Amount,
    /// Who is paid.
    Destination,
    /// A nonce.
    Nonce,
    /// What the merchant has, may do, and has asked for before.
    Merchant,
    /// Prices, fees and exchange.
    Pricing,
    /// Whether a payout waits for an approval.
    Approving,
    /// A call of the provider's that this gateway does not have.
    Support,
}

/// What refusals of requests for payouts can be about.
pub(crate) const PAYING: &[Subject] =
    &[Subject::Asset, Subject::Amount, Subject::Destination, Subject::Merchant, Subject::Pricing];

/// Whose fault a refusal is, as far as calls differ in it.
enum Cause {
    /// A path or method that is not a call.
    Path,
    /// Any request.
    Request,
    /// A request with fields.
    Fields,
    /// A request about this.
    About(Subject),
}

fn cause(refusal: &Refusal) -> Cause {
    match refusal {
        Refusal::UnknownPath | Refusal::MethodNotAllowed => Cause::Path,
        Refusal::Unauthenticated
        | Refusal::UnsupportedMediaType
        | Refusal::BodyTooLarge
        | Refusal::Malformed { .. }
        | Refusal::InvalidField { .. }
        | Refusal::RateLimited { .. }
        | Refusal::Unavailable(_) => Cause::Request,
        Refusal::MissingField { .. } => Cause::Fields,
        Refusal::NonceMissing | Refusal::NonceReused => Cause::About(Subject::Nonce),
        Refusal::RefReused
        | Refusal::InsufficientFunds
        | Refusal::InsufficientForConversion { .. }
        | Refusal::NoWallet
        | Refusal::MerchantPaused => Cause::About(Subject::Merchant),
        Refusal::NotConvertible(_)
        | Refusal::RateUnknown { .. }
        | Refusal::TermsUnknown(_)
        | Refusal::QuoteExpired => Cause::About(Subject::Pricing),
        Refusal::NotAwaitingApproval => Cause::About(Subject::Approving),
        Refusal::NotSupported(_) => Cause::About(Subject::Support),
        Refusal::UnknownAsset | Refusal::UnknownNetwork | Refusal::AssetUnavailable => {
            Cause::About(Subject::Asset)
        }
        Refusal::Destination(_) => Cause::About(Subject::Destination),
        Refusal::Amount(_) | Refusal::AmountTooSmall { .. } | Refusal::AmountTooLarge { .. } => {
            Cause::About(Subject::Amount)
        }
        Refusal::NotFound => Cause::About(Subject::Existence),
        Refusal::NotCancellable => Cause::About(Subject::Cancelling),
    }
}

/// One refusal of each kind that a call can answer with. `broken` is a field, and what the API says
/// when it breaks a rule.
pub(crate) fn refusals<R>(
    endpoint: &Endpoint<R>,
    (field, rule): (&'static str, &'static str),
) -> Vec<Refusal> {
    let mut described = endpoint.fields.iter().chain(endpoint.parameters);
    let has_fields = described.clone().next().is_some();
    let has_nonce = described.any(|it| it.name == "nonce");
    let mut all = vec![
        Refusal::Unauthenticated,
        Refusal::UnsupportedMediaType,
        Refusal::BodyTooLarge,
        Refusal::Malformed { detail: "expected value at line 1 column 1".to_owned() },
        Refusal::MissingField { field },
        Refusal::InvalidField { field, detail: rule.to_owned() },
        Refusal::NonceMissing,
        Refusal::NonceReused,
        Refusal::RefReused,
        Refusal::RateLimited { retry_after_ms: 1_000 },
        Refusal::UnknownAsset,
        Refusal::UnknownNetwork,
        Refusal::AssetUnavailable,
        Refusal::Destination(DestinationError::Address("the checksum is wrong".to_owned())),
        Refusal::Destination(DestinationError::Memo("this network has none".to_owned())),
        Refusal::Amount(AmountError::Malformed),
        Refusal::Amount(AmountError::TooPrecise),
        Refusal::Amount(AmountError::TooLarge),
        Refusal::AmountTooSmall { minimum: None::<Amount> },
        Refusal::AmountTooLarge { maximum: None::<Amount> },
        Refusal::InsufficientFunds,
        Refusal::InsufficientForConversion { from: "USDT".to_owned(), to: "LTC".to_owned() },
        Refusal::NoWallet,
        Refusal::NotConvertible("the house has not enough of this asset"),
        Refusal::RateUnknown { currency: "EUR".to_owned() },
        Refusal::TermsUnknown("the network fee is not known yet"),
        Refusal::QuoteExpired,
        Refusal::NotAwaitingApproval,
        Refusal::NotSupported("payments are not taken by this gateway"),
        Refusal::MerchantPaused,
        Refusal::NotFound,
        Refusal::NotCancellable,
        Refusal::Unavailable("the ledger did not answer; ask again"),
    ];
    all.retain(|refusal| match cause(refusal) {
        Cause::Path => false,
        Cause::Request if *refusal == Refusal::Unauthenticated => !endpoint.open,
        Cause::Request => true,
        Cause::Fields => has_fields,
        Cause::About(Subject::Nonce) => has_nonce,
        Cause::About(subject) => endpoint.subjects.contains(&subject),
    });
    all
}

/// What a refusal is called in the description of an API.
pub(crate) fn title(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Unauthenticated => "Not authenticated",
        Refusal::UnknownPath => "Unknown path",
        Refusal::MethodNotAllowed => "Wrong method",
        Refusal::UnsupportedMediaType => "Wrong content type or encoding",
        Refusal::BodyTooLarge => "Body too large",
        Refusal::Malformed { .. } => "Body cannot be read",
        Refusal::MissingField { .. } => "Field missing",
        Refusal::InvalidField { .. } => "Field or header breaks a rule",
        Refusal::NonceMissing => "Nonce missing",
        Refusal::NonceReused => "Nonce used before",
        Refusal::RefReused => "Reference used for something else",
        Refusal::RateLimited { .. } => "Too many requests",
        Refusal::UnknownAsset => "Unknown coin",
        Refusal::UnknownNetwork => "Coin is not on this network",
        Refusal::AssetUnavailable => "Coin is not paid here",
        Refusal::Destination(DestinationError::Address(_)) => "Address cannot receive",
        Refusal::Destination(DestinationError::Memo(_)) => "Memo does not fit",
        Refusal::Amount(AmountError::Malformed) => "Not an amount",
        Refusal::Amount(AmountError::TooPrecise) => "Amount too precise",
        Refusal::Amount(AmountError::TooLarge) => "Amount larger than any can be",
        Refusal::AmountTooSmall { .. } => "Amount too small",
        Refusal::AmountTooLarge { .. } => "Amount too large",
        Refusal::InsufficientFunds => "Not enough funds",
        Refusal::InsufficientForConversion { .. } => "Not enough to exchange",
        Refusal::NoWallet => "Never had any",
        Refusal::NotConvertible(_) => "Not exchanged",
        Refusal::RateUnknown { .. } => "No price at the moment",
        Refusal::TermsUnknown(_) => "Terms not known at the moment",
        Refusal::QuoteExpired => "Quote too old",
        Refusal::NotAwaitingApproval => "Does not wait for an approval",
        Refusal::NotSupported(_) => "Not available here",
        Refusal::MerchantPaused => "Payouts are stopped",
        Refusal::NotFound => "Not found",
        Refusal::NotCancellable => "Cannot be cancelled any more",
        Refusal::Unavailable(_) => "Unavailable: ask again",
    }
}
