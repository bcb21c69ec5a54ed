//! Migrations of the schema.

use std::{borrow::Cow, path::Path, time::Duration};

use sqlx::{
    Connection as _, Executor as _, SqlitePool,
    migrate::{Migrate, Migration, MigrationType, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    error::OpenError,
    file,
    integrity::{self, Depth},
};

/// A version of the schema, its name, and the SQL that creates it from the version before.
type Step = (i64, &'static str, &'static str);

const MIGRATIONS: &[Step] = &[
    (
        1,
        "initial",
        include_str!("../../migrations/0001_initial.sql"),
    ),
    (
        2,
        "refresh and clients",
        include_str!("../../migrations/0002_refresh_and_clients.sql"),
    ),
    (
        3,
        "folded usernames",
        include_str!("../../migrations/0003_folded_usernames.sql"),
    ),
    (
        4,
        "signing keys",
        include_str!("../../migrations/0004_signing_keys.sql"),
    ),
    (
        5,
        "names of old applications",
        include_str!("../../migrations/0005_names_of_old_applications.sql"),
    ),
    (
        6,
        "leases",
        include_str!("../../migrations/0006_leases.sql"),
    ),
    (
        7,
        "ended assignments",
        include_str!("../../migrations/0007_ended_assignments.sql"),
    ),
    (
        8,
        "policy changes",
        include_str!("../../migrations/0008_policy_changes.sql"),
    ),
    (
        9,
        "constraints",
        include_str!("../../migrations/0009_constraints.sql"),
    ),
    (
        10,
        "approvals",
        include_str!("../../migrations/0010_approvals.sql"),
    ),
    (
        11,
        "limits",
        include_str!("../../migrations/0011_limits.sql"),
    ),
    (
        12,
        "floors of tenants",
        include_str!("../../migrations/0012_floors_of_tenants.sql"),
    ),
    (
        13,
        "known devices",
        include_str!("../../migrations/0013_known_devices.sql"),
    ),
    (
        15,
        "brought ids",
        include_str!("../../migrations/0015_brought_ids.sql"),
    ),
    (
        16,
        "audit seal",
        include_str!("../../migrations/0016_audit_seal.sql"),
    ),
];

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Limits for the connection that holds the lock: a node that was cut off would keep all others from starting.
const LOCK_LIMITS: &str =
    "SET idle_session_timeout = '1min'; SET idle_in_transaction_session_timeout = '1min'";

fn migrator(steps: &'static [Step]) -> Migrator {
    let migrations = steps.iter().map(|(version, name, sql)| {
        let sql = sqlx::SqlStr::from_static(sql);
        Migration::new(
            *version,
            Cow::Borrowed(*name),
            MigrationType::Simple,
            sql,
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

fn newest(steps: &[Step]) -> i64 {
    steps
        .iter()
        .map(|(version, ..)| *version)
        .max()
        .unwrap_or(0)
}

/// The schema version of a database, beside that of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SchemaState {
    /// The version found; 0 in an empty database.
    pub(crate) found: i64,
    /// The version that this program needs.
    pub(crate) known: i64,
}

/// Reads the schema version of a database without changing it.
pub(crate) async fn read_version(url: &str) -> Result<SchemaState, OpenError> {
    const VERSION: &str = "SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) FROM _sqlx_migrations";
    let missing = |error: &sqlx::Error| matches!(error, sqlx::Error::Database(error) if error.message().contains("_sqlx_migrations"));
    let found: Result<(i64,), sqlx::Error> = if let Some(path) = file::sqlite_path(url) {
        if !path.exists() {
            return Ok(SchemaState {
                found: 0,
                known: newest(MIGRATIONS),
            });
        }
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(&path)
            .read_only(true);
        let mut conn = sqlx::SqliteConnection::connect_with(&options).await?;
        sqlx::query_as(VERSION).fetch_one(&mut conn).await
    } else {
        let mut conn = sqlx::PgConnection::connect(url).await?;
        sqlx::query_as(VERSION).fetch_one(&mut conn).await
    };
    let found = match found {
        Ok((found,)) => found,
        Err(error) if missing(&error) => 0,
        Err(error) => return Err(error.into()),
    };
    Ok(SchemaState {
        found,
        known: newest(MIGRATIONS),
    })
}

fn refuse_newer(applied: &[sqlx::migrate::AppliedMigration], known: i64) -> Result<(), OpenError> {
    let found = applied
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    if found > known {
        Err(OpenError::Newer { found, known })
    } else {
        Ok(())
    }
}

/// Migrates PostgreSQL under an advisory lock, because several nodes may start at once.
///
/// Uses a connection of its own, because a migration may take longer than the time limit of a statement.
pub(super) async fn postgres(options: &PgConnectOptions) -> Result<(), OpenError> {
    postgres_by(options, MIGRATIONS).await
}

async fn postgres_by(options: &PgConnectOptions, steps: &'static [Step]) -> Result<(), OpenError> {
    let one = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(CONNECT_TIMEOUT);
    // a pool, because it retries while PostgreSQL is still starting
    let mut conn = one.connect_with(options.clone()).await?.acquire().await?;
    conn.execute(LOCK_LIMITS).await?;
    conn.lock().await?;
    let mut migrator = migrator(steps);
    migrator.set_locking(false);
    let outcome = async {
        conn.ensure_migrations_table(&migrator.table_name).await?;
        let applied = conn.list_applied_migrations(&migrator.table_name).await?;
        refuse_newer(&applied, newest(steps))?;
        Ok::<_, OpenError>(migrator.run_direct(None, &mut *conn, false).await?)
    }
    .await;
    // closing the connection releases the lock
    let _ = conn.close().await;
    outcome
}

pub(super) async fn sqlite_in_memory(pool: &SqlitePool) -> Result<(), OpenError> {
    Ok(migrator(MIGRATIONS).run(pool).await?)
}

/// Migrates a file; the caller holds [`file::lock_opening`].
pub(super) async fn sqlite(pool: &SqlitePool, path: &Path) -> Result<(), OpenError> {
    sqlite_by(pool, path, MIGRATIONS).await
}

async fn sqlite_by(
    pool: &SqlitePool,
    path: &Path,
    steps: &'static [Step],
) -> Result<(), OpenError> {
    let migrator = migrator(steps);
    let mut conn = pool.acquire().await?;
    conn.ensure_migrations_table(&migrator.table_name).await?;
    let applied = conn.list_applied_migrations(&migrator.table_name).await?;
    refuse_newer(&applied, newest(steps))?;
    drop(conn);
    if !applied.is_empty() && applied.len() < steps.len() {
        back_up(pool, path, applied.len()).await?;
    }
    Ok(migrator.run(pool).await?)
}

/// Copies the file before its schema changes. Replaces the copy of an earlier attempt, because data may have been
/// written since. The copy gets its name when it is complete, so that a partial one is never mistaken for it.
async fn back_up(pool: &SqlitePool, path: &Path, version: usize) -> Result<(), OpenError> {
    let copy = file::beside(path, &format!(".before-schema-{}", version + 1));
    let partial = file::beside(&copy, ".partial");
    let failed = |source| OpenError::File {
        path: copy.clone(),
        source,
    };
    file::remove_if_exists(&partial).map_err(failed)?;
    file::owner_only().open(&partial).map_err(failed)?;
    sqlx::query("VACUUM INTO $1")
        .bind(partial.to_string_lossy().into_owned())
        .execute(pool)
        .await?;
    integrity::check_and_fold(&partial, Depth::Full).await?;
    file::keep_owner(&partial, path).map_err(failed)?;
    file::replace(&partial, &copy).map_err(failed)
}

#[cfg(test)]
mod tests;
