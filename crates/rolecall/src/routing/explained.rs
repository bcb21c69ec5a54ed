//! The members of a problem that explain a refusal to the caller.

use std::sync::Arc;

use axum::{
    body::{Body, HttpBody as _},
    response::Response,
};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};

use crate::{Denial, Principal, Problem, Rule, guard::explain};

/// A caller whom the handler may still refuse, and the rule that they met so far.
pub(super) struct Asked {
    pub(super) rule: Rule,
    pub(super) principal: Arc<Principal>,
}

impl Asked {
    /// Explains the refusal by a rule on data as the router explains its own. Other answers stay as they are.
    pub(super) fn explain_refusal(&self, response: Response) -> Response {
        let denial = response.extensions().get::<Denial>();
        let Some(denial @ (Denial::Forbidden { .. } | Denial::StepUp { .. })) = denial else {
            return response;
        };
        let problem = denial.clone().into_problem();
        if !is_body_of(&problem, &response) {
            return response;
        }
        let body = explain(problem, &self.rule, &self.principal).to_json();
        let (mut parts, _) = response.into_parts();
        parts.headers.remove(CONTENT_LENGTH);
        Response::from_parts(parts, Body::from(body.to_string()))
    }
}

/// Returns false if the application has put another body in place of the problem.
fn is_body_of(problem: &Problem, response: &Response) -> bool {
    let is_problem = response.headers().get(CONTENT_TYPE);
    let is_problem = is_problem.is_some_and(|kind| kind == Problem::MEDIA_TYPE);
    let length = problem.to_json().to_string().len() as u64;
    is_problem && response.body().size_hint().exact() == Some(length)
}
