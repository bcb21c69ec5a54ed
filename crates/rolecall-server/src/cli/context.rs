//! The database that a command works on, and the user in whose name it acts.

use super::{error::CliError, globals::GlobalFlags, output::printable};
use crate::{
    accounts::service,
    app::App,
    authority::{caller::Caller, reads},
    config::{Config, Sources},
    configured,
    start::{self, Opened},
};

/// An open application and the name under which its changes are recorded.
pub(super) struct Context {
    pub(super) app: App,
    pub(super) json: bool,
    actor: Actor,
}

/// The owner of the changes, as the audit log names it.
enum Actor {
    SystemUser(String),
    User(String),
}

impl Context {
    /// Opens the configured database; creates and migrates it first if needed.
    pub(super) async fn open(globals: &GlobalFlags) -> Result<Self, CliError> {
        let config = load(globals, &[])?;
        let Opened { app, .. } = start::open(configured::options(&config, None)).await?;
        let actor = match &globals.act_as {
            Some(name) => {
                let id = find_user_id(&app, name).await?;
                reads::check_all_active(&app, &id).await?;
                Actor::User(id)
            }
            None => Actor::SystemUser(system_user()),
        };
        Ok(Self {
            app,
            json: globals.json,
            actor,
        })
    }

    pub(super) fn caller(&self) -> Caller<'_> {
        match &self.actor {
            Actor::SystemUser(system_user) => Caller::CommandLine { system_user },
            Actor::User(user_id) => Caller::As { user_id },
        }
    }

    /// Refuses `--as`, for commands that concern the whole installation.
    pub(super) fn require_no_user(&self) -> Result<(), CliError> {
        match self.actor {
            Actor::SystemUser(_) => Ok(()),
            Actor::User(_) => Err(CliError::installation()),
        }
    }

    /// Returns the id of the user named `name`.
    pub(super) async fn user_id(&self, name: &str) -> Result<String, CliError> {
        find_user_id(&self.app, name).await
    }
}

async fn find_user_id(app: &App, name: &str) -> Result<String, CliError> {
    let found = service::find_id(app, name).await?;
    found.ok_or_else(|| CliError::Refused(format!("no user `{}`", printable(name))))
}

/// Returns the name of the system user who started this process, for the audit log. It is read from the process
/// table, since the environment can name anybody.
#[cfg(unix)]
pub(super) fn system_user() -> String {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(process) = std::fs::metadata("/proc/self") else {
        return environment_user();
    };
    let uid = process.uid();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    find_name(&accounts, uid).unwrap_or_else(|| format!("uid-{uid}"))
}

#[cfg(not(unix))]
pub(super) fn system_user() -> String {
    environment_user()
}

/// Finds the name of a user id in the text of `/etc/passwd`.
fn find_name(accounts: &str, uid: u32) -> Option<String> {
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

/// Reads the configuration. `flags` are the command's own flags for configuration keys, as `(key, value)`.
pub(super) fn load(
    globals: &GlobalFlags,
    flags: &[(&str, Option<&str>)],
) -> Result<Config, CliError> {
    let mut sources = Sources::from_process(globals.config.as_deref())?;
    for set in &globals.set {
        let (key, value) = set
            .split_once('=')
            .ok_or_else(|| CliError::Refused("write `--set KEY=VALUE`".to_owned()))?;
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

/// Refuses secrets among the arguments, which every user of the machine can read.
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
            "do not pass secrets as arguments, which others on this machine can read: use `{key}_file`"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_argument_is_refused_and_not_repeated() {
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
    fn a_user_id_is_named_as_in_the_accounts_file() {
        let accounts = "root:x:0:0:root:/root:/bin/bash\nweb:x:33:33::/var/www:\n";
        assert_eq!(find_name(accounts, 0).as_deref(), Some("root"));
        assert_eq!(find_name(accounts, 33).as_deref(), Some("web"));
        assert_eq!(find_name(accounts, 3), None);
        assert_eq!(find_name("broken\n", 0), None);
    }
}
