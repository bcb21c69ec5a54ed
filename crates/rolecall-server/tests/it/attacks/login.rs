//! Logins and passwords.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::support::{Database, NEW_PASSWORD, PASSWORD, RealHashing, TestApp, WRONG, on_both};

on_both![
    x015_no_response_reveals_whether_a_name_exists,
    x017_unknown_names_are_locked_like_real_ones,
    x020_one_password_on_many_names_is_slowed_and_audited,
    x025_a_flood_of_logins_leaves_other_requests_fast,
    x027_an_absurd_stored_hash_locks_out_only_its_own_user,
    x028_a_password_of_any_characters_is_stored_whole,
    x032_a_reset_code_cannot_be_guessed_reused_or_read_from_the_database,
];

async fn x015_no_response_reveals_whether_a_name_exists(app: TestApp) {
    let admin = app.admin().await;
    for (name, status) in [
        ("disabled", "disabled"),
        ("mustchange", "password_change_required"),
        ("plain", "active"),
    ] {
        let id = app.create_user(name, &[]).await;
        app.patch(
            format_args!("/api/users/{id}"),
            admin,
            json!({ "status": status }),
        )
        .await
        .is(200);
    }
    let body = json!({ "username": "coded" });
    app.post("/api/users", admin, body).await.is(201);
    let expected = app.password_grant("nobody", WRONG).await;
    expected.wrong_password();
    for name in [
        "plain",
        "disabled",
        "mustchange",
        "coded",
        "PLAIN",
        "not a name",
        "nobody2",
        "\u{430}dmin",
    ] {
        // the whole response: status, every header, every byte
        assert_eq!(app.password_grant(name, WRONG).await, expected, "{name}");
        assert_eq!(
            app.replace_password(name, WRONG, NEW_PASSWORD).await,
            expected,
            "{name}"
        );
        app.clear_failures().await;
        let form = [
            ("grant_type", "password"),
            ("username", name),
            ("password", WRONG),
            ("scope", "items:read"),
            ("audience", crate::support::ISSUER),
        ];
        assert_eq!(app.token(&form).await, expected, "{name}");
        app.clear_failures().await;
    }
    assert_eq!(app.password_grant("disabled", PASSWORD).await, expected);
    // only an administrator searches by name
    let plain = app.log_in("plain").await;
    for name in ["admin", "nobody"] {
        app.get(format_args!("/api/users?username={name}"), &plain)
            .await
            .forbidden("rolecall.users:read");
    }
}

async fn x017_unknown_names_are_locked_like_real_ones(app: TestApp) {
    let mut responses = Vec::new();
    for name in ["admin", "nobody"] {
        let mut seen = vec![app.password_grant(name, WRONG).await];
        for failures in [5, 6, 20, 99, 100, 5_000] {
            // a success may have deleted the row
            app.pass_time(Duration::from_mins(1));
            app.password_grant(name, WRONG).await;
            app.db
                .execute(&format!("UPDATE login_failures SET failures = {failures}"))
                .await;
            seen.push(app.password_grant(name, WRONG).await);
            app.pass_time(Duration::from_mins(1));
            seen.push(app.password_grant(name, PASSWORD).await);
            app.pass_time(Duration::from_mins(1));
        }
        responses.push(seen);
        app.clear_failures().await;
    }
    let (real, unknown) = (&responses[0], &responses[1]);
    for (at, (real, unknown)) in real.iter().zip(unknown).enumerate() {
        // with the right password a real account gets in until it is locked
        if real.status != 200 {
            assert_eq!(real, unknown, "{at}");
        }
    }
    assert_eq!(real.last().unwrap().status, 401);
    assert!(real.iter().any(|response| response.status == 200));
}

async fn x020_one_password_on_many_names_is_slowed_and_audited(app: TestApp) {
    let mut statuses = Vec::new();
    for number in 0..60 {
        let response = app
            .password_grant_from(
                "198.51.100.7",
                &format!("person{number}"),
                "Winter2030Winter2030",
            )
            .await;
        statuses.push(response.status.as_u16());
    }
    assert!(
        statuses[..51].iter().all(|status| *status == 401),
        "{statuses:?}"
    );
    assert!(
        statuses[51..].iter().all(|status| *status == 429),
        "{statuses:?}"
    );
    let slowed = "SELECT address FROM audit_events WHERE kind = 'address_slowed'";
    assert_eq!(app.db.texts(slowed).await, ["198.51.100.7"]);
    let events = app
        .get("/api/audit?kind=event&limit=200", app.admin().await)
        .await;
    assert!(events.items("kind").contains(&"address_slowed".to_owned()));
    // an attacker who waits for the delay is recorded ever less often
    for round in 0..12 {
        app.clock.advance(Duration::from_mins(1));
        app.password_grant_from("198.51.100.7", &format!("next{round}"), WRONG)
            .await
            .wrong_password();
    }
    assert!(app.db.texts(slowed).await.len() <= 12);
    app.password_grant_from("198.51.100.8", "admin", PASSWORD)
        .await
        .is(200);
}

async fn x025_a_flood_of_logins_leaves_other_requests_fast(app: RealHashing) {
    let token = app.admin().await;
    let flood: Vec<_> = (0..500)
        .map(|number| {
            let name = format!("guess{number}");
            let form = [
                ("grant_type", "password"),
                ("username", name.as_str()),
                ("password", WRONG),
            ];
            tokio::spawn(app.request(Method::POST, "/token").form(&form).send())
        })
        .collect();
    // these requests follow 500 others, and are answered while most of those still wait
    for _ in 0..20 {
        app.get("/api/me", token).await.is(200);
        app.get("/items/", token).await;
        app.get("/health/live", "").await.is(200);
    }
    let waiting = flood
        .iter()
        .filter(|response| !response.is_finished())
        .count();
    assert!(waiting > 0, "nothing waited, so nothing was tested");
    let (mut wrong, mut busy) = (0, 0);
    for response in flood {
        let response = response.await.unwrap();
        match response.status.as_u16() {
            401 => wrong += 1,
            503 => {
                busy += 1;
                response.oauth_error(503, "temporarily_unavailable");
                assert_eq!(response.header("retry-after"), Some("1"));
            }
            _ => panic!("{response:?}"),
        }
    }
    assert!(busy > 0 && wrong > 0, "{wrong} wrong, {busy} too busy");
    app.log_in("admin").await;
}

async fn x027_an_absurd_stored_hash_locks_out_only_its_own_user(app: TestApp) {
    app.create_user("alice", &[]).await;
    app.create_user("bob", &[]).await;
    for absurd in [
        "$argon2id$v=19$m=4194304,t=1000000,p=1$MDEyMzQ1Njc4OWFiY2RlZg$cbbfd8RbR8tZ9muqZM9eag",
        "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg",
        "$argon2id$v=19$m=-1,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$cbbfd8RbR8tZ9muqZM9eag",
        "$argon2id$v=19$m=18446744073709551616,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$cbbfd8RbR8tZ9muqZM9eag",
        "$2b$99$abcdefghijklmnopqrstuuMtJwfagkGaCKZ.IMpPJzYjhgL/xnp2C",
        "$2b$10$abcdefghijklmnopqrstu\u{fc}MtJwfagkGaCKZ.IMpPJzYjhgL/xnp2",
        "$2b$10$",
        "$scrypt$ln=63,r=4294967295,p=4294967295$MDEyMzQ1Njc4OWFiY2RlZg$IwqNy0LHsLtGa2rfQqwUDOKd9SIAAAAAAAAAAAAAAAA",
        "pbkdf2_sha256$4294967295$saltsaltsalt$nSvMuTtcOZox8d3fZ4NTyTgRjwnulwvZKQeRBHqrdpQ=",
        "\u{1f980}",
        "",
        "x",
    ] {
        app.db
            .execute(&format!(
                "UPDATE users SET password_hash = '{absurd}' WHERE username = 'alice'"
            ))
            .await;
        app.password_grant("alice", PASSWORD).await.wrong_password();
        app.password_grant("alice", "")
            .await
            .oauth_error(400, "invalid_request");
        app.clear_failures().await;
    }
    app.log_in("bob").await;
}

async fn x028_a_password_of_any_characters_is_stored_whole(app: TestApp) {
    let clusters = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}".repeat(20);
    for (number, password) in [
        "\0a NUL before and after\0",
        "  spaces before and after  ",
        clusters.as_str(),
        "\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}\u{309}\u{30a}\u{30b}\u{30c}\u{30d}\u{30e}\u{30f}",
        "line\r\nfeeds and\ttabs within",
        "\u{feff}a byte order mark",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("user{number}");
        let body = json!({ "username": name, "password": password });
        app.post("/register", "", body).await.is(201);
        let mut cut: String = password.to_owned();
        cut.pop();
        for wrong in [cut.as_str(), password.trim(), &password.replace('\0', ""), &format!("{password}x")] {
            if wrong != password {
                app.password_grant(&name, wrong).await.wrong_password();
            }
        }
        app.password_grant(&name, password).await.is(200);
    }
}

async fn x032_a_reset_code_cannot_be_guessed_reused_or_read_from_the_database(app: TestApp) {
    let admin = app.admin().await;
    let alice = app.create_user("alice", &[]).await;
    app.create_user("bob", &[]).await;
    let reset = async || {
        let path = format!("/api/users/{alice}/reset");
        app.post(path, admin, json!({}))
            .await
            .is(200)
            .text("reset_code")
    };
    let code = reset().await;
    let letters = code.chars().filter(char::is_ascii_alphanumeric).count();
    assert!(letters * 5 >= 128, "{code} has too few bits");
    assert_ne!(code, reset().await, "two codes are alike");
    let code = reset().await;
    let kept = "SELECT reset_code_hash FROM users WHERE reset_code_hash IS NOT NULL";
    let kept = app.db.texts(kept).await.remove(0);
    // the stored hash does not work as a code
    app.replace_password("alice", &kept, NEW_PASSWORD)
        .await
        .wrong_password();
    app.replace_password("bob", &code, NEW_PASSWORD)
        .await
        .wrong_password();
    let last = code.chars().last().unwrap();
    let near = code[..code.len() - 1].to_owned() + if last == '0' { "1" } else { "0" };
    app.replace_password("alice", &near, NEW_PASSWORD)
        .await
        .wrong_password();
    // guesses count like guesses at a password, and a hundred lock the code too
    app.db
        .execute("UPDATE login_failures SET failures = 100")
        .await;
    app.replace_password("alice", &code, NEW_PASSWORD)
        .await
        .wrong_password();
    app.clear_failures().await;
    // a code does not work while its user is disabled
    let path = format!("/api/users/{alice}");
    app.patch(&path, admin, json!({ "status": "disabled" }))
        .await
        .is(200);
    app.replace_password("alice", &code, NEW_PASSWORD)
        .await
        .wrong_password();
    app.patch(&path, admin, json!({ "status": "active" }))
        .await
        .is(200);
    app.replace_password("alice", &code, NEW_PASSWORD)
        .await
        .no_content();
    app.replace_password("alice", &code, NEW_PASSWORD)
        .await
        .wrong_password();
    assert!(
        app.db
            .texts("SELECT reset_code_hash FROM users WHERE reset_code_hash IS NOT NULL")
            .await
            .is_empty()
    );
    app.password_grant("alice", NEW_PASSWORD).await.is(200);
}

/// Open registration reveals which names are taken; closed registration, the default, reveals nothing.
#[tokio::test]
async fn x018_closed_registration_reveals_no_taken_names() {
    let closed = TestApp::configured(Database::sqlite(), |builder| {
        builder.registration(rolecall_server::Registration::Closed)
    })
    .await;
    let register = async |name: &str| {
        let body = json!({ "username": name, "password": PASSWORD });
        closed.post("/register", "", body).await
    };
    let expected = register("nobody").await;
    expected.problem(403, "Registration is closed");
    for name in ["admin", "ADMIN", "not a name", ""] {
        assert_eq!(register(name).await, expected, "{name}");
    }
}
