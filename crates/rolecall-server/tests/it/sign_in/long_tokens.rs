//! Sign-ins of users who hold more roles than a token has room for.

use std::fmt::Write as _;

use http::Method;
use serde_json::json;

use super::{REDIRECT, Site, code_of, create_client};
use crate::support::{Browser, claims, on_both};

on_both![y283_roles_that_others_assign_block_no_sign_in,];

impl Site {
    /// Creates four roles with fifty juniors each, and assigns them to alice.
    async fn assign_too_much(&self) {
        let admin = self.admin().await;
        let request = self.request(Method::GET, "/api/policy").token(admin);
        let read = request.header("accept", "application/toml").send().await;
        let mut document = String::from_utf8(read.is(200).body.to_vec()).unwrap();
        for senior in 0..4 {
            let junior = |number| format!("a-junior-with-a-long-name-{senior}-{number}");
            let juniors: Vec<String> = (0..50).map(junior).collect();
            for junior in &juniors {
                write!(document, "\n[roles.{junior}]\n").unwrap();
            }
            write!(
                document,
                "\n[roles.senior{senior}]\njuniors = {juniors:?}\n"
            )
            .unwrap();
        }
        self.put_policy(admin, &document, "*").await.is(200);
        let id = self.id_of("alice").await;
        for senior in 0..4 {
            self.assign(&id, &format!("senior{senior}")).await;
        }
    }
}

async fn y283_roles_that_others_assign_block_no_sign_in(site: Site) {
    let members = json!({ "consent": "skip", "claims_in_id_token": true });
    let client = create_client(&site, "relying", members).await;
    site.assign_too_much().await;
    let mut browser = Browser::new(&site);
    let asked = [("scope", "openid roles")];
    let answer = browser.sign_in(&client, REDIRECT, &asked).await;
    let first = site.redeem(&client, answer.code(), REDIRECT, &[]).await;
    let refresh = first.is(200).text("refresh_token");
    let next = site.refresh_through(&client, &refresh).await;
    for tokens in [&first, &next] {
        let access = claims(&tokens.is(200).text("access_token"));
        let id_token = tokens.text("id_token");
        let said = claims(&id_token);
        // what fits into one token is what both say
        assert_eq!(said["roles"], access["roles"]);
        assert_eq!(said["groups"], access["roles"]);
        let number = access["roles"].as_array().unwrap().len();
        assert!((1..200).contains(&number), "{number}");
        // an ID token is longer than other parameters, and comes back as a hint
        assert!(id_token.len() > 4096, "{}", id_token.len());
        let hinted = [("prompt", "none"), ("id_token_hint", id_token.as_str())];
        let answer = browser.authorize(&client, REDIRECT, &hinted).await;
        code_of(&answer);
        let log_out = format!("/logout?id_token_hint={id_token}");
        let page = browser.open(&log_out).await;
        assert!(page.status.as_u16() < 400, "{page:?}");
        let again = browser.sign_in(&client, REDIRECT, &asked).await;
        again.code();
    }
}
