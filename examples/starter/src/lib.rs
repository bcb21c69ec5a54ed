//! An API with login, roles and permissions. Replace the notes with your own routes.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{Json, extract::State, http::StatusCode};
use rolecall::{Fresh, Guard, GuardedRouter, Require, routing::get};
use rolecall_server::{Embedded, EmbeddedBuilder, StartError};
use serde::{Deserialize, Serialize};

rolecall::permissions! {
    /// The permissions of `policy.toml`.
    pub mod may { ReadNotes = "notes:read", WriteNotes = "notes:write", DeleteNotes = "notes:delete" }
}

/// A note.
#[derive(Clone, Deserialize, Serialize)]
pub struct Note {
    text: String,
    /// The id of the user who wrote it.
    #[serde(skip_deserializing)]
    author: String,
}

/// The notes, in memory: put your database here.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<Note>>>);

async fn list_notes(_: Require<may::ReadNotes>, State(notes): State<Notes>) -> Json<Vec<Note>> {
    Json(
        notes
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone(),
    )
}

async fn create_note(
    caller: Require<may::WriteNotes>,
    State(notes): State<Notes>,
    Json(mut note): Json<Note>,
) -> StatusCode {
    caller.subject().clone_into(&mut note.author);
    notes
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(note);
    StatusCode::CREATED
}

/// Needs a session with two factors, and a sign-in of the last five minutes: `policy.toml` and the type say so.
async fn delete_notes(_: Fresh<may::DeleteNotes, 300>, State(notes): State<Notes>) -> StatusCode {
    notes
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clear();
    StatusCode::NO_CONTENT
}

/// The routes of the application. The first argument of each handler is its access rule.
pub fn routes(guard: Guard) -> GuardedRouter<Notes> {
    let notes = get(list_notes).post(create_note).delete(delete_notes);
    GuardedRouter::new(guard).route("/notes", notes)
}

/// The login, with the policy of this application.
pub fn login(database_url: &str) -> EmbeddedBuilder {
    Embedded::builder(database_url)
        .policy(include_str!("../policy.toml"))
        .first_admin_with_roles("admin", &["writer"])
}

/// The whole application. `login` must live as long as it is served.
///
/// # Errors
///
/// If rolecall's own routes cannot be built.
pub fn app(login: &Embedded) -> Result<axum::Router, StartError> {
    let routes = routes(login.guard()).with_state(Notes::default());
    Ok(routes.merge(login.routes()?).into_axum())
}
