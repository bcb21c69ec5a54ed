//! The rules for user names and e-mail addresses of imported users.

use rolecall_import::{AccountName, AccountRules};

use super::registration::{NOT_AN_EMAIL, parse_email};
use crate::usernames::Username;

/// The rules for users who register.
pub(crate) struct ImportRules;

impl AccountRules for ImportRules {
    fn parse_username(&self, typed: &str) -> Result<AccountName, String> {
        let name = Username::parse(typed).map_err(|problem| problem.to_string())?;
        Ok(AccountName {
            key: name.fold_key(),
            canonical: name.into_string(),
        })
    }

    fn parse_email(&self, typed: &str) -> Result<String, String> {
        parse_email(typed).map_err(|_| NOT_AN_EMAIL.to_owned())
    }
}
