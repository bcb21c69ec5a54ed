//! Receipts of refusals: sealed notes, so that refusals need not be stored.

use std::sync::Weak;

use rolecall::{Receipts, token::VerifiedClaims};
use rolecall_core::{
    Acr, Permission, PermissionPattern, RESERVED_PREFIX, Revision, RoleName, TenantName, Timestamp,
    counts_in_tenant,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::{App, Parts};

const PURPOSE: &str = "receipt";
/// The size limit of a note, in bytes. A refusal by a longer rule gets no receipt: a rule of so many names explains itself.
const MAX_BYTES: usize = 2048;

/// A permission, role or wildcard that a rule requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Permission(Permission),
    Role(RoleName),
    /// Required by the delegation limit alone; a request cannot name it.
    Wildcard(PermissionPattern),
}

impl std::str::FromStr for Need {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("role:") {
            Some(role) => role
                .parse()
                .map(Self::Role)
                .map_err(|error| error.to_string()),
            None => text
                .parse()
                .map(Self::Permission)
                .map_err(|error: rolecall_core::ParsePermissionError| error.to_string()),
        }
    }
}

impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Permission(permission) => write!(f, "{permission}"),
            Self::Role(role) => write!(f, "role:{role}"),
            Self::Wildcard(pattern) => write!(f, "{pattern}"),
        }
    }
}

impl Need {
    /// Returns the need as the policy decides it; `None` for a wildcard, which the policy does not decide.
    pub(crate) fn decidable(&self) -> Option<rolecall_core::Need<'_>> {
        match self {
            Self::Permission(permission) => Some(rolecall_core::Need::Permission(permission)),
            Self::Role(role) => Some(rolecall_core::Need::Role(role)),
            Self::Wildcard(_) => None,
        }
    }

    /// Returns true if an assignment in a tenant can give it.
    pub(crate) fn counts_in_tenant(&self) -> bool {
        match self {
            Self::Permission(permission) => counts_in_tenant(permission),
            Self::Role(role) => !role.is_reserved(),
            Self::Wildcard(pattern) => !pattern.as_str().starts_with(RESERVED_PREFIX),
        }
    }

    /// Reads a need as a receipt names it.
    fn from_note(text: &str) -> Option<Self> {
        let wildcard = || text.parse().ok().map(Self::Wildcard);
        text.parse().ok().or_else(wildcard)
    }
}

/// The needs of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    One(Need),
    Any(Vec<Needs>),
    All(Vec<Needs>),
}

impl Needs {
    /// Reads the rule that [`Receipts`] gets; `None` for any other form.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        if let Some(text) = value.as_str() {
            return Need::from_note(text).map(Self::One);
        }
        let (name, list) = value.as_object()?.iter().next()?;
        let list = list
            .as_array()?
            .iter()
            .map(Self::read)
            .collect::<Option<_>>()?;
        match name.as_str() {
            "any" => Some(Self::Any(list)),
            "all" => Some(Self::All(list)),
            _ => None,
        }
    }

    /// Returns every need of the rule, each once.
    pub(crate) fn each(&self) -> Vec<&Need> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect<'n>(&'n self, found: &mut Vec<&'n Need>) {
        match self {
            Self::One(need) if found.contains(&need) => {}
            Self::One(need) => found.push(need),
            Self::Any(list) | Self::All(list) => list.iter().for_each(|one| one.collect(found)),
        }
    }

    /// Returns true if the rule is met by a subject that `holds` some of the needs.
    pub(crate) fn is_met(&self, holds: &impl Fn(&Need) -> bool) -> bool {
        match self {
            Self::One(need) => holds(need),
            Self::Any(list) => list.iter().any(|one| one.is_met(holds)),
            Self::All(list) => !list.is_empty() && list.iter().all(|one| one.is_met(holds)),
        }
    }
}

/// The content of a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// The id of the refused user or client.
    pub(crate) subject: String,
    /// The rule that refused.
    pub(crate) needs: Value,
    /// The time of the refusal.
    pub(crate) at: Timestamp,
    /// The revision that the token was issued at.
    pub(crate) rev: Revision,
    /// The tenant of the token; `None` if the rule applied outside of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<TenantName>,
    /// True if the token carried less than its subject held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) narrowed: bool,
    /// The assurance of the session; `None` for a client, and in the receipts of an older server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acr: Option<Acr>,
    /// True if the sign-in was only too old for the rule.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) too_old: bool,
}

impl Note {
    /// Returns the cause of the refusal of a subject that holds what the rule needs: it lies in the token, or in the
    /// sign-in.
    pub(crate) fn cause_beside_roles(&self) -> &'static str {
        if self.too_old {
            "sign_in_too_old"
        } else if self.narrowed {
            "narrowed"
        } else {
            "token_is_older"
        }
    }
}

/// Seals a note with the current master key; `None` if it is too long.
pub(crate) fn seal(app: &App, note: &Note) -> Option<String> {
    let text = serde_json::to_vec(note)
        .ok()
        .filter(|text| text.len() <= MAX_BYTES)?;
    let masters = &app.parts().masters;
    let master = masters.find(masters.current_fingerprint())?;
    master.seal(PURPOSE, b"", &text).ok()
}

/// Opens a receipt; `None` if this server did not seal it, or its master key was replaced.
pub(crate) fn open(app: &App, receipt: &str) -> Option<Note> {
    let masters = &app.parts().masters;
    let mut keys = masters.starting_with(masters.current_fingerprint());
    let text = keys.find_map(|master| master.open(PURPOSE, b"", receipt).ok())?;
    serde_json::from_slice(&text).ok()
}

/// Writes receipts for the guards of this process.
pub(crate) struct ReceiptWriter(Weak<Parts>);

impl ReceiptWriter {
    pub(crate) fn new(app: &App) -> Self {
        Self(app.downgrade())
    }
}

impl Receipts for ReceiptWriter {
    fn receipt(&self, claims: &VerifiedClaims, needs: &Value) -> Option<String> {
        let app = App::from_parts(self.0.upgrade()?);
        let fresh = needs.get("fresh");
        let needs = fresh.unwrap_or(needs);
        // a rule that requires a global assignment is explained without the token's tenant
        let globally = needs.get("global");
        let tenant = claims.tenant.as_deref().filter(|_| globally.is_none());
        let note = Note {
            subject: claims.sub.clone(),
            needs: globally.unwrap_or(needs).clone(),
            at: app.now(),
            rev: claims.rev,
            tenant: tenant.and_then(|tenant| tenant.parse().ok()),
            narrowed: claims.narrowed,
            acr: claims.acr,
            too_old: fresh.is_some(),
        };
        seal(&app, &note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rules_are_read_as_they_were_written_and_other_forms_are_refused() {
        let needs = Needs::read(&json!({ "any": ["role:a", { "all": ["b:c", "role:d", "b:c"] }] }));
        let needs = needs.unwrap();
        let names: Vec<String> = needs.each().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["role:a", "b:c", "role:d"]);
        let met = |held: &[&str]| needs.is_met(&|need| held.contains(&need.to_string().as_str()));
        assert!(met(&["role:a"]) && met(&["b:c", "role:d"]));
        assert!(!met(&["b:c"]) && !met(&[]));
        for wrong in [
            json!(null),
            json!("x"),
            json!({ "none": [] }),
            json!({ "any": [1] }),
            json!([]),
        ] {
            assert_eq!(Needs::read(&wrong), None, "{wrong}");
        }
        let nothing = Needs::read(&json!({ "all": [] })).unwrap();
        assert!(!nothing.is_met(&|_| true), "an empty rule is never met");
    }

    #[test]
    fn in_a_tenant_only_the_permissions_for_assignments_of_rolecalls_own_count() {
        let counts = |text: &str| Need::from_note(text).unwrap().counts_in_tenant();
        for counting in [
            "role:editor",
            "items:read",
            "items:*",
            "rolecall.assignments:write",
        ] {
            assert!(counts(counting), "{counting}");
        }
        for own in [
            "role:rolecall.admin",
            "rolecall.users:read",
            "rolecall.users:*",
        ] {
            assert!(!counts(own), "{own}");
        }
    }
}
