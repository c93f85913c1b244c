//! Makes transactions: what is to be done, with which coins, at which price.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{OutPoint, Script, ScriptBuf, Txid};
use domain::{
    batch::Attempt,
    chore::Chore,
    ids::CoinId,
    payout::{Payout, Priority},
    ports::{BuildError, Draft, Hold, HoldReason, UnsignedTx},
};

use crate::{
    budget::Ceiling,
    chain::{Chain, Place, RelayRules},
    drafting::{self, Coin, Order, Payment, Unmade},
    fees::{self, Paid, Price},
    lock::{self, LaneKind},
    nodes::Current,
    psbt::{self, Sent},
    purse::Purse,
    rail::{Bitcoin, amount, is_in_block},
    upkeep::Task,
    wallet::{Wallet, fetch},
    weight::{Shape, WEIGHT_MAX},
};

/// How many inputs a transaction is taken to have when it matters how large it will be.
const INPUTS_GUESSED: usize = 50;

/// A transaction to be replaced.
struct Replaced {
    spent: Vec<Coin>,
    paid: Paid,
    /// What it spends the change of and that waits.
    parents: BTreeSet<Txid>,
}

/// What is to be offered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    /// The rate, in satoshi for 1,000 virtual bytes.
    pub(crate) rate: u64,
    /// What pays less than this is worth a replacement.
    least: u64,
}

/// What a first transaction is made with.
#[derive(Clone, Copy)]
struct Means<'a> {
    lane: &'a Script,
    wallet: &'a Wallet,
    rate_sat_per_kvb: u64,
}

/// The coins that may be spent.
struct Spendable {
    /// Those that cost nothing but their input.
    ready: Vec<Coin>,
    /// Those, and others that wait for a block in vain: who spends them pays for what made them.
    all: Vec<Coin>,
    /// What that costs, in satoshi.
    missing_sat: u64,
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
        let rules = chain.relay_rules().await?;
        let reserved = reserved(draft.spent).map_err(BuildError::Refused)?;
        let drafted = match (draft.chore, draft.replaces) {
            (Some(Chore::Fill { .. }), _) => {
                return Err(BuildError::Refused("transactions have no numbers here".to_owned()));
            }
            (Some(Chore::Prepare(words)), None) => {
                let task = Task::of_words(words);
                let unknown = || BuildError::Refused(format!("{words:?} is nothing to be done"));
                let task = task.ok_or_else(unknown)?;
                self.draft_task(&lane, &wallet, rules, &reserved, task).await?
            }
            (Some(Chore::Prepare(_) | Chore::TopUp(_)) | None, Some(attempt)) => {
                let sent = Sent::read(&attempt.tx.raw).map_err(BuildError::Refused)?;
                let replaced =
                    self.replaced(*chain, &lane, &wallet, &sent, rules, &reserved).await?;
                self.draft_again(draft, &lane, &wallet, rules, &reserved, &replaced).await?
            }
            (Some(Chore::TopUp(_)) | None, None) => {
                self.draft_payments(draft, &lane, &wallet, rules, &reserved).await?
            }
        };
        self.unsigned(*chain, &lane, &drafted).await
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
        let spendable = self.spendable_at(wallet, reserved, vsize_of(lane, &payments), rate);
        let required = self.taken_along(lane, &spendable.ready, payments.len(), rate)?;
        let order = Order {
            lane,
            payments: &payments,
            coins: &spendable.ready,
            required: &required,
            price: Price::of_rate(rate),
            later_sat_per_kvb: self.settings.rate_later_sat_per_kvb,
            dust_sat_per_kvb: self.parameters.dust_sat_per_kvb,
            fee_max_sat: self.ceiling(None).fee_sat,
        };
        let drafted = match order.draft() {
            Err(Unmade::Short { .. }) if spendable.all.len() > spendable.ready.len() => {
                let price = Price {
                    rate_sat_per_kvb: rate,
                    replaced_fee_sat: spendable.missing_sat,
                    increment_sat_per_kvb: rate,
                };
                Order { coins: &spendable.all, required: &[], price, ..order }.draft()
            }
            drafted => drafted,
        };
        let means = Means { lane, wallet, rate_sat_per_kvb: rate };
        drafted.map_err(|why| self.unmade(why, &payments, None, Some(means)))
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
        let price = self.price(draft, wallet, rules, replaced).await?;
        let first_sat = draft.first.and_then(|first| u64::try_from(first.fee_max.units()).ok());
        // Where it pays for what it depends on, what that paid counts, too.
        let before_sat = wallet.own.fees_sat(replaced.parents.iter().copied());
        let first_sat = first_sat.map(|it| it.saturating_add(before_sat));
        let order = Order {
            lane,
            payments: &payments,
            // A replacement spends no others that wait (BIP-125, rule 2).
            coins: &spendable(wallet, reserved),
            required: &replaced.spent,
            price,
            later_sat_per_kvb: self.settings.rate_later_sat_per_kvb,
            dust_sat_per_kvb: self.parameters.dust_sat_per_kvb,
            fee_max_sat: self.ceiling(first_sat).fee_sat,
        };
        order.draft().map_err(|why| self.unmade(why, &payments, first_sat, None))
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
            return Spendable { ready: in_blocks.clone(), all: in_blocks, missing_sat: 0 };
        };
        let chains = wallet.own.chains();
        let tip_height = wallet.tip.height;
        let purse = Purse { tip_height, reserved, unconfirmed: &chains, vsize };
        let all = purse.spendable(&wallet.coins);
        let is_ready =
            |it: &&Coin| wallet.own.missing_sat([it.outpoint.txid], rate_sat_per_kvb) == 0;
        let ready = all.iter().filter(is_ready).copied().collect();
        let origins = all.iter().map(|it| it.outpoint.txid);
        let missing_sat = wallet.own.missing_sat(origins, rate_sat_per_kvb);
        Spendable { ready, all, missing_sat }
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
    async fn replaced(
        &self,
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
        if is_relayed && (has_child || !rules.replaces) {
            return Err(BuildError::NotNeeded);
        }
        let parents = origins.into_keys().filter(|it| wallet.own.has(*it)).collect();
        Ok(Replaced { spent, paid, parents })
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
                self.known_rate(other).await?
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
        wallet: &Wallet,
        rules: RelayRules,
        replaced: &Replaced,
    ) -> Result<Price, BuildError> {
        let is_chore = matches!(draft.chore, Some(Chore::Prepare(_)));
        let priority = if is_chore { Priority::Economy } else { draft.priority() };
        let Offer { rate, least } = self.offer(priority, rules).await?;
        let Replaced { paid, parents, .. } = replaced;
        // What is as good as what is recommended is not replaced, however urgent it is.
        let missing_sat = wallet.own.missing_sat(parents.iter().copied(), least);
        let enough_sat = fees::of_size(least, paid.vsize).saturating_add(missing_sat);
        if paid.fee_sat >= enough_sat && (is_chore || !draft.overdue) {
            return Err(BuildError::NotNeeded);
        }
        let price = fees::replacement(*paid, 0, rate, rules.increment_sat_per_kvb);
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
            hold(HoldReason::NotEstimated, detail.to_owned())
        })
    }

    pub(crate) fn ceiling(&self, first_sat: Option<u64>) -> Ceiling {
        Ceiling::of(&self.settings.limits, first_sat, WEIGHT_MAX / 4)
    }

    /// Why nothing was made, in the port's words. `means` are those of a first transaction: what
    /// is too little for one that replaces another says nothing about its payments.
    fn unmade(
        &self,
        why: Unmade,
        payments: &[Payment],
        first_sat: Option<u64>,
        means: Option<Means<'_>>,
    ) -> BuildError {
        let count = payments.len();
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
                if count <= 1 || means.is_none() {
                    hold(HoldReason::AwaitingFunds, detail)
                } else {
                    split(&beyond, detail)
                }
            }
            Unmade::Short { missing_sat, .. } => {
                let mut detail =
                    format!("the lane needs {} more that it may spend now", self.text(missing_sat));
                let arriving = means.map_or(0, |it| it.wallet.arriving_sat);
                if arriving > 0 {
                    detail.push_str("; not final yet, of what it was sent: ");
                    detail.push_str(&self.text(arriving));
                }
                match means.and_then(|it| too_large(payments, &it)) {
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
                fetch(chain, needed).await?
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

/// The coins in blocks that may be spent now.
pub(crate) fn spendable(wallet: &Wallet, reserved: &BTreeSet<OutPoint>) -> Vec<Coin> {
    let (tip_height, unconfirmed) = (wallet.tip.height, &BTreeMap::new());
    Purse { tip_height, reserved, unconfirmed, vsize: 0 }.spendable(&wallet.coins)
}

/// The largest payments, without which the lane has enough for the others and their fee, if all that
/// it has, also what waits for a block, is too little for all of them.
fn too_large(payments: &[Payment], means: &Means<'_>) -> Option<Vec<usize>> {
    let Means { lane, wallet, rate_sat_per_kvb: rate } = *means;
    let bare = Shape::new(LaneKind::of(lane)?, []);
    let input_sat = fees::of_size(rate, bare.input_wu().div_ceil(4));
    let worth = wallet.coins.iter().map(|it| it.value_sat.saturating_sub(input_sat));
    let all = worth.fold(0_u64, u64::saturating_add);
    let price = |it: &Payment| {
        let output = bare.with(&it.script).vsize(0).saturating_sub(bare.vsize(0));
        it.amount_sat.saturating_add(fees::of_size(rate, output))
    };
    let prices: Vec<u64> = payments.iter().map(price).collect();
    let mut needed =
        prices.iter().fold(fees::of_size(rate, bare.vsize(0)), |sum, it| sum.saturating_add(*it));
    let mut sorted: Vec<(usize, u64)> = prices.into_iter().enumerate().collect();
    sorted.sort_by_key(|it| std::cmp::Reverse(it.1));
    let mut alone = vec![];
    for (place, price) in sorted {
        if needed <= all {
            break;
        }
        needed = needed.saturating_sub(price);
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

/// The names of what made the coins that a transaction spends, which is to be replaced.
fn parents(replaces: Option<&Attempt>) -> Result<BTreeSet<Txid>, String> {
    let Some(attempt) = replaces else { return Ok(BTreeSet::new()) };
    Ok(Sent::read(&attempt.tx.raw)?.spends().map(|it| it.txid).collect())
}

fn output(tx: &bitcoin::Transaction, vout: u32) -> Option<&bitcoin::TxOut> {
    tx.output.get(usize::try_from(vout).ok()?)
}

fn reserved(spent: &BTreeSet<CoinId>) -> Result<BTreeSet<OutPoint>, String> {
    let read = |it: &CoinId| it.as_str().parse::<OutPoint>();
    let all: Result<BTreeSet<OutPoint>, _> = spent.iter().map(read).collect();
    all.map_err(|error| format!("a coin that another transaction spends is unreadable: {error}"))
}

/// Makes the answer of a batch that has to wait.
pub(crate) fn hold(reason: HoldReason, detail: String) -> BuildError {
    BuildError::Hold(Hold { reason, detail })
}
