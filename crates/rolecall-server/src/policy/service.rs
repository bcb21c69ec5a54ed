//! Reading the policy as a document, and the assignments that a document's tests and checks refer to.

use std::{collections::BTreeSet, sync::Arc};

use rolecall::PermissionName as _;
use rolecall_core::{
    Policy, RoleName,
    document::{Document, RoleEntry, TestSubject, UserAssignments},
};

use super::store;
use crate::{
    app::App,
    authority::{caller::Caller, may, reads},
    error::ApiError,
    roles::{assignment_store, holder_store},
    store::{Conn, read_head},
    usernames::Username,
};

/// A document with its tag.
pub(crate) struct Shown {
    pub(crate) document: Document,
    /// The same for every revision with the same rules.
    pub(crate) tag: String,
}

impl Shown {
    pub(super) fn of(document: Document) -> Self {
        let tag = tag_of(&document);
        Self { document, tag }
    }
}

/// Returns a digest of a document without tests.
pub(super) fn tag_of(document: &Document) -> String {
    digest_of(&document.to_toml())
}

/// Returns the digest of a text.
pub(super) fn digest_of(text: &str) -> String {
    use base64::Engine as _;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest.as_ref())
}

/// Returns the policy in force as a document.
pub(crate) async fn show(app: &App, caller: Caller<'_>) -> Result<Shown, ApiError> {
    reads::require(app, caller, may::ReadPolicy::NAME).await?;
    let mut conn = app.store().read().await?;
    let (_, document) = read(app, &mut conn).await?;
    Ok(Shown::of(document))
}

/// Returns the policy in force, compiled and as a document, both of the same revision.
pub(super) async fn read(app: &App, conn: &mut Conn) -> Result<(Arc<Policy>, Document), ApiError> {
    loop {
        let policy = app.policy().newest(conn).await?;
        let document = document_of(&policy, conn).await?;
        if read_head(conn).await?.policy_revision <= policy.revision {
            return Ok((Arc::clone(&policy.policy), document));
        }
    }
}

/// Returns the part of `policy` that is not rolecall's own, with descriptions from the database.
pub(super) async fn document_of(policy: &Policy, conn: &mut Conn) -> Result<Document, ApiError> {
    let (mut roles, mut permissions) = store::descriptions(conn).await?;
    let mut document = Document::default();
    for permission in policy.permissions().filter(|one| !one.is_reserved()) {
        let description = permissions.remove(permission.as_str()).unwrap_or_default();
        document.permissions.insert(permission.clone(), description);
    }
    for (role, rules) in policy.roles().filter(|(role, _)| !role.is_reserved()) {
        let entry = RoleEntry {
            description: roles.remove(role.as_str()).unwrap_or_default(),
            permissions: rules.permissions.clone(),
            juniors: rules.juniors.clone(),
            approval: rules.approval,
            by_name: rules.by_name,
            acr: rules.acr,
        };
        document.roles.insert(role.clone(), entry);
    }
    let constraints = policy.constraints();
    document.constraints = constraints
        .map(|(name, rule)| (name.clone(), rule.clone()))
        .collect();
    Ok(document)
}

/// Returns the assignments of the users in the tests of `document`.
pub(crate) async fn test_assignments(
    app: &App,
    caller: Caller<'_>,
    document: &Document,
) -> Result<UserAssignments, ApiError> {
    let tests = document.tests.iter();
    let names = tests.filter_map(|test| match &test.subject {
        TestSubject::User(name) => Some(name),
        TestSubject::Role(_) => None,
    });
    let names: BTreeSet<&String> = names.collect();
    if names.is_empty() {
        return Ok(UserAssignments::new());
    }
    reads::require(app, caller, may::ReadPolicy::NAME).await?;
    reads::require(app, caller, may::ReadAssignments::NAME).await?;
    let mut assignments = UserAssignments::new();
    let mut conn = app.store().read().await?;
    for name in names {
        if let Ok(stored) = Username::parse(name)
            && let Some(holder) = holder_store::user(&mut conn, stored.as_str()).await?
        {
            assignments.insert(name.clone(), holder.assignments);
        }
    }
    Ok(assignments)
}

/// Returns the roles that a subject has, or that a new user gets by registration.
pub(crate) async fn assigned_roles(
    app: &App,
    caller: Caller<'_>,
) -> Result<BTreeSet<RoleName>, ApiError> {
    reads::require(app, caller, may::ReadPolicy::NAME).await?;
    let mut conn = app.store().read().await?;
    // every role name sorts after the empty text
    let given = assignment_store::roles_given(&mut conn, "").await?;
    let mut roles: BTreeSet<RoleName> = given.into_iter().collect();
    roles.extend(app.settings().registration_roles.iter().cloned());
    Ok(roles)
}
