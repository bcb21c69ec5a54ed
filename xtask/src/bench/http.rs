//! A minimal HTTP client: one request per connection, to this machine.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};

/// Longer than a flooded peer takes to respond.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A response.
pub(super) struct Response {
    pub(super) status: u16,
    head: String,
    body: String,
}

impl Response {
    /// The values of all headers of a name, which is in lower case.
    pub(super) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter_map(move |(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
    }

    /// The access token in the body.
    pub(super) fn token(&self) -> anyhow::Result<String> {
        self.member("access_token")
    }

    /// The refresh token in the body.
    pub(super) fn refresh_token(&self) -> anyhow::Result<String> {
        self.member("refresh_token")
    }

    fn member(&self, name: &str) -> anyhow::Result<String> {
        text_member(&self.body, name)
            .with_context(|| format!("no token in the response: {} {}", self.status, self.body))
    }
}

/// The string value of a member of a JSON object; escapes are not supported.
pub(super) fn text_member(json: &str, name: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{name}\":"))?;
    let (text, _) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
    Some(text.to_owned())
}

/// Sends a `GET`, with a Bearer token unless `token` is empty.
pub(super) fn get(port: u16, path: &str, token: &str) -> anyhow::Result<Response> {
    let authorization = match token {
        "" => String::new(),
        token => format!("Authorization: Bearer {token}\r\n"),
    };
    let head = format!("GET {path} HTTP/1.1\r\n{authorization}");
    exchange(port, &format!("{head}{}\r\n", common(port)))
}

/// Sends a `POST` with a body of the media type `content_type`.
pub(super) fn post(
    port: u16,
    path: &str,
    content_type: &str,
    body: &str,
) -> anyhow::Result<Response> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{}",
        common(port)
    );
    exchange(port, &format!("{head}\r\n{body}"))
}

/// Sends a request of a browser, with its cookies (`name=value; name=value`); a form makes it a `POST`.
pub(super) fn visit(
    port: u16,
    path: &str,
    cookies: &str,
    form: Option<&str>,
) -> anyhow::Result<Response> {
    let method = if form.is_some() { "POST" } else { "GET" };
    let form = form.unwrap_or_default();
    let length = form.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nCookie: {cookies}\r\nSec-Fetch-Site: same-origin\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n{}",
        common(port)
    );
    exchange(port, &format!("{head}\r\n{form}"))
}

fn common(port: u16) -> String {
    format!("Host: 127.0.0.1:{port}\r\nConnection: close\r\n")
}

fn exchange(port: u16, request: &str) -> anyhow::Result<Response> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;
    parse(&String::from_utf8_lossy(&response))
}

fn parse(response: &str) -> anyhow::Result<Response> {
    let Some((head, body)) = response.split_once("\r\n\r\n") else {
        bail!("not an HTTP response: `{response}`");
    };
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok(Response {
        status: status.context("the response has no status")?,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_token_are_parsed() {
        let text = "HTTP/1.1 200 OK\r\nx-code: 500\r\n\r\n{\"access_token\":\"a.b.c\",\"x\":\"y\"}";
        let response = parse(text).unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(response.token().unwrap(), "a.b.c");
        assert_eq!(response.headers("x-code").collect::<Vec<_>>(), ["500"]);
    }

    #[test]
    fn a_response_without_a_token_is_an_error_that_shows_it() {
        let response = parse("HTTP/1.1 401 No\r\n\r\n{}").unwrap();
        assert_eq!(
            response.token().unwrap_err().to_string(),
            "no token in the response: 401 {}"
        );
        assert!(parse("nonsense").is_err());
    }
}
