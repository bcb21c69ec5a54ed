//! The time that a request may take, which grows with the body that it sends.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Instant, timeout_at};

/// A body that arrives at this rate, half a megabit a second, is not cut off.
const BYTES_PER_SECOND: u64 = 64 * 1024;

/// The progress of a request's body.
#[derive(Debug, Default)]
pub(super) struct Progress {
    received: AtomicU64,
    has_ended: AtomicBool,
}

impl Progress {
    /// Returns true if the handler has read the body to its end.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    /// Waits for `answer`: for `limit`, and a second more for each 64 KiB of the body that have arrived. Returns `None`
    /// if it takes longer.
    pub(super) async fn wait<F: Future>(&self, limit: Duration, answer: F) -> Option<F::Output> {
        let begun = Instant::now();
        let mut answer = pin!(answer);
        loop {
            let allowed = self.allowed(limit);
            match timeout_at(begun + allowed, answer.as_mut()).await {
                Ok(output) => return Some(output),
                Err(_) if self.allowed(limit) > allowed => {}
                Err(_) => return None,
            }
        }
    }

    fn allowed(&self, limit: Duration) -> Duration {
        let received = self.received.load(Ordering::Relaxed);
        limit + Duration::from_secs(received / BYTES_PER_SECOND)
    }
}

/// A request body that records its progress.
pub(super) struct TrackedBody {
    inner: Incoming,
    progress: Arc<Progress>,
}

impl TrackedBody {
    pub(super) fn new(inner: Incoming, progress: Arc<Progress>) -> Self {
        let ended = inner.is_end_stream();
        progress.has_ended.store(ended, Ordering::Relaxed);
        Self { inner, progress }
    }
}

impl HttpBody for TrackedBody {
    type Data = <Incoming as HttpBody>::Data;
    type Error = <Incoming as HttpBody>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(data) = frame.data_ref()
        {
            let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
            self.progress.received.fetch_add(length, Ordering::Relaxed);
        }
        if matches!(frame, Poll::Ready(None)) || self.inner.is_end_stream() {
            self.progress.has_ended.store(true, Ordering::Relaxed);
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
mod tests {
    use super::*;

    #[test]
    fn x077_a_body_that_trickles_in_gets_no_more_time() {
        let limit = Duration::from_secs(30);
        for (received, seconds) in [
            (0, 30),
            (1, 30),
            (BYTES_PER_SECOND - 1, 30),
            (BYTES_PER_SECOND, 31),
            (50 * 1024 * 1024, 830),
        ] {
            let progress = Progress::default();
            progress.received.store(received, Ordering::Relaxed);
            assert_eq!(progress.allowed(limit).as_secs(), seconds, "{received}");
        }
    }

    #[tokio::test]
    async fn only_an_answer_in_time_is_returned() {
        let progress = Progress::default();
        let answer = progress
            .wait(Duration::from_hours(1), async { "done" })
            .await;
        assert_eq!(answer, Some("done"));
        let late = std::future::pending::<()>();
        assert_eq!(progress.wait(Duration::from_millis(1), late).await, None);
    }
}
