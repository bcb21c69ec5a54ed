//! The messages: about names that change, matchers that are not supported, and files that are too long.

use super::{DOMAINS, RBAC, RESOURCES, imported, lines_of};

/// Returns all notices about a policy.
fn notices(model: &str, policy: &str) -> Vec<String> {
    let found = imported(model, policy).unwrap();
    assert_eq!(found.unmapped, []);
    lines_of(&found.notices)
}

/// Returns the only reason why a model is rejected.
fn reason(model: &str) -> String {
    let rejected = imported(model, "").unwrap_err();
    let reasons = lines_of(&rejected.reasons);
    assert_eq!(reasons.len(), 1, "{reasons:#?}");
    reasons.into_iter().next().unwrap()
}

#[test]
fn a_name_that_changes_is_reported_at_its_first_mention() {
    let policy = "p, editor, data1, read\np, Reader, Data2, GET\np, user, data1, write\n\
        g, ann, editor\ng, ben, Reader\ng, ＷＩＤＥ, user\np, cleo, data1, read\n";
    assert_eq!(
        notices(RBAC, policy),
        [
            "2: object `Data2` becomes `data2`",
            "2: operation `GET` becomes `get`",
            "2: role `Reader` becomes `reader`",
            "3: role `user` becomes `users`",
            "6: user `ＷＩＤＥ` becomes `wide`",
            "7: `cleo` is a user; the permissions that the policy grants them by name become the role `user.cleo`",
        ]
        .map(|line| format!("policy.csv:{line}"))
    );
    let policy = "p, admin, d1, data1, read\np, admin, D2, data2, read\np, same, d1, data1, read\n\
        p, same, D2, data1, read\ng, ann, admin, d1\ng, ben, admin, D2\ng, ann, same, d1\ng, ann, same, D2\n";
    assert_eq!(
        notices(DOMAINS, policy),
        [
            "1: role `admin` differs between domains: in `d1` it is `admin.d1`",
            "2: role `admin` differs between domains: in `D2` it is `admin.d2`",
            "2: tenant `D2` becomes `d2`",
        ]
        .map(|line| format!("policy.csv:{line}"))
    );
}

#[test]
fn an_unsupported_matcher_is_rejected_with_the_reason() {
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
            "`||` allows access by other means than roles; only `&&` is supported",
        ),
        (
            format!("{rest} && r.sub in p.sub"),
            "`in` compares with a list; only `==` is supported",
        ),
        (
            format!("{rest} && r.sub like p.sub"),
            "`like` is not expected here",
        ),
        (
            format!("{rest} && r.sub.Age == p.sub"),
            "`r.sub.Age` reads an attribute; rolecall only compares names",
        ),
        (
            format!("{rest} && r.sub == p.sub.Age"),
            "`p.sub.Age` reads an attribute; rolecall only compares names",
        ),
        (
            format!("{rest} && g(r.sub, p.sub) && r.obj == p.sub"),
            "a permission in rolecall is an object and an operation, and the matcher also compares `obj`",
        ),
    ] {
        let reason = self::reason(&model(&matcher));
        assert!(reason.ends_with(expected), "{matcher}: {reason}");
    }
}

#[test]
fn every_member_of_a_rule_must_be_compared_exactly_once() {
    let more = RBAC.replace("p = sub, obj, act", "p = sub, obj, act, extra");
    let reason = self::reason(&more);
    assert!(
        reason.ends_with("the matcher does not compare `extra` of `p`"),
        "{reason}"
    );
    let twice = RBAC.replace("p = sub, obj, act", "p = sub, obj, act, act");
    let reason = self::reason(&twice);
    assert!(reason.contains("`act`"), "{reason}");
    for (from, to) in [
        ("r.act == p.act", "r.act == p.obj"),
        ("r.act == p.act", "r.obj == p.act"),
    ] {
        let reason = self::reason(&RBAC.replace(from, to));
        assert!(reason.contains("compared twice"), "{to}: {reason}");
    }
}

#[test]
fn a_repeated_member_of_the_model_is_rejected() {
    let model = RBAC.replace("r = sub, obj, act\n", "r = sub, obj, act\nr = sub, obj\n");
    assert_eq!(
        reason(&model),
        "model.conf:3: `r` in `request_definition` appears twice"
    );
}

#[test]
fn resource_roles_by_domain_need_rules_by_domain() {
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
    let reason = self::reason(&without);
    assert!(
        reason.ends_with("resource roles by domain need rules by domain; add `r.dom == p.dom`"),
        "{reason}"
    );
}

#[test]
fn the_limits_of_the_length_of_files_are_exact() {
    let padded = |text: &str, length: usize| {
        let more = length - text.len();
        format!("{text}#{}", "x".repeat(more - 1))
    };
    let policy = "p, alice, data1, read\n";
    for (length, is_accepted) in [(65_536, true), (65_537, false)] {
        let found = imported(&padded(RBAC, length), policy);
        assert_eq!(found.is_ok(), is_accepted, "{length}");
    }
    for (length, is_accepted) in [(33_554_432, true), (33_554_433, false)] {
        let found = imported(RBAC, &padded(policy, length));
        assert_eq!(found.is_ok(), is_accepted, "{length}");
        if let Err(rejected) = found {
            assert_eq!(
                rejected.to_string(),
                "policy.csv: the file is longer than 33554432 bytes, which is the limit"
            );
        }
    }
    for (lines, is_accepted) in [(500_000, true), (500_001, false)] {
        assert_eq!(imported(RBAC, &"\n".repeat(lines)).is_ok(), is_accepted);
    }
}
