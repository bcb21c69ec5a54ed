//! Logins, clients and scopes that are refused.

use http::Method;

use crate::support::{PASSWORD, TestApp, WRONG, on_both};

on_both![
    o022_a_client_that_is_not_registered_is_refused_before_anything_is_counted,
    empty_client_credentials_mean_no_client,
    x015_o027_o028_a_wrong_log_in_tells_nobody_what_was_wrong,
    a_refused_log_in_opens_no_session,
    a_password_that_must_change_gives_no_token,
    o032_a_scope_beyond_the_subject_is_refused_and_opens_no_session,
    x054_o034_a_malformed_scope_is_refused,
    x028_a_password_is_never_cut_or_trimmed_or_folded,
];

async fn o022_a_client_that_is_not_registered_is_refused_before_anything_is_counted(app: TestApp) {
    let ask = || app.request(Method::POST, "/token");
    let good = [
        ("grant_type", "password"),
        ("username", "admin"),
        ("password", PASSWORD),
    ];
    // `app:secret`, `app:`, and what is malformed
    for basic in ["YXBwOnNlY3JldA==", "YXBwOg==", "!!!", "", "YXBw"] {
        let ask = ask().header("authorization", &format!("Basic {basic}"));
        let answer = ask.form(&good).send().await;
        answer.oauth(401, "invalid_client");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Basic "), "{challenge}");
    }
    let long = "A".repeat(60_000);
    let ask_long = ask().header("authorization", &format!("Basic {long}"));
    ask_long
        .form(&good)
        .send()
        .await
        .oauth(401, "invalid_client");
    for member in ["client_id", "client_secret"] {
        let form = [good.as_slice(), &[(member, "app")]].concat();
        let answer = ask().form(&form).send().await;
        answer.oauth(401, "invalid_client");
    }
    let both = [good.as_slice(), &[("client_id", "other")]].concat();
    let ask_both = ask().header("authorization", "Basic YXBwOnNlY3JldA==");
    ask_both
        .form(&both)
        .send()
        .await
        .oauth(400, "invalid_request");
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
    let ask = app.request(Method::POST, "/token");
    let ask = ask.header("authorization", "Basic Og==");
    ask.form(&good).send().await.is(200);
}

async fn x015_o027_o028_a_wrong_log_in_tells_nobody_what_was_wrong(app: TestApp) {
    let admin = app.admin().await;
    let alice = app.user("alice", &[]).await;
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
        let answer = app.password_grant(username, password).await;
        assert_eq!(answer, expected, "{username}");
        app.forgive().await;
    }
    let long = "x".repeat(2_000);
    assert_eq!(app.password_grant("admin", &long).await, expected);
    assert_eq!(app.password_grant(&long, PASSWORD).await, expected);
    // and the way out of a forced change answers in the same way
    for (username, password) in [("nobody", PASSWORD), ("alice", PASSWORD), ("admin", WRONG)] {
        let body = serde_json::json!({
            "username": username, "current_password": password,
            "new_password": "another horse battery staple",
        });
        let answer = app.post("/password", "", body).await;
        assert_eq!(answer, expected, "{username}");
    }
}

async fn a_refused_log_in_opens_no_session(app: TestApp) {
    for _ in 0..3 {
        app.password_grant("admin", WRONG).await.wrong_password();
        app.password_grant("nobody", WRONG).await.wrong_password();
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
    app.login("admin").await;
    assert_eq!(
        app.db.count("login_failures").await,
        1,
        "success resets the account and nobody else's"
    );
}

async fn a_password_that_must_change_gives_no_token(app: TestApp) {
    let admin = app.admin().await;
    let alice = app.user("alice", &[]).await;
    let body = serde_json::json!({ "status": "password_change_required" });
    let path = format!("/api/users/{alice}");
    app.patch(path, admin, body).await.is(200);
    let answer = app.password_grant("alice", PASSWORD).await;
    answer.oauth(400, "invalid_grant");
    assert_eq!(answer.json["detail"], "Password change required");
    assert_eq!(answer.header("www-authenticate"), None);
    // whoever does not know the password is not told that it must change
    app.password_grant("alice", WRONG).await.wrong_password();
    let sql = format!("SELECT COUNT(*) FROM sessions WHERE subject_id = '{alice}'");
    assert_eq!(app.db.number(&sql).await, 0);
}

async fn o032_a_scope_beyond_the_subject_is_refused_and_opens_no_session(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    app.role("editor", &["items:write"]).await;
    app.user("alice", &["reader"]).await;
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
        let answer = app.try_login_for("alice", beyond).await;
        answer.oauth(400, "invalid_scope");
    }
    assert_eq!(app.db.count("sessions").await, sessions);
    let answer = app.try_login_for("alice", "items:read").await;
    assert_eq!(answer.is(200).text("scope"), "items:read");
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
        let answer = app.try_login_for("admin", bad).await;
        answer.oauth(400, "invalid_scope");
    }
}

async fn x028_a_password_is_never_cut_or_trimmed_or_folded(app: TestApp) {
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
        // NFKC would make them equal; NFC does not
        password.replace('\u{fb01}', "fi"),
    ] {
        app.password_grant("alice", &wrong).await.wrong_password();
        // each starts anew: the delays are not what is tested here
        app.forgive().await;
    }
    app.password_grant("alice", &password).await.is(200);
}
