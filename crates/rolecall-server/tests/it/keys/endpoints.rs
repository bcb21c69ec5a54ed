//! `/api/keys` and the JWK Set.

use http::Method;
use serde_json::{Value, json};

use super::{LEAD, rotate};
use crate::support::{TestApp, on_both};

on_both![
    reading_keys_does_not_permit_rotating_them,
    keys_are_listed_in_pages,
    a_current_copy_of_the_jwk_set_is_not_sent_again,
    every_rotation_is_in_the_audit_log,
];

async fn reading_keys_does_not_permit_rotating_them(app: TestApp) {
    app.create_role("auditor", &["rolecall.keys:read"]).await;
    app.create_user("alice", &["auditor"]).await;
    let alice = app.log_in("alice").await;
    app.get("/api/keys", &alice).await.is(200);
    let response = app.post("/api/keys/rotate", &alice, json!({})).await;
    response.forbidden("rolecall.keys:rotate");
    app.get("/api/keys", "").await.not_authenticated();
    let admin = app.admin().await;
    let wrong = app
        .post("/api/keys/rotate", admin, json!({ "force": "yes" }))
        .await;
    wrong.invalid(&["body", "force"]);
    app.post("/api/keys/rotate", admin, json!({ "kid": "x" }))
        .await
        .is(422);
    app.get("/api/keys?status=active", admin).await.is(422);
}

async fn keys_are_listed_in_pages(app: TestApp) {
    rotate(&app, json!({})).await.is(200);
    app.pass_time(LEAD);
    rotate(&app, json!({})).await.is(200);
    let admin = app.log_in("admin").await;
    let all = app.get("/api/keys", &admin).await.items("kid");
    assert_eq!(all.len(), 4);
    let pages = app.pages("/api/keys?limit=1", &admin).await;
    let seen: Vec<String> = pages.iter().flat_map(|page| page.items("kid")).collect();
    assert_eq!(seen, all);
}

async fn a_current_copy_of_the_jwk_set_is_not_sent_again(app: TestApp) {
    for path in [
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
    ] {
        let fresh = app.get(path, "").await;
        let tag = fresh.is(200).header("etag").unwrap().to_owned();
        assert!(
            tag.starts_with('"') && tag.ends_with('"') && tag.len() > 20,
            "{tag}"
        );
        assert_eq!(fresh.header("cache-control"), Some("public, max-age=300"));
        assert_eq!(fresh.header("content-type"), Some("application/json"));
        let request = async |known: &str| {
            let request = app
                .request(Method::GET, path)
                .header("if-none-match", known);
            request.send().await
        };
        for known in [&tag, "*", &format!("W/{tag}"), &format!("\"other\", {tag}")] {
            let response = request(known).await;
            assert_eq!(response.is(304).header("etag"), Some(tag.as_str()));
            assert_eq!(
                response.header("cache-control"),
                Some("public, max-age=300")
            );
            assert!(response.body.is_empty());
        }
        for other in ["\"other\"", "", &tag[1..], &tag.to_uppercase()] {
            assert_eq!(request(other).await.is(200).body, fresh.body);
        }
    }
    let tag = async || {
        let response = app.get("/.well-known/jwks.json", "").await;
        response.header("etag").unwrap().to_owned()
    };
    let before = tag().await;
    rotate(&app, json!({})).await.is(200);
    assert_ne!(tag().await, before);
}

async fn every_rotation_is_in_the_audit_log(app: TestApp) {
    let before = app.db.revision().await;
    let rotated = rotate(&app, json!({})).await.is(200).text("kid");
    assert_eq!(app.db.revision().await, before + 1);
    let changes = app
        .db
        .texts("SELECT changes FROM audit ORDER BY revision DESC LIMIT 1")
        .await;
    let changes: Value = serde_json::from_str(&changes[0]).unwrap();
    assert_eq!(changes[0]["action"], "key.rotated");
    assert_eq!(changes[0]["kid"], json!(rotated));
    assert_eq!(changes[1]["action"], "key.created");
    let actor = app
        .db
        .texts("SELECT actor FROM audit ORDER BY revision DESC LIMIT 1")
        .await;
    assert!(actor[0].starts_with("user:"), "{actor:?}");
}
