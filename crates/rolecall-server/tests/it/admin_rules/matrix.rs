//! The matrix of roles and permissions.

use std::{fmt::Write as _, time::Duration};

use super::{asks_to_sign_in, has, hidden, lacks, leads_to, page, signed_in};
use crate::support::{TestApp, on_both};

on_both![
    a_ticked_cell_is_previewed_and_saved,
    a_role_that_stays_as_it_is_has_no_row,
    an_unticked_cell_ends_the_tokens_that_hold_it,
    an_old_page_changes_nothing,
    what_is_no_change_and_too_many_changes_is_said,
    a_reader_sees_the_matrix_and_changes_nothing,
    nobody_grants_more_than_they_hold,
    granting_a_permission_of_rolecall_needs_a_fresh_proof_and_comes_back,
    a_constraint_or_unknown_name_is_refused_in_the_preview,
    what_an_address_says_stays_text,
    a_page_of_a_big_policy_stays_small,
];

async fn items(app: &TestApp) -> String {
    app.create_permission("items:write").await;
    app.create_role("viewer", &["items:read"]).await;
    app.create_role("editor", &[]).await;
    app.inherit("editor", "viewer").await;
    app.create_user("alice", &["editor"]).await
}

async fn permissions_of(app: &TestApp, role: &str) -> Vec<String> {
    let path = format!("/api/roles/{role}");
    app.get(path, app.admin().await).await.texts("permissions")
}

async fn a_ticked_cell_is_previewed_and_saved(app: TestApp) {
    items(&app).await;
    let mut browser = signed_in(&app, "admin").await;
    let shown = page(&browser.open("/admin/matrix?object=items").await, 200);
    has(
        &shown,
        &[
            "<code>items:*</code>",
            "<code>items:read</code>",
            "by viewer",
            "aria-label=\"editor, items:write\"",
            "aria-current=\"page\">Permissions by role</a>",
        ],
    );
    let tag = hidden(&shown, "tag");
    let form = [
        ("tag", tag),
        ("object", "items"),
        ("p", "items:read"),
        ("p", "items:write"),
        ("r", "editor"),
        ("r", "viewer"),
        ("c", "0.1"),
        ("c", "1.0"),
    ];
    let leads = browser.submit("/admin/matrix", &form).await;
    let preview = leads.is(303).header("location").unwrap().to_owned();
    assert!(
        preview.starts_with("/admin/matrix/preview?tag="),
        "{preview}"
    );
    let shown = page(&browser.open(&preview).await, 200);
    has(
        &shown,
        &[
            "role editor holds items:write",
            "alice",
            "One user or client gains something",
            "and nobody loses anything",
            "Save",
        ],
    );
    assert!(permissions_of(&app, "editor").await.is_empty());
    let form = [
        ("tag", tag),
        ("object", "items"),
        ("grant", hidden(&shown, "grant")),
    ];
    let saved = browser.submit("/admin/matrix/preview", &form).await;
    leads_to(&saved, "/admin/matrix?object=items&done=policy");
    assert_eq!(permissions_of(&app, "editor").await, ["items:write"]);
    let done = saved.header("location").unwrap();
    let shown = page(&browser.open(done).await, 200);
    has(&shown, &["The policy is changed.", ">Undo</a>"]);
    let (_, undo) = done.split_once("&undo=").unwrap();
    let undo = undo.replace("%2F", "/");
    let asked = page(&browser.open(&undo).await, 200);
    let back = [("tag", hidden(&asked, "tag"))];
    browser.submit(&undo, &back).await.is(303);
    assert!(permissions_of(&app, "editor").await.is_empty());
}

async fn a_role_that_stays_as_it_is_has_no_row(app: TestApp) {
    items(&app).await;
    let mut browser = signed_in(&app, "admin").await;
    for object in ["items", "rolecall.users"] {
        let path = format!("/admin/matrix?object={object}");
        let shown = page(&browser.open(&path).await, 200);
        has(&shown, &["name=\"r\" value=\"editor\""]);
        lacks(&shown, &["name=\"r\" value=\"rolecall."]);
    }
}

async fn an_unticked_cell_ends_the_tokens_that_hold_it(app: TestApp) {
    items(&app).await;
    let token = app.log_in("alice").await;
    app.get("/items/", &token).await.is(200);
    let mut browser = signed_in(&app, "admin").await;
    let shown = page(&browser.open("/admin/matrix").await, 200);
    let form = [
        ("tag", hidden(&shown, "tag")),
        ("p", "items:read"),
        ("r", "viewer"),
    ];
    let leads = browser.submit("/admin/matrix", &form).await;
    let shown = page(
        &browser
            .open(leads.is(303).header("location").unwrap())
            .await,
        200,
    );
    has(
        &shown,
        &[
            "role viewer holds items:read",
            "and one loses something",
            "alice",
        ],
    );
    app.get("/items/", &token).await.is(200);
    let form = [
        ("tag", hidden(&shown, "tag")),
        ("revoke", hidden(&shown, "revoke")),
    ];
    browser.submit("/admin/matrix/preview", &form).await.is(303);
    app.get("/items/", &token).await.ended_token();
    assert!(permissions_of(&app, "viewer").await.is_empty());
}

async fn an_old_page_changes_nothing(app: TestApp) {
    items(&app).await;
    let mut browser = signed_in(&app, "admin").await;
    let shown = page(&browser.open("/admin/matrix").await, 200);
    let old = hidden(&shown, "tag").to_owned();
    app.create_permission("items:print").await;
    let form = [
        ("tag", &*old),
        ("p", "items:write"),
        ("r", "editor"),
        ("c", "0.0"),
    ];
    let refused = page(&browser.submit("/admin/matrix", &form).await, 422);
    has(&refused, &["Somebody else has changed it", "items:print"]);
    let grant = [("tag", &*old), ("grant", "editor items:write")];
    let refused = page(&browser.submit("/admin/matrix/preview", &grant).await, 422);
    has(&refused, &["Somebody else has changed it"]);
    assert!(permissions_of(&app, "editor").await.is_empty());
}

async fn what_is_no_change_and_too_many_changes_is_said(app: TestApp) {
    items(&app).await;
    let mut browser = signed_in(&app, "admin").await;
    let shown = page(&browser.open("/admin/matrix").await, 200);
    let tag = hidden(&shown, "tag");
    let same = [
        ("tag", tag),
        ("p", "items:read"),
        ("r", "viewer"),
        ("c", "0.0"),
    ];
    let shown = page(&browser.submit("/admin/matrix", &same).await, 422);
    has(&shown, &["Nothing is changed"]);
    let names: Vec<String> = (0..300)
        .map(|number| format!("items:operation-{number:010}"))
        .collect();
    let cells: Vec<String> = (0..300).map(|number| format!("0.{number}")).collect();
    let mut form = vec![("tag", tag), ("r", "editor")];
    form.extend(names.iter().map(|name| ("p", &**name)));
    form.extend(cells.iter().map(|cell| ("c", &**cell)));
    let shown = page(&browser.submit("/admin/matrix", &form).await, 422);
    has(&shown, &["too many cells"]);
}

async fn a_reader_sees_the_matrix_and_changes_nothing(app: TestApp) {
    items(&app).await;
    app.create_role("reader", &["rolecall.policy:read"]).await;
    app.create_user("reader", &["reader"]).await;
    let mut browser = signed_in(&app, "reader").await;
    let shown = page(&browser.open("/admin/matrix").await, 200);
    has(&shown, &["disabled"]);
    lacks(
        &shown,
        &["Preview of the change", ">Constraints</a>", ">Requests</a>"],
    );
    let tag = hidden(&shown, "tag");
    let preview = format!("/admin/matrix/preview?tag={tag}&grant=editor+items:write");
    let shown = page(&browser.open(&preview).await, 200);
    has(
        &shown,
        &[
            "role editor holds items:write",
            "do not allow you to see who they are",
        ],
    );
    lacks(&shown, &["alice", ">Save<"]);
    let form = [("tag", tag), ("grant", "editor items:write")];
    let refused = page(&browser.submit("/admin/matrix/preview", &form).await, 403);
    has(&refused, &["Not permitted", "rolecall.policy:write"]);
    app.create_user("nobody", &["viewer"]).await;
    let mut browser = signed_in(&app, "nobody").await;
    browser.open("/admin/matrix").await.is(403);
    assert!(permissions_of(&app, "editor").await.is_empty());
}

async fn nobody_grants_more_than_they_hold(app: TestApp) {
    items(&app).await;
    app.create_role("keeper", &["rolecall.policy:read", "rolecall.policy:write"])
        .await;
    app.create_user("keeper", &["keeper"]).await;
    let mut browser = signed_in(&app, "keeper").await;
    let shown = page(&browser.open("/admin/matrix").await, 200);
    let form = [
        ("tag", hidden(&shown, "tag")),
        ("grant", "editor items:write"),
    ];
    let refused = page(&browser.submit("/admin/matrix/preview", &form).await, 403);
    has(
        &refused,
        &["You can only give, change or take what you hold yourself"],
    );
    assert!(permissions_of(&app, "editor").await.is_empty());
}

async fn granting_a_permission_of_rolecall_needs_a_fresh_proof_and_comes_back(app: TestApp) {
    items(&app).await;
    let mut browser = signed_in(&app, "admin").await;
    let shown = page(
        &browser.open("/admin/matrix?object=rolecall.users").await,
        200,
    );
    has(&shown, &["rolecall.users:read"]);
    app.pass_time(Duration::from_mins(20));
    let tag = hidden(&shown, "tag").to_owned();
    let own = [("tag", &*tag), ("grant", "editor rolecall.users:read")];
    asks_to_sign_in(&browser.submit("/admin/matrix/preview", &own).await);
    assert!(permissions_of(&app, "editor").await.is_empty());
    // what is no permission of rolecall needs none
    let other = [("tag", &*tag), ("grant", "editor items:write")];
    browser
        .submit("/admin/matrix/preview", &other)
        .await
        .is(303);
    assert_eq!(permissions_of(&app, "editor").await, ["items:write"]);
}

async fn a_constraint_or_unknown_name_is_refused_in_the_preview(app: TestApp) {
    items(&app).await;
    let mut browser = signed_in(&app, "admin").await;
    let shown = page(&browser.open("/admin/matrix").await, 200);
    let tag = hidden(&shown, "tag").to_owned();
    for (cell, text) in [
        ("editor+items:burn", "no permission `items:burn`"),
        ("boss+items:read", "no role `boss`"),
    ] {
        let preview = format!("/admin/matrix/preview?tag={tag}&grant={cell}");
        let shown = browser.open(&preview).await;
        has(&page(&shown, 404), &[text]);
    }
    browser.open("/admin/matrix/preview?grant=x").await.is(404);
}

async fn what_an_address_says_stays_text(app: TestApp) {
    items(&app).await;
    let mut browser = signed_in(&app, "admin").await;
    let hostile = "%22%3E%3Cprobe%3E";
    for path in [
        format!("/admin/matrix?q={hostile}&object={hostile}&after={hostile}"),
        format!("/admin/matrix/preview?tag={hostile}&object={hostile}"),
        format!("/admin/hierarchy?role={hostile}"),
        format!(
            "/admin/decisions?user={hostile}&need={hostile}&tenant={hostile}&at={hostile}&acr={hostile}"
        ),
        format!("/admin/requests?user={hostile}&role={hostile}&until={hostile}&reason={hostile}"),
        format!("/admin/policy/history/{hostile}"),
        format!("/admin/constraints/{hostile}"),
        format!("/admin/requests/{hostile}"),
    ] {
        let shown = browser.open(&path).await;
        let shown = String::from_utf8_lossy(&shown.body).into_owned();
        lacks(&shown, &["<probe"]);
        assert!(shown.contains("</html>"), "{path}");
    }
}

async fn a_page_of_a_big_policy_stays_small(app: TestApp) {
    let mut document = "[roles.admin]\n[permissions]\n".to_owned();
    for object in 0..20 {
        for operation in 0..15 {
            let _ = writeln!(
                document,
                "\"object-{object:02}:operation-{operation:02}\" = \"\""
            );
        }
    }
    for number in 0..1000 {
        let _ = writeln!(document, "[roles.a-role-with-a-long-name-{number:04}]");
        let _ = writeln!(
            document,
            "permissions = [\"object-00:operation-{:02}\"]",
            number % 15
        );
        if number > 10 {
            let _ = writeln!(
                document,
                "juniors = [\"a-role-with-a-long-name-{:04}\"]",
                number / 10
            );
        }
    }
    app.put_policy(app.admin().await, &document, "*")
        .await
        .is(200);
    let mut browser = signed_in(&app, "admin").await;
    for path in [
        "/admin/matrix",
        "/admin/hierarchy",
        "/admin/hierarchy?role=a-role-with-a-long-name-0012",
        "/admin/policy",
        "/admin/policy/history",
    ] {
        let shown = browser.open(path).await;
        let length = shown.is(200).body.len();
        // style sheets and the script come beside it
        assert!(length < 90 * 1024, "{path}: {length}");
    }
    let shown = page(&browser.open("/admin/matrix").await, 200);
    has(&shown, &["More columns", "Next page"]);
    let shown = page(&browser.open("/admin/hierarchy").await, 200);
    has(&shown, &["too many for a picture"]);
    lacks(&shown, &["<svg"]);
    let shown = page(&browser.open("/admin/policy").await, 200);
    has(&shown, &["rolecall policy export"]);
}
