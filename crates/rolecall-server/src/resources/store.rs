//! Resources in the database.

use std::collections::BTreeSet;

use rolecall_core::Timestamp;

use crate::store::{Change, Columns, Conn, FromRow, StoreError, queries, query, rows};

queries! {
    INSERT = "INSERT INTO resources (id, uri, name, objects, default_scope, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $6)";
    FIND = "SELECT id, uri, name, objects, default_scope, created_at, updated_at FROM resources WHERE id = $1";
    FIND_BY_URI = "SELECT id, uri, name, objects, default_scope, created_at, updated_at FROM resources WHERE uri = $1";
    LIST = "SELECT id, uri, name, objects, default_scope, created_at, updated_at FROM resources WHERE id > $1 \
        ORDER BY id LIMIT $2";
    UPDATE = "UPDATE resources SET name = $2, objects = $3, default_scope = $4, updated_at = $5 WHERE id = $1";
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
        pub(crate) created_at: Timestamp,
        pub(crate) updated_at: Timestamp,
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
        .execute(change.conn())
        .await?;
    Ok(())
}

/// Deletes a resource.
pub(crate) async fn delete(change: &mut Change<'_>, id: &str) -> Result<(), StoreError> {
    query(DELETE).bind(id).execute(change.conn()).await?;
    Ok(())
}
