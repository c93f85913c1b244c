//! The payout domain: what may happen to money, and what must happen next.
//!
//! Nothing here performs I/O, reads a clock, draws a random number or knows the name of a chain.
//! Callers pass in facts and the current time; this crate answers with decisions.
//!
//! Three invariants hold everywhere:
//!
//! * Money is a whole number of an asset's smallest unit; what cannot be represented is refused.
//! * Every change of money is a [`ledger::Posting`] that debits one account and credits another.
//! * A signed transaction may confirm at any time until its network proves otherwise
//!   (see [`batch`]).

pub mod accept;
pub mod agreement;
pub mod batch;
pub mod catalog;
pub mod chore;
pub mod command;
pub mod delivery;
pub mod event;
pub mod follow;
pub mod grouping;
pub mod ids;
pub mod lane;
pub mod lease;
pub mod ledger;
pub mod merchant;
pub mod money;
pub mod payout;
pub mod ports;
pub mod pricing;
pub mod quote;
pub mod rates;
pub mod reconcile;
pub mod station;
pub mod time;

pub use time::Timestamp;

use std::{future::Future, pin::Pin};

/// The future type every port returns, so that ports stay usable as trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
