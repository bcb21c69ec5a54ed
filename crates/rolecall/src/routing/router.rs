use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::Request,
    response::IntoResponse,
    routing::{MethodRouter, Route},
};
use http::{Method, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    enforce::{EnforceLayer, Gate},
    methods::GuardedMethods,
};
use crate::{Guard, Problem, Rule};

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
    entries: Vec<Entry<S>>,
}

/// What stands in a [`GuardedRouter`].
#[derive(Clone)]
pub(crate) enum Entry<S> {
    Guarded {
        guard: Guard,
        path: String,
        methods: GuardedMethods<S>,
    },
    Open {
        name: String,
        prefix: String,
        router: axum::Router,
    },
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
            entries: Vec::new(),
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
        self.add(guard, path.to_owned(), methods);
        self
    }

    #[track_caller]
    fn add(&mut self, guard: Guard, path: String, methods: GuardedMethods<S>) {
        let known = self.entries.iter().position(
            |entry| matches!(entry, Entry::Guarded { path: known, .. } if *known == path),
        );
        let methods = match known.map(|at| self.entries.remove(at)) {
            Some(Entry::Guarded {
                guard: other,
                methods: known,
                ..
            }) => {
                assert!(
                    other.is_same_as(&guard),
                    "the methods of one path have different guards: `{path}`"
                );
                known.join(methods, &path)
            }
            _ => methods,
        };
        let entry = Entry::Guarded {
            guard,
            path,
            methods,
        };
        let at = known.unwrap_or(self.entries.len());
        self.entries.insert(at, entry);
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
        for entry in other.entries {
            match entry {
                Entry::Guarded {
                    guard,
                    path,
                    methods,
                } => self.add(guard, join_paths(prefix, &path), methods),
                Entry::Open {
                    name,
                    prefix: inner,
                    router,
                } => self.entries.push(Entry::Open {
                    name,
                    prefix: join_paths(prefix, &inner),
                    router: axum::Router::new().nest(prefix, router),
                }),
            }
        }
        self
    }

    /// Adds the routes of `other`; they keep the guard that they were made with.
    ///
    /// # Panics
    ///
    /// If a method of a path then has two handlers.
    #[track_caller]
    pub fn merge(mut self, other: Self) -> Self {
        for entry in other.entries {
            match entry {
                Entry::Guarded {
                    guard,
                    path,
                    methods,
                } => self.add(guard, path, methods),
                open @ Entry::Open { .. } => self.entries.push(open),
            }
        }
        self
    }

    /// Adds a plain router **whose routes nobody guards**; the access matrix shows it by `name`.
    ///
    /// A guarded route always wins over one of these with a path that matches too.
    pub fn merge_public(mut self, name: &str, router: axum::Router) -> Self {
        self.entries.push(Entry::Open {
            name: name.to_owned(),
            prefix: "/".to_owned(),
            router,
        });
        self
    }

    /// Wraps the routes that are there already; the layer runs only for callers whom the rule lets in.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        let wrap = |entry| match entry {
            Entry::Guarded {
                guard,
                path,
                methods,
            } => Entry::Guarded {
                guard,
                path,
                methods: methods.layer(layer.clone()),
            },
            Entry::Open {
                name,
                prefix,
                router,
            } => Entry::Open {
                name,
                prefix,
                router: router.layer(layer.clone()),
            },
        };
        self.entries = self.entries.into_iter().map(wrap).collect();
        self
    }

    /// Gives the handlers their state.
    pub fn with_state<S2>(self, state: S) -> GuardedRouter<S2> {
        let give = |entry| match entry {
            Entry::Guarded {
                guard,
                path,
                methods,
            } => Entry::Guarded {
                guard,
                path,
                methods: methods.with_state(state.clone()),
            },
            Entry::Open {
                name,
                prefix,
                router,
            } => Entry::Open {
                name,
                prefix,
                router,
            },
        };
        GuardedRouter {
            guard: self.guard,
            entries: self.entries.into_iter().map(give).collect(),
        }
    }

    /// Who may call what, in the order in which the routes were added.
    #[must_use]
    pub fn access_table(&self) -> Vec<RouteAccess> {
        self.entries.iter().flat_map(Entry::access).collect()
    }

    /// An ordinary router whose routes are guarded; what is added to it from here on is not.
    ///
    /// It answers unknown paths itself; merge it into one that has a fallback of its own after
    /// [`axum::Router::reset_fallback`].
    ///
    /// # Panics
    ///
    /// If two paths conflict, as in axum: `/items/{id}` and `/items/{name}`.
    #[track_caller]
    pub fn into_axum(self) -> axum::Router<S> {
        let mut app = axum::Router::new();
        let mut open: Option<axum::Router> = None;
        for entry in self.entries {
            match entry {
                Entry::Guarded {
                    guard,
                    path,
                    methods,
                } => {
                    let gate = Gate::new(guard, &path, methods.rules, false);
                    app = app.route(&path, gated(methods.handlers, gate));
                }
                Entry::Open { router, .. } => {
                    open = Some(open.unwrap_or_default().merge(router));
                }
            }
        }
        match open {
            // as the fallback, a public router can neither replace nor widen a guarded route
            Some(open) => app.fallback_service(open.fallback(not_found)),
            None => app.fallback(not_found),
        }
    }
}

impl<S> Entry<S> {
    fn access(&self) -> Vec<RouteAccess> {
        match self {
            Self::Guarded { path, methods, .. } => methods
                .rules
                .iter()
                .map(|known| RouteAccess {
                    path: path.clone(),
                    method: Some(known.method.clone()),
                    rule: known.rule,
                    handler: known.handler.to_owned(),
                })
                .collect(),
            Self::Open { name, prefix, .. } => vec![RouteAccess {
                path: prefix.clone(),
                method: None,
                rule: Rule::Public,
                handler: name.clone(),
            }],
        }
    }
}

fn gated<S: Clone + Send + Sync + 'static>(
    handlers: MethodRouter<S>,
    gate: Gate,
) -> MethodRouter<S> {
    handlers.layer(EnforceLayer(Arc::new(gate)))
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
