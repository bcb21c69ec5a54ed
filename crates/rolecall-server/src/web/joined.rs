//! The OpenAPI document of an application and that of rolecall as one.

mod path_parameters;

use std::collections::{BTreeMap, BTreeSet};

use rolecall::{
    RouteAccess,
    openapi::{self, DocumentError, NOT_AUTHENTICATED, NOT_PERMITTED},
};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::document::{BEARER, SCHEME, members, offer_bearer};

/// The member of a document with the prefix of rolecall's routes.
const PREFIX: &str = "x-rolecall-prefix";

/// The reason why the documents cannot be joined.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoinError {
    #[error("{}", describe(.0))]
    Disagreement(#[from] DocumentError),
    #[error(
        "it is of OpenAPI version {0}, and rolecall's of 3.1: let its generator write 3.1, as utoipa 5 and aide do"
    )]
    Version(String),
    #[error("it describes `{0}`, which is one of rolecall's routes: nest those under a prefix")]
    Twice(String),
}

/// Describes a disagreement, with the way out for routes that belong in no document.
fn describe(error: &DocumentError) -> String {
    match error {
        DocumentError::Disagreement { undocumented, .. } if !undocumented.is_empty() => {
            format!(
                "{error}; add pages and other routes that are not for the document with `.merge(..)` after `.routes()?`"
            )
        }
        error => error.to_string(),
    }
}

/// The routes of an application with their document.
pub(crate) struct Described<'a> {
    pub(crate) document: Value,
    pub(crate) routes: &'a [RouteAccess],
}

/// Joins the document of an application with that of rolecall, whose routes are mounted under `prefix`. `server` is the
/// URL of the application.
///
/// # Errors
///
/// [`JoinError`] if the document does not describe the routes of the application, or the two exclude each other.
pub(crate) fn join(
    application: Described<'_>,
    own: Value,
    prefix: &str,
    server: &str,
) -> Result<Joined, JoinError> {
    let mut document = secured(application)?;
    let mut own = own;
    rename_components(&mut own, &document);
    rename_operations(&mut own, &document);
    join_tags(&mut own, &mut document);
    add_components(&mut document, &mut own);
    let own_paths = own_paths(&mut own, &mut document, prefix)?;
    if let Some(members) = document.as_object_mut() {
        members
            .entry("servers")
            .or_insert_with(|| json!([{ "url": server }]));
        if !prefix.is_empty() {
            members.insert(PREFIX.to_owned(), json!(prefix));
        }
    }
    Ok(Joined {
        document,
        own_paths,
    })
}

/// Returns the document of the application with the access rules of its routes. What it needs of rolecall's components is
/// left out, since rolecall's document has it.
fn secured(application: Described<'_>) -> Result<Value, JoinError> {
    let Described {
        mut document,
        routes,
    } = application;
    let version = document.get("openapi").and_then(Value::as_str);
    let version = version.unwrap_or("unknown").to_owned();
    if document.is_object() && !version.starts_with("3.1") {
        return Err(JoinError::Version(version));
    }
    check_sections(&document)?;
    let schemes = document.pointer_mut("/components/securitySchemes");
    if let Some(schemes) = schemes.and_then(Value::as_object_mut) {
        // the routes of the application are behind rolecall's guard
        schemes.retain(|name, _| name != SCHEME && name != BEARER);
    }
    let before = component_names(&document);
    openapi::secure(&mut document, routes, SCHEME)?;
    offer_bearer(&mut document);
    path_parameters::add(&mut document, &METHODS);
    for (section, names) in [
        ("schemas", ["Problem", "RolecallProblem"]),
        ("responses", [NOT_AUTHENTICATED, NOT_PERMITTED]),
    ] {
        let added = document.pointer_mut(&format!("/components/{section}"));
        let added = added.and_then(Value::as_object_mut).into_iter();
        for added in added {
            let is_added = |name: &str| {
                names.contains(&name) && !before.contains(&(section.to_owned(), name.to_owned()))
            };
            added.retain(|name, _| !is_added(name));
        }
    }
    add_scopes(&mut document, routes);
    Ok(document)
}

fn check_sections(document: &Value) -> Result<(), DocumentError> {
    let sections = document.get("components").and_then(Value::as_object);
    let mut sections = sections.into_iter().flatten();
    match sections.find(|(name, section)| !name.starts_with("x-") && !section.is_object()) {
        Some((name, _)) => Err(DocumentError::Malformed(name.clone())),
        None => Ok(()),
    }
}

/// Returns the names of all components, each with its section.
fn component_names(document: &Value) -> BTreeSet<(String, String)> {
    let sections = document.get("components").and_then(Value::as_object);
    let sections = sections.into_iter().flatten();
    let names = sections.flat_map(|(section, components)| {
        let components = components.as_object().into_iter().flatten();
        components.map(|(name, _)| (section.clone(), name.clone()))
    });
    names.collect()
}

/// Adds a security scheme that has only the scopes of the application's routes; rolecall's are added to it.
fn add_scopes(document: &mut Value, routes: &[RouteAccess]) {
    let names = routes.iter().flat_map(|route| route.rule.names());
    let scopes: Map<String, Value> = names.map(|name| (name, json!(""))).collect();
    if let Some(schemes) = section_mut(document, "securitySchemes") {
        let scheme = json!({ "flows": { "password": { "scopes": scopes } } });
        schemes.insert(SCHEME.to_owned(), scheme);
    }
}

/// Returns a section of the components, which is added if it is missing.
fn section_mut<'a>(document: &'a mut Value, name: &str) -> Option<&'a mut Map<String, Value>> {
    let document = document.as_object_mut()?;
    let components = document.entry("components").or_insert_with(|| json!({}));
    let sections = components.as_object_mut()?;
    let section = sections.entry(name).or_insert_with(|| json!({}));
    section.as_object_mut()
}

fn component<'a>(document: &'a Value, section: &str, name: &str) -> Option<&'a Value> {
    document.get("components")?.get(section)?.get(name)
}

/// Renames the components of rolecall whose names the application uses for others.
fn rename_components(own: &mut Value, document: &Value) {
    let taken = component_names(document);
    let known = component_names(own);
    let mut renamed: BTreeMap<String, String> = BTreeMap::new();
    let mut moves = Vec::new();
    for (section, name) in &known {
        let here = component(own, section, name);
        let there = component(document, section, name);
        // a component that refers to others is the same only if they are
        let refers = here.is_some_and(|here| here.to_string().contains("\"$ref\""));
        let is_same = here == there && !refers;
        if section == "securitySchemes" || there.is_none() || is_same {
            continue;
        }
        let is_free = |new: &String| {
            let key = (section.clone(), new.clone());
            !taken.contains(&key) && !known.contains(&key)
        };
        let base = format!("Rolecall{name}");
        let numbered = (2..).map(|number| format!("{base}{number}"));
        let new = std::iter::once(base.clone()).chain(numbered).find(is_free);
        let new = new.unwrap_or(base);
        renamed.insert(pointer(section, name), pointer(section, &new));
        moves.push((section.clone(), name.clone(), new));
    }
    for (section, name, new) in moves {
        if let Some(components) = section_mut(own, &section)
            && let Some(component) = components.remove(&name)
        {
            components.insert(new, component);
        }
    }
    refer_to(own, &renamed);
}

fn pointer(section: &str, name: &str) -> String {
    format!("#/components/{section}/{name}")
}

/// Replaces references, in `$ref` and in the mapping of a discriminator.
fn refer_to(value: &mut Value, renamed: &BTreeMap<String, String>) {
    match value {
        Value::String(text) => {
            if let Some(new) = renamed.get(text.as_str()) {
                text.clone_from(new);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| refer_to(item, renamed)),
        Value::Object(object) => object
            .values_mut()
            .for_each(|member| refer_to(member, renamed)),
        _ => {}
    }
}

const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// Runs `work` on every operation of a document.
fn for_operations(document: &mut Value, mut work: impl FnMut(&mut Map<String, Value>)) {
    for item in members(document, "paths") {
        // others are parameters, a summary, servers or an extension
        let operations = item.as_object_mut().into_iter().flatten();
        let operations = operations.filter(|(name, _)| METHODS.contains(&name.as_str()));
        for operation in operations.filter_map(|(_, one)| one.as_object_mut()) {
            work(operation);
        }
    }
}

/// Renames the operations of rolecall whose ids the application uses.
fn rename_operations(own: &mut Value, document: &Value) {
    let mut taken = BTreeSet::new();
    let mut document = document.clone();
    for_operations(&mut document, |operation| {
        let id = operation.get("operationId").and_then(Value::as_str);
        taken.extend(id.map(str::to_owned));
    });
    for_operations(own, |operation| {
        let Some(Value::String(id)) = operation.get_mut("operationId") else {
            return;
        };
        if taken.contains(id.as_str()) {
            *id = format!("rolecall_{id}");
        }
    });
}

/// Lists the tags of both documents, the application's first, because pages show the routes in this order. An operation
/// of the application without a tag gets the title as its tag; a tag of rolecall that the application uses too is
/// renamed.
fn join_tags(own: &mut Value, document: &mut Value) {
    let title = document.pointer("/info/title").and_then(Value::as_str);
    let title = title.unwrap_or("Application").to_owned();
    let mut used = Vec::new();
    for_operations(document, |operation| {
        let tags = operation.entry("tags").or_insert_with(|| json!([title]));
        if tags.as_array().is_none_or(Vec::is_empty) {
            *tags = json!([title]);
        }
        let tags = tags.as_array().into_iter().flatten();
        used.extend(tags.filter_map(Value::as_str).map(str::to_owned));
    });
    let mut tags = document["tags"].as_array().cloned().unwrap_or_default();
    for name in used {
        if !tags.iter().any(|tag| tag["name"] == name.as_str()) {
            tags.push(json!({ "name": name }));
        }
    }
    let is_taken = |name: &str| tags.iter().any(|tag| tag["name"] == name);
    let rename = |name: &mut Value| {
        let new = name.as_str().filter(|name| is_taken(name));
        if let Some(new) = new.map(|name| format!("rolecall: {name}")) {
            *name = new.into();
        }
    };
    for_operations(own, |operation| {
        let tags = operation.get_mut("tags").and_then(Value::as_array_mut);
        tags.into_iter().flatten().for_each(rename);
    });
    let mut own_tags = own["tags"].as_array().cloned().unwrap_or_default();
    for tag in &mut own_tags {
        rename(&mut tag["name"]);
    }
    tags.extend(own_tags);
    document["tags"] = tags.into();
}

/// Adds rolecall's components, whose names are free by now or those of the same components.
fn add_components(document: &mut Value, own: &mut Value) {
    let sections = own["components"].take();
    let scopes = document
        .pointer_mut("/components/securitySchemes/rolecall/flows/password/scopes")
        .map(Value::take);
    let Value::Object(sections) = sections else {
        return;
    };
    for (section, components) in sections {
        if let Value::Object(components) = components
            && let Some(there) = section_mut(document, &section)
        {
            there.extend(components);
        }
    }
    let Some(Value::Object(scopes)) = scopes else {
        return;
    };
    for flow in ["password", "authorizationCode"] {
        let all = format!("/components/securitySchemes/rolecall/flows/{flow}/scopes");
        if let Some(Value::Object(all)) = document.pointer_mut(&all) {
            for (name, text) in &scopes {
                all.entry(name).or_insert_with(|| text.clone());
            }
        }
    }
}

/// Returns the paths of rolecall below the prefix. Those that the application has too, with other methods, are added
/// there.
fn own_paths(
    own: &mut Value,
    document: &mut Value,
    prefix: &str,
) -> Result<Map<String, Value>, JoinError> {
    let Value::Object(paths) = own["paths"].take() else {
        return Ok(Map::new());
    };
    let mut rest = Map::new();
    for (path, item) in paths {
        let path = format!("{prefix}{path}");
        let there = document["paths"].get_mut(&path);
        let Some(there) = there.and_then(Value::as_object_mut) else {
            rest.insert(path, item);
            continue;
        };
        let Value::Object(operations) = item else {
            continue;
        };
        for (method, operation) in operations {
            if there.contains_key(&method) {
                let name = format!("{} {path}", method.to_uppercase());
                return Err(JoinError::Twice(name));
            }
            there.insert(method, operation);
        }
    }
    Ok(rest)
}

/// A joined document. It is written with the paths of the application before those of rolecall.
#[derive(Debug)]
pub(crate) struct Joined {
    document: Value,
    own_paths: Map<String, Value>,
}

/// The members that are written first.
const FIRST: [&str; 5] = ["openapi", "info", "servers", "tags", "paths"];

impl Serialize for Joined {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let members = self.document.as_object();
        for name in FIRST {
            let value = members.and_then(|members| members.get(name));
            if name == "paths" {
                let paths = Paths(value.and_then(Value::as_object), &self.own_paths);
                map.serialize_entry(name, &paths)?;
            } else if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        for (name, value) in members.into_iter().flatten() {
            if !FIRST.contains(&name.as_str()) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

struct Paths<'a>(Option<&'a Map<String, Value>>, &'a Map<String, Value>);

impl Serialize for Paths<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.into_iter().flatten().chain(self.1))
    }
}

#[cfg(test)]
mod tests;
