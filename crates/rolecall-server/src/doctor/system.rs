//! Checks of the machine: clock, address and open files.

use std::io;

use rolecall::{Clock as _, SystemClock};
use rolecall_core::Timestamp;

use super::finding::Finding;
use crate::{config::Config, http};

/// The time of writing, which no correct clock is behind.
const TIME_OF_WRITING: Timestamp = Timestamp::from_seconds(1_795_000_000);
/// A century after the time of writing.
const FAR_FUTURE: Timestamp = Timestamp::from_seconds(1_795_000_000 + 3_155_760_000);
const FEW_FILES: u64 = 4096;

pub(super) async fn check(config: &Config) -> Vec<Finding> {
    vec![
        clock(SystemClock.now()),
        address(config).await,
        open_files(http::open_files::limit()),
    ]
}

fn clock(now: Timestamp) -> Finding {
    let shown = crate::times::rfc3339(now);
    if now < TIME_OF_WRITING || now > FAR_FUTURE {
        let text = format!("the clock shows {shown}: set it, or tokens expire at the wrong time");
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
                "{} is in use; unless this server is running, choose another `listen`",
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
                "the limit is {soft}, and each connection needs one: raise it (`ulimit -n`, `LimitNOFILE=`)"
            ),
        ),
        Some(soft) => Finding::good("open files", format!("the limit is {soft}")),
        None => Finding::good("open files", "the limit is unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::*;

    #[test]
    fn an_impossible_time_is_a_fault() {
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
    fn a_low_limit_of_open_files_is_a_warning() {
        assert_eq!(open_files(Some(1024)).severity, Severity::Warning);
        assert_eq!(open_files(Some(65_536)).severity, Severity::Good);
        assert_eq!(open_files(None).severity, Severity::Good);
    }

    #[tokio::test]
    async fn an_address_in_use_is_a_warning() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen = listener.local_addr().unwrap().to_string();
        let sources = crate::config::Sources::default().with_flag("listen", listen);
        let config = Config::load(&sources).unwrap();
        assert_eq!(address(&config).await.severity, Severity::Warning);
        drop(listener);
        assert_eq!(address(&config).await.severity, Severity::Good);
    }
}
