//! The person by whose rights an invitation is made, and accepted.

use rolecall_core::TenantName;

use super::sign_up::BY_SIGN_UP;
use crate::{
    app::App,
    authority::{caller::Caller, rights::Rights},
    error::ApiError,
    store::{Actor, Change},
};

/// The person by whose rights an invitation is made or accepted.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    Caller(Caller<'a>),
    /// The user who has invited. All their roles count: nobody is asked which of those that may not be active together are
    /// meant.
    Inviter(&'a str),
}

impl<'a> By<'a> {
    /// Returns the person by whose rights an invitation is accepted in the name of `caller`.
    pub(super) fn of_invitation(caller: Caller<'a>) -> Self {
        match caller {
            Caller::As { user_id } => Self::Inviter(user_id),
            caller => Self::Caller(caller),
        }
    }

    /// Returns the rights of the person, who must hold `needed`.
    pub(super) async fn rights(
        self,
        app: &App,
        change: &mut Change<'_>,
        tenant: Option<&TenantName>,
        needed: &'static str,
    ) -> Result<Rights, ApiError> {
        match self {
            Self::Caller(caller) => Rights::require_in(app, change, caller, tenant, needed).await,
            Self::Inviter(id) => Rights::require_of(app, change, id, tenant, needed).await,
        }
    }
}

/// The person in whose name an invitation is accepted.
pub(super) enum Inviter {
    User(String),
    CommandLine(String),
    Application(String),
    /// Nobody: people sign up by themselves.
    SignUp,
}

impl Inviter {
    /// Reads the text of an actor.
    pub(super) fn of(actor: &str) -> Self {
        if let Some(name) = actor.strip_prefix("cli:") {
            return Self::CommandLine(name.to_owned());
        }
        if let Some(part) = actor.strip_prefix("app:") {
            return Self::Application(part.to_owned());
        }
        if actor == BY_SIGN_UP {
            return Self::SignUp;
        }
        // nobody has the id of what is no user
        Self::User(Actor::subject_in(actor).unwrap_or_default().to_owned())
    }

    pub(super) fn caller(&self) -> Caller<'_> {
        match self {
            Self::User(user_id) => Caller::As { user_id },
            Self::CommandLine(system_user) => Caller::CommandLine { system_user },
            Self::Application(part) => Caller::Application { part },
            Self::SignUp => Caller::System,
        }
    }
}

/// Returns true for a refusal that concerns whoever invited, and not what was entered.
pub(super) fn is_outgrown(error: &ApiError) -> bool {
    match error {
        ApiError::Denied(_)
        | ApiError::Lacks(_)
        | ApiError::Exceeds(_)
        | ApiError::Separation(_) => true,
        ApiError::Rule { rule, .. } => *rule != "email_taken",
        ApiError::Unknown { kind, .. } => *kind == "role",
        _ => false,
    }
}
