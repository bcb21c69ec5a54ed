//! URLs that the server may call.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{Uri, uri::Authority};

use super::{
    allow::{Allowed, is_name},
    special_use::is_special_name,
};

/// A URL that may be called, as far as its text shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(super) uri: Uri,
}

/// The reason why a URL may not be called. The text follows the name of the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    #[error(
        "is not an absolute URL with a host, or has user info, a fragment, or a character that has to be encoded"
    )]
    NotUrl,
    #[error("has a port that is not among 1 to 65535")]
    NotPort,
    #[error("must begin with https; plain http is only for hosts that `outgoing.allow` names")]
    PlainHttp,
    #[error(
        "is at an address that is not public; if this server is to call it, name the host in `outgoing.allow`"
    )]
    SpecialUse,
}

/// The host of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Address(IpAddr),
    Name(String),
}

impl Host {
    /// Reads a host as a URL has it. Numbers in other forms than four decimal ones are no addresses here, and no names.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Address(address.into()));
        }
        match text.parse::<Ipv4Addr>() {
            Ok(address) => Some(Self::Address(address.into())),
            Err(_) => is_name(text).then(|| Self::Name(text.to_ascii_lowercase())),
        }
    }

    /// Returns true if `outgoing.allow` names the host.
    pub(super) fn is_named(&self, allowed: &Allowed) -> bool {
        match self {
            Self::Address(address) => allowed.covers(*address),
            Self::Name(name) => allowed.names(name),
        }
    }
}

/// Returns true if something stands after the host that is no port: it would be called as if there were none.
pub(crate) fn has_wrong_port(authority: &Authority) -> bool {
    let has_port = authority.as_str().len() > authority.host().len();
    has_port && authority.port_u16().is_none_or(|port| port == 0)
}

impl Target {
    /// Checks a URL without asking for the addresses of its host: they are checked at each call.
    ///
    /// # Errors
    ///
    /// [`TargetError`] if the server may not call it.
    pub(crate) fn check(url: &str, allowed: &Allowed) -> Result<Self, TargetError> {
        let is_clean = url.bytes().all(|byte| byte.is_ascii_graphic())
            && !url.contains(['#', '\\', '"', '<', '>', '{', '}', '`', '^', '|']);
        let uri: Option<Uri> = url.parse().ok().filter(|_| is_clean);
        let uri = uri.ok_or(TargetError::NotUrl)?;
        let is_secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(TargetError::NotUrl),
        };
        let authority = uri.authority().ok_or(TargetError::NotUrl)?;
        if authority.as_str().contains('@') || authority.as_str().ends_with(':') {
            return Err(TargetError::NotUrl);
        }
        if has_wrong_port(authority) {
            return Err(TargetError::NotPort);
        }
        let host = Host::parse(authority.host()).ok_or(TargetError::NotUrl)?;
        let is_public = match &host {
            Host::Address(address) => allowed.permits(*address),
            Host::Name(name) => !is_special_name(name) || allowed.names(name),
        };
        if !is_secure && !host.is_named(allowed) {
            return Err(TargetError::PlainHttp);
        }
        if !is_public {
            return Err(TargetError::SpecialUse);
        }
        Ok(Self { uri })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, entries: &[&str]) -> Result<(), TargetError> {
        let entries = entries.iter().map(|entry| entry.parse().unwrap()).collect();
        Target::check(url, &Allowed::new(entries)).map(drop)
    }

    #[test]
    fn m084_i105_i119_a_url_by_table() {
        use TargetError::{NotPort, NotUrl, PlainHttp, SpecialUse};
        for (url, expected) in [
            ("https://app.example/out", Ok(())),
            ("https://app.example:8443/out?a=b", Ok(())),
            ("https://1.1.1.1/out", Ok(())),
            ("http://app.example/out", Err(PlainHttp)),
            ("http://1.1.1.1/out", Err(PlainHttp)),
            ("http://127.0.0.1:8000/out", Err(PlainHttp)),
            ("https://127.0.0.1/out", Err(SpecialUse)),
            ("https://[::1]/out", Err(SpecialUse)),
            ("https://[::ffff:10.0.0.1]/out", Err(SpecialUse)),
            ("https://169.254.169.254/latest/meta-data", Err(SpecialUse)),
            ("https://10.0.0.1/out", Err(SpecialUse)),
            ("https://localhost/out", Err(SpecialUse)),
            ("https://LOCALHOST/out", Err(SpecialUse)),
            ("https://app/out", Err(SpecialUse)),
            ("https://app.internal/out", Err(SpecialUse)),
            // other ways to write 127.0.0.1
            ("https://2130706433/out", Err(NotUrl)),
            ("https://0x7f000001/out", Err(NotUrl)),
            ("https://127.1/out", Err(NotUrl)),
            ("https://0177.0.0.1/out", Err(NotUrl)),
            ("https://app.example/out#x", Err(NotUrl)),
            ("https://user@app.example/out", Err(NotUrl)),
            ("https://app.example@127.0.0.1/out", Err(NotUrl)),
            ("https://app.example\\@127.0.0.1/out", Err(NotUrl)),
            ("https://app.example:/out", Err(NotUrl)),
            ("https://app.example:65535/out", Ok(())),
            ("https://app.example:65536/out", Err(NotPort)),
            ("https://app.example:99999/out", Err(NotPort)),
            ("https://app.example:0/out", Err(NotPort)),
            ("https://1.1.1.1:99999/out", Err(NotPort)),
            ("https://[2606:4700::1]:99999/out", Err(NotPort)),
            ("https:///out", Err(NotUrl)),
            ("https://app.example/a b", Err(NotUrl)),
            ("ftp://app.example/out", Err(NotUrl)),
            ("javascript:alert(1)", Err(NotUrl)),
            ("/out", Err(NotUrl)),
            ("", Err(NotUrl)),
        ] {
            assert_eq!(check(url, &[]), expected, "{url}");
        }
    }

    #[test]
    fn i105_what_is_allowed_may_be_called_without_tls_too() {
        let allowed = ["app.internal", "10.0.0.0/8", "::1"];
        for url in [
            "http://app.internal:3000/out",
            "https://app.internal/out",
            "http://10.1.2.3/out",
            "http://[::1]:3000/out",
        ] {
            assert_eq!(check(url, &allowed), Ok(()), "{url}");
        }
        assert_eq!(
            check("http://other.internal/", &allowed),
            Err(TargetError::PlainHttp)
        );
        assert_eq!(
            check("https://192.168.0.1/", &allowed),
            Err(TargetError::SpecialUse)
        );
        assert_eq!(
            check("http://127.0.0.1/", &allowed),
            Err(TargetError::PlainHttp)
        );
    }
}
