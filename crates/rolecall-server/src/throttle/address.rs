//! Limits per address.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::delay::backoff;

/// Failures of an address that cause no delay; many users can share an address.
const FREE_ADDRESS_FAILURES: u32 = 50;

/// The interval at which one failure of an address is forgiven.
const FORGIVEN_EVERY: Duration = Duration::from_secs(6);

/// Registrations that an address may make at once, and in each minute after that.
const REGISTRATIONS_PER_MINUTE: u32 = 30;

/// Addresses in each of the two generations.
const GENERATION: usize = 50_000;

/// The prefix of [`client_key`], which no address has.
const CLIENT: &str = "client ";

/// Returns the key under which wrong secrets of a client are counted: the client at one address, so that failures from
/// elsewhere do not block it.
pub(crate) fn client_key(client_id: &str, address: &str) -> String {
    format!("{CLIENT}{client_id} {address}")
}

/// What is counted together: an IPv4 address, or an IPv6 /64 network, since one client usually has all of its
/// addresses.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Key {
    V4(u32),
    V6(u64),
    /// An OAuth client at one address.
    Client(u64),
}

impl Key {
    /// Returns `None` for the unspecified address and for text that is no address: the caller is unknown, and unknown
    /// callers must not share one limit.
    fn of(address: &str) -> Option<Self> {
        if address.starts_with(CLIENT) {
            let mut hasher = DefaultHasher::new();
            address.hash(&mut hasher);
            return Some(Self::Client(hasher.finish()));
        }
        let address = address.parse::<IpAddr>().ok()?.to_canonical();
        if address.is_unspecified() {
            return None;
        }
        Some(match address {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments().map(u64::from);
                Self::V6(a << 48 | b << 32 | c << 16 | d)
            }
        })
    }
}

/// The state of one address.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    failures: u32,
    /// The time of the last update of `failures`.
    counted_at: Duration,
    /// Log-ins are refused before this time.
    blocked_until: Duration,
    /// The time at which all registrations so far are forgotten.
    registrations_until: Duration,
}

impl Entry {
    /// Subtracts the failures forgiven since the last update.
    fn forgive(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.counted_at);
        let forgiven = passed.as_nanos() / FORGIVEN_EVERY.as_nanos();
        let forgiven = u32::try_from(forgiven).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_sub(forgiven);
        if self.failures == 0 {
            self.counted_at = now;
        } else {
            self.counted_at += FORGIVEN_EVERY * forgiven;
        }
    }

    fn penalty(&self) -> Duration {
        backoff(self.failures.saturating_sub(FREE_ADDRESS_FAILURES))
    }
}

/// Limits log-ins and registrations per address. Memory is bounded: with very many addresses, the least recently used
/// ones are forgotten. A caller with an unknown address is only limited per account.
///
/// ```
/// use std::time::Duration;
/// use rolecall_server::throttle::AddressLimiter;
///
/// let limiter = AddressLimiter::default();
/// let (address, now) = ("203.0.113.7", Duration::ZERO);
/// for _ in 0..51 {
///     assert_eq!(limiter.retry_after(address, now), None);
///     limiter.failed(address, now);
/// }
/// assert_eq!(limiter.retry_after(address, now), Some(Duration::from_secs(1)));
/// ```
#[derive(Debug)]
pub struct AddressLimiter {
    generations: Mutex<Generations>,
}

impl Default for AddressLimiter {
    fn default() -> Self {
        Self::with_capacity(GENERATION)
    }
}

impl AddressLimiter {
    fn with_capacity(capacity: usize) -> Self {
        Self {
            generations: Mutex::new(Generations {
                young: HashMap::new(),
                old: HashMap::new(),
                capacity,
            }),
        }
    }

    /// Returns how long `address` must wait before it may log in; `None` if it may log in now. While it has a penalty,
    /// only one log-in is admitted each time the penalty ends.
    #[must_use]
    pub fn retry_after(&self, address: &str, now: Duration) -> Option<Duration> {
        let mut generations = self.lock();
        let entry = generations.find(Key::of(address)?)?;
        let left = entry.blocked_until.saturating_sub(now);
        if !left.is_zero() {
            return Some(left);
        }
        entry.forgive(now);
        entry.blocked_until = now + entry.penalty();
        None
    }

    /// Counts a failed log-in of `address`. Returns the number of its failures that cause a delay.
    pub fn failed(&self, address: &str, now: Duration) -> u32 {
        let Some(key) = Key::of(address) else {
            return 0;
        };
        let mut generations = self.lock();
        let entry = generations.find_or_add(key);
        entry.forgive(now);
        entry.failures = entry.failures.saturating_add(1);
        entry.blocked_until = entry.blocked_until.max(now + entry.penalty());
        entry.failures.saturating_sub(FREE_ADDRESS_FAILURES)
    }

    /// Subtracts one failure for a successful log-in; not all of them, since an attacker can have an account too.
    pub fn succeeded(&self, address: &str) {
        let mut generations = self.lock();
        if let Some(entry) = Key::of(address).and_then(|key| generations.find(key)) {
            entry.failures = entry.failures.saturating_sub(1);
        }
    }

    /// Counts a registration from `address`, or returns how long it must wait if there were too many.
    #[must_use]
    pub fn take(&self, address: &str, now: Duration) -> Option<Duration> {
        const MINUTE: Duration = Duration::from_mins(1);
        let mut generations = self.lock();
        let entry = generations.find_or_add(Key::of(address)?);
        let until = entry.registrations_until.max(now) + MINUTE / REGISTRATIONS_PER_MINUTE;
        let excess = until.saturating_sub(now + MINUTE);
        if excess.is_zero() {
            entry.registrations_until = until;
            return None;
        }
        Some(excess)
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A cache in two maps: when the young one is full it replaces the old one, whose entries are forgotten. Each operation
/// takes constant time, even under a flood of addresses.
#[derive(Debug)]
struct Generations {
    young: HashMap<Key, Entry>,
    old: HashMap<Key, Entry>,
    capacity: usize,
}

impl Generations {
    fn find(&mut self, key: Key) -> Option<&mut Entry> {
        if let Some(entry) = self.old.remove(&key) {
            self.add(key, entry);
        }
        self.young.get_mut(&key)
    }

    fn find_or_add(&mut self, key: Key) -> &mut Entry {
        if let Some(entry) = self.old.remove(&key) {
            self.add(key, entry);
        } else if !self.young.contains_key(&key) {
            self.add(key, Entry::default());
        }
        self.young.entry(key).or_default()
    }

    fn add(&mut self, key: Key, entry: Entry) {
        if self.young.len() >= self.capacity {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn fail(limiter: &AddressLimiter, address: &str, now: Duration, times: u32) {
        for _ in 0..times {
            limiter.failed(address, now);
        }
    }

    #[test]
    fn an_address_is_delayed_after_fifty_failures() {
        let limiter = AddressLimiter::default();
        let address = "203.0.113.7";
        for _ in 0..50 {
            assert_eq!(limiter.retry_after(address, seconds(0)), None);
            limiter.failed(address, seconds(0));
        }
        assert_eq!(limiter.retry_after(address, seconds(0)), None);
        limiter.failed(address, seconds(0));
        assert_eq!(limiter.retry_after(address, seconds(0)), Some(seconds(1)));
        assert_eq!(limiter.retry_after(address, seconds(1)), None);
        limiter.failed(address, seconds(1));
        assert_eq!(limiter.retry_after(address, seconds(2)), Some(seconds(1)));
        assert_eq!(limiter.retry_after("203.0.113.8", seconds(2)), None);
    }

    #[test]
    fn one_of_many_simultaneous_log_ins_is_admitted_after_a_penalty() {
        let limiter = AddressLimiter::default();
        let address = "203.0.113.7";
        fail(&limiter, address, seconds(0), 55);
        let passed = (0..100)
            .filter(|_| limiter.retry_after(address, seconds(16)).is_none())
            .count();
        assert_eq!(passed, 1);
    }

    #[test]
    fn an_address_is_forgiven_with_time_and_never_locked_forever() {
        let limiter = AddressLimiter::default();
        let address = "203.0.113.7";
        fail(&limiter, address, seconds(0), 1_000_000);
        assert_eq!(limiter.retry_after(address, seconds(0)), Some(seconds(60)));
        assert_eq!(limiter.retry_after(address, seconds(60)), None);
        fail(&limiter, "203.0.113.8", seconds(0), 60);
        let later = seconds(60 * 6);
        for _ in 0..50 {
            assert_eq!(limiter.retry_after("203.0.113.8", later), None);
            limiter.failed("203.0.113.8", later);
        }
        assert_eq!(limiter.retry_after("203.0.113.8", later), None);
    }

    #[test]
    fn x080_changing_addresses_within_an_ipv6_network_does_not_help() {
        let limiter = AddressLimiter::default();
        for host in 0..52_u128 {
            let address =
                IpAddr::V6((0x2001_0db8_0000_0001_0000_0000_0000_0000 + host).into()).to_string();
            limiter.failed(&address, seconds(0));
        }
        assert!(
            limiter
                .retry_after("2001:db8:0:1:ffff::1", seconds(0))
                .is_some()
        );
        assert!(limiter.retry_after("2001:db8:0:2::1", seconds(0)).is_none());
    }

    #[test]
    fn a_mapped_ipv4_address_is_the_ipv4_address() {
        let limiter = AddressLimiter::default();
        fail(&limiter, "::ffff:203.0.113.7", seconds(0), 52);
        assert!(limiter.retry_after("203.0.113.7", seconds(0)).is_some());
        assert!(
            limiter
                .retry_after("::ffff:203.0.113.8", seconds(0))
                .is_none()
        );
    }

    #[test]
    fn after_thirty_registrations_the_wait_is_returned() {
        let limiter = AddressLimiter::default();
        let address = "203.0.113.7";
        for _ in 0..30 {
            assert_eq!(limiter.take(address, seconds(10)), None);
        }
        assert_eq!(limiter.take(address, seconds(10)), Some(seconds(2)));
        assert_eq!(limiter.take(address, seconds(12)), None);
        assert!(limiter.take(address, seconds(12)).is_some());
        assert_eq!(limiter.take("203.0.113.8", seconds(12)), None);
    }

    #[test]
    fn at_least_thirty_registrations_are_admitted_in_every_minute() {
        let limiter = AddressLimiter::default();
        let address = "203.0.113.7";
        for minute in 0..5 {
            let passed = (0..600)
                .filter(|tick| {
                    let now = seconds(minute * 60) + Duration::from_millis(tick * 100);
                    limiter.take(address, now).is_none()
                })
                .count();
            assert!((30..=60).contains(&passed), "minute {minute}: {passed}");
        }
    }

    #[test]
    fn x079_a_flood_of_addresses_takes_bounded_memory_and_evicts_the_oldest_first() {
        let limiter = AddressLimiter::with_capacity(100);
        let watched = "203.0.113.7";
        fail(&limiter, watched, seconds(0), 60);
        for number in 0..10_000_u32 {
            limiter.failed(&IpAddr::V4(number.into()).to_string(), seconds(0));
            if number % 50 == 0 {
                assert!(limiter.retry_after(watched, seconds(0)).is_some());
            }
        }
        let generations = limiter.lock();
        assert!(generations.young.len() <= 100 && generations.old.len() <= 100);
    }

    #[test]
    fn reading_unknown_addresses_takes_no_memory() {
        let limiter = AddressLimiter::default();
        for number in 1..1000_u32 {
            let address = IpAddr::V4(number.into()).to_string();
            assert_eq!(limiter.retry_after(&address, seconds(0)), None);
        }
        assert_eq!(limiter.lock().young.len(), 0);
    }

    #[test]
    fn callers_with_an_unknown_address_do_not_share_a_limit() {
        let limiter = AddressLimiter::default();
        for address in ["", "unknown", "0.0.0.0", "::", "203.0.113.7:80"] {
            fail(&limiter, address, seconds(0), 200);
            assert_eq!(limiter.retry_after(address, seconds(0)), None, "{address}");
        }
        assert_eq!(limiter.lock().young.len(), 0);
    }

    #[test]
    fn a_successful_log_in_subtracts_one_failure_only() {
        let limiter = AddressLimiter::default();
        fail(&limiter, "203.0.113.7", seconds(0), 55);
        limiter.succeeded("203.0.113.7");
        assert_eq!(
            limiter.retry_after("203.0.113.7", seconds(0)),
            Some(seconds(16))
        );
        limiter.succeeded("203.0.113.8");
        limiter.succeeded("unknown");
    }
}
