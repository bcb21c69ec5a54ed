//! Usernames: no two accounts have names that a reader could confuse.

use http::Method;
use serde_json::json;

use crate::support::{PASSWORD, TestApp, claims, on_both};

on_both![
    x034_a_name_in_another_case_is_the_same_name_everywhere,
    x035_no_two_accounts_have_names_that_look_or_fold_alike,
    x036_every_spelling_of_a_name_finds_the_same_account,
    x037_control_characters_and_very_long_names_are_refused,
    x039_nobody_takes_over_a_name,
    x040_a_subject_is_never_of_two_kinds,
];

async fn x034_a_name_in_another_case_is_the_same_name_everywhere(app: TestApp) {
    let admin = app.admin().await;
    let bob = app.create_user("bob", &[]).await;
    for taken in ["admin", "Admin", "ADMIN", "aDMIN"] {
        app.register(taken, PASSWORD).await.is(409);
        app.post("/api/users", admin, json!({ "username": taken }))
            .await
            .is(409);
        let path = format!("/api/users/{bob}");
        app.patch(path, admin, json!({ "username": taken }))
            .await
            .is(409);
    }
    assert_eq!(
        app.db
            .texts("SELECT username FROM users ORDER BY username")
            .await,
        ["admin", "bob"]
    );
    // renaming to the same name in another case changes nothing
    let path = format!("/api/users/{bob}");
    assert_eq!(
        app.patch(path, admin, json!({ "username": "BOB" }))
            .await
            .is(200)
            .text("username"),
        "bob"
    );
}

/// In each line at most one name may belong to an account.
const ALIKE: &[&[&str]] = &[
    &["straße", "STRASSE", "STRAẞE", "strasse"],
    &["νίκος", "νίκοσ", "ΝΊΚΟΣ"],
    &[
        "\u{1fb3}\u{3b4}\u{3b7}\u{3c2}",
        "\u{3b1}\u{3b9}\u{3b4}\u{3b7}\u{3c3}",
    ],
    &["jürgen", "ju\u{308}rgen", "JÜRGEN", "\u{ff4a}ürgen"],
    &[
        "alice",
        "\u{ff21}\u{ff2c}\u{ff29}\u{ff23}\u{ff25}",
        "ali\u{441}e",
        "al\u{456}ce",
        "\u{251}lice",
        "alic\u{212e}",
    ],
    &["fish", "\u{fb01}sh"],
    &[
        "kate",
        "\u{212a}ate",
        "ka\u{200d}te",
        "ka\u{ad}te",
        "kate\u{a0}",
        "\u{202e}etak",
        "k\u{430}te",
    ],
    &["ilse", "\u{131}lse", "\u{130}lse", "i\u{307}lse"],
    &[
        "scope",
        "\u{455}\u{441}\u{43e}\u{440}\u{435}",
        "\u{17f}cope",
    ],
    &["иван", "ИВАН", "ива\u{4a3}\u{301}"],
];

async fn x035_no_two_accounts_have_names_that_look_or_fold_alike(app: TestApp) {
    let admin = app.admin().await;
    let spare = app.create_user("spare", &[]).await;
    for names in ALIKE {
        // in either order
        for first in 0..2 {
            let created = app.register(names[first], PASSWORD).await;
            if created.status == 422 {
                continue;
            }
            let id = created.is(201).text("id");
            for other in names
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != first)
                .map(|(_, name)| name)
            {
                let response = app.register(other, PASSWORD).await;
                // a letter that neither looks nor folds alike makes another name
                if response.status == 201 {
                    assert_eq!(*other, "ива\u{4a3}\u{301}", "beside {}", names[first]);
                    let path = format!("/api/users/{}", response.text("id"));
                    app.delete(path, admin).await.no_content();
                    continue;
                }
                assert!(
                    [409, 422].contains(&response.status.as_u16()),
                    "{other}: {response:?}"
                );
                let path = format!("/api/users/{spare}");
                let renamed = app.patch(path, admin, json!({ "username": other })).await;
                assert!(
                    [409, 422].contains(&renamed.status.as_u16()),
                    "{other}: {renamed:?}"
                );
                app.clear_failures().await;
            }
            app.delete(format_args!("/api/users/{id}"), admin)
                .await
                .no_content();
        }
    }
    // an account may change to another spelling of its own name
    let id = app.register("strasse", PASSWORD).await.is(201).text("id");
    let path = format!("/api/users/{id}");
    app.patch(&path, admin, json!({ "username": "straße" }))
        .await
        .is(200);
    app.register("strasse", PASSWORD).await.is(409);
}

async fn x036_every_spelling_of_a_name_finds_the_same_account(app: TestApp) {
    let admin = app.admin().await;
    let spellings = [
        "zoë",
        "ZOË",
        "zoe\u{308}",
        "ZOE\u{308}",
        "\u{ff3a}oë",
        "zo\u{ff45}\u{308}",
        // the keyboard of a telephone adds a space
        "Zoë ",
        "\u{a0}zoë\t",
    ];
    for typed in spellings {
        let id = app.register(typed, PASSWORD).await.is(201).text("id");
        for other in spellings {
            let login = app.password_grant(other, PASSWORD).await;
            let token = login.is(200).text("access_token");
            assert_eq!(claims(&token)["sub"], id, "{typed} as {other}");
            assert_eq!(claims(&token)["username"], "zoë");
            let encoded: String = form_urlencoded::byte_serialize(other.as_bytes()).collect();
            let found = app
                .get(format_args!("/api/users?username={encoded}"), admin)
                .await;
            assert_eq!(found.items("id").concat(), id, "{other}");
            app.register(other, PASSWORD).await.is(409);
            let new = format!("another horse of {other}");
            let change = |from: &str, to: &str| json!({ "username": other, "current_password": from, "new_password": to });
            app.post("/password", "", change(PASSWORD, &new))
                .await
                .no_content();
            app.post("/password", "", change(&new, PASSWORD))
                .await
                .no_content();
            // failures under every spelling are counted together
            let wrong = format!("wrong {typed} {other}");
            app.password_grant(other, &wrong).await.wrong_password();
        }
        assert_eq!(
            app.db.number("SELECT failures FROM login_failures").await,
            1
        );
        app.clear_failures().await;
        app.delete(format_args!("/api/users/{id}"), admin)
            .await
            .no_content();
    }
}

async fn x037_control_characters_and_very_long_names_are_refused(app: TestApp) {
    let admin = app.admin().await;
    let alice = app.create_user("alice", &[]).await;
    let revision = app.db.revision().await;
    let long = "a".repeat(65);
    let longer = "é".repeat(5_000);
    for name in [
        "",
        " ",
        "\t",
        "\0",
        "alice\0",
        "alice\0x",
        "alice\r\nx",
        "\u{1b}[2Jalice",
        "alice\u{7f}",
        "alice\u{2028}",
        "alice\u{85}",
        "\u{feff}alice",
        "alice\u{fffe}",
        "alice\u{e0041}",
        &long,
        &longer,
    ] {
        let shown = name.escape_unicode();
        app.register(name, PASSWORD)
            .await
            .invalid(&["body", "username"]);
        app.post("/api/users", admin, json!({ "username": name }))
            .await
            .invalid(&["body", "username"]);
        let path = format!("/api/users/{alice}");
        app.patch(path, admin, json!({ "username": name }))
            .await
            .invalid(&["body", "username"]);
        let login = app.password_grant(name, PASSWORD).await;
        if name.is_empty() {
            login.oauth_error(400, "invalid_request");
        } else {
            login.wrong_password();
        }
        let body = json!({ "username": name, "current_password": PASSWORD, "new_password": "x" });
        app.post("/password", "", body).await.wrong_password();
        app.clear_failures().await;
        if name.len() < 1_000 {
            let encoded: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
            for query in ["username", "q"] {
                let response = app
                    .get(format_args!("/api/users?{query}={encoded}"), admin)
                    .await;
                assert!(
                    [200, 422].contains(&response.status.as_u16()),
                    "{shown}: {response:?}"
                );
                if response.status == 200 && !name.is_empty() && name.trim() == name {
                    assert_eq!(response.json["items"], json!([]), "{shown}");
                }
            }
        }
    }
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
    assert_eq!(app.db.count("users").await, 2);
}

async fn x039_nobody_takes_over_a_name(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &["editor"]).await;
    let mallory = app.create_user("mallory", &[]).await;
    let (old, own) = (app.log_in("alice").await, app.log_in("mallory").await);
    // users cannot rename themselves, nor others without the permission
    app.patch("/api/me", &own, json!({ "username": "alice2" }))
        .await
        .invalid(&["body", "username"]);
    let path = format!("/api/users/{mallory}");
    app.patch(&path, &own, json!({ "username": "alice2" }))
        .await
        .forbidden("rolecall.users:write");
    app.patch(&path, admin, json!({ "username": "Alice" }))
        .await
        .is(409);
    // a name that an administrator frees inherits nothing from its former owner
    let renamed = app
        .patch(
            format_args!("/api/users/{alice}"),
            admin,
            json!({ "username": "alice.smith" }),
        )
        .await;
    assert_eq!(renamed.is(200).text("id"), alice);
    app.patch(&path, admin, json!({ "username": "alice" }))
        .await
        .is(200);
    let claims = claims(&app.log_in("alice").await);
    assert_eq!(
        (&claims["sub"], &claims["roles"]),
        (&json!(mallory), &json!([]))
    );
    app.get("/items/", &app.log_in("alice").await)
        .await
        .forbidden("items:read");
    app.get("/items/", &old).await.ended_token();
    assert_eq!(
        app.get("/api/me", &app.log_in("alice.smith").await)
            .await
            .text("id"),
        alice
    );
}

async fn x040_a_subject_is_never_of_two_kinds(app: TestApp) {
    let token = app.log_in("admin").await;
    let claims = claims(&token);
    assert_eq!(claims["subject_kind"], "user");
    assert_ne!(claims["sub"], claims["client_id"]);
    // nobody can choose an id
    for body in [
        json!({ "username": "x", "id": "rolecall" }),
        json!({ "username": "x", "kind": "client" }),
    ] {
        app.post("/api/users", app.admin().await, body)
            .await
            .is(422);
    }
    // and no row of one kind can become one of the other kind
    let second =
        "SELECT COUNT(*) FROM subjects a JOIN subjects b ON a.id = b.id AND a.kind <> b.kind";
    assert_eq!(app.db.number(second).await, 0);
    let request = app
        .request(Method::GET, "/api/users/rolecall")
        .token(&token);
    request.send().await.is(404);
}
