//! Creating, changing, listing and deleting clients.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    Credentials, MASTER_KEY, TestApp, claims, command, on_both, output_of, run_failing,
};

on_both![
    a_secret_is_shown_once_and_stored_as_a_hash,
    an_invalid_client_is_refused_by_member,
    o024_every_confidential_client_has_a_secret,
    the_old_secret_works_until_the_overlap_ends,
    the_old_secret_is_ended_by_itself,
    each_client_is_listed_once_with_all_its_roles,
    a_client_can_keep_its_name_but_not_take_anothers,
    o045_deleting_a_client_ends_its_sessions,
    a_client_writes_with_its_own_permissions_and_is_named_in_the_audit_log,
    changing_a_client_requires_everything_it_holds,
    y129_a_client_keeps_its_id_and_its_secret,
    y130_an_id_that_was_ever_used_is_not_given_again,
    the_command_line_creates_a_client_with_its_id_and_secret,
];

async fn a_secret_is_shown_once_and_stored_as_a_hash(app: TestApp) {
    let admin = app.admin().await;
    let body = json!({ "name": "Billing", "grants": ["client_credentials"], "audiences": ["https://billing.example"], "scope": "items:read", "redirect_uris": ["https://billing.example/cb"] });
    let created = app.post("/api/clients", admin, body).await;
    let (id, secret) = (
        created.is(201).text("client_id"),
        created.text("client_secret"),
    );
    assert_eq!(
        created.header("location"),
        Some(format!("/api/clients/{id}").as_str())
    );
    let shown = app.get(format_args!("/api/clients/{id}"), admin).await;
    assert_eq!(
        shown.is(200).json,
        json!({
            "client_id": id, "name": "Billing", "public": false, "grants": ["client_credentials"],
            "audiences": ["https://billing.example"], "scope": "items:read", "roles": [],
            "redirect_uris": ["https://billing.example/cb"],
            "kind": null, "post_logout_redirect_uris": [], "backchannel_logout_uri": null,
            "initiate_login_uri": null, "id_token_alg": "RS256", "claims_in_id_token": false,
            "pkce": "required", "consent": "ask", "acr": "aal1", "tenant": null, "who": [],
            "created_at": "2030-01-01T00:00:00Z", "updated_at": "2030-01-01T00:00:00Z",
        })
    );
    let listed = app.get("/api/clients", admin).await;
    assert_eq!(listed.items("client_id"), [id.as_str()]);
    assert!(!String::from_utf8_lossy(&listed.body).contains("secret"));
    let stored = app.db.texts("SELECT secret_hash FROM clients").await;
    assert!(!stored.concat().contains(&secret) && stored.len() == 1);
    let public = app
        .create_client("phone", json!({ "grants": ["password"], "public": true }))
        .await;
    assert_eq!(public.secret, "");
}

async fn the_old_secret_is_ended_by_itself(app: TestApp) {
    let old = app.create_client("worker", json!({})).await;
    let secret = format!("/api/clients/{}/secret", old.id);
    let previous = format!("{secret}/previous");
    // there is none yet, and the present one stays
    app.delete(&previous, app.admin().await).await.no_content();
    app.act_as(&old).await;
    let rotated = app.post(&secret, app.admin().await, json!({})).await;
    let new = Credentials::new(&old.id, &rotated.is(200).text("client_secret"));
    app.act_as(&old).await;
    app.create_role("reader", &["rolecall.clients:read"]).await;
    app.create_user("reader", &["reader"]).await;
    app.delete(&previous, &app.log_in("reader").await)
        .await
        .is(403);
    app.act_as(&old).await;
    app.delete(&previous, app.admin().await).await.no_content();
    app.try_act_as(&old, &[])
        .await
        .oauth_error(401, "invalid_client");
    app.act_as(&new).await;
    let revision = app.db.revision().await;
    app.delete(&previous, app.admin().await).await.no_content();
    assert_eq!(app.db.revision().await, revision);
    let nowhere = "/api/clients/nothing/secret/previous";
    app.delete(nowhere, app.admin().await).await.is(404);
}

async fn an_invalid_client_is_refused_by_member(app: TestApp) {
    let admin = app.admin().await;
    for (member, wrong) in [
        ("name", json!("")),
        ("name", json!(" x")),
        ("name", json!("a\u{1b}[31m")),
        ("name", json!("x".repeat(101))),
        ("grants", json!(["implicit"])),
        ("audiences", json!([""])),
        ("audiences", json!(["a", "a"])),
        ("scope", json!("")),
        ("scope", json!("items:*")),
        ("redirect_uris", json!(["javascript:alert(1)"])),
        ("redirect_uris", json!(["http://app.example"])),
        ("redirect_uris", json!(["com.example.app:/"])),
    ] {
        let mut body = json!({ "name": "app", "grants": ["password"] });
        body[member] = wrong;
        let refused = app.post("/api/clients", admin, body).await;
        refused.invalid(&["body", member]);
        let body_text = String::from_utf8_lossy(&refused.body).into_owned();
        assert_eq!(
            body_text.contains("not an audience"),
            member == "audiences",
            "{body_text}"
        );
    }
    let body = json!({ "name": "app", "grants": ["client_credentials"], "public": true });
    app.post("/api/clients", admin, body)
        .await
        .invalid(&["body", "grants"]);
    let body = json!({ "name": "app", "grants": [], "id": "mine" });
    app.post("/api/clients", admin, body)
        .await
        .invalid(&["body", "id"]);
    app.create_client("app", json!({})).await;
    let again = app
        .post(
            "/api/clients",
            admin,
            json!({ "name": "app", "grants": [] }),
        )
        .await;
    again.is(409);
    app.get("/api/clients/nothing", admin).await.is(404);
    app.patch("/api/clients/nothing", admin, json!({}))
        .await
        .is(404);
    app.delete("/api/clients/nothing", admin).await.no_content();
    assert_eq!(app.db.count("clients").await, 1);
}

async fn the_old_secret_works_until_the_overlap_ends(app: TestApp) {
    let old = app.create_client("worker", json!({})).await;
    let path = format!("/api/clients/{}/secret", old.id);
    let rotated = app.post(&path, app.admin().await, json!({})).await;
    let new = Credentials::new(&old.id, &rotated.is(200).text("client_secret"));
    assert_ne!(new.secret, old.secret);
    for (days, status) in [(30, 200), (31, 422)] {
        let name = format!("for {days}");
        let client = app.create_client(&name, json!({})).await;
        let path = format!("/api/clients/{}/secret", client.id);
        let body = json!({ "overlap_seconds": days * 24 * 60 * 60 });
        app.post(&path, app.admin().await, body).await.is(status);
    }
    app.act_as(&new).await;
    app.act_as(&old).await;
    app.pass_time(Duration::from_hours(24));
    app.act_as(&new).await;
    app.try_act_as(&old, &[])
        .await
        .oauth_error(401, "invalid_client");
    let at_once = json!({ "overlap_seconds": 0 });
    let rotated = app.post(&path, &app.log_in("admin").await, at_once).await;
    app.try_act_as(&new, &[])
        .await
        .oauth_error(401, "invalid_client");
    let newest = Credentials::new(&old.id, &rotated.is(200).text("client_secret"));
    app.act_as(&newest).await;
    let body = json!({ "name": "phone", "public": true, "grants": [] });
    let admin = app.log_in("admin").await;
    let public = app.post("/api/clients", &admin, body).await;
    let path = format!("/api/clients/{}/secret", public.is(201).text("client_id"));
    app.post(path, &admin, json!({}))
        .await
        .violates("public_client");
}

async fn each_client_is_listed_once_with_all_its_roles(app: TestApp) {
    for role in ["reader", "writer"] {
        app.create_role(role, &[]).await;
    }
    app.create_client("one", json!({ "roles": ["reader", "writer"] }))
        .await;
    app.create_client("three", json!({ "roles": ["writer"] }))
        .await;
    app.create_client("two", json!({})).await;
    let list = app.get("/api/clients", app.admin().await).await;
    let items = list.is(200).json["items"].as_array().unwrap();
    let mut listed: Vec<_> = items
        .iter()
        .map(|one| (one["name"].clone(), one["roles"].clone()))
        .collect();
    listed.sort_by_key(|(name, _)| name.to_string());
    assert_eq!(
        json!(listed),
        json!([
            ["one", ["reader", "writer"]],
            ["three", ["writer"]],
            ["two", []]
        ])
    );
    let all = list.items("name");
    let pages = app.pages("/api/clients?limit=1", app.admin().await).await;
    assert_eq!(pages.len(), all.len());
    let seen: Vec<String> = pages.iter().flat_map(|page| page.items("name")).collect();
    assert_eq!(seen, all);
}

async fn a_client_can_keep_its_name_but_not_take_anothers(app: TestApp) {
    let client = app.create_client("one", json!({})).await;
    app.create_client("two", json!({})).await;
    let path = format!("/api/clients/{}", client.id);
    let admin = app.admin().await;
    for (name, status) in [("one", 200), ("two", 409), ("three", 200)] {
        app.patch(&path, admin, json!({ "name": name }))
            .await
            .is(status);
    }
}

async fn o045_deleting_a_client_ends_its_sessions(app: TestApp) {
    app.create_user("alice", &[]).await;
    let client = app.create_client("app", json!({ "roles": ["user"] })).await;
    let (own, log_in) = (
        app.act_as(&client).await,
        app.log_in_through(&client, &[]).await,
    );
    let first_party = app.open_session("alice").await;
    app.delete(
        format_args!("/api/clients/{}", client.id),
        app.admin().await,
    )
    .await
    .no_content();
    app.get("/api/me", &log_in.text("access_token"))
        .await
        .ended_token();
    app.get("/api/users", &own).await.ended_token();
    let refused = app
        .refresh_through(&client, &log_in.text("refresh_token"))
        .await;
    refused.oauth_error(401, "invalid_client");
    app.refresh(&log_in.text("refresh_token"))
        .await
        .oauth_error(400, "invalid_grant");
    app.get("/api/me", &first_party.access).await.is(200);
    let left = "SELECT COUNT(*) FROM sessions WHERE client_id <> 'rolecall'";
    assert_eq!(app.db.number(left).await, 0);
    assert_eq!(app.db.number("SELECT COUNT(*) FROM role_assignments WHERE subject_id NOT IN (SELECT id FROM subjects)").await, 0);
}

async fn a_client_writes_with_its_own_permissions_and_is_named_in_the_audit_log(app: TestApp) {
    app.create_role("clerk", &["rolecall.roles:write", "rolecall.roles:read"])
        .await;
    let client = app
        .create_client("importer", json!({ "roles": ["clerk"] }))
        .await;
    let token = app.act_as(&client).await;
    app.post("/api/roles", &token, json!({ "name": "made-by-a-client" }))
        .await
        .is(201);
    let audit = app.get("/api/audit", app.admin().await).await;
    let actor = format!("client:{}", client.id);
    assert!(String::from_utf8_lossy(&audit.body).contains(&actor));
    app.delete(
        format_args!("/api/clients/{}/roles/clerk", client.id),
        app.admin().await,
    )
    .await
    .no_content();
    app.post("/api/roles", &token, json!({ "name": "another" }))
        .await
        .ended_token();
}

async fn changing_a_client_requires_everything_it_holds(app: TestApp) {
    app.create_role(
        "clerk",
        &[
            "rolecall.clients:write",
            "rolecall.clients:read",
            "rolecall.assignments:write",
        ],
    )
    .await;
    app.create_role("reader", &["items:read"]).await;
    app.create_user("alice", &["clerk"]).await;
    let token = app.log_in("alice").await;
    let strong = app
        .create_client("strong", json!({ "roles": ["reader"] }))
        .await;
    let path = format!("/api/clients/{}", strong.id);
    app.patch(&path, &token, json!({ "name": "mine" }))
        .await
        .forbidden("items:read");
    app.post(format_args!("{path}/secret"), &token, json!({}))
        .await
        .forbidden("items:read");
    app.delete(&path, &token).await.forbidden("items:read");
    app.put(format_args!("{path}/roles/clerk"), &token)
        .await
        .no_content();
    app.put(format_args!("{path}/roles/reader"), &token)
        .await
        .forbidden("items:read");
    let body = json!({ "name": "worker", "grants": [], "roles": ["reader"] });
    app.post("/api/clients", &token, body)
        .await
        .forbidden("items:read");
    let body = json!({ "name": "worker", "grants": ["client_credentials"], "roles": ["clerk"] });
    app.post("/api/clients", &token, body).await.is(201);
    app.create_role("half", &["rolecall.clients:write"]).await;
    app.create_user("bob", &["half"]).await;
    let body = json!({ "name": "other", "grants": [], "roles": ["half"] });
    let refused = app
        .post("/api/clients", &app.log_in("bob").await, body)
        .await;
    refused.forbidden("rolecall.assignments:write");
}

async fn o024_every_confidential_client_has_a_secret(app: TestApp) {
    for (name, members) in [("one", json!({})), ("two", json!({ "public": false }))] {
        let client = app.create_client(name, members).await;
        // 256 bits in base64url
        assert!(client.secret.len() >= 43, "{}", client.secret);
    }
    for chosen in ["", "mine"] {
        let body = json!({ "name": "three", "grants": [], "client_secret": chosen });
        let refused = app.post("/api/clients", app.admin().await, body).await;
        refused.invalid(&["body", "client_secret"]);
    }
    let without = "UPDATE clients SET secret_hash = NULL WHERE name = 'one'";
    assert!(app.db.refuses(without).await);
}

/// A secret as another system makes it.
const KEPT: &str = "5f1a0c3e-0d4b-4a7e-9a57-2f6f0f0e7a11";

async fn y129_a_client_keeps_its_id_and_its_secret(app: TestApp) {
    let admin = app.admin().await;
    let body = |id: &str, secret: &str| json!({ "name": "Stock", "grants": ["client_credentials"], "client_id": id, "client_secret": secret });
    for (wrong, member) in [
        (body("stock service", KEPT), "client_id"),
        (body("rolecall", KEPT), "client_id"),
        (body("", KEPT), "client_id"),
        (body("stock", "secret"), "client_secret"),
        (body("stock", &"stock".repeat(8)), "client_secret"),
        (body("stock", ""), "client_secret"),
    ] {
        let refused = app.post("/api/clients", admin, wrong).await;
        refused.invalid(&["body", member]);
        assert!(!String::from_utf8_lossy(&refused.body).contains(KEPT));
    }
    let mut public = body("stock", KEPT);
    public["public"] = json!(true);
    public["grants"] = json!(["password"]);
    let refused = app.post("/api/clients", admin, public).await;
    refused.invalid(&["body", "client_secret"]);
    let created = app
        .post("/api/clients", admin, body("stock-service", KEPT))
        .await;
    assert_eq!(created.is(201).text("client_id"), "stock-service");
    assert_eq!(
        created.header("location"),
        Some("/api/clients/stock-service")
    );
    assert!(!String::from_utf8_lossy(&created.body).contains(KEPT));
    assert!(created.json.get("client_secret").is_none());
    let stored = app.db.texts("SELECT secret_hash FROM clients").await;
    assert!(!stored.concat().contains(KEPT));
    let audit = app.db.texts("SELECT changes FROM audit").await;
    assert!(!audit.concat().contains(KEPT));
    let client = Credentials::new("stock-service", KEPT);
    let token = app.act_as(&client).await;
    assert_eq!(claims(&token)["sub"], "stock-service");
    // without an id or secret of its own, it gets a new one
    let other = app
        .create_client("other", json!({ "client_id": "o-2" }))
        .await;
    assert!(other.id == "o-2" && other.secret.starts_with("rcs_"));
}

async fn y130_an_id_that_was_ever_used_is_not_given_again(app: TestApp) {
    let admin = app.admin().await;
    let create = async |name: &str, id: &str| {
        let body = json!({ "name": name, "grants": ["client_credentials"], "client_id": id });
        app.post("/api/clients", admin, body).await
    };
    create("one", "client-1").await.is(201);
    create("two", "client-1").await.violates("id_used");
    app.delete("/api/clients/client-1", admin)
        .await
        .no_content();
    create("two", "client-1").await.violates("id_used");
    let alice = app.create_user("alice", &[]).await;
    create("two", &alice).await.violates("id_used");
    let path = format!("/api/users/{alice}");
    app.delete(path, admin).await.no_content();
    create("two", &alice).await.violates("id_used");
    // commands accept a name or an id, so neither may be another client's
    create("two", "client-2").await.is(201);
    create("client-2", "client-3").await.is(409);
    create("three", "two").await.is(409);
    create("four", "four").await.is(201);
}

async fn the_command_line_creates_a_client_with_its_id_and_secret(app: TestApp) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, format!("{KEPT}\n")).unwrap();
    let arguments = [
        "client",
        "add",
        "stock",
        "--id",
        "stock-service",
        "--secret-stdin",
        "--grant",
        "client_credentials",
    ];
    let mut command = command(&app, MASTER_KEY, &arguments);
    command.stdin(std::fs::File::open(&file).unwrap());
    command.current_dir(folder.path());
    let output = output_of(command).await;
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, "client_id      stock-service\n");
    let client = Credentials::new("stock-service", KEPT);
    app.act_as(&client).await;
    let public = run_failing(&app, &["client", "add", "x", "--public", "--secret-stdin"]).await;
    assert!(public.contains("--public"), "{public}");
}
