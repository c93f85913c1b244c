//! Which queued payouts travel together.

use crate::{
    Timestamp,
    ids::AssetId,
    payout::{Payout, Priority},
};

/// How many payouts of an asset one transaction carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSize {
    /// Fewer than these cost less in transactions of their own.
    pub min: u32,
    /// At most so many.
    pub max: u32,
}

impl BatchSize {
    /// One transaction for each payout.
    pub const ONE: Self = Self { min: 1, max: 1 };
}

/// How many batches of a lane may have not ended, for each that may be in flight: finality may take
/// many blocks, and what is in one makes room for others.
const OPEN_PER_IN_FLIGHT: u32 = 8;

/// For how many more batches a lane has room. Of those that are stuck, half as many as may be in
/// flight take none: however many payments wait for the network to ask for less, who pays what it
/// asks for now is not kept waiting behind them.
pub fn room(in_flight_max: u32, in_flight: u32, stuck: u32, open: u32) -> u32 {
    let open_max = in_flight_max.saturating_mul(OPEN_PER_IN_FLIGHT);
    let moving = in_flight.saturating_sub(stuck.min(in_flight_max.div_ceil(2)));
    in_flight_max.saturating_sub(moving).min(open_max.saturating_sub(open))
}

/// What is to be sent now, and when to look again.
#[derive(Debug, PartialEq, Eq)]
pub struct Groups {
    /// The payouts of each batch.
    pub now: Vec<Vec<Payout>>,
    /// The moment until which the first of the others waits for company; `None` if no other waits
    /// for that.
    pub next_at: Option<Timestamp>,
}

/// Splits a lane's queue, oldest first, into batches of one asset each, and no more than `room`.
/// What does not fit stays queued, and so do payouts that may wait for company.
///
/// A payout waits at most `wait_ms`, and not at all if it is urgent, must travel alone, or is of an
/// asset whose transactions carry one payout. Whoever goes takes along all who wait with it.
///
/// With `economy_apart`, payouts of priority economy travel only with each other: a whole transaction
/// pays the price of its most urgent payout, which for them may be many times their own. What the
/// others would save by travelling apart is less than what a second transaction costs.
pub fn group(
    queued: Vec<Payout>,
    size: &dyn Fn(&AssetId) -> BatchSize,
    wait_ms: u64,
    economy_apart: bool,
    room: u32,
    now: Timestamp,
) -> Groups {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    let mut groups: Vec<Vec<Payout>> = vec![];
    for payout in queued {
        let max = size(&payout.asset).max;
        let fits = |group: &&mut Vec<Payout>| {
            let first = group.first().is_some_and(|it| {
                let is_at_ease = |it: &Payout| economy_apart && it.priority == Priority::Economy;
                it.asset == payout.asset && is_at_ease(it) == is_at_ease(&payout)
            });
            first && !group.iter().any(|it| it.travels_alone) && count(group) < max
        };
        let group = groups.iter_mut().find(fits).filter(|_| !payout.travels_alone);
        match group {
            Some(group) => group.push(payout),
            None => groups.push(vec![payout]),
        }
    }
    let mut result = Groups { now: vec![], next_at: None };
    for group in groups {
        let size = group.first().map_or(BatchSize::ONE, |it| size(&it.asset));
        let until = group.iter().map(|it| latest(it, size, wait_ms)).min().unwrap_or(now);
        if count(&group) < size.max && !until.is_due(now) {
            result.next_at = result.next_at.map_or(Some(until), |it| Some(it.min(until)));
        } else if count(&group) < size.min {
            result.now.extend(group.into_iter().map(|it| vec![it]));
        } else {
            result.now.push(group);
        }
    }
    result.now.truncate(room);
    result
}

/// The moment until which a payout may wait for company.
fn latest(payout: &Payout, size: BatchSize, wait_ms: u64) -> Timestamp {
    let waits = match payout.priority {
        Priority::Economy | Priority::Recommended => size.max > 1 && !payout.travels_alone,
        Priority::High | Priority::Highest => false,
    };
    if waits { payout.updated_at.plus_ms(wait_ms) } else { payout.updated_at }
}

fn count(group: &[Payout]) -> u32 {
    u32::try_from(group.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "grouping_tests.rs"]
mod tests;
