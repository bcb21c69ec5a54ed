//! Redirect URIs: which may be registered, and which a request may name (RFC 9700 section 2.1, RFC 8252 section 7).
//!
//! There are no patterns. A request names a registered URI byte for byte; only the port of a loopback address is free,
//! and only for native applications.

use std::{net::Ipv6Addr, num::NonZeroU16};

use super::sign_in::Application;

/// The loopback addresses of RFC 8252 section 7.3, and the name that many programs still use.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// Parameters of the answer, which a URI must not bring along.
const ANSWERED: [&str; 4] = ["code", "state", "iss", "error"];

/// The client that registers a URI, as far as the rules depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registrant {
    /// `None` if the client signs nobody in yet.
    pub(crate) application: Option<Application>,
    /// This server runs on a loopback address: so do the applications that somebody develops with it.
    pub(crate) is_local: bool,
}

/// Returns true if a client may register `uri`.
pub(crate) fn may_register(uri: &str, registrant: Registrant) -> bool {
    let Some((scheme, rest)) = uri.split_once(':').filter(|_| is_clean(uri)) else {
        return false;
    };
    let path = rest.split('?').next().unwrap_or_default();
    let authority = authority(rest);
    if has_dot_segment(path) || answers(rest) || authority.is_some_and(|host| host.contains('@')) {
        return false;
    }
    let is_native = registrant
        .application
        .is_none_or(|kind| kind == Application::Native);
    match (scheme, authority) {
        ("https", Some(host)) => is_host(host),
        ("http", Some(host)) => (is_native || registrant.is_local) && loopback(host).is_some(),
        (scheme, _) => is_native && is_own_scheme(scheme) && rest.len() > 1,
    }
}

/// Returns true if `uri` is an address on the web that programs may be sent to, in a form that all programs read alike.
pub(crate) fn is_https(uri: &str) -> bool {
    let rest = uri.strip_prefix("https:").filter(|_| is_clean(uri));
    rest.and_then(authority).is_some_and(is_host)
}

/// Returns true if this server's own address is on the machine of whoever uses it.
pub(crate) fn is_local(public_url: &str) -> bool {
    let rest = public_url.strip_prefix("http:");
    rest.and_then(authority).and_then(loopback).is_some()
}

/// Returns true if `uri` has no character, plain or encoded, that one program reads otherwise than another.
fn is_clean(uri: &str) -> bool {
    uri.bytes().all(|byte| byte.is_ascii_graphic())
        && !uri.contains(['#', '*', '\\', '"', '<', '>', '{', '}', '`', '^', '|'])
        && uri.split('%').skip(1).all(is_harmless)
}

/// Returns true if what follows a percent sign encodes neither a control character nor a backslash.
fn is_harmless(encoded: &str) -> bool {
    let digits = encoded
        .get(..2)
        .filter(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
    byte.is_some_and(|byte| !byte.is_ascii_control() && byte != b'\\')
}

/// Returns true for the name or address of a host, with or without a port.
fn is_host(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_name = |host: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        !host.is_empty() && host.bytes().all(fits)
    };
    port.is_none_or(is_port)
        && match is_address {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => is_name(host),
        }
}

/// Returns true for a port from 1 to 65535 in digits alone; `parse` accepts a sign too.
fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<NonZeroU16>().is_ok()
}

/// Returns true if a request may name `uri` because `registered` is one of its client's.
pub(crate) fn matches(registered: &str, uri: &str, application: Option<Application>) -> bool {
    if registered == uri {
        return true;
    }
    if application != Some(Application::Native) {
        return false;
    }
    match (without_port(registered), without_port(uri)) {
        (Some(registered), Some(uri)) => registered == uri,
        _ => false,
    }
}

/// Returns `uri` with parameters in its query. What the query had before stays.
pub(crate) fn with_parameters<'a>(
    uri: &str,
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    let separator = match uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{uri}{separator}{query}")
}

/// Returns true if any program on the machine of the user could receive what is sent to `uri`.
pub(crate) fn is_shared(uri: &str) -> bool {
    !uri.starts_with("https:")
}

/// Returns the source of `uri` for the `form-action` of a page: its origin, or its scheme where it has no origin.
pub(crate) fn form_action(uri: &str) -> String {
    let (scheme, rest) = uri.split_once(':').unwrap_or((uri, ""));
    match authority(rest).filter(|_| matches!(scheme, "http" | "https")) {
        Some(host) => format!("{scheme}://{host}"),
        None => format!("{scheme}:"),
    }
}

/// Returns the host of `uri`, or its scheme where it has none, to show to people.
pub(crate) fn shown_host(uri: &str) -> &str {
    let (scheme, rest) = uri.split_once(':').unwrap_or((uri, ""));
    let host = authority(rest).filter(|_| matches!(scheme, "http" | "https"));
    host.unwrap_or(scheme)
}

fn authority(rest: &str) -> Option<&str> {
    let rest = rest.strip_prefix("//")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    rest.get(..end)
}

/// Splits a loopback authority into its name and its port.
fn loopback(host: &str) -> Option<(&str, &str)> {
    LOOPBACK.iter().find_map(|name| {
        let port = host.strip_prefix(name)?;
        let digits = port.strip_prefix(':');
        let fits = port.is_empty() || digits.is_some_and(is_port);
        fits.then_some((*name, port))
    })
}

/// Returns a loopback URI as the text before its port and the text after it.
fn without_port(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http:")?;
    let (name, port) = loopback(authority(rest)?)?;
    let after = rest.get(2 + name.len() + port.len()..)?;
    Some((name, after))
}

/// A scheme of the application's own has a dot, as a reversed domain name has (RFC 8252 section 7.1).
fn is_own_scheme(scheme: &str) -> bool {
    scheme.contains('.')
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte))
}

/// Returns true for a path with `.` or `..` in it, plain, encoded or with a parameter after it.
fn has_dot_segment(path: &str) -> bool {
    path.split('/').any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        let name = plain.split(';').next().unwrap_or_default();
        matches!(name, "." | "..")
    }) || path.to_ascii_lowercase().contains("%2f")
}

/// Returns true if the query has a parameter that the answer has.
fn answers(rest: &str) -> bool {
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| ANSWERED.contains(&name.as_ref()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Application::{Browser, Native, Web};

    const KINDS: [Option<Application>; 4] = [None, Some(Web), Some(Native), Some(Browser)];

    fn may_register(uri: &str, application: Option<Application>) -> bool {
        let registrant = Registrant {
            application,
            is_local: false,
        };
        super::may_register(uri, registrant)
    }

    #[test]
    fn o058_i001_i004_m114_a_redirect_uri_that_leads_elsewhere_is_refused() {
        for wrong in [
            "http://app.example/cb",
            "http://localhost.evil.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1:port/cb",
            "http://127.0.0.1:65536/cb",
            "/cb",
            "cb",
            "",
            "https://",
            "https:cb",
            "https://*.app.example/cb",
            "https://app.example/cb#fragment",
            "https://user@app.example/cb",
            "https://app.example@evil.example/cb",
            "https://app.example/a b",
            "https://app.example\\@evil.example",
            "https://app.example%2eevil.example/cb",
            "https://app.example:port/cb",
            "https://app.example:+443/cb",
            "https://app.example:/cb",
            "https://[::1/cb",
            "https://app.example/%",
            "https://app.example/%zz",
            "https://app.example/%0d%0aLocation:x",
            "https://app.example/%5c",
            "com.example.app://user@host/cb",
            "http://127.0.0.1:+80/cb",
            "https://app.example/\u{e4}",
        ] {
            for kind in KINDS {
                assert!(!may_register(wrong, kind), "{wrong} {kind:?}");
            }
        }
    }

    #[test]
    fn i002_i005_i008_paths_schemes_and_queries_that_change_the_answer_are_refused() {
        for wrong in [
            "https://app.example/a/../cb",
            "https://app.example/a/..;x/cb",
            "https://app.example/%2e%2E/cb",
            "https://app.example/a%2Fb",
            "https://app.example/./cb",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            " javascript:alert(1)",
            "java\tscript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://app.example/x",
            "about:blank",
            "https://app.example/cb?code=1",
            "https://app.example/cb?a=b&state=1",
            "https://app.example/cb?%73tate=1",
            "https://app.example/cb?iss=x",
            "https://app.example/cb?error=x",
        ] {
            for kind in KINDS {
                assert!(!may_register(wrong, kind), "{wrong} {kind:?}");
            }
        }
    }

    #[test]
    fn a_server_on_this_machine_lets_applications_on_it_have_loopback_addresses() {
        let local = |uri: &str, kind| {
            let registrant = Registrant {
                application: Some(kind),
                is_local: true,
            };
            super::may_register(uri, registrant)
        };
        for kind in [Web, Browser] {
            assert!(local("http://localhost:3000/cb", kind));
            assert!(!local("http://app.example/cb", kind) && !local("com.example.app:/cb", kind));
            // the port stays the registered one
            assert!(!matches(
                "http://localhost:3000/cb",
                "http://localhost:1/cb",
                Some(kind)
            ));
        }
        for own in [
            "http://127.0.0.1:8000",
            "http://localhost",
            "http://[::1]:1/path",
        ] {
            assert!(is_local(own), "{own}");
        }
        for public in [
            "https://localhost",
            "http://localhost.evil.example",
            "https://id.example",
        ] {
            assert!(!is_local(public), "{public}");
        }
    }

    #[test]
    fn m061_only_https_starts_a_sign_in() {
        assert!(is_https("https://app.example/start?code=1") && is_https("https://[2001:db8::1]/"));
        for wrong in [
            "http://app.example/",
            "https:app.example",
            "https://",
            "https://a@b/",
            "x",
        ] {
            assert!(!is_https(wrong), "{wrong}");
        }
    }

    #[test]
    fn only_native_applications_have_loopback_addresses_and_schemes() {
        for uri in [
            "http://127.0.0.1:4711/cb",
            "http://127.0.0.1/cb",
            "http://localhost:3000/cb",
            "http://[::1]:80/cb",
            "com.example.app:/oauth",
        ] {
            assert!(
                may_register(uri, Some(Native)) && may_register(uri, None),
                "{uri}"
            );
            assert!(!may_register(uri, Some(Web)) && !may_register(uri, Some(Browser)));
        }
        for kind in KINDS {
            assert!(may_register("https://app.example/cb?a=b", kind));
        }
    }

    #[test]
    fn i001_i003_i009_i010_a_request_names_a_registered_uri_byte_for_byte() {
        let registered = "https://app.example.com/cb";
        for wrong in [
            "https://app.example.com@evil.example/cb",
            "https://app.example.com.evil.tld/cb",
            "https://app.example.com/cbx",
            "https://app.example.com/cb?x=1",
            "https://app.example.com/cb/",
            "https://app.example.com/cb/..;/x",
            "https://APP.example.com/cb",
            "https://app.example.com:443/cb",
            "http://app.example.com/cb",
        ] {
            for kind in [Web, Native, Browser] {
                assert!(!matches(registered, wrong, Some(kind)), "{wrong}");
            }
        }
        let loopback = "http://127.0.0.1/cb";
        assert!(matches(loopback, "http://127.0.0.1:4711/cb", Some(Native)));
        assert!(matches(
            "http://[::1]:1/cb",
            "http://[::1]/cb",
            Some(Native)
        ));
        for (wrong, kind) in [
            ("http://127.0.0.1:4711/cb", Web),
            ("http://localhost:4711/cb", Native),
            ("http://127.0.0.1.evil.tld:1/cb", Native),
            ("http://127.0.0.1:1/cb2", Native),
            ("https://127.0.0.1:1/cb", Native),
            ("http://127.0.0.1:x/cb", Native),
            ("http://127.0.0.1:1@evil.tld/cb", Native),
        ] {
            assert!(!matches(loopback, wrong, Some(kind)), "{wrong}");
        }
    }

    #[test]
    fn m103_a_port_is_from_1_to_65535() {
        for host in ["127.0.0.1", "[::1]", "localhost"] {
            let registered = format!("http://{host}/cb");
            for (port, is_one) in [("1", true), ("65535", true), ("0", false), ("00", false)] {
                let uri = format!("http://{host}:{port}/cb");
                assert_eq!(may_register(&uri, Some(Native)), is_one, "{uri}");
                assert_eq!(matches(&registered, &uri, Some(Native)), is_one, "{uri}");
            }
        }
        for kind in KINDS {
            assert!(!may_register("https://app.example:0/cb", kind), "{kind:?}");
        }
    }

    #[test]
    fn a_page_may_submit_to_the_origin_or_scheme_of_the_application() {
        for (uri, source, host) in [
            (
                "https://app.example/cb?x=1",
                "https://app.example",
                "app.example",
            ),
            (
                "http://127.0.0.1:4711/cb",
                "http://127.0.0.1:4711",
                "127.0.0.1:4711",
            ),
            (
                "com.example.app:/oauth",
                "com.example.app:",
                "com.example.app",
            ),
        ] {
            assert_eq!((form_action(uri).as_str(), shown_host(uri)), (source, host));
            assert_eq!(is_shared(uri), !uri.starts_with("https"));
        }
    }

    /// A model of the matching rule: split both URIs by hand, and compare all but the port.
    fn model(registered: &str, uri: &str, kind: Application) -> bool {
        let split = |uri: &str| {
            let rest = uri.strip_prefix("http://")?;
            let at = rest.find(['/', '?']).unwrap_or(rest.len());
            let (host, after) = rest.split_at(at);
            let (name, port) = match host.strip_prefix("[::1]") {
                Some(port) => ("[::1]", port),
                None => host.split_at(host.find(':').unwrap_or(host.len())),
            };
            let is_loopback = ["127.0.0.1", "[::1]", "localhost"].contains(&name);
            let digits = port.strip_prefix(':').unwrap_or("1");
            let is_port = digits.chars().all(|one| one.is_ascii_digit())
                && digits.parse::<u16>().is_ok_and(|port| port != 0);
            (is_loopback && is_port).then(|| (name.to_owned(), after.to_owned()))
        };
        let is_alike = || split(registered).is_some_and(|one| Some(one) == split(uri));
        registered == uri || (kind == Native && is_alike())
    }

    fn uris() -> impl Strategy<Value = String> {
        let scheme = prop_oneof![Just("http"), Just("https"), Just("com.example.app")];
        let host = prop_oneof![
            Just("127.0.0.1"),
            Just("[::1]"),
            Just("localhost"),
            Just("app.example"),
            Just("127.0.0.1.evil.example"),
            Just("127.0.0.1@evil.example"),
        ];
        let port = prop_oneof![
            Just(String::new()),
            Just(":x".to_owned()),
            Just(":".to_owned()),
            Just(":0".to_owned()),
            (0_u32..70_000).prop_map(|port| format!(":{port}")),
        ];
        let after = prop_oneof![
            Just(""),
            Just("/"),
            Just("/cb"),
            Just("/cb?a=b"),
            Just("/cb#f")
        ];
        (scheme, host, port, after)
            .prop_map(|(scheme, host, port, after)| format!("{scheme}://{host}{port}{after}"))
    }

    proptest! {
        #[test]
        fn i009_m134_m135_matching_is_the_model_s(registered in uris(), uri in uris(), kind in 0_usize..3) {
            let kind = [Web, Native, Browser][kind];
            prop_assert_eq!(matches(&registered, &uri, Some(kind)), model(&registered, &uri, kind));
        }

        #[test]
        fn what_may_be_registered_has_one_meaning_for_every_program(uri in "[ -~]{0,40}|(https|http|a\\.b)://[!-~]{0,30}") {
            if KINDS.into_iter().any(|kind| may_register(&uri, kind)) {
                let (scheme, rest) = uri.split_once(':').unwrap();
                prop_assert!(scheme == "https" || scheme == "http" || scheme.contains('.'));
                prop_assert!(!uri.contains(['#', '\\', '*', ' ']));
                let path = rest.split('?').next().unwrap_or_default();
                prop_assert!(path.split(['/', ';']).all(|segment| segment != ".."));
                prop_assert!(authority(rest).is_none_or(|host| !host.contains(['@', '%'])));
                // a URI parser reads the same host
                if let (Ok(parsed), "https") = (uri.parse::<http::Uri>(), scheme) {
                    prop_assert_eq!(parsed.authority().map(http::uri::Authority::as_str), authority(rest));
                }
            }
        }
    }
}
