//! The data of a user as a document.

use super::{service, views::OwnDataView};
use crate::{app::App, error::ApiError, heavy::Purpose};

/// Returns the data of a user as JSON; `None` if the user is gone. `current` is the session of the request.
///
/// It is collected and written in a turn, since it can be thousands of rows: only a few documents are in memory at once.
///
/// # Errors
///
/// Also [`ApiError::Busy`] after the deadline.
pub(crate) async fn write(
    app: &App,
    subject: &str,
    current: Option<&str>,
) -> Result<Option<Vec<u8>>, ApiError> {
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
    use std::pin::pin;

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
}
