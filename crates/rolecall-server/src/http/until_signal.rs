//! Serves until the process gets a signal to stop.

use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;

use super::{
    open_files,
    runtime::{Limits, serve},
};

/// Serves until the process gets SIGINT, SIGTERM, or SIGHUP, which closing a terminal sends. Requests in progress are finished first. Raises the limit on open
/// files to what the connections need, or lowers their number to what it allows.
pub async fn serve_until_signal(listener: TcpListener, app: Router, limits: Limits) {
    outlive_limit_on_size();
    let limit = open_files::raise(limits.connections);
    let limits = Limits {
        connections: open_files::connections(limits.connections, limit),
        ..limits
    };
    serve(listener, app, limits, stop_signal()).await;
}

/// Has a write beyond the limit on the size of files (`ulimit -f`) fail as on a full disk, instead of ending the process
/// (SIGXFSZ). The handler stays when the stream of signals is dropped.
pub(crate) fn outlive_limit_on_size() {
    use tokio::signal::unix::{SignalKind, signal};
    let number = rustix::process::Signal::XFSZ.as_raw();
    if let Err(error) = signal(SignalKind::from_raw(number)) {
        tracing::warn!(%error, "a limit on the size of files would end the server");
    }
}

#[cfg(unix)]
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        return interrupted().await;
    };
    let hung_up = async {
        // a handler replaces the decision to ignore it
        if !is_hangup_ignored()
            && let Ok(mut signals) = signal(SignalKind::hangup())
        {
            signals.recv().await
        } else {
            std::future::pending().await
        }
    };
    tokio::select! {
        () = interrupted() => {}
        _ = terminated.recv() => {}
        _ = hung_up => {}
    }
}

/// Returns true if the process was started to survive its terminal, as `nohup` does.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hangup(&status))
}

/// Looks SIGHUP, the first signal, up in the text of `/proc/self/status` (proc(5)).
#[cfg(unix)]
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(not(unix))]
async fn stop_signal() {
    interrupted().await;
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        tokio::time::sleep(Duration::MAX).await;
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

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
