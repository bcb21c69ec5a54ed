//! `profile.fields` and `tokens.claims`.

use super::{env, fault, load};
use crate::{
    config::{AccountClaim, Config, Sources},
    profile::{FieldAccess, ProfileField},
};

const FIELDS: &str = "
[profile.fields.name]
type = \"string\"
max_length = 60
required = true

[profile.fields.plan]
type = \"enum\"
values = [\"free\", \"pro\"]
write = \"admin\"
claim = \"https://example.com/plan\"

[profile.fields.note]
type = \"url\"
read = \"admin\"
pattern = 'https://[^/\"]+\\.example/.*'
pattern_message = \"expected an \\\"https\\\" address\"

[profile.fields]
age = { type = \"integer\", claim = true }
";

#[test]
fn fields_are_declared_as_tables_or_as_one_inline_table() {
    let config = load(FIELDS).unwrap();
    let mut fields = config.profile.fields.clone();
    fields.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(
        fields,
        [
            ProfileField::integer("age").claim(),
            ProfileField::string("name").max_length(60).required(),
            ProfileField::url("note")
                .read(FieldAccess::Admin)
                .pattern(r#"https://[^/"]+\.example/.*"#)
                .pattern_message("expected an \"https\" address"),
            ProfileField::choice("plan", ["free", "pro"])
                .write(FieldAccess::Admin)
                .claim_as("https://example.com/plan"),
        ]
    );
    assert_eq!(config.profile_fields().unwrap().iter().count(), 4);
    let shown = config.show().0.into_iter();
    let shown = shown.filter(|setting| setting.key == "profile.fields");
    let inline = shown.map(|setting| setting.value).next().unwrap();
    for again in [
        load(&format!("profile.fields = {inline}")),
        env(&[("ROLECALL_PROFILE__FIELDS", &inline)]),
        Config::load(&Sources::default().with_flag("profile.fields", inline.clone()))
            .map_err(|error| error.to_string()),
    ] {
        let mut again = again.unwrap().profile.fields;
        again.sort_by(|one, other| one.name.cmp(&other.name));
        assert_eq!(again, fields);
    }
    assert!(load("[profile]").unwrap().profile.fields.is_empty());
}

#[test]
fn a_faulty_field_is_named_with_the_way_out() {
    for (text, parts) in [
        ("profile.fields = 7", &["expected a table"][..]),
        ("profile.fields.a = 7", &["`a`", "{ type = \"string\" }"]),
        ("profile.fields.a = {}", &["`a`", "`type` is missing"]),
        (
            "profile.fields.a = { type = \"text\" }",
            &["`a`", "`type`", "`string`"],
        ),
        (
            "profile.fields.a = { type = \"date\", length = 7 }",
            &["`a`", "`length`", "`max_length`"],
        ),
        (
            "profile.fields.a = { type = \"date\", max_length = 7 }",
            &["`a`", "`max_length`", "not for `date`"],
        ),
        (
            "profile.fields.a = { type = \"date\", values = [] }",
            &["`a`", "`values`"],
        ),
        (
            "profile.fields.a = { type = \"enum\", values = [1] }",
            &["`a`", "list of texts"],
        ),
        (
            "profile.fields.a = { type = \"string\", pattern = 7 }",
            &["`a`", "`pattern` is not a text"],
        ),
    ] {
        let fault = fault(text);
        for part in parts {
            assert!(fault.contains(part), "{text}: {fault}");
        }
    }
}

#[test]
fn a_field_that_cannot_be_declared_is_named_with_the_way_out() {
    for (text, parts) in [
        (
            "profile.fields.a = { type = \"enum\" }",
            &["`profile.fields.a`", "1 to 100"][..],
        ),
        (
            "profile.fields.a = { type = \"string\", max_length = -1 }",
            &["`a`", "whole number"],
        ),
        (
            "profile.fields.a = { type = \"string\", read = \"me\" }",
            &["`a`", "`read`", "`self`"],
        ),
        (
            "profile.fields.a = { type = \"string\", required = \"yes\" }",
            &["`a`", "`required`"],
        ),
        (
            "profile.fields.a = { type = \"string\", claim = 7 }",
            &["`a`", "`claim`"],
        ),
        (
            "profile.fields.a = { type = \"string\", claim = \"sub\" }",
            &["`profile.fields.a`", "`sub`"],
        ),
        (
            "profile.fields.A = { type = \"string\" }",
            &["`profile.fields.A`", "a-z"],
        ),
        (
            "profile.fields.a = { type = \"string\", pattern = \"[a-\" }",
            &["`profile.fields.a`", "`pattern`", "unclosed"],
        ),
        (
            "profile.fields.a = { type = \"date\", pattern = \"2.*\" }",
            &["`profile.fields.a`", "`pattern`", "not for `date`"],
        ),
        (
            "profile.fields.email = { type = \"string\" }",
            &["`profile.fields.email`", "account"],
        ),
        (
            "tokens.max_bytes = 1024\nprofile.fields.a = { type = \"string\", max_length = 70, claim = true }",
            &["`tokens.max_bytes`", "256"],
        ),
        (
            "tokens.claims = [\"department\"]",
            &["`tokens.claims`", "[profile.fields.department]"],
        ),
        (
            "profile.field.a.type = \"string\"",
            &["unknown key", "profile.field.a.type"],
        ),
    ] {
        let fault = fault(text);
        for part in parts {
            assert!(fault.contains(part), "{text}: {fault}");
        }
    }
}

#[test]
fn the_email_becomes_a_claim() {
    let config = load("tokens.claims = [\"email\"]").unwrap();
    assert_eq!(config.tokens.claims, [AccountClaim::Email]);
    assert!(config.profile_fields().unwrap().has_claims());
    assert_eq!(
        env(&[("ROLECALL_TOKENS__CLAIMS", "email")])
            .unwrap()
            .tokens
            .claims
            .len(),
        1
    );
    assert!(!load("").unwrap().profile_fields().unwrap().has_claims());
}
