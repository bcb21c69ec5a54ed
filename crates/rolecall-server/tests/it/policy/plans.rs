//! What a plan counts and names.

use serde_json::{Value, json};

use super::{ITEMS, POLICY, given, plan, put};
use crate::support::{PASSWORD, TestApp, on_both};

on_both![
    a_plan_counts_each_tenant_and_only_what_is_lost_in_the_end,
    a_plan_counts_who_loses_or_gains_a_role_that_holds_nothing,
    a_plan_names_people_only_to_who_may_see_them,
];

async fn a_plan_counts_each_tenant_and_only_what_is_lost_in_the_end(app: TestApp) {
    given(
        &app,
        &format!("{ITEMS}\n[roles.writer]\npermissions = [\"items:write\"]\n"),
    )
    .await;
    let admin = app.admin().await;
    // one who loses in one tenant only, one who keeps it by another role, one whose assignment is over
    for (name, role, tenant, end) in [
        ("in-acme", "editor", "acme", "NULL"),
        ("twice", "editor", "", "NULL"),
        ("twice", "writer", "", "NULL"),
        ("over", "editor", "", "1"),
    ] {
        let id = match app
            .get(format_args!("/api/users?username={name}"), admin)
            .await
            .items("id")
            .pop()
        {
            Some(id) => id,
            None => app.user(name, &[]).await,
        };
        let given = format!(
            "INSERT INTO role_assignments (subject_id, role, tenant, expires_at, assigned_by, assigned_at) \
             VALUES ('{id}', '{role}', '{tenant}', {end}, 'test', 0)"
        );
        app.db.execute(&given).await;
    }
    let less = format!("{ITEMS}\n[roles.writer]\npermissions = [\"items:write\"]\n");
    let less = less.replace("permissions = [\"items:*\"]", "");
    let planned = plan(&app, admin, &less).await;
    let subjects = planned.is(200).json["subjects"].as_array().unwrap();
    assert_eq!(subjects.len(), 1, "{subjects:?}");
    assert_eq!(
        (&subjects[0]["name"], &subjects[0]["tenant"]),
        (&json!("in-acme"), &json!("acme"))
    );
    assert_eq!(subjects[0]["loses"], json!(["items:write"]));
    assert_eq!(planned.json["counts"]["losing"], 1);
}

async fn a_plan_counts_who_loses_or_gains_a_role_that_holds_nothing(app: TestApp) {
    let names = |juniors: &str| format!("{ITEMS}\n[roles.a]\n{juniors}\n[roles.b]\n");
    given(&app, &names("juniors = [\"b\"]")).await;
    let admin = app.admin().await;
    let alice = app.user("alice", &["a"]).await;
    let counted = async |document: &str| {
        let planned = plan(&app, admin, document).await;
        assert_eq!(planned.is(200).json["subjects"][0]["id"], alice);
        let counts = &planned.json["counts"];
        (counts["gaining"].clone(), counts["losing"].clone())
    };
    assert_eq!(counted(&names("")).await, (json!(0), json!(1)));
    given(&app, &names("")).await;
    let gained = counted(&names("juniors = [\"b\"]")).await;
    assert_eq!(gained, (json!(1), json!(0)));
}

async fn a_plan_names_people_only_to_who_may_see_them(app: TestApp) {
    app.role("planner", &["rolecall.policy:read"]).await;
    app.user("paula", &["planner"]).await;
    let paula = app.login("paula").await;
    let planned = plan(&app, &paula, ITEMS).await;
    assert_eq!(planned.is(200).json["subjects"], Value::Null);
    assert_eq!(planned.json["counts"]["losing"], 1, "{planned:?}");
    put(&app, &paula, ITEMS, "*")
        .await
        .forbidden("rolecall.policy:write");
    app.get(POLICY, "").await.not_authenticated();
    // who may read assignments in one tenant alone sees who gains and loses in none
    app.role("steward", &["rolecall.assignments:read"]).await;
    app.role("reading", &["rolecall.users:read"]).await;
    let id = app.id_of("paula").await;
    app.assign(&id, "reading").await;
    let path = format!("/api/users/{id}/roles/steward");
    let admin = app.admin().await;
    app.put(format_args!("{path}?tenant=acme"), admin)
        .await
        .done();
    let form = [
        ("grant_type", "password"),
        ("username", "paula"),
        ("password", PASSWORD),
        ("tenant", "acme"),
    ];
    let of_tenant = app.token(&form).await.is(200).text("access_token");
    app.get("/api/users", &of_tenant).await.is(200);
    let planned = plan(&app, &of_tenant, ITEMS).await;
    assert_eq!(planned.is(200).json["subjects"], Value::Null);
    app.put(&path, admin).await.done();
    let of_tenant = app.token(&form).await.is(200).text("access_token");
    let planned = plan(&app, &of_tenant, ITEMS).await;
    assert_eq!(
        planned.is(200).json["subjects"].as_array().unwrap().len(),
        1
    );
}
