//! The tenant of a client, and its grants, in later tokens.

use serde_json::{Value, json};

use super::{REDIRECT, Site, create_client, error_of, has_ended};
use crate::support::{
    Browser, Credentials, PASSWORD, SignInAnswer, claims, on_both, password_form,
};

on_both![
    y282_a_refresh_is_for_the_tenant_of_the_client_or_refused,
    y282_a_client_that_changes_its_tenant_keeps_nobody_of_the_old_one,
    y282_a_session_without_a_tenant_of_the_client_goes_on_without_it,
    y287_a_client_that_signs_nobody_in_any_more_refreshes_no_sign_in,
    y307_a_log_in_with_a_password_is_for_the_tenant_of_the_client,
    y510_a_tenant_that_the_browser_names_gives_no_roles_to_a_client_without_one,
    y511_a_tenant_that_the_browser_names_lets_nobody_in,
    y515_a_client_that_loses_its_tenant_keeps_nobody_who_is_let_in_there_alone,
    y307_a_log_in_with_a_password_asks_who_may_sign_in,
    y308_a_client_that_has_to_ask_from_now_on_keeps_no_session_of_before,
];

impl Site {
    /// Creates an application of the operator's own with this `tenant`.
    async fn client_for(&self, tenant: Value) -> Credentials {
        let members = json!({ "consent": "skip", "tenant": tenant });
        create_client(self, "tenants", members).await
    }

    /// Signs alice in, and returns her access token and her refresh token.
    async fn alice_in(&self, client: &Credentials, more: &[(&str, &str)]) -> (String, String) {
        let mut browser = Browser::new(self);
        let scope = [&[("scope", "openid items:read")], more].concat();
        let answer = browser.sign_in(client, REDIRECT, &scope).await;
        let tokens = self.redeem(client, answer.code(), REDIRECT, &[]).await;
        let access = tokens.is(200).text("access_token");
        self.get("/items/", &access).await.is(200);
        (access, tokens.text("refresh_token"))
    }

    /// Changes a client as an administrator.
    async fn change_client(&self, client: &Credentials, change: Value) {
        let path = format!("/api/clients/{}", client.id);
        self.patch(path, self.admin().await, change).await.is(200);
    }
}

async fn y510_a_tenant_that_the_browser_names_gives_no_roles_to_a_client_without_one(site: Site) {
    let alice = site.id_of("alice").await;
    site.create_role("chief", &["items:write"]).await;
    site.assign_in(&alice, "chief", "acme").await;
    for (tenant, sees) in [
        (json!(null), false),
        (json!("acme"), true),
        (json!("ask"), true),
    ] {
        let members = json!({ "consent": "skip", "tenant": tenant, "claims_in_id_token": true });
        let client = create_client(&site, "relying", members).await;
        let mut browser = Browser::new(&site);
        let scope = [("scope", "openid roles groups"), ("tenant", "acme")];
        let answer = browser.sign_in(&client, REDIRECT, &scope).await;
        let tokens = site.redeem(&client, answer.code(), REDIRECT, &[]).await;
        let access = tokens.is(200).text("access_token");
        let told = site.get("/userinfo", &access).await;
        for shown in [claims(&tokens.text("id_token")), told.is(200).json.clone()] {
            assert_eq!(shown["tenant"], "acme", "{shown}");
            for name in ["roles", "groups"] {
                let roles = shown[name].as_array().unwrap();
                assert_eq!(roles.contains(&json!("chief")), sees, "{tenant} {shown}");
            }
        }
        // what compares the tenant gets all of it
        let carried = claims(&access);
        assert_eq!(carried["tenant"], "acme");
        let path = format!("/api/clients/{}", client.id);
        site.delete(path, site.admin().await).await.no_content();
    }
}

async fn y511_a_tenant_that_the_browser_names_lets_nobody_in(site: Site) {
    let alice = site.id_of("alice").await;
    site.create_role("chief", &["items:write"]).await;
    site.assign_in(&alice, "chief", "acme").await;
    for (tenant, is_in) in [
        (json!(null), false),
        (json!("acme"), true),
        (json!("ask"), true),
    ] {
        let members = json!({ "consent": "skip", "tenant": tenant, "who": ["chief"] });
        let client = create_client(&site, "relying", members).await;
        let mut browser = Browser::new(&site);
        let asked = [("scope", "openid"), ("tenant", "acme")];
        let answer = browser.sign_in(&client, REDIRECT, &asked).await;
        assert_eq!(
            answer.parameters.contains_key("code"),
            is_in,
            "{tenant} {answer:?}"
        );
        let path = format!("/api/clients/{}", client.id);
        site.delete(path, site.admin().await).await.no_content();
    }
}

async fn y515_a_client_that_loses_its_tenant_keeps_nobody_who_is_let_in_there_alone(site: Site) {
    let alice = site.id_of("alice").await;
    site.create_role("chief", &["items:read"]).await;
    site.assign_in(&alice, "chief", "acme").await;
    for (tenant, more) in [("acme", &[][..]), ("ask", &[("tenant", "acme")])] {
        let members = json!({ "consent": "skip", "tenant": tenant, "who": ["chief"] });
        let client = create_client(&site, "relying", members).await;
        let (access, refresh) = site.alice_in(&client, more).await;
        site.change_client(&client, json!({ "tenant": null })).await;
        site.get("/items/", &access).await.is(401);
        let refused = site.refresh_through(&client, &refresh).await;
        refused.oauth_error(400, "invalid_grant");
        let path = format!("/api/clients/{}", client.id);
        site.delete(path, site.admin().await).await.no_content();
    }
}

async fn y282_a_refresh_is_for_the_tenant_of_the_client_or_refused(site: Site) {
    let alice = site.id_of("alice").await;
    for (tenant, more) in [("acme", &[][..]), ("ask", &[])] {
        site.assign_in(&alice, "reader", "acme").await;
        let client = site.client_for(json!(tenant)).await;
        let (access, refresh) = site.alice_in(&client, more).await;
        assert_eq!(claims(&access)["tenant"], "acme");
        let next = site.refresh_through(&client, &refresh).await;
        let access = next.is(200).text("access_token");
        assert_eq!(claims(&access)["tenant"], "acme");
        site.unassign_in(&alice, "reader", "acme").await;
        site.get("/items/", &access).await.is(401);
        let refresh = next.text("refresh_token");
        let refused = site.refresh_through(&client, &refresh).await;
        refused.oauth_error(400, "invalid_grant");
        let path = format!("/api/clients/{}", client.id);
        site.delete(path, site.admin().await).await.no_content();
    }
}

async fn y282_a_client_that_changes_its_tenant_keeps_nobody_of_the_old_one(site: Site) {
    let alice = site.id_of("alice").await;
    for tenant in ["acme", "beta"] {
        site.assign_in(&alice, "reader", tenant).await;
    }
    let client = site.client_for(json!("acme")).await;
    let (access, refresh) = site.alice_in(&client, &[]).await;
    let mut browser = Browser::new(&site);
    let code = browser.sign_in(&client, REDIRECT, &[]).await;
    let mut other = Browser::new(&site);
    let flow = other.begin(&client, REDIRECT, &[]).await;
    site.change_client(&client, json!({ "tenant": "beta" }))
        .await;
    site.get("/items/", &access).await.is(401);
    let refused = site.refresh_through(&client, &refresh).await;
    refused.oauth_error(400, "invalid_grant");
    let refused = site.redeem(&client, code.code(), REDIRECT, &[]).await;
    refused.oauth_error(400, "invalid_grant");
    has_ended(&other.open(&format!("/login?flow={flow}")).await);
    let answer = other.log_in(&flow, "alice", PASSWORD).await;
    assert!(SignInAnswer::of(&answer, REDIRECT).is_none());
    let (access, _) = site.alice_in(&client, &[]).await;
    assert_eq!(claims(&access)["tenant"], "beta");
    // a client that is for any tenant again takes nothing from anybody
    site.change_client(&client, json!({ "tenant": null })).await;
    site.get("/items/", &access).await.is(200);
}

async fn y282_a_session_without_a_tenant_of_the_client_goes_on_without_it(site: Site) {
    let alice = site.id_of("alice").await;
    site.assign_in(&alice, "reader", "acme").await;
    let client = site.client_for(Value::Null).await;
    let (access, refresh) = site.alice_in(&client, &[("tenant", "acme")]).await;
    assert_eq!(claims(&access)["tenant"], "acme");
    site.unassign_in(&alice, "reader", "acme").await;
    let next = site.refresh_through(&client, &refresh).await;
    let access = next.is(200).text("access_token");
    assert_eq!(claims(&access)["tenant"], Value::Null);
    // as before, nobody signs in to a tenant in which they have no role
    let mut browser = Browser::new(&site);
    let asked = [("tenant", "acme"), ("scope", "openid items:read")];
    let flow = browser.begin(&client, REDIRECT, &asked).await;
    let answer = browser.log_in(&flow, "alice", PASSWORD).await;
    assert_eq!(error_of(&answer), "invalid_scope");
}

async fn y287_a_client_that_signs_nobody_in_any_more_refreshes_no_sign_in(site: Site) {
    let client = site.client_for(Value::Null).await;
    let (access, refresh) = site.alice_in(&client, &[]).await;
    let change = json!({ "grants": ["refresh_token", "password"] });
    site.change_client(&client, change).await;
    site.get("/items/", &access).await.is(401);
    let refused = site.refresh_through(&client, &refresh).await;
    refused.oauth_error(400, "invalid_grant");
    // what a password opened goes on
    let tokens = site.log_in_through(&client, &[]).await;
    let refresh = tokens.is(200).text("refresh_token");
    site.refresh_through(&client, &refresh).await.is(200);
}

/// The members of a client to which people log in with a password.
fn by_password(more: &Value) -> Value {
    let mut members = json!({
        "grants": ["authorization_code", "password", "refresh_token"], "consent": "skip",
    });
    for (member, value) in more.as_object().unwrap() {
        members[member] = value.clone();
    }
    members
}

async fn y307_a_log_in_with_a_password_is_for_the_tenant_of_the_client(site: Site) {
    let alice = site.id_of("alice").await;
    let client = create_client(&site, "t", by_password(&json!({ "tenant": "acme" }))).await;
    // alice has no role there
    let refused = site.log_in_through(&client, &[]).await;
    refused.oauth_error(400, "invalid_scope");
    site.assign_in(&alice, "reader", "acme").await;
    let elsewhere = site.log_in_through(&client, &[("tenant", "beta")]).await;
    elsewhere.oauth_error(400, "invalid_scope");
    for more in [&[][..], &[("tenant", "acme")]] {
        let tokens = site.log_in_through(&client, more).await;
        let access = tokens.is(200).text("access_token");
        assert_eq!(claims(&access)["tenant"], "acme");
        let refresh = tokens.text("refresh_token");
        let next = site.refresh_through(&client, &refresh);
        assert_eq!(
            claims(&next.await.is(200).text("access_token"))["tenant"],
            "acme"
        );
    }
    let tokens = site.log_in_through(&client, &[]).await;
    site.change_client(&client, json!({ "tenant": "beta" }))
        .await;
    let refresh = tokens.text("refresh_token");
    let refused = site.refresh_through(&client, &refresh);
    refused.await.oauth_error(400, "invalid_grant");
}

async fn y307_a_log_in_with_a_password_asks_who_may_sign_in(site: Site) {
    site.create_role("staff", &[]).await;
    let alice = site.id_of("alice").await;
    let client = create_client(&site, "w", by_password(&json!({ "who": ["staff"] }))).await;
    let refused = site.log_in_through(&client, &[]).await;
    let refused = refused.oauth_error(400, "invalid_grant");
    let why = refused.text("error_description");
    assert_eq!(why, "the user may not sign in to this application");
    // that is said to nobody who does not know the password
    let wrong = password_form("alice", "not her password");
    let wrong = site.form_as(&client, "/token", &wrong).send().await;
    wrong.is(401);
    site.assign(&alice, "staff").await;
    let tokens = site.log_in_through(&client, &[]).await;
    let access = tokens.is(200).text("access_token");
    site.get("/items/", &access).await.is(200);
    site.unassign(&alice, "staff").await;
    site.get("/items/", &access).await.is(401);
    let refresh = tokens.text("refresh_token");
    let refused = site.refresh_through(&client, &refresh);
    refused.await.oauth_error(400, "invalid_grant");
}

async fn y308_a_client_that_has_to_ask_from_now_on_keeps_no_session_of_before(site: Site) {
    let client = create_client(&site, "a", json!({ "consent": "skip" })).await;
    let (access, refresh) = site.alice_in(&client, &[]).await;
    site.change_client(&client, json!({ "consent": "ask" }))
        .await;
    site.get("/items/", &access).await.is(401);
    let refused = site.refresh_through(&client, &refresh).await;
    refused.oauth_error(400, "invalid_grant");
    // a user who allows it can sign in, and the client refreshes
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&client, REDIRECT, &[]).await;
    browser.log_in(&flow, "alice", PASSWORD).await;
    let answer = browser.decide(&flow, "allow").await;
    let code = SignInAnswer::of(&answer, REDIRECT).unwrap();
    let tokens = site.redeem(&client, code.code(), REDIRECT, &[]).await;
    let refresh = tokens.is(200).text("refresh_token");
    site.refresh_through(&client, &refresh).await.is(200);
}
