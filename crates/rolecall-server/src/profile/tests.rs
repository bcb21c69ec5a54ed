use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{
    FieldAccess, ProfileField,
    declared::ProfileFields,
    input::ProfileInput,
    rules::{Party, ProfileChanges, from_texts, visible},
    store::Claimed,
    stored::StoredProfile,
};
use crate::error::ApiError;

fn declared(fields: impl IntoIterator<Item = ProfileField>) -> ProfileFields {
    ProfileFields::new(fields, false, 4096).unwrap()
}

/// Returns the only fault of a declaration.
fn fault(field: ProfileField) -> String {
    let faults = ProfileFields::new([field], false, 4096).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.concat()
}

fn input(values: Value) -> ProfileInput {
    serde_json::from_value(values).unwrap()
}

fn stored(values: &Value) -> StoredProfile {
    StoredProfile::read(Some(&values.to_string()))
}

/// Returns the place and kind of a refusal.
fn refusal(refused: ApiError) -> (Vec<String>, &'static str) {
    match refused {
        ApiError::Invalid(field) => (
            field.loc.iter().map(ToString::to_string).collect(),
            field.kind,
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_by_table() {
    let string = ProfileField::string("f").max_length(5);
    let number = ProfileField::number("f");
    let integer = ProfileField::integer("f");
    let date = ProfileField::date("f");
    let url = ProfileField::url("f").max_length(40);
    let choice = ProfileField::choice("f", ["free", "pro"]);
    let boolean = ProfileField::boolean("f");
    for (field, good) in [
        (&string, json!("a")),
        (&string, json!("äöü€𝄞")),
        (&string, json!("a b")),
        (&string, json!("\"\\")),
        (&number, json!(0)),
        (&number, json!(-0.5)),
        (&number, json!(123_456_789_012_345_i64)),
        (&number, json!(0.1)),
        (&integer, json!(-9_007_199_254_740_991_i64)),
        (&integer, json!(9_007_199_254_740_991_i64)),
        (&date, json!("2028-02-29")),
        (&url, json!("https://example.com/a?b=c#d")),
        (&url, json!("http://[::1]:8000/")),
        (&choice, json!("pro")),
        (&boolean, json!(false)),
    ] {
        assert_eq!(field.check(&good), Ok(()), "{good}");
    }
    for (field, bad, kind) in [
        (&string, json!(""), "value_error"),
        (&string, json!("abcdef"), "value_error"),
        (&string, json!(" a"), "value_error"),
        (&string, json!("a\n"), "value_error"),
        (&string, json!("a\nb"), "value_error"),
        (&string, json!("a\u{202e}"), "value_error"),
        (&string, json!("a\u{0}"), "value_error"),
        (&string, json!(1), "type_error"),
        (&string, json!(["a"]), "type_error"),
        (&number, json!("1"), "type_error"),
        (&number, json!(1e15), "value_error"),
        (&number, json!(1e-7), "value_error"),
        (&number, json!(0.123_456_789_012_345_6), "value_error"),
        (&integer, json!(1.0), "type_error"),
        (&integer, json!(9_007_199_254_740_992_i64), "value_error"),
        (&integer, json!(u64::MAX), "value_error"),
        (&integer, json!(true), "type_error"),
        (&date, json!("2027-02-29"), "value_error"),
        (&date, json!("2027-2-9"), "value_error"),
        (&date, json!("2027-02-09T00:00:00Z"), "value_error"),
        (&date, json!(20_270_209), "type_error"),
        (&url, json!("javascript:alert(1)"), "value_error"),
        (&url, json!("//example.com"), "value_error"),
        (&url, json!("https://"), "value_error"),
        (&url, json!("https://me@example.com"), "value_error"),
        (&url, json!("https://example.com/\"onload="), "value_error"),
        (&url, json!("https://example.com/ü"), "value_error"),
        (
            &url,
            json!("https://example.com/12345678901234567890123"),
            "value_error",
        ),
        (&choice, json!("Pro"), "value_error"),
        (&choice, json!(""), "value_error"),
        (&boolean, json!("true"), "type_error"),
        (&boolean, json!(0), "type_error"),
    ] {
        let misfit = field.check(&bad).unwrap_err();
        assert_eq!(misfit.kind, kind, "{bad}");
        assert!(misfit.expected.starts_with("expected "), "{bad}");
    }
}

#[test]
fn a_text_means_the_same_as_its_json() {
    for (field, text, value) in [
        (ProfileField::string("f"), "7", json!("7")),
        (ProfileField::number("f"), " -0.5 ", json!(-0.5)),
        (ProfileField::integer("f"), "7", json!(7)),
        (ProfileField::boolean("f"), "True", json!(true)),
        (ProfileField::date("f"), "2030-01-31", json!("2030-01-31")),
        (ProfileField::url("f"), "http://a/", json!("http://a/")),
        (ProfileField::choice("f", ["a"]), "a ", json!("a")),
    ] {
        assert_eq!(field.parse(text), Ok(value), "{text}");
    }
    for (field, text) in [
        (ProfileField::number("f"), "NaN"),
        (ProfileField::number("f"), "0x1"),
        (ProfileField::integer("f"), "1.0"),
        (ProfileField::boolean("f"), "1"),
        (ProfileField::string("f"), " a"),
        (ProfileField::choice("f", ["a"]), "b"),
    ] {
        assert!(field.parse(text).is_err(), "{text}");
    }
}

#[test]
fn y202_a_faulty_declaration_is_refused_and_names_the_way_out() {
    let string = |name: &str| ProfileField::string(name);
    for (field, part) in [
        (string("Department"), "a-z"),
        (string("1st"), "begins with a letter"),
        (string(""), "a-z"),
        (string(&"a".repeat(41)), "1 to 40"),
        (string("email"), "belongs to the account"),
        (string("roles"), "belongs to the account"),
        (string("picture"), "type = \"url\""),
        (string("a").max_length(0), "`max_length`"),
        (string("a").max_length(1001), "`max_length`"),
        (ProfileField::choice::<&str>("a", []), "1 to 100"),
        (ProfileField::choice("a", ["b", "b"]), "twice"),
        (ProfileField::choice("a", [" b"]), "without spaces"),
        (
            string("a")
                .read(FieldAccess::Admin)
                .write(FieldAccess::Owner),
            "may not read",
        ),
        (
            string("a")
                .read(FieldAccess::Nobody)
                .write(FieldAccess::Admin),
            "may not read",
        ),
        (
            string("a").required().write(FieldAccess::Admin),
            "`required`",
        ),
        (
            string("a").max_length(9).claim_as("sub"),
            "meaning of its own",
        ),
        (
            string("a").max_length(9).claim_as("cnf"),
            "meaning of its own",
        ),
        (
            string("a").max_length(9).claim_as("era"),
            "meaning of its own",
        ),
        (string("a").max_length(9).claim_as("name"), "OpenID Connect"),
        (string("a").max_length(9).claim_as("a b"), "printable ASCII"),
        (string("a").max_length(9).claim_as(""), "printable ASCII"),
        (
            string("a")
                .max_length(9)
                .read(FieldAccess::Admin)
                .write(FieldAccess::Admin)
                .claim(),
            "read = \"self\"",
        ),
        (string("a").max_length(255).claim(), "`tokens.max_bytes`"),
    ] {
        let fault = fault(field);
        assert!(fault.contains(part), "{fault}");
        assert!(fault.starts_with("`profile.fields"), "{fault}");
    }
}

#[test]
fn y270_a_faulty_pattern_is_refused_and_names_its_field() {
    let string = |name: &str| ProfileField::string(name);
    for (field, part) in [
        (
            string("a").pattern("("),
            "`pattern`: unclosed group, in `(`",
        ),
        (string("a").pattern(&"a".repeat(201)), "1 to 200"),
        (ProfileField::integer("a").pattern("7"), "not for `integer`"),
        (
            ProfileField::choice("a", ["b"]).pattern("b"),
            "not for `enum`",
        ),
        (
            string("a").pattern_message("expected b"),
            "needs a `pattern`",
        ),
        (
            string("a").pattern("b").pattern_message(""),
            "`pattern_message`",
        ),
        (
            string("a").pattern("b").pattern_message("two\nlines"),
            "`pattern_message`",
        ),
    ] {
        let fault = fault(field);
        assert!(fault.contains(part), "{fault}");
        assert!(fault.starts_with("`profile.fields.a`: "), "{fault}");
    }
}

#[test]
fn y270_a_text_must_match_the_pattern_of_its_field() {
    let plate = ProfileField::string("plate").pattern("[A-Z]{2}[0-9]{2}");
    assert_eq!(plate.check(&json!("AB12")), Ok(()));
    let misfit = plate.check(&json!("ab12")).unwrap_err();
    assert_eq!(misfit.kind, "value_error");
    assert_eq!(
        misfit.expected,
        "expected a text that matches `[A-Z]{2}[0-9]{2}`; null removes it"
    );
    let worded = plate
        .clone()
        .pattern_message("expected two letters and two digits");
    for wrong in ["ab12", "AB123", "xAB12"] {
        let misfit = worded.check(&json!(wrong)).unwrap_err();
        assert_eq!(misfit.expected, "expected two letters and two digits");
        assert!(worded.parse(wrong).is_err());
    }
    // the type comes first
    assert_eq!(worded.check(&json!(7)).unwrap_err().kind, "type_error");
    let long = worded.check(&json!("A".repeat(300))).unwrap_err();
    assert!(long.expected.contains("1 to 200"), "{long:?}");
    let home = ProfileField::url("home").pattern("https://.*");
    assert!(home.check(&json!("https://a/")).is_ok());
    assert!(home.check(&json!("http://a/")).is_err());
}

#[test]
fn y270_a_value_from_before_the_pattern_is_shown_and_not_put_into_tokens() {
    let fields = declared([ProfileField::string("plate")
        .max_length(9)
        .pattern("[A-Z]+")
        .claim()]);
    for (value, is_claim) in [("abc", false), ("ABC", true)] {
        let stored = stored(&json!({ "plate": value }));
        let shown = visible(&fields, Party::Owner, &stored).unwrap();
        assert_eq!(shown["plate"], value);
        let claims = fields.claims_of(Claimed {
            email: None,
            email_verified_at: None,
            profile: stored,
        });
        assert_eq!(claims.contains_key("plate"), is_claim, "{value}");
    }
}

#[test]
fn y202_faults_of_several_fields_together_are_refused() {
    let string = |name: &str| ProfileField::string(name);
    let twice = ProfileFields::new([string("a"), string("a")], false, 4096);
    assert_eq!(twice.unwrap_err(), ["`profile.fields.a` is declared twice"]);
    let same = ["a", "b"].map(|name| string(name).max_length(9).claim_as("c"));
    let same = ProfileFields::new(same, false, 4096).unwrap_err();
    assert_eq!(
        same,
        ["`profile.fields.b`: another field has the same claim"]
    );
    let many = (0..33).map(|number| string(&format!("f{number}")));
    let many = ProfileFields::new(many, false, 4096).unwrap_err();
    assert!(many.concat().contains("more than 32"), "{many:?}");
    let with_email = ProfileFields::new([], true, 2048).unwrap_err();
    assert!(
        with_email.concat().contains("claims could take"),
        "{with_email:?}"
    );
}

#[test]
fn every_party_reads_and_writes_what_the_declaration_says() {
    let all = [FieldAccess::Owner, FieldAccess::Admin, FieldAccess::Nobody];
    let rank = |access: FieldAccess| all.iter().position(|one| *one == access).unwrap();
    for read in all {
        for write in all {
            let field = ProfileField::integer("f").read(read).write(write);
            let Ok(fields) = ProfileFields::new([field], false, 4096) else {
                assert!(rank(write) < rank(read));
                continue;
            };
            for (power, party) in [Party::Owner, Party::Admin, Party::Operator]
                .into_iter()
                .enumerate()
            {
                let shown = visible(&fields, party, &stored(&json!({ "f": 1 }))).unwrap();
                assert_eq!(
                    shown.contains_key("f"),
                    rank(read) <= power,
                    "{party:?} {read} {write}"
                );
                let written = ProfileChanges::check(&fields, party, input(json!({ "f": 2 })));
                match written.map_err(refusal) {
                    Ok(_) => assert!(rank(write) <= power),
                    Err((place, kind)) => {
                        assert!(rank(write) > power);
                        assert_eq!(place, ["body", "profile", "f"]);
                        // what one may not read does not exist
                        let expected = if rank(read) > power {
                            "extra_forbidden"
                        } else {
                            "read_only"
                        };
                        assert_eq!(kind, expected);
                    }
                }
            }
        }
    }
}

#[test]
fn a_required_field_is_for_those_who_register() {
    let fields = declared([
        ProfileField::string("name").required(),
        ProfileField::integer("age"),
    ]);
    for missing in [json!({}), json!({ "name": null }), json!({ "age": 7 })] {
        let refused = ProfileChanges::check_registration(&fields, input(missing)).unwrap_err();
        assert_eq!(refusal(refused).1, "missing");
    }
    assert!(ProfileChanges::check_registration(&fields, input(json!({ "name": "A" }))).is_ok());
    assert!(ProfileChanges::check(&fields, Party::Admin, input(json!({}))).is_ok());
}

#[test]
fn a_member_that_appears_twice_is_refused() {
    let twice = serde_json::from_str::<ProfileInput>(r#"{"a":1,"a":1}"#).unwrap_err();
    assert!(
        twice.to_string().starts_with("duplicate field `a`"),
        "{twice}"
    );
    for other in ["null", "[]", "\"a\"", "1"] {
        assert!(
            serde_json::from_str::<ProfileInput>(other).is_err(),
            "{other}"
        );
    }
}

#[test]
fn values_whose_declaration_changed_are_left_out_and_kept() {
    let kept = json!({ "age": "seven", "gone": true, "name": "A" });
    let fields = declared([
        ProfileField::integer("age").claim(),
        ProfileField::string("name"),
    ]);
    let shown = visible(&fields, Party::Operator, &stored(&kept)).unwrap();
    assert_eq!(Value::Object(shown), json!({ "name": "A" }));
    let claimed = Claimed {
        email: None,
        email_verified_at: None,
        profile: stored(&kept),
    };
    assert_eq!(fields.claims_of(claimed), Map::new());
    let changes =
        ProfileChanges::check(&fields, Party::Owner, input(json!({ "name": "B" }))).unwrap();
    let applied = changes.apply(&fields, &stored(&kept)).unwrap().unwrap();
    assert_eq!(applied.names, ["name"]);
    assert_eq!(
        serde_json::from_str::<Value>(&applied.profile.text().unwrap()).unwrap(),
        json!({ "age": "seven", "gone": true, "name": "B" })
    );
    for malformed in ["", "[]", "null", "{", "{\"a\":1e999}"] {
        assert_eq!(
            StoredProfile::read(Some(malformed)),
            StoredProfile::default(),
            "{malformed}"
        );
    }
}

#[test]
fn old_values_make_room_and_too_much_is_refused() {
    let names: Vec<String> = (0..9).map(|number| format!("f{number}")).collect();
    let fields = declared(
        names
            .iter()
            .map(|name| ProfileField::string(name).max_length(1000)),
    );
    let long = "x".repeat(1000);
    let old = stored(&json!({ "gone": "y".repeat(8000) }));
    let changes =
        ProfileChanges::check(&fields, Party::Owner, input(json!({ "f0": long }))).unwrap();
    let applied = changes.apply(&fields, &old).unwrap().unwrap();
    assert!(!applied.profile.text().unwrap().contains("gone"));
    let all: Map<String, Value> = names
        .iter()
        .map(|name| (name.clone(), json!(long)))
        .collect();
    let changes = ProfileChanges::check(&fields, Party::Owner, input(Value::Object(all))).unwrap();
    let refused = changes
        .apply(&fields, &StoredProfile::default())
        .unwrap_err();
    assert_eq!(
        refusal(refused),
        (vec!["body".to_owned(), "profile".to_owned()], "too_long")
    );
}

#[test]
fn only_a_claim_that_users_do_not_write_ends_tokens() {
    let fields = declared([
        ProfileField::integer("own").claim(),
        ProfileField::integer("plan")
            .write(FieldAccess::Admin)
            .claim(),
        ProfileField::integer("note").write(FieldAccess::Admin),
    ]);
    for (values, ends) in [
        (json!({ "own": 1 }), false),
        (json!({ "note": 1 }), false),
        (json!({ "plan": 1 }), true),
        (json!({ "plan": null, "own": 1 }), false),
    ] {
        let changes = ProfileChanges::check(&fields, Party::Admin, input(values.clone())).unwrap();
        let applied = changes
            .apply(&fields, &StoredProfile::default())
            .unwrap()
            .unwrap();
        assert_eq!(applied.ends_tokens, ends, "{values}");
    }
}

#[test]
fn y202_the_size_of_claims_is_never_more_than_was_computed() {
    let fields = [
        (ProfileField::string("a").max_length(3), json!("𝄞𝄞𝄞")),
        (ProfileField::string("a").max_length(3), json!("\"\\\"")),
        (
            ProfileField::url("a").max_length(20),
            json!("https://a.b/12345678"),
        ),
        (ProfileField::number("a"), json!(-123_456_789_012.345)),
        (
            ProfileField::number("a"),
            json!(-0.000_001_234_567_890_123_45),
        ),
        (
            ProfileField::integer("a"),
            json!(-9_007_199_254_740_991_i64),
        ),
        (ProfileField::boolean("a"), json!(false)),
        (ProfileField::date("a"), json!("2030-01-31")),
        (ProfileField::choice("a", ["b", "\"\\c"]), json!("\"\\c")),
    ];
    for (field, value) in fields {
        let field = field.claim_as("https://example.com/a");
        field.check(&value).unwrap();
        let most = super::claims::most_bytes(&field);
        let profile = stored(&json!({ "a": value }));
        let claims = declared([field]).claims_of(Claimed {
            email: None,
            email_verified_at: None,
            profile,
        });
        // a comma in place of the braces
        let written = Value::Object(claims).to_string().len() - 1;
        assert!(written <= most, "{value}: {written} of {most}");
    }
}

/// A value that may or may not fit, and text that a program could write.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1000_i64..1000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-100_000_i32..100_000, 0_i32..7)
            .prop_map(|(digits, scale)| Value::from(f64::from(digits) / 10_f64.powi(scale))),
        "[a-c]{0,4}".prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "20[0-9]{2}-[0-1][0-9]-[0-3][0-9]".prop_map(Value::from),
        "https?://[a-z@]{0,3}/[a-z \"]{0,3}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({ "a": 1 })),
    ]
}

fn any_field() -> impl Strategy<Value = ProfileField> {
    let access = || {
        prop_oneof![
            Just(FieldAccess::Owner),
            Just(FieldAccess::Admin),
            Just(FieldAccess::Nobody)
        ]
    };
    let kind = prop_oneof![
        (1_usize..12).prop_map(|length| ProfileField::string("f").max_length(length)),
        Just(ProfileField::number("f")),
        Just(ProfileField::integer("f")),
        Just(ProfileField::boolean("f")),
        Just(ProfileField::date("f")),
        Just(ProfileField::url("f")),
        Just(ProfileField::choice("f", ["a", "ab", "c"])),
    ];
    (kind, access(), access())
        .prop_map(|(field, read, write)| field.read(read).write(write.max(read)))
}

/// A simple model of what a field accepts.
fn model_accepts(field: &ProfileField, value: &Value) -> bool {
    use super::field::FieldKind;
    match (&field.kind, value) {
        (FieldKind::String { max_length }, Value::String(text)) => {
            let characters: Vec<char> = text.chars().collect();
            !characters.is_empty()
                && characters.len() <= *max_length
                && !characters.first().unwrap().is_whitespace()
                && !characters.last().unwrap().is_whitespace()
                && !characters.iter().any(|c| rolecall_core::is_unprintable(*c))
        }
        (FieldKind::Boolean, Value::Bool(_)) => true,
        (FieldKind::Integer, Value::Number(number)) => number
            .as_i64()
            .is_some_and(|number| number.unsigned_abs() < 1 << 53),
        (FieldKind::Number, Value::Number(number)) => {
            let float = number.as_f64().unwrap();
            let rounded: f64 = format!("{float:.14e}").parse().unwrap();
            let exact = number.is_f64()
                || number
                    .as_i64()
                    .is_some_and(|number| number.unsigned_abs() < 1_000_000_000_000_000);
            exact
                && rounded.to_bits() == float.to_bits()
                && (float == 0.0 || (1e-6..1e15).contains(&float.abs()))
        }
        (FieldKind::Enum { values }, Value::String(text)) => values.contains(text),
        (FieldKind::Date, Value::String(text)) => {
            let parts: Vec<i64> = text
                .split('-')
                .filter_map(|part| part.parse().ok())
                .collect();
            let &[year, month, day] = parts.as_slice() else {
                return false;
            };
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let days = match month {
                2 => 28 + i64::from(is_leap),
                4 | 6 | 9 | 11 => 30,
                1..=12 => 31,
                _ => 0,
            };
            text.len() == 10 && (1..=days).contains(&day)
        }
        (FieldKind::Url { .. }, Value::String(text)) => {
            let rest = text
                .strip_prefix("http://")
                .or(text.strip_prefix("https://"));
            rest.and_then(|rest| rest.split_once('/'))
                .is_some_and(|(host, path)| {
                    !host.is_empty() && !host.contains('@') && !path.contains([' ', '"'])
                })
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn what_is_accepted_equals_a_simple_model(field in any_field(), value in any_value()) {
        prop_assume!(!value.is_null());
        // a text of other characters is no host in the model
        if let (super::field::FieldKind::Url { .. }, Value::String(text)) = (&field.kind, &value) {
            prop_assume!(text.is_ascii() && text.starts_with("http"));
        }
        prop_assert_eq!(field.check(&value).is_ok(), model_accepts(&field, &value), "{} {}", field.kind.word(), value);
    }

    #[test]
    fn what_one_writes_everybody_who_may_reads(field in any_field(), values in proptest::collection::vec(any_value(), 1..6)) {
        let fields = declared([field.clone()]);
        let mut profile = StoredProfile::default();
        let mut model: Option<Value> = None;
        for value in values {
            let text = value.to_string();
            let Ok(ProfileInput(parsed)) = serde_json::from_str(&format!("{{\"f\":{text}}}")) else { continue };
            let sent = parsed["f"].clone();
            let accepted = sent.is_null() || field.check(&sent).is_ok();
            let written = ProfileChanges::check(&fields, Party::Operator, ProfileInput(parsed));
            prop_assert_eq!(written.is_ok(), accepted);
            let Ok(changes) = written else { continue };
            let expected = Some(sent).filter(|sent| !sent.is_null());
            let applied = changes.apply(&fields, &profile).unwrap();
            prop_assert_eq!(applied.is_some(), expected != model);
            if let Some(applied) = applied {
                // through the database
                profile = StoredProfile::read(applied.profile.text().as_deref());
            }
            model = expected;
            let shown = visible(&fields, Party::Operator, &profile).unwrap();
            prop_assert_eq!(shown.get("f"), model.as_ref());
            // the text of a value, as the command line shows it, is read as the same value
            if let Some(value) = &model {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let again = from_texts(&fields, Party::Operator, [("f", text.as_str())]).unwrap();
                prop_assert_eq!(again, ProfileInput(BTreeMap::from([("f".to_owned(), value.clone())])));
            }
        }
    }

    #[test]
    fn no_text_causes_a_panic(field in any_field(), text in "\\PC{0,20}|[0-9.eE+-]{0,20}") {
        if let Ok(value) = field.parse(&text) {
            prop_assert!(field.check(&value).is_ok());
        }
        let _ = StoredProfile::read(Some(&text));
    }
}
