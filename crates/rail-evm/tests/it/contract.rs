//! The contract that pays many recipients, on a real node: with friendly and hostile recipients and
//! tokens, called and delegated to.
//!
//! Runs only with `RUN_NODE_TESTS=1` and `ANVIL` set to the path of the anvil binary.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, U256};
use net::RpcError;
use rail_evm::{
    contract,
    pay_call::{Method, PayCall, Payment},
    tx::Kind,
};
use serde_json::{Value, json};

use crate::{
    bulk::{Bulk, data, lane, payments, somebody, word},
    scene::{LANE, RECIPIENT},
};

const METHODS: [Method; 2] = [Method::Contract, Method::Delegate];

/// The habits of `BulkRecipient.sol`.
mod program {
    pub(super) const TAKES: u8 = 0;
    pub(super) const REVERTS: u8 = 1;
    pub(super) const GUZZLES: u8 = 2;
    pub(super) const REVERTS_WITH_BOMB: u8 = 3;
    pub(super) const RETURNS_BOMB: u8 = 4;
    pub(super) const REENTERS_CONTRACT: u8 = 5;
    pub(super) const REENTERS_PAYER: u8 = 6;
    pub(super) const WANTS_ALL_GAS: u8 = 7;
}

/// The habits of `BulkToken.sol`.
mod token {
    pub(super) const RETURNS_TRUE: u8 = 0;
    pub(super) const RETURNS_NOTHING: u8 = 1;
    pub(super) const RETURNS_FALSE: u8 = 2;
    pub(super) const RETURNS_TWO: u8 = 3;
    pub(super) const RETURNS_BOMB: u8 = 4;
    pub(super) const GUZZLES: u8 = 5;
    pub(super) const WANTS_ALL_GAS: u8 = 6;
}

fn coin(recipient: Address, amount: u128) -> Payment {
    Payment { recipient, amount }
}

/// The signer's constant is this contract.
#[test]
fn the_signer_knows_the_same_contract() {
    assert_eq!(signer::intent::evm::PAYOUTS, contract::ADDRESS);
    assert_eq!(signer::intent::evm::PAYMENTS_MAX, rail_evm::pay_call::PAYMENTS_MAX);
}

#[tokio::test]
async fn the_code_is_where_and_what_it_was_computed_to_be() {
    let Some(bulk) = Bulk::start().await else { return };
    assert_eq!(bulk.code(contract::ADDRESS).await, *contract::runtime());
    let again = bulk.call(RECIPIENT, contract::PROXY, U256::ZERO, contract::deployment()).await;
    assert!(!again.succeeded());
    assert_eq!(bulk.code(lane()).await, Bytes::new());
    let before = bulk.count().await;
    assert!(bulk.delegate().await.succeeded());
    assert_eq!(bulk.code(lane()).await, contract::delegation());
    // The authorization has used up a number too.
    assert_eq!(bulk.count().await, before + 2);
}

/// Sends a call with what the node estimates, and checks that all recipients, the lane and the
/// contract hold what they should; gives the payments that were made.
async fn check(bulk: &Bulk, kind: Kind, call: &PayCall) -> Vec<bool> {
    let would_fail = bulk.would_fail(call).await;
    let gas_limit = bulk.estimate(call).await;
    let mut expected = BTreeMap::new();
    for payment in call.payments() {
        expected.insert(payment.recipient, bulk.held(call, payment.recipient).await);
    }
    let (coins, held) = (bulk.coins(lane()).await, bulk.held(call, lane()).await);
    let receipt = bulk.pay(kind, call, gas_limit).await;
    assert!(receipt.succeeded());
    let made = call.outcome(lane(), &receipt.logs).unwrap();
    let mut sent = 0;
    for (position, payment) in call.payments().iter().enumerate() {
        assert_eq!(made[position], !would_fail.contains(&position), "{position}");
        if made[position] {
            *expected.get_mut(&payment.recipient).unwrap() += payment.amount;
            sent += payment.amount;
        }
    }
    for (recipient, amount) in expected {
        assert_eq!(bulk.held(call, recipient).await, amount, "{recipient}");
    }
    let fee = receipt.fee();
    let coins_sent = if call.token().is_none() { sent } else { 0 };
    assert_eq!(coins - bulk.coins(lane()).await, fee + coins_sent);
    if call.token().is_some() {
        assert_eq!(held - bulk.held(call, lane()).await, sent);
    }
    assert_eq!(bulk.coins(contract::ADDRESS).await, 0);
    assert_eq!(bulk.tokens(contract::ADDRESS).await, 0);
    made
}

#[tokio::test]
async fn many_are_paid_in_one_transaction() {
    let Some(bulk) = Bulk::start().await else { return };
    for method in METHODS {
        for token in [None, Some(bulk.token)] {
            for (count, kind) in [(10, Kind::Eip155), (100, Kind::Eip1559)] {
                let name = format!("{method:?} {token:?} {count}");
                let mut list = payments(&name, count);
                // The same once more, and the same recipient with another amount.
                list[3] = list[5];
                list[7].recipient = list[5].recipient;
                let call = bulk.by(method, token, list).await;
                assert!(check(&bulk, kind, &call).await.iter().all(|made| *made));
            }
        }
    }
}

/// As many as one call may make, with the most gas that each may take: they fit into what one
/// transaction may use (EIP-7825).
#[tokio::test]
async fn the_most_payments_fit_into_a_transaction() {
    let Some(bulk) = Bulk::start().await else { return };
    let most = payments("most", rail_evm::pay_call::PAYMENTS_MAX as u64);
    for method in METHODS {
        let call = bulk.by(method, None, most.clone()).await;
        assert!(bulk.estimate(&call).await < 1 << 24);
        assert!(check(&bulk, Kind::Eip1559, &call).await.iter().all(|made| *made));
    }
}

#[tokio::test]
async fn hostile_recipients_harm_nobody_else() {
    let Some(bulk) = Bulk::start().await else { return };
    for method in METHODS {
        let mut payments = vec![];
        for habit in [
            program::TAKES,
            program::REVERTS,
            program::GUZZLES,
            program::REVERTS_WITH_BOMB,
            program::RETURNS_BOMB,
            program::REENTERS_CONTRACT,
            program::REENTERS_PAYER,
        ] {
            payments.push(coin(bulk.program(habit).await, 5_000));
            payments.push(coin(somebody(&format!("{method:?}"), habit.into()), 7));
        }
        payments.push(coin(contract::ADDRESS, 3));
        payments.push(coin(somebody("last", 0), 1_000_000_000_000_000_000));
        let call = bulk.by(method, None, payments).await;
        let mut made = check(&bulk, Kind::Eip1559, &call).await;
        let honest = made.split_off(14);
        assert_eq!(honest, [false, true]);
        let of_programs: Vec<bool> = made.iter().step_by(2).copied().collect();
        // The last one insists that it could not make its payer pay again. The contract serves it,
        // in its own name and with nothing; an account that delegates does not.
        let last = method == Method::Delegate;
        assert_eq!(of_programs, [true, false, false, false, true, true, last]);
        assert!(made.iter().skip(1).step_by(2).all(|made| *made));
    }
}

/// A recipient that makes the contract announce something while it is paid cannot be taken for the
/// lane.
#[tokio::test]
async fn what_a_recipient_makes_the_contract_say_is_told_apart() {
    let Some(bulk) = Bulk::start().await else { return };
    let liar = bulk.program(program::REENTERS_CONTRACT).await;
    let payments = vec![coin(somebody("a", 0), 1), coin(somebody("a", 1), 2), coin(liar, 3)];
    let call = bulk.by(Method::Contract, None, payments).await;
    let receipt = bulk.pay(Kind::Eip1559, &call, bulk.estimate(&call).await).await;
    let announced = receipt.logs.iter().filter(|log| log.address == contract::ADDRESS).count();
    // Two unpaid and a count in the liar's name, and the count in the lane's.
    assert_eq!(announced, 4);
    assert_eq!(call.outcome(lane(), &receipt.logs), Ok(vec![true; 3]));
}

#[tokio::test]
async fn tokens_with_habits() {
    let Some(bulk) = Bulk::start().await else { return };
    for method in METHODS {
        for (habit, paid) in [
            (token::RETURNS_TRUE, true),
            (token::RETURNS_NOTHING, true),
            (token::RETURNS_FALSE, false),
            (token::GUZZLES, false),
            (token::WANTS_ALL_GAS, true),
        ] {
            bulk.set_habit(habit).await;
            let payments = payments(&format!("{method:?} {habit}"), 3);
            let call = bulk.by(method, Some(bulk.token), payments).await;
            assert_eq!(check(&bulk, Kind::Eip1559, &call).await, [paid; 3], "{habit}");
        }
        // These move the money and do not say so: nobody may guess.
        for habit in [token::RETURNS_TWO, token::RETURNS_BOMB] {
            bulk.set_habit(habit).await;
            let payments = payments(&format!("{method:?} {habit}"), 3);
            let call = bulk.by(method, Some(bulk.token), payments).await;
            let receipt = bulk.pay(Kind::Eip1559, &call, bulk.estimate(&call).await).await;
            assert!(receipt.succeeded());
            let why = call.outcome(lane(), &receipt.logs).unwrap_err();
            assert!(why.contains("does not count as paid"), "{why}");
        }
        bulk.set_habit(token::RETURNS_TRUE).await;
        let barred = somebody(&format!("{method:?} barred"), 1);
        let words = [word(barred), U256::ONE];
        bulk.admin(bulk.token, data("setBlacklisted(address,bool)", &words)).await;
        let call = bulk.by(method, Some(bulk.token), payments(&format!("{method:?} barred"), 3));
        assert_eq!(check(&bulk, Kind::Eip1559, &call.await).await, [true, false, true]);
    }
}

#[tokio::test]
async fn what_is_not_approved_is_not_paid() {
    let Some(bulk) = Bulk::start().await else { return };
    // Enough for the first and second, and for the fourth beside the first.
    bulk.approve(U256::from(11)).await;
    let amounts = [6, 4, 100, 1, 2];
    let payment = |(number, amount)| coin(somebody("few", number), amount);
    let payments = (0..).zip(amounts).map(payment).collect();
    let call = bulk.by(Method::Contract, Some(bulk.token), payments).await;
    let made = check(&bulk, Kind::Eip1559, &call).await;
    assert_eq!(made, [true, true, false, true, false]);
}

/// Asks the node to run a call, and gives what it says if it does not.
async fn refusal(bulk: &Bulk, from: &str, to: Address, value: u64, data: Bytes) -> String {
    let call = json!({"from": from, "to": to, "value": U256::from(value), "data": data});
    let asked: Result<Value, RpcError> =
        bulk.anvil.client().call("eth_call", json!([call, "latest"])).await;
    asked.expect_err("it is refused").to_string()
}

#[tokio::test]
async fn calls_that_make_no_sense_are_undone_as_a_whole() {
    let Some(bulk) = Bulk::start().await else { return };
    let one = payments("nobody", 1);
    let of = |token| PayCall::new(Method::Contract, token, one.clone()).unwrap().input();
    let absent = of(Some(somebody("no token", 0)));
    let why = refusal(&bulk, LANE, contract::ADDRESS, 0, absent.clone()).await;
    assert!(why.contains("the token has no code"), "{why}");
    let why = refusal(&bulk, LANE, contract::ADDRESS, 1, of(Some(bulk.token))).await;
    assert!(why.contains("coins beside a token"), "{why}");
    let why = refusal(&bulk, LANE, contract::ADDRESS, 1, Bytes::new()).await;
    assert!(why.contains("coins would be lost here"), "{why}");
    let sent = bulk.call(RECIPIENT, contract::ADDRESS, U256::ONE, Bytes::new()).await;
    assert!(!sent.succeeded());
    bulk.delegate().await;
    let why = refusal(&bulk, LANE, lane(), 0, absent).await;
    assert!(why.contains("the token has no code"), "{why}");
    for data in [of(None), of(Some(bulk.token))] {
        let why = refusal(&bulk, RECIPIENT, lane(), 0, data.clone()).await;
        assert!(why.contains("not the account itself"), "{why}");
        let outsider = bulk.call(RECIPIENT, lane(), U256::ZERO, data).await;
        assert!(!outsider.succeeded());
    }
    // Coins reach an account that delegates as they reach any other.
    let before = bulk.coins(lane()).await;
    assert!(bulk.call(RECIPIENT, lane(), U256::from(5), Bytes::new()).await.succeeded());
    assert_eq!(bulk.coins(lane()).await, before + 5);
}

#[tokio::test]
async fn nobody_else_moves_what_a_lane_approved() {
    let Some(bulk) = Bulk::start().await else { return };
    let one = payments("thief", 1);
    let call = PayCall::new(Method::Contract, Some(bulk.token), one.clone()).unwrap();
    // The deployer has tokens and has approved nothing.
    let receipt = bulk.call(RECIPIENT, contract::ADDRESS, U256::ZERO, call.input()).await;
    assert!(receipt.succeeded());
    assert_eq!(bulk.tokens(one[0].recipient).await, 0);
    assert!(call.outcome(lane(), &receipt.logs).is_err());
    assert_eq!(call.outcome(RECIPIENT.parse().unwrap(), &receipt.logs), Ok(vec![false]));
}

#[tokio::test]
async fn coins_are_counted_and_the_rest_returns() {
    let Some(bulk) = Bulk::start().await else { return };
    let list =
        vec![coin(somebody("c", 0), 40), coin(somebody("c", 1), 60), coin(somebody("c", 2), 9)];
    let call = PayCall::new(Method::Contract, None, list).unwrap();
    let payer: Address = RECIPIENT.parse().unwrap();
    // Coins that the contract was made to hold are not touched.
    let _: Value =
        bulk.anvil.ask("anvil_setBalance", json!([contract::ADDRESS, U256::from(500)])).await;
    for (value, paid, made) in [
        (109, 109, vec![true, true, true]),
        (200, 109, vec![true, true, true]),
        (99, 49, vec![true, false, true]),
        (3, 0, vec![false, false, false]),
    ] {
        let before = bulk.coins(payer).await;
        let receipt =
            bulk.call(RECIPIENT, contract::ADDRESS, U256::from(value), call.input()).await;
        assert!(receipt.succeeded());
        assert_eq!(call.outcome(payer, &receipt.logs), Ok(made));
        assert_eq!(before - bulk.coins(payer).await, paid + receipt.fee());
        assert_eq!(bulk.coins(contract::ADDRESS).await, 500);
    }
    // A payer that does not take the rest back pays nothing at all.
    let stubborn = bulk.program(program::REVERTS).await;
    let _: Value = bulk.anvil.ask("anvil_impersonateAccount", json!([stubborn])).await;
    let rich = json!([stubborn, U256::from(10).pow(U256::from(20))]);
    let _: Value = bulk.anvil.ask("anvil_setBalance", rich).await;
    let stubborn = stubborn.to_string();
    let why = refusal(&bulk, &stubborn, contract::ADDRESS, 110, call.input()).await;
    assert!(why.contains("the rest cannot be returned"), "{why}");
}

/// Whatever the gas limit, a call that is not undone pays the same.
#[tokio::test]
async fn too_little_gas_undoes_the_whole_and_never_a_part() {
    let Some(bulk) = Bulk::start().await else { return };
    bulk.set_habit(token::WANTS_ALL_GAS).await;
    for method in METHODS {
        for token in [None, Some(bulk.token)] {
            let mut list = payments(&format!("gas {method:?} {token:?}"), 2);
            list.push(coin(bulk.program(program::GUZZLES).await, 4));
            list.push(coin(bulk.program(program::RETURNS_BOMB).await, 5));
            list.push(coin(bulk.program(program::WANTS_ALL_GAS).await, 6));
            list.extend(payments(&format!("more {method:?} {token:?}"), 1));
            list.push(coin(bulk.program(program::WANTS_ALL_GAS).await, 7));
            let call = bulk.by(method, token, list).await;
            let expected = bulk.would_fail(&call).await;
            assert_eq!(expected.len(), usize::from(token.is_none()), "the guzzler alone");
            let estimate = bulk.estimate(&call).await;
            let (mut undone, mut done) = (0, 0);
            for gas in (21_000..estimate + 100_000).step_by(577) {
                let mut question = Bulk::question(&call);
                question["gas"] = json!(format!("{gas:#x}"));
                let asked: Result<Bytes, RpcError> =
                    bulk.anvil.client().call("eth_call", json!([question, "latest"])).await;
                match asked {
                    Ok(returned) => {
                        assert_eq!(call.would_fail(&returned), Ok(expected.clone()), "{gas}");
                        done += 1;
                    }
                    Err(_) => undone += 1,
                }
            }
            assert!(undone > 20 && done > 20, "{undone} {done}");
            // In a transaction as well.
            let held = bulk.held(&call, somebody(&format!("gas {method:?} {token:?}"), 0)).await;
            let receipt = bulk.pay(Kind::Eip1559, &call, estimate - 15_000).await;
            assert!(!receipt.succeeded() && receipt.logs.is_empty());
            assert_eq!(held, 0);
            check(&bulk, Kind::Eip1559, &call).await;
        }
    }
}

/// An account that does not run the code takes any call of itself, and nothing happens.
#[tokio::test]
async fn an_account_that_does_not_delegate_proves_nothing() {
    let Some(bulk) = Bulk::start().await else { return };
    let call = PayCall::new(Method::Delegate, None, payments("nothing", 2)).unwrap();
    let receipt = bulk.pay(Kind::Eip1559, &call, 100_000).await;
    assert!(receipt.succeeded());
    assert!(call.outcome(lane(), &receipt.logs).unwrap_err().contains("served"));
    assert_eq!(bulk.coins(somebody("nothing", 0)).await, 0);
}
