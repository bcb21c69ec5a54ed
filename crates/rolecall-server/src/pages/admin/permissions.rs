//! Permissions: listed, created and deleted.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};
use rolecall_core::{Permission, PermissionPattern, RoleRules};

use super::{
    super::submitted::Submitted,
    faults::Faults,
    links::{Listing, below, cut, one_more},
    undo,
    views::permissions::{Form, Listed, PermissionPage, Permissions},
    visit::Visit,
};
use crate::{
    authority::may,
    error::ApiError,
    roles::{hierarchy, permissions},
    web::params::Segment,
};

const PERMISSIONS: &str = "/admin/permissions";
/// The permissions on a page.
const ON_PAGE: usize = 100;

/// The permissions.
pub(crate) async fn get_permissions(_: Public, visit: Visit) -> Response {
    let made = list(&visit, form_of(&visit.query), &Faults::default()).await;
    visit.answer(made).await
}

async fn list(visit: &Visit, form: Form, faults: &Faults) -> Result<Response, ApiError> {
    let pages = Listing::read(PERMISSIONS, &visit.query, &["q"], &[]);
    let (app, caller, q) = (&visit.app, visit.caller(), pages.filter("q").trim());
    let mut found = permissions::search(app, caller, q, pages.after, one_more(ON_PAGE)).await?;
    let last = cut(&mut found, ON_PAGE).map(|one| one.name.to_string());
    let listed = found.into_iter().map(|one| Listed {
        href: below(PERMISSIONS, one.name.as_str()),
        name: one.name.to_string(),
        description: one.description,
    });
    let view = Permissions {
        q: q.to_owned(),
        permissions: listed.collect(),
        first: pages.first(),
        next: pages.next(last.as_deref()),
        may_edit: visit.may_globally(may::WriteRoles::NAME),
        form,
    };
    Ok(visit.show_with("admin_permissions.html", &view, faults))
}

/// Returns what was sent with a form.
fn form_of(entered: &Submitted) -> Form {
    let text = |name: &str| entered.get(name).trim().to_owned();
    Form {
        name: text("name"),
        description: text("description"),
    }
}

/// Creates a permission (`name`, `description`).
pub(crate) async fn post_permissions(_: Public, visit: Visit, form: Submitted) -> Response {
    let form = form_of(&form);
    let created = async {
        let Ok(name) = form.name.parse::<Permission>() else {
            return Ok(Err(Faults::of("name", "admin-no-permission-name")));
        };
        let policy = undo::policy_before(&visit).await?;
        permissions::create(&visit.app, visit.caller(), &name, &form.description).await?;
        Ok(Ok(policy.keep(&visit).await))
    };
    match created.await.map_err(Faults::read) {
        Ok(Ok(undo)) => visit.done_and_undo(PERMISSIONS, "permission-created", undo.as_deref()),
        Ok(Err(faults)) | Err(Ok(faults)) => {
            let made = list(&visit, form, &faults).await;
            visit.answer(made).await
        }
        Err(Err(error)) => visit.refuse(error).await,
    }
}

fn named(name: &str) -> Result<Permission, ApiError> {
    name.parse()
        .map_err(|_| ApiError::unknown("permission", &name))
}

/// One permission, and the roles that give it.
pub(crate) async fn get_permission(
    _: Public,
    visit: Visit,
    Segment(permission): Segment<String>,
) -> Response {
    let made = one(&visit, &permission, &Faults::default()).await;
    visit.answer(made).await
}

async fn one(visit: &Visit, permission: &str, faults: &Faults) -> Result<Response, ApiError> {
    let (app, caller, name) = (&visit.app, visit.caller(), named(permission)?);
    let found = permissions::get(app, caller, &name).await?;
    let policy = hierarchy::policy(app, caller).await?;
    let gives = |rules: &RoleRules| rules.permissions.iter().any(|held| held.matches(&name));
    let pattern = PermissionPattern::from(name.clone());
    let roles = policy.roles().filter(|(_, rules)| gives(rules));
    let is_held = policy
        .roles()
        .any(|(_, rules)| rules.permissions.contains(&pattern));
    let view = PermissionPage {
        path: below(PERMISSIONS, permission),
        name: permission.to_owned(),
        description: found.description,
        roles: roles.map(|(role, _)| role.to_string()).collect(),
        may_delete: visit.may_globally(may::WriteRoles::NAME) && !pattern.is_reserved() && !is_held,
        is_held,
    };
    Ok(visit.show_with("admin_permission.html", &view, faults))
}

/// Deletes a permission that no role holds by its name (`confirm`).
pub(crate) async fn post_permission(
    _: Public,
    visit: Visit,
    Segment(permission): Segment<String>,
    form: Submitted,
) -> Response {
    // a role may hold it through a wildcard, and loses it
    if let Err(error) = visit.require_fresh().await {
        return visit.refuse(error).await;
    }
    let deleted = async {
        if form.get("confirm") != "yes" {
            return Ok(Err(Faults::of("confirm", "admin-confirm-first")));
        }
        let policy = undo::policy_before(&visit).await?;
        permissions::delete(&visit.app, visit.caller(), &named(&permission)?).await?;
        Ok(Ok(policy.keep(&visit).await))
    };
    match deleted.await.map_err(Faults::read) {
        Ok(Ok(undo)) => visit.done_and_undo(PERMISSIONS, "permission-deleted", undo.as_deref()),
        Ok(Err(faults)) | Err(Ok(faults)) => {
            let made = one(&visit, &permission, &faults).await;
            visit.answer(made).await
        }
        Err(Err(error)) => visit.refuse(error).await,
    }
}
