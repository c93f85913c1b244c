//! What every [`RateSource`] must do, whomever it asks.

use std::collections::BTreeSet;

use domain::{
    money::Rate,
    ports::{RateSource, Unreachable},
    rates::CURRENCIES_PER_SOURCE_MAX,
};

/// Asks a source that can answer; returns what it says, by currency.
///
/// # Panics
/// If a requirement is not met.
pub async fn answers(source: &dyn RateSource) -> Vec<(String, Rate)> {
    let name = is_named(source);
    let prices = source.fetch().await.unwrap_or_else(|Unreachable| panic!("{name}: it is there"));
    assert!(prices.len() <= CURRENCIES_PER_SOURCE_MAX, "{name}: no more than anybody keeps");
    let mut seen = BTreeSet::new();
    for (currency, usd) in &prices {
        assert!(is_code(currency), "{name}: {currency:?} is a code in capitals");
        assert!(seen.insert(currency.clone()), "{name}: {currency} is priced twice");
        assert!(usd.to_string().bytes().any(|it| it > b'0'), "{name}: {currency} is worth nothing");
    }
    assert_eq!(is_named(source), name, "a name does not change");
    let mut sorted = prices;
    sorted.sort();
    sorted
}

/// Asks a source that cannot answer, because of `trouble`.
///
/// # Panics
/// If it answers all the same.
pub async fn is_unreachable(source: &dyn RateSource, trouble: &str) {
    let name = is_named(source);
    assert_eq!(source.fetch().await, Err(Unreachable), "{name}: {trouble}");
    assert_eq!(is_named(source), name, "a name does not change");
}

fn is_named(source: &dyn RateSource) -> String {
    let name = source.name().to_owned();
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    assert!(!name.is_empty() && name.bytes().all(is_plain), "{name:?} is a word in small letters");
    name
}

fn is_code(currency: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    !currency.is_empty() && currency.bytes().all(is_plain)
}
