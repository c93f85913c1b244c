//! Fee rates as they are written: satoshi for a virtual byte.

use domain::money::Amount;
use serde::{Deserialize, Deserializer, de::Error as _};

/// How many places of a satoshi a rate can have: nodes count for 1,000 virtual bytes.
const PLACES: u8 = 3;

/// A fee rate: a whole number, or a text with decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SatPerVbyte {
    /// In satoshi for 1,000 virtual bytes.
    pub(crate) per_kvb: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u32),
    Text(String),
}

impl<'de> Deserialize<'de> for SatPerVbyte {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || D::Error::custom("write a whole number, or a text such as \"0.5\"");
        let text = match Written::deserialize(deserializer).map_err(|_| wrong())? {
            Written::Number(whole) => whole.to_string(),
            Written::Text(text) => text,
        };
        let rate = Amount::parse(&text, PLACES).ok();
        let per_kvb = rate.and_then(|it| u64::try_from(it.units()).ok()).ok_or_else(wrong)?;
        Ok(Self { per_kvb })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Settings {
        rate: SatPerVbyte,
    }

    fn read(value: &str) -> Option<u64> {
        let settings: Result<Settings, _> = toml::from_str(&format!("rate = {value}"));
        settings.ok().map(|it| it.rate.per_kvb)
    }

    #[test]
    fn rates_are_whole_numbers_or_texts() {
        for (value, expected) in
            [("5", 5_000), ("0", 0), ("\"5\"", 5_000), ("\"0.1\"", 100), ("\"1.234\"", 1_234)]
        {
            assert_eq!(read(value), Some(expected), "{value}");
        }
        for value in ["0.1", "-1", "\"-1\"", "\"0.0001\"", "\"\"", "\"1 sat\"", "true"] {
            assert_eq!(read(value), None, "{value}");
        }
    }
}
