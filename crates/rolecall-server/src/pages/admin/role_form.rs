//! Creating and deleting a role, and what it gives.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};
use rolecall_core::{Acr, PermissionPattern, RoleName};

use super::{
    super::submitted::Submitted,
    assign::{offered_roles, require_fresh_for},
    faults::Faults,
    roles::{PATH, named, path_of, show_staying},
    undo,
    views::{
        confirm::{Confirm, Effect},
        roles::{Contents, RoleForm},
    },
    visit::Visit,
};
use crate::{
    authority::{builtin, may},
    error::ApiError,
    roles::{
        definition::{self, NewRole},
        permissions,
        review::{self, After},
        service,
    },
    web::params::Segment,
};

/// The most permissions that a form offers.
const OFFERED: i64 = 1000;
/// The most holders that are counted.
const COUNTED: i64 = 1000;

/// The form for a new role.
pub(crate) async fn get_new(_: Public, visit: Visit) -> Response {
    let form = new_form(&visit.query);
    // the address has what was entered before a sign-in, which may be without a tick
    let view = if form.name.is_empty() {
        RoleForm {
            by_name: true,
            acr: Acr::default().as_str().to_owned(),
            ..form
        }
    } else {
        form
    };
    visit.show("admin_role_form.html", &view)
}

/// Creates a role (`name`, `description`, `approval`, `by_name`, `acr`).
pub(crate) async fn post_new(_: Public, visit: Visit, form: Submitted) -> Response {
    let created = async {
        let name = form.get("name").trim();
        let name = name
            .parse()
            .map_err(|_| Err(Faults::of("name", "admin-wrong-role")))?;
        let wanted = NewRole {
            approval: form.get("approval") == "on",
            by_name: form.get("by_name") == "on",
            acr: acr(&form).map_err(Err)?,
            ..NewRole::new(&name, form.get("description").trim())
        };
        let created = definition::create(&visit.app, visit.caller(), wanted).await;
        created.map_err(Ok)?;
        Ok::<_, Result<ApiError, Faults>>(path_of(&name))
    };
    let refused = match created.await {
        Ok(path) => return visit.done(&path, "role-created"),
        Err(refused) => refused,
    };
    match refused.map_or_else(Ok, Faults::read) {
        Ok(faults) => visit.show_with("admin_role_form.html", &new_form(&form), &faults),
        Err(error) => visit.refuse(error).await,
    }
}

fn new_form(entered: &Submitted) -> RoleForm {
    RoleForm {
        is_new: true,
        action: format!("{PATH}/new"),
        back: PATH.to_owned(),
        name: entered.get("name").to_owned(),
        ..form_of(entered)
    }
}

pub(super) fn form_of(entered: &Submitted) -> RoleForm {
    RoleForm {
        description: entered.get("description").to_owned(),
        approval: entered.get("approval") == "on",
        by_name: entered.get("by_name") == "on",
        acr: entered.get("acr").to_owned(),
        ..RoleForm::default()
    }
}

pub(super) fn acr(form: &Submitted) -> Result<Acr, Faults> {
    form.get("acr")
        .parse()
        .map_err(|_| Faults::of("acr", "admin-wrong-acr"))
}

/// The form for what a role gives.
pub(crate) async fn get_contents(
    _: Public,
    visit: Visit,
    Segment(role): Segment<String>,
) -> Response {
    visit
        .answer(show_contents(&visit, &role, &visit.query, &Faults::default()).await)
        .await
}

/// Adds a permission (`permission`) or a junior (`junior`) to a role, or takes one away (`remove`).
pub(crate) async fn post_contents(
    _: Public,
    visit: Visit,
    Segment(role): Segment<String>,
    form: Submitted,
) -> Response {
    match change_contents(&visit, &role, &form)
        .await
        .map_err(Faults::read)
    {
        Ok((path, undo)) => visit.done_and_undo(&path, "saved", undo.as_deref()),
        Err(Ok(faults)) => {
            visit
                .answer(show_contents(&visit, &role, &form, &faults).await)
                .await
        }
        Err(Err(error)) => visit.refuse(error).await,
    }
}

/// Changes what a role gives, and returns the page to go to and the address that undoes it.
async fn change_contents(
    visit: &Visit,
    role: &str,
    form: &Submitted,
) -> Result<(String, Option<String>), ApiError> {
    let (app, caller, name) = (&visit.app, visit.caller(), named(role)?);
    let path = format!("{}/contents", path_of(&name));
    let removes = form.get("remove") == "yes";
    let (permission, junior) = (form.get("permission").trim(), form.get("junior").trim());
    if permission.is_empty() && junior.is_empty() {
        return Ok((path, None));
    }
    let policy = undo::policy_before(visit).await?;
    if permission.is_empty() {
        let junior = named(junior)?;
        if removes {
            service::disinherit(app, caller, &name, &junior).await?;
        } else {
            require_fresh_for(visit, &junior).await?;
            service::inherit(app, caller, &name, &junior).await?;
        }
    } else {
        let pattern: Result<PermissionPattern, _> = permission.parse();
        let pattern = pattern.map_err(|_| ApiError::unknown("permission", &permission))?;
        if removes {
            service::revoke(app, caller, &name, &pattern).await?;
        } else {
            if pattern.is_reserved() {
                visit.require_fresh().await?;
            }
            service::grant(app, caller, &name, &pattern).await?;
        }
    }
    Ok((path, policy.keep(visit).await))
}

async fn show_contents(
    visit: &Visit,
    role: &str,
    entered: &Submitted,
    faults: &Faults,
) -> Result<Response, ApiError> {
    let (app, caller, name) = (&visit.app, visit.caller(), named(role)?);
    if builtin::is_fixed(&name) {
        return show_staying(visit, role, "admin-role-fixed").await;
    }
    let details = service::get(app, caller, &name).await?;
    let known = permissions::list(app, caller, "", OFFERED).await?;
    let view = Contents {
        name: role.to_owned(),
        path: path_of(&name),
        permissions: details
            .permissions
            .iter()
            .map(ToString::to_string)
            .collect(),
        juniors: details.juniors.iter().map(ToString::to_string).collect(),
        known_permissions: known.iter().map(|one| one.name.to_string()).collect(),
        known_roles: offered_roles(visit).await?,
        permission: entered.get("permission").to_owned(),
        junior: entered.get("junior").to_owned(),
    };
    Ok(visit.show_with("admin_role_contents.html", &view, faults))
}

/// Asks whether to delete a role.
pub(crate) async fn get_delete(
    _: Public,
    visit: Visit,
    Segment(role): Segment<String>,
) -> Response {
    visit
        .answer(ask(&visit, &role, &Faults::default()).await)
        .await
}

/// Deletes a role.
pub(crate) async fn post_delete(
    _: Public,
    visit: Visit,
    Segment(role): Segment<String>,
    _: Submitted,
) -> Response {
    let deleted = async {
        let name = named(&role)?;
        service::delete(&visit.app, visit.caller(), &name).await
    };
    match deleted.await.map_err(Faults::read) {
        Ok(_) => visit.done(PATH, "role-deleted"),
        Err(Ok(faults)) => visit.answer(ask(&visit, &role, &faults).await).await,
        Err(Err(error)) => visit.refuse(error).await,
    }
}

/// Counts the assignments of a role; with `inherited` also those of the roles that inherit it.
pub(super) async fn holders(
    visit: &Visit,
    role: &RoleName,
    inherited: bool,
) -> Result<usize, ApiError> {
    let (app, caller, all) = (&visit.app, visit.caller(), After::default());
    let held = review::holders(app, caller, role, inherited, all, COUNTED).await?;
    Ok(held.len())
}

async fn ask(visit: &Visit, role: &str, faults: &Faults) -> Result<Response, ApiError> {
    let (app, caller, name) = (&visit.app, visit.caller(), named(role)?);
    if builtin::is_builtin(&name) {
        return show_staying(visit, role, "admin-role-stays").await;
    }
    service::get(app, caller, &name).await?;
    let mut effects = Vec::new();
    if visit.may_globally(may::ReadAssignments::NAME) {
        let held = holders(visit, &name, false).await?;
        effects.push(Effect::on("admin-effect-holders-lose", held));
    }
    let seniors = review::reach(app, caller, &name).await?.seniors;
    if !seniors.is_empty() {
        let names: Vec<&str> = seniors
            .iter()
            .map(rolecall_core::RoleName::as_str)
            .collect();
        effects.push(Effect::of("admin-effect-seniors-lose", names.join(", ")));
    }
    effects.push(Effect::of("admin-effect-tokens-refused", ""));
    let path = path_of(&name);
    let view = Confirm {
        title: "admin-delete-role",
        name: role.to_owned(),
        effects,
        is_final: true,
        action: format!("{path}/delete"),
        fields: Vec::new(),
        back: path,
    };
    Ok(visit.show_with("admin_confirm.html", &view, faults))
}
