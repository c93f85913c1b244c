//! EXMO: the ticker of every pair.
//!
//! <https://documenter.getpostman.com/view/10287440/SzYXWKPi>, method `ticker`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Access, BadUrl, Page, Prices, Wanted, host::Host, number, pairs::Pairs};

/// The name of this source.
pub const NAME: &str = "exmo";
/// Some 200 pairs of 250 bytes each are listed.
pub const BODY_BYTES_MAX: usize = 1 << 20;

const URL: &str = "https://api.exmo.com";
const PATH: &str = "/v1.1/ticker";

/// EXMO's page, of which is kept what is wanted.
///
/// # Errors
/// If the base URL is no good.
pub fn new(access: Access, wanted: Wanted) -> Result<Page, BadUrl> {
    let host = Host::new(NAME, access, URL, BODY_BYTES_MAX)?;
    Ok(Page { name: NAME, host, path: PATH, parse, wanted })
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    last_trade: &'a RawValue,
    #[serde(borrow)]
    buy_price: Option<&'a RawValue>,
    #[serde(borrow)]
    sell_price: Option<&'a RawValue>,
}

/// Reads an answer; `None` if it makes no sense at all.
pub fn parse(body: &[u8], wanted: &Wanted) -> Option<Prices> {
    let rows: BTreeMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    let mut pairs = Pairs::new(wanted);
    for (pair, row) in rows {
        let Some((base, quote)) = pair.split_once('_') else { continue };
        let Ok(row) = serde_json::from_str::<Row<'_>>(row.get()) else { continue };
        let Some(last) = number::price(row.last_trade) else { continue };
        let buy = row.buy_price.and_then(number::price);
        let sell = row.sell_price.and_then(number::price);
        pairs.add(base, quote, number::within(last, buy, sell));
    }
    pairs.usd()
}
