//! Users, their passwords and their roles.

use std::collections::BTreeSet;

use rolecall_core::RoleName;

use super::{
    credentials::hash_of,
    notes::Notes,
    realm::{Credential, Realm, User},
    roles::{Found, Mapping, RoleKey, Roles},
};
use crate::{
    accounts::AccountRules,
    imported::{ImportOptions, Person},
    people::Usernames,
    source::quoted,
};

/// A message about many users at once: their number, and the path of the first.
#[derive(Default)]
struct Tally {
    count: usize,
    first: String,
}

impl Tally {
    fn add(&mut self, path: &str) {
        if self.count == 0 {
            path.clone_into(&mut self.first);
        }
        self.count += 1;
    }
}

/// Members of users that are not a role, a password or an e-mail address.
#[derive(Default)]
struct Tallies {
    without_password: Tally,
    other_credentials: Tally,
    identities: Tally,
    federated: Tally,
    unready: Tally,
    unverified: Tally,
    change_password: Tally,
    described: Tally,
    not_enabled: Tally,
}

/// The settings of a realm that decide about log-ins.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoginRules {
    /// Nobody logs in.
    is_disabled: bool,
    /// Users whose address is not verified do not log in.
    verifies_email: bool,
}

impl LoginRules {
    pub(super) fn of(realm: &Realm) -> Self {
        Self {
            is_disabled: realm.enabled == Some(false),
            verifies_email: realm.verify_email,
        }
    }
}

/// The action that a new password completes. Every other one needs Keycloak itself.
const UPDATE_PASSWORD: &str = "UPDATE_PASSWORD";

/// A reason for which a user cannot log in.
#[derive(Clone, Copy, Debug, Default)]
struct Pending {
    /// An action that has no counterpart.
    action: bool,
    /// The verification of the address, which the realm requires.
    verification: bool,
    /// A new password.
    password: bool,
}

impl Pending {
    fn of(user: &User, login: LoginRules) -> Self {
        let is_temporary = |credential: &Credential| credential.temporary;
        let actions = || user.required_actions.iter();
        Self {
            action: actions().any(|action| action != UPDATE_PASSWORD),
            verification: login.verifies_email && user.email_verified != Some(true),
            password: actions().any(|action| action == UPDATE_PASSWORD)
                || user.credentials.iter().any(is_temporary),
        }
    }
}

/// Returns the users, in the order of the export.
pub(super) fn people<'r>(
    realm: &'r Realm,
    (login, options): (LoginRules, &ImportOptions),
    roles: &mut Roles<'r>,
    accounts: &dyn AccountRules,
    notes: &mut Notes,
) -> Vec<Person> {
    let mut names = Usernames::new(accounts);
    let mut reader = Reader {
        login,
        keep_ids: options.keep_ids,
        roles,
        accounts,
        notes,
        tallies: Tallies::default(),
    };
    let all = realm.users.iter().enumerate();
    let numbered = all.map(|(number, user)| (user.username.as_str(), (number, user)));
    let mut people = Vec::new();
    for (username, (number, user)) in names.in_order(numbered) {
        let path = format!("users[{number}]");
        if let Some(client) = &user.service_account_client_id {
            let message = format!(
                "the service account of client {}: create a client with `rolecall client add`, and assign roles to it",
                quoted(client)
            );
            reader.notes.unmapped(&path, message);
            continue;
        }
        match names.assign(username) {
            Ok(name) => {
                if name != username {
                    let message = format!("user {} becomes {}", quoted(username), quoted(&name));
                    reader.notes.notice(&path, message);
                }
                people.push((number, reader.person(user, name, &path)));
            }
            Err(reason) => reader.notes.unmapped(&path, reason),
        }
    }
    reader.tallies.report(reader.notes);
    people.sort_by_key(|(number, _)| *number);
    people.into_iter().map(|(_, person)| person).collect()
}

/// The state while users are read.
struct Reader<'u, 'r> {
    login: LoginRules,
    keep_ids: bool,
    roles: &'u mut Roles<'r>,
    accounts: &'u dyn AccountRules,
    notes: &'u mut Notes,
    tallies: Tallies,
}

impl<'r> Reader<'_, 'r> {
    fn person(&mut self, user: &'r User, username: String, path: &str) -> Person {
        let roles = self.roles_of(user, path);
        let email = user.email.as_deref().filter(|email| !email.is_empty());
        let email = email.and_then(|email| match self.accounts.parse_email(email) {
            Ok(email) => Some(email),
            Err(reason) => {
                self.notes.unmapped(&format!("{path}.email"), reason);
                None
            }
        });
        let pending = Pending::of(user, self.login);
        self.tallies.add(user, pending, path);
        // in Keycloak too, a user without `enabled` is disabled
        let is_enabled = user.enabled == Some(true) && !self.login.is_disabled;
        Person {
            at: self.notes.at(path),
            id: user.id.clone().filter(|id| self.keep_ids && !id.is_empty()),
            username,
            email_verified: email.is_some() && user.email_verified == Some(true),
            email,
            disabled: !is_enabled || pending.action || pending.verification,
            must_change_password: pending.password,
            hash: self.password(&user.credentials, path),
            roles: roles.into_iter().map(|role| (role, None)).collect(),
        }
    }

    /// Returns the roles of a user: those mapped to the user, and the groups.
    fn roles_of(&mut self, user: &'r User, path: &str) -> BTreeSet<RoleName> {
        let mapping = Mapping {
            realm: &user.realm_roles,
            clients: &user.client_roles,
            members: ["realmRoles", "clientRoles"],
        };
        let found = self.roles.find_all(path, &mapping, self.notes);
        let mut roles: BTreeSet<_> = found.into_iter().map(|(role, _)| role).collect();
        for (number, group) in user.groups.iter().enumerate() {
            let place = format!("{path}.groups[{number}]");
            let whole = if group.starts_with('/') {
                group.clone()
            } else {
                format!("/{group}")
            };
            match self.roles.find(RoleKey::Group(whole), &place) {
                Found::Role(role) => {
                    roles.insert(role);
                }
                Found::Builtin => {}
                Found::Nothing(reason) => self.notes.unmapped(&place, reason),
            }
        }
        roles
    }

    /// Returns the hash of the first password that can be verified, and reports all other credentials.
    fn password(&mut self, credentials: &[Credential], path: &str) -> Option<String> {
        let mut found = None;
        for (number, credential) in credentials.iter().enumerate() {
            let place = format!("{path}.credentials[{number}]");
            if credential.r#type.as_deref() != Some("password") {
                self.tallies.other_credentials.add(&place);
            } else if found.is_some() {
                self.notes.notice(&place, "only one password is imported");
            } else {
                match hash_of(credential) {
                    Ok(hash) => found = Some(hash),
                    Err(reason) => {
                        let message = format!(
                            "the password is not imported ({reason}); a new user needs a reset"
                        );
                        self.notes.notice(&place, message);
                    }
                }
            }
        }
        if credentials.is_empty() {
            self.tallies.without_password.add(path);
        }
        found
    }
}

impl Tallies {
    fn add(&mut self, user: &User, pending: Pending, path: &str) {
        let has_name = |name: &Option<String>| name.as_ref().is_some_and(|name| !name.is_empty());
        let described =
            user.attributes.0 > 0 || has_name(&user.first_name) || has_name(&user.last_name);
        for (is_so, tally) in [
            (user.federated_identities.0 > 0, &mut self.identities),
            (user.federation_link.is_some(), &mut self.federated),
            (pending.action, &mut self.unready),
            (pending.verification, &mut self.unverified),
            (pending.password, &mut self.change_password),
            (described, &mut self.described),
            (user.enabled.is_none(), &mut self.not_enabled),
        ] {
            if is_so {
                tally.add(path);
            }
        }
    }

    fn report(&self, notes: &mut Notes) {
        for (tally, message) in [
            (
                &self.other_credentials,
                "credentials other than passwords are not imported; these users log in with their password alone",
            ),
            (
                &self.identities,
                "log-ins at another identity provider are not imported",
            ),
            (&self.federated, "users of another directory"),
            (
                &self.unready,
                "users with pending required actions are disabled, since Keycloak does not log them in",
            ),
            (
                &self.unverified,
                "users whose address is not verified are disabled, since the realm does not log them in",
            ),
        ] {
            if let Tally {
                count: count @ 1..,
                first,
            } = tally
            {
                notes.unmapped(first, format!("{message} (total: {count})"));
            }
        }
        for (tally, message) in [
            (
                &self.without_password,
                "users without a password; a new user needs a reset",
            ),
            (
                &self.change_password,
                "users must change their password at the next log-in, as in Keycloak",
            ),
            (
                &self.described,
                "names and attributes of users are not imported",
            ),
            (
                &self.not_enabled,
                "users without `enabled` are disabled, as in Keycloak",
            ),
        ] {
            if let Tally {
                count: count @ 1..,
                first,
            } = tally
            {
                notes.notice(first, format!("{message} (total: {count})"));
            }
        }
    }
}
