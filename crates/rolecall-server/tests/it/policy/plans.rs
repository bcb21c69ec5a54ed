//! The counts and names in a plan.

use serde_json::{Value, json};

use super::{ITEMS, POLICY, set_policy};
use crate::support::{TestApp, on_both};

on_both![
    a_plan_counts_net_losses_in_each_tenant,
    a_plan_counts_gains_and_losses_of_empty_roles,
    a_plan_names_people_only_to_those_who_may_see_them,
];

async fn a_plan_counts_net_losses_in_each_tenant(app: TestApp) {
    set_policy(
        &app,
        &format!("{ITEMS}\n[roles.writer]\npermissions = [\"items:write\"]\n"),
    )
    .await;
    let admin = app.admin().await;
    // a loss in one tenant, a permission kept through another role, and an expired assignment
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
            None => app.create_user(name, &[]).await,
        };
        let insert = format!(
            "INSERT INTO role_assignments (subject_id, role, tenant, expires_at, assigned_by, assigned_at) \
             VALUES ('{id}', '{role}', '{tenant}', {end}, 'test', 0)"
        );
        app.db.execute(&insert).await;
    }
    let less = format!("{ITEMS}\n[roles.writer]\npermissions = [\"items:write\"]\n");
    let less = less.replace("permissions = [\"items:*\"]", "");
    let planned = app.plan_policy(admin, &less).await;
    let subjects = planned.is(200).json["subjects"].as_array().unwrap();
    assert_eq!(subjects.len(), 1, "{subjects:?}");
    assert_eq!(
        (&subjects[0]["name"], &subjects[0]["tenant"]),
        (&json!("in-acme"), &json!("acme"))
    );
    assert_eq!(subjects[0]["loses"], json!(["items:write"]));
    assert_eq!(planned.json["counts"]["losing"], 1);
}

async fn a_plan_counts_gains_and_losses_of_empty_roles(app: TestApp) {
    let names = |juniors: &str| format!("{ITEMS}\n[roles.a]\n{juniors}\n[roles.b]\n");
    set_policy(&app, &names("juniors = [\"b\"]")).await;
    let admin = app.admin().await;
    let alice = app.create_user("alice", &["a"]).await;
    let counted = async |document: &str| {
        let planned = app.plan_policy(admin, document).await;
        assert_eq!(planned.is(200).json["subjects"][0]["id"], alice);
        let counts = &planned.json["counts"];
        (counts["gaining"].clone(), counts["losing"].clone())
    };
    assert_eq!(counted(&names("")).await, (json!(0), json!(1)));
    set_policy(&app, &names("")).await;
    let gained = counted(&names("juniors = [\"b\"]")).await;
    assert_eq!(gained, (json!(1), json!(0)));
}

async fn a_plan_names_people_only_to_those_who_may_see_them(app: TestApp) {
    app.create_role("planner", &["rolecall.policy:read"]).await;
    app.create_user("paula", &["planner"]).await;
    let paula = app.log_in("paula").await;
    let planned = app.plan_policy(&paula, ITEMS).await;
    assert_eq!(planned.is(200).json["subjects"], Value::Null);
    assert_eq!(planned.json["counts"]["losing"], 1, "{planned:?}");
    app.put_policy(&paula, ITEMS, "*")
        .await
        .forbidden("rolecall.policy:write");
    app.get(POLICY, "").await.not_authenticated();
    // reading the assignments of one tenant is not enough to see who gains and loses
    app.create_role("steward", &["rolecall.assignments:read"])
        .await;
    app.create_role("reading", &["rolecall.users:read"]).await;
    let id = app.id_of("paula").await;
    app.assign(&id, "reading").await;
    app.assign_in(&id, "steward", "acme").await;
    let tenant_token = app.log_in_to("paula", "acme").await.access;
    app.get("/api/users", &tenant_token).await.is(200);
    let planned = app.plan_policy(&tenant_token, ITEMS).await;
    assert_eq!(planned.is(200).json["subjects"], Value::Null);
    app.assign(&id, "steward").await;
    let tenant_token = app.log_in_to("paula", "acme").await.access;
    let planned = app.plan_policy(&tenant_token, ITEMS).await;
    assert_eq!(
        planned.is(200).json["subjects"].as_array().unwrap().len(),
        1
    );
}
