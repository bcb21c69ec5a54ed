//! The way in which a start begins on SQLite: by reading the file first.

use std::{fs::File, path::Path};

use super::{error::OpenError, file, migrate, target::Opening, url::describe_file};

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
