//! Names that begin with `rolecall.` cannot be created, neither by the API nor on the command line.

use std::fs;

use serde_json::json;

use crate::support::{MASTER_KEY, TestApp, command, on_both, output_of, rolecall};

on_both![reserved_names_are_refused_everywhere_and_change_nothing];

/// A Casbin model without tenants.
const MODEL: &str = "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n\
    [role_definition]\ng = _, _\n[policy_effect]\ne = some(where (p.eft == allow))\n\
    [matchers]\nm = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act\n";

async fn reserved_names_are_refused_everywhere_and_change_nothing(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("editor", &["items:read"]).await;
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
        let response = app.post(path, admin, body).await;
        response.invalid(&["body", "name"]);
    }
    let document = "[roles.\"rolecall.anything\"]\n";
    let response = app
        .request(http::Method::PUT, "/api/policy")
        .token(admin)
        .header("if-match", "*")
        .raw("application/toml", document)
        .send()
        .await;
    response.invalid(&["body", "roles", "rolecall.anything"]);
    assert_refused_on_the_command_line(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("policy.toml", document);
    write("model.conf", MODEL);
    write(
        "policy.csv",
        "p, rolecall.anything, items, read\ng, alice, rolecall.anything\n",
    );
    let run = async |arguments: &[&str]| {
        let mut command = command(&app, MASTER_KEY, arguments);
        command.current_dir(folder.path());
        output_of(command).await
    };
    let output = run(&["policy", "apply", "policy.toml"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(app.db.revision().await, revision);
    // an import renames such a role or leaves it out
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

async fn assert_refused_on_the_command_line(app: &TestApp) {
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
        let output = rolecall(app, arguments).await;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.contains("rolecall."), "{arguments:?}: {error}");
    }
}
