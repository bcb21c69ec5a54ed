//! Clients on the pages for administrators.

use std::time::Duration;

use serde_json::json;

use super::{between, is_done, page, signed_in};
use crate::support::{Browser, Credentials, Response, TestApp, on_both};

on_both![
    a_client_is_registered_shown_changed_and_deleted,
    every_member_of_a_client_is_registered_and_changed,
    a_program_fills_the_form_in_and_is_told_what_to_enter,
    a_client_without_a_secret_gets_none,
    a_client_keeps_its_id_and_secret,
    two_secrets_work_side_by_side_and_the_old_one_is_ended,
    y506_a_secret_is_shown_once_and_is_nowhere_afterwards,
    what_is_wrong_with_a_client_is_said_at_its_field,
    a_client_gets_a_role_and_loses_it,
    clients_are_listed_page_by_page,
    y461_clients_are_for_those_who_may_read_and_write_them,
    y464_a_tenant_administrator_sees_no_clients,
    y466_whatever_changes_a_client_needs_a_fresh_proof,
    y466_a_role_of_rolecall_for_a_client_needs_a_fresh_proof,
    y507_nobody_registers_more_than_they_hold,
    y460_hostile_members_stay_text_on_every_page_of_a_client,
];

const CLIENTS: &str = "/admin/clients";
const NEW: &str = "/admin/clients/new";

/// Registers a web application by the form.
async fn register(browser: &mut Browser<'_>, name: &str, more: &[(&str, &str)]) -> Response {
    let form = [
        ("name", name),
        ("kind", "web"),
        ("grants", "refresh_token"),
        ("redirect_uris", "https://app.example/cb"),
    ];
    browser.submit(NEW, &[&form, more].concat()).await
}

/// The id and the secret that the page after a registration or rotation shows.
fn shown(text: &str) -> Credentials {
    let id = between(
        text,
        "<dt><code>client_id</code></dt><dd><code class=\"copy\">",
        "<",
    );
    let secret = between(text, "<code class=\"code\">", "<");
    assert!(!id.is_empty() && secret.starts_with("rcs_"), "{text}");
    Credentials::new(id, secret)
}

/// Registers a web application that acts for itself too.
async fn worker(browser: &mut Browser<'_>) -> Credentials {
    let more = [("grants", "client_credentials")];
    shown(&page(&register(browser, "worker", &more).await, 200))
}

async fn a_client_is_registered_shown_changed_and_deleted(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    let text = page(&browser.open(CLIENTS).await, 200);
    assert!(text.contains("No program is registered yet."), "{text}");
    browser.open(NEW).await.is(200);
    let text = page(&register(&mut browser, "Wiki", &[]).await, 200);
    let client = shown(&text);
    assert!(text.contains("Wiki is registered"), "{text}");
    let path = format!("{CLIENTS}/{}", client.id);
    let text = page(&browser.open(CLIENTS).await, 200);
    assert!(text.contains(&format!("href=\"{path}\"")) && text.contains("Wiki"));
    let text = page(&browser.open(&path).await, 200);
    for expected in [
        "<code class=\"copy\">https://app.example/cb</code>",
        "/.well-known/openid-configuration",
        "/authorize",
        "/token",
        "/userinfo",
        "/.well-known/jwks.json",
        "Web application",
        "Everybody",
        "People are asked once",
        "<code>refresh_token</code>",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let text = page(&browser.open(&format!("{path}/edit")).await, 200);
    assert!(text.contains("value=\"Wiki\"") && text.contains("https://app.example/cb"));
    let form = [
        ("name", "Notes"),
        ("kind", "web"),
        (
            "redirect_uris",
            "https://app.example/a\r\nhttps://app.example/b",
        ),
        ("scope", "items:read"),
    ];
    let saved = browser.submit(&format!("{path}/edit"), &form).await;
    is_done(&saved, &path, "saved");
    let api = path.replace("/admin", "/api");
    let stored = app.get(&api, app.admin().await).await;
    assert_eq!(stored.is(200).text("name"), "Notes");
    assert_eq!(
        stored.texts("redirect_uris"),
        ["https://app.example/a", "https://app.example/b"]
    );
    assert_eq!(stored.texts("grants"), ["authorization_code"]);
    assert_eq!(stored.text("scope"), "items:read");
    let text = page(&browser.open(&format!("{path}/delete")).await, 200);
    for expected in [
        "Delete the client Notes",
        "Its tokens are refused at once",
        "It has no role of its own.",
        "This cannot be undone.",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    app.get(&api, app.admin().await).await.is(200);
    let gone = browser.submit(&format!("{path}/delete"), &[]).await;
    is_done(&gone, CLIENTS, "client-deleted");
    app.get(&api, app.admin().await).await.is(404);
    for below in ["", "/edit", "/secret", "/delete", "/assign"] {
        browser.open(&format!("{path}{below}")).await.is(404);
    }
}

#[expect(clippy::too_many_lines, reason = "a table")]
async fn every_member_of_a_client_is_registered_and_changed(app: TestApp) {
    app.create_role("staff", &["items:read"]).await;
    app.create_role("guest", &[]).await;
    let mut browser = signed_in(&app, "admin").await;
    let form = [
        ("grants", "password"),
        ("post_logout_redirect_uris", "https://app.example/bye"),
        ("backchannel_logout_uri", "https://app.example/out"),
        ("initiate_login_uri", "https://app.example/start"),
        ("scope", "items:read role:staff"),
        ("audiences", "https://a.example\r\nhttps://b.example"),
        ("consent", "skip"),
        ("pkce", "optional"),
        ("acr", "aal2"),
        ("tenant", "acme"),
        ("who", "staff, guest"),
        ("id_token_alg", "EdDSA"),
        ("claims_in_id_token", "on"),
        ("roles", "guest"),
    ];
    let id = shown(&page(&register(&mut browser, "full", &form).await, 200)).id;
    let api = format!("/api/clients/{id}");
    let stored = app.get(&api, app.admin().await).await.is(200).json.clone();
    for (member, value) in [
        (
            "grants",
            json!(["authorization_code", "password", "refresh_token"]),
        ),
        (
            "post_logout_redirect_uris",
            json!(["https://app.example/bye"]),
        ),
        ("backchannel_logout_uri", json!("https://app.example/out")),
        ("initiate_login_uri", json!("https://app.example/start")),
        ("scope", json!("items:read role:staff")),
        (
            "audiences",
            json!(["https://a.example", "https://b.example"]),
        ),
        ("consent", json!("skip")),
        ("pkce", json!("optional")),
        ("acr", json!("aal2")),
        ("tenant", json!("acme")),
        ("who", json!(["staff", "guest"])),
        ("id_token_alg", json!("EdDSA")),
        ("claims_in_id_token", json!(true)),
        ("roles", json!(["guest"])),
        ("kind", json!("web")),
        ("public", json!(false)),
    ] {
        assert_eq!(stored[member], value, "{member}");
    }
    let text = page(&browser.open(&format!("{CLIENTS}/{id}")).await, 200);
    for expected in [
        "href=\"/admin/roles/staff\"",
        "acme",
        "Nobody is asked",
        "With a second factor",
        "EdDSA",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    // an empty field takes the member away
    let bare = [
        ("name", "full"),
        ("kind", "web"),
        ("redirect_uris", "https://app.example/cb"),
    ];
    let saved = browser.submit(&format!("{CLIENTS}/{id}/edit"), &bare).await;
    is_done(&saved, &format!("{CLIENTS}/{id}"), "saved");
    let stored = app
        .get(&api, &app.log_in("admin").await)
        .await
        .is(200)
        .json
        .clone();
    for (member, value) in [
        ("grants", json!(["authorization_code"])),
        ("post_logout_redirect_uris", json!([])),
        ("backchannel_logout_uri", json!(null)),
        ("initiate_login_uri", json!(null)),
        ("scope", json!(null)),
        ("audiences", json!([])),
        ("consent", json!("ask")),
        ("pkce", json!("required")),
        ("acr", json!("aal1")),
        ("tenant", json!(null)),
        ("who", json!([])),
        ("id_token_alg", json!("RS256")),
        ("claims_in_id_token", json!(false)),
        ("roles", json!(["guest"])),
    ] {
        assert_eq!(stored[member], value, "{member}");
    }
}

async fn a_program_fills_the_form_in_and_is_told_what_to_enter(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    let text = page(&browser.open(CLIENTS).await, 200);
    for (word, redirect) in [
        ("fastapi", "https://app.example.com/callback"),
        ("grafana", "https://grafana.example.com/login/generic_oauth"),
        ("oauth2-proxy", "https://app.example.com/oauth2/callback"),
        ("kubernetes", "http://localhost:8000"),
        ("nextcloud", "https://cloud.example.com/apps/user_oidc/code"),
        (
            "gitlab",
            "https://gitlab.example.com/users/auth/openid_connect/callback",
        ),
        ("mcp", "http://127.0.0.1/callback"),
    ] {
        let form = format!("{NEW}?preset={word}");
        assert!(text.contains(&format!("href=\"{form}\"")), "{word}");
        let filled = page(&browser.open(&form).await, 200);
        assert!(filled.contains(redirect), "{word}: {filled}");
    }
    let filled = page(
        &browser
            .open(&format!(
                "{NEW}?preset=grafana&address=https://plots.example/"
            ))
            .await,
        200,
    );
    assert!(
        filled.contains("https://plots.example/login/generic_oauth"),
        "{filled}"
    );
    let more = [("preset", "grafana")];
    let text = page(&register(&mut browser, "Grafana", &more).await, 200);
    let client = shown(&text);
    assert!(
        text.contains("grafana.ini") && text.contains("[auth.generic_oauth]"),
        "{text}"
    );
    assert!(text.contains(&format!("client_id = {}", client.id)));
    // the block is to be copied as it is: the secret stands above it
    assert_eq!(text.matches(&client.secret).count(), 1);
    let path = format!("{CLIENTS}/{}", client.id);
    let text = page(&browser.open(&path).await, 200);
    assert!(
        !text.contains("[auth.generic_oauth]")
            && text.contains(&format!("href=\"{path}?preset=grafana\""))
    );
    let text = page(&browser.open(&format!("{path}?preset=grafana")).await, 200);
    assert!(text.contains("[auth.generic_oauth]"));
    let text = page(&browser.open(&format!("{NEW}?preset=nothing")).await, 200);
    assert!(!text.contains("<button>Fill in</button>"), "{text}");
}

async fn a_client_without_a_secret_gets_none(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    let form = [
        ("name", "cluster"),
        ("kind", "native"),
        ("redirect_uris", "http://localhost:8000"),
        ("preset", "kubernetes"),
    ];
    let made = browser.submit(NEW, &form).await;
    let location = made.is(303).header("location").unwrap().to_owned();
    assert!(
        location.ends_with("?done=client-created&preset=kubernetes"),
        "{location}"
    );
    let text = page(&browser.open(&location).await, 200);
    for expected in [
        "The client is registered.",
        "--oidc-issuer-url=",
        "no secret",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let path = location.split_once('?').unwrap().0;
    assert!(!text.contains(&format!("{path}/secret")), "{text}");
    let refused = browser
        .submit(&format!("{path}/secret"), &[("overlap", "1")])
        .await;
    assert!(page(&refused, 409).contains("is public: it has no secret"));
}

async fn a_client_keeps_its_id_and_secret(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    let secret = "5f1a0c3e-0d4b-4a7e-9a57-2f6f0f0e7a11";
    let form = [
        ("grants", "client_credentials"),
        ("client_id", "old-shop"),
        ("client_secret", secret),
    ];
    let made = register(&mut browser, "shop", &form).await;
    is_done(&made, "/admin/clients/old-shop", "client-created");
    app.act_as(&Credentials::new("old-shop", secret)).await;
    let weak = [("client_id", "other"), ("client_secret", "short")];
    let text = page(&register(&mut browser, "other", &weak).await, 422);
    assert!(text.contains("href=\"#client_secret\""), "{text}");
    assert!(!text.contains("value=\"short\""), "{text}");
}

async fn two_secrets_work_side_by_side_and_the_old_one_is_ended(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    let old = worker(&mut browser).await;
    let path = format!("{CLIENTS}/{}", old.id);
    let secret = format!("{path}/secret");
    let text = page(&browser.open(&secret).await, 200);
    assert!(!text.contains("End it now"), "{text}");
    let text = page(&browser.submit(&secret, &[("overlap", "168")]).await, 200);
    let new = shown(&text);
    assert!(text.contains("datetime=\"2030-01-08T00:00:00Z\""), "{text}");
    app.act_as(&old).await;
    app.act_as(&new).await;
    let text = page(&browser.open(&path).await, 200);
    assert!(text.contains("The secret before works until"), "{text}");
    let text = page(&browser.open(&secret).await, 200);
    assert!(text.contains("End it now"), "{text}");
    let ended = browser.submit(&secret, &[("step", "end")]).await;
    is_done(&ended, &path, "client-secret-ended");
    app.try_act_as(&old, &[])
        .await
        .oauth_error(401, "invalid_client");
    app.act_as(&new).await;
    let text = page(&browser.open(&path).await, 200);
    assert!(!text.contains("The secret before works until"), "{text}");
    let text = page(&browser.submit(&secret, &[("overlap", "0")]).await, 200);
    let newest = shown(&text);
    assert!(!text.contains("The secret before works until"), "{text}");
    app.try_act_as(&new, &[])
        .await
        .oauth_error(401, "invalid_client");
    app.act_as(&newest).await;
}

async fn y506_a_secret_is_shown_once_and_is_nowhere_afterwards(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    let made = register(&mut browser, "worker", &[("grants", "client_credentials")]).await;
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let first = shown(&page(&made, 200));
    let path = format!("{CLIENTS}/{}", first.id);
    let rotated = browser.submit(&format!("{path}/secret"), &[]).await;
    assert_eq!(rotated.header("cache-control"), Some("no-store"));
    let second = shown(&page(&rotated, 200));
    assert_ne!(first.secret, second.secret);
    for below in ["", "?preset=gitlab", "/edit", "/secret", "/delete"] {
        let text = page(&browser.open(&format!("{path}{below}")).await, 200);
        for secret in [&first.secret, &second.secret] {
            assert!(!text.contains(secret.as_str()), "{below}");
        }
        assert!(
            !text.contains("secret_hash") && !text.contains("$argon"),
            "{below}"
        );
    }
    let audit = app.get("/api/audit", app.admin().await).await;
    let audit = String::from_utf8_lossy(&audit.is(200).body).into_owned();
    assert!(audit.contains("client.secret_rotated"));
    assert!(!audit.contains(&first.secret) && !audit.contains(&second.secret));
}

async fn what_is_wrong_with_a_client_is_said_at_its_field(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    register(&mut browser, "taken", &[]).await.is(200);
    let good = [
        ("name", "app"),
        ("kind", "web"),
        ("redirect_uris", "https://app.example/cb"),
    ];
    for (field, wrong, status) in [
        ("name", "", 422),
        ("name", "018bcfe5-6800-7000-8000-000000000000", 422),
        ("kind", "spa", 422),
        ("grants", "implicit", 422),
        ("redirect_uris", "", 422),
        ("redirect_uris", "http://app.example/cb", 422),
        ("redirect_uris", "https://app.example/*", 422),
        ("post_logout_redirect_uris", "javascript:alert(1)", 422),
        ("backchannel_logout_uri", "http://app.example/out", 422),
        ("initiate_login_uri", "http://app.example/start", 422),
        ("scope", "items:*", 422),
        ("audiences", "a\"b", 422),
        ("consent", "never", 422),
        ("pkce", "plain", 422),
        ("acr", "aal9", 422),
        ("tenant", "No Tenant", 422),
        ("who", "nothing", 422),
        ("who", "No-Role", 422),
        ("roles", "No-Role", 422),
        ("client_id", "rolecall.x", 422),
    ] {
        let form = good.iter().filter(|(name, _)| *name != field);
        let form: Vec<(&str, &str)> = form.copied().chain([(field, wrong)]).collect();
        let text = page(&browser.submit(NEW, &form).await, status);
        assert!(
            text.contains(&format!("href=\"#{field}\"")),
            "{field}={wrong}: {text}"
        );
        assert!(text.contains(&format!("id=\"{field}\"")), "{field}: {text}");
    }
    let text = page(&register(&mut browser, "taken", &[]).await, 409);
    assert!(
        text.contains("id=\"faults\"") && text.contains("value=\"taken\""),
        "{text}"
    );
    let made = register(&mut browser, "other", &[]).await;
    let path = format!("{CLIENTS}/{}", shown(&page(&made, 200)).id);
    let form = [
        ("name", "taken"),
        ("kind", "web"),
        ("redirect_uris", "https://app.example/cb"),
    ];
    let text = page(&browser.submit(&format!("{path}/edit"), &form).await, 409);
    assert!(text.contains("value=\"taken\""), "{text}");
    let form = [
        ("name", "other"),
        ("kind", "native"),
        ("redirect_uris", "https://app.example/cb"),
    ];
    let text = page(&browser.submit(&format!("{path}/edit"), &form).await, 422);
    assert!(text.contains("href=\"#kind\""), "{text}");
    let token = app.admin().await;
    assert_eq!(app.get("/api/clients", token).await.items("name").len(), 2);
}

async fn a_client_gets_a_role_and_loses_it(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    let mut browser = signed_in(&app, "admin").await;
    let client = worker(&mut browser).await;
    let path = format!("{CLIENTS}/{}", client.id);
    let text = page(&browser.open(&format!("{path}/assign")).await, 200);
    assert!(text.contains("worker gets the role"), "{text}");
    let form = [("role", "reader"), ("reason", "Nightly job")];
    is_done(
        &browser.submit(&format!("{path}/assign"), &form).await,
        &path,
        "assigned",
    );
    let text = page(&browser.open(&path).await, 200);
    for expected in [
        "Nightly job",
        "href=\"/admin/roles/reader\"",
        &format!("{path}/unassign?role=reader"),
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let text = page(&browser.open("/admin/roles/reader").await, 200);
    assert!(text.contains(&format!("href=\"{path}\"")), "{text}");
    let text = page(&browser.open(&format!("{path}/delete")).await, 200);
    assert!(text.contains("One role assignment goes."), "{text}");
    let text = page(
        &browser.open(&format!("{path}/unassign?role=reader")).await,
        200,
    );
    assert!(text.contains("worker loses the role"), "{text}");
    let form = [("role", "reader"), ("tenant", "")];
    is_done(
        &browser.submit(&format!("{path}/unassign"), &form).await,
        &path,
        "unassigned",
    );
    let stored = app
        .get(path.replace("/admin", "/api"), app.admin().await)
        .await;
    assert!(stored.texts("roles").is_empty());
    let form = [("role", "nothing")];
    let text = page(&browser.submit(&format!("{path}/assign"), &form).await, 404);
    assert!(text.contains("id=\"faults\""), "{text}");
}

async fn clients_are_listed_page_by_page(app: TestApp) {
    for number in 0..60 {
        app.create_client(&format!("many{number:02}"), json!({}))
            .await;
    }
    let mut browser = signed_in(&app, "admin").await;
    let (mut found, mut path) = (0, CLIENTS.to_owned());
    let mut pages = 0;
    loop {
        let text = page(&browser.open(&path).await, 200);
        found += text.matches("<strong>many").count();
        pages += 1;
        let Some((_, after)) = text.split_once("rel=\"next\" href=\"") else {
            break;
        };
        path = after.split_once('"').unwrap().0.replace("&amp;", "&");
    }
    assert_eq!((found, pages), (60, 2));
}

async fn y461_clients_are_for_those_who_may_read_and_write_them(app: TestApp) {
    app.create_role("reader", &["rolecall.clients:read"]).await;
    app.create_user("reader", &["reader"]).await;
    app.create_role("other", &["rolecall.users:read"]).await;
    app.create_user("other", &["other"]).await;
    app.create_user("alice", &[]).await;
    let client = app
        .create_client("worker", json!({ "roles": ["reader"] }))
        .await;
    let path = format!("{CLIENTS}/{}", client.id);
    let mut reader = signed_in(&app, "reader").await;
    let text = page(&reader.open(CLIENTS).await, 200);
    assert!(text.contains("worker") && !text.contains("/new"), "{text}");
    let text = page(&reader.open(&path).await, 200);
    for hidden in [
        "/edit",
        "/secret",
        "/delete",
        "/assign",
        "/admin/roles/",
        ">Events<",
    ] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
    assert!(text.contains("<p>reader</p>"), "{text}");
    let revision = app.db.revision().await;
    let writes = [
        "/edit",
        "/secret",
        "/delete",
        "/assign",
        "/unassign?role=reader",
    ];
    let writes = writes.map(|below| format!("{path}{below}"));
    for path in writes.iter().map(String::as_str).chain([NEW]) {
        let text = page(&reader.open(path).await, 403);
        assert!(
            text.contains("Not permitted") && text.contains("rolecall."),
            "{path}"
        );
        let form = [
            ("name", "eve"),
            ("kind", "web"),
            ("redirect_uris", "https://evil.example/cb"),
            ("role", "reader"),
        ];
        let sent = reader.submit(path.split('?').next().unwrap(), &form).await;
        sent.is(403);
    }
    let mut other = signed_in(&app, "other").await;
    let text = page(&other.open("/admin").await, 200);
    assert!(!text.contains(CLIENTS), "{text}");
    let mut alice = signed_in(&app, "alice").await;
    for path in [CLIENTS, NEW, &path] {
        other.open(path).await.is(403);
        let text = page(&alice.open(path).await, 403);
        assert!(text.contains("Nothing to administrate"), "{text}");
        let begun = Browser::new(&app).open(path).await;
        let location = begun.is(303).header("location").unwrap();
        assert!(location.starts_with("/login?flow="), "{location}");
    }
    assert_eq!(app.db.revision().await, revision);
}

async fn y464_a_tenant_administrator_sees_no_clients(app: TestApp) {
    let permissions = [
        "rolecall.assignments:read",
        "rolecall.assignments:write",
        "rolecall.clients:read",
        "rolecall.clients:write",
        "items:read",
    ];
    app.create_role("chief", &permissions).await;
    app.create_plain_role("viewer", &["items:read"]).await;
    let boss = app.create_user("boss", &[]).await;
    app.assign_in(&boss, "chief", "acme").await;
    let client = app.create_client("worker", json!({})).await;
    let path = format!("{CLIENTS}/{}", client.id);
    let mut browser = signed_in(&app, "boss").await;
    let text = page(&browser.open("/admin").await, 200);
    assert!(
        text.contains("Tenant acme") && !text.contains(CLIENTS),
        "{text}"
    );
    let pages = ["/edit", "/secret", "/delete", ""].map(|below| format!("{path}{below}"));
    for path in pages.iter().map(String::as_str).chain([CLIENTS, NEW]) {
        let text = page(&browser.open(path).await, 403);
        assert!(!text.contains("worker"), "{text}");
    }
    browser.submit(&format!("{path}/secret"), &[]).await.is(403);
    browser.submit(&format!("{path}/delete"), &[]).await.is(403);
    register(&mut browser, "mine", &[]).await.is(403);
    // roles are given to clients in the tenant alone, as by the API, and without the name of the client
    let text = page(&browser.open(&format!("{path}/assign")).await, 200);
    assert!(!text.contains("worker"), "{text}");
    let form = [("role", "viewer"), ("tenant", "other")];
    let given = browser.submit(&format!("{path}/assign"), &form).await;
    is_done(&given, &path, "assigned");
    let roles = format!("/api/clients/{}/roles", client.id);
    let listed = app.get(&roles, app.admin().await).await;
    assert_eq!(listed.items("tenant"), ["acme"]);
}

#[track_caller]
fn asks_to_sign_in(response: &Response) -> String {
    let location = response.is(303).header("location").unwrap();
    assert!(location.starts_with("/login?flow="), "{location}");
    location.strip_prefix("/login?flow=").unwrap().to_owned()
}

async fn y466_whatever_changes_a_client_needs_a_fresh_proof(app: TestApp) {
    let client = app.create_client("worker", json!({})).await;
    let path = format!("{CLIENTS}/{}", client.id);
    let mut browser = signed_in(&app, "admin").await;
    app.pass_time(Duration::from_secs(15 * 60 + 1));
    browser.open(CLIENTS).await.is(200);
    browser.open(&path).await.is(200);
    let revision = app.db.revision().await;
    let form = [
        ("name", "x"),
        ("kind", "web"),
        ("redirect_uris", "https://evil.example/cb"),
    ];
    for below in ["/edit", "/secret", "/delete"] {
        let path = format!("{path}{below}");
        asks_to_sign_in(&browser.open(&path).await);
        asks_to_sign_in(&browser.submit(&path, &form).await);
    }
    asks_to_sign_in(
        &browser
            .submit(&format!("{path}/secret"), &[("step", "end")])
            .await,
    );
    asks_to_sign_in(&browser.open(NEW).await);
    // what was entered is there again after the sign-in, but for a secret
    let more = [
        ("client_secret", "5f1a0c3e-0d4b-4a7e-9a57-2f6f0f0e7a11"),
        ("grants", "password"),
    ];
    let flow = asks_to_sign_in(&register(&mut browser, "later", &more).await);
    assert_eq!(app.db.revision().await, revision);
    let entered = browser
        .log_in(&flow, "admin", crate::support::PASSWORD)
        .await;
    let back = entered.is(303).header("location").unwrap().to_owned();
    assert!(
        back.starts_with(&format!("{NEW}?")) && !back.contains("5f1a0c3e"),
        "{back}"
    );
    let text = page(&browser.open(&back).await, 200);
    for expected in ["value=\"later\"", "https://app.example/cb"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert_eq!(text.matches("name=\"grants\"").count(), 3);
    for grant in ["refresh_token", "password"] {
        assert!(
            text.contains(&format!("value=\"{grant}\" checked")),
            "{grant}: {text}"
        );
    }
    register(&mut browser, "later", &[]).await.is(200);
}

async fn y466_a_role_of_rolecall_for_a_client_needs_a_fresh_proof(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let client = app.create_client("worker", json!({})).await;
    let path = format!("{CLIENTS}/{}", client.id);
    let mut browser = signed_in(&app, "admin").await;
    app.pass_time(Duration::from_mins(16));
    let assign = format!("{path}/assign");
    is_done(
        &browser.submit(&assign, &[("role", "editor")]).await,
        &path,
        "assigned",
    );
    asks_to_sign_in(
        &browser
            .submit(&assign, &[("role", "rolecall.resource-server")])
            .await,
    );
    let stored = app
        .get(path.replace("/admin", "/api"), &app.log_in("admin").await)
        .await;
    assert_eq!(stored.texts("roles"), ["editor"]);
}

async fn y507_nobody_registers_more_than_they_hold(app: TestApp) {
    let own = [
        "rolecall.clients:read",
        "rolecall.clients:write",
        "rolecall.assignments:write",
        "items:read",
    ];
    app.create_role("desk", &own).await;
    app.create_role("secret", &["items:write"]).await;
    app.create_user("desk", &["desk"]).await;
    let strong = app
        .create_client("strong", json!({ "roles": ["secret"] }))
        .await;
    let mut browser = signed_in(&app, "desk").await;
    let revision = app.db.revision().await;
    for more in [
        [("consent", "skip"), ("scope", "")],
        [("consent", "skip"), ("scope", "items:write")],
        [("who", "secret"), ("scope", "items:read")],
        [("roles", "secret"), ("scope", "items:read")],
    ] {
        let text = page(&register(&mut browser, "mine", &more).await, 403);
        assert!(text.contains("You lack:"), "{more:?}: {text}");
        assert!(text.contains("value=\"mine\""), "{more:?}: {text}");
    }
    // whoever gets the secret could act as the client
    let path = format!("{CLIENTS}/{}", strong.id);
    for (below, form) in [
        ("secret", vec![("overlap", "1")]),
        ("delete", vec![]),
        (
            "edit",
            vec![("name", "x"), ("kind", ""), ("grants", "password")],
        ),
    ] {
        let text = page(
            &browser.submit(&format!("{path}/{below}"), &form).await,
            403,
        );
        assert!(text.contains("You lack:"), "{below}: {text}");
    }
    assert_eq!(app.db.revision().await, revision);
    let more = [("consent", "skip"), ("scope", "items:read")];
    register(&mut browser, "mine", &more).await.is(200);
}

async fn y460_hostile_members_stay_text_on_every_page_of_a_client(app: TestApp) {
    let hostile = "\"'><script>alert(1)</script>&";
    let mut browser = signed_in(&app, "admin").await;
    let made = register(
        &mut browser,
        hostile,
        &[("preset", hostile), ("address", hostile)],
    )
    .await;
    let text = page(&made, 200);
    assert!(!text.contains("<script>alert"), "{text}");
    let path = format!("{CLIENTS}/{}", shown(&text).id);
    let query: String = form_urlencoded::byte_serialize(hostile.as_bytes()).collect();
    let fields = [
        "preset",
        "address",
        "name",
        "kind",
        "grants",
        "public",
        "redirect_uris",
        "post_logout_redirect_uris",
        "backchannel_logout_uri",
        "initiate_login_uri",
        "scope",
        "audiences",
        "consent",
        "pkce",
        "acr",
        "tenant",
        "who",
        "id_token_alg",
        "claims_in_id_token",
        "roles",
        "client_id",
        "client_secret",
    ];
    let all: Vec<String> = fields
        .iter()
        .map(|field| format!("{field}={query}"))
        .collect();
    for path in [
        CLIENTS.to_owned(),
        format!("{CLIENTS}?after={query}&sort={query}"),
        path.clone(),
        format!("{path}?preset={query}&events={query}&done={query}"),
        format!("{path}/edit"),
        format!("{path}/secret"),
        format!("{path}/delete"),
        format!("{path}/assign?role={query}&tenant={query}&until={query}&reason={query}"),
        format!("{path}/unassign?role={query}&tenant={query}"),
        format!("{CLIENTS}/{query}"),
        format!("{CLIENTS}/{query}/secret"),
        format!("{NEW}?preset=grafana&address={query}"),
        format!("{NEW}?{}", all.join("&")),
    ] {
        let shown = browser.open(&path).await;
        let text = String::from_utf8_lossy(&shown.body).into_owned();
        assert!(!text.contains("<script>alert"), "{path}: {text}");
        assert!(shown.status.as_u16() < 500, "{path}: {}", shown.status);
    }
    let form: Vec<(&str, &str)> = fields.iter().map(|field| (*field, hostile)).collect();
    for path in [NEW.to_owned(), format!("{path}/edit")] {
        let text = page(&browser.submit(&path, &form).await, 422);
        assert!(!text.contains("<script>alert"), "{path}: {text}");
    }
}
