use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection, Transaction, pool::PoolConnection};

use super::StoreError;

/// A connection to whichever database is open, inside a transaction or not.
pub(crate) enum Conn {
    Sqlite(PoolConnection<Sqlite>),
    SqliteTx(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresTx(Transaction<'static, Postgres>),
}

/// What [`on!`](super::on) matches on.
pub(crate) enum Split<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Conn {
    pub(crate) fn split(&mut self) -> Split<'_> {
        match self {
            Self::Sqlite(conn) => Split::Sqlite(conn),
            Self::SqliteTx(tx) => Split::Sqlite(tx),
            Self::Postgres(conn) => Split::Postgres(conn),
            Self::PostgresTx(tx) => Split::Postgres(tx),
        }
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::SqliteTx(tx) => Ok(tx.commit().await?),
            Self::PostgresTx(tx) => Ok(tx.commit().await?),
            Self::Sqlite(_) | Self::Postgres(_) => Ok(()),
        }
    }

    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::SqliteTx(tx) => Ok(tx.rollback().await?),
            Self::PostgresTx(tx) => Ok(tx.rollback().await?),
            Self::Sqlite(_) | Self::Postgres(_) => Ok(()),
        }
    }
}
