//! Writes many users into a database directly, since creating a million through the server would take hours.

use rolecall_server::{
    Store,
    passwords::{Hasher, HasherOptions, Password},
};
use sqlx::{PgPool, SqlitePool, sqlite::SqliteConnectOptions};

use super::serve::PASSWORD;

/// A statement and its parameters. All users have the role `user`; every tenth also has one of the numbered roles,
/// each of which grants one permission.
struct Step {
    sql: &'static str,
    binds: &'static [Bind],
}

#[derive(Clone, Copy)]
enum Bind {
    Users,
    Roles,
    Hash,
}

const STEPS: [Step; 7] = [
    Step {
        sql: "INSERT INTO roles (name, description, created_at, updated_at) VALUES ('user', '', 0, 0)",
        binds: &[],
    },
    Step {
        sql: "WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1) \
              INSERT INTO roles (name, description, created_at, updated_at) SELECT 'role' || i, '', 0, 0 FROM n",
        binds: &[Bind::Roles],
    },
    Step {
        sql: "WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1) \
              INSERT INTO permissions (name, object, description, created_at) \
              SELECT 'object' || i || ':read', 'object' || i, '', 0 FROM n",
        binds: &[Bind::Roles],
    },
    Step {
        sql: "WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1) \
              INSERT INTO role_permissions (role, permission) \
              SELECT 'role' || i, 'object' || i || ':read' FROM n",
        binds: &[Bind::Roles],
    },
    Step {
        sql: "WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1) \
              INSERT INTO subjects (id, kind) \
              SELECT '01900000-0000-7000-8000-' || SUBSTR(CAST(1000000000000 + i AS TEXT), 2), 'user' FROM n",
        binds: &[Bind::Users],
    },
    Step {
        sql: "WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1) \
              INSERT INTO users (id, username, disabled, must_change_password, password_hash, created_at, updated_at) \
              SELECT '01900000-0000-7000-8000-' || SUBSTR(CAST(1000000000000 + i AS TEXT), 2), 'user' || i, \
              FALSE, FALSE, $2, 0, 0 FROM n",
        binds: &[Bind::Users, Bind::Hash],
    },
    Step {
        sql: "WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1) \
              INSERT INTO role_assignments (subject_id, role, assigned_by, assigned_at) \
              SELECT '01900000-0000-7000-8000-' || SUBSTR(CAST(1000000000000 + i AS TEXT), 2), \
              CASE WHEN k = 0 THEN 'user' ELSE 'role' || ((i / 10) % $2) END, 'system', 0 \
              FROM n, (SELECT 0 AS k UNION ALL SELECT 1) kinds WHERE k = 0 OR i % 10 = 0",
        binds: &[Bind::Users, Bind::Roles],
    },
];

/// Creates the database if it does not exist, and `users` users with `roles` roles (both at least 1).
pub(crate) async fn run(url: &str, users: i64, roles: i64) -> anyhow::Result<()> {
    Store::open(url).await?.close().await;
    let hasher = Hasher::new(HasherOptions::default())?;
    let hash = hasher.hash(Password::new(PASSWORD.to_owned())?).await?;
    // the two databases have different types
    macro_rules! fill {
        ($pool:ident) => {{
            let mut transaction = $pool.begin().await?;
            for step in &STEPS {
                let mut query = sqlx::query(step.sql);
                for bind in step.binds {
                    query = match bind {
                        Bind::Users => query.bind(users),
                        Bind::Roles => query.bind(roles),
                        Bind::Hash => query.bind(&hash),
                    };
                }
                query.execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
        }};
    }
    if let Some(path) = url.strip_prefix("sqlite:") {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true);
        let pool = SqlitePool::connect_with(options).await?;
        fill!(pool);
        pool.close().await;
    } else {
        let pool = PgPool::connect(url).await?;
        fill!(pool);
        // PostgreSQL does this by itself, but only after a while
        sqlx::query("ANALYZE").execute(&pool).await?;
        pool.close().await;
    }
    Ok(())
}
