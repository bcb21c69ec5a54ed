//! What `outgoing.allow` lets the server call beside public servers.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;

use super::special_use::is_special;

/// An entry of `outgoing.allow`: a host by its name, or a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedTarget {
    /// A name, in lower case. Whatever address it has is allowed.
    Host(String),
    /// A network, or one address.
    Network(IpNet),
}

impl fmt::Display for AllowedTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => f.write_str(name),
            Self::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                network.addr().fmt(f)
            }
            Self::Network(network) => network.fmt(f),
        }
    }
}

impl FromStr for AllowedTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        let bare = bare.unwrap_or(text);
        let address = || bare.parse::<IpAddr>().map(IpNet::from);
        if let Ok(network) = bare.parse::<IpNet>().or_else(|_| address()) {
            return Ok(Self::Network(network.trunc()));
        }
        if is_name(text) {
            return Ok(Self::Host(text.to_ascii_lowercase()));
        }
        Err(format!(
            "`{text}` is neither a host nor a network; write `app.internal`, `10.0.0.7` or `10.0.0.0/8`, without a scheme, a port and `*`"
        ))
    }
}

/// Returns true for the name of a host. One that ends in a number would be read as an address by some programs.
pub(super) fn is_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.starts_with(|first: char| first.is_ascii_digit());
    name.len() <= 253 && !is_number && name.split('.').all(is_label)
}

/// What `outgoing.allow` names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowed(Vec<AllowedTarget>);

impl Allowed {
    pub(crate) fn new(targets: Vec<AllowedTarget>) -> Self {
        Self(targets)
    }

    /// Also allows this machine, on which a developer runs the applications.
    #[cfg(feature = "cli")]
    pub(crate) fn add_loopback(&mut self) {
        let loopback = ["127.0.0.0/8", "::1", "localhost"];
        self.0
            .extend(loopback.into_iter().filter_map(|entry| entry.parse().ok()));
    }

    /// Returns true if `host` is named, whatever its addresses are.
    pub(super) fn names(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        self.0.iter().any(|target| match target {
            AllowedTarget::Host(name) => name.trim_end_matches('.').eq_ignore_ascii_case(host),
            AllowedTarget::Network(_) => false,
        })
    }

    /// Returns true if `address` is in a network that is named.
    pub(super) fn covers(&self, address: IpAddr) -> bool {
        // ::ffff:10.0.0.1 is 10.0.0.1
        let address = address.to_canonical();
        self.0.iter().any(|target| match target {
            AllowedTarget::Host(_) => false,
            AllowedTarget::Network(network) => network.contains(&address),
        })
    }

    /// Returns true if `address` may be called: it is public or named.
    pub(super) fn permits(&self, address: IpAddr) -> bool {
        !is_special(address) || self.covers(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(entries: &[&str]) -> Allowed {
        Allowed::new(entries.iter().map(|entry| entry.parse().unwrap()).collect())
    }

    #[test]
    fn an_entry_is_a_host_or_a_network_and_nothing_else() {
        for (text, shown) in [
            ("App.Internal", "app.internal"),
            ("localhost", "localhost"),
            ("10.0.0.7", "10.0.0.7"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("[::1]", "::1"),
            ("fd00::/8", "fd00::/8"),
        ] {
            let target: AllowedTarget = text.parse().unwrap();
            assert_eq!(target.to_string(), shown);
            assert_eq!(target.to_string().parse(), Ok(target));
        }
        for wrong in [
            "",
            "*",
            "*.internal",
            "https://app.internal",
            "app.internal:8080",
            "app.internal/x",
            "10.0.0.0/33",
            "10.0.0",
            "0x7f.1",
            "2130706433",
            "-a.example",
            "a..b",
            "m\u{fc}nchen.example",
        ] {
            let refused = wrong.parse::<AllowedTarget>().unwrap_err();
            assert!(refused.contains("10.0.0.0/8"), "{wrong}");
        }
    }

    #[test]
    fn i105_special_use_addresses_are_permitted_only_where_they_are_named() {
        let some = allowed(&["10.1.0.0/16", "::1", "app.internal"]);
        for (address, permitted) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("10.2.0.1", false),
            ("127.0.0.1", false),
            ("::1", true),
            ("169.254.169.254", false),
            ("1.1.1.1", true),
        ] {
            assert_eq!(
                some.permits(address.parse().unwrap()),
                permitted,
                "{address}"
            );
        }
        assert!(!some.covers("1.1.1.1".parse().unwrap()));
        assert!(some.names("APP.internal") && some.names("app.internal."));
        assert!(!some.names("x.app.internal") && !some.names("10.1.2.3"));
        let mut local = Allowed::default();
        assert!(!local.permits("::1".parse().unwrap()));
        local.add_loopback();
        assert!(local.permits("::1".parse().unwrap()) && local.names("localhost"));
        assert!(!local.permits("10.0.0.1".parse().unwrap()));
    }
}
