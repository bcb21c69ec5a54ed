//! `dev`: a server on this machine with demo users and a temporary database, to try rolecall.

mod greeting;
mod seed;

use std::{
    io::ErrorKind,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use axum::Json;
use clap::Args;
use rolecall::{Guard, GuardedRouter, Require, routing::get};
use serde::Serialize;
use tokio::net::TcpListener;

use self::{greeting::Greeting, seed::Seed};
use super::{
    context::load,
    error::CliError,
    globals::GlobalFlags,
    output::write_out,
    serve::{refuse_address, staleness, start_logging},
};
use crate::{
    api,
    bootstrap::Origin,
    config::Config,
    configured,
    demo::{self, PASSWORD},
    docs,
    embedded::Embedded,
    http::{self, CorsOrigins, LayerOptions, StopSignal},
    start::{self, Opened},
    temporary::TemporaryFolder,
};

const DEMO_USERS: [(&str, &[&str]); 2] = [
    ("admin", &["admin", "rolecall.admin"]),
    ("alice", &["user"]),
];

/// How often a port that another process has taken meanwhile is given up.
const MAX_ATTEMPTS: u32 = 50;

rolecall::roles! {
    /// The roles of the tutorial.
    mod role { Admin = "admin", User = "user" }
}

#[derive(Args)]
pub(super) struct DevOptions {
    /// Keep the database in this folder, which is created if need be; without it, the database is temporary.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Create the roles and users of this TOML file too: `[[roles]]` with `name`, `description`, `permissions` and
    /// `juniors`, `[[users]]` with `name`, `password` (default: yourpassword) and `roles`. See docs/dev.md.
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// Open the page of the account in the browser.
    #[arg(long)]
    open: bool,
    /// The loopback address to listen on; if its port is taken, the next free one is used.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

pub(super) async fn run(globals: &GlobalFlags, dev: &DevOptions) -> Result<(), CliError> {
    let folder = Folder::open(dev.keep.as_deref())?;
    let database = format!("sqlite:{}", folder.path().join("rolecall.db").display());
    let flags = [
        ("listen", dev.listen.as_deref()),
        ("database.url", Some(database.as_str())),
        // one that is configured for `serve` on PostgreSQL
        ("database.schema", Some("")),
        ("registration.mode", Some("open")),
        ("passwords.min_length", Some("8")),
    ];
    // before the configuration is checked, which would ask for TLS
    if let Some(Ok(address)) = dev.listen.as_deref().map(str::parse) {
        refuse_public(address)?;
    }
    let config = load(globals, &flags)?;
    refuse_public(config.listen)?;
    start_logging(&config)?;
    let seed = dev.seed.as_deref().map(Seed::read).transpose()?;
    let (server, listener, bound) = Box::pin(listen(&config, seed.as_ref())).await?;
    let app = server
        .with_application(demo_routes(server.guard()))
        .document(<DemoDocument as utoipa::OpenApi>::openapi())
        .routes()?
        .merge(docs::handlers::root(server.api_guard().clone()));
    let access = app.access_table();
    let app = app
        .into_axum()
        .layer(axum::middleware::from_fn(http::refuse_other_hosts));
    let layers = LayerOptions {
        cors: CorsOrigins {
            exact: config.cors.allowed_origins.clone(),
            loopback: true,
        },
        ..api::layer_options(Some(&access))
    };
    let greeting = Greeting {
        url: &server.app().settings().issuer,
        requested: config.listen,
        bound,
        database: &folder.database_everywhere(),
        kept: dev.keep.is_some(),
    };
    let stop = StopSignal::listen();
    write_out(&greeting.text())?;
    if dev.open {
        open_browser(&format!("{}/account", greeting.url));
    }
    let limits = configured::limits(&config);
    let app = server.with_error_pages(http::wrap(app, layers));
    http::serve_until_stopped(listener, app, limits, stop).await;
    server.app().store().close().await;
    Ok(())
}

/// Opens the server on the first free port, and listens.
///
/// The port is part of the tokens, but nobody may connect before there is a database to work on. Another `dev` that
/// starts at the same instant may reserve the same port meanwhile; whichever listens second takes the next one.
async fn listen(
    config: &Config,
    seed: Option<&Seed>,
) -> Result<(Embedded, TcpListener, SocketAddr), CliError> {
    let refuse = |error| refuse_address("listen", config.listen, error);
    let mut attempts = 0;
    loop {
        let reserved = http::reserve_next_free(config.listen)
            .await
            .map_err(refuse)?;
        let bound = reserved
            .local_addr()
            .map_err(CliError::io("cannot read the address of the listener"))?;
        let opened = Box::pin(open(configured::options(config, Some(bound)), seed)).await?;
        match reserved.listen() {
            Ok(listener) => {
                let server = Embedded::from_opened(opened, staleness(config))?;
                return Ok((server, listener, bound));
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse && attempts < MAX_ATTEMPTS => {
                opened.app.store().close().await;
                attempts += 1;
            }
            Err(error) => return Err(refuse(error)),
        }
    }
}

/// Opens the database, and makes what there is to try.
async fn open(mut options: start::Options, seed: Option<&Seed>) -> Result<Opened, CliError> {
    options.origin = Origin::Dev;
    let demo = DEMO_USERS.iter().map(|(name, _)| (*name).to_owned());
    let seeded = seed.into_iter().flat_map(Seed::user_names);
    options.settings.exempt_users = demo.chain(seeded).collect();
    options.settings.outgoing.add_loopback();
    let opened = start::open(options).await?;
    for (name, roles) in DEMO_USERS {
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        demo::ensure_user(&opened.app, name, PASSWORD, &roles).await?;
    }
    if let Some(seed) = seed {
        seed.create(&opened.app).await?;
    }
    demo::ensure_client(&opened.app).await?;
    start::check_registration_roles(&opened.app).await?;
    Ok(opened)
}

/// Opens a page in the browser of whoever started the program. Without a browser the address is still printed.
fn open_browser(url: &str) {
    let (program, first): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/c", "start"])
    } else {
        ("xdg-open", &[])
    };
    let mut command = std::process::Command::new(program);
    let command = command.args(first).arg(url);
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = command.spawn() {
        tracing::warn!(%error, url, "no browser could be started: open the address yourself");
    }
}

/// The document of the two routes of the tutorial.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "The tutorial's application", version = "1.0.0", description = "Two routes, and rolecall's below."),
    tags((name = "items and users", description = "The routes of the application")),
    paths(read_items, read_users)
)]
struct DemoDocument;

/// Refuses an address that other machines can reach.
fn refuse_public(address: SocketAddr) -> Result<(), CliError> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    Err(CliError::Refused(format!(
        "`dev` has users with a known password, so it only listens on a loopback address, not on {address}: use `serve`"
    )))
}

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

/// The folder of the database.
enum Folder {
    Kept(PathBuf),
    /// Removed when the process ends.
    Temporary(TemporaryFolder),
}

impl Folder {
    fn open(keep: Option<&Path>) -> Result<Self, CliError> {
        if let Some(path) = keep {
            return Ok(Self::Kept(path.to_owned()));
        }
        let created = TemporaryFolder::create("rolecall-dev-");
        created
            .map(Self::Temporary)
            .map_err(|error| CliError::Refused(error.to_string()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }

    /// Returns the URL of the database for commands in any folder.
    fn database_everywhere(&self) -> String {
        let file = self.path().join("rolecall.db");
        let file = std::path::absolute(&file).unwrap_or(file);
        format!("sqlite:{}", file.display())
    }
}
