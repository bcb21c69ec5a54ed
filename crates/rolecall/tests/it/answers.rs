//! The exact responses for refused and admitted requests.

use http::{Method, Request, header::AUTHORIZATION};
use proptest::strategy::Strategy as _;
use rolecall::{
    AllOf, AnyOf, Authenticated, Denial, Guard, GuardedRouter, Optional, Public, Require,
    routing::get, testing::TestIssuer,
};
use serde_json::json;

use crate::{admin, call, may, role, send, user};

const INVALID: &str =
    r#"Bearer error="invalid_token", error_description="The access token is not valid""#;
const ENDED: &str =
    r#"Bearer error="invalid_token", error_description="The access token has ended; refresh it""#;

async fn items(caller: Require<role::Admin>) -> String {
    caller.username().to_owned()
}
async fn me(caller: Authenticated) -> String {
    caller.username().to_owned()
}
async fn greet(caller: Optional) -> String {
    let kept = caller.clone().into_principal();
    assert_eq!(kept.as_deref(), caller.principal());
    caller
        .principal()
        .map_or("stranger", |caller| caller.username())
        .to_owned()
}
async fn health(_: Public) -> &'static str {
    "well"
}
async fn all(_: Require<AllOf<(role::Admin, may::ReadItems)>>) {}
async fn any(_: Require<AnyOf<(may::WriteItems, role::Admin)>>) {}

fn app(issuer: &TestIssuer) -> axum::Router {
    GuardedRouter::new(issuer.guard())
        .route("/items/", get(items))
        .route("/me", get(me))
        .route("/greet", get(greet))
        .route("/health", get(health))
        .route("/all", get(all))
        .route("/any", get(any))
        .into_axum()
}

#[tokio::test]
async fn o086_no_token_is_401_without_an_error_in_the_challenge() {
    let issuer = TestIssuer::new();
    let answer = crate::get(&app(&issuer), "/items/", None).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.challenge(), Some("Bearer"));
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(
        answer.json(),
        json!({
            "type": "urn:rolecall:problem:not_authenticated", "title": "Unauthorized",
            "status": 401, "detail": "Not authenticated",
        })
    );
}

#[tokio::test]
async fn o087_an_invalid_token_is_401_without_a_reason() {
    let issuer = TestIssuer::new();
    let other = TestIssuer::new();
    for token in [
        other.token("alice").role::<role::Admin>().sign(),
        issuer
            .token("alice")
            .claims(|claims| claims.iss = "https://evil.invalid".into())
            .sign(),
        issuer
            .token("alice")
            .claims(|claims| claims.aud = rolecall::Audience::One("https://other.invalid".into()))
            .sign(),
        "not.a.token".to_owned(),
    ] {
        let credential = format!("Bearer {token}").parse().unwrap();
        let answer = crate::get(&app(&issuer), "/items/", Some(credential)).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.challenge(), Some(INVALID));
        assert_eq!(
            answer.json(),
            json!({
                "type": "urn:rolecall:problem:invalid_token", "title": "Unauthorized",
                "status": 401, "detail": "Could not validate credentials",
            })
        );
    }
}

#[tokio::test]
async fn the_challenge_for_an_expired_token_asks_to_refresh() {
    let issuer = TestIssuer::new();
    let expired = issuer.token("boss").role::<role::Admin>().expired();
    let answer = crate::get(&app(&issuer), "/items/", Some(expired.bearer())).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.challenge(), Some(ENDED));
    assert_eq!(answer.json()["detail"], "Could not validate credentials");
}

#[tokio::test]
async fn o089_two_credentials_are_400_even_if_both_are_valid() {
    let issuer = TestIssuer::new();
    let credential = admin(&issuer).unwrap();
    let request = Request::get("/items/")
        .header(AUTHORIZATION, credential.clone())
        .header(AUTHORIZATION, credential)
        .body(axum::body::Body::empty())
        .unwrap();
    let answer = send(&app(&issuer), request).await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.challenge(),
        Some(r#"Bearer error="invalid_request""#)
    );
    assert_eq!(answer.json()["detail"], "Send one credential");
}

#[tokio::test]
async fn o088_a_caller_without_the_role_is_403_with_the_needed_scope() {
    let issuer = TestIssuer::new();
    let answer = crate::get(&app(&issuer), "/items/?secret=1", user(&issuer)).await;
    assert_eq!(answer.status, 403);
    assert_eq!(
        answer.challenge(),
        Some(r#"Bearer error="insufficient_scope", scope="role:admin""#)
    );
    assert_eq!(
        answer.json(),
        json!({
            "type": "urn:rolecall:problem:forbidden", "title": "Forbidden",
            "status": 403, "detail": "Operation not permitted",
            "rule": "role:admin", "roles": ["user"],
        })
    );
}

#[tokio::test]
async fn the_scope_of_a_403_has_all_of_an_all_of_and_the_first_of_an_any_of() {
    let issuer = TestIssuer::new();
    let app = app(&issuer);
    let answer = crate::get(&app, "/all", admin(&issuer)).await;
    assert_eq!(
        answer.challenge(),
        Some(r#"Bearer error="insufficient_scope", scope="role:admin items:read""#)
    );
    let answer = crate::get(&app, "/any", user(&issuer)).await;
    assert_eq!(
        answer.challenge(),
        Some(r#"Bearer error="insufficient_scope", scope="items:write""#)
    );
    assert_eq!(crate::get(&app, "/any", admin(&issuer)).await.status, 200);
}

#[tokio::test]
async fn a_public_route_ignores_credentials() {
    let issuer = TestIssuer::new();
    let app = app(&issuer);
    let expired = issuer.token("boss").expired().bearer();
    for credential in [
        None,
        Some("Bearer nonsense".parse().unwrap()),
        Some("Bearer".parse().unwrap()),
        Some(expired),
        user(&issuer),
    ] {
        let answer = crate::get(&app, "/health", credential).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body.as_str()),
            (200, "well")
        );
    }
}

#[tokio::test]
async fn an_optional_token_may_be_absent_but_not_invalid() {
    let issuer = TestIssuer::new();
    let app = app(&issuer);
    assert_eq!(crate::get(&app, "/greet", None).await.body, "stranger");
    assert_eq!(
        crate::get(&app, "/greet", user(&issuer)).await.body,
        "alice"
    );
    let basic = Some("Basic YTpi".parse().unwrap());
    assert_eq!(crate::get(&app, "/greet", basic).await.body, "stranger");
    let bad = crate::get(&app, "/greet", Some("Bearer x".parse().unwrap())).await;
    assert_eq!((bad.status.as_u16(), bad.challenge()), (401, Some(INVALID)));
    let expired = issuer.token("boss").expired().bearer();
    let answer = crate::get(&app, "/greet", Some(expired)).await;
    assert_eq!(answer.challenge(), Some(ENDED));
}

#[tokio::test]
async fn o090_a_token_in_the_query_or_the_body_is_ignored() {
    let issuer = TestIssuer::new();
    let token = issuer.token("boss").role::<role::Admin>().sign();
    let app = app(&issuer);
    let answer = crate::get(&app, &format!("/items/?access_token={token}"), None).await;
    assert_eq!(
        (answer.status.as_u16(), answer.challenge()),
        (401, Some("Bearer"))
    );
    let request = Request::get("/items/")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("access_token={token}").into())
        .unwrap();
    assert_eq!(send(&app, request).await.status, 401);
    let basic = Some("Basic YTpi".parse().unwrap());
    let answer = crate::get(&app, "/items/", basic).await;
    assert_eq!(
        (answer.status.as_u16(), answer.challenge()),
        (401, Some("Bearer"))
    );
}

#[tokio::test]
async fn an_unknown_path_is_a_404_problem_with_and_without_a_token() {
    let issuer = TestIssuer::new();
    let app = app(&issuer);
    for credential in [None, admin(&issuer), Some("Bearer x".parse().unwrap())] {
        let answer = call(&app, Method::GET, "/nowhere", credential).await;
        assert_eq!(answer.status, 404);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.json()["detail"], "Not Found");
    }
}

#[tokio::test]
async fn the_handler_gets_the_principal_of_a_valid_token() {
    let issuer = TestIssuer::new();
    let app = app(&issuer);
    assert_eq!(
        crate::get(&app, "/items/", admin(&issuer)).await.body,
        "boss"
    );
    assert_eq!(crate::get(&app, "/me", user(&issuer)).await.body, "alice");
}

#[tokio::test]
async fn a_very_long_token_is_refused_as_invalid() {
    let issuer = TestIssuer::new();
    let app = app(&issuer);
    for length in [16 * 1024, 16 * 1024 + 1, 64 * 1024, 1024 * 1024] {
        for text in ["a", ".", "a.", "="] {
            let token = text.repeat(length / text.len());
            let credential = format!("Bearer {token}").parse().unwrap();
            let answer = crate::get(&app, "/items/", Some(credential)).await;
            assert_eq!(
                (answer.status.as_u16(), answer.challenge()),
                (401, Some(INVALID))
            );
        }
    }
}

#[test]
fn o092_challenges_have_distinct_parameters_and_allowed_characters() {
    let forbidden = |scope: &str| Denial::Forbidden {
        scope: Some(scope.to_owned()),
        receipt: None,
    };
    let mut challenges = 0;
    for denial in [
        Denial::NotAuthenticated,
        Denial::InvalidToken,
        Denial::EndedToken,
        Denial::TwoCredentials,
        Denial::Forbidden {
            scope: None,
            receipt: None,
        },
        forbidden("role:admin items:read"),
        forbidden("items:\"read\", error=\"none"),
        forbidden("items:\\read\r\nX-Other: 1"),
        Denial::Unavailable,
        Denial::Unguarded,
    ] {
        let Some(challenge) = denial.challenge() else {
            continue;
        };
        challenges += 1;
        let text = challenge.to_str().unwrap();
        let mut seen = std::collections::BTreeSet::new();
        let parameters = text.strip_prefix("Bearer").unwrap().trim();
        for parameter in parameters.split(", ").filter(|one| !one.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap();
            assert!(
                ["realm", "scope", "error", "error_description"].contains(&name),
                "{text}"
            );
            assert!(seen.insert(name), "{text}");
            let value = value.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
            // RFC 6750 section 3
            let allowed = |c: char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
            assert!(value.chars().all(allowed), "{text}");
        }
    }
    assert_eq!(challenges, 8);
}

proptest::proptest! {
    #[test]
    fn x010_no_authorization_header_makes_the_guard_panic_or_admit(
        value in proptest::prelude::prop_oneof![
            proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
            "(?i)bearer {0,3}[A-Za-z0-9+/=._~-]{0,300}".prop_map(String::into_bytes),
            "Bearer [A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,90}".prop_map(String::into_bytes),
        ],
    ) {
        static GUARD: std::sync::LazyLock<Guard> = std::sync::LazyLock::new(|| TestIssuer::new().guard());
        if let Ok(value) = http::HeaderValue::from_bytes(&value) {
            let headers = http::HeaderMap::from_iter([(AUTHORIZATION, value)]);
            let denial = GUARD.authenticate(&headers).unwrap_err();
            proptest::prop_assert!(matches!(denial, Denial::NotAuthenticated | Denial::InvalidToken));
        }
    }
}
