use rolecall_passwords::Password;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};

use crate::{
    accounts::{handlers as accounts, me_handlers as me},
    error::ApiError,
    roles::{handlers as roles, names, permission_handlers as permissions, views as assignments},
    usernames::Username,
    web::body::parse_json,
};

/// Parses JSON bodies; the first byte selects the type of the body.
pub fn run(data: &[u8]) {
    let Some((which, body)) = data.split_first() else {
        return;
    };
    match which % 9 {
        0 => check_body::<accounts::Registration>(body, &["username", "password", "email"]),
        1 => {
            let members = ["username", "current_password", "new_password"];
            check_body::<accounts::PasswordReplacement>(body, &members);
        }
        2 => check_body::<accounts::NewUser>(body, &["username", "password", "email", "roles"]),
        3 => check_body::<accounts::UserChanges>(body, &["username", "email", "status"]),
        4 => check_body::<me::MyChanges>(body, &["email"]),
        5 => check_body::<me::PasswordChange>(body, &["current_password", "new_password"]),
        6 => check_body::<roles::NewRole>(body, &["name", "description"]),
        7 => check_body::<permissions::NewPermission>(body, &["name", "description"]),
        _ => {
            let members = ["valid_from", "expires_at", "reason"];
            check_body::<assignments::AssignmentValidity>(body, &members);
            let validity = parse_json::<assignments::AssignmentValidity>(body);
            if let Ok(Err(error)) = validity.map(assignments::AssignmentValidity::parse) {
                super::assert_client_error(&error);
            }
        }
    }
    if let Err(error) = parse_json::<roles::RoleChanges>(body) {
        super::assert_client_error(&error);
    }
    check_strings(body);
}

/// Checks that a body is refused as an error of the client, or is an object of known members without duplicates.
fn check_body<T: DeserializeOwned>(body: &[u8], known: &[&str]) {
    let names = serde_json::from_slice::<Names>(body);
    match parse_json::<T>(body) {
        Ok(_) => {
            let Ok(Names(names)) = names else {
                return assert!(names.is_ok(), "not an object");
            };
            let mut seen = std::collections::BTreeSet::new();
            for name in names {
                assert!(known.contains(&name.as_str()), "unknown: {name}");
                assert!(seen.insert(name), "duplicate member");
            }
        }
        Err(error) => {
            super::assert_client_error(&error);
            let json = serde_json::from_slice::<IgnoredAny>(body).is_ok();
            let malformed = matches!(error, ApiError::Malformed(_));
            // invalid Unicode and huge numbers are errors only where a string or number is expected
            assert!(json || malformed, "not JSON");
        }
    }
}

/// Parses the strings of a body as user name, password and description.
fn check_strings(body: &[u8]) {
    let Ok(serde_json::Value::Object(members)) = serde_json::from_slice(body) else {
        return;
    };
    for text in members.values().filter_map(serde_json::Value::as_str) {
        if let Ok(name) = Username::parse(text) {
            assert!(!name.as_str().chars().any(char::is_control));
            assert_eq!(Username::parse(name.as_str()).as_ref(), Ok(&name));
        }
        if let Ok(password) = Password::new(text.to_owned()) {
            assert!(password.length() <= 256);
        }
        if let Err(error) = names::check_description(text) {
            super::assert_client_error(&error);
        }
    }
}

/// The names of the members of an object, with duplicates.
struct Names(Vec<String>);

impl<'de> serde::Deserialize<'de> for Names {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self(Vec::new()))
    }
}

impl<'de> Visitor<'de> for Names {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some((name, IgnoredAny)) = map.next_entry()? {
            self.0.push(name);
        }
        Ok(self)
    }
}
