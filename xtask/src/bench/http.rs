//! As much of HTTP as measuring needs: one request on one connection to this machine.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};

/// Longer than a flooded peer takes to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Status and body.
pub(super) struct Answer {
    pub(super) status: u16,
    body: String,
}

impl Answer {
    /// The access token in the body.
    pub(super) fn token(&self) -> anyhow::Result<String> {
        self.member("access_token")
    }

    /// The refresh token in the body.
    pub(super) fn refresh_token(&self) -> anyhow::Result<String> {
        self.member("refresh_token")
    }

    fn member(&self, name: &str) -> anyhow::Result<String> {
        let found = text_of(&self.body, name);
        found.with_context(|| format!("no token but {} {}", self.status, self.body))
    }
}

/// The text that a member of a JSON object holds, where nothing in it is escaped.
pub(super) fn text_of(json: &str, name: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{name}\":"))?;
    let (text, _) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
    Some(text.to_owned())
}

/// `GET`, with a Bearer token unless it is empty.
pub(super) fn get(port: u16, path: &str, token: &str) -> anyhow::Result<Answer> {
    let authorization = match token {
        "" => String::new(),
        token => format!("Authorization: Bearer {token}\r\n"),
    };
    let head = format!("GET {path} HTTP/1.1\r\n{authorization}");
    exchange(port, &format!("{head}{}\r\n", common(port)))
}

/// `POST` of a text.
pub(super) fn post(port: u16, path: &str, kind: &str, body: &str) -> anyhow::Result<Answer> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{}",
        common(port)
    );
    exchange(port, &format!("{head}\r\n{body}"))
}

fn common(port: u16) -> String {
    format!("Host: 127.0.0.1:{port}\r\nConnection: close\r\n")
}

fn exchange(port: u16, request: &str) -> anyhow::Result<Answer> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer))
}

fn parse(answer: &str) -> anyhow::Result<Answer> {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        bail!("no answer of HTTP: `{answer}`");
    };
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok(Answer {
        status: status.context("an answer without a status")?,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_token_are_not_taken_from_elsewhere() {
        let text = "HTTP/1.1 200 OK\r\nx-code: 500\r\n\r\n{\"access_token\":\"a.b.c\",\"x\":\"y\"}";
        let answer = parse(text).unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.token().unwrap(), "a.b.c");
    }

    #[test]
    fn an_answer_without_a_token_is_shown_and_not_used() {
        let answer = parse("HTTP/1.1 401 No\r\n\r\n{}").unwrap();
        assert_eq!(
            answer.token().unwrap_err().to_string(),
            "no token but 401 {}"
        );
        assert!(parse("nonsense").is_err());
    }
}
