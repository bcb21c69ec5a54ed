//! Connections to the SMTP server.

use std::{io, sync::Arc, time::Duration};

use lettre::transport::smtp::{
    Error as SmtpError,
    authentication::{Credentials, DEFAULT_MECHANISMS},
    client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters},
    extension::ClientId,
};
use rustls::{ClientConfig, pki_types::ServerName};
use secrecy::ExposeSecret as _;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::{
    limited::Limited,
    send_error::{Fault, SendError},
    server::{Security, SmtpServer},
};
use crate::outgoing::trust;

/// The time limit of a try to connect to one address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Opens connections. Reading the certificates of the system takes a while, so that it is made once.
#[derive(Clone)]
pub(super) struct Connector {
    server: SmtpServer,
    own_name: ClientId,
    encryption: Encryption,
}

#[derive(Clone)]
enum Encryption {
    Tls(Arc<ClientConfig>, ServerName<'static>),
    StartTls(TlsParameters),
    Plain,
}

impl Connector {
    /// Prepares connections to a server, and opens none.
    ///
    /// # Errors
    ///
    /// [`SendError`] if a certificate is to be verified, and the system names none to trust.
    pub(super) fn new(server: &SmtpServer, own_host: &str) -> Result<Self, SendError> {
        Ok(Self {
            encryption: encryption(server)?,
            server: server.clone(),
            own_name: ClientId::Domain(own_host.to_owned()),
        })
    }

    /// Connects, encrypts and logs in.
    ///
    /// # Errors
    ///
    /// [`SendError`].
    pub(super) async fn connect(&self) -> Result<AsyncSmtpConnection, SendError> {
        let stream = self.open().await.map_err(SendError::connection)?;
        let stream: Box<dyn AsyncTokioStream> = match &self.encryption {
            Encryption::Tls(config, name) => {
                let connector = TlsConnector::from(Arc::clone(config));
                let encrypted = connector.connect(name.clone(), stream).await;
                Box::new(Limited::new(encrypted.map_err(SendError::tls)?))
            }
            Encryption::StartTls(_) | Encryption::Plain => Box::new(Limited::new(stream)),
        };
        let name = &self.own_name;
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream, name).await?;
        if let Encryption::StartTls(parameters) = &self.encryption {
            let encrypted = connection.starttls(parameters.clone(), name).await;
            encrypted.map_err(of_starttls)?;
        }
        if let Some((user, password)) = &self.server.login {
            let password = password.expose_secret().to_owned();
            let login = Credentials::new(user.clone(), password);
            let accepted = connection.auth(DEFAULT_MECHANISMS, &login).await;
            accepted.map_err(of_login)?;
        }
        Ok(connection)
    }

    /// Opens a connection to the first address that answers.
    async fn open(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in lookup_host((self.server.host.as_str(), self.server.port)).await? {
            let socket = if address.is_ipv4() {
                TcpSocket::new_v4()?
            } else {
                TcpSocket::new_v6()?
            };
            match tokio::time::timeout(CONNECT_TIMEOUT, socket.connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(late) => last = late.into(),
            }
        }
        Err(last)
    }
}

fn encryption(server: &SmtpServer) -> Result<Encryption, SendError> {
    if server.security == Security::Plain {
        return Ok(Encryption::Plain);
    }
    let config = trust::required().map_err(SendError::tls)?;
    if server.security == Security::StartTls {
        // which reads the same certificates, and would be content with none
        let parameters = TlsParameters::new_rustls(server.host.clone())?;
        return Ok(Encryption::StartTls(parameters));
    }
    let name = ServerName::try_from(server.host.clone()).map_err(SendError::tls)?;
    Ok(Encryption::Tls(Arc::new(config), name))
}

/// Returns why a connection could not be encrypted. lettre does not tell faults of TLS from those of the network.
fn of_starttls(error: SmtpError) -> SendError {
    let error = SendError::from(error);
    if error.is_connection() {
        return SendError::tls(error);
    }
    if error.fault == Fault::Connection {
        return error;
    }
    // such as that the server offers none
    error.at(Fault::Tls)
}

/// Returns why a server accepted no login. Some refuse one with a status that means something else elsewhere.
fn of_login(error: SmtpError) -> SendError {
    let is_refused = error.is_permanent();
    let error = SendError::from(error);
    if is_refused {
        error.at(Fault::Login)
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use tokio::{
        io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
        net::TcpListener,
    };

    use super::*;

    /// A server that sends its first answer at once and another after each line, the last one for ever if it is to.
    async fn server(answers: &'static [&'static str], is_endless: bool) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            for (number, answer) in answers.iter().enumerate() {
                // TLS has no lines
                if number > 0 && stream.read_until(b'\n', &mut Vec::new()).await.is_err() {
                    return;
                }
                let is_endless = is_endless && number + 1 == answers.len();
                let answer = answer.repeat(if is_endless { 1000 } else { 1 });
                while stream.write_all(answer.as_bytes()).await.is_ok() && is_endless {}
            }
        });
        port
    }

    async fn fails(port: u16, encryption: Encryption) -> SendError {
        fails_with(port, encryption, None).await
    }

    async fn fails_with(
        port: u16,
        encryption: Encryption,
        login: Option<(String, SecretString)>,
    ) -> SendError {
        let security = match &encryption {
            Encryption::Tls(..) => Security::Tls,
            Encryption::StartTls(_) => Security::StartTls,
            Encryption::Plain => Security::Plain,
        };
        let connector = Connector {
            server: SmtpServer {
                host: "127.0.0.1".to_owned(),
                port,
                security,
                login,
            },
            own_name: ClientId::Domain("login.example.com".to_owned()),
            encryption,
        };
        let connecting = tokio::time::timeout(Duration::from_mins(1), connector.connect());
        connecting.await.unwrap().err().unwrap()
    }

    fn starttls() -> Encryption {
        Encryption::StartTls(TlsParameters::new_rustls("127.0.0.1".to_owned()).unwrap())
    }

    fn tls() -> Encryption {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        Encryption::Tls(Arc::new(config), name)
    }

    #[tokio::test]
    async fn y450_an_answer_without_end_ends_the_conversation() {
        for (answers, kind) in [
            (&["2"][..], "an answer without end"),
            (&["\r\n"][..], "an answer that is no SMTP"),
            (&["220 a\r\n", "250-x"][..], "an answer without end"),
            (&["220 a\r\n", "250-x\r\n"][..], "an answer without end"),
        ] {
            let error = fails(server(answers, true).await, Encryption::Plain).await;
            assert_eq!(error.kind, kind, "{answers:?}");
            assert!(!error.is_final);
        }
    }

    #[tokio::test]
    async fn y451_a_fault_of_tls_is_called_so() {
        const OFFER: &str = "250-a\r\n250 STARTTLS\r\n";
        let error = fails(server(&["220 a\r\n"], false).await, tls()).await;
        assert_eq!(error.kind, "TLS");
        for (answers, kind) in [
            (&["220 a\r\n", OFFER, "220 go\r\n"][..], "TLS"),
            // answers that somebody in the way adds do not become answers of the server
            (
                &["220 a\r\n", OFFER, "220 go\r\n250 injected\r\n"][..],
                "TLS",
            ),
            (&["220 a\r\n", OFFER, "454 not now\r\n"][..], "status 454"),
            (
                &["220 a\r\n", "250 a\r\n"][..],
                "the server offers too little",
            ),
        ] {
            let error = fails(server(answers, false).await, starttls()).await;
            assert_eq!(error.kind, kind, "{answers:?}");
        }
    }

    #[tokio::test]
    async fn each_fault_is_told_apart() {
        const OFFER: &str = "250-a\r\n250 AUTH PLAIN LOGIN\r\n";
        const STARTTLS: &str = "250-a\r\n250 STARTTLS\r\n";
        let login = || Some(("user".to_owned(), SecretString::from("canary")));
        for (answers, fault) in [
            (&["220 a\r\n", OFFER, "535 5.7.8 no\r\n"][..], Fault::Login),
            (&["220 a\r\n", OFFER, "550 5.7.1 no\r\n"][..], Fault::Login),
            (
                &["220 a\r\n", OFFER, "454 4.7.0 later\r\n"][..],
                Fault::Busy,
            ),
            (&["220 a\r\n", "250 a\r\n"][..], Fault::Protocol),
            (&["554 5.7.1 go away\r\n"][..], Fault::Other),
        ] {
            let port = server(answers, false).await;
            let error = fails_with(port, Encryption::Plain, login()).await;
            assert_eq!(error.fault, fault, "{answers:?}");
        }
        for (answers, fault) in [
            (&["220 a\r\n", "250 a\r\n"][..], Fault::Tls),
            (&["220 a\r\n", STARTTLS, "454 not now\r\n"][..], Fault::Tls),
        ] {
            let error = fails(server(answers, false).await, starttls()).await;
            assert_eq!(error.fault, fault, "{answers:?}");
        }
    }

    #[tokio::test]
    async fn the_answer_to_a_login_is_the_text_of_the_server() {
        let answers = &[
            "220 a\r\n",
            "250-a\r\n250 AUTH PLAIN\r\n",
            "535 5.7.8 no such user\r\n",
        ];
        let port = server(answers, false).await;
        let login = ("user".to_owned(), SecretString::from("canary"));
        let error = fails_with(port, Encryption::Plain, Some(login)).await;
        assert_eq!(error.answer(), "535 5.7.8 no such user");
        // the log and `doctor` get the status alone
        assert_eq!(error.to_string(), "status 535");
    }

    #[tokio::test]
    async fn a_closed_port_is_no_fault_of_tls() {
        for encryption in [tls(), starttls(), Encryption::Plain] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            let error = fails(port, encryption).await;
            assert_eq!(
                (error.kind.as_str(), error.fault),
                ("connection", Fault::Connection)
            );
        }
    }
}
