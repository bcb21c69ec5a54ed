//! What surrounds every page: the navigation, who is signed in, and what was done.

use minijinja::{Value, context};
use rolecall::Principal;
use rolecall_core::Revision;

use super::table::AdminPage;

/// The keys of the texts that a redirect after an action may name (`done`).
pub(crate) const DONE: &[&str] = &[
    "admin-done-saved",
    "admin-done-tenant",
    "admin-done-user-disabled",
    "admin-done-user-enabled",
    "admin-done-user-deleted",
    "admin-done-assigned",
    "admin-done-requested",
    "admin-done-unassigned",
    "admin-done-ended",
    "admin-done-mailed",
    "admin-done-bulk",
    "admin-done-invitation-withdrawn",
    "admin-done-role-created",
    "admin-done-role-deleted",
    "admin-done-permission-created",
    "admin-done-permission-deleted",
    "admin-done-policy",
    "admin-done-constraint-created",
    "admin-done-constraint-deleted",
    "admin-done-request-confirmed",
    "admin-done-request-ended",
    "admin-done-client-created",
    "admin-done-client-deleted",
    "admin-done-client-secret-ended",
    "admin-done-resource-created",
    "admin-done-resource-deleted",
    "admin-done-key-rotated",
    "admin-done-key-early",
    "admin-done-key-retired",
];

/// Returns the key that `done` names; empty if there is none.
pub(super) fn done_named(name: &str) -> &'static str {
    let known = DONE
        .iter()
        .find(|one| one.strip_prefix("admin-done-") == Some(name));
    known.copied().unwrap_or_default()
}

/// The last segment of the pages of a user or client that undo an action, by what is said after it.
const OPPOSITES: &[(&str, &[&str])] = &[
    ("assigned", &["unassign", "assign"]),
    ("unassigned", &["assign"]),
    ("user-disabled", &["enable"]),
    ("user-enabled", &["disable"]),
];

/// The words after a change of the policy: an earlier version undoes it.
const OF_POLICY: &[&str] = &[
    "saved",
    "policy",
    "permission-created",
    "permission-deleted",
    "constraint-created",
    "constraint-saved",
    "constraint-deleted",
];

/// Returns the address that undoes what was done, if `address` is one; empty if it is not. An address that somebody made up
/// leads to nothing but such a page, which first says what it will do.
pub(super) fn undo_named<'a>(done: &str, address: &'a str) -> &'a str {
    let path = address.split('?').next().unwrap_or_default();
    let is_safe = |segment: &str| {
        let may_stand = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        !segment.is_empty() && !segment.starts_with('.') && segment.chars().all(may_stand)
    };
    let segments: Vec<&str> = path.split('/').collect();
    let is_opposite = match segments[..] {
        ["", "admin", "users" | "clients", id, word] => {
            let words = OPPOSITES.iter().find(|(one, _)| *one == done);
            is_safe(id) && words.is_some_and(|(_, words)| words.contains(&word))
        }
        ["", "admin", "policy", "history", revision] => {
            OF_POLICY.contains(&done) && revision.parse::<Revision>().is_ok()
        }
        _ => false,
    };
    if is_opposite { address } else { "" }
}

/// The parts of the frame that are alike on all pages.
pub(super) struct Frame<'a> {
    pub(super) principal: &'a Principal,
    pub(super) tenants: &'a [String],
    pub(super) current: &'static AdminPage,
    pub(super) done: &'static str,
    /// The address that undoes it; empty if nothing does.
    pub(super) undo: &'a str,
    /// True if the form of the page has what was entered before a sign-in.
    pub(super) is_kept: bool,
}

impl Frame<'_> {
    /// Returns the variables of the layout. The navigation shows what the caller may see, and nothing else.
    pub(super) fn values(&self) -> Value {
        let shown = self
            .current
            .all
            .iter()
            .filter(|page| page.needs.are_met_by(self.principal));
        let nav = shown.filter_map(|page| {
            // the people of a tenant are of interest only in one
            let key = match page.path {
                "/admin/people" => self.principal.tenant().map(|_| "admin-nav-people"),
                _ => page.nav,
            }?;
            let below = format!("{}/", page.path);
            let is_current = self.current.path == page.path
                || (page.path != "/admin" && self.current.path.starts_with(&below));
            Some(context! { key => key, path => page.path, current => is_current })
        });
        context! {
            nav => nav.collect::<Vec<Value>>(),
            me => self.principal.username(),
            tenant => self.principal.tenant().unwrap_or_default(),
            tenants => self.tenants.to_vec(),
            done => self.done,
            undo => self.undo,
            is_kept => self.is_kept,
        }
    }
}

/// Sample data of the frame.
#[cfg(test)]
pub(crate) fn samples(text: &'static str) -> [Value; 2] {
    let nav = |current: bool| context! { key => "admin-nav-users", path => "/admin/users", current => current };
    [
        context! {
            nav => vec![nav(true), nav(false)], me => text, tenant => text,
            tenants => vec![text], done => "admin-done-saved", undo => text, is_kept => true,
        },
        context! {
            nav => Vec::<Value>::new(), me => "alice", tenant => "", tenants => Vec::<&str>::new(), done => "", undo => "",
            is_kept => false,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_undoes_only_what_was_done() {
        let role = "/admin/users/0197a3c8-5d52/assign?role=editor&tenant=acme";
        assert_eq!(undo_named("unassigned", role), role);
        let of_client = "/admin/clients/shop/unassign?role=editor";
        assert_eq!(undo_named("assigned", of_client), of_client);
        let version = "/admin/policy/history/17";
        assert_eq!(undo_named("policy", version), version);
        for (done, address) in [
            ("", role),
            ("user-disabled", role),
            ("unassigned", version),
            ("unassigned", "/admin/users/x/delete"),
            ("unassigned", "/admin/users/../assign"),
            ("unassigned", "/admin/users//assign"),
            ("unassigned", "//evil.example/admin/users/x/assign"),
            ("unassigned", "https://evil.example/admin/users/x/assign"),
            ("unassigned", "javascript:alert(1)"),
            ("unassigned", "/admin/users/x%2f..%2fassign/assign"),
            ("policy", "/admin/policy/history/x"),
            ("policy", "/admin/policy/history/17/x"),
        ] {
            assert_eq!(undo_named(done, address), "", "{done} {address}");
        }
    }

    #[test]
    fn only_known_texts_can_be_named_by_an_address() {
        assert_eq!(done_named("saved"), "admin-done-saved");
        for other in ["", "admin-done-saved", "wrong-password", "saved "] {
            assert_eq!(done_named(other), "", "{other}");
        }
    }
}
