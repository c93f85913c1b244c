//! Lost answers, lost transactions, and nodes that are away.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use domain::{batch::AttemptStatus, payout::Status, ports::Rail};
use engine::Progress;
use rail_tron::Settings;
use serde_json::{Value, json};
use tron_node::Fault;

use crate::house::{Bend, House, Plan, SOLID, coin, settings, somebody};

/// As long as a transaction lives in these tests, in blocks.
const LIFE: usize = 20;

#[tokio::test]
async fn a_lost_answer_to_what_is_handed_over_pays_once() {
    let house = House::new().await;
    house.node().lose("wallet/broadcasthex", 3);
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.end(&[id]).await;
    assert_eq!(house.status(id), Status::Paid);
    assert_eq!(house.batch_of(id).attempts.len(), 1, "the same bytes, again and again");
}

#[tokio::test]
async fn every_question_may_be_lost_once() {
    for path in [
        "wallet/getblock",
        "walletsolidity/getblock",
        "wallet/getchainparameters",
        "wallet/getaccount",
        "walletsolidity/getaccount",
        "wallet/triggerconstantcontract",
        "walletsolidity/triggerconstantcontract",
        "wallet/broadcasthex",
        "wallet/gettransactioninfobyid",
        "walletsolidity/gettransactioninfobyid",
        "wallet/gettransactionfrompending",
    ] {
        for fault in [Fault::LostBefore, Fault::LostAfter, Fault::Status(429)] {
            let house = House::new().await;
            house.node().fault(path, 1, fault);
            let ids = [
                house.ask(&coin(), &somebody(1), 5).await,
                house.ask(&house.token, &somebody(1), 5).await,
            ];
            // Whether one waits is asked only while it is in no block.
            house.turn().await;
            ignored(&house, 1).await;
            house.end(&ids).await;
            assert!(house.node().asked(path) > 0, "{path}");
            let paid = ids.map(|id| house.status(id));
            assert_eq!(paid, [Status::Paid; 2], "{path} {fault:?}");
        }
    }
}

#[tokio::test]
async fn what_the_node_forgot_is_handed_over_again() {
    let house = House::new().await;
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.turn().await;
    assert_eq!(house.node().chain(|chain| chain.pending().len()), 1);
    house.all(tron_node::Chain::forget_all_pending);
    house.end(&[id]).await;
    assert_eq!(house.batch_of(id).attempts.len(), 1);
    assert_eq!(house.node().chain(|chain| chain.received().len()), 2);
}

#[tokio::test]
async fn one_that_is_over_is_made_anew_only_once_that_is_proven() {
    let house = House::new().await;
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.turn().await;
    let first = house.batch_of(id).attempts[0].clone();
    // Nobody includes it.
    for blocks in 1..LIFE + SOLID + 5 {
        ignored(&house, 1).await;
        let count = house.batch_of(id).attempts.len();
        if blocks < LIFE + SOLID - 1 {
            assert_eq!(count, 1, "after {blocks} blocks nothing is proven");
        }
    }
    let attempts = house.batch_of(id).attempts;
    assert_eq!(attempts.len(), 2);
    assert_eq!(attempts[0].status, AttemptStatus::Dead);
    assert_ne!(attempts[1].tx.txid, first.tx.txid);
    house.end(&[id]).await;
    assert_eq!(house.got(&somebody(1), &coin()), 5);
    // What is dead stays so, whoever hands it over.
    let late = house.rail.broadcast(&first.tx).await.unwrap();
    assert!(format!("{late:?}").contains("EXPIRATION"), "{late:?}");
}

#[tokio::test]
async fn one_that_comes_back_at_the_last_moment_pays_once() {
    let house = House::new().await;
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.turn().await;
    let first = house.batch_of(id).attempts[0].clone();
    ignored(&house, LIFE - 1).await;
    // Somebody else hands it over, one block before its end.
    let raw = first.tx.raw.clone();
    house.all(|chain| {
        chain.forget_all_pending();
        let (code, text) = chain.broadcast(&raw).unwrap();
        assert_eq!(code, tron_node::Code::Success, "{text}");
        chain.mine();
    });
    house.end(&[id]).await;
    assert_eq!(house.batch_of(id).attempts.len(), 1);
    assert_eq!(house.status(id), Status::Paid);
}

#[tokio::test]
async fn a_block_that_is_late_may_still_hold_it() {
    let house = House::new().await;
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.turn().await;
    // The next block comes long after the transaction is over; the one before it does not.
    house.all(|chain| {
        chain.skip_slots(40);
        chain.mine();
        assert_eq!(chain.pending().len(), 0);
    });
    house.end(&[id]).await;
    assert_eq!(house.batch_of(id).attempts.len(), 1);
    assert_eq!(house.status(id), Status::Paid);
}

#[tokio::test]
async fn nothing_is_proven_while_no_block_becomes_solid() {
    let house = House::new().await;
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.turn().await;
    house.all(|chain| chain.freeze_solid(true));
    ignored(&house, 200).await;
    assert_eq!(house.batch_of(id).attempts.len(), 1);
    house.all(|chain| {
        chain.freeze_solid(false);
        chain.mine_empty();
    });
    house.end(&[id]).await;
    assert_eq!(house.batch_of(id).attempts.len(), 2);
    assert_eq!(house.status(id), Status::Paid);
}

#[tokio::test]
async fn a_node_that_is_away_is_waited_for() {
    let mut house = House::new().await;
    let ids =
        [house.ask(&coin(), &somebody(1), 5).await, house.ask(&house.token, &somebody(2), 5).await];
    house.turn().await;
    house.node().down(true);
    for _ in 0..10 {
        house.pass().await;
    }
    house.restart();
    house.pass().await;
    house.node().down(false);
    house.end(&ids).await;
    assert_eq!(ids.map(|id| house.status(id)), [Status::Paid; 2]);
}

#[tokio::test]
async fn dying_at_any_step_pays_once() {
    for steps in 0..12 {
        let mut house = House::new().await;
        let id = house.ask(&house.token, &somebody(1), 5).await;
        house.group().await;
        let batch = house.batch_of(id).id;
        for _ in 0..steps {
            if house.step(batch).await != Progress::Advanced {
                house.all(tron_node::Chain::mine);
                house.wait(3_000);
            }
        }
        house.restart();
        house.end(&[id]).await;
        assert_eq!(house.status(id), Status::Paid, "after {steps} steps");
        assert_eq!(house.got(&somebody(1), &house.token), 5);
    }
}

/// Lets blocks pass into which nobody takes anything.
async fn ignored(house: &House, blocks: usize) {
    for _ in 0..blocks {
        house.all(|chain| {
            chain.forget_all_pending();
            chain.mine_empty();
        });
        house.wait(3_000);
        house.turn().await;
    }
}

async fn bent(bend: Bend) -> House {
    House::start(Plan { bend: Some(bend), ..Plan::default() }).await
}

#[tokio::test]
async fn what_was_taken_without_a_word_is_found_out() {
    let house = House::new().await;
    house.node().fault("wallet/broadcasthex", 1_000_000, Fault::LostAfter);
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.end(&[id]).await;
    assert_eq!(house.status(id), Status::Paid);
    assert_eq!(house.batch_of(id).attempts.len(), 1);
}

#[tokio::test]
async fn what_nobody_takes_is_made_anew_when_it_is_over() {
    let house = House::new().await;
    house.node().fault("wallet/broadcasthex", 1_000_000, Fault::Status(403));
    let id = house.ask(&coin(), &somebody(1), 5).await;
    for _ in 0..LIFE + SOLID + 5 {
        house.pass().await;
    }
    assert_eq!(house.batch_of(id).attempts.len(), 2);
    house.node().heal();
    house.end(&[id]).await;
    assert_eq!(house.status(id), Status::Paid);
}

#[tokio::test]
async fn an_outage_of_hours_fails_no_payout() {
    let house = House::new().await;
    let id = house.ask(&coin(), &somebody(1), 5).await;
    ignored(&house, 500).await;
    assert!(!house.status(id).is_final());
    house.end(&[id]).await;
    assert_eq!(house.status(id), Status::Paid);
}

#[tokio::test]
async fn a_proof_that_is_broken_off_goes_on() {
    let count = AtomicUsize::new(0);
    // One question of ten is one too many.
    let bend = move |path: &str, _: &Value, answer: Value| {
        let is_lost =
            path == "/walletsolidity/getblock" && count.fetch_add(1, Ordering::Relaxed) % 10 == 9;
        (!is_lost).then_some(answer)
    };
    let house = bent(Arc::new(bend)).await;
    let id = house.ask(&coin(), &somebody(1), 5).await;
    ignored(&house, LIFE + SOLID + 15).await;
    assert_eq!(house.batch_of(id).attempts[0].status, AttemptStatus::Dead);
    house.end(&[id]).await;
}

#[tokio::test]
async fn a_long_proof_that_is_broken_off_reads_no_block_again() {
    const LONG_LIFE: usize = 1_100;
    let read = Arc::new(AtomicUsize::new(0));
    let of = Arc::clone(&read);
    let bend = move |path: &str, body: &Value, answer: Value| {
        let is_read = path == "/walletsolidity/getblock" && body["detail"] == json!(true);
        let is_lost = is_read && of.fetch_add(1, Ordering::Relaxed) == 850;
        (!is_lost).then_some(answer)
    };
    let expires_after_ms = u64::try_from(LONG_LIFE * 3_000).unwrap();
    let settings = Settings { expires_after_ms, ..settings() };
    let bend: Option<Bend> = Some(Arc::new(bend));
    let house = House::start(Plan { settings, bend, ..Plan::default() }).await;
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.turn().await;
    house.all(|chain| {
        chain.forget_all_pending();
        chain.mine_many(LONG_LIFE + SOLID + 1);
    });
    for _ in 0..2 {
        house.wait(3_000);
        house.turn().await;
    }
    assert_eq!(house.batch_of(id).attempts[0].status, AttemptStatus::Dead);
    let read = read.load(Ordering::Relaxed);
    assert!(read > LONG_LIFE && read < LONG_LIFE + SOLID + 5, "{read}");
    house.end(&[id]).await;
}

#[tokio::test]
async fn the_blocks_of_one_proof_serve_all() {
    let house = House::new().await;
    let mut ids = vec![];
    for number in 0..10 {
        ids.push(house.ask(&coin(), &somebody(number), 5).await);
    }
    house.turn().await;
    ignored(&house, LIFE + SOLID - 2).await;
    let before = house.node().asked("walletsolidity/getblock");
    ignored(&house, 4).await;
    let asked = house.node().asked("walletsolidity/getblock") - before;
    assert!(asked < 130, "{asked} questions about some forty blocks");
    house.end(&ids).await;
}

#[tokio::test]
async fn blocks_without_their_transactions_prove_nothing() {
    let stripped = |path: &str, _: &Value, mut answer: Value| {
        if path.ends_with("getblock") {
            answer.as_object_mut().unwrap().remove("transactions");
        }
        Some(if path.ends_with("gettransactioninfobyid") { json!({}) } else { answer })
    };
    let capitals = |path: &str, _: &Value, mut answer: Value| {
        let all = answer.get_mut("transactions").and_then(Value::as_array_mut);
        for it in all.into_iter().flatten() {
            it["txID"] = json!(it["txID"].as_str().unwrap().to_uppercase());
        }
        Some(if path.ends_with("gettransactioninfobyid") { json!({}) } else { answer })
    };
    let bends: [Bend; 2] = [Arc::new(stripped), Arc::new(capitals)];
    for bend in bends {
        let house = bent(bend).await;
        let id = house.ask(&coin(), &somebody(1), 5).await;
        for _ in 0..LIFE + SOLID + 15 {
            house.pass().await;
        }
        assert_eq!(house.got(&somebody(1), &coin()), 5);
        assert_eq!(house.batch_of(id).attempts.len(), 1);
        assert!(!house.status(id).is_final(), "its receipt is lacking");
    }
}

#[tokio::test]
async fn a_node_without_old_blocks_is_told() {
    let bend = |path: &str, body: &Value, answer: Value| {
        let is_old = path == "/walletsolidity/getblock" && body["detail"] == json!(true);
        Some(if is_old { json!({}) } else { answer })
    };
    let house = bent(Arc::new(bend)).await;
    let id = house.ask(&coin(), &somebody(1), 5).await;
    ignored(&house, LIFE + SOLID + 5).await;
    assert_eq!(house.batch_of(id).attempts.len(), 1);
    let alert = house.rail.alert().unwrap();
    assert!(alert.contains("nobody can tell whether") && alert.contains("#1 does not have block"));
}

#[tokio::test]
async fn the_doctor_looks_at_an_old_block() {
    let bend = |path: &str, body: &Value, answer: Value| {
        let is_old = path == "/walletsolidity/getblock" && body["id_or_num"] == json!("1");
        Some(if is_old { json!({}) } else { answer })
    };
    for (house, is_told) in [(House::new().await, false), (bent(Arc::new(bend)).await, true)] {
        let found = house.rail.examine(&[]).await;
        let told = found.iter().any(|it| it.what.contains("#1 does not tell of block 1"));
        assert_eq!(told, is_told, "{found:?}");
    }
}

#[tokio::test]
async fn nothing_is_made_while_no_block_has_become_final_for_long() {
    let house = House::new().await;
    house.all(|chain| {
        chain.freeze_solid(true);
        chain.mine_many(700);
    });
    let id = house.ask(&coin(), &somebody(1), 5).await;
    house.turn().await;
    let (_, detail) = house.hold_of(id).unwrap();
    assert!(detail.contains("no block becomes final"), "{detail}");
    house.all(|chain| {
        chain.freeze_solid(false);
        chain.mine_empty();
    });
    house.end(&[id]).await;
    assert_eq!(house.status(id), Status::Paid);
}

#[tokio::test]
async fn two_gateways_with_one_key_make_two_transactions() {
    let (one, other) = (House::new().await, House::new().await);
    // Payouts have identifiers of their own everywhere.
    other.draw();
    let a = one.ask(&coin(), &somebody(1), 5).await;
    let b = other.ask(&coin(), &somebody(1), 5).await;
    one.turn().await;
    other.turn().await;
    assert_ne!(one.batch_of(a).attempts[0].tx, other.batch_of(b).attempts[0].tx);
}
