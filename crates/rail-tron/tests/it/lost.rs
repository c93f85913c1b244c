//! Lost answers, lost transactions, and nodes that are away.

use domain::{batch::AttemptStatus, payout::Status, ports::Rail};
use engine::Progress;
use tron_node::Fault;

use crate::house::{House, SOLID, coin, somebody};

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
            house.end(&ids).await;
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
        house.all(|chain| {
            chain.forget_all_pending();
            chain.mine_empty();
        });
        house.wait(3_000);
        house.turn().await;
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
    for _ in 1..LIFE {
        house.all(|chain| {
            chain.forget_all_pending();
            chain.mine_empty();
        });
        house.wait(3_000);
        house.turn().await;
    }
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
    for _ in 0..200 {
        house.all(|chain| {
            chain.forget_all_pending();
            chain.mine_empty();
        });
        house.wait(3_000);
        house.turn().await;
    }
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
