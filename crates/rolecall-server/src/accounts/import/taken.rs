//! The names, ids and e-mail addresses of a file that are taken already.

use std::collections::{HashMap, HashSet};

use super::{
    Problem, Row,
    store::{self, New, ROWS},
};
use crate::{app::App, error::ApiError, store::Conn, usernames::folded};

/// The names, ids and e-mail addresses of a file that are taken.
#[derive(Default)]
pub(super) struct Taken {
    /// The user who has the name, by line.
    pub(super) names: HashMap<usize, String>,
    /// The ids that are used, or were.
    ids: HashSet<String>,
    /// The e-mail addresses of others, folded, where addresses are unique.
    emails: HashSet<String>,
    /// The verified e-mail addresses of others, folded.
    verified: HashSet<String>,
}

impl Taken {
    /// Finds names that are taken already, those included that differ by case folding alone, ids and e-mail addresses. Calls
    /// `compared` with the number of users that were looked at.
    pub(super) async fn find(
        app: &App,
        conn: &mut Conn,
        users: &[New],
        compared: &dyn Fn(usize),
    ) -> Result<Self, ApiError> {
        let mut all = Self::default();
        for users in users.chunks(ROWS) {
            let kept = users.iter().filter_map(|user| user.row.id.as_deref());
            let kept: Vec<&str> = kept.collect();
            all.ids.extend(store::find_used_ids(conn, &kept).await?);
            if app.settings().unique_email {
                let keys = email_keys(users, |_| true);
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                let used = store::find_used_emails(conn, &keys, false).await?;
                all.emails.extend(used);
            }
            // an address that another user has verified is neither verified twice nor becomes a name
            let mut keys = email_keys(users, |row| row.email_verified);
            keys.extend(email_like_names(users));
            for keys in keys.chunks(ROWS) {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                let verified = store::find_used_emails(conn, &keys, true).await?;
                all.verified.extend(verified);
            }
            let taken = store::find_taken(conn, users).await?;
            compared(users.len());
            if taken.is_empty() {
                continue;
            }
            let mut by_name: HashMap<&str, &str> = HashMap::new();
            for (username, folded) in &taken {
                by_name.insert(username, username);
                by_name.insert(folded.as_deref().unwrap_or(username), username);
            }
            for New { row, .. } in users {
                let there = by_name.get(row.username.as_str());
                if let Some(there) = there.or_else(|| by_name.get(row.folded.as_str())) {
                    all.names.insert(row.line, (*there).to_owned());
                }
            }
        }
        Ok(all)
    }

    pub(super) fn name_problems(&self) -> impl Iterator<Item = Problem> {
        let taken = self.names.iter();
        taken.map(|(line, there)| Problem::new(*line, format!("user `{there}` already exists")))
    }

    /// Returns the problems of `users` whose ids are not free.
    pub(super) fn id_problems(&self, users: &[New]) -> Vec<Problem> {
        let kept = users.iter().filter_map(|user| {
            let id = user.row.id.as_ref()?;
            let message = format!("id `{id}` belongs to another user or client, or did");
            self.ids
                .contains(id)
                .then(|| Problem::new(user.row.line, message))
        });
        kept.collect()
    }

    /// Returns the problems of `users` whose e-mail address another user has, in the file or in the database. Only
    /// verified addresses count, unless all are `unique`.
    pub(super) fn email_problems(&self, users: &[New], unique: bool) -> Vec<Problem> {
        let counts = |row: &Row| unique || row.email_verified;
        let keyed = users.iter().filter(|user| counts(&user.row));
        let keyed = keyed.filter_map(|user| {
            let email = user.row.email.as_deref()?;
            Some((folded(email), user.row.line))
        });
        let mut keyed: Vec<(String, usize)> = keyed.collect();
        keyed.sort_unstable();
        let mut problems = Vec::new();
        for pair in keyed.windows(2) {
            if let [(one, first), (other, line)] = pair
                && one == other
            {
                let message = format!("the e-mail address is the same as on line {first}");
                problems.push(Problem::new(*line, message));
            }
        }
        let is_taken = |key: &str| self.emails.contains(key) || self.verified.contains(key);
        let taken = keyed.iter().filter(|(key, _)| is_taken(key));
        problems.extend(
            taken.map(|(_, line)| Problem::new(*line, "another user has this e-mail address")),
        );
        let verified = users.iter().filter(|user| user.row.email_verified);
        let verified = verified.filter_map(|user| {
            let email = user.row.email.as_deref()?;
            Some((folded(email), user.row.line))
        });
        let verified: HashMap<String, usize> = verified.collect();
        let is_address = |row: &Row| {
            let name = folded(&row.username);
            let of_another = verified.get(&name).is_some_and(|line| *line != row.line);
            of_another || self.verified.contains(&name)
        };
        let names = users.iter().filter(|user| is_address(&user.row));
        problems.extend(names.map(|user| {
            let message = "the user name is the verified e-mail address of another user";
            Problem::new(user.row.line, message)
        }));
        problems
    }
}

/// Returns the e-mail addresses of some of `users`, folded.
fn email_keys(users: &[New], counts: impl Fn(&Row) -> bool) -> Vec<String> {
    let rows = users.iter().map(|user| &user.row);
    let rows = rows.filter(|row| counts(row));
    rows.filter_map(|row| row.email.as_deref().map(folded))
        .collect()
}

/// Returns the names that could be e-mail addresses, folded.
fn email_like_names(users: &[New]) -> impl Iterator<Item = String> {
    let names = users.iter().map(|user| user.row.username.as_str());
    names.filter(|name| name.contains('@')).map(folded)
}
