//! Users and what is mapped to them.

use std::collections::BTreeSet;

use super::{
    Notes,
    credentials::hash_of,
    realm::{Credential, Realm, User},
    roles::{Found, Mapped, Roles, Who},
};
use crate::{
    accounts::registration::parse_email,
    policy::import::{Person, people::Usernames, quoted},
};

/// What is told of many users at once: how many there are, and the first.
#[derive(Default)]
struct Many {
    times: usize,
    first: String,
}

impl Many {
    fn add(&mut self, path: &str) {
        if self.times == 0 {
            path.clone_into(&mut self.first);
        }
        self.times += 1;
    }
}

/// What users have that is no role, password or e-mail address.
#[derive(Default)]
struct Besides {
    without_password: Many,
    other_credentials: Many,
    identities: Many,
    federated: Many,
    actions: Many,
    described: Many,
    not_enabled: Many,
}

pub(super) fn map<'r>(realm: &'r Realm, roles: &mut Roles<'r>, notes: &mut Notes) -> Vec<Person> {
    let (mut names, mut besides) = (Usernames::default(), Besides::default());
    let all = realm.users.iter().enumerate();
    let numbered = all.map(|(number, user)| (user.username.as_str(), (number, user)));
    let mut people = Vec::new();
    for (username, (number, user)) in Usernames::in_order(numbered) {
        let path = format!("users[{number}]");
        if let Some(client) = &user.service_account_client_id {
            let why = format!(
                "the service account of client {}: make a client, `rolecall client add`, and give it roles",
                quoted(client)
            );
            notes.unmapped(&path, why);
            continue;
        }
        match names.give(username) {
            Ok(name) => {
                if name != username {
                    notes.told(
                        &path,
                        format!("user {} is {} here", quoted(username), quoted(&name)),
                    );
                }
                let person = person(user, name, &path, roles, notes, &mut besides);
                people.push((number, person));
            }
            Err(why) => notes.unmapped(&path, why),
        }
    }
    besides.tell(notes);
    people.sort_by_key(|(number, _)| *number);
    people.into_iter().map(|(_, person)| person).collect()
}

fn person<'r>(
    user: &'r User,
    username: String,
    path: &str,
    roles: &mut Roles<'r>,
    notes: &mut Notes,
    besides: &mut Besides,
) -> Person {
    let mapped = Mapped {
        realm: &user.realm_roles,
        clients: &user.client_roles,
        members: ["realmRoles", "clientRoles"],
    };
    let found = roles.find_all(path, &mapped, notes);
    let mut given: BTreeSet<_> = found.into_iter().map(|(role, _)| (role, None)).collect();
    for (number, group) in user.groups.iter().enumerate() {
        let place = format!("{path}.groups[{number}]");
        let whole = if group.starts_with('/') {
            group.clone()
        } else {
            format!("/{group}")
        };
        match roles.find(Who::Group(whole), &place) {
            Found::Role(role) => {
                given.insert((role, None));
            }
            Found::Builtin => {}
            Found::Nothing(why) => notes.unmapped(&place, why),
        }
    }
    let email = user.email.as_deref().filter(|email| !email.is_empty());
    let address = email.and_then(|email| parse_email(email).ok());
    if email.is_some() && address.is_none() {
        notes.unmapped(&format!("{path}.email"), "that is not an e-mail address");
    }
    besides.look_at(user, path);
    Person {
        at: notes.at(path),
        username,
        email: address,
        // Keycloak takes whoever does not say that they are enabled for disabled
        disabled: user.enabled != Some(true),
        hash: password(&user.credentials, path, notes, besides),
        roles: given,
    }
}

/// The password's hash; why it is not taken is told.
fn password(
    credentials: &[Credential],
    path: &str,
    notes: &mut Notes,
    besides: &mut Besides,
) -> Option<String> {
    let mut found = None;
    for (number, credential) in credentials.iter().enumerate() {
        let place = format!("{path}.credentials[{number}]");
        if credential.r#type.as_deref() != Some("password") {
            besides.other_credentials.add(&place);
        } else if found.is_some() {
            notes.told(&place, "a second password is not taken");
        } else {
            match hash_of(credential) {
                Ok(hash) => found = Some(hash),
                Err(why) => notes.told(
                    &place,
                    format!("the password is not taken, {why}: a new user needs a reset"),
                ),
            }
        }
    }
    if credentials.is_empty() {
        besides.without_password.add(path);
    }
    found
}

impl Besides {
    fn look_at(&mut self, user: &User, path: &str) {
        let has_name = |name: &Option<String>| name.as_ref().is_some_and(|name| !name.is_empty());
        let described =
            user.attributes.0 > 0 || has_name(&user.first_name) || has_name(&user.last_name);
        for (is_so, many) in [
            (user.federated_identities.0 > 0, &mut self.identities),
            (user.federation_link.is_some(), &mut self.federated),
            (!user.required_actions.is_empty(), &mut self.actions),
            (described, &mut self.described),
            (user.enabled.is_none(), &mut self.not_enabled),
        ] {
            if is_so {
                many.add(path);
            }
        }
    }

    fn tell(&self, notes: &mut Notes) {
        for (many, what) in [
            (
                &self.other_credentials,
                "a credential that is no password: whoever has one logs in with the password alone here",
            ),
            (&self.identities, "a log-in at another identity provider"),
            (&self.federated, "a user who is kept in another directory"),
        ] {
            if let Many {
                times: times @ 1..,
                first,
            } = many
            {
                notes.unmapped(first, format!("{what}; of this kind: {times}"));
            }
        }
        for (many, what) in [
            (
                &self.without_password,
                "no password: a new user needs a reset",
            ),
            (
                &self.actions,
                "what is asked of them at the next log-in is not asked here",
            ),
            (
                &self.described,
                "names and attributes of users are not kept here",
            ),
            (&self.not_enabled, "not said to be enabled: disabled"),
        ] {
            if let Many {
                times: times @ 1..,
                first,
            } = many
            {
                notes.told(first, format!("{what}; of this kind: {times}"));
            }
        }
    }
}
