use std::net::Ipv4Addr;

use aws_lc_rs::digest::{SHA256, digest};
use thiserror::Error;

/// The server, as browsers and authenticators know it.
///
/// ```
/// use rolecall_passkeys::RelyingParty;
///
/// let server = RelyingParty::new("https://login.example.com:8443/auth", "Example")?;
/// assert_eq!(server.id(), "login.example.com");
/// assert_eq!(server.origin(), "https://login.example.com:8443");
/// # Ok::<(), rolecall_passkeys::UnusableOrigin>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    id: String,
    origin: String,
    name: String,
}

/// Browsers have no passkeys for such an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UnusableOrigin {
    /// The address has no scheme and host that could be read.
    #[error("passkeys need an address such as https://login.example.com")]
    Malformed,
    /// Browsers offer passkeys in secure contexts only.
    #[error("passkeys need https, except for http://localhost")]
    Insecure,
    /// A passkey belongs to a domain.
    #[error("passkeys need a host name: browsers have none for an IP address")]
    IpAddress,
}

impl RelyingParty {
    /// Returns the relying party of a server at this URL. The passkeys of its users are bound to the host: under another
    /// one they are useless. `name` may be shown by authenticators.
    ///
    /// # Errors
    ///
    /// [`UnusableOrigin`] if browsers have no passkeys for this address.
    pub fn new(url: &str, name: &str) -> Result<Self, UnusableOrigin> {
        let (scheme, rest) = url.split_once("://").ok_or(UnusableOrigin::Malformed)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.starts_with('[') {
            return Err(UnusableOrigin::IpAddress);
        }
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port.parse::<u16>())),
            None => (authority, None),
        };
        let port = port.transpose().map_err(|_| UnusableOrigin::Malformed)?;
        let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
        if host.is_empty() || !host.bytes().all(is_of_host) {
            return Err(UnusableOrigin::Malformed);
        }
        if host.parse::<Ipv4Addr>().is_ok() {
            return Err(UnusableOrigin::IpAddress);
        }
        let default_port = match scheme.as_str() {
            "https" => 443,
            "http" if host == "localhost" || host.ends_with(".localhost") => 80,
            "http" => return Err(UnusableOrigin::Insecure),
            _ => return Err(UnusableOrigin::Malformed),
        };
        let port = port.filter(|&port| port != default_port);
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        Ok(Self {
            origin: format!("{scheme}://{host}{port}"),
            id: host,
            name: name.to_owned(),
        })
    }

    /// Returns the relying party id: the host.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the origin that each answer must name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the name that authenticators may show.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn id_hash(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, self.id.as_bytes()).as_ref());
        hash
    }
}

fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}
