//! Server processes: they are measured through `/proc`, and stopped when dropped.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::http;

/// The longest time that a server may take to start.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// The pause between two checks whether a server responds or has exited.
const POLL: Duration = Duration::from_micros(500);

/// A server process and its children.
pub(super) struct Server {
    child: Child,
    /// The standard error; a file, since a full pipe would block the server.
    log: PathBuf,
    port: u16,
    started_in: Duration,
}

impl Server {
    /// Starts `command`, which listens on `port`, and waits for the first response at `path`.
    pub(super) fn start(mut command: Command, port: u16, path: &str) -> anyhow::Result<Self> {
        let log = std::env::temp_dir().join(format!("rolecall-bench-{port}.log"));
        command.stdout(Stdio::null());
        command.stderr(fs::File::create(&log)?);
        let start = Instant::now();
        let child = command.spawn().context("the server cannot be started")?;
        let mut server = Self {
            child,
            log,
            port,
            started_in: Duration::ZERO,
        };
        loop {
            if http::get(port, path, "").is_ok_and(|response| response.status == 200) {
                server.started_in = start.elapsed();
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                let log = fs::read_to_string(&server.log).unwrap_or_default();
                bail!("the server exited with {status}: {log}");
            }
            if start.elapsed() > START_TIMEOUT {
                bail!("the server does not respond at `{path}`");
            }
            std::thread::sleep(POLL);
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The time from the start of the process to the first response.
    pub(super) fn started_in(&self) -> Duration {
        self.started_in
    }

    /// The CPU time of the process and its children so far, in seconds.
    pub(super) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let ticks = clock_ticks()?;
        let mut sum = 0.0;
        for pid in self.tree() {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
            sum += cpu_ticks(&stat).context("`/proc` has an unexpected format")?;
        }
        Ok(sum / ticks)
    }

    /// The resident memory of the process and its children, in MiB.
    pub(super) fn resident_mib(&self) -> anyhow::Result<f64> {
        let mut kib = 0.0;
        for pid in self.tree() {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            kib += resident_kib(&status).context("`/proc` has an unexpected format")?;
        }
        Ok(kib / 1024.0)
    }

    /// The ids of the process and its descendants.
    fn tree(&self) -> Vec<u32> {
        let (mut found, mut open) = (Vec::new(), vec![self.child.id()]);
        while let Some(pid) = open.pop() {
            found.push(pid);
            let tasks = fs::read_dir(format!("/proc/{pid}/task"));
            for task in tasks.into_iter().flatten().flatten() {
                let children = fs::read_to_string(task.path().join("children"));
                let children = children.unwrap_or_default();
                open.extend(
                    children
                        .split_whitespace()
                        .filter_map(|pid| pid.parse::<u32>().ok()),
                );
            }
        }
        found
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.log);
        let tree = self.tree();
        send_signal("-TERM", &tree);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(POLL);
        }
        send_signal("-KILL", &tree);
        let _ = self.child.wait();
    }
}

fn send_signal(signal: &str, pids: &[u32]) {
    let _ = Command::new("kill")
        .arg(signal)
        .args(pids.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status();
}

/// The number of clock ticks per second.
pub(super) fn clock_ticks() -> anyhow::Result<f64> {
    let output = Command::new("getconf").arg("CLK_TCK").output()?;
    let text = String::from_utf8(output.stdout)?;
    text.trim()
        .parse()
        .context("`getconf CLK_TCK` printed no number")
}

/// User and system time (proc(5), fields 14 and 15). Fields count from the end of the name, which may contain
/// spaces and parentheses.
fn cpu_ticks(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

fn resident_kib(status: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A port that is free at the moment.
pub(super) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// A temporary folder.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> anyhow::Result<Self> {
        let path =
            std::env::temp_dir().join(format!("rolecall-bench-{}-{name}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parentheses_and_spaces_in_the_name_shift_no_field() {
        let stat = "7 (a) b 9 9 9 (c)) S 1 2 3 4 5 6 7 8 9 10 300 45 0 0 20";
        assert_eq!(cpu_ticks(stat), Some(345.0));
        assert_eq!(cpu_ticks("7 (a) S 1"), None);
    }

    #[test]
    fn resident_memory_is_not_the_peak() {
        let status = "VmHWM:\t 9000 kB\nVmRSS:\t 2048 kB\n";
        assert_eq!(resident_kib(status), Some(2048.0));
    }

    #[test]
    fn the_error_of_a_server_that_exits_at_once_is_reported() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such thing >&2; exit 3"]);
        let port = free_port().unwrap();
        let Err(error) = Server::start(command, port, "/") else {
            panic!("the server has started");
        };
        assert!(error.to_string().contains("no such thing"), "{error}");
    }
}
