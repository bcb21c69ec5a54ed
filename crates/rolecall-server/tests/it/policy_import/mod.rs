//! `rolecall policy import`: policies of other systems, completely or not at all.

mod casbin;
mod keycloak;
mod rules;

use std::fs;

use crate::support::{MASTER_KEY, TestApp, command, output_of};

/// `rbac_model.conf`, as Casbin publishes it.
const PLAIN: &str = "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n\
    [role_definition]\ng = _, _\n[policy_effect]\ne = some(where (p.eft == allow))\n\
    [matchers]\nm = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act\n";

/// Runs `rolecall policy import` in a folder with these files; returns status, standard output, standard error, and
/// the file `out.toml` if it was written.
async fn import(
    app: &TestApp,
    files: &[(&str, &str)],
    arguments: &[&str],
) -> (i32, String, String, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let mut command = command(
        app,
        MASTER_KEY,
        &[&["policy", "import"], arguments].concat(),
    );
    command.current_dir(folder.path());
    let output = output_of(command).await;
    let written = fs::read_to_string(folder.path().join("out.toml")).ok();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
        written,
    )
}

/// Imports a Casbin model and policy.
async fn import_casbin(
    app: &TestApp,
    model: &str,
    policy: &str,
    arguments: &[&str],
) -> (i32, String, String) {
    let files = [("model.conf", model), ("policy.csv", policy)];
    let arguments = [&["--casbin", "model.conf", "policy.csv"], arguments].concat();
    let (status, out, error, _) = import(app, &files, &arguments).await;
    (status, out, error)
}

/// The revision and the number of users, roles and assignments.
async fn counts(app: &TestApp) -> [i64; 4] {
    let mut found = [app.db.revision().await, 0, 0, 0];
    for (place, table) in ["users", "roles", "role_assignments"]
        .into_iter()
        .enumerate()
    {
        found[place + 1] = app.db.count(table).await;
    }
    found
}

/// Imports a Keycloak realm.
async fn import_keycloak(app: &TestApp, realm: &str, arguments: &[&str]) -> (i32, String, String) {
    let arguments = [&["--keycloak", "realm.json"], arguments].concat();
    let (status, out, error, _) = import(app, &[("realm.json", realm)], &arguments).await;
    (status, out, error)
}
