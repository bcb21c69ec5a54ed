//! The rules for the factors of an account.

use rolecall::PermissionName as _;
use serde_json::json;

use super::{
    enrolment::{self, Confirmed, Enrolment},
    names,
    notices::{FactorNotice, notify},
    owner::Owner,
    recovery_codes::CREDENTIAL,
    remembered,
    remembered_store::{self, RememberedDevice},
    store::{self, Factor, FactorKind},
};
use crate::{
    accounts::{rights_over, store as accounts},
    app::App,
    authority::{caller::Caller, may, reads, rights::Rights},
    error::ApiError,
    login::{
        browser::{service as browsers, store as browser_store},
        code_store,
    },
    quota::Quota,
    roles::request_ending,
    sessions::{self, endings::Acting},
    store::{Change, gate},
};

/// The factors of a user.
pub(crate) struct OwnFactors {
    pub(crate) factors: Vec<Factor>,
    /// The recovery codes that are left.
    pub(crate) codes_left: i64,
    /// The devices on which none of them is asked for.
    pub(crate) devices: Vec<RememberedDevice>,
}

/// Returns the factors of a user. Secrets are never read back.
pub(crate) async fn list(app: &App, subject: &str) -> Result<OwnFactors, ApiError> {
    let mut conn = app.store().read().await?;
    Ok(OwnFactors {
        factors: store::list(&mut conn, subject).await?,
        codes_left: store::count_codes(&mut conn, subject).await?,
        devices: remembered::list(app, &mut conn, subject).await?,
    })
}

/// The same for an administrator.
pub(crate) async fn list_of(
    app: &App,
    caller: Caller<'_>,
    user: &str,
) -> Result<OwnFactors, ApiError> {
    reads::require(app, caller, may::ReadUsers::NAME).await?;
    let found = accounts::find_user(&mut app.store().read().await?, user, app.now()).await?;
    found.ok_or_else(|| ApiError::unknown("user", &user))?;
    list(app, user).await
}

/// Begins to add an authenticator application.
pub(crate) async fn add_totp(
    app: &App,
    owner: &Owner<'_>,
    name: &str,
) -> Result<Enrolment, ApiError> {
    enrolment::require_on(app)?;
    // before a sign-in is asked for, which would be in vain
    names::checked(name, "")?;
    owner
        .prove_to_add(app, &mut app.store().read().await?)
        .await?;
    // it is no change until it is confirmed, and is limited like one
    app.take_quota(Quota::OwnChanges, owner.subject)?;
    enrolment::begin(app, owner.subject, name).await
}

/// Adds an authenticator application with its first code.
pub(crate) async fn confirm_totp(
    app: &App,
    owner: &Owner<'_>,
    id: &str,
    code: &str,
) -> Result<Confirmed, ApiError> {
    owner
        .prove_to_add(app, &mut app.store().read().await?)
        .await?;
    enrolment::check(app, (id, owner.subject), code).await?;
    change(app, owner, None, async |change| {
        owner.prove_to_add(app, change.conn()).await?;
        enrolment::confirm_in(app, change, (owner.subject, owner.address), id, code).await
    })
    .await
}

/// Gives a factor another name.
pub(crate) async fn rename(
    app: &App,
    owner: &Owner<'_>,
    id: &str,
    name: &str,
) -> Result<(), ApiError> {
    let name = names::checked(name, "")?;
    if name.is_empty() {
        return Err(names::missing());
    }
    // every change waits for all others, so that none is begun for a factor that is not there
    let known = list(app, owner.subject).await?.factors;
    if known.iter().all(|one| one.id != id) {
        return Err(ApiError::unknown("factor", &id));
    }
    change(app, owner, None, async |change| {
        if !store::rename(change, (id, owner.subject), &name).await? {
            return Err(ApiError::unknown("factor", &id));
        }
        change
            .record(json!({ "action": "factor.renamed", "subject": owner.subject, "factor": id }));
        Ok(())
    })
    .await
}

/// Removes a factor; the sessions that rest on it end. What does not exist counts as removed.
pub(crate) async fn remove(app: &App, owner: &Owner<'_>, id: &str) -> Result<(), ApiError> {
    let found = list(app, owner.subject).await?.factors;
    let Some(kind) = found.iter().find(|one| one.id == id).map(|one| one.kind) else {
        return Ok(());
    };
    change(app, owner, Some(kind), async |change| {
        let acting = owner.acting(change.conn()).await?;
        let owner = (owner.subject, owner.address);
        remove_in(app, change, owner, id, &acting).await
    })
    .await
}

/// Makes new recovery codes, which replace all before.
pub(crate) async fn make_codes(app: &App, owner: &Owner<'_>) -> Result<Vec<String>, ApiError> {
    change(app, owner, None, async |change| {
        if store::kinds(change.conn(), owner.subject).await?.is_empty() {
            let detail = "recovery codes come with a second factor: add one first";
            return Err(ApiError::rule("no_factor", detail, Vec::new()));
        }
        // whoever has found the codes before may have signed in with one
        let acting = owner.acting(change.conn()).await?;
        end_resting_on(change, owner.subject, CREDENTIAL, &acting).await?;
        let notice = FactorNotice::RecoveryCodesReplaced;
        enrolment::make_codes(app, change, (owner.subject, owner.address), notice).await
    })
    .await
}

/// Removes a factor of somebody else, who has lost it. For their own, administrators prove what owners do.
pub(crate) async fn remove_of(
    app: &App,
    caller: Caller<'_>,
    (user, address): (&str, &str),
    id: &str,
) -> Result<(), ApiError> {
    if let Some(owner) = Owner::at_own_account(caller, user, address)? {
        return remove(app, &owner, id).await;
    }
    app.change(caller, async |change| {
        rights_over::require(app, change, caller, may::WriteUsers::NAME, user).await?;
        gate::hold(change.conn(), user).await?;
        remove_in(app, change, (user, address), id, &Acting::default()).await
    })
    .await
}

/// Changes the factors of the owner, who has just proven that it is them.
pub(super) async fn change<T>(
    app: &App,
    owner: &Owner<'_>,
    removed: Option<FactorKind>,
    work: impl AsyncFnOnce(&mut Change<'_>) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    // every change waits for all others, so that none is begun that is refused
    owner
        .prove(app, &mut app.store().read().await?, removed)
        .await?;
    let caller = owner.caller();
    let proven = async |change: &mut Change<'_>| {
        Rights::load(app, change, caller).await?;
        gate::hold(change.conn(), owner.subject).await?;
        owner.prove(app, change.conn(), removed).await?;
        work(change).await
    };
    app.change(caller, proven).await
}

/// Removes a factor, and everything that rests on it. With the last one go the recovery codes, and what rests on one of
/// them, except the session in which the owner does this.
async fn remove_in(
    app: &App,
    change: &mut Change<'_>,
    (subject, address): (&str, &str),
    id: &str,
    acting: &Acting,
) -> Result<(), ApiError> {
    if !store::is_confirmed(change.conn(), id, subject).await? {
        return Ok(());
    }
    let Some(kind) = store::delete(change, id, subject).await? else {
        return Ok(());
    };
    let is_last = store::kinds(change.conn(), subject).await?.is_empty();
    if is_last {
        // they stand for a factor, and there is none
        store::delete_codes(change.conn(), subject).await?;
        end_resting_on(change, subject, CREDENTIAL, acting).await?;
    }
    let nobody = Acting::default();
    end_resting_on(change, subject, id, &nobody).await?;
    // they were remembered for a factor, which may be this one
    for device in remembered_store::delete_all(change, subject).await? {
        end_resting_on(change, subject, &device, &nobody).await?;
    }
    // another person may sign in as the user from now on
    request_ending::end_for_subject(change, subject).await?;
    change.record(json!({
        "action": "factor.removed", "subject": subject, "factor": id, "kind": kind.as_str(), "last": is_last,
    }));
    let notice = FactorNotice::Removed;
    notify(
        change.conn(),
        app,
        (subject, address),
        notice,
        kind.as_str(),
    )
    .await
}

/// Ends the sign-ins and sessions of a user that rest on a factor, on a recovery code or on a remembered device, except
/// those of `kept`.
pub(crate) async fn end_resting_on(
    change: &mut Change<'_>,
    subject: &str,
    factor: &str,
    kept: &Acting,
) -> Result<(), ApiError> {
    // a sign-in under way begins again; one that ends just now waits for this change, and finds the factor gone
    sessions::endings::forget_proofs(change, subject).await?;
    code_store::delete_resting_on(change.conn(), subject, factor).await?;
    let resting = browser_store::resting_on(change.conn(), subject, factor, &kept.browser);
    for id in resting.await? {
        browsers::end_in(change, subject, &id).await?;
    }
    // those that outlive the browser session, or that it has outgrown
    let outlive = sessions::endings::resting_on(change.conn(), subject, factor, kept);
    for id in outlive.await? {
        sessions::service::end(change, "session.ended", &id, subject).await?;
    }
    Ok(())
}
