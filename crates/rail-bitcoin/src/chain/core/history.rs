//! Where transactions are, what they moved, and which one spends an output.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{OutPoint, ScriptBuf, Transaction, TxOut, Txid};
use domain::ports::Unreachable;
use serde_json::{Value, json};

use super::{
    super::{
        Family, Movement, Place, amount,
        raw_tx::{self, Content},
    },
    Core, Spelling,
    coins::TRIES,
    follow::check_followed,
    named,
    rpc::{CALLS_MAX, NO_METHOD, odd, read, read_known, refusal},
    shapes::{Entry, Held, Info, MempoolEntry, Since, Spending},
};

/// How many transactions may have moved a wallet's coins since the height that is asked about.
const MOVEMENTS_MAX: usize = 20_000;

/// How many lines of the wallet's list are read at once. A transaction has a line for each output.
const PAGE_LINES: usize = 2_000;

/// How many pages of it are read until a spender counts as not to be found.
const PAGES_MAX: usize = 200;

/// A transaction that the wallet has.
pub(super) struct Known {
    pub(super) txid: Txid,
    /// How many blocks; negative if a block has a transaction that excludes it.
    pub(super) confirmations: i64,
    /// The height of its block.
    height: Option<u32>,
    pub(super) is_in_mempool: bool,
    pub(super) tx: Transaction,
}

impl Known {
    /// Where it is, given the newest block's height.
    fn place(&self, newest: u32) -> Result<Place, Unreachable> {
        place(self.confirmations, self.height, self.is_in_mempool, newest)
    }
}

/// Where a transaction is. A block above the newest came in between, or is a lie.
fn place(
    confirmations: i64,
    height: Option<u32>,
    is_in_mempool: bool,
    newest: u32,
) -> Result<Place, Unreachable> {
    match (confirmations, height) {
        (1.., Some(height)) if height <= newest => Ok(Place::Block(height)),
        (1.., _) => Err(odd("gettransaction")),
        (..=0, _) if is_in_mempool => Ok(Place::Mempool),
        (..=0, _) => Ok(Place::Nowhere),
    }
}

/// The call for one of the wallet's transactions.
fn transaction_call(txid: Txid, is_legacy: bool) -> (&'static str, Value) {
    ("gettransaction", named(is_legacy, json!({"txid": txid.to_string()})))
}

/// The call for whether a transaction waits for a block.
fn mempool_call(txid: Txid) -> (&'static str, Value) {
    ("getmempoolentry", json!([txid.to_string()]))
}

impl Core {
    pub(super) async fn place_of(&self, txid: Txid) -> Result<Place, Unreachable> {
        let is_legacy = self.open(false).await?;
        let info = ("getblockchaininfo", json!([]));
        let calls = [mempool_call(txid), transaction_call(txid, is_legacy), info];
        let mut told = self.ask(&calls).await?.into_iter();
        let waits: Option<Value> = read_known("getmempoolentry", told.next())?;
        let held: Option<Held> = read_known("gettransaction", told.next())?;
        let Info { blocks, .. } = read("getblockchaininfo", told.next())?;
        let (confirmations, height) = held.map_or((0, None), |it| (it.confirmations, it.height));
        place(confirmations, height, waits.is_some(), blocks)
    }

    pub(super) async fn family_of(&self, txid: Txid) -> Result<Option<Family>, Unreachable> {
        let told = self.ask(&[mempool_call(txid)]).await?;
        let entry = read_known::<MempoolEntry>("getmempoolentry", told.into_iter().next())?;
        let Some(MempoolEntry { count, vsize, fees }) = entry else { return Ok(None) };
        let fee_sat = amount::exact_sat(&fees.all).ok_or_else(|| odd("getmempoolentry"))?;
        Ok(Some(Family { count, vsize, fee_sat }))
    }

    pub(super) async fn whole(&self, txid: Txid) -> Result<Transaction, Unreachable> {
        let is_legacy = self.open(false).await?;
        let told = self.ask(&[transaction_call(txid, is_legacy)]).await?;
        let held: Held = read("gettransaction", told.into_iter().next())?;
        raw_tx::decode(&held.hex, txid).ok_or_else(|| odd("gettransaction"))
    }

    /// Those of these transactions that the wallet has, but for what is nothing but confidential.
    pub(super) async fn known(
        &self,
        txids: BTreeSet<Txid>,
        is_legacy: bool,
    ) -> Result<Vec<Known>, Unreachable> {
        let both = |it: &Txid| [mempool_call(*it), transaction_call(*it, is_legacy)];
        let calls: Vec<(&'static str, Value)> = txids.iter().flat_map(both).collect();
        let mut told = self.ask(&calls).await?.into_iter();
        let mut all = vec![];
        for txid in txids {
            let waits: Option<Value> = read_known("getmempoolentry", told.next())?;
            let held: Option<Held> = read_known("gettransaction", told.next())?;
            let Some(held) = held else { continue };
            let tx = match raw_tx::content(&held.hex, txid) {
                Some(Content::Whole(tx)) => tx,
                Some(Content::Confidential) => continue,
                None => return Err(odd("gettransaction")),
            };
            let (confirmations, height) = (held.confirmations, held.height);
            all.push(Known { txid, confirmations, height, is_in_mempool: waits.is_some(), tx });
        }
        Ok(all)
    }

    /// What moved a script's coins in blocks above a height.
    pub(super) async fn movements_of(
        &self,
        script: &ScriptBuf,
        height: u32,
    ) -> Result<Vec<Movement>, Unreachable> {
        let mut movements = self.movements(script, height, |it| it.confirmations > 0).await?;
        movements.retain(|it| match it.place {
            Place::Block(block) => block > height,
            Place::Mempool | Place::Nowhere => false,
        });
        Ok(movements)
    }

    /// What spends a script's coins and waits for a block. What only pays it is not looked into: the
    /// list says of a transaction that it sends if it spends any of the wallet's coins.
    pub(super) async fn waiting_of(
        &self,
        script: &ScriptBuf,
    ) -> Result<Vec<Movement>, Unreachable> {
        let sends = |it: &Entry| it.confirmations == 0 && it.category == "send";
        let mut movements = self.movements(script, u32::MAX, sends).await?;
        movements.retain(|it| it.place == Place::Mempool && it.spent_sat > 0);
        Ok(movements)
    }

    /// What moved a script's coins since a height, by those lines of the wallet's list.
    async fn movements(
        &self,
        script: &ScriptBuf,
        height: u32,
        is_meant: impl Fn(&Entry) -> bool + Copy,
    ) -> Result<Vec<Movement>, Unreachable> {
        let is_legacy = self.open(false).await?;
        let spelling = self.spelling(script).await?;
        for _ in 0..TRIES {
            let movements =
                self.movements_now(script, &spelling, height, is_legacy, is_meant).await?;
            if let Some(movements) = movements {
                return Ok(movements);
            }
        }
        tracing::warn!("blocks come faster than the node tells what a wallet did");
        Err(Unreachable)
    }

    /// The movements; nothing if a block came in between.
    async fn movements_now(
        &self,
        script: &ScriptBuf,
        spelling: &Spelling,
        height: u32,
        is_legacy: bool,
        is_meant: impl Fn(&Entry) -> bool,
    ) -> Result<Option<Vec<Movement>>, Unreachable> {
        let info = self.info().await?;
        let since = self.hash_at(height.min(info.blocks)).await?;
        let since = json!({"blockhash": since.to_string(), "include_removed": false});
        let calls = [
            ("getaddressinfo", json!([spelling.address])),
            ("listsinceblock", named(is_legacy, since)),
        ];
        let mut told = self.ask_settled(&calls).await?.into_iter();
        check_followed(told.next())?;
        let Since { transactions } = read("listsinceblock", told.next())?;
        let meant = transactions.iter().filter(|it| is_meant(it));
        let txids: BTreeSet<Txid> = meant.map(|it| it.txid).collect();
        if txids.len() > MOVEMENTS_MAX {
            tracing::warn!(count = txids.len(), height, "too much moved since this height");
            return Err(Unreachable);
        }
        let known = self.known(txids, is_legacy).await?;
        let outputs = self.spent_outputs(&known, is_legacy).await?;
        let told = self.ask(&[("getbestblockhash", json!([]))]).await?;
        let newest: String = read("getbestblockhash", told.into_iter().next())?;
        if newest != info.hash.to_string() {
            return Ok(None);
        }
        let mut movements = vec![];
        for known in &known {
            movements.extend(movement_of(known, script, &outputs, info.blocks)?);
        }
        Ok(Some(movements))
    }

    /// What these transactions spend of what the wallet's transactions made.
    async fn spent_outputs(
        &self,
        spenders: &[Known],
        is_legacy: bool,
    ) -> Result<BTreeMap<OutPoint, TxOut>, Unreachable> {
        let inputs = spenders.iter().flat_map(|it| it.tx.input.iter());
        let spent: BTreeSet<OutPoint> = inputs.map(|it| it.previous_output).collect();
        let mut outputs = BTreeMap::new();
        let mut keep = |tx: &Transaction, txid: Txid| {
            for (vout, output) in (0_u32..).zip(&tx.output) {
                let outpoint = OutPoint { txid, vout };
                if spent.contains(&outpoint) {
                    outputs.insert(outpoint, output.clone());
                }
            }
        };
        for known in spenders {
            keep(&known.tx, known.txid);
        }
        let here: BTreeSet<Txid> = spenders.iter().map(|it| it.txid).collect();
        let before: BTreeSet<Txid> = spent
            .iter()
            .filter(|it| !it.is_null() && !here.contains(&it.txid))
            .map(|it| it.txid)
            .collect();
        for known in self.known(before, is_legacy).await? {
            keep(&known.tx, known.txid);
        }
        Ok(outputs)
    }

    pub(super) async fn spender_of(
        &self,
        outpoint: OutPoint,
    ) -> Result<Option<(Txid, Place)>, Unreachable> {
        let is_legacy = self.open(false).await?;
        let OutPoint { txid, vout } = outpoint;
        // Nodes read it as an `i32`; no block has room for so many outputs.
        if i32::try_from(vout).is_err() {
            return Ok(None);
        }
        let output = ("gettxout", json!([txid.to_string(), vout, true]));
        let calls = [output, mempool_call(txid), transaction_call(txid, is_legacy)];
        let mut told = self.ask(&calls).await?.into_iter();
        let unspent: Option<Value> = read("gettxout", told.next())?;
        let waits: Option<Value> = read_known("getmempoolentry", told.next())?;
        let held: Option<Held> = read_known("gettransaction", told.next())?;
        // What is nowhere is spent by nobody, as far as the node can know.
        let Some(held) = held.filter(|it| it.confirmations > 0 || waits.is_some()) else {
            return Ok(None);
        };
        let parent = raw_tx::decode(&held.hex, txid).ok_or_else(|| odd("gettransaction"))?;
        let vout = usize::try_from(vout).map_err(|_| odd("gettransaction"))?;
        if unspent.is_some() || parent.output.get(vout).is_none() {
            return Ok(None);
        }
        if let Some(spender) = self.spender_in_mempool(outpoint).await? {
            return Ok(Some((spender, Place::Mempool)));
        }
        self.spender_in_list(outpoint, is_legacy).await.map(Some)
    }

    /// The spender among transactions that wait, if the node can tell.
    async fn spender_in_mempool(&self, outpoint: OutPoint) -> Result<Option<Txid>, Unreachable> {
        let method = "gettxspendingprevout";
        let output = json!({"txid": outpoint.txid.to_string(), "vout": outpoint.vout});
        let told = self.ask(&[(method, json!([[output]]))]).await?;
        if told.first().and_then(refusal) == Some(NO_METHOD) {
            return Ok(None);
        }
        let told: Vec<Spending> = read(method, told.into_iter().next())?;
        let [Spending { txid }] = &told[..] else { return Err(odd(method)) };
        let parse = |txid: &String| txid.parse().map_err(|_| odd(method));
        txid.as_ref().map(parse).transpose()
    }

    /// The spender in the wallet's list, which is read from its newest line on.
    async fn spender_in_list(
        &self,
        outpoint: OutPoint,
        is_legacy: bool,
    ) -> Result<(Txid, Place), Unreachable> {
        let method = "listtransactions";
        let mut seen = BTreeSet::new();
        for page in 0..PAGES_MAX {
            let params = json!({"label": "*", "count": PAGE_LINES, "skip": page * PAGE_LINES});
            let told = self.ask(&[(method, named(is_legacy, params))]).await?;
            let entries: Vec<Entry> = read(method, told.into_iter().next())?;
            let sent = entries.iter().rev().filter(|it| it.category == "send");
            let live = sent.filter(|it| it.confirmations >= 0).map(|it| it.txid);
            let new: Vec<Txid> = live.filter(|it| seen.insert(*it)).collect();
            for some in new.chunks(CALLS_MAX / 2) {
                if let Some(found) = self.spender_among(outpoint, some, is_legacy).await? {
                    return Ok(found);
                }
            }
            if entries.len() < PAGE_LINES {
                break;
            }
        }
        tracing::warn!(%outpoint, "the output is spent, and the node's wallet does not say by what");
        Err(Unreachable)
    }

    async fn spender_among(
        &self,
        outpoint: OutPoint,
        txids: &[Txid],
        is_legacy: bool,
    ) -> Result<Option<(Txid, Place)>, Unreachable> {
        let known = self.known(txids.iter().copied().collect(), is_legacy).await?;
        let spends = |it: &&Known| it.tx.input.iter().any(|it| it.previous_output == outpoint);
        for spender in known.iter().filter(spends) {
            let Info { blocks, .. } = self.info().await?;
            match spender.place(blocks)? {
                Place::Nowhere => {}
                place @ (Place::Block(_) | Place::Mempool) => {
                    return Ok(Some((spender.txid, place)));
                }
            }
        }
        Ok(None)
    }
}

/// What a transaction brought a script and took from it; nothing if it is nowhere or did neither.
fn movement_of(
    known: &Known,
    script: &ScriptBuf,
    outputs: &BTreeMap<OutPoint, TxOut>,
    newest: u32,
) -> Result<Option<Movement>, Unreachable> {
    let place = known.place(newest)?;
    let is_ours = |it: &&TxOut| it.script_pubkey == *script;
    let sum = |outputs: &[&TxOut]| {
        let sum = outputs.iter().try_fold(0_u64, |sum, it| sum.checked_add(it.value.to_sat()));
        sum.ok_or_else(|| odd("gettransaction"))
    };
    let inputs = known.tx.input.iter().map(|it| it.previous_output);
    let spent = inputs.filter_map(|it| outputs.get(&it).filter(is_ours).map(|output| (it, output)));
    let (spends, spent): (Vec<OutPoint>, Vec<&TxOut>) = spent.unzip();
    let received: Vec<&TxOut> = known.tx.output.iter().filter(is_ours).collect();
    let (received_sat, spent_sat) = (sum(&received)?, sum(&spent)?);
    let is_nothing = place == Place::Nowhere || (received_sat == 0 && spent_sat == 0);
    let movement = Movement { txid: known.txid, place, received_sat, spent_sat, spends };
    Ok((!is_nothing).then_some(movement))
}
