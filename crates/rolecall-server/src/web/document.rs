//! The OpenAPI document: the descriptions of the handlers, with security requirements from the guards.

use std::collections::BTreeSet;

use rolecall::{
    Problem, RouteAccess,
    openapi::{self, DocumentError},
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{
    ToSchema,
    openapi::{
        ComponentsBuilder, Info, OpenApiBuilder, Paths, RefOr, Schema,
        security::{
            AuthorizationCode, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes,
            SecurityScheme,
        },
        server::Server,
    },
};

use super::{address::path_of, examples, page_operations, schemas};

/// The name of the security scheme.
pub(super) const SCHEME: &str = "rolecall";
/// The name of the same scheme for clients that have a token already; generators of clients support it best.
pub(super) const BEARER: &str = "bearer";
/// The grammar of names, the same as that of `rolecall_core::is_name`.
pub(crate) const NAME_PATTERN: &str = "^[a-z0-9][a-z0-9._-]{0,63}$";

/// The tags in the order in which a page shows them: first what a visitor does first.
const TAGS: [(&str, &str); 18] = [
    ("tokens", "Log in and out"),
    ("sign-in", "Sign people in with a browser"),
    ("account", "Register, and manage your own account"),
    ("users", "Manage the accounts of others"),
    ("role assignments", "Give roles to users and clients"),
    ("roles", "Define what roles permit and inherit"),
    ("permissions", "Define permissions"),
    ("constraints", "Keep duties separate"),
    ("policy", "Permissions and roles as one document"),
    ("decisions", "Ask why somebody may do something"),
    ("clients", "Manage programs that log in"),
    ("resources", "Limit tokens to one of your APIs"),
    ("forward-auth", "Let a proxy ask"),
    ("keys", "Keys that sign tokens"),
    ("audit", "What was changed, and by whom"),
    (page_operations::TAG, "Administrate with a browser"),
    ("health", "Ask if this server works"),
    ("documentation", "This page"),
];

/// The name of the response to a wrong request.
const BAD_REQUEST: &str = "BadRequest";

/// Builds the document of a server that clients reach at `public_url`.
///
/// # Errors
///
/// If routes and descriptions disagree; a test checks that they agree.
pub(crate) fn write(
    public_url: &str,
    paths: &Paths,
    described: &[(String, RefOr<Schema>)],
    routes: &[RouteAccess],
) -> Result<Value, DocumentError> {
    let mut components = ComponentsBuilder::new();
    for (name, schema) in described {
        components = components.schema(name, schema.clone());
    }
    let token_url = format!("{}/token", path_of(public_url));
    let authorization_url = format!("{}/authorize", path_of(public_url));
    let flows = [
        Flow::Password(Password::new(&token_url, scopes(routes))),
        Flow::AuthorizationCode(AuthorizationCode::new(
            authorization_url,
            &token_url,
            scopes(routes),
        )),
    ];
    components = components.security_scheme(SCHEME, SecurityScheme::OAuth2(OAuth2::new(flows)));
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT");
    components = components.security_scheme(BEARER, SecurityScheme::Http(bearer.build()));
    let mut info = Info::new("rolecall", env!("CARGO_PKG_VERSION"));
    info.description = Some("Login, roles and permissions.".to_owned());
    let built = OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new(public_url)]))
        .paths(paths.clone())
        .components(Some(components.build()))
        .build();
    let mut document = serde_json::to_value(built).unwrap_or_default();
    complete(&mut document);
    openapi::secure(&mut document, routes, SCHEME)?;
    offer_bearer(&mut document);
    add_shared(&mut document);
    schemas::shape(&mut document);
    examples::add(&mut document);
    Ok(document)
}

/// Adds the response to wrong requests and the list of tags.
fn add_shared(document: &mut Value) {
    let responses = document.pointer_mut("/components/responses");
    if let Some(responses) = responses.and_then(Value::as_object_mut) {
        responses.insert(BAD_REQUEST.to_owned(), bad_request());
    }
    let tags = TAGS.map(|(name, text)| json!({ "name": name, "description": text }));
    document["tags"] = json!(tags);
}

fn bad_request() -> Value {
    json!({
        "description": "The request is wrong",
        "content": { Problem::MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

/// Adds the second scheme to every operation that needs the first, with the same scopes.
pub(super) fn offer_bearer(document: &mut Value) {
    for item in members(document, "paths") {
        let operations = item.as_object_mut().into_iter().flatten();
        for (_, operation) in operations {
            let Some(ways) = operation.get_mut("security").and_then(Value::as_array_mut) else {
                continue;
            };
            let scopes = ways.iter().filter_map(|way| way.get(SCHEME));
            let bearer: Vec<Value> = scopes.map(|scopes| json!({ BEARER: scopes })).collect();
            ways.extend(bearer);
        }
    }
}

/// Returns the scopes that the Authorize dialog of the page offers.
fn scopes(routes: &[RouteAccess]) -> Scopes {
    let names: BTreeSet<String> = routes.iter().flat_map(|route| route.rule.names()).collect();
    let scopes = names.into_iter().map(|name| (name, String::new()));
    scopes.collect()
}

/// Adds to every operation the facts that hold for all of them, so that no handler repeats them.
fn complete(document: &mut Value) {
    let optional = optional_bodies(document);
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else {
        return;
    };
    let items = paths.values_mut().filter_map(Value::as_object_mut);
    for operation in items.flat_map(|item| item.values_mut()) {
        for response in members(operation, "responses") {
            name_problem(response);
            if *response == bad_request() {
                *response = json!({ "$ref": format!("#/components/responses/{BAD_REQUEST}") });
            }
        }
        for parameter in operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            name_grammar(parameter);
        }
        if let Some(body) = operation.get_mut("requestBody") {
            let schema = body.pointer("/content/application~1json/schema/$ref");
            let schema = schema
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            // a missing body counts as `{}`
            let body = body.as_object_mut();
            let required = json!(!optional.contains(&schema));
            body.map(|body| body.insert("required".to_owned(), required));
        }
    }
}

pub(super) fn members<'a>(value: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    let object = value.get_mut(name).and_then(Value::as_object_mut);
    object.into_iter().flat_map(|object| object.values_mut())
}

/// Returns the schemas without required members.
fn optional_bodies(document: &Value) -> BTreeSet<String> {
    let schemas = document
        .pointer("/components/schemas")
        .and_then(Value::as_object);
    let optional = schemas
        .into_iter()
        .flatten()
        .filter(|(_, schema)| schema.get("required").is_none());
    optional
        .map(|(name, _)| format!("#/components/schemas/{name}"))
        .collect()
}

/// Changes the media type of errors to `application/problem+json`; the generator only knows `application/json`.
fn name_problem(response: &mut Value) {
    let Some(content) = response.get_mut("content").and_then(Value::as_object_mut) else {
        return;
    };
    let is_problem = content
        .get("application/json")
        .and_then(|body| body.pointer("/schema/$ref"))
        .is_some_and(|schema| schema == "#/components/schemas/Problem");
    if is_problem && let Some(body) = content.remove("application/json") {
        content.insert(Problem::MEDIA_TYPE.to_owned(), body);
    }
}

/// Adds the grammar of names to parameters that are roles.
fn name_grammar(parameter: &mut Value) {
    let is_name = ["role", "junior"]
        .iter()
        .any(|name| parameter["name"] == *name);
    if is_name && parameter["in"] == "path" {
        let schema = parameter.get_mut("schema").and_then(Value::as_object_mut);
        schema.map(|schema| schema.insert("pattern".to_owned(), json!(NAME_PATTERN)));
    }
}

/// An error (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// A URI that ends in the error code.
    r#type: String,
    title: String,
    status: u16,
    /// The error, in words.
    detail: String,
    /// The faults by member, in the form of `FastAPI`.
    errors: Option<Vec<ProblemField>>,
    /// The rule that refused the request.
    rule: Option<String>,
    roles: Option<Vec<String>>,
    permissions: Option<Vec<String>>,
    path: Option<Vec<String>>,
    /// The constraint that would be violated.
    constraint: Option<String>,
    /// An encrypted note of a refusal, which an administrator can have explained: `GET /api/decisions/{receipt}`.
    receipt: Option<String>,
}

/// An invalid member.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemField {
    /// The path of the member: names, and positions in lists.
    loc: Vec<Value>,
    msg: String,
    r#type: String,
    /// The line of a document in TOML.
    line: Option<u32>,
    column: Option<u32>,
}
