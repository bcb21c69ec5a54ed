//! The rules for passwords that show over HTTP, by their ids; `docs/passwords.md` says what each is.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, TestApp, WRONG, on_both};

on_both![
    pw_01_a_short_password_is_refused_with_the_reason_and_fifteen_code_points_are_not,
    pw_06_no_password_expires,
    pw_07_a_forced_change_comes_before_any_token,
    pw_08_nothing_asks_for_a_hint_or_a_security_question,
    pw_09_a_wrong_tail_does_not_log_in,
    pw_10_a_password_set_decomposed_logs_in_composed_and_the_reverse,
    pw_11_x030_a_blocklisted_password_is_refused_wherever_one_is_set,
    pw_14_a_hundred_failures_are_evaluated_and_not_one_more,
    pw_15_a_success_forgives_the_failures,
    pw_16_the_row_holds_scheme_costs_and_a_salt_of_its_own,
    pw_18_a_foreign_hash_logs_in_and_is_renewed_and_nobody_is_locked_out,
    pw_18_a_renewal_ends_no_session,
    pw_21_a_log_in_ends_by_itself,
    pw_23_no_answer_of_the_api_sets_a_cookie,
    pw_25_x031_a_change_needs_the_current_password_and_a_wrong_one_counts,
    pw_26_other_case_trimmed_or_cut_does_not_log_in,
    pw_27_a_reset_code_never_becomes_the_password,
];

const NEW: &str = "another horse battery staple";

async fn register(app: &TestApp, username: &str, password: &str) -> Answer {
    let body = json!({ "username": username, "password": password });
    app.post("/register", "", body).await
}

async fn replace(app: &TestApp, current: &str, new: &str) -> Answer {
    let body = json!({ "username": "alice", "current_password": current, "new_password": new });
    app.post("/password", "", body).await
}

async fn change(app: &TestApp, token: &str, current: &str, new: &str) -> Answer {
    let body = json!({ "current_password": current, "new_password": new });
    app.put_json("/api/me/password", token, body).await
}

async fn stored(app: &TestApp, username: &str) -> String {
    let sql = format!("SELECT password_hash FROM users WHERE username = '{username}'");
    app.db.texts(&sql).await.remove(0)
}

#[track_caller]
fn refused(answer: &Answer, member: &str, kind: &str) {
    answer.invalid(&["body", member]);
    assert_eq!(answer.json["errors"][0]["type"], kind, "{answer:?}");
}

async fn pw_01_a_short_password_is_refused_with_the_reason_and_fifteen_code_points_are_not(
    app: TestApp,
) {
    let answer = register(&app, "alice", "qwvzkxjmbpltgr").await;
    refused(&answer, "password", "password_too_short");
    assert!(answer.text("detail").contains("at least 15"));
    register(&app, "alice", "qwvzkxjmbpltgrh").await.is(201);
}

async fn pw_06_no_password_expires(app: TestApp) {
    app.user("alice", &[]).await;
    app.pass(Duration::from_hours(24 * 365 * 7));
    let token = app.login("alice").await;
    assert_eq!(app.get("/api/me", &token).await.text("status"), "active");
}

async fn pw_07_a_forced_change_comes_before_any_token(app: TestApp) {
    let id = app.user("alice", &[]).await;
    let before = app.login("alice").await;
    let body = json!({ "status": "password_change_required" });
    app.patch(format_args!("/api/users/{id}"), app.admin().await, body)
        .await
        .is(200);
    app.get("/api/me", &before).await.ended();
    let answer = app.password_grant("alice", PASSWORD).await;
    answer.oauth(400, "invalid_grant");
    assert_eq!(answer.json["detail"], "Password change required");
    // the compromised password again is no change
    let same = replace(&app, PASSWORD, PASSWORD).await;
    refused(&same, "new_password", "password_unchanged");
    app.password_grant("alice", PASSWORD)
        .await
        .oauth(400, "invalid_grant");
    replace(&app, PASSWORD, NEW).await.done();
    app.password_grant("alice", NEW).await.is(200);
}

/// The names of all members anywhere in a document.
fn member_names(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                into.push(name.to_lowercase());
                member_names(value, into);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| member_names(item, into)),
        _ => {}
    }
}

async fn pw_08_nothing_asks_for_a_hint_or_a_security_question(app: TestApp) {
    let document = app.get("/openapi.json", "").await;
    let mut names = Vec::new();
    member_names(&document.is(200).json, &mut names);
    assert!(names.iter().any(|name| name == "new_password"));
    // what RFC 7009 calls a hint is none at a password
    for name in names.iter().filter(|name| *name != "token_type_hint") {
        let asks = ["hint", "question", "maiden", "secret_answer"];
        assert!(!asks.iter().any(|word| name.contains(word)), "`{name}`");
    }
}

async fn pw_09_a_wrong_tail_does_not_log_in(app: TestApp) {
    let right = "purple tram lantern ".repeat(6);
    register(&app, "alice", &right).await.is(201);
    for length in [64, 72, right.len() - 1] {
        let wrong = format!("{}{}", &right[..length], "x".repeat(right.len() - length));
        app.password_grant("alice", &wrong).await.wrong_password();
    }
    let longer = format!("{right} ");
    app.password_grant("alice", &longer).await.wrong_password();
    app.password_grant("alice", &right).await.is(200);
}

async fn pw_10_a_password_set_decomposed_logs_in_composed_and_the_reverse(app: TestApp) {
    let composed = "caf\u{e9} \u{c5}ngstrom lantern";
    let decomposed = "cafe\u{301} A\u{30a}ngstrom lantern";
    for (username, set, typed) in [
        ("alice", composed, decomposed),
        ("bob", decomposed, composed),
    ] {
        register(&app, username, set).await.is(201);
        app.password_grant(username, typed).await.is(200);
    }
    register(&app, "carol", "\u{fb01}sh and chips today")
        .await
        .is(201);
    app.password_grant("carol", "fish and chips today")
        .await
        .wrong_password();
}

async fn pw_11_x030_a_blocklisted_password_is_refused_wherever_one_is_set(app: TestApp) {
    app.user("alice", &[]).await;
    let token = app.login("alice").await;
    for (weak, kind) in [
        ("passwordpassword", "password_common"),
        ("rolecallrolecall", "password_like_service"),
        ("alicealicealicealice", "password_like_username"),
    ] {
        refused(
            &change(&app, &token, PASSWORD, weak).await,
            "new_password",
            kind,
        );
        refused(&replace(&app, PASSWORD, weak).await, "new_password", kind);
    }
    for (weak, kind) in [
        ("passwordpassword", "password_common"),
        ("rolecallrolecall", "password_like_service"),
        ("bobbobbobbobbobbob", "password_like_username"),
    ] {
        refused(&register(&app, "bob", weak).await, "password", kind);
        let body = json!({ "username": "bob", "password": weak });
        let made = app.post("/api/users", app.admin().await, body).await;
        refused(&made, "password", kind);
    }
    let code = app
        .post(
            "/api/users",
            app.admin().await,
            json!({ "username": "bob" }),
        )
        .await
        .is(201)
        .text("reset_code");
    let body =
        json!({ "username": "bob", "current_password": code, "new_password": "passwordpassword" });
    let answer = app.post("/password", "", body).await;
    refused(&answer, "new_password", "password_common");
    app.login("alice").await;
}

async fn pw_14_a_hundred_failures_are_evaluated_and_not_one_more(app: TestApp) {
    app.user("alice", &[]).await;
    app.password_grant("alice", WRONG).await.wrong_password();
    app.db
        .execute("UPDATE login_failures SET failures = 98")
        .await;
    app.pass(Duration::from_mins(2));
    app.password_grant("alice", WRONG).await.wrong_password();
    app.pass(Duration::from_mins(2));
    app.password_grant("alice", WRONG).await.wrong_password();
    app.pass(Duration::from_hours(24));
    app.password_grant("alice", PASSWORD).await.wrong_password();
}

async fn pw_15_a_success_forgives_the_failures(app: TestApp) {
    app.user("alice", &[]).await;
    for _ in 0..5 {
        app.password_grant("alice", WRONG).await.wrong_password();
    }
    app.login("alice").await;
    for _ in 0..5 {
        app.password_grant("alice", WRONG).await.wrong_password();
    }
    // without the success this would be the eleventh in a row, which has to wait
    app.login("alice").await;
}

async fn pw_16_the_row_holds_scheme_costs_and_a_salt_of_its_own(app: TestApp) {
    app.user("alice", &[]).await;
    app.user("bob", &[]).await;
    let (one, other) = (stored(&app, "alice").await, stored(&app, "bob").await);
    let parts: Vec<&str> = one.split('$').collect();
    assert_eq!(parts[1..4], ["argon2id", "v=19", "m=19456,t=2,p=1"]);
    // 128 bits of salt, 256 of output
    assert_eq!((parts[4].len(), parts[5].len()), (22, 43));
    assert_ne!(parts[4], other.split('$').nth(4).unwrap());
    assert!(!one.contains(PASSWORD));
}

/// A few hashes from the fixtures, of other software, with the password they were made from.
fn foreign() -> Vec<(String, String, String)> {
    include_str!("../../../rolecall-passwords/tests/fixtures/hashes/hashes.tsv")
        .lines()
        .skip(1)
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            (columns[0].into(), columns[1].into(), columns[2].into())
        })
        .filter(|(form, _, _): &(String, String, String)| {
            ["Django", "passlib scrypt", "Werkzeug scrypt"]
                .iter()
                .any(|maker| form.starts_with(maker))
        })
        .step_by(3)
        .collect()
}

async fn keep(app: &TestApp, username: &str, hash: &str) {
    app.db
        .execute(&format!(
            "UPDATE users SET password_hash = '{hash}' WHERE username = '{username}'"
        ))
        .await;
}

async fn pw_18_a_foreign_hash_logs_in_and_is_renewed_and_nobody_is_locked_out(app: TestApp) {
    app.user("alice", &[]).await;
    let foreign = foreign();
    assert_eq!(foreign.len(), 8);
    for (form, password, hash) in foreign {
        keep(&app, "alice", &hash).await;
        app.password_grant("alice", password.trim())
            .await
            .wrong_password();
        assert_eq!(stored(&app, "alice").await, hash, "{form}");
        app.password_grant("alice", &password).await.is(200);
        let renewed = stored(&app, "alice").await;
        assert!(renewed.starts_with("$argon2id$v=19$m=19456"), "{form}");
        app.password_grant("alice", &password).await.is(200);
        assert_eq!(stored(&app, "alice").await, renewed, "{form}");
    }
    keep(&app, "alice", "scrypt:1073741824:8:1$saltsaltsalt$00").await;
    app.password_grant("alice", PASSWORD).await.wrong_password();
}

async fn pw_18_a_renewal_ends_no_session(app: TestApp) {
    app.user("alice", &[]).await;
    let token = app.login("alice").await;
    let (_, password, hash) = foreign().remove(0);
    keep(&app, "alice", &hash).await;
    let revision = app.db.revision().await;
    app.password_grant("alice", &password).await.is(200);
    assert_ne!(stored(&app, "alice").await, hash);
    assert_eq!(app.db.revision().await, revision, "nobody lost anything");
    app.get("/api/me", &token).await.is(200);
}

async fn pw_21_a_log_in_ends_by_itself(app: TestApp) {
    app.user("alice", &[]).await;
    let answer = app.password_grant("alice", PASSWORD).await;
    let seconds = answer.is(200).json["expires_in"].as_u64().unwrap();
    assert!(seconds <= 24 * 3600);
    let token = answer.text("access_token");
    app.pass(Duration::from_secs(seconds - 1));
    app.get("/api/me", &token).await.is(200);
    app.pass(Duration::from_hours(24 * 30));
    app.get("/api/me", &token).await.ended();
}

async fn pw_23_no_answer_of_the_api_sets_a_cookie(app: TestApp) {
    app.user("alice", &[]).await;
    let log_in = app.password_grant("alice", PASSWORD).await;
    let token = log_in.is(200).text("access_token");
    for answer in [
        log_in,
        app.get("/api/me", &token).await,
        app.get("/api/me", "").await,
        app.password_grant("alice", WRONG).await,
        app.get("/docs", "").await,
    ] {
        assert_eq!(answer.header("set-cookie"), None, "{answer:?}");
    }
}

async fn pw_25_x031_a_change_needs_the_current_password_and_a_wrong_one_counts(app: TestApp) {
    app.user("alice", &[]).await;
    let token = app.login("alice").await;
    let without = json!({ "new_password": NEW });
    app.put_json("/api/me/password", &token, without)
        .await
        .is(422);
    for wrong in ["", WRONG, NEW] {
        let answer = change(&app, &token, wrong, NEW).await;
        answer.invalid(&["body", "current_password"]);
    }
    let failures = "SELECT failures FROM login_failures";
    assert_eq!(app.db.number(failures).await, 3);
    app.password_grant("alice", NEW).await.wrong_password();
    app.login("alice").await;
    let same = change(&app, &token, PASSWORD, PASSWORD).await;
    refused(&same, "new_password", "password_unchanged");
    app.get("/api/me", &token).await.is(200);
}

async fn pw_26_other_case_trimmed_or_cut_does_not_log_in(app: TestApp) {
    let right = " Purple Tram Lantern ";
    register(&app, "alice", right).await.is(201);
    for wrong in [
        right.to_uppercase().as_str(),
        right.to_lowercase().as_str(),
        right.trim(),
        &right[..right.len() - 2],
    ] {
        app.password_grant("alice", wrong).await.wrong_password();
    }
    app.password_grant("alice", right).await.is(200);
}

async fn pw_27_a_reset_code_never_becomes_the_password(app: TestApp) {
    let body = json!({ "username": "alice" });
    let made = app.post("/api/users", app.admin().await, body).await;
    let code = made.is(201).text("reset_code");
    for again in [
        code.clone(),
        code.to_uppercase(),
        code.replace('-', ""),
        code.replace('-', " "),
        format!(" {code} "),
    ] {
        let answer = replace(&app, &code, &again).await;
        refused(&answer, "new_password", "password_unchanged");
    }
    // random, short-lived, good for one change
    let id = made.text("id");
    let next = app
        .post(
            format_args!("/api/users/{id}/reset"),
            app.admin().await,
            json!({}),
        )
        .await;
    let next = next.is(200).text("reset_code");
    assert!(next != code && next.replace('-', "").len() * 5 >= 128);
    replace(&app, &code, NEW).await.wrong_password();
    replace(&app, &next, NEW).await.done();
    replace(&app, &next, PASSWORD).await.wrong_password();
    app.password_grant("alice", &next).await.wrong_password();
    app.password_grant("alice", NEW).await.is(200);
}
