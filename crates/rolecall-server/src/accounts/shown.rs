//! A user as a caller may see them.

use std::ops::Deref;

use rolecall_core::Timestamp;
use serde_json::{Map, Value};

use super::{reset_store::ResetOrigin, store::User};
use crate::{
    app::App,
    profile::rules::{self, Party},
};

/// A user with the profile fields that the caller may read. Services return nothing else, so that no way out of them
/// shows a field to the wrong people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShownUser {
    user: User,
    profile: Option<Map<String, Value>>,
    /// The reset whose code can be used now.
    reset: Option<ResetOrigin>,
}

impl ShownUser {
    /// Leaves out the e-mail address.
    pub(super) fn without_address(mut self) -> Self {
        self.user.email = None;
        self.user.email_verified_at = None;
        self
    }

    /// Leaves out the profile fields.
    pub(super) fn without_profile(mut self) -> Self {
        self.profile = None;
        self
    }

    pub(crate) fn to(app: &App, party: Party, user: User) -> Self {
        Self {
            profile: rules::visible(&app.settings().profile, party, &user.profile),
            reset: None,
            user,
        }
    }

    /// Adds the reset of the user, for an administrator, unless its code has expired.
    pub(super) fn with_reset(mut self, reset: Option<ResetOrigin>, now: Timestamp) -> Self {
        let is_open = |reset: &ResetOrigin| reset.expires_at.is_some_and(|end| end > now);
        self.reset = reset.filter(|reset| reset.id.is_some() && is_open(reset));
        self
    }

    /// Returns the reset whose code can be used now, where it was asked for.
    pub(crate) fn reset(&self) -> Option<&ResetOrigin> {
        self.reset.as_ref()
    }

    /// Returns all of `users` as `party` may see them.
    pub(super) fn all(app: &App, party: Party, users: Vec<User>) -> Vec<Self> {
        let shown = users.into_iter().map(|user| Self::to(app, party, user));
        shown.collect()
    }

    pub(crate) fn into_parts(self) -> (User, Option<Map<String, Value>>) {
        (self.user, self.profile)
    }
}

impl Deref for ShownUser {
    type Target = User;

    fn deref(&self) -> &User {
        &self.user
    }
}
