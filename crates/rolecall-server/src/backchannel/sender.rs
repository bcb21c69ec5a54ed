//! Sends logout tokens until the clients take them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use rolecall_core::Timestamp;
use tokio::task::{Id, JoinError, JoinSet};

use super::{
    attempt::{Outcome, attempt},
    places::Places,
    store::{self, Due},
};
use crate::{
    app::{App, Parts},
    clients::store::{self as clients, Client},
    error::{ApiError, chain_of},
    outgoing::post::Poster,
    store::{Conn, StoreError},
};

/// The interval at which tokens of other processes, and those to send again, are looked for.
const POLL: Duration = Duration::from_secs(1);
/// The pause after each attempt but the last; six attempts take an hour.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_mins(35),
];
/// The clients that are looked at for some that can be called.
const LOOKED_AT: i64 = 1000;
/// The interval at which the tokens that wait are counted.
const COUNT: Duration = Duration::from_secs(10);
/// A client that takes longer keeps others waiting.
const QUICK: Duration = Duration::from_secs(2);

/// Longer than the longest pause: what is due later was written while a clock was ahead.
const LATEST: Duration = Duration::from_mins(40);

/// The number of attempts for a token.
const MAX_ATTEMPTS: i64 = 6;
/// The longest time from the beginning of an attempt to its end.
const LONGEST_ATTEMPT: Duration = Duration::from_mins(1);

/// What became of a task, and its id.
type Done = Result<(Id, Result<bool, ApiError>), JoinError>;

/// The tokens that are being sent.
#[derive(Default)]
struct Sending {
    /// Reading the certificates of the system takes a while, and many servers never call anybody.
    poster: Option<Poster>,
    /// Dropped with the sender, and then end with it. Each returns whether the client took the token quickly.
    tasks: JoinSet<Result<bool, ApiError>>,
    /// The client of each task.
    clients: HashMap<Id, String>,
    done: Vec<Done>,
    places: Places,
    /// The clients that wait, and when each was called last, so that all of them take turns.
    called: HashMap<String, u64>,
    calls: u64,
    counted_at: Option<Instant>,
}

/// A token with the client that is to get it.
struct Chosen {
    due: Due,
    /// `None` if it is gone, or no longer wants to be told.
    client: Option<Arc<Client>>,
}

/// Runs until the application is dropped.
pub(crate) async fn run(app: Weak<Parts>) {
    let mut poll = tokio::time::interval(POLL);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut sending = Sending::default();
    let mut is_failing = false;
    while wait(&app, &mut poll, &mut sending).await.is_some() {
        let Some(parts) = app.upgrade() else { return };
        let app = App::from_parts(parts);
        match sending.go_on(&app).await {
            Ok(()) => is_failing = false,
            Err(error) if !is_failing => {
                is_failing = true;
                tracing::warn!(error = %chain_of(&error), "logout tokens could not be read: they wait");
            }
            Err(_) => {}
        }
    }
}

/// Waits for the next poll, for a change of this process, or for a token that was sent; `None` once the application is
/// dropped.
async fn wait(
    app: &Weak<Parts>,
    poll: &mut tokio::time::Interval,
    sending: &mut Sending,
) -> Option<()> {
    let parts = app.upgrade()?;
    tokio::select! {
        _ = poll.tick() => {}
        () = parts.call_now.notified() => {}
        Some(done) = sending.tasks.join_next_with_id() => sending.done.push(done),
    }
    Some(())
}

impl Sending {
    /// Sends what is due, as far as there are places. A client that does not answer keeps nobody else waiting.
    async fn go_on(&mut self, app: &App) -> Result<(), ApiError> {
        let outcome = self.note_done();
        while !self.places.are_taken() && self.send_some(app).await? {}
        outcome
    }

    /// Gives back the places of what was sent.
    fn note_done(&mut self) -> Result<(), ApiError> {
        while let Some(done) = self.tasks.try_join_next_with_id() {
            self.done.push(done);
        }
        let mut outcome = Ok(());
        for done in std::mem::take(&mut self.done) {
            let (id, sent) = match done {
                Ok(done) => done,
                Err(error) => (error.id(), Err(ApiError::internal(error))),
            };
            if let Some(client) = self.clients.remove(&id) {
                self.places.sent(&client, matches!(sent, Ok(true)));
            }
            if let Err(error) = sent {
                outcome = Err(error);
            }
        }
        outcome
    }

    /// Begins to send some of what is due. Returns false if there is nothing for which a place is free.
    async fn send_some(&mut self, app: &App) -> Result<bool, ApiError> {
        let now = app.database_now();
        bring_forward(app, now).await?;
        // looks first, so that a poll writes nothing
        let mut conn = app.store().read_for_watch().await?;
        self.count(app, &mut conn).await?;
        let waiting = store::clients_with_due(&mut conn, now, LOOKED_AT).await?;
        self.called.retain(|client, _| waiting.contains(client));
        if waiting.is_empty() {
            return Ok(false);
        }
        let poster = self.poster(app)?;
        let mut chosen = Vec::new();
        let choosing = self.choose(&mut conn, &poster, waiting, now, &mut chosen);
        let chose = choosing.await;
        drop(conn);
        let claimed = match chose {
            Ok(()) if chosen.is_empty() => return Ok(false),
            Ok(()) => claim(app, &chosen, now).await,
            Err(error) => Err(error),
        };
        let mut claimed = claimed.inspect_err(|_| {
            for one in &chosen {
                self.places.give_back(&one.due.client_id);
            }
        })?;
        for Chosen { due, client } in chosen {
            let attempts = claimed.remove(&due.session_id);
            let Some(attempts) = attempts else {
                self.places.give_back(&due.client_id);
                continue;
            };
            let (app, poster) = (app.clone(), poster.clone());
            let id = due.client_id.clone();
            let due = Due { attempts, ..due };
            let task = self
                .tasks
                .spawn(async move { send_timed(&app, &poster, &due, client.as_deref()).await });
            self.clients.insert(task.id(), id);
        }
        Ok(true)
    }

    fn poster(&mut self, app: &App) -> Result<Poster, ApiError> {
        if let Some(poster) = &self.poster {
            return Ok(poster.clone());
        }
        let new = Poster::new(&app.settings().outgoing).map_err(ApiError::internal)?;
        Ok(self.poster.insert(new).clone())
    }

    /// Takes places for tokens to those of the `waiting` clients that can be called now. A client whose name cannot be looked
    /// up now waits, and has made no attempt.
    async fn choose(
        &mut self,
        conn: &mut Conn,
        poster: &Poster,
        mut waiting: Vec<String>,
        now: Timestamp,
        chosen: &mut Vec<Chosen>,
    ) -> Result<(), StoreError> {
        // those that were not called for longest first
        waiting.sort_by_key(|client| self.called.get(client).copied().unwrap_or_default());
        for id in waiting {
            if self.places.are_taken() {
                break;
            }
            let room = self.places.room_for(&id);
            if room == 0 {
                continue;
            }
            let client = clients::find(conn, &id).await?;
            let url = client.as_ref();
            let url = url.and_then(|client| client.sign_in.backchannel_logout_uri.as_deref());
            if url.is_some_and(|url| !poster.prepare(url)) {
                continue;
            }
            self.calls += 1;
            self.called.insert(id.clone(), self.calls);
            let client = client.map(Arc::new);
            let room = i64::try_from(room).unwrap_or(i64::MAX);
            for due in store::find_due(conn, &id, now, room).await? {
                self.places.take(&id);
                let client = client.clone();
                chosen.push(Chosen { due, client });
            }
        }
        Ok(())
    }

    /// Counts what waits for the metrics.
    async fn count(&mut self, app: &App, conn: &mut Conn) -> Result<(), StoreError> {
        if self.counted_at.is_some_and(|at| at.elapsed() < COUNT) {
            return Ok(());
        }
        let waiting = store::waiting(conn).await?;
        let oldest = waiting.oldest.map(|at| app.database_now().since(at));
        app.parts()
            .metrics
            .note_waiting(waiting.count, oldest.unwrap_or_default());
        self.counted_at = Some(Instant::now());
        Ok(())
    }
}

/// Makes due now what is due later than any pause lasts: its last attempt was made while a clock was ahead.
async fn bring_forward(app: &App, now: Timestamp) -> Result<(), StoreError> {
    let latest = now.plus(LATEST);
    let mut conn = app.store().read_for_watch().await?;
    let has_later = store::has_later(&mut conn, latest).await?;
    drop(conn);
    if !has_later {
        return Ok(());
    }
    app.store()
        .write(async |conn: &mut Conn| store::bring_forward(conn, latest, now).await)
        .await
}

/// Counts the attempts that this node makes now, and returns their numbers by session. A process that dies in one is
/// followed by the next attempt.
async fn claim(
    app: &App,
    chosen: &[Chosen],
    now: Timestamp,
) -> Result<BTreeMap<String, i64>, StoreError> {
    app.store()
        .write(async |conn: &mut Conn| {
            let mut claimed = BTreeMap::new();
            for Chosen { due, .. } in chosen {
                if due.attempts >= MAX_ATTEMPTS {
                    app.parts().metrics.logout_tokens.add_one("given_up");
                    give_up(due, "the process ended during the last attempt");
                    store::delete(conn, &due.session_id).await?;
                    continue;
                }
                let attempts = due.attempts + 1;
                let next = now.plus(pause_after(attempts));
                if store::begin_attempt(conn, due, next).await? {
                    claimed.insert(due.session_id.clone(), attempts);
                }
            }
            Ok(claimed)
        })
        .await
}

/// Makes an attempt. Returns true if the client took the token, or no longer wants it, and was quick about it.
async fn send_timed(
    app: &App,
    poster: &Poster,
    due: &Due,
    client: Option<&Client>,
) -> Result<bool, ApiError> {
    let begun = Instant::now();
    let is_taken = send(app, poster, due, client).await?;
    Ok(is_taken && begun.elapsed() <= QUICK)
}

/// Makes an attempt, and writes what comes of it. Returns true if the client took the token, or no longer wants it.
async fn send(
    app: &App,
    poster: &Poster,
    due: &Due,
    client: Option<&Client>,
) -> Result<bool, ApiError> {
    let session = due.session_id.as_str();
    let outcomes = &app.parts().metrics.logout_tokens;
    let is_taken = match attempt(app, poster, due, client).await? {
        Outcome::Delivered => {
            outcomes.add_one("delivered");
            true
        }
        Outcome::Unwanted => {
            outcomes.add_one("unwanted");
            true
        }
        Outcome::Failed(failure) if due.attempts >= MAX_ATTEMPTS => {
            outcomes.add_one("given_up");
            give_up(due, &failure.text);
            false
        }
        Outcome::Failed(failure) => {
            outcomes.add_one("failed");
            let (client, attempts) = (due.client_id.as_str(), due.attempts);
            let error = failure.text;
            tracing::warn!(
                client,
                attempts,
                error,
                "a client did not take a logout token: it is sent again"
            );
            let kind = failure.kind.as_str();
            let noted = app
                .store()
                .write(async |conn: &mut Conn| store::note_error(conn, session, kind).await);
            noted.await?;
            return Ok(false);
        }
    };
    let deleted = app
        .store()
        .write(async |conn: &mut Conn| store::delete(conn, session).await);
    deleted.await?;
    Ok(is_taken)
}

fn give_up(due: &Due, error: &str) {
    let (client, attempts) = (due.client_id.as_str(), due.attempts);
    tracing::error!(
        client,
        attempts,
        error,
        "a client did not take a logout token for the last time: it is given up"
    );
}

/// Returns the pause after an attempt, counted from 1.
fn pause_after(attempt: i64) -> Duration {
    let place = usize::try_from(attempt - 1).unwrap_or(usize::MAX);
    PAUSES.get(place).copied().unwrap_or(LONGEST_ATTEMPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_attempts_take_an_hour() {
        let pauses = (1..MAX_ATTEMPTS).map(pause_after);
        let all: Duration = pauses.clone().sum();
        assert_eq!(pauses.count(), PAUSES.len());
        assert!(
            all > Duration::from_mins(50) && all < Duration::from_hours(1),
            "{all:?}"
        );
        // an attempt is over before the next one begins
        assert!(PAUSES.iter().all(|pause| *pause > Duration::from_secs(3)));
        assert!(PAUSES.iter().all(|pause| *pause < LATEST) && LONGEST_ATTEMPT < LATEST);
        assert_eq!(pause_after(MAX_ATTEMPTS), LONGEST_ATTEMPT);
    }
}
