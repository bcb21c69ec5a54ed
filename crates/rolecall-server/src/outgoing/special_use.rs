//! Addresses and names that are not those of a public server (RFC 6890 and its registries, RFC 6761).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The networks of IPv4 that are not public: the first address, and the length of the prefix.
const IPV4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    // cloud providers answer at 169.254.169.254
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // multicast, and what was never given to anybody
    ([224, 0, 0, 0], 3),
];

/// The networks within the public part of IPv6 that are not public: the first two groups, and the length of the prefix.
const IPV6: &[(u32, u32)] = &[
    // protocol assignments, Teredo and ORCHID among them
    (0x2001_0000, 23),
    (0x2001_0db8, 32),
    // 6to4 leads to an address of IPv4
    (0x2002_0000, 16),
    (0x3fff_0000, 20),
];

/// Domains that are never those of a public server.
const DOMAINS: [&str; 5] = ["localhost", "local", "internal", "home.arpa", "onion"];

/// Returns true if `address` is of this machine, of a private network, or otherwise not of a public server.
pub(super) fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_special_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(embedded) => is_special_v4(embedded),
            None => is_special_v6(address),
        },
    }
}

/// Returns true if the name can only lead to such an address: one without a dot, or in a domain that is not public.
pub(super) fn is_special_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_in = |domain: &str| {
        let rest = name.strip_suffix(domain);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    !name.contains('.') || DOMAINS.iter().any(|domain| is_in(domain))
}

fn is_special_v4(address: Ipv4Addr) -> bool {
    let bits = u32::from(address);
    IPV4.iter().any(|(first, length)| {
        let mask = u32::MAX << (32 - length);
        bits & mask == u32::from(Ipv4Addr::from(*first))
    })
}

fn is_special_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let bits = u32::from(first) << 16 | u32::from(second);
    // only 2000::/3 is given out
    let is_public = bits >> 29 == 0b001;
    !is_public
        || IPV6.iter().any(|(first, length)| {
            let mask = u32::MAX << (32 - length);
            bits & mask == *first
        })
}

/// Returns the address of IPv4 that one of IPv6 stands for: a mapped one, or one behind a translator (RFC 6052).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let translated = match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        _ => None,
    };
    address.to_ipv4_mapped().or(translated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i105_i119_addresses_that_are_not_public_are_known_by_table() {
        for special in [
            "0.0.0.0",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2001:1ff:ffff::1",
            "2002:7f00:1::1",
            "3fff::1",
            "4000::1",
        ] {
            assert!(is_special(special.parse().unwrap()), "{special}");
        }
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2003::1",
            "2606:4700::1111",
            "3ffe:ffff::1",
        ] {
            assert!(!is_special(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn i105_names_that_are_not_public_are_known_by_table() {
        for special in [
            "localhost",
            "localhost.",
            "app.localhost",
            "printer.local",
            "metadata.google.internal",
            "nas.home.arpa",
            "relying-party",
        ] {
            assert!(is_special_name(special), "{special}");
        }
        for public in [
            "app.example",
            "local.example",
            "notlocalhost.example",
            "a.mylocal",
        ] {
            assert!(!is_special_name(public), "{public}");
        }
    }
}
