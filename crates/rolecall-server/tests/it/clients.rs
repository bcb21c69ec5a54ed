//! OAuth clients: how they prove who they are, and what they may do.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Ask, ISSUER, PASSWORD, TestApp, WRONG, claims, on_both};

on_both![
    a_secret_is_shown_once_and_stored_as_a_hash,
    a_client_that_is_not_right_is_refused_by_member,
    o012_a_grant_that_the_client_lacks_is_refused_before_anything_is_hashed,
    o024_no_confidential_client_is_without_a_secret,
    o035_a_public_client_refreshes_and_its_token_is_another_each_time,
    o015_a_confidential_client_without_its_secret_is_no_client,
    o016_basic_and_form_both_prove_a_client,
    o017_o018_an_unknown_client_looks_like_a_wrong_secret,
    o019_two_proofs_in_one_request_are_refused,
    o020_an_encoded_secret_is_decoded,
    o021_a_secret_in_the_query_counts_for_nothing,
    o023_guesses_at_one_client_are_slowed_and_no_other_client,
    o025_no_client_has_the_password_grant_unless_it_was_given,
    o026_a_client_refreshes_only_if_it_may,
    o030_no_password_is_hashed_for_a_client_that_is_not_proven,
    o038_a_refresh_token_of_one_client_is_nothing_to_another,
    o039_a_confidential_client_refreshes_only_with_its_secret,
    o051_a_client_that_acts_for_itself_gets_no_refresh_token,
    o052_a_public_client_does_not_act_for_itself,
    o053_a_client_is_never_taken_for_a_user,
    o054_a_client_gets_nothing_beyond_its_own_roles,
    x046_what_a_user_gets_through_a_client_is_cut_to_the_client,
    a_secret_is_rotated_with_an_overlap,
    a_narrowed_client_loses_it_at_once,
    what_is_for_an_audience_that_a_client_loses_ends,
    clients_are_listed_once_each_with_all_their_roles,
    a_client_may_keep_its_name_and_take_no_others,
    o045_a_deleted_client_takes_its_log_ins_along,
    o084_a_client_asks_only_for_its_own_audiences,
    a_client_writes_with_its_own_permissions_and_is_named_in_the_audit,
    acting_on_a_client_needs_all_that_it_holds,
];

/// What the server told of a new client.
pub(crate) struct Credentials {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Credentials {
    pub(crate) fn basic(&self) -> String {
        format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", self.id, self.secret))
        )
    }
}

impl TestApp {
    /// Makes a client; by default it may act for itself, log users in and refresh.
    pub(crate) async fn client(&self, name: &str, members: Value) -> Credentials {
        let mut body =
            json!({ "name": name, "grants": ["client_credentials", "password", "refresh_token"] });
        for (member, value) in members.as_object().unwrap() {
            body[member] = value.clone();
        }
        let made = self.post("/api/clients", self.admin().await, body).await;
        made.is(201);
        Credentials {
            id: made.text("client_id"),
            secret: made.json["client_secret"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        }
    }

    pub(crate) fn form_as(&self, client: &Credentials, path: &str, form: &[(&str, &str)]) -> Ask {
        let ask = self.request(Method::POST, path).form(form);
        ask.header("authorization", &client.basic())
    }

    pub(crate) async fn try_act_as(&self, client: &Credentials, more: &[(&str, &str)]) -> Answer {
        let form = [&[("grant_type", "client_credentials")], more].concat();
        self.form_as(client, "/token", &form).send().await
    }

    /// A token of the client's own.
    pub(crate) async fn act_as(&self, client: &Credentials) -> String {
        self.try_act_as(client, &[])
            .await
            .is(200)
            .text("access_token")
    }

    pub(crate) async fn log_in_through(
        &self,
        client: &Credentials,
        more: &[(&str, &str)],
    ) -> Answer {
        let form = [
            &[
                ("grant_type", "password"),
                ("username", "alice"),
                ("password", PASSWORD),
            ],
            more,
        ];
        self.form_as(client, "/token", &form.concat()).send().await
    }

    pub(crate) async fn refresh_through(&self, client: &Credentials, token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.form_as(client, "/token", &form).send().await
    }
}

async fn a_secret_is_shown_once_and_stored_as_a_hash(app: TestApp) {
    let admin = app.admin().await;
    let body = json!({ "name": "Billing", "grants": ["client_credentials"], "audiences": ["https://billing.example"], "scope": "items:read", "redirect_uris": ["https://billing.example/cb"] });
    let made = app.post("/api/clients", admin, body).await;
    let (id, secret) = (made.is(201).text("client_id"), made.text("client_secret"));
    assert_eq!(
        made.header("location"),
        Some(format!("/api/clients/{id}").as_str())
    );
    let shown = app.get(format_args!("/api/clients/{id}"), admin).await;
    assert_eq!(
        shown.is(200).json,
        json!({
            "client_id": id, "name": "Billing", "public": false, "grants": ["client_credentials"],
            "audiences": ["https://billing.example"], "scope": "items:read", "roles": [],
            "redirect_uris": ["https://billing.example/cb"],
            "created_at": "2030-01-01T00:00:00Z", "updated_at": "2030-01-01T00:00:00Z",
        })
    );
    let listed = app.get("/api/clients", admin).await;
    assert_eq!(listed.items("client_id"), [id.as_str()]);
    assert!(!String::from_utf8_lossy(&listed.body).contains("secret"));
    let stored = app.db.texts("SELECT secret_hash FROM clients").await;
    assert!(!stored.concat().contains(&secret) && stored.len() == 1);
    let public = app
        .client("phone", json!({ "grants": ["password"], "public": true }))
        .await;
    assert_eq!(public.secret, "");
}

async fn a_client_that_is_not_right_is_refused_by_member(app: TestApp) {
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
        let said = String::from_utf8_lossy(&refused.body).into_owned();
        assert_eq!(
            said.contains("not an audience"),
            member == "audiences",
            "{said}"
        );
    }
    let body = json!({ "name": "app", "grants": ["client_credentials"], "public": true });
    app.post("/api/clients", admin, body)
        .await
        .invalid(&["body", "grants"]);
    let body = json!({ "name": "app", "grants": [], "client_id": "mine" });
    app.post("/api/clients", admin, body)
        .await
        .invalid(&["body", "client_id"]);
    app.client("app", json!({})).await;
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
    app.delete("/api/clients/nothing", admin).await.done();
    assert_eq!(app.db.count("clients").await, 1);
}

async fn o015_a_confidential_client_without_its_secret_is_no_client(app: TestApp) {
    let client = app.client("worker", json!({})).await;
    for form in [
        vec![("client_id", client.id.as_str())],
        vec![("client_id", client.id.as_str()), ("client_secret", "")],
        vec![
            ("client_id", client.id.as_str()),
            ("client_secret", "wrong"),
        ],
        vec![("client_secret", client.secret.as_str())],
    ] {
        let form = [vec![("grant_type", "client_credentials")], form].concat();
        app.token(&form).await.oauth(401, "invalid_client");
    }
    let form = [("grant_type", "client_credentials")];
    app.token(&form).await.oauth(401, "invalid_client");
}

async fn o016_basic_and_form_both_prove_a_client(app: TestApp) {
    let client = app.client("worker", json!({})).await;
    let by_basic = app.act_as(&client).await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &client.id),
        ("client_secret", &client.secret),
    ];
    let by_form = app.token(&form).await.is(200).text("access_token");
    for token in [by_basic, by_form] {
        let claims = claims(&token);
        assert_eq!(claims["sub"], client.id.as_str());
        assert_eq!(claims["client_id"], client.id.as_str());
        assert_eq!(claims["subject_kind"], "client");
        assert_eq!(claims["username"], "worker");
        assert!(claims.get("sid").is_none() && claims.get("auth_time").is_none());
    }
}

async fn o017_o018_an_unknown_client_looks_like_a_wrong_secret(app: TestApp) {
    let client = app.client("worker", json!({})).await;
    let form = [("grant_type", "client_credentials")];
    let ask = async |id: &str| {
        let wrong = Credentials {
            id: id.to_owned(),
            secret: "wrong".to_owned(),
        };
        app.form_as(&wrong, "/token", &form).send().await
    };
    let (known, unknown) = (ask(&client.id).await, ask("nobody").await);
    known.oauth(401, "invalid_client");
    assert!(
        known
            .header("www-authenticate")
            .unwrap()
            .starts_with("Basic ")
    );
    assert_eq!(known, unknown);
}

async fn o019_two_proofs_in_one_request_are_refused(app: TestApp) {
    let (one, two) = (
        app.client("one", json!({})).await,
        app.client("two", json!({})).await,
    );
    let form = [
        ("client_id", one.id.as_str()),
        ("client_secret", one.secret.as_str()),
    ];
    app.try_act_as(&one, &form)
        .await
        .oauth(400, "invalid_request");
    let form = [("client_id", two.id.as_str())];
    app.try_act_as(&one, &form)
        .await
        .oauth(400, "invalid_request");
    let form = [("client_id", one.id.as_str())];
    app.try_act_as(&one, &form).await.is(200);
}

async fn o020_an_encoded_secret_is_decoded(app: TestApp) {
    let client = app.client("worker", json!({})).await;
    let encoded = |text: &str| {
        let bytes: Vec<String> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        bytes.concat()
    };
    let pair = format!("{}:{}", encoded(&client.id), encoded(&client.secret));
    let ask = app
        .request(Method::POST, "/token")
        .form(&[("grant_type", "client_credentials")]);
    let value = format!("basic {}", STANDARD.encode(pair));
    ask.header("authorization", &value).send().await.is(200);
}

async fn o021_a_secret_in_the_query_counts_for_nothing(app: TestApp) {
    let client = app.client("worker", json!({})).await;
    let path = format!(
        "/token?client_id={}&client_secret={}",
        client.id, client.secret
    );
    let ask = app
        .request(Method::POST, path)
        .form(&[("grant_type", "client_credentials")]);
    ask.send().await.oauth(401, "invalid_client");
}

async fn o023_guesses_at_one_client_are_slowed_and_no_other_client(app: TestApp) {
    let (one, two) = (
        app.client("one", json!({})).await,
        app.client("two", json!({})).await,
    );
    let form = [("grant_type", "client_credentials")];
    let ask = async |id: &str, secret: &str, address: &str| {
        let client = Credentials {
            id: id.to_owned(),
            secret: secret.to_owned(),
        };
        app.form_as(&client, "/token", &form)
            .from(address)
            .send()
            .await
            .status
            .as_u16()
    };
    let mut statuses = Vec::new();
    for _ in 0..200 {
        statuses.push(ask(&one.id, "wrong", "192.0.2.1").await);
    }
    let slowed = statuses.iter().filter(|status| **status == 429).count();
    assert!(slowed >= 140, "{slowed} of 200");
    assert!(statuses.iter().all(|status| [401, 429].contains(status)));
    assert_eq!(ask(&one.id, &one.secret, "192.0.2.1").await, 429);
    assert_eq!(
        ask(&one.id, &one.secret, "192.0.2.2").await,
        200,
        "from elsewhere"
    );
    assert_eq!(
        ask(&two.id, &two.secret, "192.0.2.1").await,
        200,
        "another client"
    );
    app.clock.advance(Duration::from_mins(2));
    assert_eq!(ask(&one.id, &one.secret, "192.0.2.1").await, 200);
}

async fn o025_no_client_has_the_password_grant_unless_it_was_given(app: TestApp) {
    app.user("alice", &[]).await;
    let client = app
        .client("worker", json!({ "grants": ["client_credentials"] }))
        .await;
    let refused = app.log_in_through(&client, &[]).await;
    refused.oauth(400, "unauthorized_client");
    let client = app.client("app", json!({ "grants": ["password"] })).await;
    app.log_in_through(&client, &[]).await.is(200);
    app.try_act_as(&client, &[])
        .await
        .oauth(400, "unauthorized_client");
}

async fn o026_a_client_refreshes_only_if_it_may(app: TestApp) {
    app.user("alice", &["user"]).await;
    let client = app.client("app", json!({ "grants": ["password"] })).await;
    let once = app.log_in_through(&client, &[]).await;
    assert!(once.is(200).json.get("refresh_token").is_none());
    let client = app.client("more", json!({})).await;
    let first = app.log_in_through(&client, &[]).await;
    let claims = claims(&first.is(200).text("access_token"));
    assert_eq!(claims["client_id"], client.id.as_str());
    assert_eq!(claims["username"], "alice");
    let next = app
        .refresh_through(&client, &first.text("refresh_token"))
        .await;
    next.is(200);
    let path = format!("/api/clients/{}", client.id);
    let less = json!({ "grants": ["password"] });
    app.patch(path, app.admin().await, less).await.is(200);
    let refused = app
        .refresh_through(&client, &next.text("refresh_token"))
        .await;
    refused.oauth(400, "unauthorized_client");
}

async fn o030_no_password_is_hashed_for_a_client_that_is_not_proven(app: TestApp) {
    app.user("alice", &[]).await;
    let client = app.client("app", json!({})).await;
    let wrong = Credentials {
        id: client.id,
        secret: "wrong".to_owned(),
    };
    let before = app.db.count("login_failures").await;
    for password in [PASSWORD, WRONG] {
        let form = [
            ("grant_type", "password"),
            ("username", "alice"),
            ("password", password),
        ];
        let refused = app.form_as(&wrong, "/token", &form).send().await;
        refused.oauth(401, "invalid_client");
    }
    assert_eq!(
        app.db.count("login_failures").await,
        before,
        "no guess was counted"
    );
}

async fn o038_a_refresh_token_of_one_client_is_nothing_to_another(app: TestApp) {
    app.user("alice", &[]).await;
    let (one, two) = (
        app.client("one", json!({})).await,
        app.client("two", json!({})).await,
    );
    let token = app
        .log_in_through(&one, &[])
        .await
        .is(200)
        .text("refresh_token");
    app.refresh_through(&two, &token)
        .await
        .oauth(400, "invalid_grant");
    app.refresh(&token).await.oauth(400, "invalid_grant");
    let first_party = app.log_in("alice").await.refresh;
    app.refresh_through(&one, &first_party)
        .await
        .oauth(400, "invalid_grant");
    app.refresh_through(&one, &token).await.is(200);
    app.refresh(&first_party).await.is(200);
}

async fn o039_a_confidential_client_refreshes_only_with_its_secret(app: TestApp) {
    app.user("alice", &[]).await;
    let client = app.client("one", json!({})).await;
    let token = app
        .log_in_through(&client, &[])
        .await
        .is(200)
        .text("refresh_token");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &token),
        ("client_id", &client.id),
    ];
    app.token(&form).await.oauth(401, "invalid_client");
    app.refresh_through(&client, &token).await.is(200);
    let public = app
        .client(
            "phone",
            json!({ "public": true, "grants": ["password", "refresh_token"] }),
        )
        .await;
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", PASSWORD),
        ("client_id", &public.id),
    ];
    let token = app.token(&form).await.is(200).text("refresh_token");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &token),
        ("client_id", &public.id),
    ];
    app.token(&form).await.is(200);
}

async fn o051_a_client_that_acts_for_itself_gets_no_refresh_token(app: TestApp) {
    let client = app.client("worker", json!({})).await;
    let answer = app.try_act_as(&client, &[]).await;
    assert!(answer.is(200).json.get("refresh_token").is_none());
}

async fn o052_a_public_client_does_not_act_for_itself(app: TestApp) {
    let public = app
        .client("phone", json!({ "public": true, "grants": ["password"] }))
        .await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &public.id),
    ];
    app.token(&form).await.oauth(400, "unauthorized_client");
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", PASSWORD),
        ("client_id", &public.id),
        ("client_secret", "made up"),
    ];
    app.token(&form).await.oauth(401, "invalid_client");
}

async fn o053_a_client_is_never_taken_for_a_user(app: TestApp) {
    let client = app.client("admin", json!({})).await;
    let token = app.act_as(&client).await;
    for path in ["/api/me", "/api/me/sessions"] {
        app.get(path, &token).await.forbidden("");
    }
    let path = format!("/api/users/{}", client.id);
    app.get(&path, app.admin().await).await.is(404);
    let path = format!("/api/users/{}/roles/user", client.id);
    app.put(&path, app.admin().await).await.is(404);
    let alice = app.user("alice", &[]).await;
    let path = format!("/api/clients/{alice}/roles/user");
    app.put(&path, app.admin().await).await.is(404);
    app.get(format_args!("/api/clients/{alice}"), app.admin().await)
        .await
        .is(404);
    assert!(
        app.db
            .refuses(&format!(
                "INSERT INTO subjects (id, kind) VALUES ('{}', 'user')",
                client.id
            ))
            .await
    );
}

async fn o054_a_client_gets_nothing_beyond_its_own_roles(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    let client = app.client("worker", json!({ "roles": ["reader"] })).await;
    let token = app.try_act_as(&client, &[]).await;
    assert_eq!(token.is(200).text("scope"), "items:read");
    app.get("/items/", &token.text("access_token"))
        .await
        .is(200);
    for beyond in ["items:write", "role:admin", "rolecall.users:read"] {
        let refused = app.try_act_as(&client, &[("scope", beyond)]).await;
        refused.oauth(400, "invalid_scope");
    }
    let path = format!("/api/clients/{}/roles/reader", client.id);
    app.delete(path, app.admin().await).await.done();
    app.get("/items/", &token.text("access_token"))
        .await
        .ended();
    assert_eq!(app.try_act_as(&client, &[]).await.is(200).text("scope"), "");
}

async fn x046_what_a_user_gets_through_a_client_is_cut_to_the_client(app: TestApp) {
    app.role("editor", &["items:read", "items:write"]).await;
    app.user("alice", &["editor", "rolecall.admin"]).await;
    let client = app.client("app", json!({ "scope": "items:read" })).await;
    let token = app.log_in_through(&client, &[]).await;
    assert_eq!(token.is(200).text("scope"), "items:read");
    let access = token.text("access_token");
    assert_eq!(claims(&access)["narrowed"], true);
    app.get("/api/users", &access)
        .await
        .forbidden("rolecall.users:read");
    let made = app
        .post("/api/roles", &access, json!({ "name": "mine" }))
        .await;
    made.forbidden("rolecall.roles:write");
    for beyond in [
        "items:write",
        "rolecall.users:read",
        "items:read items:write",
    ] {
        let refused = app.log_in_through(&client, &[("scope", beyond)]).await;
        refused.oauth(400, "invalid_scope");
    }
    let next = app
        .refresh_through(&client, &token.text("refresh_token"))
        .await;
    assert_eq!(next.is(200).text("scope"), "items:read");
}

async fn a_secret_is_rotated_with_an_overlap(app: TestApp) {
    let old = app.client("worker", json!({})).await;
    let path = format!("/api/clients/{}/secret", old.id);
    let rotated = app.post(&path, app.admin().await, json!({})).await;
    let new = Credentials {
        id: old.id.clone(),
        secret: rotated.is(200).text("client_secret"),
    };
    assert_ne!(new.secret, old.secret);
    for (days, status) in [(30, 200), (31, 422)] {
        let name = format!("for {days}");
        let client = app.client(&name, json!({})).await;
        let path = format!("/api/clients/{}/secret", client.id);
        let body = json!({ "overlap_seconds": days * 24 * 60 * 60 });
        app.post(&path, app.admin().await, body).await.is(status);
    }
    app.act_as(&new).await;
    app.act_as(&old).await;
    app.pass(Duration::from_hours(24));
    app.act_as(&new).await;
    app.try_act_as(&old, &[]).await.oauth(401, "invalid_client");
    let at_once = json!({ "overlap_seconds": 0 });
    let rotated = app.post(&path, &app.login("admin").await, at_once).await;
    app.try_act_as(&new, &[]).await.oauth(401, "invalid_client");
    let newest = Credentials {
        id: old.id,
        secret: rotated.is(200).text("client_secret"),
    };
    app.act_as(&newest).await;
    let body = json!({ "name": "phone", "public": true, "grants": [] });
    let admin = app.login("admin").await;
    let public = app.post("/api/clients", &admin, body).await;
    let path = format!("/api/clients/{}/secret", public.is(201).text("client_id"));
    app.post(path, &admin, json!({}))
        .await
        .breaks("public_client");
}

async fn a_narrowed_client_loses_it_at_once(app: TestApp) {
    app.role("editor", &["items:read", "items:write"]).await;
    app.user("alice", &["editor"]).await;
    let client = app.client("app", json!({})).await;
    let path = format!("/api/clients/{}", client.id);
    let other = app.log_in("alice").await;
    let mut token = app.log_in_through(&client, &[]).await;
    let wider = json!({ "redirect_uris": ["https://app.example/cb"] });
    app.patch(&path, app.admin().await, wider).await.is(200);
    app.get("/items/", &token.text("access_token"))
        .await
        .is(200);
    for narrower in [
        json!({ "scope": "items:read items:write" }),
        json!({ "scope": "items:read" }),
        json!({ "grants": ["password", "refresh_token"] }),
    ] {
        app.patch(&path, app.admin().await, narrower).await.is(200);
        app.get("/items/", &token.text("access_token"))
            .await
            .ended();
        token = app
            .refresh_through(&client, &token.text("refresh_token"))
            .await;
        app.get("/items/", &token.is(200).text("access_token"))
            .await
            .is(200);
    }
    app.patch(&path, app.admin().await, json!({ "scope": null }))
        .await
        .is(200);
    app.get("/items/", &token.text("access_token"))
        .await
        .is(200);
    app.get("/items/", &other.access).await.is(200);
}

async fn what_is_for_an_audience_that_a_client_loses_ends(app: TestApp) {
    app.user("alice", &[]).await;
    let members = json!({ "audiences": ["https://one.example", "https://two.example"] });
    let client = app.client("app", members).await;
    let path = format!("/api/clients/{}", client.id);
    let one = app.log_in_through(&client, &[]).await;
    let resource = [("resource", "https://two.example")];
    let two = app.log_in_through(&client, &resource).await;
    let own = app.log_in_through(&client, &[("audience", ISSUER)]).await;
    let left = json!({ "audiences": ["https://one.example"] });
    app.patch(&path, app.admin().await, left).await.is(200);
    app.get("/api/me", &own.text("access_token")).await.ended();
    let refresh = async |answer: &Answer| {
        let token = answer.text("refresh_token");
        app.refresh_through(&client, &token).await
    };
    refresh(&two).await.oauth(400, "invalid_grant");
    refresh(&one).await.is(200);
    let own = refresh(&own).await;
    let more = json!({ "audiences": ["https://one.example", "https://three.example"] });
    app.patch(&path, app.admin().await, more).await.is(200);
    app.get("/api/me", &own.text("access_token")).await.is(200);
}

async fn clients_are_listed_once_each_with_all_their_roles(app: TestApp) {
    for role in ["reader", "writer"] {
        app.role(role, &[]).await;
    }
    app.client("one", json!({ "roles": ["reader", "writer"] }))
        .await;
    app.client("three", json!({ "roles": ["writer"] })).await;
    app.client("two", json!({})).await;
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
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for _ in &all {
        let path = format!("/api/clients?limit=1{cursor}");
        let page = app.get(path, app.admin().await).await;
        seen.extend(page.items("name"));
        let next = page.json["next_cursor"].as_str();
        cursor = next.map_or_else(String::new, |next| format!("&cursor={next}"));
        assert_eq!(cursor.is_empty(), seen.len() == all.len());
    }
    assert_eq!(seen, all);
}

async fn a_client_may_keep_its_name_and_take_no_others(app: TestApp) {
    let client = app.client("one", json!({})).await;
    app.client("two", json!({})).await;
    let path = format!("/api/clients/{}", client.id);
    let admin = app.admin().await;
    for (name, status) in [("one", 200), ("two", 409), ("three", 200)] {
        app.patch(&path, admin, json!({ "name": name }))
            .await
            .is(status);
    }
}

async fn o045_a_deleted_client_takes_its_log_ins_along(app: TestApp) {
    app.user("alice", &[]).await;
    let client = app.client("app", json!({ "roles": ["user"] })).await;
    let (own, log_in) = (
        app.act_as(&client).await,
        app.log_in_through(&client, &[]).await,
    );
    let first_party = app.log_in("alice").await;
    app.delete(
        format_args!("/api/clients/{}", client.id),
        app.admin().await,
    )
    .await
    .done();
    app.get("/api/me", &log_in.text("access_token"))
        .await
        .ended();
    app.get("/api/users", &own).await.ended();
    let refused = app
        .refresh_through(&client, &log_in.text("refresh_token"))
        .await;
    refused.oauth(401, "invalid_client");
    app.refresh(&log_in.text("refresh_token"))
        .await
        .oauth(400, "invalid_grant");
    app.get("/api/me", &first_party.access).await.is(200);
    let left = "SELECT COUNT(*) FROM sessions WHERE client_id <> 'rolecall'";
    assert_eq!(app.db.number(left).await, 0);
    assert_eq!(app.db.number("SELECT COUNT(*) FROM role_assignments WHERE subject_id NOT IN (SELECT id FROM subjects)").await, 0);
}

async fn o084_a_client_asks_only_for_its_own_audiences(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    app.user("alice", &["reader", "rolecall.admin"]).await;
    let members = json!({ "audiences": ["https://one.example", "https://two.example"] });
    let client = app.client("app", members).await;
    let audience = async |form: &[(&str, &str)]| {
        let answer = app.log_in_through(&client, form).await;
        answer
            .status
            .is_success()
            .then(|| claims(&answer.text("access_token")))
    };
    let first = audience(&[]).await.unwrap();
    assert_eq!(first["aud"], "https://one.example");
    assert_eq!(first["scope"], "items:read", "nothing of rolecall's own");
    assert_eq!(
        audience(&[("resource", "https://two.example")])
            .await
            .unwrap()["aud"],
        "https://two.example"
    );
    let two = "https://two.example";
    let both = audience(&[("resource", two), ("audience", two)]).await;
    assert_eq!(both.unwrap()["aud"], two);
    let differ = [("resource", two), ("audience", "https://one.example")];
    assert!(audience(&differ).await.is_none());
    let own = audience(&[("audience", ISSUER)]).await.unwrap();
    assert!(
        own["scope"]
            .as_str()
            .unwrap()
            .contains("rolecall.users:read")
    );
    for wrong in ["https://three.example", "https://one.example/", ""] {
        let got = audience(&[("audience", wrong)]).await;
        assert_eq!(got.is_some(), wrong.is_empty(), "{wrong:?}");
    }
}

async fn a_client_writes_with_its_own_permissions_and_is_named_in_the_audit(app: TestApp) {
    app.role("clerk", &["rolecall.roles:write", "rolecall.roles:read"])
        .await;
    let client = app.client("importer", json!({ "roles": ["clerk"] })).await;
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
    .done();
    app.post("/api/roles", &token, json!({ "name": "another" }))
        .await
        .ended();
}

async fn acting_on_a_client_needs_all_that_it_holds(app: TestApp) {
    app.role(
        "clerk",
        &[
            "rolecall.clients:write",
            "rolecall.clients:read",
            "rolecall.assignments:write",
        ],
    )
    .await;
    app.role("reader", &["items:read"]).await;
    app.user("alice", &["clerk"]).await;
    let token = app.login("alice").await;
    let strong = app.client("strong", json!({ "roles": ["reader"] })).await;
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
        .done();
    app.put(format_args!("{path}/roles/reader"), &token)
        .await
        .forbidden("items:read");
    let body = json!({ "name": "worker", "grants": [], "roles": ["reader"] });
    app.post("/api/clients", &token, body)
        .await
        .forbidden("items:read");
    let body = json!({ "name": "worker", "grants": ["client_credentials"], "roles": ["clerk"] });
    app.post("/api/clients", &token, body).await.is(201);
    app.role("half", &["rolecall.clients:write"]).await;
    app.user("bob", &["half"]).await;
    let body = json!({ "name": "other", "grants": [], "roles": ["half"] });
    let refused = app
        .post("/api/clients", &app.login("bob").await, body)
        .await;
    refused.forbidden("rolecall.assignments:write");
}

async fn o012_a_grant_that_the_client_lacks_is_refused_before_anything_is_hashed(app: TestApp) {
    app.user("alice", &[]).await;
    let worker = json!({ "grants": ["client_credentials"] });
    let worker = app.client("worker", worker).await;
    for password in [PASSWORD, WRONG] {
        let form = [
            ("grant_type", "password"),
            ("username", "alice"),
            ("password", password),
        ];
        let refused = app.form_as(&worker, "/token", &form).send().await;
        refused.oauth(400, "unauthorized_client");
    }
    assert_eq!(app.db.count("login_failures").await, 0);
    let first_party = app.log_in("alice").await.refresh;
    for token in ["garbage", &first_party] {
        let refused = app.refresh_through(&worker, token).await;
        refused.oauth(400, "unauthorized_client");
    }
    let front = app.client("front", json!({ "grants": ["password"] })).await;
    let refused = app.try_act_as(&front, &[]).await;
    refused.oauth(400, "unauthorized_client");
    app.refresh(&first_party).await.is(200);
}

async fn o024_no_confidential_client_is_without_a_secret(app: TestApp) {
    for (name, members) in [("one", json!({})), ("two", json!({ "public": false }))] {
        let client = app.client(name, members).await;
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

async fn o035_a_public_client_refreshes_and_its_token_is_another_each_time(app: TestApp) {
    app.user("alice", &[]).await;
    let members = json!({ "public": true, "grants": ["password", "refresh_token"] });
    let phone = app.client("phone", members).await;
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", PASSWORD),
        ("client_id", &phone.id),
    ];
    let mut tokens = vec![app.token(&form).await.is(200).text("refresh_token")];
    for _ in 0..3 {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens.last().unwrap()),
            ("client_id", &phone.id),
        ];
        let next = app.token(&form).await.is(200).text("refresh_token");
        assert!(!tokens.contains(&next));
        tokens.push(next);
    }
}
