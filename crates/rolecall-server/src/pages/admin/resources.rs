//! Resources, to which tokens are limited: listed, registered, changed and deleted.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};

use super::{
    super::submitted::Submitted,
    faults::Faults,
    links::{Listing, below, cut, one_more},
    seen::{self, Seen},
    views::{
        confirm::{Confirm, Effect},
        resources::{ResourcePage, Resources, Row},
    },
    visit::Visit,
};
use crate::{
    authority::may,
    error::ApiError,
    patch::Patch,
    resources::{
        service::{self, NewResource, ResourceChanges},
        store::{Dynamic, Resource},
    },
    web::params::Segment,
};

/// The page itself.
const PATH: &str = "/admin/resources";
/// The resources on a page.
const SHOWN: usize = 50;

/// The list of resources.
pub(crate) async fn get_resources(_: Public, visit: Visit) -> Response {
    visit.answer(list(&visit).await).await
}

async fn list(visit: &Visit) -> Result<Response, ApiError> {
    let listing = Listing::read(PATH, &visit.query, &[], &["age"]);
    let mut found =
        service::list(&visit.app, visit.caller(), listing.after, one_more(SHOWN)).await?;
    let last = cut(&mut found, SHOWN);
    let last = last.map(|one| one.id.clone());
    let view = Resources {
        may_create: visit.may_globally(may::WriteResources::NAME),
        first: listing.first(),
        next: listing.next(last.as_deref()),
        rows: found.into_iter().map(row).collect(),
    };
    Ok(visit.show("admin_resources.html", &view))
}

fn row(resource: Resource) -> Row {
    Row {
        href: path_of(&resource.id),
        uri: resource.uri,
        name: resource.name,
        objects: resource.objects.0.into_iter().collect(),
        default_scope: resource.default_scope.unwrap_or_default(),
        dynamic: resource.dynamic.as_str(),
    }
}

fn path_of(id: &str) -> String {
    below(PATH, id)
}

/// What a form says.
struct Wanted {
    name: String,
    objects: Vec<String>,
    default_scope: Option<String>,
    dynamic: Dynamic,
}

fn wanted(form: &Submitted) -> Result<Wanted, Faults> {
    let objects = form.get("objects");
    let objects = objects.split(|one: char| one.is_whitespace() || one == ',');
    let objects = objects.filter(|one| !one.is_empty());
    let scope = form.get("default_scope").trim();
    let dynamic = match form.get("dynamic").trim() {
        "" => Dynamic::default(),
        word => word
            .parse()
            .map_err(|why| Faults::about("dynamic", "", why))?,
    };
    Ok(Wanted {
        name: form.get("name").trim().to_owned(),
        objects: objects.map(str::to_owned).collect(),
        default_scope: (!scope.is_empty()).then(|| scope.to_owned()),
        dynamic,
    })
}

fn form_of(entered: &Submitted) -> ResourcePage {
    ResourcePage {
        may_write: true,
        uri: entered.get("uri").to_owned(),
        name: entered.get("name").to_owned(),
        objects: entered.get("objects").replace('\r', ""),
        default_scope: entered.get("default_scope").to_owned(),
        dynamic: entered.get("dynamic").to_owned(),
        ..ResourcePage::default()
    }
}

/// The form for a new resource.
pub(crate) async fn get_new(_: Public, visit: Visit) -> Response {
    show_new(&visit, &visit.query, &Faults::default())
}

fn show_new(visit: &Visit, entered: &Submitted, faults: &Faults) -> Response {
    let view = ResourcePage {
        is_new: true,
        path: format!("{PATH}/new"),
        ..form_of(entered)
    };
    visit.show_with("admin_resource.html", &view, faults)
}

/// Registers a resource (`uri`, `name`, `objects`, `default_scope`, `dynamic`).
pub(crate) async fn post_new(_: Public, visit: Visit, form: Submitted) -> Response {
    let created = async {
        let wanted = wanted(&form).map_err(Err)?;
        let new = NewResource {
            uri: form.get("uri").trim().to_owned(),
            name: wanted.name,
            objects: wanted.objects,
            default_scope: wanted.default_scope,
            dynamic: wanted.dynamic,
        };
        let created = service::create(&visit.app, visit.caller(), &new).await;
        created.map_err(Ok)
    };
    let refused: Result<ApiError, Faults> = match created.await {
        Ok(resource) => return visit.done(&path_of(&resource.id), "resource-created"),
        Err(refused) => refused,
    };
    match refused.map_or_else(Ok, Faults::read) {
        Ok(faults) => show_new(&visit, &form, &faults),
        Err(error) => visit.refuse(error).await,
    }
}

/// The page of a resource.
pub(crate) async fn get_resource(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
) -> Response {
    visit
        .answer(show(&visit, &id, visit.kept(), &Faults::default()).await)
        .await
}

async fn show(
    visit: &Visit,
    id: &str,
    entered: Option<&Submitted>,
    faults: &Faults,
) -> Result<Response, ApiError> {
    let stored = service::get(&visit.app, visit.caller(), id).await?;
    let form = stored_form(&stored);
    let seen = Seen::of(&form);
    let form = entered.map_or(form, form_of);
    let view = ResourcePage {
        path: path_of(id),
        may_write: visit.may_globally(may::WriteResources::NAME),
        uri: stored.uri,
        title: stored.name,
        updated: Some(stored.updated_at.into()),
        ..form
    };
    Ok(visit.show_seen("admin_resource.html", &view, faults, &seen))
}

/// Returns the form of a resource as it is stored.
fn stored_form(stored: &Resource) -> ResourcePage {
    let objects: Vec<&str> = stored.objects.0.iter().map(String::as_str).collect();
    ResourcePage {
        name: stored.name.clone(),
        objects: objects.join("\n"),
        default_scope: stored.default_scope.clone().unwrap_or_default(),
        dynamic: stored.dynamic.as_str().to_owned(),
        ..ResourcePage::default()
    }
}

/// Changes a resource (`name`, `objects`, `default_scope`, `dynamic`).
pub(crate) async fn post_resource(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
    form: Submitted,
) -> Response {
    let updated = async {
        let stored = async {
            let stored = service::get(&visit.app, visit.caller(), &id).await?;
            Ok(stored_form(&stored))
        };
        seen::check(&form, stored).await.map_err(Ok)?;
        let wanted = wanted(&form).map_err(Err)?;
        let changes = ResourceChanges {
            name: Some(wanted.name),
            objects: Some(wanted.objects),
            default_scope: wanted.default_scope.map_or(Patch::Clear, Patch::Set),
            dynamic: Some(wanted.dynamic),
        };
        let updated = service::update(&visit.app, visit.caller(), &id, &changes).await;
        updated.map_err(Ok)
    };
    let refused: Result<ApiError, Faults> = match updated.await {
        Ok(_) => return visit.done(&path_of(&id), "saved"),
        Err(refused) => refused,
    };
    match refused.map_or_else(Ok, Faults::read) {
        Ok(faults) => {
            let made = show(&visit, &id, Some(&form), &faults).await;
            visit.answer(made).await
        }
        Err(error) => visit.refuse(error).await,
    }
}

/// Asks whether to delete a resource.
pub(crate) async fn get_delete(_: Public, visit: Visit, Segment(id): Segment<String>) -> Response {
    visit
        .answer(ask(&visit, &id, &Faults::default()).await)
        .await
}

/// Deletes a resource.
pub(crate) async fn post_delete(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
    _: Submitted,
) -> Response {
    let deleted = service::delete(&visit.app, visit.caller(), &id).await;
    match deleted.map_err(Faults::read) {
        Ok(()) => visit.done(PATH, "resource-deleted"),
        Err(Ok(faults)) => visit.answer(ask(&visit, &id, &faults).await).await,
        Err(Err(error)) => visit.refuse(error).await,
    }
}

async fn ask(visit: &Visit, id: &str, faults: &Faults) -> Result<Response, ApiError> {
    let resource = service::get(&visit.app, visit.caller(), id).await?;
    let path = path_of(id);
    let view = Confirm {
        title: "admin-delete-resource",
        name: resource.name,
        effects: vec![
            Effect::of("admin-effect-resource-tokens", resource.uri),
            Effect::of("admin-effect-resource-clients", ""),
        ],
        is_final: true,
        action: format!("{path}/delete"),
        fields: Vec::new(),
        back: path,
    };
    Ok(visit.show_with("admin_confirm.html", &view, faults))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_stand_in_lines_or_between_commas_and_what_is_empty_is_not_there() {
        for text in ["items%0D%0Aorders", "items,+orders", "+items++orders%0A"] {
            let body = format!("objects={text}&name=+Stock+&default_scope=+");
            let wanted = wanted(&Submitted::parse(body.as_bytes())).unwrap();
            assert_eq!(wanted.objects, ["items", "orders"], "{text}");
            assert_eq!((&*wanted.name, wanted.default_scope), ("Stock", None));
            assert_eq!(wanted.dynamic, Dynamic::No);
        }
        let wrong = wanted(&Submitted::parse(b"dynamic=always"));
        assert!(wrong.is_err_and(|faults| faults.list[0].field == "dynamic"));
    }
}
