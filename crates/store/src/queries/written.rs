//! What was written since a store was opened, counted in memory: what has ended is not counted in the
//! database, where there is ever more of it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::event::EventKind;

/// How many events of each kind were written.
#[derive(Default)]
pub(crate) struct Written(Mutex<BTreeMap<EventKind, u64>>);

impl Written {
    /// Adds events whose commit succeeded.
    pub(crate) fn add(&self, kinds: &[EventKind]) {
        let mut counts = self.lock();
        for kind in kinds {
            *counts.entry(*kind).or_default() += 1;
        }
    }

    /// How many there are of each kind, also of those of which there are none.
    pub(crate) fn counts(&self) -> BTreeMap<EventKind, u64> {
        let counts = self.lock();
        let count = |kind: &EventKind| (*kind, counts.get(kind).copied().unwrap_or(0));
        EventKind::ALL.iter().map(count).collect()
    }

    /// Whoever panicked while holding it has counted one less at worst.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<EventKind, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
