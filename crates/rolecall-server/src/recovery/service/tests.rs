use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rolecall::{Denial, Guard, ManualClock, token::Algorithm};
use rolecall_core::Timestamp;
use rolecall_passwords::PasswordScheme;

use super::*;
use crate::{
    audit::verify::{Verdict, verify},
    demo,
    oauth::grant,
    settings::Settings,
    start::{Opened, Staleness},
};

const ISSUER: &str = "https://login.test";
const CALLER: Caller<'_> = Caller::CommandLine {
    system_user: "test",
};

fn options(database: &Path) -> Options {
    Options {
        database_url: url_of(database).into(),
        master_key: None,
        algorithm: Algorithm::Es256,
        secret: None,
        previous_master_key: None,
        serves: true,
        legacy: None,
        settings: Settings {
            rotate_every: None,
            issuer: ISSUER.into(),
            public_url: ISSUER.into(),
            audience: ISSUER.into(),
            access_ttl: Duration::from_mins(30),
            max_token_bytes: 4096,
            registration_open: false,
            registration_roles: BTreeSet::new(),
            policy: crate::settings::PolicyLimits::default(),
            password_grant: true,
            sessions: crate::settings::SessionLimits::default(),
            exempt_users: BTreeSet::from(["alice".to_owned()]),
        },
        scheme: PasswordScheme::default(),
        hashing: None,
        min_length: 8,
        clock: Arc::new(ManualClock::at(Timestamp::from_seconds(1_800_000_000))),
    }
}

async fn open(database: &Path) -> App {
    let Opened { app, .. } = start::open(options(database)).await.unwrap();
    demo::ensure_user(&app, "alice", "yourpassword", &["user".to_owned()])
        .await
        .unwrap();
    app
}

async fn token(app: &App) -> String {
    let request = grant::PasswordGrant {
        username: "alice",
        password: "yourpassword",
        client: &crate::oauth::client_auth::RequestingClient::FirstParty,
        ceiling: None,
        scope: None,
        tenant: None,
        audience: ISSUER,
        address: "192.0.2.1",
    };
    grant::by_password(app, &request)
        .await
        .unwrap()
        .access_token
}

fn guard(app: &App) -> Guard {
    start::guard(app, ISSUER, Staleness::default()).unwrap()
}

async fn restored(folder: &Path, from: &Path, force: bool) -> Result<u64, RecoveryError> {
    restore(options(&folder.join("rolecall.db")), from, force, CALLER).await
}

#[tokio::test]
async fn x095_a_restore_ends_all_tokens_and_users_can_log_in_again() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("rolecall.db");
    let app = open(&database).await;
    let old = token(&app).await;
    let backup = folder.path().join("backup.db");
    back_up(&app, &backup).await.unwrap();
    let after_backup = token(&app).await;
    app.store().close().await;
    drop(app);

    let ended = restored(folder.path(), &backup, true).await.unwrap();
    assert_eq!(ended, 1, "the session that the backup knew");

    let app = open(&database).await;
    for dead in [&old, &after_backup] {
        assert_eq!(guard(&app).verify(dead).unwrap_err(), Denial::EndedToken);
    }
    assert!(guard(&app).verify(&token(&app).await).is_ok());
}

#[tokio::test]
async fn a_backup_during_changes_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let app = open(&folder.path().join("rolecall.db")).await;
    let writer = app.clone();
    let writing = tokio::spawn(async move {
        for n in 0..200 {
            let role = format!("role-{n}").parse().unwrap();
            demo::ensure_role(&writer, &role, "").await.unwrap();
        }
    });
    let backup = folder.path().join("backup.db");
    back_up(&app, &backup).await.unwrap();
    writing.await.unwrap();
    app.store().close().await;
    drop(app);
    restored(folder.path(), &backup, true).await.unwrap();
    let app = open(&folder.path().join("rolecall.db")).await;
    let verdict = verify(&app, Caller::System, None).await.unwrap();
    assert!(matches!(verdict, Verdict::Intact { .. }), "{verdict:?}");
}

#[tokio::test]
async fn no_database_is_replaced_without_force_by_another_file_or_while_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("rolecall.db");
    let app = open(&database).await;
    let backup = folder.path().join("backup.db");
    back_up(&app, &backup).await.unwrap();
    assert!(matches!(
        back_up(&app, &backup).await,
        Err(RecoveryError::Exists(_))
    ));
    assert!(matches!(
        restored(folder.path(), &backup, true).await,
        Err(RecoveryError::InUse)
    ));
    app.store().close().await;
    drop(app);
    assert!(matches!(
        restored(folder.path(), &backup, false).await,
        Err(RecoveryError::WouldReplace(_))
    ));
    let nonsense = folder.path().join("nonsense");
    fs::write(&nonsense, "no database").unwrap();
    let before = fs::read(&database).unwrap();
    assert!(restored(folder.path(), &nonsense, true).await.is_err());
    fs::write(&nonsense, "").unwrap();
    assert!(restored(folder.path(), &nonsense, true).await.is_err());
    assert_eq!(fs::read(&database).unwrap(), before);
    assert!(!folder.path().join("rolecall.db.restoring").exists());
}

#[tokio::test]
async fn a_backup_needs_its_master_key() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let app = open(&here.path().join("rolecall.db")).await;
    let backup = here.path().join("backup.db");
    back_up(&app, &backup).await.unwrap();
    assert!(matches!(
        restored(there.path(), &backup, false).await,
        Err(RecoveryError::NoKey(_))
    ));
    drop(open(&there.path().join("other.db")).await);
    fs::rename(
        there.path().join("other.key"),
        there.path().join("rolecall.key"),
    )
    .unwrap();
    assert!(matches!(
        restored(there.path(), &backup, false).await,
        Err(RecoveryError::Start(StartError::WrongMasterKey))
    ));
    assert!(!there.path().join("rolecall.db").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_backup_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let app = open(&folder.path().join("rolecall.db")).await;
    let backup = folder.path().join("backup.db");
    back_up(&app, &backup).await.unwrap();
    let mode = fs::metadata(&backup).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
}

#[tokio::test]
async fn a_caller_with_limits_cannot_recover() {
    let app = start::open(options(Path::new(":memory:")))
        .await
        .unwrap()
        .app;
    demo::ensure_user(&app, "alice", "yourpassword", &["user".to_owned()])
        .await
        .unwrap();
    let found =
        crate::accounts::service::list(&app, Caller::System, "", Some("alice"), "", 1).await;
    let found = found.unwrap();
    let user_id = &found.first().unwrap().id;
    let refused = recover(&app, Caller::As { user_id }).await;
    assert!(matches!(refused, Err(ApiError::Lacks(_))));
    let role = "user".parse().unwrap();
    let revoke = "rolecall.sessions:revoke".parse().unwrap();
    crate::roles::service::grant(&app, CALLER, &role, &revoke)
        .await
        .unwrap();
    let refused = recover(&app, Caller::As { user_id }).await;
    assert!(matches!(refused, Err(ApiError::Lacks(_))));
    recover(&app, CALLER).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_database_restored_from_a_readable_backup_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("rolecall.db");
    let app = open(&database).await;
    let backup = folder.path().join("backup.db");
    back_up(&app, &backup).await.unwrap();
    app.store().close().await;
    drop(app);
    fs::set_permissions(&backup, fs::Permissions::from_mode(0o644)).unwrap();
    restored(folder.path(), &backup, true).await.unwrap();
    let mode = fs::metadata(&database).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
