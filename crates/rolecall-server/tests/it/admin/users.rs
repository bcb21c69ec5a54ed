//! Users: found, created, changed, and what they may do and why.

use std::time::Duration;

use serde_json::json;

use super::{between, is_done, page, signed_in};
use crate::support::{Browser, NEW_PASSWORD, PASSWORD, TestApp, audit_is_whole, claims, on_both};

on_both![
    users_are_found_by_filters_in_an_order_page_by_page,
    a_user_is_created_with_a_code_that_is_shown_once,
    a_user_is_invited_with_a_link,
    what_is_wrong_is_said_beside_what_was_entered,
    what_is_wrong_is_said_in_the_language_of_the_page,
    a_role_until_tomorrow_is_given_explained_and_taken_away,
    every_permission_of_a_page_is_one_of_a_token,
    a_user_is_disabled_and_enabled_and_sessions_end,
    a_reset_shows_a_code_and_a_session_is_ended_alone,
    the_delegation_limit_and_the_last_administrator_hold_on_the_pages,
    a_selection_is_previewed_and_changed,
    the_preview_of_a_selection_has_the_exact_time_of_its_end,
    y501_a_selection_with_oneself_shows_how_far_it_came,
    y460_hostile_names_stay_text_on_every_page,
    name_and_address_are_changed,
];

/// Returns the names in the list of users, in their order.
async fn names(browser: &mut Browser<'_>, path: &str) -> Vec<String> {
    let text = page(&browser.open(path).await, 200);
    let rows = text.split("<strong>").skip(1);
    rows.filter_map(|row| Some(row.split_once("</strong></a>")?.0.to_owned()))
        .collect()
}

async fn users_are_found_by_filters_in_an_order_page_by_page(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let mut ids = Vec::new();
    for name in ["dora", "anna", "carl", "bert"] {
        app.pass_time(Duration::from_secs(1));
        ids.push(app.create_user(name, &[]).await);
    }
    app.assign(&ids[0], "editor").await;
    app.assign_in(&ids[1], "editor", "acme").await;
    let body = json!({ "status": "disabled", "email": "Carl@Example.org" });
    app.patch(format!("/api/users/{}", ids[2]), app.admin().await, body)
        .await
        .is(200);
    let mut browser = signed_in(&app, "admin").await;
    for (query, wanted) in [
        ("", "admin anna bert carl dora"),
        ("?sort=-name", "dora carl bert anna admin"),
        ("?sort=created", "admin dora anna carl bert"),
        ("?sort=-created", "bert carl anna dora admin"),
        ("?q=AR", "carl"),
        ("?q=example.org", "carl"),
        ("?q=%25", ""),
        ("?q=_", ""),
        // a field with a NUL counts as missing
        ("?q=%00", "admin anna bert carl dora"),
        ("?status=disabled", "carl"),
        ("?status=active&q=a", "admin anna dora"),
        ("?role=editor", "anna dora"),
        ("?role=editor&tenant=acme", "anna"),
        ("?tenant=acme", "anna"),
        ("?role=nothing", ""),
        ("?without_factor=on", "admin anna bert carl dora"),
        ("?sort=password_hash", "admin anna bert carl dora"),
    ] {
        let found = names(&mut browser, &format!("/admin/users{query}")).await;
        assert_eq!(found.join(" "), wanted, "{query}");
    }
    for number in 0..60 {
        app.pass_time(Duration::from_secs(1));
        app.create_user(&format!("many{number:02}"), &[]).await;
    }
    for sort in ["name", "-name", "created", "-created"] {
        let mut found = Vec::new();
        let mut path = format!("/admin/users?sort={sort}&q=many");
        loop {
            found.extend(names(&mut browser, &path).await);
            let text = page(&browser.open(&path).await, 200);
            let next = between(&text, "rel=\"next\" href=\"", "\"");
            if next.is_empty() {
                break;
            }
            path = next.replace("&amp;", "&");
        }
        let mut sorted = found.clone();
        sorted.sort_unstable();
        if sort.starts_with('-') {
            sorted.reverse();
        }
        assert_eq!((found.len(), &found), (60, &sorted), "{sort}");
    }
}

async fn a_user_is_created_with_a_code_that_is_shown_once(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let mut browser = signed_in(&app, "admin").await;
    browser.open("/admin/users/new").await.is(200);
    let form = [
        ("username", "alice"),
        ("email", ""),
        ("role", "editor"),
        ("way", "code"),
    ];
    let created = browser.submit("/admin/users/new", &form).await;
    let text = page(&created, 200);
    let code = between(&text, "<code class=\"code\">", "</code>").to_owned();
    assert!(code.len() > 20, "{text}");
    let id = app.id_of("alice").await;
    let text = page(&browser.open(&format!("/admin/users/{id}")).await, 200);
    assert!(text.contains("Has to choose a password") && !text.contains(&code));
    let node = app.second_node().await;
    node.replace_password("alice", &code, NEW_PASSWORD)
        .await
        .is(204);
    let token = app.password_grant("alice", NEW_PASSWORD).await;
    assert_eq!(
        claims(&token.is(200).text("access_token"))["roles"],
        json!(["editor"])
    );
    assert!(audit_is_whole(&app).await);
}

async fn a_user_is_invited_with_a_link(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    let form = [
        ("way", "invite"),
        ("email", "alice@example.org"),
        ("username", ""),
    ];
    let text = page(&browser.submit("/admin/users/new", &form).await, 200);
    let link = between(&text, "<code class=\"code\">", "</code>");
    let (_, path) = link.split_once("/invite").unwrap();
    let mut invited = Browser::new(&app);
    invited
        .open(&format!("/invite{}", path.replace("&amp;", "&")))
        .await
        .is(200);
    let form = [("way", "invite"), ("email", "not an address")];
    let text = page(&browser.submit("/admin/users/new", &form).await, 422);
    assert!(
        text.contains("href=\"#email\"") && text.contains("value=\"not an address\""),
        "{text}"
    );
}

async fn what_is_wrong_is_said_in_the_language_of_the_page(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await.preferring("de");
    let new = "/admin/users/new";
    for (form, status, text) in [
        (
            vec![("username", "")],
            422,
            "Wählen Sie einen Benutzernamen.",
        ),
        (vec![("username", "admin")], 409, "`admin` gibt es schon."),
        (
            vec![("username", "nina"), ("role", "nothing")],
            404,
            "`nothing` gibt es nicht.",
        ),
    ] {
        let shown = page(&browser.submit(new, &form).await, status);
        assert!(shown.contains(text), "{form:?}: {shown}");
    }
    let shown = page(&browser.open("/admin/roles/nothing").await, 404);
    assert!(shown.contains("`nothing` gibt es nicht."), "{shown}");
}

async fn what_is_wrong_is_said_beside_what_was_entered(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    let id = app.create_user("alice", &[]).await;
    let path = format!("/admin/users/{id}/assign");
    for (form, field) in [
        (vec![("role", "No Role")], "role"),
        (vec![("role", "user"), ("tenant", "No Tenant")], "tenant"),
        (vec![("role", "user"), ("until", "tomorrow")], "until"),
        (
            vec![("role", "user"), ("until", "2020-01-01T00:00")],
            "until",
        ),
        (vec![("role", "user"), ("reason", "\u{202e}")], "reason"),
    ] {
        let text = page(&browser.submit(&path, &form).await, 422);
        assert!(
            text.contains(&format!("href=\"#{field}\"")),
            "{field}: {text}"
        );
        assert!(text.contains("role=\"alert\""), "{field}");
    }
    let unknown = [("role", "nothing")];
    let text = page(&browser.submit(&path, &unknown).await, 404);
    assert!(text.contains("no role `nothing`") && text.contains("value=\"nothing\""));
    for (form, status) in [
        (vec![("username", "alice")], 409),
        (vec![("username", "")], 422),
        (vec![("username", "x"), ("role", "A b")], 422),
    ] {
        let text = page(&browser.submit("/admin/users/new", &form).await, status);
        assert!(text.contains("id=\"faults\""), "{text}");
    }
}

async fn a_role_until_tomorrow_is_given_explained_and_taken_away(app: TestApp) {
    app.create_role("viewer", &["items:read"]).await;
    app.create_plain_role("editor", &[]).await;
    app.inherit("editor", "viewer").await;
    let id = app.create_user("alice", &[]).await;
    let path = format!("/admin/users/{id}");
    let mut browser = signed_in(&app, "admin").await;
    let form = [
        ("role", "editor"),
        ("until", "2030-01-02T00:00"),
        ("reason", "stands in"),
    ];
    is_done(
        &browser.submit(&format!("{path}/assign"), &form).await,
        &path,
        "assigned",
    );
    let text = page(&browser.open(&format!("{path}?done=assigned")).await, 200);
    for shown in [
        "The role is assigned.",
        "datetime=\"2030-01-02T00:00:00Z\"",
        "stands in",
        "admin",
        "<ol class=\"path\"><li>editor</li><li>viewer</li></ol>",
        "<code>items:read</code>",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    let token = app.log_in("alice").await;
    app.get("/items/", &token).await.is(200);
    let asked = page(
        &browser.open(&format!("{path}/unassign?role=editor")).await,
        200,
    );
    assert!(asked.contains("Take the role editor away") && asked.contains("alice loses the role"));
    let form = [("role", "editor"), ("tenant", "")];
    is_done(
        &browser.submit(&format!("{path}/unassign"), &form).await,
        &path,
        "unassigned",
    );
    app.get("/items/", &token).await.ended_token();
    let text = page(&browser.open(&path).await, 200);
    assert!(!text.contains("items:read") && text.contains("No role yet."));
    let entry = app.newest_entry().await;
    assert!(entry.to_string().contains("role.unassigned"), "{entry}");
}

async fn every_permission_of_a_page_is_one_of_a_token(app: TestApp) {
    for (role, permissions) in [
        ("a", vec!["items:read"]),
        ("b", vec!["items:write"]),
        ("c", vec!["docs:*"]),
    ] {
        for permission in permissions.iter().chain(&["docs:read", "docs:list"]) {
            if !permission.ends_with('*') {
                app.create_permission(permission).await;
            }
        }
        app.create_role(role, &permissions).await;
    }
    app.inherit("a", "b").await;
    let id = app.create_user("alice", &["a", "c"]).await;
    let mut browser = signed_in(&app, "admin").await;
    let text = page(&browser.open(&format!("/admin/users/{id}")).await, 200);
    let section = between(&text, "id=\"permissions\"", "</table>");
    let mut shown: Vec<&str> = section
        .split("<code>")
        .skip(1)
        .filter_map(|one| one.split_once("</code>"))
        .map(|one| one.0)
        .collect();
    shown.retain(|one| !one.ends_with('*'));
    let token = claims(&app.log_in("alice").await);
    let mut carried: Vec<&str> = token["scope"].as_str().unwrap().split(' ').collect();
    carried.sort_unstable();
    assert_eq!(shown, carried);
}

async fn a_user_is_disabled_and_enabled_and_sessions_end(app: TestApp) {
    app.create_role("viewer", &["items:read"]).await;
    let id = app.create_user("alice", &["viewer"]).await;
    let path = format!("/admin/users/{id}");
    let token = app.log_in("alice").await;
    let mut browser = signed_in(&app, "admin").await;
    let text = page(&browser.open(&format!("{path}/disable")).await, 200);
    assert!(
        text.contains("Disable alice") && text.contains("one session of an application ends"),
        "{text}"
    );
    is_done(
        &browser.submit(&format!("{path}/disable"), &[]).await,
        &path,
        "user-disabled",
    );
    app.get("/items/", &token).await.ended_token();
    app.password_grant("alice", PASSWORD).await.is(401);
    let text = page(&browser.open(&path).await, 200);
    assert!(text.contains("/enable") && text.contains("Disabled"));
    is_done(
        &browser.submit(&format!("{path}/enable"), &[]).await,
        &path,
        "user-enabled",
    );
    let token = app.log_in("alice").await;
    browser.open(&format!("{path}/sessions")).await.is(200);
    is_done(
        &browser
            .submit(&format!("{path}/sessions"), &[("session", "")])
            .await,
        &path,
        "ended",
    );
    app.get("/items/", &token).await.ended_token();
}

async fn a_reset_shows_a_code_and_a_session_is_ended_alone(app: TestApp) {
    app.create_role("viewer", &["items:read"]).await;
    let id = app.create_user("alice", &["viewer"]).await;
    let path = format!("/admin/users/{id}");
    let (one, other) = (app.log_in("alice").await, app.log_in("alice").await);
    let session = crate::support::session_id(&one);
    let mut browser = signed_in(&app, "admin").await;
    let text = page(&browser.open(&path).await, 200);
    assert!(
        text.contains(&format!("/sessions?session={session}")),
        "{text}"
    );
    let form = [("session", session.as_str())];
    is_done(
        &browser.submit(&format!("{path}/sessions"), &form).await,
        &path,
        "ended",
    );
    app.get("/items/", &one).await.ended_token();
    app.get("/items/", &other).await.is(200);
    let text = page(&browser.open(&format!("{path}/reset")).await, 200);
    assert!(text.contains("The present password stops working."));
    let text = page(&browser.submit(&format!("{path}/reset"), &[]).await, 200);
    assert!(between(&text, "<code class=\"code\">", "</code>").len() > 20);
    app.get("/items/", &other).await.ended_token();
}

async fn the_delegation_limit_and_the_last_administrator_hold_on_the_pages(app: TestApp) {
    app.create_role(
        "clerk",
        &[
            "rolecall.users:read",
            "rolecall.users:write",
            "rolecall.assignments:read",
            "rolecall.assignments:write",
        ],
    )
    .await;
    app.create_role("editor", &["items:read"]).await;
    app.create_user("clerk", &["clerk"]).await;
    let alice = app.create_user("alice", &[]).await;
    let admin = app.id_of("admin").await;
    let mut clerk = signed_in(&app, "clerk").await;
    let form = [("role", "editor")];
    let text = page(
        &clerk
            .submit(&format!("/admin/users/{alice}/assign"), &form)
            .await,
        403,
    );
    assert!(
        text.contains("You can only give") && text.contains("items:read"),
        "{text}"
    );
    let form = [("role", "rolecall.admin")];
    clerk
        .submit(&format!("/admin/users/{alice}/assign"), &form)
        .await
        .is(403);
    for action in ["disable", "reset", "delete"] {
        let refused = clerk
            .submit(&format!("/admin/users/{admin}/{action}"), &[])
            .await;
        assert!(
            page(&refused, 403).contains("You can only give"),
            "{action}"
        );
    }
    let mut browser = signed_in(&app, "admin").await;
    for action in ["disable", "delete"] {
        let text = page(
            &browser
                .submit(&format!("/admin/users/{admin}/{action}"), &[])
                .await,
            409,
        );
        assert!(
            text.contains("the last active holder of `rolecall.admin` stays"),
            "{text}"
        );
    }
    browser.open("/admin").await.is(200);
}

async fn a_selection_is_previewed_and_changed(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let ids = [
        app.create_user("alice", &["editor"]).await,
        app.create_user("bob", &[]).await,
    ];
    let mut browser = signed_in(&app, "admin").await;
    let chosen = format!("user={}&user={}", ids[0], ids[1]);
    let preview = format!("/admin/users/bulk?action=assign&role=editor&{chosen}");
    let revision = app.db.revision().await;
    let text = page(&browser.open(&preview).await, 200);
    assert!(
        text.contains("Has the role already") && text.contains("Gets the role"),
        "{text}"
    );
    assert!(text.contains("This changes one user."), "{text}");
    assert_eq!(app.db.revision().await, revision);
    let with = |action| {
        [
            ("action", action),
            ("role", "editor"),
            ("user", &*ids[0]),
            ("user", &*ids[1]),
        ]
    };
    let text = page(
        &browser.submit("/admin/users/bulk", &with("assign")).await,
        200,
    );
    assert!(text.contains("Done for 2 users."), "{text}");
    let text = page(
        &browser
            .open(&format!(
                "/admin/users/bulk?action=unassign&role=editor&{chosen}"
            ))
            .await,
        200,
    );
    assert!(text.contains("This changes 2 users."), "{text}");
    page(
        &browser.submit("/admin/users/bulk", &with("unassign")).await,
        200,
    );
    let admin = app.id_of("admin").await;
    let form = [("action", "disable"), ("user", &*ids[0]), ("user", &*admin)];
    let text = page(&browser.submit("/admin/users/bulk", &form).await, 200);
    assert!(
        text.contains("Done for one user.") && text.contains("Not done:"),
        "{text}"
    );
    for (id, status) in [
        (&ids[0], "disabled"),
        (&ids[1], "active"),
        (&admin, "active"),
    ] {
        let shown = app.get(format!("/api/users/{id}"), app.admin().await).await;
        assert_eq!(shown.is(200).text("status"), status);
    }
    for (query, status) in [
        ("action=assign&role=editor", 422),
        ("action=destroy&user=x", 404),
    ] {
        browser
            .open(&format!("/admin/users/bulk?{query}"))
            .await
            .is(status);
    }
}

async fn the_preview_of_a_selection_has_the_exact_time_of_its_end(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &[]).await;
    let mut browser = signed_in(&app, "admin").await;
    let preview =
        format!("/admin/users/bulk?action=assign&role=editor&user={alice}&until=2030-01-02T00:00");
    let shown = page(&browser.open(&preview).await, 200);
    // which the browser shows in its zone
    let time = "<dd><time datetime=\"2030-01-02T00:00:00Z\"";
    assert!(shown.contains(time), "{shown}");
    let kept = "name=\"until\" value=\"2030-01-02T00:00\"";
    assert!(shown.contains(kept), "{shown}");
}

async fn y501_a_selection_with_oneself_shows_how_far_it_came(app: TestApp) {
    app.create_user("other", &["rolecall.admin"]).await;
    let ids = [
        app.create_user("aaron", &[]).await,
        app.id_of("admin").await,
        app.create_user("bob", &[]).await,
    ];
    let mut browser = signed_in(&app, "admin").await;
    let form = [
        ("action", "disable"),
        ("user", &*ids[0]),
        ("user", &*ids[1]),
        ("user", &*ids[2]),
    ];
    let text = page(&browser.submit("/admin/users/bulk", &form).await, 200);
    assert!(
        text.contains("Done for 2 users.") && text.contains("You may no longer do that."),
        "{text}"
    );
    let other = app.log_in("other").await;
    for (id, status) in ids.iter().zip(["disabled", "disabled", "active"]) {
        let shown = app.get(format!("/api/users/{id}"), &other).await;
        assert_eq!(shown.is(200).text("status"), status);
    }
}

async fn y460_hostile_names_stay_text_on_every_page(app: TestApp) {
    let hostile = "\"'><script>alert(1)</script>&";
    app.create_role("editor", &["items:read"]).await;
    let mut browser = signed_in(&app, "admin").await;
    let id = app.create_user("alice", &[]).await;
    let token = app.admin().await;
    let body = json!({ "reason": hostile });
    app.put_json(format!("/api/users/{id}/roles/editor"), token, body)
        .await
        .is(204);
    let query: String = form_urlencoded::byte_serialize(hostile.as_bytes()).collect();
    for path in [
        format!("/admin/users/{id}"),
        format!("/admin/users/{query}"),
        format!(
            "/admin/users?q={query}&role={query}&tenant={query}&status={query}&sort={query}&after={query}"
        ),
        format!("/admin/users/new?username={query}&email={query}&role={query}"),
        format!(
            "/admin/users/{id}/assign?role={query}&tenant={query}&until={query}&reason={query}"
        ),
        format!("/admin/users/{id}/unassign?role={query}"),
        format!("/admin/users/{id}/sessions?session={query}"),
        format!("/admin/users/{id}/factors?factor={query}"),
        format!("/admin/users/bulk?action={query}&user={query}"),
        format!(
            "/admin/users/bulk?action=assign&role={query}&user={id}&tenant={query}&until={query}"
        ),
        format!("/admin?done={query}"),
        format!("/admin/tenant?x={query}"),
    ] {
        let shown = browser.open(&path).await;
        let text = String::from_utf8_lossy(&shown.body).into_owned();
        assert!(!text.contains("<script>alert"), "{path}: {text}");
        assert!(shown.status.as_u16() < 500, "{path}: {}", shown.status);
    }
    for path in ["new", &format!("{id}/edit"), &format!("{id}/assign")] {
        let form = [
            ("username", hostile),
            ("email", hostile),
            ("role", hostile),
            ("reason", hostile),
        ];
        let text = page(
            &browser.submit(&format!("/admin/users/{path}"), &form).await,
            422,
        );
        assert!(!text.contains("<script>alert"), "{path}: {text}");
    }
}

async fn name_and_address_are_changed(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    app.create_user("bob", &[]).await;
    let path = format!("/admin/users/{id}");
    let mut browser = signed_in(&app, "admin").await;
    let text = page(&browser.open(&format!("{path}/edit")).await, 200);
    assert!(text.contains("value=\"alice\""));
    let form = [("username", "alina"), ("email", "alina@example.org")];
    is_done(
        &browser.submit(&format!("{path}/edit"), &form).await,
        &path,
        "saved",
    );
    let shown = app
        .get(&path.replace("/admin", "/api"), app.admin().await)
        .await;
    assert_eq!(shown.is(200).text("username"), "alina");
    assert_eq!(shown.text("email"), "alina@example.org");
    let taken = [("username", "bob"), ("email", "")];
    let text = page(&browser.submit(&format!("{path}/edit"), &taken).await, 409);
    assert!(text.contains("value=\"bob\""), "{text}");
}
