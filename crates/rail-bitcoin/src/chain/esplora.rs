//! A server that speaks as Esplora does, over HTTP.
//!
//! It has an index of all scripts, so there is nothing to follow. Scripts are asked for by the SHA-256
//! of their bytes, which is the same on every network. Amounts are whole satoshi. Paths and shapes:
//! <https://github.com/Blockstream/esplora/blob/master/API.md>.

mod shapes;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bitcoin::{
    BlockHash, OutPoint, ScriptBuf, Transaction, Txid,
    consensus::encode::serialize_hex,
    hashes::{Hash as _, sha256},
};
use domain::{
    BoxFuture,
    ports::{Handover, Unreachable},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use net::{Rest, RpcError};
use serde::de::DeserializeOwned;
use serde_json::Number;

use self::shapes::{Block, Input, Output, Outspend, Priced, Stats, Tx, Utxo};
use super::{
    Chain, Coin, Family, Movement, Place, RelayRules, Tip, amount, handover, lost, odd, raw_tx,
    replacing::Replacing,
};

/// What the server does not know.
const UNKNOWN: i64 = 404;

/// What the server, or the node behind it, does not take.
const REFUSED: i64 = 400;

/// How many pages of a script's history are read.
const PAGES_MAX: usize = 400;

/// How many transactions a page has at most.
const PAGE: usize = 25;

/// How much of a script's history is read in all, in bytes. A payment of our own takes some 200.
const HISTORY_BYTES_MAX: usize = 256 << 20;

/// How many transactions of a script that wait for a block are listed at most.
const LISTED_MAX: usize = 50;

/// How many transactions are asked for at the same time at most.
const ASKED_AT_ONCE: usize = 16;

/// How often all is asked again because a block came in between.
const TRIES: usize = 5;

/// How many transactions that depend on one are looked for; nodes keep fewer.
const FAMILY_MAX: usize = 100;

/// How many transactions are remembered as made by blocks themselves or not, and how many as others'.
const REMEMBERED_MAX: usize = 100_000;

/// A server of the Esplora API.
pub struct Esplora {
    rest: Rest,
    rules: RelayRules,
    replacing: Replacing,
    coinbases: Mutex<BTreeMap<Txid, bool>>,
    /// Transactions that wait and were found to spend nothing of the script that they pay, and that
    /// script.
    strangers: Mutex<BTreeSet<(Txid, ScriptBuf)>>,
}

impl Esplora {
    /// The server behind `rest`. It does not tell what the node behind it relays, so that is said
    /// here.
    pub fn new(rest: Rest, rules: RelayRules) -> Self {
        let replacing = Replacing::assumed(rules.replaces);
        let (coinbases, strangers) = Default::default();
        Self { rest, rules, replacing, coinbases, strangers }
    }

    fn strangers(&self) -> MutexGuard<'_, BTreeSet<(Txid, ScriptBuf)>> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn coinbases(&self) -> MutexGuard<'_, BTreeMap<Txid, bool>> {
        self.coinbases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn text(&self, path: &str) -> Result<String, Unreachable> {
        self.rest.get_text(path).await.map_err(|error| lost(path, &error))
    }

    async fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Unreachable> {
        shaped(path, &self.text(path).await?)
    }

    /// The same, or nothing where the server knows nothing of what was asked for.
    async fn known<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Unreachable> {
        match self.rest.get_text(path).await {
            Ok(text) => shaped(path, &text).map(Some),
            Err(RpcError::Refused { code: UNKNOWN, .. }) => Ok(None),
            Err(error) => Err(lost(path, &error)),
        }
    }

    async fn hash_at(&self, height: u32) -> Result<BlockHash, Unreachable> {
        let path = format!("/block-height/{height}");
        parsed(&path, &self.text(&path).await?)
    }

    async fn newest(&self) -> Result<Tip, Unreachable> {
        let path = "/blocks/tip/hash";
        let hash: BlockHash = parsed(path, &self.text(path).await?)?;
        let path = format!("/block/{hash}");
        let block: Block = self.json(&path).await?;
        if parsed::<BlockHash>(&path, &block.id)? != hash {
            return Err(odd(&path));
        }
        Ok(Tip { height: block.height, hash })
    }

    async fn coins_of(&self, script: &ScriptBuf) -> Result<Vec<Coin>, Unreachable> {
        let path = format!("{}/utxo", path_of(script));
        let utxos = self.unspent(&path).await?;
        let newest = self.newest().await?.height;
        let mut coins = BTreeMap::new();
        for utxo in utxos {
            let outpoint = OutPoint { txid: parsed(&path, &utxo.txid)?, vout: utxo.vout };
            let value_sat = amount::whole_sat(utxo.value).ok_or_else(|| odd(&path))?;
            let (height, is_coinbase) = match utxo.status.place(newest, &path)? {
                Place::Block(height) => (Some(height), self.is_coinbase(outpoint.txid).await?),
                Place::Mempool | Place::Nowhere => (None, false),
            };
            let coin = Coin { outpoint, value_sat, height, is_coinbase };
            if coins.insert(outpoint, coin).is_some() {
                return Err(odd(&path));
            }
        }
        Ok(coins.into_values().collect())
    }

    async fn is_coinbase(&self, txid: Txid) -> Result<bool, Unreachable> {
        if let Some(known) = self.coinbases().get(&txid) {
            return Ok(*known);
        }
        let tx: Tx = self.json(&format!("/tx/{txid}")).await?;
        let is_coinbase = tx.vin.iter().any(|it| it.is_coinbase);
        let mut coinbases = self.coinbases();
        if coinbases.len() >= REMEMBERED_MAX {
            coinbases.clear();
        }
        coinbases.insert(txid, is_coinbase);
        Ok(is_coinbase)
    }

    /// What is listed of coins. A server lists no more than its operator allows.
    async fn unspent(&self, path: &str) -> Result<Vec<Utxo>, Unreachable> {
        match self.rest.get_text(path).await {
            Ok(text) => shaped(path, &text),
            Err(RpcError::Refused { code: REFUSED, message, data: _ }) => {
                let words = handover::printable(&message);
                tracing::warn!(
                    path,
                    words,
                    "the server does not list the wallet's coins: if they are too many for it (500 \
                     by default), start it with a larger --utxos-limit, or bring them together"
                );
                Err(Unreachable)
            }
            Err(error) => Err(lost(path, &error)),
        }
    }

    async fn held_by(&self, script: &ScriptBuf) -> Result<u64, Unreachable> {
        let path = path_of(script);
        let Stats { chain_stats: stats } = self.json(&path).await?;
        let held = stats.funded_txo_sum.checked_sub(stats.spent_txo_sum);
        held.and_then(amount::whole_sat).ok_or_else(|| odd(&path))
    }

    async fn movements_of(
        &self,
        script: &ScriptBuf,
        height: u32,
    ) -> Result<Vec<Movement>, Unreachable> {
        for _ in 0..TRIES {
            let before = self.newest().await?;
            let mut movements = self.in_blocks_above(script, height, before.height).await?;
            if self.newest().await? != before {
                continue;
            }
            movements.retain(|it| match it.place {
                Place::Block(block) => block > height,
                Place::Mempool | Place::Nowhere => false,
            });
            return Ok(movements);
        }
        tracing::warn!("blocks come faster than the server tells what a wallet did");
        Err(Unreachable)
    }

    /// What is in blocks above a height, and perhaps some more.
    async fn in_blocks_above(
        &self,
        script: &ScriptBuf,
        height: u32,
        newest: u32,
    ) -> Result<Vec<Movement>, Unreachable> {
        let path = format!("{}/txs/chain", path_of(script));
        let mut all: Vec<Movement> = vec![];
        let mut seen = BTreeSet::new();
        let mut bytes = 0_usize;
        for _ in 0..PAGES_MAX {
            let text = match all.last() {
                None => self.text(&path).await?,
                Some(last) => self.text(&format!("{path}/{}", last.txid)).await?,
            };
            bytes = bytes.saturating_add(text.len());
            let page: Vec<Tx> = shaped(&path, &text)?;
            if page.len() > PAGE {
                return Err(odd(&path));
            }
            let is_below = |it: &Tx| it.status.block_height.is_none_or(|it| it <= height);
            let is_last = page.is_empty() || page.iter().any(is_below);
            for tx in &page {
                let movement = movement_of(tx, script, newest)?;
                if !seen.insert(movement.txid) {
                    return Err(odd(&path));
                }
                all.push(movement);
            }
            if is_last {
                return Ok(all);
            }
            if bytes > HISTORY_BYTES_MAX {
                break;
            }
        }
        tracing::warn!(height, "too much moved since this height");
        Err(Unreachable)
    }

    /// The server lists 50 transactions of a script that wait, of whoever. If they are more, those are
    /// looked for that made coins, or that are named, and from each of our own on what it spends.
    async fn waiting_of(
        &self,
        script: &ScriptBuf,
        named: &BTreeSet<Txid>,
    ) -> Result<Vec<Movement>, Unreachable> {
        let path = path_of(script);
        let newest = self.newest().await?.height;
        let listed: Vec<Tx> = self.json(&format!("{path}/txs/mempool")).await?;
        if listed.len() > LISTED_MAX {
            return Err(odd(&path));
        }
        let is_whole = listed.len() < LISTED_MAX;
        let mut found = BTreeMap::new();
        for tx in &listed {
            let movement = movement_of(tx, script, newest)?;
            found.insert(movement.txid, movement);
        }
        let mut open = if is_whole { BTreeSet::new() } else { named.clone() };
        if !is_whole {
            let path = format!("{path}/utxo");
            for utxo in self.unspent(&path).await?.iter().filter(|it| !it.status.confirmed) {
                open.insert(parsed(&path, &utxo.txid)?);
            }
            open.extend(parents(found.values()));
        }
        let mut seen: BTreeSet<Txid> = found.keys().copied().collect();
        while !open.is_empty() {
            let wanted: Vec<Txid> = open.into_iter().filter(|it| seen.insert(*it)).collect();
            let movements = self.waiting_among(script, wanted, newest).await?;
            open = parents(movements.iter()).collect();
            found.extend(movements.into_iter().map(|it| (it.txid, it)));
        }
        let is_own = |it: &Movement| it.spent_sat > 0 && it.place == Place::Mempool;
        Ok(found.into_values().filter(is_own).collect())
    }

    /// Those of these that spend the script's coins and wait for a block.
    async fn waiting_among(
        &self,
        script: &ScriptBuf,
        txids: Vec<Txid>,
        newest: u32,
    ) -> Result<Vec<Movement>, Unreachable> {
        let unknown: Vec<Txid> = {
            let strangers = self.strangers();
            let is_unknown = |it: &Txid| !strangers.contains(&(*it, script.clone()));
            txids.into_iter().filter(is_unknown).collect()
        };
        let asked = unknown.into_iter().map(|txid| async move {
            let path = format!("/tx/{txid}");
            let Some(tx) = self.known::<Tx>(&path).await? else { return Ok(None) };
            let movement = movement_of(&tx, script, newest)?;
            if movement.txid != txid {
                return Err(odd(&path));
            }
            if movement.spent_sat == 0 {
                let mut strangers = self.strangers();
                if strangers.len() >= REMEMBERED_MAX {
                    strangers.clear();
                }
                strangers.insert((txid, script.clone()));
                return Ok(None);
            }
            let place = self.place_in(&tx, txid, &path).await?;
            Ok((place == Place::Mempool).then_some(movement))
        });
        let told: Vec<Option<Movement>> =
            stream::iter(asked).buffer_unordered(ASKED_AT_ONCE).try_collect().await?;
        Ok(told.into_iter().flatten().collect())
    }

    /// A server may remember a transaction of a block that is none any more as one that waits, so
    /// what waits must also be what spends its first input.
    async fn place_of(&self, txid: Txid) -> Result<Place, Unreachable> {
        let path = format!("/tx/{txid}");
        let Some(tx) = self.known::<Tx>(&path).await? else { return Ok(Place::Nowhere) };
        if parsed::<Txid>(&path, &tx.txid)? != txid {
            return Err(odd(&path));
        }
        self.place_in(&tx, txid, &path).await
    }

    async fn place_in(&self, tx: &Tx, txid: Txid, path: &str) -> Result<Place, Unreachable> {
        if tx.status.confirmed {
            return tx.status.place(self.newest().await?.height, path);
        }
        let Some(input) = tx.vin.first().filter(|it| !it.is_coinbase) else {
            return Ok(Place::Nowhere);
        };
        let first = OutPoint { txid: parsed(path, &input.txid)?, vout: input.vout };
        match self.spender_of(first).await? {
            Some((spender, place)) if spender == txid => Ok(place),
            Some(_) | None => Ok(Place::Nowhere),
        }
    }

    async fn spender_of(&self, outpoint: OutPoint) -> Result<Option<(Txid, Place)>, Unreachable> {
        let path = format!("/tx/{}/outspend/{}", outpoint.txid, outpoint.vout);
        let outspend = self.known::<Outspend>(&path).await?;
        let Some(outspend) = outspend.filter(|it| it.spent) else { return Ok(None) };
        let (Some(txid), Some(status)) = (outspend.txid, outspend.status) else {
            return Err(odd(&path));
        };
        let place = status.place(self.newest().await?.height, &path)?;
        Ok(Some((parsed(&path, &txid)?, place)))
    }

    /// What waits and depends on a transaction, from one to the next. It is as of no one moment, and
    /// only tells what to offer.
    async fn family_of(&self, txid: Txid) -> Result<Option<Family>, Unreachable> {
        let mut family = Family { count: 0, vsize: 0, fee_sat: 0 };
        let (mut open, mut seen) = (vec![txid], BTreeSet::from([txid]));
        while let Some(it) = open.pop() {
            let path = format!("/tx/{it}");
            let priced = self.known::<Priced>(&path).await?;
            let Some(priced) = priced.filter(|it| !it.status.confirmed) else { continue };
            let fee_sat = amount::whole_sat(priced.fee).ok_or_else(|| odd(&path))?;
            family = Family {
                count: family.count.saturating_add(1),
                vsize: family.vsize.saturating_add(priced.weight.div_ceil(4)),
                fee_sat: family.fee_sat.saturating_add(fee_sat),
            };
            let path = format!("{path}/outspends");
            for outspend in self.known::<Vec<Outspend>>(&path).await?.unwrap_or_default() {
                let Some(child) = outspend.txid.filter(|_| outspend.spent) else { continue };
                let child: Txid = parsed(&path, &child)?;
                if seen.len() < FAMILY_MAX && seen.insert(child) {
                    open.push(child);
                }
            }
        }
        Ok((family.count > 0).then_some(family))
    }

    async fn whole(&self, txid: Txid) -> Result<Transaction, Unreachable> {
        let path = format!("/tx/{txid}/hex");
        let hex = self.text(&path).await?;
        raw_tx::decode(hex.trim(), txid).ok_or_else(|| odd(&path))
    }

    async fn estimate(&self, blocks: u16) -> Result<Option<u64>, Unreachable> {
        let path = "/fee-estimates";
        let estimates: BTreeMap<String, Number> = self.json(path).await?;
        let target =
            |(target, rate): (&String, &Number)| Some((target.parse().ok()?, rate.clone()));
        let estimates: BTreeMap<u16, Number> = estimates.iter().filter_map(target).collect();
        let Some((_, rate)) = in_time(&estimates, blocks) else { return Ok(None) };
        match amount::rate_of_sat(rate) {
            Some(0) | None => Err(odd(path)),
            rate => Ok(rate),
        }
    }

    async fn hand_over(&self, tx: &Transaction) -> Result<Handover, Unreachable> {
        let path = "/tx";
        let txid = tx.compute_txid();
        let message = match self.rest.post_text(path, serialize_hex(tx)).await {
            Ok(told) if told.trim() == txid.to_string() => return Ok(Handover::Accepted),
            Ok(_) => return Err(odd(path)),
            Err(RpcError::Refused { code: REFUSED, message, data: _ }) if !is_warming(&message) => {
                message
            }
            Err(error) => return Err(lost(path, &error)),
        };
        self.replacing.refused(self, tx, &message).await
    }
}

impl Chain for Esplora {
    fn block(&self, height: u32) -> BoxFuture<'_, Result<BlockHash, Unreachable>> {
        Box::pin(self.hash_at(height))
    }

    fn tip(&self) -> BoxFuture<'_, Result<Tip, Unreachable>> {
        Box::pin(self.newest())
    }

    fn follow<'a>(&'a self, _script: &'a ScriptBuf) -> BoxFuture<'a, Result<(), Unreachable>> {
        Box::pin(std::future::ready(Ok(())))
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
        named: &'a BTreeSet<Txid>,
    ) -> BoxFuture<'a, Result<Vec<Movement>, Unreachable>> {
        Box::pin(self.waiting_of(script, named))
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

    fn is_node(&self) -> bool {
        false
    }

    fn relay_rules(&self) -> BoxFuture<'_, Result<RelayRules, Unreachable>> {
        let replaces = self.replacing.is_likely();
        Box::pin(std::future::ready(Ok(RelayRules { replaces, ..self.rules })))
    }

    fn send<'a>(&'a self, tx: &'a Transaction) -> BoxFuture<'a, Result<Handover, Unreachable>> {
        Box::pin(self.hand_over(tx))
    }
}

/// The path of what the server knows of a script.
fn path_of(script: &ScriptBuf) -> String {
    format!("/scripthash/{}", sha256::Hash::hash(script.as_bytes()))
}

fn parsed<T: std::str::FromStr>(path: &str, text: &str) -> Result<T, Unreachable> {
    text.trim().parse().map_err(|_| odd(path))
}

fn shaped<T: DeserializeOwned>(path: &str, text: &str) -> Result<T, Unreachable> {
    serde_json::from_str(text).map_err(|error| {
        tracing::warn!(path, %error, "the server's answer has another shape than expected");
        Unreachable
    })
}

/// Whether a refusal is the node's, behind the server, for not having started yet (error -28).
fn is_warming(message: &str) -> bool {
    message.contains("error -28") || message.contains("\"code\":-28")
}

/// The estimate with the longest target that is in time.
fn in_time(estimates: &BTreeMap<u16, Number>, blocks: u16) -> Option<(&u16, &Number)> {
    // No block is sooner than the next, and some servers begin with the one after it.
    estimates.range(..=blocks).next_back().or_else(|| estimates.first_key_value())
}

fn movement_of(tx: &Tx, script: &ScriptBuf, newest: u32) -> Result<Movement, Unreachable> {
    let path = "/scripthash/:hash/txs";
    let script = script.to_hex_string();
    let sum = |outputs: &mut dyn Iterator<Item = &Output>| {
        let mut ours = outputs.filter(|it| it.scriptpubkey == script);
        let sum = ours.try_fold(0_u64, |sum, it| sum.checked_add(it.value));
        sum.and_then(amount::whole_sat).ok_or_else(|| odd(path))
    };
    let is_ours = |it: &&Input| it.prevout.as_ref().is_some_and(|it| it.scriptpubkey == script);
    let outpoint = |it: &Input| Ok(OutPoint { txid: parsed(path, &it.txid)?, vout: it.vout });
    Ok(Movement {
        txid: parsed(path, &tx.txid)?,
        place: tx.status.place(newest, path)?,
        received_sat: sum(&mut tx.vout.iter())?,
        spent_sat: sum(&mut tx.vin.iter().filter_map(|it| it.prevout.as_ref()))?,
        spends: tx.vin.iter().filter(is_ours).map(outpoint).collect::<Result<_, _>>()?,
    })
}

/// What made the coins that these spend.
fn parents<'a>(movements: impl Iterator<Item = &'a Movement>) -> impl Iterator<Item = Txid> {
    movements.flat_map(|it| &it.spends).map(|it| it.txid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_never_for_a_longer_wait_than_wanted_if_there_is_another() {
        let estimates = [(2, 9), (6, 5), (144, 1)].map(|(it, rate)| (it, Number::from(rate)));
        let estimates = BTreeMap::from(estimates);
        let target = |blocks| in_time(&estimates, blocks).map(|(target, _)| *target);
        let found = [0, 1, 2, 5, 6, 143, 144, 1_008].map(target);
        assert_eq!(found, [2, 2, 2, 2, 6, 6, 144, 144].map(Some));
        assert_eq!(in_time(&BTreeMap::new(), 6), None);
    }

    #[test]
    fn scripts_are_asked_for_by_their_hash() {
        let script = ScriptBuf::from_hex("0014751e76e8199196d454941c45d1b3a323f1433bd6").unwrap();
        // printf 0014751e76e8199196d454941c45d1b3a323f1433bd6 | xxd -r -p | sha256sum
        let hash = "8838f796bf4970b148779c05b74b8c49515b322d04035f7faa5d9b2375df2396";
        assert_eq!(path_of(&script), format!("/scripthash/{hash}"));
    }

    #[test]
    fn a_node_that_starts_has_not_refused() {
        assert!(is_warming("sendrawtransaction RPC error -28: Loading block index"));
        assert!(is_warming(
            "sendrawtransaction RPC error: {\"code\":-28,\"message\":\"Verifying\"}"
        ));
        assert!(!is_warming("sendrawtransaction RPC error -26: dust"));
    }
}
