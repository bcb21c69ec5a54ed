//! Rows that the database itself refuses.

use sqlx::error::ErrorKind;

use crate::support::{TestApp, on_both};

on_both![the_database_refuses_rows_that_break_a_rule];

const USER: &str = "INSERT INTO users (id, kind, username, disabled, must_change_password, created_at, updated_at) ";

/// Statements, and the kind of constraint that must refuse each.
fn violations(admin: &str) -> Vec<(String, ErrorKind)> {
    use ErrorKind::{
        CheckViolation as Check, ForeignKeyViolation as Foreign, UniqueViolation as Unique,
    };
    let assignment = "INSERT INTO role_assignments (subject_id, role, assigned_by, assigned_at, valid_from, expires_at) VALUES ";
    let session = "INSERT INTO sessions (id, subject_id, client_id, address, created_at, last_used_at, expires_at) VALUES ";
    vec![
        ("INSERT INTO head (id, revision, policy_revision, keys_revision, era, longest_ttl_seconds, master_key_fingerprint) \
            SELECT 2, revision, policy_revision, keys_revision, era, longest_ttl_seconds, '' FROM head".into(), Check),
        ("INSERT INTO head SELECT * FROM head".into(), Unique),
        ("UPDATE head SET policy_revision = revision + 1".into(), Check),
        ("UPDATE head SET keys_revision = -1".into(), Check),
        ("UPDATE head SET longest_ttl_seconds = -1".into(), Check),
        ("INSERT INTO subjects (id, kind) VALUES ('s', 'robot')".into(), Check),
        (format!("INSERT INTO subjects (id, kind) VALUES ('{admin}', 'client')"), Unique),
        // a client is not a user, names are unique, and every user has one
        (format!("{USER} VALUES ('free', 'client', 'x', FALSE, FALSE, 0, 0)"), Check),
        (format!("{USER} VALUES ('client', 'user', 'x', FALSE, FALSE, 0, 0)"), Foreign),
        (format!("{USER} VALUES ('nobody', 'user', 'x', FALSE, FALSE, 0, 0)"), Foreign),
        (format!("{USER} VALUES ('free', 'user', 'admin', FALSE, FALSE, 0, 0)"), Unique),
        (format!("{USER} VALUES ('free', 'user', '', FALSE, FALSE, 0, 0)"), Check),
        ("UPDATE users SET reset_code_hash = 'x', reset_expires_at = NULL".into(), Check),
        ("UPDATE users SET reset_code_hash = NULL, reset_expires_at = 1".into(), Check),
        ("INSERT INTO login_failures (account, failures, last_failed_at) VALUES ('a', 0, 0)".into(), Check),
        ("INSERT INTO roles (name, description, created_at, updated_at) VALUES ('', '', 0, 0)".into(), Check),
        ("INSERT INTO roles (name, description, created_at, updated_at) VALUES ('admin', '', 0, 0)".into(), Unique),
        ("INSERT INTO permissions (name, object, description, created_at) VALUES ('items:read', 'item', '', 0)".into(), Check),
        ("INSERT INTO permissions (name, object, description, created_at) VALUES ('items', 'items', '', 0)".into(), Check),
        ("INSERT INTO role_permissions (role, permission) VALUES ('admin', 'no:such')".into(), Foreign),
        ("INSERT INTO role_permissions (role, permission) VALUES ('none', 'rolecall.roles:read')".into(), Foreign),
        ("DELETE FROM permissions WHERE name = 'rolecall.roles:read'".into(), Foreign),
        ("INSERT INTO role_wildcards (role, object) VALUES ('none', 'items')".into(), Foreign),
        ("INSERT INTO role_wildcards (role, object) VALUES ('admin', '')".into(), Check),
        ("INSERT INTO role_juniors (senior, junior) VALUES ('admin', 'admin')".into(), Check),
        ("INSERT INTO role_juniors (senior, junior) VALUES ('admin', 'none')".into(), Foreign),
        ("INSERT INTO role_constraints (name, kind, at_most) VALUES ('', 'static', 1)".into(), Check),
        ("INSERT INTO role_constraints (name, kind, at_most) VALUES ('x', 'loose', 1)".into(), Check),
        ("INSERT INTO role_constraints (name, kind, at_most) VALUES ('x', 'static', 0)".into(), Check),
        ("INSERT INTO role_constraint_members (constraint_name, role) VALUES ('none', 'admin')".into(), Foreign),
        (format!("{assignment} ('{admin}', 'admin', 'system', 0, NULL, NULL)"), Unique),
        (format!("{assignment} ('{admin}', 'none', 'system', 0, NULL, NULL)"), Foreign),
        (format!("{assignment} ('nobody', 'admin', 'system', 0, NULL, NULL)"), Foreign),
        (format!("{assignment} ('free', 'admin', 'system', 0, 9, 9)"), Check),
        (format!("{session} ('s', 'nobody', 'rolecall', '', 0, 0, 0)"), Foreign),
        ("INSERT INTO floors (kind, subject, revision, ends_at) VALUES ('planet', 'x', 1, 0)".into(), Check),
        ("INSERT INTO floors (kind, subject, revision, ends_at) VALUES ('jti', 'x', 0, 0)".into(), Check),
        ("INSERT INTO audit SELECT * FROM audit".into(), Unique),
        ("INSERT INTO audit (revision, at, actor, changes, mark) VALUES (0, 0, '', '', '')".into(), Check),
        ("INSERT INTO secrets SELECT * FROM secrets".into(), Unique),
        ("INSERT INTO signing_keys SELECT * FROM signing_keys".into(), Unique),
    ]
}

async fn the_database_refuses_rows_that_break_a_rule(app: TestApp) {
    let admin = app.id_of("admin").await;
    for (id, kind) in [("free", "user"), ("client", "client")] {
        let sql = format!("INSERT INTO subjects (id, kind) VALUES ('{id}', '{kind}')");
        app.db.execute(&sql).await;
    }
    for (sql, expected) in violations(&admin) {
        let refused = app.db.try_execute(&sql).await.err();
        let kind = refused.as_ref().and_then(|error| error.as_database_error());
        let kind = kind.map(sqlx::error::DatabaseError::kind);
        let as_expected =
            kind.as_ref().map(std::mem::discriminant) == Some(std::mem::discriminant(&expected));
        assert!(as_expected, "{sql}: {refused:?}");
    }
    // only SQLite could store a boolean other than true and false
    if app.db.is_sqlite() {
        for column in ["disabled", "must_change_password"] {
            let sql = format!("UPDATE users SET {column} = 2");
            assert!(app.db.try_execute(&sql).await.is_err(), "{column}");
        }
    }
}
