//! A realm written after Keycloak's documented export: everybody has the roles here that a simple reading of it
//! gives them.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

mod besides;

const REALM: &str = include_str!("../../../../tests/fixtures/keycloak/realm.json");

fn imported(text: &str) -> Result<Imported, Refusal> {
    let source = Source {
        name: "realm.json",
        text,
    };
    read(source, &Options::default())
}

fn said(notes: &[Note]) -> Vec<String> {
    notes
        .iter()
        .map(|note| format!("{}: {}", note.at, note.message))
        .collect()
}

/// The roles of a mapping: `name`, or `client/name`.
fn mapped(of: &Value, realm: &str, client: &str) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = |value: &Value| {
        value
            .as_array()
            .into_iter()
            .flatten()
            .map(text)
            .collect::<Vec<_>>()
    };
    let mut found = list(&of[realm]);
    for (client, names) in of[client].as_object().into_iter().flatten() {
        found.extend(
            list(names)
                .into_iter()
                .map(|name| format!("{client}/{name}")),
        );
    }
    found
}

/// All roles that a user has by Keycloak's rules, its own left out: those mapped to the user and to each group
/// on the way to theirs, and what composites among them are made of.
fn simple(realm: &Value, user: &Value) -> BTreeSet<String> {
    let mut open = mapped(user, "realmRoles", "clientRoles");
    for path in user["groups"].as_array().into_iter().flatten() {
        let mut groups = &realm["groups"];
        for name in path.as_str().unwrap().split('/').skip(1) {
            let all = groups.as_array().unwrap();
            let group = all.iter().find(|group| group["name"] == name).unwrap();
            open.extend(mapped(group, "realmRoles", "clientRoles"));
            groups = &group["subGroups"];
        }
    }
    let mut found = BTreeSet::new();
    while let Some(name) = open.pop() {
        if !found.insert(name.clone()) {
            continue;
        }
        let (list, name) = match name.split_once('/') {
            Some((client, name)) => (&realm["roles"]["client"][client], name),
            None => (&realm["roles"]["realm"], name.as_str()),
        };
        let role = list
            .as_array()
            .into_iter()
            .flatten()
            .find(|role| role["name"] == name);
        open.extend(
            role.into_iter()
                .flat_map(|role| mapped(&role["composites"], "realm", "client")),
        );
    }
    let builtin = |name: &String| {
        ["offline_access", "uma_authorization"].contains(&name.as_str())
            || name.starts_with("account/")
            || name.starts_with("realm-management/")
    };
    found.into_iter().filter(|name| !builtin(name)).collect()
}

/// The same by what was imported, groups left out, names as they are here.
fn here(imported: &Imported, username: &str) -> BTreeSet<String> {
    let policy = imported.document.policy().unwrap();
    let person = imported
        .people
        .iter()
        .find(|person| person.username == username);
    let given = person
        .into_iter()
        .flat_map(|person| &person.roles)
        .map(|(role, _)| role);
    let held = policy.closure(given);
    held.iter()
        .map(ToString::to_string)
        .filter(|role| !role.starts_with("group."))
        .collect()
}

fn name_here(name: &str) -> String {
    match name {
        "user" => "users".to_owned(),
        other => other.to_lowercase().replace('/', "."),
    }
}

#[test]
fn everybody_has_the_roles_that_a_simple_reading_of_the_realm_gives_them() {
    let (realm, found): (Value, _) = (
        serde_json::from_str(REALM).unwrap(),
        imported(REALM).unwrap(),
    );
    let mut users = 0;
    for user in realm["users"].as_array().unwrap() {
        if user.get("serviceAccountClientId").is_some() {
            continue;
        }
        let name = user["username"].as_str().unwrap();
        let expected: BTreeSet<String> = simple(&realm, user)
            .iter()
            .map(|role| name_here(role))
            .collect();
        assert!(!expected.is_empty());
        assert_eq!(here(&found, name), expected, "{name}");
        users += 1;
    }
    assert_eq!((users, found.people.len()), (4, 4));
}

#[test]
fn what_of_the_realm_has_no_counterpart_is_told_by_its_path_and_nothing_else_is() {
    let found = imported(REALM).unwrap();
    assert_eq!(
        said(&found.unmapped),
        [
            "realm.json: users[4]: the service account of client `web-shop`: make a client, `rolecall client add`, and give it roles",
            "realm.json: users[3].credentials[1]: a credential that is no password: whoever has one logs in with the password alone here; of this kind: 1",
            "realm.json: clients[0].authorizationSettings: resources and policies of client `web-shop` decide by more than roles; of this kind: 4",
        ]
        .map(|line| line.trim_end_matches("; of this kind: 4").to_owned())
    );
    let told = said(&found.told);
    for line in [
        "realm.json: roles.realm[2]: `Auditor` is role `auditor` here",
        "realm.json: roles.realm[6]: `user` is role `users` here",
        "realm.json: groups[0]: `group /Staff` is role `group.staff` here",
        "realm.json: defaultRole: whoever registers gets `default-roles-shop` there; `registration.roles` says it here",
        "realm.json: requiredActions: what can be asked at a log-in is not taken over; of this kind: 1",
        "realm.json: users[2]: no password: a new user needs a reset; of this kind: 1",
    ] {
        assert!(told.iter().any(|said| said == line), "{line}\n{told:#?}");
    }
    let builtin: Vec<&String> = told
        .iter()
        .filter(|said| said.contains("Keycloak's own"))
        .collect();
    assert_eq!(builtin.len(), 5, "{builtin:#?}");
}

#[test]
fn users_keep_their_passwords_addresses_and_that_they_are_disabled() {
    let found = imported(REALM).unwrap();
    let [alice, bob, carol, dave] = &found.people[..] else {
        panic!()
    };
    assert!(
        alice
            .hash
            .as_ref()
            .unwrap()
            .starts_with("$pbkdf2-sha256$i=27500,l=32$")
    );
    assert_eq!(alice.email.as_deref(), Some("alice@shop.example"));
    assert!(bob.disabled && !alice.disabled && !carol.disabled && !dave.disabled);
    assert!(bob.hash.as_ref().unwrap().starts_with("$pbkdf2-sha512$"));
    assert_eq!((&carol.hash, &carol.email), (&None, &None));
    assert!(
        imported(r#"{"roles":{},"users":[{"username":"eve"}]}"#)
            .unwrap()
            .people[0]
            .disabled
    );
}

#[test]
fn what_is_wrong_in_a_realm_is_told_by_its_path() {
    let realm = json!({
        "realm": "x",
        "roles": {
            "realm": [
                { "name": "a", "composites": { "realm": ["b", "ghost"] } },
                { "name": "b", "composites": { "realm": ["a"], "client": { "web": ["c"] } } },
                { "name": "web.c" }, { "name": "A" }, { "name": "*" },
            ],
            "client": { "web": [{ "name": "c" }] },
        },
        "groups": [{ "name": "a.b", "path": "/a.b" }, { "name": "a", "path": "/a", "subGroups": [{ "name": "b" }] }],
        "users": [
            { "username": "alice", "enabled": true, "realmRoles": ["nobody", "A"], "groups": ["/none"], "email": "x" },
            { "username": "Alice" }, { "username": "" },
        ],
        "identityProviderMappers": [{}, {}],
        "components": { "org.keycloak.storage.UserStorageProvider": [{}] },
        "clients": [{ "clientId": "web", "protocolMappers": [{ "protocolMapper": "oidc-hardcoded-role-mapper" }] }],
    });
    let found = imported(&realm.to_string()).unwrap();
    let lines = said(&found.unmapped);
    for expected in [
        "roles.realm[3]: `A` would be called `a` here, as `a` is already",
        "roles.realm[4]: `*` looks like a pattern",
        "roles.client.web[0]: `c of client web` would be called `web.c` here",
        "groups[1].subGroups[0]: `group /a/b` would be called `group.a.b` here",
        "roles.realm[0].composites.realm[1]: there is no role `ghost`",
        "roles.realm[1].composites.realm[0]: it closes a cycle: `a` -> `b` -> `a`",
        "roles.realm[1].composites.client.web[0]: `c of client web` would be called",
        "users[0].realmRoles[0]: there is no role `nobody`",
        "users[0].realmRoles[1]: `A` would be called",
        "users[0].groups[0]: there is no group `/none`",
        "users[0].email: that is not an e-mail address",
        "users[1]: user `Alice` would be the same here as `alice`",
        "users[2]: user ``: the user name is empty",
        "identityProviderMappers: ",
        "components.org.keycloak.storage.UserStorageProvider: ",
        "clients[0].protocolMappers: they write roles into tokens",
    ] {
        let line = format!("realm.json: {expected}");
        assert!(
            lines.iter().any(|said| said.starts_with(&line)),
            "{line}\n{lines:#?}"
        );
    }
    assert_eq!(lines.len(), 16, "{lines:#?}");
    assert!(found.document.policy().is_ok());
}

#[test]
fn what_is_no_export_is_refused_with_its_line_and_without_its_secrets() {
    for (text, expected) in [
        ("", "realm.json:1: not the export"),
        ("[{\"realm\": \"a\"}]", "realm.json:1: not the export"),
        ("{\n\"roles\": {},\n", "realm.json:3: not valid JSON"),
        ("{}", "realm.json: there are no `roles`"),
        (
            "{\"roles\": {}, \"users\": [\n{\"username\": [\"canary\"]}]}",
            "realm.json:2: a member lacks",
        ),
        (
            "{\"roles\": {}, \"roles\": {}}",
            "realm.json:1: a member lacks, stands twice",
        ),
    ] {
        let refused = said(&imported(text).unwrap_err());
        assert!(
            refused[0].starts_with(expected) && !refused[0].contains("canary"),
            "{refused:?}"
        );
    }
    let deep = format!(
        "{{\"roles\":{{}},\"groups\":{}",
        "[{\"subGroups\":".repeat(100_000)
    );
    assert!(said(&imported(&deep).unwrap_err())[0].contains("not valid JSON"));
}

/// Realms over few names, so that they meet.
fn realms() -> impl Strategy<Value = Value> {
    const NAMES: [&str; 4] = ["a", "b", "c", "d"];
    let names = || prop::collection::vec(prop::sample::select(&NAMES[..]), 0..2);
    // all are declared, so that nothing but a cycle has no counterpart
    let roles = move || {
        prop::collection::vec((names(), names()), NAMES.len()).prop_map(|composites| {
            let role = |(name, (realm, client))| {
                json!({ "name": name, "composites": { "realm": realm, "client": { "web": client } } })
            };
            NAMES.into_iter().zip(composites).map(role).collect::<Vec<Value>>()
        })
    };
    let group = move |below: Value| {
        (names(), names()).prop_map(move |(realm, client)| {
            json!({ "name": "g", "realmRoles": realm, "clientRoles": { "web": client }, "subGroups": below.clone() })
        })
    };
    let groups = group(json!([])).prop_flat_map(move |below| group(json!([below])));
    let paths = prop::collection::vec(prop::sample::select(&["/g", "/g/g"][..]), 0..2);
    (roles(), roles(), groups, names(), names(), paths).prop_map(|(realm, client, group, own, of_client, paths)| {
        json!({
            "roles": { "realm": realm, "client": { "web": client } },
            "groups": [group],
            "users": [{ "username": "u", "enabled": true, "realmRoles": own, "clientRoles": { "web": of_client }, "groups": paths }],
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn nobody_has_more_than_in_any_realm_and_no_less_where_all_of_it_maps(realm in realms()) {
        let found = imported(&realm.to_string()).unwrap();
        let expected: BTreeSet<String> = simple(&realm, &realm["users"][0]).iter().map(|role| name_here(role)).collect();
        let held = here(&found, "u");
        prop_assert!(held.is_subset(&expected), "{held:?} {expected:?}");
        if found.unmapped.is_empty() {
            prop_assert_eq!(held, expected);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[{}\\[\\]\":,a-z0-9 ]{0,80}", cut in 0..20_000_usize, with in ".{0,3}") {
        let _ = imported(&text);
        let cut = cut.min(REALM.len());
        if REALM.is_char_boundary(cut) {
            let (before, after) = REALM.split_at(cut);
            let _ = imported(&format!("{before}{with}{after}"));
            let _ = imported(before);
        }
    }
}
