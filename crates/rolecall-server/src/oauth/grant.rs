//! The password grant (RFC 6749 section 4.3), kept for first-party use.

use rolecall_core::{Acr, TenantName};

use super::{
    admission::SignedInBy,
    client_auth::RequestingClient,
    error::OAuthError,
    opening::{Opening, open_session},
};
use crate::{
    app::App,
    audit::events,
    authority::{
        assurance,
        subject::{self, Status},
    },
    clients::store::GrantType,
    error::ApiError,
    login::{
        flow::owed,
        known::Origin,
        password::{self, Proven, Typed},
    },
    quota::Quota,
    sessions::{self, active},
    store::Conn,
    tokens::{
        access_token::{Issued, Limits},
        fitting::Wish,
        holder::{Beyond, TokenSubject},
        requested::RequestedScope,
    },
};

/// A token request with the password grant.
pub(crate) struct PasswordGrant<'a> {
    pub(crate) username: &'a str,
    pub(crate) password: &'a str,
    pub(crate) client: &'a RequestingClient,
    pub(crate) scope: Option<RequestedScope>,
    pub(crate) tenant: Option<TenantName>,
    /// `audience` or `resource`, already among those that exist.
    pub(crate) audience: &'a str,
    pub(crate) origin: Origin<'a>,
    /// The log-in asks for a refresh token. Without one, its session ends with the access token and displaces no other.
    pub(crate) wants_refresh: bool,
}

impl PasswordGrant<'_> {
    fn typed(&self) -> Typed<'_> {
        Typed {
            username: self.username,
            password: self.password,
            origin: self.origin,
        }
    }
}

/// A session that was opened.
struct OpenedSession {
    issued: Issued,
    /// The key that failures are counted under.
    account: String,
    /// The user's sessions that are now too many.
    surplus: Vec<String>,
}

/// Logs a user in and issues an access token, with a refresh token where the client may refresh.
pub(crate) async fn by_password(
    app: &App,
    request: &PasswordGrant<'_>,
) -> Result<Issued, OAuthError> {
    let issued = attempt(app, request).await;
    let outcome = outcome_of(&issued);
    app.parts().metrics.log_ins.add_one(outcome);
    issued
}

/// Returns the label under which the metrics count a login.
fn outcome_of(issued: &Result<Issued, OAuthError>) -> &'static str {
    match issued {
        Ok(_) => "success",
        Err(OAuthError::WrongPassword) => "wrong",
        Err(OAuthError::PasswordChangeRequired) => "change_required",
        Err(OAuthError::SecondFactorRequired) => "second_required",
        Err(OAuthError::TooMany { .. }) => "slowed",
        Err(OAuthError::Busy) => "busy",
        Err(OAuthError::Failed(_)) => "failed",
        Err(_) => "refused",
    }
}

async fn attempt(app: &App, request: &PasswordGrant<'_>) -> Result<Issued, OAuthError> {
    let mut outcome = prove_and_open(app, request).await?;
    if let Attempt::Outdated(_) = outcome {
        // another log-in may just have rehashed the same password; that can happen once
        outcome = prove_and_open(app, request).await?;
    }
    match outcome {
        Attempt::Opened { user, opened } => {
            password::forgive_address(app, &opened.account, request.origin.address);
            sessions::service::end_surplus(app, &user, &opened.surplus).await?;
            Ok(opened.issued)
        }
        Attempt::Outdated(proven) => {
            let subject = Some(proven.id.as_str());
            password::count_failure(app, &proven.slot, subject, &request.typed()).await?;
            Err(OAuthError::WrongPassword)
        }
    }
}

/// The outcome of a log-in whose password was right.
enum Attempt {
    /// The session of `user` is open.
    Opened {
        user: String,
        opened: Box<OpenedSession>,
    },
    /// The stored credentials changed after they were verified, or the account was locked.
    Outdated(Box<Proven>),
}

async fn prove_and_open(app: &App, request: &PasswordGrant<'_>) -> Result<Attempt, OAuthError> {
    let proven = password::prove(app, &request.typed()).await?;
    if let Err(used_up) = app.take_quota(Quota::LogIns, &proven.id) {
        // only the right password takes from it, so that nobody else can use it up; each refusal below is an event
        password::count_refused(app, &proven, request.origin.address).await?;
        return Err(used_up.into());
    }
    let opened = if proven.by_reset_code || proven.credentials.status != Status::Active {
        Err(OAuthError::PasswordChangeRequired)
    } else {
        let store = app.store();
        let log_in = async |conn: &mut Conn| log_in(app, conn, request, &proven).await;
        store.write(log_in).await
    };
    match opened {
        Ok(opened) => Ok(Attempt::Opened {
            user: proven.id,
            opened: Box::new(opened),
        }),
        Err(OAuthError::WrongPassword) => Ok(Attempt::Outdated(Box::new(proven))),
        Err(error) => {
            password::record_refused(app, &proven, request.origin.address, error.code()).await?;
            Err(error)
        }
    }
}

/// Names the reason, to somebody who knows the password: the client is not for this user.
fn not_admitted(error: OAuthError) -> OAuthError {
    match error {
        OAuthError::InvalidGrant => OAuthError::NotAdmitted,
        error => error,
    }
}

/// Opens the session if what was proven is still what is stored, and issues its tokens. A token that
/// cannot be made leaves no session.
async fn log_in(
    app: &App,
    conn: &mut Conn,
    request: &PasswordGrant<'_>,
    proven: &Proven,
) -> Result<OpenedSession, OAuthError> {
    let now = app.now();
    if !proven.confirm(app, conn).await? {
        return Err(OAuthError::WrongPassword);
    }
    if owed::is_second_needed(app, conn, &proven.id).await? {
        // what was forgiven is not: the transaction is rolled back
        return Err(OAuthError::SecondFactorRequired);
    }
    let (client, audience) = (request.client, request.audience);
    let tenant = client.tenant(request.tenant.as_ref())?;
    let subject = subject::read(conn, &proven.id, tenant, now).await?;
    let subject = subject.ok_or(OAuthError::WrongPassword)?;
    let ceiling = client.ceiling_now(app, conn, GrantType::Password, audience);
    let ceiling = ceiling.await?;
    let policy = subject.policy(app.policy(), conn).await?;
    let user = (&**policy, &subject);
    let by = (SignedInBy::Password, Acr::Aal1);
    let admission = client.admit_now(conn, by, user, tenant, now);
    let admission = admission.await.map_err(not_admitted)?;
    if assurance::needs_more_than_a_password(&policy, &subject.assigned) {
        return Err(OAuthError::SecondFactorRequired);
    }
    let reach = assurance::reach(&policy, conn, &subject, Acr::Aal1).await?;
    let beside = active::beside(conn, &policy, (&proven.id, tenant), now).await?;
    let holder = TokenSubject {
        policy: &reach.policy,
        beyond: Beyond::of(&reach, &subject.assigned),
        assigned: &subject.assigned,
        lifetime: app.settings().access_ttl,
        tenant,
        own_audience: request.audience == app.settings().issuer,
        ceiling: ceiling.as_ref(),
        beside: Some(&beside),
        now,
    };
    let granted = Wish::Grant(request.scope.as_ref()).grant(&holder)?;
    if let Some(admission) = &admission {
        let checked = admission.check_tenant(&granted, tenant);
        checked.map_err(not_admitted)?;
    }
    active::check(conn, &holder, &proven.id, &granted).await?;
    let device = proven.slot.device_of_login(app);
    let (device, token) = device.map_err(ApiError::internal)?;
    let agent = request.origin.agent.describe();
    let opening = Opening {
        id: None,
        client: request.client,
        scope: request.scope.as_ref(),
        audience: request.audience,
        tenant,
        address: request.origin.address,
        agent: agent.as_deref(),
        device: &device.name(),
        wants_refresh: request.wants_refresh,
        limits: admission.map_or(Limits::NONE, |admission| admission.limits()),
        browser: None,
    };
    let opened = open_session(app, conn, &opening, &subject, &holder, &granted).await?;
    let (mut issued, surplus) = (opened.issued, opened.surplus);
    issued.device_token = token;
    let address = request.origin.address;
    events::record_in(conn, app, "log_in", &proven.id, address, "password").await?;
    Ok(OpenedSession {
        issued,
        account: proven.slot.account.clone(),
        surplus,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::store as accounts;
    use rolecall_passwords::{Hasher, HasherOptions, Parameters, Password, PasswordScheme};

    const PASSWORD: &str = "a password of alice";

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn log_ins_at_once_that_all_upgrade_a_hash_are_not_told_that_the_password_is_wrong() {
        let server = crate::Embedded::builder("sqlite::memory:")
            .demo_user("alice", PASSWORD, &[])
            .open()
            .await
            .unwrap();
        let app = server.app();
        let old = Hasher::new(HasherOptions {
            parameters: Parameters::of(PasswordScheme::Bcrypt),
            ..HasherOptions::default()
        });
        let password = Password::new(PASSWORD.to_owned()).unwrap();
        let old = old.unwrap().hash(password).await.unwrap();
        app.change(crate::authority::caller::Caller::System, async |change| {
            let id = accounts::find_alike(change.conn(), "alice").await?.unwrap();
            accounts::set_password(change, &id, &old).await?;
            change.record(serde_json::json!({ "action": "test" }));
            Ok(())
        })
        .await
        .unwrap();
        let log_ins: Vec<_> = (0..4)
            .map(|_| {
                let app = app.clone();
                tokio::spawn(async move {
                    let request = PasswordGrant {
                        username: "alice",
                        password: PASSWORD,
                        client: &RequestingClient::FirstParty,
                        scope: None,
                        tenant: None,
                        audience: &app.settings().issuer,
                        origin: Origin::default(),
                        wants_refresh: true,
                    };
                    by_password(&app, &request).await.map(drop)
                })
            })
            .collect();
        for log_in in log_ins {
            log_in.await.unwrap().unwrap();
        }
    }
}
