//! Errors below `/admin` that no page answers.

use http::Method;
use rolecall_server::http::{LayerOptions, wrap};

use super::{page, signed_in};
use crate::support::{Browser, RequestBuilder, Response, TestApp, on_both};

on_both![
    an_unknown_address_is_a_page_with_the_navigation_for_an_administrator,
    an_unknown_address_leads_nobody_else_further,
    programs_get_problems_below_admin_and_browsers_elsewhere,
    a_form_that_is_too_long_is_a_page,
    what_the_layers_around_the_routes_refuse_is_a_page,
];

/// What browsers send when they open a page.
const ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// A request as a browser sends it, to routes with pages for errors.
fn request(app: &TestApp, method: Method, path: &str) -> RequestBuilder {
    let routes = app.embedded().with_error_pages(app.router());
    RequestBuilder::new(routes, method, path.to_owned()).header("accept", ACCEPT)
}

async fn open(app: &TestApp, browser: &Browser<'_>, path: &str) -> Response {
    let mut request = request(app, Method::GET, path);
    if let Some(session) = browser.cookie("session") {
        request = request.header("cookie", &format!("__Host-rolecall-session={session}"));
    }
    request.send().await
}

async fn an_unknown_address_is_a_page_with_the_navigation_for_an_administrator(app: TestApp) {
    let browser = signed_in(&app, "admin").await;
    for path in [
        "/admin/nowhere",
        "/admin/nowhere/at/all?x=1",
        "/admin/users/x/y/z",
        "/admin/",
    ] {
        let shown = open(&app, &browser, path).await;
        assert_eq!(
            shown.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(shown.header("cache-control"), Some("no-store"), "{path}");
        let text = page(&shown, 404);
        for expected in [
            "<h1>Not found</h1>",
            "href=\"/admin/users\"",
            "<a href=\"/admin\">Back to the start</a>",
        ] {
            assert!(text.contains(expected), "{path}: {text}");
        }
        assert!(!text.contains("aria-current"), "{path}: {text}");
    }
}

async fn an_unknown_address_leads_nobody_else_further(app: TestApp) {
    app.create_user("alice", &[]).await;
    let stranger = Browser::new(&app);
    let mut alice = signed_in(&app, "alice").await;
    alice.open("/admin").await.is(403);
    for browser in [&stranger, &alice] {
        let shown = open(&app, browser, "/admin/nowhere").await;
        assert_eq!(shown.header("set-cookie"), None);
        let text = page(&shown, 404);
        assert!(text.contains("<h1>Not found</h1>"), "{text}");
        assert!(text.contains("href=\"/admin\""), "{text}");
        assert!(!text.contains("/admin/users"), "{text}");
    }
    let german = request(&app, Method::GET, "/admin/nowhere").header("accept-language", "de");
    let text = page(&german.send().await, 404);
    assert!(text.contains("<h1>Nicht gefunden</h1>"), "{text}");
}

async fn programs_get_problems_below_admin_and_browsers_elsewhere(app: TestApp) {
    let is_problem = |response: &Response| {
        let kind = response.is(404).header("content-type");
        assert_eq!(kind, Some("application/problem+json"));
    };
    for path in ["/api/nowhere", "/administration", "/nowhere/admin"] {
        is_problem(&request(&app, Method::GET, path).send().await);
    }
    let routes = app.embedded().with_error_pages(app.router());
    let program = RequestBuilder::new(routes, Method::GET, "/admin/nowhere".to_owned());
    is_problem(&program.header("accept", "*/*").send().await);
}

async fn a_form_that_is_too_long_is_a_page(app: TestApp) {
    let browser = signed_in(&app, "admin").await;
    let session = browser.cookie("session").unwrap();
    let form = format!("reason={}", "x".repeat(70 * 1024));
    let id = app.create_user("alice", &[]).await;
    let sent = request(&app, Method::POST, &format!("/admin/users/{id}/assign"))
        .header("cookie", &format!("__Host-rolecall-session={session}"))
        .raw("application/x-www-form-urlencoded", form)
        .send()
        .await;
    let text = page(&sent, 413);
    assert!(
        text.contains("<h1>This form is too long</h1>") && text.contains("href=\"/admin/users\""),
        "{text}"
    );
}

async fn what_the_layers_around_the_routes_refuse_is_a_page(app: TestApp) {
    let wrapped = wrap(app.router(), LayerOptions::default());
    let routes = app.embedded().with_error_pages(wrapped);
    let request = |method: Method, path: &str| {
        RequestBuilder::new(routes.clone(), method, path.to_owned()).header("accept", ACCEPT)
    };
    let form = request(Method::POST, "/admin/users/new")
        .header("content-length", "70000")
        .raw("application/x-www-form-urlencoded", "x");
    let too_long = form.send().await;
    let text = page(&too_long, 413);
    assert!(text.contains("<h1>This form is too long</h1>"), "{text}");
    assert_eq!(too_long.header("connection"), Some("close"));
    let unknown = request(Method::GET, "/admin/nowhere").send().await;
    assert!(page(&unknown, 404).contains("<h1>Not found</h1>"));
    for shown in [&too_long, &unknown] {
        assert!(shown.header("x-request-id").is_some());
        let policies = shown.headers.get_all("content-security-policy");
        assert_eq!(policies.iter().count(), 1);
        let policy = shown.header("content-security-policy").unwrap();
        assert!(policy.contains("style-src 'self'"), "{policy}");
    }
}
