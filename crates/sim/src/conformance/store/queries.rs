//! What is listed, in which order, and where a list ends.

use domain::{
    Timestamp,
    batch::{Attempt, AttemptStatus},
    delivery::DeliveryState,
    event::{Event, EventKind},
    ids::{AssetId, KeyId, LaneId, MerchantId, NetworkId, PayoutId},
    ledger::LedgerAccount,
    payout::{Failure, FailureCode, Payout, PayoutState, Stage, Status},
    ports::{
        AcceptNeeds, ChangeSet, Claim, ClaimScope, CommitError, Hold, HoldReason, PageQuery,
        PayoutKey, Store,
    },
};

use super::fixtures::{
    KEY, MERCHANT, asset, attempt, batch, delivery, funding, furnish, key, lane, lane_id, merchant,
    payout, sending, write,
};
use crate::conformance::ready;

pub(super) fn due_batches(store: &dyn Store) {
    furnish(store);
    write(store, |it| it.lanes.push(lane("net/other")));
    // Number, lane, moment, ended.
    let batches = [
        (1, "net/hot", 300, false),
        (2, "net/hot", 100, false),
        (3, "net/hot", 200, false),
        (4, "net/hot", 0, true),
        (5, "net/other", 0, false),
        (6, "net/hot", 100, false),
        (7, "net/hot", Timestamp::NEVER.0, false),
    ];
    for (number, lane, due_at, closed) in batches {
        let mut it = batch(number, &[number]);
        it.lane = LaneId::new(lane);
        it.due_at = Timestamp(due_at);
        it.closed = closed;
        write(store, |change| {
            change.payouts.push(payout(number));
            change.batches.push(it);
        });
    }
    let due = |lane: &str, now, count_max| -> Vec<u128> {
        let lane = LaneId::new(lane);
        let list = ready(store.due_batches(&lane, Timestamp(now), count_max));
        list.expect("reachable").into_iter().map(|it| it.0).collect()
    };
    assert_eq!(due("net/hot", 99, 10), [0; 0]);
    assert_eq!(due("net/hot", 100, 10), [2, 6]);
    assert_eq!(due("net/hot", 299, 10), [2, 6, 3]);
    assert_eq!(due("net/hot", 300, 10), [2, 6, 3, 1]);
    assert_eq!(due("net/hot", 300, 2), [2, 6]);
    assert_eq!(due("net/hot", 300, 0), [0; 0]);
    assert_eq!(due("net/other", 300, u32::MAX), [5]);
    assert_eq!(due("net/none", 300, 10), [0; 0]);
    let mut later = batch(2, &[2]);
    later.due_at = Timestamp(1_000);
    later.version = 2;
    write(store, |it| it.batches.push(later));
    assert_eq!(due("net/hot", 300, 10), [6, 3, 1]);
}

pub(super) fn due_deliveries(store: &dyn Store) {
    furnish(store);
    write(store, |it| it.payouts.extend([payout(1), payout(2)]));
    let deliveries = [
        (1, 0, 300, DeliveryState::Due),
        (2, 0, 200, DeliveryState::Due),
        (1, 1, 200, DeliveryState::Due),
        (1, 2, 0, DeliveryState::Delivered),
        (2, 1, 0, DeliveryState::GivenUp),
        (2, 2, Timestamp::NEVER.0, DeliveryState::Due),
    ];
    for (payout, number, due_at, state) in deliveries {
        let mut it = delivery(payout, number);
        it.due_at = Timestamp(due_at);
        it.state = state;
        write(store, |change| change.deliveries.push(it));
    }
    let due = |now, count_max| -> Vec<(u128, u16)> {
        let list = ready(store.due_deliveries(Timestamp(now), None, count_max)).expect("reachable");
        list.into_iter().map(|it| (it.id.payout.0, it.id.number)).collect()
    };
    assert_eq!(due(199, 10), []);
    assert_eq!(due(200, 10), [(1, 1), (2, 0)]);
    assert_eq!(due(300, 10), [(1, 1), (2, 0), (1, 0)]);
    assert_eq!(due(300, 1), [(1, 1)]);
    let page = |after, count_max| {
        ready(store.due_deliveries(Timestamp(300), after, count_max)).expect("reachable")
    };
    let all = page(None, 10);
    let told = delivery(1, 1);
    assert_eq!((&all[0].url, all[0].due_at), (&told.url, Timestamp(200)));
    for (place, it) in all.iter().enumerate() {
        assert_eq!(page(Some(it.place()), 10), all[place + 1..]);
        assert_eq!(page(Some(it.place()), 1), all[place + 1..all.len().min(place + 2)]);
    }
    let mut delivered = delivery(1, 1);
    delivered.state = DeliveryState::Delivered;
    delivered.version = 2;
    write(store, |it| it.deliveries.push(delivered));
    assert_eq!(due(300, 10), [(2, 0), (1, 0)]);
}

/// A payout in each status but the first, numbered from 11.
fn not_waiting() -> Vec<Payout> {
    let failure = Failure { code: FailureCode::RefusedByNetwork, detail: String::new() };
    let txid = domain::ids::TxId::new("tx");
    let with = |number, state| Payout { state, ..payout(number) };
    vec![
        sending(11, 1, Stage::Preparing),
        sending(12, 1, Stage::Signed),
        sending(13, 1, Stage::Broadcast),
        sending(14, 1, Stage::InBlock),
        with(15, PayoutState::Paid { txid, at: Timestamp(1) }),
        with(16, PayoutState::Failed { failure, txid: None }),
        with(17, PayoutState::Cancelled),
    ]
}

pub(super) fn the_queue_of_a_lane(store: &dyn Store) {
    furnish(store);
    write(store, |it| {
        it.lanes.push(lane("other/hot"));
        it.batches.push(batch(1, &[11, 12, 13, 14]));
        it.payouts = not_waiting();
    });
    for (number, created_at) in [(3, 30), (1, 30), (20, 10), (2, 40)] {
        let mut it = payout(number);
        it.created_at = Timestamp(created_at);
        write(store, |change| change.payouts.push(it));
    }
    let mut elsewhere = payout(4);
    elsewhere.network = NetworkId::new("other");
    write(store, |it| it.payouts.push(elsewhere));
    let queued = |lane: &str, queued_max| -> Vec<u128> {
        let view = ready(store.load_lane(&LaneId::new(lane), queued_max)).expect("reachable");
        view.expect("the lane is there").queued.iter().map(|it| it.id.0).collect()
    };
    assert_eq!(queued("net/hot", 99), [20, 1, 3, 2]);
    assert_eq!(queued("net/hot", 2), [20, 1]);
    assert_eq!(queued("net/hot", 0), [0; 0]);
    assert_eq!(queued("other/hot", u32::MAX), [4]);
    let mut joined = sending(1, 2, Stage::Preparing);
    joined.version = 2;
    write(store, |it| {
        it.payouts.push(joined);
        it.batches.push(batch(2, &[1]));
    });
    assert_eq!(queued("net/hot", 99), [20, 3, 2]);
}

pub(super) fn open_batches_are_counted(store: &dyn Store) {
    furnish(store);
    write(store, |it| it.lanes.push(lane("net/other")));
    let in_flight = |lane: &str| {
        let view = ready(store.load_lane(&LaneId::new(lane), 0)).expect("reachable");
        let view = view.expect("the lane is there");
        assert!(view.in_flight <= view.open);
        (view.in_flight, view.open)
    };
    assert_eq!(in_flight("net/hot"), (0, 0));
    for number in 1..=3 {
        write(store, |it| {
            it.payouts.push(payout(number));
            it.batches.push(batch(number, &[number]));
        });
    }
    assert_eq!((in_flight("net/hot"), in_flight("net/other")), ((3, 3), (0, 0)));
    let mut ended = batch(2, &[2]);
    ended.closed = true;
    ended.version = 2;
    write(store, |it| it.batches.push(ended));
    assert_eq!(in_flight("net/hot"), (2, 2));
    let mut included = batch(3, &[3]);
    for (version, status, expected) in [
        (2, AttemptStatus::Broadcast, (2, 2)),
        (3, AttemptStatus::InBlock, (1, 2)),
        (4, AttemptStatus::Signed, (2, 2)),
        (5, AttemptStatus::Reverted, (1, 2)),
    ] {
        included.version = version;
        included.attempts = vec![Attempt { status, ..attempt(1) }];
        write(store, |it| it.batches.push(included.clone()));
        assert_eq!(in_flight("net/hot"), expected, "{status:?}");
    }
}

pub(super) fn what_waits_holds_up_nothing_else(store: &dyn Store) {
    furnish(store);
    let other = |number| Payout { asset: AssetId::new("OTHER@net"), ..payout(number) };
    let mut held = batch(1, &[1]);
    held.hold = Some(Hold { reason: HoldReason::AwaitingFunds, detail: String::new() });
    write(store, |it| {
        it.payouts = vec![sending(1, 1, Stage::Preparing), payout(2), other(3)];
        it.batches.push(held.clone());
    });
    let look = || {
        let view = ready(store.load_lane(&LaneId::new("net/hot"), 99)).expect("reachable");
        let view = view.expect("the lane is there");
        (view.in_flight, view.queued.iter().map(|it| it.id.0).collect::<Vec<_>>())
    };
    assert_eq!(look(), (0, vec![3]));
    for (reason, queued) in [
        (HoldReason::FeesUnknown, vec![3]),
        (HoldReason::NotEstimated, vec![2, 3]),
        (HoldReason::MoreThanHeld, vec![2, 3]),
        (HoldReason::AwaitingFunds, vec![3]),
    ] {
        held.hold = Some(Hold { reason, detail: String::new() });
        held.version += 1;
        write(store, |it| it.batches.push(held.clone()));
        assert_eq!(look(), (0, queued), "{reason:?}");
    }
    held.attempts.push(attempt(1));
    held.version += 1;
    write(store, |it| it.batches.push(held.clone()));
    assert_eq!(look(), (1, vec![2, 3]), "what is signed is on its way, held or not");
}

/// Payouts that are more than the lane holds let others pass, unless they are many.
pub(super) fn many_that_are_more_than_the_lane_holds_hold_up_the_asset(store: &dyn Store) {
    furnish(store);
    let most = 16;
    write(store, |it| {
        it.payouts = vec![payout(101), Payout { asset: AssetId::new("O@net"), ..payout(102) }];
    });
    for number in 1..=most {
        let view = ready(store.load_lane(&LaneId::new("net/hot"), 99)).expect("reachable");
        let queued = view.expect("the lane is there").queued;
        assert_eq!(queued.iter().map(|it| it.id.0).collect::<Vec<_>>(), [101, 102], "{number}");
        let mut held = batch(number, &[number]);
        held.hold = Some(Hold { reason: HoldReason::MoreThanHeld, detail: String::new() });
        write(store, |it| {
            it.payouts.push(sending(number, number, Stage::Preparing));
            it.batches.push(held);
        });
    }
    let view = ready(store.load_lane(&LaneId::new("net/hot"), 99)).expect("reachable");
    let view = view.expect("the lane is there");
    assert_eq!(view.queued.iter().map(|it| it.id.0).collect::<Vec<_>>(), [102]);
    assert_eq!((view.in_flight, view.open), (0, 0));
}

/// Those that are in no block, that a limit keeps from paying more, and that have no number.
pub(super) fn stuck_batches_are_counted(store: &dyn Store) {
    furnish(store);
    let above = Some(HoldReason::FeeAboveCap);
    for (number, reason, sequence, status, stuck) in [
        (1, None, None, AttemptStatus::Broadcast, 0),
        (2, above, None, AttemptStatus::Broadcast, 1),
        (3, Some(HoldReason::NotRelayed), None, AttemptStatus::Broadcast, 1),
        (4, above, Some(7), AttemptStatus::Broadcast, 1),
        (5, above, None, AttemptStatus::InBlock, 1),
        (6, above, None, AttemptStatus::Signed, 2),
    ] {
        let mut it = batch(number, &[number]);
        it.hold = reason.map(|reason| Hold { reason, detail: String::new() });
        let place = u8::try_from(number).unwrap_or(0);
        it.attempts = vec![Attempt { sequence, status, ..attempt(place) }];
        write(store, |change| {
            change.payouts.push(payout(number));
            change.batches.push(it);
        });
        let view = ready(store.load_lane(&LaneId::new("net/hot"), 0)).expect("reachable");
        let view = view.expect("the lane is there");
        assert_eq!((view.stuck, u128::from(view.open)), (stuck, number), "{reason:?}");
    }
}

pub(super) fn what_a_wrong_clock_put_off(store: &dyn Store) {
    furnish(store);
    let now = Timestamp(1_000);
    let moments = [900, now.0 + Timestamp::HORIZON_MS, now.0 + Timestamp::HORIZON_MS + 1];
    for (number, due_at) in (1..).zip(moments) {
        let mut it = batch(number, &[number]);
        it.due_at = Timestamp(due_at);
        let mut told = delivery(number, 0);
        told.due_at = Timestamp(due_at);
        write(store, |change| {
            change.payouts.push(payout(number));
            change.batches.push(it);
            change.deliveries.push(told);
        });
    }
    let batches = ready(store.due_batches(&lane_id(), now, 9)).expect("reachable");
    assert_eq!(batches.iter().map(|it| it.0).collect::<Vec<_>>(), [1, 3]);
    let deliveries = ready(store.due_deliveries(now, None, 9)).expect("reachable");
    assert_eq!(deliveries.iter().map(|it| it.id.payout.0).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(ready(store.due_deliveries(now, None, 1)).map(|it| it.len()), Ok(1));
    let after = ready(store.due_deliveries(now, Some(deliveries[0].place()), 9));
    assert_eq!(after.as_deref(), Ok(&deliveries[1..]));
}

pub(super) fn payouts_are_found_by_every_key(store: &dyn Store) {
    furnish(store);
    let other = MerchantId(8);
    let mut theirs = payout(2);
    theirs.merchant = other;
    theirs.merchant_ref = payout(1).merchant_ref;
    let mut nameless = payout(3);
    nameless.merchant_ref = None;
    write(store, |it| {
        it.merchants.push(merchant(other, "second"));
        for payout in [payout(1), theirs, nameless] {
            let scope = ClaimScope::MerchantRef;
            let owner = payout.merchant.0;
            let name = payout.merchant_ref.clone().map(|text| Claim { scope, owner, text });
            it.claims.extend(name.map(|it| (it, Some(payout.id))));
            it.payouts.push(payout);
        }
    });
    let find = |key| {
        let found = ready(store.find_payout(&key)).expect("reachable");
        found.map(|it| it.payout.id.0)
    };
    let reference = |merchant, text: &str| PayoutKey::MerchantRef(merchant, text.to_owned());
    assert_eq!(find(PayoutKey::Id(PayoutId(1))), Some(1));
    assert_eq!(find(PayoutKey::Id(PayoutId(9))), None);
    assert_eq!(find(PayoutKey::PublicId("INV-2".to_owned())), Some(2));
    assert_eq!(find(PayoutKey::PublicId("inv-2".to_owned())), None);
    assert_eq!(find(reference(MERCHANT, "order 1")), Some(1));
    assert_eq!(find(reference(other, "order 1")), Some(2));
    assert_eq!(find(reference(MERCHANT, "order 2")), None);
    assert_eq!(find(reference(MERCHANT, "")), None);
    assert_eq!(find(reference(MerchantId(7), "order 1")), None);
}

pub(super) fn pages(store: &dyn Store) {
    furnish(store);
    let other = MerchantId(8);
    write(store, |it| {
        it.merchants.push(merchant(other, "second"));
        it.batches.push(batch(1, &[11, 12, 13, 14]));
        it.payouts = not_waiting();
        for number in [5, 3, 4] {
            it.payouts.push(Payout { merchant: other, ..payout(number) });
        }
    });
    let page = |merchant, status, before: Option<u128>, count_max| -> Vec<u128> {
        let before = before.map(PayoutId);
        let query = PageQuery { merchant, status, before, count_max, ..PageQuery::default() };
        let list = ready(store.page(&query)).expect("reachable");
        list.iter().map(|it| it.id.0).collect()
    };
    let (ours, theirs) = (Some(MERCHANT), Some(other));
    assert_eq!(page(None, None, None, 99), [17, 16, 15, 14, 13, 12, 11, 5, 4, 3]);
    assert_eq!(page(None, None, None, 2), [17, 16]);
    assert_eq!(page(None, None, Some(16), 2), [15, 14]);
    assert_eq!(page(None, None, Some(3), 2), [0; 0]);
    assert_eq!(page(None, None, Some(10), 99), [5, 4, 3], "a cursor need not be there");
    assert_eq!(page(None, None, None, 0), [0; 0]);
    assert_eq!(page(theirs, None, None, u32::MAX), [5, 4, 3]);
    assert_eq!(page(theirs, None, Some(5), 1), [4]);
    assert_eq!(page(None, Some(Status::Queued), None, 99), [11, 5, 4, 3]);
    assert_eq!(page(None, Some(Status::Sending), None, 99), [13, 12]);
    assert_eq!(page(None, Some(Status::InBlock), None, 99), [14]);
    assert_eq!(page(ours, Some(Status::Queued), None, 99), [11]);
    assert_eq!(page(theirs, Some(Status::Queued), Some(5), 1), [4]);
    assert_eq!(page(theirs, Some(Status::Paid), None, 99), [0; 0]);
    let list = |query: PageQuery| -> Vec<u128> {
        let query = PageQuery { count_max: 3, ..query };
        let list = ready(store.page(&query)).expect("reachable");
        list.iter().map(|it| it.id.0).collect()
    };
    let all = PageQuery::default;
    assert_eq!(list(PageQuery { after: Some(PayoutId(11)), ..all() }), [14, 13, 12]);
    assert_eq!(list(PageQuery { after: Some(PayoutId(15)), ..all() }), [17, 16]);
    assert_eq!(list(PageQuery { after: Some(PayoutId(17)), ..all() }), [0; 0]);
    assert_eq!(list(PageQuery { offset: 8, ..all() }), [4, 3]);
    assert_eq!(list(PageQuery { offset: 99, ..all() }), [0; 0]);
    let elsewhere = Some(NetworkId::new("elsewhere"));
    assert_eq!(list(PageQuery { network: elsewhere, ..all() }), [0; 0]);
    assert_eq!(list(PageQuery { network: Some(NetworkId::new("net")), ..all() }), [17, 16, 15]);
    assert_eq!(list(PageQuery { asset: Some(asset()), offset: 1, ..all() }), [16, 15, 14]);
    assert_eq!(list(PageQuery { asset: Some(AssetId::new("OTHER@net")), ..all() }), [0; 0]);
    let coin = |ticker: &str| PageQuery { ticker: Some(ticker.to_owned()), ..all() };
    let ticker = asset().as_str().split('@').next().unwrap_or_default().to_owned();
    assert_eq!(list(coin(&ticker)), [17, 16, 15]);
    assert_eq!((list(coin(&ticker[1..])), list(coin(""))), (vec![], vec![]));
    assert_eq!(list(coin("%")), [0; 0]);
    let from = |from, until| PageQuery {
        from: Some(Timestamp(from)),
        until: Some(Timestamp(until)),
        ..all()
    };
    assert_eq!(list(from(1_000, 1_000)), [17, 16, 15]);
    assert_eq!((list(from(0, 999)), list(from(1_001, 9_999))), (vec![], vec![]));
}

pub(super) fn counts(store: &dyn Store) {
    let check = |expected: [(&str, u64); 5]| {
        let expected = expected.map(|(word, count)| (word.to_owned(), count));
        assert_eq!(ready(store.counts()), Ok(expected.into()));
    };
    let mut expected = [
        ("payouts.awaiting_approval", 0),
        ("payouts.queued", 0),
        ("payouts.sending", 0),
        ("payouts.in_block", 0),
        ("deliveries.due", 0),
    ];
    check(expected);
    furnish(store);
    write(store, |it| {
        it.batches.push(batch(1, &[11, 12, 13, 14]));
        it.payouts = not_waiting();
        it.payouts.push(payout(1));
        it.payouts.push(Payout { state: PayoutState::AwaitingApproval, ..payout(2) });
        it.deliveries.extend([delivery(1, 0), delivery(1, 1), delivery(1, 2)]);
        it.deliveries[1].state = DeliveryState::Delivered;
        it.deliveries[2].state = DeliveryState::GivenUp;
    });
    for (entry, count) in expected.iter_mut().zip([1, 2, 2, 1, 1]) {
        entry.1 = count;
    }
    check(expected);
}

pub(super) fn written(store: &dyn Store) {
    furnish(store);
    let event = |kind| Event { payout: PayoutId(1), at: Timestamp(1), kind, detail: String::new() };
    write(store, |it| {
        it.payouts.push(payout(1));
        it.events.extend([EventKind::Accepted, EventKind::Final].map(event));
    });
    let refused = ChangeSet { payouts: vec![payout(1)], ..ChangeSet::default() };
    let refused = ChangeSet { events: vec![event(EventKind::Failed)], ..refused };
    assert_eq!(ready(store.commit(refused)), Err(CommitError::Conflict));
    let mut decide =
        |_| ChangeSet { events: vec![event(EventKind::Final)], ..ChangeSet::default() };
    assert_eq!(ready(store.accept(&AcceptNeeds::default(), &mut decide)), Ok(()));
    let written = store.written();
    let counts = [EventKind::Accepted, EventKind::Final, EventKind::Failed].map(|it| written[&it]);
    assert_eq!((counts, written.len()), ([1, 2, 0], EventKind::ALL.len()));
}

pub(super) fn keys_by_lookup(store: &dyn Store) {
    furnish(store);
    let with = |number, dialect: &str, lookup: &str, revoked_at| {
        let mut it = key(KeyId(number), MERCHANT);
        it.dialect = domain::ids::DialectId::new(dialect);
        it.lookup = lookup.into();
        it.revoked_at = revoked_at;
        it
    };
    write(store, |it| {
        it.keys = vec![
            with(1, "native", "same", None),
            with(2, "other", "same", None),
            with(3, "native", "same", Some(Timestamp(9))),
            with(4, "native", "SAME", None),
            with(5, "native", "same", None),
        ];
        it.keys[4].role = "payment".into();
    });
    let found = |dialect, lookup| -> Vec<u128> {
        let list = ready(store.keys_by_lookup(dialect, lookup)).expect("reachable");
        let mut ids: Vec<u128> = list.iter().map(|it| it.id.0).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(found("native", "same"), [1, 5]);
    assert_eq!(found("other", "same"), [2]);
    assert_eq!(found("native", "none"), [0; 0]);
    assert_eq!(found("native", ""), [0; 0]);
    let mut revoked = with(1, "native", "same", Some(Timestamp(10)));
    revoked.version = 2;
    write(store, |it| it.keys.push(revoked));
    assert_eq!(found("native", "same"), [5]);
}

pub(super) fn lists_are_in_order(store: &dyn Store) {
    for (number, name) in [(3, "b"), (1, "c"), (2, "a"), (4, "B")] {
        write(store, |it| it.merchants.push(merchant(MerchantId(number), name)));
    }
    let merchants = ready(store.merchants()).expect("reachable");
    let names: Vec<&str> = merchants.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["B", "a", "b", "c"]);
    for name in ["net/b", "a/hot", "net/a"] {
        write(store, |it| it.lanes.push(lane(name)));
    }
    let lanes = ready(store.lanes()).expect("reachable");
    let names: Vec<&str> = lanes.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(names, ["a/hot", "net/a", "net/b"]);
    for (number, merchant, created_at) in [(2, 1, 20), (3, 1, 30), (1, 1, 10), (4, 2, 5)] {
        let mut it = key(KeyId(number), MerchantId(merchant));
        it.created_at = Timestamp(created_at);
        it.revoked_at = (number == 2).then_some(Timestamp(25));
        write(store, |change| change.keys.push(it));
    }
    let keys = ready(store.keys_of(MerchantId(1))).expect("reachable");
    let numbers: Vec<u128> = keys.iter().map(|it| it.id.0).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(ready(store.keys_of(MerchantId(3))), Ok(vec![]));
    assert_eq!(ready(store.key(KEY)), Ok(None));
}

pub(super) fn postings_by_account(store: &dyn Store) {
    let mut written = vec![];
    for number in 1..=4 {
        let mut it = funding(LedgerAccount::Inventory, number);
        it[0].at = Timestamp(100 - u64::try_from(number).expect("small"));
        if number == 3 {
            let it = &mut it[0];
            std::mem::swap(&mut it.debit, &mut it.credit);
        }
        written.extend(it.clone());
        write(store, |change| change.postings = it);
    }
    let mut other = funding(LedgerAccount::Inventory, 9);
    other[0].asset = AssetId::new("OTHER@net");
    write(store, |it| {
        it.postings = funding(LedgerAccount::Available(MERCHANT), 5);
        it.postings.extend(other);
    });
    let list = |account, count_max| {
        ready(store.postings(&account, &asset(), count_max)).expect("reachable")
    };
    // Oldest first means as they were written: a clock may be set back.
    assert_eq!(list(LedgerAccount::Inventory, 99), written);
    assert_eq!(list(LedgerAccount::Inventory, 3), written[..3]);
    assert_eq!(list(LedgerAccount::Inventory, 0), []);
    assert_eq!(list(LedgerAccount::HotWallet(lane_id()), 99).len(), 5);
    assert_eq!(list(LedgerAccount::Suspense, 99), []);
}
