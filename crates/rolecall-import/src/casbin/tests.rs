//! The published examples of Casbin, by their names in casbin/casbin, folder `examples`. Each supported one decides
//! every question like a simple interpreter of its model; each other one is rejected with its reason.

mod messages;
mod simple;

use std::collections::BTreeSet;

use proptest::prelude::*;
use rolecall_core::{
    Decision, Need, Permission, Policy, Question, RoleAssignment, TenantName, Timestamp,
};

use simple::Simple;

use super::*;
use crate::{names::convert as convert_name, note::Note, test_rules::TestRules};

const RBAC: &str = "[request_definition]\nr = sub, obj, act\n\n[policy_definition]\np = sub, obj, act\n\n\
    [role_definition]\ng = _, _\n\n[policy_effect]\ne = some(where (p.eft == allow))\n\n\
    [matchers]\nm = r.obj == p.obj && r.act == p.act && g(r.sub, p.sub)\n";
const DOMAINS: &str = "[request_definition]\nr = sub, dom, obj, act\n\n[policy_definition]\np = sub, dom, obj, act\n\n\
    [role_definition]\ng = _, _, _\n\n[policy_effect]\ne = some(where (p.eft == allow))\n\n\
    [matchers]\nm = r.dom == p.dom && r.obj == p.obj && r.act == p.act && g(r.sub, p.sub, r.dom)\n";
const RESOURCES: &str = "[request_definition]\nr = sub, obj, act\n\n[policy_definition]\np = sub, obj, act\n\n\
    [role_definition]\ng = _, _\ng2 = _, _\n\n[policy_effect]\ne = some(where (p.eft == allow))\n\n\
    [matchers]\nm = r.act == p.act && g(r.sub, p.sub) && g2(r.obj, p.obj)\n";
const BASIC: &str = "[request_definition]\nr = sub,obj,act\n\n[policy_definition]\np = sub,obj,act\n\n\
    [policy_effect]\ne = some(where (p.eft == allow))\n\n\
    [matchers]\nm = r.sub == p.sub && r.obj == p.obj && r.act == p.act";

/// The supported examples: name, model and policy.
const SUPPORTED: [(&str, &str, &str); 10] = [
    (
        "basic_policy",
        BASIC,
        "p,alice,data1,read\np,bob,data2,write",
    ),
    (
        "rbac_policy",
        RBAC,
        "p, alice, data1, read\np, bob, data2, write\np, data2_admin, data2, read\np, data2_admin, data2, write\ng, alice, data2_admin\n",
    ),
    (
        "rbac_with_hierarchy_policy",
        RBAC,
        "p, alice, data1, read\np, bob, data2, write\np, data1_admin, data1, read\np, data1_admin, data1, write\n\
         p, data2_admin, data2, read\np, data2_admin, data2, write\n\ng, alice, admin\ng, admin, data1_admin\ng, admin, data2_admin",
    ),
    (
        "rbac_with_resource_roles_policy",
        RESOURCES,
        "p, alice, data1, read\np, bob, data2, write\np, data_group_admin, data_group, write\n\n\
         g, alice, data_group_admin\ng2, data1, data_group\ng2, data2, data_group",
    ),
    (
        "rbac_with_domains_policy",
        DOMAINS,
        "p, admin, domain1, data1, read\np, admin, domain1, data1, write\np, admin, domain2, data2, read\n\
         p, admin, domain2, data2, write\n\ng, alice, admin, domain1\ng, bob, admin, domain2",
    ),
    (
        "rbac_with_domains_policy2",
        DOMAINS,
        "p, admin, domain1, data1, read\np, admin, domain1, data1, write\np, admin, domain2, data2, read\n\
         p, admin, domain2, data2, write\np, user, domain3, data2, read\ng, alice, admin, domain1\n\
         g, alice, admin, domain2\ng, bob, admin, domain2\ng, bob, user, domain3\n",
    ),
    (
        "rbac_with_hierarchy_with_domains_policy",
        DOMAINS,
        "p, role:reader, domain1, data1, read\np, role:writer, domain1, data1, write\n\n\
         p, alice, domain1, data2, read\np, alice, domain2, data2, read\n\n\
         g, role:global_admin, role:reader, domain1\ng, role:global_admin, role:writer, domain1\n\n\
         g, alice, role:global_admin, domain1\n",
    ),
    (
        "rbac_model_in_multi_line",
        "[request_definition]\nr = sub, obj, act\n\n[policy_definition]\np = sub, obj, act\n\n\
         [role_definition]\ng = _, _\n\n[policy_effect]\ne = some(where (p.eft == allow))\n\n\
         [matchers]\nm = r.obj == p.obj && r.act == p.act \\\n  && g(r.sub, p.sub)\n",
        "p, alice, data1, read\np, data2_admin, data2, read\ng, alice, data2_admin",
    ),
    (
        "comment_model",
        "[request_definition]\nr = sub, obj, act ; Request definition\n\n[policy_definition]\np = sub, obj, act \n\n\
         [policy_effect]\ne = some(where (p.eft == allow)) # This is policy effect.\n\n# Matchers\n\
         [matchers]\nm = r.sub == p.sub && r.obj == p.obj && r.act == p.act  ",
        "p, alice, data1, read\np, bob, data2, write",
    ),
    (
        "rbac_with_all_the_same_in_two_domains",
        DOMAINS,
        "p, admin, d1, data, read\np, admin, d2, data, read\np, lead, d1, data, write\np, lead, d2, data, write\n\
         g, lead, admin, d1\ng, lead, admin, d2\ng, alice, lead, d1\ng, bob, admin, d2",
    ),
];

fn imported(model: &str, policy: &str) -> Result<Imported, ImportError> {
    let (model, policy) = (
        Source {
            name: "model.conf",
            text: model,
        },
        Source {
            name: "policy.csv",
            text: policy,
        },
    );
    convert(model, policy, &ImportOptions::default(), &TestRules)
}

/// Returns the converted name of an object, unless another object has it.
fn converted_object(simple: &Simple, object: &str) -> Option<String> {
    let name = convert_name(object).ok()?;
    let all = simple.objects();
    match name.as_str() {
        "role" => Some("roles".to_owned()),
        _ if name != object && all.contains(&name) => None,
        _ => Some(name),
    }
}

/// Decides a question by the imported policy; an unknown name is denied.
fn decides(simple: &Simple, policy: &Policy, imported: &Imported, question: &[String; 4]) -> bool {
    let [user, domain, object, operation] = question;
    let person = imported
        .people
        .iter()
        .find(|person| person.username == *user);
    let given: Vec<RoleAssignment> = person
        .into_iter()
        .flat_map(|person| &person.roles)
        .map(|(role, tenant)| RoleAssignment {
            role: role.clone(),
            tenant: tenant.clone(),
            valid_from: None,
            expires_at: None,
            reason: None,
            assigned_by: "system".into(),
            assigned_at: Timestamp::from_seconds(0),
        })
        .collect();
    let Some(object) = converted_object(simple, object) else {
        return false;
    };
    let permission: Permission = format!("{object}:{operation}").parse().unwrap();
    let tenant: Option<TenantName> = convert_name(domain).ok().and_then(|name| name.parse().ok());
    let question = Question {
        need: Need::Permission(&permission),
        tenant: tenant.as_ref(),
        at: Timestamp::from_seconds(1),
    };
    matches!(policy.decide(&given, &question), Decision::Allowed(_))
}

#[test]
fn every_supported_example_decides_as_its_model_defines() {
    for (name, model, policy) in SUPPORTED {
        let (simple, imported) = (Simple::new(model, policy), imported(model, policy).unwrap());
        assert_eq!(imported.unmapped, [], "{name}");
        let compiled = imported.document.policy().unwrap();
        let mut allowed = 0;
        for question in simple.questions() {
            let [user, domain, object, operation] = &question;
            let expected = simple.allows(user, domain, object, operation);
            allowed += usize::from(expected);
            assert_eq!(
                decides(&simple, &compiled, &imported, &question),
                expected,
                "{name}: {question:?}"
            );
        }
        assert!(allowed > 0, "{name}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: an example in each entry")]
fn every_other_example_is_rejected_with_line_and_reason() {
    let changed = |from: &str, to: &str| RBAC.replace(from, to);
    let matcher = "r.obj == p.obj && r.act == p.act && g(r.sub, p.sub)";
    let allow = "some(where (p.eft == allow))";
    let basic = |matcher: &str| format!("{}m = {matcher}\n", BASIC.split("m = ").next().unwrap());
    for (name, model, line, reason) in [
        (
            "basic_with_root_model",
            basic("r.sub == p.sub && r.obj == p.obj && r.act == p.act || r.sub == \"root\""),
            11,
            "`||` allows access",
        ),
        (
            "basic_without_users_model",
            BASIC.replace("sub,", "").replace("r.sub == p.sub && ", ""),
            11,
            "the subject",
        ),
        (
            "basic_without_resources_model",
            BASIC.replace(",obj", "").replace("r.obj == p.obj && ", ""),
            11,
            "an object and an operation",
        ),
        (
            "keymatch_model",
            basic("r.sub == p.sub && keyMatch(r.obj, p.obj) && regexMatch(r.act, p.act)"),
            11,
            "`keyMatch` matches patterns",
        ),
        (
            "ipmatch_model",
            basic("ipMatch(r.sub, p.sub) && r.obj == p.obj && r.act == p.act"),
            11,
            "matches addresses",
        ),
        (
            "glob_model",
            basic("r.sub == p.sub && globMatch(r.obj, p.obj) && r.act == p.act"),
            11,
            "matches patterns",
        ),
        (
            "abac_model",
            basic("r.sub == r.obj.Owner"),
            11,
            "reads an attribute",
        ),
        (
            "abac_rule_model",
            basic("eval(p.sub_rule) && r.obj == p.obj && r.act == p.act"),
            11,
            "evaluates rules",
        ),
        (
            "rbac_model_matcher_using_in_op",
            changed(
                matcher,
                "r.obj == p.obj && r.act == p.act && g(r.sub, p.sub) || r.obj in ('data2', 'data3')",
            ),
            14,
            "`||`",
        ),
        (
            "rbac_with_deny_model",
            changed("sub, obj, act\n\n[role", "sub, obj, act, eft\n\n[role").replace(
                allow,
                "some(where (p.eft == allow)) && !some(where (p.eft == deny))",
            ),
            11,
            "rules that deny",
        ),
        (
            "rbac_with_not_deny_model",
            changed(allow, "!some(where (p.eft == deny))"),
            11,
            "rules that deny",
        ),
        (
            "priority_model",
            changed(allow, "priority(p.eft) || deny"),
            11,
            "order or priority",
        ),
        (
            "subject_priority_model",
            changed(allow, "subjectPriority(p.eft) || deny"),
            11,
            "order or priority",
        ),
        (
            "rbac_with_pattern_model",
            changed("r.act == p.act", "regexMatch(r.act, p.act)"),
            14,
            "matches patterns",
        ),
        (
            "rbac_with_multiple_policy_model",
            changed("p = sub, obj, act", "p = sub, obj, act\np2 = sub, act"),
            6,
            "one kind of rules",
        ),
        (
            "rbac_with_domains_conditional_model",
            DOMAINS.replace("g = _, _, _", "g = _, _, _, (_, _)"),
            8,
            "are supported, not",
        ),
        (
            "rbac_with_cross_domain",
            DOMAINS.replace("r.dom)", "p.sub)"),
            14,
            "rules by domain",
        ),
        (
            "rules by domain, roles in all",
            DOMAINS
                .replace("g = _, _, _", "g = _, _")
                .replace(", r.dom)", ")"),
            14,
            "roles by domain",
        ),
        (
            "no matcher",
            RBAC.split("[matchers]").next().unwrap().to_owned(),
            1,
            "there is no `m`",
        ),
        ("empty", String::new(), 1, "there is no `r`"),
        ("error_model", "nonsense".to_owned(), 1, "neither a section"),
    ] {
        let rejected = imported(&model, "p, alice, data1, read").unwrap_err();
        let reasons = lines_of(&rejected.reasons);
        let place = format!("model.conf:{line}: ");
        assert!(
            reasons
                .iter()
                .any(|line| line.starts_with(&place) && line.contains(reason)),
            "{name}: {reasons:?}"
        );
    }
}

fn lines_of(notes: &[Note]) -> Vec<String> {
    notes.iter().map(ToString::to_string).collect()
}

#[test]
fn every_line_without_a_counterpart_is_reported_and_no_other_is_lost() {
    let policy = "p, alice, data1, read\np, alice, /book/:id, read\np, bob, *, read\np, bob, data1\n\
        p2, alice, x, y\ng, alice, admin, domain1\ng2, data1, group\np, bob , data1, read\np, \"bob, data1, read\n\
        p, Bob, data1, read\np, bob, data1, GET\np, bob, data1, get\np, b\u{430}b, data1, read\ng, rolecall.x, editor\n";
    let found = imported(RBAC, policy).unwrap();
    let lines: Vec<String> = lines_of(&found.unmapped);
    let expected = [
        (2, "`/book/:id` looks like a pattern"),
        (3, "`*` looks like a pattern"),
        (4, "2 values, but `p` has 3"),
        (5, "the model has no `p2`"),
        (6, "3 values, but `g` has 2"),
        (7, "the model has no `g2`"),
        (8, "`bob ` begins or ends with a space"),
        (9, "a quotation mark is not closed"),
        (11, "`GET` would become `get`, the same as `get`"),
        (10, "user `Bob` would become the same user as `bob`"),
        (13, "looks like another one"),
    ];
    for (line, reason) in expected {
        let place = format!("policy.csv:{line}: ");
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with(&place) && line.contains(reason)),
            "{line}: {lines:#?}"
        );
    }
    let names: Vec<&str> = found
        .people
        .iter()
        .map(|person| person.username.as_str())
        .collect();
    assert_eq!(names, ["alice", "bob", "rolecall.x"]);
}

#[test]
fn rbac_with_cycle_policy_loses_the_line_that_closes_the_cycle() {
    let policy = "p, alice, data1, read\np, bob, data2, write\np, data2_admin, data2, read\n\
        p, data2_admin, data2, write\ng, alice, data2_admin\ng, data2_admin, super_admin\ng, super_admin, alice\n";
    let found = imported(RBAC, policy).unwrap();
    assert_eq!(
        lines_of(&found.unmapped),
        ["policy.csv:7: it closes a cycle: `alice` -> `data2_admin` -> `super_admin` -> `alice`"]
    );
    assert!(found.document.policy().is_ok());
}

#[test]
fn roles_deeper_than_casbin_looks_are_not_imported() {
    let mut policy = "g, alice, r1\n".to_owned();
    for number in 1..12 {
        let next = number + 1;
        let lines = format!("g, r{number}, r{next}\np, r{number}, data{number}, read\n");
        policy.push_str(&lines);
    }
    let (simple, found) = (Simple::new(RBAC, &policy), imported(RBAC, &policy).unwrap());
    assert_eq!(found.unmapped.len(), 1);
    let compiled = found.document.policy().unwrap();
    assert!(
        simple.allows("alice", "", "data10", "read")
            && !simple.allows("alice", "", "data11", "read")
    );
    for question in simple.questions() {
        let [user, domain, object, operation] = &question;
        assert_eq!(
            decides(&simple, &compiled, &found, &question),
            simple.allows(user, domain, object, operation),
            "{question:?}"
        );
    }
}

#[test]
fn rules_that_grant_nothing_are_reported() {
    let model = RBAC.replace("p = sub, obj, act", "p = sub, obj, act, eft");
    let policy = "p, alice, data1, read, allow\np, alice, data2, write, deny\ng, alice, alice\n";
    let found = imported(&model, policy).unwrap();
    assert_eq!(found.unmapped, []);
    assert_eq!(found.document.permissions.len(), 1);
    assert!(
        lines_of(&found.notices)
            .iter()
            .any(|line| line.starts_with("policy.csv:2: its effect is `deny`"))
    );
    assert!(
        lines_of(&found.notices)
            .iter()
            .any(|line| line.starts_with("policy.csv:3: `alice` is linked to itself"))
    );
}

#[test]
fn constraints_of_a_model_are_reported_and_change_no_decision() {
    let model = RBAC.replace(
        "[policy_effect]",
        "[constraint_definition]\nc = sod(\"finance_requester\", \"finance_approver\")\n\n[policy_effect]",
    );
    let found = imported(&model, "p, alice, data1, read").unwrap();
    assert_eq!(lines_of(&found.unmapped).len(), 1);
    assert!(
        lines_of(&found.unmapped)[0].starts_with("model.conf:11: `c` in `constraint_definition`")
    );
}

#[test]
fn a_role_that_differs_between_domains_becomes_one_role_for_each() {
    let (_, model, policy) = SUPPORTED[5];
    let found = imported(model, policy).unwrap();
    let roles: Vec<&str> = found.document.role_names().collect();
    // every user who registers has the role `user`
    assert_eq!(roles, ["admin.domain1", "admin.domain2", "users"]);
    let (_, model, policy) = SUPPORTED[9];
    let roles: Vec<String> = imported(model, policy)
        .unwrap()
        .document
        .role_names()
        .map(str::to_owned)
        .collect();
    assert_eq!(roles, ["admin", "lead"]);
}

#[test]
fn an_operation_that_may_be_any_becomes_a_wildcard() {
    let model = RBAC.replace("r.act == p.act", "(r.act == p.act || p.act == \"*\")");
    let policy = "p, admin, data1, *\np, reader, data1, read\np, reader, data2, write\ng, ann, admin\ng, ben, reader\n";
    let found = imported(&model, policy).unwrap();
    assert_eq!(found.unmapped, []);
    let admin = &found.document.roles["admin"];
    let held: Vec<String> = admin.permissions.iter().map(ToString::to_string).collect();
    assert_eq!(held, ["data1:*"]);
    let compiled = found.document.policy().unwrap();
    let simple = Simple::new(&model, policy);
    for (user, object, operation, expected) in [
        ("ann", "data1", "read", true),
        ("ann", "data1", "write", true),
        ("ann", "data2", "write", false),
        ("ben", "data1", "write", false),
    ] {
        let question = [user, "", object, operation].map(str::to_owned);
        let decided = decides(&simple, &compiled, &found, &question);
        assert_eq!(decided, expected, "{question:?}");
    }
    // without the matcher it is a name that cannot be converted, and alone it covers nothing
    assert_eq!(imported(RBAC, policy).unwrap().unmapped.len(), 1);
    let alone = imported(&model, "p, admin, data1, *\ng, ann, admin\n").unwrap();
    assert_eq!(
        lines_of(&alone.unmapped),
        ["policy.csv:1: it grants every operation, and no line names one"]
    );
    let of_objects = RBAC.replace("r.obj == p.obj", "(r.obj == p.obj || p.obj == '*')");
    let rejected = imported(&of_objects, policy).unwrap_err().to_string();
    assert!(
        rejected.contains("wildcards for operations alone"),
        "{rejected}"
    );
}

#[test]
fn a_dump_of_a_database_is_read_like_a_policy() {
    let plain = imported(
        RBAC,
        "p, alice, data1, read\np, editor, data1, write\ng, bob, editor\n",
    )
    .unwrap();
    for dump in [
        "id,ptype,v0,v1,v2,v3,v4,v5\n1,p,alice,data1,read,,,\n2,p,editor,data1,write,,,\n3,g,bob,editor,,,,\n",
        "\"ptype\",\"v0\",\"v1\",\"v2\",\"v3\"\n\"p\",\"alice\",\"data1\",\"read\",\"\"\n\"p\",\"editor\",\"data1\",\"write\",\"\"\n\"g\",\"bob\",\"editor\",\"\",\"\"\n",
        "p_type,v0,v1,v2,v3\np,alice,data1,read,NULL\np,editor,data1,write,NULL\ng,bob,editor,NULL,NULL\n",
        "p, alice, data1, read, ,\np, editor, data1, write,\ng, bob, editor,,\n",
    ] {
        let found = imported(RBAC, dump).unwrap();
        assert_eq!(lines_of(&found.unmapped), Vec::<String>::new(), "{dump}");
        assert_eq!(found.document, plain.document, "{dump}");
        assert_eq!(found.people.len(), plain.people.len(), "{dump}");
    }
    let found = imported(RBAC, "p, alice, data1,\np, alice, data1, read, more\n").unwrap();
    assert_eq!(found.unmapped.len(), 2, "{:?}", found.unmapped);
}

#[test]
fn a_prefix_is_added_to_each_role_and_a_name_without_users_can_be_a_role() {
    let options = ImportOptions {
        prefix: Some("shop".parse().unwrap()),
        roles: BTreeSet::from(["editor".to_owned()]),
        ..ImportOptions::default()
    };
    let (model, policy) = (
        Source {
            name: "model.conf",
            text: RBAC,
        },
        Source {
            name: "policy.csv",
            text: "p, alice, data1, read\np, editor, data1, write\np, user, data1, x\ng, bob, user",
        },
    );
    let found = convert(model, policy, &options, &TestRules).unwrap();
    let roles: Vec<&str> = found.document.role_names().collect();
    assert_eq!(roles, ["shop.editor", "shop.user", "shop.user.alice"]);
    assert_eq!(found.people.len(), 2);
}

#[test]
fn files_that_are_too_long_are_rejected() {
    let long = "#".repeat(MAX_MODEL + 1);
    assert!(imported(&long, "").is_err());
    let lines = "\n".repeat(500_001);
    assert!(imported(RBAC, &lines).is_err());
    let mut wide = String::new();
    for number in 0..2_000 {
        let lines = format!("g2, o{number}, all\np, u{number}, all, read\n");
        wide.push_str(&lines);
    }
    let rejected = imported(RESOURCES, &wide).unwrap_err();
    assert!(
        rejected.reasons[0]
            .message
            .contains("more than 1000000 permissions")
    );
}

/// Random policies over few names, so that rules refer to each other.
fn policies(by_domain: bool) -> impl Strategy<Value = String> {
    let name = |names: &'static [&'static str]| prop::sample::select(names);
    let subject = || name(&["alice", "bob", "r1", "r2", "r3"]);
    let object = || name(&["o1", "o2", "all", "O1", "role", "*"]);
    let domain = move || {
        name(&["d1", "d2", "D3"]).prop_map(move |domain| {
            if by_domain {
                format!(", {domain}")
            } else {
                String::new()
            }
        })
    };
    let allows = (subject(), domain(), object(), name(&["read", "write"])).prop_map(
        |(subject, domain, object, operation)| {
            format!("p, {subject}{domain}, {object}, {operation}")
        },
    );
    let has = (subject(), subject(), domain())
        .prop_map(|(one, other, domain)| format!("g, {one}, {other}{domain}"));
    let contains = (object(), object()).prop_map(|(one, other)| format!("g2, {one}, {other}"));
    let line = prop_oneof![3 => allows, 3 => has, 1 => contains];
    prop::collection::vec(line, 0..14).prop_map(|lines| lines.join("\n"))
}

/// Returns the lines that have a counterpart.
fn imported_lines(policy: &str, found: &Imported) -> String {
    let left: BTreeSet<String> = found
        .unmapped
        .iter()
        .map(|note| note.at.to_string())
        .collect();
    let lines = (1..).zip(policy.lines());
    let kept = lines.filter(|(line, _)| !left.contains(&format!("policy.csv:{line}")));
    kept.map(|(_, text)| text).collect::<Vec<_>>().join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    /// The imported lines decide as in Casbin, so what is left out grants less, never more.
    #[test]
    fn any_policy_decides_as_its_imported_lines_in_casbin(which in 0..3, plain in policies(false), by_domain in policies(true)) {
        let (model, policy) = match which {
            0 => (RBAC.to_owned(), &plain),
            1 => (RESOURCES.to_owned(), &plain),
            _ => (DOMAINS.replace("g = _, _, _", "g = _, _, _\ng2 = _, _").replace("r.obj == p.obj", "g2(r.obj, p.obj)"), &by_domain),
        };
        let found = imported(&model, policy).unwrap();
        let compiled = found.document.policy().unwrap();
        let (all, left) = (Simple::new(&model, policy), Simple::new(&model, &imported_lines(policy, &found)));
        for question in all.questions() {
            let [user, domain, object, operation] = &question;
            let decided = decides(&all, &compiled, &found, &question);
            prop_assert_eq!(decided, left.allows(user, domain, object, operation), "{:?}: {}", question, policy);
            prop_assert!(!decided || all.allows(user, domain, object, operation));
        }
    }

    #[test]
    fn no_text_makes_the_conversion_panic(model in "[a-z._,=\\[\\]()&|#;\\\\ \n]{0,120}", policy in "[pg2, \"alice*:/\n]{0,120}|.{0,60}") {
        let _ = imported(&model, &policy);
        let _ = imported(RBAC, &policy);
        let _ = imported(DOMAINS, &policy);
    }
}
