//! A connection with time limits on reading a request's head and on writing, which ends with the server.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until};

use super::stopping::{Stage, Stopping};

/// The state that a connection shares with its requests.
#[derive(Debug)]
pub(super) struct Phase {
    in_request: AtomicBool,
    /// Set when the connection leaves HTTP.
    is_upgraded: AtomicBool,
    /// Set when the connection must end because another one needs its place.
    is_given_up: AtomicBool,
    /// The number of requests that began.
    requests: AtomicU64,
    opened: Instant,
    /// The end of the last request, in microseconds since `opened`.
    idle_after: AtomicU64,
}

impl Default for Phase {
    fn default() -> Self {
        Self {
            in_request: AtomicBool::new(false),
            is_upgraded: AtomicBool::new(false),
            is_given_up: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            opened: Instant::now(),
            idle_after: AtomicU64::new(0),
        }
    }
}

impl Phase {
    /// Marks that the head of a request is complete. From here on, the time-out of the handler applies.
    pub(super) fn begin_request(&self) {
        self.in_request.store(true, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Marks that the answer is complete.
    pub(super) fn end_request(&self) {
        let now = u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.idle_after.store(now, Ordering::Relaxed);
        self.in_request.store(false, Ordering::Relaxed);
    }

    /// Marks that the answer to the current request turns the connection into one of another protocol, such as a WebSocket.
    /// It is never idle again, since nothing here knows that protocol.
    pub(super) fn upgrade(&self) {
        self.is_upgraded.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.is_upgraded.load(Ordering::Relaxed)
    }

    /// Returns the time since when the connection has been waiting for a request; `None` during a request, or if it is
    /// about to end.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let is_busy =
            self.in_request.load(Ordering::Relaxed) || self.is_given_up.load(Ordering::Relaxed);
        let after = Duration::from_micros(self.idle_after.load(Ordering::Relaxed));
        (!is_busy).then(|| self.opened + after)
    }

    /// Returns true if a request was ever sent.
    pub(super) fn has_served(&self) -> bool {
        self.requests.load(Ordering::Relaxed) > 0
    }

    /// Marks that the connection is about to end.
    pub(super) fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Relaxed);
    }
}

/// Fails if the head of a request takes too long from its first byte (for the first request, from the start of the
/// connection), or if the peer stops reading.
///
/// hyper's own header time-out also covers idle connections, so that it cannot be short; it is used as the idle
/// time-out.
pub(super) struct TimedStream<S> {
    inner: S,
    phase: Arc<Phase>,
    head_limit: Duration,
    write_limit: Duration,
    head: Option<Pin<Box<Sleep>>>,
    /// The number of requests that had begun when `head` was last checked.
    requests: u64,
    write: Option<Pin<Box<Sleep>>>,
    stopping: Stopping,
    /// Resolves when the server stops; only for a connection that left HTTP.
    stopped: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Closed with the stream, which the handler of another protocol owns.
    _open: oneshot::Sender<()>,
}

impl<S> TimedStream<S> {
    pub(super) fn new(
        inner: S,
        phase: Arc<Phase>,
        (head_limit, write_limit): (Duration, Duration),
        stopping: Stopping,
        open: oneshot::Sender<()>,
    ) -> Self {
        Self {
            inner,
            phase,
            head_limit,
            write_limit,
            head: Some(timer(head_limit)),
            requests: 0,
            write: None,
            stopping,
            stopped: None,
            _open: open,
        }
    }

    /// Returns true if the stream of another protocol has to end for its reader, who may still say goodbye. hyper ends
    /// HTTP connections itself.
    fn has_read_end(&mut self, context: &mut Context<'_>) -> bool {
        if !self.phase.is_upgraded() {
            return false;
        }
        // checked first: a future must not be polled again after it has resolved
        if self.stopping.has_reached(Stage::Stopping) {
            return true;
        }
        let stopping = &self.stopping;
        let stopped = self
            .stopped
            .get_or_insert_with(|| Box::pin(stopping.clone().wait()));
        stopped.as_mut().poll(context).is_ready()
    }

    /// Fails if the stream of another protocol is cut off.
    fn check_write(&self) -> io::Result<()> {
        if self.phase.is_upgraded() && self.stopping.has_reached(Stage::Stopped) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    /// Fails a write that makes no progress for too long.
    fn watch_write<T>(
        &mut self,
        context: &mut Context<'_>,
        progress: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.write = None;
            return progress;
        }
        let limit = self.write_limit;
        let timer = self.write.get_or_insert_with(|| timer(limit));
        timer
            .as_mut()
            .poll(context)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

fn timer(limit: Duration) -> Pin<Box<Sleep>> {
    Box::pin(sleep_until(Instant::now() + limit))
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.has_read_end(context) {
            return Poll::Ready(Ok(()));
        }
        let progress = Pin::new(&mut this.inner).poll_read(context, buffer);
        let requests = this.phase.requests.load(Ordering::Relaxed);
        if this.requests != requests {
            // the head is complete
            this.requests = requests;
            this.head = None;
        }
        if this.phase.in_request.load(Ordering::Relaxed) {
            return progress;
        }
        if progress.is_ready() {
            let limit = this.head_limit;
            // the first byte starts the timer; later bytes do not restart it
            this.head.get_or_insert_with(|| timer(limit));
        }
        match &mut this.head {
            Some(timer) if progress.is_pending() => timer
                .as_mut()
                .poll(context)
                .map(|()| Err(io::ErrorKind::TimedOut.into())),
            _ => progress,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_write()?;
        let progress = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.watch_write(context, progress)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_write()?;
        let progress = Pin::new(&mut self.inner).poll_write_vectored(context, bytes);
        self.watch_write(context, progress)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.inner).poll_flush(context);
        self.watch_write(context, progress)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.inner).poll_shutdown(context);
        self.watch_write(context, progress)
    }
}
