//! Load tests with wrk.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};

use super::Bench;
use super::process::{Folder, Server};

/// The number of users that log in, as the server checks the passwords of one account one at a time.
pub(super) const LOGIN_USERS: u32 = 64;

/// The password of all users in the probe's databases, encoded for a form.
const PASSWORD: &str = "a+password+for+measuring";

/// The media type of a login.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// A load of `GET` requests.
pub(super) struct Load<'a> {
    pub(super) path: &'a str,
    /// A Bearer token, unless it is empty.
    pub(super) token: &'a str,
    pub(super) connections: u32,
    pub(super) seconds: u32,
}

/// The result of a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LoadResult {
    pub(super) per_second: f64,
    pub(super) requests: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// Responses other than 2xx or 3xx.
    refused: f64,
}

impl LoadResult {
    /// Returns whether the server responded at all during the load.
    pub(super) fn has_responses(&self) -> bool {
        self.requests > 0.0
    }
}

/// The login form of the tutorial.
pub(super) fn form(username: &str) -> String {
    format!("grant_type=password&username={username}&password={PASSWORD}")
}

/// Sends `GET` requests, all of which must succeed, since refusals are cheaper and would look like speed.
pub(super) fn get(server: &Server, load: &Load<'_>) -> anyhow::Result<LoadResult> {
    let mut command = wrk(1, load.connections, load.seconds);
    if !load.token.is_empty() {
        command.args(["-H", &format!("Authorization: Bearer {}", load.token)]);
    }
    run(&mut command, server, load.path)
}

/// Logs [`LOGIN_USERS`] users in, in turn.
pub(super) fn logins(
    folder: &Folder,
    server: &Server,
    connections: u32,
    seconds: u32,
) -> anyhow::Result<LoadResult> {
    let form = form("user\" .. next_user .. \"");
    let script = format!(
        "local next_user = 0\nlocal headers = {{ [\"Content-Type\"] = \"{FORM}\" }}\n\
         request = function()\n  next_user = (next_user + 1) % {LOGIN_USERS}\n  \
         return wrk.format(\"POST\", nil, headers, \"{form}\")\nend\n"
    );
    let file = write_script(folder, &script)?;
    let mut command = wrk(1, connections, seconds);
    run(command.arg("-s").arg(&file), server, "/token")
}

/// Posts the same form to a path again and again.
pub(super) fn posts(
    folder: &Folder,
    server: &Server,
    (path, form): (&str, &str),
    connections: u32,
    seconds: u32,
) -> anyhow::Result<LoadResult> {
    let script = format!(
        "wrk.method = \"POST\"\nwrk.body = \"{form}\"\nwrk.headers[\"Content-Type\"] = \"{FORM}\"\n"
    );
    let file = write_script(folder, &script)?;
    let mut command = wrk(1, connections, seconds);
    run(command.arg("-s").arg(&file), server, path)
}

/// Refreshes sessions: each connection starts with one of the tokens and continues with the new ones it receives.
pub(super) fn refreshes(
    folder: &Folder,
    server: &Server,
    tokens: &[String],
    seconds: u32,
) -> anyhow::Result<LoadResult> {
    // a thread per connection, since a script does not know which connection of a thread a request uses
    let script = format!(
        "local tokens = {{ \"{}\" }}\nlocal count = 0\nlocal headers = {{ [\"Content-Type\"] = \"{FORM}\" }}\n\
         function setup(thread)\n  count = count + 1\n  thread:set(\"token\", tokens[count])\nend\n\
         function request()\n  \
         return wrk.format(\"POST\", nil, headers, \"grant_type=refresh_token&refresh_token=\" .. token)\nend\n\
         function response(status, headers, body)\n  \
         token = string.match(body, '\"refresh_token\":\"([^\"]+)\"') or token\nend\n",
        tokens.join("\", \"")
    );
    let file = write_script(folder, &script)?;
    let connections = u32::try_from(tokens.len())?;
    let mut command = wrk(connections, connections, seconds);
    run(command.arg("-s").arg(&file), server, "/token")
}

fn write_script(folder: &Folder, script: &str) -> anyhow::Result<PathBuf> {
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

fn run(command: &mut Command, server: &Server, path: &str) -> anyhow::Result<LoadResult> {
    let url = format!("http://127.0.0.1:{}{path}", server.port());
    let output = command.arg(url).output().context("wrk cannot be started")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(result) = parse(&text) else {
        bail!(
            "the output of wrk could not be parsed: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    if result.refused > 0.0 {
        bail!(
            "{} of {} responses at `{path}` were refusals",
            result.refused,
            result.requests
        );
    }
    Ok(result)
}

fn parse(text: &str) -> Option<LoadResult> {
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
    Some(LoadResult {
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

/// Runs a load and returns its result and the server's CPU time per request, in microseconds.
pub(super) fn get_and_cpu(server: &Server, load: &Load<'_>) -> anyhow::Result<(LoadResult, f64)> {
    let before = server.cpu_seconds()?;
    let result = get(server, load)?;
    let cpu = server.cpu_seconds()? - before;
    Ok((result, cpu * 1e6 / result.requests))
}

/// Fills caches and pools with a short load.
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
    fn the_output_of_wrk_is_parsed() {
        let result = parse(&format!(
            "{TEXT}Requests/sec:  32931.07\nTransfer/sec: 4.74MB\n"
        ));
        let expected = LoadResult {
            per_second: 32_931.07,
            requests: 69_155.0,
            p50_ms: 0.113,
            p99_ms: 1.25,
            refused: 0.0,
        };
        assert_eq!(result, Some(expected));
    }

    #[test]
    fn refusals_are_counted_separately() {
        let text = format!("{TEXT}  Non-2xx or 3xx responses: 12\nRequests/sec: 3.0\n");
        assert_eq!(parse(&text).map(|result| result.refused), Some(12.0));
    }

    #[test]
    fn the_output_of_an_aborted_run_is_not_parsed() {
        assert_eq!(parse(TEXT), None);
        assert_eq!(parse("unable to connect to 127.0.0.1:9"), None);
    }
}
