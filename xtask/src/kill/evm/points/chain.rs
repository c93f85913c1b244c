//! What is done to the chain in a scene.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::kill::{
    evm::node::{Node, quantity},
    workload::Wanted,
};

/// A program that undoes every call: the invalid instruction of
/// [EIP-141](https://eips.ethereum.org/EIPS/eip-141).
const HOSTILE: &str = "0xfe";

/// Whoever is paid by somebody else who uses the wallet's key.
const STRANGER: &str = "0x00000000000000000000000000000000005747a6";

/// What a plain payment takes.
const GAS_PLAIN: u128 = 21_000;

/// The least that a base fee is, in wei per gas.
const BASE_FEE_MIN: u128 = 1_000_000_000;

/// The most that a base fee is raised to by a death, in wei per gas: the cap is far above.
const BASE_FEE_MAX: u128 = 50_000_000_000;

/// A transaction that waits.
pub(crate) struct Waiting {
    nonce: u128,
    max_fee: u128,
}

/// Gives recipients of coins what they are to have before.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn give(node: &Node, plan: &[Wanted]) -> Result<()> {
    for wanted in plan.iter().filter(|it| it.gift > 0) {
        node.set_balance(&wanted.address, wanted.gift)?;
    }
    // What is not in a block is undone with the newest one.
    node.mine()
}

/// Makes recipients programs that accept nothing; the token refuses them, too.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn turn_hostile(node: &Node, plan: &[Wanted]) -> Result<()> {
    plan.iter().try_for_each(|it| set_code(node, &it.address, HOSTILE))
}

/// Makes recipients what they were before.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn turn_friendly(node: &Node, plan: &[Wanted]) -> Result<()> {
    plan.iter().try_for_each(|it| set_code(node, &it.address, "0x"))
}

/// Makes a block while `address` is a program that accepts nothing.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn mine_without(node: &Node, address: &str) -> Result<()> {
    set_code(node, address, HOSTILE)?;
    node.mine()?;
    set_code(node, address, "0x")
}

fn set_code(node: &Node, address: &str, code: &str) -> Result<()> {
    node.call("anvil_setCode", &json!([address, code])).map(drop)
}

/// The waiting transactions of `wallet` that pay the recipients; `None` unless each has one.
///
/// # Errors
/// If the node does not answer, or makes no sense.
pub(crate) fn waiting(node: &Node, wallet: &str, plan: &[Wanted]) -> Result<Option<Vec<Waiting>>> {
    let transactions = pool(node, wallet)?;
    plan.iter().map(|it| find(transactions.iter(), it)).collect()
}

/// A waiting transaction of `wallet` that is what is looked for.
///
/// # Errors
/// If the node does not answer, or makes no sense.
pub(crate) fn waiting_for(
    node: &Node,
    wallet: &str,
    is_it: impl Fn(&Value) -> bool,
) -> Result<Option<Waiting>> {
    pool(node, wallet)?.iter().find(|it| is_it(it)).map(Waiting::read).transpose()
}

/// What waits in the node's pool and can be included.
fn pool(node: &Node, wallet: &str) -> Result<Vec<Value>> {
    let pool = node.call("txpool_content", &json!([]))?;
    let accounts = pool["pending"].as_object().context("a pool without accounts")?;
    let own = accounts.iter().find(|(address, _)| address.eq_ignore_ascii_case(wallet));
    let own = own.and_then(|(_, it)| it.as_object());
    Ok(own.into_iter().flat_map(|it| it.values().cloned()).collect())
}

impl Waiting {
    /// Whether it pays several of some payouts; `all` are their transactions, one for each payout.
    pub(crate) fn pays_several(&self, all: &[Self]) -> bool {
        all.iter().filter(|it| it.nonce == self.nonce).count() > 1
    }

    fn read(it: &Value) -> Result<Self> {
        Ok(Self { nonce: quantity(&it["nonce"])?, max_fee: quantity(&it["maxFeePerGas"])? })
    }
}

fn find<'a>(
    mut transactions: impl Iterator<Item = &'a Value>,
    wanted: &Wanted,
) -> Result<Option<Waiting>> {
    // Alone, a recipient of coins is called; everybody else is named in the call's data.
    let (address, digits) = (&wanted.address, wanted.address.trim_start_matches("0x"));
    let pays = |it: &&Value| {
        let is_called = it["to"].as_str().is_some_and(|to| to.eq_ignore_ascii_case(address));
        let input = it["input"].as_str().unwrap_or_default();
        is_called || input.to_lowercase().contains(digits)
    };
    transactions.find(pays).map(Waiting::read).transpose()
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
/// Block producers are offered nothing: the wallet offers them what they got lately, and while that
/// is more than its cap it signs nothing. A chain that is held still would never forget it.
///
/// # Errors
/// If the node does not answer, or leaves one of them out.
pub(crate) fn take_numbers(node: &Node, wallet: &str, waiting: &[Waiting]) -> Result<()> {
    let (first, end) = (
        count_of(node, wallet, "latest")?,
        waiting.iter().map(|it| it.nonce + 1).max().unwrap_or(0),
    );
    // Others may wait before them, and offer more.
    let others = pool(node, wallet)?;
    let others = others.iter().map(Waiting::read).collect::<Result<Vec<_>>>()?;
    let max_fee = 8 * others.iter().chain(waiting).map(|it| it.max_fee).max().unwrap_or(1);
    // What a block costs that is still to be made is known if it is set.
    let base_fee = next_base_fee(node)?;
    node.set_base_fee(base_fee)?;
    let cost = base_fee * GAS_PLAIN * end.saturating_sub(first);
    let has = coins_of(node, wallet, "latest")?;
    node.set_balance(wallet, has + cost)?;
    node.call("anvil_impersonateAccount", &json!([wallet]))?;
    for nonce in first..end {
        let transaction = json!({
            "from": wallet, "to": STRANGER, "value": "0x0",
            "nonce": format!("{nonce:#x}"),
            "gas": format!("{GAS_PLAIN:#x}"),
            "maxFeePerGas": format!("{max_fee:#x}"),
            "maxPriorityFeePerGas": "0x0",
        });
        node.call("eth_sendTransaction", &json!([transaction]))?;
    }
    node.mine()?;
    ensure!(
        count_of(node, wallet, "latest")? >= end,
        "somebody else's transactions are not in a block"
    );
    Ok(())
}

/// What `wallet` has, in wei, as of a block.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn coins_of(node: &Node, wallet: &str, block: &str) -> Result<u128> {
    quantity(&node.call("eth_getBalance", &json!([wallet, block]))?)
}

/// How many transactions `wallet` has made, as of a block.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn count_of(node: &Node, wallet: &str, block: &str) -> Result<u128> {
    quantity(&node.call("eth_getTransactionCount", &json!([wallet, block]))?)
}

/// Undoes the newest blocks; empty ones take their place.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn undo_blocks(node: &Node, count: usize) -> Result<()> {
    node.call("anvil_reorg", &json!([count, []])).map(drop)
}

/// Makes a block whose base fee has not fallen to nothing, as it does while blocks are empty: what is
/// signed then would be worth nothing after the next rise.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn mine(node: &Node) -> Result<()> {
    if next_base_fee(node)? < BASE_FEE_MIN {
        node.set_base_fee(BASE_FEE_MIN)?;
    }
    node.mine()
}

/// The base fee of the next block, in wei per gas.
fn next_base_fee(node: &Node) -> Result<u128> {
    let block = node.call("eth_getBlockByNumber", &json!(["pending", false]))?;
    quantity(&block["baseFeePerGas"])
}

/// Lowers the base fee if it is more than deaths raise it to.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn lower_base_fee(node: &Node) -> Result<()> {
    if next_base_fee(node)? > BASE_FEE_MAX {
        node.set_base_fee(BASE_FEE_MAX)?;
        node.mine()?;
    }
    Ok(())
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
    (fee * 7 / 5).max(BASE_FEE_MIN).min(fee.max(BASE_FEE_MAX))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Waiting, find, raised};
    use crate::kill::evm::plan::plan;

    #[test]
    fn a_base_fee_rises_but_not_for_ever() {
        assert_eq!(raised(2_000_000_000), 2_800_000_000);
        assert_eq!(raised(7), 1_000_000_000);
        assert_eq!(raised(49_000_000_000), 50_000_000_000);
        assert_eq!(raised(60_000_000_000), 60_000_000_000);
    }

    #[test]
    fn a_transaction_pays_several_if_they_have_its_number() {
        let waiting = [4, 5, 4].map(|nonce| Waiting { nonce, max_fee: 7 });
        assert_eq!(
            [0, 1, 2].map(|it: usize| waiting[it].pays_several(&waiting)),
            [true, false, true]
        );
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
        let input = format!("0x01{}02", wanted[1].address.trim_start_matches("0x"));
        let call = json!({ "to": "0xc", "input": input, "nonce": "0x6", "maxFeePerGas": "0x7" });
        let of_second = find([&transaction, &call].into_iter(), &wanted[1]).unwrap().unwrap();
        assert_eq!(of_second.nonce, 6);
    }
}
