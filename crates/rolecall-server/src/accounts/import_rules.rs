//! The rules for user names, e-mail addresses and profiles of imported users.

use std::collections::BTreeMap;

use rolecall_import::{AccountName, AccountRules, users::ProfileValue};
use serde_json::{Map, Value};

use super::registration::parse_email;
use crate::{
    authority::rights::Rights,
    error::ApiError,
    profile::{
        declared::ProfileFields,
        rules::{self, Party, ProfileChanges},
        stored::StoredProfile,
    },
    usernames::Username,
};

/// The rules for users who register, and the profile fields that `party` may write.
pub(crate) struct ImportRules<'f> {
    pub(crate) fields: &'f ProfileFields,
    pub(crate) party: Party,
}

impl AccountRules for ImportRules<'_> {
    fn parse_username(&self, typed: &str) -> Result<AccountName, String> {
        let name = Username::parse(typed).map_err(|problem| problem.to_string())?;
        Ok(AccountName {
            key: name.fold_key(),
            canonical: name.into_string(),
        })
    }

    fn parse_email(&self, typed: &str) -> Result<String, String> {
        parse_email(typed).map_err(|refused| refused.to_string())
    }

    fn parse_profile(
        &self,
        profile: &BTreeMap<String, ProfileValue>,
    ) -> Result<Map<String, Value>, String> {
        self.checked(profile).map_err(|refused| refused.to_string())
    }
}

impl ImportRules<'_> {
    fn checked(
        &self,
        profile: &BTreeMap<String, ProfileValue>,
    ) -> Result<Map<String, Value>, ApiError> {
        if profile.is_empty() {
            return Ok(Map::new());
        }
        let texts = profile.iter().filter_map(|(name, value)| match value {
            ProfileValue::Text(text) => Some((name.as_str(), text.as_str())),
            ProfileValue::Json(_) => None,
        });
        let mut input = rules::from_texts(self.fields, self.party, texts)?;
        for (name, value) in profile {
            if let ProfileValue::Json(value) = value {
                input.0.insert(name.clone(), value.clone());
            }
        }
        let changes = ProfileChanges::check(self.fields, self.party, input)?;
        let applied = changes.apply(self.fields, &StoredProfile::default())?;
        Ok(applied
            .map(|applied| applied.profile.into_values())
            .unwrap_or_default())
    }
}

/// Refuses password hashes from a caller to whom the delegation limit applies. The caller may know the passwords, and
/// would have the roles that others assign to the users later: such a caller's first passwords must be changed too.
///
/// # Errors
///
/// [`ApiError::Rule`] with the ways out.
pub(crate) fn check_hashes(rights: &Rights, has_hashes: bool) -> Result<(), ApiError> {
    if !has_hashes || rights.authority.is_unlimited() {
        return Ok(());
    }
    Err(ApiError::rule(
        "imported_hash",
        "you may know the passwords of the hashes, and so use roles that these users get later: import the users \
         without hashes and give them reset codes, or have somebody with rolecall.assignments:any import them",
        Vec::new(),
    ))
}
