//! The grants that a client may use.

use serde_json::json;

use crate::support::{PASSWORD, TestApp, claims, on_both};

on_both![
    o035_a_public_client_gets_a_new_refresh_token_each_time,
    o025_a_client_has_only_the_grants_it_was_given,
    o026_a_client_refreshes_only_with_the_refresh_grant,
    o038_a_refresh_token_is_useless_to_another_client,
    o039_a_confidential_client_refreshes_only_with_its_secret,
    o051_client_credentials_yield_no_refresh_token,
    o052_a_public_client_cannot_use_client_credentials,
    o053_a_client_is_never_mistaken_for_a_user,
];

async fn o025_a_client_has_only_the_grants_it_was_given(app: TestApp) {
    app.create_user("alice", &[]).await;
    let client = app
        .create_client("worker", json!({ "grants": ["client_credentials"] }))
        .await;
    let refused = app.log_in_through(&client, &[]).await;
    refused.oauth_error(400, "unauthorized_client");
    let client = app
        .create_client("app", json!({ "grants": ["password"] }))
        .await;
    app.log_in_through(&client, &[]).await.is(200);
    app.try_act_as(&client, &[])
        .await
        .oauth_error(400, "unauthorized_client");
}

async fn o026_a_client_refreshes_only_with_the_refresh_grant(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    let client = app
        .create_client("app", json!({ "grants": ["password"] }))
        .await;
    let once = app.log_in_through(&client, &[]).await;
    assert!(once.is(200).json.get("refresh_token").is_none());
    let client = app.create_client("more", json!({})).await;
    let first = app.log_in_through(&client, &[]).await;
    let claims = claims(&first.is(200).text("access_token"));
    assert_eq!(claims["client_id"], client.id.as_str());
    assert_eq!(claims["username"], "alice");
    let next = app
        .refresh_through(&client, &first.text("refresh_token"))
        .await;
    next.is(200);
    let path = format!("/api/clients/{}", client.id);
    let less = json!({ "grants": ["password"] });
    app.patch(path, app.admin().await, less).await.is(200);
    let refused = app
        .refresh_through(&client, &next.text("refresh_token"))
        .await;
    refused.oauth_error(400, "unauthorized_client");
}

async fn o038_a_refresh_token_is_useless_to_another_client(app: TestApp) {
    app.create_user("alice", &[]).await;
    let (one, two) = (
        app.create_client("one", json!({})).await,
        app.create_client("two", json!({})).await,
    );
    let token = app
        .log_in_through(&one, &[])
        .await
        .is(200)
        .text("refresh_token");
    app.refresh_through(&two, &token)
        .await
        .oauth_error(400, "invalid_grant");
    app.refresh(&token).await.oauth_error(400, "invalid_grant");
    let first_party = app.open_session("alice").await.refresh;
    app.refresh_through(&one, &first_party)
        .await
        .oauth_error(400, "invalid_grant");
    app.refresh_through(&one, &token).await.is(200);
    app.refresh(&first_party).await.is(200);
}

async fn o039_a_confidential_client_refreshes_only_with_its_secret(app: TestApp) {
    app.create_user("alice", &[]).await;
    let client = app.create_client("one", json!({})).await;
    let token = app
        .log_in_through(&client, &[])
        .await
        .is(200)
        .text("refresh_token");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &token),
        ("client_id", &client.id),
    ];
    app.token(&form).await.oauth_error(401, "invalid_client");
    app.refresh_through(&client, &token).await.is(200);
    let public = app
        .create_client(
            "phone",
            json!({ "public": true, "grants": ["password", "refresh_token"] }),
        )
        .await;
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", PASSWORD),
        ("client_id", &public.id),
    ];
    let token = app.token(&form).await.is(200).text("refresh_token");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &token),
        ("client_id", &public.id),
    ];
    app.token(&form).await.is(200);
}

async fn o051_client_credentials_yield_no_refresh_token(app: TestApp) {
    let client = app.create_client("worker", json!({})).await;
    let response = app.try_act_as(&client, &[]).await;
    assert!(response.is(200).json.get("refresh_token").is_none());
}

async fn o052_a_public_client_cannot_use_client_credentials(app: TestApp) {
    let public = app
        .create_client("phone", json!({ "public": true, "grants": ["password"] }))
        .await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &public.id),
    ];
    app.token(&form)
        .await
        .oauth_error(400, "unauthorized_client");
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", PASSWORD),
        ("client_id", &public.id),
        ("client_secret", "made up"),
    ];
    app.token(&form).await.oauth_error(401, "invalid_client");
}

async fn o053_a_client_is_never_mistaken_for_a_user(app: TestApp) {
    let client = app.create_client("admin", json!({})).await;
    let token = app.act_as(&client).await;
    for path in ["/api/me", "/api/me/sessions"] {
        app.get(path, &token).await.forbidden("");
    }
    let path = format!("/api/users/{}", client.id);
    app.get(&path, app.admin().await).await.is(404);
    let path = format!("/api/users/{}/roles/user", client.id);
    app.put(&path, app.admin().await).await.is(404);
    let alice = app.create_user("alice", &[]).await;
    let path = format!("/api/clients/{alice}/roles/user");
    app.put(&path, app.admin().await).await.is(404);
    app.get(format_args!("/api/clients/{alice}"), app.admin().await)
        .await
        .is(404);
    assert!(
        app.db
            .refuses(&format!(
                "INSERT INTO subjects (id, kind) VALUES ('{}', 'user')",
                client.id
            ))
            .await
    );
}

async fn o035_a_public_client_gets_a_new_refresh_token_each_time(app: TestApp) {
    app.create_user("alice", &[]).await;
    let members = json!({ "public": true, "grants": ["password", "refresh_token"] });
    let phone = app.create_client("phone", members).await;
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", PASSWORD),
        ("client_id", &phone.id),
    ];
    let mut tokens = vec![app.token(&form).await.is(200).text("refresh_token")];
    for _ in 0..3 {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens.last().unwrap()),
            ("client_id", &phone.id),
        ];
        let next = app.token(&form).await.is(200).text("refresh_token");
        assert!(!tokens.contains(&next));
        tokens.push(next);
    }
}
