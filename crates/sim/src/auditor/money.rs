//! Where every unit went.

use std::collections::BTreeMap;

use domain::{
    Timestamp,
    batch::Batch,
    ids::{AssetId, BatchId, LaneId, PayoutId},
    ledger::{Cause, LedgerAccount, Posting},
    payout::{Payout, PayoutState},
    station::DAY_MS,
};

use super::{Violation, must};
use crate::scene;

/// What was posted because of one payout: from which account to which, of what, how much.
type Flows = BTreeMap<(LedgerAccount, LedgerAccount, AssetId), i128>;

/// What is on every line of the ledger.
pub(crate) type Balances = BTreeMap<(LedgerAccount, AssetId), i128>;

/// Balances and what led to them, added up independently of any store.
#[derive(Debug, Default)]
pub(super) struct Books {
    balances: Balances,
    payouts: BTreeMap<PayoutId, Flows>,
    /// What networks were booked to have charged for a batch, and what they did charge.
    charged: BTreeMap<BatchId, (i128, Option<i128>)>,
    /// What batches were booked to have brought from lane to lane, when, and what they did bring.
    brought: BTreeMap<BatchId, (i128, Timestamp, Option<i128>)>,
}

impl Books {
    /// Adds up postings; says which payouts they were about.
    pub(super) fn post(&mut self, postings: Vec<Posting>) -> Result<Vec<PayoutId>, Violation> {
        let mut touched = vec![];
        for posting in &postings {
            must!(!posting.amount.is_zero(), "an empty posting: {posting:?}");
            check_personal(posting)?;
            let units = posting.amount.signed();
            for (account, change) in [(&posting.debit, -units), (&posting.credit, units)] {
                let line = (account.clone(), posting.asset.clone());
                *self.balances.entry(line).or_default() += change;
            }
            match &posting.cause {
                Cause::Payout(id) => {
                    let flows = self.payouts.entry(*id).or_default();
                    add(flows, &posting.debit, &posting.credit, &posting.asset, units);
                    touched.push(*id);
                }
                Cause::Batch(id) => match (&posting.debit, &posting.credit) {
                    (LedgerAccount::HotWallet(_), LedgerAccount::HotWallet(_)) => {
                        let brought = self.brought.entry(*id).or_default();
                        brought.0 += units;
                        brought.1 = posting.at;
                    }
                    (debit, _) => {
                        let fee = *debit == LedgerAccount::NetworkFee;
                        must!(fee, "a batch moved money: {posting:?}");
                        self.charged.entry(*id).or_default().0 += units;
                    }
                },
                Cause::Carriage(id, payout) => {
                    let fee = posting.debit == LedgerAccount::NetworkFee;
                    must!(fee, "a batch moved money: {posting:?}");
                    self.charged.entry(*id).or_default().0 += units;
                    touched.push(*payout);
                }
                Cause::Merchant(id) => {
                    let (available, personal) =
                        (LedgerAccount::Available(*id), LedgerAccount::Personal(*id));
                    let sides = [&posting.debit, &posting.credit];
                    let own = sides.contains(&&available) && sides.contains(&&personal);
                    must!(own, "a merchant moved somebody's money: {posting:?}");
                }
                Cause::Manual(_) => {}
            }
        }
        for posting in postings {
            let line = (posting.debit, posting.asset);
            let left = self.balances.get(&line).copied().unwrap_or_default();
            let may_owe = line.0 == LedgerAccount::Inventory;
            let floor = if may_owe { -scene::overdraft(&line.1).signed() } else { 0 };
            must!(
                !line.0.must_not_be_negative() || left >= floor,
                "{} of {} is {left}",
                line.0,
                line.1
            );
        }
        Ok(touched)
    }

    /// What was posted because of a payout must be what its state says, to the last unit.
    pub(super) fn check(&self, payout: &Payout, lane: Option<&LaneId>) -> Result<(), Violation> {
        let expected = expected(payout, lane);
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

    /// A batch has ended, and this is what it brought to another lane.
    pub(super) fn expect_brought(&mut self, batch: &Batch, units: i128) {
        self.brought.entry(batch.id).or_default().2 = Some(units);
    }

    /// What was brought is within the day's limit, and is what the chain says.
    fn check_brought(&self) -> Result<(), Violation> {
        for (id, (booked, at, brought)) in &self.brought {
            must!(Some(*booked) == *brought, "{id}: {booked} booked, {brought:?} brought");
            let of_day =
                self.brought.values().filter(|it| it.1 <= *at && at.since_ms(it.1) < DAY_MS);
            let sum: i128 = of_day.map(|it| it.0).sum();
            must!(sum <= scene::DAILY_MAX.cast_signed(), "{sum} were brought within a day");
        }
        Ok(())
    }

    pub(super) fn balances(&self) -> &Balances {
        &self.balances
    }

    pub(super) fn balance(&self, account: &LedgerAccount, asset: &AssetId) -> i128 {
        self.balances.get(&(account.clone(), asset.clone())).copied().unwrap_or_default()
    }

    /// All is quiet: nothing is reserved, and what networks charged is booked.
    pub(super) fn close(&self) -> Result<(), Violation> {
        let mut sums: BTreeMap<&AssetId, i128> = BTreeMap::new();
        for ((account, asset), units) in &self.balances {
            *sums.entry(asset).or_default() += units;
            let reserved =
                matches!(account, LedgerAccount::Reserved(_) | LedgerAccount::InventoryReserved);
            must!(!reserved || *units == 0, "{units} of {asset} stay reserved");
        }
        for (asset, sum) in sums {
            must!(sum == 0, "{asset} does not add up: {sum}");
        }
        self.check_brought()?;
        for (id, (booked, charged)) in &self.charged {
            must!(Some(*booked) == *charged, "{id}: {booked} booked, {charged:?} charged");
        }
        Ok(())
    }
}

/// What a merchant has set apart is moved by nobody else.
fn check_personal(posting: &Posting) -> Result<(), Violation> {
    for account in [&posting.debit, &posting.credit] {
        let LedgerAccount::Personal(owner) = account else { continue };
        must!(
            posting.cause == Cause::Merchant(*owner),
            "what a merchant set apart was moved: {posting:?}"
        );
    }
    Ok(())
}

fn add(
    flows: &mut Flows,
    debit: &LedgerAccount,
    credit: &LedgerAccount,
    asset: &AssetId,
    units: i128,
) {
    if units != 0 {
        *flows.entry((debit.clone(), credit.clone(), asset.clone())).or_default() += units;
    }
}

/// What must have been posted because of a payout in its state.
fn expected(payout: &Payout, lane: Option<&LaneId>) -> Flows {
    use LedgerAccount::{Inventory, InventoryReserved, NetworkFeeCharged, ServiceFee};
    let (quote, own) = (&payout.quote, &payout.asset);
    let available = LedgerAccount::Available(payout.merchant);
    let reserved = LedgerAccount::Reserved(payout.merchant);
    let mut flows = Flows::new();
    let bought: i128 = quote.conversions.iter().map(|it| it.bought.signed()).sum();
    let all = quote.amount.signed() + quote.service_fee.signed() + quote.network_fee.signed();
    add(&mut flows, &available, &reserved, own, all - bought);
    add(&mut flows, &Inventory, &InventoryReserved, own, bought);
    for it in &quote.conversions {
        let set_aside = it.cost.signed() + it.insurance.signed();
        add(&mut flows, &available, &reserved, &it.from, set_aside);
    }
    match &payout.state {
        PayoutState::AwaitingApproval | PayoutState::Queued | PayoutState::Sending { .. } => {}
        PayoutState::Paid { .. } => {
            for it in &quote.conversions {
                add(&mut flows, &reserved, &Inventory, &it.from, it.cost.signed());
                add(&mut flows, &reserved, &available, &it.from, it.insurance.signed());
            }
            add(&mut flows, &InventoryReserved, &reserved, own, bought);
            if let Some(lane) = lane {
                let wallet = LedgerAccount::HotWallet(lane.clone());
                add(&mut flows, &reserved, &wallet, own, quote.amount.signed());
            }
            add(&mut flows, &reserved, &ServiceFee, own, quote.service_fee.signed());
            add(&mut flows, &reserved, &NetworkFeeCharged, own, quote.network_fee.signed());
        }
        PayoutState::Failed { .. } | PayoutState::Cancelled => {
            for ((debit, credit, asset), units) in flows.clone() {
                add(&mut flows, &credit, &debit, &asset, units);
            }
        }
    }
    flows
}
