//! Who asks at the token endpoint, and for what.

use http::{HeaderMap, header};

use super::{
    error::OAuthError,
    form::Form,
    grant::{self, Issued},
    scope::Asked,
};
use crate::app::App;

/// Answers a form at the token endpoint.
pub(crate) async fn issue(
    app: &App,
    headers: &HeaderMap,
    form: &Form,
    address: &str,
) -> Result<Issued, OAuthError> {
    refuse_clients(headers, form)?;
    let grant_type = form
        .get("grant_type")
        .ok_or(OAuthError::InvalidRequest("grant_type is missing"))?;
    if grant_type != "password" || !app.settings().password_grant {
        return Err(OAuthError::UnsupportedGrantType);
    }
    let username = form
        .get("username")
        .ok_or(OAuthError::InvalidRequest("username is missing"))?;
    let password = form
        .get("password")
        .ok_or(OAuthError::InvalidRequest("password is missing"))?;
    if form.get("tenant").is_some() {
        return Err(OAuthError::InvalidScope(
            "tokens for a tenant are not supported yet".to_owned(),
        ));
    }
    let request = grant::Request {
        username,
        password,
        scope: form.get("scope").map(Asked::parse).transpose()?,
        audience: audience(app, form)?,
        address,
    };
    grant::by_password(app, &request).await
}

/// Every caller may ask for the server itself or for the configured audience (RFC 8707).
fn audience<'a>(app: &'a App, form: &'a Form) -> Result<&'a str, OAuthError> {
    let settings = app.settings();
    let asked = match (form.get("audience"), form.get("resource")) {
        (Some(audience), Some(resource)) if audience != resource => {
            return Err(OAuthError::InvalidTarget("audience and resource differ"));
        }
        (audience, resource) => audience.or(resource),
    };
    match asked {
        None => Ok(&settings.audience),
        Some(asked) if asked == settings.issuer || asked == settings.audience => Ok(asked),
        Some(_) => Err(OAuthError::InvalidTarget("there is no such audience")),
    }
}

/// No client is registered yet, so whoever claims to be one is not. Empty credentials mean no client:
/// Swagger UI sends them.
fn refuse_clients(headers: &HeaderMap, form: &Form) -> Result<(), OAuthError> {
    let basic = basic_credentials(headers)?;
    let in_body = form.get("client_id").is_some() || form.get("client_secret").is_some();
    match (basic, in_body) {
        (None, false) => Ok(()),
        (None, true) => Err(OAuthError::InvalidClient { basic: false }),
        (Some(()), false) => Err(OAuthError::InvalidClient { basic: true }),
        (Some(()), true) => Err(OAuthError::InvalidRequest(
            "a client may authenticate in one way only",
        )),
    }
}

/// Whether a client names itself by HTTP Basic (RFC 6749 section 2.3.1).
fn basic_credentials(headers: &HeaderMap) -> Result<Option<()>, OAuthError> {
    use base64::Engine as _;
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return match headers.get_all(header::AUTHORIZATION).iter().count() {
            0 => Ok(None),
            _ => Err(OAuthError::InvalidRequest("Authorization was sent twice")),
        };
    };
    let malformed = || OAuthError::InvalidClient { basic: true };
    let text = value.to_str().map_err(|_| malformed())?;
    let Some((scheme, credentials)) = text.split_once(' ') else {
        return if text.eq_ignore_ascii_case("basic") {
            Err(malformed())
        } else {
            Ok(None)
        };
    };
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(credentials.trim_start())
        .map_err(|_| malformed())?;
    match decoded.as_slice() {
        b":" => Ok(None),
        other if other.contains(&b':') => Ok(Some(())),
        _ => Err(malformed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn basic(values: &[&str]) -> Result<Option<()>, OAuthError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        basic_credentials(&headers)
    }

    #[test]
    fn empty_basic_credentials_mean_no_client() {
        assert!(matches!(basic(&[]), Ok(None)));
        assert!(matches!(basic(&["Basic Og=="]), Ok(None)));
        assert!(matches!(basic(&["Bearer abc"]), Ok(None)));
    }

    #[test]
    fn malformed_basic_credentials_are_an_invalid_client() {
        for value in ["Basic", "Basic ", "Basic !!!", "Basic YWJj", "basic Zm9v"] {
            assert!(
                matches!(
                    basic(&[value]),
                    Err(OAuthError::InvalidClient { basic: true })
                ),
                "{value}"
            );
        }
        assert!(matches!(
            basic(&["Basic Og==", "Basic Og=="]),
            Err(OAuthError::InvalidRequest(_))
        ));
    }

    #[test]
    fn whoever_names_a_client_claims_to_be_one() {
        assert!(matches!(basic(&["Basic YTpi"]), Ok(Some(()))));
        assert!(matches!(basic(&["bAsIc   OmI="]), Ok(Some(()))));
    }
}
