use rolecall_core::{RoleName, TenantName};

use super::*;
use crate::store::{Store, rows, testing::postgres_database};

rows! {
    #[derive(Debug, PartialEq)]
    struct Everything {
        text: String,
        no_text: Option<String>,
        number: i64,
        flag: bool,
        time: Timestamp,
        no_time: Option<Timestamp>,
        inner: Inner,
    }

    #[derive(Debug, PartialEq)]
    struct Inner {
        role: RoleName,
        tenant: Option<TenantName>,
    }
}

const EVERYTHING: &str = "SELECT CAST($1 AS TEXT) AS text, CAST($2 AS TEXT) AS no_text, CAST($3 AS BIGINT) AS number, \
    CAST($4 AS BOOLEAN) AS flag, CAST($5 AS BIGINT) AS time, CAST($6 AS BIGINT) AS no_time, CAST($7 AS TEXT) AS role, \
    CAST($8 AS TEXT) AS tenant";

/// Opens a database of each kind that there is.
async fn stores(name: &str) -> Vec<Store> {
    let mut stores = vec![Store::open("sqlite::memory:").await.unwrap()];
    if let Some(url) = postgres_database(name).await {
        stores.push(Store::open(&url).await.unwrap());
    }
    stores
}

#[tokio::test]
async fn values_of_every_kind_are_read_as_they_were_bound() {
    for store in stores("values_of_every_kind").await {
        let mut conn = store.read().await.unwrap();
        let read: Everything = query(EVERYTHING)
            .bind("it's; --")
            .bind(None::<&str>)
            .bind(i64::MIN)
            .bind(true)
            .bind(Timestamp::MAX)
            .bind(None::<Timestamp>)
            .bind("editor".to_owned())
            .bind("")
            .fetch_one(&mut conn)
            .await
            .unwrap();
        let expected = Everything {
            text: "it's; --".into(),
            no_text: None,
            number: i64::MIN,
            flag: true,
            time: Timestamp::MAX,
            no_time: None,
            inner: Inner {
                role: "editor".parse().unwrap(),
                tenant: None,
            },
        };
        assert_eq!(read, expected);
    }
}

#[tokio::test]
async fn a_row_that_breaks_a_rule_is_an_error_and_no_row_is_one_where_one_must_be() {
    for store in stores("a_row_that_breaks_a_rule").await {
        let mut conn = store.read().await.unwrap();
        let no_role = query("SELECT CAST('not a role' AS TEXT)");
        let read = no_role.fetch_all::<RoleName>(&mut conn).await;
        assert!(matches!(read, Err(StoreError::Inconsistent(_))), "{read:?}");
        let none = || query("SELECT CAST(1 AS BIGINT) WHERE 1 = 0");
        assert!(none().fetch_all::<i64>(&mut conn).await.unwrap().is_empty());
        let first = none().fetch_optional::<i64>(&mut conn).await;
        assert_eq!(first.unwrap(), None);
        let one = none().fetch_one::<i64>(&mut conn).await;
        assert!(
            matches!(one, Err(StoreError::Database(sqlx::Error::RowNotFound))),
            "{one:?}"
        );
        // the connection is of use after each of them
        let rows = query("SELECT CAST(1 AS BIGINT) UNION ALL SELECT 2 ORDER BY 1");
        assert_eq!(rows.fetch_all::<i64>(&mut conn).await.unwrap(), [1, 2]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y547_a_connection_with_another_search_path_or_an_outdated_plan_is_closed() {
    const ALL: &str = "SELECT * FROM y547";
    const HEAD: &str = "SELECT revision FROM head WHERE id = 1";
    let Some(url) = postgres_database("y547").await else {
        return;
    };
    let store = Store::open(&url).await.unwrap();
    for (before, after, failing) in [
        (HEAD, "SET search_path = zz", HEAD),
        (ALL, "ALTER TABLE y547 ADD COLUMN b BIGINT", ALL),
    ] {
        let mut conn = store.read().await.unwrap();
        let table = "CREATE TEMPORARY TABLE y547 (a BIGINT)";
        query(table).execute(&mut conn).await.unwrap();
        let pid = "SELECT CAST(pg_backend_pid() AS BIGINT)";
        let pid: i64 = query(pid).fetch_one(&mut conn).await.unwrap();
        let answer: Result<Option<i64>, StoreError> = query(before).fetch_optional(&mut conn).await;
        answer.unwrap();
        query(after).execute(&mut conn).await.unwrap();
        let answer: Result<Option<i64>, StoreError> =
            query(failing).fetch_optional(&mut conn).await;
        assert!(answer.unwrap_err().is_outage(), "{after}");
        drop(conn);
        let mut other = store.read().await.unwrap();
        let closed = async {
            loop {
                let of = format!("SELECT COUNT(*) FROM pg_stat_activity WHERE pid = {pid}");
                let of = query(sqlx::AssertSqlSafe(of));
                let left: i64 = of.fetch_one(&mut other).await.unwrap();
                if left == 0 {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        let in_time = tokio::time::timeout(std::time::Duration::from_secs(10), closed).await;
        assert!(in_time.is_ok(), "{after}");
    }
}
