//! How often may be asked: by address before anything is looked at, by credential once it is
//! proved.
//!
//! A request whose credential is good is never refused because others from its address failed: the
//! limit on failures only takes the place of the answer to one more failure.

use std::{
    collections::BTreeMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dialects::DIALECTS;
use domain::{command::Refusal, ids::KeyId};
use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{StateStore, keyed::ShrinkableKeyedStateStore},
};
use serde::Deserialize;

use crate::clock::Uptime;

/// How many addresses, or credentials, one limit keeps apart.
const KEYS_MAX: usize = 65_536;
/// After how many checks those are forgotten that have all their requests left: often enough that
/// a check costs a few looks on average.
const SWEEP_EVERY: usize = KEYS_MAX / 16;
/// The longest spacing that can be set: a day.
const SPACING_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
/// The part of an IPv6 address that its network gives, /64: the rest is the client's to choose.
const IPV6_NETWORK: u128 = !0 << 64;

/// What an operator can set about requests. Zero turns a limit off.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Requests of one address per second, in the long run.
    pub(crate) per_address_per_second: u32,
    /// Requests of one address at once.
    pub(crate) per_address_burst: u32,
    /// Connections of one address that are open at once.
    pub(crate) per_address_connections: u32,
    /// Requests of one credential per second, in the long run.
    pub(crate) per_key_per_second: u32,
    /// Requests of one credential at once.
    pub(crate) per_key_burst: u32,
    /// Failed authentications of one address per minute.
    pub(crate) failures_per_minute: u32,
    /// The least time between two requests for a payout of one credential, by API; what is not
    /// listed is what the API's provider asks for.
    pub(crate) spacing_ms: BTreeMap<String, u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            per_address_per_second: 200,
            per_address_burst: 1_000,
            per_address_connections: 512,
            per_key_per_second: 100,
            per_key_burst: 1_000,
            failures_per_minute: 30,
            spacing_ms: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// No limits.
    pub(crate) fn off() -> Self {
        Self {
            per_address_per_second: 0,
            per_address_burst: 0,
            per_address_connections: 0,
            per_key_per_second: 0,
            per_key_burst: 0,
            failures_per_minute: 0,
            spacing_ms: DIALECTS.iter().map(|it| (it.name().to_owned(), 0)).collect(),
        }
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// Names the API in `spacing_ms`, and what is wrong with its entry.
    pub(crate) fn check(&self) -> Result<(), (&str, &'static str)> {
        for (name, ms) in &self.spacing_ms {
            if dialects::dialect(name).is_none() {
                return Err((name, "there is no such API"));
            }
            if *ms > SPACING_MS_MAX {
                return Err((name, "more than a day"));
            }
        }
        Ok(())
    }
}

/// A request that comes too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooOften {
    /// The limit it meets.
    pub(crate) limit: &'static str,
    /// When it could be made.
    pub(crate) retry_after_ms: u64,
}

impl From<TooOften> for Refusal {
    fn from(it: TooOften) -> Self {
        Self::RateLimited { retry_after_ms: it.retry_after_ms }
    }
}

/// All limits on requests.
pub(crate) struct Limiter<C: Clock = Uptime> {
    addresses: Option<Limit<IpAddr, C>>,
    failures: Option<Limit<IpAddr, C>>,
    keys: Option<Limit<KeyId, C>>,
    spacings: BTreeMap<&'static str, Limit<KeyId, C>>,
}

impl<C: Clock + Clone> Limiter<C> {
    /// Sets all limits up.
    pub(crate) fn new(settings: &Settings, clock: &C) -> Self {
        let rate = |per_second, burst| {
            let (per_second, burst) = (NonZeroU32::new(per_second)?, NonZeroU32::new(burst)?);
            Some(Quota::per_second(per_second).allow_burst(burst))
        };
        let of_addresses = rate(settings.per_address_per_second, settings.per_address_burst);
        let of_failures = NonZeroU32::new(settings.failures_per_minute).map(Quota::per_minute);
        let of_keys = rate(settings.per_key_per_second, settings.per_key_burst);
        let spacing = |name: &str, provider_ms: Option<u64>| {
            let ms = settings.spacing_ms.get(name).copied().or(provider_ms)?;
            Quota::with_period(Duration::from_millis(ms))
        };
        let spacings = DIALECTS.iter().filter_map(|it| {
            let quota = spacing(it.name(), it.spacing_ms())?;
            Some((it.name(), Limit::new("spacing", quota, clock)))
        });
        Self {
            addresses: of_addresses.map(|it| Limit::new("address", it, clock)),
            failures: of_failures.map(|it| Limit::new("failures", it, clock)),
            keys: of_keys.map(|it| Limit::new("key", it, clock)),
            spacings: spacings.collect(),
        }
    }

    /// Counts a request of an address.
    ///
    /// # Errors
    /// If it comes too early.
    pub(crate) fn request(&self, client: IpAddr) -> Result<(), TooOften> {
        self.addresses.as_ref().map_or(Ok(()), |it| it.check(&network(client)))
    }

    /// Counts a failed authentication from an address.
    ///
    /// # Errors
    /// If there were too many.
    pub(crate) fn failure(&self, client: IpAddr) -> Result<(), TooOften> {
        self.failures.as_ref().map_or(Ok(()), |it| it.check(&network(client)))
    }

    /// Counts a request of a credential that is proved.
    ///
    /// # Errors
    /// If it comes too early.
    pub(crate) fn authenticated(&self, key: KeyId) -> Result<(), TooOften> {
        self.keys.as_ref().map_or(Ok(()), |it| it.check(&key))
    }

    /// Counts a request for a payout.
    ///
    /// # Errors
    /// If it comes too soon after the one before it.
    pub(crate) fn payout(&self, dialect: &str, key: KeyId) -> Result<(), TooOften> {
        self.spacings.get(dialect).map_or(Ok(()), |it| it.check(&key))
    }
}

/// What an address is counted as: itself, or its network if it is IPv6.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK).into(),
    }
}

/// One limit, for each key by itself.
struct Limit<K: Key, C: Clock> {
    name: &'static str,
    limiter: RateLimiter<K, Places<K>, C, NoOpMiddleware<C::Instant>>,
    checks: AtomicUsize,
}

trait Key: Ord + Hash + Clone {}

impl<K: Ord + Hash + Clone> Key for K {}

impl<K: Key, C: Clock + Clone> Limit<K, C> {
    fn new(name: &'static str, quota: Quota, clock: &C) -> Self {
        let limiter = RateLimiter::new(quota, Places::new(KEYS_MAX), clock.clone());
        Self { name, limiter, checks: AtomicUsize::new(0) }
    }

    fn check(&self, key: &K) -> Result<(), TooOften> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(self.limiter.clock().now());
            let retry_after_ms = u64::try_from(wait.as_nanos().div_ceil(1_000_000));
            TooOften { limit: self.name, retry_after_ms: retry_after_ms.unwrap_or(u64::MAX) }
        })
    }
}

/// When each key has its requests back: a bounded number of them, and one place for all keys that
/// find no other.
struct Places<K> {
    own_max: usize,
    taken: Mutex<Taken<K>>,
}

struct Taken<K> {
    own: BTreeMap<K, Nanos>,
    shared: Option<Nanos>,
}

impl<K> Places<K> {
    fn new(own_max: usize) -> Self {
        let taken = Taken { own: BTreeMap::new(), shared: None };
        Self { own_max, taken: Mutex::new(taken) }
    }

    fn taken(&self) -> MutexGuard<'_, Taken<K>> {
        self.taken.lock().expect("nobody panics while holding this lock")
    }
}

impl<K: Key> StateStore for Places<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut taken = self.taken();
        let before = taken.own.get(key).copied();
        if before.is_none() && taken.own.len() >= self.own_max {
            let (answer, after) = decide(taken.shared)?;
            taken.shared = Some(after);
            return Ok(answer);
        }
        let (answer, after) = decide(before)?;
        taken.own.insert(key.clone(), after);
        Ok(answer)
    }
}

impl<K: Key> ShrinkableKeyedStateStore<K> for Places<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        self.taken().own.retain(|_, it| *it > drop_below);
    }

    fn len(&self) -> usize {
        self.taken().own.len()
    }

    fn is_empty(&self) -> bool {
        self.taken().own.is_empty()
    }
}

#[cfg(test)]
#[path = "limiter_tests.rs"]
mod tests;
