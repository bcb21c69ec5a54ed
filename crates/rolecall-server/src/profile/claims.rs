//! Profile fields as claims of access tokens: which names they may have, and how long they can become.

use super::{
    field::{FieldAccess, FieldKind, ProfileField},
    value::MAX_INTEGER,
};

/// Claims with a meaning of their own, which no field may take: those of tokens (RFC 7519, 7800, 8693, 9068, 9396, 9449),
/// of ID tokens and introspection (`OpenID` Connect Core, RFC 7662), of SCIM as RFC 9068 uses them, and rolecall's own.
const RESERVED: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "azp",
    "auth_time",
    "acr",
    "amr",
    "scope",
    "groups",
    "roles",
    "entitlements",
    "permissions",
    "cnf",
    "act",
    "may_act",
    "authorization_details",
    "typ",
    "token_type",
    "active",
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
    "sub_jwk",
    "sub_id",
    "events",
    "txn",
    "toe",
    "subject_kind",
    "sid",
    "username",
    "tenant",
    "global",
    "narrowed",
    "step_up",
    "rev",
    "era",
    "email",
    "email_verified",
    "preferred_username",
    "phone_number_verified",
    "address",
    "updated_at",
];

/// Claims that `OpenID` Connect Core section 5.1 defines, with the type that clients expect.
const STANDARD: &[(&str, &[&str])] = &[
    ("name", &["string"]),
    ("given_name", &["string"]),
    ("family_name", &["string"]),
    ("middle_name", &["string"]),
    ("nickname", &["string"]),
    ("profile", &["url"]),
    ("picture", &["url"]),
    ("website", &["url"]),
    ("gender", &["string", "enum"]),
    ("birthdate", &["date"]),
    ("zoneinfo", &["string", "enum"]),
    ("locale", &["string", "enum"]),
    ("phone_number", &["string"]),
];

/// The longest name of a claim. A URL fits, as RFC 7519 section 4.2 proposes for private claims.
const MAX_NAME: usize = 100;

/// The bytes of the claims `email` and `email_verified` at most.
pub(super) const EMAIL_BYTES: usize = 2 * 254 + 40;

/// Returns true for a name that belongs to tokens or to the account itself.
fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Returns the types that a field with a name of `OpenID` Connect can have; `None` for other names.
pub(super) fn standard_types(name: &str) -> Option<&'static [&'static str]> {
    let found = STANDARD.iter().find(|(standard, _)| *standard == name);
    found.map(|(_, types)| *types)
}

/// Returns the fault of the claim of a field, if there is one.
pub(super) fn fault(field: &ProfileField) -> Option<String> {
    let claim = field.claim.as_deref()?;
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    if claim.is_empty() || claim.len() > MAX_NAME || !claim.bytes().all(is_plain) {
        return Some(format!(
            "`claim` must be `true` or a name of 1 to {MAX_NAME} printable ASCII characters without spaces, `\"` and `\\`"
        ));
    }
    if is_reserved(claim) {
        return Some(format!(
            "the claim `{claim}` has a meaning of its own in tokens; choose another name, such as `https://example.com/{claim}`"
        ));
    }
    if standard_types(claim).is_some() && claim != field.name {
        return Some(format!(
            "the claim `{claim}` is one of OpenID Connect; call the field `{claim}` too, or choose another claim"
        ));
    }
    if field.read != FieldAccess::Owner {
        return Some(
            "a user can read every claim of their own token; set `read = \"self\"`, or leave `claim` out"
                .to_owned(),
        );
    }
    None
}

/// Returns the most bytes that the claim of a field adds to the payload of a token; 0 if it is none.
pub(super) fn most_bytes(field: &ProfileField) -> usize {
    let Some(claim) = &field.claim else {
        return 0;
    };
    let value = match &field.kind {
        // a character that needs an escape takes two bytes, and none takes more than four
        FieldKind::String { max_length } => 4 * max_length + 2,
        FieldKind::Url { max_length } => max_length + 2,
        FieldKind::Number => 24,
        FieldKind::Integer => MAX_INTEGER.to_string().len() + 1,
        FieldKind::Boolean => 5,
        FieldKind::Date => 12,
        FieldKind::Enum { values } => {
            let longest = values.iter().map(|value| quoted_bytes(value)).max();
            longest.unwrap_or_default()
        }
    };
    // `"name":value,`
    claim.len() + 4 + value
}

fn quoted_bytes(text: &str) -> usize {
    let escaped = text.matches(['"', '\\']).count();
    text.len() + escaped + 2
}
