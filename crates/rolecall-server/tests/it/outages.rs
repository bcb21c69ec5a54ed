//! Databases that go away, fall silent, are locked or full: nobody is let in who should not be, nothing is
//! done by half, and everything goes on by itself.

use std::time::Duration;

use http::Method;
use rolecall::{ManualClock, OnStale};
use serde_json::json;

use crate::support::{
    Answer, CHEAP, Database, Node, PASSWORD, Proxy, START, TestApp, builder_at, eventually,
};

const MAX_STALENESS: Duration = Duration::from_secs(10);
const ALMOST: Duration = Duration::from_secs(9);
/// Nobody waits longer for an answer, whatever the database does.
const PATIENCE: Duration = Duration::from_secs(15);

/// A node behind a way that can be cut, with a clock of its own, beside one that is not.
struct Apart {
    app: TestApp,
    node: Node,
    clock: ManualClock,
    proxy: Proxy,
    alice: String,
    tokens: [String; 3],
}

async fn apart(on_stale: OnStale) -> Option<Apart> {
    let app = TestApp::on(Database::postgres().await?, |b| b.hashing(CHEAP)).await;
    app.role("editor", &["items:read"]).await;
    let alice = app.user("alice", &["editor"]).await;
    app.user("bob", &["editor"]).await;
    let (name, socket) = app.db.name_and_socket();
    let proxy = Proxy::to(socket).await;
    let clock = ManualClock::at(START);
    let builder = builder_at(&proxy.url(&name), &clock)
        .hashing(CHEAP)
        .max_staleness(MAX_STALENESS)
        .on_stale(on_stale);
    let node = Node::open(builder).await;
    let tokens = [
        node.login("alice").await,
        node.login("bob").await,
        node.login("admin").await,
    ];
    for token in &tokens[..2] {
        node.get("/items/", token).await.is(200);
    }
    Some(Apart {
        app,
        node,
        clock,
        proxy,
        alice,
        tokens,
    })
}

/// A clear answer that blames nobody: 503, when to come back, and no challenge.
#[track_caller]
fn unavailable(answer: &Answer) {
    assert_eq!(answer.is(503).header("retry-after"), Some("1"));
    assert_eq!(answer.header("www-authenticate"), None, "{answer:?}");
    let text = String::from_utf8_lossy(&answer.body).to_lowercase();
    assert!(!text.contains("select") && !text.contains("postgres"));
}

async fn in_time(answer: impl Future<Output = Answer>) -> Answer {
    tokio::time::timeout(PATIENCE, answer).await.unwrap()
}

impl Apart {
    /// What the node answers while its database is away.
    async fn is_cut_off(&self) {
        let [alice, bob, admin] = &self.tokens;
        // a loss elsewhere, of which it cannot hear
        self.app.unassign(&self.alice, "editor").await;
        // what it knows stays in force while it is not too old; what it cannot do it says
        self.clock.advance(ALMOST);
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
        unavailable(&write);
        unavailable(&read);
        unavailable(&log_in);
        log_in.oauth(503, "temporarily_unavailable");
        unavailable(&register);
        unavailable(&ready);
        self.node.get("/health/live", "").await.is(200);
        // too old to tell
        self.clock.advance(Duration::from_secs(2));
        for token in &self.tokens {
            for path in ["/items/", "/api/me"] {
                unavailable(&self.node.get(path, token).await);
            }
        }
        // whoever never had a token is told so all the same
        self.node.get("/items/", "").await.not_authenticated();
        self.node.get("/health/live", "").await.is(200);
    }

    /// After the database is back, nobody starts anything anew.
    async fn recovers(&self) {
        let [alice, bob, admin] = &self.tokens;
        // the first answer that is one knows of the loss
        eventually("the node recovers", async || {
            let answer = self.node.get("/items/", alice).await;
            if answer.status == 503 {
                return false;
            }
            answer.ended();
            true
        })
        .await;
        self.node.get("/items/", bob).await.is(200);
        eventually("it is ready", async || {
            self.node.get("/health/ready", "").await.status == 200
        })
        .await;
        eventually("it logs in", async || {
            let answer = in_time(self.node.password_grant("alice", PASSWORD)).await;
            answer.status == 200
        })
        .await;
        let role = json!({ "name": "made-after-an-outage" });
        let made = in_time(self.node.post("/api/roles", admin, role)).await;
        made.is(201);
        // what was refused was not done
        let names = "SELECT COUNT(*) FROM roles WHERE name = 'made-in-an-outage'";
        assert_eq!(self.app.db.number(names).await, 0);
        let names = "SELECT COUNT(*) FROM users WHERE username = 'carol'";
        assert_eq!(self.app.db.number(names).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x092_a_node_that_is_cut_off_trusts_nothing_that_is_too_old_and_recovers_by_itself() {
    let Some(apart) = apart(OnStale::Refuse).await else {
        return;
    };
    apart.proxy.cut();
    apart.is_cut_off().await;
    apart.proxy.restore();
    apart.recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_database_fell_silent_does_not_wait_for_it_without_an_end() {
    let Some(apart) = apart(OnStale::Refuse).await else {
        return;
    };
    apart.proxy.fall_silent();
    apart.is_cut_off().await;
    // the old connections stay silent: new ones must be made
    apart.proxy.restore();
    apart.recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_fell_silent_do_not_use_up_the_pool() {
    let Some(apart) = apart(OnStale::Refuse).await else {
        return;
    };
    let bob = &apart.tokens[1];
    let all_at_once = async || {
        let requests = (0..40).map(|_| {
            let ask = apart.node.request(Method::GET, "/api/me").token(bob);
            tokio::spawn(in_time(ask.send()))
        });
        let mut answers = Vec::new();
        for request in requests.collect::<Vec<_>>() {
            answers.push(request.await.unwrap());
        }
        answers
    };
    // as many connections as there can be, all used a moment ago
    for answer in all_at_once().await {
        answer.is(200);
    }
    apart.proxy.fall_silent();
    for answer in all_at_once().await {
        unavailable(&answer);
    }
    apart.proxy.restore();
    eventually("all of them work", async || {
        let answers = all_at_once().await;
        answers.iter().all(|answer| answer.status == 200)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_accepts_what_is_too_old_is_let_in_while_the_database_is_away_and_no_longer() {
    let Some(apart) = apart(OnStale::Accept).await else {
        return;
    };
    apart.proxy.cut();
    apart.app.unassign(&apart.alice, "editor").await;
    apart.clock.advance(Duration::from_mins(20));
    for token in &apart.tokens[..2] {
        apart.node.get("/items/", token).await.is(200);
    }
    apart.proxy.restore();
    eventually("the node hears of the loss", async || {
        apart.node.get("/items/", &apart.tokens[0]).await.status == 401
    })
    .await;
    apart.node.get("/items/", &apart.tokens[1]).await.is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_server_that_lost_its_power_is_waited_for() {
    let Some((db, mut server)) = Database::on_own_server() else {
        return;
    };
    let app = TestApp::on(db, |builder| builder.hashing(CHEAP)).await;
    app.role("editor", &["items:read"]).await;
    let alice = app.user("alice", &["editor"]).await;
    let (token, admin) = (app.login("alice").await, app.login("admin").await);
    let lost = app.login("alice").await;
    app.delete(format!("/api/users/{alice}/sessions"), &admin)
        .await
        .done();
    let token_after = app.login("alice").await;
    tokio::task::block_in_place(|| server.stop());
    app.get("/items/", &token_after).await.is(200);
    unavailable(&in_time(app.password_grant("alice", PASSWORD)).await);
    unavailable(&in_time(app.get("/api/users", &admin)).await);
    app.clock.advance(Duration::from_secs(31));
    unavailable(&app.get("/items/", &token_after).await);
    unavailable(&app.get("/items/", &lost).await);
    tokio::task::block_in_place(|| server.start());
    eventually("the node recovers", async || {
        app.get("/items/", &token_after).await.status == 200
    })
    .await;
    // what was answered before the power went was on the disk
    app.get("/items/", &token).await.ended();
    app.get("/items/", &lost).await.ended();
    app.login("alice").await;
}

/// Who holds the file for longer than anybody waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_another_program_locked_is_a_503_and_nothing_is_done_by_half() {
    use sqlx::Connection as _;
    let app = TestApp::on(Database::sqlite(), |builder| builder.hashing(CHEAP)).await;
    app.role("editor", &["items:read"]).await;
    let alice = app.user("alice", &["editor"]).await;
    let (token, admin) = (app.login("alice").await, app.login("admin").await);
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
    unavailable(&write);
    unavailable(&log_in);
    log_in.oauth(503, "temporarily_unavailable");
    unavailable(&lose);
    // whoever reads goes on, and what was not taken away is not
    app.get("/items/", &token).await.is(200);
    assert_eq!(app.db.revision().await, revision);
    sqlx::raw_sql("ROLLBACK")
        .execute(&mut locker)
        .await
        .unwrap();
    app.login("alice").await;
    app.unassign(&alice, "editor").await;
    app.get("/items/", &token).await.ended();
    assert_eq!(app.db.revision().await, revision + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o100_no_revocation_is_confirmed_while_the_database_is_away() {
    let Some(apart) = apart(OnStale::Refuse).await else {
        return;
    };
    let pair = apart.node.log_in("bob").await;
    apart.proxy.cut();
    for token in [&pair.refresh, &pair.access] {
        let ask = apart.node.request(Method::POST, "/revoke");
        let answer = in_time(ask.form(&[("token", token)]).send()).await;
        unavailable(&answer);
        answer.oauth(503, "temporarily_unavailable");
    }
    apart.proxy.restore();
    eventually("the session goes on", async || {
        apart.node.refresh(&pair.refresh).await.status == 200
    })
    .await;
}
