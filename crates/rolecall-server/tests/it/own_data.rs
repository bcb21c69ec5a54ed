//! The download of one's own data, against every table of the schema.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Browser, PASSWORD, TestApp, on_both};

on_both![
    y410_every_table_is_exported_or_has_a_reason_not_to_be,
    y411_only_a_proven_address_shows_who_was_invited_to_it,
];

/// Where the rows of a table are found.
enum Place {
    /// In the member of this name in the download.
    Member(&'static str),
    /// Not in the download, for a reason.
    Left(&'static str),
}

use Place::{Left, Member};

const SERVER: Place = Left("says nothing about a person");
const POLICY: Place = Left("the policy, which is about nobody");
const DERIVED: Place = Left("copies of what the download has");
const HASHED: Place = Left("hashes under a key, from which nobody finds a person or an address");
const SHORT: Place = Left("steps under way and secrets, gone within the hour");
const OTHERS: Place = Left("clients, which are not people");
/// The download has the events of the user; what administrators changed is theirs, and stays when the user goes.
const LOG: Place = Left("the log of all changes, for administrators");

/// Every table. Whoever adds one says here where the owner of the data finds it.
const TABLES: &[(&str, Place)] = &[
    ("access_tickets", SHORT),
    ("active_roles", DERIVED),
    ("assignment_requests", Member("requested_roles")),
    ("audit", LOG),
    ("audit_details", LOG),
    ("audit_events", Member("events")),
    ("authorization_codes", SHORT),
    ("browser_sessions", Member("browser_sessions")),
    ("client_controllers", OTHERS),
    ("clients", OTHERS),
    ("consents", Member("consents")),
    ("ended_assignments", Member("ended_roles")),
    ("factors", Member("factors")),
    (
        "floors",
        Left("which tokens are refused, by id, for as long as they would be valid"),
    ),
    ("former_subjects", Left("ids of subjects that are gone")),
    ("head", SERVER),
    ("known_addresses", HASHED),
    ("known_failures", HASHED),
    ("known_times", SERVER),
    ("leases", SERVER),
    ("login_failures", HASHED),
    ("logout_notices", DERIVED),
    (
        "passkeys",
        Left("keys of factors, which the download has by name"),
    ),
    ("permissions", POLICY),
    ("policy_changes", POLICY),
    ("recovery_codes", Member("recovery_codes")),
    ("resources", POLICY),
    ("role_assignments", Member("role_assignments")),
    ("role_constraint_members", POLICY),
    ("role_constraints", POLICY),
    ("role_juniors", POLICY),
    ("role_permissions", POLICY),
    ("role_wildcards", POLICY),
    (
        "rolecall_former_addresses",
        Left("the address before the present one, for a week after its user has changed it"),
    ),
    ("rolecall_invitations", Member("invitations")),
    ("rolecall_mail_codes", SHORT),
    ("rolecall_mail_counts", HASHED),
    ("rolecall_mail_tokens", Member("mailed_links")),
    ("rolecall_mails", Member("mails")),
    ("rolecall_outbox", DERIVED),
    ("rolecall_outbox_readers", SERVER),
    ("rolecall_policy_versions", POLICY),
    ("rolecall_remembered_devices", Member("remembered_devices")),
    ("roles", POLICY),
    ("secrets", SERVER),
    ("sessions", Member("sessions")),
    ("sign_in_flows", SHORT),
    ("signed_in_clients", DERIVED),
    ("signing_keys", SERVER),
    ("subjects", Left("the ids of users, which the download has")),
    (
        "user_handles",
        Left("random numbers by which authenticators know a user"),
    ),
    ("users", Member("account")),
];

/// The tables of a database, without those of its own and of migrations.
async fn tables(app: &TestApp) -> BTreeSet<String> {
    let sql = if app.db.is_sqlite() {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    } else {
        "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public'"
    };
    let mut tables: BTreeSet<String> = app.db.texts(sql).await.into_iter().collect();
    tables.retain(|table| !table.contains("migrations"));
    tables
}

/// Writes a row about a user into every table that the user's acts alone do not fill.
async fn fill(app: &TestApp, id: &str, client: &str) {
    for sql in [
        format!(
            "INSERT INTO assignment_requests (id, subject_id, role, requested_by, requested_at) \
             VALUES ('r1', '{id}', 'user', 'user:x', 0)"
        ),
        format!(
            "INSERT INTO ended_assignments (subject_id, role, tenant, ended_at, ended_by) \
             VALUES ('{id}', 'user', 'acme', 0, 'user:x')"
        ),
        format!(
            "INSERT INTO factors (id, subject_id, kind, name, secret, last_step, confirmed, created_at) \
             VALUES ('f1', '{id}', 'totp', 'Phone', 'veiled', 0, TRUE, 0)"
        ),
        format!("INSERT INTO recovery_codes (subject_id, hash) VALUES ('{id}', 'veiled')"),
        format!(
            "INSERT INTO consents (subject_id, client_id, resource, tenant, scopes, ceiling, registration, created_at, \
             last_used_at) VALUES ('{id}', '{client}', '', '', '', '{{}}', '', 0, 0)"
        ),
        format!(
            "INSERT INTO rolecall_mails (id, subject_id, kind, recipient, language, sealed, created_at, due_at, \
             expires_at, tries) VALUES ('m1', '{id}', 'reset', 'alice@mail.example', 'en', 'veiled', 0, 0, 0, 0)"
        ),
        format!(
            "INSERT INTO rolecall_mail_tokens (hash, purpose, subject_id, address, created_at, expires_at) \
             VALUES ('veiled', 'reset', '{id}', 'alice@mail.example', 0, 9000000000000000)"
        ),
        format!(
            "INSERT INTO rolecall_remembered_devices (id, hash, era, subject_id, address, created_at, last_used_at, \
             expires_at) VALUES ('rd-1', 'veiled', '', '{id}', '192.0.2.1', 0, 0, 0)"
        ),
        INVITE.to_owned(),
    ] {
        app.db.execute(&sql).await;
    }
}

const INVITE: &str = "INSERT INTO rolecall_invitations (id, hash, address, address_key, roles, tenant, invited_by, created_at, \
    expires_at) VALUES ('i1', 'veiled', 'Alice@mail.example', 'alice@mail.example', '[\"secretive\"]', '', 'user:x', 0, \
    9000000000000000)";

async fn create(app: &TestApp, name: &str, verified: bool) -> String {
    let body = json!({
        "username": name, "password": PASSWORD, "email": "alice@mail.example", "email_verified": verified,
        "roles": ["user"],
    });
    let created = app.post("/api/users", app.admin().await, body).await;
    created.is(201).text("id")
}

async fn y410_every_table_is_exported_or_has_a_reason_not_to_be(app: TestApp) {
    let listed: BTreeSet<String> = TABLES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(tables(&app).await, listed, "a table without a place");
    let id = create(&app, "alice", true).await;
    let members = json!({
        "grants": ["authorization_code"], "redirect_uris": ["https://app.example/cb"], "consent": "skip",
    });
    let client = app.create_client("app", members).await;
    let mut browser = Browser::new(&app);
    browser
        .sign_in(&client, "https://app.example/cb", &[])
        .await;
    let token = app.log_in("alice").await;
    fill(&app, &id, &client.id).await;
    let answer = app.get("/api/me/export", &token).await;
    let data = &answer.is(200).json;
    let mut exported = BTreeSet::new();
    for (table, place) in TABLES {
        match place {
            Member(member) => {
                let found = &data[*member];
                let is_empty = found.is_null() || *found == json!([]) || *found == json!(0);
                assert!(!is_empty, "{table}: {member} is {found}");
                exported.insert(*member);
            }
            Left(reason) => assert!(!reason.is_empty(), "{table}"),
        }
    }
    let others = BTreeSet::from(["email_verified_at", "exported_at", "language"]);
    let named: BTreeSet<&str> = data
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(named, exported.union(&others).copied().collect());
    assert!(data["email_verified_at"].is_string(), "{data}");
    assert_eq!(data["factors"][0]["kind"], "totp");
    assert_eq!(data["mails"][0]["kind"], "reset");
    assert_eq!(data["mailed_links"][0]["purpose"], "reset");
    assert_eq!(data["invitations"][0]["address"], "Alice@mail.example");
    assert_eq!(data["ended_roles"][0]["tenant"], "acme");
    assert_eq!(data["requested_roles"][0]["role"], "user");
    let text = data.to_string();
    for secret in ["veiled", "argon2", "hash", "secretive"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

async fn y411_only_a_proven_address_shows_who_was_invited_to_it(app: TestApp) {
    let invited = async |name: &str, verified| -> Value {
        create(&app, name, verified).await;
        let token = app.log_in(name).await;
        let answer = app.get("/api/me/export", &token).await;
        answer.is(200).json["invitations"].clone()
    };
    app.db.execute(INVITE).await;
    assert_eq!(invited("mallory", false).await, json!([]));
    assert_eq!(invited("alice", true).await.as_array().unwrap().len(), 1);
}
