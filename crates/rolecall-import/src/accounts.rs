//! The rules for user names, e-mail addresses and profiles, which the caller provides.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::users::ProfileValue;

/// The rules of the target system for user names and e-mail addresses.
///
/// The crate asks them about every user of a source, and never decides by itself which names are
/// valid or which two names are too similar.
///
/// ```
/// use rolecall_import::{AccountName, AccountRules};
///
/// struct LowerCase;
///
/// impl AccountRules for LowerCase {
///     fn parse_username(&self, typed: &str) -> Result<AccountName, String> {
///         if typed.is_empty() {
///             return Err("the user name is empty".to_owned());
///         }
///         let canonical = typed.to_lowercase();
///         Ok(AccountName { key: canonical.clone(), canonical })
///     }
///
///     fn parse_email(&self, typed: &str) -> Result<String, String> {
///         Ok(typed.to_owned())
///     }
/// }
///
/// assert_eq!(LowerCase.parse_username("Alice").unwrap().canonical, "alice");
/// ```
pub trait AccountRules {
    /// Returns the form in which a user name is stored.
    ///
    /// # Errors
    ///
    /// The reason why it is not a valid user name. The text must not contain control characters.
    fn parse_username(&self, typed: &str) -> Result<AccountName, String>;

    /// Returns the form in which an e-mail address is stored.
    ///
    /// # Errors
    ///
    /// The reason why it is not a valid address. The text must not contain control characters.
    fn parse_email(&self, typed: &str) -> Result<String, String>;

    /// Returns the form in which the profile fields of a user are stored. By default there are no fields.
    ///
    /// # Errors
    ///
    /// The reason why a field does not exist or does not fit. The text must not contain control characters.
    fn parse_profile(
        &self,
        profile: &BTreeMap<String, ProfileValue>,
    ) -> Result<Map<String, Value>, String> {
        if profile.is_empty() {
            Ok(Map::new())
        } else {
            Err("no profile fields are declared".to_owned())
        }
    }
}

/// A valid user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountName {
    /// The form in which the name is stored.
    pub canonical: String,
    /// The key of the name: two users may not have names with the same key.
    pub key: String,
}
