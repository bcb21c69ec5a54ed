//! An application with rolecall in it, driven in the process, on a database of its own.

mod answer;
mod database;
mod line;
mod postgres;
mod proxy;
mod race;

use std::{fmt::Display, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Json, Router, body::Body, extract::ConnectInfo};
use base64::Engine as _;
use http::{HeaderValue, Method, Request, header};
use http_body_util::BodyExt as _;
use rolecall::{
    Clock as _, ForTenant, GuardedRouter, ManualClock, Require, Timestamp, routing::get,
};
use rolecall_server::{Embedded, EmbeddedBuilder, Registration, passwords::Parameters};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tower::ServiceExt as _;

pub(crate) use answer::Answer;
pub(crate) use database::Database;
pub(crate) use line::{Address, Served};
pub(crate) use proxy::Proxy;
pub(crate) use race::{First, ROUNDS, Race, races};

/// Makes two tests of each function that takes a [`TestApp`]: one on SQLite, one on PostgreSQL.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name($crate::support::TestApp::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(app) = $crate::support::TestApp::postgres().await {
                    super::$name(app).await;
                }
            }
        }
    )+ };
}
pub(crate) use on_both;

/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const WRONG: &str = "wrong horse battery staple";
pub(crate) const ISSUER: &str = "http://127.0.0.1:8000";
pub(crate) const MASTER_KEY: &str =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// 2030-01-01T00:00:00Z
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_893_456_000);

rolecall::roles! { pub(crate) mod role { Admin = "admin", Editor = "editor" } }
rolecall::permissions! { pub(crate) mod may { ReadItems = "items:read" } }

async fn read_items(caller: Require<may::ReadItems>) -> Json<Value> {
    Json(json!({ "reader": caller.username() }))
}

async fn edit(_: Require<role::Editor>) {}

async fn read_items_of(caller: ForTenant<may::ReadItems>) -> Json<Value> {
    Json(json!({ "reader": caller.username(), "tenant": caller.tenant() }))
}

async fn administrate(_: Require<role::Admin>) {}

/// One process with the application: its guard, its routes, rolecall's routes.
pub(crate) struct Node {
    embedded: Arc<Embedded>,
    router: Router,
}

impl Node {
    pub(crate) async fn open(builder: EmbeddedBuilder) -> Self {
        let embedded = builder.open().await.unwrap();
        let router = GuardedRouter::new(embedded.guard())
            .route("/items/", get(read_items))
            .route("/edit", get(edit))
            .route("/t/{tenant}/items/", get(read_items_of))
            .route("/admin-only", get(administrate))
            .merge(embedded.routes().unwrap())
            .into_axum();
        Self {
            embedded: Arc::new(embedded),
            router,
        }
    }

    pub(crate) fn guard(&self) -> rolecall::Guard {
        self.embedded.guard()
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    pub(crate) fn request(&self, method: Method, path: impl Display) -> Ask {
        Ask {
            router: self.router.clone(),
            request: Request::builder().method(method).uri(path.to_string()),
            body: Body::empty(),
        }
    }

    pub(crate) async fn get(&self, path: impl Display, token: &str) -> Answer {
        self.request(Method::GET, path).token(token).send().await
    }

    pub(crate) async fn put(&self, path: impl Display, token: &str) -> Answer {
        self.request(Method::PUT, path).token(token).send().await
    }

    pub(crate) async fn delete(&self, path: impl Display, token: &str) -> Answer {
        self.request(Method::DELETE, path).token(token).send().await
    }

    pub(crate) async fn put_json(&self, path: impl Display, token: &str, body: Value) -> Answer {
        let ask = self.request(Method::PUT, path).token(token);
        ask.json(&body).send().await
    }

    pub(crate) async fn patch(&self, path: impl Display, token: &str, body: Value) -> Answer {
        let ask = self.request(Method::PATCH, path).token(token);
        ask.json(&body).send().await
    }

    /// `token` may be empty, for none.
    pub(crate) async fn post(&self, path: impl Display, token: &str, body: Value) -> Answer {
        let ask = self.request(Method::POST, path).token(token);
        ask.json(&body).send().await
    }

    /// `POST /token` with this form.
    pub(crate) async fn token(&self, form: &[(&str, &str)]) -> Answer {
        self.request(Method::POST, "/token").form(form).send().await
    }

    pub(crate) async fn password_grant(&self, username: &str, password: &str) -> Answer {
        self.token(&[
            ("grant_type", "password"),
            ("username", username),
            ("password", password),
        ])
        .await
    }

    /// The access token of a fresh log-in.
    pub(crate) async fn login(&self, username: &str) -> String {
        let answer = self.password_grant(username, PASSWORD).await;
        answer.is(200).text("access_token")
    }

    /// The access token of a fresh log-in that asks for `scope`.
    pub(crate) async fn login_for(&self, username: &str, scope: &str) -> String {
        let answer = self.try_login_for(username, scope).await;
        answer.is(200).text("access_token")
    }

    pub(crate) async fn try_login_for(&self, username: &str, scope: &str) -> Answer {
        self.token(&[
            ("grant_type", "password"),
            ("username", username),
            ("password", PASSWORD),
            ("scope", scope),
        ])
        .await
    }
}

/// A request in the making.
pub(crate) struct Ask {
    router: Router,
    request: http::request::Builder,
    body: Body,
}

impl Ask {
    /// Adds a Bearer token, unless it is empty.
    pub(crate) fn token(self, token: &str) -> Self {
        if token.is_empty() {
            self
        } else {
            self.header("authorization", &format!("Bearer {token}"))
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.request = self.request.header(name, value);
        self
    }

    /// Says where the request comes from.
    pub(crate) fn from(mut self, address: &str) -> Self {
        let peer = SocketAddr::new(address.parse().unwrap(), 40_000);
        self.request = self.request.extension(ConnectInfo(peer));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.raw("application/json", body.to_string())
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.raw("application/x-www-form-urlencoded", body)
    }

    pub(crate) fn raw(mut self, content_type: &str, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self.header(header::CONTENT_TYPE.as_str(), content_type)
    }

    pub(crate) async fn send(self) -> Answer {
        let request = self.request.body(self.body).unwrap();
        let answer = self.router.oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            json: serde_json::from_slice(&body).unwrap_or_default(),
            body,
        }
    }
}

/// A node on a fresh database, with a clock that stands still.
///
/// `admin` (roles `rolecall.admin` and `admin`) is there; other users are made as a test needs them.
pub(crate) struct TestApp {
    node: Node,
    pub(crate) clock: ManualClock,
    pub(crate) db: Database,
    admin: OnceCell<String>,
}

impl std::ops::Deref for TestApp {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl TestApp {
    pub(crate) async fn sqlite() -> Self {
        Self::on(Database::sqlite(), |builder| builder).await
    }

    pub(crate) async fn postgres() -> Option<Self> {
        Some(Self::on(Database::postgres().await?, |builder| builder).await)
    }

    /// With another configuration.
    pub(crate) async fn on(
        db: Database,
        change: impl FnOnce(EmbeddedBuilder) -> EmbeddedBuilder,
    ) -> Self {
        let clock = ManualClock::at(START);
        let node = Node::open(change(builder_at(&db.url, &clock))).await;
        Self {
            node,
            clock,
            db,
            admin: OnceCell::new(),
        }
    }

    /// Another process on the same database, with the same clock.
    pub(crate) async fn second_node(&self) -> Node {
        self.node(|builder| builder).await
    }

    /// Another process on the same database, with another configuration.
    pub(crate) async fn node(
        &self,
        change: impl FnOnce(EmbeddedBuilder) -> EmbeddedBuilder,
    ) -> Node {
        Node::open(change(self.builder())).await
    }

    /// What opens another node on the same database.
    pub(crate) fn builder(&self) -> EmbeddedBuilder {
        builder_at(&self.db.url, &self.clock)
    }

    /// Ends the node and opens another one on what it left.
    pub(crate) async fn restart(self) -> Self {
        let Self {
            node, clock, db, ..
        } = self;
        drop(node);
        let node = Node::open(builder_at(&db.url, &clock)).await;
        Self {
            node,
            clock,
            db,
            admin: OnceCell::new(),
        }
    }

    /// Lets time pass. Only the time of day: what a guard knows does not become too old by it.
    pub(crate) fn pass(&self, by: Duration) {
        self.clock.set(self.clock.now().plus(by));
    }

    /// Forgets failures, where the delays that they cost are not what is tested.
    pub(crate) async fn forgive(&self) {
        self.db.execute("DELETE FROM login_failures").await;
    }

    /// A token of a user with `rolecall.admin`.
    pub(crate) async fn admin(&self) -> &str {
        self.admin
            .get_or_init(async || self.login("admin").await)
            .await
    }

    /// The id of a user.
    pub(crate) async fn id_of(&self, username: &str) -> String {
        let found = self
            .get(
                format_args!("/api/users?username={username}"),
                self.admin().await,
            )
            .await;
        found.items("id").pop().unwrap()
    }

    /// Makes a user with [`PASSWORD`] and these roles; gives the id.
    pub(crate) async fn user(&self, username: &str, roles: &[&str]) -> String {
        let body = json!({ "username": username, "password": PASSWORD, "roles": roles });
        let made = self.post("/api/users", self.admin().await, body).await;
        made.is(201).text("id")
    }

    /// Makes a role that holds these permissions, which are made too.
    pub(crate) async fn role(&self, name: &str, permissions: &[&str]) {
        let admin = self.admin().await;
        let made = self
            .post("/api/roles", admin, json!({ "name": name }))
            .await;
        made.is(201);
        for permission in permissions {
            if !permission.starts_with("rolecall.") && !permission.ends_with('*') {
                let body = json!({ "name": permission });
                let made = self.post("/api/permissions", admin, body).await;
                assert!([201, 409].contains(&made.status.as_u16()), "{made:?}");
            }
            self.put(
                format_args!("/api/roles/{name}/permissions/{permission}"),
                admin,
            )
            .await
            .done();
        }
    }

    /// Lets `senior` inherit `junior`.
    pub(crate) async fn inherit(&self, senior: &str, junior: &str) {
        let path = format!("/api/roles/{senior}/juniors/{junior}");
        self.put(path, self.admin().await).await.done();
    }

    pub(crate) async fn assign(&self, id: &str, role: &str) {
        let path = format!("/api/users/{id}/roles/{role}");
        self.put(path, self.admin().await).await.done();
    }

    pub(crate) async fn unassign(&self, id: &str, role: &str) {
        let path = format!("/api/users/{id}/roles/{role}");
        self.delete(path, self.admin().await).await.done();
    }
}

/// What opens a node on a database that is at `url`.
pub(crate) fn builder_at(url: &str, clock: &ManualClock) -> EmbeddedBuilder {
    Embedded::builder(url)
        .clock(clock.clone())
        .master_key(MASTER_KEY)
        .registration(Registration::Open)
        .public_url(ISSUER)
        .demo_user("admin", PASSWORD, &["rolecall.admin", "admin"])
}

/// A hash that costs next to nothing, where what is tested is not the hash.
pub(crate) const CHEAP: Parameters = Parameters::Argon2id {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};

/// The claims of a token, without any check.
pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

/// A part of a token: 0 is the header, 1 the claims.
pub(crate) fn part(token: &str, which: usize) -> Value {
    let part = token.split('.').nth(which).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(part)
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// Asks until `done`, for at most a generous while: a node learns of others within its poll.
pub(crate) async fn eventually(what: &str, done: impl AsyncFn() -> bool) {
    let asked = async {
        while !done().await {
            tokio::task::yield_now().await;
        }
    };
    let bound = Duration::from_secs(20);
    assert!(
        tokio::time::timeout(bound, asked).await.is_ok(),
        "not within {bound:?}: {what}"
    );
}
