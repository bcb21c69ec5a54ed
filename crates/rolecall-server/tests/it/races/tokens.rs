//! Tokens that race a loss.

use http::Method;
use serde_json::json;

use super::assert_audit_complete;
use crate::support::{
    First, Node, PASSWORD, ROUNDS, Race, RequestBuilder, TokenPair, claims, eventually, races,
};

races![
    a_token_never_keeps_access_removed_while_it_was_issued,
    a_login_never_outlives_the_password_it_used,
    o049_a_refresh_racing_its_revocation_never_leaves_a_valid_token,
];

/// The rounds in which a refresh races its revocation on two nodes.
const REVOCATIONS: usize = 1000;

/// A login from an address of its own, so that failures cause no delay.
fn login_request(node: &Node, round: usize, username: &str, password: &str) -> RequestBuilder {
    let form = [
        ("grant_type", "password"),
        ("username", username),
        ("password", password),
    ];
    let request = node.request(Method::POST, "/token").form(&form);
    request.peer(&format!("10.0.{}.1", round % 256))
}

/// Checks that both nodes refuse all these tokens.
async fn expect_all_refused(race: &Race, tokens: &[String], alice: &str) {
    // once the other node knows of the last loss, it knows of all
    let last = race.other_node().log_in("alice").await;
    let sessions = format!("/api/users/{alice}/sessions");
    race.delete(sessions, race.admin().await).await.no_content();
    eventually("the other node knows of the last loss", async || {
        race.other_node().get("/api/me", &last).await.status == 401
    })
    .await;
    for token in tokens {
        for node in [race.other_node(), race] {
            let status = node.get("/items/", token).await.status;
            assert!([401, 403].contains(&status.as_u16()), "{status}");
        }
    }
}

async fn a_token_never_keeps_access_removed_while_it_was_issued(mut race: Race) {
    race.create_role("editor", &["items:read"]).await;
    let alice = race.create_user("alice", &["editor"]).await;
    let admin = race.admin().await.to_owned();
    let user = format!("/api/users/{alice}");
    let assignment = format!("{user}/roles/editor");
    let permission = "/api/roles/editor/permissions/items:read".to_owned();
    let status = |node: &Node, status: &str| {
        let request = node.request(Method::PATCH, &user).token(&admin);
        request.json(&json!({ "status": status }))
    };
    let mut tokens = Vec::new();
    for round in 0..ROUNDS {
        let (remover, there) = race.nodes(round);
        // one kind after the other, because their timings differ
        let kind = round * 3 / ROUNDS;
        let path = [&assignment, &permission, &user][kind];
        let removal = match kind {
            2 => status(remover, "disabled"),
            _ => remover.request(Method::DELETE, path).token(&admin),
        };
        let log_in = login_request(there, round, "alice", PASSWORD);
        let (loss, issued) = race.run(removal, log_in).await;
        assert!(loss.status.is_success(), "round {round}: {loss:?}");
        let (remover, there) = race.nodes(round);
        let held = if issued.status == 200 {
            let token = issued.text("access_token");
            let scope = claims(&token)["scope"].as_str().unwrap().to_owned();
            let held = scope.contains("items:read");
            // from the response on, on the node that sent it
            let response = remover.get("/items/", &token).await;
            if held {
                response.ended_token();
            } else if response.status != 401 || kind == 0 {
                // a policy newer than the token's revision may refuse more than necessary
                response.forbidden("items:read");
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
            race.clear_failures().await;
            false
        };
        race.record_winner(if held { First::Two } else { First::One });
        if kind == 2 {
            status(&race, "active").send().await.is(200);
        } else {
            race.put(path, &admin).await.no_content();
        }
    }
    expect_all_refused(&race, &tokens, &alice).await;
    assert_audit_complete(&race).await;
    race.assert_both_won();
}

async fn a_login_never_outlives_the_password_it_used(mut race: Race) {
    race.create_role("editor", &["items:read"]).await;
    let alice = race.create_user("alice", &["editor"]).await;
    let passwords = [PASSWORD, "another horse battery staple"];
    let sessions = format!("SELECT COUNT(*) FROM sessions WHERE subject_id = '{alice}'");
    let mut tokens = Vec::new();
    for round in 0..ROUNDS {
        let (old, new) = (passwords[round % 2], passwords[(round + 1) % 2]);
        let body = json!({ "username": "alice", "current_password": old, "new_password": new });
        let (changer, issuer) = race.nodes(round / 2);
        let change = changer.request(Method::POST, "/password").json(&body);
        let log_in = login_request(issuer, round, "alice", old);
        let (response, logged_in) = race.run(change, log_in).await;
        response.no_content();
        assert_eq!(race.db.number(&sessions).await, 0, "round {round}");
        if logged_in.status == 200 {
            let token = logged_in.text("access_token");
            race.nodes(round / 2)
                .0
                .get("/items/", &token)
                .await
                .ended_token();
            tokens.push(token);
            race.record_winner(First::Two);
        } else {
            logged_in.wrong_password();
            race.record_winner(First::One);
        }
        race.clear_failures().await;
    }
    expect_all_refused(&race, &tokens, &alice).await;
    assert_audit_complete(&race).await;
    race.assert_both_won();
}

async fn o049_a_refresh_racing_its_revocation_never_leaves_a_valid_token(mut race: Race) {
    race.create_user("alice", &["user"]).await;
    let rounds = if race.has_two_nodes() {
        REVOCATIONS
    } else {
        ROUNDS
    };
    for round in 0..rounds {
        let (refreshing, revoking) = race.nodes(round);
        let first = refreshing.open_session("alice").await;
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &first.refresh),
        ];
        let refresh = refreshing.request(Method::POST, "/token").form(&form);
        let form = [("token", first.refresh.as_str())];
        let revoke = revoking.request(Method::POST, "/revoke").form(&form);
        let (refreshed, revoked) = race.run(refresh, revoke).await;
        revoked.is(200);
        let mut revoked_pairs = vec![first];
        if refreshed.status == 200 {
            revoked_pairs.push(TokenPair::of(&refreshed));
        } else {
            refreshed.oauth_error(400, "invalid_grant");
        }
        race.record_winner(if refreshed.status == 200 {
            First::One
        } else {
            First::Two
        });
        let (refreshing, revoking) = race.nodes(round);
        for pair in &revoked_pairs {
            // from the response on: the revoking node refuses the tokens, and both nodes check a refresh in the
            // database
            revoking.get("/api/me", &pair.access).await.ended_token();
            for node in [refreshing, revoking] {
                let refused = node.refresh(&pair.refresh).await;
                refused.oauth_error(400, "invalid_grant");
            }
        }
        if round % 100 == 0 {
            for pair in &revoked_pairs {
                eventually("the other node refuses them too", async || {
                    refreshing.get("/api/me", &pair.access).await.status == 401
                })
                .await;
            }
        }
    }
    let left = "SELECT COUNT(*) FROM sessions WHERE subject_id IN (SELECT id FROM users WHERE username = 'alice')";
    assert_eq!(race.db.number(left).await, 0);
    race.assert_both_won();
}
