//! What is wrong with a form: one line for each fault, linked to its field.

use http::StatusCode;
use serde::Serialize;

use super::super::{languages::Language, reasons::Refusal, refusals};
use crate::{
    app::App,
    error::{ApiError, Place},
    invitations::delivery::NO_MAIL,
};

/// The most faults of a document that are listed.
pub(super) const MOST_FAULTS: usize = 20;

/// A fault of a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    /// The name of the field; empty if it concerns the whole form.
    pub(crate) field: String,
    /// The key of the text; empty if a rule has written it.
    pub(crate) key: &'static str,
    /// The text of a rule, or what the text of the key names.
    pub(crate) text: String,
    /// The kind of what is named, such as `role`; empty for other texts.
    pub(crate) kind: &'static str,
    /// What a rule has refused, whose text comes with the page.
    #[serde(skip)]
    pub(crate) refusal: Option<Refusal>,
}

impl Fault {
    /// Returns the fault of a field with its text.
    pub(crate) fn written(field: &str, text: String) -> Self {
        Self {
            field: field.to_owned(),
            key: "",
            text,
            kind: "",
            refusal: None,
        }
    }

    /// Returns the fault with its text in a language, where that has more values than a template gives it.
    pub(super) fn worded(&self, app: &App, language: Language) -> Self {
        let refusal = self.refusal.as_ref();
        let languages = &app.parts().look.languages;
        let text = refusal
            .and_then(|refusal| refusal.text(languages, language))
            .or_else(|| refusals::by_key(app, language, self.key));
        text.map_or_else(|| self.clone(), |text| Self::written(&self.field, text))
    }
}

/// The faults of a form, with the status of the answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) status: StatusCode,
    pub(crate) list: Vec<Fault>,
}

impl Faults {
    /// Returns the fault of one field, by the key of its text.
    pub(crate) fn of(field: &str, key: &'static str) -> Self {
        Self::about(field, key, "")
    }

    /// Returns the fault of one field, whose text names something; without a key, the text itself.
    pub(crate) fn about(field: &str, key: &'static str, text: &str) -> Self {
        let fault = Fault {
            key,
            ..Fault::written(field, text.to_owned())
        };
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            list: vec![fault],
        }
    }

    /// Returns the fault of a form that was filled in from something that somebody else has changed meanwhile.
    pub(super) fn stale() -> Self {
        Self {
            status: StatusCode::CONFLICT,
            ..Self::of("", "admin-policy-changed")
        }
    }

    /// Returns the faults as a page shows them in a language.
    pub(super) fn worded(&self, app: &App, language: Language) -> Vec<Fault> {
        let faults = self.list.iter();
        faults.map(|fault| fault.worded(app, language)).collect()
    }

    /// Names a field as the form does, where the API names it otherwise.
    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        for fault in self.list.iter_mut().filter(|fault| fault.field == from) {
            to.clone_into(&mut fault.field);
        }
    }

    /// Describes what a service has refused about a form: also the faults of a document, each at its line, and a policy that
    /// somebody else has changed meanwhile.
    ///
    /// # Errors
    ///
    /// An error that is no fault of a form.
    pub(crate) fn read(error: ApiError) -> Result<Self, ApiError> {
        let status = error.status();
        if let ApiError::Document(errors) = &error {
            let faults = errors.0.iter().take(MOST_FAULTS);
            let faults = faults.map(|one| Fault::written("document", one.to_string()));
            return Ok(Self {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                list: faults.collect(),
            });
        }
        let (error, receipt) = match error {
            ApiError::Receipted { error, receipt } if matches!(*error, ApiError::Exceeds(_)) => {
                (*error, Some(receipt))
            }
            error => (error, None),
        };
        let (field, key) = match &error {
            ApiError::Invalid(fault) => {
                let named = fault.loc.get(1).map(Place::to_string);
                let key = refusals::key_of_account(fault);
                (named.unwrap_or_default(), key.unwrap_or_default())
            }
            ApiError::AlreadyThere { .. } => (String::new(), "admin-fault-exists"),
            ApiError::Unknown { .. } => (String::new(), "admin-fault-unknown"),
            ApiError::Rule { rule, .. } if *rule == NO_MAIL => (String::new(), "admin-no-mail"),
            ApiError::Rule { .. }
            | ApiError::InUse { .. }
            | ApiError::Separation(_)
            | ApiError::PolicyTooLarge(_) => (String::new(), ""),
            ApiError::Stale => return Ok(Self::stale()),
            ApiError::Exceeds(_) => (String::new(), "admin-exceeds"),
            ApiError::TooMany { .. } => (String::new(), "admin-too-many"),
            _ => return Err(error),
        };
        let (kind, text) = match &error {
            ApiError::Exceeds(_) => ("", error.lacking_scope().unwrap_or_default()),
            ApiError::TooMany { retry_after } => ("", retry_after.as_secs().max(1).to_string()),
            ApiError::AlreadyThere { kind, name } | ApiError::Unknown { kind, name } => {
                (*kind, name.clone())
            }
            other => ("", other.to_string()),
        };
        let receipt = receipt.map(|receipt| Fault {
            key: "admin-fault-receipt",
            ..Fault::written("", receipt)
        });
        let fault = Fault {
            field,
            key,
            text,
            kind,
            refusal: Refusal::of(&error),
        };
        Ok(Self {
            status,
            list: [fault].into_iter().chain(receipt).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rolecall_core::document::Document;

    use super::*;
    use crate::{error::FieldError, reasons::Reason};

    #[test]
    fn a_fault_names_its_field_and_failures_are_no_faults() {
        let wrong = FieldError::body("username", "value_error", "too short");
        let faults = Faults::read(ApiError::Invalid(wrong)).unwrap();
        assert_eq!(faults.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(
            (&*faults.list[0].field, &*faults.list[0].text),
            ("username", "too short")
        );
        let retry_after = Duration::from_secs(7);
        let waits = Faults::read(ApiError::TooMany { retry_after }).unwrap();
        assert_eq!(
            (waits.list[0].key, &*waits.list[0].text),
            ("admin-too-many", "7")
        );
        assert!(Faults::read(ApiError::Busy).is_err());
        assert!(Faults::read(ApiError::Lacks(None)).is_err());
        let unknown = Faults::read(ApiError::unknown("role", &"boss")).unwrap();
        assert_eq!(
            (
                unknown.list[0].key,
                unknown.list[0].kind,
                &*unknown.list[0].text
            ),
            ("admin-fault-unknown", "role", "boss")
        );
        let empty = FieldError::body("username", "username_empty", "as programs read it");
        let empty = Faults::read(ApiError::Invalid(empty)).unwrap();
        assert_eq!(empty.list[0].key, "refused-name-empty");
        let literal = FieldError::body("email", "email_literal", "as programs read it");
        let literal = Faults::read(ApiError::Invalid(literal)).unwrap();
        assert_eq!(literal.list[0].key, "refused-address-literal");
        let role = "rolecall.admin".to_owned();
        let fixed = ApiError::because(Reason::RoleFixed { role }, Vec::new());
        let text = fixed.to_string();
        let fixed = Faults::read(fixed).unwrap();
        assert!(fixed.list[0].refusal.is_some());
        assert_eq!(fixed.list[0].text, text);
    }

    #[tokio::test]
    async fn a_fault_is_worded_in_the_language_of_the_page() {
        let server = crate::Embedded::builder("sqlite::memory:").open().await;
        let server = server.unwrap();
        let german = |error| {
            let faults = Faults::read(error).unwrap();
            let mut worded = faults.worded(server.app(), Language::at(1));
            worded.remove(0)
        };
        let short = FieldError::body("password", "password_too_short", "as programs read it");
        let short = german(ApiError::Invalid(short));
        assert_eq!((&*short.field, short.key), ("password", ""));
        assert!(
            short.text.contains("mindestens 15 Zeichen"),
            "{}",
            short.text
        );
        let role = "rolecall.admin".to_owned();
        let fixed = german(ApiError::because(Reason::RoleFixed { role }, Vec::new()));
        let text = "Die Rolle `rolecall.admin` gehört zu rolecall und kann nicht geändert werden.";
        assert_eq!((&*fixed.text, fixed.key), (text, ""));
        // a template gives this text its values
        let unknown = german(ApiError::unknown("role", &"boss"));
        assert_eq!(unknown.key, "admin-fault-unknown");
    }

    #[test]
    fn each_fault_of_a_document_names_its_line() {
        let wrong = Document::parse(
            "[permissions]\n\"items:read\" = \"\"\n[roles.one]\npermissions = [\"x:y\"]",
        );
        let faults = Faults::read(ApiError::Document(wrong.unwrap_err())).unwrap();
        assert_eq!(faults.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            faults.list[0].text.starts_with("line 4, column "),
            "{:?}",
            faults.list
        );
        assert_eq!(faults.list[0].field, "document");
        let stale = Faults::read(ApiError::Stale).unwrap();
        assert_eq!(
            (stale.status, stale.list[0].key),
            (StatusCode::CONFLICT, "admin-policy-changed")
        );
        assert!(Faults::read(ApiError::Busy).is_err());
    }
}
