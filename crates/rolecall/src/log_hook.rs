//! A hook for the log lines of this crate, for programs that do not use `tracing`.

use std::fmt::{self, Write as _};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::{SetGlobalDefaultError, set_global_default},
};

/// A log line of this crate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// The level.
    pub level: Level,
    /// The module that logs, such as `rolecall::remote::shared`.
    pub target: &'static str,
    /// The message with its fields: `the issuer's feed cannot be read failure=…`.
    pub text: String,
}

/// Calls `hook` for each log line of this crate up to `level`, for programs that do not use `tracing`: bindings to other
/// languages.
///
/// ```
/// rolecall::set_log_hook(tracing::Level::INFO, |line| eprintln!("{} {}", line.level, line.text))?;
/// # Ok::<(), tracing::subscriber::SetGlobalDefaultError>(())
/// ```
///
/// # Errors
///
/// If the process has a hook or a `tracing` subscriber already.
pub fn set_log_hook(
    level: Level,
    hook: impl Fn(LogLine) + Send + Sync + 'static,
) -> Result<(), SetGlobalDefaultError> {
    set_global_default(Hook { level, hook })
}

struct Hook<F> {
    level: Level,
    hook: F,
}

impl<F: Fn(LogLine) + Send + Sync + 'static> Subscriber for Hook<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_ours = metadata.target().split("::").next() == Some("rolecall");
        is_ours && *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(self.level))
    }

    // this crate opens no spans
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        (self.hook)(LogLine {
            level: *event.metadata().level(),
            target: event.metadata().target(),
            text: text.message + &text.fields,
        });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // writing to a `String` cannot fail
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn lines_of_this_crate_arrive_up_to_the_level() {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&lines);
        let hook = Hook {
            level: Level::INFO,
            hook: move |line: LogLine| {
                let text = format!("{} {} {}", line.level, line.target, line.text);
                kept.lock().unwrap().push(text);
            },
        };
        tracing::subscriber::with_default(hook, || {
            tracing::warn!(target: "rolecall::x", count = 2, name = "n", "told");
            tracing::debug!(target: "rolecall::x", "too quiet");
            tracing::error!(target: "rolecaller", "a stranger");
        });
        assert_eq!(
            *lines.lock().unwrap(),
            [r#"WARN rolecall::x told count=2 name="n""#]
        );
    }
}
