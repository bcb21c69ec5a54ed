//! Names that begin with `rolecall.` cannot be created, by any way in.

use std::fs;

use serde_json::json;

use crate::{
    command_line::{command, rolecall},
    support::{MASTER_KEY, TestApp, on_both},
};

on_both![reserved_names_are_refused_by_the_api_and_the_command_line_and_nothing_is_changed];

/// A Casbin model without tenants.
const MODEL: &str = "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n\
    [role_definition]\ng = _, _\n[policy_effect]\ne = some(where (p.eft == allow))\n\
    [matchers]\nm = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act\n";

async fn reserved_names_are_refused_by_the_api_and_the_command_line_and_nothing_is_changed(
    app: TestApp,
) {
    let admin = app.admin().await;
    app.role("editor", &["items:read"]).await;
    let revision = app.db.revision().await;
    let constraint = json!({
        "name": "rolecall.apart", "kind": "static", "roles": ["editor", "user"], "at_most": 1,
    });
    for (path, body) in [
        ("/api/roles", json!({ "name": "rolecall.anything" })),
        ("/api/roles", json!({ "name": "rolecall.admin" })),
        ("/api/permissions", json!({ "name": "rolecall.items:read" })),
        ("/api/constraints", constraint),
    ] {
        let answer = app.post(path, admin, body).await;
        answer.invalid(&["body", "name"]);
    }
    let document = "[roles.\"rolecall.anything\"]\n";
    let answer = app
        .request(http::Method::PUT, "/api/policy")
        .token(admin)
        .header("if-match", "*")
        .raw("application/toml", document)
        .send()
        .await;
    answer.invalid(&["body", "roles", "rolecall.anything"]);
    for arguments in [
        &["role", "add", "rolecall.anything"][..],
        &["role", "allow", "editor", "rolecall.items:read"],
        &[
            "constraint",
            "add",
            "rolecall.apart",
            "editor",
            "user",
            "--static",
        ],
    ] {
        let output = rolecall(&app, arguments).await;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.contains("rolecall."), "{arguments:?}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    file("policy.toml", document);
    file("model.conf", MODEL);
    file(
        "policy.csv",
        "p, rolecall.anything, items, read\ng, alice, rolecall.anything\n",
    );
    let run = async |arguments: &[&str]| {
        let mut command = command(&app, MASTER_KEY, arguments);
        command.current_dir(folder.path());
        let output = tokio::task::spawn_blocking(move || command.output()).await;
        output.unwrap().unwrap()
    };
    let output = run(&["policy", "apply", "policy.toml"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(app.db.revision().await, revision);
    // an import gives such a role another name, or leaves it out
    let casbin = ["--casbin", "model.conf", "policy.csv"];
    let import = [
        &["policy", "import"][..],
        &casbin,
        &["--apply", "--leave-out"],
    ];
    run(&import.concat()).await;
    let roles = app.get("/api/roles", admin).await.is(200).json.clone();
    let names = roles["items"].as_array().unwrap().iter();
    let names = names.map(|role| role["name"].as_str().unwrap());
    let reserved: Vec<&str> = names.filter(|name| name.starts_with("rolecall.")).collect();
    assert_eq!(reserved, ["rolecall.admin", "rolecall.resource-server"]);
}
