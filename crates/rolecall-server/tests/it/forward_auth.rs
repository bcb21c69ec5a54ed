//! The question of a proxy: who is it, and may they?

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::support::{Answer, TestApp, eventually, on_both};

on_both![
    it_tells_who_calls_and_leaves_no_header_away,
    no_value_leaves_its_header,
    headers_that_the_caller_sends_count_for_nothing,
    all_that_is_asked_for_must_be_held,
    what_is_not_understood_denies,
    a_narrowed_token_is_no_more_than_it_says,
    a_client_is_told_apart_from_a_user,
    a_token_for_an_audience_of_nobody_here_is_refused,
    a_loss_is_refused_at_once_and_on_the_other_node_soon,
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

fn identity(answer: &Answer) -> [&str; 8] {
    HEADERS.map(|name| answer.header(name).unwrap())
}

async fn it_tells_who_calls_and_leaves_no_header_away(app: TestApp) {
    app.role("editor", &["items:read", "items:write"]).await;
    let id = app.user("alice", &["user", "editor"]).await;
    let token = app.login("alice").await;
    let answer = app.get("/forward-auth", &token).await;
    let session = crate::support::claims(&token)["sid"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        identity(answer.is(200)),
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
    assert!(answer.body.is_empty());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let head = app.request(Method::HEAD, "/forward-auth").token(&token);
    assert_eq!(identity(head.send().await.is(200)), identity(&answer));
    let refused = app.get("/forward-auth?role=admin", &token).await;
    assert_eq!(identity(refused.forbidden("role:admin")), [""; 8]);
    app.get("/forward-auth", "").await.not_authenticated();
    app.get("/forward-auth", "a.b.c").await.not_valid();
    app.pass(Duration::from_mins(30));
    app.get("/forward-auth", &token).await.ended();
}

async fn no_value_leaves_its_header(app: TestApp) {
    for (name, encoded) in [
        ("zo\u{eb}", "zo%C3%AB"),
        ("\u{5c71}\u{7530}", "%E5%B1%B1%E7%94%B0"),
        ("a+b,c", "a%2Bb%2Cc"),
    ] {
        let body = json!({ "username": name, "password": crate::support::PASSWORD });
        let made = app.post("/api/users", app.admin().await, body).await;
        if made.status == 422 {
            continue;
        }
        made.is(201);
        let token = app.login(name).await;
        let answer = app.get("/forward-auth", &token).await;
        assert_eq!(answer.is(200).header("x-auth-username"), Some(encoded));
    }
    // the name of a client is freer than that of a user
    let client = app
        .client("Caf\u{e9}, x=%0d; \"y\"", json!({ "public": false }))
        .await;
    let token = app.act_as(&client).await;
    let answer = app.get("/forward-auth", &token).await;
    assert_eq!(
        answer.is(200).header("x-auth-username"),
        Some("Caf%C3%A9%2C%20x%3D%250d%3B%20%22y%22")
    );
}

async fn headers_that_the_caller_sends_count_for_nothing(app: TestApp) {
    app.user("alice", &["user"]).await;
    let token = app.login("alice").await;
    let plain = app.get("/forward-auth?role=user", &token).await;
    let ask = |path: &str, token: &str| {
        let mut ask = app.request(Method::GET, path).token(token);
        for name in HEADERS {
            ask = ask.header(name, "admin");
        }
        for (name, value) in [
            ("x-forwarded-method", "DELETE"),
            ("x-forwarded-uri", "/?role=user"),
            ("x-original-url", "/"),
            ("x-http-method-override", "POST"),
        ] {
            ask = ask.header(name, value);
        }
        ask
    };
    let forged = ask("/forward-auth?role=user", &token).send().await;
    assert_eq!(identity(forged.is(200)), identity(&plain));
    let refused = ask("/forward-auth?role=admin", &token).send().await;
    assert_eq!(identity(refused.forbidden("role:admin")), [""; 8]);
    ask("/forward-auth", "").send().await.not_authenticated();
}

async fn all_that_is_asked_for_must_be_held(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    app.role("chief", &["items:delete"]).await;
    app.user("alice", &["user", "editor"]).await;
    let token = app.login("alice").await;
    let ask = async |query: &str| app.get(format_args!("/forward-auth?{query}"), &token).await;
    for held in [
        "",
        "role=user",
        "role=user&role=editor",
        "role=user&role=user",
        "permission=items:read",
        "permission=items%3Aread&role=editor",
    ] {
        ask(held).await.is(200);
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
        ask(query).await.forbidden(scope);
    }
}

async fn what_is_not_understood_denies(app: TestApp) {
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
        let answer = app.get(format_args!("/forward-auth?{query}"), admin).await;
        assert_eq!(answer.status, 403, "{query}");
        assert_eq!(identity(&answer), [""; 8]);
    }
    for (query, scope) in [
        ("role=no-such-role", "role:no-such-role"),
        ("permission=no-such:thing", "no-such:thing"),
    ] {
        let answer = app.get(format_args!("/forward-auth?{query}"), admin).await;
        answer.forbidden(scope);
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let ask = app.request(method, "/forward-auth").token(admin);
        ask.send().await.is(405);
    }
}

async fn a_narrowed_token_is_no_more_than_it_says(app: TestApp) {
    app.role("editor", &["items:read", "items:write"]).await;
    app.user("alice", &["user", "editor"]).await;
    let token = app.login_for("alice", "items:read").await;
    let ask = async |query: &str| app.get(format_args!("/forward-auth?{query}"), &token).await;
    let answer = ask("permission=items:read").await;
    assert_eq!(
        answer.is(200).header("x-auth-permissions"),
        Some("items:read")
    );
    ask("permission=items:write").await.forbidden("items:write");
    let token = app.login_for("alice", "role:user").await;
    let answer = app.get("/forward-auth", &token).await;
    assert_eq!(answer.is(200).header("x-auth-roles"), Some("user"));
    let answer = app.get("/forward-auth?role=editor", &token).await;
    answer.forbidden("role:editor");
}

async fn a_client_is_told_apart_from_a_user(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    let client = app.client("alice", json!({ "roles": ["editor"] })).await;
    let token = app.act_as(&client).await;
    let answer = app.get("/forward-auth?role=editor", &token).await;
    let told = identity(answer.is(200));
    assert_eq!(told[..4], [&client.id, "client", "alice", &client.id]);
    assert_eq!(told[7], "", "a client has no session");
}

async fn a_token_for_an_audience_of_nobody_here_is_refused(app: TestApp) {
    let own = json!({ "audiences": ["https://elsewhere.example"] });
    let client = app.client("Elsewhere", own).await;
    let token = app.act_as(&client).await;
    app.get("/forward-auth", &token).await.not_valid();
}

async fn a_loss_is_refused_at_once_and_on_the_other_node_soon(app: TestApp) {
    let other = app.second_node().await;
    app.role("editor", &["items:read"]).await;
    let alice = app.user("alice", &["user", "editor"]).await;
    let token = app.login("alice").await;
    let path = "/forward-auth?role=user";
    app.get(path, &token).await.is(200);
    app.unassign(&alice, "editor").await;
    app.get(path, &token).await.ended();
    eventually("the other node refuses", async || {
        other.get(path, &token).await.status == 401
    })
    .await;
    let token = app.login("alice").await;
    app.get(path, &token).await.is(200);
}
