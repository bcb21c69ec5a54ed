//! The effects of a change of the policy: who gains and who loses what.

use rolecall_core::document::{PolicyChange, RoleEffect};
use serde::Serialize;

use super::super::super::sample_values::TEXT;
use crate::policy::plan_effects::{Plan, Shown};

/// The extent to which a page shows a plan; its counts include all.
pub(crate) const SHOWN: Shown = Shown {
    entries: 50,
    names: 1_000,
};

/// The effects of a plan.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Effects {
    pub(crate) changes: Vec<Change>,
    /// The number of changes that are not shown.
    pub(crate) more_changes: usize,
    pub(crate) roles: Vec<Effect>,
    pub(crate) more_roles: usize,
    pub(crate) subjects: Vec<Effect>,
    pub(crate) gaining: usize,
    pub(crate) losing: usize,
    /// True for a caller who may see who they are.
    pub(crate) has_names: bool,
}

/// A change of the policy, as a line.
#[derive(Debug, Serialize)]
pub(crate) struct Change {
    /// `added`, `removed` or `changed`.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

/// The effect on a role, user or client.
#[derive(Debug, Serialize)]
pub(crate) struct Effect {
    pub(crate) name: String,
    /// The page about it; empty if there is none.
    pub(crate) href: String,
    pub(crate) tenant: String,
    pub(crate) gains: Vec<String>,
    pub(crate) loses: Vec<String>,
    /// Roles that need a stronger session from then on.
    pub(crate) needs: Vec<String>,
}

impl From<&PolicyChange> for Change {
    fn from(change: &PolicyChange) -> Self {
        let text = change.to_string();
        let kind = match text.as_bytes().first() {
            Some(b'+') => "added",
            Some(b'-') => "removed",
            _ => "changed",
        };
        Self {
            kind,
            text: text.get(2..).unwrap_or_default().to_owned(),
        }
    }
}

/// Returns the first changes as lines, and the number of the others.
pub(crate) fn lines(changes: &[PolicyChange]) -> (Vec<Change>, usize) {
    let lines: Vec<Change> = changes
        .iter()
        .take(SHOWN.entries * 4)
        .map(Change::from)
        .collect();
    let more = changes.len().saturating_sub(lines.len());
    (lines, more)
}

impl Effect {
    fn of(name: &str, href: String, tenant: String, effect: &RoleEffect) -> Self {
        let role = |role: &rolecall_core::RoleName| format!("role:{role}");
        let gains = effect.gains.iter().map(ToString::to_string);
        let loses = effect.loses.iter().map(ToString::to_string);
        let needs = effect.needs_acr.iter();
        Self {
            name: name.to_owned(),
            href,
            tenant,
            gains: gains.chain(effect.gains_roles.iter().map(role)).collect(),
            loses: loses.chain(effect.loses_roles.iter().map(role)).collect(),
            needs: needs.map(|(role, acr)| format!("{role}: {acr}")).collect(),
        }
    }
}

impl From<&Plan> for Effects {
    fn from(plan: &Plan) -> Self {
        let (changes, more_changes) = lines(&plan.changes);
        let roles: Vec<Effect> = plan
            .roles
            .iter()
            .map(|(role, effect)| {
                let href = format!("/admin/roles/{role}");
                Effect::of(role.as_str(), href, String::new(), effect)
            })
            .collect();
        let subjects = plan.subjects.iter().map(|one| {
            let href = if one.kind == "user" {
                format!("/admin/users/{}", one.id)
            } else {
                String::new()
            };
            let tenant = one.tenant.as_ref().map(ToString::to_string);
            Effect::of(&one.name, href, tenant.unwrap_or_default(), &one.effect)
        });
        Self {
            changes,
            more_changes,
            more_roles: plan.counts.roles.saturating_sub(roles.len()),
            roles,
            subjects: subjects.collect(),
            gaining: plan.counts.gaining,
            losing: plan.counts.losing,
            has_names: plan.can_see_holders,
        }
    }
}

impl Effects {
    /// Returns sample data.
    pub(super) fn sample() -> Self {
        let one = |href: &str| Effect {
            name: TEXT.to_owned(),
            href: href.to_owned(),
            tenant: TEXT.to_owned(),
            gains: vec![TEXT.to_owned()],
            loses: vec![TEXT.to_owned(), TEXT.to_owned()],
            needs: vec![TEXT.to_owned()],
        };
        let change = |kind| Change {
            kind,
            text: TEXT.to_owned(),
        };
        Self {
            changes: vec![change("added"), change("removed"), change("changed")],
            more_changes: 3,
            roles: vec![one("/admin/roles/x"), one("")],
            more_roles: 3,
            subjects: vec![one("/admin/users/x"), one("")],
            gaining: 2,
            losing: 3,
            has_names: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use rolecall_core::document::{Document, diff};

    use super::*;

    #[test]
    fn a_line_says_what_is_added_removed_and_changed() {
        let old = Document::parse("[permissions]\n\"a:b\" = \"\"\n[roles.one]").unwrap();
        let new = Document::parse("[permissions]\n\"a:c\" = \"\"\n[roles.one]\nacr = \"aal2\"");
        let changes = diff(&old.document, &new.unwrap().document);
        let (lines, more) = lines(&changes);
        let mut lines: Vec<(&str, &str)> = lines.iter().map(|one| (one.kind, &*one.text)).collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                ("added", "permission a:c"),
                ("changed", "role one needs aal2"),
                ("removed", "permission a:b")
            ]
        );
        assert_eq!(more, 0);
    }
}
