//! `serve`: starts the server.

use std::{io, net::SocketAddr, sync::Arc};

use axum::Router;
use clap::Args;
use rolecall::{GuardedRouter, OnStale};
use tokio::{net::TcpListener, sync::oneshot};

use super::{context::load, error::CliError, globals::GlobalFlags, starting};
use crate::{
    accounts::first_run,
    api,
    config::{self, Config},
    configured, docs,
    embedded::Embedded,
    http::{self, CorsOrigins, LayerOptions, Limits, StopSignal},
    logging, metrics,
    pages::admin::nowhere,
    start::{self, Opened, Staleness},
    stderr,
};

#[derive(Args)]
pub(super) struct ServeOptions {
    /// The address to listen on, for example 127.0.0.1:8000.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The database, for example `sqlite:rolecall-data/rolecall.db` or `postgres://...`.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The URL at which clients reach this server.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

pub(super) async fn run(globals: &GlobalFlags, flags: &ServeOptions) -> Result<(), CliError> {
    let flags = [
        ("listen", flags.listen.as_deref()),
        ("database.url", flags.database_url.as_deref()),
        ("public_url", flags.public_url.as_deref()),
    ];
    let config = load(globals, &flags)?;
    start_logging(&config)?;
    http::outlive_limit_on_size();
    config.issuer()?;
    let listener = bind(config.listen).await?;
    let metrics = match config.metrics.listen {
        Some(address) => Some(bind_for("metrics.listen", address).await?),
        None => None,
    };
    let bound = listener
        .local_addr()
        .map_err(CliError::io("cannot read the address of the listener"))?;
    config.issuer_at(bound)?;
    let opening = start::open(configured::options(&config, Some(bound)));
    // boxed, since it is large
    let (listener, opened) = starting::answering(listener, starting::PATIENCE, Box::pin(opening))
        .await
        .map_err(CliError::io("cannot use the listener"))?;
    let opened = opened?;
    let store = opened.app.store().clone();
    let served = serve(opened, &config, listener, metrics).await;
    store.close().await;
    served?;
    tracing::info!("stopped");
    Ok(())
}

async fn serve(
    opened: Opened,
    config: &Config,
    listener: TcpListener,
    metrics: Option<TcpListener>,
) -> Result<(), CliError> {
    start::check_registration_roles(&opened.app).await?;
    let first_code = first_run::offer(&opened.app).await?;
    if first_code.is_some() {
        tracing::warn!(
            "there is no administrator yet: create one with \
             `rolecall user add NAME --role rolecall.admin`, or on the page /admin/setup"
        );
    }
    let server = Embedded::from_opened(opened, staleness(config))?;
    let routes = docs::handlers::root(server.api_guard().clone()).merge(server.routes()?);
    let bound = listener
        .local_addr()
        .map_err(CliError::io("cannot read the address of the listener"))?;
    let stop = StopSignal::listen();
    tracing::info!(address = %bound, issuer = %server.app().settings().issuer, "listening");
    if let Some(code) = first_code {
        let url = server.app().settings().public_url.as_str();
        // not by the log, which is kept and read by others
        stderr::print_line(format_args!(
            "Create the first administrator at {url}/admin/setup with this one-time code, which works until the next start:\n\n    {code}\n"
        ));
    }
    let layers = LayerOptions {
        cors: CorsOrigins {
            exact: config.cors.allowed_origins.clone(),
            loopback: false,
        },
        trusted_proxies: config.proxy.trusted.clone(),
        ..api::layer_options(Some(&routes.access_table()))
    };
    let limits = configured::limits(config);
    match metrics {
        None => {
            let app = with_pages(&server, http::wrap(routes.into_axum(), layers));
            http::serve_until_stopped(listener, app, limits, stop).await;
        }
        Some(metrics) => {
            let listeners = (listener, metrics);
            serve_with_metrics(&server, listeners, routes, layers, (limits, stop)).await?;
        }
    }
    server.finish_mails().await;
    Ok(())
}

/// Shows browsers pages for errors below `/admin`. Behind a proxy, requests lack the prefix of the public URL.
fn with_pages(server: &Embedded, app: Router) -> Router {
    nowhere::answer_with_pages(app, server.app(), server.api_guard(), "")
}

/// Serves the API, and its metrics on a listener of their own.
async fn serve_with_metrics(
    server: &Embedded,
    (listener, metrics): (TcpListener, TcpListener),
    routes: GuardedRouter,
    layers: LayerOptions,
    (limits, stop): (Limits, StopSignal),
) -> Result<(), CliError> {
    let access = routes.access_table();
    let paths = access.iter().map(|route| route.path.as_str());
    let requests = Arc::new(metrics::requests::Requests::for_routes(paths));
    let app = with_pages(server, http::wrap(routes.into_axum(), layers));
    let app = metrics::requests::count_requests(app, Arc::clone(&requests));
    let address = metrics
        .local_addr()
        .map_err(CliError::io("cannot read the address of the listener"))?;
    tracing::info!(%address, "metrics at /metrics, without authentication");
    let guard = server.api_guard().clone();
    let app_of_metrics = server.app().clone();
    let (serving, ended) = oneshot::channel::<()>();
    // until the API has answered its last request
    let end = async { drop(ended.await) };
    let metrics = metrics::listener::serve(metrics, address, app_of_metrics, guard, requests, end);
    let api = async {
        http::serve_until_stopped(listener, app, limits, stop).await;
        drop(serving);
    };
    tokio::join!(api, metrics);
    Ok(())
}

pub(super) fn start_logging(config: &Config) -> Result<(), CliError> {
    logging::init(&config.log).map_err(|error| CliError::Refused(error.to_string()))?;
    if !config.passed_over.is_empty() {
        tracing::info!(
            variables = config.passed_over.join(" "),
            "ignored environment variables that a cluster sets for a service called rolecall"
        );
    }
    Ok(())
}

pub(super) fn staleness(config: &Config) -> Staleness {
    let on_stale = match config.guard.on_stale {
        config::OnStale::Refuse => OnStale::Refuse,
        config::OnStale::Accept => {
            tracing::warn!(
                "`guard.on_stale = \"accept\"`: while the database cannot be reached, revoked access may still work"
            );
            OnStale::Accept
        }
    };
    Staleness {
        max: config.guard.max_staleness,
        on_stale,
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, CliError> {
    bind_for("listen", address).await
}

/// Binds the address of configuration key `key`; an error names the key.
async fn bind_for(key: &str, address: SocketAddr) -> Result<TcpListener, CliError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| refuse_address(key, address, error))
}

/// Returns the error for an address on which the program cannot listen; it names the configuration key.
pub(super) fn refuse_address(key: &str, address: SocketAddr, error: io::Error) -> CliError {
    if error.kind() != io::ErrorKind::AddrInUse {
        return CliError::Io {
            context: format!("cannot listen on {address}"),
            source: error,
        };
    }
    let flag = if key == "listen" {
        " (or --listen)"
    } else {
        ""
    };
    CliError::Refused(format!(
        "{address} is used by another program: choose another address with `{key}`{flag}"
    ))
}
