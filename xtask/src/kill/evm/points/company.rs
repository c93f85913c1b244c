//! Payouts that travel together, and those that part company.

use anyhow::Result;

use super::chain;
use crate::kill::{
    evm::{Evm, plan, setup::BATCH_MAX},
    points::ordeal::{DEATH_MAX, HELPING_MAX, Ordeal},
    random::Random,
    workload::{End, Wanted},
};

/// With whom a payout travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Company {
    /// With nobody: coins to an account that is not there yet.
    Alone,
    /// With others of the network's coin.
    Coins,
    /// With others of the token.
    Tokens,
}

impl Company {
    /// One of the three.
    pub(crate) fn drawn(random: &mut Random) -> Self {
        match random.below(3) {
            0 => Self::Alone,
            1 => Self::Coins,
            _ => Self::Tokens,
        }
    }

    /// The same with coins in the place of tokens.
    pub(crate) fn of_coins(self) -> Self {
        if self == Self::Tokens { Self::Coins } else { self }
    }

    /// How many payouts there are in so many transactions.
    pub(crate) fn payouts(self, transactions: usize) -> usize {
        transactions * if self == Self::Alone { 1 } else { BATCH_MAX }
    }

    /// Makes a payout one that travels so.
    pub(crate) fn join(self, wanted: &mut Wanted) {
        match self {
            Self::Alone => {}
            Self::Coins => wanted.gift = 1,
            Self::Tokens => plan::pay_token(wanted),
        }
    }
}

/// What is wrong with one of several, when it is found, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quarrel {
    /// Before the transaction is signed, and it stays so.
    Before,
    /// Once the transaction waits, and it stays so.
    LeftOut,
    /// Only in the block that has the transaction.
    Once,
}

impl Ordeal<Evm> {
    /// In each transaction one of several cannot be paid with the others.
    pub(crate) fn requeued(&mut self, count: usize) -> Result<()> {
        self.again_and_again(HELPING_MAX, |it| {
            let quarrel = match it.random.below(3) {
                0 => Quarrel::Before,
                1 => Quarrel::LeftOut,
                _ => Quarrel::Once,
            };
            let company = if it.random.below(2) == 0 { Company::Coins } else { Company::Tokens };
            it.quarrel(company, quarrel, count)
        })
    }

    fn quarrel(&mut self, company: Company, quarrel: Quarrel, count: usize) -> Result<()> {
        let mut drawn = self.chain.draw_in(&mut self.random, company, count, End::Paid, None)?;
        let place = usize::try_from(self.random.below(BATCH_MAX as u64))?;
        let is_odd = |index: usize| index % BATCH_MAX == place;
        for (_, wanted) in drawn.iter_mut().enumerate().filter(|it| is_odd(it.0)) {
            wanted.end = if quarrel == Quarrel::Once { End::Paid } else { End::Unpaid };
        }
        let odd: Vec<Wanted> =
            drawn.iter().enumerate().filter(|it| is_odd(it.0)).map(|it| it.1.clone()).collect();
        if quarrel == Quarrel::Before {
            chain::turn_hostile(&self.chain.node, &odd)?;
            // Estimates are made on what is in a block.
            self.chain.node.mine()?;
            return self.ask(&drawn);
        }
        self.watch(&drawn, |stage, _, waiting| {
            let mut of_odd = waiting.iter().enumerate().filter(|it| is_odd(it.0));
            let travel = !waiting.is_empty() && of_odd.all(|it| it.1.pays_several(waiting));
            if quarrel == Quarrel::Once && !travel {
                // The gateway died before it signed: an estimate as of that block would tell it that
                // they cannot be paid at all. Or they travel alone, as all do after a start for as
                // long as the wallet fills a number or prepares itself: what fails alone has failed.
                return Ok(());
            }
            chain::turn_hostile(&stage.chain.node, &odd)?;
            stage.chain.node.mine()?;
            if quarrel == Quarrel::Once {
                chain::turn_friendly(&stage.chain.node, &odd)?;
            }
            stage.await_death(DEATH_MAX.min(HELPING_MAX))
        })
    }
}
