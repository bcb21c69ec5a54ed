//! Lays the sources over one another.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use super::injected::is_injected;
use super::keys::{KEYS, SECRET_KEYS, first_below, is_known, nearest};
use super::{ConfigError, Origin, Sources};
use crate::{
    files,
    secret_files::{self, Readers},
};

const ENV_PREFIX: &str = "ROLECALL_";

/// Variables with the prefix that are not keys.
const NOT_KEYS: &[&str] = &["ROLECALL_CONFIG", "ROLECALL_BLESS", "ROLECALL_VECTORS"];

/// The longest secret in bytes. A pipe need not end.
const MAX_SECRET: u64 = 64 * 1024;

/// The effective values, by dotted key. Flags and variables are texts.
pub(super) type Merged = BTreeMap<String, (Value, Origin)>;

/// Lays the sources over one another and reads the files with secrets.
pub(super) fn merge(sources: &Sources) -> Result<Merged, ConfigError> {
    let mut merged = Merged::new();
    if let Some((path, text)) = &sources.file {
        let table = parse(path, text)?;
        flatten("", table, &Origin::File(path.clone()), &mut merged);
    }
    for (name, value) in &sources.env {
        if let Some(key) = key_of(name, value) {
            let origin = Origin::Environment(name.clone());
            merged.insert(key, (value.as_str().into(), origin));
        }
    }
    for (key, value) in &sources.flags {
        merged.insert(key.clone(), (value.as_str().into(), Origin::Flag));
    }
    let mut faults: Vec<String> = merged
        .iter()
        .filter(|(key, _)| !is_known(key))
        .map(|(key, (_, origin))| unknown(key, origin))
        .collect();
    for key in SECRET_KEYS {
        faults.extend(resolve_secret(&mut merged, key).err());
    }
    ConfigError::unless_empty(faults)?;
    Ok(merged)
}

/// Returns the rank of a source; the value of the highest one counts.
fn rank(origin: &Origin) -> u8 {
    match origin {
        Origin::Default => 0,
        Origin::File(_) => 1,
        Origin::Environment(_) => 2,
        Origin::Flag => 3,
        // stands for the source that names it, which is settled before
        Origin::SecretFile(_) => 4,
    }
}

/// Returns the key that a variable sets, known or not; `None` if it is not meant as configuration.
fn key_of(name: &str, value: &str) -> Option<String> {
    let rest = name.strip_prefix(ENV_PREFIX)?;
    if NOT_KEYS.contains(&name) || is_injected(rest, value) {
        return None;
    }
    Some(rest.to_lowercase().replace("__", "."))
}

/// Returns the variables with our prefix that a cluster set for a service of our name.
pub(super) fn passed_over(sources: &Sources) -> Vec<String> {
    let injected = sources.env.iter().filter(|(name, value)| {
        let rest = name.strip_prefix(ENV_PREFIX);
        rest.is_some_and(|rest| is_injected(rest, value))
    });
    injected.map(|(name, _)| name.clone()).collect()
}

/// Deserializes the typed configuration.
pub(super) fn deserialize<T: for<'de> Deserialize<'de>>(merged: &Merged) -> Result<T, ConfigError> {
    serde_path_to_error::deserialize(nested(merged)).map_err(|error| {
        let key = error.path().to_string();
        // the key is in no source under this name
        let place = match merged.get(&key) {
            Some((_, origin @ Origin::SecretFile(_))) => format!(" ({origin})"),
            _ => String::new(),
        };
        ConfigError::one(format!("`{key}`{place}: {}", error.inner().message()))
    })
}

/// Returns the table that the dotted keys stand for.
fn nested(merged: &Merged) -> Table {
    let mut root = Table::new();
    for (key, (value, _)) in merged {
        let mut path = key.split('.');
        let name = path.next_back().unwrap_or(key);
        let table = path.try_fold(&mut root, |table, section| {
            let section = table.entry(section).or_insert_with(|| Table::new().into());
            section.as_table_mut()
        });
        if let Some(table) = table {
            table.insert(name.to_owned(), value.clone());
        }
    }
    root
}

/// Parses the file. An error does not quote the line, which may hold a secret.
fn parse(path: &Path, text: &str) -> Result<Table, ConfigError> {
    text.parse().map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let (path, reason) = (path.display(), error.message());
        ConfigError::one(format!("`{path}`: line {line} is not TOML: {reason}"))
    })
}

/// Adds a table to `into`, nested tables as dotted keys; lists stay whole.
fn flatten(prefix: &str, table: Table, origin: &Origin, into: &mut Merged) {
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            Value::Table(inner) if !KEYS.contains(&key.as_str()) => {
                flatten(&format!("{key}."), inner, origin, into);
            }
            value => {
                into.insert(key, (value, origin.clone()));
            }
        }
    }
}

fn unknown(key: &str, origin: &Origin) -> String {
    let spelled = |known: &str| match origin {
        Origin::Environment(_) => variable_of(known),
        _ => known.to_owned(),
    };
    if let Some(member) = first_below(key) {
        let member = spelled(member);
        return format!("`{key}` ({origin}) is a section: set its keys, such as `{member}`");
    }
    let hint = nearest(key).map(|known| format!("; did you mean `{}`?", spelled(known)));
    format!("unknown key `{key}` ({origin}){}", hint.unwrap_or_default())
}

/// Returns the environment variable for a key: `ROLECALL_DATABASE__URL` for `database.url`.
fn variable_of(key: &str) -> String {
    format!("{ENV_PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// Replaces `key_file` by `key` with the content of the file.
fn resolve_secret(merged: &mut Merged, key: &str) -> Result<(), String> {
    let twin = format!("{key}_file");
    let Some((path, origin)) = merged.remove(&twin) else {
        return Ok(());
    };
    if let Some((_, other)) = merged.get(key) {
        match rank(other).cmp(&rank(&origin)) {
            // both name the same value, and the first source that has one counts
            Ordering::Greater => return Ok(()),
            Ordering::Less => {}
            Ordering::Equal => {
                return Err(format!(
                    "`{key}` ({other}) and `{twin}` ({origin}) are both set; keep one of them"
                ));
            }
        }
    }
    let Value::String(path) = path else {
        return Err(format!("`{twin}` must be the path of a file"));
    };
    let path = PathBuf::from(path);
    let secret = read_secret(&path).map_err(|reason| format!("`{twin}`: {reason}"))?;
    merged.insert(key.to_owned(), (secret.into(), Origin::SecretFile(path)));
    Ok(())
}

/// Reads a secret without the newline at its end. A file that every user of the machine can read is
/// refused; one that its group can read is not, since secrets mounted into containers need that.
fn read_secret(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let unreadable = |error| format!("`{shown}` cannot be read: {error}");
    let file = files::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if let Some(advice) = secret_files::exposure(path, &metadata, Readers::Everybody) {
        return Err(format!(
            "`{shown}` can be read by everybody on this machine; {advice}"
        ));
    }
    let mut text = String::new();
    let limited = file.take(MAX_SECRET + 1).read_to_string(&mut text);
    if limited.map_err(unreadable)? as u64 > MAX_SECRET {
        return Err(format!("`{shown}` is too long for a secret"));
    }
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    // some editors begin a file with a byte order mark
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    if text.is_empty() {
        return Err(format!("`{shown}` is empty"));
    }
    if text.ends_with(['\n', '\r']) {
        return Err(format!(
            "`{shown}` ends in more than one newline, which would belong to the secret; keep one at most"
        ));
    }
    Ok(text)
}
