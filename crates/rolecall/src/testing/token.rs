//! Tokens for tests.

use std::time::Duration;

use http::HeaderValue;
use rolecall_core::{AccessClaims, Acr, Audience, GlobalClaims, Revision, SubjectKind};
use serde_json::{Map, Value, json};

use super::issuer::{LIFETIME, TestIssuer};
use crate::{Caller, PermissionName, Role};

/// Longer ago than any rule allows.
const LONG_AGO: Duration = Duration::MAX;

impl TestIssuer {
    /// Starts a token for a user, without roles and permissions.
    pub fn token(&self, username: &str) -> TestToken<'_> {
        let now = self.clock_seconds();
        TestToken {
            issuer: self,
            claims: AccessClaims {
                iss: Self::URL.to_owned(),
                sub: username.to_owned(),
                subject_kind: SubjectKind::User,
                aud: Audience::One(Self::URL.to_owned()),
                client_id: "rolecall".to_owned(),
                iat: now,
                exp: now + LIFETIME.as_secs().cast_signed(),
                jti: format!("test-{username}"),
                sid: Some(format!("session-{username}")),
                auth_time: Some(now),
                acr: Some(Acr::Aal1),
                amr: vec!["pwd".to_owned()],
                step_up: Vec::new(),
                username: username.to_owned(),
                roles: Vec::new(),
                scope: Some(String::new()),
                tenant: None,
                global: None,
                narrowed: false,
                rev: 0,
                era: self.live().era().as_ref().to_owned(),
                other: Map::new(),
            },
        }
    }

    /// Signs a token with exactly the roles and permissions of a [`Caller`] of the access matrix.
    #[must_use]
    pub fn token_of(&self, caller: &Caller) -> String {
        let mut token = self.token("matrix");
        for role in &caller.roles {
            token = token.role_named(role);
        }
        for permission in &caller.permissions {
            token = token.permission_named(permission);
        }
        if let Some(tenant) = &caller.tenant {
            token = token.tenant(tenant);
        }
        for role in &caller.step_up {
            token = token.step_up_named(role);
        }
        token = token.acr(caller.acr);
        if caller.is_stale {
            token = token.signed_in_ago(LONG_AGO);
        }
        token.sign()
    }
}

/// A token that is not signed yet.
///
/// ```
/// use rolecall::{Denial, testing::TestIssuer};
///
/// let issuer = TestIssuer::new();
/// let token = issuer.token("alice").expired().sign();
/// assert_eq!(issuer.guard().verify(&token).unwrap_err(), Denial::EndedToken);
/// ```
#[must_use]
#[derive(Clone)]
pub struct TestToken<'a> {
    issuer: &'a TestIssuer,
    claims: AccessClaims,
}

impl TestToken<'_> {
    /// Adds a role.
    pub fn role<R: Role>(self) -> Self {
        self.role_named(R::NAME)
    }

    /// Adds a role by its name.
    pub fn role_named(mut self, role: &str) -> Self {
        self.claims.roles.push(role.to_owned());
        self
    }

    /// Adds a permission.
    pub fn permission<P: PermissionName>(self) -> Self {
        self.permission_named(P::NAME)
    }

    /// Adds a permission by its name.
    pub fn permission_named(mut self, permission: &str) -> Self {
        append(&mut self.claims.scope, permission);
        self
    }

    /// Issues the token for a tenant, in which the subject holds what the token carries.
    ///
    /// Add what it holds globally too with [`global_role`](Self::global_role) and
    /// [`global_permission`](Self::global_permission).
    ///
    /// ```
    /// use rolecall::testing::TestIssuer;
    ///
    /// rolecall::roles! { mod role { Admin = "admin", Editor = "editor" } }
    ///
    /// let issuer = TestIssuer::new();
    /// let token = issuer.token("alice").role::<role::Editor>().tenant("acme").global_role::<role::Admin>();
    /// let caller = issuer.guard().verify(&token.sign())?;
    /// assert!(caller.has_role("editor") && !caller.has::<role::Editor>(), "only in the tenant");
    /// assert!(caller.has::<role::Admin>());
    /// # Ok::<(), rolecall::Denial>(())
    /// ```
    pub fn tenant(mut self, tenant: &str) -> Self {
        self.claims.tenant = Some(tenant.to_owned());
        self.global();
        self
    }

    /// Adds a role that the subject of a token for a tenant holds globally.
    pub fn global_role<R: Role>(mut self) -> Self {
        self.global().roles.push(R::NAME.to_owned());
        self.role::<R>()
    }

    /// Adds a permission that the subject of a token for a tenant holds globally.
    pub fn global_permission<P: PermissionName>(mut self) -> Self {
        append(&mut self.global().scope, P::NAME);
        self.permission::<P>()
    }

    fn global(&mut self) -> &mut GlobalClaims {
        self.claims.global.get_or_insert_with(|| GlobalClaims {
            roles: Vec::new(),
            scope: Some(String::new()),
        })
    }

    /// Sets the assurance of the session: `aal1` by default, with a password.
    ///
    /// ```
    /// use rolecall::{Acr, testing::TestIssuer};
    ///
    /// let issuer = TestIssuer::new();
    /// let caller = issuer.guard().verify(&issuer.token("alice").acr(Acr::Aal2).sign())?;
    /// assert_eq!(caller.acr(), Acr::Aal2);
    /// # Ok::<(), rolecall::Denial>(())
    /// ```
    pub fn acr(mut self, acr: Acr) -> Self {
        self.claims.acr = Some(acr);
        let methods: &[&str] = match acr {
            Acr::Aal1 => &["pwd"],
            Acr::Aal2 => &["pwd", "otp", "mfa"],
            Acr::Phr => &["hwk", "user", "mfa"],
        };
        self.claims.amr = methods.iter().map(|method| (*method).to_owned()).collect();
        self
    }

    /// Adds a role that the token does not carry because its session does not reach the assurance of the role.
    pub fn step_up<R: Role>(self) -> Self {
        self.step_up_named(R::NAME)
    }

    fn step_up_named(mut self, role: &str) -> Self {
        self.claims.step_up.push(role.to_owned());
        self
    }

    /// Lets the user have signed in some time ago, for [`Fresh`](crate::Fresh); by default they did just now.
    pub fn signed_in_ago(mut self, age: Duration) -> Self {
        let age = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        self.claims.auth_time = Some(self.claims.iat.saturating_sub(age).max(0));
        self
    }

    /// Adds a claim of the application, such as a profile field that the server writes into tokens.
    ///
    /// ```
    /// use rolecall::testing::TestIssuer;
    ///
    /// let issuer = TestIssuer::new();
    /// let token = issuer.token("alice").claim("department", "sales").sign();
    /// let caller = issuer.guard().verify(&token)?;
    /// assert_eq!(caller.claim_str("department"), Some("sales"));
    /// # Ok::<(), rolecall::Denial>(())
    /// ```
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.other.insert(name.to_owned(), value.into());
        self
    }

    /// Adds an e-mail address, which nobody has proven, as a server with `tokens.claims = ["email"]` does.
    pub fn email(self, address: &str) -> Self {
        self.claim("email", address).claim("email_verified", false)
    }

    /// Makes the subject a client, so that the token has no user name and no session.
    pub fn client(mut self) -> Self {
        self.claims.subject_kind = SubjectKind::Client;
        self.claims.client_id.clone_from(&self.claims.sub);
        self.claims.username.clear();
        self.claims.sid = None;
        self.claims.auth_time = None;
        self.claims.acr = None;
        self.claims.amr.clear();
        self
    }

    /// Sets the revision from which the token is issued, 0 by default.
    pub fn rev(mut self, rev: Revision) -> Self {
        self.claims.rev = rev;
        self
    }

    /// Makes the token expire now.
    pub fn expired(mut self) -> Self {
        let now = self.issuer.clock_seconds();
        self.claims.exp = now;
        self.claims.iat = now - LIFETIME.as_secs().cast_signed();
        self
    }

    /// Changes any claim.
    pub fn claims(mut self, change: impl FnOnce(&mut AccessClaims)) -> Self {
        change(&mut self.claims);
        self
    }

    /// Signs the token.
    ///
    /// # Panics
    ///
    /// If the token would be too long.
    #[must_use]
    #[expect(clippy::expect_used, reason = "for tests")]
    pub fn sign(self) -> String {
        self.issuer.key().sign(&self.claims).expect("a token")
    }

    /// Signs the token with claims added, changed or, with `null`, removed. The result may be invalid.
    ///
    /// # Panics
    ///
    /// If `claims` is not a JSON object.
    #[must_use]
    #[expect(clippy::expect_used, reason = "for tests")]
    pub fn sign_with(self, claims: &Value) -> String {
        let key = self.issuer.key();
        let mut payload = serde_json::to_value(&self.claims).expect("claims are JSON");
        let members = payload.as_object_mut().expect("claims are an object");
        for (name, value) in claims.as_object().expect("a JSON object") {
            if value.is_null() {
                members.remove(name);
            } else {
                members.insert(name.clone(), value.clone());
            }
        }
        let header =
            json!({ "alg": key.algorithm().to_string(), "typ": "at+jwt", "kid": key.kid() });
        key.sign_raw(&header, payload.to_string().as_bytes())
            .expect("a token")
    }

    /// Signs the token and returns the value for an `Authorization` header.
    ///
    /// # Panics
    ///
    /// If the token would be too long.
    #[must_use]
    #[expect(clippy::expect_used, reason = "for tests")]
    pub fn bearer(self) -> HeaderValue {
        let value = format!("Bearer {}", self.sign());
        HeaderValue::try_from(value).expect("a token is ASCII")
    }
}

/// Appends a value to a scope.
fn append(scope: &mut Option<String>, value: &str) {
    let scope = scope.get_or_insert_default();
    if !scope.is_empty() {
        scope.push(' ');
    }
    scope.push_str(value);
}
