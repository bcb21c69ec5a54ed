//! The audit log: searched by who, what and when, entry by entry, and as a file.

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};
use rolecall::Public;
use rolecall_core::Revision;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    super::{render, submitted::Submitted},
    faults::Faults,
    links::link,
    names::{self, Names},
    requests::until,
    users,
    views::audit::{Actor, Audit, Entry as EntryPage, Form, Member, Row},
    visit::Visit,
};
use crate::{
    audit::{
        filter::Filter,
        handlers::{EntryView, EventView},
        lines::change_line,
        search::{self, Found},
        store::Event,
    },
    error::ApiError,
    http::NoCors,
    store::{self, Entry},
};

const AUDIT: &str = "/admin/audit";
const EXPORT: &str = "/admin/audit/export";
/// The changes of an entry in the list.
const LINES: usize = 3;
/// The letters of a change in the list.
const LINE: usize = 300;
/// The changes on the page of an entry.
const CHANGES: usize = 200;

/// The log, newest first.
pub(crate) async fn get_audit(_: Public, visit: Visit) -> Response {
    visit.answer(list(&visit).await).await
}

/// The log as a file.
pub(crate) async fn get_export(_: Public, visit: Visit) -> Response {
    visit.answer(export(&visit).await).await
}

/// An entry, or an event.
pub(crate) async fn get_entry(_: Public, visit: Visit) -> Response {
    visit.answer(one(&visit).await).await
}

impl Form {
    fn read(query: &Submitted) -> Self {
        let text = |name: &str| query.get(name).trim().to_owned();
        Self {
            kind: text("kind"),
            who: text("who"),
            what: text("what"),
            about: text("about"),
            from: text("from"),
            until: text("until"),
        }
    }

    fn is_of_events(&self) -> bool {
        self.kind == "events"
    }

    /// Returns the address of the list or the file with the same filter.
    fn address(&self, path: &str, kind: &str, after: &str) -> String {
        let members = [
            ("kind", kind),
            ("who", &self.who),
            ("what", &self.what),
            ("about", &self.about),
            ("from", &self.from),
            ("until", &self.until),
            ("after", after),
        ];
        link(path, &members)
    }

    fn is_empty(&self) -> bool {
        [&self.who, &self.what, &self.about, &self.from, &self.until]
            .iter()
            .all(|member| member.is_empty())
    }
}

/// Returns the filter that a form describes. People are found by their name or id.
async fn filter(visit: &Visit, form: &Form) -> Result<Result<Filter, Faults>, ApiError> {
    let (Some(from), Some(end)) = (until(&form.from), until(&form.until)) else {
        let field = if until(&form.from).is_none() {
            "from"
        } else {
            "until"
        };
        return Ok(Err(Faults::of(field, "admin-no-time")));
    };
    let who = match form.who.split_once(':') {
        // events name the id alone
        Some(("user" | "client", id)) if form.is_of_events() && !id.is_empty() => id.to_owned(),
        Some(_) => form.who.clone(),
        None if form.who == store::Actor::System.to_string() => form.who.clone(),
        None => names::find(visit, &form.who).await?.unwrap_or_default(),
    };
    let mut about = Vec::new();
    if !form.about.is_empty() {
        about.extend(names::find(visit, &form.about).await?);
        // a role can have the name of a user
        about.push(form.about.clone());
        about.dedup();
    }
    Ok(Ok(Filter {
        who,
        what: form.what.clone(),
        about,
        from,
        until: end,
    }))
}

/// A part of the log: changes or events.
enum Part {
    Changes(Found<Entry, Revision>),
    Events(Found<Event, String>),
}

impl Part {
    async fn read(
        visit: &Visit,
        form: &Form,
        filter: &Filter,
        limits: search::Limits,
    ) -> Result<Self, ApiError> {
        let (app, caller, after) = (&visit.app, visit.caller(), visit.query.get("after"));
        if form.is_of_events() {
            let found = search::events(app, caller, filter, after, limits).await?;
            return Ok(Self::Events(found));
        }
        let found = search::entries(app, caller, filter, after.parse().ok(), limits).await?;
        Ok(Self::Changes(found))
    }

    fn next(&self) -> Option<String> {
        match self {
            Self::Changes(found) => found.next.map(|next| next.to_string()),
            Self::Events(found) => found.next.clone(),
        }
    }
}

async fn list(visit: &Visit) -> Result<Response, ApiError> {
    let form = Form::read(&visit.query);
    let kind = form.kind.clone();
    let mut page = Audit {
        is_filtered: !form.is_empty(),
        first: if visit.query.get("after").is_empty() {
            String::new()
        } else {
            form.address(AUDIT, &kind, "")
        },
        export: form.address(EXPORT, &kind, ""),
        changes: form.address(AUDIT, "", ""),
        events: form.address(AUDIT, "events", ""),
        ..Audit::default()
    };
    let faults = match filter(visit, &form).await? {
        Ok(filter) => {
            let part = Part::read(visit, &form, &filter, search::PAGE).await?;
            if let Some(next) = part.next() {
                page.next = form.address(AUDIT, &kind, &next);
            }
            page.rows = rows(visit, &part).await?;
            page.is_unfinished = !page.next.is_empty() && page.rows.len() < search::PAGE.rows;
            Faults::default()
        }
        Err(faults) => faults,
    };
    page.form = form;
    Ok(visit.show_with("admin_audit.html", &page, &faults))
}

async fn rows(visit: &Visit, part: &Part) -> Result<Vec<Row>, ApiError> {
    match part {
        Part::Changes(found) => {
            let actors = found.rows.iter().map(|entry| entry.actor.as_str());
            let names = names::of_actors(visit, actors).await?;
            Ok(found.rows.iter().map(|entry| row(entry, &names)).collect())
        }
        Part::Events(found) => {
            let subjects = found.rows.iter().filter_map(as_actor);
            let subjects: Vec<String> = subjects.collect();
            let names = names::of_actors(visit, subjects.iter().map(String::as_str)).await?;
            Ok(found
                .rows
                .iter()
                .map(|event| event_row(event, &names))
                .collect())
        }
    }
}

/// Returns the subject of an event as an actor.
fn as_actor(event: &Event) -> Option<String> {
    let subject = event.subject_id.clone()?;
    Some(store::Actor::User(subject).to_string())
}

fn actor(text: &str, names: &Names) -> Actor {
    // a deleted user has no page, and some callers may see none
    let user = text.strip_prefix("user:");
    let user = user.filter(|id| names.contains_key(*id));
    Actor {
        name: names::shown(names, text),
        href: user.map(users::path_of).unwrap_or_default(),
    }
}

fn subject(event: &Event, names: &Names) -> Actor {
    as_actor(event).map_or_else(Actor::default, |text| actor(&text, names))
}

fn row(entry: &Entry, names: &Names) -> Row {
    let changes: Vec<Value> = serde_json::from_str(&entry.changes).unwrap_or_default();
    let lines = changes.iter().take(LINES).map(|change| {
        let line = change_line(change);
        line.chars().take(LINE).collect()
    });
    Row {
        href: format!("{AUDIT}/{}", entry.revision),
        title: entry.revision.to_string(),
        at: entry.at.into(),
        actor: actor(&entry.actor, names),
        more: changes.len().saturating_sub(LINES),
        lines: lines.collect(),
    }
}

fn event_row(event: &Event, names: &Names) -> Row {
    let lines = [&event.address, &event.detail];
    let lines = lines.into_iter().filter(|line| !line.is_empty());
    Row {
        href: format!("{AUDIT}/{}", event.id),
        title: event.kind.clone(),
        at: event.at.into(),
        actor: subject(event, names),
        lines: lines.cloned().collect(),
        more: 0,
    }
}

async fn one(visit: &Visit) -> Result<Response, ApiError> {
    let named = visit.path.rsplit('/').next().unwrap_or_default();
    let page = match named.parse() {
        Ok(revision) => entry_page(visit, revision).await?,
        Err(_) => event_page(visit, named).await?,
    };
    Ok(visit.show("admin_audit_entry.html", &page))
}

async fn entry_page(visit: &Visit, revision: Revision) -> Result<EntryPage, ApiError> {
    let (app, caller) = (&visit.app, visit.caller());
    let (entry, beside, count) = search::entry(app, caller, revision, CHANGES).await?;
    let names = names::of_actors(visit, [entry.actor.as_str()].into_iter()).await?;
    let changes: Vec<Value> = serde_json::from_str(&entry.changes).unwrap_or_default();
    let all = changes.len() + count;
    let changes = changes.iter().chain(&beside).take(CHANGES).map(members);
    let changes: Vec<Vec<Member>> = changes.collect();
    Ok(EntryPage {
        title: revision.to_string(),
        is_event: false,
        at: Some(entry.at.into()),
        actor: actor(&entry.actor, &names),
        mark: entry.mark,
        more: all.saturating_sub(changes.len()),
        changes,
    })
}

/// Returns all members of a change, its action first.
fn members(change: &Value) -> Vec<Member> {
    let members = change.as_object().into_iter().flatten();
    let mut members: Vec<Member> = members
        .map(|(name, value)| Member {
            name: name.clone(),
            value: value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        })
        .collect();
    members.sort_by_key(|member| member.name != "action");
    members
}

async fn event_page(visit: &Visit, id: &str) -> Result<EntryPage, ApiError> {
    let event = search::event(&visit.app, visit.caller(), id).await?;
    let subject_text = as_actor(&event);
    let names = names::of_actors(visit, subject_text.as_deref().into_iter()).await?;
    let member = |name: &str, value: &str| Member {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    Ok(EntryPage {
        title: event.id.clone(),
        is_event: true,
        at: Some(event.at.into()),
        actor: subject(&event, &names),
        changes: vec![vec![
            member("kind", &event.kind),
            member("address", &event.address),
            member("detail", &event.detail),
        ]],
        ..EntryPage::default()
    })
}

/// A file with a part of the log, in the form of the API.
#[derive(Serialize)]
struct File<T> {
    items: Vec<T>,
    /// The address of what follows; null if nothing does.
    next: Option<String>,
}

async fn export(visit: &Visit) -> Result<Response, ApiError> {
    let form = Form::read(&visit.query);
    let Ok(filter) = filter(visit, &form).await? else {
        // the list says what is wrong
        return list(visit).await;
    };
    let part = Part::read(visit, &form, &filter, search::EXPORT).await?;
    let next = part.next();
    let next = next.map(|next| form.address(EXPORT, &form.kind, &next));
    let file = match part {
        Part::Changes(found) => json!(File {
            items: found.rows.into_iter().map(EntryView::from).collect(),
            next,
        }),
        Part::Events(found) => json!(File {
            items: found.rows.into_iter().map(EventView::from).collect(),
            next,
        }),
    };
    let mut response = Json(file).into_response();
    response.extensions_mut().insert(NoCors);
    render::protect(response.headers_mut(), "default-src 'none'", "no-referrer");
    let name = if form.is_of_events() {
        HeaderValue::from_static("attachment; filename=\"audit-events.json\"")
    } else {
        HeaderValue::from_static("attachment; filename=\"audit.json\"")
    };
    response
        .headers_mut()
        .insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}
