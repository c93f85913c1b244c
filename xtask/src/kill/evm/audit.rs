//! Counts what the chain says, whatever the gateway says.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{
    ETH,
    funds::Wallets,
    node::{Node, quantity},
    token,
};
use crate::kill::{judge::Payments, workload::Wanted};

/// How many blocks are asked for in one request.
const BLOCKS_AT_ONCE: u128 = 100;

/// How many calls are looked into in one request.
const TRACES_AT_ONCE: usize = 20;

/// What the chain says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The payments, by the address in small letters, or by [`token::place`].
    pub(crate) payments: Payments,
    /// The transactions between wallets: the block, who sent it, who got it, and how many wei.
    pub(crate) transfers: Vec<(u128, String, String, u128)>,
    /// The transactions that made payments by a call.
    pub(crate) calls: Vec<String>,
}

/// Reads every transaction of the chain that was not undone, and what the contract and the wallets'
/// own code did in it. Checks the sums against the recipients' balances.
///
/// # Errors
/// If the node does not answer, or contradicts itself.
pub(crate) fn look(node: &Node, wallets: &Wallets, plan: &[Wanted]) -> Result<Seen> {
    let newest = quantity(&node.call("eth_blockNumber", &json!([]))?)?;
    let mut seen = Seen::default();
    for first in (0..=newest).step_by(usize::try_from(BLOCKS_AT_ONCE)?) {
        let numbers = first..=newest.min(first + BLOCKS_AT_ONCE - 1);
        let block = |number| ("eth_getBlockByNumber", json!([format!("{number:#x}"), true]));
        let receipts = |number| ("eth_getBlockReceipts", json!([format!("{number:#x}")]));
        let questions: Vec<_> = numbers.clone().map(block).chain(numbers.map(receipts)).collect();
        let answers = node.ask(&questions)?;
        let (blocks, receipts) = answers.split_at(answers.len() / 2);
        for (block, receipts) in blocks.iter().zip(receipts) {
            take_in(&mut seen, wallets, block, receipts)?;
        }
    }
    for hashes in seen.calls.chunks(TRACES_AT_ONCE) {
        let trace = |hash| ("debug_traceTransaction", json!([hash, { "tracer": "callTracer" }]));
        for trace in node.ask(&hashes.iter().map(trace).collect::<Vec<_>>())? {
            ensure!(trace.get("error").is_none(), "a call that was undone and was not");
            take_in_calls(&mut seen.payments, &trace)?;
        }
    }
    let number = format!("{newest:#x}");
    for (wanted, balance) in plan.iter().zip(balances(node, plan, &number)?) {
        let sum = seen.payments.get(&wanted.place).map_or(0, |amounts| amounts.iter().sum());
        ensure!(sum == balance, "{} got {sum} and has {balance}", wanted.place);
    }
    Ok(seen)
}

/// Takes in the transactions of a block, given their receipts in the same order.
fn take_in(seen: &mut Seen, wallets: &Wallets, block: &Value, receipts: &Value) -> Result<()> {
    let transactions = block["transactions"].as_array().context("a block without a list")?;
    let receipts = receipts.as_array().context("a block without receipts")?;
    ensure!(transactions.len() == receipts.len(), "the node left out receipts");
    for (transaction, receipt) in transactions.iter().zip(receipts) {
        ensure!(transaction["hash"] == receipt["transactionHash"], "the receipts are mixed up");
        let has_paid = quantity(&receipt["status"])? == 1;
        let (true, Some(to)) = (has_paid, transaction["to"].as_str()) else { continue };
        let (to, value) = (to.to_lowercase(), quantity(&transaction["value"])?);
        let from = transaction["from"].as_str().unwrap_or_default().to_lowercase();
        let is_call = transaction["input"].as_str().is_some_and(|it| it.len() > 2);
        if is_call && (to == token::PAYOUTS || wallets.has(&to)) {
            let hash = transaction["hash"].as_str().context("a transaction without a hash")?;
            seen.calls.push(hash.into());
        } else if wallets.has(&from) && wallets.has(&to) && from != to {
            seen.transfers.push((quantity(&block["number"])?, from, to, value));
        } else {
            seen.payments.entry(to).or_default().push(value);
        }
        for log in receipt["logs"].as_array().into_iter().flatten() {
            if let Some((recipient, amount)) = token::transferred(log)? {
                seen.payments.entry(token::place(&recipient)).or_default().push(amount);
            }
        }
    }
    Ok(())
}

/// Takes in the coins that went out of a call that was not undone, at any depth.
fn take_in_calls(payments: &mut Payments, call: &Value) -> Result<()> {
    for inner in call["calls"].as_array().into_iter().flatten() {
        if inner.get("error").is_some() {
            continue;
        }
        if let (Some(to), Some(value)) = (inner["to"].as_str(), inner.get("value")) {
            match quantity(value)? {
                0 => {}
                value => payments.entry(to.to_lowercase()).or_default().push(value),
            }
        }
        take_in_calls(payments, inner)?;
    }
    Ok(())
}

/// What each recipient has got, in smallest units, in the order of the plan.
///
/// # Errors
/// If the node does not answer, or somebody has lost something.
pub(crate) fn balances(node: &Node, plan: &[Wanted], block: &str) -> Result<Vec<u128>> {
    let question = |wanted: &Wanted| {
        if wanted.asset == ETH {
            Ok(("eth_getBalance", json!([wanted.address, block])))
        } else {
            token::balance_question(&wanted.address, block)
        }
    };
    let questions: Vec<_> = plan.iter().map(question).collect::<Result<_>>()?;
    let got = |(wanted, answer): (&Wanted, &Value)| {
        let has = token::amount(answer.as_str().context("a balance that is no text")?)?;
        let before = if wanted.asset == ETH { wanted.gift } else { 0 };
        has.checked_sub(before).with_context(|| format!("{} has lost its gift", wanted.address))
    };
    plan.iter().zip(&node.ask(&questions)?).map(got).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ETH, Node, Payments, Seen, Wallets, Wanted, look, take_in, take_in_calls, token};
    use crate::{
        kill::{evm::node::Blocks, workload::End},
        {nodes, process},
    };

    fn wanted(address: &str) -> Wanted {
        let (reference, address, place) = ("r".into(), address.into(), address.into());
        let (asset, end) = (ETH, End::Paid);
        Wanted { reference, address, place, asset, units: 5, gift: 0, end, approval: None }
    }

    fn wallets() -> Wallets {
        Wallets { hot: "0xh".into(), station: Some("0xs".into()) }
    }

    #[test]
    fn what_was_undone_is_no_payment() {
        let block = json!({ "transactions": [
            { "hash": "0x1", "to": "0xA", "value": "0x5" },
            { "hash": "0x2", "to": "0xa", "value": "0x6" },
        ] });
        let wallets = wallets();
        let receipt = |hash, status| json!({ "transactionHash": hash, "status": status });
        let mut seen = Seen::default();
        let receipts = json!([receipt("0x1", "0x0"), receipt("0x2", "0x1")]);
        take_in(&mut seen, &wallets, &block, &receipts).unwrap();
        assert_eq!(seen.payments, Payments::from([("0xa".into(), vec![6])]));
        let mixed = json!([receipt("0x2", "0x1"), receipt("0x1", "0x1")]);
        assert!(take_in(&mut seen, &wallets, &block, &mixed).is_err());
        let short = json!([receipt("0x1", "0x1")]);
        assert!(take_in(&mut seen, &wallets, &block, &short).is_err());
    }

    #[test]
    fn what_calls_pay_is_read_from_what_they_did() {
        let tx = |hash, from, to, input| json!({ "hash": hash, "from": from, "to": to, "value": "0x9", "input": input });
        let block = json!({ "number": "0x7", "transactions": [
            tx("0x1", "0xH", token::PAYOUTS, "0x01"),
            tx("0x2", "0xh", "0xh", "0x01"),
            tx("0x3", "0xs", "0xh", "0x"),
            tx("0x4", "0xh", "0xa", "0x01"),
        ] });
        let receipts: Vec<_> = (1..=4)
            .map(|it| json!({ "transactionHash": format!("0x{it}"), "status": "0x1" }))
            .collect();
        let mut seen = Seen::default();
        take_in(&mut seen, &wallets(), &block, &json!(receipts)).unwrap();
        assert_eq!(seen.calls, ["0x1", "0x2"]);
        assert_eq!(seen.transfers, [(7, "0xs".into(), "0xh".into(), 9)]);
        assert_eq!(seen.payments, Payments::from([("0xa".into(), vec![9])]));
        let call = |to, value, error: bool, calls| {
            let mut call = json!({ "to": to, "value": value, "calls": calls });
            if error {
                call["error"] = "execution reverted".into();
            }
            call
        };
        let trace = call(
            "0xc",
            "0x9",
            false,
            json!([
                call("0xb", "0x5", false, json!([call("0xd", "0x1", false, json!([]))])),
                call("0xe", "0x6", true, json!([call("0xf", "0x1", false, json!([]))])),
                call("0xg", "0x0", false, json!([])),
            ]),
        );
        let mut payments = Payments::new();
        take_in_calls(&mut payments, &trace).unwrap();
        let expected = [("0xb".to_owned(), vec![5]), ("0xd".to_owned(), vec![1])];
        assert_eq!(payments, Payments::from(expected));
    }

    #[test]
    fn a_real_chain_is_read_in_full() {
        if std::env::var_os("RUN_NODE_TESTS").is_none() {
            return;
        }
        let anvil = nodes::anvil(&process::root()).unwrap();
        let node = Node::start(&anvil, Blocks::ByTime).unwrap();
        let payer = "0x00000000000000000000000000000000000000aa";
        let address = "0x00000000000000000000000000000000000000bb";
        node.set_balance(payer, 1_000_000_000_000_000_000).unwrap();
        node.call("anvil_impersonateAccount", &json!([payer])).unwrap();
        node.raise_base_fee().unwrap();
        let wanted = wanted(address);
        for count in 1..=2 {
            let send = json!([{ "from": payer, "to": address, "value": "0x5" }]);
            node.call("eth_sendTransaction", &send).unwrap();
            node.call("evm_mine", &json!([])).unwrap();
            let seen = look(&node, &wallets(), std::slice::from_ref(&wanted)).unwrap();
            assert_eq!(seen.payments[address], vec![5; count]);
        }
    }
}
