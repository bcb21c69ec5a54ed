//! `POST /token`: the requirements of RFC 6749 as far as the password grant meets them.

use http::Method;

use crate::support::{Answer, PASSWORD, TestApp, WRONG, claims, on_both};

on_both![
    o009_a_good_request_is_answered_as_the_tutorial_answers_it,
    o001_no_other_method_gets_a_token,
    o002_parameters_in_the_query_are_not_read,
    o003_a_body_that_is_no_form_gets_no_token,
    o029_a_user_name_or_password_that_is_missing_is_refused,
    o010_no_answer_of_the_token_endpoint_may_be_kept,
    o004_o005_a_grant_type_that_is_missing_or_unknown_is_refused,
    o006_a_parameter_sent_twice_is_refused,
    o007_o008_an_unknown_or_empty_parameter_changes_nothing,
    o011_a_hostile_value_is_never_echoed,
    o013_a_user_name_and_password_beyond_ascii_are_read_as_utf_8,
    o014_no_two_tokens_are_alike,
    o022_a_client_that_is_not_registered_is_refused_before_anything_is_counted,
    empty_client_credentials_mean_no_client,
    x015_o027_o028_a_wrong_log_in_tells_nobody_what_was_wrong,
    a_refused_log_in_opens_no_session,
    a_password_that_must_change_gives_no_token,
    o032_a_scope_beyond_the_subject_is_refused_and_opens_no_session,
    x054_o034_a_malformed_scope_is_refused,
    x028_a_password_is_never_cut_or_trimmed_or_folded,
];

async fn send_form(app: &TestApp, body: impl Into<axum::body::Body>) -> Answer {
    let ask = app.request(Method::POST, "/token");
    ask.raw("application/x-www-form-urlencoded", body)
        .send()
        .await
}

const GOOD: &str = "grant_type=password&username=admin&password=correct+horse+battery+staple";

async fn o009_a_good_request_is_answered_as_the_tutorial_answers_it(app: TestApp) {
    let answer = send_form(&app, GOOD).await;
    answer.is(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
    assert_eq!(answer.json["token_type"], "bearer");
    let token = answer.text("access_token");
    let claims = claims(&token);
    let lives = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(answer.json["expires_in"], lives);
    assert_eq!(lives, 1800);
    assert_eq!(answer.text("scope"), claims["scope"].as_str().unwrap());
    app.get("/api/me", &token).await.is(200);
    assert_eq!(app.db.count("sessions").await, 1);
}

async fn o001_no_other_method_gets_a_token(app: TestApp) {
    for method in [
        "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW",
    ] {
        let path = format!("/token?{GOOD}");
        let ask = app.request(method.parse().unwrap(), path);
        let answer = ask.form(&[("grant_type", "password")]).send().await;
        answer.is(405);
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
        assert_eq!(answer.json["access_token"], serde_json::Value::Null);
    }
    assert_eq!(app.db.count("sessions").await, 0);
}

async fn o002_parameters_in_the_query_are_not_read(app: TestApp) {
    let ask = app.request(Method::POST, format_args!("/token?{GOOD}"));
    let answer = ask
        .raw("application/x-www-form-urlencoded", "")
        .send()
        .await;
    answer.oauth(400, "invalid_request");
    let ask = app.request(
        Method::POST,
        format_args!("/token?{GOOD}&password=something+else"),
    );
    let wrong = [
        ("grant_type", "password"),
        ("username", "admin"),
        ("password", WRONG),
    ];
    ask.form(&wrong).send().await.wrong_password();
    assert_eq!(app.db.count("sessions").await, 0);
}

async fn o003_a_body_that_is_no_form_gets_no_token(app: TestApp) {
    let json = format!(r#"{{"grant_type":"password","username":"admin","password":"{PASSWORD}"}}"#);
    let multipart =
        "--x\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\npassword\r\n--x--\r\n";
    for (content_type, body) in [
        ("application/json", json.as_str()),
        ("text/plain", GOOD),
        ("multipart/form-data; boundary=x", multipart),
        ("", GOOD),
    ] {
        let ask = app.request(Method::POST, "/token");
        let answer = ask.raw(content_type, body.to_owned()).send().await;
        answer.oauth(400, "invalid_request");
    }
    // parameters of the media type change nothing
    let ask = app.request(Method::POST, "/token");
    ask.raw("Application/X-WWW-Form-Urlencoded; charset=UTF-8", GOOD)
        .send()
        .await
        .is(200);
}

async fn o004_o005_a_grant_type_that_is_missing_or_unknown_is_refused(app: TestApp) {
    let rest = "username=admin&password=correct+horse+battery+staple";
    for missing in ["", "grant_type", "grant_type="] {
        let answer = send_form(&app, format!("{missing}&{rest}")).await;
        answer.oauth(400, "invalid_request");
    }
    for unknown in [
        "foo",
        "PASSWORD",
        "Password",
        "password ",
        "authorization_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "refresh token",
    ] {
        let answer = send_form(&app, format!("grant_type={unknown}&{rest}")).await;
        answer.oauth(400, "unsupported_grant_type");
        assert_eq!(answer.header("www-authenticate"), None);
    }
}

async fn o029_a_user_name_or_password_that_is_missing_is_refused(app: TestApp) {
    for missing in [
        "username=&password=x",
        "username&password=x",
        "password=x",
        "username=admin&password=",
        "username=admin",
        "",
    ] {
        let answer = send_form(&app, format!("grant_type=password&{missing}")).await;
        answer.oauth(400, "invalid_request");
    }
    assert_eq!(app.db.count("login_failures").await, 0);
}

async fn o010_no_answer_of_the_token_endpoint_may_be_kept(app: TestApp) {
    let wrong = "grant_type=password&username=admin&password=wrong";
    for (status, body) in [
        (200, GOOD),
        (400, "grant_type=foo"),
        (400, ""),
        (401, "grant_type=client_credentials"),
        (401, wrong),
    ] {
        let answer = send_form(&app, body).await;
        assert_eq!(answer.is(status).header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("pragma"), Some("no-cache"), "{body}");
    }
    let mut slowed = send_form(&app, wrong).await;
    for _ in 0..10 {
        slowed = send_form(&app, wrong).await;
    }
    let too_large = send_form(&app, vec![b'x'; 4 << 20]).await;
    let wrong_method = app.get("/token", "").await;
    for (status, answer) in [(429, slowed), (413, too_large), (405, wrong_method)] {
        assert_eq!(answer.is(status).header("cache-control"), Some("no-store"));
    }
}

async fn o006_a_parameter_sent_twice_is_refused(app: TestApp) {
    for again in [
        "grant_type=password",
        "username=admin",
        "username=alice",
        "password=correct+horse+battery+staple",
        "p%61ssword=other",
        "scope=&scope=",
        "client_id=&client_id=",
        "audience=a&audience=a",
        "refresh_token=a&refresh_token=b",
    ] {
        let answer = send_form(&app, format!("{GOOD}&{again}")).await;
        answer.oauth(400, "invalid_request");
    }
    assert_eq!(app.db.count("sessions").await, 0);
}

async fn o007_o008_an_unknown_or_empty_parameter_changes_nothing(app: TestApp) {
    let fields = "&f=x".repeat(5_000);
    for more in [
        "&foo=bar",
        "&foo=bar&foo=baz",
        "&scope=",
        "&scope",
        "&client_id=&client_secret=",
        "&audience=&resource=&tenant=",
        "&&&",
        "&username[]=x&password.a=y",
        fields.as_str(),
    ] {
        let answer = send_form(&app, format!("{GOOD}{more}")).await;
        assert_eq!(answer.status, 200, "{}", &more[..more.len().min(40)]);
    }
}

async fn o011_a_hostile_value_is_never_echoed(app: TestApp) {
    let long = "x".repeat(10_000);
    let values = [
        "canary\"\\canary",
        "canary\r\nSet-Cookie: canary=1",
        "canary\0",
        "canaryé\u{202e}",
        "<script>canary</script>",
        long.as_str(),
    ];
    for value in values {
        for (at, name) in ["grant_type", "username", "scope", "client_id", "audience"]
            .into_iter()
            .enumerate()
        {
            let mut form = vec![
                ("grant_type", "password"),
                ("username", "admin"),
                ("password", WRONG),
            ];
            form.retain(|(other, _)| *other != name);
            form.push((name, value));
            let answer = app
                .request(Method::POST, "/token")
                .from(&format!("192.0.2.{at}"))
                .form(&form)
                .send()
                .await;
            assert!(answer.status.is_client_error(), "{answer:?}");
            app.forgive().await;
            let error = answer.text("error");
            answer.oauth(answer.status.as_u16(), &error);
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(!body.contains("canary") && !body.contains("xxxx"), "{body}");
            assert!(!answer.headers.contains_key("set-cookie"));
        }
    }
}

async fn o013_a_user_name_and_password_beyond_ascii_are_read_as_utf_8(app: TestApp) {
    let password = "a+b c%d ü & = 🦀 long";
    let body = serde_json::json!({ "username": "jürgen", "password": password });
    app.post("/register", "", body).await.is(201);
    app.password_grant("jürgen", password).await.is(200);
    // the same name and password, decomposed
    let decomposed = "a+b c%d u\u{308} & = 🦀 long";
    app.password_grant("ju\u{308}rgen", decomposed)
        .await
        .is(200);
    for bad in ["username=%ff&password=x", "username=admin&password=%c3%28"] {
        let answer = send_form(&app, format!("grant_type=password&{bad}")).await;
        answer.oauth(400, "invalid_request");
    }
}

async fn o014_no_two_tokens_are_alike(app: TestApp) {
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..5 {
        let claims = claims(&app.login("admin").await);
        let jti = claims["jti"].as_str().unwrap().to_owned();
        // 160 bits in base64url
        assert!(jti.len() >= 27, "{jti}");
        assert!(seen.insert(jti));
        assert!(seen.insert(claims["sid"].as_str().unwrap().to_owned()));
    }
    let worker = app.client("worker", serde_json::json!({})).await;
    for _ in 0..1_000 {
        let claims = claims(&app.act_as(&worker).await);
        assert!(seen.insert(claims["jti"].as_str().unwrap().to_owned()));
    }
    let mut refresh = app.log_in("admin").await.refresh;
    for _ in 0..100 {
        refresh = app.refresh(&refresh).await.is(200).text("refresh_token");
        assert!(seen.insert(refresh.clone()));
    }
}

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
