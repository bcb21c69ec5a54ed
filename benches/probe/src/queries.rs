//! Counts the queries of each operation, as the database driver reports them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context as _, ensure};
use axum::{Router, body::Body};
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tracing::{Event, Instrument as _, Subscriber};
use tracing_subscriber::{
    Layer, filter,
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
};

use super::{fill, serve};

/// Queries belong to an operation if they run inside this span: the server also asks by itself, all the time.
const SPAN: &str = "operation";

/// Counts the statements that the driver says it ran.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicUsize>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Counter {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let inside = context
            .event_scope(event)
            .is_some_and(|mut spans| spans.any(|span| span.name() == SPAN));
        if inside && event.metadata().target() == "sqlx::query" {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// An application whose operations are counted.
struct Counted {
    app: Router,
    counter: Counter,
}

/// What was answered.
struct Answer {
    status: StatusCode,
    body: Value,
}

impl Answer {
    fn text(&self, member: &str) -> anyhow::Result<&str> {
        let text = self.body.get(member).and_then(Value::as_str);
        text.with_context(|| format!("no `{member}` in {} {}", self.status, self.body))
    }
}

pub(crate) async fn run(url: &str, users: i64, roles: i64) -> anyhow::Result<()> {
    fill::run(url, users, roles).await?;
    let counter = Counter::default();
    let only = filter::Targets::new()
        .with_target("sqlx::query", tracing::Level::TRACE)
        .with_target(module_path!(), tracing::Level::TRACE);
    let subscriber = tracing_subscriber::registry()
        .with(only)
        .with(counter.clone());
    tracing::subscriber::set_global_default(subscriber)?;
    let login = serve::server(url).open().await?;
    let app = serve::routes(login.guard())
        .merge(login.routes()?)
        .into_axum();
    Counted { app, counter }.all().await
}

impl Counted {
    async fn all(&self) -> anyhow::Result<()> {
        let token = self.log_in("", "admin").await?;
        self.log_in("log-in", "user0").await?;
        self.refused_log_in("log-in, wrong password", "user1")
            .await?;
        self.refused_log_in("log-in, no such user", "nobody")
            .await?;
        self.get(
            "guarded route, token seen for the first time",
            "/items/",
            &token,
        )
        .await?;
        self.get("guarded route, token in the cache", "/items/", &token)
            .await?;
        // the application's audience and the server's own are one here
        self.get("who am I (`GET /api/me`)", "/api/me", &token)
            .await?;
        self.get("list 50 users", "/api/users?limit=50", &token)
            .await?;
        self.get("list 50 roles", "/api/roles?limit=50", &token)
            .await?;
        self.get("list 50 audit entries", "/api/audit?limit=50", &token)
            .await?;
        self.users(&token).await?;
        self.roles(&token).await
    }

    async fn users(&self, token: &str) -> anyhow::Result<()> {
        let body = json!({ "username": "new", "password": serve::PASSWORD, "roles": ["user"] });
        let made = self
            .send(
                "create a user with a role",
                Method::POST,
                "/api/users",
                token,
                Some(body),
            )
            .await?;
        let id = made.text("id")?.to_owned();
        let own = self.log_in("", "new").await?;
        let user = format!("/api/users/{id}");
        self.get("read a user", &user, token).await?;
        let role = format!("{user}/roles/role0");
        self.send("assign a role", Method::PUT, &role, token, None)
            .await?;
        self.send("take a role away", Method::DELETE, &role, token, None)
            .await?;
        drop(own);
        // its token has ended with the role
        let own = self.log_in("", "new").await?;
        let change = json!({ "current_password": serve::PASSWORD, "new_password": "another password for measuring" });
        self.send(
            "change one's password",
            Method::PUT,
            "/api/me/password",
            &own,
            Some(change),
        )
        .await?;
        let disable = Some(json!({ "status": "disabled" }));
        self.send("disable a user", Method::PATCH, &user, token, disable)
            .await?;
        self.send("delete a user", Method::DELETE, &user, token, None)
            .await?;
        Ok(())
    }

    async fn roles(&self, token: &str) -> anyhow::Result<()> {
        let body = json!({ "name": "fresh" });
        self.send(
            "create a role",
            Method::POST,
            "/api/roles",
            token,
            Some(body),
        )
        .await?;
        let path = "/api/roles/fresh/permissions/object0:read";
        self.send("give a role a permission", Method::PUT, path, token, None)
            .await?;
        let path = "/api/roles/fresh/juniors/role0";
        self.send("let a role inherit another", Method::PUT, path, token, None)
            .await?;
        self.log_in(
            "log-in, the first since roles or permissions changed",
            "user2",
        )
        .await?;
        self.send(
            "delete a role",
            Method::DELETE,
            "/api/roles/fresh",
            token,
            None,
        )
        .await?;
        Ok(())
    }

    async fn log_in(&self, name: &str, username: &str) -> anyhow::Result<String> {
        let answer = self.token(name, username, serve::PASSWORD).await?;
        Ok(answer.text("access_token")?.to_owned())
    }

    async fn refused_log_in(&self, name: &str, username: &str) -> anyhow::Result<()> {
        let answer = self.token(name, username, "a wrong password").await?;
        ensure!(answer.status == StatusCode::UNAUTHORIZED, "{}", answer.body);
        Ok(())
    }

    async fn token(&self, name: &str, username: &str, password: &str) -> anyhow::Result<Answer> {
        let password = password.replace(' ', "+");
        let form = format!("grant_type=password&username={username}&password={password}");
        let request = Request::post("/token")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form))?;
        self.count(name, request).await
    }

    async fn get(&self, name: &str, path: &str, token: &str) -> anyhow::Result<()> {
        self.send(name, Method::GET, path, token, None).await?;
        Ok(())
    }

    async fn send(
        &self,
        name: &str,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        request = request.header(header::CONTENT_TYPE, "application/json");
        let answer = self.count(name, request.body(body)?).await?;
        ensure!(
            answer.status.is_success(),
            "{name}: {} {}",
            answer.status,
            answer.body
        );
        Ok(answer)
    }

    /// Runs one operation, and prints how many queries it took if it has a name.
    async fn count(&self, name: &str, request: Request<Body>) -> anyhow::Result<Answer> {
        let before = self.counter.0.load(Ordering::Relaxed);
        let answer = async {
            let response = self.app.clone().oneshot(request).await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            let body = serde_json::from_slice(&body).unwrap_or_default();
            anyhow::Ok(Answer { status, body })
        };
        let answer = answer.instrument(tracing::info_span!(SPAN)).await?;
        let queries = self.counter.0.load(Ordering::Relaxed) - before;
        if !name.is_empty() {
            println!("{name}\t{queries}");
        }
        Ok(answer)
    }
}
