//! Scenes of payouts on this chain.

use anyhow::Result;

use super::chain;
use crate::kill::{
    evm::Evm,
    points::ordeal::{DEATH_MAX, Ordeal},
    workload::End,
};

/// A base fee above the operator's cap, which is 500 gwei by default, in wei per gas.
const ABOVE_CAP_WEI: u128 = 2_000_000_000_000;
/// A base fee that is nothing special, in wei per gas.
const USUAL_WEI: u128 = 1_000_000_000;

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
            stage.chain.node.mine()?;
            let are_seen = || Ok(stage.are_in_block(drawn)?.then_some(()));
            if stage.look(DEATH_MAX, are_seen)?.is_some() {
                chain::undo_block(&stage.chain.node)?;
            }
            stage.await_death(DEATH_MAX)
        })
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
