//! What the node takes by itself: transactions of the same kind, signed before, from somebody else.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{
    chain::{Pace, Watcher, head},
    stage::Stage,
};
use crate::kill::evm::node::{Node, quantity};

/// How many transactions are signed, or handed over, in one request.
const AT_ONCE: usize = 100;
/// For how many full blocks there are transactions, and the most transactions.
const BLOCKS: u64 = 16;
const TRANSACTIONS_MAX: u64 = 24_000;
/// How many blocks without any of them end the wait.
const QUIET_BLOCKS: u64 = 6;

/// What a transaction of the gateway is like.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    /// The transaction, as the node tells it.
    pub(crate) transaction: Value,
    /// What it took.
    pub(crate) gas: u64,
}

/// Floods the stage's node with transactions like one of the gateway's.
///
/// # Errors
/// If the node does not take them.
pub(crate) fn run(stage: &Stage, kind: &Kind) -> Result<Pace> {
    let node = &stage.node;
    let accounts = node.call("eth_accounts", &json!([]))?;
    let sender = accounts[0].as_str().context("a node without accounts")?.to_owned();
    let count = (BLOCKS * stage.plan.gas_limit / kind.gas).clamp(BLOCKS, TRANSACTIONS_MAX);
    let to = stage.prepare_flood(&sender, kind)?;
    let signed = sign(node, &sender, &to, kind, count)?;
    eprintln!("  flood: {count} transactions are signed");
    let watcher = Watcher::start(node, [stage.gateway_id()?, node.id()]);
    for some in signed.chunks(AT_ONCE) {
        let send = |raw: &Value| ("eth_sendRawTransaction", json!([raw]));
        node.ask(&some.iter().map(send).collect::<Vec<_>>())?;
    }
    await_quiet(node)?;
    watcher.end(node, &sender, stage.plan.gas_limit)
}

fn sign(node: &Node, sender: &str, to: &str, kind: &Kind, count: u64) -> Result<Vec<Value>> {
    let first = quantity(&node.call("eth_getTransactionCount", &json!([sender, "latest"]))?)?;
    let transaction = |number: u128| {
        json!([{
            "from": sender,
            "to": to,
            "value": kind.transaction["value"],
            "input": kind.transaction["input"],
            "gas": kind.transaction["gas"],
            "maxFeePerGas": format!("{:#x}", 100_000_000_000_u64),
            "maxPriorityFeePerGas": format!("{:#x}", 1_000_000_000),
            "nonce": format!("{number:#x}"),
            "chainId": "0x1",
        }])
    };
    let numbers: Vec<u128> = (first..first + u128::from(count)).collect();
    let mut signed = vec![];
    for some in numbers.chunks(AT_ONCE) {
        let questions: Vec<_> =
            some.iter().map(|it| ("eth_signTransaction", transaction(*it))).collect();
        signed.extend(node.ask(&questions)?);
    }
    Ok(signed)
}

/// Waits until so many blocks in a row are empty.
fn await_quiet(node: &Arc<Node>) -> Result<()> {
    let mut last = head(node)?;
    let mut quiet = 0;
    while quiet < QUIET_BLOCKS {
        std::thread::sleep(super::BLOCK);
        let now = head(node)?;
        for number in last + 1..=now {
            let count = "eth_getBlockTransactionCountByNumber";
            let count = quantity(&node.call(count, &json!([format!("{number:#x}")]))?)?;
            quiet = if count == 0 { quiet + 1 } else { 0 };
        }
        last = now;
    }
    Ok(())
}
