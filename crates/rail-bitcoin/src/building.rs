//! Makes transactions: what is to be done, with which coins, at which price.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{OutPoint, Script, ScriptBuf, Transaction, Txid};
use domain::{
    batch::Attempt,
    chore::Chore,
    ids::CoinId,
    payout::{Payout, Priority},
    ports::{BuildError, Draft, Hold, HoldReason, UnsignedTx},
};

use crate::{
    budget::{Ceiling, Limit},
    bulk,
    chain::{Chain, Family, Place, RelayRules},
    drafting::{self, Coin, Order, Payment, Unmade},
    fees::{self, Paid, Price},
    lock::{self, LaneKind},
    nodes::{self, Current},
    psbt::{self, Sent},
    purse::Purse,
    rail::{Bitcoin, amount, is_in_block},
    unmade::Means,
    upkeep::Task,
    wallet::{Wallet, fetch},
    weight::{Shape, WEIGHT_MAX},
};

/// How many inputs a transaction is taken to have when it matters how large it will be.
const INPUTS_GUESSED: usize = 50;

/// How often other coins are chosen because the signer cannot be shown what made them.
const LOOKS_MAX: usize = 8;

/// The most that nodes take for 1,000 virtual bytes from whoever does not tell them that any fee is
/// meant, in satoshi (`DEFAULT_MAX_RAW_TX_FEE_RATE` in Bitcoin Core's `node/transaction.h`), less a
/// hundredth, since signatures may turn out shorter.
const UNASKED_SAT_PER_KVB: u64 = 9_900_000;

/// A transaction to be replaced.
struct Replaced {
    spent: Vec<Coin>,
    paid: Paid,
    /// What it spends the change of and that waits.
    parents: BTreeSet<Txid>,
    /// What waits of its batch, this one or one before it, with what others made of its outputs.
    family: Option<(Txid, Family)>,
}

impl Replaced {
    /// What those pay that go with it if it is replaced, in satoshi.
    fn evicted_sat(&self) -> u64 {
        self.family.map_or(0, |(_, it)| it.fee_sat.saturating_sub(self.paid.fee_sat))
    }
}

/// What is to be offered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    /// The rate, in satoshi for 1,000 virtual bytes.
    pub(crate) rate: u64,
    /// What pays less than this is worth a replacement.
    least: u64,
}

/// The coins that may be spent.
struct Spendable {
    /// Those that cost nothing but their input.
    ready: Vec<Coin>,
    /// Those that wait for a block in vain: who spends them pays for what made them.
    in_vain: Vec<Coin>,
}

impl Bitcoin {
    /// Makes what a draft asks for.
    pub(crate) async fn make(&self, draft: Draft<'_>) -> Result<UnsignedTx, BuildError> {
        let lane = self.lane(draft.lane).map_err(BuildError::Refused)?;
        let nodes = self.nodes.current().await;
        let nodes = nodes.map_err(|_| self.without_nodes())?;
        let Some(Current { chain, .. }) = nodes.first() else {
            return Err(BuildError::Unreachable);
        };
        let named = parents(draft.replaces).map_err(BuildError::Refused)?;
        let wallet = Wallet::with(&nodes, &lane, self.parameters.finality, &named).await;
        let wallet = wallet.map_err(|_| self.without_nodes())?;
        let rules = nodes::rules(&nodes.all).await?;
        let mut reserved = reserved(draft.spent).map_err(BuildError::Refused)?;
        let must = draft.replaces.map_or(&[][..], |it| &it.spends).iter().cloned().collect();
        let must = self::reserved(&must).map_err(BuildError::Refused)?;
        let is_first = draft.replaces.is_none() && draft.chore.is_none();
        for look in 0..LOOKS_MAX {
            let drafted = self.draft(draft, *chain, &lane, &wallet, rules, &reserved).await;
            let drafted = match drafted {
                Err(BuildError::Hold(it)) if is_first && look > 0 => {
                    let is_short = it.reason == HoldReason::AwaitingFunds;
                    return Err(if is_short {
                        self.crowded(&lane, &wallet)
                    } else {
                        BuildError::Hold(it)
                    });
                }
                drafted => drafted?,
            };
            self.check_servers(&nodes.all, &drafted)?;
            let origins = origins(*chain, &lane, &drafted).await?;
            let left_out = bulk::left_out(&drafted.spent, &must, &origins, &wallet.coins);
            if left_out.is_empty() {
                if draft.replaces.is_none() {
                    self.crowds().remove(&lane);
                }
                return unsigned(&lane, &drafted, &origins);
            }
            if look + 2 == LOOKS_MAX {
                // Once more, with nothing but what can be shown.
                let shown = drafted.spent.iter().map(|it| it.outpoint);
                let shown: BTreeSet<OutPoint> = shown.filter(|it| !left_out.contains(it)).collect();
                let others = wallet.coins.iter().map(|it| it.outpoint);
                reserved.extend(others.filter(|it| !shown.contains(it)));
            }
            reserved.extend(left_out);
        }
        Err(self.crowded(&lane, &wallet))
    }

    async fn draft(
        &self,
        draft: Draft<'_>,
        chain: &dyn Chain,
        lane: &ScriptBuf,
        wallet: &Wallet,
        rules: RelayRules,
        reserved: &BTreeSet<OutPoint>,
    ) -> Result<drafting::Draft, BuildError> {
        match (draft.chore, draft.replaces) {
            (Some(Chore::Fill { .. }), _) => {
                Err(BuildError::Refused("transactions have no numbers here".to_owned()))
            }
            (Some(Chore::Prepare(words)), None) => {
                let task = self.task(lane, words);
                let unknown = || BuildError::Refused(format!("{words:?} is nothing to be done"));
                let task = task.ok_or_else(unknown)?;
                self.draft_task(lane, wallet, rules, reserved, task).await
            }
            (Some(Chore::Prepare(_) | Chore::TopUp(_)) | None, Some(attempt)) => {
                let sent = Sent::read(&attempt.tx.raw).map_err(BuildError::Refused)?;
                let replaced =
                    self.replaced(draft, chain, lane, wallet, &sent, rules, reserved).await?;
                self.draft_again(draft, lane, wallet, rules, reserved, &replaced).await
            }
            (Some(Chore::TopUp(_)) | None, None) => {
                self.draft_payments(draft, lane, wallet, rules, reserved).await
            }
        }
    }

    /// Whether somebody takes what it pays. A server hands over what the node behind it takes
    /// without being told that any fee is meant.
    fn check_servers(
        &self,
        nodes: &[Current<'_>],
        drafted: &drafting::Draft,
    ) -> Result<(), BuildError> {
        let is_taken = drafted.fee_sat <= fees::of_size(UNASKED_SAT_PER_KVB, drafted.vsize);
        if is_taken || nodes.iter().any(|it| it.chain.is_node()) {
            return Ok(());
        }
        let words =
            Limit::Unasked(UNASKED_SAT_PER_KVB).words(drafted.fee_sat, |sat| self.text(sat));
        Err(hold(HoldReason::FeeAboveCap, words))
    }

    /// Makes the first transaction of a batch.
    async fn draft_payments(
        &self,
        draft: Draft<'_>,
        lane: &ScriptBuf,
        wallet: &Wallet,
        rules: RelayRules,
        reserved: &BTreeSet<OutPoint>,
    ) -> Result<drafting::Draft, BuildError> {
        let payments = self.payments(lane, draft)?;
        let rate = self.offer(draft.priority(), rules).await?.rate;
        let mut vsize = vsize_of(lane, &payments);
        loop {
            let spendable = self.spendable_at(wallet, reserved, vsize, rate);
            let required = self.taken_along(lane, &spendable.ready, payments.len(), rate)?;
            let ceiling = self.ceiling(None);
            let order = Order {
                lane,
                payments: &payments,
                coins: &spendable.ready,
                required: &required,
                price: Price::of_rate(rate),
                later_sat_per_kvb: self.settings.rate_later_sat_per_kvb,
                dust_sat_per_kvb: self.parameters.dust_sat_per_kvb,
                fee_max_sat: ceiling.fee_sat,
            };
            let drafted = match order.draft() {
                Err(Unmade::Short { .. }) if !spendable.in_vain.is_empty() => {
                    self.draft_with_parents(order, &wallet.own, &spendable.in_vain)?
                }
                drafted => drafted,
            };
            let means = Means { lane, wallet, rate_sat_per_kvb: rate };
            let drafted =
                drafted.map_err(|why| self.unmade(why, &payments, ceiling, Some(means)))?;
            // It has more inputs than was guessed, and less room for what waits before it.
            if vsize.is_none_or(|it| drafted.vsize <= it) {
                return Ok(drafted);
            }
            vsize = Some(drafted.vsize);
        }
    }

    /// Makes a transaction in place of one that waits for too little.
    async fn draft_again(
        &self,
        draft: Draft<'_>,
        lane: &ScriptBuf,
        wallet: &Wallet,
        rules: RelayRules,
        reserved: &BTreeSet<OutPoint>,
        replaced: &Replaced,
    ) -> Result<drafting::Draft, BuildError> {
        let payments = match draft.chore {
            Some(Chore::Prepare(_)) => vec![],
            Some(Chore::TopUp(_) | Chore::Fill { .. }) | None => self.payments(lane, draft)?,
        };
        let price = self.price(draft, lane, wallet, rules, replaced).await?;
        if let Some((txid, family)) = replaced.family
            && self.is_better_lifted(lane, wallet, rules, txid, family).await
        {
            return Err(BuildError::NotNeeded);
        }
        // Where it pays for what it depends on, what that paid counts, too.
        let before = wallet.own.paid(replaced.parents.iter().copied());
        let ceiling = self.ceiling(draft.first.and_then(paid_first).map(|it| it.with(before)));
        let order = Order {
            lane,
            payments: &payments,
            // A replacement spends no others that wait (BIP-125, rule 2).
            coins: &spendable(wallet, reserved),
            required: &replaced.spent,
            price,
            later_sat_per_kvb: self.settings.rate_later_sat_per_kvb,
            dust_sat_per_kvb: self.parameters.dust_sat_per_kvb,
            fee_max_sat: ceiling.fee_sat,
        };
        order.draft().map_err(|why| self.unmade(why, &payments, ceiling, None))
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

    /// The coins that may be spent now by a transaction of about so many virtual bytes that pays a
    /// rate, those that wait for a block among them if that is allowed.
    fn spendable_at(
        &self,
        wallet: &Wallet,
        reserved: &BTreeSet<OutPoint>,
        vsize: Option<u64>,
        rate_sat_per_kvb: u64,
    ) -> Spendable {
        let in_blocks = spendable(wallet, reserved);
        let Some(vsize) = vsize.filter(|_| self.settings.spends_unconfirmed_change) else {
            return Spendable { ready: in_blocks, in_vain: vec![] };
        };
        let chains = wallet.own.chains();
        let tip_height = wallet.tip.height;
        let purse = Purse { tip_height, reserved, unconfirmed: &chains, vsize };
        let all = purse.spendable(&wallet.coins);
        let is_ready =
            |it: &Coin| wallet.own.missing_sat([it.outpoint.txid], rate_sat_per_kvb) == 0;
        let (ready, in_vain) = all.into_iter().partition(is_ready);
        Spendable { ready, in_vain }
    }

    /// Small coins that go along while that is cheap.
    fn taken_along(
        &self,
        lane: &Script,
        spendable: &[Coin],
        payments: usize,
        rate_sat_per_kvb: u64,
    ) -> Result<Vec<Coin>, BuildError> {
        let kind = LaneKind::of(lane);
        let kind = kind.ok_or_else(|| BuildError::Refused("the lane has no script".to_owned()))?;
        let input_vsize = Shape::new(kind, []).input_wu().div_ceil(4);
        Ok(self.settings.gathering.along(spendable, payments, rate_sat_per_kvb, input_vsize))
    }

    /// What is to be replaced, if it may be and nothing is in the way.
    #[expect(clippy::too_many_arguments, reason = "what is known of one moment")]
    async fn replaced(
        &self,
        draft: Draft<'_>,
        chain: &dyn Chain,
        lane: &Script,
        wallet: &Wallet,
        sent: &Sent,
        rules: RelayRules,
        reserved: &BTreeSet<OutPoint>,
    ) -> Result<Replaced, BuildError> {
        let place = chain.place(sent.txid).await?;
        if is_in_block(place) {
            return Err(BuildError::NotNeeded);
        }
        let origins = fetch(chain, sent.spends().map(|it| it.txid)).await?;
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
        // Whoever spends its change would go with it, and pays for what is in front of it. If the node
        // does not take the one any more, it does not take the other either: that one ends with it
        // and is made anew.
        let has_child = sent.outputs_to(lane).any(|(it, _)| reserved.contains(&it));
        let is_relayed = place == Place::Mempool || paid.suffices(rules.fee_rate_min_sat_per_kvb);
        if is_relayed && has_child {
            return Err(BuildError::NotNeeded);
        }
        // Another of the batch may wait in its place, of which the nodes want more.
        let waits = match (place, draft.first.and_then(first_spent)) {
            (Place::Mempool, _) => Some(sent.txid),
            (Place::Nowhere, Some(outpoint)) => match chain.spender(outpoint).await? {
                Some((txid, Place::Mempool)) => Some(txid),
                Some((_, Place::Block(_) | Place::Nowhere)) | None => None,
            },
            (Place::Nowhere | Place::Block(_), _) => None,
        };
        if is_relayed && !rules.replaces {
            self.check_lift(draft, wallet, waits.unwrap_or(sent.txid), rules).await?;
            return Err(BuildError::NotNeeded);
        }
        let parents = origins.into_keys().filter(|it| wallet.own.has(*it)).collect();
        let family = match waits {
            Some(txid) => chain.family(txid).await?.map(|it| (txid, it)),
            None => None,
        };
        Ok(Replaced { spent, paid, parents, family })
    }

    /// Where nodes replace nothing, what waits is lifted, and it is told if that may not be paid for.
    async fn check_lift(
        &self,
        draft: Draft<'_>,
        wallet: &Wallet,
        txid: Txid,
        rules: RelayRules,
    ) -> Result<(), BuildError> {
        if draft.chore.is_some() {
            return Ok(());
        }
        match self.offer(Priority::Recommended, rules).await {
            Ok(Offer { rate, .. }) => self.check_parents(wallet.own.short([txid], rate), rate),
            Err(_) => Ok(()),
        }
    }

    /// What is to be offered for a priority, if the operator's cap allows it.
    pub(crate) async fn offer(
        &self,
        priority: Priority,
        rules: RelayRules,
    ) -> Result<Offer, BuildError> {
        let recommended = self.known_rate(Priority::Recommended).await?;
        let asked = match priority {
            Priority::Recommended => recommended,
            other @ (Priority::Economy | Priority::High | Priority::Highest) => {
                // Where nobody knows what speed costs, what is recommended is offered.
                self.rate(other).await.unwrap_or(recommended)
            }
        };
        let floor = rules.fee_rate_min_sat_per_kvb.max(self.settings.rate_min_sat_per_kvb);
        let cap = self.settings.limits.rate_max_sat_per_kvb;
        let rate = fees::offer(asked, recommended, floor, cap);
        let rate = rate.map_err(|needed| self.above_cap(needed))?;
        Ok(Offer { rate, least: asked.min(recommended).max(floor) })
    }

    fn above_cap(&self, needed: u64) -> BuildError {
        let cap = crate::budget::Limit::Rate(self.settings.limits.rate_max_sat_per_kvb);
        hold(HoldReason::FeeAboveCap, cap.words(needed, |sat| self.text(sat)))
    }

    /// What a replacement must offer, if one is needed.
    async fn price(
        &self,
        draft: Draft<'_>,
        lane: &ScriptBuf,
        wallet: &Wallet,
        rules: RelayRules,
        replaced: &Replaced,
    ) -> Result<Price, BuildError> {
        let is_chore = matches!(draft.chore, Some(Chore::Prepare(_)));
        let priority = match draft.chore {
            Some(Chore::Prepare(words)) if self.task(lane, words) == Some(Task::Gather) => {
                Priority::Economy
            }
            Some(Chore::Prepare(_) | Chore::TopUp(_) | Chore::Fill { .. }) | None => {
                draft.priority()
            }
        };
        let Offer { rate, least } = self.offer(priority, rules).await?;
        let Replaced { paid, parents, .. } = replaced;
        // What is as good as what is recommended is not replaced, however urgent it is.
        let missing_sat = wallet.own.missing_sat(parents.iter().copied(), least);
        let enough_sat = fees::of_size(least, paid.vsize).saturating_add(missing_sat);
        if paid.fee_sat >= enough_sat && (is_chore || !draft.overdue) {
            return Err(BuildError::NotNeeded);
        }
        let evicted_sat = replaced.evicted_sat();
        let price = fees::replacement(*paid, evicted_sat, rate, rules.increment_sat_per_kvb);
        if price.rate_sat_per_kvb > self.settings.limits.rate_max_sat_per_kvb {
            return Err(self.above_cap(price.rate_sat_per_kvb));
        }
        // What it depends on may wait for more than it does itself.
        let missing_sat = wallet.own.missing_sat(parents.iter().copied(), rate);
        let increment_sat_per_kvb = rate.max(rules.increment_sat_per_kvb);
        let lifting = Price { replaced_fee_sat: missing_sat, increment_sat_per_kvb, ..price };
        let is_more = lifting.fee_sat(paid.vsize) > price.fee_sat(paid.vsize);
        Ok(if missing_sat > 0 && is_more { lifting } else { price })
    }

    pub(crate) async fn known_rate(&self, priority: Priority) -> Result<u64, BuildError> {
        self.rate(priority).await.ok_or_else(|| {
            let detail = "no node knows what transactions cost now; set fee_default_sat_per_vbyte, \
                          or wait until one has seen more blocks";
            hold(HoldReason::FeesUnknown, detail.to_owned())
        })
    }

    pub(crate) fn ceiling(&self, first: Option<Paid>) -> Ceiling {
        Ceiling::of(&self.settings.limits, first, WEIGHT_MAX / 4)
    }

    /// Satoshi in whole coins, for people.
    pub(crate) fn text(&self, sat: u64) -> String {
        let units = amount(sat).unwrap_or(domain::money::Amount::MAX);
        format!("{} {}", self.coin.text(units), self.coin.ticker)
    }
}

/// The coins in blocks that may be spent now.
pub(crate) fn spendable(wallet: &Wallet, reserved: &BTreeSet<OutPoint>) -> Vec<Coin> {
    let (tip_height, unconfirmed) = (wallet.tip.height, &BTreeMap::new());
    Purse { tip_height, reserved, unconfirmed, vsize: 0 }.spendable(&wallet.coins)
}

/// About the size of a transaction with these payments, in virtual bytes: with more inputs than it
/// will have.
fn vsize_of(lane: &Script, payments: &[Payment]) -> Option<u64> {
    let scripts = payments.iter().map(|it| it.script.as_script());
    Some(Shape::new(LaneKind::of(lane)?, scripts).with(lane).vsize(INPUTS_GUESSED))
}

/// The names of what made the coins that a transaction spends, which is to be replaced.
fn parents(replaces: Option<&Attempt>) -> Result<BTreeSet<Txid>, String> {
    let Some(attempt) = replaces else { return Ok(BTreeSet::new()) };
    Ok(Sent::read(&attempt.tx.raw)?.spends().map(|it| it.txid).collect())
}

fn output(tx: &Transaction, vout: u32) -> Option<&bitcoin::TxOut> {
    tx.output.get(usize::try_from(vout).ok()?)
}

fn reserved(spent: &BTreeSet<CoinId>) -> Result<BTreeSet<OutPoint>, String> {
    let read = |it: &CoinId| it.as_str().parse::<OutPoint>();
    let all: Result<BTreeSet<OutPoint>, _> = spent.iter().map(read).collect();
    all.map_err(|error| format!("a coin that another transaction spends is unreadable: {error}"))
}

/// The transactions that made what is spent, if the signer must be shown them.
async fn origins(
    chain: &dyn Chain,
    lane: &ScriptBuf,
    drafted: &drafting::Draft,
) -> Result<BTreeMap<Txid, Transaction>, BuildError> {
    match LaneKind::of(lane) {
        Some(LaneKind::P2wpkh) => {
            let needed = drafted.spent.iter().map(|it| it.outpoint.txid);
            Ok(fetch(chain, needed).await?)
        }
        Some(LaneKind::P2tr) | None => Ok(BTreeMap::new()),
    }
}

/// What the signer gets. A node that says of a coin what the coin's own transaction does not say is
/// of no use for now, and no reason to give up a payment.
fn unsigned(
    lane: &ScriptBuf,
    drafted: &drafting::Draft,
    origins: &BTreeMap<Txid, Transaction>,
) -> Result<UnsignedTx, BuildError> {
    let payload = psbt::unsigned(drafted, lane, origins).map_err(|what| {
        tracing::error!(what, "the node contradicts itself");
        BuildError::Unreachable
    })?;
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

/// What the first transaction of a batch paid.
fn paid_first(first: &Attempt) -> Option<Paid> {
    let fee_sat = u64::try_from(first.fee_max.units()).ok()?;
    let vsize = Sent::read(&first.tx.raw).map_or(0, |it| it.tx.vsize() as u64);
    Some(Paid { fee_sat, vsize })
}

/// An output that it spends, as all do that replace it.
fn first_spent(first: &Attempt) -> Option<OutPoint> {
    Sent::read(&first.tx.raw).ok()?.spends().next()
}

/// Makes the answer of a batch that has to wait.
pub(crate) fn hold(reason: HoldReason, detail: String) -> BuildError {
    BuildError::Hold(Hold { reason, detail })
}
