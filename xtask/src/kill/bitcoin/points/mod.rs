//! What leads to the crash points that are reached on this chain only, and which are not.

mod chores;
mod scenes;

use std::sync::MutexGuard;

use anyhow::Result;
use bitcoin::Transaction;

use super::{BATCH_MAX, Bitcoin, Coin, plan::Draw};
use crate::kill::{
    chain::{Manner, Repertoire, Theatre},
    points::ordeal::Ordeal,
    random::Random,
    workload::{End, Reply, Wanted},
};

/// What is played on this chain and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// What transactions cost rises far above what those on their way offer.
    FeeJump,
    /// It rises above the operator's cap.
    AboveCap,
    /// One or two blocks are undone.
    Reorganisation,
    /// Somebody else uses the wallet's key for its coins: in a transaction that waits and that the
    /// node keeps for its fee, in a block that may still be undone, or for good.
    Taken(Depth),
    /// The wallet looks after itself: it gathers small coins, or lifts a transaction of its own that
    /// is stuck, where nodes replace nothing.
    Chore {
        /// Whether it comes to a good end.
        is_possible: bool,
    },
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// It waits.
    Pool,
    /// In a block that may still be undone.
    Block,
    /// In one that never will be.
    Final,
}

/// What can be played on this chain.
pub(crate) struct Plays(pub(super) Coin);

/// Points that cannot be reached on this chain, by the beginning of their names, and why.
const OUT_OF_REACH: [(&str, &str); 6] = [
    ("commit.fill_", "transactions have no numbers that could be left out"),
    ("commit.top_up_", "a wallet pays fees out of what it pays with, and is brought nothing"),
    ("commit.seen_reverted", "a transaction in a block has paid: none is undone by itself"),
    ("commit.refused", CANNOT_BE_PAID),
    ("commit.failed", CANNOT_BE_PAID),
    ("commit.requeued", CANNOT_BE_PAID),
];

/// Why no payout fails here, and none parts from others: on other chains some do, and the simulator
/// has them, too.
const CANNOT_BE_PAID: &str = "what cannot be paid is refused when it is asked for";

/// Points that cannot be reached either where nodes replace no transaction by another one.
const OUT_OF_REACH_WITHOUT_REPLACEMENT: [(&str, &str); 2] = [
    ("commit.replaced", "nodes of this coin replace nothing"),
    ("commit.underpriced", "nodes of this coin refuse for a conflict, and not for the fee"),
];

impl Repertoire for Plays {
    type Act = Act;

    fn out_of_reach(&self, act: &str) -> Option<&'static str> {
        let without: &[_] =
            if self.0.is_replaced() { &[] } else { &OUT_OF_REACH_WITHOUT_REPLACEMENT };
        let mut all = OUT_OF_REACH.iter().chain(without);
        all.find(|it| act.starts_with(it.0)).map(|it| it.1)
    }

    fn act(&self, act: &str) -> Option<Act> {
        Some(match act {
            "commit.replaced" => Act::FeeJump,
            "commit.held" => Act::AboveCap,
            "commit.undone" => Act::Reorganisation,
            "commit.underpriced" => Act::Taken(Depth::Pool),
            "commit.not_relayed" => Act::Taken(Depth::Block),
            "commit.dead" => Act::Taken(Depth::Final),
            "commit.prepare_failed" => Act::Chore { is_possible: false },
            it if it.starts_with("commit.prepare_") => Act::Chore { is_possible: true },
            _ => return None,
        })
    }

    fn manner(act: Act) -> Manner {
        match act {
            Act::AboveCap => Manner::Alone,
            Act::Chore { .. } => Manner::Chore,
            Act::FeeJump
            | Act::Reorganisation
            | Act::Taken(Depth::Pool | Depth::Block | Depth::Final) => Manner::Together,
        }
    }
}

impl Theatre for Bitcoin {
    type Plays = Plays;
    type Waiting = Transaction;

    fn plays(&self) -> Plays {
        Plays(self.coin)
    }

    fn before(_stage: &mut Ordeal<Self>, _act: Act) -> Result<()> {
        Ok(())
    }

    fn play(stage: &mut Ordeal<Self>, act: Act, count: usize) -> Result<()> {
        match act {
            Act::FeeJump => stage.fee_jump(count),
            Act::AboveCap => stage.above_cap(count),
            Act::Reorganisation => stage.reorganisation(count),
            Act::Taken(depth) => stage.taken(count, depth),
            Act::Chore { is_possible } => stage.chore(is_possible),
        }
    }

    fn draw_for(
        &self,
        random: &mut Random,
        transactions: usize,
        end: End,
        approval: Option<Reply>,
    ) -> Result<Vec<Wanted>> {
        // Alone, or with others.
        let each = if random.below(2) == 0 { 1 } else { BATCH_MAX };
        let mut drawn =
            Draw::new(self.coin, &self.address, random.next()).payouts(transactions * each);
        for wanted in &mut drawn {
            (wanted.end, wanted.approval) = (end, approval);
        }
        Ok(drawn)
    }

    fn hold(&self) -> MutexGuard<'_, ()> {
        self.miner.hold()
    }

    fn calm(stage: &Ordeal<Self>) -> Result<()> {
        stage.calm()
    }

    fn waiting(&self, plan: &[Wanted]) -> Result<Option<Vec<Transaction>>> {
        let pool = self.node.pool()?;
        let pays = |it: &Transaction, wanted: &Wanted| {
            it.output.iter().any(|it| it.script_pubkey.to_hex_string() == wanted.place)
        };
        let is_paid = |wanted: &Wanted| pool.iter().any(|it| pays(it, wanted));
        let are_all_paid = plan.iter().all(is_paid);
        let found = pool.iter().filter(|it| plan.iter().any(|wanted| pays(it, wanted)));
        Ok(are_all_paid.then(|| found.cloned().collect()))
    }

    fn last(_stage: &mut Ordeal<Self>) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_reach_depends_on_the_coin() {
        let why = |coin, act| Plays(coin).out_of_reach(act);
        assert!(why(Coin::Bitcoin, "commit.fill_begun").is_some());
        assert!(why(Coin::Bitcoin, "commit.top_up_failed").is_some());
        assert!(why(Coin::Bitcoin, "commit.failed").is_some());
        assert!(why(Coin::Bitcoin, "commit.undone").is_none());
        assert!(why(Coin::Bitcoin, "commit.replaced").is_none());
        assert!(why(Coin::Litecoin, "commit.replaced").is_some());
        let act = |act| Plays(Coin::Bitcoin).act(act);
        assert_eq!(act("commit.prepare_failed"), Some(Act::Chore { is_possible: false }));
        assert_eq!(act("commit.prepare_begun"), Some(Act::Chore { is_possible: true }));
        assert_eq!(act("commit.new_in_the_table"), None);
    }
}
