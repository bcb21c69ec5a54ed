use super::{CliError, arguments::Arguments};
use crate::{
    accounts::service,
    app::App,
    authority::{caller::Caller, reads},
    config::{Config, PasswordGrant, RegistrationMode, Sources},
    legacy::old_tokens::LegacyTokens,
    settings::{SessionLimits, Settings},
    start::{self, Opened, Options},
};
use std::{collections::BTreeSet, sync::Arc};

use rolecall::SystemClock;
use secrecy::ExposeSecret as _;

/// The open database, and who acts on it.
pub(super) struct Context {
    pub(super) app: App,
    pub(super) json: bool,
    actor: ActorName,
}

enum ActorName {
    SystemUser(String),
    User(String),
}

impl Context {
    /// Opens the configured database, made and migrated if need be.
    pub(super) async fn open(arguments: &Arguments) -> Result<Self, CliError> {
        let config = load(arguments, &[])?;
        let Opened { app, .. } = start::open(options(&config, None)).await?;
        let actor = match &arguments.act_as {
            Some(name) => {
                let id = user_id(&app, name).await?;
                reads::check_all_active(&app, &id).await?;
                ActorName::User(id)
            }
            None => ActorName::SystemUser(system_user()),
        };
        Ok(Self {
            app,
            json: arguments.json,
            actor,
        })
    }

    pub(super) fn caller(&self) -> Caller<'_> {
        match &self.actor {
            ActorName::SystemUser(system_user) => Caller::CommandLine { system_user },
            ActorName::User(user_id) => Caller::As { user_id },
        }
    }

    /// Whether whoever acts may read something: with `--as` what that user may, else everything.
    pub(super) async fn demand(&self, permission: &'static str) -> Result<(), CliError> {
        Ok(reads::require(&self.app, self.caller(), permission).await?)
    }

    /// What concerns the whole machine is not done as a user.
    pub(super) fn demand_machine(&self) -> Result<(), CliError> {
        match self.actor {
            ActorName::SystemUser(_) => Ok(()),
            ActorName::User(_) => Err(CliError::Refused(
                "this is done by whoever owns the machine, not with --as".to_owned(),
            )),
        }
    }

    /// The id of the user with this name.
    pub(super) async fn user_id(&self, name: &str) -> Result<String, CliError> {
        user_id(&self.app, name).await
    }
}

async fn user_id(app: &App, name: &str) -> Result<String, CliError> {
    let found = service::find_id(app, name).await?;
    found.ok_or_else(|| CliError::Refused(format!("no user `{name}`")))
}

/// Who started the process, as the audit log names them: by what the system knows, not by what the
/// environment says.
#[cfg(unix)]
pub(super) fn system_user() -> String {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(process) = std::fs::metadata("/proc/self") else {
        return environment_user();
    };
    let uid = process.uid();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(&accounts, uid).unwrap_or_else(|| format!("uid-{uid}"))
}

#[cfg(not(unix))]
pub(super) fn system_user() -> String {
    environment_user()
}

/// The name that `passwd(5)` gives to a user id.
fn name_of(accounts: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    let mut fields = accounts.lines().map(|line| line.split(':'));
    fields.find_map(|mut fields| {
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}

fn environment_user() -> String {
    let name = ["USER", "USERNAME", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    let name = name.unwrap_or_else(|| "unknown".to_owned());
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// Reads the configuration; flags of a command come as `(key, value)`.
pub(super) fn load(
    arguments: &Arguments,
    flags: &[(&str, Option<&str>)],
) -> Result<Config, CliError> {
    let mut sources = Sources::from_process(arguments.config.as_deref())?;
    for set in &arguments.set {
        let (key, value) = set
            .split_once('=')
            .ok_or_else(|| CliError::Refused("`--set` is written KEY=VALUE".to_owned()))?;
        refuse_secret(key, value)?;
        sources = sources.with_flag(key, value);
    }
    for (key, value) in flags {
        if let Some(value) = value {
            refuse_secret(key, value)?;
            sources = sources.with_flag(*key, *value);
        }
    }
    Ok(Config::load(&sources)?)
}

/// Arguments are seen by everybody on the machine: a secret among them is none any more.
fn refuse_secret(key: &str, value: &str) -> Result<(), CliError> {
    let has_password = || {
        let authority = value.split_once("://").map_or("", |(_, rest)| rest);
        let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
        user.contains(':') || value.contains("password=")
    };
    let secret = match key {
        "master_key" | "master_key_previous" | "tokens.secret" | "tokens.legacy.secret" => true,
        "database.url" => has_password(),
        _ => false,
    };
    if secret {
        return Err(CliError::Refused(format!(
            "a secret is no argument, since others on the machine can read arguments: use `{key}_file`"
        )));
    }
    Ok(())
}

/// What the configuration says of tokens of the application that was there before.
fn legacy(config: &Config) -> Option<LegacyTokens> {
    let legacy = &config.tokens.legacy;
    let secret = legacy.secret.as_ref()?.expose_secret();
    let tokens = LegacyTokens::new(secret, legacy.until?, legacy.max_age?);
    Some(if legacy.allow_short_secret {
        tokens.allow_short_secret()
    } else {
        tokens
    })
}

/// What the configuration means for a start. `bound` is the address that is listened on; commands that
/// serve nothing issue no tokens and need no issuer.
pub(super) fn options(config: &Config, bound: Option<std::net::SocketAddr>) -> Options {
    let issuer = bound
        .map_or_else(|| config.issuer(), |bound| config.issuer_at(bound))
        .unwrap_or_default();
    Options {
        database_url: config.database.url.clone(),
        master_key: config.master_key.clone(),
        previous_master_key: config.master_key_previous.clone(),
        algorithm: config.tokens.algorithm.into(),
        secret: config.tokens.secret.clone(),
        serves: bound.is_some(),
        legacy: legacy(config),
        settings: Settings {
            audience: config
                .tokens
                .audience
                .clone()
                .unwrap_or_else(|| issuer.clone()),
            issuer,
            access_ttl: config.tokens.access_ttl,
            max_token_bytes: config.tokens.max_bytes,
            rotate_every: Some(config.tokens.rotate_every).filter(|every| !every.is_zero()),
            registration_open: config.registration.mode == RegistrationMode::Open,
            registration_roles: config.registration.roles.iter().cloned().collect(),
            password_grant: config.oauth.password_grant == PasswordGrant::FirstParty,
            sessions: SessionLimits {
                idle: config.sessions.idle_ttl,
                lifetime: config.sessions.max_ttl,
                per_user: config.sessions.per_user,
            },
            exempt_users: BTreeSet::new(),
        },
        scheme: config.passwords.scheme,
        hashing: None,
        min_length: config.passwords.min_length,
        clock: Arc::new(SystemClock),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_no_argument_and_is_not_repeated() {
        for (key, value) in [
            ("master_key", "0123456789abcdef"),
            ("tokens.secret", "0123456789abcdef"),
            ("master_key_previous", "0123456789abcdef"),
            ("database.url", "postgres://me:0123456789abcdef@db/rolecall"),
            (
                "database.url",
                "postgres://db/rolecall?password=0123456789abcdef",
            ),
        ] {
            let refusal = refuse_secret(key, value).unwrap_err().to_string();
            assert!(refusal.contains(&format!("{key}_file")), "{refusal}");
            assert!(!refusal.contains("0123456789abcdef"), "{refusal}");
        }
        for (key, value) in [
            ("database.url", "sqlite:rolecall-data/rolecall.db"),
            ("database.url", "postgres://me@db/rolecall"),
            ("master_key_file", "/run/secrets/master-key"),
            ("listen", "127.0.0.1:8000"),
        ] {
            assert!(refuse_secret(key, value).is_ok(), "{key}={value}");
        }
    }

    #[test]
    fn a_user_id_has_the_name_that_the_system_gives_it() {
        let accounts = "root:x:0:0:root:/root:/bin/bash\nweb:x:33:33::/var/www:\n";
        assert_eq!(name_of(accounts, 0).as_deref(), Some("root"));
        assert_eq!(name_of(accounts, 33).as_deref(), Some("web"));
        assert_eq!(name_of(accounts, 3), None);
        assert_eq!(name_of("broken\n", 0), None);
    }
}
