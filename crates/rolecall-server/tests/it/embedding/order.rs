//! The order in which an embedded server, its hooks and the migrations of an application begin.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rolecall_server::{AccountEvent, Embedded};

use crate::support::{CHEAP, Database, MASTER_KEY, eventually, on_both};

on_both![the_tables_of_an_application_come_after_open_and_before_its_hooks_succeed];

const POLICY: &str = "[permissions]\n\"items:read\" = \"see the items\"\n[roles.editor]\npermissions = [\"items:read\"]";

/// `docs/embedding.md` states this order.
async fn the_tables_of_an_application_come_after_open_and_before_its_hooks_succeed(db: Database) {
    let migrated = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&migrated);
    let (sender, mut done) = tokio::sync::mpsc::unbounded_channel();
    // as one that writes to a table of the application
    let hook = move |event: AccountEvent| {
        let is_ready = seen.load(Ordering::SeqCst);
        if is_ready {
            sender.send(event).unwrap();
        }
        let missing = std::io::Error::other("no such table: workspaces");
        std::future::ready(is_ready.then_some(()).ok_or(missing))
    };
    let login = Embedded::builder(&db.url)
        .hashing(CHEAP)
        .master_key(MASTER_KEY)
        .policy(POLICY)
        .first_admin_with_roles("root", &["editor"])
        .on_registered(hook)
        .open()
        .await
        .unwrap();
    // the policy came before the first administrator, whose role it defines
    let roles = "SELECT role FROM role_assignments ORDER BY role";
    assert_eq!(db.texts(roles).await, ["editor", "rolecall.admin"]);
    // the hook was subscribed before that user was created, and has not succeeded without the table
    eventually("a first attempt", async || {
        db.number("SELECT MAX(attempts) FROM rolecall_outbox").await > 0
    })
    .await;
    assert_eq!(db.count("rolecall_outbox").await, 1);
    db.execute("CREATE TABLE workspaces (owner TEXT NOT NULL REFERENCES users (id))")
        .await;
    migrated.store(true, Ordering::SeqCst);
    let event = done.recv().await.unwrap();
    assert_eq!(event.username.as_deref(), Some("root"));
    assert!(event.attempt > 1, "{}", event.attempt);
    let insert = format!(
        "INSERT INTO workspaces (owner) VALUES ('{}')",
        event.user_id
    );
    db.execute(&insert).await;
    drop(login);
}
