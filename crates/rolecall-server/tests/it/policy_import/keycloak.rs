//! Importing a Keycloak realm.

use serde_json::{Value, json};

use super::{counts, import, import_keycloak};
use crate::support::{PASSWORD, TestApp, audit_is_whole, on_both};

on_both![
    realm_users_log_in_with_their_passwords_and_have_their_realm_roles,
    an_existing_user_keeps_their_roles_and_gains_the_realms,
    many_realm_users_are_imported_in_one_revision,
    an_invalid_realm_is_refused_without_echoing_its_secrets,
    users_whom_keycloak_does_not_log_in_do_not_log_in_here,
    y130_created_users_keep_the_ids_that_nobody_has_or_had,
    existing_users_are_left_as_they_are,
];

const REALM: &str = include_str!("../../../../rolecall-import/tests/fixtures/keycloak/realm.json");

async fn realm_users_log_in_with_their_passwords_and_have_their_realm_roles(app: TestApp) {
    let before = counts(&app).await;
    let (status, out, error) = import_keycloak(&app, REALM, &["--create-users", "--apply"]).await;
    assert!(
        status == 1 && out.contains("realm.json: users[4]: the service account"),
        "{out}{error}"
    );
    assert!(!out.contains("secretData") && !out.contains("hashIterations"));
    assert_eq!(counts(&app).await, before);
    let all = ["--create-users", "--apply", "--leave-out"];
    let (status, out, error) = import_keycloak(&app, REALM, &all).await;
    assert!(
        status == 0 && out.contains("4 new users, 10 new assignments; 3 without"),
        "{out}{error}"
    );
    for (user, roles) in [
        (
            "alice",
            &[
                "auditor",
                "default-roles-shop",
                "employee",
                "group.staff",
                "group.staff.sales",
                "group.staff.sales.leads",
                "web-shop.refund",
                "web-shop.view-orders",
            ][..],
        ),
        ("dave", &["employee", "group.staff"]),
    ] {
        let token = app.log_in(user).await;
        let me = app.get("/api/me", &token).await;
        assert_eq!(me.is(200).json["roles"], json!(roles), "{user}");
    }
    // disabled in the realm, or without a password there
    for user in ["bob", "carol"] {
        app.password_grant(user, PASSWORD).await.wrong_password();
    }
    let disabled = "SELECT COUNT(*) FROM users WHERE disabled AND username = 'bob' AND password_hash LIKE '$pbkdf2-sha512$%'";
    assert_eq!(app.db.number(disabled).await, 1);
    let verified =
        "SELECT username FROM users WHERE email_verified_at IS NOT NULL ORDER BY username";
    assert_eq!(app.db.texts(verified).await, ["alice"]);
    assert!(audit_is_whole(&app).await);
    let before = counts(&app).await;
    let (status, out, _) = import_keycloak(&app, REALM, &all).await;
    assert!(
        status == 0 && out.contains("0 changes, 0 new users, 0 new assignments; "),
        "{out}"
    );
    assert_eq!(counts(&app).await, before);
}

async fn an_existing_user_keeps_their_roles_and_gains_the_realms(app: TestApp) {
    app.create_role("own", &["items:read"]).await;
    app.create_user("bob", &["own"]).await;
    let realm = r#"{ "realm": "x", "roles": { "realm": [{ "name": "editor", "composites": { "realm": ["reader"] } }, { "name": "reader" }] },
        "users": [{ "username": "bob", "enabled": false, "realmRoles": ["editor"], "credentials": [{ "type": "password", "value": "another password" }] }] }"#;
    let (status, out, error) = import_keycloak(&app, realm, &["--apply", "--leave-out"]).await;
    assert_eq!(status, 0, "{out}{error}");
    assert!(
        out.contains(
            "realm.json: users[0]: user `bob` is disabled in the source, but not in rolecall"
        ),
        "{out}"
    );
    assert!(!out.contains("another password"), "{out}");
    let token = app.log_in("bob").await;
    let me = app.get("/api/me", &token).await;
    assert_eq!(me.is(200).json["roles"], json!(["editor", "own", "reader"]));
}

async fn many_realm_users_are_imported_in_one_revision(app: TestApp) {
    let users: Vec<Value> = (0..1_000)
        .map(|number| {
            json!({
                "username": format!("user{number}"), "enabled": true, "realmRoles": ["editor"],
                "groups": [format!("/g{}", number % 20)], "attributes": { "a": ["b"] },
            })
        })
        .collect();
    let groups: Vec<Value> = (0..20)
        .map(|number| json!({ "name": format!("g{number}"), "realmRoles": ["editor"] }))
        .collect();
    let realm = json!({
        "realm": "x", "roles": { "realm": [{ "name": "editor" }] }, "groups": groups, "users": users,
    });
    let before = app.db.revision().await;
    let (status, out, error) =
        import_keycloak(&app, &realm.to_string(), &["--create-users", "--apply"]).await;
    assert_eq!(status, 0, "{error}");
    assert!(
        out.contains("1000 new users, 2000 new assignments; 0 without a counterpart; written"),
        "{out}"
    );
    assert!(
        out.contains("and 2900 more; use --json to see all"),
        "{out}"
    );
    assert_eq!(app.db.revision().await, before + 1);
    assert!(audit_is_whole(&app).await);
}

const PENDING: &str =
    include_str!("../../../../rolecall-import/tests/fixtures/keycloak/pending.json");

async fn users_whom_keycloak_does_not_log_in_do_not_log_in_here(app: TestApp) {
    let all = ["--create-users", "--apply", "--leave-out"];
    let (status, out, error) = import_keycloak(&app, PENDING, &all).await;
    assert!(
        status == 0 && out.contains("users[1]: users with pending required actions are disabled"),
        "{out}{error}"
    );
    let temporary = "Welcome-to-shop-1";
    app.password_grant("tempo", temporary)
        .await
        .oauth_error(400, "invalid_grant");
    app.password_grant("unproved", "long enough password 2")
        .await
        .wrong_password();
    app.password_grant("mailer", "long enough password 3")
        .await
        .is(200);
    let body = json!({
        "username": "tempo", "current_password": temporary, "new_password": "a password of their own",
    });
    app.post("/password", "", body).await.no_content();
    app.password_grant("tempo", "a password of their own")
        .await
        .is(200);
}

async fn an_invalid_realm_is_refused_without_echoing_its_secrets(app: TestApp) {
    let before = counts(&app).await;
    for (text, expected) in [
        ("[]", "realm.json:1: not the export of one realm"),
        (
            "{\"roles\": {}, \"users\": [\n{\"username\": {\"canary\": 1}}]}",
            "realm.json:2: a member is missing",
        ),
        (
            "{\"roles\": {}, \"users\": [{\"username\": \"canary",
            "realm.json:1: not valid JSON",
        ),
    ] {
        let (status, out, error) = import_keycloak(&app, text, &["--apply", "--leave-out"]).await;
        assert_eq!((status, out.as_str()), (1, ""), "{text}");
        assert!(
            error.starts_with(expected) && !error.contains("canary"),
            "{error}"
        );
    }
    let (status, _, error, _) = import(&app, &[], &[]).await;
    assert!(status == 2 && error.contains("--casbin"), "{error}");
    assert_eq!(counts(&app).await, before);
}

async fn y130_created_users_keep_the_ids_that_nobody_has_or_had(app: TestApp) {
    let gone = app.create_user("gone", &[]).await;
    app.delete(format!("/api/users/{gone}"), app.admin().await)
        .await
        .no_content();
    app.create_user("bob", &[]).await;
    let user = |name: &str, id: &str| json!({ "id": id, "username": name, "enabled": true, "credentials": [{ "type": "password", "value": "x" }] });
    let realm =
        |users: Vec<Value>| json!({ "realm": "x", "roles": {}, "users": users }).to_string();
    let kept = "0f6a6f6e-6b1d-4c39-9f5d-9f3f4a1b2c3d";
    let all = ["--create-users", "--keep-ids", "--apply"];
    for (name, id, reason) in [
        ("bob", kept, "user `bob` has the id"),
        (
            "eve",
            gone.as_str(),
            "belongs to another user or client, or did",
        ),
        ("eve", "e/ve", "an id is 1 to 128"),
    ] {
        let text = realm(vec![user(name, id)]);
        let (status, out, error) = import_keycloak(&app, &text, &all).await;
        assert!(status == 1 && out.contains(reason), "{out}{error}");
    }
    let text = realm(vec![user("alice", kept), user("mole", kept)]);
    let (status, out, error) = import_keycloak(&app, &text, &all).await;
    assert!(
        status == 1 && out.contains("user `mole` is not created"),
        "{out}{error}"
    );
    let text = realm(vec![user("alice", kept)]);
    let (status, out, error) = import_keycloak(&app, &text, &["--create-users", "--apply"]).await;
    assert_eq!(status, 0, "{out}{error}");
    assert_ne!(app.id_of("alice").await, kept, "ids are kept only if asked");
    let text = realm(vec![user("carol", kept)]);
    let (status, out, error) = import_keycloak(&app, &text, &all).await;
    assert_eq!(status, 0, "{out}{error}");
    assert_eq!(app.id_of("carol").await, kept);
}

async fn existing_users_are_left_as_they_are(app: TestApp) {
    app.create_user("bob", &["user"]).await;
    let realm = r#"{ "realm": "x", "roles": { "realm": [{ "name": "editor" }] },
        "users": [{ "username": "bob", "enabled": false, "realmRoles": ["editor"] }, { "username": "new", "enabled": true, "realmRoles": ["editor"] }] }"#;
    let all = ["--create-users", "--skip-existing", "--apply"];
    let (status, out, error) = import_keycloak(&app, realm, &all).await;
    assert!(
        status == 0 && out.contains("1 user skipped: they exist already"),
        "{out}{error}"
    );
    let token = app.log_in("bob").await;
    let me = app.get("/api/me", &token).await;
    assert_eq!(me.is(200).json["roles"], json!(["user"]));
    let new = app.id_of("new").await;
    let roles = app
        .get(format!("/api/users/{new}/roles"), app.admin().await)
        .await;
    assert_eq!(roles.items("role"), ["editor"]);
}
