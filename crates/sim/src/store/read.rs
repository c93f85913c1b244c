//! What can be asked, each answer as of one moment.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Timestamp,
    batch::{Attempt, Batch},
    chore::Chore,
    delivery::{Delivery, DeliveryState},
    ids::{AssetId, BatchId, DeliveryId, LaneId, MerchantId, PayoutId, TxId},
    lane::Lane,
    ledger::LedgerAccount,
    merchant::ApiKey,
    money::Amount,
    payout::{Payout, PayoutState},
    ports::{
        AcceptNeeds, AcceptView, Balance, BatchView, Claim, ClaimScope, Commitment, DeliveryView,
        DueDelivery, DuePlace, HoldReason, LaneView, PageQuery, PayoutKey, PayoutView,
    },
};

use super::Contents;

/// How many at most, as a length.
pub(super) fn count(count_max: u32) -> usize {
    usize::try_from(count_max).unwrap_or(usize::MAX)
}

pub(super) fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl Contents {
    pub(super) fn accept_view(&self, needs: &AcceptNeeds) -> AcceptView {
        let mut view = AcceptView::default();
        for id in &needs.keys {
            view.keys.extend(self.keys.get(id).map(|it| (*id, it.clone())));
        }
        for id in &needs.merchants {
            view.merchants.extend(self.merchants.get(id).map(|it| (*id, it.clone())));
        }
        for claim in &needs.claims {
            view.claims.extend(self.claims.get(claim).map(|it| (claim.clone(), *it)));
        }
        let taken = needs.public_ids.iter().filter(|it| self.public_ids.contains_key(*it));
        view.public_ids.extend(taken.cloned());
        let led_to = view.claims.values().flatten();
        for id in needs.payouts.iter().chain(&needs.leaving).chain(led_to) {
            view.payouts.extend(self.payouts.get(id).map(|it| (*id, it.clone())));
        }
        let charged =
            |it: &Payout| (LedgerAccount::Available(it.merchant), it.charged_asset().clone());
        let charged = view.payouts.values().map(charged);
        for line in needs.balances.iter().cloned().chain(charged) {
            view.balances.extend(self.balances.get(&line).map(|it| (line, *it)));
        }
        let batch = |it: &PayoutId| self.batch_view(self.payouts.get(it)?.state.unsigned_batch()?);
        for BatchView { batch, payouts, .. } in needs.leaving.iter().filter_map(batch) {
            view.batches.insert(batch.id, batch);
            view.payouts.extend(payouts.into_iter().map(|it| (it.id, it)));
        }
        view
    }

    /// What a merchant may still spend of an asset.
    pub fn available_of(&self, merchant: MerchantId, asset: &AssetId) -> Amount {
        let line = (LedgerAccount::Available(merchant), asset.clone());
        amount(self.balances.get(&line).copied().unwrap_or_default())
    }

    pub(super) fn batch_view(&self, id: BatchId) -> Option<BatchView> {
        let (batch, lane) = self.peek_batch(id)?;
        let payouts = batch.payouts.iter().map(|it| self.payouts.get(it).cloned());
        let payouts = payouts.collect::<Option<_>>()?;
        Some(BatchView { batch, payouts, lane })
    }

    pub(super) fn peek_batch(&self, id: BatchId) -> Option<(Batch, Lane)> {
        let batch = self.batches.get(&id)?.clone();
        let lane = self.lanes.get(&batch.lane)?.clone();
        Some((batch, lane))
    }

    pub(super) fn commitments(&self, lane: &LaneId, without: BatchId) -> Vec<Commitment> {
        let others = self.batches.values().filter(|it| {
            it.lane == *lane && !it.closed && it.id != without && !it.attempts.is_empty()
        });
        let mut others: Vec<&Batch> = others.collect();
        others.sort_by_key(|it| (it.due_at, it.id));
        let commitment = |it: &Batch| Commitment {
            batch: it.id,
            payments: self.takes(it).into_iter().collect(),
            fee_max: it.attempts.iter().map(|it| it.fee_max).max().unwrap_or_default(),
            spends: it.live().flat_map(|it| it.spends.clone()).collect(),
            sequence: it.attempts.iter().filter_map(|it| it.sequence).max(),
        };
        others.into_iter().map(commitment).collect()
    }

    pub(super) fn signed(&self, names: &BTreeSet<TxId>) -> Vec<Attempt> {
        let all = self.batches.values().flat_map(|it| &it.attempts);
        let mut found: Vec<Attempt> =
            all.filter(|it| names.contains(&it.tx.txid)).cloned().collect();
        found.sort_by(|one, other| one.tx.txid.cmp(&other.tx.txid));
        found
    }

    fn takes(&self, batch: &Batch) -> BTreeMap<AssetId, Amount> {
        let paid = batch.payouts.iter().filter_map(|it| self.payouts.get(it));
        let paid = paid.map(|it| (it.asset.clone(), it.quote.amount));
        let mut sums: BTreeMap<AssetId, Amount> = BTreeMap::new();
        for (asset, amount) in paid.chain(brought(batch)) {
            let sum = sums.entry(asset).or_default();
            *sum = sum.checked_add(amount).unwrap_or(Amount::MAX);
        }
        sums
    }

    pub(super) fn lane_view(&self, id: &LaneId, queued_max: u32) -> Option<LaneView> {
        let lane = self.lanes.get(id)?.clone();
        let open = || self.batches.values().filter(|it| it.lane == *id && !it.closed);
        let mut waiting: BTreeMap<(&AssetId, HoldReason), u32> = BTreeMap::new();
        for batch in open().filter(|it| it.is_waiting()) {
            let Some(reason) = batch.hold.as_ref().map(|it| it.reason) else { continue };
            let payouts = batch.payouts.iter().filter_map(|it| self.payouts.get(it));
            let assets: BTreeSet<&AssetId> = payouts.map(|it| &it.asset).collect();
            for asset in assets {
                *waiting.entry((asset, reason)).or_default() += 1;
            }
        }
        let waiting = waiting
            .into_iter()
            .filter(|((_, reason), batches)| reason.concerns_the_asset(*batches));
        let waiting: BTreeSet<&AssetId> = waiting.map(|((asset, _), _)| asset).collect();
        let waits = |it: &&Payout| {
            it.network == lane.network
                && it.state == PayoutState::Queued
                && !waiting.contains(&it.asset)
        };
        let mut queued: Vec<Payout> = self.payouts.values().filter(waits).cloned().collect();
        queued.sort_by_key(|it| (it.created_at, it.id));
        queued.truncate(count(queued_max));
        let is_included = |it: &&Batch| it.attempts.iter().any(|it| it.status.is_included());
        let going = || open().filter(|it| !it.is_waiting());
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let in_flight = number(going().filter(|it| !is_included(it)).count());
        let is_stuck = |it: &&Batch| {
            let is_above = it.hold.as_ref().is_some_and(|it| it.reason == HoldReason::FeeAboveCap);
            is_above && !is_included(it) && it.attempts.iter().all(|it| it.sequence.is_none())
        };
        let stuck = number(going().filter(is_stuck).count());
        Some(LaneView { lane, queued, in_flight, stuck, open: number(going().count()) })
    }

    pub(super) fn delivery_view(&self, id: DeliveryId) -> Option<DeliveryView> {
        let delivery = self.deliveries.get(&id)?.clone();
        let payout = self.payouts.get(&id.payout)?.clone();
        let key = payout.key.and_then(|it| self.keys.get(&it).cloned());
        Some(DeliveryView { delivery, payout, key })
    }

    /// The batches of a lane that have not ended and are due, the longest due first.
    pub fn due_batches(&self, lane: &LaneId, now: Timestamp, count_max: u32) -> Vec<BatchId> {
        let open = self.batches.values().filter(|it| it.lane == *lane && !it.closed);
        let open = open.filter(|it| it.due_at.is_due(now));
        let mut due: Vec<(Timestamp, BatchId)> = open.map(|it| (it.due_at, it.id)).collect();
        due.sort_unstable();
        due.into_iter().map(|it| it.1).take(count(count_max)).collect()
    }

    /// The deliveries that are due, the longest due first, after a place in this order.
    pub fn due_deliveries(
        &self,
        now: Timestamp,
        after: Option<DuePlace>,
        count_max: u32,
    ) -> Vec<DueDelivery> {
        let waits = |it: &&Delivery| it.state == DeliveryState::Due && it.due_at.is_due(now);
        let due = self.deliveries.values().filter(waits);
        let due = due.map(|it| DueDelivery { id: it.id, due_at: it.due_at, url: it.url.clone() });
        let mut due: Vec<DueDelivery> = due.filter(|it| Some(it.place()) > after).collect();
        due.sort_unstable_by_key(DueDelivery::place);
        due.truncate(count(count_max));
        due
    }

    pub(super) fn payout_view(&self, key: &PayoutKey) -> Option<PayoutView> {
        let id = self.payout_id(key)?;
        let payout = self.payouts.get(&id)?.clone();
        let carried = self.batches.values().filter(|it| it.payouts.contains(&id));
        let batch = carried.max_by_key(|it| (!it.closed, it.created_at, it.id)).cloned();
        let events = self.events.iter().filter(|it| it.payout == id).cloned().collect();
        let deliveries = self.deliveries.values().filter(|it| it.id.payout == id);
        let deliveries = deliveries.cloned().collect();
        let available = self.available_of(payout.merchant, payout.charged_asset());
        Some(PayoutView { payout, batch, events, deliveries, available })
    }

    fn payout_id(&self, key: &PayoutKey) -> Option<PayoutId> {
        match key {
            PayoutKey::Id(id) => Some(*id),
            PayoutKey::PublicId(text) => self.public_ids.get(text).copied(),
            PayoutKey::MerchantRef(merchant, text) => self.payout_by_ref(*merchant, text),
            PayoutKey::TxId(merchant, txid) => {
                let paid_by =
                    |it: &&Payout| it.merchant == *merchant && it.state.txid() == Some(txid);
                self.payouts.values().find(paid_by).map(|it| it.id)
            }
        }
    }

    /// The payout that has this reference of its merchant.
    pub fn payout_by_ref(&self, merchant: MerchantId, text: &str) -> Option<PayoutId> {
        let scope = ClaimScope::MerchantRef;
        let claim = Claim { scope, owner: merchant.0, text: text.to_owned() };
        self.claims.get(&claim).copied().flatten()
    }

    pub(super) fn page(&self, query: &PageQuery) -> Vec<Payout> {
        let wanted = |it: &&Payout| {
            query.merchant.is_none_or(|merchant| it.merchant == merchant)
                && query.status.is_none_or(|status| it.state.status() == status)
                && query.network.as_ref().is_none_or(|network| it.network == *network)
                && query.asset.as_ref().is_none_or(|asset| it.asset == *asset)
                && query.ticker.as_ref().is_none_or(|ticker| {
                    it.asset.as_str().split_once('@').is_some_and(|(own, _)| own == ticker)
                })
                && query.from.is_none_or(|from| from <= it.created_at)
                && query.until.is_none_or(|until| it.created_at <= until)
                && query.before.is_none_or(|before| it.id < before)
                && query.after.is_none_or(|after| after < it.id)
        };
        let found = self.payouts.values().filter(wanted).cloned();
        let (skipped, most) = (count(query.offset), count(query.count_max));
        if query.after.is_none() {
            return found.rev().skip(skipped).take(most).collect();
        }
        let mut page: Vec<Payout> = found.skip(skipped).take(most).collect();
        page.reverse();
        page
    }

    /// Payouts that wait for an approval whose time is over.
    pub fn expired_approvals(&self, now: Timestamp, count_max: u32) -> Vec<PayoutId> {
        let is_over = |it: &&Payout| {
            it.state == PayoutState::AwaitingApproval
                && it.approval.as_ref().is_some_and(|it| it.until < now)
        };
        let found = self.payouts.values().filter(is_over);
        found.map(|it| it.id).take(count(count_max)).collect()
    }

    pub(super) fn all_balances(&self) -> Vec<Balance> {
        let lines = self.balances.iter().filter(|it| *it.1 != 0);
        let balance = |((account, asset), units): (&(LedgerAccount, AssetId), &i128)| Balance {
            account: account.clone(),
            asset: asset.clone(),
            units: *units,
        };
        lines.map(balance).collect()
    }

    pub(super) fn held(&self, account: &LedgerAccount) -> Vec<(AssetId, Amount)> {
        let lines = self.balances.iter().filter(|it| it.0.0 == *account && *it.1 > 0);
        lines.map(|((_, asset), units)| (asset.clone(), amount(*units))).collect()
    }

    pub(super) fn keys_where(&self, wanted: impl Fn(&ApiKey) -> bool) -> Vec<ApiKey> {
        let mut keys: Vec<ApiKey> = self.keys.values().filter(|it| wanted(it)).cloned().collect();
        keys.sort_by_key(|it| (it.created_at, it.id));
        keys
    }

    /// The sum of all balances of each asset.
    pub fn sums(&self) -> BTreeMap<AssetId, i128> {
        let mut sums = BTreeMap::new();
        for ((_, asset), units) in &self.balances {
            *sums.entry(asset.clone()).or_default() += units;
        }
        sums
    }
}

fn amount(units: i128) -> Amount {
    u128::try_from(units).ok().and_then(Amount::from_units).unwrap_or_default()
}

/// The coins that a batch brings to another lane, if it does.
fn brought(batch: &Batch) -> Option<(AssetId, Amount)> {
    let top_up = batch.chore.as_ref().and_then(Chore::top_up)?;
    Some((top_up.asset.clone(), top_up.amount))
}
