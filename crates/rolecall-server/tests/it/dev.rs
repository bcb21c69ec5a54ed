//! `rolecall dev`, several of it started at the same instant.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command},
    time::Duration,
};

/// A `dev` that stops with the test.
struct Dev(Child);

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Dev {
    fn start(folder: &Path, number: usize, arguments: &[&str]) -> Self {
        let output = File::create(folder.join(format!("{number}.log"))).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_rolecall"))
            .arg("dev")
            .args(arguments)
            .env_clear()
            .env("TMPDIR", folder)
            .current_dir(folder)
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn();
        Self(child.unwrap())
    }

    /// Returns the address that the program prints, once it does.
    fn address(&mut self, folder: &Path, number: usize) -> SocketAddr {
        let log = folder.join(format!("{number}.log"));
        loop {
            let text = fs::read_to_string(&log).unwrap();
            if text.contains("Paste these") {
                let (_, rest) = text.split_once("server    http://").unwrap();
                let end = rest.find(|sign: char| !sign.is_ascii_digit() && !".:".contains(sign));
                return rest[..end.unwrap()].parse().unwrap();
            }
            assert!(
                self.0.try_wait().unwrap().is_none(),
                "`dev` has ended: {text}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Returns the issuer that answers at an address.
fn issuer_at(address: SocketAddr) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    let path = "/.well-known/oauth-authorization-server";
    write!(
        connection,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (_, rest) = answer.split_once("\"issuer\":\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Starts several at once, and returns their addresses after each was found to serve what it prints.
fn start_together(arguments: &[&str]) -> (Vec<SocketAddr>, SocketAddr) {
    let folder = tempfile::tempdir().unwrap();
    let wanted = free_port();
    let listen = wanted.to_string();
    let arguments = [&["--listen", listen.as_str()], arguments].concat();
    let mut running: Vec<Dev> = (0..4)
        .map(|number| Dev::start(folder.path(), number, &arguments))
        .collect();
    let mut addresses = Vec::new();
    for (number, dev) in running.iter_mut().enumerate() {
        let address = dev.address(folder.path(), number);
        assert_eq!(issuer_at(address), format!("http://{address}"));
        addresses.push(address);
    }
    addresses.sort();
    (addresses, wanted)
}

#[test]
fn several_that_start_at_once_take_a_port_each() {
    let (addresses, wanted) = start_together(&[]);
    let mut distinct = addresses.clone();
    distinct.dedup();
    assert_eq!(distinct.len(), 4, "{addresses:?}");
    assert!(addresses.iter().all(|one| one.port() >= wanted.port()));
}

#[test]
fn several_that_start_at_once_share_a_kept_database() {
    let (mut addresses, _) = start_together(&["--keep", "data"]);
    addresses.dedup();
    assert_eq!(addresses.len(), 4, "{addresses:?}");
}
