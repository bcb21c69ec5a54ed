//! Simple account rules in place of the server's.

use crate::accounts::{AccountName, AccountRules};

/// Lower case, full-width letters as ASCII letters, nothing that looks like Latin without being
/// Latin; `ß` and `ss` have the same key.
pub(crate) struct TestRules;

impl AccountRules for TestRules {
    fn parse_username(&self, typed: &str) -> Result<AccountName, String> {
        if typed.is_empty() {
            return Err("the user name is empty".to_owned());
        }
        let narrow = typed.chars().map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            other => other,
        });
        let canonical: String = narrow.flat_map(char::to_lowercase).collect();
        for c in canonical.chars() {
            if !c.is_alphanumeric() && !c.is_ascii_graphic() {
                let code_point = u32::from(c);
                return Err(format!("the user name contains U+{code_point:04X}"));
            }
            if ('\u{400}'..='\u{4ff}').contains(&c) {
                return Err("the user name looks like another one".to_owned());
            }
        }
        let key = canonical.to_uppercase().to_lowercase();
        Ok(AccountName { canonical, key })
    }

    fn parse_email(&self, typed: &str) -> Result<String, String> {
        if typed.contains('@') {
            Ok(typed.to_owned())
        } else {
            Err("that is not an e-mail address".to_owned())
        }
    }
}
