//! Payouts that need more coins than one transaction has room for, by the real engine, signer and rail
//! on real nodes.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use domain::{chore::Chore, ids::PayoutId, payout::Status, ports::HoldReason};
use serde_json::{Value, json};

use crate::desk::{Desk, Edit, REPLACING, edited, nobody};

fn gather() -> Chore {
    Chore::Prepare("gather".to_owned())
}

/// A payout that waits because it needs too many coins.
async fn waits(desk: &Desk, name: &str, sat: u64) -> PayoutId {
    let id = desk.ask(&desk.friend(name, 0), sat).await;
    desk.wait(500);
    desk.turn().await;
    assert_eq!(desk.hold_of(id), Some(HoldReason::AwaitingFunds));
    let detail = desk.batch_of(id).hold.unwrap().detail;
    assert!(detail.contains("brought together"), "{detail}");
    id
}

/// The signer is shown the transaction that made each coin, and one with many outputs is large.
#[tokio::test]
async fn a_payout_from_many_coins_of_large_transactions_is_paid() {
    let stage = REPLACING[0];
    let Some(desk) = Desk::start(stage, "parents", &[100_000; 1_400]).await else { return };
    let id = waits(&desk, "parents", 45_000_000).await;
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
    let id = waits(&desk, "heavy", 53_000_000).await;
    let small = desk.ask(&desk.friend("heavy", 1), 30_000).await;
    desk.end(&[id, small]).await;
    desk.are(&[id, small], Status::Paid);
    assert_eq!(desk.chores(), [gather()]);
}

/// It may have been called off: who still waits says so again.
#[tokio::test]
async fn for_a_payout_that_does_not_wait_any_more_nothing_is_brought_together() {
    let stage = REPLACING[1];
    let Some(desk) = Desk::start(stage, "silent", &[30_000; 1_900]).await else { return };
    waits(&desk, "silent", 53_000_000).await;
    desk.node.mine(&nobody(), 1);
    assert_eq!(desk.tend().await, None);
    desk.look_again().await;
    assert_eq!(desk.tend().await, Some(gather()));
}

/// What economy costs stays as it is.
#[tokio::test]
async fn what_a_payout_waits_for_is_raised_with_what_is_recommended() {
    let stage = REPLACING[1];
    let Some(mut desk) = Desk::start(stage, "raised", &[30_000; 1_900]).await else { return };
    let recommended = Arc::new(AtomicU64::new(5_000));
    let asked = Arc::new(AtomicU64::new(0));
    let (told, counted) = (recommended.clone(), asked.clone());
    let edit: Edit = Arc::new(move |call: &Value, answer: &mut Value| {
        if call["method"] == "gettxspendingprevout" {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        if call["method"] == "estimatesmartfee" {
            let is_economy = call["params"][0].as_u64().unwrap() > 6;
            let sat = if is_economy { 4_000 } else { told.load(Ordering::Relaxed) };
            let rate: Value = serde_json::from_str(&format!("0.{sat:08}")).unwrap();
            answer["result"] = json!({"feerate": rate, "blocks": call["params"][0]});
        }
    });
    desk.connect(vec![edited("#1", &desk.node.url(), true, &edit)]);
    let id = waits(&desk, "raised", 53_000_000).await;
    assert_eq!(desk.tend().await, Some(gather()));
    desk.turn().await;
    let attempts = |desk: &Desk| {
        let is_it = |it: &&domain::batch::Batch| it.chore == Some(gather());
        desk.store.look(|it| it.batches.values().find(is_it).unwrap().attempts.clone())
    };
    let first = attempts(&desk);
    assert_eq!(desk.node.waiting(), [first[0].tx.txid.to_string()]);
    recommended.store(12_000, Ordering::Relaxed);
    desk.wait(60_000);
    desk.turn().await;
    let all = attempts(&desk);
    assert_eq!(all.len(), 2, "{}", desk.report());
    assert!(all[1].fee_max.units() > 2 * first[0].fee_max.units());
    assert_eq!(desk.node.waiting(), [all[1].tx.txid.to_string()]);
    // A node is not asked of each coin who spends it: who spends one of them spends all.
    asked.store(0, Ordering::Relaxed);
    desk.look_again().await;
    assert!((1..10).contains(&asked.load(Ordering::Relaxed)), "{asked:?}");
    desk.end(&[id]).await;
    desk.are(&[id], Status::Paid);
    assert_eq!(desk.chores(), [gather()]);
}
