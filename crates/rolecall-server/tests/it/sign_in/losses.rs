//! Losses: what ends a browser session, a flow, a code and the tokens of a sign-in.

use serde_json::json;

use super::{REDIRECT, Site, code_of, error_of, has_ended, is_page, leads_to_page};
use crate::support::{
    Browser, NEW_PASSWORD, Node, PASSWORD, SignInAnswer, eventually, on_both, run,
};

on_both![
    i020_i022_a_loss_ends_all_that_a_sign_in_has_opened,
    a_change_on_the_page_ends_other_browsers,
    a_lost_role_is_in_no_later_token,
    recover_ends_every_sign_in,
    a_loss_on_one_node_ends_sign_ins_of_the_other,
    a_proof_that_holds_no_longer_is_asked_for_again,
    y281_a_sign_in_under_way_does_not_outlast_a_log_out_everywhere,
];

/// Everything that a sign-in of a user has opened, in several browsers.
struct Opened<'a> {
    site: &'a Site,
    /// Signed in.
    browser: Browser<'a>,
    access: String,
    refresh: String,
    /// Not redeemed yet.
    code: String,
    /// A flow in the same browser, in which consent is due.
    by_session: String,
    /// A browser in which the password was right and consent is due.
    half: (Browser<'a>, String),
}

impl<'a> Opened<'a> {
    async fn by(site: &'a Site, user: &str) -> Self {
        let mut browser = Browser::new(site);
        let scope = [("scope", "openid items:read")];
        let code = browser
            .sign_in_as(user, &site.first, REDIRECT, &scope)
            .await;
        let tokens = site.redeem_first(code.code()).await;
        let code = browser
            .sign_in_as(user, &site.first, REDIRECT, &scope)
            .await;
        let by_session = browser.begin(&site.other, REDIRECT, &scope).await;
        let page = is_page(
            &browser.open(&format!("/login?flow={by_session}")).await,
            200,
        );
        assert!(page.contains("name=\"decision\""), "{page}");
        let mut half = Browser::new(site);
        let flow = half.begin(&site.other, REDIRECT, &scope).await;
        leads_to_page(&half.log_in(&flow, user, PASSWORD).await, &flow);
        Self {
            site,
            access: tokens.is(200).text("access_token"),
            refresh: tokens.text("refresh_token"),
            code: code.code().to_owned(),
            browser,
            by_session,
            half: (half, flow),
        }
    }

    /// Expects that nothing of it is left, also not of the flow in which the password was typed.
    async fn has_ended(mut self, what: &str) {
        self.session_has_ended(what).await;
        let (browser, flow) = &mut self.half;
        has_no_code(browser, flow, what).await;
    }

    /// Expects that nothing is left of what rests on the browser session.
    async fn session_has_ended(&mut self, what: &str) {
        let site = self.site;
        assert_eq!(
            site.get("/items/", &self.access).await.status,
            401,
            "{what}"
        );
        let refused = site.refresh_through(&site.first, &self.refresh).await;
        refused.oauth_error(400, "invalid_grant");
        site.redeem_first(&self.code)
            .await
            .oauth_error(400, "invalid_grant");
        has_no_code(&mut self.browser, &self.by_session, what).await;
        assert!(!site.is_signed_in(&mut self.browser).await, "{what}");
        self.browser.open("/account").await.is(303);
    }
}

/// Expects that a flow signs nobody in without a password.
async fn has_no_code(browser: &mut Browser<'_>, flow: &str, what: &str) {
    for _ in 0..2 {
        let answer = browser.decide(flow, "allow").await;
        assert!(
            SignInAnswer::of(&answer, REDIRECT).is_none(),
            "{what}: {answer:?}"
        );
        assert!(
            [303, 400].contains(&answer.status.as_u16()),
            "{what}: {answer:?}"
        );
    }
    let answer = browser.submit("/login/continue", &[("flow", flow)]).await;
    assert!(
        SignInAnswer::of(&answer, REDIRECT).is_none(),
        "{what}: {answer:?}"
    );
}

async fn i020_i022_a_loss_ends_all_that_a_sign_in_has_opened(site: Site) {
    let admin = site.admin().await;
    for (number, loss) in ["disabled", "must change", "deleted", "reset", "password"]
        .into_iter()
        .enumerate()
    {
        let name = format!("user{number}");
        let id = site.create_user(&name, &["reader"]).await;
        let own = site.log_in(&name).await;
        let path = format!("/api/users/{id}");
        let opened = Opened::by(&site, &name).await;
        let done = match loss {
            "disabled" => {
                site.patch(&path, admin, json!({ "status": "disabled" }))
                    .await
            }
            "must change" => {
                let status = json!({ "status": "password_change_required" });
                site.patch(&path, admin, status).await
            }
            "deleted" => site.delete(&path, admin).await,
            "reset" => site.post(format!("{path}/reset"), admin, json!({})).await,
            _ => {
                let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
                site.put_json("/api/me/password", &own, body).await
            }
        };
        assert!(done.status.is_success(), "{loss}: {done:?}");
        opened.has_ended(loss).await;
    }
    // who is logged out everywhere may sign in again with the password
    let mut opened = Opened::by(&site, "alice").await;
    let path = format!("/api/users/{}/sessions", site.id_of("alice").await);
    site.delete(path, admin).await.no_content();
    opened.session_has_ended("sessions").await;
    let code = site
        .sign_in(&mut opened.browser, &[])
        .await
        .code()
        .to_owned();
    site.redeem_first(&code).await.is(200);
}

async fn a_change_on_the_page_ends_other_browsers(site: Site) {
    let opened = Opened::by(&site, "alice").await;
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    let form = [
        ("flow", flow.as_str()),
        ("username", "alice"),
        ("current", PASSWORD),
        ("new", NEW_PASSWORD),
        ("again", NEW_PASSWORD),
    ];
    browser.submit("/login/password", &form).await.is(303);
    opened.has_ended("a change on the page").await;
    code_of(&browser.log_in(&flow, "alice", NEW_PASSWORD).await);
}

async fn a_lost_role_is_in_no_later_token(site: Site) {
    let opened = Opened::by(&site, "alice").await;
    site.get("/items/", &opened.access).await.is(200);
    site.unassign(&site.id_of("alice").await, "reader").await;
    site.get("/items/", &opened.access).await.ended_token();
    // a code or a session that was for that alone is refused, or has less
    for answer in [
        site.redeem_first(&opened.code).await,
        site.refresh_through(&site.first, &opened.refresh).await,
    ] {
        if answer.status == 200 {
            let access = answer.text("access_token");
            site.get("/items/", &access).await.forbidden("items:read");
        } else {
            answer.is(400);
        }
    }
    // she is still signed in, and may ask for less
    let Opened { mut browser, .. } = opened;
    let silent = ("prompt", "none");
    let answer = browser
        .authorize(
            &site.first,
            REDIRECT,
            &[silent, ("scope", "openid items:read")],
        )
        .await;
    assert_eq!(error_of(&answer), "invalid_scope");
    code_of(
        &browser
            .authorize(&site.first, REDIRECT, &[silent, ("scope", "openid")])
            .await,
    );
}

async fn recover_ends_every_sign_in(site: Site) {
    let (alices, bobs) = (
        Opened::by(&site, "alice").await,
        Opened::by(&site, "bob").await,
    );
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.first, REDIRECT, &[]).await;
    run(&site, &["recover"]).await;
    eventually("the node knows the new era", async || {
        site.get("/items/", &alices.access).await.status == 401
    })
    .await;
    alices.has_ended("recover").await;
    bobs.has_ended("recover").await;
    has_ended(&browser.log_in(&flow, "alice", PASSWORD).await);
    let code = site.sign_in(&mut browser, &[]).await.code().to_owned();
    site.redeem_first(&code).await.is(200);
}

async fn a_loss_on_one_node_ends_sign_ins_of_the_other(site: Site) {
    let other: Node = site.second_node().await;
    let mut opened = Opened::by(&site, "alice").await;
    other.get("/items/", &opened.access).await.is(200);
    let path = format!("/api/users/{}", site.id_of("alice").await);
    let disabled = json!({ "status": "disabled" });
    site.patch(path, site.admin().await, disabled).await.is(200);
    // what is asked of the database is refused at once, whatever the other node knows
    opened.browser.go_to(&other);
    opened.half.0.go_to(&other);
    assert!(!site.is_signed_in(&mut opened.browser).await);
    has_no_code(&mut opened.browser, &opened.by_session, "by session").await;
    has_no_code(&mut opened.half.0, &opened.half.1, "by password").await;
    let refused = other.redeem(&site.first, &opened.code, REDIRECT, &[]).await;
    refused.oauth_error(400, "invalid_grant");
    let refused = other.refresh_through(&site.first, &opened.refresh).await;
    refused.oauth_error(400, "invalid_grant");
    eventually("the other node refuses", async || {
        other.get("/items/", &opened.access).await.status == 401
    })
    .await;
}

async fn a_proof_that_holds_no_longer_is_asked_for_again(site: Site) {
    let mut browser = Browser::new(&site);
    let flow = browser.begin(&site.other, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    site.replace_password("alice", PASSWORD, NEW_PASSWORD)
        .await
        .no_content();
    leads_to_page(&browser.decide(&flow, "allow").await, &flow);
    let page = is_page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    assert!(page.contains("name=\"password\""), "{page}");
    is_page(&browser.log_in(&flow, "alice", PASSWORD).await, 401);
    leads_to_page(&browser.log_in(&flow, "alice", NEW_PASSWORD).await, &flow);
    code_of(&browser.decide(&flow, "allow").await);
}

/// A password that was given before everything ended opens nothing after it.
async fn y281_a_sign_in_under_way_does_not_outlast_a_log_out_everywhere(site: Site) {
    let admin = site.admin().await;
    let path = format!("/api/users/{}", site.id_of("alice").await);
    let mut signed_in = Browser::new(&site);
    site.sign_in(&mut signed_in, &[]).await.code();
    let again = [("prompt", "consent")];
    for loss in ["others", "others", "sessions", "disabled"] {
        let mut browser = Browser::new(&site);
        let flow = browser.begin(&site.other, REDIRECT, &again).await;
        leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
        let mut bobs = Browser::new(&site);
        let of_bob = bobs.begin(&site.other, REDIRECT, &again).await;
        leads_to_page(&bobs.log_in(&of_bob, "bob", PASSWORD).await, &of_bob);
        match loss {
            "others" => {
                let ended = signed_in.submit("/account/end", &[("others", "all")]).await;
                ended.is(303);
            }
            "sessions" => {
                let ended = site.delete(format!("{path}/sessions"), admin).await;
                ended.no_content();
            }
            _ => {
                for status in ["disabled", "active"] {
                    let change = json!({ "status": status });
                    site.patch(&path, admin, change).await.is(200);
                }
            }
        }
        leads_to_page(&browser.decide(&flow, "allow").await, &flow);
        assert!(!site.is_signed_in(&mut browser).await, "{loss}");
        // the same sign-in goes on with the password, and that of somebody else as if nothing had been
        leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
        code_of(&browser.decide(&flow, "allow").await);
        code_of(&bobs.decide(&of_bob, "allow").await);
    }
}
