//! Passkeys: what the database has of them, and the two ceremonies.

pub(crate) mod enrolment;
pub(crate) mod handlers;
pub(crate) mod proving;
pub(crate) mod store;

use std::net::IpAddr;

use rolecall_passkeys::{RelyingParty, UnusableOrigin};

use crate::{app::App, error::ApiError};

/// Returns this server as browsers know it.
///
/// # Errors
///
/// [`UnusableOrigin`] if browsers have no passkeys under its address.
pub(crate) fn relying_party(app: &App) -> Result<RelyingParty, UnusableOrigin> {
    RelyingParty::new(&with_name(&app.settings().public_url), &app.own_name())
}

/// Returns the host to which passkeys of a server at this URL belong.
pub(crate) fn host_of(public_url: &str) -> Result<String, UnusableOrigin> {
    let server = RelyingParty::new(&with_name(public_url), "")?;
    Ok(server.id().to_owned())
}

/// Browsers have no passkeys for addresses, and take `localhost` as secure without TLS. A server on a loopback address has
/// both names.
fn with_name(public_url: &str) -> String {
    let (scheme, rest) = public_url.split_once("://").unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    if !address.is_ok_and(|address: IpAddr| address.is_loopback()) {
        return public_url.to_owned();
    }
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    format!("{scheme}://localhost{port}")
}

/// Returns this server for a request, which is told the reason if there are no passkeys.
fn require(app: &App) -> Result<RelyingParty, ApiError> {
    relying_party(app).map_err(|reason| {
        let detail = format!("{reason}: change `public_url`");
        ApiError::rule("no_passkeys", detail, Vec::new())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_addresses_stand_for_localhost() {
        for (url, host) in [
            ("http://127.0.0.1:8000", Ok("localhost")),
            ("http://[::1]:8000", Ok("localhost")),
            ("http://127.0.0.1", Ok("localhost")),
            ("http://[::1]", Ok("localhost")),
            ("http://localhost:8000/auth", Ok("localhost")),
            ("https://login.example.com/auth", Ok("login.example.com")),
            ("https://192.0.2.1", Err(UnusableOrigin::IpAddress)),
            ("http://login.example.com", Err(UnusableOrigin::Insecure)),
        ] {
            let found = host_of(url);
            assert_eq!(found, host.map(str::to_owned), "{url}");
        }
    }
}
