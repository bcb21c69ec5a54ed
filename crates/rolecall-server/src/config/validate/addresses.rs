//! The addresses on which the server listens, and at which others reach it.

use std::net::SocketAddr;

use crate::{
    config::{Config, origins},
    outgoing::target::has_wrong_port,
};

/// The reason why clients cannot be told to use an address.
pub(crate) enum UrlFault {
    /// It is no address of a server.
    Form,
    /// Passwords would cross the network unencrypted.
    Unencrypted,
}

impl UrlFault {
    /// Describes the fault; the last two arguments say how to set another address, and how to accept the risk.
    pub(crate) fn describe(&self, url: &str, set: &str, accept: &str) -> String {
        match self {
            Self::Form => format!(
                "`{url}` is not an address such as `https://login.example.com`, without user, query and fragment"
            ),
            Self::Unencrypted => format!(
                "passwords would cross the network unencrypted on `{url}`; put a proxy that ends TLS in front and set `{set}`, or accept the risk with `{accept}`"
            ),
        }
    }
}

/// Checks the address under which clients reach a server. `local` if it listens on this machine only.
pub(crate) fn check_public_url(url: &str, local: bool, insecure: bool) -> Result<(), UrlFault> {
    match Url::parse(url) {
        None => Err(UrlFault::Form),
        Some(parts) if parts.encrypted || insecure || (parts.local && local) => Ok(()),
        Some(_) => Err(UrlFault::Unencrypted),
    }
}

pub(super) fn faults(config: &Config) -> Vec<String> {
    let mut faults = Vec::new();
    let local = config.listen.ip().is_loopback();
    if let Some(url) = &config.public_url {
        if let Err(fault) = check_public_url(url, local, config.insecure_http) {
            let (set, accept) = ("public_url = \"https://...\"", "insecure_http = true");
            faults.push(format!(
                "`public_url`: {}",
                fault.describe(url, set, accept)
            ));
        }
    } else if !local && !config.insecure_http {
        faults.push(format!(
            "`listen`: {} can be reached from other machines, and passwords would cross the network unencrypted; put a proxy that ends TLS in front and set `public_url = \"https://...\"`, or accept the risk with `insecure_http = true`",
            config.listen
        ));
    } else if config.tokens.issuer.is_none() {
        let error = config.issuer().err();
        faults.extend(error.iter().flat_map(|error| error.faults().to_vec()));
    }
    if config
        .metrics
        .listen
        .is_some_and(|metrics| overlap(metrics, config.listen))
    {
        faults.push(format!(
            "`metrics.listen`: the API listens on {} already; choose another port, which only Prometheus can reach",
            config.listen
        ));
    }
    faults.extend(
        config
            .cors
            .allowed_origins
            .iter()
            .filter_map(|origin| origins::fault(origin)),
    );
    faults
}

/// Returns whether two listeners would use the same port. Port 0 means any free port.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let (first, second) = (one.ip(), other.ip());
    let same = first == second || first.is_unspecified() || second.is_unspecified();
    same && one.port() == other.port() && one.port() != 0
}

/// The properties of an http or https address that the checks need.
struct Url {
    encrypted: bool,
    local: bool,
}

impl Url {
    fn parse(text: &str) -> Option<Self> {
        if text.contains(['#', '?', '@', '*', '\\']) {
            return None;
        }
        let uri: http::Uri = text.parse().ok()?;
        let encrypted = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?;
        if has_wrong_port(uri.authority()?) {
            return None;
        }
        let ip = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<std::net::IpAddr>();
        let local = ip.map_or_else(
            |_| host == "localhost" || host.ends_with(".localhost"),
            |ip| ip.is_loopback(),
        );
        Some(Self { encrypted, local })
    }
}
