//! The addresses on which the server listens, and at which others reach it.

use std::net::SocketAddr;

use crate::config::{Config, origins};

pub(super) fn faults(config: &Config) -> Vec<String> {
    let mut faults = Vec::new();
    let local = config.listen.ip().is_loopback();
    if let Some(url) = &config.public_url {
        match Url::parse(url) {
            None => faults.push(format!(
                "`public_url`: `{url}` is not an address such as `https://login.example.com`, without user, query and fragment"
            )),
            Some(url_parts) if url_parts.encrypted || config.insecure_http => {}
            Some(url_parts) if url_parts.local && local => {}
            Some(_) => faults.push(format!(
                "`public_url`: passwords would cross the network unencrypted on `{url}`; put a proxy that ends TLS in front and set `public_url = \"https://...\"`, or accept the risk with `insecure_http = true`"
            )),
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
