//! OAuth clients in the database.

use std::{collections::BTreeSet, fmt, str::FromStr};

use rolecall::token::Algorithm;
use rolecall_core::{RoleName, Timestamp};

use super::sign_in::{Application, Consent, IdTokenAlgorithm, LeastAcr, SignIn};
use crate::store::{Change, Columns, Conn, FromRow, StoreError, gate, parse, queries, query, rows};

queries! {
    INSERT_SUBJECT = "INSERT INTO subjects (id, kind) VALUES ($1, 'client')";
    INSERT = "INSERT INTO clients (id, name, public, grants, audiences, scope, redirect_uris, secret_hash, created_at, updated_at, \
        application, sign_in) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11)";
    FIND = "SELECT id, name, public, grants, audiences, scope, redirect_uris, secret_hash, previous_secret_hash, \
        previous_secret_ends_at, created_at, updated_at, application, sign_in FROM clients WHERE id = $1";
    FIND_BY_NAME = "SELECT id FROM clients WHERE name = $1";
    LIST = "SELECT c.id, c.name, c.public, c.grants, c.audiences, c.scope, c.redirect_uris, c.secret_hash, \
        c.previous_secret_hash, c.previous_secret_ends_at, c.created_at, c.updated_at, c.application, c.sign_in, a.role \
        FROM (SELECT id, name, public, grants, audiences, scope, redirect_uris, secret_hash, previous_secret_hash, \
              previous_secret_ends_at, created_at, updated_at, application, sign_in FROM clients WHERE id > $1 AND ($2 = '' OR id = $2) \
              ORDER BY id LIMIT $3) c \
        LEFT JOIN role_assignments a ON a.subject_id = c.id AND a.tenant = '' \
             AND (a.valid_from IS NULL OR a.valid_from <= $4) AND (a.expires_at IS NULL OR a.expires_at > $4) \
        ORDER BY c.id, a.role";
    UPDATE = "UPDATE clients SET name = $2, grants = $3, audiences = $4, scope = $5, redirect_uris = $6, updated_at = $7, \
        application = $8, sign_in = $9 WHERE id = $1";
    SET_SECRET = "UPDATE clients SET previous_secret_hash = $3, previous_secret_ends_at = $4, secret_hash = $2, updated_at = $5 \
        WHERE id = $1";
    INSERT_CONTROLLER = "INSERT INTO client_controllers (client_id, actor) VALUES ($1, $2) ON CONFLICT (client_id, actor) DO NOTHING";
    CONTROLLERS = "SELECT actor FROM client_controllers WHERE client_id = $1 ORDER BY actor";
    DELETE_SUBJECT = "DELETE FROM subjects WHERE id = $1 AND kind = 'client'";
    REMEMBER = "INSERT INTO former_subjects (id) SELECT id FROM subjects WHERE id = $1 AND kind = 'client' \
        ON CONFLICT (id) DO NOTHING";
    AUDIENCES = "SELECT id, name, audiences FROM clients WHERE audiences <> '[]' ORDER BY id";
    GRANTS = "SELECT DISTINCT grants FROM clients";
    NAMED_SIGN_INS = "SELECT name, sign_in FROM clients WHERE application IS NOT NULL ORDER BY name";
    SIGN_INS = "SELECT DISTINCT sign_in FROM clients WHERE application IS NOT NULL";
}

/// A grant: the way in which a client gets tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum GrantType {
    /// RFC 6749 section 4.1.
    AuthorizationCode,
    /// RFC 6749 section 4.4.
    ClientCredentials,
    /// RFC 6749 section 4.3.
    Password,
    /// RFC 6749 section 6.
    RefreshToken,
}

impl GrantType {
    pub(crate) const ALL: [Self; 4] = [
        Self::AuthorizationCode,
        Self::ClientCredentials,
        Self::Password,
        Self::RefreshToken,
    ];

    /// The names of all grants.
    pub(crate) const NAMES: [&'static str; 4] = [
        Self::AuthorizationCode.as_str(),
        Self::ClientCredentials.as_str(),
        Self::Password.as_str(),
        Self::RefreshToken.as_str(),
    ];

    /// Returns the value of `grant_type`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
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

/// The error for a text that names no grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of `authorization_code`, `refresh_token`, `client_credentials`, `password`")]
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
    /// The audiences that its tokens may have; empty for rolecall itself.
    pub(crate) audiences: Vec<String>,
    /// The scope that no token of this client exceeds.
    pub(crate) scope: Option<String>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) secret_hash: Option<String>,
    /// The hash of the secret before, and the end of its validity.
    pub(crate) previous_secret: Option<(String, Timestamp)>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// The kind of application, for a client that signs people in.
    pub(crate) application: Option<Application>,
    pub(crate) sign_in: SignIn,
}

/// A client with the global roles that are valid now.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) client: Client,
    pub(crate) roles: Vec<RoleName>,
}

#[cfg(test)]
impl Client {
    /// A web application to change in tests.
    pub(crate) fn sample() -> Self {
        Self {
            id: "c".to_owned(),
            name: "app".to_owned(),
            public: false,
            grants: BTreeSet::new(),
            audiences: Vec::new(),
            scope: None,
            redirect_uris: Vec::new(),
            secret_hash: None,
            previous_secret: None,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            application: Some(Application::Web),
            sign_in: SignIn::default(),
        }
    }
}

impl Client {
    /// Returns true if the client may have tokens for an audience: it always may for the `issuer` itself.
    pub(crate) fn has_audience(&self, audience: &str, issuer: &str) -> bool {
        audience == issuer || self.audiences.iter().any(|own| own == audience)
    }

    /// Returns true for an application of the operator's own: users are not asked, and its tokens may carry rolecall's
    /// own permissions.
    pub(crate) fn is_first_party(&self) -> bool {
        self.sign_in.consent == Consent::Skip
    }

    /// Returns the hashes of the secrets that are valid at `now`.
    pub(crate) fn secrets_at(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        let previous = self.previous_secret.as_ref();
        let previous = previous.filter(|(_, ends)| *ends > now);
        let present = self.secret_hash.as_deref();
        present
            .into_iter()
            .chain(previous.map(|(hash, _)| hash.as_str()))
    }
}

rows! {
    struct ClientRow {
        id: String,
        name: String,
        public: bool,
        grants: Grants,
        audiences: Texts,
        scope: Option<String>,
        redirect_uris: Texts,
        secret_hash: Option<String>,
        previous_secret_hash: Option<String>,
        previous_secret_ends_at: Option<Timestamp>,
        created_at: Timestamp,
        updated_at: Timestamp,
        application: Option<Application>,
        sign_in: SignIn,
    }

    struct AudienceRow {
        id: String,
        name: String,
        audiences: Texts,
    }

    struct SignInRow {
        name: String,
        sign_in: SignIn,
    }

    /// A client, beside one of its roles.
    struct ListRow {
        client: Client,
        role: Option<RoleName>,
    }
}

/// Grants in one column, separated by spaces.
struct Grants(BTreeSet<GrantType>);

impl FromRow for Grants {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let grants = columns.text()?.split_ascii_whitespace().map(parse);
        grants.collect::<Result<_, _>>().map(Self)
    }
}

/// A JSON array of texts in one column.
struct Texts(Vec<String>);

impl FromRow for Texts {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let texts = serde_json::from_str(columns.text()?);
        texts.map(Self).map_err(StoreError::inconsistent)
    }
}

impl FromRow for Client {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let row = ClientRow::from_row(columns)?;
        Ok(Self {
            id: row.id,
            name: row.name,
            public: row.public,
            grants: row.grants.0,
            audiences: row.audiences.0,
            scope: row.scope,
            redirect_uris: row.redirect_uris.0,
            secret_hash: row.secret_hash,
            previous_secret: row.previous_secret_hash.zip(row.previous_secret_ends_at),
            created_at: row.created_at,
            updated_at: row.updated_at,
            application: row.application,
            sign_in: row.sign_in,
        })
    }
}

fn joined(grants: &BTreeSet<GrantType>) -> String {
    let names: Vec<&str> = grants.iter().map(|grant| grant.as_str()).collect();
    names.join(" ")
}

fn sign_in_json(client: &Client) -> Result<String, StoreError> {
    serde_json::to_string(&client.sign_in).map_err(StoreError::inconsistent)
}

fn json(list: &[String]) -> String {
    serde_json::Value::from(list).to_string()
}

/// Finds a client by id.
pub(crate) async fn find(conn: &mut Conn, id: &str) -> Result<Option<Client>, StoreError> {
    query(FIND).bind(id).fetch_optional(conn).await
}

/// Returns the id of the client with this name.
pub(crate) async fn find_by_name(
    conn: &mut Conn,
    name: &str,
) -> Result<Option<String>, StoreError> {
    query(FIND_BY_NAME).bind(name).fetch_optional(conn).await
}

/// Returns up to `limit` clients after the id `after`; only the client `id`, unless that is empty.
pub(crate) async fn list(
    conn: &mut Conn,
    after: &str,
    id: &str,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Listed>, StoreError> {
    let rows: Vec<ListRow> = query(LIST)
        .bind(after)
        .bind(id)
        .bind(limit)
        .bind(now)
        .fetch_all(conn)
        .await?;
    let mut clients: Vec<Listed> = Vec::new();
    for ListRow { client, role } in rows {
        if clients
            .last()
            .is_none_or(|last| last.client.id != client.id)
        {
            clients.push(Listed {
                client,
                roles: Vec::new(),
            });
        }
        if let Some(last) = clients.last_mut() {
            last.roles.extend(role);
        }
    }
    Ok(clients)
}

/// Returns the ids and names of the clients that have `audience` among their audiences.
pub(crate) async fn with_audience(
    conn: &mut Conn,
    audience: &str,
) -> Result<Vec<(String, String)>, StoreError> {
    let all: Vec<AudienceRow> = query(AUDIENCES).fetch_all(conn).await?;
    let has = |row: &AudienceRow| row.audiences.0.iter().any(|one| one == audience);
    let found = all.into_iter().filter(has);
    Ok(found.map(|row| (row.id, row.name)).collect())
}

/// Returns the grants that at least one client has.
pub(crate) async fn grants_in_use(conn: &mut Conn) -> Result<BTreeSet<GrantType>, StoreError> {
    let all: Vec<Grants> = query(GRANTS).fetch_all(conn).await?;
    Ok(all.into_iter().flat_map(|grants| grants.0).collect())
}

/// Returns the algorithms of ID tokens that clients want.
pub(crate) async fn id_token_algorithms(conn: &mut Conn) -> Result<Vec<Algorithm>, StoreError> {
    let all: Vec<SignIn> = query(SIGN_INS).fetch_all(conn).await?;
    let wanted = |one: &IdTokenAlgorithm| all.iter().any(|sign_in| sign_in.id_token_alg == *one);
    let algorithms = IdTokenAlgorithm::ALL.into_iter().filter(wanted);
    Ok(algorithms.map(IdTokenAlgorithm::algorithm).collect())
}

/// Returns the names of the clients through which nobody signs in with one factor.
pub(crate) async fn names_needing_more(conn: &mut Conn) -> Result<Vec<String>, StoreError> {
    let all: Vec<SignInRow> = query(NAMED_SIGN_INS).fetch_all(conn).await?;
    let needs_more = |row: &SignInRow| row.sign_in.acr != LeastAcr::Aal1;
    Ok(all
        .into_iter()
        .filter(needs_more)
        .map(|row| row.name)
        .collect())
}

/// Returns all who were shown a secret of a client, directly or through a client that they control. None if that is not
/// known of one of these clients, as of one that is deleted.
pub(crate) async fn all_controllers(
    conn: &mut Conn,
    client: &str,
) -> Result<BTreeSet<String>, StoreError> {
    let mut found = BTreeSet::new();
    let mut open = vec![client.to_owned()];
    while let Some(client) = open.pop() {
        let own = controllers(conn, &client).await?;
        if own.is_empty() {
            return Ok(BTreeSet::new());
        }
        for actor in own {
            let through = actor.strip_prefix("client:").map(str::to_owned);
            if found.insert(actor) {
                open.extend(through);
            }
        }
    }
    Ok(found)
}

/// Creates a client.
pub(crate) async fn insert(change: &mut Change<'_>, client: &Client) -> Result<(), StoreError> {
    let conn = change.conn();
    let subject = query(INSERT_SUBJECT).bind(client.id.as_str());
    subject.execute(conn).await?;
    query(INSERT)
        .bind(client.id.as_str())
        .bind(client.name.as_str())
        .bind(client.public)
        .bind(joined(&client.grants))
        .bind(json(&client.audiences))
        .bind(client.scope.as_deref())
        .bind(json(&client.redirect_uris))
        .bind(client.secret_hash.as_deref())
        .bind(client.created_at)
        .bind(client.application.map(Application::as_str))
        .bind(sign_in_json(client)?)
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes everything but the secrets.
pub(crate) async fn update(change: &mut Change<'_>, client: &Client) -> Result<(), StoreError> {
    gate::hold(change.conn(), &client.id).await?;
    let now = change.now();
    query(UPDATE)
        .bind(client.id.as_str())
        .bind(client.name.as_str())
        .bind(joined(&client.grants))
        .bind(json(&client.audiences))
        .bind(client.scope.as_deref())
        .bind(json(&client.redirect_uris))
        .bind(now)
        .bind(client.application.map(Application::as_str))
        .bind(sign_in_json(client)?)
        .execute(change.conn())
        .await?;
    Ok(())
}

/// Sets a new secret; the `previous` one stays valid until its end.
pub(crate) async fn set_secret(
    change: &mut Change<'_>,
    id: &str,
    hash: &str,
    previous: Option<(&str, Timestamp)>,
) -> Result<(), StoreError> {
    gate::hold(change.conn(), id).await?;
    let now = change.now();
    query(SET_SECRET)
        .bind(id)
        .bind(hash)
        .bind(previous.map(|(hash, _)| hash))
        .bind(previous.map(|(_, ends)| ends))
        .bind(now)
        .execute(change.conn())
        .await?;
    Ok(())
}

/// Deletes a client with its role assignments. Returns `false` if it does not exist.
pub(crate) async fn delete(change: &mut Change<'_>, id: &str) -> Result<bool, StoreError> {
    gate::hold(change.conn(), id).await?;
    let conn = change.conn();
    query(REMEMBER).bind(id).execute(conn).await?;
    Ok(query(DELETE_SUBJECT).bind(id).execute(conn).await? > 0)
}

/// Records that `actor` was shown a secret of a client.
pub(crate) async fn add_controller(
    change: &mut Change<'_>,
    id: &str,
    actor: &str,
) -> Result<(), StoreError> {
    let insert = query(INSERT_CONTROLLER).bind(id).bind(actor);
    insert.execute(change.conn()).await?;
    Ok(())
}

/// Returns all who were shown a secret of a client, as the audit log names them.
pub(crate) async fn controllers(conn: &mut Conn, id: &str) -> Result<Vec<String>, StoreError> {
    query(CONTROLLERS).bind(id).fetch_all(conn).await
}
