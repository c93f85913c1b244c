//! What lanes do for themselves, by the real engine, signer and rail on real nodes: lifting what
//! waits where nothing is replaced, and bringing small coins together.

use domain::{chore::Chore, payout::Status, ports::HoldReason, reconcile::Verdict};

use crate::desk::{Desk, NEVER_REPLACING, REPLACING, Stage, endpoint, nobody, read, status_in};

const COIN: u64 = 100_000_000;

fn words(desk: &Desk) -> Vec<String> {
    let words = |it: Chore| match it {
        Chore::Prepare(words) => words,
        Chore::Fill { .. } | Chore::TopUp(_) => panic!("{it:?}"),
    };
    desk.chores().into_iter().map(words).collect()
}

#[tokio::test]
async fn what_waits_is_lifted_into_a_block_where_nothing_is_replaced() {
    for stage in NEVER_REPLACING {
        let Some(mut desk) = Desk::start(stage, "lifted", &[COIN]).await else { return };
        desk.node.restart(&["-blockmintxfee=0.0001"]);
        desk.set(|it| it.rate_default_sat_per_kvb = Some(2_000));
        let ids = desk.ask_many("lifted", 5).await;
        desk.wait(500);
        desk.turn().await;
        let parent = desk.newest_of(&ids);
        desk.set(|it| {
            it.rate_default_sat_per_kvb = Some(20_000);
            it.limits.replacement_budget_percent = 1_000;
        });
        // Nothing is replaced, however long it waits.
        for _ in 0..3 {
            desk.wait(60_000);
            desk.turn().await;
            assert_eq!(desk.newest_of(&ids), parent);
        }
        // It must have waited for two blocks.
        assert_eq!(desk.tend().await, None);
        desk.pass().await;
        assert_eq!(desk.tend().await, None);
        desk.pass().await;
        let lift = format!("lift {}", parent.tx.txid);
        assert_eq!(desk.tend().await, Some(Chore::Prepare(lift.clone())));
        desk.turn().await;
        assert_eq!(desk.node.waiting().len(), 2);
        let fees: u64 = desk.node.waiting().iter().map(|it| desk.node.fee_of(it)).sum();
        let child = desk.store.look(|it| {
            let batch = it.batches.values().find(|it| it.chore.is_some()).unwrap();
            batch.attempts[0].clone()
        });
        let vsize = (read(&parent).vsize() + read(&child).vsize()) as u64;
        assert!((20 * vsize..=21 * vsize).contains(&fees), "{fees} for {vsize}");
        assert_eq!(desk.reconcile().await, Verdict::Agree);
        desk.node.mine(&nobody(), 1);
        assert!(desk.node.waiting().is_empty(), "both are in the block");
        desk.end(&ids).await;
        desk.are(&ids, Status::Paid);
        assert_eq!(words(&desk), [lift], "once");
    }
}

/// The operator says that it replaces what waits, and it does not.
#[tokio::test]
async fn a_node_that_refuses_one_replacement_is_taken_to_replace_nothing() {
    for stage in NEVER_REPLACING {
        let Some(mut desk) = Desk::start(stage, "untold", &[COIN]).await else { return };
        desk.node.restart(&["-blockmintxfee=0.0001"]);
        desk.set(|it| it.rate_default_sat_per_kvb = Some(5_000));
        let ids = desk.ask_many("untold", 5).await;
        desk.wait(500);
        desk.turn().await;
        let parent = desk.newest_of(&ids);
        desk.settings.rate_default_sat_per_kvb = Some(15_000);
        desk.connect(vec![endpoint("#1", &desk.node.url(), true)]);
        for _ in 0..5 {
            desk.wait(60_000);
            desk.turn().await;
        }
        let batch = desk.batch_of(ids[0]);
        assert_eq!(batch.attempts.len(), 2, "one was tried: {}", desk.report());
        assert_eq!(batch.hold, None, "nothing has to be mended");
        for _ in 0..3 {
            desk.tend().await;
            desk.pass().await;
        }
        desk.end(&ids).await;
        assert_eq!(words(&desk), [format!("lift {}", parent.tx.txid)]);
        assert_eq!(desk.txids(&ids), [parent.tx.txid.to_string()]);
    }
}

/// What the node keeps is the first, and the second, which it refused, is the newest.
#[tokio::test]
async fn what_waits_in_place_of_a_refused_replacement_is_held_if_it_may_not_be_lifted() {
    for stage in NEVER_REPLACING {
        let Some(mut desk) = Desk::start(stage, "kept", &[COIN]).await else { return };
        let ids = desk.ask_many("kept", 5).await;
        desk.wait(500);
        desk.turn().await;
        desk.settings.rate_default_sat_per_kvb = Some(15_000);
        desk.connect(vec![endpoint("#1", &desk.node.url(), true)]);
        desk.wait(60_000);
        desk.turn().await;
        let batch = desk.batch_of(ids[0]);
        assert_eq!((batch.attempts.len(), batch.hold), (2, None), "{}", desk.report());
        desk.set(|it| it.rate_default_sat_per_kvb = Some(60_000));
        desk.wait(60_000);
        desk.turn().await;
        let hold = desk.batch_of(ids[0]).hold.unwrap_or_else(|| panic!("{}", desk.report()));
        assert_eq!(hold.reason, HoldReason::FeeAboveCap);
        assert!(hold.detail.contains("waits for too little before"), "{}", hold.detail);
    }
}

#[tokio::test]
async fn nothing_is_lifted_above_the_cap() {
    for stage in [NEVER_REPLACING[0]] {
        let Some(mut desk) = Desk::start(stage, "cap", &[COIN]).await else { return };
        desk.node.restart(&["-blockmintxfee=0.001"]);
        desk.restart();
        let ids = desk.ask_many("cap", 5).await;
        desk.wait(500);
        desk.turn().await;
        desk.set(|it| {
            it.rate_default_sat_per_kvb = Some(60_000);
            it.limits.rate_max_sat_per_kvb = 50_000;
            it.limits.replacement_budget_percent = 1_000;
        });
        for _ in 0..6 {
            assert_eq!(desk.tend().await, None);
            desk.pass().await;
        }
        desk.set(|it| it.rate_default_sat_per_kvb = Some(40_000));
        for _ in 0..3 {
            desk.tend().await;
            desk.pass().await;
        }
        assert_eq!(words(&desk).len(), 1, "{}", desk.report());
        // A lane does one thing at a time for itself, and nothing that waits is replaced here.
        desk.set(|it| it.limits.rate_max_sat_per_kvb = 300_000);
        desk.set(|it| it.rate_default_sat_per_kvb = Some(200_000));
        for _ in 0..3 {
            assert_eq!(desk.tend().await, None);
            desk.wait(60_000);
            desk.turn().await;
        }
        let attempts: usize =
            desk.store.look(|it| it.batches.values().map(|it| it.attempts.len()).sum());
        assert_eq!(attempts, 2, "{}", desk.report());
        desk.node.restart(&[]);
        desk.restart();
        desk.end(&ids).await;
        assert_eq!(words(&desk).len(), 1, "{:?}", words(&desk));
    }
}

/// Many coins, of which the lane keeps the twenty largest.
fn many() -> Vec<u64> {
    (0..72).map(|it| 40_000 + it).chain([COIN; 3]).collect()
}

fn all() -> impl Iterator<Item = Stage> {
    [REPLACING[0], REPLACING[3], NEVER_REPLACING[0]].into_iter()
}

#[tokio::test]
async fn small_coins_are_brought_together_while_it_is_cheap_and_once() {
    for stage in all() {
        let Some(mut desk) = Desk::start(stage, "gather", &many()).await else { return };
        for _ in 0..3 {
            assert_eq!(desk.tend().await, None, "it costs too much");
            desk.pass().await;
        }
        desk.set(|it| it.rate_default_sat_per_kvb = Some(1_500));
        assert_eq!(desk.tend().await, Some(Chore::Prepare("gather".to_owned())));
        desk.turn().await;
        assert_eq!(desk.node.waiting().len(), 1);
        assert_eq!(desk.reconcile().await, Verdict::Agree);
        for _ in 0..8 {
            desk.tend().await;
            desk.pass().await;
        }
        assert_eq!(words(&desk), ["gather"], "once");
        assert_eq!(desk.coins().len(), 21);
        desk.audit();
    }
}

/// A node that forgot what waits takes its coins for free. What spends them is known better here.
#[tokio::test]
async fn what_cannot_be_gathered_is_not_begun_over_and_over() {
    // Each look at so many coins takes a while, so that one kind of node has to do.
    for stage in all().take(1) {
        let Some(mut desk) = Desk::start(stage, "loop", &many()).await else { return };
        desk.set(|it| it.rate_default_sat_per_kvb = Some(1_500));
        assert!(desk.tend().await.is_some());
        desk.turn().await;
        let forgets = ["-persistmempool=0", "-walletbroadcast=0", "-minrelaytxfee=0.00002"];
        desk.node.restart(&[&stage.options()[..], &forgets[..]].concat());
        for _ in 0..8 {
            desk.tend().await;
            desk.look_again().await;
        }
        assert!(words(&desk).len() <= 2, "{:?}", words(&desk));
        desk.set(|it| it.rate_default_sat_per_kvb = Some(2_500));
        desk.wait(60_000);
        let is_closed = |it: &sim::store::Contents| it.batches.values().all(|it| it.closed);
        desk.until("gathered", is_closed).await;
        desk.audit();
    }
}

#[tokio::test]
async fn small_coins_go_along_with_payouts() {
    for stage in all() {
        let Some(mut desk) = Desk::start(stage, "along", &many()[32..]).await else { return };
        desk.set(|it| it.rate_default_sat_per_kvb = Some(1_500));
        assert_eq!(desk.tend().await, None, "twenty more than those that are kept are not many");
        let ids = desk.ask_many("along", 10).await;
        desk.wait(500);
        desk.turn().await;
        let inputs = read(&desk.newest_of(&ids)).input.len();
        assert!((10..=11).contains(&inputs), "one for each payment: {inputs}");
        desk.until("paid", |it| ids.iter().all(|id| status_in(it, *id) == Status::Paid)).await;
        desk.audit();
    }
}
