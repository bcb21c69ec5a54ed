//! HTTP methods, including those without a handler.

use http::{Method, Request, header::AUTHORIZATION};
use rolecall::{
    Authenticated, GuardedRouter, Public, Require,
    routing::{any, delete, get, head, on, patch, post, put},
    testing::TestIssuer,
};

use crate::{Answer, admin, call, role, send, user};

async fn read(_: Authenticated) -> &'static str {
    "read"
}
async fn change(_: Require<role::Admin>) -> &'static str {
    "changed"
}
async fn open(_: Public) -> &'static str {
    "open"
}

fn is_405(answer: &Answer, allow: &str) {
    assert_eq!(answer.status, 405);
    assert_eq!(answer.headers["allow"], allow);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(
        answer.json()["type"],
        "urn:rolecall:problem:method_not_allowed"
    );
    assert!(answer.challenge().is_none());
}

#[tokio::test]
async fn each_method_has_its_own_rule() {
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route(
            "/x",
            get(read)
                .post(change)
                .put(change)
                .patch(change)
                .delete(change),
        )
        .route("/get", get(read))
        .route("/post", post(change))
        .route("/put", put(change))
        .route("/patch", patch(change))
        .route("/delete", delete(change))
        .into_axum();
    let writing = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    assert_eq!(
        call(&app, Method::GET, "/x", user(&issuer)).await.status,
        200
    );
    for method in writing {
        let own = format!("/{}", method.as_str().to_lowercase());
        for path in ["/x", own.as_str()] {
            let ask = |credential| call(&app, method.clone(), path, credential);
            assert_eq!(ask(None).await.status, 401, "{method} {path}");
            assert_eq!(ask(user(&issuer)).await.status, 403, "{method} {path}");
            assert_eq!(ask(admin(&issuer)).await.body, "changed", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn x012_head_has_the_rule_of_get_and_no_body() {
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/x", get(change))
        .into_axum();
    let refused = call(&app, Method::HEAD, "/x", None).await;
    assert_eq!((refused.status.as_u16(), refused.body.as_str()), (401, ""));
    assert_eq!(refused.challenge(), Some("Bearer"));
    assert_eq!(
        call(&app, Method::HEAD, "/x", user(&issuer)).await.status,
        403
    );
    let answer = call(&app, Method::HEAD, "/x", admin(&issuer)).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""));
}

#[tokio::test]
async fn a_head_handler_is_guarded_and_does_not_add_get() {
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/x", head(change))
        .into_axum();
    assert_eq!(
        call(&app, Method::HEAD, "/x", user(&issuer)).await.status,
        403
    );
    is_405(&call(&app, Method::GET, "/x", admin(&issuer)).await, "HEAD");
}

#[test]
#[should_panic(expected = "must have the same rule")]
fn head_with_a_weaker_rule_than_get_is_refused() {
    let issuer = TestIssuer::new();
    let _ = GuardedRouter::<()>::new(issuer.guard()).route("/x", get(change).head(open));
}

#[test]
#[should_panic(expected = "must have the same rule")]
fn head_with_a_weaker_rule_is_refused_in_separate_calls() {
    let issuer = TestIssuer::new();
    let _ = GuardedRouter::<()>::new(issuer.guard())
        .route("/x", head(open))
        .route("/x", get(change));
}

#[tokio::test]
async fn x012_methods_without_a_handler_are_405_before_authentication() {
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/x", get(read).post(change))
        .route("/open", get(open))
        .into_axum();
    for method in [
        "OPTIONS", "TRACE", "CONNECT", "PUT", "DELETE", "QUERY", "PROPFIND", "get", "FOO", "GETX",
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        for credential in [None, admin(&issuer), Some("Bearer x".parse().unwrap())] {
            is_405(
                &call(&app, method.clone(), "/x", credential).await,
                "GET, HEAD, POST",
            );
        }
        is_405(&call(&app, method, "/open", None).await, "GET, HEAD");
    }
}

#[tokio::test]
async fn x012_method_overrides_in_headers_and_query_are_ignored() {
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/x", get(read).delete(change))
        .into_axum();
    for name in [
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
    ] {
        let request = Request::delete("/x?_method=GET")
            .header(name, "GET")
            .header(AUTHORIZATION, user(&issuer).unwrap())
            .body("_method=GET".into())
            .unwrap();
        assert_eq!(send(&app, request).await.status, 403);
        let request = Request::get("/x?_method=DELETE")
            .header(name, "DELETE")
            .header(AUTHORIZATION, user(&issuer).unwrap())
            .body(axum::body::Body::empty())
            .unwrap();
        assert_eq!(send(&app, request).await.body, "read");
    }
}

#[tokio::test]
async fn any_has_the_same_rule_for_each_method_and_no_options() {
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/x", any(change))
        .into_axum();
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(
            call(&app, method.clone(), "/x", user(&issuer)).await.status,
            403
        );
        assert_eq!(call(&app, method, "/x", admin(&issuer)).await.status, 200);
    }
    let answer = call(&app, Method::OPTIONS, "/x", admin(&issuer)).await;
    is_405(&answer, "GET, HEAD, POST, PUT, PATCH, DELETE");
}

#[tokio::test]
async fn a_method_from_a_table_has_the_rule_of_its_handler() {
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/x", on(Method::GET, read).on(Method::DELETE, change))
        .into_axum();
    for method in [Method::GET, Method::HEAD] {
        let answer = call(&app, method, "/x", user(&issuer)).await;
        assert_eq!(answer.status, 200);
    }
    let answer = call(&app, Method::DELETE, "/x", user(&issuer)).await;
    assert_eq!(answer.status, 403);
    let answer = call(&app, Method::DELETE, "/x", admin(&issuer)).await;
    assert_eq!(answer.status, 200);
    let answer = call(&app, Method::POST, "/x", admin(&issuer)).await;
    is_405(&answer, "GET, HEAD, DELETE");
}

#[test]
#[should_panic(expected = "`OPTIONS` cannot be routed: use GET, HEAD, POST, PUT, PATCH or DELETE")]
fn a_method_that_the_guard_does_not_know_is_a_mistake() {
    let _ = on::<_, _, ()>(Method::OPTIONS, open);
}

#[test]
#[should_panic(expected = "`GET` of this route already has a handler")]
fn a_second_handler_does_not_replace_the_first() {
    let _ = get::<_, _, ()>(change).get(open);
}
