//! Odd strings in every string of every operation, which both databases answer alike.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use http::Method;
use serde_json::{Map, Value, json};

use crate::support::{Credentials, Database, Fixture as _, PASSWORD, RequestBuilder, TestApp};

/// Strings that databases, parsers and displays take differently.
const ODD: &[&str] = &[
    "\0",
    "items:read\0",
    "",
    " ",
    "\u{feff}\u{202e}abc",
    "\u{ffff}\u{10ffff}",
    "e\u{301}\u{327}",
    "a\nb\r\n\u{85}\u{2028}\u{1b}[31m\u{7f}",
    "'; DROP TABLE users; -- %' OR '1'='1",
    "\\x00\\ $1 ? :name {} %s",
    "-9223372036854775809",
    "2030-02-30T25:61:61Z",
    "0001-01-01T00:00:00Z",
    "../../etc/passwd",
];

/// An application, and what stands for the parameters of paths.
struct Side {
    app: TestApp,
    names: BTreeMap<&'static str, String>,
    /// A client that may introspect tokens and read the feed.
    server: Credentials,
    /// The number of times it started over.
    starts: usize,
}

impl Side {
    async fn on(db: Database) -> Self {
        let app = TestApp::on(db).await;
        app.create_role("editor", &["items:read"]).await;
        app.create_role("reader", &["items:write"]).await;
        app.create_user("alice", &["user"]).await;
        let names = BTreeMap::from([
            ("junior", "reader".to_owned()),
            ("permission", "items:read".to_owned()),
        ]);
        let server = app.create_resource_server("server").await;
        Self {
            app,
            names,
            server,
            starts: 0,
        }
    }

    /// Gives a fresh start: no counted failures, a user and a role for the path, and credentials, all of which nothing
    /// before has changed.
    async fn start_over(&mut self, path: &str) -> String {
        let app = &self.app;
        app.pass_time(Duration::from_mins(2));
        app.clear_failures().await;
        self.starts += 1;
        let (user, role) = (format!("u{}", self.starts), format!("r{}", self.starts));
        let admin = app.log_in("admin").await;
        let body = json!({ "username": user, "password": PASSWORD });
        let id = app.post("/api/users", &admin, body).await.text("id");
        self.names.insert("id", id);
        let body = json!({ "name": role });
        app.post("/api/roles", &admin, body).await.is(201);
        self.names.insert("role", role);
        match path {
            "/introspect" | "/revoke" => self.server.basic(),
            "/api/feed" => format!("Bearer {}", app.act_as(&self.server).await),
            own if own.starts_with("/api/me") => format!("Bearer {}", app.log_in(&user).await),
            _ => format!("Bearer {admin}"),
        }
    }

    /// Fills the parameters of a path; `odd` replaces one of them.
    fn path(&self, path: &str, odd: Option<(&str, &str)>) -> String {
        let mut filled = path.to_owned();
        for name in parameters(path) {
            let known = self.names.get(name.as_str()).map_or("none", String::as_str);
            let value = odd
                .filter(|(odd, _)| *odd == name)
                .map_or(known, |(_, value)| value);
            filled = filled.replace(&format!("{{{name}}}"), &encode(value));
        }
        filled
    }
}

fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        write!(encoded, "%{byte:02X}").unwrap();
    }
    encoded
}

fn parameters(path: &str) -> Vec<String> {
    let parts = path.split('{').skip(1);
    let names = parts.filter_map(|part| part.split('}').next());
    names.map(str::to_owned).collect()
}

/// Where a string is put.
#[derive(Clone, Debug)]
enum Place {
    Path(String),
    Query(String),
    /// A pointer into the sample of a JSON body.
    Body(String),
    Form(String),
}

/// An operation of the document with samples of what it takes.
#[derive(Debug)]
struct Operation {
    method: Method,
    path: String,
    json: Option<Value>,
    form: Option<Map<String, Value>>,
    places: Vec<Place>,
}

impl Operation {
    fn new(document: &Value, method: &str, path: &str, operation: &Value) -> Self {
        let content = &operation["requestBody"]["content"];
        let sample_of = |kind: &str| {
            let schema = content.get(kind)?.get("schema")?;
            Some(sample(document, schema, 0))
        };
        let json = sample_of("application/json").filter(Value::is_object);
        let form = sample_of("application/x-www-form-urlencoded");
        let form = form.and_then(|form| form.as_object().cloned());
        let mut places: Vec<Place> = parameters(path).into_iter().map(Place::Path).collect();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] == "query" {
                places.push(Place::Query(parameter["name"].as_str().unwrap().to_owned()));
            }
        }
        if let Some(json) = &json {
            let mut pointers = Vec::new();
            strings(json, "", &mut pointers);
            places.extend(pointers.into_iter().map(Place::Body));
        }
        let fields = form.iter().flat_map(Map::keys).cloned();
        places.extend(fields.map(Place::Form));
        Self {
            method: method.to_uppercase().parse().unwrap(),
            path: path.to_owned(),
            json,
            form,
            places,
        }
    }

    fn request(&self, side: &Side, credential: &str, place: &Place, odd: &str) -> RequestBuilder {
        let in_path = match place {
            Place::Path(name) => Some((name.as_str(), odd)),
            _ => None,
        };
        let mut path = side.path(&self.path, in_path);
        if let Place::Query(name) = place {
            path = format!("{path}?{name}={}", encode(odd));
        }
        let request = side.app.request(self.method.clone(), path);
        // a log-in has no client here
        let request = match self.path.as_str() {
            "/token" => request,
            _ => request.header("authorization", credential),
        };
        if let Some(json) = &self.json {
            let mut json = json.clone();
            if let Place::Body(pointer) = place {
                *json.pointer_mut(pointer).unwrap() = Value::from(odd);
            }
            return request.json(&json);
        }
        let Some(form) = &self.form else {
            return request;
        };
        let value = |name: &String, value: &Value| match place {
            Place::Form(odd_name) if odd_name == name => odd.to_owned(),
            _ => value.as_str().unwrap_or_default().to_owned(),
        };
        let fields: Vec<(String, String)> = form
            .iter()
            .map(|(name, sample)| (name.clone(), value(name, sample)))
            .collect();
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        request.form(&fields)
    }
}

/// A value that a schema describes, with every member.
fn sample(document: &Value, schema: &Value, depth: usize) -> Value {
    if depth > 8 {
        return Value::Null;
    }
    let inner = |schema: &Value| sample(document, schema, depth + 1);
    if let Some(reference) = schema["$ref"].as_str() {
        return inner(document.pointer(reference.trim_start_matches('#')).unwrap());
    }
    for several in ["oneOf", "anyOf"] {
        let first = schema[several].as_array().into_iter().flatten();
        if let Some(first) = first.map(inner).find(|value| !value.is_null()) {
            return first;
        }
    }
    if let Some(all) = schema["allOf"].as_array() {
        let mut members = Map::new();
        for value in all.iter().map(inner) {
            members.extend(value.as_object().cloned().unwrap_or_default());
        }
        return Value::Object(members);
    }
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds[0].as_str().unwrap_or_default(),
        kind => kind.as_str().unwrap_or_default(),
    };
    match kind {
        "string" => Value::from("sample"),
        "integer" | "number" => Value::from(1),
        "boolean" => Value::from(false),
        "array" => json!([inner(&schema["items"])]),
        "null" => Value::Null,
        _ => {
            let members = schema["properties"].as_object().into_iter().flatten();
            let members = members.map(|(name, schema)| (name.clone(), known(name, inner(schema))));
            Value::Object(members.collect())
        }
    }
}

/// A sample that leads further than any other string, for members whose values must exist.
fn known(name: &str, sample: Value) -> Value {
    match name {
        "username" => json!("alice"),
        "password" | "current_password" | "new_password" => json!(PASSWORD),
        "permission" | "scope" => json!("items:read"),
        "grant_type" => json!("password"),
        "roles" => json!(["editor"]),
        "grants" => json!(["password"]),
        "tenant" => json!("acme"),
        "expires_at" => json!("2031-01-01T00:00:00Z"),
        "valid_from" => json!("2030-01-01T00:00:00Z"),
        "email" => json!("alice@mail.example"),
        "status" => json!("active"),
        _ => sample,
    }
}

/// The pointers to every string in a value.
fn strings(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                strings(item, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                strings(member, &format!("{at}/{name}"), found);
            }
        }
        _ => {}
    }
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push(Operation::new(document, method, path, operation));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y110_an_odd_string_anywhere_is_answered_alike_on_both_databases_and_never_fails() {
    let mut sides = vec![Side::on(Database::sqlite()).await];
    if let Some(db) = Database::postgres().await {
        sides.push(Side::on(db).await);
    }
    let document = sides[0].app.get("/openapi.json", "").await.json;
    let (mut places, mut faults) = (0, Vec::new());
    for operation in operations(&document) {
        for place in &operation.places {
            places += 1;
            let mut credentials = Vec::new();
            for side in &mut sides {
                credentials.push(side.start_over(&operation.path).await);
            }
            for odd in ODD {
                let mut statuses = Vec::new();
                for (side, credential) in sides.iter().zip(&credentials) {
                    let request = operation.request(side, credential, place, odd);
                    statuses.push(request.send().await.status.as_u16());
                }
                let first = statuses[0];
                if first >= 500 || statuses.iter().any(|status| *status != first) {
                    let Operation { method, path, .. } = &operation;
                    faults.push(format!("{method} {path} {place:?} {odd:?}: {statuses:?}"));
                }
            }
        }
    }
    assert!(places > 100, "{places}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
