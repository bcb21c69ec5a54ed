//! What is done to one user: each action first says what it will do.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};

use super::{
    super::submitted::Submitted,
    faults::Faults,
    users::{PATH, path_of},
    views::confirm::{Confirm, Effect, Secret},
    visit::Visit,
};
use crate::{
    accounts::{
        mailed_reset, reset,
        service::{self, Changes},
        shown::ShownUser,
    },
    authority::{may, subject::Status},
    error::ApiError,
    factors::service as factors,
    roles::{assigning::Assignee, assignments},
    sessions::service as sessions,
    web::params::Segment,
};

/// The most sessions that are counted.
const COUNTED: i64 = 200;

/// An action on a user that its page confirms.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Disable,
    Enable,
    Reset,
    Delete,
}

impl Action {
    const fn word(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Reset => "reset",
            Self::Delete => "delete",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Disable => "admin-disable-user",
            Self::Enable => "admin-enable-user",
            Self::Reset => "admin-reset-user",
            Self::Delete => "admin-delete-user",
        }
    }
}

/// Asks whether to disable a user.
pub(crate) async fn get_disable(_: Public, visit: Visit, Segment(id): Segment<String>) -> Response {
    visit
        .answer(ask(&visit, &id, Action::Disable, &Faults::default()).await)
        .await
}

/// Disables a user.
pub(crate) async fn post_disable(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
    _: Submitted,
) -> Response {
    run(&visit, &id, Action::Disable).await
}

/// Asks whether to enable a user.
pub(crate) async fn get_enable(_: Public, visit: Visit, Segment(id): Segment<String>) -> Response {
    visit
        .answer(ask(&visit, &id, Action::Enable, &Faults::default()).await)
        .await
}

/// Enables a user.
pub(crate) async fn post_enable(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
    _: Submitted,
) -> Response {
    run(&visit, &id, Action::Enable).await
}

/// Asks whether to reset a password.
pub(crate) async fn get_reset(_: Public, visit: Visit, Segment(id): Segment<String>) -> Response {
    visit
        .answer(ask(&visit, &id, Action::Reset, &Faults::default()).await)
        .await
}

/// Resets a password: sends a link, or shows a code once.
pub(crate) async fn post_reset(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
    _: Submitted,
) -> Response {
    run(&visit, &id, Action::Reset).await
}

/// Asks whether to delete a user.
pub(crate) async fn get_delete(_: Public, visit: Visit, Segment(id): Segment<String>) -> Response {
    visit
        .answer(ask(&visit, &id, Action::Delete, &Faults::default()).await)
        .await
}

/// Deletes a user.
pub(crate) async fn post_delete(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
    _: Submitted,
) -> Response {
    run(&visit, &id, Action::Delete).await
}

/// Does an action, or shows its page again with what is wrong.
async fn run(visit: &Visit, id: &str, action: Action) -> Response {
    match perform(visit, id, action).await.map_err(Faults::read) {
        Ok(response) => response,
        Err(Ok(faults)) => visit.answer(ask(visit, id, action, &faults).await).await,
        Err(Err(error)) => visit.refuse(error).await,
    }
}

async fn perform(visit: &Visit, id: &str, action: Action) -> Result<Response, ApiError> {
    let (app, caller) = (&visit.app, visit.caller());
    let set = async |status| {
        let changes = Changes {
            status: Some(status),
            ..Changes::default()
        };
        service::update(app, caller, id, &changes).await
    };
    match action {
        Action::Disable => {
            set(Status::Disabled).await?;
            let undo = format!("{}/enable", path_of(id));
            Ok(visit.done_and_undo(&path_of(id), "user-disabled", Some(&undo)))
        }
        Action::Enable => {
            set(Status::Active).await?;
            let undo = format!("{}/disable", path_of(id));
            Ok(visit.done_and_undo(&path_of(id), "user-enabled", Some(&undo)))
        }
        Action::Delete => {
            service::delete(app, caller, id).await?;
            Ok(visit.done(PATH, "user-deleted"))
        }
        Action::Reset => {
            let name = service::get(app, caller, id).await?.username.clone();
            if mailed_reset::start(app, caller, id).await?.is_some() {
                return Ok(visit.done(&path_of(id), "mailed"));
            }
            let code = reset::start(app, caller, id, Some(visit.browser.address())).await?;
            let view = Secret {
                title: "admin-user-reset",
                name,
                secret: code.code,
                until: Some(code.expires_at.into()),
                is_unconfirmed: code.is_unconfirmed,
                next: path_of(id),
            };
            Ok(visit.show("admin_secret.html", &view))
        }
    }
}

/// Says what an action will do.
async fn ask(
    visit: &Visit,
    id: &str,
    action: Action,
    faults: &Faults,
) -> Result<Response, ApiError> {
    let (app, caller) = (&visit.app, visit.caller());
    let user = service::get(app, caller, id).await?;
    let open = sessions::list(app, caller, id, "", COUNTED).await?.len();
    let path = path_of(id);
    let effects = effects(visit, &user, action, open).await?;
    let view = Confirm {
        title: action.title(),
        name: user.username.clone(),
        effects,
        is_final: action == Action::Delete,
        action: format!("{path}/{}", action.word()),
        fields: Vec::new(),
        back: path,
    };
    Ok(visit.show_with("admin_confirm.html", &view, faults))
}

/// Returns what an action does to a user who has `open` sessions of applications.
async fn effects(
    visit: &Visit,
    user: &ShownUser,
    action: Action,
    open: usize,
) -> Result<Vec<Effect>, ApiError> {
    Ok(match action {
        Action::Disable => {
            let way_back = if visit.session.subject_id == user.id {
                "admin-effect-oneself"
            } else {
                "admin-effect-can-undo"
            };
            vec![
                Effect::on("admin-effect-signed-out", open),
                Effect::of("admin-effect-no-sign-in", ""),
                Effect::of(way_back, ""),
            ]
        }
        Action::Enable => vec![Effect::of("admin-effect-sign-in-again", "")],
        Action::Reset => {
            let is_mailed = visit.app.settings().mail.is_some() && user.proven_email().is_some();
            vec![
                Effect::on("admin-effect-signed-out", open),
                Effect::of("admin-effect-password-gone", ""),
                Effect::of(
                    if is_mailed {
                        "admin-effect-link-mailed"
                    } else {
                        "admin-effect-code-shown"
                    },
                    "",
                ),
            ]
        }
        Action::Delete => {
            let mut effects = vec![Effect::on("admin-effect-signed-out", open)];
            if visit.may_globally(may::ReadAssignments::NAME) {
                let (app, caller) = (&visit.app, visit.caller());
                let own = Assignee::User(&user.id);
                let held = assignments::list(app, caller, own, ("", ""), None, COUNTED).await?;
                effects.push(Effect::on("admin-effect-roles-gone", held.len()));
            }
            effects.push(Effect::of("admin-effect-account-gone", ""));
            effects.push(Effect::of("admin-effect-audit-stays", ""));
            effects
        }
    })
}

/// Asks whether to remove a second factor (`factor`).
pub(crate) async fn get_factors(_: Public, visit: Visit, Segment(id): Segment<String>) -> Response {
    let factor = visit.query.get("factor").to_owned();
    visit
        .answer(ask_remove(&visit, &id, &factor, &Faults::default()).await)
        .await
}

/// Removes a second factor (`factor`).
pub(crate) async fn post_factors(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
    form: Submitted,
) -> Response {
    let factor = form.get("factor");
    let user = (id.as_str(), visit.browser.address());
    let removed = factors::remove_of(&visit.app, visit.caller(), user, factor).await;
    match removed.map_err(Faults::read) {
        Ok(()) => visit.done(&path_of(&id), "saved"),
        Err(Ok(faults)) => {
            visit
                .answer(ask_remove(&visit, &id, factor, &faults).await)
                .await
        }
        Err(Err(error)) => visit.refuse(error).await,
    }
}

async fn ask_remove(
    visit: &Visit,
    id: &str,
    factor: &str,
    faults: &Faults,
) -> Result<Response, ApiError> {
    let own = factors::list_of(&visit.app, visit.caller(), id).await?;
    let found = own.factors.iter().find(|one| one.id == factor);
    let found = found.ok_or_else(|| ApiError::unknown("factor", &factor))?;
    let path = path_of(id);
    let view = Confirm {
        title: "admin-remove-factor",
        name: shown_name(visit, id).await?,
        effects: vec![
            Effect::of("admin-effect-factor-gone", found.name.as_str()),
            Effect::of("admin-effect-tokens-refused", ""),
        ],
        is_final: true,
        action: format!("{path}/factors"),
        fields: vec![("factor", factor.to_owned())],
        back: path,
    };
    Ok(visit.show_with("admin_confirm.html", &view, faults))
}

/// Returns the name of a user; the id for those who may not read users.
pub(super) async fn shown_name(visit: &Visit, id: &str) -> Result<String, ApiError> {
    if !visit.may_globally(may::ReadUsers::NAME) {
        return Ok(id.to_owned());
    }
    Ok(service::get(&visit.app, visit.caller(), id)
        .await?
        .username
        .clone())
}
