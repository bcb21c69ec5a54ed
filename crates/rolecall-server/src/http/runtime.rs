//! Accepting connections and serving them, with limits that hold.
//!
//! `axum::serve` sets no timer, so that hyper's header time-out does nothing there; this
//! loop does.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONNECTION, RETRY_AFTER, TRANSFER_ENCODING};
use http::{HeaderValue, Request, StatusCode};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rolecall::Problem;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::stream::{Phase, TimedStream};

/// How long and how much a client may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For the head of a request, from its first byte; for the first one, from the beginning.
    pub head: Duration,
    /// For the next request of a connection to begin. Longer than proxies keep theirs.
    pub idle: Duration,
    /// For a request from its head to the head of the answer, its body included.
    pub request: Duration,
    /// For the peer to take some of what is written.
    pub write: Duration,
    /// Connections at the same time; more wait in the system's queue.
    pub connections: usize,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Headers of a request.
    pub headers: usize,
    /// For requests that run when the server is told to stop.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            request: Duration::from_secs(30),
            write: Duration::from_secs(30),
            connections: 10_000,
            head_bytes: 32 * 1024,
            headers: 100,
            shutdown: Duration::from_secs(10),
        }
    }
}

/// Serves `app` until `shutdown` resolves; then takes no more connections, lets the requests
/// that run finish and returns, after [`Limits::shutdown`] at the latest.
///
/// Handlers find the peer's address as `ConnectInfo<SocketAddr>`.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let permits = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let stopping = watch::Sender::new(false);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        // Finished ones are let go here, so that the set does not grow.
        while connections.try_join_next().is_some() {}
        let Some((stream, peer, permit)) = accepted else {
            break;
        };
        let connection = Connection {
            app: app.clone(),
            limits,
            peer,
            stopping: Stopping(stopping.subscribe()),
        };
        connections.spawn(connection.run(stream, graceful.watcher(), permit));
    }
    drop(listener);
    stopping.send_replace(true);
    let finished = async {
        graceful.shutdown().await;
        while connections.join_next().await.is_some() {}
    };
    if tokio::time::timeout(limits.shutdown, finished)
        .await
        .is_err()
    {
        tracing::warn!("some requests did not finish in time and were cut off");
    }
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    const LONGEST_PAUSE: Duration = Duration::from_secs(1);
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    let mut pause = Duration::from_millis(5);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return Some((stream, peer, permit)),
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                // Most likely no file descriptor is left: others will end.
                tracing::error!(%error, "a connection could not be accepted");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// One connection and what its requests need.
struct Connection {
    app: Router,
    limits: Limits,
    peer: SocketAddr,
    stopping: Stopping,
}

/// Lets a request that waits for something know that the server is told to stop: in the extensions of
/// each request.
#[derive(Clone, Debug)]
pub(crate) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Resolves when the server is told to stop.
    pub(crate) async fn told(mut self) {
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

impl Connection {
    async fn run(self, stream: TcpStream, watcher: Watcher, permit: OwnedSemaphorePermit) {
        // Answers are small; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let limits = self.limits;
        let phase = Arc::new(Phase::default());
        let stream = TimedStream::new(stream, Arc::clone(&phase), limits.head, limits.write);
        let service = service_fn(|request| self.answer(request, &phase));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle)
            .max_headers(limits.headers)
            .max_header_size(limits.head_bytes)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, "a connection ended");
        }
        drop(permit);
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        phase: &Phase,
    ) -> Result<Response, Infallible> {
        phase.begin_request();
        let in_chunks = request.headers().contains_key(TRANSFER_ENCODING);
        let body_ended = Arc::new(AtomicBool::new(request.body().is_end_stream()));
        let mut request = request.map(|inner| {
            Body::new(TrackedBody {
                inner,
                ended: Arc::clone(&body_ended),
            })
        });
        request.extensions_mut().insert(ConnectInfo(self.peer));
        request.extensions_mut().insert(self.stopping.clone());
        let answer = self.app.clone().oneshot(request);
        let mut response = match tokio::time::timeout(self.limits.request, answer).await {
            Ok(Ok(response)) => response,
            Err(_) => took_too_long(body_ended.load(Ordering::Relaxed)),
        };
        if in_chunks {
            // a length beside the chunks is dropped by hyper before anybody sees it. Where a proxy went by that
            // length, what follows the chunks is no request of its own: it is not read (RFC 9112 section 6.1)
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        phase.end_request();
        Ok(response)
    }
}

/// Whose fault it was shows in whether the client had sent its whole request.
fn took_too_long(body_ended: bool) -> Response {
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

/// A request body that remembers whether it was read to its end.
struct TrackedBody {
    inner: Incoming,
    ended: Arc<AtomicBool>,
}

impl HttpBody for TrackedBody {
    type Data = <Incoming as HttpBody>::Data;
    type Error = <Incoming as HttpBody>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) || self.inner.is_end_stream() {
            self.ended.store(true, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests;
