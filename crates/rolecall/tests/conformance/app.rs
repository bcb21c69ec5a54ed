//! `app/`: the toy application, whose access matrix every package derives from its own routes.

use http::Method;
use rolecall::{AccessMatrix, RouteAccess, RuleSpec};
use serde_json::{Value, json};

use crate::{assert_file, document};

/// The routes: method, path, rule, handler.
fn routes() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    let role = |name: &str| json!({ "role": name });
    vec![
        ("GET", "/health", json!("public"), "health"),
        ("GET", "/", json!("optional"), "home"),
        ("GET", "/me", json!("authenticated"), "read_me"),
        ("GET", "/items/", role("admin"), "read_items"),
        (
            "POST",
            "/items/",
            json!({ "permission": "items:write" }),
            "create_item",
        ),
        (
            "GET",
            "/items/{id}",
            json!({ "any": [role("admin"), role("user")] }),
            "read_item",
        ),
        (
            "DELETE",
            "/items/{id}",
            json!({ "all": [role("admin"), { "permission": "items:write" }] }),
            "delete_item",
        ),
        (
            "GET",
            "/{tenant}/items",
            json!({ "for_tenant": role("user") }),
            "read_tenant_items",
        ),
        (
            "GET",
            "/reports",
            json!({ "in_tenant": role("user") }),
            "read_reports",
        ),
        (
            "PUT",
            "/password",
            json!({ "fresh": { "rule": "authenticated", "seconds": 300 } }),
            "change_password",
        ),
    ]
}

#[test]
fn the_application_and_its_matrix_are_current() {
    let rows: Vec<Value> = routes()
        .into_iter()
        .map(|(method, path, rule, handler)| json!({ "method": method, "path": path, "rule": rule, "handler": handler }))
        .collect();
    let head = json!({ "format": 1, "roles": ["admin", "user"] });
    assert_file("app/routes.json", &document(&head, "routes", &rows));
    let table = routes().into_iter().map(|(method, path, rule, handler)| {
        let spec: RuleSpec = serde_json::from_value(rule).unwrap();
        let method: Method = method.parse().unwrap();
        RouteAccess::new(method, path, spec.rule().unwrap(), handler)
    });
    let matrix = AccessMatrix::from_routes(table.collect()).roles(&["admin", "user"]);
    assert_file("app/access.lock", &matrix.to_string());
}
