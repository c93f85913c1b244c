//! More coins than one transaction has room for: by its weight, or by what the signer is shown of the
//! transactions that made them. They are brought together first.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{OutPoint, Script, ScriptBuf, Transaction, Txid};
use domain::ports::{BuildError, HoldReason};

use crate::{
    building::{hold, spendable},
    chain,
    drafting::Coin,
    fees,
    lock::LaneKind,
    psbt::PAYLOAD_BYTES_MAX,
    rail::Bitcoin,
    wallet::Wallet,
    weight::Shape,
};

/// What an input adds to what the signer is shown, beside the transaction that made its coin, in
/// bytes: its place in the transaction, what it spends, and their names.
const INPUT_BYTES: usize = 128;

/// What all outputs together add at the most, in bytes: more than a transaction of the greatest
/// weight.
const OUTPUTS_BYTES: usize = 1 << 18;

impl Bitcoin {
    /// A payment that needs more coins than there is room for waits until they are brought together,
    /// which the lane begins whatever it costs, as long as that is allowed. It says so at each block
    /// anew: nothing is begun for one that was called off.
    pub(crate) fn crowded(&self, lane: &Script, wallet: &Wallet) -> BuildError {
        self.crowds().insert(lane.to_owned(), wallet.tip.hash);
        let detail = "it needs more coins than one transaction has room for; as many as have room \
                      are brought together first";
        hold(HoldReason::AwaitingFunds, detail.to_owned())
    }

    /// The lane's largest coins, as many as have room and may be paid for; nothing if they are not
    /// more than one.
    pub(crate) fn many(
        &self,
        lane: &ScriptBuf,
        wallet: &Wallet,
        reserved: &BTreeSet<OutPoint>,
        rate_sat_per_kvb: u64,
    ) -> Option<Vec<Coin>> {
        let shape = Shape::new(LaneKind::of(lane)?, [lane.as_script()]);
        let input_sat = fees::of_size(rate_sat_per_kvb, shape.input_wu().div_ceil(4));
        let mut coins = spendable(wallet, reserved);
        coins.retain(|it| it.value_sat > input_sat);
        coins.sort_by_key(|it| (std::cmp::Reverse(it.value_sat), it.outpoint));
        let most_sat = self.ceiling(None).fee_sat;
        let is_paid_for =
            |it: &usize| fees::of_size(rate_sat_per_kvb, shape.vsize(*it)) <= most_sat;
        let count = (0..=shape.inputs_max().min(coins.len())).rev().find(is_paid_for)?;
        coins.truncate(count);
        (coins.len() > 1).then_some(coins)
    }
}

/// Which coins a transaction must leave alone so that the signer can be shown what made the others;
/// none if it can be shown all. Those of the smallest transactions are kept, and all that must be.
/// Other coins of a transaction that is too much are no better.
pub(crate) fn left_out(
    spent: &[Coin],
    must: &BTreeSet<OutPoint>,
    origins: &BTreeMap<Txid, Transaction>,
    lane: &[chain::Coin],
) -> BTreeSet<OutPoint> {
    let bytes = |it: &Coin| {
        let whole = origins.get(&it.outpoint.txid).map_or(0, Transaction::base_size);
        whole.saturating_add(INPUT_BYTES)
    };
    let mut sorted: Vec<(bool, usize, OutPoint)> =
        spent.iter().map(|it| (!must.contains(&it.outpoint), bytes(it), it.outpoint)).collect();
    sorted.sort_unstable();
    let (mut sum, mut kept, mut too_much) = (OUTPUTS_BYTES, BTreeSet::new(), BTreeSet::new());
    for (may_go, bytes, outpoint) in sorted {
        sum = sum.saturating_add(bytes);
        if may_go && sum > PAYLOAD_BYTES_MAX {
            too_much.insert(outpoint.txid);
        } else {
            kept.insert(outpoint);
        }
    }
    let is_out = |it: &OutPoint| too_much.contains(&it.txid) && !kept.contains(it);
    lane.iter().map(|it| it.outpoint).filter(is_out).collect()
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;

    use super::*;
    use crate::drafting::transaction;

    /// Coins of one transaction with so many outputs.
    fn of_one(outputs: u32) -> (Vec<Coin>, BTreeMap<Txid, Transaction>) {
        let from = OutPoint { txid: Txid::all_zeros(), vout: 0 };
        let script = ScriptBuf::from([vec![0, 20], vec![7; 20]].concat());
        let tx = transaction([from], (0..outputs).map(|_| (script.clone(), 100_000)));
        let txid = tx.compute_txid();
        let coin = |vout| Coin { outpoint: OutPoint { txid, vout }, value_sat: 100_000 };
        ((0..outputs).map(coin).collect(), BTreeMap::from([(txid, tx)]))
    }

    fn known(coins: &[Coin]) -> Vec<chain::Coin> {
        let coin = |it: &Coin| chain::Coin {
            outpoint: it.outpoint,
            value_sat: it.value_sat,
            height: Some(1),
            is_coinbase: false,
        };
        coins.iter().map(coin).collect()
    }

    #[test]
    fn coins_of_a_large_transaction_are_left_out_as_far_as_they_are_too_many() {
        let (coins, origins) = of_one(1_400);
        let lane = known(&coins);
        let whole = origins.values().next().unwrap().base_size() + INPUT_BYTES;
        let fit = (PAYLOAD_BYTES_MAX - OUTPUTS_BYTES) / whole;
        let out = |spent: &[Coin], must: &[Coin]| {
            let must = must.iter().map(|it| it.outpoint).collect();
            left_out(spent, &must, &origins, &lane)
        };
        assert_eq!(out(&coins[..fit], &[]).len(), 0);
        let found = out(&coins[..=fit], &[]);
        assert_eq!(found.len(), 1_400 - fit, "the others of it are no better");
        let must = &coins[5..10];
        let found = out(&coins[..=fit], must);
        assert!(must.iter().all(|it| !found.contains(&it.outpoint)));
        assert_eq!(out(&coins[..=fit], &coins[..=fit]).len(), 0, "what must be spent is");
    }

    #[test]
    fn coins_of_small_transactions_are_kept() {
        let (large, mut origins) = of_one(1_400);
        let (small, more) = of_one(2);
        origins.extend(more);
        let all = [&large[..], &small].concat();
        let found = left_out(&all, &BTreeSet::new(), &origins, &known(&all));
        assert!(small.iter().all(|it| !found.contains(&it.outpoint)));
        assert!(!found.is_empty());
    }
}
