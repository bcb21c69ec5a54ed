//! Arguments that are no command, and the help that was asked for.

use std::process::ExitCode;

use clap::error::ErrorKind;
use serde_json::json;

use crate::stderr;

/// The exit status of a program that was called in a wrong way, as clap has it.
const EXIT_USAGE: u8 = 2;

/// Prints what is wrong with the arguments, as JSON if `--json` is among them, or the help or version that they ask for.
pub(super) fn refuse(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    if error.use_stderr() && json {
        stderr::print_line(json!({ "error": in_one_line(error) }));
    } else {
        // a closed pipe is no reason to fail in another way
        let _ = error.print();
    }
    if error.use_stderr() {
        ExitCode::from(EXIT_USAGE)
    } else {
        ExitCode::SUCCESS
    }
}

/// Returns the message with clap's tip, without the usage that follows.
fn in_one_line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is missing; `--help` lists them".to_owned();
    }
    let text = error.render().to_string();
    let (message, _) = text.split_once("Usage:").unwrap_or((&text, ""));
    let (message, _) = message
        .split_once("For more information")
        .unwrap_or((message, ""));
    let message = message.trim_start_matches("error:");
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::arguments::Arguments;
    use super::*;

    fn message(arguments: &[&str]) -> String {
        let refused = Arguments::try_parse_from([&["rolecall", "--json"], arguments].concat());
        in_one_line(&refused.err().unwrap())
    }

    #[test]
    fn a_usage_error_is_one_line_with_a_tip() {
        assert_eq!(
            message(&["user", "lst"]),
            "unrecognized subcommand 'lst' tip: a similar subcommand exists: 'list'"
        );
        assert_eq!(
            message(&["client", "add", "x", "--grant", "pasword"]),
            "invalid value 'pasword' for '--grant <GRANT>' \
             [possible values: authorization_code, client_credentials, password, refresh_token] \
             tip: a similar value exists: 'password'"
        );
        let missing = message(&["user"]);
        assert_eq!(missing, "a command is missing; `--help` lists them");
        let missing = message(&["user", "show"]);
        assert!(missing.contains("<NAME>"), "{missing}");
        assert!(
            !missing.contains("Usage") && !missing.contains("--help"),
            "{missing}"
        );
    }
}
