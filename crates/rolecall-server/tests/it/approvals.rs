//! Roles that nobody gives alone: asked for by one, confirmed by another.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::{
    command_line::{audit_is_whole, rolecall, run},
    import::{BCRYPT, import},
    refresh::Pair,
    support::{Answer, First, Node, PASSWORD, ROUNDS, Race, TestApp, on_both, races},
};

mod model;

on_both![
    what_one_asks_for_is_given_when_another_confirms,
    a_role_that_inherits_one_is_given_by_two_as_well,
    nobody_confirms_what_they_asked_for_themselves,
    nobody_confirms_at_the_command_line_what_they_asked_for_there,
    a_client_asks_and_does_not_confirm,
    whoever_asked_must_still_be_one_who_may_give_it,
    nobody_confirms_what_they_could_not_give,
    a_tenants_administrator_confirms_there_and_nowhere_else,
    a_request_does_not_outlive_its_subject_or_role,
    what_is_over_is_not_confirmed,
    a_confirmation_is_of_what_was_seen,
    what_somebody_else_asked_for_is_not_replaced,
    whoever_asked_and_whoever_may_give_it_end_a_request_and_nobody_else,
    no_role_inherits_one_past_the_second_person,
    no_document_gives_one_past_the_second_person,
    less_is_given_at_once_and_more_is_asked_for,
    what_is_settled_otherwise_is_no_longer_asked_for,
    a_role_that_needs_nobody_any_more_is_given_at_once,
    nobody_is_made_with_a_role_past_the_second_person,
    whoever_registers_waits_for_it,
    no_import_gives_one,
    duties_are_kept_apart_at_the_request_and_at_the_confirmation,
    a_role_says_whether_it_needs_a_second_person,
    a_document_says_whether_a_role_needs_a_second_person,
    rolecalls_own_roles_stay_as_they_are,
    the_list_of_requests_is_paged_and_of_a_tenant,
    every_step_is_told_in_the_audit_log,
    the_command_line_asks_confirms_and_ends,
    another_node_knows_that_a_role_needs_a_second_person,
];
races![
    of_two_who_confirm_at_once_one_does,
    what_is_ended_while_it_is_confirmed_is_one_of_the_two,
];

const PATH: &str = "/api/assignment-requests";
const HOUR: Duration = Duration::from_hours(1);

impl TestApp {
    /// `payer`, which a second person must confirm, and `ann` and `ben`, who may give it; gives the id of `alice`.
    async fn payers(&self) -> String {
        self.role("payer", &["payments:make"]).await;
        let giver = [
            "payments:make",
            "rolecall.assignments:read",
            "rolecall.assignments:write",
        ];
        self.role("giver", &giver).await;
        self.user("ann", &["giver"]).await;
        self.user("ben", &["giver"]).await;
        self.approval("payer", true).await;
        self.user("alice", &[]).await
    }

    async fn approval(&self, role: &str, approval: bool) {
        let body = json!({ "approval": approval });
        let path = format!("/api/roles/{role}");
        let changed = self.patch(path, self.admin().await, body).await;
        assert_eq!(changed.is(200).json["approval"], approval);
    }

    /// The roles that are assigned to a user.
    async fn assigned(&self, id: &str) -> Vec<String> {
        let path = format!("/api/users/{id}/roles");
        self.get(path, self.admin().await).await.items("role")
    }

    /// What nobody has confirmed.
    async fn open(&self) -> Vec<String> {
        self.get(PATH, self.admin().await).await.items("id")
    }
}

impl Node {
    /// Asks for `payer`; gives the id of the request.
    async fn ask(&self, token: &str, id: &str) -> String {
        let asked = self.put(payer(id), token).await;
        asked.is(202).text("id")
    }

    async fn confirm(&self, token: &str, request: &str) -> Answer {
        self.post(format!("{PATH}/{request}/confirm"), token, json!({}))
            .await
    }
}

fn payer(id: &str) -> String {
    format!("/api/users/{id}/roles/payer")
}

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

/// A refusal by the rule, which changes nothing.
async fn refused(app: &TestApp, answer: impl Future<Output = Answer>, why: &str) {
    let revision = app.db.revision().await;
    let answer = answer.await;
    let detail = answer.breaks("approval").text("detail");
    assert!(detail.contains(why), "{detail}");
    assert_eq!(app.db.revision().await, revision);
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
    let why = "the requester may no longer assign it";
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

async fn a_request_does_not_outlive_its_subject_or_role(app: TestApp) {
    let alice = app.payers().await;
    let (ann, ben, admin) = (
        app.login("ann").await,
        app.login("ben").await,
        app.admin().await,
    );
    let id = app.ask(&ann, &alice).await;
    app.delete(format!("/api/users/{alice}"), admin)
        .await
        .done();
    app.confirm(&ben, &id).await.is(404);
    assert_eq!(app.db.count("assignment_requests").await, 0);
    // a role that is made anew is another one, whatever its name
    let bob = app.user("bob", &[]).await;
    let id = app.ask(&ann, &bob).await;
    app.delete("/api/roles/payer", admin).await.done();
    app.role("payer", &["payments:make"]).await;
    app.confirm(&ben, &id).await.is(404);
    app.approval("payer", true).await;
    app.confirm(&ben, &id).await.is(404);
    assert_eq!(app.open().await, [""; 0]);
    let id = app.ask(&ann, &bob).await;
    app.confirm(&ben, &id).await.done();
}

async fn what_is_over_is_not_confirmed(app: TestApp) {
    let alice = app.payers().await;
    let (ann, ben) = (app.login("ann").await, app.login("ben").await);
    let body = json!({ "expires_at": "2030-01-01T00:10:00Z" });
    let asked = app.put_json(payer(&alice), &ann, body).await;
    let id = asked.is(202).text("id");
    app.pass(Duration::from_mins(10));
    refused(
        &app,
        app.confirm(&ben, &id),
        "the requested time has passed",
    )
    .await;
    assert_eq!(app.assigned(&alice).await, [""; 0]);
    // it stands in nobody's way
    let id = app.ask(&ben, &alice).await;
    app.confirm(&ann, &id).await.done();
    assert_eq!(app.assigned(&alice).await, ["payer"]);
}

async fn a_confirmation_is_of_what_was_seen(app: TestApp) {
    let alice = app.payers().await;
    let (ann, ben) = (app.login("ann").await, app.login("ben").await);
    let until = |time: &str| json!({ "expires_at": time });
    let path = payer(&alice);
    let asked = app
        .put_json(&path, &ann, until("2030-02-01T00:00:00Z"))
        .await;
    let seen = asked.is(202).text("id");
    let asked = app.put_json(&path, &ann, json!({})).await;
    let replaced = asked.is(202).text("id");
    assert_ne!(seen, replaced);
    app.confirm(&ben, &seen).await.is(404);
    assert_eq!(app.assigned(&alice).await, [""; 0]);
    assert_eq!(app.open().await, [replaced.as_str()]);
    // another reason, or another beginning, is another request too
    for body in [
        json!({ "reason": "x" }),
        json!({ "reason": "x", "valid_from": "2030-03-01T00:00:00Z" }),
    ] {
        let asked = app.put_json(&path, &ann, body).await;
        assert_ne!(asked.is(202).text("id"), replaced);
        app.confirm(&ben, &replaced).await.is(404);
    }
    let now = app.open().await.pop().unwrap();
    app.confirm(&ben, &now).await.done();
}

async fn what_somebody_else_asked_for_is_not_replaced(app: TestApp) {
    let alice = app.payers().await;
    let (ann, ben) = (app.login("ann").await, app.login("ben").await);
    let id = app.ask(&ann, &alice).await;
    let why = "another person has requested it already";
    refused(&app, app.put(payer(&alice), &ben), why).await;
    let body = json!({ "reason": "mine" });
    refused(&app, app.put_json(payer(&alice), &ben, body), why).await;
    // elsewhere it is another one
    let there = format!("{}?tenant=acme", payer(&alice));
    let other = app.put(&there, app.admin().await).await;
    other.is(202);
    assert_eq!(app.open().await.len(), 2);
    app.confirm(&ben, &id).await.done();
}

async fn whoever_asked_and_whoever_may_give_it_end_a_request_and_nobody_else(app: TestApp) {
    let alice = app.payers().await;
    let (ann, ben) = (app.login("ann").await, app.login("ben").await);
    let some = ["rolecall.assignments:write", "rolecall.assignments:read"];
    app.role("some", &some).await;
    app.user("carl", &["some"]).await;
    let carl = app.login("carl").await;
    let own = app.login("alice").await;
    let id = app.ask(&ann, &alice).await;
    let path = format!("{PATH}/{id}");
    let revision = app.db.revision().await;
    app.delete(&path, &carl).await.forbidden("payments:make");
    app.delete(&path, &own)
        .await
        .forbidden("rolecall.assignments:write");
    app.delete(&path, "").await.not_authenticated();
    assert_eq!(app.db.revision().await, revision);
    app.delete(&path, &ann).await.done();
    app.delete(&path, &ann).await.done();
    assert_eq!(app.db.revision().await, revision + 1);
    app.confirm(&ben, &id).await.is(404);
    let id = app.ask(&ann, &alice).await;
    app.delete(format!("{PATH}/{id}"), &ben).await.done();
    assert_eq!(app.open().await, [""; 0]);
    assert_eq!(app.assigned(&alice).await, [""; 0]);
}

async fn no_role_inherits_one_past_the_second_person(app: TestApp) {
    let alice = app.payers().await;
    let admin = app.admin().await;
    for role in ["top", "middle", "low"] {
        app.role(role, &[]).await;
    }
    app.inherit("top", "middle").await;
    app.assign(&alice, "top").await;
    let edge = |senior: &str, junior: &str| format!("/api/roles/{senior}/juniors/{junior}");
    let why = "would have it without one";
    let revision = app.db.revision().await;
    let answer = app.put(edge("middle", "payer"), admin).await;
    assert!(answer.breaks("approval").text("detail").contains(why));
    assert_eq!(answer.texts("roles"), ["payer"]);
    assert_eq!(answer.texts("path"), ["top", "middle", "payer"]);
    assert_eq!(app.db.revision().await, revision);
    // by a role in between, the last edge is the one that is refused
    app.inherit("low", "payer").await;
    refused(&app, app.put(edge("middle", "low"), admin), why).await;
    refused(&app, app.put(edge("top", "low"), admin), why).await;
    // in a tenant, and for what only begins later
    app.unassign(&alice, "top").await;
    let path = format!("/api/users/{alice}/roles/top");
    let there = format!("{path}?tenant=acme");
    app.put(&there, admin).await.done();
    refused(&app, app.put(edge("middle", "low"), admin), why).await;
    app.delete(&there, admin).await.done();
    let later =
        json!({ "valid_from": "2030-01-02T00:00:00Z", "expires_at": "2030-01-03T00:00:00Z" });
    app.put_json(&path, admin, later).await.done();
    refused(&app, app.put(edge("middle", "low"), admin), why).await;
    // a client is somebody too
    app.unassign(&alice, "top").await;
    let client = app.client("robot", json!({ "roles": ["middle"] })).await;
    refused(&app, app.put(edge("middle", "low"), admin), why).await;
    app.delete(format!("/api/clients/{}", client.id), admin)
        .await
        .done();
    // what is over is nobody's
    app.pass(HOUR * 24 * 3);
    let admin = app.login("admin").await;
    app.put(edge("middle", "low"), &admin).await.done();
    // and whoever has it by two already gains nothing
    app.delete(edge("middle", "low"), &admin).await.done();
    let ask = app.put(payer(&alice), &admin).await.is(202).text("id");
    let ben = app.login("ben").await;
    app.confirm(&ben, &ask).await.done();
    app.put(&path, &admin).await.done();
    app.put(edge("middle", "low"), &admin).await.done();
    assert_eq!(
        app.get(format!("/api/users/{alice}/roles"), &admin)
            .await
            .items("role"),
        ["payer", "top"]
    );
}

async fn put_policy(app: &TestApp, token: &str, text: &str) -> Answer {
    let ask = app.request(Method::PUT, "/api/policy").token(token);
    let ask = ask.header("if-match", "*");
    ask.raw("application/toml", text.to_owned()).send().await
}

async fn plan_policy(app: &TestApp, token: &str, text: &str) -> Answer {
    let ask = app.request(Method::POST, "/api/policy/plan").token(token);
    ask.raw("application/toml", text.to_owned()).send().await
}

async fn no_document_gives_one_past_the_second_person(app: TestApp) {
    let admin = app.admin().await;
    let before = "[roles.admin]\n[roles.user]\n[roles.payer]\napproval = true\n[roles.middle]\n[roles.top]\n";
    put_policy(&app, admin, before).await.is(200);
    let alice = app.user("alice", &["top"]).await;
    let why = "would have it without one";
    let inherits = |below: &str, top: &str| {
        format!("[roles.admin]\n[roles.user]\n{below}[roles.top]\njuniors = [{top}]\n")
    };
    for text in [
        inherits("[roles.payer]\napproval = true\n", "\"payer\""),
        inherits(
            "[roles.payer]\napproval = true\n[roles.middle]\njuniors = [\"payer\"]\n",
            "\"middle\"",
        ),
        // one that is new, and one that becomes such by the same document
        inherits(
            "[roles.payer]\n[roles.fresh]\napproval = true\n",
            "\"fresh\"",
        ),
        inherits(
            "[roles.payer]\n[roles.middle]\napproval = true\n",
            "\"middle\"",
        ),
    ] {
        refused(&app, plan_policy(&app, admin, &text), why).await;
        refused(&app, put_policy(&app, admin, &text), why).await;
    }
    app.unassign(&alice, "top").await;
    let text = inherits("[roles.payer]\napproval = true\n", "\"payer\"");
    put_policy(&app, admin, &text).await.is(200);
    let asked = app.put(format!("/api/users/{alice}/roles/top"), admin);
    asked.await.is(202);
}

async fn less_is_given_at_once_and_more_is_asked_for(app: TestApp) {
    let alice = app.payers().await;
    let (ann, ben) = (app.login("ann").await, app.login("ben").await);
    let path = payer(&alice);
    let span =
        |from: Option<&str>, end: Option<&str>| json!({ "valid_from": from, "expires_at": end });
    let id = app
        .put_json(&path, &ann, span(None, Some("2030-06-01T00:00:00Z")))
        .await
        .is(202)
        .text("id");
    app.confirm(&ben, &id).await.done();
    let token = app.login("alice").await;
    // the same, and another reason, change nothing that counts
    let revision = app.db.revision().await;
    let same = span(None, Some("2030-06-01T00:00:00Z"));
    app.put_json(&path, &ann, same).await.done();
    assert_eq!(app.db.revision().await, revision);
    for (body, status) in [
        (
            json!({ "expires_at": "2030-06-01T00:00:00Z", "reason": "renamed" }),
            204,
        ),
        (span(None, Some("2030-05-01T00:00:00Z")), 204),
        (span(None, Some("2030-05-01T00:00:01Z")), 202),
        (span(None, None), 202),
        (
            span(Some("2030-01-01T00:00:00Z"), Some("2030-05-01T00:00:00Z")),
            204,
        ),
        (
            span(Some("2030-02-01T00:00:00Z"), Some("2030-05-01T00:00:00Z")),
            204,
        ),
        (
            span(Some("2030-01-31T00:00:00Z"), Some("2030-05-01T00:00:00Z")),
            202,
        ),
        (span(None, Some("2030-04-01T00:00:00Z")), 202),
        (
            span(Some("2030-03-01T00:00:00Z"), Some("2030-06-01T00:00:00Z")),
            202,
        ),
        (
            span(Some("2030-03-01T00:00:00Z"), Some("2030-04-01T00:00:00Z")),
            204,
        ),
    ] {
        let answer = app.put_json(&path, &ann, body.clone()).await;
        assert_eq!(answer.status, status, "{body}");
    }
    app.get("/api/me", &token).await.ended();
    // what is over begins anew by two
    app.pass(HOUR * 24 * 100);
    let ann = app.login("ann").await;
    app.put_json(&path, &ann, span(None, Some("2030-04-12T00:00:00Z")))
        .await
        .is(202);
}

async fn what_is_settled_otherwise_is_no_longer_asked_for(app: TestApp) {
    let alice = app.payers().await;
    let (ann, ben) = (app.login("ann").await, app.login("ben").await);
    let path = payer(&alice);
    let until = |end: &str| json!({ "expires_at": end });
    let id = app
        .put_json(&path, &ann, until("2030-06-01T00:00:00Z"))
        .await
        .is(202)
        .text("id");
    app.confirm(&ben, &id).await.done();
    // more is asked for, and then it is taken away, or made less
    let more = app.ask(&ann, &alice).await;
    app.put_json(&path, &ben, until("2030-02-01T00:00:00Z"))
        .await
        .done();
    app.confirm(&ben, &more).await.is(404);
    let more = app.ask(&ann, &alice).await;
    app.delete(&path, &ben).await.done();
    app.confirm(&ben, &more).await.is(404);
    // also where nothing was given yet
    let id = app.ask(&ann, &alice).await;
    app.delete(&path, &ben).await.done();
    app.confirm(&ben, &id).await.is(404);
    assert_eq!(app.assigned(&alice).await, [""; 0]);
    assert_eq!(app.open().await, [""; 0]);
}

async fn a_role_that_needs_nobody_any_more_is_given_at_once(app: TestApp) {
    let alice = app.payers().await;
    let bob = app.user("bob", &[]).await;
    let (ann, ben) = (app.login("ann").await, app.login("ben").await);
    let (hers, his) = (app.ask(&ann, &alice).await, app.ask(&ann, &bob).await);
    app.approval("payer", false).await;
    // what waits goes on waiting for another
    refused(&app, app.confirm(&ann, &his), "another person").await;
    app.confirm(&ben, &his).await.done();
    app.put(payer(&alice), &ann).await.done();
    app.approval("payer", true).await;
    app.confirm(&ben, &hers).await.is(404);
    // who has it keeps it
    assert_eq!(app.assigned(&alice).await, ["payer"]);
    app.put(payer(&alice), &ann).await.done();
}

async fn nobody_is_made_with_a_role_past_the_second_person(app: TestApp) {
    app.payers().await;
    app.role("clerk", &[]).await;
    let admin = app.admin().await;
    let body = json!({ "username": "carl", "password": PASSWORD, "roles": ["clerk", "payer"] });
    let made = app.post("/api/users", admin, body).await;
    assert_eq!(made.is(201).texts("roles"), ["clerk"]);
    let body = json!({ "name": "robot", "grants": ["client_credentials"], "roles": ["payer"] });
    let robot = app
        .post("/api/clients", admin, body)
        .await
        .is(201)
        .text("client_id");
    let path = format!("/api/clients/{robot}/roles");
    assert_eq!(app.get(path, admin).await.items("role"), [""; 0]);
    let open = app.open().await;
    assert_eq!(open.len(), 2);
    for id in &open {
        refused(&app, app.confirm(admin, id), "another person").await;
        app.confirm(&app.login("ben").await, id).await.done();
    }
    assert_eq!(app.assigned(&made.text("id")).await, ["clerk", "payer"]);
}

async fn whoever_registers_waits_for_it(app: TestApp) {
    app.payers().await;
    app.approval("user", true).await;
    let body = json!({ "username": "carl", "password": PASSWORD });
    let made = app.post("/register", "", body).await;
    assert_eq!(made.is(201).texts("roles"), [""; 0]);
    let list = app.get(PATH, app.admin().await).await;
    assert_eq!(list.items("requested_by"), ["system"]);
    let id = &list.items("id")[0];
    app.confirm(&app.login("ben").await, id).await.done();
    assert_eq!(app.assigned(&made.text("id")).await, ["user"]);
}

async fn no_import_gives_one(app: TestApp) {
    app.payers().await;
    app.role("boss", &[]).await;
    app.inherit("boss", "payer").await;
    let revision = app.db.revision().await;
    let users = app.db.count("users").await;
    for role in ["payer", "boss"] {
        let text = format!("username,hashed_password,role\ncarl,{BCRYPT},{role}\n");
        let done = import(&app, "users.csv", &text, &[]).await;
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
        assert!(!done.status.success());
        let why = format!("role `{role}` needs a second person");
        assert!(said.contains(&why), "{said}");
    }
    assert_eq!(app.db.revision().await, revision);
    assert_eq!(app.db.count("users").await, users);
}

async fn duties_are_kept_apart_at_the_request_and_at_the_confirmation(app: TestApp) {
    let alice = app.payers().await;
    let bob = app.user("bob", &[]).await;
    let admin = app.admin().await;
    app.role("approver", &[]).await;
    let body = json!({ "name": "payments", "kind": "static", "roles": ["payer", "approver"], "at_most": 1 });
    app.post("/api/constraints", admin, body).await.is(201);
    app.assign(&alice, "approver").await;
    let revision = app.db.revision().await;
    let ann = app.login("ann").await;
    app.put(payer(&alice), &ann)
        .await
        .breaks("separation_of_duties");
    assert_eq!(app.db.revision().await, revision);
    // asked for first, given the other meanwhile
    let id = app.ask(&ann, &bob).await;
    app.assign(&bob, "approver").await;
    let revision = app.db.revision().await;
    let ben = app.login("ben").await;
    app.confirm(&ben, &id).await.breaks("separation_of_duties");
    assert_eq!(app.db.revision().await, revision);
    assert_eq!(app.open().await, [id.as_str()]);
    app.unassign(&bob, "approver").await;
    app.confirm(&ben, &id).await.done();
    app.put(format!("/api/users/{bob}/roles/approver"), admin)
        .await
        .breaks("separation_of_duties");
}

async fn a_role_says_whether_it_needs_a_second_person(app: TestApp) {
    let admin = app.admin().await;
    let body = json!({ "name": "payer", "approval": true });
    let made = app.post("/api/roles", admin, body).await;
    assert_eq!(made.is(201).json["approval"], true);
    assert_eq!(
        app.get("/api/roles/user", admin).await.json["approval"],
        false
    );
    let revision = app.db.revision().await;
    app.approval("payer", true).await;
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
    let changed = app
        .patch("/api/roles/payer", admin, json!({ "description": "pays" }))
        .await;
    assert_eq!(changed.is(200).json["approval"], true);
    assert_eq!(
        app.get("/api/roles/payer", admin).await.json["approval"],
        true
    );
    // whoever changes it must hold what the role holds
    app.role("other", &["secrets:read"]).await;
    app.role("editor", &["rolecall.roles:write"]).await;
    app.user("carl", &["editor"]).await;
    let carl = app.login("carl").await;
    for approval in [true, false] {
        let body = json!({ "approval": approval });
        app.patch("/api/roles/other", &carl, body)
            .await
            .forbidden("secrets:read");
    }
    let wrong = app
        .patch("/api/roles/payer", admin, json!({ "approval": "yes" }))
        .await;
    wrong.invalid(&["body", "approval"]);
    let list = app.get("/api/roles", admin).await;
    let marked = list.json["items"].as_array().unwrap();
    let marked: Vec<&Value> = marked
        .iter()
        .filter(|role| role["approval"] == true)
        .collect();
    assert_eq!(marked.len(), 1);
}

async fn a_document_says_whether_a_role_needs_a_second_person(app: TestApp) {
    let admin = app.admin().await;
    let text = "[roles.admin]\n[roles.user]\n[roles.payer]\napproval = true\n";
    let planned = plan_policy(&app, admin, text).await;
    let kinds: Vec<&Value> = planned.is(200).json["changes"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    assert!(kinds.iter().any(
        |one| **one == json!({ "action": "role.approval", "role": "payer", "approval": true })
    ));
    put_policy(&app, admin, text).await.is(200);
    assert_eq!(
        app.get("/api/roles/payer", admin).await.json["approval"],
        true
    );
    let shown = app.get("/api/policy", admin).await;
    assert_eq!(shown.json["roles"]["payer"]["approval"], true);
    // what was read is put back and changes nothing, in either form
    let again = put_policy(&app, admin, text).await;
    assert_eq!(again.is(200).json["changes"], json!([]));
    let ask = app
        .request(Method::PUT, "/api/policy")
        .token(admin)
        .header("if-match", "*");
    let again = ask.json(&shown.json).send().await;
    assert_eq!(again.is(200).json["changes"], json!([]));
    let alice = app.user("alice", &[]).await;
    app.ask(admin, &alice).await;
    let text = "[roles.admin]\n[roles.user]\n[roles.payer]\n";
    put_policy(&app, admin, text).await.is(200);
    assert_eq!(
        app.get("/api/roles/payer", admin).await.json["approval"],
        false
    );
    app.put(payer(&alice), admin).await.done();
}

async fn rolecalls_own_roles_stay_as_they_are(app: TestApp) {
    let admin = app.admin().await;
    let body = json!({ "approval": true });
    for role in ["rolecall.admin", "rolecall.resource-server"] {
        let path = format!("/api/roles/{role}");
        app.patch(path, admin, body.clone())
            .await
            .breaks("builtin_role");
    }
    // the last administrator can always be followed by another
    let alice = app.user("alice", &[]).await;
    app.assign(&alice, "rolecall.admin").await;
}

async fn the_list_of_requests_is_paged_and_of_a_tenant(app: TestApp) {
    let alice = app.payers().await;
    let ann = app.login("ann").await;
    let mut made = vec![app.ask(&ann, &alice).await];
    for tenant in ["acme", "umbra", "wayne"] {
        app.pass(Duration::from_secs(1));
        let asked = app
            .put(format!("{}?tenant={tenant}", payer(&alice)), &ann)
            .await;
        made.push(asked.is(202).text("id"));
    }
    assert_eq!(app.get(PATH, &ann).await.items("id"), made);
    let mut found = Vec::new();
    let mut query = "?limit=3".to_owned();
    loop {
        let page = app.get(format!("{PATH}{query}"), &ann).await;
        found.extend(page.items("id"));
        match page.json["next_cursor"].as_str() {
            Some(cursor) => query = format!("?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(found, made);
    let acme = app.get(format!("{PATH}?tenant=acme"), &ann).await;
    assert_eq!(acme.items("id"), made[1..2]);
    app.get(format!("{PATH}?tenant=ACME"), &ann)
        .await
        .invalid(&["query", "tenant"]);
    app.get(format!("{PATH}?limit=0"), &ann)
        .await
        .invalid(&["query", "limit"]);
    app.user("carl", &["user"]).await;
    let carl = app.login("carl").await;
    app.get(PATH, &carl)
        .await
        .forbidden("rolecall.assignments:read");
}

/// The changes of the newest entry of the audit log.
async fn newest(app: &TestApp) -> Value {
    let path = "/api/audit?limit=1";
    let entries = app.get(path, app.admin().await).await;
    entries.json["items"][0]["changes"].clone()
}

async fn every_step_is_told_in_the_audit_log(app: TestApp) {
    let alice = app.payers().await;
    let told = newest(&app).await;
    assert_eq!(told[0]["action"], "user.created");
    let (ann, ben) = (app.login("ann").await, app.login("ben").await);
    let first = app.ask(&ann, &alice).await;
    assert_eq!(
        newest(&app).await,
        json!([{
            "action": "role.requested", "request": first, "subject": alice, "role": "payer", "tenant": null,
            "valid_from": null, "expires_at": null, "replaces": null,
        }])
    );
    let asked = app
        .put_json(payer(&alice), &ann, json!({ "reason": "x" }))
        .await;
    let second = asked.is(202).text("id");
    assert_eq!(newest(&app).await[0]["replaces"], json!(first));
    let by = format!("user:{}", app.id_of("ann").await);
    app.delete(format!("{PATH}/{second}"), &ben).await.done();
    assert_eq!(
        newest(&app).await,
        json!([{
            "action": "role.request_ended", "request": second, "subject": alice, "role": "payer", "tenant": null,
            "requested_by": by,
        }])
    );
    let third = app.ask(&ann, &alice).await;
    app.confirm(&ben, &third).await.done();
    assert_eq!(
        newest(&app).await,
        json!([{
            "action": "role.assigned", "subject": alice, "role": "payer", "tenant": null, "valid_from": null,
            "expires_at": null, "request": third, "requested_by": by,
        }])
    );
    app.approval("payer", false).await;
    let approval = json!([{ "action": "role.approval", "role": "payer", "approval": false }]);
    assert_eq!(newest(&app).await, approval);
    assert!(audit_is_whole(&app).await);
}

async fn said(app: &TestApp, arguments: &[&str]) -> String {
    let output = rolecall(app, arguments).await;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn the_command_line_asks_confirms_and_ends(app: TestApp) {
    let alice = app.payers().await;
    run(&app, &["role", "add", "auditor", "--approval"]).await;
    let shown = said(&app, &["role", "show", "auditor"]).await;
    assert!(shown.contains("(approval)"), "{shown}");
    run(&app, &["role", "approval", "auditor", "off"]).await;
    run(&app, &["assign", "alice", "auditor"]).await;
    run(&app, &["role", "approval", "auditor", "on"]).await;
    let told = said(&app, &["assign", "alice", "payer", "--reason", "a project"]).await;
    let id = app.open().await.pop().unwrap();
    let how = format!("another person confirms it with `rolecall request confirm {id}`");
    assert!(told.contains(&how), "{told}");
    let list = said(&app, &["request", "list"]).await;
    for part in [id.as_str(), "alice", "payer", "a project", "cli:"] {
        assert!(list.contains(part), "{list}");
    }
    let listed: Value =
        serde_json::from_str(&said(&app, &["--json", "request", "list"]).await).unwrap();
    assert_eq!(listed[0]["id"], json!(id));
    let asked = said(
        &app,
        &[
            "--json",
            "assign",
            "alice",
            "payer",
            "--reason",
            "a project",
        ],
    )
    .await;
    let asked: Value = serde_json::from_str(&asked).unwrap();
    assert_eq!(asked["id"], json!(id));
    // whoever may not read them sees none, and whoever may not give it confirms and ends none
    let revision = app.db.revision().await;
    for command in [["list", ""].as_slice(), &["confirm", &id], &["end", &id]] {
        let arguments: Vec<&str> = ["--as", "alice", "request"]
            .iter()
            .chain(command)
            .copied()
            .filter(|one| !one.is_empty())
            .collect();
        assert!(
            !rolecall(&app, &arguments).await.status.success(),
            "{arguments:?}"
        );
    }
    assert_eq!(app.db.revision().await, revision);
    let told = said(&app, &["--as", "ben", "request", "confirm", &id]).await;
    assert!(told.contains("`alice` has the role `payer`"), "{told}");
    assert_eq!(app.assigned(&alice).await, ["auditor", "payer"]);
    run(&app, &["unassign", "alice", "payer"]).await;
    run(&app, &["assign", "alice", "payer"]).await;
    let id = app.open().await.pop().unwrap();
    let told = said(&app, &["request", "end", &id]).await;
    assert!(told.contains("is closed"), "{told}");
    assert!(
        !rolecall(&app, &["request", "end", &id])
            .await
            .status
            .success()
    );
    assert_eq!(app.open().await, [""; 0]);
}

async fn another_node_knows_that_a_role_needs_a_second_person(app: TestApp) {
    let alice = app.payers().await;
    let bob = app.user("bob", &[]).await;
    let other = app.second_node().await;
    app.approval("payer", false).await;
    let ann = app.login("ann").await;
    other.put(payer(&alice), &ann).await.done();
    app.approval("payer", true).await;
    let id = other.ask(&ann, &bob).await;
    let ben = other.login("ben").await;
    app.confirm(&ben, &id).await.done();
    let app = app.restart().await;
    let asked = app.put(format!("{}?tenant=acme", payer(&bob)), &ann).await;
    asked.is(202);
}

async fn of_two_who_confirm_at_once_one_does(mut race: Race) {
    let alice = race.payers().await;
    race.user("cora", &["giver"]).await;
    for round in 0..ROUNDS / 4 {
        let (here, there) = race.nodes(round);
        let ann = here.login("ann").await;
        let id = here.ask(&ann, &alice).await;
        let confirm = |node: &Node, token: &str| {
            let ask = node.request(Method::POST, format!("{PATH}/{id}/confirm"));
            ask.token(token)
        };
        let one = confirm(here, &here.login("ben").await);
        let two = confirm(there, &there.login("cora").await);
        let revision = race.db.revision().await;
        let (one, two) = race.run(one, two).await;
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        race.won_by(if statuses[0] == 204 {
            First::One
        } else {
            First::Two
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 404], "round {round}: {one:?} {two:?}");
        assert_eq!(race.db.revision().await, revision + 1);
        race.unassign(&alice, "payer").await;
    }
    race.was_a_race();
}

async fn what_is_ended_while_it_is_confirmed_is_one_of_the_two(mut race: Race) {
    let alice = race.payers().await;
    for round in 0..ROUNDS / 4 {
        let (here, there) = race.nodes(round);
        let ann = here.login("ann").await;
        let id = here.ask(&ann, &alice).await;
        let confirm = here.request(Method::POST, format!("{PATH}/{id}/confirm"));
        let confirm = confirm.token(&here.login("ben").await);
        let end = there
            .request(Method::DELETE, format!("{PATH}/{id}"))
            .token(&ann);
        let (confirmed, ended) = race.run(confirm, end).await;
        ended.done();
        let given = race.assigned(&alice).await;
        if confirmed.status == 204 {
            assert_eq!(given, ["payer"], "round {round}");
            race.won_by(First::One);
            race.unassign(&alice, "payer").await;
        } else {
            confirmed.is(404);
            assert_eq!(given, [""; 0], "round {round}");
            race.won_by(First::Two);
        }
        assert_eq!(race.open().await, [""; 0]);
    }
    race.was_a_race();
}
