//! Which assets a line of the configuration is about.

use domain::catalog::Asset;

use super::reader::Reader;

/// Some of the assets. The later variant is the more specific one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// All of them: `*`.
    All,
    /// Those of one network: `@tron`.
    Network(String),
    /// One coin on all networks: `USDT`.
    Ticker(String),
    /// One asset: `USDT@tron`.
    Asset(String),
}

impl Scope {
    /// Reads it.
    ///
    /// # Errors
    /// If there is no such asset, ticker or network.
    pub(super) fn read(read: Reader<'_>, keys: &[&str], text: &str) -> anyhow::Result<Self> {
        match text.split_once('@') {
            None if text == "*" => Ok(Self::All),
            None => read.ticker(keys, text).map(|()| Self::Ticker(text.to_owned())),
            Some(("", network)) => {
                let what = format!("there is no network {network:?}");
                let known = read.catalog.network(network);
                known.ok_or_else(|| read.wrong(keys, &what))?;
                Ok(Self::Network(network.to_owned()))
            }
            Some(_) => read.asset(keys, text).map(|it| Self::Asset(it.id.to_string())),
        }
    }

    /// Whether it is about an asset.
    pub(super) fn has(&self, asset: &Asset) -> bool {
        match self {
            Self::All => true,
            Self::Network(network) => asset.network.as_str() == network,
            Self::Ticker(ticker) => asset.ticker == *ticker,
            Self::Asset(id) => asset.id.as_str() == id,
        }
    }

    /// Whether it is about one coin, so that a sum has a meaning.
    pub(super) fn is_one_coin(&self) -> bool {
        match self {
            Self::All | Self::Network(_) => false,
            Self::Ticker(_) | Self::Asset(_) => true,
        }
    }
}
