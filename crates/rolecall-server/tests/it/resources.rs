//! Resources: tokens that carry only what concerns one API.

use serde_json::{Value, json};

use crate::support::{
    Browser, Credentials, ISSUER, PASSWORD, TestApp, claims, on_both, run, run_failing,
};

on_both![
    resources_are_registered_listed_changed_and_deleted,
    a_wrong_resource_is_refused_by_member,
    a_token_for_a_resource_carries_only_what_concerns_it,
    i030_m181_m182_what_is_not_a_resource_of_the_client_is_invalid_target,
    i031_m183_no_later_token_is_for_more_than_the_request,
    a_default_scope_leaves_out_what_the_user_does_not_hold,
    tokens_that_carry_more_than_a_resource_allows_end,
    resources_need_their_own_permissions,
    the_command_line_manages_resources,
    i030_a_client_asks_for_an_open_resource_and_the_user_is_asked,
    i030_an_open_resource_gives_nothing_that_a_closed_one_would_not,
    i030_a_resource_that_was_taken_back_is_not_kept_because_it_is_open,
    an_open_resource_that_closes_ends_what_it_gave,
    a_sign_in_and_a_resource_that_closes_at_once_leave_no_token,
];

const ITEMS: &str = "https://items.example";
const REDIRECT: &str = "https://app.example/cb";

fn items(more: Value) -> Value {
    let mut body = json!({ "uri": ITEMS, "name": "Items", "objects": ["items"] });
    if let Value::Object(more) = more {
        body.as_object_mut().unwrap().extend(more);
    }
    body
}

async fn resources_are_registered_listed_changed_and_deleted(app: TestApp) {
    let admin = app.admin().await;
    let made = app.post("/api/resources", admin, items(json!({}))).await;
    let id = made.is(201).text("id");
    let path = format!("/api/resources/{id}");
    assert_eq!(made.header("location"), Some(path.as_str()));
    let expected = json!({
        "id": id, "uri": ITEMS, "name": "Items", "objects": ["items"], "default_scope": null, "dynamic": "no",
        "created_at": "2030-01-01T00:00:00Z", "updated_at": "2030-01-01T00:00:00Z",
    });
    assert_eq!(app.get(&path, admin).await.is(200).json, expected);
    assert_eq!(
        app.newest_entry().await["changes"][0]["action"],
        "resource.created"
    );
    app.post("/api/resources", admin, items(json!({})))
        .await
        .is(409);
    let listed = app.get("/api/resources", admin).await;
    assert_eq!(listed.is(200).items("uri"), [ITEMS]);
    let change =
        json!({ "name": "Stock", "objects": ["items", "orders"], "default_scope": "items:read" });
    let changed = app.patch(&path, admin, change).await.is(200).json.clone();
    assert_eq!(changed["objects"], json!(["items", "orders"]));
    assert_eq!(changed["default_scope"], "items:read");
    assert_eq!(
        app.newest_entry().await["changes"][0]["action"],
        "resource.updated"
    );
    let before = app.db.count("audit").await;
    app.patch(&path, admin, json!({ "name": "Stock" }))
        .await
        .is(200);
    assert_eq!(app.db.count("audit").await, before, "nothing changed");
    let cleared = app
        .patch(&path, admin, json!({ "default_scope": null }))
        .await;
    assert_eq!(cleared.is(200).json["default_scope"], Value::Null);
    let members = json!({ "audiences": [ITEMS] });
    let client = app.create_client("app", members).await;
    let refused = app.delete(&path, admin).await;
    assert!(refused.is(409).text("detail").contains("client `app`"));
    app.delete(format_args!("/api/clients/{}", client.id), admin)
        .await
        .no_content();
    app.delete(&path, admin).await.no_content();
    assert_eq!(
        app.newest_entry().await["changes"][0]["action"],
        "resource.deleted"
    );
    app.delete(&path, admin).await.no_content();
    app.get(&path, admin).await.is(404);
    app.patch(&path, admin, json!({})).await.is(404);
}

async fn a_wrong_resource_is_refused_by_member(app: TestApp) {
    let admin = app.admin().await;
    for (member, wrong) in [
        ("uri", json!("items")),
        ("uri", json!("/items")),
        ("uri", json!("https://items.example/#x")),
        ("uri", json!("")),
        ("uri", json!(ISSUER)),
        ("name", json!("")),
        ("name", json!("a\u{202e}b")),
        ("objects", json!([])),
        ("objects", json!(["items", "items"])),
        ("objects", json!(["items:read"])),
        ("objects", json!(["rolecall.users"])),
        ("default_scope", json!("orders:read")),
        ("default_scope", json!("")),
        ("id", json!("mine")),
        ("dynamic", json!("yes")),
        ("dynamic", json!(true)),
    ] {
        let mut body = items(json!({}));
        body[member] = wrong;
        let refused = app.post("/api/resources", admin, body).await;
        refused.invalid(&["body", member]);
    }
    assert_eq!(app.db.count("resources").await, 0);
    let made = app
        .post(
            "/api/resources",
            admin,
            items(json!({ "default_scope": "items:read" })),
        )
        .await;
    let path = format!("/api/resources/{}", made.is(201).text("id"));
    // the default would be of an object that is gone
    app.patch(&path, admin, json!({ "objects": ["orders"] }))
        .await
        .invalid(&["body", "default_scope"]);
    app.patch(&path, admin, json!({ "uri": "https://other.example" }))
        .await
        .invalid(&["body", "uri"]);
}

/// Creates roles for items and orders, and alice who has both.
async fn with_alice(app: &TestApp) -> String {
    app.create_role("clerk", &["items:read", "items:write"])
        .await;
    app.create_role("buyer", &["orders:read"]).await;
    app.create_role("member", &[]).await;
    app.create_role("manager", &["reports:read"]).await;
    app.inherit("manager", "clerk").await;
    app.create_user("alice", &["buyer", "manager", "member"])
        .await
}

async fn client_for_items(app: &TestApp, more: Value) -> Credentials {
    let mut members = json!({
        "audiences": [ITEMS, "https://plain.example"], "redirect_uris": [REDIRECT], "consent": "skip",
        "grants": ["authorization_code", "refresh_token", "password", "client_credentials"],
    });
    if let Value::Object(more) = more {
        members.as_object_mut().unwrap().extend(more);
    }
    app.create_client("app", members).await
}

fn carried(token: &str) -> (Value, Value, Value) {
    let claims = claims(token);
    (
        claims["aud"].clone(),
        claims["scope"].clone(),
        claims["roles"].clone(),
    )
}

async fn a_token_for_a_resource_carries_only_what_concerns_it(app: TestApp) {
    with_alice(&app).await;
    let admin = app.admin().await;
    app.post("/api/resources", admin, items(json!({})))
        .await
        .is(201);
    let client = client_for_items(&app, json!({ "roles": ["buyer", "clerk"] })).await;
    let for_items = [("resource", ITEMS)];
    let narrow = (
        json!(ITEMS),
        json!("items:read items:write"),
        json!(["clerk", "manager"]),
    );
    let by_password = app.log_in_through(&client, &for_items).await;
    assert_eq!(carried(&by_password.is(200).text("access_token")), narrow);
    let code = Browser::new(&app)
        .sign_in(&client, REDIRECT, &for_items)
        .await;
    let by_code = app.redeem(&client, code.code(), REDIRECT, &[]).await;
    assert_eq!(carried(&by_code.is(200).text("access_token")), narrow);
    let own = app.try_act_as(&client, &for_items).await;
    let own = carried(&own.is(200).text("access_token"));
    assert_eq!(
        own,
        (
            json!(ITEMS),
            json!("items:read items:write"),
            json!(["clerk"])
        )
    );
    // a role or permission of something else is beyond it
    for beyond in ["orders:read", "reports:read", "role:buyer", "role:member"] {
        let asked = [("resource", ITEMS), ("scope", beyond)];
        let refused = app.log_in_through(&client, &asked).await;
        refused.oauth_error(400, "invalid_scope");
    }
    let asked = [("resource", ITEMS), ("scope", "items:read")];
    let token = app.log_in_through(&client, &asked).await;
    let (_, scope, _) = carried(&token.is(200).text("access_token"));
    assert_eq!(scope, "items:read");
    // an audience that is no resource is as before
    let plain = app
        .log_in_through(&client, &[("resource", "https://plain.example")])
        .await;
    let (_, scope, _) = carried(&plain.is(200).text("access_token"));
    assert_eq!(scope, "items:read items:write orders:read reports:read");
    // the ceiling of the client stays
    let path = format!("/api/clients/{}", client.id);
    app.patch(&path, admin, json!({ "scope": "items:read orders:read" }))
        .await
        .is(200);
    let token = app.log_in_through(&client, &for_items).await;
    let (_, scope, roles) = carried(&token.is(200).text("access_token"));
    assert_eq!((scope, roles), (json!("items:read"), json!([])));
}

async fn i030_m181_m182_what_is_not_a_resource_of_the_client_is_invalid_target(app: TestApp) {
    with_alice(&app).await;
    let admin = app.admin().await;
    app.post("/api/resources", admin, items(json!({})))
        .await
        .is(201);
    let other = json!({ "uri": "https://orders.example", "name": "Orders", "objects": ["orders"] });
    app.post("/api/resources", admin, other).await.is(201);
    let client = client_for_items(&app, json!({})).await;
    for wrong in [
        &["https://orders.example"][..],
        &["https://unknown.example"],
        &["items"],
        &["/items"],
        &["https://items.example#x"],
        &["https://items.example/"],
        &[ITEMS, "https://plain.example"],
        &[ITEMS, ITEMS],
    ] {
        let asked: Vec<(&str, &str)> = wrong.iter().map(|&uri| ("resource", uri)).collect();
        let refused = app.log_in_through(&client, &asked).await;
        refused.oauth_error(400, "invalid_target");
        let refused = Browser::new(&app).sign_in(&client, REDIRECT, &asked).await;
        assert_eq!(refused.error(), "invalid_target", "{wrong:?}");
    }
}

async fn i031_m183_no_later_token_is_for_more_than_the_request(app: TestApp) {
    with_alice(&app).await;
    let admin = app.admin().await;
    app.post("/api/resources", admin, items(json!({})))
        .await
        .is(201);
    let client = client_for_items(&app, json!({})).await;
    let mut browser = Browser::new(&app);
    let for_items = [("resource", ITEMS)];
    for other in ["https://plain.example", ISSUER] {
        let code = browser.sign_in(&client, REDIRECT, &for_items).await;
        let wider = [("resource", other)];
        let refused = app.redeem(&client, code.code(), REDIRECT, &wider).await;
        refused.oauth_error(400, "invalid_target");
        // and the code is spent
        let again = app.redeem(&client, code.code(), REDIRECT, &[]).await;
        again.oauth_error(400, "invalid_grant");
    }
    let code = browser.sign_in(&client, REDIRECT, &for_items).await;
    let tokens = app.redeem(&client, code.code(), REDIRECT, &for_items).await;
    let refresh = tokens.is(200).text("refresh_token");
    let form = |resource| {
        [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.as_str()),
            ("resource", resource),
        ]
    };
    app.form_as(&client, "/token", &form("https://plain.example"))
        .send()
        .await
        .oauth_error(400, "invalid_target");
    let next = app.form_as(&client, "/token", &form(ITEMS)).send().await;
    let narrow = (
        json!(ITEMS),
        json!("items:read items:write"),
        json!(["clerk", "manager"]),
    );
    assert_eq!(carried(&next.is(200).text("access_token")), narrow);
    let refresh = next.text("refresh_token");
    let beyond = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
        ("scope", "orders:read"),
    ];
    app.form_as(&client, "/token", &beyond)
        .send()
        .await
        .oauth_error(400, "invalid_scope");
}

async fn a_default_scope_leaves_out_what_the_user_does_not_hold(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    app.create_role("reader", &["items:read", "items:list"])
        .await;
    app.create_permission("items:write").await;
    app.assign(&alice, "reader").await;
    let admin = app.admin().await;
    let resource = items(json!({ "default_scope": "items:read items:write" }));
    app.post("/api/resources", admin, resource).await.is(201);
    let client = client_for_items(&app, json!({})).await;
    let for_items = [("resource", ITEMS)];
    let token = app.log_in_through(&client, &for_items).await;
    let (_, scope, _) = carried(&token.is(200).text("access_token"));
    assert_eq!(scope, "items:read");
    let refreshed = app
        .refresh_through(&client, &token.text("refresh_token"))
        .await;
    let (_, scope, _) = carried(&refreshed.is(200).text("access_token"));
    assert_eq!(scope, "items:read");
    for scope in [&[][..], &[("scope", "openid")]] {
        let asked = [&for_items[..], scope].concat();
        let code = Browser::new(&app).sign_in(&client, REDIRECT, &asked).await;
        let tokens = app.redeem(&client, code.code(), REDIRECT, &[]).await;
        let (_, scope, _) = carried(&tokens.is(200).text("access_token"));
        assert_eq!(scope, "items:read");
    }
    // what is asked for by name is refused, and what is held and asked for is given
    let asked = [("resource", ITEMS), ("scope", "items:write")];
    app.log_in_through(&client, &asked)
        .await
        .oauth_error(400, "invalid_scope");
    let asked = [("resource", ITEMS), ("scope", "items:list")];
    let token = app.log_in_through(&client, &asked).await;
    let (_, scope, _) = carried(&token.is(200).text("access_token"));
    assert_eq!(scope, "items:list");
}

async fn tokens_that_carry_more_than_a_resource_allows_end(app: TestApp) {
    with_alice(&app).await;
    let admin = app.admin().await;
    let client = client_for_items(&app, json!({})).await;
    let api = json!({ "audiences": [ITEMS], "roles": ["rolecall.resource-server"] });
    let api = app.create_client("api", api).await;
    let is_active = async |token: &str| {
        let answer = app.introspect(&api, token).await;
        answer.is(200).json["active"] == true
    };
    let log_in = async || {
        let token = app.log_in_through(&client, &[("resource", ITEMS)]).await;
        token.is(200).text("access_token")
    };
    let before = log_in().await;
    assert!(is_active(&before).await);
    let resource = items(json!({ "objects": ["items", "orders"] }));
    let made = app.post("/api/resources", admin, resource).await;
    let path = format!("/api/resources/{}", made.is(201).text("id"));
    assert!(!is_active(&before).await);
    let token = log_in().await;
    for (change, lives) in [
        (json!({ "name": "Stock" }), true),
        (json!({ "objects": ["items", "orders", "reports"] }), true),
        (json!({ "objects": ["items"] }), false),
    ] {
        app.patch(&path, admin, change.clone()).await.is(200);
        assert_eq!(is_active(&token).await, lives, "{change}");
    }
    assert!(is_active(&log_in().await).await);
}

async fn resources_need_their_own_permissions(app: TestApp) {
    app.create_role("viewer", &["rolecall.resources:read"])
        .await;
    app.create_role("manager", &["rolecall.resources:write"])
        .await;
    app.create_user("viewer", &["viewer"]).await;
    app.create_user("manager", &["manager"]).await;
    let (viewer, manager) = (app.log_in("viewer").await, app.log_in("manager").await);
    app.post("/api/resources", &viewer, items(json!({})))
        .await
        .forbidden("rolecall.resources:write");
    let made = app.post("/api/resources", &manager, items(json!({}))).await;
    let path = format!("/api/resources/{}", made.is(201).text("id"));
    for path in ["/api/resources", &path] {
        app.get(path, &manager)
            .await
            .forbidden("rolecall.resources:read");
        app.get(path, &viewer).await.is(200);
    }
    app.patch(&path, &viewer, json!({ "name": "x" }))
        .await
        .forbidden("rolecall.resources:write");
    app.delete(&path, &viewer)
        .await
        .forbidden("rolecall.resources:write");
}

async fn the_command_line_manages_resources(app: TestApp) {
    let add = [
        "resource", "add", ITEMS, "--name", "Items", "--object", "items",
    ];
    run(&app, &add).await;
    let again = run_failing(&app, &add).await;
    assert!(again.contains("already exists"), "{again}");
    let update = [
        "resource",
        "update",
        ITEMS,
        "--object",
        "items",
        "--object",
        "orders",
        "--default-scope",
        "items:read",
    ];
    run(&app, &update).await;
    let listed = run(&app, &["resource", "list"]).await;
    assert!(
        listed.contains(ITEMS) && listed.contains("items, orders") && listed.contains("items:read"),
        "{listed}"
    );
    let json: Value =
        serde_json::from_str(&run(&app, &["--json", "resource", "list"]).await).unwrap();
    assert_eq!(json[0]["objects"], json!(["items", "orders"]));
    run(&app, &["resource", "update", ITEMS, "--no-default-scope"]).await;
    run(&app, &["resource", "remove", ITEMS]).await;
    let gone = run_failing(&app, &["resource", "remove", ITEMS]).await;
    assert!(gone.contains("no resource"), "{gone}");
    assert_eq!(app.db.count("resources").await, 0);
}

/// A resource for which any client may ask, a reader of it, and a client of the operator that was not allowed it.
struct Open {
    path: String,
    client: Credentials,
    alice: String,
}

impl Open {
    async fn on(app: &TestApp) -> Self {
        let admin = app.admin().await;
        app.create_role("reader", &["items:read", "orders:read"])
            .await;
        let alice = app
            .create_user("alice", &["reader", "rolecall.admin"])
            .await;
        let made = app
            .post("/api/resources", admin, items(json!({ "dynamic": "ask" })))
            .await;
        assert_eq!(made.is(201).json["dynamic"], "ask");
        let members = json!({
            "grants": ["authorization_code", "refresh_token", "client_credentials", "password"],
            "redirect_uris": [REDIRECT], "consent": "skip",
        });
        Self {
            path: format!("/api/resources/{}", made.text("id")),
            client: app.create_client("app", members).await,
            alice,
        }
    }

    /// Signs alice in for the resource, and returns the tokens.
    async fn tokens(&self, app: &TestApp, browser: &mut Browser<'_>) -> (String, String) {
        let more = [("resource", ITEMS), ("scope", "openid items:read")];
        let answer = browser.sign_in(&self.client, REDIRECT, &more).await;
        let tokens = app.redeem(&self.client, answer.code(), REDIRECT, &[]).await;
        (
            tokens.is(200).text("access_token"),
            tokens.text("refresh_token"),
        )
    }
}

async fn i030_a_client_asks_for_an_open_resource_and_the_user_is_asked(app: TestApp) {
    let open = Open::on(&app).await;
    let mut browser = Browser::new(&app);
    // the operator's own client asks for nothing else
    let own = browser.sign_in(&open.client, REDIRECT, &[("scope", "openid")]);
    assert!(!own.await.was_asked);
    let silent = [
        ("resource", ITEMS),
        ("scope", "items:read"),
        ("prompt", "none"),
    ];
    let answer = browser.sign_in(&open.client, REDIRECT, &silent).await;
    assert_eq!(answer.error(), "consent_required");
    let more = [("resource", ITEMS), ("scope", "items:read")];
    let begun = browser.authorize(&open.client, REDIRECT, &more).await;
    let page = browser
        .open(begun.is(303).header("location").unwrap())
        .await;
    let page = String::from_utf8(page.is(200).body.to_vec()).unwrap();
    let page = page.replace("&#x2f;", "/");
    assert!(page.contains("Items (https://items.example)"), "{page}");
    let answer = browser.sign_in(&open.client, REDIRECT, &more).await;
    assert!(answer.was_asked);
    let tokens = app.redeem(&open.client, answer.code(), REDIRECT, &[]).await;
    let token = claims(&tokens.is(200).text("access_token"));
    assert_eq!(
        (&token["aud"], &token["scope"]),
        (&json!(ITEMS), &json!("items:read"))
    );
    // once
    for more in [&more[..], &silent] {
        let answer = browser.sign_in(&open.client, REDIRECT, more).await;
        assert!(!answer.was_asked && !answer.code().is_empty());
    }
    // for more than that again, and for each user
    let wider = [("resource", ITEMS), ("scope", "items:read role:reader")];
    assert!(
        browser
            .sign_in(&open.client, REDIRECT, &wider)
            .await
            .was_asked
    );
    app.create_user("bob", &["reader"]).await;
    let mut other = Browser::new(&app);
    let answer = other.sign_in_as("bob", &open.client, REDIRECT, &more).await;
    assert!(answer.was_asked);
    // the session goes on until the consent is withdrawn
    let refresh = tokens.text("refresh_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", &refresh)];
    let next = app.send_as(&open.client, &form).await;
    assert_eq!(claims(&next.is(200).text("access_token"))["aud"], ITEMS);
    let path = format!("/api/users/{}/consents/{}", open.alice, open.client.id);
    app.delete(&path, app.admin().await).await.no_content();
    let refresh = next.text("refresh_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", &refresh)];
    let refused = app.send_as(&open.client, &form).await;
    refused.oauth_error(400, "invalid_grant");
    assert!(
        browser
            .sign_in(&open.client, REDIRECT, &more)
            .await
            .was_asked
    );
}

async fn i030_an_open_resource_gives_nothing_that_a_closed_one_would_not(app: TestApp) {
    let open = Open::on(&app).await;
    let admin = app.admin().await;
    let mut browser = Browser::new(&app);
    // without a person, nobody is asked
    for form in [
        &[("grant_type", "client_credentials")][..],
        &[
            ("grant_type", "password"),
            ("username", "alice"),
            ("password", PASSWORD),
        ],
    ] {
        for name in ["resource", "audience"] {
            let form = [form, &[(name, ITEMS)]].concat();
            let refused = app.send_as(&open.client, &form).await;
            refused.oauth_error(400, "invalid_target");
        }
    }
    // rolecall's own permissions are for rolecall alone, and those of other objects for others
    for scope in ["rolecall.users:read", "role:rolecall.admin", "orders:read"] {
        let more = [("resource", ITEMS), ("scope", scope)];
        let answer = browser.sign_in(&open.client, REDIRECT, &more).await;
        assert_eq!(answer.error(), "invalid_scope", "{scope}");
    }
    let answer = browser
        .sign_in(&open.client, REDIRECT, &[("resource", ITEMS)])
        .await;
    let tokens = app.redeem(&open.client, answer.code(), REDIRECT, &[]).await;
    let token = tokens.is(200).text("access_token");
    assert_eq!(claims(&token)["scope"], "items:read");
    assert_eq!(claims(&token)["roles"], json!(["reader"]));
    app.get("/api/me", &token).await.is(401);
    app.get("/userinfo", &token).await.is(401);
    // the ceiling of the client holds too
    let path = format!("/api/clients/{}", open.client.id);
    app.patch(&path, admin, json!({ "scope": "orders:read" }))
        .await
        .is(200);
    let more = [("resource", ITEMS), ("scope", "items:read")];
    let answer = browser.sign_in(&open.client, REDIRECT, &more).await;
    assert_eq!(answer.error(), "invalid_scope");
    app.patch(&path, admin, json!({ "scope": null }))
        .await
        .is(200);
    // what is like it is another one, and so is the server's own address
    for other in [
        "https://items.example/",
        "https://ITEMS.example",
        "https://items.example/x",
        "https://orders.example",
    ] {
        let more = [("resource", other), ("scope", "openid")];
        let answer = browser.sign_in(&open.client, REDIRECT, &more).await;
        assert_eq!(answer.error(), "invalid_target", "{other}");
    }
}

async fn i030_a_resource_that_was_taken_back_is_not_kept_because_it_is_open(app: TestApp) {
    let open = Open::on(&app).await;
    let admin = app.admin().await;
    let path = format!("/api/clients/{}", open.client.id);
    app.patch(&path, admin, json!({ "audiences": [ITEMS] }))
        .await
        .is(200);
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", PASSWORD),
        ("audience", ITEMS),
    ];
    let tokens = app.send_as(&open.client, &form).await;
    let refresh = tokens.is(200).text("refresh_token");
    app.patch(&path, admin, json!({ "audiences": [] }))
        .await
        .is(200);
    let form = [("grant_type", "refresh_token"), ("refresh_token", &refresh)];
    let refused = app.send_as(&open.client, &form).await;
    refused.oauth_error(400, "invalid_grant");
}

async fn an_open_resource_that_closes_ends_what_it_gave(app: TestApp) {
    let open = Open::on(&app).await;
    let admin = app.admin().await;
    let server = app
        .create_client(
            "items",
            json!({ "grants": ["client_credentials"], "audiences": [ITEMS] }),
        )
        .await;
    let role = format!("/api/clients/{}/roles/rolecall.resource-server", server.id);
    app.put(&role, admin).await.no_content();
    let is_active = async |token: &str| {
        let answer = app.introspect(&server, token).await;
        answer.is(200).json["active"] == json!(true)
    };
    let mut browser = Browser::new(&app);
    let (access, refresh) = open.tokens(&app, &mut browser).await;
    let more = [("resource", ITEMS), ("scope", "openid items:read")];
    let unused = browser.sign_in(&open.client, REDIRECT, &more).await;
    assert!(is_active(&access).await);
    // a new name ends nothing
    app.patch(&open.path, admin, json!({ "name": "Stock" }))
        .await
        .is(200);
    assert!(is_active(&access).await);
    let closed = json!({ "dynamic": "no" });
    assert_eq!(
        app.patch(&open.path, admin, closed).await.is(200).json["dynamic"],
        "no"
    );
    assert!(!is_active(&access).await);
    let form = [("grant_type", "refresh_token"), ("refresh_token", &refresh)];
    let refused = app.send_as(&open.client, &form).await;
    refused.oauth_error(400, "invalid_grant");
    let refused = app.redeem(&open.client, unused.code(), REDIRECT, &[]).await;
    refused.oauth_error(400, "invalid_target");
    let answer = browser.sign_in(&open.client, REDIRECT, &more).await;
    assert_eq!(answer.error(), "invalid_target");
    // the same when it is deleted, although no client has it among its audiences
    let open_again = json!({ "dynamic": "ask" });
    app.patch(&open.path, admin, open_again).await.is(200);
    let (access, refresh) = open.tokens(&app, &mut browser).await;
    assert!(is_active(&access).await);
    let path = format!("/api/clients/{}", server.id);
    app.patch(&path, admin, json!({ "audiences": [] }))
        .await
        .is(200);
    app.delete(&open.path, admin).await.no_content();
    app.patch(&path, admin, json!({ "audiences": [ITEMS] }))
        .await
        .is(200);
    assert!(!is_active(&access).await);
    let form = [("grant_type", "refresh_token"), ("refresh_token", &refresh)];
    let refused = app.send_as(&open.client, &form).await;
    refused.oauth_error(400, "invalid_grant");
}

async fn a_sign_in_and_a_resource_that_closes_at_once_leave_no_token(app: TestApp) {
    let open = Open::on(&app).await;
    let admin = app.admin().await;
    let server = app
        .create_client(
            "items",
            json!({ "grants": ["client_credentials"], "audiences": [ITEMS] }),
        )
        .await;
    let role = format!("/api/clients/{}/roles/rolecall.resource-server", server.id);
    app.put(&role, admin).await.no_content();
    let mut browser = Browser::new(&app);
    let more = [("resource", ITEMS), ("scope", "openid items:read")];
    for _ in 0..10 {
        let answer = browser.sign_in(&open.client, REDIRECT, &more).await;
        let (tokens, closed) = tokio::join!(
            app.redeem(&open.client, answer.code(), REDIRECT, &[]),
            app.patch(&open.path, admin, json!({ "dynamic": "no" }))
        );
        closed.is(200);
        if tokens.status == 200 {
            let token = tokens.text("access_token");
            let answer = app.introspect(&server, &token).await;
            assert_eq!(answer.is(200).json["active"], false);
        }
        let again = json!({ "dynamic": "ask" });
        app.patch(&open.path, admin, again).await.is(200);
    }
}
