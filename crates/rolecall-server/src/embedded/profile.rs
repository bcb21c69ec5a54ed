//! Profile fields, and what of an account tokens carry.

use super::EmbeddedBuilder;
use crate::{
    profile::{ProfileField, declared::ProfileFields},
    start::StartError,
};

/// The longest token that the embedded server issues.
pub(super) const MAX_TOKEN_BYTES: usize = 4096;

impl EmbeddedBuilder {
    /// Adds a member to the users of the application: `profile` in `/api/me`, `/api/users` and `POST /register`, and a
    /// claim of access tokens if the field is one.
    ///
    /// Values stay in the database if a field is removed or changes. One that does not fit its field any more is not
    /// shown.
    ///
    /// ```
    /// use rolecall_server::{Embedded, FieldAccess, ProfileField};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), rolecall_server::StartError> {
    /// let login = Embedded::builder("sqlite::memory:")
    ///     .profile_field(ProfileField::string("name").max_length(60))
    ///     .profile_field(ProfileField::string("department").write(FieldAccess::Admin).claim())
    ///     .open()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn profile_field(mut self, field: ProfileField) -> Self {
        self.profile.push(field);
        self
    }

    /// Writes the e-mail address into access tokens, as `email`, together with `email_verified`: true if an
    /// administrator or an import has said that the address is the user's, and false for all others.
    pub fn email_in_tokens(mut self) -> Self {
        self.email_claim = true;
        self
    }

    /// Returns the declared fields.
    ///
    /// # Errors
    ///
    /// [`StartError::Profile`] with every fault.
    pub(super) fn profile_fields(&self) -> Result<ProfileFields, StartError> {
        let fields = self.profile.iter().cloned();
        ProfileFields::new(fields, self.email_claim, MAX_TOKEN_BYTES)
            .map_err(|faults| StartError::Profile(faults.join("\n")))
    }
}
