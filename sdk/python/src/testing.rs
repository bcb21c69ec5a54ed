//! Issuers for tests.

use std::time::Duration;

use ::rolecall::{Floor, FloorKind, Guard, ManualClock, Timestamp, testing, testing::TestToken};
use pyo3::prelude::*;
use serde_json::Value;

use crate::guard::{Core, invalid};

/// An issuer of access tokens in memory, with its own key and clock.
#[pyclass(frozen, module = "rolecall")]
pub(crate) struct TestIssuer(pub(crate) testing::TestIssuer);

#[pymethods]
impl TestIssuer {
    /// The issuer and audience of its tokens.
    #[classattr]
    const URL: &'static str = testing::TestIssuer::URL;

    #[new]
    fn new() -> Self {
        Self(testing::TestIssuer::new())
    }

    /// Returns a guard that accepts the tokens of this issuer and uses its clock.
    fn core(&self) -> Core {
        Core(self.0.guard())
    }

    /// Returns a signed token. `claims` is a JSON object of claims that are added or replaced; `null` removes one.
    #[pyo3(signature = (username, roles, permissions, tenant, client, expired, signed_in_ago, rev, claims))]
    #[expect(
        clippy::too_many_arguments,
        reason = "called by `rolecall.testing` only"
    )]
    #[expect(clippy::needless_pass_by_value, reason = "arguments of Python")]
    fn sign(
        &self,
        username: &str,
        roles: Vec<String>,
        permissions: Vec<String>,
        tenant: Option<&str>,
        client: bool,
        expired: bool,
        signed_in_ago: Option<u64>,
        rev: i64,
        claims: Option<&str>,
    ) -> PyResult<String> {
        let token = self.0.token(username).rev(rev);
        let token = roles
            .iter()
            .fold(token, |token, role| TestToken::role_named(token, role));
        let names = permissions.iter();
        let mut token = names.fold(token, |token, name| {
            TestToken::permission_named(token, name)
        });
        if let Some(tenant) = tenant {
            token = token.tenant(tenant);
        }
        if client {
            token = token.client();
        }
        if let Some(seconds) = signed_in_ago {
            token = token.signed_in_ago(Duration::from_secs(seconds));
        }
        if expired {
            token = token.expired();
        }
        let Some(claims) = claims else {
            return Ok(token.sign());
        };
        let claims: Value = serde_json::from_str(claims).map_err(invalid)?;
        if !claims.is_object() {
            return Err(invalid("claims must be a dict"));
        }
        Ok(token.sign_with(&claims))
    }

    /// Returns the JWK Set of the issuer, for a server of a test that plays it.
    fn jwks(&self) -> String {
        serde_json::json!({ "keys": [self.0.key().public_jwk()] }).to_string()
    }

    /// Moves the clock of the issuer and its guards forward, which hear that nothing was revoked meanwhile.
    fn advance(&self, seconds: f64) -> PyResult<()> {
        let by = Duration::try_from_secs_f64(seconds).map_err(invalid)?;
        self.0.clock().advance(by);
        self.0.live().mark_fresh();
        Ok(())
    }

    /// Ends tokens below `revision`: those of a subject, client, role, sid or jti.
    #[pyo3(signature = (kind, key, revision, tenant=None))]
    fn raise_floor(
        &self,
        kind: &str,
        key: String,
        revision: i64,
        tenant: Option<String>,
    ) -> PyResult<()> {
        let kind = FloorKind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind);
        let kind =
            kind.ok_or_else(|| invalid("a floor is for a subject, client, role, sid or jti"))?;
        self.0.live().raise(&[Floor {
            kind,
            key,
            tenant,
            revision,
            until: Timestamp::MAX,
        }]);
        Ok(())
    }
}

/// A guard that follows an issuer whose answers a test gives.
#[pyclass(module = "rolecall")]
pub(crate) struct ScriptedIssuer {
    issuer: testing::ScriptedIssuer,
    clock: ManualClock,
}

#[pymethods]
impl ScriptedIssuer {
    #[new]
    fn new(issuer: &str, audience: &str, now: i64, max_staleness_ms: u64) -> PyResult<Self> {
        let clock = ManualClock::at(Timestamp::from_seconds(now));
        let builder = Guard::builder().issuer(issuer).audience(audience);
        let builder = builder.max_staleness(Duration::from_millis(max_staleness_ms));
        let issuer = testing::ScriptedIssuer::new(builder, &clock).map_err(invalid)?;
        Ok(Self { issuer, clock })
    }

    /// Returns a guard with fixed keys and the clock at `now`, for the rows of tokens and rules.
    #[staticmethod]
    #[expect(clippy::needless_pass_by_value, reason = "arguments of Python")]
    fn fixed(
        issuer: &str,
        audiences: Vec<String>,
        now: i64,
        jwks: Option<&str>,
        secret: Option<Vec<u8>>,
        foreign: bool,
    ) -> PyResult<Core> {
        let builder = Guard::builder().clock(ManualClock::at(Timestamp::from_seconds(now)));
        let builder = if foreign {
            builder.foreign_issuer(issuer)
        } else {
            builder.issuer(issuer)
        };
        let builder = audiences
            .iter()
            .enumerate()
            .fold(builder, |builder, (index, audience)| match index {
                0 => builder.audience(audience),
                _ => builder.or_audience(audience),
            });
        let builder = match (jwks, secret) {
            (Some(jwks), _) => builder.jwk_set(jwks),
            (None, Some(secret)) => builder.secret(::rolecall::token::Algorithm::Hs256, &secret),
            (None, None) => builder,
        };
        Ok(Core(builder.build().map_err(invalid)?))
    }

    /// Returns the guard.
    fn core(&self) -> Core {
        Core(self.issuer.guard().clone())
    }

    /// Takes an answer of the feed, status and body; `None` is a connection that broke.
    #[expect(clippy::needless_pass_by_value, reason = "arguments of Python")]
    fn feed(&mut self, answer: Option<(u16, String)>, took_ms: u64) -> bool {
        self.issuer.next_took(Duration::from_millis(took_ms));
        self.issuer.feed(
            answer
                .as_ref()
                .map(|(status, body)| (*status, body.as_bytes())),
        )
    }

    /// Takes an answer of the JWK Set.
    #[expect(clippy::needless_pass_by_value, reason = "arguments of Python")]
    fn jwks(&mut self, answer: Option<(u16, String)>) -> bool {
        self.issuer.keys(
            answer
                .as_ref()
                .map(|(status, body)| (*status, body.as_bytes())),
        )
    }

    fn advance(&self, milliseconds: u64) {
        self.clock.advance(Duration::from_millis(milliseconds));
    }

    fn set_now(&self, seconds: i64) {
        self.clock.set(Timestamp::from_seconds(seconds));
    }
}
