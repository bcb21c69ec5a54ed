//! The roles in tenants, in the list of users.

use super::{between, page, signed_in};
use crate::{
    queries::queries_of,
    support::{TestApp, on_both},
};

on_both![
    the_list_shows_the_first_roles_in_tenants_too,
    y464_roles_in_tenants_are_shown_within_the_reach_of_the_caller,
    many_users_take_as_many_queries_as_few,
];

/// Returns the cell with the roles of a user.
fn roles_of(text: &str, username: &str) -> String {
    let row = between(text, &format!("<strong>{username}</strong>"), "</tr>");
    between(row, "data-label=\"Roles\">", "</td>").to_owned()
}

async fn the_list_shows_the_first_roles_in_tenants_too(app: TestApp) {
    for role in ["editor", "payer"] {
        app.create_plain_role(role, &[]).await;
    }
    let alice = app.create_user("alice", &["editor"]).await;
    app.assign_in(&alice, "payer", "acme").await;
    let bob = app.create_user("bob", &[]).await;
    for number in 0..7 {
        app.assign_in(&bob, "payer", &format!("t{number}")).await;
    }
    app.create_user("carol", &[]).await;
    let mut browser = signed_in(&app, "admin").await;
    let text = page(&browser.open("/admin/users").await, 200);
    let shown = roles_of(&text, "alice");
    assert!(shown.contains("editor, payer @ acme<"), "{shown}");
    assert!(!shown.contains("more"), "{shown}");
    let shown = roles_of(&text, "bob");
    let first = "payer @ t0, payer @ t1, payer @ t2, payer @ t3, payer @ t4";
    assert!(shown.contains(first) && !shown.contains("t5"), "{shown}");
    assert!(shown.contains("and 2 more"), "{shown}");
    assert!(roles_of(&text, "carol").contains("None"), "{text}");
}

async fn y464_roles_in_tenants_are_shown_within_the_reach_of_the_caller(app: TestApp) {
    app.create_plain_role("payer", &[]).await;
    app.create_role("reader", &["rolecall.users:read"]).await;
    app.create_role("chief", &["rolecall.assignments:read"])
        .await;
    let alice = app.create_user("alice", &[]).await;
    for tenant in ["acme", "beta"] {
        app.assign_in(&alice, "payer", tenant).await;
    }
    app.create_user("reader", &["reader"]).await;
    let boss = app.create_user("boss", &["reader"]).await;
    app.assign_in(&boss, "chief", "beta").await;
    for (caller, tenant, sees) in [
        ("admin", "", vec!["acme", "beta"]),
        ("reader", "", vec![]),
        ("boss", "", vec![]),
        ("boss", "beta", vec!["beta"]),
    ] {
        let mut browser = signed_in(&app, caller).await;
        if !tenant.is_empty() {
            let form = [("tenant", tenant)];
            browser.submit("/admin/tenant", &form).await.is(303);
        }
        let text = page(&browser.open("/admin/users").await, 200);
        let shown = roles_of(&text, "alice");
        for one in ["acme", "beta"] {
            let is_shown = shown.contains(&format!("payer @ {one}"));
            assert_eq!(is_shown, sees.contains(&one), "{caller} {one}: {shown}");
        }
    }
}

async fn many_users_take_as_many_queries_as_few(app: TestApp) {
    app.create_plain_role("payer", &[]).await;
    let mut browser = signed_in(&app, "admin").await;
    let mut counts = Vec::new();
    for number in 0..12 {
        let id = app.create_user(&format!("user{number}"), &[]).await;
        app.assign_in(&id, "payer", "acme").await;
        if [1, 11].contains(&number) {
            // opening a connection, and a new policy, take queries too
            let mut fewest = usize::MAX;
            for _ in 0..5 {
                let (shown, queries) = queries_of(browser.open("/admin/users")).await;
                shown.is(200);
                fewest = fewest.min(queries);
            }
            counts.push(fewest);
        }
    }
    assert_eq!(counts[0], counts[1], "{counts:?}");
}
