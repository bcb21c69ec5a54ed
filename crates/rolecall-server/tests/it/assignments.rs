//! `/api/users/{id}/roles`: who has which role, and until when.

use serde_json::{Value, json};

use crate::support::{TestApp, on_both};

on_both![
    assigning_is_idempotent_and_replaces_the_validity,
    an_unknown_role_cannot_be_assigned,
    an_impossible_validity_is_refused,
    the_list_shows_all_assignments_and_the_user_only_current_ones,
    the_list_is_paged_without_gaps,
    only_a_loss_raises_a_floor,
    an_unknown_id_or_one_of_another_kind_is_not_found,
];

async fn assigning_is_idempotent_and_replaces_the_validity(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("editor", &[]).await;
    let alice = app.create_user("alice", &[]).await;
    let path = format!("/api/users/{alice}/roles/editor");
    app.put(&path, admin).await.no_content();
    let revision = app.db.revision().await;
    app.put(&path, admin).await.no_content();
    assert_eq!(app.db.revision().await, revision);
    let body = json!({
        "valid_from": "2030-01-01T00:00:00Z", "expires_at": "2030-02-01T01:00:00+01:00", "reason": "a project",
    });
    app.put_json(&path, admin, body.clone()).await.no_content();
    app.put_json(&path, admin, body).await.no_content();
    assert_eq!(app.db.revision().await, revision + 1);
    let id = app.id_of("admin").await;
    let list = app
        .get(format_args!("/api/users/{alice}/roles"), admin)
        .await;
    assert_eq!(
        list.is(200).json,
        json!({ "next_cursor": null, "items": [{
            "id": path, "role": "editor", "tenant": null, "valid_from": "2030-01-01T00:00:00Z",
            "expires_at": "2030-02-01T00:00:00Z", "reason": "a project",
            "assigned_by": format!("user:{id}"), "assigned_at": "2030-01-01T00:00:00Z",
        }] })
    );
    app.delete(&path, admin).await.no_content();
    let revision = app.db.revision().await;
    app.delete(&path, admin).await.no_content();
    assert_eq!(app.db.revision().await, revision);
    assert_eq!(
        app.db.count("role_assignments").await,
        2,
        "the ones of `admin`"
    );
}

async fn an_unknown_role_cannot_be_assigned(app: TestApp) {
    let admin = app.admin().await;
    let alice = app.create_user("alice", &[]).await;
    let revision = app.db.revision().await;
    let path = format!("/api/users/{alice}/roles/nothing");
    app.put(&path, admin)
        .await
        .problem(404, "no role `nothing`");
    // the last element of the path need not exist
    app.delete(&path, admin).await.no_content();
    let path = format!("/api/users/{alice}/roles/rolecall.resource-server");
    app.put(&path, admin).await.violates("clients_only");
    let path = format!("/api/users/{alice}/roles/Admin");
    app.put(&path, admin).await.is(422);
    assert_eq!(app.db.revision().await, revision);
}

async fn an_impossible_validity_is_refused(app: TestApp) {
    let admin = app.admin().await;
    let alice = app.create_user("alice", &[]).await;
    let path = format!("/api/users/{alice}/roles/user");
    for (from, end) in [
        (Value::Null, json!("2030-01-01T00:00:00Z")),
        (json!("2030-03-01T00:00:00Z"), json!("2030-02-01T00:00:00Z")),
        (json!("2030-03-01T00:00:00Z"), json!("2030-03-01T00:00:00Z")),
        (Value::Null, json!("2031")),
        (Value::Null, json!("2031-02-30T00:00:00Z")),
        (Value::Null, json!("")),
    ] {
        let body = json!({ "valid_from": from, "expires_at": end });
        let response = app.put_json(&path, admin, body).await;
        response.invalid(&["body", "expires_at"]);
    }
    for reason in ["line\nbreak", &"ä".repeat(501)] {
        let body = json!({ "reason": reason });
        let response = app.put_json(&path, admin, body).await;
        response.invalid(&["body", "reason"]);
    }
    let sql = format!("SELECT COUNT(*) FROM role_assignments WHERE subject_id = '{alice}'");
    assert_eq!(app.db.number(&sql).await, 0);
    let body = json!({ "reason": "ä".repeat(500) });
    app.put_json(&path, admin, body).await.no_content();
}

async fn the_list_shows_all_assignments_and_the_user_only_current_ones(app: TestApp) {
    let admin = app.admin().await;
    for role in ["past", "future", "now"] {
        app.create_role(role, &[]).await;
    }
    let alice = app.create_user("alice", &["now"]).await;
    let path = format!("/api/users/{alice}/roles");
    let body = json!({ "expires_at": "2030-01-01T00:10:00Z" });
    app.put_json(format_args!("{path}/past"), admin, body)
        .await
        .no_content();
    let body = json!({ "valid_from": "2030-01-01T00:20:00Z" });
    app.put_json(format_args!("{path}/future"), admin, body)
        .await
        .no_content();
    app.pass_time(std::time::Duration::from_mins(15));
    assert_eq!(
        app.get(&path, admin).await.items("role"),
        ["future", "now", "past"]
    );
    let user = app.get(format_args!("/api/users/{alice}"), admin).await;
    assert_eq!(user.texts("roles"), ["now"]);
    let found = app.get("/api/users?username=alice", admin).await;
    assert_eq!(found.json["items"][0]["roles"], json!(["now"]));
}

async fn the_list_is_paged_without_gaps(app: TestApp) {
    let admin = app.admin().await;
    let names = ["a", "a-b", "a.b", "a_b", "b"];
    for name in names {
        app.create_role(name, &[]).await;
    }
    let alice = app.create_user("alice", &names).await;
    let path = format!("/api/users/{alice}/roles");
    let pages = app.pages(format_args!("{path}?limit=1"), admin).await;
    let mut seen: Vec<String> = pages.iter().flat_map(|page| page.items("role")).collect();
    assert_eq!(seen, app.get(&path, admin).await.items("role"));
    seen.sort();
    assert_eq!(seen, names);
}

async fn only_a_loss_raises_a_floor(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("editor", &[]).await;
    let alice = app.create_user("alice", &[]).await;
    let path = format!("/api/users/{alice}/roles/editor");
    let floor = async || {
        let sql =
            format!("SELECT COALESCE(MAX(revision), 0) FROM floors WHERE subject = '{alice}'");
        app.db.number(&sql).await
    };
    let until = |day: u8| json!({ "expires_at": format!("2030-01-{day:02}T00:00:00Z") });
    for (body, loses) in [
        (until(10), false),
        (until(20), false),
        (until(15), true),
        (json!({}), false),
        (json!({ "reason": "why" }), false),
        (json!({ "valid_from": "2029-01-01T00:00:00Z" }), false),
        (json!({ "valid_from": "2030-01-05T00:00:00Z" }), true),
        (json!({ "valid_from": "2030-01-03T00:00:00Z" }), false),
        (json!({ "valid_from": "2030-01-04T00:00:00Z" }), true),
        (json!({}), false),
        (until(2), true),
    ] {
        let before = floor().await;
        app.put_json(&path, admin, body.clone()).await.no_content();
        let now = app.db.revision().await;
        let expected = if loses { now } else { before };
        assert_eq!(floor().await, expected, "{body}");
    }
}

async fn an_unknown_id_or_one_of_another_kind_is_not_found(app: TestApp) {
    let admin = app.admin().await;
    let alice = app.create_user("alice", &[]).await;
    let client = app.create_client("jobs", json!({})).await;
    let revision = app.db.revision().await;
    let paths = [
        "/api/users/nobody".to_owned(),
        format!("/api/users/{}", client.id),
        format!("/api/clients/{alice}"),
    ];
    for path in paths {
        app.put(format_args!("{path}/roles/user"), admin)
            .await
            .is(404);
        app.delete(format_args!("{path}/roles/user"), admin)
            .await
            .is(404);
        app.get(format_args!("{path}/roles"), admin).await.is(404);
    }
    assert_eq!(app.db.revision().await, revision);
}
