//! Refusals of services that people meet on the pages, in the language of the page.

use rolecall_passwords::{MAX_BYTES, MAX_CODE_POINTS};

use super::languages::{Argument, Language};
use crate::{
    app::App,
    error::{ApiError, FieldError, Place},
    profile::{ProfileField, field::FieldKind},
    usernames,
};

/// Returns the sentence for a refusal in the language of the page. What only administrators and programs meet has no text
/// here, and stays as the service says it; the pages for administrators have [their own](super::reasons).
pub(super) fn sentence(app: &App, language: Language, error: &ApiError) -> String {
    let key = match error {
        ApiError::Invalid(fault) => key_of_fault(fault),
        ApiError::Rule { rule, .. } => key_of_rule(rule),
        ApiError::InUse { .. } => Some("refused-in-use"),
        ApiError::Forbidden(_) => Some("refused-not-offered"),
        _ => None,
    };
    let text = key.and_then(|key| text(app, language, key, arguments(app)));
    text.unwrap_or_else(|| error.to_string())
}

/// As [`sentence`], for the fault of one field.
pub(super) fn of_fault(app: &App, language: Language, fault: FieldError) -> String {
    sentence(app, language, &ApiError::Invalid(fault))
}

fn text<'a>(
    app: &App,
    language: Language,
    key: &str,
    values: impl IntoIterator<Item = (&'a str, Argument)>,
) -> Option<String> {
    let languages = &app.parts().look.languages;
    languages.words(language, key, values)
}

/// Returns the limits that the texts name.
fn arguments(app: &App) -> [(&'static str, Argument); 5] {
    let least = app.parts().password_policy.min_length;
    let domains = app.settings().registration_domains.join(", ");
    [
        ("least", number(least)),
        ("most", number(MAX_CODE_POINTS)),
        ("bytes", number(MAX_BYTES)),
        ("length", number(usernames::MAX_CODE_POINTS)),
        ("domains", Argument::Text(domains)),
    ]
}

fn number(number: usize) -> Argument {
    // nobody reads a separator of thousands in a limit
    Argument::Text(number.to_string())
}

fn key_of_fault(fault: &FieldError) -> Option<&'static str> {
    Some(match fault.kind {
        "password_too_short" => "refused-password-short",
        "password_too_long" => "refused-password-long",
        "password_common" => "refused-password-common",
        "password_pattern" => "refused-password-pattern",
        "password_breached" => "refused-password-breached",
        "password_like_username" => "refused-password-name",
        "password_like_service" => "refused-password-service",
        "password_unchanged" => "refused-password-unchanged",
        "password_over_72_bytes" => "refused-password-bytes",
        "username_empty" => "refused-name-empty",
        "username_too_long" => "refused-name-long",
        "username_forbidden_character" | "username_malformed" => "refused-name-characters",
        "username_lookalike" => "refused-name-lookalike",
        "username_like_an_id" => "refused-name-id",
        "foreign_address" => "refused-name-address",
        "email" => "refused-address",
        "email_literal" => "refused-address-literal",
        "domain" => "refused-domain",
        "wrong_code" => "refused-first-code",
        "passkey_refused" => "wrong-passkey",
        "value_error" if is_of(fault, "name") => "refused-factor-name",
        _ => return None,
    })
}

/// Returns the key of the text for a name, password or address of an account, which administrators enter too; `None` for
/// other faults.
pub(super) fn key_of_account(fault: &FieldError) -> Option<&'static str> {
    let key = key_of_fault(fault)?;
    let is_of_account = key.starts_with("refused-name-")
        || key.starts_with("refused-password-")
        || [
            "refused-address",
            "refused-address-literal",
            "refused-domain",
        ]
        .contains(&key);
    is_of_account.then_some(key)
}

/// Returns the text of a key from [`key_of_account`]; `None` for other keys.
pub(super) fn by_key(app: &App, language: Language, key: &str) -> Option<String> {
    if !key.starts_with("refused-") {
        return None;
    }
    text(app, language, key, arguments(app))
}

fn is_of(fault: &FieldError, member: &str) -> bool {
    matches!(&*fault.loc, [_, Place::Member(name)] if name == member)
}

fn key_of_rule(rule: &str) -> Option<&'static str> {
    Some(match rule {
        "email_taken" => "refused-address-taken",
        "reset_by_creator" => "refused-reset-by-creator",
        "reset_outgrown" => "refused-reset-outgrown",
        "reset_unconfirmed" => "refused-reset-unconfirmed",
        "too_many_factors" => "refused-many-factors",
        "no_factor" => "refused-no-factor",
        "no_passkeys" => "refused-no-passkeys",
        "last_administrator" => "refused-last-administrator",
        _ => return None,
    })
}

/// Returns the sentence for a value that does not fit a field of the application, whose own message counts first.
pub(super) fn of_field(
    app: &App,
    language: Language,
    field: &ProfileField,
    fault: &FieldError,
) -> Option<String> {
    let own = field.pattern_message.as_deref();
    if own.is_some_and(|own| fault.msg.ends_with(own)) {
        return None;
    }
    let most = field.kind.max_length().unwrap_or_default();
    let key = match &field.kind {
        _ if fault.msg.contains("matches `") => "refused-field-pattern",
        FieldKind::String { .. } => "refused-field-text",
        FieldKind::Number => "refused-field-number",
        FieldKind::Integer => "refused-field-integer",
        FieldKind::Boolean | FieldKind::Enum { .. } => "refused-field-choice",
        FieldKind::Date => "refused-field-date",
        FieldKind::Url { .. } => "refused-field-url",
    };
    let values = [
        ("field", Argument::Text(field.name.clone())),
        ("most", number(most)),
    ];
    text(app, language, key, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reasons::Reason;

    const FAULTS: [&str; 21] = [
        "password_too_short",
        "password_too_long",
        "password_common",
        "password_pattern",
        "password_breached",
        "password_like_username",
        "password_like_service",
        "password_unchanged",
        "password_over_72_bytes",
        "username_empty",
        "username_too_long",
        "username_forbidden_character",
        "username_malformed",
        "username_lookalike",
        "username_like_an_id",
        "foreign_address",
        "email",
        "email_literal",
        "domain",
        "wrong_code",
        "passkey_refused",
    ];
    const RULES: [&str; 8] = [
        "email_taken",
        "reset_by_creator",
        "reset_outgrown",
        "reset_unconfirmed",
        "too_many_factors",
        "no_factor",
        "no_passkeys",
        "last_administrator",
    ];

    fn refusals() -> Vec<ApiError> {
        let faults = FAULTS.map(|kind| FieldError::body("member", kind, "as programs read it"));
        let name = FieldError::body("name", "value_error", "as programs read it");
        let rules = RULES.map(|rule| ApiError::rule(rule, "as programs read it", Vec::new()));
        let faults = faults.into_iter().chain([name]).map(ApiError::Invalid);
        let in_use = ApiError::in_use("user", &"x", Reason::ReferredTo);
        let others = [in_use, ApiError::Forbidden("as programs read it")];
        faults.chain(rules).chain(others).collect()
    }

    #[tokio::test]
    async fn what_people_meet_has_a_text_in_each_language() {
        let server = crate::Embedded::builder("sqlite::memory:").open().await;
        let server = server.unwrap();
        let app = server.app();
        for error in refusals() {
            let [english, german] = [0, 1].map(|place| sentence(app, Language::at(place), &error));
            assert_ne!(english, german, "{error:?}");
            for text in [english, german] {
                assert!(
                    !text.contains("as programs") && !text.contains('{'),
                    "{text}"
                );
                assert!(text.ends_with('.'), "{text}");
            }
        }
        let short = FieldError::body("new", "password_too_short", "");
        let text = of_fault(app, Language::at(1), short);
        assert!(text.contains("mindestens 15 Zeichen"), "{text}");
        // what only programs and administrators meet stays as it is
        let other = ApiError::rule("builtin_role", "role `x` stays", Vec::new());
        assert_eq!(sentence(app, Language::at(1), &other), "role `x` stays");
    }

    #[tokio::test]
    async fn a_field_of_the_application_has_a_text_unless_it_brings_its_own() {
        let server = crate::Embedded::builder("sqlite::memory:").open().await;
        let server = server.unwrap();
        let app = server.app();
        let text = |field: &ProfileField, msg: &str| {
            let fault = FieldError::body(&field.name, "value_error", msg);
            of_field(app, Language::at(1), field, &fault)
        };
        for field in [
            ProfileField::string("a"),
            ProfileField::number("a"),
            ProfileField::integer("a"),
            ProfileField::boolean("a"),
            ProfileField::date("a"),
            ProfileField::choice("a", ["x", "y"]),
        ] {
            let found = text(&field, "expected something").unwrap();
            assert!(found.starts_with("a: "), "{found}");
            assert!(!found.contains("expected"), "{found}");
        }
        let coded = ProfileField::string("a").pattern("[A-Z]");
        let found = text(&coded, "expected a text that matches `[A-Z]`").unwrap();
        assert!(found.contains("Form"), "{found}");
        let own = coded.pattern_message("ein großer Buchstabe");
        assert_eq!(text(&own, "profile.a: ein großer Buchstabe"), None);
    }
}
