//! Bodies, parameters and paths.

use http::Method;

use crate::support::{RequestBuilder, TestApp, WRONG, on_both};

on_both![
    x073_a_body_that_is_not_json_is_refused,
    an_unknown_or_invalid_member_is_named,
    x053_an_unknown_or_invalid_parameter_is_named,
    x075_a_hostile_path_is_a_client_error,
    a_missing_body_counts_as_an_empty_one,
];

/// Builds a request that creates a role with any content type and body.
fn post_role<'a>(app: &'a TestApp, token: &'a str) -> impl Fn(&str, &str) -> RequestBuilder + 'a {
    move |content_type, body| {
        app.request(Method::POST, "/api/roles")
            .token(token)
            .raw(content_type, body.to_owned())
    }
}

async fn x073_a_body_that_is_not_json_is_refused(app: TestApp) {
    let token = app.admin().await;
    let revision = app.db.revision().await;
    let request = post_role(&app, token);
    let deep = format!("{{\"name\":{}", "[".repeat(50_000));
    for bad in [
        "{",
        "nope",
        "{\"name\":\"editor\"} trailing",
        "\u{feff}{\"name\":\"editor\"}",
        "{'name':'editor'}",
        "{\"name\":1e}",
        "{\"name\":\"\\ud800\"}",
        deep.as_str(),
    ] {
        let response = request("application/json", bad).send().await;
        assert_eq!(response.status, 400, "{}", &bad[..bad.len().min(40)]);
        assert_eq!(
            response.header("content-type"),
            Some("application/problem+json")
        );
        assert!(response.text("detail").contains("not JSON"), "{response:?}");
    }
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "text/json",
        "application/xml",
        "",
    ] {
        let response = request(kind, r#"{"name":"editor"}"#).send().await;
        assert_eq!(response.status, 415, "{kind}");
        assert_eq!(response.json["status"], 415);
    }
    let huge = format!(
        r#"{{"name":"editor","description":"{}"}}"#,
        "x".repeat(3 << 20)
    );
    let response = request("application/json", &huge).send().await;
    assert_eq!(response.is(413).json["status"], 413);
    assert_eq!(app.db.revision().await, revision);
}

/// Method, path, the invalid member, and the body.
const WRONG_BODIES: &str = r#"
POST /api/roles name {}
POST /api/roles x {"name": "a", "x": 1}
POST /api/roles name {"name": 1}
POST /api/roles name {"name": null}
POST /api/roles name {"name": "Editor"}
POST /api/roles name {"name": "rolecall.mine"}
POST /api/roles description {"name": "a", "description": "a\u0007"}
POST /api/permissions name {"name": "items:*"}
POST /api/permissions name {"name": "items"}
POST /api/permissions name {"name": "role:admin"}
POST /api/permissions name {"name": "rolecall.users:own"}
POST /api/permissions name {"name": "items:read\u0000"}
POST /api/users username {"password": "wrong horse battery staple"}
POST /api/users username {"username": "a b"}
POST /api/users password {"username": "bob", "password": "short"}
POST /api/users email {"username": "bob", "email": "nope"}
POST /api/users id {"username": "bob", "id": "x"}
POST /api/users is_admin {"username": "bob", "is_admin": true}
PATCH /api/users/ALICE status {"status": "gone"}
PATCH /api/users/ALICE status {"status": null, "x": 1}
PATCH /api/users/ALICE roles {"roles": ["rolecall.admin"]}
PATCH /api/users/ALICE password {"password": "wrong horse battery staple"}
PATCH /api/users/ALICE username {"username": ""}
PUT /api/users/ALICE/roles/user expires_at {"expires_at": "tomorrow"}
PUT /api/users/ALICE/roles/user expires_at {"expires_at": "2020-01-01T00:00:00Z"}
PUT /api/users/ALICE/roles/user valid_from {"valid_from": 5}
PUT /api/users/ALICE/roles/user tenant {"tenant": "acme"}
PUT /api/users/ALICE/roles/user reason {"reason": "line\nbreak"}
POST /register password {"username": "bob"}
POST /register roles {"username": "bob", "password": "wrong horse battery staple", "roles": ["admin"]}
POST /register sub {"username": "bob", "password": "wrong horse battery staple", "sub": "x"}
POST /password new_password {"username": "bob", "current_password": "wrong horse battery staple"}
PATCH /api/me username {"username": "root"}
PATCH /api/me roles {"roles": []}
PUT /api/me/password current_password {"new_password": "wrong horse battery staple"}
"#;

async fn an_unknown_or_invalid_member_is_named(app: TestApp) {
    let token = app.admin().await;
    let alice = app.create_user("alice", &[]).await;
    let revision = app.db.revision().await;
    for line in WRONG_BODIES.trim().lines() {
        let [method, path, member, body] = line.splitn(4, ' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let path = path.replace("ALICE", &alice);
        let request = app.request(method.parse().unwrap(), path).token(token);
        let request = request.raw("application/json", body.to_owned());
        let response = request.send().await;
        assert_eq!(response.status, 422, "{line}: {response:?}");
        response.invalid(&["body", member]);
        assert!(!String::from_utf8_lossy(&response.body).contains(WRONG));
    }
    let twice = post_role(&app, token)("application/json", r#"{"name":"a","name":"b"}"#);
    twice.send().await.invalid(&["body", "name"]);
    let list = post_role(&app, token)("application/json", "[]");
    list.send().await.invalid(&["body"]);
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
}

async fn x053_an_unknown_or_invalid_parameter_is_named(app: TestApp) {
    let token = app.admin().await;
    let admin = app.id_of("admin").await;
    let assignments = format!("/api/users/{admin}/roles");
    for list in [
        "/api/users",
        "/api/roles",
        "/api/permissions",
        "/api/audit",
        &assignments,
    ] {
        for (query, name) in [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=-1", "limit"),
            ("limit=", "limit"),
            ("limit=1e2", "limit"),
            ("limit=9223372036854775808", "limit"),
            ("limit=NaN", "limit"),
            ("limit=1&limit=2", "limit"),
            ("cursor=%21", "cursor"),
            ("cursor=AAAA", "cursor"),
            ("sort=name", "sort"),
            ("Limit=1", "Limit"),
        ] {
            let response = app.get(format_args!("{list}?{query}"), token).await;
            assert_eq!(response.status, 422, "{list}?{query}");
            response.invalid(&["query", name]);
        }
        app.get(format_args!("{list}?limit=1"), token).await.is(200);
        app.get(format_args!("{list}?limit=200"), token)
            .await
            .is(200);
    }
    let path = "/api/audit?kind=everything";
    app.get(path, token).await.invalid(&["query", "kind"]);
    // an empty tenant must not count as none, which would be global
    for tenant in [
        "", "=", "=ACME", "=acme/..", "=..", "=%00", "=a%20b", "=acme%0a",
    ] {
        let path = format!("/api/users/{admin}/roles/user?tenant{tenant}");
        app.put(&path, token).await.invalid(&["query", "tenant"]);
        app.delete(&path, token).await.invalid(&["query", "tenant"]);
        let path = format!("/api/users/{admin}/roles?tenant{tenant}");
        app.get(path, token).await.invalid(&["query", "tenant"]);
    }
    let path = format!("/api/users/{admin}/roles/user?tenant=acme&tenant=other");
    app.put(path, token).await.invalid(&["query", "tenant"]);
}

async fn x075_a_hostile_path_is_a_client_error(app: TestApp) {
    let token = app.admin().await;
    let long = "x".repeat(5_000);
    for segment in [
        "%00",
        "%ff",
        "%0d%0aSet-Cookie:%20a=b",
        "..%2f..%2fetc%2fpasswd",
        "%27%20OR%201=1%20--",
        "%3Cscript%3E",
        long.as_str(),
        "-1",
        "9223372036854775808",
        "*",
        "%F0%9F%A6%80",
    ] {
        for path in [
            format!("/api/users/{segment}"),
            format!("/api/users/{segment}/roles"),
            format!("/api/roles/{segment}"),
            format!("/docs/{segment}"),
        ] {
            let response = app.get(&path, token).await;
            assert!(
                [400, 404, 422].contains(&response.status.as_u16()),
                "{path}: {response:?}"
            );
            assert_eq!(
                response.header("content-type"),
                Some("application/problem+json"),
                "{path}"
            );
            assert!(!response.headers.contains_key("set-cookie"));
        }
    }
}

async fn a_missing_body_counts_as_an_empty_one(app: TestApp) {
    let token = app.admin().await;
    let alice = app.create_user("alice", &[]).await;
    let path = format!("/api/users/{alice}/roles/user");
    app.put(&path, token).await.no_content();
    let request = app.request(Method::PATCH, "/api/me").token(token);
    request.send().await.is(200);
    let request = app.request(Method::POST, "/api/roles").token(token);
    request.send().await.invalid(&["body", "name"]);
}
