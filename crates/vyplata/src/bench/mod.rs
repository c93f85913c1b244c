//! `vyplata bench`: what this machine accepts, settles and delivers, how that stays with
//! millions of payouts, and how soon it goes on after a crash, measured from outside.
//!
//! What is measured runs in processes of its own: the real gateway, with the server, the dialects,
//! the limits, the ledger and the disk that `serve` has, and beside it an echo that does nothing but
//! read JSON and write it. Both are asked by the same load generator with the same bytes, in turn, so
//! that what else the machine does hits both.

mod accept;
mod asking;
mod child;
mod deliver;
mod echo;
mod figure;
mod gateway;
mod gateways;
mod ground;
mod history;
mod latency;
mod lives;
mod load;
mod machine;
mod outcome;
mod part;
mod place;
mod prepare;
mod recover;
mod report;
mod settle;
mod shops;
mod telling;

pub(crate) use self::{
    accept::Wish as Accept, deliver::Wish as Deliver, ground::Ground, history::Wish as History,
    part::run as part, settle::Wish as Settle, shops::Speech, telling::Telling,
};

use std::path::Path;

/// What to measure.
pub(crate) enum Wish {
    /// Accepting.
    Accept(Accept),
    /// Settling.
    Settle(Settle),
    /// Delivering.
    Deliver(Deliver),
    /// Being asked with very many payouts behind it.
    History(History),
    /// Starting again after it was killed.
    Recover(Settle),
}

impl Wish {
    /// Checks that it can be measured on a store, before anything is started.
    ///
    /// # Errors
    /// If it cannot.
    pub(crate) fn check(&self, store: Option<&str>) -> anyhow::Result<()> {
        match self {
            Self::Accept(it) if it.nodes > 1 => place::check_shared(store),
            Self::Accept(_)
            | Self::Settle(_)
            | Self::Deliver(_)
            | Self::History(_)
            | Self::Recover(_) => Ok(()),
        }
    }
}

/// Measures and tells.
///
/// # Errors
/// Says what is in the way, or what was not as it must be.
pub(crate) fn run(
    ground: &Ground,
    wish: &Wish,
    tell: &Telling,
    report: Option<&Path>,
) -> anyhow::Result<()> {
    let outcome = match wish {
        Wish::Accept(wish) => outcome::accept(wish, &accept::measure(ground, wish, tell)?)?,
        Wish::Settle(wish) => outcome::settle(wish, &settle::measure(ground, wish, tell)?)?,
        Wish::Deliver(wish) => outcome::deliver(wish, &deliver::measure(ground, wish, tell)?)?,
        Wish::History(wish) => outcome::history(wish, &history::measure(ground, wish, tell)?)?,
        Wish::Recover(wish) => outcome::recover(wish, &recover::measure(ground, wish, tell)?)?,
    };
    outcome.tell(ground, tell, report)
}
