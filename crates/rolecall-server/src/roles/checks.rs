//! Changes of the policy that concern the holders of roles, who may be all users: they are looked at before the change
//! keeps other changes waiting.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rolecall_core::{Policy, Revision, Timestamp};

use super::{
    requests,
    separation::{self, Ended, MAX_ENDED, Suspect},
    transition::Transition,
};
use crate::{
    app::App,
    audit,
    authority::caller::Caller,
    error::ApiError,
    heavy::{Purpose, Turn},
    store::{Change, Conn},
};

/// The number of times that the holders are looked at before a change, while others change something meanwhile.
const TRIES: usize = 3;

/// Changes after which every subject has the same roles as before. They are the frequent ones.
const HARMLESS: [&str; 6] = [
    "session.ended",
    "session.revoked",
    "token.revoked",
    "user.password_changed",
    "user.sessions_ended",
    "user.updated",
];

/// What is known about the holders of the roles that a change concerns.
#[derive(Default)]
pub(crate) struct Checks(Mutex<State>);

#[derive(Default)]
struct State {
    tries: usize,
    turn: Option<Turn>,
    /// Look at them in the change itself.
    is_inside: bool,
    wanted: Option<Wanted>,
    found: Option<(Wanted, Findings)>,
}

/// Two policies, and the revision of the change that would replace the first by the second.
///
/// INVARIANT: everything that changes assignments raises the revision and says so in the audit log, so that a change with
/// this revision, or after nothing but [`HARMLESS`] ones, finds the holders as they were.
#[derive(Clone)]
struct Wanted {
    revision: Revision,
    before: Arc<Policy>,
    after: Arc<Policy>,
}

struct Findings {
    suspects: Vec<Suspect>,
    ended: Ended,
}

impl Findings {
    /// Looks at all holders of the roles that a transition concerns.
    ///
    /// # Errors
    ///
    /// Refused if one of them would break a constraint, or get a role without an approval.
    async fn read(
        app: &App,
        conn: &mut Conn,
        now: Timestamp,
        transition: &Transition<'_>,
    ) -> Result<Self, ApiError> {
        requests::check_approval_bypass(conn, now, transition).await?;
        separation::check_static(conn, now, transition).await?;
        let suspects = separation::suspects(conn, now, transition).await?;
        if suspects.len() > MAX_ENDED {
            separation::check_sessions(app, conn, now, transition, &suspects).await?;
        }
        Ok(Self {
            suspects,
            ended: separation::ended_tokens(app, conn, now, transition).await?,
        })
    }
}

/// Refuses a change of the policy by which a subject comes to break a constraint or to evade an approval.
///
/// A subject breaks a static constraint by having its roles, and a dynamic one by having them active in a live session.
pub(crate) async fn check(
    app: &App,
    conn: &mut Conn,
    now: Timestamp,
    transition: &Transition<'_>,
) -> Result<(), ApiError> {
    requests::check_approval_bypass(conn, now, transition).await?;
    separation::check_registration(app, transition, now)?;
    separation::check_static(conn, now, transition).await?;
    let suspects = separation::suspects(conn, now, transition).await?;
    separation::check_sessions(app, conn, now, transition, &suspects).await
}

/// Returns true if a transition concerns no holder.
fn concerns_nobody(transition: &Transition<'_>) -> bool {
    requests::bypassing(transition).is_empty()
        && separation::static_roles(transition).is_empty()
        && separation::dynamic_roles(transition).is_empty()
}

impl Checks {
    /// Looks at holders in the change itself, for a change that cannot be tried twice.
    pub(crate) fn inside() -> Self {
        Self(Mutex::new(State {
            is_inside: true,
            ..State::default()
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the outcome of a change that calls [`require`](Self::require); `None` if it is to be tried again, since the
    /// holders have now been looked at. One such change runs at a time.
    ///
    /// # Errors
    ///
    /// Refused if a holder forbids the change; [`ApiError::Busy`] if other such changes take too long.
    pub(crate) async fn outcome<T>(
        &self,
        app: &App,
        caller: Caller<'_>,
        done: Result<T, ApiError>,
    ) -> Option<Result<T, ApiError>> {
        if !matches!(done, Err(ApiError::Unchecked)) {
            self.state().turn = None;
            return Some(done);
        }
        drop(done);
        let looked = self.look(app).await;
        let looked = looked.inspect_err(|error| app.charge_refused(caller, error));
        // as the refusal of a change: without the names of people whom the caller may not see
        looked.err().map(|error| Err(caller.refusal(error)))
    }

    /// Looks at the holders that the change asked for.
    async fn look(&self, app: &App) -> Result<(), ApiError> {
        let (wanted, turn) = {
            let mut state = self.state();
            state.tries += 1;
            (state.wanted.take(), state.turn.clone())
        };
        let wanted = wanted.ok_or(ApiError::Unchecked)?;
        // kept until the change is made
        let turn = match turn {
            Some(turn) => turn,
            None => app.heavy().turn(Purpose::Holders).await?,
        };
        let found = find(app, &turn, wanted.clone()).await?;
        let mut state = self.state();
        state.turn = Some(turn);
        state.found = Some((wanted, found));
        state.is_inside = state.tries >= TRIES;
        Ok(())
    }

    /// Refuses the change from policy `before` to `after` if a holder of a role breaks a constraint or evades an approval
    /// by it, and ends the tokens of those who could.
    ///
    /// # Errors
    ///
    /// [`ApiError::Unchecked`] if the holders must be looked at first. Call it before anything is written: assignments of
    /// a role that is deleted still count for the policy before.
    pub(crate) async fn require(
        &self,
        app: &App,
        change: &mut Change<'_>,
        before: &Arc<Policy>,
        after: &Policy,
    ) -> Result<(), ApiError> {
        let transition = Transition::between(before, after);
        let now = change.now();
        separation::check_registration(app, &transition, now)?;
        if concerns_nobody(&transition) {
            return Ok(());
        }
        let found = self.found_for(change, before, after).await?;
        let findings = match found {
            Some(findings) => findings,
            None if self.state().is_inside => {
                Findings::read(app, change.conn(), now, &transition).await?
            }
            None => {
                self.state().wanted = Some(Wanted {
                    revision: change.head().revision,
                    before: Arc::clone(before),
                    after: Arc::new(after.clone()),
                });
                return Err(ApiError::Unchecked);
            }
        };
        // sessions open without a change, so that they are looked at here too unless they are very many: then they were
        // looked at once, and their tokens end by role
        if findings.suspects.len() <= MAX_ENDED {
            let suspects = &findings.suspects;
            separation::check_sessions(app, change.conn(), now, &transition, suspects).await?;
        }
        let uncounted = separation::uncounted(&transition);
        findings.ended.end(change, before, uncounted).await?;
        Ok(())
    }

    /// Returns what was found if it still holds in this change.
    async fn found_for(
        &self,
        change: &mut Change<'_>,
        before: &Policy,
        after: &Policy,
    ) -> Result<Option<Findings>, ApiError> {
        let found = self.state().found.take();
        let Some((wanted, findings)) = found else {
            return Ok(None);
        };
        if *wanted.before != *before || *wanted.after != *after {
            return Ok(None);
        }
        let since = (wanted.revision, change.head().revision);
        let holds = audit::service::are_all(change.conn(), since, &HARMLESS).await?;
        Ok(holds.then_some(findings))
    }
}

/// Looks at the holders, on a thread of its own and outside of any change.
async fn find(app: &App, turn: &Turn, wanted: Wanted) -> Result<Findings, ApiError> {
    let own = app.clone();
    let work = move || async move {
        let mut conn = own.store().read().await?;
        let transition = Transition::between(&wanted.before, &wanted.after);
        let now = own.now();
        Findings::read(&own, &mut conn, now, &transition).await
    };
    app.heavy().in_turn(turn, work).await
}

#[cfg(test)]
mod tests;
