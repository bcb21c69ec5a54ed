use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use secrecy::ExposeSecret as _;

use crate::oauth::{basic::client_credentials, error::OAuthError};

/// Id and secret, or the error code.
type Read = Result<Option<(String, String)>, &'static str>;

/// Parses a `Basic` header. The first byte selects the rest of the input: a whole header, the text in its base64, or id
/// and secret to encode.
///
/// # Panics
///
/// If the result differs from that of a simpler parser.
pub fn run(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else {
        return;
    };
    match which % 3 {
        0 => assert_eq!(read(rest), model(rest)),
        1 => {
            let value = format!("Basic {}", STANDARD.encode(rest));
            assert_eq!(read(value.as_bytes()), model(value.as_bytes()));
        }
        _ => as_pair(rest),
    }
}

/// Checks that printable ids and secrets are parsed unchanged, and all others are refused.
fn as_pair(rest: &[u8]) {
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (id, secret) = rest.split_at(end.unwrap_or(rest.len()));
    let encode = |half: &[u8]| form_urlencoded::byte_serialize(half).collect::<String>();
    let value = STANDARD.encode(format!("{}:{}", encode(id), encode(secret)));
    let printable = rest.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let expected = match (
        String::from_utf8(id.into()),
        String::from_utf8(secret.into()),
    ) {
        (Ok(id), Ok(secret)) if printable && rest.is_empty() => {
            assert!(id.is_empty() && secret.is_empty());
            Ok(None)
        }
        (Ok(id), Ok(secret)) if printable => Ok(Some((id, secret))),
        _ => Err("invalid_client"),
    };
    assert_eq!(read(format!("basic  {value}").as_bytes()), expected);
}

fn read(value: &[u8]) -> Read {
    let Ok(value) = HeaderValue::from_bytes(value) else {
        return Ok(None);
    };
    let mut headers = HeaderMap::new();
    headers.append(header::AUTHORIZATION, value);
    match client_credentials(&headers) {
        Ok(client) => {
            let pair = client.map(|client| {
                assert!(!format!("{client:?}").contains("secret: \""));
                (client.id, client.secret.expose_secret().to_owned())
            });
            Ok(pair)
        }
        Err(OAuthError::InvalidClient { basic: true }) => Err("invalid_client"),
        Err(_) => Err("another error"),
    }
}

/// A simpler parser, which uses the form parser of the URL Standard.
fn model(value: &[u8]) -> Read {
    if HeaderValue::from_bytes(value).is_err() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(value);
    let (scheme, rest) = text.split_once(' ').unwrap_or((&text, ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let rest = rest.trim_start_matches(' ');
    let decoded = STANDARD.decode(rest).unwrap_or_default();
    let colon = decoded.iter().position(|byte| *byte == b':');
    let (Some(colon), true) = (colon, STANDARD.encode(&decoded) == rest) else {
        return Err("invalid_client");
    };
    let half = |part: &[u8]| {
        let mut form = b"x=".to_vec();
        for byte in part {
            match byte {
                b'&' => form.extend(b"%26"),
                other => form.push(*other),
            }
        }
        let value = form_urlencoded::parse(&form)
            .next()
            .map(|(_, value)| value.into_owned());
        value.filter(|text| text.chars().all(|c| matches!(c, ' '..='~')))
    };
    let (id, secret) = decoded.split_at(colon);
    match (half(id), half(secret.split_at(1).1)) {
        (Some(id), Some(secret)) if id.is_empty() && secret.is_empty() => Ok(None),
        (Some(id), Some(secret)) => Ok(Some((id, secret))),
        _ => Err("invalid_client"),
    }
}
