//! Adds the access rules of a router to an `OpenAPI` document.
//!
//! This works with the JSON of any generator. Because security requirements and the 401 and 403 responses come from the
//! rules, document and guards cannot differ.

mod outline;

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Map, Value, json};

pub use self::outline::outline;
use crate::{Problem, RouteAccess, Rule};

/// The error if a document and a router do not describe the same API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The text is not an `OpenAPI` document: a member has the wrong type.
    #[error("not an OpenAPI document: `{0}` is not an object")]
    Malformed(String),
    /// The document and the router do not have the same operations, which are written as `GET /items/`.
    #[error("{}", disagreement(unrouted, undocumented))]
    Disagreement {
        /// Operations of the document without a route.
        unrouted: Vec<String>,
        /// Routes that are not in the document.
        undocumented: Vec<String>,
    },
}

fn disagreement(unrouted: &[String], undocumented: &[String]) -> String {
    let mut parts = Vec::new();
    if !unrouted.is_empty() {
        let list = unrouted.join(", ");
        parts.push(format!(
            "documented but not routed: {list} (are path and method the same as in the router?)"
        ));
    }
    if !undocumented.is_empty() {
        let list = undocumented.join(", ");
        let remedy = if undocumented.iter().any(|name| is_of_rolecall(name)) {
            "the routes of `Embedded` have a document of their own: call `access_table` before they are merged, or let \
             `Embedded::with_application` join both documents"
        } else {
            "describe them, or leave their rows out of `routes`"
        };
        parts.push(format!("routed but not documented: {list} ({remedy})"));
    }
    parts.join("; ")
}

/// Returns true for an operation that every rolecall server has.
fn is_of_rolecall(name: &str) -> bool {
    name.ends_with("/.well-known/jwks.json")
}

/// Adds the access rule of its route to every operation of `document`.
///
/// `routes` is [`GuardedRouter::access_table`](crate::GuardedRouter::access_table), and `scheme` is the name of the
/// security scheme in the document. Each operation gets `security` (empty if it is public; roles are written
/// `role:admin`), the 401 and 403 responses, and `x-rolecall-rule`. The document gets these responses as
/// [`NOT_AUTHENTICATED`] and [`NOT_PERMITTED`], and the schema of their bodies as `Problem`, or as `RolecallProblem` if
/// it has another `Problem`. The alternatives of an [`AnyOf`](crate::AnyOf) become separate security requirement
/// objects.
///
/// To leave routes out of the document, leave their rows out of `routes`: those of `Embedded`, which has a document of
/// its own, by calling `access_table` before they are merged, and others with
/// `routes.retain(|route| route.path != "/internal")`.
///
/// # Errors
///
/// [`DocumentError::Disagreement`] with every documented operation without a route and every route that is not
/// documented, except for those that `merge_public` added, which are not known. [`DocumentError::Malformed`] if a
/// member of the document has the wrong type. The document is unchanged after an error.
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
/// assert_eq!(operation["responses"]["403"]["$ref"], "#/components/responses/NotPermitted");
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
        secure_operation(operation, &route.rule, scheme)?;
    }
    add_components(&mut secured)?;
    *document = secured;
    Ok(())
}

/// The name of the 401 response in `components/responses`.
pub const NOT_AUTHENTICATED: &str = "NotAuthenticated";
/// The name of the 403 response in `components/responses`.
pub const NOT_PERMITTED: &str = "NotPermitted";

/// Adds the responses to which operations refer, and the schema of their bodies, unless they are there.
fn add_components(document: &mut Value) -> Result<(), DocumentError> {
    let components = object(document, "components")?;
    let schemas = object_in(components, "schemas")?;
    let name = match schemas.get("Problem") {
        Some(other) if !is_problem(other) => "RolecallProblem",
        _ => "Problem",
    };
    schemas.entry(name).or_insert_with(problem_schema);
    let responses = object_in(components, "responses")?;
    for (response, text, challenge) in [
        (
            NOT_AUTHENTICATED,
            "The access token is missing, not valid, or has ended, or its user has to sign in again",
            "The challenge (RFC 6750 section 3, RFC 9470)",
        ),
        (
            NOT_PERMITTED,
            "The caller does not satisfy the access rule, which `x-rolecall-rule` names",
            "The challenge: `error=\"insufficient_scope\"` and the `scope` that is needed",
        ),
    ] {
        let described = || describe_response(text, challenge, name);
        responses.entry(response).or_insert_with(described);
    }
    Ok(())
}

/// Returns true for a schema with the members of RFC 9457.
fn is_problem(schema: &Value) -> bool {
    let members = ["type", "title", "status", "detail"];
    let has = |member| {
        schema
            .get("properties")
            .is_some_and(|all| all.get(member).is_some())
    };
    members.into_iter().all(has)
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

/// Converts a path of axum, which writes wildcards as `{*path}`, to a path of `OpenAPI`.
fn document_path(path: &str) -> String {
    path.replace("{*", "{")
}

/// Checks that the document and the router have the same operations.
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
    let malformed = |member: &str| DocumentError::Malformed(member.to_owned());
    let document = document
        .as_object()
        .ok_or_else(|| malformed("the document"))?;
    let mut found = BTreeSet::new();
    let Some(paths) = document.get("paths") else {
        return Ok(found);
    };
    for (path, item) in paths.as_object().ok_or_else(|| malformed("paths"))? {
        let item = item.as_object().ok_or_else(|| malformed(path))?;
        // this includes `options` and `trace`, which the guarded router never has
        let members = item.keys().filter(|member| is_method(member));
        found.extend(members.map(|member| (path.clone(), member.as_str())));
    }
    Ok(found)
}

fn is_method(member: &str) -> bool {
    matches!(member, "options" | "trace") || METHODS.iter().any(|(_, known)| *known == member)
}

/// Returns the object `member` of `value`, which is added if it is missing.
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

/// Writes the rule into one operation.
fn secure_operation(
    operation: &mut Map<String, Value>,
    rule: &Rule,
    scheme: &str,
) -> Result<(), DocumentError> {
    operation.insert("security".to_owned(), security(rule, scheme));
    operation.insert("x-rolecall-rule".to_owned(), json!(rule.to_string()));
    let responses = object_in(operation, "responses")?;
    let refer = |name: &str| json!({ "$ref": format!("#/components/responses/{name}") });
    if !matches!(rule, Rule::Public) {
        responses.insert("401".to_owned(), refer(NOT_AUTHENTICATED));
    }
    let can_be_refused = rule.scope().is_some() || rule.max_age().is_some();
    if can_be_refused || rule.names_tenant() || matches!(rule, Rule::OrIf(..)) {
        responses.insert("403".to_owned(), refer(NOT_PERMITTED));
    }
    Ok(())
}

/// Returns the security requirement objects, one for each alternative with all the scopes that it needs.
fn security(rule: &Rule, scheme: &str) -> Value {
    let requirement = |scopes: Vec<String>| json!({ scheme: scopes });
    match rule {
        Rule::Public => json!([]),
        Rule::Optional => json!([{}, requirement(Vec::new())]),
        other => {
            let mut lists = alternatives(other);
            lists.dedup();
            // an empty list would mean that the operation is public, but this rule admits no caller
            if lists.is_empty() {
                lists.push(Vec::new());
            }
            lists.into_iter().map(requirement).collect()
        }
    }
}

/// Converts the rule to disjunctive normal form: alternatives, each a list of scopes that are all needed.
fn alternatives(rule: &Rule) -> Vec<Vec<String>> {
    match rule {
        Rule::AnyOf(rules) => rules.iter().flat_map(alternatives).collect(),
        Rule::AllOf(rules) => rules.iter().fold(vec![Vec::new()], |lists, rule| {
            let others = alternatives(rule);
            let combine =
                |list: &Vec<String>| others.iter().map(|other| union(list, other)).collect();
            lists.iter().flat_map::<Vec<_>, _>(combine).collect()
        }),
        Rule::ForTenant(rule) | Rule::InTenant(rule) | Rule::Fresh(rule, _) => alternatives(rule),
        // every token may try
        Rule::OrIf(..) => vec![Vec::new()],
        other => vec![other.names()],
    }
}

fn union(list: &[String], other: &[String]) -> Vec<String> {
    let new = other.iter().filter(|name| !list.contains(name));
    list.iter().chain(new).cloned().collect()
}

fn describe_response(description: &str, challenge: &str, schema: &str) -> Value {
    let schema = format!("#/components/schemas/{schema}");
    json!({
        "description": description,
        "headers": { "WWW-Authenticate": { "description": challenge, "schema": { "type": "string" } } },
        "content": { Problem::MEDIA_TYPE: { "schema": { "$ref": schema } } },
    })
}

fn problem_schema() -> Value {
    let member =
        |kind: &str, description: &str| json!({ "type": kind, "description": description });
    json!({
        "type": "object",
        "description": "An error (RFC 9457)",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": member("string", "The type of problem: `urn:rolecall:problem:` and a code"),
            "title": member("string", "The type of problem in words"),
            "status": member("integer", "The HTTP status"),
            "detail": member("string", "An explanation of this occurrence"),
            "receipt": member("string", "An encrypted note of a refusal, which an administrator can have explained"),
        },
    })
}

#[cfg(test)]
mod tests;
