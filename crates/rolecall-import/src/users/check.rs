//! The checks of users that need no database.

use std::collections::{BTreeSet, HashMap};

use rolecall_core::RoleName;
use rolecall_passwords::check_stored_hash;

use super::record::{Problem, Record, Row};
use crate::{
    accounts::{AccountName, AccountRules},
    source::escaped,
};

/// Checks each user, and that no two have the same name or id. Reports every problem.
///
/// With `without_password`, users may come without a hash. Calls `checked` once for each record.
///
/// ```
/// use rolecall_import::users::{Columns, Format, check, parse};
/// # use rolecall_import::{AccountName, AccountRules};
/// # struct Rules;
/// # impl AccountRules for Rules {
/// #     fn parse_username(&self, typed: &str) -> Result<AccountName, String> {
/// #         let name = typed.to_lowercase();
/// #         Ok(AccountName { canonical: name.clone(), key: name })
/// #     }
/// #     fn parse_email(&self, typed: &str) -> Result<String, String> { Ok(typed.to_owned()) }
/// # }
///
/// let lines = "{\"username\": \"Alice\"}\n{\"username\": \"alice\"}\n";
/// let (records, _) = parse(lines, Format::JsonLines, &Columns::default());
/// let (rows, problems) = check(records, true, &Rules, || ());
/// assert_eq!(rows[0].username, "alice");
/// assert_eq!(problems[0].message, "`alice` is the same name as on line 1");
/// ```
pub fn check(
    records: Vec<Record>,
    without_password: bool,
    accounts: &dyn AccountRules,
    mut checked: impl FnMut(),
) -> (Vec<Row>, Vec<Problem>) {
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    let mut lines: HashMap<String, usize> = HashMap::new();
    let mut ids: HashMap<String, usize> = HashMap::new();
    for record in records {
        checked();
        let line = record.line;
        if let Some(id) = &record.id
            && let Some(first) = earlier(&mut ids, id, line)
        {
            let message = format!("id `{}` is the same as on line {first}", escaped(id));
            problems.push(Problem::new(line, message));
        }
        let name = match accounts.parse_username(&record.username) {
            Err(reason) => {
                problems.push(Problem::new(line, reason));
                None
            }
            Ok(name) => {
                if let Some(first) = earlier(&mut lines, &name.key, line) {
                    let message =
                        format!("`{}` is the same name as on line {first}", name.canonical);
                    problems.push(Problem::new(line, message));
                }
                Some(name)
            }
        };
        match row(record, name, without_password, accounts) {
            Ok(row) => rows.extend(row),
            Err(faults) => {
                problems.extend(faults.into_iter().map(|fault| Problem::new(line, fault)));
            }
        }
    }
    (rows, problems)
}

/// Returns the first line with this key, if it is another one.
fn earlier(lines: &mut HashMap<String, usize>, key: &str, line: usize) -> Option<usize> {
    let first = *lines.entry(key.to_owned()).or_insert(line);
    (first != line).then_some(first)
}

/// Returns the user, or `None` without a valid name.
///
/// # Errors
///
/// All faults but that of the name.
fn row(
    user: Record,
    name: Option<AccountName>,
    without_password: bool,
    accounts: &dyn AccountRules,
) -> Result<Option<Row>, Vec<String>> {
    let mut faults = Vec::new();
    match user.hash.as_deref() {
        None if without_password => {}
        None => faults.push(
            "the password hash is missing; use --without-password to import such users".to_owned(),
        ),
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
    let email = user
        .email
        .as_deref()
        .map(|email| accounts.parse_email(email));
    let email = email.transpose().unwrap_or_else(|reason| {
        faults.push(reason);
        None
    });
    let profile = accounts
        .parse_profile(&user.profile)
        .unwrap_or_else(|reason| {
            faults.push(reason);
            serde_json::Map::new()
        });
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(name.map(|name| Row {
        line: user.line,
        id: user.id,
        folded: name.key,
        username: name.canonical,
        legacy_name: user.username,
        hash: user.hash,
        roles: roles.into_iter().collect(),
        email_verified: user.email_verified && email.is_some(),
        email,
        disabled: user.disabled,
        profile,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_rules::TestRules;

    const HASH: &str = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW";

    fn record(line: usize, username: &str, hash: &str) -> Record {
        Record {
            line,
            username: username.to_owned(),
            hash: Some(hash.to_owned()),
            ..Record::default()
        }
    }

    #[test]
    fn every_problem_of_every_line_is_reported_without_hashes() {
        let mut wrong = record(5, "eve\u{202e}", "$2b$99$secret");
        wrong.roles = vec!["not a role".into()];
        wrong.email = Some("nowhere".into());
        let file = vec![
            record(2, "Alice", HASH),
            record(3, "alice", HASH),
            record(4, "stra\u{df}e", HASH),
            wrong,
            record(6, "strasse", "plain text"),
            record(7, "\u{430}dmin", HASH),
        ];
        let (rows, problems) = check(file, false, &TestRules, || {});
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
    fn a_user_without_a_password_needs_an_option() {
        let nobody = || {
            vec![Record {
                line: 2,
                username: "bob".into(),
                ..Record::default()
            }]
        };
        assert_eq!(check(nobody(), false, &TestRules, || {}).1.len(), 1);
        assert_eq!(check(nobody(), true, &TestRules, || {}).0.len(), 1);
    }
}
