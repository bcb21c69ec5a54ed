//! `rolecall serve` in a process of its own, reached over TCP, for what cannot be tested in-process.

use std::{
    fs::{self, File},
    io::Write as _,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{Database, ISSUER, MASTER_KEY, PASSWORD, eventually};

/// A server with the administrator `root`. It stops with the test.
pub(super) struct Server {
    process: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
    pub(super) db: Database,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The bytes of one response.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// The head and the body.
    pub(super) text: String,
    pub(super) json: Value,
}

impl Reply {
    /// The values of a header.
    pub(super) fn headers(&self, name: &str) -> Vec<&str> {
        let head = self
            .text
            .split_once("\r\n\r\n")
            .map_or("", |(head, _)| head);
        let lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
        lines
            .filter(|(found, _)| *found == name)
            .map(|(_, value)| value)
            .collect()
    }

    fn parse(text: String) -> Self {
        let status = text.get(9..12).and_then(|status| status.parse().ok());
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Self {
            status: status.unwrap_or_default(),
            json: serde_json::from_str(body).unwrap_or_default(),
            text,
        }
    }

    #[track_caller]
    pub(super) fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

/// Sets the environment of the program.
fn set(command: &mut Command, db: &Database, folder: &Path, settings: &[(&str, &str)]) {
    command
        .env_clear()
        .env("ROLECALL_DATABASE__URL", &db.url)
        .env("ROLECALL_MASTER_KEY", MASTER_KEY)
        .env("ROLECALL_PUBLIC_URL", ISSUER)
        .env("ROLECALL_LISTEN", "127.0.0.1:0")
        .env("ROLECALL_REGISTRATION__MODE", "open")
        .envs(settings.iter().copied())
        .current_dir(folder);
}

/// Starts a server, with an empty log.
fn serve(db: &Database, folder: &Path, before: &str, settings: &[(&str, &str)]) -> Child {
    let log = File::create(folder.join("log")).unwrap();
    let mut serve = Command::new("/bin/sh");
    let program = env!("CARGO_BIN_EXE_rolecall");
    serve.args(["-c", &format!("{before} exec \"$0\" serve"), program]);
    set(&mut serve, db, folder, settings);
    serve.stdout(Stdio::null()).stderr(log);
    serve.spawn().unwrap()
}

impl Server {
    pub(super) async fn start(db: Database) -> Self {
        Self::start_with(db, "", &[]).await
    }

    /// Starts a server after the shell commands `before`, with `settings` in its environment.
    pub(super) async fn start_with(db: Database, before: &str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = env!("CARGO_BIN_EXE_rolecall");
        let set = |command: &mut Command| set(command, &db, folder.path(), settings);
        let mut migrate = Command::new(program);
        set(migrate.arg("migrate").stdout(Stdio::null()));
        assert!(migrate.status().unwrap().success());
        let mut first = Command::new(program);
        first.args(["user", "add", "root", "--role", "rolecall.admin"]);
        set(first.arg("--password-stdin").stdin(Stdio::piped()));
        let mut adding = first.stdout(Stdio::null()).spawn().unwrap();
        let mut input = adding.stdin.take().unwrap();
        input.write_all(PASSWORD.as_bytes()).unwrap();
        drop(input);
        assert!(adding.wait().unwrap().success());
        let mut server = Self {
            process: serve(&db, folder.path(), before, settings),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            folder,
            db,
        };
        eventually("it listens", async || server.listening_address().is_some()).await;
        server.address = server.listening_address().unwrap();
        server
    }

    /// Runs a command beside the server; returns whether it succeeded, and what it printed.
    pub(super) fn run(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
        set(command.args(arguments), &self.db, self.folder.path(), &[]);
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    /// Kills the server, as a crash does, and starts another one on its database.
    pub(super) async fn kill_and_start_again(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = serve(&self.db, self.folder.path(), "", &[]);
        eventually("it listens", async || self.listening_address().is_some()).await;
        self.address = self.listening_address().unwrap();
    }

    /// The address it listens on, once it has logged it.
    fn listening_address(&self) -> Option<SocketAddr> {
        let log = self.log();
        let (_, rest) = log.split_once("\"address\":\"")?;
        rest.split_once('"')?.0.parse().ok()
    }

    /// The complete lines logged so far. A reader may see part of a line that is being written, even cut within
    /// a character.
    pub(super) fn log(&self) -> String {
        let mut bytes = fs::read(self.folder.path().join("log")).unwrap();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n');
        bytes.truncate(whole.map_or(0, |end| end + 1));
        String::from_utf8(bytes).unwrap()
    }

    /// Sends SIGTERM, as a supervisor does; the last line that the server logs is `stopped`.
    pub(super) fn ask_to_stop(&self) {
        self.signal("TERM");
    }

    pub(super) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("/bin/kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits until the process has ended; returns true if it ended by itself, without an error.
    pub(super) async fn ends_well(&mut self) -> bool {
        let ended = async {
            loop {
                if let Some(status) = self.process.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let status = tokio::time::timeout(Duration::from_secs(20), ended).await;
        status.is_ok_and(|status| status.success())
    }

    /// Sets a soft limit of the running server, as `prlimit` names it.
    pub(super) fn limit(&self, resource: &str, soft: &str) {
        let id = self.process.id().to_string();
        let limit = format!("--{resource}={soft}:unlimited");
        let set = Command::new("prlimit")
            .args(["--pid", &id, &limit])
            .status();
        assert!(set.unwrap().success(), "{limit}");
    }

    /// A number in `/proc/PID/status`, such as `VmHWM`, the peak memory in KiB.
    pub(super) fn status(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `bytes` unchanged and reads until the server closes the connection, which it must do soon.
    pub(super) async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // it may close before everything is sent
        let _ = stream.write_all(bytes).await;
        let mut response = Vec::new();
        let read = stream.read_to_end(&mut response);
        let read = tokio::time::timeout(Duration::from_secs(8), read).await;
        let response = String::from_utf8_lossy(&response).into_owned();
        let sent = String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes)).into_owned();
        assert!(read.is_ok(), "left open after {sent:?}: {response}");
        response
    }

    /// Sends a request with cookies to a server that may be killed meanwhile; `None` without a whole answer.
    pub(super) async fn try_request(&self, line: &str, cookies: &str, form: &str) -> Option<Reply> {
        let length = form.len();
        let content_type = "application/x-www-form-urlencoded";
        let request = format!(
            "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncookie: {cookies}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{form}"
        );
        let mut stream = TcpStream::connect(self.address).await.ok()?;
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut response = Vec::new();
        stream.read_to_end(&mut response).await.ok()?;
        let response = String::from_utf8(response).ok()?;
        response
            .contains("\r\n\r\n")
            .then(|| Reply::parse(response))
    }

    /// Sends one well-formed request.
    pub(super) async fn request(
        &self,
        line: &str,
        token: &str,
        content_type: &str,
        body: &str,
    ) -> Reply {
        let authorization = if token.is_empty() {
            String::new()
        } else {
            format!("authorization: Bearer {token}\r\n")
        };
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{authorization}content-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        Reply::parse(self.exchange(request.as_bytes()).await)
    }

    pub(super) async fn get(&self, path: &str, token: &str) -> Reply {
        self.request(&format!("GET {path}"), token, "text/plain", "")
            .await
    }

    pub(super) async fn json(&self, line: &str, token: &str, body: &Value) -> Reply {
        self.request(line, token, "application/json", &body.to_string())
            .await
    }

    pub(super) async fn form(&self, fields: &[(&str, &str)]) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let content_type = "application/x-www-form-urlencoded";
        self.request("POST /token", "", content_type, &body).await
    }

    pub(super) async fn log_in(&self, username: &str, password: &str) -> Reply {
        self.form(&[
            ("grant_type", "password"),
            ("username", username),
            ("password", password),
        ])
        .await
    }

    /// A token of `root`.
    pub(super) async fn admin(&self) -> String {
        let reply = self.log_in("root", PASSWORD).await;
        reply.is(200).json["access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}
