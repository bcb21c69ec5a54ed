//! Where the issuer keeps what: RFC 8414, and the discovery of `OpenID` Connect where that is all.

use std::time::Duration;

use http::{StatusCode, Uri, uri::Scheme};
use serde::Deserialize;

use super::{failure::Failure, http::Fetcher};
use crate::GuardError;

const MAX_BYTES: usize = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(5);

/// An issuer whose address was found fit to be asked.
#[derive(Clone, Debug)]
pub(super) struct Issuer {
    /// To the byte, as tokens and metadata name it.
    pub(super) name: String,
    uri: Uri,
    insecure_http: bool,
}

/// The addresses that a guard needs.
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
    pub(super) fn new(name: &str, insecure_http: bool) -> Result<Self, GuardError> {
        if name.contains(['?', '#', '@']) {
            return Err(GuardError::Issuer("it has a query, a fragment or a user"));
        }
        let uri: Uri = name
            .parse()
            .map_err(|_| GuardError::Issuer("it is not an address"))?;
        let issuer = Self {
            name: name.to_owned(),
            uri,
            insecure_http,
        };
        if issuer.uri.host().is_none() || issuer.uri.scheme().is_none() {
            return Err(GuardError::Issuer("it is not an address"));
        }
        if !issuer.is_secure() && !issuer.allows_http(&issuer.uri) {
            return Err(GuardError::Issuer(
                "it is neither https nor on this machine; `insecure_http` allows that",
            ));
        }
        Ok(issuer)
    }

    pub(super) fn is_secure(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    /// A path below the issuer.
    pub(super) fn at(&self, path: &str) -> Result<Uri, Failure> {
        format!("{}{path}", self.name.trim_end_matches('/'))
            .parse()
            .map_err(|_| Failure::Address)
    }

    /// An address that the metadata names.
    fn checked(&self, address: &str) -> Result<Uri, Failure> {
        let uri: Uri = address.parse().map_err(|_| Failure::Address)?;
        let secure = uri.scheme() == Some(&Scheme::HTTPS);
        // what began with TLS does not go on without
        let open = !self.is_secure() && self.allows_http(&uri);
        if uri.host().is_some() && (secure || open) {
            Ok(uri)
        } else {
            Err(Failure::Address)
        }
    }

    fn allows_http(&self, uri: &Uri) -> bool {
        uri.scheme() == Some(&Scheme::HTTP) && (self.insecure_http || is_loopback(uri))
    }

    /// RFC 8414 section 3.1 puts the well-known part before the issuer's path, `OpenID` Connect behind it.
    fn documents(&self) -> Result<[Uri; 2], Failure> {
        let path = self.uri.path().trim_end_matches('/');
        let root = self.name.trim_end_matches('/');
        let origin = root.strip_suffix(path).unwrap_or(root);
        let first = format!("{origin}/.well-known/oauth-authorization-server{path}");
        let first = first.parse().map_err(|_| Failure::Address)?;
        Ok([first, self.at("/.well-known/openid-configuration")?])
    }

    /// Asks the issuer where its keys and its token endpoint are.
    pub(super) async fn discover(&self, http: &Fetcher) -> Result<Metadata, Failure> {
        let [first, second] = self.documents()?;
        let mut answer = http.get(&first, MAX_BYTES, TIMEOUT).await?;
        if answer.status == StatusCode::NOT_FOUND {
            answer = http.get(&second, MAX_BYTES, TIMEOUT).await?;
        }
        if answer.status != StatusCode::OK {
            return Err(Failure::Status {
                what: "the request for its metadata",
                status: answer.status,
            });
        }
        let document: Document =
            serde_json::from_slice(&answer.body).map_err(|_| Failure::Unreadable("metadata"))?;
        // RFC 8414 section 3.3: identical, or whoever answers could speak for another
        if document.issuer != self.name {
            return Err(Failure::OtherIssuer);
        }
        Ok(Metadata {
            jwks: self.checked(&document.jwks_uri)?,
            token: match &document.token_endpoint {
                Some(address) => Some(self.checked(address)?),
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
    fn an_issuer_without_tls_is_refused_unless_it_is_this_machine_or_allowed() {
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
        assert!(issuer.checked("https://keys.example/jwks").is_ok());
        for address in [
            "http://login.example/jwks",
            "http://127.0.0.1/jwks",
            "/jwks",
            "file:///etc",
        ] {
            assert_eq!(
                issuer.checked(address).unwrap_err(),
                Failure::Address,
                "{address}"
            );
        }
        let issuer = Issuer::new("http://127.0.0.1:8000", false).unwrap();
        assert!(issuer.checked("http://127.0.0.1:8000/jwks").is_ok());
        assert!(issuer.checked("http://keys.example/jwks").is_err());
    }

    #[test]
    fn the_metadata_of_an_issuer_with_a_path_is_looked_for_where_each_standard_says() {
        let texts = |name: &str| {
            let issuer = Issuer::new(name, false).unwrap();
            issuer.documents().unwrap().map(|uri| uri.to_string())
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
