//! Log-in and passwords.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::support::{Answer, Database, PASSWORD, TestApp, WRONG, on_both};

on_both![
    x015_no_answer_tells_whether_a_name_exists,
    x017_unknown_names_are_closed_like_real_ones,
    x020_one_password_on_many_names_is_slowed_and_told_of,
    x025_a_flood_of_log_ins_leaves_the_rest_of_the_service_fast,
    x027_an_absurd_stored_hash_keeps_out_its_own_user_only,
    x028_a_password_of_any_characters_is_kept_whole,
    x032_a_reset_code_cannot_be_guessed_reused_or_read_from_the_database,
];

const NEW: &str = "another horse battery staple";

async fn log_in_from(app: &TestApp, address: &str, username: &str, password: &str) -> Answer {
    let form = [
        ("grant_type", "password"),
        ("username", username),
        ("password", password),
    ];
    app.request(Method::POST, "/token")
        .from(address)
        .form(&form)
        .send()
        .await
}

async fn replace(app: &TestApp, username: &str, current: &str) -> Answer {
    let body = json!({ "username": username, "current_password": current, "new_password": NEW });
    app.post("/password", "", body).await
}

async fn x015_no_answer_tells_whether_a_name_exists(app: TestApp) {
    let admin = app.admin().await;
    for (name, status) in [
        ("disabled", "disabled"),
        ("mustchange", "password_change_required"),
        ("plain", "active"),
    ] {
        let id = app.user(name, &[]).await;
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
        // the whole answer: status, every header, every byte
        assert_eq!(app.password_grant(name, WRONG).await, expected, "{name}");
        assert_eq!(replace(&app, name, WRONG).await, expected, "{name}");
        app.forgive().await;
        let form = [
            ("grant_type", "password"),
            ("username", name),
            ("password", WRONG),
            ("scope", "items:read"),
            ("audience", crate::support::ISSUER),
        ];
        assert_eq!(app.token(&form).await, expected, "{name}");
        app.forgive().await;
    }
    assert_eq!(app.password_grant("disabled", PASSWORD).await, expected);
    // nobody but an administrator asks by name
    let plain = app.login("plain").await;
    for name in ["admin", "nobody"] {
        app.get(format_args!("/api/users?username={name}"), &plain)
            .await
            .forbidden("rolecall.users:read");
    }
}

async fn x017_unknown_names_are_closed_like_real_ones(app: TestApp) {
    let mut answers = Vec::new();
    for name in ["admin", "nobody"] {
        let mut seen = vec![app.password_grant(name, WRONG).await];
        for failures in [5, 6, 20, 99, 100, 5_000] {
            // a success before has forgotten the row
            app.pass(Duration::from_mins(1));
            app.password_grant(name, WRONG).await;
            app.db
                .execute(&format!("UPDATE login_failures SET failures = {failures}"))
                .await;
            seen.push(app.password_grant(name, WRONG).await);
            app.pass(Duration::from_mins(1));
            seen.push(app.password_grant(name, PASSWORD).await);
            app.pass(Duration::from_mins(1));
        }
        answers.push(seen);
        app.forgive().await;
    }
    let (real, unknown) = (&answers[0], &answers[1]);
    for (at, (real, unknown)) in real.iter().zip(unknown).enumerate() {
        // with the right password a real one gets in, until it is closed
        if real.status != 200 {
            assert_eq!(real, unknown, "{at}");
        }
    }
    assert_eq!(real.last().unwrap().status, 401);
    assert!(real.iter().any(|answer| answer.status == 200));
}

async fn x020_one_password_on_many_names_is_slowed_and_told_of(app: TestApp) {
    let mut statuses = Vec::new();
    for number in 0..60 {
        let answer = log_in_from(
            &app,
            "198.51.100.7",
            &format!("person{number}"),
            "Winter2030Winter2030",
        )
        .await;
        statuses.push(answer.status.as_u16());
    }
    assert!(
        statuses[..51].iter().all(|status| *status == 401),
        "{statuses:?}"
    );
    assert!(
        statuses[51..].iter().all(|status| *status == 429),
        "{statuses:?}"
    );
    let told = "SELECT address FROM audit_events WHERE kind = 'address_slowed'";
    assert_eq!(app.db.texts(told).await, ["198.51.100.7"]);
    let events = app
        .get("/api/audit?kind=event&limit=200", app.admin().await)
        .await;
    assert!(events.items("kind").contains(&"address_slowed".to_owned()));
    // who waits as told and goes on is told of ever less often
    for round in 0..12 {
        app.clock.advance(Duration::from_mins(1));
        log_in_from(&app, "198.51.100.7", &format!("next{round}"), WRONG)
            .await
            .wrong_password();
    }
    assert!(app.db.texts(told).await.len() <= 12);
    log_in_from(&app, "198.51.100.8", "admin", PASSWORD)
        .await
        .is(200);
}

async fn x025_a_flood_of_log_ins_leaves_the_rest_of_the_service_fast(app: TestApp) {
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
    // these come after 500 others, and are answered while most of those still wait
    for _ in 0..20 {
        app.get("/api/me", token).await.is(200);
        app.get("/items/", token).await;
        app.get("/health/live", "").await.is(200);
    }
    let waiting = flood.iter().filter(|answer| !answer.is_finished()).count();
    assert!(waiting > 0, "the flood had to wait, or nothing was shown");
    let (mut wrong, mut busy) = (0, 0);
    for answer in flood {
        let answer = answer.await.unwrap();
        match answer.status.as_u16() {
            401 => wrong += 1,
            503 => {
                busy += 1;
                answer.oauth(503, "temporarily_unavailable");
                assert_eq!(answer.header("retry-after"), Some("1"));
            }
            _ => panic!("{answer:?}"),
        }
    }
    assert!(busy > 0 && wrong > 0, "{wrong} wrong, {busy} too busy");
    app.login("admin").await;
}

async fn x027_an_absurd_stored_hash_keeps_out_its_own_user_only(app: TestApp) {
    app.user("alice", &[]).await;
    app.user("bob", &[]).await;
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
            .oauth(400, "invalid_request");
        app.forgive().await;
    }
    app.login("bob").await;
}

async fn x028_a_password_of_any_characters_is_kept_whole(app: TestApp) {
    let clusters = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}".repeat(20);
    for (number, password) in [
        "\0a NUL before and after\0",
        "  spaces before and after  ",
        clusters.as_str(),
        "\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}\u{309}\u{30a}\u{30b}\u{30c}\u{30d}\u{30e}\u{30f}",
        "line\r\nfeeds and\ttabs within",
        "\u{feff}a mark of the order of bytes",
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
    let alice = app.user("alice", &[]).await;
    app.user("bob", &[]).await;
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
    // what lies in the database opens nothing
    replace(&app, "alice", &kept).await.wrong_password();
    replace(&app, "bob", &code).await.wrong_password();
    let last = code.chars().last().unwrap();
    let near = code[..code.len() - 1].to_owned() + if last == '0' { "1" } else { "0" };
    replace(&app, "alice", &near).await.wrong_password();
    // guesses count as those of a password do, and a hundred close the code too
    app.db
        .execute("UPDATE login_failures SET failures = 100")
        .await;
    replace(&app, "alice", &code).await.wrong_password();
    app.forgive().await;
    // whoever changes the name or is disabled meanwhile keeps no way in
    let path = format!("/api/users/{alice}");
    app.patch(&path, admin, json!({ "status": "disabled" }))
        .await
        .is(200);
    replace(&app, "alice", &code).await.wrong_password();
    app.patch(&path, admin, json!({ "status": "active" }))
        .await
        .is(200);
    replace(&app, "alice", &code).await.done();
    replace(&app, "alice", &code).await.wrong_password();
    assert!(
        app.db
            .texts("SELECT reset_code_hash FROM users WHERE reset_code_hash IS NOT NULL")
            .await
            .is_empty()
    );
    app.password_grant("alice", NEW).await.is(200);
}

/// Registration shows which names are taken; closed, as it is by default, it shows nothing.
#[tokio::test]
async fn x018_closed_registration_tells_nobody_which_names_are_taken() {
    let closed = TestApp::on(Database::sqlite(), |builder| {
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
