//! Injection and parsing: what is data stays data.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, ISSUER, PASSWORD, TestApp, WRONG, claims, on_both};

on_both![
    x067_no_text_reaches_the_database_as_sql,
    x070_headers_of_a_stranger_change_nothing,
    x073_json_that_is_read_differently_elsewhere_is_refused,
    x074_a_form_with_odd_names_sets_nothing,
    x075_no_path_leads_out_of_the_assets,
    x076_numbers_at_the_edge_neither_panic_nor_live_for_ever,
    x076_a_limit_that_no_number_type_holds_is_refused,
];

/// In the manner of scanners: quotes, comments, unions, stacked statements, waits, functions of either database.
const STATEMENTS: &[&str] = &[
    "'",
    "\"",
    "''",
    "`",
    "\\",
    "\\'",
    "%",
    "_",
    "%' ESCAPE '",
    "!",
    "!%",
    "' OR '1'='1",
    "' OR 1=1 --",
    "' OR 1=1 #",
    "\" OR \"\"=\"",
    "') OR ('1'='1",
    "admin'--",
    "admin' /*",
    "1 OR 1=1",
    "' UNION SELECT password_hash FROM users --",
    "' UNION ALL SELECT NULL,NULL,NULL --",
    "'; DROP TABLE users; --",
    "'; UPDATE users SET disabled = TRUE; --",
    "'; SELECT pg_sleep(10); --",
    "' AND (SELECT 1 FROM pg_sleep(10)) --",
    "' || pg_sleep(10) --",
    "' AND 1=randomblob(1000000000) --",
    "' AND load_extension('x') --",
    "' AND extractvalue(1,1) --",
    "$1",
    "$$; DROP TABLE users; $$",
    "?1",
    ":name",
    "@name",
    "{\"$gt\":\"\"}",
    "CAST('x' AS BIGINT)",
    "name; DROP TABLE users",
    "username DESC",
    "(SELECT 1)",
    "0x61646d696e",
    "\u{2019} OR 1=1",
    "\u{ff07} OR 1=1",
];

/// The answer is one of a server that took the text as a text.
#[track_caller]
fn is_harmless(what: &str, text: &str, answer: &Answer) {
    assert!(answer.status.as_u16() < 500, "{what} {text}: {answer:?}");
    let body = String::from_utf8_lossy(&answer.body).to_lowercase();
    for word in [
        "sqlite",
        "postgres",
        "syntax error",
        "sqlx",
        "no such table",
        "no such column",
        "relation \"",
        "unterminated",
    ] {
        assert!(!body.contains(word), "{what} {text}: {body}");
    }
}

fn encoded(text: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    encoded.replace('+', "%20")
}

async fn in_queries(app: &TestApp, text: &str) {
    let admin = app.admin().await;
    let encoded = encoded(text);
    // where a search may find only what holds the text
    for list in ["/api/users", "/api/roles", "/api/permissions", "/api/audit"] {
        for name in [
            "q", "username", "cursor", "limit", "kind", "sort", "order", "filter",
        ] {
            let answer = app
                .get(format_args!("{list}?{name}={encoded}"), admin)
                .await;
            is_harmless(list, text, &answer);
            if list == "/api/users" && ["q", "username"].contains(&name) {
                assert_eq!(answer.json["items"], json!([]), "{text}");
            }
        }
    }
}

async fn in_paths(app: &TestApp, alice: &str, text: &str) {
    let admin = app.admin().await;
    let encoded = encoded(text);
    for path in [
        format!("/api/users/{encoded}"),
        format!("/api/users/{encoded}/roles"),
        format!("/api/users/{alice}/roles/{encoded}"),
        format!("/api/users/{alice}/roles/editor?tenant={encoded}"),
        format!("/api/roles/{encoded}"),
        format!("/api/roles/editor/permissions/{encoded}"),
        format!("/api/roles/editor/juniors/{encoded}"),
        format!("/api/permissions/{encoded}"),
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = app.request(method.clone(), &path).token(admin).send().await;
            // to take away what is not there is done, and any name is that of a tenant
            let is_tenant = path.contains("?tenant=") && rolecall::is_name(text);
            if method != Method::DELETE && !is_tenant {
                assert!(
                    answer.status.is_client_error(),
                    "{method} {path}: {answer:?}"
                );
            }
            is_harmless(&path, text, &answer);
        }
    }
}

async fn in_forms(app: &TestApp, text: &str) {
    for name in [
        "username",
        "scope",
        "audience",
        "resource",
        "tenant",
        "client_id",
        "grant_type",
    ] {
        let mut form = vec![
            ("grant_type", "password"),
            ("username", "admin"),
            ("password", "x"),
        ];
        form.retain(|(other, _)| *other != name);
        form.push((name, text));
        let ask = app.request(Method::POST, "/token").form(&form);
        let answer = ask.send().await;
        assert_ne!(answer.status, 200, "{name} {text}");
        is_harmless(name, text, &answer);
        app.forgive().await;
    }
}

async fn in_bodies(app: &TestApp, text: &str) {
    let admin = app.admin().await;
    for (line, body) in [
        ("PATCH /api/me", json!({ "email": text })),
        ("POST /api/users", json!({ "username": text })),
        (
            "POST /api/users",
            json!({ "username": "bob", "roles": [text] }),
        ),
        ("POST /api/roles", json!({ "name": text })),
        ("POST /api/permissions", json!({ "name": text })),
        (
            "POST /password",
            json!({ "username": text, "current_password": WRONG, "new_password": text }),
        ),
    ] {
        let (method, path) = line.split_once(' ').unwrap();
        let ask = app
            .request(method.parse().unwrap(), path)
            .token(admin)
            .json(&body);
        is_harmless(line, text, &ask.send().await);
    }
}

async fn is_kept(app: &TestApp, alice: &str, text: &str) {
    let admin = app.admin().await;
    // where the text may be kept, it is kept as it is
    let path = format!("/api/users/{alice}/roles/editor");
    app.put_json(&path, admin, json!({ "reason": text }))
        .await
        .done();
    let seen = app
        .get(format_args!("/api/users/{alice}/roles"), admin)
        .await;
    assert_eq!(seen.json["items"][0]["reason"], text);
    let body = json!({ "description": text });
    app.patch("/api/roles/editor", admin, body).await.is(200);
    assert_eq!(
        app.get("/api/roles/editor", admin)
            .await
            .text("description"),
        text
    );
}

async fn x067_no_text_reaches_the_database_as_sql(app: TestApp) {
    const STORED: &str =
        "SELECT password_hash FROM users WHERE username IN ('admin', 'alice') ORDER BY id";
    app.role("editor", &["items:read"]).await;
    let alice = app.user("alice", &["editor"]).await;
    let hashes = app.db.texts(STORED).await;
    for text in STATEMENTS {
        in_queries(&app, text).await;
        in_paths(&app, &alice, text).await;
        in_forms(&app, text).await;
        in_bodies(&app, text).await;
        is_kept(&app, &alice, text).await;
    }
    // a password of such a text is just a password
    let strange = "'; DROP TABLE users; --";
    let body = json!({ "username": "strange", "password": strange });
    app.post("/register", "", body).await.is(201);
    app.password_grant("strange", strange).await.is(200);
    app.login("alice").await;
    assert_eq!(hashes.len(), 2);
    assert_eq!(app.db.texts(STORED).await, hashes);
}

/// What only a proxy or a gateway may say, each said by a stranger.
const PROXIES: &[(&str, &str)] = &[
    ("host", "evil.example"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-port", "1"),
    ("x-forwarded-prefix", "/evil"),
    ("x-forwarded-for", "127.0.0.1, 10.0.0.1"),
    ("forwarded", "for=127.0.0.1;host=evil.example;proto=https"),
    ("x-real-ip", "127.0.0.1"),
    ("true-client-ip", "127.0.0.1"),
    ("cf-connecting-ip", "127.0.0.1"),
    ("x-original-url", "/api/users"),
    ("x-rewrite-url", "/api/users"),
    ("x-http-method-override", "DELETE"),
    ("x-method-override", "DELETE"),
    ("x-user-id", "admin"),
    ("x-remote-user", "admin"),
    ("remote-user", "admin"),
    ("x-forwarded-user", "admin"),
    ("x-rolecall-subject", "admin"),
    ("x-rolecall-roles", "rolecall.admin"),
    ("x-rolecall-permissions", "rolecall.users:read"),
    ("x-client-cert", "admin"),
];

async fn x070_headers_of_a_stranger_change_nothing(app: TestApp) {
    let alice = app.user("alice", &["user"]).await;
    let token = app.login("alice").await;
    let with = async |method: Method, path: &str, token: &str| {
        let mut ask = app.request(method, path).from("203.0.113.9").token(token);
        for (name, value) in PROXIES {
            ask = ask.header(name, value);
        }
        ask.send().await
    };
    with(Method::GET, "/api/users", "")
        .await
        .not_authenticated();
    with(Method::GET, "/api/users", &token)
        .await
        .forbidden("rolecall.users:read");
    let me = with(Method::GET, "/api/me", &token).await;
    assert_eq!(me.is(200).text("id"), alice);
    assert_eq!(app.get("/api/me", &token).await, me);
    let metadata = with(Method::GET, "/.well-known/oauth-authorization-server", "").await;
    assert_eq!(metadata.text("issuer"), ISSUER);
    for path in ["/docs", "/openapi.json", "/nothing"] {
        let answer = with(Method::GET, path, "").await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(!text.contains("evil"), "{path}");
        assert!(
            answer
                .headers
                .values()
                .all(|value| !value.as_bytes().windows(4).any(|part| part == b"evil"))
        );
    }
    // the address of the session is that of the connection
    let ask = app.request(Method::POST, "/token").from("203.0.113.9");
    let ask = ask
        .header("x-forwarded-for", "127.0.0.1")
        .header("x-real-ip", "127.0.0.1");
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", PASSWORD),
    ];
    let token = ask.form(&form).send().await.is(200).text("access_token");
    let claims = claims(&token);
    assert_eq!(claims["iss"], ISSUER);
    let sql = format!(
        "SELECT address FROM sessions WHERE id = '{}'",
        claims["sid"].as_str().unwrap()
    );
    assert_eq!(app.db.texts(&sql).await, ["203.0.113.9"]);
}

async fn x073_json_that_is_read_differently_elsewhere_is_refused(app: TestApp) {
    let admin = app.admin().await;
    let revision = app.db.revision().await;
    let send = async |body: Vec<u8>| {
        let ask = app.request(Method::POST, "/api/roles").token(admin);
        ask.raw("application/json", body).send().await
    };
    let deep = |open: &str, close: &str| {
        format!(
            "{{\"name\":{}1{}}}",
            open.repeat(30_000 / open.len()),
            close.repeat(30_000 / open.len())
        )
    };
    let utf_16: Vec<u8> = "{\"name\":\"a\"}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (body, statuses) in [
        (deep("[", "]").into_bytes(), &[400, 422][..]),
        (deep("{\"a\":", "}").into_bytes(), &[400, 422]),
        (b"\xef\xbb\xbf{\"name\":\"a\"}".to_vec(), &[400]),
        (utf_16, &[400]),
        (b"{\"name\":\"a\xff\"}".to_vec(), &[400]),
        (b"{\"name\":\"\\ud800\"}".to_vec(), &[400]),
        (b"{\"name\":\"\\udc00\\ud800\"}".to_vec(), &[400]),
        (b"{\"name\":\"a\"}{\"name\":\"b\"}".to_vec(), &[400]),
        (b"{\"name\":\"a\"}\0".to_vec(), &[400]),
        (b"{\"name\":\"a\",}".to_vec(), &[400]),
        (b"{\"name\":\"a\" /* no */}".to_vec(), &[400]),
        (b"{name:\"a\"}".to_vec(), &[400]),
        (b"{\"name\":NaN}".to_vec(), &[400]),
        (b"{\"name\":Infinity}".to_vec(), &[400]),
        (b"{\"name\":1e400}".to_vec(), &[400, 422]),
        (b"{\"name\":-0}".to_vec(), &[422]),
        (
            b"{\"name\":123456789012345678901234567890}".to_vec(),
            &[422],
        ),
        (b"{\"name\":\"a\",\"name\":\"b\"}".to_vec(), &[422]),
        (b"{\"name\":\"a\",\"n\\u0061me\":\"b\"}".to_vec(), &[422]),
        (b"{\"name\":\"a\",\"\":\"b\"}".to_vec(), &[422]),
        (b"{\"name\":\"a\",\"__proto__\":{}}".to_vec(), &[422]),
        // a list in the order of the members is no other way to write an object
        (b"[\"a\",\"b\"]".to_vec(), &[422]),
        (b" \n[\"a\",null]".to_vec(), &[422]),
        (b"\"a\"".to_vec(), &[422]),
        (b"null".to_vec(), &[422]),
        (b"1".to_vec(), &[422]),
        (b" ".to_vec(), &[400]),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let answer = send(body).await;
        assert!(
            statuses.contains(&answer.status.as_u16()),
            "{shown}: {answer:?}"
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{shown}"
        );
    }
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
    // an escaped name is the name
    send(b"{\"n\\u0061me\":\"ed\\u0069tor\"}".to_vec())
        .await
        .is(201);
}

async fn x074_a_form_with_odd_names_sets_nothing(app: TestApp) {
    let send = async |body: String| {
        let ask = app.request(Method::POST, "/token");
        ask.raw("application/x-www-form-urlencoded", body)
            .send()
            .await
    };
    let good = "grant_type=password&username=admin&password=correct+horse+battery+staple";
    for body in [
        "grant_type=password;username=admin;password=correct+horse+battery+staple",
        "grant_type=password&username[]=admin&password=correct+horse+battery+staple",
        "grant_type=password&username.0=admin&password=correct+horse+battery+staple",
        "grant_type=password&user%00name=admin&password=correct+horse+battery+staple",
        "grant_type=password&Username=admin&PASSWORD=correct+horse+battery+staple",
        "grant_type=password&username=admin&password=%ff%fe",
        "grant_type=password&username=admin&password=correct%2+horse",
    ] {
        let answer = send(body.to_owned()).await;
        assert!(
            [400, 401].contains(&answer.status.as_u16()),
            "{body}: {answer:?}"
        );
    }
    app.forgive().await;
    for tail in ["%00", "%20", "+", "%0a"] {
        send(format!("{good}{tail}")).await.wrong_password();
        app.forgive().await;
    }
    send(format!("{good}{}", "&x[]=1".repeat(9_000)))
        .await
        .is(200);
    send(format!("{good}{}", "&x=1".repeat(100_000))).await;
    let sessions = app.db.count("sessions").await;
    assert!(sessions <= 2, "{sessions}");
}

async fn x075_no_path_leads_out_of_the_assets(app: TestApp) {
    let admin = app.admin().await;
    for path in [
        "/docs/../Cargo.toml",
        "/docs/..%2fCargo.toml",
        "/docs/%2e%2e/%2e%2e/etc/passwd",
        "/docs/..%5c..%5cetc%5cpasswd",
        "/docs/....//....//etc/passwd",
        "/docs/%c0%ae%c0%ae/etc/passwd",
        "/docs//etc/passwd",
        "/docs/init.js%00.html",
        "/docs/init.js/..",
        "/docs/file:///etc/passwd",
        "/docs/init.js.gz",
        "/api/users/..%2froles",
        "/api/users/../roles",
        "/api/roles/..%2f..%2fusers",
    ] {
        let answer = app.get(path, admin).await;
        assert!(
            [400, 404, 422].contains(&answer.status.as_u16()),
            "{path}: {answer:?}"
        );
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            !text.contains("root:") && !text.contains("[package]"),
            "{path}"
        );
    }
}

async fn x076_numbers_at_the_edge_neither_panic_nor_live_for_ever(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    let alice = app.user("alice", &[]).await;
    let admin = app.admin().await;
    let path = format!("/api/users/{alice}/roles/editor");
    for member in ["valid_from", "expires_at"] {
        for wrong in [
            json!(-1),
            json!(0),
            json!(1_u64 << 63),
            json!(1e300),
            json!(true),
            json!(""),
            json!("-1"),
            json!("9999999999"),
            json!("+1000000-01-01T00:00:00Z"),
            json!("10000-01-01T00:00:00Z"),
            json!("2030-02-30T00:00:00Z"),
            json!("2030-01-01T25:00:00Z"),
            json!("2030-01-01"),
            json!("2030-01-01T00:00:00"),
            json!("infinity"),
        ] {
            let answer = app.put_json(&path, admin, json!({ member: wrong })).await;
            answer.invalid(&["body", member]);
        }
    }
    for (from, to) in [
        ("-009999-01-02T01:59:59Z", "9999-12-30T22:00:00Z"),
        ("0001-01-01T00:00:00Z", "9999-12-30T22:00:00+02:00"),
    ] {
        let body = json!({ "valid_from": from, "expires_at": to });
        let answer = app.put_json(&path, admin, body).await;
        assert!([204, 422].contains(&answer.status.as_u16()), "{answer:?}");
        if answer.status == 204 {
            let claims = claims(&app.login("alice").await);
            assert_eq!(
                claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
                1800
            );
        }
    }
    // no lifetime that a token is asked for is one
    for (name, value) in [
        ("expires_in", "9999999999"),
        ("lifetime", "1e309"),
        ("exp", "253402300799"),
    ] {
        let form = [
            ("grant_type", "password"),
            ("username", "alice"),
            ("password", PASSWORD),
            (name, value),
        ];
        assert_eq!(app.token(&form).await.json["expires_in"], Value::from(1800));
    }
}

async fn x076_a_limit_that_no_number_type_holds_is_refused(app: TestApp) {
    let admin = app.admin().await;
    let admin_id = app.id_of("admin").await;
    for list in [
        "/api/users",
        "/api/roles",
        "/api/audit",
        &format!("/api/users/{admin_id}/roles"),
    ] {
        for limit in [
            "-9223372036854775809",
            "18446744073709551616",
            "0x10",
            "1.0",
            "+1%20",
            "%D9%A1",
        ] {
            let answer = app.get(format_args!("{list}?limit={limit}"), admin).await;
            answer.invalid(&["query", "limit"]);
        }
    }
}
