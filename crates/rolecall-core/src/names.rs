//! Names of roles, tenants, constraints and permissions: their grammar, and a type for each.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The prefix of rolecall's own names, which an application cannot create.
pub const RESERVED_PREFIX: &str = "rolecall.";

/// The object that no permission may have, because `role:admin` in a scope means the role `admin`.
const RESERVED_OBJECT: &str = "role";

/// In bytes, which are characters here: names are ASCII.
const MAX_NAME_LENGTH: usize = 64;

/// Returns true if `text` is a valid name of a role, tenant, constraint, object or operation.
///
/// The grammar is `[a-z0-9][a-z0-9._-]{0,63}`. This is a `const fn`, so that `roles!` refuses a misspelt name at
/// compile time.
///
/// ```
/// assert!(rolecall_core::is_name("content.editor"));
/// assert!(!rolecall_core::is_name("Content editor"));
/// ```
#[must_use]
pub const fn is_name(text: &str) -> bool {
    is_name_bytes(text.as_bytes(), 0, text.len())
}

/// Returns true if `text` is a valid permission: two names joined by a colon, the first of them not `role`.
///
/// ```
/// assert!(rolecall_core::is_permission("items:read"));
/// assert!(!rolecall_core::is_permission("items:*"), "that is a pattern");
/// assert!(!rolecall_core::is_permission("role:admin"));
/// ```
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
    // without a colon, the operation is empty, and an empty text is not a name
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
    let mut index = start;
    while index < end {
        let is_allowed = matches!(bytes[index], b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        if !is_allowed {
            return false;
        }
        index += 1;
    }
    true
}

#[expect(
    clippy::indexing_slicing,
    reason = "bounded by the length compared above; const fn cannot compare slices"
)]
const fn is_reserved_object(bytes: &[u8], length: usize) -> bool {
    let reserved = RESERVED_OBJECT.as_bytes();
    if length != reserved.len() {
        return false;
    }
    let mut index = 0;
    while index < length {
        if bytes[index] != reserved[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// The error for a text that is not a valid name; it quotes the start of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a name: use 1 to 64 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit"
)]
pub struct ParseNameError(String);

/// The error for a text that is not a valid permission or pattern; it quotes the start of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a permission: write `object:operation`, each 1 to 64 of a-z, 0-9, `.`, `_` and `-`, the object not `role`"
)]
pub struct ParsePermissionError(String);

/// Returns the first 80 characters of `text` with control characters escaped, safe to quote in an error.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $error:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the text as it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns true for rolecall's own names, which begin with [`RESERVED_PREFIX`].
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
    /// The name of a tenant, such as a customer organization, to which a role assignment can be limited.
    TenantName, ParseNameError, is_name
);
text_type!(
    /// The name of a separation-of-duty [`Constraint`](crate::Constraint).
    ConstraintName, ParseNameError, is_name
);
text_type!(
    /// One operation on one kind of object that a role can permit, written `object:operation`.
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
    /// A [`Permission`], or a wildcard for every operation of an object, written `items:*`.
    ///
    /// Roles hold patterns. Checks ask for permissions, never for a wildcard.
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
    /// Returns the object: the part before the colon.
    #[must_use]
    pub fn object(&self) -> &str {
        self.0.split_once(':').map_or("", |(object, _)| object)
    }

    /// Returns the operation: the part after the colon.
    #[must_use]
    pub fn operation(&self) -> &str {
        self.0
            .split_once(':')
            .map_or("", |(_, operation)| operation)
    }
}

impl PermissionPattern {
    /// Returns the object of a wildcard, or `None` for a single permission.
    #[must_use]
    pub fn wildcard_object(&self) -> Option<&str> {
        self.0.strip_suffix(":*")
    }

    /// Returns the single permission that this pattern is, or `None` for a wildcard.
    #[must_use]
    pub fn as_permission(&self) -> Option<Permission> {
        self.0.parse().ok()
    }

    /// Returns true if the pattern covers `permission`.
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
    fn role_names_are_parsed_or_refused() {
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
    fn permissions_are_parsed_or_refused() {
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
    fn a_wildcard_must_be_the_whole_operation() {
        assert!("items:*".parse::<PermissionPattern>().is_ok());
        for bad in ["*:*", "*", "items:r*", "items:**", "it*ms:read", "role:*"] {
            assert!(bad.parse::<PermissionPattern>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn errors_quote_text_escaped_and_shortened() {
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
        fn is_name_follows_the_documented_grammar(text in "[a-zA-Z0-9._:* -]{0,70}") {
            let mut chars = text.chars();
            let first_is_allowed = chars.next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
            let rest_is_allowed = chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c));
            prop_assert_eq!(is_name(&text), first_is_allowed && rest_is_allowed && text.len() <= 64);
        }

        #[test]
        fn a_permission_splits_into_object_and_operation(object in "[a-z0-9][a-z0-9._-]{0,20}", operation in "[a-z0-9][a-z0-9._-]{0,20}") {
            prop_assume!(object != "role");
            let permission: Permission = format!("{object}:{operation}").parse().unwrap();
            prop_assert_eq!(permission.object(), object);
            prop_assert_eq!(permission.operation(), operation);
        }
    }

    #[test]
    fn only_permissions_of_rolecall_itself_are_reserved() {
        let is_reserved = |text: &str| text.parse::<PermissionPattern>().unwrap().is_reserved();
        assert!(is_reserved("rolecall.users:write") && is_reserved("rolecall.users:*"));
        assert!(!is_reserved("items:write") && !is_reserved("rolecalls:read"));
    }
}
