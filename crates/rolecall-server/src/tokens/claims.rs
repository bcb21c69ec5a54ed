//! Claims about a user (`OpenID` Connect Core section 5.1), in ID tokens and from `/userinfo`.

use std::collections::BTreeSet;

use rolecall_core::{RoleName, Timestamp};
use serde_json::{Map, Value, json};

use super::identity::IdentityScope;

/// The claims that a user has, each with the scope that gives it.
const USER_CLAIMS: [(&str, IdentityScope); 7] = [
    ("preferred_username", IdentityScope::Profile),
    ("name", IdentityScope::Profile),
    ("updated_at", IdentityScope::Profile),
    ("email", IdentityScope::Email),
    ("email_verified", IdentityScope::Email),
    ("roles", IdentityScope::Roles),
    ("groups", IdentityScope::Groups),
];

/// Returns the names of the claims that a user has, which a request can name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    USER_CLAIMS.iter().map(|(name, _)| *name)
}

/// Returns the scope that gives a claim, if it is one of a user.
pub(crate) fn scope_of(claim: &str) -> Option<IdentityScope> {
    let found = USER_CLAIMS.iter().find(|(name, _)| *name == claim);
    found.map(|(_, scope)| *scope)
}

/// A user as relying parties see them.
pub(crate) struct UserFacts<'a> {
    pub(crate) username: &'a str,
    pub(crate) email: Option<&'a str>,
    pub(crate) email_verified: bool,
    pub(crate) updated_at: Timestamp,
    /// The roles that tokens for the audience may carry.
    pub(crate) roles: &'a BTreeSet<RoleName>,
}

/// Returns the claims that the granted scopes give, and those that the request named one by one. What a user does not have
/// is left out.
pub(crate) fn of_user(
    user: &UserFacts<'_>,
    scopes: &BTreeSet<IdentityScope>,
    named: &BTreeSet<String>,
) -> Map<String, Value> {
    let roles = || json!(user.roles.iter().map(RoleName::as_str).collect::<Vec<_>>());
    let all = [
        (
            IdentityScope::Profile,
            "preferred_username",
            json!(user.username),
        ),
        (IdentityScope::Profile, "name", json!(user.username)),
        (
            IdentityScope::Profile,
            "updated_at",
            json!(user.updated_at.seconds()),
        ),
        (IdentityScope::Email, "email", json!(user.email)),
        (
            IdentityScope::Email,
            "email_verified",
            user.email
                .map_or(Value::Null, |_| json!(user.email_verified)),
        ),
        (IdentityScope::Roles, "roles", roles()),
        (IdentityScope::Groups, "groups", roles()),
    ];
    let either = |scope: IdentityScope| {
        let is_roles = matches!(scope, IdentityScope::Roles | IdentityScope::Groups);
        scopes.contains(&scope)
            || is_roles
                && (scopes.contains(&IdentityScope::Roles)
                    || scopes.contains(&IdentityScope::Groups))
    };
    all.into_iter()
        .filter(|(scope, name, value)| {
            !value.is_null() && (either(*scope) || named.contains(*name))
        })
        .map(|(_, name, value)| (name.to_owned(), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(scopes: &[IdentityScope], named: &[&str], email: Option<&str>) -> Vec<String> {
        let roles = ["editor".parse().unwrap()].into();
        let user = UserFacts {
            username: "alice",
            email,
            email_verified: true,
            updated_at: Timestamp::from_seconds(1),
            roles: &roles,
        };
        let named = named.iter().map(|name| (*name).to_owned()).collect();
        let claims = of_user(&user, &scopes.iter().copied().collect(), &named);
        claims.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn y284_each_claim_that_can_be_named_comes_with_its_scope() {
        for claim in super::names() {
            let scope = scope_of(claim).unwrap();
            let given = names(&[scope], &[], Some("a@b.example"));
            assert!(given.contains(&claim.to_owned()), "{claim}");
            assert_eq!(names(&[], &[claim], Some("a@b.example")), [claim]);
        }
        assert_eq!(scope_of("sub"), None);
    }

    #[test]
    fn each_scope_gives_its_claims_and_what_a_user_lacks_is_left_out() {
        use IdentityScope::{Email, Groups, Openid, Profile, Roles};
        assert_eq!(names(&[Openid], &[], Some("a@b.example")), [""; 0]);
        assert_eq!(
            names(&[Profile], &[], None),
            ["name", "preferred_username", "updated_at"]
        );
        assert_eq!(names(&[Email], &[], None), [""; 0]);
        let with_email = names(&[Email], &[], Some("a@b.example"));
        assert_eq!(with_email, ["email", "email_verified"]);
        for scope in [Roles, Groups] {
            assert_eq!(names(&[scope], &[], None), ["groups", "roles"]);
        }
        assert_eq!(
            names(&[], &["email", "sub"], Some("a@b.example")),
            ["email"]
        );
    }
}
