//! Scenes of payouts on this chain.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use bitcoin::{OutPoint, Transaction, Txid};

use super::{Depth, End};
use crate::kill::{
    bitcoin::{Bitcoin, CAP_SAT, FINAL_BLOCKS, USUAL_SAT},
    points::ordeal::{DEATH_MAX, Ordeal},
};

/// How many times as much transactions cost after a jump.
const JUMP: u64 = 3;

impl Ordeal<Bitcoin> {
    /// Waits until nothing of the wallet waits any more; then transactions cost what is usual.
    pub(super) fn calm(&self) -> Result<()> {
        self.chain.market.set(USUAL_SAT);
        self.look(DEATH_MAX, || Ok(self.chain.node.pool()?.is_empty().then_some(())))?;
        Ok(())
    }

    pub(super) fn fee_jump(&mut self, count: usize) -> Result<()> {
        self.in_the_pool(count, End::Paid, |stage, _, _| {
            stage.chain.market.set(USUAL_SAT * JUMP);
            stage.await_death(DEATH_MAX)
        })
    }

    pub(super) fn above_cap(&mut self, count: usize) -> Result<()> {
        let drawn = self.draw(count, End::Paid, None)?;
        let set = |stage: &Bitcoin, price| {
            stage.market.set(price);
            Ok(())
        };
        self.ask_under(&drawn, |it| set(it, CAP_SAT * 2), |it| set(it, USUAL_SAT))
    }

    pub(super) fn reorganisation(&mut self, count: usize) -> Result<()> {
        let depth = 1 + self.random.below(2);
        self.in_the_pool(count, End::Paid, |stage, drawn, _| {
            let node = &stage.chain.node;
            node.mine()?;
            for _ in 1..depth {
                node.mine_only(&[])?;
            }
            let are_seen = || Ok(stage.are_in_block(drawn)?.then_some(()));
            if stage.look(DEATH_MAX, are_seen)?.is_some() {
                node.undo_blocks(depth)?;
            }
            stage.await_death(DEATH_MAX)
        })
    }

    pub(super) fn taken(&mut self, count: usize, depth: Depth) -> Result<()> {
        self.in_the_pool(count, End::Paid, |stage, _, _| {
            let node = &stage.chain.node;
            // Others of the wallet may wait before them.
            let coins = stage.chain.roots_of_pool()?;
            if coins.is_empty() {
                return Ok(());
            }
            let thief = node.taken(&stage.chain.lane, &stage.chain.key, &coins)?;
            match depth {
                Depth::Pool => node.hand_over(&thief)?,
                Depth::Block => node.mine_only(&[thief])?,
                Depth::Final => {
                    node.mine_only(&[thief])?;
                    for _ in 0..FINAL_BLOCKS {
                        node.mine_only(&[])?;
                    }
                }
            }
            stage.await_death(DEATH_MAX)
        })
    }
}

impl Bitcoin {
    /// The wallet's coins in blocks that transactions which wait spend, with what they are
    /// worth in satoshi: whoever spends them spoils these transactions and those that follow from
    /// them.
    pub(super) fn roots(&self, waiting: &[Transaction]) -> Result<Vec<(OutPoint, u64)>> {
        let all = self.node.pool()?;
        let in_pool: BTreeSet<Txid> = all.iter().map(Transaction::compute_txid).collect();
        let mut made = BTreeMap::new();
        for block in self.node.blocks()? {
            for transaction in block.txdata {
                let txid = transaction.compute_txid();
                let outputs = (0_u32..).zip(transaction.output);
                for (vout, output) in outputs.filter(|it| it.1.script_pubkey == self.lane) {
                    made.insert(OutPoint { txid, vout }, output.value.to_sat());
                }
            }
        }
        let inputs = waiting.iter().flat_map(|it| it.input.iter().map(|it| it.previous_output));
        let roots: BTreeSet<OutPoint> = inputs.filter(|it| !in_pool.contains(&it.txid)).collect();
        let worth = |it: OutPoint| Some((it, *made.get(&it)?));
        Ok(roots.into_iter().filter_map(worth).collect())
    }

    /// The same for all that waits.
    pub(in crate::kill::bitcoin) fn roots_of_pool(&self) -> Result<Vec<(OutPoint, u64)>> {
        self.roots(&self.node.pool()?)
    }
}
