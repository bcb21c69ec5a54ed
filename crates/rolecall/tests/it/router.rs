//! Nothing that can be mounted bypasses the rule: layers, custom handlers, nested and merged routers.

use std::{
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    extract::{MatchedPath, Path, Request, State},
    handler::Handler,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use http::{Method, Uri};
use rolecall::{
    Authenticated, GuardedMethods, GuardedRouter, Principal, Public, Require, Rule,
    routing::{get, post},
    testing::TestIssuer,
};

use crate::{admin, call, may, role, user};

async fn secret(_: Require<role::Admin>) -> &'static str {
    "secret"
}
async fn me(caller: Authenticated) -> String {
    caller.username().to_owned()
}
async fn open(_: Public) -> &'static str {
    "open"
}
async fn leak(_: Request, _: Next) -> &'static str {
    "leaked by a layer"
}

/// A handler that is not a function. It declares arguments and never extracts them.
#[derive(Clone)]
struct HandWritten;

impl<S> Handler<((), Require<role::Admin>), S> for HandWritten {
    type Future = Ready<Response>;
    fn call(self, _: Request, _: S) -> Self::Future {
        ready("leaked by a handler".into_response())
    }
}

async fn assert_only_for_admins(issuer: &TestIssuer, app: &axum::Router, path: &str, body: &str) {
    assert_eq!(crate::get(app, path, None).await.status, 401, "{path}");
    assert_eq!(
        crate::get(app, path, user(issuer)).await.status,
        403,
        "{path}"
    );
    assert_eq!(
        crate::get(app, path, admin(issuer)).await.body,
        body,
        "{path}"
    );
}

#[tokio::test]
async fn a_custom_handler_that_ignores_its_arguments_is_guarded() {
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/x", get(HandWritten))
        .into_axum();
    assert_only_for_admins(&issuer, &app, "/x", "leaked by a handler").await;
}

#[tokio::test]
async fn layers_do_not_run_before_the_rule() {
    let issuer = TestIssuer::new();
    let leaky = || from_fn(leak);
    let router = || GuardedRouter::<()>::new(issuer.guard());
    let inner = router().route("/x", get(secret)).layer(leaky());
    let apps = [
        inner.clone(),
        router().route("/x", get(secret).layer(leaky())),
        router().route("/x", get(secret.layer(leaky()))),
        router().merge(inner.clone()),
        router().merge(inner.clone()).layer(leaky()),
        router()
            .route("/x", get(secret))
            .layer(leaky())
            .with_state(()),
    ];
    for app in apps {
        assert_only_for_admins(&issuer, &app.into_axum(), "/x", "leaked by a layer").await;
    }
    let nested = router().nest("/deep", inner).layer(leaky()).into_axum();
    assert_only_for_admins(&issuer, &nested, "/deep/x", "leaked by a layer").await;
}

#[tokio::test]
async fn a_layer_also_wraps_public_routes_that_were_added_before() {
    let issuer = TestIssuer::new();
    let plain = |path| axum::Router::new().route(path, axum::routing::get(|| async { "plain" }));
    let app = GuardedRouter::<()>::new(issuer.guard())
        .merge_public("before", plain("/before"))
        .layer(from_fn(leak))
        .merge_public("after", plain("/after"))
        .into_axum();
    for (path, body) in [("/before", "leaked by a layer"), ("/after", "plain")] {
        assert_eq!(crate::get(&app, path, None).await.body, body, "{path}");
    }
}

#[tokio::test]
async fn layers_do_not_run_for_refused_requests() {
    let issuer = TestIssuer::new();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let layer = from_fn(move |request: Request, next: Next| {
        counted.fetch_add(1, Ordering::Relaxed);
        next.run(request)
    });
    let app = GuardedRouter::new(issuer.guard())
        .route("/x", get(secret))
        .layer(layer)
        .into_axum();
    for method in [Method::GET, Method::HEAD, Method::POST, Method::OPTIONS] {
        call(&app, method, "/x", user(&issuer)).await;
    }
    assert_eq!(count.load(Ordering::Relaxed), 0);
    crate::get(&app, "/x", admin(&issuer)).await;
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_layer_that_changes_the_request_cannot_change_the_principal() {
    let issuer = TestIssuer::new();
    let forged = issuer.token("boss").role::<role::Admin>().bearer();
    let forge = from_fn(move |mut request: Request, next: Next| {
        *request.method_mut() = Method::DELETE;
        request
            .headers_mut()
            .insert("authorization", forged.clone());
        next.run(request)
    });
    let app = GuardedRouter::new(issuer.guard())
        .route("/me", get(me).delete(secret))
        .layer(forge)
        .into_axum();
    assert_eq!(crate::get(&app, "/me", user(&issuer)).await.body, "alice");
}

#[tokio::test]
async fn middleware_gets_the_principal_except_on_public_routes() {
    async fn name(request: Request, _: Next) -> String {
        let caller = request.extensions().get::<Arc<Principal>>();
        caller.map_or("nobody".to_owned(), |caller| caller.username().to_owned())
    }
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/me", get(me))
        .route("/open", get(open))
        .layer(from_fn(name))
        .into_axum();
    assert_eq!(crate::get(&app, "/me", user(&issuer)).await.body, "alice");
    assert_eq!(
        crate::get(&app, "/open", user(&issuer)).await.body,
        "nobody"
    );
}

#[tokio::test]
async fn a_public_route_behind_an_outer_guard_does_not_inherit_its_principal() {
    async fn name(_: Public, request: Request) -> String {
        let caller = request.extensions().get::<Arc<Principal>>();
        caller.map_or("nobody".to_owned(), |caller| caller.username().to_owned())
    }
    let issuer = TestIssuer::new();
    let inner: axum::Router = GuardedRouter::new(issuer.guard())
        .route("/open", get(name))
        .into_axum();
    let app = axum::Router::new()
        .nest("/in", inner)
        .layer(issuer.guard().layer::<Authenticated>());
    assert_eq!(crate::get(&app, "/in/open", None).await.status, 401);
    assert_eq!(
        crate::get(&app, "/in/open", user(&issuer)).await.body,
        "nobody"
    );
}

#[tokio::test]
async fn nested_routes_keep_their_rules_and_see_the_whole_path() {
    async fn whole(_: Require<role::Admin>, uri: Uri, path: MatchedPath) -> String {
        format!("{} {}", uri.path(), path.as_str())
    }
    async fn tenant(_: Require<role::Admin>, Path((tenant, id)): Path<(String, String)>) -> String {
        format!("{tenant} {id}")
    }
    let issuer = TestIssuer::new();
    let router = || GuardedRouter::<()>::new(issuer.guard());
    let innermost = router()
        .route("/c", get(whole))
        .route("/{id}/d", get(tenant));
    let inner = router()
        .nest("/b", innermost.clone())
        .route("/", get(secret));
    let app = router()
        .nest("/a", inner)
        .nest(
            "/slash/",
            router().route("/", get(secret)).route("/e", get(secret)),
        )
        .nest("/t/{tenant}", innermost)
        .into_axum();
    assert_only_for_admins(&issuer, &app, "/a/b/c", "/a/b/c /a/b/c").await;
    assert_only_for_admins(&issuer, &app, "/a", "secret").await;
    assert_only_for_admins(&issuer, &app, "/slash/", "secret").await;
    assert_only_for_admins(&issuer, &app, "/slash/e", "secret").await;
    assert_only_for_admins(&issuer, &app, "/t/acme/7/d", "acme 7").await;
    for unknown in ["/a/", "/slash", "/b/c", "/c", "/a/b"] {
        assert_eq!(
            crate::get(&app, unknown, None).await.status,
            404,
            "{unknown}"
        );
    }
}

#[test]
fn invalid_prefixes_are_refused() {
    let issuer = TestIssuer::new();
    for prefix in ["", "/", "a", "/{*rest}"] {
        let nest = || {
            let router = || GuardedRouter::<()>::new(issuer.guard());
            router().nest(prefix, router().route("/x", get(secret)))
        };
        let nest = std::panic::AssertUnwindSafe(nest);
        assert!(std::panic::catch_unwind(nest).is_err(), "{prefix:?}");
    }
}

#[test]
#[should_panic(expected = "must begin with `/`")]
fn a_path_without_leading_slash_is_refused() {
    let issuer = TestIssuer::new();
    let _ = GuardedRouter::<()>::new(issuer.guard()).route("x", get(secret));
}

#[tokio::test]
async fn routes_with_the_same_path_join_their_methods() {
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/x", get(open))
        .route("/x", post(secret))
        .into_axum();
    assert_eq!(crate::get(&app, "/x", None).await.body, "open");
    assert_eq!(
        call(&app, Method::POST, "/x", user(&issuer)).await.status,
        403
    );
    assert_eq!(
        call(&app, Method::POST, "/x", admin(&issuer)).await.body,
        "secret"
    );
}

#[test]
fn a_second_handler_for_a_method_is_refused() {
    let issuer = TestIssuer::new();
    let router = || GuardedRouter::<()>::new(issuer.guard());
    let guard = issuer.guard();
    let one = |methods: GuardedMethods| GuardedRouter::new(guard.clone()).route("/x", methods);
    let ways: [&dyn Fn() -> GuardedRouter; 4] = [
        &|| one(get(secret)).route("/x", get(open)),
        &|| one(get(secret)).merge(one(get(open))),
        &|| {
            one(get(secret))
                .route("/a/x", get(secret))
                .nest("/a", one(get(open)))
        },
        // another guard could accept another issuer's tokens
        &|| one(get(secret)).merge(router().route("/x", post(secret))),
    ];
    for (number, way) in ways.iter().enumerate() {
        let way = std::panic::AssertUnwindSafe(way);
        assert!(std::panic::catch_unwind(way).is_err(), "way {number}");
    }
}

#[test]
#[should_panic(expected = "`/x/{id}` and `/x/{name}` conflict")]
fn conflicting_paths_are_refused() {
    let issuer = TestIssuer::new();
    let _ = GuardedRouter::<()>::new(issuer.guard())
        .route("/x/{id}", get(secret))
        .route("/x/{name}", post(open))
        .into_axum();
}

#[test]
fn routes_that_exclude_each_other_are_named_with_the_way_out() {
    let issuer = TestIssuer::new();
    let router = || GuardedRouter::<()>::new(issuer.guard()).route("/x", get(secret));
    let text = |way: &dyn Fn() -> GuardedRouter| {
        let way = std::panic::AssertUnwindSafe(way);
        let Err(panic) = std::panic::catch_unwind(way) else {
            panic!("it is accepted");
        };
        *panic.downcast::<String>().unwrap()
    };
    let twice = text(&|| router().route("/x", get(open)));
    let guards = text(&|| {
        router().merge(GuardedRouter::new(TestIssuer::new().guard()).route("/x", post(open)))
    });
    assert!(twice.contains("`GET /x` has two handlers"), "{twice}");
    assert!(
        twice.contains("secret and ") && twice.contains("open:"),
        "{twice}"
    );
    assert!(guards.contains("same guard, and `/x` has two"), "{guards}");
    for text in [twice, guards] {
        assert!(text.contains("under a prefix with `nest`"), "{text}");
        assert!(!text.contains("rolecall's own"), "{text}");
    }
}

#[tokio::test]
async fn a_merged_router_keeps_its_own_guard() {
    let (issuer, other) = (TestIssuer::new(), TestIssuer::new());
    let theirs = GuardedRouter::<()>::new(other.guard()).route("/theirs", get(secret));
    let app = GuardedRouter::new(issuer.guard())
        .route("/ours", get(secret))
        .merge(theirs)
        .into_axum();
    assert_only_for_admins(&issuer, &app, "/ours", "secret").await;
    assert_only_for_admins(&other, &app, "/theirs", "secret").await;
    assert_eq!(
        crate::get(&app, "/theirs", admin(&issuer)).await.status,
        401
    );
}

#[tokio::test]
async fn state_can_be_set_before_and_after_into_axum() {
    async fn number(_: Require<role::Admin>, State(number): State<u8>) -> String {
        number.to_string()
    }
    let issuer = TestIssuer::new();
    let early = GuardedRouter::new(issuer.guard())
        .route("/x", get(number))
        .with_state(7)
        .into_axum();
    let late: axum::Router = GuardedRouter::new(issuer.guard())
        .route("/x", get(number))
        .into_axum()
        .with_state(7);
    assert_only_for_admins(&issuer, &early, "/x", "7").await;
    assert_only_for_admins(&issuer, &late, "/x", "7").await;
}

#[tokio::test]
async fn public_routes_cannot_replace_guarded_routes() {
    let plain = axum::Router::new()
        .route("/x", axum::routing::any(|| async { "public" }))
        .route("/users/me", axum::routing::get(|| async { "public" }))
        .route("/docs", axum::routing::get(|| async { "docs" }))
        .fallback(|| async { "public fallback" });
    let other = axum::Router::new()
        .route("/more", axum::routing::get(|| async { "more" }))
        .fallback(|| async { "public fallback" });
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/x", get(secret))
        .route("/users/{id}", get(secret))
        .merge_public("plain", plain.clone())
        .merge_public("other", other)
        .into_axum();
    assert_only_for_admins(&issuer, &app, "/x", "secret").await;
    assert_only_for_admins(&issuer, &app, "/users/me", "secret").await;
    assert_eq!(call(&app, Method::POST, "/x", None).await.status, 405);
    assert_eq!(crate::get(&app, "/docs", None).await.body, "docs");
    assert_eq!(crate::get(&app, "/more", None).await.body, "more");
    assert_eq!(crate::get(&app, "/nowhere", None).await.status, 404);

    let nested = GuardedRouter::<()>::new(issuer.guard()).merge_public("plain", plain);
    let app = GuardedRouter::new(issuer.guard())
        .nest("/in", nested)
        .into_axum();
    assert_eq!(crate::get(&app, "/in/docs", None).await.body, "docs");
    assert_eq!(crate::get(&app, "/docs", None).await.status, 404);
    assert_eq!(crate::get(&app, "/in/nowhere", None).await.status, 404);
}

#[tokio::test]
async fn a_guarded_router_inside_a_plain_one_stays_guarded() {
    let issuer = TestIssuer::new();
    let guarded: axum::Router = GuardedRouter::new(issuer.guard())
        .route("/x", get(secret))
        .into_axum();
    let app = axum::Router::new().nest("/in", guarded.clone());
    assert_only_for_admins(&issuer, &app, "/in/x", "secret").await;
    let app = axum::Router::new()
        .fallback(|| async { "fallback" })
        .merge(guarded.reset_fallback());
    assert_only_for_admins(&issuer, &app, "/x", "secret").await;
    assert_eq!(crate::get(&app, "/nowhere", None).await.body, "fallback");
}

#[test]
fn the_access_table_has_method_path_rule_and_handler() {
    let issuer = TestIssuer::new();
    let inner = GuardedRouter::<()>::new(issuer.guard())
        .route(
            "/x",
            get(secret).post(|_: Require<may::WriteItems>| async {}),
        )
        .merge_public("docs", axum::Router::new());
    let table = GuardedRouter::new(issuer.guard())
        .nest("/api", inner)
        .access_table();
    let rows: Vec<_> = table
        .iter()
        .map(|row| {
            (
                row.method.as_ref().map(Method::as_str),
                row.path.as_str(),
                row.rule,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (Some("GET"), "/api/x", Rule::Role("admin")),
            (Some("POST"), "/api/x", Rule::Permission("items:write")),
            (None, "/api", Rule::Public),
        ]
    );
    assert!(
        table[0].handler.ends_with("::secret"),
        "{}",
        table[0].handler
    );
    assert_eq!(table[2].handler, "docs");
}
