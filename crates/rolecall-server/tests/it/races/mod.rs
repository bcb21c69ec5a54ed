//! Two at once: what must never both happen, however close they come.

mod once;
mod rules;
mod tokens;

use crate::{command_line::audit_is_whole, support::TestApp};

/// What is common to all races: no revision without its entry, and none twice.
async fn numbers_are_whole(app: &TestApp) {
    let revision = app.db.revision().await;
    assert_eq!(app.db.count("audit").await, revision);
    let newest = app.db.number("SELECT MAX(revision) FROM audit").await;
    assert_eq!(newest, revision);
    assert!(audit_is_whole(app).await);
}
