//! Rows, and the types that are read from them. What knows the two databases is compiled once for each type of a
//! column.

use std::{fmt::Display, str::FromStr};

use rolecall_core::{
    Acr, ConstraintName, Permission, PermissionPattern, RoleName, SubjectKind, TenantName,
    Timestamp,
};
use sqlx::{
    Column as _, Decode, Postgres, Row as _, Sqlite, Type, ValueRef as _, postgres::PgRow,
    sqlite::SqliteRow,
};

use super::error::StoreError;

/// Declares structs that are read from rows. Their fields stand in the order of the columns and, where a field takes
/// one column, bear its name; a field that is such a struct itself takes several.
macro_rules! rows {
    ($(
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty,)+
        }
    )+) => { $(
        $(#[$meta])*
        $vis struct $name {
            $($(#[$field_meta])* $field_vis $field: $type,)+
        }

        impl $crate::store::FromRow for $name {
            fn from_row(
                columns: &mut $crate::store::Columns<'_>,
            ) -> Result<Self, $crate::store::StoreError> {
                Ok(Self { $($field: columns.named(stringify!($field))?,)+ })
            }
        }
    )+ };
}
pub(crate) use rows;

/// A row of either database.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    pub(super) fn decode<T: FromRow>(&self) -> Result<T, StoreError> {
        let mut columns = Columns { row: self, next: 0 };
        let decoded = T::from_row(&mut columns)?;
        debug_assert_eq!(columns.next, self.len(), "every column is read");
        Ok(decoded)
    }

    fn len(&self) -> usize {
        match self {
            Self::Sqlite(row) => row.len(),
            Self::Postgres(row) => row.len(),
        }
    }
}

/// The columns of a row, read from left to right.
pub(crate) struct Columns<'r> {
    row: &'r Row,
    next: usize,
}

impl<'r> Columns<'r> {
    /// Reads what comes next; tests check that the column is called `name` if it takes one.
    pub(crate) fn named<T: FromRow>(&mut self, name: &str) -> Result<T, StoreError> {
        let at = self.next;
        let decoded = T::from_row(self)?;
        debug_assert!(
            self.next != at + 1 || self.name(at) == name,
            "column {at} is `{}`, not `{name}`",
            self.name(at)
        );
        Ok(decoded)
    }

    fn name(&self, at: usize) -> &str {
        match self.row {
            Row::Sqlite(row) => row.column(at).name(),
            Row::Postgres(row) => row.column(at).name(),
        }
    }

    fn take<T>(&mut self) -> Result<T, StoreError>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        let at = self.next;
        self.next += 1;
        Ok(match self.row {
            Row::Sqlite(row) => row.try_get(at)?,
            Row::Postgres(row) => row.try_get(at)?,
        })
    }

    /// Reads a text.
    pub(crate) fn text(&mut self) -> Result<&'r str, StoreError> {
        self.take()
    }

    /// Reads what an outer join adds at the end of the row; `None` if its columns are NULL.
    pub(crate) fn joined<T: FromRow>(&mut self) -> Result<Option<T>, StoreError> {
        if self.is_null()? {
            self.next = self.row.len();
            return Ok(None);
        }
        T::from_row(self).map(Some)
    }

    fn is_null(&self) -> Result<bool, StoreError> {
        Ok(match self.row {
            Row::Sqlite(row) => row.try_get_raw(self.next)?.is_null(),
            Row::Postgres(row) => row.try_get_raw(self.next)?.is_null(),
        })
    }

    fn optional_text(&mut self) -> Result<Option<&'r str>, StoreError> {
        self.take()
    }

    fn number(&mut self) -> Result<i64, StoreError> {
        self.take()
    }

    fn optional_number(&mut self) -> Result<Option<i64>, StoreError> {
        self.take()
    }

    fn flag(&mut self) -> Result<bool, StoreError> {
        self.take()
    }
}

/// A value that is read from one column, or from several that stand side by side.
pub(crate) trait FromRow: Sized {
    /// Reads the value from the next columns.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if a column holds something else.
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError>;
}

/// Reads a text as the type whose text it is.
pub(crate) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(StoreError::inconsistent)
}

macro_rules! columns {
    ($($type:ty = |$columns:ident| $read:expr;)+) => { $(
        impl FromRow for $type {
            fn from_row($columns: &mut Columns<'_>) -> Result<Self, StoreError> {
                $read
            }
        }
    )+ };
}

columns! {
    String = |columns| columns.text().map(str::to_owned);
    Option<String> = |columns| Ok(columns.optional_text()?.map(str::to_owned));
    i64 = |columns| columns.number();
    bool = |columns| columns.flag();
    Timestamp = |columns| columns.number().map(Timestamp::from_micros);
    Option<Timestamp> = |columns| Ok(columns.optional_number()?.map(Timestamp::from_micros));
    Permission = |columns| parse(columns.text()?);
    PermissionPattern = |columns| parse(columns.text()?);
    Acr = |columns| parse(columns.text()?);
    ConstraintName = |columns| parse(columns.text()?);
    RoleName = |columns| parse(columns.text()?);
    TenantName = |columns| parse(columns.text()?);
    Option<RoleName> = |columns| columns.optional_text()?.map(parse).transpose();
    SubjectKind = |columns| Ok(match columns.text()? {
        "client" => SubjectKind::Client,
        _ => SubjectKind::User,
    });
    // an empty text stands for no tenant where the tenant is part of a key
    Option<TenantName> = |columns| {
        let name = columns.optional_text()?.filter(|name| !name.is_empty());
        name.map(parse).transpose()
    };
}

impl<A: FromRow, B: FromRow> FromRow for (A, B) {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok((A::from_row(columns)?, B::from_row(columns)?))
    }
}
