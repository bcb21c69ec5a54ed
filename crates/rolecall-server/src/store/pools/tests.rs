use std::time::Duration;

use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::{Lane, Local, Pools};
use crate::store::{
    Conn, Store, StoreError, head::read_head, query::query, testing::postgres_database,
};

/// Reads, writes and begins a change, each after `kill`.
async fn check_after(store: &Store, kill: impl AsyncFn()) {
    kill().await;
    read_head(&mut store.read().await.unwrap()).await.unwrap();
    kill().await;
    let mut conn = store.read_for_watch().await.unwrap();
    read_head(&mut conn).await.unwrap();
    drop(conn);
    for lane in [Lane::Requests, Lane::Changes, Lane::Watch] {
        kill().await;
        let mut conn = store.begin(lane).await.unwrap();
        let raise = query("UPDATE head SET revision = revision + 1");
        assert_eq!(raise.execute(&mut conn).await.unwrap(), 1, "{lane:?}");
        conn.commit().await.unwrap();
    }
}

/// Ends all connections of the store as a restart of PostgreSQL does, once they are idle.
async fn kill_all(store: &Store, url: &str) {
    const OTHERS: &str =
        "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
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
async fn y026_a_broken_connection_to_sqlite_is_replaced_and_nothing_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rolecall.db");
    let garbage = folder.path().join("garbage.db");
    std::fs::write(&garbage, "no database".repeat(1000)).unwrap();
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
    *local.conn() = SqliteConnection::connect(garbage).await.unwrap();
}

#[tokio::test]
async fn y026_nothing_is_tried_again_once_something_has_happened() {
    let Some(url) = postgres_database("y026_once").await else {
        return;
    };
    let store = Store::open(&url).await.unwrap();
    let mut read = store.read().await.unwrap();
    let mut write = store.begin(Lane::Requests).await.unwrap();
    read_head(&mut read).await.unwrap();
    let mut other = PgConnection::connect(&url).await.unwrap();
    sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        .execute(&mut other)
        .await
        .unwrap();
    assert!(read_head(&mut read).await.is_err());
    let failed: StoreError = read_head(&mut write).await.unwrap_err();
    assert!(failed.is_outage());
    drop((read, write));
    read_head(&mut store.read().await.unwrap()).await.unwrap();
}
