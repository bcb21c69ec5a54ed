use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use rolecall::{ManualClock, Timestamp};
use tower::ServiceExt as _;

use super::{
    report::write,
    requests::{Requests, count_requests},
    text::Text,
};
use crate::{Embedded, Registration, http::LayerOptions, watch};

const PASSWORD: &str = "a password of the tests";
/// Names that no metric may contain.
const ADMIN: &str = "adele-93c1";
const CANARY: &str = "canary-7f3a";

/// A server whose requests are counted.
struct CountedServer {
    server: Embedded,
    router: Router,
    requests: Arc<Requests>,
    clock: ManualClock,
}

impl CountedServer {
    async fn start() -> Self {
        let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
        let server = Embedded::builder("sqlite::memory:")
            .clock(clock.clone())
            .registration(Registration::Open)
            .demo_user(CANARY, PASSWORD, &["user"])
            .demo_user(ADMIN, PASSWORD, &["rolecall.admin"])
            .open()
            .await
            .unwrap();
        let routes = server.routes().unwrap();
        let access = routes.access_table();
        let paths = access.iter().map(|route| route.path.as_str());
        let requests = Arc::new(Requests::for_routes(paths));
        let app = crate::http::wrap(routes.into_axum(), LayerOptions::default());
        Self {
            router: count_requests(app, Arc::clone(&requests)),
            server,
            requests,
            clock,
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        token: &str,
        form: &str,
    ) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if !form.is_empty() {
            let kind = "application/x-www-form-urlencoded";
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let request = request.body(Body::from(form.to_owned())).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self, path: &str, token: &str) -> StatusCode {
        self.send(Method::GET, path, token, "").await.0
    }

    async fn log_in(&self, name: &str, password: &str) -> (StatusCode, String) {
        let form = format!("grant_type=password&username={name}&password={password}");
        let (status, body) = self.send(Method::POST, "/token", "", &form).await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        (
            status,
            body["access_token"].as_str().unwrap_or_default().to_owned(),
        )
    }

    fn text(&self) -> String {
        write(self.server.app(), self.server.api_guard(), &self.requests)
    }

    fn samples(&self) -> BTreeMap<String, f64> {
        let mut samples = BTreeMap::new();
        for line in self.text().lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let twice = samples.insert(name.to_owned(), value.parse().unwrap());
            assert!(twice.is_none(), "twice: {name}");
        }
        samples
    }

    fn value(&self, sample: &str) -> f64 {
        self.samples().get(sample).copied().unwrap_or(0.0)
    }
}

/// Returns by how much `sample` grows while `work` runs.
async fn growth(counted: &CountedServer, sample: &str, work: impl AsyncFnOnce()) -> f64 {
    let before = counted.value(sample);
    work().await;
    counted.value(sample) - before
}

macro_rules! grows {
    ($counted:expr, $by:expr, $sample:expr, $work:expr) => {
        let grown = growth(&$counted, $sample, async || {
            $work;
        })
        .await;
        assert!(
            (grown - f64::from($by)).abs() < f64::EPSILON,
            "{}: {grown}",
            $sample
        );
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_counted_under_its_route_and_never_under_its_path() {
    let app = CountedServer::start().await;
    let (_, token) = app.log_in(ADMIN, PASSWORD).await;
    let path = format!("/api/users/{CANARY}");
    let sample =
        r#"rolecall_http_requests_total{route="/api/users/{id}",method="GET",status="4xx"}"#;
    grows!(app, 1, sample, app.get(&path, &token).await);
    let sample = r#"rolecall_http_requests_total{route="none",method="GET",status="4xx"}"#;
    grows!(app, 1, sample, app.get(&format!("/{CANARY}"), "").await);
    let sample = r#"rolecall_http_requests_total{route="/health/live",method="HEAD",status="2xx"}"#;
    grows!(
        app,
        1,
        sample,
        app.send(Method::HEAD, "/health/live", "", "").await
    );
    let strange = Method::from_bytes(CANARY.as_bytes()).unwrap();
    let sample =
        r#"rolecall_http_requests_total{route="/health/live",method="other",status="4xx"}"#;
    grows!(
        app,
        1,
        sample,
        app.send(strange, "/health/live", "", "").await
    );
    let sample =
        r#"rolecall_http_request_duration_seconds_count{route="/health/live",method="GET"}"#;
    grows!(app, 2, sample, {
        app.get("/health/live", "").await;
        app.get("/health/live", "").await
    });
    assert!(app.value("rolecall_http_requests_in_flight").abs() < f64::EPSILON);
    assert!(!app.text().contains(CANARY), "{}", app.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_of_a_disconnected_client_is_counted_and_no_longer_in_flight() {
    let router = Router::new().route("/never", axum::routing::get(std::future::pending::<()>));
    let requests = Arc::new(Requests::for_routes(["/never"].into_iter()));
    let router = count_requests(router, Arc::clone(&requests));
    let request = Request::builder()
        .uri("/never")
        .body(Body::empty())
        .unwrap();
    let mut answer = Box::pin(router.oneshot(request));
    assert!(poll_once(&mut answer).await.is_none());
    let written = |requests: &Requests| {
        let mut text = Text::default();
        requests.write(&mut text);
        text.finish()
    };
    assert!(written(&requests).contains("rolecall_http_requests_in_flight 1\n"));
    drop(answer);
    let text = written(&requests);
    assert!(
        text.contains("rolecall_http_requests_in_flight 0\n"),
        "{text}"
    );
    let sample = r#"rolecall_http_requests_total{route="/never",method="GET",status="none"} 1"#;
    assert!(text.contains(sample), "{text}");
}

/// Polls a future once.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(done) => Some(done),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_counted_by_its_reason() {
    let app = CountedServer::start().await;
    let (_, token) = app.log_in(CANARY, PASSWORD).await;
    for (reason, path, token) in [
        ("not_authenticated", "/api/me", ""),
        ("invalid_token", "/api/me", "x.y.z"),
        ("forbidden", "/api/users", token.as_str()),
    ] {
        let sample = format!(r#"rolecall_refusals_total{{reason="{reason}"}}"#);
        grows!(app, 1, &sample, app.get(path, token).await);
    }
    let sample = r#"rolecall_refusals_total{reason="invalid_grant"}"#;
    grows!(app, 1, sample, app.log_in(CANARY, "wrong").await);
    app.clock
        .set(app.server.app().now().plus(Duration::from_hours(1)));
    let sample = r#"rolecall_refusals_total{reason="ended_token"}"#;
    grows!(app, 1, sample, app.get("/api/me", &token).await);
    assert_eq!(
        app.value(r#"rolecall_refusals_total{reason="other"}"#)
            .to_bits(),
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_a_refresh_is_counted_under_refresh_token() {
    let app = CountedServer::start().await;
    let ask = async |form: String| {
        let (_, body) = app.send(Method::POST, "/token", "", &form).await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        body["refresh_token"].as_str().map(str::to_owned)
    };
    let password = format!("grant_type=password&username={ADMIN}&password={PASSWORD}");
    let token = ask(password).await.unwrap();
    let refresh = |token: &str| format!("grant_type=refresh_token&refresh_token={token}");
    let issued = |grant| format!(r#"rolecall_tokens_issued_total{{grant="{grant}"}}"#);
    grows!(app, 1, &issued("refresh_token"), ask(refresh(&token)).await);
    grows!(app, 0, &issued("refresh_token"), ask(refresh("none")).await);
    grows!(app, 0, &issued("password"), ask(refresh(&token)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_is_counted_by_its_outcome_and_a_replay_ends_a_session() {
    let app = CountedServer::start().await;
    let ask = async |form: String| {
        let (_, body) = app.send(Method::POST, "/token", "", &form).await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        body["refresh_token"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let first = ask(format!(
        "grant_type=password&username={ADMIN}&password={PASSWORD}"
    ))
    .await;
    let refresh = |token: &str| format!("grant_type=refresh_token&refresh_token={token}");
    let outcome = |outcome| format!(r#"rolecall_refreshes_total{{outcome="{outcome}"}}"#);
    let mut second = String::new();
    grows!(
        app,
        1,
        &outcome("rotated"),
        second = ask(refresh(&first)).await
    );
    grows!(app, 1, &outcome("grace"), ask(refresh(&first)).await);
    grows!(app, 1, &outcome("refused"), ask(refresh(CANARY)).await);
    grows!(app, 1, &outcome("rotated"), ask(refresh(&second)).await);
    let ended = r#"rolecall_floors_raised_total{kind="sid"}"#;
    grows!(app, 0, &outcome("refused"), {
        grows!(app, 1, ended, {
            grows!(app, 1, &outcome("replayed"), ask(refresh(&first)).await);
        });
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_in_is_counted_by_its_outcome() {
    let app = CountedServer::start().await;
    let outcome = |outcome| format!(r#"rolecall_log_ins_total{{outcome="{outcome}"}}"#);
    let tokens = r#"rolecall_tokens_issued_total{grant="password"}"#;
    grows!(
        app,
        1,
        &outcome("success"),
        app.log_in(ADMIN, PASSWORD).await
    );
    grows!(app, 1, tokens, app.log_in(ADMIN, PASSWORD).await);
    grows!(app, 0, tokens, app.log_in(ADMIN, "wrong").await);
    grows!(
        app,
        1,
        &outcome("wrong"),
        app.log_in("nobody", "wrong").await
    );
    // the same wrong password counts once
    for n in 0..6 {
        app.log_in(CANARY, &format!("wrong {n}")).await;
    }
    grows!(
        app,
        1,
        &outcome("slowed"),
        app.log_in(CANARY, "wrong").await
    );
    grows!(
        app,
        1,
        "rolecall_password_hashes_total",
        app.log_in(ADMIN, PASSWORD).await
    );
    let waits = "rolecall_password_hash_wait_seconds_count";
    grows!(app, 1, waits, app.log_in(ADMIN, PASSWORD).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_and_floors_are_counted() {
    let app = CountedServer::start().await;
    let revision = app.value("rolecall_revision");
    assert!(revision >= 1.0);
    let (_, token) = app.log_in(ADMIN, PASSWORD).await;
    grows!(app, 1, "rolecall_audit_entries_total", {
        let role = "guest".parse().unwrap();
        crate::demo::ensure_role(app.server.app(), &role, "")
            .await
            .unwrap();
    });
    let seen = watch::load_all(app.server.app()).await.unwrap();
    assert!(app.value("rolecall_revision") > revision);
    let floors = app.value("rolecall_floors");
    let (_, me) = app.send(Method::GET, "/api/me", &token, "").await;
    let me: serde_json::Value = serde_json::from_str(&me).unwrap();
    let path = format!("/api/users/{}/sessions", me["id"].as_str().unwrap());
    let (status, _) = app.send(Method::DELETE, &path, &token, "").await;
    assert_eq!(status, 204);
    assert!(app.value("rolecall_floors") > floors);
    app.clock.advance(Duration::from_secs(7));
    let age = app.value("rolecall_state_age_seconds");
    assert!((0.0..=7.0).contains(&age), "{age}");
    watch::apply_updates(app.server.app(), &seen).await.unwrap();
    assert!(app.value("rolecall_state_age_seconds") < 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_verified_before_is_a_hit() {
    let app = CountedServer::start().await;
    let (_, token) = app.log_in(CANARY, PASSWORD).await;
    let hits = "rolecall_verified_tokens_hits_total";
    let misses = "rolecall_verified_tokens_misses_total";
    grows!(app, 1, misses, app.get("/api/me", &token).await);
    grows!(app, 0, misses, app.get("/api/me", &token).await);
    grows!(app, 1, hits, app.get("/api/me", &token).await);
    assert!(app.value("rolecall_verified_tokens") >= 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_is_described_once_and_documented() {
    let app = CountedServer::start().await;
    let (_, token) = app.log_in(ADMIN, PASSWORD).await;
    app.get("/api/me", &token).await;
    let text = app.text();
    let page = include_str!("../../../../docs/metrics.md");
    let mut described = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, _) = line.split_once(' ').unwrap();
        assert!(!described.contains(&name), "twice: {name}");
        assert!(
            page.contains(&format!("| `{name}` |")),
            "not in the page: {name}"
        );
        described.push(name);
    }
    for row in page.lines().filter_map(|line| line.strip_prefix("| `")) {
        let name = row.split('`').next().unwrap();
        if name.starts_with("Rolecall") {
            continue; // an alert
        }
        assert!(described.contains(&name), "in the page only: {name}");
    }
    for secret in [CANARY, ADMIN, token.as_str()] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_closed_is_counted() {
    let app = CountedServer::start().await;
    let sample = r#"rolecall_database_errors_total{kind="connection"}"#;
    let before = app.value(sample);
    app.server.app().store().close().await;
    assert!(app.server.app().check_ready().await.is_err());
    assert!(app.value(sample) > before);
    wait_for_growth(&app, r#"rolecall_state_polls_total{outcome="failed"}"#).await;
}

/// Waits until background work is counted once more.
async fn wait_for_growth(app: &CountedServer, sample: &str) {
    let before = app.value(sample);
    let grown = async {
        while app.value(sample) <= before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let bound = Duration::from_secs(20);
    assert!(
        tokio::time::timeout(bound, grown).await.is_ok(),
        "never: {sample}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn background_work_is_counted() {
    let app = CountedServer::start().await;
    wait_for_growth(&app, r#"rolecall_state_polls_total{outcome="done"}"#).await;
    app.clock.advance(Duration::from_mins(1));
    wait_for_growth(&app, r#"rolecall_clean_ups_total{outcome="done"}"#).await;
    let pool = |kind: &str| {
        app.value(&format!(
            r#"rolecall_database_connections{kind}{{pool="write"}}"#
        ))
    };
    assert!(pool("") >= 1.0 && pool("_idle") <= pool("") && pool("") <= pool("_max"));
}
