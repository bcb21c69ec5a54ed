use super::position::Step;

/// The kind of a [`Finding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// A permission that no role gives.
    UnusedPermission,
    /// A role that no subject has, either itself or by inheritance.
    UnreachedRole,
    /// A grant that a wildcard of the same role or a junior already includes.
    RedundantGrant,
    /// A junior that another junior already inherits.
    RedundantInheritance,
    /// Two roles that give the same permissions.
    EqualRoles,
    /// A role that gives every permission.
    AllPowerful,
    /// A constraint that cannot be violated without violating another one.
    IdleConstraint,
    /// A role whose permissions another role gives without the assurance that it needs.
    WeakerRole,
    /// A role that violates a constraint by itself, through what it inherits.
    BlockedRole,
}

impl FindingKind {
    /// Returns the kind as a word, such as `unused-permission`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnusedPermission => "unused-permission",
            Self::UnreachedRole => "unreached-role",
            Self::RedundantGrant => "redundant-grant",
            Self::RedundantInheritance => "redundant-inheritance",
            Self::EqualRoles => "equal-roles",
            Self::AllPowerful => "all-powerful",
            Self::IdleConstraint => "idle-constraint",
            Self::WeakerRole => "weaker-role",
            Self::BlockedRole => "blocked-role",
        }
    }
}

/// Something in a valid document that is probably not intended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind of the finding.
    pub kind: FindingKind,
    /// The path of the member that it concerns.
    pub path: Vec<Step>,
    /// A sentence for people.
    pub message: String,
}
