//! Constraints for separation of duties: listed, created, changed and deleted.

use std::collections::BTreeSet;

use axum::response::Response;
use rolecall::{PermissionName as _, Public};
use rolecall_core::{Constraint, ConstraintKind, ConstraintName, ConstraintScope, RoleName};

use super::{
    super::submitted::Submitted,
    faults::Faults,
    links::{Listing, cut, one_more},
    seen::{self, Seen},
    undo,
    views::constraints::{ConstraintPage, Constraints, Form, Listed},
    visit::Visit,
};
use crate::{
    authority::may,
    error::ApiError,
    roles::constraints::{self, NamedConstraint, NewConstraint},
};

const CONSTRAINTS: &str = "/admin/constraints";
/// The constraints on a page.
const ON_PAGE: usize = 50;

/// The constraints.
pub(crate) async fn get_constraints(_: Public, visit: Visit) -> Response {
    let made = list(&visit, form_of(&visit.query), &Faults::default()).await;
    visit.answer(made).await
}

async fn list(visit: &Visit, form: Form, faults: &Faults) -> Result<Response, ApiError> {
    let pages = Listing::unsorted(CONSTRAINTS, &visit.query);
    let (app, caller) = (&visit.app, visit.caller());
    let mut found = constraints::list(app, caller, pages.after, one_more(ON_PAGE)).await?;
    let last = cut(&mut found, ON_PAGE).map(|one| one.name.to_string());
    let shown: Vec<Listed> = found.iter().map(Listed::from).collect();
    let view = Constraints {
        constraints: shown,
        first: pages.first(),
        next: pages.next(last.as_deref()),
        may_edit: visit.may_globally(may::WriteRoles::NAME),
        form,
    };
    Ok(visit.show_with("admin_constraints.html", &view, faults))
}

/// What was sent with a form.
fn form_of(form: &Submitted) -> Form {
    let text = |name: &str| form.get(name).trim().to_owned();
    Form {
        name: text("name"),
        kind: text("kind"),
        per: text("per"),
        roles: text("roles").replace('\r', ""),
        at_most: text("at_most"),
    }
}

/// The members of a constraint, read from a form.
struct Wanted {
    roles: Vec<RoleName>,
    at_most: u32,
    per: ConstraintScope,
}

fn wanted(form: &Form) -> Result<Wanted, Faults> {
    let mut roles = Vec::new();
    let names = form
        .roles
        .split(|one: char| one.is_whitespace() || one == ',');
    for name in names.filter(|name| !name.is_empty()) {
        roles.push(
            name.parse()
                .map_err(|_| Faults::about("roles", "admin-no-role-name", name))?,
        );
    }
    let at_most = form.at_most.parse();
    Ok(Wanted {
        roles,
        at_most: at_most.map_err(|_| Faults::of("at_most", "admin-no-number"))?,
        per: if form.per == "subject" {
            ConstraintScope::Subject
        } else {
            ConstraintScope::Session
        },
    })
}

/// Creates a constraint.
pub(crate) async fn post_constraints(_: Public, visit: Visit, form: Submitted) -> Response {
    let form = form_of(&form);
    let faults = match create(&visit, &form).await {
        Ok(Ok(undo)) => {
            return visit.done_and_undo(CONSTRAINTS, "constraint-created", undo.as_deref());
        }
        Ok(Err(faults)) => faults,
        Err(error) => match Faults::read(error) {
            Ok(faults) => faults,
            Err(error) => return visit.refuse(error).await,
        },
    };
    let made = list(&visit, form, &faults).await;
    visit.answer(made).await
}

async fn create(visit: &Visit, form: &Form) -> Result<Result<Option<String>, Faults>, ApiError> {
    let Ok(name) = form.name.parse::<ConstraintName>() else {
        return Ok(Err(Faults::of("name", "admin-no-constraint-name")));
    };
    let wanted = match wanted(form) {
        Ok(wanted) => wanted,
        Err(faults) => return Ok(Err(faults)),
    };
    let kind = if form.kind == "dynamic" {
        ConstraintKind::Dynamic
    } else {
        ConstraintKind::Static
    };
    let new = NewConstraint {
        kind,
        roles: &wanted.roles,
        at_most: wanted.at_most,
        // the choice stands in the form for both kinds, and means something for one
        per: (kind == ConstraintKind::Dynamic).then_some(wanted.per),
    };
    let policy = undo::policy_before(visit).await?;
    constraints::create(&visit.app, visit.caller(), &name, new).await?;
    Ok(Ok(policy.keep(visit).await))
}

/// One constraint.
pub(crate) async fn get_constraint(_: Public, visit: Visit) -> Response {
    visit
        .answer(one(&visit, visit.kept().map(form_of), &Faults::default()).await)
        .await
}

/// Returns the constraint that the address names.
async fn named(visit: &Visit) -> Result<NamedConstraint, ApiError> {
    let name = visit.path.rsplit('/').next().unwrap_or_default();
    let parsed: Result<ConstraintName, _> = name.parse();
    let name = parsed.map_err(|_| ApiError::unknown("constraint", &name))?;
    constraints::get(&visit.app, visit.caller(), &name).await
}

async fn one(visit: &Visit, form: Option<Form>, faults: &Faults) -> Result<Response, ApiError> {
    let found = named(visit).await?;
    let constraint = Listed::from(&found);
    let seen = Seen::of(&constraint);
    let view = ConstraintPage {
        form: form.unwrap_or_else(|| Form::from(&constraint)),
        constraint,
        may_edit: visit.may_globally(may::WriteRoles::NAME),
    };
    Ok(visit.show_seen("admin_constraint.html", &view, faults, &seen))
}

/// The word for what was done, and the address of the page that undoes it.
type Done = (&'static str, Option<String>);

/// Changes a constraint, or deletes it (`step`).
pub(crate) async fn post_constraint(_: Public, visit: Visit, form: Submitted) -> Response {
    // with one constraint fewer, somebody may have what they may not have together
    if let Err(error) = visit.require_fresh().await {
        return visit.refuse(error).await;
    }
    let entered = form_of(&form);
    let done = async {
        seen::check(&form, async { Ok(Listed::from(&named(&visit).await?)) }).await?;
        match form.get("step") {
            "delete" => delete(&visit, form.get("confirm")).await,
            _ => change(&visit, &entered).await,
        }
    };
    let faults = match done.await {
        Ok(Ok((done, undo))) => return visit.done_and_undo(CONSTRAINTS, done, undo.as_deref()),
        Ok(Err(faults)) => faults,
        Err(error) => match Faults::read(error) {
            Ok(faults) => faults,
            Err(error) => return visit.refuse(error).await,
        },
    };
    let entered = (form.get("step") != "delete").then_some(entered);
    let made = one(&visit, entered, &faults).await;
    visit.answer(made).await
}

async fn change(visit: &Visit, form: &Form) -> Result<Result<Done, Faults>, ApiError> {
    let wanted = match wanted(form) {
        Ok(wanted) => wanted,
        Err(faults) => return Ok(Err(faults)),
    };
    let before = named(visit).await?;
    let per = match before.constraint.kind {
        ConstraintKind::Static => before.constraint.per,
        ConstraintKind::Dynamic => wanted.per,
    };
    let roles: BTreeSet<RoleName> = wanted.roles.into_iter().collect();
    let edits = constraints::edits_to(&before.constraint, &roles, wanted.at_most, per);
    let policy = undo::policy_before(visit).await?;
    constraints::edit_all(&visit.app, visit.caller(), &before.name, &edits).await?;
    Ok(Ok(("saved", policy.keep(visit).await)))
}

async fn delete(visit: &Visit, confirmed: &str) -> Result<Result<Done, Faults>, ApiError> {
    if confirmed != "yes" {
        return Ok(Err(Faults::of("confirm", "admin-confirm-first")));
    }
    let found = named(visit).await?;
    let policy = undo::policy_before(visit).await?;
    constraints::delete(&visit.app, visit.caller(), &found.name).await?;
    Ok(Ok(("constraint-deleted", policy.keep(visit).await)))
}

fn per(constraint: &Constraint) -> &'static str {
    match constraint.per {
        ConstraintScope::Session => "session",
        ConstraintScope::Subject => "subject",
    }
}

impl From<&NamedConstraint> for Listed {
    fn from(named: &NamedConstraint) -> Self {
        let rule = &named.constraint;
        Self {
            name: named.name.to_string(),
            kind: rule.kind.as_str(),
            per: per(rule),
            roles: rule.roles.iter().map(ToString::to_string).collect(),
            at_most: rule.at_most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::admin::faults::Fault;

    fn entered(roles: &str, at_most: &str) -> Result<Vec<String>, Vec<Fault>> {
        let form = Form {
            roles: roles.to_owned(),
            at_most: at_most.to_owned(),
            ..Form::default()
        };
        let names = |wanted: Wanted| wanted.roles.iter().map(ToString::to_string).collect();
        wanted(&form).map(names).map_err(|faults| faults.list)
    }

    #[test]
    fn roles_stand_in_lines_or_between_commas() {
        for text in ["one\ntwo", "one, two", " one  two ", "one\r\n\r\ntwo,"] {
            assert_eq!(
                entered(text, "1"),
                Ok(vec!["one".to_owned(), "two".to_owned()]),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_is_no_role_and_no_number_is_named() {
        let wrong = entered("one\nT\"wo", "1").unwrap_err();
        assert_eq!(
            (&*wrong[0].field, wrong[0].key, &*wrong[0].text),
            ("roles", "admin-no-role-name", "T\"wo")
        );
        for number in ["", "-1", "one", "99999999999"] {
            let wrong = entered("one\ntwo", number).unwrap_err();
            assert_eq!(
                (&*wrong[0].field, wrong[0].key),
                ("at_most", "admin-no-number")
            );
        }
    }
}
