//! A connection to the open database, and how connections return to their pools.

use std::{sync::Arc, time::Duration};

use sqlx::{Executor as _, PgConnection, Postgres, Sqlite, SqliteConnection, pool::PoolConnection};

use super::{codes::Class, demoted::Demoted, error::StoreError, file::OpenFile};

/// A connection to the open database, inside a transaction or not.
pub(crate) enum Conn {
    Sqlite(Local),
    Postgres(Remote),
}

impl Conn {
    /// Returns true if this is a connection to PostgreSQL.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(local) => local.commit().await,
            Self::Postgres(remote) => remote.commit().await,
        }
    }

    /// Rolls the transaction back. On PostgreSQL a task does it, so that the caller does not wait for a database that
    /// may be unreachable. A connection that cannot roll back is closed, which discards the transaction too.
    pub(super) async fn rollback(self) {
        match self {
            Self::Sqlite(local) => local.rollback().await,
            Self::Postgres(remote) => {
                tokio::spawn(remote.rollback());
            }
        }
    }
}

/// A connection to SQLite.
///
/// sqlx's own transactions are not used: SQLite ends a transaction by itself when the disk is full or fails, after
/// which sqlx's ROLLBACK fails and its connection refuses every further transaction.
pub(crate) struct Local {
    conn: PoolConnection<Sqlite>,
    /// `None` for a database in memory, which would be lost with its only connection.
    file: Option<Arc<OpenFile>>,
    in_transaction: bool,
    broken: bool,
}

impl Local {
    /// # Errors
    ///
    /// [`StoreError::Moved`] if another file lies at the path of the database.
    pub(super) fn new(
        conn: PoolConnection<Sqlite>,
        file: Option<Arc<OpenFile>>,
    ) -> Result<Self, StoreError> {
        let local = Self {
            conn,
            file,
            in_transaction: false,
            broken: false,
        };
        local.check_file()?;
        Ok(local)
    }

    pub(super) async fn begin(mut self) -> Result<Self, StoreError> {
        // set before the statement runs: if this future is dropped, the transaction may have begun all the same
        self.in_transaction = true;
        let begun = self.conn.execute("BEGIN IMMEDIATE").await;
        if begun.is_err() {
            self.in_transaction = false;
        }
        self.checked(begun.map(drop).map_err(StoreError::from))?;
        Ok(self)
    }

    async fn commit(mut self) -> Result<(), StoreError> {
        // what is written to a file without a name is lost
        if let Err(error) = self.check_file() {
            self.rollback().await;
            return Err(error);
        }
        let committed = self.conn.execute("COMMIT").await;
        if let Err(error) = self.checked(committed.map_err(StoreError::from)) {
            self.rollback().await;
            return Err(error);
        }
        self.in_transaction = false;
        Ok(())
    }

    async fn rollback(mut self) {
        let undone = self.conn.execute("ROLLBACK").await;
        self.in_transaction = false;
        // it fails if SQLite has already rolled back, because the disk is full or failed
        self.broken |= undone.is_err();
    }

    fn check_file(&self) -> Result<(), StoreError> {
        self.file.as_ref().map_or(Ok(()), |file| file.check())
    }

    pub(super) fn conn(&mut self) -> &mut SqliteConnection {
        &mut self.conn
    }

    /// Notes whether an error has made the connection unusable.
    pub(super) fn checked<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &outcome {
            self.broken |= error.class() == Class::Broken;
        }
        outcome
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // closing rolls back; the next caller gets a new connection
        if self.file.is_some() && (self.broken || self.in_transaction) {
            self.conn.close_on_drop();
        }
    }
}

/// A connection to PostgreSQL, which may stop answering without being closed.
///
/// The pool pings each connection that is returned and waits for the answer without a limit, so sixteen dead
/// connections would block it forever. Dropping a `Remote` returns its connection with a time limit.
pub(crate) struct Remote {
    conn: PoolConnection<Postgres>,
    demoted: Arc<Demoted>,
    /// The time limit for one statement, and for returning the connection to the pool. The PostgreSQL server has the
    /// same limit, so that it does not continue a statement that this process has given up.
    limit: Duration,
    in_transaction: bool,
    broken: bool,
}

impl Remote {
    pub(super) fn new(
        conn: PoolConnection<Postgres>,
        demoted: Arc<Demoted>,
        limit: Duration,
    ) -> Self {
        Self {
            conn,
            demoted,
            limit,
            in_transaction: false,
            broken: false,
        }
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    pub(super) fn conn(&mut self) -> &mut PgConnection {
        &mut self.conn
    }

    /// Notes whether an error has made the connection unusable, and with it all that were opened before.
    pub(super) fn checked<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &outcome {
            self.broken |= error.class() == Class::Broken;
            if error.is_read_only() {
                self.demoted.note();
            }
        }
        outcome
    }

    pub(super) async fn begin(mut self) -> Result<Self, StoreError> {
        // set before the statement is sent: after a timeout the transaction may have begun all the same
        self.in_transaction = true;
        let begun = answered(self.limit, self.conn.execute("BEGIN")).await;
        self.checked(begun.map_err(StoreError::from))?;
        Ok(self)
    }

    async fn commit(mut self) -> Result<(), StoreError> {
        let committed = answered(self.limit, self.conn.execute("COMMIT")).await;
        self.checked(committed.map_err(StoreError::from))?;
        self.in_transaction = false;
        Ok(())
    }

    async fn rollback(mut self) {
        let undone = answered(self.limit, self.conn.execute("ROLLBACK")).await;
        self.in_transaction = undone.is_err();
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        // without a runtime the process is ending, which closes the connection
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.in_transaction || self.broken {
            // its state is unknown; PostgreSQL rolls back when the connection closes
            self.conn.close_on_drop();
            return;
        }
        let returned = self.conn.return_to_pool();
        // after the timeout the future is dropped, which closes the connection
        runtime.spawn(tokio::time::timeout(self.limit, returned));
    }
}

/// Waits for an answer over a network, but no longer than `limit`.
pub(super) async fn answered<T, E: From<sqlx::Error>>(
    limit: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()).into()),
    }
}
