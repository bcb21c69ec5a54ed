//! The choice of a tenant and of roles, between the proof of who somebody is and their consent.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use crate::support::{Browser, Credentials, PASSWORD, Response, TestApp, claims, on_both};

on_both![
    a_tenant_is_chosen_from_those_of_the_user,
    the_only_tenant_is_chosen_without_asking_and_none_is_no_choice,
    a_tenant_of_others_is_no_choice,
    one_of_two_conflicting_roles_is_chosen,
    two_constraints_are_asked_for_one_after_another,
    several_roles_can_be_chosen_up_to_the_limit,
    who_names_their_roles_or_wants_none_is_not_asked,
    a_choice_that_was_lost_meanwhile_is_asked_for_again,
    nothing_is_allowed_before_the_choice_and_nothing_is_chosen_after_it,
    a_silent_request_is_told_of_the_choice,
    another_account_chooses_for_itself,
    many_roles_are_chosen_together,
    y375_roles_beside_which_another_session_leaves_no_room_get_no_code,
];

const REDIRECT: &str = "https://app.example/cb";

/// Everything that the client may have.
const ALL: (&str, &str) = ("scope", "openid roles");

async fn client(app: &TestApp, more: Value) -> Credentials {
    let mut members = json!({
        "grants": ["authorization_code", "refresh_token"], "kind": "web", "redirect_uris": [REDIRECT],
        "consent": "skip",
    });
    for (member, value) in more.as_object().unwrap() {
        members[member] = value.clone();
    }
    app.create_client("app", members).await
}

/// Creates roles with a permission each, and dynamic constraints between them.
async fn roles(app: &TestApp, roles: &[&str], apart: &[(&str, &[&str], u32)]) {
    for role in roles {
        app.create_plain_role(role, &[&format!("payments:{role}")])
            .await;
    }
    for (name, roles, at_most) in apart {
        let body = json!({ "name": name, "kind": "dynamic", "roles": roles, "at_most": at_most });
        let created = app.post("/api/constraints", app.admin().await, body).await;
        created.is(201);
    }
}

/// A sign-in under way.
struct SignIn<'a> {
    browser: Browser<'a>,
    flow: String,
}

impl<'a> SignIn<'a> {
    /// Begins, and proves the password of a user.
    async fn of(
        app: &'a TestApp,
        client: &Credentials,
        username: &str,
        more: &[(&str, &str)],
    ) -> (Self, Response) {
        let mut browser = Browser::new(app);
        let begun = browser.authorize(client, REDIRECT, more).await;
        let location = begun.is(303).header("location").unwrap();
        let flow = location.strip_prefix("/login?flow=").unwrap().to_owned();
        let mut sign_in = Self { browser, flow };
        let form = [("username", username), ("password", PASSWORD)];
        let next = sign_in.post("/login", &form).await;
        (sign_in, next)
    }

    async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Response {
        let flow = self.flow.clone();
        let form = [&[("flow", flow.as_str())][..], form].concat();
        self.browser
            .send(Method::POST, path, Some(&form), &[])
            .await
    }

    async fn choose(&mut self, form: &[(&str, &str)]) -> Response {
        self.post("/login/choice", form).await
    }

    /// The page of the step that is due.
    async fn page(&mut self) -> String {
        let path = format!("/login?flow={}", self.flow);
        let page = self.browser.send(Method::GET, &path, None, &[]).await;
        text(page.is(200))
    }

    /// The names and values of the options on the page.
    async fn options(&mut self) -> Vec<(String, String)> {
        let page = self.page().await;
        assert!(page.contains("<fieldset"), "{page}");
        let inputs = page.split("<input id=\"option-").skip(1);
        let attribute = |input: &str, name: &str| {
            let rest = input.split_once(&format!(" {name}=\"")).unwrap().1;
            rest.split_once('"').unwrap().0.to_owned()
        };
        inputs
            .map(|input| (attribute(input, "name"), attribute(input, "value")))
            .collect()
    }
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

fn options(name: &str, values: &[&str]) -> Vec<(String, String)> {
    let option = |value: &&str| (name.to_owned(), (*value).to_owned());
    values.iter().map(option).collect()
}

/// The parameters of an answer to the client.
#[track_caller]
fn answer(response: &Response) -> BTreeMap<String, String> {
    let location = response.is(303).header("location").unwrap();
    assert!(location.starts_with(REDIRECT), "{location}");
    let query = location.split_once('?').unwrap().1;
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// The claims of the access token that an answer stands for.
async fn redeemed(app: &TestApp, client: &Credentials, response: &Response) -> Value {
    let answer = answer(response);
    let code = answer.get("code").unwrap_or_else(|| panic!("{answer:?}"));
    let tokens = app.redeem(client, code, REDIRECT, &[]).await;
    claims(&tokens.is(200).text("access_token"))
}

/// Checks that a step leads to a page, and not back to the client.
#[track_caller]
fn leads_to_a_page(response: &Response) {
    let location = response.is(303).header("location").unwrap();
    assert!(location.starts_with("/login?flow="), "{location}");
}

async fn a_tenant_is_chosen_from_those_of_the_user(app: TestApp) {
    roles(&app, &["clerk"], &[]).await;
    let client = client(&app, json!({ "tenant": "ask" })).await;
    let alice = app.create_user("alice", &[]).await;
    for tenant in ["north", "south"] {
        app.assign_in(&alice, "clerk", tenant).await;
    }
    let (mut sign_in, next) = SignIn::of(&app, &client, "alice", &[ALL]).await;
    leads_to_a_page(&next);
    assert_eq!(
        sign_in.options().await,
        options("tenant", &["north", "south"])
    );
    let done = sign_in.choose(&[("tenant", "south")]).await;
    let token = redeemed(&app, &client, &done).await;
    assert_eq!(
        (&token["tenant"], &token["roles"]),
        (&json!("south"), &json!(["clerk"]))
    );
    // the client that names a tenant leaves no choice
    let named = [ALL, ("tenant", "north")];
    let (_, done) = SignIn::of(&app, &client, "alice", &named).await;
    assert_eq!(redeemed(&app, &client, &done).await["tenant"], "north");
}

async fn the_only_tenant_is_chosen_without_asking_and_none_is_no_choice(app: TestApp) {
    roles(&app, &["clerk"], &[]).await;
    let client = client(&app, json!({ "tenant": "ask" })).await;
    let alice = app.create_user("alice", &["clerk"]).await;
    let (_, done) = SignIn::of(&app, &client, "alice", &[ALL]).await;
    assert_eq!(redeemed(&app, &client, &done).await.get("tenant"), None);
    app.assign_in(&alice, "clerk", "north").await;
    let (mut sign_in, done) = SignIn::of(&app, &client, "alice", &[ALL]).await;
    assert_eq!(redeemed(&app, &client, &done).await["tenant"], "north");
    let silent = [ALL, ("prompt", "none")];
    let done = sign_in.browser.authorize(&client, REDIRECT, &silent).await;
    assert_eq!(redeemed(&app, &client, &done).await["tenant"], "north");
}

async fn a_tenant_of_others_is_no_choice(app: TestApp) {
    roles(&app, &["clerk"], &[]).await;
    let client = client(&app, json!({ "tenant": "ask" })).await;
    let alice = app.create_user("alice", &[]).await;
    let bob = app.create_user("bob", &[]).await;
    for tenant in ["north", "south"] {
        app.assign_in(&alice, "clerk", tenant).await;
    }
    app.assign_in(&bob, "clerk", "west").await;
    let (mut sign_in, _) = SignIn::of(&app, &client, "alice", &[ALL]).await;
    for wrong in ["west", "nowhere", "NORTH", "", "north\0", "<b>"] {
        let again = sign_in.choose(&[("tenant", wrong)]).await;
        let page = text(again.is(422));
        assert!(
            page.contains("role=\"alert\"") && !page.contains("west"),
            "{page}"
        );
    }
    let twice = [("tenant", "north"), ("tenant", "south")];
    sign_in.choose(&twice).await.is(422);
    let done = sign_in.choose(&[("tenant", "north")]).await;
    assert_eq!(redeemed(&app, &client, &done).await["tenant"], "north");
}

async fn one_of_two_conflicting_roles_is_chosen(app: TestApp) {
    let apart: &[(&str, &[&str], u32)] = &[("payments", &["approver", "payer"], 1)];
    roles(&app, &["payer", "approver", "clerk"], apart).await;
    let client = client(&app, json!({})).await;
    app.create_user("alice", &["payer", "approver", "clerk"])
        .await;
    for (picked, carried) in [
        ("payer", json!(["clerk", "payer"])),
        ("approver", json!(["approver", "clerk"])),
    ] {
        let (mut sign_in, next) = SignIn::of(&app, &client, "alice", &[ALL]).await;
        leads_to_a_page(&next);
        assert_eq!(
            sign_in.options().await,
            options("role", &["approver", "payer"])
        );
        assert!(sign_in.page().await.contains("type=\"radio\""));
        for wrong in [&[][..], &[("role", "clerk")], &[("role", "admin")]] {
            sign_in.choose(wrong).await.is(422);
        }
        let both = [("role", "payer"), ("role", "approver")];
        sign_in.choose(&both).await.is(422);
        let done = sign_in.choose(&[("role", picked)]).await;
        let answer = answer(&done);
        let tokens = app.redeem(&client, &answer["code"], REDIRECT, &[]).await;
        let token = claims(&tokens.is(200).text("access_token"));
        assert_eq!(token["roles"], carried);
        // the choice lasts as long as the session
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &tokens.text("refresh_token")),
        ];
        let next = app.send_as(&client, &form).await;
        let token = claims(&next.is(200).text("access_token"));
        assert_eq!(token["roles"], carried);
    }
}

async fn two_constraints_are_asked_for_one_after_another(app: TestApp) {
    let apart: &[(&str, &[&str], u32)] = &[
        ("a-payments", &["approver", "payer"], 1),
        ("b-orders", &["buyer", "seller"], 1),
    ];
    let names = ["payer", "approver", "buyer", "seller", "clerk"];
    roles(&app, &names, apart).await;
    let client = client(&app, json!({ "consent": "ask" })).await;
    app.create_user("alice", &names).await;
    let (mut sign_in, _) = SignIn::of(&app, &client, "alice", &[ALL]).await;
    assert_eq!(
        sign_in.options().await,
        options("role", &["approver", "payer"])
    );
    let next = sign_in.choose(&[("role", "payer")]).await;
    leads_to_a_page(&next);
    assert_eq!(
        sign_in.options().await,
        options("role", &["buyer", "seller"])
    );
    // the form of the first one again
    sign_in.choose(&[("role", "approver")]).await.is(422);
    let next = sign_in.choose(&[("role", "seller")]).await;
    leads_to_a_page(&next);
    let page = sign_in.page().await;
    assert!(page.contains("name=\"decision\"") && page.contains("role:seller"));
    assert!(
        !page.contains("buyer") && !page.contains("approver"),
        "{page}"
    );
    let done = sign_in.post("/consent", &[("decision", "allow")]).await;
    let token = redeemed(&app, &client, &done).await;
    assert_eq!(token["roles"], json!(["clerk", "payer", "seller"]));
}

async fn several_roles_can_be_chosen_up_to_the_limit(app: TestApp) {
    let names = ["payer", "approver", "buyer"];
    roles(&app, &names, &[("desk", &names, 2)]).await;
    let client = client(&app, json!({})).await;
    app.create_user("alice", &names).await;
    let (mut sign_in, _) = SignIn::of(&app, &client, "alice", &[ALL]).await;
    assert!(sign_in.page().await.contains("type=\"checkbox\""));
    let three = names.map(|name| ("role", name));
    sign_in.choose(&three).await.is(422);
    let done = sign_in.choose(&three[..2]).await;
    let token = redeemed(&app, &client, &done).await;
    assert_eq!(token["roles"], json!(["approver", "payer"]));
}

async fn who_names_their_roles_or_wants_none_is_not_asked(app: TestApp) {
    let apart: &[(&str, &[&str], u32)] = &[("payments", &["approver", "payer"], 1)];
    roles(&app, &["payer", "approver"], apart).await;
    let client = client(&app, json!({})).await;
    app.create_user("alice", &["payer", "approver"]).await;
    for (scope, carried) in [
        ("openid", json!([])),
        ("openid role:payer", json!(["payer"])),
        ("role:approver", json!(["approver"])),
    ] {
        let (_, done) = SignIn::of(&app, &client, "alice", &[("scope", scope)]).await;
        assert_eq!(redeemed(&app, &client, &done).await["roles"], carried);
    }
    let both = ("scope", "role:payer role:approver");
    let (mut sign_in, next) = SignIn::of(&app, &client, "alice", &[both]).await;
    leads_to_a_page(&next);
    let done = sign_in.choose(&[("role", "payer")]).await;
    assert_eq!(
        redeemed(&app, &client, &done).await["roles"],
        json!(["payer"])
    );
}

async fn a_choice_that_was_lost_meanwhile_is_asked_for_again(app: TestApp) {
    let apart: &[(&str, &[&str], u32)] = &[("payments", &["approver", "payer"], 1)];
    roles(&app, &["payer", "approver"], apart).await;
    let more = json!({ "tenant": "ask", "consent": "ask" });
    let client = client(&app, more).await;
    let alice = app.create_user("alice", &["payer", "approver"]).await;
    for tenant in ["east", "north", "south"] {
        app.assign_in(&alice, "payer", tenant).await;
    }
    let (mut sign_in, _) = SignIn::of(&app, &client, "alice", &[ALL]).await;
    leads_to_a_page(&sign_in.choose(&[("tenant", "south")]).await);
    leads_to_a_page(&sign_in.choose(&[("role", "approver")]).await);
    assert!(sign_in.page().await.contains("role:approver"));
    // the tenant is gone: both are asked for again
    app.unassign_in(&alice, "payer", "south").await;
    assert_eq!(
        sign_in.options().await,
        options("tenant", &["east", "north"])
    );
    let refused = sign_in.post("/consent", &[("decision", "allow")]).await;
    leads_to_a_page(&refused);
    sign_in.choose(&[("tenant", "south")]).await.is(422);
    leads_to_a_page(&sign_in.choose(&[("tenant", "north")]).await);
    assert_eq!(
        sign_in.options().await,
        options("role", &["approver", "payer"])
    );
    leads_to_a_page(&sign_in.choose(&[("role", "approver")]).await);
    // the role is gone: nothing is left to choose, but the client would get something else
    app.unassign(&alice, "approver").await;
    let page = sign_in.page().await;
    assert!(!page.contains("approver"), "{page}");
    let again = sign_in.post("/consent", &[("decision", "allow")]).await;
    leads_to_a_page(&again);
    let done = sign_in.post("/consent", &[("decision", "allow")]).await;
    let token = redeemed(&app, &client, &done).await;
    assert_eq!(
        (&token["tenant"], &token["roles"]),
        (&json!("north"), &json!(["payer"]))
    );
}

async fn nothing_is_allowed_before_the_choice_and_nothing_is_chosen_after_it(app: TestApp) {
    let apart: &[(&str, &[&str], u32)] = &[("payments", &["approver", "payer"], 1)];
    roles(&app, &["payer", "approver"], apart).await;
    let client = client(&app, json!({ "consent": "ask" })).await;
    app.create_user("alice", &["payer", "approver"]).await;
    let mut browser = Browser::new(&app);
    let begun = browser.authorize(&client, REDIRECT, &[ALL]).await;
    let location = begun.is(303).header("location").unwrap();
    let flow = location.strip_prefix("/login?flow=").unwrap().to_owned();
    let mut sign_in = SignIn { browser, flow };
    // nobody has signed in
    leads_to_a_page(&sign_in.choose(&[("role", "payer")]).await);
    assert!(sign_in.page().await.contains("name=\"password\""));
    let form = [("username", "alice"), ("password", PASSWORD)];
    leads_to_a_page(&sign_in.post("/login", &form).await);
    leads_to_a_page(&sign_in.post("/consent", &[("decision", "allow")]).await);
    assert_eq!(sign_in.options().await.len(), 2);
    // the form of another step
    leads_to_a_page(&sign_in.choose(&[("tenant", "north")]).await);
    leads_to_a_page(&sign_in.choose(&[("role", "payer")]).await);
    leads_to_a_page(&sign_in.choose(&[("role", "approver")]).await);
    let page = sign_in.page().await;
    assert!(
        page.contains("role:payer") && !page.contains("approver"),
        "{page}"
    );
    let done = sign_in.post("/consent", &[("decision", "allow")]).await;
    assert_eq!(
        redeemed(&app, &client, &done).await["roles"],
        json!(["payer"])
    );
    // the flow of another browser
    let mut other = Browser::new(&app);
    let form = [("flow", sign_in.flow.as_str()), ("role", "payer")];
    let refused = other
        .send(Method::POST, "/login/choice", Some(&form), &[])
        .await;
    refused.is(400);
}

async fn a_silent_request_is_told_of_the_choice(app: TestApp) {
    let apart: &[(&str, &[&str], u32)] = &[("payments", &["approver", "payer"], 1)];
    roles(&app, &["payer", "approver"], apart).await;
    let client = client(&app, json!({})).await;
    app.create_user("alice", &["payer", "approver"]).await;
    let (mut sign_in, _) = SignIn::of(&app, &client, "alice", &[ALL]).await;
    sign_in.choose(&[("role", "payer")]).await.is(303);
    let silent = [ALL, ("prompt", "none")];
    let refused = sign_in.browser.authorize(&client, REDIRECT, &silent).await;
    assert_eq!(answer(&refused)["error"], "interaction_required");
    let named = [("scope", "openid role:payer"), ("prompt", "none")];
    let done = sign_in.browser.authorize(&client, REDIRECT, &named).await;
    assert_eq!(
        redeemed(&app, &client, &done).await["roles"],
        json!(["payer"])
    );
    // without `prompt` the page follows at once: the user has signed in already
    let next = sign_in.browser.authorize(&client, REDIRECT, &[ALL]).await;
    let location = next.is(303).header("location").unwrap().to_owned();
    sign_in.flow = location.strip_prefix("/login?flow=").unwrap().to_owned();
    assert_eq!(
        sign_in.options().await,
        options("role", &["approver", "payer"])
    );
    let selecting = [ALL, ("prompt", "select_account")];
    let next = sign_in
        .browser
        .authorize(&client, REDIRECT, &selecting)
        .await;
    let location = next.is(303).header("location").unwrap().to_owned();
    sign_in.flow = location.strip_prefix("/login?flow=").unwrap().to_owned();
    leads_to_a_page(&sign_in.post("/login/continue", &[]).await);
    let done = sign_in.choose(&[("role", "approver")]).await;
    let token = redeemed(&app, &client, &done).await;
    assert_eq!(token["roles"], json!(["approver"]));
}

async fn another_account_chooses_for_itself(app: TestApp) {
    roles(&app, &["clerk"], &[]).await;
    let client = client(&app, json!({ "tenant": "ask", "consent": "ask" })).await;
    let alice = app.create_user("alice", &[]).await;
    let bob = app.create_user("bob", &[]).await;
    for (user, tenants) in [(&alice, ["north", "south"]), (&bob, ["south", "west"])] {
        for tenant in tenants {
            app.assign_in(user, "clerk", tenant).await;
        }
    }
    let (mut sign_in, _) = SignIn::of(&app, &client, "alice", &[ALL]).await;
    leads_to_a_page(&sign_in.choose(&[("tenant", "south")]).await);
    assert!(sign_in.page().await.contains("name=\"decision\""));
    leads_to_a_page(&sign_in.post("/login/other", &[]).await);
    let form = [("username", "bob"), ("password", PASSWORD)];
    leads_to_a_page(&sign_in.post("/login", &form).await);
    assert_eq!(
        sign_in.options().await,
        options("tenant", &["south", "west"])
    );
}

async fn many_roles_are_chosen_together(app: TestApp) {
    let names: Vec<String> = (0..90).map(|number| format!("role{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let admin = app.admin().await;
    for name in &names {
        let body = json!({ "name": name });
        app.post("/api/roles", admin, body).await.is(201);
    }
    let body = json!({ "name": "many", "kind": "dynamic", "roles": names, "at_most": 80 });
    app.post("/api/constraints", admin, body).await.is(201);
    let client = client(&app, json!({})).await;
    app.create_user("alice", &names).await;
    let (mut sign_in, _) = SignIn::of(&app, &client, "alice", &[ALL]).await;
    let picked = |number: usize| -> Vec<(&str, &str)> {
        names
            .iter()
            .take(number)
            .map(|name| ("role", *name))
            .collect()
    };
    sign_in.choose(&picked(81)).await.is(422);
    let done = sign_in.choose(&picked(80)).await;
    let token = redeemed(&app, &client, &done).await;
    assert_eq!(token["roles"], json!(names[..80]));
}

async fn y375_roles_beside_which_another_session_leaves_no_room_get_no_code(app: TestApp) {
    roles(&app, &["payer", "approver"], &[]).await;
    let constraint = json!({
        "name": "payments", "kind": "dynamic", "per": "subject", "roles": ["payer", "approver"], "at_most": 1,
    });
    let admin = app.admin().await;
    app.post("/api/constraints", admin, constraint)
        .await
        .is(201);
    let alice = app.create_user("alice", &["payer", "approver"]).await;
    let client = client(&app, json!({})).await;
    let (pay, approve) = (
        [("scope", "openid role:payer")],
        [("scope", "openid role:approver")],
    );
    let mut first = Browser::new(&app);
    let answer = first.sign_in(&client, REDIRECT, &pay).await;
    app.redeem(&client, answer.code(), REDIRECT, &[])
        .await
        .is(200);
    let mut second = Browser::new(&app);
    let answer = second.sign_in(&client, REDIRECT, &approve).await;
    assert_eq!(answer.error(), "invalid_scope");
    let why = &answer.parameters["error_description"];
    assert!(
        why.contains("payments") && why.contains("/account"),
        "{why}"
    );
    // the same again is no conflict
    let answer = second.sign_in(&client, REDIRECT, &pay).await;
    app.redeem(&client, answer.code(), REDIRECT, &[])
        .await
        .is(200);
    // the way out
    app.delete(format!("/api/users/{alice}/sessions"), admin)
        .await
        .no_content();
    let answer = second.sign_in(&client, REDIRECT, &approve).await;
    app.redeem(&client, answer.code(), REDIRECT, &[])
        .await
        .is(200);
}
