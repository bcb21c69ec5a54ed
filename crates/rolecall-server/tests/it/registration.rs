//! `POST /register`, and the rules for user names and passwords.

use serde_json::json;

use crate::support::{Answer, Database, PASSWORD, TestApp, on_both};

on_both![
    registering_gives_an_account_and_no_token,
    x018_nobody_registers_while_registration_is_closed,
    x034_a_name_that_is_taken_in_any_spelling_is_refused,
    x035_a_name_that_looks_like_another_one_is_refused,
    a_weak_password_is_refused_with_the_reason,
    a_strong_password_needs_no_particular_characters,
    x038_a_freed_name_gets_nothing_of_its_former_owner,
];

async fn register(app: &TestApp, username: &str, password: &str) -> Answer {
    let body = json!({ "username": username, "password": password });
    app.post("/register", "", body).await
}

async fn registering_gives_an_account_and_no_token(app: TestApp) {
    let body = json!({ "username": "Alice", "password": PASSWORD, "email": "alice@mail.example" });
    let answer = app.post("/register", "", body).await;
    let id = answer.is(201).text("id");
    let path = format!("/api/users/{id}");
    assert_eq!(answer.header("location"), Some(path.as_str()));
    assert_eq!(
        answer.json,
        json!({
            "id": id, "username": "alice", "email": "alice@mail.example", "status": "active",
            "roles": ["user"], "created_at": "2030-01-01T00:00:00Z", "updated_at": "2030-01-01T00:00:00Z",
        })
    );
    assert_eq!(app.db.count("sessions").await, 0);
    let seen = app.get(&path, app.admin().await).await;
    assert_eq!(seen.is(200).json, answer.json);
    app.get("/api/me", &app.login("ALICE").await).await.is(200);
}

async fn x018_nobody_registers_while_registration_is_closed(app: TestApp) {
    let db = if app.db.is_sqlite() {
        Database::sqlite()
    } else {
        Database::postgres().await.unwrap()
    };
    let closed = TestApp::on(db, |builder| {
        builder.registration(rolecall_server::Registration::Closed)
    })
    .await;
    let answer = register(&closed, "alice", PASSWORD).await;
    answer.problem(403, "Registration is closed");
    // nobody learns by it who is there
    assert_eq!(register(&closed, "admin", PASSWORD).await, answer);
    assert_eq!(closed.db.count("users").await, 1);
}

async fn x034_a_name_that_is_taken_in_any_spelling_is_refused(app: TestApp) {
    register(&app, "jürgen", PASSWORD).await.is(201);
    for taken in [
        "jürgen",
        "JÜRGEN",
        "ju\u{308}rgen",
        "\u{ff4a}ürgen",
        "Admin",
        "ADMIN",
    ] {
        let answer = register(&app, taken, PASSWORD).await;
        assert_eq!(answer.status, 409, "{taken}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
    }
    assert_eq!(app.db.count("users").await, 2);
}

async fn x035_a_name_that_looks_like_another_one_is_refused(app: TestApp) {
    let long = "a".repeat(65);
    for bad in [
        "",
        " ",
        "a b",
        " admin",
        "admin\u{a0}",
        "\u{430}dmin",
        "adm\u{131}n",
        "\u{202e}nimda",
        "ad\u{200d}min",
        "ad\u{ad}min",
        "admin\0",
        "admin\r\n",
        "\u{1b}[31m",
        "a\u{2028}b",
        "\u{7f}",
        "🦀",
        long.as_str(),
    ] {
        register(&app, bad, PASSWORD)
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
        let answer = register(&app, "bartholomewcubbins", weak).await;
        answer.invalid(&["body", "password"]);
        assert_eq!(answer.json["errors"][0]["type"], kind, "{weak}");
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
        register(&app, &username, strong).await.is(201);
        app.password_grant(&username, strong).await.is(200);
    }
}

async fn x038_a_freed_name_gets_nothing_of_its_former_owner(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    let first = app.user("alice", &["editor"]).await;
    let old = app.login("alice").await;
    app.delete(format_args!("/api/users/{first}"), app.admin().await)
        .await
        .done();
    let answer = register(&app, "alice", "another horse battery staple").await;
    assert_ne!(answer.is(201).text("id"), first);
    assert_eq!(answer.texts("roles"), ["user"]);
    app.get("/edit", &old).await.ended();
    app.password_grant("alice", PASSWORD).await.wrong_password();
}
