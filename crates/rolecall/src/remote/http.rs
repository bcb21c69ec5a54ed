//! A minimal HTTP client: answers are limited in length and time, and redirects are not followed.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

use super::{error::SetupError, failure::Failure};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Shorter than the issuer's own timeout, so that a connection that is being closed is not used.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// An answer that was read completely.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

pub(super) struct Fetcher {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Fetcher {
    /// Creates a client, which trusts the certificates of the system if `secure` is true, and otherwise none.
    pub(super) fn new(secure: bool) -> Result<Self, SetupError> {
        let provider = aws_lc_rs::default_provider();
        let builder = HttpsConnectorBuilder::new();
        let builder = if secure {
            builder
                .with_provider_and_native_roots(provider)
                .map_err(|error| SetupError::Certificates(error.to_string()))?
        } else {
            // plain http needs no certificates; since none is trusted, every connection with TLS fails
            let config = ClientConfig::builder_with_provider(provider.into())
                .with_safe_default_protocol_versions()
                .map_err(|error| SetupError::Certificates(error.to_string()))?
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth();
            builder.with_tls_config(config)
        };
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let connector = builder
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Ok(Self { client })
    }

    /// Sends a `GET` request; `limit` and `timeout` are the same as for [`send`](Self::send).
    pub(super) async fn get(
        &self,
        uri: &Uri,
        limit: usize,
        timeout: Duration,
    ) -> Result<Answer, Failure> {
        let request = Request::get(uri)
            .header(http::header::ACCEPT, "application/json")
            // a cache must not hide that a key was removed
            .header(http::header::CACHE_CONTROL, "no-cache");
        self.send(request, Bytes::new(), limit, timeout).await
    }

    /// Sends a request and reads the answer of at most `limit` bytes; both together take at most `timeout`.
    pub(super) async fn send(
        &self,
        request: http::request::Builder,
        body: Bytes,
        limit: usize,
        timeout: Duration,
    ) -> Result<Answer, Failure> {
        let request = request
            .body(Full::new(body))
            .map_err(|_| Failure::Address)?;
        let exchange = async {
            let answer = self.client.request(request).await;
            let (head, body) = answer
                .map_err(|error| Failure::connection(&error))?
                .into_parts();
            let body = Limited::new(body, limit).collect().await;
            Ok(Answer {
                status: head.status,
                headers: head.headers,
                body: body
                    .map_err(|error| Failure::body(error.as_ref()))?
                    .to_bytes(),
            })
        };
        match tokio::time::timeout(timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::TimedOut),
        }
    }
}
