//! The choice of a tenant and of roles, between the proof of who somebody is and their consent.
//!
//! The request of a flow never changes. What was chosen lies beside it, and every step asks again whether it can still be
//! had: [`settle`] drops what was lost meanwhile.

use std::{collections::BTreeSet, sync::Arc};

use rolecall_core::{Acr, RoleName, TenantName, Timestamp};
use serde::{Deserialize, Serialize};

use super::{request::AuthorizationRequest, tenant_store};
use crate::{
    app::App,
    authority::{
        assurance,
        policy_cache::{PolicyAt, Reach},
        subject::{self, Subject},
    },
    clients::{sign_in::SignInTenant, store::Client},
    resources::limit,
    sessions::active,
    store::{Conn, StoreError},
    tokens::{
        choice::{OpenChoice, nameable_roles, open_choice},
        error::TokenError,
        grant::{check_active, grant},
        holder::{Beyond, TokenSubject},
        requested::RequestedScope,
    },
};

/// The most tenants that a page offers.
const MAX_TENANTS: i64 = 500;

/// The choice of somebody who signs in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Choice {
    pub(crate) tenant: Option<TenantName>,
    /// The roles that were picked, of all constraints.
    pub(crate) picked: BTreeSet<RoleName>,
    /// The scope that the picked roles leave.
    pub(crate) scope: Option<String>,
}

impl Choice {
    /// Returns the request as it was chosen. What the user loses of the scope meanwhile is left out.
    pub(crate) fn apply(&self, request: &AuthorizationRequest) -> AuthorizationRequest {
        let mut chosen = request.clone();
        if self.tenant.is_some() {
            chosen.tenant.clone_from(&self.tenant);
        }
        if self.scope.is_some() {
            chosen.scope.clone_from(&self.scope);
            chosen.is_default_scope = true;
        }
        chosen
    }

    fn forget_roles(&mut self) {
        self.picked.clear();
        self.scope = None;
    }
}

/// A choice that is due.
#[derive(Clone, Debug)]
pub(crate) enum Open {
    Tenant(Vec<TenantName>),
    Roles(Box<OpenChoice>, Arc<PolicyAt>),
}

/// The part of a choice that still holds, and the choice that is due.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    pub(crate) choice: Choice,
    pub(crate) open: Option<Open>,
}

/// Compares a choice with what the user has. The only tenant of a user is chosen without asking.
pub(crate) async fn settle(
    app: &App,
    conn: &mut Conn,
    client: &Client,
    (request, choice): (&AuthorizationRequest, &Choice),
    user: &str,
) -> Result<Settled, StoreError> {
    let now = app.now();
    let mut choice = choice.clone();
    if request.tenant.is_none() && client.sign_in.tenant == Some(SignInTenant::Ask) {
        let own = is_own(app, client, request);
        let mut tenants = tenant_store::list(conn, user, own, now, MAX_TENANTS).await?;
        if choice
            .tenant
            .as_ref()
            .is_none_or(|one| !tenants.contains(one))
        {
            choice.forget_roles();
            choice.tenant = None;
            if tenants.len() > 1 {
                let open = Some(Open::Tenant(tenants));
                return Ok(Settled { choice, open });
            }
            choice.tenant = tenants.pop();
        }
    } else {
        choice.tenant = None;
    }
    let chosen = choice.apply(request);
    let nothing_due = |choice| Settled { choice, open: None };
    let subject = subject::read(conn, user, chosen.tenant.as_ref(), now).await?;
    let Some(subject) = subject.filter(Subject::is_active_user) else {
        return Ok(nothing_due(choice));
    };
    // a choice is not smaller because a factor is still to come
    let most = (&subject, Acr::Phr);
    let Some(bounds) = Bounds::read(app, conn, client, &chosen, most).await? else {
        return Ok(nothing_due(choice));
    };
    let holder = bounds.holder(app, client, &chosen, &subject, now);
    if choice.scope.is_some() && !choice.picked.is_subset(&nameable_roles(&holder)) {
        choice.forget_roles();
    }
    let asked = choice.apply(request).asked();
    let open = open_choice(&holder, asked.as_ref());
    let open = open.map(|open| Open::Roles(Box::new(open), Arc::clone(&bounds.policy)));
    Ok(Settled { choice, open })
}

/// The policy and the ceiling of the tokens that a client can have for a user who signs in with some assurance.
pub(super) struct Bounds {
    policy: Arc<PolicyAt>,
    reach: Reach,
    ceiling: Option<RequestedScope>,
}

impl Bounds {
    /// Reads them; `None` if the user may not sign in through the client.
    pub(super) async fn read(
        app: &App,
        conn: &mut Conn,
        client: &Client,
        request: &AuthorizationRequest,
        (subject, acr): (&Subject, Acr),
    ) -> Result<Option<Self>, StoreError> {
        let policy = subject.policy(app.policy(), conn).await?;
        let counted = client.sign_in.counted(&subject.assigned);
        let held = policy.closure(counted.map(|one| &one.role));
        if !client.sign_in.admits(&held) {
            return Ok(None);
        }
        let ceiling = RequestedScope::stored(client.scope.as_deref())?;
        let ceiling = limit::limited(conn, &request.audience, ceiling).await?;
        let reach = assurance::reach(&policy, conn, subject, acr).await?;
        Ok(Some(Self {
            policy,
            reach,
            ceiling,
        }))
    }

    /// Returns the user as the holder of tokens within these bounds.
    pub(super) fn holder<'a>(
        &'a self,
        app: &App,
        client: &Client,
        request: &'a AuthorizationRequest,
        subject: &'a Subject,
        now: Timestamp,
    ) -> TokenSubject<'a> {
        TokenSubject {
            policy: &self.reach.policy,
            beyond: Beyond::of(&self.reach, &subject.assigned),
            assigned: &subject.assigned,
            lifetime: app.settings().access_ttl,
            tenant: request.tenant.as_ref(),
            own_audience: is_own(app, client, request),
            ceiling: self.ceiling.as_ref(),
            beside: None,
            now,
        }
    }

    /// Checks that the user may have what a client asks for, beside other sessions too: a code would be refused when nobody
    /// can be asked or told any more.
    pub(super) async fn check(
        &self,
        app: &App,
        conn: &mut Conn,
        (client, request): (&Client, &AuthorizationRequest),
        subject: &Subject,
        now: Timestamp,
    ) -> Result<(), TokenError> {
        let user = (subject.id.as_str(), request.tenant.as_ref());
        let beside = active::beside(conn, &self.policy, user, now).await?;
        let holder = TokenSubject {
            beside: Some(&beside),
            ..self.holder(app, client, request, subject, now)
        };
        let granted = grant(&holder, request.asked().as_ref())?;
        check_active(&holder, &granted)?;
        active::check_beside_others(conn, &holder, &subject.id, &granted)
            .await
            .map_err(|error| beside_others(app, error))
    }
}

/// Names the way out of roles that the user's other sessions leave no room for.
fn beside_others(app: &App, error: TokenError) -> TokenError {
    match error {
        TokenError::ChooseRoles(breach) => TokenError::InvalidScope(format!(
            "{breach}, and another session of the user has some of them active: end it at {}/account, or ask for other roles",
            app.settings().public_url
        )),
        error => error,
    }
}

/// Returns true if the tokens of a request are for rolecall itself.
fn is_own(app: &App, client: &Client, request: &AuthorizationRequest) -> bool {
    request.audience == app.settings().issuer && client.is_first_party()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_changes_the_tenant_and_the_scope_of_a_request_and_nothing_else() {
        let request = AuthorizationRequest::own("/account");
        assert_eq!(Choice::default().apply(&request), request);
        let choice = Choice {
            tenant: Some("acme".parse().unwrap()),
            picked: ["payer".parse().unwrap()].into(),
            scope: Some("role:payer".to_owned()),
        };
        let chosen = choice.apply(&request);
        let expected = AuthorizationRequest {
            tenant: choice.tenant.clone(),
            scope: choice.scope.clone(),
            is_default_scope: true,
            ..request
        };
        assert_eq!(chosen, expected);
        let written = serde_json::to_string(&choice).unwrap();
        assert_eq!(serde_json::from_str::<Choice>(&written).unwrap(), choice);
        assert_eq!(
            serde_json::from_str::<Choice>("{}").unwrap(),
            Choice::default()
        );
    }
}
