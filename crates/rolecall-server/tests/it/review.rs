//! The review functions of NIST RBAC: who has a role, and what it permits.

use serde_json::{Value, json};

use crate::support::{Response, TestApp, on_both, run};

on_both![
    assigned_and_authorized_users_are_distinguished,
    holders_are_paged_without_gaps,
    a_role_shows_its_permissions_its_juniors_and_its_seniors,
    seeing_holders_requires_reading_assignments,
    the_command_line_shows_the_same,
    holders_of_a_permission_are_listed_with_the_role_and_the_path,
    y128_assignments_that_cannot_give_a_permission_are_not_listed_as_holders,
    holders_of_a_permission_are_paged_without_gaps,
    a_list_of_holders_refuses_what_it_does_not_know_and_who_may_not_see_it,
    the_command_line_lists_the_holders_of_a_permission,
];

async fn create_hierarchy(app: &TestApp) {
    app.create_role("reader", &["items:read", "items:write"])
        .await;
    app.create_role("editor", &[]).await;
    app.create_role("chief", &["shops:close"]).await;
    app.inherit("editor", "reader").await;
    app.inherit("chief", "editor").await;
    app.create_role("aside", &["items:*"]).await;
}

fn pairs(response: &Response) -> Vec<(String, String, Value)> {
    let items = response.is(200).json["items"].as_array().unwrap();
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

async fn assigned_and_authorized_users_are_distinguished(app: TestApp) {
    create_hierarchy(&app).await;
    let anna = app.create_user("anna", &["reader"]).await;
    app.create_user("bob", &["chief"]).await;
    app.create_user("carl", &["aside"]).await;
    let body = json!({ "name": "job", "grants": ["client_credentials"], "roles": ["editor"] });
    app.post("/api/clients", app.admin().await, body)
        .await
        .is(201);
    let path = format!("/api/users/{anna}/roles/reader?tenant=acme");
    let validity = json!({ "valid_from": "2099-01-01T00:00:00Z", "reason": "later" });
    app.put_json(path, app.admin().await, validity)
        .await
        .no_content();
    let response = app
        .get("/api/roles/reader/holders", app.admin().await)
        .await;
    let own = |name: &str, role: &str, tenant: Value| (name.to_owned(), role.to_owned(), tenant);
    let assigned = [
        own("anna", "reader", Value::Null),
        own("anna", "reader", json!("acme")),
    ];
    assert_eq!(pairs(&response), assigned);
    let later = &response.json["items"][1];
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
    let response = app
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
    assert_eq!(pairs(&response), authorized);
    assert_eq!(response.json["items"][1]["subject_kind"], "client");
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

async fn holders_are_paged_without_gaps(app: TestApp) {
    create_hierarchy(&app).await;
    let names = ["anna", "bob", "carl", "dora", "emil"];
    for name in names {
        app.create_user(name, &["reader", "editor", "aside"]).await;
    }
    for limit in [1, 2, 3, 7] {
        let list = format!("/api/roles/reader/holders?inherited=true&limit={limit}");
        let found = app.pages(list, app.admin().await).await;
        let mut seen: Vec<_> = found.iter().flat_map(pairs).collect();
        let expected: Vec<_> = ["editor", "reader"]
            .into_iter()
            .flat_map(|role| names.map(|name| (name.to_owned(), role.to_owned(), Value::Null)))
            .collect();
        // sorted by subject within a role; ids created at the same time are in no particular order
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

async fn a_role_shows_its_permissions_its_juniors_and_its_seniors(app: TestApp) {
    create_hierarchy(&app).await;
    let reach = async |role: &str| {
        let response = app
            .get(format!("/api/roles/{role}/reach"), app.admin().await)
            .await;
        response.is(200).json.clone()
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

async fn seeing_holders_requires_reading_assignments(app: TestApp) {
    create_hierarchy(&app).await;
    app.create_role("viewer", &["rolecall.roles:read"]).await;
    app.create_role("local", &["rolecall.assignments:read"])
        .await;
    app.create_user("alice", &["viewer"]).await;
    let bob = app.create_user("bob", &["user"]).await;
    app.assign_in(&bob, "local", "acme").await;
    let alice = app.log_in("alice").await;
    app.get("/api/roles/reader/reach", &alice).await.is(200);
    let holders = "/api/roles/reader/holders";
    app.get(holders, &alice)
        .await
        .forbidden("rolecall.assignments:read");
    // a permission in one tenant is not enough
    let bob = app.log_in_to("bob", "acme").await.access;
    app.get(holders, &bob)
        .await
        .forbidden("rolecall.assignments:read");
}

async fn the_command_line_shows_the_same(app: TestApp) {
    create_hierarchy(&app).await;
    app.create_user("bob", &["chief"]).await;
    let holders = run(&app, &["role", "holders", "reader", "--inherited"]).await;
    assert!(
        holders.contains("bob") && holders.contains("chief"),
        "{holders}"
    );
    assert!(
        !run(&app, &["role", "holders", "reader"])
            .await
            .contains("bob")
    );
    let shown: Value =
        serde_json::from_str(&run(&app, &["--json", "role", "show", "chief"]).await).unwrap();
    assert_eq!(shown["reach"]["juniors"], json!(["editor", "reader"]));
    assert!(
        run(&app, &["role", "show", "chief"])
            .await
            .contains("items:write")
    );
}

async fn holders_of_a_permission_are_listed_with_the_role_and_the_path(app: TestApp) {
    create_hierarchy(&app).await;
    let anna = app.create_user("anna", &["chief"]).await;
    app.create_user("bob", &["aside"]).await;
    app.create_user("carl", &["user"]).await;
    app.assign_in(&anna, "reader", "acme").await;
    let body = json!({ "name": "job", "grants": ["client_credentials"], "roles": ["editor"] });
    app.post("/api/clients", app.admin().await, body)
        .await
        .is(201);
    let holders = "/api/permissions/items:write/holders";
    let response = app.get(holders, app.admin().await).await;
    let items = response.is(200).json["items"].as_array().unwrap().clone();
    let seen: Vec<Value> = items
        .iter()
        .map(|item| {
            json!([
                item["name"],
                item["role"],
                item["path"],
                item["grant"],
                item["tenant"]
            ])
        })
        .collect();
    let expected = [
        json!(["bob", "aside", ["aside"], "items:*", null]),
        json!([
            "anna",
            "chief",
            ["chief", "editor", "reader"],
            "items:write",
            null
        ]),
        json!(["job", "editor", ["editor", "reader"], "items:write", null]),
        json!(["anna", "reader", ["reader"], "items:write", "acme"]),
    ];
    assert_eq!(seen, expected);
    assert_eq!(items[2]["subject_kind"], "client");
    assert_eq!(
        items[3]["id"],
        format!("/api/users/{anna}/roles/reader?tenant=acme")
    );
    // every holder that is listed is one for the decision too
    let question = json!({ "subject": anna, "permission": "items:write" });
    let decision = app
        .post("/api/decisions", app.admin().await, question)
        .await;
    assert_eq!(decision.is(200).json["allowed"], true);
}

async fn a_list_of_holders_refuses_what_it_does_not_know_and_who_may_not_see_it(app: TestApp) {
    create_hierarchy(&app).await;
    app.create_user("anna", &["chief"]).await;
    app.create_user("bob", &["reader"]).await;
    let holders = "/api/permissions/items:write/holders";
    app.get("/api/permissions/items:burn/holders", app.admin().await)
        .await
        .problem(404, "no permission `items:burn`");
    for wrong in ["items:*", "items", "role:reader"] {
        let path = format!("/api/permissions/{wrong}/holders");
        let answer = app.get(path, app.admin().await).await;
        assert!(answer.status.is_client_error(), "{wrong}: {answer:?}");
    }
    let of_roles = app
        .get(
            "/api/roles/reader/holders?inherited=true&limit=1",
            app.admin().await,
        )
        .await
        .text("next_cursor");
    app.get(format!("{holders}?cursor={of_roles}"), app.admin().await)
        .await
        .invalid(&["query", "cursor"]);
    app.create_user("dora", &["chief"]).await;
    let dora = app.log_in("dora").await;
    app.get(holders, &dora)
        .await
        .forbidden("rolecall.assignments:read");
}

async fn y128_assignments_that_cannot_give_a_permission_are_not_listed_as_holders(app: TestApp) {
    app.create_role(
        "clerk",
        &["rolecall.users:read", "rolecall.assignments:read"],
    )
    .await;
    let bob = app.create_user("bob", &["user"]).await;
    app.assign_in(&bob, "clerk", "acme").await;
    let names = async |permission: &str| {
        let path = format!("/api/permissions/{permission}/holders");
        let response = app.get(path, app.admin().await).await;
        response.is(200).items("name")
    };
    // in a tenant, only rolecall.assignments:* counts
    assert_eq!(names("rolecall.users:read").await, ["admin"]);
    assert_eq!(names("rolecall.assignments:read").await, ["bob", "admin"]);
    app.assign(&bob, "clerk").await;
    assert_eq!(names("rolecall.users:read").await, ["bob", "admin"]);
}

async fn holders_of_a_permission_are_paged_without_gaps(app: TestApp) {
    create_hierarchy(&app).await;
    for name in ["anna", "bob", "carl", "dora", "emil"] {
        app.create_user(name, &["reader", "editor", "aside"]).await;
    }
    let path = "/api/permissions/items:read/holders";
    let all = app.get(path, app.admin().await).await.items("id");
    assert_eq!(all.len(), 15);
    for limit in [1, 2, 3, 7] {
        let list = format!("{path}?limit={limit}");
        let found = app.pages(list, app.admin().await).await;
        let seen: Vec<String> = found.iter().flat_map(|page| page.items("id")).collect();
        assert_eq!(seen, all, "{limit} at a time");
    }
}

async fn the_command_line_lists_the_holders_of_a_permission(app: TestApp) {
    create_hierarchy(&app).await;
    app.create_user("bob", &["chief"]).await;
    let holders = run(&app, &["permission", "holders", "items:write"]).await;
    assert!(
        holders.contains("bob") && holders.contains("chief -> editor -> reader"),
        "{holders}"
    );
    let json = run(&app, &["--json", "permission", "holders", "items:write"]).await;
    let found: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(found[0]["path"], json!(["chief", "editor", "reader"]));
    assert!(
        run(&app, &["permission", "list"])
            .await
            .contains("items:write")
    );
}
