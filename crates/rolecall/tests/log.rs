//! Log lines: refusals with rule and subject, and never a token.
//!
//! These tests have a process of their own, so that the subscriber exists before the first log line. Next to tests
//! without a subscriber, `tracing` could cache that no subscriber is interested.
#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]

use std::{
    fmt::{self, Write as _},
    sync::{Arc, LazyLock, Mutex},
};

use axum::body::Body;
use http::{
    HeaderValue, Request,
    header::{AUTHORIZATION, COOKIE},
};
use rolecall::{
    GuardedRouter, Require, SessionCookie,
    routing::{any, get},
    testing::TestIssuer,
};
use tower::ServiceExt as _;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

rolecall::roles! { pub(crate) mod role { Admin = "admin" } }

static LINES: LazyLock<Lines> = LazyLock::new(|| {
    let lines = Lines::default();
    tracing::subscriber::set_global_default(lines.clone()).unwrap();
    lines
});

/// A subscriber that keeps every event as a line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

impl Lines {
    fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

async fn secret(_: Require<role::Admin>) {}

async fn get_path(app: &axum::Router, path: &str, credential: Option<&HeaderValue>) {
    let mut request = Request::get(path);
    if let Some(credential) = credential {
        request = request.header(AUTHORIZATION, credential);
    }
    let request = request.body(Body::empty()).unwrap();
    app.clone().oneshot(request).await.unwrap();
}

#[tokio::test]
async fn x069_refusals_are_logged_with_rule_subject_and_outcome_but_no_token() {
    LazyLock::force(&LINES);
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/items/{id}", get(secret))
        .into_axum();
    let credentials = [
        issuer.token("alice").bearer(),
        issuer.token("boss").role::<role::Admin>().bearer(),
        TestIssuer::new().token("mallory").bearer(),
    ];
    let path = "/items/secret-id?key=secret";
    get_path(&app, path, None).await;
    for credential in &credentials {
        get_path(&app, path, Some(credential)).await;
    }
    let log = LINES.text();
    let refused = "INFO message=refused method=GET path=/items/{id} rule=role:admin";
    for expected in [
        format!(r#"{refused} outcome="not_authenticated""#),
        format!(r#"{refused} subject="alice" outcome="forbidden""#),
        format!(r#"{refused} outcome="invalid_token""#),
        r#"DEBUG message=admitted method=GET path=/items/{id} rule=role:admin subject="boss""#
            .into(),
        "DEBUG message=an access token is not valid reason=unknown_key".into(),
    ] {
        assert!(log.contains(&expected), "{expected}\n{log}");
    }
    assert!(
        !log.contains("secret-id") && !log.contains("key=secret"),
        "{log}"
    );
    for credential in &credentials {
        let token = credential.to_str().unwrap().trim_start_matches("Bearer ");
        let parts = token.split('.').filter(|part| log.contains(part));
        assert_eq!(parts.count(), 0, "{log}");
    }
}

#[tokio::test]
async fn y185_neither_a_ticket_nor_a_cookie_is_logged() {
    LazyLock::force(&LINES);
    let issuer = TestIssuer::new();
    let cookie = SessionCookie::new("__Host-session", "https://app.example").unwrap();
    let guard = issuer.guard().with_cookie(cookie).with_tickets();
    let app = GuardedRouter::new(guard)
        .route("/stream", any(secret))
        .into_axum();
    let token = issuer.token("ticketed").role::<role::Admin>().sign();
    let ticket = issuer.ticket(&token);
    let path = format!("/stream?ticket={ticket}");
    // used, used up, malformed
    for path in [&path, &path, &format!("{path}.secret-end")] {
        get_path(&app, path, None).await;
    }
    let forged = Request::post("/stream").header(COOKIE, format!("__Host-session={token}"));
    let forged = forged.header("origin", "https://other.example");
    let forged = app.clone().oneshot(forged.body(Body::empty()).unwrap());
    assert_eq!(forged.await.unwrap().status(), 403);
    let log = LINES.text();
    for expected in [
        r#"subject="ticketed""#,
        r#"outcome="cross_site""#,
        "https://other.example",
    ] {
        assert!(log.contains(expected), "{expected}\n{log}");
    }
    let secrets = token.split('.').chain([&*ticket, "secret-end"]);
    for secret in secrets {
        assert!(!log.contains(secret), "{secret}\n{log}");
    }
}

#[tokio::test]
async fn a_handler_without_a_guard_is_logged_as_an_error() {
    LazyLock::force(&LINES);
    let app = axum::Router::new().route("/x", axum::routing::get(secret));
    get_path(&app, "/x", None).await;
    let log = LINES.text();
    assert!(
        log.contains("ERROR message=a guarded handler was mounted without a guard"),
        "{log}"
    );
}
