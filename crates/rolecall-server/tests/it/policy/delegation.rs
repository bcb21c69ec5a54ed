//! A document changes no more than its author holds.

use super::{ITEMS, POLICY, changes, read_policy, set_policy};
use crate::support::{TestApp, on_both};

on_both![
    nobody_escalates_with_a_document,
    a_narrowed_token_applies_no_more_than_it_carries,
    y154_the_header_of_a_refusal_does_not_grow_with_the_document,
];

/// The token of a user who may write the policy and holds `items:read`, but nothing else.
async fn limited_token(app: &TestApp) -> String {
    set_policy(
        app,
        &format!(
            "{}\n[roles.manager]\npermissions = [\"items:read\", \"rolecall.policy:read\", \"rolecall.policy:write\", \"rolecall.roles:write\"]\n[roles.named]\n",
            ITEMS.replacen("[roles.reader]\n", "[roles.reader]\nby_name = false\n", 1)
        ),
    )
    .await;
    app.create_user("limited", &["manager"]).await;
    app.log_in("limited").await
}

const MANAGER: &str = "[roles.manager]\npermissions = [\n    \"items:read\",";

/// Changes that the user of [`limited_token`] may not make: a text of the document, and its replacement.
const ESCALATIONS: &[(&str, &str)] = &[
    // more permissions for themselves
    (
        MANAGER,
        "[roles.manager]\npermissions = [\n    \"items:read\", \"items:write\",",
    ),
    (
        MANAGER,
        "[roles.manager]\njuniors = [\"editor\"]\npermissions = [\n    \"items:read\",",
    ),
    (
        MANAGER,
        "[roles.manager]\njuniors = [\"rolecall.admin\"]\npermissions = [\n    \"items:read\",",
    ),
    (
        MANAGER,
        "[roles.manager]\njuniors = [\"named\"]\npermissions = [\n    \"items:read\",",
    ),
    // roles that hold more: emptied, described, deleted
    ("permissions = [\"items:*\"]\n", ""),
    ("description = \"edits\"\n", "description = \"mine\"\n"),
    ("[roles.named]\n", ""),
    ("juniors = [\"reader\"]\n", ""),
    // a permission that only others hold
    ("\"items:write\" = \"\"\n", ""),
    ("\"items:write\" = \"\"\n", "\"items:write\" = \"mine\"\n"),
    // a role that routes may check by name, with permissions of their own
    (
        "[roles.named]\n",
        "[roles.named]\npermissions = [\"items:read\"]\n",
    ),
    (
        "[roles.named]\n",
        "[roles.named]\n[roles.boss]\npermissions = [\"items:read\"]\n",
    ),
    (
        "[roles.named]\n",
        "[roles.named]\n[roles.boss]\njuniors = [\"reader\"]\n",
    ),
    // whether a role works by its name: only its holders change that
    ("[roles.named]\n", "[roles.named]\nby_name = false\n"),
    (
        "[roles.named]\n",
        "[roles.named]\n[roles.boss]\nby_name = false\n",
    ),
    ("by_name = false\n", ""),
    // a built-in permission granted to a role of their own
    (
        "[roles.reader]\npermissions = [\"items:read\"]",
        "[roles.reader]\npermissions = [\"items:read\", \"rolecall.assignments:any\"]",
    ),
];

async fn nobody_escalates_with_a_document(app: TestApp) {
    let token = limited_token(&app).await;
    let whole = String::from_utf8(read_policy(&app, &token).await.body.to_vec()).unwrap();
    let revision = app.db.revision().await;
    for (from, to) in ESCALATIONS {
        assert!(whole.contains(from), "{from}\n{whole}");
        let refused = app
            .put_policy(&token, &whole.replacen(from, to, 1), "*")
            .await;
        assert_eq!(refused.status, 403, "{to}: {refused:?}");
        assert_eq!(refused.json["rule"], "delegation_limit");
    }
    assert_eq!(app.db.revision().await, revision);
    // allowed: grants that they hold, empty roles, and new permissions that nobody holds
    let own = whole
        .replacen(
            "[roles.reader]\npermissions = [\"items:read\"]",
            "[roles.reader]\ndescription = \"sees\"",
            1,
        )
        .replacen(
            "[permissions]\n",
            "[permissions]\n\"docs:read\" = \"\"\n",
            1,
        )
        .replacen("[roles.named]\n", "[roles.named]\n[roles.new]\n", 1);
    let done = app.put_policy(&token, &own, "*").await;
    assert_eq!(
        changes(&done),
        [
            "permission.created docs:read",
            "role.created new",
            "role.described reader",
            "permission.revoked items:read reader",
        ]
    );
}

async fn y154_the_header_of_a_refusal_does_not_grow_with_the_document(app: TestApp) {
    let token = limited_token(&app).await;
    let mut document = String::from_utf8(read_policy(&app, &token).await.body.to_vec()).unwrap();
    let roles: Vec<String> = (0..500)
        .map(|number| format!("[roles.long-name-{number}]\npermissions = [\"items:read\"]\n"))
        .collect();
    document += &roles.concat();
    let refused = app.put_policy(&token, &document, "*").await;
    assert_eq!(refused.status, 403, "{refused:?}");
    let roles = refused.json["roles"].as_array().map(Vec::len);
    assert_eq!(roles, Some(500));
    let challenge = refused.header("www-authenticate").unwrap();
    assert!((500..1200).contains(&challenge.len()), "{challenge}");
    assert!(challenge.contains("role:long-name-0 "), "{challenge}");
    // the receipt fits into a URL
    if let Some(receipt) = refused.json["receipt"].as_str() {
        assert!(receipt.len() < 2048, "{}", receipt.len());
    }
}

async fn a_narrowed_token_applies_no_more_than_it_carries(app: TestApp) {
    limited_token(&app).await;
    let more = format!("{ITEMS}\n[roles.extra]\n");
    let scope = "rolecall.policy:read items:read";
    let narrowed = app.log_in_with_scope("limited", scope).await;
    app.put_policy(&narrowed, &more, "*")
        .await
        .forbidden("rolecall.policy:write");
    let narrowed = app
        .log_in_with_scope("admin", "rolecall.policy:write")
        .await;
    let refused = app.put_policy(&narrowed, ITEMS, "*").await;
    assert_eq!(refused.status, 403, "{refused:?}");
    app.get(POLICY, &narrowed)
        .await
        .forbidden("rolecall.policy:read");
    // a token alone is not enough to write
    let token = app.log_in("limited").await;
    let id = app.id_of("limited").await;
    let unassigned = format!("DELETE FROM role_assignments WHERE subject_id = '{id}'");
    app.db.execute(&unassigned).await;
    app.put_policy(&token, &more, "*").await.is(403);
}
