//! Limits under a clock that is moved by hand.

use governor::clock::FakeRelativeClock;

use super::*;

const KEY: KeyId = KeyId(1);
const OTHER: KeyId = KeyId(2);

fn limiter(settings: &Settings) -> (Limiter<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    (Limiter::new(settings, &clock), clock)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn too_often(limit: &'static str, retry_after_ms: u64) -> Result<(), TooOften> {
    Err(TooOften { limit, retry_after_ms })
}

#[test]
fn a_burst_is_taken_then_the_rate() {
    let settings = Settings { per_key_per_second: 10, per_key_burst: 3, ..Settings::off() };
    let (limiter, clock) = limiter(&settings);
    for _ in 0..3 {
        assert_eq!(limiter.authenticated(KEY), Ok(()));
    }
    assert_eq!(limiter.authenticated(KEY), too_often("key", 100));
    assert_eq!(limiter.authenticated(OTHER), Ok(()), "each key has its own");
    clock.advance(Duration::from_micros(99_001));
    assert_eq!(limiter.authenticated(KEY), too_often("key", 1), "part of a millisecond is one");
    clock.advance(ms(1));
    assert_eq!(limiter.authenticated(KEY), Ok(()));
    assert_eq!(limiter.authenticated(KEY).unwrap_err().limit, "key");
    clock.advance(ms(60_000));
    let all = (0..10).filter(|_| limiter.authenticated(KEY).is_ok()).count();
    assert_eq!(all, 3, "patience earns no more than the burst");
}

#[test]
fn payouts_are_spaced_as_the_provider_says_and_refusals_do_not_put_them_off() {
    let (limiter, clock) = limiter(&Settings::default());
    assert_eq!(limiter.payout("cryptocloud", KEY), Ok(()));
    assert_eq!(limiter.payout("cryptocloud", KEY), too_often("spacing", 12_000));
    assert_eq!(limiter.payout("cryptocloud", OTHER), Ok(()));
    for _ in 0..11 {
        clock.advance(ms(1_000));
        assert_eq!(limiter.payout("cryptocloud", KEY).unwrap_err().limit, "spacing");
    }
    clock.advance(ms(999));
    assert_eq!(limiter.payout("cryptocloud", KEY), too_often("spacing", 1));
    clock.advance(ms(1));
    assert_eq!(limiter.payout("cryptocloud", KEY), Ok(()));
    assert_eq!(limiter.payout("cryptocloud", KEY), too_often("spacing", 12_000));
    for other in ["native", "cryptomus", "onchainpay"] {
        assert_eq!((limiter.payout(other, KEY), limiter.payout(other, KEY)), (Ok(()), Ok(())));
    }
}

#[test]
fn the_operator_sets_spacings() {
    let spacing_ms = BTreeMap::from([("cryptocloud".into(), 0), ("native".into(), 50)]);
    let (limiter, _) = limiter(&Settings { spacing_ms, ..Settings::default() });
    for _ in 0..3 {
        assert_eq!(limiter.payout("cryptocloud", KEY), Ok(()));
    }
    assert_eq!(limiter.payout("native", KEY), Ok(()));
    assert_eq!(limiter.payout("native", KEY), too_often("spacing", 50));
}

#[test]
fn spacings_that_make_no_sense_are_named() {
    let check = |name: &str, ms| {
        let settings = Settings { spacing_ms: [(name.into(), ms)].into(), ..Settings::default() };
        settings.check().map_err(|(name, _)| name.to_owned())
    };
    assert_eq!(check("cryptocloud", SPACING_MS_MAX), Ok(()));
    assert_eq!(check("cryptocloud", SPACING_MS_MAX + 1), Err("cryptocloud".to_owned()));
    assert_eq!(check("paypal", 1), Err("paypal".to_owned()));
    assert_eq!((Settings::default().check(), Settings::off().check()), (Ok(()), Ok(())));
}

#[test]
fn failures_have_a_limit_of_their_own() {
    let (limiter, clock) = limiter(&Settings::default());
    let address = ip("192.0.2.1");
    for _ in 0..30 {
        assert_eq!(limiter.failure(address), Ok(()));
    }
    assert_eq!(limiter.failure(address), too_often("failures", 2_000));
    assert_eq!(limiter.request(address), Ok(()), "good keys go on");
    assert_eq!(limiter.failure(ip("192.0.2.2")), Ok(()));
    clock.advance(ms(2_000));
    assert_eq!(limiter.failure(address), Ok(()));
}

#[test]
fn a_network_of_ipv6_is_one_address() {
    let settings = Settings { per_address_per_second: 1, per_address_burst: 1, ..Settings::off() };
    let (limiter, _) = limiter(&settings);
    assert_eq!(limiter.request(ip("2001:db8:0:1::1")), Ok(()));
    assert!(limiter.request(ip("2001:db8:0:1:ffff:ffff:ffff:ffff")).is_err());
    assert_eq!(limiter.request(ip("2001:db8:0:2::1")), Ok(()));
    assert_eq!(limiter.request(ip("192.0.2.1")), Ok(()));
    assert!(limiter.request(ip("::ffff:192.0.2.1")).is_err(), "the same in other letters");
    assert_eq!(limiter.request(ip("192.0.2.2")), Ok(()));
}

#[test]
fn zero_turns_limits_off() {
    let (limiter, _) = limiter(&Settings::off());
    for _ in 0..10_000 {
        let address = ip("192.0.2.1");
        assert_eq!((limiter.request(address), limiter.failure(address)), (Ok(()), Ok(())));
        assert_eq!(limiter.authenticated(KEY), Ok(()));
        assert_eq!(limiter.payout("cryptocloud", KEY), Ok(()));
    }
}

/// A limit of one request per second with few places.
fn small(own_max: usize) -> (Limit<u32, FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    let quota = Quota::per_second(NonZeroU32::MIN);
    let limiter = RateLimiter::new(quota, Places::new(own_max), clock.clone());
    (Limit { name: "small", limiter, checks: AtomicUsize::new(0) }, clock)
}

#[test]
fn whoever_finds_no_place_shares_one() {
    let (limit, clock) = small(2);
    assert_eq!((limit.check(&1), limit.check(&2)), (Ok(()), Ok(())));
    assert_eq!(limit.check(&3), Ok(()), "the shared place has a request, too");
    assert_eq!(limit.check(&4), too_often("small", 1_000));
    assert_eq!(limit.check(&1), too_often("small", 1_000));
    assert_eq!(limit.limiter.len(), 2);
    clock.advance(ms(1_000));
    assert_eq!((limit.check(&1), limit.check(&4)), (Ok(()), Ok(())));
    assert_eq!(limit.check(&3), too_often("small", 1_000));
}

#[test]
fn those_that_have_all_their_requests_back_are_forgotten() {
    let (limit, clock) = small(KEYS_MAX);
    let sweep = u32::try_from(SWEEP_EVERY).unwrap();
    for key in 1..sweep {
        assert_eq!(limit.check(&key), Ok(()));
    }
    assert_eq!(limit.limiter.len(), SWEEP_EVERY - 1);
    clock.advance(ms(2_000));
    assert_eq!(limit.check(&0), Ok(()));
    assert_eq!(limit.limiter.len(), 1);
    for key in 1..sweep {
        assert_eq!(limit.check(&key), Ok(()));
    }
    assert!(limit.check(&1).is_err(), "a sweep forgives nobody");
}
