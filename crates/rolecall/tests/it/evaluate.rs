//! Rules without a router: each one decides as the router does.

use http::{HeaderMap, Method, StatusCode, header::AUTHORIZATION};
use proptest::prelude::*;
use rolecall::{AccessMatrix, RouteAccess, Rule, RuleSpec, testing::TestIssuer};

use super::{admin, get, greet, user};

fn headers(credential: Option<http::HeaderValue>) -> HeaderMap {
    let values = credential.into_iter().map(|value| (AUTHORIZATION, value));
    values.collect()
}

#[tokio::test]
async fn a_rule_gives_the_same_response_as_a_route_with_it() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let route = rolecall::routing::get(greet);
    let app = rolecall::GuardedRouter::new(issuer.guard()).route("/x", route);
    let app = app.into_axum();
    let rule = RuleSpec::Role("user".to_owned()).rule().unwrap();
    let bad = http::HeaderValue::from_static("Bearer not.a.token");
    for credential in [None, Some(bad), admin(&issuer)] {
        let routed = get(&app, "/x", credential.clone()).await;
        let refusal = guard
            .evaluate(&rule, None, &Method::GET, &headers(credential))
            .unwrap_err();
        let problem = refusal.problem(&rule);
        assert_eq!(problem.status(), routed.status);
        assert_eq!(problem.to_json().to_string(), routed.body);
        for (name, value) in &problem.headers() {
            assert_eq!(routed.headers[name], *value, "{name}");
        }
        assert_eq!(problem.headers()["cache-control"], "no-store");
    }
    let admitted = guard.evaluate(&rule, None, &Method::GET, &headers(user(&issuer)));
    assert_eq!(admitted.unwrap().unwrap().username(), "alice");
}

#[tokio::test]
async fn an_open_rule_needs_no_caller_and_only_optional_looks_at_the_token() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let bad = headers(Some(http::HeaderValue::from_static("Bearer x.y.z")));
    let open = guard.evaluate(&Rule::Public, None, &Method::GET, &bad);
    assert!(open.unwrap().is_none());
    let refused = guard.evaluate(&Rule::Optional, None, &Method::GET, &bad);
    let refused = refused.unwrap_err();
    assert_eq!(refused.denial().status(), StatusCode::UNAUTHORIZED);
    assert!(refused.principal().is_none());
    let none = guard
        .evaluate_current(&Rule::Optional, None, &Method::GET, &HeaderMap::new())
        .await;
    assert!(none.unwrap().is_none());
}

#[tokio::test]
async fn a_token_above_the_newest_revision_waits_for_news() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    issuer.live().note_revision(4);
    let token = headers(Some(issuer.token("alice").rev(9).bearer()));
    let rule = Rule::Authenticated;
    let caller = guard.evaluate(&rule, None, &Method::GET, &token).unwrap();
    assert!(guard.news(&caller.unwrap()).is_some());
    let (live, asked) = (issuer.live().clone(), guard.clone());
    let answered = tokio::spawn(async move {
        let evaluated = asked
            .evaluate_current(&rule, None, &Method::GET, &token)
            .await;
        evaluated.unwrap_err().denial().clone()
    });
    tokio::task::yield_now().await;
    live.answer(live.question(), 4);
    assert_eq!(answered.await.unwrap(), rolecall::Denial::EndedToken);
}

#[test]
fn a_matrix_of_any_routes_is_requested_cell_by_cell() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let rule = RuleSpec::Role("admin".to_owned()).rule().unwrap();
    let routes = vec![
        RouteAccess::new(Method::GET, "/items/{id}", rule, "read_item"),
        RouteAccess::new(Method::GET, "/health", Rule::Public, "health"),
    ];
    let matrix = AccessMatrix::from_routes(routes).roles(&["admin", "user"]);
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("access.lock");
    let send = |request: rolecall::testing::CellRequest<'_>| {
        let bearer = request.token.map(|token| format!("Bearer {token}"));
        let headers = headers(bearer.map(|text| text.parse().unwrap()));
        let rule = if request.path == "/health" {
            Rule::Public
        } else {
            rule
        };
        let evaluated = guard.evaluate(&rule, None, request.method, &headers);
        Ok(evaluated.map_or_else(
            |refusal| rolecall::testing::CellAnswer {
                status: refusal.denial().status(),
                challenge: refusal.denial().challenge(),
            },
            |_| rolecall::testing::CellAnswer {
                status: StatusCode::NO_CONTENT,
                challenge: None,
            },
        ))
    };
    let token = |caller: &rolecall::Caller| issuer.token_of(caller);
    matrix.check_with(&lock, true, &token, &send).unwrap();
    matrix.check_with(&lock, false, &token, &send).unwrap();
    let open = |_: rolecall::testing::CellRequest<'_>| {
        Ok(rolecall::testing::CellAnswer {
            status: StatusCode::NO_CONTENT,
            challenge: None,
        })
    };
    let fault = matrix.check_with(&lock, false, &token, &open).unwrap_err();
    assert!(fault.contains("/items/{id} for anonymous"), "{fault}");
}

proptest! {
    #[test]
    fn a_spec_survives_json(spec in spec()) {
        let json = serde_json::to_string(&spec).unwrap();
        prop_assert_eq!(serde_json::from_str::<RuleSpec>(&json).unwrap(), spec.clone());
        if let Ok(rule) = spec.rule() {
            prop_assert_eq!(spec.rule().unwrap(), rule);
            prop_assert!(rule.depth() <= 2);
        }
    }
}

fn spec() -> impl Strategy<Value = RuleSpec> {
    let leaf = prop_oneof![
        Just(RuleSpec::Public),
        Just(RuleSpec::Authenticated),
        "[a-c]{0,2}".prop_map(RuleSpec::Role),
        "[a-c]{0,1}:?[a-c]".prop_map(RuleSpec::Permission),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(RuleSpec::Any),
            proptest::collection::vec(inner.clone(), 0..3).prop_map(RuleSpec::All),
            inner
                .clone()
                .prop_map(|rule| RuleSpec::InTenant(Box::new(rule))),
            (inner, any::<u64>()).prop_map(|(rule, seconds)| RuleSpec::Fresh {
                rule: Box::new(rule),
                seconds
            }),
        ]
    })
}
