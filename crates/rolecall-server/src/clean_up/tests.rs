use rolecall::{Clock as _, ManualClock};

use super::*;
use crate::{Embedded, store::testing::postgres_database};

const ROWS: i64 = 20_000;
/// Whoever waits for a row that another transaction holds.
const WAITING: &str =
    "pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
const TABLES: [&str; 4] = ["sessions", "floors", "audit_events", "login_failures"];

/// Two nodes on one database, whose clocks the tests move.
struct Nodes {
    clock: ManualClock,
    one: Embedded,
    two: Embedded,
    on_postgres: bool,
    _folder: tempfile::TempDir,
}

impl Nodes {
    async fn open(url: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let on_postgres = url.is_some();
        let file = || format!("sqlite:{}", folder.path().join("rolecall.db").display());
        let url = url.unwrap_or_else(file);
        let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
        let node = async || {
            Embedded::builder(&url)
                .clock(clock.clone())
                .master_key("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
                .demo_user("alice", "a password of alice", &[])
                .open()
                .await
                .unwrap()
        };
        Self {
            one: node().await,
            two: node().await,
            clock,
            on_postgres,
            _folder: folder,
        }
    }

    /// Lets time pass. The nodes themselves do not notice, and do nothing on their own.
    fn pass(&self, by: Duration) {
        self.clock.set(self.clock.now().plus(by));
    }

    async fn one(&self) -> Turn {
        run(self.one.app(), "one").await.unwrap()
    }

    async fn two(&self) -> Turn {
        run(self.two.app(), "two").await.unwrap()
    }

    async fn execute(&self, sql: &str) {
        self.one
            .app()
            .store()
            .write(async |conn: &mut Conn| {
                let sql = sqlx::AssertSqlSafe(sql.to_owned());
                query(sql).execute(conn).await?;
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
    }

    async fn count(&self, table: &str) -> i64 {
        let mut conn = self.one.app().store().read().await.unwrap();
        let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        query(sql).fetch_one(&mut conn).await.unwrap()
    }

    /// Makes events that are long over.
    async fn old_events(&self, count: u64) {
        let old = self.one.app().now().minus(KEEP_EVENTS * 2).micros();
        self.execute(&format!(
            "INSERT INTO audit_events (id, at, kind, address, detail) \
             SELECT CAST(n AS TEXT) || '-' || {old}, {old}, 'x', '', '' FROM ({}) AS numbers",
            numbers(count)
        ))
        .await;
    }
}

fn numbers(count: u64) -> String {
    format!(
        "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {count} - 1) SELECT n FROM n"
    )
}

/// Makes two tests of each function: on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(super::Nodes::open(None).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(url) = super::postgres_database(stringify!($name)).await {
                    super::$name(super::Nodes::open(Some(url)).await).await;
                }
            }
        }
    )+ };
}

on_both![
    of_two_nodes_one_forgets_and_the_other_takes_over_when_it_is_gone,
    a_node_that_hung_forgets_nothing_once_it_was_replaced,
    a_lease_from_a_clock_that_was_wrong_does_not_stop_the_clean_up,
    nodes_that_begin_at_once_do_not_both_clean_up,
    one_run_ends_however_much_there_is_to_forget,
    x081_what_has_ended_leaves_the_tables_and_what_has_not_stays,
    a_session_that_is_refreshed_meanwhile_is_not_forgotten,
    changes_of_the_policy_are_forgotten_after_ten_thousand_revisions,
];

async fn changes_of_the_policy_are_forgotten_after_ten_thousand_revisions(nodes: Nodes) {
    let before = nodes.count("policy_changes").await;
    // of revisions from -9995 to -9986, by the policy of revision 10
    nodes
        .execute("UPDATE head SET revision = 10, policy_revision = 10")
        .await;
    let numbers = numbers(10);
    nodes
        .execute(&format!(
            "INSERT INTO policy_changes (revision, kind, name, previous) \
             SELECT n - 9995, 'role', 'r', n - 9996 FROM ({numbers}) AS numbers"
        ))
        .await;
    assert_eq!(nodes.one().await, Turn::Done(5));
    assert_eq!(nodes.count("policy_changes").await, before + 5);
    let kept = "policy_changes WHERE revision BETWEEN -9990 AND -9986";
    assert_eq!(nodes.count(kept).await, 5);
}

async fn of_two_nodes_one_forgets_and_the_other_takes_over_when_it_is_gone(nodes: Nodes) {
    nodes.old_events(10).await;
    assert_eq!(nodes.one().await, Turn::Done(10));
    for _ in 0..10 {
        nodes.pass(EVERY);
        nodes.old_events(5).await;
        assert_eq!(nodes.two().await, Turn::Left);
        assert_eq!(nodes.one().await, Turn::Done(5));
    }
    // the first is not heard of any more
    nodes.old_events(7).await;
    let last = Duration::from_micros(1);
    nodes.pass(LEASE.saturating_sub(last));
    assert_eq!(nodes.two().await, Turn::Left);
    nodes.pass(last);
    assert_eq!(nodes.two().await, Turn::Done(7));
    assert_eq!(nodes.one().await, Turn::Left, "back too late");
}

async fn a_node_that_hung_forgets_nothing_once_it_was_replaced(nodes: Nodes) {
    assert_eq!(nodes.one().await, Turn::Done(0));
    nodes.old_events(3).await;
    nodes.pass(LEASE);
    assert_eq!(nodes.two().await, Turn::Done(3));
    nodes.old_events(3).await;
    let late = batch(nodes.one.app(), "one", Table::Events).await.unwrap();
    assert_eq!(late, None);
    assert!(nodes.count("audit_events").await >= 3);
}

async fn a_lease_from_a_clock_that_was_wrong_does_not_stop_the_clean_up(nodes: Nodes) {
    let year = Duration::from_hours(365 * 24);
    nodes.pass(year);
    assert_eq!(nodes.one().await, Turn::Done(0));
    let now = nodes.one.app().now();
    nodes.clock.set(now.minus(year));
    assert_eq!(nodes.two().await, Turn::Done(0));
    assert_eq!(nodes.one().await, Turn::Left);
}

async fn nodes_that_begin_at_once_do_not_both_clean_up(nodes: Nodes) {
    for _ in 0..20 {
        nodes.pass(LEASE);
        nodes.old_events(2).await;
        let (one, two) = tokio::join!(nodes.one(), nodes.two());
        let mut turns = [one, two];
        turns.sort_by_key(|turn| *turn == Turn::Left);
        assert_eq!(turns, [Turn::Done(2), Turn::Left]);
    }
}

async fn one_run_ends_however_much_there_is_to_forget(nodes: Nodes) {
    nodes.old_events(BATCHES * AT_ONCE + 1).await;
    assert_eq!(nodes.one().await, Turn::Done(BATCHES * AT_ONCE));
    assert_eq!(nodes.one().await, Turn::Done(1));
}

async fn x081_what_has_ended_leaves_the_tables_and_what_has_not_stays(nodes: Nodes) {
    let now = nodes.one.app().now();
    let old = now.minus(KEEP_EVENTS).minus(Duration::from_secs(1));
    // every second row has ended, the others end or are to be forgotten later
    let rows = format!(
        "SELECT CASE n % 2 WHEN 0 THEN {old} ELSE {later} END AS t, CAST(n AS TEXT) AS n, 1 + n % 150 AS failures \
         FROM ({numbers}) AS numbers",
        old = old.micros(),
        later = now.micros() + 1,
        numbers = numbers(ROWS.unsigned_abs()),
    );
    for insert in [
        "INSERT INTO sessions (id, subject_id, client_id, address, created_at, last_used_at, expires_at) \
         SELECT 's' || n, (SELECT id FROM users), 'rolecall', '', t, t, t FROM",
        "INSERT INTO floors (kind, subject, revision, ends_at) SELECT 'jti', 'f' || n, 1, t FROM",
        "INSERT INTO audit_events (id, at, kind, address, detail) SELECT 'e' || n, t, 'x', '', '' FROM",
        "INSERT INTO login_failures (account, failures, last_failed_at) SELECT 'a' || n, failures, t FROM",
    ] {
        nodes.execute(&format!("{insert} ({rows}) AS rows")).await;
    }
    let mut made = Vec::new();
    for table in TABLES {
        made.push(nodes.count(table).await);
    }
    assert!(made.iter().all(|rows| *rows >= ROWS), "{made:?}");
    nodes.one().await;
    for (table, made) in TABLES.into_iter().zip(made) {
        let left = nodes.count(table).await;
        // an account that failed too often stays closed, however long ago that was
        let closed = if table == "login_failures" { 3_325 } else { 0 };
        assert_eq!(made - left, ROWS / 2 - closed, "{table}");
    }
    // what changed is told for ever: the audit log is never cut
    assert!(nodes.count("audit").await > 0);
}

async fn a_session_that_is_refreshed_meanwhile_is_not_forgotten(nodes: Nodes) {
    let idle = nodes.one.app().settings().sessions.idle;
    let now = nodes.one.app().now();
    let used = now.minus(idle).minus(Duration::from_secs(1)).micros();
    let ends = now.plus(idle).micros();
    nodes
        .execute(&format!(
            "INSERT INTO sessions (id, subject_id, client_id, address, created_at, last_used_at, expires_at, salt) \
             SELECT 'late', id, 'rolecall', '', {used}, {used}, {ends}, 'salt' FROM users"
        ))
        .await;
    let cleaned = nodes
        .two
        .app()
        .store()
        .write(async |conn: &mut Conn| {
            // whose clock is a little behind, and was a little earlier
            let held = sessions::store::rotate(conn, "late", 0, now, "").await?;
            assert!(held);
            let app = nodes.one.app().clone();
            let cleaning = tokio::spawn(async move { run(&app, "one").await });
            if nodes.on_postgres {
                while nodes.count(WAITING).await == 0 {
                    tokio::task::yield_now().await;
                }
            }
            Ok::<_, StoreError>(cleaning)
        })
        .await
        .unwrap();
    assert_eq!(cleaned.await.unwrap().unwrap(), Turn::Done(0));
    assert_eq!(nodes.count("sessions").await, 1);
}
