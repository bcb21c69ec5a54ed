//! The data of a user as a document.

use super::{service, views::OwnDataView};
use crate::{app::App, error::ApiError, heavy::Purpose};

/// Returns the data of a user as JSON; `None` if the user is gone. `current` is the session of the request.
///
/// It is collected and written in a turn, since it can be thousands of rows: only a few documents are made at once, and one
/// of each user, who cannot keep others from theirs.
///
/// # Errors
///
/// Also [`ApiError::Busy`] after the deadline.
pub(crate) async fn write(
    app: &App,
    subject: &str,
    current: Option<&str>,
) -> Result<Option<Vec<u8>>, ApiError> {
    let own_turn = app.parts().export_turns.wait(subject);
    let own_turn = tokio::time::timeout(app.settings().policy.deadline, own_turn).await;
    let _own_turn = own_turn.ok().flatten().ok_or(ApiError::Busy)?;
    let (own, subject) = (app.clone(), subject.to_owned());
    let current = current.map(str::to_owned);
    let work = move || async move {
        let Some(data) = service::collect(&own, &subject).await? else {
            return Ok(None);
        };
        let view = OwnDataView::new(data, current.as_deref(), own.now());
        let body = serde_json::to_vec(&view).map_err(ApiError::internal)?;
        Ok::<_, ApiError>(Some(body))
    };
    app.heavy().run_reading(Purpose::Export, work).await
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin, task::Poll};

    use super::*;
    use crate::{LogIn, http::ClientAddress};

    #[tokio::test]
    async fn y521_an_export_of_the_own_data_waits_for_a_turn() {
        let password = "a password of alice";
        let builder = crate::Embedded::builder("sqlite::memory:");
        let server = builder.demo_user("alice", password, &[]).open().await;
        let server = server.unwrap();
        let address = ClientAddress::default();
        let log_in = LogIn::new("alice", password, &address);
        let access = server.log_in(&log_in).await.unwrap().access_token;
        let alice = server.guard().verify(&access).unwrap();
        let (app, subject) = (server.app(), alice.subject());
        let mut turns = Vec::new();
        for _ in 0..app.settings().policy.at_once {
            turns.push(app.heavy().turn(Purpose::Export).await.ok().unwrap());
        }
        let mut export = pin!(write(app, subject, None));
        let others = async {
            for _ in 0..10 {
                assert!(service::collect(app, subject).await.unwrap().is_some());
            }
        };
        tokio::select! {
            biased;
            _ = &mut export => panic!("it has not waited"),
            () = others => {}
        }
        drop(turns);
        let body = export.await.unwrap().unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["account"]["username"], "alice");
    }
    #[tokio::test]
    async fn y555_exports_of_one_user_keep_nobody_else_from_theirs() {
        let password = "a password of both";
        let server = crate::Embedded::builder("sqlite::memory:")
            .demo_user("alice", password, &[])
            .demo_user("mallory", password, &[])
            .open()
            .await
            .unwrap();
        let app = server.app();
        let subject_of = async |name: &str| {
            let address = ClientAddress::default();
            let log_in = LogIn::new(name, password, &address);
            let access = server.log_in(&log_in).await.unwrap().access_token;
            server.guard().verify(&access).unwrap().subject().to_owned()
        };
        let (alice, mallory) = (subject_of("alice").await, subject_of("mallory").await);
        // all but one of the turns of everybody are taken
        let mut turns = Vec::new();
        for _ in 1..app.settings().policy.at_once {
            turns.push(app.heavy().turn(Purpose::Export).await.ok().unwrap());
        }
        let own = app.parts().export_turns.wait(&mallory).await.unwrap();
        let mut waiting: Vec<_> = (0..4)
            .map(|_| Box::pin(write(app, &mallory, None)))
            .collect();
        for export in &mut waiting {
            let polled = poll_fn(|context| Poll::Ready(export.as_mut().poll(context))).await;
            assert!(polled.is_pending(), "it waits for the one before it");
        }
        let refused = write(app, &mallory, None).await;
        assert!(matches!(refused, Err(ApiError::Busy)), "too many wait");
        assert!(write(app, &alice, None).await.unwrap().is_some());
        drop(own);
        for export in waiting {
            assert!(export.await.unwrap().is_some());
        }
    }
}
