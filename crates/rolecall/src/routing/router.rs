mod clash;
mod on_denied;

use std::{convert::Infallible, sync::Arc};

use axum::{extract::Request, response::IntoResponse, routing::Route};
use http::StatusCode;
use tower_layer::Layer;
use tower_service::Service;

use self::clash::Routed;
use super::{
    access::{RouteAccess, is_same_shape},
    denied::DenialFormat,
    enforce::{EnforceLayer, Gate},
    methods::{GuardedMethods, MethodRule},
    refused::{GuardedFallback, GuardedHandlers, GuardedRoutes, GuardedService, sealed},
};
use crate::{Guard, Problem, Rule, extract::TENANT};

/// A router on which a handler without an access rule does not compile.
///
/// It keeps the rule of each route and method, and enforces it before the handler and before every layer that is added
/// here. The guarantee ends with [`into_axum`](Self::into_axum), which returns an ordinary [`axum::Router`] to which
/// anything can be added.
///
/// - `HEAD` has the rule of `GET`. `OPTIONS`, `TRACE` and methods without a handler get 405, unknown paths 404. Answer
///   CORS preflights with a layer around the `axum::Router`.
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
    routes: Vec<GuardedRoute<S>>,
    public: Vec<PublicRoutes>,
}

/// A path and its guarded methods.
#[derive(Clone)]
struct GuardedRoute<S> {
    guard: Guard,
    path: String,
    methods: GuardedMethods<S>,
    denials: Option<DenialFormat>,
}

/// A plain router that was added with `merge_public`.
#[derive(Clone)]
struct PublicRoutes {
    name: String,
    prefix: String,
    router: axum::Router,
}

impl<S: Clone + Send + Sync + 'static> GuardedRouter<S> {
    /// Creates a router without routes; `guard` guards the routes that are added to it.
    pub fn new(guard: Guard) -> Self {
        Self {
            guard,
            routes: Vec::new(),
            public: Vec::new(),
        }
    }

    /// Returns the guard.
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
    /// If the path does not begin with `/`, one of the methods already has a handler, or another path differs only in
    /// the names of its parameters, as `/items/{id}` and `/items/{name}` do.
    #[track_caller]
    pub fn route(mut self, path: &str, methods: impl GuardedHandlers<GuardedMethods<S>>) -> Self {
        assert!(
            path.starts_with('/'),
            "the path of a route must begin with `/`: `{path}`"
        );
        let route = GuardedRoute {
            guard: self.guard.clone(),
            path: path.to_owned(),
            methods: methods.into_guarded(),
            denials: None,
        };
        self.add(route);
        self
    }

    #[track_caller]
    fn add(&mut self, new: GuardedRoute<S>) {
        let mut routes = self.routes.iter_mut();
        let known = routes.find(|known| is_same_shape(&known.path, &new.path));
        let Some(known) = known else {
            self.routes.push(new);
            return;
        };
        let has_same_guard = known.guard.is_same_as(&new.guard);
        clash::refuse(&known.routed(), &new.routed(), has_same_guard);
        known.methods = known.methods.clone().join(new.methods, &new.path);
        known.denials = known.denials.take().or(new.denials);
    }

    /// Adds the routes of `other` under `prefix`. They keep their guard.
    ///
    /// The route `/` of `other` becomes the prefix itself, as in axum.
    ///
    /// # Panics
    ///
    /// If the prefix is empty or `/`, does not begin with `/` or contains a wildcard, or if a method of a path would
    /// have two handlers.
    #[track_caller]
    pub fn nest(mut self, prefix: &str, other: impl GuardedRoutes<Self>) -> Self {
        assert!(
            prefix.len() > 1 && prefix.starts_with('/') && !prefix.contains("{*"),
            "the prefix must begin with `/`, not be `/` itself (use `merge`) and have no wildcard: `{prefix}`"
        );
        let other = other.into_guarded();
        for route in other.routes {
            let path = join_paths(prefix, &route.path);
            self.add(GuardedRoute { path, ..route });
        }
        let public = other.public.into_iter().map(|public| PublicRoutes {
            prefix: join_paths(prefix, &public.prefix),
            router: axum::Router::new().nest(prefix, public.router),
            ..public
        });
        self.public.extend(public);
        self
    }

    /// Adds the routes of `other`. They keep their guard.
    ///
    /// # Panics
    ///
    /// If a method of a path would have two handlers.
    #[track_caller]
    pub fn merge(mut self, other: impl GuardedRoutes<Self>) -> Self {
        let other = other.into_guarded();
        for route in other.routes {
            self.add(route);
        }
        self.public.extend(other.public);
        self
    }

    /// Adds a plain router **whose routes are not guarded**. The access matrix shows it as `name`.
    ///
    /// If a path matches both a guarded and a public route, the guarded one is used, whatever its methods. A fallback
    /// of `router` is removed, so that unknown paths get 404.
    pub fn merge_public(mut self, name: &str, router: axum::Router) -> Self {
        self.public.push(PublicRoutes {
            name: name.to_owned(),
            prefix: "/".to_owned(),
            router: router.reset_fallback(),
        });
        self
    }

    /// Adds a layer to the routes that were added before. It runs only for callers who are admitted.
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        let routes = self.routes.into_iter().map(|route| GuardedRoute {
            methods: route.methods.layer(layer.clone()),
            ..route
        });
        let public = self.public.into_iter().map(|public| PublicRoutes {
            router: public.router.layer(layer.clone()),
            ..public
        });
        Self {
            guard: self.guard,
            routes: routes.collect(),
            public: public.collect(),
        }
    }

    /// Sets the state of the handlers.
    pub fn with_state<S2>(self, state: S) -> GuardedRouter<S2> {
        let routes = self.routes.into_iter().map(|route| GuardedRoute {
            guard: route.guard,
            path: route.path,
            methods: route.methods.with_state(state.clone()),
            denials: route.denials,
        });
        GuardedRouter {
            guard: self.guard,
            routes: routes.collect(),
            public: self.public,
        }
    }

    /// Returns the access rule of every route and method, in the order in which they were added, public routers last.
    #[must_use]
    pub fn access_table(&self) -> Vec<RouteAccess> {
        let guarded = self.routes.iter().flat_map(GuardedRoute::access);
        let public = self.public.iter().map(|public| RouteAccess {
            path: public.prefix.clone(),
            method: None,
            rule: Rule::Public,
            handler: public.name.clone(),
        });
        guarded.chain(public).collect()
    }

    /// Returns every guarded rule with the guard that enforces it.
    pub(super) fn guarded_rules(&self) -> impl Iterator<Item = (&Guard, Rule)> {
        self.routes.iter().flat_map(|route| {
            let rules = route.methods.rules.iter();
            rules.map(|known| (&route.guard, known.rule))
        })
    }

    /// Converts this to an ordinary router whose routes are guarded. Routes that are added to it later are not.
    ///
    /// Logs one warning that names the [`unheld_names`](Self::unheld_names), if there are any.
    ///
    /// The router has a fallback for unknown paths. To merge it into a router with a fallback of its own, remove that
    /// fallback first with [`axum::Router::reset_fallback`].
    ///
    /// # Panics
    ///
    /// If two paths conflict, or if a handler takes [`ForTenant`](crate::ForTenant) and its path does not have exactly one segment `{tenant}`.
    #[track_caller]
    pub fn into_axum(self) -> axum::Router<S> {
        let unheld = self.unheld_names();
        if !unheld.is_empty() {
            tracing::warn!(
                names = unheld.join(" "),
                "routes require roles or permissions that nobody can hold: add them to the policy"
            );
        }
        let mut app = axum::Router::new();
        for route in self.routes {
            route.require_tenant_segment();
            let gate = Gate::new(route.guard, &route.path, route.methods.rules, false)
                .with_denials(route.denials.unwrap_or_default());
            let guarded = route.methods.handlers.layer(EnforceLayer(Arc::new(gate)));
            app = app.route(&route.path, guarded);
        }
        if self.public.is_empty() {
            return app.fallback(not_found);
        }
        // as the fallback, a public router can neither replace a guarded route nor add methods to it
        let public = self.public.into_iter().map(|public| public.router);
        let public = public.fold(axum::Router::new(), axum::Router::merge);
        app.fallback_service(public.fallback(not_found))
    }
}

impl<S> sealed::Sealed for GuardedRouter<S> {}
impl<S> GuardedRoutes<Self> for GuardedRouter<S> {
    fn into_guarded(self) -> Self {
        self
    }
}

/// Methods of axum's router that cannot be guarded: the compiler says what to write instead.
#[doc(hidden)]
impl<S> GuardedRouter<S> {
    pub fn fallback<H: GuardedFallback>(self, handler: H) -> Self {
        handler.refuse()
    }

    pub fn fallback_service<H: GuardedFallback>(self, service: H) -> Self {
        service.refuse()
    }

    pub fn method_not_allowed_fallback<H: GuardedFallback>(self, handler: H) -> Self {
        handler.refuse()
    }

    pub fn route_service<H: GuardedService>(self, _: &str, service: H) -> Self {
        service.refuse()
    }

    pub fn nest_service<H: GuardedService>(self, _: &str, service: H) -> Self {
        service.refuse()
    }
}

impl<S> GuardedRoute<S> {
    fn routed(&self) -> Routed<'_> {
        Routed {
            path: &self.path,
            rules: &self.methods.rules,
        }
    }

    /// Panics if a rule needs the tenant of the path and the path does not name exactly one.
    ///
    /// This cannot be checked earlier, because the prefix of a nested router can name the tenant.
    #[track_caller]
    fn require_tenant_segment(&self) {
        let needs_tenant = |known: &&MethodRule| known.rule.needs_tenant();
        let Some(known) = self.methods.rules.iter().find(needs_tenant) else {
            return;
        };
        let parameter = format!("{{{TENANT}}}");
        let segments = self.path.split('/').filter(|segment| *segment == parameter);
        assert!(
            segments.count() == 1,
            "`{} {}` needs a tenant in its path: add exactly one segment `{parameter}`",
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
    /// Returns a router with the same paths, methods and gates but without handlers: admitted callers get 204.
    pub(crate) fn probe(&self) -> axum::Router {
        let mut app = axum::Router::new();
        for route in &self.routes {
            route.require_tenant_segment();
            let rules = route.methods.rules.clone();
            let gate = Gate::new(route.guard.clone(), &route.path, rules, true);
            let unreachable = axum::routing::any(not_found);
            let gated = unreachable.layer(EnforceLayer(Arc::new(gate)));
            app = app.route(&route.path, gated);
        }
        app.fallback(not_found)
    }
}

async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "Not Found")
}

/// Joins a prefix and a path in the same way as axum.
fn join_paths(prefix: &str, path: &str) -> String {
    if prefix.ends_with('/') {
        format!("{prefix}{}", path.trim_start_matches('/'))
    } else if path == "/" {
        prefix.to_owned()
    } else {
        format!("{prefix}{path}")
    }
}
