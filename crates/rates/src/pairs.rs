//! From the prices of pairs to prices in US dollars.

use std::collections::BTreeMap;

use domain::money::Rate;

use crate::{Prices, Wanted};

/// What a dollar is called.
const DOLLAR: &str = "USD";
/// The coin that most pairs are quoted in.
pub(crate) const TETHER: &str = "USDT";

/// What one whole `base` costs in `quote`, by both. Holds only pairs of wanted currencies.
pub(crate) struct Pairs<'a> {
    wanted: &'a Wanted,
    prices: BTreeMap<(String, String), Rate>,
    is_anything_read: bool,
}

impl<'a> Pairs<'a> {
    pub(crate) fn new(wanted: &'a Wanted) -> Self {
        Self { wanted, prices: BTreeMap::new(), is_anything_read: false }
    }

    /// Whether a code stands in any pair that matters.
    pub(crate) fn knows(&self, code: &str) -> bool {
        code == DOLLAR || code == TETHER || self.wanted.has(code)
    }

    /// Takes a row that made sense. Of several for the same pair the first one counts.
    pub(crate) fn add(&mut self, base: &str, quote: &str, price: Rate) {
        self.is_anything_read = true;
        let (base, quote) = (base.to_ascii_uppercase(), quote.to_ascii_uppercase());
        if self.knows(&base) && self.knows(&quote) {
            self.prices.entry((base, quote)).or_insert(price);
        }
    }

    /// Takes what was found out about the coin besides.
    pub(crate) fn set_tether(&mut self, usd: Rate) {
        self.prices.insert((TETHER.to_owned(), DOLLAR.to_owned()), usd);
    }

    /// Takes a row that made sense and is of no use.
    pub(crate) fn pass_over(&mut self) {
        self.is_anything_read = true;
    }

    /// The prices of what is wanted, or `None` if no row made sense.
    pub(crate) fn usd(&self) -> Option<Prices> {
        let tether = self.direct(TETHER).unwrap_or(Rate::ONE);
        let price = |code: &str| {
            if code == TETHER {
                return Some(tether);
            }
            self.direct(code).or_else(|| self.through(code, TETHER, tether))
        };
        let priced = |code: &str| Some((code.to_owned(), price(code).filter(is_sane)?));
        let codes = self.wanted.codes().filter(|it| *it != DOLLAR);
        self.is_anything_read.then(|| codes.filter_map(priced).collect())
    }

    fn direct(&self, code: &str) -> Option<Rate> {
        self.through(code, DOLLAR, Rate::ONE)
    }

    /// The dollar price of `code` by its pair with `middle`, either way round.
    fn through(&self, code: &str, middle: &str, usd: Rate) -> Option<Rate> {
        if let Some(price) = self.price(code, middle) {
            return if usd == Rate::ONE { Some(price) } else { price.times(usd) };
        }
        usd.over(self.price(middle, code)?)
    }

    fn price(&self, base: &str, quote: &str) -> Option<Rate> {
        self.prices.get(&(base.to_owned(), quote.to_owned())).copied()
    }
}

/// Nothing that is paid costs more than a thousand million dollars or less than a millionth of a
/// millionth of one.
fn is_sane(usd: &Rate) -> bool {
    let limit = |text| Rate::parse(text).expect("it is a plain positive decimal");
    (limit("0.000000000001")..=limit("1000000000")).contains(usd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(pairs: &[(&str, &str, &str)]) -> Vec<String> {
        let wanted = Wanted::new(["btc", "USDT", "USD"], ["eur", "RUB"]);
        let mut all = Pairs::new(&wanted);
        for (base, quote, price) in pairs {
            all.add(base, quote, Rate::parse(price).unwrap());
        }
        let text = |(code, usd): (String, Rate)| format!("{code} {usd}");
        all.usd().unwrap_or_default().into_iter().map(text).collect()
    }

    #[test]
    fn the_dollar_goes_before_the_coin_and_the_coin_is_at_par_if_it_has_no_price() {
        assert_eq!(usd(&[("BTC", "USDT", "60000.5")]), ["BTC 60000.5", "USDT 1"]);
        let own = ("USDT", "USD", "0.9");
        assert_eq!(usd(&[("BTC", "USDT", "60000.5"), own]), ["BTC 54000.45", "USDT 0.9"]);
        let direct = ("BTC", "USD", "60001");
        assert_eq!(usd(&[("BTC", "USDT", "1"), own, direct]), ["BTC 60001", "USDT 0.9"]);
    }

    #[test]
    fn fiat_is_divided_out() {
        assert_eq!(usd(&[("USDT", "RUB", "96.42")]), ["RUB 0.010371292263", "USDT 1"]);
        assert_eq!(usd(&[("EUR", "USDT", "1.08")]), ["EUR 1.08", "USDT 1"]);
        let both = [("USDT", "RUB", "96.42"), ("USD", "RUB", "100")];
        assert_eq!(usd(&both), ["RUB 0.01", "USDT 1"]);
    }

    #[test]
    fn what_is_absurd_or_not_wanted_is_left_out() {
        assert_eq!(usd(&[("BTC", "USD", "1000000000.1")]), ["USDT 1"]);
        assert_eq!(usd(&[("BTC", "USD", "0.0000000000009")]), ["USDT 1"]);
        assert_eq!(usd(&[("DOGE", "USD", "0.1")]), ["USDT 1"]);
        assert!(usd(&[]).is_empty());
    }
}
