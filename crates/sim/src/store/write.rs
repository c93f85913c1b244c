//! The one way in: all of a change set or nothing.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    ids::AssetId,
    lease::Fence,
    ledger::{LedgerAccount, Posting},
    ports::{ChangeSet, CommitError},
};

use super::Contents;

impl Contents {
    /// Writes a change set, if it fits what is stored.
    pub(super) fn commit(&mut self, change: ChangeSet) -> Result<(), CommitError> {
        if !self.fences_stand(&change)
            || !self.versions_fit(&change)
            || !self.names_are_free(&change)
        {
            return Err(CommitError::Conflict);
        }
        if !change.payouts.iter().all(|it| it.quote.adds_up()) {
            return Err(CommitError::Overdrawn);
        }
        let mut balances = self.balances.clone();
        for Posting { asset, debit, credit, amount, .. } in &change.postings {
            for (account, units) in [(debit, -amount.signed()), (credit, amount.signed())] {
                let balance: &mut i128 =
                    balances.entry((account.clone(), asset.clone())).or_default();
                *balance = balance.checked_add(units).ok_or(CommitError::Overdrawn)?;
            }
        }
        for Posting { asset, debit, .. } in &change.postings {
            let line = (debit.clone(), asset.clone());
            let left = balances.get(&line).copied().unwrap_or_default();
            let shrinks = left < self.balances.get(&line).copied().unwrap_or_default();
            if shrinks && debit.must_not_be_negative() && left < -overdraft(&change, &line) {
                return Err(CommitError::Overdrawn);
            }
        }
        self.balances = balances;
        self.write(change);
        Ok(())
    }

    fn fences_stand(&self, change: &ChangeSet) -> bool {
        let stands =
            |it: &Fence| self.leases.get(&it.name).is_some_and(|own| own.token == it.token);
        change.fences.iter().all(stands)
    }

    fn versions_fit(&self, change: &ChangeSet) -> bool {
        follow(
            &change.merchants,
            |it| (it.id, it.version),
            |id| Some(self.merchants.get(id)?.version),
        ) && follow(&change.keys, |it| (it.id, it.version), |id| Some(self.keys.get(id)?.version))
            && follow(
                &change.lanes,
                |it| (it.id.clone(), it.version),
                |id| Some(self.lanes.get(id)?.version),
            )
            && follow(
                &change.payouts,
                |it| (it.id, it.version),
                |id| Some(self.payouts.get(id)?.version),
            )
            && follow(
                &change.batches,
                |it| (it.id, it.version),
                |id| Some(self.batches.get(id)?.version),
            )
            && follow(
                &change.deliveries,
                |it| (it.id, it.version),
                |id| Some(self.deliveries.get(id)?.version),
            )
            && follow(
                &change.leases,
                |it| (it.name.clone(), it.version),
                |name| Some(self.leases.get(name)?.version),
            )
    }

    fn names_are_free(&self, change: &ChangeSet) -> bool {
        let mut claims = BTreeSet::new();
        let free = |(claim, _)| !self.claims.contains_key(claim) && claims.insert(claim);
        let claims_are_free = change.claims.iter().map(|it| (&it.0, &it.1)).all(free);
        let mut public_ids = BTreeMap::new();
        let public_ids_are_free = change.payouts.iter().all(|payout| {
            let owner = self.public_ids.get(&payout.public_id).copied().unwrap_or(payout.id);
            let here = *public_ids.entry(&payout.public_id).or_insert(payout.id);
            owner == payout.id && here == payout.id
        });
        let names_are_free = change.merchants.iter().all(|merchant| {
            let others = self.merchants.values().chain(&change.merchants);
            others.filter(|it| it.id != merchant.id).all(|it| it.name != merchant.name)
        });
        claims_are_free && public_ids_are_free && names_are_free
    }

    fn write(&mut self, change: ChangeSet) {
        self.journal.push(change.clone());
        self.merchants.extend(change.merchants.into_iter().map(|it| (it.id, it)));
        self.keys.extend(change.keys.into_iter().map(|it| (it.id, it)));
        self.lanes.extend(change.lanes.into_iter().map(|it| (it.id.clone(), it)));
        self.public_ids.extend(change.payouts.iter().map(|it| (it.public_id.clone(), it.id)));
        self.payouts.extend(change.payouts.into_iter().map(|it| (it.id, it)));
        self.batches.extend(change.batches.into_iter().map(|it| (it.id, it)));
        self.deliveries.extend(change.deliveries.into_iter().map(|it| (it.id, it)));
        self.claims.extend(change.claims);
        self.postings.extend(change.postings);
        self.events.extend(change.events);
        self.leases.extend(change.leases.into_iter().map(|it| (it.name.clone(), it)));
    }
}

/// Whether every record is exactly one version ahead of what is stored.
fn follow<T, Id: Ord>(
    records: &[T],
    version_of: impl Fn(&T) -> (Id, u64),
    stored: impl Fn(&Id) -> Option<u64>,
) -> bool {
    let mut seen = BTreeMap::new();
    records.iter().all(|record| {
        let (id, version) = version_of(record);
        let before = seen.get(&id).copied().or_else(|| stored(&id)).unwrap_or_default();
        seen.insert(id, version);
        version == before + 1
    })
}

/// How far below zero a change may bring a line.
fn overdraft(change: &ChangeSet, (account, asset): &(LedgerAccount, AssetId)) -> i128 {
    let allowed = change.overdrafts.get(asset).filter(|_| *account == LedgerAccount::Inventory);
    allowed.map_or(0, |it| it.signed())
}
