//! Cookies of the pages (RFC 6265).
//!
//! Their names begin with `__Host-`, so that browsers take them only over HTTPS, from this host, for every path. Browsers
//! treat a loopback address as secure. Elsewhere over plain HTTP, which an operator has to allow, no browser would keep
//! such a cookie: there the name has no prefix and the cookie is not marked as secure.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

/// The cookies of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// Somebody who is signing in.
    Flow,
    /// Somebody who is signed in.
    Session,
    /// A device from which an account was used before.
    Device,
    /// A device on which no second factor is asked for.
    Remembered,
    /// The language of the pages.
    Language,
    /// The tenant in which an administrator acts on the pages.
    AdminTenant,
    /// A form that was filled in before a sign-in.
    KeptForm,
}

impl Cookie {
    const fn name(self) -> &'static str {
        match self {
            Self::Flow => "__Host-rolecall-flow",
            Self::Session => "__Host-rolecall-session",
            Self::Device => "__Host-rolecall-device",
            Self::Remembered => "__Host-rolecall-remembered",
            Self::Language => "__Host-rolecall-language",
            Self::AdminTenant => "__Host-rolecall-admin-tenant",
            Self::KeptForm => "__Host-rolecall-kept-form",
        }
    }
}

/// Reads and writes cookies for the address under which browsers reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CookieJar {
    is_secure: bool,
}

impl CookieJar {
    /// Returns the jar for pages at `public_url`.
    pub(crate) fn of(public_url: &str) -> Self {
        let host = public_url.strip_prefix("http://");
        let is_loopback = |host: &str| {
            let end = host.find(['/', '?']).unwrap_or(host.len());
            let host = host.get(..end).unwrap_or_default();
            let name = match host.rsplit_once(':') {
                Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
                _ => host,
            };
            matches!(name, "127.0.0.1" | "localhost" | "[::1]")
        };
        Self {
            is_secure: host.is_none_or(is_loopback),
        }
    }

    /// Returns true where browsers take the pages for secure.
    pub(crate) fn is_secure(self) -> bool {
        self.is_secure
    }

    fn name(self, cookie: Cookie) -> &'static str {
        let name = cookie.name();
        if self.is_secure {
            return name;
        }
        name.strip_prefix("__Host-").unwrap_or(name)
    }

    /// Returns the value of a cookie; `None` if it was sent twice, since one of the two may be somebody else's.
    pub(crate) fn get(self, headers: &HeaderMap, cookie: Cookie) -> Option<&str> {
        let name = self.name(cookie);
        let lines = headers.get_all(header::COOKIE).iter();
        let pairs = lines
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
            // a cookie of another program on this host may be anything
            .filter_map(|pair| str::from_utf8(pair).ok())
            .filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(found, _)| *found == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// Returns the header that sets a cookie; for the time that the browser is open without `lifetime`.
    pub(crate) fn set(
        self,
        cookie: Cookie,
        value: &str,
        lifetime: Option<Duration>,
    ) -> Option<HeaderValue> {
        let age = lifetime.map_or(String::new(), |lifetime| {
            format!("; Max-Age={}", lifetime.as_secs())
        });
        self.write(cookie, value, &age)
    }

    /// Returns the header that deletes a cookie.
    pub(crate) fn clear(self, cookie: Cookie) -> Option<HeaderValue> {
        self.write(cookie, "", "; Max-Age=0")
    }

    fn write(self, cookie: Cookie, value: &str, age: &str) -> Option<HeaderValue> {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let name = self.name(cookie);
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
        HeaderValue::from_str(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: &[&'static str]) -> HeaderMap {
        let lines = lines
            .iter()
            .map(|line| (header::COOKIE, HeaderValue::from_static(line)));
        lines.collect()
    }

    #[test]
    fn cookies_have_the_prefix_wherever_a_browser_takes_it() {
        for (url, name) in [
            ("https://login.example.com", "__Host-rolecall-flow="),
            ("http://127.0.0.1:8000/auth", "__Host-rolecall-flow="),
            ("http://[::1]:8000", "__Host-rolecall-flow="),
            ("http://localhost", "__Host-rolecall-flow="),
            ("http://login.internal", "rolecall-flow="),
            ("http://localhost.evil.example", "rolecall-flow="),
        ] {
            let set = CookieJar::of(url).set(Cookie::Flow, "x", None).unwrap();
            let text = set.to_str().unwrap();
            assert!(text.starts_with(name), "{url}: {text}");
            assert_eq!(text.contains("; Secure"), name.starts_with("__Host-"));
            assert!(text.contains("; Path=/; HttpOnly; SameSite=Lax"));
        }
    }

    #[test]
    fn a_cookie_of_another_program_may_be_anything() {
        let line = HeaderValue::from_bytes(b"theirs=\xe9; __Host-rolecall-flow=x").unwrap();
        let headers = HeaderMap::from_iter([(header::COOKIE, line)]);
        let jar = CookieJar::of("https://login.example.com");
        assert_eq!(jar.get(&headers, Cookie::Flow), Some("x"));
    }

    #[test]
    fn i043_a_cookie_that_was_sent_twice_or_has_another_name_is_none() {
        let jar = CookieJar::of("https://login.example.com");
        let get =
            |lines: &[&'static str]| jar.get(&sent(lines), Cookie::Session).map(str::to_owned);
        assert_eq!(
            get(&["a=b; __Host-rolecall-session=x"]),
            Some("x".to_owned())
        );
        assert_eq!(
            get(&["a=b", "__Host-rolecall-session=x=y"]),
            Some("x=y".to_owned())
        );
        for wrong in [
            &["rolecall-session=x"][..],
            &["__Host-rolecall-session=x; __Host-rolecall-session=x"],
            &["__Host-rolecall-session=x", "__Host-rolecall-session=y"],
            &["__host-rolecall-session=x"],
            &["__Host-rolecall-sessionx=x"],
            &[""],
        ] {
            assert_eq!(get(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_cookie_lasts_as_long_as_the_browser_unless_it_has_an_age() {
        let jar = CookieJar::of("https://login.example.com");
        let text = |value: Option<HeaderValue>| value.unwrap().to_str().unwrap().to_owned();
        let day = Some(Duration::from_hours(24));
        assert!(!text(jar.set(Cookie::Session, "x", None)).contains("Max-Age"));
        assert!(text(jar.set(Cookie::Session, "x", day)).ends_with("; Max-Age=86400"));
        assert!(text(jar.clear(Cookie::Session)).ends_with("; Max-Age=0"));
        assert_eq!(jar.set(Cookie::Session, "a\nb", None), None);
    }
}
