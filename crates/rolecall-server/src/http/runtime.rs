//! Accepts and serves connections within limits.
//!
//! `axum::serve` sets no timer, without which hyper's time-outs do nothing.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONNECTION, RETRY_AFTER, TRANSFER_ENCODING};
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use rolecall::Problem;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::connections::{Connections, OpenConnection};
use super::host;
use super::stopping::{Stage, Stopping};
use super::stream::{Phase, TimedStream};
use super::time_limit::{Progress, TrackedBody};

/// Time in which a connection that gives way may finish what it sends.
const SHED_GRACE: Duration = Duration::from_secs(1);

/// Limits on the time and resources that a client may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Time for the head of a request from its first byte; for the first request, from the start of the connection.
    pub head: Duration,
    /// Time until the next request on a connection; longer than proxies keep idle connections.
    pub idle: Duration,
    /// Time from the head of a request to the head of its answer, including the request's body. A second more is allowed
    /// for each 64 KiB of the body that have arrived.
    pub request: Duration,
    /// Time in which the peer must read some of the answer.
    pub write: Duration,
    /// Simultaneous connections. One more ends the idlest, or waits until one ends.
    pub connections: usize,
    /// Simultaneous connections of one IPv4 address or IPv6 /64, at most half of all. One more ends the idlest of them,
    /// or is closed if none is idle.
    pub per_client: usize,
    /// Proxies, whose connections carry the requests of many clients. Neither they nor connections of this machine are
    /// limited by address.
    pub proxies: Vec<IpNet>,
    /// Size of the head of a request in bytes.
    pub head_bytes: usize,
    /// Number of headers of a request.
    pub headers: usize,
    /// Time after the signal to stop in which connections are still accepted while `/health/ready` answers 503, so that
    /// load balancers notice in time.
    pub drain: Duration,
    /// Time for requests in progress when the server stops.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            // the load balancer must be the one that closes an idle connection, and some keep them for ten minutes
            idle: Duration::from_secs(620),
            request: Duration::from_secs(30),
            write: Duration::from_secs(30),
            connections: 10_000,
            per_client: 1_000,
            proxies: Vec::new(),
            head_bytes: 32 * 1024,
            headers: 100,
            drain: Duration::ZERO,
            shutdown: Duration::from_secs(10),
        }
    }
}

/// Serves `app` until `shutdown` resolves and [`Limits::drain`] has passed. Then it accepts no more connections, finishes
/// the requests in progress and returns, after [`Limits::shutdown`] at the latest.
///
/// The peer's address is in the extensions of each request, as `ConnectInfo<SocketAddr>`, and so is [`Stopping`].
///
/// A connection that leaves HTTP, as a WebSocket does, counts as one with a request in progress. When the server stops,
/// it reads its end; what is still open at the end of [`Limits::shutdown`] is cut off.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let stopping = watch::Sender::new(Stage::Serving);
    let mut connections = JoinSet::new();
    let stopped = async {
        shutdown.await;
        if !limits.drain.is_zero() {
            stopping.send_replace(Stage::Draining);
            tracing::info!(seconds = limits.drain.as_secs(), "draining");
            tokio::time::sleep(limits.drain).await;
        }
    };
    let per_client = limits.per_client.min(limits.connections / 2).max(1);
    let acceptor = Acceptor {
        permits: Arc::new(Semaphore::new(limits.connections)),
        open: Arc::new(Connections::new(per_client, limits.proxies.clone())),
        app,
        limits: Arc::new(limits.clone()),
        stopping: Stopping::new(stopping.subscribe()),
    };
    let mut stopped = std::pin::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            () = &mut stopped => break,
            accepted = acceptor.accept(&listener) => accepted,
        };
        // removes finished connections, so that the set does not grow
        while connections.try_join_next().is_some() {}
        match accepted {
            Accepted::Connection(stream, connection) => {
                connections.spawn(connection.run(stream));
            }
            Accepted::Refused => {}
            Accepted::Closed => break,
        }
    }
    drop(listener);
    stopping.send_replace(Stage::Stopping);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.shutdown, finished)
        .await
        .is_err()
    {
        tracing::warn!("some requests did not finish in time and were aborted");
    }
    stopping.send_replace(Stage::Stopped);
}

/// Accepts connections and gives each what its requests need.
struct Acceptor {
    permits: Arc<Semaphore>,
    open: Arc<Connections>,
    app: Router,
    limits: Arc<Limits>,
    stopping: Stopping,
}

enum Accepted {
    Connection(TcpStream, Box<Connection>),
    /// The client has too many connections, and none of them is idle.
    Refused,
    Closed,
}

impl Acceptor {
    /// Accepts the next connection and waits for a place for it.
    async fn accept(&self, listener: &TcpListener) -> Accepted {
        let (stream, peer) = next_connection(listener).await;
        let phase = Arc::new(Phase::default());
        let Some(open) = self.open.add(peer.ip(), &phase) else {
            return Accepted::Refused;
        };
        let Some(permit) = self.place(&open).await else {
            return Accepted::Closed;
        };
        let connection = Connection {
            app: self.app.clone(),
            limits: Arc::clone(&self.limits),
            peer,
            phase,
            stopping: self.stopping.clone(),
            open,
            _permit: permit,
        };
        Accepted::Connection(stream, Box::new(connection))
    }

    /// Waits for a permit for a new connection, and ends the idlest of the others while there is none.
    async fn place(&self, new: &OpenConnection) -> Option<OwnedSemaphorePermit> {
        const LOOK_AGAIN: Duration = Duration::from_millis(50);
        loop {
            if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
                return Some(permit);
            }
            self.open.shed_idlest(new);
            let permit = Arc::clone(&self.permits).acquire_owned();
            if let Ok(permit) = tokio::time::timeout(LOOK_AGAIN, permit).await {
                return permit.ok();
            }
        }
    }
}

/// Accepts the next connection, however long the system has no file descriptor for it.
async fn next_connection(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    const LONGEST_PAUSE: Duration = Duration::from_secs(1);
    let mut pause = Duration::from_millis(5);
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // most likely no file descriptor is left: wait until other connections end
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// A connection with the state that its requests need.
struct Connection {
    app: Router,
    limits: Arc<Limits>,
    peer: SocketAddr,
    phase: Arc<Phase>,
    stopping: Stopping,
    open: OpenConnection,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self: Box<Self>, stream: TcpStream) {
        // answers are small: waiting to fill a packet would only delay them
        let _ = stream.set_nodelay(true);
        let (open, closed) = oneshot::channel();
        self.speak_http(stream, open).await;
        if self.phase.is_upgraded() {
            // the handler has the stream now: the connection keeps its place until it is closed
            let _ = closed.await;
        }
    }

    /// Answers requests until the connection ends or leaves HTTP. The stream keeps `open` for as long as it exists.
    async fn speak_http(&self, stream: TcpStream, open: oneshot::Sender<()>) {
        let limits = &self.limits;
        let phase = Arc::clone(&self.phase);
        let stopping = self.stopping.clone();
        let times = (limits.head, limits.write);
        let stream = TimedStream::new(stream, phase, times, stopping, open);
        let service = service_fn(|request| self.answer(request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle)
            .max_headers(limits.headers)
            .max_header_size(limits.head_bytes)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stopping.clone().wait() => {
                // a request in progress is finished
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            () = self.open.shed() => {
                // the rest of an answer may still be under way; half a request is not waited for
                connection.as_mut().graceful_shutdown();
                let ended = tokio::time::timeout(SHED_GRACE, connection).await;
                ended.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response, Infallible> {
        self.phase.begin_request();
        let mut response = if host::is_valid(&request) {
            self.pass_on(request).await
        } else {
            host::refusal()
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.phase.upgrade();
            return Ok(response);
        }
        if self.stopping.has_begun() {
            // the next request goes to another node
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        self.phase.end_request();
        Ok(response)
    }

    /// Answers a request within its time.
    async fn pass_on(&self, request: Request<Incoming>) -> Response {
        let in_chunks = request.headers().contains_key(TRANSFER_ENCODING);
        let progress = Arc::new(Progress::default());
        let mut request =
            request.map(|inner| Body::new(TrackedBody::new(inner, Arc::clone(&progress))));
        request.extensions_mut().insert(ConnectInfo(self.peer));
        request.extensions_mut().insert(self.stopping.clone());
        let answer = self.app.clone().oneshot(request);
        let mut response = match progress.wait(self.limits.request, answer).await {
            Some(Ok(response)) => response,
            None => timeout_answer(progress.has_ended()),
        };
        if in_chunks {
            // hyper drops a `Content-Length` beside the chunks. A proxy that trusted the length would take the rest
            // for another request: close the connection instead of reading it (RFC 9112 section 6.1)
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Answers 503 if the client had sent its whole request, so that the server was slow, else 408.
fn timeout_answer(body_ended: bool) -> Response {
    let problem = if body_ended {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "timeout",
            "the request took too long",
        )
        .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
    } else {
        Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            "the request was sent too slowly",
        )
        .with_header(CONNECTION, HeaderValue::from_static("close"))
    };
    problem.into_response()
}

#[cfg(test)]
mod tests;
