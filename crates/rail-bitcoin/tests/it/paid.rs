//! Payouts that are paid, one by one and many at once, by the real engine, signer and rail on real
//! nodes, and those that cannot be.
//!
//! `RUN_NODE_TESTS=1 BITCOIND=... LITECOIND=... cargo test -p rail-bitcoin --test it paid`

use domain::{
    payout::{Priority, Status},
    ports::HoldReason,
    reconcile::Verdict,
};
use serde_json::json;

use crate::desk::{Desk, NEVER_REPLACING, REPLACING, Stage, read, spends};

const COIN: u64 = 100_000_000;

fn stages() -> impl Iterator<Item = Stage> {
    REPLACING.into_iter().chain(NEVER_REPLACING)
}

#[tokio::test]
async fn one_payout_and_the_books_agree_at_every_step() {
    for stage in stages() {
        let Some(desk) = Desk::start(stage, "one", &[COIN]).await else { return };
        assert_eq!(desk.reconcile().await, Verdict::Agree);
        let id = desk.ask(&desk.friend("one", 0), 1_000_000).await;
        desk.wait(500);
        desk.turn().await;
        desk.are(&[id], Status::Sending);
        assert_eq!(desk.node.waiting(), [desk.newest_of(&[id]).tx.txid.to_string()]);
        assert_eq!(desk.reconcile().await, Verdict::Agree, "what waits has not left");
        for block in 1..=desk.blocks_to_finality() {
            desk.node.mine(&crate::desk::nobody(), 1);
            let verdict = desk.reconcile().await;
            if block < desk.blocks_to_finality() {
                assert_eq!(verdict, Verdict::Agree, "{block}");
            } else {
                assert!(matches!(verdict, Verdict::InFlight { units: 1_000_001.. }), "{verdict:?}");
            }
        }
        desk.look_again().await;
        desk.are(&[id], Status::Paid);
        assert_eq!(desk.reconcile().await, Verdict::Agree);
        desk.audit();
    }
}

#[tokio::test]
async fn many_at_once_to_every_kind_of_address() {
    for stage in stages() {
        let coins = [COIN, COIN / 2, COIN / 4];
        let Some(desk) = Desk::start(stage, "many", &coins).await else { return };
        for count in [100, 500] {
            let ids = desk.ask_many(&format!("many {count}"), count).await;
            desk.wait(500);
            desk.turn().await;
            let tx = read(&desk.newest_of(&ids));
            assert_eq!(tx.output.len() as u64, count + 1, "all of them and change");
            desk.end(&ids).await;
            desk.are(&ids, Status::Paid);
            assert_eq!(desk.txids(&ids).len(), 1);
        }
        assert_eq!(desk.reconcile().await, Verdict::Agree);
    }
}

#[tokio::test]
async fn batches_side_by_side_spend_coins_of_their_own() {
    for stage in stages() {
        let coins = [COIN, COIN, COIN];
        let Some(desk) = Desk::start(stage, "side", &coins).await else { return };
        let mut all = vec![];
        let mut spent = vec![];
        for number in 0..3 {
            let ids = desk.ask_many(&format!("side {number}"), 4).await;
            desk.wait(500);
            desk.turn().await;
            spent.extend(spends(&read(&desk.newest_of(&ids))));
            all.extend(ids);
        }
        let count = spent.len();
        spent.sort();
        spent.dedup();
        assert_eq!(spent.len(), count, "nothing twice");
        assert_eq!(desk.node.waiting().len(), 3);
        desk.end(&all).await;
        assert_eq!(desk.txids(&all).len(), 3);
    }
}

#[tokio::test]
async fn one_after_another_on_change_that_waits_and_no_chain_is_longer_than_nodes_take() {
    for stage in stages() {
        let Some(mut desk) = Desk::start(stage, "chain", &[COIN]).await else { return };
        desk.set(|it| it.in_flight_max = 40);
        let mut all = vec![];
        for number in 0..30 {
            all.push(desk.ask(&desk.friend("chain", number), 50_000).await);
            desk.wait(500);
            desk.turn().await;
        }
        assert_eq!(desk.node.waiting().len(), 25);
        // What has no transaction takes no place, and what came after it waits in the queue.
        let held: Vec<_> = all.iter().filter_map(|it| desk.hold_of(*it)).collect();
        assert_eq!(held, [HoldReason::AwaitingFunds]);
        desk.end(&all).await;
        desk.are(&all, Status::Paid);
        assert!(desk.txids(&all).len() <= 27, "the rest went together");
    }
}

#[tokio::test]
async fn change_that_waits_is_left_alone_where_that_is_wanted() {
    for stage in [REPLACING[0], REPLACING[3]] {
        let Some(mut desk) = Desk::start(stage, "patient", &[COIN]).await else { return };
        desk.set(|it| it.spends_unconfirmed_change = false);
        let first = desk.ask(&desk.friend("patient", 0), 50_000).await;
        desk.wait(500);
        desk.turn().await;
        let second = desk.ask(&desk.friend("patient", 1), 50_000).await;
        desk.wait(500);
        desk.turn().await;
        assert_eq!(desk.node.waiting().len(), 1);
        assert_eq!(desk.hold_of(second), Some(HoldReason::AwaitingFunds));
        desk.end(&[first, second]).await;
        desk.are(&[first, second], Status::Paid);
    }
}

#[tokio::test]
async fn whatever_cannot_be_paid_does_not_hold_up_the_others() {
    for stage in stages() {
        let Some(desk) = Desk::start(stage, "poison", &[COIN, COIN]).await else { return };
        let good = desk.ask_many("good", 6).await;
        let dust = desk.ask(&desk.friend("dust", 0), 100).await;
        let own = desk.ask(&desk.wallet.lane.address.clone(), 50_000).await;
        let unreadable = desk.ask("bc1qthisisnoaddress", 50_000).await;
        // The merchant's money is more than the lane holds yet.
        desk.book(2 * COIN).await;
        let huge = desk.ask(&desk.friend("huge", 0), 3 * COIN).await;
        desk.wait(500);
        desk.until("paid", |it| {
            good.iter().all(|id| crate::desk::status_in(it, *id) == Status::Paid)
        })
        .await;
        assert_eq!(desk.txids(&good).len(), 1, "they stay together");
        assert!(desk.failure(dust).contains("dust"), "{}", desk.failure(dust));
        assert!(desk.failure(own).contains("own wallets"), "{}", desk.failure(own));
        assert!(desk.failure(unreadable).contains("no address"), "{}", desk.failure(unreadable));
        assert_eq!(desk.hold_of(huge), Some(HoldReason::MoreThanHeld));
        desk.bring(&[2 * COIN]);
        desk.end(&[huge]).await;
        desk.are(&[huge], Status::Paid);
    }
}

/// All payouts together are as much as the lane holds, so that nothing is left for the fee.
#[tokio::test]
async fn a_payout_that_leaves_nothing_for_the_fee_does_not_hold_up_the_others() {
    for stage in [REPLACING[0], REPLACING[3]] {
        let Some(desk) = Desk::start(stage, "exact", &[COIN]).await else { return };
        let small = desk.ask(&desk.friend("exact", 0), COIN / 4).await;
        let large = desk.ask(&desk.friend("exact", 1), COIN / 4 * 3).await;
        desk.wait(500);
        desk.until("paid", |it| crate::desk::status_in(it, small) == Status::Paid).await;
        assert_eq!(desk.hold_of(large), Some(HoldReason::MoreThanHeld));
        desk.deposit(&[COIN / 2]).await;
        desk.end(&[large]).await;
    }
}

/// What others bring may be taken back with its block, and what spent it with it.
#[tokio::test]
async fn what_others_bring_is_spent_once_it_is_final() {
    for stage in [REPLACING[0], REPLACING[3]] {
        let Some(desk) = Desk::start(stage, "fresh", &[100_000]).await else { return };
        desk.deposit(&[COIN]).await;
        let id = desk.ask(&desk.friend("fresh", 0), COIN / 2).await;
        desk.wait(500);
        for _ in 1..desk.blocks_to_finality() {
            desk.look_again().await;
            assert_eq!(desk.hold_of(id), Some(HoldReason::AwaitingFunds));
            desk.node.mine(&crate::desk::nobody(), 1);
        }
        desk.look_again().await;
        assert_eq!(desk.hold_of(id), None, "{}", desk.report());
        assert_eq!(desk.node.waiting().len(), 1);
        desk.end(&[id]).await;
    }
}

#[tokio::test]
async fn the_urgent_pay_more_and_what_is_asked_for_speed_never_holds() {
    for stage in [REPLACING[0], NEVER_REPLACING[0]] {
        let Some(desk) = Desk::start(stage, "urgent", &[COIN]).await else { return };
        // Nobody waits for company who is in a hurry.
        let id = desk.ask_at(&desk.friend("urgent", 0), 50_000, Priority::Highest).await;
        desk.turn().await;
        assert_eq!(desk.node.waiting().len(), 1);
        let told = desk.node.ask("getmempoolinfo", &json!([]));
        assert_eq!(told["size"], json!(1));
        desk.end(&[id]).await;
    }
}
