//! Addresses that an administrator says to be verified, and nobody has proven.

use http::Method;
use serde_json::{Value, json};

use super::{ADDRESS, Mailing, create, shows};
use crate::support::{Browser, NEW_PASSWORD, PASSWORD, on_both};

on_both![
    y430_an_address_that_a_help_desk_declares_opens_no_account,
    y430_an_address_that_its_owner_proves_is_as_good_as_any,
    y495_no_notice_goes_to_an_address_that_was_only_declared,
    y430_a_help_desk_takes_no_account_over_within_its_limit,
    y431_the_verified_address_hears_of_it_whoever_takes_it_away,
];

const DESK: &str = "desk@evil.example";

/// Creates a help desk, who may create users and reset passwords; returns a token.
async fn help_desk(site: &Mailing) -> String {
    let permissions = ["rolecall.users:read", "rolecall.users:write"];
    site.create_role("helpdesk", &permissions).await;
    site.create_user("hilda", &["helpdesk"]).await;
    site.log_in("hilda").await
}

/// The help desk makes dave with an address of its own, and dave chooses his password. Returns his id.
async fn create_dave(site: &Mailing, desk: &str) -> String {
    let body = json!({ "username": "dave", "email": DESK, "email_verified": true });
    let made = site.post("/api/users", desk, body).await;
    let code = made.is(201).text("reset_code");
    let id = made.text("id");
    let body = json!({ "username": "dave", "current_password": code, "new_password": PASSWORD });
    let request = site.request(Method::POST, "/password").peer("203.0.113.9");
    request.json(&body).send().await.no_content();
    id
}

/// The recipients of all mails.
async fn recipients(site: &Mailing) -> Vec<String> {
    site.all_done().await;
    let mails = site.server.mails().into_iter();
    mails.flat_map(|mail| mail.to).collect()
}

async fn y430_an_address_that_a_help_desk_declares_opens_no_account(site: Mailing) {
    site.create_role("boss", &["money:pay"]).await;
    let desk = help_desk(&site).await;
    let dave = create_dave(&site, &desk).await;
    // nothing goes there, before others give roles that the help desk may not give and after
    for roles in [&[][..], &["boss"]] {
        for role in roles {
            site.assign(&dave, role).await;
        }
        for name in ["dave", DESK] {
            let asked = site.ask(name).await;
            assert_eq!(asked.is(303).header("location"), Some("/reset?sent=1"));
        }
    }
    assert!(recipients(&site).await.is_empty());
    assert_eq!(site.links().await, 0);
    // nor by a reset of an administrator, who gets a code instead
    let path = format!("/api/users/{dave}/reset");
    let reset = site.request(Method::POST, &path).token(site.admin().await);
    let reset = reset.send().await;
    assert_eq!(reset.is(200).json.get("mailed"), None);
    assert!(!reset.text("reset_code").is_empty());
    assert_eq!(site.links().await, 0);
}

async fn y495_no_notice_goes_to_an_address_that_was_only_declared(site: Mailing) {
    let desk = help_desk(&site).await;
    let dave = create_dave(&site, &desk).await;
    let path = format!("/api/users/{dave}");
    let change = async || {
        let removed = json!({ "email_verified": false });
        site.patch(&path, &desk, removed).await.is(200);
        let verified = json!({ "email_verified": true });
        site.patch(&path, &desk, verified).await.is(200);
        recipients(&site).await
    };
    assert!(change().await.is_empty());
    // the word of somebody above the limit is a proof
    let verified = json!({ "email_verified": true });
    site.patch(&path, site.admin().await, verified)
        .await
        .is(200);
    assert_eq!(change().await, [format!("<{DESK}>")]);
}

async fn y430_an_address_that_its_owner_proves_is_as_good_as_any(site: Mailing) {
    let desk = help_desk(&site).await;
    let dave = create_dave(&site, &desk).await;
    site.all_done().await;
    let before = site.server.mails().len();
    let mut browser = Browser::new(&site.app);
    let client = site
        .create_client(
            "app",
            json!({
                "grants": ["authorization_code"], "redirect_uris": ["https://app.example/cb"],
                "consent": "skip",
            }),
        )
        .await;
    browser
        .sign_in_as("dave", &client, "https://app.example/cb", &[])
        .await;
    shows(&browser.open("/account").await, 200, "is not verified yet");
    let form = [("email", DESK), ("password", PASSWORD)];
    browser.submit("/account/address", &form).await.is(303);
    let mail = site.server.count(before + 1).await.remove(before);
    let form = [("token", mail.token())];
    let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    browser.submit("/verify", &form).await.is(303);
    shows(&browser.open("/account").await, 200, "is verified: you can");
    // the word of the help desk takes nothing back
    let path = format!("/api/users/{dave}");
    let same = json!({ "email_verified": true });
    site.patch(&path, &desk, same.clone()).await.is(200);
    site.ask("dave").await.is(303);
    let link = site.server.count(before + 2).await.remove(before + 1);
    site.choose(&link.token(), NEW_PASSWORD).await.is(303);
    site.all_done().await;
    // what it takes away and gives is its word again, until somebody above the limit says the same
    let desk = site.log_in("hilda").await;
    for verified in [false, true] {
        let body = json!({ "email_verified": verified });
        site.patch(&path, &desk, body).await.is(200);
    }
    site.ask("dave").await.is(303);
    site.all_done().await;
    assert_eq!(site.links().await, 0);
    site.patch(&path, site.admin().await, same).await.is(200);
    site.ask("dave").await.is(303);
    site.all_done().await;
    assert_eq!(site.links().await, 1);
}

async fn y430_a_help_desk_takes_no_account_over_within_its_limit(site: Mailing) {
    let desk = help_desk(&site).await;
    let link = site.link(1).await;
    let path = format!("/api/users/{}", site.alice);
    let body = json!({ "email": DESK, "email_verified": true });
    let changed = site.patch(&path, &desk, body).await;
    assert_eq!(changed.is(200).json["email_verified"], true);
    let notice = site.server.count(2).await.remove(1);
    assert_eq!(notice.header("subject"), "Your address was changed");
    assert_eq!(notice.to, [format!("<{ADDRESS}>")]);
    // no link, and a code that counts as the help desk's
    let reset = site.request(Method::POST, format!("{path}/reset"));
    let reset = reset.token(&desk).peer("198.51.100.7").send().await;
    assert_eq!(reset.is(200).json.get("mailed"), None);
    let body = json!({
        "username": "alice", "current_password": reset.text("reset_code"), "new_password": NEW_PASSWORD,
    });
    let request = site.request(Method::POST, "/password").peer("198.51.100.7");
    let refused = request.json(&body).send().await;
    refused.violates("reset_by_creator");
    site.ask("alice").await.is(303);
    site.choose(&link, NEW_PASSWORD).await.is(400);
    assert!(!recipients(&site).await.contains(&format!("<{DESK}>")));
}

async fn y431_the_verified_address_hears_of_it_whoever_takes_it_away(site: Mailing) {
    let admin = site.admin().await;
    let path = format!("/api/users/{}", site.alice);
    let verified = json!({ "email": ADDRESS, "email_verified": true });
    let changes: [Value; 3] = [
        json!({ "email": "other@mail.example", "email_verified": true }),
        json!({ "email": null }),
        json!({ "email_verified": false }),
    ];
    for (number, body) in changes.into_iter().enumerate() {
        site.db.execute("DELETE FROM rolecall_mail_counts").await;
        let told = site.server.mails().len();
        site.patch(&path, admin, body).await.is(200);
        let mail = site.server.count(told + 1).await.remove(told);
        assert_eq!(
            mail.header("subject"),
            "Your address was changed",
            "{number}"
        );
        assert_eq!(mail.to, [format!("<{ADDRESS}>")], "{number}");
        site.patch(&path, admin, verified.clone()).await.is(200);
        site.all_done().await;
        if number == 0 {
            // from the other one, which was verified too
            let told = site.server.count(told + 2).await.remove(told + 1);
            assert_eq!(told.to, ["<other@mail.example>"]);
        }
    }
    // what keeps the address tells nobody, and an address that nobody verified hears nothing
    let told = site.server.mails().len();
    site.patch(&path, admin, json!({ "username": "alice2" }))
        .await
        .is(200);
    create(&site, "erin", "erin@mail.example", false).await;
    let path = format!("/api/users/{}", site.id_of("erin").await);
    site.patch(&path, admin, json!({ "email": null }))
        .await
        .is(200);
    site.all_done().await;
    assert_eq!(site.server.mails().len(), told);
}
