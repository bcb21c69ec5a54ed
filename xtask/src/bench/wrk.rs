//! Load, made by wrk.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};

use super::Bench;
use super::process::{Folder, Server};

/// Log-ins are spread over as many users, as they are in life: one account lets guesses in one by one.
pub(super) const LOG_IN_USERS: u32 = 64;

/// Users' password in the probe's databases, as a form writes it.
const PASSWORD: &str = "a+password+for+measuring";

/// How a log-in is written.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// What wrk is told to do.
pub(super) struct Load<'a> {
    pub(super) path: &'a str,
    /// A Bearer token, unless it is empty.
    pub(super) token: &'a str,
    pub(super) connections: u32,
    pub(super) seconds: u32,
}

/// What wrk saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) per_second: f64,
    pub(super) requests: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// Other answers than those with 2xx or 3xx.
    refused: f64,
}

impl Seen {
    /// Whether anything was answered while the load lasted.
    pub(super) fn was_answered(&self) -> bool {
        self.requests > 0.0
    }
}

/// The form of the tutorial's log-in.
pub(super) fn form(username: &str) -> String {
    format!("grant_type=password&username={username}&password={PASSWORD}")
}

/// `GET`s, each of which must be answered well: refusals are cheaper and would be taken for speed.
pub(super) fn get(server: &Server, load: &Load<'_>) -> anyhow::Result<Seen> {
    let mut command = wrk(1, load.connections, load.seconds);
    if !load.token.is_empty() {
        command.args(["-H", &format!("Authorization: Bearer {}", load.token)]);
    }
    run(&mut command, server, load.path)
}

/// Log-ins of [`LOG_IN_USERS`] users in turn.
pub(super) fn log_ins(
    folder: &Folder,
    server: &Server,
    connections: u32,
    seconds: u32,
) -> anyhow::Result<Seen> {
    let form = form("user\" .. next_user .. \"");
    let script = format!(
        "local next_user = 0\nlocal headers = {{ [\"Content-Type\"] = \"{FORM}\" }}\n\
         request = function()\n  next_user = (next_user + 1) % {LOG_IN_USERS}\n  \
         return wrk.format(\"POST\", nil, headers, \"{form}\")\nend\n"
    );
    let file = script_in(folder, &script)?;
    let mut command = wrk(1, connections, seconds);
    run(command.arg("-s").arg(&file), server, "/token")
}

/// The same form again and again, to one path.
pub(super) fn posts(
    folder: &Folder,
    server: &Server,
    (path, form): (&str, &str),
    connections: u32,
    seconds: u32,
) -> anyhow::Result<Seen> {
    let script = format!(
        "wrk.method = \"POST\"\nwrk.body = \"{form}\"\nwrk.headers[\"Content-Type\"] = \"{FORM}\"\n"
    );
    let file = script_in(folder, &script)?;
    let mut command = wrk(1, connections, seconds);
    run(command.arg("-s").arg(&file), server, path)
}

/// Refreshes: each connection begins with one of the refresh tokens, and goes on with what it is given.
pub(super) fn refreshes(
    folder: &Folder,
    server: &Server,
    tokens: &[String],
    seconds: u32,
) -> anyhow::Result<Seen> {
    // a thread for each connection: only so does an answer tell which token it stands for
    let script = format!(
        "local tokens = {{ \"{}\" }}\nlocal count = 0\nlocal headers = {{ [\"Content-Type\"] = \"{FORM}\" }}\n\
         function setup(thread)\n  count = count + 1\n  thread:set(\"token\", tokens[count])\nend\n\
         function request()\n  \
         return wrk.format(\"POST\", nil, headers, \"grant_type=refresh_token&refresh_token=\" .. token)\nend\n\
         function response(status, headers, body)\n  \
         token = string.match(body, '\"refresh_token\":\"([^\"]+)\"') or token\nend\n",
        tokens.join("\", \"")
    );
    let file = script_in(folder, &script)?;
    let each = u32::try_from(tokens.len())?;
    let mut command = wrk(each, each, seconds);
    run(command.arg("-s").arg(&file), server, "/token")
}

fn script_in(folder: &Folder, script: &str) -> anyhow::Result<PathBuf> {
    let file = folder.path("load.lua");
    fs::write(&file, script)?;
    Ok(file)
}

fn wrk(threads: u32, connections: u32, seconds: u32) -> Command {
    let mut command = Command::new("wrk");
    command.args(["--latency", "--timeout", "30s"]);
    command.args([
        format!("-t{threads}"),
        format!("-c{connections}"),
        format!("-d{seconds}s"),
    ]);
    command
}

fn run(command: &mut Command, server: &Server, path: &str) -> anyhow::Result<Seen> {
    let url = format!("http://127.0.0.1:{}{path}", server.port());
    let output = command.arg(url).output().context("wrk cannot be started")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(seen) = parse(&text) else {
        bail!(
            "wrk said what is not understood: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    if seen.refused > 0.0 {
        bail!(
            "{} of {} answers at `{path}` were refusals",
            seen.refused,
            seen.requests
        );
    }
    Ok(seen)
}

fn parse(text: &str) -> Option<Seen> {
    let after = |label: &str| {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(label));
        line.map(|rest| {
            rest.split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned()
        })
    };
    let requests = text.lines().find(|line| line.contains(" requests in "))?;
    Some(Seen {
        per_second: after("Requests/sec:")?.parse().ok()?,
        requests: requests.split_whitespace().next()?.parse().ok()?,
        p50_ms: milliseconds(&after("50%")?)?,
        p99_ms: milliseconds(&after("99%")?)?,
        refused: match after("Non-2xx or 3xx responses:") {
            Some(count) => count.parse().ok()?,
            None => 0.0,
        },
    })
}

fn milliseconds(text: &str) -> Option<f64> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let factor = match unit {
        "us" => 0.001,
        "ms" => 1.0,
        "s" => 1000.0,
        "m" => 60_000.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// One round of load, and the server's processor time for each request in microseconds.
pub(super) fn get_and_cpu(server: &Server, load: &Load<'_>) -> anyhow::Result<(Seen, f64)> {
    let before = server.cpu_seconds()?;
    let seen = get(server, load)?;
    let cpu = server.cpu_seconds()? - before;
    Ok((seen, cpu * 1e6 / seen.requests))
}

/// Brings caches and pools into the state that they have under load.
pub(super) fn warm_up(bench: &Bench<'_>, server: &Server, load: &Load<'_>) -> anyhow::Result<()> {
    let seconds = (bench.seconds / 4).max(1);
    get(server, &Load { seconds, ..*load }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Running 2s test @ http://127.0.0.1:9/
  1 threads and 4 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   120.32us   46.78us   1.80ms   85.45%
    Req/Sec    33.10k     1.63k   35.22k    71.43%
  Latency Distribution
     50%  113.00us
     75%  137.00us
     90%  169.00us
     99%    1.25ms
  69155 requests in 2.10s, 9.96MB read
";

    #[test]
    fn what_wrk_prints_is_read() {
        let seen = parse(&format!(
            "{TEXT}Requests/sec:  32931.07\nTransfer/sec: 4.74MB\n"
        ));
        let expected = Seen {
            per_second: 32_931.07,
            requests: 69_155.0,
            p50_ms: 0.113,
            p99_ms: 1.25,
            refused: 0.0,
        };
        assert_eq!(seen, Some(expected));
    }

    #[test]
    fn refusals_are_not_taken_for_answers() {
        let text = format!("{TEXT}  Non-2xx or 3xx responses: 12\nRequests/sec: 3.0\n");
        assert_eq!(parse(&text).map(|seen| seen.refused), Some(12.0));
    }

    #[test]
    fn a_run_that_broke_off_gives_no_figures() {
        assert_eq!(parse(TEXT), None);
        assert_eq!(parse("unable to connect to 127.0.0.1:9"), None);
    }
}
