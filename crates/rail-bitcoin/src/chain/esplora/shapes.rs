//! Answers as servers of Esplora's API print them.

use domain::ports::Unreachable;
use serde::Deserialize;

use super::super::{Place, odd};

/// Where a transaction is.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) confirmed: bool,
    pub(super) block_height: Option<u32>,
}

impl Status {
    /// Where it is, if it is anywhere. A block above the newest came in between, or is a lie.
    pub(super) fn place(&self, newest: u32, path: &str) -> Result<Place, Unreachable> {
        match (self.confirmed, self.block_height) {
            (false, _) => Ok(Place::Mempool),
            (true, Some(height)) if height <= newest => Ok(Place::Block(height)),
            (true, _) => Err(odd(path)),
        }
    }
}

/// A coin of `/scripthash/:hash/utxo`.
#[derive(Debug, Deserialize)]
pub(super) struct Utxo {
    pub(super) txid: String,
    pub(super) vout: u32,
    pub(super) value: u64,
    pub(super) status: Status,
}

/// A transaction.
#[derive(Debug, Deserialize)]
pub(super) struct Tx {
    pub(super) txid: String,
    pub(super) vin: Vec<Input>,
    pub(super) vout: Vec<Output>,
    pub(super) status: Status,
}

/// What a transaction pays.
#[derive(Debug, Deserialize)]
pub(super) struct Priced {
    pub(super) fee: u64,
    pub(super) weight: u64,
    pub(super) status: Status,
}

/// An input of a transaction.
#[derive(Debug, Deserialize)]
pub(super) struct Input {
    pub(super) txid: String,
    pub(super) vout: u32,
    pub(super) is_coinbase: bool,
    /// The output that it spends; none if a block made it.
    pub(super) prevout: Option<Output>,
}

/// An output of a transaction.
#[derive(Debug, Deserialize)]
pub(super) struct Output {
    pub(super) scriptpubkey: String,
    pub(super) value: u64,
}

/// The answer to `/tx/:txid/outspend/:vout`.
#[derive(Debug, Deserialize)]
pub(super) struct Outspend {
    pub(super) spent: bool,
    pub(super) txid: Option<String>,
    pub(super) status: Option<Status>,
}

/// The answer to `/scripthash/:hash`.
#[derive(Debug, Deserialize)]
pub(super) struct Stats {
    pub(super) chain_stats: ChainStats,
}

/// What blocks brought a script, and took from it.
#[derive(Debug, Deserialize)]
pub(super) struct ChainStats {
    pub(super) funded_txo_sum: u64,
    pub(super) spent_txo_sum: u64,
}

/// The answer to `/block/:hash`.
#[derive(Debug, Deserialize)]
pub(super) struct Block {
    pub(super) id: String,
    pub(super) height: u32,
}
