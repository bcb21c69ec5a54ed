//! A PostgreSQL server for the tests: created in a temporary folder, reached through a socket in that folder,
//! and stopped when the test process ends, however it ends.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

/// Creates a cluster in `$2` with the programs in `$1`, prints `ready`, and obeys the commands on its standard
/// input: `stop` (as by a power cut) and `start`. When that closes, the test process has ended; then the script
/// stops the server and deletes the folder.
///
/// Each test has a database of its own, which is small and short-lived: to vacuum hundreds of them would take more time
/// than the tests. PostgreSQL refuses to run as root, so root becomes `postgres` for it.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
set -e
bin=$1 dir=$2
as() { "$@"; }
if [ "$(id -u)" = 0 ]; then
    chown postgres "$dir"
    as() { runuser -u postgres -- "$@"; }
fi
cd "$dir"
as "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --no-sync --no-instructions >"$dir/log" 2>&1
start() {
    as "$bin/pg_ctl" -D "$dir/data" -l "$dir/data/log" -w -t 60 \
        -o "-c listen_addresses='' -c unix_socket_directories='$dir' -c max_connections=300 -c fsync=off -c full_page_writes=off -c shared_buffers=64MB -c autovacuum=off -c jit=off -c checkpoint_timeout=1h -c max_wal_size=4GB" \
        start >>"$dir/log" 2>&1
}
start
echo ready
while read -r word; do
    case $word in
    stop) as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >>"$dir/log" 2>&1 ;;
    start) start ;;
    esac
    echo ready
done
as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true
rm -rf "$dir"
"#;

/// A running server; it stops when this is dropped or the process ends.
pub(crate) struct Server {
    pub(crate) folder: PathBuf,
    /// Holds the write end of the pipe that the script reads.
    pub(crate) script: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
    }
}

impl Server {
    fn url(&self, name: &str) -> String {
        let folder = self.folder.display();
        format!("postgres://postgres@localhost/{name}?host={folder}")
    }
}

/// The URL of the database `name` on the shared server, which the first call starts.
///
/// `None` if no PostgreSQL is installed. That is printed once, and is a failure if no test may be skipped.
pub(crate) fn url(name: &str) -> Option<String> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(separate);
    Some(server.as_ref()?.url(name))
}

/// Starts a server for one test, which may stop it; `None` as for [`url`].
pub(crate) fn separate() -> Option<Server> {
    let Some(programs) = find_programs() else {
        assert!(
            std::env::var_os("XTASK_NOTHING_LEFT_OUT").is_none(),
            "no PostgreSQL is installed, and no test may be skipped"
        );
        eprintln!("skipped: every test on PostgreSQL (no PostgreSQL installed)");
        return None;
    };
    Some(start(&programs))
}

/// The folder of `initdb` and `pg_ctl`: the configured one, or that of the newest version that Debian installed.
fn find_programs() -> Option<PathBuf> {
    let configured = std::env::var_os("XTASK_POSTGRES_BIN").map(PathBuf::from);
    let debian = || {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let newest = versions.flatten().filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        });
        newest.max().map(|(_, programs)| programs)
    };
    configured
        .or_else(debian)
        .filter(|programs| programs.join("initdb").exists())
}

fn start(programs: &Path) -> Server {
    let folder = tempfile::Builder::new()
        .prefix("rolecall-pg-")
        .tempdir()
        .unwrap()
        .keep();
    let mut script = Command::new("sh")
        .args(["-c", SCRIPT, "sh"])
        .args([programs, &folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let ready = is_ready(&mut script);
    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    assert!(ready, "PostgreSQL does not start: {log}");
    Server { folder, script }
}

/// Waits until the script has started, or has obeyed a command.
pub(crate) fn is_ready(script: &mut Child) -> bool {
    let mut line = [0; 6];
    let read = script.stdout.as_mut().unwrap().read_exact(&mut line);
    read.is_ok() && &line == b"ready\n"
}
