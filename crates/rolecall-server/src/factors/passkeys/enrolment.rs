//! Adding a passkey: the browser gets a challenge, and its answer has the new key.

use rolecall_passkeys::{Challenge, Credential, NewPasskey, RelyingParty, User};
use serde_json::Value;

use super::{require, store as passkeys};
use crate::{
    accounts::store as accounts,
    app::App,
    error::{ApiError, FieldError},
    factors::{
        enrolment::{self, AT_ONCE, Confirmed, LASTS},
        names,
        owner::Owner,
        service::change,
        store::{self, FactorKind, NewFactor},
    },
    ids,
    quota::Quota,
    store::{Change, Conn, gate},
};

const DEFAULT_NAME: &str = "Passkey";

/// An enrolment under way.
pub(crate) struct Begun {
    pub(crate) id: String,
    /// The options for `navigator.credentials.create`.
    pub(crate) options: Value,
}

/// Begins to add a passkey.
///
/// # Errors
///
/// [`ApiError::StepUp`] unless the owner has just proven who they are.
pub(crate) async fn begin(app: &App, owner: &Owner<'_>, name: &str) -> Result<Begun, ApiError> {
    enrolment::require_on(app)?;
    require(app)?;
    let name = names::checked(name, DEFAULT_NAME)?;
    owner
        .prove_to_add(app, &mut app.store().read().await?)
        .await?;
    // it is no change until it is confirmed, and is limited like one
    app.take_quota(Quota::OwnChanges, owner.subject)?;
    let (subject, now) = (owner.subject, app.now());
    let id = ids::new_id(now).map_err(ApiError::internal)?;
    let challenge = Challenge::new(ids::random_bytes().map_err(ApiError::internal)?);
    let text = challenge.to_text();
    app.store()
        .write(async |conn: &mut Conn| {
            gate::hold(conn, subject).await?;
            enrolment::require_room(conn, subject).await?;
            let factor = NewFactor {
                id: &id,
                subject_id: subject,
                kind: FactorKind::Passkey,
                name: &name,
                secret: &text,
                created_at: now,
            };
            Ok::<_, ApiError>(store::insert(conn, &factor, AT_ONCE).await?)
        })
        .await?;
    let options = options(app, subject, &challenge).await?;
    Ok(Begun { id, options })
}

/// Returns the options for the browser of a user.
pub(crate) async fn options(
    app: &App,
    subject: &str,
    challenge: &Challenge,
) -> Result<Value, ApiError> {
    let server = require(app)?;
    let mut conn = app.store().read().await?;
    let user = accounts::find_user(&mut conn, subject, app.now()).await?;
    let known = passkeys::list(&mut conn, subject, server.id()).await?;
    let handle = passkeys::find_handle(&mut conn, subject).await?;
    drop(conn);
    let handle = if let Some(handle) = handle {
        handle
    } else {
        let new = ids::random_bytes().map_err(ApiError::internal)?;
        let write = async |conn: &mut Conn| passkeys::handle_of(conn, subject, new).await;
        app.store().write(write).await?
    };
    let user = user.ok_or_else(|| ApiError::unknown("user", &subject))?;
    let known: Vec<Credential<'_>> = known
        .iter()
        .map(passkeys::KnownPasskey::as_credential)
        .collect();
    let user = User {
        handle: &handle,
        name: &user.username,
        display_name: &user.username,
    };
    Ok(server.creation_options(challenge, user, &known))
}

/// Adds a passkey with the answer of the browser, the JSON of a `PublicKeyCredential`. An enrolment has one try.
///
/// # Errors
///
/// [`ApiError::Unknown`] if there is no such enrolment, [`ApiError::Invalid`] if the answer is refused.
pub(crate) async fn confirm(
    app: &App,
    owner: &Owner<'_>,
    id: &str,
    answer: &str,
) -> Result<Confirmed, ApiError> {
    // before the one try is spent
    owner
        .prove_to_add(app, &mut app.store().read().await?)
        .await?;
    let (subject, since) = (owner.subject, app.now().minus(LASTS));
    let taken = app
        .store()
        .write(async |conn: &mut Conn| passkeys::take_enrolment(conn, (id, subject), since).await)
        .await?;
    let unknown = || ApiError::unknown("enrolment", &id);
    let taken = taken.ok_or_else(unknown)?;
    let challenge = Challenge::parse(&taken.secret).ok_or_else(unknown)?;
    let made = verify(app, answer, &challenge)?;
    change(app, owner, None, async |change: &mut Change<'_>| {
        owner.prove_to_add(app, change.conn()).await?;
        add_in(
            app,
            change,
            (subject, owner.address),
            (id, &taken.name),
            &made,
        )
        .await
    })
    .await
}

/// A passkey that was made for this server.
pub(crate) struct Made {
    server: RelyingParty,
    passkey: NewPasskey,
}

/// Verifies the answer of a browser to [`options`]. The challenge was spent before.
///
/// # Errors
///
/// [`ApiError::Invalid`] if the answer is refused.
pub(crate) fn verify(app: &App, answer: &str, challenge: &Challenge) -> Result<Made, ApiError> {
    enrolment::require_on(app)?;
    let server = require(app)?;
    let passkey = server.verify_registration(answer, challenge);
    let passkey = passkey.map_err(|refusal| refused(&refusal.to_string()))?;
    Ok(Made { server, passkey })
}

/// Adds a passkey to a user, whom the caller holds.
pub(crate) async fn add_in(
    app: &App,
    change: &mut Change<'_>,
    (subject, address): (&str, &str),
    (id, name): (&str, &str),
    made: &Made,
) -> Result<Confirmed, ApiError> {
    enrolment::require_room(change.conn(), subject).await?;
    let is_first = store::kinds(change.conn(), subject).await?.is_empty();
    let name = if name.is_empty() { DEFAULT_NAME } else { name };
    let rp_id = made.server.id();
    if !passkeys::insert(change, (id, subject, name), rp_id, &made.passkey).await? {
        return Err(refused("this passkey belongs to an account already"));
    }
    let kind = FactorKind::Passkey;
    enrolment::finish(app, change, (subject, address), (id, kind), is_first).await
}

fn refused(why: &str) -> ApiError {
    let msg = format!("credential: {why}");
    ApiError::Invalid(FieldError::body("credential", "passkey_refused", msg))
}
