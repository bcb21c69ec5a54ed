//! The policy as a document, and what is asked of it.

use std::collections::BTreeSet;

use rolecall_core::{
    Policy, RoleName,
    document::{Document, RoleEntry, TestSubject, UserAssignments},
};

use super::store;
use crate::{
    app::App,
    error::ApiError,
    roles::{assignment_store, holder_store},
    store::{Conn, read_head},
    usernames::Username,
};

/// A document with its tag.
pub(crate) struct Shown {
    pub(crate) document: Document,
    /// The same for the same rules, whatever the revision.
    pub(crate) tag: String,
}

impl Shown {
    pub(super) fn of(document: Document) -> Self {
        let tag = tag_of(&document);
        Self { document, tag }
    }
}

/// A digest of a document that is in force, which has no tests.
pub(super) fn tag_of(document: &Document) -> String {
    use base64::Engine as _;
    let text = document.to_toml();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest.as_ref())
}

/// The policy that is in force.
pub(crate) async fn show(app: &App) -> Result<Shown, ApiError> {
    let mut conn = app.store().read().await?;
    let (_, document) = read(app, &mut conn).await?;
    Ok(Shown::of(document))
}

/// The policy that is in force, compiled and as a document, as one moment knew both.
pub(super) async fn read(
    app: &App,
    conn: &mut Conn,
) -> Result<(std::sync::Arc<Policy>, Document), ApiError> {
    loop {
        let policy = app.policy().newest(conn).await?;
        let document = document_of(&policy, conn).await?;
        if read_head(conn).await?.policy_revision <= policy.revision {
            return Ok((std::sync::Arc::clone(&policy.policy), document));
        }
    }
}

/// What is not rolecall's own of `policy`, with descriptions from the database.
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
        };
        document.roles.insert(role.clone(), entry);
    }
    let constraints = policy.constraints();
    document.constraints = constraints
        .map(|(name, rule)| (name.clone(), rule.clone()))
        .collect();
    Ok(document)
}

/// TestSubject has which role, of the users that the tests of `document` are about.
pub(crate) async fn facts(app: &App, document: &Document) -> Result<UserAssignments, ApiError> {
    let mut facts = UserAssignments::new();
    let mut conn = app.store().read().await?;
    for test in &document.tests {
        let TestSubject::User(name) = &test.subject else {
            continue;
        };
        let known = Username::parse(name);
        if let (false, Ok(stored)) = (facts.contains_key(name), known)
            && let Some(holder) = holder_store::user(&mut conn, stored.as_str()).await?
        {
            facts.insert(name.clone(), holder.assignments);
        }
    }
    Ok(facts)
}

/// The roles that somebody has, or gets by registering.
pub(crate) async fn assigned_roles(app: &App) -> Result<BTreeSet<RoleName>, ApiError> {
    let mut conn = app.store().read().await?;
    // every role's name sorts after the empty text
    let given = assignment_store::roles_given(&mut conn, "").await?;
    let mut roles: BTreeSet<RoleName> = given.into_iter().collect();
    roles.extend(app.settings().registration_roles.iter().cloned());
    Ok(roles)
}
