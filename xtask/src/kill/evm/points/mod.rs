//! What leads to the crash points that are reached on this chain only.

mod chain;
mod chores;
mod company;
mod scenes;

use std::{
    sync::{Arc, MutexGuard},
    time::Duration,
};

use anyhow::Result;

use super::{Evm, node::Node, plan};
use crate::kill::{
    chain::{Manner, Repertoire, Theatre},
    miner::Miner,
    points::ordeal::Ordeal,
    random::Random,
    workload::{End, Reply, Wanted, lock},
};
use chain::Waiting;
use company::Company;

pub(super) use chain::raise_base_fee;

/// How long it is from one block to the next.
const PAUSE: Duration = Duration::from_millis(200);

/// What is played on this chain and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Payouts to programs that accept nothing: the node's estimate says so.
    Hostile,
    /// Payouts whose recipients become such programs while the transactions are on their way.
    TurnedHostile,
    /// The base fee rises above what the transactions on their way offer.
    FeeJump,
    /// The base fee rises above the operator's cap.
    AboveCap,
    /// A block is undone.
    Reorganisation,
    /// Somebody else uses the wallet's key, and its numbers are gone: in a block that may still be
    /// undone, or for good.
    Taken {
        /// For good.
        is_final: bool,
    },
    /// Some of several payouts cannot be paid with the others: so it is found before the transaction
    /// is signed, or they are left out on the chain.
    Requeued,
    /// The wallet prepares itself for payments of many: the contract is put onto the chain, or
    /// approved anew.
    Preparation {
        /// Whether it can.
        is_possible: bool,
    },
    /// The wallet is short of coins until it is brought some.
    Shortage {
        /// Whether it accepts them.
        is_mended: bool,
    },
    /// The wallet's next number is left out.
    Gap {
        /// Whether somebody else uses it first.
        is_taken: bool,
    },
}

/// Makes blocks of a node.
pub(super) fn miner(node: &Arc<Node>) -> Miner {
    let node = Arc::clone(node);
    // A node that does not answer is found out by whoever asks it for something.
    Miner::start(PAUSE, move || drop(chain::mine(&node)))
}

/// What can be played on this chain.
pub(crate) struct Plays;

impl Repertoire for Plays {
    type Act = Act;

    fn out_of_reach(&self, _act: &str) -> Option<&'static str> {
        None
    }

    fn act(&self, act: &str) -> Option<Act> {
        Some(match act {
            "commit.refused" | "commit.failed" => Act::Hostile,
            "commit.seen_reverted" => Act::TurnedHostile,
            "commit.replaced" | "commit.underpriced" => Act::FeeJump,
            "commit.held" => Act::AboveCap,
            "commit.undone" => Act::Reorganisation,
            "commit.not_relayed" => Act::Taken { is_final: false },
            "commit.dead" => Act::Taken { is_final: true },
            "commit.requeued" => Act::Requeued,
            "commit.prepare_failed" => Act::Preparation { is_possible: false },
            "commit.top_up_failed" => Act::Shortage { is_mended: false },
            "commit.fill_failed" => Act::Gap { is_taken: true },
            it if it.starts_with("commit.prepare_") => Act::Preparation { is_possible: true },
            it if it.starts_with("commit.top_up_") => Act::Shortage { is_mended: true },
            it if it.starts_with("commit.fill_") => Act::Gap { is_taken: false },
            _ => return None,
        })
    }

    fn manner(act: Act) -> Manner {
        match act {
            Act::AboveCap => Manner::Alone,
            Act::Preparation { is_possible: true } => Manner::FirstChore,
            Act::Preparation { is_possible: false } | Act::Shortage { .. } | Act::Gap { .. } => {
                Manner::Chore
            }
            Act::Hostile
            | Act::TurnedHostile
            | Act::FeeJump
            | Act::Reorganisation
            | Act::Taken { .. }
            | Act::Requeued => Manner::Together,
        }
    }
}

impl Theatre for Evm {
    type Plays = Plays;
    type Waiting = Waiting;

    fn plays(&self) -> Plays {
        Plays
    }

    fn before(stage: &mut Ordeal<Self>, act: Act) -> Result<()> {
        match act {
            Act::Gap { .. } => stage.skip_a_number(),
            // A gateway that starts meanwhile may find that coins are missing.
            Act::Shortage { .. } => stage.drain().map(drop),
            Act::Hostile
            | Act::TurnedHostile
            | Act::FeeJump
            | Act::AboveCap
            | Act::Reorganisation
            | Act::Taken { .. }
            | Act::Requeued
            | Act::Preparation { .. } => Ok(()),
        }
    }

    fn play(stage: &mut Ordeal<Self>, act: Act, count: usize) -> Result<()> {
        match act {
            Act::Hostile => stage.hostile(count),
            Act::TurnedHostile => stage.turned_hostile(count),
            Act::FeeJump => stage.fee_jump(count),
            Act::AboveCap => stage.above_cap(count),
            Act::Reorganisation => stage.reorganisation(count),
            Act::Taken { is_final } => stage.taken(count, is_final),
            Act::Requeued => stage.requeued(count),
            Act::Preparation { is_possible } => stage.preparation(is_possible),
            Act::Shortage { is_mended } => stage.shortage(is_mended),
            Act::Gap { is_taken } => stage.gap(is_taken),
        }
    }

    fn draw_for(
        &self,
        random: &mut Random,
        transactions: usize,
        end: End,
        approval: Option<Reply>,
    ) -> Result<Vec<Wanted>> {
        let company = Company::drawn(random);
        // What travels alone may fail, and a token does not mind who its recipient is.
        let company =
            if end == End::Paid && approval.is_none() { company } else { company.of_coins() };
        self.draw_in(random, company, transactions, end, approval)
    }

    fn hold(&self) -> MutexGuard<'_, ()> {
        static NOBODY: std::sync::Mutex<()> = std::sync::Mutex::new(());
        self.miner.as_ref().map_or_else(|| lock(&NOBODY), Miner::hold)
    }

    fn calm(stage: &Ordeal<Self>) -> Result<()> {
        stage.calm()
    }

    fn waiting(&self, plan: &[Wanted]) -> Result<Option<Vec<Waiting>>> {
        chain::waiting(&self.node, &self.wallets.hot, plan)
    }

    fn last(stage: &mut Ordeal<Self>) -> Result<()> {
        stage.limit_a_day()
    }
}

impl Evm {
    /// Draws payouts that travel in this company, for so many transactions.
    fn draw_in(
        &self,
        random: &mut Random,
        company: Company,
        transactions: usize,
        end: End,
        approval: Option<Reply>,
    ) -> Result<Vec<Wanted>> {
        let mut drawn = plan::plan(company.payouts(transactions), random.next());
        for wanted in &mut drawn {
            (wanted.end, wanted.approval) = (end, approval);
            company.join(wanted);
        }
        chain::give(&self.node, &drawn)?;
        Ok(drawn)
    }
}
