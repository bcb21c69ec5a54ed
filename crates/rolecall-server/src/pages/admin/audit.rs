//! The audit log: searched by who, what and when, and entry by entry.

use std::sync::Arc;

use axum::response::Response;
use rolecall::{Principal, Public};
use rolecall_core::{Revision, Timestamp};
use serde_json::Value;

use super::{
    super::submitted::Submitted,
    faults::Faults,
    links::link,
    names::{self, Names},
    requests::until,
    users,
    views::audit::{Actor, Audit, Entry as EntryPage, Form, Member, Row},
    visit::Visit,
};
use crate::{
    app::App,
    audit::{
        filter::Filter,
        lines::change_line,
        search::{self, Found},
        store::Event,
    },
    authority::caller::Caller,
    error::ApiError,
    heavy::Purpose,
    store::{self, Entry},
};

const AUDIT: &str = "/admin/audit";
pub(super) const EXPORT: &str = "/admin/audit/export";
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

/// An entry, or an event.
pub(crate) async fn get_entry(_: Public, visit: Visit) -> Response {
    visit.answer(one(&visit).await).await
}

impl Form {
    pub(super) fn read(query: &Submitted) -> Self {
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

    pub(super) fn is_of_events(&self) -> bool {
        self.kind == "events"
    }

    /// Returns the address of the list or the file with the same filter.
    pub(super) fn address(&self, path: &str, kind: &str, after: &str) -> String {
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
pub(super) async fn filter(visit: &Visit, form: &Form) -> Result<Result<Filter, Faults>, ApiError> {
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

/// A page of the log: changes or events.
enum Part {
    Changes(Found<Listed, Revision>),
    Events(Found<Event, String>),
}

/// An entry in the list.
struct Listed {
    revision: Revision,
    at: Timestamp,
    actor: String,
    lines: Vec<Line>,
    /// The changes without a line.
    more: usize,
}

/// A change, and whom it is about, as an actor.
struct Line {
    text: String,
    subject: Option<String>,
}

impl From<Entry> for Listed {
    fn from(entry: Entry) -> Self {
        let changes = changes_of(&entry);
        let line = |change: &Value| Line {
            text: change_line(change).chars().take(LINE).collect(),
            subject: subject_of(change),
        };
        Self {
            revision: entry.revision,
            at: entry.at,
            more: changes.len().saturating_sub(LINES),
            lines: changes.iter().take(LINES).map(line).collect(),
            actor: entry.actor,
        }
    }
}

impl Part {
    /// Reads a page in a turn: entries can be as large as the policy.
    async fn read(visit: &Visit, form: &Form, filter: Filter) -> Result<Self, ApiError> {
        let after = visit.query.get("after").to_owned();
        let is_of_events = form.is_of_events();
        let work = async move |app: App, principal: Arc<Principal>| {
            let caller = Caller::Token(&principal);
            if is_of_events {
                let found = search::events(&app, caller, &filter, &after, search::PAGE).await?;
                return Ok(Self::Events(found));
            }
            let before = after.parse().ok();
            let found = search::entries(&app, caller, &filter, before, search::PAGE).await?;
            Ok(Self::Changes(Found {
                rows: found.rows.into_iter().map(Listed::from).collect(),
                next: found.next,
            }))
        };
        visit.in_turn(Purpose::Audit, work).await
    }

    fn next(&self) -> Option<String> {
        match self {
            Self::Changes(found) => found.next.map(|next| next.to_string()),
            Self::Events(found) => found.next.clone(),
        }
    }
}

pub(super) async fn list(visit: &Visit) -> Result<Response, ApiError> {
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
            let part = Part::read(visit, &form, filter).await?;
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
            let lines = found.rows.iter().flat_map(|entry| &entry.lines);
            let subjects = lines.filter_map(|line| line.subject.as_deref());
            let names = names::of_actors(visit, actors.chain(subjects)).await?;
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

fn changes_of(entry: &Entry) -> Vec<Value> {
    serde_json::from_str(&entry.changes).unwrap_or_default()
}

/// Returns whom a change is about, as an actor.
fn subject_of(change: &Value) -> Option<String> {
    let id = change.get("subject")?.as_str()?;
    Some(store::Actor::User(id.to_owned()).to_string())
}

/// Returns the name of the user who is an actor, if the caller may see it.
fn user_in<'a>(actor: &str, names: &'a Names) -> Option<&'a str> {
    let id = actor.strip_prefix("user:")?;
    names.get(id).map(String::as_str)
}

fn row(entry: &Listed, names: &Names) -> Row {
    let line = |line: &Line| match line.subject.as_deref().and_then(|one| user_in(one, names)) {
        Some(name) => format!("{} ({name})", line.text),
        None => line.text.clone(),
    };
    Row {
        href: format!("{AUDIT}/{}", entry.revision),
        title: entry.revision.to_string(),
        at: entry.at.into(),
        actor: actor(&entry.actor, names),
        more: entry.more,
        lines: entry.lines.iter().map(line).collect(),
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
    let changes = changes_of(&entry);
    let all = changes.len() + count;
    let changes = || changes.iter().chain(&beside).take(CHANGES);
    let people = changes().filter_map(subject_of).take(CHANGES - 1);
    let people: Vec<String> = people.collect();
    let people = people.iter().map(String::as_str);
    let people = people.chain([entry.actor.as_str()]);
    let names = names::of_actors(visit, people).await?;
    let changes: Vec<Vec<Member>> = changes().map(|one| members(one, &names)).collect();
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
fn members(change: &Value, names: &Names) -> Vec<Member> {
    let subject = subject_of(change);
    let user = subject.as_deref().and_then(|one| user_in(one, names));
    let shown = |name: &str, value: &Value| {
        let text = value.as_str();
        let text = text.map_or_else(|| value.to_string(), str::to_owned);
        match user.filter(|_| name == "subject") {
            Some(user) => format!("{text} ({user})"),
            None => text,
        }
    };
    let members = change.as_object().into_iter().flatten();
    let mut members: Vec<Member> = members
        .map(|(name, value)| Member {
            name: name.clone(),
            value: shown(name, value),
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
