//! Every endpoint of the server. One registration mounts, guards and documents each of them.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{DefaultBodyLimit, Request, State},
    handler::Handler,
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
};
use http::Method;
use rolecall::{
    Guard, GuardedArgs, GuardedRouter, Principal, RouteAccess, openapi::DocumentError, routing,
};
use serde_json::Value;
use utoipa::openapi::{
    PathItem, RefOr, Schema,
    path::{Operation, ParameterIn},
};
use utoipa_axum::{router::UtoipaMethodRouter, routes};

use crate::{
    accounts,
    app::App,
    audit, clients, consents, decisions, docs,
    error::{ApiError, FieldError},
    factors, feed, forward_auth, health,
    http::{
        LayerOptions, LoggedSubject, PathRule,
        layers::{MAX_BODY_BYTES, describe_errors},
    },
    invitations, keys, oauth, own_data,
    pages::{
        self, OwnForms,
        admin::{routes::Mount, table::AdminPage},
    },
    policy, resources, roles, sessions, tickets,
    web::{address, document, page_operations, profiles},
};

/// Routes with their OpenAPI document.
pub(crate) struct Api {
    router: GuardedRouter<App>,
    paths: utoipa::openapi::Paths,
    schemas: Vec<(String, RefOr<Schema>)>,
    /// The paths at which it mounts nothing.
    left_out: &'static [&'static str],
    /// Refuses forms of other sites, on the routes that are mounted while it is set.
    own_forms: Option<OwnForms>,
    /// Verifies the tokens of browser sessions, on the pages for administrators.
    page_guard: Option<Guard>,
}

impl Mount for Api {
    fn mount_page<H, T>(self, page: &'static AdminPage, method: Method, handler: &H) -> Self
    where
        H: Handler<T, App>,
        T: GuardedArgs + 'static,
    {
        let paths = page_operations::describe(page.path, &method, page.summary);
        let guard = self.page_guard.clone();
        self.mount_documented(Vec::new(), paths, &|method| {
            let methods = routing::on(method, handler.clone()).layer(Extension(page));
            match &guard {
                Some(guard) => methods.layer(Extension(guard.clone())),
                None => methods,
            }
        })
    }
}

impl Api {
    /// Returns an API without routes. The routes that it mounts are behind `guard`.
    fn behind(guard: Guard) -> Self {
        Self {
            left_out: &[],
            own_forms: None,
            page_guard: None,
            router: GuardedRouter::new(guard),
            paths: utoipa::openapi::Paths::new(),
            schemas: Vec::new(),
        }
    }

    /// Mounts a handler at the path of its `#[utoipa::path]`, behind the rule of its first argument.
    fn mount<H, T>(self, documented: UtoipaMethodRouter<App>, handler: &H) -> Self
    where
        H: Handler<T, App>,
        T: GuardedArgs + 'static,
    {
        let (schemas, paths, _) = documented;
        self.mount_documented(schemas, paths, &|method| {
            routing::on(method, handler.clone())
        })
    }

    /// Mounts what `methods` returns at each documented path and method. Not generic, so that it is compiled once and
    /// not for every handler.
    fn mount_documented(
        mut self,
        schemas: Vec<(String, RefOr<Schema>)>,
        mut paths: utoipa::openapi::Paths,
        methods: &dyn Fn(Method) -> routing::GuardedMethods<App>,
    ) -> Self {
        let left_out = self.left_out;
        paths
            .paths
            .retain(|path, _| !left_out.contains(&path.as_str()));
        for (path, item) in &paths.paths {
            for (method, operation) in operations_of(item) {
                let methods = methods(method);
                let methods = match known_parameters(path, operation) {
                    Some(known) => methods.layer(from_fn_with_state(known, refuse_unknown)),
                    None => methods,
                };
                // a policy may be longer than other bodies
                let methods = if policy::body::PATHS.contains(&path.as_str()) {
                    methods.layer(DefaultBodyLimit::max(policy::body::MAX_BYTES))
                } else {
                    methods
                };
                let methods = match &self.own_forms {
                    Some(forms) => forms.guard(methods),
                    None => methods,
                };
                self.router = self.router.route(path, methods);
            }
        }
        self.paths.merge(paths);
        self.schemas.extend(schemas);
        self
    }

    /// Adds the pages for administrators, which find their place in the table and the guard among the extensions.
    fn with_admin_pages(mut self, guard: &Guard) -> Self {
        self.page_guard = Some(guard.clone());
        let mounted = pages::admin::routes::mount(self);
        Self {
            page_guard: None,
            ..mounted
        }
    }

    /// Adds the routes of another API, behind the guard of that.
    fn with(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.paths.merge(other.paths);
        self.schemas.extend(other.schemas);
        self
    }

    /// Returns the routes with their state, and their document.
    ///
    /// # Errors
    ///
    /// If the document and the routes disagree, which a test rules out.
    pub(crate) fn finish(self, app: &App) -> Result<(GuardedRouter<()>, Value), DocumentError> {
        let public_url = app.settings().public_url.as_str();
        let routes = self.router.access_table();
        let mut document = document::write(public_url, &self.paths, &self.schemas, &routes)?;
        profiles::describe(&mut document, &app.settings().profile);
        let prefix = address::path_of(public_url).to_owned();
        let mounted = self
            .router
            .keep_problems()
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .layer(from_fn(finish_answer))
            .layer(from_fn(move |request: Request, next: Next| {
                address::prefix_location(prefix.clone(), request, next)
            }))
            .with_state(app.clone());
        Ok((mounted, document))
    }
}

fn operations_of(item: &PathItem) -> Vec<(Method, &Operation)> {
    let of = [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::PATCH, &item.patch),
        (Method::DELETE, &item.delete),
    ];
    of.into_iter()
        .filter_map(|(method, operation)| operation.as_ref().map(|operation| (method, operation)))
        .collect()
}

/// Returns the query parameters that an operation documents. Others are refused, so that a misspelt one is not ignored.
/// `None` if the operation does not check its query.
fn known_parameters(path: &str, operation: &Operation) -> Option<Arc<[String]>> {
    let strict = path.starts_with("/api/") || path == "/register" || path == "/password";
    let parameters = operation.parameters.iter().flatten();
    strict.then(|| {
        parameters
            .filter_map(|parameter| match parameter {
                RefOr::T(parameter) => Some(parameter),
                RefOr::Ref(_) => None,
            })
            .filter(|parameter| parameter.parameter_in == ParameterIn::Query)
            .map(|parameter| parameter.name.clone())
            .collect()
    })
}

/// Adds the subject of the request to its log line, and describes errors that axum found. In an application, no outer
/// layer does that.
async fn finish_answer(request: Request, next: Next) -> Response {
    let principal = request.extensions().get::<Arc<Principal>>().cloned();
    let mut response = describe_errors(next.run(request).await);
    if let Some(principal) = principal {
        let subject = LoggedSubject(principal.subject().to_owned());
        response.extensions_mut().insert(subject);
    }
    response
}

async fn refuse_unknown(
    State(known): State<Arc<[String]>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let query = request.uri().query().unwrap_or_default();
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        if !known.iter().any(|known| *known == name) {
            let name: String = name.chars().take(80).collect();
            let msg = format!("there is no parameter `{}`", name.escape_debug());
            return Err(ApiError::Invalid(FieldError::query(
                &name,
                "extra_forbidden",
                msg,
            )));
        }
    }
    Ok(next.run(request).await)
}

/// Returns the options of the layers around routes that contain this API, and may be unknown: policy documents are longer than other bodies, and a proxy needs
/// the identity headers in every answer.
pub(crate) fn layer_options(routes: Option<&[RouteAccess]>) -> LayerOptions {
    let documents = policy::body::PATHS.iter().map(|path| PathRule {
        path,
        max_body_bytes: policy::body::MAX_BYTES,
        headers: &[],
        answer: None,
    });
    LayerOptions {
        paths: documents.chain([forward_auth::PATH_RULE]).collect(),
        pages: match routes {
            Some(routes) => pages::paths(routes),
            None => pages::known_paths(),
        },
        ..LayerOptions::default()
    }
}

macro_rules! mount {
    ($api:expr; $($handler:path),+ $(,)?) => { $api$(.mount(routes!($handler), &$handler))+ };
}

/// The guards of the routes.
pub(crate) struct Guards {
    pub(crate) api: Guard,
    /// Of `/forward-auth`, which accepts the tokens of applications too.
    pub(crate) forward_auth: Guard,
    /// Of `POST /api/tickets`, which accepts the tokens for every audience.
    pub(crate) tickets: Guard,
}

/// Returns the whole API of a public URL, except the paths `left_out`.
pub(crate) fn api(guards: Guards, public_url: &str, left_out: &'static [&'static str]) -> Api {
    let proxied = mount!(Api::behind(guards.forward_auth); forward_auth::authorize_request);
    let tickets = mount!(Api::behind(guards.tickets); tickets::handlers::issue_ticket);
    let page_guard = guards.api.clone();
    let base = Api {
        left_out,
        ..Api::behind(guards.api)
    };
    public_routes(sign_in_routes(base, public_url, &page_guard))
        .with(proxied)
        .with(tickets)
}

fn public_routes(base: Api) -> Api {
    let api = mount!(base;
        oauth::handlers::issue_token,
        oauth::handlers::revoke_token,
        oauth::handlers::introspect_token,
        oauth::handlers::get_metadata,
        oauth::handlers::get_openid_configuration,
        oauth::handlers::get_userinfo,
        oauth::handlers::post_userinfo,
        oauth::handlers::get_jwk_set,
        accounts::handlers::register_user,
        accounts::handlers::replace_password,
        accounts::me_handlers::get_me,
        accounts::me_handlers::update_me,
        own_data::handlers::export_me,
        accounts::me_handlers::change_my_password,
        factors::handlers::list_my_factors,
        factors::handlers::add_my_totp,
        factors::handlers::confirm_my_totp,
        factors::passkeys::handlers::add_my_passkey,
        factors::passkeys::handlers::confirm_my_passkey,
        factors::handlers::rename_my_factor,
        factors::handlers::remove_my_factor,
        factors::handlers::make_my_recovery_codes,
        sessions::handlers::list_my_sessions,
        sessions::handlers::end_my_session,
        sessions::handlers::log_out,
        tickets::handlers::redeem_ticket,
        accounts::handlers::list_users,
        accounts::handlers::create_user,
        accounts::handlers::get_user,
        accounts::handlers::update_user,
        accounts::handlers::delete_user,
        accounts::handlers::reset_user,
        accounts::handlers::confirm_reset,
        accounts::handlers::end_user_sessions,
        factors::admin_handlers::list_user_factors,
        factors::admin_handlers::remove_user_factor,
    );
    admin_routes(role_routes(api))
}

/// Mounts the pages, and `/authorize`, which leads to them.
fn sign_in_routes(api: Api, public_url: &str, guard: &Guard) -> Api {
    // applications send people here by forms of their own, and those change nothing by themselves
    let api = mount!(api;
        pages::handlers::authorize,
        pages::handlers::authorize_by_form,
        pages::logout::get_logout,
        pages::logout::post_logout,
    );
    let own_forms = Some(OwnForms::of(public_url));
    let api = Api { own_forms, ..api };
    let api = mount!(api;
        pages::handlers::get_login,
        pages::handlers::post_login,
        pages::handlers::post_continue,
        pages::handlers::post_other,
        pages::handlers::post_choice,
        pages::mail_code::post_send_code,
        pages::mail_code::post_code,
        pages::mail_code::post_send_verification,
        pages::mail_code::post_verification,
        pages::second::post_second,
        pages::second::post_enrol,
        pages::handlers::get_password,
        pages::handlers::post_password,
        pages::handlers::get_consent,
        pages::handlers::post_consent,
        pages::account::get_account,
        pages::account::post_end,
        pages::account::post_withdraw,
        pages::factors::get_factors,
        pages::factors::post_add,
        pages::factors::post_confirm,
        pages::factors::post_rename,
        pages::factors::post_remove,
        pages::factors::post_codes,
        pages::owner::details::get_profile,
        pages::owner::details::post_profile,
        pages::owner::password::get_own_password,
        pages::owner::password::post_own_password,
        pages::owner::data::get_events,
        pages::owner::data::get_export,
        pages::owner::leaving::get_delete,
        pages::owner::leaving::post_delete,
        pages::passkeys::post_passkey,
        pages::passkeys::post_enrol_passkey,
        pages::passkeys::post_add_passkey,
        pages::passkeys::post_confirm_passkey,
        pages::handlers::get_file,
        pages::address::post_address,
        pages::verify::get_verify,
        pages::verify::post_verify,
        pages::invite::get_invite,
        pages::invite::post_invite,
        pages::sign_up::get_sign_up,
        pages::sign_up::post_sign_up,
        pages::reset::get_reset,
        pages::reset::post_reset,
        pages::reset::post_new_password,
    );
    Api {
        own_forms: None,
        ..api.with_admin_pages(guard)
    }
}

/// Mounts the routes of roles, permissions, constraints and role assignments.
fn role_routes(api: Api) -> Api {
    mount!(api;
        roles::assignment_handlers::list_role_assignments,
        roles::assignment_handlers::assign_role,
        roles::assignment_handlers::unassign_role,
        roles::assignment_handlers::list_client_role_assignments,
        roles::assignment_handlers::assign_role_to_client,
        roles::assignment_handlers::unassign_role_from_client,
        roles::request_handlers::list_assignment_requests,
        roles::request_handlers::get_assignment_request,
        roles::request_handlers::confirm_assignment_request,
        roles::request_handlers::end_assignment_request,
        roles::handlers::list_roles,
        roles::handlers::create_role,
        roles::handlers::get_role,
        roles::handlers::update_role,
        roles::handlers::delete_role,
        roles::handlers::grant_permission,
        roles::handlers::revoke_permission,
        roles::handlers::add_junior,
        roles::handlers::remove_junior,
        roles::review_handlers::list_role_holders,
        roles::review_handlers::get_role_reach,
        roles::permission_handlers::list_permissions,
        roles::permission_handlers::create_permission,
        roles::permission_handlers::delete_permission,
        roles::review_handlers::list_permission_holders,
        roles::constraint_handlers::list_constraints,
        roles::constraint_handlers::create_constraint,
        roles::constraint_handlers::get_constraint,
        roles::constraint_handlers::update_constraint,
        roles::constraint_handlers::delete_constraint,
        roles::constraint_handlers::add_constraint_role,
        roles::constraint_handlers::remove_constraint_role,
    )
}

fn admin_routes(api: Api) -> Api {
    mount!(api;
        clients::handlers::list_clients,
        clients::handlers::create_client,
        clients::handlers::get_client,
        clients::handlers::update_client,
        clients::handlers::delete_client,
        clients::handlers::rotate_client_secret,
        clients::handlers::end_previous_client_secret,
        invitations::handlers::list_invitations,
        invitations::handlers::create_invitation,
        invitations::handlers::delete_invitation,
        resources::handlers::list_resources,
        resources::handlers::create_resource,
        resources::handlers::get_resource,
        resources::handlers::update_resource,
        resources::handlers::delete_resource,
        consents::handlers::list_my_consents,
        consents::handlers::withdraw_my_consent,
        consents::handlers::list_user_consents,
        consents::handlers::withdraw_user_consent,
        decisions::handlers::decide,
        decisions::handlers::explain_refusal,
        policy::handlers::get_policy,
        policy::handlers::plan_policy,
        policy::handlers::replace_policy,
        keys::handlers::list_keys,
        keys::handlers::rotate_keys,
        audit::handlers::list_audit_entries,
        feed::handlers::read_feed,
        health::get_liveness,
        health::get_readiness,
        docs::handlers::get_docs,
        docs::handlers::redirect_to_docs,
        docs::handlers::get_docs_file,
        docs::handlers::get_openapi,
    )
}

#[cfg(test)]
mod tests;
