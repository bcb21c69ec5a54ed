//! The verification of the audit log.

use std::sync::Arc;

use axum::response::Response;
use rolecall::Public;

use super::{
    super::submitted::Submitted,
    faults::Faults,
    views::audit::{Verdict as Shown, Verification},
    visit::Visit,
};
use crate::{
    audit::verify::{self, KnownMark, Verdict},
    authority::caller::Caller,
    error::ApiError,
    heavy::Purpose,
};

const TEMPLATE: &str = "admin_audit_verify.html";

/// The form, which can hold a mark that was kept.
pub(crate) async fn get_verify(_: Public, visit: Visit) -> Response {
    let view = Verification {
        mark: visit.query.get("mark").to_owned(),
        ..Verification::default()
    };
    visit.show(TEMPLATE, &view)
}

/// Verifies the log, and says what came of it.
pub(crate) async fn post_verify(_: Public, visit: Visit, form: Submitted) -> Response {
    let mark = form.get("mark").trim().to_owned();
    let known = Some(mark.as_str()).filter(|mark| !mark.is_empty());
    let Ok(known) = known.map(str::parse).transpose() else {
        let faults = Faults::of("mark", "admin-no-mark");
        let view = Verification {
            mark,
            verdict: None,
        };
        return visit.show_with(TEMPLATE, &view, &faults);
    };
    let verdict = match verify(&visit, known).await {
        Ok(verdict) => verdict,
        Err(error) => return visit.refuse(error).await,
    };
    let view = Verification {
        mark,
        verdict: Some(shown(verdict)),
    };
    visit.show(TEMPLATE, &view)
}

/// Verifies the log on a thread of its own: it takes a while, and others use the pages meanwhile.
async fn verify(visit: &Visit, known: Option<KnownMark>) -> Result<Verdict, ApiError> {
    let (app, principal) = (visit.app.clone(), Arc::clone(&visit.principal));
    let work = move || async move {
        let caller = Caller::Token(&principal);
        verify::verify(&app, caller, known.as_ref()).await
    };
    visit.app.heavy().run_long(Purpose::Verify, work).await
}

fn shown(verdict: Verdict) -> Shown {
    let of = |key, revision| Shown {
        is_intact: false,
        key,
        revision,
        count: 0,
        mark: String::new(),
        differences: Vec::new(),
        more: 0,
    };
    match verdict {
        Verdict::Intact { entries, newest } => Shown {
            is_intact: true,
            count: entries,
            mark: newest.map(|mark| mark.to_string()).unwrap_or_default(),
            ..of("admin-verdict-intact", 0)
        },
        Verdict::Altered { revision } => of("admin-verdict-altered", revision),
        Verdict::Truncated { last, head } => Shown {
            count: u64::try_from(head).unwrap_or(0),
            ..of("admin-verdict-truncated", last)
        },
        Verdict::Unsealed { last } => of("admin-verdict-unsealed", last),
        Verdict::Tampered { revision } => of("admin-verdict-tampered", revision),
        Verdict::UnknownMark => of("admin-verdict-unknown-mark", 0),
        Verdict::Unexplained { differences, more } => Shown {
            differences,
            more,
            ..of("admin-verdict-unexplained", 0)
        },
    }
}
