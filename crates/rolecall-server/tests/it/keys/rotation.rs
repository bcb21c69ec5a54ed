//! When a key starts to sign, and when it leaves the set.

use std::time::Duration;

use rolecall::Clock as _;
use serde_json::json;

use super::{DAY, LEAD, keys_of, kid, patiently, published, rotate};
use crate::support::{Database, TestApp, claims, eventually, on_both};

on_both![
    a_rotation_lets_the_published_key_sign_and_refuses_no_token_of_the_old_one,
    a_key_that_not_everybody_has_yet_signs_only_by_force,
    a_key_leaves_the_set_when_its_last_token_has_ended_and_not_before,
    of_nodes_that_rotate_at_once_one_wins_and_the_others_hear_409,
    keys_take_turns_by_themselves_on_one_node_only,
    x084_a_clock_that_jumps_leaves_one_key_that_signs_and_rotation_going,
];

async fn a_rotation_lets_the_published_key_sign_and_refuses_no_token_of_the_old_one(app: TestApp) {
    let other = app.second_node().await;
    let before = published(&app).await;
    let old = app.login("admin").await;
    let next = keys_of(&app, "next").await.pop().unwrap();
    assert!(before.contains(&next) && before.contains(&kid(&old)));
    // the first start counts as no rotation: this one need not wait
    let rotated = rotate(&app, json!({})).await;
    rotated.is(200);
    assert_eq!(rotated.text("kid"), next);
    assert_eq!(rotated.text("status"), "active");
    for node in [&*app, &other] {
        // not even before the other node's poll does anything sign with the old one
        let token = node.login("admin").await;
        assert_eq!(kid(&token), next);
        for token in [&old, &token] {
            node.get("/api/me", token).await.is(200);
        }
    }
    let after = published(&app).await;
    assert!(before.is_subset(&after));
    assert_eq!(after.len(), 3);
    assert_eq!(keys_of(&app, "active").await, [next]);
    assert_eq!(keys_of(&app, "retiring").await, [kid(&old)]);
    eventually("the other node publishes it too", async || {
        published(&other).await == after
    })
    .await;
}

async fn a_key_that_not_everybody_has_yet_signs_only_by_force(app: TestApp) {
    rotate(&app, json!({})).await.is(200);
    app.pass(LEAD.saturating_sub(Duration::from_secs(1)));
    let before = app.db.revision().await;
    rotate(&app, json!({})).await.breaks("too_soon");
    assert_eq!(app.db.revision().await, before);
    let next = keys_of(&app, "next").await;
    let forced = rotate(&app, json!({ "force": true })).await;
    assert_eq!(vec![forced.is(200).text("kid")], next);
    app.pass(LEAD);
    rotate(&app, json!({ "force": false })).await.is(200);
    // and not without end
    let mut last = 200;
    for _ in 0..20 {
        last = rotate(&app, json!({ "force": true })).await.status.as_u16();
    }
    assert_eq!(last, 409);
    rotate(&app, json!({ "force": true }))
        .await
        .breaks("too_many_keys");
    app.login("admin").await;
}

async fn a_key_leaves_the_set_when_its_last_token_has_ended_and_not_before(app: TestApp) {
    let long = app
        .node(|builder| builder.access_ttl(Duration::from_hours(3)))
        .await;
    let old = long.login("admin").await;
    rotate(&app, json!({})).await.is(200);
    let exp = claims(&old)["exp"].as_i64().unwrap();
    app.clock.set(rolecall::Timestamp::from_seconds(exp - 61));
    // every node looks at the keys by itself
    app.clock.advance(Duration::from_mins(1));
    patiently(async || app.get("/api/me", &old).await)
        .await
        .is(200);
    assert!(published(&app).await.contains(&kid(&old)));
    app.pass(LEAD + Duration::from_secs(2));
    app.clock.advance(Duration::from_mins(2));
    eventually("the old key has gone", async || {
        !published(&app).await.contains(&kid(&old))
    })
    .await;
    assert_eq!(keys_of(&app, "retired").await, [kid(&old)]);
    let sealed = format!(
        "SELECT sealed FROM signing_keys WHERE kid = '{}'",
        kid(&old)
    );
    assert_eq!(app.db.texts(&sealed).await, [""]);
}

async fn of_nodes_that_rotate_at_once_one_wins_and_the_others_hear_409(app: TestApp) {
    let (two, three) = (app.second_node().await, app.second_node().await);
    for _ in 0..3 {
        let before = keys_of(&app, "next").await;
        let answers = tokio::join!(
            rotate(&app, json!({})),
            rotate(&two, json!({})),
            rotate(&three, json!({})),
        );
        let mut codes = [&answers.0, &answers.1, &answers.2].map(|answer| answer.status.as_u16());
        codes.sort_unstable();
        assert_eq!(codes, [200, 409, 409]);
        assert_eq!(keys_of(&app, "active").await, before);
        for node in [&*app, &two, &three] {
            assert_eq!(vec![kid(&node.login("admin").await)], before);
        }
        app.pass(LEAD);
    }
}

async fn keys_take_turns_by_themselves_on_one_node_only(app: TestApp) {
    let (two, three) = (app.second_node().await, app.second_node().await);
    let (active, next) = (keys_of(&app, "active").await, keys_of(&app, "next").await);
    app.pass(29 * DAY);
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(keys_of(&app, "active").await, active);
    app.pass(DAY);
    app.clock.advance(Duration::from_mins(1));
    eventually("the next key signs", async || {
        kid(&app.login("admin").await) == next[0]
    })
    .await;
    for node in [&*app, &two, &three] {
        assert_eq!(kid(&node.login("admin").await), next[0]);
    }
    // let each node look again
    app.clock.advance(Duration::from_mins(1));
    eventually(
        "the old key is still there, and no second turn was taken",
        async || keys_of(&app, "retiring").await == active,
    )
    .await;
    assert_eq!(keys_of(&app, "active").await, next);
    let rotations = "SELECT COUNT(*) FROM audit WHERE changes LIKE '%key.rotated%'";
    assert_eq!(app.db.number(rotations).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_rotation_by_itself_where_it_is_turned_off() {
    let db = Database::sqlite();
    let app = TestApp::on(db, |builder| builder.rotate_every(Duration::ZERO)).await;
    let active = keys_of(&app, "active").await;
    app.pass(900 * DAY);
    // the second look begins only when the first is over
    for _ in 0..2 {
        app.db
            .execute(
                "INSERT INTO floors (kind, subject, revision, ends_at) VALUES ('jti', 'x', 1, 1)",
            )
            .await;
        app.clock.advance(Duration::from_mins(2));
        eventually("the node has looked", async || {
            app.db.count("floors").await == 0
        })
        .await;
    }
    assert_eq!(keys_of(&app, "active").await, active);
}

async fn x084_a_clock_that_jumps_leaves_one_key_that_signs_and_rotation_going(app: TestApp) {
    let hour = Duration::from_hours(1);
    let start = app.clock.now();
    for (jump, at) in [
        ("an hour on", start.plus(hour)),
        ("an hour back", start.minus(hour)),
        ("ten years on", start.plus(3650 * DAY)),
        ("and back, after a rotation", start),
        (
            "past 2038",
            rolecall::Timestamp::from_seconds(2_147_483_648),
        ),
        (
            "past 2106",
            rolecall::Timestamp::from_seconds(4_294_967_296),
        ),
        ("and back again", start.plus(hour)),
    ] {
        app.clock.set(at);
        let token = app.login("admin").await;
        patiently(async || app.get("/api/me", &token).await)
            .await
            .is(200);
        let rotated = rotate(&app, json!({})).await;
        assert!(
            [200, 409].contains(&rotated.status.as_u16()),
            "{jump}: {rotated:?}"
        );
        assert_eq!(keys_of(&app, "active").await.len(), 1, "{jump}");
        assert_eq!(keys_of(&app, "next").await.len(), 1, "{jump}");
        let token = app.login("admin").await;
        app.get("/api/me", &token).await.is(200);
        // by the new clock, not by the one that it was issued under
        app.pass(Duration::from_mins(30));
        app.get("/api/me", &token).await.ended();
    }
    // the key that is dated years ahead does not sign for years
    let active = keys_of(&app, "active").await;
    app.pass(31 * DAY);
    app.clock.advance(Duration::from_mins(2));
    eventually("keys took turns", async || {
        keys_of(&app, "active").await != active
    })
    .await;
}
