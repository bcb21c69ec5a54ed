use std::time::Duration;

use sqlx::{
    Executor as _, PgConnection, Postgres, Sqlite, SqliteConnection, Transaction,
    pool::PoolConnection,
};

use super::error::StoreError;

/// How long PostgreSQL may take for one statement, and for taking back a connection. The server keeps to
/// it too, so that a statement that was given up does not run on.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to whichever database is open, inside a transaction or not.
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

    /// Undoes the transaction. On PostgreSQL that happens behind the caller, who need not wait for a
    /// database that may have gone.
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

/// A connection over a network, which may fall silent without closing.
///
/// The pool asks each connection that comes back whether it still works, and would wait for the answer
/// without an end: sixteen that fell silent would be the last it ever gave. So they go back by way of here.
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
        // before it is sent: whoever gives up waiting has begun all the same
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
        // without a runtime the process ends, and with it the connection
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.in_transaction {
            // nobody knows where it stands: the server undoes what a closed connection had begun
            self.conn.close_on_drop();
            return;
        }
        let returned = self.conn.return_to_pool();
        // given up, it closes the connection without a word
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
