//! The listener of the metrics: serves `GET /metrics` only.

use std::{net::SocketAddr, sync::Arc};

use ::http::header::CONTENT_TYPE;
use axum::{Router, extract::State, middleware::from_fn, response::IntoResponse, routing::get};
use rolecall::Guard;
use tokio::net::TcpListener;

use super::{report, requests::Requests, text};
use crate::{
    app::App,
    http::{self, LayerOptions, Limits, refuse_other_hosts},
};

#[derive(Clone)]
struct Source {
    app: App,
    guard: Guard,
    requests: Arc<Requests>,
}

/// Serves the metrics until `end` resolves.
pub(crate) async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    app: App,
    guard: Guard,
    requests: Arc<Requests>,
    end: impl Future<Output = ()>,
) {
    let source = Source {
        app,
        guard,
        requests,
    };
    let routes = routes(source, address);
    let app = http::wrap(routes, LayerOptions::default());
    http::serve(listener, app, Limits::default(), end).await;
}

fn routes(source: Source, address: SocketAddr) -> Router {
    let routes = Router::new()
        .route("/metrics", get(get_metrics))
        .with_state(source);
    if address.ip().is_loopback() {
        // the name of a foreign web page can resolve to this machine (DNS rebinding)
        routes.layer(from_fn(refuse_other_hosts))
    } else {
        routes
    }
}

async fn get_metrics(State(source): State<Source>) -> impl IntoResponse {
    let text = report::write(&source.app, &source.guard, &source.requests);
    ([(CONTENT_TYPE, text::CONTENT_TYPE)], text)
}
