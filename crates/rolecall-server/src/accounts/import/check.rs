//! What can be said about the users of a file without asking the database.

use std::collections::{BTreeSet, HashMap};

use rolecall_core::RoleName;
use rolecall_passwords::check_stored_hash;

use super::{Problem, Raw, Row};
use crate::{accounts::registration::parse_email, error::ApiError, usernames::Username};

/// Checks each user, and that no two have one name; tells every problem there is.
pub(super) fn users(
    raw: Vec<Raw>,
    without_password: bool,
    mut checked: impl FnMut(),
) -> (Vec<Row>, Vec<Problem>) {
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    let mut names: HashMap<String, usize> = HashMap::new();
    for user in raw {
        checked();
        let line = user.line;
        match Username::parse(&user.username) {
            Err(problem) => problems.push(Problem::new(line, problem.to_string())),
            Ok(name) => match names.get(&name.fold_key()) {
                Some(first) => problems.push(Problem::new(
                    line,
                    format!("`{name}` is the same name as on line {first}"),
                )),
                None => {
                    names.insert(name.fold_key(), line);
                }
            },
        }
        match row(user, without_password) {
            Ok(Some(row)) => rows.push(row),
            Ok(None) => {}
            Err(faults) => {
                problems.extend(faults.into_iter().map(|fault| Problem::new(line, fault)));
            }
        }
    }
    (rows, problems)
}

/// The user, if nothing is wrong with them; `None` if only the name is, which the caller tells.
fn row(user: Raw, without_password: bool) -> Result<Option<Row>, Vec<String>> {
    let mut faults = Vec::new();
    match user.hash.as_deref() {
        None if without_password => {}
        None => faults.push("no password hash; --without-password takes such users".to_owned()),
        Some(hash) => faults.extend(
            check_stored_hash(hash)
                .err()
                .map(|reason| format!("the password hash: {reason}")),
        ),
    }
    let mut roles = BTreeSet::new();
    for role in &user.roles {
        match role.parse::<RoleName>() {
            Ok(role) => {
                roles.insert(role);
            }
            Err(error) => faults.push(error.to_string()),
        }
    }
    let email = match user.email.as_deref().map(parse_email).transpose() {
        Ok(email) => email,
        Err(ApiError::Invalid(field)) => {
            faults.push(field.msg);
            None
        }
        Err(other) => {
            faults.push(other.to_string());
            None
        }
    };
    if !faults.is_empty() {
        return Err(faults);
    }
    let Ok(name) = Username::parse(&user.username) else {
        return Ok(None);
    };
    Ok(Some(Row {
        line: user.line,
        folded: name.fold_key(),
        username: name.into_string(),
        legacy_name: user.username,
        hash: user.hash,
        roles: roles.into_iter().collect(),
        email,
        disabled: user.disabled,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW";

    fn raw(line: usize, username: &str, hash: &str) -> Raw {
        Raw {
            line,
            username: username.to_owned(),
            hash: Some(hash.to_owned()),
            ..Raw::default()
        }
    }

    #[test]
    fn every_problem_of_every_line_is_told_and_no_hash_with_it() {
        let mut wrong = raw(5, "eve\u{202e}", "$2b$99$secret");
        wrong.roles = vec!["not a role".into()];
        wrong.email = Some("nowhere".into());
        let file = vec![
            raw(2, "Alice", HASH),
            raw(3, "alice", HASH),
            raw(4, "stra\u{df}e", HASH),
            wrong,
            raw(6, "strasse", "plain text"),
            raw(7, "\u{430}dmin", HASH),
        ];
        let (rows, problems) = users(file, false, || {});
        let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [3, 5, 5, 5, 5, 6, 6, 7], "{problems:#?}");
        assert_eq!(problems[0].message, "`alice` is the same name as on line 2");
        assert!(
            problems
                .iter()
                .all(|problem| !problem.message.contains("secret")
                    && !problem.message.contains("plain text"))
        );
        assert_eq!(
            (rows[0].username.as_str(), rows[0].legacy_name.as_str()),
            ("alice", "Alice")
        );
    }

    #[test]
    fn nobody_comes_without_a_password_unasked() {
        let nobody = || {
            vec![Raw {
                line: 2,
                username: "bob".into(),
                ..Raw::default()
            }]
        };
        assert_eq!(users(nobody(), false, || {}).1.len(), 1);
        assert_eq!(users(nobody(), true, || {}).0.len(), 1);
    }
}
