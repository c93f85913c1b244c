//! Counts what the chain says, whatever the gateway says.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{
    node::{Node, quantity},
    workload::{End, Wanted},
};

/// How many blocks are asked for in one request.
const BLOCKS_AT_ONCE: u128 = 100;

/// What each recipient got: one amount in wei for each transaction, by address in small letters.
pub(crate) type Payments = BTreeMap<String, Vec<u128>>;

/// The statuses that the gateway reports, by reference.
pub(crate) type Statuses = BTreeMap<String, String>;

/// The verdict. Every payout is counted in one of paid, unpaid, lost and stuck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Payouts that arrived, and of which the gateway knows.
    pub(crate) paid: usize,
    /// Payouts that were not to arrive, did not, and of which the gateway knows.
    pub(crate) unpaid: usize,
    /// Payments beyond the first to the same recipient.
    pub(crate) duplicates: usize,
    /// Payouts that the gateway calls ended and that did not end on the chain as they were to.
    pub(crate) losses: usize,
    /// Payouts that have not ended, or of which the gateway does not know that they have.
    pub(crate) stuck: usize,
}

impl Counts {
    /// Whether everything ended as it was to.
    pub(crate) fn is_clean(&self) -> bool {
        self.duplicates == 0 && self.losses == 0 && self.stuck == 0
    }
}

/// Reads every transaction of the chain that was not undone, and checks the sums against the
/// recipients' balances.
///
/// # Errors
/// If the node does not answer, or contradicts itself.
pub(crate) fn payments(node: &Node, plan: &[Wanted]) -> Result<Payments> {
    let newest = quantity(&node.call("eth_blockNumber", &json!([]))?)?;
    let mut payments = Payments::new();
    for first in (0..=newest).step_by(usize::try_from(BLOCKS_AT_ONCE)?) {
        let numbers = first..=newest.min(first + BLOCKS_AT_ONCE - 1);
        let block = |number| ("eth_getBlockByNumber", json!([format!("{number:#x}"), true]));
        let receipts = |number| ("eth_getBlockReceipts", json!([format!("{number:#x}")]));
        let questions: Vec<_> = numbers.clone().map(block).chain(numbers.map(receipts)).collect();
        let answers = node.ask(&questions)?;
        let (blocks, receipts) = answers.split_at(answers.len() / 2);
        for (block, receipts) in blocks.iter().zip(receipts) {
            take_in(&mut payments, block, receipts)?;
        }
    }
    let number = format!("{newest:#x}");
    for (wanted, balance) in plan.iter().zip(balances(node, plan, &number)?) {
        let sum = payments.get(&wanted.address).map_or(0, |amounts| amounts.iter().sum());
        ensure!(sum == balance, "{} got {sum} and has {balance}", wanted.address);
    }
    Ok(payments)
}

/// Takes in the transactions of a block, given their receipts in the same order.
fn take_in(payments: &mut Payments, block: &Value, receipts: &Value) -> Result<()> {
    let transactions = block["transactions"].as_array().context("a block without a list")?;
    let receipts = receipts.as_array().context("a block without receipts")?;
    ensure!(transactions.len() == receipts.len(), "the node left out receipts");
    for (transaction, receipt) in transactions.iter().zip(receipts) {
        ensure!(transaction["hash"] == receipt["transactionHash"], "the receipts are mixed up");
        let has_paid = quantity(&receipt["status"])? == 1;
        if let (true, Some(to)) = (has_paid, transaction["to"].as_str()) {
            payments.entry(to.to_lowercase()).or_default().push(quantity(&transaction["value"])?);
        }
    }
    Ok(())
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

/// Says in words what is wrong with a payout, if anything is.
pub(crate) fn complaint(wanted: &Wanted, amounts: &[u128], status: Option<&str>) -> Option<String> {
    let payments = Payments::from([(wanted.address.clone(), amounts.to_vec())]);
    let statuses = status.map(|it| (wanted.reference.clone(), it.to_owned())).into_iter().collect();
    let is_clean = judge(std::slice::from_ref(wanted), &payments, &statuses).is_clean();
    (!is_clean).then(|| format!("wrong: {wanted:?} got {amounts:?} and is {status:?}"))
}

/// Compares what was wanted with what the chain and the gateway say.
pub(crate) fn judge(plan: &[Wanted], payments: &Payments, statuses: &Statuses) -> Counts {
    let mut counts = Counts::default();
    for wanted in plan {
        let amounts = payments.get(&wanted.address).map_or(&[][..], Vec::as_slice);
        let status = statuses.get(&wanted.reference).map(String::as_str);
        counts.duplicates += amounts.len().saturating_sub(1);
        let has_arrived = amounts.contains(&wanted.wei);
        match (status, wanted.end) {
            (Some("paid"), End::Paid) if has_arrived => counts.paid += 1,
            (Some("fail" | "cancel"), End::Unpaid) if amounts.is_empty() => counts.unpaid += 1,
            (Some("paid" | "fail" | "system_fail" | "cancel"), _) => counts.losses += 1,
            (Some(_) | None, _) => counts.stuck += 1,
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Counts, End, Node, Payments, Statuses, Wanted, judge, payments, take_in};
    use crate::{
        kill::node::Blocks,
        {nodes, process},
    };

    fn wanted(address: &str) -> Wanted {
        let (reference, address) = ("r".into(), address.into());
        Wanted { reference, address, wei: 5, end: End::Paid, approval: None }
    }

    fn counts(amounts: &[u128], status: Option<&str>) -> Counts {
        counts_of(wanted("0xa"), amounts, status)
    }

    fn counts_of(wanted: Wanted, amounts: &[u128], status: Option<&str>) -> Counts {
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
    fn what_was_not_to_be_paid_must_not_arrive() {
        let counts = |amounts: &[u128], status| {
            counts_of(Wanted { end: End::Unpaid, ..wanted("0xa") }, amounts, status)
        };
        let unpaid = Counts { unpaid: 1, ..Counts::default() };
        let lost = Counts { losses: 1, ..Counts::default() };
        assert_eq!(counts(&[], Some("fail")), unpaid);
        assert_eq!(counts(&[], Some("cancel")), unpaid);
        assert_eq!(counts(&[5], Some("fail")), lost);
        assert_eq!(counts(&[5], Some("paid")), lost);
        assert_eq!(counts(&[], Some("paid")), lost);
        assert_eq!(counts(&[], Some("process")), Counts { stuck: 1, ..Counts::default() });
    }

    #[test]
    fn what_was_undone_is_no_payment() {
        let block = json!({ "transactions": [
            { "hash": "0x1", "to": "0xA", "value": "0x5" },
            { "hash": "0x2", "to": "0xa", "value": "0x6" },
        ] });
        let receipt = |hash, status| json!({ "transactionHash": hash, "status": status });
        let mut payments = Payments::new();
        let receipts = json!([receipt("0x1", "0x0"), receipt("0x2", "0x1")]);
        take_in(&mut payments, &block, &receipts).unwrap();
        assert_eq!(payments, Payments::from([("0xa".into(), vec![6])]));
        let mixed = json!([receipt("0x2", "0x1"), receipt("0x1", "0x1")]);
        assert!(take_in(&mut payments, &block, &mixed).is_err());
        assert!(take_in(&mut payments, &block, &json!([receipt("0x1", "0x1")])).is_err());
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
            let payments = payments(&node, std::slice::from_ref(&wanted)).unwrap();
            assert_eq!(payments[address], vec![5; count]);
        }
    }
}
