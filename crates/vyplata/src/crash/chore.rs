//! What a change says about a chore: it has no payouts, so that nothing is told of it, and it is
//! named by what the lane does and by how far that has come.

use domain::{
    batch::{AttemptStatus, Batch},
    chore::Chore,
};

/// What a lane does for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// It uses up a number that was skipped.
    Fill,
    /// It brings coins to another lane.
    TopUp,
    /// It prepares something for its rail.
    Prepare,
}

/// How far a chore has come, by what is written of it: looking again without finding anything new
/// is at the same point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// It was begun.
    Begun,
    /// Its newest transaction is stored, and its network does not have it.
    Signed,
    /// The network has its newest transaction.
    HandedOver,
    /// A transaction is in a block that may still be undone.
    InBlock,
    /// A transaction is final, or none can be included any more.
    Ended,
    /// It is done, and what it means for the ledger is booked.
    Settled,
    /// It will never be done.
    Failed,
}

impl Kind {
    const ALL: [(Self, &str); 3] =
        [(Self::Fill, "fill"), (Self::TopUp, "top_up"), (Self::Prepare, "prepare")];

    fn of(chore: &Chore) -> Self {
        match chore {
            Chore::Fill { .. } => Self::Fill,
            Chore::TopUp(_) => Self::TopUp,
            Chore::Prepare(_) => Self::Prepare,
        }
    }

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|it| it.0 == self).map_or("", |it| it.1)
    }
}

impl Stage {
    const ALL: [(Self, &str); 7] = [
        (Self::Begun, "begun"),
        (Self::Signed, "signed"),
        (Self::HandedOver, "handed_over"),
        (Self::InBlock, "in_block"),
        (Self::Ended, "ended"),
        (Self::Settled, "settled"),
        (Self::Failed, "failed"),
    ];

    /// How far a chore has come; nothing if it waits for its first transaction.
    fn of(batch: &Batch) -> Option<Self> {
        let has = |status| batch.attempts.iter().any(|it| it.status == status);
        if batch.closed {
            return Some(if has(AttemptStatus::Final) { Self::Settled } else { Self::Failed });
        }
        if has(AttemptStatus::Final) || has(AttemptStatus::Reverted) {
            return Some(Self::Ended);
        }
        if has(AttemptStatus::InBlock) {
            return Some(Self::InBlock);
        }
        let is_new = batch.version == 1;
        match (batch.live().next_back().map(|it| it.status), batch.attempts.is_empty()) {
            (Some(AttemptStatus::Signed), _) => Some(Self::Signed),
            (Some(_), _) => Some(Self::HandedOver),
            (None, true) => is_new.then_some(Self::Begun),
            (None, false) => Some(Self::Ended),
        }
    }

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|it| it.0 == self).map_or("", |it| it.1)
    }
}

/// Every kind at every stage, in the order in which they come about.
pub(crate) fn all() -> impl Iterator<Item = (Kind, Stage)> {
    Kind::ALL.into_iter().flat_map(|kind| Stage::ALL.map(|stage| (kind.0, stage.0)))
}

/// What a batch says that is a chore.
pub(crate) fn of(batch: &Batch) -> Option<(Kind, Stage)> {
    Some((Kind::of(batch.chore.as_ref()?), Stage::of(batch)?))
}

/// The name of a stage of a kind.
pub(crate) fn word(kind: Kind, stage: Stage) -> String {
    format!("{}_{}", kind.word(), stage.word())
}
