//! Binance P2P: what people ask for USDT in fiat currencies.
//!
//! The page <https://p2p.binance.com> asks this way itself; there is no official documentation.

use domain::{
    BoxFuture,
    money::Rate,
    ports::{RateSource, Unreachable},
};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::{
    Access, BadUrl, Prices, Wanted,
    host::Host,
    number,
    pairs::{Pairs, TETHER},
};

/// The name of this source.
pub const NAME: &str = "binancep2p";
/// Twenty advertisements have 3 kB each.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// How many fiat currencies are asked for: each one is a question.
pub const FIAT_MAX: usize = 16;

const URL: &str = "https://p2p.binance.com";
const PATH: &str = "/bapi/c2c/v2/friendly/c2c/adv/search";
const ROWS: usize = 20;
const AT_ONCE: usize = 4;

/// Asks Binance P2P.
pub struct BinanceP2p {
    host: Host,
    wanted: Wanted,
}

impl BinanceP2p {
    /// A source that asks for the first [`FIAT_MAX`] fiat currencies that are wanted.
    ///
    /// # Errors
    /// If the base URL is no good.
    pub fn new(access: Access, wanted: Wanted) -> Result<Self, BadUrl> {
        Ok(Self { host: Host::new(NAME, access, URL, BODY_BYTES_MAX)?, wanted })
    }

    async fn ask(&self, fiat: &str) -> Result<Option<Rate>, Unreachable> {
        let question = json!({
            "asset": TETHER, "fiat": fiat, "tradeType": "BUY", "page": 1, "rows": ROWS,
            "payTypes": [], "countries": [], "publisherType": null,
        });
        let body = self.host.post(PATH, &question).await?;
        self.host.read(parse(&body, fiat))
    }
}

impl RateSource for BinanceP2p {
    fn name(&self) -> &'static str {
        NAME
    }

    /// A currency that is not answered for is left out; if none is, nobody answered.
    fn fetch(&self) -> BoxFuture<'_, Result<Prices, Unreachable>> {
        Box::pin(async move {
            let fiat: Vec<String> = self.wanted.fiat().take(FIAT_MAX).map(str::to_owned).collect();
            let asked = fiat.into_iter().map(|fiat| async move {
                let answer = self.ask(&fiat).await;
                (fiat, answer)
            });
            let answers: Vec<_> = stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
            let mut pairs = Pairs::new(&self.wanted);
            for (fiat, answer) in answers {
                match answer {
                    Ok(Some(price)) => pairs.add(TETHER, &fiat, price),
                    Ok(None) => pairs.pass_over(),
                    Err(Unreachable) => {}
                }
            }
            pairs.usd().ok_or(Unreachable)
        })
    }
}

#[derive(Deserialize)]
struct Page<'a> {
    code: String,
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    adv: Advertisement<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Advertisement<'a> {
    asset: String,
    fiat_unit: String,
    #[serde(borrow)]
    price: &'a RawValue,
}

/// Reads an answer about one currency: the price in the middle, so that a few that lure or dream do
/// not matter. The inner `None` says that nobody offers, the outer one that it makes no sense.
pub fn parse(body: &[u8], fiat: &str) -> Option<Option<Rate>> {
    let page: Page<'_> = serde_json::from_slice(body).ok()?;
    if page.code != "000000" {
        return None;
    }
    let price = |row: &&RawValue| {
        let row: Row<'_> = serde_json::from_str(row.get()).ok()?;
        let is_asked = row.adv.asset == TETHER && row.adv.fiat_unit.eq_ignore_ascii_case(fiat);
        number::price(row.adv.price).filter(|_| is_asked)
    };
    let mut prices: Vec<Rate> = page.data.iter().filter_map(price).collect();
    prices.sort_unstable();
    let middle = prices.get(prices.len().saturating_sub(1) / 2).copied();
    (middle.is_some() || page.data.is_empty()).then_some(middle)
}
