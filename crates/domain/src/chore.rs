//! What a lane does for itself: transactions that pay no payout.
//!
//! A chore goes the way of every other transaction: it is signed, stored, handed over, and observed
//! until it is final or proven dead ([`crate::batch`]). Only what it means for the ledger differs.

use crate::{
    catalog::Destination,
    ids::{AssetId, LaneId},
    money::Amount,
};

/// A transaction that a lane needs for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chore {
    /// Uses up a number that was skipped, so that those after it can be included. Does nothing else.
    Fill {
        /// The number.
        sequence: u64,
    },
    /// Brings coins to another lane of the same network.
    TopUp(TopUp),
    /// Something of the rail's own that has to be done once, by the rail's word for it.
    Prepare(String),
}

/// Coins that one lane brings to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUp {
    /// The lane that gets them.
    pub to: LaneId,
    /// Its address.
    pub destination: Destination,
    /// The asset.
    pub asset: AssetId,
    /// How much.
    pub amount: Amount,
}

impl Chore {
    /// What it is, for people.
    pub fn title(&self) -> String {
        match self {
            Self::Fill { sequence } => format!("use up the skipped number {sequence}"),
            Self::TopUp(it) => format!("bring {} to {}", it.asset, it.to),
            Self::Prepare(what) => format!("prepare itself: {what}"),
        }
    }

    /// The coins that it brings to another lane, if it does.
    pub fn top_up(&self) -> Option<&TopUp> {
        match self {
            Self::TopUp(it) => Some(it),
            Self::Fill { .. } | Self::Prepare(_) => None,
        }
    }
}
