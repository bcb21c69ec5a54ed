use std::{io, net::SocketAddr, sync::Arc};

use rolecall::{GuardedRouter, OnStale};
use tokio::net::TcpListener;

use super::{
    CliError,
    arguments::{Arguments, ServeOptions},
    context::{load, options},
};
use crate::{
    config::{self, Config},
    embedded::Embedded,
    http::{self, CorsOrigins, LayerOptions},
    logging, metrics,
    roles::assignments,
    start::{self, Staleness},
};

pub(super) async fn run(arguments: &Arguments, flags: &ServeOptions) -> Result<(), CliError> {
    let flags = [
        ("listen", flags.listen.as_deref()),
        ("database.url", flags.database_url.as_deref()),
        ("public_url", flags.public_url.as_deref()),
    ];
    let config = load(arguments, &flags)?;
    start_logging(&config)?;
    config.issuer()?;
    let listener = bind(config.listen).await?;
    let metrics = match config.metrics.listen {
        Some(address) => Some(bind_for("metrics.listen", address).await?),
        None => None,
    };
    let bound = listener.local_addr().map_err(CliError::io("no address"))?;
    config.issuer_at(bound)?;
    let opened = start::open(options(&config, Some(bound))).await?;
    start::check_registration_roles(&opened.app).await?;
    if assignments::count_admins(&opened.app).await? == 0 {
        tracing::warn!(
            "nobody can administer the accounts yet: make an administrator with \
             `rolecall user add NAME --role rolecall.admin`"
        );
    }
    let server = Embedded::from_opened(opened, staleness(&config))?;
    let routes = server.routes()?;
    tracing::info!(address = %bound, issuer = %server.app().settings().issuer, "listening");
    let layers = LayerOptions {
        cors: CorsOrigins {
            exact: config.cors.allowed_origins.clone(),
            loopback: false,
        },
        trusted_proxies: config.proxy.trusted.clone(),
        ..LayerOptions::default()
    };
    match metrics {
        None => http::serve_until_signal(listener, http::wrap(routes.into_axum(), layers)).await,
        Some(metrics) => serve_counted(&server, listener, routes, layers, metrics).await?,
    }
    server.app().store().close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Serves the API and, beside it, what is counted of it.
async fn serve_counted(
    server: &Embedded,
    listener: TcpListener,
    routes: GuardedRouter,
    layers: LayerOptions,
    metrics: TcpListener,
) -> Result<(), CliError> {
    let access = routes.access_table();
    let paths = access.iter().map(|route| route.path.as_str());
    let requests = Arc::new(metrics::Requests::of_routes(paths));
    let app = http::wrap(routes.into_axum(), layers);
    let app = metrics::counted(app, Arc::clone(&requests));
    let address = metrics.local_addr().map_err(CliError::io("no address"))?;
    tracing::info!(%address, "metrics at /metrics, for everybody who reaches this address");
    let guard = server.api_guard().clone();
    let told = metrics::serve(metrics, address, server.app().clone(), guard, requests);
    tokio::join!(http::serve_until_signal(listener, app), told);
    Ok(())
}

pub(super) fn start_logging(config: &Config) -> Result<(), CliError> {
    logging::init(&config.log).map_err(|error| CliError::Refused(error.to_string()))
}

pub(super) fn staleness(config: &Config) -> Staleness {
    let on_stale = match config.guard.on_stale {
        config::OnStale::Refuse => OnStale::Refuse,
        config::OnStale::Accept => {
            tracing::warn!(
                "`guard.on_stale = \"accept\"`: while the database cannot be reached, what was taken away may still be used"
            );
            OnStale::Accept
        }
    };
    Staleness {
        max: config.guard.max_staleness,
        on_stale,
    }
}

pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, CliError> {
    bind_for("listen", address).await
}

/// Binds what `key` of the configuration says.
async fn bind_for(key: &str, address: SocketAddr) -> Result<TcpListener, CliError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => CliError::Refused(format!(
                "{address} is taken by another program: choose another with `{key}`{}",
                if key == "listen" {
                    " (or --listen)"
                } else {
                    ""
                }
            )),
            _ => CliError::Io {
                what: format!("cannot listen on {address}"),
                source: error,
            },
        })
}
