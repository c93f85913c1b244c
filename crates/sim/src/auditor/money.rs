//! Where every unit went.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    batch::Batch,
    ids::{AssetId, BatchId, LaneId, PayoutId},
    ledger::{Cause, LedgerAccount, Posting},
    payout::{Payout, PayoutState},
};

use super::{Violation, must};

/// What was posted because of one payout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    reserved: i128,
    released: i128,
    sent: BTreeMap<LaneId, i128>,
    service_fee: i128,
    network_fee: i128,
    assets: BTreeSet<AssetId>,
}

/// Balances and what led to them, added up independently of any store.
#[derive(Debug, Default)]
pub(super) struct Books {
    balances: BTreeMap<(LedgerAccount, AssetId), i128>,
    payouts: BTreeMap<PayoutId, Tally>,
    /// What networks were booked to have charged for a batch, and what they did charge.
    charged: BTreeMap<BatchId, (i128, Option<i128>)>,
}

impl Books {
    /// Adds up postings; says which payouts they were about.
    pub(super) fn post(&mut self, postings: Vec<Posting>) -> Result<Vec<PayoutId>, Violation> {
        let mut touched = vec![];
        for posting in &postings {
            must!(!posting.amount.is_zero(), "an empty posting: {posting:?}");
            let units = posting.amount.signed();
            for (account, change) in [(&posting.debit, -units), (&posting.credit, units)] {
                let line = (account.clone(), posting.asset.clone());
                *self.balances.entry(line).or_default() += change;
            }
            match &posting.cause {
                Cause::Payout(id) => {
                    self.tally(*id, posting)?;
                    touched.push(*id);
                }
                Cause::Batch(id) => {
                    let fee = posting.debit == LedgerAccount::NetworkFee;
                    must!(fee, "a batch moved money: {posting:?}");
                    self.charged.entry(*id).or_default().0 += units;
                }
                Cause::Manual(_) => {}
            }
        }
        for posting in postings {
            let line = (posting.debit, posting.asset);
            let left = self.balances.get(&line).copied().unwrap_or_default();
            must!(
                !line.0.must_not_be_negative() || left >= 0,
                "{} of {} is {left}",
                line.0,
                line.1
            );
        }
        Ok(touched)
    }

    fn tally(&mut self, id: PayoutId, posting: &Posting) -> Result<(), Violation> {
        let tally = self.payouts.entry(id).or_default();
        tally.assets.insert(posting.asset.clone());
        let units = posting.amount.signed();
        match (&posting.debit, &posting.credit) {
            (LedgerAccount::Available(from), LedgerAccount::Reserved(to)) if from == to => {
                tally.reserved += units;
            }
            (LedgerAccount::Reserved(from), LedgerAccount::Available(to)) if from == to => {
                tally.released += units;
            }
            (LedgerAccount::Reserved(_), LedgerAccount::HotWallet(lane)) => {
                *tally.sent.entry(lane.clone()).or_default() += units;
            }
            (LedgerAccount::Reserved(_), LedgerAccount::ServiceFee) => tally.service_fee += units,
            (LedgerAccount::Reserved(_), LedgerAccount::NetworkFeeCharged) => {
                tally.network_fee += units;
            }
            _ => return Err(format!("{id} moved money: {posting:?}")),
        }
        Ok(())
    }

    /// What was posted because of a payout must be what its state says, to the last unit.
    pub(super) fn check(&self, payout: &Payout, lane: Option<&LaneId>) -> Result<(), Violation> {
        let quote = &payout.quote;
        let price = quote.price().signed();
        let mut expected = Tally { reserved: price, ..Tally::default() };
        expected.assets.insert(payout.asset.clone());
        match &payout.state {
            PayoutState::Queued | PayoutState::Sending { .. } => {}
            PayoutState::Paid { .. } => {
                expected.sent.extend(lane.map(|it| (it.clone(), quote.amount.signed())));
                expected.service_fee = quote.service_fee.signed();
                expected.network_fee = quote.network_fee.signed();
            }
            PayoutState::Failed { .. } | PayoutState::Cancelled => expected.released = price,
        }
        let found = self.payouts.get(&payout.id);
        must!(
            found == Some(&expected),
            "{} is {:?}; posted: {found:?}, right: {expected:?}",
            payout.id,
            payout.state
        );
        Ok(())
    }

    /// A batch has ended, and this is what its network charged in all.
    pub(super) fn expect_charge(&mut self, batch: &Batch, units: i128) {
        self.charged.entry(batch.id).or_default().1 = Some(units);
    }

    pub(super) fn balance(&self, account: &LedgerAccount, asset: &AssetId) -> i128 {
        self.balances.get(&(account.clone(), asset.clone())).copied().unwrap_or_default()
    }

    /// All is quiet: nothing is reserved, and what networks charged is booked.
    pub(super) fn close(&self) -> Result<(), Violation> {
        let mut sums: BTreeMap<&AssetId, i128> = BTreeMap::new();
        for ((account, asset), units) in &self.balances {
            *sums.entry(asset).or_default() += units;
            let reserved = matches!(account, LedgerAccount::Reserved(_));
            must!(!reserved || *units == 0, "{units} of {asset} stay reserved");
        }
        for (asset, sum) in sums {
            must!(sum == 0, "{asset} does not add up: {sum}");
        }
        for (id, (booked, charged)) in &self.charged {
            must!(Some(*booked) == *charged, "{id}: {booked} booked, {charged:?} charged");
        }
        Ok(())
    }
}
