//! The rules for OAuth clients.

use std::time::Duration;

use rolecall::PermissionName as _;
use rolecall_core::{FloorKind, RoleName};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{
    changes::{Changes, admits_fewer, is_narrowed},
    delegation::{cover_secret, cover_sign_in},
    logout_uri, redirect,
    registration::{ClientRegistration, refused},
    secret,
    sign_in::SignIn,
    store::{self, Client, Listed},
};
use crate::authority::reads;
use crate::{
    accounts::store as accounts,
    app::App,
    authority::{caller::Caller, may, rights::Rights},
    error::ApiError,
    ids,
    keys::{fresh::Fresh, id_tokens},
    reasons::Reason,
    roles::{
        assigning::{self, Assignee, Validity},
        assignments, request_ending,
    },
    sessions,
    store::Change,
};

/// The time for which a replaced secret keeps working, by default.
pub(crate) const OVERLAP: Duration = Duration::from_hours(24);

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
        application: None,
        sign_in: SignIn::default(),
        secret_hash: hash,
        previous_secret: None,
        created_at: now,
        updated_at: now,
    };
    wanted.apply(&mut client, redirect::is_local(&app.settings().public_url))?;
    logout_uri::check(&client, &app.settings().outgoing)?;
    let mut fresh = prepare_keys(app, &client).await?;
    app.change(caller, async |change| {
        let rights = Rights::require(app, change, caller, may::WriteClients::NAME).await?;
        cover_sign_in(&rights, None, &client)?;
        ensure_keys(app, change, &client, &mut fresh).await?;
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
    let before = store::find(&mut app.store().read().await?, id).await?;
    let mut fresh = match before {
        Some(mut client) => {
            let wanted = changes.applied_to(&client);
            // what is wrong with it is said below, to somebody who may know
            let is_local = redirect::is_local(&app.settings().public_url);
            wanted.apply(&mut client, is_local).ok();
            prepare_keys(app, &client).await?
        }
        None => Fresh::default(),
    };
    app.change(caller, async |change| {
        let (rights, before) = require_authority_over(app, change, caller, id).await?;
        let wanted = changes.applied_to(&before);
        let mut after = before.clone();
        wanted.apply(&mut after, redirect::is_local(&app.settings().public_url))?;
        if after == before {
            return Ok(());
        }
        cover_sign_in(&rights, Some(&before), &after)?;
        if after.sign_in.backchannel_logout_uri != before.sign_in.backchannel_logout_uri {
            logout_uri::check(&after, &app.settings().outgoing)?;
        }
        ensure_keys(app, change, &after, &mut fresh).await?;
        if after.name != before.name {
            refuse_taken(change, &after).await?;
        }
        store::update(change, &after).await?;
        if is_narrowed(&before, &after)
            || admits_fewer(&before, &after)
            || after.name != before.name
        {
            change.raise_floor(FloorKind::Client, id);
        }
        change.record(json!({ "action": "client.updated", "client": id }));
        Ok(())
    })
    .await?;
    load(app, id).await
}

/// Generates the keys that sign the ID tokens of a client, if they do not exist.
async fn prepare_keys(app: &App, client: &Client) -> Result<Fresh, ApiError> {
    match client.application {
        Some(_) => {
            let algorithm = client.sign_in.id_token_alg.algorithm();
            id_tokens::prepare(app, algorithm).await
        }
        None => Ok(Fresh::default()),
    }
}

/// Sees to it that keys sign the ID tokens of a client.
async fn ensure_keys(
    app: &App,
    change: &mut Change<'_>,
    client: &Client,
    fresh: &mut Fresh,
) -> Result<(), ApiError> {
    if client.application.is_some() {
        let algorithm = client.sign_in.id_token_alg.algorithm();
        id_tokens::ensure(app, change, algorithm, fresh).await?;
    }
    Ok(())
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
        let (rights, client) = require_authority_over(app, change, caller, id).await?;
        cover_secret(&rights, &client)?;
        let Some(previous) = client.secret_hash.filter(|_| !client.public) else {
            let client = client.name;
            let reason = Reason::PublicClient { client };
            return Err(ApiError::because(reason, Vec::new()));
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

/// Ends the secret before the present one at once, where it still works.
pub(crate) async fn end_previous_secret(
    app: &App,
    caller: Caller<'_>,
    id: &str,
) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        let (rights, client) = require_authority_over(app, change, caller, id).await?;
        cover_secret(&rights, &client)?;
        let (Some(present), Some(_)) = (client.secret_hash, client.previous_secret) else {
            return Ok(());
        };
        store::set_secret(change, id, &present, None).await?;
        change.record(json!({ "action": "client.previous_secret_ended", "client": id }));
        Ok(())
    })
    .await
}

/// Deletes a client with its role assignments; log-ins through it end, and so do its tokens.
pub(crate) async fn delete(app: &App, caller: Caller<'_>, id: &str) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        let rights = Rights::require(app, change, caller, may::WriteClients::NAME).await?;
        let Some(client) = store::find(change.conn(), id).await? else {
            return Ok(());
        };
        cover(change, &rights, id).await?;
        cover_secret(&rights, &client)?;
        sessions::endings::end_of_client(change, id).await?;
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
        let id = id.clone();
        return Err(ApiError::because(Reason::IdUsed { id }, Vec::new()));
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
) -> Result<(Rights, Client), ApiError> {
    let rights = Rights::require(app, change, caller, may::WriteClients::NAME).await?;
    let client = store::find(change.conn(), id).await?;
    let client = client.ok_or_else(|| ApiError::unknown("client", &id))?;
    cover(change, &rights, id).await?;
    Ok((rights, client))
}

/// Applies the delegation limit to a client: a caller who has its secret can act as it.
async fn cover(change: &mut Change<'_>, rights: &Rights, id: &str) -> Result<(), ApiError> {
    assigning::cover_subject(change, rights, id).await
}
