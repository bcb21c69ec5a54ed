//! All other parts of a realm: those that decide about access have no counterpart, the rest is reported.

use super::{
    notes::Notes,
    realm::{Count, Mapper, Realm, Roles},
};
use crate::source::quoted;

pub(super) fn report(realm: &Realm, notes: &mut Notes) {
    report_log_in(realm, notes);
    report_other_sources(realm, notes);
    report_clients(realm, notes);
    report_not_imported(realm, notes);
    report_registration(realm, notes);
}

/// Reports settings that make Keycloak refuse a log-in that rolecall admits, or admit one that rolecall refuses.
fn report_log_in(realm: &Realm, notes: &mut Notes) {
    if realm.enabled == Some(false) {
        let message = "the realm is disabled, and so are all its users";
        notes.unmapped("enabled", message);
    }
    let policy = realm.password_policy.as_deref().unwrap_or_default();
    if policy.contains("forceExpiredPasswordChange") {
        let message =
            "passwords expire in Keycloak and not in rolecall; reset those that are too old";
        notes.unmapped("passwordPolicy", message);
    }
    for (path, flow, own) in [
        ("browserFlow", &realm.browser_flow, "browser"),
        ("directGrantFlow", &realm.direct_grant_flow, "direct grant"),
    ] {
        if let Some(flow) = flow.as_deref().filter(|flow| *flow != own) {
            let flow = quoted(flow);
            notes.unmapped(
                path,
                format!("the flow {flow} may require more than a password for a log-in"),
            );
        }
    }
    if realm.login_with_email_allowed {
        let message = "users can log in with their e-mail address in Keycloak; in rolecall only with a verified one, and on \
            the sign-in page only";
        notes.notice("loginWithEmailAllowed", message);
    }
}

/// Reports sources of users or of their roles that are not in the file.
fn report_other_sources(realm: &Realm, notes: &mut Notes) {
    let directory = "users of another directory are not in the file";
    for (path, Count(count), message) in [
        (
            "identityProviderMappers",
            realm.identity_provider_mappers,
            "mappers may assign roles to users who log in at another identity provider",
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
            "organizations are not imported; assign roles in tenants instead",
        ),
    ] {
        if count > 0 {
            notes.unmapped(path, format!("{message} (total: {count})"));
        }
    }
    for (kind, Count(count)) in &realm.components.0 {
        if kind.ends_with("UserStorageProvider") && *count > 0 {
            let path = format!("components.{kind}");
            notes.unmapped(&path, format!("{directory} (total: {count})"));
        }
    }
}

/// Reports settings that are not imported and decide nothing about access.
fn report_not_imported(realm: &Realm, notes: &mut Notes) {
    let of_both = |roles: &Roles| {
        let of_clients = roles.client.0.iter().flat_map(|(_, roles)| roles);
        let all = roles.realm.iter().chain(of_clients);
        all.filter(|role| role.attributes.0 > 0).count()
    };
    let roles = realm.roles.as_ref().map_or(0, of_both);
    let groups = realm.groups.iter().filter(|group| group.attributes.0 > 0);
    let scopes = "scope mappings are not imported; restrict `scope` of the client instead";
    for (path, count, message) in [
        ("scopeMappings", realm.scope_mappings.0, scopes),
        ("clientScopeMappings", realm.client_scope_mappings.0, scopes),
        (
            "identityProviders",
            realm.identity_providers.0,
            "identity providers are not imported",
        ),
        (
            "requiredActions",
            realm.required_actions.0,
            "required actions are not imported",
        ),
        ("roles", roles, "attributes of roles are not imported"),
        (
            "groups",
            groups.count(),
            "attributes of groups are not imported",
        ),
        (
            "clients",
            realm.clients.len(),
            "clients are not imported; create them with `rolecall client add`",
        ),
    ] {
        if count > 0 {
            notes.notice(path, format!("{message} (total: {count})"));
        }
    }
}

/// Reports the roles and groups of new users.
fn report_registration(realm: &Realm, notes: &mut Notes) {
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
        notes.notice(
            path,
            format!("new users get {name} in Keycloak; set `registration.roles` for the same"),
        );
    }
}

/// Reports rules of clients that decide about access, and mappers that write roles into tokens.
fn report_clients(realm: &Realm, notes: &mut Notes) {
    for (number, client) in realm.clients.iter().enumerate() {
        let path = format!("clients[{number}]");
        if client.authorization_settings.0 > 0 {
            let name = quoted(&client.id);
            notes.unmapped(
                &format!("{path}.authorizationSettings"),
                format!("the resources and policies of client {name} decide by more than roles"),
            );
        }
        if !client.default_roles.is_empty() {
            notes.notice(
                &format!("{path}.defaultRoles"),
                "new users get these roles in Keycloak; set `registration.roles` for the same",
            );
        }
        report_mappers(&client.protocol_mappers, &path, notes);
    }
    for (number, scope) in realm.client_scopes.iter().enumerate() {
        report_mappers(
            &scope.protocol_mappers,
            &format!("clientScopes[{number}]"),
            notes,
        );
    }
}

/// Reports mappers that add a role to every token, or rename one.
fn report_mappers(mappers: &[Mapper], path: &str, notes: &mut Notes) {
    let known = ["oidc-hardcoded-role-mapper", "oidc-role-name-mapper"];
    let kinds = mappers
        .iter()
        .filter_map(|mapper| mapper.protocol_mapper.as_deref());
    if let count @ 1.. = kinds.filter(|kind| known.contains(kind)).count() {
        let path = format!("{path}.protocolMappers");
        notes.unmapped(
            &path,
            format!("mappers write roles into tokens (total: {count})"),
        );
    }
}
