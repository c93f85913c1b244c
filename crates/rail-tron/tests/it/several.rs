//! Several nodes: who is believed, and who is not.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use domain::{batch::AttemptStatus, payout::Status, ports::Rail};
use rail_tron::{Settings, tx::Sent};
use serde_json::{Value, json};

use crate::house::{House, Plan, SOLID, coin, settings, somebody};

async fn house(nodes: usize) -> House {
    House::start(Plan { nodes, ..Plan::default() }).await
}

#[tokio::test]
async fn one_that_is_away_is_done_without() {
    let house = house(3).await;
    house.nodes[0].down(true);
    let id = house.ask(&coin(), &somebody(1), 5).await;
    for _ in 0..SOLID + 3 {
        house.pass().await;
    }
    assert_eq!(house.status(id), Status::Paid);
}

#[tokio::test]
async fn one_alone_ends_nothing() {
    let house = house(2).await;
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.turn().await;
    house.all(tron_node::Chain::mine);
    house.nodes[1].down(true);
    for _ in 0..SOLID + 3 {
        house.nodes[0].chain(tron_node::Chain::mine);
        house.wait(3_000);
        house.turn().await;
    }
    assert_eq!(house.batch_of(id).attempts[0].status, AttemptStatus::InBlock);
    house.rail.quote_fee(&coin()).await.unwrap();
    let alert = house.rail.alert().unwrap();
    assert!(alert.contains("2 nodes must agree, and #2 does not answer"), "{alert}");
    house.nodes[1].down(false);
    house.nodes[1].chain(|chain| chain.mine_many(SOLID + 3));
    house.end(&[id]).await;
    assert_eq!(house.status(id), Status::Paid);
    house.rail.quote_fee(&coin()).await.unwrap();
    assert_eq!(house.rail.alert(), None);
}

#[tokio::test]
async fn what_one_alone_proves_dead_is_neither_made_anew_nor_handed_over_again() {
    let house = house(2).await;
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.turn().await;
    house.nodes[1].down(true);
    let pass = async || {
        house.nodes[0].chain(|chain| {
            chain.forget_all_pending();
            chain.mine_empty();
        });
        house.wait(3_000);
        house.turn().await;
    };
    // It lives for twenty blocks.
    for _ in 0..2 * SOLID + 5 {
        pass().await;
    }
    let sent = house.node().asked("wallet/broadcasthex");
    for _ in 0..5 {
        pass().await;
    }
    assert_eq!(house.node().asked("wallet/broadcasthex"), sent);
    assert_eq!(house.batch_of(id).attempts.len(), 1);
    house.nodes[1].down(false);
    house.nodes[1].chain(|chain| {
        chain.forget_all_pending();
        chain.mine_many(2 * SOLID + 10);
    });
    house.end(&[id]).await;
    assert_eq!(house.batch_of(id).attempts[0].status, AttemptStatus::Dead);
    assert_eq!(house.status(id), Status::Paid);
}

#[tokio::test]
async fn of_two_that_are_far_apart_nobody_is_believed() {
    let house = house(2).await;
    house.nodes[0].chain(|chain| chain.mine_many(200));
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.turn().await;
    assert!(house.batch_of(id).attempts.is_empty());
    let alert = house.rail.alert().unwrap();
    assert!(alert.contains("#1 is at block") && alert.contains("#2 at"), "{alert}");
    house.nodes[1].chain(|chain| chain.mine_many(200));
    house.end(&[id]).await;
    assert_eq!(house.status(id), Status::Paid);
}

#[tokio::test]
async fn a_transaction_that_names_a_block_of_nowhere_is_made_anew() {
    let mut house = house(2).await;
    // The first is on a branch of its own.
    house.nodes[0].chain(|chain| chain.undo(3).unwrap());
    house.all(|chain| chain.mine_many(SOLID + 10));
    house.nodes[0].chain(|chain| chain.mine_many(3));
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.turn().await;
    let first = house.batch_of(id).attempts[0].clone();
    let refused = house.nodes[1].chain(|chain| chain.broadcast(&first.tx.raw));
    assert_eq!(refused.unwrap().0, tron_node::Code::TaposError);
    // Its operator finds out, and does without it.
    drop(house.nodes.remove(0));
    house.restart();
    house.end(&[id]).await;
    assert_eq!(house.batch_of(id).attempts.len(), 2);
    assert_eq!(house.batch_of(id).attempts[0].status, AttemptStatus::Dead);
    assert_eq!(house.status(id), Status::Paid);
}

#[tokio::test]
async fn nodes_that_contradict_each_other_stop_the_payout_until_they_agree() {
    let house = house(2).await;
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.turn().await;
    // One includes it, the other never does: two chains of one name.
    for _ in 0..51 {
        house.nodes[0].chain(tron_node::Chain::mine);
        house.nodes[1].chain(|chain| {
            chain.forget_all_pending();
            chain.mine_empty();
        });
        house.wait(3_000);
        house.turn().await;
    }
    assert_eq!(house.batch_of(id).attempts.len(), 1, "it is not paid once more");
    assert!(!house.status(id).is_final());
    let alert = house.rail.alert().unwrap();
    assert!(alert.contains("disagree"), "{alert}");
}

#[tokio::test]
async fn who_contradicts_whom_is_told_and_the_first_words_stand() {
    let house = house(3).await;
    house.ask(&coin(), &somebody(1), 5).await;
    house.turn().await;
    house.nodes[1].chain(tron_node::Chain::forget_all_pending);
    house.all(|chain| chain.mine_many(50));
    let look = async || {
        house.wait(3_000);
        house.turn().await;
        house.rail.alert().unwrap()
    };
    let alert = look().await;
    let [first, second] = ["#1 says that it is in a final block", "; #2 says that it can never be"];
    assert!(alert.contains(first) && alert.contains(second), "{alert}");
    house.nodes[0].down(true);
    assert_eq!(look().await, alert);
}

#[tokio::test]
async fn of_two_that_contradict_each_other_none_is_believed_when_the_other_falls_silent() {
    // A third one lags, and says neither.
    for nodes in [2, 3] {
        let settings = Settings { quorum: Some(1), ..settings() };
        let mut house = House::start(Plan { nodes, settings, ..Plan::default() }).await;
        let id = house.ask(&coin(), &somebody(1), 5).await;
        house.turn().await;
        let look = async |house: &House| {
            house.wait(3_000);
            house.turn().await;
        };
        house.nodes[0].chain(|chain| {
            chain.freeze_solid(true);
            chain.mine_many(50);
        });
        house.nodes[1].chain(|chain| {
            chain.forget_all_pending();
            chain.mine_many(50);
        });
        look(&house).await;
        assert_eq!(house.batch_of(id).attempts[0].status, AttemptStatus::InBlock);
        house.nodes[0].chain(|chain| chain.freeze_solid(false));
        look(&house).await;
        house.nodes[0].down(true);
        for _ in 0..5 {
            look(&house).await;
        }
        assert_eq!(house.batch_of(id).attempts.len(), 1, "it is not paid once more");
        let alert = house.rail.alert().unwrap();
        assert!(alert.contains("disagree"), "{alert}");
        // Its operator finds out which one is wrong, and does without it.
        house.nodes[0].down(false);
        drop(house.nodes.remove(1));
        house.restart();
        house.end(&[id]).await;
        assert_eq!(house.status(id), Status::Paid);
    }
}

#[tokio::test]
async fn one_that_lags_is_not_built_with() {
    let house = house(2).await;
    house.nodes[1].chain(|chain| chain.mine_many(30));
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.turn().await;
    let sent = Sent::read(&house.batch_of(id).attempts[0].tx.raw).unwrap();
    let head_ms = house.nodes[1].chain(|chain| chain.head_time_ms());
    assert!(sent.tx.expires_ms > head_ms, "it would be over by the time of the other");
}

#[tokio::test]
async fn one_that_stands_still_is_told_where_it_must_agree() {
    let house = house(2).await;
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.turn().await;
    assert_eq!(house.rail.alert(), None);
    for _ in 0..SOLID + 5 {
        house.nodes[1].chain(tron_node::Chain::mine);
        house.wait(3_000);
        house.turn().await;
    }
    house.rail.quote_fee(&coin()).await.unwrap();
    let alert = house.rail.alert().unwrap();
    assert!(alert.contains("2 nodes must agree, and #1 is not where the others are"), "{alert}");
    assert_eq!(house.batch_of(id).attempts[0].status, AttemptStatus::InBlock);
    house.nodes[0].chain(|chain| chain.mine_many(SOLID + 5));
    house.end(&[id]).await;
    house.rail.quote_fee(&coin()).await.unwrap();
    assert_eq!(house.rail.alert(), None);
}

#[tokio::test]
async fn one_of_three_with_another_clock_dates_nothing() {
    for time in [2_524_608_000_000_i64, i64::MAX, -5] {
        let lies = Arc::new(AtomicBool::new(true));
        let of = Arc::clone(&lies);
        let bend = move |path: &str, _: &Value, mut answer: Value| {
            let told = &mut answer["block_header"]["raw_data"]["timestamp"];
            if of.load(Ordering::Relaxed) && path == "/wallet/getblock" && told.is_i64() {
                *told = json!(time);
            }
            Some(answer)
        };
        let plan = Plan { nodes: 3, bend: Some(Arc::new(bend)), ..Plan::default() };
        let house = House::start(plan).await;
        let id = house.ask(&coin(), &somebody(1), 5).await;
        house.turn().await;
        lies.store(false, Ordering::Relaxed);
        house.end(&[id]).await;
        assert_eq!(house.status(id), Status::Paid, "{time}");
    }
}

#[tokio::test]
async fn one_of_three_refuses_nothing() {
    let bend = |path: &str, body: &Value, answer: Value| {
        let data = body["data"].as_str().unwrap_or_default();
        let is_tried = path.ends_with("triggerconstantcontract") && data.starts_with("a9059cbb");
        let message = hex::encode("REVERT opcode executed");
        let undone = json!({"result": {"result": true, "message": message},
            "constant_result": [""], "transaction": {"ret": [{"ret": "FAILED"}]}});
        Some(if is_tried { undone } else { answer })
    };
    let plan = Plan { nodes: 3, bend: Some(Arc::new(bend)), ..Plan::default() };
    let house = House::start(plan).await;
    let id = house.ask(&house.token, &somebody(1), 1_000).await;
    house.pass().await;
    assert!(!house.status(id).is_final());
    let (_, detail) = house.hold_of(id).unwrap();
    assert!(detail.contains("#1 says that"), "{detail}");
}

#[tokio::test]
async fn what_is_solid_on_another_network_proves_nothing() {
    let bend = |path: &str, body: &Value, mut answer: Value| {
        if path == "/walletsolidity/getblock" && body["id_or_num"] == json!("0") {
            answer["blockID"] = json!(format!("{:016x}{}", 0, "5a".repeat(24)));
        }
        Some(answer)
    };
    let house = House::start(Plan { bend: Some(Arc::new(bend)), ..Plan::default() }).await;
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.pass().await;
    assert!(house.batch_of(id).attempts.is_empty(), "it is asked for nothing");
    let told = house.rail.check_nodes().await.unwrap_err().to_string();
    assert!(told.contains("on another network"), "{told}");
}

#[tokio::test]
async fn an_address_that_comes_to_lead_to_another_network_proves_nothing() {
    let is_led_away = Arc::new(AtomicBool::new(false));
    let of = Arc::clone(&is_led_away);
    let bend = move |path: &str, _: &Value, mut answer: Value| {
        if !of.load(Ordering::Relaxed) {
            return Some(answer);
        }
        if let Some(id) = answer["blockID"].as_str() {
            answer["blockID"] = json!(format!("{}{}", &id[..16], "5a".repeat(24)));
        }
        Some(if path.ends_with("gettransactioninfobyid") { json!({}) } else { answer })
    };
    let house = House::start(Plan { bend: Some(Arc::new(bend)), ..Plan::default() }).await;
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.turn().await;
    is_led_away.store(true, Ordering::Relaxed);
    for _ in 0..2 * SOLID + 5 {
        house.pass().await;
    }
    assert_eq!(house.got(&somebody(1), &coin()), 5, "it is in a block of the right one");
    assert_eq!(house.batch_of(id).attempts.len(), 1);
    assert_ne!(house.batch_of(id).attempts[0].status, AttemptStatus::Dead);
    let alert = house.rail.alert().unwrap();
    assert!(alert.contains("#1 is on another network now"), "{alert}");
    is_led_away.store(false, Ordering::Relaxed);
    house.end(&[id]).await;
    assert_eq!(house.status(id), Status::Paid);
}
