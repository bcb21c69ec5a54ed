//! Edits of the matrix of roles and permissions: some of its cells, planned and applied as a document.

use std::sync::Arc;

use rolecall::PermissionName as _;
use rolecall_core::{
    PermissionPattern, Policy, RoleName,
    document::{Document, ParsedDocument, Positions},
};

use super::{
    apply::{self, Applied, IfMatch},
    plan,
    plan_effects::{Plan, Shown},
    service,
};
use crate::{
    app::App,
    authority::{caller::Caller, may, reads},
    error::ApiError,
};

/// A cell that changes: whether a role holds a permission or wildcard itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) role: RoleName,
    pub(crate) permission: PermissionPattern,
    pub(crate) is_held: bool,
}

/// The matrix: the policy, and the part of it that can be edited.
pub(crate) struct Grid {
    pub(crate) policy: Arc<Policy>,
    pub(crate) document: Document,
    /// The tag of the policy.
    pub(crate) tag: String,
}

/// Returns the matrix.
pub(crate) async fn grid(app: &App, caller: Caller<'_>) -> Result<Grid, ApiError> {
    reads::require(app, caller, may::ReadPolicy::NAME).await?;
    let mut conn = app.store().read().await?;
    let (policy, document) = service::read(app, &mut conn).await?;
    let tag = service::tag_of(&document);
    Ok(Grid {
        policy,
        document,
        tag,
    })
}

/// Returns who would gain and lose what by the changed cells. It writes nothing.
///
/// # Errors
///
/// As [`plan`](super::plan::plan), and if a role or permission does not exist.
pub(crate) async fn plan(
    app: &App,
    caller: Caller<'_>,
    cells: &[Cell],
    shown: Shown,
) -> Result<Plan, ApiError> {
    let wanted = wanted(app, caller, cells).await?;
    plan::plan(app, caller, &wanted, shown).await
}

/// Changes the cells if the policy has the tag that the caller saw.
///
/// # Errors
///
/// As [`apply`](super::apply::apply), and if a role or permission does not exist.
pub(crate) async fn apply(
    app: &App,
    caller: Caller<'_>,
    cells: &[Cell],
    tag: &str,
) -> Result<Applied, ApiError> {
    let wanted = wanted(app, caller, cells).await?;
    let tags = IfMatch::Tags(vec![tag.to_owned()]);
    apply::apply(app, caller, &wanted, &tags).await
}

/// Returns the policy in force with the changed cells.
async fn wanted(app: &App, caller: Caller<'_>, cells: &[Cell]) -> Result<ParsedDocument, ApiError> {
    reads::require(app, caller, may::ReadPolicy::NAME).await?;
    let mut conn = app.store().read().await?;
    let (policy, mut document) = service::read(app, &mut conn).await?;
    drop(conn);
    for cell in cells {
        set(&policy, &mut document, cell)?;
    }
    Ok(ParsedDocument {
        document,
        positions: Positions::default(),
    })
}

fn set(policy: &Policy, document: &mut Document, cell: &Cell) -> Result<(), ApiError> {
    let role = document.roles.get_mut(&cell.role);
    let role = role.ok_or_else(|| ApiError::unknown("role", &cell.role))?;
    if !policy.knows(&cell.permission) {
        return Err(ApiError::unknown("permission", &cell.permission));
    }
    if cell.is_held {
        role.permissions.insert(cell.permission.clone());
    } else {
        role.permissions.remove(&cell.permission);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const ROLES: usize = 4;
    const PERMISSIONS: [&str; 4] = ["items:read", "items:write", "items:*", "orders:read"];

    fn document(held: &[bool]) -> Document {
        let mut text = "[permissions]\n\"items:read\" = \"\"\n\"items:write\" = \"\"\n\"orders:read\" = \"\"\n".to_owned();
        for role in 0..ROLES {
            let held = PERMISSIONS
                .iter()
                .enumerate()
                .filter(|(column, _)| held[role * 4 + column]);
            let held: Vec<String> = held.map(|(_, name)| format!("\"{name}\"")).collect();
            writeln!(
                text,
                "[roles.role-{role}]\npermissions = [{}]",
                held.join(", ")
            )
            .unwrap();
        }
        Document::parse(&text).unwrap().document
    }

    fn cell(role: usize, column: usize, is_held: bool) -> Cell {
        Cell {
            role: format!("role-{role}").parse().unwrap(),
            permission: PERMISSIONS[column].parse().unwrap(),
            is_held,
        }
    }

    proptest! {
        /// The model is a table of booleans.
        #[test]
        fn cells_change_what_they_name_and_nothing_else(
            held in proptest::collection::vec(any::<bool>(), ROLES * 4),
            edits in proptest::collection::vec((0..ROLES, 0..4_usize, any::<bool>()), 0..12),
        ) {
            let mut edited = document(&held);
            let policy = edited.policy().unwrap();
            let mut model: BTreeMap<usize, bool> = held.into_iter().enumerate().collect();
            for (role, column, is_held) in edits {
                set(&policy, &mut edited, &cell(role, column, is_held)).unwrap();
                model.insert(role * 4 + column, is_held);
            }
            let model: Vec<bool> = model.into_values().collect();
            prop_assert_eq!(edited, document(&model));
        }
    }

    #[test]
    fn a_cell_of_a_role_or_permission_that_is_not_there_is_refused() {
        let mut edited = document(&[false; 16]);
        let policy = edited.policy().unwrap();
        let mut refused = |cell: Cell| set(&policy, &mut edited, &cell).unwrap_err().to_string();
        assert_eq!(refused(cell(7, 0, true)), "no role `role-7`");
        let unknown = Cell {
            permission: "items:burn".parse().unwrap(),
            ..cell(0, 0, true)
        };
        assert_eq!(refused(unknown), "no permission `items:burn`");
    }
}
