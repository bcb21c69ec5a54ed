//! "May they?": a decision with its reasons, and the explanation of a refusal by its receipt.

use axum::response::Response;
use rolecall::Public;
use rolecall_core::{Acr, TenantName};

use super::{
    super::submitted::Submitted,
    faults::Faults,
    names,
    requests::until,
    views::{
        decisions::{Decisions, Form, Shown},
        value,
    },
    visit::Visit,
};
use crate::{
    decisions::{
        receipt::Need,
        service::{self, Answer, Question},
    },
    error::ApiError,
};

/// A question (`user`, `need`, and `tenant`, `at`, `acr`), and its answer.
pub(crate) async fn get_decisions(_: Public, visit: Visit) -> Response {
    let text = |name: &str| visit.query.get(name).trim().to_owned();
    let form = Form {
        user: text("user"),
        need: text("need"),
        tenant: text("tenant"),
        at: text("at"),
        acr: text("acr"),
    };
    let is_asked = !form.user.is_empty() || !form.need.is_empty();
    let answered = if is_asked {
        decide(&visit, &form)
            .await
            .map(|answered| answered.map(Some))
    } else {
        Ok(Ok(None))
    };
    let page = Decisions {
        form,
        ..Decisions::default()
    };
    visit.answer(shown(&visit, page, answered)).await
}

/// Explains a refusal (`receipt`).
pub(crate) async fn post_decisions(_: Public, visit: Visit, form: Submitted) -> Response {
    let receipt = form.get("receipt").trim().to_owned();
    let answered = explain(&visit, &receipt)
        .await
        .map(|answered| answered.map(Some));
    let page = Decisions {
        receipt,
        ..Decisions::default()
    };
    visit.answer(shown(&visit, page, answered)).await
}

type Answered<T> = Result<Result<T, Faults>, ApiError>;

fn shown(
    visit: &Visit,
    mut page: Decisions,
    answered: Answered<Option<Shown>>,
) -> Result<Response, ApiError> {
    let faults = match answered {
        Ok(Ok(answer)) => {
            page.answer = answer;
            Faults::default()
        }
        Ok(Err(faults)) => faults,
        Err(error) => Faults::read(error)?,
    };
    Ok(visit.show_with("admin_decisions.html", &page, &faults))
}

async fn decide(visit: &Visit, form: &Form) -> Answered<Shown> {
    let Ok(need) = form.need.parse::<Need>() else {
        return Ok(Err(Faults::of("need", "admin-no-need")));
    };
    let tenant = Some(form.tenant.as_str()).filter(|name| !name.is_empty());
    let Ok(tenant) = tenant.map(str::parse::<TenantName>).transpose() else {
        return Ok(Err(Faults::of("tenant", "admin-no-tenant-name")));
    };
    let Some(at) = until(&form.at) else {
        return Ok(Err(Faults::of("at", "admin-no-time")));
    };
    let Some(subject) = names::find(visit, &form.user).await? else {
        return Ok(Err(Faults::of("user", "admin-no-user")));
    };
    let acr = Acr::ALL.into_iter().find(|one| one.as_str() == form.acr);
    let question = Question {
        subject: &subject,
        need: &need,
        tenant: tenant.as_ref(),
        at,
        acr,
    };
    let answer = service::decide(&visit.app, visit.caller(), &question).await?;
    let tenant = form.tenant.clone();
    Ok(Ok(described(
        &answer,
        form.user.clone(),
        need.to_string(),
        tenant,
        false,
    )))
}

async fn explain(visit: &Visit, receipt: &str) -> Answered<Shown> {
    if receipt.is_empty() {
        return Ok(Err(Faults::of("receipt", "admin-no-receipt")));
    }
    let explained = service::explain_receipt(&visit.app, visit.caller(), receipt).await?;
    let tenant = explained.note.tenant.as_ref().map(ToString::to_string);
    let needs = needs_in_words(&explained.note.needs);
    let (name, tenant) = (explained.username, tenant.unwrap_or_default());
    Ok(Ok(described(&explained.answer, name, needs, tenant, true)))
}

fn described(
    answer: &Answer,
    name: String,
    need: String,
    tenant: String,
    is_refusal: bool,
) -> Shown {
    Shown {
        allowed: answer.allowed,
        name,
        need,
        tenant,
        at: answer.at.into(),
        revision: answer.policy_revision,
        is_refusal,
        because: answer.because.iter().map(value).collect(),
    }
}

/// Returns the names of a rule: those of which one is enough stand between `|`, those that are all needed between `+`.
fn needs_in_words(needs: &serde_json::Value) -> String {
    let list = |member: &str, between: &str| {
        let list = needs.get(member)?.as_array()?;
        let names: Vec<String> = list.iter().map(needs_in_words).collect();
        Some(names.join(between))
    };
    let single = || needs.as_str().map(str::to_owned);
    let found = single()
        .or_else(|| list("any", " | "))
        .or_else(|| list("all", " + "));
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_is_written_in_one_line() {
        assert_eq!(needs_in_words(&json!("items:read")), "items:read");
        let nested = json!({ "any": ["role:a", { "all": ["b:c", "d:e"] }] });
        assert_eq!(needs_in_words(&nested), "role:a | b:c + d:e");
        assert_eq!(needs_in_words(&json!(7)), "");
    }
}
