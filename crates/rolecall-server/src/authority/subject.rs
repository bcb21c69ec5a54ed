//! A subject with its assignments, read in one statement together with the head.

use std::sync::Arc;

use rolecall_core::{RoleName, SubjectKind, TenantName, Timestamp};

use super::policy_cache::{PolicyAt, PolicyCache};
use crate::boxed::Boxed;
use crate::store::{Columns, Conn, FromRow, Head, StoreError, queries, query, rows};

queries! {
    READ_SUBJECT = "SELECT h.revision, h.policy_revision, h.keys_revision, h.era, h.longest_ttl_seconds, \
        s.kind, COALESCE(u.username, c.name) AS username, COALESCE(u.disabled, c.public) AS disabled, \
        COALESCE(u.must_change_password, c.public) AS must_change_password, a.role, a.tenant, a.expires_at, a.assigned_at \
        FROM head h CROSS JOIN subjects s LEFT JOIN users u ON u.id = s.id LEFT JOIN clients c ON c.id = s.id \
        LEFT JOIN role_assignments a ON a.subject_id = s.id AND a.tenant IN ('', $3) \
             AND (a.valid_from IS NULL OR a.valid_from <= $2) AND (a.expires_at IS NULL OR a.expires_at > $2) \
        WHERE h.id = 1 AND s.id = $1 ORDER BY a.role, a.tenant";
}

/// The status of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Active,
    Disabled,
    PasswordChangeRequired,
}

impl Status {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::PasswordChangeRequired => "password_change_required",
        }
    }

    pub(crate) const fn of(disabled: bool, must_change_password: bool) -> Self {
        match (disabled, must_change_password) {
            (true, _) => Self::Disabled,
            (false, true) => Self::PasswordChangeRequired,
            (false, false) => Self::Active,
        }
    }
}

impl FromRow for Status {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let disabled = columns.named("disabled")?;
        Ok(Self::of(disabled, columns.named("must_change_password")?))
    }
}

impl std::str::FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Active, Self::Disabled, Self::PasswordChangeRequired]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| {
                "status is `active`, `disabled` or `password_change_required`".to_owned()
            })
    }
}

/// A role assignment that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assigned {
    pub(crate) role: RoleName,
    /// True if it is limited to the tenant of the query.
    pub(crate) in_tenant: bool,
    /// The end of the assignment, if it has one.
    pub(crate) ends: Option<Timestamp>,
    /// The time at which it was assigned or last changed.
    pub(crate) since: Timestamp,
}

/// A user or client, with all that a token or decision depends on.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) id: String,
    pub(crate) kind: SubjectKind,
    pub(crate) head: Head,
    /// The user name, or the name of the client.
    pub(crate) username: String,
    pub(crate) status: Status,
    /// The global assignments and those in the tenant of the query, if there is one.
    pub(crate) assigned: Vec<Assigned>,
}

impl Subject {
    /// Returns true for a user whose account is active.
    pub(crate) fn is_active_user(&self) -> bool {
        self.kind == SubjectKind::User && self.status == Status::Active
    }

    /// Returns the roles that are assigned globally.
    pub(crate) fn global_roles(&self) -> impl Iterator<Item = &RoleName> {
        self.roles(false)
    }

    /// Returns the roles that are assigned in the tenant of the query.
    pub(crate) fn tenant_roles(&self) -> impl Iterator<Item = &RoleName> {
        self.roles(true)
    }

    fn roles(&self, in_tenant: bool) -> impl Iterator<Item = &RoleName> {
        let those = self.assigned.iter();
        let those = those.filter(move |one| one.in_tenant == in_tenant);
        those.map(|one| &one.role)
    }

    /// Returns the policy at the head that the subject was read at, or a later one.
    pub(crate) async fn policy(
        &self,
        cache: &PolicyCache,
        conn: &mut Conn,
    ) -> Result<Arc<PolicyAt>, StoreError> {
        let revision = self.head.policy_revision;
        cache.at_least(conn, revision).await
    }
}

rows! {
    /// The head, a subject, and one of its assignments.
    struct SubjectRow {
        head: Head,
        kind: SubjectKind,
        username: String,
        // a public client cannot authenticate, so it counts as disabled and never acts for itself
        status: Status,
        role: Option<RoleName>,
        tenant: Option<TenantName>,
        expires_at: Option<Timestamp>,
        assigned_at: Option<Timestamp>,
    }
}

/// Reads a subject with its assignments in force at `now`, globally and in `tenant`. The caller reads the clock before
/// the statement runs, so that a token made from the answer is never younger than the answer.
pub(crate) fn read<'a>(
    conn: &'a mut Conn,
    id: &'a str,
    tenant: Option<&'a TenantName>,
    now: Timestamp,
) -> Boxed<'a, Result<Option<Subject>, StoreError>> {
    Box::pin(async move {
        let rows: Vec<SubjectRow> = query(READ_SUBJECT)
            .bind(id)
            .bind(now)
            .bind(tenant.map_or("", TenantName::as_str))
            .fetch_all(conn)
            .await?;
        let mut subject: Option<Subject> = None;
        for row in rows {
            let subject = subject.get_or_insert_with(|| Subject {
                id: id.to_owned(),
                kind: row.kind,
                head: row.head,
                username: row.username,
                status: row.status,
                assigned: Vec::new(),
            });
            if let Some(role) = row.role {
                subject.assigned.push(Assigned {
                    role,
                    in_tenant: row.tenant.is_some(),
                    ends: row.expires_at,
                    since: row.assigned_at.unwrap_or_default(),
                });
            }
        }
        Ok(subject)
    })
}
