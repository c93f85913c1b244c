//! Scenes of payouts on this chain.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use tron_node::{Code, Ended, TxId};

use crate::kill::{
    points::ordeal::{DEATH_MAX, HELPING_MAX, Ordeal},
    tron::{Tron, moods, setup::BELOW_SUN},
    workload::{End, Wanted},
};

/// How many times as much transactions cost that cost more than the operator's cap.
const ABOVE_CAP: i64 = 2_000;

/// What a node says that refuses a transaction for good.
const REFUSALS: [Code; 5] = [
    Code::SigError,
    Code::ContractValidateError,
    Code::BandwithError,
    Code::TaposError,
    Code::OtherError,
];

impl Ordeal<Tron> {
    /// Waits until the wallet has coins and nothing of scenes before waits; then prices are what is
    /// usual.
    pub(super) fn calm(&self) -> Result<()> {
        let (chain, hot) = (&self.chain, self.chain.wallets()?.hot);
        let is_calm = || {
            let is_empty = chain.node.chain(|it| it.pending().is_empty());
            Ok((is_empty && chain.final_coins(&hot)? >= BELOW_SUN).then_some(()))
        };
        self.look(DEATH_MAX, is_calm)?;
        chain.node.chain(|it| it.parameters.energy_price = moods::ENERGY_SUN);
        Ok(())
    }

    pub(super) fn hostile(&mut self, count: usize) -> Result<()> {
        self.again_and_again(HELPING_MAX, |it| {
            let drawn = it.chain.drawn(it.random.next(), |draw| draw.at_fault(count))?;
            it.ask(&drawn)
        })
    }

    pub(super) fn undone(&mut self, count: usize) -> Result<()> {
        let mut drawn = self.chain.drawn(self.random.next(), |it| it.tokens(count))?;
        for wanted in &mut drawn {
            wanted.end = End::Unpaid;
        }
        let is_paused = self.random.below(2) == 0;
        let mut are_undone = false;
        self.watch(&drawn, |stage, _, waiting| {
            // If it died before all of them waited, they are paid like any others.
            are_undone = !waiting.is_empty();
            if are_undone {
                stage.chain.undo_payments(waiting, is_paused)?;
            }
            stage.await_death(DEATH_MAX)
        })?;
        if !are_undone {
            self.expect(&drawn, End::Paid);
        }
        Ok(())
    }

    /// Puts another end in the place of the one that was drawn.
    fn expect(&mut self, drawn: &[Wanted], end: End) {
        let these: BTreeSet<&String> = drawn.iter().map(|it| &it.reference).collect();
        let found = self.plan.iter_mut().filter(|it| these.contains(&it.reference));
        found.for_each(|it| it.end = end);
    }

    pub(super) fn above_cap(&mut self, count: usize) -> Result<()> {
        let drawn = self.draw(count, End::Paid, None)?;
        let scale = |stage: &Tron, scale: fn(i64) -> i64| {
            stage.node.chain(|chain| {
                let parameters = &mut chain.parameters;
                parameters.energy_price = scale(parameters.energy_price);
                parameters.byte_price = scale(parameters.byte_price);
            });
            Ok(())
        };
        self.ask_under(
            &drawn,
            |it| scale(it, |price| price * ABOVE_CAP),
            |it| scale(it, |price| price / ABOVE_CAP),
        )
    }

    pub(super) fn reorganisation(&mut self, count: usize) -> Result<()> {
        let (depth, is_forgotten) = (1 + self.random.below(2), self.random.below(2) == 0);
        self.in_the_pool(count, End::Paid, |stage, drawn, _| {
            let node = &stage.chain.node;
            node.chain(|chain| {
                chain.mine();
                (1..depth).for_each(|_| chain.mine_empty());
            });
            let are_seen = || Ok(stage.are_in_block(drawn)?.then_some(()));
            if stage.look(DEATH_MAX, are_seen)?.is_some() {
                node.chain(|chain| moods::undo(chain, depth, is_forgotten, &[]));
            }
            stage.await_death(DEATH_MAX)
        })
    }

    pub(super) fn refused(&mut self, count: usize) -> Result<()> {
        let drawn = self.draw(count, End::Paid, None)?;
        let kinds = REFUSALS.len() as u64;
        let code = REFUSALS.get(usize::try_from(self.random.below(kinds))?).copied();
        let set = |stage: &Tron, code| {
            stage.node.chain(|chain| chain.refuse_broadcasts(code));
            Ok(())
        };
        self.ask_under(&drawn, |it| set(it, code), |it| set(it, None))
    }

    pub(super) fn lapsed(&mut self, count: usize) -> Result<()> {
        self.in_the_pool(count, End::Paid, |stage, _, waiting| {
            stage.chain.node.chain(|chain| moods::lapse(chain, waiting));
            stage.await_death(DEATH_MAX)
        })
    }
}

impl Tron {
    /// Makes a block in which the token undoes these transactions, and so many more that it stays so.
    fn undo_payments(&self, waiting: &[TxId], is_paused: bool) -> Result<()> {
        self.node.chain(|chain| {
            self.contracts.while_failing(chain, is_paused, |it| it.mine_only(waiting));
            moods::settle(chain);
            for txid in waiting {
                let (_, receipt) = chain.receipt(txid).context("it was left out")?;
                ensure!(receipt.ended != Ended::Success, "the token did not undo it");
            }
            Ok(())
        })
    }
}
