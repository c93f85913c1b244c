//! What cannot be paid, or not now.

use std::sync::Arc;

use domain::{
    catalog::Asset,
    event::EventKind,
    ids::AssetId,
    payout::Status,
    ports::{HoldReason, Rail as _},
};
use rail_tron::Settings;
use serde_json::{Value, json};
use tron_node::Address;

use crate::house::{
    AWAY, House, Plan, SOLID, coin, lane, rail, settings, signed_call, somebody, transfer_call,
};

/// `setPaused(bool)`, `setBlackListed(address,bool)` and `setFee(uint256)` of the test token.
fn set_paused(paused: u8) -> Vec<u8> {
    signed_call("setPaused(bool)", &[&[paused]])
}

#[tokio::test]
async fn contracts_and_own_wallets_are_refused() {
    let house = House::new().await;
    let own = house.wallet.to_string();
    let token = house.contract.to_string();
    let to_own = house.ask(&coin(), &own, 5).await;
    let to_token = house.ask(&house.token, &token, 5).await;
    house.end(&[to_own, to_token]).await;
    assert!(house.failure(to_own).contains("own wallets"), "{}", house.failure(to_own));
    assert!(house.failure(to_token).contains("contract of a token"));
    assert!(house.batch_of(to_own).attempts.is_empty(), "nothing was signed");
}

#[tokio::test]
async fn a_token_that_is_not_there_does_not_hide_what_a_wallet_has() {
    let house = House::new().await;
    let gone =
        Asset { id: AssetId::new("GONE@tron"), contract: Some(somebody(9)), ..house.token.clone() };
    let assets = [coin(), gone, house.token.clone()];
    let wallet = house.wallet.to_string();
    let rail = rail(&house.nodes, &assets, settings(), &wallet, None);
    let held = rail.holdings(&lane(&wallet), &assets).await.unwrap();
    let held: Vec<u128> = held.iter().map(|it| it.amount.units()).collect();
    let [coins, tokens] = [coin(), house.token.clone()].map(|it| house.held_by(&house.wallet, &it));
    assert_eq!(held, [coins, 0, tokens]);
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
    let data = signed_call("setBlackListed(address,bool)", &[recipient.tail(), &[1]]);
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
    let data = signed_call("setFee(uint256)", &[&[100]]);
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
    let away = house.held_by(&house.wallet, &coin()) - 8_500_000;
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

#[tokio::test]
async fn a_token_whose_successor_pays_is_paid_once_and_stopped() {
    let house = House::start(Plan { is_succeeded: true, ..Plan::default() }).await;
    let first = house.ask(&house.token, &somebody(1), 1_000).await;
    house.until("ended", |it| it.payouts[&first].state.status().is_final()).await;
    assert_eq!(house.got(&somebody(1), &house.token), 1_000);
    assert_eq!(house.status(first), Status::Paid, "he has got it");
    let second = house.ask(&house.token, &somebody(1), 1_000).await;
    house.pass().await;
    let (reason, detail) = house.hold_of(second).unwrap();
    assert_eq!(reason, HoldReason::AssetStopped);
    assert!(detail.contains("successor"), "{detail}");
}

#[tokio::test]
async fn a_recipient_who_empties_his_account_is_paid_all_the_same() {
    let house = House::new().await;
    let who = Address::parse(&somebody(1)).unwrap();
    house.all(|chain| {
        chain.activate(who);
        let data = signed_call("issue(address,uint256)", &[who.tail(), &[7]]);
        chain.call_as(house.wallet, house.contract, &data);
        chain.mine_many(SOLID);
    });
    let id = house.ask(&house.token, &somebody(1), 1_000).await;
    house.turn().await;
    house.all(|chain| {
        chain.call_as(who, house.contract, &transfer_call(&AWAY, 7));
    });
    house.until("ended", |it| it.payouts[&id].state.status().is_final()).await;
    assert_eq!(house.status(id), Status::Paid);
}

#[tokio::test]
async fn coins_that_leave_between_two_questions_are_waited_for() {
    let house = House::new().await;
    // A first payout has the token looked at.
    let first = house.ask(&house.token, &somebody(9), 1).await;
    house.end(&[first]).await;
    let held = house.held_by(&house.wallet, &house.token);
    let id = house.ask(&house.token, &somebody(1), held).await;
    house.group().await;
    let (owner, token) = (house.wallet, house.contract);
    // After the first question about a blacklist.
    house.node().before("wallet/triggerconstantcontract", |_| ());
    house.node().before("wallet/triggerconstantcontract", move |chain| {
        chain.call_as(owner, token, &transfer_call(&AWAY, 5));
        chain.mine();
    });
    house.turn().await;
    assert_eq!(house.hold_of(id).map(|it| it.0), Some(HoldReason::AwaitingFunds));
}

#[tokio::test]
async fn coins_that_come_between_two_questions_fail_nothing() {
    let house = House::new().await;
    // A first payout has the token looked at.
    let first = house.ask(&house.token, &somebody(9), 1).await;
    house.end(&[first]).await;
    let (owner, token) = (house.wallet, house.contract);
    let held = house.held_by(&owner, &house.token);
    house.all(|chain| {
        chain.call_as(owner, token, &transfer_call(&AWAY, 5));
        chain.mine_many(SOLID);
    });
    let id = house.ask(&house.token, &somebody(1), held).await;
    house.group().await;
    // After those about a blacklist, and about what the payment takes.
    house.node().before("wallet/triggerconstantcontract", |_| ());
    house.node().before("wallet/triggerconstantcontract", |_| ());
    house.node().before("wallet/triggerconstantcontract", move |chain| {
        let data = signed_call("issue(address,uint256)", &[owner.tail(), &[5]]);
        chain.call_as(owner, token, &data);
        chain.mine();
    });
    house.turn().await;
    assert!(!house.status(id).is_final(), "{}", house.report());
    house.end(&[id]).await;
    assert_eq!(house.status(id), Status::Paid);
}

#[tokio::test]
async fn a_call_that_the_node_cannot_try_is_held_in_its_words() {
    let exception = "class org.tron.core.vm.program.Program$IllegalOperationException";
    let bend = move |path: &str, body: &Value, answer: Value| {
        let data = body["data"].as_str().unwrap_or_default();
        let is_tried = path.ends_with("triggerconstantcontract") && data.starts_with("a9059cbb");
        let failed = json!({"result": {"code": "OTHER_ERROR", "message": hex::encode(exception)}});
        Some(if is_tried { failed } else { answer })
    };
    let house = House::start(Plan { bend: Some(Arc::new(bend)), ..Plan::default() }).await;
    let id = house.ask(&house.token, &somebody(1), 1_000).await;
    house.pass().await;
    let (reason, detail) = house.hold_of(id).unwrap();
    assert_eq!(reason, HoldReason::NotEstimated);
    assert!(detail.contains(exception), "{detail}");
}

#[tokio::test]
async fn a_node_that_tries_no_calls_does_not_make_a_wallet_empty() {
    let bend = |path: &str, _: &Value, answer: Value| {
        let message = hex::encode("this node does not support constant");
        let refused = json!({"result": {"code": "CONTRACT_VALIDATE_ERROR", "message": message}});
        Some(if path.ends_with("triggerconstantcontract") { refused } else { answer })
    };
    let house = House::start(Plan { bend: Some(Arc::new(bend)), ..Plan::default() }).await;
    let lane = lane(&house.wallet.to_string());
    let assets = [house.token.clone()];
    assert!(house.rail.holdings(&lane, &assets).await.is_err());
    let id = house.ask(&house.token, &somebody(1), 1_000).await;
    house.pass().await;
    assert_eq!(house.hold_of(id), None, "it is asked again");
    let found = house.rail.examine(&[lane]).await;
    assert!(found.iter().any(|it| it.what.contains("does not try calls")), "{found:?}");
}

#[tokio::test]
async fn nothing_costs_more_than_was_said_at_most() {
    let house = House::new().await;
    let first = house.ask(&coin(), &somebody(1), 5).await;
    house.turn().await;
    // The account does not exist yet, but will by the first, as far as the node knows.
    let second = house.ask(&coin(), &somebody(1), 6).await;
    house.turn().await;
    let tx = house.batch_of(second).attempts[0].clone();
    let name: [u8; 32] = hex::decode(tx.tx.txid.as_str()).unwrap().try_into().unwrap();
    house.all(|chain| chain.mine_only(&[name]));
    house.until("ended", |it| it.payouts[&second].state.status().is_final()).await;
    assert!(house.charged(second) <= tx.fee_max.units(), "{}", house.charged(second));
    house.end(&[first]).await;
}
