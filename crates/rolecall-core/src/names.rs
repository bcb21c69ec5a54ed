use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names that begin so belong to rolecall itself; an application cannot make new ones.
pub const RESERVED_PREFIX: &str = "rolecall.";

/// The object that no permission may have: in a scope, `role:admin` stands for the role `admin`.
const RESERVED_OBJECT: &str = "role";

const MAX_NAME_LENGTH: usize = 64;

/// Whether `text` is a name of a role, tenant, constraint, object or operation: `[a-z0-9][a-z0-9._-]{0,63}`.
///
/// A `const fn`, so that `roles!` can refuse a misspelt name while compiling.
#[must_use]
pub const fn is_name(text: &str) -> bool {
    is_name_bytes(text.as_bytes(), 0, text.len())
}

/// Whether `text` is a permission: two names joined by a colon, the first not `role`.
#[must_use]
#[expect(
    clippy::indexing_slicing,
    reason = "bounded by the loop; const fn has no iterators"
)]
pub const fn is_permission(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut colon = 0;
    while colon < bytes.len() && bytes[colon] != b':' {
        colon += 1;
    }
    // without a colon nothing is left for the operation, which is no name
    !is_reserved_object(bytes, colon)
        && is_name_bytes(bytes, 0, colon)
        && is_name_bytes(bytes, colon + 1, bytes.len())
}

#[expect(
    clippy::indexing_slicing,
    reason = "bounded by the loop; const fn has no iterators"
)]
const fn is_name_bytes(bytes: &[u8], start: usize, end: usize) -> bool {
    if end <= start || end - start > MAX_NAME_LENGTH || !bytes[start].is_ascii_alphanumeric() {
        return false;
    }
    let mut at = start;
    while at < end {
        let legal = matches!(bytes[at], b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        if !legal {
            return false;
        }
        at += 1;
    }
    true
}

#[expect(
    clippy::indexing_slicing,
    reason = "the length was compared; const fn has no slices"
)]
const fn is_reserved_object(bytes: &[u8], length: usize) -> bool {
    let reserved = RESERVED_OBJECT.as_bytes();
    if length != reserved.len() {
        return false;
    }
    let mut at = 0;
    while at < length {
        if bytes[at] != reserved[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a name: use 1 to 64 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit"
)]
pub struct ParseNameError(String);

/// Why a text is not a permission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a permission: write `object:operation`, each 1 to 64 of a-z, 0-9, `.`, `_` and `-`, the object not `role`"
)]
pub struct ParsePermissionError(String);

/// What an error may quote of a hostile text: its start, with control characters escaped.
fn excerpt(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $error:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether the name is one of rolecall's own.
            #[must_use]
            pub fn is_reserved(&self) -> bool {
                self.0.starts_with(RESERVED_PREFIX)
            }
        }

        impl FromStr for $name {
            type Err = $error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                if $check(text) { Ok(Self(text.into())) } else { Err($error(excerpt(text))) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

text_type!(
    /// The name of a role, such as `admin`.
    ///
    /// ```
    /// let role: rolecall_core::RoleName = "admin".parse()?;
    /// assert!("Admin".parse::<rolecall_core::RoleName>().is_err());
    /// # Ok::<(), rolecall_core::ParseNameError>(())
    /// ```
    RoleName, ParseNameError, is_name
);
text_type!(
    /// The name of a tenant: the organisation that a role assignment is limited to.
    TenantName, ParseNameError, is_name
);
text_type!(
    /// The name of a constraint for separation of duties.
    ConstraintName, ParseNameError, is_name
);
text_type!(
    /// One thing a caller may do, written `object:operation`.
    ///
    /// ```
    /// let permission: rolecall_core::Permission = "rolecall.assignments:write".parse()?;
    /// assert_eq!(permission.object(), "rolecall.assignments");
    /// assert_eq!(permission.operation(), "write");
    /// # Ok::<(), rolecall_core::ParsePermissionError>(())
    /// ```
    Permission, ParsePermissionError, is_permission
);
text_type!(
    /// What a role may hold: a [`Permission`], or every operation of an object, written `items:*`.
    ///
    /// ```
    /// let pattern: rolecall_core::PermissionPattern = "items:*".parse()?;
    /// assert_eq!(pattern.wildcard_object(), Some("items"));
    /// assert!(pattern.matches(&"items:read".parse()?));
    /// # Ok::<(), rolecall_core::ParsePermissionError>(())
    /// ```
    PermissionPattern, ParsePermissionError, is_pattern
);

fn is_pattern(text: &str) -> bool {
    match text.strip_suffix(":*") {
        Some(object) => is_name(object) && object != RESERVED_OBJECT,
        None => is_permission(text),
    }
}

impl Permission {
    /// What is acted upon: the part before the colon.
    #[must_use]
    pub fn object(&self) -> &str {
        self.0.split_once(':').map_or("", |(object, _)| object)
    }

    /// What is done to it: the part after the colon.
    #[must_use]
    pub fn operation(&self) -> &str {
        self.0
            .split_once(':')
            .map_or("", |(_, operation)| operation)
    }
}

impl PermissionPattern {
    /// The object of a wildcard; `None` for a single permission.
    #[must_use]
    pub fn wildcard_object(&self) -> Option<&str> {
        self.0.strip_suffix(":*")
    }

    /// The one permission that this pattern is; `None` for a wildcard.
    #[must_use]
    pub fn as_permission(&self) -> Option<Permission> {
        self.0.parse().ok()
    }

    /// Whether the pattern covers `permission`.
    #[must_use]
    pub fn matches(&self, permission: &Permission) -> bool {
        match self.wildcard_object() {
            Some(object) => permission.object() == object,
            None => *self.0 == *permission.0,
        }
    }
}

impl From<Permission> for PermissionPattern {
    fn from(permission: Permission) -> Self {
        Self(permission.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_by_table() {
        let long = "a".repeat(64);
        let too_long = "a".repeat(65);
        for good in [
            "a",
            "0",
            "admin",
            "a.b_c-d",
            "rolecall.users",
            long.as_str(),
        ] {
            assert!(good.parse::<RoleName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            ".a",
            "_a",
            "A",
            "Admin",
            "a b",
            "a:b",
            "a*",
            "ä",
            "a\0",
            "a ",
            " a",
            too_long.as_str(),
        ] {
            assert!(bad.parse::<RoleName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn permissions_by_table() {
        for good in ["items:read", "a:b", "role.x:read", "roles:read"] {
            assert!(good.parse::<Permission>().is_ok(), "{good}");
        }
        for bad in [
            "",
            ":",
            "a:",
            ":a",
            "a",
            "a:b:c",
            "items:*",
            "*:*",
            "*",
            "role:admin",
            "Items:read",
            "items:read ",
            "items:read\0",
            "items:read,items:write",
        ] {
            assert!(bad.parse::<Permission>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn patterns_allow_a_wildcard_only_as_the_whole_operation() {
        assert!("items:*".parse::<PermissionPattern>().is_ok());
        for bad in ["*:*", "*", "items:r*", "items:**", "it*ms:read", "role:*"] {
            assert!(bad.parse::<PermissionPattern>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_error_quotes_a_hostile_text_escaped_and_cut() {
        let error = format!("{}\r\n\u{1b}[31m", "x".repeat(70))
            .parse::<RoleName>()
            .unwrap_err();
        let text = error.to_string();
        assert!(!text.contains('\r') && !text.contains('\u{1b}'), "{text}");
        let long = "y"
            .repeat(1_000_000)
            .parse::<RoleName>()
            .unwrap_err()
            .to_string();
        assert!(long.len() < 300);
    }

    proptest! {
        #[test]
        fn the_const_check_agrees_with_the_written_grammar(text in "[a-zA-Z0-9._:* -]{0,70}") {
            let mut chars = text.chars();
            let first_fits = chars.next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
            let rest_fits = chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c));
            prop_assert_eq!(is_name(&text), first_fits && rest_fits && text.len() <= 64);
        }

        #[test]
        fn a_permission_comes_back_from_its_parts(object in "[a-z0-9][a-z0-9._-]{0,20}", operation in "[a-z0-9][a-z0-9._-]{0,20}") {
            prop_assume!(object != "role");
            let permission: Permission = format!("{object}:{operation}").parse().unwrap();
            prop_assert_eq!(permission.object(), object);
            prop_assert_eq!(permission.operation(), operation);
        }
    }
}
