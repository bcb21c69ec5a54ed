//! Resources in the database.

use std::{collections::BTreeSet, str::FromStr};

use rolecall_core::Timestamp;

use crate::store::{Change, Columns, Conn, FromRow, StoreError, queries, query, rows};

queries! {
    INSERT = "INSERT INTO resources (id, uri, name, objects, default_scope, dynamic, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $7, $6, $6)";
    FIND = "SELECT id, uri, name, objects, default_scope, dynamic, created_at, updated_at FROM resources WHERE id = $1";
    FIND_BY_URI = "SELECT id, uri, name, objects, default_scope, dynamic, created_at, updated_at FROM resources WHERE uri = $1";
    LIST = "SELECT id, uri, name, objects, default_scope, dynamic, created_at, updated_at FROM resources WHERE id > $1 \
        ORDER BY id LIMIT $2";
    UPDATE = "UPDATE resources SET name = $2, objects = $3, default_scope = $4, dynamic = $6, updated_at = $5 WHERE id = $1";
    HOLD_DYNAMIC = "UPDATE resources SET updated_at = updated_at WHERE uri = $1 AND dynamic = 'ask'";
    CLIENTS_IN_USE = "SELECT DISTINCT client_id FROM sessions WHERE audience = $1 ORDER BY client_id";
    DELETE = "DELETE FROM resources WHERE id = $1";
}

rows! {
    /// An API that tokens can be for.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Resource {
        pub(crate) id: String,
        /// The audience of its tokens.
        pub(crate) uri: String,
        pub(crate) name: String,
        /// The objects whose permissions its tokens carry.
        pub(crate) objects: Objects,
        /// What its tokens are limited to if nothing was asked for.
        pub(crate) default_scope: Option<String>,
        pub(crate) dynamic: Dynamic,
        pub(crate) created_at: Timestamp,
        pub(crate) updated_at: Timestamp,
    }
}

/// Says whether clients that were not allowed a resource in advance may ask for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dynamic {
    /// Only clients that have it among their audiences.
    #[default]
    No,
    /// Every client through which people sign in; each of them is asked.
    Ask,
}

impl Dynamic {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Ask => "ask",
        }
    }
}

impl FromStr for Dynamic {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "no" => Ok(Self::No),
            "ask" => Ok(Self::Ask),
            _ => Err("dynamic is `no` or `ask`"),
        }
    }
}

impl FromRow for Dynamic {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        columns.text()?.parse().map_err(StoreError::inconsistent)
    }
}

/// The objects of permissions, such as `items` in `items:read`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Objects(pub(crate) BTreeSet<String>);

impl FromRow for Objects {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let objects = serde_json::from_str(columns.text()?);
        objects.map(Self).map_err(StoreError::inconsistent)
    }
}

impl Objects {
    fn json(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(String::as_str).collect();
        serde_json::json!(names).to_string()
    }
}

/// Finds a resource by id.
pub(crate) async fn find(conn: &mut Conn, id: &str) -> Result<Option<Resource>, StoreError> {
    query(FIND).bind(id).fetch_optional(conn).await
}

/// Finds the resource with this URI.
pub(crate) async fn find_by_uri(
    conn: &mut Conn,
    uri: &str,
) -> Result<Option<Resource>, StoreError> {
    query(FIND_BY_URI).bind(uri).fetch_optional(conn).await
}

/// Returns true if any client may ask for the resource, which stays so until the end of the transaction: whoever forbids
/// it waits, and ends what is opened in it now too.
pub(crate) async fn hold_dynamic(conn: &mut Conn, uri: &str) -> Result<bool, StoreError> {
    Ok(query(HOLD_DYNAMIC).bind(uri).execute(conn).await? == 1)
}

/// Returns the clients that have sessions for a resource.
pub(crate) async fn clients_in_use(conn: &mut Conn, uri: &str) -> Result<Vec<String>, StoreError> {
    query(CLIENTS_IN_USE).bind(uri).fetch_all(conn).await
}

/// Returns up to `limit` resources after the id `after`.
pub(crate) async fn list(
    conn: &mut Conn,
    after: &str,
    limit: i64,
) -> Result<Vec<Resource>, StoreError> {
    query(LIST).bind(after).bind(limit).fetch_all(conn).await
}

/// Creates a resource.
pub(crate) async fn insert(change: &mut Change<'_>, new: &Resource) -> Result<(), StoreError> {
    query(INSERT)
        .bind(new.id.as_str())
        .bind(new.uri.as_str())
        .bind(new.name.as_str())
        .bind(new.objects.json())
        .bind(new.default_scope.as_deref())
        .bind(new.created_at)
        .bind(new.dynamic.as_str())
        .execute(change.conn())
        .await?;
    Ok(())
}

/// Writes everything but the id and the URI.
pub(crate) async fn update(change: &mut Change<'_>, new: &Resource) -> Result<(), StoreError> {
    query(UPDATE)
        .bind(new.id.as_str())
        .bind(new.name.as_str())
        .bind(new.objects.json())
        .bind(new.default_scope.as_deref())
        .bind(new.updated_at)
        .bind(new.dynamic.as_str())
        .execute(change.conn())
        .await?;
    Ok(())
}

/// Deletes a resource.
pub(crate) async fn delete(change: &mut Change<'_>, id: &str) -> Result<(), StoreError> {
    query(DELETE).bind(id).execute(change.conn()).await?;
    Ok(())
}
