//! Prices that never change, for the sandbox and for tests.

use std::collections::BTreeMap;

use domain::{
    BoxFuture,
    money::Rate,
    ports::{RateSource, Unreachable},
};

use crate::Prices;

/// A source of given prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    name: String,
    prices: BTreeMap<String, Rate>,
}

impl Fixed {
    /// A source by any name. Of several prices of one currency the last one counts.
    pub fn new(name: &str, prices: impl IntoIterator<Item = (String, Rate)>) -> Self {
        let capital = |(code, usd): (String, Rate)| (code.to_ascii_uppercase(), usd);
        Self { name: name.to_ascii_lowercase(), prices: prices.into_iter().map(capital).collect() }
    }
}

impl RateSource for Fixed {
    fn name(&self) -> &str {
        &self.name
    }

    fn fetch(&self) -> BoxFuture<'_, Result<Prices, Unreachable>> {
        let prices = self.prices.iter().map(|(code, usd)| (code.clone(), *usd)).collect();
        Box::pin(std::future::ready(Ok(prices)))
    }
}
