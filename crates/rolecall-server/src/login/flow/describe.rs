//! Permissions and roles in the words of their makers.

use std::collections::BTreeMap;

use rolecall_core::{Permission, RoleName};

use super::{
    choice::Open,
    request::AuthorizationRequest,
    step::{FlowError, Step},
};
use crate::{
    app::App, clients::store::Client, consents::ceiling::Ceiling, resources::store as resources,
    roles::store as roles, store::StoreError,
};

/// The number of permissions and roles that a page describes.
const MAX_DESCRIBED: usize = 100;

/// Returns the name and the address of the API that a request names, if it is a resource.
pub(super) async fn name_resource(
    app: &App,
    request: &AuthorizationRequest,
) -> Result<Option<String>, FlowError> {
    if !request.names_resource {
        return Ok(None);
    }
    let mut conn = app.store().read().await?;
    let resource = resources::find_by_uri(&mut conn, &request.audience).await?;
    Ok(resource.map(|resource| format!("{} ({})", resource.name, resource.uri)))
}

/// Returns the roles and permissions that a request asks for: without a scope, all that its client may have. `None` if that
/// has no limit.
pub(super) async fn asked(
    app: &App,
    request: &AuthorizationRequest,
    client: Option<&Client>,
) -> Result<Option<Vec<String>>, StoreError> {
    if let Some(scope) = &request.scope {
        let named = scope.split(' ').filter(|value| !value.is_empty());
        return Ok(Some(named.map(str::to_owned).collect()));
    }
    let Some(client) = client else {
        return Ok(None);
    };
    let mut conn = app.store().read().await?;
    let ceiling = Ceiling::read(&mut conn, client, &request.audience).await?;
    Ok(ceiling.values())
}

/// Returns the values of a scope that the page of a step describes.
pub(super) fn described(step: &Step) -> Vec<String> {
    let open = match step {
        Step::Consent { asked, .. } => return asked.clone().unwrap_or_default(),
        Step::Choose { open, .. } => open,
        _ => return Vec::new(),
    };
    match open {
        Open::Tenant(_) => Vec::new(),
        Open::Roles(open, _) => open
            .options
            .iter()
            .map(|role| format!("role:{role}"))
            .collect(),
    }
}

/// Returns the descriptions of what a scope names, as far as there are any.
pub(in crate::login) async fn describe(
    app: &App,
    named: &[String],
) -> Result<BTreeMap<String, String>, StoreError> {
    let mut conn = app.store().read().await?;
    let mut descriptions = BTreeMap::new();
    for value in named.iter().take(MAX_DESCRIBED) {
        let described = match value.strip_prefix("role:").map(str::parse::<RoleName>) {
            Some(Ok(role)) => roles::find_role(&mut conn, &role)
                .await?
                .map(|it| it.description),
            Some(Err(_)) => None,
            None => match value.parse::<Permission>() {
                Ok(permission) => roles::find_permission(&mut conn, &permission)
                    .await?
                    .map(|it| it.description),
                Err(_) => None,
            },
        };
        if let Some(text) = described.filter(|text| !text.is_empty()) {
            descriptions.insert(value.clone(), text);
        }
    }
    Ok(descriptions)
}
