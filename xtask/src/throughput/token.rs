//! A token on the node, where the catalog says that USDT is.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::kill::evm::node::{Node, quantity};

/// USDT of Ethereum, as in `crates/rail-evm/catalog.toml`.
const TOKEN: &str = "0xdAC17F958D2ee523a2206206994597C13D831ec7";
/// What runs there: `Token.sol`.
const CODE: &str = include_str!("Token.hex");
/// To how many holders tokens are given in one transaction.
const HOLDERS_AT_ONCE: usize = 20;
/// How long a transaction of the set-up may take, in looks a fifth of a second apart.
const LOOKS_MAX: usize = 300;

/// Puts the token there.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn put(node: &Node) -> Result<()> {
    node.call("anvil_setCode", &json!([TOKEN, format!("0x{}", CODE.trim())])).map(drop)
}

/// Gives tokens to holders: `deal(address[],uint256)`.
///
/// # Errors
/// If the node does not answer, or does not include it.
pub(crate) fn deal(node: &Node, from: &str, holders: &[String], units: u128) -> Result<()> {
    let mut hashes = vec![];
    for some in holders.chunks(HOLDERS_AT_ONCE) {
        let list: String = some.iter().map(|it| word(it)).collect();
        let data = format!("0xa88336ba{:064x}{units:064x}{:064x}{list}", 64, some.len());
        hashes.push(send(node, from, &data)?);
    }
    hashes.iter().try_for_each(|it| await_receipt(node, it))
}

/// Lets `spender` take any amount of the tokens of `holder`: `approve(address,uint256)`.
///
/// # Errors
/// If the node does not answer, or does not include it.
pub(crate) fn approve(node: &Node, holder: &str, spender: &str) -> Result<()> {
    let data = format!("0x095ea7b3{}{}", word(spender), "f".repeat(64));
    await_receipt(node, &send(node, holder, &data)?)
}

fn word(address: &str) -> String {
    format!("{:0>64}", address.trim_start_matches("0x"))
}

fn send(node: &Node, from: &str, data: &str) -> Result<serde_json::Value> {
    let call = json!([{ "from": from, "to": TOKEN, "data": data, "gas": "0x100000" }]);
    node.call("eth_sendTransaction", &call)
}

fn await_receipt(node: &Node, hash: &serde_json::Value) -> Result<()> {
    for _ in 0..LOOKS_MAX {
        let receipt = node.call("eth_getTransactionReceipt", &json!([hash]))?;
        if !receipt.is_null() {
            ensure!(quantity(&receipt["status"])? == 1, "the token refuses the set-up");
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    anyhow::bail!("a transaction of the set-up is in no block")
}

/// The question what somebody holds: `balanceOf(address)`.
pub(crate) fn balance_question(holder: &str) -> (&'static str, serde_json::Value) {
    let data = format!("0x70a08231{}", word(holder));
    ("eth_call", json!([{ "to": TOKEN, "data": data }, "latest"]))
}
