//! The first administrator, with a one-time code.

use rolecall_server::{Embedded, EmbeddedBuilder, StartError};

use crate::support::{CHEAP, Database, ISSUER, MASTER_KEY, PASSWORD, TestApp, on_both};

on_both![
    nothing_happens_while_there_is_an_administrator,
    a_start_before_the_code_is_used_makes_another_one,
    nodes_that_start_together_create_one_user,
    a_user_who_is_no_administrator_never_becomes_one,
    the_roles_of_the_first_administrator_must_exist,
];

fn builder(db: &Database) -> EmbeddedBuilder {
    Embedded::builder(&db.url)
        .hashing(CHEAP)
        .master_key(MASTER_KEY)
        .public_url(ISSUER)
}

async fn codes(db: &Database) -> Vec<String> {
    db.texts("SELECT reset_code_hash FROM users WHERE reset_code_hash IS NOT NULL")
        .await
}

async fn nothing_happens_while_there_is_an_administrator(app: TestApp) {
    let revision = app.db.revision().await;
    for name in ["admin", "root"] {
        drop(app.node(|builder| builder.first_admin(name)).await);
    }
    assert_eq!(app.db.revision().await, revision);
    app.log_in("admin").await;
}

async fn a_start_before_the_code_is_used_makes_another_one(db: Database) {
    drop(builder(&db).first_admin("root").open().await.unwrap());
    let first = codes(&db).await;
    assert_eq!(first.len(), 1);
    let roles = "SELECT role FROM role_assignments ORDER BY role";
    assert_eq!(db.texts(roles).await, ["rolecall.admin"]);
    drop(builder(&db).first_admin("root").open().await.unwrap());
    let second = codes(&db).await;
    assert!(second.len() == 1 && second != first);
}

async fn nodes_that_start_together_create_one_user(db: Database) {
    drop(builder(&db).open().await.unwrap());
    let start = || async { builder(&db).first_admin("root").open().await.map(drop) };
    let started = tokio::join!(start(), start(), start());
    for one in [started.0, started.1, started.2] {
        one.unwrap();
    }
    assert_eq!(codes(&db).await.len(), 1);
    assert_eq!(db.count("users").await, 1);
}

async fn a_user_who_is_no_administrator_never_becomes_one(db: Database) {
    let registered = builder(&db).demo_user("root", PASSWORD, &["user"]);
    drop(registered.open().await.unwrap());
    let revision = db.revision().await;
    for name in ["root", "Root"] {
        let refused = builder(&db).first_admin(name).open().await.err().unwrap();
        assert!(matches!(refused, StartError::FirstAdmin(..)), "{refused}");
        assert!(refused.to_string().contains("rolecall.admin"), "{refused}");
    }
    assert_eq!(db.revision().await, revision);
    assert_eq!(codes(&db).await, Vec::<String>::new());
}

async fn the_roles_of_the_first_administrator_must_exist(db: Database) {
    let start = async |document: &str| {
        let builder = builder(&db).policy(document);
        let builder = builder.first_admin_with_roles("root", &["editor", "rolecall.admin"]);
        builder.open().await
    };
    let refused = start("[roles.writer]").await.err().unwrap().to_string();
    assert!(refused.contains("no role `editor`"), "{refused}");
    assert_eq!(db.count("users").await, 0);
    drop(start("[roles.editor]").await.unwrap());
    let roles = "SELECT role FROM role_assignments ORDER BY role";
    assert_eq!(db.texts(roles).await, ["editor", "rolecall.admin"]);
}
