//! Blocks that are undone before they are solid.

use domain::{batch::AttemptStatus, event::EventKind, payout::Status};

use crate::house::{House, coin, somebody};

#[tokio::test]
async fn what_was_in_a_block_that_is_undone_comes_back_with_the_same_bytes() {
    let house = House::new().await;
    let ids =
        [house.ask(&coin(), &somebody(1), 5).await, house.ask(&house.token, &somebody(2), 7).await];
    house.pass().await;
    for id in ids {
        assert_eq!(house.batch_of(id).attempts[0].status, AttemptStatus::InBlock);
    }
    house.all(|chain| {
        chain.undo(1).unwrap();
        chain.forget_all_pending();
        chain.mine_empty();
        chain.mine_empty();
    });
    house.wait(3_000);
    house.turn().await;
    for id in ids {
        assert_eq!(house.told(id, EventKind::Undone).len(), 1, "{}", house.report());
    }
    house.end(&ids).await;
    for id in ids {
        assert_eq!(house.batch_of(id).attempts.len(), 1);
        assert_eq!(house.status(id), Status::Paid);
    }
}

#[tokio::test]
async fn a_deep_reorganisation_changes_nothing_in_the_end() {
    let house = House::new().await;
    let id = house.ask(&house.token, &somebody(1), 7).await;
    house.pass().await;
    for _ in 0..14 {
        house.pass().await;
    }
    house.all(|chain| {
        chain.undo(15).unwrap();
        for _ in 0..16 {
            chain.mine_empty();
        }
    });
    house.end(&[id]).await;
    assert_eq!(house.status(id), Status::Paid);
    assert_eq!(house.got(&somebody(1), &house.token), 7);
}

#[tokio::test]
async fn blocks_that_go_back_and_forth_pay_once() {
    let house = House::new().await;
    let id = house.ask(&coin(), &somebody(1), 5).await;
    for _ in 0..6 {
        house.pass().await;
        house.all(|chain| {
            chain.undo(1).unwrap();
        });
        house.wait(3_000);
        house.turn().await;
    }
    house.end(&[id]).await;
    assert_eq!(house.batch_of(id).attempts.len(), 1);
    assert_eq!(house.status(id), Status::Paid);
}
