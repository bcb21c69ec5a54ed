//! The policy document of an application, put in force at its start.

use rolecall_server::{EditedPolicy, Embedded, EmbeddedBuilder, StartError};
use serde_json::json;

use crate::support::{Database, Fixture, TestApp, on_both};

on_both![
    the_document_is_in_force_after_the_start,
    a_restart_writes_nothing,
    a_newer_document_replaces_the_older_one,
    an_edit_by_hand_survives_a_restart,
    an_edit_by_hand_is_replaced_if_the_application_says_so,
    an_edit_by_hand_refuses_the_start_if_the_application_says_so,
    an_edit_by_hand_survives_an_upgrade,
    an_edit_by_hand_survives_the_roles_of_demo_users,
    a_document_that_was_applied_by_hand_is_applied_at_starts_again,
    nodes_that_start_together_apply_it_once,
    a_document_that_breaks_a_rule_refuses_the_start_and_changes_nothing,
];

const DOCUMENT: &str = r#"
[permissions]
"items:read" = "see items"

[roles.editor]
permissions = ["items:read"]

[[tests]]
role = "editor"
can = ["items:read"]
"#;

/// An application with this document.
fn with(document: &str) -> impl FnOnce(EmbeddedBuilder) -> EmbeddedBuilder {
    move |builder| builder.policy(document)
}

/// An application with [`DOCUMENT`].
struct App(TestApp);

impl std::ops::Deref for App {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.0
    }
}

impl Fixture for App {
    async fn on(db: Database) -> Self {
        Self(TestApp::configured(db, with(DOCUMENT)).await)
    }
}

impl App {
    async fn roles(&self) -> Vec<String> {
        let admin = self.admin().await;
        let roles = self.get("/api/roles", admin).await.items("name");
        let is_own = |role: &String| !role.starts_with("rolecall.");
        roles.into_iter().filter(is_own).collect()
    }

    /// Creates a role by hand that a user has.
    async fn edit_by_hand(&self) -> String {
        self.create_role("auditor", &[]).await;
        self.create_user("alice", &["auditor"]).await
    }

    async fn start_refused(&self, builder: EmbeddedBuilder) -> String {
        builder.open().await.err().unwrap().to_string()
    }
}

async fn the_document_is_in_force_after_the_start(app: App) {
    // `admin` is the role of a demo user
    assert_eq!(app.roles().await, ["admin", "editor", "user"]);
    app.create_user("alice", &["editor"]).await;
    let alice = app.log_in("alice").await;
    app.get("/items/", &alice).await.is(200);
}

async fn a_restart_writes_nothing(app: App) {
    let (revision, audit) = (app.db.revision().await, app.db.count("audit").await);
    drop(app.node(with(DOCUMENT)).await);
    assert_eq!(app.db.revision().await, revision);
    assert_eq!(app.db.count("audit").await, audit);
}

async fn a_newer_document_replaces_the_older_one(app: App) {
    let alice = app.create_user("alice", &["editor"]).await;
    let token = app.log_in("alice").await;
    app.get("/items/", &token).await.is(200);
    let newer = "[permissions]\n\"items:read\" = \"\"\n[roles.writer]\n";
    let node = app.node(with(newer)).await;
    assert_eq!(app.roles().await, ["admin", "user", "writer"]);
    // what the role gave is refused at once, by the node that started
    node.get("/items/", &token).await.is(401);
    let path = format!("/api/users/{alice}/roles");
    let left = app.get(path, app.admin().await).await;
    assert!(left.items("role").is_empty(), "the assignment went along");
}

async fn an_edit_by_hand_survives_a_restart(app: App) {
    let alice = app.edit_by_hand().await;
    let admin = app.admin().await;
    app.delete("/api/roles/editor/permissions/items:read", admin)
        .await
        .no_content();
    let revision = app.db.revision().await;
    for document in [DOCUMENT, "[roles.writer]"] {
        drop(app.node(with(document)).await);
        assert_eq!(app.db.revision().await, revision, "{document}");
    }
    assert_eq!(app.roles().await, ["admin", "auditor", "editor", "user"]);
    let path = format!("/api/users/{alice}/roles");
    assert_eq!(app.get(path, admin).await.items("role"), ["auditor"]);
    let editor = app.get("/api/roles/editor", admin).await;
    assert_eq!(editor.json["permissions"], json!([]));
}

async fn an_edit_by_hand_is_replaced_if_the_application_says_so(app: App) {
    app.edit_by_hand().await;
    let replacing = |builder| with(DOCUMENT)(builder).edited_policy(EditedPolicy::Replace);
    drop(app.node(replacing).await);
    assert_eq!(app.roles().await, ["admin", "editor", "user"]);
}

async fn an_edit_by_hand_refuses_the_start_if_the_application_says_so(app: App) {
    app.edit_by_hand().await;
    let revision = app.db.revision().await;
    let builder = with(DOCUMENT)(app.builder()).edited_policy(EditedPolicy::Refuse);
    let refused = app.start_refused(builder).await;
    let by = format!("user:{}", app.id_of("admin").await);
    for part in [&by, "rolecall policy export", "rolecall policy apply"] {
        assert!(refused.contains(part), "{refused}");
    }
    assert_eq!(app.db.revision().await, revision);
}

async fn an_edit_by_hand_survives_an_upgrade(app: App) {
    app.edit_by_hand().await;
    // as before a version of rolecall that brought this permission
    let lost = "DELETE FROM role_permissions WHERE role = 'rolecall.resource-server'";
    app.db.execute(lost).await;
    drop(app.node(with(DOCUMENT)).await);
    let newest = app.newest_entry().await;
    assert!(newest["changes"].to_string().contains("builtin.updated"));
    assert_eq!(app.roles().await, ["admin", "auditor", "editor", "user"]);
}

async fn an_edit_by_hand_survives_the_roles_of_demo_users(app: App) {
    app.edit_by_hand().await;
    let admin = app.admin().await;
    app.delete("/api/roles/admin", admin).await.no_content();
    // the first start creates the role of the demo user again, which is no edit and hides none
    for _ in 0..2 {
        drop(app.node(with(DOCUMENT)).await);
        let admin = app.log_in("admin").await;
        let roles = app.get("/api/roles", &admin).await.items("name");
        assert!(roles.contains(&"auditor".to_owned()), "{roles:?}");
        assert!(roles.contains(&"admin".to_owned()), "{roles:?}");
    }
}

async fn a_document_that_was_applied_by_hand_is_applied_at_starts_again(app: App) {
    app.edit_by_hand().await;
    let admin = app.admin().await;
    let document = format!("{DOCUMENT}\n[roles.admin]\n");
    app.put_policy(admin, &document, "*").await.is(200);
    drop(app.node(with(DOCUMENT)).await);
    let newest = app.newest_entry().await;
    assert_eq!(newest["actor"], "system");
    assert_eq!(newest["changes"][0]["action"], "policy.adopted");
    drop(app.node(with("[roles.writer]")).await);
    assert_eq!(app.roles().await, ["admin", "user", "writer"]);
}

async fn nodes_that_start_together_apply_it_once(app: TestApp) {
    let start = || async { with(DOCUMENT)(app.builder()).open().await.map(drop) };
    let started = tokio::join!(start(), start(), start(), start());
    for one in [started.0, started.1, started.2, started.3] {
        one.unwrap();
    }
    let created = "SELECT changes FROM audit WHERE changes LIKE '%\"role\":\"editor\"%' \
        AND changes LIKE '%role.created%'";
    assert_eq!(app.db.texts(created).await.len(), 1);
}

async fn a_document_that_breaks_a_rule_refuses_the_start_and_changes_nothing(app: TestApp) {
    app.create_role("payer", &[]).await;
    app.create_role("approver", &[]).await;
    app.create_user("alice", &["payer", "approver"]).await;
    let revision = app.db.revision().await;
    let apart = "[roles.payer]\n[roles.approver]\n[constraints.money]\nkind = \"static\"\n\
        roles = [\"payer\", \"approver\"]\nat_most = 1\n";
    let builder = with(apart)(app.builder()).edited_policy(EditedPolicy::Replace);
    let refused = builder.open().await.err().unwrap();
    assert!(matches!(refused, StartError::Policy(_)));
    let refused = refused.to_string();
    assert!(
        refused.contains("`money`") && refused.contains("`alice`"),
        "{refused}"
    );
    assert_eq!(app.db.revision().await, revision);
}

#[tokio::test]
async fn a_document_with_a_fault_leaves_no_database_behind() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("app.db").display());
    for (document, part) in [
        ("[roles.editor", "line 1"),
        (
            "[roles.editor]\n[[tests]]\nrole = \"editor\"\ncan = [\"rolecall.users:read\"]",
            "line 4",
        ),
    ] {
        let refused = Embedded::builder(&url).policy(document).open().await;
        let refused = refused.err().unwrap().to_string();
        assert!(refused.contains(part), "{refused}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
