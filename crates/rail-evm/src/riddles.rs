//! Transactions that are in the chain and of which nobody can tell what they paid. They end
//! nothing: paying their payouts again might be paying twice. A person is told for as long.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use alloy_primitives::{Address, B256};
use domain::ids::NetworkId;

/// How many are kept; one is enough for the alert.
const RIDDLES_MAX: usize = 64;

/// Why nobody can tell what a transaction paid, in words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unclear {
    /// The transaction.
    pub(crate) hash: B256,
    /// What is odd about its logs.
    pub(crate) why: String,
}

/// Those of one network, by account and number.
#[derive(Debug, Default)]
pub(crate) struct Riddles {
    open: Mutex<BTreeMap<(Address, u64), Unclear>>,
}

impl Riddles {
    /// Takes down what the last look at a number found, and tells the log when that is new.
    pub(crate) fn found(&self, lane: Address, nonce: u64, unclear: Option<&Unclear>) {
        let mut open = self.open();
        let Some(unclear) = unclear else {
            open.remove(&(lane, nonce));
            return;
        };
        let is_known = open.contains_key(&(lane, nonce));
        if !is_known && open.len() < RIDDLES_MAX {
            let Unclear { hash, why } = unclear;
            tracing::error!(txid = %hash, why, "nobody can tell what the transaction paid");
            open.insert((lane, nonce), unclear.clone());
        }
    }

    /// What a person must look at, if there is anything.
    pub(crate) fn words(&self, network: &NetworkId) -> Option<String> {
        let open = self.open();
        let Unclear { hash, why } = open.values().next()?;
        let more = match open.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        Some(format!(
            "nobody can tell what transaction {hash} of {network} paid: {why}{more}; its payouts \
             wait for a person"
        ))
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<(Address, u64), Unclear>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_riddle_is_told_until_it_is_solved() {
        let (riddles, network) = (Riddles::default(), NetworkId::new("testnet"));
        let unclear = Unclear { hash: B256::repeat_byte(7), why: "it says nothing".to_owned() };
        for nonce in 0..100 {
            riddles.found(Address::ZERO, nonce, Some(&unclear));
        }
        let words = riddles.words(&network).unwrap();
        assert!(
            words.contains("0x0707") && words.contains("says nothing (and 63 more)"),
            "{words}"
        );
        for nonce in 0..100 {
            riddles.found(Address::ZERO, nonce, None);
        }
        assert_eq!(riddles.words(&network), None);
    }
}
