//! Every statement is prepared on both databases.

use std::collections::BTreeSet;

use sqlx::{Connection as _, Executor as _, SqlSafeStr as _};

use super::{Store, chain, change, head, known_time, open, testing::postgres};
use crate::{
    accounts, audit, authority, bootstrap, clean_up, clients, keys, legacy, login, policy,
    recovery, roles, sessions,
};

/// A module with the names and texts of its SQL.
type Module = (&'static str, &'static [(&'static str, &'static str)]);

/// Every SQL text of the server, by file.
const MODULES: &[Module] = &[
    ("login/failures.rs", login::failures::ALL),
    ("accounts/import/store.rs", accounts::import::store::ALL),
    ("accounts/store.rs", accounts::store::ALL),
    ("authority/policy_store.rs", authority::policy_store::ALL),
    ("authority/subject.rs", authority::subject::ALL),
    ("audit/store.rs", audit::store::ALL),
    ("bootstrap.rs", bootstrap::ALL),
    ("roles/ended_store.rs", roles::ended_store::ALL),
    ("keys/store.rs", keys::store::ALL),
    ("legacy/store.rs", legacy::store::ALL),
    ("clean_up/mod.rs", clean_up::ALL),
    ("policy/store.rs", policy::store::ALL),
    ("recovery/store.rs", recovery::store::ALL),
    ("roles/assignment_store.rs", roles::assignment_store::ALL),
    ("roles/constraint_store.rs", roles::constraint_store::ALL),
    ("roles/holder_store.rs", roles::holder_store::ALL),
    ("roles/request_store.rs", roles::request_store::ALL),
    ("roles/store.rs", roles::store::ALL),
    ("sessions/store.rs", sessions::store::ALL),
    ("clients/store.rs", clients::store::ALL),
    ("store/chain.rs", chain::ALL),
    ("store/change.rs", change::ALL),
    ("store/head.rs", head::ALL),
    ("store/known_time.rs", known_time::ALL),
    ("store/open.rs", open::ALL),
];

#[test]
fn no_module_with_sql_is_left_out() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut with_sql = BTreeSet::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                if text.contains("\nqueries! {") {
                    let name = path.strip_prefix(&root).unwrap();
                    with_sql.insert(name.to_str().unwrap().to_owned());
                }
            }
        }
    }
    let listed: BTreeSet<String> = MODULES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(with_sql, listed);
}

#[tokio::test]
async fn sqlite_understands_every_statement() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("rolecall.db").display());
    Store::open(&url).await.unwrap().close().await;
    let mut conn = sqlx::SqliteConnection::connect(&url).await.unwrap();
    for (module, statements) in MODULES {
        for (name, sql) in *statements {
            let prepared = (&mut conn).prepare((*sql).into_sql_str()).await;
            assert!(prepared.is_ok(), "{module} {name}: {:?}", prepared.err());
        }
    }
}

#[tokio::test]
async fn postgresql_understands_every_statement() {
    let Some(url) = postgres::url("postgres") else {
        return;
    };
    Store::open(&url).await.unwrap().close().await;
    let mut conn = sqlx::PgConnection::connect(&url).await.unwrap();
    for (module, statements) in MODULES {
        for (name, sql) in *statements {
            let prepared = (&mut conn).prepare((*sql).into_sql_str()).await;
            assert!(prepared.is_ok(), "{module} {name}: {:?}", prepared.err());
        }
    }
}
