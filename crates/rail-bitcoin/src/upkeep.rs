//! What a lane does for itself: it brings small coins together while that is cheap, or while a payment
//! needs more than have room, and pays for a transaction of its own that waits for too little where it
//! cannot be replaced, or not at that price.

use std::{collections::BTreeSet, fmt};

use bitcoin::{OutPoint, ScriptBuf, Txid};
use domain::{
    chore::Chore,
    lane::Lane,
    payout::Priority,
    ports::{BuildError, HoldReason, Unreachable},
};

use crate::{
    building::{Offer, hold, spendable},
    chain::{self, Family, RelayRules},
    drafting::{self, Coin, Order},
    fees::{self, Price},
    lock::LaneKind,
    nodes::{self, Current},
    purse::{self, Waiting},
    rail::Bitcoin,
    wallet::Wallet,
    weight::Shape,
};

/// For how many blocks a transaction must have waited until it is paid for.
const WAITS_BLOCKS: u32 = 2;

/// Something that a lane does for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Bringing small coins together while that is cheap.
    Gather,
    /// Bringing the largest coins together, because a payment needs more than have room. It is
    /// written down like the other, for it is signed like the other.
    Crowd,
    /// Spending the change of this transaction that waits, so that whoever wants the fee of the one
    /// includes the other (child pays for parent).
    Lift(Txid),
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gather | Self::Crowd => f.write_str("gather"),
            Self::Lift(txid) => write!(f, "lift {txid}"),
        }
    }
}

impl Task {
    /// The task that was written down; small coins' where it is one of the two that read the same.
    fn of_words(words: &str) -> Option<Self> {
        match words.split_once(' ') {
            None if words == "gather" => Some(Self::Gather),
            Some(("lift", txid)) => txid.parse().ok().map(Self::Lift),
            None | Some(_) => None,
        }
    }
}

impl Bitcoin {
    /// What a lane has to do for itself now. It is told once for a block: what cannot be made after
    /// all, because of coins that another transaction spends or of a fee that rose, is not begun
    /// over and over.
    pub(crate) async fn upkeep(&self, lane: &Lane) -> Result<Option<Chore>, Unreachable> {
        let script = self.lane(lane).map_err(|what| {
            tracing::error!(what, "the lane's address is unreadable");
            Unreachable
        })?;
        let nodes = self.nodes.current().await?;
        let wallet = Wallet::of(&nodes, &script, self.parameters.finality).await?;
        let late = self.late(&script, &wallet);
        let lift = self.lifts(&nodes.all, &script, &wallet, &late).await?.map(Task::Lift);
        // Who still waits says so again.
        let is_crowded = lift.is_none() && self.crowds().remove(&script) == Some(wallet.tip.hash);
        let task = match lift {
            None if is_crowded => Some(Task::Crowd),
            None if wallet.is_idle => self.gathers(&script, &wallet).await,
            lift => lift,
        };
        let Some(task) = task else { return Ok(None) };
        let begun = (task, wallet.tip.hash);
        if self.begun().insert(script, begun) == Some(begun) {
            return Ok(None);
        }
        Ok(Some(Chore::Prepare(task.to_string())))
    }

    /// The task of a lane that was written down. One for a payment that waits is known by what the
    /// lane began last; after a restart it is nothing more than small coins'.
    pub(crate) fn task(&self, lane: &ScriptBuf, words: &str) -> Option<Task> {
        let begun = self.begun().get(lane).map(|it| it.0);
        begun.filter(|it| it.to_string() == words).or_else(|| Task::of_words(words))
    }

    /// Nothing of the lane is on its way, as far as the node knows.
    async fn gathers(&self, lane: &ScriptBuf, wallet: &Wallet) -> Option<Task> {
        let rate = self.rate(Priority::Economy).await?;
        self.small(lane, wallet, &BTreeSet::new(), rate).map(|_| Task::Gather)
    }

    /// The coins that are to be brought together, if there are many.
    fn small(
        &self,
        lane: &ScriptBuf,
        wallet: &Wallet,
        reserved: &BTreeSet<OutPoint>,
        rate_sat_per_kvb: u64,
    ) -> Option<Vec<Coin>> {
        let coins = spendable(wallet, reserved);
        let input = Shape::new(LaneKind::of(lane)?, []).input_wu().div_ceil(4);
        self.settings.gathering.alone(&coins, rate_sat_per_kvb, input)
    }

    /// The transaction that waits too long for what it pays, and whose change can pay for it, if
    /// nothing else can be done about it.
    async fn lifts(
        &self,
        nodes: &[Current<'_>],
        lane: &ScriptBuf,
        wallet: &Wallet,
        late: &BTreeSet<Txid>,
    ) -> Result<Option<Txid>, Unreachable> {
        if late.is_empty() {
            return Ok(None);
        }
        let rules = nodes::rules(nodes).await?;
        let Current { chain, .. } = nodes.first().ok_or(Unreachable)?;
        // While nobody knows what to offer, or it is above the cap, nothing is begun.
        let Ok(offer) = self.offer(Priority::Recommended, rules).await else { return Ok(None) };
        let chains = wallet.own.chains();
        let reserved = BTreeSet::new();
        let is_liftable = |txid: &Txid| {
            let has_room =
                chains.get(txid).is_some_and(|it| purse::has_room(*it, child_vsize(lane)));
            let is_late = late.contains(txid) && has_room;
            is_late
                && wallet.own.missing_sat([*txid], offer.rate) > 0
                && self.lift(lane, wallet, &reserved, *txid, offer.rate).is_ok()
        };
        for txid in wallet.coins.iter().map(|it| it.outpoint.txid).filter(is_liftable) {
            if !rules.replaces {
                return Ok(Some(txid));
            }
            let family = chain.family(txid).await?;
            if let Some(family) = family
                && self.is_better_lifted(lane, wallet, rules, txid, family).await
            {
                return Ok(Some(txid));
            }
        }
        Ok(None)
    }

    /// Whether what others made of a transaction's outputs is in the way of replacing it: whoever
    /// replaces it pays as much as all of them did, and a child of its change pays for it alone.
    pub(crate) async fn is_better_lifted(
        &self,
        lane: &ScriptBuf,
        wallet: &Wallet,
        rules: RelayRules,
        txid: Txid,
        family: Family,
    ) -> bool {
        let Some(own) = wallet.own.alone(txid) else { return false };
        if family.fee_sat <= own.fee_sat {
            return false;
        }
        let Ok(Offer { rate, .. }) = self.offer(Priority::Recommended, rules).await else {
            return false;
        };
        if wallet.own.missing_sat([txid], rate) == 0 {
            return false;
        }
        let Ok(lift) = self.lift(lane, wallet, &BTreeSet::new(), txid, rate) else { return false };
        let chains = wallet.own.chains();
        let has_room = chains.get(&txid).is_some_and(|it| purse::has_room(*it, lift.vsize));
        let together = Waiting { count: family.count, vsize: family.vsize };
        let evicted_sat = family.fee_sat - own.fee_sat;
        let replacement = fees::replacement(own, evicted_sat, rate, rules.increment_sat_per_kvb);
        let needed_sat = replacement.fee_sat(own.vsize);
        let is_above = needed_sat > self.ceiling(Some(wallet.own.paid([txid]))).fee_sat;
        let is_dearer = needed_sat.saturating_sub(own.fee_sat) > lift.fee_sat;
        has_room && purse::has_room(together, lift.vsize) && (is_above || is_dearer)
    }

    /// The lane's transactions that have waited for so many blocks, as far as it was seen.
    fn late(&self, lane: &ScriptBuf, wallet: &Wallet) -> BTreeSet<Txid> {
        let height = wallet.tip.height;
        let mut waiting = self.waiting();
        let waiting = waiting.entry(lane.clone()).or_default();
        waiting.retain(|txid, _| wallet.own.has(*txid));
        for txid in wallet.own.txids() {
            waiting.entry(txid).or_insert(height);
        }
        let is_late = |since: u32| height >= since.saturating_add(WAITS_BLOCKS);
        waiting.iter().filter(|it| is_late(*it.1)).map(|it| *it.0).collect()
    }

    /// Makes the transaction of a task.
    pub(crate) async fn draft_task(
        &self,
        lane: &ScriptBuf,
        wallet: &Wallet,
        rules: RelayRules,
        reserved: &BTreeSet<OutPoint>,
        task: Task,
    ) -> Result<drafting::Draft, BuildError> {
        match task {
            Task::Gather => {
                let rate = self.offer(Priority::Economy, rules).await?.rate;
                self.gathered(lane, self.small(lane, wallet, reserved, rate), rate)
            }
            Task::Crowd => {
                // What a payment waits for is in a hurry.
                let rate = self.offer(Priority::Recommended, rules).await?.rate;
                self.gathered(lane, self.many(lane, wallet, reserved, rate), rate)
            }
            Task::Lift(txid) => {
                let rate = self.offer(Priority::Recommended, rules).await?.rate;
                self.lift(lane, wallet, reserved, txid, rate)
            }
        }
    }

    /// Brings coins together, if there still are any.
    fn gathered(
        &self,
        lane: &ScriptBuf,
        coins: Option<Vec<Coin>>,
        rate_sat_per_kvb: u64,
    ) -> Result<drafting::Draft, BuildError> {
        let coins = coins.ok_or_else(|| {
            BuildError::Refused("there is nothing to be gathered any more".to_owned())
        })?;
        self.returned(lane, &coins, Price::of_rate(rate_sat_per_kvb))
    }

    /// Spends the change of a transaction that waits, so that both are paid for.
    fn lift(
        &self,
        lane: &ScriptBuf,
        wallet: &Wallet,
        reserved: &BTreeSet<OutPoint>,
        txid: Txid,
        rate_sat_per_kvb: u64,
    ) -> Result<drafting::Draft, BuildError> {
        let is_its = |it: &&chain::Coin| {
            it.outpoint.txid == txid && it.height.is_none() && !reserved.contains(&it.outpoint)
        };
        let coin = wallet.coins.iter().find(is_its).filter(|_| wallet.own.has(txid));
        let Some(coin) = coin else {
            let what = format!("{txid} does not wait any more, or its change is spent");
            return Err(BuildError::Refused(what));
        };
        let short = wallet.own.short([txid], rate_sat_per_kvb);
        self.check_parents(short, rate_sat_per_kvb)?;
        let price = Price::of_child(rate_sat_per_kvb, short.missing_sat(rate_sat_per_kvb));
        let coin = Coin { outpoint: coin.outpoint, value_sat: coin.value_sat };
        self.returned(lane, &[coin], price)
    }

    /// A transaction that returns all of some coins to the lane.
    fn returned(
        &self,
        lane: &ScriptBuf,
        coins: &[Coin],
        price: Price,
    ) -> Result<drafting::Draft, BuildError> {
        let order = Order {
            lane,
            payments: &[],
            coins: &[],
            required: coins,
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

fn child_vsize(lane: &ScriptBuf) -> u64 {
    LaneKind::of(lane).map_or(0, |it| Shape::new(it, [lane.as_script()]).vsize(1))
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
