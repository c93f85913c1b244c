//! Bandwidth and energy that come back over a day
//! ([ResourceProcessor](https://github.com/tronprotocol/java-tron/blob/develop/chainbase/src/main/java/org/tron/core/db/ResourceProcessor.java)).
//!
//! Time is counted in slots of three seconds since the genesis.

/// Slots of a day, over which a usage comes back.
pub(crate) const WINDOW: i64 = 28_800;

/// What averages are multiplied by.
const PRECISION: i64 = 1_000_000;

/// What windows are multiplied by since proposal 77.
const WINDOW_PRECISION: i64 = 1_000;

/// How much is used up, since when, and over how many thousandths of a slot it comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    used: i64,
    at: i64,
    window: i64,
}

impl Usage {
    /// What is still used up at a slot.
    pub(crate) fn at(&self, now: i64) -> i64 {
        let average = faded(self.average(), self.at, now, self.slots());
        times(average, self.slots()) / PRECISION
    }

    /// When it was last added to.
    pub(crate) fn since(&self) -> i64 {
        self.at
    }

    /// Adds to it by the older rule, which holds for free bandwidth: all comes back over a day.
    pub(crate) fn add(&mut self, more: i64, now: i64) {
        let average = average(self.at(now), WINDOW) + average(more, WINDOW);
        *self = Self { used: times(average, WINDOW) / PRECISION, at: now, window: 0 };
    }

    /// Adds to it by the newer rule, which holds for what comes from stake: what was used before
    /// keeps coming back at its own pace, and the window becomes the mean of both.
    pub(crate) fn add_weighted(&mut self, more: i64, now: i64) {
        let slots = self.slots();
        let old = faded(self.average(), self.at, now, slots);
        let new = average(more, WINDOW);
        let used = (times(old, slots) + times(new, WINDOW)) / PRECISION;
        let remains = times(old, slots) / PRECISION;
        let full = WINDOW * WINDOW_PRECISION;
        let window = if remains == 0 || used == 0 {
            full
        } else {
            let left = self.window() - (now - self.at) * WINDOW_PRECISION;
            full.min(divide_up(times(remains, left) + times(more, full), used))
        };
        *self = Self { used, at: now, window };
    }

    /// Thousandths of a slot.
    pub(crate) fn window(&self) -> i64 {
        if self.window < WINDOW_PRECISION { WINDOW * WINDOW_PRECISION } else { self.window }
    }

    fn slots(&self) -> i64 {
        self.window() / WINDOW_PRECISION
    }

    fn average(&self) -> i64 {
        average(self.used, self.slots())
    }
}

fn average(used: i64, slots: i64) -> i64 {
    divide_up(times(used, PRECISION), slots)
}

/// What an average of `at` has become until `now`. java-tron multiplies by a double and rounds.
fn faded(average: i64, at: i64, now: i64, slots: i64) -> i64 {
    let left = slots - (now - at);
    if at == now {
        average
    } else if left > 0 {
        let twice = (2 * i128::from(average) * i128::from(left) + i128::from(slots))
            / (2 * i128::from(slots));
        i64::try_from(twice).unwrap_or(i64::MAX)
    } else {
        0
    }
}

fn times(a: i64, b: i64) -> i64 {
    a.saturating_mul(b)
}

fn divide_up(a: i64, b: i64) -> i64 {
    a / b + i64::from(a % b > 0)
}

#[cfg(test)]
mod tests {
    use super::{Usage, WINDOW};

    /// The figures of java-tron's
    /// [BandwidthProcessorTest](https://github.com/tronprotocol/java-tron/blob/develop/framework/src/test/java/org/tron/core/BandwidthProcessorTest.java):
    /// 122 bytes and 64 for the result, and the same again half a day later.
    #[test]
    fn half_a_day_gives_half_of_it_back() {
        let mut free = Usage::default();
        let mut staked = Usage::default();
        for (now, used) in [(508_882_612, 122 + 64), (508_897_012, 61 + 122 + 32 + 64)] {
            free.add(122 + 64, now);
            staked.add_weighted(122 + 64, now);
            assert_eq!((free.at(now), staked.at(now)), (used, used));
        }
    }

    #[test]
    fn what_was_used_before_keeps_its_pace() {
        let mut usage = Usage::default();
        usage.add_weighted(1_000, 0);
        assert_eq!(usage.window(), WINDOW * 1_000);
        // Three quarters are left, and come back within three quarters of the day.
        usage.add_weighted(250, WINDOW / 4);
        assert_eq!(usage.at(WINDOW / 4), 1_000);
        assert_eq!(usage.window(), (750 * WINDOW * 750 + 250 * WINDOW * 1_000) / 1_000);
        let gone = WINDOW / 4 + usage.window() / 1_000;
        assert!(usage.at(gone - 100) > 0);
        assert_eq!(usage.at(gone), 0);
    }

    #[test]
    fn time_that_stands_still_gives_nothing_back() {
        let mut usage = Usage::default();
        for _ in 0..10 {
            usage.add_weighted(7, 5);
        }
        assert!((70..=71).contains(&usage.at(5)), "{usage:?}");
    }
}
