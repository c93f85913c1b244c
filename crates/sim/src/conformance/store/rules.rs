//! What is refused, and that a refusal leaves nothing behind.

use domain::{
    Timestamp,
    event::EventKind,
    ids::{AssetId, BatchId, KeyId, MerchantId, PayoutId},
    ledger::LedgerAccount,
    payout::{PayoutState, Stage},
    ports::{AcceptNeeds, AcceptView, ChangeSet, Claim, ClaimScope, CommitError, PayoutKey, Store},
};

use super::fixtures::{
    KEY, MERCHANT, asset, attempt, batch, change, commit, delivery, event, find, funding, furnish,
    key, lane, look, merchant, payout, sending, snapshot, write,
};
use crate::conformance::ready;

const CONFLICT: Result<(), CommitError> = Err(CommitError::Conflict);

fn claim(scope: ClaimScope, owner: u128, text: &str) -> Claim {
    Claim { scope, owner, text: text.to_owned() }
}

/// One change for each kind of record that has a version, with that version.
fn records(version: u64) -> Vec<ChangeSet> {
    let mut merchant = merchant(MERCHANT, "first");
    let mut key = key(KEY, MERCHANT);
    let mut lane = lane("net/hot");
    let mut payout = payout(1);
    let mut batch = batch(1, &[1]);
    let mut delivery = delivery(1, 0);
    merchant.version = version;
    key.version = version;
    lane.version = version;
    payout.version = version;
    batch.version = version;
    delivery.version = version;
    vec![
        change(|it| it.merchants.push(merchant)),
        change(|it| it.keys.push(key)),
        change(|it| it.lanes.push(lane)),
        change(|it| it.payouts.push(payout)),
        change(|it| it.batches.push(batch)),
        change(|it| it.deliveries.push(delivery)),
    ]
}

pub(super) fn first_version_is_one(store: &dyn Store) {
    for version in [0, 2, 3, i64::MAX as u64, u64::MAX] {
        for change in records(version) {
            assert_eq!(ready(store.commit(change)), CONFLICT, "version {version}");
        }
    }
    for change in records(1) {
        assert_eq!(ready(store.commit(change)), Ok(()));
    }
}

pub(super) fn versions_grow_by_one(store: &dyn Store) {
    for stored in 1..=3 {
        for change in records(stored) {
            assert_eq!(ready(store.commit(change)), Ok(()), "version {stored}");
        }
        for wrong in [0, stored - 1, stored, stored + 2, u64::MAX] {
            for change in records(wrong) {
                assert_eq!(ready(store.commit(change)), CONFLICT, "{wrong} after {stored}");
            }
        }
    }
    assert_eq!(find(store, 1).payout.version, 3);
}

pub(super) fn a_conflict_leaves_nothing_behind(store: &dyn Store) {
    furnish(store);
    let used = claim(ClaimScope::Nonce, KEY.0, "used");
    write(store, |it| {
        it.payouts.extend([payout(1), sending(2, 1, Stage::Preparing)]);
        it.batches.push(batch(1, &[2]));
        it.deliveries.push(delivery(1, 0));
        it.claims.push((used.clone(), None));
        it.postings = funding(LedgerAccount::Available(MERCHANT), 1_000);
        it.events.push(event(1, EventKind::Accepted, "first"));
    });
    let fresh = claim(ClaimScope::MerchantRef, MERCHANT.0, "fresh");
    let needs = AcceptNeeds {
        claims: [used.clone(), fresh.clone()].into(),
        public_ids: [payout(3).public_id].into(),
        ..AcceptNeeds::default()
    };
    let before = snapshot(store, &needs);
    let good = || {
        change(|it| {
            it.merchants.push(merchant(MerchantId(9), "another"));
            it.keys.push(key(KeyId(9), MerchantId(9)));
            it.lanes.push(lane("net/cold"));
            it.payouts.push(payout(3));
            let mut changed = payout(1);
            changed.version = 2;
            changed.state = PayoutState::Cancelled;
            it.payouts.push(changed);
            let mut signed = batch(1, &[2]);
            signed.version = 2;
            signed.attempts.push(attempt(1));
            it.batches.push(signed);
            it.deliveries.push(delivery(1, 1));
            it.claims.push((fresh.clone(), Some(PayoutId(3))));
            it.postings = funding(LedgerAccount::Available(MERCHANT), 1);
            it.events.push(event(3, EventKind::Accepted, "third"));
        })
    };
    let spoils: [fn(&mut ChangeSet); 7] = [
        |it| it.merchants.push(merchant(MERCHANT, "first")),
        |it| it.keys.push(key(KEY, MERCHANT)),
        |it| it.lanes.push(lane("net/hot")),
        |it| it.payouts.push(sending(2, 1, Stage::Signed)),
        |it| it.batches.push(batch(1, &[2])),
        |it| it.deliveries.push(delivery(1, 0)),
        |it| it.claims.push((claim(ClaimScope::Nonce, KEY.0, "used"), None)),
    ];
    for spoil in spoils {
        let mut bad = good();
        spoil(&mut bad);
        assert_eq!(ready(store.commit(bad)), CONFLICT);
        assert_eq!(snapshot(store, &needs), before);
    }
    let mut overdrawn = good();
    overdrawn.postings = funding(LedgerAccount::Available(MERCHANT), 1_001);
    for it in &mut overdrawn.postings {
        std::mem::swap(&mut it.debit, &mut it.credit);
    }
    assert_eq!(ready(store.commit(overdrawn)), Err(CommitError::Overdrawn));
    assert_eq!(snapshot(store, &needs), before);
    assert_eq!(ready(store.commit(good())), Ok(()));
    assert_ne!(snapshot(store, &needs), before);
}

pub(super) fn claims_are_made_once(store: &dyn Store) {
    furnish(store);
    write(store, |it| it.payouts.extend([payout(1), payout(2)]));
    let scopes = [ClaimScope::MerchantRef, ClaimScope::IdempotencyKey, ClaimScope::Nonce];
    let mut made = vec![];
    // The same text in another scope, of another owner, or in another spelling is another name.
    for scope in scopes {
        for owner in [1, u128::MAX] {
            for text in ["name", "Name", "name ", ""] {
                let to = [None, Some(PayoutId(1))][made.len() % 2];
                made.push((claim(scope, owner, text), to));
            }
        }
    }
    for it in &made {
        write(store, |change| change.claims.push(it.clone()));
    }
    for (name, _) in &made {
        for to in [None, Some(PayoutId(1)), Some(PayoutId(2))] {
            let again = commit(store, |it| it.claims.push((name.clone(), to)));
            assert_eq!(again, CONFLICT, "{name:?}");
        }
    }
    let needs = AcceptNeeds {
        claims: made.iter().map(|(name, _)| name.clone()).collect(),
        ..AcceptNeeds::default()
    };
    assert_eq!(look(store, &needs).claims, made.iter().cloned().collect());
    let twice = claim(ClaimScope::Nonce, 5, "twice");
    let both = commit(store, |it| it.claims.extend([(twice.clone(), None), (twice, None)]));
    assert_eq!(both, CONFLICT);
}

pub(super) fn public_ids_are_unique(store: &dyn Store) {
    furnish(store);
    write(store, |it| it.payouts.push(payout(1)));
    let mut other = payout(2);
    other.public_id = payout(1).public_id;
    assert_eq!(commit(store, |it| it.payouts.push(other.clone())), CONFLICT);
    let mut third = payout(3);
    "taken at once".clone_into(&mut third.public_id);
    other.public_id.clone_from(&third.public_id);
    let both = commit(store, |it| it.payouts.extend([other.clone(), third]));
    assert_eq!(both, CONFLICT);
    write(store, |it| it.payouts.push(other));
    let key = PayoutKey::PublicId("taken at once".to_owned());
    let found = ready(store.find_payout(&key)).expect("reachable");
    assert_eq!(found.map(|it| it.payout.id), Some(PayoutId(2)));
}

pub(super) fn merchant_names_are_unique(store: &dyn Store) {
    furnish(store);
    let again = commit(store, |it| it.merchants.push(merchant(MerchantId(9), "first")));
    assert_eq!(again, CONFLICT);
    write(store, |it| it.merchants.push(merchant(MerchantId(9), "First")));
    let mut renamed = merchant(MerchantId(9), "first");
    renamed.version = 2;
    assert_eq!(commit(store, |it| it.merchants.push(renamed)), CONFLICT);
}

pub(super) fn accept_sees_everything(store: &dyn Store) {
    furnish(store);
    let reference = claim(ClaimScope::MerchantRef, MERCHANT.0, "order 1");
    let nonce = claim(ClaimScope::Nonce, KEY.0, "1");
    write(store, |it| {
        it.merchants.push(merchant(MerchantId(9), "second"));
        it.payouts.extend([payout(1), payout(2), payout(3)]);
        it.claims.push((reference.clone(), Some(PayoutId(1))));
        it.claims.push((nonce.clone(), None));
        it.postings = funding(LedgerAccount::Available(MERCHANT), 1_000);
        it.postings.extend(funding(LedgerAccount::Available(MerchantId(9)), 5));
        it.postings.extend(funding(LedgerAccount::Reserved(MERCHANT), 7));
    });
    let unused = claim(ClaimScope::MerchantRef, MERCHANT.0, "order 2");
    let needs = AcceptNeeds {
        merchants: [MERCHANT, MerchantId(8)].into(),
        keys: [KEY, KeyId(8)].into(),
        claims: [reference.clone(), nonce.clone(), unused].into(),
        public_ids: ["INV-2".to_owned(), "INV-4".to_owned()].into(),
        payouts: [PayoutId(3), PayoutId(4)].into(),
        balances: [available(MerchantId(9)), (LedgerAccount::Inventory, asset())].into(),
        ..AcceptNeeds::default()
    };
    // The balance of the loaded payouts' merchant is loaded without being asked for.
    let expected = AcceptView {
        merchants: [(MERCHANT, merchant(MERCHANT, "first"))].into(),
        keys: [(KEY, key(KEY, MERCHANT))].into(),
        claims: [(reference, Some(PayoutId(1))), (nonce, None)].into(),
        public_ids: ["INV-2".to_owned()].into(),
        payouts: [(PayoutId(1), payout(1)), (PayoutId(3), payout(3))].into(),
        balances: [(available(MERCHANT), 1_000), (available(MerchantId(9)), 5)].into(),
        ..AcceptView::default()
    };
    assert_eq!(look(store, &needs), expected);
}

pub(super) fn accept_sees_the_batches_that_may_be_left(store: &dyn Store) {
    furnish(store);
    let mut signed = batch(2, &[3]);
    signed.attempts.push(attempt(1));
    write(store, |it| {
        it.payouts.extend([1, 2].map(|id| sending(id, 1, Stage::Preparing)));
        it.payouts.extend([sending(3, 2, Stage::Signed), payout(4)]);
        it.batches.extend([batch(1, &[1, 2]), signed]);
        it.postings = funding(LedgerAccount::Available(MERCHANT), 1_000);
    });
    let needs =
        AcceptNeeds { leaving: [1, 3, 4, 5].map(PayoutId).into(), ..AcceptNeeds::default() };
    let expected = AcceptView {
        payouts: [1, 2, 3, 4].map(|id| (PayoutId(id), find(store, id).payout)).into(),
        batches: [(BatchId(1), batch(1, &[1, 2]))].into(),
        balances: [(available(MERCHANT), 1_000)].into(),
        ..AcceptView::default()
    };
    assert_eq!(look(store, &needs), expected);
    // Without being asked for, none is loaded.
    let needs = AcceptNeeds { payouts: [PayoutId(1)].into(), ..AcceptNeeds::default() };
    assert_eq!(look(store, &needs).batches, [].into());
}

pub(super) fn accept_sees_nothing_where_nothing_is(store: &dyn Store) {
    let needs = AcceptNeeds {
        merchants: [MERCHANT].into(),
        keys: [KEY].into(),
        claims: [claim(ClaimScope::Nonce, 1, "1")].into(),
        public_ids: ["INV-1".to_owned()].into(),
        payouts: [PayoutId(1)].into(),
        leaving: [PayoutId(2)].into(),
        balances: [available(MERCHANT)].into(),
    };
    assert_eq!(look(store, &needs), AcceptView::default());
}

pub(super) fn accept_writes_all_or_nothing(store: &dyn Store) {
    furnish(store);
    write(store, |it| it.postings = funding(LedgerAccount::Available(MERCHANT), 110));
    let name = |number: u128| claim(ClaimScope::MerchantRef, MERCHANT.0, &number.to_string());
    let needs = AcceptNeeds {
        claims: [name(1), name(2)].into(),
        public_ids: ["INV-1".to_owned(), "INV-2".to_owned()].into(),
        balances: [available(MERCHANT)].into(),
        ..AcceptNeeds::default()
    };
    let accept = |number: u128| {
        let mut calls = 0;
        let mut decide = |_| {
            calls += 1;
            change(|it| {
                it.payouts.push(payout(number));
                it.claims.push((name(number), Some(PayoutId(number))));
                it.postings = domain::ledger::reserve(&payout(number), Timestamp(1));
                it.events.push(event(number, EventKind::Accepted, ""));
            })
        };
        let written = ready(store.accept(&needs, &mut decide));
        assert_eq!(calls, 1, "a decision is asked for once");
        written
    };
    assert_eq!(accept(1), Ok(()));
    let after = snapshot(store, &needs);
    let seen = look(store, &needs);
    assert_eq!(seen.claims, [(name(1), Some(PayoutId(1)))].into());
    let all_reserved = [(available(MERCHANT), 0)].into();
    assert_eq!(seen.balances, all_reserved, "a line that had a posting is there");
    assert_eq!(accept(1), CONFLICT);
    assert_eq!(snapshot(store, &needs), after);
    assert_eq!(accept(2), Err(CommitError::Overdrawn));
    assert_eq!(snapshot(store, &needs), after);
}

fn available(merchant: MerchantId) -> (LedgerAccount, AssetId) {
    (LedgerAccount::Available(merchant), asset())
}
