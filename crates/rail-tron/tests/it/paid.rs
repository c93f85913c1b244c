//! What is paid, and what it costs.

use domain::{payout::Status, ports::Rail};
use tron_node::Address;

use crate::house::{House, coin, somebody};

/// What the network charges for the first coins of an account, in sun.
const NEW_ACCOUNT: u128 = 1_100_000;
/// The price of a byte and of a unit of energy, in sun.
const BYTE: u128 = 1_000;
const ENERGY: u128 = 100;

#[tokio::test]
async fn coins_for_an_account_and_for_one_that_does_not_exist_yet() {
    let house = House::new().await;
    let (old, new) = (somebody(1), somebody(2));
    house.all(|chain| chain.activate(Address::parse(&old).unwrap()));
    let first = house.ask(&coin(), &old, 5_000_000).await;
    house.end(&[first]).await;
    assert_eq!(house.status(first), Status::Paid);
    assert_eq!(house.charged(first), 0, "bandwidth is free twice a day");
    let second = house.ask(&coin(), &new, 7).await;
    house.end(&[second]).await;
    assert_eq!((house.status(second), house.charged(second)), (Status::Paid, NEW_ACCOUNT));
    // What is free is used up by now.
    let third = house.ask(&coin(), &old, 1).await;
    let fourth = house.ask(&coin(), &old, 2).await;
    house.end(&[third, fourth]).await;
    assert!(house.charged(fourth) > 260 * BYTE && house.charged(fourth) < 280 * BYTE);
}

#[tokio::test]
async fn tokens_for_a_holder_and_for_one_who_has_none() {
    let house = House::new().await;
    let recipient = somebody(1);
    let first = house.ask(&house.token, &recipient, 1_000_000).await;
    house.end(&[first]).await;
    let second = house.ask(&house.token, &recipient, 2_000_000).await;
    house.end(&[second]).await;
    assert_eq!([first, second].map(|it| house.status(it)), [Status::Paid; 2]);
    assert_eq!(house.got(&recipient, &house.token), 3_000_000);
    // A word of storage that was zero costs 15,000 more.
    let saved = house.charged(first).abs_diff(house.charged(second));
    assert!(saved >= 15_000 * ENERGY - 600 * BYTE, "{saved}");
}

#[tokio::test]
async fn a_quote_is_what_a_payment_costs_to_somebody_who_has_none() {
    let house = House::new().await;
    let quoted = house.rail.quote_fee(&house.token).await.unwrap().units();
    // What is free is used up first.
    let before = house.ask(&coin(), &somebody(9), 1).await;
    let other = house.ask(&coin(), &somebody(9), 2).await;
    house.end(&[before, other]).await;
    let id = house.ask(&house.token, &somebody(1), 1_000_000).await;
    house.end(&[id]).await;
    let charged = house.charged(id);
    assert!(quoted >= charged && quoted - charged <= 10 * BYTE, "{quoted} for {charged}");
    let coins = house.rail.quote_fee(&coin()).await.unwrap().units();
    assert_eq!(coins, 270 * BYTE);
}

#[tokio::test]
async fn a_memo_is_sent_and_costs_what_the_network_charges() {
    let house = House::new().await;
    let id = house.ask_with_memo(&coin(), &somebody(1), 5, Some("invoice 7")).await;
    house.end(&[id]).await;
    assert_eq!(house.charged(id), NEW_ACCOUNT + 1_000_000);
    let received = house.node().chain(|chain| chain.received()[0].clone());
    assert!(received.line().contains(&hex::encode("invoice 7")));
}

#[tokio::test]
async fn many_payouts_are_on_their_way_at_once_and_no_two_are_the_same_bytes() {
    let house = House::new().await;
    // The same amount to the same recipient, again and again: nothing but their numbers differ.
    let recipient = somebody(1);
    let mut ids = vec![];
    for _ in 0..40 {
        ids.push(house.ask(&coin(), &recipient, 1_000).await);
    }
    house.pass().await;
    let sent = house.node().chain(|chain| chain.received().len());
    assert_eq!(sent, 40);
    house.end(&ids).await;
    assert_eq!(house.got(&recipient, &coin()), 40_000);
    let mut txids: Vec<_> =
        ids.iter().map(|id| house.batch_of(*id).attempts[0].tx.txid.clone()).collect();
    txids.sort();
    txids.dedup();
    assert_eq!(txids.len(), 40);
}
