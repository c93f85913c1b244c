//! What the rail asks a node of the Bitcoin family, whatever the node speaks.

mod amount;
pub mod core;
pub mod esplora;
mod handover;
mod raw_tx;
mod replacing;

use std::collections::BTreeSet;

use bitcoin::{BlockHash, OutPoint, ScriptBuf, Transaction, Txid};
use domain::{
    BoxFuture,
    ports::{Handover, Unreachable},
};
use net::RpcError;

/// The newest block that a node knows of the chain it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// How many blocks are below it.
    pub height: u32,
    /// Its hash.
    pub hash: BlockHash,
}

/// Where a node has a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a block of the chain that it follows, at this height.
    Block(u32),
    /// Among those that wait for a block.
    Mempool,
    /// Nowhere. Proves nothing.
    Nowhere,
}

/// An output that a wallet may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Coin {
    /// Which output it is.
    pub outpoint: OutPoint,
    /// What it is worth, in satoshi (or a hundred-millionth of the network's coin).
    pub value_sat: u64,
    /// The height of the block that it is in; `None` while it waits for one.
    pub height: Option<u32>,
    /// Whether it was made by a block itself, and so may be spent only 100 blocks later. What left
    /// Litecoin's confidential part counts as such until it may be spent, which is sooner.
    pub is_coinbase: bool,
}

/// A transaction that paid a wallet or was paid by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Which transaction.
    pub txid: Txid,
    /// Where it is: never nowhere.
    pub place: Place,
    /// What it brought the wallet, in satoshi.
    pub received_sat: u64,
    /// What it took from the wallet, in satoshi, the fee included.
    pub spent_sat: u64,
    /// Which coins of the wallet it took.
    pub spends: Vec<OutPoint>,
}

/// A transaction that waits for a block with all that wait and depend on it, whoever made them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// How many they are, itself counted.
    pub count: u32,
    /// Their size together, in virtual bytes.
    pub vsize: u64,
    /// What they pay together, in satoshi.
    pub fee_sat: u64,
}

/// What a node takes and what it keeps, in satoshi for 1,000 virtual bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayRules {
    /// The least fee rate of a transaction that it relays now.
    pub fee_rate_min_sat_per_kvb: u64,
    /// By how much a replacement must offer more, for its own size (BIP-125, rule 4).
    pub increment_sat_per_kvb: u64,
    /// Whether it takes a replacement of a transaction that waits.
    pub replaces: bool,
    /// Whether that is assumed, because the node does not tell.
    pub replaces_is_assumed: bool,
}

/// A node. Every answer is as of one moment; two answers may be as of two.
pub trait Chain: Send + Sync {
    /// The hash of the block at a height. Networks are told apart by that of the first, which is at 0.
    fn block(&self, height: u32) -> BoxFuture<'_, Result<BlockHash, Unreachable>>;
    /// The newest block. Unreachable while the node still catches up with its network.
    fn tip(&self) -> BoxFuture<'_, Result<Tip, Unreachable>>;
    /// Has the node keep account of what belongs to a script, from the first block on; needed before
    /// anything else is asked about the script. Doing it twice is the same as doing it once.
    fn follow<'a>(&'a self, script: &'a ScriptBuf) -> BoxFuture<'a, Result<(), Unreachable>>;
    /// What a script has that nothing spends, not even a transaction that waits for a block.
    fn coins<'a>(&'a self, script: &'a ScriptBuf) -> BoxFuture<'a, Result<Vec<Coin>, Unreachable>>;
    /// What a script has in blocks, in satoshi, whatever waits to spend it.
    fn held<'a>(&'a self, script: &'a ScriptBuf) -> BoxFuture<'a, Result<u64, Unreachable>>;
    /// What moved a script's coins in blocks above a height.
    fn movements_above<'a>(
        &'a self,
        script: &'a ScriptBuf,
        height: u32,
    ) -> BoxFuture<'a, Result<Vec<Movement>, Unreachable>>;
    /// What spends a script's coins and waits for a block: all that made coins that nothing spends, all
    /// that is named here, and what those depend on; of the rest, perhaps not all. What only pays the
    /// script is left out, of which anybody can make as much as he likes.
    fn waiting<'a>(
        &'a self,
        script: &'a ScriptBuf,
        named: &'a BTreeSet<Txid>,
    ) -> BoxFuture<'a, Result<Vec<Movement>, Unreachable>>;
    /// Where a transaction is that spends a followed script's coins or pays it.
    fn place(&self, txid: Txid) -> BoxFuture<'_, Result<Place, Unreachable>>;
    /// Which transaction spends a followed script's output, and where that is.
    fn spender(
        &self,
        outpoint: OutPoint,
    ) -> BoxFuture<'_, Result<Option<(Txid, Place)>, Unreachable>>;
    /// A whole transaction that pays a followed script.
    fn transaction(&self, txid: Txid) -> BoxFuture<'_, Result<Transaction, Unreachable>>;
    /// The fee rate with which a transaction is expected in one of the next so many blocks, in
    /// satoshi for 1,000 virtual bytes; nothing while the node does not know enough.
    fn fee_rate(&self, blocks: u16) -> BoxFuture<'_, Result<Option<u64>, Unreachable>>;
    /// A transaction that waits with all that depend on it, which go with it if it is replaced;
    /// nothing if it does not wait.
    fn family(&self, txid: Txid) -> BoxFuture<'_, Result<Option<Family>, Unreachable>>;
    /// Whether the node itself is asked, and no server in front of it: it tells what it relays, and
    /// takes any fee.
    fn is_node(&self) -> bool {
        true
    }
    /// What the node takes.
    fn relay_rules(&self) -> BoxFuture<'_, Result<RelayRules, Unreachable>>;
    /// Hands over a transaction. One that the node has, in a block or not, is accepted.
    fn send<'a>(&'a self, tx: &'a Transaction) -> BoxFuture<'a, Result<Handover, Unreachable>>;
}

/// Tells the log why there is no answer.
fn lost(question: &str, error: &RpcError) -> Unreachable {
    tracing::warn!(question, %error, "no answer from the node");
    Unreachable
}

/// Tells the log that an answer is none.
fn odd(question: &str) -> Unreachable {
    tracing::warn!(question, "the node's answer makes no sense");
    Unreachable
}
