//! Ending requests for role assignments that nobody may confirm any more.

use rolecall_core::{RoleName, TenantName};
use serde_json::json;

use super::request_store::{self as store, AssignmentRequest};
use crate::{error::ApiError, store::Change};

/// Ends a request.
pub(super) async fn end(
    change: &mut Change<'_>,
    request: &AssignmentRequest,
) -> Result<(), ApiError> {
    store::delete(change, &request.id).await?;
    change.record(json!({
        "action": "role.request_ended", "request": request.id, "subject": request.subject,
        "role": request.assignment.role, "tenant": request.assignment.tenant, "requested_by": request.requested_by(),
    }));
    Ok(())
}

/// Ends the request for an assignment that is now created, changed or removed: it was made for another state.
pub(super) async fn end_matching(
    change: &mut Change<'_>,
    subject: &str,
    role: &RoleName,
    tenant: Option<&TenantName>,
) -> Result<(), ApiError> {
    match store::find_for(change.conn(), subject, role, tenant).await? {
        Some(request) => end(change, &request).await,
        None => Ok(()),
    }
}

/// Ends every request for a subject whose credentials, address or name change: the person who logs in as the subject
/// may be another one by the time of the confirmation.
pub(crate) async fn end_for_subject(
    change: &mut Change<'_>,
    subject: &str,
) -> Result<(), ApiError> {
    let requests = store::list(change.conn(), "", None, Some(subject), i64::MAX).await?;
    for request in &requests {
        end(change, request).await?;
    }
    Ok(())
}

/// Ends every request that a client made, when its secret becomes known to somebody else.
pub(crate) async fn end_by_client(change: &mut Change<'_>, client: &str) -> Result<(), ApiError> {
    let requests = store::list_by(change.conn(), &format!("client:{client}")).await?;
    for request in &requests {
        end(change, request).await?;
    }
    Ok(())
}
