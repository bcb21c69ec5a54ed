//! The access token that stands in for a legacy token.

use std::time::Duration;

use rolecall_core::{
    AccessClaims, Acr, Audience, Constraint, ConstraintScope, Policy, SubjectKind, first_breach,
};

use super::{store, token};
use crate::{
    app::App,
    authority::{
        assurance,
        subject::{self, Assigned, Status, Subject},
    },
    error::ApiError,
    ids,
    oauth::client_auth::FIRST_PARTY,
    roles::assignment_store,
    store::{Conn, StoreError},
    tokens::{
        effective::joined,
        grant::grant,
        holder::{Beyond, TokenSubject},
    },
};

/// The lifetime of a stand-in; a new role of the user takes effect after that.
const LIFETIME: Duration = Duration::from_mins(1);

/// Returns the access token that stands in for `token`; `None` if that is not a valid legacy token.
pub(crate) async fn stand_in(app: &App, token: &str) -> Result<Option<String>, ApiError> {
    let Some(legacy) = &app.parts().legacy else {
        return Ok(None);
    };
    match token::read(legacy, token, app.now()) {
        Some(Ok(claims)) => for_claims(app, &claims).await,
        _ => Ok(None),
    }
}

pub(super) async fn for_claims(
    app: &App,
    claims: &token::Claims,
) -> Result<Option<String>, ApiError> {
    // PostgreSQL refuses NUL characters, and no user name contains one
    if claims.sub.contains('\0') {
        return Ok(None);
    }
    let now = app.now();
    let mut conn = app.store().read().await?;
    let Some(id) = store::find_imported(&mut conn, &claims.sub).await? else {
        return Ok(None);
    };
    let Some(subject) = subject::read(&mut conn, &id, None, now).await? else {
        return Ok(None);
    };
    // read again after the revision: a revocation in between has emptied the name, and a later one raises a floor
    // above the revision
    let still = store::find_imported(&mut conn, &claims.sub).await?;
    if still.is_none_or(|still| still != id) || subject.status != Status::Active {
        return Ok(None);
    }
    let policy = subject.policy(app.policy(), &mut conn).await?;
    let reach = assurance::reach(&policy, &mut conn, &subject, Acr::Aal1).await?;
    let assigned = without_duties(&mut conn, &policy, &subject).await?;
    drop(conn);
    let lifetime = LIFETIME.min(app.settings().access_ttl);
    let holder = TokenSubject {
        policy: &reach.policy,
        beyond: Beyond::of(&reach, &assigned),
        assigned: &assigned,
        lifetime,
        tenant: None,
        own_audience: false,
        ceiling: None,
        beside: None,
        now,
    };
    let Ok(granted) = grant(&holder, None) else {
        return Ok(None);
    };
    let latest = now.plus(lifetime).seconds();
    let ends = granted.ends_at.map(rolecall_core::Timestamp::seconds);
    let exp = ends.into_iter().fold(latest.min(claims.exp), i64::min);
    let settings = app.settings();
    let claims = AccessClaims {
        iss: settings.issuer.clone(),
        sub: subject.id,
        subject_kind: SubjectKind::User,
        aud: Audience::One(settings.audience.clone()),
        client_id: FIRST_PARTY.to_owned(),
        iat: now.seconds(),
        exp,
        jti: ids::random_token(160).map_err(ApiError::internal)?,
        sid: None,
        auth_time: None,
        acr: None,
        amr: Vec::new(),
        step_up: Vec::new(),
        username: subject.username,
        roles: granted.roles.iter().map(ToString::to_string).collect(),
        // INVARIANT: never missing, since a guard would derive reserved permissions from the roles
        scope: Some(joined(&granted.permissions)),
        tenant: None,
        global: None,
        narrowed: false,
        rev: subject.head.revision,
        era: subject.head.era,
        other: serde_json::Map::new(),
    };
    // this process verifies it at once, with its own keys
    let signed = app.parts().keys.signing().key.sign(&claims);
    signed.map(Some).map_err(ApiError::internal)
}

/// Returns the assignments of a subject without those that lead to a role of a constraint which counts all tokens of the
/// subject together, if it has more of those roles than the constraint allows, wherever they are assigned.
///
/// Nobody chooses for a legacy token, and a stand-in is not counted beside other tokens.
async fn without_duties(
    conn: &mut Conn,
    policy: &Policy,
    subject: &Subject,
) -> Result<Vec<Assigned>, StoreError> {
    let mut assigned = subject.assigned.clone();
    let counting = |one: &Constraint| one.per == ConstraintScope::Subject;
    if !policy.constraints().any(|(_, one)| counting(one)) {
        return Ok(assigned);
    }
    let all = assignment_store::all_of(conn, &subject.id).await?;
    let held = policy.closure(all.iter().map(|one| &one.role));
    let violable = policy.constraints().filter(|(name, one)| {
        let alone = std::iter::once((*name, *one));
        counting(one) && first_breach(alone, |role| held.contains(role)).is_some()
    });
    let duties = policy.seniors_of(violable.flat_map(|(_, one)| &one.roles));
    assigned.retain(|one| !duties.contains(&one.role));
    Ok(assigned)
}
