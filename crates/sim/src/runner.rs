//! One seed, one history.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{
    auditor::Violation,
    faults::{Fault, Faults},
    world::World,
};

/// What one history was like.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How often anything was done.
    pub steps: u64,
    /// For how long, in the world's own milliseconds.
    pub lasted_ms: u64,
    /// How often each fault happened.
    pub fired: BTreeMap<Fault, u64>,
    /// How the payouts ended, by status.
    pub ends: BTreeMap<&'static str, u64>,
    /// What happened to payouts, by the kind of event.
    pub events: BTreeMap<&'static str, u64>,
}

/// Runs the history of a seed; prints it if it is to be traced.
///
/// # Errors
/// Says what was seen that must never be. A panic is such a thing.
pub fn simulate(seed: u64, traced: bool) -> Result<Report, Violation> {
    let run = catch_unwind(AssertUnwindSafe(|| history(seed, traced)));
    run.unwrap_or_else(|panic| Err(format!("panicked: {}", message(panic.as_ref()))))
}

fn history(seed: u64, traced: bool) -> Result<Report, Violation> {
    let faults = Faults::drawn(seed);
    if traced {
        faults.trace();
    }
    let mut world = World::new(faults);
    let began_at = world.now;
    let steps = 500 + world.faults.below(4_000);
    for _ in 0..steps {
        world.step()?;
    }
    world.settle_down()?;
    let mut events = BTreeMap::new();
    world.store.look(|contents| {
        for event in &contents.events {
            *events.entry(event.kind.word()).or_default() += 1;
        }
    });
    Ok(Report {
        events,
        steps: world.steps,
        lasted_ms: world.now.since_ms(began_at),
        fired: world.faults.fired(),
        ends: world.auditor.ends(),
    })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word").to_owned()
}
