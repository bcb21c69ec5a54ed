//! The members of an export that are read (Keycloak's `RealmRepresentation`).

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Realm {
    #[serde(rename = "realm")]
    pub(super) name: Option<String>,
    /// `false` refuses every log-in.
    pub(super) enabled: Option<bool>,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) verify_email: bool,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) login_with_email_allowed: bool,
    pub(super) password_policy: Option<String>,
    pub(super) browser_flow: Option<String>,
    pub(super) direct_grant_flow: Option<String>,
    pub(super) roles: Option<Roles>,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) groups: Vec<Group>,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) users: Vec<User>,
    // versions before 1.2 call a client an application
    #[serde(alias = "applications", deserialize_with = "null_as_default")]
    pub(super) clients: Vec<Client>,
    pub(super) default_role: Option<Named>,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) default_roles: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) default_groups: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) scope_mappings: Count,
    #[serde(
        alias = "applicationScopeMappings",
        deserialize_with = "null_as_default"
    )]
    pub(super) client_scope_mappings: Count,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) identity_providers: Count,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) identity_provider_mappers: Count,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) federated_users: Count,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) user_federation_providers: Count,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) organizations: Count,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) required_actions: Count,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) components: Members<Count>,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) client_scopes: Vec<ClientScope>,
}

/// A realm in a list. Unlike [`Realm`] alone, it cannot be a list of values itself.
#[derive(Debug)]
pub(super) struct Listed(pub(super) Realm);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Listed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Listed, A::Error> {
                Realm::deserialize(MapAccessDeserializer::new(map)).map(Listed)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Roles {
    #[serde(deserialize_with = "null_as_default")]
    pub(super) realm: Vec<Role>,
    #[serde(alias = "application", deserialize_with = "null_as_default")]
    pub(super) client: Members<Vec<Role>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) composites: Option<Composites>,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) attributes: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Composites {
    #[serde(deserialize_with = "null_as_default")]
    pub(super) realm: Vec<String>,
    #[serde(alias = "application", deserialize_with = "null_as_default")]
    pub(super) client: Members<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) path: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) realm_roles: Vec<String>,
    #[serde(alias = "applicationRoles", deserialize_with = "null_as_default")]
    pub(super) client_roles: Members<Vec<String>>,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) sub_groups: Vec<Group>,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) attributes: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct User {
    pub(super) id: Option<String>,
    pub(super) username: String,
    pub(super) email: Option<String>,
    pub(super) enabled: Option<bool>,
    pub(super) email_verified: Option<bool>,
    pub(super) service_account_client_id: Option<String>,
    pub(super) federation_link: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) credentials: Vec<Credential>,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) realm_roles: Vec<String>,
    #[serde(alias = "applicationRoles", deserialize_with = "null_as_default")]
    pub(super) client_roles: Members<Vec<String>>,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) groups: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) required_actions: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) federated_identities: Count,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) attributes: Count,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
}

/// A password or another credential. Its texts are secret.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Credential {
    pub(super) r#type: Option<String>,
    /// The user must replace it at the next log-in.
    #[serde(deserialize_with = "null_as_default")]
    pub(super) temporary: bool,
    /// A password in plain text.
    pub(super) value: Option<String>,
    #[serde(rename = "secretData")]
    pub(super) secret: Option<String>,
    #[serde(rename = "credentialData")]
    pub(super) data: Option<String>,
    // the members of versions before 8
    pub(super) hashed_salted_value: Option<String>,
    pub(super) salt: Option<String>,
    pub(super) hash_iterations: Option<u32>,
    pub(super) algorithm: Option<String>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").finish_non_exhaustive()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Client {
    #[serde(rename = "clientId")]
    pub(super) id: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) authorization_settings: Count,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) protocol_mappers: Vec<Mapper>,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) default_roles: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ClientScope {
    #[serde(deserialize_with = "null_as_default")]
    pub(super) protocol_mappers: Vec<Mapper>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Mapper {
    pub(super) protocol_mapper: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub(super) name: String,
}

/// Reads `null` like a missing member.
fn null_as_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The members of an object in their order, repeated ones included.
#[derive(Debug)]
pub(super) struct Members<T>(pub(super) Vec<(String, T)>);

impl<T> Default for Members<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Members<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = Members<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<T>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader(std::marker::PhantomData))
    }
}

/// The length of a list or an object whose content is not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count(pub(super) usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counter;
        impl<'de> Visitor<'de> for Counter {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list or an object")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Count, A::Error> {
                let mut count = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Count, A::Error> {
                let mut count = 0;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }
        }
        deserializer.deserialize_any(Counter)
    }
}
