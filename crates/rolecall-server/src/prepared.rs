//! Opens the database of a start with its master keys, and prepares it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rolecall::{Clock, token::Algorithm};
use rolecall_core::Timestamp;
use rolecall_passwords::{Parameters, PasswordScheme};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    bootstrap::{self, BootstrapError, Missing, Origin, Ready, Start},
    error::ApiError,
    keys::service::Configured,
    legacy::old_tokens::LegacyTokens,
    settings::Settings,
    start_error::StartError,
    store::{
        OpenError, Opening, Store, StoreError, Target, Tuning, file, read_time,
        url::{DatabaseUrl, SchemaName},
    },
    vault::{MasterKey, MasterKeys},
};

/// The pause between two attempts to use a database that cannot do its work yet.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// The time that a database has to close that could not be prepared.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// The options of a start.
pub(crate) struct Options {
    pub(crate) database_url: SecretString,
    /// The schema of PostgreSQL that holds rolecall's tables, if it is not the default one of the connection.
    pub(crate) schema: Option<SchemaName>,
    pub(crate) opening: Opening,
    pub(crate) origin: Origin,
    pub(crate) tuning: Tuning,
    pub(crate) master_key: Option<MasterKey>,
    /// The master key before the last rotation, which the database may still be sealed with.
    pub(crate) previous_master_key: Option<MasterKey>,
    pub(crate) algorithm: Algorithm,
    pub(crate) secret: Option<SecretString>,
    /// True if tokens will be issued.
    pub(crate) serves: bool,
    pub(crate) legacy: Option<LegacyTokens>,
    pub(crate) settings: Settings,
    pub(crate) scheme: PasswordScheme,
    /// The cost of hashing, if it differs from the scheme's default.
    pub(crate) hashing: Option<Parameters>,
    pub(crate) min_length: usize,
    /// The list of breached passwords.
    pub(crate) breached: Option<PathBuf>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The clock of the database in tests; `None` to ask the database.
    pub(crate) database_clock: Option<Arc<dyn Clock>>,
}

/// Opens and prepares the database. A start of the server waits for one that cannot do its work yet, as a running server
/// would.
pub(crate) async fn open_patiently(
    options: &Options,
) -> Result<(Store, MasterKeys, Ready), StartError> {
    let (started, limit) = (Instant::now(), options.tuning.start);
    let mut left = limit;
    loop {
        let tuning = Tuning {
            start: left,
            ..options.tuning
        };
        let error = match open_prepared(options, tuning).await {
            Err(error) if error.is_temporary() => error,
            outcome => return outcome,
        };
        left = limit.saturating_sub(started.elapsed() + RETRY_PAUSE);
        if left.is_zero() {
            return Err(error);
        }
        tracing::warn!(%error, "the database cannot be used yet: trying again");
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

async fn open_prepared(
    options: &Options,
    tuning: Tuning,
) -> Result<(Store, MasterKeys, Ready), StartError> {
    let begun = Instant::now();
    let schema = options.schema.as_ref();
    let target = Target::new(&options.database_url, schema, options.opening);
    let (current, previous) = (&options.master_key, &options.previous_master_key);
    let (store, masters) = open_store(target, tuning, current.clone(), previous.clone()).await?;
    match prepare(options, &store, &masters, (tuning, begun)).await {
        Ok(ready) => Ok((store, masters, ready)),
        Err(error) => {
            // close the files, so that the fault can be fixed; a statement that waits for a lock keeps them open for longer
            let _ = tokio::time::timeout(CLOSE_LIMIT, store.close()).await;
            Err(refusal(error, target.url))
        }
    }
}

async fn prepare(
    options: &Options,
    store: &Store,
    masters: &MasterKeys,
    (tuning, begun): (Tuning, Instant),
) -> Result<Ready, BootstrapError> {
    if options.opening == Opening::Existing && bootstrap::is_prepared(store).await? {
        return bootstrap::load(store, masters).await;
    }
    let secret = options.secret.as_ref();
    let start = Start {
        store,
        masters,
        keys: Configured {
            algorithm: options.algorithm,
            secret: secret.map(|secret| secret.expose_secret().as_bytes()),
            serves: options.serves,
        },
        access_ttl: options.settings.access_ttl,
        now: read_now(options, store).await?,
        origin: options.origin,
        has_begun: AtomicBool::default(),
    };
    // boxed, since it is large
    let mut prepared = Box::pin(bootstrap::prepare(&start));
    match tuning.in_time(begun, &mut prepared).await {
        Ok(prepared) => prepared,
        // the first start after an upgrade may have much to do
        Err(_) if start.has_begun.load(Ordering::Relaxed) => prepared.await,
        Err(_) => Err(StoreError::timed_out().into()),
    }
}

/// Reads the database's time. The clock of this node may be behind, and a key that it publishes would sign too early.
async fn read_now(options: &Options, store: &Store) -> Result<Timestamp, StoreError> {
    if let Some(clock) = &options.database_clock {
        return Ok(clock.now());
    }
    let read = read_time(&mut store.read().await?).await?;
    Ok(read.unwrap_or_else(|| options.clock.now()))
}

/// Returns what a prepared database lacks, without opening more of it; `None` if it was never prepared.
pub(crate) async fn find_missing(options: &Options) -> Result<Option<Vec<Missing>>, StartError> {
    let schema = options.schema.as_ref();
    let target = Target::new(&options.database_url, schema, Opening::Existing);
    let store = Store::open_with(target, options.tuning).await?;
    let found = async { bootstrap::find_missing(&mut store.read().await?).await }.await;
    store.close().await;
    found.map_err(|error| about(target.url, &error.into()))
}

/// Names the database in an error of it.
fn about(url: &str, error: &ApiError) -> StartError {
    let url = DatabaseUrl::parse(url);
    let database = url
        .as_ref()
        .map_or_else(|_| String::new(), DatabaseUrl::describe);
    let reason = match error {
        ApiError::Internal(source) | ApiError::Unready(source) => {
            crate::error::chain_of(source.as_ref())
        }
        error => crate::error::chain_of(error),
    };
    if let (Ok(DatabaseUrl::File(path)), true) = (url, error.is_damage()) {
        return StartError::Open(OpenError::Damaged {
            path,
            fault: reason,
        });
    }
    StartError::Unusable {
        database,
        reason,
        is_temporary: error.is_temporary(),
    }
}

/// Returns the error of a start whose database cannot be prepared.
fn refusal(error: BootstrapError, url: &str) -> StartError {
    let database = || DatabaseUrl::parse(url).map_or_else(|_| String::new(), |url| url.describe());
    match error {
        BootstrapError::Missing(missing) => StartError::Unusable {
            database: database(),
            reason: missing.to_string(),
            is_temporary: false,
        },
        BootstrapError::WrongMasterKey => StartError::WrongMasterKey,
        BootstrapError::MadeByDev => StartError::MadeByDev(database()),
        BootstrapError::NotMadeByDev => StartError::NotMadeByDev(database()),
        BootstrapError::Failed(error) => about(url, &error),
    }
}

/// Opens the database with its master keys.
async fn open_store(
    target: Target<'_>,
    tuning: Tuning,
    current: Option<MasterKey>,
    previous: Option<MasterKey>,
) -> Result<(Store, MasterKeys), StartError> {
    let url = target.url;
    match DatabaseUrl::parse(url)? {
        DatabaseUrl::File(path) => file::require_not_lost(&path, &key_file(&path))?,
        // before a start that waits for the server
        DatabaseUrl::Postgres(_) if current.is_none() => return Err(StartError::NoMasterKey),
        DatabaseUrl::Memory | DatabaseUrl::Postgres(_) => {}
    }
    let store = Store::open_with(target, tuning).await?;
    let current = match master_key(url, current, &store).await {
        Ok(current) => current,
        Err(error) => {
            store.close().await;
            return Err(error);
        }
    };
    let masters = MasterKeys::new(current, previous);
    let masters = masters.map_err(|error| StartError::Failed(error.to_string()))?;
    Ok((store, masters))
}

/// Returns the configured master key, or the one in the file beside a SQLite database. Only a new database gets a new
/// key: another one beside an old database would hide that the right one is missing.
async fn master_key(
    url: &str,
    configured: Option<MasterKey>,
    store: &Store,
) -> Result<MasterKey, StartError> {
    if let Some(key) = configured {
        return Ok(key);
    }
    let path = match DatabaseUrl::parse(url)? {
        DatabaseUrl::Postgres(_) => return Err(StartError::NoMasterKey),
        DatabaseUrl::Memory => {
            return MasterKey::generate().map_err(|error| StartError::Failed(error.to_string()));
        }
        DatabaseUrl::File(path) => key_file(&path),
    };
    if file::exists(&path)? {
        return Ok(MasterKey::load(&path)?);
    }
    let is_prepared = bootstrap::is_prepared(store).await;
    if is_prepared.map_err(|error| about(url, &error.into()))? {
        return Err(StartError::KeyFileMissing(path));
    }
    let key = MasterKey::load_or_create(&path)?;
    if let Some(database) = store.sqlite_file() {
        // only root can give files away
        let _ = file::keep_owner(&path, database);
    }
    Ok(key)
}

/// Returns the path of the key file of a SQLite database.
pub(crate) fn key_file(database: &Path) -> PathBuf {
    database.with_extension("key")
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, PgConnection, SqliteConnection};

    use super::*;
    use crate::{
        config::{Config, Sources},
        configured,
        store::testing::postgres_database,
    };

    const MASTER_KEY: &str = "6f1d83a5c2b94e07f8135d6a9be2470c5d8e91f2a3b4c6d7081929a3bccd5e6f";

    fn options(url: &str) -> Options {
        let sources = Sources::default()
            .with_flag("database.url", url)
            .with_flag("database.statement_timeout", "100ms")
            .with_flag("database.start_timeout", "5m")
            .with_flag("master_key", MASTER_KEY);
        let config = Config::load(&sources).unwrap();
        configured::options(&config, Some(([127, 0, 0, 1], 8000).into()))
    }

    /// Starts with `database.start_timeout = "2s"` on a database that cannot do its work.
    async fn expect_end_in_time(url: &str) {
        let sources = Sources::default()
            .with_flag("database.url", url)
            .with_flag("database.start_timeout", "2s")
            .with_flag("master_key", MASTER_KEY);
        let config = Config::load(&sources).unwrap();
        let options = configured::options(&config, Some(([127, 0, 0, 1], 8000).into()));
        // the limits of connections and statements are 5 s
        let opening = tokio::time::timeout(Duration::from_millis(4500), open_patiently(&options));
        let refused = Box::pin(opening).await.expect("it ends").err().unwrap();
        assert!(refused.is_temporary(), "{refused}");
    }

    #[tokio::test]
    async fn y551_a_start_does_not_outlast_its_limit_by_much() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap();
        expect_end_in_time(&format!("postgres://nobody@{address}/none")).await;
        // from here on nobody listens
        drop(silent);
        expect_end_in_time(&format!("postgres://nobody@{address}/none")).await;
    }

    #[tokio::test]
    async fn y551_a_start_does_not_wait_for_a_locked_file_beyond_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("rolecall.db").display());
        let (store, ..) = open_patiently(&options(&url)).await.unwrap();
        store.close().await;
        let mut locker = SqliteConnection::connect(&url).await.unwrap();
        let lock = sqlx::raw_sql("BEGIN IMMEDIATE");
        lock.execute(&mut locker).await.unwrap();
        expect_end_in_time(&url).await;
    }

    #[tokio::test]
    async fn y551_a_start_does_not_wait_for_a_locked_row_beyond_its_limit() {
        let Some(url) = postgres_database("y551").await else {
            return;
        };
        let (store, ..) = open_patiently(&options(&url)).await.unwrap();
        store.close().await;
        let mut locker = PgConnection::connect(&url).await.unwrap();
        let lock = sqlx::raw_sql("BEGIN; UPDATE head SET revision = revision");
        lock.execute(&mut locker).await.unwrap();
        expect_end_in_time(&url).await;
    }

    async fn number(conn: &mut PgConnection, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(conn).await.unwrap()
    }

    #[tokio::test]
    async fn y169_a_start_waits_for_a_database_that_a_running_node_would_wait_for() {
        const WAITING: &str = "SELECT COUNT(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND application_name = 'rolecall' AND wait_event_type = 'Lock'";
        let Some(url) = postgres_database("y169").await else {
            return;
        };
        let (store, ..) = open_patiently(&options(&url)).await.unwrap();
        store.close().await;
        let mut locker = PgConnection::connect(&url).await.unwrap();
        let lock = "BEGIN; UPDATE head SET revision = revision";
        sqlx::raw_sql(lock).execute(&mut locker).await.unwrap();
        let options = options(&url);
        let released = async {
            let mut observer = PgConnection::connect(&url).await.unwrap();
            // until one attempt has waited, and has been given up
            while number(&mut observer, WAITING).await == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            while number(&mut observer, WAITING).await > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            locker.close().await.unwrap();
        };
        let opening = async { tokio::join!(open_patiently(&options), released).0 };
        let opened = tokio::time::timeout(Duration::from_mins(1), Box::pin(opening)).await;
        let (store, ..) = opened.expect("it starts").unwrap();
        store.close().await;
    }

    #[tokio::test]
    async fn a_damaged_file_is_named_together_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rolecall.db");
        std::fs::write(&path, "no database at all".repeat(1000)).unwrap();
        let url = format!("sqlite:{}", path.display());
        let refused = open_patiently(&options(&url)).await.err().unwrap();
        let refused = refused.to_string();
        let is_helpful = refused.contains(path.to_str().unwrap()) && refused.contains("restore");
        assert!(is_helpful, "{refused}");
    }
}
