//! Refusals of the server.

use super::names;
use crate::{
    command::Name,
    model::{Names, Refusal, SEPARATION},
    support::Response,
};

/// The status, the rule and the names of a refusal.
pub(super) fn refusal_of(response: &Response) -> Refusal {
    let json = &response.json;
    let rule = json["rule"].as_str().or(json["error"].as_str());
    let constraint = json["constraint"].as_str().map(str::to_owned);
    let roles = names(&json["roles"]);
    let mut names: Vec<Name> = match (rule, constraint) {
        (Some("delegation_limit"), _) => names(&json["permissions"])
            .into_iter()
            .chain(roles)
            .collect(),
        (Some("invalid_scope"), Some(constraint)) => {
            [constraint].into_iter().chain(roles).collect()
        }
        (Some(SEPARATION), Some(constraint)) => {
            let subjects = json["subjects"].as_array().into_iter().flatten();
            let users: Names = subjects
                .filter_map(|one| one["name"].as_str().map(str::to_owned))
                .collect();
            let about = [constraint]
                .into_iter()
                .chain(roles)
                .chain(["of".to_owned()]);
            about.chain(users).collect()
        }
        _ => Vec::new(),
    };
    if rule == Some("delegation_limit") {
        names.sort();
    }
    Refusal {
        status: response.status.as_u16(),
        rule: rule.map(str::to_owned),
        names,
    }
}
