//! The SMTP server that takes the mails.

use std::net::IpAddr;

use http::Uri;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};

/// The port of `smtps`, and that of `smtp` (RFC 8314, RFC 6409).
const SMTPS_PORT: u16 = 465;
const SMTP_PORT: u16 = 587;

/// The encryption of a connection to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// From the first byte on.
    Tls,
    /// The connection is given up if the server does not offer it.
    StartTls,
    /// To this machine, or because the configuration says so.
    Plain,
}

/// The server and the login at it.
#[derive(Clone, Debug)]
pub(crate) struct SmtpServer {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) login: Option<(String, SecretString)>,
}

impl SmtpServer {
    /// Reads the address of a server. `is_insecure` allows a connection to another machine without encryption.
    ///
    /// # Errors
    ///
    /// A line for each fault. None of them quotes the URL, which may hold a password.
    pub(crate) fn parse(
        url: &SecretString,
        password: Option<&SecretString>,
        is_insecure: bool,
    ) -> Result<Self, String> {
        let shape = "`mail.url`: write `smtps://user@mail.example.com` or `smtp://user@mail.example.com:587`";
        let uri: Uri = url.expose_secret().parse().map_err(|_| shape.to_owned())?;
        let is_tls = match uri.scheme_str() {
            Some("smtps") => true,
            Some("smtp") => false,
            _ => return Err(shape.to_owned()),
        };
        let authority = uri.authority().ok_or(shape)?;
        let host = authority.host();
        if host.is_empty() || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(shape.to_owned());
        }
        // a port that is none is not there for `Uri`
        let (port, is_left_out) = (authority.port_u16(), authority.as_str().ends_with(host));
        if !is_left_out && port.is_none_or(|port| port == 0) {
            return Err("`mail.url`: the port must be a number from 1 to 65535".to_owned());
        }
        let login = authority.as_str().rsplit_once('@').map(|(login, _)| login);
        let login = login.map(|login| login_of(login, password)).transpose()?;
        if login.is_none() && password.is_some() {
            return Err(
                "`mail.password`: there is no user for it; write the user into `mail.url`, as in `smtps://user@mail.example.com`"
                    .to_owned(),
            );
        }
        let security = match (is_tls, is_insecure || is_loopback(host)) {
            (true, _) => Security::Tls,
            (false, false) => Security::StartTls,
            (false, true) => Security::Plain,
        };
        let usual = if is_tls { SMTPS_PORT } else { SMTP_PORT };
        Ok(Self {
            host: bare(host).to_owned(),
            port: port.unwrap_or(usual),
            security,
            login,
        })
    }
}

impl SmtpServer {
    /// Returns true if the server runs on this machine.
    pub(crate) fn is_local(&self) -> bool {
        is_loopback(&self.host)
    }
}

/// Reads user and password before the host.
fn login_of(
    login: &str,
    password: Option<&SecretString>,
) -> Result<(String, SecretString), String> {
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        text.map(std::borrow::Cow::into_owned)
            .map_err(|_| "`mail.url`: user and password must be UTF-8".to_owned())
    };
    let (user, in_url) = match login.split_once(':') {
        Some((user, password)) => (decoded(user)?, Some(decoded(password)?)),
        None => (decoded(login)?, None),
    };
    let password = match (in_url, password) {
        (Some(_), Some(_)) => {
            return Err(
                "`mail.password`: there is one in `mail.url` too; keep one of them".to_owned(),
            );
        }
        (Some(one), None) => SecretString::from(one),
        (None, Some(one)) => one.clone(),
        (None, None) => {
            return Err("`mail.password`: the user in `mail.url` needs one".to_owned());
        }
    };
    Ok((user, password))
}

fn bare(host: &str) -> &str {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host)
}

/// Returns true for the names and addresses of this machine.
fn is_loopback(host: &str) -> bool {
    let address = bare(host).parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str, password: Option<&str>, is_insecure: bool) -> Result<SmtpServer, String> {
        let password = password.map(SecretString::from);
        SmtpServer::parse(&SecretString::from(url), password.as_ref(), is_insecure)
    }

    #[test]
    fn y437_a_port_is_a_number_that_a_server_can_have() {
        for port in ["99999", "65536", "0", "", "-1", "587x"] {
            let fault = parse(&format!("smtp://mail.example:{port}"), None, false).unwrap_err();
            assert!(fault.starts_with("`mail.url`"), "{port}: {fault}");
        }
        for (url, port) in [
            ("smtps://mail.example:65535", 65535),
            ("smtps://a:1@mail.example", SMTPS_PORT),
            ("smtp://[::1]", SMTP_PORT),
            ("smtp://[::1]:25", 25),
        ] {
            assert_eq!(parse(url, None, false).unwrap().port, port, "{url}");
        }
    }

    #[expect(clippy::too_many_lines, reason = "a table")]
    #[test]
    fn a_server_elsewhere_is_reached_by_tls_alone() {
        for (url, is_insecure, host, port, security) in [
            (
                "smtps://mx.example",
                false,
                "mx.example",
                465,
                Security::Tls,
            ),
            (
                "smtps://mx.example:2465/",
                true,
                "mx.example",
                2465,
                Security::Tls,
            ),
            (
                "smtp://mx.example",
                false,
                "mx.example",
                587,
                Security::StartTls,
            ),
            (
                "smtp://mx.example:25",
                true,
                "mx.example",
                25,
                Security::Plain,
            ),
            (
                "smtp://localhost:25",
                false,
                "localhost",
                25,
                Security::Plain,
            ),
            (
                "smtp://127.0.0.1:25",
                false,
                "127.0.0.1",
                25,
                Security::Plain,
            ),
            ("smtp://[::1]:25", false, "::1", 25, Security::Plain),
            (
                "smtp://[2001:db8::1]",
                false,
                "2001:db8::1",
                587,
                Security::StartTls,
            ),
            // looks like this machine, and is another
            (
                "smtp://localhost.example",
                false,
                "localhost.example",
                587,
                Security::StartTls,
            ),
            (
                "smtp://127.0.0.1.example",
                false,
                "127.0.0.1.example",
                587,
                Security::StartTls,
            ),
        ] {
            let server = parse(url, None, is_insecure).unwrap();
            let found = (server.host.as_str(), server.port, server.security);
            assert_eq!(found, (host, port, security), "{url}");
            assert!(server.login.is_none());
        }
    }

    #[test]
    fn user_and_password_are_in_the_url_or_beside_it() {
        let login = |url, password| {
            let login = parse(url, password, false).unwrap().login.unwrap();
            (login.0, login.1.expose_secret().to_owned())
        };
        let both = ("a@b".to_owned(), "p:w/ü".to_owned());
        assert_eq!(login("smtps://a%40b:p%3Aw%2F%C3%BC@mx.example", None), both);
        assert_eq!(login("smtps://a%40b@mx.example", Some("p:w/ü")), both);
    }

    #[test]
    fn a_wrong_address_is_refused_without_being_shown() {
        for (url, password) in [
            ("", None),
            ("mx.example", None),
            ("https://canary@mx.example", None),
            ("smtp://", None),
            ("smtp://canary:pw@", None),
            ("smtp://canary@mx.example", None),
            ("smtp://canary:pw@mx.example", Some("canary")),
            ("smtp://canary:%ff@mx.example", None),
            ("smtp://mx.example/canary", None),
            ("smtp://mx.example?tls=canary", None),
            ("smtp://mx.example", Some("canary")),
        ] {
            let fault = parse(url, password, false).unwrap_err();
            assert!(
                fault.starts_with("`mail.") && !fault.contains("canary"),
                "{fault}"
            );
        }
    }
}
