//! `/forward-auth`, by which a proxy checks who is calling and whether they may.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::support::{PASSWORD, Response, TestApp, claims, eventually, on_both, session_id};

on_both![
    the_response_identifies_the_caller_in_every_header,
    no_value_escapes_its_header,
    headers_sent_by_the_caller_are_ignored,
    every_required_role_and_permission_must_be_held,
    an_unrecognized_query_is_denied,
    a_narrowed_token_passes_only_for_what_it_carries,
    y100_a_client_with_the_name_of_a_user_has_no_username,
    y103_without_a_tenant_only_what_is_held_globally_counts,
    a_token_for_another_audience_is_refused,
    a_loss_takes_effect_at_once_here_and_soon_on_the_other_node,
];

const HEADERS: [&str; 8] = [
    "x-auth-subject",
    "x-auth-subject-kind",
    "x-auth-username",
    "x-auth-client",
    "x-auth-roles",
    "x-auth-permissions",
    "x-auth-tenant",
    "x-auth-session",
];

fn identity(response: &Response) -> [&str; 8] {
    HEADERS.map(|name| response.header(name).unwrap())
}

async fn the_response_identifies_the_caller_in_every_header(app: TestApp) {
    app.create_role("editor", &["items:read", "items:write"])
        .await;
    let id = app.create_user("alice", &["user", "editor"]).await;
    let token = app.log_in("alice").await;
    let response = app.get("/forward-auth", &token).await;
    let session = session_id(&token);
    assert_eq!(
        identity(response.is(200)),
        [
            &id,
            "user",
            "alice",
            "rolecall",
            "editor,user",
            "items:read,items:write",
            "",
            &session
        ]
    );
    assert!(response.body.is_empty());
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let head = app.request(Method::HEAD, "/forward-auth").token(&token);
    assert_eq!(identity(head.send().await.is(200)), identity(&response));
    let refused = app.get("/forward-auth?role=admin", &token).await;
    assert_eq!(identity(refused.forbidden("role:admin")), [""; 8]);
    app.get("/forward-auth", "").await.not_authenticated();
    app.get("/forward-auth", "a.b.c").await.invalid_token();
    app.pass_time(Duration::from_mins(30));
    app.get("/forward-auth", &token).await.ended_token();
}

async fn no_value_escapes_its_header(app: TestApp) {
    for (name, encoded) in [
        ("zo\u{eb}", "zo%C3%AB"),
        ("\u{5c71}\u{7530}", "%E5%B1%B1%E7%94%B0"),
        ("a+b,c", "a%2Bb%2Cc"),
    ] {
        let body = json!({ "username": name, "password": PASSWORD });
        let created = app.post("/api/users", app.admin().await, body).await;
        if created.status == 422 {
            continue;
        }
        created.is(201);
        let token = app.log_in(name).await;
        let response = app.get("/forward-auth", &token).await;
        assert_eq!(response.is(200).header("x-auth-username"), Some(encoded));
    }
}

async fn headers_sent_by_the_caller_are_ignored(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    let token = app.log_in("alice").await;
    let plain = app.get("/forward-auth?role=user", &token).await;
    let request = |path: &str, token: &str| {
        let mut request = app.request(Method::GET, path).token(token);
        for name in HEADERS {
            request = request.header(name, "admin");
        }
        for (name, value) in [
            ("x-forwarded-method", "DELETE"),
            ("x-forwarded-uri", "/?role=user"),
            ("x-original-url", "/"),
            ("x-http-method-override", "POST"),
        ] {
            request = request.header(name, value);
        }
        request
    };
    let forged = request("/forward-auth?role=user", &token).send().await;
    assert_eq!(identity(forged.is(200)), identity(&plain));
    let refused = request("/forward-auth?role=admin", &token).send().await;
    assert_eq!(identity(refused.forbidden("role:admin")), [""; 8]);
    request("/forward-auth", "")
        .send()
        .await
        .not_authenticated();
}

async fn every_required_role_and_permission_must_be_held(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    app.create_role("chief", &["items:delete"]).await;
    app.create_user("alice", &["user", "editor"]).await;
    let token = app.log_in("alice").await;
    let request = async |query: &str| app.get(format_args!("/forward-auth?{query}"), &token).await;
    for held in [
        "",
        "role=user",
        "role=user&role=editor",
        "role=user&role=user",
        "permission=items:read",
        "permission=items%3Aread&role=editor",
    ] {
        request(held).await.is(200);
    }
    for (query, scope) in [
        ("role=user&role=chief", "role:user role:chief"),
        ("role=chief&role=user", "role:chief role:user"),
        (
            "role=editor&permission=items:delete",
            "role:editor items:delete",
        ),
        (
            "permission=items:read&permission=items:delete",
            "items:read items:delete",
        ),
        ("permission=items:delete", "items:delete"),
    ] {
        request(query).await.forbidden(scope);
    }
}

async fn an_unrecognized_query_is_denied(app: TestApp) {
    let admin = app.admin().await;
    for query in [
        "roles=admin",
        "Role=admin",
        "role=admin&next=/",
        "role",
        "role=",
        "permission=",
        "role=Admin",
        "role=admin,user",
        "role=admin%20user",
        "role=admin%00",
        "role=%ff",
        "role=role:admin",
        "role[]=admin",
        "permission=*",
        "permission=rolecall.users:*",
        "permission=users",
        "permission=role:admin",
        "=",
        "x",
        "%72ole%20=admin",
    ] {
        let response = app.get(format_args!("/forward-auth?{query}"), admin).await;
        assert_eq!(response.status, 403, "{query}");
        assert_eq!(identity(&response), [""; 8]);
    }
    for (query, scope) in [
        ("role=no-such-role", "role:no-such-role"),
        ("permission=no-such:thing", "no-such:thing"),
    ] {
        let response = app.get(format_args!("/forward-auth?{query}"), admin).await;
        response.forbidden(scope);
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let request = app.request(method, "/forward-auth").token(admin);
        request.send().await.is(405);
    }
}

async fn a_narrowed_token_passes_only_for_what_it_carries(app: TestApp) {
    app.create_role("editor", &["items:read", "items:write"])
        .await;
    app.create_user("alice", &["user", "editor"]).await;
    let token = app.log_in_with_scope("alice", "items:read").await;
    let request = async |query: &str| app.get(format_args!("/forward-auth?{query}"), &token).await;
    let response = request("permission=items:read").await;
    assert_eq!(
        response.is(200).header("x-auth-permissions"),
        Some("items:read")
    );
    request("permission=items:write")
        .await
        .forbidden("items:write");
    let token = app.log_in_with_scope("alice", "role:user").await;
    let response = app.get("/forward-auth", &token).await;
    assert_eq!(response.is(200).header("x-auth-roles"), Some("user"));
    let response = app.get("/forward-auth?role=editor", &token).await;
    response.forbidden("role:editor");
}

async fn y100_a_client_with_the_name_of_a_user_has_no_username(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let client = app
        .create_client("admin", json!({ "roles": ["editor"] }))
        .await;
    let token = app.act_as(&client).await;
    let response = app.get("/forward-auth?role=editor", &token).await;
    let shown = identity(response.is(200));
    assert_eq!(shown[..4], [&client.id, "client", "", &client.id]);
    assert_eq!(shown[7], "", "a client has no session");
    let carried = claims(&token);
    assert!(carried.get("username").is_none(), "{carried}");
    assert_eq!(carried["client_id"], client.id.as_str());
    assert_eq!(carried["subject_kind"], "client");
    let server = app.create_resource_server("server").await;
    let known = app.introspect(&server, &token).await;
    assert_eq!(known.is(200).json["active"], true);
    assert!(known.json.get("username").is_none(), "{known:?}");
    assert_eq!(known.text("subject_kind"), "client");
    let user = app.introspect(&server, app.admin().await).await;
    assert_eq!(user.is(200).text("username"), "admin");
    // the tutorial's routes show whose the items are
    app.create_role("reader", &["items:read"]).await;
    let items = app.get("/items/", &token).await;
    assert!(
        !items.is(200).json.to_string().contains("admin"),
        "{items:?}"
    );
}

async fn y103_without_a_tenant_only_what_is_held_globally_counts(app: TestApp) {
    app.create_role("editor", &["items:write"]).await;
    app.create_role("reader", &["items:read"]).await;
    let alice = app.create_user("alice", &["reader"]).await;
    app.assign_in(&alice, "editor", "acme").await;
    let there = app.log_in_to("alice", "acme").await.access;
    let global = app.log_in("alice").await;
    let request = async |query: &str, token: &str| {
        app.get(format_args!("/forward-auth?{query}"), token).await
    };
    for held in [
        "",
        "role=reader",
        "permission=items:read",
        "tenant=acme",
        "tenant=acme&role=editor&role=reader",
        "role=editor&tenant=acme",
        "tenant=acme&permission=items:write&permission=items:read",
    ] {
        let response = request(held, &there).await;
        assert_eq!(response.is(200).header("x-auth-tenant"), Some("acme"));
    }
    for (query, scope) in [
        ("role=editor", "role:editor"),
        ("permission=items:write", "items:write"),
        ("role=reader&role=editor", "role:reader role:editor"),
        // nothing but the tenant is wrong, and the answer does not name it
        ("tenant=other", ""),
        ("tenant=other&role=editor", ""),
        ("tenant=acme&tenant=acme", ""),
        ("tenant=", ""),
        ("tenant=Acme", ""),
        ("tenant=acme&role=admin", "role:admin"),
    ] {
        let refused = request(query, &there).await;
        assert_eq!(identity(refused.forbidden(scope)), [""; 8]);
    }
    for query in ["tenant=acme", "tenant=acme&role=reader"] {
        request(query, &global).await.forbidden("");
    }
    request("tenant=acme&role=editor", &global)
        .await
        .forbidden("role:editor");
    // an administrator can see why
    let refused = request("role=editor", &there).await;
    let receipt = format!("/api/decisions/{}", refused.text("receipt"));
    let decision = app.get(receipt, app.admin().await).await;
    assert_eq!(decision.is(200).json["allowed"], false);
    assert!(
        decision.json.to_string().contains("other_tenant"),
        "{decision:?}"
    );
}

async fn a_token_for_another_audience_is_refused(app: TestApp) {
    let own = json!({ "audiences": ["https://elsewhere.example"] });
    let client = app.create_client("Elsewhere", own).await;
    let token = app.act_as(&client).await;
    app.get("/forward-auth", &token).await.invalid_token();
}

async fn a_loss_takes_effect_at_once_here_and_soon_on_the_other_node(app: TestApp) {
    let other = app.second_node().await;
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &["user", "editor"]).await;
    let token = app.log_in("alice").await;
    let path = "/forward-auth?role=user";
    app.get(path, &token).await.is(200);
    app.unassign(&alice, "editor").await;
    app.get(path, &token).await.ended_token();
    eventually("the other node refuses", async || {
        other.get(path, &token).await.status == 401
    })
    .await;
    let token = app.log_in("alice").await;
    app.get(path, &token).await.is(200);
}
