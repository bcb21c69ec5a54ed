//! Consents: when users are asked, and what a withdrawal ends.

use serde_json::{Value, json};

use crate::support::{
    Browser, Credentials, PASSWORD, SignInAnswer, TestApp, on_both, run, run_failing,
};

on_both![
    i097_a_user_is_asked_once_for_what_a_client_asks_for,
    i011_m138_native_clients_and_offline_access_are_asked_for_each_time,
    first_parties_are_not_asked,
    withdrawing_ends_sessions_tokens_and_codes,
    withdrawing_ends_a_sign_in_in_which_it_was_just_allowed,
    a_withdrawal_and_a_sign_in_at_once_leave_a_code_with_its_consent_or_neither,
    what_was_allowed_altogether_is_allowed_in_part,
    the_page_says_for_how_long_a_client_gets_access,
    the_pages_say_what_a_client_may_have_in_words,
    others_consents_need_a_permission,
    consents_are_paged_by_client,
    the_command_line_lists_and_withdraws,
    y373_a_consent_is_for_the_tenant_that_was_shown,
    y373_a_consent_is_for_the_audience_that_was_shown,
    y373_everything_is_what_the_client_could_have_when_it_was_shown,
    y373_a_code_from_before_the_client_had_to_ask_is_refused,
];

const REDIRECT: &str = "https://app.example/cb";

fn members(more: Value) -> Value {
    let mut members = json!({
        "grants": ["authorization_code", "refresh_token"], "redirect_uris": [REDIRECT],
    });
    if let Value::Object(more) = more {
        members.as_object_mut().unwrap().extend(more);
    }
    members
}

async fn i097_a_user_is_asked_once_for_what_a_client_asks_for(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    app.create_user("alice", &["reader"]).await;
    let client = app.create_client("app", members(json!({}))).await;
    let mut browser = Browser::new(&app);
    let mut asked = async |scope: &str| {
        let more = [("scope", scope)];
        let answer = browser.sign_in(&client, REDIRECT, &more).await;
        answer.code();
        answer.was_asked
    };
    assert!(asked("openid").await);
    assert!(!asked("openid").await);
    assert!(asked("openid items:read").await);
    assert!(!asked("items:read").await && !asked("openid").await);
    assert!(asked("openid email").await);
    let path = format!("/api/clients/{}", client.id);
    for change in [
        json!({ "name": "App" }),
        json!({ "redirect_uris": [REDIRECT, "https://app.example/two"] }),
    ] {
        app.patch(&path, app.admin().await, change).await.is(200);
        assert!(asked("openid").await);
        assert!(!asked("openid").await);
        // what was allowed to the client of before is not allowed to this one
        assert!(asked("openid email").await);
    }
    let prompt = |value| [("scope", "openid"), ("prompt", value)];
    let answer = browser.sign_in(&client, REDIRECT, &prompt("none")).await;
    assert!(!answer.was_asked && !answer.code().is_empty());
    let answer = browser.sign_in(&client, REDIRECT, &prompt("consent")).await;
    assert!(answer.was_asked);
    let more = [("scope", "openid profile"), ("prompt", "none")];
    let answer = browser.sign_in(&client, REDIRECT, &more).await;
    assert_eq!(answer.error(), "consent_required");
}

async fn i011_m138_native_clients_and_offline_access_are_asked_for_each_time(app: TestApp) {
    app.create_user("alice", &[]).await;
    let native = json!({ "kind": "native", "redirect_uris": ["http://127.0.0.1/cb", "com.example.app:/cb", REDIRECT] });
    let native = app.create_client("phone", members(native)).await;
    let mut browser = Browser::new(&app);
    let more = [("scope", "openid")];
    for uri in ["http://127.0.0.1:4711/cb", "com.example.app:/cb"] {
        for _ in 0..2 {
            assert!(
                browser.sign_in(&native, uri, &more).await.was_asked,
                "{uri}"
            );
        }
        let silent = [("scope", "openid"), ("prompt", "none")];
        let answer = browser.sign_in(&native, uri, &silent).await;
        assert_eq!(answer.error(), "consent_required");
    }
    assert!(!browser.sign_in(&native, REDIRECT, &more).await.was_asked);
    let web = app.create_client("web", members(json!({}))).await;
    let offline = [("scope", "openid offline_access")];
    for _ in 0..2 {
        assert!(browser.sign_in(&web, REDIRECT, &offline).await.was_asked);
    }
    assert!(!browser.sign_in(&web, REDIRECT, &more).await.was_asked);
}

async fn first_parties_are_not_asked(app: TestApp) {
    app.create_user("alice", &[]).await;
    let own =
        json!({ "consent": "skip", "kind": "native", "redirect_uris": ["http://127.0.0.1/cb"] });
    let own = app.create_client("own", members(own)).await;
    let mut browser = Browser::new(&app);
    let uri = "http://127.0.0.1:4711/cb";
    for scope in ["openid", "openid offline_access"] {
        let answer = browser.sign_in(&own, uri, &[("scope", scope)]).await;
        assert!(!answer.was_asked && !answer.code().is_empty(), "{scope}");
    }
    let consent = [("scope", "openid"), ("prompt", "consent")];
    assert!(browser.sign_in(&own, uri, &consent).await.was_asked);
}

/// Signs alice in, and returns her access and refresh token.
async fn tokens_of(
    app: &TestApp,
    browser: &mut Browser<'_>,
    client: &Credentials,
) -> (String, String) {
    let answer = browser.sign_in(client, REDIRECT, &[]).await;
    let tokens = app.redeem(client, answer.code(), REDIRECT, &[]).await;
    (
        tokens.is(200).text("access_token"),
        tokens.text("refresh_token"),
    )
}

async fn withdrawing_ends_sessions_tokens_and_codes(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    app.create_user("alice", &["reader"]).await;
    let one = app.create_client("one", members(json!({}))).await;
    let other = app.create_client("other", members(json!({}))).await;
    let mut browser = Browser::new(&app);
    let (access, refresh) = tokens_of(&app, &mut browser, &one).await;
    let (kept, _) = tokens_of(&app, &mut browser, &other).await;
    let pending = browser.sign_in(&one, REDIRECT, &[]).await;
    let alice = app.log_in("alice").await;
    let listed = app.get("/api/consents", &alice).await;
    assert_eq!(listed.is(200).items("client_name").len(), 2);
    let entry = &listed.json["items"][0];
    assert_eq!(
        entry["allowed"],
        json!([{ "resource": null, "tenant": null, "scopes": ["*"] }])
    );
    let path = format!("/api/consents/{}", one.id);
    app.delete(&path, &alice).await.no_content();
    assert_eq!(
        app.newest_entry().await["changes"][0]["subject"],
        app.id_of("alice").await
    );
    app.get("/api/me", &access).await.ended_token();
    app.refresh_through(&one, &refresh)
        .await
        .oauth_error(400, "invalid_grant");
    app.redeem(&one, pending.code(), REDIRECT, &[])
        .await
        .oauth_error(400, "invalid_grant");
    app.get("/api/me", &kept).await.is(200);
    let listed = app.get("/api/consents", &alice).await;
    assert_eq!(listed.items("client_id"), [other.id.as_str()]);
    // again, and for what is not there
    app.delete(&path, &alice).await.no_content();
    app.delete("/api/consents/nothing", &alice)
        .await
        .no_content();
    assert!(browser.sign_in(&one, REDIRECT, &[]).await.was_asked);
    // a token that was handed on for less than the account withdraws nothing
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", crate::support::PASSWORD),
        ("scope", "items:read"),
    ];
    let narrowed = app.token(&form).await.is(200).text("access_token");
    app.get("/api/consents", &narrowed).await.is(403);
    let path = format!("/api/consents/{}", other.id);
    app.delete(&path, &narrowed).await.is(403);
    app.get("/api/me", &kept).await.is(200);
}

/// Lets alice allow a new client what it asks for; returns the page that asks her, and the one of her account.
async fn pages(
    app: &TestApp,
    (name, more): (&str, Value),
    (asked, stay): (&[(&str, &str)], &str),
) -> (String, String) {
    let client = app.create_client(name, members(more)).await;
    let mut browser = Browser::new(app);
    let flow = browser.begin(&client, REDIRECT, asked).await;
    let form = [
        ("flow", flow.as_str()),
        ("username", "alice"),
        ("password", PASSWORD),
        ("stay", stay),
    ];
    browser.submit("/login", &form).await.is(303);
    let page = browser.open(&format!("/login?flow={flow}")).await;
    browser.decide(&flow, "allow").await.is(303);
    let account = browser.open("/account").await;
    let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
    (text(&page.is(200).body), text(&account.is(200).body))
}

async fn the_page_says_for_how_long_a_client_gets_access(app: TestApp) {
    app.create_user("alice", &[]).await;
    let offline = [("scope", "openid offline_access")];
    let once = json!({ "grants": ["authorization_code"] });
    for (name, more, asked, stay, expected) in [
        (
            "a",
            json!({}),
            &[][..],
            "",
            "and at the latest after 24 hours. It ends earlier if it is not used for 8 hours.",
        ),
        (
            "b",
            json!({}),
            &[][..],
            "on",
            "and at the latest after 30 days. It ends earlier if it is not used for 14 days.",
        ),
        (
            "c",
            json!({}),
            &offline[..],
            "",
            "The access goes on after you sign out. It ends when you take it back on the page of your account, and at the \
            latest after 30 days. It ends earlier if it is not used for 14 days.",
        ),
        (
            "d",
            once,
            &[],
            "",
            "<p>The access ends at the latest after ",
        ),
    ] {
        let (page, _) = pages(&app, (name, more), (asked, stay)).await;
        assert!(page.contains(expected), "{name}: {page}");
    }
}

async fn the_pages_say_what_a_client_may_have_in_words(app: TestApp) {
    let clerk = json!({ "name": "clerk", "description": "the work of clerks" });
    let created = app.post("/api/roles", app.admin().await, clerk).await;
    created.is(201);
    app.create_role("reader", &["items:read"]).await;
    app.create_user("alice", &["reader", "clerk"]).await;
    let everything = "to do everything that you may do there";
    let (page, account) = pages(&app, ("all", json!({})), (&[][..], "")).await;
    assert!(page.contains(everything), "{page}");
    assert!(account.contains(everything), "{account}");
    let scope = "items:read role:clerk role:reader";
    let (page, account) = pages(&app, ("some", json!({ "scope": scope })), (&[][..], "")).await;
    for named in ["items:read", "the work of clerks", "the role reader"] {
        assert!(page.contains(named), "{named}: {page}");
        assert!(account.contains(named), "{named}: {account}");
    }
    assert!(!page.contains(everything), "{page}");
    // of the client before
    assert_eq!(account.matches(everything).count(), 1, "{account}");
    assert!(!account.contains("role:"), "{account}");
    assert!(!account.contains("<small>*"), "{account}");
}

async fn others_consents_need_a_permission(app: TestApp) {
    let alice = app.create_user("alice", &["rolecall.admin"]).await;
    app.create_role("viewer", &["rolecall.users:read"]).await;
    app.create_role("ender", &["rolecall.sessions:revoke"])
        .await;
    app.create_user("viewer", &["viewer"]).await;
    app.create_user("ender", &["ender"]).await;
    let client = app.create_client("app", members(json!({}))).await;
    let (access, _) = tokens_of(&app, &mut Browser::new(&app), &client).await;
    let (viewer, ender) = (app.log_in("viewer").await, app.log_in("ender").await);
    let list = format!("/api/users/{alice}/consents");
    let one = format!("{list}/{}", client.id);
    app.get(&list, &ender)
        .await
        .forbidden("rolecall.users:read");
    let listed = app.get(&list, &viewer).await;
    assert_eq!(listed.is(200).items("client_id"), [client.id.as_str()]);
    app.get("/api/users/nobody/consents", &viewer).await.is(404);
    app.delete(&one, &viewer)
        .await
        .forbidden("rolecall.sessions:revoke");
    // alice holds more than the caller
    app.delete(&one, &ender).await.is(403);
    app.get("/api/me", &access).await.is(200);
    app.delete(&one, app.admin().await).await.no_content();
    app.get("/api/me", &access).await.ended_token();
    let listed = app.get(&list, &viewer).await;
    assert_eq!(listed.items("client_id"), [""; 0]);
}

async fn consents_are_paged_by_client(app: TestApp) {
    app.create_user("alice", &[]).await;
    let mut ids = Vec::new();
    let mut browser = Browser::new(&app);
    for name in ["one", "two", "three"] {
        let audiences = json!({ "audiences": ["https://a.example", "https://b.example"] });
        let client = app.create_client(name, members(audiences)).await;
        for uri in ["https://b.example", "https://a.example"] {
            let resource = [("resource", uri)];
            browser.sign_in(&client, REDIRECT, &resource).await.code();
        }
        ids.push(client.id);
    }
    ids.sort();
    let alice = app.log_in("alice").await;
    let (mut found, mut path) = (Vec::new(), "/api/consents?limit=2".to_owned());
    loop {
        let page = app.get(&path, &alice).await;
        found.extend(page.is(200).items("client_id"));
        for entry in page.json["items"].as_array().unwrap() {
            let resources: Vec<&Value> = entry["allowed"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| &one["resource"])
                .collect();
            let both = ["https://a.example", "https://b.example"].map(Value::from);
            assert_eq!(resources, both.iter().collect::<Vec<_>>());
        }
        match page.json["next_cursor"].as_str() {
            Some(next) => path = format!("/api/consents?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, ids);
}

async fn the_command_line_lists_and_withdraws(app: TestApp) {
    app.create_user("alice", &[]).await;
    let client = app.create_client("wiki", members(json!({}))).await;
    let (access, _) = tokens_of(&app, &mut Browser::new(&app), &client).await;
    let listed = run(&app, &["consent", "list", "alice"]).await;
    assert!(listed.contains("wiki") && listed.contains('*'), "{listed}");
    let json: Value =
        serde_json::from_str(&run(&app, &["--json", "consent", "list", "alice"]).await).unwrap();
    assert_eq!(json[0]["client_id"], client.id);
    run(&app, &["consent", "withdraw", "alice", "wiki"]).await;
    let again = run_failing(&app, &["consent", "withdraw", "alice", "wiki"]).await;
    assert!(again.contains("nothing"), "{again}");
    let refreshed = app.get("/api/consents", &app.log_in("alice").await).await;
    assert_eq!(refreshed.items("client_id"), [""; 0]);
    drop(access);
}

async fn withdrawing_ends_a_sign_in_in_which_it_was_just_allowed(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    let client = app.create_client("app", members(json!({}))).await;
    let mut browser = Browser::new(&app);
    let open = [("scope", "openid")];
    let undecided = browser.begin(&client, REDIRECT, &open).await;
    browser.log_in(&undecided, "alice", PASSWORD).await.is(303);
    let allowed = browser.begin(&client, REDIRECT, &open).await;
    browser.log_in(&allowed, "alice", PASSWORD).await.is(303);
    // as between the click and the end of the sign-in
    let consent = format!("UPDATE sign_in_flows SET consented = TRUE WHERE id = '{allowed}'");
    app.db.execute(&consent).await;
    let path = format!("/api/users/{alice}/consents/{}", client.id);
    app.delete(&path, app.admin().await).await.no_content();
    browser.decide(&allowed, "allow").await.is(400);
    // who has not decided yet may still do so
    let answer = browser.decide(&undecided, "allow").await;
    assert!(
        !SignInAnswer::of(&answer, REDIRECT)
            .unwrap()
            .code()
            .is_empty()
    );
}

async fn a_withdrawal_and_a_sign_in_at_once_leave_a_code_with_its_consent_or_neither(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    let client = app.create_client("app", members(json!({}))).await;
    let path = format!("/api/users/{alice}/consents/{}", client.id);
    for _ in 0..12 {
        let mut browser = Browser::new(&app);
        let flow = browser.begin(&client, REDIRECT, &[]).await;
        browser.log_in(&flow, "alice", PASSWORD).await.is(303);
        let (answer, withdrawn) = tokio::join!(
            browser.decide(&flow, "allow"),
            app.delete(&path, app.admin().await)
        );
        withdrawn.no_content();
        let is_allowed = app.db.count("consents").await == 1;
        let is_good = match SignInAnswer::of(&answer, REDIRECT) {
            Some(answer) => {
                let tokens = app.redeem(&client, answer.code(), REDIRECT, &[]).await;
                tokens.status == 200
            }
            None => false,
        };
        assert_eq!(is_good, is_allowed);
        app.delete(&path, app.admin().await).await.no_content();
    }
}

async fn what_was_allowed_altogether_is_allowed_in_part(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    app.create_user("alice", &["reader"]).await;
    let client = app.create_client("app", members(json!({}))).await;
    let mut browser = Browser::new(&app);
    // without a scope the client asks for everything
    assert!(browser.sign_in(&client, REDIRECT, &[]).await.was_asked);
    for scope in ["role:reader", "items:read", "items:read role:reader"] {
        let answer = browser
            .sign_in(&client, REDIRECT, &[("scope", scope)])
            .await;
        assert!(!answer.was_asked && !answer.code().is_empty(), "{scope}");
    }
    // but not who the user is
    for scope in ["openid", "role:reader email"] {
        let answer = browser
            .sign_in(&client, REDIRECT, &[("scope", scope)])
            .await;
        assert!(answer.was_asked, "{scope}");
    }
    // and not everything by one part of it
    let other = app.create_client("other", members(json!({}))).await;
    let part = [("scope", "role:reader")];
    assert!(browser.sign_in(&other, REDIRECT, &part).await.was_asked);
    assert!(browser.sign_in(&other, REDIRECT, &[]).await.was_asked);
}

/// Asks silently, and returns the error; none for a code.
async fn silently(
    browser: &mut Browser<'_>,
    client: &Credentials,
    more: &[(&str, &str)],
) -> Option<String> {
    let more = [&[("prompt", "none")], more].concat();
    let answer = browser.authorize(client, REDIRECT, &more).await;
    let answer = SignInAnswer::of(&answer, REDIRECT).unwrap();
    let error = answer.parameters.get("error").cloned();
    if error.is_none() {
        assert!(!answer.code().is_empty());
    }
    error
}

const AGAIN: Option<&str> = Some("consent_required");

async fn y373_a_consent_is_for_the_tenant_that_was_shown(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    let alice = app.create_user("alice", &["reader"]).await;
    for tenant in ["acme", "beta"] {
        app.assign_in(&alice, "reader", tenant).await;
    }
    for (name, tenant) in [("any", Value::Null), ("ask", json!("ask"))] {
        let client = app
            .create_client(name, members(json!({ "tenant": tenant })))
            .await;
        let mut browser = Browser::new(&app);
        let of = |tenant| [("scope", "openid items:read"), ("tenant", tenant)];
        let flow = browser.begin(&client, REDIRECT, &of("acme")).await;
        browser.log_in(&flow, "alice", PASSWORD).await.is(303);
        let page = browser.open(&format!("/consent?flow={flow}")).await;
        let page = String::from_utf8_lossy(&page.is(200).body).into_owned();
        assert!(page.contains("It acts for acme only."), "{page}");
        browser.decide(&flow, "allow").await.is(303);
        assert_eq!(silently(&mut browser, &client, &of("acme")).await, None);
        let other = silently(&mut browser, &client, &of("beta")).await;
        assert_eq!(other.as_deref(), AGAIN, "{name}");
        // one does not replace the other
        let answer = browser.sign_in(&client, REDIRECT, &of("beta")).await;
        assert!(answer.was_asked);
        for tenant in ["acme", "beta"] {
            assert_eq!(silently(&mut browser, &client, &of(tenant)).await, None);
        }
        let none = [("scope", "openid items:read")];
        let silent = silently(&mut browser, &client, &none).await;
        let expected = if tenant.is_null() {
            AGAIN
        } else {
            Some("interaction_required")
        };
        assert_eq!(silent.as_deref(), expected, "{name}");
        // a session goes on by the consent to its own tenant
        let answer = browser.sign_in(&client, REDIRECT, &of("beta")).await;
        let tokens = app.redeem(&client, answer.code(), REDIRECT, &[]).await;
        let refresh = tokens.is(200).text("refresh_token");
        app.refresh_through(&client, &refresh).await.is(200);
    }
    let listed = app.get("/api/consents", &app.log_in("alice").await).await;
    for client in listed.json["items"].as_array().unwrap() {
        let tenants = client["allowed"].as_array().unwrap().iter();
        let tenants: Vec<&Value> = tenants.map(|one| &one["tenant"]).collect();
        assert_eq!(tenants, ["acme", "beta"], "{client}");
    }
}

async fn y373_a_consent_is_for_the_audience_that_was_shown(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    app.create_user("alice", &["reader"]).await;
    let shop = json!({ "audiences": ["https://shop.example"] });
    let client = app.create_client("app", members(shop.clone())).await;
    let mut browser = Browser::new(&app);
    let scope = [("scope", "openid items:read")];
    assert!(browser.sign_in(&client, REDIRECT, &scope).await.was_asked);
    assert_eq!(silently(&mut browser, &client, &scope).await, None);
    let named = [scope[0], ("resource", "https://shop.example")];
    assert_eq!(silently(&mut browser, &client, &named).await, None);
    let path = format!("/api/clients/{}", client.id);
    let bank = json!({ "audiences": ["https://bank.example"] });
    app.patch(&path, app.admin().await, bank).await.is(200);
    let named = [scope[0], ("resource", "https://bank.example")];
    for more in [&scope[..], &named] {
        let silent = silently(&mut browser, &client, more).await;
        assert_eq!(silent.as_deref(), AGAIN);
    }
    app.patch(&path, app.admin().await, shop).await.is(200);
    assert_eq!(silently(&mut browser, &client, &scope).await, None);
}

async fn y373_everything_is_what_the_client_could_have_when_it_was_shown(app: TestApp) {
    app.create_role("writer", &["items:read", "items:write", "orders:read"])
        .await;
    app.create_user("alice", &["writer"]).await;
    let admin = app.admin().await;
    let own = json!({ "scope": "items:read" });
    let client = app.create_client("app", members(own)).await;
    let uri = "https://stock.example";
    let stock = json!({ "uri": uri, "name": "Stock", "objects": ["items"], "dynamic": "ask" });
    let stock = app.post("/api/resources", admin, stock).await;
    let stock = format!("/api/resources/{}", stock.is(201).text("id"));
    let of_resource = app.create_client("other", members(json!({}))).await;
    let path = format!("/api/clients/{}", client.id);
    for (client, more, path, wider, narrower) in [
        (
            &client,
            &[][..],
            path.as_str(),
            json!({ "scope": null }),
            json!({ "scope": "items:read" }),
        ),
        (
            &of_resource,
            &[("resource", uri)],
            stock.as_str(),
            json!({ "objects": ["items", "orders"] }),
            json!({ "objects": ["items"] }),
        ),
    ] {
        let mut browser = Browser::new(&app);
        let answer = browser.sign_in(client, REDIRECT, more).await;
        assert!(answer.was_asked);
        let tokens = app.redeem(client, answer.code(), REDIRECT, &[]).await;
        let refresh = tokens.is(200).text("refresh_token");
        let pending = browser.sign_in(client, REDIRECT, more).await;
        assert!(!pending.was_asked);
        app.patch(path, admin, wider.clone()).await.is(200);
        let silent = silently(&mut browser, client, more).await;
        assert_eq!(silent.as_deref(), AGAIN, "{wider}");
        let refused = app.refresh_through(client, &refresh).await;
        refused.oauth_error(400, "invalid_grant");
        let refused = app.redeem(client, pending.code(), REDIRECT, &[]).await;
        refused.oauth_error(400, "invalid_grant");
        // whoever is shown more may have it, and less of it too
        let answer = browser.sign_in(client, REDIRECT, more).await;
        assert!(answer.was_asked);
        let tokens = app.redeem(client, answer.code(), REDIRECT, &[]).await;
        let refresh = tokens.is(200).text("refresh_token");
        app.refresh_through(client, &refresh).await.is(200);
        app.patch(path, admin, narrower).await.is(200);
        assert_eq!(silently(&mut browser, client, more).await, None);
        // something that is asked for by its name widens nothing else
        let named = [more, &[("scope", "openid items:read")]].concat();
        assert!(browser.sign_in(client, REDIRECT, &named).await.was_asked);
    }
}

async fn y373_a_code_from_before_the_client_had_to_ask_is_refused(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    app.create_user("alice", &["reader"]).await;
    let client = app
        .create_client("app", members(json!({ "consent": "skip" })))
        .await;
    let mut browser = Browser::new(&app);
    let pending = browser.sign_in(&client, REDIRECT, &[]).await;
    let path = format!("/api/clients/{}", client.id);
    let ask = json!({ "consent": "ask" });
    app.patch(&path, app.admin().await, ask).await.is(200);
    let refused = app.redeem(&client, pending.code(), REDIRECT, &[]).await;
    refused.oauth_error(400, "invalid_grant");
    // one that is asked for each time is asked for once, and not again with its code
    for prompt in ["consent", "login"] {
        let more = [
            ("scope", "openid offline_access items:read"),
            ("prompt", prompt),
        ];
        let flow = browser.begin(&client, REDIRECT, &more).await;
        browser.log_in(&flow, "alice", PASSWORD).await;
        let answer = browser.decide(&flow, "allow").await;
        let answer = SignInAnswer::of(&answer, REDIRECT).unwrap();
        app.redeem(&client, answer.code(), REDIRECT, &[])
            .await
            .is(200);
    }
}
