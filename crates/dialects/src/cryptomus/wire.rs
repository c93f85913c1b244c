//! What Cryptomus writes about payouts: answers and webhooks.

use domain::{
    catalog::{Asset, Catalog},
    money::{Amount, Rounding},
    payout::{FailureCode, Payout, Status},
    quote::{Conversion, Quote},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Profile, assets,
    sum::{PLACES, Sum},
};
use crate::{
    decimal::{Number, with_places},
    shown::Shown,
};

/// What is kept with a payout for its answers.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Note {
    /// The coin, as it was asked for.
    pub(super) currency: String,
    /// The network's code.
    pub(super) network: String,
}

/// Reads the note of a payout; one of another dialect gets the provider's names for its asset.
pub(super) fn note(shown: &Shown<'_>) -> Note {
    let note: Note = serde_json::from_str(&shown.payout.note).unwrap_or_default();
    if note.currency.is_empty() || note.network.is_empty() {
        let (currency, network) = (shown.asset.ticker.clone(), assets::network_name(shown.asset));
        return Note { currency, network };
    }
    note
}

/// The amount and currency that were asked for; `coin` is the name of the coin that is paid.
pub(super) fn asked(shown: &Shown<'_>, coin: &str) -> (String, String) {
    match &shown.payout.quote.worth {
        Some(worth) => (worth.amount.to_string(), worth.currency.clone()),
        None => (shown.text(shown.payout.quote.asked), coin.to_owned()),
    }
}

/// What is charged for our service and for the network's, in the coin that is paid.
fn fees(quote: &Quote) -> Amount {
    quote.service_fee.checked_add(quote.network_fee).unwrap_or_default()
}

/// The asset that a payout's merchant is charged in.
pub(super) fn charged<'a>(shown: &Shown<'a>, catalog: &'a Catalog) -> &'a Asset {
    catalog.asset(shown.payout.charged_asset().as_str()).unwrap_or(shown.asset)
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

/// A field that every webhook has and no request.
pub(super) const ONLY_IN_WEBHOOKS: &str = "is_final";

/// The words of statuses.
pub(super) const STATUSES: [&str; 6] =
    ["process", "check", "paid", "fail", "system_fail", "cancel"];

/// A payout.
#[derive(Serialize, JsonSchema)]
pub(super) struct PayoutBody<'a> {
    uuid: &'a str,
    amount: String,
    currency: String,
    /// Of Heleket only: what is charged for it, in `payer_currency`.
    #[serde(skip_serializing_if = "Option::is_none")]
    commissions: Option<String>,
    /// Of Heleket only: what it costs in all, in `payer_currency`.
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant_amount: Option<String>,
    network: String,
    address: &'a str,
    txid: Option<&'a str>,
    #[schemars(extend("enum" = STATUSES))]
    status: &'static str,
    is_final: bool,
    balance: Number,
    payer_currency: String,
    payer_amount: Number,
    /// Of Heleket only: what was sold for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    convert: Option<ConvertBody>,
}

impl<'a> PayoutBody<'a> {
    /// Writes a payout and what is left of what its merchant is charged in.
    pub(super) fn new(
        profile: &Profile,
        shown: &Shown<'a>,
        available: Amount,
        catalog: &'a Catalog,
    ) -> Self {
        let Note { currency: coin, network } = note(shown);
        let (amount, currency) = asked(shown, &coin);
        let quote = &shown.payout.quote;
        let of_profile = |amount| profile.shows_charges.then(|| shown.text(amount));
        Self {
            uuid: &shown.payout.public_id,
            amount,
            currency,
            commissions: of_profile(fees(quote)),
            merchant_amount: of_profile(quote.price()),
            network,
            address: &shown.payout.destination.address,
            txid: shown.txid,
            status: status_word(shown),
            is_final: shown.status.is_final(),
            balance: Number::new(charged(shown, catalog).text(available)),
            payer_currency: coin,
            payer_amount: Number::new(shown.text(quote.amount)),
            convert: profile.shows_charges.then(|| ConvertBody::new(shown, catalog)).flatten(),
        }
    }
}

/// What was sold for a payout.
#[derive(Serialize, JsonSchema)]
struct ConvertBody {
    to_currency: String,
    from_currency: String,
    from_amount: String,
    commission: String,
    rate: String,
}

impl ConvertBody {
    /// Writes what was sold; `None` if that was nothing, or the same coin of another network.
    fn new(shown: &Shown<'_>, catalog: &Catalog) -> Option<Self> {
        let bought_at = shown.payout.quote.usd.as_ref()?.usd;
        let sold = shown.payout.quote.conversions.iter();
        let sold: Vec<(&Conversion, &Asset)> = sold
            .filter_map(|it| Some((it, catalog.asset(it.from.as_str())?)))
            .filter(|it| it.1.ticker != shown.asset.ticker)
            .collect();
        let (first, from) = sold.first()?;
        let sold_at = first.price.as_ref()?.usd;
        let (mut cost, mut commission) = (Sum::default(), Sum::default());
        for (it, asset) in sold.iter().filter(|it| it.1.ticker == from.ticker) {
            let side = (shown.asset.decimals, asset.decimals);
            let fair = bought_at.convert(it.bought, side.0, sold_at, side.1, Rounding::Down)?;
            cost = cost.add(it.cost, side.1)?;
            commission = commission.add(it.cost.checked_sub(fair)?, side.1)?;
        }
        Some(Self {
            to_currency: shown.asset.ticker.clone(),
            from_currency: from.ticker.clone(),
            from_amount: cost.text(),
            commission: commission.text(),
            rate: sold_at.over(bought_at)?.to_string(),
        })
    }
}

/// The word of a status.
pub(super) fn status_word(shown: &Shown<'_>) -> &'static str {
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

/// The provider's word for why a payout failed, where it has one for it.
pub(super) fn fail_reason(status: &str) -> Option<&'static str> {
    (status == "system_fail").then_some("system_error")
}

/// A webhook, but for its signature.
#[derive(Serialize, JsonSchema)]
pub(super) struct WebhookBody<'a> {
    pub(super) r#type: &'static str,
    pub(super) uuid: &'a str,
    pub(super) order_id: Option<&'a str>,
    pub(super) amount: String,
    pub(super) merchant_amount: String,
    pub(super) commission: String,
    pub(super) is_final: bool,
    #[schemars(extend("enum" = STATUSES))]
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fail_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) txid: Option<&'a str>,
    pub(super) currency: String,
    pub(super) network: String,
    pub(super) payer_currency: String,
    pub(super) payer_amount: String,
}

impl<'a> WebhookBody<'a> {
    /// Writes what a webhook says of a payout.
    pub(super) fn new(shown: &Shown<'a>) -> Self {
        let payout: &'a Payout = shown.payout;
        let Note { currency: coin, network } = note(shown);
        let (amount, currency) = asked(shown, &coin);
        let fixed = |amount| with_places(&shown.text(amount), PLACES);
        let travels = !matches!(shown.status, Status::Failed | Status::Cancelled);
        Self {
            r#type: "payout",
            uuid: &payout.public_id,
            order_id: payout.merchant_ref.as_deref(),
            amount: with_places(&amount, PLACES),
            merchant_amount: fixed(payout.quote.price()),
            commission: fixed(fees(&payout.quote)),
            is_final: shown.status.is_final(),
            status: status_word(shown),
            fail_reason: fail_reason(status_word(shown)),
            txid: shown.txid.filter(|_| travels),
            currency,
            network: network.to_ascii_lowercase(),
            payer_currency: coin,
            payer_amount: fixed(payout.quote.amount),
        }
    }
}

/// What a payout would cost, in the coin that would be paid.
#[derive(Serialize, JsonSchema)]
pub(super) struct CalculationBody {
    commission: String,
    merchant_amount: String,
    payout_amount: String,
}

impl CalculationBody {
    /// Writes the figures of a quote of an asset.
    pub(super) fn new(quote: &Quote, asset: &Asset) -> Self {
        let fixed = |amount| with_places(&asset.text(amount), PLACES);
        Self {
            commission: fixed(fees(quote)),
            merchant_amount: fixed(quote.price()),
            payout_amount: fixed(quote.amount),
        }
    }
}
