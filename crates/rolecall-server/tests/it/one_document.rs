//! An application and rolecall in one OpenAPI document, and rolecall below a prefix.

use axum::{Json, Router};
use http::Method;
use rolecall::{Authenticated, GuardedRouter, Public, Require, routing::get};
use rolecall_server::{Embedded, StartError};
use serde_json::{Value, json};
use utoipa::OpenApi as _;

use crate::support::{Database, PASSWORD, RequestBuilder, Response, START, builder_at, role};

/// The name of one of rolecall's own schemas.
#[derive(serde::Serialize, utoipa::ToSchema)]
struct User {
    nickname: String,
}

#[utoipa::path(get, path = "/people/{id}", tag = "users", params(("id" = u32, Path)),
    responses((status = 200, description = "A person", body = User)))]
async fn get_user(caller: Require<role::Admin>) -> Json<User> {
    let nickname = caller.username().to_owned();
    Json(User { nickname })
}

#[utoipa::path(get, path = "/hello", responses((status = 200, description = "A greeting", body = String)))]
async fn hello(_: Public) -> &'static str {
    "hello"
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(get_user, hello), info(title = "People", version = "1.0.0"))]
struct Document;

fn routes(login: &Embedded) -> GuardedRouter {
    GuardedRouter::new(login.guard())
        .route("/people/{id}", get(get_user))
        .route("/hello", get(hello))
}

/// A document of the same routes that no generator wrote.
fn written_document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": { "title": "People", "version": "1.0.0" },
        "paths": {
            "/people/{id}": { "get": {
                "operationId": "get_user", "tags": ["users"],
                "parameters": [{ "in": "path", "name": "id", "required": true, "schema":
                    { "type": "integer", "format": "uint32", "minimum": 0.0 }, "style": "simple" }],
                "responses": { "200": { "description": "", "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/User" } } } } },
            } },
            "/hello": { "get": { "responses": { "200": { "description": "", "content": {
                "text/plain; charset=utf-8": { "schema": { "type": "string" } } } } } } },
        },
        "components": { "schemas": { "User": { "type": "object", "required": ["nickname"], "properties":
            { "nickname": { "type": "string" } } } } },
    })
}

struct App {
    router: Router,
    login: Embedded,
    _db: Database,
}

impl App {
    async fn new(
        public_url: &str,
        mount: impl FnOnce(&Embedded) -> Result<GuardedRouter, StartError>,
    ) -> Result<Self, StartError> {
        let db = Database::sqlite();
        let clock = rolecall::ManualClock::at(START);
        let builder = builder_at(&db.url, &clock).public_url(public_url);
        let login = builder.open().await?;
        let router = mount(&login)?.into_axum();
        Ok(Self {
            router,
            login,
            _db: db,
        })
    }

    async fn get(&self, path: &str, token: &str) -> Response {
        let request = RequestBuilder::new(self.router.clone(), Method::GET, path.to_owned());
        request.token(token).send().await
    }

    async fn post_form(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let request = RequestBuilder::new(self.router.clone(), Method::POST, path.to_owned());
        request.form(form).send().await
    }

    async fn log_in(&self, path: &str) -> String {
        let form = [
            ("grant_type", "password"),
            ("username", "admin"),
            ("password", PASSWORD),
        ];
        self.post_form(path, &form)
            .await
            .is(200)
            .text("access_token")
    }
}

const HOST: &str = "https://host.example";

fn check_references(document: &Value) {
    for piece in document.to_string().split("\"$ref\":\"#").skip(1) {
        let pointer = piece.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

/// Checks that no two operations have one id.
fn check_ids(document: &Value) {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.values().flat_map(|item| item.as_object().unwrap());
    let mut ids: Vec<&str> = operations
        .filter_map(|(_, operation)| operation["operationId"].as_str())
        .collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

/// Checks that a document describes both, and that every reference can be resolved.
fn check(document: &Value, prefix: &str) {
    let item = &document["paths"]["/people/{id}"]["get"];
    let expected = json!([{ "rolecall": ["role:admin"] }, { "bearer": ["role:admin"] }]);
    assert_eq!(item["security"], expected);
    assert_eq!(item["operationId"], "get_user");
    let own = &document["paths"][format!("{prefix}/api/users/{{id}}")]["get"];
    assert_eq!(own["operationId"], "rolecall_get_user");
    assert_eq!(own["tags"], json!(["rolecall: users"]));
    let schema = own.pointer("/responses/200/content/application~1json/schema/$ref");
    assert_eq!(schema.unwrap(), "#/components/schemas/RolecallUser");
    let schemas = &document["components"]["schemas"];
    assert!(schemas["User"]["properties"]["nickname"].is_object());
    assert!(schemas["RolecallUser"]["properties"]["username"].is_object());
    assert_eq!(document["paths"]["/hello"]["get"]["security"], json!([]));
    check_references(document);
    check_ids(document);
    let tags = document["tags"].as_array().unwrap();
    let names: Vec<&Value> = tags.iter().map(|tag| &tag["name"]).take(3).collect();
    // one operation has no tag, and so that of the title
    assert_eq!(names, ["People", "users", "tokens"]);
}

#[tokio::test]
async fn a_document_of_utoipa_and_a_written_one_are_joined_with_ours() {
    let utoipa = serde_json::to_value(Document::openapi()).unwrap();
    for document in [utoipa, written_document()] {
        let app = App::new(HOST, |login| {
            let application = login.with_application(routes(login));
            application.document(document).routes()
        });
        let app = app.await.unwrap();
        let response = app.get("/openapi.json", "").await;
        check(&response.is(200).json, "");
        let text = String::from_utf8(response.body.to_vec()).unwrap();
        let at = |path: &str| text.find(&format!("\"{path}\":{{")).unwrap();
        assert!(at("/people/{id}") < at("/.well-known/jwks.json"));
        app.get("/docs", "").await.is(200);
        let token = app.log_in("/token").await;
        let person = app.get("/people/1", &token).await;
        assert_eq!(person.is(200).json["nickname"], "admin");
        app.get("/api/me", &token).await.is(200);
    }
}

/// What aide 0.15.1 writes for `aide_routes`: no parameters for `Path<u32>`, an operation without answers, and schemas
/// under the names of rolecall's.
const AIDE: &str = include_str!("one_document/aide.json");

async fn any_user(_: Authenticated) {}

fn aide_routes(login: &Embedded) -> GuardedRouter {
    GuardedRouter::new(login.guard())
        .route("/people", get(any_user).post(any_user))
        .route("/people/{id}", get(get_user).delete(get_user))
        .route("/hello", get(hello))
}

#[tokio::test]
async fn a_document_that_aide_wrote_is_joined_with_ours() {
    let app = App::new(HOST, |login| {
        let document: Value = serde_json::from_str(AIDE).unwrap();
        let application = login.with_application(aide_routes(login));
        application.document(document).routes()
    });
    let app = app.await.unwrap();
    let document = app.get("/openapi.json", "").await.is(200).json.clone();
    check_references(&document);
    check_ids(&document);
    let person = &document["paths"]["/people/{id}"];
    for method in ["get", "delete"] {
        let operation = &person[method];
        let expected = json!([{ "rolecall": ["role:admin"] }, { "bearer": ["role:admin"] }]);
        assert_eq!(operation["security"], expected, "{method}");
        assert_eq!(operation["parameters"][0]["name"], "id", "{method}");
        let refused = "#/components/responses/NotPermitted";
        assert_eq!(operation["responses"]["403"]["$ref"], refused, "{method}");
    }
    let schemas = &document["components"]["schemas"];
    assert!(schemas["User"]["properties"]["nickname"].is_object());
    assert!(schemas["Problem"]["properties"]["code"].is_object());
    assert!(schemas["RolecallUser"]["properties"]["username"].is_object());
    assert!(schemas["RolecallProblem"]["properties"]["detail"].is_object());
    let own = &document["paths"]["/api/users/{id}"]["get"];
    assert_eq!(own["operationId"], "rolecall_get_user");
    let refused = &document["components"]["responses"]["NotPermitted"];
    let problem = refused.pointer("/content/application~1problem+json/schema/$ref");
    assert_eq!(problem.unwrap(), "#/components/schemas/RolecallProblem");
    assert_eq!(document["paths"]["/hello"]["get"]["security"], json!([]));
    let tags = document["tags"].as_array().unwrap();
    assert_eq!(
        tags[0],
        json!({ "name": "users", "description": "The people" })
    );
}

#[tokio::test]
async fn routes_without_a_document_are_shown_with_what_the_router_knows() {
    let app = App::new(HOST, |login| login.with_application(routes(login)).routes());
    let app = app.await.unwrap();
    let document = app.get("/openapi.json", "").await.json;
    let item = &document["paths"]["/people/{id}"]["get"];
    assert_eq!(item["summary"], "Get user");
    assert_eq!(item["parameters"][0]["name"], "id");
    assert_eq!(item["x-rolecall-rule"], "role:admin");
    assert_eq!(item["tags"], json!(["Application"]));
}

#[tokio::test]
async fn m192_everything_works_below_a_prefix() {
    let public_url = format!("{HOST}/auth");
    let app = App::new(&public_url, |login| {
        let application = login.with_application(routes(login));
        application
            .document(Document::openapi())
            .nest("/auth")
            .routes()
    });
    let app = app.await.unwrap();
    let document = app.get("/auth/openapi.json", "").await.json;
    check(&document, "/auth");
    assert_eq!(document["x-rolecall-prefix"], "/auth");
    assert_eq!(document["servers"], json!([{ "url": HOST }]));
    let flow = &document["components"]["securitySchemes"]["rolecall"]["flows"]["password"];
    assert_eq!(flow["tokenUrl"], "/auth/token");
    // the page and its files, which it names relative to itself
    let page = app.get("/auth/docs", "").await;
    let html = String::from_utf8(page.is(200).body.to_vec()).unwrap();
    for piece in html.split('"').filter(|piece| piece.contains("?v=")) {
        app.get(&format!("/auth/{piece}"), "").await.is(200);
    }
    let moved = app.get("/auth/docs/", "").await;
    assert_eq!(moved.is(308).header("location"), Some("../docs"));
    // the metadata, at both addresses, and all that it names
    let metadata = app.get("/.well-known/oauth-authorization-server/auth", "");
    let metadata = metadata.await.is(200).json.clone();
    for same in [
        "/auth/.well-known/oauth-authorization-server",
        "/auth/.well-known/openid-configuration",
        "/.well-known/openid-configuration/auth",
    ] {
        assert_eq!(app.get(same, "").await.is(200).json, metadata, "{same}");
    }
    assert_eq!(metadata["issuer"], format!("{HOST}/auth"));
    for (name, value) in metadata.as_object().unwrap() {
        let path = value.as_str().and_then(|url| url.strip_prefix(HOST));
        if let Some(path) = path.filter(|_| name != "issuer") {
            assert_ne!(app.get(path, "").await.status, 404, "{name}");
        }
    }
    let token = app.log_in("/auth/token").await;
    assert_eq!(
        crate::support::claims(&token)["iss"],
        format!("{HOST}/auth")
    );
    app.get("/people/1", &token).await.is(200);
    app.get("/auth/api/me", &token).await.is(200);
    let path = "/auth/register".to_owned();
    let request = RequestBuilder::new(app.router.clone(), Method::POST, path);
    let body = json!({ "username": "dora", "password": PASSWORD });
    let created = request.json(&body).send().await;
    let location = created.is(201).header("location").unwrap().to_owned();
    assert!(location.starts_with("/auth/api/users/"), "{location}");
    app.get(&location, &token).await.is(200);
    app.get("/auth/forward-auth?role=admin", &token)
        .await
        .is(200);
    for path in ["/token", "/docs", "/api/me", "/openapi.json"] {
        assert_eq!(app.get(path, &token).await.status, 404, "{path}");
    }
}

async fn read_name(caller: Authenticated) -> String {
    caller.username().to_owned()
}

#[tokio::test]
async fn a_guard_elsewhere_finds_an_issuer_with_a_path() {
    use rolecall_server::Server;
    use tokio::net::TcpListener;

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/auth", listener.local_addr().unwrap());
    let app = App::new(&url, |login| {
        login.with_application(routes(login)).nest("/auth").routes()
    });
    let app = app.await.unwrap();
    let server = Server::new(app.router.clone());
    let server = tokio::spawn(server.serve_until(listener, std::future::pending()));
    let clock = rolecall::ManualClock::at(START);
    let guard = rolecall::Guard::builder().issuer(&url).audience(&url);
    let guard = guard.clock(clock).build().unwrap();
    let elsewhere: Router = GuardedRouter::new(guard)
        .route("/", get(read_name))
        .into_axum();
    let token = app.log_in("/auth/token").await;
    crate::support::eventually("the guard has loaded the keys", async || {
        let request = RequestBuilder::new(elsewhere.clone(), Method::GET, "/".to_owned());
        let answer = request.token(&token).send().await;
        answer.status == 200 && *answer.body == *b"admin"
    })
    .await;
    server.abort();
}

#[tokio::test]
async fn what_does_not_fit_is_refused_at_the_start_with_the_way_out() {
    let refusal = async |public_url: &str, document: Option<Value>, prefix: &str| {
        let app = App::new(public_url, |login| {
            let application = login.with_application(routes(login)).nest(prefix);
            match document {
                Some(document) => application.document(document).routes(),
                None => application.routes(),
            }
        });
        app.await.err().unwrap().to_string()
    };
    let text = refusal(HOST, None, "/auth").await;
    assert!(
        text.contains("`.public_url(\"https://host.example/auth\")`"),
        "{text}"
    );
    let mut less = written_document();
    less["paths"].as_object_mut().unwrap().remove("/hello");
    let text = refusal(HOST, Some(less), "").await;
    assert!(
        text.contains("routed but not documented: GET /hello")
            && text.contains("`.merge(..)` after `.routes()?`"),
        "{text}"
    );
    let mut more = written_document();
    more["paths"]["/gone"] = json!({ "get": {} });
    let text = refusal(HOST, Some(more), "").await;
    assert!(
        text.contains("documented but not routed: GET /gone"),
        "{text}"
    );
    let mut old = written_document();
    old["openapi"] = json!("3.0.3");
    let text = refusal(HOST, Some(old), "").await;
    assert!(text.contains("3.0.3"), "{text}");
}

#[tokio::test]
async fn rolecall_keeps_the_format_of_its_refusals() {
    let app = App::new(HOST, |login| {
        let application = login.with_application(routes(login));
        Ok(application
            .routes()?
            .on_denied(|_: &rolecall::Denial| "mine"))
    });
    let app = app.await.unwrap();
    let own = app.get("/people/1", "").await;
    assert_eq!(*own.is(401).body, *b"mine");
    app.get("/api/me", "").await.not_authenticated();
    drop(app.login);
}

#[tokio::test]
async fn every_text_in_the_body_of_a_request_has_an_example() {
    let app = App::new(HOST, Embedded::routes).await.unwrap();
    let document = app.get("/openapi.json", "").await.json;
    let mut names = Vec::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let content = operation["requestBody"]["content"].as_object();
            for body in content.into_iter().flatten().map(|(_, body)| body) {
                collect(&body["schema"], &document, &mut names, "body");
            }
        }
    }
    assert_eq!(
        names,
        Vec::<String>::new(),
        "a page shows `string` for these"
    );
}

/// Collects the members for which a page would show `string`.
fn collect(schema: &Value, document: &Value, names: &mut Vec<String>, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).unwrap();
        return collect(target, document, names, reference);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let place = format!("{place}.{name}");
        let kind = property["type"].to_string();
        let is_text = kind.contains("string") || property["items"]["type"] == "string";
        let has_value = ["examples", "example", "format", "enum"]
            .iter()
            .any(|member| property.get(member).is_some());
        if is_text && !has_value {
            names.push(place.clone());
        }
        collect(property, document, names, &place);
    }
}
