//! Configuration: flags over `ROLECALL_*` over the file over defaults.
//!
//! Nothing here reads the process environment by itself except [`Sources::from_process`], so
//! that every rule can be tested with plain values. In the environment two underscores nest:
//! `ROLECALL_DATABASE__URL` is `database.url`. Lists are separated by commas there. Every
//! secret has a twin that ends in `_file` and names a file that holds it.

mod layers;
mod sections;
mod show;
mod validate;
mod values;

use std::fmt;
use std::net::SocketAddr;

pub use layers::{Origin, Sources};
pub(crate) use sections::ROTATE_EVERY;
pub use sections::{
    Config, Cors, Database, Guard, LegacyAlgorithm, LegacyTokens, Log, LogFormat, Metrics, OAuth,
    OnStale, PasswordGrant, Passwords, Proxy, Registration, RegistrationMode, Sessions,
    SigningAlgorithm, Tokens,
};
pub use show::{Setting, Settings};

/// Every key there is, in the order in which they are shown.
const KEYS: &[&str] = &[
    "listen",
    "public_url",
    "insecure_http",
    "master_key",
    "master_key_previous",
    "database.url",
    "registration.mode",
    "registration.roles",
    "oauth.password_grant",
    "tokens.algorithm",
    "tokens.access_ttl",
    "tokens.rotate_every",
    "tokens.issuer",
    "tokens.audience",
    "tokens.max_bytes",
    "tokens.secret",
    "tokens.legacy.algorithm",
    "tokens.legacy.secret",
    "tokens.legacy.allow_short_secret",
    "tokens.legacy.until",
    "tokens.legacy.max_age",
    "sessions.idle_ttl",
    "sessions.max_ttl",
    "sessions.per_user",
    "passwords.scheme",
    "passwords.min_length",
    "cors.allowed_origins",
    "proxy.trusted",
    "metrics.listen",
    "guard.max_staleness",
    "guard.on_stale",
    "log.format",
    "log.level",
];

/// The keys whose values are never shown and which have a `_file` twin.
const SECRET_KEYS: &[&str] = &[
    "master_key",
    "master_key_previous",
    "database.url",
    "tokens.secret",
    "tokens.legacy.secret",
];

/// What is wrong with the configuration: one line for each fault that was found, each naming
/// the key and saying what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigError {
    faults: Vec<String>,
}

impl ConfigError {
    fn one(fault: impl Into<String>) -> Self {
        Self {
            faults: vec![fault.into()],
        }
    }

    /// `Err` if there is any fault.
    fn unless_empty(faults: Vec<String>) -> Result<(), Self> {
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Self { faults })
        }
    }

    /// The faults, one line each.
    #[must_use]
    pub fn faults(&self) -> &[String] {
        &self.faults
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.faults.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads and checks the configuration.
    ///
    /// ```
    /// use rolecall_server::config::{Config, Sources};
    ///
    /// let sources = Sources::default()
    ///     .with_file("rolecall.toml", "[tokens]\naccess_ttl = \"15m\"")
    ///     .with_env("ROLECALL_LISTEN", "127.0.0.1:9000");
    /// let config = Config::load(&sources)?;
    /// assert_eq!(config.tokens.access_ttl.as_secs(), 900);
    /// assert_eq!(config.issuer()?, "http://127.0.0.1:9000");
    /// # Ok::<(), rolecall_server::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// All faults that can be found at once.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let merged = layers::merge(sources)?;
        let mut config: Self = layers::deserialize(&merged)?;
        config.origins = merged
            .into_iter()
            .map(|(key, (_, origin))| (key, origin))
            .collect();
        config.normalize();
        ConfigError::unless_empty(validate::faults(&config))?;
        Ok(config)
    }

    /// The issuer `iss`: `tokens.issuer`, else `public_url`, else `http://` and the listen
    /// address if that is a loopback address.
    ///
    /// # Errors
    ///
    /// If none of them is there.
    pub fn issuer(&self) -> Result<String, ConfigError> {
        self.issuer_at(self.listen)
    }

    /// The issuer when listening on `bound`, which may have another port than was asked for.
    ///
    /// # Errors
    ///
    /// If there is no `tokens.issuer` and no `public_url`, and `bound` is not a loopback
    /// address.
    pub fn issuer_at(&self, bound: SocketAddr) -> Result<String, ConfigError> {
        match (&self.tokens.issuer, &self.public_url) {
            (Some(issuer), _) => Ok(issuer.clone()),
            (None, Some(url)) => Ok(url.clone()),
            (None, None) if bound.ip().is_loopback() => Ok(format!("http://{bound}")),
            (None, None) => Err(ConfigError::one(format!(
                "`public_url` is needed to listen on {bound}: set it to the address under which clients reach this server, such as `public_url = \"https://login.example.com\"`"
            ))),
        }
    }

    /// The address under which clients reach this server, without a slash at the end:
    /// `public_url`, else `http://` and `bound`.
    #[must_use]
    pub fn base_url_at(&self, bound: SocketAddr) -> String {
        self.public_url
            .clone()
            .unwrap_or_else(|| format!("http://{bound}"))
    }

    /// All effective values with where each came from; secrets hidden.
    #[must_use]
    pub fn show(&self) -> Settings {
        show::settings(self)
    }
}

#[cfg(test)]
mod tests;
