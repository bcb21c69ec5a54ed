//! A PostgreSQL server of the tests' own: made in a folder that goes away, reached by a socket in that
//! folder, ended when the test process ends, however it ends.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

/// Makes a cluster in `$2` with the programs in `$1`, says `ready`, and does what its standard input says
/// (`stop` as by a power cut, `start`) until that closes: that is when the test process has gone. Then
/// server and folder go too.
///
/// PostgreSQL does not run as root, so root becomes `postgres` for it.
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
        -o "-c listen_addresses='' -c unix_socket_directories='$dir' -c max_connections=300 -c fsync=off -c full_page_writes=off -c shared_buffers=64MB" \
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

/// A server, for as long as the process lives and this is kept.
pub(crate) struct Server {
    pub(crate) folder: PathBuf,
    /// Holds the end of the pipe that the script reads from.
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

/// The URL of the database `name` on the server, which is started when it is first asked for.
///
/// `None` if no PostgreSQL is installed; that is said once, and is a failure if nothing may be left out.
pub(crate) fn url(name: &str) -> Option<String> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(another);
    Some(server.as_ref()?.url(name))
}

/// A server of a test's own, so that it may be stopped; `None` as for [`url`].
pub(crate) fn another() -> Option<Server> {
    let Some(programs) = find_programs() else {
        assert!(
            std::env::var_os("XTASK_NOTHING_LEFT_OUT").is_none(),
            "no PostgreSQL is installed, and nothing may be left out"
        );
        eprintln!("left out: every test on PostgreSQL (no PostgreSQL)");
        return None;
    };
    Some(start(&programs))
}

/// The folder of `initdb` and `pg_ctl`: as told, or that of the newest version where Debian keeps them.
fn find_programs() -> Option<PathBuf> {
    let told = std::env::var_os("XTASK_POSTGRES_BIN").map(PathBuf::from);
    let debian = || {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let newest = versions.flatten().filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        });
        newest.max().map(|(_, programs)| programs)
    };
    told.or_else(debian)
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

/// Waits until the script has done what it was told.
pub(crate) fn is_ready(script: &mut Child) -> bool {
    let mut said = [0; 6];
    let read = script.stdout.as_mut().unwrap().read_exact(&mut said);
    read.is_ok() && &said == b"ready\n"
}
