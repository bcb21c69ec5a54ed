//! `rolecall policy import`: what another system knows, whole or not at all.

mod casbin;
mod keycloak;
mod rules;

use std::{fs, path::Path};

use crate::{
    command_line::command,
    support::{MASTER_KEY, TestApp},
};

/// `rbac_model.conf`.
const PLAIN: &str = "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n\
    [role_definition]\ng = _, _\n[policy_effect]\ne = some(where (p.eft == allow))\n\
    [matchers]\nm = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act\n";

/// Runs `rolecall policy import` in a folder with these files; what it wrote there comes back.
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
    let done = tokio::task::spawn_blocking(move || {
        let output = command.output().unwrap();
        let written = fs::read_to_string(folder.path().join(Path::new("out.toml"))).ok();
        (output, written)
    });
    let (output, written) = done.await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
        written,
    )
}

async fn casbin(
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

async fn keycloak(app: &TestApp, realm: &str, arguments: &[&str]) -> (i32, String, String) {
    let arguments = [&["--keycloak", "realm.json"], arguments].concat();
    let (status, out, error, _) = import(app, &[("realm.json", realm)], &arguments).await;
    (status, out, error)
}
