//! A user as a caller may see them.

use std::ops::Deref;

use serde_json::{Map, Value};

use super::store::User;
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
            user,
        }
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
