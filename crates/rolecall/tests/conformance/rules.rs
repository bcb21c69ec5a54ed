//! `rules.json`: rules of every shape, and callers with just enough and a little less.

use serde_json::{Value, json};

use crate::{
    ISSUER, NOW, assert_file, document,
    keys::{self, key},
    signing::{claims, sign, with, without},
    tokens::{Row, decide_all},
};

#[test]
fn rules_json_is_current() {
    let mut rows = plain();
    rows.extend(lists());
    rows.extend(tenants());
    rows.extend(fresh());
    let head = json!({ "format": 1, "now": NOW, "guards": keys::guards(), "rules": texts(&rows) });
    assert_file("rules.json", &document(&head, "rows", &decide_all(&rows)));
}

/// Returns every rule of the rows with its text, its scope and its names.
fn texts(rows: &[Row]) -> Vec<Value> {
    let mut rules: Vec<&Value> = Vec::new();
    for row in rows {
        if !rules.contains(&&row.rule) {
            rules.push(&row.rule);
        }
    }
    let rules = rules.into_iter().map(|json| {
        let spec: rolecall::RuleSpec = serde_json::from_value(json.clone()).unwrap();
        let rule = spec.rule().unwrap();
        json!({ "rule": json, "text": rule.to_string(), "scope": rule.scope(), "names": rule.names() })
    });
    rules.collect()
}

/// Returns a token with exactly these roles and this scope.
fn holder(roles: &[&str], scope: &str) -> Value {
    with(with(claims(), "roles", json!(roles)), "scope", scope)
}

fn row(id: &str, rule: &Value, claims: &Value, status: u16) -> Row {
    Row::new(id, &sign(&key("es256"), claims), status).rule(rule.clone())
}

fn plain() -> Vec<Row> {
    let admin = json!({ "role": "admin" });
    let read = json!({ "permission": "items:read" });
    let ended = with(holder(&["admin"], ""), "exp", NOW);
    let mut rows = Vec::new();
    for (id, rule, claims, status) in [
        ("role-held", &admin, holder(&["admin"], ""), 200),
        (
            "role-of-several",
            &admin,
            holder(&["user", "admin", "editor"], ""),
            200,
        ),
        ("role-lacking", &admin, holder(&["user"], ""), 403),
        ("role-none", &admin, holder(&[], ""), 403),
        ("role-longer", &admin, holder(&["administrator"], ""), 403),
        ("role-shorter", &admin, holder(&["admi"], ""), 403),
        ("role-other-case", &admin, holder(&["Admin"], ""), 403),
        ("role-with-space", &admin, holder(&["admin "], ""), 403),
        (
            "role-as-scope",
            &admin,
            holder(&[], "role:admin admin"),
            403,
        ),
        ("role-ended", &admin, ended, 401),
        (
            "role-missing-claim",
            &admin,
            without(holder(&[], ""), "roles"),
            403,
        ),
        ("permission-held", &read, holder(&[], "items:read"), 200),
        (
            "permission-last",
            &read,
            holder(&[], "items:write items:read"),
            200,
        ),
        (
            "permission-lacking",
            &read,
            holder(&["admin"], "items:write"),
            403,
        ),
        ("permission-prefix", &read, holder(&[], "items:rea"), 403),
        (
            "permission-longer",
            &read,
            holder(&[], "items:readall"),
            403,
        ),
        ("permission-wildcard", &read, holder(&[], "items:*"), 403),
        ("permission-star", &read, holder(&[], "*"), 403),
        (
            "permission-other-case",
            &read,
            holder(&[], "Items:Read"),
            403,
        ),
        (
            "permission-comma",
            &read,
            holder(&[], "items:read,items:write"),
            403,
        ),
        ("permission-tab", &read, holder(&[], "x\titems:read"), 403),
        (
            "permission-as-role",
            &read,
            holder(&["items:read"], ""),
            403,
        ),
        (
            "permission-no-scope",
            &read,
            without(holder(&["admin"], ""), "scope"),
            403,
        ),
    ] {
        rows.push(row(id, rule, &claims, status));
    }
    for rule in ["authenticated", "optional", "public"] {
        rows.push(row(
            &format!("{rule}-token"),
            &json!(rule),
            &holder(&[], ""),
            200,
        ));
    }
    for (name, rule) in [("role", &admin), ("permission", &read)] {
        rows.push(
            Row::with_values(&format!("{name}-without-a-token"), &[], 401).rule(rule.clone()),
        );
        rows.push(
            Row::with_values(&format!("{name}-invalid-token"), &[b"Bearer a.b.c"], 401)
                .rule(rule.clone()),
        );
        rows.push(
            Row::with_values(
                &format!("{name}-two-headers"),
                &[b"Bearer a", b"Bearer b"],
                400,
            )
            .rule(rule.clone()),
        );
    }
    rows
}

fn lists() -> Vec<Row> {
    let (a, b, p) = (
        json!({ "role": "a" }),
        json!({ "role": "b" }),
        json!({ "permission": "x:y" }),
    );
    let any = json!({ "any": [a, p] });
    let all = json!({ "all": [a, b, p] });
    let all_of_any = json!({ "all": [{ "any": [a, b] }, p] });
    let any_of_all = json!({ "any": [{ "all": [a, b] }, p] });
    let with_authenticated = json!({ "all": ["authenticated", a] });
    let twice = json!({ "all": [a, a, p] });
    let mut rows = Vec::new();
    for (name, rule, cases) in [
        ("any", &any, [0, 1, 0, 1, 1, 1, 1, 1]),
        ("all", &all, [0, 0, 0, 0, 0, 0, 0, 1]),
        ("all-of-any", &all_of_any, [0, 0, 0, 0, 0, 1, 1, 1]),
        ("any-of-all", &any_of_all, [0, 0, 0, 1, 1, 1, 1, 1]),
        (
            "all-with-authenticated",
            &with_authenticated,
            [0, 1, 0, 1, 0, 1, 0, 1],
        ),
        ("all-twice", &twice, [0, 0, 0, 0, 0, 1, 0, 1]),
    ] {
        for (bits, admitted) in cases.into_iter().enumerate() {
            let roles: Vec<&str> = [("a", 1), ("b", 2)]
                .into_iter()
                .filter(|(_, bit)| bits & bit != 0)
                .map(|(role, _)| role)
                .collect();
            let scope = if bits & 4 == 0 { "" } else { "x:y" };
            let status = if admitted == 1 { 200 } else { 403 };
            rows.push(row(
                &format!("{name}-{bits}"),
                rule,
                &holder(&roles, scope),
                status,
            ));
        }
    }
    rows
}

fn tenants() -> Vec<Row> {
    let user = json!({ "role": "user" });
    let read = json!({ "permission": "items:read" });
    let path = json!({ "for_tenant": user });
    let path_read = json!({ "for_tenant": read });
    let any = json!({ "in_tenant": user });
    let member = json!({ "for_tenant": "authenticated" });
    let both = json!({ "for_tenant": { "all": [user, read] } });
    let of = |tenant: &str, global: Value| {
        with(
            with(holder(&["user"], "items:read"), "tenant", tenant),
            "global",
            global,
        )
    };
    let local = |tenant: &str| of(tenant, json!({ "roles": [], "scope": "" }));
    let everywhere = of("acme", json!({ "roles": ["user"], "scope": "items:read" }));
    let old = without(local("acme"), "global");
    let not_carried = with(
        of(
            "acme",
            json!({ "roles": ["admin"], "scope": "items:delete" }),
        ),
        "roles",
        json!(["user"]),
    );
    let none = holder(&["user"], "items:read");
    let mut rows = Vec::new();
    for (id, rule, tenant, claims, status) in [
        ("path-same", &path, Some("acme"), local("acme"), 200),
        ("path-other", &path, Some("globex"), local("acme"), 403),
        ("path-other-case", &path, Some("ACME"), local("acme"), 403),
        ("path-prefix", &path, Some("acm"), local("acme"), 403),
        ("path-none", &path, None, local("acme"), 403),
        ("path-empty", &path, Some(""), local("acme"), 403),
        ("path-token-without", &path, Some("acme"), none.clone(), 403),
        ("path-none-token-without", &path, None, none.clone(), 403),
        ("path-global", &path, Some("acme"), everywhere.clone(), 200),
        (
            "path-lacking",
            &path,
            Some("acme"),
            with(local("acme"), "roles", json!([])),
            403,
        ),
        (
            "path-lacking-other",
            &path,
            Some("globex"),
            with(local("acme"), "roles", json!([])),
            403,
        ),
        (
            "path-permission",
            &path_read,
            Some("acme"),
            local("acme"),
            200,
        ),
        (
            "path-permission-lacking",
            &path_read,
            Some("acme"),
            with(local("acme"), "scope", ""),
            403,
        ),
        (
            "path-member",
            &member,
            Some("acme"),
            with(local("acme"), "roles", json!([])),
            200,
        ),
        (
            "path-member-other",
            &member,
            Some("globex"),
            local("acme"),
            403,
        ),
        ("path-both", &both, Some("acme"), local("acme"), 200),
        (
            "path-both-one",
            &both,
            Some("acme"),
            with(local("acme"), "scope", ""),
            403,
        ),
        ("any-tenant", &any, None, local("acme"), 200),
        (
            "any-tenant-with-path",
            &any,
            Some("globex"),
            local("acme"),
            200,
        ),
        ("any-none", &any, None, none.clone(), 403),
        ("any-empty", &any, None, local(""), 403),
        (
            "any-lacking",
            &any,
            None,
            with(local("acme"), "roles", json!([])),
            403,
        ),
        ("global-local-role", &user, Some("acme"), local("acme"), 403),
        (
            "global-local-permission",
            &read,
            Some("acme"),
            local("acme"),
            403,
        ),
        (
            "global-everywhere",
            &user,
            Some("acme"),
            everywhere.clone(),
            200,
        ),
        ("global-everywhere-permission", &read, None, everywhere, 200),
        ("global-older-issuer", &user, None, old.clone(), 403),
        ("global-older-issuer-in-tenant", &any, None, old, 200),
        (
            "global-not-carried",
            &json!({ "role": "admin" }),
            None,
            not_carried.clone(),
            403,
        ),
        (
            "global-permission-not-carried",
            &json!({ "permission": "items:delete" }),
            None,
            not_carried,
            403,
        ),
        (
            "global-without-tenant-ignored",
            &user,
            None,
            with(none, "global", json!({ "roles": [], "scope": "" })),
            200,
        ),
    ] {
        let row = row(&format!("tenant-{id}"), rule, &claims, status);
        rows.push(match tenant {
            Some(tenant) => row.tenant(tenant),
            None => row,
        });
    }
    rows
}

fn fresh() -> Vec<Row> {
    let fresh = json!({ "fresh": { "rule": "authenticated", "seconds": 300 } });
    let admin = json!({ "fresh": { "rule": { "role": "admin" }, "seconds": 300 } });
    let now = json!({ "fresh": { "rule": "authenticated", "seconds": 0 } });
    let twice = json!({ "fresh": { "rule": { "fresh": { "rule": "authenticated", "seconds": 60 } }, "seconds": 300 } });
    let tenant =
        json!({ "fresh": { "rule": { "for_tenant": { "role": "admin" } }, "seconds": 300 } });
    let at = |roles: &[&str], age: i64| with(holder(roles, ""), "auth_time", NOW - age);
    let client = without(
        without(
            with(
                with(at(&["admin"], 0), "subject_kind", "client"),
                "iss",
                ISSUER,
            ),
            "auth_time",
        ),
        "username",
    );
    let in_tenant = |roles: &[&str], age: i64| with(at(roles, age), "tenant", "acme");
    let mut rows = Vec::new();
    for (id, rule, tenant, claims, status) in [
        ("exactly", &fresh, None, at(&[], 300), 200),
        ("a-second-too-old", &fresh, None, at(&[], 301), 401),
        ("future", &fresh, None, at(&[], -20), 200),
        (
            "without-auth-time",
            &fresh,
            None,
            without(at(&[], 0), "auth_time"),
            401,
        ),
        ("zero-now", &now, None, at(&[], 0), 200),
        ("zero-a-second", &now, None, at(&[], 1), 401),
        ("client", &fresh, None, client, 403),
        ("role-held-old", &admin, None, at(&["admin"], 301), 401),
        ("role-lacking-old", &admin, None, at(&["user"], 301), 403),
        ("role-lacking-new", &admin, None, at(&["user"], 0), 403),
        ("role-held-new", &admin, None, at(&["admin"], 0), 200),
        ("twice-between", &twice, None, at(&[], 100), 401),
        ("twice-new", &twice, None, at(&[], 60), 200),
        (
            "tenant-new",
            &tenant,
            Some("acme"),
            in_tenant(&["admin"], 0),
            200,
        ),
        (
            "tenant-old",
            &tenant,
            Some("acme"),
            in_tenant(&["admin"], 301),
            401,
        ),
        (
            "tenant-other-old",
            &tenant,
            Some("globex"),
            in_tenant(&["admin"], 301),
            403,
        ),
        (
            "tenant-other-new",
            &tenant,
            Some("globex"),
            in_tenant(&["admin"], 0),
            403,
        ),
        (
            "acr-foreign",
            &admin,
            None,
            with(at(&["admin"], 0), "acr", "urn:x"),
            200,
        ),
        (
            "step-up-claim-alone",
            &admin,
            None,
            with(at(&["user"], 0), "step_up", json!(["admin"])),
            403,
        ),
    ] {
        let row = row(&format!("fresh-{id}"), rule, &claims, status);
        rows.push(match tenant {
            Some(tenant) => row.tenant(tenant),
            None => row,
        });
    }
    rows
}
