use std::collections::BTreeSet;

use super::*;
use crate::{RoleAssignment, RoleName, Timestamp};

const WHOLE: &str = r#"
[permissions]
"items:read" = "see items"
"items:write" = "change items"

[roles.reader]
description = "sees \"items\""
permissions = ["items:read"]

[roles.editor]
permissions = ["items:*", "rolecall.users:read"]
juniors = ["reader", "user"]
approval = true

[constraints.payments]
kind = "static"
roles = ["reader", "editor"]
at_most = 1

[[tests]]
role = "reader"
can = ["items:read"]
cannot = ["items:write"]

[[tests]]
user = "alice"
tenant = "acme"
at = 2026-12-01T00:00:00Z
can = ["items:write"]
"#;

fn faults(text: &str) -> Vec<String> {
    let errors = Document::parse(text).unwrap_err();
    errors.0.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn one_fault(text: &str, expected: &str) {
    assert_eq!(faults(text), [expected]);
}

#[test]
fn a_document_with_all_members_is_parsed_and_written() {
    let document = Document::parse(WHOLE).unwrap().document;
    assert_eq!(document.permissions.len(), 2);
    assert_eq!(document.roles["editor"].juniors.len(), 2);
    assert!(document.roles["editor"].approval && !document.roles["reader"].approval);
    assert_eq!(document.constraints["payments"].at_most, 1);
    assert_eq!(document.tests[1].subject, TestSubject::User("alice".into()));
    assert_eq!(
        document.tests[1].at,
        Some(Timestamp::from_seconds(1_796_083_200))
    );
    let written = document.to_toml();
    assert_eq!(Document::parse(&written).unwrap().document, document);
    let json = serde_json::to_string(&document).unwrap();
    let unchecked: UncheckedDocument = serde_json::from_str(&json).unwrap();
    assert_eq!(Document::check(&unchecked).unwrap().document, document);
}

/// A text, and the beginning of the only error for it.
const FAULTS: &[(&str, &str)] = &[
    ("[roles", "line 1, column 7: unclosed table, expected `]`"),
    (
        "[permissions]\n\"a:b\" = \"\"\n\"a:b\" = \"\"",
        "line 3, column 1: `a:b` is defined twice",
    ),
    (
        "[rules]",
        "line 1, column 2: unknown key `rules`; expected one of: permissions, roles, constraints, tests",
    ),
    (
        "[roles.a]\nholds = []",
        "line 2, column 9: unknown key `holds`; expected one of: description, permissions, juniors, approval, by_name",
    ),
    (
        "[permissions]\n\"a\" = \"\"",
        "line 2, column 7: `a` is not a permission: write `object:operation`, each 1 to 64 of a-z, 0-9, `.`, `_` and `-`, the object not `role`",
    ),
    (
        "[permissions]\n\"rolecall.users:ban\" = \"\"",
        "line 2, column 24: `rolecall.users:ban` cannot be defined here: names that begin with `rolecall.` are reserved",
    ),
    (
        "[roles.\"rolecall.admin\"]",
        "line 1, column 8: `rolecall.admin` cannot be defined here: names that begin with `rolecall.` are reserved",
    ),
    (
        "[roles.a]\npermissions = [\n  \"x:y\",\n]",
        "line 3, column 3: permission `x:y` does not exist; define it under [permissions]",
    ),
    (
        "[roles.a]\npermissions = [\"x:*\"]",
        "line 2, column 16: `x:*` covers no permission: none begins with `x:`",
    ),
    (
        "[roles.a]\npermissions = [\"rolecall.users:fly\"]",
        "line 2, column 16: permission `rolecall.users:fly` does not exist",
    ),
    ("[roles.ä]\n", "line 1, column 8: invalid unquoted key"),
    (
        "[roles.a]\njuniors = [\"b\"]",
        "line 2, column 12: role `b` does not exist; define it under [roles.b]",
    ),
    (
        "[roles.a]\njuniors = [\"a\"]",
        "line 2, column 12: roles may not inherit each other: a -> a",
    ),
    (
        "[roles.a]\njuniors = [\"user\", \"user\"]",
        "line 2, column 20: `user` is in this list twice",
    ),
    ("roles = 3", "line 1, column 9: expected a table"),
    (
        "[roles.a]\ndescription = 3",
        "line 2, column 15: expected a string",
    ),
    (
        "[roles.a]\napproval = \"yes\"",
        "line 2, column 12: expected `true` or `false`",
    ),
    (
        "[roles.a]\njuniors = 3",
        "line 2, column 11: expected a list",
    ),
    (
        "[[tests]]\nrole = \"user\"",
        "line 1, column 1: a test needs `can`, `cannot` or both",
    ),
    (
        "[[tests]]\nrole = \"user\"\nuser = \"alice\"\ncan = []",
        "line 1, column 1: a test needs either `role` or `user`",
    ),
    (
        "[[tests]]\nrole = \"user\"\ncan = [\"x:y\"]",
        "line 3, column 8: permission `x:y` does not exist; define it under [permissions]",
    ),
    (
        "[[tests]]\nuser = \"a\"\ncan = []\nat = 2026-12-01T00:00:00",
        "line 4, column 6: expected a time with an offset, such as 2026-12-01T00:00:00Z",
    ),
    (
        "[[tests]]\nrole = \"user\"\ncan = []\ntenant = \"acme\"",
        "line 4, column 10: `tenant` is only allowed with `user`",
    ),
    (
        "[constraints.x]\nkind = \"static\"\nroles = [\"user\"]\nat_most = 1",
        "line 3, column 9: a constraint needs at least two roles",
    ),
    (
        "[constraints.x]\nkind = \"static\"\nroles = [\"user\", \"rolecall.admin\"]\nat_most = 2",
        "line 4, column 11: at_most must be less than the number of roles, which is 2",
    ),
    (
        "[constraints.x]\nkind = \"loose\"\nroles = [\"user\", \"rolecall.admin\"]\nat_most = 1",
        "line 2, column 8: kind must be `static` or `dynamic`",
    ),
];

#[test]
fn every_fault_has_line_and_column() {
    for (text, expected) in FAULTS {
        let errors = faults(text);
        assert!(
            errors.len() == 1 && errors[0].starts_with(expected),
            "{text}\n{errors:#?}\n{expected}"
        );
    }
}

#[test]
fn all_faults_are_reported_in_the_order_of_the_text() {
    let errors = faults(
        "[roles.b]\njuniors = [\"a\"]\n[roles.a]\njuniors = [\"b\", \"ghost\"]\npermissions = [\"x:y\"]\n[roles.c]\njuniors = [\"c\"]\n",
    );
    let starts: Vec<&str> = errors
        .iter()
        .map(|one| one.split(": ").nth(1).unwrap())
        .collect();
    assert_eq!(errors.len(), 4, "{errors:#?}");
    assert!(
        errors[0].starts_with("line 2, column 12: roles may not inherit each other: a -> b -> a")
    );
    assert_eq!(
        starts[1..],
        [
            "role `ghost` does not exist; define it under [roles.ghost]",
            "permission `x:y` does not exist; define it under [permissions]",
            "roles may not inherit each other"
        ]
    );
    let syntax = faults("[roles.a\nx = \n[permissions]\n\"a:b\" = ");
    assert!(syntax.len() >= 2, "{syntax:?}");
}

#[test]
fn references_to_a_faulty_entry_are_not_reported() {
    one_fault(
        "[permissions]\n\"items:read\" = 1\n[roles.a]\npermissions = [\"items:read\"]",
        "line 2, column 16: expected a string",
    );
    let errors = faults(
        "[permissions]\n\"rolecall.x:y\" = \"\"\n[roles.a]\npermissions = [\"rolecall.x:y\"]",
    );
    assert_eq!(errors.len(), 1, "{errors:?}");
}

#[test]
fn faults_in_json_have_the_path_of_the_member() {
    let unchecked: UncheckedDocument =
        serde_json::from_str(r#"{"roles": {"a": {"juniors": ["b"]}, "a": {}}, "tests": {}}"#)
            .unwrap();
    let errors = Document::check(&unchecked).unwrap_err();
    let errors: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "roles > a: `a` is defined twice",
            "tests: expected a list",
            "roles > a > juniors > 0: role `b` does not exist; define it under [roles.b]",
        ]
    );
}

#[test]
fn diff_empties_the_role_user_instead_of_deleting_it() {
    let old = Document::parse("[permissions]\n\"a:b\" = \"\"\n[roles.user]\ndescription = \"all\"\npermissions = [\"a:b\"]").unwrap();
    let changes = diff(&old.document, &Document::default());
    let shown: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["- role user holds a:b", "- permission a:b"]);
}

#[test]
fn failed_tests_have_their_reason_and_position() {
    let parsed = Document::parse(
        "[permissions]\n\"a:r\" = \"\"\n\"a:w\" = \"\"\n[roles.base]\npermissions = [\"a:*\"]\n[roles.top]\njuniors = [\"base\"]\n[roles.none]\n\
         [[tests]]\nrole = \"top\"\ncan = [\"a:r\"]\ncannot = [\"a:w\"]\n[[tests]]\nrole = \"none\"\ncan = [\"a:r\"]\n\
         [[tests]]\nuser = \"alice\"\ntenant = \"acme\"\nat = 1970-01-01T00:01:00Z\ncan = [\"a:w\"]\n\
         [[tests]]\nuser = \"alice\"\ncan = [\"a:w\"]\n[[tests]]\nuser = \"nobody\"\ncannot = [\"a:w\"]\n\
         [[tests]]\nrole = \"none\"\ncannot = [\"a:w\"]\n",
    )
    .unwrap();
    let policy = parsed.document.policy().unwrap();
    let given = RoleAssignment {
        tenant: Some("acme".parse().unwrap()),
        expires_at: Some(Timestamp::from_seconds(100)),
        ..RoleAssignment::permanent(&"top".parse().unwrap())
    };
    let users = UserAssignments::from([("alice".to_owned(), vec![given])]);
    let failures = run_tests(
        &parsed.document,
        &policy,
        &users,
        Timestamp::from_seconds(200),
    );
    let shown: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "role `top` should not have `a:w`, but gets it from top -> base, which holds a:*",
            "role `none` should have `a:r`, but no assigned role gives it; these would: base",
            "user `alice` should have `a:w`, but the assignment of top -> base, which holds a:* (in tenant `acme`) is for another tenant",
            "user `nobody` should not have `a:w`, but this user does not exist",
        ]
    );
    assert_eq!(
        parsed.positions.get(&failures[0].path),
        Some(Position {
            line: 12,
            column: 11
        })
    );
}

#[test]
fn lint_finds_each_kind_of_finding_and_nothing_else() {
    let parsed = Document::parse(
        "[permissions]\n\"a:r\" = \"\"\n\"a:w\" = \"\"\n\"b:r\" = \"\"\n\"c:r\" = \"\"\n\
         [roles.reader]\npermissions = [\"a:r\"]\n\
         [roles.writer]\npermissions = [\"a:r\", \"a:w\", \"a:*\"]\njuniors = [\"reader\"]\n\
         [roles.chief]\npermissions = [\"b:r\"]\njuniors = [\"reader\", \"writer\"]\n\
         [roles.twin]\npermissions = [\"a:*\"]\n",
    )
    .unwrap();
    let policy = parsed.document.policy().unwrap();
    let found = |assigned: Option<&BTreeSet<RoleName>>| -> Vec<(&str, String)> {
        let findings = lint(&parsed.document, &policy, assigned);
        findings
            .into_iter()
            .map(|one| (one.kind.as_str(), one.message))
            .collect()
    };
    let expected = [
        ("unused-permission", "no role holds permission `c:r`"),
        (
            "redundant-inheritance",
            "role `chief` need not inherit `reader` directly: it already does through chief -> writer -> reader",
        ),
        (
            "redundant-grant",
            "role `writer` need not hold `a:r`: junior `reader` already gives it",
        ),
        (
            "redundant-grant",
            "role `writer` need not hold `a:w`: `a:*`, which the role also holds, already gives it",
        ),
        (
            "equal-roles",
            "roles `twin` and `writer` give the same permissions",
        ),
    ];
    let expected: Vec<(&str, String)> = expected.map(|(kind, text)| (kind, text.to_owned())).into();
    assert_eq!(found(None), expected);
    let assigned = BTreeSet::from(["writer".parse().unwrap()]);
    let more = found(Some(&assigned));
    assert_eq!(more.len(), expected.len() + 2, "{more:?}");
    assert!(more.contains(&(
        "unreached-role",
        "role `chief` is not assigned, and neither is a role that inherits it".to_owned()
    )));
    let one =
        Document::parse("[permissions]\n\"a:r\" = \"\"\n[roles.all]\npermissions = [\"a:r\"]")
            .unwrap();
    assert_eq!(
        lint(&one.document, &one.document.policy().unwrap(), None),
        []
    );
    // a role that inherits another and adds nothing is not reported as equal, whichever name comes first
    for (senior, junior) in [("x", "y"), ("y", "x")] {
        let text = format!(
            "[permissions]\n\"a:r\" = \"\"\n\"b:r\" = \"\"\n[roles.{senior}]\njuniors = [\"{junior}\"]\n\
             [roles.{junior}]\npermissions = [\"a:r\"]\n[roles.b]\npermissions = [\"b:r\"]"
        );
        let related = Document::parse(&text).unwrap().document;
        assert_eq!(lint(&related, &related.policy().unwrap(), None), []);
    }
    let all = Document::parse("[permissions]\n\"a:r\" = \"\"\n\"b:r\" = \"\"\n[roles.all]\npermissions = [\"a:*\", \"b:*\"]").unwrap();
    let findings = lint(&all.document, &all.document.policy().unwrap(), None);
    assert_eq!(findings[0].message, "role `all` gives every permission");
}

#[test]
fn generated_identifiers_are_distinct_and_descriptions_escaped() {
    let parsed = Document::parse(
        "[permissions]\n\"a.b:read\" = \"x */ y\"\n\"a-b:read\" = \"see [this] <b>\"\n[roles.2fa]\n[roles.self]\n[roles.\"a.l.l\"]\n[roles.\"a_l.l\"]\n[roles.\"a.l-l\"]\n[roles.all]\n",
    )
    .unwrap();
    let rust = generate_rust(&parsed.document);
    for line in [
        "        ReadAB = \"a-b:read\",",
        "        ReadAB_2 = \"a.b:read\",",
        "        N2fa = \"2fa\",",
        "        Self_2 = \"self\",",
        "        ALL_2 = \"a.l-l\",",
        "        ALL_3 = \"a.l.l\",",
        "        ALL_4 = \"a_l.l\",",
        "        All = \"all\",",
        "        /// see \\[this\\] \\<b\\>",
    ] {
        assert!(rust.lines().any(|one| one == line), "{line}\n{rust}");
    }
    let typescript = generate_typescript(&parsed.document);
    for line in [
        "  readAB: 'a-b:read',",
        "  readAB_2: 'a.b:read',",
        "  /** x * / y */",
        "  n2fa: '2fa',",
    ] {
        assert!(
            typescript.lines().any(|one| one == line),
            "{line}\n{typescript}"
        );
    }
}

#[test]
fn descriptions_and_user_names_are_limited_in_length_and_characters() {
    let described = |text: &str| format!("[roles.a]\ndescription = \"{text}\"");
    let fault = "line 2, column 15: a description must have at most 500 characters and no control or format characters";
    Document::parse(&described(&"ä".repeat(500))).unwrap();
    one_fault(&described(&"ä".repeat(501)), fault);
    for odd in ["bell \\u0007", "\\u202e", "a\\u200bb"] {
        one_fault(&described(odd), fault);
    }
    let tested =
        |text: &str| format!("[[tests]]\nuser = \"{text}\"\ncan = [\"rolecall.users:read\"]");
    Document::parse(&tested(&"ä".repeat(256))).unwrap();
    for odd in [&"ä".repeat(257), "bell \\u0007", ""] {
        one_fault(
            &tested(odd),
            "line 2, column 8: a user name must have 1 to 256 characters and no control or format characters",
        );
    }
}

#[test]
fn at_most_must_not_be_zero() {
    one_fault(
        "[roles.a]\n[roles.b]\n[constraints.c]\nkind = \"static\"\nroles = [\"a\", \"b\"]\nat_most = 0",
        "line 6, column 11: at_most must be an integer of at least 1",
    );
}

#[test]
fn the_number_of_constraints_is_limited() {
    let with = |count: usize| {
        let constraints = (0..count).map(|number| {
            format!(
                "[constraints.c{number}]\nkind = \"static\"\nroles = [\"a\", \"b\"]\nat_most = 1\n"
            )
        });
        format!("[roles.a]\n[roles.b]\n{}", constraints.collect::<String>())
    };
    let most = crate::MAX_CONSTRAINTS;
    let read = Document::parse(&with(most)).unwrap().document;
    assert_eq!(read.constraints.len(), most);
    let errors = Document::parse(&with(most + 1)).unwrap_err().to_string();
    assert!(
        errors.ends_with("too many constraints: a document can have at most 1000"),
        "{errors}"
    );
}

#[test]
fn diff_never_creates_a_builtin_role() {
    let new =
        Document::parse("[permissions]\n\"a:b\" = \"\"\n[roles.user]\npermissions = [\"a:b\"]")
            .unwrap();
    let changes = diff(&Document::default(), &new.document);
    let shown: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["+ permission a:b", "+ role user holds a:b"]);
}

#[test]
fn many_faults_in_a_long_line_are_located_quickly() {
    // counting characters from the start of the line for each of 100,000 faults would take far too long
    let items = "\"x\",".repeat(100_000);
    let errors = Document::parse(&format!("[roles.a]\npermissions = [{items}]")).unwrap_err();
    assert_eq!(errors.0.len(), 10_000);
    let errors = Document::parse(&"=".repeat(100_000)).unwrap_err();
    assert!(errors.0.len() <= 10_000);
}

#[test]
fn a_test_can_be_about_a_session_and_the_linter_knows_what_it_reaches() {
    let text = r#"
[permissions]
"items:read" = ""
"items:write" = ""
[roles.payer]
permissions = ["items:read"]
acr = "aal2"
[roles.clerk]
permissions = ["items:read", "items:write"]
juniors = ["payer"]
[[tests]]
role = "payer"
acr = "aal1"
can = ["items:read"]
[[tests]]
role = "payer"
can = ["items:read"]
"#;
    let document = Document::parse(text).unwrap().document;
    let policy = document.policy().unwrap();
    let users = UserAssignments::new();
    let failures = run_tests(
        &document,
        &policy,
        &users,
        crate::Timestamp::from_seconds(0),
    );
    let failures: Vec<String> = failures.iter().map(ToString::to_string).collect();
    let expected = "role `payer` should have `items:read` in a session of aal1, but no assigned role gives it; these would: clerk";
    assert_eq!(failures, [expected]);
    let findings = lint(&document, &policy, None);
    let messages: Vec<&str> = findings.iter().map(|one| one.message.as_str()).collect();
    // the grant of `clerk` is not redundant: weaker sessions have it from nowhere else
    let weaker = "role `payer` needs aal2, but role `clerk` gives its permissions without";
    assert_eq!(messages, ["role `clerk` gives every permission", weaker]);
    let wrong = Document::parse("[roles.a]\nacr = \"aal3\"").unwrap_err();
    let fault = "line 2, column 7: must be \"aal1\", \"aal2\" or \"phr\"";
    assert_eq!(wrong.to_string(), fault);
}
