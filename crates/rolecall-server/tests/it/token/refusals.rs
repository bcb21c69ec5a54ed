//! Logins, clients and scopes that are refused.

use http::Method;

use crate::support::{PASSWORD, TestApp, WRONG, on_both};

on_both![
    o022_an_unregistered_client_is_refused_before_anything_is_counted,
    empty_client_credentials_mean_no_client,
    x015_o027_o028_a_failed_login_does_not_reveal_what_was_wrong,
    a_refused_login_opens_no_session,
    a_password_that_must_change_yields_no_token,
    o032_a_scope_the_subject_does_not_hold_is_refused_and_opens_no_session,
    x054_o034_a_malformed_scope_is_refused,
    x028_a_password_is_never_truncated_trimmed_or_case_folded,
];

async fn o022_an_unregistered_client_is_refused_before_anything_is_counted(app: TestApp) {
    let request = || app.request(Method::POST, "/token");
    let good = [
        ("grant_type", "password"),
        ("username", "admin"),
        ("password", PASSWORD),
    ];
    // `app:secret`, `app:`, and malformed values
    for basic in ["YXBwOnNlY3JldA==", "YXBwOg==", "!!!", "", "YXBw"] {
        let request = request().header("authorization", &format!("Basic {basic}"));
        let response = request.form(&good).send().await;
        response.oauth_error(401, "invalid_client");
        let challenge = response.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Basic "), "{challenge}");
    }
    let long = "A".repeat(60_000);
    let ask_long = request().header("authorization", &format!("Basic {long}"));
    ask_long
        .form(&good)
        .send()
        .await
        .oauth_error(401, "invalid_client");
    for member in ["client_id", "client_secret"] {
        let form = [good.as_slice(), &[(member, "app")]].concat();
        let response = request().form(&form).send().await;
        response.oauth_error(401, "invalid_client");
    }
    let both = [good.as_slice(), &[("client_id", "other")]].concat();
    let ask_both = request().header("authorization", "Basic YXBwOnNlY3JldA==");
    ask_both
        .form(&both)
        .send()
        .await
        .oauth_error(400, "invalid_request");
    let in_query = app.request(Method::POST, "/token?client_id=app&client_secret=canary");
    in_query.form(&good).send().await.is(200);
    assert_eq!(app.db.count("login_failures").await, 0);
    assert_eq!(app.db.count("sessions").await, 1);
}

async fn empty_client_credentials_mean_no_client(app: TestApp) {
    let good = [
        ("grant_type", "password"),
        ("username", "admin"),
        ("password", PASSWORD),
        ("client_id", ""),
        ("client_secret", ""),
    ];
    let request = app.request(Method::POST, "/token");
    let request = request.header("authorization", "Basic Og==");
    request.form(&good).send().await.is(200);
}

async fn x015_o027_o028_a_failed_login_does_not_reveal_what_was_wrong(app: TestApp) {
    let admin = app.admin().await;
    let alice = app.create_user("alice", &[]).await;
    let body = serde_json::json!({ "username": "nopassword" });
    app.post("/api/users", admin, body).await.is(201);
    let disabled = serde_json::json!({ "status": "disabled" });
    let path = format!("/api/users/{alice}");
    app.patch(path, admin, disabled).await.is(200);
    let expected = app.password_grant("admin", WRONG).await;
    expected.wrong_password();
    for (username, password) in [
        ("nobody", WRONG),
        ("nobody", PASSWORD),
        ("alice", PASSWORD),
        ("alice", WRONG),
        ("nopassword", PASSWORD),
        ("ADMIN", WRONG),
        ("a b", PASSWORD),
        ("admin\0", PASSWORD),
        ("\u{430}dmin", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
        ("admin", "x"),
    ] {
        let response = app.password_grant(username, password).await;
        assert_eq!(response, expected, "{username}");
        app.clear_failures().await;
    }
    let long = "x".repeat(2_000);
    assert_eq!(app.password_grant("admin", &long).await, expected);
    assert_eq!(app.password_grant(&long, PASSWORD).await, expected);
    // `POST /password` gives the same response
    for (username, password) in [("nobody", PASSWORD), ("alice", PASSWORD), ("admin", WRONG)] {
        let body = serde_json::json!({
            "username": username, "current_password": password,
            "new_password": "another horse battery staple",
        });
        let response = app.post("/password", "", body).await;
        assert_eq!(response, expected, "{username}");
    }
}

async fn a_refused_login_opens_no_session(app: TestApp) {
    for number in 0..3 {
        let guess = format!("{WRONG} {number}");
        app.password_grant("admin", &guess).await.wrong_password();
        app.password_grant("nobody", &guess).await.wrong_password();
    }
    assert_eq!(app.db.count("sessions").await, 0);
    let failures = app
        .db
        .texts("SELECT CAST(failures AS TEXT) FROM login_failures")
        .await;
    assert_eq!(
        failures,
        ["3", "3"],
        "an unknown name counts like a real one"
    );
    app.log_in("admin").await;
    assert_eq!(
        app.db.count("login_failures").await,
        1,
        "success clears the failures of that account only"
    );
}

async fn a_password_that_must_change_yields_no_token(app: TestApp) {
    let admin = app.admin().await;
    let alice = app.create_user("alice", &[]).await;
    let body = serde_json::json!({ "status": "password_change_required" });
    let path = format!("/api/users/{alice}");
    app.patch(path, admin, body).await.is(200);
    let response = app.password_grant("alice", PASSWORD).await;
    response.oauth_error(400, "invalid_grant");
    assert_eq!(response.json["detail"], "Password change required");
    assert_eq!(response.header("www-authenticate"), None);
    // without the right password the response does not reveal that it must change
    app.password_grant("alice", WRONG).await.wrong_password();
    let sql = format!("SELECT COUNT(*) FROM sessions WHERE subject_id = '{alice}'");
    assert_eq!(app.db.number(&sql).await, 0);
}

async fn o032_a_scope_the_subject_does_not_hold_is_refused_and_opens_no_session(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    app.create_role("editor", &["items:write"]).await;
    app.create_user("alice", &["reader"]).await;
    let sessions = app.db.count("sessions").await;
    for beyond in [
        "items:write",
        "items:read items:write",
        "role:editor",
        "role:reader role:editor",
        "role:nothing",
        "nothing:read",
        "role:rolecall.admin",
        "rolecall.users:read",
    ] {
        let response = app.try_log_in_with_scope("alice", beyond).await;
        response.oauth_error(400, "invalid_scope");
    }
    assert_eq!(app.db.count("sessions").await, sessions);
    let response = app.try_log_in_with_scope("alice", "items:read").await;
    assert_eq!(response.is(200).text("scope"), "items:read");
}

async fn x054_o034_a_malformed_scope_is_refused(app: TestApp) {
    let many = vec!["items:read"; 4_000].join(" ");
    for bad in [
        "items:read  items:write",
        " items:read",
        "items:read ",
        "items:\"read\"",
        "items:re\\ad",
        "items:read\titems:write",
        "items:*",
        "*",
        "ITEMS:READ",
        "items:read,items:write",
        "items",
        "role:",
        ":read",
        "items:read\u{0}",
        many.as_str(),
    ] {
        let response = app.try_log_in_with_scope("admin", bad).await;
        response.oauth_error(400, "invalid_scope");
    }
}

async fn x028_a_password_is_never_truncated_trimmed_or_case_folded(app: TestApp) {
    let password = "p".repeat(60) + "Ünd ein langer Schluß \u{fb01}";
    let body = serde_json::json!({ "username": "alice", "password": password });
    app.post("/register", "", body).await.is(201);
    let mut shorter = password.clone();
    shorter.pop();
    for wrong in [
        shorter,
        format!("{password} "),
        format!(" {password}"),
        format!("{password}\0"),
        password.to_lowercase(),
        // equal under NFKC, but not under NFC
        password.replace('\u{fb01}', "fi"),
    ] {
        app.password_grant("alice", &wrong).await.wrong_password();
        // so that no failure delays the next attempt
        app.clear_failures().await;
    }
    app.password_grant("alice", &password).await.is(200);
}
