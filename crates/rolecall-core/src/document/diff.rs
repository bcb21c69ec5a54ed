use serde::Serialize;

use super::model::{Document, RoleEntry};
use crate::{Acr, Constraint, ConstraintName, Permission, PermissionPattern, RoleName, builtin};

/// One change of a policy. The serialized `action` is the name of the event in the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action")]
pub enum PolicyChange {
    /// A permission is created.
    #[serde(rename = "permission.created")]
    PermissionCreated {
        /// The permission.
        permission: Permission,
        /// Its description.
        description: String,
    },
    /// The description of a permission changes.
    #[serde(rename = "permission.described")]
    PermissionDescribed {
        /// The permission.
        permission: Permission,
        /// Its new description.
        description: String,
    },
    /// A role is created.
    #[serde(rename = "role.created")]
    RoleCreated {
        /// The role.
        role: RoleName,
        /// Its description.
        description: String,
    },
    /// The description of a role changes.
    #[serde(rename = "role.described")]
    RoleDescribed {
        /// The role.
        role: RoleName,
        /// Its new description.
        description: String,
    },
    /// A role comes to need approval by a second person, or no longer needs it.
    #[serde(rename = "role.approval")]
    RoleApproval {
        /// The role.
        role: RoleName,
        /// True if it needs approval from now on.
        approval: bool,
    },
    /// A role comes to work by its name, or no longer does.
    #[serde(rename = "role.by_name")]
    RoleByName {
        /// The role.
        role: RoleName,
        /// True if applications may check for the role by its name from now on.
        by_name: bool,
    },
    /// A role comes to need a session with another assurance.
    #[serde(rename = "role.acr")]
    RoleAcr {
        /// The role.
        role: RoleName,
        /// The assurance that it needs from now on.
        acr: Acr,
    },
    /// A role no longer inherits another one.
    #[serde(rename = "junior.removed")]
    JuniorRemoved {
        /// The senior role.
        role: RoleName,
        /// The junior role.
        junior: RoleName,
    },
    /// A role no longer holds a permission or wildcard itself.
    #[serde(rename = "permission.revoked")]
    PermissionRevoked {
        /// The role.
        role: RoleName,
        /// The permission or wildcard.
        permission: PermissionPattern,
    },
    /// A role is deleted, with all that it holds and inherits.
    #[serde(rename = "role.deleted")]
    RoleDeleted {
        /// The role.
        role: RoleName,
    },
    /// A permission is deleted.
    #[serde(rename = "permission.deleted")]
    PermissionDeleted {
        /// The permission.
        permission: Permission,
    },
    /// A role is granted a permission or wildcard.
    #[serde(rename = "permission.granted")]
    PermissionGranted {
        /// The role.
        role: RoleName,
        /// The permission or wildcard.
        permission: PermissionPattern,
    },
    /// A role comes to inherit another one.
    #[serde(rename = "junior.added")]
    JuniorAdded {
        /// The senior role.
        role: RoleName,
        /// The junior role.
        junior: RoleName,
    },
    /// A constraint is created.
    #[serde(rename = "constraint.created")]
    ConstraintCreated {
        /// The name of the constraint.
        constraint: ConstraintName,
        /// The constraint.
        #[serde(flatten)]
        rule: Constraint,
    },
    /// A constraint is replaced.
    #[serde(rename = "constraint.replaced")]
    ConstraintReplaced {
        /// The name of the constraint.
        constraint: ConstraintName,
        /// The new constraint.
        #[serde(flatten)]
        rule: Constraint,
    },
    /// A constraint is deleted.
    #[serde(rename = "constraint.deleted")]
    ConstraintDeleted {
        /// The name of the constraint.
        constraint: ConstraintName,
    },
}

impl PolicyChange {
    /// Returns the role that changes, or `None` if the change concerns a permission or constraint.
    #[must_use]
    pub fn role(&self) -> Option<&RoleName> {
        match self {
            Self::RoleCreated { role, .. }
            | Self::RoleDescribed { role, .. }
            | Self::RoleApproval { role, .. }
            | Self::RoleByName { role, .. }
            | Self::RoleAcr { role, .. }
            | Self::RoleDeleted { role }
            | Self::PermissionGranted { role, .. }
            | Self::PermissionRevoked { role, .. }
            | Self::JuniorAdded { role, .. }
            | Self::JuniorRemoved { role, .. } => Some(role),
            _ => None,
        }
    }
}

impl std::fmt::Display for PolicyChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PermissionCreated { permission, .. } => write!(f, "+ permission {permission}"),
            Self::PermissionDescribed { permission, .. } => {
                write!(f, "~ permission {permission}: description")
            }
            Self::PermissionDeleted { permission } => write!(f, "- permission {permission}"),
            Self::RoleCreated { role, .. } => write!(f, "+ role {role}"),
            Self::RoleDescribed { role, .. } => write!(f, "~ role {role}: description"),
            Self::RoleApproval {
                role,
                approval: true,
            } => write!(f, "+ role {role} needs approval"),
            Self::RoleApproval { role, .. } => write!(f, "- role {role} needs approval"),
            Self::RoleByName {
                role,
                by_name: true,
            } => write!(f, "+ role {role} works by its name"),
            Self::RoleByName { role, .. } => write!(f, "- role {role} works by its name"),
            Self::RoleAcr { role, acr } => write!(f, "~ role {role} needs {acr}"),
            Self::RoleDeleted { role } => write!(f, "- role {role}"),
            Self::PermissionGranted { role, permission } => {
                write!(f, "+ role {role} holds {permission}")
            }
            Self::PermissionRevoked { role, permission } => {
                write!(f, "- role {role} holds {permission}")
            }
            Self::JuniorAdded { role, junior } => write!(f, "+ role {role} inherits {junior}"),
            Self::JuniorRemoved { role, junior } => write!(f, "- role {role} inherits {junior}"),
            Self::ConstraintCreated { constraint, rule } => {
                write!(f, "+ constraint {constraint}: {rule}")
            }
            Self::ConstraintReplaced { constraint, rule } => {
                write!(f, "~ constraint {constraint}: {rule}")
            }
            Self::ConstraintDeleted { constraint } => write!(f, "- constraint {constraint}"),
        }
    }
}

/// Returns the changes that turn `old` into `new`, in an order in which they can be applied one by one.
///
/// In this order every change names only what exists, and nothing is deleted that is still in use. Tests are not
/// compared. The role `user` cannot be deleted, so it is emptied if `new` does not have it. The permissions and juniors
/// of a deleted role go with it and are not listed.
///
/// ```
/// use rolecall_core::document::{Document, diff};
///
/// let old = Document::parse("[permissions]\n\"items:read\" = \"\"\n[roles.reader]").unwrap().document;
/// let new = Document::parse("[permissions]\n\"items:read\" = \"\"\n[roles.reader]\npermissions = [\"items:*\"]");
/// let changes = diff(&old, &new.unwrap().document);
/// assert_eq!(changes[0].to_string(), "+ role reader holds items:*");
/// ```
#[must_use]
pub fn diff(old: &Document, new: &Document) -> Vec<PolicyChange> {
    let mut changes = new_permissions(old, new);
    // what roles gain comes last, after everything that they lose
    let mut gains = Vec::new();
    let empty = RoleEntry::default();
    for (role, entry) in &new.roles {
        let before = old.roles.get(role);
        let description = entry.description.clone();
        match before {
            None if !builtin::is_builtin(role) => changes.push(PolicyChange::RoleCreated {
                role: role.clone(),
                description,
            }),
            before if before.unwrap_or(&empty).description != description => {
                changes.push(PolicyChange::RoleDescribed {
                    role: role.clone(),
                    description,
                });
            }
            _ => {}
        }
        let before = before.unwrap_or(&empty);
        compare_rules(role, before, entry, &mut changes, &mut gains);
    }
    let removed = old
        .roles
        .iter()
        .filter(|(role, _)| !new.roles.contains_key(*role));
    let (builtin, deleted): (Vec<_>, Vec<_>) =
        removed.partition(|(role, _)| builtin::is_builtin(role));
    for (role, entry) in builtin {
        compare_rules(role, entry, &empty, &mut changes, &mut gains);
    }
    // constraints need the created roles, and must change before roles are deleted
    compare_constraints(old, new, &mut changes);
    for (role, _) in deleted {
        changes.push(PolicyChange::RoleDeleted { role: role.clone() });
    }
    for permission in old.permissions.keys() {
        if !new.permissions.contains_key(permission) {
            changes.push(PolicyChange::PermissionDeleted {
                permission: permission.clone(),
            });
        }
    }
    changes.append(&mut gains);
    changes
}

/// Returns the permissions that are created or get another description.
fn new_permissions(old: &Document, new: &Document) -> Vec<PolicyChange> {
    let mut changes = Vec::new();
    for (permission, description) in &new.permissions {
        let (permission, description) = (permission.clone(), description.clone());
        match old.permissions.get(&permission) {
            None => changes.push(PolicyChange::PermissionCreated {
                permission,
                description,
            }),
            Some(before) if *before != description => {
                changes.push(PolicyChange::PermissionDescribed {
                    permission,
                    description,
                });
            }
            Some(_) => {}
        }
    }
    changes
}

/// Adds the permissions and juniors that a role loses, and its other members that change, to `losses`, and the permissions
/// and juniors that it gains to `gains`.
fn compare_rules(
    role: &RoleName,
    old: &RoleEntry,
    new: &RoleEntry,
    losses: &mut Vec<PolicyChange>,
    gains: &mut Vec<PolicyChange>,
) {
    let role = || role.clone();
    if old.approval != new.approval {
        losses.push(PolicyChange::RoleApproval {
            role: role(),
            approval: new.approval,
        });
    }
    if old.by_name != new.by_name {
        losses.push(PolicyChange::RoleByName {
            role: role(),
            by_name: new.by_name,
        });
    }
    if old.acr != new.acr {
        losses.push(PolicyChange::RoleAcr {
            role: role(),
            acr: new.acr,
        });
    }
    for junior in old.juniors.difference(&new.juniors) {
        losses.push(PolicyChange::JuniorRemoved {
            role: role(),
            junior: junior.clone(),
        });
    }
    for permission in old.permissions.difference(&new.permissions) {
        losses.push(PolicyChange::PermissionRevoked {
            role: role(),
            permission: permission.clone(),
        });
    }
    for permission in new.permissions.difference(&old.permissions) {
        gains.push(PolicyChange::PermissionGranted {
            role: role(),
            permission: permission.clone(),
        });
    }
    for junior in new.juniors.difference(&old.juniors) {
        gains.push(PolicyChange::JuniorAdded {
            role: role(),
            junior: junior.clone(),
        });
    }
}

fn compare_constraints(old: &Document, new: &Document, changes: &mut Vec<PolicyChange>) {
    for name in old.constraints.keys() {
        if !new.constraints.contains_key(name) {
            changes.push(PolicyChange::ConstraintDeleted {
                constraint: name.clone(),
            });
        }
    }
    for (name, rule) in &new.constraints {
        let (constraint, rule) = (name.clone(), rule.clone());
        match old.constraints.get(name) {
            None => changes.push(PolicyChange::ConstraintCreated { constraint, rule }),
            Some(before) if *before != rule => {
                changes.push(PolicyChange::ConstraintReplaced { constraint, rule });
            }
            Some(_) => {}
        }
    }
}
