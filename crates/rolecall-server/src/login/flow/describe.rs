//! Permissions and roles in the words of their makers.

use std::collections::BTreeMap;

use rolecall_core::{Permission, RoleName};

use super::{
    choice::Open,
    request::AuthorizationRequest,
    step::{FlowError, Step},
};
use crate::{app::App, resources::store as resources, roles::store as roles};

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

/// Returns the values of a scope that the page of a step describes.
pub(super) fn described(request: &AuthorizationRequest, step: &Step) -> Vec<String> {
    let Step::Choose { open, .. } = step else {
        let named = request.scope.as_deref().unwrap_or_default().split(' ');
        return named.map(str::to_owned).collect();
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
pub(super) async fn describe(
    app: &App,
    named: &[String],
) -> Result<BTreeMap<String, String>, FlowError> {
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
