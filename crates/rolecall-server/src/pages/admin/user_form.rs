//! Creating a user, by a code or an invitation, and changing name and address of one.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};
use rolecall_core::{RoleName, TenantName};

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

/// Creates a user (`username`, `email`, `role`), or invites one (`way=invite`, also with `tenant`).
pub(crate) async fn post_new(_: Public, visit: Visit, form: Submitted) -> Response {
    let given = match given(&form) {
        Ok(given) => given,
        Err(faults) => return visit.answer(show_new(&visit, &form, &faults).await).await,
    };
    let created = if is_invited(&form) {
        invite(&visit, &form, &given).await
    } else {
        create(&visit, &form, given.roles).await
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

/// The roles that a new user gets, and the tenant in which.
struct Given {
    roles: Vec<RoleName>,
    tenant: Option<TenantName>,
}

fn is_invited(form: &Submitted) -> bool {
    form.get("way") == "invite"
}

/// Reads the roles, between which spaces or commas stand, and the tenant.
fn given(form: &Submitted) -> Result<Given, Faults> {
    let names = form.get("role");
    let names = names.split(|one: char| one.is_whitespace() || one == ',');
    let role = |name: &str| {
        name.parse()
            .map_err(|_| Faults::about("role", "admin-no-role-name", name))
    };
    let roles: Result<Vec<RoleName>, Faults> =
        names.filter(|name| !name.is_empty()).map(role).collect();
    let mut roles = roles?;
    roles.sort_unstable();
    roles.dedup();
    let tenant: Option<TenantName> = match form.get("tenant").trim() {
        "" => None,
        name => {
            let parsed = name.parse();
            Some(parsed.map_err(|_| Faults::of("tenant", "admin-wrong-tenant"))?)
        }
    };
    if tenant.is_some() && !is_invited(form) {
        return Err(Faults::of("tenant", "admin-tenant-by-invitation"));
    }
    Ok(Given { roles, tenant })
}

async fn create(
    visit: &Visit,
    form: &Submitted,
    roles: Vec<RoleName>,
) -> Result<Response, ApiError> {
    for role in &roles {
        require_fresh_for(visit, role).await?;
    }
    let email = Some(form.get("email").trim()).filter(|email| !email.is_empty());
    let wanted = NewAccount {
        username: form.get("username").trim(),
        password: None,
        email,
        email_verified: false,
        roles,
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

async fn invite(visit: &Visit, form: &Submitted, given: &Given) -> Result<Response, ApiError> {
    for role in &given.roles {
        require_fresh_for(visit, role).await?;
    }
    let wanted = NewInvitation {
        address: form.get("email").trim(),
        roles: &given.roles,
        tenant: given.tenant.as_ref(),
        language: Some(visit.language_name()),
        shows_link: true,
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

/// Returns the way that the link of an invitation would take: `mail` or `link`; empty if the caller cannot invite.
fn invites_by(visit: &Visit) -> &'static str {
    if visit.app.settings().mail.is_some() {
        "mail"
    } else if visit.may_globally(may::AssignAny::NAME) {
        "link"
    } else {
        ""
    }
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
        tenant: entered.get("tenant").to_owned(),
        way: if is_invited(entered) {
            "invite"
        } else {
            "code"
        }
        .to_owned(),
        invites_by: invites_by(visit),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<(Vec<String>, Option<String>), Faults> {
        let given = given(&Submitted::parse(body.as_bytes()))?;
        let roles = given.roles.iter().map(ToString::to_string).collect();
        Ok((roles, given.tenant.map(|tenant| tenant.to_string())))
    }

    #[test]
    fn roles_stand_between_spaces_or_commas_and_a_tenant_goes_with_an_invitation() {
        for text in [
            "viewer+editor",
            "editor%2C+viewer",
            "+viewer%2C%2Ceditor+viewer+",
        ] {
            let (roles, tenant) = read(&format!("role={text}")).unwrap();
            assert_eq!(roles, ["editor", "viewer"], "{text}");
            assert_eq!(tenant, None);
        }
        let (roles, tenant) = read("role=editor&tenant=acme&way=invite").unwrap();
        assert_eq!(roles, ["editor"]);
        assert_eq!(tenant.as_deref(), Some("acme"));
        for (body, field) in [
            ("role=Editor", "role"),
            ("role=editor&tenant=No+Tenant&way=invite", "tenant"),
            ("role=editor&tenant=acme&way=code", "tenant"),
        ] {
            let faults = read(body).unwrap_err();
            assert_eq!(faults.list[0].field, field, "{body}");
        }
    }
}
