//! What a change is called, and that everything that can be called is in the table.

use std::collections::BTreeSet;

use domain::{
    Timestamp,
    batch::{Attempt, SignedTx},
    catalog::Destination,
    chore::{Chore, TopUp},
    delivery::Delivery,
    event::Event,
    ids::{AssetId, BatchId, DeliveryId, LaneId, NetworkId, PayoutId, TxId},
    lane::Lane,
    payout::{Failure, FailureCode, Status},
    ports::Hold,
};

use super::*;

const NOW: Timestamp = Timestamp(1_000);

fn told(kind: EventKind) -> ChangeSet {
    let event = Event { payout: PayoutId(1), at: NOW, kind, detail: String::new() };
    ChangeSet { events: vec![event], ..ChangeSet::default() }
}

fn batch(status: AttemptStatus) -> Batch {
    let mut batch = Batch::new(
        BatchId(1),
        NetworkId::new("ethereum"),
        LaneId::new("ethereum/hot"),
        vec![PayoutId(1)],
        NOW,
    );
    batch.attempts.push(Attempt {
        tx: SignedTx { txid: TxId::new("0x1"), raw: vec![1] },
        sequence: Some(0),
        fee_max: domain::money::Amount::ZERO,
        status,
        signed_at: NOW,
        fee: None,
        unpaid: vec![],
        spends: vec![],
    });
    batch
}

fn delivery() -> Delivery {
    Delivery {
        id: DeliveryId { payout: PayoutId(1), number: 0 },
        url: String::new(),
        status: Status::Paid,
        txid: None,
        occurred_at: NOW,
        state: DeliveryState::Due,
        tries: 1,
        due_at: NOW,
        last_result: String::new(),
        body: vec![],
        version: 2,
    }
}

fn names(change: &ChangeSet) -> Vec<String> {
    let point = |change| Point::new(Act::Commit(change), Side::After).to_string();
    Change::all_of(change).into_iter().map(point).collect()
}

#[test]
fn names_are_unique_and_lead_back() {
    let all = Point::all();
    let names: BTreeSet<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), all.len());
    assert!(all.iter().all(|it| Point::named(&it.to_string()) == Some(*it)));
    for name in ["commit.signed.before", "commit.final.after", "broadcast.after", "answer.before"] {
        assert!(names.contains(name), "{name}");
    }
    assert!(!names.contains("answer.after"));
}

#[test]
fn every_event_is_at_a_point_of_the_table() {
    for kind in EventKind::ALL {
        for change in Change::all_of(&told(*kind)) {
            assert_eq!(change.word(), kind.word());
            for side in [Side::Before, Side::After] {
                assert!(
                    Point::all().contains(&Point::new(Act::Commit(change), side)),
                    "{change:?}"
                );
            }
        }
        assert_eq!(names(&told(*kind)), [format!("commit.{}.after", kind.word())]);
    }
}

#[test]
fn what_is_not_told_is_named_by_what_is_written() {
    let of = |batch: Batch| names(&ChangeSet { batches: vec![batch], ..ChangeSet::default() });
    assert_eq!(of(batch(AttemptStatus::Final)), ["commit.seen_final.after"]);
    assert_eq!(of(batch(AttemptStatus::Reverted)), ["commit.seen_reverted.after"]);
    assert_eq!(of(batch(AttemptStatus::Broadcast)), ["commit.looked.after"]);
    let failure = Failure { code: FailureCode::RefusedByNetwork, detail: String::new() };
    let refused = Batch { attempts: vec![], given_up: Some(failure), ..batch(AttemptStatus::Dead) };
    assert_eq!(of(refused), ["commit.refused.after"]);
    let put_off = ChangeSet { deliveries: vec![delivery()], ..ChangeSet::default() };
    assert_eq!(names(&put_off), ["commit.put_off.after"]);
    let lane = Lane {
        id: LaneId::new("ethereum/hot"),
        network: NetworkId::new("ethereum"),
        address: String::new(),
        key_path: String::new(),
        next_sequence: 0,
        version: 1,
    };
    let registered = ChangeSet { lanes: vec![lane], ..ChangeSet::default() };
    assert_eq!(names(&registered), ["commit.lane.after"]);
    assert!(names(&ChangeSet::default()).is_empty(), "nothing is written");
}

#[test]
fn what_settles_is_not_what_is_seen_and_a_slice_is_at_several_points() {
    let mut settled = told(EventKind::Final);
    settled.batches.push(Batch { closed: true, ..batch(AttemptStatus::Final) });
    settled.deliveries.push(delivery());
    assert_eq!(names(&settled), ["commit.final.after"]);
    let mut slice = told(EventKind::Accepted);
    slice.events.extend(told(EventKind::Cancelled).events);
    slice.events.extend(told(EventKind::Accepted).events);
    assert_eq!(names(&slice), ["commit.accepted.after", "commit.cancelled.after"]);
}

#[test]
fn a_chore_is_named_by_what_it_is_and_how_far_it_has_come() {
    let chores = [
        (Chore::Fill { sequence: 7 }, "fill"),
        (Chore::Prepare("deploy".to_owned()), "prepare"),
        (
            Chore::TopUp(TopUp {
                to: LaneId::new("ethereum/hot"),
                destination: Destination { address: String::new(), memo: None },
                asset: AssetId::new("ETH@ethereum"),
                amount: domain::money::Amount::ZERO,
            }),
            "top_up",
        ),
    ];
    let mut all = BTreeSet::new();
    for (chore, kind) in chores {
        let mut check = |batch: Batch, expected: &str| {
            let batch = Batch { payouts: vec![], chore: Some(chore.clone()), ..batch };
            let names = names(&ChangeSet { batches: vec![batch], ..ChangeSet::default() });
            assert_eq!(names, [format!("commit.{expected}.after")]);
            all.extend(names);
        };
        let of = |status| Batch { version: 2, ..batch(status) };
        let begun = Batch { attempts: vec![], ..batch(AttemptStatus::Signed) };
        check(begun.clone(), &format!("{kind}_begun"));
        check(Batch { version: 2, ..begun.clone() }, "looked");
        check(of(AttemptStatus::Signed), &format!("{kind}_signed"));
        check(of(AttemptStatus::Broadcast), &format!("{kind}_handed_over"));
        check(of(AttemptStatus::InBlock), &format!("{kind}_in_block"));
        for ended in [AttemptStatus::Final, AttemptStatus::Reverted, AttemptStatus::Dead] {
            check(of(ended), &format!("{kind}_ended"));
            let end = if ended == AttemptStatus::Final { "settled" } else { "failed" };
            check(Batch { closed: true, ..of(ended) }, &format!("{kind}_{end}"));
        }
        check(Batch { closed: true, ..begun }, &format!("{kind}_failed"));
    }
    let table: BTreeSet<String> = Point::all().iter().map(ToString::to_string).collect();
    assert!(all.is_subset(&table));
    assert_eq!(all.len(), chore::all().count() + 1);
}

#[test]
fn a_batch_that_ends_without_paying_some_is_at_two_points() {
    let mut left_out = told(EventKind::Final);
    left_out.events.extend(told(EventKind::Requeued).events);
    left_out.batches.push(Batch { closed: true, ..batch(AttemptStatus::Final) });
    assert_eq!(names(&left_out), ["commit.requeued.after", "commit.final.after"]);
}

#[test]
fn holds_are_told_apart() {
    let held = |reason, replace_at| {
        let hold = Some(Hold { reason, detail: String::new() });
        let batch = Batch { hold, replace_at, ..batch(AttemptStatus::Broadcast) };
        names(&ChangeSet { batches: vec![batch], ..told(EventKind::Held) })
    };
    let later = NOW.plus_ms(1);
    assert_eq!(held(HoldReason::NotRelayed, NOW), ["commit.underpriced.after"]);
    assert_eq!(held(HoldReason::NotRelayed, later), ["commit.not_relayed.after"]);
    assert_eq!(held(HoldReason::FeeAboveCap, NOW), ["commit.held.after"]);
}

#[test]
fn an_armed_point_is_due_once() {
    let armed = Armed::read("sign.before:2").unwrap();
    let (before, after) = (Point::new(Act::Sign, Side::Before), Point::new(Act::Sign, Side::After));
    let due = [before, after, before, before].map(|point| armed.is_due(point));
    assert_eq!(due, [false, false, true, false]);
    for wrong in ["sign.before", "sign.before:0", "sign.before:x", "sign:1", "answer.after:1", ""] {
        assert!(Armed::read(wrong).is_err(), "{wrong}");
    }
}
