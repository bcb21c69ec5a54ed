//! A loss in a tenant ends the tokens for that tenant, and no others.

use serde_json::json;

use crate::support::{TestApp, claims, eventually, on_both};

on_both![
    y020_a_loss_in_a_tenant_ends_only_tokens_for_that_tenant,
    y020_deleting_a_role_of_a_tenant_ends_only_tokens_for_that_tenant,
    y020_a_tenant_administrator_cannot_end_the_tokens_of_others,
    y020_the_feed_names_the_tenant_of_a_floor,
    y021_a_floor_from_before_the_schema_ends_all_tokens,
    y021_floors_of_tenants_merge_into_one_for_all_tokens,
];

/// Logs in to a tenant, or to none.
async fn token_for(app: &TestApp, user: &str, tenant: &str) -> String {
    let response = app.try_log_in_to(user, tenant, None).await;
    response.is(200).text("access_token")
}

/// Alice, with a role in `acme`, one in `initech` and one outside; returns her id.
async fn create_alice(app: &TestApp) -> String {
    app.create_role("reader", &["items:read"]).await;
    app.create_role("editor", &["items:write"]).await;
    let alice = app.create_user("alice", &["user"]).await;
    app.assign_in(&alice, "reader", "acme").await;
    app.assign_in(&alice, "editor", "acme").await;
    app.assign_in(&alice, "reader", "initech").await;
    alice
}

async fn y020_a_loss_in_a_tenant_ends_only_tokens_for_that_tenant(app: TestApp) {
    let alice = create_alice(&app).await;
    let other = app.second_node().await;
    let [none, acme, initech] = [
        token_for(&app, "alice", "").await,
        token_for(&app, "alice", "acme").await,
        token_for(&app, "alice", "initech").await,
    ];
    app.unassign_in(&alice, "editor", "acme").await;
    app.get("/api/me", &acme).await.ended_token();
    app.get("/api/me", &none).await.is(200);
    app.get("/t/initech/items/", &initech).await.is(200);
    eventually("the other node refuses", async || {
        other.get("/api/me", &acme).await.status == 401
    })
    .await;
    other.get("/api/me", &none).await.is(200);
    other.get("/t/initech/items/", &initech).await.is(200);
    // shortened in a tenant
    let path = format!("/api/users/{alice}/roles/reader?tenant=initech");
    let shorter = json!({ "expires_at": "2030-01-01T00:10:00Z" });
    let admin = app.admin().await;
    app.put_json(path, admin, shorter).await.no_content();
    app.get("/api/me", &initech).await.ended_token();
    app.get("/api/me", &none).await.is(200);
    // a loss outside of tenants ends the tokens for every tenant, which carry global roles too
    let acme = token_for(&app, "alice", "acme").await;
    app.unassign(&alice, "user").await;
    for token in [&acme, &none] {
        app.get("/api/me", token).await.ended_token();
    }
}

async fn y020_deleting_a_role_of_a_tenant_ends_only_tokens_for_that_tenant(app: TestApp) {
    create_alice(&app).await;
    app.create_role("guest", &[]).await;
    let alice = app.id_of("alice").await;
    app.assign_in(&alice, "guest", "hooli").await;
    let none = token_for(&app, "alice", "").await;
    let acme = token_for(&app, "alice", "acme").await;
    let hooli = token_for(&app, "alice", "hooli").await;
    app.delete("/api/roles/guest", app.admin().await)
        .await
        .no_content();
    app.get("/api/me", &hooli).await.ended_token();
    app.get("/api/me", &none).await.is(200);
    app.get("/t/acme/items/", &acme).await.is(200);
}

async fn y020_a_tenant_administrator_cannot_end_the_tokens_of_others(app: TestApp) {
    app.create_lead().await;
    let root = app.id_of("admin").await;
    let lead = token_for(&app, "lead", "acme").await;
    let admin = app.admin().await;
    let path = format!("/api/users/{root}/roles/reader?tenant=acme");
    for _ in 0..3 {
        app.put(&path, &lead).await.no_content();
        app.delete(&path, &lead).await.no_content();
        app.get("/api/me", admin).await.is(200);
    }
    // a write asks the database
    app.post("/api/roles", admin, json!({ "name": "another" }))
        .await
        .is(201);
}

async fn y020_the_feed_names_the_tenant_of_a_floor(app: TestApp) {
    let alice = create_alice(&app).await;
    let client = app.create_resource_server("reader-of-the-feed").await;
    let feed = app.act_as(&client).await;
    app.unassign_in(&alice, "editor", "acme").await;
    let floor = async || {
        let feed = app.get("/api/feed", &feed).await;
        let floors = feed.is(200).json["floors"].as_array().unwrap().clone();
        floors.into_iter().find(|floor| floor["key"] == alice)
    };
    eventually("the feed has the floor", async || floor().await.is_some()).await;
    let floor = floor().await.unwrap();
    assert_eq!(
        (&floor["kind"], &floor["tenant"]),
        (&json!("subject"), &json!("acme"))
    );
    app.unassign(&alice, "user").await;
    eventually("the floor for all tokens replaces it", async || {
        let feed = app.get("/api/feed", &feed).await;
        let floors = feed.is(200).json["floors"].as_array().unwrap().clone();
        let of_alice: Vec<_> = floors
            .iter()
            .filter(|floor| floor["key"] == alice)
            .collect();
        of_alice.len() == 1 && of_alice[0].get("tenant").is_none()
    })
    .await;
}

async fn y021_a_floor_from_before_the_schema_ends_all_tokens(app: TestApp) {
    let alice = create_alice(&app).await;
    let acme = token_for(&app, "alice", "acme").await;
    let rev = claims(&acme)["rev"].as_i64().unwrap() + 1;
    // as the statement of an older version writes it, without a tenant
    app.db
        .execute(&format!(
            "INSERT INTO floors (kind, subject, revision, ends_at) VALUES ('subject', '{alice}', {rev}, 9000000000000000)"
        ))
        .await;
    app.db
        .execute("UPDATE head SET revision = revision + 1")
        .await;
    eventually("the node refuses", async || {
        app.get("/api/me", &acme).await.status == 401
    })
    .await;
}

async fn y021_floors_of_tenants_merge_into_one_for_all_tokens(app: TestApp) {
    let alice = create_alice(&app).await;
    let count = async || {
        let sql =
            format!("SELECT COUNT(*) FROM floors WHERE kind = 'subject' AND subject = '{alice}'");
        app.db.number(&sql).await
    };
    app.unassign_in(&alice, "editor", "acme").await;
    app.unassign_in(&alice, "reader", "initech").await;
    assert_eq!(count().await, 2);
    app.unassign(&alice, "user").await;
    assert_eq!(count().await, 1);
    // a floor that comes later is above that one
    let acme = token_for(&app, "alice", "acme").await;
    app.unassign_in(&alice, "reader", "acme").await;
    assert_eq!(count().await, 2);
    app.get("/api/me", &acme).await.ended_token();
}
