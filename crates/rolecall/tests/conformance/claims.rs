//! The claims: missing, of another type, out of their time, for others.

use serde_json::{Value, json};

use crate::{
    AUDIENCE, ISSUER, NOW,
    keys::key,
    signing::{claims, header, sign, sign_raw, with, without},
    tokens::Row,
};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = presence();
    rows.extend(types());
    rows.extend(parties());
    rows.extend(times());
    rows.extend(contents());
    rows
}

fn signed(claims: &Value) -> String {
    sign(&key("es256"), claims)
}

/// Claims that are missing or empty.
fn presence() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, status) in [
        ("iss", 401),
        ("sub", 401),
        ("aud", 401),
        ("iat", 401),
        ("exp", 401),
        ("client_id", 401),
        ("jti", 401),
        ("subject_kind", 200),
        ("sid", 200),
        ("auth_time", 200),
        ("acr", 200),
        ("amr", 200),
        ("username", 200),
        ("roles", 200),
        ("scope", 200),
        ("rev", 200),
        ("era", 200),
    ] {
        let token = signed(&without(claims(), name));
        rows.push(Row::new(format!("claim-{name}-missing"), &token, status));
    }
    for (name, status) in [
        ("sub", 401),
        ("client_id", 401),
        ("jti", 401),
        ("username", 200),
        ("scope", 200),
        ("sid", 200),
        ("tenant", 200),
    ] {
        let token = signed(&with(claims(), name, ""));
        rows.push(Row::new(format!("claim-{name}-empty"), &token, status));
    }
    let bare = json!({ "iss": ISSUER, "sub": "u9", "aud": AUDIENCE, "iat": NOW, "exp": NOW + 60 });
    let ids = with(with(bare.clone(), "client_id", "c"), "jti", "j");
    rows.push(Row::new("foreign-bare", &signed(&bare), 401));
    rows.push(Row::new("foreign-bare-accepted", &signed(&bare), 200).guard("foreign"));
    rows.push(Row::new("foreign-ids", &signed(&ids), 200));
    for own in ["rev", "era"] {
        let token = signed(&with(bare.clone(), own, claims()[own].clone()));
        rows.push(Row::new(format!("foreign-with-{own}"), &token, 401).guard("foreign"));
    }
    rows
}

/// Every known claim with values of other types.
fn types() -> Vec<Row> {
    let values = [
        ("null", Value::Null),
        ("string", json!("1893456000")),
        ("number", json!(1)),
        ("boolean", json!(true)),
        ("array", json!(["a"])),
        ("array-of-numbers", json!([1])),
        ("object", json!({ "a": 1 })),
    ];
    // the types that are right, or that are other issuers' and decide nothing
    let right: [(&str, &[&str]); 20] = [
        ("iss", &[]),
        ("sub", &["string"]),
        ("aud", &[]),
        ("client_id", &["string"]),
        ("jti", &["string"]),
        ("iat", &[]),
        ("nbf", &["number"]),
        ("exp", &[]),
        ("auth_time", &["number"]),
        ("sid", &["string"]),
        ("acr", &["string"]),
        (
            "amr",
            &[
                "null",
                "string",
                "number",
                "boolean",
                "array",
                "array-of-numbers",
                "object",
            ],
        ),
        ("step_up", &["array"]),
        ("username", &["string"]),
        ("subject_kind", &[]),
        ("roles", &["array"]),
        ("scope", &["string"]),
        ("tenant", &["string"]),
        ("narrowed", &["boolean"]),
        ("rev", &["number"]),
    ];
    let mut rows = Vec::new();
    for (name, right) in right {
        for (kind, value) in &values {
            let status = if right.contains(kind) { 200 } else { 401 };
            let token = signed(&with(claims(), name, value.clone()));
            rows.push(Row::new(format!("claim-{name}-{kind}"), &token, status));
        }
    }
    for (id, name, value, status) in [
        ("claim-roles-string", "roles", json!("administrator"), 401),
        ("claim-roles-empty", "roles", json!([]), 200),
        (
            "claim-roles-null-inside",
            "roles",
            json!(["editor", null]),
            401,
        ),
        (
            "claim-roles-number-inside",
            "roles",
            json!(["editor", 1]),
            401,
        ),
        ("claim-roles-nested", "roles", json!([["editor"]]), 401),
        (
            "claim-roles-object",
            "roles",
            json!({ "0": "editor", "length": 1 }),
            401,
        ),
        (
            "claim-roles-twice",
            "roles",
            json!(["user", "editor", "user"]),
            200,
        ),
        ("claim-scope-array", "scope", json!(["items:read"]), 401),
        (
            "claim-scope-spaces",
            "scope",
            json!("  items:read   items:write "),
            200,
        ),
        (
            "claim-scope-tab",
            "scope",
            json!("items:read\titems:write"),
            200,
        ),
        ("claim-era-number", "era", json!(1), 401),
        ("claim-rev-fraction", "rev", json!(7.5), 401),
        ("claim-rev-float", "rev", json!(7.0), 401),
        ("claim-rev-negative", "rev", json!(-1), 401),
        ("claim-rev-largest", "rev", json!(i64::MAX), 200),
        ("claim-rev-too-large", "rev", json!(u64::MAX), 401),
        (
            "claim-subject-kind-client",
            "subject_kind",
            json!("client"),
            200,
        ),
        (
            "claim-subject-kind-unknown",
            "subject_kind",
            json!("robot"),
            401,
        ),
        (
            "claim-subject-kind-case",
            "subject_kind",
            json!("User"),
            401,
        ),
        ("claim-acr-aal2", "acr", json!("aal2"), 200),
        ("claim-acr-phr", "acr", json!("phr"), 200),
        (
            "claim-acr-foreign",
            "acr",
            json!("urn:mace:incommon:iap:silver"),
            200,
        ),
        ("claim-global-null", "global", Value::Null, 401),
        ("claim-global-array", "global", json!([]), 401),
        ("claim-global-empty", "global", json!({}), 200),
        (
            "claim-global-roles-string",
            "global",
            json!({ "roles": "editor" }),
            401,
        ),
        (
            "claim-global-scope-null",
            "global",
            json!({ "scope": null }),
            401,
        ),
    ] {
        let token = signed(&with(claims(), name, value));
        rows.push(Row::new(id.replace("claim-", "value-"), &token, status));
    }
    rows
}

/// The issuer and the audience.
fn parties() -> Vec<Row> {
    let mut rows = Vec::new();
    for (id, iss) in [
        ("other", json!("https://evil.example")),
        ("slash", json!(format!("{ISSUER}/"))),
        ("upper-case", json!("https://LOGIN.example")),
        ("prefix", json!("https://login.exampl")),
        ("longer", json!(format!("{ISSUER}.evil.example"))),
        ("substring", json!("login")),
        ("empty", json!("")),
        ("space", json!(format!("{ISSUER} "))),
        ("array-with-it", json!([ISSUER])),
        ("port", json!(format!("{ISSUER}:443"))),
        ("http", json!("http://login.example")),
    ] {
        rows.push(Row::new(
            format!("iss-{id}"),
            &signed(&with(claims(), "iss", iss)),
            401,
        ));
    }
    for (id, aud, status) in [
        ("array", json!([AUDIENCE]), 200),
        (
            "array-second",
            json!(["https://orders.example", AUDIENCE]),
            200,
        ),
        ("array-without", json!(["https://orders.example"]), 401),
        ("array-empty", json!([]), 401),
        ("array-with-null", json!([AUDIENCE, null]), 401),
        ("array-with-number", json!([AUDIENCE, 1]), 401),
        ("array-nested", json!([[AUDIENCE]]), 401),
        ("other", json!("https://orders.example"), 401),
        ("slash", json!(format!("{AUDIENCE}/")), 401),
        ("upper-case", json!("https://ITEMS.example"), 401),
        ("longer", json!(format!("{AUDIENCE}.evil.example")), 401),
        ("substring", json!("items"), 401),
        (
            "list-in-string",
            json!(format!("{AUDIENCE} https://orders.example")),
            401,
        ),
        ("empty", json!(""), 401),
        ("object", json!({ AUDIENCE: true }), 401),
        ("issuer", json!(ISSUER), 401),
    ] {
        rows.push(Row::new(
            format!("aud-{id}"),
            &signed(&with(claims(), "aud", aud)),
            status,
        ));
    }
    let orders = signed(&with(claims(), "aud", "https://orders.example"));
    rows.push(Row::new("aud-second-of-a-gateway", &orders, 200).guard("gateway"));
    let other = signed(&with(claims(), "aud", "https://stock.example"));
    rows.push(Row::new("aud-other-at-a-gateway", &other, 401).guard("gateway"));
    rows
}

/// The times, at their limits and in odd numbers. The text of a number is written as it stands.
fn times() -> Vec<Row> {
    let es256 = key("es256");
    let head = header(&es256).to_string();
    let with_numbers = |numbers: &[(&str, String)]| {
        let mut text = claims();
        for (name, _) in numbers {
            text[*name] = json!(format!("@{name}@"));
        }
        let mut text = text.to_string();
        for (name, number) in numbers {
            text = text.replace(&format!("\"@{name}@\""), number);
        }
        sign_raw(&es256, &head, text.as_bytes())
    };
    let mut rows = Vec::new();
    let at = |seconds: i64| (NOW + seconds).to_string();
    for (id, name, number, status) in [
        ("exp-now", "exp", at(0), 401),
        ("exp-next-second", "exp", at(1), 200),
        ("exp-last-second", "exp", at(-1), 401),
        ("exp-fraction-of-now", "exp", format!("{NOW}.999"), 401),
        (
            "exp-fraction-of-next",
            "exp",
            format!("{}.001", NOW + 1),
            200,
        ),
        ("exp-float", "exp", format!("{}.0", NOW + 60), 200),
        (
            "exp-exponent",
            "exp",
            format!("{}e2", (NOW + 100) / 100),
            200,
        ),
        (
            "exp-exponent-fraction",
            "exp",
            "1.8934561e9".to_owned(),
            200,
        ),
        ("exp-zero", "exp", "0".to_owned(), 401),
        ("exp-negative", "exp", "-1".to_owned(), 401),
        ("exp-minus-zero", "exp", "-0".to_owned(), 401),
        ("exp-minus-zero-float", "exp", "-0.0".to_owned(), 401),
        ("exp-huge", "exp", "1e300".to_owned(), 401),
        ("exp-max-safe", "exp", "9007199254740993".to_owned(), 401),
        ("exp-i64", "exp", i64::MAX.to_string(), 401),
        ("exp-u64", "exp", u64::MAX.to_string(), 401),
        (
            "exp-milliseconds",
            "exp",
            ((NOW + 60) * 1000).to_string(),
            401,
        ),
        ("iat-leeway", "iat", at(30), 200),
        ("iat-future", "iat", at(31), 401),
        ("iat-leeway-fraction", "iat", format!("{}.9", NOW + 30), 200),
        ("iat-fraction", "iat", format!("{}.25", NOW - 60), 200),
        ("iat-negative", "iat", "-1".to_owned(), 401),
        ("nbf-now", "nbf", at(0), 200),
        ("nbf-leeway", "nbf", at(30), 200),
        ("nbf-future", "nbf", at(31), 401),
        ("nbf-leeway-fraction", "nbf", format!("{}.5", NOW + 30), 200),
        ("nbf-past", "nbf", "0".to_owned(), 200),
        ("nbf-fraction-past", "nbf", "0.5".to_owned(), 200),
        ("nbf-year-10000", "nbf", "253402300800".to_owned(), 401),
        (
            "auth-time-fraction",
            "auth_time",
            format!("{}.75", NOW - 60),
            200,
        ),
        ("auth-time-future", "auth_time", at(1000), 200),
        (
            "auth-time-year-9999",
            "auth_time",
            "253402300799".to_owned(),
            200,
        ),
        (
            "auth-time-year-10000",
            "auth_time",
            "253402300800".to_owned(),
            401,
        ),
        ("auth-time-negative", "auth_time", "-1".to_owned(), 401),
    ] {
        rows.push(Row::new(
            format!("time-{id}"),
            &with_numbers(&[(name, number)]),
            status,
        ));
    }
    for (id, iat, exp, status) in [
        ("24-hours", at(-60), at(86_340), 200),
        ("24-hours-and-a-second", at(-60), at(86_341), 401),
        (
            "24-hours-and-a-fraction",
            at(-60),
            format!("{}.9", NOW + 86_340),
            200,
        ),
        (
            "fraction-before",
            format!("{}.9", NOW - 60),
            at(86_340),
            200,
        ),
        ("negative", at(10), at(5), 200),
        ("ended-and-too-long", at(-90_000), at(-1), 401),
        ("ended-before-issue", at(-60), at(-120), 401),
        ("year", at(-60), at(31_536_000), 401),
    ] {
        let token = with_numbers(&[("iat", iat), ("exp", exp)]);
        rows.push(Row::new(format!("lifetime-{id}"), &token, status));
    }
    rows
}

/// Valid tokens with everything that a principal shows.
fn contents() -> Vec<Row> {
    let tenant = with(claims(), "tenant", "acme");
    let client = json!({
        "iss": ISSUER, "sub": "c1", "subject_kind": "client", "aud": AUDIENCE, "client_id": "c1", "iat": NOW,
        "exp": NOW + 60, "jti": "t2", "roles": [], "scope": "items:read items:write", "rev": 7, "era": "e1",
    });
    let global = json!({ "roles": ["user", "admin"], "scope": "items:read items:delete" });
    [
        ("user", claims()),
        ("client", client.clone()),
        ("client-with-username", with(client, "username", "alice")),
        ("tenant", tenant.clone()),
        ("tenant-with-global", with(tenant, "global", global.clone())),
        ("global-without-tenant", with(claims(), "global", global)),
        (
            "email",
            with(
                with(claims(), "email", "a@b.example"),
                "email_verified",
                true,
            ),
        ),
        (
            "other-claims",
            with(
                with(claims(), "department", "sales"),
                "levels",
                json!([1, { "a": null }]),
            ),
        ),
        ("unicode", with(claims(), "username", "Zo\u{eb} \u{1f600}")),
        ("narrowed", with(claims(), "narrowed", true)),
        ("step-up", with(claims(), "step_up", json!(["admin"]))),
        (
            "methods",
            with(claims(), "amr", json!(["pwd", "otp", "mfa"])),
        ),
        ("no-scope-has-no-permissions", without(claims(), "scope")),
        (
            "confirmation-ignored",
            with(claims(), "cnf", json!({ "jkt": "x" })),
        ),
    ]
    .into_iter()
    .map(|(id, claims)| Row::new(format!("content-{id}"), &signed(&claims), 200))
    .collect()
}
