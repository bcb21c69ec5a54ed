//! The log: one event per line, whatever its values contain.
//!
//! INVARIANT: control characters, line separators and characters that change the writing direction are escaped before
//! a line leaves the process, so that no value can forge another event or drive a terminal (CWE-117). The length of a
//! line is bounded.
//!
//! A thread of its own writes the lines, so that no request waits for the reader of the log.

mod queue;

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _, Write};
use std::sync::OnceLock;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::{Layer, Registry, filter::Targets, layer::SubscriberExt as _};

use rolecall_core::is_unprintable;

use self::queue::Queue;
use crate::config::{Log, LogFormat};

/// The longest line in bytes; longer ones are cut.
const MAX_LINE: usize = 8 * 1024;

/// The lines that wait for a slow reader; more are lost.
const MAX_WAITING: usize = 4096;

/// The time that the end of a process waits for the reader of the log.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// The log of this process.
static LINES: OnceLock<Queue> = OnceLock::new();

/// An error in setting up the log.
///
/// Its `Debug` is its message, since that is what a `main` prints that returns it.
#[derive(thiserror::Error)]
pub enum LoggingError {
    /// `log.level` is invalid.
    #[error("`log.level` is not a level, such as `info`, or a filter")]
    Filter,
    /// Logging is already set up in this process.
    #[error("logging is already set up")]
    Twice,
    /// The thread that writes the lines cannot be started.
    #[error("cannot start the thread of the log: {0}")]
    Thread(io::Error),
}

impl fmt::Debug for LoggingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Writes the events of this process to standard error, in the format and from the level of `log`. A thread writes
/// them: call [`flush`] before the process ends.
///
/// # Errors
///
/// [`LoggingError`].
pub fn init(log: &Log) -> Result<(), LoggingError> {
    let json = match log.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    };
    let lines = Queue::start(io::stderr(), MAX_WAITING, |lines| {
        tracing::warn!(
            lines,
            "log lines were dropped, because standard error was not read in time"
        );
    });
    let lines = lines.map_err(LoggingError::Thread)?;
    let subscriber = subscriber(&log.level, json, lines.clone())?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LoggingError::Twice)?;
    LINES.set(lines).map_err(|_| LoggingError::Twice)
}

/// Waits until the lines so far are written, but at most two seconds for a reader that does not read.
pub fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush(FLUSH_TIMEOUT);
    }
}

/// Returns the number of lines that were dropped because their reader was too slow.
pub(crate) fn dropped_lines() -> u64 {
    LINES.get().map_or(0, Queue::lost)
}

fn subscriber<W>(
    level: &str,
    json: bool,
    writer: W,
) -> Result<impl tracing::Subscriber + Send + Sync + use<W>, LoggingError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter: Targets = level.parse().map_err(|_| LoggingError::Filter)?;
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(OneLine {
            inner: writer,
            json,
        });
    let layer: Box<dyn Layer<Registry> + Send + Sync> = if json {
        lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_filter(filter)
            .boxed()
    } else {
        lines.with_filter(filter).boxed()
    };
    Ok(Registry::default().with(layer))
}

/// Writes each event as one escaped line.
struct OneLine<W> {
    inner: W,
    json: bool,
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for OneLine<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line {
            inner: self.inner.make_writer(),
            json: self.json,
        }
    }
}

/// The writer of one event, which is written with a single call.
struct Line<W> {
    inner: W,
    json: bool,
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let mut line = shorten(line, self.json).into_owned();
        line = escape(&line);
        line.push('\n');
        self.inner.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Cuts a long line; a JSON line becomes an object that holds the start of it.
fn shorten(line: &str, json: bool) -> Cow<'_, str> {
    if line.len() <= MAX_LINE {
        return Cow::Borrowed(line);
    }
    let room = if json { MAX_LINE / 2 } else { MAX_LINE };
    let head: &str = line
        .get(..line.floor_char_boundary(room))
        .unwrap_or_default();
    if json {
        Cow::Owned(serde_json::json!({ "cut": true, "line": head }).to_string())
    } else {
        Cow::Owned(format!("{head} (cut)"))
    }
}

/// Escapes dangerous characters as JSON does, so that JSON lines keep their values.
pub(crate) fn escape(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len() + 1);
    for letter in line.chars() {
        if is_unprintable(letter) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // writing to a `String` cannot fail
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// Captures the log of code under test.
#[cfg(test)]
pub(crate) mod testing {
    use std::sync::{Arc, LazyLock, Mutex};

    use super::*;

    /// While only one subscriber exists, `tracing` caches the interest of the first thread for the whole process, so that
    /// tests in other threads could disable events. A second subscriber, which records nothing, prevents that.
    static SECOND: LazyLock<tracing::Dispatch> =
        LazyLock::new(|| tracing::Dispatch::new(tracing_subscriber::registry()));

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns the lines that `events` logs on this thread.
    pub(crate) fn logged(json: bool, level: &str, events: impl FnOnce()) -> String {
        LazyLock::force(&SECOND);
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = subscriber(level, json, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, events);
        String::from_utf8(captured.0.lock().unwrap().clone()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::logged;
    use super::*;

    const EVIL: &str =
        "alice\r\n2026-01-01 INFO forged\u{1b}[31m\u{2028}\u{202e}\u{85}\0\"}{\"level\":\"x\"";

    #[test]
    fn x068_no_value_adds_a_line_or_reaches_the_terminal() {
        for json in [false, true] {
            let output = logged(json, "info", || {
                tracing::info!(name = EVIL, display = %EVIL, "message {EVIL}");
                tracing::info_span!("s", name = %EVIL).in_scope(|| tracing::warn!("second"));
            });
            let lines: Vec<&str> = output.lines().collect();
            assert_eq!(lines.len(), 2, "{output}");
            assert!(
                !output.trim_end().replace('\n', "").contains(is_unprintable),
                "{output:?}"
            );
        }
    }

    #[test]
    fn json_lines_are_json_and_keep_the_values() {
        let output = logged(true, "info", || tracing::info!(name = EVIL, "hello"));
        let line: serde_json::Value = serde_json::from_str(&output).unwrap();
        assert_eq!(line["name"], EVIL);
        assert_eq!(line["message"], "hello");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn a_very_long_value_is_cut_and_json_stays_json() {
        let long = "x\u{e9}\"".repeat(400_000);
        for json in [false, true] {
            let output = logged(json, "info", || tracing::info!(name = %long, "hello"));
            assert_eq!(output.lines().count(), 1);
            assert!(output.len() < 3 * MAX_LINE, "{}", output.len());
            if json {
                let line: serde_json::Value = serde_json::from_str(&output).unwrap();
                assert_eq!(line["cut"], true);
            }
        }
    }

    #[test]
    fn the_level_decides_what_is_written() {
        let output = logged(false, "warn", || {
            tracing::info!("quiet");
            tracing::error!("loud");
        });
        assert!(output.contains("loud") && !output.contains("quiet"));
        assert!(matches!(
            subscriber("a=b=c", false, io::sink).err(),
            Some(LoggingError::Filter)
        ));
    }
}
