//! The users of another system by the names that they would have here.

use std::collections::HashMap;

use super::quoted;
use crate::usernames::Username;

/// The names that users would have here, each for one of them alone.
#[derive(Debug, Default)]
pub(super) struct Usernames {
    /// By the folded form, who has it.
    taken: HashMap<String, String>,
}

impl Usernames {
    /// Users and what is known of them, those first whose name stays: they keep it.
    pub(super) fn in_order<K: AsRef<str>, V>(
        users: impl IntoIterator<Item = (K, V)>,
    ) -> Vec<(K, V)> {
        let stays = |user: &str| Username::parse(user).is_ok_and(|name| name.as_str() == user);
        let (mut first, then): (Vec<_>, Vec<_>) = users
            .into_iter()
            .partition(|(user, _)| stays(user.as_ref()));
        first.extend(then);
        first
    }

    /// The name of `user` in the form in which it is kept.
    ///
    /// # Errors
    ///
    /// It is no name here, or somebody else of the source would have the same.
    pub(super) fn give(&mut self, user: &str) -> Result<String, String> {
        let parsed = Username::parse(user);
        let name = parsed.map_err(|problem| format!("user {}: {problem}", quoted(user)))?;
        match self.taken.get(&name.fold_key()) {
            Some(other) if other != user => Err(format!(
                "user {} would be the same here as {}",
                quoted(user),
                quoted(other)
            )),
            _ => {
                self.taken.insert(name.fold_key(), user.to_owned());
                Ok(name.into_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_one_user_however_often_they_are_met() {
        let mut names = Usernames::default();
        for _ in 0..2 {
            assert_eq!(names.give("alice").as_deref(), Ok("alice"));
        }
        assert_eq!(
            names.give("Alice").unwrap_err(),
            "user `Alice` would be the same here as `alice`"
        );
        assert_eq!(names.give("alice").as_deref(), Ok("alice"));
    }
}
