use std::{
    borrow::Cow,
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use sqlx::{
    PgPool, SqlitePool,
    migrate::{Migrate, Migration, MigrationType, Migrator},
};

use super::OpenError;

const MIGRATIONS: &[(i64, &str, &str)] = &[(
    1,
    "initial",
    include_str!("../../migrations/0001_initial.sql"),
)];

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
        let sql = sqlx::SqlStr::from_static(sql);
        Migration::new(
            *version,
            Cow::Borrowed(*name),
            MigrationType::Simple,
            sql,
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

fn newest() -> i64 {
    MIGRATIONS
        .iter()
        .map(|(version, ..)| *version)
        .max()
        .unwrap_or(0)
}

fn refuse_newer(applied: &[sqlx::migrate::AppliedMigration]) -> Result<(), OpenError> {
    let found = applied
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    if found > newest() {
        Err(OpenError::Newer {
            found,
            known: newest(),
        })
    } else {
        Ok(())
    }
}

/// Two nodes may start at once: the migrator holds an advisory lock while it works.
pub(super) async fn postgres(pool: &PgPool) -> Result<(), OpenError> {
    let migrator = migrator();
    let mut conn = pool.acquire().await?;
    conn.lock().await?;
    let outcome = async {
        conn.ensure_migrations_table(&migrator.table_name).await?;
        refuse_newer(&conn.list_applied_migrations(&migrator.table_name).await?)?;
        Ok::<_, OpenError>(())
    }
    .await;
    conn.unlock().await?;
    drop(conn);
    outcome?;
    Ok(migrator.run(pool).await?)
}

pub(super) async fn sqlite_in_memory(pool: &SqlitePool) -> Result<(), OpenError> {
    Ok(migrator().run(pool).await?)
}

/// Two processes may open a new file at once: a lock file beside it lets one go first.
pub(super) async fn sqlite(pool: &SqlitePool, path: &Path) -> Result<(), OpenError> {
    let lock_path = beside(path, ".lock");
    let failed = |source| OpenError::File {
        path: lock_path.clone(),
        source,
    };
    let lock = owner_only().open(&lock_path).map_err(failed)?;
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock))
        .await
        .map_err(io::Error::other)
        .and_then(|locked| locked)
        .map_err(failed)?;
    let migrator = migrator();
    let mut conn = pool.acquire().await?;
    conn.ensure_migrations_table(&migrator.table_name).await?;
    let applied = conn.list_applied_migrations(&migrator.table_name).await?;
    refuse_newer(&applied)?;
    drop(conn);
    if !applied.is_empty() && applied.len() < MIGRATIONS.len() {
        copy_first(pool, path, applied.len()).await?;
    }
    migrator.run(pool).await?;
    drop(lock);
    Ok(())
}

/// Before the schema changes, the file is copied as it was.
async fn copy_first(pool: &SqlitePool, path: &Path, version: usize) -> Result<(), OpenError> {
    let copy = beside(path, &format!(".before-schema-{}", version + 1));
    if copy.exists() {
        return Ok(());
    }
    owner_only().open(&copy).map_err(|source| OpenError::File {
        path: copy.clone(),
        source,
    })?;
    sqlx::query("VACUUM INTO $1")
        .bind(copy.to_string_lossy().into_owned())
        .execute(pool)
        .await?;
    Ok(())
}

/// Makes the file and its folder, readable by their owner only.
pub(super) fn prepare_file(path: &Path) -> Result<(), OpenError> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty() && !folder.exists())
    {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|source| OpenError::File {
            path: folder.into(),
            source,
        })?;
    }
    owner_only()
        .open(path)
        .map(drop)
        .map_err(|source| OpenError::File {
            path: path.into(),
            source,
        })
}

fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
