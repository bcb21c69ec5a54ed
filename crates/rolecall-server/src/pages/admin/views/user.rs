//! A user's page, and the forms about one user.

use minijinja::Value;
use serde::Serialize;

use super::{super::super::sample_values::TEXT, Time, value};

/// The page: each part is empty for those who may not see it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct UserPage {
    pub(crate) id: String,
    /// The address of this page.
    pub(crate) path: String,
    /// The user name; the id for those who may not read users.
    pub(crate) name: String,
    pub(crate) account: Option<Account>,
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) roles: Vec<Held>,
    pub(crate) permissions: Vec<Held>,
    pub(crate) factors: Vec<Factor>,
    pub(crate) codes_left: i64,
    pub(crate) sessions: Vec<Session>,
    pub(crate) browsers: Vec<SignedIn>,
    pub(crate) clients: Vec<Allowed>,
    pub(crate) events: Vec<Happened>,
    pub(crate) older_events: String,
    /// The parts that the caller may see.
    pub(crate) sees: Sees,
    /// What the caller may do.
    pub(crate) may: MayDo,
}

/// The parts that the caller may see.
#[derive(Debug, Default, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one for each part of the page"
)]
pub(crate) struct Sees {
    pub(crate) assignments: bool,
    pub(crate) standing: bool,
    pub(crate) account: bool,
    pub(crate) events: bool,
}

/// What the caller may do.
#[derive(Debug, Default, Serialize)]
pub(crate) struct MayDo {
    pub(crate) write: bool,
    pub(crate) assign: bool,
    pub(crate) end: bool,
}

/// The account itself.
#[derive(Debug, Serialize)]
pub(crate) struct Account {
    pub(crate) email: String,
    pub(crate) is_verified: bool,
    /// The key of the status.
    pub(crate) status: &'static str,
    pub(crate) is_disabled: bool,
    pub(crate) created: Time,
    pub(crate) updated: Time,
}

/// A role assignment.
#[derive(Debug, Serialize)]
pub(crate) struct Assignment {
    pub(crate) role: String,
    pub(crate) tenant: String,
    pub(crate) from: Option<Time>,
    pub(crate) until: Option<Time>,
    /// The key of `in force`, `not yet` or `expired`.
    pub(crate) state: &'static str,
    pub(crate) reason: String,
    pub(crate) by: String,
    pub(crate) at: Time,
    /// The page of the role; empty for those who may not see it.
    pub(crate) href: String,
    /// The address at which it is taken away.
    pub(crate) unassign: String,
}

/// The states of an assignment.
pub(crate) const STATES: [&str; 3] = ["admin-in-force", "admin-not-yet", "admin-expired"];

/// A role or permission that a user has, with the way by which.
#[derive(Debug, Serialize)]
pub(crate) struct Held {
    pub(crate) name: String,
    pub(crate) tenant: String,
    pub(crate) path: Vec<String>,
    /// The wildcard that gives a permission; empty if the permission itself is given.
    pub(crate) by: String,
}

/// A second factor.
#[derive(Debug, Serialize)]
pub(crate) struct Factor {
    pub(crate) name: String,
    pub(crate) is_passkey: bool,
    pub(crate) since: Time,
    pub(crate) last: Option<Time>,
    pub(crate) remove: String,
}

/// A session of an application.
#[derive(Debug, Serialize)]
pub(crate) struct Session {
    pub(crate) client: String,
    /// The program and the system, in words; empty if they are unknown.
    pub(crate) agent: String,
    pub(crate) address: String,
    pub(crate) since: Time,
    pub(crate) last: Time,
    pub(crate) end: String,
}

/// A browser in which the user is signed in.
#[derive(Debug, Serialize)]
pub(crate) struct SignedIn {
    pub(crate) address: String,
    /// It is the one that shows the page: *Sign out* ends it.
    pub(crate) is_own: bool,
    pub(crate) since: Time,
    pub(crate) last: Time,
    pub(crate) end: String,
}

/// An application that the user has allowed.
#[derive(Debug, Serialize)]
pub(crate) struct Allowed {
    pub(crate) name: String,
    pub(crate) scopes: String,
    pub(crate) since: Time,
    pub(crate) last: Time,
}

/// An event.
#[derive(Debug, Serialize)]
pub(crate) struct Happened {
    pub(crate) kind: String,
    pub(crate) address: String,
    pub(crate) at: Time,
}

/// All parts and all actions.
fn everything() -> (Sees, MayDo) {
    let sees = Sees {
        assignments: true,
        standing: true,
        account: true,
        events: true,
    };
    let may = MayDo {
        write: true,
        assign: true,
        end: true,
    };
    (sees, may)
}

/// Samples of assignments, in each state.
pub(super) fn assignments() -> Vec<Assignment> {
    let text = || TEXT.to_owned();
    let all = STATES.map(|state| Assignment {
        role: text(),
        tenant: text(),
        from: Some(Time::sample()),
        until: Some(Time::sample()),
        state,
        reason: text(),
        by: text(),
        at: Time::sample(),
        href: "/admin/roles/x".to_owned(),
        unassign: "/admin/users/x/unassign?role=x".to_owned(),
    });
    all.into_iter().collect()
}

fn browser(is_own: bool) -> SignedIn {
    SignedIn {
        address: TEXT.to_owned(),
        is_own,
        since: Time::sample(),
        last: Time::sample(),
        end: "/admin/users/x/sessions?browser=x".to_owned(),
    }
}

/// Samples of the page.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(in super::super) fn samples() -> Vec<Value> {
    let text = || TEXT.to_owned();
    let held = |by: &str| Held {
        name: text(),
        tenant: by.to_owned(),
        path: vec![text(), text()],
        by: by.to_owned(),
    };
    let full = UserPage {
        id: text(),
        path: "/admin/users/x".to_owned(),
        name: text(),
        account: Some(Account {
            email: text(),
            is_verified: true,
            status: "admin-status-active",
            is_disabled: false,
            created: Time::sample(),
            updated: Time::sample(),
        }),
        assignments: assignments(),
        roles: vec![held(""), held(TEXT)],
        permissions: vec![held(""), held(TEXT)],
        factors: vec![Factor {
            name: text(),
            is_passkey: true,
            since: Time::sample(),
            last: Some(Time::sample()),
            remove: "/admin/users/x/factors?factor=x".to_owned(),
        }],
        codes_left: 3,
        sessions: vec![Session {
            client: text(),
            agent: text(),
            address: text(),
            since: Time::sample(),
            last: Time::sample(),
            end: "/admin/users/x/sessions?session=x".to_owned(),
        }],
        browsers: [true, false].map(browser).into_iter().collect(),
        clients: vec![Allowed {
            name: text(),
            scopes: text(),
            since: Time::sample(),
            last: Time::sample(),
        }],
        events: vec![Happened {
            kind: text(),
            address: text(),
            at: Time::sample(),
        }],
        older_events: "/admin/users/x?events=x".to_owned(),
        sees: everything().0,
        may: everything().1,
    };
    let bare = UserPage {
        name: "alice".to_owned(),
        path: "/admin/users/x".to_owned(),
        account: Some(Account {
            email: String::new(),
            is_verified: false,
            status: "admin-status-disabled",
            is_disabled: true,
            created: Time::sample(),
            updated: Time::sample(),
        }),
        sees: everything().0,
        may: everything().1,
        ..UserPage::default()
    };
    let hidden = UserPage {
        name: "x".to_owned(),
        path: "/admin/users/x".to_owned(),
        ..UserPage::default()
    };
    [full, bare, hidden].iter().map(value).collect()
}

/// The form that gives a role.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct AssignForm {
    pub(crate) user: String,
    /// The page of the user.
    pub(crate) back: String,
    pub(crate) action: String,
    pub(crate) role: String,
    pub(crate) tenant: String,
    /// The caller acts in this tenant and can give roles nowhere else.
    pub(crate) is_tenant_fixed: bool,
    pub(crate) from: String,
    pub(crate) until: String,
    pub(crate) reason: String,
    /// The roles to choose from, if the caller may read them.
    pub(crate) roles: Vec<String>,
}

/// Samples of the form.
pub(in super::super) fn assign_samples() -> Vec<Value> {
    let full = AssignForm {
        user: TEXT.to_owned(),
        back: "/admin/users/x".to_owned(),
        action: "/admin/users/x/assign".to_owned(),
        role: TEXT.to_owned(),
        tenant: TEXT.to_owned(),
        is_tenant_fixed: true,
        from: TEXT.to_owned(),
        until: TEXT.to_owned(),
        reason: TEXT.to_owned(),
        roles: vec![TEXT.to_owned()],
    };
    [full, AssignForm::default()].iter().map(value).collect()
}

/// The form that creates or changes a user.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct UserForm {
    /// The page of a user who exists.
    pub(crate) back: String,
    pub(crate) action: String,
    pub(crate) is_new: bool,
    pub(crate) username: String,
    pub(crate) email: String,
    /// Roles, between which spaces or commas stand.
    pub(crate) role: String,
    /// The tenant in which somebody who is invited gets them.
    pub(crate) tenant: String,
    /// `code` or `invite`.
    pub(crate) way: String,
    /// The way that the link of an invitation takes: `mail`, or `link` if the caller passes it on. Empty for a caller who
    /// cannot invite.
    pub(crate) invites_by: &'static str,
    pub(crate) may_assign: bool,
    pub(crate) roles: Vec<String>,
}

/// Samples of the form.
pub(in super::super) fn form_samples() -> Vec<Value> {
    let full = UserForm {
        back: "/admin/users".to_owned(),
        action: "/admin/users/new".to_owned(),
        is_new: true,
        username: TEXT.to_owned(),
        email: TEXT.to_owned(),
        role: TEXT.to_owned(),
        tenant: TEXT.to_owned(),
        way: "invite".to_owned(),
        invites_by: "mail",
        may_assign: true,
        roles: vec![TEXT.to_owned()],
    };
    let other = UserForm {
        way: "code".to_owned(),
        invites_by: "link",
        ..full.clone()
    };
    let limited = UserForm {
        invites_by: "",
        ..other.clone()
    };
    let edit = UserForm {
        is_new: false,
        action: "/admin/users/x/edit".to_owned(),
        ..UserForm::default()
    };
    [full, other, limited, edit].iter().map(value).collect()
}
