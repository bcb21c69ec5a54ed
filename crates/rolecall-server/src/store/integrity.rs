//! Checks of a SQLite file for damage, and its log.

use std::{path::Path, time::Duration};

use sqlx::{Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{error::OpenError, file, url::describe_file};

/// The thoroughness of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The structure of every page.
    Quick,
    /// Also that each index agrees with its table, and each reference finds its row.
    Full,
}

impl Depth {
    pub(crate) fn of(full: bool) -> Self {
        if full { Self::Full } else { Self::Quick }
    }
}

const QUICK_CHECK: &str = "PRAGMA quick_check(1)";
const FULL_CHECK: &str = "PRAGMA integrity_check(1)";
const CHECK_REFERENCES: &str = "PRAGMA foreign_key_check";
const FOLD: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
const LEAVE_WAL: &str = "PRAGMA journal_mode = DELETE";
/// The time to wait for another program that has the file open.
const PATIENCE: Duration = Duration::from_secs(5);

/// Checks a database that may be in use.
///
/// # Errors
///
/// [`OpenError::Damaged`], or why the file cannot be opened.
pub(crate) async fn check(path: &Path, depth: Depth) -> Result<(), OpenError> {
    file::require_index(path).await?;
    let reads = !file::has_journal(path)?;
    check_with(options(path).read_only(reads), path, depth).await
}

/// Checks a database that no other program uses, with the log beside it, which becomes part of it.
///
/// # Errors
///
/// As [`check`].
pub(crate) async fn check_and_fold(path: &Path, depth: Depth) -> Result<(), OpenError> {
    // a connection that can write removes the log of a damaged database when it closes
    let reads_log = file::holds_data(&file::beside(path, "-wal"))?;
    let reads = reads_log && !file::has_journal(path)?;
    check_with(options(path).read_only(reads), path, depth).await?;
    fold(path).await
}

/// Makes the log beside a database part of it, so that one file holds everything. The next start begins a new log.
///
/// # Errors
///
/// Why it cannot be done: the file is damaged, or another program has it open.
pub(crate) async fn fold(path: &Path) -> Result<(), OpenError> {
    let damaged = |error: sqlx::Error| damaged_or(error, path);
    let mut conn = SqliteConnection::connect_with(&options(path))
        .await
        .map_err(damaged)?;
    let folded = fold_with(&mut conn).await;
    // also after a failure: a file that is still open cannot be moved safely
    conn.close().await.map_err(damaged)?;
    let (busy, mode) = folded.map_err(damaged)?;
    if busy == 0 && mode == "delete" {
        return Ok(());
    }
    let source = std::io::Error::other("another program has it open");
    Err(OpenError::File {
        path: path.to_owned(),
        source,
    })
}

async fn fold_with(conn: &mut SqliteConnection) -> Result<(i64, String), sqlx::Error> {
    let (busy, ..): (i64, i64, i64) = sqlx::query_as(FOLD).fetch_one(&mut *conn).await?;
    let mode = sqlx::query_scalar(LEAVE_WAL).fetch_one(conn).await?;
    Ok((busy, mode))
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(PATIENCE)
        .pragma("trusted_schema", "OFF")
}

async fn check_with(
    options: SqliteConnectOptions,
    path: &Path,
    depth: Depth,
) -> Result<(), OpenError> {
    match find_fault(&options, depth).await {
        Ok(None) => Ok(()),
        Ok(Some(fault)) => Err(OpenError::Damaged {
            path: path.to_owned(),
            fault,
        }),
        Err(error) => Err(damaged_or(error, path)),
    }
}

async fn find_fault(
    options: &SqliteConnectOptions,
    depth: Depth,
) -> Result<Option<String>, sqlx::Error> {
    let mut conn = SqliteConnection::connect_with(options).await?;
    let found = find_fault_with(&mut conn, depth).await;
    let closed = conn.close().await;
    let fault = found?;
    closed?;
    Ok(fault)
}

async fn find_fault_with(
    conn: &mut SqliteConnection,
    depth: Depth,
) -> Result<Option<String>, sqlx::Error> {
    let check = match depth {
        Depth::Quick => QUICK_CHECK,
        Depth::Full => FULL_CHECK,
    };
    let verdict: String = sqlx::query_scalar(check).fetch_one(&mut *conn).await?;
    let mut fault = (verdict != "ok").then_some(verdict);
    if fault.is_none() && depth == Depth::Full {
        let dangling = sqlx::query(CHECK_REFERENCES).fetch_optional(conn).await?;
        if let Some(row) = dangling {
            let table: String = row.try_get(0)?;
            fault = Some(format!(
                "a row of `{table}` refers to one that does not exist"
            ));
        }
    }
    Ok(fault)
}

/// Some damage is so bad that the check itself fails.
fn damaged_or(error: sqlx::Error, path: &Path) -> OpenError {
    OpenError::from(error)
        .of_file(path)
        .at(&describe_file(path))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::migrate;

    /// Leaves in `to` what a program leaves that is killed while it writes.
    async fn kill_while_writing(from: &Path, to: &Path) {
        let writable = options(from).create_if_missing(true);
        let mut conn = SqliteConnection::connect_with(&writable).await.unwrap();
        for statement in [
            "CREATE TABLE kept (text TEXT)",
            "INSERT INTO kept WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
                SELECT hex(randomblob(200)) FROM n",
            // pages go to the file before the end of the transaction
            "PRAGMA cache_size = 1",
            "BEGIN IMMEDIATE",
            "UPDATE kept SET text = 'half done'",
        ] {
            sqlx::query(statement).execute(&mut conn).await.unwrap();
        }
        for end in ["", "-journal"] {
            fs::copy(file::beside(from, end), file::beside(to, end)).unwrap();
        }
        conn.close().await.unwrap();
    }

    #[tokio::test]
    async fn y235_what_a_killed_program_left_half_done_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, half) = (
            folder.path().join("whole.db"),
            folder.path().join("half.db"),
        );
        kill_while_writing(&whole, &half).await;
        let saved = ["", "-journal"].map(|end| fs::read(file::beside(&half, end)).unwrap());
        assert!(!saved[1].is_empty());
        let restore = || {
            for (end, content) in ["", "-journal"].iter().zip(&saved) {
                fs::write(file::beside(&half, end), content).unwrap();
            }
        };
        check(&half, Depth::Full).await.unwrap();
        restore();
        check_and_fold(&half, Depth::Full).await.unwrap();
        restore();
        // it is read, and is none of ours
        let state = migrate::inspect_sqlite(&half).await;
        assert!(
            matches!(state, Ok(_) | Err(OpenError::Occupied { .. })),
            "{state:?}"
        );
        let mut conn = SqliteConnection::connect_with(&options(&half))
            .await
            .unwrap();
        let counted = "SELECT count(*) FROM kept WHERE text = 'half done'";
        let half_done: i64 = sqlx::query_scalar(counted)
            .fetch_one(&mut conn)
            .await
            .unwrap();
        assert_eq!(half_done, 0);
    }
}
