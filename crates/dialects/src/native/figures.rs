//! What a payout costs, as our own API shows it: of payouts, and of quotes.

use domain::{
    catalog::{Asset, Catalog},
    payout::Priority,
    pricing::Locked,
    quote::{Conversion, FeeBearer, Quote, Worth},
    rates::Priced,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Context, shown::rfc3339};

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

/// The words of priorities.
pub(super) const PRIORITIES: [&str; 4] = ["economy", "recommended", "high", "highest"];

/// What arrives and what it costs.
#[derive(Serialize, JsonSchema)]
pub(super) struct Figures<'a> {
    amount: String,
    asked_amount: String,
    service_fee: String,
    network_fee: String,
    price: String,
    #[schemars(extend("enum" = BEARERS))]
    fee_bearer: &'static str,
    #[schemars(extend("enum" = PRIORITIES))]
    priority: &'static str,
    /// The price of a whole coin of what is paid, if one was known.
    usd_price: Option<PriceBody<'a>>,
    /// The sum in another currency that was asked for.
    worth: Option<WorthBody<'a>>,
    /// What is sold for the part of the price that is not paid in the payout's asset.
    conversions: Vec<ConversionBody<'a>>,
}

/// A price in US dollars.
#[derive(Serialize, JsonSchema)]
pub(super) struct PriceBody<'a> {
    usd: String,
    source: &'a str,
    at: String,
}

#[derive(Serialize, JsonSchema)]
struct WorthBody<'a> {
    currency: &'a str,
    amount: String,
    usd_price: PriceBody<'a>,
}

#[derive(Serialize, JsonSchema)]
struct ConversionBody<'a> {
    asset_id: &'a str,
    cost: String,
    insurance: String,
    bought: String,
    /// The price of a whole coin of what is sold; null where it is exchanged one for one.
    usd_price: Option<PriceBody<'a>>,
}

impl<'a> PriceBody<'a> {
    /// Writes a price.
    pub(super) fn new(price: &'a Priced) -> Self {
        Self { usd: price.usd.to_string(), source: &price.source, at: rfc3339(price.at) }
    }
}

impl<'a> Figures<'a> {
    /// Writes the figures of a quote for an asset.
    pub(super) fn new(
        quote: &'a Quote,
        asset: &Asset,
        priority: Priority,
        catalog: &Catalog,
    ) -> Self {
        Self {
            amount: asset.text(quote.amount),
            asked_amount: asset.text(quote.asked),
            service_fee: asset.text(quote.service_fee),
            network_fee: asset.text(quote.network_fee),
            price: asset.text(quote.price()),
            fee_bearer: bearer_word(quote.bearer),
            priority: priority.word(),
            usd_price: quote.usd.as_ref().map(PriceBody::new),
            worth: quote.worth.as_ref().map(worth),
            conversions: conversions(quote, asset, catalog),
        }
    }
}

fn worth(worth: &Worth) -> WorthBody<'_> {
    let Worth { currency, amount, price } = worth;
    WorthBody { currency, amount: amount.to_string(), usd_price: PriceBody::new(price) }
}

fn conversions<'a>(quote: &'a Quote, asset: &Asset, catalog: &Catalog) -> Vec<ConversionBody<'a>> {
    let body = |it: &'a Conversion| {
        let from = catalog.asset(it.from.as_str())?;
        Some(ConversionBody {
            asset_id: it.from.as_str(),
            cost: from.text(it.cost),
            insurance: from.text(it.insurance),
            bought: asset.text(it.bought),
            usd_price: it.price.as_ref().map(PriceBody::new),
        })
    };
    quote.conversions.iter().filter_map(body).collect()
}

/// What a payout would cost, and until when that is promised.
#[derive(Serialize, JsonSchema)]
pub(super) struct QuoteBody<'a> {
    asset: &'a str,
    network: &'a str,
    asset_id: &'a str,
    #[serde(flatten)]
    figures: Figures<'a>,
    valid_until: String,
    /// Asks for a payout with these figures, as `quote`.
    token: String,
}

impl<'a> QuoteBody<'a> {
    /// Writes a quote and its token; `None` if its asset is not in the catalog.
    pub(super) fn new(
        quote: &'a Quote,
        locked: &Locked,
        token: String,
        context: &Context<'a>,
    ) -> Option<Self> {
        let asset = context.catalog.asset(locked.asset.as_str())?;
        let makes_a_difference = context.catalog.network_of(asset).has_priorities;
        let priority = if makes_a_difference { locked.priority } else { Priority::default() };
        Some(Self {
            asset: &asset.ticker,
            network: asset.network.as_str(),
            asset_id: asset.id.as_str(),
            figures: Figures::new(quote, asset, priority, context.catalog),
            valid_until: rfc3339(locked.until),
            token,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_priorities_are_listed() {
        assert_eq!(Priority::ALL.map(Priority::word), PRIORITIES);
    }
}
