//! What the log says: who was refused what, and never with which token.

use std::{
    fmt::{self, Write as _},
    sync::{Arc, Mutex},
};

use http::Method;
use rolecall::{GuardedRouter, Require, routing::get, testing::TestIssuer};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::{admin, call, role, user};

/// Keeps every event of the thread, one line each.
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

async fn secret(_: Require<role::Admin>) {}

#[tokio::test]
async fn a_refusal_names_rule_subject_and_outcome_and_no_line_holds_a_token() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/items/{id}", get(secret))
        .into_axum();
    let forged = TestIssuer::new().token("mallory").bearer();
    let credentials = [None, user(&issuer), admin(&issuer), Some(forged)];
    for credential in credentials.clone() {
        call(&app, Method::GET, "/items/secret-id?key=secret", credential).await;
    }
    let said = lines.0.lock().unwrap().join("\n");
    for expected in [
        "INFO message=refused method=GET path=/items/{id} rule=role:admin outcome=\"not_authenticated\"",
        "INFO message=refused method=GET path=/items/{id} rule=role:admin subject=\"alice\" outcome=\"forbidden\"",
        "DEBUG message=let in method=GET path=/items/{id} rule=role:admin subject=\"boss\"",
        "DEBUG message=an access token is not valid reason=unknown_key",
        "outcome=\"invalid_token\"",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    assert!(
        !said.contains("secret-id") && !said.contains("key=secret"),
        "{said}"
    );
    for credential in credentials.iter().flatten() {
        let token = credential.to_str().unwrap().trim_start_matches("Bearer ");
        let parts = token.split('.').filter(|part| said.contains(part));
        assert_eq!(parts.count(), 0, "{said}");
    }
}

#[tokio::test]
async fn a_handler_without_a_guard_is_logged_as_a_mistake() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let app = axum::Router::new().route("/x", axum::routing::get(secret));
    call(&app, Method::GET, "/x", None).await;
    let said = lines.0.lock().unwrap().join("\n");
    assert!(
        said.contains("ERROR message=a guarded handler was mounted without a guard"),
        "{said}"
    );
}
