//! The address of the client, behind trusted proxies.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Once;

use axum::extract::{ConnectInfo, FromRequestParts};
use http::HeaderMap;
use http::request::Parts;
use ipnet::IpNet;

/// The warning is written once, not for each request.
static WARN_OF_NO_ADDRESS: Once = Once::new();

/// The most hops that are examined.
const MAX_HOPS: usize = 32;

/// The address of the client.
///
/// [`super::wrap`] puts it into each request. As an extractor it never fails: without that layer it is the peer's
/// address, or `0.0.0.0` if that is unknown too, of which the log warns once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientAddress {
    text: String,
}

impl From<IpAddr> for ClientAddress {
    fn from(ip: IpAddr) -> Self {
        Self {
            text: ip.to_canonical().to_string(),
        }
    }
}

impl Default for ClientAddress {
    fn default() -> Self {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED).into()
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        if let Some(found) = parts.extensions.get::<Self>() {
            return Ok(found.clone());
        }
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(peer.map_or_else(Self::unknown, |ConnectInfo(peer)| peer.ip().into()))
    }
}

impl ClientAddress {
    /// Returns the address of a client that is not known, and warns of it once.
    pub(super) fn unknown() -> Self {
        WARN_OF_NO_ADDRESS.call_once(|| {
            tracing::warn!(
                "the addresses of clients are not known, so guesses of passwords are limited by account only: serve with \
                 `rolecall_server::serve`, or pass `app.into_make_service_with_connect_info::<SocketAddr>()` to `axum::serve`"
            );
        });
        Self::default()
    }

    /// The address as text, without a port.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the peer's address or, if the peer is a `trusted` proxy, the right-most entry of `X-Forwarded-For`
    /// that is not one. The client can forge all entries to the left of it.
    #[must_use]
    pub fn find(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
        let mut nearest = peer.to_canonical();
        let lines = headers.get_all("x-forwarded-for");
        let lines: Vec<&str> = lines.iter().map_while(|line| line.to_str().ok()).collect();
        // a line that is not text may hide entries, so that only the peer is certain
        if lines.len() != headers.get_all("x-forwarded-for").iter().count() {
            return nearest.into();
        }
        let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
        for hop in hops.take(MAX_HOPS) {
            if !is_trusted(nearest) {
                break;
            }
            match parse(hop.trim()) {
                Some(address) => nearest = address,
                None => break,
            }
        }
        nearest.into()
    }
}

/// Parses an address with or without a port; IPv6 can be in brackets.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']'));
    bare.unwrap_or(hop)
        .parse::<IpAddr>()
        .or_else(|_| hop.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn find(peer: &str, lines: &[&[u8]]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line).unwrap());
        }
        ClientAddress::find(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn x070_an_untrusted_peer_cannot_choose_its_address() {
        assert_eq!(find("203.0.113.9", &[b"198.51.100.1"]), "203.0.113.9");
        assert_eq!(
            find("2001:db8::1", &[b"198.51.100.1, 10.0.0.1"]),
            "2001:db8::1"
        );
        let headers = HeaderMap::from_iter([
            (
                "x-forwarded-for".parse().unwrap(),
                HeaderValue::from_static("198.51.100.1"),
            ),
            (
                "forwarded".parse().unwrap(),
                HeaderValue::from_static("for=198.51.100.1"),
            ),
            (
                "x-real-ip".parse().unwrap(),
                HeaderValue::from_static("198.51.100.1"),
            ),
        ]);
        let found = ClientAddress::find("203.0.113.9".parse().unwrap(), &headers, &[]);
        assert_eq!(found.to_string(), "203.0.113.9");
    }

    #[test]
    fn behind_a_trusted_proxy_the_right_most_untrusted_address_counts() {
        for (lines, client) in [
            (&[&b"198.51.100.1"[..]][..], "198.51.100.1"),
            (&[b"6.6.6.6, 198.51.100.1"], "198.51.100.1"),
            (&[b"6.6.6.6, 198.51.100.1, 10.1.1.1"], "198.51.100.1"),
            (
                &[b"6.6.6.6", b"198.51.100.1", b"10.1.1.1, fd00::7"],
                "198.51.100.1",
            ),
            (&[b"198.51.100.1:4711"], "198.51.100.1"),
            (&[b"[2001:db8::5]:4711"], "2001:db8::5"),
            (&[b"[2001:db8::5]"], "2001:db8::5"),
            (&[b"2001:db8::5"], "2001:db8::5"),
            (&[b"::ffff:198.51.100.1"], "198.51.100.1"),
        ] {
            assert_eq!(find("10.0.0.1", lines), client);
        }
    }

    #[test]
    fn an_unreadable_entry_ends_the_search_at_the_last_known_hop() {
        for (lines, client) in [
            (&[][..], "10.0.0.1"),
            (&[&b""[..]], "10.0.0.1"),
            (&[b"unknown"], "10.0.0.1"),
            (&[b"6.6.6.6, unknown, 10.1.1.1"], "10.1.1.1"),
            (&[b"6.6.6.6, "], "10.0.0.1"),
            (&[b"6.6.6.6", b"\xff"], "10.0.0.1"),
            (&[b"10.2.2.2, 10.1.1.1"], "10.2.2.2"),
        ] {
            assert_eq!(find("10.0.0.1", lines), client);
        }
    }

    #[test]
    fn a_mapped_ipv4_peer_is_recognized_as_a_proxy() {
        assert_eq!(find("::ffff:10.0.0.1", &[b"198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn a_header_with_too_many_hops_is_not_read_to_its_end() {
        let line = "10.0.0.2, ".repeat(10_000) + "10.0.0.3";
        let line = format!("198.51.100.1, {line}");
        assert_eq!(find("10.0.0.1", &[line.as_bytes()]), "10.0.0.2");
    }
}
