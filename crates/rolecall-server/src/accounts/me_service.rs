//! The caller's own account.

use rolecall::Principal;
use rolecall_core::FloorKind;
use rolecall_passwords::{Password, PasswordProblem};
use serde_json::json;

use super::{
    emails, former, profiles,
    registration::{hash_new, parse_email, parse_username},
    reset, reset_confirmation, reset_store, service,
    store::{self, User},
};
use crate::{
    app::App,
    audit::events,
    authority::{caller::Caller, rights::Rights},
    error::{ApiError, FieldError},
    factors::{owner::Owner, store as factors},
    ids::canonical_reset_code,
    login::{
        known::{self, Origin},
        password::{self, LoginError, Proven, Typed},
        second::{self, Checked, TypedCode},
    },
    mail::{addresses, notices},
    patch::Patch,
    profile::{
        input::ProfileInput,
        rules::{Party, ProfileChanges},
    },
    quota::Quota,
    roles::request_ending,
    sessions,
    store::{Change, outbox::Notice},
};

/// The kind of the error of a missing second factor.
pub(crate) const SECOND_FACTOR_REQUIRED: &str = "second_factor_required";

/// Changes to the own account.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnChanges {
    pub(crate) email: Patch<String>,
    pub(crate) profile: ProfileInput,
}

/// Changes the own e-mail address and profile. The address needs a fresh sign-in, as second factors do: mails to it open the
/// account, so that whoever has got hold of a token or a browser must not be able to replace it.
pub(crate) async fn update(
    app: &App,
    owner: &Owner<'_>,
    mut changes: OwnChanges,
) -> Result<(), ApiError> {
    let (caller, id) = (owner.caller(), owner.subject);
    let email = match &changes.email {
        Patch::Set(email) => Some(parse_email(email)?),
        Patch::Keep | Patch::Clear => None,
    };
    let fields = &app.settings().profile;
    let profile = ProfileChanges::check(fields, Party::Owner, changes.profile)?;
    // every change waits for all others, so that none is begun for what is there already
    let before = service::find(app, id).await?;
    let is_same_email = changes.email == Patch::Keep || before.email == email;
    if is_same_email && profile.apply(fields, &before.profile)?.is_none() {
        return Ok(());
    }
    if !is_same_email {
        owner
            .prove(app, &mut app.store().read().await?, None)
            .await?;
    }
    // a new address takes effect when it is proven
    let is_proven = addresses::are_proven(app.settings().mail.as_ref());
    let to_prove = email.clone().filter(|_| is_proven && !is_same_email);
    if to_prove.is_some() {
        changes.email = Patch::Keep;
    }
    app.change(caller, async |change| {
        let now = change.now();
        let before = store::find_user(change.conn(), id, now)
            .await?
            .ok_or_else(|| ApiError::unknown("user", &id))?;
        // the token may have ended on another node a moment ago
        Rights::load(app, change, caller).await?;
        let mut entry = json!({ "action": "user.updated", "subject": id });
        let written = profiles::write(change, fields, &before, &profile, &mut entry).await?;
        let is_kept = changes.email == Patch::Keep || before.email == email;
        if !is_kept {
            emails::refuse_taken(app, change, email.as_deref(), id).await?;
            notices::queue(app, change.conn(), id, notices::Notice::AddressChanged).await?;
            former::remember(change.conn(), &before, now).await?;
            store::update_user(
                change,
                &User {
                    email: email.clone(),
                    email_verified_at: None,
                    email_verified_by: None,
                    ..before
                },
            )
            .await?;
            request_ending::end_for_subject(change, id).await?;
        }
        if written || !is_kept {
            change.record(entry);
        }
        Ok(())
    })
    .await?;
    match to_prove {
        Some(address) => addresses::ask(app, id, &address, None).await,
        None => Ok(()),
    }
}

/// Changes the caller's own password. Other sessions end, and older tokens stop working; the own session
/// may go on.
pub(crate) async fn change_password(
    app: &App,
    caller: &Principal,
    current: &str,
    new: &str,
    origin: Origin<'_>,
) -> Result<(), LoginError> {
    let user = service::get_own(app, caller).await?;
    let owner = Owner::by_token(caller, origin.address);
    owner
        .prove_second(app, &mut app.store().read().await?)
        .await?;
    let (caller, session) = (Caller::Token(caller), caller.session());
    let typed = Typed {
        username: &user.username,
        password: current,
        origin,
    };
    let proven = match password::prove(app, &typed).await {
        Err(LoginError::Wrong) => return Err(LoginError::Failed(wrong_current_password())),
        other => other?,
    };
    reset::check_redeemer(app, &proven, origin.address).await?;
    let new = NewPassword {
        text: new,
        keep: session,
        confirmed_by: None,
        second: None,
    };
    if replace(app, caller, &proven, &typed, &new).await? {
        Ok(())
    } else {
        Err(LoginError::Failed(wrong_current_password()))
    }
}

/// A password to change to.
struct NewPassword<'a> {
    text: &'a str,
    /// The session that does not end.
    keep: Option<&'a str>,
    /// Who has confirmed the reset code that is used.
    confirmed_by: Option<String>,
    /// The code to use up with it.
    second: Option<(&'a Checked, &'a TypedCode<'a>)>,
}

/// Changes a password without a token: the way out of a forced change and of a reset code. An account with a second factor
/// is asked for its `code`: the password alone, or a code from an administrator, must not replace what protects it.
pub(crate) async fn change_forced(
    app: &App,
    typed: &Typed<'_>,
    new: &str,
    code: &str,
) -> Result<(), LoginError> {
    let proven = password::prove(app, typed).await?;
    let code = TypedCode {
        subject: &proven.id,
        username: &proven.username,
        code,
        origin: typed.origin,
    };
    let checked = check_second(app, &proven, &code).await?;
    // the callers have no token, by which other changes are counted; taken before any event
    take_own_change(app, &proven, typed.origin.address, &proven.id).await?;
    // the user is known by the password; a code or a first password also its maker knows, so that nobody is
    let is_of_other = reset::check_redeemer(app, &proven, typed.origin.address).await?;
    let address = typed.origin.address;
    let confirmed_by = reset_confirmation::check(app, &proven, checked.is_some(), address).await?;
    let caller = if proven.by_reset_code || is_of_other {
        Caller::System
    } else {
        Caller::As {
            user_id: &proven.id,
        }
    };
    let new = NewPassword {
        text: new,
        keep: None,
        confirmed_by,
        second: checked.as_ref().map(|checked| (checked, &code)),
    };
    if replace(app, caller, &proven, typed, &new).await? {
        Ok(())
    } else {
        Err(LoginError::Wrong)
    }
}

/// Checks the code of an account that has a second factor.
async fn check_second(
    app: &App,
    proven: &Proven,
    code: &TypedCode<'_>,
) -> Result<Option<Checked>, LoginError> {
    let kinds = factors::kinds(&mut app.store().read().await?, &proven.id).await?;
    if kinds.is_empty() {
        return Ok(None);
    }
    if code.code.is_empty() {
        // apart: whoever knows the password alone takes nothing from the changes of the owner
        let key = format!("{} without a code", proven.id);
        take_own_change(app, proven, code.origin.address, &key).await?;
        let reason = "second_factor_required";
        password::record_refused(app, proven, code.origin.address, reason).await?;
        return Err(LoginError::Failed(second_factor_required()));
    }
    second::check(app, code).await.map(Some)
}

/// Takes one from a quota of changes of somebody whose password was right.
async fn take_own_change(
    app: &App,
    proven: &Proven,
    address: &str,
    key: &str,
) -> Result<(), LoginError> {
    if let Err(used_up) = app.take_quota(Quota::OwnChanges, key) {
        password::count_refused(app, proven, address).await?;
        return Err(used_up.into());
    }
    Ok(())
}

/// Refuses a change without a code if the account has got its first factor since that was looked up.
async fn still_without_second(
    app: &App,
    change: &mut Change<'_>,
    caller: Caller<'_>,
    subject: &str,
) -> Result<(), ApiError> {
    if let Caller::Token(principal) = caller {
        let owner = Owner::by_token(principal, "");
        return owner.prove_second(app, change.conn()).await;
    }
    if factors::kinds(change.conn(), subject).await?.is_empty() {
        Ok(())
    } else {
        Err(second_factor_required())
    }
}

/// The error of a change of the password without the code that the account asks for.
fn second_factor_required() -> ApiError {
    let msg = "code: this account has a second factor; add the code of its authenticator app, or a recovery code";
    ApiError::Invalid(FieldError::body("code", SECOND_FACTOR_REQUIRED, msg))
}

/// Replaces the password, and records a refusal: it shows that the current password was right. The session `keep` does
/// not end. Returns `false` if the stored credentials changed since they were verified.
async fn replace(
    app: &App,
    caller: Caller<'_>,
    proven: &Proven,
    typed: &Typed<'_>,
    new: &NewPassword<'_>,
) -> Result<bool, ApiError> {
    let address = typed.origin.address;
    let replaced = match refuse_unchanged(typed.password, new.text) {
        Ok(()) => replace_password(app, caller, proven, new, address).await,
        Err(refused) => Err(refused),
    };
    match &replaced {
        Ok(true) => password::forgive_address(app, &proven.slot.account, address),
        Ok(false) => password::count_failure(app, &proven.slot, Some(&proven.id), typed).await?,
        Err(error) => {
            let reason = match error {
                ApiError::Invalid(field) => field.kind,
                ApiError::Busy => "too_busy",
                _ => "failed",
            };
            // others have taken it already
            let is_counted = matches!(caller, Caller::Token(_));
            if is_counted && app.take_quota(Quota::OwnChanges, &proven.id).is_err() {
                password::count_refused(app, proven, address).await?;
            } else {
                password::record_refused(app, proven, address, reason).await?;
            }
        }
    }
    replaced
}

fn wrong_current_password() -> ApiError {
    ApiError::Invalid(FieldError::body(
        "current_password",
        "wrong_password",
        "the current password is not right",
    ))
}

/// A forced change must change something, and a reset code, which an administrator has seen, must not
/// become the password, however it is written (NIST SP 800-63B-4 section 3.1.1.2, ASVS 6.4.1).
fn refuse_unchanged(current: &str, new: &str) -> Result<(), ApiError> {
    let password = |text: &str| Password::new(text.to_owned()).ok();
    let code = canonical_reset_code(current);
    let same_code = code.is_some() && code == canonical_reset_code(new);
    if same_code || password(current) == password(new) {
        let problem = PasswordProblem::Unchanged;
        return Err(ApiError::Invalid(FieldError::body(
            "new_password",
            problem.code(),
            problem.to_string(),
        )));
    }
    Ok(())
}

/// Replaces the password. Returns `false` if the stored credentials changed since they were verified.
async fn replace_password(
    app: &App,
    caller: Caller<'_>,
    proven: &Proven,
    new: &NewPassword<'_>,
    address: &str,
) -> Result<bool, ApiError> {
    let username = parse_username(&proven.username)?;
    let hash = hash_new(app, proven.lane, "new_password", new.text, &username).await?;
    app.change(caller, async |change| {
        let stored = store::find_credentials(change.conn(), &proven.username).await?;
        // guesses that were under way elsewhere count here too: a locked account opens for none of them
        let failed = proven.slot.failures(change.conn()).await?;
        if stored.as_ref() != Some(&proven.credentials) || failed.is_locked() {
            return Ok(false);
        }
        match new.second {
            Some((checked, code)) if !checked.spend(app, change.conn(), code).await? => {
                return Ok(false);
            }
            Some(_) => {}
            None => still_without_second(app, change, caller, &proven.id).await?,
        }
        let origin = reset_store::find_origin(change.conn(), &proven.id).await?;
        if let Some(origin) = &origin {
            reset::check_maker(app, change, &proven.id, origin).await?;
        }
        let by = origin.and_then(|origin| origin.by);
        store::set_password(change, &proven.id, &hash).await?;
        // guesses at the old password no longer matter, wherever they came from
        known::forget_failures(change.conn(), &proven.slot.account).await?;
        sessions::endings::end_others(change, &proven.id, new.keep.unwrap_or_default()).await?;
        change.raise_floor(FloorKind::Subject, &proven.id);
        request_ending::end_for_subject(change, &proven.id).await?;
        let means = match &by {
            _ if proven.by_reset_code => "reset_code",
            Some(_) => "first_password",
            None => "password",
        };
        let mut entry =
            json!({ "action": "user.password_changed", "subject": proven.id, "means": means });
        if let (true, Some(members)) = (means != "password", entry.as_object_mut()) {
            members.insert("reset_by".to_owned(), json!(by));
            if let Some(confirmed_by) = &new.confirmed_by {
                members.insert("confirmed_by".to_owned(), json!(confirmed_by));
            }
        }
        change.record(entry);
        change.notify(&proven.id, Notice::PasswordChanged).await?;
        notices::queue(
            app,
            change.conn(),
            &proven.id,
            notices::Notice::PasswordChanged,
        )
        .await?;
        events::record_in(
            change.conn(),
            app,
            "password_changed",
            &proven.id,
            address,
            means,
        )
        .await?;
        Ok(true)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::throttle::MAX_FAILURES;

    const PASSWORD: &str = "a password of alice";

    async fn of_alice() -> crate::Embedded {
        let builder = crate::Embedded::builder("sqlite::memory:");
        let opened = builder.demo_user("alice", PASSWORD, &[]).open().await;
        opened.unwrap()
    }

    fn typed() -> Typed<'static> {
        Typed {
            username: "alice",
            password: PASSWORD,
            origin: Origin::default(),
        }
    }

    #[tokio::test]
    async fn y480_a_factor_that_is_added_while_the_password_changes_is_asked_for() {
        let server = of_alice().await;
        let (app, typed) = (server.app(), typed());
        let Ok(proven) = password::prove(app, &typed).await else {
            panic!("the right password")
        };
        let id = proven.id.as_str();
        let begun = crate::factors::enrolment::begin(app, id, "").await.unwrap();
        let added = app.change_as(Caller::System, async |change| {
            assert!(factors::confirm(change, (&begun.id, id), 1).await?);
            change.record(json!({ "action": "factor.added", "subject": id }));
            Ok::<_, ApiError>(())
        });
        added.await.unwrap();
        let new = NewPassword {
            text: "another password of alice",
            keep: None,
            confirmed_by: None,
            second: None,
        };
        let replaced = replace_password(app, Caller::System, &proven, &new, "").await;
        let Err(ApiError::Invalid(refused)) = replaced else {
            panic!("{replaced:?}")
        };
        assert_eq!(refused.kind, SECOND_FACTOR_REQUIRED);
        assert!(password::prove(app, &typed).await.is_ok());
    }

    #[tokio::test]
    async fn x022_a_guess_that_was_under_way_when_the_account_was_locked_changes_nothing() {
        let server = of_alice().await;
        let (app, typed) = (server.app(), typed());
        let proven = password::prove(app, &typed).await;
        let Ok(proven) = proven else {
            panic!("the right password")
        };
        for number in 0..MAX_FAILURES {
            let guess = format!("a guess {number}");
            let typed = Typed {
                password: &guess,
                ..typed
            };
            password::count_failure(app, &proven.slot, None, &typed)
                .await
                .unwrap();
        }
        let new = NewPassword {
            text: "another password of alice",
            keep: None,
            confirmed_by: None,
            second: None,
        };
        let replaced = replace_password(app, Caller::System, &proven, &new, "").await;
        assert!(!replaced.unwrap());
        app.store()
            .write(async |conn| known::forget_failures(conn, &proven.slot.account).await)
            .await
            .unwrap();
        let replaced = replace_password(app, Caller::System, &proven, &new, "").await;
        assert!(replaced.unwrap());
    }
}
