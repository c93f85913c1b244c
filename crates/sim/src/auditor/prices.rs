//! What a payout must cost, figured out once more in plain integers.
//!
//! Prices are counted in millionths of a dollar, and everything is one fraction that is rounded
//! once: up where somebody is charged, down where a given sum buys something.

use domain::{
    Timestamp,
    command::{Asked, CreatePayout, Source},
    ids::{AssetId, MerchantId},
    money::{Decimal, Rate},
    payout::Priority,
    pricing::Locked,
    quote::{Conversion, FeeBearer, Quote},
    rates::Priced,
};

use super::{Violation, must};
use crate::{market::Market, scene};

const MILLION: u128 = 1_000_000;

/// A quote, what was asked, and what was known then.
pub(crate) struct Case<'a> {
    pub(crate) create: &'a CreatePayout,
    pub(crate) quote: &'a Quote,
    pub(crate) market: &'a Market,
    pub(crate) at: Timestamp,
}

/// Whether promised figures may be used for a payout.
pub(crate) fn holds(locked: &Locked, create: &CreatePayout, at: Timestamp) -> bool {
    let is_for_it = locked.promise.as_ref().is_none_or(|it| it.wish == create.wish());
    let is_same = locked.asset == create.asset && locked.priority == create.priority;
    at <= locked.until && is_same && is_for_it
}

/// The price that must be used, in millionths of a dollar, and whose it is.
pub(crate) fn price(
    create: &CreatePayout,
    market: &Market,
    at: Timestamp,
    (currency, course): (&str, Option<&str>),
) -> Option<Priced> {
    if let Some(promise) = create.promise() {
        return promise.prices.get(&promised_name(currency, course)).cloned();
    }
    let agreed = scene::rate_source(create.merchant);
    let told = market.price(currency, course.or(agreed), at)?;
    let text = format!("{}.{:06}", told.millionths / 1_000_000, told.millionths % 1_000_000);
    Some(Priced { usd: Rate::parse(&text)?, source: told.source.to_owned(), at: told.at })
}

fn promised_name(currency: &str, course: Option<&str>) -> String {
    course.map_or_else(|| currency.to_owned(), |course| format!("{currency}/{course}"))
}

/// Whether a promise has every price that a payout may need.
pub(crate) fn is_whole(create: &CreatePayout) -> bool {
    let Some(promise) = create.promise() else { return true };
    let own = scene::ticker(&create.asset);
    let has =
        |currency: &str, course| promise.prices.contains_key(&promised_name(currency, course));
    let course = create.course.as_deref();
    let worth = match &create.asked {
        Asked::Worth { currency, .. } => has(currency, course) && has(own, course),
        Asked::Exact(_) | Asked::Spend(_) => true,
    };
    let exchange = sold(create).is_none_or(|sold| has(&sold, None) && has(own, None));
    worth && exchange && (create.least.more_than_usd.is_zero() || has(own, None))
}

/// The coin that is sold, if it is not the payout's own.
pub(crate) fn sold(create: &CreatePayout) -> Option<String> {
    let own = scene::ticker(&create.asset);
    let sold = match &create.source {
        Source::Own => None,
        Source::Ticker(ticker) => Some(ticker.clone()),
        Source::Configured => first_source(create.merchant),
    };
    sold.filter(|it| it != own)
}

fn first_source(merchant: MerchantId) -> Option<String> {
    scene::sources(merchant).first().map(|it| scene::ticker(it).to_owned())
}

impl Case<'_> {
    /// Says what is wrong with the quote.
    pub(crate) fn check(&self) -> Result<(), Violation> {
        let (create, quote) = (self.create, self.quote);
        if let Some(locked) = &create.locked {
            must!(holds(locked, create, self.at), "a promise was used that does not hold");
        }
        let own = self.price(scene::ticker(&create.asset), None);
        must!(quote.usd == own, "its price is {own:?}");
        let asked = self.asked()?;
        must!(units(quote.asked) == asked, "{asked} are asked for");
        let network_fee = network_fee(create, self.market, self.at);
        let network_fee = network_fee.ok_or("the network's fee is not known")?;
        must!(units(quote.network_fee) == network_fee, "the network's fee is {network_fee}");
        let service_fee = service_fee(create, asked);
        must!(units(quote.service_fee) == service_fee, "the service's fee is {service_fee}");
        let amount = match create.bearer {
            FeeBearer::Merchant => Some(asked),
            FeeBearer::Recipient => asked.checked_sub(service_fee + network_fee),
        };
        must!(Some(units(quote.amount)) == amount, "{amount:?} should arrive");
        must!(quote.bearer == create.bearer, "somebody else bears the fees");
        let scale = scene::scale(&create.asset);
        let limits = scene::AMOUNT_MIN * scale..=scene::AMOUNT_MAX * scale;
        must!(limits.contains(&units(quote.amount)), "that is not between {limits:?}");
        self.check_least(asked, network_fee)?;
        self.check_conversions(service_fee + network_fee)
    }

    fn price(&self, currency: &str, course: Option<&str>) -> Option<Priced> {
        price(self.create, self.market, self.at, (currency, course))
    }

    fn needed(&self, currency: &str, course: Option<&str>) -> Result<u128, Violation> {
        let priced = self.price(currency, course);
        priced.map(|it| millionths(it.usd)).ok_or_else(|| format!("{currency} has no price"))
    }

    fn asked(&self) -> Result<u128, Violation> {
        let (create, quote) = (self.create, self.quote);
        let own_decimals = scene::decimals(&create.asset);
        match &create.asked {
            Asked::Exact(amount) => Ok(units(*amount)),
            Asked::Worth { currency, amount } => {
                let course = create.course.as_deref();
                let price = self.needed(currency, course)?;
                let own = self.needed(scene::ticker(&create.asset), course)?;
                let worth = quote.worth.as_ref().ok_or("it does not say what it is worth")?;
                must!(
                    worth.currency == *currency
                        && worth.amount == *amount
                        && Some(&worth.price) == self.price(currency, course).as_ref(),
                    "it is worth something else"
                );
                let (sum, decimals) = parts(*amount);
                Ok(up(sum * price * 10u128.pow(own_decimals), own * 10u128.pow(decimals)))
            }
            Asked::Spend(sum) => {
                let Some(sold) = sold(create) else { return at_decimals(*sum, own_decimals) };
                let (sum, decimals) = parts(*sum);
                let price = self.needed(&sold, None)? * MILLION * 10u128.pow(own_decimals);
                let own = self.needed(scene::ticker(&create.asset), None)?;
                let spread = MILLION + u128::from(scene::SPREAD_PPM);
                Ok(sum * price / (own * spread * 10u128.pow(decimals)))
            }
        }
    }

    fn check_least(&self, asked: u128, network_fee: u128) -> Result<(), Violation> {
        let least = self.create.least;
        must!(asked >= network_fee * u128::from(least.network_fees), "that is less than fees");
        if !least.more_than_usd.is_zero() {
            let (sum, decimals) = parts(least.more_than_usd);
            if let (Asked::Spend(spent), Some(sold)) = (&self.create.asked, sold(self.create)) {
                let (units, places) = parts(*spent);
                let worth = units * self.needed(&sold, None)? * 10u128.pow(decimals);
                must!(worth > sum * MILLION * 10u128.pow(places), "the sum is worth too little");
                return Ok(());
            }
            let own = self.needed(scene::ticker(&self.create.asset), None)?;
            let worth = asked * own * 10u128.pow(decimals);
            let decimals = scene::decimals(&self.create.asset);
            must!(worth > sum * MILLION * 10u128.pow(decimals), "that is worth too little");
        }
        Ok(())
    }

    fn check_conversions(&self, fees: u128) -> Result<(), Violation> {
        let (create, quote) = (self.create, self.quote);
        let price = units(quote.amount) + units(quote.service_fee) + units(quote.network_fee);
        let bought: u128 = quote.conversions.iter().map(|it| units(it.bought)).sum();
        must!(bought <= price, "more is bought than is needed");
        let sold = sold(create);
        must!(sold.is_none() || bought == price, "a part of it is paid in its own asset");
        let is_rich = create.merchant == scene::RICH;
        let most = usize::from(sold.is_some());
        must!(!is_rich || quote.conversions.len() == most, "more is sold than must be");
        for it in &quote.conversions {
            let found = match &sold {
                None => check_par(&create.asset, it),
                Some(ticker) => self.check_sale(ticker, it, fees),
            };
            found.map_err(|why| format!("{why}: {it:?}"))?;
        }
        Ok(())
    }

    fn check_sale(&self, ticker: &str, it: &Conversion, fees: u128) -> Result<(), Violation> {
        let (create, own) = (self.create, &self.create.asset);
        must!(scene::ticker(&it.from) == ticker, "{ticker} should be sold");
        must!(scene::SELLS.contains(&own.as_str()), "the house does not sell that");
        if create.merchant == scene::RICH {
            let preferred = match create.source {
                Source::Configured => scene::sources(create.merchant).first() == Some(&it.from),
                Source::Own | Source::Ticker(_) => scene::network(&it.from) == scene::network(own),
            };
            must!(preferred, "something else should be sold first");
        }
        let price = self.price(ticker, None);
        must!(it.price.is_some() && it.price == price, "the price is {price:?}");
        let from = self.needed(ticker, None)?;
        let to = self.needed(scene::ticker(own), None)?;
        let cost = |bought: u128| cost((&it.from, from), (own, to), bought);
        let expected = match (&create.asked, create.bearer) {
            (Asked::Exact(_) | Asked::Worth { .. }, _) => cost(units(it.bought)),
            (Asked::Spend(sum), FeeBearer::Recipient) => {
                at_decimals(*sum, scene::decimals(&it.from))?
            }
            (Asked::Spend(sum), FeeBearer::Merchant) => {
                at_decimals(*sum, scene::decimals(&it.from))? + cost(fees)
            }
        };
        must!(units(it.cost) == expected, "it costs {expected}");
        let is_insured = create.insured && !matches!(create.asked, Asked::Spend(_));
        let insurance = if is_insured { insurance(expected) } else { 0 };
        must!(units(it.insurance) == insurance, "the insurance is {insurance}");
        Ok(())
    }
}

/// What is charged for the network's fee, as promised or as it is now, if it is known.
fn network_fee(create: &CreatePayout, market: &Market, at: Timestamp) -> Option<u128> {
    if let Some(locked) = &create.locked {
        return Some(units(locked.network_fee));
    }
    let fast = scene::network(&create.asset) == "fast";
    let percent = match create.priority {
        Priority::Economy if fast => 85,
        Priority::High if fast => 150,
        Priority::Highest if fast => 200,
        Priority::Economy | Priority::Recommended | Priority::High | Priority::Highest => 100,
    };
    Some(up(market.fee(&create.asset, at)? * percent, 100))
}

fn service_fee(create: &CreatePayout, asked: u128) -> u128 {
    let plan = scene::fee_plan(create.merchant, &create.asset);
    let part = up(asked * u128::from(plan.parts_per_million), MILLION);
    (part + units(plan.fixed)).max(units(plan.minimum))
}

/// What so much of an asset costs in another, at their prices in millionths.
fn cost((from, from_price): (&AssetId, u128), (to, to_price): (&AssetId, u128), of: u128) -> u128 {
    let with_spread = of * to_price * (MILLION + u128::from(scene::SPREAD_PPM));
    let decimals = (scene::decimals(from), scene::decimals(to));
    up(with_spread * 10u128.pow(decimals.0), from_price * MILLION * 10u128.pow(decimals.1))
}

fn insurance(cost: u128) -> u128 {
    up(cost * u128::from(scene::INSURANCE_PPM), MILLION)
}

/// What a payout of a given amount costs in all, in its asset; `None` for all others.
pub(crate) fn whole_price(create: &CreatePayout, market: &Market, at: Timestamp) -> Option<u128> {
    let Asked::Exact(asked) = &create.asked else { return None };
    let asked = units(*asked);
    let fees = service_fee(create, asked) + network_fee(create, market, at)?;
    Some(match create.bearer {
        FeeBearer::Merchant => asked + fees,
        FeeBearer::Recipient => asked,
    })
}

/// What must be set aside of another asset for so much of the payout's own.
pub(crate) fn set_aside(
    create: &CreatePayout,
    (market, at): (&Market, Timestamp),
    from: &AssetId,
    bought: u128,
) -> Option<u128> {
    let priced = |asset: &AssetId| {
        price(create, market, at, (scene::ticker(asset), None)).map(|it| millionths(it.usd))
    };
    let cost = cost((from, priced(from)?), (&create.asset, priced(&create.asset)?), bought);
    Some(if create.insured { cost + insurance(cost) } else { cost })
}

/// The same coin of another network, one for one.
fn check_par(own: &AssetId, it: &Conversion) -> Result<(), Violation> {
    let is_same = scene::ticker(&it.from) == scene::AT_PAR && scene::ticker(own) == scene::AT_PAR;
    must!(is_same && it.from != *own, "that is not exchanged at par");
    must!(it.price.is_none() && it.insurance.is_zero(), "at par, nothing has a price");
    let cost = up(units(it.bought) * scene::scale(&it.from), scene::scale(own));
    must!(units(it.cost) == cost, "it costs {cost}");
    Ok(())
}

fn units(amount: domain::money::Amount) -> u128 {
    amount.units()
}

/// A fraction, rounded up.
fn up(numerator: u128, denominator: u128) -> u128 {
    numerator.div_ceil(denominator)
}

/// A decimal as a whole number and how many of its digits are after the point.
fn parts(decimal: Decimal) -> (u128, u32) {
    let text = decimal.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let sum = format!("{whole}{fraction}").parse().unwrap_or_default();
    (sum, u32::try_from(fraction.len()).unwrap_or_default())
}

fn at_decimals(decimal: Decimal, decimals: u32) -> Result<u128, Violation> {
    let (sum, digits) = parts(decimal);
    let missing = decimals.checked_sub(digits).ok_or("it has too many digits")?;
    Ok(sum * 10u128.pow(missing))
}

/// A rate in millionths.
fn millionths(rate: Rate) -> u128 {
    let text = rate.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}{fraction:0<6}").parse().unwrap_or_default()
}
