//! Parses the `Authorization` header (RFC 6750 section 2.1, RFC 9110 section 11.4).

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

use crate::Denial;

const SCHEME: &[u8] = b"bearer";

/// Returns the access token of a request, from exactly one header `Authorization: Bearer <b64token>`.
///
/// The scheme is case-insensitive and followed by one or more spaces.
///
/// # Errors
///
/// [`Denial::NotAuthenticated`] without the header or with another scheme, [`Denial::InvalidToken`] if the text after
/// the scheme is not a `b64token`, and [`Denial::TwoCredentials`] if there are several headers.
pub(super) fn bearer(headers: &HeaderMap) -> Result<&str, Denial> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Denial::NotAuthenticated)?;
    if values.next().is_some() {
        return Err(Denial::TwoCredentials);
    }
    token(value)
}

/// Returns true if the request has an `Authorization` header of this scheme, valid or not.
pub(super) fn names_bearer(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    values.any(|value| after_scheme(value).is_some())
}

/// Returns what follows the scheme, if it is this one.
fn after_scheme(value: &HeaderValue) -> Option<&[u8]> {
    let bytes = value.as_bytes();
    let end = bytes.iter().position(|byte| *byte == b' ');
    let (scheme, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
    scheme.eq_ignore_ascii_case(SCHEME).then_some(rest)
}

fn token(value: &HeaderValue) -> Result<&str, Denial> {
    let rest = after_scheme(value).ok_or(Denial::NotAuthenticated)?;
    // RFC 9110 allows `1*SP` here, so no other white space is trimmed
    let token = trim_spaces(rest);
    if token.is_empty() {
        return Err(Denial::NotAuthenticated);
    }
    if !is_b64token(token) {
        return Err(Denial::InvalidToken);
    }
    std::str::from_utf8(token).map_err(|_| Denial::InvalidToken)
}

fn trim_spaces(bytes: &[u8]) -> &[u8] {
    let is_token = |byte: &u8| *byte != b' ';
    let start = bytes.iter().position(is_token).unwrap_or(bytes.len());
    let end = bytes
        .iter()
        .rposition(is_token)
        .map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or_default()
}

/// Returns true for `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 6750 section 2.1).
#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches the compiler checks sixteen bytes at a time, and tokens are long"
)]
fn is_b64token(token: &[u8]) -> bool {
    let end = token
        .iter()
        .rposition(|byte| *byte != b'=')
        .map_or(0, |last| last + 1);
    let (body, _) = token.split_at(end);
    let is_allowed = |byte: u8| {
        byte.is_ascii_alphanumeric()
            | (byte == b'-')
            | (byte == b'.')
            | (byte == b'_')
            | (byte == b'~')
            | (byte == b'+')
            | (byte == b'/')
    };
    !body.is_empty() && body.iter().fold(true, |all, byte| all & is_allowed(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(values: &[&[u8]]) -> Result<String, Denial> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn the_scheme_is_case_insensitive_and_followed_by_spaces() {
        for value in [
            "Bearer a.b.c",
            "bearer a.b.c",
            "BEARER   a.b.c",
            "bEaReR a.b.c ",
        ] {
            assert_eq!(read(&[value.as_bytes()]).as_deref(), Ok("a.b.c"), "{value}");
        }
    }

    #[test]
    fn without_a_bearer_credential_the_caller_is_not_authenticated() {
        for value in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer    ",
            "Basic YTpi",
            "Bearera.b.c",
            "Bearer\ta.b.c",
            "Bearer:a",
            "Bearer,a",
            "Token a",
            "a.b.c",
            "Digest Bearer a",
            "Bearer=a",
            " ",
            "\"Bearer\" a",
        ] {
            assert_eq!(
                read(&[value.as_bytes()]),
                Err(Denial::NotAuthenticated),
                "{value:?}"
            );
        }
        assert_eq!(read(&[]), Err(Denial::NotAuthenticated));
    }

    #[test]
    fn a_bearer_credential_that_is_not_a_b64token_is_invalid() {
        for value in [
            &b"Bearer a b"[..],
            b"Bearer a,b",
            b"Bearer a, Bearer b",
            b"Bearer \"a\"",
            b"Bearer a=b",
            b"Bearer =",
            b"Bearer a\tb",
            b"Bearer \ta",
            b"Bearer a\t",
            b"Bearer \xe9",
            b"Bearer a\x80",
            b"Bearer a;b",
            b"Bearer a%2e",
            b"Bearer access_token=a",
        ] {
            assert_eq!(read(&[value]), Err(Denial::InvalidToken), "{value:?}");
        }
    }

    #[test]
    fn two_headers_are_two_credentials() {
        for second in ["Bearer a", "Basic YTpi", "", "nonsense"] {
            assert_eq!(
                read(&[b"Bearer a", second.as_bytes()]),
                Err(Denial::TwoCredentials)
            );
            assert_eq!(
                read(&[second.as_bytes(), b"Bearer a"]),
                Err(Denial::TwoCredentials)
            );
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_parsing_panic(value in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let _ = token(&value);
            }
        }

        #[test]
        fn only_the_token_is_returned(rest in "[ -~]{0,80}") {
            let value = HeaderValue::try_from(format!("Bearer {rest}")).unwrap();
            if let Ok(token) = token(&value) {
                prop_assert_eq!(token, rest.trim());
                prop_assert!(!token.contains([' ', ',', '"', ';']));
            }
        }
    }
}
