//! Binance's spot market: the last price of every symbol.
//!
//! <https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#symbol-price-ticker>

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Access, BadUrl, Page, Prices, Wanted, host::Host, number, pairs::Pairs};

/// The name of this source.
pub const NAME: &str = "binance";
/// Some 3,500 symbols of 50 bytes each are listed; this is twenty times as much.
pub const BODY_BYTES_MAX: usize = 4 << 20;

const URL: &str = "https://api.binance.com";
const PATH: &str = "/api/v3/ticker/price";
/// Coins whose names end like the dollar's, so that `ABCTUSD` may be `ABCT/USD` or `ABC/TUSD`.
const OTHER_DOLLARS: [&str; 6] = ["BUSD", "FDUSD", "PYUSD", "RLUSD", "TUSD", "XUSD"];

/// Binance's page, of which is kept what is wanted.
///
/// # Errors
/// If the base URL is no good.
pub fn new(access: Access, wanted: Wanted) -> Result<Page, BadUrl> {
    let host = Host::new(NAME, access, URL, BODY_BYTES_MAX)?;
    Ok(Page { name: NAME, host, path: PATH, parse, wanted })
}

#[derive(Deserialize)]
struct Row<'a> {
    symbol: String,
    #[serde(borrow)]
    price: &'a RawValue,
}

/// Reads an answer; `None` if it makes no sense at all.
pub fn parse(body: &[u8], wanted: &Wanted) -> Option<Prices> {
    let rows: Vec<&RawValue> = serde_json::from_slice(body).ok()?;
    let mut pairs = Pairs::new(wanted);
    for row in rows {
        let Ok(row) = serde_json::from_str::<Row<'_>>(row.get()) else { continue };
        let Some(price) = number::price(row.price) else { continue };
        match split(&row.symbol, |code| pairs.knows(code)) {
            Some((base, quote)) => pairs.add(base, quote, price),
            None => pairs.pass_over(),
        }
    }
    pairs.usd()
}

/// Splits a symbol into two codes, if that can be done in one way only.
fn split(symbol: &str, is_known: impl Fn(&str) -> bool) -> Option<(&str, &str)> {
    let is_code = |code: &str| is_known(code) || OTHER_DOLLARS.contains(&code);
    let splits = (1..symbol.len()).filter_map(|at| symbol.split_at_checked(at));
    let mut readings = splits.filter(|(base, quote)| is_code(base) && is_code(quote));
    readings.next().filter(|_| readings.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_that_can_be_read_in_two_ways_is_not_read() {
        let read = |symbol, known: &'static [&str]| split(symbol, |code| known.contains(&code));
        assert_eq!(read("ABCTUSD", &["ABC", "ABCT", "USD"]), None);
        assert_eq!(read("ABCTUSD", &["ABC", "USD"]), Some(("ABC", "TUSD")));
        assert_eq!(read("ABCTUSD", &["ABCT", "USD"]), Some(("ABCT", "USD")));
        assert_eq!(read("USDTTRY", &["USDT", "TRY"]), Some(("USDT", "TRY")));
        for symbol in ["", "A", "USDT", "币USDT", "这是测试币"] {
            assert_eq!(read(symbol, &["USDT", "A"]), None);
        }
    }
}
