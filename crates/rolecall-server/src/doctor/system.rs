//! The machine: its clock, the address, and how many files may be open.

use std::io;

use rolecall::{Clock as _, SystemClock};
use rolecall_core::Timestamp;

use super::Finding;
use crate::{config::Config, http};

/// When this was written: no clock that is right shows an earlier time.
const WRITTEN: Timestamp = Timestamp::from_seconds(1_795_000_000);
/// A century later.
const FAR_FUTURE: Timestamp = Timestamp::from_seconds(1_795_000_000 + 3_155_760_000);
const FEW_FILES: u64 = 4096;

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    vec![
        clock(SystemClock.now()),
        address(config).await,
        open_files(http::open_files::limit()),
    ]
}

fn clock(now: Timestamp) -> Finding {
    let shown = crate::times::rfc3339(now);
    if now < WRITTEN || now > FAR_FUTURE {
        let text = format!("the clock says {shown}: set it, or tokens end at the wrong time");
        return Finding::fault("clock", text);
    }
    Finding::good("clock", format!("it is {shown}"))
}

async fn address(config: &Config) -> Finding {
    match tokio::net::TcpListener::bind(config.listen).await {
        Ok(_) => Finding::good("address", format!("{} is free", config.listen)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Finding::warning(
            "address",
            format!(
                "{} is taken: by the running server, or by another program, then choose another `listen`",
                config.listen
            ),
        ),
        Err(error) => Finding::fault(
            "address",
            format!(
                "cannot listen on {} ({error}): choose another `listen`",
                config.listen
            ),
        ),
    }
}

fn open_files(limit: Option<u64>) -> Finding {
    match limit {
        Some(soft) if soft < FEW_FILES => Finding::warning(
            "open files",
            format!(
                "at most {soft} files may be open, one for each connection: raise it (`ulimit -n`, `LimitNOFILE=`)"
            ),
        ),
        Some(soft) => Finding::good("open files", format!("{soft} may be open")),
        None => Finding::good("open files", "no limit is known"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    #[test]
    fn a_clock_that_cannot_be_right_is_a_fault() {
        for wrong in [
            Timestamp::from_seconds(0),
            Timestamp::from_seconds(1_600_000_000),
            Timestamp::MAX,
        ] {
            assert_eq!(clock(wrong).severity, Severity::Fault);
        }
        assert_eq!(
            clock(Timestamp::from_seconds(1_800_000_000)).severity,
            Severity::Good
        );
    }

    #[test]
    fn few_open_files_are_a_warning() {
        assert_eq!(open_files(Some(1024)).severity, Severity::Warning);
        assert_eq!(open_files(Some(65_536)).severity, Severity::Good);
        assert_eq!(open_files(None).severity, Severity::Good);
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_a_warning() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen = listener.local_addr().unwrap().to_string();
        let sources = crate::config::Sources::default().with_flag("listen", listen);
        let config = Config::load(&sources).unwrap();
        assert_eq!(address(&config).await.severity, Severity::Warning);
        drop(listener);
        assert_eq!(address(&config).await.severity, Severity::Good);
    }
}
