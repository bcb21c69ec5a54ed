//! From sources to a checked configuration.

use super::merge::{deserialize, merge, passed_over};
use super::validate::faults;
use super::{Config, ConfigError, Sources};

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
    /// Returns all faults that can be found at once.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let merged = merge(sources)?;
        let mut config: Self = deserialize(&merged)?;
        config.origins = merged
            .into_iter()
            .map(|(key, (_, origin))| (key, origin))
            .collect();
        config.passed_over = passed_over(sources);
        if let Some(url) = &mut config.public_url {
            url.truncate(url.trim_end_matches('/').len());
        }
        ConfigError::unless_empty(faults(&config))?;
        Ok(config)
    }
}
