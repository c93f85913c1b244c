//! What a lane has, as far as the nodes know it: its coins, and its own transactions that wait for a
//! block.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{OutPoint, ScriptBuf, Transaction, Txid};
use domain::ports::Unreachable;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    chain::{self, Chain, Movement, Tip},
    fees::Paid,
    nodes::{Current, Together},
    purse::Waiting,
    verdict::Finality,
};

/// How many transactions are fetched at the same time at most.
const FETCHED_AT_ONCE: usize = 16;

/// How many of a lane's own transactions that wait are looked into; nodes relay no longer chains.
const WAITING_MAX: usize = 24;

/// What a lane has.
pub(crate) struct Wallet {
    /// The newest block.
    pub(crate) tip: Tip,
    /// All coins that nothing spends that the nodes know, except those that others brought and that
    /// are not final yet: if such a block were undone, whatever had spent them could never be
    /// included, and nobody could prove it.
    pub(crate) coins: Vec<chain::Coin>,
    /// What others brought that is not final yet, in satoshi.
    pub(crate) arriving_sat: u64,
    /// The lane's own transactions that wait for a block; empty if they are more than nodes relay.
    pub(crate) own: Unconfirmed,
    /// Whether none of the lane's own transactions waits, however many there are.
    pub(crate) is_idle: bool,
}

impl Wallet {
    /// What the first of these nodes knows, as far as enough of them have the same coins and none that
    /// is not behind contradicts it.
    pub(crate) async fn of(
        nodes: &Together<'_>,
        lane: &ScriptBuf,
        finality: Finality,
    ) -> Result<Self, Unreachable> {
        Self::with(nodes, lane, finality, &BTreeSet::new()).await
    }

    /// The same, with the transactions of these names among those that wait, if they do.
    pub(crate) async fn with(
        nodes: &Together<'_>,
        lane: &ScriptBuf,
        finality: Finality,
        named: &BTreeSet<Txid>,
    ) -> Result<Self, Unreachable> {
        let (first, others) = nodes.all.split_first().ok_or(Unreachable)?;
        let Current { chain, tip, .. } = first;
        let coins = coins_of(*chain, lane).await;
        first.told(coins.is_ok());
        let mut coins: BTreeMap<OutPoint, (chain::Coin, usize)> =
            coins?.into_iter().map(|(outpoint, it)| (outpoint, (it, 1))).collect();
        let mut told = 1;
        for other in others {
            let known = coins_of(other.chain, lane).await;
            other.told(known.is_ok());
            let Ok(known) = known else {
                tracing::warn!("a node does not tell what the lane holds");
                continue;
            };
            told += 1;
            coins.retain(|_, (coin, count)| {
                let is_borne_out = agrees(coin, &known);
                *count += usize::from(is_borne_out);
                is_borne_out || other.is_behind
            });
        }
        if told < nodes.quorum {
            return Err(Unreachable);
        }
        let enough = coins.into_values().filter(|(_, count)| *count >= nodes.quorum);
        let coins: Vec<chain::Coin> = enough.map(|(it, _)| it).collect();
        let final_height = finality.height(nodes.height()).unwrap_or(0);
        let waiting = chain.waiting(lane, named).await?;
        let moved = chain.movements_above(lane, final_height).await?;
        let spent = moved.iter().filter(|it| it.spent_sat > 0);
        let own: BTreeSet<Txid> = spent.chain(&waiting).map(|it| it.txid).collect();
        let is_ready = |it: &chain::Coin| {
            let is_final = it.height.is_some_and(|height| height <= final_height);
            is_final || own.contains(&it.outpoint.txid)
        };
        let (coins, arriving): (Vec<_>, Vec<_>) = coins.into_iter().partition(is_ready);
        let is_idle = waiting.is_empty();
        let own = if waiting.len() > WAITING_MAX {
            Unconfirmed::default()
        } else {
            Unconfirmed::of(*chain, &waiting).await?
        };
        let arriving_sat = arriving.iter().fold(0, |sum: u64, it| sum.saturating_add(it.value_sat));
        Ok(Self { tip: *tip, coins, arriving_sat, own, is_idle })
    }
}

/// What spends a lane's coins and is not final, as far as the first of these nodes knows it.
pub(crate) async fn spending(
    nodes: &Together<'_>,
    lane: &ScriptBuf,
    finality: Finality,
) -> Result<Vec<Movement>, Unreachable> {
    let Current { chain, .. } = nodes.first().ok_or(Unreachable)?;
    chain.follow(lane).await?;
    let final_height = finality.height(nodes.height()).unwrap_or(0);
    let waiting = chain.waiting(lane, &BTreeSet::new()).await?;
    let moved = chain.movements_above(lane, final_height).await?;
    let all = moved.into_iter().chain(waiting).filter(|it| it.spent_sat > 0);
    Ok(all.map(|it| (it.txid, it)).collect::<BTreeMap<_, _>>().into_values().collect())
}

async fn coins_of(
    chain: &dyn Chain,
    lane: &ScriptBuf,
) -> Result<BTreeMap<OutPoint, chain::Coin>, Unreachable> {
    chain.follow(lane).await?;
    let coins = chain.coins(lane).await?;
    Ok(coins.into_iter().map(|it| (it.outpoint, it)).collect())
}

/// Whether another node has the coin, too; it waits for a block if it does for either.
fn agrees(coin: &mut chain::Coin, known: &BTreeMap<OutPoint, chain::Coin>) -> bool {
    let Some(other) = known.get(&coin.outpoint) else { return false };
    coin.height = coin.height.zip(other.height).map(|(one, another)| one.max(another));
    coin.value_sat == other.value_sat && coin.is_coinbase == other.is_coinbase
}

/// Transactions of a lane that wait for a block. What others made that waits is never spent, so
/// these depend on each other only.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unconfirmed(BTreeMap<Txid, Own>);

#[derive(Clone, Debug)]
struct Own {
    parents: BTreeSet<Txid>,
    paid: Paid,
}

impl Unconfirmed {
    async fn of(chain: &dyn Chain, waiting: &[Movement]) -> Result<Self, Unreachable> {
        let all = fetch(chain, waiting.iter().map(|it| it.txid)).await?;
        let mut own = BTreeMap::new();
        for movement in waiting {
            let Some(tx) = all.get(&movement.txid) else { continue };
            let origins = tx.input.iter().map(|it| it.previous_output.txid);
            let parents = origins.filter(|it| all.contains_key(it)).collect();
            let outputs = tx.output.iter().map(|it| it.value.to_sat());
            let outputs_sat = outputs.fold(0_u64, u64::saturating_add);
            // All of its inputs are the lane's.
            let fee_sat = movement.spent_sat.saturating_sub(outputs_sat);
            let paid = Paid { fee_sat, vsize: tx.vsize() as u64 };
            own.insert(movement.txid, Own { parents, paid });
        }
        Ok(Self(own))
    }

    /// The names of all of them.
    pub(crate) fn txids(&self) -> impl Iterator<Item = Txid> {
        self.0.keys().copied()
    }

    /// Whether it is one of them.
    pub(crate) fn has(&self, txid: Txid) -> bool {
        self.0.contains_key(&txid)
    }

    /// What one of them pays by itself.
    pub(crate) fn alone(&self, txid: Txid) -> Option<Paid> {
        self.0.get(&txid).map(|it| it.paid)
    }

    /// For each, how many it makes with all that it depends on.
    pub(crate) fn chains(&self) -> BTreeMap<Txid, Waiting> {
        let of = |txid: &Txid| {
            let all = self.with_parents([*txid]);
            let count = u32::try_from(all.len()).unwrap_or(u32::MAX);
            (*txid, Waiting { count, vsize: self.sum(&all).vsize })
        };
        self.0.keys().map(of).collect()
    }

    /// What these and all that they depend on are short of, in satoshi, for whoever makes blocks to
    /// include them at a rate.
    pub(crate) fn missing_sat(
        &self,
        txids: impl IntoIterator<Item = Txid>,
        rate_sat_per_kvb: u64,
    ) -> u64 {
        self.short(txids, rate_sat_per_kvb).missing_sat(rate_sat_per_kvb)
    }

    /// What those of these, and of all that they depend on, pay that a maker of blocks would not
    /// include at a rate: what would be included without them is left out, as he does.
    pub(crate) fn short(
        &self,
        txids: impl IntoIterator<Item = Txid>,
        rate_sat_per_kvb: u64,
    ) -> Paid {
        let mut open = self.with_parents(txids);
        let suffices = |txid: &Txid, open: &BTreeSet<Txid>| {
            let needed: BTreeSet<Txid> =
                self.with_parents([*txid]).intersection(open).copied().collect();
            self.sum(&needed).suffices(rate_sat_per_kvb).then_some(needed)
        };
        while let Some(included) = open.iter().find_map(|it| suffices(it, &open)) {
            open = open.difference(&included).copied().collect();
        }
        self.sum(&open)
    }

    /// What these and all that they depend on pay.
    pub(crate) fn paid(&self, txids: impl IntoIterator<Item = Txid>) -> Paid {
        self.sum(&self.with_parents(txids))
    }

    fn with_parents(&self, txids: impl IntoIterator<Item = Txid>) -> BTreeSet<Txid> {
        let mut found = BTreeSet::new();
        let mut open: Vec<Txid> = txids.into_iter().collect();
        while let Some(it) = open.pop() {
            let Some(own) = self.0.get(&it) else { continue };
            if found.insert(it) {
                open.extend(&own.parents);
            }
        }
        found
    }

    fn sum(&self, txids: &BTreeSet<Txid>) -> Paid {
        let all = txids.iter().filter_map(|it| self.0.get(it));
        all.fold(Paid { fee_sat: 0, vsize: 0 }, |sum, it| sum.with(it.paid))
    }
}

/// Fetches transactions, each once.
pub(crate) async fn fetch(
    chain: &dyn Chain,
    txids: impl Iterator<Item = Txid>,
) -> Result<BTreeMap<Txid, Transaction>, Unreachable> {
    let wanted: BTreeSet<Txid> = txids.collect();
    let asked = stream::iter(wanted.into_iter().map(|it| async move {
        let found = chain.transaction(it).await?;
        if found.compute_txid() == it { Ok((it, found)) } else { Err(Unreachable) }
    }));
    asked.buffer_unordered(FETCHED_AT_ONCE).try_collect().await
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash;

    use super::*;

    fn txid(number: u8) -> Txid {
        Txid::from_byte_array([number; 32])
    }

    /// Each with its fee, its size and what it spends of the others.
    fn waiting(all: &[(u8, u64, u64, &[u8])]) -> Unconfirmed {
        let own = |(number, fee_sat, vsize, parents): &(u8, u64, u64, &[u8])| {
            let parents = parents.iter().map(|it| txid(*it)).collect();
            let paid = Paid { fee_sat: *fee_sat, vsize: *vsize };
            (txid(*number), Own { parents, paid })
        };
        Unconfirmed(all.iter().map(own).collect())
    }

    #[test]
    fn a_chain_is_counted_once_however_its_members_are_tied() {
        let own = waiting(&[(1, 0, 100, &[]), (2, 0, 200, &[1]), (3, 0, 300, &[1, 2])]);
        let chains: Vec<(u32, u64)> =
            own.chains().into_values().map(|it| (it.count, it.vsize)).collect();
        assert_eq!(chains, [(1, 100), (2, 300), (3, 600)]);
    }

    #[test]
    fn what_is_missing_is_what_a_maker_of_blocks_would_miss() {
        let missing = |all: &[(u8, u64, u64, &[u8])], of: &[u8]| {
            waiting(all).missing_sat(of.iter().map(|it| txid(*it)), 1_000)
        };
        assert_eq!(missing(&[(1, 60, 100, &[])], &[1]), 40);
        assert_eq!(missing(&[(1, 60, 100, &[])], &[9]), 0, "it does not wait");
        assert_eq!(missing(&[(1, 60, 100, &[]), (2, 100, 100, &[1])], &[2]), 40);
        assert_eq!(missing(&[(1, 60, 100, &[]), (2, 140, 100, &[1])], &[2]), 0, "it is lifted");
        // The first pays for itself and not for the second.
        assert_eq!(missing(&[(1, 900, 100, &[]), (2, 60, 100, &[1])], &[2]), 40);
        // Two that have a parent in common miss what it misses once.
        let tied: &[(u8, u64, u64, &[u8])] =
            &[(1, 60, 100, &[]), (2, 90, 100, &[1]), (3, 90, 100, &[1])];
        assert_eq!(missing(tied, &[2, 3]), 60);
    }

    #[test]
    fn a_coin_that_another_node_does_not_have_is_none() {
        let outpoint = OutPoint { txid: txid(1), vout: 0 };
        let coin = chain::Coin { outpoint, value_sat: 5, height: Some(7), is_coinbase: false };
        let with = |other: chain::Coin| {
            let mut ours = coin;
            let known = BTreeMap::from([(other.outpoint, other)]);
            agrees(&mut ours, &known).then_some(ours.height)
        };
        assert_eq!(with(coin), Some(Some(7)));
        assert_eq!(with(chain::Coin { height: None, ..coin }), Some(None), "for one it waits");
        assert_eq!(with(chain::Coin { value_sat: 6, ..coin }), None);
        let elsewhere = OutPoint { txid: txid(2), vout: 0 };
        assert_eq!(with(chain::Coin { outpoint: elsewhere, ..coin }), None);
    }
}
