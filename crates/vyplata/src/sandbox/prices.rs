//! What everything costs in the sandbox: exchanges that never change their mind, under the names of
//! real ones.

use std::sync::Arc;

use anyhow::Context as _;
use domain::{catalog::Catalog, money::Rate, ports::RateSource};
use rates::{Fixed, NAMES, binance, binancep2p, exmo, kucoin};

/// Prices in US dollars, by ticker; coins that are not listed cost one dollar.
const COINS: &[(&str, &str)] = &[
    ("AVAX", "20"),
    ("BCH", "400"),
    ("BNB", "600"),
    ("BTC", "60000"),
    ("DASH", "30"),
    ("DOGE", "0.1"),
    ("ETH", "3000"),
    ("LTC", "80"),
    ("PEPE", "0.00001"),
    ("POL", "0.4"),
    ("SHIB", "0.00002"),
    ("SOL", "150"),
    ("TON", "5"),
    ("TRX", "0.2"),
    ("XAUT", "2500"),
];

/// Prices of fiat currencies in US dollars.
const FIAT: &[(&str, &str)] = &[
    ("AED", "0.27"),
    ("ARS", "0.001"),
    ("AUD", "0.65"),
    ("BRL", "0.18"),
    ("BYN", "0.3"),
    ("CAD", "0.72"),
    ("CHF", "1.12"),
    ("CNY", "0.14"),
    ("CZK", "0.043"),
    ("EUR", "1.08"),
    ("GBP", "1.27"),
    ("GEL", "0.37"),
    ("HUF", "0.0027"),
    ("IDR", "0.00006"),
    ("INR", "0.012"),
    ("JPY", "0.0067"),
    ("KZT", "0.002"),
    ("MXN", "0.05"),
    ("NGN", "0.0006"),
    ("PLN", "0.25"),
    ("RUB", "0.0125"),
    ("THB", "0.029"),
    ("TRY", "0.03"),
    ("UAH", "0.024"),
    ("UZS", "0.00008"),
    ("VND", "0.00004"),
];

/// How each exchange's prices differ from those above, so that it can be seen whose price was used.
/// The middle one of them (of an even number the lower one) is the listed price itself.
const FACTORS: [(&str, &str); 4] = [
    (exmo::NAME, "0.999"),
    (binance::NAME, "1"),
    (kucoin::NAME, "1.001"),
    (binancep2p::NAME, "1.002"),
];

/// The fiat currencies that have a price.
pub(super) fn fiat() -> Vec<String> {
    FIAT.iter().map(|it| it.0.to_owned()).collect()
}

/// The names of the exchanges.
pub(super) fn names() -> Vec<String> {
    NAMES.map(str::to_owned).to_vec()
}

/// The exchanges; every coin has a price, so that every fee can be charged.
///
/// # Errors
/// If a price cannot be represented.
pub(super) fn sources(catalog: &Catalog) -> anyhow::Result<Vec<Arc<dyn RateSource>>> {
    let coin = |ticker: &str| COINS.iter().find(|it| it.0 == ticker).map_or("1", |it| it.1);
    let coins = catalog.assets().map(|it| (it.ticker.as_str(), coin(&it.ticker)));
    let listed: Vec<(&str, &str)> = coins.chain(FIAT.iter().copied()).collect();
    let rate = |text: &str| Rate::parse(text).with_context(|| format!("the price {text:?}"));
    let mut sources: Vec<Arc<dyn RateSource>> = vec![];
    for (name, factor) in FACTORS {
        let factor = rate(factor)?;
        let priced = listed.iter().map(|(code, usd)| {
            let usd = rate(usd)?.times(factor);
            Ok(((*code).to_owned(), usd.with_context(|| format!("the price of {code}"))?))
        });
        let priced: Vec<(String, Rate)> = priced.collect::<anyhow::Result<_>>()?;
        sources.push(Arc::new(Fixed::new(name, priced)));
    }
    Ok(sources)
}
