//! The table of the pages: path, needed permission, entry in the navigation, and the handlers of showing it and of its form.
//! Routes, navigation and the check of the permission come from it.

use axum::handler::Handler;
use http::Method;
use rolecall::{GuardedArgs, PermissionName as _, Principal};

use super::{
    constraints, decisions, hierarchy, history, matrix, policy, requests, start, tenant,
};
use crate::{app::App, authority::may, login::acting};

/// What a page needs before its handler runs. Services ask again, and for more where an action needs more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing: nobody can be signed in yet.
    Nothing,
    /// Any permission of rolecall itself.
    AnyOwn,
    /// This permission, held globally.
    Global(&'static str),
    /// This permission, held globally or in the tenant that the caller has chosen.
    Anywhere(&'static str),
}

impl Needs {
    /// Returns true if the caller has what the page needs.
    pub(super) fn are_met_by(self, principal: &Principal) -> bool {
        match self {
            Self::Nothing => true,
            Self::AnyOwn => acting::is_administrator(principal),
            Self::Global(permission) => principal.has_global_permission(permission),
            Self::Anywhere(permission) => principal.has_permission(permission),
        }
    }

    /// Returns the permission, if one in particular is needed.
    pub(super) fn permission(self) -> Option<&'static str> {
        match self {
            Self::Nothing | Self::AnyOwn => None,
            Self::Global(permission) | Self::Anywhere(permission) => Some(permission),
        }
    }
}

/// A page.
#[derive(Debug)]
pub(crate) struct AdminPage {
    pub(crate) path: &'static str,
    pub(super) needs: Needs,
    /// The key of its entry in the navigation.
    pub(super) nav: Option<&'static str>,
    /// What it does, for the document of the API.
    pub(crate) summary: &'static str,
}

/// Mounts the handlers of the pages.
pub(crate) trait Mount: Sized {
    /// Mounts a handler for one method of a page, which finds the page among the extensions of the request.
    #[must_use]
    fn mount_page<H, T>(self, page: &'static AdminPage, method: Method, handler: &H) -> Self
    where
        H: Handler<T, App>,
        T: GuardedArgs + 'static;
}

macro_rules! admin_pages {
    ($($path:literal, $needs:expr, $nav:expr, $summary:literal, $get:path $(, $post:path)?;)+) => {
        /// All pages, those of the navigation in its order.
        pub(crate) static PAGES: &[AdminPage] = &[
            $(AdminPage { path: $path, needs: $needs, nav: $nav, summary: $summary }),+
        ];

        /// Mounts all pages.
        pub(crate) fn mount<M: Mount>(to: M) -> M {
            let mut pages = PAGES.iter();
            $(
                let Some(page) = pages.next() else { return to };
                let to = to.mount_page(page, Method::GET, &$get);
                $(let to = to.mount_page(page, Method::POST, &$post);)?
            )+
            to
        }
    };
}

use Needs::{AnyOwn, Anywhere, Global, Nothing};

admin_pages! {
    "/admin", AnyOwn, Some("admin-nav-start"), "What needs doing.", start::get_start;
    "/admin/tenant", AnyOwn, None, "Act in another tenant.", tenant::get_tenant, tenant::post_tenant;
    "/admin/matrix", Global(may::ReadPolicy::NAME), Some("admin-nav-matrix"), "Which role holds which permission, and an edit of it.", matrix::get_matrix, matrix::post_matrix;
    "/admin/matrix/preview", Global(may::ReadPolicy::NAME), None, "Who gains and who loses by an edit of the matrix.", matrix::get_preview, matrix::post_preview;
    "/admin/hierarchy", Global(may::ReadRoles::NAME), Some("admin-nav-hierarchy"), "Which role inherits which.", hierarchy::get_hierarchy;
    "/admin/constraints", Global(may::ReadRoles::NAME), Some("admin-nav-constraints"), "Constraints, and a new one.", constraints::get_constraints, constraints::post_constraints;
    "/admin/constraints/{constraint}", Global(may::ReadRoles::NAME), None, "Change or delete a constraint.", constraints::get_constraint, constraints::post_constraint;
    "/admin/requests", Anywhere(may::ReadAssignments::NAME), Some("admin-nav-requests"), "Requests for roles, and a new one.", requests::get_requests, requests::post_requests;
    "/admin/requests/{request}", Anywhere(may::ReadAssignments::NAME), None, "Confirm or end a request.", requests::get_request, requests::post_request;
    "/admin/decisions", Global(may::ReadDecisions::NAME), Some("admin-nav-decisions"), "What somebody may do, and why.", decisions::get_decisions, decisions::post_decisions;
    "/admin/policy", Global(may::ReadPolicy::NAME), Some("admin-nav-policy"), "The policy as a document, planned and put in force.", policy::get_policy, policy::post_policy;
    "/admin/policy/history", Global(may::ReadPolicy::NAME), None, "Documents that were in force.", history::get_history;
    "/admin/policy/history/{revision}", Global(may::ReadPolicy::NAME), None, "What a document changed, and the way back to it.", history::get_version, history::post_version;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_path_is_below_admin_and_there_once() {
        let paths: BTreeSet<&str> = PAGES.iter().map(|page| page.path).collect();
        assert_eq!(paths.len(), PAGES.len());
        for page in PAGES {
            assert!(
                page.path == "/admin" || page.path.starts_with("/admin/"),
                "{}",
                page.path
            );
            assert!(page.summary.ends_with('.'), "{}", page.path);
        }
    }

    #[test]
    fn only_the_first_run_needs_nothing_and_others_name_a_permission_that_exists() {
        for page in PAGES {
            match page.needs {
                Nothing => assert_eq!(page.path, "/admin/setup"),
                AnyOwn => assert!(
                    ["/admin", "/admin/tenant"].contains(&page.path),
                    "{}",
                    page.path
                ),
                Global(permission) | Anywhere(permission) => {
                    assert!(may::ALL.contains(&permission), "{permission}");
                }
            }
        }
    }
}
