//! Checks of the names and descriptions that callers choose for roles, permissions and constraints.

use rolecall_core::{RESERVED_PREFIX, is_unprintable};

use crate::{
    error::{ApiError, FieldError},
    reasons::Reason,
};

/// The most characters that a description may have.
const MAX_DESCRIPTION: usize = 500;

/// Refuses a new name that is reserved for rolecall.
pub(super) fn check_name(name: &str) -> Result<(), ApiError> {
    if name.starts_with(RESERVED_PREFIX) {
        let name = name.to_owned();
        let reason = Reason::NameReserved { name };
        return Err(ApiError::Invalid(FieldError::because(
            "name", "reserved", reason,
        )));
    }
    Ok(())
}

/// Refuses a description that is too long, or that a terminal or a page cannot show as it is.
pub(crate) fn check_description(text: &str) -> Result<(), ApiError> {
    if text.chars().count() > MAX_DESCRIPTION || text.contains(is_unprintable) {
        let most = MAX_DESCRIPTION.to_string();
        return Err(ApiError::Invalid(FieldError::because(
            "description",
            "value_error",
            Reason::DescriptionTooLong { most },
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_and_unprintable_descriptions_are_refused() {
        for name in ["rolecall.", "rolecall.admin", "rolecall.users:read"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        for name in ["rolecall", "rolecallers", "my.rolecall.role"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        assert!(check_description(&"ü".repeat(MAX_DESCRIPTION)).is_ok());
        assert!(check_description(&"u".repeat(MAX_DESCRIPTION + 1)).is_err());
        for bad in [
            "two\nlines",
            "\u{202e}x",
            "a\u{2028}b",
            "a\u{200b}b",
            "a\u{e0041}",
        ] {
            assert!(check_description(bad).is_err(), "{bad:?}");
        }
    }
}
