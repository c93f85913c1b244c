//! What may be concluded about attempts that share a number, from facts alone.
//!
//! **Final** is an attempt whose receipt lies in a final block of the chain. **Dead** is an attempt
//! whose number went elsewhere for good: another attempt of the same number is final, or a final
//! block holds a transaction of the lane with that number that is none of ours. The absence of an
//! answer proves nothing, nor does the absence of a transaction.

use alloy_primitives::B256;
use domain::{batch::Observation, money::Amount};

/// An attempt's place in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Included {
    /// The block's height.
    pub(crate) block: u64,
    /// Whether the chain has this very block at that height.
    pub(crate) canonical: bool,
    /// Whether any payment was made.
    pub(crate) paid: bool,
    /// The places of those that were not, if others were.
    pub(crate) unpaid: Vec<u32>,
    /// Whether its logs contradict themselves, so that nobody can tell what it paid. It ends nothing
    /// then, and a person must look.
    pub(crate) unclear: bool,
    /// What was charged.
    pub(crate) fee: Amount,
}

/// What was found about one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    /// Its hash.
    pub(crate) hash: B256,
    /// Its receipt, asked for after the final head was known.
    pub(crate) included: Option<Included>,
    /// Whether the node knows the transaction.
    pub(crate) known: bool,
}

/// What was found about all attempts of one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The height up to which blocks are final.
    pub(crate) final_head: Option<u64>,
    /// The transactions of the lane with this number in the final block that was looked at.
    pub(crate) taken_by: Vec<B256>,
    /// The attempts.
    pub(crate) attempts: Vec<Fact>,
}

impl Facts {
    /// The attempts that are final.
    pub(crate) fn settled(&self) -> impl Iterator<Item = &Fact> {
        self.attempts.iter().filter(|fact| self.is_final(fact))
    }

    fn is_final(&self, fact: &Fact) -> bool {
        let Some(head) = self.final_head else { return false };
        let is_final = |it: &Included| it.canonical && it.block <= head && !it.unclear;
        fact.included.as_ref().is_some_and(is_final)
    }

    /// Whether an attempt is in the chain that paid nobody knows what: the number is its.
    pub(crate) fn has_unclear(&self) -> bool {
        let is_unclear = |it: &Included| it.canonical && it.unclear;
        self.attempts.iter().filter_map(|it| it.included.as_ref()).any(is_unclear)
    }

    /// Concludes, for each attempt in order; `None` if the facts contradict each other, as those of
    /// several nodes behind one address may.
    pub(crate) fn verdicts(&self) -> Option<Vec<Observation>> {
        if self.settled().count() > 1 {
            return None;
        }
        if !self.taken_by.is_empty() {
            // Whoever took the number, it is in the chain once.
            let ours = |fact: &Fact| {
                fact.included.as_ref().is_some_and(|it| it.canonical)
                    || self.taken_by.contains(&fact.hash)
            };
            if self.taken_by.len() > 1 || self.attempts.iter().any(ours) {
                return None;
            }
        }
        let spent = !self.taken_by.is_empty() || self.settled().next().is_some();
        Some(self.attempts.iter().map(|fact| self.verdict(fact, spent)).collect())
    }

    fn verdict(&self, fact: &Fact, number_is_spent: bool) -> Observation {
        match &fact.included {
            Some(Included { paid: true, fee, unpaid, .. }) if self.is_final(fact) => {
                Observation::Final { fee: *fee, unpaid: unpaid.clone() }
            }
            Some(Included { fee, .. }) if self.is_final(fact) => {
                Observation::Reverted { fee: *fee }
            }
            _ if number_is_spent => Observation::Dead,
            Some(Included { canonical: true, .. }) => Observation::InBlock,
            // The block is gone from the chain, the transaction is not gone from the node.
            Some(_) => Observation::Pending,
            None if fact.known => Observation::Pending,
            None => Observation::Missing,
        }
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
