//! The matrix of roles and permissions, and the preview of its edit.

use std::collections::BTreeSet;

use minijinja::Value;
use rolecall_core::{PermissionPattern, Policy, RoleName, document::Document};
use serde::Serialize;

use super::{super::super::sample_values::TEXT, effects::Effects};

/// The most cells on a page, which keep it under 120 KiB.
const MOST_CELLS: usize = 480;
/// The most columns on a page.
pub(crate) const MOST_COLUMNS: usize = 12;

/// The page.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Matrix {
    /// The objects of all permissions, of which one is shown.
    pub(crate) objects: Vec<String>,
    pub(crate) object: String,
    /// The text that the shown roles contain.
    pub(crate) filter: String,
    pub(crate) tag: String,
    pub(crate) columns: Vec<PermissionPattern>,
    /// The addresses of the columns before and after; empty where there are none.
    pub(crate) columns_before: String,
    pub(crate) columns_after: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) first: String,
    pub(crate) next: String,
    pub(crate) may_edit: bool,
}

/// A role.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) role: RoleName,
    pub(crate) cells: Vec<Cell>,
}

/// Whether a role holds a permission.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Cell {
    /// It holds the permission itself.
    pub(crate) is_held: bool,
    /// The role that gives it, or the wildcard that covers it, if it has the permission anyway.
    pub(crate) by: String,
}

/// The part of the matrix that a page shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) object: &'a str,
    pub(crate) filter: &'a str,
    /// The role after which it begins.
    pub(crate) after: &'a str,
    /// The number of columns before those that are shown.
    pub(crate) skipped: usize,
}

/// Returns the objects of all permissions.
pub(crate) fn objects(policy: &Policy) -> Vec<String> {
    let objects = policy
        .permissions()
        .filter_map(|one| one.as_str().split_once(':'));
    let objects: BTreeSet<&str> = objects.map(|(object, _)| object).collect();
    objects.into_iter().map(str::to_owned).collect()
}

/// Returns the columns of an object, the wildcard first.
pub(crate) fn columns(policy: &Policy, object: &str) -> Vec<PermissionPattern> {
    let of_object = policy.permissions().filter(|one| {
        one.as_str()
            .split_once(':')
            .is_some_and(|(found, _)| found == object)
    });
    let single: Vec<PermissionPattern> = of_object.cloned().map(PermissionPattern::from).collect();
    let wildcard = format!("{object}:*")
        .parse()
        .ok()
        .filter(|_| !single.is_empty());
    wildcard.into_iter().chain(single).collect()
}

impl Matrix {
    /// Fills columns and rows, and returns the role after which more follow.
    pub(crate) fn fill(
        &mut self,
        policy: &Policy,
        document: &Document,
        part: Part<'_>,
    ) -> Option<String> {
        let columns = columns(policy, part.object);
        self.columns = columns
            .into_iter()
            .skip(part.skipped)
            .take(MOST_COLUMNS)
            .collect();
        let most = MOST_CELLS / self.columns.len().max(1);
        let roles = document
            .roles
            .keys()
            .filter(|role| role.as_str() > part.after);
        let mut roles = roles.filter(|role| role.as_str().contains(part.filter));
        for role in roles.by_ref().take(most) {
            self.rows.push(Row {
                cells: cells(policy, role, &self.columns),
                role: role.clone(),
            });
        }
        let last = self.rows.last().map(|row| row.role.to_string());
        last.filter(|_| roles.next().is_some())
    }
}

fn cells(policy: &Policy, role: &RoleName, columns: &[PermissionPattern]) -> Vec<Cell> {
    let inherited = policy.closure([role]);
    let holds = |role: &RoleName, pattern: &PermissionPattern| {
        let rules = policy.role(role.as_str());
        rules.is_some_and(|rules| rules.permissions.contains(pattern))
    };
    let cell = |pattern: &PermissionPattern| {
        let wildcard = pattern
            .as_str()
            .split_once(':')
            .map(|(object, _)| format!("{object}:*"));
        let wildcard: Option<PermissionPattern> = wildcard.and_then(|text| text.parse().ok());
        let wildcard = wildcard.filter(|wildcard| wildcard != pattern);
        let covers = |role: &RoleName| {
            wildcard
                .as_ref()
                .is_some_and(|wildcard| holds(role, wildcard))
        };
        let gives = |one: &&RoleName| *one != role && (holds(one, pattern) || covers(one));
        let by = if covers(role) {
            wildcard.as_ref().map(ToString::to_string)
        } else {
            inherited.iter().find(gives).map(ToString::to_string)
        };
        Cell {
            is_held: holds(role, pattern),
            by: by.unwrap_or_default(),
        }
    };
    columns.iter().map(cell).collect()
}

/// The preview of changed cells.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Preview {
    pub(crate) object: String,
    pub(crate) tag: String,
    /// The granted and revoked cells: `ROLE PERMISSION`.
    pub(crate) granted: Vec<String>,
    pub(crate) revoked: Vec<String>,
    pub(crate) effects: Effects,
    /// The address of the matrix.
    pub(crate) back: String,
    pub(crate) may_save: bool,
}

/// Samples of the matrix.
pub(in super::super) fn samples() -> Vec<Value> {
    let cell = |is_held, by: &str| Cell {
        is_held,
        by: by.to_owned(),
    };
    let full = Matrix {
        objects: vec![TEXT.to_owned(), "items".to_owned()],
        object: "items".to_owned(),
        filter: TEXT.to_owned(),
        tag: TEXT.to_owned(),
        columns: ["items:*", "items:read", "items:write"]
            .iter()
            .filter_map(|one| one.parse().ok())
            .collect(),
        columns_before: "/admin/matrix?x".to_owned(),
        columns_after: "/admin/matrix?x".to_owned(),
        rows: "editor"
            .parse()
            .ok()
            .map(|role| Row {
                role,
                cells: vec![cell(true, ""), cell(false, TEXT), cell(false, "")],
            })
            .into_iter()
            .collect(),
        first: "/admin/matrix?x".to_owned(),
        next: "/admin/matrix?x".to_owned(),
        may_edit: true,
    };
    [full, Matrix::default()].iter().map(super::value).collect()
}

/// Samples of the preview.
pub(in super::super) fn previews() -> Vec<Value> {
    let full = Preview {
        object: TEXT.to_owned(),
        tag: TEXT.to_owned(),
        granted: vec![TEXT.to_owned()],
        revoked: vec![TEXT.to_owned()],
        effects: Effects::sample(),
        back: "/admin/matrix?x".to_owned(),
        may_save: true,
    };
    [full, Preview::default()]
        .iter()
        .map(super::value)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const TEXT: &str = r#"
        [permissions]
        "items:read" = ""
        "items:write" = ""
        "orders:read" = ""
        [roles.boss]
        juniors = ["clerk"]
        [roles.clerk]
        permissions = ["items:read"]
        [roles.keeper]
        permissions = ["items:*", "items:write"]
        [roles.nobody]
    "#;

    fn matrix(part: Part<'_>) -> (Matrix, Option<String>) {
        let document = Document::parse(TEXT).unwrap().document;
        let policy = document.policy().unwrap();
        let mut matrix = Matrix::default();
        let next = matrix.fill(&policy, &document, part);
        (matrix, next)
    }

    const ALL: Part<'_> = Part {
        object: "items",
        filter: "",
        after: "",
        skipped: 0,
    };

    fn held(row: &Row) -> Vec<(bool, &str)> {
        row.cells
            .iter()
            .map(|cell| (cell.is_held, cell.by.as_str()))
            .collect()
    }

    #[test]
    fn a_cell_says_what_is_held_and_what_is_had_anyway() {
        let (matrix, next) = matrix(ALL);
        assert_eq!(next, None);
        let columns: Vec<&str> = matrix
            .columns
            .iter()
            .map(PermissionPattern::as_str)
            .collect();
        assert_eq!(columns, ["items:*", "items:read", "items:write"]);
        let rows: Vec<&str> = matrix.rows.iter().map(|row| row.role.as_str()).collect();
        assert_eq!(rows, ["boss", "clerk", "keeper", "nobody"]);
        assert_eq!(
            held(&matrix.rows[0]),
            [(false, ""), (false, "clerk"), (false, "")]
        );
        assert_eq!(
            held(&matrix.rows[1]),
            [(false, ""), (true, ""), (false, "")]
        );
        assert_eq!(
            held(&matrix.rows[2]),
            [(true, ""), (false, "items:*"), (true, "items:*")]
        );
        assert_eq!(
            held(&matrix.rows[3]),
            [(false, ""), (false, ""), (false, "")]
        );
    }

    #[test]
    fn a_part_begins_after_a_role_and_shows_those_that_contain_a_text() {
        let (found, _) = matrix(Part { filter: "e", ..ALL });
        let rows: Vec<&str> = found.rows.iter().map(|row| row.role.as_str()).collect();
        assert_eq!(rows, ["clerk", "keeper"]);
        let (found, _) = matrix(Part {
            after: "clerk",
            ..ALL
        });
        assert_eq!(found.rows[0].role.as_str(), "keeper");
        let (found, _) = matrix(Part { skipped: 1, ..ALL });
        assert_eq!(found.columns[0].as_str(), "items:read");
        let (found, _) = matrix(Part {
            object: "unknown",
            ..ALL
        });
        assert!(found.columns.is_empty());
    }

    #[test]
    fn a_page_has_no_more_cells_than_it_may() {
        let mut text = "[permissions]\n".to_owned();
        for number in 0..30 {
            writeln!(text, "\"big:op-{number:02}\" = \"\"").unwrap();
        }
        for number in 0..1000 {
            writeln!(text, "[roles.role-{number:04}]").unwrap();
        }
        let document = Document::parse(&text).unwrap().document;
        let policy = document.policy().unwrap();
        let (mut seen, mut after) = (0, String::new());
        loop {
            let mut matrix = Matrix::default();
            let part = Part {
                object: "big",
                after: &after,
                ..ALL
            };
            let next = matrix.fill(&policy, &document, part);
            assert_eq!(matrix.columns.len(), MOST_COLUMNS);
            assert!(matrix.rows.len() * matrix.columns.len() <= MOST_CELLS);
            seen += matrix.rows.len();
            let Some(next) = next else { break };
            after = next;
        }
        assert_eq!(seen, 1000);
    }
}
