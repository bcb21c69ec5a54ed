use std::{io, net::SocketAddr};

use rolecall::OnStale;
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
    logging,
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
    let app = server.routes()?.into_axum();
    tracing::info!(address = %bound, issuer = %server.app().settings().issuer, "listening");
    let layers = LayerOptions {
        cors: CorsOrigins {
            exact: config.cors.allowed_origins.clone(),
            loopback: false,
        },
        trusted_proxies: config.proxy.trusted.clone(),
        ..LayerOptions::default()
    };
    http::serve_until_told(listener, http::wrap(app, layers)).await;
    server.app().store().close().await;
    tracing::info!("stopped");
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
    TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => CliError::Refused(format!(
                "{address} is taken by another program: choose another with `listen` (or --listen)"
            )),
            _ => CliError::Io {
                what: format!("cannot listen on {address}"),
                source: error,
            },
        })
}
