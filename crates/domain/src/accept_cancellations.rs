//! Payouts that are called off.

use super::*;

/// A transaction that can never be included.
fn dead() -> Attempt {
    Attempt {
        tx: SignedTx { txid: crate::ids::TxId::new("t"), raw: vec![] },
        sequence: None,
        spends: vec![],
        fee_max: Amount::ZERO,
        status: AttemptStatus::Dead,
        signed_at: NOW,
        fee: None,
        unpaid: vec![],
    }
}

#[test]
fn only_what_waits_can_be_cancelled_and_only_by_its_merchant() {
    let mut stored = Stored::with(1_000);
    stored.create(create(1, "a")).unwrap();
    assert_eq!(stored.cancel(STRANGER, 1), Err(Refusal::NotFound));
    assert_eq!(stored.cancel(MERCHANT, 2), Err(Refusal::NotFound));
    let (_, fresh, available) = parts(stored.cancel(MERCHANT, 1).unwrap());
    assert_eq!((fresh, available), (true, amount(1_000)));
    assert_eq!(stored.facts.payouts[&PayoutId(1)].version, 2);
    assert!(is(&stored.cancel(MERCHANT, 1), 1, false), "once more is a repetition");
    assert_eq!((stored.available(), stored.reserved), (1_000, 0));
    stored.create(create(3, "b")).unwrap();
    stored.send(&[3]);
    assert_eq!(stored.cancel(MERCHANT, 3), Err(Refusal::NotCancellable));
    assert_eq!(stored.available(), 893);
}

#[test]
fn a_batch_is_left_while_it_waits_with_nothing_signed_and_the_others_wait_again() {
    let begin = |change: &dyn Fn(&mut Batch)| {
        let mut stored = Stored::with(1_000);
        for (id, name) in [(1, "a"), (2, "b"), (3, "c")] {
            stored.create(create(id, name)).unwrap();
        }
        stored.send(&[1, 2, 3]);
        change(stored.facts.batches.get_mut(&BatchId(1)).unwrap());
        stored
    };
    let hold = |it: &mut Batch| {
        let detail = String::new();
        it.hold = Some(Hold { reason: HoldReason::AwaitingFunds, detail });
    };
    let mut stored = begin(&hold);
    assert_eq!(stored.cancel(STRANGER, 2), Err(Refusal::NotFound));
    assert!(is(&stored.cancel(MERCHANT, 2), 2, true));
    assert_eq!((stored.available(), stored.reserved), (1_000 - 214, 214));
    assert!(stored.facts.batches[&BatchId(1)].closed);
    let states = [1, 2, 3].map(|it| stored.state(it).clone());
    assert_eq!(states, [PayoutState::Queued, PayoutState::Cancelled, PayoutState::Queued]);
    assert!(stored.facts.payouts.values().all(|it| it.version == 3 && !it.travels_alone));
    // Two of it in one slice.
    let mut stored = begin(&hold);
    let cancel = |id| Command::Cancel { merchant: MERCHANT, payout: PayoutId(id) };
    let outcomes = stored.accept(&[cancel(1), cancel(3)]);
    assert!(is(&outcomes[0], 1, true) && is(&outcomes[1], 3, true));
    assert_eq!(stored.reserved, 107);
    assert_eq!(stored.state(2), &PayoutState::Queued);
    // One that cannot be made for a minute, one that is just being made, one that was signed.
    let old = |it: &mut Batch| it.created_at = Timestamp(0);
    let mut stored = begin(&old);
    let now = Timestamp(60_000);
    assert!(is(&stored.accept_in(&Room::new(), &[cancel(2)], now)[0], 2, true));
    assert_eq!(begin(&|_| ()).cancel(MERCHANT, 2), Err(Refusal::NotCancellable));
    let mut stored = begin(&|it| {
        hold(it);
        it.attempts.push(dead());
    });
    assert_eq!(stored.cancel(MERCHANT, 2), Err(Refusal::NotCancellable));
}

#[test]
fn a_cancellation_is_told_of() {
    let room = Room::new();
    let mut stored = Stored::with(1_000);
    stored.create(create(1, "a")).unwrap();
    let command = Command::Cancel { merchant: MERCHANT, payout: PayoutId(1) };
    let mut sitting =
        Sitting::new(stored.view(&needs(&room.desk(), std::slice::from_ref(&command))));
    sitting.decide(&room.desk(), &command, NOW).unwrap();
    let change = sitting.end();
    assert_eq!(change.deliveries.len(), 1);
    assert_eq!(change.deliveries[0].status, Status::Cancelled);
    assert_eq!(change.payouts[0].delivery_count, 1);
}
