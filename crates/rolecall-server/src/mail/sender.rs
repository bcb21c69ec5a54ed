//! Sends the mails of the outbox.
//!
//! A node claims a mail before it sends it, so that of several nodes one does. A node that dies meanwhile is followed by
//! the next try; then a mail can arrive twice, which is better than not at all.

use std::{
    sync::{Weak, atomic::Ordering},
    time::Duration,
};

use rolecall_core::Timestamp;
use tokio::task::JoinSet;

use super::{
    codes,
    outbox::{self, Values},
    reset,
    send_error::SendError,
    smtp::{Letter, Mailer},
    store::{self, Due},
    tokens,
};
use crate::{
    app::{App, Parts},
    error::{ApiError, chain_of},
    invitations::sign_up,
    pages::mails,
    store::{Conn, StoreError},
    times::CLOCKS_APART,
};

/// The interval at which mails of other processes, and those to send again, are looked for.
const POLL: Duration = Duration::from_secs(1);
/// The pause after each try but the last.
const PAUSES: [Duration; 4] = [
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_mins(30),
];
const LONGEST_PAUSE: Duration = Duration::from_mins(30);
/// The number of tries for a mail.
const MAX_TRIES: i64 = 5;
/// The mails that are sent at once: a server that hangs must not hold all of them back for minutes.
const AT_ONCE: usize = 4;

/// The time that mails which are being sent have when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs until the application is dropped, or until it is to stop: what is being sent then is waited for, since a mail that
/// the server takes while nobody notes it is sent again.
pub(crate) async fn run(app: Weak<Parts>) {
    let mut poll = tokio::time::interval(POLL);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut mailer = None;
    // dropped with the sender, and then end with it
    let mut tasks = JoinSet::new();
    let mut is_failing = false;
    while wait(&app, &mut poll, &mut tasks).await.is_some() {
        let Some(parts) = app.upgrade() else { return };
        if parts.mail_ends.load(Ordering::Relaxed) {
            let rest = async { while tasks.join_next().await.is_some() {} };
            // what takes longer is sent again by the next start
            let _ = tokio::time::timeout(STOP_TIMEOUT, rest).await;
            return;
        }
        let app = App::from_parts(parts);
        match send_due(&app, &mut mailer, &mut tasks).await {
            Ok(()) => is_failing = false,
            Err(error) if !is_failing => {
                is_failing = true;
                tracing::warn!(error = %chain_of(&error), "mails could not be read or sent: they wait");
            }
            Err(_) => {}
        }
    }
}

/// Waits for the next poll, for a mail of this process, or for one that was sent; `None` once the application is dropped.
async fn wait(
    app: &Weak<Parts>,
    poll: &mut tokio::time::Interval,
    tasks: &mut JoinSet<Result<(), ApiError>>,
) -> Option<()> {
    let parts = app.upgrade()?;
    tokio::select! {
        _ = poll.tick() => {}
        () = parts.mail_now.notified() => {}
        Some(done) = tasks.join_next() => {
            if let Ok(Err(error)) = done {
                tracing::warn!(error = %chain_of(&error), "the outcome of a mail could not be written");
            }
        }
    }
    Some(())
}

/// Begins to send what is due, as far as there are places.
async fn send_due(
    app: &App,
    mailer: &mut Option<Mailer>,
    tasks: &mut JoinSet<Result<(), ApiError>>,
) -> Result<(), ApiError> {
    let Some(settings) = &app.settings().mail else {
        return Ok(());
    };
    let free = AT_ONCE.saturating_sub(tasks.len());
    if free == 0 {
        return Ok(());
    }
    // looks first, so that a poll writes nothing
    let mut conn = app.store().read_for_watch().await?;
    let limit = i64::try_from(free).unwrap_or(1);
    let now = app.database_now();
    let latest = now.plus(LONGEST_PAUSE).plus(CLOCKS_APART);
    let due = store::find_due(&mut conn, (now, latest), limit).await?;
    let waiting = store::backlog(&mut conn).await?;
    let metrics = &app.parts().metrics.mails_waiting;
    metrics.store(waiting, Ordering::Relaxed);
    drop(conn);
    for due in due {
        let mailer = if let Some(mailer) = mailer {
            mailer.clone()
        } else {
            let new = Mailer::new(settings, &own_host(app)).map_err(ApiError::internal)?;
            mailer.insert(new).clone()
        };
        if let Some(due) = claim(app, due).await? {
            let app = app.clone();
            tasks.spawn(async move { send(&app, &mailer, due).await });
        }
    }
    Ok(())
}

/// Returns the host of the public URL, by which this server introduces itself.
pub(crate) fn own_host(app: &App) -> String {
    let url: Result<http::Uri, _> = app.settings().public_url.parse();
    let host = url.ok().and_then(|url| url.host().map(str::to_owned));
    host.unwrap_or_else(|| "localhost".to_owned())
}

/// Counts the try that this node makes now. `None` if another node makes it, or there is nothing to send.
async fn claim(app: &App, due: Due) -> Result<Option<Due>, ApiError> {
    let now = app.database_now();
    app.store()
        .write(async |conn: &mut Conn| {
            let due = retimed(app, conn, due.clone(), now).await?;
            if end_useless(app, conn, &due, now).await? {
                return Ok(None);
            }
            let tries = due.tries + 1;
            if !store::claim(conn, &due, now.plus(pause_after(tries))).await? {
                return Ok(None);
            }
            let due = Due { tries, ..due };
            if outbox::open(&app.parts().masters, &due).is_none() {
                note_sealed(app, conn, &due).await?;
                return Ok(None);
            }
            match due.kind.as_str() {
                outbox::RESET_REQUEST => reset::address(app, conn, due).await,
                outbox::SIGN_IN_CODE_REQUEST => codes::address(app, conn, due).await,
                outbox::SIGN_UP_REQUEST => sign_up::address(app, conn, due).await,
                _ => Ok(Some(due)),
            }
        })
        .await
}

/// Lets a mail that a clock ahead has written begin now, with the link in it: nobody has seen that yet.
async fn retimed(app: &App, conn: &mut Conn, due: Due, now: Timestamp) -> Result<Due, ApiError> {
    if due.created_at <= now.plus(CLOCKS_APART) {
        return Ok(due);
    }
    store::retime(conn, &due.id, now).await?;
    let masters = &app.parts().masters;
    let mut sealed = due.sealed.clone();
    if let Some(values) = outbox::open(masters, &due)
        && let Some(token) = tokens::retime(app, conn, &values.token, now).await?
    {
        sealed = outbox::seal(masters, &due.id, &Values { token, ..values })?;
        store::reseal(conn, &due.id, &sealed).await?;
    }
    let lifetime = due.expires_at.since(due.created_at);
    Ok(Due {
        sealed,
        created_at: now,
        expires_at: now.plus(lifetime),
        ..due
    })
}

/// Gives a mail up that is of no use any more, or was tried often enough. Returns false if it is to be sent.
async fn end_useless(
    app: &App,
    conn: &mut Conn,
    due: &Due,
    now: Timestamp,
) -> Result<bool, ApiError> {
    if let Some(subject) = &due.subject_id
        && !store::has_subject(conn, subject).await?
    {
        tracing::info!(
            mail = due.id,
            kind = due.kind,
            "a mail is not sent: its user was deleted"
        );
        store::delete(conn, &due.id).await?;
        return Ok(true);
    }
    if due.tries < MAX_TRIES && due.expires_at > now {
        return Ok(false);
    }
    app.parts().metrics.mails.add_one("given_up");
    let (error, why) = if outbox::open(&app.parts().masters, due).is_none() {
        (SEALED, SEALED)
    } else {
        let error = "it was of no use any more, or the process ended during the last try";
        (error, "too late")
    };
    give_up(due, error);
    store::give_up(conn, &due.id, why, now).await?;
    Ok(true)
}

/// Keeps that this process cannot decrypt a mail. It stays for its next try: another node may have the key.
async fn note_sealed(app: &App, conn: &mut Conn, due: &Due) -> Result<(), ApiError> {
    app.parts().metrics.mails.add_one("failed");
    let (mail, kind) = (due.id.as_str(), due.kind.as_str());
    tracing::error!(
        mail,
        kind,
        "a mail cannot be decrypted: set `master_key_previous` to the master key with which it was sealed"
    );
    Ok(store::note_error(conn, mail, SEALED).await?)
}

/// Makes a try, and writes what comes of it.
async fn send(app: &App, mailer: &Mailer, due: Due) -> Result<(), ApiError> {
    let outcomes = &app.parts().metrics.mails;
    let id = due.id.as_str();
    let error = match attempt(app, mailer, &due).await? {
        Ok(()) => {
            outcomes.add_one("sent");
            write(app, async |conn| store::delete(conn, id).await).await?;
            return Ok(());
        }
        Err(error) => error,
    };
    let (kind, tries) = (due.kind.as_str(), due.tries);
    if error.is_final || tries >= MAX_TRIES {
        outcomes.add_one("given_up");
        give_up(&due, &error.kind);
        let now = app.database_now();
        let (given_up, why) = (id, error.kind.as_str());
        return write(app, async |conn| {
            store::give_up(conn, given_up, why, now).await
        })
        .await;
    }
    outcomes.add_one("failed");
    tracing::warn!(
        mail = id,
        kind,
        tries,
        error = error.kind,
        "a mail was not taken: it is sent again"
    );
    let why = error.kind.as_str();
    write(app, async |conn| store::note_error(conn, id, why).await).await
}

async fn write(
    app: &App,
    work: impl AsyncFnOnce(&mut Conn) -> Result<(), StoreError>,
) -> Result<(), ApiError> {
    app.store().write(work).await.map_err(ApiError::from)
}

fn give_up(due: &Due, error: &str) {
    let (mail, kind, tries) = (due.id.as_str(), due.kind.as_str(), due.tries);
    tracing::error!(
        mail,
        kind,
        tries,
        error,
        "a mail was not taken: it is given up"
    );
}

/// Writes the mail and hands it over.
async fn attempt(app: &App, mailer: &Mailer, due: &Due) -> Result<Result<(), SendError>, ApiError> {
    let values = outbox::open(&app.parts().masters, due);
    let values = values.ok_or_else(|| ApiError::internal(Sealed))?;
    let written = mails::write(app, &due.kind, &due.language, &values, due.expires_at);
    let written = written.map_err(ApiError::internal)?;
    let letter = Letter {
        id: &due.id,
        recipient: &due.recipient,
        subject: &written.subject,
        text: written.text,
        html: written.html,
        at: app.database_now(),
    };
    Ok(mailer.send(&letter).await)
}

/// The kind of error of a mail whose values were sealed with a master key that this process does not have.
pub(crate) const SEALED: &str = "cannot be decrypted";

#[derive(Debug, thiserror::Error)]
#[error("the values of a mail cannot be decrypted with the master keys of this process")]
struct Sealed;

/// Returns the pause after a try, counted from 1. It is longer than any conversation.
fn pause_after(tries: i64) -> Duration {
    let place = usize::try_from(tries - 1).unwrap_or(usize::MAX);
    PAUSES.get(place).copied().unwrap_or(Duration::from_mins(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::smtp::CONVERSATION_TIMEOUT;

    #[test]
    fn five_tries_take_an_hour_and_none_begins_while_another_runs() {
        let pauses: Vec<Duration> = (1..MAX_TRIES).map(pause_after).collect();
        assert_eq!(pauses, PAUSES);
        assert_eq!(PAUSES.iter().max(), Some(&LONGEST_PAUSE));
        assert!(pauses.iter().all(|pause| *pause > CONVERSATION_TIMEOUT));
        assert!(pause_after(MAX_TRIES) > CONVERSATION_TIMEOUT);
    }
}
