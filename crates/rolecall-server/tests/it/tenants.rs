//! Role assignments within a tenant, tokens for it, and administrators of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    command_line::{rolecall, run},
    refresh::Pair,
    support::{Answer, Node, PASSWORD, TestApp, claims, on_both},
};

on_both![
    an_assignment_in_a_tenant_is_one_of_its_own,
    the_list_of_a_tenant_is_paged_and_shows_no_other,
    a_client_has_roles_in_tenants_too,
    a_token_for_a_tenant_carries_the_global_roles_and_those_of_it,
    a_tenant_in_which_one_has_no_role_is_refused_whether_it_exists_or_not,
    a_log_in_refused_for_its_tenant_opens_no_session,
    a_client_acts_in_a_tenant_by_its_own_roles,
    losing_a_role_in_a_tenant_ends_the_token_and_the_refresh_goes_on_without_it,
    the_tenant_goes_with_the_role_that_led_there,
    a_refresh_is_for_the_tenant_of_its_log_in,
    a_token_ends_with_the_role_in_the_tenant,
    an_assignment_that_begins_later_opens_no_tenant_before,
    a_role_that_was_asked_for_in_a_tenant_is_the_active_one,
    for_another_audience_the_tenant_stands_beside_the_applications_roles,
    rolecalls_own_permissions_come_from_no_tenant,
    a_route_of_a_tenant_lets_in_only_tokens_for_it,
    introspection_forward_auth_and_the_own_account_tell_the_tenant,
    a_tenants_administrator_gives_and_takes_there_and_nowhere_else,
    a_tenants_administrator_gives_no_more_than_they_hold,
    a_tenants_administrator_reads_only_there,
    x044_the_limit_that_is_lifted_in_a_tenant_stands_everywhere_else,
    a_tenants_administrator_reaches_no_user_client_role_or_key,
    who_makes_users_gives_them_no_role_by_what_they_hold_in_a_tenant,
    a_token_that_was_narrowed_to_a_tenants_role_is_no_global_one,
    without_a_token_for_it_a_tenant_is_not_administered,
    x050_an_administrator_in_a_tenant_is_not_the_last_one,
    whoever_acts_on_a_user_must_hold_what_they_hold_in_every_tenant,
    a_refusal_names_the_way_and_changes_nothing,
    the_command_line_gives_roles_in_tenants,
    as_a_tenants_administrator_the_command_line_goes_no_further,
    a_token_too_long_for_its_scope_gives_a_tenants_guard_nothing_of_rolecalls_own,
];

impl Node {
    async fn try_log_in_to(&self, username: &str, tenant: &str, scope: Option<&str>) -> Answer {
        let mut form = vec![
            ("grant_type", "password"),
            ("username", username),
            ("password", PASSWORD),
            ("tenant", tenant),
        ];
        form.extend(scope.map(|scope| ("scope", scope)));
        self.token(&form).await
    }

    async fn log_in_to(&self, username: &str, tenant: &str) -> Pair {
        Pair::of(&self.try_log_in_to(username, tenant, None).await)
    }
}

impl TestApp {
    async fn assign_in(&self, id: &str, role: &str, tenant: &str) {
        let path = format!("/api/users/{id}/roles/{role}?tenant={tenant}");
        self.put(path, self.admin().await).await.done();
    }

    async fn unassign_in(&self, id: &str, role: &str, tenant: &str) {
        let path = format!("/api/users/{id}/roles/{role}?tenant={tenant}");
        self.delete(path, self.admin().await).await.done();
    }

    /// `lead` gives and takes roles in `acme`, and holds `items:read` there.
    async fn lead(&self) -> String {
        let held = [
            "items:read",
            "rolecall.assignments:read",
            "rolecall.assignments:write",
        ];
        self.role("lead", &held).await;
        self.role("reader", &["items:read"]).await;
        let lead = self.user("lead", &["user"]).await;
        self.assign_in(&lead, "lead", "acme").await;
        lead
    }

    /// Nothing was written by what `refused` does.
    async fn unchanged<T>(&self, refused: impl Future<Output = T>) -> T {
        let before = self.db.revision().await;
        let answer = refused.await;
        assert_eq!(self.db.revision().await, before);
        answer
    }
}

fn roles(token: &str) -> Value {
    claims(token)["roles"].clone()
}

async fn an_assignment_in_a_tenant_is_one_of_its_own(app: TestApp) {
    let admin = app.admin().await;
    app.role("editor", &["items:read"]).await;
    let alice = app.user("alice", &["editor"]).await;
    let path = format!("/api/users/{alice}/roles");
    for tenant in ["acme", "a.b_c-d", "0"] {
        app.assign_in(&alice, "editor", tenant).await;
    }
    let revision = app.db.revision().await;
    app.assign_in(&alice, "editor", "acme").await;
    assert_eq!(app.db.revision().await, revision, "twice changes nothing");
    let body = json!({ "expires_at": "2031-01-01T00:00:00Z", "reason": "a project" });
    app.put_json(format_args!("{path}/editor?tenant=acme"), admin, body)
        .await
        .done();
    let list = app.get(&path, admin).await;
    let tenants: Vec<&Value> = list.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["tenant"])
        .collect();
    assert_eq!(json!(tenants), json!([null, "0", "a.b_c-d", "acme"]));
    let id = app.id_of("admin").await;
    assert_eq!(
        list.json["items"][3],
        json!({
            "id": format!("{path}/editor?tenant=acme"), "role": "editor", "tenant": "acme",
            "valid_from": null, "expires_at": "2031-01-01T00:00:00Z", "reason": "a project",
            "assigned_by": format!("user:{id}"), "assigned_at": "2030-01-01T00:00:00Z",
        })
    );
    // what the list names is what is taken away
    for item in list.items("id") {
        app.delete(item, admin).await.done();
    }
    assert_eq!(
        app.get(&path, admin).await.items("id"),
        Vec::<String>::new()
    );
    let user = app.get(format_args!("/api/users/{alice}"), admin).await;
    assert_eq!(user.texts("roles"), Vec::<String>::new());
}

async fn the_list_of_a_tenant_is_paged_and_shows_no_other(app: TestApp) {
    let admin = app.admin().await;
    let alice = app.user("alice", &["user"]).await;
    for role in ["a", "b", "c"] {
        app.role(role, &[]).await;
        for tenant in ["acme", "other"] {
            app.assign_in(&alice, role, tenant).await;
        }
    }
    let read = async |query: &str| {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/users/{alice}/roles?limit=2{query}{cursor}");
            let page = app.get(path, admin).await;
            seen.extend(page.items("id"));
            match page.json["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return seen,
            }
        }
    };
    let at = |role: &str, tenant: &str| format!("/api/users/{alice}/roles/{role}?tenant={tenant}");
    let of_acme = ["a", "b", "c"].map(|role| at(role, "acme"));
    assert_eq!(read("&tenant=acme").await, of_acme);
    assert_eq!(read("&tenant=nobody").await, Vec::<String>::new());
    assert_eq!(read("").await.len(), 7);
}

async fn a_client_has_roles_in_tenants_too(app: TestApp) {
    let admin = app.admin().await;
    app.role("editor", &["items:read"]).await;
    let client = app.client("worker", json!({})).await;
    let path = format!("/api/clients/{}/roles/editor?tenant=acme", client.id);
    app.put(&path, admin).await.done();
    let list = format!("/api/clients/{}/roles?tenant=acme", client.id);
    assert_eq!(
        app.get(&list, admin).await.items("id"),
        std::slice::from_ref(&path)
    );
    app.delete(&path, admin).await.done();
    assert_eq!(
        app.get(&list, admin).await.items("id"),
        Vec::<String>::new()
    );
}

async fn a_token_for_a_tenant_carries_the_global_roles_and_those_of_it(app: TestApp) {
    app.role("editor", &["items:write"]).await;
    app.role("reader", &["items:read"]).await;
    app.inherit("editor", "reader").await;
    app.role("auditor", &["books:read"]).await;
    let alice = app.user("alice", &["user"]).await;
    app.assign_in(&alice, "editor", "acme").await;
    app.assign_in(&alice, "auditor", "other").await;
    let answer = app.try_log_in_to("alice", "acme", None).await;
    assert_eq!(answer.is(200).json["tenant"], "acme");
    let token = answer.text("access_token");
    assert_eq!(claims(&token)["tenant"], "acme");
    assert_eq!(roles(&token), json!(["editor", "reader", "user"]));
    assert_eq!(claims(&token)["scope"], "items:read items:write");
    app.get("/items/", &token).await.is(200);
    // without a tenant only what is global counts, and no tenant is told
    let answer = app.password_grant("alice", PASSWORD).await;
    assert!(answer.is(200).json.get("tenant").is_none());
    let token = answer.text("access_token");
    assert!(claims(&token).get("tenant").is_none());
    assert_eq!(roles(&token), json!(["user"]));
    assert_eq!(claims(&token)["scope"], "");
    let answer = app.try_log_in_to("alice", "", None).await;
    assert!(
        answer.is(200).json.get("tenant").is_none(),
        "RFC 6749: empty means absent"
    );
}

async fn a_tenant_in_which_one_has_no_role_is_refused_whether_it_exists_or_not(app: TestApp) {
    let alice = app.user("alice", &["user"]).await;
    let bob = app.user("bob", &[]).await;
    app.assign_in(&bob, "user", "acme").await;
    app.assign_in(&alice, "user", "gone").await;
    app.unassign_in(&alice, "user", "gone").await;
    for tenant in ["acme", "nowhere", "gone"] {
        let answer = app.try_log_in_to("alice", tenant, None).await;
        answer.oauth(400, "invalid_scope");
        assert_eq!(
            answer.json["detail"],
            format!("you have no role in tenant {tenant}")
        );
    }
    for wrong in [
        "ACME",
        "acme/..",
        "..",
        "acme acme",
        "*",
        "acme\0",
        "acme\u{301}",
    ] {
        let answer = app.try_log_in_to("bob", wrong, None).await;
        answer.oauth(400, "invalid_scope");
        assert_eq!(answer.json["detail"], "tenant is not a name of a tenant");
    }
    // whoever has the wrong password learns of no tenant
    let form = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", "wrong horse battery staple"),
        ("tenant", "acme"),
    ];
    app.token(&form).await.wrong_password();
}

async fn a_log_in_refused_for_its_tenant_opens_no_session(app: TestApp) {
    app.user("alice", &["user"]).await;
    let before = (app.db.count("sessions").await, app.db.revision().await);
    app.try_log_in_to("alice", "acme", None)
        .await
        .oauth(400, "invalid_scope");
    assert_eq!(
        (app.db.count("sessions").await, app.db.revision().await),
        before
    );
}

async fn a_client_acts_in_a_tenant_by_its_own_roles(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    let client = app.client("worker", json!({})).await;
    let refused = app.try_act_as(&client, &[("tenant", "acme")]).await;
    refused.oauth(400, "invalid_scope");
    let path = format!("/api/clients/{}/roles/reader?tenant=acme", client.id);
    app.put(&path, app.admin().await).await.done();
    let answer = app.try_act_as(&client, &[("tenant", "acme")]).await;
    assert_eq!(answer.is(200).json["tenant"], "acme");
    let token = answer.text("access_token");
    assert_eq!(
        (&claims(&token)["tenant"], roles(&token)),
        (&json!("acme"), json!(["reader"]))
    );
    app.get("/t/acme/items/", &token).await.is(200);
    assert_eq!(roles(&app.act_as(&client).await), json!([]));
    app.delete(&path, app.admin().await).await.done();
    app.get("/t/acme/items/", &token).await.ended();
    // a user's log-in through it is for the user's tenants, not for the client's
    app.put(&path, app.admin().await).await.done();
    app.user("alice", &["user"]).await;
    let answer = app.log_in_through(&client, &[("tenant", "acme")]).await;
    answer.oauth(400, "invalid_scope");
}

async fn losing_a_role_in_a_tenant_ends_the_token_and_the_refresh_goes_on_without_it(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    let alice = app.user("alice", &["user"]).await;
    app.assign_in(&alice, "reader", "acme").await;
    app.assign_in(&alice, "user", "acme").await;
    let first = app.log_in_to("alice", "acme").await;
    app.get("/t/acme/items/", &first.access).await.is(200);
    app.unassign_in(&alice, "reader", "acme").await;
    app.get("/t/acme/items/", &first.access).await.ended();
    let second = Pair::of(&app.refresh(&first.refresh).await);
    assert_eq!(claims(&second.access)["tenant"], "acme");
    app.get("/t/acme/items/", &second.access)
        .await
        .forbidden("items:read");
    // the last one there
    app.unassign_in(&alice, "user", "acme").await;
    app.get("/api/me", &second.access).await.ended();
    let answer = app.refresh(&second.refresh).await;
    assert!(answer.is(200).json.get("tenant").is_none());
    let third = Pair::of(&answer);
    assert!(claims(&third.access).get("tenant").is_none());
    assert_eq!(roles(&third.access), json!(["user"]));
    // and when it is given back, the session is for the tenant again
    app.assign_in(&alice, "reader", "acme").await;
    let fourth = Pair::of(&app.refresh(&third.refresh).await);
    assert_eq!(claims(&fourth.access)["tenant"], "acme");
    app.get("/t/acme/items/", &fourth.access).await.is(200);
}

async fn the_tenant_goes_with_the_role_that_led_there(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    for by_document in [false, true] {
        app.role("member", &[]).await;
        let name = if by_document { "alice" } else { "bob" };
        let id = app.user(name, &["reader"]).await;
        app.assign_in(&id, "member", "acme").await;
        // of what is active in this one, nothing is taken away
        let narrow = app.try_log_in_to(name, "acme", Some("role:reader")).await;
        let pair = Pair::of(&narrow);
        app.get("/t/acme/items/", &pair.access).await.is(200);
        if by_document {
            let policy = json!({
                "permissions": { "items:read": "" },
                "roles": { "reader": { "permissions": ["items:read"] } },
            });
            let put = app.request(http::Method::PUT, "/api/policy");
            let put = put.header("if-match", "*").token(app.admin().await);
            put.json(&policy).send().await.is(200);
        } else {
            let path = "/api/roles/member";
            app.delete(path, app.admin().await).await.done();
        }
        app.get("/t/acme/items/", &pair.access).await.ended();
        let next = Pair::of(&app.refresh(&pair.refresh).await);
        assert!(claims(&next.access).get("tenant").is_none());
        app.get("/t/acme/items/", &next.access).await.forbidden("");
    }
}

async fn a_refresh_is_for_the_tenant_of_its_log_in(app: TestApp) {
    let alice = app.user("alice", &["user"]).await;
    for tenant in ["acme", "other"] {
        app.assign_in(&alice, "user", tenant).await;
    }
    let refresh_for = async |token: &str, tenant: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("tenant", tenant),
        ];
        app.token(&form).await
    };
    let pair = app.log_in_to("alice", "acme").await;
    for wrong in ["other", "nowhere", "Acme"] {
        refresh_for(&pair.refresh, wrong)
            .await
            .oauth(400, "invalid_scope");
    }
    // the refusals cost nothing: the token still works
    let pair = Pair::of(&refresh_for(&pair.refresh, "acme").await);
    assert_eq!(claims(&pair.access)["tenant"], "acme");
    let pair = app.log_in("alice").await;
    refresh_for(&pair.refresh, "acme")
        .await
        .oauth(400, "invalid_scope");
    assert!(
        claims(&Pair::of(&app.refresh(&pair.refresh).await).access)
            .get("tenant")
            .is_none()
    );
}

async fn a_token_ends_with_the_role_in_the_tenant(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    let alice = app.user("alice", &["user"]).await;
    let path = format!("/api/users/{alice}/roles/reader?tenant=acme");
    let body = json!({ "expires_at": "2030-01-01T00:10:00Z" });
    app.put_json(&path, app.admin().await, body).await.done();
    let answer = app.try_log_in_to("alice", "acme", None).await;
    assert_eq!(answer.is(200).json["expires_in"], 600);
    let pair = Pair::of(&answer);
    // the role that was asked for is global: that the token is for the tenant is not
    let answer = app.try_log_in_to("alice", "acme", Some("role:user")).await;
    assert_eq!(answer.is(200).json["expires_in"], 600);
    assert_eq!(
        app.password_grant("alice", PASSWORD).await.json["expires_in"],
        1800
    );
    app.pass(Duration::from_secs(599));
    app.get("/t/acme/items/", &pair.access).await.is(200);
    app.pass(Duration::from_secs(1));
    app.get("/t/acme/items/", &pair.access).await.ended();
    // nobody swept: time alone took it
    assert_eq!(app.db.count("role_assignments").await, 4);
    let pair = Pair::of(&app.refresh(&pair.refresh).await);
    assert!(claims(&pair.access).get("tenant").is_none());
    app.try_log_in_to("alice", "acme", None)
        .await
        .oauth(400, "invalid_scope");
}

async fn an_assignment_that_begins_later_opens_no_tenant_before(app: TestApp) {
    let alice = app.user("alice", &["user"]).await;
    let path = format!("/api/users/{alice}/roles/user?tenant=acme");
    let body =
        json!({ "valid_from": "2030-01-01T01:00:00Z", "expires_at": "2030-01-01T02:00:00Z" });
    app.put_json(&path, app.admin().await, body).await.done();
    app.try_log_in_to("alice", "acme", None)
        .await
        .oauth(400, "invalid_scope");
    app.pass(Duration::from_hours(1));
    app.log_in_to("alice", "acme").await;
    // with less than half a minute left a role is left out, and with it the tenant
    app.pass(Duration::from_secs(3600 - 29));
    app.try_log_in_to("alice", "acme", None)
        .await
        .oauth(400, "invalid_scope");
}

async fn a_role_that_was_asked_for_in_a_tenant_is_the_active_one(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    app.role("editor", &["items:*"]).await;
    app.inherit("editor", "reader").await;
    let alice = app.user("alice", &["user"]).await;
    app.assign_in(&alice, "editor", "acme").await;
    let scoped = async |scope: &str| {
        let answer = app.try_log_in_to("alice", "acme", Some(scope)).await;
        answer.is(200).text("access_token")
    };
    let token = scoped("role:reader").await;
    assert_eq!(
        (roles(&token), &claims(&token)["tenant"]),
        (json!(["reader"]), &json!("acme"))
    );
    let token = scoped("role:editor").await;
    assert_eq!(roles(&token), json!(["editor", "reader"]));
    assert_eq!(claims(&token)["scope"], "items:read");
    app.try_login_for("alice", "role:editor")
        .await
        .oauth(400, "invalid_scope");
    let refused = app.try_log_in_to("alice", "acme", Some("role:admin")).await;
    refused.oauth(400, "invalid_scope");
}

async fn for_another_audience_the_tenant_stands_beside_the_applications_roles(app: TestApp) {
    app.lead().await;
    let audience = "https://items.example";
    let client = app.client("spa", json!({ "audiences": [audience] })).await;
    let form = [
        ("grant_type", "password"),
        ("username", "lead"),
        ("password", PASSWORD),
        ("tenant", "acme"),
        ("audience", audience),
    ];
    let answer = app.form_as(&client, "/token", &form).send().await;
    let token = answer.is(200).text("access_token");
    assert_eq!(claims(&token)["aud"], audience);
    assert_eq!(claims(&token)["tenant"], "acme");
    assert_eq!(roles(&token), json!(["lead", "user"]));
    assert_eq!(
        claims(&token)["scope"],
        "items:read",
        "nothing of rolecall's own"
    );
    let bob = app.user("bob", &[]).await;
    let path = format!("/api/users/{bob}/roles/reader?tenant=acme");
    app.put(path, &token).await.not_valid();
}

async fn rolecalls_own_permissions_come_from_no_tenant(app: TestApp) {
    app.role(
        "helper",
        &["items:read", "rolecall.users:read", "rolecall.users:write"],
    )
    .await;
    let alice = app.user("alice", &["user"]).await;
    app.assign_in(&alice, "helper", "acme").await;
    app.assign_in(&alice, "rolecall.admin", "acme").await;
    let token = app.log_in_to("alice", "acme").await.access;
    assert_eq!(roles(&token), json!(["helper", "user"]));
    assert_eq!(
        claims(&token)["scope"],
        "items:read rolecall.assignments:any rolecall.assignments:read rolecall.assignments:write"
    );
    app.get("/api/users", &token)
        .await
        .forbidden("rolecall.users:read");
    for asked in ["rolecall.users:read", "role:rolecall.admin"] {
        let refused = app.try_log_in_to("alice", "acme", Some(asked)).await;
        refused.oauth(400, "invalid_scope");
    }
    // what is held globally counts in the tenant too
    app.assign(&alice, "helper").await;
    let token = app.log_in_to("alice", "acme").await.access;
    app.get("/api/users", &token).await.is(200);
}

async fn a_route_of_a_tenant_lets_in_only_tokens_for_it(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    let alice = app.user("alice", &["reader"]).await;
    for tenant in ["acme", "other"] {
        app.assign_in(&alice, "user", tenant).await;
    }
    let acme = app.log_in_to("alice", "acme").await.access;
    let answer = app.get("/t/acme/items/", &acme).await;
    assert_eq!(answer.json, json!({ "reader": "alice", "tenant": "acme" }));
    app.get("/t/other/items/", &acme).await.forbidden("");
    app.get("/t/acme/items/", &app.login("alice").await)
        .await
        .forbidden("");
    app.get("/t/acme/items/", app.admin().await)
        .await
        .forbidden("items:read");
    app.get("/t/acme%2F..%2Fother/items/", &acme)
        .await
        .forbidden("");
    app.get("/t/%61cme/items/", &acme).await.is(200);
    // where the tenant is not asked for, the token is as good as another
    app.get("/items/", &acme).await.is(200);
}

async fn introspection_forward_auth_and_the_own_account_tell_the_tenant(app: TestApp) {
    let alice = app.user("alice", &["user"]).await;
    app.assign_in(&alice, "user", "acme").await;
    let (there, nowhere) = (
        app.log_in_to("alice", "acme").await.access,
        app.login("alice").await,
    );
    let roles = json!({ "roles": ["rolecall.resource-server"] });
    let client = app.client("gate", roles).await;
    let introspect = async |token: &str| {
        let ask = app.form_as(&client, "/introspect", &[("token", token)]);
        ask.send().await.is(200).json.clone()
    };
    assert_eq!(introspect(&there).await["tenant"], "acme");
    assert!(introspect(&nowhere).await.get("tenant").is_none());
    assert_eq!(app.get("/api/me", &there).await.json["tenant"], "acme");
    assert_eq!(
        app.get("/api/me", &nowhere).await.json["tenant"],
        Value::Null
    );
    let header = async |token: &str| {
        let answer = app.get("/forward-auth", token).await;
        answer.is(200).header("x-auth-tenant").unwrap().to_owned()
    };
    assert_eq!(header(&there).await, "acme");
    assert_eq!(header(&nowhere).await, "");
}

async fn a_tenants_administrator_gives_and_takes_there_and_nowhere_else(app: TestApp) {
    app.lead().await;
    let bob = app.user("bob", &["reader"]).await;
    app.assign_in(&bob, "reader", "other").await;
    let token = app.log_in_to("lead", "acme").await.access;
    let path = format!("/api/users/{bob}/roles/reader");
    let here = format!("{path}?tenant=acme");
    app.put(&here, &token).await.done();
    let bobs = app.log_in_to("bob", "acme").await.access;
    app.get("/t/acme/items/", &bobs).await.is(200);
    let body = json!({ "expires_at": "2030-01-01T00:01:00Z" });
    app.put_json(&here, &token, body).await.done();
    app.get("/t/acme/items/", &bobs).await.ended();
    app.delete(&here, &token).await.done();
    // the receipt tells an administrator that the assignment is for the tenant alone
    let why = async |refused: &Answer| {
        let receipt = format!("/api/decisions/{}", refused.text("receipt"));
        let told = app.get(receipt, app.admin().await).await.is(200).clone();
        assert_eq!(
            (&told.json["allowed"], &told.json["tenant"]),
            (&json!(false), &Value::Null)
        );
        let steps = told.json["because"].as_array().unwrap();
        let is_cause = |step: &&Value| step["kind"] == "lost" && step["cause"] == "other_tenant";
        assert!(steps.iter().any(|step| is_cause(&step)), "{told:?}");
    };
    for elsewhere in [
        path.clone(),
        format!("{path}?tenant=other"),
        format!("{path}?tenant=acme2"),
    ] {
        for refused in [
            app.unchanged(app.put(&elsewhere, &token)).await,
            app.unchanged(app.delete(&elsewhere, &token)).await,
        ] {
            refused.forbidden("rolecall.assignments:write");
            assert_eq!(refused.json["rule"], "other_tenant");
            assert_eq!(refused.json["detail"], "Operation not permitted");
            why(&refused).await;
        }
    }
    let client = app.client("worker", json!({})).await;
    let path = format!("/api/clients/{}/roles/reader", client.id);
    app.put(format_args!("{path}?tenant=acme"), &token)
        .await
        .done();
    for elsewhere in [path.clone(), format!("{path}?tenant=other")] {
        let refused = app.unchanged(app.put(&elsewhere, &token)).await;
        refused.forbidden("rolecall.assignments:write");
    }
    app.delete(format_args!("{path}?tenant=acme"), &token)
        .await
        .done();
    let admin = app.admin().await;
    let list = app.get(format_args!("/api/users/{bob}/roles"), admin).await;
    assert_eq!(list.items("role"), ["reader", "reader"]);
}

async fn a_tenants_administrator_gives_no_more_than_they_hold(app: TestApp) {
    let lead = app.lead().await;
    app.role("boss", &["secrets:read"]).await;
    app.role("named", &[]).await;
    app.role("helper", &["items:read", "rolecall.users:write"])
        .await;
    let bob = app.user("bob", &[]).await;
    let token = app.log_in_to("lead", "acme").await.access;
    let at = |id: &str, role: &str| format!("/api/users/{id}/roles/{role}?tenant=acme");
    for (role, lacking) in [
        ("boss", "secrets:read"),
        ("named", "role:named"),
        ("rolecall.admin", "rolecall.assignments:any"),
    ] {
        for id in [&bob, &lead] {
            let refused = app.unchanged(app.put(at(id, role), &token)).await;
            refused.forbidden(lacking);
            assert_eq!(refused.json["rule"], "delegation_limit");
        }
    }
    app.assign_in(&bob, "boss", "acme").await;
    let refused = app.unchanged(app.delete(at(&bob, "boss"), &token)).await;
    refused.forbidden("secrets:read");
    // of what `helper` holds, `items:read` is all that it gives there
    app.put(at(&bob, "helper"), &token).await.done();
    assert_eq!(
        claims(&app.log_in_to("bob", "acme").await.access)["scope"],
        "items:read secrets:read"
    );
    // and what is held globally may be given there
    app.assign(&lead, "named").await;
    let token = app.log_in_to("lead", "acme").await.access;
    app.put(at(&bob, "named"), &token).await.done();
    app.put(at(&bob, "lead"), &token).await.done();
}

async fn a_tenants_administrator_reads_only_there(app: TestApp) {
    let lead = app.lead().await;
    let bob = app.user("bob", &["reader"]).await;
    for tenant in ["acme", "other"] {
        app.assign_in(&bob, "reader", tenant).await;
    }
    let token = app.log_in_to("lead", "acme").await.access;
    let path = format!("/api/users/{bob}/roles");
    let here = app.get(format_args!("{path}?tenant=acme"), &token).await;
    assert_eq!(here.items("id"), [format!("{path}/reader?tenant=acme")]);
    for elsewhere in [
        path.clone(),
        format!("{path}?tenant=other"),
        format!("{path}?limit=1"),
    ] {
        let refused = app.get(&elsewhere, &token).await;
        refused.forbidden("rolecall.assignments:read");
        assert_eq!(refused.json["rule"], "other_tenant");
    }
    let client = app.client("worker", json!({})).await;
    let clients = format!("/api/clients/{}/roles", client.id);
    app.get(&clients, &token)
        .await
        .forbidden("rolecall.assignments:read");
    app.get(format_args!("{clients}?tenant=acme"), &token)
        .await
        .is(200);
    // a token for the tenant of somebody who may read everywhere reads everywhere
    app.assign(&lead, "lead").await;
    let token = app.log_in_to("lead", "acme").await.access;
    assert_eq!(app.get(&path, &token).await.items("role").len(), 3);
}

async fn x044_the_limit_that_is_lifted_in_a_tenant_stands_everywhere_else(app: TestApp) {
    app.role("boss", &["secrets:read"]).await;
    let chief = app.user("chief", &["user"]).await;
    app.assign_in(&chief, "rolecall.admin", "acme").await;
    let bob = app.user("bob", &["boss"]).await;
    let token = app.log_in_to("chief", "acme").await.access;
    let at = |role: &str, query: &str| format!("/api/users/{bob}/roles/{role}{query}");
    app.put(at("boss", "?tenant=acme"), &token).await.done();
    app.put(at("rolecall.admin", "?tenant=acme"), &token)
        .await
        .done();
    for (role, query) in [
        ("boss", ""),
        ("boss", "?tenant=other"),
        ("rolecall.admin", ""),
        ("user", ""),
    ] {
        let refused = app.unchanged(app.put(at(role, query), &token)).await;
        refused.forbidden("rolecall.assignments:write");
        app.unchanged(app.delete(at(role, query), &token))
            .await
            .is(403);
    }
    // whoever may give roles globally, but with limits, does not lift them by way of the tenant
    app.role("giver", &["rolecall.assignments:write"]).await;
    app.assign(&chief, "giver").await;
    let token = app.log_in_to("chief", "acme").await.access;
    let refused = app.unchanged(app.put(at("boss", ""), &token)).await;
    refused.forbidden("secrets:read");
    let refused = app
        .unchanged(app.put(at("boss", "?tenant=other"), &token))
        .await;
    refused.forbidden("secrets:read");
    app.put(at("user", ""), &token).await.done();
    app.put(at("user", "?tenant=other"), &token).await.done();
}

async fn a_tenants_administrator_reaches_no_user_client_role_or_key(app: TestApp) {
    let all = [
        "rolecall.assignments:any",
        "rolecall.assignments:read",
        "rolecall.assignments:write",
        "rolecall.clients:write",
        "rolecall.keys:rotate",
        "rolecall.roles:write",
        "rolecall.sessions:revoke",
        "rolecall.users:read",
        "rolecall.users:write",
    ];
    app.role("everything", &all).await;
    let chief = app.user("chief", &["user"]).await;
    app.assign_in(&chief, "everything", "acme").await;
    app.assign_in(&chief, "rolecall.admin", "acme").await;
    let bob = app.user("bob", &["user"]).await;
    let token = app.log_in_to("chief", "acme").await.access;
    app.unchanged(async {
        app.get("/api/users", &token).await.is(403);
        for query in ["", "?tenant=acme"] {
            let user = format!("/api/users/{bob}{query}");
            for answer in [
                app.get(&user, &token).await,
                app.patch(&user, &token, json!({ "status": "disabled" }))
                    .await,
                app.delete(&user, &token).await,
                app.post(
                    format_args!("/api/users/{bob}/reset{query}"),
                    &token,
                    json!({}),
                )
                .await,
                app.delete(format_args!("/api/users/{bob}/sessions{query}"), &token)
                    .await,
                app.post(format_args!("/api/keys/rotate{query}"), &token, json!({}))
                    .await,
                app.post(
                    format_args!("/api/roles{query}"),
                    &token,
                    json!({ "name": "mine" }),
                )
                .await,
                app.put(
                    format_args!("/api/roles/user/juniors/everything{query}"),
                    &token,
                )
                .await,
            ] {
                answer.is(403);
            }
            for roles in [json!([]), json!(["user"]), json!(["everything"])] {
                let body = json!({ "username": "mole", "password": PASSWORD, "roles": roles });
                app.post(format_args!("/api/users{query}"), &token, body)
                    .await
                    .is(403);
                let body =
                    json!({ "name": "mole", "grants": ["client_credentials"], "roles": roles });
                app.post(format_args!("/api/clients{query}"), &token, body)
                    .await
                    .is(403);
            }
        }
    })
    .await;
}

async fn who_makes_users_gives_them_no_role_by_what_they_hold_in_a_tenant(app: TestApp) {
    app.role("clerk", &["rolecall.users:write", "rolecall.clients:write"])
        .await;
    let chief = app.user("chief", &["clerk"]).await;
    app.assign_in(&chief, "rolecall.admin", "acme").await;
    let token = app.log_in_to("chief", "acme").await.access;
    let body = json!({ "username": "mole", "password": PASSWORD, "roles": ["user"] });
    let refused = app.unchanged(app.post("/api/users", &token, body)).await;
    refused.forbidden("rolecall.assignments:write");
    assert_eq!(refused.json["rule"], "other_tenant");
    let body = json!({ "name": "mole", "grants": ["client_credentials"], "roles": ["user"] });
    let refused = app.unchanged(app.post("/api/clients", &token, body)).await;
    refused.forbidden("rolecall.assignments:write");
    let body = json!({ "username": "bill", "password": PASSWORD });
    app.post("/api/users", &token, body).await.is(201);
}

async fn a_token_that_was_narrowed_to_a_tenants_role_is_no_global_one(app: TestApp) {
    let lead = app.lead().await;
    app.role(
        "giver",
        &[
            "items:read",
            "rolecall.assignments:read",
            "rolecall.assignments:write",
        ],
    )
    .await;
    app.assign(&lead, "giver").await;
    let bob = app.user("bob", &[]).await;
    let path = format!("/api/users/{bob}/roles");
    let whole = app.log_in_to("lead", "acme").await.access;
    app.put(format_args!("{path}/reader"), &whole).await.done();
    app.delete(format_args!("{path}/reader"), &whole)
        .await
        .done();
    // the same permissions, but by the role that is held in the tenant
    let answer = app.try_log_in_to("lead", "acme", Some("role:lead")).await;
    let narrowed = answer.is(200).text("access_token");
    assert_eq!(claims(&narrowed)["scope"], claims(&whole)["scope"]);
    for query in ["", "?tenant=other"] {
        let elsewhere = format!("{path}/reader{query}");
        app.unchanged(app.put(elsewhere, &narrowed))
            .await
            .forbidden("rolecall.assignments:write");
        app.get(format_args!("{path}{query}"), &narrowed)
            .await
            .forbidden("rolecall.assignments:read");
    }
    app.put(format_args!("{path}/reader?tenant=acme"), &narrowed)
        .await
        .done();
    // and what was narrowed away is not carried there either
    let answer = app
        .try_log_in_to("lead", "acme", Some("rolecall.assignments:read"))
        .await;
    let narrowed = answer.is(200).text("access_token");
    app.get(format_args!("{path}?tenant=acme"), &narrowed)
        .await
        .is(200);
    let refused = app
        .put(format_args!("{path}/reader?tenant=acme"), &narrowed)
        .await;
    refused.forbidden("rolecall.assignments:write");
}

async fn without_a_token_for_it_a_tenant_is_not_administered(app: TestApp) {
    let lead = app.lead().await;
    app.assign_in(&lead, "user", "other").await;
    let bob = app.user("bob", &[]).await;
    let here = format!("/api/users/{bob}/roles/reader?tenant=acme");
    for token in [
        app.login("lead").await,
        app.log_in_to("lead", "other").await.access,
    ] {
        app.unchanged(app.put(&here, &token))
            .await
            .forbidden("rolecall.assignments:write");
        let list = format!("/api/users/{bob}/roles?tenant=acme");
        app.get(list, &token)
            .await
            .forbidden("rolecall.assignments:read");
    }
    // nor with a token for another that they administer as well
    app.assign_in(&lead, "lead", "other").await;
    let other = app.log_in_to("lead", "other").await.access;
    let refused = app.unchanged(app.put(&here, &other)).await;
    refused.forbidden("rolecall.assignments:write");
    let there = format!("/api/users/{bob}/roles/reader?tenant=other");
    app.put(&there, &other).await.done();
    app.delete(&there, &other).await.done();
    // a token of before the loss is not enough, on a node that has not heard of it either
    let token = app.log_in_to("lead", "acme").await.access;
    let other = app.second_node().await;
    app.unassign_in(&lead, "lead", "acme").await;
    let refused = other.put(&here, &token).await;
    assert!([401, 403].contains(&refused.status.as_u16()), "{refused:?}");
    let sql = format!("SELECT COUNT(*) FROM role_assignments WHERE subject_id = '{bob}'");
    assert_eq!(app.db.number(&sql).await, 0);
}

async fn x050_an_administrator_in_a_tenant_is_not_the_last_one(app: TestApp) {
    let (admin, id) = (app.admin().await, app.id_of("admin").await);
    let bob = app.user("bob", &["user"]).await;
    app.assign_in(&bob, "rolecall.admin", "acme").await;
    app.assign_in(&id, "rolecall.admin", "acme").await;
    let role = format!("/api/users/{id}/roles/rolecall.admin");
    app.delete(&role, admin).await.breaks("last_administrator");
    app.delete(format_args!("/api/users/{id}"), admin)
        .await
        .breaks("last_administrator");
    app.delete(format_args!("{role}?tenant=acme"), admin)
        .await
        .done();
    app.get("/api/users", &app.login("admin").await)
        .await
        .is(200);
}

async fn whoever_acts_on_a_user_must_hold_what_they_hold_in_every_tenant(app: TestApp) {
    app.role("clerk", &["rolecall.users:write", "rolecall.users:read"])
        .await;
    app.role("boss", &["secrets:read"]).await;
    app.user("clerk", &["clerk"]).await;
    let bob = app.user("bob", &[]).await;
    let token = app.login("clerk").await;
    let reset = format!("/api/users/{bob}/reset");
    app.assign_in(&bob, "boss", "acme").await;
    let refused = app.unchanged(app.post(&reset, &token, json!({}))).await;
    refused.forbidden("secrets:read");
    app.unassign_in(&bob, "boss", "acme").await;
    app.assign_in(&bob, "rolecall.admin", "acme").await;
    let refused = app.unchanged(app.post(&reset, &token, json!({}))).await;
    assert!(
        refused.is(403).json["permissions"]
            .to_string()
            .contains("rolecall.assignments:any")
    );
    app.unassign_in(&bob, "rolecall.admin", "acme").await;
    app.post(&reset, &token, json!({})).await.is(200);
}

async fn a_refusal_names_the_way_and_changes_nothing(app: TestApp) {
    app.lead().await;
    app.role("boss", &["secrets:read"]).await;
    for role in ["bridge", "top"] {
        app.role(role, &["items:read"]).await;
    }
    app.inherit("top", "bridge").await;
    app.inherit("bridge", "boss").await;
    let bob = app.user("bob", &[]).await;
    let token = app.log_in_to("lead", "acme").await.access;
    let path = format!("/api/users/{bob}/roles/top?tenant=acme");
    let refused = app.unchanged(app.put(path, &token)).await;
    refused.forbidden("secrets:read");
    assert_eq!(refused.json["rule"], "delegation_limit");
    assert_eq!(refused.json["path"], json!(["top", "bridge", "boss"]));
    assert_eq!(refused.json["permissions"], json!(["secrets:read"]));
}

async fn the_command_line_gives_roles_in_tenants(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    let alice = app.user("alice", &["user"]).await;
    let give = ["assign", "alice", "editor", "--tenant", "acme"];
    let times = [
        "--from",
        "2001-01-01T00:00:00Z",
        "--until",
        "2099-01-01T00:00:00Z",
        "--reason",
        "a project",
    ];
    run(&app, &[&give[..], &times[..]].concat()).await;
    let list = app
        .get(
            format_args!("/api/users/{alice}/roles?tenant=acme"),
            app.admin().await,
        )
        .await;
    assert_eq!(list.items("reason"), ["a project"]);
    let said = rolecall(&app, &["user", "show", "alice"]).await;
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(
        text.contains(
            "editor in tenant acme from 2001-01-01T00:00:00Z until 2099-01-01T00:00:00Z (assigned "
        ),
        "{text}"
    );
    assert!(
        text.contains(": a project)") && text.contains("role    user (assigned"),
        "{text}"
    );
    let said = rolecall(&app, &["--json", "user", "show", "alice"]).await;
    let shown: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(
        shown["assignments"][0]["id"],
        format!("/api/users/{alice}/roles/editor?tenant=acme")
    );
    for wrong in ["", "ACME", "acme/.."] {
        let refused = rolecall(&app, &["assign", "alice", "editor", "--tenant", wrong]).await;
        assert!(!refused.status.success(), "{wrong:?}");
    }
    let reason = "x".repeat(501);
    let refused = rolecall(&app, &["assign", "alice", "editor", "--reason", &reason]).await;
    assert!(!refused.status.success());
    // the global one is another
    run(&app, &["unassign", "alice", "editor"]).await;
    assert_eq!(app.db.count("role_assignments").await, 4);
    run(&app, &["unassign", "alice", "editor", "--tenant", "acme"]).await;
    assert_eq!(app.db.count("role_assignments").await, 3);
}

async fn as_a_tenants_administrator_the_command_line_goes_no_further(app: TestApp) {
    app.lead().await;
    let bob = app.user("bob", &[]).await;
    let give = async |more: &[&str]| {
        let base = ["--as", "lead", "assign", "bob"];
        let said = rolecall(&app, &[&base[..], more].concat()).await;
        (
            said.status.success(),
            String::from_utf8(said.stderr).unwrap(),
        )
    };
    assert_eq!(
        give(&["reader", "--tenant", "acme"]).await,
        (true, String::new())
    );
    let sql = format!("SELECT COUNT(*) FROM role_assignments WHERE subject_id = '{bob}'");
    for refused in [
        &["reader"][..],
        &["reader", "--tenant", "other"],
        &["rolecall.admin", "--tenant", "acme"],
    ] {
        let (done, said) = give(refused).await;
        assert!(
            !done && said.contains("not permitted"),
            "{refused:?}: {said}"
        );
        assert_eq!(app.db.number(&sql).await, 1);
    }
    for refused in [
        &["user", "show", "bob"][..],
        &["user", "list"],
        &["role", "add", "mine"],
    ] {
        let said = rolecall(&app, &[&["--as", "lead"], refused].concat()).await;
        assert!(!said.status.success(), "{refused:?}");
    }
}

async fn a_token_too_long_for_its_scope_gives_a_tenants_guard_nothing_of_rolecalls_own(
    app: TestApp,
) {
    let admin = app.admin().await;
    app.role(
        "wide",
        &["rolecall.users:read", "rolecall.assignments:read"],
    )
    .await;
    for number in 0..150 {
        let name = format!("an-object-with-a-long-name-{number}:read");
        app.post("/api/permissions", admin, json!({ "name": name }))
            .await
            .is(201);
        app.put(format_args!("/api/roles/wide/permissions/{name}"), admin)
            .await
            .done();
    }
    let alice = app.user("alice", &["user"]).await;
    app.assign_in(&alice, "wide", "acme").await;
    let token = app.log_in_to("alice", "acme").await.access;
    assert!(claims(&token).get("scope").is_none());
    let me = app.get("/api/me", &token).await;
    assert_eq!(me.texts("permissions").len(), 150);
    app.get("/api/users", &token)
        .await
        .forbidden("rolecall.users:read");
    app.get(format_args!("/api/users/{alice}/roles"), &token)
        .await
        .forbidden("rolecall.assignments:read");
    let role = json!({ "roles": ["rolecall.resource-server"] });
    let client = app.client("gate", role).await;
    let ask = app.form_as(&client, "/introspect", &[("token", &token)]);
    let told = ask.send().await.is(200).text("scope");
    assert_eq!(told.split(' ').count(), 150);
    assert!(!told.contains("rolecall."), "{told}");
    // the same held globally is derived for a token without a tenant, and asked for by name with one
    app.assign(&alice, "wide").await;
    app.get("/api/users", &app.login("alice").await)
        .await
        .is(200);
    let token = app.log_in_to("alice", "acme").await.access;
    app.get("/api/users", &token)
        .await
        .forbidden("rolecall.users:read");
    let narrowed = app
        .try_log_in_to("alice", "acme", Some("rolecall.users:read"))
        .await;
    app.get("/api/users", &narrowed.is(200).text("access_token"))
        .await
        .is(200);
}
