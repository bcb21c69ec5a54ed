//! Tokens of a clock that was wrong.

use std::time::Duration;

use rolecall::{Clock as _, ManualClock};
use serde_json::json;

use crate::support::{TestApp, claims, on_both};

on_both![
    y523_a_node_whose_clock_is_ahead_issues_no_token_of_the_future,
    y523_a_floor_outlives_the_tokens_of_a_clock_that_was_ahead,
];

const AHEAD: Duration = Duration::from_hours(3);

async fn y523_a_node_whose_clock_is_ahead_issues_no_token_of_the_future(app: TestApp) {
    app.create_user("alice", &[]).await;
    let ahead = ManualClock::at(app.clock.now().plus(AHEAD));
    let of_database = app.clock.clone();
    let node = app
        .node(|builder| builder.clock(ahead).database_clock(of_database))
        .await;
    let token = node.log_in("alice").await;
    let issued = claims(&token)["iat"].as_i64().unwrap();
    let latest = app.clock.now().plus(Duration::from_mins(5)).seconds();
    assert!(issued <= latest, "{issued} > {latest}");
}

/// On SQLite, the clock of the database is that of the node.
async fn y523_a_floor_outlives_the_tokens_of_a_clock_that_was_ahead(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    app.pass_time(AHEAD);
    let token = app.log_in("alice").await;
    let ends = claims(&token)["exp"].as_i64().unwrap();
    app.clock.set(app.clock.now().minus(AHEAD));
    let body = json!({ "status": "disabled" });
    app.patch(format!("/api/users/{alice}"), app.admin().await, body)
        .await
        .is(200);
    let floors = "SELECT MAX(ends_at) FROM floors WHERE kind = 'subject'";
    let ends_at = app.db.number(floors).await / 1_000_000;
    assert!(ends_at >= ends, "{ends_at} < {ends}");
}
