//! Scenes of payouts on this chain.

use anyhow::Result;

use super::chain;
use crate::kill::{
    chain::Theatre as _,
    evm::Evm,
    points::ordeal::{DEATH_MAX, Ordeal},
    workload::{End, Wanted},
};

/// A base fee above the operator's cap, which is 500 gwei by default, in wei per gas.
const ABOVE_CAP_WEI: u128 = 2_000_000_000_000;
/// A base fee that is nothing special, in wei per gas.
const USUAL_WEI: u128 = 1_000_000_000;

/// How many blocks may be undone: what two more stand on is final.
const UNDONE_MAX: usize = 2;

impl Ordeal<Evm> {
    pub(super) fn hostile(&mut self, count: usize) -> Result<()> {
        let drawn = self.draw(count, End::Unpaid, None)?;
        chain::turn_hostile(&self.chain.node, &drawn)?;
        // Estimates are made on what is in a block.
        self.chain.node.mine()?;
        self.ask(&drawn)?;
        self.await_death(DEATH_MAX)
    }

    pub(super) fn turned_hostile(&mut self, count: usize) -> Result<()> {
        self.in_the_pool(count, End::Unpaid, |stage, drawn, _| {
            chain::turn_hostile(&stage.chain.node, drawn)
        })?;
        self.await_death(DEATH_MAX)
    }

    pub(super) fn fee_jump(&mut self, count: usize) -> Result<()> {
        self.in_the_pool(count, End::Paid, |stage, _, waiting| {
            chain::outgrow(&stage.chain.node, waiting)?;
            stage.await_death(DEATH_MAX)
        })
    }

    pub(super) fn above_cap(&mut self, count: usize) -> Result<()> {
        let drawn = self.draw(count, End::Paid, None)?;
        let set = |stage: &Evm, wei| {
            stage.node.set_base_fee(wei)?;
            stage.node.mine()
        };
        self.ask_under(&drawn, |it| set(it, ABOVE_CAP_WEI), |it| set(it, USUAL_WEI))
    }

    pub(super) fn reorganisation(&mut self, count: usize) -> Result<()> {
        self.in_the_pool(count, End::Paid, |stage, drawn, _| {
            let blocks = stage.mine_all(drawn)?;
            if blocks > 0 {
                chain::undo_blocks(&stage.chain.node, blocks)?;
            }
            stage.await_death(DEATH_MAX)
        })
    }

    /// Makes a block of payouts that wait; says how many blocks there are to be undone, which is none
    /// unless all payouts are seen in them.
    ///
    /// The node throws out of its pool what cannot be in the block that it makes, because it offers
    /// too little by then, and all of the wallet's that comes after. The gateway hands it over again,
    /// and nobody else makes a block meanwhile.
    fn mine_all(&self, drawn: &[Wanted]) -> Result<usize> {
        let (node, mut blocks) = (&self.chain.node, 0);
        let are_seen = self.look(DEATH_MAX, || {
            let mut out = vec![];
            for wanted in drawn {
                if !self.are_in_block(std::slice::from_ref(wanted))? {
                    out.push(wanted.clone());
                }
            }
            if out.is_empty() {
                return Ok(Some(()));
            }
            if blocks < UNDONE_MAX && self.chain.waiting(&out)?.is_some() {
                node.mine()?;
                blocks += 1;
            }
            Ok(None)
        })?;
        Ok(if are_seen.is_some() { blocks } else { 0 })
    }

    pub(super) fn taken(&mut self, count: usize, is_final: bool) -> Result<()> {
        self.in_the_pool(count, End::Paid, |stage, _, waiting| {
            chain::take_numbers(&stage.chain.node, &stage.chain.wallets.hot, waiting)?;
            for _ in 0..if is_final { 3 } else { 0 } {
                stage.chain.node.mine()?;
            }
            stage.await_death(DEATH_MAX)
        })
    }
}
