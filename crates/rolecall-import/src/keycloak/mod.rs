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

use std::sync::Arc;

use self::notes::Notes;
use crate::{
    accounts::AccountRules,
    imported::{ImportOptions, Imported},
    note::ImportError,
    source::{Location, Source},
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
    let file: Arc<str> = realm.name.into();
    let text = realm.text.strip_prefix('\u{feff}').unwrap_or(realm.text);
    let realm = parse(&file, text)?;
    let mut notes = Notes::new(file);
    let declared = roles::declared(&realm);
    let groups = roles::placed_groups(&realm);
    let mut roles = roles::Roles::new(&realm, &declared, &groups, options, &mut notes);
    let mut imported = Imported {
        document: inherit::document(&declared, &groups, &mut roles, &mut notes),
        ..Imported::default()
    };
    imported.people = users::people(&realm, &mut roles, accounts, &mut notes);
    roles.report_builtin(&mut notes);
    leftovers::report(&realm, &mut notes);
    imported.unmapped = notes.unmapped;
    imported.notices = notes.notices;
    Ok(imported)
}

fn parse(file: &Arc<str>, text: &str) -> Result<realm::Realm, ImportError> {
    // serde accepts a list in place of an object
    if !text.trim_start().starts_with('{') {
        let message = "not the export of one realm: a JSON object is expected";
        return Err(ImportError::new(Location::line(file, 1), message));
    }
    let realm: realm::Realm = serde_json::from_str(text).map_err(|error| {
        // the text of the error may quote a value, and a value may be a secret
        let column = error.column();
        let message = if error.is_data() {
            format!("a member is missing, is repeated or has a wrong type (before column {column})")
        } else {
            format!("not valid JSON at column {column}")
        };
        ImportError::new(Location::line(file, error.line().max(1)), message)
    })?;
    if realm.roles.is_none() {
        let message =
            "there are no `roles`: export the realm, its roles and its users into one file";
        return Err(ImportError::new(Location::whole(file), message));
    }
    Ok(realm)
}
