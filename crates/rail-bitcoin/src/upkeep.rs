//! What a lane does for itself: it brings small coins together while that is cheap, and pays for a
//! transaction of its own that waits for too little where it cannot be replaced.

use std::{collections::BTreeSet, fmt};

use bitcoin::{OutPoint, ScriptBuf, Txid};
use domain::{
    chore::Chore,
    lane::Lane,
    payout::Priority,
    ports::{BuildError, HoldReason, Unreachable},
};

use crate::{
    building::{Wallet, fetch, hold, unreachable},
    chain::{self, Chain, RelayRules},
    drafting::{self, Coin, Order},
    fees::{self, Paid, Price},
    lock::LaneKind,
    psbt::Sent,
    rail::Bitcoin,
    weight::Shape,
};

/// For how many blocks a transaction must have waited until it is paid for.
const WAITS_BLOCKS: u32 = 2;

/// Something that a lane does for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Bringing small coins together.
    Gather,
    /// Spending the change of this transaction that waits, so that whoever wants the fee of the one
    /// includes the other (child pays for parent).
    Lift(Txid),
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gather => f.write_str("gather"),
            Self::Lift(txid) => write!(f, "lift {txid}"),
        }
    }
}

impl Task {
    /// The task that was written down.
    pub(crate) fn of_words(words: &str) -> Option<Self> {
        match words.split_once(' ') {
            None if words == "gather" => Some(Self::Gather),
            Some(("lift", txid)) => txid.parse().ok().map(Self::Lift),
            None | Some(_) => None,
        }
    }
}

impl Bitcoin {
    /// What a lane has to do for itself now.
    pub(crate) async fn upkeep(&self, lane: &Lane) -> Result<Option<Chore>, Unreachable> {
        let script = self.lane(lane).map_err(|what| {
            tracing::error!(what, "the lane's address is unreadable");
            Unreachable
        })?;
        let (chain, tip) = self.nodes.best().await?;
        chain.follow(&script).await?;
        let wallet = self.wallet(chain, &script, tip).await?;
        let task = if wallet.is_idle {
            self.waiting().clear();
            self.gathers(&script, &wallet).await
        } else {
            self.lifts(chain, &script, &wallet).await?.map(Task::Lift)
        };
        Ok(task.map(|it| Chore::Prepare(it.to_string())))
    }

    /// Nothing of the lane is on its way, so no coin is spent already.
    async fn gathers(&self, lane: &ScriptBuf, wallet: &Wallet) -> Option<Task> {
        let rate = self.rate(Priority::Economy).await?;
        let coins = self.spendable(wallet, &BTreeSet::new(), None);
        let input = Shape::new(LaneKind::of(lane)?, []).input_wu().div_ceil(4);
        self.settings.gathering.alone(&coins, rate, input).map(|_| Task::Gather)
    }

    /// The change of a transaction that waits too long for what it pays, if nothing else can be done
    /// about it.
    async fn lifts(
        &self,
        chain: &dyn Chain,
        lane: &ScriptBuf,
        wallet: &Wallet,
    ) -> Result<Option<Txid>, Unreachable> {
        let late = self.late(wallet);
        if late.is_empty() || chain.relay_rules().await?.replaces {
            return Ok(None);
        }
        let Some(rate) = self.rate(Priority::Recommended).await else { return Ok(None) };
        for coin in &wallet.coins {
            let txid = coin.outpoint.txid;
            if !late.contains(&txid) {
                continue;
            }
            let parents = parents(chain, txid, wallet).await?;
            let vsize = child_vsize(lane).ok_or(Unreachable)?;
            let fee_sat = fees::child_fee_sat(parents, vsize, rate);
            if !parents.suffices(rate) && coin.value_sat > fee_sat {
                return Ok(Some(txid));
            }
        }
        Ok(None)
    }

    /// The lane's transactions that have waited for so many blocks, as far as it was seen.
    fn late(&self, wallet: &Wallet) -> BTreeSet<Txid> {
        let height = wallet.tip.height;
        let mut waiting = self.waiting();
        waiting.retain(|txid, _| wallet.own_waiting.contains_key(txid));
        for txid in wallet.own_waiting.keys() {
            waiting.entry(*txid).or_insert(height);
        }
        let is_late = |since: u32| height >= since.saturating_add(WAITS_BLOCKS);
        waiting.iter().filter(|it| is_late(*it.1)).map(|it| *it.0).collect()
    }

    /// Makes the transaction of a task.
    pub(crate) async fn draft_task(
        &self,
        chain: &dyn Chain,
        lane: &ScriptBuf,
        wallet: &Wallet,
        rules: RelayRules,
        reserved: &BTreeSet<OutPoint>,
        task: Task,
    ) -> Result<drafting::Draft, BuildError> {
        let floor = rules.fee_rate_min_sat_per_kvb.max(self.settings.rate_min_sat_per_kvb);
        let (required, price) = match task {
            Task::Gather => {
                let rate = self.known_rate(Priority::Economy).await?.max(floor);
                let coins = self.spendable(wallet, reserved, None);
                let input = LaneKind::of(lane).map(|it| Shape::new(it, []).input_wu().div_ceil(4));
                let small = input.and_then(|it| self.settings.gathering.alone(&coins, rate, it));
                let small = small.ok_or_else(|| {
                    BuildError::Refused("there is nothing to be gathered any more".to_owned())
                })?;
                (small, Price::of_rate(rate))
            }
            Task::Lift(txid) => {
                let rate = self.known_rate(Priority::Recommended).await?.max(floor);
                let is_its = |it: &&chain::Coin| it.outpoint.txid == txid && it.height.is_none();
                let coin = wallet.coins.iter().find(is_its);
                let waits = wallet.own_waiting.contains_key(&txid);
                let coin = coin.filter(|it| waits && !reserved.contains(&it.outpoint));
                let Some(coin) = coin else {
                    let what = format!("{txid} does not wait any more, or its change is spent");
                    return Err(BuildError::Refused(what));
                };
                let parents = parents(chain, txid, wallet).await.map_err(unreachable)?;
                let of_parents = fees::of_size(rate, parents.vsize).saturating_sub(parents.fee_sat);
                // What its own size costs comes on top of what the parents are short of.
                let price = Price {
                    rate_sat_per_kvb: rate,
                    replaced_fee_sat: of_parents,
                    increment_sat_per_kvb: rate,
                };
                (vec![Coin { outpoint: coin.outpoint, value_sat: coin.value_sat }], price)
            }
        };
        let order = Order {
            lane,
            payments: &[],
            coins: &[],
            required: &required,
            price,
            later_sat_per_kvb: self.settings.rate_later_sat_per_kvb,
            dust_sat_per_kvb: self.parameters.dust_sat_per_kvb,
            fee_max_sat: self.ceiling(None).fee_sat,
        };
        order.draft().map_err(|why| match why {
            drafting::Unmade::AboveCeiling { fee_sat } => {
                let words = self.ceiling(None).limit.words(fee_sat, |sat| self.text(sat));
                hold(HoldReason::FeeAboveCap, words)
            }
            drafting::Unmade::Short { .. }
            | drafting::Unmade::Heavy { .. }
            | drafting::Unmade::Dust { .. }
            | drafting::Unmade::NoLane => {
                BuildError::Refused("the coins are not worth what it would cost".to_owned())
            }
        })
    }
}

/// What a transaction of the lane that waits pays, together with those that it depends on.
async fn parents(chain: &dyn Chain, txid: Txid, wallet: &Wallet) -> Result<Paid, Unreachable> {
    let all = fetch(chain, wallet.own_waiting.keys().copied()).await?;
    let mut found = BTreeSet::new();
    let mut open = vec![txid];
    while let Some(it) = open.pop() {
        if let Some(tx) = all.get(&it).filter(|_| found.insert(it)) {
            open.extend(tx.input.iter().map(|it| it.previous_output.txid));
        }
    }
    let mut sum = Paid { fee_sat: 0, vsize: 0 };
    for tx in found.iter().filter_map(|it| all.get(it)) {
        let origins = fetch(chain, tx.input.iter().map(|it| it.previous_output.txid)).await?;
        let values = tx.input.iter().filter_map(|it| {
            let tx = origins.get(&it.previous_output.txid)?;
            tx.output.get(usize::try_from(it.previous_output.vout).ok()?)
        });
        let inputs_sat = values.fold(0_u64, |sum, it| sum.saturating_add(it.value.to_sat()));
        let sent = Sent { txid: tx.compute_txid(), tx: tx.clone() };
        let paid = sent.paid(inputs_sat).ok_or(Unreachable)?;
        sum.fee_sat = sum.fee_sat.saturating_add(paid.fee_sat);
        sum.vsize = sum.vsize.saturating_add(paid.vsize);
    }
    Ok(sum)
}

fn child_vsize(lane: &ScriptBuf) -> Option<u64> {
    Some(Shape::new(LaneKind::of(lane)?, [lane.as_script()]).vsize(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_read_as_they_are_written() {
        for task in [Task::Gather, Task::Lift(bitcoin::hashes::Hash::all_zeros())] {
            assert_eq!(Task::of_words(&task.to_string()), Some(task));
        }
        for other in ["", "gather ", "lift", "lift 1", "delegate"] {
            assert_eq!(Task::of_words(other), None, "{other:?}");
        }
    }
}
