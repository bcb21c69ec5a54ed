//! Accepts and serves connections within limits.
//!
//! `axum::serve` sets no timer, without which hyper's time-outs do nothing.

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

use super::host;
use super::stream::{Phase, TimedStream};

/// Limits on the time and resources that a client may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time for the head of a request from its first byte; for the first request, from the start of the connection.
    pub head: Duration,
    /// Time until the next request on a connection; longer than proxies keep idle connections.
    pub idle: Duration,
    /// Time from the head of a request to the head of its answer, including the request's body.
    pub request: Duration,
    /// Time in which the peer must read some of the answer.
    pub write: Duration,
    /// Simultaneous connections; more wait in the queue of the system.
    pub connections: usize,
    /// Size of the head of a request in bytes.
    pub head_bytes: usize,
    /// Number of headers of a request.
    pub headers: usize,
    /// Time for requests in progress when the server stops.
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

/// Serves `app` until `shutdown` resolves. Then it accepts no more connections, finishes the requests in progress
/// and returns, after [`Limits::shutdown`] at the latest.
///
/// The peer's address is in the extensions of each request, as `ConnectInfo<SocketAddr>`.
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
        // removes finished connections, so that the set does not grow
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
        tracing::warn!("some requests did not finish in time and were aborted");
    }
}

/// Waits for a permit and accepts the next connection.
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
    limits: Limits,
    peer: SocketAddr,
    stopping: Stopping,
}

/// Tells a waiting handler when the server stops; in the extensions of each request.
#[derive(Clone, Debug)]
pub(crate) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Resolves when the server stops.
    pub(crate) async fn wait(mut self) {
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

impl Connection {
    async fn run(self, stream: TcpStream, watcher: Watcher, permit: OwnedSemaphorePermit) {
        // answers are small: waiting to fill a packet would only delay them
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
        let response = if host::is_valid(&request) {
            self.pass_on(request).await
        } else {
            host::refusal()
        };
        phase.end_request();
        Ok(response)
    }

    /// Answers a request within its time.
    async fn pass_on(&self, request: Request<Incoming>) -> Response {
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
            Err(_) => timeout_answer(body_ended.load(Ordering::Relaxed)),
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

/// A request body that records when it was read to its end.
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
