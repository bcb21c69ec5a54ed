//! Refusals that a stronger or newer sign-in would lift (RFC 9470).

use std::{sync::Arc, time::Duration};

use http::HeaderValue;
use rolecall::{
    AccessMatrix, Acr, Authenticated, Clock as _, DataRule, Denial, ForTenant, Fresh,
    GuardedRouter, Policy, PolicyBuilder, Principal, Require, RequireOr,
    routing::{get, post},
    testing::{TestIssuer, TestToken},
};

use crate::{may, role};

const AAL2: &str = r#"Bearer error="insufficient_user_authentication", acr_values="aal2""#;
const PHR: &str = r#"Bearer error="insufficient_user_authentication", acr_values="phr""#;
const TOO_OLD: &str = r#"Bearer error="insufficient_user_authentication", max_age="300""#;

struct Owner;
impl DataRule for Owner {
    type Data = str;
    const NAME: &'static str = "owner";
    fn admits(caller: &Principal, owner: &str) -> bool {
        caller.username() == owner
    }
}

async fn read(_: Require<may::ReadItems>) {}
async fn write(_: Require<may::WriteItems>) {}
async fn administrate(_: Require<role::Admin>) {}
async fn fresh(_: Fresh<may::ReadItems, 300>) {}
async fn fresh_admin(_: Fresh<role::Admin, 300>) {}
async fn in_tenant(_: ForTenant<Fresh<may::ReadItems, 300>>) {}
async fn anybody(_: Fresh<Authenticated, 300>) {}
async fn note(caller: RequireOr<Fresh<role::Admin, 300>, Owner>) -> Result<(), Denial> {
    caller.check("owner").map(drop)
}

/// `admin` needs a passkey and gives `items:write`; `user` needs two factors and gives `items:read`.
fn policy() -> Policy {
    let mut rules = PolicyBuilder::default();
    let name = |text: &str| text.parse().unwrap();
    for permission in ["items:read", "items:write"] {
        rules.permission(permission.parse().unwrap());
    }
    rules
        .grant(name("admin"), "items:write".parse().unwrap())
        .acr(name("admin"), Acr::Phr)
        .grant(name("user"), "items:read".parse().unwrap())
        .acr(name("user"), Acr::Aal2)
        .inherit(name("boss"), name("user"));
    rules.build().unwrap()
}

fn issuer() -> TestIssuer {
    let issuer = TestIssuer::new();
    issuer.live().set_policy(Arc::new(policy()));
    issuer
}

fn app(issuer: &TestIssuer) -> GuardedRouter {
    GuardedRouter::new(issuer.guard())
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/admin", get(administrate))
        .route("/fresh", post(fresh))
        .route("/fresh-admin", get(fresh_admin))
        .route("/t/{tenant}/read", get(in_tenant))
        .route("/anybody", get(anybody))
        .route("/note", get(note))
}

/// Requests `path` and returns status and challenge.
async fn ask(issuer: &TestIssuer, path: &str, token: TestToken<'_>) -> (u16, Option<String>) {
    let token: Option<HeaderValue> = Some(token.bearer());
    let answer = crate::get(&app(issuer).into_axum(), path, token).await;
    (
        answer.status.as_u16(),
        answer.challenge().map(str::to_owned),
    )
}

fn refused(challenge: &str) -> (u16, Option<String>) {
    (401, Some(challenge.to_owned()))
}

fn forbidden(scope: &str) -> (u16, Option<String>) {
    (
        403,
        Some(format!(
            r#"Bearer error="insufficient_scope", scope="{scope}""#
        )),
    )
}

#[tokio::test]
async fn m188_a_role_that_only_the_assurance_keeps_out_is_asked_for() {
    let issuer = issuer();
    let alice = || issuer.token("alice").step_up::<role::User>();
    assert_eq!(ask(&issuer, "/read", alice()).await, refused(AAL2));
    let both = || alice().step_up::<role::Admin>();
    assert_eq!(
        ask(&issuer, "/read", both()).await,
        refused(AAL2),
        "the least that is enough"
    );
    assert_eq!(ask(&issuer, "/write", both()).await, refused(PHR));
    assert_eq!(ask(&issuer, "/admin", both()).await, refused(PHR));
    // no sign-in gives what the user does not have
    assert_eq!(
        ask(&issuer, "/write", alice()).await,
        forbidden("items:write")
    );
    assert_eq!(
        ask(&issuer, "/admin", alice()).await,
        forbidden("role:admin")
    );
    assert_eq!(
        ask(&issuer, "/read", issuer.token("bob")).await,
        forbidden("items:read")
    );
    // the session reaches it already, so the role is lost and not out of reach
    let reached = alice().acr(Acr::Aal2);
    assert_eq!(
        ask(&issuer, "/read", reached).await,
        forbidden("items:read")
    );
    // a client has nobody who could sign in
    let client = alice().client();
    assert_eq!(ask(&issuer, "/read", client).await, forbidden("items:read"));
}

#[tokio::test]
async fn a_guard_without_a_policy_names_the_scope() {
    let issuer = TestIssuer::new();
    let alice = issuer.token("alice").step_up::<role::User>();
    assert_eq!(ask(&issuer, "/read", alice).await, forbidden("items:read"));
}

#[tokio::test]
async fn a_role_that_the_policy_does_not_raise_is_asked_for_with_the_next_assurance() {
    // the server keeps a role out of a token for a reason of its own
    let issuer = TestIssuer::new();
    let mut rules = PolicyBuilder::default();
    rules.role("admin".parse().unwrap());
    issuer.live().set_policy(Arc::new(rules.build().unwrap()));
    let alice = issuer.token("alice").step_up::<role::Admin>();
    assert_eq!(ask(&issuer, "/admin", alice).await, refused(AAL2));
}

#[tokio::test]
async fn m188_an_old_sign_in_is_asked_for_again() {
    let issuer = issuer();
    let age = |seconds| Duration::from_secs(seconds);
    let alice = || issuer.token("alice").permission::<may::ReadItems>();
    let (path, admitted) = ("/t/acme/read", (200, None));
    for (seconds, expected) in [
        (0, admitted.clone()),
        (300, admitted),
        (301, refused(TOO_OLD)),
    ] {
        let alice = || alice().tenant("acme").signed_in_ago(age(seconds));
        assert_eq!(ask(&issuer, path, alice()).await, expected, "{seconds}");
        assert_eq!(
            ask(&issuer, "/anybody", alice()).await,
            expected,
            "{seconds}"
        );
    }
    let old = || alice().signed_in_ago(age(301));
    let answer = ask(&issuer, "/t/acme/read", old().tenant("other")).await;
    assert_eq!(answer.0, 403, "another sign-in does not help");
    let without = old().claims(|claims| claims.auth_time = None);
    assert_eq!(ask(&issuer, "/anybody", without).await, refused(TOO_OLD));
    let client = || {
        issuer
            .token("robot")
            .client()
            .permission::<may::ReadItems>()
    };
    assert_eq!(
        ask(&issuer, "/anybody", client()).await.0,
        403,
        "nobody signed in"
    );
    // time passes for a token that is in the cache of the guard
    let token = issuer.token("alice").bearer();
    let app = app(&issuer).into_axum();
    assert_eq!(
        crate::get(&app, "/anybody", Some(token.clone()))
            .await
            .status,
        200
    );
    issuer.clock().set(issuer.clock().now().plus(age(301)));
    assert_eq!(crate::get(&app, "/anybody", Some(token)).await.status, 401);
}

#[tokio::test]
async fn a_sign_in_that_is_both_weak_and_old_is_asked_for_once() {
    let issuer = issuer();
    let old = Duration::from_secs(301);
    let both =
        r#"Bearer error="insufficient_user_authentication", acr_values="phr", max_age="300""#;
    let alice = || issuer.token("alice").step_up::<role::Admin>();
    let stale = alice().signed_in_ago(old);
    assert_eq!(ask(&issuer, "/fresh-admin", stale).await, refused(both));
    assert_eq!(ask(&issuer, "/fresh-admin", alice()).await, refused(PHR));
    let holder = || issuer.token("alice").role::<role::Admin>();
    assert_eq!(ask(&issuer, "/fresh-admin", holder()).await, (200, None));
    let stale = holder().signed_in_ago(old);
    assert_eq!(ask(&issuer, "/fresh-admin", stale).await, refused(TOO_OLD));
    // a rule on data asks in the same way, and explains itself
    let stale = holder().signed_in_ago(old).bearer();
    let answer = crate::get(&app(&issuer).into_axum(), "/note", Some(stale)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.challenge()),
        (401, Some(TOO_OLD))
    );
    assert_eq!(answer.json()["roles"], serde_json::json!(["admin"]));
    let owner = issuer.token("owner").signed_in_ago(old);
    assert_eq!(ask(&issuer, "/note", owner).await, (200, None));
}

#[test]
fn y350_a_role_that_is_not_reached_gives_nothing_to_a_token_without_a_scope() {
    let issuer = issuer();
    let holds = |token: TestToken<'_>| {
        let token = token.claims(|claims| claims.scope = None).sign();
        issuer
            .guard()
            .verify(&token)
            .unwrap()
            .has_permission("items:read")
    };
    let boss = || issuer.token("alice").role_named("boss");
    assert!(!holds(boss()), "another role inherits it");
    assert!(holds(boss().acr(Acr::Aal2)));
    assert!(!holds(issuer.token("alice").role_named("user")));
}

#[test]
fn the_matrix_shows_and_requests_cells_that_step_up() {
    let issuer = issuer();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.lock");
    std::fs::write(&file, EXPECTED).unwrap();
    let matrix = AccessMatrix::of(&app(&issuer)).policy(&policy());
    let matrix = matrix.data_rule::<Owner, _>(
        |caller| caller.username().to_owned(),
        |_| "nobody".to_owned(),
    );
    matrix.assert(&file, |caller| issuer.token_of(caller));
    // a guard that does not know the policy behaves otherwise, and as it says
    let plain = TestIssuer::new();
    let matrix = AccessMatrix::of(&app(&plain)).policy(&policy());
    let matrix = matrix.data_rule::<Owner, _>(
        |caller| caller.username().to_owned(),
        |_| "nobody".to_owned(),
    );
    matrix.assert(&file, |caller| plain.token_of(caller));
}

const EXPECTED: &str = "\
# Who may call what, derived from the types of the handlers.
# ok = let in, 401 = not authenticated, 403 = not permitted, ? = depends on the permissions of the role
# own = let in with a token for the tenant that the path names, 403 with any other
# if = let in, and the handler refuses with 403 unless its rule on the data admits the caller
# step-up = let in with a session that reaches the assurance of the role, 401 with any other
# signed in within = 401 with a token of an older sign-in
# Written by the tests: `ROLECALL_BLESS=1 cargo test` writes it again, and a review reads the difference.

anonymous  any token  admin  boss  user  | route
401        403        step-up  403   403   | GET /admin for role:admin
401        ok         ok     ok    ok    | GET /anybody for any token, signed in within 300 s
401        403        403    step-up  step-up  | POST /fresh for items:read, signed in within 300 s
401        403        step-up  403   403   | GET /fresh-admin for role:admin, signed in within 300 s
401        if owner   ok     if owner  if owner  | GET /note for role:admin, signed in within 300 s, or if owner
401        403        403    step-up  step-up  | GET /read for items:read
401        403        403    step-up  step-up  | GET /t/{tenant}/read for items:read, signed in within 300 s in the path's tenant
401        403        step-up  403   403   | GET /write for items:write
";
