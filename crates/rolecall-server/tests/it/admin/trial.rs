//! A sign-in to a client that is only tried on its page.

use serde_json::{Value, json};

use super::{page, signed_in};
use crate::support::{Browser, Credentials, TestApp, claims, on_both, part};

on_both![
    what_is_shown_is_what_a_sign_in_gives,
    y508_a_trial_leaves_nothing_that_anybody_could_use,
    a_trial_says_why_a_sign_in_would_be_refused,
    a_trial_is_for_the_tenant_in_which_the_administrator_acts,
    y461_a_trial_is_for_those_who_may_read_clients,
];

const CALLBACK: &str = "https://app.example/cb";

/// A web application, and an administrator of clients who edits items.
async fn prepare(app: &TestApp, members: Value) -> (Credentials, String) {
    app.create_role("desk", &["rolecall.clients:read"]).await;
    app.create_role("editor", &["items:read", "items:write"])
        .await;
    app.create_user("boss", &["desk", "editor"]).await;
    let mut all = json!({
        "grants": ["authorization_code", "refresh_token"], "kind": "web", "redirect_uris": [CALLBACK],
    });
    for (member, value) in members.as_object().unwrap() {
        all[member] = value.clone();
    }
    let client = app.create_client("wiki", all).await;
    let path = format!("/admin/clients/{}/test", client.id);
    (client, path)
}

/// Reads what a page shows of the tokens: header and claims of each.
fn shown(text: &str) -> Vec<(Value, Value)> {
    let blocks: Vec<Value> = text
        .split("<code>")
        .skip(1)
        .map(|block| {
            let json = block.split("</code>").next().unwrap();
            let json = json.replace("&quot;", "\"").replace("&#x27;", "'");
            serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"))
        })
        .collect();
    blocks
        .chunks(2)
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect()
}

/// Leaves out what is new in each token.
fn lasting(mut claims: Value) -> Value {
    for name in ["iat", "exp", "jti", "sid", "at_hash", "auth_time", "rev"] {
        claims.as_object_mut().unwrap().remove(name);
    }
    claims
}

async fn what_is_shown_is_what_a_sign_in_gives(app: TestApp) {
    let (client, path) = prepare(&app, json!({ "claims_in_id_token": true })).await;
    let mut browser = signed_in(&app, "boss").await;
    let link = format!("href=\"{path}\"");
    let text = page(&browser.open(path.trim_end_matches("/test")).await, 200);
    assert!(text.contains(&link), "{text}");
    for consent in ["ask", "skip"] {
        let body = json!({ "consent": consent });
        let api = format!("/api/clients/{}", client.id);
        app.patch(&api, &app.log_in("admin").await, body)
            .await
            .is(200);
        for scope in [
            "openid profile email roles",
            "openid items:read",
            "items:write",
            "",
        ] {
            let query: String = form_urlencoded::byte_serialize(scope.as_bytes()).collect();
            let text = page(&browser.open(&format!("{path}?scope={query}")).await, 200);
            let asks = text.contains("people would be asked for their consent");
            let tokens = shown(&text);
            // the form of the page asks for this if it is empty
            let scope = if scope.is_empty() {
                "openid profile email"
            } else {
                scope
            };
            let more = [("scope", scope)];
            let answer = browser.sign_in_as("boss", &client, CALLBACK, &more).await;
            assert_eq!(answer.was_asked, asks, "{consent} {scope}");
            let issued = app.redeem(&client, answer.code(), CALLBACK, &[]).await;
            let real = issued.is(200).text("access_token");
            assert_eq!(tokens[0].0, part(&real, 0), "{scope}");
            assert_eq!(
                lasting(tokens[0].1.clone()),
                lasting(claims(&real)),
                "{scope}"
            );
            assert_eq!(
                tokens.len(),
                if scope.contains("openid") { 2 } else { 1 },
                "{scope}"
            );
            if let Some(token) = tokens.get(1) {
                let real = issued.text("id_token");
                assert_eq!(token.0, part(&real, 0), "{scope}");
                assert_eq!(lasting(token.1.clone()), lasting(claims(&real)), "{scope}");
            }
        }
    }
}

async fn y508_a_trial_leaves_nothing_that_anybody_could_use(app: TestApp) {
    let (client, path) = prepare(&app, json!({})).await;
    let mut browser = signed_in(&app, "boss").await;
    let mut before = Vec::new();
    let tables = [
        "sessions",
        "authorization_codes",
        "consents",
        "audit",
        "audit_events",
    ];
    for table in tables {
        before.push(app.db.count(table).await);
    }
    let shown_page = browser.open(&path).await;
    assert!(shown_page.headers.get("set-cookie").is_none());
    assert_eq!(shown_page.header("cache-control"), Some("no-store"));
    let text = page(&shown_page, 200);
    for token in shown(&text) {
        // what begins as a token does, in Base64
        assert!(!text.contains("eyJ"), "{text}");
        let session = token.1["sid"].as_str().unwrap();
        let found = format!("SELECT COUNT(*) FROM sessions WHERE id = '{session}'");
        assert_eq!(app.db.number(&found).await, 0);
    }
    for (table, before) in tables.iter().zip(before) {
        assert_eq!(app.db.count(table).await, before, "{table}");
    }
    // the client may send answers where it could before, and nowhere else
    let refused = browser
        .authorize(
            &client,
            &format!("http://localhost{path}"),
            &[("scope", "openid")],
        )
        .await;
    assert!(page(&refused, 400).contains("redirect_uri"));
}

async fn a_trial_says_why_a_sign_in_would_be_refused(app: TestApp) {
    app.create_role("staff", &[]).await;
    let (client, path) = prepare(&app, json!({})).await;
    let mut browser = signed_in(&app, "boss").await;
    let text = page(
        &browser
            .open(&format!("{path}?scope=openid+orders:read"))
            .await,
        200,
    );
    assert!(
        text.contains("orders:read is not among what you hold"),
        "{text}"
    );
    assert!(shown(&text).is_empty());
    let api = format!("/api/clients/{}", client.id);
    for (members, why) in [
        (
            json!({ "who": ["staff"] }),
            "may not sign in to this application",
        ),
        (
            json!({ "who": "everybody", "acr": "aal2" }),
            "Second factor required",
        ),
        (json!({ "acr": "aal1", "tenant": "acme" }), "tenant"),
        (
            json!({ "tenant": null, "grants": ["password"] }),
            "the application is not known",
        ),
    ] {
        app.patch(&api, &app.log_in("admin").await, members)
            .await
            .is(200);
        let text = page(&browser.open(&path).await, 200);
        assert!(text.contains(why), "{why}: {text}");
        assert!(shown(&text).is_empty(), "{text}");
    }
    let text = page(&browser.open(path.trim_end_matches("/test")).await, 200);
    assert!(!text.contains(&path), "{text}");
    let hostile = "\"'><script>alert(1)</script>&";
    let query: String = form_urlencoded::byte_serialize(hostile.as_bytes()).collect();
    let text = page(&browser.open(&format!("{path}?scope={query}")).await, 200);
    assert!(!text.contains("<script>alert"), "{text}");
    browser.open("/admin/clients/nothing/test").await.is(404);
}

async fn a_trial_is_for_the_tenant_in_which_the_administrator_acts(app: TestApp) {
    let (_, path) = prepare(&app, json!({ "tenant": "ask" })).await;
    app.create_plain_role("viewer", &["plans:read"]).await;
    let found = app.get("/api/users?username=boss", app.admin().await).await;
    app.assign_in(&found.items("id")[0], "viewer", "acme").await;
    let mut browser = signed_in(&app, "boss").await;
    let text = page(&browser.open(&format!("{path}?scope=openid")).await, 200);
    assert!(shown(&text)[0].1.get("tenant").is_none(), "{text}");
    browser
        .submit("/admin/tenant", &[("tenant", "acme")])
        .await
        .is(303);
    let text = page(
        &browser.open(&format!("{path}?scope=plans:read")).await,
        200,
    );
    let claims = &shown(&text)[0].1;
    assert_eq!(
        (&claims["tenant"], &claims["scope"]),
        (&json!("acme"), &json!("plans:read"))
    );
}

async fn y461_a_trial_is_for_those_who_may_read_clients(app: TestApp) {
    let (_, path) = prepare(&app, json!({})).await;
    app.create_role("other", &["rolecall.users:read"]).await;
    app.create_user("other", &["other"]).await;
    app.create_user("alice", &[]).await;
    for name in ["other", "alice"] {
        let mut browser = signed_in(&app, name).await;
        let text = page(&browser.open(&path).await, 403);
        assert!(!text.contains("wiki"), "{text}");
    }
    let begun = Browser::new(&app).open(&path).await;
    let location = begun.is(303).header("location").unwrap();
    assert!(location.starts_with("/login?flow="), "{location}");
}
