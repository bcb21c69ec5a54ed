//! Roles on the pages for administrators.

use serde_json::json;

use super::{is_done, page, signed_in};
use crate::support::{TestApp, on_both};

const AAL1: (&str, &str) = ("acr", "aal1");
/// What the page asks before another `acr` is saved.
const AGREED: (&str, &str) = ("confirmed", "aal1");

on_both![
    a_role_is_created_filled_given_and_deleted,
    what_a_role_gives_and_who_has_it_is_shown,
    another_assurance_is_saved_after_its_effects_are_shown,
    roles_are_listed_page_by_page,
    roles_and_permissions_are_found_by_name_and_description,
    what_is_wrong_with_a_role_is_said,
    y461_a_reader_of_roles_changes_none,
    y466_granting_a_permission_of_rolecall_needs_a_fresh_proof,
    y460_a_hostile_description_stays_text,
    a_role_of_rolecall_offers_nothing_that_is_always_refused,
    an_address_that_would_change_a_role_of_rolecall_shows_why_it_stays,
];

async fn a_role_of_rolecall_offers_nothing_that_is_always_refused(app: TestApp) {
    app.create_role("editor", &[]).await;
    let mut browser = signed_in(&app, "admin").await;
    for (role, offered) in [
        ("rolecall.admin", vec![]),
        ("rolecall.resource-server", vec![]),
        ("user", vec!["contents", "edit"]),
        ("editor", vec!["contents", "edit", "delete"]),
    ] {
        let path = format!("/admin/roles/{role}");
        let text = page(&browser.open(&path).await, 200);
        for action in ["contents", "edit", "delete"] {
            let is_offered = text.contains(&format!("href=\"{path}/{action}\""));
            assert_eq!(is_offered, offered.contains(&action), "{role} {action}");
        }
        let is_fixed = text.contains("it can be given, and stays as it is");
        assert_eq!(is_fixed, offered.is_empty(), "{role}: {text}");
    }
    // it can still be given
    let id = app.create_user("alice", &[]).await;
    let path = format!("/admin/users/{id}");
    let form = [("role", "rolecall.admin")];
    let given = browser.submit(&format!("{path}/assign"), &form).await;
    is_done(&given, &path, "assigned");
}

async fn an_address_that_would_change_a_role_of_rolecall_shows_why_it_stays(app: TestApp) {
    app.create_permission("items:read").await;
    let mut browser = signed_in(&app, "admin").await;
    for (path, form, reason) in [
        (
            "rolecall.admin/edit",
            vec![("acr", "phr")],
            "it can be given",
        ),
        (
            "rolecall.resource-server/edit",
            vec![("description", "x"), ("acr", "aal1")],
            "it can be given",
        ),
        (
            "rolecall.admin/contents",
            vec![("permission", "items:read")],
            "it can be given",
        ),
        ("rolecall.admin/delete", vec![], "cannot be deleted"),
        ("user/delete", vec![], "cannot be deleted"),
    ] {
        let path = format!("/admin/roles/{path}");
        let (role, _) = path.rsplit_once('/').unwrap();
        for sent in [
            browser.open(&path).await,
            browser.submit(&path, &form).await,
        ] {
            let text = page(&sent, 409);
            assert!(text.contains("role=\"alert\""), "{path}: {text}");
            assert!(text.contains(reason), "{path}: {text}");
            assert!(
                !text.contains(&format!("action=\"{path}\"")),
                "{path}: {text}"
            );
            // the page of the role, with those who have it
            let name = role.rsplit('/').next().unwrap();
            assert!(text.contains(&format!("<h1>{name}</h1>")), "{path}: {text}");
        }
    }
}

async fn a_role_is_created_filled_given_and_deleted(app: TestApp) {
    app.create_permission("items:read").await;
    app.create_role("viewer", &[]).await;
    let mut browser = signed_in(&app, "admin").await;
    browser.open("/admin/roles/new").await.is(200);
    let form = [
        ("name", "editor"),
        ("description", "Edits"),
        ("approval", "on"),
        ("acr", "aal2"),
    ];
    is_done(
        &browser.submit("/admin/roles/new", &form).await,
        "/admin/roles/editor",
        "role-created",
    );
    let stored = app.get("/api/roles/editor", app.admin().await).await;
    let stored = &stored.is(200).json;
    assert_eq!(
        (
            &stored["description"],
            &stored["approval"],
            &stored["by_name"],
            &stored["acr"]
        ),
        (&json!("Edits"), &json!(true), &json!(false), &json!("aal2"))
    );
    let contents = "/admin/roles/editor/contents";
    for form in [[("permission", "items:read")], [("junior", "viewer")]] {
        is_done(&browser.submit(contents, &form).await, contents, "saved");
    }
    let stored = app.get("/api/roles/editor", app.admin().await).await;
    assert_eq!(stored.texts("permissions"), ["items:read"]);
    assert_eq!(stored.texts("juniors"), ["viewer"]);
    for name in ["permission", "junior"] {
        let value = if name == "junior" {
            "viewer"
        } else {
            "items:read"
        };
        let form = [("remove", "yes"), (name, value)];
        is_done(&browser.submit(contents, &form).await, contents, "saved");
    }
    let form = [("description", "Other"), ("by_name", "on"), AAL1, AGREED];
    is_done(
        &browser.submit("/admin/roles/editor/edit", &form).await,
        "/admin/roles/editor",
        "saved",
    );
    let stored = app.get("/api/roles/editor", app.admin().await).await;
    assert_eq!(stored.json["approval"], json!(false));
    assert!(stored.texts("permissions").is_empty() && stored.texts("juniors").is_empty());
    let id = app.create_user("alice", &["editor"]).await;
    let text = page(&browser.open("/admin/roles/editor/delete").await, 200);
    assert!(text.contains("One assignment of the role ends."), "{text}");
    is_done(
        &browser.submit("/admin/roles/editor/delete", &[]).await,
        "/admin/roles",
        "role-deleted",
    );
    app.get("/api/roles/editor", app.admin().await)
        .await
        .is(404);
    let shown = app.get(format!("/api/users/{id}"), app.admin().await).await;
    assert!(shown.texts("roles").is_empty());
}

async fn what_a_role_gives_and_who_has_it_is_shown(app: TestApp) {
    app.create_role("viewer", &["items:read"]).await;
    app.create_role("editor", &["items:write"]).await;
    app.inherit("editor", "viewer").await;
    let id = app.create_user("alice", &["editor"]).await;
    app.assign_in(&id, "viewer", "acme").await;
    let mut browser = signed_in(&app, "admin").await;
    let text = page(&browser.open("/admin/roles/viewer").await, 200);
    for shown in [
        "items:read",
        "editor",
        "alice",
        "acme",
        "Roles that inherit it",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert!(text.contains(&format!("href=\"/admin/users/{id}\"")));
    let text = page(&browser.open("/admin/roles/editor").await, 200);
    assert!(text.contains("items:read") && text.contains("items:write"));
    assert!(text.contains("href=\"/admin/roles/viewer\""));
}

async fn another_assurance_is_saved_after_its_effects_are_shown(app: TestApp) {
    app.create_role("editor", &[]).await;
    app.create_role("chief", &[]).await;
    let juniors = app.put("/api/roles/chief/juniors/editor", app.admin().await);
    juniors.await.no_content();
    app.create_user("alice", &["editor"]).await;
    app.create_user("bob", &["chief"]).await;
    let mut browser = signed_in(&app, "admin").await;
    let edit = "/admin/roles/editor/edit";
    let form = [("description", "Edits"), ("by_name", "on"), ("acr", "aal2")];
    let asked = browser.submit(edit, &form).await;
    let text = page(&asked, 200);
    for part in [
        "Require a second factor for the role editor",
        "2 assignments give the role",
        "refused at once",
        "name=\"confirmed\" value=\"aal2\"",
        "name=\"description\" value=\"Edits\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let stored = app.get("/api/roles/editor", app.admin().await).await;
    assert_eq!(stored.text("acr"), "aal1", "not saved yet");
    let agreed = [&form[..], &[("confirmed", "aal2")]].concat();
    is_done(
        &browser.submit(edit, &agreed).await,
        "/admin/roles/editor",
        "saved",
    );
    let stored = app.get("/api/roles/editor", app.admin().await).await;
    assert_eq!(stored.text("acr"), "aal2");
    assert_eq!(stored.text("description"), "Edits");
    // somebody has agreed to another one
    let lower = [("acr", "phr"), ("confirmed", "aal2")];
    let text = page(&browser.submit(edit, &lower).await, 200);
    assert!(text.contains("Require a passkey"), "{text}");
    // whoever may not read assignments is not shown how many there are
    app.create_role("keeper", &["rolecall.roles:read", "rolecall.roles:write"])
        .await;
    app.create_user("keeper", &["keeper"]).await;
    let mut browser = signed_in(&app, "keeper").await;
    let text = page(&browser.submit(edit, &[("acr", "aal1")]).await, 200);
    assert!(
        text.contains("after any sign-in") && !text.contains("assignments give"),
        "{text}"
    );
}

async fn roles_are_listed_page_by_page(app: TestApp) {
    for number in 0..60 {
        app.create_plain_role(&format!("many{number:02}"), &[])
            .await;
    }
    let mut browser = signed_in(&app, "admin").await;
    let (mut found, mut path) = (0, "/admin/roles".to_owned());
    loop {
        let text = page(&browser.open(&path).await, 200);
        found += text.matches("<strong>many").count();
        let Some((_, after)) = text.split_once("rel=\"next\" href=\"") else {
            break;
        };
        path = after.split_once('"').unwrap().0.replace("&amp;", "&");
    }
    assert_eq!(found, 60);
}

async fn roles_and_permissions_are_found_by_name_and_description(app: TestApp) {
    for (kind, name, description) in [
        ("roles", "cook", "Prepares meals at 100%"),
        ("roles", "waiter", "Serves them"),
        ("roles", "cook_2", ""),
        ("permissions", "pans:heat", "Prepares meals at 100%"),
        ("permissions", "tables:serve", ""),
    ] {
        let body = json!({ "name": name, "description": description });
        let made = app.post(format!("/api/{kind}"), app.admin().await, body);
        made.await.is(201);
    }
    let mut browser = signed_in(&app, "admin").await;
    for (address, found, others) in [
        ("roles?q=COOK", vec!["cook", "cook_2"], vec!["waiter"]),
        ("roles?q=k_", vec!["cook_2"], vec!["cook", "waiter"]),
        ("roles?q=prepares", vec!["cook"], vec!["cook_2", "waiter"]),
        ("roles?q=100%25", vec!["cook"], vec!["waiter"]),
        (
            "permissions?q=HEAT",
            vec!["pans:heat"],
            vec!["tables:serve"],
        ),
        (
            "permissions?q=meals",
            vec!["pans:heat"],
            vec!["tables:serve"],
        ),
    ] {
        let text = page(&browser.open(&format!("/admin/{address}")).await, 200);
        let is_listed = |name: &str| {
            text.contains(&format!("<strong>{name}</strong>"))
                || text.contains(&format!("<code>{name}</code>"))
        };
        for name in found {
            assert!(is_listed(name), "{address}: {name}: {text}");
        }
        for name in others {
            assert!(!is_listed(name), "{address}: {name}: {text}");
        }
    }
    let text = page(&browser.open("/admin/roles?q=nothing").await, 200);
    assert!(text.contains("Nothing matches."), "{text}");
    assert!(text.contains("value=\"nothing\""), "{text}");
}

async fn what_is_wrong_with_a_role_is_said(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    app.create_role("viewer", &[]).await;
    app.inherit("editor", "viewer").await;
    let mut browser = signed_in(&app, "admin").await;
    for (form, status) in [
        (vec![("name", "No Role"), ("acr", "aal1")], 422),
        (vec![("name", "x"), ("acr", "aal9")], 422),
        (
            vec![
                ("name", "rolecall.mine"),
                ("acr", "aal1"),
                ("by_name", "on"),
            ],
            422,
        ),
        (
            vec![("name", "editor"), ("acr", "aal1"), ("by_name", "on")],
            409,
        ),
        (
            vec![("name", "x"), ("acr", "aal1"), ("description", "\u{202e}")],
            422,
        ),
    ] {
        let text = page(&browser.submit("/admin/roles/new", &form).await, status);
        assert!(text.contains("id=\"faults\""), "{form:?}: {text}");
    }
    for (form, status) in [
        ([("permission", "no such")], 404),
        ([("permission", "none:read")], 404),
        ([("junior", "nothing")], 404),
    ] {
        let text = page(
            &browser.submit("/admin/roles/editor/contents", &form).await,
            status,
        );
        assert!(text.contains("id=\"faults\""), "{form:?}: {text}");
    }
    // a cycle
    let cycle = browser
        .submit("/admin/roles/viewer/contents", &[("junior", "editor")])
        .await;
    assert!(page(&cycle, 409).contains("id=\"faults\""));
    let fixed = browser
        .submit("/admin/roles/rolecall.admin/delete", &[])
        .await;
    assert!(page(&fixed, 409).contains("cannot be deleted"));
    for path in [
        "nothing",
        "No%20Role",
        "nothing/edit",
        "nothing/contents",
        "nothing/delete",
    ] {
        browser.open(&format!("/admin/roles/{path}")).await.is(404);
    }
}

async fn y461_a_reader_of_roles_changes_none(app: TestApp) {
    app.create_role("reader", &["rolecall.roles:read"]).await;
    app.create_role("editor", &["items:read"]).await;
    app.create_user("reader", &["reader"]).await;
    let mut browser = signed_in(&app, "reader").await;
    let text = page(&browser.open("/admin/roles/editor").await, 200);
    assert!(
        !text.contains("Who has it") && !text.contains("/contents") && !text.contains("/delete")
    );
    let revision = app.db.revision().await;
    for path in ["new", "editor/edit", "editor/contents", "editor/delete"] {
        browser.open(&format!("/admin/roles/{path}")).await.is(403);
        let form = [("name", "x"), ("acr", "aal1"), ("permission", "items:read")];
        browser
            .submit(&format!("/admin/roles/{path}"), &form)
            .await
            .is(403);
    }
    assert_eq!(app.db.revision().await, revision);
}

async fn y466_granting_a_permission_of_rolecall_needs_a_fresh_proof(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let mut browser = signed_in(&app, "admin").await;
    app.pass_time(std::time::Duration::from_mins(16));
    let path = "/admin/roles/editor/contents";
    for form in [
        [("permission", "rolecall.users:read")],
        [("junior", "rolecall.admin")],
    ] {
        let sent = browser.submit(path, &form).await;
        let location = sent.is(303).header("location").unwrap();
        assert!(location.starts_with("/login?flow="), "{location}");
    }
    is_done(
        &browser.submit(path, &[("permission", "items:read")]).await,
        path,
        "saved",
    );
    let stored = app
        .get("/api/roles/editor", &app.log_in("admin").await)
        .await;
    assert_eq!(stored.texts("permissions"), ["items:read"]);
}

async fn y460_a_hostile_description_stays_text(app: TestApp) {
    let hostile = "\"'><script>alert(1)</script>&";
    let mut browser = signed_in(&app, "admin").await;
    let form = [
        ("name", "x"),
        ("description", hostile),
        ("acr", "aal1"),
        ("by_name", "on"),
    ];
    is_done(
        &browser.submit("/admin/roles/new", &form).await,
        "/admin/roles/x",
        "role-created",
    );
    for path in ["", "/x", "/x/edit", "/x/contents", "/x/delete"] {
        let text = page(&browser.open(&format!("/admin/roles{path}")).await, 200);
        assert!(!text.contains("<script>alert"), "{path}");
    }
}
