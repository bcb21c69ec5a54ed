//! Bodies of requests that nobody has read when the answer is ready, such as that of a caller who is refused.
//!
//! hyper ends a connection whose body it has not seen the end of, and the next request on it is lost. So the rest is read,
//! for a moment, or the answer says that the connection ends.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use http::{
    HeaderValue, Version,
    header::{CONNECTION, EXPECT},
};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Frame, SizeHint};

/// The time for which the rest of a body is awaited.
const WAIT: Duration = Duration::from_millis(500);
/// The most bytes of it that are read.
const MOST: usize = 64 * 1024;

/// The body of a request, which its handler and the layer share.
#[derive(Clone)]
pub(super) struct Unread(Arc<Mutex<Limited<Body>>>);

impl Unread {
    /// Limits the body of a request to `max` bytes. Returns its rest, unless there is none to read.
    pub(super) fn limited(request: Request, max: usize) -> (Request, Option<Self>) {
        let is_whole = request.body().is_end_stream() || request.version() > Version::HTTP_11;
        if is_whole {
            return (request.map(|body| Body::new(Limited::new(body, max))), None);
        }
        let mut rest = None;
        let request = request.map(|body| {
            let shared = Self(Arc::new(Mutex::new(Limited::new(body, max))));
            rest = Some(shared.clone());
            Body::new(shared)
        });
        (request, rest)
    }

    /// Reads the rest, or says in the answer that the connection ends. `expects` is true for a client that waits for leave
    /// to send the body (RFC 9110 section 10.1.1), which it must not get any more.
    pub(super) async fn finish(self, mut response: Response, expects: bool) -> Response {
        // somebody still reads it, such as a handler that answers while it reads
        let is_in_use = Arc::strong_count(&self.0) > 1;
        if is_in_use || self.is_end_stream() {
            return response;
        }
        let is_read = !expects && tokio::time::timeout(WAIT, self.skip()).await == Ok(true);
        if !is_read {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        response
    }

    /// Reads to the end; false if that is too far away.
    async fn skip(mut self) -> bool {
        let mut read = 0;
        while let Some(frame) = self.frame().await {
            let Ok(frame) = frame else { return false };
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > MOST {
                return false;
            }
        }
        true
    }
}

/// Returns true for a client that waits for leave to send the body.
pub(super) fn expects_leave(request: &Request) -> bool {
    request.headers().contains_key(EXPECT)
}

impl HttpBody for Unread {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        body.size_hint()
    }
}
