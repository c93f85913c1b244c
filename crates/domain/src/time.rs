//! Moments, passed in by whoever owns the clock.

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// A moment that never comes: nothing is due before it.
    pub const NEVER: Self = Self(i64::MAX as u64);

    /// Returns the moment `ms` milliseconds later, at most [`Self::NEVER`].
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms)).min(Self::NEVER)
    }

    /// Returns how many milliseconds have passed since `earlier`; zero if it lies ahead.
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
