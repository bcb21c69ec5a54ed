//! The export of a Keycloak realm: roles of the realm and of its clients, composites, groups, and users.
//!
//! `realm` has the form of the export. `roles` names roles and groups, `inherit` connects them, and `users` assigns
//! them. `credentials` converts password hashes, and `leftovers` reports all other parts of the realm.

mod credentials;
mod inherit;
mod leftovers;
mod notes;
mod realm;
mod roles;
#[cfg(test)]
mod tests;
mod users;

use std::{collections::HashSet, sync::Arc};

use self::notes::Notes;
use crate::{
    accounts::AccountRules,
    imported::{ImportOptions, Imported},
    names,
    note::{ImportError, Note},
    source::{Location, Source, quoted},
};

/// Converts the export of a realm.
///
/// # Errors
///
/// The text is not the export of one realm.
///
/// ```
/// use rolecall_import::{ImportOptions, Source, keycloak};
/// # use rolecall_import::{AccountName, AccountRules};
/// # struct Rules;
/// # impl AccountRules for Rules {
/// #     fn parse_username(&self, typed: &str) -> Result<AccountName, String> {
/// #         Ok(AccountName { canonical: typed.to_owned(), key: typed.to_owned() })
/// #     }
/// #     fn parse_email(&self, typed: &str) -> Result<String, String> { Ok(typed.to_owned()) }
/// # }
///
/// let realm = Source {
///     name: "realm.json",
///     text: r#"{
///         "realm": "shop",
///         "roles": { "realm": [{ "name": "editor" }] },
///         "users": [{ "username": "alice", "enabled": true, "realmRoles": ["editor", "ghost"] }]
///     }"#,
/// };
/// let imported = keycloak::convert(realm, &ImportOptions::default(), &Rules)?;
/// assert_eq!(imported.people[0].roles.len(), 1);
/// assert_eq!(
///     imported.unmapped[0].to_string(),
///     "realm.json: users[0].realmRoles[1]: there is no role `ghost`",
/// );
/// # Ok::<(), rolecall_import::ImportError>(())
/// ```
pub fn convert(
    realm: Source<'_>,
    options: &ImportOptions,
    accounts: &dyn AccountRules,
) -> Result<Imported, ImportError> {
    convert_all(&[realm], options, accounts)
}

/// Converts several files: the realms, one or several a file, and files with further users of these realms, as
/// `kc.sh export` writes them. The roles of several realms get the name of their realm as a prefix, after the one of
/// `options`.
///
/// # Errors
///
/// A text is not an export, a realm appears twice, or a realm of users is in no file.
pub fn convert_all(
    files: &[Source<'_>],
    options: &ImportOptions,
    accounts: &dyn AccountRules,
) -> Result<Imported, ImportError> {
    let mut all = Vec::new();
    for file in files {
        all.extend(parse(*file)?);
    }
    let (whole, users): (Vec<Part>, Vec<Part>) =
        all.into_iter().partition(|part| part.realm.roles.is_some());
    if let Some(part) = users.iter().find(|part| part.owner(&whole).is_none()) {
        let message = "there are no `roles`: export the realm, its roles and its users into one file, or name \
            all files of the export";
        return Err(ImportError::new(Location::whole(&part.file), message));
    }
    let mut together = Imported::default();
    let mut seen = HashSet::new();
    for part in &whole {
        if part
            .owner(&whole)
            .is_some_and(|first| !std::ptr::eq(first, part))
        {
            let name = quoted(part.realm.name.as_deref().unwrap_or_default());
            let message = format!("realm {name} appears twice");
            return Err(ImportError::new(Location::whole(&part.file), message));
        }
        let options = if whole.len() > 1 {
            &with_realm(options, part)?
        } else {
            options
        };
        let more = users.iter().filter(|users| part.is_same_realm(users));
        let imported = convert_realm(part, more, options, accounts);
        together.document.roles.extend(imported.document.roles);
        together.unmapped.extend(imported.unmapped);
        together.notices.extend(imported.notices);
        for person in imported.people {
            if seen.insert(person.username.clone()) {
                together.people.push(person);
                continue;
            }
            let name = quoted(&person.username);
            let message = format!("there is a user {name} already, perhaps of another realm");
            together.unmapped.push(Note::new(person.at, message));
        }
    }
    Ok(together)
}

/// A realm of a file, or users of one.
struct Part {
    file: Arc<str>,
    /// The path of the realm, if the file has several.
    path: String,
    realm: realm::Realm,
}

impl Part {
    fn is_same_realm(&self, other: &Self) -> bool {
        self.realm.name == other.realm.name
    }

    /// Returns the first part that is of the same realm.
    fn owner<'p>(&self, whole: &'p [Self]) -> Option<&'p Self> {
        whole.iter().find(|part| part.is_same_realm(self))
    }
}

/// Adds the name of the realm to the prefix of roles.
fn with_realm(options: &ImportOptions, part: &Part) -> Result<ImportOptions, ImportError> {
    let name = part.realm.name.as_deref().unwrap_or_default();
    let prefix = names::convert(name).and_then(|name| {
        let whole = options.prefix.as_ref();
        let whole = whole.map_or_else(|| name.clone(), |prefix| format!("{prefix}.{name}"));
        whole.parse().map_err(|_| {
            let name = quoted(&whole);
            format!("{name} is not a valid prefix of roles")
        })
    });
    let prefix = prefix.map_err(|reason| {
        let message = format!("a realm beside others needs a name that can be a prefix: {reason}");
        ImportError::new(Location::whole(&part.file), message)
    })?;
    Ok(ImportOptions {
        prefix: Some(prefix),
        ..options.clone()
    })
}

fn convert_realm<'p>(
    part: &'p Part,
    more: impl Iterator<Item = &'p Part>,
    options: &ImportOptions,
    accounts: &dyn AccountRules,
) -> Imported {
    let realm = &part.realm;
    let mut notes = Notes::new(Arc::clone(&part.file), &part.path);
    let declared = roles::declared(realm);
    let groups = roles::placed_groups(realm);
    let mut roles = roles::Roles::new(realm, &declared, &groups, options, &mut notes);
    let mut imported = Imported {
        document: inherit::document(&declared, &groups, &mut roles, &mut notes),
        ..Imported::default()
    };
    let login = users::LoginRules::of(realm);
    imported.people = users::people(realm, (login, options), &mut roles, accounts, &mut notes);
    for part in more {
        let mut of_part = Notes::new(Arc::clone(&part.file), &part.path);
        let people = users::people(
            &part.realm,
            (login, options),
            &mut roles,
            accounts,
            &mut of_part,
        );
        imported.people.extend(people);
        notes.unmapped.append(&mut of_part.unmapped);
        notes.notices.append(&mut of_part.notices);
    }
    roles.report_builtin(&mut notes);
    leftovers::report(realm, &mut notes);
    imported.unmapped = notes.unmapped;
    imported.notices = notes.notices;
    imported
}

/// Reads a file: one realm, or a list of realms.
fn parse(source: Source<'_>) -> Result<Vec<Part>, ImportError> {
    let file: Arc<str> = source.name.into();
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(source.text);
    let realms = match text.trim_start().chars().next() {
        // serde accepts a list in place of an object
        Some('{') => serde_json::from_str(text).map(|realm| vec![realm]),
        Some('[') => serde_json::from_str::<Vec<realm::Listed>>(text)
            .map(|list| list.into_iter().map(|realm::Listed(realm)| realm).collect()),
        _ => Ok(Vec::new()),
    };
    let realms = realms.map_err(|error| {
        ImportError::new(Location::line(&file, error.line().max(1)), describe(&error))
    })?;
    if realms.is_empty() {
        let message = "not the export of one realm: a JSON object is expected";
        return Err(ImportError::new(Location::line(&file, 1), message));
    }
    let are_several = realms.len() > 1;
    let parts = realms.into_iter().enumerate().map(|(number, realm)| Part {
        file: Arc::clone(&file),
        path: if are_several {
            format!("[{number}].")
        } else {
            String::new()
        },
        realm,
    });
    Ok(parts.collect())
}

/// Describes an error without the text of the file: it may quote a value, and a value may be a secret.
fn describe(error: &serde_json::Error) -> String {
    let (column, text) = (error.column(), error.to_string());
    // the names of repeated members are those of this program
    let repeated = text.strip_prefix("duplicate field `");
    if let Some((name, _)) = repeated.and_then(|rest| rest.split_once('`')) {
        return format!("member `{name}` is repeated (before column {column})");
    }
    if error.is_data() {
        format!("a member is missing or has a wrong type (before column {column})")
    } else {
        format!("not valid JSON at column {column}")
    }
}
