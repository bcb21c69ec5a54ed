//! Every route by every role: who may call what.

use std::{collections::BTreeSet, fmt};

use http::Method;
use rolecall_core::{Policy, RoleName};

use crate::{GuardedRouter, RouteAccess, Rule, rule::Holder};

/// Every route by every role: who may call what.
///
/// It is derived from the types of the handlers, so it cannot be wrong about them. Its text is what
/// `access.lock` holds; `assert_access_matrix` of the feature `testing` compares the two, and asks the
/// router for every cell.
///
/// ```
/// use rolecall::{AccessMatrix, Authenticated, GuardedRouter, Require, routing::get};
/// # fn guard() -> rolecall::Guard { rolecall::testing::TestIssuer::new().guard() }
///
/// rolecall::roles! { mod role { Admin = "admin", User = "user" } }
/// async fn read_items(_: Require<role::Admin>) {}
/// async fn read_me(_: Authenticated) {}
///
/// let app: GuardedRouter = GuardedRouter::new(guard())
///     .route("/items/", get(read_items))
///     .route("/me", get(read_me));
/// let matrix = AccessMatrix::of(&app).roles(role::ALL).to_string();
/// assert!(matrix.ends_with("\
/// anonymous  any token  admin  user  | route
/// 401        403        ok     403   | GET /items/ for role:admin
/// 401        ok         ok     ok    | GET /me for any token
/// "));
/// ```
#[derive(Clone)]
pub struct AccessMatrix {
    pub(crate) routes: Vec<RouteAccess>,
    roles: Vec<String>,
    pub(crate) policy: Option<Policy>,
    #[cfg(feature = "testing")]
    pub(crate) probe: axum::Router,
}

/// Somebody who calls: a column of the matrix, or one made up for a single cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// The roles, inherited ones included.
    pub roles: Vec<String>,
    /// The permissions.
    pub permissions: Vec<String>,
    /// The tenant that the token is for.
    pub tenant: Option<String>,
}

impl Holder for Caller {
    fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    fn has_permission(&self, permission: &str) -> bool {
        self.permissions.iter().any(|held| held == permission)
    }

    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

impl Caller {
    /// The same with a token for `tenant`.
    #[must_use]
    pub(crate) fn of_tenant(&self, tenant: &str) -> Self {
        Self {
            tenant: Some(tenant.to_owned()),
            ..self.clone()
        }
    }

    /// Adds what the names of a scope stand for: `role:admin`, `items:read`.
    pub(crate) fn with(mut self, names: impl IntoIterator<Item = String>) -> Self {
        for name in names {
            match name.strip_prefix("role:") {
                Some(role) => self.roles.push(role.to_owned()),
                None => self.permissions.push(name),
            }
        }
        self
    }
}

/// Stands for whichever tenant a path names, and is what the test puts there.
pub(crate) const SOME_TENANT: &str = "rolecall-test";

/// A kind of caller.
pub(crate) struct Column {
    pub(crate) title: String,
    /// `None` for a request without a token.
    pub(crate) caller: Option<Caller>,
    /// Whether the caller's permissions are all there are; otherwise more may come with the role.
    pub(crate) complete: bool,
}

/// What a kind of caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    LetIn,
    /// Let in with a token for the tenant that the path names.
    LetInThere,
    NotAuthenticated,
    NotPermitted,
    Depends,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::LetIn => "ok",
            Self::LetInThere => "own",
            Self::NotAuthenticated => "401",
            Self::NotPermitted => "403",
            Self::Depends => "?",
        })
    }
}

impl Column {
    pub(crate) fn cell(&self, rule: &Rule) -> Cell {
        let Some(caller) = &self.caller else {
            return if rule.admits_anonymous() {
                Cell::LetIn
            } else {
                Cell::NotAuthenticated
            };
        };
        // of the tenant that the path names, or the cell would say nothing about the role
        let of_tenant = caller.of_tenant(SOME_TENANT);
        let caller = if rule.asks_for_tenant() {
            &of_tenant
        } else {
            caller
        };
        let admits = |caller: &Caller| rule.admits_at(Some(SOME_TENANT), caller);
        if admits(caller) && rule.asks_for_tenant() {
            Cell::LetInThere
        } else if admits(caller) {
            Cell::LetIn
        } else if !self.complete && admits(&caller.clone().with(permissions_of(rule))) {
            Cell::Depends
        } else {
            Cell::NotPermitted
        }
    }
}

/// The permissions that a rule mentions.
pub(crate) fn permissions_of(rule: &Rule) -> impl Iterator<Item = String> {
    let names = rule.names().into_iter();
    names.filter(|name| !name.starts_with("role:"))
}

impl AccessMatrix {
    /// The matrix of a router, so far without roles.
    #[must_use]
    pub fn of<S: Clone + Send + Sync + 'static>(router: &GuardedRouter<S>) -> Self {
        let mut table = router.access_table();
        // the order of the source is not what a review should read
        let key = |route: &RouteAccess| {
            let method = route.method.as_ref().map(Method::to_string);
            (method.is_none(), route.path.clone(), method)
        };
        table.sort_by_key(key);
        Self {
            routes: table,
            roles: Vec::new(),
            policy: None,
            #[cfg(feature = "testing")]
            probe: router.probe(),
        }
    }

    /// Adds a column for each of these roles, such as `role::ALL`.
    #[must_use]
    pub fn roles(mut self, roles: &[&str]) -> Self {
        for role in roles {
            if !self.roles.iter().any(|known| known == role) {
                self.roles.push((*role).to_owned());
            }
        }
        self
    }

    /// Says what each role holds and inherits, and adds a column for each role that the policy has.
    #[must_use]
    pub fn policy(mut self, policy: &Policy) -> Self {
        let names: Vec<&str> = policy.roles().map(|(role, _)| role.as_str()).collect();
        self.policy = Some(policy.clone());
        self.roles(&names)
    }

    pub(crate) fn columns(&self) -> Vec<Column> {
        let fixed = |title: &str, caller| Column {
            title: title.to_owned(),
            caller,
            complete: true,
        };
        let mut columns = vec![
            fixed("anonymous", None),
            fixed("any token", Some(Caller::default())),
        ];
        columns.extend(self.roles.iter().map(|role| Column {
            title: role.clone(),
            caller: Some(self.holder_of(role)),
            complete: self.policy.is_some(),
        }));
        columns
    }

    fn holder_of(&self, role: &str) -> Caller {
        let named = Caller {
            roles: vec![role.to_owned()],
            ..Caller::default()
        };
        let known = self.policy.as_ref().zip(role.parse::<RoleName>().ok());
        let Some((policy, name)) = known.filter(|(policy, _)| policy.role(role).is_some()) else {
            return named;
        };
        let texts = |names: BTreeSet<_>| names.iter().map(ToString::to_string).collect();
        Caller {
            roles: texts(policy.closure([&name])),
            permissions: policy
                .permissions_of([&name])
                .iter()
                .map(ToString::to_string)
                .collect(),
            ..Caller::default()
        }
    }

    /// What the rule asks for, as a reader wants to hear it.
    fn audience(&self, rule: &Rule) -> String {
        match rule {
            Rule::Public => "everyone".to_owned(),
            Rule::Optional => "everyone, with or without a token".to_owned(),
            Rule::Authenticated => "any token".to_owned(),
            Rule::ForTenant(rule) => format!("{} in the path's tenant", self.audience(rule)),
            Rule::Permission(name) if self.policy.is_none() => format!("holders of {name}"),
            other => other.to_string(),
        }
    }
}

const HEAD: &str = "\
# Who may call what, derived from the types of the handlers.
# ok = let in, 401 = not authenticated, 403 = not permitted, ? = depends on the permissions of the role
";

/// Only where there is something for it to explain.
const OWN: &str =
    "# own = let in with a token for the tenant that the path names, 403 with any other\n";

const TAIL: &str = "\
# Written by the tests: `ROLECALL_BLESS=1 cargo test` writes it again, and a review reads the difference.

";

impl fmt::Display for AccessMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asks = |route: &RouteAccess| route.rule.asks_for_tenant();
        let own = if self.routes.iter().any(asks) {
            OWN
        } else {
            ""
        };
        write!(f, "{HEAD}{own}{TAIL}")?;
        let columns = self.columns();
        for column in &columns {
            write!(f, "{}  ", column.title)?;
        }
        writeln!(f, "| route")?;
        for route in &self.routes {
            // the widths follow from the titles alone: a new route never moves another one's line
            for column in &columns {
                let width = column.title.chars().count() + 2;
                write!(f, "{:width$}", column.cell(&route.rule))?;
            }
            let RouteAccess { path, handler, .. } = route;
            match &route.method {
                Some(method) => {
                    writeln!(f, "| {method} {path} for {}", self.audience(&route.rule))?;
                }
                None => writeln!(
                    f,
                    "| everything that `{handler}` has under {path}, unguarded"
                )?,
            }
        }
        Ok(())
    }
}
