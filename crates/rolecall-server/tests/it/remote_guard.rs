//! A guard in another process, which follows the server over HTTP.

use std::time::Duration;

use rolecall::{Denial, Guard, GuardBuilder, OnStale, Principal};
use serde_json::json;

use crate::support::{
    Credentials, Database, Fixture, PASSWORD, Relay, RunningServer, TestApp, eventually, on_both,
};

on_both![
    x002_every_kind_of_loss_takes_effect_within_a_second,
    a_gain_revokes_nothing,
    a_guard_keeps_its_state_during_a_restart_and_catches_up,
    x092_a_disconnected_guard_refuses_once_its_state_is_stale_and_recovers,
    a_guard_with_a_silent_connection_refuses_once_its_state_is_stale,
    a_guard_that_accepts_stale_state_never_starts_without_state,
    a_guard_is_never_fresher_than_its_node,
    a_new_era_revokes_all_tokens_at_a_remote_guard,
    a_stream_ends_with_its_token,
];

/// A server, and a guard that reaches it through a relay.
pub(crate) struct World {
    pub(crate) app: TestApp,
    pub(crate) relay: Relay,
    pub(crate) server: RunningServer,
    client: Credentials,
    pub(crate) guard: Guard,
}

/// The longest time from the response to a loss until the guard refuses.
const PROMISE: Duration = Duration::from_secs(1);

impl Fixture for World {
    const IS_STARTED: bool = true;

    async fn on(database: Database) -> Self {
        let relay = Relay::new().await;
        let url = relay.url();
        let app = TestApp::configured(database, |builder| builder.public_url(&url)).await;
        let server = RunningServer::new(app.router()).await;
        relay.point_to(server.address);
        let client = app.create_resource_server("items").await;
        let guard = builder(&app, &relay, &client).build().unwrap();
        let world = Self {
            app,
            relay,
            server,
            client,
            guard,
        };
        world.wait_until_connected().await;
        world
    }
}

impl World {
    async fn wait_until_connected(&self) {
        eventually("the guard has keys and reads the feed", async || {
            let status = self.guard.status();
            status.keys > 0 && status.connected
        })
        .await;
    }

    pub(crate) fn builder(&self) -> GuardBuilder {
        builder(&self.app, &self.relay, &self.client)
    }

    /// A token that the guard has accepted.
    async fn accepted_token(&self, username: &str) -> String {
        let token = self.app.log_in(username).await;
        self.guard.verify(&token).unwrap();
        token
    }

    /// Expects the guard to refuse a token in time.
    async fn expect_refusal(&self, what: &str, token: &str) {
        let poll = async {
            while self.guard.verify(token).is_ok() {
                tokio::task::yield_now().await;
            }
        };
        let in_time = tokio::time::timeout(PROMISE, poll).await;
        assert!(in_time.is_ok(), "{what}: {:?}", self.guard.status());
        assert_eq!(self.guard.verify(token), Err(Denial::EndedToken), "{what}");
    }
}

fn builder(app: &TestApp, relay: &Relay, client: &Credentials) -> GuardBuilder {
    Guard::builder()
        .issuer(&relay.url())
        .audience(&relay.url())
        .client(&client.id, &client.secret)
        .clock(app.clock.clone())
}

#[expect(
    clippy::too_many_lines,
    reason = "one list of losses, read from top to bottom"
)]
async fn x002_every_kind_of_loss_takes_effect_within_a_second(world: World) {
    let app = &world.app;
    let admin = app.admin().await.to_owned();
    let admin = admin.as_str();
    app.create_role("base", &["docs:read"]).await;
    app.create_role("reader", &["items:read"]).await;
    app.create_role("editor", &["items:write"]).await;
    app.inherit("editor", "reader").await;
    app.inherit("reader", "base").await;
    let alice = app.create_user("alice", &["editor"]).await;
    let bob = app.create_user("bob", &["base"]).await;
    let bystander = world.accepted_token("bob").await;
    let role = format!("/api/users/{alice}/roles/editor");

    let token = world.accepted_token("alice").await;
    app.unassign(&alice, "editor").await;
    world.expect_refusal("unassigned", &token).await;
    app.assign(&alice, "editor").await;

    let token = world.accepted_token("alice").await;
    let body = json!({ "expires_at": "2030-01-01T00:10:00Z" });
    app.put_json(&role, admin, body).await.no_content();
    world.expect_refusal("shortened", &token).await;
    app.put(&role, admin).await.no_content();

    let token = world.accepted_token("alice").await;
    app.delete("/api/roles/reader/permissions/items:read", admin)
        .await
        .no_content();
    world.expect_refusal("permission revoked", &token).await;

    let token = world.accepted_token("alice").await;
    let path = format!("/api/users/{alice}/sessions");
    app.delete(path, admin).await.no_content();
    world
        .expect_refusal("logged out everywhere by an administrator", &token)
        .await;

    let token = world.accepted_token("alice").await;
    app.post("/api/me/logout", &token, json!({}))
        .await
        .no_content();
    world.expect_refusal("logged out", &token).await;

    let token = world.accepted_token("alice").await;
    let form = [("token", token.as_str())];
    let request = app.request(http::Method::POST, "/revoke").form(&form);
    request.send().await.is(200);
    world.expect_refusal("revoked", &token).await;

    let token = world.accepted_token("alice").await;
    let body =
        json!({ "current_password": PASSWORD, "new_password": "another correct horse staple" });
    app.put_json("/api/me/password", &token, body)
        .await
        .no_content();
    world.expect_refusal("password changed", &token).await;
    let path = format!("/api/users/{alice}");
    let token = app
        .password_grant("alice", "another correct horse staple")
        .await;
    let token = token.is(200).text("access_token");
    world.guard.verify(&token).unwrap();
    app.patch(&path, admin, json!({ "status": "disabled" }))
        .await
        .is(200);
    world.expect_refusal("disabled", &token).await;

    world.guard.verify(&bystander).unwrap();
    app.delete("/api/roles/editor/juniors/reader", admin)
        .await
        .no_content();
    world
        .expect_refusal("junior removed, and all below", &bystander)
        .await;

    app.assign(&bob, "reader").await;
    let token = world.accepted_token("bob").await;
    app.delete("/api/roles/reader", admin).await.no_content();
    world.expect_refusal("role deleted", &token).await;

    let token = world.accepted_token("bob").await;
    app.delete(format_args!("/api/users/{bob}"), admin)
        .await
        .no_content();
    world.expect_refusal("user deleted", &token).await;

    let members = json!({ "roles": ["base"] });
    let client = app.create_client("robot", members).await;
    let token = app.act_as(&client).await;
    world.guard.verify(&token).unwrap();
    let path = format!("/api/clients/{}", client.id);
    app.patch(&path, admin, json!({ "scope": "items:write" }))
        .await
        .is(200);
    world.expect_refusal("client narrowed", &token).await;
}

async fn a_gain_revokes_nothing(world: World) {
    let app = &world.app;
    app.create_role("editor", &["items:write"]).await;
    let alice = app.create_user("alice", &["user"]).await;
    let token = world.accepted_token("alice").await;
    app.assign(&alice, "editor").await;
    // the guard has seen a later loss, so it has seen the gain too
    let bob = app.create_user("bob", &["user"]).await;
    let bobs = world.accepted_token("bob").await;
    app.unassign(&bob, "user").await;
    world.expect_refusal("unassigned", &bobs).await;
    let caller = world.guard.verify(&token).unwrap();
    assert!(!caller.has_role("editor"));
    assert!(world.accepted_token("alice").await.len() > token.len());
}

async fn a_guard_keeps_its_state_during_a_restart_and_catches_up(world: World) {
    let app = &world.app;
    let alice = app.create_user("alice", &["user"]).await;
    app.create_user("bob", &["user"]).await;
    let carol = app.create_user("carol", &["user"]).await;
    let carols = world.accepted_token("carol").await;
    app.unassign(&carol, "user").await;
    world.expect_refusal("unassigned", &carols).await;
    let (alices, bobs) = (
        world.accepted_token("alice").await,
        world.accepted_token("bob").await,
    );
    world.relay.disconnect();
    eventually("the guard notices", async || {
        !world.guard.status().connected
    })
    .await;
    world.guard.verify(&alices).unwrap();
    assert_eq!(world.guard.verify(&carols), Err(Denial::EndedToken));
    // a loss while the guard is disconnected, on another node
    let url = world.relay.url();
    let other = app.node(|builder| builder.public_url(&url)).await;
    let path = format!("/api/users/{alice}/roles/user");
    other.delete(path, app.admin().await).await.no_content();
    let World {
        relay,
        server,
        guard,
        ..
    } = world;
    server.stop().await;
    guard.verify(&alices).unwrap();
    let restarted = RunningServer::new(other.router()).await;
    relay.point_to(restarted.address);
    eventually("the guard learns of the loss", async || {
        guard.verify(&alices).is_err()
    })
    .await;
    assert_eq!(guard.verify(&alices), Err(Denial::EndedToken));
    assert_eq!(guard.verify(&carols), Err(Denial::EndedToken));
    guard.verify(&bobs).unwrap();
}

async fn x092_a_disconnected_guard_refuses_once_its_state_is_stale_and_recovers(world: World) {
    world.app.create_user("alice", &["user"]).await;
    let token = world.accepted_token("alice").await;
    world.relay.disconnect();
    eventually("the guard notices", async || {
        !world.guard.status().connected
    })
    .await;
    world.app.clock.advance(Duration::from_secs(29));
    world.guard.verify(&token).unwrap();
    world.app.clock.advance(Duration::from_secs(2));
    assert_eq!(world.guard.verify(&token), Err(Denial::Unavailable));
    assert!(world.guard.status().failures > 0 && world.guard.status().last_failure.is_some());
    world.relay.point_to(world.server.address);
    let back_at = std::time::Instant::now();
    eventually("the guard recovers", async || {
        world.guard.verify(&token).is_ok()
    })
    .await;
    assert_eq!(world.guard.status().last_failure, None);
    // up to 2 s between attempts; then the first request returns soon
    assert!(back_at.elapsed() < Duration::from_secs(4));
}

async fn a_guard_with_a_silent_connection_refuses_once_its_state_is_stale(world: World) {
    world.app.create_user("alice", &["user"]).await;
    let token = world.accepted_token("alice").await;
    world.relay.silence();
    world.app.clock.advance(Duration::from_secs(31));
    assert_eq!(world.guard.verify(&token), Err(Denial::Unavailable));
    world.relay.point_to(world.server.address);
    eventually("the guard recovers", async || {
        world.guard.verify(&token).is_ok()
    })
    .await;
}

async fn a_guard_that_accepts_stale_state_never_starts_without_state(world: World) {
    world.app.create_user("alice", &["user"]).await;
    let token = world.accepted_token("alice").await;
    let guard = world.builder().on_stale(OnStale::Accept).build().unwrap();
    eventually("the guard is connected", async || {
        guard.verify(&token).is_ok()
    })
    .await;
    world.relay.disconnect();
    world
        .app
        .clock
        .advance(Duration::from_hours(1) - Duration::from_mins(31));
    guard.verify(&token).unwrap();
    assert_eq!(world.guard.verify(&token), Err(Denial::Unavailable));
    let without_state = world.builder().on_stale(OnStale::Accept).build().unwrap();
    eventually("the guard has tried", async || {
        without_state.status().failures > 1
    })
    .await;
    assert_eq!(without_state.verify(&token), Err(Denial::Unavailable));
    assert_eq!(without_state.status().age, None);
}

async fn a_guard_is_never_fresher_than_its_node(world: World) {
    world.app.create_user("alice", &["user"]).await;
    let token = world.accepted_token("alice").await;
    world
        .app
        .db
        .execute("ALTER TABLE head RENAME TO head_gone")
        .await;
    // the connection works, but the node itself has stale state
    eventually("the age exceeds the limit", async || {
        world.app.clock.advance(Duration::from_millis(100));
        world.guard.verify(&token) == Err(Denial::Unavailable)
    })
    .await;
    world
        .app
        .db
        .execute("ALTER TABLE head_gone RENAME TO head")
        .await;
    eventually("the guard recovers", async || {
        world.guard.verify(&token).is_ok()
    })
    .await;
}

async fn a_new_era_revokes_all_tokens_at_a_remote_guard(world: World) {
    world.app.create_user("alice", &["user"]).await;
    let token = world.accepted_token("alice").await;
    world
        .app
        .db
        .execute("UPDATE head SET era = 'another'")
        .await;
    eventually("the guard learns of the era", async || {
        world.guard.verify(&token) == Err(Denial::EndedToken)
    })
    .await;
    let later = world.app.log_in("alice").await;
    eventually("tokens of the new era are accepted", async || {
        world.guard.verify(&later).is_ok()
    })
    .await;
}

async fn a_stream_ends_with_its_token(world: World) {
    let alice = world.app.create_user("alice", &["user"]).await;
    world.app.create_user("bob", &["user"]).await;
    let [alices, bobs] = [
        world.accepted_token("alice").await,
        world.accepted_token("bob").await,
    ];
    let [alices, bobs] = [&alices, &bobs].map(|token| world.guard.verify(token).unwrap());
    assert!(!has_lost(&alices).await);
    world.app.unassign(&alice, "user").await;
    tokio::time::timeout(PROMISE, alices.lost()).await.unwrap();
    assert!(!has_lost(&bobs).await);
    world.app.pass_time(Duration::from_mins(31));
    tokio::time::timeout(PROMISE * 2, bobs.lost())
        .await
        .unwrap();
}

/// Returns whether the stream of a caller has ended.
async fn has_lost(caller: &Principal) -> bool {
    let at_once = tokio::time::timeout(Duration::ZERO, caller.lost());
    at_once.await.is_ok()
}
