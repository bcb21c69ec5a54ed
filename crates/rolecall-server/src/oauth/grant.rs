//! The password grant (RFC 6749 section 4.3), kept for first-party use.

use std::time::Duration;

use rolecall_core::{AccessClaims, Audience, SubjectKind, Timestamp};

use super::{
    error::OAuthError,
    scope::{Asked, Granted, grant},
};
use crate::{
    accounts::{
        credentials::{self, LoginError, Proven},
        failures,
        store::{self, Status},
        subject::{self, Subject},
    },
    app::App,
    audit::events,
    error::ApiError,
    ids,
    sessions::store::{self as sessions, NewSession},
    store::Conn,
    throttle::MAX_FAILURES,
};

/// The client of a log-in without one.
pub(crate) const FIRST_PARTY: &str = "rolecall";

/// What `POST /token` was asked for.
pub(crate) struct Request<'a> {
    pub(crate) username: &'a str,
    pub(crate) password: &'a str,
    pub(crate) scope: Option<Asked>,
    /// `audience` or `resource`, already among those that exist.
    pub(crate) audience: &'a str,
    pub(crate) address: &'a str,
}

/// What `POST /token` answers.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) access_token: String,
    pub(crate) lifetime: Duration,
    pub(crate) scope: String,
}

/// Logs a user in and issues an access token.
pub(crate) async fn by_password(app: &App, request: &Request<'_>) -> Result<Issued, OAuthError> {
    let (proven, opened) = prove_and_open(app, request).await?;
    let (proven, opened) = match opened {
        // what was proven is no longer what is stored, perhaps because a log-in beside this one has just
        // hashed the same password anew: that can happen once
        Err(OAuthError::WrongPassword) => prove_and_open(app, request).await?,
        other => (proven, other),
    };
    let issued = match opened {
        Err(OAuthError::WrongPassword) => {
            credentials::count_failure(app, &proven.account, request.address).await?;
            return Err(OAuthError::WrongPassword);
        }
        other => other?,
    };
    app.parts().failing_addresses.succeeded(request.address);
    Ok(issued)
}

async fn prove_and_open(
    app: &App,
    request: &Request<'_>,
) -> Result<(Proven, Result<Issued, OAuthError>), OAuthError> {
    let proven =
        credentials::prove(app, request.username, request.password, request.address).await?;
    if proven.by_reset_code || proven.credentials.status != Status::Active {
        return Err(OAuthError::PasswordChangeRequired);
    }
    let opened = app
        .store()
        .write(async |conn: &mut Conn| open_session(app, conn, request, &proven).await)
        .await;
    Ok((proven, opened))
}

/// Opens the session if what was proven is still what is stored, and issues its access token. A token that
/// cannot be made leaves no session.
async fn open_session(
    app: &App,
    conn: &mut Conn,
    request: &Request<'_>,
    proven: &Proven,
) -> Result<Issued, OAuthError> {
    let hash = proven
        .credentials
        .password_hash
        .as_deref()
        .unwrap_or_default();
    if !store::confirm_password(conn, &proven.id, hash, proven.rehash.as_deref()).await? {
        return Err(OAuthError::WrongPassword);
    }
    // guesses that were under way elsewhere count: a locked account opens for none of them
    if failures::read(conn, &proven.account).await?.in_a_row >= i64::from(MAX_FAILURES) {
        return Err(OAuthError::WrongPassword);
    }
    failures::forget(conn, &proven.account).await?;
    let now = app.now();
    let subject = subject::read(conn, &proven.id, now).await?;
    let subject = subject.ok_or(OAuthError::WrongPassword)?;
    let policy = app
        .policy()
        .at_least(conn, subject.head.policy_revision)
        .await?;
    let own_audience = request.audience == app.settings().issuer;
    let granted = grant(
        &policy.1,
        &subject.roles,
        request.scope.as_ref(),
        own_audience,
        now,
    )?;
    let claims = claims(app, request, proven, &subject, &granted, now)?;
    sessions::open(
        conn,
        &NewSession {
            id: claims.sid.as_deref().unwrap_or_default(),
            subject_id: &proven.id,
            client_id: FIRST_PARTY,
            scope: request.scope.as_ref().map(|asked| asked.text.as_str()),
            audience: Some(request.audience),
            tenant: None,
            address: request.address,
            opened_at: now,
            expires_at: Timestamp::from_seconds(claims.exp),
        },
    )
    .await?;
    events::record_in(conn, app, "log_in", &proven.id, request.address, "password").await?;
    let lifetime = Duration::from_secs(u64::try_from(claims.exp - claims.iat).unwrap_or(0));
    Ok(Issued {
        access_token: sign(app, claims, &granted)?,
        lifetime,
        scope: granted.answer,
    })
}

fn claims(
    app: &App,
    request: &Request<'_>,
    proven: &Proven,
    subject: &Subject,
    granted: &Granted,
    now: Timestamp,
) -> Result<AccessClaims, ApiError> {
    let settings = app.settings();
    let latest = now.plus(settings.access_ttl);
    let exp = granted
        .ends_at
        .map_or(latest, |ends| ends.min(latest))
        .seconds();
    Ok(AccessClaims {
        iss: settings.issuer.clone(),
        sub: proven.id.clone(),
        subject_kind: SubjectKind::User,
        aud: Audience::One(request.audience.to_owned()),
        client_id: FIRST_PARTY.to_owned(),
        iat: now.seconds(),
        exp,
        jti: ids::random_token(160).map_err(ApiError::internal)?,
        sid: Some(ids::new_id(now).map_err(ApiError::internal)?),
        auth_time: Some(now.seconds()),
        username: subject.username.clone(),
        roles: granted.roles.iter().map(ToString::to_string).collect(),
        scope: Some(
            granted
                .permissions
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
        ),
        tenant: None,
        narrowed: granted.narrowed,
        rev: subject.head.revision,
        era: subject.head.era.clone(),
    })
}

/// Signs; a token that would be too long loses its `scope`, if none was asked for, and guards derive it
/// from the roles.
fn sign(app: &App, mut claims: AccessClaims, granted: &Granted) -> Result<String, OAuthError> {
    let signer = app.parts().signer.load();
    let longest = app.settings().max_token_bytes;
    let token = signer.sign(&claims).map_err(ApiError::internal)?;
    if token.len() <= longest {
        return Ok(token);
    }
    let too_long = || {
        OAuthError::InvalidScope("the token would be too long: ask for less with scope=role:NAME or scope=object:operation".to_owned())
    };
    if granted.narrowed {
        return Err(too_long());
    }
    claims.scope = None;
    let token = signer.sign(&claims).map_err(ApiError::internal)?;
    if token.len() <= longest {
        Ok(token)
    } else {
        Err(too_long())
    }
}

impl From<LoginError> for ApiError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Failed(error) => error,
            LoginError::TooMany { retry_after } => Self::TooMany { retry_after },
            LoginError::Busy => Self::Busy,
            LoginError::Wrong => Self::Forbidden("Operation not permitted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passwords::{Hasher, HasherOptions, Parameters, Password, PasswordScheme};

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
        app.change(crate::accounts::authority::Caller::System, async |change| {
            let id = store::find_id(change.conn(), "alice").await?.unwrap();
            store::set_password(change, &id, &old).await?;
            change.tell(serde_json::json!({ "action": "test" }));
            Ok(())
        })
        .await
        .unwrap();
        let log_ins: Vec<_> = (0..4)
            .map(|_| {
                let app = app.clone();
                tokio::spawn(async move {
                    let request = Request {
                        username: "alice",
                        password: PASSWORD,
                        scope: None,
                        audience: &app.settings().issuer,
                        address: "",
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
