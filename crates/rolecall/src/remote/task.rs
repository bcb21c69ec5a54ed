use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{runtime::Handle, task::JoinHandle};

use super::{
    client_token::ClientToken,
    error::SetupError,
    feed,
    http::Fetcher,
    keys,
    metadata::Issuer,
    settings::Settings,
    shared::{Progress, Shared},
    tickets::RemoteTickets,
};
use crate::{Clock, guard::Tickets, live::LiveState};

/// The background task that follows an issuer. It ends when this is dropped.
pub(crate) struct Remote {
    shared: Arc<Shared>,
    client: Option<Arc<ClientToken>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Remote {
    /// Prepares to follow `issuer` and to update `state`; [`ensure_running`](Self::ensure_running) starts it.
    ///
    /// # Errors
    ///
    /// A [`SetupError`] if the URL of the issuer or the system's certificates cannot be used.
    pub(crate) fn new(
        issuer: &str,
        settings: &Settings,
        state: LiveState,
        clock: Arc<dyn Clock>,
        max_staleness: Duration,
    ) -> Result<Self, SetupError> {
        let issuer = Issuer::new(issuer, settings.insecure_http)?;
        let http = Fetcher::new(issuer.is_secure())?;
        let shared = Shared::new(issuer, http, state, clock, max_staleness);
        Ok(Self {
            shared: Arc::new(shared),
            client: settings.client.clone().map(ClientToken::new).map(Arc::new),
            task: Mutex::new(None),
        })
    }

    /// Starts the task, unless it is running or there is no tokio runtime.
    pub(crate) fn ensure_running(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            tracing::warn!("a guard that follows an issuer needs a tokio runtime");
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

    /// Returns what redeems tickets; `None` without a client, to which the issuer would not answer.
    pub(crate) fn tickets(&self) -> Option<Arc<dyn Tickets>> {
        let client = Arc::clone(self.client.as_ref()?);
        Some(Arc::new(RemoteTickets::new(&self.shared, client)))
    }

    /// Requests a load of the keys for a token with an unknown key, unless they were loaded recently.
    ///
    /// Returns true if keys are being loaded or will be, so that the caller should try again.
    pub(crate) fn request_keys(&self) -> bool {
        self.shared.request_keys()
    }

    /// Returns the progress of the task.
    pub(crate) fn progress(&self) -> Progress {
        self.shared.progress().clone()
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
