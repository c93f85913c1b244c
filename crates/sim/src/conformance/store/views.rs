//! Records that come together, as they were at one moment.

use domain::{
    Timestamp,
    batch::{AttemptStatus, Batch},
    catalog::Destination,
    chore::{Chore, TopUp},
    event::EventKind,
    ids::{BatchId, CoinId, DeliveryId, LaneId, NetworkId, PayoutId, TxId},
    ledger::LedgerAccount,
    payout::{PayoutState, Stage},
    ports::{BatchView, Commitment, DeliveryView, PayoutKey, PayoutView, Store, Unreachable},
};

use super::fixtures::{
    KEY, MERCHANT, amount, asset, attempt, batch, delivery, event, find, funding, furnish, key,
    lane, lane_id, payout, sending, write,
};
use crate::conformance::ready;

pub(super) fn a_batch_with_its_payouts(store: &dyn Store) {
    furnish(store);
    let order = [5, 1, 4, 2];
    write(store, |it| {
        it.payouts = order.map(|number| sending(number, 1, Stage::Preparing)).to_vec();
        it.payouts.push(payout(3));
        it.batches.push(batch(1, &order));
    });
    let expected = BatchView {
        batch: batch(1, &order),
        payouts: order.map(|number| sending(number, 1, Stage::Preparing)).to_vec(),
        lane: lane("net/hot"),
    };
    let peeked = (expected.batch.clone(), expected.lane.clone());
    assert_eq!(ready(store.load_batch(BatchId(1))), Ok(expected));
    assert_eq!(ready(store.peek_batch(BatchId(1))), Ok(peeked));
    assert_eq!(ready(store.peek_batch(BatchId(77))), Err(Unreachable));
}

pub(super) fn signed_transactions_by_name(store: &dyn Store) {
    furnish(store);
    let (mut open, mut ended) = (batch(1, &[1]), batch(2, &[2]));
    open.attempts = vec![attempt(3), attempt(1)];
    open.attempts[0].spends = vec![CoinId::new("aa:0"), CoinId::new("bb:11")];
    ended.attempts = vec![attempt(2)];
    ended.attempts[0].status = AttemptStatus::Dead;
    ended.closed = true;
    write(store, |it| {
        it.payouts = [1, 2].map(|it| sending(it, it, Stage::Signed)).to_vec();
        it.batches = vec![open.clone(), ended.clone()];
    });
    let signed = |names: &[TxId]| ready(store.signed(&names.iter().cloned().collect()));
    let name = |it: u8| attempt(it).tx.txid;
    let all = [&open.attempts[1], &ended.attempts[0], &open.attempts[0]].map(Clone::clone);
    assert_eq!(signed(&[name(3), TxId::new("other"), name(1), name(2)]), Ok(all.to_vec()));
    assert_eq!(signed(&[name(2)]), Ok(ended.attempts), "whatever became of it");
    assert_eq!(signed(&[TxId::new("other")]), Ok(vec![]));
    assert_eq!(signed(&[]), Ok(vec![]));
}

pub(super) fn a_batch_with_what_others_may_take(store: &dyn Store) {
    furnish(store);
    let mut signed = batch(2, &[2]);
    signed.attempts = vec![attempt(1), attempt(2), attempt(5)];
    let coins = |names: &[&str]| names.iter().map(|it| CoinId::new(it)).collect::<Vec<_>>();
    signed.attempts[0].spends = coins(&["aa:0", "bb:11"]);
    signed.attempts[1].spends = coins(&["bb:11", "cc:2"]);
    // What became of it sets its coins free.
    signed.attempts[2].spends = coins(&["bb:11", "dd:3"]);
    signed.attempts[2].status = AttemptStatus::Dead;
    let mut ended = batch(3, &[3]);
    ended.attempts = vec![attempt(3)];
    ended.closed = true;
    write(store, |it| {
        it.payouts = [1, 2, 3, 4].map(|it| sending(it, it, Stage::Signed)).to_vec();
        it.batches = vec![batch(1, &[1]), signed.clone(), ended, batch(4, &[4])];
    });
    let committed = |id| ready(store.commitments(&lane_id(), BatchId(id)));
    let fee_max = signed.attempts.iter().map(|it| it.fee_max).max().expect("two");
    let payments = vec![(asset(), payout(2).quote.amount)];
    let sequence = signed.attempts.iter().filter_map(|it| it.sequence).max();
    let spends = coins(&["aa:0", "bb:11", "cc:2"]).into_iter().collect();
    let expected = Commitment { batch: BatchId(2), payments, fee_max, sequence, spends };
    assert_eq!(committed(1), Ok(vec![expected]));
    assert_eq!(ready(store.peek_batch(BatchId(2))).map(|it| it.0), Ok(signed.clone()));
    assert_eq!(committed(2), Ok(vec![]), "its own are its own");
    let bringing = |id, sequence: Option<u64>| {
        let (to, amount) = (LaneId::new("net/other"), amount(70));
        let destination = Destination { address: "other".to_owned(), memo: None };
        let chore = match sequence {
            Some(sequence) => Chore::Fill { sequence },
            None => Chore::TopUp(TopUp { to, destination, asset: asset(), amount }),
        };
        let (id, network) = (BatchId(id), NetworkId::new("net"));
        let mut it = Batch::of_chore(id, network, lane_id(), chore, Timestamp(500));
        it.attempts = vec![attempt(u8::try_from(it.id.0).expect("small"))];
        it
    };
    write(store, |it| it.batches = vec![bringing(5, None), bringing(6, Some(3))]);
    let of = |id: u128| {
        let all = committed(1).expect("reachable");
        all.into_iter().find(|it| it.batch == BatchId(id)).expect("it is on its way").payments
    };
    assert_eq!((of(5), of(6)), (vec![(asset(), amount(70))], vec![]));
}

pub(super) fn a_delivery_with_its_payout(store: &dyn Store) {
    furnish(store);
    let mut of_operator = payout(2);
    of_operator.key = None;
    write(store, |it| {
        it.payouts.extend([payout(1), of_operator.clone()]);
        it.deliveries.extend([delivery(1, 0), delivery(1, 1), delivery(2, 0)]);
    });
    let load = |payout, number| {
        ready(store.load_delivery(DeliveryId { payout: PayoutId(payout), number }))
    };
    let of_key = |number| DeliveryView {
        delivery: delivery(1, number),
        payout: payout(1),
        key: Some(key(KEY, MERCHANT)),
    };
    assert_eq!(load(1, 0), Ok(of_key(0)));
    assert_eq!(load(1, 1), Ok(of_key(1)));
    let expected = DeliveryView { delivery: delivery(2, 0), payout: of_operator, key: None };
    assert_eq!(load(2, 0), Ok(expected));
    // A webhook is signed with the key that asked, even if the key is revoked by then.
    let mut revoked = key(KEY, MERCHANT);
    revoked.revoked_at = Some(Timestamp(9));
    revoked.version = 2;
    write(store, |it| it.keys.push(revoked.clone()));
    assert_eq!(load(1, 0), Ok(DeliveryView { key: Some(revoked), ..of_key(0) }));
}

pub(super) fn a_payout_with_all_that_explains_it(store: &dyn Store) {
    furnish(store);
    write(store, |it| {
        it.payouts.extend([payout(1), payout(2)]);
        it.postings = funding(LedgerAccount::Available(MERCHANT), 40);
        it.postings.extend(funding(LedgerAccount::Reserved(MERCHANT), 2));
        it.events.push(event(1, EventKind::Accepted, ""));
        it.events.push(event(2, EventKind::Accepted, ""));
        it.deliveries.extend([delivery(1, 1), delivery(2, 0), delivery(1, 0)]);
    });
    let mut expected = PayoutView {
        payout: payout(1),
        batch: None,
        events: vec![event(1, EventKind::Accepted, "")],
        deliveries: vec![delivery(1, 0), delivery(1, 1)],
        available: amount(40),
    };
    assert_eq!(find(store, 1), expected);
    expected.payout.state =
        PayoutState::Sending { batch: BatchId(7), stage: Stage::Preparing, txid: None };
    expected.payout.version = 2;
    let mut carrier = batch(7, &[1]);
    write(store, |it| {
        it.payouts.push(expected.payout.clone());
        it.batches.push(carrier.clone());
        it.events.push(event(1, EventKind::Batched, "ba"));
    });
    expected.batch = Some(carrier.clone());
    expected.events.push(event(1, EventKind::Batched, "ba"));
    assert_eq!(find(store, 1), expected);
    // The batch is still told when the payout's state no longer names it.
    carrier.attempts.push(attempt(1));
    carrier.closed = true;
    carrier.version = 2;
    expected.payout.state = PayoutState::Paid { txid: TxId::new("tx1"), at: Timestamp(9) };
    expected.payout.version = 3;
    write(store, |it| {
        it.batches.push(carrier.clone());
        it.payouts.push(expected.payout.clone());
    });
    expected.batch = Some(carrier);
    assert_eq!(find(store, 1), expected);
    assert_eq!(find(store, 2).batch, None);
}

pub(super) fn what_is_not_there_is_not_made_up(store: &dyn Store) {
    let delivery = DeliveryId { payout: PayoutId(1), number: 0 };
    assert_eq!(ready(store.load_batch(BatchId(1))), Err(Unreachable));
    assert_eq!(ready(store.load_delivery(delivery)), Err(Unreachable));
    assert_eq!(ready(store.load_lane(&LaneId::new("net/hot"), 9)), Ok(None));
    assert_eq!(ready(store.find_payout(&PayoutKey::Id(PayoutId(1)))), Ok(None));
    assert_eq!(ready(store.merchant(MERCHANT)), Ok(None));
    assert_eq!(ready(store.key(KEY)), Ok(None));
    assert_eq!(ready(store.balances()), Ok(vec![]));
    assert_eq!(ready(store.held(&LedgerAccount::Available(MERCHANT))), Ok(vec![]));
    assert_eq!(ready(store.merchants()), Ok(vec![]));
    assert_eq!(ready(store.lanes()), Ok(vec![]));
}
