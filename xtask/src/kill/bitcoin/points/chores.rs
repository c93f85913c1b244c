//! What the wallet does for itself, and what makes it necessary.

use std::{thread, time::Duration};

use anyhow::Result;
use bitcoin::Transaction;

use super::End;
use crate::kill::{
    bitcoin::{Bitcoin, FINAL_BLOCKS},
    points::ordeal::{DEATH_MAX, Ordeal},
};

/// So many small coins the wallet is given if it has fewer: more than it lets lie.
const SMALL_COINS: usize = 75;
/// What each is worth, in satoshi: the price of an input many times over.
const SMALL_SAT: u64 = 3_000;
/// What a virtual byte costs while small coins are gathered, in satoshi.
const LOW_SAT: u64 = 2;
/// What it costs while a transaction is stuck.
const HIGH_SAT: u64 = 60;

/// How long it takes from a cause to the end of a chore, and a little more: wallets are looked after
/// every second or two, and a chore is final after three blocks or six.
const CHORE_MAX: Duration = Duration::from_secs(8);
/// How long it is until the gateway has seen a block.
const BLOCK_SEEN: Duration = Duration::from_millis(800);
/// How many blocks leave a transaction out.
const BLOCKS_WITHOUT: usize = 8;
/// What gathers small coins has more inputs than this.
const INPUTS_MANY: usize = 20;
impl Ordeal<Bitcoin> {
    /// Does what makes a chore necessary until the death has come, since it cannot be told from
    /// outside whether the last one is over.
    pub(super) fn chore(&mut self, is_possible: bool) -> Result<()> {
        let lifts = is_possible && !self.chain.coin.is_replaced();
        self.again_and_again(CHORE_MAX, |it| {
            if lifts && it.random.below(2) == 0 { it.stuck() } else { it.small_coins(is_possible) }
        })
    }

    /// The wallet is given small coins while they can be gathered for little. If that is not to come
    /// to a good end, somebody else gathers them first.
    fn small_coins(&mut self, is_possible: bool) -> Result<()> {
        self.calm()?;
        if self.chain.read(&[])?.coins < SMALL_COINS {
            self.chain.give(&self.gateway, &[SMALL_SAT; SMALL_COINS])?;
        }
        self.chain.market.set(LOW_SAT);
        if is_possible {
            return Ok(());
        }
        // It may be in a block before it is seen; holding the chain before would hold up what is on
        // its way, and nothing is gathered meanwhile.
        let caught = self.look(CHORE_MAX, || {
            if self.chain.gathering()?.is_none() {
                return Ok(None);
            }
            let held = self.chain.miner.hold();
            Ok(self.chain.gathering()?.map(|it| (held, it)))
        })?;
        let Some((held, gathering)) = caught else { return Ok(()) };
        let coins = self.chain.roots(&[gathering])?;
        let node = &self.chain.node;
        let thief = node.taken(&self.chain.lane, &self.chain.key, &coins)?;
        node.mine_only(&[thief])?;
        for _ in 0..FINAL_BLOCKS {
            node.mine_only(&[])?;
        }
        self.await_death(DEATH_MAX)?;
        drop(held);
        Ok(())
    }

    /// A payout's transaction is left out of blocks while others cost much more, until another one
    /// that spends its change waits, too.
    fn stuck(&mut self) -> Result<()> {
        self.in_the_pool(1, End::Paid, |stage, _, stuck| {
            stage.chain.market.set(HIGH_SAT);
            for _ in 0..BLOCKS_WITHOUT {
                if stage.has_died()? || stuck.is_empty() || stage.chain.has_child(stuck)? {
                    break;
                }
                thread::sleep(BLOCK_SEEN);
                stage.chain.node.mine_only(&[])?;
            }
            Ok(())
        })
    }
}

impl Bitcoin {
    /// What waits and gathers small coins.
    fn gathering(&self) -> Result<Option<Transaction>> {
        Ok(self.node.pool()?.into_iter().find(|it| it.input.len() > INPUTS_MANY))
    }

    /// Whether something waits that spends what one of these makes.
    fn has_child(&self, parents: &[Transaction]) -> Result<bool> {
        let parents: Vec<_> = parents.iter().map(Transaction::compute_txid).collect();
        let spends =
            |it: &Transaction| it.input.iter().any(|it| parents.contains(&it.previous_output.txid));
        Ok(self.node.pool()?.iter().any(spends))
    }
}
