//! The rules for OAuth clients.

use std::time::Duration;

use rolecall::PermissionName as _;
use rolecall_core::{FloorKind, RoleName};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{
    registration::{ClientRegistration, refused},
    secret,
    store::{self, Client, Listed},
};
use crate::authority::reads;
use crate::{
    accounts::store as accounts,
    app::App,
    authority::{caller::Caller, may, rights::Rights},
    error::ApiError,
    ids,
    patch::Patch,
    roles::{
        assigning::{self, Assignee, Validity},
        assignments, request_ending,
    },
    sessions,
    store::Change,
    tokens::requested::RequestedScope,
};

/// The time for which a replaced secret keeps working, by default.
pub(crate) const OVERLAP: Duration = Duration::from_hours(24);

/// Changes to a client; `None` keeps the stored value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) name: Option<String>,
    pub(crate) grants: Option<Vec<String>>,
    pub(crate) audiences: Option<Vec<String>>,
    pub(crate) scope: Patch<String>,
    pub(crate) redirect_uris: Option<Vec<String>>,
}

/// The id and the secret that a client brings along from another system.
#[derive(Clone, Copy, Default)]
pub(crate) struct Brought<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) secret: Option<&'a SecretString>,
}

impl Brought<'_> {
    /// Checks everything that needs no database.
    fn check(&self, wanted: &ClientRegistration) -> Result<(), ApiError> {
        let refuse = |member: &str, why: &str| refused(member, format!("{member}: {why}"));
        if let Some(id) = self.id {
            ids::check_brought_id(id).map_err(|why| refuse("client_id", why))?;
        }
        let Some(secret) = self.secret else {
            return Ok(());
        };
        if wanted.public {
            return Err(refuse("client_secret", "a public client has none"));
        }
        secret::check_brought(secret.expose_secret(), &wanted.name)
            .map_err(|why| refuse("client_secret", &why))
    }
}

/// Returns up to `limit` clients after the id `after`.
pub(crate) async fn list(
    app: &App,
    caller: Caller<'_>,
    after: &str,
    limit: i64,
) -> Result<Vec<Listed>, ApiError> {
    reads::require(app, caller, may::ReadClients::NAME).await?;
    let now = app.now();
    let mut conn = app.store().read().await?;
    Ok(store::list(&mut conn, after, "", limit, now).await?)
}

/// Returns a client.
pub(crate) async fn get(app: &App, caller: Caller<'_>, id: &str) -> Result<Listed, ApiError> {
    reads::require(app, caller, may::ReadClients::NAME).await?;
    load(app, id).await
}

async fn load(app: &App, id: &str) -> Result<Listed, ApiError> {
    let now = app.now();
    let mut conn = app.store().read().await?;
    let found = store::list(&mut conn, "", id, 1, now).await?.pop();
    // an empty id would mean any
    found
        .filter(|found| found.client.id == id)
        .ok_or_else(|| ApiError::unknown("client", &id))
}

/// Returns the id of the client with this id, or with this name. It asks for no permission: commands name clients,
/// and services check what may be done with them.
pub(crate) async fn find_id(app: &App, name: &str) -> Result<Option<String>, ApiError> {
    let mut conn = app.store().read().await?;
    // the id first: another client could have it as its name
    match store::find(&mut conn, name).await? {
        Some(client) => Ok(Some(client.id)),
        None => Ok(store::find_by_name(&mut conn, name).await?),
    }
}

/// Makes a client; a confidential one with its secret, which nobody sees again. A secret that it brings along is not
/// returned.
pub(crate) async fn create(
    app: &App,
    caller: Caller<'_>,
    wanted: &ClientRegistration,
    brought: Brought<'_>,
    roles: &[RoleName],
) -> Result<(Listed, Option<SecretString>), ApiError> {
    brought.check(wanted)?;
    let secret = if wanted.public || brought.secret.is_some() {
        None
    } else {
        Some(secret::generate().map_err(ApiError::internal)?)
    };
    let known = brought.secret.or(secret.as_ref());
    let hash = known.map(|secret| secret::hash(secret.expose_secret()));
    let now = app.now();
    let mut client = Client {
        id: match brought.id {
            Some(id) => id.to_owned(),
            None => ids::new_id(now).map_err(ApiError::internal)?,
        },
        name: String::new(),
        public: wanted.public,
        grants: std::collections::BTreeSet::new(),
        audiences: Vec::new(),
        scope: None,
        redirect_uris: Vec::new(),
        secret_hash: hash,
        previous_secret: None,
        created_at: now,
        updated_at: now,
    };
    wanted.apply(&mut client)?;
    app.change(caller, async |change| {
        let rights = Rights::require(app, change, caller, may::WriteClients::NAME).await?;
        if !roles.is_empty() {
            Rights::require(app, change, caller, may::WriteAssignments::NAME).await?;
        }
        refuse_taken(change, &client).await?;
        if brought.id.is_some() {
            refuse_used_id(change, &client).await?;
        }
        store::insert(change, &client).await?;
        store::add_controller(change, &client.id, &caller.actor().to_string()).await?;
        change.record(json!({ "action": "client.created", "client": client.id }));
        let (whose, always) = (Assignee::Client(&client.id), Validity::default());
        for role in roles {
            assignments::assign_in(change, &rights, caller, whose, role, None, &always).await?;
        }
        Ok(())
    })
    .await?;
    Ok((load(app, &client.id).await?, secret))
}

/// Changes a client. What it may do less of ends at once on tokens issued through it.
pub(crate) async fn update(
    app: &App,
    caller: Caller<'_>,
    id: &str,
    changes: &Changes,
) -> Result<Listed, ApiError> {
    app.change(caller, async |change| {
        let before = require_authority_over(app, change, caller, id).await?;
        let mut wanted = ClientRegistration::of(&before);
        let set = |list: &mut Vec<String>, to: &Option<Vec<String>>| {
            if let Some(to) = to {
                list.clone_from(to);
            }
        };
        set(&mut wanted.grants, &changes.grants);
        set(&mut wanted.audiences, &changes.audiences);
        set(&mut wanted.redirect_uris, &changes.redirect_uris);
        if let Some(name) = &changes.name {
            wanted.name.clone_from(name);
        }
        match &changes.scope {
            crate::patch::Patch::Keep => {}
            crate::patch::Patch::Clear => wanted.scope = None,
            crate::patch::Patch::Set(scope) => wanted.scope = Some(scope.clone()),
        }
        let mut after = before.clone();
        wanted.apply(&mut after)?;
        if after == before {
            return Ok(());
        }
        if after.name != before.name {
            refuse_taken(change, &after).await?;
        }
        store::update(change, &after).await?;
        if is_narrowed(&before, &after) || after.name != before.name {
            change.raise_floor(FloorKind::Client, id);
        }
        change.record(json!({ "action": "client.updated", "client": id }));
        Ok(())
    })
    .await?;
    load(app, id).await
}

/// Returns `true` if tokens of before must end: the client could carry less, or be for fewer audiences, or stops hiding
/// the names of roles. Tokens without role names end with what a role loses only as long as the client hides them.
fn is_narrowed(before: &Client, after: &Client) -> bool {
    if hides_roles(before) && !hides_roles(after) {
        return true;
    }
    let scope = match (&before.scope, &after.scope) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(before), Some(after)) => {
            let values = |text: &str| RequestedScope::parse_any(text).unwrap_or_default();
            !values(before).is_within(&values(after))
        }
    };
    let issuer_only = |client: &Client| client.audiences.is_empty();
    let audiences = !issuer_only(before)
        && before
            .audiences
            .iter()
            .any(|one| !after.audiences.contains(one));
    scope || audiences || !before.grants.is_subset(&after.grants)
}

/// Returns `true` if tokens through the client carry permissions without the roles that give them.
fn hides_roles(client: &Client) -> bool {
    let ceiling = client.scope.as_deref().and_then(RequestedScope::parse_any);
    ceiling.is_some_and(|ceiling| ceiling.roles.is_empty())
}

/// Puts a new secret in force; the old one works for `overlap` yet.
pub(crate) async fn rotate_secret(
    app: &App,
    caller: Caller<'_>,
    id: &str,
    overlap: Duration,
) -> Result<SecretString, ApiError> {
    let secret = secret::generate().map_err(ApiError::internal)?;
    let hash = secret::hash(secret.expose_secret());
    app.change(caller, async |change| {
        let client = require_authority_over(app, change, caller, id).await?;
        let Some(previous) = client.secret_hash.filter(|_| !client.public) else {
            let detail = format!("client `{}` is public: it has no secret", client.name);
            return Err(ApiError::rule("public_client", detail, Vec::new()));
        };
        let ends_at = change.now().plus(overlap);
        let previous = (!overlap.is_zero()).then_some((previous.as_str(), ends_at));
        store::set_secret(change, id, &hash, previous).await?;
        // who is shown the secret can act as the client from now on
        request_ending::end_for_subject(change, id).await?;
        request_ending::end_by_client(change, id).await?;
        store::add_controller(change, id, &caller.actor().to_string()).await?;
        change.record(json!({ "action": "client.secret_rotated", "client": id }));
        Ok(())
    })
    .await?;
    Ok(secret)
}

/// Deletes a client with its role assignments; log-ins through it end, and so do its tokens.
pub(crate) async fn delete(app: &App, caller: Caller<'_>, id: &str) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        let rights = Rights::require(app, change, caller, may::WriteClients::NAME).await?;
        if store::find(change.conn(), id).await?.is_none() {
            return Ok(());
        }
        cover(change, &rights, id).await?;
        sessions::store::end_of_client(change, id).await?;
        store::delete(change, id).await?;
        change.raise_floor(FloorKind::Client, id);
        change.raise_floor(FloorKind::Subject, id);
        change.record(json!({ "action": "client.deleted", "client": id }));
        Ok(())
    })
    .await
}

/// Refuses a name that another client has, as its name or as its id: commands accept either.
async fn refuse_taken(change: &mut Change<'_>, client: &Client) -> Result<(), ApiError> {
    let named = store::find_by_name(change.conn(), &client.name).await?;
    let by_id = store::find(change.conn(), &client.name).await?;
    let found = named.into_iter().chain(by_id.map(|other| other.id));
    if found.into_iter().any(|id| id != client.id) {
        return Err(ApiError::already_there("client", &client.name));
    }
    Ok(())
}

/// Refuses an id that a subject has or had, or that another client has as its name.
async fn refuse_used_id(change: &mut Change<'_>, client: &Client) -> Result<(), ApiError> {
    let id = &client.id;
    if accounts::is_id_used(change.conn(), id).await? {
        let detail = format!("id `{id}` belongs to a user or client, or did: use another one");
        return Err(ApiError::rule("id_used", detail, Vec::new()));
    }
    match store::find_by_name(change.conn(), id).await? {
        Some(_) => Err(ApiError::already_there("client", id)),
        None => Ok(()),
    }
}

async fn require_authority_over(
    app: &App,
    change: &mut Change<'_>,
    caller: Caller<'_>,
    id: &str,
) -> Result<Client, ApiError> {
    let rights = Rights::require(app, change, caller, may::WriteClients::NAME).await?;
    let client = store::find(change.conn(), id).await?;
    let client = client.ok_or_else(|| ApiError::unknown("client", &id))?;
    cover(change, &rights, id).await?;
    Ok(client)
}

/// Applies the delegation limit to a client: a caller who has its secret can act as it.
async fn cover(change: &mut Change<'_>, rights: &Rights, id: &str) -> Result<(), ApiError> {
    assigning::cover_subject(change, rights, id).await
}
