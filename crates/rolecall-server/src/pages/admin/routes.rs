//! The table of the pages: path, needed permission, entry in the navigation, and the handlers of showing it and of its form.
//! Routes, navigation and the check of the permission come from it.

use axum::handler::Handler;
use http::Method;
use rolecall::GuardedArgs;

use super::{
    assign, audit, audit_export, audit_verify, bulk, client_actions, client_form, client_test,
    clients, constraints, decisions, hierarchy, history, invitations, keys, mail, matrix, people,
    permissions, policy, requests, resources, role_edit, role_form, roles, settings, setup, start,
    table::{AdminPage, Needs},
    tenant, user, user_actions, user_form, user_sessions, users,
};
use crate::app::App;

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
        static TABLE: [AdminPage; [$($path),+].len()] = [
            $(AdminPage { path: $path, needs: $needs, nav: $nav, summary: $summary, all: &TABLE }),+
        ];

        /// All pages, those of the navigation in its order.
        pub(crate) static PAGES: &[AdminPage] = &TABLE;

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

/// Stands for the page at an address that no page has, below which the navigation marks none.
pub(super) static NOWHERE: AdminPage = AdminPage {
    path: "",
    needs: Needs::AnyOwn,
    nav: None,
    summary: "",
    all: &TABLE,
};

use Needs::{AnyOwn, Anywhere, Either, Freshly, Global, Nothing};

admin_pages! {
    "/admin", AnyOwn, Some("admin-nav-start"), "What needs doing.", start::get_start;
    "/admin/users", Global("rolecall.users:read"), Some("admin-nav-users"), "Find users.", users::get_users;
    "/admin/users/new", Global("rolecall.users:write"), None, "Create or invite a user.", user_form::get_new, user_form::post_new;
    "/admin/users/bulk", Global("rolecall.users:read"), None, "Change a selection of users.", bulk::get_bulk, bulk::post_bulk;
    "/admin/users/{id}", Either("rolecall.users:read", "rolecall.assignments:read"), None, "A user.", user::get_user;
    "/admin/users/{id}/edit", Freshly("rolecall.users:write"), None, "Change name and address of a user.", user_form::get_edit, user_form::post_edit;
    "/admin/users/{id}/assign", Anywhere("rolecall.assignments:write"), None, "Give a user a role.", assign::get_assign, assign::post_assign;
    "/admin/users/{id}/unassign", Anywhere("rolecall.assignments:write"), None, "Take a role from a user.", assign::get_unassign, assign::post_unassign;
    "/admin/users/{id}/disable", Global("rolecall.users:write"), None, "Disable a user.", user_actions::get_disable, user_actions::post_disable;
    "/admin/users/{id}/enable", Freshly("rolecall.users:write"), None, "Enable a user.", user_actions::get_enable, user_actions::post_enable;
    "/admin/users/{id}/reset", Freshly("rolecall.users:write"), None, "Reset the password of a user.", user_actions::get_reset, user_actions::post_reset;
    "/admin/users/{id}/delete", Freshly("rolecall.users:write"), None, "Delete a user.", user_actions::get_delete, user_actions::post_delete;
    "/admin/users/{id}/sessions", Global("rolecall.sessions:revoke"), None, "End sessions of a user.", user_sessions::get_sessions, user_sessions::post_sessions;
    "/admin/users/{id}/factors", Freshly("rolecall.users:write"), None, "Remove a second factor of a user.", user_actions::get_factors, user_actions::post_factors;
    "/admin/invitations", Global("rolecall.users:read"), Some("admin-nav-invitations"), "Invitations that were not accepted yet.", invitations::get_invitations;
    "/admin/invitations/{invitation}", Global("rolecall.users:read"), None, "An invitation, and its withdrawal.", invitations::get_invitation, invitations::post_invitation;
    "/admin/roles", Global("rolecall.roles:read"), Some("admin-nav-roles"), "The roles.", roles::get_roles;
    "/admin/roles/new", Global("rolecall.roles:write"), None, "Create a role.", role_form::get_new, role_form::post_new;
    "/admin/roles/{role}", Global("rolecall.roles:read"), None, "A role.", roles::get_role;
    "/admin/roles/{role}/edit", Freshly("rolecall.roles:write"), None, "Change a role.", role_edit::get_edit, role_edit::post_edit;
    "/admin/roles/{role}/contents", Global("rolecall.roles:write"), None, "Change what a role gives.", role_form::get_contents, role_form::post_contents;
    "/admin/roles/{role}/delete", Freshly("rolecall.roles:write"), None, "Delete a role.", role_form::get_delete, role_form::post_delete;
    "/admin/permissions", Global("rolecall.roles:read"), None, "Permissions, and a new one.", permissions::get_permissions, permissions::post_permissions;
    "/admin/permissions/{permission}", Global("rolecall.roles:read"), None, "A permission with the roles that give it, and its deletion.", permissions::get_permission, permissions::post_permission;
    "/admin/people", Anywhere("rolecall.assignments:read"), None, "Everybody with a role in the tenant.", people::get_people;
    "/admin/tenant", AnyOwn, None, "Act in another tenant.", tenant::get_tenant, tenant::post_tenant;
    "/admin/matrix", Global("rolecall.policy:read"), Some("admin-nav-matrix"), "Which role holds which permission, and an edit of it.", matrix::get_matrix, matrix::post_matrix;
    "/admin/matrix/preview", Global("rolecall.policy:read"), None, "Who gains and who loses by an edit of the matrix.", matrix::get_preview, matrix::post_preview;
    "/admin/hierarchy", Global("rolecall.roles:read"), Some("admin-nav-hierarchy"), "Which role inherits which.", hierarchy::get_hierarchy;
    "/admin/constraints", Global("rolecall.roles:read"), Some("admin-nav-constraints"), "Constraints, and a new one.", constraints::get_constraints, constraints::post_constraints;
    "/admin/constraints/{constraint}", Global("rolecall.roles:read"), None, "Change or delete a constraint.", constraints::get_constraint, constraints::post_constraint;
    "/admin/requests", Anywhere("rolecall.assignments:read"), Some("admin-nav-requests"), "Requests for roles, and a new one.", requests::get_requests, requests::post_requests;
    "/admin/requests/{request}", Anywhere("rolecall.assignments:read"), None, "Confirm or end a request.", requests::get_request, requests::post_request;
    "/admin/decisions", Global("rolecall.decisions:read"), Some("admin-nav-decisions"), "What somebody may do, and why.", decisions::get_decisions, decisions::post_decisions;
    "/admin/policy", Global("rolecall.policy:read"), Some("admin-nav-policy"), "The policy as a document, planned and put in force.", policy::get_policy, policy::post_policy;
    "/admin/policy/history", Global("rolecall.policy:read"), None, "Documents that were in force.", history::get_history;
    "/admin/policy/history/{revision}", Global("rolecall.policy:read"), None, "What a document changed, and the way back to it.", history::get_version, history::post_version;
    "/admin/clients", Global("rolecall.clients:read"), Some("admin-nav-clients"), "OAuth clients.", clients::get_clients;
    "/admin/clients/new", Global("rolecall.clients:write"), None, "Register a client, also for a program that is known.", client_form::get_new, client_form::post_new;
    "/admin/clients/{id}", Global("rolecall.clients:read"), None, "A client, with what to enter in the program.", clients::get_client;
    "/admin/clients/{id}/edit", Freshly("rolecall.clients:write"), None, "Change a client.", client_form::get_edit, client_form::post_edit;
    "/admin/clients/{id}/secret", Freshly("rolecall.clients:write"), None, "Put a new secret in force, or end the one before.", client_actions::get_secret, client_actions::post_secret;
    "/admin/clients/{id}/assign", Anywhere("rolecall.assignments:write"), None, "Give a client a role.", assign::get_client_assign, assign::post_client_assign;
    "/admin/clients/{id}/unassign", Anywhere("rolecall.assignments:write"), None, "Take a role from a client.", assign::get_client_unassign, assign::post_client_unassign;
    "/admin/clients/{id}/test", Global("rolecall.clients:read"), None, "What the tokens of a sign-in to a client would say.", client_test::get_test;
    "/admin/clients/{id}/delete", Freshly("rolecall.clients:write"), None, "Delete a client.", client_actions::get_delete, client_actions::post_delete;
    "/admin/resources", Global("rolecall.resources:read"), Some("admin-nav-resources"), "APIs that tokens are limited to.", resources::get_resources;
    "/admin/resources/new", Global("rolecall.resources:write"), None, "Register a resource.", resources::get_new, resources::post_new;
    "/admin/resources/{id}", Global("rolecall.resources:read"), None, "A resource, and a change of it.", resources::get_resource, resources::post_resource;
    "/admin/resources/{id}/delete", Freshly("rolecall.resources:write"), None, "Delete a resource.", resources::get_delete, resources::post_delete;
    "/admin/audit", Global("rolecall.audit:read"), Some("admin-nav-audit"), "The audit log, searched by who, what and when.", audit::get_audit;
    "/admin/audit/export", Global("rolecall.audit:read"), None, "A part of the audit log as a file.", audit_export::get_export;
    "/admin/audit/verify", Global("rolecall.audit:read"), None, "Verify the audit log.", audit_verify::get_verify, audit_verify::post_verify;
    "/admin/audit/{entry}", Global("rolecall.audit:read"), None, "An entry or an event of the audit log.", audit::get_entry;
    "/admin/keys", Global("rolecall.keys:read"), Some("admin-nav-keys"), "The signing keys.", keys::get_keys;
    "/admin/keys/rotate", Global("rolecall.keys:rotate"), None, "Rotate the signing keys.", keys::get_rotate, keys::post_rotate;
    "/admin/keys/{kid}/retire", Freshly("rolecall.keys:rotate"), None, "Retire a signing key.", keys::get_retire, keys::post_retire;
    "/admin/mail", Global("rolecall.users:read"), Some("admin-nav-mail"), "Mails that wait or failed, and a test message.", mail::get_mail, mail::post_mail;
    "/admin/settings", Global("rolecall.keys:rotate"), Some("admin-nav-settings"), "The settings, and where each comes from.", settings::get_settings;
    "/admin/setup", Nothing, None, "Create the first administrator, with the code that the server has printed.", setup::get_setup, setup::post_setup;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::authority::may;

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
    fn each_page_names_permissions_that_exist() {
        for page in PAGES {
            match page.needs {
                Nothing => assert_eq!(page.path, "/admin/setup"),
                AnyOwn => assert!(
                    ["/admin", "/admin/tenant"].contains(&page.path),
                    "{}",
                    page.path
                ),
                Global(permission) | Freshly(permission) | Anywhere(permission) => {
                    assert!(may::ALL.contains(&permission), "{permission}");
                }
                Either(global, anywhere) => {
                    assert!(may::ALL.contains(&global) && may::ALL.contains(&anywhere));
                }
            }
        }
    }
}
