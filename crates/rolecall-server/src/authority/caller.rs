//! The caller of a service function.

use rolecall::{PermissionName as _, Principal};
use rolecall_core::SubjectKind;
use serde_json::json;

use super::may;
use crate::{error::ApiError, store::Actor};

/// The caller of a service function, by whose rights it reads and writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller<'a> {
    /// A caller of the API, with a verified token.
    Token(&'a Principal),
    /// The operator at the command line of the machine, who may do everything.
    CommandLine {
        /// The name of the operating system's user.
        system_user: &'a str,
    },
    /// The operator at the command line, limited to the rights of a user (`--as`).
    As {
        /// The user's id.
        user_id: &'a str,
    },
    /// A user at the own page, who changes or ends what is theirs. It holds no permission: that depends on none of their
    /// roles, nor on which of these may be active together.
    Own {
        /// The user's id.
        user_id: &'a str,
        /// The id of the browser session, or of the sign-in that is not at its end.
        session: &'a str,
    },
    /// The application that embeds the server, which may do everything.
    Application {
        /// The part of the application, such as `seed`.
        part: &'a str,
    },
    /// rolecall itself, also on behalf of a new user who registers.
    System,
}

impl Caller<'_> {
    /// Returns the actor that the audit log names.
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::Token(principal) => {
                let id = principal.subject().to_owned();
                match principal.kind() {
                    SubjectKind::User => Actor::User(id),
                    SubjectKind::Client => Actor::Client(id),
                }
            }
            Self::As { user_id } | Self::Own { user_id, .. } => Actor::User((*user_id).to_owned()),
            Self::CommandLine { system_user } => Actor::CommandLine((*system_user).to_owned()),
            Self::Application { part } => Actor::Application((*part).to_owned()),
            Self::System => Actor::System,
        }
    }

    /// Adapts a refusal to this caller: removes names that the caller may not see, and adds a receipt by which the
    /// refusal can be explained.
    pub(crate) fn refusal(self, error: ApiError) -> ApiError {
        with_receipt(without_hidden_names(error, self), self)
    }
}

/// Removes the names of subjects if `caller` may not read users and role assignments.
fn without_hidden_names(error: ApiError, caller: Caller<'_>) -> ApiError {
    match (error, caller) {
        (ApiError::Separation(found), Caller::Token(principal))
            if !carries_all_holders(principal) =>
        {
            ApiError::Separation(Box::new(found.without_names()))
        }
        (other, _) => other,
    }
}

/// Adds a receipt if `error` is a refusal of `caller` and the guard writes receipts.
fn with_receipt(error: ApiError, caller: Caller<'_>) -> ApiError {
    // if no permission would have been enough, there is nothing to explain
    let scope = error.lacking_scope().filter(|scope| !scope.is_empty());
    let (Caller::Token(principal), Some(scope)) = (caller, scope) else {
        return error;
    };
    let needs = json!({ "all": scope.split(' ').collect::<Vec<_>>() });
    let needs = match &error {
        ApiError::OtherTenant(_) => json!({ "global": needs }),
        _ => needs,
    };
    match principal.receipt(&needs) {
        Some(receipt) => ApiError::Receipted {
            error: Box::new(error),
            receipt,
        },
        None => error,
    }
}

/// The permissions to read users and role assignments in every tenant.
pub(crate) const SEE_ALL_HOLDERS: [&str; 2] = [may::ReadAssignments::NAME, may::ReadUsers::NAME];

/// Returns true if the token carries the permissions to read users and role assignments in every tenant.
pub(crate) fn carries_all_holders(principal: &Principal) -> bool {
    let mut needed = SEE_ALL_HOLDERS.iter();
    principal.tenant().is_none() && needed.all(|one| principal.has_permission(one))
}
