//! Prints the effective configuration.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use secrecy::ExposeSecret as _;

use super::keys::KEYS;
use super::values::show_duration;
use super::{ClientLook, Config, Login, Mail, Origin, PageLink, Pages};
use crate::{
    profile::field::{FieldKind, ProfileField},
    times::rfc3339,
};

/// Printed instead of a secret.
const HIDDEN: &str = "(hidden)";

/// A key with its effective value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Setting {
    /// The dotted key.
    pub key: &'static str,
    /// The value as a file would have it: empty if it is not set, hidden if it is a secret.
    pub value: String,
    /// The source of the value.
    pub origin: Origin,
}

impl Setting {
    /// Returns true for a secret that is set, whose value is not shown.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.value == hidden(true)
    }
}

/// All settings. They are printed as a configuration file, with the secrets hidden.
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

impl Config {
    /// Returns all effective values with their sources; secrets are hidden.
    #[must_use]
    pub fn show(&self) -> Settings {
        let shown = KEYS
            .iter()
            .filter_map(|key| {
                Some(Setting {
                    key,
                    value: value(self, key)?,
                    origin: self.origins.get(*key).cloned().unwrap_or(Origin::Default),
                })
            })
            .collect();
        Settings(shown)
    }
}

/// Returns nothing for an unknown key.
fn value(config: &Config, key: &str) -> Option<String> {
    let tokens = &config.tokens;
    Some(match key {
        "listen" => quoted(config.listen),
        "public_url" => optional(config.public_url.as_ref()),
        "insecure_http" => config.insecure_http.to_string(),
        "master_key" => hidden(config.master_key.is_some()),
        "master_key_previous" => hidden(config.master_key_previous.is_some()),
        "database.url" => database_url(config.database.url.expose_secret()),
        "database.schema" => optional(config.database.schema.as_ref()),
        "database.max_connections" => config.database.max_connections.to_string(),
        "database.acquire_timeout" => quoted(show_duration(config.database.acquire_timeout)),
        "database.statement_timeout" => quoted(show_duration(config.database.statement_timeout)),
        "database.start_timeout" => quoted(show_duration(config.database.start_timeout)),
        "registration.mode" => quoted(config.registration.mode),
        "registration.roles" => list(&config.registration.roles),
        "registration.unique_email" => config.registration.unique_email.to_string(),
        "accounts.self_delete" => config.accounts.self_delete.to_string(),
        "registration.verify" => config.registration.verify.to_string(),
        "registration.domains" => list(&config.registration.domains),
        "profile.fields" => fields(&config.profile.fields),
        "oauth.password_grant" => quoted(config.oauth.password_grant),
        "tokens.algorithm" => quoted(tokens.algorithm),
        "tokens.access_ttl" => quoted(show_duration(tokens.access_ttl)),
        "tokens.rotate_every" => quoted(show_duration(tokens.rotate_every)),
        "tokens.issuer" => optional(tokens.issuer.as_ref()),
        "tokens.audience" => optional(tokens.audience.as_ref()),
        "tokens.max_bytes" => tokens.max_bytes.to_string(),
        "tokens.claims" => list(&tokens.claims),
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
        "passwords.breached" => {
            let path = config.passwords.breached.as_ref();
            optional(path.map(|path| path.display().to_string()).as_ref())
        }
        "connections.max" => config.connections.max.to_string(),
        "connections.per_address" => config.connections.per_address.to_string(),
        "connections.idle_timeout" => quoted(show_duration(config.connections.idle_timeout)),
        "connections.drain_delay" => quoted(show_duration(config.connections.drain_delay)),
        "cors.allowed_origins" => list(&config.cors.allowed_origins),
        "proxy.trusted" => list(&config.proxy.trusted),
        "outgoing.allow" => list(&config.outgoing.allow),
        "metrics.listen" => optional(config.metrics.listen.as_ref()),
        "guard.max_staleness" => quoted(show_duration(config.guard.max_staleness)),
        "guard.on_stale" => quoted(config.guard.on_stale),
        "log.format" => quoted(config.log.format),
        "log.level" => quoted(&config.log.level),
        _ => {
            return login(&config.login, key)
                .or_else(|| limit(config, key))
                .or_else(|| page(&config.pages, key))
                .or_else(|| mail(&config.mail, key));
        }
    })
}

/// Returns the value of a setting of sign-ins.
fn login(login: &Login, key: &str) -> Option<String> {
    let or_off =
        |duration: Option<Duration>| quoted(duration.map_or("off".to_owned(), show_duration));
    Some(match key {
        "login.failures_per_minute" => login.failures_per_minute.to_string(),
        "login.idle" => quoted(show_duration(login.idle)),
        "login.max" => quoted(show_duration(login.max)),
        "login.mail_code" => login.mail_code.to_string(),
        "login.mfa" => quoted(login.mfa),
        "login.fresh" => quoted(show_duration(login.fresh)),
        "login.verified_address" => login.verified_address.to_string(),
        "login.remember_device" => or_off(login.remember_device),
        "login.stay" => or_off(login.stay),
        _ => return None,
    })
}

/// Returns the value of a limit.
fn limit(config: &Config, key: &str) -> Option<String> {
    Some(match key {
        "policy.max_roles" => config.policy.max_roles.to_string(),
        "policy.max_permissions" => config.policy.max_permissions.to_string(),
        "policy.max_grants" => config.policy.max_grants.to_string(),
        "policy.max_edges" => config.policy.max_edges.to_string(),
        "policy.max_effects" => config.policy.max_effects.to_string(),
        "policy.deadline" => quoted(show_duration(config.policy.deadline)),
        "policy.at_once" => config.policy.at_once.to_string(),
        "quotas.own_changes_per_hour" => config.quotas.own_changes_per_hour.to_string(),
        "quotas.changes_per_hour" => config.quotas.changes_per_hour.to_string(),
        "quotas.revocations_per_hour" => config.quotas.revocations_per_hour.to_string(),
        "quotas.refreshes_per_hour" => config.quotas.refreshes_per_hour.to_string(),
        "quotas.log_ins_per_hour" => config.quotas.log_ins_per_hour.to_string(),
        _ => return None,
    })
}

/// Returns the value of a key in the section `pages`.
fn page(pages: &Pages, key: &str) -> Option<String> {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    Some(match key {
        "pages.name" => quoted(&pages.name),
        "pages.logo" => optional(path(&pages.logo).as_ref()),
        "pages.favicon" => optional(path(&pages.favicon).as_ref()),
        "pages.color" => optional(pages.color.as_ref()),
        "pages.color_dark" => optional(pages.color_dark.as_ref()),
        "pages.font" => optional(path(&pages.font).as_ref()),
        "pages.links" => links(&pages.links),
        "pages.clients" => client_looks(&pages.clients),
        "pages.templates" => optional(path(&pages.templates).as_ref()),
        "pages.locales" => optional(path(&pages.locales).as_ref()),
        _ => return None,
    })
}

/// Returns the value of a key in the section `mail`.
fn mail(mail: &Mail, key: &str) -> Option<String> {
    let duration = |duration| quoted(show_duration(duration));
    Some(match key {
        "mail.url" => hidden(mail.url.is_some()),
        "mail.password" => hidden(mail.password.is_some()),
        "mail.from" => optional(mail.from.as_ref()),
        "mail.reply_to" => optional(mail.reply_to.as_ref()),
        "mail.insecure_smtp" => mail.insecure_smtp.to_string(),
        "mail.reset_ttl" => duration(mail.reset_ttl),
        "mail.verify_ttl" => duration(mail.verify_ttl),
        "mail.invitation_ttl" => duration(mail.invitation_ttl),
        _ => return None,
    })
}

fn quoted(value: impl fmt::Display) -> String {
    // a JSON string is a TOML string
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

fn links(links: &[PageLink]) -> String {
    let links = links.iter().map(|PageLink { label, url }| {
        format!("{{ label = {}, url = {} }}", quoted(label), quoted(url))
    });
    format!("[{}]", links.collect::<Vec<_>>().join(", "))
}

fn client_looks(clients: &BTreeMap<String, ClientLook>) -> String {
    let looks = clients.iter().map(|(id, look)| {
        let logo = look.logo.as_ref().map(|path| path.display().to_string());
        let members = [
            ("name", optional(look.name.as_ref())),
            ("logo", optional(logo.as_ref())),
            ("color", optional(look.color.as_ref())),
            ("color_dark", optional(look.color_dark.as_ref())),
        ];
        let members = members.iter().filter(|(_, value)| !value.is_empty());
        let members = members.map(|(name, value)| format!("{name} = {value}"));
        format!(
            "{} = {}",
            quoted(id),
            inline_table(&members.collect::<Vec<_>>())
        )
    });
    inline_table(&looks.collect::<Vec<_>>())
}

fn inline_table(members: &[String]) -> String {
    if members.is_empty() {
        return "{}".to_owned();
    }
    format!("{{ {} }}", members.join(", "))
}

/// Shows the declared fields as an inline table.
fn fields(fields: &[ProfileField]) -> String {
    inline_table(&fields.iter().map(field).collect::<Vec<_>>())
}

fn field(field: &ProfileField) -> String {
    let mut members = vec![format!("type = {}", quoted(field.kind.word()))];
    if let Some(length) = field.kind.max_length() {
        members.push(format!("max_length = {length}"));
    }
    if let Some(pattern) = &field.pattern {
        members.push(format!("pattern = {}", quoted(pattern.text())));
    }
    if let Some(message) = &field.pattern_message {
        members.push(format!("pattern_message = {}", quoted(message)));
    }
    if let FieldKind::Enum { values } = &field.kind {
        members.push(format!("values = {}", list(values)));
    }
    members.push(format!("read = {}", quoted(field.read)));
    members.push(format!("write = {}", quoted(field.write)));
    members.push(format!("required = {}", field.required));
    if let Some(claim) = &field.claim {
        members.push(format!("claim = {}", quoted(claim)));
    }
    format!("{} = {{ {} }}", field.name, members.join(", "))
}

/// Shows the path of a SQLite database, but not the address of a server, which may hold a password.
fn database_url(url: &str) -> String {
    match url.split_once(':') {
        Some(("sqlite", _)) => quoted(url),
        Some((scheme, _)) => quoted(format!("{scheme}://{HIDDEN}")),
        None => quoted(HIDDEN),
    }
}
