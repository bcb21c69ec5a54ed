//! Bodies, paths and numbers that parsers interpret differently.

use http::Method;
use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp, claims, on_both};

on_both![
    x073_ambiguous_json_is_refused,
    x074_odd_form_field_names_set_nothing,
    x075_no_path_escapes_the_assets,
    x076_extreme_numbers_cause_neither_a_panic_nor_an_endless_lifetime,
    x076_an_out_of_range_limit_is_refused,
];

async fn x073_ambiguous_json_is_refused(app: TestApp) {
    let admin = app.admin().await;
    let revision = app.db.revision().await;
    let send = async |body: Vec<u8>| {
        let request = app.request(Method::POST, "/api/roles").token(admin);
        request.raw("application/json", body).send().await
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
        // a list of the values is not an object
        (b"[\"a\",\"b\"]".to_vec(), &[422]),
        (b" \n[\"a\",null]".to_vec(), &[422]),
        (b"\"a\"".to_vec(), &[422]),
        (b"null".to_vec(), &[422]),
        (b"1".to_vec(), &[422]),
        (b" ".to_vec(), &[400]),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let response = send(body).await;
        assert!(
            statuses.contains(&response.status.as_u16()),
            "{shown}: {response:?}"
        );
        assert_eq!(
            response.header("content-type"),
            Some("application/problem+json"),
            "{shown}"
        );
    }
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
    // an escaped member name is the same name
    send(b"{\"n\\u0061me\":\"ed\\u0069tor\"}".to_vec())
        .await
        .is(201);
}

async fn x074_odd_form_field_names_set_nothing(app: TestApp) {
    let send = async |body: String| {
        let request = app.request(Method::POST, "/token");
        request
            .raw("application/x-www-form-urlencoded", body)
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
        let response = send(body.to_owned()).await;
        assert!(
            [400, 401].contains(&response.status.as_u16()),
            "{body}: {response:?}"
        );
    }
    app.clear_failures().await;
    for tail in ["%00", "%20", "+", "%0a"] {
        send(format!("{good}{tail}")).await.wrong_password();
        app.clear_failures().await;
    }
    send(format!("{good}{}", "&x[]=1".repeat(9_000)))
        .await
        .is(200);
    send(format!("{good}{}", "&x=1".repeat(100_000))).await;
    let sessions = app.db.count("sessions").await;
    assert!(sessions <= 2, "{sessions}");
}

async fn x075_no_path_escapes_the_assets(app: TestApp) {
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
        let response = app.get(path, admin).await;
        assert!(
            [400, 404, 422].contains(&response.status.as_u16()),
            "{path}: {response:?}"
        );
        let text = String::from_utf8_lossy(&response.body).into_owned();
        assert!(
            !text.contains("root:") && !text.contains("[package]"),
            "{path}"
        );
    }
}

async fn x076_extreme_numbers_cause_neither_a_panic_nor_an_endless_lifetime(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &[]).await;
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
            let response = app.put_json(&path, admin, json!({ member: wrong })).await;
            response.invalid(&["body", member]);
        }
    }
    for (from, to) in [
        ("-009999-01-02T01:59:59Z", "9999-12-30T22:00:00Z"),
        ("0001-01-01T00:00:00Z", "9999-12-30T22:00:00+02:00"),
    ] {
        let body = json!({ "valid_from": from, "expires_at": to });
        let response = app.put_json(&path, admin, body).await;
        assert!(
            [204, 422].contains(&response.status.as_u16()),
            "{response:?}"
        );
        if response.status == 204 {
            let claims = claims(&app.log_in("alice").await);
            assert_eq!(
                claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
                1800
            );
        }
    }
    // a token request cannot choose the lifetime
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

async fn x076_an_out_of_range_limit_is_refused(app: TestApp) {
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
            let response = app.get(format_args!("{list}?limit={limit}"), admin).await;
            response.invalid(&["query", "limit"]);
        }
    }
}
