//! The policy as a document: edited, planned and put in force.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};
use rolecall_core::document::{DocumentErrors, ParsedDocument};

use super::{
    super::submitted::Submitted,
    faults::{Faults, MOST_FAULTS},
    undo,
    views::{
        effects::{Effects, SHOWN},
        policy::{FaultyLine, LONGEST, PolicyPage},
    },
    visit::Visit,
};
use crate::{
    authority::may,
    error::ApiError,
    heavy::Purpose,
    policy::{
        apply::{self, IfMatch},
        body::read_toml,
        plan, service,
    },
};

const POLICY: &str = "/admin/policy";

/// The policy in force. With `fresh`, after a new sign-in if the last one is not fresh.
pub(crate) async fn get_policy(_: Public, visit: Visit) -> Response {
    visit.answer(show(&visit).await).await
}

async fn show(visit: &Visit) -> Result<Response, ApiError> {
    if !visit.query.get("fresh").is_empty() {
        visit.require_fresh().await?;
    }
    let shown = service::show(&visit.app, visit.caller()).await?;
    let kept = visit.is_kept.then(|| visit.query.get("document"));
    let document = match kept.unwrap_or_default() {
        "" => shown.document.to_toml(),
        entered => entered.replace("\r\n", "\n"),
    };
    let is_too_long = document.len() > LONGEST;
    let page = PolicyPage {
        document: if is_too_long { String::new() } else { document },
        is_too_long,
        ..PolicyPage::default()
    };
    Ok(visit.show("admin_policy.html", &page))
}

/// Plans a document, or puts it in force (`step`).
pub(crate) async fn post_policy(_: Public, visit: Visit, form: Submitted) -> Response {
    // browsers send line breaks as two characters
    let text = form.get("document").replace("\r\n", "\n");
    let mut faults = Faults::default();
    let mut page = PolicyPage {
        may_apply: visit.may_globally(may::WritePolicy::NAME),
        ..PolicyPage::default()
    };
    if form.get("step") == "apply" {
        match put_in_force(&visit, &text, form.get("tag")).await {
            Ok(undo) => return visit.done_and_undo(POLICY, "policy", undo.as_deref()),
            Err(ApiError::StepUp { .. }) => {
                // the document must not be lost, so the sign-in opens beside this page
                page.must_sign_in = true;
                faults = Faults::of("", "admin-sign-in-first");
            }
            Err(error) => match Faults::read(error) {
                Ok(found) => faults = found,
                Err(error) => return visit.refuse(error).await,
            },
        }
    }
    let made = planned(&visit, text, page, faults).await;
    visit.answer(made).await
}

async fn parsed(visit: &Visit, purpose: Purpose, text: &str) -> Result<ParsedDocument, ApiError> {
    read_toml(&visit.app, purpose, text.to_owned()).await
}

async fn put_in_force(visit: &Visit, text: &str, tag: &str) -> Result<Option<String>, ApiError> {
    // a document can give any power to anybody
    visit.require_fresh().await?;
    let document = parsed(visit, Purpose::Change, text).await?;
    let tags = IfMatch::Tags(vec![tag.to_owned()]);
    let policy = undo::policy_before(visit).await?;
    apply::apply(&visit.app, visit.caller(), &document, &tags).await?;
    Ok(policy.keep(visit).await)
}

/// Shows the plan of a document, or its faults.
async fn planned(
    visit: &Visit,
    text: String,
    mut page: PolicyPage,
    mut faults: Faults,
) -> Result<Response, ApiError> {
    let planned = async {
        let document = parsed(visit, Purpose::Plan, &text).await?;
        plan::plan(&visit.app, visit.caller(), &document, SHOWN).await
    };
    match planned.await {
        Ok(plan) => {
            page.tag.clone_from(&plan.tag);
            page.may_apply &= !plan.changes.is_empty();
            page.effects = Some(Effects::from(&plan));
        }
        Err(error) => {
            if let ApiError::Document(errors) = &error {
                page.lines = faulty_lines(&text, errors);
            }
            faults = Faults::read(error)?;
        }
    }
    page.document = text;
    Ok(visit.show_with("admin_policy.html", &page, &faults))
}

/// The most characters of a line that are shown.
const MOST_OF_LINE: usize = 200;

fn faulty_lines(text: &str, errors: &DocumentErrors) -> Vec<FaultyLine> {
    let found = errors.0.iter().take(MOST_FAULTS).filter_map(|error| {
        let number = error.position?.line;
        let line = text.lines().nth(number.checked_sub(1)?)?;
        Some(FaultyLine {
            number,
            text: line.chars().take(MOST_OF_LINE).collect(),
            message: error.message.clone(),
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use rolecall_core::document::Document;

    use super::*;

    #[test]
    fn each_fault_is_shown_with_its_line() {
        let text = "[permissions]\n\"items:read\" = \"\"\n[roles.one]\npermissions = [\"x:y\"]\njuniors = [\"two\"]";
        let errors = Document::parse(text).unwrap_err();
        let lines = faulty_lines(text, &errors);
        let found: Vec<(usize, &str)> = lines.iter().map(|one| (one.number, &*one.text)).collect();
        assert_eq!(
            found,
            [(4, "permissions = [\"x:y\"]"), (5, "juniors = [\"two\"]")]
        );
    }
}
