//! A proxy in front of PostgreSQL that a test can disconnect or silence.

use std::path::PathBuf;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
};

/// The state of the link between a node and its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Open,
    /// Every connection is closed, and every new one too.
    Closed,
    /// No byte comes through, and no connection is closed. A silent connection stays silent for good.
    Silent,
}

pub(crate) struct Proxy {
    link: watch::Sender<Link>,
    port: u16,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Listens on a free port and forwards to the server at `socket`.
    pub(crate) async fn to(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (link, state) = watch::channel(Link::Open);
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(forward(client, socket.clone(), state.clone()));
            }
        });
        Self { link, port, task }
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    pub(crate) fn disconnect(&self) {
        self.link.send_replace(Link::Closed);
    }

    pub(crate) fn silence(&self) {
        self.link.send_replace(Link::Silent);
    }

    pub(crate) fn restore(&self) {
        self.link.send_replace(Link::Open);
    }
}

async fn forward(mut client: TcpStream, socket: PathBuf, mut link: watch::Receiver<Link>) {
    let first = *link.borrow_and_update();
    let server = match first {
        Link::Open => UnixStream::connect(socket).await,
        Link::Closed => return,
        Link::Silent => return std::future::pending().await,
    };
    let Ok(mut server) = server else { return };
    let (mut request, mut response) = ([0; 4096], [0; 4096]);
    loop {
        tokio::select! {
            biased;
            changed = link.changed() => {
                let now = *link.borrow_and_update();
                match now {
                    Link::Open => {}
                    Link::Silent => return std::future::pending().await,
                    Link::Closed => return,
                }
                if changed.is_err() {
                    return;
                }
            }
            read = client.read(&mut request) => match read {
                Ok(0) | Err(_) => return,
                Ok(read) => if server.write_all(&request[..read]).await.is_err() { return },
            },
            read = server.read(&mut response) => match read {
                Ok(0) | Err(_) => return,
                Ok(read) => if client.write_all(&response[..read]).await.is_err() { return },
            },
        }
    }
}
