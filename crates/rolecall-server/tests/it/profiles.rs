//! Profile fields: the same rules at every way in, and chosen fields in tokens.

use std::time::Duration;

use rolecall_server::{EmbeddedBuilder, FieldAccess, ProfileField, Registration};
use serde_json::{Value, json};

use crate::{
    import::{BCRYPT, import_with},
    support::{
        Database, Fixture, PASSWORD, TestApp, TokenPair, audit_is_whole, claims, on_both, rolecall,
        run, run_failing,
    },
};

on_both![
    y200_the_owner_changes_what_is_theirs_and_nothing_else,
    an_administrator_sees_and_changes_more,
    y200_registration_takes_required_fields_and_none_of_an_administrator,
    a_value_is_read_the_same_wherever_it_was_written,
    the_command_line_writes_what_nobody_else_may,
    an_import_checks_profiles,
    y201_the_audit_log_names_fields_and_holds_no_values,
    tokens_carry_the_newest_values_of_claims_and_nothing_else,
    y203_a_claim_of_administrators_ends_tokens_with_the_old_value,
    the_email_is_in_tokens_only_if_it_was_asked_for,
    a_declaration_that_changed_hides_old_values,
    a_deleted_user_leaves_no_values,
    y270_a_pattern_holds_at_every_way_in,
    y270_values_from_before_a_pattern_stay_readable_and_are_reported,
];

/// An application that declares fields.
struct Declared(TestApp);

impl std::ops::Deref for Declared {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.0
    }
}

impl Fixture for Declared {
    async fn on(db: Database) -> Self {
        Self(TestApp::configured(db, declare).await)
    }
}

fn declare(builder: EmbeddedBuilder) -> EmbeddedBuilder {
    builder
        .profile_field(ProfileField::string("name").max_length(30).required())
        .profile_field(ProfileField::integer("age"))
        .profile_field(ProfileField::string("department").max_length(30).claim())
        .profile_field(
            ProfileField::choice("plan", ["free", "pro"])
                .write(FieldAccess::Admin)
                .claim_as("https://example.com/plan"),
        )
        .profile_field(
            ProfileField::string("note")
                .read(FieldAccess::Admin)
                .write(FieldAccess::Admin),
        )
        .profile_field(
            ProfileField::string("internal")
                .read(FieldAccess::Nobody)
                .write(FieldAccess::Nobody),
        )
}

/// The same fields, as the configuration of a command declares them.
const FIELDS: &str = r#"profile.fields={ name = { type = "string", max_length = 30, required = true }, age = { type = "integer" },
    department = { type = "string", max_length = 30, claim = true },
    plan = { type = "enum", values = ["free", "pro"], write = "admin", claim = "https://example.com/plan" },
    note = { type = "string", read = "admin" }, internal = { type = "string", read = "nobody" } }"#;

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

async fn cli(app: &TestApp, arguments: &[&str]) -> String {
    let fields = one_line(FIELDS);
    let mut all = vec!["--set", fields.as_str()];
    all.extend(arguments);
    run(app, &all).await
}

impl Declared {
    async fn profile_of(&self, id: &str) -> Value {
        let user = self
            .get(format!("/api/users/{id}"), self.admin().await)
            .await;
        user.is(200).json["profile"].clone()
    }
}

async fn y200_the_owner_changes_what_is_theirs_and_nothing_else(app: Declared) {
    app.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    assert_eq!(app.get("/api/me", &token).await.json["profile"], json!({}));
    app.pass_time(Duration::from_mins(1));
    let body = json!({ "profile": { "name": "Alice A.", "age": 30 }, "email": "a@b.example" });
    let me = app.patch("/api/me", &token, body.clone()).await;
    assert_eq!(
        me.is(200).json["profile"],
        json!({ "age": 30, "name": "Alice A." })
    );
    assert_eq!(me.text("email"), "a@b.example");
    assert_eq!(me.text("updated_at"), "2030-01-01T00:01:00Z");
    let revision = app.db.revision().await;
    app.patch("/api/me", &token, body).await.is(200);
    assert_eq!(
        app.db.revision().await,
        revision,
        "the same again changes nothing"
    );
    let me = app
        .patch("/api/me", &token, json!({ "profile": { "age": null } }))
        .await;
    assert_eq!(me.is(200).json["profile"], json!({ "name": "Alice A." }));
    assert_eq!(me.text("email"), "a@b.example");
    let revision = app.db.revision().await;
    for (profile, field, kind) in [
        (json!({ "plan": "pro" }), "plan", "read_only"),
        (json!({ "plan": null }), "plan", "read_only"),
        (json!({ "note": "x" }), "note", "extra_forbidden"),
        (json!({ "internal": "x" }), "internal", "extra_forbidden"),
        (json!({ "shoe": 1 }), "shoe", "extra_forbidden"),
        (json!({ "age": "30" }), "age", "type_error"),
        (json!({ "name": "x".repeat(31) }), "name", "value_error"),
        // one wrong value means nothing is written
        (json!({ "age": 31, "name": "" }), "name", "value_error"),
    ] {
        let refused = app
            .patch("/api/me", &token, json!({ "profile": profile }))
            .await;
        refused.invalid(&["body", "profile", field]);
        assert_eq!(refused.json["errors"][0]["type"], kind, "{refused:?}");
        let text = refused.json.to_string();
        assert!(
            !text.contains("internal`") && !text.contains("`note`"),
            "{text}"
        );
    }
    for wrong in [json!(null), json!([]), json!("name")] {
        let refused = app
            .patch("/api/me", &token, json!({ "profile": wrong }))
            .await;
        refused.invalid(&["body", "profile"]);
    }
    let twice = app.request(http::Method::PATCH, "/api/me").token(&token);
    let twice = twice.raw(
        "application/json",
        r#"{"profile":{"age":1,"age":2}}"#.to_owned(),
    );
    twice.send().await.invalid(&["body", "profile", "age"]);
    assert_eq!(app.db.revision().await, revision);
    app.get("/api/me", &token).await.is(200);
}

async fn an_administrator_sees_and_changes_more(app: Declared) {
    let id = app.create_user("alice", &[]).await;
    let path = format!("/api/users/{id}");
    let admin = app.admin().await;
    let values = json!({ "plan": "pro", "note": "pays late", "name": "Alice" });
    let changed = app.patch(&path, admin, json!({ "profile": values })).await;
    assert_eq!(changed.is(200).json["profile"], values);
    assert_eq!(app.profile_of(&id).await, values);
    let found = app.get("/api/users?username=alice", admin).await;
    assert_eq!(found.is(200).json["items"][0]["profile"], values);
    let me = app.get("/api/me", &app.log_in("alice").await).await;
    assert_eq!(
        me.json["profile"],
        json!({ "name": "Alice", "plan": "pro" })
    );
    let refused = app
        .patch(&path, admin, json!({ "profile": { "internal": "x" } }))
        .await;
    refused.invalid(&["body", "profile", "internal"]);
    // who reads users and does not write them changes no profile
    app.create_role("reader", &["rolecall.users:read"]).await;
    app.create_user("bob", &["reader"]).await;
    let reader = app.log_in("bob").await;
    assert_eq!(app.get(&path, &reader).await.json["profile"], values);
    let refused = app
        .patch(&path, &reader, json!({ "profile": { "age": 1 } }))
        .await;
    refused.forbidden("rolecall.users:write");
    // the delegation limit: `admin` has more than whoever may only write users
    app.create_role("writer", &["rolecall.users:read", "rolecall.users:write"])
        .await;
    app.create_user("carol", &["writer"]).await;
    let admin_id = app.id_of("admin").await;
    let writer = app.log_in("carol").await;
    let body = json!({ "profile": { "name": "Root" } });
    let refused = app
        .patch(format!("/api/users/{admin_id}"), &writer, body.clone())
        .await;
    assert_eq!(refused.status, 403, "{refused:?}");
    app.patch(&path, &writer, body).await.is(200);
}

async fn y200_registration_takes_required_fields_and_none_of_an_administrator(app: Declared) {
    let register = async |profile: Value| {
        let body = json!({ "username": "alice", "password": PASSWORD, "profile": profile });
        app.post("/register", "", body).await
    };
    let without = json!({ "username": "alice", "password": PASSWORD });
    let refused = app.post("/register", "", without).await;
    refused.invalid(&["body", "profile", "name"]);
    assert_eq!(refused.json["errors"][0]["type"], "missing");
    for (profile, field) in [
        (json!({ "age": 7 }), "name"),
        (json!({ "name": null }), "name"),
        (json!({ "name": "A", "plan": "pro" }), "plan"),
        (json!({ "name": "A", "note": "x" }), "note"),
        (json!({ "name": "A", "internal": "x" }), "internal"),
        (json!({ "name": "A", "age": 0.5 }), "age"),
    ] {
        register(profile).await.invalid(&["body", "profile", field]);
    }
    assert_eq!(app.db.count("users").await, 1);
    let created = register(json!({ "name": "A", "department": "sales" })).await;
    let expected = json!({ "department": "sales", "name": "A" });
    assert_eq!(created.is(201).json["profile"], expected);
    assert_eq!(app.profile_of(&created.text("id")).await, expected);
}

async fn a_value_is_read_the_same_wherever_it_was_written(app: Declared) {
    let admin = app.admin().await;
    let values = json!({ "age": -7, "department": "\"R&D\" \\ ü𝄞", "name": "O'Neil, \"A\"" });
    let body = json!({ "username": "made", "password": PASSWORD, "profile": values });
    let made = app.post("/api/users", admin, body.clone()).await;
    assert_eq!(made.is(201).json["profile"], values);
    let mut registered = body.clone();
    registered["username"] = "registered".into();
    app.post("/register", "", registered).await.is(201);
    app.create_user("patched", &[]).await;
    let token = app.log_in("patched").await;
    app.patch("/api/me", &token, json!({ "profile": values }))
        .await
        .is(200);
    let (department, name) = (
        values["department"].as_str().unwrap(),
        values["name"].as_str().unwrap(),
    );
    let texts = [
        "age=-7".to_owned(),
        format!("department={department}"),
        format!("name={name}"),
    ];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    app.create_user("commanded", &[]).await;
    cli(
        &app,
        &[&["user", "set-profile", "commanded"], &texts[..]].concat(),
    )
    .await;
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let csv = format!(
        "username,hashed_password,profile.age,profile.department,profile.name\ncsv,{BCRYPT},-7,{},{}\n",
        quoted(department),
        quoted(name)
    );
    let json_line =
        json!({ "username": "jsonl", "hashed_password": BCRYPT.to_string(), "profile": values });
    let fields = one_line(FIELDS);
    for (file, text) in [("u.csv", csv), ("u.jsonl", json_line.to_string())] {
        let done = import_with(&app, &["--set", &fields], file, &text, &[]).await;
        assert!(done.status.success(), "{done:?}");
    }
    for username in ["made", "registered", "patched", "commanded", "csv", "jsonl"] {
        let id = app.id_of(username).await;
        assert_eq!(app.profile_of(&id).await, values, "{username}");
        let me = app.get("/api/me", &app.log_in(username).await).await;
        assert_eq!(me.is(200).json["profile"], values, "{username}");
        let shown = cli(&app, &["--json", "user", "show", username]).await;
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["profile"], values, "{username}");
    }
    assert!(audit_is_whole(&app).await);
}

async fn the_command_line_writes_what_nobody_else_may(app: Declared) {
    let id = app.create_user("alice", &[]).await;
    cli(
        &app,
        &["user", "set-profile", "alice", "internal=crm-7", "plan=pro"],
    )
    .await;
    assert_eq!(app.profile_of(&id).await, json!({ "plan": "pro" }));
    let shown = cli(&app, &["user", "show", "alice"]).await;
    assert!(shown.contains("profile internal = crm-7\n"), "{shown}");
    cli(&app, &["user", "set-profile", "alice", "internal="]).await;
    let shown = cli(&app, &["user", "show", "alice"]).await;
    assert!(
        !shown.contains("internal") && shown.contains("profile plan = pro\n"),
        "{shown}"
    );
    let fields = one_line(FIELDS);
    let failing = async |arguments: &[&str]| {
        run_failing(&app, &[&["--set", fields.as_str()], arguments].concat()).await
    };
    for (value, part) in [
        (
            "shoe=1",
            "profile.shoe: this member is not known; the fields are `age`",
        ),
        ("age=old", "expected a whole number"),
        ("plan=gold", "expected one of `free`, `pro`"),
    ] {
        let refused = failing(&["user", "set-profile", "alice", value]).await;
        assert!(refused.contains(part), "{refused}");
    }
    // with the limits of a user, `--as` writes what that administrator may
    let refused = failing(&[
        "--as",
        "admin",
        "user",
        "set-profile",
        "alice",
        "internal=x",
    ])
    .await;
    assert!(
        refused.contains("profile.internal: this member is not known"),
        "{refused}"
    );
    let undeclared = run_failing(&app, &["user", "set-profile", "alice", "age=7"]).await;
    assert!(
        undeclared.contains("no profile fields are declared"),
        "{undeclared}"
    );
}

async fn an_import_checks_profiles(app: Declared) {
    let fields = one_line(FIELDS);
    let text = format!(
        "username,hashed_password,profile.age,profile.plan\na,{BCRYPT},7,pro\nb,{BCRYPT},old,free\nc,{BCRYPT},,gold\n"
    );
    let refused = import_with(&app, &["--set", &fields], "u.csv", &text, &[]).await;
    let shown = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(
        shown.contains("line 3: profile.age: expected a whole number"),
        "{shown}"
    );
    assert!(
        shown.contains("line 4: profile.plan: expected one of"),
        "{shown}"
    );
    assert_eq!(app.db.count("users").await, 1);
    let unknown = format!("username,hashed_password,profile.shoe\na,{BCRYPT},7\n");
    let refused = import_with(&app, &["--set", &fields], "u.csv", &unknown, &[]).await;
    let shown = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(
        shown.contains("line 2: profile.shoe: this member is not known"),
        "{shown}"
    );
    let renamed = format!("username,hashed_password,old\na,{BCRYPT},7\n");
    let flags = ["--column", "profile.age=old"];
    let done = import_with(&app, &["--set", &fields], "u.csv", &renamed, &flags).await;
    assert!(done.status.success(), "{done:?}");
    assert_eq!(
        app.profile_of(&app.id_of("a").await).await,
        json!({ "age": 7 })
    );
}

async fn y201_the_audit_log_names_fields_and_holds_no_values(app: Declared) {
    let body =
        json!({ "username": "alice", "password": PASSWORD, "profile": { "name": "canary-one" } });
    let id = app
        .post("/api/users", app.admin().await, body)
        .await
        .is(201)
        .text("id");
    let created = app.newest_entry().await;
    assert_eq!(
        created["changes"][0]["profile"],
        json!(["name"]),
        "{created}"
    );
    let token = app.log_in("alice").await;
    let body = json!({ "profile": { "name": "canary-two", "age": 7 } });
    app.patch("/api/me", &token, body).await.is(200);
    let updated = app.newest_entry().await;
    assert_eq!(updated["actor"], format!("user:{id}"));
    assert_eq!(updated["changes"][0]["profile"], json!(["age", "name"]));
    let log = app.get("/api/audit?limit=200", app.admin().await).await;
    assert!(!log.json.to_string().contains("canary"));
    assert!(audit_is_whole(&app).await);
}

async fn tokens_carry_the_newest_values_of_claims_and_nothing_else(app: Declared) {
    let id = app.create_user("alice", &[]).await;
    let pair = TokenPair::of(&app.password_grant("alice", PASSWORD).await);
    let before = claims(&pair.access);
    for absent in [
        "department",
        "https://example.com/plan",
        "name",
        "profile",
        "email",
    ] {
        assert!(before.get(absent).is_none(), "{before}");
    }
    let body =
        json!({ "profile": { "department": "sales", "name": "A", "plan": "pro", "note": "n" } });
    app.patch(format!("/api/users/{id}"), app.admin().await, body)
        .await
        .is(200);
    let refreshed = app.refresh(&pair.refresh).await;
    let pair = TokenPair::of(&refreshed);
    let now = claims(&pair.access);
    assert_eq!(now["department"], "sales");
    assert_eq!(now["https://example.com/plan"], "pro");
    assert!(
        now.get("name").is_none() && now.get("note").is_none(),
        "{now}"
    );
    let caller = app.guard().verify(&pair.access).unwrap();
    assert_eq!(caller.claim_str("department"), Some("sales"));
    assert_eq!(caller.email(), None);
    // a resource server that asks for it is told the same
    let server = app.create_resource_server("api").await;
    let told = app.introspect(&server, &pair.access).await;
    assert_eq!(told.is(200).json["department"], "sales");
    assert_eq!(told.json["https://example.com/plan"], "pro");
    assert!(told.json.get("name").is_none(), "{told:?}");
}

async fn y203_a_claim_of_administrators_ends_tokens_with_the_old_value(app: Declared) {
    let id = app.create_user("alice", &[]).await;
    let path = format!("/api/users/{id}");
    let admin = app.admin().await;
    let set = async |profile: Value| {
        app.patch(&path, admin, json!({ "profile": profile }))
            .await
            .is(200);
    };
    set(json!({ "plan": "pro" })).await;
    let pair = TokenPair::of(&app.password_grant("alice", PASSWORD).await);
    // what users write themselves changes with the next token
    set(json!({ "department": "sales", "note": "x", "plan": "pro" })).await;
    app.get("/api/me", &pair.access).await.is(200);
    set(json!({ "plan": "free" })).await;
    app.get("/api/me", &pair.access).await.ended_token();
    let next = TokenPair::of(&app.refresh(&pair.refresh).await);
    assert_eq!(claims(&next.access)["https://example.com/plan"], "free");
    app.get("/api/me", &next.access).await.is(200);
}

async fn the_email_is_in_tokens_only_if_it_was_asked_for(app: TestApp) {
    let body = json!({ "username": "alice", "password": PASSWORD, "email": "alice@mail.example" });
    app.post("/api/users", app.admin().await, body)
        .await
        .is(201);
    app.create_user("bob", &[]).await;
    assert!(claims(&app.log_in("alice").await).get("email").is_none());
    let node = app.node(EmbeddedBuilder::email_in_tokens).await;
    let token = node.log_in("alice").await;
    let written = claims(&token);
    assert_eq!(written["email"], "alice@mail.example");
    assert_eq!(written["email_verified"], false);
    let caller = node.guard().verify(&token).unwrap();
    assert_eq!(caller.email(), Some("alice@mail.example"));
    assert!(!caller.email_verified());
    let path = format!("/api/users/{}", app.id_of("alice").await);
    let verified = json!({ "email_verified": true });
    node.patch(&path, app.admin().await, verified).await.is(200);
    let token = node.log_in("alice").await;
    assert_eq!(claims(&token)["email_verified"], true);
    assert!(node.guard().verify(&token).unwrap().email_verified());
    // whoever relied on it must not any more
    let taken_back = json!({ "email_verified": false });
    node.patch(&path, app.admin().await, taken_back)
        .await
        .is(200);
    assert!(node.guard().verify(&token).is_err());
    assert_eq!(claims(&node.log_in("alice").await)["email_verified"], false);
    let without = claims(&node.log_in("bob").await);
    assert!(without.get("email").is_none() && without.get("email_verified").is_none());
}

async fn a_declaration_that_changed_hides_old_values(app: Declared) {
    let id = app.create_user("alice", &[]).await;
    let body = json!({ "profile": { "age": 7, "department": "sales" } });
    app.patch(format!("/api/users/{id}"), app.admin().await, body)
        .await
        .is(200);
    let changed = app
        .node(|builder| builder.profile_field(ProfileField::string("age").max_length(20).claim()))
        .await;
    let token = changed.log_in("alice").await;
    assert!(claims(&token).get("age").is_none());
    assert_eq!(
        changed.get("/api/me", &token).await.json["profile"],
        json!({})
    );
    let body = json!({ "profile": { "age": "seven" } });
    changed.patch("/api/me", &token, body).await.is(200);
    // the field that only the other node declares is kept
    assert_eq!(app.profile_of(&id).await, json!({ "department": "sales" }));
    // stored by hand, or by a version to come
    app.db.execute("UPDATE users SET profile = 'no json'").await;
    assert_eq!(app.profile_of(&id).await, json!({}));
    app.log_in("alice").await;
}

/// A field with a pattern, as the configuration of a command declares it.
const PLATE: &str = r#"profile.fields={ plate = { type = "string", max_length = 20, claim = true, pattern = '[A-Z]{2}\d{2}',
    pattern_message = "expected a number plate such as AB12" } }"#;

fn with_plate(builder: EmbeddedBuilder) -> EmbeddedBuilder {
    builder.profile_field(
        ProfileField::string("plate")
            .max_length(20)
            .claim()
            .pattern(r"[A-Z]{2}\d{2}")
            .pattern_message("expected a number plate such as AB12"),
    )
}

async fn y270_a_pattern_holds_at_every_way_in(plain: TestApp) {
    let app = plain.node(with_plate).await;
    let id = plain.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    let admin = plain.admin().await;
    let wrong = json!({ "plate": "ab12" });
    let user = json!({ "username": "bob", "password": PASSWORD, "profile": wrong });
    for refused in [
        app.patch("/api/me", &token, json!({ "profile": wrong }))
            .await,
        app.patch(
            format!("/api/users/{id}"),
            admin,
            json!({ "profile": wrong }),
        )
        .await,
        app.post("/api/users", admin, user.clone()).await,
        app.post("/register", "", user).await,
    ] {
        refused.invalid(&["body", "profile", "plate"]);
        assert_eq!(
            refused.json["errors"][0]["msg"],
            "profile.plate: expected a number plate such as AB12"
        );
    }
    let fields = one_line(PLATE);
    let set = [
        "--set",
        fields.as_str(),
        "user",
        "set-profile",
        "alice",
        "plate=x",
    ];
    let refused = run_failing(&plain, &set).await;
    assert!(refused.contains("such as AB12"), "{refused}");
    let text = format!("username,hashed_password,profile.plate\ncarol,{BCRYPT},ab12\n");
    let refused = import_with(&plain, &["--set", &fields], "u.csv", &text, &[]).await;
    let shown = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(
        shown.contains("line 2: profile.plate: expected a number plate"),
        "{shown}"
    );
    assert_eq!(plain.db.count("users").await, 2);
    assert_eq!(
        plain
            .db
            .number("SELECT COUNT(*) FROM users WHERE profile IS NOT NULL")
            .await,
        0
    );
    let right = json!({ "profile": { "plate": "AB12" } });
    let me = app.patch("/api/me", &token, right).await;
    assert_eq!(me.is(200).json["profile"]["plate"], "AB12");
    // clients in other languages read the pattern in the document
    let document = app.get("/openapi.json", "").await.is(200).json.clone();
    let shown = &document["components"]["schemas"]["MyChanges"]["properties"]["profile"];
    assert_eq!(
        shown["properties"]["plate"]["pattern"],
        r"^(?:[A-Z]{2}\d{2})$"
    );
    let faulty = fields.replace("[A-Z]", "[A-Z");
    let refused = run_failing(&plain, &["--set", &faulty, "config", "check"]).await;
    assert!(
        refused.contains("`profile.fields.plate`: `pattern`: "),
        "{refused}"
    );
}

async fn y270_values_from_before_a_pattern_stay_readable_and_are_reported(plain: TestApp) {
    let loose = |builder: EmbeddedBuilder| {
        builder.profile_field(ProfileField::string("plate").max_length(20).claim())
    };
    let before = plain.node(loose).await;
    let mut tokens = Vec::new();
    for name in ["alice", "bob"] {
        plain.create_user(name, &[]).await;
        let token = before.log_in(name).await;
        let plate = if name == "alice" { "old one" } else { "AB12" };
        let body = json!({ "profile": { "plate": plate } });
        before.patch("/api/me", &token, body).await.is(200);
        tokens.push(token);
    }
    let app = plain.node(with_plate).await;
    let me = app.get("/api/me", &tokens[0]).await;
    assert_eq!(me.is(200).json["profile"]["plate"], "old one");
    // an API may rely on what a claim can be
    assert!(claims(&app.log_in("alice").await).get("plate").is_none());
    assert_eq!(claims(&app.log_in("bob").await)["plate"], "AB12");
    // another member can be changed meanwhile
    let body = json!({ "email": "alice@example.com" });
    app.patch("/api/me", &tokens[0], body).await.is(200);
    let fields = one_line(PLATE);
    let reported = rolecall(&plain, &["--set", &fields, "--json", "doctor"]).await;
    let findings: Value = serde_json::from_slice(&reported.stdout).unwrap();
    let findings = findings.as_array().unwrap();
    let finding = findings
        .iter()
        .find(|finding| finding["check"] == "profiles");
    let finding = finding.unwrap();
    assert_eq!(finding["severity"], "warning");
    let text = finding["text"].as_str().unwrap();
    assert!(text.contains("`plate` of 1 (`alice`)"), "{text}");
    assert!(!text.contains("old one"), "{text}");
    run(
        &plain,
        &[
            "--set",
            &fields,
            "user",
            "set-profile",
            "alice",
            "plate=CD34",
        ],
    )
    .await;
    let reported = rolecall(&plain, &["--set", &fields, "doctor"]).await;
    let text = String::from_utf8_lossy(&reported.stdout).into_owned();
    assert!(text.contains("profiles: all values fit"), "{text}");
}

async fn a_deleted_user_leaves_no_values(app: Declared) {
    let body =
        json!({ "username": "alice", "password": PASSWORD, "profile": { "name": "canary" } });
    let id = app
        .post("/api/users", app.admin().await, body)
        .await
        .is(201)
        .text("id");
    app.delete(format!("/api/users/{id}"), app.admin().await)
        .await
        .no_content();
    let left = app
        .db
        .number("SELECT COUNT(*) FROM users WHERE profile IS NOT NULL")
        .await;
    assert_eq!(left, 0);
    app.post(
        "/register",
        "",
        json!({ "username": "alice", "password": PASSWORD, "profile": { "name": "B" } }),
    )
    .await
    .is(201);
}

#[tokio::test]
async fn a_faulty_declaration_refuses_the_start_with_every_fault() {
    let refused = rolecall_server::Embedded::builder("sqlite::memory:")
        .registration(Registration::Open)
        .profile_field(ProfileField::string("email"))
        .profile_field(
            ProfileField::string("plan")
                .read(FieldAccess::Admin)
                .claim(),
        )
        .open()
        .await;
    let refused = refused.err().unwrap().to_string();
    assert!(refused.contains("`profile.fields.email`: "), "{refused}");
    assert!(refused.contains("`profile.fields.plan`: "), "{refused}");
}
