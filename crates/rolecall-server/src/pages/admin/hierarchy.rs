//! The hierarchy of roles.

use std::collections::BTreeSet;

use axum::response::Response;
use rolecall::Public;
use rolecall_core::{Policy, RoleName};

use super::{
    picture::{self, Picture},
    views::hierarchy::{Drawing, Hierarchy, nest},
    visit::Visit,
};
use crate::{error::ApiError, roles::hierarchy};

/// The most lines of the list.
const MOST_LINES: usize = 400;

/// All roles, or one (`role`) with all its seniors and juniors.
pub(crate) async fn get_hierarchy(_: Public, visit: Visit) -> Response {
    visit.answer(show(&visit).await).await
}

async fn show(visit: &Visit) -> Result<Response, ApiError> {
    let policy = hierarchy::policy(&visit.app, visit.caller()).await?;
    let role = visit.query.get("role").trim();
    let shown = chosen(&policy, role);
    let mut lines = picture::lines(&policy, &shown);
    let more = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    let drawn = Picture::of(&policy, &shown).filter(|picture| !picture.boxes.is_empty());
    let view = Hierarchy {
        role: role.to_owned(),
        is_unknown: !role.is_empty() && policy.role(role).is_none(),
        count: shown.len(),
        picture: drawn.map(|picture| Drawing::of(picture, role)),
        list: nest(&lines),
        more,
    };
    Ok(visit.show("admin_hierarchy.html", &view))
}

/// Returns a role with all above and below it, or all roles but rolecall's own.
fn chosen(policy: &Policy, role: &str) -> BTreeSet<RoleName> {
    let found = policy
        .roles()
        .map(|(name, _)| name)
        .find(|name| name.as_str() == role);
    if let Some(found) = found {
        let mut around = policy.closure([found]);
        around.extend(policy.seniors(found));
        around.insert(found.clone());
        return around;
    }
    let all = policy.roles().map(|(name, _)| name);
    all.filter(|name| role.is_empty() && !name.is_reserved())
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use rolecall_core::document::Document;

    use super::*;

    #[test]
    fn a_role_is_shown_with_all_above_and_below_it() {
        let text =
            "[roles.a]\njuniors = [\"b\"]\n[roles.b]\njuniors = [\"c\"]\n[roles.c]\n[roles.d]";
        let policy = Document::parse(text).unwrap().document.policy().unwrap();
        let names = |role: &str| -> Vec<String> {
            chosen(&policy, role)
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        assert_eq!(names("b"), ["a", "b", "c"]);
        assert_eq!(names("d"), ["d"]);
        // every policy has the role `user`
        assert_eq!(names(""), ["a", "b", "c", "d", "user"]);
        assert_eq!(names("unknown"), [""; 0]);
    }
}
