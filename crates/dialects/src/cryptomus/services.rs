//! What Cryptomus writes from terms and prices alone: what can be paid, and exchange rates.

use domain::{
    catalog::Asset,
    command::Refusal,
    money::{Amount, Rate},
    quote::FeePlan,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Profile, assets, sum::PLACES};
use crate::{Context, decimal::with_places};

/// What stands for the most that can be paid where there is no limit.
const UNLIMITED: &str = "999999999999.00000000";
/// How many places a percentage has at least.
const PERCENT_PLACES: usize = 2;

/// A coin on a network, and its terms.
#[derive(Serialize, JsonSchema)]
pub(super) struct ServiceBody<'a> {
    network: &'static str,
    currency: String,
    /// Of Heleket only.
    #[serde(skip_serializing_if = "Option::is_none")]
    contract_address: Option<&'a str>,
    is_available: bool,
    limit: Limit,
    commission: Commission,
}

#[derive(Serialize, JsonSchema)]
struct Limit {
    min_amount: String,
    max_amount: String,
}

#[derive(Serialize, JsonSchema)]
struct Commission {
    fee_amount: String,
    percent: String,
}

/// Writes every coin on every network that the provider pays and the catalog has.
pub(super) fn services<'a>(
    profile: &Profile,
    merchant: &str,
    context: &Context<'a>,
) -> Vec<ServiceBody<'a>> {
    let row = |coin: assets::Coin<'a>| {
        let asset = coin.asset;
        let fixed = |amount| with_places(&asset.text(amount), PLACES);
        let terms = context.book.terms.get(&asset.id);
        let plan = context.book.fee_plan(merchant, &asset.id).unwrap_or_default();
        let network_fee = context.book.network_fee(&asset.id, context.now).ok();
        let minimum = context.least(asset).unwrap_or_default();
        let maximum = terms.and_then(|it| it.amount_max);
        ServiceBody {
            network: coin.network,
            currency: coin.currency,
            contract_address: asset.contract.as_deref().filter(|_| profile.shows_charges),
            is_available: network_fee.is_some(),
            limit: Limit {
                min_amount: fixed(minimum),
                max_amount: maximum.map_or_else(|| UNLIMITED.to_owned(), fixed),
            },
            commission: commission(asset, plan, network_fee.unwrap_or_default()),
        }
    };
    assets::coins(context.catalog).map(row).collect()
}

fn commission(asset: &Asset, plan: FeePlan, network_fee: Amount) -> Commission {
    let sum = network_fee.checked_add(plan.fixed).unwrap_or(Amount::MAX);
    let parts = Amount::from_units(u128::from(plan.parts_per_million)).unwrap_or_default();
    Commission {
        fee_amount: with_places(&asset.text(sum), PLACES),
        percent: with_places(&parts.to_text(4), PERCENT_PLACES),
    }
}

/// What one of a currency is worth in another.
#[derive(Serialize, JsonSchema)]
pub(super) struct CourseBody {
    from: String,
    to: &'static str,
    course: String,
}

/// Writes what a currency is worth in all others that have a price.
///
/// # Errors
/// If it is none of the provider's.
pub(super) fn courses(from: &str, context: &Context<'_>) -> Result<Vec<CourseBody>, Refusal> {
    let from = from.to_ascii_uppercase();
    let ticker = assets::coin_ticker(&from).unwrap_or_else(|| from.clone());
    if !assets::currencies().any(|it| it == ticker) {
        return Err(Refusal::UnknownAsset);
    }
    let price = |currency: &str| -> Option<Rate> {
        Some(context.book.rates.price(currency, None, context.now).ok()?.usd)
    };
    let Some(own) = price(&ticker) else { return Ok(vec![]) };
    let others = assets::currencies().filter(|it| *it != ticker);
    let course = |to: &'static str| {
        let course = own.over(price(to)?)?.to_string();
        Some(CourseBody { from: from.clone(), to, course: with_places(&course, PLACES) })
    };
    Ok(others.filter_map(course).collect())
}
