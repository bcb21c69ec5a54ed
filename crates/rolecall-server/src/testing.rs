//! For the tests of an application that embeds the server. Feature `testing`, for `[dev-dependencies]`:
//!
//! ```toml
//! [dev-dependencies]
//! rolecall-server = { path = "../rolecall/crates/rolecall-server", default-features = false, features = ["testing"] }
//! ```

use std::{fmt, io, path::PathBuf};

use rolecall_passwords::Parameters;

use crate::{embedded::EmbeddedBuilder, temporary::TemporaryFolder};

/// A database for one test, which several pools can open: that of the server, and that of the application for its own
/// tables beside the server's.
///
/// It is a SQLite file in a temporary folder, which is removed when this is dropped. `sqlite::memory:` in its place is
/// enough for an application without tables of its own: nobody else can open that database.
///
/// ```
/// use rolecall_server::{Embedded, testing::TemporaryDatabase};
/// # use sqlx::SqlitePool;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let db = TemporaryDatabase::new()?;
/// let login = Embedded::builder(db.url()).weak_hashing().open().await?;
/// // the server's tables are there: now those of the application
/// let pool = SqlitePool::connect(db.url()).await?;
/// sqlx::query("CREATE TABLE documents (id BIGINT PRIMARY KEY, owner TEXT NOT NULL REFERENCES users (id))")
///     .execute(&pool)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct TemporaryDatabase {
    folder: TemporaryFolder,
    url: String,
}

impl TemporaryDatabase {
    /// Creates the folder. The first pool that opens the database creates the file.
    ///
    /// # Errors
    ///
    /// If the folder cannot be created.
    pub fn new() -> io::Result<Self> {
        let folder = TemporaryFolder::create("rolecall-test-")?;
        let url = format!("sqlite:{}", folder.path().join("app.db").display());
        Ok(Self { folder, url })
    }

    /// Returns the URL, for [`Embedded::builder`](crate::Embedded::builder) and for a pool of sqlx, `SeaORM` or Diesel.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("app.db")
    }
}

impl fmt::Debug for TemporaryDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TemporaryDatabase").field(&self.url).finish()
    }
}

impl EmbeddedBuilder {
    /// Hashes passwords at almost no cost, for fast tests (feature `testing`). Whoever reads such a database can guess its
    /// passwords.
    pub fn weak_hashing(self) -> Self {
        self.hashing(Parameters::Argon2id {
            memory_kib: 8,
            passes: 1,
            lanes: 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Embedded, NewUser};

    #[tokio::test]
    async fn a_pool_beside_the_server_sees_its_users_and_the_folder_goes_with_the_test() {
        let db = TemporaryDatabase::new().unwrap();
        let other = TemporaryDatabase::new().unwrap();
        assert_ne!(db.url(), other.url());
        let login = Embedded::builder(db.url())
            .weak_hashing()
            .open()
            .await
            .unwrap();
        let pool = sqlx::SqlitePool::connect(db.url()).await.unwrap();
        let table =
            "CREATE TABLE notes (author TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE)";
        sqlx::query(table).execute(&pool).await.unwrap();
        let insert = async |author: &str| {
            let insert = sqlx::query("INSERT INTO notes (author) VALUES ($1)").bind(author);
            insert.execute(&pool).await
        };
        insert("nobody").await.unwrap_err();
        let users = login.accounts("test");
        let new = NewUser::new("anna").password("a password of anna");
        let anna = users.create(new).await.unwrap().user.id;
        insert(&anna).await.unwrap();
        users.delete(&anna).await.unwrap();
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM notes")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(count, 0);
        assert!(db.path().exists() && !other.path().exists());
        let folder = db.path().parent().unwrap().to_owned();
        drop((login, pool, db));
        assert!(!folder.exists());
    }
}
