//! Tokens that race a loss.

use http::Method;
use serde_json::json;

use super::numbers_are_whole;
use crate::{
    refresh::Pair,
    support::{Ask, First, Node, PASSWORD, ROUNDS, Race, claims, eventually, races},
};

races![
    a_token_never_keeps_what_was_taken_away_while_it_was_issued,
    a_log_in_never_outlives_the_password_that_it_used,
    o049_a_refresh_racing_its_revocation_never_leaves_a_live_token,
];

/// How often a refresh races its revocation: on two nodes a thousand times for each database.
const REVOCATIONS: usize = 1000;

/// A log-in from an address of its own, so that failures cost no delay.
fn log_in(node: &Node, round: usize, username: &str, password: &str) -> Ask {
    let form = [
        ("grant_type", "password"),
        ("username", username),
        ("password", password),
    ];
    let ask = node.request(Method::POST, "/token").form(&form);
    ask.from(&format!("10.0.{}.1", round % 256))
}

/// Neither node takes any of these tokens for what it once held.
async fn all_are_refused(race: &Race, tokens: &[String], alice: &str) {
    // the other node has heard of everything when it has heard of what came last
    let last = race.other().login("alice").await;
    let sessions = format!("/api/users/{alice}/sessions");
    race.delete(sessions, race.admin().await).await.done();
    eventually("the other node has heard", async || {
        race.other().get("/api/me", &last).await.status == 401
    })
    .await;
    for token in tokens {
        for node in [race.other(), race] {
            let status = node.get("/items/", token).await.status;
            assert!([401, 403].contains(&status.as_u16()), "{status}");
        }
    }
}

async fn a_token_never_keeps_what_was_taken_away_while_it_was_issued(mut race: Race) {
    race.role("editor", &["items:read"]).await;
    let alice = race.user("alice", &["editor"]).await;
    let admin = race.admin().await.to_owned();
    let user = format!("/api/users/{alice}");
    let assignment = format!("{user}/roles/editor");
    let permission = "/api/roles/editor/permissions/items:read".to_owned();
    let status = |node: &Node, status: &str| {
        let ask = node.request(Method::PATCH, &user).token(&admin);
        ask.json(&json!({ "status": status }))
    };
    let mut tokens = Vec::new();
    for round in 0..ROUNDS {
        let (taker, there) = race.nodes(round);
        // one kind after the other, because each takes its own time
        let kind = round * 3 / ROUNDS;
        let path = [&assignment, &permission, &user][kind];
        let take = match kind {
            2 => status(taker, "disabled"),
            _ => taker.request(Method::DELETE, path).token(&admin),
        };
        let log_in = log_in(there, round, "alice", PASSWORD);
        let (loss, issued) = race.run(take, log_in).await;
        assert!(loss.status.is_success(), "round {round}: {loss:?}");
        let (taker, there) = race.nodes(round);
        let held = if issued.status == 200 {
            let token = issued.text("access_token");
            let scope = claims(&token)["scope"].as_str().unwrap().to_owned();
            let held = scope.contains("items:read");
            // from the answer on, at the node that gave it
            let answer = taker.get("/items/", &token).await;
            if held {
                answer.ended();
            } else if answer.status != 401 || kind == 0 {
                // a policy newer than the token's revision may cost it more than it has to
                answer.forbidden("items:read");
            }
            if round % 40 == 0 {
                eventually("the other node refuses it too", async || {
                    there.get("/items/", &token).await.status != 200
                })
                .await;
            }
            tokens.push(token);
            held
        } else {
            issued.wrong_password();
            assert_eq!(kind, 2, "round {round}");
            race.forgive().await;
            false
        };
        race.won_by(if held { First::Two } else { First::One });
        if kind == 2 {
            status(&race, "active").send().await.is(200);
        } else {
            race.put(path, &admin).await.done();
        }
    }
    all_are_refused(&race, &tokens, &alice).await;
    numbers_are_whole(&race).await;
    race.was_a_race();
}

async fn a_log_in_never_outlives_the_password_that_it_used(mut race: Race) {
    race.role("editor", &["items:read"]).await;
    let alice = race.user("alice", &["editor"]).await;
    let passwords = [PASSWORD, "another horse battery staple"];
    let sessions = format!("SELECT COUNT(*) FROM sessions WHERE subject_id = '{alice}'");
    let mut tokens = Vec::new();
    for round in 0..ROUNDS {
        let (old, new) = (passwords[round % 2], passwords[(round + 1) % 2]);
        let body = json!({ "username": "alice", "current_password": old, "new_password": new });
        let (changer, issuer) = race.nodes(round / 2);
        let change = changer.request(Method::POST, "/password").json(&body);
        let log_in = log_in(issuer, round, "alice", old);
        let (answer, logged_in) = race.run(change, log_in).await;
        answer.done();
        assert_eq!(race.db.number(&sessions).await, 0, "round {round}");
        if logged_in.status == 200 {
            let token = logged_in.text("access_token");
            race.nodes(round / 2).0.get("/items/", &token).await.ended();
            tokens.push(token);
            race.won_by(First::Two);
        } else {
            logged_in.wrong_password();
            race.won_by(First::One);
        }
        race.forgive().await;
    }
    all_are_refused(&race, &tokens, &alice).await;
    numbers_are_whole(&race).await;
    race.was_a_race();
}

async fn o049_a_refresh_racing_its_revocation_never_leaves_a_live_token(mut race: Race) {
    race.user("alice", &["user"]).await;
    let rounds = if race.has_two_nodes() {
        REVOCATIONS
    } else {
        ROUNDS
    };
    for round in 0..rounds {
        let (refreshing, revoking) = race.nodes(round);
        let first = refreshing.log_in("alice").await;
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &first.refresh),
        ];
        let refresh = refreshing.request(Method::POST, "/token").form(&form);
        let form = [("token", first.refresh.as_str())];
        let revoke = revoking.request(Method::POST, "/revoke").form(&form);
        let (refreshed, revoked) = race.run(refresh, revoke).await;
        revoked.is(200);
        let mut dead = vec![first];
        if refreshed.status == 200 {
            dead.push(Pair::of(&refreshed));
        } else {
            refreshed.oauth(400, "invalid_grant");
        }
        race.won_by(if refreshed.status == 200 {
            First::One
        } else {
            First::Two
        });
        let (refreshing, revoking) = race.nodes(round);
        for pair in &dead {
            // from the answer on: the one refuses what it revoked, and both ask the database of a refresh
            revoking.get("/api/me", &pair.access).await.ended();
            for node in [refreshing, revoking] {
                let refused = node.refresh(&pair.refresh).await;
                refused.oauth(400, "invalid_grant");
            }
        }
        if round % 100 == 0 {
            for pair in &dead {
                eventually("the other node refuses them too", async || {
                    refreshing.get("/api/me", &pair.access).await.status == 401
                })
                .await;
            }
        }
    }
    let left = "SELECT COUNT(*) FROM sessions WHERE subject_id IN (SELECT id FROM users WHERE username = 'alice')";
    assert_eq!(race.db.number(left).await, 0);
    race.was_a_race();
}
