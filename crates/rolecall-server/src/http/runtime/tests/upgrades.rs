//! Connections that leave HTTP.

use axum::extract::Request as AxumRequest;
use http::header::UPGRADE;
use tokio::sync::mpsc;

use super::*;

const UPGRADE_REQUEST: &[u8] =
    b"GET /other HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n";

type OtherStream = TokioIo<hyper::upgrade::Upgraded>;

/// An application whose route `/other` answers 101, and passes the stream on.
fn app_and_streams() -> (Router, mpsc::UnboundedReceiver<OtherStream>) {
    let (sender, streams) = mpsc::unbounded_channel();
    let switch = move |mut request: AxumRequest| async move {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let _ = sender.send(TokioIo::new(upgrade.await.unwrap()));
        });
        let headers = [(CONNECTION, "upgrade"), (UPGRADE, "other")];
        (StatusCode::SWITCHING_PROTOCOLS, headers)
    };
    (app().route("/other", get(switch)), streams)
}

/// Connects and leaves HTTP; returns the streams of the client and of the handler.
async fn upgrade(
    server: &Server,
    streams: &mut mpsc::UnboundedReceiver<OtherStream>,
) -> (TcpStream, OtherStream) {
    let mut client = server.connect().await;
    client.write_all(UPGRADE_REQUEST).await.unwrap();
    let answer = read_answer(&mut client, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.contains("connection: upgrade"), "{answer}");
    (client, streams.recv().await.unwrap())
}

async fn send_both_ways(client: &mut TcpStream, handler: &mut OtherStream) {
    for _ in 0..3 {
        client.write_all(b"ping").await.unwrap();
        let mut read = [0; 4];
        handler.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"ping");
        handler.write_all(b"pong").await.unwrap();
        client.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"pong");
    }
}

#[tokio::test]
async fn an_upgraded_connection_outlives_the_limits_of_requests() {
    let limits = Limits {
        head: SHORT,
        idle: SHORT,
        request: SHORT,
        ..limits()
    };
    let (app, mut streams) = app_and_streams();
    let server = Server::start(app, limits).await;
    let (mut client, mut handler) = upgrade(&server, &mut streams).await;
    for _ in 0..3 {
        send_both_ways(&mut client, &mut handler).await;
        // returns once each of the limits has passed
        assert_eq!(server.exchange(b"").await, "");
    }
    drop(handler);
    assert_eq!(read_to_end(&mut client).await, "");
}

#[tokio::test]
async fn an_upgraded_connection_keeps_its_place_until_it_is_closed() {
    let limits = Limits {
        connections: 1,
        ..limits()
    };
    let (app, mut streams) = app_and_streams();
    let server = Server::start(app, limits).await;
    let (mut client, mut handler) = upgrade(&server, &mut streams).await;
    let mut second = server.connect().await;
    second.write_all(GET_AND_CLOSE).await.unwrap();
    let unanswered = tokio::time::timeout(SHORT, second.read_u8()).await;
    assert!(unanswered.is_err(), "a second connection was served");
    // it did not give way
    send_both_ways(&mut client, &mut handler).await;
    drop(handler);
    assert!(read_to_end(&mut second).await.ends_with("hello"));
}

#[tokio::test]
async fn an_idle_connection_gives_way_and_an_upgraded_one_does_not() {
    let limits = Limits {
        connections: 2,
        ..limits()
    };
    let (app, mut streams) = app_and_streams();
    let server = Server::start(app, limits).await;
    let (mut client, mut handler) = upgrade(&server, &mut streams).await;
    let mut idle = server.connect().await;
    idle.write_all(GET).await.unwrap();
    read_answer(&mut idle, "hello").await;
    assert!(server.exchange(GET_AND_CLOSE).await.ends_with("hello"));
    assert_eq!(read_to_end(&mut idle).await, "");
    send_both_ways(&mut client, &mut handler).await;
}

#[tokio::test]
async fn the_handler_of_an_upgraded_connection_reads_its_end_when_the_server_stops() {
    let (app, mut streams) = app_and_streams();
    let mut server = Server::start(app, limits()).await;
    let (mut client, mut handler) = upgrade(&server, &mut streams).await;
    // the handler waits already
    let goodbye = tokio::spawn(async move {
        let mut read = Vec::new();
        handler.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"");
        // the end is stable, and the other direction still open
        assert_eq!(handler.read(&mut [0; 4]).await.unwrap(), 0);
        handler.write_all(b"goodbye").await.unwrap();
        handler.flush().await.unwrap();
    });
    server.stop.take().unwrap().send(()).unwrap();
    assert_eq!(read_to_end(&mut client).await, "goodbye");
    goodbye.await.unwrap();
    // nothing is in progress, although the limit is an hour
    server.task.await.unwrap();
}

#[tokio::test]
async fn an_upgraded_connection_that_does_not_end_is_cut_off() {
    let limits = Limits {
        shutdown: SHORT,
        ..limits()
    };
    let (app, mut streams) = app_and_streams();
    let server = Server::start(app, limits).await;
    let (_client, mut handler) = upgrade(&server, &mut streams).await;
    server.stop().await;
    let error = handler.write_all(b"still here").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
}

#[tokio::test]
async fn a_handler_that_drops_the_upgrade_closes_the_connection() {
    let switch = || async {
        let headers = [(CONNECTION, "upgrade"), (UPGRADE, "other")];
        (StatusCode::SWITCHING_PROTOCOLS, headers)
    };
    let limits = Limits {
        connections: 1,
        ..limits()
    };
    let server = Server::start(app().route("/other", get(switch)), limits).await;
    // asked for or not
    for request in [
        UPGRADE_REQUEST,
        b"GET /other HTTP/1.1\r\nhost: x\r\n\r\n".as_slice(),
    ] {
        let answer = server.exchange(request).await;
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    }
    assert!(server.exchange(GET_AND_CLOSE).await.ends_with("hello"));
    server.stop().await;
}
