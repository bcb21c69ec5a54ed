//! The sources and how they are laid over one another.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};

use config::{Environment, File, FileFormat, Source, Value, ValueKind};
use serde::Deserialize;

use super::{ConfigError, KEYS, SECRET_KEYS};

/// The file that is read if no other is named and it is there.
const DEFAULT_FILE: &str = "rolecall.toml";

/// Names in the environment that are no keys.
const NO_KEYS: &[&str] = &["ROLECALL_CONFIG", "ROLECALL_BLESS", "ROLECALL_VECTORS"];

/// Where a value came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// Built in.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// This variable of the environment.
    Environment(String),
    /// The command line.
    Flag,
    /// The file that a `_file` key names.
    SecretFile(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag => f.write_str("command line"),
            Self::SecretFile(path) => write!(f, "secret file {}", path.display()),
        }
    }
}

/// What the configuration is read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    flags: Vec<(String, String)>,
    env: Vec<(String, String)>,
    file: Option<(PathBuf, String)>,
}

impl Sources {
    /// The environment of this process, and the file that `config_flag` names, else
    /// `ROLECALL_CONFIG`, else `rolecall.toml` in the working folder if it is there.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or a variable is not Unicode.
    pub fn from_process(config_flag: Option<&Path>) -> Result<Self, ConfigError> {
        let mut env = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else {
                continue;
            };
            if name.starts_with("ROLECALL_") {
                let value = value
                    .into_string()
                    .map_err(|_| ConfigError::one(format!("`{name}` is not valid UTF-8")))?;
                env.push((name, value));
            }
        }
        Self::from_parts(config_flag, env, Path::new("."))
    }

    /// As [`Sources::from_process`], with the environment and the working folder given.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn from_parts(
        config_flag: Option<&Path>,
        env: Vec<(String, String)>,
        folder: &Path,
    ) -> Result<Self, ConfigError> {
        let named = config_flag.map(Path::to_path_buf).or_else(|| {
            let (_, path) = env.iter().find(|(name, _)| name == "ROLECALL_CONFIG")?;
            (!path.is_empty()).then(|| PathBuf::from(path))
        });
        let path = named.clone().unwrap_or_else(|| folder.join(DEFAULT_FILE));
        let file = match std::fs::read_to_string(&path) {
            Ok(text) => Some((path, text)),
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                let path = path.display();
                return Err(ConfigError::one(format!(
                    "the configuration file `{path}` cannot be read: {error}"
                )));
            }
        };
        Ok(Self {
            flags: Vec::new(),
            env,
            file,
        })
    }

    /// Adds a value from the command line, such as `("listen", "127.0.0.1:9000")`.
    #[must_use]
    pub fn with_flag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.flags.push((key.into(), value.into()));
        self
    }

    /// Adds a variable of the environment.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Takes `text` for the content of the configuration file.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        self.file = Some((path.into(), text.into()));
        self
    }
}

/// Effective values by dotted key.
pub(super) type Merged = BTreeMap<String, (Value, Origin)>;

/// Lays the sources over one another and reads the files that hold secrets.
pub(super) fn merge(sources: &Sources) -> Result<Merged, ConfigError> {
    let mut merged = file_layer(sources)?;
    merged.extend(env_layer(sources)?);
    for (key, value) in &sources.flags {
        let value = Value::new(None, value.as_str());
        merged.insert(key.clone(), (value, Origin::Flag));
    }
    let mut faults: Vec<String> = merged
        .iter()
        .filter_map(|(key, (_, origin))| fault_of_key(key, origin))
        .collect();
    for key in SECRET_KEYS {
        if let Err(fault) = resolve_secret(&mut merged, key) {
            faults.push(fault);
        }
    }
    ConfigError::unless_empty(faults)?;
    Ok(merged)
}

/// Makes the typed configuration of it.
pub(super) fn deserialize<T: for<'de> Deserialize<'de>>(merged: &Merged) -> Result<T, ConfigError> {
    let mut builder = config::Config::builder();
    for (key, (value, _)) in merged {
        builder = builder
            .set_override(key, value.clone())
            .map_err(|error| ConfigError::one(format!("`{key}`: {error}")))?;
    }
    builder
        .build()
        .and_then(config::Config::try_deserialize)
        .map_err(|error| ConfigError::one(explain(&error)))
}

fn file_layer(sources: &Sources) -> Result<Merged, ConfigError> {
    let Some((path, text)) = &sources.file else {
        return Ok(Merged::new());
    };
    let table = File::from_str(text, FileFormat::Toml)
        .collect()
        .map_err(|error| {
            ConfigError::one(format!(
                "`{}`: {}",
                path.display(),
                without_source_text(&error)
            ))
        })?;
    let mut layer = Merged::new();
    flatten("", table, &Origin::File(path.clone()), &mut layer);
    Ok(layer)
}

fn env_layer(sources: &Sources) -> Result<Merged, ConfigError> {
    let given: HashMap<String, String> = sources
        .env
        .iter()
        .filter(|(name, _)| !NO_KEYS.contains(&name.as_str()))
        .cloned()
        .collect();
    let values = Environment::with_prefix("ROLECALL")
        .prefix_separator("_")
        .separator("__")
        .source(Some(given))
        .collect()
        .map_err(|error| ConfigError::one(error.to_string()))?;
    let with_origin = |(key, value): (String, Value)| {
        let name = format!("ROLECALL_{}", key.replace('.', "__").to_uppercase());
        (key, (value, Origin::Environment(name)))
    };
    Ok(values.into_iter().map(with_origin).collect())
}

/// Brings nested tables to dotted keys; lists stay whole.
fn flatten(prefix: &str, table: HashMap<String, Value>, origin: &Origin, into: &mut Merged) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}.{name}")
        };
        match value.kind {
            ValueKind::Table(inner) if !KEYS.contains(&key.as_str()) => {
                flatten(&key, inner, origin, into);
            }
            _ => {
                into.insert(key, (value, origin.clone()));
            }
        }
    }
}

fn fault_of_key(key: &str, origin: &Origin) -> Option<String> {
    let secret = key.strip_suffix("_file").unwrap_or(key);
    if KEYS.contains(&key) || SECRET_KEYS.contains(&secret) {
        return None;
    }
    let near = KEYS
        .iter()
        .map(|known| (distance(key, known), known))
        .filter(|(distance, _)| *distance <= 3)
        .min();
    let hint = near.map(|(_, known)| format!("; did you mean `{known}`?"));
    Some(format!(
        "unknown key `{key}` ({origin}){}",
        hint.unwrap_or_default()
    ))
}

/// Replaces `key_file` by `key` with what the file holds.
fn resolve_secret(merged: &mut Merged, key: &str) -> Result<(), String> {
    let twin = format!("{key}_file");
    let Some((path, origin)) = merged.remove(&twin) else {
        return Ok(());
    };
    if let Some((_, other)) = merged.get(key) {
        return Err(format!(
            "`{key}` ({other}) and `{twin}` ({origin}) are both set; keep one of them"
        ));
    }
    let path = path
        .into_string()
        .map(PathBuf::from)
        .map_err(|_| format!("`{twin}` must be the path of a file"))?;
    let secret = read_secret(&path).map_err(|reason| format!("`{twin}`: {reason}"))?;
    let value = Value::new(None, secret);
    merged.insert(key.to_owned(), (value, Origin::SecretFile(path)));
    Ok(())
}

/// Reads a secret and drops one newline at the end. Anybody on the machine being able to read
/// it is refused; a group may, since secrets that are mounted into containers need that.
fn read_secret(path: &Path) -> Result<String, String> {
    use std::os::unix::fs::PermissionsExt as _;

    let shown = path.display();
    let unreadable = |error| format!("`{shown}` cannot be read: {error}");
    let mode = std::fs::metadata(path)
        .map_err(unreadable)?
        .permissions()
        .mode();
    if mode & 0o007 != 0 {
        return Err(format!(
            "`{shown}` can be read by everybody on this machine; run `chmod o= {shown}`"
        ));
    }
    let mut text = std::fs::read_to_string(path).map_err(unreadable)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() {
        return Err(format!("`{shown}` is empty"));
    }
    Ok(text)
}

/// The message of an error without the line of the file, which may hold a secret.
fn without_source_text(error: &config::ConfigError) -> String {
    let config::ConfigError::FileParse { cause, .. } = error else {
        return "it is not valid TOML".to_owned();
    };
    let text = cause.to_string();
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let place = lines.next().unwrap_or_default();
    match lines.next_back() {
        Some(reason) if !reason.contains('|') => format!("{place}: {reason}"),
        _ => place.to_owned(),
    }
}

/// Says which key is wrong and why. Values of secrets never come here: they are texts.
fn explain(error: &config::ConfigError) -> String {
    match error {
        config::ConfigError::At { error, key, .. } => match key {
            Some(key) => format!("`{key}`: {}", explain(error)),
            None => explain(error),
        },
        config::ConfigError::Type {
            key: Some(key),
            unexpected,
            expected,
            ..
        } => {
            format!("`{key}`: {unexpected} is not {expected}")
        }
        other => other.to_string(),
    }
}

/// Levenshtein's distance.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (cell, candidate) in row.iter_mut().skip(1).zip(&other) {
            let substituted = diagonal + usize::from(letter != *candidate);
            diagonal = *cell;
            left = substituted.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
