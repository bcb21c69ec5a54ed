//! Limits per address, per network and for all addresses together.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::network::{Level, Network, networks};

/// Entries in each of the two generations.
const GENERATION: usize = 50_000;

/// The failures of all addresses together that cause no delay, in minutes of [`Budget::per_minute`].
const FREE_MINUTES: u32 = 10;

/// The subject of a limit: an address, or an OAuth client at an address, so that failures from elsewhere do not block
/// it.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    address: &'a str,
    client: Option<&'a str>,
}

impl<'a> Source<'a> {
    /// A client at an address.
    #[must_use]
    pub const fn client(client: &'a str, address: &'a str) -> Self {
        Self {
            address,
            client: Some(client),
        }
    }
}

impl<'a> From<&'a str> for Source<'a> {
    fn from(address: &'a str) -> Self {
        Self {
            address,
            client: None,
        }
    }
}

/// The failures of all addresses together.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Failures that are forgiven in a minute. Ten minutes' worth of them causes no delay.
    pub per_minute: u32,
}

impl Budget {
    fn level(self) -> Level {
        let per_minute = self.per_minute.max(1);
        let every = Duration::from_mins(1) / per_minute;
        Level {
            free: per_minute.saturating_mul(FREE_MINUTES),
            forgiven_every: every,
            // as many strangers go on as failures are forgiven: a flood must not stop everybody
            longest: every,
            registrations: u32::MAX,
        }
    }
}

/// A network with failures that cause a delay.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Excess {
    /// The network.
    pub network: Network,
    /// The number of its failures that cause a delay.
    pub failures: u32,
}

/// The key of an entry: a network, alone or with a client or an account.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Key {
    network: Network,
    about: Option<u64>,
}

/// The state of one key.
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
    fn forgive(&mut self, level: &Level, now: Duration) {
        let passed = now.saturating_sub(self.counted_at);
        let every = level.forgiven_every.as_nanos().max(1);
        let forgiven = u32::try_from(passed.as_nanos() / every).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_sub(forgiven);
        if self.failures == 0 {
            self.counted_at = now;
        } else {
            self.counted_at += level.forgiven_every * forgiven;
        }
    }

    fn fail(&mut self, level: &Level, now: Duration) {
        self.forgive(level, now);
        self.failures = self.failures.saturating_add(1);
        let until = now + level.penalty(self.failures);
        self.blocked_until = self.blocked_until.max(until);
    }
}

/// Limits log-ins and registrations per address, per network and altogether. Memory is bounded: with very many
/// addresses, the least recently used ones are forgotten. A caller with an unknown address is only limited per account.
///
/// ```
/// use std::time::Duration;
/// use rolecall_server::throttle::AddressLimiter;
///
/// let limiter = AddressLimiter::default();
/// let (address, now) = ("203.0.113.7", Duration::ZERO);
/// for _ in 0..51 {
///     assert_eq!(limiter.retry_after(address, now), None);
///     limiter.failed(address, "alice", now);
/// }
/// assert_eq!(limiter.retry_after(address, now), Some(Duration::from_secs(1)));
/// ```
#[derive(Debug)]
pub struct AddressLimiter {
    state: Mutex<State>,
    hasher: RandomState,
    budget: Option<Level>,
}

#[derive(Debug)]
struct State {
    networks: Generations,
    /// The part of the failures of a narrowest network that each account has: what a success of it forgives.
    accounts: Generations,
    all: Entry,
}

impl Default for AddressLimiter {
    fn default() -> Self {
        Self::with_capacity(GENERATION)
    }
}

impl AddressLimiter {
    /// Also limits the failures of all addresses together.
    #[must_use]
    pub fn with_budget(budget: Budget) -> Self {
        Self {
            budget: Some(budget.level()),
            ..Self::default()
        }
    }

    fn with_capacity(capacity: usize) -> Self {
        Self {
            state: Mutex::new(State {
                networks: Generations::new(capacity),
                accounts: Generations::new(capacity),
                all: Entry::default(),
            }),
            hasher: RandomState::new(),
            budget: None,
        }
    }

    /// Returns how long `source` must wait before it may log in; `None` if it may log in now. While one of its networks
    /// has a penalty, only one log-in is admitted each time the penalty ends.
    #[must_use]
    pub fn retry_after<'a>(
        &self,
        source: impl Into<Source<'a>>,
        now: Duration,
    ) -> Option<Duration> {
        let keys = self.keys(source.into());
        let mut state = self.lock();
        let mut longest = Duration::ZERO;
        for (key, _) in keys.clone() {
            if let Some(entry) = state.networks.find(key) {
                longest = longest.max(entry.blocked_until.saturating_sub(now));
            }
        }
        let budget = self.budget.filter(|_| keys.clone().next().is_some());
        if budget.is_some() {
            longest = longest.max(state.all.blocked_until.saturating_sub(now));
        }
        if !longest.is_zero() {
            return Some(longest);
        }
        for (key, level) in keys {
            if let Some(entry) = state.networks.find(key) {
                entry.forgive(&level, now);
                entry.blocked_until = now + level.penalty(entry.failures);
            }
        }
        if let Some(level) = budget {
            state.all.forgive(&level, now);
            state.all.blocked_until = now + level.penalty(state.all.failures);
        }
        None
    }

    /// Counts a failed log-in to `account`. Returns the networks whose failures cause a delay, the narrowest first.
    pub fn failed<'a>(
        &self,
        source: impl Into<Source<'a>>,
        account: &str,
        now: Duration,
    ) -> Vec<Excess> {
        let mut keys = self.keys(source.into()).peekable();
        let Some((nearest, level)) = keys.peek().copied() else {
            return Vec::new();
        };
        let mut state = self.lock();
        let account = self.account_key(nearest, account);
        state.accounts.find_or_add(account).fail(&level, now);
        let mut exceeded = Vec::new();
        let mut fail = |network, entry: &mut Entry, level: &Level| {
            entry.fail(level, now);
            let failures = entry.failures.saturating_sub(level.free);
            if failures > 0 {
                exceeded.push(Excess { network, failures });
            }
        };
        for (key, level) in keys {
            fail(key.network, state.networks.find_or_add(key), &level);
        }
        if let Some(level) = &self.budget {
            fail(Network::All, &mut state.all, level);
        }
        exceeded
    }

    /// Forgives, for a successful log-in, what failed at `account` from the same address, and nothing else: an attacker
    /// can have an account too.
    pub fn succeeded<'a>(&self, source: impl Into<Source<'a>>, account: &str, now: Duration) {
        let mut keys = self.keys(source.into()).peekable();
        let Some((nearest, level)) = keys.peek().copied() else {
            return;
        };
        let mut state = self.lock();
        let Some(own) = state.accounts.remove(self.account_key(nearest, account)) else {
            return;
        };
        let mut own = own;
        own.forgive(&level, now);
        for (key, level) in keys {
            if let Some(entry) = state.networks.find(key) {
                entry.forgive(&level, now);
                entry.failures = entry.failures.saturating_sub(own.failures);
            }
        }
        if let Some(level) = &self.budget {
            state.all.forgive(level, now);
            state.all.failures = state.all.failures.saturating_sub(own.failures);
        }
    }

    /// Counts a registration from `address`, or returns how long it must wait if there were too many.
    #[must_use]
    pub fn take(&self, address: &str, now: Duration) -> Option<Duration> {
        self.take_of(1, address, now)
    }

    /// Counts something else that strangers may do so many times as often as register.
    #[must_use]
    pub(crate) fn take_of(&self, times: u32, address: &str, now: Duration) -> Option<Duration> {
        const MINUTE: Duration = Duration::from_mins(1);
        let keys = self.keys(address.into());
        let mut state = self.lock();
        let mut excess = Duration::ZERO;
        for (key, level) in keys.clone() {
            let taken = state.networks.find_or_add(key).registrations_until.max(now);
            let until = taken + MINUTE / level.registrations.saturating_mul(times);
            excess = excess.max(until.saturating_sub(now + MINUTE));
        }
        if !excess.is_zero() {
            return Some(excess);
        }
        for (key, level) in keys {
            let entry = state.networks.find_or_add(key);
            let taken = entry.registrations_until.max(now);
            entry.registrations_until = taken + MINUTE / level.registrations.saturating_mul(times);
        }
        None
    }

    fn keys(&self, source: Source<'_>) -> impl Iterator<Item = (Key, Level)> + Clone {
        let about = source.client.map(|client| self.hasher.hash_one(client));
        networks(source.address).map(move |(network, level)| (Key { network, about }, level))
    }

    fn account_key(&self, nearest: Key, account: &str) -> Key {
        Key {
            about: Some(self.hasher.hash_one((nearest.about, account))),
            ..nearest
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn new(capacity: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            capacity,
        }
    }

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

    fn remove(&mut self, key: Key) -> Option<Entry> {
        self.young.remove(&key).or_else(|| self.old.remove(&key))
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
    use std::net::IpAddr;

    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn fail(limiter: &AddressLimiter, address: &str, now: Duration, times: u32) {
        for _ in 0..times {
            limiter.failed(address, "alice", now);
        }
    }

    #[test]
    fn an_address_is_delayed_after_fifty_failures() {
        let limiter = AddressLimiter::default();
        let address = "203.0.113.7";
        for _ in 0..50 {
            assert_eq!(limiter.retry_after(address, seconds(0)), None);
            limiter.failed(address, "alice", seconds(0));
        }
        assert_eq!(limiter.retry_after(address, seconds(0)), None);
        limiter.failed(address, "alice", seconds(0));
        assert_eq!(limiter.retry_after(address, seconds(0)), Some(seconds(1)));
        assert_eq!(limiter.retry_after(address, seconds(1)), None);
        limiter.failed(address, "alice", seconds(1));
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
        fail(&limiter, "198.51.100.8", seconds(0), 60);
        let later = seconds(60 * 6);
        for _ in 0..50 {
            assert_eq!(limiter.retry_after("198.51.100.8", later), None);
            limiter.failed("198.51.100.8", "alice", later);
        }
        assert_eq!(limiter.retry_after("198.51.100.8", later), None);
    }

    #[test]
    fn x080_changing_addresses_within_an_ipv6_network_does_not_help() {
        let limiter = AddressLimiter::default();
        for host in 0..52_u128 {
            let address =
                IpAddr::V6((0x2001_0db8_0000_0001_0000_0000_0000_0000 + host).into()).to_string();
            limiter.failed(address.as_str(), "alice", seconds(0));
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
            let address = IpAddr::V4(number.into()).to_string();
            limiter.failed(address.as_str(), "alice", seconds(0));
            if number % 50 == 0 {
                assert!(limiter.retry_after(watched, seconds(0)).is_some());
            }
        }
        let state = limiter.lock();
        for generations in [&state.networks, &state.accounts] {
            assert!(generations.young.len() <= 100 && generations.old.len() <= 100);
        }
    }

    #[test]
    fn reading_unknown_addresses_takes_no_memory() {
        let limiter = AddressLimiter::default();
        for number in 1..1000_u32 {
            let address = IpAddr::V4(number.into()).to_string();
            assert_eq!(limiter.retry_after(address.as_str(), seconds(0)), None);
        }
        assert_eq!(limiter.lock().networks.young.len(), 0);
    }

    #[test]
    fn callers_with_an_unknown_address_do_not_share_a_limit() {
        let limiter = AddressLimiter::default();
        for address in ["", "unknown", "0.0.0.0", "::", "203.0.113.7:80"] {
            fail(&limiter, address, seconds(0), 200);
            assert_eq!(limiter.retry_after(address, seconds(0)), None, "{address}");
        }
        assert_eq!(limiter.lock().networks.young.len(), 0);
    }

    #[test]
    fn y040_a_success_forgives_only_what_its_own_account_failed() {
        let limiter = AddressLimiter::default();
        let address = "203.0.113.7";
        // an attacker logs in to an account of their own after each guess at another
        for round in 0..52 {
            assert_eq!(limiter.retry_after(address, seconds(0)), None, "{round}");
            limiter.failed(address, "alice", seconds(0));
            limiter.succeeded(address, "mallory", seconds(0));
            if round == 50 {
                break;
            }
        }
        assert_eq!(limiter.retry_after(address, seconds(0)), Some(seconds(1)));
        // a user who mistypes and then remembers leaves nothing behind
        let other = "203.0.113.8";
        for _ in 0..100 {
            limiter.failed(other, "bob", seconds(0));
            limiter.succeeded(other, "bob", seconds(0));
        }
        assert_eq!(limiter.retry_after(other, seconds(0)), None);
        limiter.succeeded("unknown", "bob", seconds(0));
    }

    #[test]
    fn y040_a_success_never_forgives_what_time_has_forgiven() {
        let limiter = AddressLimiter::default();
        let address = "203.0.113.7";
        fail(&limiter, address, seconds(0), 40);
        for _ in 0..20 {
            limiter.failed(address, "mallory", seconds(0));
        }
        // ten of everybody's failures were forgiven, of each account's own too
        limiter.succeeded(address, "mallory", seconds(60));
        let key = limiter.keys(address.into()).next().unwrap().0;
        assert_eq!(limiter.lock().networks.find(key).unwrap().failures, 40);
    }

    #[test]
    fn y041_new_networks_of_one_larger_network_do_not_help() {
        let limiter = AddressLimiter::default();
        let mut evaluated = 0;
        for network in 0..100_u128 {
            for host in 0..40_u128 {
                let bits = 0x2001_0db8_0001_0000_0000_0000_0000_0000 + (network << 64) + host;
                let address = IpAddr::V6(bits.into()).to_string();
                if limiter.retry_after(address.as_str(), seconds(0)).is_none() {
                    limiter.failed(address.as_str(), "alice", seconds(0));
                    evaluated += 1;
                }
            }
        }
        assert!(evaluated <= 201, "{evaluated} of 4000 guesses from one /48");
        assert_eq!(limiter.retry_after("2001:db8:2::1", seconds(0)), None);
    }

    #[test]
    fn y041_all_addresses_together_have_a_budget_and_nobody_waits_for_long() {
        let limiter = AddressLimiter::with_budget(Budget { per_minute: 60 });
        for number in 0..602_u32 {
            let address = IpAddr::V4((0x0a00_0000 + (number << 8)).into()).to_string();
            limiter.failed(address.as_str(), "alice", seconds(0));
        }
        assert_eq!(
            limiter.retry_after("203.0.113.7", seconds(0)),
            Some(seconds(1))
        );
        assert_eq!(limiter.retry_after("203.0.113.7", seconds(1)), None);
        assert_eq!(
            limiter.retry_after("203.0.113.8", seconds(1)),
            Some(seconds(1))
        );
        assert_eq!(limiter.retry_after("unknown", seconds(1)), None);
        assert_eq!(limiter.retry_after("203.0.113.8", seconds(60)), None);
        assert_eq!(limiter.retry_after("203.0.113.9", seconds(60)), None);
    }

    #[test]
    fn y041_the_exceeded_networks_are_named_the_narrowest_first() {
        let limiter = AddressLimiter::default();
        fail(&limiter, "2001:db8::1", seconds(0), 100);
        let exceeded = limiter.failed("2001:db8::1", "alice", seconds(0));
        let exceeded: Vec<_> = exceeded
            .iter()
            .map(|one| (one.network.to_string(), one.failures))
            .collect();
        assert_eq!(
            exceeded,
            [
                ("2001:db8::/64".to_owned(), 51),
                ("2001:db8::/56".to_owned(), 1)
            ]
        );
    }

    #[test]
    fn y041_a_client_is_limited_by_network_too_and_apart_from_others() {
        let limiter = AddressLimiter::default();
        for host in 0..52 {
            let address = format!("2001:db8::{host:x}");
            limiter.failed(Source::client("one", &address), "one", seconds(0));
        }
        let blocked = |client, address| {
            let source = Source::client(client, address);
            limiter.retry_after(source, seconds(0)).is_some()
        };
        assert!(blocked("one", "2001:db8::ffff"));
        assert!(!blocked("two", "2001:db8::ffff"));
        assert!(!blocked("one", "2001:db8:0:1::1"));
        assert!(limiter.retry_after("2001:db8::1", seconds(0)).is_none());
    }

    proptest::proptest! {
        #[test]
        fn y040_no_success_of_other_accounts_ever_admits_more(
            steps in proptest::collection::vec((0_u64..20, 0_usize..3, proptest::bool::ANY), 1..300)
        ) {
            // the same failures of `alice`, with and without everything that the other accounts do
            let (mixed, alone) = (AddressLimiter::default(), AddressLimiter::default());
            let address = "203.0.113.7";
            let mut now = Duration::ZERO;
            for (pause, account, success) in steps {
                now += Duration::from_secs(pause);
                let name = ["alice", "bob", "carl"][account];
                if name == "alice" {
                    mixed.failed(address, name, now);
                    alone.failed(address, name, now);
                } else if success {
                    mixed.succeeded(address, name, now);
                } else {
                    mixed.failed(address, name, now);
                }
                let failures = |limiter: &AddressLimiter| {
                    let (key, level) = limiter.keys(address.into()).next().unwrap();
                    let mut state = limiter.lock();
                    let entry = state.networks.find_or_add(key);
                    entry.forgive(&level, now);
                    entry.failures
                };
                // the two may be forgiven a moment apart
                proptest::prop_assert!(failures(&mixed) + 1 >= failures(&alone));
            }
        }
    }
}
