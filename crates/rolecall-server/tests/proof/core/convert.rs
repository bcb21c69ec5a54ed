//! Converts between the types of the model and those of the core.

use rolecall_core::{
    Constraint, ConstraintKind, Derivation, InactiveReason, RoleAssignment, RoleRules, Timestamp,
};

use crate::{
    command::Name,
    explanation::GrantPath,
    model::{Duty, Key, Model, Times},
};

pub(super) fn parse<T: std::str::FromStr>(name: &str) -> Result<T, String> {
    name.parse()
        .map_err(|_| format!("{name} is not a valid name"))
}

pub(super) fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

pub(super) fn constraint(duty: &Duty) -> Result<Constraint, String> {
    let roles = duty.roles.iter().map(|role| parse(role));
    let kind = if duty.is_static {
        ConstraintKind::Static
    } else {
        ConstraintKind::Dynamic
    };
    let at_most = u32::try_from(duty.at_most).map_err(|error| error.to_string())?;
    Constraint::new(kind, roles.collect::<Result<_, _>>()?, at_most)
        .map_err(|error| error.to_string())
}

/// The direct permissions and juniors of a role in the model.
pub(super) fn rules_of(model: &Model, role: &Name) -> Result<RoleRules, String> {
    let mut rules = RoleRules {
        approval: model.approval.contains(role),
        ..RoleRules::default()
    };
    for (_, pattern) in model.grants.iter().filter(|(holder, _)| holder == role) {
        rules.permissions.insert(parse(pattern)?);
    }
    for (_, junior) in model.juniors.iter().filter(|(senior, _)| senior == role) {
        rules.juniors.insert(parse(junior)?);
    }
    Ok(rules)
}

pub(super) fn assignment(key: &Key, times: Times) -> Result<RoleAssignment, String> {
    Ok(RoleAssignment {
        role: parse(&key.role)?,
        tenant: key.tenant.as_deref().map(parse).transpose()?,
        valid_from: times.from.map(moment),
        expires_at: times.until.map(moment),
        reason: None,
        assigned_by: "system".to_owned(),
        assigned_at: moment(0),
    })
}

pub(super) fn grant_path(by: &Derivation<'_>) -> GrantPath {
    let assignment = by.assignment;
    GrantPath {
        role: assignment.role.to_string(),
        tenant: assignment.tenant.as_ref().map(ToString::to_string),
        times: Times {
            from: assignment.valid_from.map(Timestamp::seconds),
            until: assignment.expires_at.map(Timestamp::seconds),
        },
        path: by.path.iter().map(ToString::to_string).collect(),
        grant: by.grant.as_ref().map(ToString::to_string),
    }
}

pub(super) fn cause(cause: InactiveReason) -> &'static str {
    match cause {
        InactiveReason::NotYetValid => "not_yet_valid",
        InactiveReason::Expired => "expired",
        InactiveReason::OtherTenant => "other_tenant",
        InactiveReason::GlobalOnly => "global_only",
    }
}
