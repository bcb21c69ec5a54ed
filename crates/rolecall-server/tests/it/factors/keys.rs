//! Secrets of factors and the master key.

use std::os::unix::fs::PermissionsExt as _;

use super::{REDIRECT, STEP, World, code_of, leads_to_page, page};
use crate::support::{Browser, MASTER_KEY, PASSWORD, on_both, run};

on_both![y313_a_factor_outlasts_the_master_key_that_sealed_it];

const NEW: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f";

async fn y313_a_factor_outlasts_the_master_key_that_sealed_it(world: World) {
    let enrolled = world.enrol("alice").await;
    let bob = world.log_in("bob").await;
    let (pending, bobs) = world.begin_enrolment(&bob).await;
    let sealed = "SELECT secret FROM factors ORDER BY id";
    let before = world.db.texts(sealed).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("master.key");
    std::fs::write(&file, NEW).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let file = file.to_str().unwrap();
    run(&world, &["key", "rotate-master", "--new-key-file", file]).await;
    let after = world.db.texts(sealed).await;
    assert!(before.iter().all(|one| !after.contains(one)));
    // a row of one factor cannot stand for another
    let node = world
        .node(|builder| builder.master_key(NEW).previous_master_key(MASTER_KEY))
        .await;
    let mut browser = Browser::new(&node);
    let flow = browser.begin(&world.first, REDIRECT, &[]).await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    let wrong = enrolled.phone.wrong(world.now(), 0);
    page(&browser.second(&flow, &wrong).await, 401);
    code_of(&browser.second(&flow, &world.code(&enrolled.phone)).await);
    let bob = node.log_in("bob").await;
    let path = format!("/api/me/factors/{pending}/confirm");
    let body = serde_json::json!({ "code": world.code(&bobs) });
    node.post(path, &bob, body).await.is(200);
    world.pass_time(STEP);
    let swap = format!(
        "UPDATE factors SET secret = '{}' WHERE id <> '{pending}'",
        after[1]
    );
    world.db.execute(&swap).await;
    let flow = browser
        .begin(&world.first, REDIRECT, &[("prompt", "login")])
        .await;
    leads_to_page(&browser.log_in(&flow, "alice", PASSWORD).await, &flow);
    page(&browser.second(&flow, &world.code(&bobs)).await, 500);
}
