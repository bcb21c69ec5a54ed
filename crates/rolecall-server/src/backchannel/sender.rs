//! Sends logout tokens until the clients take them.

use std::{sync::Weak, time::Duration};

use http::StatusCode;
use tokio::task::JoinSet;

use super::store::{self, Due};
use crate::{
    app::{App, Parts},
    clients::store as clients,
    error::{ApiError, chain_of},
    outgoing::post::{PostError, Poster},
    store::{Conn, StoreError},
    tokens::logout_token,
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
/// The tokens that are sent at once, and of these the ones to a single client.
const AT_ONCE: i64 = 16;
const AT_ONCE_TO_CLIENT: i64 = 4;

/// The number of attempts for a token.
const MAX_ATTEMPTS: i64 = 6;
/// The longest time from the beginning of an attempt to its end.
const LONGEST_ATTEMPT: Duration = Duration::from_mins(1);

/// Runs until the application is dropped.
pub(crate) async fn run(app: Weak<Parts>) {
    let mut poll = tokio::time::interval(POLL);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // reading the certificates of the system takes a while, and many servers never call anybody
    let mut poster: Option<Poster> = None;
    let mut is_failing = false;
    while wait(&app, &mut poll).await.is_some() {
        let Some(parts) = app.upgrade() else { return };
        let app = App::from_parts(parts);
        match send_all(&app, &mut poster).await {
            Ok(()) => is_failing = false,
            Err(error) if !is_failing => {
                is_failing = true;
                tracing::warn!(error = %chain_of(&error), "logout tokens could not be read: they wait");
            }
            Err(_) => {}
        }
    }
}

/// Waits for the next poll, or for a change of this process; `None` once the application is dropped.
async fn wait(app: &Weak<Parts>, poll: &mut tokio::time::Interval) -> Option<()> {
    let parts = app.upgrade()?;
    tokio::select! {
        _ = poll.tick() => {}
        () = parts.call_now.notified() => {}
    }
    Some(())
}

/// Sends everything that is due.
async fn send_all(app: &App, poster: &mut Option<Poster>) -> Result<(), ApiError> {
    let now = app.database_now();
    // looks first, so that a poll writes nothing
    if !store::is_due(&mut app.store().read_for_watch().await?, now).await? {
        return Ok(());
    }
    let poster = if let Some(poster) = poster {
        poster
    } else {
        let new = Poster::new(&app.settings().outgoing).map_err(ApiError::internal)?;
        poster.insert(new)
    };
    while send_next(app, poster).await? {}
    Ok(())
}

/// Sends some of what is due, all of it at once. Returns false if there is nothing.
async fn send_next(app: &App, poster: &Poster) -> Result<bool, ApiError> {
    let claimed = claim(app).await?;
    if claimed.is_empty() {
        return Ok(false);
    }
    // dropped with the sender, and then ends with it
    let mut tasks = JoinSet::new();
    for due in claimed {
        let (app, poster) = (app.clone(), poster.clone());
        tasks.spawn(async move { send(&app, &poster, &due).await });
    }
    let mut outcome = Ok(true);
    while let Some(done) = tasks.join_next().await {
        let done = done.map_err(ApiError::internal);
        if let Err(error) = done.and_then(|done| done) {
            outcome = Err(error);
        }
    }
    outcome
}

/// Counts the attempts that this node makes now. A process that dies in one is followed by the next attempt.
async fn claim(app: &App) -> Result<Vec<Due>, StoreError> {
    let now = app.database_now();
    app.store()
        .write(async |conn: &mut Conn| {
            let mut claimed = Vec::new();
            for due in store::find_due(conn, now, AT_ONCE_TO_CLIENT, AT_ONCE).await? {
                if due.attempts >= MAX_ATTEMPTS {
                    app.parts().metrics.logout_tokens.add_one("given_up");
                    give_up(&due, "the process ended during the last attempt");
                    store::delete(conn, &due.session_id).await?;
                    continue;
                }
                let attempts = due.attempts + 1;
                let next = now.plus(pause_after(attempts));
                if store::begin_attempt(conn, &due, next).await? {
                    claimed.push(Due { attempts, ..due });
                }
            }
            Ok(claimed)
        })
        .await
}

/// The outcome of an attempt.
enum Outcome {
    Delivered,
    /// The client no longer wants to be told.
    Unwanted,
    /// With the reason.
    Failed(Failure),
}

/// A failed attempt.
struct Failure {
    /// For people, in the log.
    text: String,
    /// For `doctor`: nothing of what the client has sent but the status.
    kind: String,
}

impl From<StatusCode> for Failure {
    fn from(status: StatusCode) -> Self {
        let kind = format!("status {}", status.as_u16());
        Self {
            text: format!("the answer was {}", status.as_u16()),
            kind,
        }
    }
}

impl From<PostError> for Failure {
    fn from(error: PostError) -> Self {
        Self {
            text: chain_of(&error),
            kind: error.kind().to_owned(),
        }
    }
}

async fn send(app: &App, poster: &Poster, due: &Due) -> Result<(), ApiError> {
    let session = due.session_id.as_str();
    let outcomes = &app.parts().metrics.logout_tokens;
    match attempt(app, poster, due).await? {
        Outcome::Delivered => outcomes.add_one("delivered"),
        Outcome::Unwanted => outcomes.add_one("unwanted"),
        Outcome::Failed(failure) if due.attempts >= MAX_ATTEMPTS => {
            outcomes.add_one("given_up");
            give_up(due, &failure.text);
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
            return Ok(noted.await?);
        }
    }
    let deleted = app
        .store()
        .write(async |conn: &mut Conn| store::delete(conn, session).await);
    Ok(deleted.await?)
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

/// Makes a token for the client as it is registered now, and posts it.
async fn attempt(app: &App, poster: &Poster, due: &Due) -> Result<Outcome, ApiError> {
    let client = clients::find(&mut app.store().read().await?, &due.client_id).await?;
    let Some(client) = client else {
        return Ok(Outcome::Unwanted);
    };
    let Some(url) = client.sign_in.backchannel_logout_uri.as_deref() else {
        return Ok(Outcome::Unwanted);
    };
    let about = (due.subject_id.as_str(), due.session_id.as_str());
    let Some(token) = logout_token::sign(app, &client, about, app.now())? else {
        return Ok(Outcome::Unwanted);
    };
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("logout_token", &token)
        .finish();
    Ok(match poster.post_form(url, form).await {
        Ok(StatusCode::OK | StatusCode::NO_CONTENT) => Outcome::Delivered,
        Ok(status) => Outcome::Failed(status.into()),
        Err(error) => Outcome::Failed(error.into()),
    })
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
        assert_eq!(pause_after(MAX_ATTEMPTS), LONGEST_ATTEMPT);
    }
}
