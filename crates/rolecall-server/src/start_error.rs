//! The reasons why a start is refused.

use std::{fmt, path::PathBuf};

use rolecall::{GuardError, token::KeyError};

use crate::{error::ApiError, pages::fault::LookError, store::OpenError, vault::MasterKeyError};

/// The reason why the server does not start.
///
/// Its `Debug` is its message, since that is what a `main` prints that returns it.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The master key file cannot be used.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// Nodes share a PostgreSQL database, so there is no place for a key file beside it.
    #[error(
        "PostgreSQL needs a master key: create one with `openssl rand -hex 32`, store it in a file that only rolecall can read, and set `master_key_file` (or ROLECALL_MASTER_KEY_FILE)"
    )]
    NoMasterKey,
    /// The database is sealed with another master key.
    #[error(
        "this database is encrypted with another master key: configure that one (`master_key`, `master_key_file`, or the file beside the database)"
    )]
    WrongMasterKey,
    /// The database was made by `rolecall dev`.
    #[error(
        "the database {0} was made by `rolecall dev`, whose users have a known password: set `database.url` to a new database; `rolecall policy export` and `rolecall policy apply` take the roles and permissions along"
    )]
    MadeByDev(String),
    /// `rolecall dev` was started on another database than its own.
    #[error(
        "the database {0} was not made by `rolecall dev`, which would create users with a known password in it: choose a new folder with --keep"
    )]
    NotMadeByDev(String),
    /// The key file beside the database is missing.
    #[error(
        "the master key file `{path}` is missing, and the database cannot be used without it: put it back, or set `master_key_file`",
        path = .0.display()
    )]
    KeyFileMissing(PathBuf),
    /// The pages cannot look as configured.
    #[error(transparent)]
    Look(#[from] LookError),
    /// Mail cannot be sent as configured.
    #[error("mail cannot be sent as configured: {0}")]
    Mail(String),
    /// The OpenAPI document of the application cannot be used.
    #[error("the OpenAPI document of the application cannot be used: {0}")]
    Document(String),
    /// The public URL cannot be used.
    #[error("the public URL cannot be used: {0}")]
    PublicUrl(String),
    /// The application has routes at paths of rolecall's.
    #[error("the application and rolecall both have routes at {paths}: {advice}")]
    Clash {
        /// The paths, in backticks.
        paths: String,
        /// The ways out.
        advice: String,
    },
    /// The public URL and the prefix of rolecall's routes do not match.
    #[error(
        "rolecall's routes are nested under `{prefix}`, so that the path of the public URL must end with it: call `.public_url(\"{public_url}{prefix}\")`"
    )]
    Prefix {
        /// The prefix.
        prefix: String,
        /// The public URL.
        public_url: String,
    },
    /// `registration.roles` names a role that does not exist.
    #[error(
        "`registration.roles` names `{0}`, which does not exist: create it with `rolecall role add {0}`"
    )]
    UnknownRegistrationRole(String),
    /// New users would get roles that break a constraint.
    #[error("`registration.roles` violates a constraint, so that nobody could register: {0}")]
    RegistrationRolesApart(String),
    /// New users would get permissions of rolecall's own.
    #[error("registration would give away permissions of rolecall's own: {0}")]
    RegistrationRolesReserved(String),
    /// The application's policy document has faults, which name line and column.
    #[error("the policy document has faults:\n{0}")]
    PolicyDocument(String),
    /// Tests in the application's policy document fail. They name line and column.
    #[error("tests in the policy document fail:\n{0}")]
    PolicyTests(String),
    /// The application's policy document cannot be put in force.
    #[error("the policy document cannot be put in force: {0}")]
    Policy(String),
    /// The first administrator cannot be created.
    #[error("the first administrator `{0}` cannot be created: {1}")]
    FirstAdmin(String, String),
    /// The guard cannot be created.
    #[error("the guard cannot be created: {0}")]
    Guard(#[from] GuardError),
    /// The secret of the old application is too short.
    #[error("the secret of `tokens.legacy` cannot be used: {0}")]
    Legacy(KeyError),
    /// The declarations of profile fields are wrong, a line for each fault.
    #[error("{0}")]
    Profile(String),
    /// The settings of the pages are wrong, a line for each fault.
    #[error("{0}")]
    Pages(String),
    /// The list of breached passwords cannot be used.
    #[error("`passwords.breached`: {path}: {reason}", path = path.display())]
    Breached {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// Passwords cannot be hashed.
    #[error("{0}")]
    Hasher(#[from] rolecall_passwords::StartError),
    /// A demo user cannot be created.
    #[error("user `{0}` cannot be created: {1}")]
    DemoUser(String, String),
    /// The database is open, but cannot be used.
    #[error("the database {database} cannot be used: {reason}")]
    Unusable {
        /// The database.
        database: String,
        /// The reason.
        reason: String,
        /// True if it may recover by itself.
        is_temporary: bool,
    },
    /// An unexpected failure.
    #[error("{0}")]
    Failed(String),
}

impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<ApiError> for StartError {
    fn from(error: ApiError) -> Self {
        Self::Failed(crate::error::chain_of(&error))
    }
}

impl StartError {
    /// Returns true if the database may recover by itself, so that a start of the server can wait for it.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Open(error) => error.is_temporary(),
            Self::Unusable { is_temporary, .. } => *is_temporary,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_main_that_returns_the_error_prints_its_message() {
        for error in [
            StartError::NoMasterKey,
            StartError::MadeByDev("`demo/rolecall.db`".to_owned()),
            StartError::Open(OpenError::Missing("`app.db`".to_owned())),
        ] {
            let message = error.to_string();
            assert_eq!(format!("{error:?}"), message);
            let boxed: Box<dyn std::error::Error> = error.into();
            assert_eq!(format!("{boxed:?}"), message);
        }
    }
}
