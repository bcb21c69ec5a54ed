//! One statement on the open database, which is SQLite or PostgreSQL. The code that knows sqlx stands here once for
//! each database; a query adds only its text, its values and the type of its rows.

use std::{borrow::Cow, future::poll_fn, pin::Pin};

use futures_core::Stream;
use rolecall_core::Timestamp;
use sqlx::{Database, Encode, Postgres, SqlSafeStr, SqlStr, Sqlite, Type, query::Query};

use super::{
    conn::{Conn, Local, Remote, answered},
    error::StoreError,
    row::{FromRow, Row},
};

/// Declares the SQL texts of a module, and lists them for the test that prepares each on both databases.
macro_rules! queries {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$doc])* const $name: &str = $sql;)*
        #[cfg(test)]
        pub(crate) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}
pub(crate) use queries;

/// The answer of the database, boxed: what waits for it is compiled once, and not with each query.
type Answer<'c, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'c>>;

/// A value to bind. NULL has a type, because PostgreSQL prepares a statement for the types of its values.
pub(crate) enum Value<'q> {
    Text(Cow<'q, str>),
    Integer(i64),
    Flag(bool),
    NullText,
    NullInteger,
}

impl<'q> From<&'q str> for Value<'q> {
    fn from(text: &'q str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'q> From<Option<&'q str>> for Value<'q> {
    fn from(text: Option<&'q str>) -> Self {
        text.map_or(Self::NullText, Self::from)
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::NullText, Self::from)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// Microseconds since 1970.
impl From<Timestamp> for Value<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Integer(time.micros())
    }
}

impl From<Option<Timestamp>> for Value<'_> {
    fn from(time: Option<Timestamp>) -> Self {
        time.map_or(Self::NullInteger, Self::from)
    }
}

/// A text of SQL with the values of its parameters `$1`, `$2` and so on.
#[must_use = "a statement does nothing until it is executed or fetched"]
pub(crate) struct Statement<'q> {
    sql: SqlStr,
    values: Vec<Value<'q>>,
}

/// Begins a statement. Each connection prepares it once and keeps it.
pub(crate) fn query<'q>(sql: impl SqlSafeStr) -> Statement<'q> {
    Statement {
        sql: sql.into_sql_str(),
        values: Vec::new(),
    }
}

impl<'q> Statement<'q> {
    /// Binds the next parameter.
    pub(crate) fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Runs the statement and returns the number of rows that it affected.
    pub(crate) fn execute(self, conn: &mut Conn) -> Answer<'_, u64> {
        let bound = self.bound_to(conn);
        Box::pin(async move {
            // never tried again: it may have been done before the connection died
            Ok(match bound? {
                Bound::Sqlite(query, local) => {
                    let done = query.execute(local.conn()).await;
                    local
                        .checked(done.map_err(StoreError::from))?
                        .rows_affected()
                }
                Bound::Postgres(query, remote) => {
                    let done = answered(remote.limit(), query.execute(remote.conn())).await;
                    remote
                        .checked(done.map_err(StoreError::from))?
                        .rows_affected()
                }
            })
        })
    }

    /// Returns all rows.
    pub(crate) async fn fetch_all<T: FromRow + Send>(
        self,
        conn: &mut Conn,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        let mut take = |row: &Row| {
            all.push(row.decode()?);
            Ok(())
        };
        for_each(&self, conn, &mut take).await?;
        Ok(all)
    }

    /// Hands each row over as it arrives, so that the memory does not grow with their number.
    pub(crate) async fn each<T: FromRow>(
        self,
        conn: &mut Conn,
        mut take: impl FnMut(T) + Send,
    ) -> Result<(), StoreError> {
        let mut take = |row: &Row| {
            take(row.decode()?);
            Ok(())
        };
        for_each(&self, conn, &mut take).await
    }

    /// Returns the first row, if there is one.
    pub(crate) async fn fetch_optional<T: FromRow>(
        self,
        conn: &mut Conn,
    ) -> Result<Option<T>, StoreError> {
        let row = first(&self, conn).await?;
        row.map(|row| row.decode()).transpose()
    }

    /// Returns the first row.
    ///
    /// # Errors
    ///
    /// [`StoreError`], also if there is no row.
    pub(crate) async fn fetch_one<T: FromRow>(self, conn: &mut Conn) -> Result<T, StoreError> {
        match first(&self, conn).await? {
            Some(row) => row.decode(),
            None => Err(sqlx::Error::RowNotFound.into()),
        }
    }

    /// Hands the values over to sqlx, in the form that the database of `conn` takes.
    fn bound_to<'c>(&self, conn: &'c mut Conn) -> Result<Bound<'c>, sqlx::Error> {
        let sql = self.sql.clone();
        Ok(match conn {
            Conn::Sqlite(local) => Bound::Sqlite(bind_all(sql, &self.values)?, local),
            Conn::Postgres(remote) => Bound::Postgres(bind_all(sql, &self.values)?, remote),
        })
    }
}

type Prepared<D> = Query<'static, D, <D as Database>::Arguments>;

/// A statement with its values and the connection to run it on.
enum Bound<'c> {
    Sqlite(Prepared<Sqlite>, &'c mut Local),
    Postgres(Prepared<Postgres>, &'c mut Remote),
}

fn bind_all<D: Database>(sql: SqlStr, values: &[Value<'_>]) -> Result<Prepared<D>, sqlx::Error>
where
    for<'t> &'t str: Encode<'t, D> + Type<D>,
    for<'t> i64: Encode<'t, D> + Type<D>,
    for<'t> bool: Encode<'t, D> + Type<D>,
    for<'t> Option<String>: Encode<'t, D> + Type<D>,
    for<'t> Option<i64>: Encode<'t, D> + Type<D>,
{
    let mut query = sqlx::query(sql);
    for value in values {
        match value {
            Value::Text(text) => query.try_bind(text.as_ref()),
            Value::Integer(number) => query.try_bind(*number),
            Value::Flag(flag) => query.try_bind(*flag),
            Value::NullText => query.try_bind(None::<String>),
            Value::NullInteger => query.try_bind(None::<i64>),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(query)
}

/// Takes one row of an answer.
type Take<'t> = dyn FnMut(&Row) -> Result<(), StoreError> + Send + 't;

/// Hands each row over as it arrives, so that no more than one is held.
fn for_each<'c>(
    statement: &'c Statement<'c>,
    conn: &'c mut Conn,
    take: &'c mut Take<'c>,
) -> Answer<'c, ()> {
    Box::pin(async move {
        let mut has_rows = false;
        let mut take_noting = |row: &Row| {
            has_rows = true;
            take(row)
        };
        let done = take_rows(statement.bound_to(conn)?, &mut take_noting).await;
        match done {
            Err(error) if !has_rows && conn.renew(&error).await => {
                take_rows(statement.bound_to(conn)?, take).await
            }
            done => done,
        }
    })
}

async fn take_rows(bound: Bound<'_>, take: &mut Take<'_>) -> Result<(), StoreError> {
    match bound {
        Bound::Sqlite(query, local) => {
            let rows = async {
                let mut rows = query.fetch(local.conn());
                while let Some(row) = next(&mut rows).await {
                    take(&Row::Sqlite(row?))?;
                }
                Ok(())
            };
            let done = rows.await;
            local.checked(done)
        }
        Bound::Postgres(query, remote) => {
            let limit = remote.limit();
            let rows = async {
                let mut rows = query.fetch(remote.conn());
                while let Some(row) = next(&mut rows).await {
                    take(&Row::Postgres(row?))?;
                }
                Ok(())
            };
            let done = answered(limit, rows).await;
            remote.checked(done)
        }
    }
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

fn first<'c>(statement: &'c Statement<'c>, conn: &'c mut Conn) -> Answer<'c, Option<Row>> {
    Box::pin(async move {
        match first_row(statement.bound_to(conn)?).await {
            Err(error) if conn.renew(&error).await => first_row(statement.bound_to(conn)?).await,
            row => row,
        }
    })
}

async fn first_row(bound: Bound<'_>) -> Result<Option<Row>, StoreError> {
    Ok(match bound {
        Bound::Sqlite(query, local) => {
            let row = query.fetch_optional(local.conn()).await;
            let row = local.checked(row.map_err(StoreError::from))?;
            row.map(Row::Sqlite)
        }
        Bound::Postgres(query, remote) => {
            let row = answered(remote.limit(), query.fetch_optional(remote.conn())).await;
            let row = remote.checked(row.map_err(StoreError::from))?;
            row.map(Row::Postgres)
        }
    })
}

#[cfg(test)]
mod tests;
