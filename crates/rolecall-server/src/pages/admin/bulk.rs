//! One action for a selection of users: the address shows what it will do, and the form does it, to each user by the same
//! service as for one.

use axum::response::Response;
use rolecall::Public;

use super::{
    super::submitted::Submitted,
    assign::{self, Wanted, require_fresh_for},
    faults::{Fault, Faults},
    users::path_of,
    views::users::{ACTIONS, Bulk, BulkRow},
    visit::Visit,
};
use crate::{
    accounts::{
        find_service,
        service::{self, Changes},
        shown::ShownUser,
    },
    authority::subject::Status,
    error::ApiError,
    roles::{
        assigning::{Assignee, Outcome},
        assignments,
    },
};

/// The most users in a selection; a page of the list has fewer.
const MOST: usize = 100;
/// The most assignments of one user that are looked at.
const ASSIGNMENTS: i64 = 200;

/// Shows what an action (`action`, `role`, `tenant`, `until`) will do to a selection (`user`, more than once).
pub(crate) async fn get_bulk(_: Public, visit: Visit) -> Response {
    visit.answer(preview(&visit, &visit.query).await).await
}

/// Does it.
pub(crate) async fn post_bulk(_: Public, visit: Visit, form: Submitted) -> Response {
    visit.answer(apply(&visit, &form).await).await
}

/// What is to be done to whom.
struct Selection {
    action: &'static str,
    wanted: Wanted,
    faults: Faults,
    users: Vec<ShownUser>,
}

async fn read(visit: &Visit, form: &Submitted) -> Result<Selection, ApiError> {
    let named = form.get("action");
    let action = ACTIONS.iter().find(|one| **one == named);
    let action = *action.ok_or_else(|| ApiError::unknown("action", &named))?;
    let (wanted, mut faults) = if action == "disable" {
        (Wanted::default(), Faults::default())
    } else {
        match assign::read(visit, form) {
            Ok(wanted) => (wanted, Faults::default()),
            Err(faults) => (Wanted::default(), faults),
        }
    };
    let mut ids = form.all("user");
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        faults = Faults::of("", "admin-nobody-chosen");
    }
    ids.truncate(MOST);
    let mut users = find_service::by_ids(&visit.app, visit.caller(), &ids).await?;
    users.sort_unstable_by(|one, other| one.username.cmp(&other.username));
    Ok(Selection {
        action,
        wanted,
        faults,
        users,
    })
}

async fn preview(visit: &Visit, form: &Submitted) -> Result<Response, ApiError> {
    let selection = read(visit, form).await?;
    if let Some(role) = &selection.wanted.role
        && selection.action == "assign"
    {
        require_fresh_for(visit, role).await?;
    }
    let mut rows = Vec::new();
    for user in &selection.users {
        let effect = effect_on(visit, &selection, user).await?;
        rows.push(row(user, effect, None));
    }
    let changes = rows
        .iter()
        .filter(|row| row.effect.starts_with("admin-will"))
        .count();
    let view = Bulk {
        rows,
        changes: if selection.faults.list.is_empty() {
            changes
        } else {
            0
        },
        ..bulk(&selection, form)
    };
    Ok(visit.show_with("admin_bulk.html", &view, &selection.faults))
}

/// Returns the key of what would happen to a user.
async fn effect_on(
    visit: &Visit,
    selection: &Selection,
    user: &ShownUser,
) -> Result<&'static str, ApiError> {
    if selection.action == "disable" {
        return Ok(if user.status == Status::Disabled {
            "admin-is-disabled"
        } else {
            "admin-will-disable"
        });
    }
    let tenant = selection.wanted.tenant.as_ref();
    let assignee = Assignee::User(&user.id);
    let found = assignments::list(
        &visit.app,
        visit.caller(),
        assignee,
        ("", ""),
        tenant,
        ASSIGNMENTS,
    );
    let found = found.await?;
    let same = |one: &&rolecall_core::RoleAssignment| {
        Some(&one.role) == selection.wanted.role.as_ref() && one.tenant.as_ref() == tenant
    };
    let present = found.iter().find(same);
    let is_kept = present.is_some_and(|one| {
        one.expires_at == selection.wanted.validity.expires_at && one.valid_from.is_none()
    });
    Ok(match (selection.action, present) {
        ("assign", _) if is_kept => "admin-has-role",
        ("assign", _) => "admin-will-assign",
        (_, Some(_)) => "admin-will-unassign",
        (_, None) => "admin-lacks-role",
    })
}

async fn apply(visit: &Visit, form: &Submitted) -> Result<Response, ApiError> {
    let selection = read(visit, form).await?;
    if !selection.faults.list.is_empty() {
        return preview(visit, form).await;
    }
    if let Some(role) = &selection.wanted.role
        && selection.action == "assign"
    {
        require_fresh_for(visit, role).await?;
    }
    let mut rows = Vec::new();
    for user in &selection.users {
        match act_on(visit, &selection, &user.id)
            .await
            .map_err(Faults::read)
        {
            Ok(effect) => rows.push(row(user, effect, None)),
            Err(Ok(faults)) => {
                rows.push(row(user, "admin-did-not", faults.list.into_iter().next()));
            }
            Err(Err(error)) if rows.is_empty() => return Err(error),
            // who has lost their own rights by it sees how far it came
            Err(Err(_)) => rows.push(row(
                user,
                "admin-did-not",
                Faults::of("", "admin-bulk-stopped").list.pop(),
            )),
        }
    }
    let changes = rows
        .iter()
        .filter(|row| row.effect != "admin-did-not")
        .count();
    let view = Bulk {
        rows,
        changes,
        is_done: true,
        ..bulk(&selection, form)
    };
    Ok(visit.show("admin_bulk.html", &view))
}

async fn act_on(visit: &Visit, selection: &Selection, id: &str) -> Result<&'static str, ApiError> {
    let (app, caller) = (&visit.app, visit.caller());
    match (selection.action, &selection.wanted.role) {
        ("assign", _) => match assign::give(visit, Assignee::User(id), &selection.wanted).await? {
            Outcome::Assigned => Ok("admin-did"),
            Outcome::Requested(_) => Ok("admin-did-request"),
        },
        ("unassign", Some(role)) => {
            let tenant = selection.wanted.tenant.as_ref();
            assignments::unassign(app, caller, Assignee::User(id), role, tenant).await?;
            Ok("admin-did")
        }
        _ => {
            let changes = Changes {
                status: Some(Status::Disabled),
                ..Changes::default()
            };
            service::update(app, caller, id, &changes).await?;
            Ok("admin-did")
        }
    }
}

fn bulk(selection: &Selection, form: &Submitted) -> Bulk {
    let tenant = selection.wanted.tenant.as_ref();
    Bulk {
        action: selection.action,
        role: form.get("role").to_owned(),
        tenant: tenant.map(ToString::to_string).unwrap_or_default(),
        until: form.get("until").to_owned(),
        rows: Vec::new(),
        is_done: false,
        changes: 0,
    }
}

fn row(user: &ShownUser, effect: &'static str, fault: Option<Fault>) -> BulkRow {
    BulkRow {
        id: user.id.clone(),
        href: path_of(&user.id),
        username: user.username.clone(),
        effect,
        problem_key: fault.as_ref().map_or("", |fault| fault.key),
        problem: fault.map(|fault| fault.text).unwrap_or_default(),
    }
}
