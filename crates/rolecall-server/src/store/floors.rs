//! Statements that write floors.

use rolecall_core::{Floor, FloorKind};

use super::{
    conn::Conn,
    error::StoreError,
    gate,
    query::{queries, query},
};

queries! {
    WRITE_FLOOR = "INSERT INTO floors (kind, subject, tenant, revision, ends_at, owner) VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (kind, subject, tenant) DO UPDATE SET revision = excluded.revision, ends_at = excluded.ends_at";
    COUNT_FLOORS_OF = "SELECT COUNT(*) FROM floors WHERE owner = $1 AND owner <> '' \
        AND NOT (kind = $2 AND subject = $3 AND tenant = $4)";
    FORGET_COVERED_FLOORS = "DELETE FROM floors WHERE kind = $1 AND subject = $2 AND tenant <> ''";
    FORGET_ACTIVE_OF_SUBJECT = "DELETE FROM active_roles WHERE subject_id = $1 AND ($2 = '' OR tenant = $2)";
    FORGET_ACTIVE_OF_SESSION = "DELETE FROM active_roles WHERE session_id = $1 AND ($2 = '' OR tenant = $2)";
    FORGET_ACTIVE_ROLE = "DELETE FROM active_roles WHERE role = $1 AND ($2 = '' OR tenant = $2)";
    END_LEGACY_TOKENS = "UPDATE users SET legacy_name = NULL WHERE id = $1";
}

/// The most floors for single sessions, tokens and tenants of one subject. Further ones merge into a floor for the
/// subject: it ends all tokens of the subject, which get new ones with the next refresh.
const MAX_FLOORS_OF_OWNER: i64 = 32;
/// A floor, and the subject into whose floor it may merge.
#[derive(Debug)]
pub(super) struct OwnedFloor {
    pub(super) floor: Floor,
    pub(super) owner: Option<String>,
}

/// Writes floors and returns them, merged where one subject has too many.
pub(super) async fn write_floors(
    conn: &mut Conn,
    raised: Vec<OwnedFloor>,
) -> Result<Vec<Floor>, StoreError> {
    let mut written = Vec::with_capacity(raised.len());
    for one in &raised {
        if one.floor.kind == FloorKind::Subject {
            gate::hold(conn, &one.floor.key).await?;
        }
    }
    for OwnedFloor { floor, owner } in raised {
        let owner = owner.unwrap_or_default();
        forget_active_roles(conn, &floor).await?;
        let ends_all = floor.kind == FloorKind::Subject && floor.tenant.is_none();
        let floor = if owner.is_empty() {
            floor
        } else {
            merge(conn, floor, &owner).await?
        };
        if floor.tenant.is_none() {
            let forget = query(FORGET_COVERED_FLOORS).bind(floor.kind.as_str());
            forget.bind(floor.key.as_str()).execute(conn).await?;
        }
        query(WRITE_FLOOR)
            .bind(floor.kind.as_str())
            .bind(floor.key.as_str())
            .bind(floor.tenant.as_deref().unwrap_or_default())
            .bind(floor.revision)
            .bind(floor.until)
            // a floor for all tokens is the one that others merge into
            .bind(
                if floor.kind == FloorKind::Subject && floor.tenant.is_none() {
                    ""
                } else {
                    owner.as_str()
                },
            )
            .execute(conn)
            .await?;
        // tokens of an old application need not carry the time of issue, so all tokens of the user end; they are for no
        // tenant
        if ends_all {
            let end = query(END_LEGACY_TOKENS).bind(floor.key.as_str());
            end.execute(conn).await?;
        }
        written.push(floor);
    }
    Ok(written)
}

/// Forgets the roles that the tokens which a floor ends had active, so that they no longer count. Floors that end other
/// tokens than those of a subject, a session or a role leave them until they would have expired.
///
/// INVARIANT: all rows that are visible here are of tokens below the floor, since a token above it is made after the
/// commit. A row may only be deleted with its token.
async fn forget_active_roles(conn: &mut Conn, floor: &Floor) -> Result<(), StoreError> {
    let forget = match floor.kind {
        FloorKind::Subject => FORGET_ACTIVE_OF_SUBJECT,
        FloorKind::Sid => FORGET_ACTIVE_OF_SESSION,
        FloorKind::Role => FORGET_ACTIVE_ROLE,
        FloorKind::Client | FloorKind::Jti => return Ok(()),
    };
    let tenant = floor.tenant.as_deref().unwrap_or_default();
    let forget = query(forget).bind(floor.key.as_str()).bind(tenant);
    forget.execute(conn).await?;
    Ok(())
}

/// Returns the floor, or one for all tokens of its owner if the owner has too many of such floors.
async fn merge(conn: &mut Conn, floor: Floor, owner: &str) -> Result<Floor, StoreError> {
    let others: i64 = query(COUNT_FLOORS_OF)
        .bind(owner)
        .bind(floor.kind.as_str())
        .bind(floor.key.as_str())
        .bind(floor.tenant.as_deref().unwrap_or_default())
        .fetch_one(conn)
        .await?;
    if others < MAX_FLOORS_OF_OWNER {
        return Ok(floor);
    }
    Ok(Floor {
        kind: FloorKind::Subject,
        key: owner.to_owned(),
        tenant: None,
        ..floor
    })
}
