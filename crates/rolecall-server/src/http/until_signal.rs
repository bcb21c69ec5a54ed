//! Serves until the process gets a signal to stop.

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{
    open_files,
    runtime::{Limits, serve},
};

/// Serves until the process gets SIGINT, SIGTERM, or SIGHUP, which closing a terminal sends. Requests in progress are finished first. Raises the limit on open
/// files to what the connections need, or lowers their number to what it allows.
pub async fn serve_until_signal(listener: TcpListener, app: Router, limits: Limits) {
    serve_until_stopped(listener, app, limits, StopSignal::listen()).await;
}

/// [`serve_until_signal`] with signals that count from the moment at which `stop` was made.
pub(crate) async fn serve_until_stopped(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    stop: StopSignal,
) {
    outlive_limit_on_size();
    let limit = open_files::raise(limits.connections);
    let limits = Limits {
        connections: open_files::connections(limits.connections, limit),
        ..limits
    };
    serve(listener, app, limits, stop.received()).await;
}

/// Has a write beyond the limit on the size of files (`ulimit -f`) fail as on a full disk, instead of ending the process
/// (SIGXFSZ). The handler stays when the stream of signals is dropped.
pub(crate) fn outlive_limit_on_size() {
    let number = rustix::process::Signal::XFSZ.as_raw();
    if let Err(error) = signal(SignalKind::from_raw(number)) {
        tracing::warn!(%error, "a limit on the size of files would end the server");
    }
}

/// The signals to stop. They are caught from the moment at which it is made: make it before anybody is told that the
/// server listens, since an earlier signal ends the process without order.
pub(crate) struct StopSignal {
    interrupted: Option<Signal>,
    terminated: Option<Signal>,
    hung_up: Option<Signal>,
}

impl StopSignal {
    pub(crate) fn listen() -> Self {
        // a handler would replace the decision to ignore it
        let hung_up = (!is_hangup_ignored()).then_some(SignalKind::hangup());
        Self {
            interrupted: caught(SignalKind::interrupt()),
            terminated: caught(SignalKind::terminate()),
            hung_up: hung_up.and_then(caught),
        }
    }

    async fn received(mut self) {
        tokio::select! {
            () = next(&mut self.interrupted) => {}
            () = next(&mut self.terminated) => {}
            () = next(&mut self.hung_up) => {}
        }
    }
}

fn caught(kind: SignalKind) -> Option<Signal> {
    signal(kind)
        .inspect_err(|error| tracing::warn!(%error, ?kind, "cannot catch a signal to stop"))
        .ok()
}

/// Waits for a signal; forever if it cannot be caught.
async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Returns true if the process was started to survive its terminal, as `nohup` does.
fn is_hangup_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hangup(&status))
}

/// Looks SIGHUP, the first signal, up in the text of `/proc/self/status` (proc(5)).
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_signal_counts_from_the_moment_at_which_it_is_caught() {
        let stop = StopSignal::listen();
        // nobody waits yet
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::HUP).unwrap();
        let received = tokio::time::timeout(std::time::Duration::from_secs(20), stop.received());
        assert!(received.await.is_ok());
    }

    #[test]
    fn a_process_that_ignores_hangups_is_recognized() {
        for (status, expected) in [
            (
                "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n",
                true,
            ),
            ("SigIgn:\t0000000000001000\n", false),
            ("SigIgn:\tnonsense\n", false),
            ("", false),
        ] {
            assert_eq!(ignores_hangup(status), expected, "{status}");
        }
    }
}
