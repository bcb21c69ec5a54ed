//! A connection to the open database, and how PostgreSQL connections return to their pool.

use std::time::Duration;

use sqlx::{
    Executor as _, PgConnection, Postgres, Sqlite, SqliteConnection, Transaction,
    pool::PoolConnection,
};

use super::error::StoreError;

/// The time limit for one statement on PostgreSQL, and for returning a connection to the pool. The PostgreSQL server
/// has the same limit, so that it does not continue a statement that this process has given up.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to the open database, inside a transaction or not.
pub(crate) enum Conn {
    Sqlite(PoolConnection<Sqlite>),
    SqliteTx(Transaction<'static, Sqlite>),
    Postgres(Remote),
}

/// The connection of the database itself.
pub(super) enum Split<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Conn {
    pub(super) fn split(&mut self) -> Split<'_> {
        match self {
            Self::Sqlite(conn) => Split::Sqlite(conn),
            Self::SqliteTx(tx) => Split::Sqlite(tx),
            Self::Postgres(remote) => Split::Postgres(&mut remote.conn),
        }
    }

    /// Returns true if this is a connection to PostgreSQL.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::SqliteTx(tx) => Ok(tx.commit().await?),
            Self::Postgres(remote) => remote.commit().await,
            Self::Sqlite(_) => Ok(()),
        }
    }

    /// Rolls the transaction back. On PostgreSQL a task does it, so that the caller does not wait for a database that
    /// may be unreachable.
    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::SqliteTx(tx) => Ok(tx.rollback().await?),
            Self::Postgres(remote) => {
                tokio::spawn(remote.rollback());
                Ok(())
            }
            Self::Sqlite(_) => Ok(()),
        }
    }
}

/// A connection to PostgreSQL, which may stop answering without being closed.
///
/// The pool pings each connection that is returned and waits for the answer without a limit, so sixteen dead
/// connections would block it forever. Dropping a `Remote` returns its connection with a time limit.
pub(crate) struct Remote {
    conn: PoolConnection<Postgres>,
    in_transaction: bool,
}

impl Remote {
    pub(super) fn new(conn: PoolConnection<Postgres>) -> Self {
        Self {
            conn,
            in_transaction: false,
        }
    }

    pub(super) async fn begin(mut self) -> Result<Self, StoreError> {
        // set before the statement is sent: after a timeout the transaction may have begun all the same
        self.in_transaction = true;
        answered(self.conn.execute("BEGIN")).await?;
        Ok(self)
    }

    async fn commit(mut self) -> Result<(), StoreError> {
        answered(self.conn.execute("COMMIT")).await?;
        self.in_transaction = false;
        Ok(())
    }

    async fn rollback(mut self) {
        let undone = answered(self.conn.execute("ROLLBACK")).await;
        self.in_transaction = undone.is_err();
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        // without a runtime the process is ending, which closes the connection
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.in_transaction {
            // its state is unknown; PostgreSQL rolls back when the connection closes
            self.conn.close_on_drop();
            return;
        }
        let returned = self.conn.return_to_pool();
        // after the timeout the future is dropped, which closes the connection
        runtime.spawn(tokio::time::timeout(ANSWER_TIMEOUT, returned));
    }
}

/// Waits for an answer over a network, but no longer than [`ANSWER_TIMEOUT`].
pub(super) async fn answered<T, E: From<sqlx::Error>>(
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()).into()),
    }
}
