//! The addresses under which clients know the server.

use std::net::SocketAddr;

use super::{Config, ConfigError};

impl Config {
    /// Returns the issuer `iss`: `tokens.issuer`, else `public_url`, else `http://` and the listen address
    /// if that is a loopback address.
    ///
    /// # Errors
    ///
    /// Returns an error if none of them is available.
    pub fn issuer(&self) -> Result<String, ConfigError> {
        self.issuer_at(self.listen)
    }

    /// Returns the issuer for a server that listens on `bound`, whose port may differ from the configured
    /// one.
    ///
    /// # Errors
    ///
    /// Returns an error if `tokens.issuer` and `public_url` are not set and `bound` is not a loopback
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
}
