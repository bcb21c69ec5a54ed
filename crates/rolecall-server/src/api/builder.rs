//! Routes with their OpenAPI document: each is mounted behind its guard, and documented, by one call.

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
use utoipa_axum::router::UtoipaMethodRouter;

use crate::{
    app::App,
    error::{ApiError, FieldError},
    http::{
        LoggedSubject,
        layers::{MAX_BODY_BYTES, describe_errors},
    },
    pages::{
        self, OwnForms,
        admin::{routes::Mount, table::AdminPage},
    },
    policy,
    profile::declared::ProfileFields,
    web::{address, document, page_operations, profiles},
};

/// Routes with their OpenAPI document.
pub(crate) struct Api {
    pub(super) router: GuardedRouter<App>,
    pub(super) paths: utoipa::openapi::Paths,
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
    /// The paths at which it mounts nothing.
    pub(super) left_out: &'static [&'static str],
    /// Refuses forms of other sites, on the routes that are mounted while it is set.
    pub(super) own_forms: Option<OwnForms>,
    /// Verifies the tokens of browser sessions, on the pages for administrators.
    pub(super) page_guard: Option<Guard>,
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
            let is_form = method == Method::POST;
            let methods = routing::on(method, handler.clone()).layer(Extension(page));
            // a sign-in that comes between leads back to what was entered
            let methods = if is_form {
                methods.layer(from_fn(pages::read_form_early))
            } else {
                methods
            };
            match &guard {
                Some(guard) => methods.layer(Extension(guard.clone())),
                None => methods,
            }
        })
    }
}

impl Api {
    /// Returns an API without routes. The routes that it mounts are behind `guard`.
    pub(super) fn behind(guard: Guard) -> Self {
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
    pub(super) fn mount<H, T>(self, documented: UtoipaMethodRouter<App>, handler: &H) -> Self
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
    pub(super) fn with_admin_pages(mut self, guard: &Guard) -> Self {
        self.page_guard = Some(guard.clone());
        let mounted = pages::admin::routes::mount(self);
        Self {
            page_guard: None,
            ..mounted
        }
    }

    /// Adds the routes of another API, behind the guard of that.
    pub(super) fn with(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.paths.merge(other.paths);
        self.schemas.extend(other.schemas);
        self
    }

    /// Returns the routes with their state, and the parts of their document.
    pub(crate) fn finish(self, app: &App) -> (GuardedRouter<()>, Description) {
        let public_url = app.settings().public_url.as_str();
        let description = Description {
            public_url: public_url.to_owned(),
            routes: self.router.access_table(),
            paths: self.paths,
            schemas: self.schemas,
            profile: app.settings().profile.clone(),
        };
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
        (mounted, description)
    }
}

/// The parts of an API from which its OpenAPI document is written.
pub(crate) struct Description {
    public_url: String,
    routes: Vec<RouteAccess>,
    paths: utoipa::openapi::Paths,
    schemas: Vec<(String, RefOr<Schema>)>,
    profile: ProfileFields,
}

impl Description {
    /// Writes the document.
    ///
    /// # Errors
    ///
    /// If the document and the routes disagree, which a test rules out.
    pub(crate) fn write(&self) -> Result<Value, DocumentError> {
        let (paths, schemas) = (&self.paths, &self.schemas);
        let mut document = document::write(&self.public_url, paths, schemas, &self.routes)?;
        profiles::describe(&mut document, &self.profile);
        Ok(document)
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
