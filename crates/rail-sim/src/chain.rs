//! The chain itself: what waits, what is included, what is final, and what can go wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{
    ids::{AssetId, LaneId, TxId},
    lane::Lane,
    money::Amount,
    ports::{Handover, Signature},
};

use crate::{
    history::{FinalTransaction, History, Included, PaymentMade, Standing},
    payload::{self, Payload, PayloadPayment, Uses},
};

/// What a chain is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainOptions {
    /// What it charges in.
    pub fee_asset: AssetId,
    /// How many blocks on top of a block make it final.
    pub finality_depth: usize,
    /// What it charges for a transaction at first.
    pub fee_level: Amount,
    /// Whether wallets are made of coins, or else count their transactions.
    pub of_coins: bool,
}

/// A chain that everybody who holds a clone of this shares.
#[derive(Clone, Debug)]
pub struct SimChain(Arc<Mutex<State>>);

#[derive(Clone, Debug)]
struct State {
    options: ChainOptions,
    fee_level: Amount,
    wallets: BTreeMap<LaneId, String>,
    coins_at_tip: Coins,
    coins_at_finality: Coins,
    known: BTreeMap<TxId, Payload>,
    arrivals: Vec<TxId>,
    mempool: Vec<TxId>,
    /// Forgotten here, remembered somewhere: may come back at any time.
    limbo: Vec<TxId>,
    /// The blocks that are not final, oldest first.
    blocks: Vec<Vec<Included>>,
    /// Which transaction of a block, final or not, uses a number or a coin.
    users: BTreeMap<(LaneId, u64), TxId>,
    history: History,
    reverting: BTreeSet<String>,
    skipped: BTreeSet<String>,
    refused: BTreeSet<String>,
}

#[derive(Clone, Debug, Default)]
struct Coins(BTreeMap<(String, AssetId), i128>);

impl Coins {
    fn of(&self, address: &str, asset: &AssetId) -> i128 {
        self.0.get(&(address.to_owned(), asset.clone())).copied().unwrap_or_default()
    }

    fn add(&mut self, address: &str, asset: &AssetId, units: i128) {
        let sum = self.0.entry((address.to_owned(), asset.clone())).or_default();
        *sum = sum.checked_add(units).expect("a chain does not hold more than i128::MAX units");
    }

    /// Moves what a transaction moves: forth with `direction` 1, back with -1.
    fn apply(
        &mut self,
        from: &str,
        fee_asset: &AssetId,
        payload: &Payload,
        included: &Included,
        direction: i128,
    ) {
        self.add(from, fee_asset, -direction * included.fee.signed());
        for (place, payment) in (0_u32..).zip(&payload.payments) {
            if included.reverted || included.unpaid.contains(&place) {
                continue;
            }
            let units = direction * payment.amount.signed();
            self.add(from, &payment.asset, -units);
            self.add(&payment.address, &payment.asset, units);
        }
    }
}

impl SimChain {
    /// Begins a chain without blocks, on which nobody has anything.
    pub fn new(options: ChainOptions) -> Self {
        Self::resume(options, [])
    }

    /// Begins a chain on which these addresses hold these coins.
    ///
    /// This is how a sandbox starts again whose ledger remembers more than its chain: give each
    /// lane what the ledger says it holds. A transaction that was signed on the chain before and
    /// is not in the ledger yet is taken here like any other, whatever number it has.
    pub fn resume(
        options: ChainOptions,
        balances: impl IntoIterator<Item = (String, AssetId, Amount)>,
    ) -> Self {
        let state = State {
            fee_level: options.fee_level,
            options,
            wallets: BTreeMap::new(),
            coins_at_tip: Coins::default(),
            coins_at_finality: Coins::default(),
            known: BTreeMap::new(),
            arrivals: vec![],
            mempool: vec![],
            limbo: vec![],
            blocks: vec![],
            users: BTreeMap::new(),
            history: History::default(),
            reverting: BTreeSet::new(),
            skipped: BTreeSet::new(),
            refused: BTreeSet::new(),
        };
        let chain = Self(Arc::new(Mutex::new(state)));
        for (address, asset, amount) in balances {
            chain.fund(&address, &asset, amount);
        }
        chain
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // --- What its owner does -------------------------------------------------------------------

    /// Gives an address coins, final at once.
    pub fn fund(&self, address: &str, asset: &AssetId, amount: Amount) {
        let state = &mut *self.state();
        state.coins_at_tip.add(address, asset, amount.signed());
        state.coins_at_finality.add(address, asset, amount.signed());
    }

    /// Learns whose coins the transactions of a lane spend. Until then they wait.
    pub fn open_wallet(&self, lane: &Lane) {
        self.state().wallets.insert(lane.id.clone(), lane.address.clone());
    }

    /// Makes a block of all that waits and can be included.
    pub fn mine(&self) {
        self.state().mine();
    }

    /// Undoes the newest blocks, at most `depth` and never a final one; their transactions wait
    /// again. Returns how many blocks were undone.
    pub fn reorg(&self, depth: usize) -> usize {
        let state = &mut *self.state();
        let undone = depth.min(state.blocks.len());
        for _ in 0..undone {
            state.undo_block();
        }
        undone
    }

    /// Forgets all that waits. It is in limbo then, and may come back.
    pub fn forget_mempool(&self) {
        let state = &mut *self.state();
        let forgotten = mem::take(&mut state.mempool);
        state.limbo.extend(forgotten);
    }

    /// How many transactions wait, and how many are in blocks that may be undone.
    pub fn unsettled(&self) -> (usize, usize) {
        let state = self.state();
        (state.mempool.len(), state.blocks.iter().map(Vec::len).sum())
    }

    /// The forgotten transactions that may come back, oldest first.
    pub fn limbo(&self) -> Vec<TxId> {
        self.state().limbo.clone()
    }

    /// Somebody remembers a transaction that is in limbo: it waits again, in place of all that use
    /// the same of its lane. Returns whether it does.
    pub fn recall(&self, txid: &TxId) -> bool {
        self.state().recall(txid)
    }

    /// Nobody remembers what is in limbo.
    pub fn empty_limbo(&self) {
        self.state().limbo.clear();
    }

    /// Sets what a transaction costs from here on. One whose maximum is less must wait.
    pub fn set_fee_level(&self, fee_level: Amount) {
        self.state().fee_level = fee_level;
    }

    /// What a transaction costs now.
    pub fn fee_level(&self) -> Amount {
        self.state().fee_level
    }

    /// From here on, a transaction that pays this address is included and undone.
    pub fn revert_payments_to(&self, address: &str) {
        self.state().reverting.insert(address.to_owned());
    }

    /// From here on, a transaction that pays this address and others leaves it out; one that pays
    /// nobody else is included and undone.
    pub fn skip_payments_to(&self, address: &str) {
        self.state().skipped.insert(address.to_owned());
    }

    /// From here on, it is known beforehand that this address cannot be paid.
    pub fn refuse_payments_to(&self, address: &str) {
        self.state().refused.insert(address.to_owned());
    }

    /// Whether it is known that this address cannot be paid.
    pub fn refuses(&self, address: &str) -> bool {
        self.state().refused.contains(address)
    }

    /// Somebody else who has the lane's key makes a transaction. Returns what the chain calls it,
    /// and whether it waits to be included; if not, it is in limbo. `None` if it is unreadable.
    pub fn spend_outside(&self, payload: &Payload) -> Option<(TxId, bool)> {
        let text = payload.to_text()?;
        let raw = payload::signed(text.as_bytes(), &Signature(b"outside".to_vec()));
        let txid = payload::txid(&raw);
        let state = &mut *self.state();
        if state.learn(&txid, payload) {
            state.limbo.push(txid.clone());
        }
        let waits = state.recall(&txid);
        Some((txid, waits))
    }

    /// Copies the chain as it is: what a node that falls behind goes on seeing.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self(Arc::new(Mutex::new(self.state().clone())))
    }

    /// Hears of the transactions that another node was handed: those not known here are in limbo.
    pub fn hear(&self, other: &Self) {
        let theirs = other.state().known.clone();
        let state = &mut *self.state();
        for (txid, payload) in theirs {
            if state.learn(&txid, &payload) {
                state.limbo.push(txid);
            }
        }
    }

    // --- What a node does ----------------------------------------------------------------------

    /// Takes a signed transaction, or says why not. Taking it twice is the same as once.
    pub fn submit(&self, raw: &[u8]) -> Handover {
        self.state().submit(raw)
    }

    /// How the chain stands to a transaction of a lane.
    pub fn standing(&self, lane: &LaneId, uses: Option<&Uses>, txid: &TxId) -> Standing {
        let state = self.state();
        if let Some(found) = state.history.find(txid) {
            let (fee, reverted, unpaid) = (found.fee, found.reverted, found.unpaid.clone());
            return Standing::Final { fee, reverted, unpaid };
        }
        let user = uses.and_then(|it| state.history.user_of(lane, it.numbers()));
        if let Some(other) = user {
            return Standing::Excluded(other.clone());
        }
        if state.blocks.iter().flatten().any(|it| it.txid == *txid) {
            return Standing::InBlock;
        }
        if state.mempool.contains(txid) { Standing::Waiting } else { Standing::Unknown }
    }

    /// Whether wallets are made of coins.
    pub fn is_of_coins(&self) -> bool {
        self.state().options.of_coins
    }

    /// The lane's first number from `sequence` on that no transaction uses that the chain knows.
    pub fn free_sequence(&self, lane: &LaneId, sequence: u64) -> u64 {
        let free = self.free_numbers(lane, sequence, 1, &BTreeSet::new());
        free.first().copied().unwrap_or(u64::MAX)
    }

    /// The lane's first coins that no transaction uses that the chain knows, without some of them.
    pub fn free_coins(&self, lane: &LaneId, count: usize, without: &BTreeSet<u64>) -> Vec<u64> {
        self.free_numbers(lane, 0, count, without)
    }

    fn free_numbers(
        &self,
        lane: &LaneId,
        from: u64,
        count: usize,
        without: &BTreeSet<u64>,
    ) -> Vec<u64> {
        let state = self.state();
        let used = |number: &u64| {
            without.contains(number)
                || state.users.contains_key(&(lane.clone(), *number))
                || state.waiting_with(lane, &[*number]).next().is_some()
        };
        (from..=u64::MAX).filter(|it| !used(it)).take(count).collect()
    }

    /// What a lane can still spend of an asset: what it has at the tip less what waits, apart
    /// from transactions that wait and use one of the numbers `except`.
    pub fn spendable(&self, lane: &Lane, asset: &AssetId, except: &[u64]) -> i128 {
        let state = self.state();
        let mut units = state.coins_at_tip.of(&lane.address, asset);
        for payload in state.mempool.iter().filter_map(|it| state.known.get(it)) {
            let excepted = payload.uses.numbers().iter().any(|it| except.contains(it));
            if payload.lane == lane.id && !excepted {
                units -= state.needs(payload, payload.fee_max, asset);
            }
        }
        units
    }

    /// What an address holds of an asset, as far as it is final. Below zero is shown as zero.
    pub fn holding(&self, address: &str, asset: &AssetId) -> Amount {
        let units = self.state().coins_at_finality.of(address, asset);
        u128::try_from(units).ok().and_then(Amount::from_units).unwrap_or_default()
    }

    // --- What an auditor asks ------------------------------------------------------------------

    /// The final transactions, in order, without the first `count`.
    pub fn final_transactions(&self, count: usize) -> Vec<FinalTransaction> {
        self.state().history.since(count).to_vec()
    }

    /// Every payment that is final, in order.
    pub fn payments(&self) -> Vec<PaymentMade> {
        let state = self.state();
        let made = state.history.since(0).iter().flat_map(|transaction| {
            transaction.made().map(|(_, payment)| PaymentMade {
                address: payment.address.clone(),
                memo: payment.memo.clone(),
                asset: payment.asset.clone(),
                amount: payment.amount,
                txid: transaction.txid.clone(),
            })
        });
        made.collect()
    }

    /// The transactions that the chain was handed, in order, without the first `count`.
    pub fn arrivals(&self, count: usize) -> Vec<TxId> {
        self.state().arrivals.get(count..).unwrap_or_default().to_vec()
    }
}

impl State {
    fn submit(&mut self, raw: &[u8]) -> Handover {
        let Some(payload) = payload::read_signed(raw) else {
            return Handover::Refused("this is no transaction".to_owned());
        };
        let txid = payload::txid(raw);
        self.learn(&txid, &payload);
        match self.user(&payload) {
            Some(user) if *user == txid => return Handover::Accepted,
            Some(user) => {
                return Handover::Refused(format!("{:?} is used by {user}", payload.uses));
            }
            None => {}
        }
        if payload.fee_max < self.fee_level {
            return Handover::Underpriced;
        }
        let others = self.waiting_with(&payload.lane, payload.uses.numbers());
        let others: Vec<TxId> = others.cloned().collect();
        if others.contains(&txid) {
            return Handover::Accepted;
        }
        let offers = |it: &TxId| self.known.get(it).is_some_and(|it| it.fee_max >= payload.fee_max);
        if others.iter().any(offers) {
            return Handover::Underpriced;
        }
        for other in &others {
            self.displace(other);
        }
        self.limbo.retain(|it| *it != txid);
        self.mempool.push(txid);
        Handover::Accepted
    }

    /// Keeps a transaction; whether it was new.
    fn learn(&mut self, txid: &TxId, payload: &Payload) -> bool {
        let new = self.known.insert(txid.clone(), payload.clone()).is_none();
        if new {
            self.arrivals.push(txid.clone());
        }
        new
    }

    fn recall(&mut self, txid: &TxId) -> bool {
        let Some(place) = self.limbo.iter().position(|it| it == txid) else { return false };
        let Some(payload) = self.known.get(txid).cloned() else { return false };
        if self.user(&payload).is_some() {
            return false;
        }
        self.limbo.remove(place);
        let others = self.waiting_with(&payload.lane, payload.uses.numbers());
        let others: Vec<TxId> = others.cloned().collect();
        for other in &others {
            self.displace(other);
        }
        self.mempool.push(txid.clone());
        true
    }

    fn displace(&mut self, txid: &TxId) {
        self.mempool.retain(|it| it != txid);
        self.limbo.push(txid.clone());
    }

    fn mine(&mut self) {
        self.blocks.push(vec![]);
        for txid in mem::take(&mut self.mempool) {
            match self.include(&txid) {
                Inclusion::Done => {}
                Inclusion::Waits => self.mempool.push(txid),
                Inclusion::Excluded => self.limbo.push(txid),
            }
        }
        while self.blocks.len() > self.options.finality_depth {
            for included in self.blocks.remove(0) {
                let Some((from, payload)) = self.spender(&included.txid) else { continue };
                let fee_asset = &self.options.fee_asset;
                self.coins_at_finality.apply(&from, fee_asset, &payload, &included, 1);
                self.history.push(payload, &included);
            }
        }
    }

    fn include(&mut self, txid: &TxId) -> Inclusion {
        let Some((from, payload)) = self.spender(txid) else { return Inclusion::Waits };
        if self.user(&payload).is_some() {
            return Inclusion::Excluded;
        }
        let fee = self.fee_level;
        let assets = payload.payments.iter().map(|it| &it.asset).chain([&self.options.fee_asset]);
        let covered = |asset: &AssetId| {
            self.coins_at_tip.of(&from, asset) >= self.needs(&payload, fee, asset)
        };
        if payload.fee_max < fee || !assets.into_iter().all(covered) {
            return Inclusion::Waits;
        }
        let skipped = |it: &&(u32, &PayloadPayment)| self.skipped.contains(&it.1.address);
        let places = (0_u32..).zip(&payload.payments);
        let unpaid: Vec<u32> = places.filter(|it| skipped(&it)).map(|it| it.0).collect();
        let reverted = payload.payments.iter().any(|it| self.reverting.contains(&it.address))
            || (unpaid.len() == payload.payments.len() && !unpaid.is_empty());
        let included = Included { txid: txid.clone(), fee, reverted, unpaid };
        self.coins_at_tip.apply(&from, &self.options.fee_asset, &payload, &included, 1);
        for number in payload.uses.numbers() {
            self.users.insert((payload.lane.clone(), *number), txid.clone());
        }
        self.blocks.last_mut().expect("mining begins with a new block").push(included);
        Inclusion::Done
    }

    fn undo_block(&mut self) {
        let Some(block) = self.blocks.pop() else { return };
        let mut orphans = vec![];
        for included in block {
            let Some((from, payload)) = self.spender(&included.txid) else { continue };
            self.coins_at_tip.apply(&from, &self.options.fee_asset, &payload, &included, -1);
            for number in payload.uses.numbers() {
                self.users.remove(&(payload.lane.clone(), *number));
            }
            if self.waiting_with(&payload.lane, payload.uses.numbers()).next().is_some() {
                self.limbo.push(included.txid);
            } else {
                orphans.push(included.txid);
            }
        }
        self.mempool.splice(0..0, orphans);
    }

    /// What a transaction takes of `asset` from its wallet if it is charged `fee`.
    fn needs(&self, payload: &Payload, fee: Amount, asset: &AssetId) -> i128 {
        let paid = payload.payments.iter().filter(|it| it.asset == *asset);
        let paid: i128 = paid.map(|it| it.amount.signed()).fold(0, i128::saturating_add);
        let charged = if *asset == self.options.fee_asset { fee.signed() } else { 0 };
        paid.saturating_add(charged)
    }

    fn spender(&self, txid: &TxId) -> Option<(String, Payload)> {
        let payload = self.known.get(txid)?;
        Some((self.wallets.get(&payload.lane)?.clone(), payload.clone()))
    }

    /// A transaction of a block that uses what the payload uses.
    fn user(&self, payload: &Payload) -> Option<&TxId> {
        let used = |it: &u64| self.users.get(&(payload.lane.clone(), *it));
        payload.uses.numbers().iter().find_map(used)
    }

    /// The transactions that wait and use one of these numbers.
    fn waiting_with<'a>(
        &'a self,
        lane: &'a LaneId,
        numbers: &'a [u64],
    ) -> impl Iterator<Item = &'a TxId> {
        let uses = |it: &Payload| {
            it.lane == *lane && it.uses.numbers().iter().any(|it| numbers.contains(it))
        };
        self.mempool.iter().filter(move |it| self.known.get(*it).is_some_and(uses))
    }
}

enum Inclusion {
    Done,
    Waits,
    Excluded,
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
