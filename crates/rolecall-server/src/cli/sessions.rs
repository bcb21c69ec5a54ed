//! `session`: lists and ends the sessions of a user.

use clap::Subcommand;
use serde_json::json;

use super::{
    context::Context,
    error::CliError,
    output::{print_done, print_json, print_table, printable},
    pages,
};
use crate::{
    accounts::service as users,
    sessions::{handlers::SessionView, service, store::Shown},
    times::rfc3339,
};

#[derive(Subcommand)]
pub(super) enum SessionCommand {
    /// List the sessions of a user.
    List {
        /// The user's name.
        user: String,
    },
    /// End one session of a user, or all of them.
    End {
        /// The user's name.
        user: String,
        /// The session's id; all sessions without it.
        session: Option<String>,
    },
}

pub(super) async fn run(context: &Context, command: &SessionCommand) -> Result<(), CliError> {
    match command {
        SessionCommand::List { user } => list(context, user).await,
        SessionCommand::End { user, session } => {
            let id = context.user_id(user).await?;
            let (app, caller) = (&context.app, context.caller());
            let name = printable(user);
            if let Some(session) = session {
                // a mistyped id must not look like a success
                if !service::end_of(app, caller, &id, session).await? {
                    let session = printable(session);
                    let text = format!("`{name}` has no active session `{session}`");
                    return Err(CliError::Refused(text));
                }
                print_done(context.json, &format!("session of `{name}` ended"))
            } else {
                users::end_sessions(app, caller, &id).await?;
                print_done(context.json, &format!("all sessions of `{name}` ended"))
            }
        }
    }
}

async fn list(context: &Context, user: &str) -> Result<(), CliError> {
    let id = context.user_id(user).await?;
    let read = async |after: &str, limit| {
        service::list(&context.app, context.caller(), &id, after, limit).await
    };
    let sessions = pages::read_all(read, |session: &Shown| session.id.clone()).await?;
    if context.json {
        let views = sessions
            .into_iter()
            .map(|session| SessionView::new(session, None));
        return print_json(&views.map(|view| json!(view)).collect());
    }
    let row = |session: Shown| {
        vec![
            session.id,
            session.client_id,
            session.address,
            rfc3339(session.created_at),
            rfc3339(session.last_used_at),
            rfc3339(session.expires_at),
        ]
    };
    print_table(
        &["session", "client", "address", "since", "last used", "ends"],
        sessions.into_iter().map(row).collect(),
    )
}
