use http::Method;
use rolecall::Rule;

use super::*;

fn route(method: Method, path: &str, rule: Rule) -> RouteAccess {
    let mut table = rolecall_table();
    let mut route = table.remove(0);
    path.clone_into(&mut route.path);
    route.method = Some(method);
    route.rule = rule;
    route
}

/// `RouteAccess` can only be made by a router.
fn rolecall_table() -> Vec<RouteAccess> {
    async fn handler(_: rolecall::Public) {}
    let guard = rolecall::testing::TestIssuer::new().guard();
    let router: rolecall::GuardedRouter =
        rolecall::GuardedRouter::new(guard).route("/", rolecall::routing::get(handler));
    router.access_table()
}

/// A document of rolecall, much shortened.
fn own() -> Value {
    let mut own = json!({
        "openapi": "3.1.0",
        "info": { "title": "rolecall", "version": "1" },
        "servers": [{ "url": "https://host.example" }],
        "tags": [{ "name": "users", "description": "Accounts" }],
        "paths": {
            "/api/users": { "get": {
                "operationId": "list_users", "tags": ["users"], "security": [{ "rolecall": [] }],
                "responses": { "200": { "description": "Users", "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/User" } } } } },
            } },
            "/token": { "post": { "operationId": "issue_token", "tags": ["tokens"], "security": [], "responses": {
                "200": { "description": "A token" } } } },
        },
        "components": {
            "schemas": {
                "User": { "type": "object", "properties": { "name": { "$ref": "#/components/schemas/Name" } } },
                "Name": { "type": "string" },
                "Choice": { "oneOf": [{ "$ref": "#/components/schemas/User" }], "discriminator": {
                    "propertyName": "kind", "mapping": { "user": "#/components/schemas/User" } } },
            },
            "securitySchemes": {
                "rolecall": { "type": "oauth2", "flows": { "password": {
                    "tokenUrl": "/token", "scopes": { "rolecall.users:read": "" } } } },
                "bearer": { "type": "http", "scheme": "bearer" },
            },
        },
    });
    // with the components that both documents get
    openapi::secure(&mut own, &own_routes(), SCHEME).unwrap();
    own
}

fn own_routes() -> [RouteAccess; 2] {
    [
        route(Method::GET, "/api/users", Rule::Authenticated),
        route(Method::POST, "/token", Rule::Public),
    ]
}

/// Joins the document of an application with one route, `GET /items/` for the role `admin`.
fn join_with(document: Value, prefix: &str) -> Result<Value, JoinError> {
    let routes = [route(Method::GET, "/items/", Rule::Role("admin"))];
    let described = Described {
        document,
        routes: &routes,
    };
    let joined = join(described, own(), prefix, "https://host.example")?;
    let text = serde_json::to_string(&joined).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    check_references(&document, &document);
    Ok(document)
}

/// Checks that every reference can be resolved.
fn check_references(value: &Value, document: &Value) {
    match value {
        Value::String(text) => {
            if let Some(pointer) = text.strip_prefix('#') {
                assert!(document.pointer(pointer).is_some(), "{text}");
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| check_references(item, document)),
        Value::Object(object) => object
            .values()
            .for_each(|member| check_references(member, document)),
        _ => {}
    }
}

fn application() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Items", "version": "7" },
        "paths": { "/items/": { "get": { "operationId": "read_items", "responses": {
            "200": { "description": "Items" } } } } },
    })
}

#[test]
fn the_routes_of_the_application_come_first_and_have_their_rules() {
    let routes = [route(Method::GET, "/items/", Rule::Role("admin"))];
    let described = Described {
        document: application(),
        routes: &routes,
    };
    let joined = join(described, own(), "", "https://host.example").unwrap();
    let text = serde_json::to_string(&joined).unwrap();
    // `/items/` would come after `/api/users` in the order of the alphabet
    let at = |path: &str| text.find(&format!("\"{path}\":{{")).unwrap();
    assert!(at("/items/") < at("/api/users") && at("/api/users") < at("/token"));

    let document = join_with(application(), "").unwrap();
    assert_eq!(document["info"]["title"], "Items");
    let operation = &document["paths"]["/items/"]["get"];
    let security = json!([{ "rolecall": ["role:admin"] }, { "bearer": ["role:admin"] }]);
    assert_eq!(operation["security"], security);
    assert_eq!(operation["tags"], json!(["Items"]));
    let names: Vec<&Value> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| &tag["name"])
        .collect();
    assert_eq!(names, ["Items", "users"]);
    let scheme = &document["components"]["securitySchemes"]["rolecall"]["flows"]["password"];
    assert_eq!(scheme["tokenUrl"], "/token");
    assert_eq!(
        scheme["scopes"],
        json!({ "role:admin": "", "rolecall.users:read": "" })
    );
    assert_eq!(
        document["servers"],
        json!([{ "url": "https://host.example" }])
    );
    assert_eq!(document.get(PREFIX), None);
}

#[test]
fn the_application_keeps_its_names() {
    let mut document = application();
    document["components"] = json!({
        "schemas": {
            "User": { "type": "string" },
            "RolecallUser": { "type": "boolean" },
            "Name": { "type": "string" },
            "Problem": { "type": "integer" },
        },
        "securitySchemes": { "bearer": { "type": "apiKey" }, "cookie": { "type": "apiKey" } },
    });
    document["paths"]["/items/"]["get"]["operationId"] = json!("list_users");
    document["paths"]["/items/"]["get"]["tags"] = json!(["users"]);
    let document = join_with(document, "").unwrap();
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["User"], json!({ "type": "string" }));
    assert_eq!(schemas["RolecallUser"], json!({ "type": "boolean" }));
    assert_eq!(schemas["RolecallUser2"]["type"], "object");
    assert_eq!(schemas["Problem"], json!({ "type": "integer" }));
    assert_eq!(schemas["RolecallProblem"]["type"], "object");
    // the same schema is not repeated
    assert_eq!(schemas.get("RolecallName"), None);
    let reference = "#/components/schemas/RolecallUser2";
    assert_eq!(schemas["Choice"]["oneOf"][0]["$ref"], reference);
    assert_eq!(
        schemas["Choice"]["discriminator"]["mapping"]["user"],
        reference
    );
    let users = &document["paths"]["/api/users"]["get"];
    let schema = "/responses/200/content/application~1json/schema/$ref";
    assert_eq!(users.pointer(schema).unwrap(), reference);
    assert_eq!(users["operationId"], "rolecall_list_users");
    assert_eq!(users["tags"], json!(["rolecall: users"]));
    let items = &document["paths"]["/items/"]["get"];
    assert_eq!(items["operationId"], "list_users");
    let tags =
        json!([{ "name": "users" }, { "name": "rolecall: users", "description": "Accounts" }]);
    assert_eq!(document["tags"], tags);
    let security = &document["components"]["securitySchemes"];
    assert_eq!(security["bearer"]["type"], "http");
    assert_eq!(security["cookie"]["type"], "apiKey");
}

#[test]
fn a_schema_that_refers_to_a_renamed_one_is_renamed_too() {
    let mut document = application();
    let same_text = own()["components"]["schemas"]["User"].clone();
    document["components"]["schemas"] = json!({ "User": same_text, "Name": { "type": "integer" } });
    let document = join_with(document, "").unwrap();
    let schemas = &document["components"]["schemas"];
    let reference = |schema: &str| schemas[schema]["properties"]["name"]["$ref"].clone();
    assert_eq!(reference("User"), "#/components/schemas/Name");
    assert_eq!(
        reference("RolecallUser"),
        "#/components/schemas/RolecallName"
    );
}

#[test]
fn nested_routes_have_the_prefix_and_the_page_is_told() {
    let document = join_with(application(), "/auth").unwrap();
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/auth/api/users", "/auth/token", "/items/"]);
    assert_eq!(document[PREFIX], "/auth");
}

#[test]
fn servers_and_other_members_of_the_application_stay() {
    let mut document = application();
    document["servers"] = json!([{ "url": "https://api.example" }]);
    document["externalDocs"] = json!({ "url": "https://docs.example" });
    document["paths"]["/items/"]["parameters"] = json!([]);
    document["paths"]["/items/"]["x-own"] = json!({ "a": 1 });
    let joined = join_with(document.clone(), "").unwrap();
    for member in ["servers", "externalDocs", "info"] {
        assert_eq!(joined[member], document[member]);
    }
    let item = &joined["paths"]["/items/"];
    assert_eq!(item["x-own"], json!({ "a": 1 }));
}

#[test]
fn a_document_that_cannot_be_joined_is_refused_with_the_reason() {
    let with = |change: fn(&mut Value)| {
        let mut document = application();
        change(&mut document);
        join_with(document, "").unwrap_err().to_string()
    };
    let text = with(|document| document["openapi"] = json!("3.0.3"));
    assert!(text.contains("version 3.0.3"), "{text}");
    let text = with(|document| document["paths"] = json!({}));
    assert!(text.contains("not documented: GET /items/"), "{text}");
    let text = with(|document| document["paths"]["/more"] = json!({ "get": {} }));
    assert!(text.contains("not routed: GET /more"), "{text}");
    let text = with(|document| document["components"] = json!({ "securitySchemes": [] }));
    assert!(text.contains("`securitySchemes`"), "{text}");
    let text = with(|document| *document = json!([]));
    assert!(text.contains("`the document`"), "{text}");

    let routes = [
        route(Method::GET, "/items/", Rule::Public),
        route(Method::GET, "/token", Rule::Public),
        route(Method::POST, "/token", Rule::Public),
    ];
    let mut document = application();
    document["paths"]["/token"] = json!({ "get": {} });
    let described = |document: Value, routes| Described { document, routes };
    // another method of a path is none of rolecall's business
    let joined = join(described(document.clone(), &routes[..2]), own(), "", "").unwrap();
    assert!(joined.document["paths"]["/token"]["post"].is_object());
    document["paths"]["/token"]["post"] = json!({});
    let error = join(described(document, &routes), own(), "", "").unwrap_err();
    assert!(error.to_string().contains("`POST /token`"), "{error}");
}
