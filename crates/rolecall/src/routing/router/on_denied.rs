use axum::response::IntoResponse;

use super::GuardedRouter;
use crate::{Denial, routing::denied::DenialFormat};

impl<S> GuardedRouter<S> {
    /// Answers refusals in the application's own format, on the routes that were added before. Routes that have a format
    /// already keep it, and rolecall's own routes keep theirs.
    ///
    /// The answer replaces the refusals of the router and each [`Denial`] that a handler returns as its response, such as
    /// that of [`RequireOr::check`](crate::RequireOr::check). Status, `WWW-Authenticate` and `Retry-After` stay as they
    /// are, unless the answer has its own; a redirect gets no `WWW-Authenticate`. A success would be misunderstood, so
    /// such a status is replaced by that of the denial. The answers 404 and 405 of the router are not refusals and stay
    /// [`Problem`](crate::Problem)s. The access matrix and its test show the denial, not this answer.
    ///
    /// ```
    /// use axum::Json;
    /// use rolecall::{Denial, GuardedRouter, Require, routing::get};
    /// use serde_json::{Value, json};
    /// # fn guard() -> rolecall::Guard { rolecall::testing::TestIssuer::new().guard() }
    ///
    /// rolecall::roles! { mod role { Admin = "admin" } }
    /// async fn read_items(_: Require<role::Admin>) {}
    ///
    /// fn describe(denial: &Denial) -> Json<Value> {
    ///     Json(json!({ "error": { "code": denial.code(), "message": denial.to_string() } }))
    /// }
    ///
    /// let app: axum::Router = GuardedRouter::new(guard())
    ///     .route("/items/", get(read_items))
    ///     .on_denied(describe)
    ///     .into_axum();
    /// ```
    pub fn on_denied<R: IntoResponse>(
        self,
        answer: impl Fn(&Denial) -> R + Send + Sync + 'static,
    ) -> Self {
        self.with_denials(&DenialFormat::own(answer))
    }

    /// Keeps problem documents on the routes that were added before, whatever a router around them says.
    #[doc(hidden)]
    pub fn keep_problems(self) -> Self {
        self.with_denials(&DenialFormat::Problem)
    }

    fn with_denials(mut self, denials: &DenialFormat) -> Self {
        for route in &mut self.routes {
            route.denials.get_or_insert_with(|| denials.clone());
        }
        self
    }
}
