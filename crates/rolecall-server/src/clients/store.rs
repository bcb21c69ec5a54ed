use std::{collections::BTreeSet, fmt, str::FromStr};

use rolecall_core::{RoleName, Timestamp};

use crate::store::{Change, Conn, StoreError, on, queries};

queries! {
    INSERT_SUBJECT = "INSERT INTO subjects (id, kind) VALUES ($1, 'client')";
    INSERT = "INSERT INTO clients (id, name, public, grants, audiences, scope, redirect_uris, secret_hash, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)";
    FIND = "SELECT id, name, public, grants, audiences, scope, redirect_uris, secret_hash, previous_secret_hash, \
        previous_secret_ends_at, created_at, updated_at, CAST(NULL AS TEXT) AS role FROM clients WHERE id = $1";
    FIND_BY_NAME = "SELECT id FROM clients WHERE name = $1";
    LIST = "SELECT c.id, c.name, c.public, c.grants, c.audiences, c.scope, c.redirect_uris, c.secret_hash, \
        c.previous_secret_hash, c.previous_secret_ends_at, c.created_at, c.updated_at, a.role \
        FROM (SELECT id, name, public, grants, audiences, scope, redirect_uris, secret_hash, previous_secret_hash, \
              previous_secret_ends_at, created_at, updated_at FROM clients WHERE id > $1 AND ($2 = '' OR id = $2) \
              ORDER BY id LIMIT $3) c \
        LEFT JOIN role_assignments a ON a.subject_id = c.id AND a.tenant = '' \
             AND (a.valid_from IS NULL OR a.valid_from <= $4) AND (a.expires_at IS NULL OR a.expires_at > $4) \
        ORDER BY c.id, a.role";
    UPDATE = "UPDATE clients SET name = $2, grants = $3, audiences = $4, scope = $5, redirect_uris = $6, updated_at = $7 WHERE id = $1";
    SET_SECRET = "UPDATE clients SET previous_secret_hash = $3, previous_secret_ends_at = $4, secret_hash = $2, updated_at = $5 \
        WHERE id = $1";
    DELETE_SUBJECT = "DELETE FROM subjects WHERE id = $1 AND kind = 'client'";
    GRANTS = "SELECT DISTINCT grants FROM clients";
}

/// How a client gets tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum GrantType {
    /// RFC 6749 section 4.4.
    ClientCredentials,
    /// RFC 6749 section 4.3.
    Password,
    /// RFC 6749 section 6.
    RefreshToken,
}

impl GrantType {
    pub(crate) const ALL: [Self; 3] = [Self::ClientCredentials, Self::Password, Self::RefreshToken];

    /// The names of all.
    pub(crate) const NAMES: [&'static str; 3] = [
        Self::ClientCredentials.as_str(),
        Self::Password.as_str(),
        Self::RefreshToken.as_str(),
    ];

    /// As `grant_type` names it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::Password => "password",
            Self::RefreshToken => "refresh_token",
        }
    }
}

impl fmt::Display for GrantType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// There is no such grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of `password`, `refresh_token`, `client_credentials`")]
pub(crate) struct UnknownGrant;

impl FromStr for GrantType {
    type Err = UnknownGrant;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|grant| grant.as_str() == text);
        found.ok_or(UnknownGrant)
    }
}

/// An OAuth client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) name: String,
    /// A public client has no secret: it cannot keep one.
    pub(crate) public: bool,
    pub(crate) grants: BTreeSet<GrantType>,
    /// Whom its tokens may be for; empty for rolecall itself.
    pub(crate) audiences: Vec<String>,
    /// The most that tokens through it may carry.
    pub(crate) scope: Option<String>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) secret_hash: Option<String>,
    /// The secret before, and until when it works.
    pub(crate) previous_secret: Option<(String, Timestamp)>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// A client with the roles assigned to it, global and valid now.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) client: Client,
    pub(crate) roles: Vec<RoleName>,
}

impl Client {
    /// The hashes of the secrets that work at `now`.
    pub(crate) fn secrets_at(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        let previous = self.previous_secret.as_ref();
        let previous = previous.filter(|(_, ends)| *ends > now);
        let present = self.secret_hash.as_deref();
        present
            .into_iter()
            .chain(previous.map(|(hash, _)| hash.as_str()))
    }
}

/// A client and one of its roles.
type Row = (
    String,
    String,
    bool,
    String,
    String,
    Option<String>,
    String,
    Option<String>,
    Option<String>,
    Option<i64>,
    i64,
    i64,
    Option<String>,
);

fn client(row: Row) -> Result<(Client, Option<String>), StoreError> {
    let (id, name, public, grants, audiences, scope, redirect_uris, secret_hash, ..) = row;
    let (.., previous_hash, previous_ends_at, created_at, updated_at, role) = row;
    let list = |text: &str| serde_json::from_str(text).map_err(StoreError::inconsistent);
    let client = Client {
        id,
        name,
        public,
        grants: grants_of(&grants)?,
        audiences: list(&audiences)?,
        scope,
        redirect_uris: list(&redirect_uris)?,
        secret_hash,
        previous_secret: previous_hash.zip(previous_ends_at.map(Timestamp::from_micros)),
        created_at: Timestamp::from_micros(created_at),
        updated_at: Timestamp::from_micros(updated_at),
    };
    Ok((client, role))
}

fn grants_of(text: &str) -> Result<BTreeSet<GrantType>, StoreError> {
    let grants = text.split_ascii_whitespace().map(str::parse);
    grants
        .collect::<Result<_, _>>()
        .map_err(StoreError::inconsistent)
}

fn joined(grants: &BTreeSet<GrantType>) -> String {
    let names: Vec<&str> = grants.iter().map(|grant| grant.as_str()).collect();
    names.join(" ")
}

fn json(list: &[String]) -> String {
    serde_json::Value::from(list).to_string()
}

pub(crate) async fn find(conn: &mut Conn, id: &str) -> Result<Option<Client>, StoreError> {
    let row: Option<Row> = on!(conn, |c| sqlx::query_as(FIND)
        .bind(id)
        .fetch_optional(c)
        .await)?;
    Ok(row.map(client).transpose()?.map(|(client, _)| client))
}

pub(crate) async fn find_by_name(
    conn: &mut Conn,
    name: &str,
) -> Result<Option<String>, StoreError> {
    let row: Option<(String,)> = on!(conn, |c| sqlx::query_as(FIND_BY_NAME)
        .bind(name)
        .fetch_optional(c)
        .await)?;
    Ok(row.map(|(id,)| id))
}

/// Up to `limit` clients after the id `after`; only `id`, if it is not empty.
pub(crate) async fn list(
    conn: &mut Conn,
    after: &str,
    id: &str,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Listed>, StoreError> {
    let rows: Vec<Row> = on!(conn, |c| sqlx::query_as(LIST)
        .bind(after)
        .bind(id)
        .bind(limit)
        .bind(now.micros())
        .fetch_all(c)
        .await)?;
    let mut clients: Vec<Listed> = Vec::new();
    for row in rows {
        let (client, role) = client(row)?;
        if clients
            .last()
            .is_none_or(|last| last.client.id != client.id)
        {
            clients.push(Listed {
                client,
                roles: Vec::new(),
            });
        }
        if let (Some(last), Some(role)) = (clients.last_mut(), role) {
            last.roles
                .push(role.parse().map_err(StoreError::inconsistent)?);
        }
    }
    Ok(clients)
}

/// The grants that some client has.
pub(crate) async fn grants_in_use(conn: &mut Conn) -> Result<BTreeSet<GrantType>, StoreError> {
    let rows: Vec<(String,)> = on!(conn, |c| sqlx::query_as(GRANTS).fetch_all(c).await)?;
    let mut all = BTreeSet::new();
    for (grants,) in rows {
        all.extend(grants_of(&grants)?);
    }
    Ok(all)
}

/// Makes a client.
pub(crate) async fn insert(change: &mut Change<'_>, client: &Client) -> Result<(), StoreError> {
    let conn = change.conn();
    on!(conn, |c| sqlx::query(INSERT_SUBJECT)
        .bind(client.id.as_str())
        .execute(c)
        .await
        .map(drop))?;
    on!(conn, |c| sqlx::query(INSERT)
        .bind(client.id.as_str())
        .bind(client.name.as_str())
        .bind(client.public)
        .bind(joined(&client.grants))
        .bind(json(&client.audiences))
        .bind(client.scope.as_deref())
        .bind(json(&client.redirect_uris))
        .bind(client.secret_hash.as_deref())
        .bind(client.created_at.micros())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Writes everything but the secrets.
pub(crate) async fn update(change: &mut Change<'_>, client: &Client) -> Result<(), StoreError> {
    let now = change.now();
    let conn = change.conn();
    on!(conn, |c| sqlx::query(UPDATE)
        .bind(client.id.as_str())
        .bind(client.name.as_str())
        .bind(joined(&client.grants))
        .bind(json(&client.audiences))
        .bind(client.scope.as_deref())
        .bind(json(&client.redirect_uris))
        .bind(now.micros())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Puts a new secret in force; the `previous` one works until its end.
pub(crate) async fn set_secret(
    change: &mut Change<'_>,
    id: &str,
    hash: &str,
    previous: Option<(&str, Timestamp)>,
) -> Result<(), StoreError> {
    let now = change.now();
    let conn = change.conn();
    on!(conn, |c| sqlx::query(SET_SECRET)
        .bind(id)
        .bind(hash)
        .bind(previous.map(|(hash, _)| hash))
        .bind(previous.map(|(_, ends)| ends.micros()))
        .bind(now.micros())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Deletes a client with its role assignments; whether there was one.
pub(crate) async fn delete(change: &mut Change<'_>, id: &str) -> Result<bool, StoreError> {
    let conn = change.conn();
    Ok(on!(conn, |c| sqlx::query(DELETE_SUBJECT)
        .bind(id)
        .execute(c)
        .await
        .map(|done| done.rows_affected() > 0))?)
}
