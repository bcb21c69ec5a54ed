//! Keeps the output of failing tests for the end of a run, since hours of other output may follow it.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::tools;

/// The lines that are kept of each failing test: the message of a panic and the first frames.
const LINES_OF_TEST: usize = 40;
/// The lines that are kept of all tests together.
const MAX_LINES: usize = 400;

/// Runs `cargo test` with its output shown. The error quotes the output of failing tests.
pub(crate) fn run(tests: &mut Command) -> anyhow::Result<()> {
    let shown = tools::show(tests);
    eprintln!("$ {shown}");
    let mut child = tests
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let output = child.stdout.take().context("no output")?;
    let failures = copy(BufReader::new(output), io::stdout())?;
    let status = child.wait()?;
    if !status.success() {
        bail!("`{shown}` ended with {status}\n{}", failures.join("\n"));
    }
    Ok(())
}

/// Copies all lines, and returns those about failing tests.
fn copy(mut from: impl BufRead, mut to: impl Write) -> anyhow::Result<Vec<String>> {
    let (mut kept, mut of_this_test, mut in_failures) = (Vec::new(), 0, false);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        match text {
            "failures:" => in_failures = true,
            _ if text.starts_with("test result:") => in_failures = false,
            _ => {}
        }
        if text.starts_with("---- ") {
            of_this_test = 0;
        }
        if in_failures && of_this_test < LINES_OF_TEST && kept.len() < MAX_LINES && !text.is_empty()
        {
            kept.push(text.to_owned());
            of_this_test += 1;
        }
        line.clear();
    }
    to.flush()?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "running 2 tests
test fine ... ok
test broken ... FAILED

failures:

---- broken stdout ----

thread 'broken' (7) panicked at src/lib.rs:1:2:
assertion failed: it holds

failures:
    broken

test result: FAILED. 1 passed; 1 failed

running 1 test
test other ... ok
";

    #[test]
    fn the_output_of_failing_tests_is_kept_and_all_output_is_shown() {
        let mut shown = Vec::new();
        let kept = copy(OUTPUT.as_bytes(), &mut shown).unwrap();
        assert_eq!(String::from_utf8(shown).unwrap(), OUTPUT);
        let expected = [
            "failures:",
            "---- broken stdout ----",
            "thread 'broken' (7) panicked at src/lib.rs:1:2:",
            "assertion failed: it holds",
            "failures:",
            "    broken",
        ];
        assert_eq!(kept, expected);
    }

    #[test]
    fn a_long_output_leaves_room_for_the_other_tests() {
        let frames = "frame\n".repeat(1000);
        let mut many = vec!["failures:".to_owned()];
        for number in 0..20 {
            many.push(format!(
                "---- test{number} stdout ----\nwhy {number}\n{frames}"
            ));
        }
        let kept = copy(many.join("\n").as_bytes(), io::sink()).unwrap();
        assert_eq!(kept.len(), MAX_LINES);
        assert_eq!(kept.iter().filter(|line| *line == "why 3").count(), 1);
        let frames = kept.iter().filter(|line| *line == "frame").count();
        assert!(frames < LINES_OF_TEST * 11, "{frames}");
    }

    #[test]
    fn output_that_is_not_utf8_is_copied() {
        let mut shown = Vec::new();
        let output = b"failures:\n\xff\xfe\nlast";
        let kept = copy(&output[..], &mut shown).unwrap();
        assert_eq!(shown, output);
        assert_eq!(kept, ["failures:", "\u{fffd}\u{fffd}", "last"]);
    }

    #[test]
    fn the_error_quotes_the_failing_tests() {
        let mut failing = Command::new("sh");
        failing.args(["-c", "echo failures:; echo '---- a stdout ----'; exit 3"]);
        let error = run(&mut failing).unwrap_err().to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.ends_with("failures:\n---- a stdout ----"), "{error}");
        run(&mut Command::new("true")).unwrap();
    }
}
