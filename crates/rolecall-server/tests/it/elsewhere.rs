//! A guard in another process, which follows the server over the network.

use std::time::Duration;

use rolecall::{Denial, Guard, GuardBuilder, OnStale, Principal};
use serde_json::json;

use crate::{
    clients::Credentials,
    support::{Address, Database, PASSWORD, Served, TestApp, eventually},
};

/// Makes two tests of each function that takes a [`World`].
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            use super::{Database, World};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(World::on(Database::sqlite()).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(database) = Database::postgres().await {
                    super::$name(World::on(database).await).await;
                }
            }
        }
    )+ };
}

on_both![
    x002_every_kind_of_loss_is_refused_within_a_second,
    a_gain_ends_nothing,
    a_guard_keeps_its_state_while_the_server_restarts_and_hears_what_it_missed,
    x092_a_guard_that_is_cut_off_refuses_when_its_state_is_too_old_and_recovers,
    a_guard_whose_line_is_silent_refuses_when_its_state_is_too_old,
    a_guard_told_to_go_on_goes_on_but_never_begins_blind,
    a_guard_is_never_fresher_than_its_node,
    a_new_era_ends_all_tokens_elsewhere_too,
    a_stream_ends_when_its_token_does,
];

/// The server on a network, and a guard on the other side of it.
struct World {
    app: TestApp,
    address: Address,
    server: Served,
    client: Credentials,
    guard: Guard,
}

/// From the answer of the call that takes something away.
const PROMISE: Duration = Duration::from_secs(1);

impl World {
    async fn on(database: Database) -> Self {
        let address = Address::new().await;
        let app = TestApp::on(database, |builder| builder.public_url(&address.url())).await;
        let server = Served::new(app.router()).await;
        address.lead_to(server.address);
        let members = json!({ "roles": ["rolecall.resource-server"] });
        let client = app.client("items", members).await;
        let guard = builder(&app, &address, &client).build().unwrap();
        let world = Self {
            app,
            address,
            server,
            client,
            guard,
        };
        world.connected().await;
        world
    }

    async fn connected(&self) {
        eventually("the guard has its keys and the feed", async || {
            let status = self.guard.status();
            status.keys > 0 && status.connected
        })
        .await;
    }

    fn builder(&self) -> GuardBuilder {
        builder(&self.app, &self.address, &self.client)
    }

    /// A token that the guard lets in.
    async fn token(&self, username: &str) -> String {
        let token = self.app.login(username).await;
        self.guard.verify(&token).unwrap();
        token
    }

    async fn refused(&self, what: &str, token: &str) {
        let asked = async {
            while self.guard.verify(token).is_ok() {
                tokio::task::yield_now().await;
            }
        };
        let in_time = tokio::time::timeout(PROMISE, asked).await;
        assert!(in_time.is_ok(), "{what}: {:?}", self.guard.status());
        assert_eq!(self.guard.verify(token), Err(Denial::EndedToken), "{what}");
    }
}

fn builder(app: &TestApp, address: &Address, client: &Credentials) -> GuardBuilder {
    Guard::builder()
        .issuer(&address.url())
        .audience(&address.url())
        .client(&client.id, &client.secret)
        .clock(app.clock.clone())
}

#[expect(
    clippy::too_many_lines,
    reason = "one list of losses, read from top to bottom"
)]
async fn x002_every_kind_of_loss_is_refused_within_a_second(world: World) {
    let app = &world.app;
    let admin = app.admin().await.to_owned();
    let admin = admin.as_str();
    app.role("base", &["docs:read"]).await;
    app.role("reader", &["items:read"]).await;
    app.role("editor", &["items:write"]).await;
    app.inherit("editor", "reader").await;
    app.inherit("reader", "base").await;
    let alice = app.user("alice", &["editor"]).await;
    let bob = app.user("bob", &["base"]).await;
    let bystander = world.token("bob").await;
    let role = format!("/api/users/{alice}/roles/editor");

    let token = world.token("alice").await;
    app.unassign(&alice, "editor").await;
    world.refused("unassigned", &token).await;
    app.assign(&alice, "editor").await;

    let token = world.token("alice").await;
    let body = json!({ "expires_at": "2030-01-01T00:10:00Z" });
    app.put_json(&role, admin, body).await.done();
    world.refused("shortened", &token).await;
    app.put(&role, admin).await.done();

    let token = world.token("alice").await;
    app.delete("/api/roles/reader/permissions/items:read", admin)
        .await
        .done();
    world.refused("permission revoked", &token).await;

    let token = world.token("alice").await;
    let path = format!("/api/users/{alice}/sessions");
    app.delete(path, admin).await.done();
    world
        .refused("logged out everywhere by an administrator", &token)
        .await;

    let token = world.token("alice").await;
    app.post("/api/me/logout", &token, json!({})).await.done();
    world.refused("logged out", &token).await;

    let token = world.token("alice").await;
    let form = [("token", token.as_str())];
    let ask = app.request(http::Method::POST, "/revoke").form(&form);
    ask.send().await.is(200);
    world.refused("revoked", &token).await;

    let token = world.token("alice").await;
    let body =
        json!({ "current_password": PASSWORD, "new_password": "another correct horse staple" });
    app.put_json("/api/me/password", &token, body).await.done();
    world.refused("password changed", &token).await;
    let path = format!("/api/users/{alice}");
    let token = app
        .password_grant("alice", "another correct horse staple")
        .await;
    let token = token.is(200).text("access_token");
    world.guard.verify(&token).unwrap();
    app.patch(&path, admin, json!({ "status": "disabled" }))
        .await
        .is(200);
    world.refused("disabled", &token).await;

    world.guard.verify(&bystander).unwrap();
    app.delete("/api/roles/editor/juniors/reader", admin)
        .await
        .done();
    world
        .refused("junior removed, and all below", &bystander)
        .await;

    app.assign(&bob, "reader").await;
    let token = world.token("bob").await;
    app.delete("/api/roles/reader", admin).await.done();
    world.refused("role deleted", &token).await;

    let token = world.token("bob").await;
    app.delete(format_args!("/api/users/{bob}"), admin)
        .await
        .done();
    world.refused("user deleted", &token).await;

    let members = json!({ "roles": ["base"] });
    let client = app.client("robot", members).await;
    let token = app.act_as(&client).await;
    world.guard.verify(&token).unwrap();
    let path = format!("/api/clients/{}", client.id);
    app.patch(&path, admin, json!({ "scope": "items:write" }))
        .await
        .is(200);
    world.refused("client narrowed", &token).await;
}

async fn a_gain_ends_nothing(world: World) {
    let app = &world.app;
    app.role("editor", &["items:write"]).await;
    let alice = app.user("alice", &["user"]).await;
    let token = world.token("alice").await;
    app.assign(&alice, "editor").await;
    // what comes after it was heard, so it was heard as well
    let bob = app.user("bob", &["user"]).await;
    let bobs = world.token("bob").await;
    app.unassign(&bob, "user").await;
    world.refused("unassigned", &bobs).await;
    let caller = world.guard.verify(&token).unwrap();
    assert!(!caller.has_role("editor"));
    assert!(world.token("alice").await.len() > token.len());
}

async fn a_guard_keeps_its_state_while_the_server_restarts_and_hears_what_it_missed(world: World) {
    let app = &world.app;
    let alice = app.user("alice", &["user"]).await;
    app.user("bob", &["user"]).await;
    let carol = app.user("carol", &["user"]).await;
    let carols = world.token("carol").await;
    app.unassign(&carol, "user").await;
    world.refused("unassigned", &carols).await;
    let (alices, bobs) = (world.token("alice").await, world.token("bob").await);
    world.address.cut();
    eventually("it is noticed", async || !world.guard.status().connected).await;
    world.guard.verify(&alices).unwrap();
    assert_eq!(world.guard.verify(&carols), Err(Denial::EndedToken));
    // while nobody hears it, and through another process
    let url = world.address.url();
    let other = app.node(|builder| builder.public_url(&url)).await;
    let path = format!("/api/users/{alice}/roles/user");
    other.delete(path, app.admin().await).await.done();
    let World {
        address,
        server,
        guard,
        ..
    } = world;
    server.stop().await;
    guard.verify(&alices).unwrap();
    let restarted = Served::new(other.router()).await;
    address.lead_to(restarted.address);
    eventually("it is heard", async || guard.verify(&alices).is_err()).await;
    assert_eq!(guard.verify(&alices), Err(Denial::EndedToken));
    assert_eq!(guard.verify(&carols), Err(Denial::EndedToken));
    guard.verify(&bobs).unwrap();
}

async fn x092_a_guard_that_is_cut_off_refuses_when_its_state_is_too_old_and_recovers(world: World) {
    world.app.user("alice", &["user"]).await;
    let token = world.token("alice").await;
    world.address.cut();
    eventually("it is noticed", async || !world.guard.status().connected).await;
    world.app.clock.advance(Duration::from_secs(29));
    world.guard.verify(&token).unwrap();
    world.app.clock.advance(Duration::from_secs(2));
    assert_eq!(world.guard.verify(&token), Err(Denial::Unavailable));
    assert!(world.guard.status().failures > 0 && world.guard.status().last_failure.is_some());
    world.address.lead_to(world.server.address);
    let back_at = std::time::Instant::now();
    eventually("it recovers", async || world.guard.verify(&token).is_ok()).await;
    assert_eq!(world.guard.status().last_failure, None);
    // a pause of up to 2 s between attempts; then the first request is not held for long
    assert!(back_at.elapsed() < Duration::from_secs(4));
}

async fn a_guard_whose_line_is_silent_refuses_when_its_state_is_too_old(world: World) {
    world.app.user("alice", &["user"]).await;
    let token = world.token("alice").await;
    world.address.silence();
    world.app.clock.advance(Duration::from_secs(31));
    assert_eq!(world.guard.verify(&token), Err(Denial::Unavailable));
    world.address.lead_to(world.server.address);
    eventually("it recovers", async || world.guard.verify(&token).is_ok()).await;
}

async fn a_guard_told_to_go_on_goes_on_but_never_begins_blind(world: World) {
    world.app.user("alice", &["user"]).await;
    let token = world.token("alice").await;
    let guard = world.builder().on_stale(OnStale::Accept).build().unwrap();
    eventually("it is connected", async || guard.verify(&token).is_ok()).await;
    world.address.cut();
    world
        .app
        .clock
        .advance(Duration::from_hours(1) - Duration::from_mins(31));
    guard.verify(&token).unwrap();
    assert_eq!(world.guard.verify(&token), Err(Denial::Unavailable));
    let blind = world.builder().on_stale(OnStale::Accept).build().unwrap();
    eventually("it tried", async || blind.status().failures > 1).await;
    assert_eq!(blind.verify(&token), Err(Denial::Unavailable));
    assert_eq!(blind.status().age, None);
}

async fn a_guard_is_never_fresher_than_its_node(world: World) {
    world.app.user("alice", &["user"]).await;
    let token = world.token("alice").await;
    world
        .app
        .db
        .execute("ALTER TABLE head RENAME TO head_gone")
        .await;
    // the line stands, the node answers, and what it says is old
    eventually("the age adds up", async || {
        world.app.clock.advance(Duration::from_millis(100));
        world.guard.verify(&token) == Err(Denial::Unavailable)
    })
    .await;
    world
        .app
        .db
        .execute("ALTER TABLE head_gone RENAME TO head")
        .await;
    eventually("it recovers", async || world.guard.verify(&token).is_ok()).await;
}

async fn a_new_era_ends_all_tokens_elsewhere_too(world: World) {
    world.app.user("alice", &["user"]).await;
    let token = world.token("alice").await;
    world
        .app
        .db
        .execute("UPDATE head SET era = 'another'")
        .await;
    eventually("the era is heard of", async || {
        world.guard.verify(&token) == Err(Denial::EndedToken)
    })
    .await;
    let later = world.app.login("alice").await;
    eventually("its tokens are good", async || {
        world.guard.verify(&later).is_ok()
    })
    .await;
}

async fn a_stream_ends_when_its_token_does(world: World) {
    let alice = world.app.user("alice", &["user"]).await;
    world.app.user("bob", &["user"]).await;
    let [alices, bobs] = [world.token("alice").await, world.token("bob").await];
    let [alices, bobs] = [&alices, &bobs].map(|token| world.guard.verify(token).unwrap());
    assert!(!has_lost(&alices).await);
    world.app.unassign(&alice, "user").await;
    tokio::time::timeout(PROMISE, alices.lost()).await.unwrap();
    assert!(!has_lost(&bobs).await);
    world.app.pass(Duration::from_mins(31));
    tokio::time::timeout(PROMISE * 2, bobs.lost())
        .await
        .unwrap();
}

async fn has_lost(caller: &Principal) -> bool {
    let at_once = tokio::time::timeout(Duration::ZERO, caller.lost());
    at_once.await.is_ok()
}
