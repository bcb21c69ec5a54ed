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

impl Asked {
    /// Reads a scope (RFC 6749 section 3.3): values separated by single spaces.
    pub(crate) fn parse(text: &str) -> Result<Self, OAuthError> {
        if text.split(' ').count() > MAX_SCOPE_VALUES {
            return Err(OAuthError::InvalidScope(
                "the scope names too much".to_owned(),
            ));
        }
        Self::parse_any(text).ok_or_else(|| {
            OAuthError::InvalidScope(
                "the scope is not a list of role:NAME and object:operation".to_owned(),
            )
        })
    }

    /// The same for a scope that was checked when it was stored.
    pub(crate) fn parse_any(text: &str) -> Option<Self> {
        let mut asked = Self {
            text: text.to_owned(),
            ..Self::default()
        };
        for value in text.split(' ') {
            match value.strip_prefix("role:") {
                Some(role) => asked.roles.insert(role.parse().ok()?),
                None => asked.permissions.insert(value.parse().ok()?),
            };
        }
        Some(asked)
    }

    /// Whether everything asked for here is asked for there too. Without roles or without permissions a
    /// scope leaves these whole.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        let roles = other.roles.is_empty()
            || (!self.roles.is_empty() && self.roles.is_subset(&other.roles));
        let permissions = other.permissions.is_empty()
            || (!self.permissions.is_empty() && self.permissions.is_subset(&other.permissions));
        roles && permissions
    }

    /// The first value that is not in `held`, and not among the values of `others` either.
    fn first_beyond(&self, held: &Held, others: &[&Self]) -> Option<String> {
        let known_role = |role: &&RoleName| {
            !held.roles.contains(*role) && !others.iter().any(|other| other.roles.contains(*role))
        };
        let known_permission = |permission: &&Permission| {
            !held.permissions.contains(*permission)
                && !others
                    .iter()
                    .any(|other| other.permissions.contains(*permission))
        };
        let role = self.roles.iter().find(known_role);
        role.map(|role| format!("role:{role}")).or_else(|| {
            let permission = self.permissions.iter().find(known_permission);
            permission.map(ToString::to_string)
        })
    }
}

/// What a session was opened with: what it asked for, and what it was granted then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Opened {
    pub(crate) asked: Option<Asked>,
    pub(crate) granted: Option<Asked>,
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

impl Granted {
    /// All of it as scope values, the roles too: by this a later refresh tells what was lost from what
    /// never was.
    pub(crate) fn values(&self) -> String {
        let roles = self.roles.iter().map(|role| format!("role:{role}"));
        let values = roles.chain(self.permissions.iter().map(ToString::to_string));
        values.collect::<Vec<_>>().join(" ")
    }
}

/// Who holds what, and for whom a token is made.
#[derive(Clone, Copy)]
pub(crate) struct Holder<'a> {
    pub(crate) policy: &'a Policy,
    /// The roles assigned, each with the end of its assignment.
    pub(crate) assigned: &'a [(RoleName, Option<Timestamp>)],
    /// Whether the token is for rolecall itself.
    pub(crate) own_audience: bool,
    /// The most that tokens through the client may carry.
    pub(crate) ceiling: Option<&'a Asked>,
    pub(crate) now: Timestamp,
}

/// What the holder gets at a log-in, of what was `asked` for.
///
/// # Errors
///
/// `invalid_scope` if something was asked for that the holder does not have.
pub(crate) fn grant(holder: &Holder<'_>, asked: Option<&Asked>) -> Result<Granted, OAuthError> {
    let held = Held::of(holder);
    let Some(asked) = asked else {
        return Ok(held.granted(holder));
    };
    refuse_beyond(asked, &held, &[])?;
    Ok(held.narrow(holder.policy, asked).granted(holder))
}

/// What the holder gets at a refresh: what the session asked for, without what was lost since; `requested`
/// narrows this one token.
///
/// # Errors
///
/// `invalid_scope` if something is requested that the session was never granted.
pub(crate) fn regrant(
    holder: &Holder<'_>,
    session: &Opened,
    requested: Option<&Asked>,
) -> Result<Granted, OAuthError> {
    let mut held = Held::of(holder);
    if let Some(asked) = &session.asked {
        held = held.narrow(holder.policy, asked);
    }
    if let Some(requested) = requested {
        let known: Vec<&Asked> = [&session.asked, &session.granted]
            .into_iter()
            .flatten()
            .collect();
        refuse_beyond(requested, &held, &known)?;
        held = held.narrow(holder.policy, requested);
    }
    Ok(held.granted(holder))
}

/// A value beyond what is held is refused, never dropped in silence.
fn refuse_beyond(asked: &Asked, held: &Held, known: &[&Asked]) -> Result<(), OAuthError> {
    match asked.first_beyond(held, known) {
        Some(value) => Err(OAuthError::InvalidScope(format!(
            "{value} is not among what you hold"
        ))),
        None => Ok(()),
    }
}

/// Roles, closed under inheritance, and permissions that they give, perhaps narrowed.
struct Held {
    roles: BTreeSet<RoleName>,
    permissions: BTreeSet<Permission>,
    /// The values that the last narrowing named, as far as they are held.
    named: Option<Asked>,
    /// The roles that the token rests on, where it was narrowed by roles.
    roots: Option<BTreeSet<RoleName>>,
}

impl Held {
    fn of(holder: &Holder<'_>) -> Self {
        let mut roles = holder.policy.closure(lasting(holder).map(|(role, _)| role));
        // a token for somebody else never carries what is rolecall's own
        roles.retain(|role| holder.own_audience || !role.is_reserved());
        let mut permissions = holder.policy.permissions_of(&roles);
        permissions.retain(|permission| holder.own_audience || !permission.is_reserved());
        let whole = Self {
            roles,
            permissions,
            named: None,
            roots: None,
        };
        match holder.ceiling {
            None => whole,
            Some(ceiling) => {
                let held = whole.narrow(holder.policy, ceiling);
                // what the client may have at most is not what somebody asked for
                Self {
                    named: Some(Asked::default()),
                    ..held
                }
            }
        }
    }

    /// Keeps what is both held and asked for. Roles named become the active ones; permissions alone leave
    /// the roles whole.
    fn narrow(self, policy: &Policy, asked: &Asked) -> Self {
        let named: BTreeSet<RoleName> = asked.roles.intersection(&self.roles).cloned().collect();
        let (roles, roots) = if asked.roles.is_empty() {
            (self.roles, self.roots)
        } else {
            let mut roles = policy.closure(&named);
            roles.retain(|role| self.roles.contains(role));
            (roles, Some(named.clone()))
        };
        let mut permissions = policy.permissions_of(&roles);
        permissions.retain(|permission| {
            self.permissions.contains(permission)
                && (asked.permissions.is_empty() || asked.permissions.contains(permission))
        });
        let text = if named == asked.roles && asked.permissions.is_subset(&permissions) {
            asked.text.clone()
        } else {
            let values = named.iter().map(|role| format!("role:{role}"));
            let values = values.chain(permissions.iter().map(ToString::to_string));
            values.collect::<Vec<_>>().join(" ")
        };
        Self {
            named: Some(Asked {
                text,
                roles: named,
                permissions: asked.permissions.clone(),
            }),
            roles,
            permissions,
            roots,
        }
    }

    fn granted(self, holder: &Holder<'_>) -> Granted {
        let ends_at = match &self.roots {
            None => lasting(holder).filter_map(|(_, ends)| *ends).min(),
            Some(roots) => shortest(holder, roots),
        };
        let answer = match &self.named {
            Some(asked) if !asked.text.is_empty() => asked.text.clone(),
            _ => joined(&self.permissions),
        };
        Granted {
            narrowed: self.named.is_some(),
            roles: self.roles,
            permissions: self.permissions,
            answer,
            ends_at,
        }
    }
}

/// The assignments that a token may rest on.
fn lasting<'a>(
    holder: &Holder<'a>,
) -> impl Iterator<Item = &'a (RoleName, Option<Timestamp>)> + use<'a> {
    let (now, own_audience) = (holder.now, holder.own_audience);
    holder
        .assigned
        .iter()
        .filter(move |(_, ends)| ends.is_none_or(|ends| ends.since(now) >= SHORTEST_REST))
        .filter(move |(role, _)| own_audience || !role.is_reserved())
}

/// Each root rests on the longest assignment that gives it; the token ends with the first of those.
fn shortest(holder: &Holder<'_>, roots: &BTreeSet<RoleName>) -> Option<Timestamp> {
    let longest_for = |wanted: &RoleName| {
        let giving = lasting(holder).filter(|(role, _)| holder.policy.path(role, wanted).is_some());
        giving.map(|(_, ends)| ends.unwrap_or(Timestamp::MAX)).max()
    };
    roots
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
        let (policy, assigned) = (policy(), holding(roles));
        grant(&holder(&policy, &assigned), asked.as_ref())
    }

    fn holder<'a>(policy: &'a Policy, assigned: &'a [(RoleName, Option<Timestamp>)]) -> Holder<'a> {
        Holder {
            policy,
            assigned,
            own_audience: true,
            ceiling: None,
            now: NOW,
        }
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
        let policy = policy();
        let foreign = Holder {
            own_audience: false,
            ..holder(&policy, &assigned)
        };
        assert_eq!(
            names(&grant(&foreign, None).unwrap()),
            ("helper reader".into(), "items:read".into())
        );
        let asked = Asked::parse("rolecall.users:read").unwrap();
        assert!(grant(&foreign, Some(&asked)).is_err());
    }

    fn regranted(
        roles: &[(&str, Option<i64>)],
        asked: Option<&str>,
        granted: &str,
        requested: Option<&str>,
    ) -> Result<Granted, OAuthError> {
        let parse = |text: &str| Asked::parse(text).unwrap();
        let session = Opened {
            asked: asked.map(parse),
            granted: Some(parse(granted)),
        };
        let (policy, assigned) = (policy(), holding(roles));
        let requested = requested.map(parse);
        regrant(&holder(&policy, &assigned), &session, requested.as_ref())
    }

    const EDITOR: &str = "role:editor role:reader items:read items:write";

    #[test]
    fn a_refresh_drops_what_was_lost_and_keeps_the_rest() {
        let lost = regranted(&[("reader", None)], None, EDITOR, None).unwrap();
        assert_eq!(names(&lost), ("reader".into(), "items:read".into()));
        assert!(!lost.narrowed);
        let asked = Some("items:read items:write");
        let lost = regranted(&[("reader", None)], asked, EDITOR, None).unwrap();
        assert_eq!(lost.answer, "items:read");
    }

    #[test]
    fn a_refresh_whose_only_role_was_lost_does_not_fall_back_to_all_the_others() {
        let lost = regranted(&[("reader", None)], Some("role:editor"), EDITOR, None).unwrap();
        assert_eq!(names(&lost), (String::new(), String::new()));
        assert!(lost.narrowed);
        let lost = regranted(
            &[("helper", None)],
            Some("role:editor items:write"),
            EDITOR,
            None,
        );
        assert_eq!(names(&lost.unwrap()), (String::new(), String::new()));
    }

    #[test]
    fn a_refresh_gives_what_was_lost_as_less_and_refuses_what_never_was() {
        let reader = [("reader", None)];
        let lost = regranted(&reader, None, EDITOR, Some("items:read items:write")).unwrap();
        assert_eq!(lost.answer, "items:read");
        for never in ["rolecall.users:read", "role:ghost"] {
            assert!(regranted(&reader, None, EDITOR, Some(never)).is_err());
        }
        let asked = Some("items:read");
        let beyond = regranted(
            &[("editor", None)],
            asked,
            "role:editor items:read",
            Some("items:write"),
        );
        assert!(beyond.is_err(), "held, but never asked for");
    }

    #[test]
    fn a_client_never_gets_more_than_its_own_scope() {
        let assigned = holding(&[("editor", None), ("helper", None)]);
        let (policy, ceiling) = (policy(), Asked::parse("items:read").unwrap());
        let through = Holder {
            ceiling: Some(&ceiling),
            ..holder(&policy, &assigned)
        };
        let granted = grant(&through, None).unwrap();
        assert_eq!(joined(&granted.permissions), "items:read");
        assert!(granted.narrowed);
        for beyond in ["items:write", "rolecall.users:read"] {
            let asked = Asked::parse(beyond).unwrap();
            assert!(grant(&through, Some(&asked)).is_err(), "{beyond}");
        }
        let by_role = Asked::parse("role:reader").unwrap();
        let through = Holder {
            ceiling: Some(&by_role),
            ..through
        };
        let granted = grant(&through, None).unwrap();
        assert_eq!(names(&granted), ("reader".into(), "items:read".into()));
        let session = Opened::default();
        let asked = Asked::parse("role:editor").unwrap();
        assert!(regrant(&through, &session, Some(&asked)).is_err());
    }
}
