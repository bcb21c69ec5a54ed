//! Reads passwords and secrets from a prompt or from standard input; never from an argument, which others could read.

use std::io::{IsTerminal as _, Read as _};

use zeroize::Zeroizing;

use super::error::CliError;

/// Longer than any password that is accepted.
const MAX_INPUT: u64 = 64 * 1024;

/// Reads a new password: twice from a prompt, or all of standard input without one final newline.
pub(super) fn new_password(from_stdin: bool) -> Result<Zeroizing<String>, CliError> {
    if from_stdin {
        return from_standard_input();
    }
    if !std::io::stdin().is_terminal() {
        return Err(CliError::Refused(
            "no terminal for a password prompt: use --password-stdin".to_owned(),
        ));
    }
    let first = ask("Password: ")?;
    let second = ask("Repeat password: ")?;
    if *first == *second {
        Ok(first)
    } else {
        Err(CliError::Refused("the passwords do not match".to_owned()))
    }
}

/// Asks at the terminal for a text that is not shown.
pub(super) fn ask(prompt: &str) -> Result<Zeroizing<String>, CliError> {
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .map_err(CliError::io("cannot read the password"))
}

/// Reads a secret from standard input, without one final newline.
pub(super) fn from_standard_input() -> Result<Zeroizing<String>, CliError> {
    let mut text = Zeroizing::new(String::new());
    std::io::stdin()
        .lock()
        .take(MAX_INPUT)
        .read_to_string(&mut text)
        .map_err(CliError::io("cannot read standard input"))?;
    Ok(Zeroizing::new(stripped(&text).to_owned()))
}

/// Strips a byte order mark, with which some editors begin a file, and one final newline, which `echo` adds.
fn stripped(text: &str) -> &str {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_editors_and_echo_add_is_stripped() {
        assert_eq!(stripped("secret \n"), "secret ");
        assert_eq!(stripped("secret\r\n"), "secret");
        assert_eq!(stripped("secret\n\n"), "secret\n");
        assert_eq!(stripped("secret"), "secret");
        assert_eq!(stripped("\u{feff}secret\u{feff}\n"), "secret\u{feff}");
    }
}
