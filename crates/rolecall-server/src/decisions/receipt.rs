//! Receipts of refusals: sealed notes, so that nothing about refusals needs to be stored.

use std::sync::Weak;

use rolecall::{Receipts, token::VerifiedClaims};
use rolecall_core::{
    Permission, PermissionPattern, RESERVED_PREFIX, Revision, RoleName, TenantName, Timestamp,
    counts_in_tenant,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::{App, Parts};

const PURPOSE: &str = "receipt";
/// Longer notes are not written: a rule of so many names explains itself.
const MAX_BYTES: usize = 2048;

/// One thing that was needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Permission(Permission),
    Role(RoleName),
    /// What only the delegation limit asks for. Nobody can ask for it in a request.
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
    /// The same, as the policy is asked; `None` for a wildcard, which it is not asked for.
    pub(crate) fn asked(&self) -> Option<rolecall_core::Need<'_>> {
        match self {
            Self::Permission(permission) => Some(rolecall_core::Need::Permission(permission)),
            Self::Role(role) => Some(rolecall_core::Need::Role(role)),
            Self::Wildcard(_) => None,
        }
    }

    /// Whether an assignment in a tenant can give it.
    pub(crate) fn counts_in_tenant(&self) -> bool {
        match self {
            Self::Permission(permission) => counts_in_tenant(permission),
            Self::Role(role) => !role.is_reserved(),
            Self::Wildcard(pattern) => !pattern.as_str().starts_with(RESERVED_PREFIX),
        }
    }

    /// What a receipt names.
    fn noted(text: &str) -> Option<Self> {
        let wildcard = || text.parse().ok().map(Self::Wildcard);
        text.parse().ok().or_else(wildcard)
    }
}

/// What a rule asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    One(Need),
    Any(Vec<Needs>),
    All(Vec<Needs>),
}

impl Needs {
    /// Reads what [`Receipts`] are told; `None` for any other form.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        if let Some(text) = value.as_str() {
            return Need::noted(text).map(Self::One);
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

    /// Every single thing that is named, each once.
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

    /// Whether it is met, where `holds` says what is held.
    pub(crate) fn met(&self, holds: &impl Fn(&Need) -> bool) -> bool {
        match self {
            Self::One(need) => holds(need),
            Self::Any(list) => list.iter().any(|one| one.met(holds)),
            Self::All(list) => !list.is_empty() && list.iter().all(|one| one.met(holds)),
        }
    }
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// Who was refused.
    pub(crate) subject: String,
    /// What was asked for.
    pub(crate) needs: Value,
    /// When.
    pub(crate) at: Timestamp,
    /// The revision that the token was made from.
    pub(crate) rev: Revision,
    /// The tenant that the token was for; none where it was needed outside of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<TenantName>,
    /// Whether the token carried less than its subject held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) narrowed: bool,
}

/// Seals a note with the present master key.
pub(crate) fn seal(app: &App, note: &Note) -> Option<String> {
    let text = serde_json::to_vec(note)
        .ok()
        .filter(|text| text.len() <= MAX_BYTES)?;
    let masters = &app.parts().masters;
    let master = masters.find(masters.present_fingerprint())?;
    master.seal(PURPOSE, b"", &text).ok()
}

/// Opens a receipt; `None` for what was not sealed by this server, or by a master key that is gone.
pub(crate) fn open(app: &App, receipt: &str) -> Option<Note> {
    let masters = &app.parts().masters;
    let mut keys = masters.led_by(masters.present_fingerprint());
    let text = keys.find_map(|master| master.open(PURPOSE, b"", receipt).ok())?;
    serde_json::from_slice(&text).ok()
}

/// Writes receipts for the guards of this process.
pub(crate) struct Writer(Weak<Parts>);

impl Writer {
    pub(crate) fn new(app: &App) -> Self {
        Self(app.downgrade())
    }
}

impl Receipts for Writer {
    fn receipt(&self, claims: &VerifiedClaims, needs: &Value) -> Option<String> {
        let app = App::from_parts(self.0.upgrade()?);
        // what was needed globally is explained without the token's tenant
        let globally = needs.get("global");
        let tenant = claims.tenant.as_deref().filter(|_| globally.is_none());
        let note = Note {
            subject: claims.sub.clone(),
            needs: globally.unwrap_or(needs).clone(),
            at: app.now(),
            rev: claims.rev,
            tenant: tenant.and_then(|tenant| tenant.parse().ok()),
            narrowed: claims.narrowed,
        };
        seal(&app, &note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn needs_are_read_as_they_were_written_and_nothing_else_is() {
        let needs = Needs::read(&json!({ "any": ["role:a", { "all": ["b:c", "role:d", "b:c"] }] }));
        let needs = needs.unwrap();
        let names: Vec<String> = needs.each().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["role:a", "b:c", "role:d"]);
        let met = |held: &[&str]| needs.met(&|need| held.contains(&need.to_string().as_str()));
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
        assert!(!nothing.met(&|_| true), "nothing asked for lets nobody in");
    }

    #[test]
    fn in_a_tenant_nothing_of_rolecalls_own_counts_but_to_give_and_take_roles() {
        let counts = |text: &str| Need::noted(text).unwrap().counts_in_tenant();
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
