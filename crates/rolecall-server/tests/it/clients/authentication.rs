//! Client authentication (RFC 6749 section 2.3).

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::json;

use crate::support::{Credentials, PASSWORD, TestApp, WRONG, claims, on_both, password_form};

on_both![
    o012_a_grant_the_client_lacks_is_refused_before_any_hashing,
    o015_a_confidential_client_without_its_secret_is_refused,
    o016_basic_and_form_both_authenticate_a_client,
    o017_o018_an_unknown_client_looks_like_a_wrong_secret,
    o019_two_credentials_in_one_request_are_refused,
    o020_an_encoded_secret_is_decoded,
    o021_a_secret_in_the_query_is_refused,
    o023_guessing_slows_only_the_guessed_client,
    o030_no_password_is_hashed_for_an_unauthenticated_client,
];

async fn o015_a_confidential_client_without_its_secret_is_refused(app: TestApp) {
    let client = app.create_client("worker", json!({})).await;
    for form in [
        vec![("client_id", client.id.as_str())],
        vec![("client_id", client.id.as_str()), ("client_secret", "")],
        vec![
            ("client_id", client.id.as_str()),
            ("client_secret", "wrong"),
        ],
        vec![("client_secret", client.secret.as_str())],
    ] {
        let form = [vec![("grant_type", "client_credentials")], form].concat();
        app.token(&form).await.oauth_error(401, "invalid_client");
    }
    let form = [("grant_type", "client_credentials")];
    app.token(&form).await.oauth_error(401, "invalid_client");
}

async fn o016_basic_and_form_both_authenticate_a_client(app: TestApp) {
    let client = app.create_client("worker", json!({})).await;
    let by_basic = app.act_as(&client).await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &client.id),
        ("client_secret", &client.secret),
    ];
    let by_form = app.token(&form).await.is(200).text("access_token");
    for token in [by_basic, by_form] {
        let claims = claims(&token);
        assert_eq!(claims["sub"], client.id.as_str());
        assert_eq!(claims["client_id"], client.id.as_str());
        assert_eq!(claims["subject_kind"], "client");
        assert!(claims.get("username").is_none(), "{claims}");
        assert!(claims.get("sid").is_none() && claims.get("auth_time").is_none());
    }
}

async fn o017_o018_an_unknown_client_looks_like_a_wrong_secret(app: TestApp) {
    let client = app.create_client("worker", json!({})).await;
    let form = [("grant_type", "client_credentials")];
    let request = async |id: &str| {
        let wrong = Credentials::new(id, "wrong");
        app.form_as(&wrong, "/token", &form).send().await
    };
    let (known, unknown) = (request(&client.id).await, request("nobody").await);
    known.oauth_error(401, "invalid_client");
    assert!(
        known
            .header("www-authenticate")
            .unwrap()
            .starts_with("Basic ")
    );
    assert_eq!(known, unknown);
}

async fn o019_two_credentials_in_one_request_are_refused(app: TestApp) {
    let (one, two) = (
        app.create_client("one", json!({})).await,
        app.create_client("two", json!({})).await,
    );
    let form = [
        ("client_id", one.id.as_str()),
        ("client_secret", one.secret.as_str()),
    ];
    app.try_act_as(&one, &form)
        .await
        .oauth_error(400, "invalid_request");
    let form = [("client_id", two.id.as_str())];
    app.try_act_as(&one, &form)
        .await
        .oauth_error(400, "invalid_request");
    let form = [("client_id", one.id.as_str())];
    app.try_act_as(&one, &form).await.is(200);
}

async fn o020_an_encoded_secret_is_decoded(app: TestApp) {
    let client = app.create_client("worker", json!({})).await;
    let encoded = |text: &str| {
        let bytes: Vec<String> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        bytes.concat()
    };
    let pair = format!("{}:{}", encoded(&client.id), encoded(&client.secret));
    let request = app
        .request(Method::POST, "/token")
        .form(&[("grant_type", "client_credentials")]);
    let value = format!("basic {}", STANDARD.encode(pair));
    request.header("authorization", &value).send().await.is(200);
}

async fn o021_a_secret_in_the_query_is_refused(app: TestApp) {
    let client = app.create_client("worker", json!({})).await;
    let path = format!(
        "/token?client_id={}&client_secret={}",
        client.id, client.secret
    );
    let request = app
        .request(Method::POST, path)
        .form(&[("grant_type", "client_credentials")]);
    request.send().await.oauth_error(400, "invalid_request");
}

async fn o023_guessing_slows_only_the_guessed_client(app: TestApp) {
    let (one, two) = (
        app.create_client("one", json!({})).await,
        app.create_client("two", json!({})).await,
    );
    let form = [("grant_type", "client_credentials")];
    let request = async |id: &str, secret: &str, address: &str| {
        let client = Credentials::new(id, secret);
        app.form_as(&client, "/token", &form)
            .peer(address)
            .send()
            .await
            .status
            .as_u16()
    };
    let mut statuses = Vec::new();
    for _ in 0..200 {
        statuses.push(request(&one.id, "wrong", "192.0.2.1").await);
    }
    let slowed = statuses.iter().filter(|status| **status == 429).count();
    assert!(slowed >= 140, "{slowed} of 200");
    assert!(statuses.iter().all(|status| [401, 429].contains(status)));
    assert_eq!(request(&one.id, &one.secret, "192.0.2.1").await, 429);
    assert_eq!(
        request(&one.id, &one.secret, "192.0.2.2").await,
        200,
        "from another address"
    );
    assert_eq!(
        request(&two.id, &two.secret, "192.0.2.1").await,
        200,
        "another client"
    );
    app.clock.advance(Duration::from_mins(2));
    assert_eq!(request(&one.id, &one.secret, "192.0.2.1").await, 200);
}

async fn o030_no_password_is_hashed_for_an_unauthenticated_client(app: TestApp) {
    app.create_user("alice", &[]).await;
    let client = app.create_client("app", json!({})).await;
    let wrong = Credentials::new(&client.id, "wrong");
    let before = app.db.count("login_failures").await;
    for password in [PASSWORD, WRONG] {
        let form = password_form("alice", password);
        let refused = app.form_as(&wrong, "/token", &form).send().await;
        refused.oauth_error(401, "invalid_client");
    }
    assert_eq!(
        app.db.count("login_failures").await,
        before,
        "no guess was counted"
    );
}

async fn o012_a_grant_the_client_lacks_is_refused_before_any_hashing(app: TestApp) {
    app.create_user("alice", &[]).await;
    let worker = json!({ "grants": ["client_credentials"] });
    let worker = app.create_client("worker", worker).await;
    for password in [PASSWORD, WRONG] {
        let form = password_form("alice", password);
        let refused = app.form_as(&worker, "/token", &form).send().await;
        refused.oauth_error(400, "unauthorized_client");
    }
    assert_eq!(app.db.count("login_failures").await, 0);
    let first_party = app.open_session("alice").await.refresh;
    for token in ["garbage", &first_party] {
        let refused = app.refresh_through(&worker, token).await;
        refused.oauth_error(400, "unauthorized_client");
    }
    let front = app
        .create_client("front", json!({ "grants": ["password"] }))
        .await;
    let refused = app.try_act_as(&front, &[]).await;
    refused.oauth_error(400, "unauthorized_client");
    app.refresh(&first_party).await.is(200);
}
