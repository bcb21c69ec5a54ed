//! `POST /register`, and the rules for usernames and passwords.

use serde_json::json;

use crate::support::{Database, NEW_PASSWORD, PASSWORD, TestApp, on_both};

on_both![
    registering_creates_an_account_and_issues_no_token,
    x018_i040_nobody_registers_while_registration_is_closed,
    x034_every_spelling_of_a_taken_name_is_refused,
    x035_a_name_that_looks_like_another_is_refused,
    a_weak_password_is_refused_with_the_reason,
    a_strong_password_needs_no_particular_characters,
    x038_a_reused_name_inherits_nothing_from_its_former_owner,
    several_users_may_enter_one_address_by_default,
    y133_an_address_is_claimed_once_where_addresses_are_unique,
];

async fn registering_creates_an_account_and_issues_no_token(app: TestApp) {
    let body = json!({ "username": "Alice", "password": PASSWORD, "email": "alice@mail.example" });
    let response = app.post("/register", "", body).await;
    let id = response.is(201).text("id");
    let path = format!("/api/users/{id}");
    assert_eq!(response.header("location"), Some(path.as_str()));
    assert_eq!(
        response.json,
        json!({
            "id": id, "username": "alice", "email": "alice@mail.example", "email_verified": false, "status": "active",
            "roles": ["user"], "created_at": "2030-01-01T00:00:00Z", "updated_at": "2030-01-01T00:00:00Z",
        })
    );
    assert_eq!(app.db.count("sessions").await, 0);
    let seen = app.get(&path, app.admin().await).await;
    assert_eq!(seen.is(200).json, response.json);
    app.get("/api/me", &app.log_in("ALICE").await).await.is(200);
}

async fn x018_i040_nobody_registers_while_registration_is_closed(app: TestApp) {
    let db = if app.db.is_sqlite() {
        Database::sqlite()
    } else {
        Database::postgres().await.unwrap()
    };
    let closed = TestApp::configured(db, |builder| {
        builder.registration(rolecall_server::Registration::Closed)
    })
    .await;
    let response = closed.register("alice", PASSWORD).await;
    response.problem(403, "Registration is closed");
    // the response reveals no names
    assert_eq!(closed.register("admin", PASSWORD).await, response);
    assert_eq!(closed.db.count("users").await, 1);
}

async fn x034_every_spelling_of_a_taken_name_is_refused(app: TestApp) {
    app.register("jürgen", PASSWORD).await.is(201);
    for taken in [
        "jürgen",
        "JÜRGEN",
        "ju\u{308}rgen",
        "\u{ff4a}ürgen",
        "Admin",
        "ADMIN",
    ] {
        let response = app.register(taken, PASSWORD).await;
        assert_eq!(response.status, 409, "{taken}");
        assert_eq!(
            response.header("content-type"),
            Some("application/problem+json")
        );
    }
    assert_eq!(app.db.count("users").await, 2);
}

async fn x035_a_name_that_looks_like_another_is_refused(app: TestApp) {
    let long = "a".repeat(65);
    for bad in [
        "",
        " ",
        "a b",
        "ad min",
        "ad\u{a0}min",
        "\u{430}dmin",
        "adm\u{131}n",
        "\u{202e}nimda",
        "ad\u{200d}min",
        "ad\u{ad}min",
        "admin\0",
        "ad\r\nmin",
        "\u{1b}[31m",
        "a\u{2028}b",
        "\u{7f}",
        "🦀",
        long.as_str(),
    ] {
        app.register(bad, PASSWORD)
            .await
            .invalid(&["body", "username"]);
    }
    assert_eq!(app.db.count("users").await, 1);
    assert_eq!(app.db.count("subjects").await, 1);
}

async fn a_weak_password_is_refused_with_the_reason(app: TestApp) {
    let longest = "ü".repeat(257);
    for (weak, kind) in [
        ("fourteen chars", "password_too_short"),
        ("", "password_too_short"),
        // fourteen code points, fifty-six bytes
        ("🦀🐙🦑🦞🐚🐡🐠🐟🐬🐳🐋🦈🦭🐊", "password_too_short"),
        ("passwordpassword", "password_common"),
        ("1234567890qwertyuiop", "password_common"),
        ("iloveyou08iloveyou08", "password_common"),
        ("bartholomewcubbins", "password_like_username"),
        ("BARTHOLOMEWCUBBINS", "password_like_username"),
        (longest.as_str(), "password_too_long"),
    ] {
        let response = app.register("bartholomewcubbins", weak).await;
        response.invalid(&["body", "password"]);
        assert_eq!(response.json["errors"][0]["type"], kind, "{weak}");
    }
    assert_eq!(app.db.count("users").await, 1);
}

async fn a_strong_password_needs_no_particular_characters(app: TestApp) {
    let emoji = "🦀🐙🦑🦞🐚🐡🐠🐟🐬🐳🐋🦈🦭🐊🦕";
    let longest = "ab ".repeat(85) + "a";
    for (at, strong) in [
        "xkvbqzjwmpltgrh",
        "860173529481637",
        "  spaces at both ends  ",
        emoji,
        longest.as_str(),
        "NUL \0 within a password",
        "' OR '1'='1' -- and so on",
    ]
    .into_iter()
    .enumerate()
    {
        let username = format!("user{at}");
        app.register(&username, strong).await.is(201);
        app.password_grant(&username, strong).await.is(200);
    }
}

async fn x038_a_reused_name_inherits_nothing_from_its_former_owner(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let first = app.create_user("alice", &["editor"]).await;
    let old = app.log_in("alice").await;
    app.delete(format_args!("/api/users/{first}"), app.admin().await)
        .await
        .no_content();
    let response = app.register("alice", NEW_PASSWORD).await;
    assert_ne!(response.is(201).text("id"), first);
    assert_eq!(response.texts("roles"), ["user"]);
    app.get("/edit", &old).await.ended_token();
    app.password_grant("alice", PASSWORD).await.wrong_password();
}

async fn several_users_may_enter_one_address_by_default(app: TestApp) {
    for name in ["alice", "bob"] {
        let body = json!({ "username": name, "password": PASSWORD, "email": "us@mail.example" });
        app.post("/register", "", body).await.is(201);
    }
}

async fn y133_an_address_is_claimed_once_where_addresses_are_unique(db: Database) {
    let app = TestApp::configured(db, |builder| builder.unique_email(true)).await;
    let admin = app.admin().await;
    let body =
        |name: &str, email: &str| json!({ "username": name, "password": PASSWORD, "email": email });
    let registered = app
        .post("/register", "", body("alice", "\u{c4}nne@Mail.example"))
        .await;
    let alice = registered.is(201).text("id");
    assert_eq!(registered.text("email"), "\u{c4}nne@Mail.example");
    for taken in ["\u{c4}nne@Mail.example", "\u{e4}nne@mail.EXAMPLE"] {
        let refused = app.post("/register", "", body("eve", taken)).await;
        refused.violates("email_taken");
        assert!(
            !String::from_utf8_lossy(&refused.body)
                .to_lowercase()
                .contains("alice")
        );
        let refused = app.post("/api/users", admin, body("eve", taken)).await;
        refused.violates("email_taken");
    }
    let before = app.db.count("users").await;
    // of many at once, one gets it
    let register = async |name: &'static str| {
        let answer = app
            .post("/register", "", body(name, "one@mail.example"))
            .await;
        answer.status.as_u16()
    };
    let answers = tokio::join!(register("carol"), register("dora"), register("emil"));
    let mut codes = [answers.0, answers.1, answers.2];
    codes.sort_unstable();
    assert_eq!(codes, [201, 409, 409]);
    assert_eq!(app.db.count("users").await, before + 1);
    let bob = app.create_user("bob", &[]).await;
    let change = json!({ "email": "ONE@mail.example" });
    let path = format!("/api/users/{bob}");
    let refused = app.patch(&path, admin, change.clone()).await;
    refused.violates("email_taken");
    let own = app.log_in("bob").await;
    app.patch("/api/me", &own, change)
        .await
        .violates("email_taken");
    // one's own in another case, and one that is free again
    let path = format!("/api/users/{alice}");
    let change = json!({ "email": "\u{e4}nne@mail.example" });
    app.patch(&path, admin, change).await.is(200);
    app.patch(&path, admin, json!({ "email": null }))
        .await
        .is(200);
    let change = json!({ "email": "\u{c4}nne@mail.example" });
    app.patch("/api/me", &own, change).await.is(200);
}
