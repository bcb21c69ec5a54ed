//! A row in the table of the pages.

use rolecall::Principal;

use crate::login::acting;

/// What a page needs before its handler runs. Services ask again, and for more where an action needs more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing: nobody can be signed in yet.
    Nothing,
    /// Any permission of rolecall itself.
    AnyOwn,
    /// This permission, held globally.
    Global(&'static str),
    /// This permission, held globally, by somebody who has proven who they are a moment ago: for what opens an account, or
    /// cannot be undone.
    Freshly(&'static str),
    /// This permission, held globally or in the tenant that the caller has chosen.
    Anywhere(&'static str),
    /// The first permission, held globally, or the second, held anywhere.
    Either(&'static str, &'static str),
}

impl Needs {
    /// Returns true if the caller has what the page needs.
    pub(super) fn are_met_by(self, principal: &Principal) -> bool {
        match self {
            Self::Nothing => true,
            Self::AnyOwn => acting::is_administrator(principal),
            Self::Global(permission) | Self::Freshly(permission) => {
                principal.has_global_permission(permission)
            }
            Self::Anywhere(permission) => principal.has_permission(permission),
            Self::Either(global, anywhere) => {
                principal.has_global_permission(global) || principal.has_permission(anywhere)
            }
        }
    }

    /// Returns the permission, if one in particular is needed.
    pub(super) fn permission(self) -> Option<&'static str> {
        match self {
            Self::Nothing | Self::AnyOwn => None,
            Self::Global(permission)
            | Self::Freshly(permission)
            | Self::Anywhere(permission)
            | Self::Either(permission, _) => Some(permission),
        }
    }
}

/// A page.
pub(crate) struct AdminPage {
    pub(crate) path: &'static str,
    pub(super) needs: Needs,
    /// The key of its entry in the navigation.
    pub(super) nav: Option<&'static str>,
    /// What it does, for the document of the API.
    pub(crate) summary: &'static str,
    /// All pages, in the order of the navigation.
    pub(super) all: &'static [AdminPage],
}
