//! A document changes no more than its author holds.

use super::{ITEMS, POLICY, changes, given, put, read};
use crate::support::{TestApp, on_both};

on_both![
    nobody_goes_beyond_their_own_by_way_of_a_document,
    a_narrowed_token_puts_no_more_than_it_carries,
];

/// The token of somebody who may write the policy and holds `items:read`, no more.
async fn limited(app: &TestApp) -> String {
    given(
        app,
        &format!(
            "{ITEMS}\n[roles.manager]\npermissions = [\"items:read\", \"rolecall.policy:read\", \"rolecall.policy:write\", \"rolecall.roles:write\"]\n[roles.named]\n"
        ),
    )
    .await;
    app.user("limited", &["manager"]).await;
    app.login("limited").await
}

const MANAGER: &str = "[roles.manager]\npermissions = [\n    \"items:read\",";

/// What somebody who is [`limited`] may not change: text of the document, and what is put in its place.
const BEYOND: &[(&str, &str)] = &[
    // more for oneself
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
    // a name that may open something, with a content that is one's own
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
    // a permission made to be granted
    (
        "[roles.reader]\npermissions = [\"items:read\"]",
        "[roles.reader]\npermissions = [\"items:read\", \"rolecall.assignments:any\"]",
    ),
];

async fn nobody_goes_beyond_their_own_by_way_of_a_document(app: TestApp) {
    let token = limited(&app).await;
    let whole = String::from_utf8(read(&app, &token).await.body.to_vec()).unwrap();
    let revision = app.db.revision().await;
    for (from, to) in BEYOND {
        assert!(whole.contains(from), "{from}\n{whole}");
        let refused = put(&app, &token, &whole.replacen(from, to, 1), "*").await;
        assert_eq!(refused.status, 403, "{to}: {refused:?}");
        assert_eq!(refused.json["rule"], "delegation_limit");
    }
    assert_eq!(app.db.revision().await, revision);
    // what they hold they may change: grants of their own, empty roles, new permissions that nobody holds
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
    let done = put(&app, &token, &own, "*").await;
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

async fn a_narrowed_token_puts_no_more_than_it_carries(app: TestApp) {
    limited(&app).await;
    let more = format!("{ITEMS}\n[roles.extra]\n");
    let scope = "rolecall.policy:read items:read";
    let narrowed = app.login_for("limited", scope).await;
    put(&app, &narrowed, &more, "*")
        .await
        .forbidden("rolecall.policy:write");
    let narrowed = app.login_for("admin", "rolecall.policy:write").await;
    let refused = put(&app, &narrowed, ITEMS, "*").await;
    assert_eq!(refused.status, 403, "{refused:?}");
    app.get(POLICY, &narrowed)
        .await
        .forbidden("rolecall.policy:read");
    // a token alone is never enough to write
    let token = app.login("limited").await;
    let id = app.id_of("limited").await;
    let unassigned = format!("DELETE FROM role_assignments WHERE subject_id = '{id}'");
    app.db.execute(&unassigned).await;
    put(&app, &token, &more, "*").await.is(403);
}
