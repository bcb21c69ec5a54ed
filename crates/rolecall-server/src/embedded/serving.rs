//! Serving an application as the program does.

use std::time::Duration;

use axum::Router;
use ipnet::IpNet;
use rolecall::{GuardedRouter, RouteAccess};
use tokio::net::TcpListener;

use super::listening::ServeError;
use crate::{
    api,
    http::{self, LayerOptions, Limits},
};

/// Serves an application on `address` until the process is asked to stop: with timeouts, limits on connections, request
/// ids, a log line for each request, security headers and a graceful shutdown. [`Server`] has options.
///
/// # Errors
///
/// [`ServeError`] if it cannot listen on the address.
pub async fn serve(address: &str, app: impl Servable) -> Result<(), ServeError> {
    Server::new(app).serve(address).await
}

/// An application that [`serve`] and [`Server`] take: an [`axum::Router`] or a [`GuardedRouter`], whose handlers have
/// their state.
///
/// ```compile_fail
/// # async fn run() -> Result<(), rolecall_server::ServeError> {
/// let app: axum::Router<String> = axum::Router::new();
/// rolecall_server::serve("127.0.0.1:8000", app).await // the state is missing
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "the handlers of this application have no state yet",
    label = "not ready to be served",
    note = "call `.with_state(state)` on the router before it is served"
)]
pub trait Servable: sealed::Sealed {
    #[doc(hidden)]
    fn into_router(self) -> Router;

    /// The routes, if they are known.
    #[doc(hidden)]
    fn known_routes(&self) -> Option<Vec<RouteAccess>>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for axum::Router {}
    impl Sealed for rolecall::GuardedRouter {}
}

impl Servable for Router {
    fn into_router(self) -> Router {
        self
    }

    fn known_routes(&self) -> Option<Vec<RouteAccess>> {
        None
    }
}

impl Servable for GuardedRouter {
    fn into_router(self) -> Router {
        self.into_axum()
    }

    fn known_routes(&self) -> Option<Vec<RouteAccess>> {
        Some(self.access_table())
    }
}

/// A server for an application, with the protection of the program.
///
/// It answers HTTP/1.1, with `WebSocket`s. What the application sets itself stays as it is: its limits on bodies, its
/// security headers, its error answers.
///
/// ```no_run
/// use std::time::Duration;
/// use rolecall_server::Server;
///
/// # async fn run(app: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
/// Server::new(app)
///     .trusted_proxy("10.0.0.0/8".parse()?)
///     .drain_delay(Duration::from_secs(5))
///     .serve("0.0.0.0:8000")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Server {
    app: Router,
    layers: LayerOptions,
    limits: Limits,
}

impl Server {
    /// Creates a server with the default options.
    pub fn new(app: impl Servable) -> Self {
        let routes = app.known_routes();
        Self {
            app: app.into_router(),
            layers: LayerOptions {
                application: true,
                // each route has the limit of its extractors, which the application can change
                max_body_bytes: usize::MAX,
                ..api::layer_options(routes.as_deref())
            },
            limits: Limits::default(),
        }
    }

    /// Refuses longer bodies on every route, in bytes. By default each route has the limit of axum's extractors: 2 MB,
    /// or what a `DefaultBodyLimit` layer says. rolecall's own routes have 64 KiB.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.layers.max_body_bytes = bytes;
        self
    }

    /// Sets the time from the head of a request to the head of its answer: 30 s by default, and a second more for each
    /// 64 KiB of the body that have arrived.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.limits.request = timeout;
        self
    }

    /// Sets the most simultaneous connections: 10,000 by default, each `WebSocket` included. One address may have a tenth of
    /// them, unless it is a trusted proxy.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.limits.connections = connections.max(1);
        self.limits.per_client = (connections / 10).max(1);
        self
    }

    /// Believes the `X-Forwarded-For` header of proxies in this network. Without it, the client of a request is the peer
    /// of the connection, so that behind a proxy all clients would share one limit on guesses.
    pub fn trusted_proxy(mut self, network: IpNet) -> Self {
        self.layers.trusted_proxies.push(network);
        self.limits.proxies.push(network);
        self
    }

    /// Lets pages of this origin call the application (CORS), for example `https://app.example.com`.
    pub fn allowed_origin(mut self, origin: &str) -> Self {
        self.layers.cors.exact.push(origin.to_owned());
        self
    }

    /// Sets the time after the signal to stop in which connections are still accepted while `/health/ready` answers 503,
    /// so that load balancers notice: none by default.
    pub fn drain_delay(mut self, delay: Duration) -> Self {
        self.limits.drain = delay;
        self
    }

    /// Serves until the process gets SIGINT, SIGTERM or SIGHUP. Requests in progress have ten seconds to finish.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if it cannot listen on the address.
    pub async fn serve(self, address: &str) -> Result<(), ServeError> {
        let bound = TcpListener::bind(address).await;
        let listener = bound.map_err(|source| ServeError::new(address, source))?;
        self.serve_on(listener).await;
        Ok(())
    }

    /// Serves on a listener until the process gets one of these signals.
    pub async fn serve_on(self, listener: TcpListener) {
        let app = http::wrap(self.app, self.layers);
        http::serve_until_signal(listener, app, self.limits).await;
    }

    /// Serves on a listener until `shutdown` resolves, for tests and for programs with signals of their own.
    pub async fn serve_until(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let app = http::wrap(self.app, self.layers);
        http::serve(listener, app, self.limits, shutdown).await;
    }
}

#[cfg(test)]
mod tests {
    use ::http::{
        Request,
        header::{ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN},
    };
    use axum::body::Body;
    use tower::ServiceExt as _;

    use super::*;
    use crate::Embedded;

    const APP: &str = "https://app.example";

    #[tokio::test]
    async fn y370_pages_below_a_prefix_answer_no_preflight() {
        let login = Embedded::open("sqlite::memory:").await.unwrap();
        let routes = GuardedRouter::new(login.guard()).nest("/auth", login.routes().unwrap());
        let server = Server::new(routes).allowed_origin(APP);
        let app = http::wrap(server.app, server.layers);
        let preflight = async |path: &str| {
            let request = Request::options(path)
                .header(ORIGIN, APP)
                .header(ACCESS_CONTROL_REQUEST_METHOD, "POST")
                .body(Body::empty())
                .unwrap();
            let answer = app.clone().oneshot(request).await.unwrap();
            let allowed = answer.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN);
            (answer.status().as_u16(), allowed)
        };
        for page in [
            "/auth/authorize",
            "/auth/login",
            "/auth/consent",
            "/auth/account/end",
            "/auth/logout",
            "/auth/admin",
            "/auth/admin/users/0197/delete",
        ] {
            assert_eq!(preflight(page).await, (405, false), "{page}");
        }
        // without a prefix, they are known of a plain router too
        let plain = Server::new(login.routes::<()>().unwrap().into_axum());
        let mut known = Server::new(login.routes::<()>().unwrap()).layers.pages;
        // one stands for all pages below it
        known.retain(|page| page == "/admin/" || !page.starts_with("/admin/"));
        known.sort();
        known.dedup();
        let mut pages = plain.layers.pages;
        pages.sort();
        assert_eq!(known, pages);
        // what has the same end may be the application's
        for path in ["/auth/token", "/auth/api/me", "/account", "/x/auth/account"] {
            assert_eq!(preflight(path).await, (204, true), "{path}");
        }
    }
}
