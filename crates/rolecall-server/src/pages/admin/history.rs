//! The history of the policy: its versions, what each changed, and the way back to one.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};
use rolecall_core::Revision;

use super::{
    super::submitted::Submitted,
    faults::Faults,
    links::{HISTORY, Listing, cut, one_more},
    undo,
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

/// The versions on a page.
const VERSIONS: usize = 25;

/// The versions of the policy, the newest first.
pub(crate) async fn get_history(_: Public, visit: Visit) -> Response {
    visit.answer(list(&visit).await).await
}

async fn list(visit: &Visit) -> Result<Response, ApiError> {
    let pages = Listing::unsorted(HISTORY, &visit.query);
    let before: Revision = pages.after.parse().unwrap_or(Revision::MAX);
    let (app, caller) = (&visit.app, visit.caller());
    let mut found = history::list(app, caller, before, one_more(VERSIONS)).await?;
    let next = cut(&mut found, VERSIONS).map(|last| last.revision.to_string());
    let tag = service::show(app, caller).await?.tag;
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
        first: pages.first(),
        next: pages.next(next.as_deref()),
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
        Ok(undo) => return visit.done_and_undo(HISTORY, "policy", undo.as_deref()),
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

async fn go_back(visit: &Visit, tag: &str) -> Result<Option<String>, ApiError> {
    visit.require_fresh().await?;
    let old = history::document(&visit.app, visit.caller(), revision(visit)?).await?;
    let tags = IfMatch::Tags(vec![tag.to_owned()]);
    let policy = undo::policy_before(visit).await?;
    apply::apply(&visit.app, visit.caller(), &old, &tags).await?;
    Ok(policy.keep(visit).await)
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
    if text.len() > LONGEST && visit.query.get("effects") != "on" {
        // it takes seconds, which nobody should wait for who only looks
        page.can_show_effects = true;
        return Ok(visit.show("admin_policy_version.html", &page));
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
