//! The networks whose failures are counted together, and what each of them may cost.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::delay::backoff;

/// A network by its first address and the length of its prefix, or all addresses together.
///
/// One client usually has a whole IPv6 /64, often a /56 or a /48, and can rent more: a limit on single addresses would
/// only count how many of them it uses.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Network {
    /// An IPv4 network.
    V4(u32, u8),
    /// An IPv6 network; the upper half of the address.
    V6(u64, u8),
    /// All addresses.
    All,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(bits, length) => write!(f, "{}/{length}", Ipv4Addr::from_bits(*bits)),
            Self::V6(bits, length) => {
                let address = Ipv6Addr::from_bits(u128::from(*bits) << 64);
                write!(f, "{address}/{length}")
            }
            Self::All => f.write_str("all addresses"),
        }
    }
}

/// The limits on one network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    /// Failures that cause no delay; many users can share a network.
    pub(super) free: u32,
    /// The interval at which one failure is forgiven.
    pub(super) forgiven_every: Duration,
    /// The longest delay. The wider the network, the more strangers share it, and the sooner it goes on.
    pub(super) longest: Duration,
    /// Registrations at once, and in each minute after that.
    pub(super) registrations: u32,
}

impl Level {
    pub(super) fn penalty(&self, failures: u32) -> Duration {
        backoff(failures.saturating_sub(self.free)).min(self.longest)
    }
}

/// The networks that are counted for an address, by the length of their prefix, the narrowest first.
const V4: [(u8, Level); 2] = [
    (32, level(50, 6_000, 60_000, 30)),
    (24, level(500, 600, 6_000, 300)),
];
const V6: [(u8, Level); 4] = [
    (64, level(50, 6_000, 60_000, 30)),
    (56, level(100, 3_000, 30_000, 60)),
    (48, level(200, 1_500, 15_000, 120)),
    (32, level(2_000, 150, 2_000, 600)),
];

const fn level(free: u32, forgiven_every: u64, longest: u64, registrations: u32) -> Level {
    Level {
        free,
        forgiven_every: Duration::from_millis(forgiven_every),
        longest: Duration::from_millis(longest),
        registrations,
    }
}

/// Returns the networks of an address with their limits, the narrowest first. Returns none for the unspecified address
/// and for text that is no address: the caller is unknown, and unknown callers must not share one limit.
pub(super) fn networks(address: &str) -> impl Iterator<Item = (Network, Level)> + Clone {
    let address = address.parse::<IpAddr>().ok();
    let address = address.map(|address| address.to_canonical());
    let (v4, v6) = match address {
        Some(IpAddr::V4(address)) if !address.is_unspecified() => (Some(address.to_bits()), None),
        Some(IpAddr::V6(address)) if !address.is_unspecified() => {
            let upper = address.to_bits() >> 64;
            (None, u64::try_from(upper).ok())
        }
        _ => (None, None),
    };
    let v4 = v4.into_iter().flat_map(|bits| {
        V4.map(|(length, level)| {
            let mask = u32::MAX << (32 - length);
            (Network::V4(bits & mask, length), level)
        })
    });
    let v6 = v6.into_iter().flat_map(|bits| {
        V6.map(|(length, level)| {
            let mask = u64::MAX << (64 - length);
            (Network::V6(bits & mask, length), level)
        })
    });
    v4.chain(v6)
}

/// Returns the narrowest network that is counted for an address: what one client usually has.
pub(crate) fn nearest(address: &str) -> Option<Network> {
    networks(address).next().map(|(network, _)| network)
}

/// Returns the number of the queue in which an address waits for its turn: one for each IPv4 address and each IPv6 /48,
/// which one customer of a network can have.
pub(crate) fn network_lane(address: &str) -> u64 {
    let lane = networks(address).find_map(|(network, _)| match network {
        Network::V4(bits, 32) => Some(u64::from(bits)),
        // the lower 16 bits are free: no IPv4 address has the highest of these set
        Network::V6(bits, 48) => Some(bits | 1),
        _ => None,
    });
    lane.map_or(0, |lane| lane.saturating_add(1))
}

/// Returns `true` for two addresses of one client: the same one, or two of one IPv6 /64, of which a client takes
/// another one every day (RFC 8981).
pub(crate) fn is_same_place(one: &str, other: &str) -> bool {
    one == other || nearest(one).is_some_and(|network| nearest(other) == Some(network))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(address: &str) -> Vec<String> {
        let networks = networks(address);
        networks.map(|(network, _)| network.to_string()).collect()
    }

    #[test]
    fn an_address_counts_in_networks_of_several_sizes() {
        assert_eq!(shown("203.0.113.7"), ["203.0.113.7/32", "203.0.113.0/24"]);
        assert_eq!(shown("::ffff:203.0.113.7"), shown("203.0.113.7"));
        assert_eq!(
            shown("2001:db8:1:2ff:3::4"),
            [
                "2001:db8:1:2ff::/64",
                "2001:db8:1:200::/56",
                "2001:db8:1::/48",
                "2001:db8::/32"
            ]
        );
        for none in ["", "unknown", "0.0.0.0", "::", "203.0.113.7:80"] {
            assert_eq!(nearest(none), None, "{none}");
        }
    }

    #[test]
    fn y050_the_addresses_of_a_customer_wait_in_one_queue() {
        let lane = network_lane;
        assert_eq!(lane("2001:db8:1:2::3"), lane("2001:db8:1:ffff::1"));
        assert_ne!(lane("2001:db8:1::1"), lane("2001:db8:2::1"));
        assert_ne!(lane("203.0.113.7"), lane("203.0.113.8"));
        assert_eq!(lane("unknown"), 0);
        assert_ne!(lane("0.0.0.1"), 0);
    }

    #[test]
    fn addresses_of_one_client_are_the_same_place() {
        for (one, other, same) in [
            ("203.0.113.7", "203.0.113.7", true),
            ("203.0.113.7", "::ffff:203.0.113.7", true),
            ("203.0.113.7", "203.0.113.8", false),
            ("2001:db8::1", "2001:db8::2:3:4:5", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("0.0.0.0", "0.0.0.0", true),
            ("0.0.0.0", "::", false),
            ("", "unknown", false),
        ] {
            assert_eq!(is_same_place(one, other), same, "{one} and {other}");
        }
    }

    #[test]
    fn a_wider_network_may_fail_more_often_and_waits_less() {
        for levels in [&V4[..], &V6[..]] {
            for pair in levels.windows(2) {
                let [(_, narrow), (_, wide)] = pair else {
                    unreachable!()
                };
                assert!(narrow.free < wide.free && narrow.longest > wide.longest);
                assert!(narrow.forgiven_every > wide.forgiven_every);
                assert!(narrow.registrations < wide.registrations);
            }
        }
    }
}
