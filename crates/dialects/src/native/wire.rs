//! What our own API writes: payouts, pages, balances and errors.

use domain::{
    catalog::{Catalog, DestinationError},
    command::Refusal,
    event::Event,
    ids::AssetId,
    money::{Amount, AmountError},
    payout::{FailureCode, Payout},
    quote::FeeBearer,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::shown::{Shown, rfc3339};

/// A payout.
#[derive(Serialize, JsonSchema)]
pub(super) struct PayoutBody<'a> {
    id: String,
    public_id: &'a str,
    #[schemars(extend("enum" = STATUSES))]
    status: &'static str,
    asset: &'a str,
    network: &'a str,
    asset_id: &'a str,
    amount: String,
    asked_amount: String,
    service_fee: String,
    network_fee: String,
    price: String,
    #[schemars(extend("enum" = BEARERS))]
    fee_bearer: &'static str,
    address: &'a str,
    memo: Option<&'a str>,
    merchant_ref: Option<&'a str>,
    txid: Option<&'a str>,
    explorer_url: Option<String>,
    failure: Option<FailureBody<'a>>,
    webhook_url: Option<&'a str>,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<Vec<EventBody<'a>>>,
}

#[derive(Serialize, JsonSchema)]
struct FailureBody<'a> {
    code: &'static str,
    message: &'a str,
}

#[derive(Serialize, JsonSchema)]
struct EventBody<'a> {
    at: String,
    event: &'static str,
    detail: &'a str,
}

impl<'a> PayoutBody<'a> {
    /// Writes a payout; its timeline only where it was asked for.
    pub(super) fn new(shown: &Shown<'a>, catalog: &Catalog, events: Option<&'a [Event]>) -> Self {
        let Shown { payout, asset, .. } = *shown;
        let quote = &payout.quote;
        let explorer_url = &catalog.network_of(asset).explorer_url;
        Self {
            id: payout.id.to_string(),
            public_id: &payout.public_id,
            status: shown.status.word(),
            asset: &asset.ticker,
            network: asset.network.as_str(),
            asset_id: asset.id.as_str(),
            amount: shown.text(quote.amount),
            asked_amount: shown.text(quote.asked),
            service_fee: shown.text(quote.service_fee),
            network_fee: shown.text(quote.network_fee),
            price: shown.text(quote.price()),
            fee_bearer: bearer_word(quote.bearer),
            address: &payout.destination.address,
            memo: payout.destination.memo.as_deref(),
            merchant_ref: payout.merchant_ref.as_deref(),
            txid: shown.txid,
            explorer_url: shown.txid.map(|it| explorer_url.replace("{txid}", it)),
            failure: shown.failure().map(|it| FailureBody {
                code: match it.code {
                    FailureCode::RefusedByNetwork => "refused_by_network",
                    FailureCode::RefusedBySigner => "refused_by_signer",
                },
                message: &it.detail,
            }),
            webhook_url: payout.webhook.as_ref().map(|it| it.url.as_str()),
            created_at: rfc3339(payout.created_at),
            updated_at: rfc3339(shown.updated_at),
            timeline: events.map(|it| it.iter().map(event).collect()),
        }
    }
}

fn event(event: &Event) -> EventBody<'_> {
    EventBody { at: rfc3339(event.at), event: event.kind.word(), detail: &event.detail }
}

/// The words of statuses.
pub(super) const STATUSES: [&str; 7] =
    ["awaiting_approval", "queued", "sending", "in_block", "paid", "failed", "cancelled"];

/// The words for who bears the fees.
pub(super) const BEARERS: [&str; 2] = ["merchant", "recipient"];

fn bearer_word(bearer: FeeBearer) -> &'static str {
    match bearer {
        FeeBearer::Merchant => BEARERS[0],
        FeeBearer::Recipient => BEARERS[1],
    }
}

/// Reads who bears the fees.
pub(super) fn bearer(word: &str) -> Option<FeeBearer> {
    [FeeBearer::Merchant, FeeBearer::Recipient].into_iter().find(|it| bearer_word(*it) == word)
}

/// A page of payouts, newest first.
#[derive(Serialize, JsonSchema)]
pub(super) struct PageBody<'a> {
    payouts: Vec<PayoutBody<'a>>,
    has_more: bool,
    /// What to ask the next page with.
    next_before: Option<String>,
}

impl<'a> PageBody<'a> {
    /// Writes a page.
    pub(super) fn new(page: &'a [Payout], more: bool, catalog: &'a Catalog) -> Self {
        let body = |it| PayoutBody::new(&Shown::now(it, catalog), catalog, None);
        let last = page.last().filter(|_| more);
        Self {
            payouts: page.iter().map(body).collect(),
            has_more: more,
            next_before: last.map(|it| it.id.to_string()),
        }
    }
}

/// What can be spent.
#[derive(Serialize, JsonSchema)]
pub(super) struct BalancesBody<'a> {
    balances: Vec<BalanceBody<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct BalanceBody<'a> {
    asset: &'a str,
    network: &'a str,
    asset_id: &'a str,
    available: String,
}

impl<'a> BalancesBody<'a> {
    /// Writes balances of assets of the catalog.
    pub(super) fn new(balances: &[(AssetId, Amount)], catalog: &'a Catalog) -> Self {
        let row = |(id, amount): &(AssetId, Amount)| {
            let asset = catalog.asset(id.as_str())?;
            Some(BalanceBody {
                asset: &asset.ticker,
                network: asset.network.as_str(),
                asset_id: asset.id.as_str(),
                available: asset.text(*amount),
            })
        };
        Self { balances: balances.iter().filter_map(row).collect() }
    }
}

/// A webhook.
#[derive(Serialize, JsonSchema)]
pub(super) struct WebhookBody<'a> {
    /// `payout.` and the status.
    pub(super) r#type: String,
    /// The delivery's identifier: the same for every try.
    pub(super) id: String,
    /// The payout, as it was when it reached the status.
    pub(super) payout: PayoutBody<'a>,
}

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
        Refusal::Amount(AmountError::Malformed) => {
            (422, "amount_malformed", "the amount must be a plain positive decimal, as a string")
        }
        Refusal::Amount(AmountError::TooPrecise) => {
            (422, "amount_too_precise", "the amount has more places than the asset")
        }
        Refusal::Amount(AmountError::TooLarge) => {
            (422, "amount_too_large", "the amount is larger than any can be")
        }
        Refusal::AmountTooSmall { minimum } => {
            let text = limit("the amount is too small", "at least", *minimum, print);
            return (422, "amount_too_small", text);
        }
        Refusal::AmountTooLarge { maximum } => {
            let text = limit("the amount is too large", "at most", *maximum, print);
            return (422, "amount_too_large", text);
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
        Refusal::InsufficientForConversion { .. } => (
            422,
            "insufficient_funds",
            "the balance of what is sold for it does not cover its cost",
        ),
        Refusal::NoWallet => {
            (422, "insufficient_funds", "the merchant never had any of what it is paid from")
        }
        Refusal::QuoteExpired => {
            (409, "quote_expired", "the quote is too old, or for something else")
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

fn describe_destination(error: &DestinationError) -> (u16, &'static str, String) {
    match error {
        DestinationError::Address(why) => (422, "invalid_address", why.clone()),
        DestinationError::Memo(why) => (422, "invalid_memo", why.clone()),
    }
}

fn limit(
    what: &str,
    bound: &str,
    limit: Option<Amount>,
    print: &dyn Fn(Amount) -> String,
) -> String {
    limit.map_or_else(|| what.to_owned(), |it| format!("{what}: {bound} {}", print(it)))
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

#[cfg(test)]
mod tests {
    use domain::payout::Status;

    use super::*;

    #[test]
    fn all_statuses_are_listed() {
        assert_eq!(Status::ALL.map(Status::word), STATUSES);
    }
}
