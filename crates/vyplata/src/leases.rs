//! The leases of what this process works on: taken when they are free, kept while it lives, given back
//! when it ends. [`domain::lease`] says when; several gateways on one database share the work so.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{
    lease::{Fence, Lease, Tenure},
    ports::{ChangeSet, CommitError, Store},
};

use crate::clock;

/// What the lease of the deliveries is called; a lane's is called as the lane.
pub(crate) const DELIVERIES: &str = "deliveries";
/// What the lease of what comes round by itself is called.
pub(crate) const UPKEEP: &str = "upkeep";
/// How often a sign of life is given, and looked for.
const BEAT: Duration = Duration::from_millis(1_500);

/// The leases that this process has or waits for.
#[derive(Default)]
pub(crate) struct Leases {
    /// What this process is called: no two that live at the same time are called the same.
    holder: String,
    tenures: Mutex<BTreeMap<String, Tenure>>,
}

impl Leases {
    /// Leases for a process of this name.
    pub(crate) fn new(holder: String) -> Self {
        Self { holder, tenures: Mutex::default() }
    }

    /// Waits for one more lease from now on.
    pub(crate) fn want(&self, name: &str) {
        self.tenures().entry(name.to_owned()).or_default();
    }

    /// The fence for work under a lease, if this process may do that now.
    pub(crate) fn fence(&self, name: &str) -> Option<Fence> {
        self.tenures().get(name)?.fence(name, clock::uptime_ms())
    }

    /// How many leases this process has.
    pub(crate) fn held(&self) -> usize {
        let now_ms = clock::uptime_ms();
        self.tenures().iter().filter(|(name, it)| it.fence(name, now_ms).is_some()).count()
    }

    /// Keeps what it has and takes what is free, for ever.
    pub(crate) async fn keep(&self, store: &dyn Store) {
        loop {
            tokio::time::sleep(BEAT).await;
            self.beat(store).await;
        }
    }

    /// Gives a sign of life for what it has, and takes what is free.
    pub(crate) async fn beat(&self, store: &dyn Store) {
        if self.tenures().is_empty() {
            return;
        }
        let asked_ms = clock::uptime_ms();
        let Ok(stored) = store.leases().await else { return };
        let times = (asked_ms, clock::uptime_ms());
        let look = |(name, tenure): (&String, &mut Tenure)| {
            let stored = stored.iter().find(|it| it.name == *name);
            let next = tenure.look(name, stored, &self.holder, times)?;
            let other = stored.and_then(|it| it.holder.as_ref()).filter(|it| **it != self.holder);
            if let Some(other) = other {
                tracing::warn!(lease = name, other, "another node stands still; taking over");
            }
            Some(next)
        };
        let next: Vec<Lease> = self.tenures().iter_mut().filter_map(look).collect();
        if self.store(store, &next, asked_ms).await == Err(CommitError::Conflict) {
            for one in next {
                // Somebody else was first with some of them.
                let _ = self.store(store, &[one], asked_ms).await;
            }
        }
    }

    /// Gives everything back, so that others need not wait.
    pub(crate) async fn give_back(&self, store: &dyn Store) {
        let Ok(stored) = store.leases().await else { return };
        let give = |(name, tenure): (&String, &mut Tenure)| {
            tenure.give_back(stored.iter().find(|it| it.name == *name))
        };
        let leases: Vec<Lease> = self.tenures().iter_mut().filter_map(give).collect();
        for lease in leases {
            // Whoever took it meanwhile has it.
            let _ = store.commit(ChangeSet { leases: vec![lease], ..ChangeSet::default() }).await;
        }
    }

    async fn store(
        &self,
        store: &dyn Store,
        leases: &[Lease],
        asked_ms: u64,
    ) -> Result<(), CommitError> {
        if leases.is_empty() {
            return Ok(());
        }
        store.commit(ChangeSet { leases: leases.to_vec(), ..ChangeSet::default() }).await?;
        let mut tenures = self.tenures();
        for lease in leases {
            if let Some(tenure) = tenures.get_mut(&lease.name) {
                tenure.stored(lease, asked_ms);
            }
        }
        Ok(())
    }

    fn tenures(&self) -> MutexGuard<'_, BTreeMap<String, Tenure>> {
        self.tenures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use store::Sqlite;

    use super::*;

    fn process(name: &str) -> Leases {
        let leases = Leases::new(name.to_owned());
        leases.want("net/hot");
        leases.want(DELIVERIES);
        leases
    }

    #[tokio::test]
    async fn of_two_one_has_it_until_it_gives_it_back() {
        let store = Sqlite::open_in_memory().unwrap();
        let (one, other) = (process("one"), process("other"));
        assert_eq!(one.fence("net/hot"), None);
        for _ in 0..3 {
            one.beat(&store).await;
            other.beat(&store).await;
            assert_eq!((one.held(), other.held()), (2, 0));
        }
        let fence = one.fence("net/hot").unwrap();
        let rests = || ChangeSet { fences: vec![fence.clone()], ..ChangeSet::default() };
        assert_eq!(store.commit(rests()).await, Ok(()));
        one.give_back(&store).await;
        other.beat(&store).await;
        assert_eq!((one.held(), other.held()), (0, 2));
        assert_eq!(store.commit(rests()).await, Err(CommitError::Conflict));
    }

    #[tokio::test]
    async fn one_that_was_killed_goes_on_at_once() {
        let store = Sqlite::open_in_memory().unwrap();
        let before = process("one");
        before.beat(&store).await;
        let after = process("one");
        after.beat(&store).await;
        assert_eq!(after.held(), 2);
        before.beat(&store).await;
        assert_ne!(before.fence("net/hot"), after.fence("net/hot"));
    }

    #[tokio::test]
    async fn of_two_that_take_at_the_same_moment_each_gets_what_it_gets() {
        let store = Sqlite::open_in_memory().unwrap();
        let (one, other) = (process("one"), process("other"));
        // The other has one of them already, which this did not see yet.
        let taken = Lease { name: DELIVERIES.to_owned(), holder: None, token: 1, version: 1 };
        store.commit(ChangeSet { leases: vec![taken], ..ChangeSet::default() }).await.unwrap();
        one.beat(&store).await;
        other.beat(&store).await;
        assert_eq!((one.held(), other.held()), (2, 0));
    }
}
