//! Rotation of the master key.

use serde_json::json;

use super::{
    master::{list_keys, open_factor, open_key, open_secret, seal_factor, seal_key, seal_secret},
    store::{self, Listed},
};
use crate::{
    app::App, authority::caller::Caller, error::ApiError, factors::store as factors, mail::outbox,
    store::Change, vault::MasterKey,
};

/// Encrypts all secrets of the database with `new`, in one transaction, so that never only a part of them is. Returns
/// the number of secrets.
pub(crate) async fn rotate(
    app: &App,
    caller: Caller<'_>,
    new: &MasterKey,
) -> Result<usize, ApiError> {
    let fingerprint = new.fingerprint().map_err(ApiError::internal)?;
    let parts = app.parts();
    let work = async |change: &mut Change<'_>| {
        let (listed, old) = list_keys(change.conn(), &parts.masters).await?;
        if listed.fingerprint == fingerprint {
            return Ok(0);
        }
        let count = reseal(change, &listed, old, new).await?;
        store::set_fingerprint(change, &fingerprint).await?;
        change.record(json!({ "action": "master_key.rotated", "sealed": count }));
        change.keys_changed();
        Ok::<_, ApiError>(count)
    };
    // `App::change` would reload the keys, but this process may not be configured with the new key
    let (actor, now) = (caller.actor(), app.now());
    let (count, _) = parts
        .store
        .change(&parts.chain, &actor, (now, app.database_now()), work)
        .await?;
    Ok(count)
}

async fn reseal(
    change: &mut Change<'_>,
    listed: &Listed,
    old: &MasterKey,
    new: &MasterKey,
) -> Result<usize, ApiError> {
    for key in &listed.keys {
        let sealed = seal_key(new, &key.kid, &open_key(old, key)?)?;
        store::reseal(change, &key.kid, &sealed).await?;
    }
    let secrets = store::list_secrets(change.conn()).await?;
    for (name, sealed) in &secrets {
        let plain = open_secret(old, name, sealed).map_err(ApiError::internal)?;
        let sealed = seal_secret(new, name, &plain).map_err(ApiError::internal)?;
        store::reseal_secret(change, name, &sealed).await?;
    }
    let mails = outbox::reseal_all(change.conn(), old, new).await?;
    // an enrolment that begins meanwhile is not seen, and cannot be confirmed: its owner begins again
    let factors = factors::list_sealed(change.conn()).await?;
    for (id, sealed) in &factors {
        let plain = open_factor(old, id, sealed).map_err(ApiError::internal)?;
        let sealed = seal_factor(new, id, &plain).map_err(ApiError::internal)?;
        factors::reseal(change, id, &sealed).await?;
    }
    Ok(listed.keys.len() + secrets.len() + mails + factors.len())
}
