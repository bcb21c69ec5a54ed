//! The tenants in which somebody who signs in has a role.

use std::time::Duration;

use rolecall_core::{TenantName, Timestamp};

use crate::store::{Conn, StoreError, queries, query, rows};

queries! {
    LIST = "SELECT DISTINCT tenant FROM role_assignments WHERE subject_id = $1 AND tenant <> '' AND role NOT LIKE $2 \
        AND (valid_from IS NULL OR valid_from <= $3) AND (expires_at IS NULL OR expires_at > $4) ORDER BY tenant LIMIT $5";
}

/// An assignment that ends sooner opens no token for its tenant.
const SHORTEST: Duration = Duration::from_secs(30);

rows! {
    struct TenantRow {
        tenant: TenantName,
    }
}

/// Returns up to `limit` tenants in which a user has a role that a token can be for, by name. Rolecall's own roles count
/// if the token is for rolecall (`own`).
pub(crate) async fn list(
    conn: &mut Conn,
    user: &str,
    own: bool,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<TenantName>, StoreError> {
    let rows: Vec<TenantRow> = query(LIST)
        .bind(user)
        .bind(if own { "" } else { "rolecall.%" })
        .bind(now)
        .bind(now.plus(SHORTEST))
        .bind(limit)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| row.tenant).collect())
}
