//! The effective configuration, to look at.

use std::fmt;

use secrecy::ExposeSecret as _;

use super::{Config, KEYS, Origin, values::show_duration};
use crate::times::rfc3339;

/// Stands for the value of a secret.
const HIDDEN: &str = "(hidden)";

/// One key with its effective value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Setting {
    /// The dotted key.
    pub key: &'static str,
    /// As it would be written in the file; empty if there is none; secrets are hidden.
    pub value: String,
    /// Where the value came from.
    pub origin: Origin,
}

/// All settings; printed as a file that could be read back, but for the secrets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings(pub Vec<Setting>);

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<(String, &Origin)> = self
            .0
            .iter()
            .map(|setting| {
                let Setting { key, value, origin } = setting;
                let line = if value.is_empty() {
                    format!("# {key} is not set")
                } else {
                    format!("{key} = {value}")
                };
                (line, origin)
            })
            .collect();
        let width = lines.iter().map(|(line, _)| line.chars().count()).max();
        let width = width.unwrap_or(0).min(60);
        for (line, origin) in lines {
            writeln!(f, "{line:width$}  # {origin}")?;
        }
        Ok(())
    }
}

pub(super) fn settings(config: &Config) -> Settings {
    let shown = KEYS
        .iter()
        .filter_map(|key| {
            Some(Setting {
                key,
                value: value(config, key)?,
                origin: config.origins.get(*key).cloned().unwrap_or(Origin::Default),
            })
        })
        .collect();
    Settings(shown)
}

/// `None` for what is no key.
fn value(config: &Config, key: &str) -> Option<String> {
    let tokens = &config.tokens;
    Some(match key {
        "listen" => quoted(config.listen),
        "public_url" => optional(config.public_url.as_ref()),
        "insecure_http" => config.insecure_http.to_string(),
        "master_key" => hidden(config.master_key.is_some()),
        "master_key_previous" => hidden(config.master_key_previous.is_some()),
        "database.url" => database_url(config.database.url.expose_secret()),
        "registration.mode" => quoted(config.registration.mode),
        "registration.roles" => list(&config.registration.roles),
        "oauth.password_grant" => quoted(config.oauth.password_grant),
        "tokens.algorithm" => quoted(tokens.algorithm),
        "tokens.access_ttl" => quoted(show_duration(tokens.access_ttl)),
        "tokens.rotate_every" => quoted(show_duration(tokens.rotate_every)),
        "tokens.issuer" => optional(tokens.issuer.as_ref()),
        "tokens.audience" => optional(tokens.audience.as_ref()),
        "tokens.max_bytes" => tokens.max_bytes.to_string(),
        "tokens.secret" => hidden(tokens.secret.is_some()),
        "tokens.legacy.algorithm" => quoted(tokens.legacy.algorithm),
        "tokens.legacy.secret" => hidden(tokens.legacy.secret.is_some()),
        "tokens.legacy.allow_short_secret" => tokens.legacy.allow_short_secret.to_string(),
        "tokens.legacy.until" => optional(tokens.legacy.until.map(rfc3339).as_ref()),
        "tokens.legacy.max_age" => optional(tokens.legacy.max_age.map(show_duration).as_ref()),
        "sessions.idle_ttl" => quoted(show_duration(config.sessions.idle_ttl)),
        "sessions.max_ttl" => quoted(show_duration(config.sessions.max_ttl)),
        "sessions.per_user" => config.sessions.per_user.to_string(),
        "passwords.scheme" => quoted(config.passwords.scheme),
        "passwords.min_length" => config.passwords.min_length.to_string(),
        "cors.allowed_origins" => list(&config.cors.allowed_origins),
        "proxy.trusted" => list(&config.proxy.trusted),
        "metrics.listen" => optional(config.metrics.listen.as_ref()),
        "guard.max_staleness" => quoted(show_duration(config.guard.max_staleness)),
        "guard.on_stale" => quoted(config.guard.on_stale),
        "log.format" => quoted(config.log.format),
        "log.level" => quoted(&config.log.level),
        _ => return None,
    })
}

fn quoted(value: impl fmt::Display) -> String {
    // JSON strings are TOML strings.
    serde_json::Value::String(value.to_string()).to_string()
}

fn optional(value: Option<&impl fmt::Display>) -> String {
    value.map(quoted).unwrap_or_default()
}

fn hidden(is_set: bool) -> String {
    if is_set {
        quoted(HIDDEN)
    } else {
        String::new()
    }
}

fn list(items: &[impl fmt::Display]) -> String {
    let items: Vec<String> = items.iter().map(quoted).collect();
    format!("[{}]", items.join(", "))
}

/// A path is worth seeing; the address of a server may hold a password.
fn database_url(url: &str) -> String {
    match url.split_once(':') {
        Some(("sqlite", _)) => quoted(url),
        Some((scheme, _)) => quoted(format!("{scheme}://{HIDDEN}")),
        None => quoted(HIDDEN),
    }
}
