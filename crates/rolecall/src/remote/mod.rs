//! A guard that follows an issuer from another process: its keys, and what it took away.
//!
//! One task does all of it. A request never waits for it: it finds a state that is known, or is answered
//! 503.

mod backoff;
mod failure;
mod feed;
mod http;
mod keys;
mod metadata;
mod time;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rolecall_core::Revision;
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    task::JoinHandle,
};
use zeroize::Zeroizing;

use self::{
    failure::Failure,
    http::Fetcher,
    metadata::{Issuer, Metadata},
};
use crate::{Clock, GuardError, GuardStatus, LiveState};

/// Tokens with unknown keys make the keys be loaded at most this often.
const LOAD_INTERVAL: Duration = Duration::from_secs(10);

/// What of a guard's settings is about its issuer.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) client: Option<Credentials>,
    pub(crate) insecure_http: bool,
}

/// What the guard proves to the issuer that it is.
#[derive(Clone)]
pub(crate) struct Credentials {
    id: String,
    secret: Zeroizing<String>,
}

impl Credentials {
    pub(crate) fn new(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: Zeroizing::new(secret.to_owned()),
        }
    }
}

/// The task that follows the issuer; it ends with its guard.
pub(crate) struct Remote {
    shared: Arc<Shared>,
    client: Option<Credentials>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What the task and the guard share.
struct Shared {
    issuer: Issuer,
    http: Fetcher,
    state: LiveState,
    clock: Arc<dyn Clock>,
    max_staleness: Duration,
    /// How long the issuer may hold a request for the feed.
    wait: Duration,
    /// Between two requests, where holding one would take too long.
    pause: Option<Duration>,
    metadata: watch::Sender<Option<Arc<Metadata>>>,
    unknown_key: Notify,
    other_keys: Notify,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    connected: bool,
    cursor: Option<String>,
    policy_revision: Option<Revision>,
    key_loads: u64,
    feed_answers: u64,
    failures: u64,
    keys_failure: Option<Failure>,
    feed_failure: Option<Failure>,
    loading: bool,
    /// Whether a token asked for keys since they were last tried to be loaded.
    wanted: bool,
    /// When the keys were last tried to be loaded, and loaded: on the guard's monotonic clock.
    tried_at: Option<Duration>,
    loaded_at: Option<Duration>,
}

impl Remote {
    pub(crate) fn new(
        issuer: &str,
        settings: &Settings,
        state: LiveState,
        clock: Arc<dyn Clock>,
        max_staleness: Duration,
    ) -> Result<Self, GuardError> {
        let issuer = Issuer::new(issuer, settings.insecure_http)?;
        let http = Fetcher::new(issuer.is_secure())?;
        let wait = feed::wait_within(max_staleness);
        let shared = Shared {
            issuer,
            http,
            state,
            clock,
            max_staleness,
            wait,
            pause: feed::pause_within(max_staleness),
            metadata: watch::Sender::new(None),
            unknown_key: Notify::new(),
            other_keys: Notify::new(),
            progress: Mutex::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            client: settings.client.clone(),
            task: Mutex::new(None),
        })
    }

    /// Begins, unless it runs already or there is no runtime to run in.
    pub(crate) fn ensure_running(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            tracing::warn!("a guard of an issuer elsewhere needs a tokio runtime");
            return;
        };
        let shared = Arc::clone(&self.shared);
        let client = self.client.clone();
        *task = Some(runtime.spawn(async move {
            let keys = keys::follow(&shared);
            match &client {
                Some(client) => drop(tokio::join!(keys, feed::follow(&shared, client))),
                None => keys.await,
            }
        }));
    }

    /// A token names a key that is not known. Has the keys loaded, if that was not just done; tells whether
    /// there is hope.
    pub(crate) fn ask_for_keys(&self) -> bool {
        let now = self.shared.clock.monotonic();
        let recent = |at: Option<Duration>| at.is_some_and(|at| now < at + LOAD_INTERVAL);
        let mut progress = self.shared.progress();
        if progress.loading {
            return true;
        }
        if recent(progress.loaded_at) {
            return false;
        }
        if !recent(progress.tried_at) && !std::mem::replace(&mut progress.wanted, true) {
            self.shared.unknown_key.notify_one();
        }
        true
    }

    /// Adds what only a guard of an issuer elsewhere has.
    pub(crate) fn fill(&self, status: &mut GuardStatus) {
        let progress = self.shared.progress();
        status.connected = progress.connected;
        status.cursor.clone_from(&progress.cursor);
        status.policy_revision = progress.policy_revision;
        status.key_loads = progress.key_loads;
        status.feed_answers = progress.feed_answers;
        status.failures = progress.failures;
        let keys = progress.keys_failure.as_ref();
        let failure = keys.or(progress.feed_failure.as_ref());
        status.last_failure = failure.map(ToString::to_string);
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task {
            task.abort();
        }
    }
}

/// A load of the keys that is under way; it has ended when this is dropped.
struct Flight<'a>(&'a Shared);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.progress().loading = false;
    }
}

impl Shared {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_load(&self) -> Flight<'_> {
        let mut progress = self.progress();
        progress.loading = true;
        progress.wanted = false;
        progress.tried_at = Some(self.clock.monotonic());
        Flight(self)
    }

    /// Resolves when a token with an unknown key asks for keys. A wake-up that a load has overtaken counts
    /// for nothing: it would make another one at once.
    async fn asked_for_keys(&self) {
        loop {
            self.unknown_key.notified().await;
            if self.progress().wanted {
                return;
            }
        }
    }

    fn loaded(&self) {
        let mut progress = self.progress();
        let first = progress.loaded_at.is_none();
        progress.key_loads += 1;
        progress.loaded_at = Some(self.clock.monotonic());
        if progress.keys_failure.take().is_some() || first {
            tracing::info!(issuer = self.issuer.name, "the issuer's keys are loaded");
        }
    }

    fn heard(&self, cursor: &str, policy_revision: Revision) {
        let mut progress = self.progress();
        progress.feed_answers += 1;
        progress.cursor = Some(cursor.to_owned());
        progress.policy_revision = Some(policy_revision);
        progress.feed_failure = None;
        if !std::mem::replace(&mut progress.connected, true) {
            tracing::info!(issuer = self.issuer.name, "the issuer's feed answers");
        }
    }

    fn keys_failed(&self, failure: &Failure) {
        let mut progress = self.progress();
        progress.failures += 1;
        if progress.keys_failure.as_ref() != Some(failure) {
            progress.keys_failure = Some(failure.clone());
            tracing::warn!(issuer = self.issuer.name, %failure, "the issuer's keys cannot be loaded");
        }
    }

    fn feed_failed(&self, failure: &Failure) {
        let mut progress = self.progress();
        progress.failures += 1;
        progress.connected = false;
        // once each time, not once an attempt
        if progress.feed_failure.as_ref() != Some(failure) {
            progress.feed_failure = Some(failure.clone());
            tracing::warn!(issuer = self.issuer.name, %failure, "nothing is heard of losses");
        }
    }
}
