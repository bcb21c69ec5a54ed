//! The reader of the log, and the signals of the terminal.

use super::process::Server;
use crate::support::Database;

/// Standard error becomes a pipe, of which somebody copies the start to the log and then reads no more.
const READER_THAT_STOPS: &str = "mkfifo pipe; \
    (dd bs=1 count=3000 >>log; while kill -0 $$; do sleep 0.1; done) <pipe >/dev/null 2>&1 & exec 2>pipe;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y166_a_log_that_nobody_reads_stops_neither_requests_nor_the_signal_to_stop() {
    let mut server = Server::start_with(Database::sqlite(), READER_THAT_STOPS, &[]).await;
    // each request logs its path; together they are longer than a pipe holds
    let path = format!("/{}", "x".repeat(200));
    for _ in 0..400 {
        server.get(&path, "").await.is(404);
    }
    server.get("/health/ready", "").await.is(200);
    server.ask_to_stop();
    assert!(server.ends_well().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y166_a_terminal_that_closes_stops_the_server_in_order() {
    let default = "exec env --default-signal=HUP \"$0\" serve;";
    let mut server = Server::start_with(Database::sqlite(), default, &[]).await;
    server.signal("HUP");
    assert!(server.ends_well().await);
    assert!(server.log().contains("stopped"), "{}", server.log());
}
