use std::{fs, path::Path};

use super::{
    finding::{CHECKS, Severity},
    *,
};
use crate::{
    app::App,
    authority::caller::Caller,
    config::Sources,
    configured, demo,
    roles::definition::{self, NewRole},
    start,
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
