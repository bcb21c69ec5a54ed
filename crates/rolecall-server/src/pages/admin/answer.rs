//! The answers of the pages: pages, redirects after an action, and refusals.

use axum::response::Response;
use http::StatusCode;
use minijinja::{Value, context};
use rolecall::Denial;
use serde::Serialize;

use super::{
    super::{
        answers::{failed, see_other},
        reasons::Refusal,
        render::Page,
    },
    faults::Faults,
    links::link,
    seen::Seen,
    views::value,
    visit::Visit,
};
use crate::error::ApiError;

impl Visit {
    /// Returns a page of a template and its view.
    pub(crate) fn show(&self, template: &'static str, view: &impl Serialize) -> Response {
        self.show_with(template, view, &Faults::default())
    }

    /// Returns a page whose form has faults; with none, as [`show`](Self::show).
    pub(crate) fn show_with(
        &self,
        template: &'static str,
        view: &impl Serialize,
        faults: &Faults,
    ) -> Response {
        self.show_seen(template, view, faults, &Seen::default())
    }

    /// As [`show_with`](Self::show_with), for a form that keeps what it is filled in from.
    pub(super) fn show_seen(
        &self,
        template: &'static str,
        view: &impl Serialize,
        faults: &Faults,
        seen: &Seen,
    ) -> Response {
        let stale = Faults::stale();
        // a form can be overtaken during the sign-in that has led back to it
        let is_overtaken = self.kept().is_some_and(|kept| seen.is_newer_than(kept));
        let faults = if faults.list.is_empty() && is_overtaken {
            &stale
        } else {
            faults
        };
        let page = Page {
            template,
            status: faults.status,
            language: self.language,
            values: context! {
                frame => self.frame(),
                view => value(view),
                faults => value(&faults.worded(&self.app, self.language)),
                seen => seen.as_str(),
            },
            client: None,
            form_actions: Vec::new(),
        };
        page.answer(&self.app)
    }

    fn refusal(&self, refusal: &Refusal) -> Option<String> {
        let languages = &self.app.parts().look.languages;
        refusal.text(languages, self.language)
    }

    /// Answers an action that is done: goes to `path`, where the text of `done` says so.
    #[expect(clippy::unused_self, reason = "all answers of a visit read alike")]
    pub(crate) fn done(&self, path: &str, done: &str) -> Response {
        see_other(&link(path, &[("done", done)]))
    }

    /// As [`done`](Self::done), with the address of the page that undoes it, if there is one.
    #[expect(clippy::unused_self, reason = "all answers of a visit read alike")]
    pub(super) fn done_and_undo(&self, path: &str, done: &str, undo: Option<&str>) -> Response {
        let members = [("done", done), ("undo", undo.unwrap_or_default())];
        see_other(&link(path, &members))
    }

    /// Answers with what a handler has made, and its error with a page.
    pub(crate) async fn answer(&self, made: Result<Response, ApiError>) -> Response {
        match made {
            Ok(response) => response,
            Err(error) => self.refuse(error).await,
        }
    }

    /// Answers an error: with a sign-in if one is needed, which comes back to what was entered, and else with a page that
    /// says what is wrong.
    pub(crate) async fn refuse(&self, error: ApiError) -> Response {
        let heading = match &error {
            ApiError::StepUp { acr, max_age } => {
                return self.sign_in_again(*acr, Some(max_age.as_secs())).await;
            }
            ApiError::Denied(Denial::StepUp { acr, max_age, .. }) => {
                return self.sign_in_again(*acr, *max_age).await;
            }
            ApiError::Unknown { .. } => "admin-unknown",
            error if error.status() == StatusCode::FORBIDDEN => "admin-forbidden",
            ApiError::Invalid(_) | ApiError::Rule { .. } | ApiError::InUse { .. } => {
                "admin-refused"
            }
            _ => return failed(&self.app, self.language, error),
        };
        let receipt = match &error {
            ApiError::Receipted { receipt, .. } => receipt.as_str(),
            _ => "",
        };
        let (kind, name) = match &error {
            ApiError::Unknown { kind, name } => (*kind, name.as_str()),
            _ => ("", ""),
        };
        let detail = match Refusal::of(&error) {
            _ if heading == "admin-forbidden" => String::new(),
            Some(refusal) => self.refusal(&refusal).unwrap_or_else(|| error.to_string()),
            None => error.to_string(),
        };
        let view = context! {
            heading => heading,
            kind => kind,
            name => name,
            lacking => error.lacking_scope().unwrap_or_default(),
            detail => detail,
            receipt => receipt,
        };
        self.show_message(&view, error.status())
    }

    /// Answers with a page that has a heading and a text, whose keys are alike.
    pub(super) fn tell(&self, heading: &'static str, status: StatusCode) -> Response {
        let view = context! {
            heading => heading, lacking => "", detail => "", receipt => "", kind => "", name => "",
        };
        self.show_message(&view, status)
    }

    fn show_message(&self, view: &Value, status: StatusCode) -> Response {
        let faults = Faults {
            status,
            list: Vec::new(),
        };
        self.show_with("admin_message.html", view, &faults)
    }
}
