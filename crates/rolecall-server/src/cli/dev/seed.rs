//! `--seed`: roles and users that `dev` creates beside its own. `docs/dev.md` describes the file.

use std::path::Path;

use rolecall_core::{PermissionPattern, RoleName};
use serde::Deserialize;

use crate::{
    app::App,
    cli::error::{CliError, describe},
    demo::{self, PASSWORD},
    error::ApiError,
    files,
};

/// The roles and users of a `--seed` file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seed {
    /// The name of the file, for errors.
    #[serde(skip)]
    file: String,
    #[serde(default)]
    roles: Vec<SeedRole>,
    #[serde(default)]
    users: Vec<SeedUser>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedRole {
    name: RoleName,
    #[serde(default)]
    description: String,
    #[serde(default)]
    permissions: Vec<PermissionPattern>,
    #[serde(default)]
    juniors: Vec<RoleName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedUser {
    name: String,
    #[serde(default = "demo_password")]
    password: String,
    #[serde(default)]
    roles: Vec<String>,
}

impl std::fmt::Debug for SeedUser {
    /// Leaves out the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeedUser")
            .field("name", &self.name)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

fn demo_password() -> String {
    PASSWORD.to_owned()
}

impl Seed {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let file = path.display().to_string();
        let text =
            files::read_to_string(path).map_err(CliError::io(format!("cannot read {file}")))?;
        Self::parse(file, &text)
    }

    fn parse(file: String, text: &str) -> Result<Self, CliError> {
        let seed: Self = toml::from_str(text)
            .map_err(|error| CliError::Refused(format!("{file}: {}", error.to_string().trim())))?;
        Ok(Self { file, ..seed })
    }

    /// Returns the names of the users, whose passwords follow no rules.
    pub(super) fn user_names(&self) -> impl Iterator<Item = String> {
        self.users.iter().map(|user| user.name.clone())
    }

    /// Creates the roles, then the users. A role or user that exists already is not created again; a role gets what it
    /// lacks.
    pub(super) async fn create(&self, app: &App) -> Result<(), CliError> {
        for role in &self.roles {
            let ensured = demo::ensure_role(app, &role.name, &role.description).await;
            ensured.map_err(|error| self.refuse(&role.name, &error))?;
        }
        for role in &self.roles {
            let ensured =
                demo::ensure_contents(app, &role.name, &role.permissions, &role.juniors).await;
            ensured.map_err(|error| self.refuse(&role.name, &error))?;
        }
        for user in &self.users {
            let ensured = demo::ensure_user(app, &user.name, &user.password, &user.roles).await;
            ensured.map_err(|error| CliError::Refused(format!("{}: {error}", self.file)))?;
        }
        Ok(())
    }

    fn refuse(&self, role: &RoleName, error: &ApiError) -> CliError {
        let reason = describe(error);
        CliError::Refused(format!("{}: role `{role}`: {reason}", self.file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::Embedded;

    async fn server() -> Embedded {
        Embedded::open("sqlite::memory:").await.unwrap()
    }

    async fn create(server: &Embedded, text: &str) -> Result<(), CliError> {
        let seed = Seed::parse("seed.toml".to_owned(), text)?;
        seed.create(server.app()).await
    }

    #[tokio::test]
    async fn a_seed_may_give_built_in_roles_and_creates_no_reserved_ones() {
        let server = server().await;
        let built_in = "[[roles]]\nname = \"rolecall.admin\"\n[[roles]]\nname = \"editor\"\n\
            permissions = [\"items:read\"]\n[[users]]\nname = \"root\"\n\
            password = \"a password of root\"\nroles = [\"rolecall.admin\", \"editor\"]\n";
        create(&server, built_in).await.unwrap();
        let revision = async || {
            let mut conn = server.app().store().read().await.unwrap();
            crate::store::read_head(&mut conn).await.unwrap().revision
        };
        let before = revision().await;
        for text in [
            "[[roles]]\nname = \"rolecall.anything\"\n",
            "[[users]]\nname = \"other\"\npassword = \"a password of other\"\nroles = [\"rolecall.anything\"]\n",
        ] {
            let refused = create(&server, text).await.unwrap_err().to_string();
            assert!(
                refused.contains("`rolecall.anything` is reserved"),
                "{refused}"
            );
        }
        let long = "u".repeat(501);
        let described = format!("[[roles]]\nname = \"writer\"\ndescription = \"{long}\"\n");
        let refused = create(&server, &described).await.unwrap_err().to_string();
        assert!(refused.contains("at most 500 characters"), "{refused}");
        assert_eq!(revision().await, before);
    }

    #[tokio::test]
    async fn a_fault_names_the_file_and_the_role() {
        let server = server().await;
        for (text, expected) in [
            (
                "[[roles]]\nname = \"a\"\njuniors = [\"b\"]\n",
                "seed.toml: role `a`: no role `b`",
            ),
            (
                "[[users]]\nname = \"x\"\npassword = \"\"\n",
                "seed.toml: user `x` cannot be created: ",
            ),
            ("[[users]]\nname = \"x\"\nrole = [\"a\"]\n", "seed.toml: "),
            ("[[people]]\n", "seed.toml: "),
            ("[[roles]]\nname = \"Not A Name\"\n", "seed.toml: "),
        ] {
            let refused = create(&server, text).await.unwrap_err().to_string();
            assert!(refused.starts_with(expected), "{refused}");
        }
    }

    #[tokio::test]
    async fn the_file_of_the_page_works_and_can_be_used_again() {
        let page = include_str!("../../../../../docs/dev.md");
        let (_, rest) = page.split_once("```toml\n").unwrap();
        let (text, _) = rest.split_once("```").unwrap();
        // `dev` gives its demo password, which is shorter than this server wants
        let with = "name = \"erin\"\npassword = \"a password of erin\"\n";
        let text = &text.replace("name = \"erin\"\n", with);
        let server = server().await;
        create(&server, text).await.unwrap();
        create(&server, text).await.unwrap();
        let mut conn = server.app().store().read().await.unwrap();
        let newest = server.app().policy().newest(&mut conn).await.unwrap();
        let editor = newest.policy.role("editor");
        assert!(editor.is_some());
        let seed = Seed::parse("seed.toml".to_owned(), text).unwrap();
        assert_eq!(seed.user_names().collect::<Vec<_>>(), ["erin", "frank"]);
    }
}
