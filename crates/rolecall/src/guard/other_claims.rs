//! The claims of an application in a verified token.

use serde_json::{Map, Value};

use super::principal::Principal;

impl Principal {
    /// Returns a claim of the application, such as a profile field that the server writes into tokens.
    ///
    /// The value is that of the time at which the token was issued. It does not have the claims that rolecall itself
    /// gives a meaning, which have functions of their own.
    ///
    /// ```
    /// use rolecall::{Principal, testing::TestIssuer};
    ///
    /// fn is_adult(caller: &Principal) -> bool {
    ///     caller.claim("age").and_then(|age| age.as_i64()).is_some_and(|age| age >= 18)
    /// }
    ///
    /// let issuer = TestIssuer::new();
    /// let caller = issuer.guard().verify(&issuer.token("alice").claim("age", 21).sign())?;
    /// assert!(is_adult(&caller));
    /// assert_eq!(caller.claim("department"), None);
    /// # Ok::<(), rolecall::Denial>(())
    /// ```
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims().other.get(name)
    }

    /// Returns a claim of the application that is a text; `None` if the token does not have it, or it is no text.
    ///
    /// ```
    /// use rolecall::{Principal, testing::TestIssuer};
    ///
    /// fn may_sell(caller: &Principal) -> bool {
    ///     caller.claim_str("department") == Some("sales")
    /// }
    ///
    /// let issuer = TestIssuer::new();
    /// let token = issuer.token("alice").claim("department", "sales").sign();
    /// let caller = issuer.guard().verify(&token)?;
    /// assert!(may_sell(&caller));
    /// # Ok::<(), rolecall::Denial>(())
    /// ```
    #[must_use]
    pub fn claim_str(&self, name: &str) -> Option<&str> {
        self.claim(name).and_then(Value::as_str)
    }

    /// Returns the e-mail address of the user if the token has it, as with `tokens.claims = ["email"]`.
    ///
    /// Use it to write to the user, never to recognize them: unless [`email_verified`](Self::email_verified), any user
    /// may have entered any address.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.claim_str("email")
    }

    /// Returns true if the issuer has proven that the [e-mail address](Self::email) belongs to the user.
    #[must_use]
    pub fn email_verified(&self) -> bool {
        self.claim("email_verified") == Some(&Value::Bool(true))
    }

    /// Returns the claims that have no meaning for rolecall, as the issuer wrote them.
    #[must_use]
    pub fn other_claims(&self) -> &Map<String, Value> {
        &self.claims().other
    }
}
