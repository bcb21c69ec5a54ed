//! The stages in which a server stops, as connections and handlers see them.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use tokio::sync::watch;

/// The stages of a server, in their order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Stage {
    Serving,
    /// The server still accepts connections, and asks clients and load balancers to go elsewhere.
    Draining,
    /// The server finishes the requests in progress.
    Stopping,
    /// What is still open now is cut off.
    Stopped,
}

/// Lets a handler that keeps a connection open know when the server stops, so that it can say goodbye.
///
/// As an extractor it never fails. Behind another server than rolecall's it never resolves.
///
/// A WebSocket reads its end when the server stops, and can still send for ten seconds:
///
/// ```
/// use rolecall_server::Stopping;
///
/// async fn until_stopped(stopping: Stopping, received: impl Future<Output = Option<String>>) -> Option<String> {
///     tokio::select! {
///         // asked first: otherwise the end of the connection could be noticed before its reason
///         biased;
///         () = stopping.wait() => None,
///         message = received => message,
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Stopping(Option<watch::Receiver<Stage>>);

impl Stopping {
    pub(super) fn new(stage: watch::Receiver<Stage>) -> Self {
        Self(Some(stage))
    }

    /// Resolves when the server stops.
    pub async fn wait(self) {
        let Some(mut stage) = self.0 else {
            return std::future::pending().await;
        };
        let _ = stage.wait_for(|stage| *stage >= Stage::Stopping).await;
    }

    /// Returns `true` after the signal to stop.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.has_reached(Stage::Draining)
    }

    pub(super) fn has_reached(&self, stage: Stage) -> bool {
        let current = self.0.as_ref().map(|current| *current.borrow());
        current.is_some_and(|current| current >= stage)
    }
}

impl<S: Sync> FromRequestParts<S> for Stopping {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let found = parts.extensions.get::<Self>().cloned();
        Ok(found.unwrap_or(Self(None)))
    }
}
