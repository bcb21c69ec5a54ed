//! A network address whose server can be exchanged, disconnected or silenced.

use std::net::SocketAddr;

use rolecall_server::http::{LayerOptions, Limits, serve, wrap};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
    task::{JoinHandle, JoinSet},
};

/// Where connections are forwarded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Server(SocketAddr),
    /// Connections are closed.
    Down,
    /// Connections are accepted, and no byte comes through.
    Silent,
}

/// Forwards the connections of one address to a server.
pub(crate) struct Relay {
    address: SocketAddr,
    target: watch::Sender<Target>,
    task: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Relay {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (target, current) = watch::channel(Target::Down);
        let task = tokio::spawn(accept(listener, current));
        Self {
            address,
            target,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Forwards to `server`, and closes connections to any other.
    pub(crate) fn point_to(&self, server: SocketAddr) {
        self.target.send_replace(Target::Server(server));
    }

    /// Closes all connections, and every new one.
    pub(crate) fn disconnect(&self) {
        self.target.send_replace(Target::Down);
    }

    /// Leaves connections open and forwards nothing.
    pub(crate) fn silence(&self) {
        self.target.send_replace(Target::Silent);
    }
}

async fn accept(listener: TcpListener, mut target: watch::Receiver<Target>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            changed = target.changed() => {
                if changed.is_err() {
                    return;
                }
                if *target.borrow_and_update() == Target::Down {
                    connections.shutdown().await;
                }
            }
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    connections.spawn(forward(client, target.clone()));
                }
            }
        }
    }
}

/// Forwards as long as the target stays the same; holds the connection while the target is silent.
async fn forward(mut client: TcpStream, mut target: watch::Receiver<Target>) {
    let first = *target.borrow();
    let copy = async {
        match first {
            Target::Server(server) => {
                if let Ok(mut server) = TcpStream::connect(server).await {
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                }
            }
            Target::Down => {}
            Target::Silent => std::future::pending().await,
        }
    };
    tokio::select! {
        () = copy => return,
        _ = target.wait_for(|now| *now != first) => {}
    }
    let _ = target.wait_for(|now| *now != Target::Silent).await;
}

/// A server on a port of its own, with the limits of the program.
pub(crate) struct RunningServer {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl RunningServer {
    pub(crate) async fn new(app: axum::Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let app = wrap(app, LayerOptions::default());
        let task = tokio::spawn(serve(listener, app, Limits::default(), async {
            let _ = stopped.await;
        }));
        Self {
            address,
            stop: Some(stop),
            task,
        }
    }

    /// Asks the server to stop, and waits until it has.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        let _ = self.task.await;
    }
}
