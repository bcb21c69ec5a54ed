//! The admission of a user to a client with each token, by what a sign-in asks for.

use rolecall_core::{Acr, Policy, TenantName, Timestamp};

use super::{client_auth::RequestingClient, error::OAuthError};
use crate::{
    authority::subject::{Assigned, Subject},
    clients::{
        sign_in::{SignIn, SignInTenant},
        store::{self, Client, GrantType},
    },
    store::Conn,
    tokens::{access_token::Limits, holder::Grant},
};

/// The way in which a user has signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignedInBy {
    Browser,
    /// The client had the password, so that it acts for the server's own people.
    Password,
}

/// A client that admits a user.
pub(super) struct Admission {
    client: Client,
    by: SignedInBy,
    /// The end of the last assignment by which the user may sign in.
    until: Timestamp,
}

impl Admission {
    /// Returns true if tokens may carry rolecall's own permissions: not those of an application of somebody else.
    pub(super) fn carries_own(&self) -> bool {
        self.by == SignedInBy::Password || self.client.is_first_party()
    }

    /// Returns the client as it is now.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Checks that a token is for the `tenant` of the sign-in, if its client is for one, as a new sign-in would have to be.
    ///
    /// # Errors
    ///
    /// If the user has no role in that tenant any more.
    pub(super) fn check_tenant(
        &self,
        granted: &Grant,
        tenant: Option<&TenantName>,
    ) -> Result<(), OAuthError> {
        if self.client.sign_in.tenant.is_some() && granted.tenant.as_ref() != tenant {
            return Err(OAuthError::InvalidGrant);
        }
        Ok(())
    }

    /// Returns what limits a token beside its grant.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            until: self.until,
            for_others: !self.carries_own(),
            ..Limits::NONE
        }
    }
}

impl RequestingClient {
    /// Reads the client once more, for tokens of a user who has signed in; `None` for a log-in without a client.
    ///
    /// # Errors
    ///
    /// If the client is gone, signs nobody in any more, is for another `tenant`, or does not admit a user with these roles
    /// any more; [`OAuthError::SecondFactorRequired`] if it asks for more than the sign-in has reached.
    pub(super) async fn admit_now(
        &self,
        conn: &mut Conn,
        (by, reached): (SignedInBy, Acr),
        (policy, subject): (&Policy, &Subject),
        tenant: Option<&TenantName>,
        now: Timestamp,
    ) -> Result<Option<Admission>, OAuthError> {
        if by == SignedInBy::Password && self.registered().is_none() {
            return Ok(None);
        }
        let client = store::find(conn, self.client_id()).await?;
        let client = client.ok_or(OAuthError::InvalidClient { basic: false })?;
        let signs_in =
            by == SignedInBy::Password || client.grants.contains(&GrantType::AuthorizationCode);
        if !signs_in || !client.sign_in.is_for(tenant) {
            return Err(OAuthError::InvalidGrant);
        }
        let until = admits_until(&client.sign_in, policy, &subject.assigned, now);
        let until = until.ok_or(OAuthError::InvalidGrant)?;
        if reached < client.sign_in.acr.acr() {
            return Err(OAuthError::SecondFactorRequired);
        }
        Ok(Some(Admission { client, by, until }))
    }

    /// Returns the tenant of a log-in: that of the client, if it has one of its own.
    ///
    /// # Errors
    ///
    /// If another one is asked for.
    pub(super) fn tenant<'a>(
        &'a self,
        asked: Option<&'a TenantName>,
    ) -> Result<Option<&'a TenantName>, OAuthError> {
        let own = self.registered().map(|client| &client.sign_in.tenant);
        let Some(Some(SignInTenant::Named(own))) = own else {
            return Ok(asked);
        };
        if asked.is_some_and(|asked| asked != own) {
            let why = "the client is for another tenant";
            return Err(OAuthError::InvalidScope(why.to_owned()));
        }
        Ok(Some(own))
    }
}

/// Returns the time until which the last of these assignments lets its holder sign in; `None` if none of them does.
fn admits_until(
    sign_in: &SignIn,
    policy: &Policy,
    assigned: &[Assigned],
    now: Timestamp,
) -> Option<Timestamp> {
    if sign_in.who.is_empty() {
        return Some(Timestamp::MAX);
    }
    let admitting = sign_in
        .counted(assigned)
        .filter(|one| sign_in.admits(&policy.closure([&one.role])));
    let ends = admitting.map(|one| one.ends.unwrap_or(Timestamp::MAX));
    // tokens end with a second
    ends.filter(|ends| ends.seconds() > now.seconds()).max()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rolecall_core::{PolicyBuilder, RoleName};

    use super::*;

    fn role(name: &str) -> RoleName {
        name.parse().unwrap()
    }

    /// `lead` inherits `staff`, and nothing leads to `guest`.
    fn policy() -> Policy {
        let mut rules = PolicyBuilder::default();
        for name in ["lead", "staff", "guest"] {
            rules.role(role(name));
        }
        rules.inherit(role("lead"), role("staff"));
        rules.build().unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn assigned(name: &str, ends: Option<i64>) -> Assigned {
        Assigned {
            role: role(name),
            in_tenant: false,
            ends: ends.map(at),
            since: at(0),
        }
    }

    proptest! {
        #[test]
        fn y280_the_last_assignment_that_admits_bounds_a_token(
            held in proptest::collection::vec(
                (prop::sample::select(vec!["lead", "staff", "guest"]), prop::option::of(1_i64..9)),
                0..4,
            ),
            who in prop::sample::subsequence(vec!["lead", "staff", "guest"], 0..=3),
            now in 0_i64..9,
        ) {
            let policy = policy();
            let sign_in = SignIn { who: who.iter().copied().map(role).collect(), ..SignIn::default() };
            let all: Vec<Assigned> = held.iter().map(|(name, ends)| assigned(name, *ends)).collect();
            let until = admits_until(&sign_in, &policy, &all, at(now));
            // at each second, the user may sign in as long as the token may live
            for second in now..10 {
                let valid = all.iter().filter(|one| one.ends.is_none_or(|ends| ends > at(second)));
                let held = policy.closure(valid.map(|one| &one.role));
                let lives = until.is_some_and(|until| until > at(second));
                prop_assert_eq!(lives, sign_in.admits(&held));
            }
        }
    }
}
