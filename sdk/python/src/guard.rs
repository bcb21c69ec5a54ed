//! The guard.

use std::{mem, time::Duration};

use ::rolecall::{Guard, GuardBuilder, OnStale, token::Algorithm};
use http::{HeaderMap, HeaderValue, Method, header::AUTHORIZATION};
use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyBytes, PyDict, PyList},
};

use crate::{answer::Answer, principal::Principal, rule::Rule};

/// The guard of one process. `rolecall.Guard` builds another one after a fork.
#[pyclass(frozen, module = "rolecall")]
pub(crate) struct Core(pub(crate) Guard);

/// The caller, the answer to a refused request, and true if the guard waits for news about the caller.
type Decision = (Option<Principal>, Option<Answer>, bool);

#[pymethods]
impl Core {
    /// Builds a guard that follows its issuer on a thread of its own, or one with fixed keys.
    #[new]
    #[pyo3(signature = (issuer, audiences, *, client=None, jwks=None, secret=None, insecure_http=false, foreign=false,
        max_staleness=None, accept_stale=false, cache_capacity=None))]
    #[expect(
        clippy::too_many_arguments,
        clippy::needless_pass_by_value,
        reason = "keyword arguments of Python"
    )]
    fn new(
        issuer: &str,
        audiences: Vec<String>,
        client: Option<(String, String)>,
        jwks: Option<&str>,
        secret: Option<(String, Vec<u8>)>,
        insecure_http: bool,
        foreign: bool,
        max_staleness: Option<f64>,
        accept_stale: bool,
        cache_capacity: Option<usize>,
    ) -> PyResult<Self> {
        let builder = Guard::builder();
        let builder = if foreign {
            builder.foreign_issuer(issuer)
        } else {
            builder.issuer(issuer)
        };
        let mut audiences = audiences.iter();
        let first = audiences.next().map_or("", String::as_str);
        let builder = builder.audience(first);
        let mut builder = audiences.fold(builder, |builder, one| {
            GuardBuilder::or_audience(builder, one)
        });
        if let Some((id, secret)) = client {
            builder = builder.client(&id, &secret);
        }
        if let Some(jwks) = jwks {
            builder = builder.jwk_set(jwks);
        }
        if let Some((algorithm, secret)) = secret {
            let algorithm: Algorithm = algorithm.parse().map_err(invalid)?;
            builder = builder.secret(algorithm, &secret);
        }
        if insecure_http {
            builder = builder.insecure_http();
        }
        if let Some(seconds) = max_staleness {
            let age = Duration::try_from_secs_f64(seconds).map_err(invalid)?;
            builder = builder.max_staleness(age);
        }
        if accept_stale {
            builder = builder.on_stale(OnStale::Accept);
        }
        if let Some(tokens) = cache_capacity {
            builder = builder.cache_capacity(tokens);
        }
        let guard = builder.own_thread().build().map_err(invalid)?;
        Ok(Self(guard))
    }

    /// Applies a rule to the headers of an ASGI request, pairs of bytes.
    fn check_asgi(
        &self,
        rule: &Rule,
        headers: &Bound<'_, PyAny>,
        tenant: Option<&str>,
    ) -> PyResult<Decision> {
        let mut values = HeaderMap::new();
        for pair in headers.try_iter()? {
            let pair = pair?;
            let name = pair.get_item(0)?;
            let name = name.cast::<PyBytes>()?;
            if name.as_bytes().eq_ignore_ascii_case(b"authorization") {
                let value = pair.get_item(1)?;
                append(&mut values, value.cast::<PyBytes>()?.as_bytes());
            }
        }
        Ok(self.decide(rule, &values, tenant))
    }

    /// Applies a rule to the values of `Authorization`, in bytes.
    fn check(
        &self,
        rule: &Rule,
        authorizations: &Bound<'_, PyList>,
        tenant: Option<&str>,
    ) -> PyResult<Decision> {
        let mut values = HeaderMap::new();
        for value in authorizations.iter() {
            append(&mut values, value.cast::<PyBytes>()?.as_bytes());
        }
        Ok(self.decide(rule, &values, tenant))
    }

    /// Waits, at most a second, for news about a caller. Check the request again afterwards.
    fn wait(&self, py: Python<'_>, caller: &Principal) -> PyResult<()> {
        let Some(news) = self.0.news(&caller.0) else {
            return Ok(());
        };
        py.detach(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()?;
            runtime.block_on(news);
            Ok(())
        })
    }

    /// Verifies an access token that came by another way than a header, and returns its caller.
    fn verify(&self, token: &str) -> (Option<Principal>, Option<Answer>) {
        match self.0.verify(token) {
            Ok(principal) => (Some(Principal(principal)), None),
            Err(denial) => (None, Some(Answer::from_problem(&denial.into_problem()))),
        }
    }

    /// Returns what the guard knows of its issuer.
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let status = self.0.status();
        let dict = PyDict::new(py);
        dict.set_item("keys", status.keys)?;
        dict.set_item("cached_tokens", status.cached_tokens)?;
        dict.set_item("floors", status.floors)?;
        dict.set_item("age", status.age.map(|age| age.as_secs_f64()))?;
        dict.set_item("connected", status.connected)?;
        dict.set_item("feed_answers", status.feed_answers)?;
        dict.set_item("failures", status.failures)?;
        dict.set_item("last_failure", status.last_failure)?;
        Ok(dict)
    }

    /// Keeps the guard of the parent process forever: its locks may be held by threads that do not exist in the child.
    fn abandon(&self) {
        mem::forget(self.0.clone());
    }
}

impl Core {
    fn decide(&self, rule: &Rule, headers: &HeaderMap, tenant: Option<&str>) -> Decision {
        match self.0.evaluate(&rule.rule, tenant, &Method::GET, headers) {
            Ok(None) => (None, None, false),
            Ok(Some(caller)) => {
                let waits = self.0.news(&caller).is_some();
                (Some(Principal(caller)), None, waits)
            }
            Err(refusal) => (None, Some(Answer::of(&refusal, &rule.rule)), false),
        }
    }
}

/// Adds a value of `Authorization`; one that no header can have is kept as one that is no token.
fn append(headers: &mut HeaderMap, value: &[u8]) {
    let invalid = HeaderValue::from_static("Bearer =");
    let value = HeaderValue::from_bytes(value).unwrap_or(invalid);
    headers.append(AUTHORIZATION, value);
}

pub(crate) fn invalid(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}
