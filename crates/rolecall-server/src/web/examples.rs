//! Example values for the bodies in the OpenAPI document, which a page fills in where it would say `string` otherwise.

use serde_json::{Value, json};

/// The example for a member of a body.
const EXAMPLES: [(&str, &str); 35] = [
    ("access_type", "offline"),
    ("acr", "aal2"),
    ("audience", "https://items.example"),
    ("backchannel_logout_uri", "https://app.example/logged-out"),
    ("client_id", "robot"),
    ("code", "the code that /authorize answered"),
    (
        "code_verifier",
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    ),
    ("current_password", "correct horse battery"),
    ("default_scope", "items:read"),
    ("description", "May read and write items"),
    ("dynamic", "ask"),
    ("email", "alice@example.com"),
    ("grant_type", "password"),
    ("initiate_login_uri", "https://app.example/start"),
    ("new_password", "a longer horse battery staple"),
    ("password", "correct horse battery"),
    ("permission", "items:read"),
    ("redirect_uri", "https://app.example/callback"),
    ("reason", "Stands in for Bob"),
    ("refresh_token", "rcr_..."),
    ("reset_id", "0197a3c8-5d52-7c3e-9f7e-6f2f9c0d1e2a"),
    ("resource", "https://items.example"),
    ("role", "editor"),
    ("scope", "items:read"),
    ("status", "disabled"),
    ("subject", "0197a3c8-5d52-7c3e-9f7e-6f2f9c0d1e2a"),
    ("tenant", "acme"),
    ("ticket", "the ticket that /api/tickets answered"),
    ("token", "rcr_..."),
    ("token_type_hint", "refresh_token"),
    ("uri", "https://items.example"),
    ("user", "alice"),
    ("username", "alice"),
    ("client_secret", "the secret of the client"),
    ("name", "editor"),
];

/// The example for the items of a list.
const ITEMS: [(&str, &str); 12] = [
    ("audiences", "https://items.example"),
    ("can", "items:read"),
    ("cannot", "items:write"),
    ("grants", "client_credentials"),
    ("juniors", "viewer"),
    ("objects", "items"),
    ("permissions", "items:read"),
    ("post_logout_redirect_uris", "https://app.example/"),
    ("redirect_uris", "https://app.example/callback"),
    ("roles", "editor"),
    ("scopes", "items:read"),
    ("who", "editor"),
];

/// The examples of members whose schema has another meaning for the same name.
const SPECIAL: [(&str, &str, &str); 7] = [
    ("ClientInput", "name", "Nightly import"),
    ("ClientChanges", "name", "Nightly import"),
    ("MadePasskey", "id", "0197a3c8-5d52-7c3e-9f7e-6f2f9c0d1e2a"),
    ("PasskeyInput", "name", "Phone"),
    ("PermissionInput", "name", "items:read"),
    ("ResourceInput", "name", "Items"),
    ("ResourceChanges", "name", "Items"),
];

/// Adds examples to the members of all schemas that are text. Those that have one, a format or a list of values keep
/// what they have.
pub(super) fn add(document: &mut Value) {
    let schemas = document.pointer_mut("/components/schemas");
    let schemas = schemas.and_then(Value::as_object_mut).into_iter().flatten();
    for (schema_name, schema) in schemas {
        let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
        for (name, property) in properties.into_iter().flatten() {
            if let Some(example) = example_of(schema_name, name, property) {
                property["examples"] = json!([example]);
            }
        }
    }
}

fn example_of(schema: &str, name: &str, property: &Value) -> Option<Value> {
    let find = |table: &[(&str, &'static str)]| {
        let found = table.iter().find(|(known, _)| *known == name);
        found.map(|(_, example)| *example)
    };
    let has = |member: &str| property.get(member).is_some();
    if has("examples") || has("example") || has("format") || has("enum") {
        return None;
    }
    if is_of_type(property, "string") {
        let special = SPECIAL
            .iter()
            .find(|(known, member, _)| *known == schema && *member == name);
        let example = special.map(|(_, _, example)| *example);
        return example.or_else(|| find(&EXAMPLES)).map(Value::from);
    }
    if is_of_type(property, "array") && is_of_type(property.get("items")?, "string") {
        return find(&ITEMS).map(|example| json!([example]));
    }
    None
}

fn is_of_type(schema: &Value, wanted: &str) -> bool {
    match schema.get("type") {
        Some(Value::Array(types)) => types.iter().any(|one| one == wanted),
        Some(one) => one == wanted,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_a_value_of_its_own_gets_an_example() {
        let text = json!({ "type": "string" });
        let mut document = json!({ "components": { "schemas": {
            "UserInput": { "properties": {
                "username": { "type": ["string", "null"] },
                "roles": { "type": "array", "items": { "type": "string" } },
                "status": { "type": "string", "enum": ["active"] },
                "email": { "type": "string", "examples": ["own"] },
                "tenant": { "type": "integer" },
                "unknown": text,
            } },
            "PermissionInput": { "properties": { "name": text } },
            "RoleInput": { "properties": { "name": text } },
            "Kind": { "type": "string" },
        } } });
        add(&mut document);
        let of = |schema: &str, member: &str| {
            document["components"]["schemas"][schema]["properties"][member]["examples"].clone()
        };
        assert_eq!(of("UserInput", "username"), json!(["alice"]));
        assert_eq!(of("UserInput", "roles"), json!([["editor"]]));
        assert_eq!(of("UserInput", "status"), Value::Null);
        assert_eq!(of("UserInput", "email"), json!(["own"]));
        assert_eq!(of("UserInput", "tenant"), Value::Null);
        assert_eq!(of("UserInput", "unknown"), Value::Null);
        assert_eq!(of("PermissionInput", "name"), json!(["items:read"]));
        assert_eq!(of("RoleInput", "name"), json!(["editor"]));
    }
}
