//! Recipients that turn hostile, by the real engine, signer and rail on a real node: what they do must
//! not hold up anybody else, and must cost the house no more than it reckons with.
//!
//! Runs only with `RUN_NODE_TESTS=1` and `ANVIL` set to the path of the anvil binary.

use domain::payout::Status;
use rail_evm::pay_call::Method;

use crate::{
    bulk::somebody,
    house::House,
    scene::{LANE, coin},
};

/// Code that takes about two million gas and stops.
const SPENDS: &str = "0x6200c3505b600190038060045700";

#[tokio::test]
async fn whoever_spends_more_after_the_signature_does_not_keep_it_from_being_replaced() {
    let Some(house) = House::start(None).await else { return };
    let friend = house.friend("turns", 0).await;
    let first = house.ask(&coin(), &friend, 1_000).await;
    let other = house.friend("turns", 1).await;
    let behind = house.ask(&coin(), &other, 1_000).await;
    house.turn().await;
    let before = house.newest_of(&[first]);
    house.set_code(&friend, SPENDS).await;
    // The first offers too little from now on; this node forgets what the base fee has outgrown.
    house.set_base_fee(20_000_000_000).await;
    house.anvil.mine(1).await;
    house.wait(31_000);
    house.turn().await;
    let after = house.newest_of(&[first]);
    assert_ne!(before.tx.txid, after.tx.txid, "it is replaced");
    assert_eq!(before.sequence, after.sequence);
    house.end(&[first, behind]).await;
    // It had the gas of a plain transfer, so it was undone, and alone.
    house.are(&[first], Status::Failed);
    house.are(&[behind], Status::Paid);
    assert_eq!(house.count(LANE).await, 2);
}

/// Code that undoes itself, unless gas costs nothing, as in calls that do not say what it costs.
const TELLS_CALLS: &str = "0x3a15600957600080fd5b00";

/// Code that takes about 900,000 gas and stops.
const SPENDS_MUCH: &str = "0x620088b85b600190038060045700";

#[tokio::test]
async fn whoever_would_take_much_gas_or_undo_it_when_it_counts_is_refused_at_no_cost() {
    let Some(house) = House::start(None).await else { return };
    for code in [TELLS_CALLS, SPENDS_MUCH] {
        let who = house.friend(code, 1).await;
        house.set_code(&who, code).await;
        let id = house.ask(&coin(), &who, 1).await;
        house.end(&[id]).await;
        house.are(&[id], Status::Failed);
    }
    assert_eq!(house.count(LANE).await, 0, "nothing was sent");
}

/// Code that never ends.
const GUZZLES: &str = "0x5b600056";

#[tokio::test]
async fn however_many_turn_hostile_the_others_are_paid() {
    for method in [Method::Contract, Method::Delegate] {
        for (count, hostile) in [(10, 2), (10, 9), (40, 25)] {
            let Some(house) = House::ready(method).await else { return };
            let ids = house.ask_many(&coin(), "many", count).await;
            house.wait(500);
            house.turn().await;
            let attempt = house.newest_of(&ids);
            for number in 0..hostile {
                house.set_code(&somebody("many", number).to_string(), GUZZLES).await;
            }
            house.anvil.mine(1).await;
            let receipt = house.receipt(&attempt).await.unwrap();
            assert_eq!(receipt["status"], "0x1", "{method:?}: {hostile} of {count}");
            house.end(&ids).await;
            let (bad, good) = ids.split_at(usize::try_from(hostile).unwrap());
            house.are(bad, Status::Failed);
            house.are(good, Status::Paid);
            assert_eq!(house.txids(good), [attempt.tx.txid.as_str()]);
        }
    }
}
