//! The declared profile fields, checked together with what tokens allow.

use super::{AccountClaim, Config};
use crate::profile::declared::ProfileFields;

impl Config {
    /// Returns the profile fields.
    ///
    /// # Errors
    ///
    /// A line for each fault; a configuration that was loaded has none.
    pub(crate) fn profile_fields(&self) -> Result<ProfileFields, Vec<String>> {
        ProfileFields::new(
            self.profile.fields.iter().cloned(),
            self.tokens.claims.contains(&AccountClaim::Email),
            self.tokens.max_bytes,
        )
    }
}
