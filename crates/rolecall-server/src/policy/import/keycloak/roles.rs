//! Roles of the realm and of its clients, and groups as roles: what each is called here.

use std::collections::HashMap;

use rolecall_core::RoleName;

use super::{
    Notes,
    realm::{Group, Members, Realm, Role},
};
use crate::policy::import::{
    Options,
    names::{Names, spell},
    quoted,
};

/// What of Keycloak becomes a role here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Who<'r> {
    Realm(&'r str),
    Client(&'r str, &'r str),
    /// By its path.
    Group(String),
}

impl Who<'_> {
    fn shown(&self) -> String {
        match self {
            Self::Realm(name) => (*name).to_owned(),
            Self::Client(client, name) => format!("{name} of client {client}"),
            Self::Group(path) => format!("group {path}"),
        }
    }

    fn wanted(&self, prefix: &str) -> Result<String, String> {
        let name = match self {
            Self::Realm(name) => spell(name)?,
            Self::Client(client, name) => format!("{}.{}", spell(client)?, spell(name)?),
            Self::Group(path) => format!("group.{}", spell(path)?),
        };
        Ok(format!("{prefix}{name}"))
    }

    /// How a role is called for which nothing has to be told.
    fn expected(&self) -> String {
        match self {
            Self::Realm(name) => (*name).to_owned(),
            Self::Client(client, name) => format!("{client}.{name}"),
            Self::Group(path) => format!("group{}", path.replace('/', ".")),
        }
    }
}

/// The roles by what they are in the source.
pub(super) struct Roles<'r> {
    names: HashMap<Who<'r>, Result<RoleName, String>>,
    /// Keycloak's own, and how often they are given.
    builtin: HashMap<Who<'r>, Seen>,
    is_master: bool,
}

/// How often something was met, and where first.
#[derive(Clone, Debug, Default)]
struct Seen {
    times: usize,
    first: String,
}

/// What comes of a mention of a role.
pub(super) enum Found {
    Role(RoleName),
    /// It is Keycloak's own, and was counted.
    Builtin,
    /// Why there is none.
    Nothing(String),
}

/// Clients that every realm has, for Keycloak's own consoles.
const CLIENTS: [&str; 6] = [
    "account",
    "account-console",
    "admin-cli",
    "broker",
    "realm-management",
    "security-admin-console",
];
const ROLES: [&str; 2] = ["offline_access", "uma_authorization"];

impl<'r> Roles<'r> {
    /// Names them all; those that have no name here are told where they are declared.
    pub(super) fn of(
        realm: &'r Realm,
        declared: &[Declared<'r>],
        placed: &[Placed<'r>],
        options: &Options,
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
            .map(|one| (one.who.clone(), one.path.as_str()));
        let of_groups = placed
            .iter()
            .map(|one| (Who::Group(one.name.clone()), one.path.as_str()));
        let mut paths: Vec<(Who<'r>, &str)> = of_roles.chain(of_groups).collect();
        let all = paths.len();
        paths.retain(|(who, _)| !roles.is_builtin(who));
        if let builtin @ 1.. = all - paths.len() {
            let why = "roles that a realm has for Keycloak itself are not needed here";
            notes.told("roles", format!("{why}; of this kind: {builtin}"));
        }
        let things = paths
            .iter()
            .map(|(who, _)| (who.clone(), who.shown(), who.wanted(&prefix)));
        // everybody who registers has `user`
        let mut names = Names::new("role", Some(("user", "users")));
        let given = names.give_all(things.collect::<Vec<_>>());
        for (who, path) in paths {
            let name = match given.get(&who) {
                Some(Ok(name)) => name
                    .parse::<RoleName>()
                    .map_err(|_| format!("{} is no name of a role", quoted(name))),
                Some(Err(why)) => Err(why.clone()),
                None => Err("a role without a name".to_owned()),
            };
            match &name {
                Ok(name) if *name.as_str() == format!("{prefix}{}", who.expected()) => {}
                Ok(name) => notes.told(
                    path,
                    format!("{} is role `{name}` here", quoted(&who.shown())),
                ),
                Err(why) => notes.unmapped(path, why.clone()),
            }
            roles.names.insert(who, name);
        }
        roles
    }

    /// Whether it is one that every realm has.
    pub(super) fn is_builtin(&self, who: &Who<'_>) -> bool {
        match who {
            Who::Realm(name) => {
                ROLES.contains(name) || (self.is_master && ["admin", "create-realm"].contains(name))
            }
            Who::Client(client, _) => {
                CLIENTS.contains(client) || (self.is_master && client.ends_with("-realm"))
            }
            Who::Group(_) => false,
        }
    }

    /// The role that is meant at `path`.
    pub(super) fn find(&mut self, who: Who<'r>, path: &str) -> Found {
        if self.is_builtin(&who) {
            let seen = self.builtin.entry(who).or_default();
            seen.times += 1;
            if seen.first.is_empty() {
                path.clone_into(&mut seen.first);
            }
            return Found::Builtin;
        }
        match self.names.get(&who) {
            Some(Ok(role)) => Found::Role(role.clone()),
            Some(Err(why)) => Found::Nothing(why.clone()),
            None => Found::Nothing(match who {
                Who::Group(path) => format!("there is no group {}", quoted(&path)),
                other => format!("there is no role {}", quoted(&other.shown())),
            }),
        }
    }

    /// The roles that are named at `path`, each with its own path; a name that stands for none is told.
    pub(super) fn find_all(
        &mut self,
        path: &str,
        mapped: &Mapped<'r>,
        notes: &mut Notes,
    ) -> Vec<(RoleName, String)> {
        let mut mentions = Vec::new();
        for (number, name) in mapped.realm.iter().enumerate() {
            let place = format!("{path}.{}[{number}]", mapped.members[0]);
            mentions.push((Who::Realm(name), place));
        }
        for (client, names) in &mapped.clients.0 {
            for (number, name) in names.iter().enumerate() {
                let place = format!("{path}.{}.{client}[{number}]", mapped.members[1]);
                mentions.push((Who::Client(client, name), place));
            }
        }
        let mut found = Vec::new();
        for (who, place) in mentions {
            match self.find(who, &place) {
                Found::Role(role) => found.push((role, place)),
                Found::Builtin => {}
                Found::Nothing(why) => notes.unmapped(&place, why),
            }
        }
        found
    }

    /// That Keycloak's own roles are given, once for each.
    pub(super) fn tell_builtin(&self, notes: &mut Notes) {
        let mut seen: Vec<(&Who<'r>, &Seen)> = self.builtin.iter().collect();
        seen.sort_by_key(|(who, _)| *who);
        for (who, Seen { times, first }) in seen {
            let who = quoted(&who.shown());
            let why = format!(
                "role {who} is Keycloak's own and not needed here; mentions of it: {times}"
            );
            notes.told(first, why);
        }
    }
}

/// The names of roles as a mapping has them, and what its two members are called.
pub(super) struct Mapped<'r> {
    pub(super) realm: &'r [String],
    pub(super) clients: &'r Members<Vec<String>>,
    pub(super) members: [&'static str; 2],
}

/// A role that is declared, and where.
pub(super) struct Declared<'r> {
    pub(super) who: Who<'r>,
    pub(super) role: &'r Role,
    pub(super) path: String,
}

pub(super) fn declared(realm: &Realm) -> Vec<Declared<'_>> {
    let mut all = Vec::new();
    if let Some(roles) = &realm.roles {
        for (number, role) in roles.realm.iter().enumerate() {
            let (who, path) = (Who::Realm(&role.name), format!("roles.realm[{number}]"));
            all.push(Declared { who, role, path });
        }
        for (client, of_client) in &roles.client.0 {
            for (number, role) in of_client.iter().enumerate() {
                let who = Who::Client(client, &role.name);
                let path = format!("roles.client.{client}[{number}]");
                all.push(Declared { who, role, path });
            }
        }
    }
    all
}

/// A group, what Keycloak calls it, and where it stands.
pub(super) struct Placed<'r> {
    pub(super) group: &'r Group,
    pub(super) name: String,
    /// The one that it is in, by name.
    pub(super) parent: Option<String>,
    pub(super) path: String,
}

impl<'r> Placed<'r> {
    fn of(group: &'r Group, number: usize, parent: Option<&Self>) -> Self {
        let (above, list) = match parent {
            Some(parent) => (parent.name.as_str(), format!("{}.subGroups", parent.path)),
            None => ("", "groups".to_owned()),
        };
        // a name may hold what separates names in a path
        let own = || format!("{above}/{}", group.name.replace('/', "~/"));
        Self {
            group,
            name: group.path.clone().unwrap_or_else(own),
            parent: parent.map(|parent| parent.name.clone()),
            path: format!("{list}[{number}]"),
        }
    }
}

/// All groups, each after the one that it is in.
pub(super) fn placed(realm: &Realm) -> Vec<Placed<'_>> {
    let mut all = Vec::new();
    let top = realm.groups.iter().enumerate().rev();
    let mut open: Vec<Placed<'_>> = top
        .map(|(number, group)| Placed::of(group, number, None))
        .collect();
    while let Some(one) = open.pop() {
        for (number, group) in one.group.sub_groups.iter().enumerate().rev() {
            open.push(Placed::of(group, number, Some(&one)));
        }
        all.push(one);
    }
    all
}
