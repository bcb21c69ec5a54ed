//! What a database contains before its schema is created or updated: tables of rolecall, or those of an application.

use std::collections::BTreeSet;

use sqlx::{
    PgConnection, SqliteConnection,
    migrate::{AppliedMigration, Migrate, MigrateError, Migrator},
};

use crate::store::{
    codes::{is_misconfigured, is_outage},
    error::OpenError,
};

/// A version of the schema, its name, and the SQL that creates it from the version before.
pub(super) type Step = (i64, &'static str, &'static str);

/// The table of the applied migrations. It has a name of its own, so that an application in the same database can have
/// its own migrations.
pub(super) const TABLE: &str = "rolecall_migrations";
/// The table of older releases, which applications that use sqlx have too.
const SHARED_TABLE: &str = "_sqlx_migrations";
/// How many objects in the way an error names.
const MOST_NAMED: usize = 5;

const IN_SQLITE: &str = "SELECT type, name FROM sqlite_master";
/// The objects of the schema in which tables are created. A type and a table cannot have the same name.
const IN_POSTGRES: &str = "SELECT CASE WHEN c.relkind IN ('r', 'p', 'f') THEN 'table' \
        WHEN c.relkind IN ('i', 'I') THEN 'index' WHEN c.relkind IN ('v', 'm') THEN 'view' \
        WHEN c.relkind = 'S' THEN 'sequence' ELSE 'type' END, CAST(c.relname AS TEXT) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = current_schema() \
    UNION ALL SELECT 'type', CAST(t.typname AS TEXT) \
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
    WHERE n.nspname = current_schema() AND t.typrelid = 0";

const COPY: &str = "INSERT INTO rolecall_migrations (version, description, installed_on, success, checksum, execution_time) \
    SELECT version, description, installed_on, success, checksum, execution_time FROM _sqlx_migrations \
    WHERE version = $1 AND checksum = $2";
const REMOVE: &str = "DELETE FROM _sqlx_migrations WHERE version = $1 AND checksum = $2";
const COUNT: &str = "SELECT COUNT(*) FROM _sqlx_migrations";
const DROP: &str = "DROP TABLE _sqlx_migrations";

/// The applied migrations of rolecall, and what is in the way of the others.
pub(super) struct Found {
    /// The version up to which all migrations are applied; 0 if rolecall has no tables here.
    pub(super) version: i64,
    pub(super) applied: Vec<AppliedMigration>,
    /// True if they are in the table that older releases shared with applications.
    pub(super) is_shared: bool,
    /// Objects that are not rolecall's although they have a name that it needs, such as "a table `users`".
    in_the_way: Vec<String>,
    /// True if they are all that a later version of rolecall creates: a backup was restored over its tables.
    is_mixture: bool,
}

/// A kind of object and its name.
type Object = (String, String);

/// Reads what a SQLite database contains.
pub(super) async fn in_sqlite(
    conn: &mut SqliteConnection,
    migrator: &Migrator,
) -> Result<Found, OpenError> {
    let objects: Vec<Object> = sqlx::query_as(IN_SQLITE).fetch_all(&mut *conn).await?;
    // SQLite does not distinguish upper and lower case in names
    read(conn, migrator, &objects, str::to_ascii_lowercase).await
}

/// Reads what the current schema of a PostgreSQL database contains.
pub(super) async fn in_postgres(
    conn: &mut PgConnection,
    migrator: &Migrator,
) -> Result<Found, OpenError> {
    let objects: Vec<Object> = sqlx::query_as(IN_POSTGRES).fetch_all(&mut *conn).await?;
    read(conn, migrator, &objects, str::to_owned).await
}

async fn read(
    conn: &mut impl Migrate,
    migrator: &Migrator,
    objects: &[Object],
    fold: fn(&str) -> String,
) -> Result<Found, OpenError> {
    let has_table =
        |table: &str| (objects.iter()).any(|(kind, name)| kind == "table" && name == table);
    let mut applied = Vec::new();
    if has_table(TABLE) {
        applied = conn.list_applied_migrations(TABLE).await?;
    }
    let mut is_shared = false;
    if applied.is_empty() && has_table(SHARED_TABLE) {
        applied = read_shared(conn, migrator).await?;
        is_shared = !applied.is_empty();
    }
    let names = missing_names(migrator, &applied);
    let mut in_the_way: Vec<_> = objects
        .iter()
        .filter(|(_, name)| names.contains(fold(name).as_str()))
        .map(|(kind, name)| (kind != "table", format!("{} `{name}`", with_article(kind))))
        .collect();
    in_the_way.sort();
    let has_object = |name: &str| objects.iter().any(|(_, found)| fold(found) == name);
    let is_mixture = !applied.is_empty() && has_all_of_a_step(migrator, &applied, has_object);
    Ok(Found {
        version: complete_version(migrator, &applied),
        applied,
        is_shared,
        in_the_way: in_the_way.into_iter().map(|(_, object)| object).collect(),
        is_mixture,
    })
}

/// Returns rolecall's migrations in the table that applications use too: those with the checksum of one of its own.
async fn read_shared(
    conn: &mut impl Migrate,
    migrator: &Migrator,
) -> Result<Vec<AppliedMigration>, OpenError> {
    let mut applied = match conn.list_applied_migrations(SHARED_TABLE).await {
        // a table that rolecall may not read, or that has other columns, is not its own
        Err(MigrateError::Execute(error)) if !is_outage(&error) || is_misconfigured(&error) => {
            return Ok(Vec::new());
        }
        applied => applied?,
    };
    applied.retain(|row| {
        let same = |own: &sqlx::migrate::Migration| {
            (own.version, &own.checksum) == (row.version, &row.checksum)
        };
        migrator.iter().any(same)
    });
    Ok(applied)
}

fn with_article(kind: &str) -> String {
    let article = if kind == "index" { "an" } else { "a" };
    format!("{article} {kind}")
}

/// Returns the version before the first migration that is not applied: one may have been added below others.
fn complete_version(migrator: &Migrator, applied: &[AppliedMigration]) -> i64 {
    let is_applied = |version: &i64| applied.iter().any(|row| row.version == *version);
    let versions = migrator.iter().map(|step| step.version);
    versions.take_while(is_applied).last().unwrap_or(0)
}

/// Returns the names that the migrations which are not applied need, except those that the applied ones have created.
pub(super) fn missing_names<'a>(
    migrator: &'a Migrator,
    applied: &[AppliedMigration],
) -> BTreeSet<&'a str> {
    let is_applied = |version| applied.iter().any(|row| row.version == version);
    let names = |wanted: bool| {
        migrator
            .iter()
            .filter(move |step| is_applied(step.version) == wanted)
            .flat_map(|step| created_names(step.sql.as_str()))
    };
    let own: BTreeSet<&str> = names(true).collect();
    names(false).filter(|name| !own.contains(name)).collect()
}

/// Returns true if a migration that is not applied has all that it creates. One table may be an application's; a table
/// and its indexes are rolecall's.
fn has_all_of_a_step(
    migrator: &Migrator,
    applied: &[AppliedMigration],
    has_object: impl Fn(&str) -> bool,
) -> bool {
    let is_applied = |version| applied.iter().any(|row| row.version == version);
    migrator
        .iter()
        .filter(|step| !is_applied(step.version))
        .map(|step| created_names(step.sql.as_str()))
        .any(|names| names.len() > 1 && names.into_iter().all(&has_object))
}

/// Returns the names of the tables and indexes that SQL creates.
fn created_names(sql: &str) -> Vec<&str> {
    let words: Vec<&str> = sql
        .lines()
        .map(|line| line.split_once("--").map_or(line, |(before, _)| before))
        .flat_map(str::split_whitespace)
        .collect();
    let created = words.windows(3).filter_map(|window| match window {
        ["CREATE", "TABLE" | "INDEX" | "VIEW" | "TRIGGER", name]
        | ["UNIQUE", "INDEX", name]
        | ["RENAME", "TO", name] => Some(name.trim_end_matches([';', '('])),
        _ => None,
    });
    created.collect()
}

impl Found {
    /// Refuses a database of a newer rolecall, and one that has tables of an application where rolecall needs its own.
    pub(super) fn check(&self, known: i64, place: &str) -> Result<(), OpenError> {
        let versions = self.applied.iter().map(|row| row.version);
        let found = versions.max().unwrap_or(0);
        if found > known {
            return Err(OpenError::Newer { found, known });
        }
        if self.in_the_way.is_empty() {
            return Ok(());
        }
        let mut objects: Vec<&str> = self.in_the_way.iter().map(String::as_str).collect();
        if objects.len() > MOST_NAMED {
            objects.truncate(MOST_NAMED);
            objects.push("others");
        }
        if self.is_mixture {
            return Err(OpenError::Mixture {
                place: place.to_owned(),
                objects: objects.join(", "),
            });
        }
        Err(OpenError::Occupied {
            place: place.to_owned(),
            objects: objects.join(", "),
        })
    }
}

/// Moves rolecall's migrations into its own table in one transaction, and drops the old table if nothing else is in it.
macro_rules! adopt {
    ($conn:expr, $applied:expr) => {{
        let mut transaction = sqlx::Connection::begin($conn).await?;
        transaction.ensure_migrations_table(TABLE).await?;
        for row in $applied {
            for sql in [COPY, REMOVE] {
                let statement = sqlx::query(sql).bind(row.version).bind(&*row.checksum);
                statement.execute(&mut *transaction).await?;
            }
        }
        let left: i64 = sqlx::query_scalar(COUNT)
            .fetch_one(&mut *transaction)
            .await?;
        if left == 0 {
            sqlx::query(DROP).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }};
}

pub(super) async fn adopt_in_sqlite(
    conn: &mut SqliteConnection,
    applied: &[AppliedMigration],
) -> Result<(), OpenError> {
    adopt!(conn, applied)
}

pub(super) async fn adopt_in_postgres(
    conn: &mut PgConnection,
    applied: &[AppliedMigration],
) -> Result<(), OpenError> {
    adopt!(conn, applied)
}
