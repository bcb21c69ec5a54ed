//! `user reset` and `user confirm-reset`.

use serde_json::json;

use super::{
    context::Context,
    error::CliError,
    output::{print_done, print_json, printable, write_out},
};
use crate::{
    accounts::{mailed_reset, registration::ResetCode, reset, reset_confirmation},
    times::rfc3339,
};

/// Ends the password and the sessions of a user. A link goes to the proven address, as from the API and the pages; where
/// there is none, or with `is_code_wanted`, a code is printed.
pub(super) async fn make(
    context: &Context,
    name: &str,
    is_code_wanted: bool,
) -> Result<(), CliError> {
    let id = context.user_id(name).await?;
    let (app, caller) = (&context.app, context.caller());
    if !is_code_wanted && let Some(until) = mailed_reset::start(app, caller, &id).await? {
        return print_mailed(context, name, &rfc3339(until));
    }
    let code = reset::start(app, caller, &id, None).await?;
    let remark = match (&app.settings().mail, is_code_wanted) {
        (None, _) => "",
        (Some(_), true) => " No mail was sent.",
        (Some(_), false) => {
            " No mail was sent: the user has no verified address that a link may go to, or is disabled."
        }
    };
    print_code(context, &code, remark)
}

/// Says that the owner gets a link.
fn print_mailed(context: &Context, name: &str, until: &str) -> Result<(), CliError> {
    if context.json {
        return print_json(&json!({ "mailed": true, "expires_at": until }));
    }
    let name = printable(name);
    write_out(&format!(
        "the password and all sessions of `{name}` have ended: a link to set a new password goes to the verified address, \
         and works once, until {until}\n"
    ))
}

/// Confirms the code with the id `reset` that a help desk has made.
pub(super) async fn confirm(context: &Context, name: &str, reset: &str) -> Result<(), CliError> {
    let id = context.user_id(name).await?;
    reset_confirmation::confirm(&context.app, context.caller(), &id, reset).await?;
    let name = printable(name);
    let done = format!("the reset of `{name}` is confirmed: the code works now");
    print_done(context.json, &done)
}

/// Prints a code, which is shown once, and a remark.
fn print_code(context: &Context, code: &ResetCode, remark: &str) -> Result<(), CliError> {
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
        "{}\n\nThe user sets a new password at POST /password, with this code as the current password. It works once, until {expires_at}.{confirmation}{remark}\n",
        code.code
    ))
}
