//! Transactions that are lost, undone or excluded, nodes that are away, and keys that somebody else
//! has, too, by the real engine, signer and rail on real nodes.

use bitcoin::consensus::encode::serialize_hex;
use domain::{
    batch::{AttemptStatus, Batch},
    payout::Status,
    ports::HoldReason,
    reconcile::Verdict,
};
use serde_json::json;

use crate::desk::{Desk, NEVER_REPLACING, REPLACING, Stage, nobody, read};

const COIN: u64 = 100_000_000;

fn stages() -> impl Iterator<Item = Stage> {
    REPLACING.into_iter().chain(NEVER_REPLACING)
}

fn statuses(batch: &Batch) -> Vec<AttemptStatus> {
    batch.attempts.iter().map(|it| it.status).collect()
}

#[tokio::test]
async fn what_nodes_forgot_is_handed_over_again_and_paid_once() {
    for stage in stages() {
        let Some(mut desk) = Desk::start(stage, "forgot", &[COIN]).await else { return };
        let ids = desk.ask_many("forgot", 3).await;
        desk.wait(500);
        desk.turn().await;
        // One that spends the change of it goes with it.
        let more = desk.ask_many("forgot more", 2).await;
        desk.wait(500);
        desk.turn().await;
        let (first, child) = (desk.newest_of(&ids), desk.newest_of(&more));
        let options = stage.options();
        // A wallet in the node gives it back what it knew, unless it is told not to.
        let forgets = ["-persistmempool=0", "-walletbroadcast=0"];
        desk.node.restart(&[&options[..], &forgets[..]].concat());
        assert!(desk.node.waiting().is_empty());
        assert_eq!(desk.reconcile().await, Verdict::Agree);
        // Somebody else wants to be paid meanwhile; coins that are spoken for are left alone.
        let others = desk.ask_many("forgot others", 2).await;
        desk.wait(500);
        desk.group().await;
        for _ in 0..4 {
            desk.look_again().await;
        }
        let waiting = desk.node.waiting();
        for attempt in [&first, &child] {
            assert!(waiting.contains(&attempt.tx.txid.to_string()), "{}", desk.report());
        }
        let all = [ids, more, others].concat();
        desk.end(&all).await;
        desk.are(&all, Status::Paid);
        for attempt in [&first, &child] {
            assert!(desk.txids(&all).contains(&attempt.tx.txid.to_string()));
        }
    }
}

#[tokio::test]
async fn blocks_that_are_undone_and_come_back_change_nothing_in_the_end() {
    for stage in stages() {
        let Some(desk) = Desk::start(stage, "undone", &[COIN]).await else { return };
        let ids = desk.ask_many("undone", 3).await;
        desk.wait(500);
        desk.turn().await;
        let attempt = desk.newest_of(&ids);
        desk.node.mine(&nobody(), 2);
        desk.look_again().await;
        desk.are(&ids, Status::InBlock);
        // Two blocks go, and three without it come.
        let undone = desk.node.undo(2);
        desk.look_again().await;
        assert!(desk.node.waiting().contains(&attempt.tx.txid.to_string()));
        desk.are(&ids, Status::Sending);
        assert_eq!(desk.reconcile().await, Verdict::Agree);
        let other = desk.node.block_of(&[]);
        desk.node.block_of(&[]);
        desk.node.block_of(&[]);
        desk.look_again().await;
        desk.are(&ids, Status::Sending);
        // And back again.
        desk.node.ask("reconsiderblock", &json!([undone]));
        desk.node.ask("invalidateblock", &json!([other]));
        desk.look_again().await;
        desk.are(&ids, Status::InBlock);
        assert_eq!(desk.reconcile().await, Verdict::Agree);
        desk.end(&ids).await;
        assert_eq!(desk.txids(&ids), [attempt.tx.txid.to_string()]);
        assert_eq!(desk.batch_of(ids[0]).attempts.len(), 1);
    }
}

#[tokio::test]
async fn a_key_that_somebody_else_has_pays_once_all_the_same() {
    for stage in stages() {
        let Some(desk) = Desk::start(stage, "stolen", &[COIN, 2 * COIN]).await else { return };
        let ids = desk.ask_many("stolen", 3).await;
        desk.wait(500);
        desk.turn().await;
        let first = desk.newest_of(&ids);
        let tx = read(&first);
        let coins = desk.coins();
        let spent = tx.input[0].previous_output;
        let coin = coins.into_iter().find(|it| it.outpoint == spent).unwrap();
        let theft = desk.steal(&[coin], 50_000);
        desk.node.block_of(&[serialize_hex(&theft)]);
        for block in 1..desk.blocks_to_any_finality() {
            desk.look_again().await;
            let batch = desk.batch_of(ids[0]);
            assert_eq!(batch.attempts.len(), 1, "{block}: {}", desk.report());
            assert!(batch.attempts[0].status.is_live(), "{block}");
            desk.node.mine(&nobody(), 1);
        }
        // It is handed over once more, and looked for.
        desk.look_again().await;
        desk.look_again().await;
        let batch = desk.batch_of(ids[0]);
        assert_eq!(batch.attempts[0].status, AttemptStatus::Dead, "{}", desk.report());
        desk.until("paid", |it| {
            ids.iter().all(|id| crate::desk::status_in(it, *id) == Status::Paid)
        })
        .await;
        assert_eq!(statuses(&desk.batch_of(ids[0])), [AttemptStatus::Dead, AttemptStatus::Final]);
        // What was stolen is missing.
        let missing = i128::from(coin.value_sat);
        assert_eq!(desk.reconcile().await, Verdict::Differ { units: missing });
    }
}

/// An old copy of the database is put back while a payment that it does not know of waits, and then
/// is in a block.
#[tokio::test]
async fn an_old_copy_of_the_database_pays_nothing_that_is_not_final_again() {
    for stage in stages() {
        let Some(mut desk) = Desk::start(stage, "copy", &[COIN, COIN]).await else { return };
        let id = desk.ask(&desk.friend("copy", 0), COIN / 5).await;
        let copy = desk.store.look(Clone::clone);
        desk.wait(500);
        desk.turn().await;
        let paid = desk.newest_of(&[id]);
        assert_eq!(desk.stranger().await, None, "it was signed here");
        desk.store = copy.into();
        desk.restart();
        for block in 0..desk.blocks_to_finality() {
            desk.look_again().await;
            let batch = desk.batch_of(id);
            assert!(batch.attempts.is_empty(), "{block}: it is paid twice: {}", desk.report());
            let hold = batch.hold.unwrap();
            assert_eq!(hold.reason, HoldReason::KeyUsedElsewhere);
            assert!(hold.detail.contains("old copy of the database"), "{}", hold.detail);
            assert!(hold.detail.contains(paid.tx.txid.as_str()), "{}", hold.detail);
            assert_eq!(desk.stranger().await, Some(hold));
            desk.node.mine(&nobody(), 1);
        }
        // From here on the books say so.
        assert_eq!(desk.stranger().await, None);
        assert!(matches!(desk.reconcile().await, Verdict::Differ { units: 1.. }));
    }
}

/// The block with ours is replaced by one with a conflicting spend, and that by one with ours.
#[tokio::test]
async fn a_conflict_that_is_undone_was_none() {
    for stage in stages() {
        let Some(desk) = Desk::start(stage, "conflict", &[COIN]).await else { return };
        let ids = desk.ask_many("conflict", 3).await;
        desk.wait(500);
        desk.turn().await;
        let attempt = desk.newest_of(&ids);
        let coins = desk.coins();
        desk.node.mine(&nobody(), 1);
        desk.look_again().await;
        desk.are(&ids, Status::InBlock);
        let ours = desk.node.undo(1);
        let theft = desk.steal(&coins, 50_000);
        let theirs = desk.node.block_of(&[serialize_hex(&theft)]);
        desk.node.block_of(&[]);
        for _ in 0..3 {
            desk.look_again().await;
        }
        desk.are(&ids, Status::Sending);
        assert_eq!(statuses(&desk.batch_of(ids[0])).len(), 1, "{}", desk.report());
        let hold = desk.hold_of(ids[0]);
        assert!(matches!(hold, None | Some(HoldReason::NotRelayed)), "{hold:?}");
        desk.node.ask("invalidateblock", &json!([theirs]));
        desk.node.ask("reconsiderblock", &json!([ours]));
        desk.end(&ids).await;
        desk.are(&ids, Status::Paid);
        assert_eq!(desk.txids(&ids), [attempt.tx.txid.to_string()]);
    }
}

#[tokio::test]
async fn a_node_that_is_away_delays_and_changes_nothing() {
    for stage in [REPLACING[0], REPLACING[3]] {
        let Some(mut desk) = Desk::start(stage, "away", &[COIN, COIN]).await else { return };
        let options = stage.options();
        let mut all = vec![];
        // It goes away before a transaction is made, before it is handed over, and afterwards.
        for steps in 0..3 {
            let ids = desk.ask_many(&format!("away {steps}"), 2).await;
            desk.wait(500);
            desk.group().await;
            let batch = desk.batch_of(ids[0]).id;
            for _ in 0..steps {
                desk.step(batch).await;
            }
            desk.node.stop();
            for _ in 0..3 {
                desk.step(batch).await;
                desk.wait(1_000);
            }
            desk.node.begin(&options);
            desk.restart();
            desk.look_again().await;
            assert_eq!(desk.batch_of(ids[0]).attempts.len(), 1, "{}", desk.report());
            all.extend(ids);
        }
        desk.end(&all).await;
        desk.are(&all, Status::Paid);
        assert_eq!(desk.txids(&all).len(), 3);
        assert_eq!(desk.reconcile().await, Verdict::Agree);
    }
}
