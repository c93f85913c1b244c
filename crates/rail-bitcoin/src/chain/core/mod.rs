//! A node that speaks as Bitcoin Core does, by RPC: Core 25 to 31 and what is made of it (Knots), and
//! Litecoin Core 0.21.
//!
//! What belongs to the gateway's scripts is kept account of by a wallet in the node that holds no
//! keys, so that the node needs no index. How nodes differ is found out by what they have:
//!
//! - wallets of descriptors, or else of scripts, by what the node makes when it may choose;
//! - `gettxspendingprevout`, or else the wallet's own list;
//! - whether replacements are taken: `fullrbf` or `rbf_policy` of `getmempoolinfo`, or else what the
//!   operator says.
//!
//! Methods: <https://developer.bitcoin.org/reference/rpc/>, <https://bitcoincore.org/en/doc/>.

mod coins;
mod follow;
mod history;
mod rpc;
mod shapes;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bitcoin::{
    BlockHash, OutPoint, ScriptBuf, Transaction, Txid, consensus::encode::serialize_hex,
};
use domain::{
    BoxFuture,
    ports::{Handover, Unreachable},
};
use net::RpcError;
use serde_json::{Value, json};

pub use self::rpc::Links;
use self::{
    rpc::{lost, odd},
    shapes::{Estimate, Header, Info, MempoolInfo, NetworkInfo},
};
use super::{Chain, Coin, Family, Movement, Place, RelayRules, Tip, amount, replacing::Replacing};

/// How many blocks a node may be behind the headers that it has, and still count as one that has
/// caught up.
const BLOCKS_BEHIND_MAX: u32 = 6;

/// The longest target of `estimatesmartfee`, in blocks.
const TARGET_MAX: u16 = 1_008;

/// How much a transaction may pay for its size (`maxfeerate` of `sendrawtransaction`): any fee. By
/// itself a node refuses more than 0.1 coins for 1,000 virtual bytes, and a small transaction that
/// pays for large ones before it needs more. What may be paid is decided before it is signed.
const ANY_FEE: u32 = 0;

/// Errors of `sendrawtransaction` that are about the transaction: it was not understood, not taken,
/// against the rules, or is in a block.
const ABOUT_THE_TRANSACTION: [i64; 4] = [-22, -25, -26, -27];

/// A node and the wallet in it.
pub struct Core {
    links: Links,
    /// The wallet's name.
    name: String,
    /// Whether replacements are taken by a node that does not tell.
    replacing: Replacing,
    memory: Mutex<Memory>,
}

/// What was found out before and does not change.
#[derive(Default)]
struct Memory {
    /// Whether the wallet keeps scripts and not descriptors; unknown until it was asked.
    is_legacy: Option<bool>,
    /// The spellings of scripts.
    spellings: BTreeMap<ScriptBuf, Spelling>,
}

/// How a node spells a script.
#[derive(Clone, Debug)]
struct Spelling {
    /// As a descriptor with its checksum.
    descriptor: String,
    /// As an address of the node's network.
    address: String,
}

impl Core {
    /// The node behind `links`, whose wallet has this name. `replaces` says whether a node that does
    /// not tell takes replacements.
    pub fn new(links: Links, name: &str, replaces: bool) -> Self {
        let replacing = Replacing::assumed(replaces);
        Self { links, name: name.to_owned(), replacing, memory: Mutex::default() }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the node is.
    async fn info(&self) -> Result<Info, Unreachable> {
        self.links.node("getblockchaininfo", json!([])).await
    }

    /// The hash of the block at a height.
    async fn hash_at(&self, height: u32) -> Result<BlockHash, Unreachable> {
        let hash: String = self.links.node("getblockhash", json!([height])).await?;
        hash.parse().map_err(|_| odd("getblockhash"))
    }

    /// How a node of this network spells a script.
    async fn spelling(&self, script: &ScriptBuf) -> Result<Spelling, Unreachable> {
        if let Some(spelling) = self.memory().spellings.get(script) {
            return Ok(spelling.clone());
        }
        let raw = format!("raw({})", script.to_hex_string());
        let told: shapes::Descriptor = self.links.node("getdescriptorinfo", json!([raw])).await?;
        let descriptor = told.descriptor;
        let addresses: Vec<String> =
            self.links.node("deriveaddresses", json!([descriptor])).await?;
        let [address] = &addresses[..] else { return Err(odd("deriveaddresses")) };
        let spelling = Spelling { descriptor, address: address.clone() };
        self.memory().spellings.insert(script.clone(), spelling.clone());
        Ok(spelling)
    }

    async fn newest(&self) -> Result<Tip, Unreachable> {
        let info = self.info().await?;
        if info.is_catching_up() {
            let (blocks, headers) = (info.blocks, info.headers);
            tracing::warn!(blocks, headers, "the node still catches up with its network");
            return Err(Unreachable);
        }
        let header: Header =
            self.links.node("getblockheader", json!([info.hash.to_string()])).await?;
        if header.height != info.blocks || header.hash != info.hash {
            return Err(odd("getblockheader"));
        }
        Ok(Tip { height: info.blocks, hash: info.hash })
    }

    async fn estimate(&self, blocks: u16) -> Result<Option<u64>, Unreachable> {
        let method = "estimatesmartfee";
        let params = json!([blocks.clamp(1, TARGET_MAX), "ECONOMICAL"]);
        let estimate: Estimate = self.links.node(method, params).await?;
        let Some(rate) = estimate.rate else { return Ok(None) };
        match amount::rate_of_coins(&rate) {
            Some(0) | None => Err(odd(method)),
            rate => Ok(rate),
        }
    }

    async fn rules(&self) -> Result<RelayRules, Unreachable> {
        let method = "getmempoolinfo";
        let mempool: MempoolInfo = self.links.node(method, json!([])).await?;
        let increment = match &mempool.increment {
            Some(increment) => increment.clone(),
            None => {
                let network: NetworkInfo = self.links.node("getnetworkinfo", json!([])).await?;
                network.increment
            }
        };
        let rate = |number| amount::rate_of_coins(number).ok_or_else(|| odd(method));
        Ok(RelayRules {
            fee_rate_min_sat_per_kvb: rate(&mempool.rate_now)?.max(rate(&mempool.rate_always)?),
            increment_sat_per_kvb: rate(&increment)?,
            replaces: mempool.replaces().unwrap_or_else(|| self.replacing.is_likely()),
            replaces_is_assumed: mempool.replaces().is_none(),
        })
    }

    async fn hand_over(&self, tx: &Transaction) -> Result<Handover, Unreachable> {
        let method = "sendrawtransaction";
        let txid = tx.compute_txid();
        let told =
            self.links.node.call::<String>(method, json!([serialize_hex(tx), ANY_FEE])).await;
        let message = match told {
            Ok(told) if told == txid.to_string() => return Ok(Handover::Accepted),
            Ok(_) => return Err(odd(method)),
            Err(RpcError::Refused { code, message, data: _ })
                if ABOUT_THE_TRANSACTION.contains(&code) =>
            {
                message
            }
            Err(error) => return Err(lost(method, &error)),
        };
        self.replacing.refused(self, tx, &message).await
    }
}

impl Chain for Core {
    fn block(&self, height: u32) -> BoxFuture<'_, Result<BlockHash, Unreachable>> {
        Box::pin(self.hash_at(height))
    }

    fn tip(&self) -> BoxFuture<'_, Result<Tip, Unreachable>> {
        Box::pin(self.newest())
    }

    fn follow<'a>(&'a self, script: &'a ScriptBuf) -> BoxFuture<'a, Result<(), Unreachable>> {
        Box::pin(self.keep_account(script))
    }

    fn coins<'a>(&'a self, script: &'a ScriptBuf) -> BoxFuture<'a, Result<Vec<Coin>, Unreachable>> {
        Box::pin(self.coins_of(script))
    }

    fn held<'a>(&'a self, script: &'a ScriptBuf) -> BoxFuture<'a, Result<u64, Unreachable>> {
        Box::pin(self.held_by(script))
    }

    fn movements_above<'a>(
        &'a self,
        script: &'a ScriptBuf,
        height: u32,
    ) -> BoxFuture<'a, Result<Vec<Movement>, Unreachable>> {
        Box::pin(self.movements_of(script, height))
    }

    fn waiting<'a>(
        &'a self,
        script: &'a ScriptBuf,
        _named: &'a BTreeSet<Txid>,
    ) -> BoxFuture<'a, Result<Vec<Movement>, Unreachable>> {
        Box::pin(self.waiting_of(script))
    }

    fn place(&self, txid: Txid) -> BoxFuture<'_, Result<Place, Unreachable>> {
        Box::pin(self.place_of(txid))
    }

    fn spender(
        &self,
        outpoint: OutPoint,
    ) -> BoxFuture<'_, Result<Option<(Txid, Place)>, Unreachable>> {
        Box::pin(self.spender_of(outpoint))
    }

    fn transaction(&self, txid: Txid) -> BoxFuture<'_, Result<Transaction, Unreachable>> {
        Box::pin(self.whole(txid))
    }

    fn fee_rate(&self, blocks: u16) -> BoxFuture<'_, Result<Option<u64>, Unreachable>> {
        Box::pin(self.estimate(blocks))
    }

    fn family(&self, txid: Txid) -> BoxFuture<'_, Result<Option<Family>, Unreachable>> {
        Box::pin(self.family_of(txid))
    }

    fn relay_rules(&self) -> BoxFuture<'_, Result<RelayRules, Unreachable>> {
        Box::pin(self.rules())
    }

    fn send<'a>(&'a self, tx: &'a Transaction) -> BoxFuture<'a, Result<Handover, Unreachable>> {
        Box::pin(self.hand_over(tx))
    }
}

/// The parameters of a method by name, with those of a wallet that may have to be told to look at
/// what it holds no key of.
fn named(is_legacy: bool, mut params: Value) -> Value {
    if is_legacy {
        params["include_watchonly"] = Value::Bool(true);
    }
    params
}
