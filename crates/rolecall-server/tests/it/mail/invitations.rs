//! Invitations, and the accounts that they make.

use std::time::Duration;

use rolecall::SystemClock;
use serde_json::{Value, json};

use super::{Mailing, TO_ACCOUNT, shows};
use crate::support::{
    Browser, Database, PASSWORD, Response, TestApp, audit_is_whole, on_both, run, run_failing,
    verify_audit,
};

on_both![
    i064_an_invitation_makes_one_account_with_its_address_and_roles,
    i064_an_invitation_ends_with_its_time_with_a_newer_one_and_by_hand,
    y524_an_invitation_that_was_edited_in_the_database_is_none,
    y535_an_invitation_that_is_over_comes_to_life_no_more_unseen,
    i065_roles_are_given_as_far_as_the_inviter_may_still_give_them,
    i066_the_owner_of_an_address_takes_it_from_one_who_never_proved_it,
    i053_opening_an_invitation_spends_nothing_and_a_refused_name_leaves_it,
    y437_an_address_that_mail_does_not_carry_is_refused_at_once,
    nobody_invites_beyond_what_they_hold,
    y479_an_inviter_whose_roles_are_kept_apart_has_invited,
    without_mail_the_command_line_prints_the_link,
];

const ENDED: &str = "This link does not work any more";
const GUEST: &str = "guest@mail.example";

async fn invite(site: &Mailing, token: &str, body: Value) -> Response {
    site.post("/api/invitations", token, body).await
}

/// Invites, and returns the secret of the link; `count` mails have come then.
async fn link(site: &Mailing, body: Value, count: usize) -> String {
    invite(site, site.admin().await, body).await.is(201);
    site.server.count(count).await[count - 1].token()
}

async fn accept(app: &TestApp, token: &str, name: &str) -> Response {
    let form = [
        ("token", token),
        ("username", name),
        ("new", PASSWORD),
        ("again", PASSWORD),
    ];
    Browser::new(app).submit("/invite", &form).await
}

async fn i064_an_invitation_makes_one_account_with_its_address_and_roles(site: Mailing) {
    site.create_role("editor", &["items:write"]).await;
    let body = json!({ "email": GUEST, "roles": ["editor"], "tenant": "acme" });
    let created = invite(&site, site.admin().await, body).await;
    let text = String::from_utf8_lossy(&created.is(201).body).into_owned();
    let mail = site.server.count(1).await.remove(0);
    let token = mail.token();
    assert!(!text.contains(&token), "the answer holds the link: {text}");
    assert_eq!(mail.to, [format!("<{GUEST}>")]);
    // what the form says of address, roles and tenant counts for nothing
    let form = [
        ("token", token.as_str()),
        ("username", "guest"),
        ("new", PASSWORD),
        ("again", PASSWORD),
        ("email", "evil@evil.example"),
        ("role", "rolecall.admin"),
        ("tenant", "other"),
    ];
    let done = Browser::new(&site.app).submit("/invite", &form).await;
    assert_eq!(done.is(303).header("location"), Some("/invite?done=1"));
    assert_eq!(done.header("set-cookie"), None, "nobody is signed in");
    let page = Browser::new(&site.app).open("/invite?done=1").await;
    shows(&page, 200, TO_ACCOUNT);
    shows(&accept(&site.app, &token, "guest2").await, 400, ENDED);
    let id = site.id_of("guest").await;
    let user = site
        .get(format!("/api/users/{id}"), site.admin().await)
        .await;
    assert_eq!(
        (user.text("email"), &user.json["email_verified"]),
        (GUEST.to_owned(), &json!(true))
    );
    let assigned = site
        .get(format!("/api/users/{id}/roles"), site.admin().await)
        .await;
    assert_eq!(assigned.items("role"), ["editor"]);
    assert_eq!(assigned.json["items"][0]["tenant"], "acme");
    site.log_in("guest").await;
    // no verified address is invited again
    let again = invite(
        &site,
        site.admin().await,
        json!({ "email": "Guest@mail.example" }),
    )
    .await;
    again.is(409);
}

async fn i064_an_invitation_ends_with_its_time_with_a_newer_one_and_by_hand(site: Mailing) {
    let first = link(&site, json!({ "email": GUEST }), 1).await;
    let second = link(&site, json!({ "email": "GUEST@mail.example" }), 2).await;
    shows(&accept(&site.app, &first, "one").await, 400, ENDED);
    let listed = site.get("/api/invitations", site.admin().await).await;
    let id = listed.items("id").pop().unwrap();
    assert_eq!(listed.items("id").len(), 1);
    site.delete(format!("/api/invitations/{id}"), site.admin().await)
        .await
        .no_content();
    shows(&accept(&site.app, &second, "two").await, 400, ENDED);
    let third = link(&site, json!({ "email": "other@mail.example" }), 3).await;
    site.pass_time(Duration::from_hours(7 * 24));
    shows(&accept(&site.app, &third, "three").await, 400, ENDED);
    let admin = site.log_in("admin").await;
    assert!(
        site.get("/api/invitations", &admin)
            .await
            .items("id")
            .is_empty()
    );
}

async fn y524_an_invitation_that_was_edited_in_the_database_is_none(site: Mailing) {
    let admin = site.id_of("admin").await;
    site.create_role("clerk", &["rolecall.users:write"]).await;
    site.create_user("clerk", &["clerk"]).await;
    let token = site.log_in("clerk").await;
    for edit in [
        "roles = '[\"rolecall.admin\"]'".to_owned(),
        format!("invited_by = 'user:{admin}'"),
        "address = 'evil@mail.example'".to_owned(),
        "created_at = created_at - 1".to_owned(),
        "expires_at = expires_at + 1".to_owned(),
    ] {
        let sent = site.server.mails().len();
        invite(&site, &token, json!({ "email": GUEST }))
            .await
            .is(201);
        let link = site.server.count(sent + 1).await.remove(sent).token();
        let edited = format!("UPDATE rolecall_invitations SET {edit}");
        site.db.execute(&edited).await;
        shows(&accept(&site.app, &link, "guest").await, 400, ENDED);
        site.db.execute("DELETE FROM rolecall_mail_counts").await;
    }
}

async fn y535_an_invitation_that_is_over_comes_to_life_no_more_unseen(site: Mailing) {
    let body = json!({ "email": GUEST, "roles": ["rolecall.admin"] });
    let token = link(&site, body, 1).await;
    let keep = "CREATE TABLE kept AS SELECT * FROM rolecall_invitations";
    site.db.execute(keep).await;
    accept(&site.app, &token, "guest").await.is(303);
    let delete = async |name: &str| {
        let path = format!("/api/users/{}", site.id_of(name).await);
        let deleted = site.delete(path, site.admin().await).await;
        deleted.no_content();
    };
    delete("guest").await;
    assert!(audit_is_whole(&site.app).await);
    let bring_back = "INSERT INTO rolecall_invitations SELECT * FROM kept";
    site.db.execute(bring_back).await;
    let later = "UPDATE rolecall_invitations SET expires_at = expires_at + 1";
    site.db.execute(later).await;
    shows(&accept(&site.app, &token, "guest2").await, 400, ENDED);
    // as long as it could have been accepted, the log shows it
    site.db.execute("DELETE FROM rolecall_invitations").await;
    site.db.execute(bring_back).await;
    accept(&site.app, &token, "guest3").await.is(303);
    let (is_whole, verdict) = verify_audit(&site.app).await;
    assert!(
        !is_whole && verdict.contains("after it was over"),
        "{verdict}"
    );
}

async fn i065_roles_are_given_as_far_as_the_inviter_may_still_give_them(site: Mailing) {
    site.create_plain_role("editor", &["items:write"]).await;
    let rights = [
        "rolecall.users:write",
        "rolecall.assignments:write",
        "items:write",
    ];
    site.create_role("clerk", &rights).await;
    let clerk = site.create_user("clerk", &["clerk"]).await;
    let token = site.log_in("clerk").await;
    let body = json!({ "email": GUEST, "roles": ["editor"] });
    invite(&site, &token, body.clone()).await.is(201);
    let first = site.server.count(1).await.remove(0).token();
    // the role has got more meanwhile
    site.create_permission("items:delete").await;
    site.put(
        "/api/roles/editor/permissions/items:delete",
        site.admin().await,
    )
    .await
    .no_content();
    shows(&accept(&site.app, &first, "guest").await, 400, ENDED);
    site.delete(
        "/api/roles/editor/permissions/items:delete",
        site.admin().await,
    )
    .await
    .no_content();
    // it has ended, and does not come back
    shows(&accept(&site.app, &first, "guest").await, 400, ENDED);
    invite(&site, &token, body.clone()).await.is(201);
    let second = site.server.count(2).await.remove(1).token();
    site.unassign(&clerk, "clerk").await;
    shows(&accept(&site.app, &second, "guest").await, 400, ENDED);
    let found = site
        .get("/api/users?username=guest", site.admin().await)
        .await;
    assert!(found.items("id").is_empty());
}

async fn i066_the_owner_of_an_address_takes_it_from_one_who_never_proved_it(db: Database) {
    let site = Mailing::configured(db, |builder| {
        builder.unique_email(true).verify_registrations(false)
    })
    .await;
    let body = json!({ "username": "mallory", "password": PASSWORD, "email": GUEST });
    let request = site.request(http::Method::POST, "/register").json(&body);
    let mallory = request.send().await.is(201).text("id");
    let token = link(&site, json!({ "email": GUEST }), 1).await;
    accept(&site.app, &token, "guest").await.is(303);
    let user = site
        .get(format!("/api/users/{mallory}"), site.admin().await)
        .await;
    assert_eq!(user.is(200).json["email"], Value::Null);
    // and a link goes to the owner's account
    site.ask(GUEST).await.is(303);
    assert!(site.server.count(2).await[1].text().contains("Hello guest"));
}

async fn i053_opening_an_invitation_spends_nothing_and_a_refused_name_leaves_it(site: Mailing) {
    let token = link(&site, json!({ "email": GUEST }), 1).await;
    for _ in 0..3 {
        let page = Browser::new(&site.app)
            .open(&format!("/invite?token={token}"))
            .await;
        shows(&page, 200, GUEST);
    }
    shows(
        &accept(&site.app, &token, "alice").await,
        409,
        "This user name is taken",
    );
    shows(
        &accept(&site.app, &token, "a\u{202e}b").await,
        422,
        "role=\"alert\"",
    );
    let form = [
        ("token", token.as_str()),
        ("username", "guest"),
        ("new", "short"),
        ("again", "short"),
    ];
    shows(
        &Browser::new(&site.app).submit("/invite", &form).await,
        422,
        "role=\"alert\"",
    );
    let form = [
        ("token", token.as_str()),
        ("username", "guest"),
        ("new", PASSWORD),
        ("again", "x"),
    ];
    shows(
        &Browser::new(&site.app).submit("/invite", &form).await,
        422,
        "differ",
    );
    accept(&site.app, &token, "guest").await.is(303);
}

async fn y437_an_address_that_mail_does_not_carry_is_refused_at_once(site: Mailing) {
    let token = site.log_in("alice").await;
    for address in ["a@c.example,d", "a;b@c", "a@b..c"] {
        let body = json!({ "email": address });
        let refused = invite(&site, site.admin().await, body.clone()).await;
        let why = refused.is(422).json.to_string();
        assert!(
            why.contains("email") && why.contains("mail cannot be sent"),
            "{why}"
        );
        site.patch("/api/me", &token, body).await.is(422);
        Browser::new(&site)
            .submit("/signup", &[("email", address)])
            .await
            .is(422);
    }
    site.all_done().await;
    assert!(site.server.mails().is_empty());
    assert_eq!(site.db.count("rolecall_invitations").await, 0);
}

async fn nobody_invites_beyond_what_they_hold(site: Mailing) {
    site.create_role("clerk", &["rolecall.users:write"]).await;
    site.create_user("clerk", &["clerk"]).await;
    let clerk = site.log_in("clerk").await;
    for (body, status) in [
        (json!({ "email": GUEST, "roles": ["rolecall.admin"] }), 403),
        (json!({ "email": "no address" }), 422),
        (json!({ "email": "a@b\r\nBcc: c@d" }), 422),
    ] {
        invite(&site, &clerk, body).await.is(status);
    }
    invite(
        &site,
        site.admin().await,
        json!({ "email": GUEST, "roles": ["none"] }),
    )
    .await
    .is(404);
    invite(
        &site,
        &site.log_in("alice").await,
        json!({ "email": GUEST }),
    )
    .await
    .is(403);
    site.all_done().await;
    assert!(site.server.mails().is_empty());
    invite(&site, &clerk, json!({ "email": GUEST }))
        .await
        .is(201);
    site.server.count(1).await;
}

async fn without_mail_the_command_line_prints_the_link(db: Database) {
    // the command has the time of day
    let app = TestApp::configured(db, |builder| builder.clock(SystemClock)).await;
    let refused = app
        .post(
            "/api/invitations",
            app.admin().await,
            json!({ "email": GUEST }),
        )
        .await;
    assert_eq!(refused.is(409).json["rule"], "no_mail");
    app.create_role("editor", &["items:write"]).await;
    let printed = run(&app, &["user", "invite", GUEST, "--role", "editor"]).await;
    let token = printed
        .lines()
        .next()
        .unwrap()
        .split_once("?token=")
        .unwrap()
        .1;
    assert!(printed.starts_with(crate::support::ISSUER), "{printed}");
    accept(&app, token, "guest").await.is(303);
    let id = app.id_of("guest").await;
    let assigned = app
        .get(format!("/api/users/{id}/roles"), app.admin().await)
        .await;
    assert_eq!(assigned.items("role"), ["editor"]);
    let user = app.get(format!("/api/users/{id}"), app.admin().await).await;
    assert_eq!(user.json["email_verified"], false, "nobody has proven it");
    let error = run_failing(&app, &["user", "invite", GUEST, "--role", "none"]).await;
    assert!(error.contains("none"), "{error}");
}

async fn y479_an_inviter_whose_roles_are_kept_apart_has_invited(site: Mailing) {
    let needed = ["rolecall.users:write", "rolecall.assignments:write"];
    site.create_role("inviter", &needed).await;
    site.create_role("auditor", &["audits:read"]).await;
    let carol = site.create_user("carol", &["inviter"]).await;
    let token = site.log_in("carol").await;
    invite(
        &site,
        &token,
        json!({ "email": GUEST, "roles": ["inviter"] }),
    )
    .await
    .is(201);
    let link = site.server.count(1).await[0].token();
    let body = json!({
        "name": "apart", "kind": "dynamic", "roles": ["inviter", "auditor"], "at_most": 1,
    });
    let created = site.post("/api/constraints", site.admin().await, body);
    created.await.is(201);
    site.assign(&carol, "auditor").await;
    let done = accept(&site.app, &link, "guest").await;
    assert_eq!(done.is(303).header("location"), Some("/invite?done=1"));
    let roles = "SELECT a.role FROM role_assignments a JOIN users u ON u.id = a.subject_id WHERE u.username = 'guest'";
    assert_eq!(site.db.texts(roles).await, ["inviter"]);
}
