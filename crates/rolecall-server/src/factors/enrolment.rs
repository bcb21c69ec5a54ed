//! The enrolment of an authenticator application: a secret is made, and its first code confirms that the application has it.

use std::time::Duration;

use rolecall_core::{FloorKind, Timestamp};
use serde_json::json;

use super::{
    names,
    notices::{FactorNotice, notify},
    recovery_codes,
    store::{self, FactorKind, NewFactor},
    totp::Secret,
    typed,
};
use crate::{
    app::App,
    authority::{assurance, caller::Caller, subject},
    config::Mfa,
    error::{ApiError, FieldError},
    ids,
    keys::master,
    roles::request_ending,
    store::{Change, Conn, gate},
};

/// The time in which an enrolment must be confirmed.
pub(crate) const LASTS: Duration = Duration::from_mins(15);
/// The enrolments of a user that are under way: a new one ends the oldest.
pub(super) const AT_ONCE: i64 = 3;
/// The factors of a user.
const MOST: usize = 20;
const DEFAULT_NAME: &str = "Authenticator";

/// An enrolment under way.
pub(crate) struct Enrolment {
    pub(crate) id: String,
    pub(crate) secret: Secret,
}

/// A factor that was confirmed.
pub(crate) struct Confirmed {
    /// The recovery codes, which come with the first factor and are shown once.
    pub(crate) codes: Option<Vec<String>>,
}

/// Refuses where the operator wants no second factors.
pub(crate) fn require_on(app: &App) -> Result<(), ApiError> {
    if app.settings().factors.mfa == Mfa::Off {
        return Err(ApiError::Forbidden(
            "second factors are switched off on this server (`login.mfa`)",
        ));
    }
    Ok(())
}

/// Begins the enrolment of an application.
pub(crate) async fn begin(app: &App, subject: &str, name: &str) -> Result<Enrolment, ApiError> {
    require_on(app)?;
    let name = names::checked(name, DEFAULT_NAME)?;
    let now = app.database_now();
    let id = ids::new_id(now).map_err(ApiError::internal)?;
    let secret = Secret::generate().map_err(ApiError::internal)?;
    app.store()
        .write(async |conn: &mut Conn| {
            gate::hold(conn, subject).await?;
            require_room(conn, subject).await?;
            let fingerprint = store::read_master(conn).await?;
            let master = master::find(&app.parts().masters, &fingerprint)?;
            let sealed = master::seal_factor(master, &id, secret.bytes());
            let factor = NewFactor {
                id: &id,
                subject_id: subject,
                kind: FactorKind::Totp,
                name: &name,
                secret: &sealed.map_err(ApiError::internal)?,
                created_at: now,
            };
            Ok::<_, ApiError>(store::insert(conn, &factor, AT_ONCE).await?)
        })
        .await?;
    Ok(Enrolment { id, secret })
}

/// Refuses another factor where an account has as many as it may.
pub(super) async fn require_room(conn: &mut Conn, subject: &str) -> Result<(), ApiError> {
    if store::list(conn, subject).await?.len() >= MOST {
        let detail = format!("an account has up to {MOST} factors: remove one first");
        return Err(ApiError::rule("too_many_factors", detail, Vec::new()));
    }
    Ok(())
}

/// Returns the secret of an enrolment that is under way.
pub(crate) async fn find(app: &App, id: &str, subject: &str) -> Result<Option<Secret>, ApiError> {
    let since = app.database_now().minus(LASTS);
    let mut conn = app.store().read().await?;
    let found = store::find_enrolment(&mut conn, id, subject, since).await?;
    found.map(|sealed| typed::open(app, &sealed)).transpose()
}

/// Checks the first code of an application, without keeping anybody waiting.
pub(crate) async fn check(
    app: &App,
    (id, subject): (&str, &str),
    code: &str,
) -> Result<(), ApiError> {
    let secret = find(app, id, subject).await?;
    let secret = secret.ok_or_else(|| ApiError::unknown("enrolment", &id))?;
    let step = secret.step_of(code, app.now(), -1);
    step.map(drop).ok_or_else(wrong_code)
}

/// Ends an enrolment with the first code of the application, which is used up by that. The first factor of an account comes
/// with recovery codes. Whoever calls this holds the user.
///
/// # Errors
///
/// [`ApiError::Unknown`] if there is no such enrolment, [`ApiError::Invalid`] if the code is wrong.
pub(crate) async fn confirm_in(
    app: &App,
    change: &mut Change<'_>,
    (subject, address): (&str, &str),
    id: &str,
    code: &str,
) -> Result<Confirmed, ApiError> {
    require_on(app)?;
    let since = change.now().minus(LASTS);
    let unknown = || ApiError::unknown("enrolment", &id);
    let sealed = store::find_enrolment(change.conn(), id, subject, since).await?;
    let sealed = sealed.ok_or_else(unknown)?;
    let step = typed::open(app, &sealed)?.step_of(code, change.now(), sealed.last_step);
    let step = step.ok_or_else(wrong_code)?;
    let before = store::list(change.conn(), subject).await?;
    if before.len() >= MOST || !store::confirm(change, (id, subject), step).await? {
        return Err(unknown());
    }
    let added = (id, FactorKind::Totp);
    finish(app, change, (subject, address), added, before.is_empty()).await
}

/// Records that a factor was added. The first one comes with recovery codes, and ends the tokens of an administrator, whose
/// role needs it from now on.
pub(super) async fn finish(
    app: &App,
    change: &mut Change<'_>,
    owner: (&str, &str),
    (id, kind): (&str, FactorKind),
    is_first: bool,
) -> Result<Confirmed, ApiError> {
    let kind = kind.as_str();
    change.record(
        json!({ "action": "factor.added", "subject": owner.0, "factor": id, "kind": kind }),
    );
    // another person may sign in as the user from now on
    request_ending::end_for_subject(change, owner.0).await?;
    notify(change.conn(), app, owner, FactorNotice::Added, kind).await?;
    let codes = if is_first {
        end_admin_tokens(app, change, owner.0).await?;
        Some(make_codes(app, change, owner, FactorNotice::RecoveryCodesMade).await?)
    } else {
        None
    };
    Ok(Confirmed { codes })
}

/// Ends the tokens that an administrator got by the password alone. The sessions stay: their next tokens have what the
/// session reaches.
async fn end_admin_tokens(app: &App, change: &mut Change<'_>, user: &str) -> Result<(), ApiError> {
    let now = change.now();
    let policy = app.policy().before(change).await?;
    let Some(read) = subject::read(change.conn(), user, None, now).await? else {
        return Ok(());
    };
    if assurance::is_admin_raised(&policy, change.conn(), &read).await? {
        change.raise_floor(FloorKind::Subject, user);
    }
    Ok(())
}

/// Makes recovery codes, which replace all before.
pub(super) async fn make_codes(
    app: &App,
    change: &mut Change<'_>,
    (subject, address): (&str, &str),
    notice: FactorNotice,
) -> Result<Vec<String>, ApiError> {
    let codes = recovery_codes::replace(app, change.conn(), subject).await?;
    change.record(json!({ "action": "recovery_codes.made", "subject": subject }));
    notify(change.conn(), app, (subject, address), notice, "").await?;
    Ok(codes)
}

/// Returns true if `code` is the one that has confirmed an application at the time `at`, and no other one was used since.
pub(crate) async fn has_confirmed(
    app: &App,
    subject: &str,
    (id, at): (&str, Timestamp),
    code: &str,
) -> Result<bool, ApiError> {
    let known = store::list_totp(&mut app.store().read().await?, subject).await?;
    let Some(sealed) = known.into_iter().find(|one| one.id == id) else {
        return Ok(false);
    };
    let step = typed::open(app, &sealed)?.step_of(code, at, sealed.last_step - 1);
    Ok(step == Some(sealed.last_step))
}

/// Makes recovery codes again, in place of those that came with the first factor a moment ago and that nobody has seen.
/// `None` if one of them was used.
pub(crate) async fn codes_again(
    app: &App,
    caller: Caller<'_>,
    owner: (&str, &str),
) -> Result<Option<Vec<String>>, ApiError> {
    app.change(caller, async |change: &mut Change<'_>| {
        gate::hold(change.conn(), owner.0).await?;
        let left = store::count_codes(change.conn(), owner.0).await?;
        if usize::try_from(left) != Ok(recovery_codes::COUNT) {
            return Ok(None);
        }
        let notice = FactorNotice::RecoveryCodesReplaced;
        make_codes(app, change, owner, notice).await.map(Some)
    })
    .await
}

fn wrong_code() -> ApiError {
    let msg = "code: this is not the code that the application shows now; check its clock, and type the next one";
    ApiError::Invalid(FieldError::body("code", "wrong_code", msg))
}
