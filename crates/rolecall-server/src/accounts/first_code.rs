//! The code for the first administrator, as a node keeps it.

use std::sync::{Mutex, PoisonError};

/// The hash of the code that this process has printed, until it is used.
#[derive(Default)]
pub(crate) struct FirstRun(Mutex<Option<String>>);

impl FirstRun {
    /// Keeps the hash of a code, or none.
    pub(super) fn set(&self, hash: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = hash;
    }

    /// Returns true if there is a code.
    pub(super) fn is_set(&self) -> bool {
        let hash = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hash.is_some()
    }

    /// Takes the code if it is this one, so that of two who use it at once only one does.
    pub(super) fn take(&self, hash: &str) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take_if(|kept| kept == hash).is_some()
    }
}
