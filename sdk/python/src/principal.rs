//! Verified callers.

use std::sync::Arc;

use ::rolecall::{Audience, SubjectKind};
use pyo3::{prelude::*, types::PyAny};

/// A verified caller: the content of its access token, all of which is signed.
#[pyclass(frozen, module = "rolecall")]
#[derive(Clone)]
pub(crate) struct Principal(pub(crate) Arc<::rolecall::Principal>);

#[pymethods]
impl Principal {
    /// The id of the subject, `sub`.
    #[getter]
    fn subject(&self) -> &str {
        self.0.subject()
    }

    /// The kind of the subject: `user` or `client`.
    #[getter]
    fn kind(&self) -> &'static str {
        match self.0.kind() {
            SubjectKind::User => "user",
            SubjectKind::Client => "client",
        }
    }

    /// The name of the user, for display only; empty for a client.
    #[getter]
    fn username(&self) -> &str {
        self.0.username()
    }

    /// The id of the client that requested the token.
    #[getter]
    fn client_id(&self) -> &str {
        self.0.client_id()
    }

    /// The roles, in order. With a token for a tenant, they include those that the caller has only there.
    #[getter]
    fn roles(&self) -> Vec<&str> {
        self.0.roles().collect()
    }

    /// The permissions, in order. With a token for a tenant, they include those that the caller has only there.
    #[getter]
    fn permissions(&self) -> Vec<&str> {
        self.0.permissions().collect()
    }

    /// The roles that the caller has whatever the tenant.
    #[getter]
    fn global_roles(&self) -> Vec<&str> {
        let roles = self.0.roles();
        roles.filter(|role| self.0.has_global_role(role)).collect()
    }

    /// The permissions that the caller has whatever the tenant.
    #[getter]
    fn global_permissions(&self) -> Vec<&str> {
        let names = self.0.permissions();
        names
            .filter(|name| self.0.has_global_permission(name))
            .collect()
    }

    /// Returns true if the caller has the role, whatever the tenant.
    fn has_role(&self, role: &str) -> bool {
        self.0.has_global_role(role)
    }

    /// Returns true if the caller has the permission, whatever the tenant.
    fn has_permission(&self, permission: &str) -> bool {
        self.0.has_global_permission(permission)
    }

    /// Returns true if the caller has the role, be it only in the tenant of the token.
    fn has_role_in_tenant(&self, role: &str) -> bool {
        self.0.has_role(role)
    }

    /// Returns true if the caller has the permission, be it only in the tenant of the token.
    fn has_permission_in_tenant(&self, permission: &str) -> bool {
        self.0.has_permission(permission)
    }

    /// The tenant for which the token was issued.
    #[getter]
    fn tenant(&self) -> Option<&str> {
        self.0.tenant()
    }

    /// The id of the session, `sid`.
    #[getter]
    fn session(&self) -> Option<&str> {
        self.0.session()
    }

    /// The id of the token, `jti`.
    #[getter]
    fn token_id(&self) -> &str {
        self.0.token_id()
    }

    /// True if the token was requested with less than the subject holds.
    #[getter]
    fn narrowed(&self) -> bool {
        self.0.narrowed()
    }

    /// The revision from which the token was issued.
    #[getter]
    fn rev(&self) -> i64 {
        self.0.rev()
    }

    /// The era in which the token was issued.
    #[getter]
    fn era(&self) -> &str {
        self.0.era()
    }

    /// The time of issue, in seconds since the epoch.
    #[getter]
    fn issued_at(&self) -> i64 {
        self.0.issued_at().seconds()
    }

    /// The time at which the token expires, in seconds since the epoch.
    #[getter]
    fn expires_at(&self) -> i64 {
        self.0.expires_at().seconds()
    }

    /// The time of the last sign-in, in seconds since the epoch.
    #[getter]
    fn auth_time(&self) -> Option<i64> {
        self.0.auth_time().map(::rolecall::Timestamp::seconds)
    }

    /// The assurance of the session: `aal1`, `aal2` or `phr`.
    #[getter]
    fn acr(&self) -> &'static str {
        self.0.acr().as_str()
    }

    /// The methods by which the user authenticated.
    #[getter]
    fn methods(&self) -> Vec<&str> {
        self.0.methods().collect()
    }

    /// The audience of the token, text or a list.
    #[getter]
    fn audience<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.0.audience() {
            Audience::One(one) => Ok(one.into_pyobject(py)?.into_any()),
            Audience::Many(many) => Ok(many.into_pyobject(py)?.into_any()),
        }
    }

    /// The claims that rolecall does not know, as JSON.
    #[getter]
    fn claims_json(&self) -> String {
        serde_json::Value::Object(self.0.other_claims().clone()).to_string()
    }

    /// The claims that rolecall does not know, such as profile fields.
    #[getter]
    fn claims<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("json")?
            .call_method1("loads", (self.claims_json(),))
    }

    /// Returns true if the token is no longer accepted, for connections that last: check before each message.
    fn is_lost(&self) -> bool {
        self.0.is_lost()
    }

    fn __repr__(&self) -> String {
        format!("<Principal {} {}>", self.kind(), self.0.subject())
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hasher = DefaultHasher::new();
        (self.0.subject(), self.0.token_id()).hash(&mut hasher);
        hasher.finish()
    }
}
