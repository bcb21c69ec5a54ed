use super::*;
use crate::RoleAssignment;

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
fn a_whole_document_is_read_as_what_it_says() {
    let document = Document::parse(WHOLE).unwrap().document;
    assert_eq!(document.permissions.len(), 2);
    assert_eq!(document.roles["editor"].juniors.len(), 2);
    assert!(document.roles["editor"].approval && !document.roles["reader"].approval);
    assert_eq!(document.constraints["payments"].at_most, 1);
    assert_eq!(document.tests[1].who, Who::User("alice".into()));
    assert_eq!(
        document.tests[1].at,
        Some(Timestamp::from_seconds(1_796_083_200))
    );
    let written = document.to_toml();
    assert_eq!(Document::parse(&written).unwrap().document, document);
    let json = serde_json::to_string(&document).unwrap();
    let unchecked: Unchecked = serde_json::from_str(&json).unwrap();
    assert_eq!(Document::check(&unchecked).unwrap().document, document);
}

/// A text, and how the one thing that is said of it begins.
const FAULTS: &[(&str, &str)] = &[
    ("[roles", "line 1, column 7: unclosed table, expected `]`"),
    (
        "[permissions]\n\"a:b\" = \"\"\n\"a:b\" = \"\"",
        "line 3, column 1: `a:b` stands here twice",
    ),
    (
        "[rules]",
        "line 1, column 2: there is no `rules` here; there are: permissions, roles, constraints, tests",
    ),
    (
        "[roles.a]\nholds = []",
        "line 2, column 9: there is no `holds` here; there are: description, permissions, juniors, approval",
    ),
    (
        "[permissions]\n\"a\" = \"\"",
        "line 2, column 7: `a` is not a permission: write `object:operation`, each 1 to 64 of a-z, 0-9, `.`, `_` and `-`, the object not `role`",
    ),
    (
        "[permissions]\n\"rolecall.users:ban\" = \"\"",
        "line 2, column 24: `rolecall.users:ban` is not made here: names that begin with `rolecall.` are rolecall's own",
    ),
    (
        "[roles.\"rolecall.admin\"]",
        "line 1, column 8: `rolecall.admin` is not made here: names that begin with `rolecall.` are rolecall's own",
    ),
    (
        "[roles.a]\npermissions = [\n  \"x:y\",\n]",
        "line 3, column 3: there is no permission `x:y`: nothing of that name stands under [permissions]",
    ),
    (
        "[roles.a]\npermissions = [\"x:*\"]",
        "line 2, column 16: `x:*` covers nothing: there is no permission that begins with `x:`",
    ),
    (
        "[roles.a]\npermissions = [\"rolecall.users:fly\"]",
        "line 2, column 16: there is no permission `rolecall.users:fly`: nothing of that name stands under [permissions]",
    ),
    ("[roles.ä]\n", "line 1, column 8: invalid unquoted key"),
    (
        "[roles.a]\njuniors = [\"b\"]",
        "line 2, column 12: there is no role `b`: nothing of that name stands under [roles.b]",
    ),
    (
        "[roles.a]\njuniors = [\"a\"]",
        "line 2, column 12: roles may not inherit each other: a -> a",
    ),
    (
        "[roles.a]\njuniors = [\"user\", \"user\"]",
        "line 2, column 20: `user` stands in this list twice",
    ),
    ("roles = 3", "line 1, column 9: a table is expected here"),
    (
        "[roles.a]\ndescription = 3",
        "line 2, column 15: a text is expected here",
    ),
    (
        "[roles.a]\napproval = \"yes\"",
        "line 2, column 12: `true` or `false` is expected here",
    ),
    (
        "[roles.a]\njuniors = 3",
        "line 2, column 11: a list is expected here",
    ),
    (
        "[[tests]]\nrole = \"user\"",
        "line 1, column 1: a test expects something: `can`, `cannot` or both",
    ),
    (
        "[[tests]]\nrole = \"user\"\nuser = \"alice\"\ncan = []",
        "line 1, column 1: a test is about one `role` or one `user`",
    ),
    (
        "[[tests]]\nrole = \"user\"\ncan = [\"x:y\"]",
        "line 3, column 8: there is no permission `x:y`: nothing of that name stands under [permissions]",
    ),
    (
        "[[tests]]\nuser = \"a\"\ncan = []\nat = 2026-12-01T00:00:00",
        "line 4, column 6: a time is written with its offset, such as 2026-12-01T00:00:00Z",
    ),
    (
        "[[tests]]\nrole = \"user\"\ncan = []\ntenant = \"acme\"",
        "line 4, column 10: `tenant` goes with `user`: a role alone is asked for as such",
    ),
    (
        "[constraints.x]\nkind = \"static\"\nroles = [\"user\"]\nat_most = 1",
        "line 3, column 9: a constraint is about two roles or more",
    ),
    (
        "[constraints.x]\nkind = \"static\"\nroles = [\"user\", \"rolecall.admin\"]\nat_most = 2",
        "line 4, column 11: at_most must be less than the number of roles, which is 2",
    ),
    (
        "[constraints.x]\nkind = \"loose\"\nroles = [\"user\", \"rolecall.admin\"]\nat_most = 1",
        "line 2, column 8: kind is `static` or `dynamic`",
    ),
];

#[test]
fn every_fault_is_told_with_line_and_column() {
    for (text, expected) in FAULTS {
        let told = faults(text);
        assert!(
            told.len() == 1 && told[0].starts_with(expected),
            "{text}\n{told:#?}\n{expected}"
        );
    }
}

#[test]
fn all_faults_are_told_in_the_order_of_the_text() {
    let told = faults(
        "[roles.b]\njuniors = [\"a\"]\n[roles.a]\njuniors = [\"b\", \"ghost\"]\npermissions = [\"x:y\"]\n[roles.c]\njuniors = [\"c\"]\n",
    );
    let starts: Vec<&str> = told
        .iter()
        .map(|one| one.split(": ").nth(1).unwrap())
        .collect();
    assert_eq!(told.len(), 4, "{told:#?}");
    assert!(
        told[0].starts_with("line 2, column 12: roles may not inherit each other: a -> b -> a")
    );
    assert_eq!(
        starts[1..],
        [
            "there is no role `ghost`",
            "there is no permission `x:y`",
            "roles may not inherit each other"
        ]
    );
    let syntax = faults("[roles.a\nx = \n[permissions]\n\"a:b\" = ");
    assert!(syntax.len() >= 2, "{syntax:?}");
}

#[test]
fn a_faulty_entry_is_one_fault_and_not_one_for_each_who_names_it() {
    one_fault(
        "[permissions]\n\"items:read\" = 1\n[roles.a]\npermissions = [\"items:read\"]",
        "line 2, column 16: a text is expected here",
    );
    let told = faults(
        "[permissions]\n\"rolecall.x:y\" = \"\"\n[roles.a]\npermissions = [\"rolecall.x:y\"]",
    );
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn json_says_which_member_is_meant() {
    let unchecked: Unchecked =
        serde_json::from_str(r#"{"roles": {"a": {"juniors": ["b"]}, "a": {}}, "tests": {}}"#)
            .unwrap();
    let errors = Document::check(&unchecked).unwrap_err();
    let told: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "roles > a: `a` stands here twice",
            "tests: a list is expected here",
            "roles > a > juniors > 0: there is no role `b`: nothing of that name stands under [roles.b]",
        ]
    );
}

#[test]
fn without_the_role_user_it_is_emptied_and_never_deleted() {
    let old = Document::parse("[permissions]\n\"a:b\" = \"\"\n[roles.user]\ndescription = \"all\"\npermissions = [\"a:b\"]").unwrap();
    let changes = diff(&old.document, &Document::default());
    let shown: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["- role user holds a:b", "- permission a:b"]);
}

#[test]
fn expectations_are_asked_and_failures_are_named_with_the_way() {
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
        ..RoleAssignment::lasting(&"top".parse().unwrap())
    };
    let facts = Facts::from([("alice".to_owned(), vec![given])]);
    let failures = run(
        &parsed.document,
        &policy,
        &facts,
        Timestamp::from_seconds(200),
    );
    let shown: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "role `top` cannot `a:w`, but it is given by top -> base, which holds a:*",
            "role `none` can `a:r`, but nothing gives it; it would come with base",
            "user `alice` can `a:w`, but the assignment of top -> base, which holds a:* (in tenant `acme`) is for another tenant",
            "user `nobody` cannot `a:w`, but there is no such user",
        ]
    );
    assert_eq!(
        parsed.places.of(&failures[0].path),
        Some(Position {
            line: 12,
            column: 11
        })
    );
}

#[test]
fn what_may_not_be_meant_is_found_and_nothing_else() {
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
            "role `chief` need not inherit `reader`: it does by chief -> writer -> reader",
        ),
        (
            "redundant-grant",
            "role `writer` need not hold `a:r`: it is given by junior `reader`",
        ),
        (
            "redundant-grant",
            "role `writer` need not hold `a:w`: it is given by `a:*`, which the role holds too",
        ),
        ("equal-roles", "roles `twin` and `writer` give the same"),
    ];
    let expected: Vec<(&str, String)> = expected.map(|(kind, text)| (kind, text.to_owned())).into();
    assert_eq!(found(None), expected);
    let assigned = BTreeSet::from(["writer".parse().unwrap()]);
    let more = found(Some(&assigned));
    assert_eq!(more.len(), expected.len() + 2, "{more:?}");
    assert!(more.contains(&(
        "unreached-role",
        "nobody has role `chief` or one that inherits it".to_owned()
    )));
    let one =
        Document::parse("[permissions]\n\"a:r\" = \"\"\n[roles.all]\npermissions = [\"a:r\"]")
            .unwrap();
    assert_eq!(
        lint(&one.document, &one.document.policy().unwrap(), None),
        []
    );
    // whoever inherits another and adds nothing is no twin, whichever name comes first
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
    assert_eq!(
        findings[0].message,
        "role `all` gives every permission there is"
    );
}

#[test]
fn names_that_would_be_one_in_code_stay_two() {
    let parsed = Document::parse(
        "[permissions]\n\"a.b:read\" = \"x */ y\"\n\"a-b:read\" = \"see [this] <b>\"\n[roles.2fa]\n[roles.self]\n[roles.\"a.l.l\"]\n[roles.\"a_l.l\"]\n[roles.\"a.l-l\"]\n[roles.all]\n",
    )
    .unwrap();
    let rust = rust(&parsed.document);
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
    let typescript = typescript(&parsed.document);
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
fn a_text_is_refused_from_the_first_character_too_many_and_for_each_that_cannot_be_seen() {
    let described = |text: &str| format!("[roles.a]\ndescription = \"{text}\"");
    let fault = "line 2, column 15: a description is at most 500 characters, none of them a control character";
    Document::parse(&described(&"ä".repeat(500))).unwrap();
    one_fault(&described(&"ä".repeat(501)), fault);
    one_fault(&described("bell \\u0007"), fault);
    let tested =
        |text: &str| format!("[[tests]]\nuser = \"{text}\"\ncan = [\"rolecall.users:read\"]");
    Document::parse(&tested(&"ä".repeat(256))).unwrap();
    for odd in [&"ä".repeat(257), "bell \\u0007", ""] {
        one_fault(&tested(odd), "line 2, column 8: this is not a user name");
    }
}

#[test]
fn a_constraint_that_allows_none_is_a_fault_of_its_number() {
    one_fault(
        "[roles.a]\n[roles.b]\n[constraints.c]\nkind = \"static\"\nroles = [\"a\", \"b\"]\nat_most = 0",
        "line 6, column 11: at_most is a whole number of at least 1",
    );
}

#[test]
fn as_many_constraints_as_there_may_be_are_read_and_one_more_is_not() {
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
    let told = Document::parse(&with(most + 1)).unwrap_err().to_string();
    assert!(
        told.ends_with("there are more than 1000 constraints"),
        "{told}"
    );
}

#[test]
fn a_role_of_rolecall_is_never_made_by_a_document() {
    let new =
        Document::parse("[permissions]\n\"a:b\" = \"\"\n[roles.user]\npermissions = [\"a:b\"]")
            .unwrap();
    let changes = diff(&Document::default(), &new.document);
    let shown: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["+ permission a:b", "+ role user holds a:b"]);
}

#[test]
fn a_long_line_full_of_faults_takes_no_walk_for_each() {
    // a hundred thousand of them: were each looked for from the start of the line this would not end
    let items = "\"x\",".repeat(100_000);
    let told = Document::parse(&format!("[roles.a]\npermissions = [{items}]")).unwrap_err();
    assert_eq!(told.0.len(), 10_000);
    let told = Document::parse(&"=".repeat(100_000)).unwrap_err();
    assert!(told.0.len() <= 10_000);
}
