//! The database that a command works on, and the user in whose name it acts.

use std::sync::Arc;

use rolecall_core::{Policy, RoleName};

use super::{error::CliError, globals::GlobalFlags};
use crate::{
    accounts::service,
    app::App,
    authority::{caller::Caller, reads},
    config::{Config, Sources},
    configured,
    start::{self, Opened},
    store::StoreError,
};

/// The most users whose names are compared with the beginning or the end of one that does not exist.
const SIMILAR_USERS: i64 = 200;

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
    /// Opens the configured database, which must exist with the current schema.
    pub(super) async fn open(globals: &GlobalFlags) -> Result<Self, CliError> {
        let config = load(globals, &[])?;
        // boxed, since the future of a start goes into that of every command
        let opened = Box::pin(start::open(configured::options(&config, None))).await?;
        let Opened { app, .. } = opened;
        let mut context = Self {
            app,
            json: globals.json,
            actor: Actor::SystemUser(system_user()),
        };
        if let Some(name) = &globals.act_as {
            let id = find_user_id(&context.app, name).await?;
            reads::check_all_active(&context.app, &id).await?;
            context.actor = Actor::User(id);
        }
        Ok(context)
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

    /// Refuses roles that do not exist, before the user is asked for anything.
    pub(super) async fn require_roles(&self, roles: &[RoleName]) -> Result<(), CliError> {
        let policy = self.policy().await?;
        let missing = roles
            .iter()
            .find(|role| policy.role(role.as_str()).is_none());
        match missing {
            None => Ok(()),
            Some(role) => Err(CliError::Unknown {
                kind: "role",
                name: role.to_string(),
            }),
        }
    }

    /// Adds to the error for an unknown user, role or permission the one that was probably meant.
    pub(super) async fn suggest(&self, error: CliError) -> CliError {
        let CliError::Unknown { kind, name } = &error else {
            return error;
        };
        let known = match *kind {
            "user" => self.similar_users(name).await,
            kind => self.names_in_policy(kind).await,
        };
        match nearest(name, &known) {
            Some(meant) => CliError::Refused(format!("{error}; did you mean `{meant}`?")),
            None => error,
        }
    }

    async fn names_in_policy(&self, kind: &str) -> Vec<String> {
        let Ok(policy) = self.policy().await else {
            return Vec::new();
        };
        match kind {
            "role" => policy.roles().map(|(role, _)| role.to_string()).collect(),
            "permission" => policy.permissions().map(ToString::to_string).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the names of some users, as far as the caller may read them, that share the first or the last two letters
    /// with `name`: there may be too many users to compare them all.
    async fn similar_users(&self, name: &str) -> Vec<String> {
        let letters: Vec<char> = name.to_lowercase().chars().collect();
        let first: String = letters.iter().take(2).collect();
        let last: String = letters.iter().rev().take(2).rev().collect();
        let mut names = Vec::new();
        for part in [first, last] {
            let found =
                service::list(&self.app, self.caller(), "", None, &part, SIMILAR_USERS).await;
            let found = found.unwrap_or_default().into_iter();
            names.extend(found.map(|user| user.username.clone()));
        }
        names
    }

    async fn policy(&self) -> Result<Arc<Policy>, StoreError> {
        let mut conn = self.app.store().read().await?;
        let newest = self.app.policy().newest(&mut conn).await?;
        Ok(Arc::clone(&newest.policy))
    }

    /// Returns the id of the user named `name`.
    pub(super) async fn user_id(&self, name: &str) -> Result<String, CliError> {
        find_user_id(&self.app, name).await
    }
}

impl Drop for Context {
    /// Closes the database, however the command ends: SQLite then leaves no log beside it.
    fn drop(&mut self) {
        let store = self.app.store().clone();
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(store.close());
        });
    }
}

async fn find_user_id(app: &App, name: &str) -> Result<String, CliError> {
    let found = service::find_id(app, name).await?;
    found.ok_or_else(|| CliError::Unknown {
        kind: "user",
        name: name.to_owned(),
    })
}

/// Returns the name that differs from `name` by a typing error: a third of its letters at most.
fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let at_most = name.chars().count().div_ceil(3);
    known
        .iter()
        .map(|known| (strsim::levenshtein(name, known), known.as_str()))
        .filter(|(distance, _)| *distance <= at_most)
        .min()
        .map(|(_, known)| known)
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
    fn a_name_with_a_typing_error_is_recognized() {
        let known = ["admin", "editor", "items:read", "x"].map(str::to_owned);
        assert_eq!(nearest("edtor", &known), Some("editor"));
        assert_eq!(nearest("item:reed", &known), Some("items:read"));
        assert_eq!(nearest("auditor", &known), Some("editor"));
        assert_eq!(nearest("y", &known), Some("x"));
        assert_eq!(nearest("warehouse", &known), None);
        assert_eq!(nearest("", &known), None);
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
