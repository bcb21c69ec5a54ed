//! Migrations of the schema.

use std::{
    borrow::Cow,
    path::Path,
    time::{Duration, Instant},
};

use sqlx::{
    Connection as _, Executor as _, PgConnection, SqliteConnection, SqlitePool,
    migrate::{Migrate as _, Migration, MigrationType, Migrator},
    postgres::PgConnectOptions,
    sqlite::SqliteConnectOptions,
};

use self::{
    found::{Found, Step},
    steps::MIGRATIONS,
};
use super::{
    error::OpenError,
    file,
    integrity::{self, Depth},
    tuning::CONNECT_TIMEOUT,
    url::{DatabaseUrl, SchemaName, describe_file, describe_server},
};

mod found;
mod steps;

/// The time limit of reading what a database contains.
const INSPECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time limit of waiting for another node that migrates, and of migrating. Large tables take minutes.
const MIGRATE_TIMEOUT: Duration = Duration::from_hours(1);
const CONNECT_PAUSE: Duration = Duration::from_millis(250);
/// Limits for the connection that holds the lock: a node that was cut off would keep all others from starting.
const LOCK_LIMITS: &str = "SET idle_session_timeout = '1min'; SET idle_in_transaction_session_timeout = '1min'; \
    SET statement_timeout = 0; SET lock_timeout = 0";
const DENIED: &str = "SELECT CAST(c.relname AS TEXT) FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') \
    AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') \
        AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')) ORDER BY c.relname";
/// The encoding of the texts in the database.
const ENCODING: &str = "SELECT current_setting('server_encoding')";
const SET_SCHEMA: &str = "SELECT set_config('search_path', $1, false)";
/// Creates the schema of [`SET_SCHEMA`]. `IF NOT EXISTS` would need the permission to create schemas even if it exists.
const CREATE_SCHEMA: &str = "DO $$ BEGIN IF to_regnamespace(current_setting('search_path')) IS NULL THEN \
    EXECUTE format('CREATE SCHEMA %I', current_setting('search_path')); END IF; END $$";

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
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name(found::TABLE);
    migrator
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
    /// The version up to which all migrations are applied; 0 if rolecall has no tables there.
    pub(crate) found: i64,
    /// The version that this program needs.
    pub(crate) known: i64,
}

impl SchemaState {
    fn of(found: &Found) -> Self {
        Self {
            found: found.version,
            known: newest(MIGRATIONS),
        }
    }

    fn nothing() -> Self {
        Self {
            found: 0,
            known: newest(MIGRATIONS),
        }
    }
}

/// Reads the schema version of a database without changing it.
///
/// # Errors
///
/// [`OpenError::Newer`] and [`OpenError::Occupied`] for databases that a start would refuse, or why the database cannot
/// be read.
pub(crate) async fn inspect(
    url: &str,
    schema: Option<&SchemaName>,
) -> Result<SchemaState, OpenError> {
    let database = DatabaseUrl::parse(url)?;
    let inspected = match &database {
        DatabaseUrl::Memory => Ok(SchemaState::nothing()),
        DatabaseUrl::File(path) => inspect_sqlite(path).await,
        DatabaseUrl::Postgres(options) => inspect_postgres(options, schema).await,
    };
    inspected.map_err(|error| error.at(&database.describe()))
}

/// Reads the schema version of a SQLite database. Nothing is written, not even a log beside the file, unless a program
/// that was killed has left something half done.
pub(super) async fn inspect_sqlite(path: &Path) -> Result<SchemaState, OpenError> {
    if !file::holds_data(path)? {
        return Ok(SchemaState::nothing());
    }
    file::require_index(path).await?;
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let found = match read_sqlite(&options).await {
        // whoever wrote the file last was killed before it used a write-ahead log, as in a first start: what that
        // writer had not completed is undone, as by every program that opens the file
        Err(error) if error.is_hot_journal() => read_sqlite(&options.read_only(false)).await,
        found => found,
    }?;
    found.check(newest(MIGRATIONS), &describe_file(path))?;
    Ok(SchemaState::of(&found))
}

async fn read_sqlite(options: &SqliteConnectOptions) -> Result<Found, OpenError> {
    let mut conn = SqliteConnection::connect_with(options).await?;
    let found = found::in_sqlite(&mut conn, &migrator(MIGRATIONS)).await;
    let closed = conn.close().await;
    let found = found?;
    closed?;
    Ok(found)
}

pub(super) async fn inspect_postgres(
    options: &PgConnectOptions,
    schema: Option<&SchemaName>,
) -> Result<SchemaState, OpenError> {
    let read = async {
        let mut conn = connect(options, schema, CONNECT_TIMEOUT).await?;
        let found = found::in_postgres(&mut conn, &migrator(MIGRATIONS)).await?;
        conn.close().await?;
        Ok::<_, OpenError>(found)
    };
    let found = in_time(INSPECT_TIMEOUT, read).await?;
    found.check(newest(MIGRATIONS), &describe_server(options))?;
    Ok(SchemaState::of(&found))
}

/// Returns the tables of rolecall that the user of the URL may not read and write; none on SQLite.
///
/// # Errors
///
/// As [`inspect`].
pub(crate) async fn find_denied(
    url: &str,
    schema: Option<&SchemaName>,
) -> Result<Vec<String>, OpenError> {
    let DatabaseUrl::Postgres(options) = DatabaseUrl::parse(url)? else {
        return Ok(Vec::new());
    };
    let find = async {
        let mut conn = connect(&options, schema, CONNECT_TIMEOUT).await?;
        let denied: Vec<String> = sqlx::query_scalar(DENIED).fetch_all(&mut conn).await?;
        conn.close().await?;
        Ok::<_, OpenError>(denied)
    };
    let denied = in_time(INSPECT_TIMEOUT, find).await;
    let mut denied = denied.map_err(|error| error.at(&describe_server(&options)))?;
    let migrator = migrator(MIGRATIONS);
    let own = found::missing_names(&migrator, &[]);
    denied.retain(|table| own.contains(table.as_str()));
    Ok(denied)
}

/// Gives up a PostgreSQL that accepts connections and stays silent.
async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, OpenError>>,
) -> Result<T, OpenError> {
    match tokio::time::timeout(limit, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()).into()),
    }
}

/// Connects to PostgreSQL within `limit`, and tries again while the server is starting.
async fn connect(
    options: &PgConnectOptions,
    schema: Option<&SchemaName>,
    limit: Duration,
) -> Result<PgConnection, sqlx::Error> {
    let started = Instant::now();
    loop {
        let left = limit.saturating_sub(started.elapsed());
        let attempt = async {
            let mut conn = PgConnection::connect_with(options).await?;
            set_schema(&mut conn, schema).await?;
            Ok::<_, sqlx::Error>(conn)
        };
        let error = match tokio::time::timeout(left, attempt).await {
            Ok(Ok(conn)) => return Ok(conn),
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()),
        };
        if !is_starting(&error) || started.elapsed() + CONNECT_PAUSE >= limit {
            return Err(error);
        }
        tokio::time::sleep(CONNECT_PAUSE).await;
    }
}

/// Returns true if a server is starting, is being started, or has no free connection at this moment.
fn is_starting(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| ["57P03", "53300"].contains(&&*code)),
        _ => false,
    }
}

/// Makes a connection find and create tables in this schema alone.
pub(super) async fn set_schema(
    conn: &mut PgConnection,
    schema: Option<&SchemaName>,
) -> Result<(), sqlx::Error> {
    if let Some(schema) = schema {
        let statement = sqlx::query(SET_SCHEMA).bind(schema.as_str());
        statement.execute(conn).await?;
    }
    Ok(())
}

/// Migrates PostgreSQL under an advisory lock, because several nodes may start at once. `limit` is that of connecting:
/// a migration takes as long as it needs.
///
/// Uses a connection of its own, because a migration may take longer than the time limit of a statement.
pub(super) async fn postgres(
    options: &PgConnectOptions,
    schema: Option<&SchemaName>,
    limit: Duration,
) -> Result<(), OpenError> {
    let conn = connect(options, schema, limit).await?;
    postgres_on(conn, options, schema, MIGRATIONS).await
}

async fn postgres_on(
    mut conn: PgConnection,
    options: &PgConnectOptions,
    schema: Option<&SchemaName>,
    steps: &'static [Step],
) -> Result<(), OpenError> {
    let outcome = async {
        conn.execute(LOCK_LIMITS).await?;
        conn.lock().await?;
        let mut migrator = migrator(steps);
        migrator.set_locking(false);
        let found = found::in_postgres(&mut conn, &migrator).await?;
        found.check(newest(steps), &describe_server(options))?;
        check_encoding(&mut conn, &found, options).await?;
        if schema.is_some() {
            conn.execute(CREATE_SCHEMA).await?;
        }
        if found.is_shared {
            found::adopt_in_postgres(&mut conn, &found.applied).await?;
        }
        Ok::<_, OpenError>(migrator.run_direct(None, &mut conn, false).await?)
    };
    let outcome = in_time(MIGRATE_TIMEOUT, outcome).await;
    // closing the connection releases the lock
    let _ = conn.close().await;
    outcome
}

/// Refuses to create tables in a database that cannot store every character: names, reasons and descriptions would be
/// refused one by one later.
async fn check_encoding(
    conn: &mut PgConnection,
    found: &Found,
    options: &PgConnectOptions,
) -> Result<(), OpenError> {
    let encoding: String = sqlx::query_scalar(ENCODING).fetch_one(conn).await?;
    if encoding == "UTF8" {
        return Ok(());
    }
    let refusal = OpenError::Encoding {
        place: describe_server(options),
        encoding,
    };
    if found.applied.is_empty() {
        return Err(refusal);
    }
    // from before this was checked: it works with the texts that it has
    tracing::warn!("{refusal}");
    Ok(())
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
    let found = found::in_sqlite(&mut conn, &migrator).await?;
    found.check(newest(steps), &describe_file(path))?;
    drop(conn);
    let applied = found.applied.len();
    if applied > 0 && (applied < steps.len() || found.is_shared) {
        back_up(pool, path, found.version).await?;
    }
    if found.is_shared {
        found::adopt_in_sqlite(&mut *pool.acquire().await?, &found.applied).await?;
    }
    Ok(migrator.run(pool).await?)
}

/// Copies the file before its schema changes. Replaces the copy of an earlier attempt, because data may have been
/// written since. The copy gets its name when it is complete, so that a partial one is never mistaken for it.
async fn back_up(pool: &SqlitePool, path: &Path, version: i64) -> Result<(), OpenError> {
    let copy = file::beside(path, &format!(".before-schema-{}", version + 1));
    let partial = file::beside(&copy, ".partial");
    let failed = |source| OpenError::File {
        path: copy.clone(),
        source,
    };
    file::remove_if_exists(&partial).map_err(failed)?;
    file::owner_only_new().open(&partial).map_err(failed)?;
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
