//! Connections to addresses that were checked a moment ago.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs as _},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    sync::{Semaphore, oneshot},
};
use tower::Service;

use super::{allow::Allowed, target::Host};

/// The most names that are looked up at once. A look-up cannot be ended, and lasts as long as the system asks its name
/// servers, whoever waits for it.
const MAX_LOOK_UPS: usize = 8;

/// Looks a name up, and waits for the answer.
type LookUp = fn(&str, u16) -> io::Result<Vec<SocketAddr>>;

/// Looks names up, a few at once, on threads of their own: neither the work of others nor the end of the process waits for
/// a name server that does not answer.
#[derive(Clone)]
struct Resolver {
    places: Arc<Semaphore>,
    look_up: LookUp,
}

impl Resolver {
    fn new(look_up: LookUp) -> Self {
        Self {
            places: Arc::new(Semaphore::new(MAX_LOOK_UPS)),
            look_up,
        }
    }

    fn of_system() -> Self {
        Self::new(|name, port| Ok((name, port).to_socket_addrs()?.collect()))
    }

    async fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(io::Error::other)?;
        let (found, finding) = oneshot::channel();
        let (name, look_up) = (name.to_owned(), self.look_up);
        std::thread::Builder::new()
            .name("look-up".to_owned())
            .spawn(move || {
                // nobody may wait any more
                let _ = found.send(look_up(&name, port));
                drop(place);
            })?;
        finding.await.map_err(io::Error::other)?
    }
}

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
    pub(super) fn new(allowed: Arc<Allowed>) -> Self {
        let resolver = Resolver::of_system();
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
    use std::sync::atomic::{AtomicUsize, Ordering};

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

    #[test]
    fn y303_a_name_server_that_does_not_answer_takes_few_threads_and_holds_up_no_end() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        fn never(_: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
            ASKED.fetch_add(1, Ordering::SeqCst);
            loop {
                std::thread::park();
            }
        }
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let resolver = Resolver::new(never);
        let waiting: Vec<_> = (0..20 * MAX_LOOK_UPS)
            .map(|_| {
                let resolver = resolver.clone();
                runtime.spawn(async move { resolver.resolve("hangs.example", 443).await })
            })
            .collect();
        while ASKED.load(Ordering::SeqCst) < MAX_LOOK_UPS {
            std::thread::yield_now();
        }
        // whoever gave up waiting has not ended the look-up, so that its place is still taken
        for waits in &waiting {
            waits.abort();
        }
        let late = runtime.spawn(async move { resolver.resolve("late.example", 443).await });
        // other work that needs a thread is done
        runtime.block_on(async { tokio::task::spawn_blocking(|| ()).await.unwrap() });
        assert!(!late.is_finished());
        drop(runtime);
        assert_eq!(ASKED.load(Ordering::SeqCst), MAX_LOOK_UPS);
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
