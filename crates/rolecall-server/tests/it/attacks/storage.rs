//! Storage that is full, damaged, read-only or gone: the answer is 503, readiness shows it, and nothing needs a restart
//! once the cause is gone.

use std::{
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use http::Method;
use rolecall::ManualClock;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::process::{Reply, Server};
use crate::support::{
    Database, Fixture as _, Node, PASSWORD, Proxy, Response, START, TestApp, builder_at, eventually,
};

#[track_caller]
fn expect_unavailable(response: &Response) {
    assert_eq!(response.is(503).header("retry-after"), Some("1"));
    assert_eq!(response.header("www-authenticate"), None, "{response:?}");
}

#[track_caller]
fn expect_unavailable_reply(reply: &Reply) {
    let head = reply.is(503).text.to_lowercase();
    assert!(head.contains("\r\nretry-after: 1\r\n"), "{head}");
}

/// Creates a role with a name of its own.
async fn create_role(node: &Node, admin: &str, number: usize) -> Response {
    let role = json!({ "name": format!("role-{number}") });
    node.post("/api/roles", admin, role).await
}

/// Waits until writes and readiness work again.
async fn expect_recovery(node: &Node, admin: &str) {
    eventually("the node is ready", async || {
        node.get("/health/ready", "").await.status == 200
    })
    .await;
    create_role(node, admin, 0).await.is(201);
    node.password_grant("admin", PASSWORD).await.is(200);
}

fn path_of(db: &Database) -> PathBuf {
    db.url.trim_start_matches("sqlite:").into()
}

/// SQLite rolls back by itself after some errors, as it does for this trigger.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y070_a_transaction_that_sqlite_ended_stops_no_later_write() {
    let app = TestApp::sqlite().await;
    let admin = app.admin().await;
    app.db
        .execute(
            "CREATE TRIGGER full BEFORE INSERT ON roles WHEN NEW.name = 'role-1' \
             BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END",
        )
        .await;
    let revision = app.db.revision().await;
    for _ in 0..3 {
        let refused = create_role(&app, admin, 1).await;
        assert!(refused.status.is_server_error(), "{refused:?}");
    }
    assert_eq!(app.db.revision().await, revision);
    create_role(&app, admin, 2).await.is(201);
    app.log_in("admin").await;
    app.get("/health/ready", "").await.is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y070_a_transaction_in_memory_that_sqlite_ended_stops_no_later_write() {
    let builder = builder_at("sqlite::memory:", &ManualClock::at(START));
    let node = Node::open(builder).await;
    let admin = node.log_in("admin").await;
    // the client goes away while the request is answered
    for number in 0..20 {
        let request = create_role(&node, &admin, number);
        let cut = std::time::Duration::from_micros(200 * u64::try_from(number).unwrap());
        let _ = tokio::time::timeout(cut, request).await;
    }
    create_role(&node, &admin, 100).await.is(201);
    node.get("/health/ready", "").await.is(200);
}

/// On PostgreSQL the write of a health check finds room where others find none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y385_a_node_whose_writes_find_no_room_is_not_ready() {
    let Some(db) = Database::postgres().await else {
        return;
    };
    let app = TestApp::on(db).await;
    let admin = app.admin().await.to_owned();
    app.get("/health/ready", "").await.is(200);
    for sql in [
        "CREATE FUNCTION no_room() RETURNS trigger AS $$ BEGIN \
             RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; \
         END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER no_room BEFORE INSERT ON roles FOR EACH ROW EXECUTE FUNCTION no_room()",
    ] {
        app.db.execute(sql).await;
    }
    for response in [
        create_role(&app, &admin, 1).await,
        app.get("/health/ready", "").await,
    ] {
        expect_unavailable(&response);
        assert_eq!(response.json["detail"], "the disk of the database is full");
    }
    app.get("/health/live", "").await.is(200);
    app.db.execute("DROP TRIGGER no_room ON roles").await;
    expect_recovery(&app, &admin).await;
}

/// No file of the server may grow any further, as on a full disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y071_a_full_disk_answers_503_and_is_forgotten_once_there_is_room() {
    let server = Server::start_with(Database::sqlite(), "trap '' XFSZ;", &[]).await;
    let admin = server.admin().await;
    let add = async |number: usize| {
        let role = json!({ "name": format!("role-{number}") });
        server.json("POST /api/roles", &admin, &role).await
    };
    let wal = fs::metadata(format!("{}-wal", path_of(&server.db).display()));
    let limit = wal.unwrap().len().max(64 * 1024);
    server.limit("fsize", &limit.to_string());
    let mut number = 0;
    let full = loop {
        number += 1;
        let reply = add(number).await;
        if reply.status != 201 {
            break reply;
        }
        assert!(number < 1000, "it never fills up");
    };
    expect_unavailable_reply(&full);
    for _ in 0..3 {
        expect_unavailable_reply(&add(number).await);
        expect_unavailable_reply(&server.log_in("root", PASSWORD).await);
    }
    eventually("it is not ready", async || {
        server.get("/health/ready", "").await.status == 503
    })
    .await;
    // what it knows is still good
    server.get("/api/me", &admin).await.is(200);
    server.limit("fsize", "unlimited");
    eventually("it is ready", async || {
        server.get("/health/ready", "").await.status == 200
    })
    .await;
    add(number).await.is(201);
    server.log_in("root", PASSWORD).await.is(200);
}

/// Without a handler, the system ends a process that writes beyond the limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y252_a_limit_on_the_size_of_files_ends_no_server() {
    let server = Server::start(Database::sqlite()).await;
    let admin = server.admin().await;
    let wal = fs::metadata(format!("{}-wal", path_of(&server.db).display()));
    let limit = wal.unwrap().len().max(64 * 1024);
    server.limit("fsize", &limit.to_string());
    let add = async |number: usize| {
        let role = json!({ "name": format!("role-{number}") });
        server.json("POST /api/roles", &admin, &role).await
    };
    let mut number = 0;
    while add(number).await.status == 201 {
        number += 1;
        assert!(number < 1000, "it never fills up");
    }
    expect_unavailable_reply(&add(number).await);
    server.get("/api/me", &admin).await.is(200);
    server.limit("fsize", "unlimited");
    eventually("it writes again", async || add(number).await.status == 201).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y072_a_postgresql_that_becomes_read_only_answers_503_until_it_takes_writes() {
    let Some(db) = Database::postgres().await else {
        return;
    };
    let app = TestApp::on(db).await;
    let admin = app.admin().await;
    let (name, _) = app.db.name_and_socket();
    let mut conn = PgConnection::connect(&app.db.url.replace(&name, "postgres"))
        .await
        .unwrap();
    let mut execute = async |sql: String| {
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut conn)
            .await
            .unwrap();
    };
    execute(format!(
        "ALTER DATABASE {name} SET default_transaction_read_only = on"
    ))
    .await;
    let end = format!(
        "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}'"
    );
    execute(end).await;
    eventually("it is not ready", async || {
        app.get("/health/ready", "").await.status == 503
    })
    .await;
    for number in 1..6 {
        expect_unavailable(&create_role(&app, admin, number).await);
        let log_in = app.password_grant("admin", PASSWORD).await;
        log_in.oauth_error(503, "temporarily_unavailable");
    }
    // reads go on
    app.get("/api/roles", admin).await.is(200);
    execute(format!(
        "ALTER DATABASE {name} RESET default_transaction_read_only"
    ))
    .await;
    expect_recovery(&app, admin).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y073_a_lost_synchronous_standby_is_not_ready() {
    let Some((db, server)) = Database::on_separate_server() else {
        return;
    };
    let app = TestApp::on(db).await;
    let admin = app.admin().await;
    app.get("/health/ready", "").await.is(200);
    for sql in [
        "ALTER SYSTEM SET synchronous_standby_names = 'gone'",
        "SELECT pg_reload_conf()",
    ] {
        app.db.execute(sql).await;
    }
    eventually("it is not ready", async || {
        app.get("/health/ready", "").await.status == 503
    })
    .await;
    expect_unavailable(&create_role(&app, admin, 1).await);
    for sql in [
        "ALTER SYSTEM RESET synchronous_standby_names",
        "SELECT pg_reload_conf()",
    ] {
        app.db.execute(sql).await;
    }
    expect_recovery(&app, admin).await;
    drop(server);
}

/// Such a load balancer answers the first byte that a client waits for with the end of the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y074_a_load_balancer_that_accepts_and_closes_is_an_outage() {
    let Some(db) = Database::postgres().await else {
        return;
    };
    let (name, socket) = db.name_and_socket();
    let proxy = Proxy::to(socket).await;
    let url = proxy
        .url(&name)
        .replace("sslmode=disable", "sslmode=prefer");
    let node = Node::open(builder_at(&url, &ManualClock::at(START))).await;
    let admin = node.log_in("admin").await;
    proxy.disconnect();
    for number in 1..4 {
        expect_unavailable(&create_role(&node, &admin, number).await);
        expect_unavailable(&node.get("/api/users", &admin).await);
        expect_unavailable(&node.password_grant("admin", PASSWORD).await);
        expect_unavailable(&node.get("/health/ready", "").await);
    }
    proxy.restore();
    expect_recovery(&node, &admin).await;
}

/// Overwrites the pages of the table `users`.
async fn damage(app: &TestApp) {
    let root = app
        .db
        .number("SELECT rootpage FROM sqlite_master WHERE name = 'users'")
        .await;
    // nothing of it may be in the log or in a cache
    app.db.execute("UPDATE leases SET ends_at = ends_at").await;
    app.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(path_of(&app.db))
        .unwrap();
    let place = u64::try_from((root - 1) * 4096).unwrap();
    file.seek(SeekFrom::Start(place)).unwrap();
    file.write_all(&[0xa5; 4096]).unwrap();
    app.db
        .execute("UPDATE leases SET ends_at = ends_at + 1")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y075_a_damaged_database_answers_503() {
    let app = TestApp::sqlite().await;
    let admin = app.admin().await.to_owned();
    damage(&app).await;
    let log_in = app.password_grant("admin", PASSWORD).await;
    log_in.oauth_error(503, "temporarily_unavailable");
    expect_unavailable(&app.get("/api/users", &admin).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y550_a_node_that_met_damaged_pages_is_not_ready() {
    let app = TestApp::sqlite().await;
    app.get("/health/ready", "").await.is(200);
    damage(&app).await;
    let log_in = app.password_grant("admin", PASSWORD).await;
    log_in.oauth_error(503, "temporarily_unavailable");
    let ready = app.get("/health/ready", "").await;
    expect_unavailable(&ready);
    ready.problem(503, "the database is damaged");
}

fn move_file(from: &Path, to: &Path) {
    fs::rename(from, to).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y076_nothing_is_acknowledged_to_a_database_file_that_is_gone() {
    let app = TestApp::sqlite().await;
    app.create_user("alice", &["user"]).await;
    let (admin, alice) = (app.admin().await.to_owned(), app.log_in("alice").await);
    let (path, away) = (path_of(&app.db), path_of(&app.db).with_extension("away"));
    move_file(&path, &away);
    let refused = async |number: usize| {
        expect_unavailable(&create_role(&app, &admin, number).await);
        expect_unavailable(&app.password_grant("alice", PASSWORD).await);
        expect_unavailable(&app.get("/api/users", &admin).await);
        let request = app.request(Method::POST, "/revoke");
        let request = request.form(&[("token", alice.as_str())]);
        expect_unavailable(&request.send().await);
        eventually("it is not ready", async || {
            app.get("/health/ready", "").await.status == 503
        })
        .await;
    };
    refused(1).await;
    // another file in its place is not the database that is open
    fs::copy(&away, &path).unwrap();
    refused(2).await;
    move_file(&away, &path);
    expect_recovery(&app, &admin).await;
    app.get("/api/me", &alice).await.is(200);
}

/// Moves a file that SQLite keeps beside the database away, and then back.
async fn expect_refusals_without(suffix: &str) {
    let app = TestApp::sqlite().await;
    app.create_user("alice", &["user"]).await;
    let admin = app.admin().await.to_owned();
    let path = path_of(&app.db);
    let log = beside(&path, suffix);
    let away = path.with_extension("away");
    move_file(&log, &away);
    let refused = async |number: usize| {
        expect_unavailable(&create_role(&app, &admin, number).await);
        expect_unavailable(&app.password_grant("alice", PASSWORD).await);
        expect_unavailable(&app.get("/api/users", &admin).await);
        eventually("it is not ready", async || {
            app.get("/health/ready", "").await.status == 503
        })
        .await;
    };
    refused(1).await;
    // another file in its place is not the one that is open
    fs::write(&log, "").unwrap();
    refused(2).await;
    move_file(&away, &log);
    expect_recovery(&app, &admin).await;
    app.log_in("alice").await;
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    format!("{}{suffix}", path.display()).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y120_nothing_is_acknowledged_to_a_log_that_is_gone() {
    expect_refusals_without("-wal").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y545_nothing_is_acknowledged_without_the_index_of_the_log() {
    expect_refusals_without("-shm").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y545_no_other_process_opens_a_database_whose_index_is_gone() {
    let mut server = Server::start(Database::sqlite()).await;
    let index = beside(&path_of(&server.db), "-shm");
    server.log_in("root", PASSWORD).await.is(200);
    let (done, text) = server.run(&["role", "add", "before"]);
    assert!(done, "{text}");
    fs::remove_file(&index).unwrap();
    for command in [
        ["role", "add", "after"].as_slice(),
        &["role", "list"],
        &["backup", "backup.db"],
        &["migrate"],
        &["doctor"],
    ] {
        let (done, text) = server.run(command);
        assert!(
            !done && text.contains("-shm` is missing"),
            "{command:?}: {text}"
        );
        assert!(!index.exists(), "{command:?}");
    }
    expect_unavailable_reply(&server.log_in("root", PASSWORD).await);
    eventually("it is not ready", async || {
        server.get("/health/ready", "").await.status == 503
    })
    .await;
    eventually("the log says why", async || {
        server.log().contains("-shm` was removed or replaced")
    })
    .await;
    server.kill_and_start_again().await;
    server.log_in("root", PASSWORD).await.is(200);
    server.get("/health/ready", "").await.is(200);
    for (role, is_there) in [("before", true), ("after", false)] {
        assert_eq!(server.run(&["role", "show", role]).0, is_there, "{role}");
    }
    let (done, text) = server.run(&["role", "add", "after"]);
    assert!(done, "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y552_no_other_process_opens_a_database_whose_log_is_gone_with_its_index() {
    let server = Server::start(Database::sqlite()).await;
    let companions = ["-wal", "-shm"].map(|suffix| beside(&path_of(&server.db), suffix));
    server.log_in("root", PASSWORD).await.is(200);
    for companion in &companions {
        fs::remove_file(companion).unwrap();
    }
    for command in [["role", "list"].as_slice(), &["migrate"], &["doctor"]] {
        let (done, text) = server.run(command);
        assert!(
            !done && text.contains("-wal` is missing"),
            "{command:?}: {text}"
        );
    }
    assert!(!companions.iter().any(|companion| companion.exists()));
    expect_unavailable_reply(&server.log_in("root", PASSWORD).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y077_too_little_memory_for_a_hash_answers_503() {
    // other arenas of glibc would have reserved enough
    let settings = [("MALLOC_ARENA_MAX", "1")];
    let server = Server::start_with(Database::sqlite(), "", &settings).await;
    server.log_in("root", PASSWORD).await.is(200);
    // an idle thread returns its memory
    let peak = server.status("VmSize");
    eventually("the memory is returned", async || {
        server.status("VmSize") < peak
    })
    .await;
    let limit = (server.status("VmSize") + 8 * 1024) * 1024;
    server.limit("as", &limit.to_string());
    expect_unavailable_reply(&server.log_in("root", PASSWORD).await);
    expect_unavailable_reply(&server.get("/health/ready", "").await);
    server.limit("as", "unlimited");
    server.get("/health/ready", "").await.is(200);
    server.log_in("root", PASSWORD).await.is(200);
}
