//! Separation of duties: what nobody is given together, and what nobody has active together.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::{
    command_line::{rolecall, run},
    refresh::Pair,
    support::{Answer, PASSWORD, TestApp, claims, on_both},
};

on_both![
    a_constraint_is_made_shown_changed_and_deleted,
    a_constraint_that_does_not_fit_is_refused_with_its_member,
    nobody_is_given_what_a_constraint_keeps_apart,
    duties_in_two_tenants_are_not_together,
    duties_that_never_meet_in_time_are_not_together,
    no_role_inherits_what_would_bring_duties_together,
    a_constraint_that_somebody_breaks_is_refused_and_names_them,
    nobody_is_made_with_what_a_constraint_keeps_apart,
    a_role_that_a_constraint_is_about_is_not_deleted,
    a_document_brings_no_duties_together,
    a_document_takes_a_constraint_away_with_what_it_forbade,
    a_document_says_all_there_is_to_a_constraint,
    whoever_changes_a_constraint_holds_what_its_roles_hold,
    a_log_in_chooses_among_what_may_not_be_active_together,
    a_refresh_chooses_anew_and_is_not_used_up_by_a_refusal,
    a_client_chooses_too,
    roles_that_are_all_one_can_have_active_do_not_narrow,
    a_dynamic_constraint_that_a_session_breaks_is_refused_and_names_whose,
    what_a_session_has_active_is_what_client_and_audience_leave,
    no_token_from_before_a_dynamic_constraint_goes_on_with_both,
    a_constraint_is_loosened_whatever_is_active,
    nothing_is_kept_apart_that_registration_gives_together,
    a_role_that_comes_to_lead_to_a_dynamic_constraint_ends_its_tokens,
    a_refusal_names_people_only_to_who_may_see_them,
    the_command_line_keeps_duties_apart,
    the_command_line_changes_a_constraint,
    nobody_acts_with_all_roles_of_somebody_who_has_to_choose,
];

const PATH: &str = "/api/constraints";

/// `payer` and `approver`, which a constraint `payments` of this kind keeps apart, and `clerk` beside them.
async fn payments(app: &TestApp, kind: &str) {
    for (role, permission) in [
        ("payer", "payments:make"),
        ("approver", "payments:approve"),
        ("clerk", "payments:see"),
    ] {
        app.role(role, &[permission]).await;
    }
    constrain(app, "payments", kind, &["approver", "payer"], 1)
        .await
        .is(201);
}

async fn constrain(app: &TestApp, name: &str, kind: &str, roles: &[&str], at_most: i64) -> Answer {
    let body = json!({ "name": name, "kind": kind, "roles": roles, "at_most": at_most });
    app.post(PATH, app.admin().await, body).await
}

async fn assign(app: &TestApp, id: &str, role: &str, query: &str, body: Value) -> Answer {
    let path = format!("/api/users/{id}/roles/{role}{query}");
    app.put_json(path, app.admin().await, body).await
}

/// A refusal by `payments`, about one subject.
#[track_caller]
fn apart<'a>(answer: &'a Answer, name: &str) -> &'a Answer {
    answer.breaks("separation_of_duties");
    assert_eq!(answer.json["constraint"], "payments", "{answer:?}");
    assert_eq!(answer.texts("roles"), ["approver", "payer"]);
    let subjects = answer.json["subjects"].as_array().unwrap();
    assert_eq!(subjects.len(), 1, "{answer:?}");
    assert_eq!(subjects[0]["name"], name);
    answer
}

/// A refusal at `/token` that names what to choose among.
#[track_caller]
fn choose(answer: &Answer) {
    answer.oauth(400, "invalid_scope");
    assert_eq!(answer.texts("roles"), ["approver", "payer"]);
    assert_eq!(answer.json["constraint"], "payments");
    assert_eq!(answer.json["at_most"], 1);
    let told = answer.text("error_description");
    assert!(
        told.contains("role:approver") && told.contains("role:payer"),
        "{told}"
    );
}

async fn a_constraint_is_made_shown_changed_and_deleted(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "static").await;
    let whole = json!({ "name": "payments", "kind": "static", "roles": ["approver", "payer"], "at_most": 1 });
    let one = format!("{PATH}/payments");
    assert_eq!(app.get(&one, admin).await.is(200).json, whole);
    let again = constrain(&app, "payments", "dynamic", &["payer", "clerk"], 1).await;
    again.is(409);
    let made = constrain(&app, "all", "dynamic", &["payer", "approver", "clerk"], 2).await;
    assert_eq!(made.header("location"), Some("/api/constraints/all"));
    let list = app.get(PATH, admin).await;
    assert_eq!(list.items("name"), ["all", "payments"]);
    let page = app.get(format_args!("{PATH}?limit=1"), admin).await;
    assert_eq!(page.items("name"), ["all"]);
    let cursor = page.text("next_cursor");
    let page = app
        .get(format_args!("{PATH}?limit=1&cursor={cursor}"), admin)
        .await;
    assert_eq!(page.items("name"), ["payments"]);
    // a role more, another limit, a role less
    for _ in 0..2 {
        app.put(format_args!("{one}/roles/clerk"), admin)
            .await
            .done();
    }
    let changed = app.patch(&one, admin, json!({ "at_most": 2 })).await;
    assert_eq!(changed.is(200).json["at_most"], 2);
    assert_eq!(changed.texts("roles"), ["approver", "clerk", "payer"]);
    app.delete(format_args!("{one}/roles/clerk"), admin)
        .await
        .breaks("separation_of_duties");
    app.patch(&one, admin, json!({ "at_most": 1 }))
        .await
        .is(200);
    for _ in 0..2 {
        app.delete(format_args!("{one}/roles/clerk"), admin)
            .await
            .done();
    }
    assert_eq!(app.get(&one, admin).await.json, whole);
    let actions = app
        .get("/api/audit?limit=200", admin)
        .await
        .json
        .to_string();
    for action in ["constraint.created", "constraint.replaced"] {
        assert!(actions.contains(action), "{action}");
    }
    for _ in 0..2 {
        app.delete(&one, admin).await.done();
    }
    app.get(&one, admin).await.is(404);
    let second = app.second_node().await;
    assert_eq!(second.get(PATH, admin).await.items("name"), ["all"]);
}

async fn a_constraint_that_does_not_fit_is_refused_with_its_member(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "static").await;
    let revision = app.db.revision().await;
    for (roles, most, member) in [
        (&["payer"][..], 1, "roles"),
        (&[], 1, "roles"),
        (&["payer", "payer"], 1, "roles"),
        (&["payer", "clerk"], 0, "at_most"),
        (&["payer", "clerk"], 2, "at_most"),
        (&["payer", "clerk"], -1, "at_most"),
        (&["payer", "clerk"], 1 << 40, "at_most"),
    ] {
        let refused = constrain(&app, "other", "static", roles, most).await;
        refused.invalid(&["body", member]);
    }
    let refused = constrain(&app, "other", "loose", &["payer", "clerk"], 1).await;
    refused.invalid(&["body", "kind"]);
    for name in ["Other", "", "rolecall.own"] {
        let refused = constrain(&app, name, "static", &["payer", "clerk"], 1).await;
        refused.invalid(&["body", "name"]);
    }
    constrain(&app, "other", "static", &["payer", "nobody"], 1)
        .await
        .is(404);
    let one = format!("{PATH}/payments");
    for most in [0, 2] {
        let refused = app.patch(&one, admin, json!({ "at_most": most })).await;
        refused.invalid(&["body", "at_most"]);
    }
    app.put(format_args!("{one}/roles/nobody"), admin)
        .await
        .is(404);
    for method in [Method::GET, Method::PATCH] {
        let ask = app
            .request(method, format_args!("{PATH}/none"))
            .token(admin);
        ask.json(&json!({ "at_most": 1 })).send().await.is(404);
    }
    app.put(format_args!("{PATH}/none/roles/payer"), admin)
        .await
        .is(404);
    app.delete(format_args!("{PATH}/none/roles/payer"), admin)
        .await
        .is(404);
    assert_eq!(app.db.revision().await, revision);
}

async fn nobody_is_given_what_a_constraint_keeps_apart(app: TestApp) {
    payments(&app, "static").await;
    app.role("manager", &[]).await;
    app.inherit("manager", "payer").await;
    let alice = app.user("alice", &["approver"]).await;
    let (revision, none) = (app.db.revision().await, json!({}));
    let refused = assign(&app, &alice, "payer", "", none.clone()).await;
    assert_eq!(apart(&refused, "alice").texts("path"), [""; 0]);
    assert_eq!(refused.json["subjects"][0]["id"], alice);
    let refused = assign(&app, &alice, "manager", "?tenant=acme", none.clone()).await;
    assert_eq!(apart(&refused, "alice").texts("path"), ["manager", "payer"]);
    assert_eq!(refused.json["subjects"][0]["tenant"], "acme");
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
    // what it is not about, and what is there already
    assign(&app, &alice, "clerk", "", none.clone()).await.done();
    let reason = json!({ "reason": "as before" });
    assign(&app, &alice, "approver", "", reason).await.done();
    // without the one, the other
    app.unassign(&alice, "approver").await;
    assign(&app, &alice, "manager", "", none.clone())
        .await
        .done();
    let refused = assign(&app, &alice, "approver", "", none).await;
    apart(&refused, "alice");
    // clients too
    let client = app.client("robot", json!({ "roles": ["payer"] })).await;
    let path = format!("/api/clients/{}/roles/approver", client.id);
    apart(&app.put(path, app.admin().await).await, "robot");
}

async fn duties_in_two_tenants_are_not_together(app: TestApp) {
    payments(&app, "static").await;
    let (alice, none) = (app.user("alice", &[]).await, json!({}));
    assign(&app, &alice, "payer", "?tenant=acme", none.clone())
        .await
        .done();
    assign(&app, &alice, "approver", "?tenant=other", none.clone())
        .await
        .done();
    let refused = assign(&app, &alice, "approver", "?tenant=acme", none.clone()).await;
    assert_eq!(
        apart(&refused, "alice").json["subjects"][0]["tenant"],
        "acme"
    );
    // what is held globally is held in each of them
    apart(&assign(&app, &alice, "payer", "", none).await, "alice");
}

async fn duties_that_never_meet_in_time_are_not_together(app: TestApp) {
    payments(&app, "static").await;
    let alice = app.user("alice", &[]).await;
    let first = json!({ "expires_at": "2030-01-02T00:00:00Z" });
    assign(&app, &alice, "payer", "", first).await.done();
    let early = json!({ "valid_from": "2030-01-01T23:59:59Z" });
    apart(&assign(&app, &alice, "approver", "", early).await, "alice");
    let later = json!({ "valid_from": "2030-01-02T00:00:00Z" });
    assign(&app, &alice, "approver", "", later).await.done();
    let longer = json!({ "expires_at": "2030-01-02T00:00:01Z" });
    apart(&assign(&app, &alice, "payer", "", longer).await, "alice");
    app.pass(Duration::from_hours(25));
    let path = format!("/api/users/{alice}/roles/payer");
    apart(&app.put(path, &app.login("admin").await).await, "alice");
}

async fn no_role_inherits_what_would_bring_duties_together(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "static").await;
    app.role("boss", &[]).await;
    app.inherit("boss", "clerk").await;
    app.inherit("clerk", "payer").await;
    let alice = app.user("alice", &["boss"]).await;
    let revision = app.db.revision().await;
    let refused = app.put("/api/roles/clerk/juniors/approver", admin).await;
    assert_eq!(
        apart(&refused, "alice").texts("path"),
        ["boss", "clerk", "approver"]
    );
    let refused = app.put("/api/roles/payer/juniors/approver", admin).await;
    apart(&refused, "alice");
    assert_eq!(app.db.revision().await, revision);
    let juniors = app.get("/api/roles/clerk", admin).await.texts("juniors");
    assert_eq!(juniors, ["payer"]);
    // as long as nobody has it, a role may be of no use to anybody
    app.unassign(&alice, "boss").await;
    app.put("/api/roles/clerk/juniors/approver", admin)
        .await
        .done();
    apart(&assign(&app, &alice, "boss", "", json!({})).await, "alice");
}

async fn a_constraint_that_somebody_breaks_is_refused_and_names_them(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "dynamic").await;
    app.delete(format_args!("{PATH}/payments"), admin)
        .await
        .done();
    let alice = app.user("alice", &["payer", "approver"]).await;
    app.user("bob", &["payer", "clerk"]).await;
    for number in 0..22 {
        app.user(&format!("u{number:02}"), &["approver", "clerk"])
            .await;
    }
    let revision = app.db.revision().await;
    let refused = constrain(&app, "payments", "static", &["approver", "payer"], 1).await;
    assert_eq!(apart(&refused, "alice").json["subjects"][0]["id"], alice);
    assert!(
        refused
            .text("detail")
            .contains("`alice` would have approver, payer")
    );
    let all = ["approver", "payer", "clerk"];
    let refused = constrain(&app, "payments", "static", &all, 1).await;
    refused.breaks("separation_of_duties");
    assert_eq!(refused.json["subjects"].as_array().unwrap().len(), 20);
    assert!(refused.text("detail").contains("and others"), "{refused:?}");
    assert_eq!(app.db.revision().await, revision);
    // the same by a change of one that is there
    constrain(&app, "payments", "static", &all, 2).await.is(201);
    let one = format!("{PATH}/payments");
    app.patch(&one, admin, json!({ "at_most": 1 }))
        .await
        .breaks("separation_of_duties");
    app.unassign(&alice, "approver").await;
    constrain(&app, "two", "static", &["approver", "payer"], 1)
        .await
        .is(201);
    app.put(format_args!("{PATH}/two/roles/clerk"), admin)
        .await
        .breaks("separation_of_duties");
    // somebody whose assignment is over breaks nothing; one that is still to come does
    let soon =
        json!({ "valid_from": "2030-01-02T00:00:00Z", "expires_at": "2030-01-03T00:00:00Z" });
    assign(&app, &alice, "clerk", "", soon).await.done();
    let refused = constrain(&app, "third", "static", &["clerk", "payer"], 1).await;
    assert_eq!(
        refused.json["subjects"].as_array().unwrap().len(),
        2,
        "{refused:?}"
    );
    app.unassign(&app.id_of("bob").await, "clerk").await;
    app.pass(Duration::from_hours(72));
    let admin = app.login("admin").await;
    let body =
        json!({ "name": "third", "kind": "static", "roles": ["clerk", "payer"], "at_most": 1 });
    app.post(PATH, &admin, body).await.is(201);
}

async fn nobody_is_made_with_what_a_constraint_keeps_apart(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "static").await;
    let (subjects, revision) = (app.db.count("subjects").await, app.db.revision().await);
    let both = ["payer", "approver"];
    let body = json!({ "username": "alice", "password": PASSWORD, "roles": both });
    apart(&app.post("/api/users", admin, body).await, "alice");
    let body = json!({ "name": "robot", "grants": ["client_credentials"], "roles": both });
    apart(&app.post("/api/clients", admin, body).await, "robot");
    assert_eq!(app.db.count("subjects").await, subjects);
    assert_eq!(app.db.revision().await, revision);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.csv");
    std::fs::write(
        &file,
        "username,hashed_password,roles\nbob,,payer\nalice,,payer;approver\n",
    )
    .unwrap();
    let import = [
        "import",
        "users",
        file.to_str().unwrap(),
        "--without-password",
    ];
    let output = rolecall(&app, &import).await;
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{told}");
    assert!(
        told.contains("constraint `payments` allows at most 1"),
        "{told}"
    );
    assert_eq!(app.db.count("subjects").await, subjects);
}

async fn a_role_that_a_constraint_is_about_is_not_deleted(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "dynamic").await;
    let refused = app.delete("/api/roles/payer", admin).await;
    assert!(
        refused
            .is(409)
            .text("detail")
            .contains("constraint `payments`")
    );
    app.delete(format_args!("{PATH}/payments"), admin)
        .await
        .done();
    app.delete("/api/roles/payer", admin).await.done();
}

const DOCUMENT: &str = r#"
[permissions]
"payments:make" = ""

[roles.admin]

[roles.approver]
permissions = ["payments:make"]

[roles.boss]
juniors = ["approver"]

[roles.payer]
permissions = ["payments:make"]

[constraints.payments]
kind = "static"
roles = ["approver", "payer"]
at_most = 1
"#;

async fn put_document(app: &TestApp, path: &str, text: &str) -> Answer {
    let method = if path == "/api/policy" {
        Method::PUT
    } else {
        Method::POST
    };
    let ask = app.request(method, path).token(app.admin().await);
    let ask = ask.header("if-match", "*");
    ask.raw("application/toml", text.to_owned()).send().await
}

async fn a_document_brings_no_duties_together(app: TestApp) {
    let without = DOCUMENT.split("[constraints").next().unwrap();
    put_document(&app, "/api/policy", without).await.is(200);
    let alice = app.user("alice", &["boss", "payer"]).await;
    let revision = app.db.revision().await;
    for path in ["/api/policy/plan", "/api/policy"] {
        let refused = put_document(&app, path, DOCUMENT).await;
        assert_eq!(apart(&refused, "alice").texts("path"), ["boss", "approver"]);
    }
    assert_eq!(app.db.revision().await, revision);
    // by what a role inherits from now on
    let flat = DOCUMENT.replace("juniors = [\"approver\"]", "");
    put_document(&app, "/api/policy", &flat).await.is(200);
    let revision = app.db.revision().await;
    for path in ["/api/policy/plan", "/api/policy"] {
        apart(&put_document(&app, path, DOCUMENT).await, "alice");
    }
    assert_eq!(app.db.revision().await, revision);
    app.unassign(&alice, "payer").await;
    put_document(&app, "/api/policy", DOCUMENT).await.is(200);
    apart(&assign(&app, &alice, "payer", "", json!({})).await, "alice");
    // a session that has both active stands against a dynamic one
    let dynamic = DOCUMENT.replace("\"static\"", "\"dynamic\"");
    put_document(&app, "/api/policy", without).await.is(200);
    app.assign(&alice, "payer").await;
    let token = app.login("alice").await;
    apart(&put_document(&app, "/api/policy", &dynamic).await, "alice");
    app.post("/api/me/logout", &token, json!({})).await.done();
    put_document(&app, "/api/policy", &dynamic).await.is(200);
    choose(&app.password_grant("alice", PASSWORD).await);
}

async fn a_document_takes_a_constraint_away_with_what_it_forbade(app: TestApp) {
    let free = DOCUMENT.split("[constraints").next().unwrap();
    let both = free.replace("[\"approver\"]", "[\"approver\", \"payer\"]");
    let approver = "[roles.approver]\npermissions = [\"payments:make\"]\n";
    let boss = "[roles.boss]\njuniors = [\"approver\"]\n";
    for next in [&both, &free.replace(approver, "").replace(boss, "")] {
        put_document(&app, "/api/policy", DOCUMENT).await.is(200);
        for path in ["/api/policy/plan", "/api/policy"] {
            put_document(&app, path, next).await.is(200);
        }
        let left = app.get(PATH, app.admin().await).await;
        assert_eq!(left.items("name"), [""; 0]);
    }
}

async fn a_document_says_all_there_is_to_a_constraint(app: TestApp) {
    let admin = app.admin().await;
    let made = put_document(&app, "/api/policy", DOCUMENT).await;
    let made = &made.is(200).json["changes"];
    let constraint = made
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["action"] == "constraint.created");
    assert_eq!(
        constraint.unwrap(),
        &json!({ "action": "constraint.created", "constraint": "payments", "kind": "static",
            "roles": ["approver", "payer"], "at_most": 1 })
    );
    let ask = app.request(Method::GET, "/api/policy").token(admin);
    let text = ask.header("accept", "application/toml").send().await;
    let text = String::from_utf8(text.is(200).body.to_vec()).unwrap();
    assert!(text.contains("[constraints.payments]"), "{text}");
    let wider = DOCUMENT.replace(
        "roles = [\"approver\", \"payer\"]",
        "roles = [\"approver\", \"payer\", \"boss\"]",
    );
    put_document(&app, "/api/policy", &wider).await.is(200);
    let one = app.get(format_args!("{PATH}/payments"), admin).await;
    assert_eq!(one.texts("roles"), ["approver", "boss", "payer"]);
    // a role that goes, and the constraint that was about it, in one document
    let without = DOCUMENT.replace("[roles.boss]\njuniors = [\"approver\"]\n", "");
    put_document(&app, "/api/policy", &without).await.is(200);
    let one = app.get(format_args!("{PATH}/payments"), admin).await;
    assert_eq!(one.texts("roles"), ["approver", "payer"]);
    let none = DOCUMENT.split("[constraints").next().unwrap();
    put_document(&app, "/api/policy", none).await.is(200);
    assert_eq!(app.get(PATH, admin).await.items("name"), [""; 0]);
}

async fn whoever_changes_a_constraint_holds_what_its_roles_hold(app: TestApp) {
    payments(&app, "static").await;
    let own = [
        "payments:make",
        "payments:see",
        "rolecall.roles:write",
        "rolecall.roles:read",
    ];
    app.role("keeper", &own).await;
    app.user("kim", &["keeper"]).await;
    let kim = app.login("kim").await;
    let revision = app.db.revision().await;
    let body = |roles: [&str; 2]| json!({ "name": "mine", "kind": "static", "roles": roles, "at_most": 1 });
    let one = format!("{PATH}/payments");
    let lacking = "payments:approve";
    app.post(PATH, &kim, body(["clerk", "approver"]))
        .await
        .forbidden(lacking);
    app.put(format_args!("{one}/roles/clerk"), &kim)
        .await
        .forbidden(lacking);
    app.delete(format_args!("{one}/roles/payer"), &kim)
        .await
        .forbidden(lacking);
    app.patch(&one, &kim, json!({ "at_most": 1 }))
        .await
        .forbidden(lacking);
    app.delete(&one, &kim).await.forbidden(lacking);
    assert_eq!(app.db.revision().await, revision);
    app.post(PATH, &kim, body(["clerk", "payer"])).await.is(201);
    app.put(format_args!("{PATH}/mine/roles/approver"), &kim)
        .await
        .forbidden(lacking);
    app.get(&one, &kim).await.is(200);
    app.user("alice", &["user"]).await;
    let alice = app.login("alice").await;
    app.get(&one, &alice).await.forbidden("rolecall.roles:read");
}

async fn a_log_in_chooses_among_what_may_not_be_active_together(app: TestApp) {
    payments(&app, "dynamic").await;
    app.user("alice", &["payer", "approver", "clerk"]).await;
    let sessions = app.db.count("sessions").await;
    choose(&app.password_grant("alice", PASSWORD).await);
    choose(&app.try_login_for("alice", "payments:make").await);
    choose(&app.try_login_for("alice", "role:payer role:approver").await);
    assert_eq!(
        app.db.count("sessions").await,
        sessions,
        "no session was opened"
    );
    let token = app.login_for("alice", "role:payer role:clerk").await;
    assert_eq!(claims(&token)["roles"], json!(["clerk", "payer"]));
    let token = app.login_for("alice", "role:approver").await;
    assert_eq!(claims(&token)["scope"], "payments:approve");
    // inherited is active too
    app.role("boss", &[]).await;
    app.inherit("boss", "payer").await;
    app.user("bob", &["boss", "approver"]).await;
    choose(&app.password_grant("bob", PASSWORD).await);
    let token = app.login_for("bob", "role:boss").await;
    assert_eq!(claims(&token)["roles"], json!(["boss", "payer"]));
    // in one tenant, what is held there and globally
    let carol = app.user("carol", &["payer"]).await;
    assign(&app, &carol, "approver", "?tenant=acme", json!({}))
        .await
        .done();
    app.login("carol").await;
    let form = [
        ("grant_type", "password"),
        ("username", "carol"),
        ("password", PASSWORD),
        ("tenant", "acme"),
    ];
    choose(&app.token(&form).await);
}

async fn a_refresh_chooses_anew_and_is_not_used_up_by_a_refusal(app: TestApp) {
    payments(&app, "dynamic").await;
    let alice = app.user("alice", &["payer", "clerk"]).await;
    let pair = app.log_in("alice").await;
    app.assign(&alice, "approver").await;
    for _ in 0..3 {
        choose(&app.refresh(&pair.refresh).await);
    }
    // what it has is kept: a gain takes nothing away
    app.get("/api/me", &pair.access).await.is(200);
    let chosen = app
        .refresh_for(&pair.refresh, "role:payer role:clerk")
        .await;
    let next = Pair::of(&chosen);
    assert_eq!(claims(&next.access)["roles"], json!(["clerk", "payer"]));
    choose(&app.refresh(&next.refresh).await);
    let other = app.refresh_for(&next.refresh, "role:approver").await;
    assert_eq!(
        claims(&Pair::of(&other).access)["roles"],
        json!(["approver"])
    );
    app.unassign(&alice, "payer").await;
    let last = app.refresh(&Pair::of(&other).refresh).await;
    assert_eq!(
        claims(&Pair::of(&last).access)["roles"],
        json!(["approver", "clerk"])
    );
}

async fn a_client_chooses_too(app: TestApp) {
    payments(&app, "dynamic").await;
    let both = json!({ "roles": ["payer", "approver"] });
    let robot = app.client("robot", both).await;
    choose(&app.try_act_as(&robot, &[]).await);
    let chosen = app.try_act_as(&robot, &[("scope", "role:payer")]).await;
    assert_eq!(
        claims(&chosen.is(200).text("access_token"))["roles"],
        json!(["payer"])
    );
    // what a client may have at most is a choice too
    let paying = app.client("paying", json!({ "scope": "role:payer" })).await;
    app.user("alice", &["payer", "approver"]).await;
    let through = app.log_in_through(&paying, &[]).await;
    assert_eq!(
        claims(&through.is(200).text("access_token"))["roles"],
        json!(["payer"])
    );
}

async fn roles_that_are_all_one_can_have_active_do_not_narrow(app: TestApp) {
    payments(&app, "dynamic").await;
    app.user("alice", &["payer", "approver", "clerk"]).await;
    let own = json!({ "email": "alice@mail.example" });
    let whole = app.login_for("alice", "role:payer role:clerk").await;
    assert!(claims(&whole).get("narrowed").is_none());
    app.patch("/api/me", &whole, own.clone()).await.is(200);
    for less in [
        "role:payer",
        "role:clerk",
        "role:payer role:clerk payments:make",
    ] {
        let token = app.login_for("alice", less).await;
        assert_eq!(claims(&token)["narrowed"], true, "{less}");
        app.patch("/api/me", &token, own.clone())
            .await
            .forbidden("");
    }
    // what a client leaves out of what its users have is left out of all that it could choose
    let paying = json!({ "scope": "role:payer role:approver" });
    let paying = app.client("paying", paying).await;
    let through = app
        .log_in_through(&paying, &[("scope", "role:payer")])
        .await;
    let through = claims(&through.is(200).text("access_token"));
    assert_eq!(through["narrowed"], true);
    // whom no constraint concerns narrows by whatever they leave out
    app.user("bob", &["payer", "clerk"]).await;
    let token = app.login_for("bob", "role:payer role:clerk").await;
    assert_eq!(claims(&token)["narrowed"], true);
}

async fn a_dynamic_constraint_that_a_session_breaks_is_refused_and_names_whose(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "dynamic").await;
    app.delete(format_args!("{PATH}/payments"), admin)
        .await
        .done();
    app.user("alice", &["payer", "approver"]).await;
    app.user("bob", &["payer", "approver"]).await;
    let pair = app.log_in("alice").await;
    let one = app.login_for("bob", "role:payer").await;
    let revision = app.db.revision().await;
    let refused = constrain(&app, "payments", "dynamic", &["approver", "payer"], 1).await;
    let told = apart(&refused, "alice").text("detail");
    assert!(
        told.contains("`alice` has active approver, payer"),
        "{told}"
    );
    assert_eq!(app.db.revision().await, revision);
    app.get("/api/me", &one).await.is(200);
    app.get("/api/me", &pair.access).await.is(200);
    // with a wider one first, and then less of it
    let all = ["approver", "payer", "clerk"];
    constrain(&app, "payments", "dynamic", &all, 2)
        .await
        .is(201);
    let path = format!("{PATH}/payments");
    let refused = app.patch(&path, admin, json!({ "at_most": 1 })).await;
    refused.breaks("separation_of_duties");
    // a session that is over breaks nothing
    app.pass(Duration::from_hours(15 * 24));
    let admin = app.login("admin").await;
    app.patch(&path, &admin, json!({ "at_most": 1 }))
        .await
        .is(200);
}

async fn what_a_session_has_active_is_what_client_and_audience_leave(app: TestApp) {
    payments(&app, "dynamic").await;
    // no more than its client may have
    let paying = app.client("paying", json!({ "scope": "role:payer" })).await;
    app.user("alice", &["payer", "clerk"]).await;
    app.log_in_through(&paying, &[]).await.is(200);
    constrain(&app, "more", "dynamic", &["payer", "clerk"], 1)
        .await
        .is(201);
    // and what is rolecall's own where it is for rolecall
    app.user("bob", &["rolecall.admin", "clerk"]).await;
    app.log_in("bob").await;
    let refused = constrain(&app, "own", "dynamic", &["rolecall.admin", "clerk"], 1).await;
    refused.breaks("separation_of_duties");
    assert_eq!(refused.json["subjects"][0]["name"], "bob");
}

async fn no_token_from_before_a_dynamic_constraint_goes_on_with_both(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "dynamic").await;
    app.delete(format_args!("{PATH}/payments"), admin)
        .await
        .done();
    let robot = app
        .client("robot", json!({ "roles": ["payer", "approver"] }))
        .await;
    let acting = app.act_as(&robot).await;
    app.user("alice", &["payer"]).await;
    app.user("carol", &["clerk"]).await;
    let (alice, carol) = (app.log_in("alice").await, app.login("carol").await);
    constrain(&app, "payments", "dynamic", &["approver", "payer"], 1)
        .await
        .is(201);
    app.get("/api/me", &carol).await.is(200);
    app.get("/edit", &acting).await.ended();
    app.get("/api/me", &alice.access).await.ended();
    let next = Pair::of(&app.refresh(&alice.refresh).await);
    app.get("/api/me", &next.access).await.is(200);
}

async fn a_refusal_names_people_only_to_who_may_see_them(app: TestApp) {
    for role in ["payer", "approver"] {
        app.role(role, &[]).await;
    }
    app.user("alice", &["payer", "approver"]).await;
    app.role("keeper", &["rolecall.roles:write", "rolecall.policy:read"])
        .await;
    app.user("kim", &["keeper"]).await;
    let id = app.id_of("kim").await;
    for role in ["payer", "approver"] {
        let path = format!("/api/users/{id}/roles/{role}?tenant=acme");
        app.put(path, app.admin().await).await.done();
    }
    app.assign(&id, "rolecall.admin").await;
    let token = app
        .login_for("kim", "rolecall.roles:write rolecall.assignments:any")
        .await;
    let body =
        json!({ "name": "c", "kind": "static", "roles": ["payer", "approver"], "at_most": 1 });
    let refused = app.post(PATH, &token, body.clone()).await;
    refused.breaks("separation_of_duties");
    assert_eq!(refused.json["subjects"], json!([]));
    let told = refused.text("detail");
    assert!(
        told.contains("somebody would have approver, payer"),
        "{told}"
    );
    let refused = app.post(PATH, app.admin().await, body).await;
    assert_eq!(
        refused.json["subjects"].as_array().unwrap().len(),
        2,
        "{refused:?}"
    );
    // nor does a plan ask who they are
    let planner = app.login_for("kim", "rolecall.policy:read").await;
    let document = "[roles.admin]\n[roles.payer]\n[roles.approver]\n[roles.keeper]\n[constraints.c]\n\
        kind = \"static\"\nroles = [\"payer\", \"approver\"]\nat_most = 1\n";
    let ask = app
        .request(Method::POST, "/api/policy/plan")
        .token(&planner);
    let shown = ask
        .raw("application/toml", document.to_owned())
        .send()
        .await;
    assert_eq!(shown.is(200).json["subjects"], Value::Null);
}

async fn a_constraint_is_loosened_whatever_is_active(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "dynamic").await;
    let one = format!("{PATH}/payments");
    app.put(format_args!("{one}/roles/clerk"), admin)
        .await
        .done();
    let alice = app.user("alice", &["payer"]).await;
    let carol = app.log_in("alice").await;
    app.assign(&alice, "approver").await;
    app.assign(&alice, "clerk").await;
    app.refresh(&carol.refresh)
        .await
        .oauth(400, "invalid_scope");
    // she has never had more than one of them active
    app.patch(&one, admin, json!({ "at_most": 2 }))
        .await
        .is(200);
    app.get("/api/me", &carol.access).await.is(200);
    app.patch(&one, admin, json!({ "at_most": 1 }))
        .await
        .is(200);
    app.delete(format_args!("{one}/roles/clerk"), admin)
        .await
        .done();
    // nor is another constraint in the way of one that she does not break
    app.role("other", &[]).await;
    let made = constrain(&app, "zzz", "dynamic", &["clerk", "other"], 1).await;
    made.is(201);
}

async fn nothing_is_kept_apart_that_registration_gives_together(app: TestApp) {
    let admin = app.admin().await;
    app.role("member", &[]).await;
    app.role("buyer", &[]).await;
    app.inherit("user", "buyer").await;
    let revision = app.db.revision().await;
    let refused = constrain(&app, "everybody", "static", &["user", "buyer"], 1).await;
    refused.breaks("separation_of_duties");
    let told = refused.text("detail");
    assert!(told.contains("`registration.roles`"), "{told}");
    assert_eq!(app.db.revision().await, revision);
    constrain(&app, "members", "static", &["user", "member"], 1)
        .await
        .is(201);
    app.put("/api/roles/buyer/juniors/member", admin)
        .await
        .breaks("separation_of_duties");
    let body = json!({ "username": "alice", "password": PASSWORD });
    app.post("/register", "", body).await.is(201);
}

async fn a_role_that_comes_to_lead_to_a_dynamic_constraint_ends_its_tokens(app: TestApp) {
    payments(&app, "dynamic").await;
    app.role("senior", &[]).await;
    app.role("aside", &[]).await;
    app.user("alice", &["payer", "senior"]).await;
    let (pair, admin) = (app.log_in("alice").await, app.admin().await);
    app.put("/api/roles/senior/juniors/clerk", admin)
        .await
        .done();
    app.get("/api/me", &pair.access).await.is(200);
    // a guard may read what a token permits from its roles
    app.put("/api/roles/senior/juniors/approver", admin)
        .await
        .done();
    app.get("/api/me", &pair.access).await.ended();
    choose(&app.refresh(&pair.refresh).await);
}

/// What a command printed that must succeed.
async fn printed(app: &TestApp, arguments: &[&str]) -> String {
    let output = rolecall(app, arguments).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn the_command_line_keeps_duties_apart(app: TestApp) {
    for role in ["payer", "approver", "clerk"] {
        app.role(role, &[]).await;
    }
    app.user("alice", &["payer"]).await;
    let made = printed(
        &app,
        &[
            "constraint",
            "add",
            "payments",
            "--static",
            "payer",
            "approver",
        ],
    )
    .await;
    assert!(
        made.contains("payments") && made.contains("approver, payer"),
        "{made}"
    );
    let refused = rolecall(&app, &["assign", "alice", "approver"]).await;
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && told.contains("`alice` would have approver, payer"),
        "{told}"
    );
}

async fn the_command_line_changes_a_constraint(app: TestApp) {
    for role in ["payer", "approver", "clerk"] {
        app.role(role, &[]).await;
    }
    let add = [
        "constraint",
        "add",
        "payments",
        "--static",
        "payer",
        "approver",
    ];
    run(&app, &add).await;
    for arguments in [
        &["constraint", "add", "x", "payer", "approver"][..],
        &[
            "constraint",
            "add",
            "x",
            "--static",
            "--dynamic",
            "payer",
            "approver",
        ],
        &[
            "constraint",
            "add",
            "x",
            "--static",
            "payer",
            "approver",
            "--at-most",
            "2",
        ],
        &["constraint", "limit", "payments", "2"],
        &["constraint", "remove-role", "payments", "payer"],
        &["constraint", "show", "none"],
        &["constraint", "delete", "none"],
    ] {
        let output = rolecall(&app, arguments).await;
        assert!(!output.status.success(), "{arguments:?}");
    }
    run(&app, &["constraint", "add-role", "payments", "clerk"]).await;
    run(&app, &["constraint", "limit", "payments", "2"]).await;
    let shown: Value =
        serde_json::from_str(&printed(&app, &["--json", "constraint", "list"]).await).unwrap();
    assert_eq!(
        shown,
        json!([{ "name": "payments", "kind": "static", "roles": ["approver", "clerk", "payer"], "at_most": 2 }])
    );
    run(&app, &["constraint", "delete", "payments"]).await;
}

async fn nobody_acts_with_all_roles_of_somebody_who_has_to_choose(app: TestApp) {
    for role in ["payer", "clerk"] {
        app.role(role, &[]).await;
    }
    app.user("alice", &["payer"]).await;
    run(
        &app,
        &["constraint", "add", "rights", "--dynamic", "payer", "clerk"],
    )
    .await;
    run(&app, &["assign", "alice", "clerk"]).await;
    let refused = rolecall(&app, &["--as", "alice", "role", "list"]).await;
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && told.contains("constraint `rights`"),
        "{told}"
    );
    // nor by what they have in the tenant that is acted in
    app.role("giver", &["rolecall.assignments:write"]).await;
    let bob = app.user("bob", &["payer", "giver"]).await;
    assign(&app, &bob, "clerk", "?tenant=acme", json!({}))
        .await
        .done();
    run(&app, &["--as", "bob", "assign", "alice", "user"]).await;
    let give = ["--as", "bob", "assign", "alice", "user", "--tenant", "acme"];
    let refused = rolecall(&app, &give).await;
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && told.contains("constraint `rights`"),
        "{told}"
    );
}
