//! Passwords come from a prompt or from standard input, never from an argument.

use std::io::{IsTerminal as _, Read as _};

use zeroize::Zeroizing;

use super::CliError;

/// More than any password that is accepted.
const MAX_INPUT: u64 = 64 * 1024;

/// A new password: asked for twice at a terminal, or all of standard input less one newline at its end.
pub(super) fn new_password(from_stdin: bool) -> Result<Zeroizing<String>, CliError> {
    if from_stdin {
        return from_standard_input();
    }
    if !std::io::stdin().is_terminal() {
        return Err(CliError::Refused(
            "no terminal to ask at: use --password-stdin".to_owned(),
        ));
    }
    let ask = |prompt| {
        rpassword::prompt_password(prompt)
            .map(Zeroizing::new)
            .map_err(CliError::io("cannot ask for a password"))
    };
    let first = ask("Password: ")?;
    let second = ask("The same again: ")?;
    if *first == *second {
        Ok(first)
    } else {
        Err(CliError::Refused("the two passwords differ".to_owned()))
    }
}

fn from_standard_input() -> Result<Zeroizing<String>, CliError> {
    let mut text = Zeroizing::new(String::new());
    std::io::stdin()
        .lock()
        .take(MAX_INPUT)
        .read_to_string(&mut text)
        .map_err(CliError::io("cannot read the password"))?;
    Ok(Zeroizing::new(without_newline(&text).to_owned()))
}

/// One newline at the end belongs to `echo`, not to the password.
fn without_newline(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_newline_goes_and_everything_else_stays() {
        assert_eq!(without_newline("secret \n"), "secret ");
        assert_eq!(without_newline("secret\r\n"), "secret");
        assert_eq!(without_newline("secret\n\n"), "secret\n");
        assert_eq!(without_newline("secret"), "secret");
    }
}
