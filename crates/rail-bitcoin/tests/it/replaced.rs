//! Transactions that wait for too little, by the real engine, signer and rail on real nodes that
//! replace what waits: fees that rise, budgets, and what waits too long.

use std::collections::BTreeSet;

use bitcoin::{OutPoint, ScriptBuf};
use domain::{batch::AttemptStatus, payout::Status, ports::HoldReason, reconcile::Verdict};

use crate::desk::{Desk, NEVER_REPLACING, REPLACING, read, spends};

const COIN: u64 = 100_000_000;

fn outpoints(of: &bitcoin::Transaction) -> BTreeSet<OutPoint> {
    spends(of).into_iter().collect()
}

/// Whom a transaction pays, and how much, beside the lane.
fn paid(desk: &Desk, tx: &bitcoin::Transaction) -> Vec<(ScriptBuf, u64)> {
    let others = tx.output.iter().filter(|it| it.script_pubkey != desk.wallet.script);
    let mut paid: Vec<_> = others.map(|it| (it.script_pubkey.clone(), it.value.to_sat())).collect();
    paid.sort();
    paid
}

#[tokio::test]
async fn a_fee_that_rises_is_followed_and_everybody_is_paid_once() {
    for stage in REPLACING {
        let Some(mut desk) = Desk::start(stage, "risen", &[COIN, COIN]).await else { return };
        let ids = desk.ask_many("risen", 10).await;
        desk.wait(500);
        desk.turn().await;
        let first = desk.newest_of(&ids);
        // Nothing is replaced while it pays enough.
        desk.wait(60_000);
        desk.turn().await;
        assert_eq!(desk.newest_of(&ids), first, "it pays enough");
        desk.set(|it| it.rate_default_sat_per_kvb = Some(12_000));
        desk.wait(60_000);
        desk.turn().await;
        let second = desk.newest_of(&ids);
        let (one, two) = (read(&first), read(&second));
        assert!(outpoints(&one).is_subset(&outpoints(&two)), "all inputs in common");
        assert_eq!(paid(&desk, &one), paid(&desk, &two));
        assert!(second.fee_max.units() * 10 > first.fee_max.units() * 23, "twelve for five");
        assert_eq!(desk.node.waiting(), [second.tx.txid.to_string()]);
        assert_eq!(u128::from(desk.node.fee_of(second.tx.txid.as_str())), second.fee_max.units());
        assert_eq!(desk.reconcile().await, Verdict::Agree);
        // The first is dead when the second is final in any case, and not before.
        for block in 1..=desk.blocks_to_any_finality() {
            desk.pass().await;
            let batch = desk.batch_of(ids[0]);
            let is_final = block >= desk.blocks_to_finality();
            let expected = if is_final { AttemptStatus::Final } else { AttemptStatus::InBlock };
            assert_eq!(batch.attempts[1].status, expected);
            assert_ne!(batch.attempts[0].status, AttemptStatus::InBlock);
            assert!(batch.attempts[0].status != AttemptStatus::Dead || is_final, "{block}");
        }
        desk.end(&ids).await;
        desk.are(&ids, Status::Paid);
        assert_eq!(desk.txids(&ids), [second.tx.txid.to_string()]);
    }
}

/// The first is in a block although it was replaced: its miner never heard of the other.
#[tokio::test]
async fn what_was_replaced_is_included_all_the_same_and_what_spent_the_change_is_made_anew() {
    for stage in REPLACING {
        let Some(mut desk) = Desk::start(stage, "overtaken", &[COIN]).await else { return };
        let ids = desk.ask_many("overtaken", 3).await;
        desk.wait(500);
        desk.turn().await;
        let first = desk.newest_of(&ids);
        desk.set(|it| it.rate_default_sat_per_kvb = Some(12_000));
        desk.wait(60_000);
        desk.turn().await;
        let second = desk.newest_of(&ids);
        assert_ne!(first, second);
        // Another batch spends the change of the replacement.
        let more = desk.ask_many("overtaken more", 2).await;
        desk.wait(500);
        desk.turn().await;
        let child = desk.newest_of(&more);
        let change: bitcoin::Txid = second.tx.txid.as_str().parse().unwrap();
        assert!(spends(&read(&child)).iter().any(|it| it.txid == change));
        desk.node.block_of(&[hex::encode(&first.tx.raw)]);
        let all = [ids.clone(), more.clone()].concat();
        desk.end(&all).await;
        desk.are(&all, Status::Paid);
        assert_eq!(desk.txids(&ids), [first.tx.txid.to_string()]);
        let batch = desk.batch_of(more[0]);
        let statuses: Vec<AttemptStatus> = batch.attempts.iter().map(|it| it.status).collect();
        assert_eq!(statuses, [AttemptStatus::Dead, AttemptStatus::Final]);
    }
}

/// A child pays enough for itself, and waits for what it spends the change of.
#[tokio::test]
async fn a_chain_that_waits_is_lifted_by_its_last() {
    for stage in REPLACING {
        let Some(mut desk) = Desk::start(stage, "tail", &[COIN]).await else { return };
        let first = desk.ask_many("tail", 10).await;
        desk.wait(500);
        desk.turn().await;
        let second = desk.ask_many("tail more", 2).await;
        desk.wait(500);
        desk.turn().await;
        let (parent, child) = (desk.newest_of(&first), desk.newest_of(&second));
        desk.set(|it| it.rate_default_sat_per_kvb = Some(20_000));
        desk.wait(60_000);
        desk.turn().await;
        assert_eq!(desk.newest_of(&first), parent, "somebody spends its change");
        let lifting = desk.newest_of(&second);
        assert_ne!(lifting, child);
        let vsize = [&parent, &lifting].map(|it| read(it).vsize() as u128).iter().sum::<u128>();
        let fees = parent.fee_max.units() + lifting.fee_max.units();
        assert!(fees >= 20 * vsize, "{fees} for {vsize}");
        assert!(fees <= 21 * vsize, "{fees} for {vsize}");
        // It is enough now.
        desk.wait(60_000);
        desk.turn().await;
        assert_eq!(desk.newest_of(&second), lifting);
        // One that has only this change to spend pays enough for itself.
        let third = desk.ask_many("tail last", 2).await;
        desk.wait(500);
        desk.turn().await;
        let last = desk.newest_of(&third);
        assert!(last.fee_max.units() <= 21 * read(&last).vsize() as u128);
        desk.end(&[first, second, third].concat()).await;
    }
}

/// What is made on change that waits for too little pays for what it waits for.
#[tokio::test]
async fn whoever_spends_change_that_waits_in_vain_pays_for_it_if_there_is_nothing_else() {
    for stage in REPLACING {
        let coins = [COIN, COIN / 10];
        let Some(mut desk) = Desk::start(stage, "vain", &coins).await else { return };
        let first = desk.ask(&desk.friend("vain", 0), COIN / 2).await;
        desk.wait(500);
        desk.turn().await;
        let parent = desk.newest_of(&[first]);
        desk.set(|it| it.rate_default_sat_per_kvb = Some(20_000));
        // As long as there is another coin, that one is spent.
        let second = desk.ask(&desk.friend("vain", 1), COIN / 20).await;
        desk.wait(500);
        desk.turn().await;
        let other = desk.newest_of(&[second]);
        let txid: bitcoin::Txid = parent.tx.txid.as_str().parse().unwrap();
        assert!(spends(&read(&other)).iter().all(|it| it.txid != txid));
        let third = desk.ask(&desk.friend("vain", 2), COIN / 4).await;
        desk.wait(500);
        desk.turn().await;
        let child = desk.newest_of(&[third]);
        assert!(spends(&read(&child)).iter().any(|it| it.txid == txid));
        let vsize = [&parent, &child].map(|it| read(it).vsize() as u128).iter().sum::<u128>();
        let fees = parent.fee_max.units() + child.fee_max.units();
        assert!(fees >= 20 * vsize, "{fees} for {vsize}");
        desk.end(&[first, second, third]).await;
    }
}

#[tokio::test]
async fn cap_and_budget_hold_visibly_and_nothing_known_does_too() {
    for stage in [REPLACING[0], REPLACING[3]] {
        let Some(mut desk) = Desk::start(stage, "capped", &[COIN, COIN]).await else { return };
        desk.set(|it| it.rate_default_sat_per_kvb = None);
        let ids = desk.ask_many("capped", 2).await;
        desk.wait(500);
        desk.turn().await;
        assert_eq!(desk.hold_of(ids[0]), Some(HoldReason::FeesUnknown));
        desk.set(|it| {
            it.rate_default_sat_per_kvb = Some(60_000);
            it.limits.rate_max_sat_per_kvb = 50_000;
        });
        desk.look_again().await;
        assert_eq!(desk.hold_of(ids[0]), Some(HoldReason::FeeAboveCap));
        let hold = desk.batch_of(ids[0]).hold.unwrap();
        assert!(hold.detail.contains("0.0006"), "{}", hold.detail);
        desk.set(|it| it.rate_default_sat_per_kvb = Some(5_000));
        desk.look_again().await;
        let first = desk.newest_of(&ids);
        assert_eq!(desk.hold_of(ids[0]), None);
        // Eight times as much is more than four times.
        desk.set(|it| it.rate_default_sat_per_kvb = Some(40_000));
        desk.wait(60_000);
        desk.turn().await;
        assert_eq!(desk.newest_of(&ids), first);
        assert_eq!(desk.hold_of(ids[0]), Some(HoldReason::FeeAboveCap));
        let hold = desk.batch_of(ids[0]).hold.unwrap();
        assert!(hold.detail.contains("replacement_budget_percent"), "{}", hold.detail);
        desk.set(|it| it.limits.replacement_budget_percent = 900);
        desk.wait(60_000);
        desk.turn().await;
        assert_ne!(desk.newest_of(&ids), first);
        assert_eq!(desk.hold_of(ids[0]), None);
        desk.end(&ids).await;
    }
}

#[tokio::test]
async fn what_waits_too_long_is_replaced_although_its_fee_is_right() {
    for stage in REPLACING {
        let Some(desk) = Desk::start(stage, "overdue", &[COIN, COIN]).await else { return };
        let ids = desk.ask_many("overdue", 2).await;
        desk.wait(500);
        desk.turn().await;
        let first = desk.newest_of(&ids);
        for _ in 0..3 {
            desk.wait(60_000);
            desk.turn().await;
            assert_eq!(desk.newest_of(&ids), first);
        }
        desk.wait(60_000);
        desk.turn().await;
        let second = desk.newest_of(&ids);
        assert_ne!(first, second);
        let (one, two) = (first.fee_max.units(), second.fee_max.units());
        let size = read(&second).vsize() as u128;
        // An eighth more, or the node's increment.
        let most = (one + size).max(one + one / 8) + 3;
        assert!(two * 8 >= one * 9 && two <= most, "{one} {two}");
        desk.end(&ids).await;
    }
}

/// The node asks for more than the transaction offers, and takes it no more.
#[tokio::test]
async fn what_nodes_relay_no_more_is_replaced_by_what_they_relay() {
    for stage in REPLACING {
        let Some(mut desk) = Desk::start(stage, "floor", &[COIN, COIN]).await else { return };
        desk.set(|it| it.rate_default_sat_per_kvb = Some(2_000));
        let ids = desk.ask_many("floor", 2).await;
        desk.wait(500);
        desk.turn().await;
        let first = desk.newest_of(&ids);
        let options = stage.options();
        let more = ["-minrelaytxfee=0.00006", "-persistmempool=0", "-blockmintxfee=0.00006"];
        desk.node.restart(&[&options[..], &more[..]].concat());
        assert!(desk.node.waiting().is_empty());
        for _ in 0..4 {
            desk.look_again().await;
        }
        let second = desk.newest_of(&ids);
        assert_ne!(first, second, "{}", desk.report());
        assert!(outpoints(&read(&first)).is_subset(&outpoints(&read(&second))));
        assert_eq!(desk.node.waiting(), [second.tx.txid.to_string()]);
        desk.end(&ids).await;
        assert_eq!(desk.txids(&ids), [second.tx.txid.to_string()]);
    }
}

/// The same with somebody who spends its change.
#[tokio::test]
async fn a_chain_that_nodes_relay_no_more_is_made_anew() {
    for stage in [REPLACING[0], REPLACING[3], NEVER_REPLACING[0]] {
        let Some(mut desk) = Desk::start(stage, "anew", &[COIN]).await else { return };
        desk.set(|it| it.rate_default_sat_per_kvb = Some(2_000));
        let ids = desk.ask_many("anew", 2).await;
        desk.wait(500);
        desk.turn().await;
        let more = desk.ask_many("anew more", 2).await;
        desk.wait(500);
        desk.turn().await;
        let (parent, child) = (desk.newest_of(&ids), desk.newest_of(&more));
        let options = stage.options();
        let floor = ["-minrelaytxfee=0.00006", "-persistmempool=0", "-blockmintxfee=0.00006"];
        desk.node.restart(&[&options[..], &floor[..]].concat());
        let all = [ids.clone(), more.clone()].concat();
        desk.end(&all).await;
        desk.are(&all, Status::Paid);
        assert_ne!(desk.txids(&ids), [parent.tx.txid.to_string()]);
        assert_ne!(desk.txids(&more), [child.tx.txid.to_string()]);
        assert_eq!(desk.batch_of(more[0]).attempts[0].status, AttemptStatus::Dead);
    }
}
