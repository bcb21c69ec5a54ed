//! HTTP Basic as OAuth clients send it (RFC 6749 section 2.3.1 and appendix B).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use percent_encoding::percent_decode;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::error::OAuthError;

/// The id and secret that a client sent.
#[derive(Debug)]
pub(crate) struct ClientCredentials {
    /// May be empty where the secret is not.
    pub(crate) id: String,
    /// Empty for a client that has none.
    pub(crate) secret: SecretString,
}

/// The client that `headers` name by HTTP Basic, if any.
///
/// Another scheme names no client, and neither do an empty id and secret: Swagger UI sends them.
///
/// # Errors
///
/// `invalid_request` for two `Authorization` headers, `invalid_client` for what is malformed.
pub(crate) fn client_credentials(
    headers: &HeaderMap,
) -> Result<Option<ClientCredentials>, OAuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(OAuthError::InvalidRequest("Authorization was sent twice"));
    }
    let Some(encoded) = after_scheme(value) else {
        return Ok(None);
    };
    let read = decode(encoded).ok_or(OAuthError::InvalidClient { basic: true })?;
    let (id, secret) = read;
    if id.is_empty() && secret.is_empty() {
        return Ok(None);
    }
    Ok(Some(ClientCredentials {
        id: id.as_str().to_owned(),
        secret: SecretString::from(secret.as_str()),
    }))
}

/// Returns the credentials after the scheme `Basic`, which is compared without case, and at least one space (RFC 9110 section 11.4).
fn after_scheme(value: &HeaderValue) -> Option<&[u8]> {
    let bytes = value.as_bytes();
    let end = bytes
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(bytes.len());
    let (scheme, rest) = bytes.split_at(end);
    scheme.eq_ignore_ascii_case(b"basic").then(|| {
        let start = rest.iter().position(|byte| *byte != b' ');
        rest.split_at(start.unwrap_or(rest.len())).1
    })
}

/// Id and secret: base64 in its one spelling (RFC 4648 section 4), parted at the first colon, each half
/// form-encoded. `None` if it is anything else.
fn decode(encoded: &[u8]) -> Option<(Zeroizing<String>, Zeroizing<String>)> {
    let decoded = Zeroizing::new(STANDARD.decode(encoded).ok()?);
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (id, secret) = decoded.split_at(colon);
    Some((form_decode(id)?, form_decode(secret.split_at(1).1)?))
}

/// Undoes `application/x-www-form-urlencoded` (RFC 6749 appendix B). What comes out must be what ids and
/// secrets are made of: printable ASCII (appendix A.1 and A.2).
fn form_decode(half: &[u8]) -> Option<Zeroizing<String>> {
    let mut spaced = Zeroizing::new(half.to_vec());
    for byte in spaced.iter_mut().filter(|byte| **byte == b'+') {
        *byte = b' ';
    }
    // room for every result at once: a growing string would leave copies behind
    let mut text = Zeroizing::new(String::with_capacity(half.len()));
    for byte in percent_decode(&spaced) {
        if !matches!(byte, b' '..=b'~') {
            return None;
        }
        text.push(char::from(byte));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    fn read(values: &[&str]) -> Result<Option<(String, String)>, OAuthError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                header::AUTHORIZATION,
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let read = client_credentials(&headers)?;
        Ok(read.map(|client| (client.id, client.secret.expose_secret().to_owned())))
    }

    fn basic(credentials: &str) -> Result<Option<(String, String)>, OAuthError> {
        read(&[&format!("Basic {}", STANDARD.encode(credentials))])
    }

    fn pair(id: &str, secret: &str) -> (String, String) {
        (id.to_owned(), secret.to_owned())
    }

    #[test]
    fn empty_credentials_and_other_schemes_name_no_client() {
        assert_eq!(read(&[]).unwrap(), None);
        for value in [
            "Basic Og==",
            "Bearer abc",
            "Basicx YTpi",
            "Basic\tYTpi",
            "é YTpi",
            "",
        ] {
            assert_eq!(read(&[value]).unwrap(), None, "{value}");
        }
    }

    #[test]
    fn malformed_credentials_are_an_invalid_client() {
        for value in [
            "Basic",
            "basic ",
            "Basic !!!",
            // no colon
            "Basic YWJj",
            "basic Zm9v",
            // no padding, too much of it, bits that say nothing, another alphabet, more than one word
            "Basic YTpiYw",
            "Basic YTpi=",
            "Basic YTpiYx==",
            "Basic Pz8_Og==",
            "Basic YTpi YTpi",
            "Basic YTpi,YTpi",
            "Basic YTpi\t",
            "Basic é",
        ] {
            let refused = read(&[value]);
            assert!(
                matches!(refused, Err(OAuthError::InvalidClient { basic: true })),
                "{value}"
            );
        }
    }

    #[test]
    fn two_headers_are_refused_whatever_they_hold() {
        for second in ["Basic YTpi", "Basic Og==", "Bearer abc", ""] {
            let refused = read(&["Basic YTpi", second]);
            assert!(matches!(refused, Err(OAuthError::InvalidRequest(_))));
        }
    }

    #[test]
    fn the_scheme_is_compared_without_case_and_more_spaces_may_follow() {
        assert_eq!(read(&["bAsIc   YTpi"]).unwrap(), Some(pair("a", "b")));
    }

    #[test]
    fn the_first_colon_parts_id_and_secret() {
        assert_eq!(basic("a:b:c").unwrap(), Some(pair("a", "b:c")));
        assert_eq!(basic("a:").unwrap(), Some(pair("a", "")));
        assert_eq!(basic(":b").unwrap(), Some(pair("", "b")));
        assert_eq!(basic("::").unwrap(), Some(pair("", ":")));
    }

    #[test]
    fn each_half_is_form_encoded() {
        let encoded = "a%3Ab+c:%2B%25+%2541";
        assert_eq!(basic(encoded).unwrap(), Some(pair("a:b c", "+% %41")));
        // clients that forget the encoding send a `%` as it is
        assert_eq!(basic("100%:5%x").unwrap(), Some(pair("100%", "5%x")));
    }

    #[test]
    fn what_is_no_printable_ascii_stands_in_no_id_and_no_secret() {
        for encoded in [
            "a%00:b", "a:b%00", "a\n:b", "a:b\r", "a:\u{e4}", "a:%C3%A4", "a%ff:b", "%7f:b",
        ] {
            let refused = basic(encoded);
            assert!(
                matches!(refused, Err(OAuthError::InvalidClient { basic: true })),
                "{encoded:?}"
            );
        }
    }

    #[test]
    fn the_secret_is_not_printed() {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_static("Basic YTpjYW5hcnk=");
        headers.append(header::AUTHORIZATION, value);
        let client = client_credentials(&headers).unwrap().unwrap();
        assert_eq!(client.secret.expose_secret(), "canary");
        assert!(!format!("{client:?}").contains("canary"));
    }
}
