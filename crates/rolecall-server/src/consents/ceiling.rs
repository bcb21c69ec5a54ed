//! The most that tokens could carry when a user was asked.

use std::collections::BTreeSet;

use rolecall_core::Permission;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    clients::store::Client,
    resources::store as resources,
    store::{Columns, Conn, FromRow, StoreError},
    tokens::requested::RequestedScope,
};

/// The most that tokens of a client for one audience can carry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Ceiling {
    /// The scope of the client; `None` for no limit.
    scope: Option<String>,
    /// The objects of the resource; `None` if the audience is none.
    objects: Option<BTreeSet<String>>,
}

impl Ceiling {
    /// Reads the most that tokens can carry now.
    pub(crate) async fn read(
        conn: &mut Conn,
        client: &Client,
        audience: &str,
    ) -> Result<Self, StoreError> {
        let resource = resources::find_by_uri(conn, audience).await?;
        Ok(Self {
            scope: client.scope.clone(),
            objects: resource.map(|resource| resource.objects.0),
        })
    }

    /// Returns true if tokens under this ceiling carry no more than they do under the `other` one.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        let is_scope_within = match (&self.scope, &other.scope) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(other)) => {
                let parse = |text: &str| RequestedScope::parse_any(text);
                parse(own)
                    .zip(parse(other))
                    .is_some_and(|(own, other)| own.is_within(&other))
            }
        };
        let are_objects_within = match (&self.objects, &other.objects) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(other)) => own.is_subset(other),
        };
        is_scope_within && are_objects_within
    }

    /// Returns the roles and permissions that tokens can carry at most; `None` if the client has no limit.
    pub(crate) fn values(&self) -> Option<Vec<String>> {
        let is_carried = |value: &&str| match (&self.objects, value.parse::<Permission>()) {
            (Some(objects), Ok(permission)) if !value.starts_with("role:") => {
                objects.contains(permission.object())
            }
            _ => true,
        };
        let values = self.scope.as_deref()?.split(' ').filter(is_carried);
        Some(values.map(str::to_owned).collect())
    }

    /// Returns the text that is stored.
    pub(super) fn to_text(&self) -> String {
        json!(self).to_string()
    }
}

impl FromRow for Ceiling {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        serde_json::from_str(columns.text()?).map_err(StoreError::inconsistent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ceiling(scope: Option<&str>, objects: Option<&[&str]>) -> Ceiling {
        let objects = objects.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        Ceiling {
            scope: scope.map(str::to_owned),
            objects,
        }
    }

    #[test]
    fn a_ceiling_names_what_tokens_can_carry_by_table() {
        let scope = Some("items:read orders:read role:editor");
        for (ceiling, values) in [
            (ceiling(None, None), None),
            (ceiling(None, Some(&["items"])), None),
            (ceiling(scope, None), scope),
            (
                ceiling(scope, Some(&["items"])),
                Some("items:read role:editor"),
            ),
        ] {
            let named = ceiling.values().map(|values| values.join(" "));
            assert_eq!(named.as_deref(), values, "{ceiling:?}");
        }
    }

    #[test]
    fn y373_a_ceiling_is_within_another_by_table() {
        let (read, both) = (Some("items:read"), Some("items:read items:write"));
        for (own, other, within) in [
            (ceiling(None, None), ceiling(None, None), true),
            (ceiling(read, None), ceiling(None, None), true),
            (ceiling(None, None), ceiling(read, None), false),
            (ceiling(read, None), ceiling(both, None), true),
            (ceiling(both, None), ceiling(read, None), false),
            (
                ceiling(read, None),
                ceiling(Some("role:editor"), None),
                false,
            ),
            (ceiling(None, Some(&["a"])), ceiling(None, None), true),
            (ceiling(None, None), ceiling(None, Some(&["a"])), false),
            (
                ceiling(None, Some(&["a"])),
                ceiling(None, Some(&["a", "b"])),
                true,
            ),
            (
                ceiling(None, Some(&["a", "b"])),
                ceiling(None, Some(&["a"])),
                false,
            ),
            (
                ceiling(both, Some(&["a"])),
                ceiling(read, Some(&["a"])),
                false,
            ),
        ] {
            assert_eq!(own.is_within(&other), within, "{own:?} {other:?}");
        }
    }
}
