//! The coins of this family that there are nodes for, and what is different between them.

use std::{path::PathBuf, str::FromStr};

use anyhow::{Result, bail};

use crate::{kill::workload::Asset, nodes, process};

/// A coin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coin {
    /// Bitcoin.
    Bitcoin,
    /// Litecoin, whose nodes replace no transaction by another one.
    Litecoin,
}

impl FromStr for Coin {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "" | "bitcoin" => Ok(Self::Bitcoin),
            "litecoin" => Ok(Self::Litecoin),
            other => bail!("--coin is bitcoin or litecoin, and not {other:?}"),
        }
    }
}

impl Coin {
    /// What is paid.
    pub(crate) fn asset(self) -> Asset {
        let (id, ticker) = match self {
            Self::Bitcoin => ("BTC@bitcoin", "BTC"),
            Self::Litecoin => ("LTC@litecoin", "LTC"),
        };
        Asset { id, ticker: Some(ticker), decimals: 8 }
    }

    /// The network's name in the catalog.
    pub(crate) fn network(self) -> &'static str {
        match self {
            Self::Bitcoin => "bitcoin",
            Self::Litecoin => "litecoin",
        }
    }

    /// The first block of the regression test network, as nodes have it.
    pub(crate) fn genesis(self) -> &'static str {
        match self {
            Self::Bitcoin => "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
            Self::Litecoin => "530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9",
        }
    }

    /// The human-readable part of addresses of the main network.
    pub(crate) fn hrp(self) -> &'static str {
        match self {
            Self::Bitcoin => "bc",
            Self::Litecoin => "ltc",
        }
    }

    /// The version bytes of addresses of the main network: of a key's hash, and of a script's.
    pub(crate) fn versions(self) -> (u8, u8) {
        match self {
            Self::Bitcoin => (0, 5),
            Self::Litecoin => (48, 50),
        }
    }

    /// Whether its nodes take replacements.
    pub(crate) fn is_replaced(self) -> bool {
        self == Self::Bitcoin
    }

    /// What its node is started with.
    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            Self::Bitcoin => &[],
            // Blocks with confidential parts need somebody who makes some.
            Self::Litecoin => &["-vbparams=mweb:9223372036854775800:9223372036854775807"],
        }
    }

    /// Its node.
    ///
    /// # Errors
    /// If it cannot be unpacked.
    pub(crate) fn program(self) -> Result<PathBuf> {
        let root = process::root();
        match self {
            Self::Bitcoin => nodes::bitcoind(&root),
            Self::Litecoin => nodes::litecoind(&root),
        }
    }
}
