//! Log lines of the guard, for `logging`.
//!
//! A line may come from the thread that follows the issuer, while it holds a lock for which another thread waits that holds
//! the lock of the interpreter. So lines wait in a queue, and a thread of Python takes them.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use ::rolecall::set_log_hook;
use arc_swap::ArcSwap;
use pyo3::prelude::*;
use tracing::Level;

/// The most lines that wait.
const MAX_LINES: usize = 1_000;

/// A level of `logging`, a module, and a text.
type Line = (u8, &'static str, String);

#[derive(Default)]
struct Queue {
    lines: Mutex<VecDeque<Line>>,
    added: Condvar,
}

static QUEUE: LazyLock<ArcSwap<Queue>> = LazyLock::new(ArcSwap::default);

/// Starts to keep log lines, with an empty queue: that of a parent process may be locked forever.
#[pyfunction]
pub(crate) fn start_logs() {
    std::mem::forget(QUEUE.swap(Arc::default()));
    let _ = set_log_hook(Level::INFO, |line| {
        let level = match line.level {
            Level::ERROR => 40,
            Level::WARN => 30,
            Level::INFO => 20,
            _ => 10,
        };
        let queue = QUEUE.load_full();
        let mut lines = queue.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < MAX_LINES {
            lines.push_back((level, line.target, line.text));
        }
        queue.added.notify_one();
    });
}

/// Waits for a log line, at most so many seconds.
#[pyfunction]
pub(crate) fn next_log(py: Python<'_>, seconds: u64) -> Option<Line> {
    py.detach(|| {
        let queue = QUEUE.load_full();
        let lines = queue.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = Duration::from_secs(seconds);
        let waited = queue
            .added
            .wait_timeout_while(lines, wait, |lines| lines.is_empty());
        let (mut lines, _) = waited.unwrap_or_else(PoisonError::into_inner);
        lines.pop_front()
    })
}
