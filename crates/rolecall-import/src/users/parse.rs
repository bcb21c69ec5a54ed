//! The parser for files of users.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    csv::Records,
    record::{Columns, Format, Problem, ProfileValue, Record},
};
use crate::source::escaped;

/// Parses all lines. A line that cannot be parsed is a problem and no record.
///
/// The fields of a CSV file are separated by commas; by semicolons or tabs if its header is. The header names the
/// columns `username`, `hashed_password` (or `password_hash`), `roles` (or `role`, separated by `;`), `email`,
/// `email_verified` and `disabled`, in any order, and perhaps `id` (or `sub`); JSON objects have members of the same names. A column
/// `profile.NAME`, or a member `NAME` of the object `profile`, is a profile field. [`Columns`] says what happens to others.
///
/// ```
/// use rolecall_import::users::{Columns, Format, parse};
///
/// let csv = "username,hashed_password,roles\nalice,$2b$12$...,editor;reader\nbob\n";
/// let (records, problems) = parse(csv, Format::Csv, &Columns::default());
/// assert_eq!(records[0].roles, ["editor", "reader"]);
/// assert_eq!((problems[0].line, problems[0].message.as_str()), (3, "1 fields, but the header has 3"));
/// ```
#[must_use]
pub fn parse(text: &str, format: Format, columns: &Columns) -> (Vec<Record>, Vec<Problem>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (users, mut problems) = match format {
        Format::Csv => from_csv(text, columns),
        Format::JsonLines => from_json_lines(text, columns),
    };
    if users.is_empty() && problems.is_empty() {
        problems.push(Problem::new(1, "the file contains no user"));
    }
    (users, problems)
}

#[derive(Clone, PartialEq, Eq)]
enum Column {
    Id,
    Username,
    Hash,
    Roles,
    Email,
    EmailVerified,
    Disabled,
    Profile(String),
    Ignored,
}

impl Column {
    fn from_name(name: &str, wanted: &Columns) -> Option<Self> {
        let name = name.trim();
        let mut renamed = wanted.renamed.iter();
        let renamed = renamed.find(|(_, theirs)| theirs.eq_ignore_ascii_case(name));
        let name = renamed.map_or(name, |(ours, _)| ours.as_str());
        Some(match name.to_ascii_lowercase().as_str() {
            "id" | "sub" if wanted.keep_ids => Self::Id,
            "username" => Self::Username,
            "hashed_password" | "password_hash" => Self::Hash,
            "role" | "roles" => Self::Roles,
            "email" => Self::Email,
            "email_verified" => Self::EmailVerified,
            "disabled" => Self::Disabled,
            other => Self::Profile(other.strip_prefix("profile.")?.to_owned()),
        })
    }
}

fn from_csv(text: &str, wanted: &Columns) -> (Vec<Record>, Vec<Problem>) {
    let (mut users, mut problems) = (Vec::new(), Vec::new());
    let mut records = Records::new(text, separator(text));
    let header = match records.next() {
        None => return (users, problems),
        Some(Err(problem)) => return (users, vec![problem]),
        Some(Ok((line, names))) => columns(line, &names, wanted),
    };
    let columns = match header {
        Ok(columns) => columns,
        Err(problems) => return (users, problems),
    };
    for record in records {
        match record.and_then(|(line, fields)| from_fields(line, &columns, fields)) {
            Ok(user) => users.push(user),
            Err(problem) => problems.push(problem),
        }
    }
    (users, problems)
}

/// Returns the character between fields: a semicolon or a tab if the header has one and no comma. Spreadsheets write
/// them where the comma is part of numbers.
fn separator(text: &str) -> char {
    let header = text.lines().find(|line| !line.is_empty());
    let header = header.unwrap_or_default();
    if header.contains(',') {
        return ',';
    }
    let mut others = [';', '\t'].into_iter();
    others.find(|other| header.contains(*other)).unwrap_or(',')
}

fn columns(line: usize, names: &[String], wanted: &Columns) -> Result<Vec<Column>, Vec<Problem>> {
    let mut columns = Vec::new();
    let mut problems = Vec::new();
    for name in names {
        let shown = escaped(name);
        match Column::from_name(name, wanted) {
            Some(column) if columns.contains(&column) => {
                problems.push(Problem::new(
                    line,
                    format!("column `{shown}` appears twice"),
                ));
            }
            Some(column) => columns.push(column),
            None if wanted.ignore_unknown => columns.push(Column::Ignored),
            None => problems.push(Problem::new(line, unknown_column(&shown))),
        }
    }
    let required = [
        (Column::Username, "username"),
        (Column::Hash, "hashed_password"),
        (Column::Id, "id"),
    ];
    for (column, name) in required {
        let is_required = column != Column::Id || wanted.keep_ids;
        if is_required && !columns.contains(&column) && problems.is_empty() {
            problems.push(Problem::new(
                line,
                format!("the header has no column `{name}`"),
            ));
        }
    }
    if problems.is_empty() {
        Ok(columns)
    } else {
        Err(problems)
    }
}

fn unknown_column(shown: &str) -> String {
    let columns = "the columns are `username`, `hashed_password`, `roles`, `email`, `email_verified`, `disabled` and `profile.NAME`";
    match shown {
        "id" | "sub" => format!(
            "unknown column `{shown}`; use --keep-ids to keep these ids, or --ignore-columns to skip unknown columns"
        ),
        _ => format!(
            "unknown column `{shown}`: {columns}; use --column to name one of them differently, or --ignore-columns to \
             skip unknown columns"
        ),
    }
}

fn from_fields(line: usize, columns: &[Column], fields: Vec<String>) -> Result<Record, Problem> {
    if fields.len() != columns.len() {
        let (found, wanted) = (fields.len(), columns.len());
        return Err(Problem::new(
            line,
            format!("{found} fields, but the header has {wanted}"),
        ));
    }
    let mut user = Record {
        line,
        ..Record::default()
    };
    for (column, field) in columns.iter().zip(fields) {
        match column {
            Column::Id => user.id = Some(field).filter(|id| !id.is_empty()),
            Column::Username => user.username = field,
            Column::Hash => user.hash = trimmed(&field),
            Column::Roles => {
                let roles = field.split(';').map(str::trim);
                user.roles = roles
                    .filter(|role| !role.is_empty())
                    .map(str::to_owned)
                    .collect();
            }
            Column::Email => user.email = trimmed(&field),
            Column::EmailVerified => {
                let value = flag(&field);
                user.email_verified = value.ok_or_else(|| no_flag(line, "email_verified"))?;
            }
            Column::Disabled => {
                user.disabled = flag(&field).ok_or_else(|| no_flag(line, "disabled"))?;
            }
            Column::Profile(name) => {
                if !field.trim().is_empty() {
                    let value = ProfileValue::Text(field);
                    user.profile.insert(name.clone(), value);
                }
            }
            Column::Ignored => {}
        }
    }
    Ok(user)
}

/// Returns a field without the spaces around it, if anything is left.
fn trimmed(field: &str) -> Option<String> {
    let field = field.trim();
    (!field.is_empty()).then(|| field.to_owned())
}

fn no_flag(line: usize, name: &str) -> Problem {
    Problem::new(line, format!("`{name}` must be `true`, `false`, 1 or 0"))
}

fn flag(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Some(true),
        "false" | "f" | "0" | "" => Some(false),
        _ => None,
    }
}

/// A line of JSON.
#[derive(Deserialize)]
struct Line {
    #[serde(alias = "sub")]
    id: Option<serde_json::Value>,
    username: String,
    #[serde(alias = "password_hash")]
    hashed_password: Option<String>,
    #[serde(alias = "role")]
    roles: Option<OneOrMore>,
    email: Option<String>,
    email_verified: Option<Flag>,
    disabled: Option<Flag>,
    profile: Option<BTreeMap<String, serde_json::Value>>,
    #[serde(flatten)]
    others: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Number(u8),
}

fn is_set(flag: Option<&Flag>) -> Option<bool> {
    match flag {
        None | Some(Flag::Bool(false) | Flag::Number(0)) => Some(false),
        Some(Flag::Bool(true) | Flag::Number(1)) => Some(true),
        Some(Flag::Number(_)) => None,
    }
}

fn from_json_lines(text: &str, wanted: &Columns) -> (Vec<Record>, Vec<Problem>) {
    let (mut users, mut problems) = (Vec::new(), Vec::new());
    if !wanted.renamed.is_empty() {
        problems.push(Problem::new(1, "--column is for CSV files"));
        return (users, problems);
    }
    for (line, text) in (1..).zip(text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        match from_json(line, text, wanted) {
            Ok(user) => users.push(user),
            Err(problem) => problems.push(problem),
        }
    }
    (users, problems)
}

fn from_json(line: usize, text: &str, wanted: &Columns) -> Result<Record, Problem> {
    // serde accepts an array in place of an object
    if !text.trim_start().starts_with('{') {
        return Err(Problem::new(line, "not a JSON object"));
    }
    // the text of the error may quote a value, and a value may be a hash
    let read: Line = serde_json::from_str(text).map_err(|error| {
        let column = error.column();
        Problem::new(
            line,
            if error.is_data() {
                format!(
                    "a member is missing, is repeated or has a wrong type (before column {column})"
                )
            } else {
                format!("not valid JSON at column {column}")
            },
        )
    })?;
    let unwanted_id = read.id.is_some() && !wanted.keep_ids;
    let unknown = read.others.keys().next().map(String::as_str);
    let unknown = unknown.or(unwanted_id.then_some("id"));
    if let (Some(name), false) = (unknown, wanted.ignore_unknown) {
        let shown = escaped(name);
        let keep = if name == "id" {
            "--keep-ids to keep these ids, or "
        } else {
            ""
        };
        return Err(Problem::new(
            line,
            format!("unknown member `{shown}`; use {keep}--ignore-columns to skip unknown members"),
        ));
    }
    Ok(Record {
        line,
        id: read.id.filter(|_| wanted.keep_ids).and_then(id_text),
        username: read.username,
        hash: read.hashed_password.filter(|hash| !hash.is_empty()),
        roles: match read.roles {
            None => Vec::new(),
            Some(OneOrMore::One(role)) if role.is_empty() => Vec::new(),
            Some(OneOrMore::One(role)) => vec![role],
            Some(OneOrMore::More(roles)) => roles,
        },
        email: read.email.filter(|email| !email.is_empty()),
        email_verified: is_set(read.email_verified.as_ref())
            .ok_or_else(|| no_flag(line, "email_verified"))?,
        disabled: is_set(read.disabled.as_ref()).ok_or_else(|| no_flag(line, "disabled"))?,
        profile: read
            .profile
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, ProfileValue::Json(value)))
            .collect(),
    })
}

/// Returns an id as text; many systems number their users.
fn id_text(id: serde_json::Value) -> Option<String> {
    match id {
        serde_json::Value::Null => None,
        serde_json::Value::String(id) => Some(id).filter(|id| !id.is_empty()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignoring() -> Columns {
        Columns {
            ignore_unknown: true,
            ..Columns::default()
        }
    }

    fn problems(text: &str, format: Format) -> Vec<(usize, String)> {
        let problems = parse(text, format, &Columns::default()).1;
        problems
            .into_iter()
            .map(|one| (one.line, one.message))
            .collect()
    }

    #[test]
    fn both_formats_give_the_same_records() {
        let csv = "\u{feff}username,password_hash,roles,email,disabled\r\nalice,h1,a;b,a@b,1\r\nbob,,,,\r\n";
        let json = "{\"username\":\"alice\",\"hashed_password\":\"h1\",\"role\":[\"a\",\"b\"],\"email\":\"a@b\",\"disabled\":true}\n\
            {\"username\":\"bob\",\"password_hash\":null,\"role\":\"\"}\n";
        let (of_csv, none) = parse(csv, Format::Csv, &Columns::default());
        assert!(none.is_empty(), "{none:?}");
        let (of_json, none) = parse(json, Format::JsonLines, &Columns::default());
        assert!(none.is_empty(), "{none:?}");
        let without_lines = |users: Vec<Record>| -> Vec<Record> {
            users
                .into_iter()
                .map(|user| Record { line: 0, ..user })
                .collect()
        };
        assert_eq!(without_lines(of_csv), without_lines(of_json));
    }

    #[test]
    fn what_a_spreadsheet_writes_in_any_country_gives_the_same_records() {
        let hash = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaA";
        let expected = parse(
            &format!("username,hashed_password,roles\nalice,\"{hash}\",a;b\nbob,,\n"),
            Format::Csv,
            &Columns::default(),
        );
        assert_eq!((expected.0.len(), expected.1.len()), (2, 0));
        for text in [
            format!("username;hashed_password;roles\nalice;{hash};\"a;b\"\nbob;;\n"),
            format!("\u{feff}username;hashed_password;roles\r\nalice;{hash};\"a;b\"\r\nbob;;\r\n"),
            format!("username\thashed_password\troles\nalice\t{hash}\ta;b\nbob\t\t\n"),
            format!("Username, Hashed_Password, Roles\nalice, \"{hash}\", a;b\nbob, ,\n")
                .replace(" \"", "\""),
        ] {
            assert_eq!(
                parse(&text, Format::Csv, &Columns::default()),
                expected,
                "{text}"
            );
        }
        // the separator of roles is not mistaken for that of fields
        let unquoted = format!("username;hashed_password;roles\nalice;{hash};a;b\n");
        assert_eq!(
            problems(&unquoted, Format::Csv)[0].1,
            "4 fields, but the header has 3"
        );
    }

    #[test]
    fn a_malformed_file_is_rejected_with_its_lines() {
        for (text, line) in [
            ("", 1),
            ("username\nalice", 1),
            ("hashed_password,role\nx,y", 1),
            ("username,hashed_password,shoe\na,b,c", 1),
            ("username,hashed_password,password_hash\na,b,c", 1),
            ("username,hashed_password\nalice,h\nbob", 3),
            ("username,hashed_password,disabled\nalice,h,perhaps", 2),
            ("username,hashed_password\n\"alice,h", 2),
        ] {
            let found = problems(text, Format::Csv);
            assert_eq!(
                found.first().map(|one| one.0),
                Some(line),
                "{text}: {found:?}"
            );
        }
        for text in [
            "[\"alice\",\"h\"]",
            "{",
            "{\"hashed_password\":\"h\"}",
            "{\"username\":1}",
            "{\"username\":\"a\",\"username\":\"b\"}",
            "{\"username\":\"a\",\"role\":\"b\",\"roles\":\"c\"}",
            "{\"username\":\"a\",\"shoe\":42}",
            "{\"username\":\"a\",\"disabled\":2}",
            "{\"username\":\"a\",\"disabled\":\"secret\"}",
        ] {
            let found = problems(&format!("\n{text}\n"), Format::JsonLines);
            assert_eq!(found.first().map(|one| one.0), Some(2), "{text}: {found:?}");
            assert!(!found[0].1.contains("secret"), "{found:?}");
        }
        assert!(
            parse(
                "{\"username\":\"a\",\"shoe\":42}",
                Format::JsonLines,
                &ignoring()
            )
            .1
            .is_empty()
        );
        assert!(
            parse(
                "shoe,username,hashed_password\n1,a,b",
                Format::Csv,
                &ignoring()
            )
            .1
            .is_empty()
        );
    }

    #[test]
    fn ids_are_read_only_if_they_are_wanted() {
        let keep = Columns {
            keep_ids: true,
            ..Columns::default()
        };
        let csv = "hashed_password,id,username\nh,u-1,alice\nh,,bob\n";
        let json = "{\"username\":\"alice\",\"sub\":\"u-1\"}\n{\"username\":\"bob\",\"id\":7}\n";
        let ids = |text: &str, format: Format, columns: &Columns| -> Vec<Option<String>> {
            let (users, problems) = parse(text, format, columns);
            assert!(problems.is_empty(), "{problems:?}");
            users.into_iter().map(|user| user.id).collect()
        };
        let some = |id: &str| Some(id.to_owned());
        assert_eq!(ids(csv, Format::Csv, &keep), [some("u-1"), None]);
        assert_eq!(
            ids(json, Format::JsonLines, &keep),
            [some("u-1"), some("7")]
        );
        assert_eq!(ids(csv, Format::Csv, &ignoring()), [None, None]);
        assert_eq!(ids(json, Format::JsonLines, &ignoring()), [None, None]);
        for (text, format) in [(csv, Format::Csv), (json, Format::JsonLines)] {
            let found = problems(text, format);
            assert!(found[0].1.contains("--keep-ids"), "{found:?}");
        }
        let without = parse("username,hashed_password\na,h", Format::Csv, &keep).1;
        assert_eq!(without[0].message, "the header has no column `id`");
    }

    #[test]
    fn profile_fields_are_columns_or_members_of_an_object() {
        let csv = "username,hashed_password,profile.department,Profile.age\nalice,h,\"a, b\",7\nbob,h,,\n";
        let (users, none) = parse(csv, Format::Csv, &Columns::default());
        assert!(none.is_empty(), "{none:?}");
        let text = |value: &str| ProfileValue::Text(value.to_owned());
        let expected = [
            ("age".to_owned(), text("7")),
            ("department".to_owned(), text("a, b")),
        ];
        assert_eq!(users[0].profile, expected.into());
        assert!(users[1].profile.is_empty());
        let json = "{\"username\":\"alice\",\"profile\":{\"age\":7,\"department\":null}}";
        let (users, none) = parse(json, Format::JsonLines, &Columns::default());
        assert!(none.is_empty(), "{none:?}");
        let expected = [("age".to_owned(), ProfileValue::Json(7.into()))];
        assert_eq!(users[0].profile, expected.into());
        for (text, format) in [
            (
                "username,hashed_password,profile.a,profile.A\n",
                Format::Csv,
            ),
            ("{\"username\":\"a\",\"profile\":[]}", Format::JsonLines),
        ] {
            assert_eq!(problems(text, format).len(), 1, "{text}");
        }
    }

    #[test]
    fn columns_may_have_other_names() {
        let renamed = Columns {
            keep_ids: true,
            renamed: vec![
                ("username".to_owned(), "login".to_owned()),
                ("id".to_owned(), "uid".to_owned()),
            ],
            ..Columns::default()
        };
        let csv = "uid,hashed_password,login\n7,h,alice\n";
        let (users, problems) = parse(csv, Format::Csv, &renamed);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(
            (users[0].username.as_str(), users[0].id.as_deref()),
            ("alice", Some("7"))
        );
        let twice = "login,username,hashed_password,uid\n";
        let (_, problems) = parse(twice, Format::Csv, &renamed);
        assert_eq!(problems[0].message, "column `username` appears twice");
        let unknown = parse("logn,hashed_password\n", Format::Csv, &Columns::default()).1;
        assert!(
            unknown[0].message.contains("`logn`") && unknown[0].message.contains("`username`"),
            "{unknown:?}"
        );
        let json = parse("{\"login\":\"a\"}", Format::JsonLines, &renamed).1;
        assert_eq!(json[0].message, "--column is for CSV files");
    }
}
