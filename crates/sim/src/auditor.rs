//! Looks on, with a model of its own, and says what must never be.
//!
//! It sees what was committed, what the chains hold and what receivers heard; nothing that the
//! engine or the store say about themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use domain::{
    Timestamp,
    batch::{Attempt, AttemptStatus, Batch},
    chore::{Chore, TopUp},
    command::{Command, CreatePayout},
    delivery::{Delivery, DeliveryState},
    ids::{AssetId, BatchId, DeliveryId, LaneId, NetworkId, PayoutId, TxId},
    lane::Lane,
    payout::{Payout, PayoutState},
    ports::ChangeSet,
};
use rail_sim::{FinalTransaction, PayloadPayment, SimChain, Uses};

use crate::{
    market::Market,
    ports::{Heard, SCHEDULE_MS},
};

mod money;
pub(crate) mod prices;
mod records;
mod timeline;

pub(crate) use money::Balances;
use money::Books;
use timeline::Timeline;

/// What must never be, in words.
pub type Violation = String;

/// A model of everything that was committed and of everything that the chains hold.
#[derive(Debug, Default)]
pub struct Auditor {
    requests: BTreeMap<PayoutId, Request>,
    payouts: BTreeMap<PayoutId, Payout>,
    batches: BTreeMap<BatchId, Batch>,
    lanes: BTreeMap<LaneId, Lane>,
    deliveries: BTreeMap<DeliveryId, Delivery>,
    merchant_versions: BTreeMap<domain::ids::MerchantId, u64>,
    names: BTreeMap<domain::ports::Claim, Option<PayoutId>>,
    timelines: BTreeMap<PayoutId, Timeline>,
    books: Books,
    /// Which batch a transaction was signed for.
    signed_for: BTreeMap<TxId, BatchId>,
    /// Which batch a lane's number was used for.
    numbers: BTreeMap<(LaneId, u64), BatchId>,
    outside: BTreeSet<TxId>,
    finals: BTreeMap<TxId, FinalTransaction>,
    final_numbers: BTreeMap<(LaneId, u64), TxId>,
    paid_by: BTreeMap<PayoutId, TxId>,
    seen: BTreeMap<NetworkId, (usize, usize)>,
}

/// What was asked, what was known then, and when it was.
#[derive(Debug)]
struct Request {
    create: CreatePayout,
    market: Arc<Market>,
    at: Timestamp,
}

/// Fails with a message unless something holds.
macro_rules! must {
    ($condition:expr, $($message:tt)*) => {
        if !$condition {
            return Err(format!($($message)*));
        }
    };
}
pub(crate) use must;

impl Auditor {
    /// Learns what is asked, before anybody decides about it.
    pub(crate) fn expect_payouts(
        &mut self,
        commands: &[Command],
        market: &Arc<Market>,
        at: Timestamp,
    ) {
        for command in commands {
            let Command::Create(create) = command else { continue };
            let request = Request { create: (**create).clone(), market: market.clone(), at };
            self.requests.insert(create.id, request);
        }
    }

    /// Learns that a transaction is somebody else's who has the lane's key.
    pub fn expect_outside(&mut self, txid: TxId) {
        self.outside.insert(txid);
    }

    /// What others spent of a lane's coins, by transactions that are final.
    pub fn spent_outside(&self, lane: &LaneId) -> i128 {
        let theirs = self.outside.iter().filter_map(|it| self.finals.get(it));
        theirs.filter(|it| it.payload.lane == *lane).map(|it| it.fee.signed()).sum()
    }

    /// Takes in what was committed and what the chains did since the last time.
    ///
    /// # Errors
    /// Says what must never be.
    pub fn look(
        &mut self,
        journal: Vec<ChangeSet>,
        chains: &[(NetworkId, SimChain)],
        heard: &BTreeMap<DeliveryId, Heard>,
    ) -> Result<(), Violation> {
        for change in journal {
            self.committed(change, heard)?;
        }
        for (network, chain) in chains {
            self.chain(network, chain)?;
        }
        Ok(())
    }

    fn chain(&mut self, network: &NetworkId, chain: &SimChain) -> Result<(), Violation> {
        let (arrived, finished) = self.seen.get(network).copied().unwrap_or_default();
        let arrivals = chain.arrivals(arrived);
        let finals = chain.final_transactions(finished);
        self.seen.insert(network.clone(), (arrived + arrivals.len(), finished + finals.len()));
        for txid in arrivals {
            must!(
                self.outside.contains(&txid) || self.signed_for.contains_key(&txid),
                "{txid} was handed to the network and never stored"
            );
            let batch = self.signed_for.get(&txid).and_then(|it| self.batches.get(it));
            for id in batch.iter().flat_map(|it| &it.payouts) {
                let payout = self.payouts.get(id).ok_or_else(|| format!("there is no {id}"))?;
                must!(records::is_approved(payout), "{id} was sent, and nobody approved it");
            }
        }
        finals.into_iter().try_for_each(|it| self.became_final(it))
    }

    fn became_final(&mut self, transaction: FinalTransaction) -> Result<(), Violation> {
        let txid = transaction.txid.clone();
        for number in transaction.payload.uses.numbers() {
            let number = (transaction.payload.lane.clone(), *number);
            let before = self.final_numbers.insert(number, txid.clone());
            must!(before.is_none(), "the network included {txid} beside {before:?}");
        }
        if !self.outside.contains(&txid) {
            let batch = self.signed_for.get(&txid).and_then(|it| self.batches.get(it));
            let batch = batch.ok_or_else(|| format!("{txid} belongs to no batch"))?;
            let brought = batch.chore.as_ref().and_then(Chore::top_up).map(brought);
            let owed: Option<Vec<PayloadPayment>> = batch
                .payouts
                .iter()
                .map(|it| self.payouts.get(it).map(owed))
                .chain(brought.map(Some))
                .collect();
            must!(
                owed.as_ref() == Some(&transaction.payload.payments),
                "{txid} pays {:?}, but {owed:?} is owed",
                transaction.payload.payments
            );
            let made: BTreeSet<u32> = transaction.made().map(|it| it.0).collect();
            let paid = (0_u32..).zip(&batch.payouts).filter(|it| made.contains(&it.0));
            for (_, id) in paid {
                let before = self.paid_by.insert(*id, txid.clone());
                must!(before.is_none(), "{id} is paid twice, by {before:?} and {txid}");
                let state = self.payouts.get(id).map(|it| &it.state);
                must!(
                    matches!(state, Some(PayoutState::Sending { .. })),
                    "{id} was paid by {txid} while it was {state:?}"
                );
            }
        }
        self.finals.insert(txid, transaction);
        Ok(())
    }

    fn committed(
        &mut self,
        change: ChangeSet,
        heard: &BTreeMap<DeliveryId, Heard>,
    ) -> Result<(), Violation> {
        self.check_versions(&change)?;
        for (claim, payout) in change.claims {
            let text = claim.text.clone();
            must!(self.names.insert(claim, payout).is_none(), "the name {text} was used twice");
        }
        self.lanes.extend(change.lanes.into_iter().map(|it| (it.id.clone(), it)));
        for batch in change.batches {
            self.check_batch(&batch)?;
            self.batches.insert(batch.id, batch);
        }
        let mut touched: BTreeSet<PayoutId> = change.payouts.iter().map(|it| it.id).collect();
        touched.extend(change.events.iter().map(|it| it.payout));
        touched.extend(self.books.post(change.postings)?);
        for payout in change.payouts {
            let made = change.deliveries.iter().filter(|it| it.id.payout == payout.id);
            self.check_payout(&payout, &made.collect::<Vec<_>>())?;
            self.payouts.insert(payout.id, payout);
        }
        for event in change.events {
            self.check_expiry(&event)?;
            self.timelines.entry(event.payout).or_default().add(&event)?;
        }
        for delivery in change.deliveries {
            check_delivery(&delivery, heard)?;
            self.deliveries.insert(delivery.id, delivery);
        }
        for id in touched {
            let payout = self.payouts.get(&id).ok_or_else(|| format!("there is no {id}"))?;
            self.books.check(payout, self.lane_of(payout))?;
            let timeline = self.timelines.get(&id).ok_or_else(|| format!("{id}: no events"))?;
            timeline.check(payout)?;
        }
        Ok(())
    }

    fn lane_of(&self, payout: &Payout) -> Option<&LaneId> {
        let batch = self.signed_for.get(payout.state.txid()?)?;
        self.batches.get(batch).map(|it| &it.lane)
    }

    /// An attempt's status must be what its chain says, or older.
    fn check_status(&self, batch: &Batch, attempt: &Attempt) -> Result<(), Violation> {
        let txid = &attempt.tx.txid;
        let on_chain = self.finals.get(txid);
        let uses = Uses::of(attempt.sequence, &attempt.spends);
        let numbers = uses.as_ref().map_or(&[][..], Uses::numbers);
        let user = numbers.iter().find_map(|it| {
            let user = self.final_numbers.get(&(batch.lane.clone(), *it));
            user.filter(|it| *it != txid)
        });
        match attempt.status {
            AttemptStatus::Signed | AttemptStatus::Broadcast | AttemptStatus::InBlock => {}
            AttemptStatus::Final | AttemptStatus::Reverted => {
                let reverted = attempt.status == AttemptStatus::Reverted;
                let agrees = on_chain.is_some_and(|it| {
                    let unpaid: &[u32] = if reverted { &[] } else { &it.unpaid };
                    it.reverted == reverted
                        && Some(it.fee) == attempt.fee
                        && unpaid == attempt.unpaid
                });
                must!(agrees, "{txid} is {:?} here, {on_chain:?} there", attempt.status);
            }
            AttemptStatus::Dead => {
                must!(user.is_some(), "{txid} was given up for dead without a proof");
            }
        }
        Ok(())
    }

    /// Looks once more when all is quiet.
    ///
    /// # Errors
    /// Says what must never be.
    pub fn close(&self) -> Result<(), Violation> {
        for (id, payout) in &self.payouts {
            let status = payout.state.status();
            must!(status.is_final(), "{id} has not ended: {:?}", payout.state);
            let wanted = payout.webhook.as_ref().is_some_and(|it| it.on.contains(&status));
            let told = |it: &&Delivery| it.id.payout == *id && it.status == status;
            let deliveries = self.deliveries.values().filter(told).count();
            must!(
                deliveries == usize::from(wanted),
                "{id} is {status:?}, and has {deliveries} webhooks about it"
            );
        }
        for (id, batch) in &self.batches {
            must!(batch.closed, "{id} has not ended");
        }
        for (id, delivery) in &self.deliveries {
            must!(delivery.state != DeliveryState::Due, "{id} has not ended");
        }
        self.books.close()
    }

    /// What the model says that everybody holds.
    pub(crate) fn balances(&self) -> &Balances {
        self.books.balances()
    }

    /// What the model says the ledger holds.
    pub fn balance(&self, account: &domain::ledger::LedgerAccount, asset: &AssetId) -> i128 {
        self.books.balance(account, asset)
    }

    /// How the payouts ended, by status.
    pub fn ends(&self) -> BTreeMap<&'static str, u64> {
        let mut ends = BTreeMap::new();
        for payout in self.payouts.values() {
            *ends.entry(payout.state.status().word()).or_default() += 1;
        }
        ends
    }
}

fn owed(payout: &Payout) -> PayloadPayment {
    PayloadPayment {
        asset: payout.asset.clone(),
        amount: payout.quote.amount,
        address: payout.destination.address.clone(),
        memo: payout.destination.memo.clone(),
    }
}

fn brought(top_up: &TopUp) -> PayloadPayment {
    PayloadPayment {
        asset: top_up.asset.clone(),
        amount: top_up.amount,
        address: top_up.destination.address.clone(),
        memo: top_up.destination.memo.clone(),
    }
}

fn check_delivery(
    delivery: &Delivery,
    heard: &BTreeMap<DeliveryId, Heard>,
) -> Result<(), Violation> {
    match delivery.state {
        DeliveryState::Due => {}
        DeliveryState::Delivered => {
            let expected = Heard { payout: delivery.id.payout, status: delivery.status };
            must!(
                heard.get(&delivery.id) == Some(&expected),
                "{} says delivered, and nobody heard it",
                delivery.id
            );
        }
        DeliveryState::GivenUp => {
            must!(
                usize::from(delivery.tries) == SCHEDULE_MS.len() + 1,
                "{} was given up after {} tries",
                delivery.id,
                delivery.tries
            );
        }
    }
    Ok(())
}
