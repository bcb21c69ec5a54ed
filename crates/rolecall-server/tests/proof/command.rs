//! The commands of a script, one line of text each.

mod read;

use std::fmt;

pub(crate) type Name = String;

/// A line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `t1 = login ann in acme for role:r1 a:x`: a named token, with which other commands act.
    LogIn {
        token: Name,
        user: Name,
        tenant: Option<Name>,
        scope: Vec<Name>,
    },
    /// `t2 = refresh t1 for a:x`: another token of the session of `t1`.
    Refresh {
        token: Name,
        of: Name,
        scope: Vec<Name>,
    },
    /// `revoke t1`: revokes the access token only.
    RevokeToken(Name),
    /// `pass 600`: moves the clock, in seconds.
    Pass(i64),
    /// `ask ann a:x in acme`: a decision.
    Ask {
        user: Name,
        need: Name,
        tenant: Option<Name>,
    },
    /// `t1: ...`: an action with a token. `root` always has a valid one.
    By { token: Name, act: Act },
}

/// An action with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    AddUser {
        user: Name,
        roles: Vec<Name>,
    },
    DeleteUser(Name),
    Disable(Name),
    Enable(Name),
    EndSessions(Name),
    LogOut,
    AddRole(Name),
    DeleteRole(Name),
    /// Sets whether assigning the role needs approval.
    Approval {
        role: Name,
        on: bool,
    },
    AddPermission(Name),
    DeletePermission(Name),
    Grant {
        role: Name,
        pattern: Name,
    },
    Revoke {
        role: Name,
        pattern: Name,
    },
    Inherit {
        senior: Name,
        junior: Name,
    },
    Disinherit {
        senior: Name,
        junior: Name,
    },
    /// Times are in seconds since the start of the script.
    Assign {
        to: AssignmentKey,
        from: Option<i64>,
        until: Option<i64>,
    },
    Unassign(AssignmentKey),
    /// Confirms a request of somebody else.
    Confirm(AssignmentKey),
    /// Withdraws or declines a request.
    EndRequest(AssignmentKey),
    AddConstraint(Constraint),
    DeleteConstraint(Name),
    AddMember {
        constraint: Name,
        role: Name,
    },
    RemoveMember {
        constraint: Name,
        role: Name,
    },
    Limit {
        constraint: Name,
        at_most: usize,
    },
    Apply(Document),
}

/// `c1 static 1 r1 r2`: at most one of `r1` and `r2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Constraint {
    pub(crate) name: Name,
    /// `static` or `dynamic`.
    pub(crate) kind: Name,
    pub(crate) at_most: usize,
    pub(crate) roles: Vec<Name>,
}

/// The key of an assignment: user, role and tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AssignmentKey {
    pub(crate) user: Name,
    pub(crate) role: Name,
    pub(crate) tenant: Option<Name>,
}

/// `permissions a:x a:y role r1 a:* > r2 role r2! constraint c1 static 1 r1 r2`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) permissions: Vec<Name>,
    pub(crate) roles: Vec<Entry>,
    pub(crate) constraints: Vec<Constraint>,
}

/// A role in a document; `!` after its name means that it needs approval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) role: Name,
    pub(crate) patterns: Vec<Name>,
    pub(crate) juniors: Vec<Name>,
    pub(crate) approval: bool,
}

/// A word followed by several values, or nothing if there are none.
struct Each<'a>(&'a str, &'a [Name]);

impl fmt::Display for Each<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.1.is_empty() {
            f.write_str(self.0)?;
        }
        self.1.iter().try_for_each(|one| write!(f, " {one}"))
    }
}

/// A word followed by a value, or nothing if there is none.
struct Maybe<'a, T>(&'a str, &'a Option<T>);

impl<T: fmt::Display> fmt::Display for Maybe<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(value) => write!(f, " {} {value}", self.0),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LogIn {
                token,
                user,
                tenant,
                scope,
            } => {
                let (tenant, scope) = (Maybe("in", tenant), Each(" for", scope));
                write!(f, "{token} = login {user}{tenant}{scope}")
            }
            Self::Refresh { token, of, scope } => {
                write!(f, "{token} = refresh {of}{}", Each(" for", scope))
            }
            Self::RevokeToken(token) => write!(f, "revoke {token}"),
            Self::Pass(seconds) => write!(f, "pass {seconds}"),
            Self::Ask { user, need, tenant } => {
                write!(f, "ask {user} {need}{}", Maybe("in", tenant))
            }
            Self::By { token, act } => write!(f, "{token}: {act}"),
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddUser { user, roles } => write!(f, "user add {user}{}", Each("", roles)),
            Self::DeleteUser(user) => write!(f, "user delete {user}"),
            Self::Disable(user) => write!(f, "user disable {user}"),
            Self::Enable(user) => write!(f, "user enable {user}"),
            Self::EndSessions(user) => write!(f, "end-sessions {user}"),
            Self::LogOut => f.write_str("logout"),
            Self::AddRole(role) => write!(f, "role add {role}"),
            Self::DeleteRole(role) => write!(f, "role delete {role}"),
            Self::Approval { role, on } => {
                write!(f, "role approval {role} {}", if *on { "on" } else { "off" })
            }
            Self::AddPermission(name) => write!(f, "permission add {name}"),
            Self::DeletePermission(name) => write!(f, "permission delete {name}"),
            Self::Grant { role, pattern } => write!(f, "grant {role} {pattern}"),
            Self::Revoke { role, pattern } => write!(f, "revoke {role} {pattern}"),
            Self::Inherit { senior, junior } => write!(f, "inherit {senior} {junior}"),
            Self::Disinherit { senior, junior } => write!(f, "disinherit {senior} {junior}"),
            Self::Assign { to, from, until } => {
                write!(
                    f,
                    "assign {to}{}{}",
                    Maybe("from", from),
                    Maybe("until", until)
                )
            }
            Self::Unassign(from) => write!(f, "unassign {from}"),
            Self::Confirm(requested) => write!(f, "confirm {requested}"),
            Self::EndRequest(requested) => write!(f, "end-request {requested}"),
            Self::AddConstraint(one) => write!(f, "constraint add {one}"),
            Self::DeleteConstraint(name) => write!(f, "constraint delete {name}"),
            Self::AddMember { constraint, role } => {
                write!(f, "constraint add-role {constraint} {role}")
            }
            Self::RemoveMember { constraint, role } => {
                write!(f, "constraint remove-role {constraint} {role}")
            }
            Self::Limit {
                constraint,
                at_most,
            } => write!(f, "constraint limit {constraint} {at_most}"),
            Self::Apply(document) => write!(f, "apply{document}"),
        }
    }
}

impl fmt::Display for AssignmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}{}",
            self.user,
            self.role,
            Maybe("in", &self.tenant)
        )
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, kind, at_most) = (&self.name, &self.kind, self.at_most);
        write!(f, "{name} {kind} {at_most}{}", Each("", &self.roles))
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Each(" permissions", &self.permissions))?;
        for Entry {
            role,
            patterns,
            juniors,
            approval,
        } in &self.roles
        {
            let mark = if *approval { "!" } else { "" };
            let (patterns, juniors) = (Each("", patterns), Each(" >", juniors));
            write!(f, " role {role}{mark}{patterns}{juniors}")?;
        }
        let mut constraints = self.constraints.iter();
        constraints.try_for_each(|one| write!(f, " constraint {one}"))
    }
}

/// Parses a script. Lines that begin with `#` are comments.
pub(crate) fn parse(script: &str) -> Result<Vec<Command>, String> {
    let lines = script.lines().map(str::trim).zip(1..);
    let commands = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    commands
        .map(|(line, at)| line.parse().map_err(|error| format!("line {at}: {error}")))
        .collect()
}

/// Writes a script so that [`parse`] can read it.
pub(crate) fn write(commands: &[Command]) -> String {
    let lines: Vec<String> = commands.iter().map(ToString::to_string).collect();
    lines.join("\n") + "\n"
}
