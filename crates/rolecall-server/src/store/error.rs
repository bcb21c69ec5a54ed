//! Errors of the database, and how many of each kind this process has seen.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// The error of a statement or a connection.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed or could not be reached.
    #[error("the database did not answer")]
    Database(#[source] sqlx::Error),
    /// A row violates an invariant of the program.
    #[error("the database holds a row that should not exist: {0}")]
    Inconsistent(String),
    /// The file of the database is gone, or another one lies in its place.
    #[error(
        "the database file `{path}` was removed or replaced while it was open: put it back, or stop rolecall and use `rolecall restore`",
        path = .0.display()
    )]
    Moved(PathBuf),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        count(&error);
        Self::Database(error)
    }
}

impl StoreError {
    /// Reports a row that violates an invariant.
    pub(crate) fn inconsistent(what: impl std::fmt::Display) -> Self {
        Self::Inconsistent(what.to_string())
    }
}

/// The error of opening a database.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL has neither scheme.
    #[error("`database.url` must begin with `sqlite:` or `postgres:`")]
    UnknownKind,
    /// The URL has a known scheme, but cannot be used.
    #[error("`database.url`: {0}")]
    Url(String),
    /// The name of the schema cannot be used.
    #[error("`database.schema`: {0}")]
    Schema(String),
    /// The database file, its folder or a file beside it could not be opened or created.
    #[error("cannot use `{path}`: {source}{hint}", path = path.display(), hint = owner_hint(path, source))]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The database file is missing, although it was there before.
    #[error(
        "the database `{path}` is missing or empty, but `{trace}` shows that it was in use: put it back, restore a backup with `rolecall restore`, or move `{trace}` away to start with an empty database",
        path = path.display(),
        trace = trace.display()
    )]
    Lost {
        /// The database.
        path: PathBuf,
        /// The file that shows it.
        trace: PathBuf,
    },
    /// The file is damaged.
    #[error(
        "the database `{path}` is damaged ({fault}): restore a backup with `rolecall restore FILE --force`",
        path = path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// The first fault found.
        fault: String,
    },
    /// The database could not be reached or opened.
    #[error("cannot open the database{place}: {reason}")]
    Database {
        /// The database, with a space before it; empty where it is not known.
        place: String,
        /// The error of the connection or of the statement.
        reason: sqlx::Error,
    },
    /// The schema could not be migrated.
    #[error("cannot migrate the database{place}: {reason}")]
    Migrate {
        /// The database, with a space before it; empty where it is not known.
        place: String,
        /// The error of the migration.
        reason: sqlx::migrate::MigrateError,
    },
    /// The database contains tables of an application where rolecall needs its own.
    #[error(
        "the database {place} has {objects}, which rolecall did not create, so nothing was changed: set `database.schema` to a schema of rolecall's own on PostgreSQL, or `database.url` to a database of its own"
    )]
    Occupied {
        /// The database.
        place: String,
        /// The tables, indexes and types whose names rolecall needs.
        objects: String,
    },
    /// The database does not exist, and only `serve`, `dev` and `migrate` create one.
    #[error(
        "the database {0} does not exist: `rolecall serve` or `rolecall migrate` creates it; if it should exist, check `database.url`"
    )]
    Missing(String),
    /// The database has no tables of rolecall, and only `serve`, `dev` and `migrate` create them.
    #[error(
        "the database {0} has no tables of rolecall: `rolecall serve` or `rolecall migrate` creates them; if it should have them, check `database.url` and `database.schema`"
    )]
    Empty(String),
    /// The schema is older than this version of rolecall, and only `serve`, `dev` and `migrate` update it.
    #[error(
        "the database {database} has version {found} of the schema, and this rolecall needs version {known}: make a backup, and update it with `rolecall migrate` or the next start of `rolecall serve`"
    )]
    Outdated {
        /// The database.
        database: String,
        /// The schema version found.
        found: i64,
        /// The schema version that this program needs.
        known: i64,
    },
    /// The schema is newer than this version of rolecall.
    #[error(
        "the database was last used by a newer rolecall (schema {found}, this version knows {known}): install the newer version again"
    )]
    Newer {
        /// The schema version found.
        found: i64,
        /// The newest schema version known.
        known: i64,
    },
}

impl From<sqlx::Error> for OpenError {
    fn from(reason: sqlx::Error) -> Self {
        let place = String::new();
        Self::Database { place, reason }
    }
}

impl From<sqlx::migrate::MigrateError> for OpenError {
    fn from(reason: sqlx::migrate::MigrateError) -> Self {
        match reason {
            // a statement about the table of migrations, not one of a migration
            sqlx::migrate::MigrateError::Execute(reason) => reason.into(),
            reason => Self::Migrate {
                place: String::new(),
                reason,
            },
        }
    }
}

impl OpenError {
    /// Returns true if the database may recover by itself, so that a start can wait for it.
    pub(crate) fn is_temporary(&self) -> bool {
        use sqlx::migrate::MigrateError;
        match self {
            Self::Database { reason, .. }
            | Self::Migrate {
                reason: MigrateError::Execute(reason) | MigrateError::ExecuteMigration(reason, _),
                ..
            } => is_outage(reason) && !is_misconfigured(reason),
            _ => false,
        }
    }

    /// Names the damaged file in an error that comes from damage.
    pub(super) fn of_file(self, path: &Path) -> Self {
        use sqlx::migrate::MigrateError;
        match self {
            Self::Database { reason, .. }
            | Self::Migrate {
                reason: MigrateError::Execute(reason) | MigrateError::ExecuteMigration(reason, _),
                ..
            } if is_damage(&reason) => Self::Damaged {
                path: path.to_owned(),
                fault: reason.to_string(),
            },
            error => error,
        }
    }

    /// Adds the name of the database, unless the error has it.
    pub(super) fn at(mut self, database: &str) -> Self {
        if let Self::Database { place, .. } | Self::Migrate { place, .. } = &mut self
            && place.is_empty()
        {
            *place = format!(" {database}");
        }
        self
    }
}

/// Names the owner of a file that this process may not use.
fn owner_hint(path: &Path, error: &std::io::Error) -> String {
    use std::os::unix::fs::MetadataExt as _;
    if error.kind() != std::io::ErrorKind::PermissionDenied {
        return String::new();
    }
    let owner = std::fs::metadata(path).map(|found| found.uid());
    let own = std::fs::metadata("/proc/self").map(|found| found.uid());
    match (owner, own) {
        (Ok(owner), Ok(own)) if owner != own => format!(
            "; it belongs to the user with the id {owner}, and rolecall runs with the id {own}: run `chown {own} {}`",
            path.display()
        ),
        _ => String::new(),
    }
}

const KINDS: [&str; 4] = ["timeout", "connection", "database", "other"];

/// Counts per process and not per [`Store`](super::Store), because an error does not know its store.
static COUNTS: [AtomicU64; KINDS.len()] = [const { AtomicU64::new(0) }; KINDS.len()];

/// Returns each kind of error with its count since the start of the process.
pub(crate) fn counts() -> impl Iterator<Item = (&'static str, u64)> {
    let counts = COUNTS.iter().map(|count| count.load(Ordering::Relaxed));
    KINDS.into_iter().zip(counts)
}

fn count(error: &sqlx::Error) {
    let counter = kind_of(error).and_then(|kind| {
        let place = KINDS.iter().position(|known| *known == kind)?;
        COUNTS.get(place)
    });
    if let Some(counter) = counter {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Returns the kind of an error; `None` for answers that callers expect: no row, or a name that is taken.
fn kind_of(error: &sqlx::Error) -> Option<&'static str> {
    use sqlx::{Error, error::ErrorKind};
    match error {
        Error::RowNotFound => None,
        Error::Database(error) if error.kind() != ErrorKind::Other => None,
        Error::Database(_) => Some("database"),
        Error::PoolTimedOut => Some("timeout"),
        Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(_)
        | Error::PoolClosed
        | Error::WorkerCrashed => Some("connection"),
        _ => Some("other"),
    }
}

/// The meaning of an error. It is decided here and nowhere else: answers, readiness and pools follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// The statement or its values are wrong, or a caller expects the error, such as a name that is taken.
    Statement,
    /// The database cannot do it now, and may a little later.
    Outage,
    /// An outage after which the connection must not be used again.
    Broken,
}

fn class_of_error(error: &sqlx::Error) -> Class {
    use sqlx::Error as Sql;
    match error {
        // a protocol error comes from something that is not PostgreSQL, such as a load balancer that accepts
        // connections and closes them
        Sql::Io(_) | Sql::Tls(_) | Sql::Protocol(_) | Sql::WorkerCrashed => Class::Broken,
        Sql::PoolTimedOut | Sql::PoolClosed => Class::Outage,
        Sql::Database(error) if lacks_table(error.as_ref()) => Class::Outage,
        Sql::Database(error) => error
            .code()
            .map_or(Class::Statement, |code| class_of(&code)),
        _ => Class::Statement,
    }
}

/// Returns true if the database is at fault, as [`StoreError::is_outage`].
pub(super) fn is_outage(error: &sqlx::Error) -> bool {
    class_of_error(error) != Class::Statement
}

/// Returns true if waiting does not help: somebody has to correct the configuration, a permission or the file.
pub(super) fn is_misconfigured(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            lacks_table(error.as_ref()) || error.code().is_some_and(|code| needs_somebody(&code))
        }
        _ => false,
    }
}

/// Returns true for SQLite's codes 11 (damaged) and 26 (not a database).
pub(super) fn is_damage(error: &sqlx::Error) -> bool {
    let code = match error {
        sqlx::Error::Database(error) => error.code().and_then(|code| code.parse::<u32>().ok()),
        _ => None,
    };
    matches!(code.map(|code| code & 0xff), Some(11 | 26))
}

/// Returns true if SQLite misses a table. It has one code for all wrong statements.
fn lacks_table(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.message().starts_with("no such table: ")
}

/// Returns true for the codes of a wrong password, a database, schema or table that does not exist, and a missing
/// permission; in SQLite, of a file that is damaged, read-only or cannot be opened.
fn needs_somebody(code: &str) -> bool {
    if code.len() == 5 {
        let class = code.get(..2).unwrap_or_default();
        return ["28", "3D", "3F"].contains(&class) || UNUSABLE.contains(&code);
    }
    let primary = code.parse::<u32>().map(|code| code & 0xff);
    matches!(primary, Ok(3 | 8 | 11 | 14 | 26))
}

impl StoreError {
    pub(super) fn class(&self) -> Class {
        match self {
            Self::Database(error) => class_of_error(error),
            Self::Moved(_) => Class::Broken,
            Self::Inconsistent(_) => Class::Statement,
        }
    }

    /// Returns true if a row that would be deleted is referred to by a row of another table.
    pub(crate) fn is_referenced(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => {
                error.kind() == sqlx::error::ErrorKind::ForeignKeyViolation
            }
            _ => false,
        }
    }

    /// Returns true if the file is damaged: SQLite's codes 11 (damaged) and 26 (not a database).
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Database(error) => is_damage(error),
            _ => false,
        }
    }

    /// Returns true if the database is at fault and may recover by itself, so that a start can wait for it.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Database(error) => is_outage(error) && !is_misconfigured(error),
            _ => false,
        }
    }

    /// Returns true if the database is at fault: unreachable, overloaded, read-only, damaged or out of resources.
    pub(crate) fn is_outage(&self) -> bool {
        self.class() != Class::Statement
    }

    /// Returns true if the PostgreSQL server has become a standby, or takes no writes for another reason.
    pub(super) fn is_read_only(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code == READ_ONLY)
            }
            _ => false,
        }
    }
}

/// PostgreSQL: no permission, no such table, no such column. Every statement of ours has been prepared on a database that
/// had them, so that somebody has taken them away since.
const UNUSABLE: [&str; 3] = ["42501", "42P01", "42703"];

/// PostgreSQL: `read_only_sql_transaction`.
const READ_ONLY: &str = "25006";

/// Returns the class of a code. Five characters come from PostgreSQL, others from SQLite.
fn class_of(code: &str) -> Class {
    let class = code.get(..2).unwrap_or_default();
    match code {
        // read-only, a transaction that idled too long, an administrator who closes the connection
        READ_ONLY | "25P03" | "57P01" | "57P02" | "57P03" | "57P04" | "57P05" => Class::Broken,
        // a lock that was not available
        "55P03" => Class::Outage,
        _ if UNUSABLE.contains(&code) => Class::Outage,
        _ if code.len() == 5 => match class {
            // connection exception, system error, internal error, which includes damaged files
            "08" | "58" | "XX" => Class::Broken,
            // wrong password, unknown database or schema, transaction rollback, insufficient resources, operator
            // intervention
            "28" | "3D" | "3F" | "40" | "53" | "57" => Class::Outage,
            _ => Class::Statement,
        },
        // the primary code is in the lowest byte
        _ => match code.parse::<u32>().map(|code| code & 0xff) {
            // I/O error, damaged, full, cannot open, not a database
            Ok(10 | 11 | 13 | 14 | 26) => Class::Broken,
            // no permission, aborted, busy, locked, no memory, read-only, interrupted, lock protocol, files too large
            Ok(3..=9 | 15 | 22) => Class::Outage,
            _ => Class::Statement,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trouble_with_the_database_counts_as_an_outage() {
        // PostgreSQL: too many connections, statement timeout, deadlock, wrong password, no such database
        for code in [
            "53300", "53100", "57014", "40P01", "28P01", "3D000", "55P03",
            // no permission, no such table, no such column, no such schema
            "42501", "42P01", "42703", "3F000",
        ] {
            assert_eq!(class_of(code), Class::Outage, "{code}");
        }
        // PostgreSQL: connection lost, shutting down, disk failure, read-only, damaged
        for code in ["08006", "57P01", "58030", "25006", "25P03", "XX001"] {
            assert_eq!(class_of(code), Class::Broken, "{code}");
        }
        // SQLite: busy, snapshot too old, locked, no memory, read-only
        for code in ["5", "517", "6", "262", "7", "8", "1032"] {
            assert_eq!(class_of(code), Class::Outage, "{code}");
        }
        // SQLite: I/O error while reading or writing, damaged, full, cannot open, not a database
        for code in ["10", "266", "778", "11", "267", "13", "14", "26"] {
            assert_eq!(class_of(code), Class::Broken, "{code}");
        }
        // a NUL in a text (its number ends like SQLite's busy), unique, foreign key, syntax, failed transaction
        for code in [
            "22021", "23505", "23503", "42601", "25P02", "1", "19", "2067", "787", "20", "",
        ] {
            assert_eq!(class_of(code), Class::Statement, "{code}");
        }
    }

    #[test]
    fn a_start_waits_only_for_what_can_end_by_itself() {
        for code in [
            "28P01", "3D000", "3F000", "42501", "42P01", "8", "11", "14", "26", "267",
        ] {
            assert!(needs_somebody(code), "{code}");
        }
        for code in [
            "25006", "57014", "57P03", "53300", "53100", "40P01", "5", "6", "10", "13",
        ] {
            assert!(!needs_somebody(code), "{code}");
        }
    }

    #[test]
    fn an_error_of_the_connection_is_an_outage() {
        for error in [
            sqlx::Error::Io(std::io::ErrorKind::UnexpectedEof.into()),
            sqlx::Error::Protocol("unexpected response from SSLRequest: 0x00".to_owned()),
            sqlx::Error::WorkerCrashed,
        ] {
            assert_eq!(StoreError::from(error).class(), Class::Broken);
        }
        assert_eq!(
            StoreError::from(sqlx::Error::PoolTimedOut).class(),
            Class::Outage
        );
        assert_eq!(
            StoreError::from(sqlx::Error::RowNotFound).class(),
            Class::Statement
        );
    }

    #[test]
    fn an_expected_answer_is_not_counted() {
        assert_eq!(kind_of(&sqlx::Error::RowNotFound), None);
        assert_eq!(kind_of(&sqlx::Error::PoolTimedOut), Some("timeout"));
        let broken = sqlx::Error::Io(std::io::ErrorKind::BrokenPipe.into());
        assert_eq!(kind_of(&broken), Some("connection"));
        for (kind, _) in counts() {
            assert!(["timeout", "connection", "database", "other"].contains(&kind));
        }
    }
}
