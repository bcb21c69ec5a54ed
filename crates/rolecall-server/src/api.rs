//! Every endpoint of the server: mounted, guarded and documented by one registration each.

use std::sync::Arc;

use axum::{
    extract::{DefaultBodyLimit, Request, State},
    handler::Handler,
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use rolecall::{
    Guard, GuardedArgs, GuardedRouter,
    openapi::{self, DocumentError},
    routing,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::{
    ToSchema,
    openapi::{
        ComponentsBuilder, HttpMethod, Info, OpenApiBuilder, PathItem, RefOr, Schema,
        path::{Operation, ParameterIn},
        security::{Flow, OAuth2, Password, Scopes, SecurityScheme},
    },
};
use utoipa_axum::{router::UtoipaMethodRouter, routes};

use crate::{
    accounts,
    app::App,
    audit, docs,
    error::{ApiError, FieldError},
    health,
    http::layers::MAX_BODY_BYTES,
    oauth, roles,
};

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
    paths: utoipa::openapi::Paths,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Api {
    /// Mounts a handler where its `#[utoipa::path]` says, behind the rule that its first argument says.
    fn mount<H, T>(mut self, documented: UtoipaMethodRouter<App>, handler: &H) -> Self
    where
        H: Handler<T, App>,
        T: GuardedArgs + 'static,
    {
        let (schemas, paths, _) = documented;
        for (path, item) in &paths.paths {
            for (method, operation) in operations_of(item) {
                let methods = on(&method, handler.clone());
                let methods = match known_parameters(path, operation) {
                    Some(known) => methods.layer(from_fn_with_state(known, refuse_unknown)),
                    None => methods,
                };
                self.router = self.router.route(path, methods);
            }
        }
        self.paths.merge(paths);
        self.schemas.extend(schemas);
        self
    }

    /// The routes with their state; the document about them is kept where `/openapi.json` finds it.
    ///
    /// # Errors
    ///
    /// If document and routes disagree, which a test rules out.
    pub(crate) fn finish(self, app: &App) -> Result<GuardedRouter<()>, DocumentError> {
        let document = document(&self)?;
        let _ = app.parts().document.set(document.to_string().into());
        Ok(self
            .router
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .with_state(app.clone()))
    }
}

/// The `OpenAPI` document: what the handlers say, with security from the guards' types.
fn document(api: &Api) -> Result<Value, DocumentError> {
    let mut components = ComponentsBuilder::new();
    for (name, schema) in &api.schemas {
        components = components.schema(name, schema.clone());
    }
    let flow = Flow::Password(Password::new("/token", scopes(api)));
    components = components.security_scheme(SCHEME, SecurityScheme::OAuth2(OAuth2::new([flow])));
    let mut info = Info::new("rolecall", env!("CARGO_PKG_VERSION"));
    info.description = Some("Log-in, roles and permissions.".to_owned());
    let built = OpenApiBuilder::new()
        .info(info)
        .paths(api.paths.clone())
        .components(Some(components.build()))
        .build();
    let mut document = serde_json::to_value(built).unwrap_or_default();
    openapi::secure(&mut document, &api.router.access_table(), SCHEME)?;
    Ok(document)
}

/// What the log-in on the page offers to ask for.
fn scopes(api: &Api) -> Scopes {
    let table = api.router.access_table();
    let names: std::collections::BTreeSet<String> =
        table.iter().flat_map(|route| route.rule.names()).collect();
    names
        .into_iter()
        .map(|name| (name, String::new()))
        .collect()
}

/// An error, as RFC 9457 writes it.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// A URI that ends in the code of the error.
    r#type: String,
    title: String,
    status: u16,
    /// What went wrong, in words.
    detail: String,
    /// What is wrong with which member, as `FastAPI` tells it.
    errors: Option<Vec<ProblemField>>,
    /// The rule that stands against it.
    rule: Option<String>,
    roles: Option<Vec<String>>,
    permissions: Option<Vec<String>>,
    path: Option<Vec<String>>,
}

/// A member that cannot be taken.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemField {
    loc: Vec<String>,
    msg: String,
    r#type: String,
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

fn operations_of(item: &PathItem) -> Vec<(HttpMethod, &Operation)> {
    let of = [
        (HttpMethod::Get, &item.get),
        (HttpMethod::Post, &item.post),
        (HttpMethod::Put, &item.put),
        (HttpMethod::Patch, &item.patch),
        (HttpMethod::Delete, &item.delete),
    ];
    of.into_iter()
        .filter_map(|(method, operation)| operation.as_ref().map(|operation| (method, operation)))
        .collect()
}

/// The query parameters that an operation documents: others are refused, so that a misspelt one is not
/// taken for none. `None` where the query is not looked at.
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

macro_rules! mount {
    ($api:expr; $($handler:path),+ $(,)?) => { $api$(.mount(routes!($handler), &$handler))+ };
}

/// The whole API behind `guard`.
pub(crate) fn api(guard: Guard) -> Api {
    let api = Api {
        router: GuardedRouter::new(guard),
        paths: utoipa::openapi::Paths::new(),
        schemas: Vec::new(),
    };
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
        docs::handlers::get_docs,
        docs::handlers::get_docs_file,
        docs::handlers::get_openapi,
    )
}
