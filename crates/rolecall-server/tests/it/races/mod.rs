//! Requests that race each other, and outcomes that no timing may produce.

mod once;
mod rules;
mod tokens;

use crate::support::{TestApp, audit_is_whole};

/// Checks after every race that each revision has exactly one audit entry.
async fn assert_audit_complete(app: &TestApp) {
    let revision = app.db.revision().await;
    assert_eq!(app.db.count("audit").await, revision);
    let newest = app.db.number("SELECT MAX(revision) FROM audit").await;
    assert_eq!(newest, revision);
    assert!(audit_is_whole(app).await);
}
