//! Databases that are unreachable, silent, locked or full: nobody is admitted who should not be, nothing is half
//! done, and everything recovers by itself.

use std::time::Duration;

use http::Method;
use rolecall::{ManualClock, OnStale};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};

use crate::support::{
    Database, Fixture as _, Node, PASSWORD, Proxy, Response, START, TestApp, builder_at,
    eventually, on_both,
};

on_both![y165_a_node_that_cannot_read_the_head_is_not_ready];

const MAX_STALENESS: Duration = Duration::from_secs(10);
const ALMOST_STALE: Duration = Duration::from_secs(9);
/// The longest that a request may take, whatever the database does.
const REQUEST_LIMIT: Duration = Duration::from_secs(15);

/// A node behind a proxy, with a clock of its own, and a second node with a direct connection.
struct Proxied {
    app: TestApp,
    node: Node,
    clock: ManualClock,
    proxy: Proxy,
    alice: String,
    tokens: [String; 3],
}

async fn open_proxied(on_stale: OnStale) -> Option<Proxied> {
    let app = TestApp::on(Database::postgres().await?).await;
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &["editor"]).await;
    app.create_user("bob", &["editor"]).await;
    let (name, socket) = app.db.name_and_socket();
    let proxy = Proxy::to(socket).await;
    let clock = ManualClock::at(START);
    let builder = builder_at(&proxy.url(&name), &clock)
        .max_staleness(MAX_STALENESS)
        .on_stale(on_stale);
    let node = Node::open(builder).await;
    let tokens = [
        node.log_in("alice").await,
        node.log_in("bob").await,
        node.log_in("admin").await,
    ];
    for token in &tokens[..2] {
        node.get("/items/", token).await.is(200);
    }
    Some(Proxied {
        app,
        node,
        clock,
        proxy,
        alice,
        tokens,
    })
}

/// Expects a 503 with `Retry-After`, no challenge, and no details of the database.
#[track_caller]
fn expect_unavailable(response: &Response) {
    assert_eq!(response.is(503).header("retry-after"), Some("1"));
    assert_eq!(response.header("www-authenticate"), None, "{response:?}");
    let text = String::from_utf8_lossy(&response.body).to_lowercase();
    assert!(!text.contains("select") && !text.contains("postgres"));
}

/// Fails if a request takes too long.
async fn in_time(response: impl Future<Output = Response>) -> Response {
    tokio::time::timeout(REQUEST_LIMIT, response).await.unwrap()
}

impl Proxied {
    /// Checks the responses of the node while its database is unreachable.
    async fn check_disconnected(&self) {
        let [alice, bob, admin] = &self.tokens;
        // a loss on the other node, of which this one cannot know
        self.app.unassign(&self.alice, "editor").await;
        // it uses its state while that is fresh, and answers 503 where it needs the database
        self.clock.advance(ALMOST_STALE);
        self.node.get("/items/", alice).await.is(200);
        self.node.get("/items/", bob).await.is(200);
        let role = json!({ "name": "made-in-an-outage" });
        let (write, read, log_in, register, ready) = tokio::join!(
            in_time(self.node.post("/api/roles", admin, role)),
            in_time(self.node.get("/api/users", admin)),
            in_time(self.node.password_grant("bob", PASSWORD)),
            in_time(self.node.post(
                "/register",
                "",
                json!({ "username": "carol", "password": PASSWORD })
            )),
            in_time(self.node.get("/health/ready", "")),
        );
        expect_unavailable(&write);
        expect_unavailable(&read);
        expect_unavailable(&log_in);
        log_in.oauth_error(503, "temporarily_unavailable");
        expect_unavailable(&register);
        expect_unavailable(&ready);
        self.node.get("/health/live", "").await.is(200);
        // now its state is stale
        self.clock.advance(Duration::from_secs(2));
        for token in &self.tokens {
            for path in ["/items/", "/api/me"] {
                expect_unavailable(&self.node.get(path, token).await);
            }
        }
        // a request without a token still gets a 401
        self.node.get("/items/", "").await.not_authenticated();
        self.node.get("/health/live", "").await.is(200);
    }

    /// Checks that the node recovers without a restart.
    async fn check_recovery(&self) {
        let [alice, bob, admin] = &self.tokens;
        // the first response after the 503s knows of the loss
        eventually("the node recovers", async || {
            let response = self.node.get("/items/", alice).await;
            if response.status == 503 {
                return false;
            }
            response.ended_token();
            true
        })
        .await;
        self.node.get("/items/", bob).await.is(200);
        eventually("the node is ready", async || {
            self.node.get("/health/ready", "").await.status == 200
        })
        .await;
        eventually("the node logs users in", async || {
            let response = in_time(self.node.password_grant("alice", PASSWORD)).await;
            response.status == 200
        })
        .await;
        let role = json!({ "name": "made-after-an-outage" });
        let created = in_time(self.node.post("/api/roles", admin, role)).await;
        created.is(201);
        // the refused writes did not happen
        let names = "SELECT COUNT(*) FROM roles WHERE name = 'made-in-an-outage'";
        assert_eq!(self.app.db.number(names).await, 0);
        let names = "SELECT COUNT(*) FROM users WHERE username = 'carol'";
        assert_eq!(self.app.db.number(names).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x092_a_disconnected_node_trusts_no_stale_state_and_recovers_by_itself() {
    let Some(proxied) = open_proxied(OnStale::Refuse).await else {
        return;
    };
    proxied.proxy.disconnect();
    proxied.check_disconnected().await;
    proxied.proxy.restore();
    proxied.check_recovery().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_does_not_wait_forever_for_a_silent_database() {
    let Some(proxied) = open_proxied(OnStale::Refuse).await else {
        return;
    };
    proxied.proxy.silence();
    proxied.check_disconnected().await;
    // the old connections stay silent, so the node must open new ones
    proxied.proxy.restore();
    proxied.check_recovery().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_do_not_exhaust_the_pool() {
    let Some(proxied) = open_proxied(OnStale::Refuse).await else {
        return;
    };
    let bob = &proxied.tokens[1];
    let all_at_once = async || {
        let requests = (0..40).map(|_| {
            let request = proxied.node.request(Method::GET, "/api/me").token(bob);
            tokio::spawn(in_time(request.send()))
        });
        let mut responses = Vec::new();
        for request in requests.collect::<Vec<_>>() {
            responses.push(request.await.unwrap());
        }
        responses
    };
    // use all connections of the pool
    for response in all_at_once().await {
        response.is(200);
    }
    proxied.proxy.silence();
    for response in all_at_once().await {
        expect_unavailable(&response);
    }
    proxied.proxy.restore();
    eventually("all requests succeed", async || {
        let responses = all_at_once().await;
        responses.iter().all(|response| response.status == 200)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_state_is_accepted_only_while_the_database_is_away() {
    let Some(proxied) = open_proxied(OnStale::Accept).await else {
        return;
    };
    proxied.proxy.disconnect();
    proxied.app.unassign(&proxied.alice, "editor").await;
    proxied.clock.advance(Duration::from_mins(20));
    for token in &proxied.tokens[..2] {
        proxied.node.get("/items/", token).await.is(200);
    }
    proxied.proxy.restore();
    eventually("the node learns of the loss", async || {
        proxied.node.get("/items/", &proxied.tokens[0]).await.status == 401
    })
    .await;
    proxied
        .node
        .get("/items/", &proxied.tokens[1])
        .await
        .is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_recovers_after_the_database_server_lost_power() {
    let Some((db, mut server)) = Database::on_separate_server() else {
        return;
    };
    let app = TestApp::on(db).await;
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &["editor"]).await;
    let (token, admin) = (app.log_in("alice").await, app.log_in("admin").await);
    let lost = app.log_in("alice").await;
    app.delete(format!("/api/users/{alice}/sessions"), &admin)
        .await
        .no_content();
    let token_after = app.log_in("alice").await;
    tokio::task::block_in_place(|| server.stop());
    app.get("/items/", &token_after).await.is(200);
    expect_unavailable(&in_time(app.password_grant("alice", PASSWORD)).await);
    expect_unavailable(&in_time(app.get("/api/users", &admin)).await);
    app.clock.advance(Duration::from_secs(31));
    expect_unavailable(&app.get("/items/", &token_after).await);
    expect_unavailable(&app.get("/items/", &lost).await);
    tokio::task::block_in_place(|| server.start());
    eventually("the node recovers", async || {
        app.get("/items/", &token_after).await.status == 200
    })
    .await;
    // a confirmed change survived the power cut
    app.get("/items/", &token).await.ended_token();
    app.get("/items/", &lost).await.ended_token();
    app.log_in("alice").await;
}

/// Another program holds the lock for longer than any request waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_database_file_answers_503_and_nothing_is_half_done() {
    let app = TestApp::sqlite().await;
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &["editor"]).await;
    let (token, admin) = (app.log_in("alice").await, app.log_in("admin").await);
    let revision = app.db.revision().await;
    let mut locker = sqlx::SqliteConnection::connect(&app.db.url).await.unwrap();
    sqlx::raw_sql("BEGIN EXCLUSIVE")
        .execute(&mut locker)
        .await
        .unwrap();
    let role = json!({ "name": "made-while-locked" });
    let (write, log_in, lose) = tokio::join!(
        in_time(app.post("/api/roles", &admin, role)),
        in_time(app.password_grant("alice", PASSWORD)),
        in_time(app.delete(format!("/api/users/{alice}/roles/editor"), &admin)),
    );
    expect_unavailable(&write);
    expect_unavailable(&log_in);
    log_in.oauth_error(503, "temporarily_unavailable");
    expect_unavailable(&lose);
    // reads continue, and the refused loss did not happen
    app.get("/items/", &token).await.is(200);
    assert_eq!(app.db.revision().await, revision);
    sqlx::raw_sql("ROLLBACK")
        .execute(&mut locker)
        .await
        .unwrap();
    app.log_in("alice").await;
    app.unassign(&alice, "editor").await;
    app.get("/items/", &token).await.ended_token();
    assert_eq!(app.db.revision().await, revision + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o100_no_revocation_is_confirmed_while_the_database_is_away() {
    let Some(proxied) = open_proxied(OnStale::Refuse).await else {
        return;
    };
    let pair = proxied.node.open_session("bob").await;
    proxied.proxy.disconnect();
    for token in [&pair.refresh, &pair.access] {
        let request = proxied.node.request(Method::POST, "/revoke");
        let response = in_time(request.form(&[("token", token)]).send()).await;
        expect_unavailable(&response);
        response.oauth_error(503, "temporarily_unavailable");
    }
    proxied.proxy.restore();
    eventually("the session continues", async || {
        proxied.node.refresh(&pair.refresh).await.status == 200
    })
    .await;
}

/// Waits until readiness has this status: a check is repeated for a second.
async fn expect_readiness(app: &TestApp, status: u16) {
    eventually("readiness follows", async || {
        in_time(app.get("/health/ready", "")).await.status == status
    })
    .await;
}

async fn y165_a_node_that_cannot_read_the_head_is_not_ready(app: TestApp) {
    expect_readiness(&app, 200).await;
    app.db
        .execute("ALTER TABLE head RENAME TO head_elsewhere")
        .await;
    expect_readiness(&app, 503).await;
    let ready = app.get("/health/ready", "").await;
    expect_unavailable(&ready);
    // a table that is gone is not the fault of the request
    let log_in = app.password_grant("admin", PASSWORD).await;
    expect_unavailable(&log_in);
    log_in.oauth_error(503, "temporarily_unavailable");
    app.db
        .execute("ALTER TABLE head_elsewhere RENAME TO head")
        .await;
    expect_readiness(&app, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y165_a_node_is_not_ready_while_another_session_locks_the_head() {
    let Some(db) = Database::postgres().await else {
        return;
    };
    let app = TestApp::on(db).await;
    // a change of another node, however long, locks the row only; nothing was checked before
    let change = app.db.lock_head().await;
    app.get("/health/ready", "").await.is(200);
    change.release().await;
    let mut locker = PgConnection::connect(&app.db.url).await.unwrap();
    let lock = "BEGIN; LOCK TABLE head IN ACCESS EXCLUSIVE MODE";
    sqlx::raw_sql(lock).execute(&mut locker).await.unwrap();
    expect_readiness(&app, 503).await;
    expect_unavailable(&in_time(app.get("/health/ready", "")).await);
    locker.close().await.unwrap();
    expect_readiness(&app, 200).await;
}
