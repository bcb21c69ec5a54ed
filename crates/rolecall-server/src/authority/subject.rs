//! What a subject holds, read in one statement together with the head it is read at.

use std::sync::Arc;

use rolecall_core::{RoleName, SubjectKind, TenantName, Timestamp};

use super::policy_cache::{PolicyAt, PolicyCache};
use crate::store::{Conn, Head, StoreError, on, queries};

queries! {
    READ_SUBJECT = "SELECT h.revision, h.policy_revision, h.keys_revision, h.era, h.longest_ttl_seconds, \
        s.kind, COALESCE(u.username, c.name) AS username, COALESCE(u.disabled, c.public) AS disabled, \
        COALESCE(u.must_change_password, c.public) AS must_change_password, a.role, a.tenant, a.expires_at \
        FROM head h CROSS JOIN subjects s LEFT JOIN users u ON u.id = s.id LEFT JOIN clients c ON c.id = s.id \
        LEFT JOIN role_assignments a ON a.subject_id = s.id AND a.tenant IN ('', $3) \
             AND (a.valid_from IS NULL OR a.valid_from <= $2) AND (a.expires_at IS NULL OR a.expires_at > $2) \
        WHERE h.id = 1 AND s.id = $1 ORDER BY a.role, a.tenant";
}

/// Whether a user may log in.
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

/// A role that is assigned and counts now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assigned {
    pub(crate) role: RoleName,
    /// Whether it is limited to the tenant that was asked about.
    pub(crate) in_tenant: bool,
    /// When the assignment ends, if it does.
    pub(crate) ends: Option<Timestamp>,
}

/// A user or client as a token or a decision is made from them.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) id: String,
    pub(crate) kind: SubjectKind,
    pub(crate) head: Head,
    /// The name of a client, for one.
    pub(crate) username: String,
    pub(crate) status: Status,
    /// What is assigned globally and, where a tenant was asked about, in that tenant.
    pub(crate) assigned: Vec<Assigned>,
}

impl Subject {
    /// The roles that are assigned globally.
    pub(crate) fn global_roles(&self) -> impl Iterator<Item = &RoleName> {
        self.roles(false)
    }

    /// The roles that are assigned in the tenant that was asked about.
    pub(crate) fn tenant_roles(&self) -> impl Iterator<Item = &RoleName> {
        self.roles(true)
    }

    fn roles(&self, in_tenant: bool) -> impl Iterator<Item = &RoleName> {
        let those = self.assigned.iter();
        let those = those.filter(move |one| one.in_tenant == in_tenant);
        those.map(|one| &one.role)
    }

    /// The policy by which its roles are read: that of its own head, or a later one.
    pub(crate) async fn policy(
        &self,
        cache: &PolicyCache,
        conn: &mut Conn,
    ) -> Result<Arc<PolicyAt>, StoreError> {
        let revision = self.head.policy_revision;
        cache.at_least(conn, revision).await
    }
}

/// The head, what the subject is, and one of its assignments.
type Row = (
    i64,
    i64,
    i64,
    String,
    i64,
    String,
    String,
    bool,
    bool,
    Option<String>,
    Option<String>,
    Option<i64>,
);

/// What a subject is, as its row says.
pub(crate) fn kind_of(stored: &str) -> SubjectKind {
    if stored == "client" {
        SubjectKind::Client
    } else {
        SubjectKind::User
    }
}

/// Reads what `id` holds at `now`, globally and in `tenant`. The clock is read before the statement runs, so a token made from the
/// answer cannot be younger than what it says.
pub(crate) async fn read(
    conn: &mut Conn,
    id: &str,
    tenant: Option<&TenantName>,
    now: Timestamp,
) -> Result<Option<Subject>, StoreError> {
    let rows: Vec<Row> = on!(conn, |c| sqlx::query_as(READ_SUBJECT)
        .bind(id)
        .bind(now.micros())
        .bind(tenant.map_or("", TenantName::as_str))
        .fetch_all(c)
        .await)?;
    let mut subject: Option<Subject> = None;
    for row in rows {
        let (revision, policy_revision, keys_revision, era, longest_ttl_seconds, ..) = row;
        let (.., kind, username, disabled, must_change, role, tenant, expires_at) = row;
        let subject = subject.get_or_insert_with(|| Subject {
            id: id.to_owned(),
            kind: kind_of(&kind),
            head: Head {
                revision,
                policy_revision,
                keys_revision,
                era,
                longest_ttl_seconds,
            },
            username,
            // a public client cannot prove who it is, so it never acts for itself
            status: Status::of(disabled, must_change),
            assigned: Vec::new(),
        });
        if let Some(role) = role {
            subject.assigned.push(Assigned {
                role: role.parse().map_err(StoreError::inconsistent)?,
                // an empty tenant stands for a global assignment
                in_tenant: tenant.is_some_and(|tenant| !tenant.is_empty()),
                ends: expires_at.map(Timestamp::from_micros),
            });
        }
    }
    Ok(subject)
}
