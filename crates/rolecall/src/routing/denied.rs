use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};

use crate::Denial;

/// The form in which a route refuses requests.
#[derive(Clone, Default)]
pub(super) enum DenialFormat {
    /// Problem documents, whatever the router around it says.
    #[default]
    Problem,
    /// The application's own.
    Own(Arc<dyn Fn(&Denial) -> Response + Send + Sync>),
}

impl DenialFormat {
    pub(super) fn own<R: IntoResponse>(
        answer: impl Fn(&Denial) -> R + Send + Sync + 'static,
    ) -> Self {
        Self::Own(Arc::new(move |denial| answer(denial).into_response()))
    }

    /// Returns true for the form that denials have by themselves.
    pub(super) fn is_problem(&self) -> bool {
        matches!(self, Self::Problem)
    }

    /// Returns the answer in this form in place of `problem`, whose headers it gets, unless it has them: without the
    /// challenge, clients do not know that they need a token. A redirect gets no challenge: it belongs to a 401 or 403.
    pub(super) fn apply(&self, denial: &Denial, problem: Response) -> Response {
        let Self::Own(answer) = self else {
            return problem;
        };
        let mut answer = answer(denial);
        // INVARIANT: a refusal never looks like a success, as one without a status of its own would
        if answer.status().is_success() || answer.status().is_informational() {
            *answer.status_mut() = denial.status();
        }
        let is_redirect = answer.status().is_redirection();
        for (name, value) in problem.headers() {
            let is_left_out = *name == CONTENT_TYPE
                || *name == CONTENT_LENGTH
                || (is_redirect && *name == WWW_AUTHENTICATE);
            if !is_left_out {
                let header = answer.headers_mut().entry(name.clone());
                header.or_insert_with(|| value.clone());
            }
        }
        answer.extensions_mut().insert(denial.clone());
        answer
    }

    /// Does the same with a response that is a denial, such as that of a rule on data.
    pub(super) fn apply_to(&self, response: Response) -> Response {
        if self.is_problem() {
            return response;
        }
        match response.extensions().get::<Denial>().cloned() {
            Some(denial) => self.apply(&denial, response),
            None => response,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Json;
    use http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE},
    };
    use serde_json::json;

    use super::*;

    fn apply<R: IntoResponse>(
        denial: &Denial,
        answer: impl Fn(&Denial) -> R + Send + Sync + 'static,
    ) -> Response {
        let problem = denial.clone().into_response();
        DenialFormat::own(answer).apply(denial, problem)
    }

    #[test]
    fn status_and_headers_stay_unless_the_answer_has_them() {
        let json = |denial: &Denial| Json(json!({ "code": denial.code() }));
        let response = apply(&Denial::NotAuthenticated, json);
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert!(response.extensions().get::<Denial>().is_some());
        let response = apply(&Denial::Unavailable, json);
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[RETRY_AFTER], "1");

        let own = |_: &Denial| {
            let challenge = [(WWW_AUTHENTICATE, HeaderValue::from_static("Own"))];
            (StatusCode::NOT_FOUND, challenge)
        };
        let response = apply(&Denial::NotAuthenticated, own);
        assert_eq!(response.status(), 404);
        let challenges = response.headers().get_all(WWW_AUTHENTICATE);
        assert_eq!(challenges.iter().collect::<Vec<_>>(), ["Own"]);
    }

    #[test]
    fn a_refusal_never_looks_like_a_success() {
        for status in [200, 201, 204, 299] {
            let status = StatusCode::from_u16(status).unwrap();
            let response = apply(&Denial::NotAuthenticated, move |_| status);
            assert_eq!(response.status(), 401);
        }
        let response = apply(&Denial::NotAuthenticated, |_| StatusCode::SEE_OTHER);
        assert_eq!(response.status(), 303);
    }

    #[test]
    fn a_redirect_has_no_challenge_but_its_own() {
        let response = apply(&Denial::NotAuthenticated, |_| StatusCode::SEE_OTHER);
        assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        let own = |_: &Denial| (StatusCode::SEE_OTHER, [(WWW_AUTHENTICATE, "Own")]);
        let response = apply(&Denial::NotAuthenticated, own);
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Own");
    }
}
