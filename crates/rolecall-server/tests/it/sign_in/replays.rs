//! The same thing twice, at the same moment, on two nodes.

use serde_json::Value;

use super::REDIRECT;
use crate::support::{
    Browser, Credentials, First, Node, Race, RequestBuilder, Response, SignInAnswer, VERIFIER,
    eventually, races,
};

races![i019_a_code_that_is_redeemed_twice_at_once_opens_one_session_that_ends];

/// Each round needs a sign-in.
const FEW: usize = 40;

fn redemption(node: &Node, client: &Credentials, code: &str) -> RequestBuilder {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    node.form_as(client, "/token", &form)
}

async fn i019_a_code_that_is_redeemed_twice_at_once_opens_one_session_that_ends(mut race: Race) {
    race.create_user("alice", &[]).await;
    let members = serde_json::json!({ "consent": "skip" });
    let client = super::create_client(&race, "app", members).await;
    let mut tokens: Vec<(String, String)> = Vec::new();
    let mut cookies: Option<String> = None;
    for round in 0..FEW {
        let code = {
            let mut browser = Browser::new(&race);
            if let Some(kept) = &cookies {
                browser.set_cookie("session", kept);
            }
            let answer: SignInAnswer = browser.sign_in(&client, REDIRECT, &[]).await;
            cookies = browser.cookie("session").map(str::to_owned);
            answer.code().to_owned()
        };
        let (one, two) = race.nodes(round);
        let (one, two) = (
            redemption(one, &client, &code),
            redemption(two, &client, &code),
        );
        let (one, two) = race.run(one, two).await;
        let (first, won, lost): (First, Response, Response) = if one.status == 200 {
            (First::One, one, two)
        } else {
            (First::Two, two, one)
        };
        race.record_winner(first);
        lost.oauth_error(400, "invalid_grant");
        assert_eq!(lost.json.get("access_token"), None::<&Value>);
        let won = (won.is(200).text("access_token"), won.text("refresh_token"));
        for node in [&**race, race.other_node()] {
            let refused = node.refresh_through(&client, &won.1).await;
            refused.oauth_error(400, "invalid_grant");
        }
        tokens.push(won);
    }
    race.assert_both_won();
    assert_eq!(
        race.db
            .number("SELECT COUNT(*) FROM sessions WHERE browser_session IS NOT NULL")
            .await,
        0
    );
    for node in [&**race, race.other_node()] {
        eventually("the tokens of every session are refused", async || {
            for (access, _) in &tokens {
                if node.get("/api/me", access).await.status != 401 {
                    return false;
                }
            }
            true
        })
        .await;
    }
}
