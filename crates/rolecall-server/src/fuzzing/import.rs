use std::collections::BTreeSet;

use rolecall_import::{ImportOptions, Imported, Note, Source, casbin, keycloak};

use crate::{
    accounts::import_rules::ImportRules,
    profile::{declared::ProfileFields, rules::Party},
};

/// Maps the sources of a policy import: a Keycloak realm, or a Casbin model and policy separated by NUL.
///
/// # Panics
///
/// If the result is not a valid policy, two users have the same name, or a note cannot be displayed.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let source = |text| Source {
        name: "source",
        text,
    };
    let options = ImportOptions::default();
    // neither source has profile fields
    let rules = ImportRules {
        fields: &ProfileFields::default(),
        party: Party::Operator,
    };
    let read = match text.split_once('\0') {
        Some((model, policy)) => casbin::convert(source(model), source(policy), &options, &rules),
        None => keycloak::convert(source(text), &options, &rules),
    };
    match read {
        Ok(imported) => check(&imported),
        Err(error) => {
            assert!(!error.reasons.is_empty(), "rejected without a reason");
            error.reasons.iter().for_each(assert_displayable);
        }
    }
}

fn check(imported: &Imported) {
    let policy = imported.document.policy();
    assert!(policy.is_ok(), "invalid policy: {policy:?}");
    let policy = policy.unwrap_or_default();
    let mut names = BTreeSet::new();
    for person in &imported.people {
        assert!(
            names.insert(&person.username),
            "`{}` exists twice",
            person.username
        );
        for (role, _) in &person.roles {
            assert!(policy.role(role.as_str()).is_some(), "no role `{role}`");
            assert!(!role.is_reserved(), "{role}");
        }
    }
    let permissions = imported.document.permissions.keys();
    assert!(
        permissions
            .into_iter()
            .all(|permission| !permission.is_reserved())
    );
    imported
        .unmapped
        .iter()
        .chain(&imported.notices)
        .for_each(assert_displayable);
}

fn assert_displayable(note: &Note) {
    let text = format!("{}: {}", note.at, note.message);
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(note.message.chars().count() <= 20_000, "{text}");
}
