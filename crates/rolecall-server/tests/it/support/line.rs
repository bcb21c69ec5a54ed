//! A connection between two processes that can be cut.

use std::net::SocketAddr;

use rolecall_server::http::{LayerOptions, Limits, serve, wrap};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// What an address leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    To(SocketAddr),
    /// Connections are refused.
    Down,
    /// Connections are taken and nothing comes.
    Silent,
}

/// An address that leads to a server, which can change or be out of reach.
pub(crate) struct Address {
    bound: SocketAddr,
    line: watch::Sender<Line>,
    task: JoinHandle<()>,
}

impl Drop for Address {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Address {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bound = listener.local_addr().unwrap();
        let (line, told) = watch::channel(Line::Down);
        let task = tokio::spawn(lead(listener, told));
        Self { bound, line, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.bound)
    }

    /// Leads to `server`; what led elsewhere is cut.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        self.line.send_replace(Line::To(server));
    }

    /// Cuts all connections and takes no more.
    pub(crate) fn cut(&self) {
        self.line.send_replace(Line::Down);
    }

    /// Connections stand and nothing comes through.
    pub(crate) fn silence(&self) {
        self.line.send_replace(Line::Silent);
    }
}

async fn lead(listener: TcpListener, mut told: watch::Receiver<Line>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            changed = told.changed() => {
                if changed.is_err() {
                    return;
                }
                if *told.borrow_and_update() == Line::Down {
                    connections.shutdown().await;
                }
            }
            accepted = listener.accept() => {
                if let Ok((here, _)) = accepted {
                    connections.spawn(connect(here, told.clone()));
                }
            }
        }
    }
}

/// Copies while the line leads to where it led at first; holds the connection while it is silent.
async fn connect(mut here: TcpStream, mut told: watch::Receiver<Line>) {
    let line = *told.borrow();
    let copied = async {
        match line {
            Line::To(server) => {
                if let Ok(mut there) = TcpStream::connect(server).await {
                    let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                }
            }
            Line::Down => {}
            Line::Silent => std::future::pending().await,
        }
    };
    tokio::select! {
        () = copied => return,
        _ = told.wait_for(|now| *now != line) => {}
    }
    let _ = told.wait_for(|now| *now != Line::Silent).await;
}

/// A server that is served as the binary does.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn new(app: axum::Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, told) = tokio::sync::oneshot::channel();
        let app = wrap(app, LayerOptions::default());
        let task = tokio::spawn(serve(listener, app, Limits::default(), async {
            let _ = told.await;
        }));
        Self {
            address,
            stop: Some(stop),
            task,
        }
    }

    /// Tells it to stop, and waits until it has.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        let _ = self.task.await;
    }
}
