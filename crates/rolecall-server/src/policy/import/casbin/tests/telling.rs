//! What is told of files: where a name is another one here, what a matcher may not be, how long files may be.

use super::{DOMAINS, RBAC, RESOURCES, imported, said};

/// Every line that is told of a policy.
fn told(model: &str, policy: &str) -> Vec<String> {
    let found = imported(model, policy).unwrap();
    assert_eq!(found.unmapped, []);
    said(&found.told)
}

/// The one reason for which a model is refused.
fn reason(model: &str) -> String {
    let refused = said(&imported(model, "").unwrap_err());
    assert_eq!(refused.len(), 1, "{refused:#?}");
    refused.into_iter().next().unwrap()
}

#[test]
fn a_name_that_changes_is_told_where_it_stands_first_and_one_that_stays_is_not() {
    let policy = "p, editor, data1, read\np, Reader, Data2, GET\np, user, data1, write\n\
        g, ann, editor\ng, ben, Reader\ng, ＷＩＤＥ, user\np, cleo, data1, read\n";
    assert_eq!(
        told(RBAC, policy),
        [
            "2: object `Data2` is `data2` here",
            "2: operation `GET` is `get` here",
            "2: role `Reader` is `reader` here",
            "3: role `user` is `users` here",
            "6: user `ＷＩＤＥ` is `wide` here",
            "7: `cleo` is a user: what the policy gives them by name is the role `user.cleo`",
        ]
        .map(|line| format!("policy.csv:{line}"))
    );
    let policy = "p, admin, d1, data1, read\np, admin, D2, data2, read\np, same, d1, data1, read\n\
        p, same, D2, data1, read\ng, ann, admin, d1\ng, ben, admin, D2\ng, ann, same, d1\ng, ann, same, D2\n";
    assert_eq!(
        told(DOMAINS, policy),
        [
            "1: role `admin` differs between domains: in `d1` it is `admin.d1`",
            "2: role `admin` differs between domains: in `D2` it is `admin.d2`",
            "2: tenant `D2` is `d2` here",
        ]
        .map(|line| format!("policy.csv:{line}"))
    );
}

#[test]
fn a_matcher_that_asks_for_something_else_is_refused_with_what_it_is() {
    let model = |matcher: &str| {
        RBAC.replace(
            "r.obj == p.obj && r.act == p.act && g(r.sub, p.sub)",
            matcher,
        )
    };
    let rest = "r.obj == p.obj && r.act == p.act";
    for (matcher, expected) in [
        (
            format!("{rest} && g(r.sub, p.sub) or r.sub == p.sub"),
            "`||` lets somebody in by another way than roles",
        ),
        (
            format!("{rest} && r.sub in p.sub"),
            "`in` compares with a list: only `==` is taken",
        ),
        (
            format!("{rest} && r.sub like p.sub"),
            "`like` is not expected here",
        ),
        (
            format!("{rest} && r.sub.Age == p.sub"),
            "`r.sub.Age` asks for an attribute: rolecall knows names",
        ),
        (
            format!("{rest} && r.sub == p.sub.Age"),
            "`p.sub.Age` asks for an attribute: rolecall knows names",
        ),
        (
            format!("{rest} && g(r.sub, p.sub) && r.obj == p.sub"),
            "a permission is an object and an operation here: `obj` is compared too",
        ),
    ] {
        let said = reason(&model(&matcher));
        assert!(said.ends_with(expected), "{matcher}: {said}");
    }
}

#[test]
fn members_of_rules_are_compared_once_and_all_of_them() {
    let more = RBAC.replace("p = sub, obj, act", "p = sub, obj, act, extra");
    let said = reason(&more);
    assert!(
        said.ends_with("the matcher does not compare `extra` of `p`"),
        "{said}"
    );
    let twice = RBAC.replace("p = sub, obj, act", "p = sub, obj, act, act");
    let said = reason(&twice);
    assert!(said.contains("`act`"), "{said}");
    for (from, to) in [
        ("r.act == p.act", "r.act == p.obj"),
        ("r.act == p.act", "r.obj == p.act"),
    ] {
        let said = reason(&RBAC.replace(from, to));
        assert!(said.contains("compared twice"), "{to}: {said}");
    }
}

#[test]
fn a_member_of_the_model_that_stands_there_twice_is_refused() {
    let model = RBAC.replace("r = sub, obj, act\n", "r = sub, obj, act\nr = sub, obj\n");
    assert_eq!(
        reason(&model),
        "model.conf:3: `r` in `request_definition` stands there twice"
    );
}

#[test]
fn resource_roles_by_domain_go_with_rules_by_domain_alone() {
    let by_domain = DOMAINS
        .replace("g = _, _, _", "g = _, _, _\ng2 = _, _, _")
        .replace("r.obj == p.obj", "g2(r.obj, p.obj, r.dom)");
    let found = imported(
        &by_domain,
        "p, admin, d1, all, read\ng, ann, admin, d1\ng2, data1, all, d1\n",
    );
    assert_eq!(found.unwrap().unmapped, []);
    let without = RESOURCES
        .replace("g2 = _, _", "g2 = _, _, _")
        .replace("g2(r.obj, p.obj)", "g2(r.obj, p.obj, r.act)");
    let said = reason(&without);
    assert!(
        said.ends_with("resource roles by domain go with rules by domain here, `r.dom == p.dom`"),
        "{said}"
    );
}

#[test]
fn files_may_be_as_long_as_is_said_and_no_longer() {
    let padded = |text: &str, length: usize| {
        let more = length - text.len();
        format!("{text}#{}", "x".repeat(more - 1))
    };
    let policy = "p, alice, data1, read\n";
    for (length, is_read) in [(65_536, true), (65_537, false)] {
        let found = imported(&padded(RBAC, length), policy);
        assert_eq!(found.is_ok(), is_read, "{length}");
    }
    for (length, is_read) in [(33_554_432, true), (33_554_433, false)] {
        let found = imported(RBAC, &padded(policy, length));
        assert_eq!(found.is_ok(), is_read, "{length}");
        if let Err(refused) = found {
            assert_eq!(
                said(&refused),
                ["policy.csv: longer than the 33554432 bytes that are read"]
            );
        }
    }
    for (lines, is_read) in [(500_000, true), (500_001, false)] {
        assert_eq!(imported(RBAC, &"\n".repeat(lines)).is_ok(), is_read);
    }
}
