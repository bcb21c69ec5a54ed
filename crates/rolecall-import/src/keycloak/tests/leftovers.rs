//! The notices about members that are neither roles nor users: one for each kind that is present, with its number.

use serde_json::{Value, json};

use super::{convert, imported, lines_of};
use crate::{imported::ImportOptions, source::Source, test_rules::TestRules};

/// Returns all notices about a realm.
fn notices(realm: &Value) -> Vec<String> {
    lines_of(&imported(&realm.to_string()).unwrap().notices)
}

#[test]
fn every_kind_that_is_not_imported_is_reported_unless_it_is_empty() {
    let user = |name: &str, more: Value| {
        let mut user =
            json!({ "username": name, "enabled": true, "credentials": [{ "type": "otp" }] });
        user.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        user
    };
    let realm = json!({
        "realm": "x",
        "roles": {
            "realm": [{ "name": "a", "attributes": { "k": ["v"] } }, { "name": "b", "attributes": {} }],
            "client": { "web": [{ "name": "c", "attributes": { "k": ["v"], "l": ["w"] } }] },
        },
        "groups": [{ "name": "g", "attributes": { "k": ["v"] } }, { "name": "h", "attributes": {} }],
        "scopeMappings": [{}], "clientScopeMappings": { "web": [{}], "app": [{}] },
        "identityProviders": [{}, {}, {}], "requiredActions": [],
        "components": { "org.keycloak.storage.UserStorageProvider": [], "other": [{}] },
        "clients": [{ "clientId": "web", "defaultRoles": ["c"] }, { "clientId": "app" }],
        "users": [
            user("empty", json!({
                "firstName": "", "lastName": "", "attributes": {}, "federatedIdentities": [], "requiredActions": [],
            })),
            user("first", json!({ "firstName": "F" })),
            user("last", json!({ "lastName": "L" })),
            user("more", json!({ "attributes": { "k": ["v"] } })),
            user("away", json!({
                "federatedIdentities": [{}], "federationLink": "ldap", "requiredActions": ["X"], "enabled": null,
            })),
            user("bare", json!({ "credentials": [] })),
        ],
    });
    assert_eq!(
        notices(&realm),
        [
            "users[5]: users without a password; a new user needs a reset (total: 1)",
            "users[1]: names and attributes of users are not imported (total: 3)",
            "users[4]: users without `enabled` are disabled, as in Keycloak (total: 1)",
            "clients[0].defaultRoles: new users get these roles in Keycloak; set `registration.roles` for the same",
            "scopeMappings: scope mappings are not imported; restrict `scope` of the client instead (total: 1)",
            "clientScopeMappings: scope mappings are not imported; restrict `scope` of the client instead (total: 2)",
            "identityProviders: identity providers are not imported (total: 3)",
            "roles: attributes of roles are not imported (total: 2)",
            "groups: attributes of groups are not imported (total: 1)",
            "clients: clients are not imported; create them with `rolecall client add` (total: 2)",
        ]
        .map(|line| format!("realm.json: {line}"))
    );
    assert_eq!(
        lines_of(&imported(&realm.to_string()).unwrap().unmapped),
        [
            "users[0].credentials[0]: credentials other than passwords are not imported; these users log in with their password alone (total: 5)",
            "users[4]: log-ins at another identity provider are not imported (total: 1)",
            "users[4]: users of another directory (total: 1)",
            "users[4]: users with pending required actions are disabled, since Keycloak does not log them in (total: 1)",
        ]
        .map(|line| format!("realm.json: {line}"))
    );
}

/// Returns a realm with roles that are built into some realm, and users who have them.
fn realm_with_builtin_roles(name: &str) -> Value {
    json!({
        "realm": name,
        "roles": {
            "realm": [
                { "name": "admin" }, { "name": "create-realm" }, { "name": "offline_access" }, { "name": "mine" },
            ],
            "client": { "shop-realm": [{ "name": "manage-users" }], "account": [{ "name": "view-profile" }] },
        },
        "users": [
            { "username": "a", "enabled": true, "realmRoles": ["offline_access", "admin"], "credentials": [{}] },
            { "username": "b", "enabled": true, "realmRoles": ["offline_access"], "credentials": [{}] },
        ],
    })
}

#[test]
fn the_roles_of_the_master_realm_are_built_in_only_there() {
    let names = |realm: &Value| -> Vec<String> {
        let found = imported(&realm.to_string()).unwrap();
        found
            .document
            .roles
            .keys()
            .map(ToString::to_string)
            .collect()
    };
    let (master, other) = (
        realm_with_builtin_roles("master"),
        realm_with_builtin_roles("other"),
    );
    assert_eq!(names(&master), ["mine"]);
    assert_eq!(
        names(&other),
        ["admin", "create-realm", "mine", "shop-realm.manage-users"]
    );
    let builtin = |place: &str, role: &str, mentions: u8| {
        format!(
            "realm.json: {place}: role `{role}` is built into Keycloak and not needed (mentions: {mentions})"
        )
    };
    let all = |count: u8| {
        format!("realm.json: roles: roles built into Keycloak are not needed (total: {count})")
    };
    assert_eq!(
        notices(&master),
        [
            all(5),
            builtin("users[0].realmRoles[1]", "admin", 1),
            builtin("users[0].realmRoles[0]", "offline_access", 2),
        ]
    );
    assert_eq!(
        notices(&other),
        [
            all(2),
            builtin("users[0].realmRoles[0]", "offline_access", 2)
        ]
    );
}

#[test]
fn descriptions_are_kept_unless_they_are_keys_of_texts_or_have_control_characters() {
    let long = "é".repeat(2_000);
    let realm = json!({ "roles": { "realm": [
        { "name": "own", "description": "${role_own}" }, { "name": "lines", "description": "one\ntwo" },
        { "name": "kept", "description": "says ${what} it does" }, { "name": "long", "description": long },
        { "name": "none" },
    ] } });
    let roles = imported(&realm.to_string()).unwrap().document.roles;
    let description = |name: &str| roles[name].description.clone();
    assert_eq!(description("kept"), "says ${what} it does");
    for none in ["own", "lines", "none"] {
        assert_eq!(description(none), "", "{none}");
    }
    let kept = description("long");
    assert!(kept.chars().count() > 100 && long.starts_with(&kept) && kept != long);
}

#[test]
fn only_a_name_that_changes_is_reported() {
    let realm = json!({
        "roles": { "realm": [{ "name": "a" }, { "name": "B" }], "client": { "web": [{ "name": "c" }], "Web": [{ "name": "d" }] } },
        "groups": [{ "name": "g", "subGroups": [{ "name": "h" }] }, { "name": "I" }],
        "users": [{ "username": "same", "enabled": true, "credentials": [{}] }, { "username": "ＷＩＤＥ", "enabled": true, "credentials": [{}] }],
    });
    let lines = [
        ("roles.realm[1]", "`B` becomes role `b`"),
        (
            "roles.client.Web[0]",
            "`d of client Web` becomes role `web.d`",
        ),
        ("groups[1]", "`group /I` becomes role `group.i`"),
    ];
    let user = "realm.json: users[1]: user `ＷＩＤＥ` becomes `wide`".to_owned();
    let expected = |prefix: &str| -> Vec<String> {
        let lines = lines.iter().map(|(place, text)| {
            format!(
                "realm.json: {place}: {}",
                text.replace("role `", &format!("role `{prefix}"))
            )
        });
        lines.chain([user.clone()]).collect()
    };
    assert_eq!(notices(&realm), expected(""));
    let options = ImportOptions {
        prefix: Some("shop".parse().unwrap()),
        ..ImportOptions::default()
    };
    let source = Source {
        name: "realm.json",
        text: &realm.to_string(),
    };
    let found = convert(source, &options, &TestRules).unwrap();
    assert_eq!(lines_of(&found.notices), expected("shop."));
}
