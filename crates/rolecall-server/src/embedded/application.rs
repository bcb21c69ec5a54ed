//! The routes of rolecall beside those of an application, with one OpenAPI document for both.

use axum::Router;
use rolecall::{GuardedRouter, RouteAccess, openapi, routing};
use serde::Serialize;
use serde_json::Value;

use super::{Embedded, REGISTER};
use crate::{
    app::App,
    oauth,
    pages::admin::nowhere,
    start::StartError,
    web::{
        address::path_of,
        joined::{Described, join},
        late_document::LateDocument,
    },
};

/// The paths of the metadata, which for an issuer with a path come before that path (RFC 8414 section 3.1).
const METADATA: [&str; 2] = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
];

/// An application whose routes and document are joined with rolecall's; [`Embedded::with_application`] returns it.
#[must_use]
pub struct WithApplication<'a, S> {
    login: &'a Embedded,
    routes: GuardedRouter<S>,
    document: Option<Result<Value, serde_json::Error>>,
    prefix: String,
}

impl Embedded {
    /// Answers browsers with pages where `app`, with the layers around it, answers a request below `/admin` of the public URL
    /// with an error that is none: for an unknown address, or a form that is too long. Programs, and every other address,
    /// get what `app` says.
    pub fn with_error_pages(&self, app: Router) -> Router {
        let prefix = path_of(&self.app.settings().public_url);
        nowhere::answer_with_pages(app, &self.app, &self.api_guard, prefix)
    }

    /// Joins the routes of an application with rolecall's, so that `/docs` and `/openapi.json` show both, the
    /// application's first.
    ///
    /// Without a [`document`](WithApplication::document), each route is shown with what the router knows of it: path,
    /// method, access rule, and the name of the handler.
    ///
    /// ```
    /// use rolecall::{GuardedRouter, Require, routing::get};
    /// use rolecall_server::Embedded;
    ///
    /// rolecall::roles! { mod role { Admin = "admin" } }
    ///
    /// #[utoipa::path(get, path = "/items/", responses((status = 200, description = "The items", body = Vec<String>)))]
    /// async fn read_items(_: Require<role::Admin>) -> axum::Json<Vec<String>> {
    ///     axum::Json(vec!["Foo".to_owned()])
    /// }
    ///
    /// #[derive(utoipa::OpenApi)]
    /// #[openapi(paths(read_items), info(title = "Items", version = "1.0.0"))]
    /// struct Document;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), rolecall_server::StartError> {
    /// let login = Embedded::open("sqlite::memory:").await?;
    /// let routes = GuardedRouter::new(login.guard()).route("/items/", get(read_items));
    /// let app: GuardedRouter = login
    ///     .with_application(routes)
    ///     .document(<Document as utoipa::OpenApi>::openapi())
    ///     .routes()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_application<S>(&self, routes: GuardedRouter<S>) -> WithApplication<'_, S> {
        WithApplication {
            login: self,
            routes,
            document: None,
            prefix: String::new(),
        }
    }
}

impl<S: Clone + Send + Sync + 'static> WithApplication<'_, S> {
    /// Sets the OpenAPI 3.1 document of the application: that of utoipa or aide, or a [`serde_json::Value`].
    ///
    /// The access rules need not be in it: they are added from the types of the handlers. Where both documents use a
    /// name, of a schema, an operation or a tag, the application keeps it, and rolecall's gets another, such as
    /// `RolecallUser`.
    pub fn document(mut self, document: impl Serialize) -> Self {
        self.document = Some(serde_json::to_value(document));
        self
    }

    /// Mounts rolecall's routes under `prefix`, for example `/auth`: then the login is at `/auth/token`, and the page at
    /// `/auth/docs`. The [public URL](crate::EmbeddedBuilder::public_url) must end with the same path. The metadata is also
    /// where clients look for it, at `/.well-known/oauth-authorization-server/auth` and
    /// `/.well-known/openid-configuration/auth`.
    pub fn nest(mut self, prefix: &str) -> Self {
        prefix.trim_end_matches('/').clone_into(&mut self.prefix);
        self
    }

    /// Returns the routes of the application and of rolecall.
    ///
    /// # Errors
    ///
    /// [`StartError::Document`] if the document does not describe exactly the routes of the application, or is no OpenAPI
    /// 3.1 document. [`StartError::Prefix`] if the public URL does not end with the prefix, and [`StartError::Clash`] if
    /// the application has a route at a path of rolecall's.
    ///
    /// # Panics
    ///
    /// As [`GuardedRouter::nest`], if the prefix is no path.
    #[track_caller]
    pub fn routes(self) -> Result<GuardedRouter<S>, StartError> {
        let server = self.server()?;
        let refuse = |error: &dyn std::fmt::Display| StartError::Document(error.to_string());
        let table = self.routes.access_table();
        let (own, description) = self.login.own_routes();
        let own_document = description.write();
        let own_document = own_document.map_err(|error| StartError::Failed(error.to_string()))?;
        self.refuse_clash(&table, &own.access_table())?;
        let document = match self.document {
            Some(document) => document.map_err(|error| refuse(&error))?,
            None => openapi::outline("Application", "1.0.0", &table),
        };
        let described = Described {
            document,
            routes: &table,
        };
        let joined = join(described, own_document, &self.prefix, &server);
        let joined = joined.map_err(|error| refuse(&error))?;
        let joined = serde_json::to_string(&joined).map_err(|error| refuse(&error))?;
        self.login.set_document(LateDocument::new(|| Ok(joined)));
        let own = own.with_state(());
        if self.prefix.is_empty() {
            return Ok(self.routes.merge(own));
        }
        let metadata = self.login.metadata_route();
        Ok(self.routes.merge(metadata).nest(&self.prefix, own))
    }

    /// Refuses routes of the application at paths of rolecall's.
    fn refuse_clash(&self, routes: &[RouteAccess], own: &[RouteAccess]) -> Result<(), StartError> {
        let mut clashing: Vec<&str> = Vec::new();
        for own in own {
            let path = format!("{}{}", self.prefix, own.path);
            // a plain router is mounted as the fallback, beside everything
            let mut guarded = routes.iter().filter(|route| route.method.is_some());
            let found = guarded.find(|route| route.is_at(&path));
            clashing.extend(found.map(|route| route.path.as_str()));
        }
        clashing.dedup();
        if clashing.is_empty() {
            return Ok(());
        }
        let url = &self.login.app.settings().public_url;
        let mut advice = if self.prefix.is_empty() {
            format!(
                "put rolecall's under a prefix with `.nest(\"/auth\")` and `.public_url(\"{url}/auth\")`"
            )
        } else {
            "choose another prefix for rolecall's".to_owned()
        };
        if clashing == [format!("{}{REGISTER}", self.prefix)] {
            advice += ", or leave rolecall's registration out with `.own_registration()`";
        }
        advice += ", or choose other paths for yours";
        let paths: Vec<String> = clashing.iter().map(|path| format!("`{path}`")).collect();
        Err(StartError::Clash {
            paths: paths.join(", "),
            advice,
        })
    }

    /// Returns the URL of the application: the public URL without the prefix of rolecall's routes.
    fn server(&self) -> Result<String, StartError> {
        let public_url = &self.login.app.settings().public_url;
        let server = public_url.strip_suffix(self.prefix.as_str());
        server.map(str::to_owned).ok_or_else(|| StartError::Prefix {
            prefix: self.prefix.clone(),
            public_url: public_url.clone(),
        })
    }
}

impl Embedded {
    /// Returns the route at which clients look for the metadata of an issuer with a path.
    fn metadata_route<S: Clone + Send + Sync + 'static>(&self) -> GuardedRouter<S> {
        let path = path_of(&self.app.settings().public_url);
        let mut router = GuardedRouter::<App>::new(self.api_guard.clone());
        for metadata in METADATA {
            let handler = routing::get(oauth::handlers::get_metadata);
            router = router.route(&format!("{metadata}{path}"), handler);
        }
        router.with_state(self.app.clone())
    }
}
