//! Changing a role. What it needs to count is changed after a page that says whom that affects.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};
use rolecall_core::{Acr, RoleName};

use super::{
    super::submitted::Submitted,
    faults::Faults,
    role_form::{acr, form_of, holders},
    roles::{named, path_of, show_staying},
    seen::{self, Seen},
    undo,
    views::{
        confirm::{Confirm, Effect},
        roles::RoleForm,
    },
    visit::Visit,
};
use crate::{
    authority::{builtin, may},
    error::ApiError,
    roles::{
        definition::{self, RoleChanges},
        details::RoleDetails,
        service,
    },
    web::params::Segment,
};

/// The fields of the form.
const FIELDS: [&str; 5] = ["description", "approval", "by_name", "acr", "seen"];

/// The outcome of a change.
enum Outcome {
    /// It is saved: the page to go to, and the address that undoes it.
    Saved(String, Option<String>),
    /// Somebody must say first that the role shall need this.
    Ask(Acr),
    Refused(Faults),
}

/// The form of a role.
pub(crate) async fn get_edit(_: Public, visit: Visit, Segment(role): Segment<String>) -> Response {
    visit
        .answer(show_edit(&visit, &role, visit.kept(), &Faults::default()).await)
        .await
}

/// Changes a role (`description`, `approval`, `by_name`, `acr`); another `acr` only with the same as `confirmed`.
pub(crate) async fn post_edit(
    _: Public,
    visit: Visit,
    Segment(role): Segment<String>,
    form: Submitted,
) -> Response {
    match change(&visit, &role, &form).await.map_err(Faults::read) {
        Ok(Outcome::Saved(path, undo)) => visit.done_and_undo(&path, "saved", undo.as_deref()),
        Ok(Outcome::Ask(wanted)) => visit.answer(ask(&visit, &role, &form, wanted).await).await,
        Ok(Outcome::Refused(faults)) | Err(Ok(faults)) => {
            visit
                .answer(show_edit(&visit, &role, Some(&form), &faults).await)
                .await
        }
        Err(Err(error)) => visit.refuse(error).await,
    }
}

async fn change(visit: &Visit, role: &str, form: &Submitted) -> Result<Outcome, ApiError> {
    let (app, caller, name) = (&visit.app, visit.caller(), named(role)?);
    let stored = service::get(app, caller, &name).await?;
    if builtin::is_fixed(&name) {
        return Ok(Outcome::Refused(Faults::default()));
    }
    seen::check(form, async { Ok(stored_form(&stored)) }).await?;
    let acr = match acr(form) {
        Ok(acr) => acr,
        Err(faults) => return Ok(Outcome::Refused(faults)),
    };
    if acr != stored.acr && form.get("confirmed") != acr.as_str() {
        return Ok(Outcome::Ask(acr));
    }
    let changes = RoleChanges {
        description: Some(form.get("description").trim()),
        approval: Some(form.get("approval") == "on"),
        by_name: Some(form.get("by_name") == "on"),
        acr: Some(acr),
    };
    let policy = undo::policy_before(visit).await?;
    definition::update(app, caller, &name, changes).await?;
    Ok(Outcome::Saved(path_of(&name), policy.keep(visit).await))
}

/// Says whom another `acr` affects, and asks whether to save it with the rest of the form.
async fn ask(
    visit: &Visit,
    role: &str,
    form: &Submitted,
    wanted: Acr,
) -> Result<Response, ApiError> {
    let name = named(role)?;
    let path = format!("{}/edit", path_of(&name));
    let mut fields: Vec<(&'static str, String)> = FIELDS
        .map(|field| (field, form.get(field).to_owned()))
        .into_iter()
        .collect();
    fields.push(("confirmed", wanted.as_str().to_owned()));
    let view = Confirm {
        title: match wanted {
            Acr::Aal1 => "admin-let-any-sign-in",
            Acr::Aal2 => "admin-require-factor",
            Acr::Phr => "admin-require-passkey",
        },
        name: role.to_owned(),
        effects: effects(visit, &name, wanted).await?,
        is_final: false,
        action: path.clone(),
        fields,
        back: path,
    };
    Ok(visit.show_with("admin_confirm.html", &view, &Faults::default()))
}

async fn effects(visit: &Visit, role: &RoleName, wanted: Acr) -> Result<Vec<Effect>, ApiError> {
    let mut effects = Vec::new();
    if visit.may_globally(may::ReadAssignments::NAME) {
        let count = holders(visit, role, true).await?;
        effects.push(Effect::on("admin-effect-holders-of-acr", count));
    }
    if wanted > Acr::Aal1 {
        effects.push(Effect::of("admin-effect-needs-acr", ""));
        effects.push(Effect::of("admin-effect-no-password-grant", ""));
    } else {
        effects.push(Effect::of("admin-effect-needs-no-acr", ""));
    }
    Ok(effects)
}

async fn show_edit(
    visit: &Visit,
    role: &str,
    entered: Option<&Submitted>,
    faults: &Faults,
) -> Result<Response, ApiError> {
    let name = named(role)?;
    if builtin::is_fixed(&name) {
        return show_staying(visit, role, "admin-role-fixed").await;
    }
    let stored = service::get(&visit.app, visit.caller(), &name).await?;
    let stored = stored_form(&stored);
    let seen = Seen::of(&stored);
    let form = entered.map_or(stored, form_of);
    let path = path_of(&name);
    let view = RoleForm {
        action: format!("{path}/edit"),
        back: path,
        name: role.to_owned(),
        ..form
    };
    Ok(visit.show_seen("admin_role_form.html", &view, faults, &seen))
}

/// Returns the form of a role as it is stored.
fn stored_form(stored: &RoleDetails) -> RoleForm {
    RoleForm {
        description: stored.role.description.clone(),
        approval: stored.approval,
        by_name: stored.by_name,
        acr: stored.acr.as_str().to_owned(),
        ..RoleForm::default()
    }
}
