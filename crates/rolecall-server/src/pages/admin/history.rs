//! The history of the policy: its versions, what each changed, and the way back to one.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};
use rolecall_core::Revision;

use super::{
    super::submitted::Submitted,
    faults::Faults,
    links::link,
    views::{
        effects::{Effects, SHOWN, lines},
        policy::{History, LONGEST, Listed, VersionPage},
    },
    visit::Visit,
};
use crate::{
    authority::may,
    error::ApiError,
    policy::{
        apply::{self, IfMatch},
        history, plan, service,
    },
};

const HISTORY: &str = "/admin/policy/history";
/// The versions on a page.
const VERSIONS: usize = 25;

/// The versions of the policy, the newest first.
pub(crate) async fn get_history(_: Public, visit: Visit) -> Response {
    visit.answer(list(&visit).await).await
}

async fn list(visit: &Visit) -> Result<Response, ApiError> {
    let after = visit.query.get("after");
    let before: Revision = after.parse().unwrap_or(Revision::MAX);
    let limit = i64::try_from(VERSIONS + 1).unwrap_or(i64::MAX);
    let mut found = history::list(&visit.app, visit.caller(), before, limit).await?;
    let has_more = found.len() > VERSIONS;
    found.truncate(VERSIONS);
    let tag = service::show(&visit.app, visit.caller()).await?.tag;
    let last = found.last().map(|one| one.revision.to_string());
    let next = last.filter(|_| has_more);
    // only the newest can be the one in force: going back makes a new version
    let is_newest = |place: usize| place == 0 && before == Revision::MAX;
    let versions = found.into_iter().enumerate().map(|(place, one)| Listed {
        revision: one.revision,
        at: one.at.map(Into::into),
        bytes: one.bytes,
        is_in_force: is_newest(place) && one.digest == tag,
    });
    let view = History {
        versions: versions.collect(),
        first: if after.is_empty() {
            String::new()
        } else {
            HISTORY.to_owned()
        },
        next: next.map_or_else(String::new, |after| link(HISTORY, &[("after", &after)])),
    };
    Ok(visit.show("admin_policy_history.html", &view))
}

/// A version: what it changed, and what going back to it would do.
pub(crate) async fn get_version(_: Public, visit: Visit) -> Response {
    visit.answer(version(&visit, Faults::default()).await).await
}

/// Goes back to a version, if the policy in force is still the one that was shown (`tag`).
pub(crate) async fn post_version(_: Public, visit: Visit, form: Submitted) -> Response {
    let error = match go_back(&visit, form.get("tag")).await {
        Ok(()) => return visit.done(HISTORY, "policy"),
        Err(error) => error,
    };
    match Faults::read(error) {
        Ok(faults) => visit.answer(version(&visit, faults).await).await,
        Err(error) => visit.refuse(error).await,
    }
}

/// Returns the revision in the address.
fn revision(visit: &Visit) -> Result<Revision, ApiError> {
    let named = visit.path.rsplit('/').next().unwrap_or_default();
    let parsed = named.parse();
    parsed.map_err(|_| ApiError::unknown("version of the policy", &named))
}

async fn go_back(visit: &Visit, tag: &str) -> Result<(), ApiError> {
    visit.require_fresh().await?;
    let old = history::document(&visit.app, visit.caller(), revision(visit)?).await?;
    let tags = IfMatch::Tags(vec![tag.to_owned()]);
    apply::apply(&visit.app, visit.caller(), &old, &tags).await?;
    Ok(())
}

async fn version(visit: &Visit, mut faults: Faults) -> Result<Response, ApiError> {
    let (app, caller, revision) = (&visit.app, visit.caller(), revision(visit)?);
    let text = history::text(app, caller, revision).await?;
    let mut page = VersionPage {
        revision,
        ..VersionPage::default()
    };
    if let [before] = history::list(app, caller, revision, 1).await?.as_slice() {
        let changes = history::changes(app, caller, before.revision, Some(revision)).await?;
        let (changes, more) = lines(&changes);
        (page.changes, page.more_changes) = (Some(changes), more);
    }
    let planned = async {
        let old = history::document(app, caller, revision).await?;
        plan::plan(app, caller, &old, SHOWN).await
    };
    match planned.await {
        Ok(plan) => {
            page.is_in_force = plan.changes.is_empty();
            page.may_go_back = !page.is_in_force && visit.may_globally(may::WritePolicy::NAME);
            page.tag.clone_from(&plan.tag);
            page.effects = (!page.is_in_force).then(|| Effects::from(&plan));
        }
        // a rule of today that the old document would break
        Err(error) => faults = Faults::read(error)?,
    }
    if text.len() <= LONGEST {
        page.document = text;
    }
    Ok(visit.show_with("admin_policy_version.html", &page, &faults))
}
