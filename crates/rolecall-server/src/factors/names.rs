//! The names that people give their factors.

use crate::error::{ApiError, FieldError};

const MAX_CHARACTERS: usize = 64;

/// Checks a name, which the pages show; an empty one becomes `default`.
pub(super) fn checked(name: &str, default: &str) -> Result<String, ApiError> {
    let name = name.trim();
    if name.is_empty() {
        return Ok(default.to_owned());
    }
    if name.chars().count() > MAX_CHARACTERS || name.chars().any(char::is_control) {
        let msg = format!("name: use up to {MAX_CHARACTERS} characters and no control characters");
        return Err(ApiError::Invalid(FieldError::body(
            "name",
            "value_error",
            msg,
        )));
    }
    Ok(name.to_owned())
}

/// The error of a factor without a name.
pub(super) fn missing() -> ApiError {
    let msg = "name: must not be empty";
    ApiError::Invalid(FieldError::body("name", "value_error", msg))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_table() {
        for (name, expected) in [
            ("", Some("App")),
            ("  \t", Some("App")),
            (" My phone ", Some("My phone")),
            ("Téléphone 📱", Some("Téléphone 📱")),
            ("a\nb", None),
            ("a\u{0}b", None),
        ] {
            assert_eq!(checked(name, "App").ok().as_deref(), expected, "{name:?}");
        }
        assert!(checked(&"ä".repeat(64), "App").is_ok());
        assert!(checked(&"ä".repeat(65), "App").is_err());
    }
}
