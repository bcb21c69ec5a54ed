//! The answer to a request that is refused.

use ::rolecall::{Refusal, Rule};
use pyo3::{prelude::*, types::PyBytes};

/// The answer to a request that is refused: status, headers and body.
#[pyclass(frozen, module = "rolecall")]
pub(crate) struct Answer {
    /// The status.
    #[pyo3(get)]
    status: u16,
    /// The end of the problem's type, such as `invalid_token`.
    #[pyo3(get)]
    code: &'static str,
    /// The headers, as pairs of text.
    #[pyo3(get)]
    headers: Vec<(String, String)>,
    body: String,
}

#[pymethods]
impl Answer {
    /// The body, a problem document (RFC 9457).
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.body.as_bytes())
    }

    /// The body as text.
    #[getter]
    fn text(&self) -> &str {
        &self.body
    }

    /// The value of `WWW-Authenticate`.
    #[getter]
    fn www_authenticate(&self) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(name, _)| name == "www-authenticate");
        found.map(|(_, value)| value.as_str())
    }

    fn __repr__(&self) -> String {
        format!("<Answer {} {}>", self.status, self.code)
    }
}

impl Answer {
    pub(crate) fn of(refusal: &Refusal, rule: &Rule) -> Self {
        Self::from_problem(&refusal.problem(rule))
    }

    pub(crate) fn from_problem(problem: &::rolecall::Problem) -> Self {
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let body = problem.to_json().to_string();
        let mut headers: Vec<(String, String)> = problem
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect();
        headers.push(("content-length".to_owned(), body.len().to_string()));
        Self {
            status: problem.status().as_u16(),
            code: problem.code(),
            headers,
            body,
        }
    }
}
