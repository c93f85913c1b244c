//! How long something took, told in percentiles.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest time that is told apart, in microseconds: an hour.
const LONGEST_US: u64 = 3_600_000_000;
/// What is plotted: parts of all that took no longer, as a share and as text.
pub(crate) const STEPS: [(f64, &str); 9] = [
    (0.25, "25"),
    (0.5, "50"),
    (0.75, "75"),
    (0.9, "90"),
    (0.95, "95"),
    (0.99, "99"),
    (0.995, "99.5"),
    (0.999, "99.9"),
    (0.9999, "99.99"),
];

/// A record without entries, exact to three digits.
///
/// # Panics
/// Never: the bounds are fixed.
pub(crate) fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_US, 3).expect("these bounds are good")
}

/// A time in microseconds.
pub(crate) fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Percentiles, in microseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Latency {
    /// Half took no longer.
    #[serde(rename = "p50_us")]
    pub(crate) p50: u64,
    /// 99 of 100 took no longer.
    #[serde(rename = "p99_us")]
    pub(crate) p99: u64,
    /// 999 of 1,000 took no longer.
    #[serde(rename = "p999_us")]
    pub(crate) p999: u64,
    /// Nothing took longer.
    #[serde(rename = "max_us")]
    pub(crate) max: u64,
    /// The curve, for plots: in the order of [`STEPS`].
    #[serde(skip)]
    pub(crate) curve: Vec<u64>,
}

impl Latency {
    /// Reads percentiles from a record.
    pub(crate) fn of(times: &Histogram<u64>) -> Self {
        Self {
            p50: times.value_at_quantile(0.5),
            p99: times.value_at_quantile(0.99),
            p999: times.value_at_quantile(0.999),
            max: times.max(),
            curve: STEPS.iter().map(|it| times.value_at_quantile(it.0)).collect(),
        }
    }
}
