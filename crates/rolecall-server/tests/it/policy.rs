//! `/api/policy`: the whole policy as one document.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Node, PASSWORD, Race, TestApp, on_both, races};

on_both![
    what_was_read_can_be_put_back_and_changes_nothing,
    a_document_is_planned_first_and_then_put_whole,
    every_fault_of_a_document_is_told_with_line_and_column,
    nothing_is_replaced_that_was_not_read,
    what_a_document_takes_away_ends_tokens_at_once,
    what_was_reached_by_way_of_what_is_gone_ends_too,
    what_a_document_only_adds_ends_no_token,
    what_is_rolecalls_own_stays_as_it_is,
    nobody_goes_beyond_their_own_by_way_of_a_document,
    a_narrowed_token_puts_no_more_than_it_carries,
    a_plan_counts_each_tenant_and_only_what_is_lost_in_the_end,
    a_plan_counts_who_loses_or_gains_a_role_that_holds_nothing,
    a_plan_names_people_only_to_who_may_see_them,
    a_document_may_be_longer_than_other_bodies,
    bodies_of_other_types_are_refused,
    the_audit_log_tells_each_change,
];
races![one_of_two_documents_for_the_same_policy_is_refused];

const POLICY: &str = "/api/policy";
const PLAN: &str = "/api/policy/plan";
const TOML: &str = "application/toml";

const ITEMS: &str = r#"
[permissions]
"items:read" = "see items"
"items:write" = ""

[roles.admin]

[roles.reader]
permissions = ["items:read"]

[roles.editor]
description = "edits"
permissions = ["items:*"]
juniors = ["reader"]
"#;

async fn read(app: &Node, token: &str) -> Answer {
    let ask = app.request(Method::GET, POLICY).token(token);
    ask.header("accept", TOML).send().await
}

async fn plan(app: &Node, token: &str, document: &str) -> Answer {
    let ask = app.request(Method::POST, PLAN).token(token);
    ask.raw(TOML, document.to_owned()).send().await
}

async fn put(app: &Node, token: &str, document: &str, if_match: &str) -> Answer {
    let ask = app.request(Method::PUT, POLICY).token(token);
    let ask = ask.header("if-match", if_match);
    ask.raw(TOML, document.to_owned()).send().await
}

/// Puts a document in force.
async fn given(app: &TestApp, document: &str) {
    put(app, app.admin().await, document, "*").await.is(200);
}

/// What was changed, or would be, each on one line.
fn changes(answer: &Answer) -> Vec<String> {
    let line = |change: &Value| {
        let texts = ["action", "permission", "role", "junior"];
        let texts = texts.iter().filter_map(|name| change[*name].as_str());
        texts.collect::<Vec<_>>().join(" ")
    };
    answer.is(200).json["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(line)
        .collect()
}

async fn what_was_read_can_be_put_back_and_changes_nothing(app: TestApp) {
    let admin = app.admin().await;
    app.role("reader", &["items:read", "rolecall.users:read"])
        .await;
    app.role("editor", &["items:*"]).await;
    app.inherit("editor", "reader").await;
    app.inherit("editor", "rolecall.resource-server").await;
    let revision = app.db.revision().await;
    let toml = read(&app, admin).await;
    assert_eq!(toml.is(200).header("content-type"), Some(TOML));
    assert_eq!(toml.header("vary"), Some("accept"));
    let text = String::from_utf8(toml.body.to_vec()).unwrap();
    let expected = "[permissions]\n\"items:read\" = \"\"\n\n[roles.admin]\n\n[roles.editor]\npermissions = [\"items:*\"]\n\
        juniors = [\"reader\", \"rolecall.resource-server\"]\n\n[roles.reader]\npermissions = [\"items:read\", \"rolecall.users:read\"]\n\n\
        [roles.user]\ndescription = \"everyone who registers\"\n";
    assert_eq!(text, expected);
    let json = app.get(POLICY, admin).await;
    assert_eq!(
        json.is(200).json["roles"]["editor"]["permissions"],
        json!(["items:*"])
    );
    // two forms, two tags, and either will do
    let (of_toml, of_json) = (toml.header("etag").unwrap(), json.header("etag").unwrap());
    assert_ne!(of_toml, of_json);
    for tag in [of_toml, of_json, &format!("\"x\", {of_json}"), "*"] {
        let done = put(&app, admin, &text, tag).await;
        assert_eq!(changes(&done), [""; 0]);
        assert_eq!(done.header("etag"), Some(of_json));
    }
    let ask = app
        .request(Method::PUT, POLICY)
        .token(admin)
        .header("if-match", of_json);
    assert_eq!(changes(&ask.json(&json.json).send().await), [""; 0]);
    assert_eq!(changes(&plan(&app, admin, &text).await), [""; 0]);
    assert_eq!(app.db.revision().await, revision);
}

async fn a_document_is_planned_first_and_then_put_whole(app: TestApp) {
    let admin = app.admin().await;
    app.role("reader", &["old:thing"]).await;
    let alice = app.user("alice", &["reader"]).await;
    let (revision, before) = (app.db.revision().await, read(&app, admin).await);
    let planned = plan(&app, admin, ITEMS).await;
    let expected = [
        "permission.created items:read",
        "permission.created items:write",
        "role.created editor",
        "permission.revoked old:thing reader",
        "permission.deleted old:thing",
        "permission.granted items:* editor",
        "junior.added editor reader",
        "permission.granted items:read reader",
    ];
    assert_eq!(changes(&planned), expected);
    assert_eq!(
        planned.json["counts"],
        json!({ "changes": 8, "roles": 2, "gaining": 1, "losing": 1 })
    );
    assert_eq!(
        planned.json["roles"][1],
        json!({ "role": "reader", "gains": ["items:read"], "loses": ["old:thing"], "gains_roles": [], "loses_roles": [] })
    );
    assert_eq!(
        planned.json["subjects"],
        json!([{ "id": alice, "kind": "user", "name": "alice", "tenant": null,
            "gains": ["items:read"], "loses": ["old:thing"], "gains_roles": [], "loses_roles": [] }])
    );
    assert_eq!(app.db.revision().await, revision, "a plan writes nothing");
    let done = put(&app, admin, ITEMS, planned.header("etag").unwrap()).await;
    assert_eq!(changes(&done), expected);
    assert_eq!(app.db.revision().await, revision + 1);
    let after = read(&app, admin).await;
    assert_ne!(after.body, before.body);
    let tag = |answer: &Answer| answer.header("etag").unwrap().replace(".toml", ".json");
    assert_eq!(done.header("etag"), Some(tag(&after).as_str()));
    let editor = app.get("/api/roles/editor", admin).await;
    assert_eq!(editor.text("description"), "edits");
    let me = app.get("/api/me", &app.login("alice").await).await;
    assert_eq!(me.texts("permissions"), ["items:read"]);
    assert_eq!(changes(&plan(&app, admin, ITEMS).await), [""; 0]);
    // a description is a change of its own and takes nothing away
    let other = ITEMS
        .replace("\"edits\"", "\"edits items\"")
        .replace("\"see items\"", "\"\"");
    let done = put(&app, admin, &other, "*").await;
    assert_eq!(
        changes(&done),
        ["permission.described items:read", "role.described editor"]
    );
    assert_eq!(changes(&plan(&app, admin, &other).await), [""; 0]);
}

async fn every_fault_of_a_document_is_told_with_line_and_column(app: TestApp) {
    let admin = app.admin().await;
    let revision = app.db.revision().await;
    let faulty = "[permissions]\n\"items\" = \"\"\n\n[roles.a]\npermissions = [\"x:y\"]\njuniors = [\"b\"]\n\
        [roles.b]\njuniors = [\"a\"]\n[roles.\"rolecall.c\"]\n";
    for answer in [
        plan(&app, admin, faulty).await,
        put(&app, admin, faulty, "*").await,
    ] {
        answer.invalid(&["body", "permissions", "items"]);
        let errors = answer.json["errors"].as_array().unwrap();
        let places: Vec<_> = errors
            .iter()
            .map(|error| (&error["line"], &error["column"], &error["type"]))
            .collect();
        assert_eq!(
            places,
            [
                (&json!(2), &json!(11), &json!("value_error")),
                (&json!(5), &json!(16), &json!("unknown")),
                (&json!(8), &json!(12), &json!("cycle")),
                (&json!(9), &json!(8), &json!("reserved")),
            ]
        );
        assert_eq!(
            errors[1]["loc"],
            json!(["body", "roles", "a", "permissions", 0])
        );
        assert_eq!(
            errors[2]["msg"],
            "line 8, column 12: roles may not inherit each other: a -> b -> a"
        );
    }
    let json = json!({ "roles": { "a": { "juniors": ["b"], "extra": 1 } } });
    let answer = app.post(PLAN, admin, json).await;
    answer.invalid(&["body", "roles", "a", "extra"]);
    let constraint =
        "[roles.a]\n[constraints.x]\nkind = \"static\"\nroles = [\"a\", \"user\"]\nat_most = 2\n";
    let answer = put(&app, admin, constraint, "*").await;
    answer.invalid(&["body", "constraints", "x", "at_most"]);
    assert_eq!(answer.json["errors"][0]["line"], 5);
    assert_eq!(app.db.revision().await, revision);
}

async fn nothing_is_replaced_that_was_not_read(app: TestApp) {
    let admin = app.admin().await;
    let tag = read(&app, admin).await.header("etag").unwrap().to_owned();
    let ask = app.request(Method::PUT, POLICY).token(admin);
    ask.raw(TOML, ITEMS).send().await.is(428);
    app.role("extra", &[]).await;
    let revision = app.db.revision().await;
    for stale in [tag.as_str(), "\"x\"", "", "x", "\"x\", \"y\""] {
        put(&app, admin, ITEMS, stale).await.is(412);
    }
    // a weak tag matches nothing, also where it is the right one
    let now = read(&app, admin).await.header("etag").unwrap().to_owned();
    put(&app, admin, ITEMS, &format!("W/{now}")).await.is(412);
    assert_eq!(app.db.revision().await, revision);
    put(&app, admin, ITEMS, &now).await.is(200);
}

async fn what_a_document_takes_away_ends_tokens_at_once(app: TestApp) {
    let all = "[permissions]\n\"items:read\" = \"\"\n\"items:write\" = \"\"\n\"docs:read\" = \"\"\n\"docs:list\" = \"\"\n\
        [roles.admin]\n[roles.grant]\npermissions = [\"items:read\"]\n[roles.wild]\npermissions = [\"docs:*\"]\n\
        [roles.junior]\npermissions = [\"items:write\"]\n[roles.senior]\njuniors = [\"junior\"]\n[roles.gone]\n[roles.stays]\npermissions = [\"items:read\"]\n";
    let cases = [
        (
            "grant",
            "[roles.grant]\npermissions = [\"items:read\"]",
            "[roles.grant]",
        ),
        ("senior", "juniors = [\"junior\"]", ""),
        ("gone", "[roles.gone]\n", ""),
        ("wild", "\"docs:list\" = \"\"\n", ""),
    ];
    given(&app, all).await;
    for role in ["grant", "senior", "gone", "wild", "stays"] {
        app.user(role, &[role]).await;
    }
    let stays = app.login("stays").await;
    for (user, from, to) in cases {
        assert!(all.contains(from));
        let token = app.login(user).await;
        app.get("/api/me", &token).await.is(200);
        let planned = plan(&app, app.admin().await, &all.replace(from, to)).await;
        assert_eq!(planned.is(200).json["subjects"][0]["name"], user);
        given(&app, &all.replace(from, to)).await;
        app.get("/api/me", &token).await.ended();
        app.get("/api/me", &stays).await.is(200);
        given(&app, all).await;
        if user == "gone" {
            let shown = app
                .get(
                    format_args!("/api/users?username={user}"),
                    app.admin().await,
                )
                .await;
            assert_eq!(
                shown.json["items"][0]["roles"],
                json!([]),
                "the assignment went with the role"
            );
        }
    }
    // who had activated the junior alone had it by way of the senior
    given(&app, all).await;
    let token = app.login_for("senior", "role:junior").await;
    given(&app, &all.replace("juniors = [\"junior\"]", "")).await;
    app.get("/api/me", &token).await.ended();
}

async fn what_was_reached_by_way_of_what_is_gone_ends_too(app: TestApp) {
    let chain = "[roles.admin]\n[roles.low]\n[roles.middle]\njuniors = [\"low\"]\n";
    let all = format!(
        "{chain}[roles.top]\njuniors = [\"middle\"]\n[roles.boss]\njuniors = [\"middle\"]\n"
    );
    given(&app, &all).await;
    app.user("top", &["top"]).await;
    app.user("boss", &["boss"]).await;
    // a token may carry a role far below alone
    let (top, boss) = (
        app.login_for("top", "role:low").await,
        app.login_for("boss", "role:low").await,
    );
    given(
        &app,
        &all.replace("[roles.top]\njuniors = [\"middle\"]", "[roles.top]"),
    )
    .await;
    app.get("/api/me", &top).await.ended();
    let boss_again = app.login_for("boss", "role:low").await;
    app.get("/api/me", &boss).await.ended();
    given(&app, &format!("{chain}[roles.top]\n")).await;
    app.get("/api/me", &boss_again).await.ended();
}

async fn what_a_document_only_adds_ends_no_token(app: TestApp) {
    given(&app, ITEMS).await;
    app.user("alice", &["editor"]).await;
    let token = app.login("alice").await;
    let more = ITEMS.replace(
        "permissions = [\"items:read\"]",
        "permissions = [\"items:read\", \"items:write\"]",
    );
    given(
        &app,
        &format!("{more}\n[roles.new]\njuniors = [\"editor\"]\n"),
    )
    .await;
    app.get("/items/", &token).await.is(200);
}

async fn what_is_rolecalls_own_stays_as_it_is(app: TestApp) {
    let admin = app.admin().await;
    given(&app, &format!("{ITEMS}\n[roles.user]\ndescription = \"all\"\npermissions = [\"items:read\"]\njuniors = [\"reader\"]")).await;
    app.user("alice", &["user"]).await;
    let token = app.login("alice").await;
    app.get("/items/", &token).await.is(200);
    let own = "SELECT COUNT(*) FROM role_permissions WHERE role LIKE 'rolecall.%'";
    let before = app.db.number(own).await;
    // a document that names no `user` empties it
    given(&app, "[roles.admin]").await;
    app.get("/items/", &token).await.ended();
    let user = app.get("/api/roles/user", admin).await;
    assert_eq!(
        (&user.json["permissions"], &user.json["juniors"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(user.text("description"), "all");
    assert_eq!(app.db.number(own).await, before);
    app.get("/api/me", &app.login("alice").await).await.is(200);
    app.get("/api/keys", admin).await.is(200);
}

/// The token of somebody who may write the policy and holds `items:read`, no more.
async fn limited(app: &TestApp) -> String {
    given(
        app,
        &format!(
            "{ITEMS}\n[roles.manager]\npermissions = [\"items:read\", \"rolecall.policy:read\", \"rolecall.policy:write\", \"rolecall.roles:write\"]\n[roles.named]\n"
        ),
    )
    .await;
    app.user("limited", &["manager"]).await;
    app.login("limited").await
}

const MANAGER: &str = "[roles.manager]\npermissions = [\n    \"items:read\",";

/// What somebody who is [`limited`] may not change: text of the document, and what is put in its place.
const BEYOND: &[(&str, &str)] = &[
    // more for oneself
    (
        MANAGER,
        "[roles.manager]\npermissions = [\n    \"items:read\", \"items:write\",",
    ),
    (
        MANAGER,
        "[roles.manager]\njuniors = [\"editor\"]\npermissions = [\n    \"items:read\",",
    ),
    (
        MANAGER,
        "[roles.manager]\njuniors = [\"rolecall.admin\"]\npermissions = [\n    \"items:read\",",
    ),
    (
        MANAGER,
        "[roles.manager]\njuniors = [\"named\"]\npermissions = [\n    \"items:read\",",
    ),
    // roles that hold more: emptied, described, deleted
    ("permissions = [\"items:*\"]\n", ""),
    ("description = \"edits\"\n", "description = \"mine\"\n"),
    ("[roles.named]\n", ""),
    ("juniors = [\"reader\"]\n", ""),
    // a permission that only others hold
    ("\"items:write\" = \"\"\n", ""),
    ("\"items:write\" = \"\"\n", "\"items:write\" = \"mine\"\n"),
    // a name that may open something, with a content that is one's own
    (
        "[roles.named]\n",
        "[roles.named]\npermissions = [\"items:read\"]\n",
    ),
    (
        "[roles.named]\n",
        "[roles.named]\n[roles.boss]\npermissions = [\"items:read\"]\n",
    ),
    (
        "[roles.named]\n",
        "[roles.named]\n[roles.boss]\njuniors = [\"reader\"]\n",
    ),
    // a permission made to be granted
    (
        "[roles.reader]\npermissions = [\"items:read\"]",
        "[roles.reader]\npermissions = [\"items:read\", \"rolecall.assignments:any\"]",
    ),
];

async fn nobody_goes_beyond_their_own_by_way_of_a_document(app: TestApp) {
    let token = limited(&app).await;
    let whole = String::from_utf8(read(&app, &token).await.body.to_vec()).unwrap();
    let revision = app.db.revision().await;
    for (from, to) in BEYOND {
        assert!(whole.contains(from), "{from}\n{whole}");
        let refused = put(&app, &token, &whole.replacen(from, to, 1), "*").await;
        assert_eq!(refused.status, 403, "{to}: {refused:?}");
        assert_eq!(refused.json["rule"], "delegation_limit");
    }
    assert_eq!(app.db.revision().await, revision);
    // what they hold they may change: grants of their own, empty roles, new permissions that nobody holds
    let own = whole
        .replacen(
            "[roles.reader]\npermissions = [\"items:read\"]",
            "[roles.reader]\ndescription = \"sees\"",
            1,
        )
        .replacen(
            "[permissions]\n",
            "[permissions]\n\"docs:read\" = \"\"\n",
            1,
        )
        .replacen("[roles.named]\n", "[roles.named]\n[roles.new]\n", 1);
    let done = put(&app, &token, &own, "*").await;
    assert_eq!(
        changes(&done),
        [
            "permission.created docs:read",
            "role.created new",
            "role.described reader",
            "permission.revoked items:read reader",
        ]
    );
}

async fn a_narrowed_token_puts_no_more_than_it_carries(app: TestApp) {
    limited(&app).await;
    let more = format!("{ITEMS}\n[roles.extra]\n");
    let scope = "rolecall.policy:read items:read";
    let narrowed = app.login_for("limited", scope).await;
    put(&app, &narrowed, &more, "*")
        .await
        .forbidden("rolecall.policy:write");
    let narrowed = app.login_for("admin", "rolecall.policy:write").await;
    let refused = put(&app, &narrowed, ITEMS, "*").await;
    assert_eq!(refused.status, 403, "{refused:?}");
    app.get(POLICY, &narrowed)
        .await
        .forbidden("rolecall.policy:read");
    // a token alone is never enough to write
    let token = app.login("limited").await;
    let id = app.id_of("limited").await;
    let unassigned = format!("DELETE FROM role_assignments WHERE subject_id = '{id}'");
    app.db.execute(&unassigned).await;
    put(&app, &token, &more, "*").await.is(403);
}

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

async fn a_document_may_be_longer_than_other_bodies(app: TestApp) {
    use std::fmt::Write as _;
    let mut long = "[permissions]\n\"items:read\" = \"\"\n[roles.admin]\n".to_owned();
    for number in 0..2000 {
        let junior = if number == 0 {
            String::new()
        } else {
            format!("\"role-{}\"", number / 2)
        };
        let junior = if number == 1 {
            "\"role-0\"".to_owned()
        } else {
            junior
        };
        let _ = write!(
            long,
            "[roles.role-{number}]\npermissions = [\"items:read\"]\njuniors = [{junior}]\n"
        );
    }
    assert!(long.len() > 128 * 1024);
    given(&app, &long).await;
    let admin = app.admin().await;
    assert_eq!(changes(&plan(&app, admin, &long).await), [""; 0]);
    let none = app.db.number("SELECT COUNT(*) FROM role_juniors").await;
    assert_eq!(none, 1999);
    let planned = plan(&app, admin, "[roles.admin]").await;
    assert_eq!(planned.json["counts"]["changes"], 2001);
    assert_eq!(planned.json["changes"].as_array().unwrap().len(), 200);
    let longest = " ".repeat(4_194_304);
    plan(&app, admin, &longest).await.is(200);
    plan(&app, admin, &(longest + " ")).await.is(413);
}

async fn bodies_of_other_types_are_refused(app: TestApp) {
    let admin = app.admin().await;
    for (media_type, body, status) in [
        ("text/plain", ITEMS.as_bytes(), 415),
        ("application/yaml", b"roles: {}", 415),
        ("application/json", b"[roles.a]", 400),
        ("application/json", b"[]", 422),
        ("application/toml", b"{}", 422),
        ("application/toml", b"# \xff", 400),
        ("application/toml; charset=utf-8", ITEMS.as_bytes(), 200),
        ("application/vnd.rolecall+json", b"{}", 200),
    ] {
        let ask = app.request(Method::POST, PLAN).token(admin);
        let answer = ask.raw(media_type, body.to_vec()).send().await;
        assert_eq!(answer.status, status, "{media_type}: {answer:?}");
    }
    app.get(format_args!("{POLICY}?form=toml"), admin)
        .await
        .invalid(&["query", "form"]);
}

async fn the_audit_log_tells_each_change(app: TestApp) {
    given(&app, ITEMS).await;
    let entry = app.get("/api/audit?limit=1", app.admin().await).await;
    let entry = &entry.json["items"][0];
    assert_eq!(entry["revision"], app.db.revision().await);
    let told = entry["changes"].as_array().unwrap();
    assert!(
        told.contains(&json!({ "action": "role.created", "role": "editor" })),
        "{told:?}"
    );
    assert!(
        told.contains(&json!({ "action": "junior.added", "role": "editor", "junior": "reader" }))
    );
    assert_eq!(told.len(), 7, "{told:?}");
}

async fn one_of_two_documents_for_the_same_policy_is_refused(mut race: Race) {
    let token = race.login("admin").await;
    let text = |name: &str, round: usize| format!("[roles.admin]\n[roles.{name}-{round}]\n");
    for round in 0..60 {
        let tag = read(&race, &token).await.header("etag").unwrap().to_owned();
        let ask = |node: &Node, text: String| {
            let ask = node.request(Method::PUT, POLICY).token(&token);
            ask.header("if-match", &tag).raw(TOML, text)
        };
        let one = ask(&race, text("one", round));
        let two = ask(race.other(), text("two", round));
        let (one, two) = race.run(one, two).await;
        let statuses = (one.status.as_u16(), two.status.as_u16());
        assert!(
            [(200, 412), (412, 200)].contains(&statuses),
            "{one:?} {two:?}"
        );
        race.won_by(if statuses.0 == 200 {
            crate::support::First::One
        } else {
            crate::support::First::Two
        });
        let now = read(&race, &token).await;
        let kept = String::from_utf8(now.body.to_vec()).unwrap();
        assert_eq!(kept.contains("one-"), statuses.0 == 200, "{kept}");
        assert_eq!(kept.contains("two-"), statuses.1 == 200, "{kept}");
    }
    race.was_a_race();
}
