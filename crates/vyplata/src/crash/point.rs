//! The table of crash points, and which of them a change of the store is at.
//!
//! A point cannot be named in passing: it is made of an [`Act`] and a [`Side`], and the table lists
//! what can be made of them. A new kind of event is in the table without anybody's doing; a change
//! that nothing here knows is a commit of something [other](Change::Other).

use std::{
    borrow::Cow,
    fmt,
    sync::atomic::{AtomicU32, Ordering},
};

use domain::{
    batch::{AttemptStatus, Batch},
    delivery::DeliveryState,
    event::EventKind,
    ports::{ChangeSet, HoldReason},
};

use super::chore::{self, Kind, Stage};

/// What the store is about to write, or has written, in one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// Something that is told to people: it is named after the event.
    Told(EventKind),
    /// The node does not relay the transaction for its fee; a replacement is due.
    Underpriced,
    /// The node does not relay the transaction.
    NotRelayed,
    /// No transaction must ever be made for the batch.
    Refused,
    /// A transaction is final, and its payouts are not settled yet.
    SeenFinal,
    /// A transaction is final and was undone, and its payouts have not failed yet.
    SeenReverted,
    /// Something that a lane does for itself has come so far.
    Chore(Kind, Stage),
    /// A batch was looked after, and there was nothing new about it.
    Looked,
    /// A webhook was tried in vain.
    PutOff,
    /// A wallet was registered.
    Lane,
    /// A lease was taken, kept or given back.
    Lease,
    /// Anything else: money moved between a merchant's accounts, a nonce was used up.
    Other,
}

impl Change {
    /// Those that are not named after an event.
    const UNTOLD: [Self; 10] = [
        Self::Underpriced,
        Self::NotRelayed,
        Self::Refused,
        Self::SeenFinal,
        Self::SeenReverted,
        Self::Looked,
        Self::PutOff,
        Self::Lane,
        Self::Lease,
        Self::Other,
    ];

    fn word(self) -> Cow<'static, str> {
        let word = match self {
            Self::Told(kind) => kind.word(),
            Self::Chore(kind, stage) => return chore::word(kind, stage).into(),
            Self::Underpriced => "underpriced",
            Self::NotRelayed => "not_relayed",
            Self::Refused => "refused",
            Self::SeenFinal => "seen_final",
            Self::SeenReverted => "seen_reverted",
            Self::Looked => "looked",
            Self::PutOff => "put_off",
            Self::Lane => "lane",
            Self::Lease => "lease",
            Self::Other => "other",
        };
        word.into()
    }

    /// What a change set is, each of it once; nothing if it writes nothing.
    pub(crate) fn all_of(change: &ChangeSet) -> Vec<Self> {
        if *change == ChangeSet::default() {
            return vec![];
        }
        let told = change.events.iter().map(|it| {
            let is_held = it.kind == EventKind::Held;
            if is_held { Self::of_hold(change, it.at) } else { Self::Told(it.kind) }
        });
        let mut all: Vec<Self> =
            told.chain(change.batches.iter().filter_map(Self::of_batch)).collect();
        if all.is_empty() {
            all.push(Self::untold(change));
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What a batch says by itself, beside what is told of it.
    fn of_batch(batch: &Batch) -> Option<Self> {
        let has = |status| batch.attempts.iter().any(|it| it.status == status);
        if batch.chore.is_some() {
            chore::of(batch).map(|(kind, stage)| Self::Chore(kind, stage))
        } else if batch.closed {
            None
        } else if has(AttemptStatus::Final) {
            Some(Self::SeenFinal)
        } else if has(AttemptStatus::Reverted) {
            Some(Self::SeenReverted)
        } else {
            batch.given_up.as_ref().map(|_| Self::Refused)
        }
    }

    /// Why a batch waits. A replacement that is due at the moment at which the hold is told is what
    /// sets a fee that is too low apart.
    fn of_hold(change: &ChangeSet, at: domain::Timestamp) -> Self {
        let not_relayed = |it: &&Batch| {
            it.hold.as_ref().is_some_and(|hold| hold.reason == HoldReason::NotRelayed)
        };
        match change.batches.iter().find(not_relayed) {
            Some(batch) if batch.replace_at == at => Self::Underpriced,
            Some(_) => Self::NotRelayed,
            None => Self::Told(EventKind::Held),
        }
    }

    /// What a change is of which nothing is told.
    fn untold(change: &ChangeSet) -> Self {
        if !change.batches.is_empty() {
            Self::Looked
        } else if change.deliveries.iter().any(|it| it.state == DeliveryState::Due) {
            Self::PutOff
        } else if !change.lanes.is_empty() {
            Self::Lane
        } else if !change.leases.is_empty() {
            Self::Lease
        } else {
            Self::Other
        }
    }
}

/// What is done at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    /// The store writes a change.
    Commit(Change),
    /// The signer signs.
    Sign,
    /// A transaction is handed to its network.
    Broadcast,
    /// A webhook is brought to its receiver.
    Deliver,
    /// A request is answered.
    Answer,
}

/// Whether the act is about to be done, or was done and nobody knows yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// Not done yet.
    Before,
    /// Done.
    After,
}

/// A moment at which the process can be made to die. It is written `sign.before`, or
/// `commit.signed.after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    act: Act,
    side: Side,
}

impl Point {
    /// The moment at a side of an act.
    pub(crate) const fn new(act: Act, side: Side) -> Self {
        Self { act, side }
    }

    /// The table: every point that can be reached.
    pub(crate) fn all() -> Vec<Self> {
        let told = EventKind::ALL.iter().copied();
        let chores = chore::all().map(|(kind, stage)| Change::Chore(kind, stage));
        let changes = told.map(Change::Told).chain(Change::UNTOLD).chain(chores);
        let acts = changes.map(Act::Commit).chain([Act::Sign, Act::Broadcast, Act::Deliver]);
        let both = acts.flat_map(|act| [Side::Before, Side::After].map(|side| Self { act, side }));
        // What comes after an answer is its client's.
        both.chain([Self { act: Act::Answer, side: Side::Before }]).collect()
    }

    /// Finds a point by its name.
    fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|it| it.to_string() == name)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.act {
            Act::Commit(change) => write!(out, "commit.{}", change.word())?,
            Act::Sign => out.write_str("sign")?,
            Act::Broadcast => out.write_str("broadcast")?,
            Act::Deliver => out.write_str("deliver")?,
            Act::Answer => out.write_str("answer")?,
        }
        out.write_str(match self.side {
            Side::Before => ".before",
            Side::After => ".after",
        })
    }
}

/// The point that is armed.
#[derive(Debug)]
pub(crate) struct Armed {
    point: Point,
    /// How many times it must still be reached.
    left: AtomicU32,
}

impl Armed {
    /// Reads a point and how many times it must be reached: `sign.before:2`.
    ///
    /// # Errors
    /// Says what it is not.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let (name, count) = text.split_once(':').ok_or("write it as NAME:COUNT")?;
        let point = Point::named(name).ok_or_else(|| format!("there is no point {name:?}"))?;
        let left = count.parse().ok().filter(|it| *it > 0);
        let left = left.ok_or_else(|| format!("{count:?} is not a count"))?;
        Ok(Self { point, left: AtomicU32::new(left) })
    }

    /// Whether it is the armed point that was reached, and for the last time.
    pub(crate) fn is_due(&self, point: Point) -> bool {
        point == self.point && self.left.fetch_sub(1, Ordering::SeqCst) == 1
    }
}

#[cfg(test)]
#[path = "point_tests.rs"]
mod tests;
