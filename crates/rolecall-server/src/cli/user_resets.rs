//! `user reset` and `user confirm-reset`.

use serde_json::json;

use super::{
    context::Context,
    error::CliError,
    output::{print_done, print_json, printable, write_out},
};
use crate::{
    accounts::{registration::ResetCode, reset, reset_confirmation},
    times::rfc3339,
};

/// Makes a code for a user, whose password and sessions end.
pub(super) async fn make(context: &Context, name: &str) -> Result<(), CliError> {
    let id = context.user_id(name).await?;
    let code = reset::start(&context.app, context.caller(), &id, None).await?;
    print_code(context, &code)
}

/// Confirms the code with the id `reset` that a help desk has made.
pub(super) async fn confirm(context: &Context, name: &str, reset: &str) -> Result<(), CliError> {
    let id = context.user_id(name).await?;
    reset_confirmation::confirm(&context.app, context.caller(), &id, reset).await?;
    let name = printable(name);
    let done = format!("the reset of `{name}` is confirmed: the code works now");
    print_done(context.json, &done)
}

/// Prints a code, which is shown once.
pub(super) fn print_code(context: &Context, code: &ResetCode) -> Result<(), CliError> {
    let expires_at = rfc3339(code.expires_at);
    if context.json {
        let mut answer = json!({ "reset_code": code.code, "expires_at": expires_at });
        if let (true, Some(members)) = (code.is_unconfirmed, answer.as_object_mut()) {
            members.insert("reset_id".to_owned(), json!(code.id));
            members.insert("needs_confirmation".to_owned(), json!(true));
        }
        return print_json(&answer);
    }
    let confirmation = if code.is_unconfirmed {
        " Another administrator has to confirm it (`rolecall user confirm-reset`), unless the user has a second factor or uses a device with which they have signed in since their last new password."
    } else {
        ""
    };
    write_out(&format!(
        "{}\n\nThe user sets a new password at POST /password, with this code as the current password. It works once, until {expires_at}.{confirmation}\n",
        code.code
    ))
}
