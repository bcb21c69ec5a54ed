//! Errors that end a command with status 1.

use std::io;

use crate::{
    config::ConfigError,
    error::{ApiError, chain_of},
    start::StartError,
    store::StoreError,
};

/// An error that ends a command with status 1; its text is printed after `rolecall: `.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("{0}")]
    Refused(String),
    /// Something named does not exist.
    #[error("no {kind} `{name}`")]
    Unknown { kind: &'static str, name: String },
    #[error("{context}: {source}")]
    Io { context: String, source: io::Error },
}

impl CliError {
    /// The refusal of `--as` for a command that no user's permissions can limit.
    pub(super) fn installation() -> Self {
        Self::Refused(
            "this command concerns the whole installation: run it without --as".to_owned(),
        )
    }

    /// Adds `context`, such as a file name, to an I/O error; for `map_err`.
    pub(super) fn io(context: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let context = context.into();
        move |source| Self::Io { context, source }
    }
}

impl From<ApiError> for CliError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Unknown { kind, name } => Self::Unknown { kind, name },
            other => Self::Refused(describe(&other)),
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::Refused(chain_of(&error))
    }
}

/// Describes an error of a service to the person at the command line, who may see more than an HTTP client:
/// the missing permissions, and the causes of an internal error.
pub(super) fn describe(error: &ApiError) -> String {
    match error {
        ApiError::Exceeds(excess) => {
            let permissions = excess.permissions.iter().map(ToString::to_string);
            let missing: Vec<String> = permissions
                .chain(excess.roles.iter().map(|role| format!("role {role}")))
                .collect();
            let path: Vec<String> = excess.path.iter().map(ToString::to_string).collect();
            // a path of one role only repeats the argument
            let path = if path.len() > 1 {
                format!(" ({})", path.join(" -> "))
            } else {
                String::new()
            };
            format!(
                "not permitted (delegation limit): you do not hold {}{path}",
                missing.join(", ")
            )
        }
        ApiError::Lacks(Some(permission)) => format!("not permitted: you do not hold {permission}"),
        ApiError::Lacks(None) => "not permitted".to_owned(),
        ApiError::Denied(_) => "not permitted: this user is not active".to_owned(),
        ApiError::Internal(source) | ApiError::Unready(source) => chain_of(source.as_ref()),
        other => other.to_string(),
    }
}
