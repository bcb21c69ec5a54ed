//! Reading, planning and replacing the policy.

use http::Method;
use serde_json::json;

use super::{ITEMS, PLAN, POLICY, TOML, changes, read_policy, set_policy};
use crate::support::{First, Node, Race, Response, TestApp, on_both, races};

on_both![
    replacing_the_policy_with_itself_changes_nothing,
    a_document_does_exactly_what_its_plan_shows,
    every_error_in_a_document_has_line_and_column,
    replacing_the_policy_requires_its_current_etag,
    a_document_may_be_longer_than_other_bodies,
    bodies_of_other_types_are_refused,
    each_change_is_in_the_audit_log,
];
races![of_two_simultaneous_documents_one_is_refused];

async fn replacing_the_policy_with_itself_changes_nothing(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("reader", &["items:read", "rolecall.users:read"])
        .await;
    app.create_role("editor", &["items:*"]).await;
    app.inherit("editor", "reader").await;
    app.inherit("editor", "rolecall.resource-server").await;
    let revision = app.db.revision().await;
    let toml = read_policy(&app, admin).await;
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
    // the two formats have two tags, and either is accepted
    let (of_toml, of_json) = (toml.header("etag").unwrap(), json.header("etag").unwrap());
    assert_ne!(of_toml, of_json);
    for tag in [of_toml, of_json, &format!("\"x\", {of_json}"), "*"] {
        let done = app.put_policy(admin, &text, tag).await;
        assert_eq!(changes(&done), [""; 0]);
        assert_eq!(done.header("etag"), Some(of_json));
    }
    let request = app
        .request(Method::PUT, POLICY)
        .token(admin)
        .header("if-match", of_json);
    assert_eq!(changes(&request.json(&json.json).send().await), [""; 0]);
    assert_eq!(changes(&app.plan_policy(admin, &text).await), [""; 0]);
    assert_eq!(app.db.revision().await, revision);
}

async fn a_document_does_exactly_what_its_plan_shows(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("reader", &["old:thing"]).await;
    let alice = app.create_user("alice", &["reader"]).await;
    let (revision, before) = (app.db.revision().await, read_policy(&app, admin).await);
    let planned = app.plan_policy(admin, ITEMS).await;
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
    let done = app
        .put_policy(admin, ITEMS, planned.header("etag").unwrap())
        .await;
    assert_eq!(changes(&done), expected);
    assert_eq!(app.db.revision().await, revision + 1);
    let after = read_policy(&app, admin).await;
    assert_ne!(after.body, before.body);
    let tag = |response: &Response| response.header("etag").unwrap().replace(".toml", ".json");
    assert_eq!(done.header("etag"), Some(tag(&after).as_str()));
    let editor = app.get("/api/roles/editor", admin).await;
    assert_eq!(editor.text("description"), "edits");
    let me = app.get("/api/me", &app.log_in("alice").await).await;
    assert_eq!(me.texts("permissions"), ["items:read"]);
    assert_eq!(changes(&app.plan_policy(admin, ITEMS).await), [""; 0]);
    // a new description is a change, but removes nothing
    let other = ITEMS
        .replace("\"edits\"", "\"edits items\"")
        .replace("\"see items\"", "\"\"");
    let done = app.put_policy(admin, &other, "*").await;
    assert_eq!(
        changes(&done),
        ["permission.described items:read", "role.described editor"]
    );
    assert_eq!(changes(&app.plan_policy(admin, &other).await), [""; 0]);
}

async fn every_error_in_a_document_has_line_and_column(app: TestApp) {
    let admin = app.admin().await;
    let revision = app.db.revision().await;
    let faulty = "[permissions]\n\"items\" = \"\"\n\n[roles.a]\npermissions = [\"x:y\"]\njuniors = [\"b\"]\n\
        [roles.b]\njuniors = [\"a\"]\n[roles.\"rolecall.c\"]\n";
    for response in [
        app.plan_policy(admin, faulty).await,
        app.put_policy(admin, faulty, "*").await,
    ] {
        response.invalid(&["body", "permissions", "items"]);
        let errors = response.json["errors"].as_array().unwrap();
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
    let response = app.post(PLAN, admin, json).await;
    response.invalid(&["body", "roles", "a", "extra"]);
    let constraint =
        "[roles.a]\n[constraints.x]\nkind = \"static\"\nroles = [\"a\", \"user\"]\nat_most = 2\n";
    let response = app.put_policy(admin, constraint, "*").await;
    response.invalid(&["body", "constraints", "x", "at_most"]);
    assert_eq!(response.json["errors"][0]["line"], 5);
    assert_eq!(app.db.revision().await, revision);
}

async fn replacing_the_policy_requires_its_current_etag(app: TestApp) {
    let admin = app.admin().await;
    let tag = read_policy(&app, admin)
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    let request = app.request(Method::PUT, POLICY).token(admin);
    request.raw(TOML, ITEMS).send().await.is(428);
    app.create_role("extra", &[]).await;
    let revision = app.db.revision().await;
    for stale in [tag.as_str(), "\"x\"", "", "x", "\"x\", \"y\""] {
        app.put_policy(admin, ITEMS, stale).await.is(412);
    }
    // a weak tag matches nothing, even the current one
    let now = read_policy(&app, admin)
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    app.put_policy(admin, ITEMS, &format!("W/{now}"))
        .await
        .is(412);
    assert_eq!(app.db.revision().await, revision);
    app.put_policy(admin, ITEMS, &now).await.is(200);
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
    set_policy(&app, &long).await;
    let admin = app.admin().await;
    assert_eq!(changes(&app.plan_policy(admin, &long).await), [""; 0]);
    let none = app.db.number("SELECT COUNT(*) FROM role_juniors").await;
    assert_eq!(none, 1999);
    let planned = app.plan_policy(admin, "[roles.admin]").await;
    assert_eq!(planned.json["counts"]["changes"], 2001);
    assert_eq!(planned.json["changes"].as_array().unwrap().len(), 200);
    let longest = " ".repeat(4_194_304);
    app.plan_policy(admin, &longest).await.is(200);
    app.plan_policy(admin, &(longest + " ")).await.is(413);
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
        let request = app.request(Method::POST, PLAN).token(admin);
        let response = request.raw(media_type, body.to_vec()).send().await;
        assert_eq!(response.status, status, "{media_type}: {response:?}");
    }
    app.get(format_args!("{POLICY}?form=toml"), admin)
        .await
        .invalid(&["query", "form"]);
}

async fn each_change_is_in_the_audit_log(app: TestApp) {
    set_policy(&app, ITEMS).await;
    let entry = app.newest_entry().await;
    assert_eq!(entry["revision"], app.db.revision().await);
    let changes = entry["changes"].as_array().unwrap();
    assert!(
        changes.contains(&json!({ "action": "role.created", "role": "editor" })),
        "{changes:?}"
    );
    assert!(
        changes
            .contains(&json!({ "action": "junior.added", "role": "editor", "junior": "reader" }))
    );
    assert_eq!(changes.len(), 7, "{changes:?}");
}

async fn of_two_simultaneous_documents_one_is_refused(mut race: Race) {
    let token = race.log_in("admin").await;
    let text = |name: &str, round: usize| format!("[roles.admin]\n[roles.{name}-{round}]\n");
    for round in 0..60 {
        let tag = read_policy(&race, &token)
            .await
            .header("etag")
            .unwrap()
            .to_owned();
        let request = |node: &Node, text: String| {
            let request = node.request(Method::PUT, POLICY).token(&token);
            request.header("if-match", &tag).raw(TOML, text)
        };
        let one = request(&race, text("one", round));
        let two = request(race.other_node(), text("two", round));
        let (one, two) = race.run(one, two).await;
        let statuses = (one.status.as_u16(), two.status.as_u16());
        assert!(
            [(200, 412), (412, 200)].contains(&statuses),
            "{one:?} {two:?}"
        );
        race.record_winner(if statuses.0 == 200 {
            First::One
        } else {
            First::Two
        });
        let now = read_policy(&race, &token).await;
        let kept = String::from_utf8(now.body.to_vec()).unwrap();
        assert_eq!(kept.contains("one-"), statuses.0 == 200, "{kept}");
        assert_eq!(kept.contains("two-"), statuses.1 == 200, "{kept}");
    }
    race.assert_both_won();
}
