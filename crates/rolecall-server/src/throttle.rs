//! How fast guesses may come: per account, and per address.
//!
//! Everything here is pure or in memory, with the time as a parameter (a monotonic reading
//! since some fixed start). What must outlive a restart, the failures of an account, lies in
//! the database; a restart forgives addresses only.

mod turns;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use turns::{Turn, Turns};

/// Failures in a row after which an account takes no more passwords (NIST SP 800-63B-4
/// section 3.2.2).
pub const MAX_FAILURES: u32 = 100;

/// Failures in a row of an account that cost no delay.
const FREE_ACCOUNT_FAILURES: u32 = 5;

/// Failures of an address that cost no delay: many people may share one.
const FREE_ADDRESS_FAILURES: u32 = 50;

/// No single delay is longer.
const LONGEST_DELAY: Duration = Duration::from_mins(1);

/// One failure of an address is forgiven each time this has passed.
const FORGIVEN_EVERY: Duration = Duration::from_secs(6);

/// Registrations of an address that pass at once, and within each minute after that.
const REGISTRATIONS_PER_MINUTE: u32 = 30;

/// Addresses that are remembered, in each of two generations.
const GENERATION: usize = 50_000;

/// How long an account takes no password after its latest of `failures` in a row.
///
/// ```
/// use rolecall_server::throttle::account_delay;
///
/// assert_eq!(account_delay(5).as_secs(), 0);
/// assert_eq!(account_delay(6).as_secs(), 1);
/// assert_eq!(account_delay(99).as_secs(), 60);
/// ```
#[must_use]
pub fn account_delay(failures: u32) -> Duration {
    backoff(failures.saturating_sub(FREE_ACCOUNT_FAILURES))
}

/// Nothing, then a second that doubles each time up to [`LONGEST_DELAY`].
fn backoff(excess: u32) -> Duration {
    match excess {
        0 => Duration::ZERO,
        count => Duration::from_secs(1 << (count - 1).min(6)).min(LONGEST_DELAY),
    }
}

/// What [`client_key`] begins with; no address does.
const CLIENT: &str = "client ";

/// What wrong secrets of a client are counted under: the client as seen from one address, so that nobody
/// elsewhere can have it refused.
pub(crate) fn client_key(client_id: &str, address: &str) -> String {
    format!("{CLIENT}{client_id} {address}")
}

/// What is counted together: one IPv4 address, or one IPv6 network of 64 bits, since whoever
/// has one address of it has all.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Key {
    V4(u32),
    V6(u64),
    /// An OAuth client as seen from one address.
    Client(u64),
}

impl Key {
    /// `None` for what is no address, or the unspecified one: it is not known who calls, and
    /// all such callers must not share one limit.
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

/// What is known of one address.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    failures: u32,
    /// When `failures` was last brought up to date.
    counted_at: Duration,
    /// No log-in before this.
    blocked_until: Duration,
    /// When the registrations so far will all have been forgotten.
    registrations_until: Duration,
}

impl Entry {
    /// Takes off what has been forgiven since.
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

/// Limits what single addresses may do. Bounded: when very many addresses come, those that
/// were not seen for longest are forgotten. A caller whose address is not known is not
/// limited here, only per account.
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
        Self::remembering(GENERATION)
    }
}

impl AddressLimiter {
    fn remembering(capacity: usize) -> Self {
        Self {
            generations: Mutex::new(Generations {
                young: HashMap::new(),
                old: HashMap::new(),
                capacity,
            }),
        }
    }

    /// How long `address` must wait before it may try to log in; `None` if it may now. While
    /// it has a penalty, only one try passes each time the penalty is over, however many come
    /// at once.
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

    /// Counts a failed log-in of `address`. Gives how many of its failures are beyond those that cost no
    /// delay.
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

    /// Takes one failure off for a log-in that succeeded. Not all of them: whoever guesses may
    /// have an account too.
    pub fn succeeded(&self, address: &str) {
        let mut generations = self.lock();
        if let Some(entry) = Key::of(address).and_then(|key| generations.find(key)) {
            entry.failures = entry.failures.saturating_sub(1);
        }
    }

    /// Counts a registration from `address`; or, if there were too many within a minute, says
    /// how long to wait.
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

/// Two maps: when the young one is full it becomes the old one, and what the old one still
/// held is forgotten. Each operation takes constant time, even under a flood of addresses.
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

/// Counts the log-ins of each account that are being worked on, so that guesses that come
/// all at once cannot slip past a counter that is read before it is written.
#[derive(Clone, Debug, Default)]
pub struct InFlight {
    counts: Arc<Mutex<HashMap<String, u32>>>,
}

impl InFlight {
    /// Counts one more log-in of `account` until the guard is dropped.
    ///
    /// INVARIANT: enter first, then read the failures, then ask
    /// [`InFlightGuard::may_try`]; and write the failure before the guard is dropped. Then
    /// every other guess is either in the failures that were read or in the guard.
    pub fn enter(&self, account: &str) -> InFlightGuard {
        let mut counts = self.lock();
        let count = counts.entry(account.to_owned()).or_default();
        let before = *count;
        *count = count.saturating_add(1);
        InFlightGuard {
            in_flight: self.clone(),
            account: account.to_owned(),
            before,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One log-in that is being worked on.
#[derive(Debug)]
#[must_use = "the log-in is counted only while the guard lives"]
pub struct InFlightGuard {
    in_flight: InFlight,
    account: String,
    before: u32,
}

impl InFlightGuard {
    /// Whether this try is still within the limit, if the account has `failures` in a row:
    /// never more than [`MAX_FAILURES`] with those on the way, and one at a time once
    /// failures cost a delay.
    #[must_use]
    pub fn may_try(&self, failures: u32) -> bool {
        let alone = self.before == 0;
        failures.saturating_add(self.before) < MAX_FAILURES
            && (alone || account_delay(failures).is_zero())
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let mut counts = self.in_flight.lock();
        if let Some(count) = counts.get_mut(&self.account) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.account);
            }
        }
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
    fn the_delay_of_an_account_starts_after_five_and_stops_growing_at_a_minute() {
        let delays: Vec<u64> = (0..=14)
            .map(|failures| account_delay(failures).as_secs())
            .collect();
        assert_eq!(delays, [0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(account_delay(u32::MAX), seconds(60));
    }

    #[test]
    fn fifty_failures_of_an_address_cost_nothing_and_more_do() {
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
    fn a_burst_at_the_end_of_a_penalty_lets_one_pass() {
        let limiter = AddressLimiter::default();
        let address = "203.0.113.7";
        fail(&limiter, address, seconds(0), 55);
        let passed = (0..100)
            .filter(|_| limiter.retry_after(address, seconds(16)).is_none())
            .count();
        assert_eq!(passed, 1);
    }

    #[test]
    fn an_address_is_forgiven_with_time_and_never_locked_for_good() {
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
    fn thirty_registrations_a_minute_pass_and_then_the_answer_says_when() {
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
    fn in_no_minute_are_fewer_than_thirty_registrations_let_through() {
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
    fn x079_a_flood_of_addresses_takes_bounded_memory_and_forgets_the_oldest_first() {
        let limiter = AddressLimiter::remembering(100);
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
    fn looking_at_unknown_addresses_takes_no_memory() {
        let limiter = AddressLimiter::default();
        for number in 1..1000_u32 {
            let address = IpAddr::V4(number.into()).to_string();
            assert_eq!(limiter.retry_after(&address, seconds(0)), None);
        }
        assert_eq!(limiter.lock().young.len(), 0);
    }

    #[test]
    fn callers_whose_address_is_not_known_do_not_share_one_limit() {
        let limiter = AddressLimiter::default();
        for address in ["", "unknown", "0.0.0.0", "::", "203.0.113.7:80"] {
            fail(&limiter, address, seconds(0), 200);
            assert_eq!(limiter.retry_after(address, seconds(0)), None, "{address}");
        }
        assert_eq!(limiter.lock().young.len(), 0);
    }

    #[test]
    fn one_own_account_does_not_buy_more_guesses_than_it_costs() {
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

    #[test]
    fn x023_parallel_guesses_never_exceed_the_limit() {
        let in_flight = InFlight::default();
        let failures = Mutex::new(0_u32);
        let evaluated = Mutex::new(0_u32);
        std::thread::scope(|scope| {
            for _ in 0..400 {
                scope.spawn(|| {
                    let guard = in_flight.enter("alice");
                    let read = *failures.lock().unwrap();
                    if guard.may_try(read) {
                        *evaluated.lock().unwrap() += 1;
                        std::thread::yield_now();
                        *failures.lock().unwrap() += 1;
                    }
                    drop(guard);
                });
            }
        });
        assert!(*evaluated.lock().unwrap() <= MAX_FAILURES);
        assert!(in_flight.lock().is_empty());
    }

    #[test]
    fn one_at_a_time_once_failures_cost_a_delay() {
        let in_flight = InFlight::default();
        let first = in_flight.enter("alice");
        let second = in_flight.enter("alice");
        let other = in_flight.enter("bob");
        assert!(first.may_try(5) && second.may_try(5));
        assert!(first.may_try(6) && !second.may_try(6) && other.may_try(6));
        assert!(first.may_try(99) && !first.may_try(100) && !first.may_try(u32::MAX));
        drop(first);
        assert!(
            !second.may_try(6),
            "what it read may be older than the end of the first"
        );
        assert!(!in_flight.enter("alice").may_try(6));
    }
}
