//! The token that is paid beside coins: `token/Token.sol`, which lets everybody change everything.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::node::{Node, quantity};
use crate::kill::workload::Asset;

/// What is paid of it.
pub(crate) const TOKEN: Asset = Asset { id: "TOKEN@ethereum", ticker: None, decimals: 6 };

/// Where its code is put, without anybody's deploying it.
pub(crate) const ADDRESS: &str = "0x70e50000000000000000000000000000000000aa";

/// The same with its checksum, as the catalog has it.
const WITH_CHECKSUM: &str = "0x70e50000000000000000000000000000000000aA";

/// The contract that pays many; crates/rail-evm/README.md says why it is there.
pub(crate) const PAYOUTS: &str = "0xd9732d1d51800e1641672fb9c76add1373154fc8";

/// It refuses approvals while there is code here.
pub(crate) const REFUSAL: &str = "0x70e50000000000000000000000000000000000bb";

/// What runs at its address.
const CODE: &str = include_str!("token/Token.hex");

/// One whole token, in smallest units.
const WHOLE: u128 = 1_000_000;

/// An account that anvil has the key and gives coins of.
const SOMEBODY: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";

/// The topic of `Transfer(address,address,uint256)`.
const TRANSFER: &str = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";

/// The functions of the token that are called, by the first bytes of the hash of what is called.
const SET_BALANCE: &str = "0xe30443bc";
const SET_ALLOWANCE: &str = "0xda46098c";
const BALANCE_OF: &str = "0x70a08231";
const ALLOWANCE: &str = "0xdd62ed3e";
const APPROVE: &str = "0x095ea7b3";

/// The row of the gateway's catalog.
pub(crate) fn catalog() -> String {
    format!(
        "[[asset]]\nnetwork = \"ethereum\"\nticker = \"TOKEN\"\ntitle = \"Token\"\ndecimals = 6\n\
         contract = \"{WITH_CHECKSUM}\"\n"
    )
}

/// The place at which the audit counts what somebody gets of it.
pub(crate) fn place(address: &str) -> String {
    format!("TOKEN {address}")
}

/// Puts the token onto the chain, and gives `holder` so many whole ones.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn put(node: &Node, holder: &str, whole: u128) -> Result<()> {
    node.call("anvil_setCode", &json!([ADDRESS, format!("0x{}", CODE.trim())]))?;
    change(node, SET_BALANCE, &[word_of(holder)?, word(whole * WHOLE)])?;
    ensure!(balance(node, holder)? == whole * WHOLE, "the token is not there");
    Ok(())
}

/// Takes back what `holder` has allowed the contract that pays many; whether there was anything.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn revoke(node: &Node, holder: &str) -> Result<bool> {
    let (holder, spender) = (word_of(holder)?, word_of(PAYOUTS)?);
    let allowed = read(node, ALLOWANCE, &[holder.clone(), spender.clone()])?;
    let has_allowed = allowed.trim_start_matches("0x").chars().any(|it| it != '0');
    if has_allowed {
        change(node, SET_ALLOWANCE, &[holder, spender, word(0)])?;
    }
    Ok(has_allowed)
}

/// Whether a transaction approves the contract.
pub(crate) fn is_approval(transaction: &Value) -> bool {
    let is_it = |key: &str, text: &str| {
        transaction[key].as_str().is_some_and(|it| it.to_lowercase().starts_with(text))
    };
    is_it("to", ADDRESS) && is_it("input", APPROVE)
}

/// What somebody has of it, in smallest units.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn balance(node: &Node, holder: &str) -> Result<u128> {
    amount(&read(node, BALANCE_OF, &[word_of(holder)?])?)
}

/// The question for what somebody has of it as of a block.
///
/// # Errors
/// If it is not an address.
pub(crate) fn balance_question(holder: &str, block: &str) -> Result<(&'static str, Value)> {
    let data = format!("{BALANCE_OF}{}", word_of(holder)?);
    Ok(("eth_call", json!([{ "to": ADDRESS, "data": data }, block])))
}

/// The recipient and amount of a log, if it is one of the token's transfers.
///
/// # Errors
/// If it makes no sense.
pub(crate) fn transferred(log: &Value) -> Result<Option<(String, u128)>> {
    let is_token = log["address"].as_str().is_some_and(|it| it.eq_ignore_ascii_case(ADDRESS));
    if !is_token || log["topics"][0] != TRANSFER {
        return Ok(None);
    }
    let recipient = log["topics"][2].as_str().and_then(|it| it.get(26..));
    let recipient = recipient.context("a transfer to nobody")?.to_lowercase();
    let data = log["data"].as_str().context("a transfer of nothing")?;
    Ok(Some((format!("0x{recipient}"), amount(data)?)))
}

/// Reads a word that is a number.
///
/// # Errors
/// If it is more than there can be.
pub(crate) fn amount(word: &str) -> Result<u128> {
    let digits = word.trim_start_matches("0x").trim_start_matches('0');
    if digits.is_empty() { Ok(0) } else { quantity(&json!(format!("0x{digits}"))) }
}

fn read(node: &Node, function: &str, words: &[String]) -> Result<String> {
    let data = format!("{function}{}", words.concat());
    let answer = node.call("eth_call", &json!([{ "to": ADDRESS, "data": data }, "latest"]))?;
    answer.as_str().map(String::from).context("the token answers nothing")
}

/// Has somebody call the token, first thing in a block that is made for it.
fn change(node: &Node, function: &str, words: &[String]) -> Result<()> {
    let (from, data) = (SOMEBODY, format!("{function}{}", words.concat()));
    node.set_balance(from, 1 << 100)?;
    // More than anybody else offers, whatever the base fee is.
    let price = format!("{:#x}", 20_000_000_000_000_u128);
    let sent = json!([{ "from": from, "to": ADDRESS, "data": data, "gas": "0x30d40",
        "maxFeePerGas": price, "maxPriorityFeePerGas": "0x2540be400" }]);
    let hash = node.call("eth_sendTransaction", &sent)?;
    node.mine()?;
    let receipt = node.call("eth_getTransactionReceipt", &json!([hash]))?;
    ensure!(receipt["status"] == "0x1", "nobody could change the token: {receipt}");
    Ok(())
}

fn word(number: u128) -> String {
    format!("{number:064x}")
}

fn word_of(address: &str) -> Result<String> {
    let digits = address.strip_prefix("0x").filter(|it| it.len() == 40);
    Ok(format!("{:0>64}", digits.with_context(|| format!("{address} is no address"))?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ADDRESS, TOKEN, TRANSFER, amount, transferred, word, word_of};

    #[test]
    fn transfers_of_the_token_are_read() {
        let (payer, recipient) = ("0x00000000000000000000000000000000000000Aa", ADDRESS);
        let topics = [payer, recipient].map(|it| format!("0x{}", word_of(it).unwrap()));
        let log = |address: &str| {
            json!({ "address": address, "data": format!("0x{}", word(7)),
                "topics": [TRANSFER, topics[0], topics[1]] })
        };
        assert_eq!(transferred(&log(ADDRESS)).unwrap(), Some((recipient.to_owned(), 7)));
        assert_eq!(transferred(&log(payer)).unwrap(), None);
        assert!(amount(&format!("0x{}", "f".repeat(64))).is_err());
        assert_eq!(amount(&format!("0x{}", word(0))).unwrap(), 0);
        assert_eq!(TOKEN.text(1_000_001), "1.000001");
    }
}
