//! The password rules that are visible over HTTP, by their ids in `docs/passwords.md`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{NEW_PASSWORD, PASSWORD, RealHashing, Response, TestApp, WRONG, on_both};

on_both![
    pw_01_fourteen_characters_are_refused_with_the_reason_and_fifteen_are_accepted,
    pw_06_no_password_expires,
    pw_07_no_token_is_issued_before_a_forced_change,
    pw_08_nothing_asks_for_a_hint_or_a_security_question,
    pw_09_a_password_with_a_wrong_end_is_refused,
    pw_10_composed_and_decomposed_forms_are_the_same_password,
    pw_11_x030_a_blocklisted_password_is_refused_wherever_one_is_set,
    pw_14_at_most_a_hundred_failures_are_evaluated,
    pw_15_a_success_clears_the_failures,
    pw_16_the_stored_hash_has_scheme_costs_and_its_own_salt,
    pw_18_a_foreign_hash_is_accepted_and_rehashed,
    pw_18_rehashing_ends_no_session,
    pw_21_a_login_expires,
    pw_23_no_api_response_sets_a_cookie,
    pw_25_x031_a_change_needs_the_current_password_and_a_wrong_one_counts_as_a_failure,
    pw_26_a_password_in_another_case_trimmed_or_cut_is_refused,
    pw_27_a_reset_code_never_becomes_the_password,
];

async fn replace(app: &TestApp, current: &str, new: &str) -> Response {
    app.replace_password("alice", current, new).await
}

async fn change(app: &TestApp, token: &str, current: &str, new: &str) -> Response {
    let body = json!({ "current_password": current, "new_password": new });
    app.put_json("/api/me/password", token, body).await
}

/// The stored hash of a user.
async fn stored_hash(app: &TestApp, username: &str) -> String {
    let sql = format!("SELECT password_hash FROM users WHERE username = '{username}'");
    app.db.texts(&sql).await.remove(0)
}

#[track_caller]
fn expect_refusal(response: &Response, member: &str, kind: &str) {
    response.invalid(&["body", member]);
    assert_eq!(response.json["errors"][0]["type"], kind, "{response:?}");
}

async fn pw_01_fourteen_characters_are_refused_with_the_reason_and_fifteen_are_accepted(
    app: RealHashing,
) {
    let response = app.register("alice", "qwvzkxjmbpltgr").await;
    expect_refusal(&response, "password", "password_too_short");
    assert!(response.text("detail").contains("at least 15"));
    app.register("alice", "qwvzkxjmbpltgrh").await.is(201);
}

async fn pw_06_no_password_expires(app: RealHashing) {
    app.create_user("alice", &[]).await;
    app.pass_time(Duration::from_hours(24 * 365 * 7));
    let token = app.log_in("alice").await;
    assert_eq!(app.get("/api/me", &token).await.text("status"), "active");
}

async fn pw_07_no_token_is_issued_before_a_forced_change(app: RealHashing) {
    let id = app.create_user("alice", &[]).await;
    let before = app.log_in("alice").await;
    let body = json!({ "status": "password_change_required" });
    app.patch(format_args!("/api/users/{id}"), app.admin().await, body)
        .await
        .is(200);
    app.get("/api/me", &before).await.ended_token();
    let response = app.password_grant("alice", PASSWORD).await;
    response.oauth_error(400, "invalid_grant");
    assert_eq!(response.json["detail"], "Password change required");
    // the same password again is not a change
    let same = replace(&app, PASSWORD, PASSWORD).await;
    expect_refusal(&same, "new_password", "password_unchanged");
    app.password_grant("alice", PASSWORD)
        .await
        .oauth_error(400, "invalid_grant");
    replace(&app, PASSWORD, NEW_PASSWORD).await.no_content();
    app.password_grant("alice", NEW_PASSWORD).await.is(200);
}

/// Collects the names of all members at any depth.
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

async fn pw_08_nothing_asks_for_a_hint_or_a_security_question(app: RealHashing) {
    let document = app.get("/openapi.json", "").await;
    let mut names = Vec::new();
    member_names(&document.is(200).json, &mut names);
    assert!(names.iter().any(|name| name == "new_password"));
    // the `token_type_hint` of RFC 7009 is not a password hint
    for name in names.iter().filter(|name| *name != "token_type_hint") {
        let requests = ["hint", "question", "maiden", "secret_answer"];
        assert!(!requests.iter().any(|word| name.contains(word)), "`{name}`");
    }
}

async fn pw_09_a_password_with_a_wrong_end_is_refused(app: RealHashing) {
    let right = "purple tram lantern ".repeat(6);
    app.register("alice", &right).await.is(201);
    for length in [64, 72, right.len() - 1] {
        let wrong = format!("{}{}", &right[..length], "x".repeat(right.len() - length));
        app.password_grant("alice", &wrong).await.wrong_password();
    }
    let longer = format!("{right} ");
    app.password_grant("alice", &longer).await.wrong_password();
    app.password_grant("alice", &right).await.is(200);
}

async fn pw_10_composed_and_decomposed_forms_are_the_same_password(app: RealHashing) {
    let composed = "caf\u{e9} \u{c5}ngstrom lantern";
    let decomposed = "cafe\u{301} A\u{30a}ngstrom lantern";
    for (username, set, typed) in [
        ("alice", composed, decomposed),
        ("bob", decomposed, composed),
    ] {
        app.register(username, set).await.is(201);
        app.password_grant(username, typed).await.is(200);
    }
    app.register("carol", "\u{fb01}sh and chips today")
        .await
        .is(201);
    app.password_grant("carol", "fish and chips today")
        .await
        .wrong_password();
}

async fn pw_11_x030_a_blocklisted_password_is_refused_wherever_one_is_set(app: RealHashing) {
    app.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    for (weak, kind) in [
        ("passwordpassword", "password_common"),
        ("rolecallrolecall", "password_like_service"),
        ("alicealicealicealice", "password_like_username"),
    ] {
        expect_refusal(
            &change(&app, &token, PASSWORD, weak).await,
            "new_password",
            kind,
        );
        expect_refusal(&replace(&app, PASSWORD, weak).await, "new_password", kind);
    }
    for (weak, kind) in [
        ("passwordpassword", "password_common"),
        ("rolecallrolecall", "password_like_service"),
        ("bobbobbobbobbobbob", "password_like_username"),
    ] {
        expect_refusal(&app.register("bob", weak).await, "password", kind);
        let body = json!({ "username": "bob", "password": weak });
        let created = app.post("/api/users", app.admin().await, body).await;
        expect_refusal(&created, "password", kind);
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
    let response = app.post("/password", "", body).await;
    expect_refusal(&response, "new_password", "password_common");
    app.log_in("alice").await;
}

async fn pw_14_at_most_a_hundred_failures_are_evaluated(app: RealHashing) {
    app.create_user("alice", &[]).await;
    app.password_grant("alice", WRONG).await.wrong_password();
    app.db
        .execute("UPDATE login_failures SET failures = 98")
        .await;
    app.pass_time(Duration::from_mins(2));
    app.password_grant("alice", WRONG).await.wrong_password();
    app.pass_time(Duration::from_mins(2));
    app.password_grant("alice", WRONG).await.wrong_password();
    app.pass_time(Duration::from_hours(24));
    app.password_grant("alice", PASSWORD).await.wrong_password();
}

async fn pw_15_a_success_clears_the_failures(app: RealHashing) {
    app.create_user("alice", &[]).await;
    for number in 0..5 {
        let guess = format!("{WRONG} {number}");
        app.password_grant("alice", &guess).await.wrong_password();
    }
    app.log_in("alice").await;
    for number in 5..10 {
        let guess = format!("{WRONG} {number}");
        app.password_grant("alice", &guess).await.wrong_password();
    }
    // without the success in between this would be the eleventh attempt in a row, which is delayed
    app.log_in("alice").await;
}

async fn pw_16_the_stored_hash_has_scheme_costs_and_its_own_salt(app: RealHashing) {
    app.create_user("alice", &[]).await;
    app.create_user("bob", &[]).await;
    let (one, other) = (
        stored_hash(&app, "alice").await,
        stored_hash(&app, "bob").await,
    );
    let parts: Vec<&str> = one.split('$').collect();
    assert_eq!(parts[1..4], ["argon2id", "v=19", "m=19456,t=2,p=1"]);
    // 128 bits of salt, 256 bits of output
    assert_eq!((parts[4].len(), parts[5].len()), (22, 43));
    assert_ne!(parts[4], other.split('$').nth(4).unwrap());
    assert!(!one.contains(PASSWORD));
}

/// A few hashes of other software from the fixtures: form, password and hash.
fn foreign_hashes() -> Vec<(String, String, String)> {
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

/// Stores a hash as the password of a user.
async fn store_hash(app: &TestApp, username: &str, hash: &str) {
    app.db
        .execute(&format!(
            "UPDATE users SET password_hash = '{hash}' WHERE username = '{username}'"
        ))
        .await;
}

async fn pw_18_a_foreign_hash_is_accepted_and_rehashed(app: RealHashing) {
    app.create_user("alice", &[]).await;
    let foreign = foreign_hashes();
    assert_eq!(foreign.len(), 8);
    for (form, password, hash) in foreign {
        store_hash(&app, "alice", &hash).await;
        app.password_grant("alice", password.trim())
            .await
            .wrong_password();
        assert_eq!(stored_hash(&app, "alice").await, hash, "{form}");
        app.password_grant("alice", &password).await.is(200);
        let renewed = stored_hash(&app, "alice").await;
        assert!(renewed.starts_with("$argon2id$v=19$m=19456"), "{form}");
        app.password_grant("alice", &password).await.is(200);
        assert_eq!(stored_hash(&app, "alice").await, renewed, "{form}");
    }
    store_hash(&app, "alice", "scrypt:1073741824:8:1$saltsaltsalt$00").await;
    app.password_grant("alice", PASSWORD).await.wrong_password();
}

async fn pw_18_rehashing_ends_no_session(app: RealHashing) {
    app.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    let (_, password, hash) = foreign_hashes().remove(0);
    store_hash(&app, "alice", &hash).await;
    let revision = app.db.revision().await;
    app.password_grant("alice", &password).await.is(200);
    assert_ne!(stored_hash(&app, "alice").await, hash);
    assert_eq!(app.db.revision().await, revision, "nothing was revoked");
    app.get("/api/me", &token).await.is(200);
}

async fn pw_21_a_login_expires(app: RealHashing) {
    app.create_user("alice", &[]).await;
    let response = app.password_grant("alice", PASSWORD).await;
    let seconds = response.is(200).json["expires_in"].as_u64().unwrap();
    assert!(seconds <= 24 * 3600);
    let token = response.text("access_token");
    app.pass_time(Duration::from_secs(seconds - 1));
    app.get("/api/me", &token).await.is(200);
    app.pass_time(Duration::from_hours(24 * 30));
    app.get("/api/me", &token).await.ended_token();
}

async fn pw_23_no_api_response_sets_a_cookie(app: RealHashing) {
    app.create_user("alice", &[]).await;
    let log_in = app.password_grant("alice", PASSWORD).await;
    let token = log_in.is(200).text("access_token");
    for response in [
        log_in,
        app.get("/api/me", &token).await,
        app.get("/api/me", "").await,
        app.password_grant("alice", WRONG).await,
        app.get("/docs", "").await,
    ] {
        assert_eq!(response.header("set-cookie"), None, "{response:?}");
    }
}

async fn pw_25_x031_a_change_needs_the_current_password_and_a_wrong_one_counts_as_a_failure(
    app: RealHashing,
) {
    app.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    let without = json!({ "new_password": NEW_PASSWORD });
    app.put_json("/api/me/password", &token, without)
        .await
        .is(422);
    for wrong in ["", WRONG, NEW_PASSWORD] {
        let response = change(&app, &token, wrong, NEW_PASSWORD).await;
        response.invalid(&["body", "current_password"]);
    }
    let failures = "SELECT failures FROM login_failures";
    assert_eq!(app.db.number(failures).await, 3);
    app.password_grant("alice", NEW_PASSWORD)
        .await
        .wrong_password();
    app.log_in("alice").await;
    let same = change(&app, &token, PASSWORD, PASSWORD).await;
    expect_refusal(&same, "new_password", "password_unchanged");
    app.get("/api/me", &token).await.is(200);
}

async fn pw_26_a_password_in_another_case_trimmed_or_cut_is_refused(app: RealHashing) {
    let right = " Purple Tram Lantern ";
    app.register("alice", right).await.is(201);
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

async fn pw_27_a_reset_code_never_becomes_the_password(app: RealHashing) {
    let body = json!({ "username": "alice" });
    let created = app.post("/api/users", app.admin().await, body).await;
    let code = created.is(201).text("reset_code");
    for again in [
        code.clone(),
        code.to_uppercase(),
        code.replace('-', ""),
        code.replace('-', " "),
        format!(" {code} "),
    ] {
        let response = replace(&app, &code, &again).await;
        expect_refusal(&response, "new_password", "password_unchanged");
    }
    // random, and good for one change
    let id = created.text("id");
    let next = app
        .post(
            format_args!("/api/users/{id}/reset"),
            app.admin().await,
            json!({}),
        )
        .await;
    let next = next.is(200).text("reset_code");
    assert!(next != code && next.replace('-', "").len() * 5 >= 128);
    replace(&app, &code, NEW_PASSWORD).await.wrong_password();
    replace(&app, &next, NEW_PASSWORD).await.no_content();
    replace(&app, &next, PASSWORD).await.wrong_password();
    app.password_grant("alice", &next).await.wrong_password();
    app.password_grant("alice", NEW_PASSWORD).await.is(200);
}
