//! The error of the calls about users.

use std::{fmt, time::Duration};

use axum::response::{IntoResponse, Response};

use crate::error::{ApiError, Place};

/// An error of a call about users.
///
/// [`kind`](Self::kind) says what to do about it, and the text is for people. As the answer of a handler it becomes the
/// problem document that `/api` would send.
///
/// ```
/// use rolecall_server::{AccountErrorKind, Embedded};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let login = Embedded::open("sqlite::memory:").await?;
/// let error = login.accounts("seed").rename("0000", "anna").await.unwrap_err();
/// assert_eq!(error.kind(), AccountErrorKind::NotFound);
/// assert_eq!(error.to_string(), "no user `0000`");
/// # Ok(())
/// # }
/// ```
pub struct AccountError(ApiError);

/// The kind of an [`AccountError`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccountErrorKind {
    /// A named user or role does not exist.
    NotFound,
    /// The name is taken, the thing is in use, or a rule forbids the change, such as a constraint.
    Conflict,
    /// The caller lacks a permission, or acts on a user or role that holds more than the caller.
    Forbidden,
    /// The caller's token has ended, or the caller's account is not active.
    Ended,
    /// A value cannot be taken.
    Invalid {
        /// The name of the value: `username`, `password`, `email`, `role`, `tenant`, `expires_at` and so on.
        field: String,
    },
    /// The caller has changed too much in a short time.
    TooMany {
        /// The time to wait.
        retry_after: Duration,
    },
    /// The database does not answer, or the server is too busy; try again.
    Unavailable,
    /// A failure of the server, which is logged when this becomes an answer.
    Internal,
}

impl From<ApiError> for AccountError {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl AccountError {
    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> AccountErrorKind {
        kind_of(&self.0)
    }
}

fn kind_of(error: &ApiError) -> AccountErrorKind {
    match error {
        ApiError::Invalid(field) => {
            let steps = field.loc.iter().map(Place::to_string);
            let steps: Vec<String> = steps.skip_while(|step| step == "body").collect();
            AccountErrorKind::Invalid {
                field: steps.join("."),
            }
        }
        ApiError::Unknown { .. } => AccountErrorKind::NotFound,
        ApiError::AlreadyThere { .. }
        | ApiError::InUse { .. }
        | ApiError::Rule { .. }
        | ApiError::Separation(_)
        | ApiError::Stale => AccountErrorKind::Conflict,
        ApiError::Exceeds(_)
        | ApiError::Lacks(_)
        | ApiError::OtherTenant(_)
        | ApiError::Forbidden(_) => AccountErrorKind::Forbidden,
        ApiError::Receipted { error, .. } => kind_of(error),
        ApiError::Denied(_) => AccountErrorKind::Ended,
        ApiError::TooMany { retry_after } => AccountErrorKind::TooMany {
            retry_after: *retry_after,
        },
        ApiError::Busy | ApiError::Stopping | ApiError::Starting | ApiError::Unready(_) => {
            AccountErrorKind::Unavailable
        }
        error if error.is_outage() => AccountErrorKind::Unavailable,
        _ => AccountErrorKind::Internal,
    }
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let ApiError::Denied(_) = &self.0 {
            return f.write_str("the caller's token has ended");
        }
        match self.0.lacking_scope().filter(|scope| !scope.is_empty()) {
            Some(scope) => write!(f, "the caller lacks {scope}"),
            None => self.0.fmt(f),
        }
    }
}

// the text, and not what it is made of
/// The message, since that is what a `main` prints that returns the error.
impl fmt::Debug for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for AccountError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl IntoResponse for AccountError {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

#[cfg(test)]
mod tests {
    use rolecall::Denial;

    use super::*;
    use crate::{error::FieldError, store::StoreError};

    #[test]
    fn kinds_and_texts_by_table() {
        let permission = || "rolecall.users:write".parse().ok();
        let lacks = || ApiError::Lacks(permission());
        let receipted = ApiError::Receipted {
            error: Box::new(lacks()),
            receipt: "secret".into(),
        };
        let invalid = ApiError::Invalid(FieldError::body("username", "empty", "empty"));
        let field = "username".to_owned();
        let outage = StoreError::from(sqlx::Error::PoolTimedOut);
        let wrong = StoreError::from(sqlx::Error::RowNotFound);
        for (error, kind, text) in [
            (
                ApiError::unknown("user", &"x"),
                AccountErrorKind::NotFound,
                "no user `x`",
            ),
            (
                ApiError::already_there("user", &"x"),
                AccountErrorKind::Conflict,
                "user `x` already exists",
            ),
            (
                lacks(),
                AccountErrorKind::Forbidden,
                "the caller lacks rolecall.users:write",
            ),
            (
                receipted,
                AccountErrorKind::Forbidden,
                "the caller lacks rolecall.users:write",
            ),
            (
                ApiError::Denied(Denial::EndedToken),
                AccountErrorKind::Ended,
                "the caller's token has ended",
            ),
            (invalid, AccountErrorKind::Invalid { field }, "empty"),
            (ApiError::Busy, AccountErrorKind::Unavailable, "too busy"),
            (
                outage.into(),
                AccountErrorKind::Unavailable,
                "internal error",
            ),
            (wrong.into(), AccountErrorKind::Internal, "internal error"),
        ] {
            let error = AccountError(error);
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, text));
            assert!(!format!("{error:?}").contains("secret"));
        }
    }
}
