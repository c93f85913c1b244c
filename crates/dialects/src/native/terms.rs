//! What our own API tells without asking the ledger: prices, and what is paid on which terms.

use domain::{
    catalog::Asset,
    money::Amount,
    quote::{AssetTerms, FeePlan},
    rates::Priced,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::figures::PriceBody;
use crate::{Context, shown::rfc3339};

/// Places of a percentage whose smallest unit is a millionth of the whole.
const PERCENT_PLACES: u8 = 4;

/// Prices in US dollars, as they are now.
#[derive(Serialize, JsonSchema)]
pub(super) struct RatesBody<'a> {
    rates: Vec<RateBody<'a>>,
    /// Who tells prices.
    sources: Vec<&'a str>,
}

#[derive(Serialize, JsonSchema)]
struct RateBody<'a> {
    currency: &'a str,
    #[serde(flatten)]
    price: PriceBody<'a>,
}

/// The prices of a currency, or of all that have one, by a source or by all of them.
pub(super) fn prices(
    currency: Option<&str>,
    source: Option<&str>,
    context: &Context<'_>,
) -> Vec<(String, Priced)> {
    let rates = &context.book.rates;
    let asked = match currency {
        Some(only) => vec![only.to_owned()],
        None => rates.currencies(context.now),
    };
    let priced = |currency: String| {
        let price = rates.price(&currency, source, context.now).ok()?;
        Some((currency, price))
    };
    asked.into_iter().filter_map(priced).collect()
}

impl<'a> RatesBody<'a> {
    /// Writes prices.
    pub(super) fn new(prices: &'a [(String, Priced)], context: &Context<'a>) -> Self {
        let rate = |(currency, price): &'a (String, Priced)| RateBody {
            currency,
            price: PriceBody::new(price),
        };
        let sources = context.book.rates.sources().collect();
        Self { rates: prices.iter().map(rate).collect(), sources }
    }
}

/// What is paid here.
#[derive(Serialize, JsonSchema)]
pub(super) struct AssetsBody<'a> {
    assets: Vec<AssetBody<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct AssetBody<'a> {
    asset: &'a str,
    network: &'a str,
    asset_id: &'a str,
    title: &'a str,
    network_title: &'a str,
    decimals: u8,
    contract: Option<&'a str>,
    minimum: Option<String>,
    maximum: Option<String>,
    /// What is charged for the network's fee now; null while it is not known.
    network_fee: Option<FeeBody>,
    service_fee: ServiceFeeBody,
    /// Whether priorities make a difference.
    has_priorities: bool,
    /// Whether it can be paid from other coins.
    is_sold: bool,
}

#[derive(Serialize, JsonSchema)]
struct FeeBody {
    amount: String,
    at: String,
}

/// A part of the amount and a fixed sum, and at least a minimum.
#[derive(Serialize, JsonSchema)]
struct ServiceFeeBody {
    percent: String,
    fixed: String,
    minimum: String,
}

impl<'a> AssetsBody<'a> {
    /// Writes what is paid, on the terms of a merchant.
    pub(super) fn new(merchant: &str, context: &Context<'a>) -> Self {
        let row = |asset: &'a Asset| {
            let terms = context.book.terms.get(&asset.id)?;
            let plan = context.book.fee_plan(merchant, &asset.id)?;
            Some(body(asset, terms, plan, context))
        };
        Self { assets: context.catalog.assets().filter_map(row).collect() }
    }
}

fn body<'a>(
    asset: &'a Asset,
    terms: &AssetTerms,
    plan: FeePlan,
    context: &Context<'a>,
) -> AssetBody<'a> {
    let network = context.catalog.network_of(asset);
    let text = |amount: Amount| asset.text(amount);
    let percent = Amount::from_units(u128::from(plan.parts_per_million)).unwrap_or_default();
    AssetBody {
        asset: &asset.ticker,
        network: asset.network.as_str(),
        asset_id: asset.id.as_str(),
        title: &asset.title,
        network_title: &network.title,
        decimals: asset.decimals,
        contract: asset.contract.as_deref(),
        minimum: context.least(asset).map(text),
        maximum: terms.amount_max.map(text),
        network_fee: terms
            .network_fee
            .map(|(fee, at)| FeeBody { amount: text(fee), at: rfc3339(at) }),
        service_fee: ServiceFeeBody {
            percent: percent.to_text(PERCENT_PLACES),
            fixed: text(plan.fixed),
            minimum: text(plan.minimum),
        },
        has_priorities: network.has_priorities,
        is_sold: context.book.conversion.sells.contains(&asset.id),
    }
}
