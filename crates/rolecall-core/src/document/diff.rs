use serde::Serialize;

use super::{Document, RoleEntry};
use crate::{Constraint, ConstraintName, Permission, PermissionPattern, RoleName, builtin};

/// One difference between two documents, named as the audit log names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action")]
pub enum Change {
    /// A permission is made.
    #[serde(rename = "permission.created")]
    PermissionCreated {
        /// Which.
        permission: Permission,
        /// What it is for.
        description: String,
    },
    /// A permission gets another description.
    #[serde(rename = "permission.described")]
    PermissionDescribed {
        /// Which.
        permission: Permission,
        /// What it is for.
        description: String,
    },
    /// A role is made.
    #[serde(rename = "role.created")]
    RoleCreated {
        /// Which.
        role: RoleName,
        /// What it is for.
        description: String,
    },
    /// A role gets another description.
    #[serde(rename = "role.described")]
    RoleDescribed {
        /// Which.
        role: RoleName,
        /// What it is for.
        description: String,
    },
    /// A second person must confirm that somebody is given a role, or need not any more.
    #[serde(rename = "role.approval")]
    RoleApproval {
        /// Which role.
        role: RoleName,
        /// Whether one must.
        approval: bool,
    },
    /// A role does not inherit another any more.
    #[serde(rename = "junior.removed")]
    JuniorRemoved {
        /// The senior.
        role: RoleName,
        /// Whom it inherited.
        junior: RoleName,
    },
    /// A role does not hold a permission or wildcard itself any more.
    #[serde(rename = "permission.revoked")]
    PermissionRevoked {
        /// Who held it.
        role: RoleName,
        /// What it held.
        permission: PermissionPattern,
    },
    /// A role, with all that it held and inherited, is gone.
    #[serde(rename = "role.deleted")]
    RoleDeleted {
        /// Which.
        role: RoleName,
    },
    /// A permission is gone.
    #[serde(rename = "permission.deleted")]
    PermissionDeleted {
        /// Which.
        permission: Permission,
    },
    /// A role holds a permission or wildcard.
    #[serde(rename = "permission.granted")]
    PermissionGranted {
        /// Who holds it.
        role: RoleName,
        /// What it holds.
        permission: PermissionPattern,
    },
    /// A role inherits another.
    #[serde(rename = "junior.added")]
    JuniorAdded {
        /// The senior.
        role: RoleName,
        /// Whom it inherits.
        junior: RoleName,
    },
    /// A constraint is made.
    #[serde(rename = "constraint.created")]
    ConstraintCreated {
        /// Its name.
        constraint: ConstraintName,
        /// What it says.
        #[serde(flatten)]
        rule: Constraint,
    },
    /// A constraint says something else.
    #[serde(rename = "constraint.replaced")]
    ConstraintReplaced {
        /// Its name.
        constraint: ConstraintName,
        /// What it says.
        #[serde(flatten)]
        rule: Constraint,
    },
    /// A constraint is gone.
    #[serde(rename = "constraint.deleted")]
    ConstraintDeleted {
        /// Its name.
        constraint: ConstraintName,
    },
}

impl Change {
    /// The role that is changed, if it is one.
    #[must_use]
    pub fn role(&self) -> Option<&RoleName> {
        match self {
            Self::RoleCreated { role, .. }
            | Self::RoleDescribed { role, .. }
            | Self::RoleApproval { role, .. }
            | Self::RoleDeleted { role }
            | Self::PermissionGranted { role, .. }
            | Self::PermissionRevoked { role, .. }
            | Self::JuniorAdded { role, .. }
            | Self::JuniorRemoved { role, .. } => Some(role),
            _ => None,
        }
    }
}

impl std::fmt::Display for Change {
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
            } => write!(f, "+ role {role} needs a second person"),
            Self::RoleApproval { role, .. } => write!(f, "- role {role} needs a second person"),
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

/// What makes `new` out of `old`, in an order in which it can be done: what is named exists, and nothing is
/// in the way of what goes. Tests are no rules and are not compared.
///
/// The role `user` cannot go: where `new` has none, it is emptied. What a deleted role held and inherited
/// goes with it and is not named.
#[must_use]
pub fn diff(old: &Document, new: &Document) -> Vec<Change> {
    let mut changes = Vec::new();
    for (permission, description) in &new.permissions {
        let (permission, description) = (permission.clone(), description.clone());
        match old.permissions.get(&permission) {
            None => changes.push(Change::PermissionCreated {
                permission,
                description,
            }),
            Some(before) if *before != description => {
                changes.push(Change::PermissionDescribed {
                    permission,
                    description,
                });
            }
            Some(_) => {}
        }
    }
    let mut added = Vec::new();
    let empty = RoleEntry::default();
    for (role, entry) in &new.roles {
        let before = old.roles.get(role);
        let description = entry.description.clone();
        match before {
            None if !builtin::is_builtin(role) => changes.push(Change::RoleCreated {
                role: role.clone(),
                description,
            }),
            before if before.unwrap_or(&empty).description != description => {
                changes.push(Change::RoleDescribed {
                    role: role.clone(),
                    description,
                });
            }
            _ => {}
        }
        relations(
            role,
            before.unwrap_or(&empty),
            entry,
            &mut changes,
            &mut added,
        );
    }
    let gone = old
        .roles
        .iter()
        .filter(|(role, _)| !new.roles.contains_key(*role));
    for (role, entry) in gone.clone().filter(|(role, _)| builtin::is_builtin(role)) {
        relations(role, entry, &empty, &mut changes, &mut added);
    }
    // after the roles that are made, before those that go
    constraints(old, new, &mut changes);
    for (role, _) in gone.filter(|(role, _)| !builtin::is_builtin(role)) {
        changes.push(Change::RoleDeleted { role: role.clone() });
    }
    for permission in old.permissions.keys() {
        if !new.permissions.contains_key(permission) {
            changes.push(Change::PermissionDeleted {
                permission: permission.clone(),
            });
        }
    }
    changes.append(&mut added);
    changes
}

/// What a role holds and inherits, and whether it is given by two: what goes, and what comes after all that goes.
fn relations(
    role: &RoleName,
    old: &RoleEntry,
    new: &RoleEntry,
    gone: &mut Vec<Change>,
    added: &mut Vec<Change>,
) {
    let role = || role.clone();
    if old.approval != new.approval {
        gone.push(Change::RoleApproval {
            role: role(),
            approval: new.approval,
        });
    }
    for junior in old.juniors.difference(&new.juniors) {
        gone.push(Change::JuniorRemoved {
            role: role(),
            junior: junior.clone(),
        });
    }
    for permission in old.permissions.difference(&new.permissions) {
        gone.push(Change::PermissionRevoked {
            role: role(),
            permission: permission.clone(),
        });
    }
    for permission in new.permissions.difference(&old.permissions) {
        added.push(Change::PermissionGranted {
            role: role(),
            permission: permission.clone(),
        });
    }
    for junior in new.juniors.difference(&old.juniors) {
        added.push(Change::JuniorAdded {
            role: role(),
            junior: junior.clone(),
        });
    }
}

fn constraints(old: &Document, new: &Document, changes: &mut Vec<Change>) {
    for name in old.constraints.keys() {
        if !new.constraints.contains_key(name) {
            changes.push(Change::ConstraintDeleted {
                constraint: name.clone(),
            });
        }
    }
    for (name, rule) in &new.constraints {
        let (constraint, rule) = (name.clone(), rule.clone());
        match old.constraints.get(name) {
            None => changes.push(Change::ConstraintCreated { constraint, rule }),
            Some(before) if *before != rule => {
                changes.push(Change::ConstraintReplaced { constraint, rule });
            }
            Some(_) => {}
        }
    }
}
