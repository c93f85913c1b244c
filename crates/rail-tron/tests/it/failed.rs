//! What cannot be paid, or not now.

use domain::{event::EventKind, payout::Status, ports::HoldReason};
use rail_tron::Settings;
use tron_node::Address;

use crate::house::{House, Plan, call, coin, settings, somebody, spelled};

/// `setPaused(bool)`, `setBlackListed(address,bool)` and `setFee(uint256)` of the test token.
fn set_paused(paused: u8) -> Vec<u8> {
    call(selector("setPaused(bool)"), &[&[paused]])
}

fn selector(signature: &str) -> [u8; 4] {
    alloy_primitives::keccak256(signature)[..4].try_into().unwrap()
}

#[tokio::test]
async fn contracts_and_own_wallets_are_refused() {
    let house = House::new().await;
    let own = spelled(&house.wallet);
    let token = spelled(&house.contract);
    let to_own = house.ask(&coin(), &own, 5).await;
    let to_token = house.ask(&house.token, &token, 5).await;
    house.end(&[to_own, to_token]).await;
    assert!(house.failure(to_own).contains("own wallets"), "{}", house.failure(to_own));
    assert!(house.failure(to_token).contains("contract of a token"));
    assert!(house.batch_of(to_own).attempts.is_empty(), "nothing was signed");
}

#[tokio::test]
async fn a_paused_token_waits_and_coins_do_not() {
    let house = House::new().await;
    house.all(|chain| {
        chain.call_as(house.wallet, house.contract, &set_paused(1));
        chain.mine();
    });
    let held = house.ask(&house.token, &somebody(1), 1_000).await;
    let other = house.ask(&coin(), &somebody(1), 1_000).await;
    house.end(&[other]).await;
    let (reason, detail) = house.hold_of(held).unwrap();
    assert_eq!(reason, HoldReason::AssetStopped);
    assert!(detail.contains("paused"), "{detail}");
    house.all(|chain| {
        chain.call_as(house.wallet, house.contract, &set_paused(0));
        chain.mine();
    });
    house.end(&[held]).await;
    assert_eq!(house.status(held), Status::Paid);
}

#[tokio::test]
async fn who_is_on_the_blacklist_is_not_paid() {
    let house = House::new().await;
    let recipient = Address::parse(&somebody(1)).unwrap();
    let data = call(selector("setBlackListed(address,bool)"), &[&recipient.bytes()[1..], &[1]]);
    house.all(|chain| {
        chain.call_as(house.wallet, house.contract, &data);
        chain.mine();
    });
    let id = house.ask(&house.token, &somebody(1), 1_000).await;
    house.end(&[id]).await;
    assert!(house.failure(id).contains("blacklist"), "{}", house.failure(id));
}

#[tokio::test]
async fn a_token_that_keeps_some_of_what_it_moves_is_stopped() {
    let house = House::new().await;
    let data = call(selector("setFee(uint256)"), &[&[100]]);
    house.all(|chain| {
        chain.call_as(house.wallet, house.contract, &data);
        chain.mine();
    });
    let first = house.ask(&house.token, &somebody(1), 10_000).await;
    house.until("paid", |it| it.payouts[&first].state.status().is_final()).await;
    assert_eq!(house.status(first), Status::Paid, "it must not be paid once more");
    let second = house.ask(&house.token, &somebody(2), 10_000).await;
    house.pass().await;
    let (reason, detail) = house.hold_of(second).unwrap();
    assert_eq!(reason, HoldReason::AssetStopped);
    assert!(detail.contains("another amount"), "{detail}");
}

#[tokio::test]
async fn what_is_undone_in_a_block_fails_and_its_cost_is_booked() {
    let house = House::new().await;
    let id = house.ask(&house.token, &somebody(1), 1_000).await;
    house.turn().await;
    house.all(|chain| {
        chain.call_as(house.wallet, house.contract, &set_paused(1));
    });
    house.end(&[id]).await;
    assert_eq!(house.status(id), Status::Failed);
    assert!(house.charged(id) > 0, "energy was used up");
    assert_eq!(house.got(&somebody(1), &house.token), 0);
    assert_eq!(house.batch_of(id).attempts.len(), 1);
}

#[tokio::test]
async fn a_contract_that_became_dearer_than_the_limit_runs_out_of_energy_once() {
    let house = House::new().await;
    let id = house.ask(&house.token, &somebody(1), 1_000).await;
    house.turn().await;
    // Three times as dear: the limit allows for a quarter more.
    house.all(|chain| chain.energy_factor(house.contract, 20_000));
    house.end(&[id]).await;
    assert_eq!(house.status(id), Status::Failed);
    let limit = house.batch_of(id).attempts[0].fee_max.units();
    assert!(house.charged(id) > limit / 2, "{} of {limit}", house.charged(id));
    // The next one is tried by what it costs now.
    let next = house.ask(&house.token, &somebody(1), 1_000).await;
    house.end(&[next]).await;
    assert_eq!(house.status(next), Status::Paid);
}

#[tokio::test]
async fn what_may_cost_more_than_the_cap_waits_until_it_does_not() {
    let cheap = Settings { fee_max_sun: 2_000_000, ..settings() };
    let mut house = House::start(Plan { settings: cheap, ..Plan::default() }).await;
    let id = house.ask(&house.token, &somebody(1), 1_000).await;
    house.pass().await;
    let (reason, detail) = house.hold_of(id).unwrap();
    assert_eq!(reason, HoldReason::FeeAboveCap);
    assert!(detail.contains("fee_max allows for 2 TRX"), "{detail}");
    // Energy becomes cheaper.
    house.all(|chain| chain.parameters.energy_price = 10);
    house.restart();
    house.end(&[id]).await;
    assert_eq!(house.status(id), Status::Paid);
    assert_eq!(house.told(id, EventKind::Held).len(), 1);
}

#[tokio::test]
async fn a_wallet_without_coins_for_fees_waits_for_them() {
    let house = House::new().await;
    // What is left is enough for one of them.
    let away = house.held_by(&house.wallet, &coin()) - 7_000_000;
    let first = house.ask(&coin(), &somebody(7), away).await;
    house.end(&[first]).await;
    let id = house.ask(&house.token, &somebody(1), 1_000).await;
    let other = house.ask(&house.token, &somebody(1), 1_000).await;
    house.pass().await;
    let states = [id, other].map(|it| house.hold_of(it).map(|it| it.0));
    assert!(states.contains(&Some(HoldReason::AwaitingGas)), "{states:?}");
    house.end(&[id, other]).await;
    assert_eq!(house.status(other), Status::Paid, "one after the other");
}

#[tokio::test]
async fn more_than_the_wallet_holds_waits() {
    let house = House::new().await;
    let coins = house.held_by(&house.wallet, &coin());
    let tokens = house.held_by(&house.wallet, &house.token);
    let all_coins = house.ask(&coin(), &somebody(1), coins).await;
    house.pass().await;
    assert_eq!(house.hold_of(all_coins).unwrap().0, HoldReason::AwaitingFunds);
    let most = house.ask(&house.token, &somebody(1), tokens).await;
    house.end(&[most]).await;
    assert_eq!(house.status(most), Status::Paid);
}
