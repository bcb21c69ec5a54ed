//! Parameters of paths that a document leaves out.

use serde_json::{Map, Value, json};

/// Adds the parameters of paths that an operation does not describe. aide leaves them out for `Path<u32>`, whose type has
/// no names; without them a page sends `{id}` as it is.
pub(super) fn add(document: &mut Value, methods: &[&str]) {
    let known = document.clone();
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else {
        return;
    };
    for (path, item) in paths {
        let Some(item) = item.as_object_mut() else {
            continue;
        };
        let shared = described(item, &known);
        for (_, operation) in item
            .iter_mut()
            .filter(|(name, _)| methods.contains(&name.as_str()))
        {
            let Some(operation) = operation.as_object_mut() else {
                continue;
            };
            let own = described(operation, &known);
            let missing = names(path).filter(|name| !shared.contains(name) && !own.contains(name));
            let missing: Vec<Value> = missing
                .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
                .collect();
            if missing.is_empty() {
                continue;
            }
            let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
            if let Some(parameters) = parameters.as_array_mut() {
                // before those of the query, as generators write them
                parameters.splice(0..0, missing);
            }
        }
    }
}

/// Returns the names in the braces of a path.
fn names(path: &str) -> impl Iterator<Item = String> {
    let rests = path.split('{').skip(1);
    rests.filter_map(|rest| Some(rest.split_once('}')?.0.to_owned()))
}

/// Returns the names of the parameters of the path that an operation, or all operations of a path, describe.
fn described(described: &Map<String, Value>, document: &Value) -> Vec<String> {
    let parameters = described.get("parameters").and_then(Value::as_array);
    let resolved = parameters.into_iter().flatten().map(|parameter| {
        let reference = parameter.get("$ref").and_then(Value::as_str);
        let pointer = reference.and_then(|text| text.strip_prefix('#'));
        pointer
            .and_then(|pointer| document.pointer(pointer))
            .unwrap_or(parameter)
    });
    resolved
        .filter(|parameter| parameter.get("in").is_some_and(|place| place == "path"))
        .filter_map(|parameter| Some(parameter.get("name")?.as_str()?.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHODS: [&str; 3] = ["get", "put", "post"];

    fn parameter(name: &str) -> Value {
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": "integer" } })
    }

    #[test]
    fn only_missing_parameters_are_added() {
        let mut document = json!({
            "paths": {
                "/a/{id}/b/{part}": {
                    "parameters": [parameter("id")],
                    "get": { "parameters": [{ "name": "part", "in": "query" }] },
                    "put": { "parameters": [{ "$ref": "#/components/parameters/Part" }] },
                    "summary": "{not} an operation",
                },
                "/plain": { "get": {} },
                "/odd/{": { "get": {}, "post": null, "put": { "parameters": 7 } },
            },
            "components": { "parameters": { "Part": parameter("part") } },
        });
        let before = document.clone();
        add(&mut document, &METHODS);
        let item = &document["paths"]["/a/{id}/b/{part}"];
        let added = json!({ "name": "part", "in": "path", "required": true, "schema": { "type": "string" } });
        assert_eq!(
            item["get"]["parameters"],
            json!([added, { "name": "part", "in": "query" }])
        );
        let mut rest = document.clone();
        rest["paths"]["/a/{id}/b/{part}"]["get"] =
            before["paths"]["/a/{id}/b/{part}"]["get"].clone();
        assert_eq!(rest, before);
        let once = document.clone();
        add(&mut document, &METHODS);
        assert_eq!(document, once);
    }
}
