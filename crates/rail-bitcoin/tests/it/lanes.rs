//! Which payouts hold up which others, by the real engine, signer and rail on real nodes.

use domain::{
    payout::{Priority, Status},
    ports::HoldReason,
};

use crate::desk::{Desk, NEVER_REPLACING, REPLACING};

const COIN: u64 = 100_000_000;

#[tokio::test]
async fn batches_that_are_stuck_above_their_budget_do_not_close_the_lane() {
    for stage in [REPLACING[0], NEVER_REPLACING[1]] {
        let Some(mut desk) = Desk::start(stage, "full", &[COIN; 20]).await else { return };
        desk.set(|it| it.spends_unconfirmed_change = false);
        let mut ids = vec![];
        for number in 0..16 {
            ids.push(desk.ask(&desk.friend("full", number), 30_000 + number).await);
            desk.wait(500);
            desk.turn().await;
        }
        assert_eq!(desk.node.waiting().len(), 16);
        // Seven times as much is above the budget of four times.
        desk.set(|it| it.rate_default_sat_per_kvb = Some(35_000));
        let urgent = desk.ask_at(&desk.friend("urgent", 0), 50_000, Priority::Highest).await;
        for _ in 0..3 {
            desk.node.block_of(&[]);
            desk.wait(60_000);
            desk.turn().await;
            desk.tend().await;
        }
        assert_eq!(desk.hold_of(ids[0]), Some(HoldReason::FeeAboveCap));
        desk.are(&[urgent], Status::Sending);
        ids.push(urgent);
        desk.end(&ids).await;
        desk.are(&ids, Status::Paid);
    }
}

/// What began at one satoshi for a virtual byte may be brought to ten, whatever the budget is.
#[tokio::test]
async fn what_began_at_little_is_brought_to_an_ordinary_rate() {
    let stage = REPLACING[0];
    let Some(mut desk) = Desk::start(stage, "ordinary", &[COIN, COIN]).await else { return };
    desk.set(|it| it.rate_default_sat_per_kvb = Some(1_000));
    let ids = desk.ask_many("ordinary", 2).await;
    desk.wait(500);
    desk.turn().await;
    let first = desk.newest_of(&ids);
    desk.set(|it| it.rate_default_sat_per_kvb = Some(11_000));
    desk.wait(60_000);
    desk.turn().await;
    assert_eq!(desk.hold_of(ids[0]), Some(HoldReason::FeeAboveCap));
    desk.set(|it| it.rate_default_sat_per_kvb = Some(9_500));
    desk.wait(60_000);
    desk.turn().await;
    assert_ne!(desk.newest_of(&ids), first, "{}", desk.report());
    desk.end(&ids).await;
}

#[tokio::test]
async fn while_nothing_is_known_of_fees_payouts_wait_for_one_batch() {
    for stage in [REPLACING[0], NEVER_REPLACING[1]] {
        let Some(mut desk) = Desk::start(stage, "unknown", &[COIN]).await else { return };
        desk.set(|it| it.rate_default_sat_per_kvb = None);
        let mut ids = vec![];
        for number in 0..40 {
            ids.push(desk.ask(&desk.friend("unknown", number), 30_000 + number).await);
            desk.wait(60_000);
            desk.turn().await;
        }
        let open = desk.store.look(|it| it.batches.values().filter(|it| !it.closed).count());
        assert_eq!(open, 1, "the others are in no batch yet");
        desk.set(|it| it.rate_default_sat_per_kvb = Some(5_000));
        desk.end(&ids).await;
        assert_eq!(desk.txids(&ids).len(), 2);
    }
}

#[tokio::test]
async fn a_payout_that_is_more_than_the_lane_holds_lets_smaller_ones_pass() {
    for stage in [REPLACING[0], NEVER_REPLACING[1]] {
        let Some(desk) = Desk::start(stage, "whale", &[COIN]).await else { return };
        desk.book(20 * COIN).await;
        let whale = desk.ask(&desk.friend("whale", 0), 10 * COIN).await;
        desk.wait(500);
        desk.turn().await;
        assert_eq!(desk.hold_of(whale), Some(HoldReason::MoreThanHeld));
        let small = desk.ask(&desk.friend("whale", 1), COIN / 100).await;
        for _ in 0..10 {
            desk.wait(60_000);
            desk.pass().await;
        }
        desk.are(&[small], Status::Paid);
        // It has its turn as soon as there is enough on its way: what comes after it waits.
        desk.bring(&[20 * COIN]);
        desk.look_again().await;
        assert_eq!(desk.hold_of(whale), Some(HoldReason::AwaitingFunds));
        let later = desk.ask(&desk.friend("whale", 2), COIN / 100).await;
        desk.wait(500);
        desk.turn().await;
        desk.are(&[later], Status::Queued);
        desk.end(&[whale, later]).await;
        desk.are(&[whale, later], Status::Paid);
    }
}

/// A wallet that was emptied: who waits together is paid together.
#[tokio::test]
async fn payouts_of_an_empty_lane_stay_together() {
    let stage = REPLACING[0];
    let Some(desk) = Desk::start(stage, "empty", &[]).await else { return };
    desk.book(COIN).await;
    let ids = desk.ask_many("empty", 5).await;
    desk.wait(500);
    desk.turn().await;
    assert_eq!(desk.hold_of(ids[0]), Some(HoldReason::AwaitingFunds));
    desk.bring(&[COIN]);
    desk.end(&ids).await;
    assert_eq!(desk.txids(&ids).len(), 1);
}
