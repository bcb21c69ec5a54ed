//! When a key starts to sign, and when it leaves the set.

use std::time::Duration;

use rolecall::Clock as _;
use serde_json::json;

use super::{DAY, LEAD, keys_of, kid, published, rotate, until_available};
use crate::support::{Database, TestApp, claims, eventually, on_both, rolecall, run, run_failing};

on_both![
    a_rotation_activates_the_published_key_and_keeps_older_tokens_valid,
    a_recently_published_key_signs_only_if_forced,
    y127_a_verifier_that_loads_keys_every_15_minutes_knows_each_key_before_it_signs,
    y127_the_command_line_warns_of_what_a_forced_rotation_breaks,
    a_key_leaves_the_set_only_when_its_last_token_has_expired,
    of_nodes_that_rotate_at_once_one_wins_and_the_others_get_409,
    automatic_rotation_happens_on_one_node_only,
    x084_after_clock_jumps_one_key_signs_and_rotation_continues,
];

async fn a_rotation_activates_the_published_key_and_keeps_older_tokens_valid(app: TestApp) {
    let other = app.second_node().await;
    let before = published(&app).await;
    let old = app.log_in("admin").await;
    let next = keys_of(&app, "next").await.pop().unwrap();
    assert!(before.contains(&next) && before.contains(&kid(&old)));
    // the first start is not a rotation, so this one need not wait
    let rotated = rotate(&app, json!({})).await;
    rotated.is(200);
    assert_eq!(rotated.text("kid"), next);
    assert_eq!(rotated.text("status"), "active");
    for node in [&*app, &other] {
        // even before its poll, the other node does not sign with the old key
        let token = node.log_in("admin").await;
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
    eventually("the other node publishes the same keys", async || {
        published(&other).await == after
    })
    .await;
}

async fn a_recently_published_key_signs_only_if_forced(app: TestApp) {
    rotate(&app, json!({})).await.is(200);
    app.pass_time(LEAD.saturating_sub(Duration::from_secs(1)));
    let before = app.db.revision().await;
    rotate(&app, json!({})).await.violates("too_soon");
    assert_eq!(app.db.revision().await, before);
    let next = keys_of(&app, "next").await;
    let forced = rotate(&app, json!({ "force": true })).await;
    assert_eq!(vec![forced.is(200).text("kid")], next);
    let warning = forced.text("warning");
    assert!(
        warning.contains(&next[0]) && warning.contains("15 minutes"),
        "{warning}"
    );
    app.pass_time(LEAD);
    let rotated = rotate(&app, json!({ "force": false })).await;
    assert!(rotated.is(200).json.get("warning").is_none());
    // forcing is limited too
    let mut last = 200;
    for _ in 0..20 {
        last = rotate(&app, json!({ "force": true })).await.status.as_u16();
    }
    assert_eq!(last, 409);
    rotate(&app, json!({ "force": true }))
        .await
        .violates("too_many_keys");
    app.log_in("admin").await;
}

async fn y127_a_verifier_that_loads_keys_every_15_minutes_knows_each_key_before_it_signs(
    app: TestApp,
) {
    let quarter = Duration::from_mins(15);
    let second = Duration::from_secs(1);
    let mut known = published(&app).await;
    for _ in 0..3 {
        // the verifier loaded the keys just before this rotation published another one, and its next attempt fails
        rotate(&app, json!({})).await.is(200);
        assert!(known.contains(&kid(&app.log_in("admin").await)));
        for wait in [quarter, quarter.saturating_sub(second)] {
            app.pass_time(wait);
            rotate(&app, json!({})).await.violates("too_soon");
            assert!(known.contains(&kid(&app.log_in("admin").await)));
        }
        app.pass_time(second);
        known = published(&app).await;
    }
}

async fn y127_the_command_line_warns_of_what_a_forced_rotation_breaks(app: TestApp) {
    run(&app, &["key", "rotate"]).await;
    let refused = run_failing(&app, &["key", "rotate"]).await;
    assert!(
        refused.contains("--force") || refused.contains("`force`"),
        "{refused}"
    );
    let forced = rolecall(&app, &["key", "rotate", "--force"]).await;
    assert!(forced.status.success(), "{forced:?}");
    let warning = String::from_utf8(forced.stderr).unwrap();
    assert!(
        warning.contains("warning: ") && warning.contains("refuse its tokens"),
        "{warning}"
    );
    let active = keys_of(&app, "active").await;
    let retired = rolecall(&app, &["key", "retire", &active[0]]).await;
    assert!(retired.status.success(), "{retired:?}");
    let warning = String::from_utf8(retired.stderr).unwrap();
    assert!(warning.contains("refuse its tokens"), "{warning}");
}

async fn a_key_leaves_the_set_only_when_its_last_token_has_expired(app: TestApp) {
    let long = app
        .node(|builder| builder.access_ttl(Duration::from_hours(3)))
        .await;
    let old = long.log_in("admin").await;
    rotate(&app, json!({})).await.is(200);
    let exp = claims(&old)["exp"].as_i64().unwrap();
    // every node checks the keys periodically
    let left = u64::try_from(exp - 1 - app.clock.now().seconds()).unwrap();
    app.clock.advance(Duration::from_secs(left));
    until_available(async || app.get("/api/me", &old).await)
        .await
        .is(200);
    assert!(published(&app).await.contains(&kid(&old)));
    eventually("the old key is no longer published", async || {
        app.clock.advance(Duration::from_mins(1));
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

async fn of_nodes_that_rotate_at_once_one_wins_and_the_others_get_409(app: TestApp) {
    let (two, three) = (app.second_node().await, app.second_node().await);
    for _ in 0..3 {
        let before = keys_of(&app, "next").await;
        let responses = tokio::join!(
            rotate(&app, json!({})),
            rotate(&two, json!({})),
            rotate(&three, json!({})),
        );
        let mut codes =
            [&responses.0, &responses.1, &responses.2].map(|response| response.status.as_u16());
        codes.sort_unstable();
        assert_eq!(codes, [200, 409, 409]);
        assert_eq!(keys_of(&app, "active").await, before);
        for node in [&*app, &two, &three] {
            assert_eq!(vec![kid(&node.log_in("admin").await)], before);
        }
        app.pass_time(LEAD);
    }
}

async fn automatic_rotation_happens_on_one_node_only(app: TestApp) {
    let (two, three) = (app.second_node().await, app.second_node().await);
    let (active, next) = (keys_of(&app, "active").await, keys_of(&app, "next").await);
    app.clock.advance(29 * DAY);
    assert_eq!(keys_of(&app, "active").await, active);
    app.clock.advance(DAY);
    eventually("the next key signs", async || {
        app.clock.advance(Duration::from_mins(1));
        kid(&app.log_in("admin").await) == next[0]
    })
    .await;
    for node in [&*app, &two, &three] {
        assert_eq!(kid(&node.log_in("admin").await), next[0]);
    }
    // let each node check again
    app.clock.advance(Duration::from_mins(1));
    eventually(
        "the old key is still published, and there was no second rotation",
        async || keys_of(&app, "retiring").await == active,
    )
    .await;
    assert_eq!(keys_of(&app, "active").await, next);
    let rotations = "SELECT COUNT(*) FROM audit WHERE changes LIKE '%key.rotated%'";
    assert_eq!(app.db.number(rotations).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn automatic_rotation_can_be_turned_off() {
    let db = Database::sqlite();
    let app = TestApp::configured(db, |builder| builder.rotate_every(Duration::ZERO)).await;
    let active = keys_of(&app, "active").await;
    app.pass_time(900 * DAY);
    // a check that began before the insert may have missed the row; two rounds exclude that
    for _ in 0..2 {
        app.db
            .execute(
                "INSERT INTO floors (kind, subject, revision, ends_at) VALUES ('jti', 'x', 1, 1)",
            )
            .await;
        app.clock.advance(Duration::from_mins(2));
        eventually("the node has checked", async || {
            app.db.count("floors").await == 0
        })
        .await;
    }
    assert_eq!(keys_of(&app, "active").await, active);
}

async fn x084_after_clock_jumps_one_key_signs_and_rotation_continues(app: TestApp) {
    let hour = Duration::from_hours(1);
    let start = app.clock.now();
    for (jump, at) in [
        ("an hour forward", start.plus(hour)),
        ("an hour back", start.minus(hour)),
        ("ten years forward", start.plus(3650 * DAY)),
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
        let token = app.log_in("admin").await;
        until_available(async || app.get("/api/me", &token).await)
            .await
            .is(200);
        let rotated = rotate(&app, json!({})).await;
        assert!(
            [200, 409].contains(&rotated.status.as_u16()),
            "{jump}: {rotated:?}"
        );
        assert_eq!(keys_of(&app, "active").await.len(), 1, "{jump}");
        assert_eq!(keys_of(&app, "next").await.len(), 1, "{jump}");
        let token = app.log_in("admin").await;
        app.get("/api/me", &token).await.is(200);
        // by the new clock, not by the one under which it was issued
        app.pass_time(Duration::from_mins(30));
        app.get("/api/me", &token).await.ended_token();
    }
    // a key dated years ahead must not sign for years: the clock is trusted once it was steady for a day
    let active = keys_of(&app, "active").await;
    app.clock.advance(31 * DAY);
    eventually("a rotation happened", async || {
        app.clock.advance(Duration::from_hours(30));
        keys_of(&app, "active").await != active
    })
    .await;
}
