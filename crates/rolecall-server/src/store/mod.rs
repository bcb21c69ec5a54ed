//! The database: two pools, one SQL text a query, and the only two ways to write.

mod change;
mod conn;
mod errors;
pub(crate) mod file;
mod head;
pub(crate) mod migrate;
mod open;

pub(crate) use change::{Actor, Change};
pub(crate) use conn::{Conn, Split, answered};
pub(crate) use errors::counts as errors;
pub(crate) use head::{Head, is_ended, prune_floors, read_floors, read_head};
pub use open::{OpenError, Store};

/// Why the database did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed or could not be reached.
    #[error("the database did not answer")]
    Database(#[source] sqlx::Error),
    /// A row breaks a rule that the program relies on.
    #[error("the database holds a row that should not exist: {0}")]
    Inconsistent(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        errors::count(&error);
        Self::Database(error)
    }
}

impl StoreError {
    pub(crate) fn inconsistent(what: impl std::fmt::Display) -> Self {
        Self::Inconsistent(what.to_string())
    }
}

/// Declares the SQL texts of a module, and lists them for the test that prepares each on both databases.
macro_rules! queries {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$doc])* const $name: &str = $sql;)*
        #[cfg(test)]
        pub(crate) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}
pub(crate) use queries;

/// Runs one query on whichever database is open: the body is written once and compiled for both. Where a
/// network lies between, the answer is not waited for without an end.
macro_rules! on {
    ($conn:expr, |$c:ident| $query:expr) => {
        match $conn.split() {
            $crate::store::Split::Sqlite($c) => $query,
            $crate::store::Split::Postgres($c) => $crate::store::answered(async { $query }).await,
        }
    };
}
pub(crate) use on;

#[cfg(test)]
pub(crate) mod tests;
