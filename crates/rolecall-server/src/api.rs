//! Every endpoint of the server: mounted, guarded and documented by one registration each.

use axum::handler::Handler;
use rolecall::{Guard, GuardedArgs, GuardedRouter, routing};
use serde_json::{Value, json};
use utoipa::openapi::{HttpMethod, OpenApi, OpenApiBuilder, PathItem, RefOr, Schema};
use utoipa_axum::{router::UtoipaMethodRouter, routes};

use crate::{accounts, app::App, audit, health, http::layers, keys, oauth, roles};

rolecall::permissions! {
    /// rolecall's own permissions, as the guards of its endpoints name them.
    pub(crate) mod may {
        ReadUsers = "rolecall.users:read",
        WriteUsers = "rolecall.users:write",
        RevokeSessions = "rolecall.sessions:revoke",
        ReadAssignments = "rolecall.assignments:read",
        WriteAssignments = "rolecall.assignments:write",
        ReadRoles = "rolecall.roles:read",
        WriteRoles = "rolecall.roles:write",
        ReadAudit = "rolecall.audit:read",
    }
}

/// The name of the security scheme in the document.
const SCHEME: &str = "rolecall";

/// Routes and their description, side by side.
pub(crate) struct Api {
    router: GuardedRouter<App>,
    paths: utoipa::openapi::path::Paths,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Api {
    /// Mounts a handler where its `#[utoipa::path]` says, behind the rule that its first argument says.
    fn mount<H, T>(mut self, documented: UtoipaMethodRouter<App>, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: GuardedArgs + 'static,
    {
        let (schemas, paths, _) = documented;
        for (path, item) in paths.paths {
            for (method, _) in methods_of(&item) {
                self.router = self.router.route(&path, on(&method, handler.clone()));
            }
            let of_path = self.paths.paths.entry(path).or_default();
            of_path.merge_operations(item);
        }
        self.schemas.extend(schemas);
        self
    }
}

fn on<H, T>(method: &HttpMethod, handler: H) -> routing::GuardedMethods<App>
where
    H: Handler<T, App>,
    T: GuardedArgs + 'static,
{
    match method {
        HttpMethod::Post => routing::post(handler),
        HttpMethod::Put => routing::put(handler),
        HttpMethod::Patch => routing::patch(handler),
        HttpMethod::Delete => routing::delete(handler),
        _ => routing::get(handler),
    }
}

fn methods_of(item: &PathItem) -> Vec<(HttpMethod, ())> {
    let of = [
        (HttpMethod::Get, item.get.is_some()),
        (HttpMethod::Post, item.post.is_some()),
        (HttpMethod::Put, item.put.is_some()),
        (HttpMethod::Patch, item.patch.is_some()),
        (HttpMethod::Delete, item.delete.is_some()),
    ];
    of.into_iter().filter(|(_, there)| *there).map(|(method, _)| (method, ())).collect()
}

macro_rules! mount {
    ($api:expr; $($handler:path),+ $(,)?) => { $api$(.mount(routes!($handler), $handler))+ };
}

/// The whole API behind `guard`.
pub(crate) fn api(guard: Guard) -> Api {
    let api = Api { router: GuardedRouter::new(guard), paths: utoipa::openapi::path::Paths::new(), schemas: Vec::new() };
    let api = mount!(api;
        oauth::handlers::issue_token,
        oauth::handlers::get_metadata,
        oauth::handlers::get_jwk_set,
        accounts::handlers::register_user,
        accounts::handlers::replace_password,
        accounts::me_handlers::get_me,
        accounts::me_handlers::update_me,
        accounts::me_handlers::change_my_password,
        accounts::handlers::list_users,
        accounts::handlers::create_user,
        accounts::handlers::get_user,
        accounts::handlers::update_user,
        accounts::handlers::delete_user,
        accounts::handlers::reset_user,
        accounts::handlers::end_user_sessions,
    );
    mount!(api;
        roles::assignment_handlers::list_role_assignments,
        roles::assignment_handlers::assign_role,
        roles::assignment_handlers::unassign_role,
        roles::handlers::list_roles,
        roles::handlers::create_role,
        roles::handlers::get_role,
        roles::handlers::update_role,
        roles::handlers::delete_role,
        roles::handlers::grant_permission,
        roles::handlers::revoke_permission,
        roles::handlers::add_junior,
        roles::handlers::remove_junior,
        roles::permission_handlers::list_permissions,
        roles::permission_handlers::create_permission,
        roles::permission_handlers::delete_permission,
        audit::handlers::list_audit_entries,
        health::get_liveness,
        health::get_readiness,
    )
}
