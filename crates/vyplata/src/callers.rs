//! The credentials that requests are made with, kept for a moment: each request needs them, and to ask
//! the store for them would cost more than everything else that is not the commit.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dialects::Caller;

use crate::clock;

/// For how long what was read is used, in milliseconds: so much later a credential is known that was
/// made, changed or revoked.
pub(crate) const AGE_MS_MAX: u64 = 1_000;
/// How many lookups are kept at most; when there are more, all are read again.
const KEPT_MAX: usize = 65_536;

/// A lookup: the API, and what a request shows.
type Lookup = (&'static str, String);

/// When each lookup was read, and what was found.
type Kept = BTreeMap<Lookup, (u64, Arc<[Caller]>)>;

/// What was read a moment ago.
#[derive(Default)]
pub(crate) struct Callers(Mutex<Kept>);

impl Callers {
    /// What was read a moment ago.
    pub(crate) fn get(&self, lookup: &Lookup) -> Option<Arc<[Caller]>> {
        let kept = self.kept();
        let (read_ms, callers) = kept.get(lookup)?;
        let age_ms = clock::uptime_ms().saturating_sub(*read_ms);
        (age_ms < AGE_MS_MAX).then(|| Arc::clone(callers))
    }

    /// Keeps what was read after `asked_ms`. That nobody is known by a lookup is not kept: anybody can
    /// make lookups up.
    pub(crate) fn put(&self, lookup: Lookup, asked_ms: u64, callers: &Arc<[Caller]>) {
        if callers.is_empty() {
            return;
        }
        let mut kept = self.kept();
        if kept.len() >= KEPT_MAX && !kept.contains_key(&lookup) {
            kept.clear();
        }
        kept.insert(lookup, (asked_ms, Arc::clone(callers)));
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
