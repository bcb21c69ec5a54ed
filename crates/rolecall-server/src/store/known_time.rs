//! The time of the database, and the known time that was stored.

use rolecall_core::Timestamp;

use super::{
    conn::Conn,
    error::StoreError,
    query::{queries, query},
    row::rows,
};

/// Not in the list below, since SQLite does not understand it.
const READ_POSTGRES_TIME: &str =
    "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";

queries! {
    READ_KNOWN_TIME = "SELECT known_at, jumped_at, jumped_by, latest_at FROM known_times WHERE id = 1";
    // another node may have seen a later time
    WRITE_KNOWN_TIME = "INSERT INTO known_times (id, known_at, jumped_at, jumped_by, latest_at) VALUES (1, $1, $2, $3, $4) \
        ON CONFLICT (id) DO UPDATE SET known_at = excluded.known_at, \
        latest_at = CASE WHEN known_times.latest_at > excluded.latest_at THEN known_times.latest_at ELSE excluded.latest_at END, \
        jumped_at = COALESCE(excluded.jumped_at, known_times.jumped_at), jumped_by = excluded.jumped_by";
}

rows! {
    /// The known time as it was stored.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct StoredTime {
        pub(crate) known_at: Timestamp,
        /// When the last jump was noticed.
        pub(crate) jumped_at: Option<Timestamp>,
        /// The jump of the clock in microseconds; 0 once it is right again or trusted.
        pub(crate) jumped_by: i64,
        /// The latest time that a clock has shown.
        pub(crate) latest_at: Option<Timestamp>,
    }
}

/// Returns the time of PostgreSQL; `None` for SQLite, which has the clock of this machine.
pub(crate) async fn read_time(conn: &mut Conn) -> Result<Option<Timestamp>, StoreError> {
    if !conn.is_postgres() {
        return Ok(None);
    }
    query(READ_POSTGRES_TIME).fetch_one(conn).await.map(Some)
}

/// Reads the known time; `None` before the first was stored.
pub(crate) async fn read_known_time(conn: &mut Conn) -> Result<Option<StoredTime>, StoreError> {
    query(READ_KNOWN_TIME).fetch_optional(conn).await
}

/// Stores the known time. Without `jumped_at`, the time of the last jump stays.
pub(crate) async fn write_known_time(conn: &mut Conn, time: &StoredTime) -> Result<(), StoreError> {
    query(WRITE_KNOWN_TIME)
        .bind(time.known_at)
        .bind(time.jumped_at)
        .bind(time.jumped_by)
        .bind(time.latest_at)
        .execute(conn)
        .await?;
    Ok(())
}
