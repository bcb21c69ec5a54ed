//! What the pages of the rules have in common.

use http::StatusCode;
use rolecall_core::RESERVED_PREFIX;

use super::faults::{Fault, Faults};
use crate::error::ApiError;

/// Returns true for a permission or wildcard of rolecall itself, which gives power over all others.
pub(super) fn grants_own(pattern: &str) -> bool {
    pattern.starts_with(RESERVED_PREFIX)
}

/// Describes what a service has refused about a form, as [`Faults::read`]; also the faults of a document, each at its line,
/// and a policy that somebody else has changed meanwhile.
///
/// # Errors
///
/// An error that is no fault of a form.
pub(super) fn faults_of(error: ApiError) -> Result<Faults, ApiError> {
    match error {
        ApiError::Document(errors) => {
            let faults = errors.0.iter().take(MOST_FAULTS).map(|one| Fault {
                field: "document".to_owned(),
                key: "",
                text: one.to_string(),
            });
            Ok(Faults {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                list: faults.collect(),
            })
        }
        ApiError::Stale => Ok(Faults {
            status: StatusCode::CONFLICT,
            ..Faults::of("", "admin-policy-changed")
        }),
        ApiError::StepUp { .. } => Err(error),
        other => Faults::read(other),
    }
}

/// The most faults of a document that are listed.
pub(super) const MOST_FAULTS: usize = 20;

#[cfg(test)]
mod tests {
    use rolecall_core::document::Document;

    use super::*;

    #[test]
    fn each_fault_of_a_document_names_its_line() {
        let wrong = Document::parse(
            "[permissions]\n\"items:read\" = \"\"\n[roles.one]\npermissions = [\"x:y\"]",
        );
        let faults = faults_of(ApiError::Document(wrong.unwrap_err())).unwrap();
        assert_eq!(faults.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            faults.list[0].text.starts_with("line 4, column "),
            "{:?}",
            faults.list
        );
        assert_eq!(faults.list[0].field, "document");
        let stale = faults_of(ApiError::Stale).unwrap();
        assert_eq!(
            (stale.status, stale.list[0].key),
            (StatusCode::CONFLICT, "admin-policy-changed")
        );
        assert!(faults_of(ApiError::Busy).is_err());
    }

    #[test]
    fn only_permissions_of_rolecall_itself_are_its_own() {
        assert!(grants_own("rolecall.users:write") && grants_own("rolecall.users:*"));
        assert!(!grants_own("items:write") && !grants_own("rolecalls:read"));
    }
}
