//! Who is acting.

use super::may;
use crate::{error::ApiError, store::Actor};
use rolecall::PermissionName as _;
use rolecall::Principal;
use rolecall_core::SubjectKind;
use serde_json::json;

/// Who calls a service function that changes something.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller<'a> {
    /// Over the API, with a verified token.
    Token(&'a Principal),
    /// At the command line of the machine itself.
    CommandLine {
        /// The name of the operating system's user.
        system_user: &'a str,
    },
    /// At the command line, with the limits of a user.
    As {
        /// The user's id.
        user_id: &'a str,
    },
    /// rolecall itself, or somebody who registers.
    System,
}

impl Caller<'_> {
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::Token(principal) => {
                let id = principal.subject().to_owned();
                match principal.kind() {
                    SubjectKind::User => Actor::User(id),
                    SubjectKind::Client => Actor::Client(id),
                }
            }
            Self::As { user_id } => Actor::User((*user_id).to_owned()),
            Self::CommandLine { system_user } => Actor::CommandLine((*system_user).to_owned()),
            Self::System => Actor::System,
        }
    }

    /// Shapes a refusal for this caller: without names that the caller may not see, and with a receipt by
    /// which the refusal can be explained.
    pub(crate) fn refusal(self, error: ApiError) -> ApiError {
        receipted(discreet(error, self), self)
    }
}

/// Removes the names of people where `caller` may not see who has which role.
fn discreet(error: ApiError, caller: Caller<'_>) -> ApiError {
    match (error, caller) {
        (ApiError::Separation(found), Caller::Token(principal))
            if !carries_all_holders(principal) =>
        {
            ApiError::Separation(Box::new(found.without_names()))
        }
        (other, _) => other,
    }
}

/// Adds the receipt for a refusal of `caller`, if it is one and the guard writes receipts.
fn receipted(error: ApiError, caller: Caller<'_>) -> ApiError {
    // where nothing would have been enough there is nothing to explain
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

/// What is needed to see who has which role, anywhere.
pub(crate) const SEE_ALL_HOLDERS: [&str; 2] = [may::ReadAssignments::NAME, may::ReadUsers::NAME];

/// Whether the token carries what is needed to see who has which role, anywhere.
pub(crate) fn carries_all_holders(principal: &Principal) -> bool {
    let mut needed = SEE_ALL_HOLDERS.iter();
    principal.tenant().is_none() && needed.all(|one| principal.has_permission(one))
}
