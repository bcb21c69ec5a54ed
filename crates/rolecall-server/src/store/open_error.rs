//! Errors of opening a database.

use std::path::{Path, PathBuf};

use super::codes::{is_damage, is_misconfigured, is_outage};

/// The error of opening a database.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL has neither scheme.
    #[error(
        "`database.url` must begin with `sqlite:` or `postgres:`, without a driver such as `+asyncpg`"
    )]
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
    /// The write-ahead log or its index is gone, although another process has the database open.
    #[error(
        "`{path}` is missing although another rolecall has the database open, and changes would be lost if it was opened now: put it back, or stop every rolecall that has the database open and start it again",
        path = .0.display()
    )]
    IndexLost(PathBuf),
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
    #[error("cannot open the database{place}: {reason}{hint}", hint = pooler_hint(reason))]
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
    /// The database does not store UTF-8.
    #[error(
        "the database {place} has the encoding {encoding}, which cannot store every name: create one with `CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0`"
    )]
    Encoding {
        /// The database.
        place: String,
        /// Its encoding, as PostgreSQL calls it.
        encoding: String,
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
    /// The tables are of an earlier version of rolecall, and beside them are those of a later one.
    #[error(
        "the database {place} has tables of two versions of rolecall: the later one left {objects}, and a backup from before it was restored over the others, so nothing was changed: restore the backup into an empty database, as deploy/README.md shows"
    )]
    Mixture {
        /// The database.
        place: String,
        /// Some of what only the later version has.
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

/// Names the remedy if a pooler such as `PgBouncer` refused the connection.
fn pooler_hint(error: &sqlx::Error) -> &'static str {
    if error.to_string().contains("unsupported startup parameter") {
        "; a pooler refused it: connect to PostgreSQL directly, or set `ignore_startup_parameters = extra_float_digits` \
         and `pool_mode = session` in PgBouncer"
    } else {
        ""
    }
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

    /// Returns true if SQLite must undo what a killed process was writing, and may not, since it only reads
    /// (`SQLITE_READONLY_ROLLBACK`).
    pub(super) fn is_hot_journal(&self) -> bool {
        let Self::Database {
            reason: sqlx::Error::Database(error),
            ..
        } = self
        else {
            return false;
        };
        error.code().is_some_and(|code| code == "776")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pooler_that_refuses_the_connection_is_named_with_the_remedy() {
        let shown =
            |text: &str| OpenError::from(sqlx::Error::Protocol(text.to_owned())).to_string();
        let refused = shown("unsupported startup parameter: extra_float_digits");
        assert!(refused.contains("`pool_mode = session`"), "{refused}");
        assert!(!shown("unexpected message").contains("pool"));
    }
}
