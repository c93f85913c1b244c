//! From what is asked to a quote: how much it is in the payout's asset, what it costs, and what is
//! sold for it.

use std::collections::BTreeMap;

use crate::{
    Timestamp,
    catalog::{Asset, Catalog},
    command::{Asked, CreatePayout, Refusal, Source},
    ids::{AssetId, PayoutId},
    merchant::Merchant,
    money::{Amount, AmountError, Rounding},
    payout::Priority,
    quote::{Conversion, FeeBearer, MILLION, PriceBook, Quote, Worth},
    rates::Priced,
};

/// From how many assets one payout can be paid.
const CONVERSIONS_MAX: usize = 8;

/// What may be used up: balances of the merchant, and of the house's inventory.
pub trait Funds {
    /// What the merchant may spend of an asset; `None` if it never held any.
    fn available(&self, asset: &AssetId) -> Option<Amount>;
    /// What the house can give of an asset.
    fn inventory(&self, asset: &AssetId) -> Amount;
}

/// A quote is asked for without money: everybody has enough of the first asset that comes to mind.
pub struct Plenty;

impl Funds for Plenty {
    fn available(&self, _: &AssetId) -> Option<Amount> {
        Some(Amount::MAX)
    }

    fn inventory(&self, _: &AssetId) -> Amount {
        Amount::MAX
    }
}

/// Figures that a merchant was promised, and until when. Made by [`Question::lock`], handed out by
/// dialects under a signature, and handed back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// The asset that is paid.
    pub asset: AssetId,
    /// What is charged for the network's fee, in that asset.
    pub network_fee: Amount,
    /// The priority that the fee is for.
    pub priority: Priority,
    /// What else is promised; `None` where it is only the network's fee.
    pub promise: Option<Promise>,
    /// Until when they hold.
    pub until: Timestamp,
}

/// Prices that are promised for one wish, once: whoever could take them up again, or for more, would
/// do so only when prices have moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Names it: the identifier that the payout would have got.
    pub id: PayoutId,
    /// What it is for ([`CreatePayout::wish`]).
    pub wish: String,
    /// Prices by currency or ticker; those of a source that was named, by `CURRENCY/source`.
    pub prices: BTreeMap<String, Priced>,
}

/// The assets that a payout may be paid from, the preferred one first.
pub fn candidates(
    catalog: &Catalog,
    book: &PriceBook,
    configured: &[AssetId],
    create: &CreatePayout,
) -> Vec<AssetId> {
    let Some(asset) = catalog.asset(create.asset.as_str()) else { return vec![] };
    let siblings = || {
        let others = catalog.assets().filter(|it| it.id != asset.id);
        others.filter(|it| book.is_at_par(it, asset)).map(|it| it.id.clone())
    };
    let own = || std::iter::once(asset.id.clone()).chain(siblings()).collect();
    match &create.source {
        Source::Own => own(),
        Source::Ticker(ticker) if *ticker == asset.ticker => own(),
        Source::Ticker(ticker) => {
            let mut found: Vec<&Asset> =
                catalog.assets().filter(|it| it.ticker == *ticker).collect();
            let order = |it: &Asset| {
                let preferred = book.everybody.sources.iter().position(|other| *other == it.id);
                (it.network != asset.network, preferred.unwrap_or(usize::MAX))
            };
            found.sort_by_key(|it| order(it));
            found.into_iter().map(|it| it.id.clone()).collect()
        }
        Source::Configured => {
            let is_sold = |id: &AssetId| {
                catalog.asset(id.as_str()).is_some_and(|it| it.ticker != asset.ticker)
            };
            if configured.iter().any(is_sold) { configured.to_vec() } else { own() }
        }
    }
}

/// The question that a quote answers.
pub struct Question<'a> {
    /// Networks and assets.
    pub catalog: &'a Catalog,
    /// Terms.
    pub book: &'a PriceBook,
    /// Who asks.
    pub merchant: &'a Merchant,
    /// What is asked.
    pub create: &'a CreatePayout,
    /// When.
    pub now: Timestamp,
}

/// What is asked in the payout's asset, and what it came from.
struct Sum {
    asked: Amount,
    worth: Option<Worth>,
    /// The asset that a given sum of is sold, the sum, and its price.
    spent: Option<(AssetId, Amount, Option<Priced>)>,
}

impl Question<'_> {
    /// Prices what is asked.
    ///
    /// # Errors
    /// Refuses what cannot be priced, is too small or too large, would leave nothing to arrive, or
    /// is more than there are funds for.
    pub fn quote(&self, funds: &dyn Funds) -> Result<Quote, Refusal> {
        let create = self.create;
        let asset = self.catalog.asset(create.asset.as_str()).ok_or(Refusal::UnknownAsset)?;
        let plan = self.book.fee_plan(&self.merchant.name, &asset.id);
        let plan = plan.ok_or(Refusal::AssetUnavailable)?;
        let network_fee = self.network_fee(asset)?;
        let sources = &self.book.merchant(&self.merchant.name).sources;
        let candidates = candidates(self.catalog, self.book, sources, create);
        let sum = self.sum(asset, &candidates, funds)?;
        let asked = sum.asked;
        let terms = self.book.terms.get(&asset.id).ok_or(Refusal::AssetUnavailable)?;
        let too_large = || Refusal::AmountTooLarge { maximum: terms.amount_max };
        let too_small = || Refusal::AmountTooSmall { minimum: terms.amount_min };
        if asked.is_zero() {
            return Err(too_small());
        }
        let service_fee = plan.fee(asked).ok_or_else(too_large)?;
        let fees = service_fee.checked_add(network_fee).ok_or_else(too_large)?;
        let amount = match create.bearer {
            FeeBearer::Merchant => asked.checked_add(fees).map(|_| asked).ok_or_else(too_large)?,
            FeeBearer::Recipient => {
                let left = asked.checked_sub(fees).filter(|left| !left.is_zero());
                left.ok_or_else(too_small)?
            }
        };
        if terms.amount_min.is_some_and(|minimum| amount < minimum) {
            return Err(too_small());
        }
        if terms.amount_max.is_some_and(|maximum| amount > maximum) {
            return Err(too_large());
        }
        self.check_least(asset, &sum, network_fee)?;
        let usd = self.price(&asset.ticker, None).ok();
        let bearer = create.bearer;
        let mut quote = Quote {
            asked,
            bearer,
            amount,
            service_fee,
            network_fee,
            usd,
            worth: sum.worth,
            conversions: vec![],
        };
        quote.conversions = match sum.spent {
            Some(spent) => vec![self.spend(asset, &quote, fees, spent, funds)?],
            None => self.fund(asset, quote.price(), &candidates, funds)?,
        };
        Ok(quote)
    }

    /// What a quote promises, as long as quotes hold.
    ///
    /// # Errors
    /// If what was priced a moment ago has no price.
    pub fn lock(&self, asset: &Asset, quote: &Quote) -> Result<Locked, Refusal> {
        let mut prices = BTreeMap::new();
        if let Some(usd) = &quote.usd {
            prices.insert(asset.ticker.clone(), usd.clone());
        }
        if let Some(worth) = &quote.worth {
            let course = self.create.course.as_deref();
            let own = self.price(&asset.ticker, course)?;
            prices.insert(price_key(&asset.ticker, course), own);
            prices.insert(price_key(&worth.currency, course), worth.price.clone());
        }
        for sold in &quote.conversions {
            let from = self.catalog.asset(sold.from.as_str()).ok_or(Refusal::UnknownAsset)?;
            prices.extend(sold.price.clone().map(|it| (from.ticker.clone(), it)));
        }
        let promise = Promise { id: self.create.id, wish: self.create.wish(), prices };
        Ok(Locked {
            asset: asset.id.clone(),
            network_fee: quote.network_fee,
            priority: self.create.priority,
            promise: Some(promise),
            until: self.now.plus_ms(self.book.conversion.quote_ms),
        })
    }

    /// What is charged for the network's fee: as promised, or as it is now.
    fn network_fee(&self, asset: &Asset) -> Result<Amount, Refusal> {
        let priority = self.priority(asset);
        if let Some(locked) = &self.create.locked {
            if locked.until < self.now {
                return Err(Refusal::QuoteExpired);
            }
            let wish = locked.promise.as_ref().map(|it| &it.wish);
            let is_other_wish = wish.is_some_and(|it| *it != self.create.wish());
            let is_other = locked.asset != asset.id || locked.priority != self.create.priority;
            if is_other || is_other_wish {
                return Err(Refusal::QuoteExpired);
            }
            return Ok(locked.network_fee);
        }
        let fee = self.book.network_fee(&asset.id, self.now)?;
        let fee = fee.scale(u128::from(priority.percent()), 100, Rounding::Up);
        fee.ok_or(Refusal::AmountTooLarge { maximum: None })
    }

    /// The priority that makes a difference on the asset's network.
    pub fn priority(&self, asset: &Asset) -> Priority {
        let makes_a_difference = self.catalog.network_of(asset).has_priorities;
        if makes_a_difference { self.create.priority } else { Priority::Recommended }
    }

    /// The price of a currency or coin: as promised, or as it is now.
    fn price(&self, currency: &str, source: Option<&str>) -> Result<Priced, Refusal> {
        if let Some(promise) = self.create.promise() {
            // What was promised is promised as a whole: nothing is priced beside it.
            let promised = promise.prices.get(&price_key(currency, source)).cloned();
            return promised.ok_or(Refusal::QuoteExpired);
        }
        let merchants = self.book.merchant(&self.merchant.name).rate_source.as_deref();
        let price = self.book.rates.price(currency, source.or(merchants), self.now);
        price.map_err(|_| Refusal::RateUnknown { currency: currency.to_owned() })
    }

    fn sum(
        &self,
        asset: &Asset,
        candidates: &[AssetId],
        funds: &dyn Funds,
    ) -> Result<Sum, Refusal> {
        let too_large = Refusal::AmountTooLarge { maximum: None };
        match &self.create.asked {
            Asked::Exact(asked) => Ok(Sum { asked: *asked, worth: None, spent: None }),
            Asked::Worth { currency, amount } => {
                let source = self.create.course.as_deref();
                let price = self.price(currency, source)?;
                let own = self.price(&asset.ticker, source)?;
                let asked = amount.worth(price.usd, own.usd, asset.decimals, Rounding::Up);
                let asked = asked.ok_or(too_large)?;
                let worth = Worth { currency: currency.clone(), amount: *amount, price };
                Ok(Sum { asked, worth: Some(worth), spent: None })
            }
            Asked::Spend(spent) => {
                let can_be_spent = |id: &&AssetId| {
                    let decimals = self.catalog.asset(id.as_str()).map(|it| it.decimals);
                    let units = decimals.and_then(|it| spent.amount(it).ok());
                    units.is_some_and(|it| funds.available(id).is_some_and(|has| it <= has))
                };
                let first = candidates.iter().find(can_be_spent).or(candidates.first());
                let from = first.and_then(|id| self.catalog.asset(id.as_str()));
                let from = from.ok_or(Refusal::UnknownAsset)?;
                let units = spent.amount(from.decimals).map_err(Refusal::Amount)?;
                if from.id == asset.id {
                    return Ok(Sum { asked: units, worth: None, spent: None });
                }
                let price = self.exchange_price(from, asset)?;
                let asked = self.bought_for(from, asset, price.as_ref(), units)?;
                Ok(Sum { asked, worth: None, spent: Some((from.id.clone(), units, price)) })
            }
        }
    }

    /// The least that an API pays: worth so many dollars, so many times the network's fee. Where a
    /// given sum is sold, that sum is what must be worth it.
    fn check_least(&self, asset: &Asset, sum: &Sum, network_fee: Amount) -> Result<(), Refusal> {
        let least = self.create.least;
        let too_large = || Refusal::AmountTooLarge { maximum: None };
        let fees = network_fee.scale(u128::from(least.network_fees), 1, Rounding::Up);
        let mut minimum = fees.ok_or_else(too_large)?;
        if !least.more_than_usd.is_zero() {
            let dollars = |priced: &Priced, decimals| {
                let one = crate::money::Rate::ONE;
                let worth = least.more_than_usd.worth(one, priced.usd, decimals, Rounding::Down);
                worth.and_then(|it| it.checked_add(Amount::from_units(1)?)).ok_or_else(too_large)
            };
            if let Some((from, spent, Some(price))) = &sum.spent {
                let from = self.catalog.asset(from.as_str()).ok_or(Refusal::UnknownAsset)?;
                if *spent < dollars(price, from.decimals)? {
                    return Err(Refusal::AmountTooSmall { minimum: None });
                }
            } else {
                let price = self.price(&asset.ticker, None)?;
                minimum = minimum.max(dollars(&price, asset.decimals)?);
            }
        }
        if sum.asked < minimum {
            return Err(Refusal::AmountTooSmall { minimum: Some(minimum) });
        }
        Ok(())
    }

    /// The price of what is sold for something else; `None` for the same coin on another network.
    fn exchange_price(&self, from: &Asset, to: &Asset) -> Result<Option<Priced>, Refusal> {
        if self.book.is_at_par(from, to) {
            return Ok(None);
        }
        if !self.book.conversion.sells.contains(&to.id) || from.ticker == to.ticker {
            return Err(Refusal::NotConvertible("the house does not sell this asset for that one"));
        }
        self.price(&from.ticker, None).map(Some)
    }

    /// What has to be sold to buy so much, the spread included.
    fn cost_of(
        &self,
        from: &Asset,
        to: &Asset,
        price: Option<&Priced>,
        bought: Amount,
    ) -> Result<Amount, Refusal> {
        self.exchange((to, from), price, bought, Rounding::Up)
    }

    /// What is bought by selling so much, the spread included.
    fn bought_for(
        &self,
        from: &Asset,
        to: &Asset,
        price: Option<&Priced>,
        sold: Amount,
    ) -> Result<Amount, Refusal> {
        self.exchange((from, to), price, sold, Rounding::Down)
    }

    /// Exchanges an amount of the first asset for the second; `price` is that of what is sold, and
    /// rounding up means that the first is bought.
    fn exchange(
        &self,
        (of, into): (&Asset, &Asset),
        price: Option<&Priced>,
        amount: Amount,
        rounding: Rounding,
    ) -> Result<Amount, Refusal> {
        let too_large = Refusal::AmountTooLarge { maximum: None };
        let Some(price) = price else {
            let one = crate::money::Rate::ONE;
            let same = one.convert(amount, of.decimals, one, into.decimals, rounding);
            return same.ok_or(too_large);
        };
        let with_spread = MILLION + self.book.conversion.spread_parts_per_million.min(MILLION);
        let (of_price, into_price, scaled) = match rounding {
            Rounding::Up => (self.price(&of.ticker, None)?.usd, price.usd, (with_spread, MILLION)),
            Rounding::Down => {
                (price.usd, self.price(&into.ticker, None)?.usd, (MILLION, with_spread))
            }
        };
        let into_side = (into_price, into.decimals);
        let exchanged = of_price.convert_scaled(amount, of.decimals, into_side, scaled, rounding);
        exchanged.ok_or(too_large)
    }

    /// What is set aside beside the cost, where that is asked for.
    fn insurance(&self, price: Option<&Priced>, cost: Amount) -> Result<Amount, Refusal> {
        if !self.create.insured || price.is_none() {
            return Ok(Amount::ZERO);
        }
        let parts = u128::from(self.book.conversion.insurance_parts_per_million);
        let insurance = cost.scale(parts, u128::from(MILLION), Rounding::Up);
        let fits = insurance.filter(|it| cost.checked_add(*it).is_some());
        fits.ok_or(Refusal::AmountTooLarge { maximum: None })
    }

    /// Sells a given sum, and on top of it what the fees cost where the merchant bears them.
    fn spend(
        &self,
        asset: &Asset,
        quote: &Quote,
        fees: Amount,
        (from, sum, price): (AssetId, Amount, Option<Priced>),
        funds: &dyn Funds,
    ) -> Result<Conversion, Refusal> {
        let source = self.catalog.asset(from.as_str()).ok_or(Refusal::UnknownAsset)?;
        let cost = match quote.bearer {
            FeeBearer::Recipient => Some(sum),
            FeeBearer::Merchant => {
                sum.checked_add(self.cost_of(source, asset, price.as_ref(), fees)?)
            }
        };
        let cost = cost.ok_or(Refusal::Amount(AmountError::TooLarge))?;
        let has = funds.available(&from).ok_or(Refusal::NoWallet)?;
        if has < cost {
            return Err(insufficient(source, asset));
        }
        if funds.inventory(&asset.id) < quote.price() {
            return Err(Refusal::NotConvertible("the house has not enough of this asset"));
        }
        let insurance = Amount::ZERO;
        Ok(Conversion { from, cost, insurance, bought: quote.price(), price })
    }

    /// Finds what is sold for the part of a price that is not paid in the payout's own asset.
    fn fund(
        &self,
        asset: &Asset,
        price: Amount,
        candidates: &[AssetId],
        funds: &dyn Funds,
    ) -> Result<Vec<Conversion>, Refusal> {
        let mut conversions = vec![];
        let mut left = price;
        let mut held_any = false;
        for id in candidates {
            let Some(has) = funds.available(id) else { continue };
            held_any = true;
            if left.is_zero() || conversions.len() == CONVERSIONS_MAX {
                break;
            }
            if *id == asset.id {
                left = left.checked_sub(has.min(left)).unwrap_or_default();
                continue;
            }
            let source = self.catalog.asset(id.as_str()).ok_or(Refusal::UnknownAsset)?;
            let Some(conversion) = self.convert(source, asset, left, has)? else { continue };
            left = left.checked_sub(conversion.bought).unwrap_or_default();
            conversions.push(conversion);
        }
        if !held_any {
            return Err(Refusal::NoWallet);
        }
        if !left.is_zero() {
            let first = candidates.first().and_then(|id| self.catalog.asset(id.as_str()));
            return Err(insufficient(first.unwrap_or(asset), asset));
        }
        let given = |sum: Amount, it: &Conversion| sum.checked_add(it.bought);
        let given = conversions.iter().try_fold(Amount::ZERO, given);
        if given.is_none_or(|it| funds.inventory(&asset.id) < it) {
            return Err(Refusal::NotConvertible("the house has not enough of this asset"));
        }
        Ok(conversions)
    }

    /// Buys `wanted`, or as much of it as `has` is enough for.
    fn convert(
        &self,
        from: &Asset,
        to: &Asset,
        wanted: Amount,
        has: Amount,
    ) -> Result<Option<Conversion>, Refusal> {
        let price = self.exchange_price(from, to)?;
        let make = |bought: Amount| -> Result<Conversion, Refusal> {
            let cost = self.cost_of(from, to, price.as_ref(), bought)?;
            let insurance = self.insurance(price.as_ref(), cost)?;
            Ok(Conversion { from: from.id.clone(), cost, insurance, bought, price: price.clone() })
        };
        let whole = make(wanted)?;
        if whole.set_aside() <= has {
            return Ok(Some(whole));
        }
        let parts = if price.is_some() && self.create.insured {
            self.book.conversion.insurance_parts_per_million
        } else {
            0
        };
        // One unit less, so that the insurance, which is rounded up, is covered too.
        let uninsured = has
            .scale(u128::from(MILLION), u128::from(MILLION) + u128::from(parts), Rounding::Down)
            .and_then(
                |it| if parts == 0 { Some(it) } else { it.checked_sub(Amount::from_units(1)?) },
            );
        let Some(uninsured) = uninsured else { return Ok(None) };
        let bought = self.bought_for(from, to, price.as_ref(), uninsured)?.min(wanted);
        if bought.is_zero() {
            return Ok(None);
        }
        Ok(Some(make(bought)?).filter(|it| it.set_aside() <= has))
    }
}

/// How a promised price is called: by its currency, and by the source that was named for it.
fn price_key(currency: &str, source: Option<&str>) -> String {
    source.map_or_else(|| currency.to_owned(), |source| format!("{currency}/{source}"))
}

fn insufficient(from: &Asset, to: &Asset) -> Refusal {
    if from.ticker == to.ticker {
        return Refusal::InsufficientFunds;
    }
    Refusal::InsufficientForConversion { from: from.ticker.clone(), to: to.ticker.clone() }
}

#[cfg(test)]
#[path = "pricing_tests.rs"]
mod tests;
