//! A connection to the open database, and how connections return to their pools.

use std::{sync::Arc, time::Duration};

use sqlx::{
    Connection as _, Executor as _, PgConnection, PgPool, Postgres, Row as _, Sqlite,
    SqliteConnection, SqlitePool, pool::PoolConnection, postgres::PgConnectOptions,
    sqlite::SqliteConnectOptions,
};

use crate::boxed::Boxed;

use super::{
    codes::Class, error::StoreError, failures::Failures, migrate, open_file::OpenFile,
    url::SchemaName,
};

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

    /// Connects anew after an error if the connection was dead when it was taken: nothing has happened on it yet, so
    /// that what failed can be tried again. Returns false if it cannot.
    pub(super) async fn renew(&mut self, error: &StoreError) -> bool {
        match self {
            Self::Sqlite(local) => local.renew(error).await,
            Self::Postgres(remote) => remote.renew(error).await,
        }
    }

    pub(super) fn commit(self) -> Boxed<'static, Result<(), StoreError>> {
        Box::pin(async move {
            match self {
                Self::Sqlite(local) => local.commit().await,
                Self::Postgres(remote) => remote.commit().await,
            }
        })
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
    options: Arc<SqliteConnectOptions>,
    /// `None` for a database in memory, which would be lost with its only connection.
    file: Option<Arc<OpenFile>>,
    in_transaction: bool,
    /// Something has succeeded on this connection since it was taken.
    used: bool,
    broken: bool,
}

impl Local {
    /// Takes a connection from a pool.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if there is none in time, or if another file lies at the path of the database.
    pub(super) async fn take(
        pool: &SqlitePool,
        file: Option<&Arc<OpenFile>>,
    ) -> Result<Self, StoreError> {
        // before a new connection could begin another file in its place
        if let Some(file) = file {
            file.check_idle().await?;
        }
        let conn = pool.acquire().await.map_err(StoreError::from);
        if let (Some(file), Err(error)) = (file, &conn) {
            file.note(error);
        }
        Ok(Self {
            conn: conn?,
            options: pool.connect_options(),
            file: file.cloned(),
            in_transaction: false,
            used: false,
            broken: false,
        })
    }

    pub(super) async fn begin(mut self) -> Result<Self, StoreError> {
        if let Err(error) = self.try_begin().await {
            if !self.renew(&error).await {
                return Err(error);
            }
            self.try_begin().await?;
        }
        Ok(self)
    }

    async fn try_begin(&mut self) -> Result<(), StoreError> {
        // set before the statement runs: if this future is dropped, the transaction may have begun all the same
        self.in_transaction = true;
        let begun = self.conn.execute("BEGIN IMMEDIATE").await;
        if begun.is_err() {
            self.in_transaction = false;
        }
        self.checked(begun.map(drop).map_err(StoreError::from))
    }

    async fn renew(&mut self, error: &StoreError) -> bool {
        let can_renew = self.file.is_some() && !self.in_transaction && !self.used;
        if !can_renew || !error.is_of_dead_connection() {
            return false;
        }
        // once is enough
        self.used = true;
        // boxed, since it is rare and large
        let connected = Box::pin(SqliteConnection::connect_with(&self.options));
        let Ok(fresh) = connected.await else {
            return false;
        };
        *self.conn = fresh;
        self.broken = false;
        true
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
        match &outcome {
            Ok(_) => self.used = true,
            Err(error) => {
                self.broken |= error.class() == Class::Broken;
                if let Some(file) = &self.file {
                    file.note(error);
                }
            }
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
    options: Arc<PgConnectOptions>,
    failures: Arc<Failures>,
    schema: Option<SchemaName>,
    /// Shared by the connections of a pool that are in use.
    _in_use: Arc<()>,
    /// The time limit for one statement, and for returning the connection to the pool. The PostgreSQL server has the
    /// same limit, so that it does not continue a statement that this process has given up.
    limit: Duration,
    in_transaction: bool,
    /// Something has succeeded on this connection since it was taken.
    used: bool,
    broken: bool,
}

impl Remote {
    /// Takes a connection from a pool, whose statements end after `limit` and concern the tables of `schema`. Shares
    /// `in_use` while it lives.
    pub(super) async fn take(
        pool: &PgPool,
        in_use: &Arc<()>,
        failures: &Arc<Failures>,
        schema: Option<&SchemaName>,
        limit: Duration,
    ) -> Result<Self, sqlx::Error> {
        Ok(Self {
            conn: pool.acquire().await?,
            options: pool.connect_options(),
            failures: Arc::clone(failures),
            schema: schema.cloned(),
            _in_use: Arc::clone(in_use),
            limit,
            in_transaction: false,
            used: false,
            broken: false,
        })
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    pub(super) fn conn(&mut self) -> &mut PgConnection {
        &mut self.conn
    }

    /// Notes whether an error has made the connection unusable, and with it all that were opened before.
    pub(super) fn checked<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        match &outcome {
            Ok(_) => self.used = true,
            Err(error) => {
                if error.class() == Class::Broken {
                    self.broken = true;
                    self.failures.note_broken();
                }
                if error.is_read_only() {
                    self.failures.note_demoted();
                }
                if error.is_full() {
                    self.failures.note_full();
                }
            }
        }
        outcome
    }

    pub(super) async fn begin(mut self) -> Result<Self, StoreError> {
        let failed = match self.try_begin().await {
            Ok(false) => return Ok(self),
            // opened while the server took no writes, which it may take by now
            Ok(true) => {
                self.failures.note_demoted();
                None
            }
            Err(error) if error.is_of_dead_connection() => Some(error),
            Err(error) => return Err(error),
        };
        if self.reconnect().await {
            self.try_begin().await?;
            return Ok(self);
        }
        failed.map_or(Ok(self), Err)
    }

    /// Begins a transaction, and returns true if it can only read.
    async fn try_begin(&mut self) -> Result<bool, StoreError> {
        const BEGIN: &str = "BEGIN; SHOW transaction_read_only";
        // set before the statement is sent: after a timeout the transaction may have begun all the same
        self.in_transaction = true;
        let begun = answered(self.limit, sqlx::raw_sql(BEGIN).fetch_one(&mut *self.conn)).await;
        let begun = self.checked(begun.map_err(StoreError::from))?;
        Ok(begun.try_get::<String, _>(0)? == "on")
    }

    async fn renew(&mut self, error: &StoreError) -> bool {
        if self.in_transaction || self.used || !error.is_of_dead_connection() {
            return false;
        }
        // once is enough
        self.used = true;
        self.reconnect().await
    }

    /// Connects anew in the place of this connection, with which its transaction ends.
    async fn reconnect(&mut self) -> bool {
        let connected = async {
            let mut fresh = PgConnection::connect_with(&self.options).await?;
            prepare(&mut fresh, self.schema.as_ref(), self.limit).await?;
            Ok::<_, sqlx::Error>(fresh)
        };
        // boxed, since it is rare and large
        let Ok(fresh) = answered(self.limit, Box::pin(connected)).await else {
            return false;
        };
        *self.conn = fresh;
        self.in_transaction = false;
        self.broken = false;
        true
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

/// Prepares a new connection to PostgreSQL, before anything else is sent.
pub(super) async fn prepare(
    conn: &mut PgConnection,
    schema: Option<&SchemaName>,
    limit: Duration,
) -> Result<(), sqlx::Error> {
    migrate::set_schema(conn, schema).await?;
    set_limits(conn, limit).await
}

/// Sets time limits in PostgreSQL for each connection: it gives up statements that nobody waits for, and rolls back
/// the transaction of a node that was cut off, which would block the changes of all other nodes.
///
/// Also sets what a role or a database may have another default for: no answer is sent before what it confirms is on
/// disk, transactions wait for each other instead of failing, and foreign keys are enforced, so that nothing is left of a
/// deleted role for the next one with its name.
async fn set_limits(conn: &mut PgConnection, limit: Duration) -> Result<(), sqlx::Error> {
    const SETTINGS: &str = "SELECT set_config('statement_timeout', $1, false), \
        set_config('idle_in_transaction_session_timeout', $1, false), set_config('lock_timeout', '0', false), \
        set_config('default_transaction_isolation', 'read committed', false), \
        set_config('default_transaction_deferrable', 'off', false), \
        CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END, \
        CASE WHEN current_setting('session_replication_role') <> 'origin' \
            THEN set_config('session_replication_role', 'origin', false) END";
    sqlx::query(SETTINGS)
        .bind(limit.as_millis().to_string())
        .execute(conn)
        .await
        .map(drop)
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
