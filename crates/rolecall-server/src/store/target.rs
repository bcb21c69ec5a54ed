//! The database that a start opens, and what the start may do to it.

use secrecy::{ExposeSecret as _, SecretString};

use super::{error::OpenError, migrate::SchemaState, url::SchemaName};

/// The database that a start opens.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) url: &'a str,
    /// The schema of PostgreSQL; `None` for the default one of the connection.
    pub(crate) schema: Option<&'a SchemaName>,
    pub(crate) opening: Opening,
}

impl<'a> Target<'a> {
    pub(crate) fn new(
        url: &'a SecretString,
        schema: Option<&'a SchemaName>,
        opening: Opening,
    ) -> Self {
        Self {
            url: url.expose_secret(),
            schema,
            opening,
        }
    }
}

/// The choice of a start if the database or its tables are missing or old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Creates or updates them, as `serve`, `dev` and `migrate` do.
    Create,
    /// Refuses, as all other commands do: a wrong setting must not leave an empty database behind.
    Existing,
}

impl Opening {
    /// Refuses a database that this start would have to create or update.
    pub(super) fn check(self, state: SchemaState, database: &str) -> Result<(), OpenError> {
        let SchemaState { found, known } = state;
        if self == Self::Create || found == known {
            return Ok(());
        }
        let database = database.to_owned();
        Err(if found == 0 {
            OpenError::Empty(database)
        } else {
            OpenError::Outdated {
                database,
                found,
                known,
            }
        })
    }
}
