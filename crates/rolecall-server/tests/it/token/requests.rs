//! The form of requests and responses.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::{GOOD, send_form};
use crate::support::{PASSWORD, TestApp, WRONG, claims, on_both, password_form};

on_both![
    o009_a_valid_request_gets_the_tutorials_response,
    o001_only_post_gets_a_token,
    o002_parameters_in_the_query_are_refused,
    o003_a_body_that_is_not_a_form_gets_no_token,
    o029_a_missing_username_or_password_is_refused,
    o010_no_response_of_the_token_endpoint_may_be_cached,
    o004_o005_a_missing_or_unknown_grant_type_is_refused,
    o006_a_repeated_parameter_is_refused,
    o007_o008_an_unknown_or_empty_parameter_is_ignored,
    o011_a_hostile_value_is_never_echoed,
    o013_usernames_and_passwords_are_read_as_utf_8,
    o014_no_two_tokens_are_equal,
    y194_a_later_role_that_makes_a_token_too_long_blocks_no_login,
];

async fn o009_a_valid_request_gets_the_tutorials_response(app: TestApp) {
    let response = send_form(&app, GOOD).await;
    response.is(200);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("pragma"), Some("no-cache"));
    assert_eq!(response.json["token_type"], "bearer");
    let token = response.text("access_token");
    let claims = claims(&token);
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(response.json["expires_in"], lifetime);
    assert_eq!(lifetime, 1800);
    assert_eq!(response.text("scope"), claims["scope"].as_str().unwrap());
    app.get("/api/me", &token).await.is(200);
    assert_eq!(app.db.count("sessions").await, 1);
}

async fn o001_only_post_gets_a_token(app: TestApp) {
    for method in [
        "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW",
    ] {
        let path = format!("/token?{GOOD}");
        let request = app.request(method.parse().unwrap(), path);
        let response = request.form(&[("grant_type", "password")]).send().await;
        response.is(405);
        assert_eq!(response.header("allow"), Some("POST"), "{method}");
        assert_eq!(response.json["access_token"], serde_json::Value::Null);
    }
    assert_eq!(app.db.count("sessions").await, 0);
}

async fn o002_parameters_in_the_query_are_refused(app: TestApp) {
    let request = app.request(Method::POST, format_args!("/token?{GOOD}"));
    let response = request
        .raw("application/x-www-form-urlencoded", "")
        .send()
        .await;
    response.oauth_error(400, "invalid_request");
    let request = app.request(
        Method::POST,
        format_args!("/token?{GOOD}&password=something+else"),
    );
    let wrong = [
        ("grant_type", "password"),
        ("username", "admin"),
        ("password", WRONG),
    ];
    let response = request.form(&wrong).send().await;
    response.oauth_error(400, "invalid_request");
    // whatever it is, and the body alone is right
    let good = password_form("admin", PASSWORD);
    for (query, status) in [("?tenant=acme", 400), ("?x", 400), ("?", 200), ("", 200)] {
        let request = app.request(Method::POST, format_args!("/token{query}"));
        request.form(&good).send().await.is(status);
    }
    assert_eq!(app.db.count("sessions").await, 2);
}

async fn o003_a_body_that_is_not_a_form_gets_no_token(app: TestApp) {
    let json = format!(r#"{{"grant_type":"password","username":"admin","password":"{PASSWORD}"}}"#);
    let multipart =
        "--x\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\npassword\r\n--x--\r\n";
    for (content_type, body) in [
        ("application/json", json.as_str()),
        ("text/plain", GOOD),
        ("multipart/form-data; boundary=x", multipart),
        ("", GOOD),
    ] {
        let request = app.request(Method::POST, "/token");
        let response = request.raw(content_type, body.to_owned()).send().await;
        response.oauth_error(400, "invalid_request");
    }
    // parameters of the media type are ignored
    let request = app.request(Method::POST, "/token");
    request
        .raw("Application/X-WWW-Form-Urlencoded; charset=UTF-8", GOOD)
        .send()
        .await
        .is(200);
}

async fn o004_o005_a_missing_or_unknown_grant_type_is_refused(app: TestApp) {
    let rest = "username=admin&password=correct+horse+battery+staple";
    for missing in ["", "grant_type", "grant_type="] {
        let response = send_form(&app, format!("{missing}&{rest}")).await;
        response.oauth_error(400, "invalid_request");
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
        let response = send_form(&app, format!("grant_type={unknown}&{rest}")).await;
        response.oauth_error(400, "unsupported_grant_type");
        assert_eq!(response.header("www-authenticate"), None);
    }
}

async fn o029_a_missing_username_or_password_is_refused(app: TestApp) {
    for missing in [
        "username=&password=x",
        "username&password=x",
        "password=x",
        "username=admin&password=",
        "username=admin",
        "",
    ] {
        let response = send_form(&app, format!("grant_type=password&{missing}")).await;
        response.oauth_error(400, "invalid_request");
    }
    assert_eq!(app.db.count("login_failures").await, 0);
}

async fn o010_no_response_of_the_token_endpoint_may_be_cached(app: TestApp) {
    let wrong = "grant_type=password&username=admin&password=wrong";
    for (status, body) in [
        (200, GOOD),
        (400, "grant_type=foo"),
        (400, ""),
        (401, "grant_type=client_credentials"),
        (401, wrong),
    ] {
        let response = send_form(&app, body).await;
        assert_eq!(
            response.is(status).header("cache-control"),
            Some("no-store")
        );
        assert_eq!(response.header("pragma"), Some("no-cache"), "{body}");
    }
    let mut slowed = send_form(&app, wrong).await;
    // the same wrong password again counts once
    for number in 0..10 {
        slowed = send_form(&app, format!("{wrong}{number}")).await;
    }
    let too_large = send_form(&app, vec![b'x'; 4 << 20]).await;
    let wrong_method = app.get("/token", "").await;
    for (status, response) in [(429, slowed), (413, too_large), (405, wrong_method)] {
        assert_eq!(
            response.is(status).header("cache-control"),
            Some("no-store")
        );
    }
}

async fn o006_a_repeated_parameter_is_refused(app: TestApp) {
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
        let response = send_form(&app, format!("{GOOD}&{again}")).await;
        response.oauth_error(400, "invalid_request");
    }
    assert_eq!(app.db.count("sessions").await, 0);
}

async fn o007_o008_an_unknown_or_empty_parameter_is_ignored(app: TestApp) {
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
        let response = send_form(&app, format!("{GOOD}{more}")).await;
        assert_eq!(response.status, 200, "{}", &more[..more.len().min(40)]);
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
            let response = app
                .request(Method::POST, "/token")
                .peer(&format!("192.0.2.{at}"))
                .form(&form)
                .send()
                .await;
            assert!(response.status.is_client_error(), "{response:?}");
            app.clear_failures().await;
            let error = response.text("error");
            response.oauth_error(response.status.as_u16(), &error);
            let body = String::from_utf8_lossy(&response.body).into_owned();
            assert!(!body.contains("canary") && !body.contains("xxxx"), "{body}");
            assert!(!response.headers.contains_key("set-cookie"));
        }
    }
}

async fn o013_usernames_and_passwords_are_read_as_utf_8(app: TestApp) {
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
        let response = send_form(&app, format!("grant_type=password&{bad}")).await;
        response.oauth_error(400, "invalid_request");
    }
}

async fn o014_no_two_tokens_are_equal(app: TestApp) {
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..5 {
        let claims = claims(&app.log_in("admin").await);
        let jti = claims["jti"].as_str().unwrap().to_owned();
        // 160 bits in base64url
        assert!(jti.len() >= 27, "{jti}");
        assert!(seen.insert(jti));
        assert!(seen.insert(claims["sid"].as_str().unwrap().to_owned()));
    }
    let worker = app.create_client("worker", serde_json::json!({})).await;
    for _ in 0..1_000 {
        let claims = claims(&app.act_as(&worker).await);
        assert!(seen.insert(claims["jti"].as_str().unwrap().to_owned()));
    }
    let mut refresh = app.open_session("admin").await.refresh;
    for _ in 0..100 {
        refresh = app.refresh(&refresh).await.is(200).text("refresh_token");
        assert!(seen.insert(refresh.clone()));
    }
}

async fn y194_a_later_role_that_makes_a_token_too_long_blocks_no_login(app: TestApp) {
    app.create_plain_role("clerk", &["papers:see"]).await;
    app.create_plain_role("heavy", &[]).await;
    for number in 0..70 {
        let junior = format!("{}{number}", "x".repeat(60));
        app.create_plain_role(&junior, &[]).await;
        app.inherit("heavy", &junior).await;
    }
    let alice = app.create_user("alice", &["clerk"]).await;
    let before = app.open_session("alice").await;
    app.pass_time(Duration::from_secs(1));
    app.assign(&alice, "heavy").await;
    let response = app.password_grant("alice", PASSWORD).await;
    let token = claims(&response.is(200).text("access_token"));
    assert_eq!(token["roles"], json!(["clerk"]));
    assert_eq!(token["scope"], "papers:see");
    assert!(token.get("narrowed").is_none());
    assert_eq!(response.text("scope"), "papers:see");
    let refreshed = app.refresh(&before.refresh).await;
    let token = claims(&refreshed.is(200).text("access_token"));
    assert_eq!(token["roles"], json!(["clerk"]));
    for scope in ["papers:see", "role:clerk"] {
        let token = claims(&app.log_in_with_scope("alice", scope).await);
        assert_eq!(token["roles"], json!(["clerk"]), "{scope}");
    }
    // what was asked for is never left out
    let refused = app.try_log_in_with_scope("alice", "role:heavy").await;
    refused.oauth_error(400, "invalid_scope");
    let description = refused.text("error_description");
    assert!(description.contains("too long"), "{description}");
    // a client is not blocked either
    let robot = json!({ "roles": ["heavy"] });
    let robot = app.create_client("robot", robot).await;
    assert_eq!(claims(&app.act_as(&robot).await)["roles"], json!([]));
    // in a tenant, the role there is needed, whatever its age
    app.assign_in(&alice, "clerk", "acme").await;
    let there = app.log_in_to("alice", "acme").await;
    assert_eq!(claims(&there.access)["tenant"], "acme");
    assert_eq!(claims(&there.access)["roles"], json!(["clerk"]));
}
