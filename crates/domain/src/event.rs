//! What happened to a payout, for people who ask: append-only, written with the change itself.

use crate::{Timestamp, ids::PayoutId};

/// One thing that happened to a payout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The payout.
    pub payout: PayoutId,
    /// When it was committed.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
    /// What else is known: a transaction, a reason, an address.
    pub detail: String,
}

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $name:ident => $word:literal,)*) => {
        /// The kinds of things that happen.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum EventKind {
            $($(#[$doc])* $name,)*
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its word, in our own API and in stored records.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// Finds a kind by its word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.word() == word)
            }
        }
    };
}

event_kinds! {
    /// The payout was accepted and its price reserved.
    Accepted => "accepted",
    /// It waits for an approval that was asked for.
    ApprovalAsked => "approval_asked",
    /// Somebody approved it.
    Approved => "approved",
    /// Somebody declined it; the reservation was released.
    Declined => "declined",
    /// Nobody approved it in time; the reservation was released.
    ApprovalExpired => "approval_expired",
    /// It joined a batch.
    Batched => "batched",
    /// A transaction was signed and stored.
    Signed => "signed",
    /// Another transaction, which excludes the first, was signed and stored.
    Replaced => "replaced",
    /// The network took the transaction.
    Broadcast => "broadcast",
    /// The transaction is in a block.
    InBlock => "in_block",
    /// The block was undone; the transaction is on its way again.
    Undone => "undone",
    /// The transaction can never confirm.
    Dead => "dead",
    /// Its batch ended without paying it; it waits for another.
    Requeued => "requeued",
    /// The transaction is final: the payout is paid.
    Final => "final",
    /// It will never be paid; the reservation was released.
    Failed => "failed",
    /// It was withdrawn; the reservation was released.
    Cancelled => "cancelled",
    /// It cannot go on for a reason that an operator can mend.
    Held => "held",
    /// A webhook was delivered.
    Delivered => "delivered",
    /// A webhook was given up after the last try.
    DeliveryGivenUp => "delivery_given_up",
}
