//! Two nodes of one network, of which one is behind, on a branch of its own, on another network, or
//! lies.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use domain::{
    payout::Status,
    ports::{HoldReason, Rail as _},
};
use serde_json::{Value, json};

use crate::{
    desk::{Desk, Edit, REPLACING, Stage, edited, endpoint, nobody, read, spends},
    regtest::Regtest,
};

const COIN: u64 = 100_000_000;

fn stages() -> [Stage; 2] {
    [REPLACING[0], REPLACING[3]]
}

/// A desk with two nodes that know the same blocks; the second is the preferred one if that is
/// wanted.
async fn two(stage: Stage, name: &str, second_first: bool) -> Option<(Desk, Regtest)> {
    let mut desk = Desk::start(stage, name, &[COIN, COIN]).await?;
    let name = format!("{name}-second-{:?}", stage.kind);
    let other = Regtest::start_with(stage.network, &name, &stage.options())?;
    other.learn(&desk.node);
    let mut endpoints = vec![
        endpoint("#1", &desk.node.url(), stage.replaces),
        endpoint("#2", &other.url(), stage.replaces),
    ];
    if second_first {
        endpoints.reverse();
    }
    desk.connect(endpoints);
    Some((desk, other))
}

#[tokio::test]
async fn a_node_that_is_behind_delays_the_end_and_is_not_built_with() {
    for stage in stages() {
        let Some((desk, other)) = two(stage, "behind", true).await else { return };
        let ids = desk.ask_many("behind", 2).await;
        desk.wait(500);
        desk.turn().await;
        let attempt = desk.newest_of(&ids);
        for node in [&desk.node, &other] {
            assert_eq!(node.waiting(), [attempt.tx.txid.to_string()], "both were handed it");
        }
        desk.node.mine(&nobody(), desk.blocks_to_finality());
        for _ in 0..3 {
            desk.look_again().await;
        }
        desk.are(&ids, Status::InBlock);
        // The change is in a block for the first, and that one is built with.
        let more = desk.ask(&desk.friend("behind more", 0), COIN / 2).await;
        desk.wait(500);
        desk.turn().await;
        assert_eq!(desk.batch_of(more).attempts.len(), 1, "{}", desk.report());
        other.learn(&desk.node);
        desk.look_again().await;
        desk.are(&ids, Status::Paid);
        for _ in 0..desk.blocks_to_any_finality() {
            desk.node.mine(&nobody(), 1);
            other.learn(&desk.node);
            desk.look_again().await;
        }
        desk.look_again().await;
        desk.are(&[more], Status::Paid);
        desk.audit();
    }
}

/// What is final for one is not what is final for the other: nothing is built until they agree.
#[tokio::test]
async fn branches_that_are_final_for_both_pause_until_they_are_one() {
    for stage in stages() {
        let Some((desk, other)) = two(stage, "branch", true).await else { return };
        // It is paid on a branch that the first does not know; both are as long.
        other.mine(&desk.wallet.script, 1);
        other.mine(&nobody(), 110);
        desk.node.mine(&nobody(), 111);
        desk.look_again().await;
        desk.book(30 * COIN).await;
        let large = desk.ask(&desk.friend("branch", 0), 4 * COIN).await;
        desk.wait(500);
        desk.turn().await;
        desk.look_again().await;
        assert_eq!(desk.hold_of(large), Some(HoldReason::NodesDisagree), "{}", desk.report());
        let alert = desk.rail.alert().unwrap();
        assert!(alert.contains("of final block") && alert.contains("#1 says"), "{alert}");
        assert_eq!(desk.batch_of(large).hold.map(|it| it.detail), Some(alert));
        other.undo(111);
        other.learn(&desk.node);
        desk.look_again().await;
        assert_eq!(desk.rail.alert(), None);
        assert_eq!(desk.hold_of(large), Some(HoldReason::MoreThanHeld), "{}", desk.report());
        assert!(desk.batch_of(large).attempts.is_empty());
    }
}

/// What only one has is not spent: it may be a lie, or a branch that nobody follows.
#[tokio::test]
async fn coins_of_a_branch_of_its_own_are_not_spent() {
    for stage in stages() {
        let Some((desk, other)) = two(stage, "own", true).await else { return };
        // It waits where one knows it, or is in a block that is final for nobody yet.
        let gift = desk.gift(&[5 * COIN]);
        other.learn(&desk.node);
        other.block_of(&[bitcoin::consensus::encode::serialize_hex(&gift)]);
        desk.node.mine(&nobody(), 1);
        desk.book(30 * COIN).await;
        let large = desk.ask(&desk.friend("own", 0), 4 * COIN).await;
        desk.wait(500);
        desk.turn().await;
        desk.look_again().await;
        assert_eq!(desk.hold_of(large), Some(HoldReason::MoreThanHeld), "{}", desk.report());
        assert!(desk.batch_of(large).attempts.is_empty());
    }
}

#[tokio::test]
async fn a_node_that_lies_about_a_payment_settles_nothing_alone() {
    for stage in stages() {
        let Some((mut desk, other)) = two(stage, "liar", false).await else { return };
        let lies = Arc::new(AtomicBool::new(false));
        let edit: Edit = {
            let lies = lies.clone();
            Arc::new(move |call: &Value, answer: &mut Value| {
                if lies.load(Ordering::Relaxed) && call["method"] == "gettransaction" {
                    answer["result"]["confirmations"] = json!(50);
                    answer["result"]["blockheight"] = json!(10);
                }
            })
        };
        let replaces = stage.replaces;
        let honest = endpoint("#1", &desk.node.url(), replaces);
        desk.connect(vec![honest, edited("#2", &other.url(), replaces, &edit)]);
        let ids = desk.ask_many("liar", 2).await;
        desk.wait(500);
        desk.turn().await;
        lies.store(true, Ordering::Relaxed);
        for _ in 0..5 {
            desk.look_again().await;
        }
        assert!(ids.iter().all(|it| !desk.status(*it).is_final()), "{}", desk.report());
        for block in 1..=desk.blocks_to_finality() {
            assert!(ids.iter().all(|it| !desk.status(*it).is_final()), "{block}");
            desk.node.mine(&nobody(), 1);
            desk.look_again().await;
        }
        desk.look_again().await;
        desk.are(&ids, Status::Paid);
        desk.audit();
    }
}

/// It did not answer when the gateway started, and has many more blocks.
#[tokio::test]
async fn a_node_of_another_network_is_not_believed() {
    for stage in stages() {
        let Some(mut desk) = Desk::start(stage, "foreign", &[COIN]).await else { return };
        let network = if stage.network == "bitcoin" { "litecoin" } else { "bitcoin" };
        let name = format!("foreign-other-{:?}", stage.kind);
        let Some(other) = Regtest::start_with(network, &name, &[]) else { return };
        other.mine(&nobody(), 400);
        desk.settings.quorum = Some(1);
        desk.connect(vec![
            endpoint("#1", &other.url(), true),
            endpoint("#2", &desk.node.url(), stage.replaces),
        ]);
        let ids = desk.ask_many("foreign", 2).await;
        desk.end(&ids).await;
        desk.are(&ids, Status::Paid);
    }
}

/// One of them answers no more in the middle of everything: what was made is followed, and nothing is
/// made until it is back.
#[tokio::test]
async fn a_node_that_is_away_is_waited_for() {
    for stage in stages() {
        let Some((desk, mut other)) = two(stage, "gone", true).await else { return };
        let ids = desk.ask_many("gone", 2).await;
        desk.wait(500);
        desk.turn().await;
        let attempt = desk.newest_of(&ids);
        other.stop();
        assert_eq!(desk.node.waiting(), [attempt.tx.txid.to_string()]);
        assert!(spends(&read(&attempt)).len() == 1);
        desk.node.mine(&nobody(), desk.blocks_to_finality());
        for _ in 0..2 {
            desk.look_again().await;
        }
        desk.are(&ids, Status::InBlock);
        let more = desk.ask(&desk.friend("gone more", 0), COIN / 2).await;
        desk.wait(500);
        desk.turn().await;
        assert_eq!(desk.hold_of(more), Some(HoldReason::NodesDisagree), "{}", desk.report());
        assert!(desk.rail.alert().unwrap().contains("#2 is silent"));
        other.begin(&stage.options());
        other.learn(&desk.node);
        for _ in 0..4 {
            desk.look_again().await;
        }
        desk.are(&ids, Status::Paid);
        assert_eq!(desk.batch_of(more).attempts.len(), 1, "{}", desk.report());
        for _ in 0..=desk.blocks_to_any_finality() {
            desk.node.mine(&nobody(), 1);
            other.learn(&desk.node);
            desk.look_again().await;
        }
        desk.are(&[more], Status::Paid);
        desk.audit();
    }
}

/// What one of three relays does not set the price, whatever the other two say.
#[tokio::test]
async fn what_one_node_relays_does_not_set_the_price() {
    let stage = REPLACING[0];
    let Some(mut desk) = Desk::start(stage, "floor", &[COIN, COIN]).await else { return };
    let edit: Edit = Arc::new(|call: &Value, answer: &mut Value| {
        if call["method"] == "getmempoolinfo" {
            answer["result"]["mempoolminfee"] = json!(0.00499);
        }
    });
    let url = desk.node.url();
    let others = ["#2", "#3"].map(|it| endpoint(it, &url, true));
    desk.connect([edited("#1", &url, true, &edit)].into_iter().chain(others).collect());
    let ids = desk.ask_many("floor", 2).await;
    desk.wait(500);
    desk.turn().await;
    let made = desk.newest_of(&ids);
    let rate = made.fee_max.units() / read(&made).vsize() as u128;
    assert!(rate < 10, "{rate}");
    desk.end(&ids).await;
}

/// It answers, and has no wallet: the other two, who are enough, are asked first then.
#[tokio::test]
async fn a_node_that_does_not_tell_what_a_lane_has_does_not_lead() {
    let stage = REPLACING[0];
    let Some(mut desk) = Desk::start(stage, "mute", &[COIN]).await else { return };
    let edit: Edit = Arc::new(|call: &Value, answer: &mut Value| {
        if call["method"] == "listunspent" {
            answer["result"] = Value::Null;
            answer["error"] = json!({"code": -18, "message": "no wallet is loaded"});
        }
    });
    let url = desk.node.url();
    let others = ["#2", "#3"].map(|it| endpoint(it, &url, true));
    desk.connect([edited("#1", &url, true, &edit)].into_iter().chain(others).collect());
    let id = desk.ask(&desk.friend("mute", 0), COIN / 2).await;
    desk.wait(500);
    for _ in 0..3 {
        desk.look_again().await;
    }
    assert_eq!(desk.batch_of(id).attempts.len(), 1, "{}", desk.report());
    desk.end(&[id]).await;
    desk.are(&[id], Status::Paid);
}

/// It says that a coin is worth more than the coin's own transaction says.
#[tokio::test]
async fn a_node_that_contradicts_itself_fails_no_payout() {
    let stage = REPLACING[0];
    let Some(mut desk) = Desk::start(stage, "two-tongues", &[COIN]).await else { return };
    let lies = Arc::new(AtomicBool::new(true));
    let edit: Edit = {
        let lies = lies.clone();
        Arc::new(move |call: &Value, answer: &mut Value| {
            let is_coin = call["method"] == "gettxout" && answer["result"].is_object();
            if lies.load(Ordering::Relaxed) && is_coin {
                answer["result"]["value"] = json!(2.5);
            }
        })
    };
    let url = desk.node.url();
    desk.connect(vec![edited("#1", &url, true, &edit)]);
    let id = desk.ask(&desk.friend("two-tongues", 0), COIN / 2).await;
    desk.wait(500);
    for _ in 0..3 {
        desk.turn().await;
        desk.wait(1_000);
    }
    assert!(!desk.status(id).is_final(), "{:?}", desk.payout(id).state);
    lies.store(false, Ordering::Relaxed);
    desk.end(&[id]).await;
    desk.are(&[id], Status::Paid);
}
