//! What leads to the crash points that are reached on this chain only, and which are not.

mod chores;
mod scenes;

use std::sync::MutexGuard;

use anyhow::Result;
use tron_node::TxId;

use super::{Tron, plan::place};
use crate::kill::{
    chain::{Manner, Repertoire, Theatre},
    points::ordeal::Ordeal,
    random::Random,
    workload::{End, Reply, Wanted},
};

/// What is played on this chain and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Payouts that cannot be made: to contracts, and to whom the token does not like.
    Hostile,
    /// Payouts of the token that it undoes: it is paused once their transactions wait, or costs more.
    Undone,
    /// Prices rise above the operator's cap.
    AboveCap,
    /// One or two blocks are undone.
    Reorganisation,
    /// The node refuses what it is handed.
    Refused,
    /// Transactions are over before they are in any block.
    Lapsed,
    /// The wallet is short of coins until it is brought some.
    Shortage,
}

/// What can be played on this chain.
pub(crate) struct Plays;

/// Points that cannot be reached on this chain, by the beginning of their names, and why.
const OUT_OF_REACH: [(&str, &str); 6] = [
    ("commit.replaced", "no transaction replaces another one: it is proven dead first"),
    ("commit.underpriced", "nobody offers anything for being faster, so nothing is too little"),
    ("commit.requeued", "a transaction pays one payout, so that none parts from others"),
    ("commit.fill_", "transactions have no numbers that could be left out"),
    ("commit.prepare_", "a wallet prepares nothing"),
    ("commit.top_up_failed", "what is lost on its way is made anew a thousand times"),
];

impl Repertoire for Plays {
    type Act = Act;

    fn out_of_reach(&self, act: &str) -> Option<&'static str> {
        OUT_OF_REACH.iter().find(|it| act.starts_with(it.0)).map(|it| it.1)
    }

    fn act(&self, act: &str) -> Option<Act> {
        Some(match act {
            "commit.refused" | "commit.failed" => Act::Hostile,
            "commit.seen_reverted" => Act::Undone,
            "commit.held" => Act::AboveCap,
            "commit.undone" => Act::Reorganisation,
            "commit.not_relayed" => Act::Refused,
            "commit.dead" => Act::Lapsed,
            it if it.starts_with("commit.top_up_") => Act::Shortage,
            _ => return None,
        })
    }

    fn manner(act: Act) -> Manner {
        match act {
            Act::AboveCap => Manner::Alone,
            Act::Shortage => Manner::Chore,
            Act::Hostile | Act::Undone | Act::Reorganisation | Act::Refused | Act::Lapsed => {
                Manner::Together
            }
        }
    }
}

impl Theatre for Tron {
    type Plays = Plays;
    type Waiting = TxId;

    fn plays(&self) -> Plays {
        Plays
    }

    fn before(stage: &mut Ordeal<Self>, act: Act) -> Result<()> {
        match act {
            // A gateway that starts meanwhile may find that coins are missing.
            Act::Shortage => stage.drain().map(drop),
            Act::Hostile
            | Act::Undone
            | Act::AboveCap
            | Act::Reorganisation
            | Act::Refused
            | Act::Lapsed => Ok(()),
        }
    }

    fn play(stage: &mut Ordeal<Self>, act: Act, count: usize) -> Result<()> {
        match act {
            Act::Hostile => stage.hostile(count),
            Act::Undone => stage.undone(count),
            Act::AboveCap => stage.above_cap(count),
            Act::Reorganisation => stage.reorganisation(count),
            Act::Refused => stage.refused(count),
            Act::Lapsed => stage.lapsed(count),
            Act::Shortage => stage.shortage(),
        }
    }

    fn draw_for(
        &self,
        random: &mut Random,
        transactions: usize,
        end: End,
        approval: Option<Reply>,
    ) -> Result<Vec<Wanted>> {
        let mut drawn = self.drawn(random.next(), |it| it.payouts(transactions))?;
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

    fn waiting(&self, plan: &[Wanted]) -> Result<Option<Vec<TxId>>> {
        let waiting = self.paying()?;
        let find = |wanted: &Wanted| {
            let is_it = |sent: &super::Sent| place(wanted.asset, &sent.to, None) == wanted.place;
            waiting.iter().find(|it| is_it(&it.1)).map(|it| it.0)
        };
        Ok(plan.iter().map(find).collect())
    }

    fn last(stage: &mut Ordeal<Self>) -> Result<()> {
        stage.limit_a_day()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_played_or_says_why_it_is_not() {
        let why = |act| Plays.out_of_reach(act);
        assert!(why("commit.fill_begun").is_some() && why("commit.prepare_failed").is_some());
        assert!(why("commit.replaced").is_some() && why("commit.requeued").is_some());
        assert!(why("commit.dead").is_none() && why("commit.top_up_begun").is_none());
        assert!(why("commit.top_up_failed").is_some());
        let act = |act| Plays.act(act);
        assert_eq!(act("commit.dead"), Some(Act::Lapsed));
        assert_eq!(act("commit.top_up_begun"), Some(Act::Shortage));
        assert_eq!(act("commit.new_in_the_table"), None);
    }
}
