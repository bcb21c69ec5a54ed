//! The rights of the author of an entry, by the entries before it.
//!
//! The log lacks some of what the server checks: the token of the caller, which may have carried less than the caller
//! has, whether the account was active, and roles that work by their name. Whatever it lacks counts in favor of the
//! author, so that no entry that the server made is reported.

use std::collections::{BTreeMap, BTreeSet};

use rolecall::PermissionName as _;
use rolecall_core::Timestamp;
use serde_json::Value;

use super::access::{Access, Span, subjects, text};
use crate::{authority::may, store::Actor, times::parse_rfc3339};

/// Requests for role assignments that are open by the log.
#[derive(Debug, Default)]
pub(super) struct Requests {
    open: BTreeMap<String, Request>,
    /// True if the log has been kept since the database was created, so that it has every request.
    is_complete: bool,
}

/// A request for a role assignment, as its entry has it.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    by: String,
    subject: String,
    role: String,
    tenant: String,
}

impl Request {
    fn of(by: &str, change: &Value) -> Self {
        let member = |name| text(change, name).to_owned();
        Self {
            by: by.to_owned(),
            subject: member("subject"),
            role: member("role"),
            tenant: member("tenant"),
        }
    }
}

impl Requests {
    pub(super) fn new(is_complete: bool) -> Self {
        Self {
            open: BTreeMap::new(),
            is_complete,
        }
    }

    /// Applies a change that `actor` made.
    pub(super) fn apply(&mut self, actor: &str, change: &Value) {
        let id = text(change, "request");
        match text(change, "action") {
            "role.requested" => {
                self.open.remove(text(change, "replaces"));
                self.open.insert(id.to_owned(), Request::of(actor, change));
            }
            "role.request_ended" | "role.assigned" => {
                self.open.remove(id);
            }
            _ => {}
        }
    }

    /// Returns true if `actor` could confirm with `change` a request that another person made.
    fn is_confirmed(&self, actor: &str, change: &Value) -> bool {
        let requester = text(change, "requested_by");
        let is_known = match self.open.get(text(change, "request")) {
            Some(open) => *open == Request::of(requester, change),
            None => !self.is_complete,
        };
        is_known && requester != actor
    }
}

/// The permissions that a subject holds in one tenant or globally.
#[derive(Default)]
struct Held<'a> {
    patterns: BTreeSet<&'a str>,
}

impl Held<'_> {
    fn holds(&self, permission: &str) -> bool {
        let object = permission.split(':').next().unwrap_or_default();
        self.patterns.contains(permission) || self.patterns.contains(format!("{object}:*").as_str())
    }

    fn is_unlimited(&self) -> bool {
        self.holds(may::AssignAny::NAME)
    }

    /// Returns true if the delegation limit lets the subject give `pattern` to others.
    fn covers(&self, pattern: &str) -> bool {
        self.is_unlimited() || self.patterns.contains(pattern) || {
            !pattern.ends_with(":*") && self.holds(pattern)
        }
    }
}

/// The author of an entry, at the time of the entry.
pub(super) struct Author<'a> {
    access: &'a Access,
    requests: &'a Requests,
    actor: &'a str,
    at: Timestamp,
    /// By tenant; what is held globally has none.
    held: BTreeMap<String, Held<'a>>,
}

/// The permissions that a change needs: one of them.
enum Needed {
    Nothing,
    /// Globally.
    Global(&'static [&'static str]),
    /// Globally, with everything that the subject of the change holds.
    OverSubject(&'static str, &'static str),
    /// In the tenant of the change, with everything that its role holds.
    Assignment,
}

const ROLES: Needed = Needed::Global(&[may::WriteRoles::NAME, may::WritePolicy::NAME]);

fn needed(actor: &str, change: &Value) -> Needed {
    match text(change, "action") {
        "role.assigned" | "role.unassigned" | "role.requested" => Needed::Assignment,
        "role.created"
        | "role.deleted"
        | "role.described"
        | "role.by_name"
        | "role.approval"
        | "role.acr"
        | "permission.created"
        | "permission.described"
        | "permission.deleted"
        | "permission.granted"
        | "permission.revoked"
        | "junior.added"
        | "junior.removed"
        | "constraint.created"
        | "constraint.replaced"
        | "constraint.deleted" => ROLES,
        "user.created" => Needed::Global(&[may::WriteUsers::NAME]),
        // users change their own address without a permission
        "user.updated"
            if change["status"].is_null()
                && Actor::subject_in(actor) == Some(text(change, "subject")) =>
        {
            Needed::Nothing
        }
        // and delete their own account where that is offered
        "user.deleted" if Actor::subject_in(actor) == Some(text(change, "subject")) => {
            Needed::Nothing
        }
        "user.updated" | "user.reset" | "user.password_set" | "user.deleted" => {
            Needed::OverSubject(may::WriteUsers::NAME, "subject")
        }
        "user.sessions_ended" => Needed::OverSubject(may::RevokeSessions::NAME, "subject"),
        "client.created" => Needed::Global(&[may::WriteClients::NAME]),
        "client.updated"
        | "client.secret_rotated"
        | "client.previous_secret_ended"
        | "client.deleted" => Needed::OverSubject(may::WriteClients::NAME, "client"),
        "key.rotated" | "key.retired" => Needed::Global(&[may::RotateKeys::NAME]),
        _ => Needed::Nothing,
    }
}

impl<'a> Author<'a> {
    pub(super) fn new(
        access: &'a Access,
        requests: &'a Requests,
        actor: &'a str,
        at: Timestamp,
    ) -> Self {
        Self {
            access,
            requests,
            actor,
            at,
            held: BTreeMap::new(),
        }
    }

    /// Describes why the author had no right to make a change of an entry with these changes, if that is so. None of
    /// the entry may have been applied: a change must not be what permits another one of its entry.
    pub(super) fn objection<'c>(
        &mut self,
        changes: impl Iterator<Item = &'c Value> + Clone,
    ) -> Option<String> {
        // an entry that loosens the rules for its own assignments is judged by the new rules
        let loosens = |change: &Value| {
            matches!(
                text(change, "action"),
                "role.approval" | "role.deleted" | "junior.removed"
            )
        };
        let is_loosened = changes.clone().any(loosens);
        for change in changes {
            let action = text(change, "action");
            if !self.permits(change) {
                let actor = self.actor;
                return Some(format!("no entry gives `{actor}` the right to `{action}`"));
            }
            if action == "role.assigned" && !is_loosened && !self.is_approved(change) {
                let role = text(change, "role");
                return Some(format!(
                    "role `{role}` needs a second person, and no entry requests this assignment"
                ));
            }
        }
        None
    }

    fn permits(&mut self, change: &Value) -> bool {
        let Some(subject) = Actor::subject_in(self.actor) else {
            return true;
        };
        match needed(self.actor, change) {
            Needed::Nothing => true,
            Needed::Global(permissions) => {
                let held = self.held_by(subject, "");
                permissions.iter().any(|one| held.holds(one)) && self.gives_own(subject, change)
            }
            Needed::OverSubject(permission, member) => {
                self.held_by(subject, "").holds(permission)
                    && self.covers_subject(subject, text(change, member))
            }
            Needed::Assignment => self.may_assign(subject, change),
        }
    }

    /// Returns true if `subject` may assign the role of a change in its tenant.
    fn may_assign(&mut self, subject: &str, change: &Value) -> bool {
        let (role, tenant) = (text(change, "role"), text(change, "tenant"));
        let given = self.access.patterns_of([role], !tenant.is_empty());
        let held = self.held_by(subject, tenant);
        held.holds(may::WriteAssignments::NAME) && given.iter().all(|one| held.covers(one))
    }

    /// Returns true if `subject` holds what a change gives to a role.
    fn gives_own(&mut self, subject: &str, change: &Value) -> bool {
        let given = match text(change, "action") {
            "permission.granted" => BTreeSet::from([text(change, "permission")]),
            "junior.added" => self.access.patterns_of([text(change, "junior")], false),
            _ => return true,
        };
        let held = self.held_by(subject, "");
        given.iter().all(|one| held.covers(one))
    }

    /// Returns true if `subject` holds all that `target` holds now or later, in any tenant.
    fn covers_subject(&mut self, subject: &str, target: &str) -> bool {
        let (access, at) = (self.access, self.at);
        let held = self.held_by(subject, "");
        access.assignments_of(target).all(|((role, tenant), span)| {
            let given = access.patterns_of([role.as_str()], !tenant.is_empty());
            has_ended(span, at) || given.iter().all(|one| held.covers(one))
        })
    }

    fn held_by(&mut self, subject: &str, tenant: &str) -> &Held<'a> {
        let (access, at) = (self.access, self.at);
        self.held.entry(tenant.to_owned()).or_insert_with(|| {
            let valid = access
                .assignments_of(subject)
                .filter(|(_, span)| has_begun(span, at) && !has_ended(span, at));
            let (global, local): (Vec<_>, Vec<_>) = valid
                .map(|((role, of), _)| (role.as_str(), of.as_str()))
                .filter(|(_, of)| of.is_empty() || *of == tenant)
                .partition(|(_, of)| of.is_empty());
            let names = |roles: Vec<(&'a str, &'a str)>| roles.into_iter().map(|(role, _)| role);
            let mut patterns = access.patterns_of(names(global), false);
            patterns.extend(access.patterns_of(names(local), true));
            Held { patterns }
        })
    }

    /// Returns true if an assignment needs no second person, or a second person confirms it.
    fn is_approved(&self, change: &Value) -> bool {
        if change["request"].is_string() {
            return self.requests.is_confirmed(self.actor, change);
        }
        let (role, tenant) = (text(change, "role"), text(change, "tenant"));
        let time = |name: &str| change[name].as_str().map(str::to_owned);
        let after = (time("valid_from"), time("expires_at"));
        !self.access.needs_approval(role)
            || subjects(change).all(|subject| {
                let before = self.access.assignment(subject, role, tenant);
                before.is_some_and(|before| !is_gain(before, &after, self.at))
            })
    }
}

fn time_of(text: Option<&String>) -> Option<Timestamp> {
    text.and_then(|text| parse_rfc3339(text))
}

fn has_begun(span: &Span, at: Timestamp) -> bool {
    time_of(span.0.as_ref()).is_none_or(|start| start <= at)
}

fn has_ended(span: &Span, at: Timestamp) -> bool {
    time_of(span.1.as_ref()).is_some_and(|end| end <= at)
}

/// Returns true if an assignment with the time `after` is valid when one with the time `before` is not.
fn is_gain(before: &Span, after: &Span, at: Timestamp) -> bool {
    let start = |span: &Span| time_of(span.0.as_ref()).unwrap_or(at).max(at);
    let end = |span: &Span| time_of(span.1.as_ref()).unwrap_or(Timestamp::MAX);
    end(after) > end(before) || start(after) < start(before)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judge(access: &Access, actor: &str, change: &Value) -> bool {
        let requests = Requests::new(true);
        let at = Timestamp::from_seconds(1_900_000_000);
        let mut author = Author::new(access, &requests, actor, at);
        author.objection(std::iter::once(change)).is_none()
    }

    fn example() -> Access {
        let mut access = Access::default();
        access.assign("lead", "lead", "acme", Span::default());
        let past = (None, Some("2020-01-01T00:00:00Z".to_owned()));
        access.assign("past", "lead", "", past);
        access.assign("desk", "desk", "", Span::default());
        access.assign("boss", "boss", "", Span::default());
        access.assign("u1", "editor", "acme", Span::default());
        access.inherit("lead", "clerk");
        access.grant("clerk", "rolecall.assignments:*");
        access.grant("clerk", "rolecall.users:write");
        access.grant("desk", "rolecall.users:write");
        access.grant("desk", "rolecall.assignments:write");
        access.grant("boss", "rolecall.roles:write");
        access.grant("boss", "rolecall.assignments:write");
        access.grant("boss", "rolecall.clients:write");
        access.grant("boss", "items:*");
        access.grant("editor", "items:write");
        access.require_approval("vault");
        access
    }

    #[test]
    fn y159_an_author_needs_a_right_in_that_tenant_at_that_time_and_within_the_delegation_limit() {
        let access = example();
        let assigned = |role: &str, tenant: Option<&str>| json!({ "action": "role.assigned", "subject": "u2", "role": role, "tenant": tenant });
        let on = |action: &str, member: &str, id: &str| json!({ "action": action, member: id });
        let granted = |permission: &str| json!({ "action": "permission.granted", "role": "editor", "permission": permission });
        for (actor, change, expected) in [
            ("user:lead", assigned("editor", Some("acme")), true),
            ("user:lead", assigned("editor", Some("other")), false),
            ("user:lead", assigned("editor", None), false),
            ("user:past", assigned("editor", None), false),
            ("client:u2", assigned("editor", None), false),
            ("user:boss", assigned("editor", None), true),
            ("user:desk", assigned("editor", None), false),
            ("user:boss", assigned("desk", None), false),
            ("cli:root", assigned("desk", None), true),
            ("app:seed", assigned("desk", None), true),
            ("system", assigned("desk", None), true),
            ("user:boss", granted("items:read"), true),
            ("user:boss", granted("rolecall.users:write"), false),
            ("user:desk", granted("items:read"), false),
            ("user:desk", on("user.reset", "subject", "u2"), true),
            ("user:desk", on("user.reset", "subject", "u1"), false),
            ("user:lead", on("user.reset", "subject", "u2"), false),
            ("user:u2", on("user.updated", "subject", "u2"), true),
            ("user:u2", on("user.updated", "subject", "u3"), false),
            ("user:u2", on("user.deleted", "subject", "u2"), true),
            ("user:u2", on("user.deleted", "subject", "u3"), false),
            (
                "user:boss",
                on("client.secret_rotated", "client", "u1"),
                true,
            ),
            (
                "user:desk",
                on("client.secret_rotated", "client", "u1"),
                false,
            ),
            (
                "user:desk",
                on("constraint.deleted", "constraint", "c"),
                false,
            ),
            (
                "user:boss",
                on("constraint.deleted", "constraint", "c"),
                true,
            ),
            (
                "user:u2",
                on("user.password_changed", "subject", "u2"),
                true,
            ),
        ] {
            assert_eq!(judge(&access, actor, &change), expected, "{actor} {change}");
        }
    }

    #[test]
    fn y159_an_assignment_that_needs_approval_needs_its_request() {
        let access = example();
        let at = Timestamp::from_seconds(1_900_000_000);
        let mut requests = Requests::new(true);
        let members = json!({ "subject": "u2", "role": "vault", "tenant": null, "request": "r1" });
        let with = |name: &str, value: &str, members: &Value| {
            let mut change = members.clone();
            change[name] = json!(value);
            change
        };
        let requested = with("action", "role.requested", &members);
        let assigned = with("action", "role.assigned", &members);
        let confirmed = with("requested_by", "cli:one", &assigned);
        let judge = |requests: &Requests, actor: &str, change: &Value| {
            let mut author = Author::new(&access, requests, actor, at);
            author.objection(std::iter::once(change)).is_none()
        };
        assert!(!judge(&requests, "cli:two", &confirmed), "no request");
        assert!(judge(&Requests::new(false), "cli:two", &confirmed));
        let alone = json!({ "action": "role.assigned", "subject": "u2", "role": "vault" });
        assert!(!judge(&Requests::new(false), "cli:two", &alone));
        requests.apply("cli:one", &requested);
        assert!(judge(&requests, "cli:two", &confirmed));
        let own = with("requested_by", "cli:two", &assigned);
        assert!(!judge(&requests, "cli:two", &own), "another requester");
        assert!(!judge(&requests, "cli:one", &confirmed), "the same person");
        let other = with("subject", "u3", &confirmed);
        assert!(!judge(&requests, "cli:two", &other), "another subject");
        requests.apply("cli:two", &confirmed);
        assert!(!judge(&requests, "cli:two", &confirmed), "used already");
    }
}
