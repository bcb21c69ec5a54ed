//! The headers `Cookie` and `Set-Cookie` (RFC 6265, and its successor for the prefix and the limits).

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header::COOKIE};

use super::error::CookieError;
use crate::Denial;

const PREFIX: &str = "__Host-";
/// The most bytes of name and value that browsers keep.
const MAX_BYTES: usize = 4096;
const MAX_NAME: usize = 64;

/// Returns the value of the cookie `name` of a request, `None` if the cookie is missing or empty.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::COOKIE};
/// use rolecall::{Denial, cookie};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(COOKIE, HeaderValue::from_static("theme=dark; __Host-refresh=abc"));
/// assert_eq!(cookie::find(&headers, "__Host-refresh"), Ok(Some("abc")));
/// assert_eq!(cookie::find(&headers, "__Host-session"), Ok(None));
/// # Ok::<(), Denial>(())
/// ```
///
/// # Errors
///
/// [`Denial::TwoCredentials`] if there are several cookies of this name, and [`Denial::InvalidToken`] if the value has
/// characters that no token has.
pub fn find<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Denial> {
    let mut found = None;
    // HTTP/2 may split the header (RFC 9113 section 8.2.3)
    for header in headers.get_all(COOKIE) {
        for pair in header.as_bytes().split(|byte| *byte == b';') {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let (Some(key), Some(value)) = (parts.next(), parts.next()) else {
                continue;
            };
            if trim(key) != name.as_bytes() {
                continue;
            }
            // a second one comes from somebody else, and nothing says which one
            if found.replace(trim(value)).is_some() {
                return Err(Denial::TwoCredentials);
            }
        }
    }
    let Some(value) = found.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    if !value.iter().all(|byte| is_allowed(*byte)) {
        return Err(Denial::InvalidToken);
    }
    let value = std::str::from_utf8(value).map_err(|_| Denial::InvalidToken)?;
    Ok(Some(value))
}

/// Returns the value for a `Set-Cookie` header: `Secure; HttpOnly; SameSite=Lax; Path=/`, for `max_age`.
///
/// [`Guard::set_cookie`](crate::Guard::set_cookie) does it for an access token; this is for other cookies that belong to
/// the login, such as one for the refresh token. An empty value and a `max_age` of zero delete the cookie.
///
/// ```
/// use std::time::Duration;
/// use rolecall::{CookieError, cookie};
///
/// let header = cookie::host_cookie("__Host-refresh", "abc", Duration::from_secs(600))?;
/// assert_eq!(header, "__Host-refresh=abc; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600");
/// # Ok::<(), CookieError>(())
/// ```
///
/// # Errors
///
/// [`CookieError::Name`], [`CookieError::Value`] and [`CookieError::TooLong`].
pub fn host_cookie(name: &str, value: &str, max_age: Duration) -> Result<HeaderValue, CookieError> {
    check_name(name)?;
    if !value.bytes().all(is_allowed) {
        return Err(CookieError::Value);
    }
    let bytes = name.len().saturating_add(value.len());
    if bytes > MAX_BYTES {
        return Err(CookieError::TooLong(bytes));
    }
    let max_age = max_age.as_secs();
    let header =
        format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={max_age}");
    let mut header = HeaderValue::try_from(header).map_err(|_| CookieError::Value)?;
    // kept out of logs and of the compression tables of HTTP/2
    header.set_sensitive(true);
    Ok(header)
}

/// Checks that browsers protect the cookie by its name, and that it needs no quoting.
pub(super) fn check_name(name: &str) -> Result<(), CookieError> {
    let rest = name.strip_prefix(PREFIX).unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if rest.is_empty() || rest.len() > MAX_NAME || !rest.bytes().all(is_plain) {
        let shown: String = name.chars().take(80).collect();
        return Err(CookieError::Name(shown.escape_debug().to_string()));
    }
    Ok(())
}

/// Returns true for the characters of tokens (RFC 6750 section 2.1), all of which are allowed in a cookie.
fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

/// Removes spaces and tabs only. A reader that removes other white space takes a cookie whose name begins with it, which
/// any subdomain may set, for the protected one.
fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}
