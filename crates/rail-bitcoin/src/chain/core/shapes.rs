//! The shapes of a node's answers, as far as they matter.

use std::str::FromStr;

use bitcoin::{BlockHash, Txid};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Number, Value};

use super::{super::amount, BLOCKS_BEHIND_MAX};

fn parsed<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom("not a hash"))
}

/// The answer to `getblockchaininfo`.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    /// `main`, `test`, `signet`, `regtest`.
    chain: String,
    /// The height of the newest block.
    pub(super) blocks: u32,
    /// The height of the newest header.
    pub(super) headers: u32,
    /// The hash of the newest block.
    #[serde(rename = "bestblockhash", deserialize_with = "parsed")]
    pub(super) hash: BlockHash,
    /// Whether the node has not caught up since it started: its newest block is older than a day.
    #[serde(rename = "initialblockdownload")]
    is_initial: bool,
    /// The lowest block that the node still has, if it forgets blocks.
    #[serde(rename = "pruneheight")]
    pub(super) lowest: Option<u32>,
}

impl Info {
    /// Whether the node has not all blocks yet. A network that is made of nothing but tests has its
    /// next block when somebody wants one, so there the newest may be of any age.
    pub(super) fn is_catching_up(&self) -> bool {
        let is_behind = self.headers.saturating_sub(self.blocks) > BLOCKS_BEHIND_MAX;
        self.chain != "regtest" && (self.is_initial || is_behind)
    }
}

/// The answer to `getblockheader`.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    #[serde(deserialize_with = "parsed")]
    pub(super) hash: BlockHash,
    pub(super) height: u32,
}

/// The answer to `getdescriptorinfo`.
#[derive(Debug, Deserialize)]
pub(super) struct Descriptor {
    /// With its checksum.
    pub(super) descriptor: String,
}

/// The answer to `getwalletinfo`.
#[derive(Debug, Deserialize)]
pub(super) struct WalletInfo {
    /// Whether it keeps descriptors. Nodes without wallets of the other kind need not say so.
    pub(super) descriptors: Option<bool>,
    /// Whether it may hold keys.
    #[serde(rename = "private_keys_enabled")]
    pub(super) may_hold_keys: bool,
    /// `false`, or how far it is in reading blocks again.
    pub(super) scanning: Value,
}

/// The answer to `getaddressinfo`.
#[derive(Debug, Deserialize)]
pub(super) struct AddressInfo {
    #[serde(rename = "ismine")]
    is_mine: bool,
    #[serde(rename = "iswatchonly", default)]
    is_watched: bool,
    /// What the wallet's address book says.
    labels: Vec<String>,
}

impl AddressInfo {
    /// What is written beside the address, if the wallet keeps account of it.
    pub(super) fn label(&self) -> Option<&str> {
        let label = self.labels.first().map(String::as_str);
        label.filter(|_| self.is_mine || self.is_watched)
    }

    /// Whether the wallet keeps account of the address at all.
    pub(super) fn is_kept(&self) -> bool {
        self.is_mine || self.is_watched
    }
}

/// One success or failure of an import.
#[derive(Debug, Deserialize)]
pub(super) struct Imported {
    pub(super) success: bool,
}

/// The answer to `scantxoutset`.
#[derive(Debug, Deserialize)]
pub(super) struct Scan {
    pub(super) success: bool,
    /// The newest block when it looked.
    pub(super) height: u32,
    pub(super) unspents: Vec<Scanned>,
}

/// A coin that `scantxoutset` found.
#[derive(Debug, Deserialize)]
pub(super) struct Scanned {
    pub(super) height: u32,
}

/// A coin of `listunspent`.
#[derive(Debug, Deserialize)]
pub(super) struct Unspent {
    #[serde(deserialize_with = "parsed")]
    pub(super) txid: Txid,
    pub(super) vout: u32,
}

/// The answer to `getbalances`.
#[derive(Debug, Deserialize)]
pub(super) struct Balances {
    mine: Balance,
    /// What a wallet of scripts keeps account of without a key.
    watchonly: Option<Balance>,
}

/// One of a wallet's balances.
#[derive(Debug, Deserialize)]
struct Balance {
    /// What may not be spent yet because blocks made it, in coins.
    immature: Number,
}

impl Balances {
    /// Whether the wallet has anything that may not be spent yet because blocks made it.
    pub(super) fn has_immature(&self) -> bool {
        let is_some = |it: &Balance| amount::exact_sat(&it.immature) != Some(0);
        is_some(&self.mine) || self.watchonly.as_ref().is_some_and(is_some)
    }
}

/// The answer to `gettxout`.
#[derive(Debug, Deserialize)]
pub(super) struct TxOut {
    /// The newest block when it was looked for.
    #[serde(rename = "bestblock", deserialize_with = "parsed")]
    pub(super) newest: BlockHash,
    /// How many blocks, its own counted; none while it waits for one.
    pub(super) confirmations: u32,
    /// In coins.
    pub(super) value: Number,
    #[serde(rename = "scriptPubKey")]
    pub(super) script: Script,
    /// Whether it was made by a block itself.
    pub(super) coinbase: bool,
}

/// A script in an answer.
#[derive(Debug, Deserialize)]
pub(super) struct Script {
    pub(super) hex: String,
}

/// The answer to `listsinceblock`.
#[derive(Debug, Deserialize)]
pub(super) struct Since {
    pub(super) transactions: Vec<Entry>,
}

/// One output of a transaction in the wallet's list.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    #[serde(deserialize_with = "parsed")]
    pub(super) txid: Txid,
    /// `send`, `receive`, `generate`, `immature`, `orphan`.
    pub(super) category: String,
    pub(super) vout: Option<u32>,
    /// How many blocks; negative if a block has a transaction that excludes it.
    pub(super) confirmations: i64,
}

/// The answer to `gettransaction`.
#[derive(Debug, Deserialize)]
pub(super) struct Held {
    /// How many blocks; negative if a block has a transaction that excludes it.
    pub(super) confirmations: i64,
    #[serde(rename = "blockheight")]
    pub(super) height: Option<u32>,
    pub(super) hex: String,
}

/// The answer to `getmempoolentry`: a transaction that waits, with all that depend on it.
#[derive(Debug, Deserialize)]
pub(super) struct MempoolEntry {
    /// How many they are, itself counted.
    #[serde(rename = "descendantcount")]
    pub(super) count: u32,
    /// Their size, in virtual bytes.
    #[serde(rename = "descendantsize")]
    pub(super) vsize: u64,
    pub(super) fees: MempoolFees,
}

/// The fees in it.
#[derive(Debug, Deserialize)]
pub(super) struct MempoolFees {
    /// What they pay together, in coins.
    #[serde(rename = "descendant")]
    pub(super) all: Number,
}

/// One answer of `gettxspendingprevout`.
#[derive(Debug, Deserialize)]
pub(super) struct Spending {
    /// The transaction in the mempool that spends the output, if one does.
    #[serde(rename = "spendingtxid")]
    pub(super) txid: Option<String>,
}

/// The answer to `estimatesmartfee`.
#[derive(Debug, Deserialize)]
pub(super) struct Estimate {
    /// In coins for 1,000 virtual bytes; not there while too little is known.
    #[serde(rename = "feerate")]
    pub(super) rate: Option<Number>,
}

/// The answer to `getmempoolinfo`.
#[derive(Debug, Deserialize)]
pub(super) struct MempoolInfo {
    /// The least fee rate at present, in coins for 1,000 virtual bytes.
    #[serde(rename = "mempoolminfee")]
    pub(super) rate_now: Number,
    /// The least fee rate ever, likewise.
    #[serde(rename = "minrelaytxfee")]
    pub(super) rate_always: Number,
    /// By how much a replacement must offer more, likewise. Since Core 24.
    #[serde(rename = "incrementalrelayfee")]
    pub(super) increment: Option<Number>,
    /// Whether it replaces what does not signal for it. Core 24 to 30; all those replace what does.
    fullrbf: Option<bool>,
    /// `never`, `optin`, `always`. Knots.
    rbf_policy: Option<String>,
}

impl MempoolInfo {
    /// Whether a transaction that signals for it is replaced, if the node tells. Core dropped the
    /// option to replace nothing in 0.19, and tells what a replacement must offer since 24.
    pub(super) fn replaces(&self) -> Option<bool> {
        match &self.rbf_policy {
            Some(policy) => Some(policy != "never"),
            None if self.fullrbf.is_some() || self.increment.is_some() => Some(true),
            None => None,
        }
    }
}

/// The answer to `getnetworkinfo`.
#[derive(Debug, Deserialize)]
pub(super) struct NetworkInfo {
    /// By how much a replacement must offer more, in coins for 1,000 virtual bytes.
    #[serde(rename = "incrementalfee")]
    pub(super) increment: Number,
}
