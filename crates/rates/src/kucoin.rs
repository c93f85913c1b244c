//! `KuCoin`'s spot market: the ticker of every pair, and what USDT is worth.
//!
//! <https://www.kucoin.com/docs-new/rest/spot-trading/market-data/get-all-tickers> and
//! <https://www.kucoin.com/docs-new/rest/spot-trading/market-data/get-fiat-price>.

use std::collections::BTreeMap;

use domain::{
    BoxFuture,
    ports::{RateSource, Unreachable},
};
use futures_util::future;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Access, BadUrl, Prices, Wanted,
    host::Host,
    number,
    pairs::{Pairs, TETHER},
};

/// The name of this source.
pub const NAME: &str = "kucoin";
/// Some 1,300 pairs of 450 bytes each are listed.
pub const BODY_BYTES_MAX: usize = 4 << 20;

const URL: &str = "https://api.kucoin.com";
const TICKERS: &str = "/api/v1/market/allTickers";
const TETHER_PRICE: &str = "/api/v1/prices?base=USD&currencies=USDT";

/// Asks `KuCoin`.
pub struct Kucoin {
    host: Host,
    wanted: Wanted,
}

impl Kucoin {
    /// A source that keeps what is wanted.
    ///
    /// # Errors
    /// If the base URL is no good.
    pub fn new(access: Access, wanted: Wanted) -> Result<Self, BadUrl> {
        Ok(Self { host: Host::new(NAME, access, URL, BODY_BYTES_MAX)?, wanted })
    }
}

impl RateSource for Kucoin {
    fn name(&self) -> &'static str {
        NAME
    }

    fn fetch(&self) -> BoxFuture<'_, Result<Prices, Unreachable>> {
        Box::pin(async {
            let asked = (self.host.get(TICKERS), self.host.get(TETHER_PRICE));
            let (tickers, tether) = future::try_join(asked.0, asked.1).await?;
            self.host.read(parse(&tickers, &tether, &self.wanted))
        })
    }
}

#[derive(Deserialize)]
struct Answer<T> {
    code: String,
    data: T,
}

#[derive(Deserialize)]
struct Tickers<'a> {
    #[serde(borrow)]
    ticker: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Row<'a> {
    symbol: String,
    #[serde(borrow)]
    last: &'a RawValue,
    #[serde(borrow)]
    buy: Option<&'a RawValue>,
    #[serde(borrow)]
    sell: Option<&'a RawValue>,
}

/// Reads the answers about all pairs and about USDT; `None` if either makes no sense at all.
pub fn parse(tickers: &[u8], tether: &[u8], wanted: &Wanted) -> Option<Prices> {
    let tickers: Tickers<'_> = good(serde_json::from_slice(tickers).ok()?)?;
    let tether: BTreeMap<String, &RawValue> = good(serde_json::from_slice(tether).ok()?)?;
    let mut pairs = Pairs::new(wanted);
    for row in tickers.ticker {
        let Ok(row) = serde_json::from_str::<Row<'_>>(row.get()) else { continue };
        let Some((base, quote)) = row.symbol.split_once('-') else { continue };
        let Some(last) = number::price(row.last) else { continue };
        let (buy, sell) = (row.buy.and_then(number::price), row.sell.and_then(number::price));
        pairs.add(base, quote, number::within(last, buy, sell));
    }
    if let Some(usd) = tether.get(TETHER).copied().and_then(number::price) {
        pairs.set_tether(usd);
    }
    pairs.usd()
}

fn good<T>(answer: Answer<T>) -> Option<T> {
    (answer.code == "200000").then_some(answer.data)
}
