//! `/api/keys` and the JWK Set.

use http::Method;
use serde_json::{Value, json};

use super::{LEAD, rotate};
use crate::support::{TestApp, on_both};

on_both![
    whoever_may_read_keys_may_not_rotate_them,
    lists_of_keys_come_in_pages,
    a_copy_of_the_set_that_is_current_is_not_sent_again,
    every_rotation_stands_in_the_audit_log,
];

async fn whoever_may_read_keys_may_not_rotate_them(app: TestApp) {
    app.role("auditor", &["rolecall.keys:read"]).await;
    app.user("alice", &["auditor"]).await;
    let alice = app.login("alice").await;
    app.get("/api/keys", &alice).await.is(200);
    let answer = app.post("/api/keys/rotate", &alice, json!({})).await;
    answer.forbidden("rolecall.keys:rotate");
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

async fn lists_of_keys_come_in_pages(app: TestApp) {
    rotate(&app, json!({})).await.is(200);
    app.pass(LEAD);
    rotate(&app, json!({})).await.is(200);
    let admin = app.login("admin").await;
    let all = app.get("/api/keys", &admin).await.items("kid");
    assert_eq!(all.len(), 4);
    let mut paged = Vec::new();
    let mut path = "/api/keys?limit=1".to_owned();
    loop {
        let page = app.get(&path, &admin).await;
        paged.extend(page.is(200).items("kid"));
        let Some(cursor) = page.json["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/keys?limit=1&cursor={cursor}");
    }
    assert_eq!(paged, all);
}

async fn a_copy_of_the_set_that_is_current_is_not_sent_again(app: TestApp) {
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
        let ask = async |known: &str| {
            let ask = app
                .request(Method::GET, path)
                .header("if-none-match", known);
            ask.send().await
        };
        for known in [&tag, "*", &format!("W/{tag}"), &format!("\"other\", {tag}")] {
            let answer = ask(known).await;
            assert_eq!(answer.is(304).header("etag"), Some(tag.as_str()));
            assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
            assert!(answer.body.is_empty());
        }
        for other in ["\"other\"", "", &tag[1..], &tag.to_uppercase()] {
            assert_eq!(ask(other).await.is(200).body, fresh.body);
        }
    }
    let tag = async || {
        let answer = app.get("/.well-known/jwks.json", "").await;
        answer.header("etag").unwrap().to_owned()
    };
    let before = tag().await;
    rotate(&app, json!({})).await.is(200);
    assert_ne!(tag().await, before);
}

async fn every_rotation_stands_in_the_audit_log(app: TestApp) {
    let before = app.db.revision().await;
    let rotated = rotate(&app, json!({})).await.is(200).text("kid");
    assert_eq!(app.db.revision().await, before + 1);
    let told = app
        .db
        .texts("SELECT changes FROM audit ORDER BY revision DESC LIMIT 1")
        .await;
    let told: Value = serde_json::from_str(&told[0]).unwrap();
    assert_eq!(told[0]["action"], "key.rotated");
    assert_eq!(told[0]["kid"], json!(rotated));
    assert_eq!(told[1]["action"], "key.created");
    let actor = app
        .db
        .texts("SELECT actor FROM audit ORDER BY revision DESC LIMIT 1")
        .await;
    assert!(actor[0].starts_with("user:"), "{actor:?}");
}
