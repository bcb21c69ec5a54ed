use std::{fs, path::Path, time::Duration};

use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::{Lane, Local, Pools};
use crate::store::{
    Conn, OpenError, Store, StoreError, Tuning, file,
    integrity::{self, Depth},
    query::query,
    target::{Opening, Target},
    testing::{insert_head, postgres_database},
};

/// Writes one more.
async fn raise(conn: &mut Conn) -> Result<(), StoreError> {
    const RAISE: &str = "INSERT INTO leases (name, holder, ends_at) VALUES ('test', '', 1) \
        ON CONFLICT (name) DO UPDATE SET ends_at = leases.ends_at + 1";
    query(RAISE).execute(conn).await.map(drop)
}

/// Reads how often it was raised.
async fn value(conn: &mut Conn) -> Result<Option<i64>, StoreError> {
    query(VALUE).fetch_optional(conn).await
}

const VALUE: &str = "SELECT ends_at FROM leases WHERE name = 'test'";

/// Reads and writes with each kind of connection, each time after `kill`.
async fn check_after(store: &Store, kill: impl AsyncFn()) {
    kill().await;
    let mut conn = store.read().await.unwrap();
    assert_eq!(value(&mut conn).await.unwrap(), None);
    drop(conn);
    kill().await;
    let mut conn = store.read_for_watch().await.unwrap();
    let all: Vec<i64> = query(VALUE).fetch_all(&mut conn).await.unwrap();
    assert!(all.is_empty());
    drop(conn);
    for lane in [Lane::Requests, Lane::Changes, Lane::Watch] {
        kill().await;
        let mut conn = store.begin(lane).await.unwrap();
        raise(&mut conn).await.unwrap();
        conn.commit().await.unwrap();
    }
    let mut conn = store.read().await.unwrap();
    assert_eq!(value(&mut conn).await.unwrap(), Some(3));
}

/// Ends all connections of the store as a restart of PostgreSQL does, once they are idle.
async fn kill_all(store: &Store, url: &str) {
    const OTHERS: &str = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rolecall'";
    let is_idle = || {
        let pools = store.connections();
        pools
            .iter()
            .all(|pool| usize::try_from(pool.open).unwrap() == pool.idle)
    };
    while !is_idle() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut other = PgConnection::connect(url).await.unwrap();
    let kill = format!("SELECT pg_terminate_backend(pid) {OTHERS}");
    sqlx::query(sqlx::AssertSqlSafe(kill))
        .execute(&mut other)
        .await
        .unwrap();
    loop {
        let count = format!("SELECT COUNT(*) {OTHERS}");
        let left: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count))
            .fetch_one(&mut other)
            .await
            .unwrap();
        if left == 0 {
            break;
        }
    }
    other.close().await.unwrap();
}

#[tokio::test]
async fn y026_a_dead_connection_to_postgresql_is_replaced_and_nothing_fails() {
    let Some(url) = postgres_database("y026_dead").await else {
        return;
    };
    let store = Store::open(&url).await.unwrap();
    // several, of which each could be the next to be taken
    let held = [store.read().await, store.read().await, store.read().await];
    drop(held);
    check_after(&store, async || kill_all(&store, &url).await).await;
}

#[tokio::test]
async fn y026_a_connection_that_replaces_another_keeps_its_schema() {
    let Some(url) = postgres_database("y026_schema").await else {
        return;
    };
    let schema = "rolecall_tables".parse().unwrap();
    let target = Target {
        url: &url,
        schema: Some(&schema),
        opening: Opening::Create,
    };
    let store = Store::open_with(target, Tuning::default()).await.unwrap();
    check_after(&store, async || kill_all(&store, &url).await).await;
}

#[tokio::test]
async fn y026_a_connection_that_can_only_read_is_replaced_once_writes_are_taken() {
    let Some(url) = postgres_database("y026_read_only").await else {
        return;
    };
    let store = Store::open(&url).await.unwrap();
    let mut other = PgConnection::connect(&url).await.unwrap();
    let name: String = sqlx::query_scalar("SELECT current_database()")
        .fetch_one(&mut other)
        .await
        .unwrap();
    let mut alter = async |what: &str| {
        let sql = format!("ALTER DATABASE {name} {what}");
        let altered = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut other);
        altered.await.unwrap();
    };
    alter("SET default_transaction_read_only = on").await;
    kill_all(&store, &url).await;
    // opens a connection that can only read
    value(&mut store.read().await.unwrap()).await.unwrap();
    let mut refused = store.begin(Lane::Requests).await.unwrap();
    assert!(raise(&mut refused).await.unwrap_err().is_read_only());
    drop(refused);
    value(&mut store.read().await.unwrap()).await.unwrap();
    alter("RESET default_transaction_read_only").await;
    let mut conn = store.begin(Lane::Requests).await.unwrap();
    raise(&mut conn).await.unwrap();
    conn.commit().await.unwrap();
}

#[tokio::test]
async fn y026_a_broken_connection_to_sqlite_is_replaced_and_nothing_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rolecall.db");
    let garbage = folder.path().join("garbage.db");
    fs::write(&garbage, "no database".repeat(1000)).unwrap();
    let store = Store::open(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    let garbage = format!("sqlite:{}", garbage.display());
    // the next connection of each pool answers with an error that only a new connection ends
    let break_all = async || {
        for lane in [Lane::Requests, Lane::Watch] {
            break_one(store.pools.read(lane).await.unwrap(), &garbage).await;
        }
        let Pools::Sqlite { write, file, .. } = &store.pools else {
            panic!("SQLite")
        };
        let writing = Local::take(write, file.as_ref()).await.unwrap();
        break_one(Conn::Sqlite(writing), &garbage).await;
    };
    check_after(&store, break_all).await;
}

async fn break_one(mut conn: Conn, garbage: &str) {
    let Conn::Sqlite(local) = &mut conn else {
        panic!("SQLite")
    };
    let broken = SqliteConnection::connect(garbage).await.unwrap();
    // until it is closed, the log that it removes would count as lost
    let good = std::mem::replace(local.conn(), broken);
    good.close().await.unwrap();
}

#[tokio::test]
async fn y026_nothing_is_tried_again_once_something_has_happened() {
    let Some(url) = postgres_database("y026_once").await else {
        return;
    };
    let store = Store::open(&url).await.unwrap();
    let mut read = store.read().await.unwrap();
    let mut write = store.begin(Lane::Requests).await.unwrap();
    value(&mut read).await.unwrap();
    let mut other = PgConnection::connect(&url).await.unwrap();
    sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        .execute(&mut other)
        .await
        .unwrap();
    assert!(value(&mut read).await.is_err());
    assert!(value(&mut write).await.unwrap_err().is_outage());
    drop((read, write));
    value(&mut store.read().await.unwrap()).await.unwrap();
}

#[tokio::test]
async fn y120_a_deleted_log_is_noticed_and_merged_when_the_database_closes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rolecall.db");
    let url = format!("sqlite:{}", path.display());
    let store = Store::open(&url).await.unwrap();
    change(&store).await.unwrap();
    let mut held = store.begin(Lane::Changes).await.unwrap();
    raise(&mut held).await.unwrap();
    fs::remove_file(path.with_file_name("rolecall.db-wal")).unwrap();
    for refused in [
        held.commit().await.unwrap_err(),
        change(&store).await.unwrap_err(),
        store.read_for_watch().await.err().unwrap(),
    ] {
        assert!(matches!(refused, StoreError::LogMoved(_)), "{refused:?}");
    }
    store.close().await;
    let store = Store::open(&url).await.unwrap();
    change(&store).await.unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(value(&mut conn).await.unwrap(), Some(2));
}

async fn change(store: &Store) -> Result<(), StoreError> {
    let mut conn = store.begin(Lane::Changes).await?;
    raise(&mut conn).await?;
    conn.commit().await
}

/// Removes the index of the log while the database at `path` is open, whose files lie beside `target`.
async fn remove_index(path: &Path, target: &Path) {
    let url = format!("sqlite:{}", path.display());
    let index = file::beside(target, "-shm");
    let store = Store::open(&url).await.unwrap();
    change(&store).await.unwrap();
    let mut held = store.begin(Lane::Changes).await.unwrap();
    raise(&mut held).await.unwrap();
    fs::remove_file(&index).unwrap();
    for refused in [
        held.commit().await.unwrap_err(),
        change(&store).await.unwrap_err(),
        store.read_for_watch().await.err().unwrap(),
        store.ping().await.unwrap_err(),
    ] {
        assert!(matches!(refused, StoreError::LogMoved(_)), "{refused:?}");
        assert!(refused.to_string().contains("-shm` was removed"));
    }
    // whoever opened it now would create an index of its own
    for refused in [
        Store::open(&url).await.err().unwrap(),
        integrity::check(path, Depth::Quick).await.unwrap_err(),
    ] {
        assert!(matches!(refused, OpenError::IndexLost(_)), "{refused:?}");
    }
    assert!(!index.exists());
    store.close().await;
    let store = Store::open(&url).await.unwrap();
    change(&store).await.unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(value(&mut conn).await.unwrap(), Some(2));
}

#[tokio::test]
async fn y545_a_deleted_index_of_the_log_is_noticed_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rolecall.db");
    remove_index(&path, &path).await;
    // SQLite puts its files beside the one to which a link leads
    let (link, target) = (
        folder.path().join("link.db"),
        folder.path().join("target.db"),
    );
    std::os::unix::fs::symlink(&target, &link).unwrap();
    remove_index(&link, &target).await;
}

#[tokio::test]
async fn y552_a_deleted_log_keeps_others_out_while_it_is_open() {
    for removed in [["-wal"].as_slice(), &["-wal", "-shm"]] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rolecall.db");
        let url = format!("sqlite:{}", path.display());
        let store = Store::open(&url).await.unwrap();
        change(&store).await.unwrap();
        for suffix in removed {
            fs::remove_file(file::beside(&path, suffix)).unwrap();
        }
        // whoever opened it now would begin a log of its own
        for refused in [
            Store::open(&url).await.err().unwrap(),
            integrity::check(&path, Depth::Quick).await.unwrap_err(),
        ] {
            assert!(matches!(refused, OpenError::IndexLost(_)), "{refused:?}");
        }
        assert!(!file::beside(&path, "-wal").exists());
        store.close().await;
        let store = Store::open(&url).await.unwrap();
        change(&store).await.unwrap();
        let mut conn = store.read().await.unwrap();
        assert_eq!(value(&mut conn).await.unwrap(), Some(2));
    }
}

#[tokio::test]
async fn y545_an_index_that_is_put_back_is_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rolecall.db");
    let (index, away) = (file::beside(&path, "-shm"), folder.path().join("away"));
    let store = Store::open(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    change(&store).await.unwrap();
    fs::rename(&index, &away).unwrap();
    assert!(change(&store).await.is_err());
    // another file in its place holds nobody's locks
    fs::write(&index, "").unwrap();
    assert!(change(&store).await.is_err());
    fs::rename(&away, &index).unwrap();
    change(&store).await.unwrap();
    let mut conn = store.read().await.unwrap();
    assert_eq!(value(&mut conn).await.unwrap(), Some(2));
}

/// As a killed process leaves it, or a copy that was made without the index.
#[tokio::test]
async fn y545_a_log_without_its_index_is_read_if_nobody_has_it_open() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (
        folder.path().join("rolecall.db"),
        folder.path().join("copy.db"),
    );
    let store = Store::open(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    change(&store).await.unwrap();
    for suffix in ["", "-wal", ".in-use", ".lock"] {
        fs::copy(file::beside(&path, suffix), file::beside(&copy, suffix)).unwrap();
    }
    assert!(file::holds_data(&file::beside(&copy, "-wal")).unwrap());
    let copied = Store::open(&format!("sqlite:{}", copy.display()))
        .await
        .unwrap();
    let mut conn = copied.read().await.unwrap();
    assert_eq!(value(&mut conn).await.unwrap(), Some(1));
    // it has an index by now
    let again = Store::open(&format!("sqlite:{}", copy.display())).await;
    assert!(again.is_ok());
}

#[tokio::test]
async fn y214_connections_that_a_loss_needs_are_open_from_the_start() {
    let Some(url) = postgres_database("y214").await else {
        return;
    };
    let store = Store::open(&url).await.unwrap();
    for pool in store.connections() {
        if pool.name != "requests" {
            assert_eq!(pool.open, pool.max, "{pool:?}");
        }
    }
    store.close().await;
}

/// The connections that a store on PostgreSQL holds: one to poll, two to watch, four for changes, one for requests.
const HELD: i64 = 8;

/// A store whose database gives no more connections than it holds.
struct Limited {
    store: Store,
    /// The URL of an administrator, who is not limited.
    url: String,
    /// The same of the role that has a limit.
    of_role: String,
}

impl Limited {
    async fn open(name: &str) -> Option<Self> {
        let url = postgres_database(name).await?;
        let mut admin = PgConnection::connect(&url).await.unwrap();
        let limit = format!(
            "CREATE ROLE {name} LOGIN CONNECTION LIMIT {HELD}; ALTER DATABASE test_{name} OWNER TO {name}"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(limit))
            .execute(&mut admin)
            .await
            .unwrap();
        admin.close().await.unwrap();
        let of_role = url.replace("postgres@", &format!("{name}@"));
        let target = Target {
            url: &of_role,
            schema: None,
            opening: Opening::Create,
        };
        let tuning = Tuning {
            acquire: Duration::from_secs(1),
            ..Tuning::default()
        };
        let store = Store::open_with(target, tuning).await.unwrap();
        insert_head(&store).await;
        Some(Self {
            store,
            url,
            of_role,
        })
    }

    /// Takes all connections that the database still gives.
    async fn take_rest(&self) -> Vec<PgConnection> {
        let mut rest = Vec::new();
        while let Ok(conn) = PgConnection::connect(&self.of_role).await {
            rest.push(conn);
        }
        rest
    }

    /// Counts the connections of the store as the database does.
    async fn count(&self) -> i64 {
        const OPEN: &str = "SELECT COUNT(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND application_name = 'rolecall'";
        let mut admin = PgConnection::connect(&self.url).await.unwrap();
        let count = sqlx::query_scalar(OPEN)
            .fetch_one(&mut admin)
            .await
            .unwrap();
        admin.close().await.unwrap();
        count
    }
}

#[tokio::test]
async fn y549_connections_that_are_held_are_opened_again_after_a_restart() {
    let Some(limited) = Limited::open("y549_held").await else {
        return;
    };
    let store = &limited.store;
    kill_all(store, &limited.url).await;
    // as the poll finds out
    value(&mut store.read_for_poll().await.unwrap())
        .await
        .unwrap();
    // one is enough, unless the machine is busy
    for _ in 0..10 {
        store.refill().await;
        if limited.count().await == HELD {
            break;
        }
    }
    assert_eq!(limited.count().await, HELD);
    // others that come later are not in the way
    let rest = limited.take_rest().await;
    change(store).await.unwrap();
    store.ping().await.unwrap();
    drop(rest);
}

#[tokio::test]
async fn y549_a_change_without_a_connection_says_so_and_the_node_is_not_ready() {
    let Some(limited) = Limited::open("y549_full").await else {
        return;
    };
    let store = &limited.store;
    store.ping().await.unwrap();
    // the first check is repeated for a second
    *store.probed.lock().await = None;
    kill_all(store, &limited.url).await;
    // all connections but those for changes are renewed
    let mut others = [
        store.read_for_poll().await.unwrap(),
        store.read_for_watch().await.unwrap(),
        store.read_for_watch().await.unwrap(),
        store.read().await.unwrap(),
    ];
    for conn in &mut others {
        value(conn).await.unwrap();
    }
    drop(others);
    let rest = limited.take_rest().await;
    assert!(!rest.is_empty());
    for refused in [
        change(store).await.unwrap_err(),
        store.ping().await.unwrap_err(),
    ] {
        assert!(
            matches!(refused, StoreError::NoConnection(_)) && refused.is_outage(),
            "{refused:?}"
        );
        let text = refused.to_string();
        let detail = crate::error::ApiError::from(refused).outage_detail();
        assert_eq!(detail, Some(text));
    }
    for one in rest {
        one.close().await.unwrap();
    }
    change(store).await.unwrap();
    store.ping().await.unwrap();
}

#[tokio::test]
async fn y549_a_change_that_waits_for_others_is_not_said_to_lack_a_connection() {
    let Some(url) = postgres_database("y549_others").await else {
        return;
    };
    let target = Target {
        url: &url,
        schema: None,
        opening: Opening::Create,
    };
    let tuning = Tuning {
        acquire: Duration::from_secs(1),
        ..Tuning::default()
    };
    let store = Store::open_with(target, tuning).await.unwrap();
    insert_head(&store).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(store.begin(Lane::Changes).await.unwrap());
    }
    let refused = change(&store).await.unwrap_err();
    assert!(refused.is_wait(), "{refused:?}");
    store.ping().await.unwrap();
    drop(held);
}

#[tokio::test]
async fn y217_defaults_of_the_database_change_neither_durability_nor_isolation() {
    let Some(url) = postgres_database("y217").await else {
        return;
    };
    let mut other = PgConnection::connect(&url).await.unwrap();
    let name: String = sqlx::query_scalar("SELECT CAST(current_database() AS TEXT)")
        .fetch_one(&mut other)
        .await
        .unwrap();
    for setting in [
        "synchronous_commit = off",
        "default_transaction_isolation = serializable",
        "lock_timeout = 1",
    ] {
        let set = format!("ALTER DATABASE {name} SET {setting}");
        sqlx::query(sqlx::AssertSqlSafe(set))
            .execute(&mut other)
            .await
            .unwrap();
    }
    other.close().await.unwrap();
    let store = Store::open(&url).await.unwrap();
    for (setting, value) in [
        ("synchronous_commit", "on"),
        ("transaction_isolation", "read committed"),
        ("lock_timeout", "0"),
    ] {
        let mut conn = store.read().await.unwrap();
        let found: String = query(sqlx::AssertSqlSafe(format!(
            "SELECT current_setting('{setting}')"
        )))
        .fetch_one(&mut conn)
        .await
        .unwrap();
        assert_eq!(found, value, "{setting}");
    }
    store.close().await;
}

#[tokio::test]
async fn y246_foreign_keys_are_enforced_whatever_the_database_says() {
    let Some(url) = postgres_database("y246").await else {
        return;
    };
    let mut other = PgConnection::connect(&url).await.unwrap();
    // without its triggers PostgreSQL checks no foreign key, and keeps the rows that depend on a deleted one
    let set = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET session_replication_role = replica', current_database()); \
        END $$";
    sqlx::query(set).execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let store = Store::open(&url).await.unwrap();
    for lane in [Lane::Requests, Lane::Changes, Lane::Watch, Lane::Poll] {
        let mut conn = store.pools.read(lane).await.unwrap();
        let found: String = query("SELECT current_setting('session_replication_role')")
            .fetch_one(&mut conn)
            .await
            .unwrap();
        assert_eq!(found, "origin", "{lane:?}");
    }
    store.close().await;
}
