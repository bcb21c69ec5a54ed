//! The factor that somebody was about to add when a sign-in came between.

use serde::{Deserialize, Serialize};

use super::names;

/// A factor that somebody has begun to add on a page of their account. The sign-in that comes between preselects it, and
/// offers the others all the same: it proves nothing and permits nothing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Wished {
    /// A passkey, rather than an authenticator application.
    pub(crate) is_passkey: bool,
    /// Empty for the usual name.
    pub(crate) name: String,
}

impl Wished {
    /// Returns what a form asked for. A name that no factor can have, which the form refuses, counts as none.
    pub(crate) fn new(is_passkey: bool, name: &str) -> Self {
        Self {
            is_passkey,
            name: names::checked(name, "").unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_factor_can_be_called_is_kept() {
        for (name, kept) in [
            ("", ""),
            (" My phone ", "My phone"),
            ("a\nb", ""),
            (&"x".repeat(65), ""),
        ] {
            let wished = Wished::new(true, name);
            assert_eq!(wished.name, kept, "{name:?}");
            let written = serde_json::to_string(&wished).unwrap();
            assert_eq!(serde_json::from_str::<Wished>(&written).unwrap(), wished);
        }
    }
}
