//! Makes transactions: what is to be done, with which coins, at which price.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{OutPoint, Script, ScriptBuf, Transaction, Txid};
use domain::{
    chore::Chore,
    ids::CoinId,
    payout::{Payout, Priority},
    ports::{BuildError, Draft, Hold, HoldReason, Unreachable, UnsignedTx},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    budget::Ceiling,
    chain::{self, Chain, Movement, RelayRules, Tip},
    drafting::{self, Coin, Order, Payment, Unmade},
    fees::{self, Paid, Price},
    lock::{self, LaneKind},
    psbt::{self, Sent},
    purse::{Purse, Waiting},
    rail::{Bitcoin, amount, is_in_block},
    upkeep::Task,
    weight::{Shape, WEIGHT_MAX},
};

/// How many transactions are fetched at the same time at most.
const FETCHED_AT_ONCE: usize = 16;

/// How many inputs a transaction is taken to have when it matters how large it will be.
const INPUTS_GUESSED: usize = 50;

/// How many of a lane's own transactions that wait are looked into; nodes relay no longer chains.
const WAITING_MAX: usize = 24;

/// What a lane has, as one node knows it.
pub(crate) struct Wallet {
    /// The newest block.
    pub(crate) tip: Tip,
    /// All coins that nothing spends that the node knows.
    pub(crate) coins: Vec<chain::Coin>,
    /// The lane's own transactions that wait, with all of those that each depends on.
    pub(crate) own_waiting: BTreeMap<Txid, Waiting>,
    /// Whether none of the lane's own transactions waits, however many there are.
    pub(crate) is_idle: bool,
}

/// A transaction to be replaced.
struct Replaced {
    spent: Vec<Coin>,
    paid: Paid,
}

impl Bitcoin {
    /// Makes what a draft asks for.
    pub(crate) async fn make(&self, draft: Draft<'_>) -> Result<UnsignedTx, BuildError> {
        let lane = self.lane(draft.lane).map_err(BuildError::Refused)?;
        let (chain, tip) = self.nodes.best().await.map_err(unreachable)?;
        chain.follow(&lane).await.map_err(unreachable)?;
        let wallet = self.wallet(chain, &lane, tip).await.map_err(unreachable)?;
        let rules = chain.relay_rules().await.map_err(unreachable)?;
        let reserved = reserved(draft.spent).map_err(BuildError::Refused)?;
        match draft.chore {
            Some(Chore::Fill { .. }) => {
                return Err(BuildError::Refused("transactions have no numbers here".to_owned()));
            }
            Some(Chore::Prepare(words)) => {
                let task = Task::of_words(words);
                let unknown = || BuildError::Refused(format!("{words:?} is nothing to be done"));
                let task = task.ok_or_else(unknown)?;
                let drafted =
                    self.draft_task(chain, &lane, &wallet, rules, &reserved, task).await?;
                return self.unsigned(chain, &lane, &drafted).await;
            }
            Some(Chore::TopUp(_)) | None => {}
        }
        let payments = self.payments(&lane, draft)?;
        let replaced = match draft.replaces {
            None => None,
            Some(attempt) => {
                let sent = Sent::read(&attempt.tx.raw).map_err(BuildError::Refused)?;
                Some(self.replaced(chain, &lane, &sent, rules, &reserved).await?)
            }
        };
        let price = self.price(draft, rules, replaced.as_ref()).await?;
        let vsize = vsize_of(&lane, &payments).filter(|_| replaced.is_none());
        let spendable = self.spendable(&wallet, &reserved, vsize);
        let required = match &replaced {
            Some(replaced) => replaced.spent.clone(),
            None => self.taken_along(&lane, &spendable, payments.len(), price)?,
        };
        let first_sat = draft
            .first
            .filter(|_| replaced.is_some())
            .and_then(|first| u64::try_from(first.fee_max.units()).ok());
        let order = Order {
            lane: &lane,
            payments: &payments,
            coins: &spendable,
            required: &required,
            price,
            later_sat_per_kvb: self.settings.rate_later_sat_per_kvb,
            dust_sat_per_kvb: self.parameters.dust_sat_per_kvb,
            fee_max_sat: self.ceiling(first_sat).fee_sat,
        };
        let drafted = order.draft();
        let drafted = drafted.map_err(|why| self.unmade(why, &order, first_sat, &wallet))?;
        self.unsigned(chain, &lane, &drafted).await
    }

    /// What is paid, if all of it can be paid here.
    fn payments(&self, lane: &Script, draft: Draft<'_>) -> Result<Vec<Payment>, BuildError> {
        let payment = |address: &str, amount: domain::money::Amount| {
            let script = lock::script(&self.network, address)?;
            let amount_sat = u64::try_from(amount.units());
            let amount_sat = amount_sat.map_err(|_| "it is more than there is".to_owned())?;
            Ok::<_, String>(Payment { script, amount_sat })
        };
        if let Some(Chore::TopUp(it)) = draft.chore {
            let brought = payment(&it.destination.address, it.amount);
            return Ok(vec![brought.map_err(BuildError::Refused)?]);
        }
        let of_payout = |payout: &Payout| {
            if payout.asset != self.coin.id {
                return Err(format!("{} is not {}", payout.asset, self.coin.id));
            }
            let payment = payment(&payout.destination.address, payout.quote.amount)?;
            if *payment.script == *lane || lock::is_own(&payment.script, &self.own) {
                return Err("the recipient is one of the gateway's own wallets".to_owned());
            }
            Ok(payment)
        };
        let mut payments = vec![];
        let mut alone = vec![];
        let mut why = "there is nothing to pay".to_owned();
        for (place, payout) in (0_u32..).zip(draft.payouts) {
            match of_payout(payout) {
                Ok(payment) => payments.push(payment),
                Err(found) => {
                    alone.push(place);
                    why = found;
                }
            }
        }
        match (alone.is_empty(), draft.payouts.len()) {
            (_, 0 | 1) if payments.is_empty() => Err(BuildError::Refused(why)),
            (true, _) => Ok(payments),
            (false, _) => Err(BuildError::Split { alone, detail: why }),
        }
    }

    /// What a lane has, by one node.
    pub(crate) async fn wallet(
        &self,
        chain: &dyn Chain,
        lane: &ScriptBuf,
        tip: Tip,
    ) -> Result<Wallet, Unreachable> {
        let coins = chain.coins(lane).await?;
        let moved = chain.movements_above(lane, tip.height).await?;
        let own = |it: &&Movement| it.spent_sat > 0 && !is_in_block(it.place);
        let own: Vec<Txid> = moved.iter().filter(own).map(|it| it.txid).collect();
        let own_waiting =
            if own.len() > WAITING_MAX { BTreeMap::new() } else { depths(chain, &own).await? };
        Ok(Wallet { tip, coins, own_waiting, is_idle: own.is_empty() })
    }

    /// The coins that may be spent now. Those that wait for a block are not among them unless the
    /// transaction will have about so many virtual bytes.
    pub(crate) fn spendable(
        &self,
        wallet: &Wallet,
        reserved: &BTreeSet<OutPoint>,
        vsize: Option<u64>,
    ) -> Vec<Coin> {
        let nobody = BTreeMap::new();
        let (unconfirmed, vsize) = match vsize {
            Some(vsize) if self.settings.spends_unconfirmed_change => (&wallet.own_waiting, vsize),
            Some(_) | None => (&nobody, 0),
        };
        let purse = Purse { tip_height: wallet.tip.height, reserved, unconfirmed, vsize };
        purse.spendable(&wallet.coins)
    }

    /// Small coins that go along while that is cheap.
    fn taken_along(
        &self,
        lane: &Script,
        spendable: &[Coin],
        payments: usize,
        price: Price,
    ) -> Result<Vec<Coin>, BuildError> {
        let kind = LaneKind::of(lane);
        let kind = kind.ok_or_else(|| BuildError::Refused("the lane has no script".to_owned()))?;
        let input_vsize = Shape::new(kind, []).input_wu().div_ceil(4);
        Ok(self.settings.gathering.along(spendable, payments, price.rate_sat_per_kvb, input_vsize))
    }

    /// What is to be replaced, if it may be and nothing is in the way.
    async fn replaced(
        &self,
        chain: &dyn Chain,
        lane: &Script,
        sent: &Sent,
        rules: RelayRules,
        reserved: &BTreeSet<OutPoint>,
    ) -> Result<Replaced, BuildError> {
        // Whoever spends its change would go with it, and is paid for what is in front of it.
        let has_child = sent.outputs_to(lane).any(|(it, _)| reserved.contains(&it));
        let place = chain.place(sent.txid).await.map_err(unreachable)?;
        if !rules.replaces || has_child || is_in_block(place) {
            return Err(BuildError::NotNeeded);
        }
        let origins = fetch(chain, sent.spends().map(|it| it.txid)).await.map_err(unreachable)?;
        let mut spent = vec![];
        for outpoint in sent.spends() {
            let output = origins.get(&outpoint.txid).and_then(|tx| output(tx, outpoint.vout));
            let Some(output) = output.filter(|it| *it.script_pubkey == *lane) else {
                let what = format!("{outpoint}, which is to be spent again, is not the lane's");
                return Err(BuildError::Refused(what));
            };
            spent.push(Coin { outpoint, value_sat: output.value.to_sat() });
        }
        let inputs_sat = spent.iter().fold(0_u64, |sum, it| sum.saturating_add(it.value_sat));
        let paid = sent.paid(inputs_sat).ok_or(BuildError::Unreachable)?;
        Ok(Replaced { spent, paid })
    }

    /// What the transaction must offer.
    async fn price(
        &self,
        draft: Draft<'_>,
        rules: RelayRules,
        replaced: Option<&Replaced>,
    ) -> Result<Price, BuildError> {
        let recommended = self.known_rate(Priority::Recommended).await?;
        let asked = match draft.priority() {
            Priority::Recommended => recommended,
            other @ (Priority::Economy | Priority::High | Priority::Highest) => {
                self.known_rate(other).await?
            }
        };
        let floor = rules.fee_rate_min_sat_per_kvb.max(self.settings.rate_min_sat_per_kvb);
        let cap = self.settings.limits.rate_max_sat_per_kvb;
        let rate = fees::offer(asked, recommended, floor, cap);
        let above = |needed: u64| {
            let words = crate::budget::Limit::Rate(cap).words(needed, |sat| self.text(sat));
            hold(HoldReason::FeeAboveCap, words)
        };
        let rate = rate.map_err(above)?;
        let Some(Replaced { paid, .. }) = replaced else { return Ok(Price::of_rate(rate)) };
        // What is as good as what is recommended is not replaced, however urgent it is.
        if paid.suffices(asked.min(recommended).max(floor)) && !draft.overdue {
            return Err(BuildError::NotNeeded);
        }
        let price = fees::replacement(*paid, 0, rate, rules.increment_sat_per_kvb);
        if price.rate_sat_per_kvb > cap {
            return Err(above(price.rate_sat_per_kvb));
        }
        Ok(price)
    }

    pub(crate) async fn known_rate(&self, priority: Priority) -> Result<u64, BuildError> {
        self.rate(priority).await.ok_or_else(|| {
            let detail = "no node knows what transactions cost now; set fee_rate_default, or wait \
                          until it has seen more blocks";
            hold(HoldReason::NotEstimated, detail.to_owned())
        })
    }

    pub(crate) fn ceiling(&self, first_sat: Option<u64>) -> Ceiling {
        Ceiling::of(&self.settings.limits, first_sat, WEIGHT_MAX / 4)
    }

    /// Why nothing was made, in the port's words.
    fn unmade(
        &self,
        why: Unmade,
        order: &Order<'_>,
        first_sat: Option<u64>,
        wallet: &Wallet,
    ) -> BuildError {
        let count = order.payments.len();
        let split = |places: &[usize], detail: String| {
            let alone = places.iter().filter_map(|it| u32::try_from(*it).ok()).collect();
            if count == 1 {
                BuildError::Refused(detail)
            } else {
                BuildError::Split { alone, detail }
            }
        };
        match why {
            Unmade::NoLane => BuildError::Refused("no lane has such a script".to_owned()),
            Unmade::Dust { places } => {
                split(&places, "it is so little that nodes do not relay it (dust)".to_owned())
            }
            Unmade::Heavy { fits } => {
                let beyond: Vec<usize> = (fits..count).collect();
                let detail = "the transaction would be larger than nodes relay".to_owned();
                if count == 1 {
                    hold(HoldReason::AwaitingFunds, detail)
                } else {
                    split(&beyond, detail)
                }
            }
            Unmade::Short { missing_sat, .. } => {
                let detail =
                    format!("the lane needs {} more that it may spend now", self.text(missing_sat));
                match too_large(order.payments, wallet) {
                    Some(places) if count > 1 => split(&places, detail),
                    Some(_) | None => hold(HoldReason::AwaitingFunds, detail),
                }
            }
            Unmade::AboveCeiling { fee_sat } => {
                let words = self.ceiling(first_sat).limit.words(fee_sat, |sat| self.text(sat));
                hold(HoldReason::FeeAboveCap, words)
            }
        }
    }

    pub(crate) async fn unsigned(
        &self,
        chain: &dyn Chain,
        lane: &ScriptBuf,
        drafted: &drafting::Draft,
    ) -> Result<UnsignedTx, BuildError> {
        let origins = match LaneKind::of(lane) {
            Some(LaneKind::P2wpkh) => {
                let needed = drafted.spent.iter().map(|it| it.outpoint.txid);
                fetch(chain, needed).await.map_err(unreachable)?
            }
            Some(LaneKind::P2tr) | None => BTreeMap::new(),
        };
        let payload = psbt::unsigned(drafted, lane, &origins).map_err(BuildError::Refused)?;
        let fee_max = amount(drafted.fee_sat).ok_or(BuildError::Unreachable)?;
        let spends = drafted.spent.iter().map(|it| CoinId::new(&it.outpoint.to_string()));
        Ok(UnsignedTx {
            format: psbt::FORMAT,
            payload,
            sequence: None,
            sequences_used: 0,
            spends: spends.collect(),
            fee_max,
        })
    }

    /// Satoshi in whole coins, for people.
    pub(crate) fn text(&self, sat: u64) -> String {
        let units = amount(sat).unwrap_or(domain::money::Amount::MAX);
        format!("{} {}", self.coin.text(units), self.coin.ticker)
    }
}

/// The largest payments, without which the lane has enough for the others, if all that it has, also
/// what waits for a block, is too little for all of them.
fn too_large(payments: &[Payment], wallet: &Wallet) -> Option<Vec<usize>> {
    let all = wallet.coins.iter().fold(0_u64, |sum, it| sum.saturating_add(it.value_sat));
    let mut needed = payments.iter().fold(0_u64, |sum, it| sum.saturating_add(it.amount_sat));
    let mut places: Vec<usize> = (0..payments.len()).collect();
    let amount_of = |place: &usize| payments.get(*place).map_or(0, |it| it.amount_sat);
    places.sort_by_key(|it| std::cmp::Reverse(amount_of(it)));
    let mut alone = vec![];
    for place in places {
        if needed <= all {
            break;
        }
        needed = needed.saturating_sub(amount_of(&place));
        alone.push(place);
    }
    alone.sort_unstable();
    (!alone.is_empty()).then_some(alone)
}

/// About the size of a transaction with these payments, in virtual bytes: with more inputs than it
/// will have.
fn vsize_of(lane: &Script, payments: &[Payment]) -> Option<u64> {
    let scripts = payments.iter().map(|it| it.script.as_script());
    Some(Shape::new(LaneKind::of(lane)?, scripts).with(lane).vsize(INPUTS_GUESSED))
}

/// What each of these depends on that waits. What others made that waits is never spent, so these
/// depend on each other only.
async fn depths(chain: &dyn Chain, own: &[Txid]) -> Result<BTreeMap<Txid, Waiting>, Unreachable> {
    let all = fetch(chain, own.iter().copied()).await?;
    let parents: BTreeMap<Txid, BTreeSet<Txid>> = all
        .iter()
        .map(|(txid, tx)| {
            let origins = tx.input.iter().map(|it| it.previous_output.txid);
            (*txid, origins.filter(|it| all.contains_key(it)).collect())
        })
        .collect();
    let of = |txid: &Txid| {
        let all_of_it = ancestors(*txid, &parents);
        let sizes = all_of_it.iter().filter_map(|it| all.get(it)).map(|it| it.vsize() as u64);
        let count = u32::try_from(all_of_it.len()).unwrap_or(u32::MAX);
        (*txid, Waiting { count, vsize: sizes.sum() })
    };
    Ok(own.iter().map(of).collect())
}

/// A transaction with all that it depends on.
fn ancestors(of: Txid, parents: &BTreeMap<Txid, BTreeSet<Txid>>) -> BTreeSet<Txid> {
    let mut found = BTreeSet::new();
    let mut open = vec![of];
    while let Some(it) = open.pop() {
        if found.insert(it) {
            open.extend(parents.get(&it).into_iter().flatten());
        }
    }
    found
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

fn output(tx: &Transaction, vout: u32) -> Option<&bitcoin::TxOut> {
    tx.output.get(usize::try_from(vout).ok()?)
}

fn reserved(spent: &BTreeSet<CoinId>) -> Result<BTreeSet<OutPoint>, String> {
    let read = |it: &CoinId| it.as_str().parse::<OutPoint>();
    let all: Result<BTreeSet<OutPoint>, _> = spent.iter().map(read).collect();
    all.map_err(|error| format!("a coin that another transaction spends is unreadable: {error}"))
}

pub(crate) fn unreachable(Unreachable: Unreachable) -> BuildError {
    BuildError::Unreachable
}

/// Makes the answer of a batch that has to wait.
pub(crate) fn hold(reason: HoldReason, detail: String) -> BuildError {
    BuildError::Hold(Hold { reason, detail })
}
