//! Invitations: listed and withdrawn.

use std::time::Duration;

use serde_json::{Value, json};

use super::{between, is_done, page, signed_in};
use crate::support::{Browser, Database, PASSWORD, Response, TestApp, on_both, run, run_failing};

on_both![
    an_invitation_is_listed_and_its_link_is_dead_after_its_withdrawal,
    invitations_are_listed_page_by_page,
    somebody_is_invited_with_roles_in_a_tenant,
    y461_a_reader_sees_invitations_and_withdraws_none,
    y461_who_may_not_read_users_sees_no_invitation,
    y463_forms_of_other_sites_withdraw_nothing,
    an_invitation_that_does_not_exist_any_more_is_not_found,
    y534_a_help_desk_gets_no_link_to_an_account_where_no_mail_is_sent,
    y534_a_link_that_was_shown_proves_no_address,
    y534_a_link_that_was_shown_takes_no_address_from_others,
    y534_whoever_comes_under_the_limit_has_passed_on_no_link,
    nobody_sees_who_is_signing_up,
    the_command_line_lists_and_withdraws_invitations,
    y461_a_user_on_the_command_line_needs_the_same_permissions,
];

const PATH: &str = "/admin/invitations";
const ENDED: &str = "This link does not work any more";

/// Invites by the form, and returns the path of the link.
async fn invite(browser: &mut Browser<'_>, address: &str, role: &str) -> String {
    let form = [("way", "invite"), ("email", address), ("role", role)];
    let text = page(&browser.submit("/admin/users/new", &form).await, 200);
    assert!(text.contains(&format!("href=\"{PATH}\"")), "{text}");
    let link = between(&text, "<code class=\"code\">", "</code>");
    let (_, query) = link.split_once("/invite?").unwrap();
    format!("/invite?{}", query.replace("&amp;", "&"))
}

/// Returns the paths of the invitations on a page.
fn paths(text: &str) -> Vec<String> {
    let begin = format!("<a href=\"{PATH}/");
    let links = text.split(&begin).skip(1);
    let ids = links.filter_map(|link| link.split('"').next());
    ids.map(|id| format!("{PATH}/{id}")).collect()
}

/// Returns the only invitation.
async fn only(browser: &mut Browser<'_>) -> String {
    let mut found = paths(&page(&browser.open(PATH).await, 200));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

async fn withdraw(browser: &mut Browser<'_>, path: &str) -> Response {
    browser.submit(path, &[("step", "withdraw")]).await
}

async fn count(app: &TestApp) -> i64 {
    app.db.count("rolecall_invitations").await
}

async fn an_invitation_is_listed_and_its_link_is_dead_after_its_withdrawal(app: TestApp) {
    app.create_role("editor", &["items:write"]).await;
    let mut browser = signed_in(&app, "admin").await;
    let text = page(&browser.open(PATH).await, 200);
    assert!(text.contains("Nobody is invited."), "{text}");
    let text = page(&browser.open("/admin/users").await, 200);
    assert!(text.contains("class=\"button\" href=\"/admin/invitations\""));
    let link = invite(&mut browser, "guest@example.org", "editor").await;
    // ids of the same millisecond have no order
    app.pass_time(Duration::from_millis(2));
    let other = invite(&mut browser, "other@example.org", "").await;
    let text = page(&browser.open(PATH).await, 200);
    for shown in ["guest@example.org", "editor", "admin", "other@example.org"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert!(!text.contains("token="), "nobody is shown the link again");
    let path = paths(&text).remove(0);
    // opening the page, and a form that names no step, change nothing
    let text = page(&browser.open(&path).await, 200);
    assert!(text.contains("Invitation of guest@example.org") && text.contains("All tenants"));
    page(&browser.submit(&path, &[]).await, 200);
    page(&browser.open(&format!("{path}?step=withdraw")).await, 200);
    page(&Browser::new(&app).open(&link).await, 200);
    is_done(
        &withdraw(&mut browser, &path).await,
        PATH,
        "invitation-withdrawn",
    );
    let text = page(
        &browser
            .open(&format!("{PATH}?done=invitation-withdrawn"))
            .await,
        200,
    );
    assert!(
        text.contains("The invitation is withdrawn.") && !text.contains("guest@example.org"),
        "{text}"
    );
    let text = page(&Browser::new(&app).open(&link).await, 400);
    assert!(text.contains(ENDED), "{text}");
    page(&Browser::new(&app).open(&other).await, 200);
    let entry = app.newest_entry().await.to_string();
    assert!(entry.contains("invitation.ended"), "{entry}");
    assert!(!entry.contains("guest@"), "{entry}");
}

async fn invitations_are_listed_page_by_page(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    for number in 0..52 {
        app.pass_time(Duration::from_millis(2));
        invite(&mut browser, &format!("guest{number:02}@example.org"), "").await;
    }
    let text = page(&browser.open(PATH).await, 200);
    assert_eq!(paths(&text).len(), 50);
    assert!(!text.contains("guest50@example.org"));
    let next = between(&text, "rel=\"next\" href=\"", "\"").replace("&amp;", "&");
    let text = page(&browser.open(&next).await, 200);
    assert_eq!(paths(&text).len(), 2, "{text}");
    assert!(text.contains("guest50@example.org") && text.contains("guest51@example.org"));
    assert!(!text.contains("rel=\"next\""));
    assert!(text.contains(&format!("class=\"button\" href=\"{PATH}\"")));
    for path in ["?after=zzz", "?after=%27%3B--", "?after=%00"] {
        page(&browser.open(&format!("{PATH}{path}")).await, 200);
    }
}

async fn somebody_is_invited_with_roles_in_a_tenant(app: TestApp) {
    for role in ["editor", "viewer"] {
        app.create_role(role, &["items:read"]).await;
    }
    let mut browser = signed_in(&app, "admin").await;
    let form = [
        ("username", "nina"),
        ("email", "guest@example.org"),
        ("role", "viewer, editor"),
        ("tenant", "acme"),
    ];
    // without an invitation, roles in a tenant wait until there is the user
    let refused = page(&browser.submit("/admin/users/new", &form).await, 422);
    assert!(refused.contains("href=\"#tenant\""), "{refused}");
    assert!(refused.contains("value=\"viewer, editor\""), "{refused}");
    let form = [&form[..], &[("way", "invite")]].concat();
    page(&browser.submit("/admin/users/new", &form).await, 200);
    let found = app.get("/api/invitations", app.admin().await).await;
    let invitation = &found.is(200).json["items"][0];
    assert_eq!(invitation["roles"], json!(["editor", "viewer"]));
    assert_eq!(invitation["tenant"], "acme");
    let path = only(&mut browser).await;
    let text = page(&browser.open(&path).await, 200);
    for shown in ["editor, viewer", "acme"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    // several roles at once for a user who is created, too
    let form = [("username", "otto"), ("role", "editor viewer")];
    page(&browser.submit("/admin/users/new", &form).await, 200);
    let listed = app.get("/api/users?username=otto", app.admin().await).await;
    assert_eq!(
        listed.is(200).json["items"][0]["roles"],
        json!(["editor", "viewer"])
    );
}

async fn y461_a_reader_sees_invitations_and_withdraws_none(app: TestApp) {
    app.create_role("reader", &["rolecall.users:read"]).await;
    app.create_user("reader", &["reader"]).await;
    let link = invite(&mut signed_in(&app, "admin").await, "guest@example.org", "").await;
    let mut reader = signed_in(&app, "reader").await;
    let text = page(&reader.open(PATH).await, 200);
    assert!(text.contains("guest@example.org") && !text.contains("/admin/users/new"));
    let path = only(&mut reader).await;
    let text = page(&reader.open(&path).await, 200);
    assert!(text.contains("guest@example.org") && !text.contains("value=\"withdraw\""));
    let text = page(&withdraw(&mut reader, &path).await, 403);
    assert!(text.contains("rolecall.users:write"), "{text}");
    page(&Browser::new(&app).open(&link).await, 200);
}

async fn y461_who_may_not_read_users_sees_no_invitation(app: TestApp) {
    app.create_role("auditor", &["rolecall.audit:read"]).await;
    app.create_role("writer", &["rolecall.users:write"]).await;
    let permissions = [
        "rolecall.users:read",
        "rolecall.users:write",
        "rolecall.assignments:read",
    ];
    app.create_role("local", &permissions).await;
    app.create_user("auditor", &["auditor"]).await;
    app.create_user("writer", &["writer"]).await;
    let local = app.create_user("local", &[]).await;
    app.assign_in(&local, "local", "acme").await;
    let mut admin = signed_in(&app, "admin").await;
    invite(&mut admin, "guest@example.org", "").await;
    let path = only(&mut admin).await;
    for name in ["auditor", "writer", "local"] {
        let mut browser = signed_in(&app, name).await;
        let text = page(&browser.open("/admin").await, 200);
        assert!(!text.contains(PATH), "{name}: {text}");
        for text in [
            page(&browser.open(PATH).await, 403),
            page(&browser.open(&path).await, 403),
            page(&withdraw(&mut browser, &path).await, 403),
        ] {
            assert!(text.contains("rolecall.users:read"), "{name}: {text}");
            assert!(!text.contains("guest@example.org"), "{name}: {text}");
        }
    }
    assert_eq!(count(&app).await, 1);
}

async fn y463_forms_of_other_sites_withdraw_nothing(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    invite(&mut browser, "guest@example.org", "").await;
    let path = only(&mut browser).await;
    for foreign in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ] {
        let form = [("step", "withdraw")];
        let sent = browser.submit_with(&path, &form, &[foreign]).await;
        sent.is(403);
    }
    // a sign-in that is needed in between comes back to the page
    let sent = withdraw(&mut Browser::new(&app), &path).await;
    let location = sent.is(303).header("location").unwrap();
    assert!(location.starts_with("/login?flow="), "{location}");
    assert_eq!(count(&app).await, 1);
}

async fn an_invitation_that_does_not_exist_any_more_is_not_found(app: TestApp) {
    app.create_user("second", &["rolecall.admin"]).await;
    let mut first = signed_in(&app, "admin").await;
    let mut second = signed_in(&app, "second").await;
    for unknown in [
        "nothing",
        "%3Cprobe%3E",
        "0197a3c8-5d52-7000-8000-000000000000",
    ] {
        let path = format!("{PATH}/{unknown}");
        for text in [
            page(&first.open(&path).await, 404),
            page(&withdraw(&mut first, &path).await, 404),
        ] {
            assert!(
                text.contains("Not found") && !text.contains("<probe"),
                "{text}"
            );
        }
    }
    invite(&mut first, "guest@example.org", "").await;
    let path = only(&mut first).await;
    page(&second.open(&path).await, 200);
    withdraw(&mut first, &path).await.is(303);
    page(&withdraw(&mut second, &path).await, 404);
    // an invitation to the same address is another one
    let link = invite(&mut first, "guest@example.org", "").await;
    page(&withdraw(&mut second, &path).await, 404);
    page(&Browser::new(&app).open(&link).await, 200);
    let path = only(&mut first).await;
    app.pass_time(Duration::from_hours(7 * 24));
    let mut later = signed_in(&app, "admin").await;
    page(&later.open(&path).await, 404);
    assert!(paths(&page(&later.open(PATH).await, 200)).is_empty());
}

/// Creates a user to whom the delegation limit applies.
async fn help_desk(app: &TestApp) -> String {
    let permissions = ["rolecall.users:read", "rolecall.users:write"];
    app.create_role("desk", &permissions).await;
    app.create_user("desk", &["desk"]).await
}

/// Accepts an invitation by the path of its link.
async fn accept(app: &TestApp, link: &str, name: &str) -> Response {
    let (_, token) = link.split_once("token=").unwrap();
    let form = [
        ("token", token),
        ("username", name),
        ("new", PASSWORD),
        ("again", PASSWORD),
    ];
    Browser::new(app).submit("/invite", &form).await
}

async fn y534_a_help_desk_gets_no_link_to_an_account_where_no_mail_is_sent(app: TestApp) {
    help_desk(&app).await;
    let mut desk = signed_in(&app, "desk").await;
    let text = page(&desk.open("/admin/users/new").await, 200);
    assert!(text.contains("id=\"way-code\""), "{text}");
    assert!(!text.contains("id=\"way-invite\""), "{text}");
    let form = [("way", "invite"), ("email", "frank@example.org")];
    let text = page(&desk.submit("/admin/users/new", &form).await, 409);
    assert!(
        text.contains("sends no mail") && !text.contains("token="),
        "{text}"
    );
    for command in ["user invite", "invitation create"] {
        let words = command.split(' ');
        let arguments: Vec<&str> = ["--as", "desk"]
            .into_iter()
            .chain(words)
            .chain(["frank@example.org"])
            .collect();
        let error = run_failing(&app, &arguments).await;
        assert!(error.contains("mail.url"), "{command}: {error}");
    }
    let body = json!({ "email": "frank@example.org" });
    let token = app.log_in("desk").await;
    let refused = app.post("/api/invitations", &token, body).await;
    assert_eq!(refused.is(409).json["rule"], "no_mail");
    assert_eq!(count(&app).await, 0);
}

async fn y534_a_link_that_was_shown_proves_no_address(app: TestApp) {
    let mut admin = signed_in(&app, "admin").await;
    let text = page(&admin.open("/admin/users/new").await, 200);
    assert!(text.contains("id=\"way-invite\""), "{text}");
    let link = invite(&mut admin, "frank@example.org", "").await;
    accept(&app, &link, "frank").await.is(303);
    let id = app.id_of("frank").await;
    let path = format!("/api/users/{id}");
    let user = app.get(path, app.admin().await).await;
    assert_eq!(user.text("email"), "frank@example.org");
    assert_eq!(user.json["email_verified"], false);
}

async fn y534_a_link_that_was_shown_takes_no_address_from_others(db: Database) {
    let app = TestApp::configured(db, |builder| builder.unique_email(true)).await;
    let mut admin = signed_in(&app, "admin").await;
    let link = invite(&mut admin, "frank@example.org", "").await;
    let body = json!({
        "username": "alice", "password": PASSWORD, "email": "frank@example.org",
    });
    let created = app.post("/api/users", app.admin().await, body).await;
    let path = format!("/api/users/{}", created.is(201).text("id"));
    page(&accept(&app, &link, "frank").await, 409);
    let alice = app.get(path, app.admin().await).await;
    assert_eq!(alice.text("email"), "frank@example.org");
    // nobody could accept another one
    let form = [("way", "invite"), ("email", "frank@example.org")];
    page(&admin.submit("/admin/users/new", &form).await, 409);
}

async fn y534_whoever_comes_under_the_limit_has_passed_on_no_link(app: TestApp) {
    help_desk(&app).await;
    let second = app.create_user("second", &["rolecall.admin"]).await;
    let mut browser = signed_in(&app, "second").await;
    let link = invite(&mut browser, "frank@example.org", "").await;
    app.assign(&second, "desk").await;
    app.unassign(&second, "rolecall.admin").await;
    let refused = accept(&app, &link, "frank").await;
    assert!(page(&refused, 400).contains(ENDED));
    assert_eq!(count(&app).await, 0);
}

async fn nobody_sees_who_is_signing_up(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    invite(&mut browser, "guest@example.org", "").await;
    let path = only(&mut browser).await;
    let by = "UPDATE rolecall_invitations SET invited_by = 'system'";
    app.db.execute(by).await;
    let text = page(&browser.open(PATH).await, 200);
    assert!(!text.contains("guest@example.org"), "{text}");
    page(&browser.open(&path).await, 404);
}

/// Lists the invitations with a command.
async fn listed(app: &TestApp) -> Value {
    let text = run(app, &["--json", "invitation", "list"]).await;
    serde_json::from_str(&text).unwrap()
}

async fn the_command_line_lists_and_withdraws_invitations(app: TestApp) {
    app.create_role("editor", &["items:write"]).await;
    let printed = run(&app, &["invitation", "list"]).await;
    assert!(printed.starts_with("INVITATION"), "{printed}");
    assert_eq!(printed.lines().count(), 1, "{printed}");
    let create = [
        "invitation",
        "create",
        "guest@example.org",
        "--role",
        "editor",
        "--tenant",
        "acme",
    ];
    let printed = run(&app, &create).await;
    assert!(printed.contains("/invite?token="), "{printed}");
    run(&app, &["user", "invite", "other@example.org"]).await;
    let found = listed(&app).await;
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    let (first, id) = (&found[0], found[0]["id"].as_str().unwrap());
    assert_eq!(
        (&first["email"], &first["roles"], &first["tenant"]),
        (
            &json!("guest@example.org"),
            &json!(["editor"]),
            &json!("acme")
        )
    );
    assert!(first["invited_by"].as_str().unwrap().starts_with("cli:"));
    let printed = run(&app, &["invitation", "list"]).await;
    for shown in [id, "guest@example.org", "editor", "acme", "cli:"] {
        assert!(printed.contains(shown), "{shown}: {printed}");
    }
    assert!(!printed.contains("token="), "{printed}");
    let printed = run(&app, &["invitation", "withdraw", id]).await;
    assert_eq!(printed, "the invitation is withdrawn\n");
    let refused = run_failing(&app, &["invitation", "withdraw", id]).await;
    assert_eq!(refused, format!("rolecall: no invitation `{id}`\n"));
    let found = listed(&app).await;
    assert_eq!(found.as_array().unwrap().len(), 1);
    let id = found[0]["id"].as_str().unwrap();
    let printed = run(&app, &["--json", "invitation", "withdraw", id]).await;
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed, json!({ "ok": true }));
    assert_eq!(listed(&app).await, json!([]));
}

async fn y461_a_user_on_the_command_line_needs_the_same_permissions(app: TestApp) {
    app.create_role("reader", &["rolecall.users:read"]).await;
    app.create_user("reader", &["reader"]).await;
    app.create_user("alice", &[]).await;
    run(&app, &["invitation", "create", "guest@example.org"]).await;
    let found = listed(&app).await;
    let id = found[0]["id"].as_str().unwrap();
    let printed = run(&app, &["--as", "reader", "invitation", "list"]).await;
    assert!(printed.contains("guest@example.org"), "{printed}");
    for refused in [
        &["--as", "reader", "invitation", "withdraw", id][..],
        &["--as", "reader", "invitation", "create", "x@example.org"],
        &["--as", "alice", "invitation", "list"],
        &["--as", "alice", "invitation", "withdraw", id],
    ] {
        let error = run_failing(&app, refused).await;
        assert!(error.contains("not permitted"), "{refused:?}: {error}");
    }
    assert_eq!(count(&app).await, 1);
}
