//! What is done to the chain in a scene.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::kill::{
    node::{Node, quantity},
    workload::Wanted,
};

/// A program that undoes every call: the invalid instruction of
/// [EIP-141](https://eips.ethereum.org/EIPS/eip-141).
const HOSTILE: &str = "0xfe";

/// Whoever is paid by somebody else who uses the wallet's key.
const STRANGER: &str = "0x00000000000000000000000000000000005747a6";

/// What a plain payment takes.
const GAS_PLAIN: u128 = 21_000;

/// The most that a base fee is raised to by a death, in wei per gas: the cap is far above.
const BASE_FEE_MAX: u128 = 50_000_000_000;

/// A transaction that waits.
pub(crate) struct Waiting {
    nonce: u128,
    max_fee: u128,
}

/// Makes the recipients programs that accept nothing.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn turn_hostile(node: &Node, plan: &[Wanted]) -> Result<()> {
    let turn = |it: &Wanted| node.call("anvil_setCode", &json!([it.address, HOSTILE])).map(drop);
    plan.iter().try_for_each(turn)
}

/// The waiting transactions of `wallet` that pay the recipients; `None` unless each has one.
///
/// # Errors
/// If the node does not answer, or makes no sense.
pub(crate) fn waiting(node: &Node, wallet: &str, plan: &[Wanted]) -> Result<Option<Vec<Waiting>>> {
    let pool = node.call("txpool_content", &json!([]))?;
    let accounts = pool["pending"].as_object().context("a pool without accounts")?;
    let own = accounts.iter().find(|(address, _)| address.eq_ignore_ascii_case(wallet));
    let Some(transactions) = own.and_then(|(_, it)| it.as_object()) else { return Ok(None) };
    plan.iter().map(|it| find(transactions.values(), it)).collect()
}

fn find<'a>(
    mut transactions: impl Iterator<Item = &'a Value>,
    wanted: &Wanted,
) -> Result<Option<Waiting>> {
    let pays =
        |it: &&Value| it["to"].as_str().is_some_and(|to| to.eq_ignore_ascii_case(&wanted.address));
    let found = transactions.find(pays).map(|it| {
        let (nonce, max_fee) = (quantity(&it["nonce"])?, quantity(&it["maxFeePerGas"])?);
        Ok(Waiting { nonce, max_fee })
    });
    found.transpose()
}

/// Raises the base fee to twice what the waiting transactions offer, and makes a block of it.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn outgrow(node: &Node, waiting: &[Waiting]) -> Result<()> {
    node.set_base_fee(2 * waiting.iter().map(|it| it.max_fee).max().unwrap_or(1))?;
    node.mine()
}

/// Uses up all numbers of the wallet up to the last of the waiting transactions, as somebody would
/// who has the wallet's key, in one block. What that costs is given to the wallet before, so that
/// nothing is missing from it.
///
/// # Errors
/// If the node does not answer, or leaves one of them out.
pub(crate) fn take_numbers(node: &Node, wallet: &str, waiting: &[Waiting]) -> Result<()> {
    let count = || quantity(&node.call("eth_getTransactionCount", &json!([wallet, "latest"]))?);
    let (first, end) = (count()?, waiting.iter().map(|it| it.nonce + 1).max().unwrap_or(0));
    let gas_price = 8 * waiting.iter().map(|it| it.max_fee).max().unwrap_or(1);
    let cost = gas_price * GAS_PLAIN * end.saturating_sub(first);
    let has = quantity(&node.call("eth_getBalance", &json!([wallet, "latest"]))?)?;
    node.set_balance(wallet, has + cost)?;
    node.call("anvil_impersonateAccount", &json!([wallet]))?;
    for nonce in first..end {
        let transaction = json!({
            "from": wallet, "to": STRANGER, "value": "0x0",
            "nonce": format!("{nonce:#x}"),
            "gas": format!("{GAS_PLAIN:#x}"),
            "gasPrice": format!("{gas_price:#x}"),
        });
        node.call("eth_sendTransaction", &json!([transaction]))?;
    }
    node.mine()?;
    ensure!(count()? >= end, "somebody else's transactions are not in a block");
    Ok(())
}

/// Undoes the newest block; an empty one takes its place.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn undo_block(node: &Node) -> Result<()> {
    node.call("anvil_reorg", &json!([1, []])).map(drop)
}

/// Raises the base fee after a death, so that signing again would give another transaction.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn raise_base_fee(node: &Node) -> Result<()> {
    let block = node.call("eth_getBlockByNumber", &json!(["latest", false]))?;
    node.set_base_fee(raised(quantity(&block["baseFeePerGas"])?))
}

/// 140 %, at least one gwei (empty blocks let it fall to nothing), and no more than is far below
/// the cap, where the fee that was can only fall.
fn raised(fee: u128) -> u128 {
    (fee * 7 / 5).max(1_000_000_000).min(fee.max(BASE_FEE_MAX))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{find, raised};
    use crate::kill::workload::plan;

    #[test]
    fn a_base_fee_rises_but_not_for_ever() {
        assert_eq!(raised(2_000_000_000), 2_800_000_000);
        assert_eq!(raised(7), 1_000_000_000);
        assert_eq!(raised(49_000_000_000), 50_000_000_000);
        assert_eq!(raised(60_000_000_000), 60_000_000_000);
    }

    #[test]
    fn a_waiting_transaction_is_found_by_its_recipient() {
        let wanted = plan(2, 1);
        let to = wanted[0].address.to_uppercase().replace('X', "x");
        let transaction = json!({ "to": to, "nonce": "0x5", "maxFeePerGas": "0x7" });
        let found = |index: usize| find([&transaction].into_iter(), &wanted[index]).unwrap();
        let of_first = found(0).unwrap();
        assert_eq!((of_first.nonce, of_first.max_fee), (5, 7));
        assert!(found(1).is_none());
    }
}
