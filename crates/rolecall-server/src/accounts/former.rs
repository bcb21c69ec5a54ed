//! The verified address that an account had before its owner replaced or removed it. For a week, the code before the first
//! second factor goes there: whoever knows the password alone would otherwise move the address first, and get the code.

use std::time::Duration;

use rolecall_core::Timestamp;

use super::{former_store as store, store::User};
use crate::{
    authority::caller::Caller,
    factors::store as factors,
    store::{Conn, StoreError},
};

/// The time in which the owner of the address can act on the notice of the change.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// Remembers the verified address that the owner of an account replaces or removes. With a second factor, the owner has
/// proven the change by that. While an earlier address counts, it does so for longer: no number of changes makes an
/// address count that somebody has just proven.
pub(crate) async fn remember(
    conn: &mut Conn,
    before: &User,
    now: Timestamp,
) -> Result<(), StoreError> {
    let address = before.email.as_deref();
    let Some(address) = address.filter(|_| before.email_verified_at.is_some()) else {
        return Ok(());
    };
    if !factors::kinds(conn, &before.id).await?.is_empty() {
        return Ok(());
    }
    let earlier = find(conn, &before.id, now).await?;
    let address = earlier.as_deref().unwrap_or(address);
    store::put(conn, &before.id, address, now.plus(KEPT)).await
}

/// The same for a change on the routes of administrators, who are the owners of their own accounts.
pub(super) async fn remember_own(
    conn: &mut Conn,
    caller: Caller<'_>,
    (before, after): (&User, &User),
    now: Timestamp,
) -> Result<(), StoreError> {
    let is_taken = after.email != before.email || after.email_verified_at.is_none();
    if is_taken && is_owner(caller, &before.id) {
        remember(conn, before, now).await?;
    }
    Ok(())
}

/// Finds the address to which the code before the first factor goes in place of the present one.
pub(crate) async fn find(
    conn: &mut Conn,
    subject: &str,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    store::find(conn, subject, now).await
}

/// Lets the present address count where an administrator says that it is the user's, and is not the user; returns whether
/// another one did.
pub(super) async fn vouch(
    conn: &mut Conn,
    caller: Caller<'_>,
    (subject, verified): (&str, Option<bool>),
    now: Timestamp,
) -> Result<bool, StoreError> {
    if verified != Some(true) || is_owner(caller, subject) {
        return Ok(false);
    }
    store::forget(conn, subject, now).await
}

fn is_owner(caller: Caller<'_>, subject: &str) -> bool {
    matches!(caller, Caller::Token(principal) if principal.subject() == subject)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{accounts::store as accounts, app::App, authority::caller::Caller};

    /// What happens to an account.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        /// Its owner gives up this verified address, or one that is not verified.
        Move {
            address: u8,
            is_verified: bool,
        },
        /// An administrator vouches for the address, or the owner tries to.
        Vouch {
            by_other: bool,
        },
        Hours(i64),
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let event = prop_oneof![
            (0..4_u8, prop::bool::weighted(0.8)).prop_map(|(address, is_verified)| Event::Move {
                address,
                is_verified
            }),
            prop::bool::ANY.prop_map(|by_other| Event::Vouch { by_other }),
            (1..120_i64).prop_map(Event::Hours),
        ];
        prop::collection::vec(event, 1..20)
    }

    async fn run(app: &App, events: Vec<Event>) {
        let start = app.now();
        let user = app.store().write(async |conn: &mut Conn| {
            let id = accounts::find_alike(conn, "alice").await?.unwrap();
            store::forget(conn, &id, start).await?;
            accounts::find_user(conn, &id, start).await
        });
        let user = user.await.unwrap().unwrap();
        let (mut now, mut expected) = (start, None::<(String, Timestamp)>);
        for event in events {
            expected = expected.filter(|(_, until)| *until > now);
            let before = app.store().write(async |conn: &mut Conn| {
                match event {
                    Event::Move {
                        address,
                        is_verified,
                    } => {
                        let before = User {
                            email: Some(format!("{address}@b.example")),
                            email_verified_at: is_verified.then_some(start),
                            ..user.clone()
                        };
                        remember(conn, &before, now).await?;
                    }
                    Event::Vouch { by_other } => {
                        let verified = Some(by_other);
                        vouch(conn, Caller::System, (&user.id, verified), now).await?;
                    }
                    Event::Hours(_) => {}
                }
                Ok::<_, StoreError>(())
            });
            before.await.unwrap();
            match event {
                Event::Move {
                    address,
                    is_verified: true,
                } => {
                    let until = now.plus(Duration::from_hours(168));
                    let first = expected.map(|(address, _)| address);
                    expected = Some((first.unwrap_or(format!("{address}@b.example")), until));
                }
                Event::Vouch { by_other: true } => expected = None,
                Event::Hours(hours) => now = now.plus(Duration::from_hours(hours.unsigned_abs())),
                Event::Move { .. } | Event::Vouch { .. } => {}
            }
            let due = expected.clone().filter(|(_, until)| *until > now);
            let mut conn = app.store().read().await.unwrap();
            let found = find(&mut conn, &user.id, now).await.unwrap();
            assert_eq!(found, due.map(|(address, _)| address), "{event:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn y491_the_first_address_that_was_given_up_counts_for_a_week(events in events()) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let builder = crate::Embedded::builder("sqlite::memory:");
                let opened = builder.demo_user("alice", "a password of alice", &[]).open().await;
                run(opened.unwrap().app(), events).await;
            });
        }
    }
}
