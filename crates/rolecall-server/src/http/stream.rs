//! A connection that cannot be held open by doing nothing.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// What the connection and its requests tell each other.
#[derive(Debug, Default)]
pub(super) struct Phase {
    in_request: AtomicBool,
    /// How many requests have begun.
    requests: AtomicU64,
}

impl Phase {
    /// A request's head is complete and its handler runs; the handler has its own time-out.
    pub(super) fn begin_request(&self) {
        self.in_request.store(true, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// The answer is there.
    pub(super) fn end_request(&self) {
        self.in_request.store(false, Ordering::Relaxed);
    }
}

/// Ends the connection with an error if a request's head takes too long from its first byte
/// (from the beginning, for the first one), or if the peer does not take what is written.
///
/// hyper's own header time-out also covers idle connections, so that it cannot be short; it
/// serves as the idle time-out.
pub(super) struct TimedStream<S> {
    inner: S,
    phase: Arc<Phase>,
    head_limit: Duration,
    write_limit: Duration,
    head: Option<Pin<Box<Sleep>>>,
    /// The requests that had begun when `head` was last looked at.
    requests: u64,
    write: Option<Pin<Box<Sleep>>>,
}

impl<S> TimedStream<S> {
    pub(super) fn new(
        inner: S,
        phase: Arc<Phase>,
        head_limit: Duration,
        write_limit: Duration,
    ) -> Self {
        Self {
            inner,
            phase,
            head_limit,
            write_limit,
            head: Some(timer(head_limit)),
            requests: 0,
            write: None,
        }
    }

    /// Turns a write that made no progress for too long into an error.
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
        let progress = Pin::new(&mut this.inner).poll_read(context, buffer);
        let requests = this.phase.requests.load(Ordering::Relaxed);
        if this.requests != requests {
            // The head that was being timed is complete.
            this.requests = requests;
            this.head = None;
        }
        if this.phase.in_request.load(Ordering::Relaxed) {
            return progress;
        }
        if progress.is_ready() {
            let limit = this.head_limit;
            // The first byte starts the clock, later ones do not set it back.
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
        let progress = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.watch_write(context, progress)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
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
