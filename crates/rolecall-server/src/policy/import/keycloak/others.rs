//! What else a realm has: what decides who may do something has no counterpart, the rest is told.

use super::{
    Notes,
    realm::{Count, Mapper, Realm},
};
use crate::policy::import::quoted;

pub(super) fn tell(realm: &Realm, notes: &mut Notes) {
    elsewhere(realm, notes);
    of_clients(realm, notes);
    not_kept(realm, notes);
    at_registration(realm, notes);
}

/// Where users or their roles come from that are not in the file.
fn elsewhere(realm: &Realm, notes: &mut Notes) {
    let directory = "users who are kept in another directory";
    for (path, Count(count), what) in [
        (
            "identityProviderMappers",
            realm.identity_provider_mappers,
            "may give roles to whoever logs in elsewhere",
        ),
        ("federatedUsers", realm.federated_users, directory),
        (
            "userFederationProviders",
            realm.user_federation_providers,
            directory,
        ),
        (
            "organizations",
            realm.organizations,
            "members of organizations: tenants here, if roles are given in them",
        ),
    ] {
        if count > 0 {
            notes.unmapped(path, format!("{what}; of this kind: {count}"));
        }
    }
    for (kind, Count(count)) in &realm.components.0 {
        if kind.ends_with("UserStorageProvider") && *count > 0 {
            let path = format!("components.{kind}");
            notes.unmapped(&path, format!("{directory}; of this kind: {count}"));
        }
    }
}

fn not_kept(realm: &Realm, notes: &mut Notes) {
    let of_both = |roles: &super::realm::Roles| {
        let of_clients = roles.client.0.iter().flat_map(|(_, roles)| roles);
        let all = roles.realm.iter().chain(of_clients);
        all.filter(|role| role.attributes.0 > 0).count()
    };
    let roles = realm.roles.as_ref().map_or(0, of_both);
    let groups = realm.groups.iter().filter(|group| group.attributes.0 > 0);
    let left_out = "tokens from which roles are left out: `scope` of a client does that here";
    for (path, count, what) in [
        ("scopeMappings", realm.scope_mappings.0, left_out),
        (
            "clientScopeMappings",
            realm.client_scope_mappings.0,
            left_out,
        ),
        (
            "identityProviders",
            realm.identity_providers.0,
            "log-ins elsewhere are not taken over",
        ),
        (
            "requiredActions",
            realm.required_actions.0,
            "what can be asked at a log-in is not taken over",
        ),
        ("roles", roles, "attributes of roles are not kept here"),
        (
            "groups",
            groups.count(),
            "attributes of groups are not kept here",
        ),
        (
            "clients",
            realm.clients.len(),
            "clients are not taken over: `rolecall client add` makes them",
        ),
    ] {
        if count > 0 {
            notes.told(path, format!("{what}; of this kind: {count}"));
        }
    }
}

fn at_registration(realm: &Realm, notes: &mut Notes) {
    let default = realm
        .default_role
        .iter()
        .map(|role| ("defaultRole", &role.name));
    let defaults = realm
        .default_roles
        .iter()
        .map(|name| ("defaultRoles", name));
    let groups = realm
        .default_groups
        .iter()
        .map(|name| ("defaultGroups", name));
    for (path, name) in default.chain(defaults).chain(groups) {
        let name = quoted(name);
        let why = format!("whoever registers gets {name} there; `registration.roles` says it here");
        notes.told(path, why);
    }
}

/// Rules of clients that decide, and what writes roles into tokens by itself.
fn of_clients(realm: &Realm, notes: &mut Notes) {
    for (number, client) in realm.clients.iter().enumerate() {
        let path = format!("clients[{number}]");
        if client.authorization_settings.0 > 0 {
            let name = quoted(&client.id);
            let why = format!("resources and policies of client {name} decide by more than roles");
            notes.unmapped(&format!("{path}.authorizationSettings"), why);
        }
        if !client.default_roles.is_empty() {
            let why = "whoever registers gets them there; `registration.roles` says it here";
            notes.told(&format!("{path}.defaultRoles"), why);
        }
        writing(&client.protocol_mappers, &path, notes);
    }
    for (number, scope) in realm.client_scopes.iter().enumerate() {
        writing(
            &scope.protocol_mappers,
            &format!("clientScopes[{number}]"),
            notes,
        );
    }
}

/// Mappers that give a role to everybody, or another name to one.
fn writing(mappers: &[Mapper], path: &str, notes: &mut Notes) {
    let known = ["oidc-hardcoded-role-mapper", "oidc-role-name-mapper"];
    let kinds = mappers
        .iter()
        .filter_map(|mapper| mapper.protocol_mapper.as_deref());
    if let count @ 1.. = kinds.filter(|kind| known.contains(kind)).count() {
        let path = format!("{path}.protocolMappers");
        notes.unmapped(
            &path,
            format!("they write roles into tokens; of this kind: {count}"),
        );
    }
}
