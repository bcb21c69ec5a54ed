//! The rules for users as an administrator sees them.

use rolecall::PermissionName as _;
use rolecall::Principal;
use rolecall_core::FloorKind;
use rolecall_passwords::Lane;
use serde_json::{Value, json};

use super::{
    emails, former, profiles,
    registration::{hash_new, parse_email, parse_new_username, parse_username},
    reset_store, rights_over,
    shown::ShownUser,
    store::{self, User, UserFilter},
    withheld::withhold,
};
use crate::authority::reads;
use crate::{
    app::App,
    authority::{caller::Caller, may, rights::Rights, subject::Status},
    error::ApiError,
    factors::owner::Owner,
    login::known,
    mail::notices,
    patch::Patch,
    profile::{
        input::ProfileInput,
        rules::{Party, ProfileChanges},
    },
    reasons::Reason,
    roles::{assigning, request_ending},
    sessions,
    store::{Change, StoreError, outbox::Notice},
    usernames::Username,
};

/// Changes to a user; `None` keeps the stored value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) username: Option<String>,
    pub(crate) email: Patch<String>,
    /// The address is the user's, as the caller says.
    pub(crate) email_verified: Option<bool>,
    pub(crate) status: Option<Status>,
    pub(crate) profile: ProfileInput,
}

/// Returns up to `limit` users after the id `after`, filtered by an exact user name or a search text.
pub(crate) async fn list(
    app: &App,
    caller: Caller<'_>,
    after: &str,
    username: Option<&str>,
    search: &str,
    limit: i64,
) -> Result<Vec<ShownUser>, ApiError> {
    reads::require(app, caller, may::ReadUsers::NAME).await?;
    // a user name is looked up in the form it is stored in; one that cannot be stored finds nobody
    let exact = match username.map(Username::parse) {
        Some(Ok(name)) => name.as_str().to_owned(),
        Some(Err(_)) => return Ok(Vec::new()),
        None => String::new(),
    };
    let now = app.now();
    let mut conn = app.store().read().await?;
    let filter = UserFilter {
        after,
        username: &exact,
        search,
    };
    let users = store::list_users(&mut conn, &filter, limit, now).await?;
    Ok(ShownUser::all(app, Party::administering(caller), users))
}

/// Returns the id of the user with this name, if there is one. It asks for no permission: commands name users, and
/// services check what may be done with them.
pub(crate) async fn find_id(app: &App, name: &str) -> Result<Option<String>, ApiError> {
    let Ok(name) = Username::parse(name) else {
        return Ok(None);
    };
    let mut conn = app.store().read().await?;
    let found = store::find_credentials(&mut conn, name.as_str()).await?;
    Ok(found.map(|found| found.id))
}

/// Returns a user.
pub(crate) async fn get(app: &App, caller: Caller<'_>, id: &str) -> Result<ShownUser, ApiError> {
    reads::require(app, caller, may::ReadUsers::NAME).await?;
    let user = find(app, id).await?;
    let reset = reset_store::find_origin(&mut app.store().read().await?, id).await?;
    let shown = ShownUser::to(app, Party::administering(caller), user);
    Ok(shown.with_reset(reset, app.now()))
}

/// Returns the caller's own account.
pub(crate) async fn get_own(app: &App, caller: &Principal) -> Result<ShownUser, ApiError> {
    let user = find(app, caller.subject()).await?;
    withhold(app, caller, ShownUser::to(app, Party::Owner, user)).await
}

pub(crate) async fn find(app: &App, id: &str) -> Result<User, ApiError> {
    let now = app.now();
    let mut conn = app.store().read().await?;
    store::find_user(&mut conn, id, now)
        .await?
        .ok_or_else(|| ApiError::unknown("user", &id))
}

/// Changes user name, e-mail, status or profile. A new e-mail address is not verified unless the change says so.
pub(crate) async fn update(
    app: &App,
    caller: Caller<'_>,
    id: &str,
    changes: &Changes,
) -> Result<ShownUser, ApiError> {
    let username = changes
        .username
        .as_deref()
        .map(parse_new_username)
        .transpose()?;
    let email = match &changes.email {
        Patch::Set(email) => Some(parse_email(email)?),
        Patch::Keep | Patch::Clear => None,
    };
    let party = Party::administering(caller);
    let fields = &app.settings().profile;
    let profile = ProfileChanges::check(fields, party, changes.profile.clone())?;
    let user = app
        .change(caller, async |change| {
            let write = may::WriteUsers::NAME;
            let (rights, before) = rights_over::require(app, change, caller, write, id).await?;
            let mut after = before.clone();
            if let Some(username) = &username {
                username.as_str().clone_into(&mut after.username);
            }
            if changes.email != Patch::Keep {
                after.email.clone_from(&email);
            }
            let verified = emails::verified(
                Some(&before),
                after.email.as_deref(),
                changes.email_verified,
                change.now(),
                emails::declarer(&rights, caller),
            )?;
            after.email_verified_at = verified.at;
            after.email_verified_by = verified.by;
            after.status = changes.status.unwrap_or(after.status);
            let (now, verified) = (change.now(), (id, changes.email_verified));
            let is_vouched = former::vouch(change.conn(), caller, verified, now).await?;
            let mut entry = entry_of(&before, &after);
            let written = profiles::write(change, fields, &before, &profile, &mut entry).await?;
            if after != before {
                Owner::prove_at_own_account(app, change.conn(), caller, id).await?;
                write_account(app, change, &rights, &before, &after).await?;
                former::remember_own(change.conn(), caller, (&before, &after), now).await?;
            } else if !written && !is_vouched {
                return Ok(before);
            }
            change.record(entry);
            rights_over::known(change, id).await
        })
        .await?;
    Ok(ShownUser::to(app, party, user))
}

/// Returns the entry for a change of a user.
fn entry_of(before: &User, after: &User) -> Value {
    let status = after.status.as_str();
    let mut entry = json!({ "action": "user.updated", "subject": after.id, "status": status });
    let is_verified = after.email_verified_at.is_some();
    if let Some(members) = entry.as_object_mut() {
        if after.username != before.username {
            // the audit log holds no names
            members.insert("renamed".to_owned(), json!(true));
        }
        if is_verified != before.email_verified_at.is_some() {
            members.insert("email_verified".to_owned(), json!(is_verified));
        }
    }
    entry
}

/// Writes user name, e-mail and status where one of them changes, and ends what must not outlast the change.
async fn write_account(
    app: &App,
    change: &mut Change<'_>,
    rights: &Rights,
    before: &User,
    after: &User,
) -> Result<(), ApiError> {
    let id = after.id.as_str();
    check_activation(change, rights, before, after).await?;
    if after.username != before.username {
        emails::refuse_name(change.conn(), &after.username, id).await?;
    }
    let (email, verified_at) = (after.email.as_deref(), after.email_verified_at);
    emails::refuse_verified(change, email, verified_at, id).await?;
    if after.email != before.email {
        emails::refuse_taken(app, change, after.email.as_deref(), id).await?;
    }
    // the owner of the address before hears of it, whoever takes it away
    if after.email != before.email || after.email_verified_at.is_none() {
        notices::queue(app, change.conn(), id, notices::Notice::AddressChanged).await?;
    }
    if after.username != before.username {
        // the next owner of the name begins without the addresses and failures of this user
        known::forget_account(change.conn(), &app.account_of(&before.username)).await?;
    }
    let lasting = assigning::count_lasting_admins(change).await?;
    store::update_user(change, after).await?;
    assigning::check_last_admin(change, lasting).await?;
    let is_forced = after.status == Status::PasswordChangeRequired;
    if after.email != before.email || after.username != before.username || is_forced {
        request_ending::end_for_subject(change, id).await?;
    }
    // applications may rely on a claim that only administrators write
    let is_claimed = || app.settings().profile.has_email_claim();
    if before.email_verified_at.is_some() && after.email_verified_at.is_none() && is_claimed() {
        change.raise_floor(FloorKind::Subject, id);
    }
    // a new name too: guards and applications know callers by it
    if after.status != Status::Active || after.username != before.username {
        end_access(change, id).await?;
    }
    if after.status == Status::Disabled && before.status != Status::Disabled {
        change.notify(id, Notice::Disabled).await?;
    }
    Ok(())
}

/// Refuses to lift a forced change of a password that an administrator chose, unless the caller is above the delegation
/// limit: it would become a lasting password that the administrator knows.
async fn check_activation(
    change: &mut Change<'_>,
    rights: &Rights,
    before: &User,
    after: &User,
) -> Result<(), ApiError> {
    let is_lifted =
        before.status == Status::PasswordChangeRequired && after.status == Status::Active;
    if !is_lifted || rights.authority.is_unlimited() {
        return Ok(());
    }
    let origin = reset_store::find_origin(change.conn(), &before.id).await?;
    if origin.is_none_or(|origin| origin.by.is_none()) {
        return Ok(());
    }
    let user = before.username.clone();
    Err(ApiError::because(
        Reason::ChangeByOwner { user },
        Vec::new(),
    ))
}

/// Deletes a user with assignments and sessions.
pub(crate) async fn delete(app: &App, caller: Caller<'_>, id: &str) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        let rights = Rights::require(app, change, caller, may::WriteUsers::NAME).await?;
        let now = change.now();
        let Some(user) = store::find_user(change.conn(), id, now).await? else {
            return Ok(());
        };
        assigning::cover_subject(change, &rights, id).await?;
        Owner::prove_at_own_account(app, change.conn(), caller, id).await?;
        remove(app, change, &user).await
    })
    .await
    // the statement fails, or the commit if the foreign key is deferred
    .map_err(|error| name_references(error, id))
}

/// Deletes a user with everything that belongs to them, inside a change that checked the rights to it.
pub(super) async fn remove(
    app: &App,
    change: &mut Change<'_>,
    user: &User,
) -> Result<(), ApiError> {
    let id = user.id.as_str();
    let lasting = assigning::count_lasting_admins(change).await?;
    end_access(change, id).await?;
    store::delete_user(change, id).await?;
    assigning::check_last_admin(change, lasting).await?;
    known::forget_account(change.conn(), &app.account_of(&user.username)).await?;
    change.record(json!({ "action": "user.deleted", "subject": id }));
    change.notify(id, Notice::Deleted).await?;
    Ok(())
}

/// Names the reason if rows of an application's own tables refer to the user.
pub(super) fn name_references(error: ApiError, id: &str) -> ApiError {
    match error {
        ApiError::Internal(source)
            if source
                .downcast_ref::<StoreError>()
                .is_some_and(StoreError::is_referenced) =>
        {
            ApiError::in_use("user", &id, Reason::ReferredTo)
        }
        other => other,
    }
}

/// Sets a password from the command line of the machine itself, and opens a locked account.
///
/// # Errors
///
/// 403 for a caller under the delegation limit: anybody who sets a lasting password can sign in as the user.
pub(crate) async fn set_password(
    app: &App,
    caller: Caller<'_>,
    id: &str,
    password: &str,
) -> Result<(), ApiError> {
    let user = find(app, id).await?;
    let username = parse_username(&user.username)?;
    let hash = hash_new(app, Lane::default(), "password", password, &username).await?;
    app.change(caller, async |change| {
        let write = may::WriteUsers::NAME;
        let (rights, user) = rights_over::require(app, change, caller, write, id).await?;
        if !rights.authority.is_unlimited() {
            return Err(ApiError::Forbidden(
                "only an administrator without the delegation limit sets the password of somebody: use `rolecall user reset`, \
                 whose code the owner redeems",
            ));
        }
        store::set_password(change, id, &hash).await?;
        known::forget_failures(change.conn(), &app.account_of(&user.username)).await?;
        end_access(change, id).await?;
        request_ending::end_for_subject(change, id).await?;
        change.record(json!({ "action": "user.password_set", "subject": id }));
        change.notify(id, Notice::PasswordChanged).await?;
        let notice = notices::Notice::PasswordChanged;
        notices::queue(app, change.conn(), id, notice).await?;
        Ok(())
    })
    .await
}

/// Logs a user out everywhere.
pub(crate) async fn end_sessions(app: &App, caller: Caller<'_>, id: &str) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        rights_over::require(app, change, caller, may::RevokeSessions::NAME, id).await?;
        end_access(change, id).await?;
        change.record(json!({ "action": "user.sessions_ended", "subject": id }));
        Ok(())
    })
    .await
}

/// Ends every session and refuses every token of a subject.
pub(crate) async fn end_access(change: &mut Change<'_>, id: &str) -> Result<(), ApiError> {
    sessions::endings::end_all(change, id).await?;
    change.raise_floor(FloorKind::Subject, id);
    Ok(())
}
