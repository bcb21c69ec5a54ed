//! What surrounds every page: the navigation, who is signed in, and what was done.

use minijinja::{Value, context};
use rolecall::Principal;

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
    "admin-done-role-created",
    "admin-done-role-deleted",
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

/// The parts of the frame that are alike on all pages.
pub(super) struct Frame<'a> {
    pub(super) principal: &'a Principal,
    pub(super) tenants: &'a [String],
    pub(super) current: &'static AdminPage,
    pub(super) done: &'static str,
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
            tenants => vec![text], done => "admin-done-saved",
        },
        context! {
            nav => Vec::<Value>::new(), me => "alice", tenant => "", tenants => Vec::<&str>::new(), done => "",
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_texts_can_be_named_by_an_address() {
        assert_eq!(done_named("saved"), "admin-done-saved");
        for other in ["", "admin-done-saved", "wrong-password", "saved "] {
            assert_eq!(done_named(other), "", "{other}");
        }
    }
}
