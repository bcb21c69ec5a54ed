use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
    task::JoinHandle,
};

use super::{
    client_token::ClientToken,
    error::SetupError,
    feed,
    http::Fetcher,
    keys,
    metadata::Issuer,
    settings::{Home, Settings},
    shared::{Progress, Shared},
};
use crate::{Clock, live::LiveState};

/// The background task that follows an issuer. It ends when this is dropped.
pub(crate) struct Remote {
    shared: Arc<Shared>,
    client: Option<Arc<ClientToken>>,
    home: Home,
    task: Mutex<Option<Task>>,
}

/// The task on a runtime, or on a thread of its own.
enum Task {
    Spawned(JoinHandle<()>),
    /// Dropping the sender ends the thread.
    Thread(oneshot::Sender<()>),
}

impl Task {
    fn is_finished(&self) -> bool {
        match self {
            Self::Spawned(task) => task.is_finished(),
            Self::Thread(stop) => stop.is_closed(),
        }
    }
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
        #[cfg(feature = "testing")]
        let is_script = matches!(settings.home, Home::Script);
        #[cfg(not(feature = "testing"))]
        let is_script = false;
        // a script sends no requests, so that it needs no certificates
        let http = Fetcher::new(issuer.is_secure() && !is_script)?;
        let shared = Shared::new(issuer, http, state, clock, max_staleness);
        Ok(Self {
            shared: Arc::new(shared),
            client: settings.client.clone().map(ClientToken::new).map(Arc::new),
            home: settings.home.clone(),
            task: Mutex::new(None),
        })
    }

    /// Starts the task, unless it is running or there is no tokio runtime.
    pub(crate) fn ensure_running(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let follow = follow(Arc::clone(&self.shared), self.client.clone());
        let started = match &self.home {
            Home::Runtime(runtime) => Ok(Task::Spawned(runtime.spawn(follow))),
            Home::Thread => start_thread(follow).map(Task::Thread),
            #[cfg(feature = "testing")]
            Home::Script => return,
            Home::Current => {
                let Ok(runtime) = Handle::try_current() else {
                    tracing::warn!(
                        "a guard that follows an issuer needs a tokio runtime: build it in one, or call `runtime` or `own_thread` of its builder"
                    );
                    return;
                };
                Ok(Task::Spawned(runtime.spawn(follow)))
            }
        };
        match started {
            Ok(started) => *task = Some(started),
            Err(error) => {
                tracing::error!(%error, "the thread that follows the issuer cannot be started");
            }
        }
    }

    /// Returns what redeems tickets; `None` without a client, to which the issuer would not answer.
    #[cfg(feature = "axum")]
    pub(crate) fn tickets(&self) -> Option<Arc<dyn crate::guard::Tickets>> {
        let client = Arc::clone(self.client.as_ref()?);
        let tickets = super::tickets::RemoteTickets::new(&self.shared, client);
        Some(Arc::new(tickets))
    }

    /// Requests a load of the keys for a token with an unknown key, unless they were loaded recently.
    ///
    /// Returns true if keys are being loaded or will be, so that the caller should try again.
    pub(crate) fn request_keys(&self) -> bool {
        self.shared.request_keys()
    }

    /// Returns what takes the answers of a script in place of the task.
    #[cfg(feature = "testing")]
    pub(crate) fn script(&self) -> super::script::Script {
        super::script::Script::new(Arc::clone(&self.shared))
    }

    /// Returns the progress of the task.
    pub(crate) fn progress(&self) -> Progress {
        self.shared.progress().clone()
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(Task::Spawned(task)) = task {
            task.abort();
        }
    }
}

/// Follows the keys, and with a client the feed, forever.
async fn follow(shared: Arc<Shared>, client: Option<Arc<ClientToken>>) {
    let keys = keys::follow(&shared);
    match &client {
        Some(client) => drop(tokio::join!(keys, feed::follow(&shared, client))),
        None => keys.await,
    }
}

/// Runs `task` on a new thread until the sender is dropped.
fn start_thread(
    task: impl Future<Output = ()> + Send + 'static,
) -> io::Result<oneshot::Sender<()>> {
    let (stop, mut stopped) = oneshot::channel();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new()
        .name("rolecall-guard".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = task => {}
                    _ = &mut stopped => {}
                }
            });
        })?;
    Ok(stop)
}
