//! The export of a Keycloak realm: roles of the realm and of clients, composites, groups, and users with what
//! is mapped to them.
//!
//! [`realm`] is the form, [`roles`] names roles and groups, [`inherit`] lets them inherit, [`users`] gives them
//! to users, [`credentials`] writes hashes anew, and [`others`] tells what else there is.

mod credentials;
mod inherit;
mod others;
mod realm;
mod roles;
#[cfg(test)]
mod tests;
mod users;

use std::sync::Arc;

use super::{At, Imported, Note, Options, Refusal, Source};

/// What an export comes to.
///
/// # Errors
///
/// The text is not the export of one realm.
pub(crate) fn read(source: Source<'_>, options: &Options) -> Result<Imported, Refusal> {
    let file: Arc<str> = source.name.into();
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(source.text);
    let realm = parse(&file, text)?;
    let mut notes = Notes {
        file,
        unmapped: Vec::new(),
        told: Vec::new(),
    };
    let declared = roles::declared(&realm);
    let placed = roles::placed(&realm);
    let mut roles = roles::Roles::of(&realm, &declared, &placed, options, &mut notes);
    let mut imported = Imported {
        document: inherit::document(&declared, &placed, &mut roles, &mut notes),
        ..Imported::default()
    };
    imported.people = users::map(&realm, &mut roles, &mut notes);
    roles.tell_builtin(&mut notes);
    others::tell(&realm, &mut notes);
    imported.unmapped = notes.unmapped;
    imported.told = notes.told;
    Ok(imported)
}

fn parse(file: &Arc<str>, text: &str) -> Result<realm::Realm, Refusal> {
    let refuse = |at, message: &str| Err(vec![Note::new(at, message)]);
    // serde would take a list for the object as well
    if !text.trim_start().starts_with('{') {
        let message = "not the export of one realm, which is a JSON object";
        return refuse(At::line(file, 1), message);
    }
    let realm: realm::Realm = match serde_json::from_str(text) {
        Ok(realm) => realm,
        // the error's own text may quote a value, and a value may be a secret
        Err(error) => {
            let column = error.column();
            let message = if error.is_data() {
                format!("a member lacks, stands twice or has a wrong type (before column {column})")
            } else {
                format!("not valid JSON at column {column}")
            };
            return refuse(At::line(file, error.line().max(1)), &message);
        }
    };
    if realm.roles.is_none() {
        let message =
            "there are no `roles`: export the realm, its roles and its users into one file";
        return refuse(At::whole(file), message);
    }
    Ok(realm)
}

/// What is to be said, by the path of the member.
struct Notes {
    file: Arc<str>,
    unmapped: Vec<Note>,
    told: Vec<Note>,
}

impl Notes {
    fn at(&self, path: &str) -> At {
        At::path(&self.file, path)
    }

    fn unmapped(&mut self, path: &str, message: impl Into<String>) {
        self.unmapped.push(Note::new(self.at(path), message));
    }

    fn told(&mut self, path: &str, message: impl Into<String>) {
        self.told.push(Note::new(self.at(path), message));
    }
}
