//! The matrix of roles and permissions: edited as a form, and saved after a preview of who gains and who loses what.

use std::{collections::BTreeSet, sync::Arc};

use axum::response::Response;
use rolecall::{PermissionName as _, Principal, Public};

use super::{
    super::{answers::see_other, submitted::Submitted},
    faults::Faults,
    kept::LONGEST,
    links::link,
    undo,
    views::{
        effects::{Effects, SHOWN},
        matrix::{self as view, MOST_COLUMNS, Matrix, Part, Preview},
    },
    visit::Visit,
};
use crate::{
    app::App,
    authority::{caller::Caller, may},
    error::ApiError,
    heavy::Purpose,
    policy::cells::{self, Cell, Grid},
};

const MATRIX: &str = "/admin/matrix";
const PREVIEW: &str = "/admin/matrix/preview";

/// The matrix, by the object of the permissions.
pub(crate) async fn get_matrix(_: Public, visit: Visit) -> Response {
    visit.answer(show(&visit, &Faults::default()).await).await
}

/// Leads to the preview of the changed cells.
pub(crate) async fn post_matrix(_: Public, visit: Visit, form: Submitted) -> Response {
    let made = match changed(&visit, &form).await {
        Ok(Ok(address)) => Ok(see_other(&address)),
        Ok(Err(key)) => show(&visit, &Faults::of("", key)).await,
        Err(error) => Err(error),
    };
    visit.answer(made).await
}

async fn show(visit: &Visit, faults: &Faults) -> Result<Response, ApiError> {
    let (query, may_edit) = (
        visit.query.clone(),
        visit.may_globally(may::WritePolicy::NAME),
    );
    let matrix = with_grid(visit, move |grid| matrix_of(grid, &query, may_edit)).await?;
    Ok(visit.show_with("admin_matrix.html", &matrix, faults))
}

/// Reads the matrix and works on it in a turn: a policy may have thousands of roles.
async fn with_grid<T: Send + 'static>(
    visit: &Visit,
    work: impl FnOnce(&Grid) -> T + Send + 'static,
) -> Result<T, ApiError> {
    let read = async move |app: App, principal: Arc<Principal>| {
        let grid = cells::grid(&app, Caller::Token(&principal)).await?;
        Ok(work(&grid))
    };
    visit.in_turn(Purpose::Plan, read).await
}

fn matrix_of(grid: &Grid, query: &Submitted, may_edit: bool) -> Matrix {
    let get = |name: &str| query.get(name);
    let objects = view::objects(&grid.policy);
    let object = match get("object") {
        "" => objects.first().cloned().unwrap_or_default(),
        wanted => wanted.to_owned(),
    };
    let skipped: usize = get("columns").parse().unwrap_or_default();
    let part = Part {
        object: &object,
        filter: get("q"),
        after: get("after"),
        skipped,
    };
    let mut matrix = Matrix {
        filter: get("q").to_owned(),
        tag: grid.tag.clone(),
        may_edit,
        ..Matrix::default()
    };
    let next = matrix.fill(&grid.policy, &grid.document, part);
    let address = |columns: usize, after: &str| {
        let columns = columns.to_string();
        let columns = if columns == "0" { "" } else { &columns };
        let members = [
            ("object", &*object),
            ("q", get("q")),
            ("columns", columns),
            ("after", after),
        ];
        link(MATRIX, &members)
    };
    let all = view::columns(&grid.policy, &object).len();
    if skipped > 0 {
        matrix.columns_before = address(skipped.saturating_sub(MOST_COLUMNS), get("after"));
    }
    if skipped.saturating_add(MOST_COLUMNS) < all {
        matrix.columns_after = address(skipped + MOST_COLUMNS, get("after"));
    }
    if !get("after").is_empty() {
        matrix.first = address(skipped, "");
    }
    matrix.next = next.map_or_else(String::new, |after| address(skipped, &after));
    matrix.objects = objects;
    matrix.object = object;
    matrix
}

/// Returns the address of the preview of what a form changes, or the key of what is wrong with it.
async fn changed(
    visit: &Visit,
    form: &Submitted,
) -> Result<Result<String, &'static str>, ApiError> {
    let form = form.clone();
    with_grid(visit, move |grid| address_to(grid, &form)).await
}

fn address_to(grid: &Grid, form: &Submitted) -> Result<String, &'static str> {
    if form.get("tag") != grid.tag {
        return Err("admin-policy-changed");
    }
    let checked: BTreeSet<&str> = form.all("c").into_iter().collect();
    let mut members = vec![
        ("tag", grid.tag.clone()),
        ("object", form.get("object").to_owned()),
    ];
    let before = members.len();
    for (row, role) in form.all("r").into_iter().enumerate() {
        let Some(rules) = grid.policy.role(role) else {
            return Err("admin-policy-changed");
        };
        for (column, name) in form.all("p").into_iter().enumerate() {
            let is_held = rules.permissions.iter().any(|held| held.as_str() == name);
            let is_checked = checked.contains(&*format!("{row}.{column}"));
            match (is_held, is_checked) {
                (false, true) => members.push(("grant", format!("{role} {name}"))),
                (true, false) => members.push(("revoke", format!("{role} {name}"))),
                _ => {}
            }
        }
    }
    if members.len() == before {
        return Err("admin-nothing-changed");
    }
    let members: Vec<(&str, &str)> = members
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    let address = link(PREVIEW, &members);
    if address.len() > LONGEST {
        Err("admin-too-many-cells")
    } else {
        Ok(address)
    }
}

/// Who gains and who loses what by the changed cells (`grant`, `revoke`).
pub(crate) async fn get_preview(_: Public, visit: Visit) -> Response {
    visit
        .answer(preview(&visit, &visit.query, Faults::default()).await)
        .await
}

/// Saves the changed cells.
pub(crate) async fn post_preview(_: Public, visit: Visit, form: Submitted) -> Response {
    let error = match save(&visit, &form).await {
        Ok(undo) => {
            let done = [
                ("object", form.get("object")),
                ("done", "policy"),
                ("undo", undo.as_deref().unwrap_or_default()),
            ];
            return see_other(&link(MATRIX, &done));
        }
        Err(error) => error,
    };
    match Faults::read(error) {
        Ok(faults) => visit.answer(preview(&visit, &form, faults).await).await,
        Err(error) => visit.refuse(error).await,
    }
}

/// Saves the changed cells, and returns the address that undoes it.
async fn save(visit: &Visit, form: &Submitted) -> Result<Option<String>, ApiError> {
    let cells = read(form)?;
    let is_own = |cell: &Cell| cell.is_held && cell.permission.is_reserved();
    if cells.iter().any(is_own) {
        visit.require_fresh().await?;
    }
    let policy = undo::policy_before(visit).await?;
    cells::apply(&visit.app, visit.caller(), &cells, form.get("tag")).await?;
    Ok(policy.keep(visit).await)
}

async fn preview(
    visit: &Visit,
    form: &Submitted,
    mut faults: Faults,
) -> Result<Response, ApiError> {
    let cells = read(form)?;
    let mut shown = Preview {
        object: form.get("object").to_owned(),
        tag: form.get("tag").to_owned(),
        granted: form.all("grant").into_iter().map(str::to_owned).collect(),
        revoked: form.all("revoke").into_iter().map(str::to_owned).collect(),
        back: link(MATRIX, &[("object", form.get("object"))]),
        ..Preview::default()
    };
    match cells::plan(&visit.app, visit.caller(), &cells, SHOWN).await {
        Ok(plan) if plan.tag != form.get("tag") => {
            faults = Faults::of("", "admin-policy-changed");
        }
        Ok(plan) => {
            shown.may_save = visit.may_globally(may::WritePolicy::NAME) && !plan.changes.is_empty();
            shown.effects = Effects::from(&plan);
        }
        // a rule that the change would break
        Err(error) => faults = Faults::read(error)?,
    }
    Ok(visit.show_with("admin_matrix_preview.html", &shown, &faults))
}

/// Reads changed cells: `ROLE PERMISSION`.
fn read(form: &Submitted) -> Result<Vec<Cell>, ApiError> {
    let parse = |text: &str, is_held| {
        let (role, permission) = text.split_once(' ')?;
        Some(Cell {
            role: role.parse().ok()?,
            permission: permission.parse().ok()?,
            is_held,
        })
    };
    let mut cells = Vec::new();
    for (name, is_held) in [("grant", true), ("revoke", false)] {
        for text in form.all(name) {
            cells.push(parse(text, is_held).ok_or_else(|| ApiError::unknown("cell", &text))?);
        }
    }
    Ok(cells)
}
