//! What may become of a payout.

use domain::{
    batch::AttemptStatus,
    event::EventKind,
    ids::{AssetId, MerchantId, NetworkId},
    ledger::LedgerAccount,
    money::Amount,
    payout::{PayoutState, Status},
};
use sim::{faults::Fault, workload::Trap, world::Work};

use crate::story::Story;

fn fee(units: u128) -> Amount {
    Amount::from_units(units).expect("a small amount")
}

#[test]
fn a_payout_from_accept_to_paid() {
    let mut story = Story::begin();
    story.until(EventKind::Batched);
    assert_eq!((story.status(), story.arrivals()), (Status::Queued, 0));
    story.until(EventKind::Signed);
    assert_eq!((story.status(), story.arrivals()), (Status::Sending, 0));
    story.until(EventKind::Broadcast);
    assert_eq!((story.status(), story.arrivals()), (Status::Sending, 1));
    story.until(EventKind::InBlock);
    assert_eq!((story.status(), story.payments()), (Status::InBlock, 0));
    story.until(EventKind::Final);
    assert_eq!((story.status(), story.payments()), (Status::Paid, 1));
    assert_eq!(story.end(), Status::Paid);
    let told: Vec<Status> = story.deliveries().iter().map(|it| it.status).collect();
    assert_eq!(told, [Status::Sending, Status::InBlock, Status::Paid]);
    let heard: Vec<Status> = story.world.courier().heard().values().map(|it| it.status).collect();
    assert_eq!(heard, told);
}

#[test]
fn a_final_transaction_is_never_shown_as_less() {
    let mut story = Story::begin();
    story.until(EventKind::InBlock);
    while story.status() != Status::Paid {
        assert_eq!(story.status(), Status::InBlock);
        assert!(story.payout().state.txid().is_some());
        if !story.step() {
            story.pass(1_000);
        }
    }
}

#[test]
fn a_reorganisation_takes_it_back_and_the_same_bytes_pay_in_the_end() {
    let mut story = Story::begin();
    story.until(EventKind::InBlock);
    let first = story.payout().state.txid().cloned();
    assert!(story.world.chain("fast").reorg(9) > 0);
    story.world.chain("fast").forget_mempool();
    story.until(EventKind::Undone);
    assert_eq!(story.status(), Status::Sending);
    assert_eq!(story.end(), Status::Paid);
    assert_eq!(story.payout().state.txid().cloned(), first);
    assert_eq!((story.arrivals(), story.payments()), (1, 1));
}

#[test]
fn a_forgotten_transaction_is_handed_over_again() {
    let mut story = Story::begin();
    story.until(EventKind::Broadcast);
    for _ in 0..5 {
        story.world.chain("fast").forget_mempool();
        while !story.step() {
            story.world.now = story.world.now.plus_ms(500);
        }
    }
    assert_eq!(story.end(), Status::Paid);
    assert_eq!((story.arrivals(), story.payments()), (1, 1));
}

#[test]
fn a_stuck_transaction_is_replaced() {
    let mut story = Story::begin();
    story.until(EventKind::Broadcast);
    story.world.chain("fast").set_fee_level(fee(100));
    story.until(EventKind::Replaced);
    let attempts = story.batch().unwrap().attempts;
    assert_eq!(attempts[0].sequence, attempts[1].sequence);
    assert!(attempts[0].fee_max < attempts[1].fee_max);
    story.until(EventKind::Final);
    let statuses: Vec<_> = story.batch().unwrap().attempts.iter().map(|it| it.status).collect();
    assert_eq!(statuses, [AttemptStatus::Dead, AttemptStatus::Final]);
    assert_eq!(story.end(), Status::Paid);
    assert_eq!((story.arrivals(), story.payments()), (2, 1));
}

#[test]
fn the_replaced_transaction_may_win_all_the_same() {
    let mut story = Story::begin();
    story.until(EventKind::Broadcast);
    let chain = story.world.chain("fast").clone();
    chain.set_fee_level(fee(100));
    story.until(EventKind::Replaced);
    let attempts = story.batch().unwrap().attempts;
    while story.batch().unwrap().attempts[1].status == AttemptStatus::Signed {
        story.step();
    }
    chain.set_fee_level(fee(10));
    assert!(chain.recall(&attempts[0].tx.txid));
    assert_eq!(story.end(), Status::Paid);
    assert_eq!(story.payout().state.txid(), Some(&attempts[0].tx.txid));
    assert_eq!((story.arrivals(), story.payments()), (2, 1));
}

#[test]
fn a_transaction_that_nobody_relays_for_its_fee_is_replaced() {
    let mut story = Story::begin();
    story.until(EventKind::Signed);
    story.world.chain("fast").set_fee_level(fee(100));
    story.until(EventKind::Replaced);
    story.until(EventKind::Final);
    assert_eq!(story.end(), Status::Paid);
    assert_eq!(story.payments(), 1);
}

#[test]
fn fees_above_the_cap_are_waited_out() {
    let mut story = Story::begin();
    story.until(EventKind::Batched);
    story.world.chain("fast").set_fee_level(fee(1_000));
    story.until(EventKind::Held);
    assert!(story.batch().unwrap().hold.is_some());
    for _ in 0..20 {
        while story.step() {}
        story.pass(1_000);
    }
    assert_eq!(story.happened(EventKind::Held), 1, "the same reason is told once");
    assert_eq!(story.arrivals(), 0);
    assert_eq!(story.end(), Status::Paid);
}

#[test]
fn what_the_network_undoes_fails_and_the_money_returns() {
    let mut story = Story::begin();
    let address = story.payout().destination.address;
    story.world.lay(&Trap::Reverts(AssetId::new("TOKEN@fast"), address));
    let reserved = LedgerAccount::Reserved(MerchantId(1));
    let token = AssetId::new("TOKEN@fast");
    assert!(story.world.auditor.balance(&reserved, &token) > 0);
    story.until(EventKind::Failed);
    let PayoutState::Failed { txid, .. } = story.payout().state else { panic!("it failed") };
    assert!(txid.is_some(), "it can be looked up why");
    assert_eq!(story.end(), Status::Failed);
    assert_eq!(story.world.auditor.balance(&reserved, &token), 0);
    assert_eq!((story.arrivals(), story.payments()), (1, 0));
}

#[test]
fn what_cannot_be_paid_fails_without_a_transaction() {
    let mut story = Story::begin();
    let address = story.payout().destination.address;
    story.world.lay(&Trap::Refuses(AssetId::new("TOKEN@fast"), address));
    assert_eq!(story.end(), Status::Failed);
    assert_eq!(story.arrivals(), 0);
}

#[test]
fn what_the_signer_refuses_fails_without_a_transaction() {
    let mut story = Story::begin();
    story.world.faults.force(Fault::SignerRefused);
    story.until(EventKind::Failed);
    assert_eq!(story.end(), Status::Failed);
    assert_eq!(story.arrivals(), 0);
}

#[test]
fn a_signer_that_refuses_a_replacement_gives_up_nothing() {
    let mut story = Story::begin();
    story.until(EventKind::Broadcast);
    story.world.chain("fast").set_fee_level(fee(100));
    story.world.faults.force(Fault::SignerRefused);
    story.until(EventKind::Held);
    assert_eq!(story.status(), Status::Sending);
    assert_eq!(story.end(), Status::Paid);
    assert_eq!(story.payments(), 1);
}

#[test]
fn when_somebody_else_takes_the_number_another_is_signed() {
    let mut story = Story::begin();
    story.until(EventKind::Signed);
    let batch = story.batch().unwrap();
    let lane = story.world.store.look(|it| it.lanes[&batch.lane].clone());
    let number = batch.attempts[0].sequence.unwrap();
    let chain = story.world.chain("fast").clone();
    assert!(story.world.take_number(&NetworkId::new("fast"), &chain, &lane, number));
    story.pass(0);
    story.until(EventKind::Dead);
    story.until(EventKind::Final);
    assert_eq!(story.happened(EventKind::Signed), 2);
    assert_eq!(story.end(), Status::Paid);
    assert_eq!(story.payments(), 1);
}

#[test]
fn a_node_that_fell_behind_does_not_cause_a_second_payment() {
    let mut story = Story::begin();
    story.until(EventKind::InBlock);
    story.world.faults.force(Fault::LaggingNode);
    story.until(EventKind::Undone);
    // It is handed to the node that fell behind, and heard of by others late.
    story.world.faults.force(Fault::LaggingNode);
    assert!((0..10).any(|_| {
        story.pass(500);
        story.step()
    }));
    assert_eq!(story.end(), Status::Paid);
    assert_eq!((story.arrivals(), story.payments()), (1, 1));
}

#[test]
fn a_cancelled_payout_is_never_sent_and_a_sent_one_never_cancelled() {
    let mut ends = std::collections::BTreeMap::new();
    for pattern in 0..256u32 {
        let mut story = Story::begin();
        let slice = story.world.store.look(|it| story.world.workload.withdraw(it)).unwrap();
        story.world.start(Work::Accept(slice));
        let group = story.world.due().remove(0);
        story.world.start(group);
        for turn in 0..8 {
            let second = pattern >> turn & 1 == 1 && story.world.busy() > 1;
            story.poll(usize::from(second));
        }
        while story.world.busy() > 0 {
            story.poll(0);
        }
        let end = story.end();
        assert_eq!(story.payments(), usize::from(end == Status::Paid));
        *ends.entry(end).or_insert(0) += 1;
    }
    let ends: Vec<Status> = ends.into_keys().collect();
    assert_eq!(ends, [Status::Paid, Status::Cancelled], "both sides won some races");
}

#[test]
fn a_payout_is_withdrawn_from_a_batch_that_waits_and_the_others_are_paid() {
    let mut story = Story::begin();
    story.ask();
    story.until(EventKind::Batched);
    story.world.chain("fast").set_fee_level(fee(1_000));
    story.until(EventKind::Held);
    assert_eq!(story.batch().unwrap().payouts.len(), 2);
    let slice = story.world.store.look(|it| story.world.workload.withdraw(it)).unwrap();
    story.run(Work::Accept(slice));
    assert_eq!(story.status(), Status::Cancelled);
    assert_eq!(story.end(), Status::Cancelled);
    assert_eq!(story.payments(), 1, "the other one");
}

#[test]
fn a_payout_is_withdrawn_from_its_batch_or_signed_for_and_never_both() {
    let mut ends = std::collections::BTreeMap::new();
    // The signature gets so far before the withdrawal is decided about.
    for head_start in 0..40 {
        let mut story = Story::begin();
        story.ask();
        story.until(EventKind::Batched);
        story.world.chain("fast").set_fee_level(fee(1_000));
        story.until(EventKind::Held);
        story.world.chain("fast").set_fee_level(fee(1));
        story.pass(10_000);
        let slice = story.world.store.look(|it| story.world.workload.withdraw(it)).unwrap();
        story.world.start(Work::Accept(slice));
        story.world.start(story.advance());
        for _ in 0..head_start {
            if story.world.busy() > 1 {
                story.poll(1);
            }
        }
        while story.world.busy() > 0 {
            story.poll(0);
        }
        let end = story.end();
        assert_eq!(story.payments(), 1 + usize::from(end == Status::Paid));
        *ends.entry(end).or_insert(0) += 1;
    }
    let ends: Vec<Status> = ends.into_keys().collect();
    assert_eq!(ends, [Status::Paid, Status::Cancelled], "both sides won some races");
}

#[test]
fn two_workers_on_one_batch_send_one_transaction() {
    for pattern in 0..256u32 {
        let mut story = Story::begin();
        story.until(EventKind::Batched);
        story.world.start(story.advance());
        story.world.start(story.advance());
        for turn in 0..8 {
            let second = pattern >> turn & 1 == 1 && story.world.busy() > 1;
            story.poll(usize::from(second));
        }
        while story.world.busy() > 0 {
            story.poll(0);
        }
        assert_eq!(story.end(), Status::Paid);
        assert_eq!((story.arrivals(), story.payments()), (1, 1));
    }
}
