//! The only place that reads the clock and draws randomness.

use std::{
    sync::OnceLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use domain::Timestamp;
use governor::clock::Clock;
use uuid::Builder;

/// The current time.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(0))
}

/// A clock that nobody sets back or forward: it counts from when it is first read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uptime;

impl Clock for Uptime {
    type Instant = Duration;

    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Duration {
        static BEGUN: OnceLock<Instant> = OnceLock::new();
        BEGUN.get_or_init(Instant::now).elapsed()
    }
}

/// What that clock counts, in milliseconds.
pub(crate) fn uptime_ms() -> u64 {
    u64::try_from(Uptime.now().as_millis()).unwrap_or(u64::MAX)
}

/// Fills a buffer from the operating system.
///
/// # Panics
/// If the operating system has no randomness to give: nothing safe can be done then.
pub(crate) fn fill(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the operating system gives randomness");
}

/// Draws random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// Draws a `UUIDv7` (RFC 9562): sortable by time, unique by 74 random bits.
pub(crate) fn uuid_v7(now: Timestamp) -> u128 {
    Builder::from_unix_timestamp_millis(now.0, &random()).into_uuid().as_u128()
}
