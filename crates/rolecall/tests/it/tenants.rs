//! Routes of a tenant, which need a token for the tenant in the path.

use std::panic::{AssertUnwindSafe, catch_unwind};

use axum::{
    extract::{Path, Request},
    middleware::{Next, from_fn},
};
use http::{HeaderValue, Method};
use rolecall::{
    AccessMatrix, AnyOf, Authenticated, ForTenant, GuardedRouter, InTenant, PolicyBuilder, Require,
    Rule, openapi,
    routing::{get, post},
    testing::{TestIssuer, TestToken},
};

use crate::{call, may, role};

/// Answers with the parameters of the path.
async fn show(_: ForTenant<role::User>, Path((tenant, id)): Path<(String, String)>) -> String {
    format!("{id} of {tenant}")
}
async fn own(caller: ForTenant<Authenticated>) -> String {
    caller.tenant().to_owned()
}
async fn edit(_: ForTenant<AnyOf<(role::Admin, may::WriteItems)>>) {}
async fn leak(_: Request, _: Next) -> &'static str {
    "leaked by a layer"
}

fn user_of(issuer: &TestIssuer, tenant: &str) -> Option<HeaderValue> {
    let token = issuer.token("alice").role::<role::User>();
    Some(token.tenant(tenant).bearer())
}

#[tokio::test]
async fn a_token_for_another_tenant_or_none_is_refused() {
    let issuer = TestIssuer::new();
    let app = GuardedRouter::<()>::new(issuer.guard())
        .route("/{tenant}/items/{id}", get(show))
        .into_axum();
    let path = "/acme/items/7";
    let answer = crate::get(&app, path, user_of(&issuer, "acme")).await;
    assert_eq!(answer.body, "7 of acme");
    assert_eq!(crate::get(&app, path, None).await.status, 401);
    for other in ["other", "acme2", "acm", "ACME", "acme ", ""] {
        let answer = crate::get(&app, path, user_of(&issuer, other)).await;
        // no scope is missing, and the response does not reveal the tenant
        assert_eq!(
            (answer.status.as_u16(), answer.challenge()),
            (403, Some(r#"Bearer error="insufficient_scope""#)),
            "{other}"
        );
        assert!(!answer.body.contains("acme"), "{}", answer.body);
        assert_eq!(answer.json()["rule"], "role:user in the path's tenant");
    }
    let none = crate::get(&app, path, crate::user(&issuer)).await;
    assert_eq!(none.status, 403);
    let without_role = issuer.token("bob").tenant("acme").bearer();
    let answer = crate::get(&app, path, Some(without_role)).await;
    assert_eq!(
        answer.challenge(),
        Some(r#"Bearer error="insufficient_scope", scope="role:user""#)
    );
    let head = call(&app, Method::HEAD, path, user_of(&issuer, "other")).await;
    assert_eq!(head.status, 403);
}

#[tokio::test]
async fn the_path_is_decoded_once_for_handler_and_rule() {
    let issuer = TestIssuer::new();
    let app = GuardedRouter::<()>::new(issuer.guard())
        .route("/{tenant}/items/{id}", get(show))
        .into_axum();
    let acme = || user_of(&issuer, "acme");
    let answer = crate::get(&app, "/%61cme/items/7", acme()).await;
    assert_eq!(answer.body, "7 of acme");
    for trick in [
        "/%2561cme/items/7",
        "/acme%2F../items/7",
        "/acme%00/items/7",
        "/acme%20/items/7",
        "/acme%ff/items/7",
        "/acme;a=b/items/7",
        "/Acme/items/7",
        "/other/items/7?tenant=acme",
        "/other/items/..%2f..%2facme",
    ] {
        let answer = crate::get(&app, trick, acme()).await;
        assert_eq!(answer.status, 403, "{trick}");
    }
    // an empty name is not a tenant, even for a token with an empty one
    for token in [acme(), user_of(&issuer, "")] {
        let answer = crate::get(&app, "//items/7", token).await;
        assert!([403, 404].contains(&answer.status.as_u16()), "{answer:?}");
    }
    for elsewhere in ["/acme/../other/items/7", "/acme//items/7"] {
        let answer = crate::get(&app, elsewhere, acme()).await;
        assert_eq!(answer.status, 404, "{elsewhere}");
    }
    // the token has the encoded name, which is a different tenant
    let literal = user_of(&issuer, "%61cme");
    let answer = crate::get(&app, "/%61cme/items/7", literal).await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn layers_run_only_for_tokens_of_the_tenant() {
    let issuer = TestIssuer::new();
    let app = GuardedRouter::<()>::new(issuer.guard())
        .route("/{tenant}", get(own).layer(from_fn(leak)))
        .layer(from_fn(leak))
        .into_axum();
    let answer = crate::get(&app, "/acme", user_of(&issuer, "other")).await;
    assert_eq!(answer.status, 403);
    let answer = crate::get(&app, "/acme", user_of(&issuer, "acme")).await;
    assert_eq!(answer.body, "leaked by a layer");
}

#[tokio::test]
async fn a_prefix_can_name_the_tenant() {
    let issuer = TestIssuer::new();
    let router = || GuardedRouter::<()>::new(issuer.guard());
    let app = router()
        .nest("/t/{tenant}", router().route("/own", get(own)))
        .into_axum();
    // nesting the axum router changes nothing
    let app = axum::Router::new().nest("/api/{version}", app);
    let path = "/api/acme/t/acme/own";
    let answer = crate::get(&app, path, user_of(&issuer, "acme")).await;
    assert_eq!(answer.body, "acme");
    let answer = crate::get(&app, "/api/acme/t/other/own", user_of(&issuer, "acme")).await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn a_path_with_two_different_tenants_is_refused() {
    let issuer = TestIssuer::new();
    let inner = GuardedRouter::<()>::new(issuer.guard())
        .route("/x/{tenant}", get(own))
        .into_axum();
    let app = axum::Router::new().nest("/t/{tenant}", inner);
    for tenant in ["acme", "other"] {
        let answer = crate::get(&app, "/t/acme/x/other", user_of(&issuer, tenant)).await;
        assert_eq!(answer.status, 403, "{tenant}");
    }
    let answer = crate::get(&app, "/t/acme/x/acme", user_of(&issuer, "acme")).await;
    assert_eq!(answer.body, "acme");
}

#[test]
fn a_path_without_exactly_one_tenant_is_refused() {
    let issuer = TestIssuer::new();
    for path in [
        "/items",
        "/items/{id}",
        "/tenant/items",
        "/{*tenant}",
        "/x/{{tenant}}",
        "/{tenant}/x/{tenant}",
    ] {
        let router = GuardedRouter::<()>::new(issuer.guard()).route(path, post(own).get(me));
        let made = catch_unwind(AssertUnwindSafe(|| router.into_axum()));
        let panic = made.expect_err(path);
        let message = panic.downcast_ref::<String>().unwrap();
        assert!(
            message.starts_with(&format!("`POST {path}` needs a tenant in its path")),
            "{message}"
        );
        let router = GuardedRouter::<()>::new(issuer.guard()).route(path, get(own));
        let matrix = catch_unwind(AssertUnwindSafe(|| AccessMatrix::of(&router)));
        assert!(matrix.is_err(), "{path}");
    }
}

async fn me(_: Authenticated) {}

/// A custom extractor that checks nothing, so that only the router enforces its rule.
struct ByHand;

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for ByHand {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(
        _: &mut http::request::Parts,
        _: &S,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self)
    }
}

impl rolecall::Access for ByHand {
    type Rule = ForTenant<role::User>;
}

#[tokio::test]
async fn a_custom_extractor_with_a_tenant_rule_is_guarded() {
    async fn by_hand(_: ByHand) -> &'static str {
        "in"
    }
    let issuer = TestIssuer::new();
    let app = GuardedRouter::<()>::new(issuer.guard())
        .route("/{tenant}", get(by_hand))
        .into_axum();
    let status = |token| async { crate::get(&app, "/acme", token).await.status };
    assert_eq!(status(user_of(&issuer, "other")).await, 403);
    assert_eq!(status(user_of(&issuer, "acme")).await, 200);
}

#[tokio::test]
async fn for_tenant_as_a_later_argument_checks_the_tenant() {
    async fn later(_: Authenticated, _: ForTenant<Authenticated>) {}
    let issuer = TestIssuer::new();
    let app = GuardedRouter::<()>::new(issuer.guard())
        .route("/", get(later))
        .route("/{tenant}", get(later))
        .into_axum();
    let status = |path, tenant| {
        let (app, token) = (&app, user_of(&issuer, tenant));
        async move { crate::get(app, path, token).await.status }
    };
    assert_eq!(status("/", "acme").await, 403);
    assert_eq!(status("/acme", "other").await, 403);
    assert_eq!(status("/acme", "acme").await, 200);
}

#[test]
fn a_policy_gives_no_reserved_permissions_to_a_token_for_a_tenant() {
    let issuer = TestIssuer::new();
    let mut rules = PolicyBuilder::default();
    for permission in [
        "items:read",
        "rolecall.users:write",
        "rolecall.assignments:write",
    ] {
        rules.permission(permission.parse().unwrap());
        rules.grant("user".parse().unwrap(), permission.parse().unwrap());
    }
    issuer.live().set_policy(rules.build().unwrap().into());
    let token = || {
        issuer
            .token("alice")
            .role::<role::User>()
            .claims(|claims| claims.scope = None)
    };
    let held = |token: &str| {
        let caller = issuer.guard().verify(token).unwrap();
        caller.permissions().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(held(&token().tenant("acme").sign()), ["items:read"]);
    assert_eq!(held(&token().sign()).len(), 3);
}

#[test]
fn matrix_and_openapi_document_show_tenant_rules() {
    let issuer = TestIssuer::new();
    let router = GuardedRouter::<()>::new(issuer.guard())
        .route("/{tenant}/items", get(own).post(edit))
        .route("/me", get(me));
    let matrix = AccessMatrix::of(&router).roles(role::ALL).to_string();
    assert!(matrix.contains(
        "\n# own = let in with a token for the tenant that the path names, 403 with any other\n"
    ));
    assert!(
        matrix.ends_with(
            "\
anonymous  any token  admin  user  | route
401        ok         ok     ok    | GET /me for any token
401        own        own    own   | GET /{tenant}/items for any token in the path's tenant
401        403        own    ?     | POST /{tenant}/items for any of (role:admin, items:write) in the path's tenant
"
        ),
        "{matrix}"
    );
    let mut document = serde_json::json!({ "openapi": "3.1.0", "paths": {
        "/{tenant}/items": { "get": {}, "post": {} }, "/me": { "get": {} },
    } });
    openapi::secure(&mut document, &router.access_table(), "login").unwrap();
    let operation = |method: &str| document["paths"]["/{tenant}/items"][method].clone();
    assert_eq!(
        operation("get")["x-rolecall-rule"],
        "authenticated in the path's tenant"
    );
    assert!(operation("get")["responses"]["403"].is_object());
    assert_eq!(
        operation("post")["security"],
        serde_json::json!([{ "login": ["role:admin"] }, { "login": ["items:write"] }])
    );
    let rules: Vec<Rule> = router
        .access_table()
        .iter()
        .map(|route| route.rule)
        .collect();
    assert_eq!(rules[0], Rule::ForTenant(&Rule::Authenticated));
}

#[tokio::test]
async fn a_tenant_rule_is_never_satisfied_without_a_path() {
    /// A requirement that `Require<_>` does not accept.
    struct There;
    impl rolecall::Requirement for There {
        const RULE: Rule = Rule::ForTenant(&Rule::Authenticated);
    }
    async fn ask(caller: ForTenant<role::User>) -> String {
        caller.has::<There>().to_string()
    }
    let issuer = TestIssuer::new();
    let app = GuardedRouter::<()>::new(issuer.guard())
        .route("/{tenant}", get(ask))
        .into_axum();
    let answer = crate::get(&app, "/acme", user_of(&issuer, "acme")).await;
    assert_eq!(answer.body, "false");
}

/// Answers with what the handler itself finds by its type.
async fn mine(caller: InTenant<role::User>) -> String {
    let (flat, as_guarded) = (caller.has_role("admin"), caller.has::<role::Admin>());
    format!("{} {flat} {as_guarded}", caller.tenant())
}

async fn of_all(caller: Require<role::User>) -> String {
    let (flat, as_guarded) = (caller.has_role("admin"), caller.has::<role::Admin>());
    format!("{flat} {as_guarded}")
}

async fn in_path(caller: ForTenant<role::User>) -> String {
    let asked = (
        caller.has::<role::Admin>(),
        caller.require::<may::ReadItems>(),
    );
    format!("{} {}", asked.0, asked.1.is_ok())
}

fn routes(issuer: &TestIssuer) -> GuardedRouter {
    GuardedRouter::new(issuer.guard())
        .route("/mine", get(mine))
        .route("/all", get(of_all))
        .route("/{tenant}/in", get(in_path))
}

#[tokio::test]
async fn y103_a_role_in_a_tenant_opens_no_route_of_all_tenants() {
    let issuer = TestIssuer::new();
    let app = routes(&issuer).into_axum();
    let layered = axum::Router::new().route(
        "/layered",
        axum::routing::get(|| async {}).layer(issuer.guard().layer::<role::User>()),
    );
    let app = app.merge(layered);
    let token = || issuer.token("alice").role::<role::User>();
    let here = token().role::<role::Admin>().tenant("acme");
    let everywhere = issuer.token("alice").tenant("acme");
    let everywhere = everywhere.global_role::<role::User>().role::<role::Admin>();
    let older = |claims: &mut rolecall::AccessClaims| claims.global = None;
    let status = async |path: &str, token: &TestToken<'_>| {
        let answer = crate::get(&app, path, Some(token.clone().bearer())).await;
        (answer.status.as_u16(), answer.body.clone())
    };
    let refused = |(status, _): (u16, String)| assert_eq!(status, 403);
    for path in ["/all", "/layered"] {
        refused(status(path, &here).await);
        refused(status(path, &here.clone().claims(older)).await);
        refused(status(path, &everywhere.clone().claims(older)).await);
        assert_eq!(status(path, &everywhere).await.0, 200, "{path}");
        assert_eq!(status(path, &token()).await.0, 200, "{path}");
    }
    // the handler sees the flat list, and by type only what its guard counts
    assert_eq!(status("/all", &everywhere).await.1, "true false");
    assert_eq!(status("/mine", &here).await, (200, "acme true true".into()));
    assert_eq!(status("/mine", &here.clone().claims(older)).await.0, 200);
    refused(status("/mine", &token()).await);
    assert_eq!(status("/acme/in", &here).await, (200, "true false".into()));
    refused(status("/other/in", &here).await);
    let empty = token().tenant("");
    refused(status("/mine", &empty).await);
}

#[test]
fn a_global_role_that_the_flat_list_lacks_counts_nowhere() {
    let issuer = TestIssuer::new();
    let global =
        serde_json::json!({ "roles": ["admin", "user"], "scope": "items:read items:write" });
    let token = issuer
        .token("alice")
        .role::<role::User>()
        .permission::<may::ReadItems>();
    let caller = issuer
        .guard()
        .verify(
            &token
                .tenant("acme")
                .sign_with(&serde_json::json!({ "global": global })),
        )
        .unwrap();
    assert!(caller.has::<role::User>() && caller.has::<may::ReadItems>());
    assert!(!caller.has::<role::Admin>() && !caller.has_global_role("admin"));
    assert!(!caller.has_global_permission("items:write"));
    assert!(!caller.has_global_role("use") && !caller.has_global_role(""));
}

#[test]
fn a_policy_gives_global_roles_their_permissions_in_a_token_for_a_tenant() {
    let issuer = TestIssuer::new();
    let mut rules = PolicyBuilder::default();
    for (role, permission) in [
        ("user", "items:read"),
        ("user", "rolecall.users:write"),
        ("admin", "items:write"),
    ] {
        rules.permission(permission.parse().unwrap());
        rules.grant(role.parse().unwrap(), permission.parse().unwrap());
    }
    issuer.live().set_policy(rules.build().unwrap().into());
    let token = issuer
        .token("alice")
        .tenant("acme")
        .role::<role::Admin>()
        .global_role::<role::User>()
        .claims(|claims| claims.scope = None);
    let caller = issuer.guard().verify(&token.sign()).unwrap();
    let held: Vec<&str> = caller.permissions().collect();
    assert_eq!(held, ["items:read", "items:write"]);
    assert!(caller.has_global_permission("items:read"));
    assert!(!caller.has_global_permission("items:write"));
}

#[test]
fn the_matrix_shows_rules_for_any_tenant() {
    let issuer = TestIssuer::new();
    let matrix = AccessMatrix::of(&routes(&issuer)).roles(role::ALL);
    let text = matrix.to_string();
    assert!(text.contains("\n# any = let in with a token for any tenant, 403 with one for none\n"));
    assert!(
        text.ends_with(
            "\
anonymous  any token  admin  user  | route
401        403        403    ok    | GET /all for role:user
401        403        403    any   | GET /mine for role:user in the token's tenant
401        403        403    own   | GET /{tenant}/in for role:user in the path's tenant
"
        ),
        "{text}"
    );
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("access.lock");
    std::fs::write(&lock, &text).unwrap();
    // every cell is requested, with tokens for several tenants
    if std::env::var_os("ROLECALL_BLESS").is_none() {
        matrix.assert(&lock, |caller| issuer.token_of(caller));
    }
}
