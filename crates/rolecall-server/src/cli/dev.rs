//! `dev`: a server on this machine with demo users and a temporary database, to try rolecall.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use axum::Json;
use clap::Args;
use rolecall::{Guard, GuardedRouter, Require, routing::get};
use serde::Serialize;
use tokio::net::TcpListener;

use super::{
    context::load,
    error::CliError,
    globals::GlobalFlags,
    output::write_out,
    serve::{bind, staleness, start_logging},
};
use crate::{
    api,
    app::App,
    bootstrap::Origin,
    configured, demo, docs,
    embedded::Embedded,
    http::{self, CorsOrigins, LayerOptions},
    ids, start,
};

const PASSWORD: &str = "yourpassword";
const DEMO_USERS: [(&str, &[&str]); 2] = [
    ("admin", &["admin", "rolecall.admin"]),
    ("alice", &["user"]),
];
/// How many ports are tried if the requested one is taken.
const PORTS_TO_TRY: u16 = 50;

rolecall::roles! {
    /// The roles of the tutorial.
    mod role { Admin = "admin", User = "user" }
}

#[derive(Args)]
pub(super) struct DevOptions {
    /// Keep the database in this folder.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// A TOML file with more roles and users to create.
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// The address to listen on, which must be a loopback address.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

pub(super) async fn run(globals: &GlobalFlags, dev: &DevOptions) -> Result<(), CliError> {
    let folder = Folder::open(dev.keep.as_deref())?;
    let database = format!("sqlite:{}", folder.path.join("rolecall.db").display());
    let flags = [
        ("listen", dev.listen.as_deref()),
        ("database.url", Some(database.as_str())),
        // one that is configured for `serve` on PostgreSQL
        ("database.schema", Some("")),
        ("registration.mode", Some("open")),
        ("passwords.min_length", Some("8")),
    ];
    let config = load(globals, &flags)?;
    if !config.listen.ip().is_loopback() {
        return Err(CliError::Refused(format!(
            "`dev` has users with a known password, so it only listens on a loopback address, not on {}: use `serve`",
            config.listen
        )));
    }
    start_logging(&config)?;
    let seed = dev.seed.as_deref().map(Seed::read).transpose()?;
    let listener = bind_next_free(config.listen).await?;
    let bound = listener
        .local_addr()
        .map_err(CliError::io("cannot read the address of the listener"))?;
    let mut options = configured::options(&config, Some(bound));
    options.origin = Origin::Dev;
    let seeded = seed
        .iter()
        .flat_map(|seed| &seed.users)
        .map(|user| user.name.clone());
    options.settings.exempt_users = DEMO_USERS
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .chain(seeded)
        .collect();
    let opened = start::open(options).await?;
    for (name, roles) in DEMO_USERS {
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        demo::ensure_user(&opened.app, name, PASSWORD, &roles).await?;
    }
    if let Some(seed) = &seed {
        seed.create(&opened.app).await?;
    }
    start::check_registration_roles(&opened.app).await?;
    let server = Embedded::from_opened(opened, staleness(&config))?;
    let app = server
        .with_application(demo_routes(server.guard()))
        .document(<DemoDocument as utoipa::OpenApi>::openapi())
        .routes()?
        .merge(docs::handlers::root(server.api_guard().clone()))
        .into_axum()
        .layer(axum::middleware::from_fn(http::refuse_other_hosts));
    let layers = LayerOptions {
        cors: CorsOrigins {
            exact: config.cors.allowed_origins.clone(),
            loopback: true,
        },
        ..api::layer_options()
    };
    write_out(&greeting(
        &server.app().settings().issuer,
        config.listen,
        bound,
        &database,
        dev.keep.is_some(),
    ))?;
    let limits = configured::limits(&config);
    http::serve_until_signal(listener, http::wrap(app, layers), limits).await;
    server.app().store().close().await;
    Ok(())
}

/// The document of the two routes of the tutorial.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "The tutorial's application", version = "1.0.0", description = "Two routes, and rolecall's below."),
    tags((name = "items and users", description = "The routes of the application")),
    paths(read_items, read_users)
)]
struct DemoDocument;

#[derive(Serialize, utoipa::ToSchema)]
struct Item {
    #[schema(example = "Foo")]
    item_id: &'static str,
    #[schema(example = "admin")]
    owner: String,
}

#[derive(Serialize, utoipa::ToSchema)]
struct ListedUser {
    #[schema(example = "alice")]
    username: String,
}

/// Read the items, as `admin`.
#[utoipa::path(get, path = "/items/", tag = "items and users", responses(
    (status = 200, description = "The items", body = [Item])))]
async fn read_items(caller: Require<role::Admin>) -> Json<Vec<Item>> {
    let owner = caller.username().to_owned();
    Json(vec![Item {
        item_id: "Foo",
        owner,
    }])
}

/// Read the users, as `alice`.
#[utoipa::path(get, path = "/users/", tag = "items and users", responses(
    (status = 200, description = "The users", body = [ListedUser])))]
async fn read_users(caller: Require<role::User>) -> Json<Vec<ListedUser>> {
    let username = caller.username().to_owned();
    Json(vec![ListedUser { username }])
}

/// Returns the two guarded routes of the tutorial.
fn demo_routes(guard: Guard) -> GuardedRouter {
    GuardedRouter::new(guard)
        .route("/items/", get(read_items))
        .route("/users/", get(read_users))
}

/// Binds the requested port, or the next free one.
async fn bind_next_free(requested: SocketAddr) -> Result<TcpListener, CliError> {
    let last = requested.port().saturating_add(PORTS_TO_TRY);
    for port in requested.port()..last {
        if let Ok(listener) = TcpListener::bind(SocketAddr::new(requested.ip(), port)).await {
            return Ok(listener);
        }
    }
    bind(requested).await
}

/// The folder of the database; a temporary one is removed when the process ends.
struct Folder {
    path: PathBuf,
    is_temporary: bool,
}

impl Folder {
    fn open(keep: Option<&Path>) -> Result<Self, CliError> {
        if let Some(path) = keep {
            return Ok(Self {
                path: path.to_owned(),
                is_temporary: false,
            });
        }
        let name = ids::random_token(96).map_err(|error| CliError::Refused(error.to_string()))?;
        let path = std::env::temp_dir().join(format!("rolecall-dev-{name}"));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(CliError::io(format!(
            "cannot create the folder {}",
            path.display()
        )))?;
        Ok(Self {
            path,
            is_temporary: true,
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary {
            // the system removes its temporary files some day
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The roles and users of a `--seed` file.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    #[serde(default)]
    roles: Vec<SeedRole>,
    #[serde(default)]
    users: Vec<SeedUser>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedRole {
    name: rolecall_core::RoleName,
    #[serde(default)]
    description: String,
    #[serde(default)]
    permissions: Vec<rolecall_core::PermissionPattern>,
    #[serde(default)]
    juniors: Vec<rolecall_core::RoleName>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedUser {
    name: String,
    #[serde(default = "demo_password")]
    password: String,
    #[serde(default)]
    roles: Vec<String>,
}

fn demo_password() -> String {
    PASSWORD.to_owned()
}

impl Seed {
    fn read(path: &Path) -> Result<Self, CliError> {
        let text = fs::read_to_string(path)
            .map_err(CliError::io(format!("cannot read {}", path.display())))?;
        toml::from_str(&text)
            .map_err(|error| CliError::Refused(format!("{}: {error}", path.display())))
    }

    async fn create(&self, app: &App) -> Result<(), CliError> {
        for role in &self.roles {
            demo::ensure_role(app, &role.name, &role.description).await?;
        }
        for role in &self.roles {
            demo::ensure_contents(app, &role.name, &role.permissions, &role.juniors).await?;
        }
        for user in &self.users {
            demo::ensure_user(app, &user.name, &user.password, &user.roles).await?;
        }
        Ok(())
    }
}

/// Returns the text that is printed once the server is ready: its addresses, its users, and commands to paste.
fn greeting(
    url: &str,
    requested: SocketAddr,
    bound: SocketAddr,
    database: &str,
    kept: bool,
) -> String {
    let moved = if bound.port() == requested.port() {
        String::new()
    } else {
        format!(" (port {} is taken)", requested.port())
    };
    let data = if kept {
        "kept"
    } else {
        "removed at the end; use --keep DIR to keep it"
    };
    let version = env!("CARGO_PKG_VERSION");
    let log_in = format!(
        r#"curl -s -X POST {url}/token -d "grant_type=password&username=NAME&password={PASSWORD}""#
    );
    let as_admin = log_in.replace("NAME", "admin");
    let binary = std::env::current_exe()
        .map_or_else(|_| "rolecall".to_owned(), |path| path.display().to_string());
    let cut = r#"sed 's/.*"access_token":"\([^"]*\)".*/\1/'"#;
    format!(
        r#"
rolecall {version} for development, on this machine only. Stop it with Ctrl+C.

  server    {url}{moved}
  browser   {url}/docs    (press Authorize: admin, {PASSWORD})
  database  {database}    ({data})

  user      password        roles
  admin     {PASSWORD}    admin, rolecall.admin
  alice     {PASSWORD}    user

Paste these into another terminal:

  # log in, with the form of the tutorial
  {as_admin}

  # keep the token; call a route for the role admin, then one for the role user (403: admin lacks that role)
  TOKEN=$({as_admin} | {cut})
  curl -s {url}/items/ -H "Authorization: Bearer $TOKEN"
  curl -si {url}/users/ -H "Authorization: Bearer $TOKEN"

  # register a user, who gets the role user
  curl -s {url}/register -H "Content-Type: application/json" -d '{{"username":"bob","password":"correct horse battery"}}'

  # remove a role on the command line: within a second, the token that holds it is refused
  export ROLECALL_DATABASE__URL="{database}"
  {binary} unassign admin admin; sleep 1
  curl -si {url}/items/ -H "Authorization: Bearer $TOKEN"

"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_seed_may_give_built_in_roles_and_creates_no_reserved_ones() {
        let server = Embedded::open("sqlite::memory:").await.unwrap();
        let create = async |text: &str| {
            let seed: Seed = toml::from_str(text).unwrap();
            seed.create(server.app()).await
        };
        let built_in = "[[roles]]\nname = \"rolecall.admin\"\n[[roles]]\nname = \"editor\"\n\
            permissions = [\"items:read\"]\n[[users]]\nname = \"root\"\n\
            password = \"a password of root\"\nroles = [\"rolecall.admin\", \"editor\"]\n";
        create(built_in).await.unwrap();
        let revision = async || {
            let mut conn = server.app().store().read().await.unwrap();
            crate::store::read_head(&mut conn).await.unwrap().revision
        };
        let before = revision().await;
        for text in [
            "[[roles]]\nname = \"rolecall.anything\"\n",
            "[[users]]\nname = \"other\"\npassword = \"a password of other\"\nroles = [\"rolecall.anything\"]\n",
        ] {
            let refused = create(text).await.unwrap_err().to_string();
            assert!(
                refused.contains("`rolecall.anything` is reserved"),
                "{refused}"
            );
        }
        let long = "u".repeat(501);
        let described = format!("[[roles]]\nname = \"writer\"\ndescription = \"{long}\"\n");
        let refused = create(&described).await.unwrap_err().to_string();
        assert!(refused.contains("at most 500 characters"), "{refused}");
        assert_eq!(revision().await, before);
    }
}
