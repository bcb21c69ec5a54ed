//! The id of a flow, which is in the address of its pages. It ends with a mark by which its client is recognized when the flow
//! is kept no more.

use serde_json::json;

use crate::{
    app::App,
    error::ApiError,
    ids,
    login::secret::{self, Kind},
};

/// The length of the mark, of 66 bits.
const MARK: usize = 11;

/// Returns the id of a new flow for a client.
pub(super) fn generate(app: &App, client: &str) -> Result<String, ApiError> {
    let random = ids::random_token(128).map_err(ApiError::internal)?;
    let mark = mark(app, &random, client);
    Ok(format!("{random}{mark}"))
}

/// Returns true if this is the id of a flow that was for the client.
pub(super) fn is_for(app: &App, id: &str, client: &str) -> bool {
    let end = id.len().checked_sub(MARK);
    let parts = end.and_then(|end| id.split_at_checked(end));
    parts.is_some_and(|(random, found)| found == mark(app, random, client))
}

fn mark(app: &App, random: &str, client: &str) -> String {
    let mut mark = secret::seal(app, Kind::ClientOfFlow, &json!([random, client]));
    mark.truncate(MARK);
    mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn y554_an_id_is_for_the_client_that_it_was_made_for() {
        let server = crate::Embedded::builder("sqlite::memory:").open().await;
        let server = server.unwrap();
        let app = server.app();
        let id = generate(app, "wiki").unwrap();
        assert!(is_for(app, &id, "wiki"));
        assert!(!is_for(app, &id, "blog") && !is_for(app, &id, ""));
        let other = generate(app, "wiki").unwrap();
        let (random, mark) = (&id[..id.len() - MARK], &other[other.len() - MARK..]);
        assert!(!is_for(app, &format!("{random}{mark}"), "wiki"));
        for wrong in [
            "",
            "x",
            "\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}",
            random,
            mark,
        ] {
            assert!(!is_for(app, wrong, "wiki"), "{wrong}");
        }
    }
}
