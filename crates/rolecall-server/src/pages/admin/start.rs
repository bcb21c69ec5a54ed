//! The first page: what needs doing. Each part is shown to those who may read what it tells.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};
use serde_json::Value as Json;

use super::{
    names,
    views::start::{KeyAge, Plot, Problem, Recent, Start, Todo},
    visit::Visit,
};
use crate::{
    audit::service as audit,
    authority::{builtin, may},
    doctor::finding::{Finding, PageText, Severity},
    error::ApiError,
    keys::{service as keys, store::State},
    overview::{operation, service as overview},
    roles::{assignments, requests},
    store::Entry,
};

/// The most requests that are counted.
const MOST_COUNTED: i64 = 100;
/// The last changes that are shown.
const CHANGES: i64 = 8;
/// The most keys that are looked at.
const KEYS: i64 = 20;
/// The seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// The first page.
pub(crate) async fn get_start(_: Public, visit: Visit) -> Response {
    visit.answer(show(&visit).await).await
}

async fn show(visit: &Visit) -> Result<Response, ApiError> {
    let mut start = Start::default();
    if visit.may(may::ReadAssignments::NAME) {
        start.todo.extend(open_requests(visit).await?);
        start.todo.extend(expiring(visit).await?);
    }
    if visit.may_globally(may::ReadUsers::NAME) {
        start.todo.extend(failed_mails(visit).await?);
        start.todo.extend(one_administrator(visit).await?);
    }
    if visit.may_globally(operation::OPERATE) {
        let found = operation::problems(&visit.app, visit.caller()).await?;
        start.problems = found.into_iter().map(problem).collect();
    }
    if visit.may_globally(may::ReadKeys::NAME) {
        start.keys = key_ages(visit).await?;
    }
    if visit.may_globally(may::ReadAudit::NAME) {
        let newest = audit::list(&visit.app, visit.caller(), None, CHANGES).await?;
        start.plot = Some(plot(visit).await?);
        let names =
            names::of_actors(visit, newest.iter().map(|entry| entry.actor.as_str())).await?;
        start.changes = newest.iter().map(|entry| recent(entry, &names)).collect();
    }
    Ok(visit.show("admin_start.html", &start))
}

async fn open_requests(visit: &Visit) -> Result<Option<Todo>, ApiError> {
    let tenant = visit.tenant();
    let found = requests::list(
        &visit.app,
        visit.caller(),
        "",
        tenant.as_ref(),
        MOST_COUNTED,
    )
    .await?;
    let count = i64::try_from(found.len()).unwrap_or(MOST_COUNTED);
    Ok((count > 0).then(|| Todo {
        key: "admin-todo-requests",
        count,
        name: String::new(),
        href: "/admin/requests".to_owned(),
        at: found.first().map(|one| one.assignment.assigned_at.into()),
    }))
}

async fn expiring(visit: &Visit) -> Result<Option<Todo>, ApiError> {
    let tenant = visit.tenant();
    let soon = overview::expiring(&visit.app, visit.caller(), tenant.as_ref()).await?;
    Ok((soon.count > 0).then(|| Todo {
        key: "admin-todo-expiring",
        count: soon.count,
        name: String::new(),
        href: String::new(),
        at: soon.first.map(Into::into),
    }))
}

async fn failed_mails(visit: &Visit) -> Result<Option<Todo>, ApiError> {
    let (count, error) = overview::failed_mails(&visit.app, visit.caller()).await?;
    Ok((count > 0).then(|| Todo {
        key: "admin-todo-mails",
        count,
        name: error.unwrap_or_default(),
        href: "/admin/mail?state=failed".to_owned(),
        at: None,
    }))
}

async fn one_administrator(visit: &Visit) -> Result<Option<Todo>, ApiError> {
    let count = assignments::count_admins(&visit.app).await?;
    Ok((count == 1).then(|| Todo {
        key: "admin-todo-one-administrator",
        count,
        name: builtin::ADMIN.to_owned(),
        href: "/admin/users".to_owned(),
        at: None,
    }))
}

fn problem(finding: Finding) -> Problem {
    let PageText {
        key,
        name,
        detail,
        count,
    } = finding.page_text;
    Problem {
        is_fault: finding.severity == Severity::Fault,
        check: finding.check,
        text: finding.text,
        key,
        name,
        detail,
        count,
    }
}

async fn plot(visit: &Visit) -> Result<Plot, ApiError> {
    let day = overview::last_day(&visit.app, visit.caller()).await?;
    let hour = visit.now().seconds() / 3600 % 24;
    Ok(Plot::draw(&day.0, hour))
}

async fn key_ages(visit: &Visit) -> Result<Vec<KeyAge>, ApiError> {
    let now = visit.now();
    let found = keys::list(&visit.app, visit.caller(), "", KEYS).await?;
    let active = found.into_iter().map(|one| one.key);
    let active = active.filter(|key| key.state == State::Active);
    let ages = active.map(|key| {
        let days = now.since(key.active_from).as_secs() / DAY;
        KeyAge {
            kid: key.kid,
            algorithm: key.algorithm.to_string(),
            days: i64::try_from(days).unwrap_or(i64::MAX),
        }
    });
    Ok(ages.collect())
}

/// Describes an entry of the audit log by its actions, each once with its number.
fn recent(entry: &Entry, names: &names::Names) -> Recent {
    let changes: Vec<Json> = serde_json::from_str(&entry.changes).unwrap_or_default();
    let mut actions: Vec<(&str, usize)> = Vec::new();
    let each = changes
        .iter()
        .filter_map(|one| one.get("action").and_then(Json::as_str));
    for action in each {
        match actions.iter_mut().find(|(known, _)| *known == action) {
            Some((_, count)) => *count += 1,
            None => actions.push((action, 1)),
        }
    }
    let shown = actions.iter().map(|(action, count)| match count {
        1 => (*action).to_owned(),
        count => format!("{action} ({count})"),
    });
    Recent {
        href: format!("/admin/audit/{}", entry.revision),
        action: shown.collect::<Vec<_>>().join(", "),
        actor: names::shown(names, &entry.actor),
        at: entry.at.into(),
    }
}
