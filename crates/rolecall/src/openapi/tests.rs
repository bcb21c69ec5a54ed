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
fn a_public_operation_overrides_the_default_security_of_the_document() {
    let operation = secured(Rule::Public);
    assert_eq!(operation["security"], json!([]));
    assert_eq!(operation["responses"], json!({ "200": {} }));
    assert_eq!(operation["x-rolecall-rule"], "public");
}

#[test]
fn an_optional_token_is_an_alternative_and_can_be_refused() {
    let operation = secured(Rule::Optional);
    assert_eq!(operation["security"], json!([{}, { "login": [] }]));
    assert!(operation["responses"]["401"].is_object());
    assert!(operation["responses"].get("403").is_none());
}

#[test]
fn an_authenticated_operation_has_a_401_but_no_403_response() {
    let operation = secured(Rule::Authenticated);
    assert_eq!(operation["security"], json!([{ "login": [] }]));
    assert!(operation["responses"].get("403").is_none());
}

#[test]
fn every_token_may_try_a_rule_on_data_and_can_be_refused() {
    let operation = secured(Rule::OrIf(&ADMIN, "owner"));
    assert_eq!(operation["security"], json!([{ "login": [] }]));
    assert!(operation["responses"]["403"].is_object());
    assert_eq!(operation["x-rolecall-rule"], "role:admin, or if owner");
}

#[test]
fn combined_rules_become_alternatives_of_scopes() {
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
fn a_rule_that_admits_no_caller_is_not_documented_as_public() {
    let operation = secured(Rule::AnyOf(&[]));
    assert_eq!(operation["security"], json!([{ "login": [] }]));
}

#[test]
fn unrouted_and_undocumented_operations_are_errors() {
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
        "documented but not routed: DELETE /gone, OPTIONS /x (are path and method the same as in the router?); \
         routed but not documented: POST /new/{rest} (describe them, or leave their rows out of `routes`)"
    );
    assert_eq!(document, before, "the document is unchanged after an error");
    // one difference is enough
    let get = || route(Method::GET, "/x", ADMIN);
    for (mut document, routes) in [
        (json!({ "paths": { "/x": { "get": {} } } }), vec![]),
        (json!({ "paths": {} }), vec![get()]),
    ] {
        assert!(secure(&mut document, &routes, "login").is_err());
    }
}

#[test]
fn routes_added_with_merge_public_need_not_be_documented() {
    let mut document = json!({ "paths": {} });
    let public = RouteAccess {
        path: "/".to_owned(),
        method: None,
        rule: Rule::Public,
        handler: "docs".to_owned(),
    };
    assert_eq!(secure(&mut document, &[public], "login"), Ok(()));
}

#[test]
fn hand_written_security_is_replaced() {
    let mut document = json!({ "paths": { "/x": { "get": {
        "security": [], "responses": { "403": { "description": "never" } },
    } } } });
    secure(&mut document, &[route(Method::GET, "/x", READ)], "login").unwrap();
    let operation = &document["paths"]["/x"]["get"];
    assert_eq!(operation["security"], json!([{ "login": ["items:read"] }]));
    let reference = json!({ "$ref": "#/components/responses/NotPermitted" });
    assert_eq!(operation["responses"]["403"], reference);
}

#[test]
fn the_error_for_a_malformed_document_names_the_member() {
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
fn the_schema_has_all_standard_members_of_a_problem() {
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
fn the_routes_of_rolecall_are_to_be_left_out() {
    let routes = [
        route(Method::GET, "/auth/.well-known/jwks.json", Rule::Public),
        route(Method::GET, "/items/", ADMIN),
    ];
    let error = secure(&mut json!({}), &routes, "login").unwrap_err();
    let text = error.to_string();
    assert!(text.contains("GET /items/"), "{text}");
    assert!(
        text.contains("call `access_table` before they are merged"),
        "{text}"
    );
}

#[test]
fn the_responses_are_described_once_and_those_of_the_application_are_kept() {
    let mut document = json!({ "paths": { "/x": { "get": {} } } });
    secure(&mut document, &[route(Method::GET, "/x", ADMIN)], "login").unwrap();
    for (status, name) in [("401", NOT_AUTHENTICATED), ("403", NOT_PERMITTED)] {
        let reference = document["paths"]["/x"]["get"]["responses"][status]["$ref"].clone();
        let pointer = reference.as_str().unwrap().trim_start_matches('#');
        assert!(pointer.ends_with(name), "{pointer}");
        let response = document.pointer(pointer).unwrap();
        assert!(response["headers"]["WWW-Authenticate"].is_object());
        let schema = &response["content"][Problem::MEDIA_TYPE]["schema"]["$ref"];
        let schema = schema.as_str().unwrap().trim_start_matches('#');
        assert!(document.pointer(schema).is_some(), "{schema}");
    }
    let own =
        json!({ "components": { "responses": { "NotPermitted": { "description": "mine" } } } });
    let mut document = own;
    secure(&mut document, &[], "login").unwrap();
    let responses = &document["components"]["responses"];
    assert_eq!(responses["NotPermitted"]["description"], "mine");
    assert!(responses["NotAuthenticated"].is_object());
}

#[test]
fn a_problem_schema_of_the_application_is_kept() {
    let schema_of = |document: &Value| {
        let response = &document["components"]["responses"]["NotAuthenticated"];
        let schema = &response["content"][Problem::MEDIA_TYPE]["schema"]["$ref"];
        schema.as_str().unwrap().to_owned()
    };
    let mut document = json!({ "components": { "schemas": { "Problem": { "title": "mine" } } } });
    secure(&mut document, &[], "login").unwrap();
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Problem"]["title"], "mine");
    assert!(is_problem(&schemas["RolecallProblem"]));
    assert_eq!(schema_of(&document), "#/components/schemas/RolecallProblem");

    let mut similar = problem_schema();
    similar["title"] = json!("mine");
    let mut document = json!({ "components": { "schemas": { "Problem": similar } } });
    secure(&mut document, &[], "login").unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert_eq!(schemas.len(), 1);
    assert_eq!(schemas["Problem"]["title"], "mine");
    assert_eq!(schema_of(&document), "#/components/schemas/Problem");
}
