//! The two ways in which a start begins: on PostgreSQL by waiting for the server, on SQLite by reading the file first.

use std::{
    fs::File,
    path::Path,
    time::{Duration, Instant},
};

use sqlx::postgres::PgConnectOptions;

use super::{
    codes::{is_misconfigured, is_outage},
    error::OpenError,
    file, migrate,
    target::Opening,
    url::{SchemaName, describe_file, describe_server},
};

/// The pause between two attempts to reach a database that does not answer yet.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Migrates PostgreSQL, and waits up to `patience` for a server that does not answer yet.
pub(super) async fn migrate_patiently(
    options: &PgConnectOptions,
    schema: Option<&SchemaName>,
    patience: Duration,
) -> Result<(), OpenError> {
    let started = Instant::now();
    loop {
        let error = match migrate::postgres(options, schema).await {
            Err(error @ OpenError::Database { .. }) => error.at(&describe_server(options)),
            outcome => return outcome,
        };
        let hopeless = match &error {
            OpenError::Database { reason, .. } => !is_outage(reason) || is_misconfigured(reason),
            _ => true,
        };
        if hopeless || started.elapsed() >= patience {
            return Err(error);
        }
        tracing::warn!(%error, "the database does not answer yet: trying again");
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

/// Refuses a file that this start may not open, before anything is written to it or beside it. Returns the lock of
/// [`file::lock_opening`] if it was needed: while another process prepares the file, it must not be read.
pub(super) async fn inspect_before_writing(
    path: &Path,
    opening: Opening,
) -> Result<Option<File>, OpenError> {
    // rolecall puts data into a file only after its lock
    if !file::holds_data(path)? && opening == Opening::Create {
        return Ok(None);
    }
    let locked = if file::has_lock(path)? {
        Some(file::lock_opening(path).await?)
    } else {
        None
    };
    match migrate::inspect_sqlite(path).await {
        // opening the files beside it gives a clearer message
        Err(OpenError::Database { reason, .. }) if is_unopened(&reason) => Ok(locked),
        Err(error) => Err(error),
        Ok(state) => opening.check(state, &describe_file(path)).map(|()| locked),
    }
}

/// Returns true for SQLite's `SQLITE_CANTOPEN`.
fn is_unopened(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code == "14"),
        _ => false,
    }
}
