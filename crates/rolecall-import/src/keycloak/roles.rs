//! Roles of the realm and of its clients, groups as roles, and their names in rolecall.

use std::collections::HashMap;

use rolecall_core::RoleName;

use super::{
    notes::Notes,
    realm::{Group, Members, Realm, Role},
};
use crate::{
    imported::ImportOptions,
    names::{Names, convert},
    source::quoted,
};

/// A role or group of Keycloak, which becomes a role.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum RoleKey<'r> {
    /// By its name.
    Realm(&'r str),
    /// By its client and name.
    Client(&'r str, &'r str),
    /// By its path.
    Group(String),
}

impl RoleKey<'_> {
    /// Returns the name in messages.
    fn shown(&self) -> String {
        match self {
            Self::Realm(name) => (*name).to_owned(),
            Self::Client(client, name) => format!("{name} of client {client}"),
            Self::Group(path) => format!("group {path}"),
        }
    }

    /// Returns the converted name.
    fn converted(&self, prefix: &str) -> Result<String, String> {
        let name = match self {
            Self::Realm(name) => convert(name)?,
            Self::Client(client, name) => format!("{}.{}", convert(client)?, convert(name)?),
            Self::Group(path) => format!("group.{}", convert(path)?),
        };
        Ok(format!("{prefix}{name}"))
    }

    /// Returns the name that needs no notice.
    fn expected(&self) -> String {
        match self {
            Self::Realm(name) => (*name).to_owned(),
            Self::Client(client, name) => format!("{client}.{name}"),
            Self::Group(path) => format!("group{}", path.replace('/', ".")),
        }
    }
}

/// The names of all roles, and the mentions of built-in ones.
pub(super) struct Roles<'r> {
    names: HashMap<RoleKey<'r>, Result<RoleName, String>>,
    builtin: HashMap<RoleKey<'r>, Mentions>,
    is_master: bool,
}

/// The mentions of a built-in role: their number, and the path of the first.
#[derive(Clone, Debug, Default)]
struct Mentions {
    count: usize,
    first: String,
}

/// The result of looking up a role.
pub(super) enum Found {
    Role(RoleName),
    /// It is built into Keycloak, and was counted.
    Builtin,
    /// There is none; the reason.
    Nothing(String),
}

/// The clients that every realm has for the consoles of Keycloak.
const BUILTIN_CLIENTS: [&str; 6] = [
    "account",
    "account-console",
    "admin-cli",
    "broker",
    "realm-management",
    "security-admin-console",
];
/// The roles that every realm has.
const BUILTIN_ROLES: [&str; 2] = ["offline_access", "uma_authorization"];

impl<'r> Roles<'r> {
    /// Names all roles and groups. One without a valid name is reported at its declaration.
    pub(super) fn new(
        realm: &'r Realm,
        declared: &[Declared<'r>],
        groups: &[PlacedGroup<'r>],
        options: &ImportOptions,
        notes: &mut Notes,
    ) -> Self {
        let mut roles = Self {
            names: HashMap::new(),
            builtin: HashMap::new(),
            is_master: realm.name.as_deref() == Some("master"),
        };
        let prefix = options.prefix.as_ref().map(|prefix| format!("{prefix}."));
        let prefix = prefix.unwrap_or_default();
        let of_roles = declared
            .iter()
            .map(|one| (one.key.clone(), one.path.as_str()));
        let of_groups = groups
            .iter()
            .map(|one| (RoleKey::Group(one.name.clone()), one.path.as_str()));
        let mut paths: Vec<(RoleKey<'r>, &str)> = of_roles.chain(of_groups).collect();
        let all = paths.len();
        paths.retain(|(key, _)| !roles.is_builtin(key));
        if let builtin @ 1.. = all - paths.len() {
            let message = format!("roles built into Keycloak are not needed (total: {builtin})");
            notes.notice("roles", message);
        }
        let things = paths
            .iter()
            .map(|(key, _)| (key.clone(), key.shown(), key.converted(&prefix)));
        // every user who registers has the role `user`, so an imported role may not have its name
        let mut names = Names::new("role", Some(("user", "users")));
        let assigned = names.assign_all(things.collect::<Vec<_>>());
        for (key, path) in paths {
            let name = match assigned.get(&key) {
                Some(Ok(name)) => name
                    .parse::<RoleName>()
                    .map_err(|_| format!("{} is not a valid role name", quoted(name))),
                Some(Err(reason)) => Err(reason.clone()),
                None => Err("the role has no name".to_owned()),
            };
            match &name {
                Ok(name) if *name.as_str() == format!("{prefix}{}", key.expected()) => {}
                Ok(name) => notes.notice(
                    path,
                    format!("{} becomes role `{name}`", quoted(&key.shown())),
                ),
                Err(reason) => notes.unmapped(path, reason.clone()),
            }
            roles.names.insert(key, name);
        }
        roles
    }

    /// Checks whether every realm has this role.
    pub(super) fn is_builtin(&self, key: &RoleKey<'_>) -> bool {
        match key {
            RoleKey::Realm(name) => {
                BUILTIN_ROLES.contains(name)
                    || (self.is_master && ["admin", "create-realm"].contains(name))
            }
            RoleKey::Client(client, _) => {
                BUILTIN_CLIENTS.contains(client) || (self.is_master && client.ends_with("-realm"))
            }
            RoleKey::Group(_) => false,
        }
    }

    /// Looks up a role that `path` mentions.
    pub(super) fn find(&mut self, key: RoleKey<'r>, path: &str) -> Found {
        if self.is_builtin(&key) {
            let mentions = self.builtin.entry(key).or_default();
            mentions.count += 1;
            if mentions.first.is_empty() {
                path.clone_into(&mut mentions.first);
            }
            return Found::Builtin;
        }
        match self.names.get(&key) {
            Some(Ok(role)) => Found::Role(role.clone()),
            Some(Err(reason)) => Found::Nothing(reason.clone()),
            None => Found::Nothing(match key {
                RoleKey::Group(path) => format!("there is no group {}", quoted(&path)),
                other => format!("there is no role {}", quoted(&other.shown())),
            }),
        }
    }

    /// Returns the roles of a mapping at `path`, each with its own path. A name without a role is reported.
    pub(super) fn find_all(
        &mut self,
        path: &str,
        mapping: &Mapping<'r>,
        notes: &mut Notes,
    ) -> Vec<(RoleName, String)> {
        let mut mentions = Vec::new();
        for (number, name) in mapping.realm.iter().enumerate() {
            let place = format!("{path}.{}[{number}]", mapping.members[0]);
            mentions.push((RoleKey::Realm(name), place));
        }
        for (client, names) in &mapping.clients.0 {
            for (number, name) in names.iter().enumerate() {
                let place = format!("{path}.{}.{client}[{number}]", mapping.members[1]);
                mentions.push((RoleKey::Client(client, name), place));
            }
        }
        let mut found = Vec::new();
        for (key, place) in mentions {
            match self.find(key, &place) {
                Found::Role(role) => found.push((role, place)),
                Found::Builtin => {}
                Found::Nothing(reason) => notes.unmapped(&place, reason),
            }
        }
        found
    }

    /// Reports the built-in roles that are mentioned, once each.
    pub(super) fn report_builtin(&self, notes: &mut Notes) {
        let mut builtin: Vec<(&RoleKey<'r>, &Mentions)> = self.builtin.iter().collect();
        builtin.sort_by_key(|(key, _)| *key);
        for (key, Mentions { count, first }) in builtin {
            let name = quoted(&key.shown());
            notes.notice(
                first,
                format!("role {name} is built into Keycloak and not needed (mentions: {count})"),
            );
        }
    }
}

/// The names of roles in a mapping, and the names of its two members.
pub(super) struct Mapping<'r> {
    pub(super) realm: &'r [String],
    pub(super) clients: &'r Members<Vec<String>>,
    pub(super) members: [&'static str; 2],
}

/// A declared role, and the path of its declaration.
pub(super) struct Declared<'r> {
    pub(super) key: RoleKey<'r>,
    pub(super) role: &'r Role,
    pub(super) path: String,
}

/// Returns all declared roles.
pub(super) fn declared(realm: &Realm) -> Vec<Declared<'_>> {
    let mut all = Vec::new();
    if let Some(roles) = &realm.roles {
        for (number, role) in roles.realm.iter().enumerate() {
            let (key, path) = (RoleKey::Realm(&role.name), format!("roles.realm[{number}]"));
            all.push(Declared { key, role, path });
        }
        for (client, of_client) in &roles.client.0 {
            for (number, role) in of_client.iter().enumerate() {
                let key = RoleKey::Client(client, &role.name);
                let path = format!("roles.client.{client}[{number}]");
                all.push(Declared { key, role, path });
            }
        }
    }
    all
}

/// A group with its full name in Keycloak and its path in the export.
pub(super) struct PlacedGroup<'r> {
    pub(super) group: &'r Group,
    pub(super) name: String,
    /// The full name of its parent group.
    pub(super) parent: Option<String>,
    pub(super) path: String,
}

impl<'r> PlacedGroup<'r> {
    fn new(group: &'r Group, number: usize, parent: Option<&Self>) -> Self {
        let (above, list) = match parent {
            Some(parent) => (parent.name.as_str(), format!("{}.subGroups", parent.path)),
            None => ("", "groups".to_owned()),
        };
        // a name may contain the separator of paths
        let own = || format!("{above}/{}", group.name.replace('/', "~/"));
        Self {
            group,
            name: group.path.clone().unwrap_or_else(own),
            parent: parent.map(|parent| parent.name.clone()),
            path: format!("{list}[{number}]"),
        }
    }
}

/// Returns all groups, each after its parent.
pub(super) fn placed_groups(realm: &Realm) -> Vec<PlacedGroup<'_>> {
    let mut all = Vec::new();
    let top = realm.groups.iter().enumerate().rev();
    let mut open: Vec<PlacedGroup<'_>> = top
        .map(|(number, group)| PlacedGroup::new(group, number, None))
        .collect();
    while let Some(one) = open.pop() {
        for (number, group) in one.group.sub_groups.iter().enumerate().rev() {
            open.push(PlacedGroup::new(group, number, Some(&one)));
        }
        all.push(one);
    }
    all
}
