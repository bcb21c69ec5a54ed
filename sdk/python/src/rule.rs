//! Access rules.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use ::rolecall::RuleSpec;
use pyo3::{exceptions::PyValueError, prelude::*};

/// An access rule, made by `rolecall.role`, `permission`, `any_of`, `all_of` and the others.
#[pyclass(frozen, eq, from_py_object, module = "rolecall")]
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) spec: RuleSpec,
    pub(crate) rule: ::rolecall::Rule,
}

#[pymethods]
impl Rule {
    /// Reads a rule from JSON, as `sdk/conformance` writes it.
    #[staticmethod]
    pub(crate) fn from_json(text: &str) -> PyResult<Self> {
        let spec: RuleSpec = serde_json::from_str(text)
            .map_err(|error| PyValueError::new_err(format!("not a rule: {error}")))?;
        let rule = spec
            .rule()
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { spec, rule })
    }

    /// The rule as JSON.
    #[getter]
    fn json(&self) -> PyResult<String> {
        serde_json::to_string(&self.spec).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The scope that a caller needs, for documents.
    #[getter]
    fn scope(&self) -> Option<String> {
        self.rule.scope()
    }

    /// All roles and permissions in the rule.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.rule.names()
    }

    /// True if callers without a token are let in.
    #[getter]
    fn is_open(&self) -> bool {
        self.rule.admits_anonymous()
    }

    fn __str__(&self) -> String {
        self.rule.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Rule {}>", self.rule)
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.spec.hash(&mut hasher);
        hasher.finish()
    }
}
