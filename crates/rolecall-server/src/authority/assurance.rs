//! Assurance per role: what of its roles a subject has in a session, and how much assurance others need.

use rolecall_core::{Acr, Policy, RoleName, SubjectKind};

use super::{
    builtin,
    policy_cache::{PolicyAt, Reach},
    subject::{Assigned, Subject},
};
use crate::{
    factors::store as factors,
    store::{Conn, StoreError},
};

/// The methods of a session that the password grant opened.
pub(crate) const BY_PASSWORD: &str = "pwd";

/// Returns the assurance of a session with these methods, which are separated by spaces.
pub(crate) fn acr_of(amr: &str) -> Acr {
    Acr::of_methods(amr.split(' '))
}

/// Returns true if a user has a second factor, and so can reach more than a password alone does.
pub(crate) async fn has_factor(conn: &mut Conn, user: &str) -> Result<bool, StoreError> {
    Ok(!factors::kinds(conn, user).await?.is_empty())
}

/// Returns the policy for `subject` as a session with the assurance `acr` has it.
///
/// The role of administrators needs two factors of a user who has them: whoever has only the password of such a user is
/// not the user.
pub(crate) async fn reach(
    policy: &PolicyAt,
    conn: &mut Conn,
    subject: &Subject,
    acr: Acr,
) -> Result<Reach, StoreError> {
    let is_raised = acr < Acr::Aal2 && is_admin_raised(policy, conn, subject).await?;
    Ok(policy.reach(acr, is_raised))
}

/// Returns true if `subject` has to prove a second factor to be an administrator.
pub(crate) async fn is_admin_raised(
    policy: &PolicyAt,
    conn: &mut Conn,
    subject: &Subject,
) -> Result<bool, StoreError> {
    Ok(subject.kind == SubjectKind::User
        && is_admin(policy, &subject.assigned)
        && has_factor(conn, &subject.id).await?)
}

/// Returns true if the account has a role that a password alone does not reach. Such an account cannot sign in with the
/// password grant.
pub(crate) fn needs_more_than_a_password(policy: &Policy, assigned: &[Assigned]) -> bool {
    let roles = policy.closure(assigned.iter().map(|one| &one.role));
    let mut known = roles.iter().filter_map(|role| policy.role(role.as_str()));
    known.any(|one| one.acr > Acr::Aal1)
}

/// Returns the highest assurance that a role of the account needs, among those that are not above `most`.
pub(crate) fn highest_acr_within(policy: &Policy, assigned: &[Assigned], most: Acr) -> Acr {
    let roles = policy.closure(assigned.iter().map(|one| &one.role));
    let known = roles.iter().filter_map(|role| policy.role(role.as_str()));
    let within = known.map(|one| one.acr).filter(|acr| *acr <= most);
    within.max().unwrap_or_default()
}

fn is_admin(policy: &Policy, assigned: &[Assigned]) -> bool {
    let roles = policy.closure(assigned.iter().map(|one| &one.role));
    roles.contains::<RoleName>(&builtin::ADMIN_ROLE)
}
