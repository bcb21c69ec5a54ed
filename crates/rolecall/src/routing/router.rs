use std::{convert::Infallible, sync::Arc};

use axum::{extract::Request, response::IntoResponse, routing::Route};
use http::{Method, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    enforce::{EnforceLayer, Gate},
    methods::{GuardedMethods, MethodRule},
};
use crate::{Guard, Problem, Rule, extract::TENANT};

/// A router on which a handler without an access rule does not compile.
///
/// It keeps its routes itself, with the rule of each method, and enforces the rule before the handler
/// and before every layer added here. What the types promise ends with [`into_axum`](Self::into_axum):
/// from there on it is an ordinary [`axum::Router`], to which anything can be added.
///
/// - `HEAD` follows the rule of `GET`. `OPTIONS`, `TRACE` and methods without a handler are 405, and paths
///   that are not here 404. A layer around the `axum::Router` answers CORS preflights.
/// - A handler sees the whole path, also under [`nest`](Self::nest).
///
/// ```
/// use rolecall::{Guard, GuardedRouter, Public, Require, routing::get, token::Algorithm};
///
/// rolecall::roles! { mod role { Admin = "admin" } }
///
/// async fn read_items(caller: Require<role::Admin>) -> String {
///     caller.username().to_owned()
/// }
/// async fn health(_: Public) {}
///
/// let guard = Guard::builder()
///     .secret(Algorithm::Hs256, b"at least 32 bytes from a safe place")
///     .issuer("https://login.example")
///     .audience("https://items.example")
///     .build()?;
/// let app: axum::Router = GuardedRouter::new(guard)
///     .route("/items/", get(read_items))
///     .route("/health", get(health))
///     .into_axum();
/// # Ok::<(), rolecall::GuardError>(())
/// ```
#[must_use]
#[derive(Clone)]
pub struct GuardedRouter<S = ()> {
    guard: Guard,
    routes: Vec<Guarded<S>>,
    open: Vec<Open>,
}

/// A path whose methods a guard watches.
#[derive(Clone)]
struct Guarded<S> {
    guard: Guard,
    path: String,
    methods: GuardedMethods<S>,
}

/// Routes that nobody guards.
#[derive(Clone)]
struct Open {
    name: String,
    prefix: String,
    router: axum::Router,
}

/// One method of one route, and who may call it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouteAccess {
    /// The path as it was mounted, prefixes included, or the prefix of what `merge_public` added.
    pub path: String,
    /// The method; `None` for what `merge_public` added: its routes are not known.
    pub method: Option<Method>,
    /// Who may call it.
    pub rule: Rule,
    /// The name of the handler's type, or the name given to `merge_public`.
    pub handler: String,
}

impl<S: Clone + Send + Sync + 'static> GuardedRouter<S> {
    /// An empty router whose routes `guard` watches.
    pub fn new(guard: Guard) -> Self {
        Self {
            guard,
            routes: Vec::new(),
            open: Vec::new(),
        }
    }

    /// The guard.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Adds a route; a second call with the same path adds methods to it.
    ///
    /// Paths are written as for axum: `/items/{id}`, `/files/{*path}`.
    ///
    /// # Panics
    ///
    /// If the path does not begin with `/`, or one of the methods has a handler already.
    #[track_caller]
    pub fn route(mut self, path: &str, methods: GuardedMethods<S>) -> Self {
        assert!(
            path.starts_with('/'),
            "the path of a route begins with `/`: `{path}`"
        );
        let guard = self.guard.clone();
        let path = path.to_owned();
        self.add(Guarded {
            guard,
            path,
            methods,
        });
        self
    }

    #[track_caller]
    fn add(&mut self, new: Guarded<S>) {
        let known = self.routes.iter_mut().find(|known| known.path == new.path);
        let Some(known) = known else {
            self.routes.push(new);
            return;
        };
        assert!(
            known.guard.is_same_as(&new.guard),
            "the methods of one path have different guards: `{}`",
            new.path
        );
        known.methods = known.methods.clone().join(new.methods, &new.path);
    }

    /// Adds the routes of `other` under `prefix`; they keep the guard that they were made with.
    ///
    /// A route `/` of `other` is then the prefix itself, as in axum.
    ///
    /// # Panics
    ///
    /// If the prefix is empty, `/`, does not begin with `/` or holds a wildcard, or a method of a path
    /// then has two handlers.
    #[track_caller]
    pub fn nest(mut self, prefix: &str, other: Self) -> Self {
        assert!(
            prefix.len() > 1 && prefix.starts_with('/') && !prefix.contains("{*"),
            "the prefix begins with `/`, is not `/` itself (use `merge`) and has no wildcard: `{prefix}`"
        );
        for route in other.routes {
            let path = join_paths(prefix, &route.path);
            self.add(Guarded { path, ..route });
        }
        self.open.extend(other.open.into_iter().map(|open| Open {
            prefix: join_paths(prefix, &open.prefix),
            router: axum::Router::new().nest(prefix, open.router),
            ..open
        }));
        self
    }

    /// Adds the routes of `other`; they keep the guard that they were made with.
    ///
    /// # Panics
    ///
    /// If a method of a path then has two handlers.
    #[track_caller]
    pub fn merge(mut self, other: Self) -> Self {
        for route in other.routes {
            self.add(route);
        }
        self.open.extend(other.open);
        self
    }

    /// Adds a plain router **whose routes nobody guards**; the access matrix shows it by `name`.
    ///
    /// A guarded route always wins over one of these whose path matches too, whatever its methods. A
    /// fallback of `router` is dropped: unknown paths stay 404.
    pub fn merge_public(mut self, name: &str, router: axum::Router) -> Self {
        self.open.push(Open {
            name: name.to_owned(),
            prefix: "/".to_owned(),
            router: router.reset_fallback(),
        });
        self
    }

    /// Wraps the routes that are there already; the layer runs only for callers whom the rule lets in.
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        let routes = self.routes.into_iter().map(|route| Guarded {
            methods: route.methods.layer(layer.clone()),
            ..route
        });
        let open = self.open.into_iter().map(|open| Open {
            router: open.router.layer(layer.clone()),
            ..open
        });
        Self {
            guard: self.guard,
            routes: routes.collect(),
            open: open.collect(),
        }
    }

    /// Gives the handlers their state.
    pub fn with_state<S2>(self, state: S) -> GuardedRouter<S2> {
        let routes = self.routes.into_iter().map(|route| Guarded {
            guard: route.guard,
            path: route.path,
            methods: route.methods.with_state(state.clone()),
        });
        GuardedRouter {
            guard: self.guard,
            routes: routes.collect(),
            open: self.open,
        }
    }

    /// Who may call what, in the order in which the routes were added; what nobody guards comes last.
    #[must_use]
    pub fn access_table(&self) -> Vec<RouteAccess> {
        let guarded = self.routes.iter().flat_map(Guarded::access);
        let open = self.open.iter().map(|open| RouteAccess {
            path: open.prefix.clone(),
            method: None,
            rule: Rule::Public,
            handler: open.name.clone(),
        });
        guarded.chain(open).collect()
    }

    /// An ordinary router whose routes are guarded; what is added to it from here on is not.
    ///
    /// It answers unknown paths itself; to merge it into one that has a fallback of its own, take that
    /// away with [`axum::Router::reset_fallback`] first.
    ///
    /// # Panics
    ///
    /// If two paths conflict, as in axum: `/items/{id}` and `/items/{name}`. And if a handler takes
    /// [`ForTenant`](crate::ForTenant) on a path that does not name one tenant, in a whole segment `{tenant}`.
    #[track_caller]
    pub fn into_axum(self) -> axum::Router<S> {
        let mut app = axum::Router::new();
        for route in self.routes {
            route.demand_tenant();
            let gate = Gate::new(route.guard, &route.path, route.methods.rules, false);
            let guarded = route.methods.handlers.layer(EnforceLayer(Arc::new(gate)));
            app = app.route(&route.path, guarded);
        }
        if self.open.is_empty() {
            return app.fallback(not_found);
        }
        // as the fallback, a public router can neither replace a guarded route nor add methods to it
        let open = self.open.into_iter().map(|open| open.router);
        let open = open.fold(axum::Router::new(), axum::Router::merge);
        app.fallback_service(open.fallback(not_found))
    }
}

impl<S> Guarded<S> {
    /// Prefixes are part of the path only now: what a router is nested under may name the tenant.
    #[track_caller]
    fn demand_tenant(&self) {
        let asks = |known: &&MethodRule| known.rule.asks_for_tenant();
        let Some(known) = self.methods.rules.iter().find(asks) else {
            return;
        };
        let wanted = format!("{{{TENANT}}}");
        let segments = self.path.split('/').filter(|segment| *segment == wanted);
        assert!(
            segments.count() == 1,
            "`{} {}` asks for the path's tenant, and the path does not name one: it needs a segment `{wanted}`",
            known.method,
            self.path
        );
    }

    fn access(&self) -> impl Iterator<Item = RouteAccess> {
        self.methods.rules.iter().map(|known| RouteAccess {
            path: self.path.clone(),
            method: Some(known.method.clone()),
            rule: known.rule,
            handler: known.handler.to_owned(),
        })
    }
}

#[cfg(feature = "testing")]
impl<S: Clone + Send + Sync + 'static> GuardedRouter<S> {
    /// The same paths, methods and gates, but nothing behind them: a caller who is let in gets 204.
    pub(crate) fn probe(&self) -> axum::Router {
        let mut app = axum::Router::new();
        for route in &self.routes {
            route.demand_tenant();
            let rules = route.methods.rules.clone();
            let gate = Gate::new(route.guard.clone(), &route.path, rules, true);
            let nothing = axum::routing::any(not_found);
            app = app.route(&route.path, nothing.layer(EnforceLayer(Arc::new(gate))));
        }
        app.fallback(not_found)
    }
}

async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "Not Found")
}

/// As axum joins them.
fn join_paths(prefix: &str, path: &str) -> String {
    if prefix.ends_with('/') {
        format!("{prefix}{}", path.trim_start_matches('/'))
    } else if path == "/" {
        prefix.to_owned()
    } else {
        format!("{prefix}{path}")
    }
}
