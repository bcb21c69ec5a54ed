//! The declared profile fields in the OpenAPI document.

use serde_json::{Map, Value, json};

use crate::profile::{
    FieldAccess, ProfileField, declared::ProfileFields, field::FieldKind, value::MAX_INTEGER,
};

/// The bodies in which users write their own fields; the others are answers, or for administrators.
const OWN: [&str; 2] = ["Registration", "MyChanges"];
/// The bodies in which null removes a value.
const CHANGES: [&str; 2] = ["UserChanges", "MyChanges"];

/// Describes the member `profile` of every schema that has it.
///
/// Everybody can read the document, so that it names only the fields that users may read themselves. Administrators have
/// others, which stay undescribed.
pub(crate) fn describe(document: &mut Value, fields: &ProfileFields) {
    if fields.is_empty() {
        return;
    }
    let Some(schemas) = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    for (name, schema) in schemas {
        let is_own = OWN.contains(&name.as_str());
        let is_registration = name == "Registration";
        let Some(profile) = schema
            .pointer_mut("/properties/profile")
            .and_then(Value::as_object_mut)
        else {
            continue;
        };
        let shown = fields.iter().filter(|field| {
            field.read == FieldAccess::Owner && (!is_own || field.write == FieldAccess::Owner)
        });
        let is_nullable = CHANGES.contains(&name.as_str());
        let shown: Vec<&ProfileField> = shown.collect();
        let members = shown.iter().map(|field| {
            let described = schema_of(field, is_nullable);
            (field.name.clone(), described)
        });
        profile.insert("properties".to_owned(), Value::Object(members.collect()));
        let required: Vec<&str> = shown
            .into_iter()
            .filter(|field| is_registration && field.required)
            .map(|field| field.name.as_str())
            .collect();
        if required.is_empty() {
            continue;
        }
        profile.insert("required".to_owned(), json!(required));
        if let Some(Value::Array(members)) = schema.get_mut("required") {
            members.push("profile".into());
        }
    }
}

fn schema_of(field: &ProfileField, is_nullable: bool) -> Value {
    let mut schema = Map::new();
    let mut set = |member: &str, value: Value| schema.insert(member.to_owned(), value);
    let word = match &field.kind {
        FieldKind::String { max_length } => {
            set("minLength", json!(1));
            set("maxLength", json!(max_length));
            "string"
        }
        FieldKind::Url { max_length } => {
            set("format", json!("uri"));
            set("maxLength", json!(max_length));
            "string"
        }
        FieldKind::Date => {
            set("format", json!("date"));
            "string"
        }
        FieldKind::Enum { values } => {
            let null = is_nullable.then_some(Value::Null);
            let values = values.iter().map(|value| json!(value)).chain(null);
            set("enum", values.collect());
            "string"
        }
        FieldKind::Integer => {
            set("minimum", json!(-MAX_INTEGER));
            set("maximum", json!(MAX_INTEGER));
            "integer"
        }
        FieldKind::Number => "number",
        FieldKind::Boolean => "boolean",
    };
    set(
        "type",
        if is_nullable {
            json!([word, "null"])
        } else {
            json!(word)
        },
    );
    if let Some(pattern) = &field.pattern {
        set("pattern", json!(pattern.anchored()));
    }
    if let Some(message) = &field.pattern_message {
        set("description", json!(message));
    }
    Value::Object(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(fields: Vec<ProfileField>) -> Value {
        let fields = ProfileFields::new(fields, false, 4096).unwrap();
        let schema = || json!({ "required": ["username"], "properties": { "profile": { "type": "object" } } });
        let mut document = json!({ "components": { "schemas": {
            "Me": schema(), "Registration": schema(), "UserChanges": schema(), "Other": { "type": "string" } } } });
        describe(&mut document, &fields);
        document["components"]["schemas"].take()
    }

    #[test]
    fn fields_are_described_where_they_are_shown() {
        let schemas = described(vec![
            ProfileField::string("plate")
                .max_length(10)
                .pattern(r"[A-Z]{2}\d{4}")
                .pattern_message("expected a plate")
                .required(),
            ProfileField::choice("plan", ["free"]).write(FieldAccess::Admin),
            ProfileField::string("secret_note").read(FieldAccess::Admin),
        ]);
        let plate = json!({ "type": "string", "minLength": 1, "maxLength": 10, "pattern": r"^(?:[A-Z]{2}\d{4})$",
            "description": "expected a plate" });
        assert_eq!(
            schemas["Me"]["properties"]["profile"]["properties"],
            json!({ "plate": plate, "plan": { "type": "string", "enum": ["free"] } })
        );
        let registration = &schemas["Registration"];
        assert_eq!(registration["required"], json!(["username", "profile"]));
        let profile = &registration["properties"]["profile"];
        assert_eq!(profile["required"], json!(["plate"]));
        assert_eq!(profile["properties"], json!({ "plate": plate }));
        let changes = &schemas["UserChanges"]["properties"]["profile"]["properties"];
        assert_eq!(changes["plate"]["type"], json!(["string", "null"]));
        assert_eq!(changes["plan"]["enum"], json!(["free", null]));
        // the document is public
        assert!(!schemas.to_string().contains("secret_note"));
        assert_eq!(schemas["Other"], json!({ "type": "string" }));
    }

    #[test]
    fn without_fields_the_document_stays_as_it_is() {
        let profile = &described(Vec::new())["Me"]["properties"]["profile"];
        assert_eq!(*profile, json!({ "type": "object" }));
    }
}
