//! Payouts that need more coins than one transaction has room for, by the real engine, signer and rail
//! on real nodes.

use domain::{chore::Chore, payout::Status, ports::HoldReason};

use crate::desk::{Desk, REPLACING};

fn gather() -> Chore {
    Chore::Prepare("gather".to_owned())
}

/// The signer is shown the transaction that made each coin, and one with many outputs is large.
#[tokio::test]
async fn a_payout_from_many_coins_of_large_transactions_is_paid() {
    let stage = REPLACING[0];
    let Some(desk) = Desk::start(stage, "parents", &[100_000; 1_400]).await else { return };
    let id = desk.ask(&desk.friend("parents", 0), 45_000_000).await;
    desk.wait(500);
    desk.turn().await;
    assert_eq!(desk.hold_of(id), Some(HoldReason::AwaitingFunds));
    let detail = desk.batch_of(id).hold.unwrap().detail;
    assert!(detail.contains("brought together"), "{detail}");
    desk.end(&[id]).await;
    desk.are(&[id], Status::Paid);
    assert_eq!(desk.chores(), [gather()]);
}

/// There is no room for the inputs. What it costs to bring them together is not what the operator
/// calls cheap.
#[tokio::test]
async fn a_payout_that_needs_too_many_coins_has_them_brought_together() {
    let stage = REPLACING[1];
    let Some(desk) = Desk::start(stage, "heavy", &[30_000; 1_900]).await else { return };
    let id = desk.ask(&desk.friend("heavy", 0), 53_000_000).await;
    desk.wait(500);
    desk.turn().await;
    assert_eq!(desk.hold_of(id), Some(HoldReason::AwaitingFunds));
    let detail = desk.batch_of(id).hold.unwrap().detail;
    assert!(detail.contains("brought together"), "{detail}");
    let small = desk.ask(&desk.friend("heavy", 1), 30_000).await;
    desk.end(&[id, small]).await;
    desk.are(&[id, small], Status::Paid);
    assert_eq!(desk.chores(), [gather()]);
}
