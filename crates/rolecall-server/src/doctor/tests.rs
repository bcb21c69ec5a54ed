use std::{fs, path::Path};

use super::{
    finding::{CHECKS, Finding, Severity},
    *,
};
use crate::{
    app::App,
    authority::caller::Caller,
    config::{Config, Sources},
    configured, demo,
    roles::definition::{self, NewRole},
    start,
    store::integrity::Depth,
};

const CALLER: Caller<'_> = Caller::CommandLine {
    system_user: "test",
};

fn config(folder: &Path, settings: &[(&str, &str)]) -> Config {
    let database = format!("sqlite:{}", folder.join("rolecall.db").display());
    let sources = Sources::default()
        .with_flag("listen", "127.0.0.1:0")
        .with_flag("database.url", database);
    let sources = settings.iter().fold(sources, |sources, (key, value)| {
        sources.with_flag(*key, *value)
    });
    Config::load(&sources).unwrap()
}

async fn open(config: &Config) -> App {
    let options = start::Options {
        opening: crate::store::Opening::Create,
        ..configured::options(config, None)
    };
    start::open(options).await.unwrap().app
}

async fn add_admin(app: &App, name: &str) {
    let roles = ["rolecall.admin".to_owned()];
    demo::ensure_user(app, name, "a long password of the tests", &roles)
        .await
        .unwrap();
}

/// Returns the highest severity among the findings of a check.
async fn severity(config: &Config, check: &str) -> Option<Severity> {
    let findings = run_checks(config, Depth::Full).await;
    let of_check = findings.iter().filter(|finding| finding.check == check);
    of_check.map(|finding| finding.severity).max()
}

#[tokio::test]
async fn an_empty_folder_has_no_fault_and_stays_empty() {
    let folder = tempfile::tempdir().unwrap();
    let findings = run_checks(&config(folder.path(), &[]), Depth::Quick).await;
    assert!(
        findings
            .iter()
            .all(|finding| finding.severity < Severity::Fault),
        "{findings:?}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[tokio::test]
async fn rarely_intended_settings_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let https = ("public_url", "https://login.example.com");
    for (check, settings, expected) in [
        (
            "encryption",
            vec![("insecure_http", "true")],
            Severity::Warning,
        ),
        ("proxy", vec![https], Severity::Warning),
        (
            "proxy",
            vec![https, ("proxy.trusted", "10.0.0.1")],
            Severity::Good,
        ),
        (
            "password length",
            vec![("passwords.min_length", "8")],
            Severity::Warning,
        ),
        (
            "staleness",
            vec![("guard.on_stale", "accept")],
            Severity::Warning,
        ),
        (
            "algorithm",
            vec![("tokens.algorithm", "HS256")],
            Severity::Warning,
        ),
        (
            "origins",
            vec![("cors.allowed_origins", "http://app.example.com")],
            Severity::Warning,
        ),
        (
            "origins",
            vec![("cors.allowed_origins", "https://app.example.com")],
            Severity::Good,
        ),
        (
            "metrics",
            vec![("metrics.listen", "0.0.0.0:9464")],
            Severity::Warning,
        ),
        (
            "metrics",
            vec![("metrics.listen", "10.0.0.1:9464")],
            Severity::Good,
        ),
        ("settings", vec![], Severity::Good),
        ("settings", vec![("login.idle", "2d")], Severity::Warning),
        ("settings", vec![("login.max", "31d")], Severity::Warning),
        (
            "settings",
            vec![("login.max", "31d"), ("login.stay", "off")],
            Severity::Good,
        ),
        (
            "settings",
            vec![("outgoing.allow", "0.0.0.0/0")],
            Severity::Warning,
        ),
        (
            "settings",
            vec![("outgoing.allow", "10.0.0.0/8")],
            Severity::Good,
        ),
        (
            "registration",
            vec![
                ("registration.mode", "open"),
                ("registration.roles", "rolecall.admin"),
            ],
            Severity::Fault,
        ),
    ] {
        let found = severity(&config(folder.path(), &settings), check).await;
        assert_eq!(found, Some(expected), "{check} {settings:?}");
    }
}

#[tokio::test]
async fn legacy_tokens_accepted_too_long_are_reported() {
    use rolecall::{Clock as _, SystemClock};
    let folder = tempfile::tempdir().unwrap();
    let until = |days: u64| {
        let until = SystemClock
            .now()
            .plus(std::time::Duration::from_hours(24 * days));
        crate::times::rfc3339(until)
    };
    let (long, short) = ("the secret of the old application", "your-secret-key");
    for (secret, until, expected, text) in [
        (long, until(2), Severity::Good, "accepted until"),
        (short, until(2), Severity::Warning, "15 bytes"),
        (long, until(31), Severity::Warning, "30 days"),
        (long, "2026-01-01".to_owned(), Severity::Warning, "remove"),
        (short, until(31), Severity::Warning, "15 bytes"),
        (short, until(31), Severity::Warning, "30 days"),
    ] {
        let settings = [
            ("tokens.legacy.secret", secret),
            ("tokens.legacy.until", &until),
            ("tokens.legacy.max_age", "30m"),
            ("tokens.legacy.allow_short_secret", "true"),
        ];
        let findings = run_checks(&config(folder.path(), &settings), Depth::Quick).await;
        let found = findings.iter().find(|one| one.check == "old tokens");
        let found = found.unwrap();
        assert_eq!(found.severity, expected, "{found:?}");
        assert!(found.text.contains(text), "{found:?}");
        assert!(!found.text.contains(secret), "{found:?}");
    }
    let found = severity(&config(folder.path(), &[]), "old tokens").await;
    assert_eq!(found, Some(Severity::Good));
}

#[tokio::test]
async fn administrators_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &[]);
    let app = open(&config).await;
    assert_eq!(
        severity(&config, "administrators").await,
        Some(Severity::Fault)
    );
    add_admin(&app, "anna").await;
    assert_eq!(
        severity(&config, "administrators").await,
        Some(Severity::Warning)
    );
    add_admin(&app, "berta").await;
    assert_eq!(
        severity(&config, "administrators").await,
        Some(Severity::Good)
    );
}

#[tokio::test]
async fn roles_that_nobody_can_reach_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let with = |mfa| config(folder.path(), &[("login.mfa", mfa)]);
    let app = open(&with("off")).await;
    assert_eq!(severity(&with("off"), "assurance").await, None);
    let raise = "UPDATE roles SET acr = 'phr' WHERE name = 'rolecall.admin'";
    execute(&app, raise).await;
    let off = with("off");
    assert_eq!(severity(&off, "assurance").await, Some(Severity::Warning));
    assert_eq!(severity(&with("optional"), "assurance").await, None);
}

#[tokio::test]
async fn clients_that_nobody_can_sign_in_through_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let off = config(folder.path(), &[("login.mfa", "off")]);
    let app = open(&off).await;
    execute(
        &app,
        "INSERT INTO subjects (id, kind) VALUES ('a', 'client'), ('b', 'client')",
    )
    .await;
    execute(
        &app,
        "INSERT INTO clients (id, name, public, grants, audiences, scope, redirect_uris, created_at, updated_at, application, sign_in) \
         VALUES ('a', 'shop-a', TRUE, '[]', '[]', '', '[]', 0, 0, 'browser', '{}'), ('b', 'shop-b', TRUE, '[]', '[]', '', '[]', 0, 0, 'browser', '{}')",
    )
    .await;
    assert_eq!(severity(&off, "assurance").await, None);
    let raise = "UPDATE clients SET sign_in = '{\"acr\": \"aal2\"}' WHERE id = 'b'";
    execute(&app, raise).await;
    assert_eq!(severity(&off, "assurance").await, Some(Severity::Warning));
    let found = run_checks(&off, Depth::Quick).await;
    let text = format!("{found:?}");
    assert!(
        text.contains("`shop-b`") && !text.contains("shop-a"),
        "{text}"
    );
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let fitting = config(folder.path(), &[]);
    let _app = open(&fitting).await;
    assert_eq!(severity(&fitting, "schema").await, Some(Severity::Good));
    assert_eq!(
        severity(&fitting, "master key").await,
        Some(Severity::Warning),
        "it is in the same folder"
    );
    let other_key = "6f1d83a5c2b94e07f8135d6a9be2470c5d8e91f2a3b4c6d7081929a3bccd5e6f";
    let with_other = config(folder.path(), &[("master_key", other_key)]);
    assert_eq!(
        severity(&with_other, "database").await,
        Some(Severity::Fault)
    );
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("rolecall.db"), "no database at all").unwrap();
    let nonsense = config(elsewhere.path(), &[]);
    assert_eq!(severity(&nonsense, "database").await, Some(Severity::Fault));
    assert_eq!(severity(&nonsense, "damage").await, Some(Severity::Fault));
    let away = Config::load(
        &Sources::default()
            .with_flag("listen", "127.0.0.1:0")
            .with_flag("database.url", "postgres://nobody@127.0.0.1:1/none"),
    );
    assert_eq!(
        severity(&away.unwrap(), "database").await,
        Some(Severity::Fault)
    );
}

#[tokio::test]
async fn y168_what_was_lost_is_a_fault_and_stays_lost() {
    for (loss, count, named) in [
        (
            "DELETE FROM secrets WHERE name = 'audit'",
            "SELECT COUNT(*) FROM secrets",
            "`audit`",
        ),
        (
            "DELETE FROM secrets WHERE name = 'login-failures'",
            "SELECT COUNT(*) FROM secrets",
            "`login-failures`",
        ),
        (
            "DELETE FROM signing_keys",
            "SELECT COUNT(*) FROM signing_keys",
            "signing key",
        ),
        (
            "DELETE FROM roles WHERE name = 'rolecall.resource-server'",
            "SELECT COUNT(*) FROM roles",
            "`rolecall.resource-server`",
        ),
        ("DELETE FROM head", "SELECT COUNT(*) FROM head", "head row"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), &[]);
        let app = open(&config).await;
        add_admin(&app, "anna").await;
        assert_eq!(severity(&config, "database").await, None);
        execute(&app, loss).await;
        let counted = async || {
            let mut conn = app.store().read().await.unwrap();
            let count: i64 = crate::store::query(count)
                .fetch_one(&mut conn)
                .await
                .unwrap();
            count
        };
        let before = counted().await;
        for _ in 0..2 {
            let findings = run_checks(&config, Depth::Quick).await;
            let is_named = |finding: &Finding| {
                finding.severity == Severity::Fault
                    && finding.check == "database"
                    && finding.text.contains(named)
            };
            assert!(findings.iter().any(is_named), "{loss}: {findings:?}");
        }
        // a command that only reads repairs nothing either, and a start does not replace a lost head
        let _ = start::open(configured::options(&config, None)).await;
        assert_eq!(counted().await, before, "{loss}");
        if named == "head row" {
            let options = start::Options {
                opening: crate::store::Opening::Create,
                ..configured::options(&config, None)
            };
            let refused = start::open(options).await.err().unwrap().to_string();
            assert!(refused.contains("restore a backup"), "{refused}");
        }
    }
}

#[tokio::test]
async fn y170_a_path_that_cannot_be_followed_is_not_called_missing() {
    let folder = tempfile::tempdir().unwrap();
    // for root, who may read every folder, a file in place of the folder does what a missing permission does for others
    fs::write(folder.path().join("file"), "").unwrap();
    let config = config(&folder.path().join("file"), &[]);
    for check in ["database", "room", "database file", "master key file"] {
        assert_eq!(
            severity(&config, check).await,
            Some(Severity::Fault),
            "{check}"
        );
    }
    let url = secrecy::ExposeSecret::expose_secret(&config.database.url);
    let refused = crate::store::migrate::inspect(url, None).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("file/rolecall.db"), "{refused}");
    let refused = start::open(configured::options(&config, None)).await;
    let refused = refused.err().unwrap().to_string();
    assert!(!refused.contains("missing"), "{refused}");
}

#[tokio::test]
async fn y171_tables_that_may_not_be_written_are_a_fault() {
    let Some(url) = crate::store::testing::postgres_database("y171").await else {
        return;
    };
    let master_key = "6f1d83a5c2b94e07f8135d6a9be2470c5d8e91f2a3b4c6d7081929a3bccd5e6f";
    let config = |url: &str| {
        let sources = Sources::default()
            .with_flag("listen", "127.0.0.1:0")
            .with_flag("database.url", url)
            .with_flag("master_key", master_key);
        Config::load(&sources).unwrap()
    };
    let app = open(&config(&url)).await;
    for statement in [
        "CREATE ROLE y171_reader LOGIN",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO y171_reader",
    ] {
        execute(&app, statement).await;
    }
    let reader = url.replacen("postgres@", "y171_reader@", 1);
    let findings = run_checks(&config(&reader), Depth::Quick).await;
    let is_named = |finding: &Finding| {
        finding.severity == Severity::Fault && finding.text.contains("GRANT SELECT, INSERT")
    };
    assert!(findings.iter().any(is_named), "{findings:?}");
    let refused = start::open(configured::options(&config(&reader), None)).await;
    assert!(refused.is_ok(), "it reads: {:?}", refused.err());
}

#[tokio::test]
async fn an_altered_audit_log_and_a_missing_registration_role_are_faults() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &[]);
    let app = open(&config).await;
    add_admin(&app, "anna").await;
    assert_eq!(severity(&config, "audit log").await, Some(Severity::Good));
    let forged = "UPDATE audit SET actor = 'user:somebody-else' WHERE revision = 2";
    app.store()
        .write(async |conn: &mut crate::store::Conn| {
            crate::store::query(forged).execute(conn).await?;
            Ok::<_, crate::StoreError>(())
        })
        .await
        .unwrap();
    assert_eq!(severity(&config, "audit log").await, Some(Severity::Fault));
    let role = "guest".parse().unwrap();
    definition::create(&app, CALLER, NewRole::new(&role, ""))
        .await
        .unwrap();
    let guests = self::config(
        folder.path(),
        &[
            ("registration.mode", "open"),
            ("registration.roles", "guest"),
        ],
    );
    assert_eq!(
        severity(&guests, "registration").await,
        Some(Severity::Good)
    );
    crate::roles::service::delete(&app, CALLER, &role)
        .await
        .unwrap();
    assert_eq!(
        severity(&guests, "registration").await,
        Some(Severity::Fault)
    );
}

/// Runs a statement that no service would run.
async fn execute(app: &App, sql: &'static str) {
    app.store()
        .write(async |conn: &mut crate::store::Conn| {
            crate::store::query(sql).execute(conn).await?;
            Ok::<_, crate::StoreError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_newer_or_older_schema_and_a_clock_set_back_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &[]);
    let app = open(&config).await;
    add_admin(&app, "anna").await;
    assert_eq!(severity(&config, "clock").await, Some(Severity::Good));
    execute(&app, "UPDATE audit SET at = at + 3600000000").await;
    assert_eq!(severity(&config, "clock").await, Some(Severity::Fault));
    execute(
        &app,
        "UPDATE rolecall_migrations SET version = version + 100",
    )
    .await;
    assert_eq!(severity(&config, "schema").await, Some(Severity::Fault));
    execute(
        &app,
        "UPDATE rolecall_migrations SET version = version - 100",
    )
    .await;
    execute(&app, "DELETE FROM rolecall_migrations WHERE version = 14").await;
    assert_eq!(severity(&config, "schema").await, Some(Severity::Warning));
}

#[tokio::test]
async fn installation_files_that_others_can_read_are_reported() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &[]);
    open(&config).await.store().close().await;
    for (check, file) in [
        ("database file", "rolecall.db"),
        ("master key file", "rolecall.key"),
    ] {
        assert_eq!(severity(&config, check).await, Some(Severity::Good));
        let open_to_all = fs::Permissions::from_mode(0o644);
        fs::set_permissions(folder.path().join(file), open_to_all).unwrap();
        assert_eq!(severity(&config, check).await, Some(Severity::Fault));
    }
}

#[tokio::test]
async fn y382_clients_that_take_no_logout_tokens_are_named_with_the_error_or_that_they_were_not_tried()
 {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &[]);
    let app = open(&config).await;
    for row in [
        "INSERT INTO subjects (id, kind) VALUES ('c', 'client')",
        "INSERT INTO clients (id, name, public, grants, audiences, redirect_uris, secret_hash, created_at, updated_at) \
         VALUES ('c', 'wiki', FALSE, '', '[]', '[]', 'x', 0, 0)",
    ] {
        execute(&app, row).await;
    }
    assert_eq!(severity(&config, "log-out").await, None);
    // two that failed in one way, one in another, one in progress, and one that was not tried for long
    let notices = "INSERT INTO logout_notices (session_id, client_id, subject_id, attempts, next_attempt_at, created_at, last_error) \
        VALUES ('a', 'c', 'u', 2, 0, 0, 'status 500'), ('b', 'c', 'u', 1, 0, 0, 'status 500'), \
        ('d', 'c', 'u', 1, 0, 0, 'timeout'), ('e', 'c', 'u', 1, 0, 0, NULL), ('f', 'c', 'u', 0, 0, 0, NULL)";
    execute(&app, notices).await;
    let findings = run_checks(&config, Depth::Quick).await;
    let found = findings.iter().filter(|finding| finding.check == "log-out");
    let texts: Vec<&str> = found.map(|finding| finding.text.as_str()).collect();
    assert_eq!(texts.len(), 3);
    assert!(
        texts[0].starts_with("client `wiki` did not take 2 logout tokens (status 500)"),
        "{texts:?}"
    );
    assert!(
        texts[1].starts_with("client `wiki` did not take 1 logout token (timeout)"),
        "{texts:?}"
    );
    let untried = "logout tokens for client `wiki` that were not tried for 10 minutes: 1";
    assert!(texts[2].starts_with(untried), "{texts:?}");
    assert_eq!(severity(&config, "log-out").await, Some(Severity::Warning));
}

#[tokio::test]
async fn y286_clients_that_get_no_id_tokens_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let app = open(&config(folder.path(), &[])).await;
    let secret = "0123456789abcdef0123456789abcdef0123456789abcdef";
    let shared = [("tokens.algorithm", "HS256"), ("tokens.secret", secret)];
    let says = async |settings: &[(&str, &str)]| {
        let findings = run_checks(&config(folder.path(), settings), Depth::Quick).await;
        let mut found = findings
            .iter()
            .filter(|finding| finding.check == "algorithm");
        found.any(|finding| finding.text.contains("clients sign people in"))
    };
    assert!(!Box::pin(says(&shared)).await);
    for row in [
        "INSERT INTO subjects (id, kind) VALUES ('c', 'client')",
        "INSERT INTO clients (id, name, public, grants, audiences, redirect_uris, secret_hash, created_at, updated_at, application, sign_in) \
         VALUES ('c', 'wiki', FALSE, 'authorization_code', '[]', '[]', 'x', 0, 0, 'web', '{}')",
    ] {
        execute(&app, row).await;
    }
    assert!(!Box::pin(says(&[])).await);
    assert!(Box::pin(says(&shared)).await);
}

#[tokio::test]
async fn y302_a_machine_without_root_certificates_is_named_if_clients_are_told_of_log_outs() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &[]);
    let app = open(&config).await;
    // neither a client that is told of nothing, nor one that is told without TLS
    for row in [
        "INSERT INTO subjects (id, kind) VALUES ('c', 'client'), ('d', 'client')",
        "INSERT INTO clients (id, name, public, grants, audiences, redirect_uris, secret_hash, created_at, updated_at, sign_in) \
         VALUES ('c', 'inside', FALSE, '', '[]', '[]', 'x', 0, 0, '{\"backchannel_logout_uri\":\"http://10.0.0.1/out\"}')",
    ] {
        execute(&app, row).await;
    }
    assert_eq!(running::untrusting(&app, false).await, None);
    let by_tls = "INSERT INTO clients (id, name, public, grants, audiences, redirect_uris, secret_hash, created_at, updated_at, sign_in) \
        VALUES ('d', 'wiki', FALSE, '', '[]', '[]', 'x', 0, 0, '{\"backchannel_logout_uri\":\"https://wiki.example/out\"}')";
    execute(&app, by_tls).await;
    let found = running::untrusting(&app, false).await.unwrap();
    assert_eq!((found.check, found.severity), ("log-out", Severity::Fault));
    assert!(found.text.contains("client `wiki`"), "{}", found.text);
    assert_eq!(running::untrusting(&app, true).await, None);
}

#[tokio::test]
async fn a_running_server_reports_what_doctor_reports_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(
        folder.path(),
        &[("login.mfa", "off"), ("passwords.min_length", "8")],
    );
    let app = open(&config).await;
    add_admin(&app, "alice").await;
    execute(&app, "UPDATE roles SET acr = 'aal2' WHERE name = 'user'").await;
    let problems = running::problems(&app).await;
    let checks: Vec<&str> = problems.iter().map(|problem| problem.check).collect();
    assert_eq!(
        checks,
        ["password length", "breached passwords", "assurance"]
    );
    let findings = run_checks(&config, Depth::Quick).await;
    for problem in &problems {
        assert!(findings.contains(problem), "{problem:?}");
    }
}

#[tokio::test]
async fn every_check_is_listed_and_documented() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &[]);
    let _app = open(&config).await;
    for finding in run_checks(&config, Depth::Quick).await {
        let known = CHECKS.iter().any(|(check, _)| *check == finding.check);
        assert!(known, "not in the list: {}", finding.check);
    }
    let page = include_str!("../../../../docs/doctor.md");
    let rows: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let checks: Vec<&str> = CHECKS.iter().map(|(check, _)| *check).collect();
    assert_eq!(rows, checks);
}

#[tokio::test]
async fn a_look_for_a_client_that_does_not_exist_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let look = ("pages.clients", "{ demo = { name = \"Demo\" } }");
    let address = ("public_url", "http://127.0.0.1:8000");
    let config = config(folder.path(), &[look, address]);
    let app = open(&config).await;
    assert_eq!(severity(&config, "pages").await, Some(Severity::Warning));
    demo::ensure_client(&app).await.unwrap();
    assert_eq!(severity(&config, "pages").await, Some(Severity::Good));
}
