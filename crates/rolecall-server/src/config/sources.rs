//! The sources of the configuration: flags, environment and file.

use std::fmt;
use std::path::{Path, PathBuf};

use super::ConfigError;

/// The file that is read if none is named and it exists.
const DEFAULT_FILE: &str = "rolecall.toml";

/// The source of a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// Built in.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// This environment variable.
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

/// The texts that a configuration is read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub(super) flags: Vec<(String, String)>,
    pub(super) env: Vec<(String, String)>,
    pub(super) file: Option<(PathBuf, String)>,
}

impl Sources {
    /// Reads the environment of this process and the configuration file: the one that `config_flag` names,
    /// else `ROLECALL_CONFIG`, else `rolecall.toml` in the working folder if it exists.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read or a variable is not UTF-8.
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

    /// As [`Sources::from_process`], with the given environment and working folder.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read.
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
        let file = match crate::files::read_to_string(&path) {
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

    /// Adds an environment variable.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Uses `text` as the content of the configuration file.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        self.file = Some((path.into(), text.into()));
        self
    }
}
