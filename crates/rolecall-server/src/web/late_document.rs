//! The OpenAPI document of a server, written when somebody asks for it.

use std::sync::LazyLock;

use axum::body::Bytes;
use rolecall::openapi::DocumentError;

use crate::error::ApiError;

type Write = Box<dyn FnOnce() -> Result<Bytes, String> + Send>;

/// A document that is written on first use: it would take a good part of each start, and few servers are asked for it.
pub(crate) struct LateDocument(LazyLock<Result<Bytes, String>, Write>);

impl LateDocument {
    pub(crate) fn new(
        write: impl FnOnce() -> Result<String, DocumentError> + Send + 'static,
    ) -> Self {
        let write = || write().map(Bytes::from).map_err(|error| error.to_string());
        Self(LazyLock::new(Box::new(write)))
    }

    /// Returns the document as JSON.
    ///
    /// # Errors
    ///
    /// If it and the routes disagree, which a test rules out.
    pub(crate) fn text(&self) -> Result<Bytes, ApiError> {
        let written = LazyLock::force(&self.0).as_ref();
        written
            .cloned()
            .map_err(|error| ApiError::internal(std::io::Error::other(error.clone())))
    }
}

impl Default for LateDocument {
    fn default() -> Self {
        Self::new(|| Ok(String::new()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[test]
    fn a_document_is_written_once_and_not_before_somebody_asks() {
        let written = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&written);
        let document = LateDocument::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Ok("{}".to_owned())
        });
        assert_eq!(written.load(Ordering::Relaxed), 0);
        for _ in 0..2 {
            assert_eq!(document.text().unwrap(), "{}");
        }
        assert_eq!(written.load(Ordering::Relaxed), 1);
    }
}
