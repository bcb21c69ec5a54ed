//! A mail server that keeps what it gets, and fails as a test says.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rolecall_server::{EmbeddedBuilder, config::Mail};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use super::eventually;

/// The answer of the server to a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Accept,
    /// Refuses the recipient with this status.
    Refuse(u16),
    /// Takes the mail and never says so.
    Hang,
    /// Takes the mail, and says so when the test lets it.
    Wait,
    /// Takes the mail, and closes the connection instead of saying so.
    Close,
    /// Says that it takes mails, and speaks no SMTP.
    Nonsense,
    /// Begins a line, and never ends it.
    Endless,
}

#[derive(Default)]
struct Inbox {
    mails: Vec<ReceivedMail>,
    /// The next answers; then all are accepted.
    answers: VecDeque<Answer>,
    conversations: usize,
}

/// A mail as the server got it.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedMail {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) raw: String,
}

impl ReceivedMail {
    /// The value of a header.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> String {
        let (head, _) = self.raw.split_once("\r\n\r\n").unwrap();
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
        let (_, value) = lines
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .unwrap_or_else(|| panic!("no `{name}` in {head}"));
        value.to_owned()
    }

    /// The plain text.
    pub(crate) fn text(&self) -> String {
        self.part("text/plain")
    }

    pub(crate) fn html(&self) -> String {
        self.part("text/html")
    }

    #[track_caller]
    fn part(&self, kind: &str) -> String {
        let begin = format!("Content-Type: {kind}");
        let (_, part) = self.raw.split_once(&begin).unwrap();
        let (head, body) = part.split_once("\r\n\r\n").unwrap();
        let (body, _) = body.split_once("\r\n--").unwrap();
        if head.contains("quoted-printable") {
            return unquoted(body);
        }
        if head.contains("base64") {
            let body: String = body.split_whitespace().collect();
            return String::from_utf8(STANDARD.decode(body).unwrap()).unwrap();
        }
        body.to_owned()
    }

    /// The path and query of the link to a page of ours in the text.
    #[track_caller]
    pub(crate) fn link(&self) -> String {
        let text = self.text();
        let mut lines = text.lines().filter(|line| line.contains("?token="));
        let line = lines.next().unwrap_or_else(|| panic!("no link in {text}"));
        assert_eq!(lines.next(), None, "two links in {text}");
        let path = line.strip_prefix(super::ISSUER);
        path.unwrap_or_else(|| panic!("{line} leads elsewhere"))
            .to_owned()
    }

    /// The secret in the link.
    #[track_caller]
    pub(crate) fn token(&self) -> String {
        let link = self.link();
        let (_, token) = link.split_once("?token=").unwrap();
        token.split('&').next().unwrap().to_owned()
    }
}

/// Decodes quoted-printable text.
fn unquoted(text: &str) -> String {
    let text = text.replace("=\r\n", "");
    let bytes = text.as_bytes();
    let (mut decoded, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at] == b'=' {
            decoded.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(decoded).unwrap()
}

/// A mail server on a port of its own, which ends with the test.
#[derive(Clone)]
pub(crate) struct MailServer {
    inbox: Arc<Mutex<Inbox>>,
    /// Lets an answer go that waits.
    pub(crate) go_on: Arc<Notify>,
    pub(crate) url: String,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let server = Self {
            inbox: Arc::default(),
            go_on: Arc::default(),
            url,
        };
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = accepting.clone();
                // a client that goes away is no fault of the test
                tokio::spawn(async move { server.converse(stream).await.ok() });
            }
        });
        server
    }

    /// The settings by which a server of ours sends its mails here.
    pub(crate) fn settings(&self) -> Mail {
        Mail {
            url: Some(self.url.as_str().into()),
            from: Some("Example <login@example.com>".to_owned()),
            reply_to: Some("help@example.com".to_owned()),
            ..Mail::default()
        }
    }

    pub(crate) fn configure(&self, builder: EmbeddedBuilder) -> EmbeddedBuilder {
        builder.mail(self.settings())
    }

    /// Sets the answers to the next mails.
    pub(crate) fn answer(&self, answers: &[Answer]) {
        self.inbox.lock().unwrap().answers.extend(answers);
    }

    pub(crate) fn mails(&self) -> Vec<ReceivedMail> {
        self.inbox.lock().unwrap().mails.clone()
    }

    /// The number of mails that somebody tried to send.
    pub(crate) fn conversations(&self) -> usize {
        self.inbox.lock().unwrap().conversations
    }

    /// Waits for so many mails, and returns all.
    pub(crate) async fn count(&self, count: usize) -> Vec<ReceivedMail> {
        eventually("the mails come", async || self.mails().len() >= count).await;
        let mails = self.mails();
        assert_eq!(mails.len(), count, "{mails:?}");
        mails
    }

    /// Waits for so many tries.
    pub(crate) async fn tries(&self, count: usize) {
        eventually("the mails are tried", async || {
            self.conversations() >= count
        })
        .await;
        assert_eq!(self.conversations(), count);
    }

    async fn converse(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let answer = {
            let mut inbox = self.inbox.lock().unwrap();
            inbox.conversations += 1;
            inbox.answers.pop_front().unwrap_or(Answer::Accept)
        };
        if answer == Answer::Nonsense {
            return stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
        if answer == Answer::Endless {
            loop {
                stream.write_all(&[b'2'; 4096]).await?;
            }
        }
        stream.write_all(b"220 mail.example ESMTP\r\n").await?;
        let (mut from, mut to) = (String::new(), Vec::new());
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.trim_end().to_owned();
            let verb = line.to_ascii_uppercase();
            let reply = if verb.starts_with("EHLO") {
                "250-mail.example\r\n250 8BITMIME\r\n".to_owned()
            } else if verb.starts_with("MAIL FROM:") {
                from = line["MAIL FROM:".len()..].to_owned();
                "250 ok\r\n".to_owned()
            } else if verb.starts_with("RCPT TO:") {
                let recipient = line["RCPT TO:".len()..].to_owned();
                if let Answer::Refuse(status) = answer {
                    // as servers do, which must not get into the log
                    format!("{status} no {recipient} here\r\n")
                } else {
                    to.push(recipient);
                    "250 ok\r\n".to_owned()
                }
            } else if verb == "DATA" {
                stream.write_all(b"354 go on\r\n").await?;
                let raw = read_data(&mut stream).await?;
                let mail = ReceivedMail {
                    from: from.clone(),
                    to: to.clone(),
                    raw,
                };
                self.inbox.lock().unwrap().mails.push(mail);
                match answer {
                    Answer::Close => return Ok(()),
                    Answer::Wait => {
                        self.go_on.notified().await;
                        "250 taken\r\n".to_owned()
                    }
                    Answer::Hang => return std::future::pending().await,
                    _ => "250 taken\r\n".to_owned(),
                }
            } else if verb == "QUIT" {
                return stream.write_all(b"221 bye\r\n").await;
            } else {
                "250 ok\r\n".to_owned()
            };
            stream.write_all(reply.as_bytes()).await?;
        }
    }
}

async fn read_data(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut data = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == ".\r\n" {
            return Ok(data);
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
