//! Creating a user, by a code or an invitation, and changing name and address of one.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};
use rolecall_core::RoleName;

use super::{
    super::submitted::Submitted,
    assign::{offered_roles, require_fresh_for},
    faults::Faults,
    invitations::PATH as INVITATIONS,
    seen::{self, Seen},
    users::{PATH, path_of},
    views::{confirm::Secret, user::UserForm},
    visit::Visit,
};
use crate::{
    accounts::{
        registration::{self, NewAccount},
        service::{self, Changes},
        shown::ShownUser,
    },
    authority::may,
    error::ApiError,
    invitations::service::{self as invitations, NewInvitation},
    patch::Patch,
    profile::input::ProfileInput,
    web::params::Segment,
};

/// The form for a new user.
pub(crate) async fn get_new(_: Public, visit: Visit) -> Response {
    visit
        .answer(show_new(&visit, &visit.query, &Faults::default()).await)
        .await
}

/// Creates a user (`username`, `email`, `role`), or invites one (`way=invite`).
pub(crate) async fn post_new(_: Public, visit: Visit, form: Submitted) -> Response {
    let role = match form.get("role").trim() {
        "" => None,
        name => {
            if let Ok(role) = name.parse::<RoleName>() {
                Some(role)
            } else {
                let faults = Faults::of("role", "admin-wrong-role");
                return visit.answer(show_new(&visit, &form, &faults).await).await;
            }
        }
    };
    let created = if form.get("way") == "invite" {
        invite(&visit, &form, role).await
    } else {
        create(&visit, &form, role).await
    };
    match created.map_err(Faults::read) {
        Ok(response) => response,
        Err(Ok(mut faults)) => {
            faults.rename("address", "email");
            visit.answer(show_new(&visit, &form, &faults).await).await
        }
        Err(Err(error)) => visit.refuse(error).await,
    }
}

async fn create(
    visit: &Visit,
    form: &Submitted,
    role: Option<RoleName>,
) -> Result<Response, ApiError> {
    if let Some(role) = &role {
        require_fresh_for(visit, role).await?;
    }
    let email = Some(form.get("email").trim()).filter(|email| !email.is_empty());
    let wanted = NewAccount {
        username: form.get("username").trim(),
        password: None,
        email,
        email_verified: false,
        roles: role.into_iter().collect(),
        profile: ProfileInput::default(),
        address: Some(visit.browser.address()),
    };
    let (user, code) = registration::create(&visit.app, visit.caller(), &wanted).await?;
    let view = Secret {
        title: "admin-user-created",
        name: user.username.clone(),
        is_unconfirmed: code.as_ref().is_some_and(|code| code.is_unconfirmed),
        until: code.as_ref().map(|code| code.expires_at.into()),
        secret: code.map(|code| code.code).unwrap_or_default(),
        next: path_of(&user.id),
    };
    Ok(visit.show("admin_secret.html", &view))
}

async fn invite(
    visit: &Visit,
    form: &Submitted,
    role: Option<RoleName>,
) -> Result<Response, ApiError> {
    if let Some(role) = &role {
        require_fresh_for(visit, role).await?;
    }
    let roles: Vec<RoleName> = role.into_iter().collect();
    let wanted = NewInvitation {
        address: form.get("email").trim(),
        roles: &roles,
        tenant: None,
        language: Some(visit.language_name()),
    };
    let invited = invitations::create(&visit.app, visit.caller(), &wanted).await?;
    // the link goes by mail where mails are sent, and whoever has it can accept the invitation
    let is_mailed = visit.app.settings().mail.is_some();
    let secret = if is_mailed {
        String::new()
    } else {
        format!(
            "{}{}",
            visit.app.settings().public_url.trim_end_matches('/'),
            invited.link
        )
    };
    let view = Secret {
        title: "admin-user-invited",
        name: invited.invitation.address,
        secret,
        until: Some(invited.invitation.expires_at.into()),
        is_unconfirmed: false,
        next: INVITATIONS.to_owned(),
    };
    Ok(visit.show("admin_secret.html", &view))
}

async fn show_new(
    visit: &Visit,
    entered: &Submitted,
    faults: &Faults,
) -> Result<Response, ApiError> {
    let view = UserForm {
        back: PATH.to_owned(),
        action: format!("{PATH}/new"),
        is_new: true,
        username: entered.get("username").to_owned(),
        email: entered.get("email").to_owned(),
        role: entered.get("role").to_owned(),
        way: match entered.get("way") {
            "invite" => "invite".to_owned(),
            _ => "code".to_owned(),
        },
        sends_mail: visit.app.settings().mail.is_some(),
        may_assign: visit.may_globally(may::WriteAssignments::NAME),
        roles: offered_roles(visit).await?,
    };
    Ok(visit.show_with("admin_user_form.html", &view, faults))
}

/// The form with the name and the address of a user.
pub(crate) async fn get_edit(_: Public, visit: Visit, Segment(id): Segment<String>) -> Response {
    visit
        .answer(show_edit(&visit, &id, visit.kept(), &Faults::default()).await)
        .await
}

/// Changes name and address of a user (`username`, `email`).
pub(crate) async fn post_edit(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
    form: Submitted,
) -> Response {
    let email = form.get("email").trim();
    let changes = Changes {
        username: Some(form.get("username").trim().to_owned()),
        email: if email.is_empty() {
            Patch::Clear
        } else {
            Patch::Set(email.to_owned())
        },
        ..Changes::default()
    };
    let (app, caller) = (&visit.app, visit.caller());
    let outcome = async {
        let stored = async {
            let stored = service::get(app, caller, &id).await?;
            Ok(shown_in_form(&stored))
        };
        seen::check(&form, stored).await?;
        service::update(app, caller, &id, &changes).await
    };
    match outcome.await.map_err(Faults::read) {
        Ok(_) => visit.done(&path_of(&id), "saved"),
        Err(Ok(faults)) => {
            visit
                .answer(show_edit(&visit, &id, Some(&form), &faults).await)
                .await
        }
        Err(Err(error)) => visit.refuse(error).await,
    }
}

async fn show_edit(
    visit: &Visit,
    id: &str,
    entered: Option<&Submitted>,
    faults: &Faults,
) -> Result<Response, ApiError> {
    let user = service::get(&visit.app, visit.caller(), id).await?;
    let stored = shown_in_form(&user);
    let seen = Seen::of(&stored);
    let (username, email) = match entered {
        Some(entered) => (
            entered.get("username").to_owned(),
            entered.get("email").to_owned(),
        ),
        None => stored,
    };
    let path = path_of(id);
    let view = UserForm {
        action: format!("{path}/edit"),
        back: path,
        username,
        email,
        ..UserForm::default()
    };
    Ok(visit.show_seen("admin_user_form.html", &view, faults, &seen))
}

/// Returns the name and the address of a user, as the form shows them.
fn shown_in_form(user: &ShownUser) -> (String, String) {
    let email = user.email.clone();
    (user.username.clone(), email.unwrap_or_default())
}
