//! Counts what the chain says, whatever the gateway says.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::{
    node::{Node, quantity},
    workload::Wanted,
};

/// How many blocks are asked for in one request.
const BLOCKS_AT_ONCE: u128 = 100;

/// What each recipient got: one amount in wei for each transaction, by address in small letters.
pub(crate) type Payments = BTreeMap<String, Vec<u128>>;

/// The statuses that the gateway reports, by reference.
pub(crate) type Statuses = BTreeMap<String, String>;

/// The verdict. Every payout is counted in one of paid, lost and stuck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Payouts that arrived, and of which the gateway knows.
    pub(crate) paid: usize,
    /// Payments beyond the first to the same recipient.
    pub(crate) duplicates: usize,
    /// Payouts that the gateway calls ended and that did not arrive as asked.
    pub(crate) losses: usize,
    /// Payouts that have not ended, or of which the gateway does not know that they have.
    pub(crate) stuck: usize,
}

impl Counts {
    /// Whether everything was paid once.
    pub(crate) fn is_clean(&self) -> bool {
        self.duplicates == 0 && self.losses == 0 && self.stuck == 0
    }
}

/// Reads every transaction of the chain, and checks the sums against the recipients' balances.
///
/// # Errors
/// If the node does not answer, or contradicts itself.
pub(crate) fn payments(node: &Node, plan: &[Wanted]) -> Result<Payments> {
    let newest = quantity(&node.call("eth_blockNumber", &json!([]))?)?;
    let mut payments = Payments::new();
    for first in (0..=newest).step_by(usize::try_from(BLOCKS_AT_ONCE)?) {
        let numbers = first..=newest.min(first + BLOCKS_AT_ONCE - 1);
        let question = |number| ("eth_getBlockByNumber", json!([format!("{number:#x}"), true]));
        let questions: Vec<_> = numbers.map(question).collect();
        for block in node.ask(&questions)? {
            for transaction in block["transactions"].as_array().context("a block without a list")? {
                if let Some(to) = transaction["to"].as_str() {
                    let amounts = payments.entry(to.to_lowercase()).or_default();
                    amounts.push(quantity(&transaction["value"])?);
                }
            }
        }
    }
    let number = format!("{newest:#x}");
    for (wanted, balance) in plan.iter().zip(balances(node, plan, &number)?) {
        let sum = payments.get(&wanted.address).map_or(0, |amounts| amounts.iter().sum());
        ensure!(sum == balance, "{} got {sum} and has {balance}", wanted.address);
    }
    Ok(payments)
}

/// What each recipient has, in wei, in the order of the plan.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn balances(node: &Node, plan: &[Wanted], block: &str) -> Result<Vec<u128>> {
    let question = |wanted: &Wanted| ("eth_getBalance", json!([wanted.address, block]));
    let questions: Vec<_> = plan.iter().map(question).collect();
    node.ask(&questions)?.iter().map(quantity).collect()
}

/// Compares what was wanted with what the chain and the gateway say.
pub(crate) fn judge(plan: &[Wanted], payments: &Payments, statuses: &Statuses) -> Counts {
    let mut counts = Counts::default();
    for wanted in plan {
        let amounts = payments.get(&wanted.address).map_or(&[][..], Vec::as_slice);
        let status = statuses.get(&wanted.reference).map(String::as_str);
        counts.duplicates += amounts.len().saturating_sub(1);
        let has_arrived = amounts.contains(&wanted.wei);
        match status {
            Some("paid") if has_arrived => counts.paid += 1,
            Some("paid" | "fail" | "system_fail" | "cancel") => counts.losses += 1,
            Some(_) | None => counts.stuck += 1,
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Counts, Node, Payments, Statuses, Wanted, judge, payments};
    use crate::{nodes, process};

    fn counts(amounts: &[u128], status: Option<&str>) -> Counts {
        let wanted = Wanted { reference: "r".into(), address: "0xa".into(), wei: 5 };
        let payments = Payments::from([("0xa".into(), amounts.to_vec())]);
        let statuses: Statuses = status.map(|it| ("r".into(), it.into())).into_iter().collect();
        judge(&[wanted], &payments, &statuses)
    }

    #[test]
    fn every_way_to_be_wrong_is_counted() {
        let clean = Counts { paid: 1, ..Counts::default() };
        assert_eq!(counts(&[5], Some("paid")), clean);
        assert_eq!(counts(&[5, 5], Some("paid")), Counts { duplicates: 1, ..clean });
        assert_eq!(counts(&[4], Some("paid")), Counts { losses: 1, ..Counts::default() });
        assert_eq!(counts(&[], Some("fail")), Counts { losses: 1, ..Counts::default() });
        assert_eq!(counts(&[5], Some("system_fail")), Counts { losses: 1, ..Counts::default() });
        assert_eq!(counts(&[], Some("process")), Counts { stuck: 1, ..Counts::default() });
        assert_eq!(counts(&[5], None), Counts { stuck: 1, ..Counts::default() });
        assert!(clean.is_clean() && !counts(&[5, 5], Some("paid")).is_clean());
    }

    #[test]
    fn a_real_chain_is_read_in_full() {
        if std::env::var_os("RUN_NODE_TESTS").is_none() {
            return;
        }
        let node = Node::start(&nodes::anvil(&process::root()).unwrap()).unwrap();
        let payer = "0x00000000000000000000000000000000000000aa";
        let address = "0x00000000000000000000000000000000000000bb";
        node.set_balance(payer, 1_000_000_000_000_000_000).unwrap();
        node.call("anvil_impersonateAccount", &json!([payer])).unwrap();
        node.raise_base_fee().unwrap();
        let wanted = Wanted { reference: "r".into(), address: address.into(), wei: 5 };
        for count in 1..=2 {
            let send = json!([{ "from": payer, "to": address, "value": "0x5" }]);
            node.call("eth_sendTransaction", &send).unwrap();
            node.call("evm_mine", &json!([])).unwrap();
            let payments = payments(&node, std::slice::from_ref(&wanted)).unwrap();
            assert_eq!(payments[address], vec![5; count]);
        }
    }
}
