//! The page on which users change their profile fields.

use std::collections::BTreeMap;

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use http::StatusCode;
use minijinja::{Value, context};
use rolecall::Public;
use serde_json::{Map, Value as Json};

use super::{
    super::{
        answers::{failed, message, see_other},
        refusals,
        submitted::{Browser, Submitted},
    },
    Fault, page, signed_in,
};
use crate::{
    accounts::{
        me_service::{self, OwnChanges},
        service,
        shown::ShownUser,
    },
    app::App,
    error::{ApiError, FieldError},
    factors::owner::Owner,
    login::browser::store::BrowserSession,
    patch::Patch,
    profile::{FieldAccess, ProfileField, field::FieldKind, input::ProfileInput, rules::Party},
};

const PATH: &str = "/account/profile";
/// The name of a field in the form begins with it, so that none is taken for another input.
const PREFIX: &str = "field-";
/// Messages of the API end with it.
const FOR_PROGRAMS: &str = "; null removes it";

/// The page with the profile fields that the user who is signed in may change.
#[utoipa::path(get, path = "/account/profile", tag = "sign-in", responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
    (status = 303, description = "To the sign-in"),
    (status = 404, description = "A page: there is nothing to change", body = String, content_type = "text/html")))]
pub(crate) async fn get_profile(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Response {
    let current = match signed_in(&app, &browser).await {
        Ok(current) => current,
        Err(response) => return response,
    };
    let query = Submitted::parse(query.unwrap_or_default().as_bytes());
    let is_saved = query.get("notice") == "saved";
    let typed = BTreeMap::new();
    show(
        &app,
        &browser,
        &current,
        (&typed, &Fault::default(), is_saved),
    )
    .await
}

/// Change profile fields of the own account (`field-NAME`); an empty value removes one.
#[utoipa::path(post, path = "/account/profile", tag = "sign-in", responses(
    (status = 303, description = "To the page"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_profile(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let current = match signed_in(&app, &browser).await {
        Ok(current) => current,
        Err(response) => return response,
    };
    let language = browser.language(&app, None);
    let typed = typed(&app, &form);
    let fault = match save(&app, &current, browser.address(), &typed).await {
        Ok(()) => return see_other(&format!("{PATH}?notice=saved")),
        Err(ApiError::Invalid(wrong)) => {
            let name = wrong.loc.last().map(ToString::to_string);
            let name = name.unwrap_or_default();
            let field = app.settings().profile.get(&name);
            let text = field.and_then(|field| refusals::of_field(&app, language, field, &wrong));
            let text = text.unwrap_or_else(|| format!("{name}: {}", wrong.msg));
            Fault {
                problem: text.replace(FOR_PROGRAMS, ""),
                ..Fault::of("", StatusCode::UNPROCESSABLE_ENTITY)
            }
        }
        Err(error @ ApiError::Rule { .. }) => Fault::of_rule(&app, language, &error),
        Err(error) => return failed(&app, language, error),
    };
    show(&app, &browser, &current, (&typed, &fault, false)).await
}

fn writable(app: &App) -> impl Iterator<Item = &ProfileField> {
    let fields = app.settings().profile.iter();
    fields.filter(|field| field.write == FieldAccess::Owner && field.read == FieldAccess::Owner)
}

/// Returns true if there is a field that users may change themselves.
pub(in super::super) fn is_offered(app: &App) -> bool {
    writable(app).next().is_some()
}

/// Returns what the form has for each field; a field that it lacks stays as it is.
fn typed(app: &App, form: &Submitted) -> BTreeMap<String, String> {
    let value = |field: &ProfileField| {
        let name = format!("{PREFIX}{}", field.name);
        let has_one = form.all(&name).len() == 1;
        has_one.then(|| (field.name.clone(), form.get(&name).to_owned()))
    };
    writable(app).filter_map(value).collect()
}

async fn save(
    app: &App,
    current: &BrowserSession,
    address: &str,
    typed: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let mut values = BTreeMap::new();
    for field in writable(app) {
        let Some(text) = typed.get(&field.name).map(|text| text.trim()) else {
            continue;
        };
        let value = if text.is_empty() {
            Json::Null
        } else {
            let parsed = field.parse(text);
            parsed.map_err(|misfit| {
                ApiError::Invalid(FieldError::body(&field.name, misfit.kind, misfit.expected))
            })?
        };
        values.insert(field.name.clone(), value);
    }
    let changes = OwnChanges {
        email: Patch::Keep,
        profile: ProfileInput(values),
    };
    me_service::update(app, &Owner::in_browser(current, address), changes).await
}

async fn show(
    app: &App,
    browser: &Browser,
    current: &BrowserSession,
    (typed, fault, is_saved): (&BTreeMap<String, String>, &Fault, bool),
) -> Response {
    let language = browser.language(app, None);
    if !is_offered(app) {
        return message(app, language, StatusCode::NOT_FOUND, "not-offered", "");
    }
    let stored = match service::find(app, &current.subject_id).await {
        Ok(user) => ShownUser::to(app, Party::Owner, user).into_parts().1,
        Err(error) => return failed(app, language, error),
    };
    let stored = stored.unwrap_or_default();
    let fields = writable(app).map(|field| shown(field, &stored, typed.get(&field.name)));
    let values = context! {
        username => current.username.as_str(),
        fields => fields.collect::<Vec<Value>>(),
        is_saved => is_saved,
        problem => fault.problem.as_str(),
    };
    page(app, language, "details.html", fault.status, values)
}

fn shown(field: &ProfileField, stored: &Map<String, Json>, typed: Option<&String>) -> Value {
    let stored = match stored.get(&field.name) {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let choices: Vec<String> = match &field.kind {
        FieldKind::Boolean => vec!["true".to_owned(), "false".to_owned()],
        FieldKind::Enum { values } => values.clone(),
        _ => Vec::new(),
    };
    let kind = match &field.kind {
        FieldKind::Date => "date",
        FieldKind::Url { .. } => "url",
        FieldKind::Boolean => "boolean",
        FieldKind::Enum { .. } => "enum",
        FieldKind::Number | FieldKind::Integer | FieldKind::String { .. } => "text",
    };
    context! {
        name => field.name.as_str(),
        kind => kind,
        value => typed.map_or(stored.as_str(), String::as_str),
        choices => choices,
        is_required => field.required,
        max_length => field.kind.max_length().unwrap_or(50),
    }
}
