//! What became of a transaction, concluded from what one node says. Pure.
//!
//! **Final** is one with a receipt in a block that is not undone any more (two thirds of the network's
//! producers have built on it). **Dead** is one of which every block has been read that may hold it, and
//! none does: the blocks are those after the block that it names, up to the first that is not older
//! than its expiration, all of which are not undone any more. A later block cannot hold it, since its
//! predecessor is not older (`Manager.validateCommon` of java-tron), and an earlier one neither, since
//! it names a block of before; and none at all if the block that it names is not in the chain. That a node does not know a transaction proves nothing.

use domain::{batch::Observation, money::Amount};

use crate::{
    receipt::{Paid, Receipt},
    tx::Tx,
};

/// What one node says about one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// When the newest block was made, in milliseconds; only asked if there is no receipt.
    pub(crate) head_ms: i64,
    /// The receipt, as of the newest block that is not undone any more.
    pub(crate) solid: Option<Receipt>,
    /// The receipt, as of the newest block.
    pub(crate) newest: Option<Receipt>,
    /// Whether it waits for a block.
    pub(crate) waits: bool,
    /// Whether no block can hold it.
    pub(crate) proof: Proof,
}

/// Whether no block can hold a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// That is not known yet.
    Open,
    /// Every block that may was read, and none does.
    Excluded,
    /// This node will never tell; why.
    Impossible(String),
}

/// Concludes.
pub(crate) fn of(tx: &Tx, facts: &Facts) -> Observation {
    if let Some(receipt) = &facts.solid {
        let Some(fee) = Amount::from_units(receipt.fee_sun.into()) else {
            return Observation::InBlock;
        };
        return match receipt.paid(tx) {
            // It has left the wallet, whatever came of it: it must not be paid once more.
            Paid::Yes | Paid::Otherwise => Observation::Final { fee, unpaid: vec![] },
            Paid::No(_) => Observation::Reverted { fee },
        };
    }
    if facts.newest.is_some() {
        return Observation::InBlock;
    }
    if facts.proof == Proof::Excluded {
        return Observation::Dead;
    }
    // Nobody takes it any more, so there is nothing to hand over: what is lacking is the proof.
    if facts.waits || is_over(tx, facts.head_ms) {
        return Observation::Pending;
    }
    Observation::Missing
}

/// Whether no block that follows one of this moment can hold it.
pub(crate) fn is_over(tx: &Tx, block_ms: i64) -> bool {
    block_ms >= tx.expires_ms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tx::{Payment, RefBlock};

    fn tx() -> Tx {
        Tx {
            owner: [0x41; 21],
            payment: Payment::Coins { to: [9; 21], sun: 5 },
            memo: String::new(),
            ref_block: RefBlock { height: [0; 2], hash: [0; 8] },
            expires_ms: 1_000,
            timestamp_ms: 0,
            fee_limit_sun: 0,
        }
    }

    fn facts(head_ms: i64) -> Facts {
        Facts { head_ms, solid: None, newest: None, waits: false, proof: Proof::Open }
    }

    fn receipt(undone: Option<&str>) -> Receipt {
        let undone = undone.map(str::to_owned);
        Receipt { fee_sun: 3, undone, logs: vec![] }
    }

    #[test]
    fn silence_proves_nothing_and_expiration_alone_neither() {
        assert_eq!(of(&tx(), &facts(999)), Observation::Missing);
        assert_eq!(of(&tx(), &facts(1_000)), Observation::Pending, "nobody takes it any more");
        assert_eq!(of(&tx(), &Facts { waits: true, ..facts(0) }), Observation::Pending);
        let excluded = Facts { proof: Proof::Excluded, ..facts(5_000) };
        assert_eq!(of(&tx(), &excluded), Observation::Dead);
        let included = Facts { newest: Some(receipt(None)), ..excluded };
        assert_eq!(of(&tx(), &included), Observation::InBlock);
    }

    #[test]
    fn an_end_is_what_the_receipt_says() {
        let fee = Amount::from_units(3).unwrap();
        let seen = |undone| of(&tx(), &Facts { solid: Some(receipt(undone)), ..facts(0) });
        assert_eq!(seen(None), Observation::Final { fee, unpaid: vec![] });
        assert_eq!(seen(Some("OUT_OF_ENERGY")), Observation::Reverted { fee });
    }
}
