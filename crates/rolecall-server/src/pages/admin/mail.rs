//! The outbox, and a mail that tries the settings.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};

use super::{
    super::submitted::Submitted,
    faults::Faults,
    links::{cut, link, one_more},
    views::mail::{Mails, Outcome, Row, advice},
    visit::Visit,
};
use crate::{
    authority::may,
    error::ApiError,
    mail::{
        service::{self, Counts},
        store::Listed,
        trial::TrialError,
    },
};

const MAIL: &str = "/admin/mail";
/// The mails on a page.
const SHOWN: usize = 50;

/// The mails that wait or were given up.
pub(crate) async fn get_mail(_: Public, visit: Visit) -> Response {
    let page = Mails {
        address: visit.query.get("address").to_owned(),
        ..Mails::default()
    };
    let made = show(&visit, page, &Faults::default()).await;
    visit.answer(made).await
}

/// Sends a mail that tries the settings to `address`.
pub(crate) async fn post_mail(_: Public, visit: Visit, form: Submitted) -> Response {
    let address = form.get("address").trim().to_owned();
    let (app, caller) = (&visit.app, visit.caller());
    let tried = service::try_out(app, caller, &address, visit.language_name()).await;
    let mut faults = Faults::default();
    let outcome = match tried {
        Ok(taken) => Some(Outcome {
            is_taken: true,
            server: taken.server,
            answer: String::new(),
            advice: "",
            domain: taken.domain,
        }),
        Err(TrialError::Refused {
            server,
            answer,
            fault,
        }) => Some(Outcome {
            is_taken: false,
            server,
            answer,
            advice: advice(fault),
            domain: String::new(),
        }),
        // the page says which settings lack
        Err(TrialError::NotConfigured) => None,
        Err(TrialError::Failed(error)) => match Faults::read(error) {
            Ok(mut found) => {
                found.rename("email", "address");
                faults = found;
                None
            }
            Err(error) => return visit.refuse(error).await,
        },
    };
    let page = Mails {
        address,
        outcome,
        ..Mails::default()
    };
    let made = show(&visit, page, &faults).await;
    visit.answer(made).await
}

async fn show(visit: &Visit, mut page: Mails, faults: &Faults) -> Result<Response, ApiError> {
    let (app, caller, after) = (&visit.app, visit.caller(), visit.query.get("after"));
    let Counts { waiting, given_up } = service::counts(app, caller).await?;
    let state = visit.query.get("state");
    page.failed_only = state == "failed";
    let mut found = service::list(app, caller, page.failed_only, after, one_more(SHOWN)).await?;
    let last = cut(&mut found, SHOWN);
    page.next = last.map_or_else(String::new, |last| {
        link(MAIL, &[("state", state), ("after", &last.id)])
    });
    if !after.is_empty() {
        page.first = link(MAIL, &[("state", state)]);
    }
    page.is_configured = app.settings().mail.is_some();
    (page.waiting, page.given_up) = (waiting, given_up);
    page.rows = found.into_iter().map(row).collect();
    page.may_test = visit.may_globally(may::WriteUsers::NAME);
    Ok(visit.show_with("admin_mail.html", &page, faults))
}

fn row(mail: Listed) -> Row {
    Row {
        recipient: mail.recipient,
        kind: mail.kind,
        created: mail.created_at.into(),
        is_given_up: mail.failed_at.is_some(),
        tries: mail.tries,
        error: mail.last_error.unwrap_or_default(),
        at: mail.failed_at.unwrap_or(mail.due_at).into(),
    }
}
