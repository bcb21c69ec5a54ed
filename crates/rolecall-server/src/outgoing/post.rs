//! A minimal HTTP client: it posts a form and reads the status. Redirects are not followed, proxies not asked, and nothing
//! of the body is read.

use std::{sync::Arc, time::Duration};

use axum::body::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, Error as ClientError},
    rt::TokioExecutor,
};

use super::{
    allow::Allowed,
    connect::CheckedConnector,
    resolve::Resolver,
    target::{Host, Target, TargetError},
    trust,
};

/// The time from the resolving of the name to the head of the answer.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The longest head of an answer.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The reason why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostError {
    #[error("the URL {0}")]
    Target(#[from] TargetError),
    #[error("the request failed")]
    Failed(#[source] ClientError),
    #[error("there was no answer within {} s", TIMEOUT.as_secs())]
    TimedOut,
}

impl PostError {
    /// Returns the kind of the error in one or two words, without anything of the URL.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Target(_) => "refused URL",
            Self::Failed(error) if error.is_connect() => "no connection",
            Self::Failed(_) => "no answer",
            Self::TimedOut => "timeout",
        }
    }
}

/// Sends requests to addresses that somebody registered.
#[derive(Clone)]
pub(crate) struct Poster {
    allowed: Arc<Allowed>,
    resolver: Resolver,
    client: Client<HttpsConnector<CheckedConnector>, Full<Bytes>>,
}

impl Poster {
    /// Creates a client that trusts the certificates of the system.
    ///
    /// # Errors
    ///
    /// If the TLS library cannot be set up.
    pub(crate) fn new(allowed: &Allowed) -> Result<Self, rustls::Error> {
        let allowed = Arc::new(allowed.clone());
        let resolver = Resolver::of_system();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust::optional()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(CheckedConnector::new(
                Arc::clone(&allowed),
                resolver.clone(),
            ));
        let client = Client::builder(TokioExecutor::new())
            // a connection that is kept would outlive the check of its address
            .pool_max_idle_per_host(0)
            .http1_max_buf_size(MAX_HEAD_BYTES)
            .build(connector);
        Ok(Self {
            allowed,
            resolver,
            client,
        })
    }

    /// Begins to look up the name in a URL. Returns false if other names take all places: the request is for later, and
    /// would only wait for them.
    pub(crate) fn prepare(&self, url: &str) -> bool {
        let target = Target::check(url, &self.allowed).ok();
        match target.and_then(|target| target.uri.host().and_then(Host::parse)) {
            // what cannot begin fails when the request is made, with a reason
            Some(Host::Name(name)) => self.resolver.prepare(&name).unwrap_or(true),
            _ => true,
        }
    }

    /// Posts a form and returns the status of the answer, whatever it is.
    ///
    /// # Errors
    ///
    /// [`PostError`] if the URL may not be called, or nobody answers in time.
    pub(crate) async fn post_form(&self, url: &str, form: String) -> Result<StatusCode, PostError> {
        let target = Target::check(url, &self.allowed)?;
        let mut request = Request::new(Full::new(Bytes::from(form)));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = target.uri;
        let headers = request.headers_mut();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
        headers.insert(header::USER_AGENT, HeaderValue::from_static("rolecall"));
        let answer = tokio::time::timeout(TIMEOUT, self.client.request(request)).await;
        let answer = answer.map_err(|_| PostError::TimedOut)?;
        Ok(answer.map_err(PostError::Failed)?.status())
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    async fn listen() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        (listener, authority)
    }

    fn poster(entries: &[&str]) -> Poster {
        let entries = entries.iter().map(|entry| entry.parse().unwrap()).collect();
        Poster::new(&Allowed::new(entries)).unwrap()
    }

    #[tokio::test]
    async fn i105_https_speaks_tls_and_nothing_is_sent_in_the_clear() {
        let (listener, authority) = listen().await;
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut first = [0; 3];
            stream.read_exact(&mut first).await.unwrap();
            first
        };
        let url = format!("https://{authority}/out");
        let poster = poster(&["127.0.0.1"]);
        let (first, answered) = tokio::join!(server, poster.post_form(&url, "a=b".to_owned()));
        // a handshake record (RFC 8446 section 5.1)
        assert_eq!(first, [0x16, 3, 1]);
        assert!(
            matches!(answered, Err(PostError::Failed(_))),
            "{answered:?}"
        );
    }

    #[tokio::test]
    async fn i105_what_is_not_allowed_is_refused_before_anything_is_sent() {
        let (_listener, authority) = listen().await;
        let refused = poster(&[])
            .post_form(&format!("http://{authority}/"), String::new())
            .await;
        assert!(matches!(refused, Err(PostError::Target(_))), "{refused:?}");
        assert_eq!(refused.unwrap_err().kind(), "refused URL");
        let port = authority.rsplit(':').next().unwrap();
        let by_name = poster(&["10.0.0.0/8"])
            .post_form(&format!("https://localhost:{port}/"), String::new())
            .await;
        assert!(matches!(by_name, Err(PostError::Target(_))), "{by_name:?}");
    }

    #[tokio::test]
    async fn of_an_answer_without_end_only_the_status_is_read() {
        let (listener, authority) = listen().await;
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 1024];
            let read = stream.read(&mut request).await.unwrap();
            let head = b"HTTP/1.1 204 No Content\r\n\r\n";
            stream.write_all(head).await.unwrap();
            String::from_utf8(request[..read].to_vec()).unwrap()
        };
        let url = format!("http://{authority}/out?x=y");
        let poster = poster(&["127.0.0.1"]);
        let (request, answered) = tokio::join!(server, poster.post_form(&url, "a=b".to_owned()));
        assert_eq!(answered.unwrap(), StatusCode::NO_CONTENT);
        assert!(
            request.starts_with("POST /out?x=y HTTP/1.1\r\n"),
            "{request}"
        );
    }
}
