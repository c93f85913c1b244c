//! Moments, passed in by whoever owns the clock.

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// A moment that never comes: nothing is due before it.
    pub const NEVER: Self = Self(i64::MAX as u64);

    /// Longer than anything is put off: three days.
    pub const HORIZON_MS: u64 = 3 * 24 * 60 * 60 * 1_000;

    /// Returns the moment `ms` milliseconds later, at most [`Self::NEVER`].
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms)).min(Self::NEVER)
    }

    /// Whether something that was put off until `self` is due. Nothing is ever put off for as long
    /// as [`Self::HORIZON_MS`]: what seems to be was put off by a clock that was ahead.
    pub fn is_due(self, now: Self) -> bool {
        self <= now || (self != Self::NEVER && self.since_ms(now) > Self::HORIZON_MS)
    }

    /// Returns how many milliseconds have passed since `earlier`; zero if it lies ahead.
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_wrong_clock_put_off_is_due() {
        let now = Timestamp(1_000);
        assert!(Timestamp(1_000).is_due(now));
        assert!(!Timestamp(1_001).is_due(now));
        assert!(!now.plus_ms(Timestamp::HORIZON_MS).is_due(now));
        assert!(now.plus_ms(Timestamp::HORIZON_MS + 1).is_due(now));
        assert!(!Timestamp::NEVER.is_due(now));
    }
}
