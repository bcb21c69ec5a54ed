//! Tests of each limit on a real connection. The limits are short, and each test ends when the server acts; nothing
//! measures time.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::routing::{get, post};
use hyper::body::{Body as HttpBody, Frame};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::*;

mod upgrades;

/// A limit that is never reached.
const NEVER: Duration = Duration::from_hours(1);

const SHORT: Duration = Duration::from_millis(50);

fn limits() -> Limits {
    Limits {
        head: NEVER,
        idle: NEVER,
        request: NEVER,
        write: NEVER,
        shutdown: NEVER,
        ..Limits::default()
    }
}

struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(app: Router, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(listener, app, limits, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            stop: Some(stop),
            task,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `bytes` and reads until the server closes the connection.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        read_to_end(&mut stream).await
    }

    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.task.await.unwrap();
    }
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // a reset ends the connection too
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// Reads one answer that has a short body.
async fn read_answer(stream: &mut TcpStream, last: &str) -> String {
    let mut answer = String::new();
    let mut buffer = [0; 1024];
    while !answer.ends_with(last) {
        let length = stream.read(&mut buffer).await.unwrap();
        assert_ne!(length, 0, "closed after `{answer}`");
        answer.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
    answer
}

fn app() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/echo", post(|body: String| async move { body }))
        .route("/never", get(std::future::pending::<String>))
        .route(
            "/peer",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
        )
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
const GET_AND_CLOSE: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn requests_are_answered_and_handlers_see_the_peer() {
    let server = Server::start(app(), limits()).await;
    assert!(
        server
            .exchange(GET_AND_CLOSE)
            .await
            .ends_with("\r\n\r\nhello")
    );
    let mut stream = server.connect().await;
    let own = stream.local_addr().unwrap().to_string();
    stream
        .write_all(b"GET /peer HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    assert!(read_to_end(&mut stream).await.ends_with(&own));
    server.stop().await;
}

#[tokio::test]
async fn x077_a_connection_that_sends_nothing_is_closed() {
    let limits = Limits {
        head: SHORT,
        ..limits()
    };
    let server = Server::start(app(), limits).await;
    assert_eq!(server.exchange(b"").await, "");
}

#[tokio::test]
async fn x077_a_head_that_trickles_in_is_cut_off() {
    let limits = Limits {
        head: SHORT,
        ..limits()
    };
    let server = Server::start(app(), limits).await;
    assert_eq!(server.exchange(b"GET / HTTP/1.1\r\nhost: x\r\n").await, "");

    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let mut pace = tokio::time::interval(SHORT / 10);
    let trickle = async {
        loop {
            if writer.write_all(b"x: y\r\n").await.is_err() {
                std::future::pending::<()>().await;
            }
            pace.tick().await;
        }
    };
    let mut answer = Vec::new();
    tokio::select! {
        _ = reader.read_to_end(&mut answer) => {}
        () = trickle => unreachable!(),
    }
    // refused because of the time or of too many headers
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn the_head_of_a_later_request_has_the_same_limit() {
    let limits = Limits {
        head: SHORT,
        ..limits()
    };
    let server = Server::start(app(), limits).await;
    let mut stream = server.connect().await;
    stream.write_all(GET).await.unwrap();
    read_answer(&mut stream, "hello").await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed_at_the_idle_limit() {
    let limits = Limits {
        idle: SHORT,
        ..limits()
    };
    let server = Server::start(app(), limits).await;
    let mut stream = server.connect().await;
    stream.write_all(GET).await.unwrap();
    read_answer(&mut stream, "hello").await;
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn an_idle_connection_outlives_the_head_limit() {
    let limits = Limits {
        head: SHORT,
        ..limits()
    };
    let server = Server::start(app(), limits).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        stream.write_all(GET).await.unwrap();
        read_answer(&mut stream, "hello").await;
        // returns once the head limit has passed
        assert_eq!(server.exchange(b"").await, "");
    }
}

#[tokio::test]
async fn x077_a_body_that_never_ends_is_answered_with_408_and_the_connection_closed() {
    let limits = Limits {
        request: SHORT,
        ..limits()
    };
    let server = Server::start(app(), limits).await;
    let answer = server
        .exchange(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf")
        .await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_body_that_arrives_gets_more_time_than_one_that_does_not() {
    const PART: usize = 1024 * 1024;
    let arrived = Arc::new(Notify::new());
    let arrived_too = Arc::clone(&arrived);
    let read_all = move |body: Body| async move {
        let mut body = body.into_data_stream();
        let mut length = 0;
        while let Some(data) = next_of(&mut body).await {
            length += data.len();
            if length == PART {
                arrived_too.notify_one();
            }
        }
        length.to_string()
    };
    let limits = Limits {
        request: SHORT,
        ..limits()
    };
    let server = Server::start(app().route("/upload", post(read_all)), limits).await;
    let mut upload = server.connect().await;
    let length = 2 * PART;
    let head = format!(
        "POST /upload HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    upload.write_all(head.as_bytes()).await.unwrap();
    upload.write_all(&vec![b'x'; PART]).await.unwrap();
    arrived.notified().await;
    // begins later and is cut off
    let stalled = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf";
    let answer = server.exchange(stalled).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    upload.write_all(&vec![b'x'; PART]).await.unwrap();
    let answer = read_to_end(&mut upload).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with(&length.to_string()), "{answer}");
}

async fn next_of(body: &mut axum::body::BodyDataStream) -> Option<hyper::body::Bytes> {
    let next =
        std::future::poll_fn(|context| futures_core::Stream::poll_next(Pin::new(body), context));
    next.await.map(Result::unwrap)
}

#[tokio::test]
async fn a_handler_that_never_ends_is_answered_with_503() {
    let limits = Limits {
        request: SHORT,
        ..limits()
    };
    let server = Server::start(app(), limits).await;
    let answer = server
        .exchange(b"GET /never HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("retry-after: 1"), "{answer}");
}

#[tokio::test]
async fn x077_a_client_that_does_not_read_its_answer_is_cut_off() {
    let (dropped, notify) = (Arc::new(Notify::new()), NotifyOnDrop::default());
    let dropped_too = Arc::clone(&dropped);
    notify.0.lock().unwrap().replace(dropped_too);
    let notify = Arc::new(notify);
    let endless = move || {
        let notify = Arc::clone(&notify);
        async move {
            Body::new(Endless {
                _notify: DropGuard(notify),
            })
        }
    };
    let app = Router::new().route("/endless", get(endless));
    let limits = Limits {
        write: SHORT,
        ..limits()
    };
    let server = Server::start(app, limits).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    dropped.notified().await;
    drop(stream);
}

/// Notifies when the body of an answer is dropped.
#[derive(Default)]
struct NotifyOnDrop(std::sync::Mutex<Option<Arc<Notify>>>);

struct DropGuard(Arc<NotifyOnDrop>);

impl Drop for DropGuard {
    fn drop(&mut self) {
        if let Some(notify) = self.0.0.lock().unwrap().take() {
            notify.notify_one();
        }
    }
}

struct Endless {
    _notify: DropGuard,
}

impl HttpBody for Endless {
    type Data = hyper::body::Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(hyper::body::Bytes::from_static(
            &[0; 4096],
        )))))
    }
}

#[tokio::test]
async fn too_large_a_head_is_refused() {
    let server = Server::start(app(), limits()).await;
    let long = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n\r\n",
        "x".repeat(64 * 1024)
    );
    let mut stream = server.connect().await;
    // the server may close before all of it is sent
    let _ = stream.write_all(long.as_bytes()).await;
    let mut first = [0; 13];
    if stream.read_exact(&mut first).await.is_ok() {
        assert_eq!(&first, b"HTTP/1.1 431 ");
    }
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(1000));
    let answer = server.exchange(many.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 431 ") || answer.is_empty(),
        "{answer}"
    );
}

#[tokio::test]
async fn x071_ambiguous_requests_are_refused() {
    let server = Server::start(app(), limits()).await;
    for head in [
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: +5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\nhello",
        "GET / HTTP/1.1\r\nhost: x\r\n folded: y\r\n\r\n",
        "GET / HTTP/1.1\r\nhost : x\r\n\r\n",
        "GET / HTTP/1.1\r\nx: a\0b\r\n\r\n",
    ] {
        let answer = server.exchange(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{head:?}: {answer}");
    }
    // with both lengths, the chunks count and the connection is closed
    let both = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let answer = server.exchange(both.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
}

#[tokio::test]
async fn y056_a_request_without_one_valid_host_is_refused() {
    let server = Server::start(app(), limits()).await;
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\nhost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\nHost: y\r\n\r\n",
        "GET / HTTP/1.0\r\nhost: x\r\nhost: y\r\n\r\n",
        "GET http://x/ HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: user@x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x/y\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x y\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x, y\r\n\r\n",
    ] {
        let answer = server.exchange(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1."), "{head:?}: {answer}");
        assert!(answer.contains(" 400 "), "{head:?}: {answer}");
        assert!(answer.contains("bad_host"), "{head:?}: {answer}");
    }
    for host in [
        "x",
        "x:8000",
        "127.0.0.1:8000",
        "[::1]:8000",
        "xn--bcher-kva.example",
        "",
    ] {
        let head = format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let answer = server.exchange(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{host}: {answer}");
    }
}

#[tokio::test]
async fn x077_more_connections_than_allowed_wait_and_are_served_later() {
    let begun = Arc::new(Notify::new());
    let begun_too = Arc::clone(&begun);
    let busy = move || async move {
        begun_too.notify_one();
        std::future::pending::<String>().await
    };
    let limits = Limits {
        connections: 1,
        ..limits()
    };
    let server = Server::start(app().route("/busy", get(busy)), limits).await;
    let mut first = server.connect().await;
    first
        .write_all(b"GET /busy HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    begun.notified().await;
    let mut second = server.connect().await;
    second.write_all(GET_AND_CLOSE).await.unwrap();
    let unanswered = tokio::time::timeout(SHORT, second.read_u8()).await;
    assert!(unanswered.is_err(), "a second connection was served");
    drop(first);
    assert!(read_to_end(&mut second).await.ends_with("hello"));
}

#[tokio::test]
async fn y055_the_idlest_connection_gives_way_to_a_new_one() {
    let limits = Limits {
        connections: 2,
        ..limits()
    };
    let server = Server::start(app(), limits).await;
    let mut idle = server.connect().await;
    idle.write_all(GET).await.unwrap();
    read_answer(&mut idle, "hello").await;
    // one that never sent anything goes first
    let mut silent = server.connect().await;
    let mut kept = Vec::new();
    for closed in [&mut silent, &mut idle] {
        let mut next = server.connect().await;
        next.write_all(GET).await.unwrap();
        read_answer(&mut next, "hello").await;
        kept.push(next);
        assert_eq!(read_to_end(closed).await, "");
    }
    // the connections that are left still work
    for stream in &mut kept {
        stream.write_all(GET).await.unwrap();
        read_answer(stream, "hello").await;
    }
}

#[tokio::test]
async fn connections_are_accepted_until_the_drain_delay_has_passed() {
    let limits = Limits {
        drain: NEVER,
        shutdown: SHORT,
        ..limits()
    };
    let stage = get(|stopping: axum::Extension<Stopping>| async move {
        if stopping.has_begun() {
            "draining"
        } else {
            "serving"
        }
    });
    let mut server = Server::start(Router::new().route("/", stage), limits).await;
    assert!(server.exchange(GET_AND_CLOSE).await.ends_with("serving"));
    server.stop.take().unwrap().send(()).unwrap();
    loop {
        // closed after each answer, so that the next request goes elsewhere
        let mut stream = server.connect().await;
        stream.write_all(GET).await.unwrap();
        let answer = read_answer(&mut stream, "ing").await;
        if answer.ends_with("draining") {
            assert!(answer.contains("connection: close"), "{answer}");
            assert_eq!(read_to_end(&mut stream).await, "");
            break;
        }
    }
    server.task.abort();
}

#[tokio::test]
async fn stopping_finishes_requests_in_progress_and_accepts_no_new_ones() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begun_too, go_on_too) = (Arc::clone(&begun), Arc::clone(&go_on));
    let slow = move || async move {
        begun_too.notify_one();
        go_on_too.notified().await;
        "done"
    };
    let server = Server::start(Router::new().route("/", get(slow)), limits()).await;
    let mut idle = server.connect().await;
    let mut running = server.connect().await;
    running.write_all(GET).await.unwrap();
    begun.notified().await;
    let address = server.address;
    let stopping = tokio::spawn(server.stop());
    assert_eq!(read_to_end(&mut idle).await, "");
    go_on.notify_one();
    assert!(read_to_end(&mut running).await.ends_with("done"));
    stopping.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn stopping_does_not_wait_longer_than_its_limit() {
    let limits = Limits {
        shutdown: SHORT,
        ..limits()
    };
    let server = Server::start(app(), limits).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /never HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut other = server.connect().await;
    other.write_all(GET).await.unwrap();
    read_answer(&mut other, "hello").await;
    server.stop().await;
    assert_eq!(read_to_end(&mut stream).await, "");
}
