use rolecall::{Clock as _, ManualClock};

use super::*;
use crate::{Embedded, store::testing::postgres_database};

const ROWS: i64 = 20_000;
/// Connections that wait for a lock of another transaction.
const WAITING: &str =
    "pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
const TABLES: [&str; 8] = [
    "sessions",
    "active_roles",
    "floors",
    "audit_events",
    "login_failures",
    "known_failures",
    "known_addresses",
    "access_tickets",
];

/// Two nodes on one database, whose clocks the tests move.
struct Nodes {
    clock: ManualClock,
    one: Embedded,
    two: Embedded,
    on_postgres: bool,
    url: String,
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
            url,
            _folder: folder,
        }
    }

    /// Advances the clock without waking the nodes, which then do nothing in the background.
    fn advance(&self, by: Duration) {
        self.clock.set(self.clock.now().plus(by));
    }

    async fn one(&self) -> Outcome {
        run(self.one.app(), "one").await.unwrap()
    }

    async fn two(&self) -> Outcome {
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

    /// Inserts expired events.
    async fn insert_old_events(&self, count: u64) {
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

/// Generates two tests for each function, on SQLite and on PostgreSQL.
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
    one_node_cleans_up_and_another_takes_over_when_its_lease_ends,
    a_node_that_hung_deletes_nothing_after_it_was_replaced,
    a_lease_of_a_node_with_a_wrong_clock_is_ignored,
    nodes_that_start_at_once_do_not_both_clean_up,
    a_run_deletes_a_bounded_number_of_rows,
    x081_expired_rows_are_deleted_and_others_stay,
    a_session_refreshed_during_a_clean_up_stays,
    y382_logout_tokens_that_nobody_took_expire_after_a_day,
    policy_changes_are_deleted_after_ten_thousand_revisions,
    y023_a_floor_outlives_a_clock_that_is_an_hour_ahead_for_a_while,
    y023_sessions_outlive_a_clock_that_is_days_ahead_for_a_while,
    y023_a_node_that_starts_with_a_wrong_clock_deletes_nothing,
    y023_a_jump_is_stored_until_the_clock_is_right_again,
    y023_a_node_behind_the_database_writes_floors_that_last,
];

const HOUR: Duration = Duration::from_hours(1);
/// The longest lifetime of a token of these nodes.
const LIFETIME: Duration = Duration::from_mins(30);

impl Nodes {
    /// Inserts a floor as a change at this moment writes it.
    async fn insert_floor(&self) {
        let until = self.clock.now().plus(LIFETIME).micros();
        self.execute(&format!(
            "INSERT INTO floors (kind, subject, revision, ends_at) VALUES ('jti', 'x', 1, {until})"
        ))
        .await;
    }

    /// Lets both nodes look at the clock and clean up.
    async fn clean_up(&self) {
        for (node, name) in [(&self.one, "one"), (&self.two, "two")] {
            clock::observe(node.app()).await.unwrap();
            run(node.app(), name).await.unwrap();
        }
    }

    async fn jumped_by(&self) -> i64 {
        let mut conn = self.one.app().store().read().await.unwrap();
        let stored = crate::store::read_known_time(&mut conn).await.unwrap();
        stored.unwrap().jumped_by
    }
}

async fn y023_a_floor_outlives_a_clock_that_is_an_hour_ahead_for_a_while(nodes: Nodes) {
    nodes.clean_up().await;
    nodes.insert_floor().await;
    let start = nodes.clock.now();
    nodes.advance(HOUR);
    nodes.clean_up().await;
    assert_eq!(nodes.count("floors WHERE subject = 'x'").await, 1);
    nodes.clock.set(start);
    nodes.clean_up().await;
    assert_eq!(nodes.count("floors WHERE subject = 'x'").await, 1);
    // real time passes; the nodes clean up in the background too
    let forgotten = async {
        while nodes.count("floors WHERE subject = 'x'").await > 0 {
            nodes.clock.advance(HOUR);
            nodes.clean_up().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), forgotten).await;
    assert!(in_time.is_ok());
}

async fn y023_sessions_outlive_a_clock_that_is_days_ahead_for_a_while(nodes: Nodes) {
    nodes.clean_up().await;
    let now = nodes.clock.now();
    let (used, ends) = (now.micros(), now.plus(HOUR * 24 * 30).micros());
    nodes
        .execute(&format!(
            "INSERT INTO sessions (id, subject_id, client_id, address, created_at, last_used_at, expires_at, salt) \
             SELECT 'alive', id, 'rolecall', '', {used}, {used}, {ends}, 'salt' FROM users"
        ))
        .await;
    nodes.advance(HOUR * 24 * 15);
    nodes.clean_up().await;
    nodes.clock.set(now);
    nodes.clean_up().await;
    assert_eq!(nodes.count("sessions").await, 1);
}

async fn y023_a_node_that_starts_with_a_wrong_clock_deletes_nothing(nodes: Nodes) {
    nodes.clean_up().await;
    nodes.insert_floor().await;
    nodes.advance(HOUR * 24);
    // the known time of a process that starts now
    let app = nodes.two.app();
    let mut conn = app.store().read().await.unwrap();
    let known = clock::start(&mut conn, app.now(), Duration::ZERO, false);
    let known = known.await.unwrap();
    assert!(known.known() < app.now().minus(HOUR * 23));
    let before = known.floors_before(LIFETIME);
    assert!(before < app.now().minus(HOUR * 24));
}

async fn y023_a_jump_is_stored_until_the_clock_is_right_again(nodes: Nodes) {
    let start = nodes.clock.now();
    nodes.clean_up().await;
    assert_eq!(nodes.jumped_by().await, 0);
    nodes.advance(HOUR);
    nodes.clean_up().await;
    assert_eq!(nodes.jumped_by().await, 3_600_000_000);
    nodes.clock.set(start);
    nodes.clean_up().await;
    assert_eq!(nodes.jumped_by().await, 0);
}

async fn y023_a_node_behind_the_database_writes_floors_that_last(nodes: Nodes) {
    let behind = ManualClock::at(nodes.clock.now().minus(HOUR));
    let url = nodes.url.clone();
    let node = Embedded::builder(&url)
        .clock(behind)
        .database_clock(nodes.clock.clone())
        .master_key("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
        .open()
        .await
        .unwrap();
    let change = node
        .app()
        .change(crate::authority::caller::Caller::System, async |change| {
            change.raise_floor(rolecall_core::FloorKind::Jti, "x");
            change.record(serde_json::json!({ "action": "test" }));
            Ok(())
        });
    change.await.unwrap();
    let now = nodes.clock.now().micros();
    let lasting = format!("floors WHERE subject = 'x' AND ends_at > {now}");
    assert_eq!(nodes.count(&lasting).await, 1);
}

async fn policy_changes_are_deleted_after_ten_thousand_revisions(nodes: Nodes) {
    let before = nodes.count("policy_changes").await;
    // the policy has revision 10, and the changes have revisions -9995 to -9986
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
    assert_eq!(nodes.one().await, Outcome::Done(5));
    assert_eq!(nodes.count("policy_changes").await, before + 5);
    let kept = "policy_changes WHERE revision BETWEEN -9990 AND -9986";
    assert_eq!(nodes.count(kept).await, 5);
}

async fn one_node_cleans_up_and_another_takes_over_when_its_lease_ends(nodes: Nodes) {
    nodes.insert_old_events(10).await;
    assert_eq!(nodes.one().await, Outcome::Done(10));
    for _ in 0..10 {
        nodes.advance(INTERVAL);
        nodes.insert_old_events(5).await;
        assert_eq!(nodes.two().await, Outcome::Skipped);
        assert_eq!(nodes.one().await, Outcome::Done(5));
    }
    // the first node is silent from here on
    nodes.insert_old_events(7).await;
    let last = Duration::from_micros(1);
    nodes.advance(LEASE.saturating_sub(last));
    assert_eq!(nodes.two().await, Outcome::Skipped);
    nodes.advance(last);
    assert_eq!(nodes.two().await, Outcome::Done(7));
    assert_eq!(nodes.one().await, Outcome::Skipped, "back too late");
}

async fn a_node_that_hung_deletes_nothing_after_it_was_replaced(nodes: Nodes) {
    assert_eq!(nodes.one().await, Outcome::Done(0));
    nodes.insert_old_events(3).await;
    nodes.advance(LEASE);
    assert_eq!(nodes.two().await, Outcome::Done(3));
    nodes.insert_old_events(3).await;
    let late = delete_batch(nodes.one.app(), "one", Table::Events, BATCH_ROWS)
        .await
        .unwrap();
    assert_eq!(late, None);
    assert!(nodes.count("audit_events").await >= 3);
}

async fn a_lease_of_a_node_with_a_wrong_clock_is_ignored(nodes: Nodes) {
    let year = Duration::from_hours(365 * 24);
    nodes.advance(year);
    assert_eq!(nodes.one().await, Outcome::Done(0));
    let now = nodes.one.app().now();
    nodes.clock.set(now.minus(year));
    assert_eq!(nodes.two().await, Outcome::Done(0));
    assert_eq!(nodes.one().await, Outcome::Skipped);
}

async fn nodes_that_start_at_once_do_not_both_clean_up(nodes: Nodes) {
    for _ in 0..20 {
        nodes.advance(LEASE);
        nodes.insert_old_events(2).await;
        let (one, two) = tokio::join!(nodes.one(), nodes.two());
        let mut turns = [one, two];
        turns.sort_by_key(|turn| *turn == Outcome::Skipped);
        assert_eq!(turns, [Outcome::Done(2), Outcome::Skipped]);
    }
}

async fn a_run_deletes_a_bounded_number_of_rows(nodes: Nodes) {
    nodes.insert_old_events(MAX_BATCHES * BATCH_ROWS + 1).await;
    assert_eq!(nodes.one().await, Outcome::Done(MAX_BATCHES * BATCH_ROWS));
    assert_eq!(nodes.one().await, Outcome::Done(1));
}

async fn x081_expired_rows_are_deleted_and_others_stay(nodes: Nodes) {
    let now = nodes.one.app().now();
    let old = now.minus(KEEP_EVENTS).minus(Duration::from_secs(1));
    // every second row has expired, the others expire later
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
        "INSERT INTO active_roles (session_id, role, subject_id, ends_at) SELECT 's' || n, 'r', (SELECT id FROM users), t FROM",
        "INSERT INTO floors (kind, subject, revision, ends_at) SELECT 'jti', 'f' || n, 1, t FROM",
        "INSERT INTO audit_events (id, at, kind, address, detail) SELECT 'e' || n, t, 'x', '', '' FROM",
        "INSERT INTO login_failures (account, failures, last_failed_at) SELECT 'a' || n, failures, t FROM",
        "INSERT INTO known_failures (account, source, failures, last_failed_at) SELECT 'a' || n, 's', failures, t FROM",
        "INSERT INTO known_addresses (account, network, used_at) SELECT 'a' || n, 'n', t FROM",
        "INSERT INTO access_tickets (id, sealed, expires_at) SELECT 't' || n, '', t FROM",
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
        // an account with too many failures stays locked, however old they are
        let locked = if table.ends_with("_failures") {
            3_325
        } else {
            0
        };
        assert_eq!(made - left, ROWS / 2 - locked, "{table}");
    }
    // the audit log is never deleted
    assert!(nodes.count("audit").await > 0);
}

async fn y382_logout_tokens_that_nobody_took_expire_after_a_day(nodes: Nodes) {
    let app = nodes.one.app();
    let now = app.now();
    let day = KEEP_LOGOUT_TOKENS.as_secs();
    // the next attempts are minutes away, so that nobody sends anything
    let next = now.plus(Duration::from_mins(20)).micros();
    let row = |id: &str, age: u64, attempts: i64| {
        let created = now.minus(Duration::from_secs(age)).micros();
        format!("('{id}', 'c', 'u', {attempts}, {next}, {created})")
    };
    let rows = [
        row("new", 0, 0),
        row("almost", day - 1, 3),
        row("tried", day + 1, 5),
        row("untried", day + 1, 0),
    ];
    for sql in [
        "INSERT INTO subjects (id, kind) VALUES ('c', 'client')".to_owned(),
        "INSERT INTO clients (id, name, public, grants, audiences, redirect_uris, secret_hash, created_at, updated_at) \
         VALUES ('c', 'wiki', FALSE, '', '[]', '[]', 'x', 0, 0)"
            .to_owned(),
        format!(
            "INSERT INTO logout_notices (session_id, client_id, subject_id, attempts, next_attempt_at, created_at) VALUES {}",
            rows.join(", ")
        ),
    ] {
        nodes.execute(&sql).await;
    }
    assert_eq!(nodes.one().await, Outcome::Done(2));
    let left = "logout_notices WHERE session_id IN ('new', 'almost')";
    assert_eq!(nodes.count(left).await, 2);
    let counts = &app.parts().metrics.logout_tokens;
    let expired = counts.counts().find(|(value, _)| *value == "expired");
    assert_eq!(expired.map(|(_, count)| count), Some(2));
}

async fn a_session_refreshed_during_a_clean_up_stays(nodes: Nodes) {
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
            // a refresh of another node, whose clock is a little behind
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
    assert_eq!(cleaned.await.unwrap().unwrap(), Outcome::Done(0));
    assert_eq!(nodes.count("sessions").await, 1);
}

#[test]
fn y260_a_full_disk_is_tried_with_fewer_rows() {
    let full = StoreError::from(sqlx::Error::Io(std::io::ErrorKind::StorageFull.into()));
    let mut most = BATCH_ROWS;
    let mut tried = Vec::new();
    while let Some(less) = fewer(most, &full) {
        tried.push(less);
        most = less;
    }
    assert_eq!(tried, [100, 10, 1]);
    assert_eq!(fewer(BATCH_ROWS, &StoreError::timed_out()), None);
}
