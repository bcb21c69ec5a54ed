use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rolecall::{Denial, Guard, ManualClock, token::Algorithm};
use rolecall_core::Timestamp;
use rolecall_passwords::PasswordScheme;

use super::{super::backup::back_up, *};
use crate::{
    app::App,
    audit::verify::{Verdict, verify},
    demo,
    login::known::Origin,
    oauth::grant,
    settings::Settings,
    start::{Opened, Staleness, StartError},
};

const ISSUER: &str = "https://login.test";
const CALLER: Caller<'_> = Caller::CommandLine {
    system_user: "test",
};

fn options(database: &Path) -> Options {
    Options {
        database_url: url_of(database).into(),
        schema: None,
        opening: crate::store::Opening::Create,
        origin: crate::bootstrap::Origin::NotDev,
        tuning: crate::store::Tuning::default(),
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
            registration_verify: true,
            registration_domains: Vec::new(),
            profile: crate::profile::declared::ProfileFields::default(),
            unique_email: false,
            self_delete: false,
            pages: crate::config::Pages::default(),
            mail: None,
            browser: crate::settings::BrowserLimits::default(),
            factors: crate::settings::FactorRules::default(),
            policy: crate::settings::PolicyLimits::default(),
            password_grant: true,
            sessions: crate::settings::SessionLimits::default(),
            quotas: (&crate::config::Quotas::default()).into(),
            failures_per_minute: crate::config::FAILURES_PER_MINUTE,
            stale_after: None,
            outgoing: crate::outgoing::allow::Allowed::default(),
            config: None,
            exempt_users: BTreeSet::from(["alice".to_owned()]),
        },
        scheme: PasswordScheme::default(),
        hashing: None,
        min_length: 8,
        breached: None,
        clock: Arc::new(ManualClock::at(Timestamp::from_seconds(1_800_000_000))),
        database_clock: None,
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
        scope: None,
        tenant: None,
        audience: ISSUER,
        origin: Origin {
            address: "192.0.2.1",
            ..Origin::default()
        },
        wants_refresh: true,
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
    let restored = restore(options(&folder.join("rolecall.db")), from, force, CALLER).await;
    restored.map(|restored| restored.sessions)
}

#[tokio::test]
async fn x095_a_restore_ends_all_tokens_and_users_can_log_in_again() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("rolecall.db");
    let app = open(&database).await;
    let old = token(&app).await;
    let backup = folder.path().join("backup.db");
    back_up(&app, &backup, Depth::Quick).await.unwrap();
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
    back_up(&app, &backup, Depth::Quick).await.unwrap();
    writing.await.unwrap();
    app.store().close().await;
    drop(app);
    restored(folder.path(), &backup, true).await.unwrap();
    let app = open(&folder.path().join("rolecall.db")).await;
    let verdict = verify(&app, Caller::System, None).await.unwrap();
    assert!(matches!(verdict, Verdict::Intact { .. }), "{verdict:?}");
}

#[tokio::test]
async fn y514_a_second_backup_to_the_same_file_disturbs_none_that_is_being_made() {
    let folder = tempfile::tempdir().unwrap();
    let app = open(&folder.path().join("rolecall.db")).await;
    let backup = folder.path().join("backup.db");
    let partial = file::beside(&backup, ".partial");
    let held = file::claim(&partial).unwrap().unwrap();
    std::fs::write(&partial, "half of the other").unwrap();
    assert!(matches!(
        back_up(&app, &backup, Depth::Quick).await,
        Err(RecoveryError::Busy(_))
    ));
    assert_eq!(
        std::fs::read_to_string(&partial).unwrap(),
        "half of the other"
    );
    // what a killed one has left is replaced
    drop(held);
    back_up(&app, &backup, Depth::Quick).await.unwrap();
    assert!(!partial.exists());
    app.store().close().await;
    drop(app);
    restored(folder.path(), &backup, true).await.unwrap();
}

#[tokio::test]
async fn no_database_is_replaced_without_force_by_another_file_or_while_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("rolecall.db");
    let app = open(&database).await;
    let backup = folder.path().join("backup.db");
    back_up(&app, &backup, Depth::Quick).await.unwrap();
    assert!(matches!(
        back_up(&app, &backup, Depth::Quick).await,
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
    back_up(&app, &backup, Depth::Quick).await.unwrap();
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
    back_up(&app, &backup, Depth::Quick).await.unwrap();
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
    back_up(&app, &backup, Depth::Quick).await.unwrap();
    app.store().close().await;
    drop(app);
    fs::set_permissions(&backup, fs::Permissions::from_mode(0o644)).unwrap();
    restored(folder.path(), &backup, true).await.unwrap();
    let mode = fs::metadata(&database).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Copies the files of a database that is in use, as a process leaves them that is killed.
fn copy_in_use(from: &Path, to: &Path) {
    for suffix in ["", "-wal"] {
        let (from, to) = (file::beside(from, suffix), file::beside(to, suffix));
        fs::copy(from, to).unwrap();
    }
}

async fn add_role(app: &App, name: &str) {
    let role = name.parse().unwrap();
    demo::ensure_role(app, &role, "").await.unwrap();
}

async fn has_role(app: &App, name: &str) -> bool {
    let role = name.parse().unwrap();
    crate::roles::service::get(app, Caller::System, &role)
        .await
        .is_ok()
}

/// A folder with a database, its key, and a backup of it.
struct Installation {
    folder: tempfile::TempDir,
    database: PathBuf,
    backup: PathBuf,
}

impl Installation {
    /// The database has the role `newer`, which is in its log only, and the backup has not.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (first, database, backup) = (path("first.db"), path("rolecall.db"), path("backup.db"));
        let app = open(&first).await;
        back_up(&app, &backup, Depth::Full).await.unwrap();
        add_role(&app, "newer").await;
        copy_in_use(&first, &database);
        app.store().close().await;
        fs::rename(path("first.key"), path("rolecall.key")).unwrap();
        Self {
            folder,
            database,
            backup,
        }
    }

    async fn restore(&self) -> Result<Restored, RecoveryError> {
        restore(options(&self.database), &self.backup, true, CALLER).await
    }

    /// Opens the database and returns whether it is the old one, with its log.
    async fn is_old(&self) -> bool {
        let Opened { app, .. } = start::open(options(&self.database)).await.unwrap();
        let old = has_role(&app, "newer").await;
        app.store().close().await;
        old
    }

    fn overwrite(path: &Path, start: usize, length: usize) {
        let mut bytes = fs::read(path).unwrap();
        for byte in &mut bytes[start..start + length] {
            *byte ^= 0xa5;
        }
        fs::write(path, bytes).unwrap();
    }
}

#[tokio::test]
async fn y079_a_backup_that_was_damaged_is_not_restored() {
    let installation = Installation::new().await;
    let sound = fs::read(&installation.backup).unwrap();
    let sum = checksum::path_of(&installation.backup);
    let before = fs::read(&installation.database).unwrap();
    // with the checksum, a single bit is noticed wherever it is
    for place in (0..sound.len()).step_by(sound.len() / 16) {
        let mut flipped = sound.clone();
        flipped[place] ^= 1;
        fs::write(&installation.backup, flipped).unwrap();
        let refused = installation.restore().await.unwrap_err();
        assert!(
            matches!(refused, RecoveryError::Checksum(_)),
            "{place}: {refused}"
        );
    }
    // and a page is noticed without it
    fs::remove_file(sum).unwrap();
    for place in (0..sound.len()).step_by(4096) {
        fs::write(&installation.backup, &sound).unwrap();
        Installation::overwrite(&installation.backup, place, 4096);
        let refused = installation.restore().await.unwrap_err();
        assert!(
            matches!(refused, RecoveryError::Backup(OpenError::Damaged { .. })),
            "{place}: {refused}"
        );
    }
    fs::write(&installation.backup, &sound[..sound.len() - 4096]).unwrap();
    installation.restore().await.unwrap_err();
    assert_eq!(fs::read(&installation.database).unwrap(), before);
    fs::write(&installation.backup, &sound).unwrap();
    let restored = installation.restore().await.unwrap();
    assert!(!restored.has_checksum);
    assert!(!installation.is_old().await);
}

#[tokio::test]
async fn y080_a_restore_that_ends_at_any_step_loses_nothing() {
    let installation = Installation::new().await;
    let target = &installation.database;
    let partial = file::beside(target, ".restoring");
    // the copy is complete, and the old database is not touched yet
    assert!(copy(&installation.backup, &partial).unwrap());
    integrity::check_and_fold(&partial, Depth::Full)
        .await
        .unwrap();
    assert!(installation.is_old().await);
    // the log has become part of the old database
    let again = Installation::new().await;
    assert!(file::holds_data(&file::beside(&again.database, "-wal")).unwrap());
    assert_eq!(clear_log(&again.database).await.unwrap(), None);
    assert!(!file::beside(&again.database, "-wal").exists());
    assert!(again.is_old().await);
    // what a killed restore has left does not matter to the next
    for suffix in ["", "-wal", ".before-schema-2"] {
        fs::write(file::beside(&partial, suffix), "x").unwrap();
    }
    let restored = installation.restore().await.unwrap();
    assert_eq!((restored.has_checksum, restored.set_aside), (true, None));
    assert!(!installation.is_old().await);
    let names = fs::read_dir(installation.folder.path()).unwrap();
    let left: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("restoring") || name.ends_with("-wal"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn y080_a_damaged_database_is_set_aside_with_its_log() {
    let installation = Installation::new().await;
    // the log holds a copy of the first page
    for suffix in ["", "-wal"] {
        Installation::overwrite(&file::beside(&installation.database, suffix), 0, 4096);
    }
    let restored = installation.restore().await.unwrap();
    let aside = restored.set_aside.unwrap();
    assert!(
        file::holds_data(&aside).unwrap()
            && file::holds_data(&file::beside(&aside, "-wal")).unwrap()
    );
    assert!(!installation.is_old().await);
    // between the two renames there is a log without a database
    let killed = Installation::new().await;
    fs::rename(&killed.database, file::beside(&killed.database, ".damaged")).unwrap();
    let refused = start::open(options(&killed.database)).await.err().unwrap();
    assert!(
        matches!(refused, StartError::Open(OpenError::Lost { .. })),
        "{refused}"
    );
    assert!(!killed.database.exists());
    let restored = killed.restore().await.unwrap();
    assert!(restored.set_aside.is_some());
    assert!(!killed.is_old().await);
}

#[tokio::test]
async fn y218_a_database_with_damaged_pages_is_set_aside() {
    let installation = Installation::new().await;
    // no log is left, which could be the reason to set it aside
    integrity::fold(&installation.database).await.unwrap();
    Installation::overwrite(&installation.database, 3 * 4096, 6 * 4096);
    let restored = installation.restore().await.unwrap();
    assert!(restored.set_aside.is_some_and(|aside| aside.exists()));
    assert!(!installation.is_old().await);
}

#[tokio::test]
async fn y081_the_log_beside_a_copied_database_is_restored_with_it() {
    let installation = Installation::new().await;
    let copied = installation.folder.path().join("copied.db");
    copy_in_use(&installation.database, &copied);
    let restored = restore(options(&installation.database), &copied, true, CALLER).await;
    assert!(!restored.unwrap().has_checksum);
    assert!(installation.is_old().await);
    // a backup of rolecall has no log, so that one beside it is of something else
    let installation = Installation::new().await;
    for suffix in ["-wal", "-journal"] {
        let stray = file::beside(&installation.backup, suffix);
        fs::copy(file::beside(&installation.database, "-wal"), &stray).unwrap();
        let refused = installation.restore().await.unwrap_err();
        assert!(matches!(refused, RecoveryError::Log(_)), "{refused}");
        fs::remove_file(stray).unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn y082_a_restore_by_root_keeps_the_owner_of_the_database() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let installation = Installation::new().await;
    let owner = |path: &Path| {
        let found = fs::metadata(path).unwrap();
        (found.uid(), found.gid())
    };
    // only root can give files away
    let given = chown(&installation.database, Some(4242), Some(4243)).is_ok();
    let before = owner(&installation.database);
    installation.restore().await.unwrap();
    assert_eq!(owner(&installation.database), before);
    assert_eq!(
        owner(&file::beside(&installation.database, ".in-use")),
        before
    );
    if given {
        assert_eq!(before, (4242, 4243));
    }
}

#[tokio::test]
async fn y083_a_damaged_database_is_not_backed_up() {
    let installation = Installation::new().await;
    let database = &installation.database;
    integrity::fold(database).await.unwrap();
    let pages = fs::read(database).unwrap().len() / 4096;
    let sound = fs::read(database).unwrap();
    let mut refused = 0;
    for page in 1..pages {
        fs::write(database, &sound).unwrap();
        Installation::overwrite(database, page * 4096, 64);
        let found = integrity::check(database, Depth::Quick).await;
        // a page that was freed holds nothing
        let Err(error) = found else { continue };
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
        refused += 1;
        let Ok(Opened { app, .. }) = start::open(options(database)).await else {
            continue;
        };
        let copy = installation.folder.path().join("copy.db");
        back_up(&app, &copy, Depth::Quick).await.unwrap_err();
        assert!(!copy.exists() && !file::beside(&copy, ".partial").exists());
        app.store().close().await;
    }
    assert!(refused * 10 >= pages * 9, "{refused} of {pages}");
}

#[tokio::test]
async fn y247_a_backup_with_the_name_of_a_partial_restore_is_not_deleted() {
    let mut installation = Installation::new().await;
    let kept = file::beside(&installation.database, ".restoring-by-hand");
    fs::rename(&installation.backup, &kept).unwrap();
    installation.backup = kept.clone();
    let refused = installation.restore().await.unwrap_err();
    assert!(matches!(refused, RecoveryError::OwnName(_)), "{refused}");
    assert!(kept.is_file());
    assert!(installation.is_old().await);
    // in another folder the name means nothing
    let elsewhere = tempfile::tempdir().unwrap();
    installation.backup = elsewhere.path().join("rolecall.db.restoring");
    fs::rename(&kept, &installation.backup).unwrap();
    installation.restore().await.unwrap();
}
