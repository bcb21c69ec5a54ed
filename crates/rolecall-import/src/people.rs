//! The users of another system, and their names in rolecall.

use std::collections::HashMap;

use crate::{accounts::AccountRules, source::quoted};

/// The user names, each of which belongs to one user of the source.
pub(crate) struct Usernames<'r> {
    rules: &'r dyn AccountRules,
    /// The user of the source that has each key.
    taken: HashMap<String, String>,
}

impl<'r> Usernames<'r> {
    pub(crate) fn new(rules: &'r dyn AccountRules) -> Self {
        let taken = HashMap::new();
        Self { rules, taken }
    }

    /// Returns the users, beginning with those whose name does not change, so that they keep it.
    pub(crate) fn in_order<K: AsRef<str>, V>(
        &self,
        users: impl IntoIterator<Item = (K, V)>,
    ) -> Vec<(K, V)> {
        let stays = |user: &str| {
            let name = self.rules.parse_username(user);
            name.is_ok_and(|name| name.canonical == user)
        };
        let (mut first, then): (Vec<_>, Vec<_>) = users
            .into_iter()
            .partition(|(user, _)| stays(user.as_ref()));
        first.extend(then);
        first
    }

    /// Returns the name of `user` in the form in which it is stored.
    ///
    /// # Errors
    ///
    /// It is not a valid name, or another user of the source has it.
    pub(crate) fn assign(&mut self, user: &str) -> Result<String, String> {
        let parsed = self.rules.parse_username(user);
        let name = parsed.map_err(|problem| format!("user {}: {problem}", quoted(user)))?;
        match self.taken.get(&name.key) {
            Some(other) if other != user => Err(format!(
                "user {} would become the same user as {}",
                quoted(user),
                quoted(other)
            )),
            _ => {
                self.taken.insert(name.key, user.to_owned());
                Ok(name.canonical)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_rules::TestRules;

    #[test]
    fn a_name_belongs_to_one_user_who_may_be_mentioned_often() {
        let mut names = Usernames::new(&TestRules);
        for _ in 0..2 {
            assert_eq!(names.assign("alice").as_deref(), Ok("alice"));
        }
        assert_eq!(
            names.assign("Alice").unwrap_err(),
            "user `Alice` would become the same user as `alice`"
        );
        assert_eq!(names.assign("alice").as_deref(), Ok("alice"));
    }
}
