//! Connections to addresses that were checked a moment ago.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::{allow::Allowed, resolve::Resolver, target::Host};

/// The reason why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("the URL has no host that can be called")]
    Host,
    #[error("the name of the host could not be resolved")]
    Resolve(#[source] io::Error),
    #[error(
        "the host has no public address; if this server is to call it, name the host in `outgoing.allow`"
    )]
    Refused,
    #[error("the host could not be connected")]
    Connect(#[source] io::Error),
}

/// Resolves a host, and connects to one of the addresses that may be called.
#[derive(Clone)]
pub(super) struct CheckedConnector {
    allowed: Arc<Allowed>,
    resolver: Resolver,
}

impl CheckedConnector {
    pub(super) fn new(allowed: Arc<Allowed>, resolver: Resolver) -> Self {
        Self { allowed, resolver }
    }
}

impl Service<Uri> for CheckedConnector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { allowed, resolver } = self.clone();
        Box::pin(async move { connect(&allowed, &resolver, &uri).await.map(TokioIo::new) })
    }
}

async fn connect(
    allowed: &Allowed,
    resolver: &Resolver,
    uri: &Uri,
) -> Result<TcpStream, ConnectError> {
    let host = uri.host().and_then(Host::parse).ok_or(ConnectError::Host)?;
    let default_port = if uri.scheme_str() == Some("http") {
        80
    } else {
        443
    };
    let port = uri.port_u16().unwrap_or(default_port);
    let found: Vec<SocketAddr> = match &host {
        Host::Address(address) => vec![SocketAddr::new(*address, port)],
        Host::Name(name) => {
            let found = resolver.resolve(name, port).await;
            found.map_err(ConnectError::Resolve)?
        }
    };
    let is_named = host.is_named(allowed);
    let checked: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| is_named || allowed.permits(address.ip()))
        .collect();
    if checked.is_empty() {
        return Err(ConnectError::Refused);
    }
    // the addresses that were checked are the ones that are connected: the name is not resolved again
    let stream = TcpStream::connect(checked.as_slice()).await;
    let stream = stream.map_err(ConnectError::Connect)?;
    stream.set_nodelay(true).map_err(ConnectError::Connect)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn listen() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    fn allowing(entries: &[&str]) -> Allowed {
        Allowed::new(entries.iter().map(|entry| entry.parse().unwrap()).collect())
    }

    async fn connect(allowed: &Allowed, uri: &Uri) -> Result<TcpStream, ConnectError> {
        super::connect(allowed, &Resolver::of_system(), uri).await
    }

    #[tokio::test]
    async fn i105_nothing_is_connected_that_only_resolving_shows_to_be_special() {
        let (listener, port) = listen().await;
        let at = |host: &str| format!("https://{host}:{port}/").parse::<Uri>().unwrap();
        for host in ["127.0.0.1", "localhost", "LOCALHOST", "[::ffff:127.0.0.1]"] {
            let refused = connect(&Allowed::default(), &at(host)).await;
            assert!(
                matches!(refused, Err(ConnectError::Refused)),
                "{host}: {refused:?}"
            );
        }
        let elsewhere = connect(&allowing(&["10.0.0.0/8"]), &at("localhost")).await;
        assert!(matches!(elsewhere, Err(ConnectError::Refused)));
        // nobody has connected
        let waiting = std::future::poll_fn(|context| Poll::Ready(listener.poll_accept(context)));
        assert!(waiting.await.is_pending());
    }

    #[tokio::test]
    async fn i105_what_is_allowed_is_connected() {
        let (listener, port) = listen().await;
        for (host, entry) in [
            ("127.0.0.1", "127.0.0.0/8"),
            ("localhost", "localhost"),
            ("localhost", "127.0.0.1"),
        ] {
            let uri = format!("http://{host}:{port}/").parse().unwrap();
            let stream = connect(&allowing(&[entry]), &uri).await.unwrap();
            let (_, peer) = listener.accept().await.unwrap();
            assert_eq!(stream.local_addr().unwrap(), peer, "{host} {entry}");
        }
    }

    #[tokio::test]
    async fn a_host_that_is_no_host_is_not_resolved() {
        let uri = "https://2130706433/".parse().unwrap();
        let refused = connect(&Allowed::default(), &uri).await;
        assert!(matches!(refused, Err(ConnectError::Host)), "{refused:?}");
    }
}
