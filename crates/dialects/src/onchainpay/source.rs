//! What a withdrawal is paid from: one coin, whatever it is spread over.

use domain::{
    catalog::{Asset, Catalog},
    money::{Amount, Rate, Rounding},
    payout::Status,
    quote::Conversion,
};

use super::wire::USD_PLACES;
use crate::shown::Shown;

/// How many significant digits a rate is shown with, as a limit, and how many places.
const RATE_LIMIT: u128 = 1_000_000_000_000;
const RATE_PLACES: u8 = 18;

/// The coin that leaves the merchant's balance. Parts of it that lie on several networks are added
/// up, and the first of them is named; parts of another coin, which are not of its making, are not
/// counted.
pub(super) struct Source<'a> {
    /// The first part's asset.
    pub(super) asset: &'a Asset,
    /// The places of the sums.
    places: u8,
    /// Everything that is spent.
    cost: Amount,
    /// Everything that is set aside beside it.
    insurance: Amount,
    /// The price of a whole coin, if it was known.
    usd: Option<Rate>,
    /// The places of the coin that arrives.
    places_to: u8,
    /// The first part, if it is another coin than what arrives; with what it buys.
    exchange: Option<Exchange>,
}

/// What something cost, and how much of it there was, both with their places.
#[derive(Clone, Copy)]
struct Exchange {
    cost: (Amount, u8),
    bought: (Amount, u8),
}

impl<'a> Source<'a> {
    /// Adds up what a payout is paid from.
    pub(super) fn of(shown: &Shown<'a>, catalog: &'a Catalog) -> Self {
        let quote = &shown.payout.quote;
        let own = Some((shown.asset, quote.own_part(), Amount::ZERO));
        let own = own.filter(|it| !it.1.is_zero() || quote.conversions.is_empty());
        let sold = quote
            .conversions
            .iter()
            .filter_map(|it| Some((catalog.asset(it.from.as_str())?, it.cost, it.insurance)));
        let parts: Vec<(&Asset, Amount, Amount)> = own.into_iter().chain(sold).collect();
        let asset = parts.first().map_or(shown.asset, |it| it.0);
        let same = || parts.iter().filter(|it| it.0.ticker == asset.ticker);
        let places = same().map(|it| it.0.decimals).max().unwrap_or(asset.decimals);
        let sum = |part: fn(&(&Asset, Amount, Amount)) -> Amount| {
            same().fold(Amount::ZERO, |sum, it| {
                let widened = part(it).rescale(it.0.decimals, places);
                sum.checked_add(widened).unwrap_or(Amount::MAX)
            })
        };
        let is_first = |it: &&Conversion| it.from == asset.id && asset.ticker != shown.asset.ticker;
        let first = quote.conversions.iter().find(is_first);
        let own_price = quote.usd.as_ref().filter(|_| asset.ticker == shown.asset.ticker);
        let price = first.and_then(|it| it.price.as_ref()).or(own_price);
        let exchange = first.map(|it| Exchange {
            cost: (it.cost, asset.decimals),
            bought: (it.bought, shown.asset.decimals),
        });
        Self {
            asset,
            places,
            cost: sum(|it| it.1),
            insurance: sum(|it| it.2),
            usd: price.map(|it| it.usd),
            places_to: shown.asset.decimals,
            exchange,
        }
    }

    /// What leaves the balance: until the end, what is set aside beside the cost is not available
    /// either.
    pub(super) fn leaving(&self, status: Status) -> Amount {
        if status.is_final() {
            return self.cost;
        }
        self.cost.checked_add(self.insurance).unwrap_or(Amount::MAX)
    }

    /// Reads a sum of this coin that was printed; nothing if it is not one.
    pub(super) fn amount(&self, text: &str) -> Amount {
        Amount::parse(text, self.places).unwrap_or_default()
    }

    /// Prints a sum of this coin.
    pub(super) fn text(&self, amount: Amount) -> String {
        amount.to_text(self.places)
    }

    /// Prices a sum of this coin in US dollars, rounded down.
    pub(super) fn usd(&self, amount: Amount) -> Option<String> {
        let price = self.usd?.price(amount, self.places, USD_PLACES, Rounding::Down)?;
        Some(price.to_text(USD_PLACES))
    }

    /// What something of the coin that arrives cost in this coin, rounded up.
    pub(super) fn worth_of(&self, amount: Amount) -> Amount {
        let one = Rate::ONE;
        let Some(Exchange { cost, bought }) = self.exchange else {
            let same = one.convert(amount, self.places_to, one, self.places, Rounding::Up);
            return same.unwrap_or(Amount::MAX);
        };
        let worth = cost.0.scale(amount.units(), bought.0.units(), Rounding::Up);
        worth.map_or(Amount::MAX, |it| it.rescale(cost.1, self.places))
    }

    /// How much of this coin one coin cost that arrives, the spread included: at most twelve
    /// significant digits, rounded down.
    pub(super) fn rate(&self) -> String {
        let Some(exchange) = self.exchange else { return "1".to_owned() };
        let printed = |places: u8| Some((exchange.per_coin(places)?, places));
        let is_short = |it: &(Amount, u8)| it.0.units() < RATE_LIMIT;
        let mut shorter = (0..=RATE_PLACES).rev().filter_map(printed);
        let rate = shorter.find(is_short).or_else(|| printed(0));
        rate.map_or_else(|| "0".to_owned(), |(rate, places)| rate.to_text(places))
    }
}

impl Exchange {
    /// The cost of one whole coin, with so many places.
    fn per_coin(self, places: u8) -> Option<Amount> {
        let (up, down) = (u32::from(self.bought.1) + u32::from(places), u32::from(self.cost.1));
        let bought = self.bought.0.units();
        if up >= down {
            let factor = 10u128.checked_pow(up - down)?;
            return self.cost.0.scale(factor, bought, Rounding::Down);
        }
        let divisor = 10u128.checked_pow(down - up)?.checked_mul(bought)?;
        self.cost.0.scale(1, divisor, Rounding::Down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_cost_of_one_coin() {
        let check = |cost: (u128, u8), bought: (u128, u8), places: u8, expected: Option<u128>| {
            let amount = |it: (u128, u8)| (Amount::from_units(it.0).unwrap(), it.1);
            let exchange = Exchange { cost: amount(cost), bought: amount(bought) };
            assert_eq!(exchange.per_coin(places).map(Amount::units), expected);
        };
        check((1_000_000_000, 6), (10_000_000, 8), 0, Some(10_000));
        check((10u128.pow(21), 18), (1_650_151, 8), 7, Some(606_005_147_407));
        check((1, 18), (10u128.pow(8), 8), 18, Some(1));
        check((1, 18), (10u128.pow(8), 8), 0, Some(0));
        check((u128::MAX / 2, 0), (1, 30), 18, None);
        check((1, 6), (0, 8), 2, None);
    }
}
