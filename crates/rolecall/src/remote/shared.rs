use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rolecall_core::Revision;
use tokio::sync::{Notify, watch};

use super::{
    failure::Failure,
    http::Fetcher,
    metadata::{Issuer, Metadata},
};
use crate::{Clock, live::LiveState};

/// The minimum time between two loads of the keys because of tokens with unknown keys.
const LOAD_INTERVAL: Duration = Duration::from_secs(10);

/// The data that the background task shares with the guard.
pub(super) struct Shared {
    pub(super) issuer: Issuer,
    pub(super) http: Fetcher,
    pub(super) state: LiveState,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) max_staleness: Duration,
    /// The issuer's metadata, once it is loaded.
    pub(super) metadata: watch::Sender<Option<Arc<Metadata>>>,
    /// Notified when a token has an unknown key.
    unknown_key: Notify,
    /// Notified when the feed reports that the keys have changed.
    pub(super) keys_changed: Notify,
    progress: Mutex<Progress>,
}

/// The progress of the background task, for the status of the guard and for decisions about loading keys.
#[derive(Clone, Default)]
pub(crate) struct Progress {
    pub(crate) connected: bool,
    pub(crate) cursor: Option<String>,
    pub(crate) policy_revision: Option<Revision>,
    pub(crate) key_loads: u64,
    pub(crate) feed_answers: u64,
    pub(crate) failures: u64,
    keys_failure: Option<Failure>,
    feed_failure: Option<Failure>,
    loading: bool,
    /// True if a token has asked for keys since the last attempt to load them.
    keys_requested: bool,
    /// The monotonic time of the last attempt to load the keys.
    tried_at: Option<Duration>,
    /// The monotonic time of the last successful load of the keys.
    loaded_at: Option<Duration>,
}

impl Progress {
    /// Returns the reason for the last failure to load keys, or else to read the feed.
    pub(crate) fn last_failure(&self) -> Option<String> {
        let failure = self.keys_failure.as_ref().or(self.feed_failure.as_ref());
        failure.map(ToString::to_string)
    }
}

/// A load of the keys that is in progress until this is dropped.
pub(super) struct Loading<'a>(&'a Shared);

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.0.progress().loading = false;
    }
}

impl Shared {
    pub(super) fn new(
        issuer: Issuer,
        http: Fetcher,
        state: LiveState,
        clock: Arc<dyn Clock>,
        max_staleness: Duration,
    ) -> Self {
        Self {
            issuer,
            http,
            state,
            clock,
            max_staleness,
            metadata: watch::Sender::new(None),
            unknown_key: Notify::new(),
            keys_changed: Notify::new(),
            progress: Mutex::default(),
        }
    }

    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests a load of the keys for a token with an unknown key, unless they were loaded recently.
    ///
    /// Returns true if keys are being loaded or will be, so that the caller should try again.
    pub(super) fn request_keys(&self) -> bool {
        let now = self.clock.monotonic();
        let is_recent = |at: Option<Duration>| at.is_some_and(|at| now < at + LOAD_INTERVAL);
        let mut progress = self.progress();
        if progress.loading {
            return true;
        }
        if is_recent(progress.loaded_at) {
            return false;
        }
        // one notification is enough for all requests until the next attempt
        if !is_recent(progress.tried_at) && !std::mem::replace(&mut progress.keys_requested, true) {
            self.unknown_key.notify_one();
        }
        true
    }

    pub(super) fn begin_load(&self) -> Loading<'_> {
        let mut progress = self.progress();
        progress.loading = true;
        progress.keys_requested = false;
        progress.tried_at = Some(self.clock.monotonic());
        Loading(self)
    }

    /// Resolves when a token with an unknown key requests a load of the keys.
    ///
    /// A notification from before the last load is ignored, since it would cause another load immediately.
    pub(super) async fn keys_requested(&self) {
        loop {
            self.unknown_key.notified().await;
            if self.progress().keys_requested {
                return;
            }
        }
    }

    pub(super) fn record_load(&self) {
        let mut progress = self.progress();
        let is_first = progress.loaded_at.is_none();
        progress.key_loads += 1;
        progress.loaded_at = Some(self.clock.monotonic());
        if progress.keys_failure.take().is_some() || is_first {
            tracing::info!(issuer = self.issuer.name, "the issuer's keys are loaded");
        }
    }

    pub(super) fn record_answer(&self, cursor: &str, policy_revision: Revision) {
        let mut progress = self.progress();
        progress.feed_answers += 1;
        progress.cursor = Some(cursor.to_owned());
        progress.policy_revision = Some(policy_revision);
        progress.feed_failure = None;
        if !std::mem::replace(&mut progress.connected, true) {
            tracing::info!(issuer = self.issuer.name, "connected to the issuer's feed");
        }
    }

    /// Records a failure to load the keys; it is logged only when the reason changes.
    pub(super) fn record_keys_failure(&self, failure: &Failure) {
        let mut progress = self.progress();
        progress.failures += 1;
        if progress.keys_failure.as_ref() != Some(failure) {
            progress.keys_failure = Some(failure.clone());
            tracing::warn!(issuer = self.issuer.name, %failure, "the issuer's keys cannot be loaded");
        }
    }

    /// Records a failure to read the feed; it is logged only when the reason changes.
    pub(super) fn record_feed_failure(&self, failure: &Failure) {
        let mut progress = self.progress();
        progress.failures += 1;
        progress.connected = false;
        if progress.feed_failure.as_ref() != Some(failure) {
            progress.feed_failure = Some(failure.clone());
            tracing::warn!(issuer = self.issuer.name, %failure, "the issuer's feed cannot be read");
        }
    }
}
