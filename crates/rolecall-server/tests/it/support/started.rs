//! Databases as the first start of a node leaves them, which tests copy: the signing keys of a start cost more than most tests.

use rolecall::ManualClock;
use tokio::sync::OnceCell;

use super::{Database, Node, START, builder_at};

/// The name of the PostgreSQL database that is copied.
const TEMPLATE: &str = "rolecall_started";

/// A file on which a node was started at [`START`].
pub(super) async fn sqlite() -> Database {
    static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
    let template = TEMPLATE.get_or_init(make_file).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rolecall.db"), template).unwrap();
    Database::sqlite_in(folder)
}

/// The same on PostgreSQL; `None` where there is none.
pub(super) async fn postgres() -> Option<Database> {
    static MADE: OnceCell<bool> = OnceCell::const_new();
    let is_made = MADE.get_or_init(async || {
        let Some(db) = Database::named(TEMPLATE).await else {
            return false;
        };
        start_on(&db).await;
        // PostgreSQL copies a template only while nobody is connected to it
        db.close().await;
        true
    });
    if *is_made.await {
        Database::copy_of(TEMPLATE).await
    } else {
        None
    }
}

async fn start_on(db: &Database) {
    drop(Node::open(builder_at(&db.url, &ManualClock::at(START))).await);
}

async fn make_file() -> Vec<u8> {
    let db = Database::sqlite();
    start_on(&db).await;
    // a single file, whatever is left in the write-ahead log
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.db");
    db.execute(&format!("VACUUM INTO '{}'", whole.display()))
        .await;
    std::fs::read(whole).unwrap()
}
