//! Different spellings of a path get the same decision or 404, and never bypass the guard.

use http::{Method, StatusCode, Uri};
use rolecall::{GuardedRouter, Public, Require, routing::get, testing::TestIssuer};

use crate::{admin, call, role};

async fn secret(_: Require<role::Admin>) -> &'static str {
    "secret"
}
async fn open(_: Public) -> &'static str {
    "open"
}

fn app(issuer: &TestIssuer) -> axum::Router {
    let nested = GuardedRouter::new(issuer.guard()).route("/inner", get(secret));
    GuardedRouter::new(issuer.guard())
        .route("/admin", get(secret))
        .route("/admin/keys/", get(secret))
        .route("/files/{*path}", get(secret))
        .route("/users/{id}", get(secret))
        .route("/users/me", get(open))
        .nest("/deep", nested)
        .into_axum()
}

#[tokio::test]
async fn x011_no_spelling_of_a_path_bypasses_its_guard() {
    let issuer = TestIssuer::new();
    let app = app(&issuer);
    let spellings = [
        "/admin",
        "/admin/",
        "//admin",
        "/admin//",
        "/Admin",
        "/ADMIN",
        "/admin;x=1",
        "/admin;",
        "/%61dmin",
        "/admin%2f",
        "/admin%00",
        "/admin/.",
        "/./admin",
        "/x/../admin",
        "/admin?",
        "/admin?a=b",
        "/admin%20",
        "/admin/keys",
        "/admin/keys/",
        "/admin//keys/",
        "/admin/keys//",
        "/admin%2Fkeys/",
        "/admin/keys/;x",
        "/files/a",
        "/files/",
        "/files/..%2f..%2fusers%2fme",
        "/files/../users/me",
        "/files/a/b/c",
        "/files",
        "/users/1",
        "/users/me/",
        "/users/ME",
        "/users/%6de",
        "/users/me;",
        "/users/./me",
        "/users/me%2f",
        "/deep/inner",
        "/deep//inner",
        "/deep/inner/",
        "/deep",
        "/deep/",
        "/inner",
        "/deep/../admin",
        "/.%2fadmin",
        "/%2e/admin",
        "/%2e%2e/admin",
        "/admin.json",
        "/admin~",
        "/users/",
        "/",
    ];
    for spelling in spellings {
        let answer = call(&app, Method::GET, spelling, None).await;
        let refused = matches!(
            answer.status,
            StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND
        );
        assert!(refused, "{spelling}: {} {}", answer.status, answer.body);
    }
    assert_eq!(
        call(&app, Method::GET, "/users/me", None).await.body,
        "open"
    );
}

#[tokio::test]
async fn equivalent_spellings_reach_the_same_route() {
    let issuer = TestIssuer::new();
    let app = app(&issuer);
    for (spelling, status) in [
        ("/admin", 200),
        ("/admin?x", 200),
        ("/admin/", 404),
        ("/%61dmin", 404),
        ("/users/%6de", 200),
        ("/deep/inner", 200),
        ("/inner", 404),
    ] {
        let answer = call(&app, Method::GET, spelling, admin(&issuer)).await;
        assert_eq!(answer.status, status, "{spelling}");
        if status == 200 {
            assert_eq!(answer.body, "secret", "{spelling}");
        }
    }
}

#[tokio::test]
async fn absolute_and_authority_uris_bypass_no_guard() {
    let issuer = TestIssuer::new();
    let app = app(&issuer);
    let answer = call(&app, Method::GET, "http://other.invalid/admin", None).await;
    assert_eq!(answer.status, 401);
    let authority = Uri::from_static("other.invalid:80").to_string();
    let answer = call(&app, Method::CONNECT, &authority, None).await;
    assert_eq!(answer.status, 404);
}
