//! Why a rule refuses a change that an administrator makes: a sentence for programs, and the key of the text that the pages
//! show in the reader's language.

use std::fmt;

use rolecall_core::{Breach, RoleName};

use crate::refusals::SEPARATION_OF_DUTIES;

/// The `rule` of a refusal because a role needs a second person.
const APPROVAL: &str = "approval";
/// The `rule` of a refusal because a reset has to be confirmed by another person.
const SECOND_PERSON: &str = "second_person";
/// The `rule` of a refusal because an address belongs to another account.
const EMAIL_TAKEN: &str = "email_taken";
/// These are faults of fields and parts of refusals, which have a code of their own and no `rule`.
const NONE: &str = "";

macro_rules! reasons {
    ($($variant:ident $({ $($name:ident),+ })?, $rule:expr, $key:literal, $english:literal;)+) => {
        /// Why a rule refuses a change, with the names that the text has.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) enum Reason {
            $($variant $({ $($name: String),+ })?,)+
        }

        impl Reason {
            /// Returns the `rule` member of the problem, and the key of the text.
            const fn codes(&self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$variant { .. } => ($rule, $key),)+
                }
            }

            /// Returns the names in the text, by the variables that it has for them.
            pub(crate) fn names(&self) -> Vec<(&'static str, &str)> {
                match self {
                    $(Self::$variant $({ $($name),+ })? => {
                        vec![$($((stringify!($name), $name.as_str())),+)?]
                    })+
                }
            }

            /// Returns each reason once, with names that are those of its variables.
            #[cfg(test)]
            pub(crate) fn samples() -> Vec<Self> {
                vec![$(Self::$variant $({ $($name: format!("a-{}", stringify!($name))),+ })?),+]
            }
        }

        impl fmt::Display for Reason {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant $({ $($name),+ })? => write!(f, $english),)+
                }
            }
        }
    };
}

reasons! {
    RoleFixed { role }, "builtin_role", "admin-rule-role-fixed",
        "role `{role}` is rolecall's own and cannot be changed";
    RoleStays { role }, "builtin_role", "admin-rule-role-stays",
        "role `{role}` is rolecall's own and stays";
    PermissionStays { permission }, "builtin_permission", "admin-rule-permission-stays",
        "permission `{permission}` is rolecall's own and stays";
    ClientsOnly { role }, "clients_only", "admin-rule-clients-only",
        "role `{role}` is for clients only";
    LastAdministrator { role }, "last_administrator", "admin-rule-last-administrator",
        "the last active holder of `{role}` stays";
    HierarchyCycle { path }, "role_hierarchy_cycle", "admin-rule-hierarchy-cycle",
        "roles may not inherit each other: {path}";
    RegistrationGives { role, permission }, "registration_roles", "admin-rule-registration-gives",
        "role `{role}` cannot hold `{permission}`: `registration.roles` gives it to everyone who registers, so it may hold no permission of rolecall's own; use another role";
    TooManyConstraints { most }, SEPARATION_OF_DUTIES, "admin-rule-too-many-constraints",
        "there are {most} constraints already: delete one first";
    ConstraintTooFewRoles { constraint }, SEPARATION_OF_DUTIES, "admin-rule-constraint-too-few-roles",
        "constraint `{constraint}`: a constraint needs at least two roles";
    ConstraintTooHigh { constraint, roles }, SEPARATION_OF_DUTIES, "admin-rule-constraint-too-high",
        "constraint `{constraint}`: at_most must be at least 1 and less than the number of roles, which is {roles}";
    RegistrationSeparation { constraint, most, roles }, SEPARATION_OF_DUTIES, "admin-rule-registration-separation",
        "constraint `{constraint}` allows at most {most} of {roles}, and `registration.roles` assigns them to every new user";
    ActiveTogether { constraint, most, roles }, SEPARATION_OF_DUTIES, "admin-rule-active-together",
        "constraint `{constraint}` allows at most {most} of {roles}";

    ApprovalBypassed { role, senior }, APPROVAL, "admin-rule-approval-bypassed",
        "role `{role}` needs a second person: a subject with role `{senior}` would have it without one";
    RequestedByOther { role }, APPROVAL, "admin-rule-requested-by-other",
        "role `{role}` needs a second person: another person has requested it already; confirm or end that request";
    RequestTooLate { role }, APPROVAL, "admin-rule-request-too-late",
        "role `{role}` needs a second person: the requested time has passed; make a new request";
    RequestIsOwn { role }, APPROVAL, "admin-rule-request-is-own",
        "role `{role}` needs a second person: another person must confirm";
    ConfirmedByClient { role }, APPROVAL, "admin-rule-confirmed-by-client",
        "role `{role}` needs a second person: a client cannot confirm";
    RequestedByClient { role }, APPROVAL, "admin-rule-requested-by-client",
        "role `{role}` needs a second person: a client cannot request it for a user; a person must request it";
    RequestOfUnknownClient { role }, APPROVAL, "admin-rule-request-of-unknown-client",
        "role `{role}` needs a second person: it is not known who controls the client that requested it; rotate its secret and request it again";
    RequestOfOwnClient { role }, APPROVAL, "admin-rule-request-of-own-client",
        "role `{role}` needs a second person: another person must confirm: you control the client that requested it";
    RequesterLost { role }, APPROVAL, "admin-rule-requester-lost",
        "role `{role}` needs a second person: the requester may no longer assign it";

    NothingToConfirm, "nothing_to_confirm", "admin-rule-nothing-to-confirm",
        "no reset code of this user waits for a confirmation";
    AnotherReset, "another_reset", "admin-rule-another-reset",
        "another reset of this user has replaced this one: read `reset` of the user, and ask the owner of the account again";
    ResetIsOwn, SECOND_PERSON, "admin-rule-reset-is-own",
        "you made this reset code: another person has to confirm it";
    ResetOfUnknownClient, SECOND_PERSON, "admin-rule-reset-of-unknown-client",
        "it is not known who controls the client that made this reset code: reset the password again as a person";
    ResetOfOwnClient, SECOND_PERSON, "admin-rule-reset-of-own-client",
        "you control the client that made this reset code: another person has to confirm it";
    ChangeByOwner { user }, "change_by_owner", "admin-rule-change-by-owner",
        "an administrator knows the password or reset code of `{user}`: the owner of the account must change it first (`POST /password`)";
    EmailUsed, EMAIL_TAKEN, "admin-rule-email-used",
        "another user has this e-mail address: use another one";
    EmailVerified, EMAIL_TAKEN, "admin-rule-email-verified",
        "this is the verified e-mail address of another user: remove it there first";
    EmailIsName, EMAIL_TAKEN, "admin-rule-email-is-name",
        "this is the name of another user: an administrator has to rename that one first";
    EmailOfUser, EMAIL_TAKEN, "admin-rule-email-of-user",
        "a user has this verified e-mail address: assign the roles to that user";

    PublicClient { client }, "public_client", "admin-rule-public-client",
        "client `{client}` is public: it has no secret";
    IdUsed { id }, "id_used", "admin-rule-id-used",
        "id `{id}` belongs to a user or client, or did: use another one";
    KeyIsConfigured, "configured_secret", "admin-rule-key-is-configured",
        "the signing key is the configured `tokens.secret`: change it in the configuration";
    KeyTooSoon { until }, "too_soon", "admin-rule-key-too-soon",
        "the next key may sign from {until} on, because some services load the keys again only every 15 minutes: wait until then, or use `force`, and they refuse new tokens for that long";
    TooManyKeys, "too_many_keys", "admin-rule-too-many-keys",
        "too many keys are in use: wait until the tokens of old keys have expired, or retire some keys";

    NamedByRegistration, NONE, "admin-rule-by-registration",
        "`registration.roles` names it";
    ListedByConstraint { constraint }, NONE, "admin-rule-by-constraint",
        "constraint `{constraint}` lists it";
    HeldByRole { role }, NONE, "admin-rule-by-role",
        "role `{role}` holds it";
    AmongAudiences { client }, NONE, "admin-rule-by-audience",
        "client `{client}` has it among its audiences";
    ReferredTo, NONE, "admin-rule-by-application",
        "rows of the application's own tables refer to it; delete them first, or give their foreign key ON DELETE CASCADE or ON DELETE SET NULL";

    TooManyRoles { wanted, limit }, NONE, "admin-rule-too-many-roles",
        "the policy would have {wanted} roles; `policy.max_roles` allows {limit}";
    TooManyPermissions { wanted, limit }, NONE, "admin-rule-too-many-permissions",
        "the policy would have {wanted} permissions; `policy.max_permissions` allows {limit}";
    TooManyGrants { wanted, limit }, NONE, "admin-rule-too-many-grants",
        "the policy would have {wanted} permissions and wildcards held by roles; `policy.max_grants` allows {limit}";
    TooManyEdges { wanted, limit }, NONE, "admin-rule-too-many-edges",
        "the policy would have {wanted} roles inherited by roles; `policy.max_edges` allows {limit}";
    TooManyEffects { wanted, limit }, NONE, "admin-rule-too-many-effects",
        "the policy would have {wanted} permissions and inherited roles, counted for each role that gives them; `policy.max_effects` allows {limit}";

    NameReserved { name }, NONE, "admin-rule-name-reserved",
        "`{name}` is reserved: names that begin with `rolecall.` belong to rolecall; choose another name";
    DescriptionTooLong { most }, NONE, "admin-rule-description-too-long",
        "description is at most {most} characters, none of them a control or format character";
    WhyTooLong { most }, NONE, "admin-rule-reason-too-long",
        "reason is at most {most} characters, none of them a control or format character";
    EndHasPassed, NONE, "admin-rule-end-has-passed",
        "expires_at has already passed";
    EndBeforeBeginning, NONE, "admin-rule-end-before-beginning",
        "expires_at must come after valid_from";
    RoleTwice { role }, NONE, "admin-rule-role-twice",
        "role `{role}` is listed twice; list each role once";
    TooFewRoles, NONE, "admin-rule-too-few-roles",
        "a constraint needs at least two roles";
    AtMostTooHigh { roles }, NONE, "admin-rule-at-most-too-high",
        "at_most must be at least 1 and less than the number of roles, which is {roles}";
    ScopeOfStatic, NONE, "admin-rule-scope-of-static",
        "per is only for dynamic constraints: a static one counts all roles of a subject";
    NothingToVerify, NONE, "admin-rule-nothing-to-verify",
        "email_verified: the user has no e-mail address to verify; set `email` too";
    NotTheFirstCode, NONE, "admin-rule-not-the-first-code",
        "this is not the code that the server has printed at its last start";
    ResourceIsOwn, NONE, "admin-rule-resource-is-own",
        "uri: tokens for this server's own address and audience are not limited to a resource; use the address of one of your APIs";
    ResourceUri { most }, NONE, "admin-rule-resource-uri",
        "uri is an absolute URI such as https://items.example, without a fragment, of at most {most} characters";
    ShownName { most }, NONE, "admin-rule-shown-name",
        "name is 1 to {most} characters, none of them a control or format character, with no space around them";
    TooManyObjects { most }, NONE, "admin-rule-too-many-objects",
        "objects has 1 to {most} items";
    NoObject, NONE, "admin-rule-no-object",
        "objects: each is the object of permissions, such as `items` in `items:read`";
    ObjectReserved, NONE, "admin-rule-object-reserved",
        "objects: rolecall's own permissions are never for another audience";
    ObjectTwice { object }, NONE, "admin-rule-object-twice",
        "objects: `{object}` is listed twice";
    DefaultScope, NONE, "admin-rule-default-scope",
        "default_scope is a list of role:NAME and object:operation with single spaces between";
    ScopeOfOther { permission }, NONE, "admin-rule-scope-of-other",
        "default_scope: `{permission}` is of none of the objects";
    KindWithoutSignIn, NONE, "admin-rule-kind-without-sign-in",
        "kind is for clients that sign people in: add the grant `authorization_code`";
    NoRedirectUri, NONE, "admin-rule-no-redirect-uri",
        "redirect_uris: a client with `authorization_code` needs at least one, where answers are sent";
    KindKeepsNoSecret { kind }, NONE, "admin-rule-kind-keeps-no-secret",
        "kind: a client of kind `{kind}` cannot keep a secret: set `public` to true";
    PublicNeedsPkce, NONE, "admin-rule-public-needs-pkce",
        "pkce: a client without a secret needs a code challenge in each request";
    TooManyItems { member, most }, NONE, "admin-rule-too-many-items",
        "{member} has at most {most} items";
    InitiateLoginUri, NONE, "admin-rule-initiate-login-uri",
        "initiate_login_uri is an absolute https address without user info and fragment";
    ClientNameIsId, NONE, "admin-rule-client-name-is-id",
        "name must not have the form of an id, such as that of a client: choose another name";
    PublicActsForNobody, NONE, "admin-rule-public-acts-for-nobody",
        "grants: a public client has no secret and cannot act for itself";
    ClientScope, NONE, "admin-rule-client-scope",
        "scope is a list of role:NAME and object:operation with single spaces between";
    NoAudience { member, index }, NONE, "admin-rule-no-audience",
        "{member}: item {index} is twice there, or not an audience: printable ASCII without spaces, quotes and backslashes";
    WrongRedirectUri { member, index }, NONE, "admin-rule-wrong-redirect-uri",
        "{member}: item {index} is twice there, or not a redirect URI: https, or for kind `native` also http on a loopback address or a scheme of its own such as com.example.app; absolute, without user info, fragment, wildcard, `..` and the parameters code, state, iss and error";
    NoRoleToAdmit { role }, NONE, "admin-rule-no-role-to-admit",
        "who: no role `{role}`";
    LogoutWithoutSignIn, NONE, "admin-rule-logout-without-sign-in",
        "backchannel_logout_uri is for clients that sign people in: add the grant `authorization_code`";
    LogoutUriTooLong { most }, NONE, "admin-rule-logout-uri-too-long",
        "backchannel_logout_uri has at most {most} characters";
    LogoutNeedsHttps, NONE, "admin-rule-logout-needs-https",
        "backchannel_logout_uri must begin with https for a client without a secret";
}

impl Reason {
    /// Returns the `rule` member of the problem; empty for what has a code of its own.
    pub(crate) const fn rule(&self) -> &'static str {
        self.codes().0
    }

    /// Returns the key of the text on the pages.
    pub(crate) const fn key(&self) -> &'static str {
        self.codes().1
    }

    /// Returns the reason why roles cannot be active together.
    pub(crate) fn active_together(breach: &Breach) -> Self {
        Self::ActiveTogether {
            constraint: breach.constraint.to_string(),
            most: breach.at_most.to_string(),
            roles: joined(&breach.roles),
        }
    }

    /// Returns the reason why registration cannot give roles together.
    pub(crate) fn given_together(breach: &Breach) -> Self {
        Self::RegistrationSeparation {
            constraint: breach.constraint.to_string(),
            most: breach.at_most.to_string(),
            roles: joined(&breach.roles),
        }
    }
}

fn joined(roles: &[RoleName]) -> String {
    let names: Vec<&str> = roles.iter().map(RoleName::as_str).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_reason_has_a_key_and_a_sentence_with_its_names() {
        let samples = Reason::samples();
        let keys: BTreeSet<&str> = samples.iter().map(Reason::key).collect();
        assert_eq!(keys.len(), samples.len());
        for reason in &samples {
            let sentence = reason.to_string();
            assert!(!sentence.contains(['{', '}']), "{sentence}");
            for (_, name) in reason.names() {
                assert!(sentence.contains(name), "{sentence}");
            }
        }
    }
}
