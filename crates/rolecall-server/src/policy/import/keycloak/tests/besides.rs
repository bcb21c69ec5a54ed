//! What of a realm is no role and no user: told by kind, with how many there are, and nothing told that is not there.

use serde_json::{Value, json};

use super::{imported, said};
use crate::policy::import::Options;

/// What is told of the realm besides what has no counterpart.
fn told(realm: &Value) -> Vec<String> {
    said(&imported(&realm.to_string()).unwrap().told)
}

#[test]
fn what_is_not_kept_is_told_by_kind_and_what_is_empty_is_not() {
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
        told(&realm),
        [
            "users[5]: no password: a new user needs a reset; of this kind: 1",
            "users[4]: what is asked of them at the next log-in is not asked here; of this kind: 1",
            "users[1]: names and attributes of users are not kept here; of this kind: 3",
            "users[4]: not said to be enabled: disabled; of this kind: 1",
            "clients[0].defaultRoles: whoever registers gets them there; `registration.roles` says it here",
            "scopeMappings: tokens from which roles are left out: `scope` of a client does that here; of this kind: 1",
            "clientScopeMappings: tokens from which roles are left out: `scope` of a client does that here; of this kind: 2",
            "identityProviders: log-ins elsewhere are not taken over; of this kind: 3",
            "roles: attributes of roles are not kept here; of this kind: 2",
            "groups: attributes of groups are not kept here; of this kind: 1",
            "clients: clients are not taken over: `rolecall client add` makes them; of this kind: 2",
        ]
        .map(|line| format!("realm.json: {line}"))
    );
    assert_eq!(
        said(&imported(&realm.to_string()).unwrap().unmapped),
        [
            "users[0].credentials[0]: a credential that is no password: whoever has one logs in with the password alone here; of this kind: 5",
            "users[4]: a log-in at another identity provider; of this kind: 1",
            "users[4]: a user who is kept in another directory; of this kind: 1",
        ]
        .map(|line| format!("realm.json: {line}"))
    );
}

/// Roles that are Keycloak's own in some realm, and who has them.
fn realm_with_own_roles(name: &str) -> Value {
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
fn the_roles_of_the_first_realm_for_others_are_keycloaks_own_there_alone() {
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
        realm_with_own_roles("master"),
        realm_with_own_roles("other"),
    );
    assert_eq!(names(&master), ["mine"]);
    assert_eq!(
        names(&other),
        ["admin", "create-realm", "mine", "shop-realm.manage-users"]
    );
    let own = |place: &str, role: &str, mentions: u8| {
        format!(
            "realm.json: {place}: role `{role}` is Keycloak's own and not needed here; mentions of it: {mentions}"
        )
    };
    let all = |count: u8| {
        format!(
            "realm.json: roles: roles that a realm has for Keycloak itself are not needed here; of this kind: {count}"
        )
    };
    assert_eq!(
        told(&master),
        [
            all(5),
            own("users[0].realmRoles[1]", "admin", 1),
            own("users[0].realmRoles[0]", "offline_access", 2),
        ]
    );
    assert_eq!(
        told(&other),
        [all(2), own("users[0].realmRoles[0]", "offline_access", 2)]
    );
}

#[test]
fn descriptions_are_kept_unless_they_are_keycloaks_or_cannot_stand_here() {
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
fn a_name_that_stays_is_not_told_and_one_that_changes_is() {
    let realm = json!({
        "roles": { "realm": [{ "name": "a" }, { "name": "B" }], "client": { "web": [{ "name": "c" }], "Web": [{ "name": "d" }] } },
        "groups": [{ "name": "g", "subGroups": [{ "name": "h" }] }, { "name": "I" }],
        "users": [{ "username": "same", "enabled": true, "credentials": [{}] }, { "username": "ＷＩＤＥ", "enabled": true, "credentials": [{}] }],
    });
    let lines = [
        ("roles.realm[1]", "`B` is role `b` here"),
        (
            "roles.client.Web[0]",
            "`d of client Web` is role `web.d` here",
        ),
        ("groups[1]", "`group /I` is role `group.i` here"),
    ];
    let user = "realm.json: users[1]: user `ＷＩＤＥ` is `wide` here".to_owned();
    let expected = |prefix: &str| -> Vec<String> {
        let lines = lines.iter().map(|(place, text)| {
            format!(
                "realm.json: {place}: {}",
                text.replace("role `", &format!("role `{prefix}"))
            )
        });
        lines.chain([user.clone()]).collect()
    };
    assert_eq!(told(&realm), expected(""));
    let options = Options {
        prefix: Some("shop".parse().unwrap()),
        ..Options::default()
    };
    let source = super::super::Source {
        name: "realm.json",
        text: &realm.to_string(),
    };
    let found = super::super::read(source, &options).unwrap();
    assert_eq!(said(&found.told), expected("shop."));
}
