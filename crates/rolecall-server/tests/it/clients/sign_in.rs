//! Clients that sign people in: what they register, and who may register it.

use serde_json::{Value, json};

use crate::support::{Browser, Credentials, Database, TestApp, claims, on_both, run, run_failing};

on_both![
    m035_members_have_defaults_and_each_can_be_changed,
    members_of_what_does_not_exist_yet_are_unknown,
    i004_i005_i008_m061_m084_m114_m136_wrong_addresses_are_refused,
    m131_m137_a_native_client_is_public_and_proves_its_requests,
    m132_m134_m135_native_clients_have_schemes_and_free_ports,
    consent_skip_needs_all_that_the_client_can_get,
    y288_the_secret_of_a_client_that_asks_nobody_needs_all_that_it_can_get,
    who_is_bound_by_the_delegation_limit_and_narrowing_it_ends_sessions,
    y307_opening_a_client_to_others_needs_the_roles_in_who,
    i099_rolecall_s_own_permissions_are_for_first_parties,
    a_client_of_one_tenant_signs_in_to_no_other,
    i129_the_command_line_registers_changes_and_shows_a_client,
];

const REDIRECT: &str = "https://app.example/cb";

/// The members of a web client that signs people in.
fn web(more: Value) -> Value {
    let mut members = json!({
        "grants": ["authorization_code", "refresh_token"], "kind": "web", "redirect_uris": [REDIRECT],
    });
    if let Value::Object(more) = more {
        members.as_object_mut().unwrap().extend(more);
    }
    members
}

async fn m035_members_have_defaults_and_each_can_be_changed(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("staff", &[]).await;
    let client = app.create_client("app", web(json!({}))).await;
    let path = format!("/api/clients/{}", client.id);
    let shown = app.get(&path, admin).await.is(200).json.clone();
    let defaults = json!({
        "kind": "web", "post_logout_redirect_uris": [], "backchannel_logout_uri": null,
        "initiate_login_uri": null, "id_token_alg": "RS256", "claims_in_id_token": false,
        "pkce": "required", "consent": "ask", "acr": "aal1", "tenant": null, "who": [],
    });
    for (member, value) in defaults.as_object().unwrap() {
        assert_eq!(shown[member], *value, "{member}");
    }
    let wanted = json!({
        "post_logout_redirect_uris": ["https://app.example/bye"],
        "backchannel_logout_uri": "https://app.example/backchannel",
        "initiate_login_uri": "https://app.example/start", "id_token_alg": "ES256",
        "claims_in_id_token": true, "pkce": "optional", "consent": "skip", "acr": "aal2", "tenant": "acme",
        "who": ["staff"],
    });
    for (member, value) in wanted.as_object().unwrap() {
        let mut change = json!({});
        change[member] = value.clone();
        let changed = app.patch(&path, admin, change).await;
        assert_eq!(changed.is(200).json[member], *value, "{member}");
    }
    let shown = app.get(&path, admin).await.is(200).json.clone();
    for (member, value) in wanted.as_object().unwrap() {
        assert_eq!(shown[member], *value, "{member}");
    }
    let cleared = json!({
        "backchannel_logout_uri": null, "initiate_login_uri": null, "tenant": null,
        "who": "everybody", "post_logout_redirect_uris": [],
    });
    let shown = app.patch(&path, admin, cleared).await.is(200).json.clone();
    for member in ["backchannel_logout_uri", "initiate_login_uri", "tenant"] {
        assert_eq!(shown[member], Value::Null, "{member}");
    }
    assert_eq!(shown["who"], json!([]));
    let made = app.create_client("other", web(wanted)).await;
    let path = format!("/api/clients/{}", made.id);
    assert_eq!(app.get(&path, admin).await.json["tenant"], "acme");
    // a client that stops signing people in has no kind any more
    let change = json!({ "grants": ["client_credentials"] });
    let shown = app.patch(&path, admin, change).await.is(200).json.clone();
    assert_eq!(shown["kind"], Value::Null);
}

async fn members_of_what_does_not_exist_yet_are_unknown(app: TestApp) {
    let admin = app.admin().await;
    let client = app.create_client("app", web(json!({}))).await;
    let path = format!("/api/clients/{}", client.id);
    for (member, value) in [
        ("jwks", json!({ "keys": [] })),
        ("jwks_uri", json!("https://app.example/jwks")),
        ("require_par", json!(true)),
        ("dpop", json!(true)),
        ("acr", json!("phr")),
    ] {
        let mut body = web(json!({ "name": "other" }));
        body[member] = value.clone();
        let refused = app.post("/api/clients", admin, body).await;
        refused.invalid(&["body", member]);
        let mut change = json!({});
        change[member] = value;
        let refused = app.patch(&path, admin, change).await;
        refused.invalid(&["body", member]);
    }
}

/// On a server that is not on the developer's own machine.
/// Addresses to which nobody is sent back.
const WRONG: [&str; 22] = [
    "https://*.app.example/cb",
    "https://app.example/*",
    "JavaScript:alert(1)",
    "\tjavascript:alert(1)",
    " data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://app.example/x",
    "about:blank",
    "https://app.example/cb?code=1",
    "https://app.example/cb?a=b&state=1",
    "https://app.example/cb?iss=x",
    "https://app.example/cb?error=x",
    "http://app.example/cb",
    "http://localhost:3000/cb",
    "com.example.app:/cb",
    "https://user@app.example/cb",
    "https://app.example/cb#f",
    "https://app.example/a/../cb",
    "https://app.example\\@evil.example",
    "/cb",
    "",
];

async fn i004_i005_i008_m061_m084_m114_m136_wrong_addresses_are_refused(db: Database) {
    let app = TestApp::configured(db, |builder| builder.public_url("https://id.example")).await;
    let admin = app.admin().await;
    let long = format!("https://app.example/{}", "a".repeat(500));
    let one = async |member: &str, value: Value| {
        let mut body = web(json!({ "name": "app" }));
        body[member] = value;
        app.post("/api/clients", admin, body).await
    };
    for wrong in WRONG.into_iter().chain([long.as_str()]) {
        for member in ["redirect_uris", "post_logout_redirect_uris"] {
            let refused = one(member, json!([wrong])).await;
            refused.invalid(&["body", member]);
        }
    }
    one("redirect_uris", json!([]))
        .await
        .invalid(&["body", "redirect_uris"]);
    for wrong in [
        "http://app.example/start",
        "javascript:x",
        "https://app.example/#x",
        "",
    ] {
        let refused = one("initiate_login_uri", json!(wrong)).await;
        refused.invalid(&["body", "initiate_login_uri"]);
    }
    for wrong in [
        "https://app.example/out#x",
        "ftp://app.example/",
        "app.example",
    ] {
        let refused = one("backchannel_logout_uri", json!(wrong)).await;
        refused.invalid(&["body", "backchannel_logout_uri"]);
    }
    for (member, wrong) in [
        ("kind", json!("spa")),
        ("id_token_alg", json!("none")),
        ("id_token_alg", json!("HS256")),
        ("pkce", json!("plain")),
        ("consent", json!("never")),
        ("tenant", json!("")),
        ("who", json!("nobody")),
        ("who", json!(["ghost"])),
    ] {
        one(member, wrong).await.invalid(&["body", member]);
    }
    let body = json!({ "name": "job", "grants": ["client_credentials"], "kind": "web" });
    let refused = app.post("/api/clients", admin, body).await;
    refused.invalid(&["body", "kind"]);
    assert_eq!(app.db.count("clients").await, 0);
}

async fn m131_m137_a_native_client_is_public_and_proves_its_requests(app: TestApp) {
    let admin = app.admin().await;
    let native = |more: Value| {
        let mut body = web(more);
        body["kind"] = json!("native");
        body["name"] = json!("phone");
        body
    };
    let kept = "5f1a0c3e-0d4b-4a7e-9a57-2f6f0f0e7a11";
    for (member, more) in [
        ("kind", json!({ "public": false })),
        ("client_secret", json!({ "client_secret": kept })),
        ("pkce", json!({ "pkce": "optional" })),
    ] {
        let refused = app.post("/api/clients", admin, native(more)).await;
        refused.invalid(&["body", member]);
    }
    let made = app.post("/api/clients", admin, native(json!({}))).await;
    let made = made.is(201).json.clone();
    assert_eq!(made["public"], true);
    assert_eq!(made.get("client_secret"), None);
    let browser = json!({ "name": "page", "kind": "browser", "grants": ["authorization_code"], "redirect_uris": [REDIRECT] });
    let browser = app.post("/api/clients", admin, browser).await;
    assert_eq!(browser.is(201).json["public"], true);
    // without a challenge
    let id = made["client_id"].as_str().unwrap();
    let query = format!("client_id={id}&redirect_uri={REDIRECT}&response_type=code");
    let refused = app.get(format_args!("/authorize?{query}"), "").await;
    let location = refused.is(303).header("location").unwrap().to_owned();
    assert!(location.contains("error=invalid_request"), "{location}");
}

async fn m132_m134_m135_native_clients_have_schemes_and_free_ports(app: TestApp) {
    let members = json!({
        "kind": "native", "redirect_uris": ["com.example.app:/cb", "http://127.0.0.1/cb", "http://[::1]/cb", REDIRECT],
    });
    let native = app.create_client("phone", web(members)).await;
    let status = async |client: &Credentials, uri: &str| {
        let mut browser = Browser::new(&app);
        browser.authorize(client, uri, &[]).await.status.as_u16()
    };
    for right in [
        "com.example.app:/cb",
        "http://127.0.0.1:1/cb",
        "http://127.0.0.1:65535/cb",
        "http://[::1]:4000/cb",
        REDIRECT,
    ] {
        assert_eq!(status(&native, right).await, 303, "{right}");
    }
    for wrong in [
        "http://127.0.0.1:1/other",
        "http://localhost:1/cb",
        "http://127.0.0.1.evil.example:1/cb",
        "http://127.0.0.2:1/cb",
        "com.example.app:/other",
        "https://app.example:444/cb",
    ] {
        assert_eq!(status(&native, wrong).await, 400, "{wrong}");
    }
    // the port is free for native clients alone
    let members = json!({ "redirect_uris": ["http://127.0.0.1:3000/cb"] });
    let local = app.create_client("local", web(members)).await;
    assert_eq!(status(&local, "http://127.0.0.1:3000/cb").await, 303);
    assert_eq!(status(&local, "http://127.0.0.1:3001/cb").await, 400);
}

async fn consent_skip_needs_all_that_the_client_can_get(app: TestApp) {
    app.create_permission("items:write").await;
    app.create_role("clerk", &["rolecall.clients:write", "items:read"])
        .await;
    app.create_user("alice", &["clerk"]).await;
    let clerk = app.log_in("alice").await;
    let silent = |scope: Value| web(json!({ "name": "silent", "consent": "skip", "scope": scope }));
    for (scope, missing) in [
        (Value::Null, "rolecall.assignments:any"),
        (json!("items:write"), "items:write"),
        (json!("items:read items:write"), "items:write"),
    ] {
        let refused = app.post("/api/clients", &clerk, silent(scope)).await;
        refused.forbidden(missing);
    }
    let by_role = app.post("/api/clients", &clerk, silent(json!("role:rolecall.admin")));
    by_role.await.is(403);
    let made = app
        .post("/api/clients", &clerk, silent(json!("items:read")))
        .await;
    let own = format!("/api/clients/{}", made.is(201).text("client_id"));
    app.patch(&own, &clerk, json!({ "scope": null }))
        .await
        .forbidden("rolecall.assignments:any");
    let asking = app
        .post("/api/clients", &clerk, web(json!({ "name": "asking" })))
        .await;
    let asking = format!("/api/clients/{}", asking.is(201).text("client_id"));
    app.patch(&asking, &clerk, json!({ "consent": "skip" }))
        .await
        .forbidden("rolecall.assignments:any");
    // who could send the answers of such a client elsewhere would get all that its users hold
    let made = app.post("/api/clients", app.admin().await, {
        let mut body = silent(Value::Null);
        body["name"] = json!("first party");
        body
    });
    let first = format!("/api/clients/{}", made.await.is(201).text("client_id"));
    for change in [
        json!({ "redirect_uris": ["https://evil.example/cb"] }),
        json!({ "consent": "ask", "redirect_uris": ["https://evil.example/cb"] }),
        json!({ "scope": "items:read", "redirect_uris": ["https://evil.example/cb"] }),
    ] {
        app.patch(&first, &clerk, change)
            .await
            .forbidden("rolecall.assignments:any");
    }
    app.patch(&first, app.admin().await, json!({ "name": "renamed" }))
        .await
        .is(200);
}

async fn who_is_bound_by_the_delegation_limit_and_narrowing_it_ends_sessions(app: TestApp) {
    app.create_role("boss", &["items:write"]).await;
    app.create_role("clerk", &["rolecall.clients:write"]).await;
    app.create_user("bob", &["clerk"]).await;
    let alice = app.create_user("alice", &["boss"]).await;
    let clerk = app.log_in("bob").await;
    let body = web(json!({ "name": "for bosses", "who": ["boss"] }));
    app.post("/api/clients", &clerk, body)
        .await
        .forbidden("items:write");
    let members = json!({ "consent": "skip", "who": ["boss"] });
    let client = app.create_client("app", web(members)).await;
    let path = format!("/api/clients/{}", client.id);
    let admin = app.admin().await;
    let code = Browser::new(&app).sign_in(&client, REDIRECT, &[]).await;
    let tokens = app.redeem(&client, code.code(), REDIRECT, &[]).await;
    let (access, refresh) = (
        tokens.is(200).text("access_token"),
        tokens.text("refresh_token"),
    );
    // one who holds the role no more is out, and so is their next token
    app.unassign(&alice, "boss").await;
    app.get("/api/me", &access).await.ended_token();
    app.refresh_through(&client, &refresh)
        .await
        .oauth_error(400, "invalid_grant");
    let refused = Browser::new(&app).sign_in(&client, REDIRECT, &[]).await;
    assert_eq!(refused.error(), "access_denied");
    app.patch(&path, admin, json!({ "who": "everybody" }))
        .await
        .is(200);
    let code = Browser::new(&app).sign_in(&client, REDIRECT, &[]).await;
    let tokens = app.redeem(&client, code.code(), REDIRECT, &[]).await;
    let access = tokens.is(200).text("access_token");
    app.get("/api/me", &access).await.is(200);
    app.patch(&path, admin, json!({ "who": ["boss"] }))
        .await
        .is(200);
    app.get("/api/me", &access).await.ended_token();
}

async fn i099_rolecall_s_own_permissions_are_for_first_parties(app: TestApp) {
    app.create_user("alice", &["rolecall.admin"]).await;
    let asked = [("scope", "openid rolecall.users:read role:rolecall.admin")];
    let scope_of = async |client: &Credentials, more: &[(&str, &str)]| {
        let code = Browser::new(&app).sign_in(client, REDIRECT, more).await;
        let tokens = app.redeem(client, code.code(), REDIRECT, &[]).await;
        let token = tokens.is(200).text("access_token");
        let again = app
            .refresh_through(client, &tokens.text("refresh_token"))
            .await;
        let again = again.is(200).text("access_token");
        let carried = |token: &str| {
            let claims = claims(token);
            format!("{} {}", claims["scope"], claims["roles"])
        };
        (carried(&token), carried(&again))
    };
    let third = app.create_client("third", web(json!({}))).await;
    for more in [&asked[..], &[]] {
        let (token, again) = scope_of(&third, more).await;
        assert!(
            !token.contains("rolecall") && !again.contains("rolecall"),
            "{token} {again}"
        );
    }
    let members = json!({ "consent": "skip" });
    let first = app.create_client("first", web(members)).await;
    let (token, again) = scope_of(&first, &asked).await;
    for carried in [token, again] {
        assert!(carried.contains("rolecall.users:read"), "{carried}");
    }
}

async fn a_client_of_one_tenant_signs_in_to_no_other(app: TestApp) {
    app.create_role("editor", &["items:write"]).await;
    let alice = app.create_user("alice", &[]).await;
    app.assign_in(&alice, "editor", "acme").await;
    let members = json!({ "tenant": "acme", "consent": "skip" });
    let client = app.create_client("app", web(members)).await;
    for more in [&[][..], &[("tenant", "acme")]] {
        let code = Browser::new(&app).sign_in(&client, REDIRECT, more).await;
        let tokens = app.redeem(&client, code.code(), REDIRECT, &[]).await;
        let claims = claims(&tokens.is(200).text("access_token"));
        assert_eq!(claims["tenant"], "acme");
    }
    let other = [("tenant", "other")];
    let refused = Browser::new(&app).sign_in(&client, REDIRECT, &other).await;
    assert_eq!(refused.error(), "invalid_request");
}

async fn y307_opening_a_client_to_others_needs_the_roles_in_who(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("staff", &["items:read"]).await;
    app.create_role("clerk", &["rolecall.clients:write"]).await;
    app.create_user("alice", &["clerk"]).await;
    let clerk = app.log_in("alice").await;
    let members = json!({ "who": ["staff"], "tenant": "acme", "acr": "aal2" });
    let client = app.create_client("vault", web(members)).await;
    let path = format!("/api/clients/{}", client.id);
    let grants = ["authorization_code", "refresh_token", "password"];
    let opening = [
        json!({ "tenant": null }),
        json!({ "tenant": "ask" }),
        json!({ "acr": "aal1" }),
        json!({ "grants": grants }),
    ];
    for change in &opening {
        let refused = app.patch(&path, &clerk, change.clone()).await;
        refused.forbidden("items:read");
    }
    // fewer ways in, and another name, are hers to choose
    let fewer = json!({ "grants": ["authorization_code"], "name": "vaults" });
    app.patch(&path, &clerk, fewer).await.is(200);
    for change in opening {
        app.patch(&path, admin, change).await.is(200);
    }
    // without `who`, anybody may sign in anyway
    let client = app
        .create_client("wiki", web(json!({ "tenant": "acme" })))
        .await;
    let path = format!("/api/clients/{}", client.id);
    let change = json!({ "tenant": null });
    app.patch(&path, &clerk, change).await.is(200);
}

async fn y288_the_secret_of_a_client_that_asks_nobody_needs_all_that_it_can_get(app: TestApp) {
    let admin = app.admin().await;
    app.create_permission("items:write").await;
    let held = ["rolecall.clients:write", "items:read"];
    app.create_role("clerk", &held).await;
    app.create_user("alice", &["clerk"]).await;
    let clerk = app.log_in("alice").await;
    let skip = |scope: Value| json!({ "consent": "skip", "scope": scope });
    for (number, (members, missing)) in [
        (skip(Value::Null), Some("rolecall.assignments:any")),
        (skip(json!("items:write")), Some("items:write")),
        (skip(json!("items:read")), None),
        (json!({ "scope": "items:write" }), None),
    ]
    .into_iter()
    .enumerate()
    {
        let client = app
            .create_client(&format!("app{number}"), web(members))
            .await;
        let path = format!("/api/clients/{}", client.id);
        let rotated = app.post(format!("{path}/secret"), &clerk, json!({})).await;
        if let Some(missing) = missing {
            rotated.forbidden(missing);
            app.delete(&path, &clerk).await.forbidden(missing);
            app.delete(&path, admin).await.no_content();
        } else {
            rotated.is(200);
            app.delete(&path, &clerk).await.no_content();
        }
        app.get(&path, admin).await.is(404);
    }
}

/// The command that registers a client with everything.
const ADD: [&str; 22] = [
    "client",
    "add",
    "wiki",
    "--kind",
    "web",
    "--redirect-uri",
    "https://wiki.example/cb",
    "--post-logout-redirect-uri",
    "https://wiki.example/",
    "--backchannel-logout-uri",
    "https://wiki.example/out",
    "--initiate-login-uri",
    "https://wiki.example/start",
    "--id-token-alg",
    "ES256",
    "--claims-in-id-token",
    "--acr",
    "aal2",
    "--who",
    "staff",
    "--tenant",
    "acme",
];

async fn i129_the_command_line_registers_changes_and_shows_a_client(app: TestApp) {
    app.create_role("staff", &[]).await;
    let added = run(&app, &ADD).await;
    let secret = added.split_once("rcs_").unwrap().1;
    let secret = secret.split_whitespace().next().unwrap();
    let shown = run(&app, &["client", "show", "wiki"]).await;
    for part in [
        "http://127.0.0.1:8000\n",
        "http://127.0.0.1:8000/.well-known/openid-configuration",
        "redirect_uri              https://wiki.example/cb",
        "post_logout_redirect_uri  https://wiki.example/\n",
        "backchannel_logout_uri    https://wiki.example/out",
        "kind                      web",
        "acr                       aal2",
        "who                       staff",
        "authorization_code, refresh_token",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains(secret));
    let updated = [
        "client",
        "update",
        "wiki",
        "--name",
        "Wiki",
        "--redirect-uri",
        "https://wiki.example/new",
        "--consent",
        "skip",
        "--acr",
        "aal1",
        "--clear",
        "who",
        "--clear",
        "tenant",
        "--clear",
        "backchannel-logout-uri",
    ];
    run(&app, &updated).await;
    let json: Value =
        serde_json::from_str(&run(&app, &["--json", "client", "show", "Wiki"]).await).unwrap();
    assert_eq!(json["redirect_uris"], json!(["https://wiki.example/new"]));
    assert_eq!(json["who"], json!([]));
    assert_eq!(json["backchannel_logout_uri"], Value::Null);
    assert_eq!(
        (&json["consent"], &json["id_token_alg"]),
        (&json!("skip"), &json!("ES256"))
    );
    assert_eq!(json["acr"], "aal1");
    assert_eq!(json["issuer"], "http://127.0.0.1:8000");
    assert_eq!(json.get("client_secret"), None);
    a_native_client_has_no_secret_and_wrong_ones_are_refused(&app).await;
}

async fn a_native_client_has_no_secret_and_wrong_ones_are_refused(app: &TestApp) {
    let native = [
        "client",
        "add",
        "phone",
        "--kind",
        "native",
        "--redirect-uri",
        "com.example.app:/cb",
    ];
    let added = run(app, &native).await;
    assert!(!added.contains("rcs_"), "{added}");
    let useless = run_failing(app, &["client", "add", "nothing"]).await;
    assert!(useless.contains("--kind"), "{useless}");
    let wrong = [
        "client",
        "add",
        "x",
        "--kind",
        "web",
        "--redirect-uri",
        "http://x.example",
    ];
    let wrong = run_failing(app, &wrong).await;
    assert!(wrong.contains("redirect_uris"), "{wrong}");
}
