//! Asking for a role and confirming it.

use std::time::Duration;

use serde_json::json;

use super::{PATH, payer, refused};
use crate::{
    command_line::{rolecall, run},
    refresh::Pair,
    support::{PASSWORD, TestApp, on_both},
};

on_both![
    what_one_asks_for_is_given_when_another_confirms,
    a_role_that_inherits_one_is_given_by_two_as_well,
    nobody_confirms_what_they_asked_for_themselves,
    nobody_confirms_at_the_command_line_what_they_asked_for_there,
    a_client_asks_and_does_not_confirm,
    whoever_asked_must_still_be_one_who_may_give_it,
    nobody_confirms_what_they_could_not_give,
    a_tenants_administrator_confirms_there_and_nowhere_else,
];

async fn what_one_asks_for_is_given_when_another_confirms(app: TestApp) {
    let alice = app.payers().await;
    let (ann, ben) = (app.login("ann").await, app.login("ben").await);
    let before = app.log_in("alice").await;
    let revision = app.db.revision().await;
    let body = json!({ "expires_at": "2030-06-01T00:00:00Z", "reason": "a project" });
    let asked = app.put_json(payer(&alice), &ann, body.clone()).await;
    let id = asked.is(202).text("id");
    let expected = json!({
        "id": id, "subject": alice, "kind": "user", "role": "payer", "tenant": null, "valid_from": null,
        "expires_at": "2030-06-01T00:00:00Z", "reason": "a project",
        "requested_by": format!("user:{}", app.id_of("ann").await), "requested_at": "2030-01-01T00:00:00Z",
    });
    assert_eq!(asked.json, expected);
    let address = format!("{PATH}/{id}");
    assert_eq!(asked.header("location"), Some(address.as_str()));
    assert_eq!(app.get(&address, &ben).await.is(200).json, expected);
    // asking again changes nothing
    let again = app.put_json(payer(&alice), &ann, body).await;
    assert_eq!(again.is(202).json, expected);
    assert_eq!(app.db.revision().await, revision + 1);
    // nothing is given, and no token can tell
    assert_eq!(app.assigned(&alice).await, [""; 0]);
    let claims = crate::support::claims(&app.login("alice").await);
    assert_eq!(claims["roles"], json!([]));
    app.pass(Duration::from_mins(1));
    app.confirm(&ben, &id).await.done();
    let path = format!("/api/users/{alice}/roles");
    let given = app.get(path, app.admin().await).await;
    let given = &given.json["items"][0];
    assert_eq!(given["expires_at"], "2030-06-01T00:00:00Z");
    assert_eq!(given["reason"], "a project");
    let ben_id = format!("user:{}", app.id_of("ben").await);
    assert_eq!(given["assigned_by"], json!(ben_id));
    assert_eq!(given["assigned_at"], "2030-01-01T00:01:00Z");
    // a request is confirmed once
    app.confirm(&ben, &id).await.is(404);
    app.get(&address, &ben).await.is(404);
    assert_eq!(app.open().await, [""; 0]);
    // a gain comes with the next token, and ends none
    let token = crate::support::claims(&before.access);
    assert_eq!(token["roles"], json!([]));
    app.get("/api/me", &before.access).await.is(200);
    let after = Pair::of(&app.refresh(&before.refresh).await);
    let token = crate::support::claims(&after.access);
    assert_eq!(token["roles"], json!(["payer"]));
}

async fn a_role_that_inherits_one_is_given_by_two_as_well(app: TestApp) {
    let alice = app.payers().await;
    app.role("boss", &[]).await;
    app.inherit("boss", "payer").await;
    let admin = app.admin().await;
    let path = format!("/api/users/{alice}/roles/boss");
    let asked = app.put(&path, admin).await;
    assert_eq!(asked.is(202).json["role"], "boss");
    assert_eq!(app.assigned(&alice).await, [""; 0]);
    // what does not inherit it is given by one
    app.role("clerk", &[]).await;
    app.assign(&alice, "clerk").await;
}

async fn nobody_confirms_what_they_asked_for_themselves(app: TestApp) {
    let alice = app.payers().await;
    let first = app.login("ann").await;
    let id = app.ask(&first, &alice).await;
    let why = "another person must confirm";
    // another session, a token narrowed, one refreshed, and the command line in her name
    let second = app.log_in("ann").await;
    let narrowed = "rolecall.assignments:write payments:make";
    let narrowed = app.login_for("ann", narrowed).await;
    let refreshed = Pair::of(&app.refresh(&second.refresh).await);
    for token in [&first, &second.access, &narrowed, &refreshed.access] {
        refused(&app, app.confirm(token, &id), why).await;
    }
    let said = rolecall(&app, &["--as", "ann", "request", "confirm", &id]).await;
    assert!(!said.status.success());
    assert!(String::from_utf8_lossy(&said.stderr).contains(why));
    // alice herself asks for nobody, and the administrator is another
    let own = app.login("alice").await;
    app.confirm(&own, &id)
        .await
        .forbidden("rolecall.assignments:write");
    app.confirm(app.admin().await, &id).await.done();
    // nor does it help to ask with the command line in her name and to confirm over HTTP
    let bob = app.user("bob", &[]).await;
    run(&app, &["--as", "ann", "assign", "bob", "payer"]).await;
    let id = app.open().await.pop().unwrap();
    refused(&app, app.confirm(&first, &id), why).await;
    assert_eq!(app.assigned(&bob).await, [""; 0]);
}

async fn nobody_confirms_at_the_command_line_what_they_asked_for_there(app: TestApp) {
    let alice = app.payers().await;
    run(&app, &["assign", "alice", "payer"]).await;
    let id = app.open().await.pop().unwrap();
    let revision = app.db.revision().await;
    let said = rolecall(&app, &["request", "confirm", &id]).await;
    assert!(!said.status.success());
    assert!(String::from_utf8_lossy(&said.stderr).contains("another person must confirm"));
    assert_eq!(app.db.revision().await, revision);
    assert_eq!(app.assigned(&alice).await, [""; 0]);
    app.confirm(&app.login("ben").await, &id).await.done();
    assert_eq!(app.assigned(&alice).await, ["payer"]);
}

async fn a_client_asks_and_does_not_confirm(app: TestApp) {
    let alice = app.payers().await;
    let client = app.client("robot", json!({ "roles": ["giver"] })).await;
    let (robot, ann) = (app.act_as(&client).await, app.login("ann").await);
    let id = app.ask(&ann, &alice).await;
    refused(&app, app.confirm(&robot, &id), "a client cannot confirm").await;
    app.delete(format!("{PATH}/{id}"), &ann).await.done();
    let id = app.ask(&robot, &alice).await;
    app.confirm(&ann, &id).await.done();
    // to a client it is given as to a user
    let path = format!("/api/clients/{}/roles/payer", client.id);
    let asked = app.put(&path, &ann).await;
    assert_eq!(asked.is(202).json["kind"], "client");
    let ben = app.login("ben").await;
    app.confirm(&ben, &asked.text("id")).await.done();
    let path = format!("/api/clients/{}/roles", client.id);
    let roles = app.get(path, app.admin().await).await.items("role");
    assert_eq!(roles, ["giver", "payer"]);
}

async fn whoever_asked_must_still_be_one_who_may_give_it(app: TestApp) {
    let alice = app.payers().await;
    let (ben, admin) = (app.login("ben").await, app.admin().await);
    let ann_id = app.id_of("ann").await;
    let id = app.ask(&app.login("ann").await, &alice).await;
    let why = "whoever asked may not give it any more";
    let status = async |status: &str| {
        let path = format!("/api/users/{ann_id}");
        let body = json!({ "status": status });
        app.patch(path, admin, body).await.is(200);
    };
    status("disabled").await;
    refused(&app, app.confirm(&ben, &id), why).await;
    status("active").await;
    app.unassign(&ann_id, "giver").await;
    refused(&app, app.confirm(&ben, &id), why).await;
    // less than the role holds is not enough either
    let some = ["rolecall.assignments:write"];
    app.role("some", &some).await;
    app.assign(&ann_id, "some").await;
    refused(&app, app.confirm(&ben, &id), why).await;
    app.assign(&ann_id, "giver").await;
    let path = "/api/roles/payer/permissions/payments:see";
    let made = json!({ "name": "payments:see" });
    app.post("/api/permissions", admin, made).await.is(201);
    app.put(path, admin).await.done();
    app.confirm(&ben, &id).await.forbidden("payments:see");
    refused(&app, app.confirm(admin, &id), why).await;
    app.delete(path, admin).await.done();
    // gone is gone
    app.delete(format!("/api/users/{ann_id}"), admin)
        .await
        .done();
    let ben = app.login("ben").await;
    refused(&app, app.confirm(&ben, &id), why).await;
    assert_eq!(app.assigned(&alice).await, [""; 0]);
    // who may give it turns it down, and asks anew
    app.delete(format!("{PATH}/{id}"), &ben).await.done();
    let id = app.ask(&ben, &alice).await;
    app.confirm(admin, &id).await.done();
}

async fn nobody_confirms_what_they_could_not_give(app: TestApp) {
    let alice = app.payers().await;
    let some = ["rolecall.assignments:write", "rolecall.assignments:read"];
    app.role("some", &some).await;
    app.user("carl", &["some"]).await;
    let carl = app.login("carl").await;
    let id = app.ask(&app.login("ann").await, &alice).await;
    let revision = app.db.revision().await;
    let answer = app.confirm(&carl, &id).await;
    answer.forbidden("payments:make");
    assert_eq!(answer.json["rule"], "delegation_limit");
    assert_eq!(answer.json["permissions"], json!(["payments:make"]));
    // a token narrowed to less does not do, and one whose holder lost it since neither
    let narrowed = app.login_for("ben", "rolecall.assignments:write").await;
    app.confirm(&narrowed, &id).await.forbidden("payments:make");
    let reader = app.login_for("ben", "rolecall.assignments:read").await;
    app.confirm(&reader, &id)
        .await
        .forbidden("rolecall.assignments:write");
    assert_eq!(app.db.revision().await, revision);
    let ben = app.login("ben").await;
    app.unassign(&app.id_of("ben").await, "giver").await;
    app.confirm(&ben, &id).await.ended();
    assert_eq!(app.assigned(&alice).await, [""; 0]);
    let id = &id;
    for path in [format!("{PATH}/{id}/confirm"), format!("{PATH}/x/confirm")] {
        app.post(path, "", json!({})).await.not_authenticated();
    }
    app.confirm(&carl, "x").await.problem(404, "no request `x`");
}

async fn a_tenants_administrator_confirms_there_and_nowhere_else(app: TestApp) {
    let alice = app.payers().await;
    let admin = app.admin().await;
    for (name, tenant) in [("lea", "acme"), ("leo", "acme"), ("una", "umbra")] {
        let id = app.user(name, &[]).await;
        let path = format!("/api/users/{id}/roles/giver?tenant={tenant}");
        app.put(path, admin).await.done();
    }
    let token = async |name: &str, tenant: &str| {
        let form = [
            ("grant_type", "password"),
            ("username", name),
            ("password", PASSWORD),
            ("tenant", tenant),
        ];
        app.token(&form).await.is(200).text("access_token")
    };
    let (lea, leo) = (token("lea", "acme").await, token("leo", "acme").await);
    let una = token("una", "umbra").await;
    let there = format!("{}?tenant=acme", payer(&alice));
    let asked = app.put(&there, &lea).await;
    let id = asked.is(202).text("id");
    assert_eq!(asked.json["tenant"], "acme");
    let revision = app.db.revision().await;
    let refused = app.confirm(&una, &id).await;
    refused.forbidden("rolecall.assignments:write");
    app.get(format!("{PATH}/{id}"), &una)
        .await
        .forbidden("rolecall.assignments:read");
    app.delete(format!("{PATH}/{id}"), &una).await.is(403);
    app.get(format!("{PATH}?tenant=acme"), &una).await.is(403);
    app.get(PATH, &leo).await.is(403);
    assert_eq!(app.db.revision().await, revision);
    let list = app.get(format!("{PATH}?tenant=acme"), &leo).await;
    assert_eq!(list.items("id"), [id.as_str()]);
    app.confirm(&leo, &id).await.done();
    // a global one is not theirs, nor one of another tenant
    let global = app.ask(admin, &alice).await;
    app.confirm(&leo, &global).await.is(403);
    // a requester who has it in the tenant alone is asked for it there
    let lea_id = app.id_of("lea").await;
    app.delete(&there, admin).await.done();
    let id = app.put(&there, &lea).await.is(202).text("id");
    let path = format!("/api/users/{lea_id}/roles/giver?tenant=acme");
    app.delete(path, admin).await.done();
    app.confirm(&leo, &id).await.breaks("approval");
}
