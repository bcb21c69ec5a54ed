//! One action for a selection of users: the address shows what it will do, and the form does it, to each user by the same
//! service as for one.

use axum::response::Response;
use rolecall::Public;
use rolecall_core::RoleAssignment;

use super::{
    super::submitted::Submitted,
    assign::{self, Wanted, require_fresh_for},
    faults::{Fault, Faults},
    undo,
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
    /// The role that is given or taken away; `None` for other actions, and if something is wrong with it.
    wanted: Option<Wanted>,
    faults: Faults,
    users: Vec<ShownUser>,
}

async fn read(visit: &Visit, form: &Submitted) -> Result<Selection, ApiError> {
    let named = form.get("action");
    let action = ACTIONS.iter().find(|one| **one == named);
    let action = *action.ok_or_else(|| ApiError::unknown("action", &named))?;
    let (wanted, mut faults) = if action == "disable" {
        (None, Faults::default())
    } else {
        match assign::read(visit, form) {
            Ok(mut wanted) => {
                // the form has no such field
                wanted.validity.valid_from = None;
                (Some(wanted), Faults::default())
            }
            Err(faults) => (None, faults),
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
    if let Some(wanted) = &selection.wanted
        && selection.action == "assign"
    {
        require_fresh_for(visit, &wanted.role).await?;
    }
    let mut rows = Vec::new();
    let is_whole = selection.faults.list.is_empty();
    // with a wrong role, nothing will happen to anybody
    for user in selection.users.iter().filter(|_| is_whole) {
        let effect = effect_on(visit, &selection, user).await?;
        rows.push(row(user, effect, None));
    }
    let changes = rows
        .iter()
        .filter(|row| row.effect.starts_with("admin-will"))
        .count();
    let view = Bulk {
        rows,
        changes,
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
    let Some(wanted) = &selection.wanted else {
        return Err(ApiError::unknown("action", &selection.action));
    };
    let tenant = wanted.tenant.as_ref();
    let assignee = Assignee::User(&user.id);
    let present = undo::assignment_before(visit, assignee, &wanted.role, tenant).await?;
    let is_kept = |one: &RoleAssignment| {
        let validity = &wanted.validity;
        one.expires_at == validity.expires_at && one.valid_from == validity.valid_from
    };
    Ok(match (selection.action, present) {
        ("assign", Some(present)) if is_kept(&present) => "admin-has-role",
        ("assign", Some(_)) => "admin-will-change-role",
        ("assign", None) => "admin-will-assign",
        (_, Some(_)) => "admin-will-unassign",
        (_, None) => "admin-lacks-role",
    })
}

async fn apply(visit: &Visit, form: &Submitted) -> Result<Response, ApiError> {
    let selection = read(visit, form).await?;
    if !selection.faults.list.is_empty() {
        return preview(visit, form).await;
    }
    if let Some(wanted) = &selection.wanted
        && selection.action == "assign"
    {
        require_fresh_for(visit, &wanted.role).await?;
    }
    let mut rows = Vec::new();
    for user in &selection.users {
        match act_on(visit, &selection, &user.id)
            .await
            .map_err(Faults::read)
        {
            Ok(effect) => rows.push(row(user, effect, None)),
            Err(Ok(faults)) => {
                let fault = faults.worded(&visit.app, visit.language).into_iter().next();
                rows.push(row(user, "admin-did-not", fault));
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
    match (selection.action, &selection.wanted) {
        ("assign", Some(wanted)) => match assign::give(visit, Assignee::User(id), wanted).await? {
            Outcome::Assigned => Ok("admin-did"),
            Outcome::Requested(_) => Ok("admin-did-request"),
        },
        ("unassign", Some(wanted)) => {
            let tenant = wanted.tenant.as_ref();
            assignments::unassign(app, caller, Assignee::User(id), &wanted.role, tenant).await?;
            Ok("admin-did")
        }
        ("disable", _) => {
            let changes = Changes {
                status: Some(Status::Disabled),
                ..Changes::default()
            };
            service::update(app, caller, id, &changes).await?;
            Ok("admin-did")
        }
        (action, _) => Err(ApiError::unknown("action", &action)),
    }
}

fn bulk(selection: &Selection, form: &Submitted) -> Bulk {
    let wanted = selection.wanted.as_ref();
    let tenant = wanted.and_then(|wanted| wanted.tenant.as_ref());
    Bulk {
        action: selection.action,
        role: form.get("role").to_owned(),
        tenant: tenant.map(ToString::to_string).unwrap_or_default(),
        until: form.get("until").to_owned(),
        ends: wanted
            .and_then(|wanted| wanted.validity.expires_at)
            .map(Into::into),
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
        problem_kind: fault.as_ref().map_or("", |fault| fault.kind),
        problem: fault.map(|fault| fault.text).unwrap_or_default(),
    }
}
