//! What became of a transaction, concluded from what one node says. Pure.

use bitcoin::Txid;
use domain::{batch::Observation, money::Amount};

use crate::chain::Place;

/// After how many blocks a transaction will not be taken back, its own counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finality {
    /// For most transactions.
    pub(crate) blocks: u32,
    /// For those that pay much.
    pub(crate) blocks_large: u32,
    /// How much is much, in satoshi, all payments of the transaction together.
    pub(crate) large_sat: u64,
}

impl Finality {
    /// After how many blocks one that pays so much, in satoshi, is final.
    pub(crate) fn blocks_for(self, paid_sat: u64) -> u32 {
        if paid_sat >= self.large_sat { self.blocks.max(self.blocks_large) } else { self.blocks }
    }

    /// The height of the newest block that is final; `None` if none is.
    pub(crate) fn height(self, tip_height: u32) -> Option<u32> {
        tip_height.checked_sub(self.blocks.saturating_sub(1))
    }
}

/// What a node says about one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Where it is.
    pub(crate) place: Place,
    /// What the node has spending its inputs, for those inputs that something spends.
    pub(crate) spenders: Vec<(Txid, Place)>,
}

/// What a transaction is, and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Its name.
    pub(crate) txid: Txid,
    /// What it pays to others, in satoshi.
    pub(crate) paid_sat: u64,
    /// Its fee.
    pub(crate) fee: Amount,
}

/// Concludes. One that is nowhere proves nothing by that: it is dead only if another transaction
/// that spends an input of it is final, and so can never be taken back in its favour.
pub(crate) fn of(sent: Sent, facts: &Facts, finality: Finality, tip_height: u32) -> Observation {
    let needed = finality.blocks_for(sent.paid_sat);
    let depth = |height: u32| tip_height.checked_sub(height).map_or(0, |above| above + 1);
    match facts.place {
        Place::Block(height) if depth(height) >= needed => {
            Observation::Final { fee: sent.fee, unpaid: vec![] }
        }
        Place::Block(_) => Observation::InBlock,
        Place::Mempool => Observation::Pending,
        Place::Nowhere => {
            // Whatever the other one pays: what is final for much is final for little.
            let needed = needed.max(finality.blocks_large);
            let is_final = |(txid, place): &(Txid, Place)| match place {
                Place::Block(height) => *txid != sent.txid && depth(*height) >= needed,
                Place::Mempool | Place::Nowhere => false,
            };
            if facts.spenders.iter().any(is_final) {
                Observation::Dead
            } else {
                Observation::Missing
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash;

    use super::*;

    const FINALITY: Finality = Finality { blocks: 3, blocks_large: 6, large_sat: 1_000 };
    const FEE: Amount = Amount::MAX;

    fn txid(number: u8) -> Txid {
        Txid::from_byte_array([number; 32])
    }

    fn seen(paid_sat: u64, place: Place, spenders: &[(u8, Place)]) -> Observation {
        let spenders = spenders.iter().map(|(it, place)| (txid(*it), *place)).collect();
        let sent = Sent { txid: txid(1), paid_sat, fee: FEE };
        of(sent, &Facts { place, spenders }, FINALITY, 100)
    }

    #[test]
    fn a_payment_is_final_after_so_many_blocks_its_own_counted() {
        let last = Observation::Final { fee: FEE, unpaid: vec![] };
        for (paid_sat, height, expected) in [
            (999, 98, last.clone()),
            (999, 99, Observation::InBlock),
            (1_000, 98, Observation::InBlock),
            (1_000, 95, last.clone()),
            (1_000, 96, Observation::InBlock),
            // A block above the tip: two answers as of two moments.
            (999, 101, Observation::InBlock),
        ] {
            assert_eq!(seen(paid_sat, Place::Block(height), &[]), expected, "{paid_sat} {height}");
        }
    }

    #[test]
    fn only_a_final_spend_of_an_input_by_another_is_a_proof() {
        use Place::{Block, Mempool, Nowhere};
        assert_eq!(seen(5, Nowhere, &[]), Observation::Missing);
        assert_eq!(seen(5, Nowhere, &[(2, Mempool)]), Observation::Missing);
        assert_eq!(seen(5, Nowhere, &[(2, Block(96))]), Observation::Missing);
        assert_eq!(seen(5, Nowhere, &[(2, Nowhere), (3, Block(95))]), Observation::Dead);
        assert_eq!(seen(5, Nowhere, &[(1, Block(50))]), Observation::Missing, "it is its own");
        assert_eq!(seen(5, Mempool, &[(2, Block(50))]), Observation::Pending, "the node errs");
        assert_eq!(seen(5, Block(99), &[(2, Block(50))]), Observation::InBlock, "the node errs");
    }

    #[test]
    fn the_final_height_is_below_the_tip() {
        assert_eq!(FINALITY.height(100), Some(98));
        assert_eq!(FINALITY.height(2), Some(0));
        assert_eq!(FINALITY.height(1), None);
        assert_eq!(FINALITY.blocks_for(999), 3);
        let odd = Finality { blocks: 9, ..FINALITY };
        assert_eq!(odd.blocks_for(5_000), 9, "much is never final sooner");
    }
}
