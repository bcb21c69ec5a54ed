//! Limiting tokens to the resource that they are for.

use super::store::{self, Dynamic, Resource};
use crate::{
    store::{Conn, StoreError},
    tokens::requested::RequestedScope,
};

/// Returns the most that a token for `audience` may carry: the ceiling of its client, and of that only what concerns
/// the resource, if the audience is one.
///
/// INVARIANT: the revision of the token was read before. A change of the resource after that revision ends the token by
/// a floor on its client.
pub(crate) async fn limited(
    conn: &mut Conn,
    audience: &str,
    ceiling: Option<RequestedScope>,
) -> Result<Option<RequestedScope>, StoreError> {
    Ok(match store::find_by_uri(conn, audience).await? {
        Some(resource) => Some(within(&resource, ceiling)),
        None => ceiling,
    })
}

/// Returns true if a client that was not allowed `audience` in advance may ask its users for it.
pub(crate) async fn is_dynamic(conn: &mut Conn, audience: &str) -> Result<bool, StoreError> {
    let resource = store::find_by_uri(conn, audience).await?;
    Ok(resource.is_some_and(|resource| resource.dynamic == Dynamic::Ask))
}

fn within(resource: &Resource, ceiling: Option<RequestedScope>) -> RequestedScope {
    let objects = resource.objects.0.clone();
    ceiling.unwrap_or_default().for_resource(objects)
}

/// Returns the scope of a request for `audience` that names none: that of the resource, if it has one. What a user does
/// not hold of it is left out.
pub(crate) async fn default_scope(
    conn: &mut Conn,
    audience: &str,
) -> Result<Option<RequestedScope>, StoreError> {
    let resource = store::find_by_uri(conn, audience).await?;
    Ok(resource.as_ref().and_then(default_of))
}

/// Returns the default scope of a resource.
pub(crate) fn default_of(resource: &Resource) -> Option<RequestedScope> {
    let scope = resource.default_scope.as_deref();
    scope
        .and_then(RequestedScope::parse_any)
        .map(RequestedScope::into_default)
}
