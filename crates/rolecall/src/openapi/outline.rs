use std::collections::BTreeSet;

use http::Method;
use serde_json::{Map, Value, json};

use super::{document_path, operation_member};
use crate::RouteAccess;

/// Returns a document with an operation for each of the `routes`, for an application that has no document.
///
/// It has what the router knows: paths and their parameters, methods, and the names of the handlers, which become
/// summaries and operation ids. Bodies and answers are not known. [`secure`](super::secure) adds the access rules.
///
/// ```
/// use rolecall::{GuardedRouter, Public, openapi, routing::get};
/// # fn guard() -> rolecall::Guard { rolecall::testing::TestIssuer::new().guard() }
///
/// async fn read_item(_: Public) {}
///
/// let app: GuardedRouter = GuardedRouter::new(guard()).route("/items/{id}", get(read_item));
/// let document = openapi::outline("Items", "1.0.0", &app.access_table());
/// let operation = &document["paths"]["/items/{id}"]["get"];
/// assert_eq!(operation["operationId"], "read_item");
/// assert_eq!(operation["summary"], "Read item");
/// assert_eq!(operation["parameters"][0]["name"], "id");
/// ```
#[must_use]
pub fn outline(title: &str, version: &str, routes: &[RouteAccess]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut ids = BTreeSet::new();
    for route in routes {
        let Some((method, member)) = route
            .method
            .as_ref()
            .and_then(|method| Some((method, operation_member(method)?)))
        else {
            continue;
        };
        let path = document_path(&route.path);
        let operation = operation(route, method, &path, &mut ids);
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[member] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": title, "version": version },
        "paths": paths,
    })
}

fn operation(
    route: &RouteAccess,
    method: &Method,
    path: &str,
    ids: &mut BTreeSet<String>,
) -> Value {
    let name = handler_name(&route.handler);
    let by_path = || format!("{}_{}", method.as_str().to_lowercase(), identifier(path));
    // an id may appear once in a document
    let id = name
        .map(str::to_owned)
        .filter(|id| !ids.contains(id))
        .unwrap_or_else(by_path);
    let summary = name.map_or_else(|| format!("{method} {path}"), sentence);
    let mut operation = Map::new();
    let mut set = |name: &str, value: Value| operation.insert(name.to_owned(), value);
    set("operationId", json!(id));
    set("summary", json!(summary));
    set("responses", json!({ "2XX": { "description": "Success" } }));
    ids.insert(id);
    let parameters: Vec<Value> = parameters(path)
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if !parameters.is_empty() {
        set("parameters", parameters.into());
    }
    if [Method::POST, Method::PUT, Method::PATCH].contains(method) {
        let content = json!({ "application/json": { "schema": {} } });
        set("requestBody", json!({ "content": content }));
    }
    operation.into()
}

/// Returns the name of a handler's function from that of its type; `None` for a closure.
fn handler_name(handler: &str) -> Option<&str> {
    // the types of a generic function are left out
    let path = handler.split('<').next().unwrap_or_default();
    let name = path.rsplit("::").next().unwrap_or_default();
    let is_name = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    (!name.is_empty() && is_name(name)).then_some(name)
}

/// Writes `read_item` as `Read item`.
fn sentence(name: &str) -> String {
    let words = name.trim_matches('_').replace('_', " ");
    let mut characters = words.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

fn identifier(path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("_")
}

fn parameters(path: &str) -> impl Iterator<Item = &str> {
    let rests = path.split('{').skip(1);
    rests.filter_map(|rest| Some(rest.split_once('}')?.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rule, openapi::secure};

    fn route(method: Method, path: &str, handler: &str) -> RouteAccess {
        RouteAccess {
            path: path.to_owned(),
            method: Some(method),
            rule: Rule::Authenticated,
            handler: handler.to_owned(),
        }
    }

    #[test]
    fn every_route_has_an_operation_with_its_parameters() {
        let public = RouteAccess {
            method: None,
            ..route(Method::GET, "/", "files")
        };
        let routes = [
            route(
                Method::GET,
                "/t/{tenant}/files/{*path}",
                "app::files::read_file",
            ),
            route(
                Method::PUT,
                "/t/{tenant}/files/{*path}",
                "app::files::write_file::<app::Disk>",
            ),
            route(Method::POST, "/items/", "app::main::{{closure}}"),
            public,
        ];
        let mut document = outline("App", "1.2.3", &routes);
        assert_eq!(secure(&mut document, &routes, "login"), Ok(()));
        assert_eq!(
            document["info"],
            json!({ "title": "App", "version": "1.2.3" })
        );
        let item = &document["paths"]["/t/{tenant}/files/{path}"];
        assert_eq!(item["get"]["operationId"], "read_file");
        assert_eq!(item["get"]["summary"], "Read file");
        assert!(item["get"].get("requestBody").is_none());
        assert!(item["put"]["requestBody"].is_object());
        for method in ["get", "put"] {
            let names = item[method]["parameters"].as_array().unwrap();
            let names: Vec<&Value> = names.iter().map(|one| &one["name"]).collect();
            assert_eq!(names, ["tenant", "path"]);
        }
        let created = &document["paths"]["/items/"]["post"];
        assert_eq!(created["operationId"], "post_items");
        assert_eq!(created["summary"], "POST /items/");
        assert_eq!(created["security"], json!([{ "login": [] }]));
    }

    #[test]
    fn operation_ids_are_unique() {
        let routes = [
            route(Method::GET, "/a/", "app::a::list"),
            route(Method::GET, "/b/", "app::b::list"),
            route(Method::POST, "/b/", "app::b::list"),
        ];
        let document = outline("App", "1", &routes);
        let id = |path: &str, method: &str| document["paths"][path][method]["operationId"].clone();
        assert_eq!(id("/a/", "get"), "list");
        assert_eq!(id("/b/", "get"), "get_b");
        assert_eq!(id("/b/", "post"), "post_b");
    }
}
