//! Every statement is prepared on both databases.

use std::{collections::BTreeSet, time::Duration};

use sqlx::{Connection as _, Executor as _, SqlSafeStr as _};

use super::{
    Conn, Store, StoreError, chain, change, floors, gate, head, known_time, leases, outbox, probe,
    query, role_losses,
    testing::{insert_head, postgres},
};
use crate::{
    accounts, audit, authority, backchannel, bootstrap, clean_up, clients, consents, factors,
    invitations, keys, legacy, login, mail, overview, policy, profile, recovery, resources, roles,
    sessions, tickets,
};

/// A module with the names and texts of its SQL.
type Module = (&'static str, &'static [(&'static str, &'static str)]);

/// Every SQL text of the server, by file.
const MODULES: &[Module] = &[
    ("consents/store.rs", consents::store::ALL),
    ("login/browser/store.rs", login::browser::store::ALL),
    ("login/code_store.rs", login::code_store::ALL),
    ("login/failures.rs", login::failures::ALL),
    ("login/flow/store.rs", login::flow::store::ALL),
    ("login/known_store.rs", login::known_store::ALL),
    ("login/flow/tenant_store.rs", login::flow::tenant_store::ALL),
    ("accounts/import/store.rs", accounts::import::store::ALL),
    ("accounts/email_store.rs", accounts::email_store::ALL),
    ("accounts/former_store.rs", accounts::former_store::ALL),
    ("accounts/language_store.rs", accounts::language_store::ALL),
    ("accounts/store.rs", accounts::store::ALL),
    ("accounts/reset_store.rs", accounts::reset_store::ALL),
    ("accounts/find_store.rs", accounts::find_store::ALL),
    ("accounts/search_store.rs", accounts::search_store::ALL),
    ("overview/store.rs", overview::store::ALL),
    ("authority/policy_store.rs", authority::policy_store::ALL),
    ("authority/subject.rs", authority::subject::ALL),
    ("audit/store.rs", audit::store::ALL),
    ("backchannel/store.rs", backchannel::store::ALL),
    ("bootstrap.rs", bootstrap::ALL),
    ("invitations/store.rs", invitations::store::ALL),
    ("mail/code_store.rs", mail::code_store::ALL),
    ("mail/store.rs", mail::store::ALL),
    ("mail/token_store.rs", mail::token_store::ALL),
    ("roles/ended_store.rs", roles::ended_store::ALL),
    ("keys/store.rs", keys::store::ALL),
    (
        "factors/remembered_store.rs",
        factors::remembered_store::ALL,
    ),
    ("factors/store.rs", factors::store::ALL),
    ("factors/passkeys/store.rs", factors::passkeys::store::ALL),
    ("legacy/store.rs", legacy::store::ALL),
    ("clean_up/mod.rs", clean_up::ALL),
    ("policy/history_store.rs", policy::history_store::ALL),
    ("policy/store.rs", policy::store::ALL),
    ("profile/store.rs", profile::store::ALL),
    ("recovery/store.rs", recovery::store::ALL),
    ("roles/assignment_store.rs", roles::assignment_store::ALL),
    ("roles/constraint_store.rs", roles::constraint_store::ALL),
    ("roles/holder_store.rs", roles::holder_store::ALL),
    ("roles/request_store.rs", roles::request_store::ALL),
    ("roles/store.rs", roles::store::ALL),
    ("resources/store.rs", resources::store::ALL),
    ("sessions/active_store.rs", sessions::active_store::ALL),
    ("sessions/endings.rs", sessions::endings::ALL),
    ("sessions/store.rs", sessions::store::ALL),
    (
        "sessions/unadmitted_store.rs",
        sessions::unadmitted_store::ALL,
    ),
    ("clients/store.rs", clients::store::ALL),
    ("tickets/store.rs", tickets::store::ALL),
    ("store/chain.rs", chain::ALL),
    ("store/change.rs", change::ALL),
    ("store/floors.rs", floors::ALL),
    ("store/head.rs", head::ALL),
    ("store/known_time.rs", known_time::ALL),
    ("store/leases.rs", leases::ALL),
    ("store/probe.rs", probe::ALL),
    ("store/role_losses.rs", role_losses::ALL),
    ("store/outbox.rs", outbox::ALL),
];

/// Statements that are put together.
const ENDING: Module = ("backchannel/ending.rs", backchannel::ending::ALL);

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
    for (module, statements) in MODULES.iter().chain([&ENDING]) {
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
    let own: [Module; 3] = [
        ("store/gate.rs", gate::ALL),
        ("backchannel/ending.rs", backchannel::ending::ON_POSTGRES),
        ENDING,
    ];
    for (module, statements) in MODULES.iter().chain(&own) {
        for (name, sql) in *statements {
            let prepared = (&mut conn).prepare((*sql).into_sql_str()).await;
            assert!(prepared.is_ok(), "{module} {name}: {:?}", prepared.err());
        }
    }
}

/// The connection of a caller that goes away returns to its pool without the transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_whose_caller_goes_away_is_rolled_back() {
    const ADD: &str = "UPDATE leases SET ends_at = ends_at + 1 WHERE name = 'clean-up'";
    const READ: &str = "SELECT ends_at FROM leases WHERE name = 'clean-up'";
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("rolecall.db").display());
    for url in ["sqlite::memory:", &file] {
        let store = Store::open(url).await.unwrap();
        for cut in 0..40 {
            let write = store.write(async |conn: &mut Conn| {
                query(ADD).execute(conn).await?;
                // longer than the caller stays
                tokio::time::sleep(Duration::from_mins(1)).await;
                Ok::<_, StoreError>(())
            });
            let cut = Duration::from_micros(100 * cut);
            assert!(tokio::time::timeout(cut, write).await.is_err());
        }
        let ends_at = store.write(async |conn: &mut Conn| {
            let ends_at: i64 = query(READ).fetch_one(conn).await?;
            Ok::<_, StoreError>(ends_at)
        });
        let ends_at = ends_at.await.unwrap_or_else(|error| {
            panic!("{url}: {}", crate::error::chain_of(&error));
        });
        assert_eq!(ends_at, 0, "{url}");
    }
}

/// What names the wrong cause sends people to a database that is well.
#[test]
fn a_transaction_that_others_were_in_the_way_of_is_no_database_that_does_not_answer() {
    let error = StoreError::Deadlock(sqlx::Error::WorkerCrashed);
    assert!(error.is_outage() && error.is_contention());
    assert_eq!(
        error.to_string(),
        "other changes were in the way: try again"
    );
}

/// The pages that a health check writes may be whole.
#[tokio::test]
async fn y550_a_database_that_was_found_damaged_is_not_ready_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rolecall.db");
    let store = Store::open(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    insert_head(&store).await;
    store.ping().await.unwrap();
    let damaged = store.write(async |conn: &mut Conn| {
        // as if the page of the table held something else
        query("PRAGMA writable_schema = ON").execute(conn).await?;
        query("UPDATE sqlite_master SET rootpage = 1000000 WHERE name = 'consents'")
            .execute(conn)
            .await?;
        query("PRAGMA writable_schema = RESET")
            .execute(conn)
            .await?;
        let all: Vec<i64> = query("SELECT COUNT(*) FROM consents")
            .fetch_all(conn)
            .await?;
        Ok::<_, StoreError>(all)
    });
    let damaged = damaged.await.unwrap_err();
    assert!(damaged.is_damage(), "{damaged:?}");
    // although the transaction was rolled back
    let refused = store.ping().await.unwrap_err();
    assert!(matches!(refused, StoreError::Damaged), "{refused:?}");
    let error = crate::error::ApiError::from(refused).into_unready();
    assert_eq!(error.status(), http::StatusCode::SERVICE_UNAVAILABLE);
    let detail = error.outage_detail();
    assert_eq!(detail.as_deref(), Some("the database is damaged"));
}

/// What a health check writes finds room on a disk that has none for anything else.
#[tokio::test]
async fn y385_a_database_without_room_is_not_ready_for_a_while() {
    const FILL: &str = "INSERT INTO audit_events (id, at, kind, address, detail) \
        VALUES ($1, 0, 'x', '', hex(zeroblob(100000)))";
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("rolecall.db").display());
    let server = crate::Embedded::builder(&url).open().await.unwrap();
    let store = server.app().store();
    store.ping().await.unwrap();
    let filled = store.write(async |conn: &mut Conn| {
        // no page more than there are
        query("PRAGMA max_page_count = 1").execute(conn).await?;
        query(FILL).bind("one").execute(conn).await
    });
    let full = filled.await.unwrap_err();
    assert!(full.is_full() && full.is_outage(), "{full:?}");
    let refused = store.ping().await.unwrap_err();
    assert_eq!(refused.to_string(), "the disk of the database is full");
    let error = crate::error::ApiError::from(refused).into_unready();
    assert_eq!(error.status(), http::StatusCode::SERVICE_UNAVAILABLE);
    let detail = error.outage_detail();
    assert_eq!(detail.as_deref(), Some("the disk of the database is full"));
    let filled = store.write(async |conn: &mut Conn| {
        query("PRAGMA max_page_count = 1000000")
            .execute(conn)
            .await?;
        query(FILL).bind("two").execute(conn).await
    });
    filled.await.unwrap();
}
