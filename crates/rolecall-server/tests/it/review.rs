//! The review functions of NIST RBAC: who has a role, and what it gives.

use serde_json::{Value, json};

use crate::{
    command_line::rolecall,
    support::{TestApp, on_both},
};

on_both![
    assigned_and_authorized_users_are_told_apart,
    holders_come_in_pages_that_lose_nobody,
    a_role_gives_what_it_holds_and_inherits_and_names_who_inherits_it,
    who_may_not_see_assignments_sees_no_holders,
    the_command_line_shows_the_same,
];

async fn hierarchy(app: &TestApp) {
    app.role("reader", &["items:read", "items:write"]).await;
    app.role("editor", &[]).await;
    app.role("chief", &["shops:close"]).await;
    app.inherit("editor", "reader").await;
    app.inherit("chief", "editor").await;
    app.role("aside", &["items:*"]).await;
}

fn pairs(answer: &crate::support::Answer) -> Vec<(String, String, Value)> {
    let items = answer.is(200).json["items"].as_array().unwrap();
    let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    let pair = |item: &Value| {
        (
            text(item, "name"),
            text(item, "role"),
            item["tenant"].clone(),
        )
    };
    items.iter().map(pair).collect()
}

async fn assigned_and_authorized_users_are_told_apart(app: TestApp) {
    hierarchy(&app).await;
    let anna = app.user("anna", &["reader"]).await;
    app.user("bob", &["chief"]).await;
    app.user("carl", &["aside"]).await;
    let body = json!({ "name": "job", "grants": ["client_credentials"], "roles": ["editor"] });
    app.post("/api/clients", app.admin().await, body)
        .await
        .is(201);
    let path = format!("/api/users/{anna}/roles/reader?tenant=acme");
    let validity = json!({ "valid_from": "2099-01-01T00:00:00Z", "reason": "later" });
    app.put_json(path, app.admin().await, validity).await.done();
    let answer = app
        .get("/api/roles/reader/holders", app.admin().await)
        .await;
    let own = |name: &str, role: &str, tenant: Value| (name.to_owned(), role.to_owned(), tenant);
    let assigned = [
        own("anna", "reader", Value::Null),
        own("anna", "reader", json!("acme")),
    ];
    assert_eq!(pairs(&answer), assigned);
    let later = &answer.json["items"][1];
    assert_eq!(
        later["id"],
        format!("/api/users/{anna}/roles/reader?tenant=acme")
    );
    assert_eq!(
        (&later["subject"], &later["subject_kind"]),
        (&json!(anna), &json!("user"))
    );
    assert_eq!(
        (&later["valid_from"], &later["reason"]),
        (&json!("2099-01-01T00:00:00Z"), &json!("later"))
    );
    let answer = app
        .get(
            "/api/roles/reader/holders?inherited=true",
            app.admin().await,
        )
        .await;
    let mut authorized = vec![
        own("bob", "chief", Value::Null),
        own("job", "editor", Value::Null),
    ];
    authorized.extend(assigned);
    assert_eq!(pairs(&answer), authorized);
    assert_eq!(answer.json["items"][1]["subject_kind"], "client");
    assert!(
        pairs(
            &app.get("/api/roles/editor/holders", app.admin().await)
                .await
        )
        .iter()
        .all(|(_, role, _)| role == "editor")
    );
    app.get("/api/roles/ghost/holders", app.admin().await)
        .await
        .problem(404, "no role `ghost`");
    app.get(
        "/api/roles/reader/holders?inherited=maybe",
        app.admin().await,
    )
    .await
    .is(422);
}

async fn holders_come_in_pages_that_lose_nobody(app: TestApp) {
    hierarchy(&app).await;
    let names = ["anna", "bob", "carl", "dora", "emil"];
    for name in names {
        app.user(name, &["reader", "editor", "aside"]).await;
    }
    for limit in [1, 2, 3, 7] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/roles/reader/holders?inherited=true&limit={limit}{cursor}");
            let answer = app.get(path, app.admin().await).await;
            seen.extend(pairs(&answer));
            match answer.json["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let expected: Vec<_> = ["editor", "reader"]
            .into_iter()
            .flat_map(|role| names.map(|name| (name.to_owned(), role.to_owned(), Value::Null)))
            .collect();
        // by subject within a role, and ids of one moment come in no order
        assert!(
            seen.is_sorted_by_key(|(_, role, _)| role.clone()),
            "{seen:?}"
        );
        seen.sort_by_key(|(name, role, _)| (role.clone(), name.clone()));
        assert_eq!(seen, expected, "{limit} at a time");
    }
    let of_roles = app
        .get("/api/roles?limit=1", app.admin().await)
        .await
        .text("next_cursor");
    let path = format!("/api/roles/reader/holders?cursor={of_roles}");
    app.get(path, app.admin().await)
        .await
        .invalid(&["query", "cursor"]);
}

async fn a_role_gives_what_it_holds_and_inherits_and_names_who_inherits_it(app: TestApp) {
    hierarchy(&app).await;
    let reach = async |role: &str| {
        let answer = app
            .get(format!("/api/roles/{role}/reach"), app.admin().await)
            .await;
        answer.is(200).json.clone()
    };
    let chief = json!({ "permissions": ["items:read", "items:write", "shops:close"], "juniors": ["editor", "reader"], "seniors": [] });
    assert_eq!(reach("chief").await, chief);
    let reader = json!({ "permissions": ["items:read", "items:write"], "juniors": [], "seniors": ["chief", "editor"] });
    assert_eq!(reach("reader").await, reader);
    let aside =
        json!({ "permissions": ["items:read", "items:write"], "juniors": [], "seniors": [] });
    assert_eq!(reach("aside").await, aside);
    app.get("/api/roles/ghost/reach", app.admin().await)
        .await
        .problem(404, "no role `ghost`");
}

async fn who_may_not_see_assignments_sees_no_holders(app: TestApp) {
    hierarchy(&app).await;
    app.role("viewer", &["rolecall.roles:read"]).await;
    app.role("local", &["rolecall.assignments:read"]).await;
    app.user("alice", &["viewer"]).await;
    let bob = app.user("bob", &["user"]).await;
    let path = format!("/api/users/{bob}/roles/local?tenant=acme");
    app.put_json(path, app.admin().await, json!({}))
        .await
        .done();
    let alice = app.login("alice").await;
    app.get("/api/roles/reader/reach", &alice).await.is(200);
    let holders = "/api/roles/reader/holders";
    app.get(holders, &alice)
        .await
        .forbidden("rolecall.assignments:read");
    // what is held in one tenant shows nothing of the others
    let form = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", crate::support::PASSWORD),
        ("tenant", "acme"),
    ];
    let bob = app.token(&form).await.text("access_token");
    app.get(holders, &bob)
        .await
        .forbidden("rolecall.assignments:read");
}

async fn the_command_line_shows_the_same(app: TestApp) {
    hierarchy(&app).await;
    app.user("bob", &["chief"]).await;
    let said = async |arguments: &[&str]| {
        let output = rolecall(&app, arguments).await;
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let holders = said(&["role", "holders", "reader", "--inherited"]).await;
    assert!(
        holders.contains("bob") && holders.contains("chief"),
        "{holders}"
    );
    assert!(!said(&["role", "holders", "reader"]).await.contains("bob"));
    let shown: Value =
        serde_json::from_str(&said(&["--json", "role", "show", "chief"]).await).unwrap();
    assert_eq!(shown["reach"]["juniors"], json!(["editor", "reader"]));
    assert!(
        said(&["role", "show", "chief"])
            .await
            .contains("items:write")
    );
}
