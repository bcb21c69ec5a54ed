//! The upper limit of writes: each row in its own transaction, on disk before the next.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use sqlx::{
    PgPool, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS probe_commits (id BIGINT PRIMARY KEY, value TEXT NOT NULL)";
const LAST: &str = "SELECT COALESCE(MAX(id), 0) FROM probe_commits";
const INSERT: &str = "INSERT INTO probe_commits (id, value) VALUES ($1, $2)";

/// Writes for `time` with concurrent tasks and prints commits per second. SQLite has one writer and the settings
/// of the server.
pub(crate) async fn run(url: &str, tasks: u32, time: Duration) -> anyhow::Result<()> {
    macro_rules! write {
        ($pool:ident) => {{
            sqlx::query(TABLE).execute(&$pool).await?;
            let last: i64 = sqlx::query_scalar(LAST).fetch_one(&$pool).await?;
            let start = Instant::now();
            let writers: Vec<_> = (0..i64::from(tasks))
                .map(|task| {
                    let pool = $pool.clone();
                    let first = last + 1 + task;
                    tokio::spawn(async move {
                        let mut written = 0_u32;
                        while start.elapsed() < time {
                            let id = first + i64::from(written) * i64::from(tasks);
                            let row = sqlx::query(INSERT).bind(id).bind("of a few bytes");
                            row.execute(&pool).await?;
                            written += 1;
                        }
                        Ok::<u32, sqlx::Error>(written)
                    })
                })
                .collect();
            let mut written = 0;
            for writer in writers {
                written += writer.await.context("a writer panicked")??;
            }
            println!(
                "commits\t{:.2}",
                f64::from(written) / start.elapsed().as_secs_f64()
            );
            $pool.close().await;
        }};
    }
    if let Some(path) = url.strip_prefix("sqlite:") {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        let pool: SqlitePool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await?;
        write!(pool);
    } else {
        let pool: PgPool = PgPoolOptions::new()
            .max_connections(tasks)
            .connect(url)
            .await?;
        write!(pool);
    }
    Ok(())
}
