//! Requesting a role and confirming the request.

use std::time::Duration;

use serde_json::json;

use super::{PATH, expect_refusal, payer};
use crate::support::{TestApp, TokenPair, claims, on_both, run, run_failing};

on_both![
    a_requested_role_is_assigned_when_another_person_confirms,
    a_role_that_inherits_an_approval_role_needs_approval_too,
    nobody_confirms_their_own_request,
    nobody_confirms_their_own_request_on_the_command_line,
    a_client_can_request_but_not_confirm,
    a_request_is_void_once_its_author_may_no_longer_assign_the_role,
    nobody_confirms_a_role_they_could_not_assign,
    a_tenant_administrator_confirms_only_in_that_tenant,
];

async fn a_requested_role_is_assigned_when_another_person_confirms(app: TestApp) {
    let alice = app.create_payers().await;
    let (ann, ben) = (app.log_in("ann").await, app.log_in("ben").await);
    let before = app.open_session("alice").await;
    let revision = app.db.revision().await;
    let body = json!({ "expires_at": "2030-06-01T00:00:00Z", "reason": "a project" });
    let requested = app.put_json(payer(&alice), &ann, body.clone()).await;
    let id = requested.is(202).text("id");
    let expected = json!({
        "id": id, "subject": alice, "kind": "user", "role": "payer", "tenant": null, "valid_from": null,
        "expires_at": "2030-06-01T00:00:00Z", "reason": "a project",
        "requested_by": format!("user:{}", app.id_of("ann").await), "requested_at": "2030-01-01T00:00:00Z",
    });
    assert_eq!(requested.json, expected);
    let address = format!("{PATH}/{id}");
    assert_eq!(requested.header("location"), Some(address.as_str()));
    assert_eq!(app.get(&address, &ben).await.is(200).json, expected);
    // repeating the request changes nothing
    let again = app.put_json(payer(&alice), &ann, body).await;
    assert_eq!(again.is(202).json, expected);
    assert_eq!(app.db.revision().await, revision + 1);
    // nothing is assigned, and no token has the role
    assert_eq!(app.assigned_roles(&alice).await, [""; 0]);
    let token = claims(&app.log_in("alice").await);
    assert_eq!(token["roles"], json!([]));
    app.pass_time(Duration::from_mins(1));
    app.confirm(&ben, &id).await.no_content();
    let path = format!("/api/users/{alice}/roles");
    let assigned = app.get(path, app.admin().await).await;
    let assigned = &assigned.json["items"][0];
    assert_eq!(assigned["expires_at"], "2030-06-01T00:00:00Z");
    assert_eq!(assigned["reason"], "a project");
    let ben_id = format!("user:{}", app.id_of("ben").await);
    assert_eq!(assigned["assigned_by"], json!(ben_id));
    assert_eq!(assigned["assigned_at"], "2030-01-01T00:01:00Z");
    // a request is confirmed once
    app.confirm(&ben, &id).await.is(404);
    app.get(&address, &ben).await.is(404);
    assert_eq!(app.pending_requests().await, [""; 0]);
    // the gain applies from the next token, and revokes none
    let token = claims(&before.access);
    assert_eq!(token["roles"], json!([]));
    app.get("/api/me", &before.access).await.is(200);
    let after = TokenPair::of(&app.refresh(&before.refresh).await);
    let token = claims(&after.access);
    assert_eq!(token["roles"], json!(["payer"]));
}

async fn a_role_that_inherits_an_approval_role_needs_approval_too(app: TestApp) {
    let alice = app.create_payers().await;
    app.create_role("boss", &[]).await;
    app.inherit("boss", "payer").await;
    let admin = app.admin().await;
    let path = format!("/api/users/{alice}/roles/boss");
    let requested = app.put(&path, admin).await;
    assert_eq!(requested.is(202).json["role"], "boss");
    assert_eq!(app.assigned_roles(&alice).await, [""; 0]);
    // a role that does not inherit it needs no approval
    app.create_role("clerk", &[]).await;
    app.assign(&alice, "clerk").await;
}

async fn nobody_confirms_their_own_request(app: TestApp) {
    let alice = app.create_payers().await;
    let first = app.log_in("ann").await;
    let id = app.request_payer(&first, &alice).await;
    let reason = "another person must confirm";
    // another session, a narrowed token, a refreshed one, and the command line in her name
    let second = app.open_session("ann").await;
    let narrowed = "rolecall.assignments:write payments:make";
    let narrowed = app.log_in_with_scope("ann", narrowed).await;
    let refreshed = TokenPair::of(&app.refresh(&second.refresh).await);
    for token in [&first, &second.access, &narrowed, &refreshed.access] {
        expect_refusal(&app, app.confirm(token, &id), reason).await;
    }
    let stderr = run_failing(&app, &["--as", "ann", "request", "confirm", &id]).await;
    assert!(stderr.contains(reason));
    // alice may not confirm, but the administrator is another person
    let own = app.log_in("alice").await;
    app.confirm(&own, &id)
        .await
        .forbidden("rolecall.assignments:write");
    app.confirm(app.admin().await, &id).await.no_content();
    // requesting on the command line in her name and confirming over HTTP does not help
    let bob = app.create_user("bob", &[]).await;
    run(&app, &["--as", "ann", "assign", "bob", "payer"]).await;
    let id = app.pending_requests().await.pop().unwrap();
    expect_refusal(&app, app.confirm(&first, &id), reason).await;
    assert_eq!(app.assigned_roles(&bob).await, [""; 0]);
}

async fn nobody_confirms_their_own_request_on_the_command_line(app: TestApp) {
    let alice = app.create_payers().await;
    run(&app, &["assign", "alice", "payer"]).await;
    let id = app.pending_requests().await.pop().unwrap();
    let revision = app.db.revision().await;
    let stderr = run_failing(&app, &["request", "confirm", &id]).await;
    assert!(stderr.contains("another person must confirm"));
    assert_eq!(app.db.revision().await, revision);
    assert_eq!(app.assigned_roles(&alice).await, [""; 0]);
    app.confirm(&app.log_in("ben").await, &id)
        .await
        .no_content();
    assert_eq!(app.assigned_roles(&alice).await, ["payer"]);
}

async fn a_client_can_request_but_not_confirm(app: TestApp) {
    let alice = app.create_payers().await;
    let client = app
        .create_client("robot", json!({ "roles": ["giver"] }))
        .await;
    let (robot, ann) = (app.act_as(&client).await, app.log_in("ann").await);
    let id = app.request_payer(&ann, &alice).await;
    expect_refusal(&app, app.confirm(&robot, &id), "a client cannot confirm").await;
    app.delete(format!("{PATH}/{id}"), &ann).await.no_content();
    let worker = app.create_client("worker", json!({})).await;
    let path = format!("/api/clients/{}/roles/payer", worker.id);
    let id = app.put(path, &robot).await.is(202).text("id");
    app.confirm(&ann, &id).await.no_content();
    // a client gets the role in the same way as a user
    let path = format!("/api/clients/{}/roles/payer", client.id);
    let requested = app.put(&path, &ann).await;
    assert_eq!(requested.is(202).json["kind"], "client");
    let ben = app.log_in("ben").await;
    app.confirm(&ben, &requested.text("id")).await.no_content();
    let path = format!("/api/clients/{}/roles", client.id);
    let roles = app.get(path, app.admin().await).await.items("role");
    assert_eq!(roles, ["giver", "payer"]);
}

async fn a_request_is_void_once_its_author_may_no_longer_assign_the_role(app: TestApp) {
    let alice = app.create_payers().await;
    let (ben, admin) = (app.log_in("ben").await, app.admin().await);
    let ann_id = app.id_of("ann").await;
    let id = app.request_payer(&app.log_in("ann").await, &alice).await;
    let reason = "the requester may no longer assign it";
    let status = async |status: &str| {
        let path = format!("/api/users/{ann_id}");
        let body = json!({ "status": status });
        app.patch(path, admin, body).await.is(200);
    };
    status("disabled").await;
    expect_refusal(&app, app.confirm(&ben, &id), reason).await;
    status("active").await;
    app.unassign(&ann_id, "giver").await;
    expect_refusal(&app, app.confirm(&ben, &id), reason).await;
    // holding less than the role is not enough either
    let some = ["rolecall.assignments:write"];
    app.create_role("some", &some).await;
    app.assign(&ann_id, "some").await;
    expect_refusal(&app, app.confirm(&ben, &id), reason).await;
    app.assign(&ann_id, "giver").await;
    let path = "/api/roles/payer/permissions/payments:see";
    let created = json!({ "name": "payments:see" });
    app.post("/api/permissions", admin, created).await.is(201);
    app.put(path, admin).await.no_content();
    app.confirm(&ben, &id).await.forbidden("payments:see");
    expect_refusal(&app, app.confirm(admin, &id), reason).await;
    app.delete(path, admin).await.no_content();
    // a deleted author
    app.delete(format!("/api/users/{ann_id}"), admin)
        .await
        .no_content();
    let ben = app.log_in("ben").await;
    expect_refusal(&app, app.confirm(&ben, &id), reason).await;
    assert_eq!(app.assigned_roles(&alice).await, [""; 0]);
    // a possible approver withdraws it and makes a new request
    app.delete(format!("{PATH}/{id}"), &ben).await.no_content();
    let id = app.request_payer(&ben, &alice).await;
    app.confirm(admin, &id).await.no_content();
}

async fn nobody_confirms_a_role_they_could_not_assign(app: TestApp) {
    let alice = app.create_payers().await;
    let some = ["rolecall.assignments:write", "rolecall.assignments:read"];
    app.create_role("some", &some).await;
    app.create_user("carl", &["some"]).await;
    let carl = app.log_in("carl").await;
    let id = app.request_payer(&app.log_in("ann").await, &alice).await;
    let revision = app.db.revision().await;
    let response = app.confirm(&carl, &id).await;
    response.forbidden("payments:make");
    assert_eq!(response.json["rule"], "delegation_limit");
    assert_eq!(response.json["permissions"], json!(["payments:make"]));
    // a narrowed token is not enough, nor one whose user has lost the role since
    let narrowed = app
        .log_in_with_scope("ben", "rolecall.assignments:write")
        .await;
    app.confirm(&narrowed, &id).await.forbidden("payments:make");
    let reader = app
        .log_in_with_scope("ben", "rolecall.assignments:read")
        .await;
    app.confirm(&reader, &id)
        .await
        .forbidden("rolecall.assignments:write");
    assert_eq!(app.db.revision().await, revision);
    let ben = app.log_in("ben").await;
    app.unassign(&app.id_of("ben").await, "giver").await;
    app.confirm(&ben, &id).await.ended_token();
    assert_eq!(app.assigned_roles(&alice).await, [""; 0]);
    let id = &id;
    for path in [format!("{PATH}/{id}/confirm"), format!("{PATH}/x/confirm")] {
        app.post(path, "", json!({})).await.not_authenticated();
    }
    app.confirm(&carl, "x").await.problem(404, "no request `x`");
}

async fn a_tenant_administrator_confirms_only_in_that_tenant(app: TestApp) {
    let alice = app.create_payers().await;
    let admin = app.admin().await;
    for (name, tenant) in [("lea", "acme"), ("leo", "acme"), ("una", "umbra")] {
        let id = app.create_user(name, &[]).await;
        app.assign_in(&id, "giver", tenant).await;
    }
    let lea = app.log_in_to("lea", "acme").await.access;
    let leo = app.log_in_to("leo", "acme").await.access;
    let una = app.log_in_to("una", "umbra").await.access;
    let there = format!("{}?tenant=acme", payer(&alice));
    let requested = app.put(&there, &lea).await;
    let id = requested.is(202).text("id");
    assert_eq!(requested.json["tenant"], "acme");
    let revision = app.db.revision().await;
    let refusal = app.confirm(&una, &id).await;
    refusal.forbidden("rolecall.assignments:write");
    app.get(format!("{PATH}/{id}"), &una)
        .await
        .forbidden("rolecall.assignments:read");
    app.delete(format!("{PATH}/{id}"), &una).await.is(403);
    app.get(format!("{PATH}?tenant=acme"), &una).await.is(403);
    app.get(PATH, &leo).await.is(403);
    assert_eq!(app.db.revision().await, revision);
    let list = app.get(format!("{PATH}?tenant=acme"), &leo).await;
    assert_eq!(list.items("id"), [id.as_str()]);
    app.confirm(&leo, &id).await.no_content();
    // a global request is not theirs to confirm
    let global = app.request_payer(admin, &alice).await;
    app.confirm(&leo, &global).await.is(403);
    // an author whose role in the tenant is removed invalidates the request
    let lea_id = app.id_of("lea").await;
    app.delete(&there, admin).await.no_content();
    let id = app.put(&there, &lea).await.is(202).text("id");
    app.unassign_in(&lea_id, "giver", "acme").await;
    app.confirm(&leo, &id).await.violates("approval");
}
