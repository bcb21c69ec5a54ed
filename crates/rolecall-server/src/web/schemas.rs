//! Shapes the schemas of the OpenAPI document for generators of clients: one object instead of `allOf`, items by
//! reference, and a discriminator where an object is one of several.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

const PREFIX: &str = "#/components/schemas/";

type Schemas = Map<String, Value>;

/// Shapes all schemas of a document.
pub(super) fn shape(document: &mut Value) {
    let Some(schemas) = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    refer_to_items(schemas);
    let all = schemas.clone();
    for schema in schemas.values_mut() {
        flatten(schema, &all);
    }
    name_variants(schemas);
    remove_unused(document);
}

/// Returns the schema that a reference names.
fn name_of(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix(PREFIX)
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("{PREFIX}{name}") })
}

/// Lets each page refer to the schema of its items, which the generator repeats in it.
fn refer_to_items(schemas: &mut Schemas) {
    let pages: Vec<String> = schemas.keys().cloned().collect();
    for page in pages {
        let Some(name) = page.strip_prefix("Page_") else {
            continue;
        };
        let items = schemas
            .get_mut(&page)
            .and_then(|page| page.pointer_mut("/properties/items/items"));
        let Some(items) = items else { continue };
        let inline = std::mem::replace(items, reference(name));
        if name_of(&inline).is_none() {
            schemas.entry(name).or_insert(inline);
        }
    }
}

/// Replaces `allOf`, at any depth, by the one object that it describes.
fn flatten(schema: &mut Value, all: &Schemas) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| flatten(item, all)),
        Value::Object(members) => {
            if let Some(Value::Array(parts)) = members.remove("allOf") {
                let mut whole = Object::default();
                for part in &parts {
                    whole.add(part, true, all);
                }
                whole.write(members);
            }
            members.values_mut().for_each(|member| flatten(member, all));
        }
        _ => {}
    }
}

/// An object that is put together from the parts of `allOf`.
#[derive(Default)]
struct Object {
    properties: Schemas,
    required: BTreeSet<String>,
    description: Option<Value>,
}

impl Object {
    /// Adds a part: a reference, one that may be null (then none of its members is required), or an object.
    fn add(&mut self, part: &Value, is_required: bool, all: &Schemas) {
        if let Some(named) = name_of(part).and_then(|name| all.get(name)) {
            self.add(named, is_required, all);
        }
        for inner in part["allOf"].as_array().into_iter().flatten() {
            self.add(inner, is_required, all);
        }
        for choice in part["oneOf"].as_array().into_iter().flatten() {
            self.add(choice, false, all);
        }
        for (name, property) in part["properties"].as_object().into_iter().flatten() {
            self.properties.insert(name.clone(), property.clone());
        }
        if is_required {
            let names = part["required"].as_array().into_iter().flatten();
            let names = names.filter_map(Value::as_str).map(str::to_owned);
            self.required.extend(names);
        }
        if self.description.is_none() {
            self.description = part.get("description").cloned();
        }
    }

    fn write(self, members: &mut Schemas) {
        members.insert("type".to_owned(), json!("object"));
        members.insert("properties".to_owned(), self.properties.into());
        if !self.required.is_empty() {
            members.insert("required".to_owned(), json!(self.required));
        }
        if let Some(description) = self.description {
            members.entry("description").or_insert(description);
        }
    }
}

/// Gives a name to each variant of a schema whose variants differ by the value of `kind`, and adds the discriminator,
/// which can only tell named schemas apart.
fn name_variants(schemas: &mut Schemas) {
    let mut named: BTreeMap<String, Value> = BTreeMap::new();
    for (name, schema) in schemas.iter_mut() {
        let Some(variants) = schema.get_mut("oneOf").and_then(Value::as_array_mut) else {
            continue;
        };
        let kinds: Vec<String> = variants.iter().filter_map(kind_of).collect();
        if kinds.len() != variants.len() {
            continue;
        }
        let mut mapping = Schemas::new();
        for (kind, variant) in kinds.iter().zip(variants.iter_mut()) {
            let name = format!("{name}{}", pascal(kind));
            let inline = std::mem::replace(variant, reference(&name));
            mapping.insert(kind.clone(), json!(format!("{PREFIX}{name}")));
            named.insert(name, inline);
        }
        schema["discriminator"] = json!({ "propertyName": "kind", "mapping": mapping });
    }
    for (name, schema) in named {
        schemas.insert(name, schema);
    }
}

/// Returns the only value of the member `kind` of an object.
fn kind_of(schema: &Value) -> Option<String> {
    match schema
        .pointer("/properties/kind/enum")?
        .as_array()?
        .as_slice()
    {
        [kind] => Some(kind.as_str()?.to_owned()),
        _ => None,
    }
}

/// Writes `other_tenant` as `OtherTenant`.
fn pascal(kind: &str) -> String {
    let words = kind.split(['_', '-']);
    words
        .flat_map(|word| {
            let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
            [first.to_uppercase(), rest.to_owned()]
        })
        .collect()
}

/// Removes schemas that nothing refers to any more.
fn remove_unused(document: &mut Value) {
    loop {
        let mut used = BTreeSet::new();
        collect_names(document, &mut used);
        let schemas = document
            .pointer_mut("/components/schemas")
            .and_then(Value::as_object_mut);
        let Some(schemas) = schemas else { return };
        let before = schemas.len();
        schemas.retain(|name, _| used.contains(name));
        if schemas.len() == before {
            return;
        }
    }
}

fn collect_names(value: &Value, names: &mut BTreeSet<String>) {
    names.extend(name_of(value).map(str::to_owned));
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, names)),
        Value::Object(members) => members.values().for_each(|one| collect_names(one, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shaped(schemas: &Value) -> Value {
        let names: Vec<String> = schemas.as_object().unwrap().keys().cloned().collect();
        let used: Vec<Value> = names.iter().map(|name| reference(name)).collect();
        let mut document = json!({ "components": { "schemas": schemas }, "used": used });
        shape(&mut document);
        document["components"]["schemas"].take()
    }

    #[test]
    fn one_object_takes_the_place_of_all_of() {
        let found = shaped(&json!({
            "Base": { "type": "object", "required": ["id", "email"],
                "properties": { "id": { "type": "string" }, "email": { "type": ["string", "null"] } } },
            "More": { "description": "More.", "allOf": [
                { "$ref": "#/components/schemas/Base" },
                { "type": "object", "required": ["secret"], "properties": { "secret": { "type": "string" } } } ] },
        }));
        let expected = json!({
            "type": "object", "description": "More.", "required": ["email", "id", "secret"],
            "properties": { "id": { "type": "string" }, "email": { "type": ["string", "null"] },
                "secret": { "type": "string" } },
        });
        assert_eq!(found["More"], expected);
    }

    #[test]
    fn members_of_a_part_that_may_be_null_are_not_required() {
        let found = shaped(&json!({
            "Token": { "type": "object", "required": ["sub"], "properties": { "sub": { "type": "string" } } },
            "Answer": { "allOf": [
                { "oneOf": [{ "$ref": "#/components/schemas/Token" }, { "type": "null" }] },
                { "type": "object", "required": ["active"], "properties": { "active": { "type": "boolean" } } } ] },
        }));
        assert_eq!(found["Answer"]["required"], json!(["active"]));
        assert_eq!(
            found["Answer"]["properties"]["sub"],
            json!({ "type": "string" })
        );
    }

    #[test]
    fn pages_refer_to_their_items() {
        let found = shaped(&json!({
            "Page_Item": { "type": "object", "properties": { "items": { "type": "array",
                "items": { "type": "object", "properties": {} } } } },
        }));
        let items = &found["Page_Item"]["properties"]["items"]["items"];
        assert_eq!(items, &reference("Item"));
        assert_eq!(found["Item"]["type"], "object");
    }

    #[test]
    fn variants_get_names_and_a_discriminator() {
        let variant =
            |kind: &str| json!({ "type": "object", "properties": { "kind": { "enum": [kind] } } });
        let found = shaped(&json!({
            "Step": { "oneOf": [variant("need"), variant("other_tenant")] },
            "Choice": { "oneOf": [variant("need"), { "type": "null" }] },
        }));
        let expected = json!({
            "oneOf": [reference("StepNeed"), reference("StepOtherTenant")],
            "discriminator": { "propertyName": "kind", "mapping": {
                "need": "#/components/schemas/StepNeed", "other_tenant": "#/components/schemas/StepOtherTenant" } },
        });
        assert_eq!(found["Step"], expected);
        assert_eq!(found["StepOtherTenant"], variant("other_tenant"));
        assert_eq!(found["Choice"].get("discriminator"), None);
    }
}
