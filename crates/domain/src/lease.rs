//! Leases: who works on something that several processes could work on.
//!
//! A lease is kept by signs of life, each of which is one more version of it. Whoever waits for it
//! watches the version, and takes it when that has stood still for long by its own clock: no two
//! clocks are compared, and it does not matter what any of them says. Taking it raises its token. What
//! an earlier holder decided names the token that was its own, and is refused from then on, so that one
//! that was frozen or cut off and comes back can do no harm.

/// For how long a lease is whoever's has it, after its last sign of life, in milliseconds.
pub const LEASE_MS: u64 = 6_000;
/// How long whoever waits for a lease watches it stand still before it takes it, in milliseconds: by
/// then, the holder has stopped by itself, unless it cannot tell how much time went by.
pub const PATIENCE_MS: u64 = 9_000;

/// Who works on something, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What it is about, such as a lane.
    pub name: String,
    /// Who has it; nobody if it was given back.
    pub holder: Option<String>,
    /// Grows whenever it is taken.
    pub token: u64,
    /// Grows with every sign of life, and whenever it is taken or given back.
    pub version: u64,
}

/// A lease that a change rests on: it is refused unless the token still is the lease's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence {
    /// What the lease is about.
    pub name: String,
    /// Its token when it was taken.
    pub token: u64,
}

impl Lease {
    /// The lease as it is when `holder` takes it, from whoever had it before.
    fn taken(name: &str, before: Option<&Self>, holder: &str) -> Self {
        let (token, version) = before.map_or((0, 0), |it| (it.token, it.version));
        let holder = Some(holder.to_owned());
        Self { name: name.to_owned(), holder, token: token + 1, version: version + 1 }
    }

    /// The lease after one more sign of life.
    fn renewed(&self) -> Self {
        Self { version: self.version + 1, ..self.clone() }
    }

    /// The lease as it is when its holder gives it back: others need not wait.
    fn given_back(&self) -> Self {
        Self { holder: None, ..self.renewed() }
    }
}

/// What one process knows of one lease. Times are what its own clock counts, in milliseconds, from
/// any beginning.
#[derive(Clone, Debug, Default)]
pub struct Tenure {
    /// The version that was seen last, and since when.
    seen: Option<(u64, u64)>,
    /// The token of the lease that is ours, and until when it is for sure.
    held: Option<(u64, u64)>,
}

impl Tenure {
    /// Looks at the lease as it was stored at some moment between `asked_ms` and `answered_ms`; says
    /// what is to be stored instead, if anything. A holder of our name that is not us was an earlier
    /// process of ours, which has ended.
    pub fn look(
        &mut self,
        name: &str,
        stored: Option<&Lease>,
        holder: &str,
        (asked_ms, answered_ms): (u64, u64),
    ) -> Option<Lease> {
        let Some(lease) = stored else { return Some(Lease::taken(name, None, holder)) };
        if self.held.is_some_and(|it| it.0 != lease.token) {
            self.held = None;
        }
        let is_ours = lease.holder.as_deref() == Some(holder);
        if is_ours && self.held.is_some() {
            return Some(lease.renewed());
        }
        if self.seen.is_none_or(|it| it.0 != lease.version) {
            self.seen = Some((lease.version, answered_ms));
        }
        let stands_ms = self.seen.map_or(0, |it| asked_ms.saturating_sub(it.1));
        let is_free = lease.holder.is_none() || is_ours || stands_ms >= PATIENCE_MS;
        is_free.then(|| Lease::taken(name, Some(lease), holder))
    }

    /// Notes that what this told to store was stored, after `asked_ms`.
    pub fn stored(&mut self, lease: &Lease, asked_ms: u64) {
        self.held = Some((lease.token, asked_ms.saturating_add(LEASE_MS)));
    }

    /// The fence that a change is to name, if the lease is ours for sure.
    pub fn fence(&self, name: &str, now_ms: u64) -> Option<Fence> {
        let (token, until_ms) = self.held?;
        (now_ms < until_ms).then(|| Fence { name: name.to_owned(), token })
    }

    /// Gives the lease back, if it is ours; says what is to be stored.
    pub fn give_back(&mut self, stored: Option<&Lease>) -> Option<Lease> {
        let (token, _) = self.held.take()?;
        stored.filter(|it| it.token == token).map(Lease::given_back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lease as it is stored, and a process that looks at it.
    struct Process(&'static str, Tenure);

    impl Process {
        fn named(name: &'static str) -> Self {
            Self(name, Tenure::default())
        }

        fn looks(&mut self, stored: &mut Option<Lease>, now_ms: u64) -> Option<u64> {
            if let Some(next) = self.1.look("lane", stored.as_ref(), self.0, (now_ms, now_ms)) {
                assert_eq!(next.version, stored.as_ref().map_or(0, |it| it.version) + 1);
                self.1.stored(&next, now_ms);
                *stored = Some(next);
            }
            self.1.fence("lane", now_ms).map(|it| it.token)
        }
    }

    #[test]
    fn one_has_it_as_long_as_it_lives() {
        let (mut one, mut other, mut stored) =
            (Process::named("one"), Process::named("other"), None);
        assert_eq!(one.looks(&mut stored, 0), Some(1));
        // Clocks have nothing to do with each other.
        for beat in 1..100 {
            assert_eq!(other.looks(&mut stored, 7_000_000 + beat * 1_500), None);
            assert_eq!(one.looks(&mut stored, beat * 1_500), Some(1));
        }
    }

    #[test]
    fn one_that_stands_still_is_followed_and_comes_back_to_nothing() {
        let (mut one, mut other, mut stored) =
            (Process::named("one"), Process::named("other"), None);
        assert_eq!(one.looks(&mut stored, 0), Some(1));
        assert_eq!(other.looks(&mut stored, 50), None);
        assert_eq!(other.looks(&mut stored, 50 + PATIENCE_MS - 1), None);
        assert_eq!(one.1.fence("lane", LEASE_MS - 1).map(|it| it.token), Some(1));
        assert_eq!(one.1.fence("lane", LEASE_MS), None, "it stops before another may begin");
        assert_eq!(other.looks(&mut stored, 50 + PATIENCE_MS), Some(2));
        // What it thinks it has is no longer what is stored.
        assert_eq!(one.looks(&mut stored, 1_000), None);
        assert_eq!(one.looks(&mut stored, 2_000), None);
    }

    #[test]
    fn an_answer_that_takes_long_makes_nobody_look_dead() {
        let mut other = Tenure::default();
        let stored = |version| {
            let holder = Some("one".to_owned());
            Lease { name: "lane".to_owned(), holder, token: 1, version }
        };
        let mut look = |version, asked_ms, answered_ms| {
            other.look("lane", Some(&stored(version)), "other", (asked_ms, answered_ms)).is_some()
        };
        assert!(!look(7, 0, 60_000) && !look(7, 60_001, 60_002));
        assert!(!look(7, 60_003, 60_000 + 2 * PATIENCE_MS));
        assert!(look(7, 60_000 + PATIENCE_MS, 60_001 + 2 * PATIENCE_MS));
    }

    #[test]
    fn what_was_given_back_or_was_ours_is_taken_at_once() {
        let (mut one, mut other, mut stored) =
            (Process::named("one"), Process::named("other"), None);
        assert_eq!(one.looks(&mut stored, 0), Some(1));
        // After a crash, a process of the same name, which cannot run beside it.
        let mut again = Process::named("one");
        assert_eq!(again.looks(&mut stored, 0), Some(2));
        assert_eq!(
            one.looks(&mut stored, 1),
            Some(3),
            "were it alive, it would not share the lease"
        );
        let next = again.1.look("lane", stored.as_ref(), "one", (2, 2));
        assert_eq!(next.map(|it| it.token), Some(4));
        stored = one.1.give_back(stored.as_ref());
        assert_eq!(one.1.fence("lane", 1), None);
        assert_eq!(other.looks(&mut stored, 0), Some(4));
        assert_eq!(one.1.give_back(stored.as_ref()), None, "it has nothing to give");
    }
}
