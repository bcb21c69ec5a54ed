//! Rotation of the master key.

use serde_json::json;

use super::{
    master::{list_keys, open_factor, open_key, open_secret, seal_factor, seal_key, seal_secret},
    store::{self, Listed},
};
use crate::{
    app::App,
    authority::caller::Caller,
    error::ApiError,
    factors::store as factors,
    mail::outbox,
    store::Change,
    vault::{MasterKey, VaultError},
};

/// The outcome of a rotation.
#[derive(Debug, Default)]
pub(crate) struct Rotated {
    /// The number of secrets that are encrypted with the new key now.
    pub(crate) sealed: usize,
    /// The ids of mails that the old key does not open. They stay as they are: an older key may open them.
    pub(crate) unreadable_mails: Vec<String>,
}

/// A row that the master key in force does not open: it was written with another key, or is damaged.
#[derive(Debug, thiserror::Error)]
#[error(
    "the row `{id}` of the table `{table}` cannot be decrypted with the current master key, so that nothing was changed: restore it from a backup, or delete it"
)]
struct Unreadable {
    table: &'static str,
    id: String,
    source: VaultError,
}

impl Unreadable {
    fn row(table: &'static str, id: &str) -> impl FnOnce(VaultError) -> ApiError {
        let id = id.to_owned();
        move |source| ApiError::internal(Self { table, id, source })
    }
}

/// Encrypts all secrets of the database with `new`, in one transaction, so that never only a part of them is.
///
/// # Errors
///
/// The row that cannot be decrypted, if there is one besides mails.
pub(crate) async fn rotate(
    app: &App,
    caller: Caller<'_>,
    new: &MasterKey,
) -> Result<Rotated, ApiError> {
    let fingerprint = new.fingerprint().map_err(ApiError::internal)?;
    let parts = app.parts();
    let work = async |change: &mut Change<'_>| {
        let (listed, old) = list_keys(change.conn(), &parts.masters).await?;
        if listed.fingerprint == fingerprint {
            return Ok(Rotated::default());
        }
        let rotated = reseal(change, &listed, old, new).await?;
        store::set_fingerprint(change, &fingerprint).await?;
        change.record(json!({ "action": "master_key.rotated", "sealed": rotated.sealed }));
        change.keys_changed();
        Ok::<_, ApiError>(rotated)
    };
    // `App::change` would reload the keys, but this process may not be configured with the new key
    let (actor, now) = (caller.actor(), app.now());
    let (rotated, _) = parts
        .store
        .change(&parts.chain, &actor, (now, app.database_now()), work)
        .await?;
    Ok(rotated)
}

async fn reseal(
    change: &mut Change<'_>,
    listed: &Listed,
    old: &MasterKey,
    new: &MasterKey,
) -> Result<Rotated, ApiError> {
    for key in &listed.keys {
        let plain = open_key(old, key).map_err(Unreadable::row("signing_keys", &key.kid))?;
        let sealed = seal_key(new, &key.kid, &plain)?;
        store::reseal(change, &key.kid, &sealed).await?;
    }
    let secrets = store::list_secrets(change.conn()).await?;
    for (name, sealed) in &secrets {
        let plain = open_secret(old, name, sealed).map_err(Unreadable::row("secrets", name))?;
        let sealed = seal_secret(new, name, &plain).map_err(ApiError::internal)?;
        store::reseal_secret(change, name, &sealed).await?;
    }
    let (mails, unreadable_mails) = outbox::reseal_all(change.conn(), old, new).await?;
    // an enrolment that begins meanwhile is not seen, and cannot be confirmed: its owner begins again
    let factors = factors::list_sealed(change.conn()).await?;
    for (id, sealed) in &factors {
        let plain = open_factor(old, id, sealed).map_err(Unreadable::row("factors", id))?;
        let sealed = seal_factor(new, id, &plain).map_err(ApiError::internal)?;
        factors::reseal(change, id, &sealed).await?;
    }
    Ok(Rotated {
        sealed: listed.keys.len() + secrets.len() + mails + factors.len(),
        unreadable_mails,
    })
}
