//! `scope=`: what was asked for, and what of it a subject may have.

use std::{collections::BTreeSet, time::Duration};

use rolecall_core::{Permission, Policy, RoleName, Timestamp};

use super::error::OAuthError;

/// A role with less left than this is left out of a token rather than making it end at once.
const SHORTEST_REST: Duration = Duration::from_secs(30);
const MAX_SCOPE_VALUES: usize = 1000;

/// A scope as it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) text: String,
    roles: BTreeSet<RoleName>,
    permissions: BTreeSet<Permission>,
}

/// What a token will carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) roles: BTreeSet<RoleName>,
    pub(crate) permissions: BTreeSet<Permission>,
    pub(crate) narrowed: bool,
    /// The `scope` member of the answer.
    pub(crate) answer: String,
    /// The end of the shortest assignment that the token rests on.
    pub(crate) ends_at: Option<Timestamp>,
}

impl Asked {
    /// Reads a scope (RFC 6749 section 3.3): values separated by single spaces.
    pub(crate) fn parse(text: &str) -> Result<Self, OAuthError> {
        let mut asked = Self {
            text: text.to_owned(),
            ..Self::default()
        };
        let invalid = || {
            OAuthError::InvalidScope(
                "the scope is not a list of role:NAME and object:operation".to_owned(),
            )
        };
        if text.split(' ').count() > MAX_SCOPE_VALUES {
            return Err(OAuthError::InvalidScope(
                "the scope names too much".to_owned(),
            ));
        }
        for value in text.split(' ') {
            match value.strip_prefix("role:") {
                Some(role) => asked.roles.insert(role.parse().map_err(|_| invalid())?),
                None => asked
                    .permissions
                    .insert(value.parse().map_err(|_| invalid())?),
            };
        }
        Ok(asked)
    }
}

/// What the holder of `assigned` gets, of what was `asked` for.
///
/// # Errors
///
/// `invalid_scope` if something was asked for that the holder does not have.
pub(crate) fn grant(
    policy: &Policy,
    assigned: &[(RoleName, Option<Timestamp>)],
    asked: Option<&Asked>,
    own_audience: bool,
    now: Timestamp,
) -> Result<Granted, OAuthError> {
    let lasting: Vec<&(RoleName, Option<Timestamp>)> = assigned
        .iter()
        .filter(|(_, ends)| ends.is_none_or(|ends| ends.since(now) >= SHORTEST_REST))
        .filter(|(role, _)| own_audience || !role.is_reserved())
        .collect();
    let mut roles = policy.closure(lasting.iter().map(|(role, _)| role));
    // a token for somebody else never carries what is rolecall's own
    roles.retain(|role| own_audience || !role.is_reserved());
    let permissions = permissions_of(policy, &roles, own_audience);
    let ends_at = lasting.iter().filter_map(|(_, ends)| *ends).min();
    match asked {
        None => Ok(Granted {
            answer: joined(&permissions),
            roles,
            permissions,
            narrowed: false,
            ends_at,
        }),
        Some(asked) => {
            refuse_beyond(asked, &roles, &permissions)?;
            let ends_at = if asked.roles.is_empty() {
                ends_at
            } else {
                shortest(policy, &lasting, asked)
            };
            Ok(narrow(policy, asked, roles, own_audience, ends_at))
        }
    }
}

fn permissions_of(
    policy: &Policy,
    roles: &BTreeSet<RoleName>,
    own_audience: bool,
) -> BTreeSet<Permission> {
    let mut permissions = policy.permissions_of(roles);
    permissions.retain(|permission| own_audience || !permission.is_reserved());
    permissions
}

/// A value beyond what is held is refused, never dropped in silence.
fn refuse_beyond(
    asked: &Asked,
    roles: &BTreeSet<RoleName>,
    permissions: &BTreeSet<Permission>,
) -> Result<(), OAuthError> {
    let roles = asked
        .roles
        .difference(roles)
        .map(|role| format!("role:{role}"));
    let permissions = asked.permissions.difference(permissions);
    let mut beyond = roles.chain(permissions.map(ToString::to_string));
    match beyond.next() {
        Some(value) => Err(OAuthError::InvalidScope(format!(
            "{value} is not among what you hold"
        ))),
        None => Ok(()),
    }
}

fn narrow(
    policy: &Policy,
    asked: &Asked,
    whole: BTreeSet<RoleName>,
    own_audience: bool,
    ends_at: Option<Timestamp>,
) -> Granted {
    let roles = if asked.roles.is_empty() {
        whole
    } else {
        policy.closure(&asked.roles)
    };
    let mut permissions = permissions_of(policy, &roles, own_audience);
    if !asked.permissions.is_empty() {
        permissions.retain(|permission| asked.permissions.contains(permission));
    }
    let answer = if asked.permissions.is_subset(&permissions) {
        asked.text.clone()
    } else {
        let roles = asked.roles.iter().map(|role| format!("role:{role}"));
        let values = roles.chain(permissions.iter().map(ToString::to_string));
        values.collect::<Vec<_>>().join(" ")
    };
    Granted {
        roles,
        permissions,
        narrowed: true,
        answer,
        ends_at,
    }
}

/// Each role asked for rests on the longest assignment that gives it; the token ends with the first of those.
fn shortest(
    policy: &Policy,
    lasting: &[&(RoleName, Option<Timestamp>)],
    asked: &Asked,
) -> Option<Timestamp> {
    let longest_for = |wanted: &RoleName| {
        let giving = lasting
            .iter()
            .filter(|(role, _)| policy.path(role, wanted).is_some());
        giving.map(|(_, ends)| ends.unwrap_or(Timestamp::MAX)).max()
    };
    asked
        .roles
        .iter()
        .filter_map(longest_for)
        .min()
        .filter(|ends| *ends != Timestamp::MAX)
}

fn joined(permissions: &BTreeSet<Permission>) -> String {
    permissions
        .iter()
        .map(Permission::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rolecall_core::PolicyBuilder;

    const NOW: Timestamp = Timestamp::from_seconds(1000);

    fn policy() -> Policy {
        let mut rules = PolicyBuilder::default();
        for permission in ["items:read", "items:write", "rolecall.users:read"] {
            rules.permission(permission.parse().unwrap());
        }
        let role = |name: &str| name.parse::<RoleName>().unwrap();
        rules.grant(role("reader"), "items:read".parse().unwrap());
        rules
            .grant(role("editor"), "items:*".parse().unwrap())
            .inherit(role("editor"), role("reader"));
        rules.grant(
            role("rolecall.admin"),
            "rolecall.users:read".parse().unwrap(),
        );
        rules.grant(role("helper"), "rolecall.users:read".parse().unwrap());
        rules.build().unwrap()
    }

    fn holding(roles: &[(&str, Option<i64>)]) -> Vec<(RoleName, Option<Timestamp>)> {
        roles
            .iter()
            .map(|(role, ends)| (role.parse().unwrap(), ends.map(Timestamp::from_seconds)))
            .collect()
    }

    fn granted(roles: &[(&str, Option<i64>)], asked: Option<&str>) -> Result<Granted, OAuthError> {
        let asked = asked.map(|text| Asked::parse(text).unwrap());
        grant(&policy(), &holding(roles), asked.as_ref(), true, NOW)
    }

    fn names(granted: &Granted) -> (String, String) {
        (
            granted
                .roles
                .iter()
                .map(RoleName::as_str)
                .collect::<Vec<_>>()
                .join(" "),
            joined(&granted.permissions),
        )
    }

    #[test]
    fn nothing_asked_for_gives_everything_inherited_and_expanded() {
        let granted = granted(&[("editor", None)], None).unwrap();
        assert_eq!(
            names(&granted),
            ("editor reader".into(), "items:read items:write".into())
        );
        assert!(!granted.narrowed);
        assert_eq!(granted.answer, "items:read items:write");
    }

    #[test]
    fn permissions_alone_cut_the_scope_and_leave_the_roles() {
        let granted = granted(&[("editor", None)], Some("items:read")).unwrap();
        assert_eq!(
            names(&granted),
            ("editor reader".into(), "items:read".into())
        );
        assert!(granted.narrowed);
        assert_eq!(granted.answer, "items:read");
    }

    #[test]
    fn a_role_alone_becomes_the_active_one_also_an_inherited_one() {
        let granted = granted(&[("editor", None)], Some("role:reader")).unwrap();
        assert_eq!(names(&granted), ("reader".into(), "items:read".into()));
    }

    #[test]
    fn both_together_give_the_intersection() {
        let granted = granted(
            &[("editor", None)],
            Some("role:reader items:write items:read"),
        )
        .unwrap();
        assert_eq!(names(&granted), ("reader".into(), "items:read".into()));
        assert_eq!(granted.answer, "role:reader items:read");
    }

    #[test]
    fn what_is_not_held_cannot_be_asked_for() {
        assert!(granted(&[("reader", None)], Some("items:write")).is_err());
        assert!(granted(&[("reader", None)], Some("role:editor")).is_err());
        assert!(granted(&[("reader", None)], Some("role:ghost")).is_err());
    }

    #[test]
    fn a_scope_that_is_none_is_refused() {
        for text in [
            "items:read  items:write",
            " items:read",
            "items:read ",
            "items",
            "items:*",
            "role:",
            "a\"b:c",
            "a:b\tc:d",
        ] {
            assert!(
                matches!(Asked::parse(text), Err(OAuthError::InvalidScope(_))),
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_shortest_assignment_ends_the_token_and_one_about_to_end_is_left_out() {
        let both = granted(&[("reader", Some(1500)), ("editor", Some(1200))], None).unwrap();
        assert_eq!(both.ends_at, Some(Timestamp::from_seconds(1200)));
        let narrowed = granted(
            &[("reader", Some(1500)), ("editor", Some(1200))],
            Some("role:reader"),
        )
        .unwrap();
        assert_eq!(narrowed.ends_at, Some(Timestamp::from_seconds(1500)));
        let about_to_end = granted(&[("editor", Some(1029)), ("reader", None)], None).unwrap();
        assert_eq!(names(&about_to_end), ("reader".into(), "items:read".into()));
        assert_eq!(about_to_end.ends_at, None);
    }

    #[test]
    fn another_audience_never_gets_what_is_rolecalls_own() {
        let assigned = holding(&[("rolecall.admin", None), ("helper", None), ("reader", None)]);
        let foreign = grant(&policy(), &assigned, None, false, NOW).unwrap();
        assert_eq!(
            names(&foreign),
            ("helper reader".into(), "items:read".into())
        );
        let asked = Asked::parse("rolecall.users:read").unwrap();
        assert!(grant(&policy(), &assigned, Some(&asked), false, NOW).is_err());
    }
}
