//! A realm written after Keycloak's documented export. Every user gets the roles that a simple interpreter of the
//! realm gives them.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{note::Note, test_rules::TestRules};

mod leftovers;

const REALM: &str = include_str!("../../tests/fixtures/keycloak/realm.json");

fn imported(text: &str) -> Result<Imported, ImportError> {
    let source = Source {
        name: "realm.json",
        text,
    };
    convert(source, &ImportOptions::default(), &TestRules)
}

fn lines_of(notes: &[Note]) -> Vec<String> {
    notes.iter().map(ToString::to_string).collect()
}

/// Returns the roles of a mapping: `name`, or `client/name`.
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

/// Returns all roles that a user has by Keycloak's rules, without built-in ones: those mapped to the user, to each
/// group and its parents, and the parts of composites.
fn roles_in_keycloak(realm: &Value, user: &Value) -> BTreeSet<String> {
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

/// Returns all roles that a user has after the import, without groups.
fn roles_after_import(imported: &Imported, username: &str) -> BTreeSet<String> {
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

fn converted_name(name: &str) -> String {
    match name {
        "user" => "users".to_owned(),
        other => other.to_lowercase().replace('/', "."),
    }
}

#[test]
fn every_user_gets_the_roles_that_they_have_in_keycloak() {
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
        let expected: BTreeSet<String> = roles_in_keycloak(&realm, user)
            .iter()
            .map(|role| converted_name(role))
            .collect();
        assert!(!expected.is_empty());
        assert_eq!(roles_after_import(&found, name), expected, "{name}");
        users += 1;
    }
    assert_eq!((users, found.people.len()), (4, 4));
}

#[test]
fn exactly_the_members_without_a_counterpart_are_reported_by_their_path() {
    let found = imported(REALM).unwrap();
    assert_eq!(
        lines_of(&found.unmapped),
        [
            "realm.json: users[4]: the service account of client `web-shop`: create a client with `rolecall client add`, and assign roles to it",
            "realm.json: users[3].credentials[1]: credentials other than passwords are not imported; these users log in with their password alone (total: 1)",
            "realm.json: clients[0].authorizationSettings: the resources and policies of client `web-shop` decide by more than roles",
        ]
    );
    let notices = lines_of(&found.notices);
    for line in [
        "realm.json: roles.realm[2]: `Auditor` becomes role `auditor`",
        "realm.json: roles.realm[6]: `user` becomes role `users`",
        "realm.json: groups[0]: `group /Staff` becomes role `group.staff`",
        "realm.json: defaultRole: new users get `default-roles-shop` in Keycloak; set `registration.roles` for the same",
        "realm.json: requiredActions: required actions are not imported (total: 1)",
        "realm.json: users[2]: users without a password; a new user needs a reset (total: 1)",
    ] {
        assert!(
            notices.iter().any(|notice| notice == line),
            "{line}\n{notices:#?}"
        );
    }
    let builtin: Vec<&String> = notices
        .iter()
        .filter(|notice| notice.contains("is built into Keycloak"))
        .collect();
    assert_eq!(builtin.len(), 5, "{builtin:#?}");
}

#[test]
fn users_keep_their_passwords_and_addresses_and_stay_disabled() {
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
fn every_fault_of_a_realm_is_reported_by_its_path() {
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
    let lines = lines_of(&found.unmapped);
    for expected in [
        "roles.realm[3]: `A` would become `a`, the same as `a`",
        "roles.realm[4]: `*` looks like a pattern",
        "roles.client.web[0]: `c of client web` would become `web.c`",
        "groups[1].subGroups[0]: `group /a/b` would become `group.a.b`",
        "roles.realm[0].composites.realm[1]: there is no role `ghost`",
        "roles.realm[1].composites.realm[0]: it closes a cycle: `a` -> `b` -> `a`",
        "roles.realm[1].composites.client.web[0]: `c of client web` would become",
        "users[0].realmRoles[0]: there is no role `nobody`",
        "users[0].realmRoles[1]: `A` would become",
        "users[0].groups[0]: there is no group `/none`",
        "users[0].email: that is not an e-mail address",
        "users[1]: user `Alice` would become the same user as `alice`",
        "users[2]: user ``: the user name is empty",
        "identityProviderMappers: ",
        "components.org.keycloak.storage.UserStorageProvider: ",
        "clients[0].protocolMappers: mappers write roles into tokens",
    ] {
        let line = format!("realm.json: {expected}");
        assert!(
            lines.iter().any(|found| found.starts_with(&line)),
            "{line}\n{lines:#?}"
        );
    }
    assert_eq!(lines.len(), 16, "{lines:#?}");
    assert!(found.document.policy().is_ok());
}

#[test]
fn a_text_that_is_not_an_export_is_rejected_with_its_line_and_without_secrets() {
    for (text, expected) in [
        ("", "realm.json:1: not the export"),
        ("[]", "realm.json:1: not the export"),
        ("[{\"realm\": \"a\"}]", "realm.json: there are no `roles`"),
        ("[[\"a\"]]", "realm.json:1: a member is missing"),
        ("{\n\"roles\": {},\n", "realm.json:3: not valid JSON"),
        ("{}", "realm.json: there are no `roles`"),
        (
            "{\"roles\": {}, \"users\": [\n{\"username\": [\"canary\"]}]}",
            "realm.json:2: a member is missing",
        ),
        (
            "{\"roles\": {}, \"roles\": {}}",
            "realm.json:1: member `roles` is repeated",
        ),
        (
            "{\"roles\": {}, \"users\": [],\n \"users\": []}",
            "realm.json:2: member `users` is repeated",
        ),
    ] {
        let reason = imported(text).unwrap_err().to_string();
        assert!(
            reason.starts_with(expected) && !reason.contains("canary"),
            "{reason}"
        );
    }
    let deep = format!(
        "{{\"roles\":{{}},\"groups\":{}",
        "[{\"subGroups\":".repeat(100_000)
    );
    let reason = imported(&deep).unwrap_err().to_string();
    assert!(reason.contains("not valid JSON"), "{reason}");
}

#[test]
fn users_whom_keycloak_refuses_are_disabled_or_must_change_their_password() {
    let realm = json!({
        "realm": "x", "enabled": true, "verifyEmail": true, "roles": {},
        "users": [
            { "username": "new", "enabled": true, "emailVerified": true, "requiredActions": ["UPDATE_PASSWORD"] },
            { "username": "otp", "enabled": true, "emailVerified": true, "requiredActions": ["CONFIGURE_TOTP"] },
            { "username": "both", "enabled": true, "emailVerified": true,
              "requiredActions": ["UPDATE_PASSWORD", "some-action-of-a-plugin"] },
            { "username": "mail", "enabled": true, "emailVerified": false },
            { "username": "old", "enabled": true, "emailVerified": true,
              "credentials": [{ "type": "password", "value": "x", "temporary": true }] },
            { "username": "fine", "enabled": true, "emailVerified": true },
        ],
    });
    let found = imported(&realm.to_string()).unwrap();
    let people = found.people.iter();
    let people = people.map(|one| {
        (
            one.username.as_str(),
            one.disabled,
            one.must_change_password,
        )
    });
    assert_eq!(
        people.collect::<Vec<_>>(),
        [
            ("new", false, true),
            ("otp", true, false),
            ("both", true, true),
            ("mail", true, false),
            ("old", false, true),
            ("fine", false, false),
        ]
    );
    assert_eq!(
        lines_of(&found.unmapped),
        [
            "realm.json: users[1]: users with pending required actions are disabled, since Keycloak does not log them in (total: 2)",
            "realm.json: users[3]: users whose address is not verified are disabled, since the realm does not log them in (total: 1)",
        ]
    );
    let closed = realm
        .to_string()
        .replace("\"enabled\":true,\"realm\"", "\"enabled\":false,\"realm\"");
    let found = imported(&closed).unwrap();
    assert!(
        found.people.iter().all(|person| person.disabled),
        "{closed}"
    );
    assert!(lines_of(&found.unmapped).contains(
        &"realm.json: enabled: the realm is disabled, and so are all its users".to_owned()
    ));
}

#[test]
fn settings_under_which_keycloak_admits_other_log_ins_are_reported() {
    let realm = json!({
        "realm": "x", "roles": {}, "loginWithEmailAllowed": true, "browserFlow": "with otp",
        "directGrantFlow": "direct grant", "passwordPolicy": "length(8) and forceExpiredPasswordChange(90)",
    });
    let found = imported(&realm.to_string()).unwrap();
    assert_eq!(
        lines_of(&found.unmapped),
        [
            "realm.json: passwordPolicy: passwords expire in Keycloak and not in rolecall; reset those that are too old",
            "realm.json: browserFlow: the flow `with otp` may require more than a password for a log-in",
        ]
    );
    assert_eq!(
        lines_of(&found.notices),
        [
            "realm.json: loginWithEmailAllowed: users can log in with their e-mail address in Keycloak; in rolecall only with a verified one, and on the sign-in page only"
        ]
    );
}

#[test]
fn members_with_the_names_of_old_versions_are_read() {
    let old = json!({
        "realm": "x",
        "roles": {
            "realm": [{ "name": "a", "composites": { "application": { "web": ["c"] } } }],
            "application": { "web": [{ "name": "c" }, { "name": "d" }] },
        },
        "groups": [{ "name": "g", "applicationRoles": { "web": ["d"] } }],
        "users": [{ "username": "u", "enabled": true, "realmRoles": ["a"], "applicationRoles": { "web": ["d"] } }],
        "applications": [{ "name": "web" }],
    });
    let new = old
        .to_string()
        .replace("applicationRoles", "clientRoles")
        .replace("\"application\"", "\"client\"");
    let new = new.replace("applications", "clients");
    let (old, new) = (imported(&old.to_string()).unwrap(), imported(&new).unwrap());
    assert_eq!(roles_after_import(&old, "u"), roles_after_import(&new, "u"));
    assert_eq!(roles_after_import(&old, "u").len(), 3);
    assert_eq!(old.document.roles, new.document.roles);
    assert_eq!((old.unmapped, old.notices), (new.unmapped, new.notices));
}

#[test]
fn several_files_and_realms_are_imported_together() {
    let file = |name: &'static str, text: &'static str| Source { name, text };
    let realm = file(
        "shop-realm.json",
        r#"{"realm":"shop","roles":{"realm":[{"name":"editor"}]}}"#,
    );
    let users = file(
        "shop-users-0.json",
        r#"{"realm":"shop","users":[{"username":"alice","enabled":true,"realmRoles":["editor","ghost"]}]}"#,
    );
    let all = |files: &[Source<'_>]| convert_all(files, &ImportOptions::default(), &TestRules);
    let found = all(&[realm, users]).unwrap();
    assert_eq!(found.document.role_names().collect::<Vec<_>>(), ["editor"]);
    assert_eq!((found.people.len(), found.people[0].roles.len()), (1, 1));
    assert_eq!(
        lines_of(&found.unmapped),
        ["shop-users-0.json: users[0].realmRoles[1]: there is no role `ghost`"]
    );
    let both = file(
        "all.json",
        r#"[{"realm":"shop","roles":{"realm":[{"name":"editor"}]},"users":[{"username":"alice","enabled":true}]},
            {"realm":"Bar","roles":{"realm":[{"name":"editor"}]},"users":[{"username":"alice","enabled":true,"realmRoles":["editor"]}]}]"#,
    );
    let found = all(&[both]).unwrap();
    assert_eq!(
        found.document.role_names().collect::<Vec<_>>(),
        ["bar.editor", "shop.editor"]
    );
    // the same name in another realm is another person
    assert_eq!((found.people.len(), found.people[0].roles.len()), (1, 0));
    assert_eq!(
        lines_of(&found.unmapped),
        ["all.json: [1].users[0]: there is a user `alice` already, perhaps of another realm"]
    );
    for (files, reason) in [
        (&[users][..], "shop-users-0.json: there are no `roles`"),
        (
            &[realm, realm],
            "shop-realm.json: realm `shop` appears twice",
        ),
    ] {
        let rejected = all(files).unwrap_err().to_string();
        assert!(rejected.starts_with(reason), "{rejected}");
    }
}

/// Random realms over few names, so that roles refer to each other.
fn realms() -> impl Strategy<Value = Value> {
    const NAMES: [&str; 4] = ["a", "b", "c", "d"];
    let names = || prop::collection::vec(prop::sample::select(&NAMES[..]), 0..2);
    // all roles are declared, so that only cycles have no counterpart
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
    fn no_user_gets_more_than_in_keycloak_and_the_same_if_everything_has_a_counterpart(realm in realms()) {
        let found = imported(&realm.to_string()).unwrap();
        let expected: BTreeSet<String> = roles_in_keycloak(&realm, &realm["users"][0]).iter().map(|role| converted_name(role)).collect();
        let held = roles_after_import(&found, "u");
        prop_assert!(held.is_subset(&expected), "{held:?} {expected:?}");
        if found.unmapped.is_empty() {
            prop_assert_eq!(held, expected);
        }
    }

    #[test]
    fn no_text_makes_the_conversion_panic(text in "[{}\\[\\]\":,a-z0-9 ]{0,80}", cut in 0..20_000_usize, with in ".{0,3}") {
        let _ = imported(&text);
        let cut = cut.min(REALM.len());
        if REALM.is_char_boundary(cut) {
            let (before, after) = REALM.split_at(cut);
            let _ = imported(&format!("{before}{with}{after}"));
            let _ = imported(before);
        }
    }
}
