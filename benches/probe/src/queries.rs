//! Counts the queries of each operation with the events of the database driver.

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

/// The span of an operation, which separates its queries from those of the server's background tasks.
const SPAN: &str = "operation";

/// Counts the statements that the driver reports.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicUsize>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Counter {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let is_in_operation = context
            .event_scope(event)
            .is_some_and(|mut spans| spans.any(|span| span.name() == SPAN));
        if is_in_operation && event.metadata().target() == "sqlx::query" {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// An application whose queries are counted.
struct CountedApp {
    app: Router,
    counter: Counter,
}

/// A response.
struct Response {
    status: StatusCode,
    body: Value,
}

impl Response {
    fn text(&self, member: &str) -> anyhow::Result<&str> {
        let text = self.body.get(member).and_then(Value::as_str);
        text.with_context(|| format!("no `{member}` in {} {}", self.status, self.body))
    }
}

pub(crate) async fn run(url: &str, users: i64, roles: i64) -> anyhow::Result<()> {
    fill::run(url, users, roles).await?;
    let counter = Counter::default();
    let targets = filter::Targets::new()
        .with_target("sqlx::query", tracing::Level::TRACE)
        .with_target(module_path!(), tracing::Level::TRACE);
    let subscriber = tracing_subscriber::registry()
        .with(targets)
        .with(counter.clone());
    tracing::subscriber::set_global_default(subscriber)?;
    let login = serve::server(url).open().await?;
    let app = serve::routes(login.guard())
        .merge(login.routes()?)
        .into_axum();
    CountedApp { app, counter }.run_all().await
}

impl CountedApp {
    async fn run_all(&self) -> anyhow::Result<()> {
        let token = self.log_in("", "admin").await?;
        self.log_in("login", "user0").await?;
        self.fail_to_log_in("login, wrong password", "user1")
            .await?;
        self.fail_to_log_in("login, no such user", "nobody").await?;
        self.get("guarded route, new token", "/items/", &token)
            .await?;
        self.get("guarded route, token in the cache", "/items/", &token)
            .await?;
        // the application and the server have the same audience here
        self.get("read one's own account (`GET /api/me`)", "/api/me", &token)
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
        let created = self
            .send(
                "create a user with a role",
                Method::POST,
                "/api/users",
                token,
                Some(body),
            )
            .await?;
        let id = created.text("id")?.to_owned();
        // a session that the changes below end
        self.log_in("", "new").await?;
        let user = format!("/api/users/{id}");
        self.get("read a user", &user, token).await?;
        let role = format!("{user}/roles/role0");
        self.send("assign a role", Method::PUT, &role, token, None)
            .await?;
        self.send("unassign a role", Method::DELETE, &role, token, None)
            .await?;
        // unassigning the role revoked the first token
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
        self.send(
            "grant a permission to a role",
            Method::PUT,
            path,
            token,
            None,
        )
        .await?;
        let path = "/api/roles/fresh/juniors/role0";
        self.send("let a role inherit another", Method::PUT, path, token, None)
            .await?;
        self.log_in(
            "login, the first after a change of roles or permissions",
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
        let response = self.token(name, username, serve::PASSWORD).await?;
        Ok(response.text("access_token")?.to_owned())
    }

    async fn fail_to_log_in(&self, name: &str, username: &str) -> anyhow::Result<()> {
        let response = self.token(name, username, "a wrong password").await?;
        ensure!(
            response.status == StatusCode::UNAUTHORIZED,
            "{}",
            response.body
        );
        Ok(())
    }

    async fn token(&self, name: &str, username: &str, password: &str) -> anyhow::Result<Response> {
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
    ) -> anyhow::Result<Response> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        request = request.header(header::CONTENT_TYPE, "application/json");
        let response = self.count(name, request.body(body)?).await?;
        ensure!(
            response.status.is_success(),
            "{name}: {} {}",
            response.status,
            response.body
        );
        Ok(response)
    }

    /// Runs an operation and prints its number of queries, unless its name is empty.
    async fn count(&self, name: &str, request: Request<Body>) -> anyhow::Result<Response> {
        let before = self.counter.0.load(Ordering::Relaxed);
        let response = async {
            let response = self.app.clone().oneshot(request).await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            let body = serde_json::from_slice(&body).unwrap_or_default();
            anyhow::Ok(Response { status, body })
        };
        let response = response.instrument(tracing::info_span!(SPAN)).await?;
        let queries = self.counter.0.load(Ordering::Relaxed) - before;
        if !name.is_empty() {
            println!("{name}\t{queries}");
        }
        Ok(response)
    }
}
