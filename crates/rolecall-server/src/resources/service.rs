//! The rules for resources.

use std::collections::BTreeSet;

use rolecall::PermissionName as _;
use rolecall_core::{FloorKind, Permission, is_unprintable};
use serde_json::json;

use super::store::{self, Dynamic, Objects, Resource};
use crate::{
    app::App,
    authority::{caller::Caller, may, reads, rights::Rights},
    clients::store as clients,
    error::{ApiError, FieldError},
    ids,
    patch::Patch,
    reasons::Reason,
    settings::Settings,
    store::Change,
    tokens::requested::RequestedScope,
};

const MAX_NAME: usize = 100;
const MAX_URI: usize = 500;
const MAX_OBJECTS: usize = 100;

/// A resource to register, not yet checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewResource {
    pub(crate) uri: String,
    pub(crate) name: String,
    pub(crate) objects: Vec<String>,
    pub(crate) default_scope: Option<String>,
    pub(crate) dynamic: Dynamic,
}

/// Changes to a resource; `None` keeps the stored value.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResourceChanges {
    pub(crate) name: Option<String>,
    pub(crate) objects: Option<Vec<String>>,
    pub(crate) default_scope: Patch<String>,
    pub(crate) dynamic: Option<Dynamic>,
}

/// Returns up to `limit` resources after the id `after`.
pub(crate) async fn list(
    app: &App,
    caller: Caller<'_>,
    after: &str,
    limit: i64,
) -> Result<Vec<Resource>, ApiError> {
    reads::require(app, caller, may::ReadResources::NAME).await?;
    Ok(store::list(&mut app.store().read().await?, after, limit).await?)
}

/// Returns a resource.
pub(crate) async fn get(app: &App, caller: Caller<'_>, id: &str) -> Result<Resource, ApiError> {
    reads::require(app, caller, may::ReadResources::NAME).await?;
    let found = store::find(&mut app.store().read().await?, id).await?;
    found.ok_or_else(|| ApiError::unknown("resource", &id))
}

/// Returns the id of the resource with this URI. It asks for no permission: commands name resources, and services check
/// what may be done with them.
pub(crate) async fn find_id(app: &App, uri: &str) -> Result<Option<String>, ApiError> {
    let found = store::find_by_uri(&mut app.store().read().await?, uri).await?;
    Ok(found.map(|resource| resource.id))
}

/// Registers a resource. From then on, tokens for it carry only what concerns it; those of before end.
///
/// # Errors
///
/// Refused if a member is wrong, or the URI is registered already or is this server's own.
pub(crate) async fn create(
    app: &App,
    caller: Caller<'_>,
    new: &NewResource,
) -> Result<Resource, ApiError> {
    let now = app.now();
    let mut resource = Resource {
        id: ids::new_id(now).map_err(ApiError::internal)?,
        uri: uri(&new.uri, app.settings())?,
        name: name(&new.name)?,
        objects: objects(&new.objects)?,
        default_scope: None,
        dynamic: new.dynamic,
        created_at: now,
        updated_at: now,
    };
    resource.default_scope = default_scope(new.default_scope.as_deref(), &resource.objects)?;
    app.change(caller, async |change| {
        Rights::require(app, change, caller, may::WriteResources::NAME).await?;
        let taken = store::find_by_uri(change.conn(), &resource.uri).await?;
        if taken.is_some() {
            return Err(ApiError::already_there("resource", &resource.uri));
        }
        store::insert(change, &resource).await?;
        end_tokens(change, &resource).await?;
        change.record(entry("resource.created", &resource));
        Ok(())
    })
    .await?;
    Ok(resource)
}

/// Changes a resource. If its tokens could carry less, those of before end.
///
/// # Errors
///
/// Refused if a member is wrong, or there is no such resource.
pub(crate) async fn update(
    app: &App,
    caller: Caller<'_>,
    id: &str,
    changes: &ResourceChanges,
) -> Result<Resource, ApiError> {
    app.change(caller, async |change| {
        Rights::require(app, change, caller, may::WriteResources::NAME).await?;
        let before = store::find(change.conn(), id).await?;
        let before = before.ok_or_else(|| ApiError::unknown("resource", &id))?;
        let mut after = before.clone();
        if let Some(wanted) = &changes.name {
            after.name = name(wanted)?;
        }
        if let Some(wanted) = &changes.objects {
            after.objects = objects(wanted)?;
        }
        changes.default_scope.apply(&mut after.default_scope);
        after.default_scope = default_scope(after.default_scope.as_deref(), &after.objects)?;
        after.dynamic = changes.dynamic.unwrap_or(before.dynamic);
        if after == before {
            return Ok(before);
        }
        after.updated_at = change.now();
        store::update(change, &after).await?;
        let is_closed = before.dynamic == Dynamic::Ask && after.dynamic == Dynamic::No;
        if is_closed || !before.objects.0.is_subset(&after.objects.0) {
            end_tokens(change, &after).await?;
        }
        change.record(entry("resource.updated", &after));
        Ok(after)
    })
    .await
}

/// Deletes a resource. It is refused while a client may have tokens for it: they would carry everything again.
///
/// # Errors
///
/// [`ApiError::InUse`] names such a client.
pub(crate) async fn delete(app: &App, caller: Caller<'_>, id: &str) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        Rights::require(app, change, caller, may::WriteResources::NAME).await?;
        let Some(resource) = store::find(change.conn(), id).await? else {
            return Ok(());
        };
        let users = clients::with_audience(change.conn(), &resource.uri).await?;
        if let Some((_, name)) = users.first() {
            let client = name.clone();
            let by = Reason::AmongAudiences { client };
            return Err(ApiError::in_use("resource", &resource.uri, by));
        }
        store::delete(change, id).await?;
        end_tokens(change, &resource).await?;
        change.record(json!({ "action": "resource.deleted", "resource": resource.uri }));
        Ok(())
    })
    .await
}

/// Ends the tokens of all clients that may have some for the resource: those that were allowed it in advance, and those
/// that asked their users.
///
/// INVARIANT: the row of the resource was written before, so that a sign-in that holds it has come to its end.
async fn end_tokens(change: &mut Change<'_>, resource: &Resource) -> Result<(), ApiError> {
    for (client, _) in clients::with_audience(change.conn(), &resource.uri).await? {
        change.raise_floor(FloorKind::Client, &client);
    }
    for client in store::clients_in_use(change.conn(), &resource.uri).await? {
        change.raise_floor(FloorKind::Client, &client);
    }
    Ok(())
}

fn entry(action: &str, resource: &Resource) -> serde_json::Value {
    json!({
        "action": action, "resource": resource.uri, "objects": resource.objects.0,
        "default_scope": resource.default_scope, "dynamic": resource.dynamic.as_str(),
    })
}

fn refused(member: &str, reason: Reason) -> ApiError {
    ApiError::Invalid(FieldError::because(member, "value_error", reason))
}

/// Checks the URI of a resource (RFC 8707 section 2).
fn uri(text: &str, settings: &Settings) -> Result<String, ApiError> {
    if text == settings.issuer || text == settings.audience {
        return Err(refused("uri", Reason::ResourceIsOwn));
    }
    if !is_resource(text) {
        let most = MAX_URI.to_string();
        return Err(refused("uri", Reason::ResourceUri { most }));
    }
    Ok(text.to_owned())
}

/// Returns true for what may be asked for as `resource`: an absolute URI without a fragment (RFC 8707 section 2).
pub(crate) fn is_resource(text: &str) -> bool {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    text.len() <= MAX_URI
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.contains(['#', '"', '\\'])
        && text.split_once(':').is_some_and(|(scheme, rest)| {
            is_scheme(scheme) && !rest.trim_start_matches('/').is_empty()
        })
}

/// Checks a name, which is shown to people.
fn name(text: &str) -> Result<String, ApiError> {
    let fits = !text.is_empty()
        && text.trim() == text
        && text.chars().count() <= MAX_NAME
        && !text.contains(is_unprintable);
    if fits {
        return Ok(text.to_owned());
    }
    let most = MAX_NAME.to_string();
    Err(refused("name", Reason::ShownName { most }))
}

fn objects(names: &[String]) -> Result<Objects, ApiError> {
    if names.is_empty() || names.len() > MAX_OBJECTS {
        let most = MAX_OBJECTS.to_string();
        return Err(refused("objects", Reason::TooManyObjects { most }));
    }
    let mut set = BTreeSet::new();
    for name in names {
        let permission: Option<Permission> = format!("{name}:x").parse().ok();
        // `a:b` would parse as an object with an operation of its own
        let permission = permission.filter(|one| one.object() == name);
        let Some(permission) = permission else {
            return Err(refused("objects", Reason::NoObject));
        };
        if permission.is_reserved() {
            return Err(refused("objects", Reason::ObjectReserved));
        }
        if !set.insert(name.clone()) {
            let object = name.clone();
            return Err(refused("objects", Reason::ObjectTwice { object }));
        }
    }
    Ok(Objects(set))
}

/// Checks the scope of requests that name none: its permissions are of the objects.
fn default_scope(text: Option<&str>, objects: &Objects) -> Result<Option<String>, ApiError> {
    let Some(text) = text else {
        return Ok(None);
    };
    let Ok(scope) = RequestedScope::parse(text) else {
        return Err(refused("default_scope", Reason::DefaultScope));
    };
    let foreign = |one: &&Permission| !objects.0.contains(one.object());
    if let Some(foreign) = scope.permissions().iter().find(foreign) {
        let permission = foreign.to_string();
        let reason = Reason::ScopeOfOther { permission };
        return Err(refused("default_scope", reason));
    }
    Ok(Some(scope.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m181_a_resource_is_an_absolute_uri_without_a_fragment() {
        for right in [
            "https://items.example",
            "https://items.example/v1?a=b",
            "urn:example:items",
            "http://127.0.0.1:8000/mcp",
        ] {
            assert!(is_resource(right), "{right}");
        }
        let long = format!("https://items.example/{}", "a".repeat(MAX_URI));
        for wrong in [
            "",
            "items",
            "/items",
            "//items.example",
            "https://",
            "https:",
            ":x",
            "1a:x",
            "https://items.example/#x",
            "https://items.example/a b",
            "https://items.example/\u{e4}",
            "https://items.example/\"",
            &long,
        ] {
            assert!(!is_resource(wrong), "{wrong}");
        }
    }

    #[test]
    fn objects_are_those_of_permissions_and_not_rolecall_s_own() {
        let check = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            objects(&names)
        };
        let found = check(&["items", "orders.v2"]).unwrap();
        assert_eq!(found.0.len(), 2);
        let many: Vec<String> = (0..=MAX_OBJECTS)
            .map(|number| format!("o{number}"))
            .collect();
        assert!(objects(&many).is_err() && objects(&many[1..]).is_ok());
        for wrong in [
            &[][..],
            &["items", "items"],
            &["Items"],
            &["items:read"],
            &["*"],
            &[""],
            &["rolecall.users"],
        ] {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_default_scope_is_of_the_objects() {
        let objects = objects(&["items".to_owned()]).unwrap();
        let check = |text| default_scope(Some(text), &objects);
        assert_eq!(
            check("items:read role:editor").unwrap().unwrap(),
            "items:read role:editor"
        );
        assert!(check("orders:read").is_err() && check("").is_err() && check("items").is_err());
        assert_eq!(default_scope(None, &objects).unwrap(), None);
    }
}
