//! Clients: the list, and the page of one.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};
use rolecall_core::RoleName;

use super::{
    events,
    links::{Listing, below, cut, one_more},
    names,
    presets::{self, Endpoints},
    user,
    views::clients::{ClientPage, Clients, Row, SignsIn},
    visit::Visit,
};
use crate::{
    authority::may,
    clients::{
        service,
        sign_in::Application,
        store::{Client, Listed},
    },
    error::ApiError,
    roles::{assigning::Assignee, assignments},
    web::params::Segment,
};

/// The page itself.
pub(super) const PATH: &str = "/admin/clients";
/// The clients on a page.
const SHOWN: usize = 50;
/// The most assignments of a client that its page shows.
const ASSIGNMENTS: i64 = 200;

/// The list of clients.
pub(crate) async fn get_clients(_: Public, visit: Visit) -> Response {
    visit.answer(show(&visit).await).await
}

async fn show(visit: &Visit) -> Result<Response, ApiError> {
    let listing = Listing::read(PATH, &visit.query, &[], &["age"]);
    let mut found =
        service::list(&visit.app, visit.caller(), listing.after, one_more(SHOWN)).await?;
    let last = cut(&mut found, SHOWN);
    let last = last.map(|one| one.client.id.clone());
    let may_create = visit.may_globally(may::WriteClients::NAME);
    let view = Clients {
        may_create,
        first: listing.first(),
        next: listing.next(last.as_deref()),
        rows: found.iter().map(row).collect(),
        presets: if may_create {
            presets::links(&format!("{PATH}/new"))
        } else {
            Vec::new()
        },
    };
    Ok(visit.show("admin_clients.html", &view))
}

fn row(listed: &Listed) -> Row {
    let client = &listed.client;
    Row {
        href: path_of(&client.id),
        name: client.name.clone(),
        kind: kind_key(client.application),
        is_public: client.public,
        grants: client.grants.iter().map(ToString::to_string).collect(),
        who: names_of(&client.sign_in.who),
        signs_in: client.application.is_some(),
        roles: names_of(&listed.roles),
    }
}

fn names_of(roles: &[RoleName]) -> Vec<String> {
    roles.iter().map(ToString::to_string).collect()
}

fn kind_key(application: Option<Application>) -> &'static str {
    match application {
        Some(Application::Web) => "admin-kind-web",
        Some(Application::Native) => "admin-kind-native",
        Some(Application::Browser) => "admin-kind-browser",
        None => "admin-kind-none",
    }
}

/// Returns the address of a client's page.
pub(super) fn path_of(id: &str) -> String {
    below(PATH, id)
}

/// The page of a client (`preset` shows what to enter in a program).
pub(crate) async fn get_client(_: Public, visit: Visit, Segment(id): Segment<String>) -> Response {
    visit.answer(show_client(&visit, &id).await).await
}

async fn show_client(visit: &Visit, id: &str) -> Result<Response, ApiError> {
    let (app, caller, path) = (&visit.app, visit.caller(), path_of(id));
    let Listed { client, roles } = service::get(app, caller, id).await?;
    let server = Endpoints::of(app).await?;
    let sees_assignments = visit.may(may::ReadAssignments::NAME);
    let sees_roles = visit.may_globally(may::ReadRoles::NAME);
    let now = visit.now();
    let previous = client.previous_secret.as_ref();
    let mut page = ClientPage {
        name: client.name.clone(),
        kind: kind_key(client.application),
        is_public: client.public,
        may_write: visit.may_globally(may::WriteClients::NAME),
        may_assign: visit.may(may::WriteAssignments::NAME),
        sees_roles,
        sees_assignments,
        sees_events: visit.may_globally(may::ReadAudit::NAME),
        settings: server.settings(&client),
        paste: presets::named(visit.query.get("preset")).map(|one| one.paste(&client, &server)),
        signs_in: client.application.map(|_| signs_in(&client)),
        grants: client.grants.iter().map(ToString::to_string).collect(),
        scope: client.scope.clone().unwrap_or_default(),
        audiences: client.audiences.clone(),
        previous_until: previous
            .filter(|(_, ends)| *ends > now)
            .map(|(_, ends)| (*ends).into()),
        roles: names_of(&roles),
        created: Some(client.created_at.into()),
        updated: Some(client.updated_at.into()),
        presets: if client.application.is_some() {
            presets::links(&path)
        } else {
            Vec::new()
        },
        path,
        ..ClientPage::default()
    };
    if sees_assignments {
        let tenant = visit.tenant();
        let own = Assignee::Client(id);
        let given =
            assignments::list(app, caller, own, ("", ""), tenant.as_ref(), ASSIGNMENTS).await?;
        let names =
            names::of_actors(visit, given.iter().map(|one| one.assigned_by.as_str())).await?;
        let shown = given
            .iter()
            .map(|one| user::assignment(&page.path, one, &names, now));
        page.assignments = shown.collect();
        if !sees_roles {
            // it would lead to a page that they may not see
            page.assignments.iter_mut().for_each(|one| one.href.clear());
        }
    }
    if page.sees_events {
        (page.events, page.older_events) = events::of(visit, id, &page.path).await?;
    }
    Ok(visit.show("admin_client.html", &page))
}

fn signs_in(client: &Client) -> SignsIn {
    let own = &client.sign_in;
    let tenant = own.tenant.as_ref();
    SignsIn {
        who: names_of(&own.who),
        tenant: tenant.map(ToString::to_string).unwrap_or_default(),
        acr: own.acr.as_str(),
        consent: own.consent.as_str(),
        pkce: own.pkce.as_str(),
        id_token_alg: own.id_token_alg.as_str(),
        claims_in_id_token: own.claims_in_id_token,
        backchannel_logout_uri: own.backchannel_logout_uri.clone().unwrap_or_default(),
        initiate_login_uri: own.initiate_login_uri.clone().unwrap_or_default(),
    }
}
