//! A way to PostgreSQL that can be cut.

use std::path::PathBuf;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
};

/// How the way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    /// Every connection is closed, and every new one too.
    Cut,
    /// Nothing is heard any more, and no connection is closed. Those that fell silent stay so.
    Silent,
}

/// Hands on what comes, until it is told otherwise.
pub(crate) struct Proxy {
    way: watch::Sender<Way>,
    port: u16,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Listens on a free port for the server whose socket is this.
    pub(crate) async fn to(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (way, told) = watch::channel(Way::Open);
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(hand_on(client, socket.clone(), told.clone()));
            }
        });
        Self { way, port, task }
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    pub(crate) fn cut(&self) {
        self.way.send_replace(Way::Cut);
    }

    pub(crate) fn fall_silent(&self) {
        self.way.send_replace(Way::Silent);
    }

    pub(crate) fn restore(&self) {
        self.way.send_replace(Way::Open);
    }
}

async fn hand_on(client: TcpStream, socket: PathBuf, mut way: watch::Receiver<Way>) {
    let begun = *way.borrow_and_update();
    let server = match begun {
        Way::Open => UnixStream::connect(socket).await,
        Way::Cut => return,
        Way::Silent => return std::future::pending().await,
    };
    let Ok(server) = server else { return };
    let (mut client, mut server) = (client, server);
    let (mut asked, mut answered) = ([0; 4096], [0; 4096]);
    loop {
        tokio::select! {
            biased;
            changed = way.changed() => {
                let now = *way.borrow_and_update();
                match now {
                    Way::Open => {}
                    Way::Silent => return std::future::pending().await,
                    Way::Cut => return,
                }
                if changed.is_err() {
                    return;
                }
            }
            read = client.read(&mut asked) => match read {
                Ok(0) | Err(_) => return,
                Ok(read) => if server.write_all(&asked[..read]).await.is_err() { return },
            },
            read = server.read(&mut answered) => match read {
                Ok(0) | Err(_) => return,
                Ok(read) => if client.write_all(&answered[..read]).await.is_err() { return },
            },
        }
    }
}
