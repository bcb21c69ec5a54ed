//! Fills what the guards' types say into an `OpenAPI` document.
//!
//! It works on the JSON of any generator. Security, the 401 and the 403 answers are written here and not
//! by hand, so that document and guard cannot drift apart.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Map, Value, json};

use crate::{Problem, RouteAccess, Rule};

/// Why a document and a router do not describe the same API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// It is no `OpenAPI` document: a member has the wrong type.
    #[error("not an OpenAPI document: `{0}` is not an object")]
    Malformed(String),
    /// The two do not name the same operations, each written `GET /items/`.
    #[error("{}", disagreement(unrouted, undocumented))]
    Disagreement {
        /// Operations of the document that the router does not have.
        unrouted: Vec<String>,
        /// Routes that the document does not have.
        undocumented: Vec<String>,
    },
}

fn disagreement(unrouted: &[String], undocumented: &[String]) -> String {
    let part = |what: &str, operations: &[String]| {
        let list = operations.join(", ");
        (!operations.is_empty()).then(|| format!("{what}: {list}"))
    };
    let parts = [
        part("documented and not routed", unrouted),
        part("routed and not documented", undocumented),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Writes into every operation of `document` what its route asks for.
///
/// `routes` is [`GuardedRouter::access_table`](crate::GuardedRouter::access_table), `scheme` the name of the
/// security scheme in the document. Each operation gets `security` (empty for a public one; roles are
/// written `role:admin`), the 401 and 403 answers, and `x-rolecall-rule`; the document gets the schema
/// `Problem` unless it has one. Nothing is written if an error is returned.
///
/// Requirements that are alternatives stand side by side: a role of an [`AnyOf`](crate::AnyOf) each in an
/// object of its own.
///
/// # Errors
///
/// [`DocumentError::Disagreement`] names every documented operation that is not routed and every route
/// that is not documented; what `merge_public` added is left out of it, since its routes are not known.
///
/// ```
/// use rolecall::{GuardedRouter, Require, openapi, routing::get};
/// # fn guard() -> rolecall::Guard { rolecall::testing::TestIssuer::new().guard() }
///
/// rolecall::roles! { mod role { Admin = "admin" } }
/// async fn read_items(_: Require<role::Admin>) {}
///
/// let app: GuardedRouter = GuardedRouter::new(guard()).route("/items/", get(read_items));
/// let mut document = serde_json::json!({ "openapi": "3.1.0", "paths": { "/items/": { "get": {} } } });
/// openapi::secure(&mut document, &app.access_table(), "login")?;
/// let operation = &document["paths"]["/items/"]["get"];
/// assert_eq!(operation["security"], serde_json::json!([{ "login": ["role:admin"] }]));
/// assert!(operation["responses"]["403"].is_object());
/// # Ok::<(), openapi::DocumentError>(())
/// ```
pub fn secure(
    document: &mut Value,
    routes: &[RouteAccess],
    scheme: &str,
) -> Result<(), DocumentError> {
    compare(document, routes)?;
    let mut secured = document.clone();
    for route in routes {
        let Some(member) = route.method.as_ref().and_then(operation_member) else {
            continue;
        };
        let path = document_path(&route.path);
        let paths = object(&mut secured, "paths")?;
        let item = object_in(paths, &path)?;
        let operation = object_in(item, member)?;
        fill(operation, &route.rule, scheme)?;
    }
    let components = object(&mut secured, "components")?;
    let schemas = object_in(components, "schemas")?;
    schemas.entry("Problem").or_insert_with(problem_schema);
    *document = secured;
    Ok(())
}

const METHODS: [(Method, &str); 6] = [
    (Method::GET, "get"),
    (Method::PUT, "put"),
    (Method::POST, "post"),
    (Method::DELETE, "delete"),
    (Method::HEAD, "head"),
    (Method::PATCH, "patch"),
];

fn operation_member(method: &Method) -> Option<&'static str> {
    let found = METHODS.iter().find(|(known, _)| known == method);
    found.map(|(_, member)| *member)
}

/// axum writes a wildcard `{*path}`; `OpenAPI` knows only `{path}`.
fn document_path(path: &str) -> String {
    path.replace("{*", "{")
}

fn compare(document: &Value, routes: &[RouteAccess]) -> Result<(), DocumentError> {
    let mounted: BTreeSet<(String, &str)> = routes
        .iter()
        .filter_map(|route| {
            let member = operation_member(route.method.as_ref()?)?;
            Some((document_path(&route.path), member))
        })
        .collect();
    let documented = operations(document)?;
    let name = |(path, member): &(String, &str)| format!("{} {path}", member.to_uppercase());
    let unrouted: Vec<String> = documented.difference(&mounted).map(name).collect();
    let undocumented: Vec<String> = mounted.difference(&documented).map(name).collect();
    if unrouted.is_empty() && undocumented.is_empty() {
        return Ok(());
    }
    Err(DocumentError::Disagreement {
        unrouted,
        undocumented,
    })
}

fn operations(document: &Value) -> Result<BTreeSet<(String, &str)>, DocumentError> {
    let malformed = |what: &str| DocumentError::Malformed(what.to_owned());
    let document = document
        .as_object()
        .ok_or_else(|| malformed("the document"))?;
    let mut found = BTreeSet::new();
    let Some(paths) = document.get("paths") else {
        return Ok(found);
    };
    for (path, item) in paths.as_object().ok_or_else(|| malformed("paths"))? {
        let item = item.as_object().ok_or_else(|| malformed(path))?;
        // `options` and `trace` too: the guarded router never has them
        let members = item.keys().filter(|member| is_method(member));
        found.extend(members.map(|member| (path.clone(), member.as_str())));
    }
    Ok(found)
}

fn is_method(member: &str) -> bool {
    matches!(member, "options" | "trace") || METHODS.iter().any(|(_, known)| *known == member)
}

fn object<'a>(
    value: &'a mut Value,
    member: &str,
) -> Result<&'a mut Map<String, Value>, DocumentError> {
    let value = value
        .as_object_mut()
        .ok_or_else(|| DocumentError::Malformed("the document".to_owned()))?;
    object_in(value, member)
}

fn object_in<'a>(
    map: &'a mut Map<String, Value>,
    member: &str,
) -> Result<&'a mut Map<String, Value>, DocumentError> {
    map.entry(member)
        .or_insert_with(|| json!({}))
        .as_object_mut()
        .ok_or_else(|| DocumentError::Malformed(member.to_owned()))
}

fn fill(
    operation: &mut Map<String, Value>,
    rule: &Rule,
    scheme: &str,
) -> Result<(), DocumentError> {
    operation.insert("security".to_owned(), security(rule, scheme));
    operation.insert("x-rolecall-rule".to_owned(), json!(rule.to_string()));
    let responses = object_in(operation, "responses")?;
    if !matches!(rule, Rule::Public) {
        let text = "The access token is missing, not valid, or has ended";
        let challenge = "How to authenticate (RFC 6750 section 3)";
        responses.insert("401".to_owned(), answer(text, challenge));
    }
    if rule.scope().is_some() || rule.asks_for_tenant() {
        let text = format!("The caller lacks what the operation asks for: {rule}");
        let challenge = "What is lacking: `error=\"insufficient_scope\"` and its `scope`";
        responses.insert("403".to_owned(), answer(&text, challenge));
    }
    Ok(())
}

/// The security requirement objects: alternatives side by side, each with all that it asks for.
fn security(rule: &Rule, scheme: &str) -> Value {
    let requirement = |scopes: Vec<String>| json!({ scheme: scopes });
    match rule {
        Rule::Public => json!([]),
        Rule::Optional => json!([{}, requirement(Vec::new())]),
        other => {
            let mut lists = alternatives(other);
            // no requirement at all would read as open; a rule that nobody satisfies is not
            if lists.is_empty() {
                lists.push(Vec::new());
            }
            lists.into_iter().map(requirement).collect()
        }
    }
}

/// The rule as alternatives of lists, which is how `OpenAPI` writes it.
fn alternatives(rule: &Rule) -> Vec<Vec<String>> {
    match rule {
        Rule::AnyOf(rules) => rules.iter().flat_map(alternatives).collect(),
        Rule::AllOf(rules) => rules.iter().fold(vec![Vec::new()], |lists, rule| {
            let more = alternatives(rule);
            let join = |list: &Vec<String>| more.iter().map(|more| joined(list, more)).collect();
            lists.iter().flat_map::<Vec<_>, _>(join).collect()
        }),
        Rule::ForTenant(rule) => alternatives(rule),
        other => vec![other.names()],
    }
}

fn joined(list: &[String], more: &[String]) -> Vec<String> {
    let new = more.iter().filter(|name| !list.contains(name));
    list.iter().chain(new).cloned().collect()
}

fn answer(description: &str, challenge: &str) -> Value {
    json!({
        "description": description,
        "headers": { "WWW-Authenticate": { "description": challenge, "schema": { "type": "string" } } },
        "content": { Problem::MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

fn problem_schema() -> Value {
    let member =
        |kind: &str, description: &str| json!({ "type": kind, "description": description });
    json!({
        "type": "object",
        "description": "What went wrong (RFC 9457)",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": member("string", "The kind of problem: `urn:rolecall:problem:` and a code"),
            "title": member("string", "The kind of problem in words"),
            "status": member("integer", "The HTTP status"),
            "detail": member("string", "What happened this time"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADMIN: Rule = Rule::Role("admin");
    const EDITOR: Rule = Rule::Role("editor");
    const READ: Rule = Rule::Permission("items:read");

    fn route(method: Method, path: &str, rule: Rule) -> RouteAccess {
        RouteAccess {
            path: path.to_owned(),
            method: Some(method),
            rule,
            handler: "handler".to_owned(),
        }
    }

    fn secured(rule: Rule) -> Value {
        let mut document = json!({ "paths": { "/x": { "get": { "responses": { "200": {} } } } } });
        secure(&mut document, &[route(Method::GET, "/x", rule)], "login").unwrap();
        document["paths"]["/x"]["get"].clone()
    }

    #[test]
    fn a_public_operation_is_open_even_where_the_document_asks_for_a_token_by_default() {
        let operation = secured(Rule::Public);
        assert_eq!(operation["security"], json!([]));
        assert_eq!(operation["responses"], json!({ "200": {} }));
        assert_eq!(operation["x-rolecall-rule"], "public");
    }

    #[test]
    fn an_optional_token_is_one_alternative_and_a_bad_one_is_401() {
        let operation = secured(Rule::Optional);
        assert_eq!(operation["security"], json!([{}, { "login": [] }]));
        assert!(operation["responses"]["401"].is_object());
        assert!(operation["responses"].get("403").is_none());
    }

    #[test]
    fn any_token_can_be_refused_with_401_and_never_with_403() {
        let operation = secured(Rule::Authenticated);
        assert_eq!(operation["security"], json!([{ "login": [] }]));
        assert!(operation["responses"].get("403").is_none());
    }

    #[test]
    fn alternatives_stand_side_by_side_and_conditions_together() {
        let requirements = |rule: Rule| secured(rule)["security"].clone();
        assert_eq!(
            requirements(Rule::AnyOf(&[ADMIN, Rule::AllOf(&[EDITOR, READ])])),
            json!([{ "login": ["role:admin"] }, { "login": ["role:editor", "items:read"] }])
        );
        assert_eq!(
            requirements(Rule::AllOf(&[READ, Rule::AnyOf(&[ADMIN, EDITOR])])),
            json!([{ "login": ["items:read", "role:admin"] }, { "login": ["items:read", "role:editor"] }])
        );
    }

    #[test]
    fn a_rule_that_nobody_satisfies_does_not_read_as_open() {
        let operation = secured(Rule::AnyOf(&[]));
        assert_eq!(operation["security"], json!([{ "login": [] }]));
    }

    #[test]
    fn what_the_document_does_not_know_and_the_router_does_not_have_is_named() {
        let mut document = json!({ "paths": {
            "/x": { "get": {}, "options": {}, "parameters": [], "summary": "x" }, "/gone": { "delete": {} },
        } });
        let before = document.clone();
        let routes = [
            route(Method::GET, "/x", ADMIN),
            route(Method::POST, "/new/{*rest}", ADMIN),
        ];
        let error = secure(&mut document, &routes, "login").unwrap_err();
        assert_eq!(
            error.to_string(),
            "documented and not routed: DELETE /gone, OPTIONS /x; routed and not documented: POST /new/{rest}"
        );
        assert_eq!(document, before, "nothing is written by half");
        // one of the two is enough
        let get = || route(Method::GET, "/x", ADMIN);
        for (mut document, routes) in [
            (json!({ "paths": { "/x": { "get": {} } } }), vec![]),
            (json!({ "paths": {} }), vec![get()]),
        ] {
            assert!(secure(&mut document, &routes, "login").is_err());
        }
    }

    #[test]
    fn a_plain_router_merged_on_purpose_need_not_be_documented() {
        let mut document = json!({ "paths": {} });
        let open = RouteAccess {
            path: "/".to_owned(),
            method: None,
            rule: Rule::Public,
            handler: "docs".to_owned(),
        };
        assert_eq!(secure(&mut document, &[open], "login"), Ok(()));
    }

    #[test]
    fn hand_written_security_does_not_survive() {
        let mut document = json!({ "paths": { "/x": { "get": {
            "security": [], "responses": { "403": { "description": "never" } },
        } } } });
        secure(&mut document, &[route(Method::GET, "/x", READ)], "login").unwrap();
        let operation = &document["paths"]["/x"]["get"];
        assert_eq!(operation["security"], json!([{ "login": ["items:read"] }]));
        assert_eq!(
            operation["responses"]["403"]["description"],
            "The caller lacks what the operation asks for: items:read"
        );
    }

    #[test]
    fn what_is_no_document_is_refused_by_name() {
        for (mut document, name) in [
            (json!([]), "the document"),
            (json!({ "paths": [] }), "paths"),
            (json!({ "paths": { "/x": 1 } }), "/x"),
        ] {
            let error = secure(&mut document, &[], "login").unwrap_err();
            assert_eq!(error, DocumentError::Malformed(name.to_owned()));
        }
    }

    #[test]
    fn what_every_problem_has_is_in_its_schema() {
        let mut document = json!({});
        secure(&mut document, &[], "login").unwrap();
        let schema = &document["components"]["schemas"]["Problem"];
        let body = Problem::new(http::StatusCode::CONFLICT, "x", "y").to_json();
        for (name, value) in body.as_object().unwrap() {
            let kind = &schema["properties"][name]["type"];
            assert_eq!(kind == "integer", value.is_u64(), "{name}");
            assert_eq!(kind == "string", value.is_string(), "{name}");
            assert!(
                schema["required"]
                    .as_array()
                    .unwrap()
                    .contains(&json!(name))
            );
        }
    }

    #[test]
    fn a_problem_schema_of_the_application_stays() {
        let mut document =
            json!({ "components": { "schemas": { "Problem": { "title": "mine" } } } });
        secure(&mut document, &[], "login").unwrap();
        assert_eq!(
            document["components"]["schemas"]["Problem"]["title"],
            "mine"
        );
    }
}
