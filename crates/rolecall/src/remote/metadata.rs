//! Discovers the URLs of an issuer: authorization server metadata (RFC 8414), or else `OpenID` Connect Discovery.

use std::time::Duration;

use http::{StatusCode, Uri, uri::Scheme};
use serde::Deserialize;

use super::{error::SetupError, failure::Failure, http::Fetcher};

const MAX_BYTES: usize = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(5);

/// An issuer with a valid URL.
#[derive(Clone, Debug)]
pub(super) struct Issuer {
    /// The URL exactly as in tokens and metadata.
    pub(super) name: String,
    uri: Uri,
    insecure_http: bool,
}

/// The URLs that a guard needs.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    pub(super) jwks: Uri,
    pub(super) token: Option<Uri>,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
    token_endpoint: Option<String>,
}

impl Issuer {
    pub(super) fn new(name: &str, insecure_http: bool) -> Result<Self, SetupError> {
        if name.contains(['?', '#', '@']) {
            return Err(SetupError::Issuer(
                "its URL has a query, a fragment or a user name",
            ));
        }
        let uri: Uri = name
            .parse()
            .map_err(|_| SetupError::Issuer("it is not a URL"))?;
        let issuer = Self {
            name: name.to_owned(),
            uri,
            insecure_http,
        };
        if issuer.uri.host().is_none() || issuer.uri.scheme().is_none() {
            return Err(SetupError::Issuer("it is not a URL"));
        }
        if !issuer.is_secure() && !issuer.allows_http(&issuer.uri) {
            return Err(SetupError::Issuer(
                "its URL is not https; call `insecure_http` to allow that on a trusted network",
            ));
        }
        Ok(issuer)
    }

    pub(super) fn is_secure(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    /// Returns the URL of a path below the issuer.
    pub(super) fn uri_of(&self, path: &str) -> Result<Uri, Failure> {
        format!("{}{path}", self.name.trim_end_matches('/'))
            .parse()
            .map_err(|_| Failure::Address)
    }

    /// Parses a URL from the metadata and checks that it is as secure as the issuer's own.
    fn parse_url(&self, url: &str) -> Result<Uri, Failure> {
        let uri: Uri = url.parse().map_err(|_| Failure::Address)?;
        let is_secure = uri.scheme() == Some(&Scheme::HTTPS);
        // metadata that was loaded over TLS must not lead to plain http
        let is_allowed_http = !self.is_secure() && self.allows_http(&uri);
        if uri.host().is_some() && (is_secure || is_allowed_http) {
            Ok(uri)
        } else {
            Err(Failure::Address)
        }
    }

    fn allows_http(&self, uri: &Uri) -> bool {
        uri.scheme() == Some(&Scheme::HTTP) && (self.insecure_http || is_loopback(uri))
    }

    /// Returns the URLs where metadata may be.
    ///
    /// RFC 8414 section 3.1 inserts the well-known part before the issuer's path, `OpenID` Connect appends it.
    fn metadata_urls(&self) -> Result<[Uri; 2], Failure> {
        let path = self.uri.path().trim_end_matches('/');
        let root = self.name.trim_end_matches('/');
        let origin = root.strip_suffix(path).unwrap_or(root);
        let first = format!("{origin}/.well-known/oauth-authorization-server{path}");
        let first = first.parse().map_err(|_| Failure::Address)?;
        Ok([first, self.uri_of("/.well-known/openid-configuration")?])
    }

    /// Loads the URLs of the issuer's keys and token endpoint.
    pub(super) async fn discover(&self, http: &Fetcher) -> Result<Metadata, Failure> {
        let [first, second] = self.metadata_urls()?;
        let mut answer = http.get(&first, MAX_BYTES, TIMEOUT).await?;
        if answer.status == StatusCode::NOT_FOUND {
            answer = http.get(&second, MAX_BYTES, TIMEOUT).await?;
        }
        if answer.status != StatusCode::OK {
            return Err(Failure::Status {
                request: "the request for the metadata",
                status: answer.status,
            });
        }
        let document: Document =
            serde_json::from_slice(&answer.body).map_err(|_| Failure::Malformed("metadata"))?;
        // RFC 8414 section 3.3: the issuer must be identical, so that no server can act for another one
        if document.issuer != self.name {
            return Err(Failure::OtherIssuer);
        }
        Ok(Metadata {
            jwks: self.parse_url(&document.jwks_uri)?,
            token: match &document.token_endpoint {
                Some(url) => Some(self.parse_url(url)?),
                None => None,
            },
        })
    }
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_without_tls_must_be_local_or_allowed() {
        for name in [
            "http://127.0.0.1:8000",
            "http://[::1]:8000",
            "http://localhost",
            "https://login.example",
            "https://login.example/realms/one",
        ] {
            assert!(Issuer::new(name, false).is_ok(), "{name}");
        }
        for name in [
            "http://login.example",
            "http://127.0.0.1.login.example",
            "http://localhost.example",
            "ftp://127.0.0.1",
            "login.example",
            "/login",
            "https://",
            "https://a@login.example",
            "http://127.0.0.1@login.example",
            "https://login.example?a",
            "https://login.example#a",
        ] {
            assert!(Issuer::new(name, false).is_err(), "{name}");
        }
        assert!(Issuer::new("http://login.example", true).is_ok());
        assert!(Issuer::new("ftp://login.example", true).is_err());
    }

    #[test]
    fn metadata_cannot_lead_from_tls_to_plain_http() {
        let issuer = Issuer::new("https://login.example", true).unwrap();
        assert!(issuer.parse_url("https://keys.example/jwks").is_ok());
        for address in [
            "http://login.example/jwks",
            "http://127.0.0.1/jwks",
            "/jwks",
            "file:///etc",
        ] {
            assert_eq!(
                issuer.parse_url(address).unwrap_err(),
                Failure::Address,
                "{address}"
            );
        }
        let issuer = Issuer::new("http://127.0.0.1:8000", false).unwrap();
        assert!(issuer.parse_url("http://127.0.0.1:8000/jwks").is_ok());
        assert!(issuer.parse_url("http://keys.example/jwks").is_err());
    }

    #[test]
    fn the_metadata_urls_of_an_issuer_with_a_path_follow_each_standard() {
        let texts = |name: &str| {
            let issuer = Issuer::new(name, false).unwrap();
            issuer.metadata_urls().unwrap().map(|uri| uri.to_string())
        };
        assert_eq!(
            texts("https://login.example"),
            [
                "https://login.example/.well-known/oauth-authorization-server",
                "https://login.example/.well-known/openid-configuration"
            ]
        );
        assert_eq!(
            texts("https://login.example/realms/one"),
            [
                "https://login.example/.well-known/oauth-authorization-server/realms/one",
                "https://login.example/realms/one/.well-known/openid-configuration"
            ]
        );
    }
}
